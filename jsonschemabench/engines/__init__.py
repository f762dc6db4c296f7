"""Engines behind one protocol: ours, the peers, MaskBench's own, and none at all.

`protocol` says what an engine is, `registry` which names stand for which; every other module here is one engine.
A peer's package is imported by its module only, and only in the process that runs it.
"""

from __future__ import annotations

__all__: list[str] = []
