"""Experiments whose results are recorded in the documentation; each module is run with ``python -m``."""

from __future__ import annotations

__all__: list[str] = []
