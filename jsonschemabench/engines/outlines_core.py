"""outlines-core: a schema becomes a regular expression, that an index over the whole vocabulary."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import outlines_core
from numpy.typing import NDArray
from outlines_core.json_schema import build_regex_from_schema
from outlines_core.kernels.numpy import allocate_token_bitmask, fill_next_token_bitmask

from jsonschemabench.engines.protocol import is_set
from jsonschemabench.tokenizer import Tokenizer


class OutlinesEngine:
    """outlines-core's index and guide."""

    distributions = ("outlines_core",)

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._eos = tokenizer.eos_token_id
        tokens: dict[bytes, list[int]] = {}
        for token_id, data in tokenizer.vocabulary.text_tokens():
            if token_id != self._eos:
                tokens.setdefault(data, []).append(token_id)
        self._vocabulary = outlines_core.Vocabulary(self._eos, tokens)
        self._bitmask = allocate_token_bitmask(tokenizer.size)

    def compile(self, schema: Any) -> OutlinesGrammar:
        """Compile; a refusal is outlines-core's own exception."""
        index = outlines_core.Index(build_regex_from_schema(json.dumps(schema)), self._vocabulary)
        return OutlinesGrammar(index, self._bitmask, self._eos)


class OutlinesGrammar:
    """An index of outlines-core."""

    def __init__(self, index: Any, bitmask: NDArray[np.int32], eos: int) -> None:
        self._index = index
        self._bitmask = bitmask
        self._eos = eos

    def start(self) -> OutlinesText:
        """A new guide."""
        return OutlinesText(outlines_core.Guide(self._index), self._bitmask, self._eos)


class OutlinesText:
    """A guide of outlines-core."""

    def __init__(self, guide: Any, bitmask: NDArray[np.int32], eos: int) -> None:
        self._guide = guide
        self._bitmask = bitmask
        self._eos = eos

    def fill_mask(self) -> None:
        """Fill the bitmask."""
        fill_next_token_bitmask(self._guide, self._bitmask)

    def allows(self, token_id: int) -> bool:
        """Read the bitmask."""
        return is_set(self._bitmask[0], token_id)

    def accept(self, token_id: int) -> bool:
        """Advance over a token that the mask allows; another one is an error of the guide."""
        if not is_set(self._bitmask[0], token_id):
            return False
        self._guide.advance(token_id, return_tokens=False)
        return True

    def may_stop(self) -> bool:
        """Whether the guide offers the end-of-sequence token."""
        return self._eos in self._guide.get_tokens()

    def mask(self) -> NDArray[np.int32]:
        """The bitmask's only row."""
        row: NDArray[np.int32] = self._bitmask[0]
        return row

    def forced_bytes(self) -> None:
        """Not offered."""
        return
