"""Engines of others, named by their class: MaskBench's ``Engine`` interface, or this package's own protocol.

Purpose: ``--engine maskbench.llg_engine:LlgEngine`` or ``--engine ./mine.py:MyEngine`` drops an engine in without a
line of code here.  A class with ``compile_grammar`` is MaskBench's; any other is taken as
`jsonschemabench.engines.protocol.Engine` and is called with a `Tokenizer`.
Place: the only module that imports what a user names on the command line; it runs in the engine's own process.
Limits: MaskBench's interface has no question "may the text stop here?", so nothing is asked at an instance's end, as
in MaskBench; and it hands out no mask, so such an engine takes no part in generation.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from pathlib import Path
from typing import Any

from jsonschemabench.errors import EngineUnavailable
from jsonschemabench.tokenizer import Tokenizer


def load_class(name: str) -> Any:
    """The class that ``package.module:Class`` or ``path/to/file.py:Class`` names.

    The working folder is searched first, as with ``python -m``.  Raises `EngineUnavailable`.
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute.isidentifier():
        raise EngineUnavailable(name, "unknown; write package.module:Class or file.py:Class for an engine of your own")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        if place.endswith(".py"):
            return getattr(_module_of_file(Path(place)), attribute)
        return pkgutil.resolve_name(f"{place}:{attribute}")
    except EngineUnavailable:
        raise
    except Exception as error:  # a user's module may raise anything
        raise EngineUnavailable(name, f"cannot be imported: {error!r}") from error


def _module_of_file(path: Path) -> Any:
    if not path.is_file():
        raise EngineUnavailable(str(path), "no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise EngineUnavailable(str(path), "not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def engine_of_class(name: str, tokenizer: Tokenizer) -> Any:
    """An engine of a user's class, adapted where it has MaskBench's interface."""
    made = load_class(name)
    if hasattr(made, "compile_grammar"):
        return MaskbenchEngine(made(), tokenizer)
    return made(tokenizer)


class MaskbenchEngine:
    """MaskBench's ``Engine``: ``init``, ``compile_grammar``, ``reset``, ``compute_mask``, ``commit_token``."""

    def __init__(self, engine: Any, tokenizer: Tokenizer) -> None:
        engine.tokenizer = tokenizer.transformers
        engine.tokenizer_model_id = tokenizer.name
        engine.multi = True
        engine.debug = False
        engine.init()
        self._engine = engine

    @property
    def distributions(self) -> tuple[str, ...]:
        """What the engine names as its module."""
        return (str(self._engine.get_module()),) if hasattr(self._engine, "get_module") else ()

    def compile(self, schema: Any) -> MaskbenchText:
        """Compile; the engine itself is the grammar."""
        self._engine.compile_grammar(schema)
        return MaskbenchText(self._engine)


class MaskbenchText:
    """Grammar and text in one, as MaskBench has it."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def start(self) -> MaskbenchText:
        """Reset the engine."""
        self._engine.reset()
        return self

    def fill_mask(self) -> None:
        """Compute the mask."""
        self._engine.compute_mask()

    def allows(self, token_id: int) -> None:
        """Not offered: the interface shows no mask."""
        return

    def accept(self, token_id: int) -> bool:
        """Commit a token."""
        return bool(self._engine.commit_token(token_id))

    def may_stop(self) -> bool:
        """MaskBench does not ask; an engine that has ``may_stop`` is asked."""
        return bool(self._engine.may_stop()) if hasattr(self._engine, "may_stop") else True

    def mask(self) -> None:
        """Not offered."""
        return

    def forced_bytes(self) -> None:
        """Not offered."""
        return
