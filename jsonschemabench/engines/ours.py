"""grammarlib's own engine, through its public names."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import grammarlib as gl
from jsonschemabench.engines.protocol import is_set
from jsonschemabench.tokenizer import Tokenizer


class GrammarlibEngine:
    """grammarlib with keys in any order, or in that of the schema."""

    distributions = ("grammarlib", "numba", "llvmlite")

    def __init__(self, tokenizer: Tokenizer, order: Literal["any", "schema"] = "any") -> None:
        self._vocabulary = tokenizer.vocabulary
        self._order = order
        self._bitmask = gl.allocate_bitmask(1, self._vocabulary.logits_width)

    def compile(self, schema: Any) -> GrammarlibGrammar:
        """Compile; refusals are `grammarlib.errors.GrammarlibError`, with keyword and pointer."""
        compiled = gl.compile(gl.JsonSchema(schema, order=self._order), self._vocabulary)
        return GrammarlibGrammar(compiled, self._bitmask)


class GrammarlibGrammar:
    """A compiled schema of grammarlib."""

    def __init__(self, compiled: gl.CompiledGrammar, bitmask: NDArray[np.int32]) -> None:
        self.compiled = compiled
        """What the samplers take."""
        self._bitmask = bitmask

    def start(self) -> GrammarlibText:
        """A new matcher."""
        return GrammarlibText(self.compiled.matcher(), self._bitmask)


class GrammarlibText:
    """A matcher of grammarlib."""

    def __init__(self, matcher: gl.Matcher, bitmask: NDArray[np.int32]) -> None:
        self._matcher = matcher
        self._bitmask = bitmask

    def fill_mask(self) -> None:
        """Fill the bitmask."""
        self._matcher.fill_bitmask(self._bitmask, 0)

    def allows(self, token_id: int) -> bool:
        """Read the bitmask."""
        return is_set(self._bitmask[0], token_id)

    def accept(self, token_id: int) -> bool:
        """Accept a token."""
        return self._matcher.accept_token(token_id)

    def may_stop(self) -> bool:
        """Whether the matcher accepts."""
        return self._matcher.is_accepting

    def mask(self) -> NDArray[np.int32]:
        """The bitmask's only row."""
        row: NDArray[np.int32] = self._bitmask[0]
        return row

    def forced_bytes(self) -> bytes:
        """What every continuation begins with."""
        return self._matcher.forced_bytes()
