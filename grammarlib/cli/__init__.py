"""The ``grammarlib`` command: the outermost layer, one module for each subcommand.

Every module here imports what it needs when it needs it, so that ``--help`` is quick and ``check``,
``validate``, ``sample`` and ``mask`` never load torch or transformers.
"""

from __future__ import annotations

__all__: list[str] = []
