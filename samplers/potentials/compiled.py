"""Compiled sources as potentials: exact masks, no checks.

Purpose: what ``grammarlib.compile`` returns becomes a factor of a target.
Place: the cheap factor of most products; the only one that decides by mask alone.
Cost: one ``fill_bitmask`` and one ``accept_token`` a row and step, some 3 us each where the mask is known.
Not taken: `samplers.prefixes`, which finds a row's matcher by its ids: a sampler says which row came from which.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.potentials.algebra import Composable
from samplers.types import Constraint, TokenMatcher, TokenTable


class CompiledPotential(Composable):
    """The condition that the text belongs to a compiled source's language.

    ``prefix`` is 0 where the source's masks lead, ``complete`` is 0 where an eos token is allowed, both -inf elsewhere.
    Where the source's report says ``dead_end_free=False``, a prefix of weight 0 may turn out to have no completion.
    ``constraint``: as ``grammarlib.compile(source, vocabulary)`` returns it.  Raises `SamplerError` for a source that
    was compiled without a vocabulary.
    """

    def __init__(self, constraint: Constraint) -> None:
        if not callable(getattr(constraint, "matcher", None)) or not hasattr(constraint, "vocabulary"):
            raise SamplerError(
                f"a compiled source is needed, not {type(constraint).__name__}; "
                "use grammarlib.compile(source, vocabulary)"
            )
        if constraint.vocabulary is None:
            raise SamplerError(
                "the constraint was compiled without a vocabulary; use grammarlib.compile(source, vocabulary)"
            )
        self.constraint = constraint
        self._vocabulary: TokenTable = constraint.vocabulary

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary that the source was compiled for."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """A digest of the source and the vocabulary; None for constraints that have neither."""
        source: Any = getattr(self.constraint, "source", None)
        digest: Any = getattr(self._vocabulary, "digest", None)
        if source is None or digest is None:
            return None
        return f"compiled {hashlib.sha256(repr(source).encode('utf-8', 'backslashreplace')).hexdigest()} {digest}"

    def start(self, rows: int) -> CompiledState:
        """See `Potential`."""
        first = self.constraint.matcher()
        matchers: list[TokenMatcher | None] = [first, *(first.fork() for _ in range(rows - 1))]
        return CompiledState(self._vocabulary, matchers[:rows])


class CompiledState:
    """A matcher for each row; None for rows that are dead."""

    has_checks = False
    constraint_checks = 0

    def __init__(self, vocabulary: TokenTable, matchers: list[TokenMatcher | None]) -> None:
        self._vocabulary = vocabulary
        self._words = (vocabulary.logits_width + 31) // 32
        self._matchers = matchers

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._matchers)

    @property
    def matchers(self) -> tuple[TokenMatcher | None, ...]:
        """The matcher of each row, not to be changed; None for rows that are dead."""
        return tuple(self._matchers)

    def mask(self) -> torch.Tensor:
        """int32[rows, words], exact."""
        # Pinned memory is kept for reuse by torch: a fresh megabyte costs a page fault every 4 KiB, and travels slowly.
        words = torch.zeros((self.rows, self._words), dtype=torch.int32, pin_memory=torch.cuda.is_initialized())
        buffer = words.numpy()
        for row, matcher in enumerate(self._matchers):
            if matcher is not None and not matcher.is_terminated:
                matcher.fill_bitmask(buffer, row)
        return words

    def log_weights_next(self) -> None:
        """None: the mask says it all."""
        return

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """0 for every pair: the mask says it all."""
        return np.zeros(len(rows), dtype=np.float64)

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row accepts its token or dies."""
        for row, token in enumerate(tokens.tolist()):
            matcher = self._matchers[row]
            if token >= 0 and matcher is not None and not matcher.is_terminated and not matcher.accept_token(token):
                self._matchers[row] = None

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``; the last copy takes the original."""
        wanted = ancestors.tolist()
        left: dict[int, int] = {}
        for row in wanted:
            left[row] = left.get(row, 0) + 1
        chosen: list[TokenMatcher | None] = []
        for row in wanted:
            left[row] -= 1
            matcher = self._matchers[row]
            chosen.append(matcher.fork() if matcher is not None and left[row] else matcher)
        self._matchers = chosen

    def fork(self, ancestors: NDArray[np.int64]) -> CompiledState:
        """A new state of copies of these rows."""
        chosen = (self._matchers[row] for row in ancestors.tolist())
        return CompiledState(self._vocabulary, [None if matcher is None else matcher.fork() for matcher in chosen])

    def prefix(self) -> NDArray[np.float64]:
        """0, or -inf for dead rows."""
        return np.array([-np.inf if matcher is None else 0.0 for matcher in self._matchers], dtype=np.float64)

    def complete(self) -> NDArray[np.float64]:
        """0 where the text may stop or has stopped, -inf elsewhere."""
        accepting = (matcher is not None and matcher.is_accepting for matcher in self._matchers)
        return np.array([0.0 if accepts else -np.inf for accepts in accepting], dtype=np.float64)
