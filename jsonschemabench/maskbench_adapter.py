"""grammarlib as an engine of MaskBench: the file that drops it into that benchmark.

Use: import it in ``maskbench/runner.py`` and make it the engine of an option::

    from jsonschemabench.maskbench_adapter import GrammarlibEngine
    parser.add_argument("--grammarlib", action="store_true")
    ...
    if args.grammarlib:
        engine = GrammarlibEngine()

or copy it beside MaskBench's other engines; it imports nothing but grammarlib.  It also runs here, as
``--engine jsonschemabench.maskbench_adapter:GrammarlibEngine``.
Place: for MaskBench's runner, which sets ``tokenizer``, ``tokenizer_model_id``, ``multi`` and ``debug`` and calls the
methods below.  It has its base class's methods and needs none of its code.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any, Literal

import grammarlib as gl


class GrammarlibEngine:
    """MaskBench's ``Engine`` interface over `grammarlib`; ``order`` as in `grammarlib.JsonSchema`."""

    tokenizer: Any
    tokenizer_model_id: str

    def __init__(self, order: Literal["any", "schema"] = "any") -> None:
        self.multi = False
        self.debug = False
        self._order: Literal["any", "schema"] = order

    def get_id(self) -> str:
        """A name for folders."""
        return "grammarlib" if self._order == "any" else "grammarlib-schema"

    def get_name(self) -> str:
        """A name for tables."""
        return self.get_id()

    def get_module(self) -> str:
        """The distribution whose version is recorded."""
        return "grammarlib"

    def get_version(self) -> str:
        """Its version."""
        return version(self.get_module())

    def init(self) -> None:
        """Read the vocabulary of ``tokenizer``."""
        self._vocabulary = gl.Vocabulary.from_huggingface(self.tokenizer)
        self._bitmask = gl.allocate_bitmask(1, self._vocabulary.logits_width)

    def compile_grammar(self, schema: Any) -> None:
        """Compile; what cannot be enforced raises a `grammarlib.GrammarlibError`."""
        self._compiled = gl.compile(gl.JsonSchema(schema, order=self._order), self._vocabulary)

    def reset(self) -> None:
        """Begin a text."""
        self._matcher = self._compiled.matcher()

    def compute_mask(self) -> None:
        """Fill the bitmask."""
        self._matcher.fill_bitmask(self._bitmask, 0)

    def commit_token(self, token: int) -> bool:
        """Accept a token; False where it is refused."""
        return self._matcher.accept_token(token)

    def may_stop(self) -> bool:
        """Whether the text may end here.  MaskBench does not ask; this harness does."""
        return self._matcher.is_accepting

    def log_single(self, text: str) -> None:
        """Write to stderr unless many processes run at once."""
        if not self.multi:
            sys.stderr.write(text + "\n")
