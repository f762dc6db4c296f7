"""``jsonschemabench engines``: which engines there are, and which are installed."""

from __future__ import annotations

from typing import Annotated

import typer

from jsonschemabench.cli.output import emit, emit_record
from jsonschemabench.engines.registry import ENGINES, require
from jsonschemabench.errors import EngineUnavailable
from jsonschemabench.machine import versions

_DISTRIBUTIONS = {"lmformatenforcer": "lm-format-enforcer", "llama_cpp": "llama_cpp_python", None: "grammarlib"}


def engines(json_lines: Annotated[bool, typer.Option("--json", help="One JSON record an engine.")] = False) -> None:
    """List the engines, and what is missing for those that cannot run here."""
    for entry in ENGINES.values():
        try:
            require(entry.name)
            distribution = _DISTRIBUTIONS.get(entry.module) or str(entry.module)
            state = "" if entry.name == "none" else versions([distribution]).get(distribution, "")
            missing = ""
        except EngineUnavailable as error:
            state, missing = "", str(error)
        if json_lines:
            emit_record({"engine": entry.name, "description": entry.description, "version": state, "missing": missing})
        else:
            told = f"not installed: pip install 'grammarlib[{entry.extra}]'" if missing else state
            emit(f"{entry.name:<20} {entry.description:<48} {told}".rstrip())
