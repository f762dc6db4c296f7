"""What a sampler needs of a constraint or score: `Potential`, frozen, and `PotentialState`, its mutable companion.

Purpose: grammars, predicates, scores, monitors, other models and their products look alike to every sampler.
Place: the modules beside this one implement it; samplers multiply it into the model's law.
Cost: none of its own.
Not taken: a function of whole texts (every call re-reads the text); one object a row (a batch would be a loop).

**The contract.**  A potential gives each token sequence u two non-negative weights, in log space:

- ``prefix(u)``: what u is worth as a beginning.  ``prefix(u) = -inf`` promises that no continuation of u is complete;
- ``complete(u)``: what u is worth as a whole text.  This alone is the target: ``p(u) * exp(complete(u))``.

Between them stand the *next weights*: for every u with ``prefix(u) > -inf`` and every token v that is not an eos token

    ``next(v | u) = prefix(uv) - prefix(u)``            and            ``next(eos | u) = complete(u) - prefix(u)``

with the same value for every eos id.  A state gives the next weights as a product of three factors (a sum, in log
space): dense ones that a sampler can use for all tokens at once, and one that must be asked for token by token:

    ``next(v | u) = (0 if bit v of mask else -inf) + log_weights_next[v] + check(v)``

A factor that is absent (``mask() is None``, ``log_weights_next() is None``, ``has_checks`` is False) is 0 for every
token.  So a compiled grammar has an exact mask and no checks, a predicate has checks only, and their product has both:
a sampler proposes under the mask and checks few candidates.  A *condition* is a potential whose weights are 0 and -inf.

`samplers.potentials.testing.check_potential` checks all of this for any potential.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.types import TokenTable


class PotentialState(Protocol):
    """The rows of one batch, each after the tokens it was advanced by.

    Rows are *live*, *finished* (an eos token was taken), or *dead* (``prefix`` is -inf).  None of the methods raises
    because of what tokens spell; a refused token makes its row dead.
    """

    @property
    def rows(self) -> int:
        """How many rows there are."""

    @property
    def has_checks(self) -> bool:
        """Whether `check` may say anything but 0; False means that `mask` and `log_weights_next` are everything."""

    @property
    def constraint_checks(self) -> int:
        """How many (row, token) pairs a black box was in fact asked for; answers from a cache are not counted."""

    def mask(self) -> torch.Tensor | None:
        """Which tokens have a weight: int32[rows, ceil(logits_width / 32)], bit ``t % 32`` of word ``t // 32``.

        None: every token may have one.  Rows that are dead or finished allow nothing.  Tokens past the last word
        have no weight.  The tensor is the caller's until the next call of any method.
        """

    def log_weights_next(self) -> torch.Tensor | None:
        """The dense factor: floating[rows, logits_width], -inf for no weight, never +inf or NaN.  None: 0 everywhere.

        Tokens past the width have no weight.
        """

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """The factor that is asked for: float64[k] for k pairs of a row and a token, in any order, repeats allowed.

        Called for tokens that the two other factors allow; for others any number may come back.  The state stays.
        """

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row goes on by one token: int64[rows].

        A negative number marks a row that takes no further part: its weights stay what they are, and nothing may be
        asked of its next tokens, until `select` gives its place to another row.  Rows that are finished or dead
        ignore their token.
        """

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``, in place: int64[new rows], any length."""

    def fork(self, ancestors: NDArray[np.int64]) -> Self:
        """A new, independent state whose row i is a copy of row ``ancestors[i]``; this one stays as it is.

        Counters of the new state start at 0.
        """

    def prefix(self) -> NDArray[np.float64]:
        """The log weight of each row as a beginning: float64[rows].  A finished row gives `complete`."""

    def complete(self) -> NDArray[np.float64]:
        """The log weight of each row as a whole text: float64[rows]."""


class Potential(Protocol):
    """A function from token sequences to weights: frozen, safe to share, started for any number of rows."""

    @property
    def vocabulary(self) -> TokenTable:
        """What token ids write and which of them end a text."""

    @property
    def identity(self) -> str | None:
        """A text that two potentials share only if they are the same function; None where nothing can promise that.

        Saved tries are keyed by it.
        """

    def start(self, rows: int) -> PotentialState:
        """A state with ``rows`` rows at the empty sequence."""


def next_log_weights(state: PotentialState, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """The next weights of k pairs of a row and a token: float64[k], all three factors of the contract together."""
    rows, tokens = np.ascontiguousarray(rows), np.ascontiguousarray(tokens)
    total = np.zeros(len(rows), dtype=np.float64)
    words = state.mask()
    if words is not None:
        packed = words.cpu().numpy().view(np.uint32)
        word = tokens // 32
        inside = word < packed.shape[1]
        bits = packed[rows, np.where(inside, word, 0)] >> (tokens % 32).astype(np.uint32) & 1
        total[~inside | (bits == 0)] = -np.inf
    dense = state.log_weights_next()
    if dense is not None:
        inside = tokens < dense.shape[1]
        index = torch.from_numpy(np.where(inside, tokens, 0)).to(dense.device)
        values = dense[torch.from_numpy(rows).to(dense.device), index].double().cpu().numpy()
        total += np.where(inside, values, -np.inf)
    if state.has_checks:
        possible = np.flatnonzero(total > -np.inf)
        if len(possible):
            total[possible] += state.check(rows[possible], tokens[possible])
    return total


def eos_set(vocabulary: TokenTable) -> NDArray[np.int64]:
    """The eos ids of a vocabulary: int64[count], ascending."""
    return np.array(sorted(vocabulary.eos_token_ids), dtype=np.int64)


def token_bytes(vocabulary: TokenTable, tokens: Sequence[int] | NDArray[np.int64]) -> bytes:
    """What a sequence of tokens writes; eos and special tokens write nothing."""
    table, stops = vocabulary.tokens, set(vocabulary.eos_token_ids)
    parts = (table[token] for token in tokens if 0 <= token < len(table) and token not in stops)
    return b"".join(part for part in parts if part)
