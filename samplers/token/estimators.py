"""Estimators of adaptive weighted rejection sampling: from a race with few checks to a choice and its weight.

Purpose: a black-box condition c is asked of a few tokens only; the token drawn and its weight must make up for the
rest, exactly: ``E[weight * 1{token = v}] = p(v) * exp(score(v))`` for every v, with p the law among allowed tokens.
Place: `samplers.token.awrs` runs one of them on each step; `samplers.token.murthy` is the default.
Cost: one call of the black box a round for all rows; the number of rounds is that of the row with most checks.

``score`` is what the black box returns: a log weight, -inf for a refusal.  Everything below is about acceptance
(score > -inf); the score of the chosen token multiplies its weight, which keeps the equation.

Sources: the two-loop weight is that of the paper on adaptive weighted rejection sampling and its first release; the
geometric and the recursive one are those of genlm-control.  `docs/explanation/awrs_and_smc.md` derives them.
Not taken: returning the first accept with weight 1, which is biased by the rejected mass; a test keeps it as the
variant that must fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.token.race import Race

Check: TypeAlias = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""check(rows, tokens) -> float64[k]: the score of each pair, -inf for a refusal."""

Uniforms: TypeAlias = Callable[[NDArray[np.int64], int, int], NDArray[np.float64]]
"""uniforms(rows, count, start) -> float64[k, count]: further numbers of each row's own noise, from ``start`` on."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What an estimator leaves of each row: tokens to choose from, and their log weights.

    ``tokens`` int64[rows, choices], -1 for none; ``log_weights`` float64[rows, choices], -inf there; ``checks``
    int64[rows].  Taking one in proportion to its weight, with the sum of the row as its weight, is properly
    weighted; so is any function of the whole row, with less variance.
    """

    tokens: NDArray[np.int64]
    log_weights: NDArray[np.float64]
    checks: NDArray[np.int64]


class Estimator(Protocol):
    """Walks through a race with a black box."""

    def estimate(self, race: Race, check: Check, uniforms: Uniforms) -> Choices:
        """Choices for every row of ``race``.  Rows without an allowed token, and dead ends, have none."""


def two_loop_weight(unrejected: Any, rejects: Any) -> Any:
    """The paper's weight: ``(1 - mass of the first loop's rejects) / (rejects of both loops + 1)``.

    ``unrejected``: one minus the mass of the first loop's rejects, as a sum of what is left.  Any numbers: floats,
    arrays, fractions.
    """
    return unrejected / (rejects + 1)


def two_loop_rao_blackwell_weight(reciprocals: Any) -> Any:
    """The weight averaged over the orders of the run: one over the sum, for k = 0 to n, of ``1 / (1 - S_k)``.

    S_k is the mass of the first k rejects of both loops; ``reciprocals`` is that sum, at least 1.
    """
    return 1 / reciprocals


def geometric_weight(target_accepts: Any, accepts: Any, rejects: Any) -> Any:
    """``min(target_accepts - 1, accepts) / (accepts + rejects - 1)``: the chance that the first draw was an accept.

    That is of draws with replacement until ``target_accepts`` accepts or a bound on rejects; the last draw is fixed
    by the rule, the others are in random order.  0 where nothing was accepted.
    """
    return np.minimum(target_accepts - 1, accepts) / (accepts + rejects - 1)


def recursive_weight(probability: Any, rest: Any, next_is_accepted: Any) -> Any:
    """``p(y) + (1 - M) c(z)``: y the first accept, M the mass through y, z the next candidate.

    ``rest``: 1 - M as a sum, 0 where y was the last token.
    """
    return probability + rest * next_is_accepted


@dataclass(frozen=True, slots=True)
class _Accepts:
    """Where the first accept of each row is: ``position`` int64[rows], -1 for none; its score; checks so far."""

    position: NDArray[np.int64]
    score: NDArray[np.float64]
    checks: NDArray[np.int64]


def _first_accepts(race: Race, check: Check) -> _Accepts:
    """Check each row's candidates in order until one is accepted."""
    position = np.full(race.rows, -1, dtype=np.int64)
    score = np.full(race.rows, -np.inf)
    checks = np.zeros(race.rows, dtype=np.int64)
    rows = np.arange(race.rows, dtype=np.int64)
    while len(rows):
        rows = rows[race.fetch(rows, checks[rows])]
        if not len(rows):
            break
        at = checks[rows]
        found = check(rows, race.tokens[rows, at])
        checks[rows] += 1
        accepted = found > -np.inf
        position[rows[accepted]] = at[accepted]
        score[rows[accepted]] = found[accepted]
        rows = rows[~accepted]
    return _Accepts(position, score, checks)


def _single(race: Race, first: _Accepts, weights: NDArray[np.float64], checks: NDArray[np.int64]) -> Choices:
    """The first accept of each row with a weight."""
    alive = first.position >= 0
    tokens = np.full((race.rows, 1), -1, dtype=np.int64)
    log_weights = np.full((race.rows, 1), -np.inf)
    rows = np.flatnonzero(alive)
    tokens[rows, 0] = race.tokens[rows, first.position[rows]]
    with np.errstate(divide="ignore"):
        log_weights[rows, 0] = np.log(weights[rows]) + first.score[rows]
    tokens[log_weights == -np.inf] = -1
    return Choices(tokens, log_weights, checks)


@dataclass(frozen=True, slots=True)
class TwoLoop:
    """Draw without replacement to an accept and keep it; put it back, leave the rejects out, draw to an accept again.

    ``rao_blackwell``: average the weight over the orders in which the same rejects could have come; never worse.
    About two accepts' worth of checks (accepted tokens are not checked twice).
    """

    rao_blackwell: bool = False

    def estimate(self, race: Race, check: Check, uniforms: Uniforms) -> Choices:
        """See `Estimator`."""
        first = _first_accepts(race, check)
        checks = first.checks.copy()
        rows = np.flatnonzero(first.position >= 0)
        at = first.position[rows]
        probability = np.zeros(race.rows)
        probability[rows] = race.probabilities[rows, at]
        unrejected = np.zeros(race.rows)
        unrejected[rows] = race.rest[rows, at] + probability[rows]
        rejects = np.zeros(race.rows, dtype=np.int64)
        rejects[rows] = at
        reciprocals = np.ones(race.rows)
        before = np.arange(race.rest.shape[1]) < at[:, None]
        reciprocals[rows] += np.where(before, 1.0 / np.where(before, race.rest[rows], 1.0), 0.0).sum(axis=1)

        # The second loop goes on with the same race.  What has not arrived yet is memoryless; only the accepted
        # token starts afresh, so it comes back after an exponential time of its own.
        back = np.full(race.rows, -np.inf)
        if len(rows):
            back[rows] = race.times[rows, at] - np.log(uniforms(rows, 1, 0)[:, 0]) / probability[rows]
        position = first.position + 1
        while len(rows):
            rows = rows[race.fetch(rows, position[rows])]
            rows = rows[race.times[rows, position[rows]] < back[rows]] if len(rows) else rows
            if not len(rows):
                break
            at = position[rows]
            refused = check(rows, race.tokens[rows, at]) == -np.inf
            checks[rows] += 1
            rows, at = rows[refused], at[refused]
            rejects[rows] += 1
            reciprocals[rows] += 1.0 / (race.rest[rows, at] + probability[rows])
            position[rows] += 1
        if self.rao_blackwell:
            weights = two_loop_rao_blackwell_weight(reciprocals)
        else:
            weights = two_loop_weight(unrejected, rejects)
        return _single(race, first, weights, checks)


@dataclass(frozen=True, slots=True)
class Recursive:
    """Check to the first accept, then the next candidate: few checks, and much variance for a likely valid token."""

    def estimate(self, race: Race, check: Check, uniforms: Uniforms) -> Choices:
        """See `Estimator`."""
        first = _first_accepts(race, check)
        checks = first.checks.copy()
        weights = np.zeros(race.rows)
        rows = np.flatnonzero(first.position >= 0)
        at = first.position[rows]
        more = race.fetch(rows, at + 1)
        following = np.zeros(len(rows))
        if more.any():
            asked = rows[more]
            following[more] = check(asked, race.tokens[asked, at[more] + 1]) > -np.inf
            checks[asked] += 1
        weights[rows] = recursive_weight(race.probabilities[rows, at], race.rest[rows, at], following)
        return _single(race, first, weights, checks)


@dataclass(frozen=True, slots=True)
class Geometric:
    """Draws with replacement until ``accepts`` accepts or ``max_rejects`` rejects, rebuilt from a race.

    What was drawn before is drawn again a geometric number of times, for which nothing is checked.  With
    ``max_rejects`` (at least 1; None: no bound) a row without an accept gets weight 0; the others make up for it.
    Raises `SamplerError` for fewer than 2 accepts.
    """

    accepts: int = 2
    max_rejects: int | None = None

    def __post_init__(self) -> None:
        if self.accepts < 2:
            raise SamplerError(f"the geometric estimator needs at least 2 accepts, not {self.accepts}")
        if self.max_rejects is not None and self.max_rejects < 1:
            raise SamplerError(f"max_rejects must be at least 1, and is {self.max_rejects}")

    def estimate(self, race: Race, check: Check, uniforms: Uniforms) -> Choices:
        """See `Estimator`."""
        count = race.rows
        position = np.full(count, -1, dtype=np.int64)
        score = np.full(count, -np.inf)
        checks = np.zeros(count, dtype=np.int64)
        accepts = np.zeros(count, dtype=np.int64)
        rejects = np.zeros(count)  # may be astronomical: a float
        accepted_mass = np.zeros(count)
        bound = np.inf if self.max_rejects is None else float(self.max_rejects)
        rows = np.arange(count, dtype=np.int64)
        events = 0
        rows = rows[race.fetch(rows, checks[rows])]
        while len(rows):
            numbers = uniforms(rows, 2, 2 * events)
            events += 1
            rest = np.where(checks[rows] > 0, race.rest[rows, np.maximum(checks[rows] - 1, 0)], 1.0)
            # Draws of known rejects come first, then one draw of something else, if there is anything else.
            other = rest + accepted_mass[rows]
            with np.errstate(divide="ignore"):
                again = np.floor(np.log(numbers[:, 0]) / np.log1p(-np.minimum(other, 1.0)))
            again[other <= 0.0] = np.inf
            rejects[rows] += again
            rejects[rows] = np.minimum(rejects[rows], bound)
            going = rejects[rows] < bound
            rows, rest, other, numbers = rows[going], rest[going], other[going], numbers[going]
            if not len(rows):
                break
            known = numbers[:, 1] * other < accepted_mass[rows]
            accepts[rows[known]] += 1
            fresh = rows[~known]
            fresh = fresh[race.fetch(fresh, checks[fresh])]
            if len(fresh):
                at = checks[fresh]
                found = check(fresh, race.tokens[fresh, at])
                checks[fresh] += 1
                accepted = found > -np.inf
                new = fresh[accepted]
                is_first = position[new] < 0
                position[new[is_first]] = at[accepted][is_first]
                score[new[is_first]] = found[accepted][is_first]
                accepts[new] += 1
                accepted_mass[new] += race.probabilities[new, at[accepted]]
                rejects[fresh[~accepted]] += 1
            rows = rows[(accepts[rows] < self.accepts) & (rejects[rows] < bound)]
        weights = np.zeros(count)
        alive = position >= 0
        weights[alive] = geometric_weight(self.accepts, accepts[alive], rejects[alive])
        return _single(race, _Accepts(position, score, checks), weights, checks)
