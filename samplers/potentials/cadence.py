"""A critic with a cadence: a costly weight is looked at now and then, and still counts in full at the end.

Purpose: a judge that takes a second for each call may look at every twentieth token, or at every line.
Place: around any potential; the twist of SMC, or a factor under rejection sampling.
Cost: the inner potential's, at the places where it is asked; between them nothing.
Not taken: dropping the weights in between.  They telescope: what was not counted at token 7 is counted at token 20, so
that the target does not depend on the cadence at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.potentials.algebra import Composable
from samplers.potentials.potential import Potential, PotentialState
from samplers.types import TokenTable


class Cadence(Composable):
    """A potential whose ``prefix`` is the inner one's at the last place where it was looked at.

    ``every``: a number of tokens, or a predicate of the bytes written so far that says where to look
    (``lambda data: data.endswith(b"\\n")``).  ``complete`` is the inner one's, so the target is the same.
    The inner potential's mask and dense factor are not used; multiply by what should be exact at every token.
    Raises `SamplerError` for a number below 1.
    """

    def __init__(self, potential: Potential, every: int | Callable[[bytes], bool]) -> None:
        if isinstance(every, int) and every < 1:
            raise SamplerError(f"every must be at least 1 token, and is {every}")
        self.potential = potential
        self.every = every

    @property
    def vocabulary(self) -> TokenTable:
        """The inner potential's vocabulary."""
        return self.potential.vocabulary

    @property
    def identity(self) -> str | None:
        """The inner identity and the number of tokens; None for a predicate."""
        inner = self.potential.identity
        return f"every({inner}, {self.every})" if inner is not None and isinstance(self.every, int) else None

    def start(self, rows: int) -> CadenceState:
        """See `Potential`."""
        inner = self.potential.start(rows)
        return CadenceState(self, inner, inner.prefix(), np.zeros(rows, dtype=np.int64), [b""] * rows)


class CadenceState:
    """Rows of a `Cadence`: the inner state, and what it weighed where it was looked at last."""

    has_checks = True

    def __init__(
        self,
        potential: Cadence,
        inner: PotentialState,
        held: NDArray[np.float64],
        lengths: NDArray[np.int64],
        data: list[bytes],
    ) -> None:
        self._potential = potential
        self._inner = inner
        self._held = held
        self._lengths = lengths
        self._data = data  # kept for a predicate only
        self._table = potential.vocabulary.tokens
        self._eos = frozenset(potential.vocabulary.eos_token_ids)
        self._is_finished = np.zeros(len(held), dtype=np.bool_)
        self._stale = np.zeros(len(held), dtype=np.bool_)
        self._extra_checks = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._held)

    @property
    def constraint_checks(self) -> int:
        """What the inner potential was asked."""
        return self._inner.constraint_checks + self._extra_checks

    def mask(self) -> None:
        """None."""
        return

    def log_weights_next(self) -> None:
        """None."""
        return

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """0 where nothing is looked at; else what the row would weigh, over what it weighed last."""
        self._refresh()
        pairs = list(zip(rows.tolist(), tokens.tolist(), strict=True))
        looks = [token in self._eos or self._is_place(row, token) for row, token in pairs]
        result = np.where(self._held[rows] > -np.inf, 0.0, -np.inf)
        chosen = np.flatnonzero(np.array(looks, dtype=bool) & (result > -np.inf))
        if len(chosen):
            following = self._inner.fork(rows[chosen])
            following.advance(tokens[chosen])
            result[chosen] = following.prefix() - self._held[rows[chosen]]
            self._extra_checks += following.constraint_checks
        return result

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row goes on; where it is looked at, the inner weight is asked for when it is needed."""
        self._refresh()
        for row, token in enumerate(tokens.tolist()):
            if token < 0 or self._is_finished[row]:
                continue
            is_end = token in self._eos
            self._stale[row] = is_end or self._is_place(row, token)
            self._is_finished[row] = is_end
            self._lengths[row] += not is_end
            if not isinstance(self._potential.every, int) and not is_end:
                self._data[row] += self._bytes(token)
        self._inner.advance(tokens)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        self._inner.select(ancestors)
        self._select_rest(ancestors)

    def fork(self, ancestors: NDArray[np.int64]) -> CadenceState:
        """A new state of copies of these rows."""
        inner = self._inner.fork(ancestors)
        other = CadenceState(self._potential, inner, self._held, self._lengths, self._data)
        other._is_finished, other._stale = self._is_finished, self._stale
        other._select_rest(ancestors)
        return other

    def prefix(self) -> NDArray[np.float64]:
        """float64[rows]: the inner weight where it was looked at last."""
        self._refresh()
        return self._held.copy()

    def complete(self) -> NDArray[np.float64]:
        """The inner one's, -inf for rows that are dead."""
        self._refresh()
        return np.where(self._held > -np.inf, self._inner.complete(), -np.inf)

    def _refresh(self) -> None:
        stale = np.flatnonzero(self._stale)
        if len(stale):
            self._stale[:] = False
            if len(stale) == self.rows:
                seen = self._inner.prefix()
            else:
                part = self._inner.fork(stale)
                seen = part.prefix()
                self._extra_checks += part.constraint_checks
            alive = self._held[stale] > -np.inf
            self._held[stale] = np.where(alive, seen, -np.inf)

    def _select_rest(self, ancestors: NDArray[np.int64]) -> None:
        self._held = self._held[ancestors]
        self._lengths = self._lengths[ancestors]
        self._data = [self._data[row] for row in ancestors.tolist()]
        self._is_finished = self._is_finished[ancestors]
        self._stale = self._stale[ancestors]

    def _is_place(self, row: int, token: int) -> bool:
        """Whether the row is looked at once it has this token."""
        every = self._potential.every
        if isinstance(every, int):
            return bool((self._lengths[row] + 1) % every == 0)
        return bool(every(self._data[row] + self._bytes(token)))

    def _bytes(self, token: int) -> bytes:
        return (self._table[token] if token < len(self._table) else None) or b""
