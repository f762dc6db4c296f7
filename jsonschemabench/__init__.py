"""A benchmark harness for constrained decoding engines: coverage, speed and compliance.

The harness itself is not written yet: this package reserves its place and its name.
"""

from __future__ import annotations

__all__: list[str] = []
