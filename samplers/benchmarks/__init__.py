"""Measurements of the samplers; not part of the API, and no tests."""

from __future__ import annotations

__all__: list[str] = []
