"""XGrammar, by default and compliant (any whitespace, not strict), one thread, no cache between schemas."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xgrammar
from numpy.typing import NDArray

from jsonschemabench.engines.protocol import is_set
from jsonschemabench.tokenizer import Tokenizer


class XgrammarEngine:
    """XGrammar's compiler and matcher."""

    distributions = ("xgrammar",)

    def __init__(self, tokenizer: Tokenizer, compliant: bool = False) -> None:
        self._eos = tokenizer.eos_token_id
        info = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer.transformers, vocab_size=tokenizer.size, stop_token_ids=[self._eos]
        )
        self._compliant = compliant
        self._tensor = xgrammar.allocate_token_bitmask(1, info.vocab_size)
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)

    def compile(self, schema: Any) -> XgrammarGrammar:
        """Compile; a refusal is XGrammar's own exception."""
        compiled = self._compiler.compile_json_schema(
            json.dumps(schema), any_whitespace=self._compliant, strict_mode=not self._compliant
        )
        return XgrammarGrammar(compiled, self._tensor, self._eos)


class XgrammarGrammar:
    """A grammar that XGrammar compiled."""

    def __init__(self, compiled: Any, tensor: Any, eos: int) -> None:
        self._compiled = compiled
        self._tensor = tensor
        self._eos = eos

    def start(self) -> XgrammarText:
        """A new matcher."""
        return XgrammarText(xgrammar.GrammarMatcher(self._compiled), self._tensor, self._eos)


class XgrammarText:
    """A matcher of XGrammar."""

    def __init__(self, matcher: Any, tensor: Any, eos: int) -> None:
        self._matcher = matcher
        self._tensor = tensor
        self._words: NDArray[np.int32] = tensor.numpy()[0]
        self._eos = eos
        self._is_free = False

    def fill_mask(self) -> None:
        """Fill the bitmask.  XGrammar says with False that every token is allowed."""
        self._is_free = not self._matcher.fill_next_token_bitmask(self._tensor)

    def allows(self, token_id: int) -> bool:
        """Read the bitmask."""
        return self._is_free or is_set(self._words, token_id)

    def accept(self, token_id: int) -> bool:
        """Accept a token."""
        return bool(self._matcher.accept_token(token_id))

    def may_stop(self) -> bool:
        """Whether the matcher has stopped, or takes the end-of-sequence token."""
        return bool(self._matcher.is_terminated() or self._matcher.accept_token(self._eos))

    def mask(self) -> NDArray[np.int32]:
        """The bitmask's only row."""
        return np.full_like(self._words, -1) if self._is_free else self._words

    def forced_bytes(self) -> bytes:
        """XGrammar's jump-forward string."""
        return str(self._matcher.find_jump_forward_string()).encode()
