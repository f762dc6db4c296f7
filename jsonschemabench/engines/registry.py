"""Which names stand for which engines, and what has to be installed for each.

Purpose: the one table of engines.  It is read without importing any of them, so that a missing package is found
before a run begins, by name, with the extra that brings it.
Place: the parent process asks `require`, the engine's own process calls `make_engine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from jsonschemabench.engines.maskbench import engine_of_class
from jsonschemabench.engines.protocol import Engine
from jsonschemabench.errors import EngineUnavailable
from jsonschemabench.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """A known engine: its name, what it is, the module that has to be installed, and the extra that brings it."""

    name: str
    description: str
    module: str | None
    extra: str | None


ENGINES: Final = {
    entry.name: entry
    for entry in (
        EngineEntry("grammarlib", "grammarlib, keys in any order", None, None),
        EngineEntry("grammarlib-schema", "grammarlib, keys in the schema's order", None, None),
        EngineEntry("llguidance", "llguidance by default", "llguidance", "bench"),
        EngineEntry("llguidance-lenient", "llguidance, ignoring what it cannot do", "llguidance", "bench"),
        EngineEntry("xgrammar", "XGrammar by default: fixed whitespace, strict", "xgrammar", "bench"),
        EngineEntry("xgrammar-compliant", "XGrammar, any whitespace, not strict", "xgrammar", "bench"),
        EngineEntry("outlines-core", "outlines-core", "outlines_core", "bench"),
        EngineEntry("lm-format-enforcer", "lm-format-enforcer", "lmformatenforcer", "bench"),
        EngineEntry("llama-cpp", "llama.cpp's grammars (needs a GGUF file)", "llama_cpp", "llama-cpp"),
        EngineEntry("none", "no engine: everything is allowed", None, None),
    )
}
"""The engines that are known by name."""


def require(name: str) -> None:
    """Raise `EngineUnavailable` where an engine is unknown or its package is not installed; import nothing."""
    entry = ENGINES.get(name)
    if entry is None:
        if ":" not in name:
            known = ", ".join(ENGINES)
            raise EngineUnavailable(name, f"unknown; known are {known}, and package.module:Class or file.py:Class")
        return
    if entry.module is not None and find_spec(entry.module) is None:
        raise EngineUnavailable(name, f"the package {entry.module} is not installed", entry.extra)


def make_engine(name: str, tokenizer: Tokenizer) -> Engine:
    """The engine of a name, set up for a tokenizer; to be called in the engine's own process.

    Raises `EngineUnavailable`.
    """
    require(name)
    try:
        engine: Engine = _make(name, tokenizer)
        return engine
    except EngineUnavailable:
        raise
    except Exception as error:  # a peer's set-up may raise anything
        raise EngineUnavailable(name, f"cannot be set up: {type(error).__name__}: {error}") from error


def _make(name: str, tokenizer: Tokenizer) -> Any:
    # Imports stand here, not on top: each process loads one engine and no other.
    if name in ("grammarlib", "grammarlib-schema"):
        from jsonschemabench.engines.ours import GrammarlibEngine

        return GrammarlibEngine(tokenizer, "schema" if name.endswith("schema") else "any")
    if name in ("llguidance", "llguidance-lenient"):
        from jsonschemabench.engines.llguidance import LlguidanceEngine

        return LlguidanceEngine(tokenizer, lenient=name.endswith("lenient"))
    if name in ("xgrammar", "xgrammar-compliant"):
        from jsonschemabench.engines.xgrammar import XgrammarEngine

        return XgrammarEngine(tokenizer, compliant=name.endswith("compliant"))
    if name == "outlines-core":
        from jsonschemabench.engines.outlines_core import OutlinesEngine

        return OutlinesEngine(tokenizer)
    if name == "lm-format-enforcer":
        from jsonschemabench.engines.lm_format_enforcer import LmFormatEnforcerEngine

        return LmFormatEnforcerEngine(tokenizer)
    if name == "llama-cpp":
        from jsonschemabench.engines.llama_cpp import LlamaCppEngine

        return LlamaCppEngine(tokenizer)
    if name == "none":
        from jsonschemabench.engines.unconstrained import Unconstrained

        return Unconstrained(tokenizer)
    return engine_of_class(name, tokenizer)
