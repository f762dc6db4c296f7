"""Products, powers and quotients: ``grammar * critic ** 0.5 / prior`` is a potential like its parts.

Purpose: a target is written as one expression; the cheap factors of the parts stay cheap.
Place: every potential of this package inherits the operators from `Composable`.
Cost: that of the parts, and one AND or sum over [rows, width] for each dense factor.
Not taken: evaluating parts one after another on whole texts; the factors of the contract (mask, dense, checks)
multiply one by one, so a product of a grammar and a predicate has the grammar's mask and the predicate's checks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.potentials.potential import Potential, PotentialState
from samplers.types import TokenTable


class Composable:
    """The operators ``*``, ``/`` and ``**`` for potentials."""

    def __mul__(self: Potential, other: Potential) -> Product:
        return Product([self, other])

    def __truediv__(self: Potential, other: Potential) -> Quotient:
        return Quotient(self, other)

    def __pow__(self: Potential, exponent: float) -> Power:
        return Power(self, exponent)


def same_vocabulary(potentials: Sequence[Potential]) -> TokenTable:
    """The vocabulary that all of them share.  Raises `SamplerError` where they differ or there are none."""
    if not potentials:
        raise SamplerError("a product needs at least one potential")
    first = potentials[0].vocabulary
    if any(one.vocabulary is not first and one.vocabulary != first for one in potentials):
        raise SamplerError("the potentials are for different vocabularies; make all of them for the model's")
    return first


def _joined(name: str, parts: Sequence[str | None]) -> str | None:
    return None if None in parts else f"{name}({', '.join(str(part) for part in parts)})"


class Product(Composable):
    """The product of potentials: log weights add.  A row is dead where one of the parts says so.

    Checks are asked in the order of the parts, each only for what the parts before it leave: put cheap ones first.
    Products of products are flattened.  Raises `SamplerError` for different vocabularies.
    """

    def __init__(self, potentials: Sequence[Potential]) -> None:
        flat: list[Potential] = []
        for one in potentials:
            flat += one.parts if isinstance(one, Product) else [one]
        self._vocabulary = same_vocabulary(flat)
        self.parts: tuple[Potential, ...] = tuple(flat)

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary of all parts."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """The parts' identities; None where one has none."""
        return _joined("product", [part.identity for part in self.parts])

    def start(self, rows: int) -> PotentialState:
        """See `Potential`."""
        return _ProductState([part.start(rows) for part in self.parts])


class _ProductState:
    def __init__(self, states: list[PotentialState]) -> None:
        self._states = states

    @property
    def rows(self) -> int:
        return self._states[0].rows

    @property
    def has_checks(self) -> bool:
        return any(state.has_checks for state in self._states)

    @property
    def constraint_checks(self) -> int:
        return sum(state.constraint_checks for state in self._states)

    def mask(self) -> torch.Tensor | None:
        result: torch.Tensor | None = None
        for state in self._states:
            words = state.mask()
            if words is None:
                continue
            if result is None:
                result = words
            else:
                width = min(result.shape[1], words.shape[1])  # tokens past the last word have no weight
                # Pinned where a device will want it, as the mask of a compiled grammar is.
                is_pinned = result.device.type == "cpu" and torch.cuda.is_initialized()
                both = torch.empty((len(result), width), dtype=torch.int32, device=result.device, pin_memory=is_pinned)
                result = torch.bitwise_and(result[:, :width], words[:, :width].to(result.device), out=both)
        return result

    def log_weights_next(self) -> torch.Tensor | None:
        result: torch.Tensor | None = None
        for state in self._states:
            dense = state.log_weights_next()
            if dense is None:
                continue
            if result is None:
                result = dense
            else:
                width = min(result.shape[1], dense.shape[1])
                result = result[:, :width] + dense[:, :width].to(result.device)
        return result

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        total = np.zeros(len(rows), dtype=np.float64)
        for state in self._states:
            if state.has_checks:
                open_pairs = np.flatnonzero(total > -np.inf)
                if len(open_pairs):
                    total[open_pairs] += state.check(rows[open_pairs], tokens[open_pairs])
        return total

    def advance(self, tokens: NDArray[np.int64]) -> None:
        for state in self._states:
            state.advance(tokens)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        for state in self._states:
            state.select(ancestors)

    def fork(self, ancestors: NDArray[np.int64]) -> _ProductState:
        return _ProductState([state.fork(ancestors) for state in self._states])

    def prefix(self) -> NDArray[np.float64]:
        return self._sum(lambda state: state.prefix())

    def complete(self) -> NDArray[np.float64]:
        return self._sum(lambda state: state.complete())

    def _sum(self, weights: Callable[[PotentialState], NDArray[np.float64]]) -> NDArray[np.float64]:
        total = np.zeros(self.rows, dtype=np.float64)
        for state in self._states:
            total += weights(state)
        return total


class Power(Composable):
    """A potential raised to a positive power: log weights times ``exponent``; a condition stays what it is.

    Raises `SamplerError` for an exponent that is not positive and finite.
    """

    def __init__(self, base: Potential, exponent: float) -> None:
        if not 0 < exponent < math.inf:
            raise SamplerError(f"the exponent of a potential must be positive and finite, and is {exponent}")
        self.base = base
        self.exponent = float(exponent)

    @property
    def vocabulary(self) -> TokenTable:
        """The base's vocabulary."""
        return self.base.vocabulary

    @property
    def identity(self) -> str | None:
        """The base's identity and the exponent."""
        return _joined("power", [self.base.identity, repr(self.exponent)])

    def start(self, rows: int) -> PotentialState:
        """See `Potential`."""
        return _PowerState(self.base.start(rows), self.exponent)


class _PowerState:
    def __init__(self, state: PotentialState, exponent: float) -> None:
        self._state = state
        self._exponent = exponent

    @property
    def rows(self) -> int:
        return self._state.rows

    @property
    def has_checks(self) -> bool:
        return self._state.has_checks

    @property
    def constraint_checks(self) -> int:
        return self._state.constraint_checks

    def mask(self) -> torch.Tensor | None:
        return self._state.mask()

    def log_weights_next(self) -> torch.Tensor | None:
        dense = self._state.log_weights_next()
        return None if dense is None else dense * self._exponent

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._state.check(rows, tokens) * self._exponent

    def advance(self, tokens: NDArray[np.int64]) -> None:
        self._state.advance(tokens)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        self._state.select(ancestors)

    def fork(self, ancestors: NDArray[np.int64]) -> _PowerState:
        return _PowerState(self._state.fork(ancestors), self._exponent)

    def prefix(self) -> NDArray[np.float64]:
        return self._state.prefix() * self._exponent

    def complete(self) -> NDArray[np.float64]:
        return self._state.complete() * self._exponent


class Quotient(Composable):
    """A potential divided by another: log weights subtract.

    Where the numerator is 0 the quotient is 0.  A denominator that is 0 where the numerator is not makes no weight;
    the state raises `SamplerError` as soon as it meets one.
    """

    def __init__(self, numerator: Potential, denominator: Potential) -> None:
        self._vocabulary = same_vocabulary([numerator, denominator])
        self.numerator = numerator
        self.denominator = denominator

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary of both."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """Both identities."""
        return _joined("quotient", [self.numerator.identity, self.denominator.identity])

    def start(self, rows: int) -> PotentialState:
        """See `Potential`."""
        return _QuotientState(self.numerator.start(rows), self.denominator.start(rows))


def _divided_by_zero() -> SamplerError:
    return SamplerError("a quotient of potentials divides by a weight of 0 where its numerator is not 0")


class _QuotientState:
    def __init__(self, above: PotentialState, below: PotentialState) -> None:
        self._above = above
        self._below = below

    @property
    def rows(self) -> int:
        return self._above.rows

    @property
    def has_checks(self) -> bool:
        return self._above.has_checks or self._below.has_checks

    @property
    def constraint_checks(self) -> int:
        return self._above.constraint_checks + self._below.constraint_checks

    def mask(self) -> torch.Tensor | None:
        above, below = self._above.mask(), self._below.mask()
        if below is not None:
            live = torch.from_numpy(self._above.prefix() > -np.inf)
            if above is None:
                raise SamplerError("the denominator of a quotient forbids tokens, and its numerator has no mask")
            below = below.to(above.device)
            width = below.shape[1]
            if above[live, width:].any() or (above[live, :width] & ~below[live, : above.shape[1]]).any():
                raise _divided_by_zero()
        return above

    def log_weights_next(self) -> torch.Tensor | None:
        above, below = self._above.log_weights_next(), self._below.log_weights_next()
        if below is None:
            return above
        if above is None:
            above = torch.zeros_like(below)
        width = min(above.shape[1], below.shape[1])
        above, below = above[:, :width], below[:, :width].to(above.device)
        has_ended = (below == -torch.inf).all(dim=1, keepdim=True)  # finished or dead: nothing follows
        result = torch.where((above == -torch.inf) | has_ended, -torch.inf, above - below)
        if (result == torch.inf).any():
            raise _divided_by_zero()
        return result

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        total = np.zeros(len(rows), dtype=np.float64)
        if self._above.has_checks:
            total += self._above.check(rows, tokens)
        if self._below.has_checks:
            possible = np.flatnonzero(total > -np.inf)
            if len(possible):
                total[possible] -= self._below.check(rows[possible], tokens[possible])
        if (total == np.inf).any():
            raise _divided_by_zero()
        return total

    def advance(self, tokens: NDArray[np.int64]) -> None:
        self._above.advance(tokens)
        self._below.advance(tokens)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        self._above.select(ancestors)
        self._below.select(ancestors)

    def fork(self, ancestors: NDArray[np.int64]) -> _QuotientState:
        return _QuotientState(self._above.fork(ancestors), self._below.fork(ancestors))

    def prefix(self) -> NDArray[np.float64]:
        return _divided(self._above.prefix(), self._below.prefix())

    def complete(self) -> NDArray[np.float64]:
        return _divided(self._above.complete(), self._below.complete())


def _divided(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    possible = above > -np.inf
    if (below[possible] == -np.inf).any():
        raise _divided_by_zero()
    return np.where(possible, above - np.where(possible, below, 0.0), -np.inf)
