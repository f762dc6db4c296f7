"""Murthy's estimator: check few tokens, and weigh each accepted one by how likely it was to come first.

Purpose: the default estimator of `samplers.token.awrs`.  Draw without replacement until a rule stops; of the set s that
was checked, its order is forgotten.  An accepted token y is worth ``P(first drawn = y | s)``, which averages to p(y)
(Murthy 1957; any stopping rule will do that depends on the set alone and stays true for larger sets).
Place: one of `samplers.token.estimators`.
Cost: checks by the rule; the weight of up to six checked tokens is a sum over their subsets, 1 to 10 us a
row in a batch of 64 (one CPU core); beyond that an integral over time on some 400 points, 0.1 ms for a row of twelve.
Not taken: summing over the orders of s, which takes factorial time: it is the oracle of the tests.

Tokens arrive after exponential times of rate p.  With R the unexplored mass, and l any token that may have been the
last one (without it, the rule would not have stopped),

    P(s)     = sum over l of  integral of  p_l exp(-(R + p_l) t)  prod over j in s - l of (1 - exp(-p_j t))  dt
    P(s | y) = the same without y in the product, and l not y
    P(first = y | s) = p_y P(s | y) / P(s)

The integrand is smooth in log t and dies away at both ends, so the trapezoid rule on equal steps of log t converges
exponentially: steps of 0.2 leave a relative error of 1e-12.

For few tokens the same by the order of arrival, without an integral: the first draws are the set T with probability
F(T) = sum over l in T of F(T - l) p_l / (R + mass of s outside T - l), and the first token stays the first one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.token.estimators import Check, Choices, Uniforms
from samplers.token.race import Race

_STEP: Final = 0.2
_LEFT: Final = 38.0
"""How far before the first event of interest the integral begins: the integrand falls by a factor e a unit."""
_RIGHT: Final = 46.0
"""Where a factor exp(-x) is as good as 0."""
_CELLS: Final = 1 << 21
"""Numbers in one array of the quadrature: rows are taken in groups below it."""
_SUBSETS: Final = 6
"""Up to so many tokens the weight is a sum over subsets; the integral is quicker for more (64 rows, one CPU core)."""
_TINY: Final = 1e-200
"""Sums below it may have lost terms to underflow: these rows take the integral, which is done in logarithms."""
_SLACK: Final = 1e-9
"""Masses are sums in various orders; a rule must come to one answer for one set."""


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When enough tokens were checked.  Each clause depends on the checked set alone and stays true for larger sets.

    Stop with ``max_accepts`` accepted tokens; or after ``min_checks`` checks or more, with an accepted one, where the
    unexplored mass is at most ``tolerance`` times the accepted mass (None: never); or after ``max_checks`` checks
    (None: no bound); or where the unexplored mass is at most ``negligible`` (0: only where nothing is left).
    Masses are fractions of the mass under the mask.  A rule that stops without an accept gives weight 0, and the other
    rows make up for it: every rule is unbiased, and their variances differ.  A lone accepted token that came last
    has weight 0 as well, since it cannot have come first: so there is no clause that stops on one after a fixed number
    of checks.  Where most steps have a single valid token, `samplers.token.Recursive` finds it with one check more and
    gives it its exact weight.
    Raises `SamplerError` for numbers that make no rule.
    """

    max_accepts: int = 2
    min_checks: int = 3
    tolerance: float | None = 0.25
    max_checks: int | None = None
    negligible: float = 0.0

    def __post_init__(self) -> None:
        if any(bound is not None and bound < 1 for bound in (self.max_accepts, self.min_checks, self.max_checks)):
            raise SamplerError("max_accepts, min_checks and max_checks must be at least 1")
        if not 0 <= self.negligible < 1 or (self.tolerance is not None and not 0 <= self.tolerance < np.inf):
            raise SamplerError("negligible must be in [0, 1), and tolerance finite and not negative, or None")

    def stops(
        self,
        checks: NDArray[np.int64],
        accepts: NDArray[np.int64],
        accepted_mass: NDArray[np.float64],
        rest: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Whether the rule holds for sets of so many checks and accepts, so much accepted and unexplored mass.

        All arrays of one shape, which is the result's.
        """
        found = (accepts >= self.max_accepts) | (rest <= self.negligible * (1 + _SLACK))
        if self.tolerance is not None:
            near = rest <= self.tolerance * accepted_mass * (1 + _SLACK)
            found |= near & (accepts >= 1) & (checks >= self.min_checks)
        if self.max_checks is not None:
            found |= checks >= self.max_checks
        return found

    def certain_checks(self, checks: NDArray[np.int64], accepts: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many more tokens are checked for certain, if there are so many and ``negligible`` is 0; at least 1."""
        more = self.max_accepts - accepts
        if self.tolerance is not None:
            more = np.minimum(more, np.maximum(self.min_checks - checks, 1))
        if self.max_checks is not None:
            more = np.minimum(more, self.max_checks - checks)
        return np.maximum(more, 1)


@dataclass(frozen=True, slots=True)
class Murthy:
    """The estimator; ``rule`` decides how many tokens are checked.

    ``lookahead``: how many tokens of a row to ask for in one call at least, where a call costs more than a check: some
    of the checks may turn out not to be needed, and are counted.
    """

    rule: StoppingRule = field(default_factory=StoppingRule)
    lookahead: int = 1

    def estimate(self, race: Race, check: Check, uniforms: Uniforms) -> Choices:
        """See `samplers.token.estimators.Estimator`.  Every accepted token of a row is a choice."""
        rule = self.rule
        lengths = np.zeros(race.rows, dtype=np.int64)
        checks = np.zeros(race.rows, dtype=np.int64)
        scores = np.full((race.rows, 0), -np.inf)
        accepts = np.zeros(race.rows, dtype=np.int64)
        accepted_mass = np.zeros(race.rows)
        rows = np.arange(race.rows, dtype=np.int64)
        while len(rows):
            rows = rows[race.fetch(rows, lengths[rows])]
            if not len(rows):
                break
            wanted = np.ones(len(rows), dtype=np.int64)
            if rule.negligible == 0.0:
                wanted = rule.certain_checks(lengths[rows], accepts[rows])
            wanted = np.maximum(wanted, self.lookahead)
            scores = _widened(scores, race.tokens.shape[1])
            # What was fetched, and no more: a further block is worth a pass over the logits.
            window = np.arange(int(wanted.max()))
            places = lengths[rows][:, None] + window
            inside = (window < wanted[:, None]) & (places < race.tokens.shape[1])
            inside[inside] = race.tokens[np.repeat(rows, inside.sum(axis=1)), places[inside]] >= 0
            asked = np.repeat(rows, inside.sum(axis=1))
            scores[asked, places[inside]] = check(asked, race.tokens[asked, places[inside]])
            checks[rows] += inside.sum(axis=1)
            going = np.ones(len(rows), dtype=np.bool_)
            for column in range(inside.shape[1]):
                now = rows[going & inside[:, column]]
                if not len(now):
                    break
                at = lengths[now]
                accepted = scores[now, at] > -np.inf
                accepts[now] += accepted
                accepted_mass[now] += np.where(accepted, race.probabilities[now, at], 0.0)
                lengths[now] += 1
                stopped = rule.stops(lengths[now], accepts[now], accepted_mass[now], race.rest[now, at])
                going[going & inside[:, column]] = ~stopped
            rows = rows[going]
        return self._choices(race, lengths, scores, checks)

    def _choices(
        self, race: Race, lengths: NDArray[np.int64], scores: NDArray[np.float64], checks: NDArray[np.int64]
    ) -> Choices:
        longest = int(lengths.max(initial=1))
        scores = _widened(scores, longest)[:, :longest]
        inside = np.arange(longest) < lengths[:, None]
        scores = np.where(inside, scores, -np.inf)
        accepted = scores > -np.inf
        log_first = np.full(scores.shape, -np.inf)
        rows = np.flatnonzero(accepted.any(axis=1))
        if len(rows):
            last = lengths[rows] - 1
            log_first[rows] = log_first_given_set(
                race.probabilities[rows, :longest], accepted[rows], lengths[rows], race.rest[rows, last], self.rule
            )
        tokens = np.full(scores.shape, -1, dtype=np.int64)
        width = min(longest, race.tokens.shape[1])
        tokens[:, :width] = race.tokens[:, :width]
        log_weights = log_first + scores
        return Choices(np.where(log_weights > -np.inf, tokens, -1), log_weights, checks)


def _widened(scores: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    more = width - scores.shape[1]
    return np.pad(scores, ((0, 0), (0, more)), constant_values=-np.inf) if more > 0 else scores


def log_first_given_set(
    probabilities: NDArray[np.float64],
    accepted: NDArray[np.bool_],
    lengths: NDArray[np.int64],
    rest: NDArray[np.float64],
    rule: StoppingRule,
) -> NDArray[np.float64]:
    """log P(the token came first | the set that was checked), for the accepted tokens of each row; -inf for others.

    ``probabilities``, ``accepted``: [rows, places]; places from ``lengths`` on are ignored.  The token at place
    ``lengths - 1`` is taken to be the last one of a run.  ``rest``: float64[rows], the mass that is unexplored.
    """
    inside = np.arange(probabilities.shape[1]) < lengths[:, None]
    accepted = accepted & inside
    probabilities = np.where(inside, probabilities, 0.0)
    result = np.full(probabilities.shape, -np.inf)
    result[:, 0][(lengths == 1) & accepted[:, 0]] = 0.0
    eligible = inside & ~_stops_without_each(probabilities, accepted, inside, lengths, rest, rule)
    eligible[np.arange(len(lengths)), lengths - 1] = True

    is_open = (lengths > 1) & accepted.any(axis=1)
    for count in range(2, _SUBSETS + 1):
        group = np.flatnonzero(is_open & (lengths == count))
        if len(group):
            found, is_sound = _sum_over_subsets(probabilities[group, :count], eligible[group, :count], rest[group])
            done = group[is_sound]
            result[done, :count] = np.where(accepted[done, :count], found[is_sound], -np.inf)
            is_open[done] = False
    rows = np.flatnonzero(is_open)
    if not len(rows):
        return result
    rows = rows[np.argsort(lengths[rows], kind="stable")]  # rows of a group are padded to its longest
    smallest = np.where(eligible, probabilities, np.inf).min(axis=1) + rest
    largest = np.where(eligible, probabilities, 0.0).max(axis=1) + rest
    # Every factor has turned over between one over the largest and one over the smallest rate.
    left = -np.log(np.maximum(largest, probabilities.max(axis=1))) - _LEFT
    right = np.log(_RIGHT) - np.log(smallest)
    points = np.ceil((right - left) / _STEP).astype(np.int64) + 1
    start = 0
    while start < len(rows):
        stop = start + 1
        most = points[rows[start]]
        while stop < len(rows):
            most = max(most, points[rows[stop]])
            if most * lengths[rows[stop]] * (stop + 1 - start) > _CELLS:
                break
            stop += 1
        group = rows[start:stop]
        width = int(lengths[group].max())
        result[group, :width] = _quadrature(
            probabilities[group, :width],
            accepted[group, :width],
            eligible[group, :width],
            inside[group, :width],
            rest[group],
            left[group],
            right[group],
        )
        start = stop
    return result


def _stops_without_each(
    probabilities: NDArray[np.float64],
    accepted: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    lengths: NDArray[np.int64],
    rest: NDArray[np.float64],
    rule: StoppingRule,
) -> NDArray[np.bool_]:
    """Whether the rule would have stopped on the set without the token at each place: bool[rows, places]."""
    accepted_probabilities = np.where(accepted, probabilities, 0.0)
    others = np.broadcast_to(accepted_probabilities[:, None, :], (*probabilities.shape, probabilities.shape[1])).copy()
    diagonal = np.arange(probabilities.shape[1])
    others[:, diagonal, diagonal] = 0.0  # sums of the others: a difference would lose small masses
    return rule.stops(
        np.broadcast_to(lengths[:, None] - 1, inside.shape),
        accepted.sum(axis=1)[:, None] - accepted,
        others.sum(axis=2),
        rest[:, None] + probabilities,
    )


def _sum_over_subsets(
    probabilities: NDArray[np.float64], eligible: NDArray[np.bool_], rest: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """log P(each token came first | the set), and which rows are free of underflow; rows of one length, all checked."""
    rows, count = probabilities.shape
    everything = (1 << count) - 1
    # By set of tokens that arrived: P(these, in any order, token y first) in column y, P(these) in the last one.
    arrived = np.zeros((everything + 1, rows, count + 1))
    arrived[0, :, count] = 1.0
    for subset in range(everything):
        outside = [token for token in range(count) if not subset >> token & 1]
        left = rest + probabilities[:, outside].sum(axis=1)
        is_last = len(outside) == 1
        for token in outside:
            share = probabilities[:, token] / left
            if is_last:
                share = np.where(eligible[:, token], share, 0.0)
            after = arrived[subset | 1 << token]
            after += arrived[subset] * share[:, None]
            if subset == 0:
                after[:, token] += share
    sums = arrived[everything]
    is_sound = sums[:, count] > _TINY
    with np.errstate(divide="ignore"):
        return np.log(sums[:, :count]) - np.log(np.where(is_sound, sums[:, count], 1.0))[:, None], is_sound


def _quadrature(
    probabilities: NDArray[np.float64],
    accepted: NDArray[np.bool_],
    eligible: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    rest: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.float64]:
    """`log_first_given_set` for rows of at least two tokens, all at once."""
    count = int(np.ceil((right - left).max() / _STEP)) + 1
    log_time = left[:, None] + (right - left)[:, None] * (np.arange(count) / (count - 1))
    time = np.exp(log_time)
    with np.errstate(over="ignore", divide="ignore", under="ignore", invalid="ignore"):  # 0 / 0 is padding
        scaled = probabilities[:, :, None] * time[:, None, :]
        # Arrived by then, for each token, and in the log for all of them together.
        log_arrived = np.where(inside[:, :, None], np.log(-np.expm1(-scaled)), 0.0)
        log_all = log_arrived.sum(axis=1) + log_time - rest[:, None] * time
        # p_l exp(-p_l t) / (1 - exp(-p_l t)): the token l is the last one and arrives now.
        arriving = np.where(eligible[:, :, None], probabilities[:, :, None] / np.expm1(scaled), 0.0)
        log_total = _log_integral(log_all, arriving.sum(axis=1))
        result = np.full(probabilities.shape, -np.inf)
        for place in np.flatnonzero(accepted.any(axis=0)):
            rows = np.flatnonzero(accepted[:, place])
            others = arriving[rows].sum(axis=1, where=np.arange(probabilities.shape[1])[:, None] != place)
            log_without = _log_integral(log_all[rows] - log_arrived[rows, place], others)
            result[rows, place] = np.log(probabilities[rows, place]) + log_without - log_total[rows]
    return result


def _log_integral(log_values: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """log of the sum of exp(log_values) * factors along each row; the step is left out, it cancels in ratios."""
    terms = log_values + np.log(factors)
    largest = terms.max(axis=1)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    total: NDArray[np.float64] = np.log(np.exp(terms - shift[:, None]).sum(axis=1)) + shift
    return total
