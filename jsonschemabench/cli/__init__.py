"""The ``jsonschemabench`` command: one module for each subcommand."""

from __future__ import annotations

__all__: list[str] = []
