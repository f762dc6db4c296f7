"""llguidance, by default and with ``lenient`` (which ignores what it cannot enforce)."""

from __future__ import annotations

import json
from typing import Any

import llguidance
import numpy as np
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from numpy.typing import NDArray

from jsonschemabench.engines.protocol import is_set
from jsonschemabench.tokenizer import Tokenizer


class LlguidanceEngine:
    """llguidance's matcher over a grammar with one ``json_schema``."""

    distributions = ("llguidance",)

    def __init__(self, tokenizer: Tokenizer, lenient: bool = False) -> None:
        self._tokenizer = llguidance.LLTokenizer(tokenizer.text, eos_token=tokenizer.eos_token_id)
        self._eos = tokenizer.eos_token_id
        self._bitmask = allocate_token_bitmask(1, self._tokenizer.vocab_size)
        self._lenient = lenient

    def compile(self, schema: Any) -> LlguidanceGrammar:
        """Compile; a refusal is a `ValueError` with llguidance's own words."""
        if self._lenient and isinstance(schema, dict):
            schema = schema | {"x-guidance": {"lenient": True}}
        grammar = json.dumps({"grammars": [{"json_schema": schema}]})
        matcher = llguidance.LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return LlguidanceGrammar(matcher, self._bitmask, self._eos)


class LlguidanceGrammar:
    """A matcher at its beginning; each text is a copy of it."""

    def __init__(self, matcher: Any, bitmask: NDArray[np.int32], eos: int) -> None:
        self._matcher = matcher
        self._bitmask = bitmask
        self._eos = eos

    def start(self) -> LlguidanceText:
        """A copy."""
        return LlguidanceText(self._matcher.deep_copy(), self._bitmask, self._eos)


class LlguidanceText:
    """A matcher of llguidance."""

    def __init__(self, matcher: Any, bitmask: NDArray[np.int32], eos: int) -> None:
        self._matcher = matcher
        self._bitmask = bitmask
        self._eos = eos

    def fill_mask(self) -> None:
        """Fill the bitmask."""
        fill_next_token_bitmask(self._matcher, self._bitmask, 0)

    def allows(self, token_id: int) -> bool:
        """Read the bitmask."""
        return is_set(self._bitmask[0], token_id)

    def accept(self, token_id: int) -> bool:
        """Consume a token that the mask allows: a refused one would leave the matcher in an error."""
        if is_set(self._bitmask[0], token_id):
            self._matcher.consume_token(token_id)
            return True
        if self._matcher.is_error():
            raise ValueError(self._matcher.get_error())
        return False

    def may_stop(self) -> bool:
        """Whether the matcher accepts."""
        return bool(self._matcher.is_accepting())

    def mask(self) -> NDArray[np.int32]:
        """The bitmask's only row."""
        row: NDArray[np.int32] = self._bitmask[0]
        return row

    def forced_bytes(self) -> bytes:
        """What llguidance would fast-forward over."""
        return bytes(self._matcher.compute_ff_bytes())
