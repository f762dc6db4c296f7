"""Length as part of the target: texts of at most so many tokens.

Purpose: a limit that is a factor of the target (``|x| <= T``) is corrected for like any other; a text is never counted
because it happened to be cut off.
Place: samplers multiply it into the potential that they are given.
Cost: a mask of eos tokens in the last step; nothing before.
Not taken: recording whatever was written when the limit came (a different target for each implementation that does it).
`samplers.potentials.closing` never runs into the limit.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.potentials.algebra import Composable
from samplers.types import TokenTable


class TokenLimit(Composable):
    """The condition that a text has at most ``max_tokens`` tokens, the eos token not counted.

    After ``max_tokens`` tokens only eos tokens have a weight.  Raises `SamplerError` for a negative limit and a
    vocabulary without eos tokens.
    """

    def __init__(self, vocabulary: TokenTable, max_tokens: int) -> None:
        if max_tokens < 0:
            raise SamplerError(f"max_tokens must not be negative, and is {max_tokens}")
        if not vocabulary.eos_token_ids:
            raise SamplerError("the vocabulary has no eos token, so that no text could end; give it eos_token_ids")
        self._vocabulary = vocabulary
        self.max_tokens = max_tokens

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary that was given."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """The limit."""
        return f"limit {self.max_tokens}"

    def start(self, rows: int) -> TokenLimitState:
        """See `Potential`."""
        return TokenLimitState(self._vocabulary, self.max_tokens, np.zeros(rows, dtype=np.int64))


class TokenLimitState:
    """The length of each row; -1 once it is finished."""

    has_checks = False
    constraint_checks = 0

    def __init__(self, vocabulary: TokenTable, max_tokens: int, lengths: NDArray[np.int64]) -> None:
        self._vocabulary = vocabulary
        self._eos = np.array(sorted(vocabulary.eos_token_ids), dtype=np.int64)
        self._words = (vocabulary.logits_width + 31) // 32
        self._max_tokens = max_tokens
        self._lengths = lengths
        self._is_finished = np.zeros(len(lengths), dtype=np.bool_)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._lengths)

    def mask(self) -> torch.Tensor | None:
        """None before the limit; there, the eos tokens."""
        is_full = (self._lengths >= self._max_tokens) | self._is_finished
        if not is_full.any():
            return None
        words = np.full((self.rows, self._words), -1, dtype=np.int32)
        words[is_full] = 0
        at_limit = np.flatnonzero((self._lengths == self._max_tokens) & ~self._is_finished)
        view = words.view(np.uint32)
        for token in self._eos.tolist():
            view[at_limit, token // 32] |= np.uint32(1 << (token % 32))
        return torch.from_numpy(words)

    def log_weights_next(self) -> None:
        """None."""
        return

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """0 for every pair."""
        return np.zeros(len(rows), dtype=np.float64)

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Count the tokens that are not eos."""
        goes_on = (tokens >= 0) & ~self._is_finished & (self._lengths <= self._max_tokens)
        is_end = np.isin(tokens, self._eos)
        self._is_finished |= goes_on & is_end
        self._lengths = self._lengths + (goes_on & ~is_end)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        self._lengths = self._lengths[ancestors]
        self._is_finished = self._is_finished[ancestors]

    def fork(self, ancestors: NDArray[np.int64]) -> TokenLimitState:
        """A new state of copies of these rows."""
        other = TokenLimitState(self._vocabulary, self._max_tokens, self._lengths[ancestors])
        other._is_finished = self._is_finished[ancestors]
        return other

    def prefix(self) -> NDArray[np.float64]:
        """0 up to the limit, -inf past it."""
        return np.where(self._lengths <= self._max_tokens, 0.0, -np.inf)

    def complete(self) -> NDArray[np.float64]:
        """0 up to the limit, -inf past it."""
        return self.prefix()
