"""Every run of a token sampler over a small vocabulary, in rational numbers.

Slow and obvious: orders are permutations, draws with replacement are sequences.  The weights themselves come from the
functions of `samplers.token.estimators`, which take fractions as well as arrays; the exception is Murthy's, whose
oracle sums over orders where the sampler integrates over time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from samplers.token.estimators import (
    geometric_weight,
    recursive_weight,
    two_loop_rao_blackwell_weight,
    two_loop_weight,
)

Law = Sequence[Fraction]
Condition = Sequence[bool]
Expectation = list[Fraction]
"""E[weight * 1{token = v}] for each v."""


def target(law: Law, condition: Condition) -> Expectation:
    """p(v) c(v)."""
    return [p if c else Fraction(0) for p, c in zip(law, condition, strict=True)]


def orders(law: Law) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """Every order of drawing without replacement, with its probability."""
    for order in itertools.permutations(range(len(law))):
        probability, mass = Fraction(1), Fraction(1)
        for token in order:
            probability *= law[token] / mass
            mass -= law[token]
        yield order, probability


def two_loop(law: Law, condition: Condition, rao_blackwell: bool) -> Expectation:
    """Both loops, draw by draw."""
    expectation = [Fraction(0)] * len(law)

    def draw(
        rejected: tuple[int, ...], first: int | None, unrejected_first: Fraction, reciprocals: Fraction, q: Fraction
    ) -> None:
        left = 1 - sum((law[token] for token in rejected), Fraction(0))
        for token, p in enumerate(law):
            if token in rejected:
                continue
            probability = q * p / left
            if not condition[token]:
                after = left - p
                more = 1 / after if after else Fraction(0)
                draw((*rejected, token), first, unrejected_first, reciprocals + more, probability)
            elif first is None:
                draw(rejected, token, left, reciprocals, probability)
            elif rao_blackwell:
                expectation[first] += probability * two_loop_rao_blackwell_weight(reciprocals)
            else:
                expectation[first] += probability * two_loop_weight(unrejected_first, len(rejected))

    draw((), None, Fraction(1), Fraction(1), Fraction(1))
    return expectation


def recursive(law: Law, condition: Condition) -> Expectation:
    """First accept, then one more."""
    expectation = [Fraction(0)] * len(law)
    for order, probability in orders(law):
        mass = Fraction(0)
        for place, token in enumerate(order):
            mass += law[token]
            if condition[token]:
                following = place + 1 < len(order) and condition[order[place + 1]]
                expectation[token] += probability * recursive_weight(law[token], 1 - mass, int(following))
                break
    return expectation


def geometric(law: Law, condition: Condition, accepts: int, max_rejects: int) -> Expectation:
    """Draws with replacement until so many accepts or rejects."""
    expectation = [Fraction(0)] * len(law)

    def draw(first: int | None, accepted: int, rejected: int, q: Fraction) -> None:
        if accepted == accepts or rejected == max_rejects:
            if first is not None:
                weight = geometric_weight(Fraction(accepts), Fraction(accepted), Fraction(rejected))
                expectation[first] += q * weight
            return
        for token, p in enumerate(law):
            if condition[token]:
                draw(token if first is None else first, accepted + 1, rejected, q * p)
            else:
                draw(first, accepted, rejected + 1, q * p)

    draw(None, 0, 0, Fraction(1))
    return expectation


def improper(law: Law, condition: Condition) -> Expectation:
    """The first accept with weight 1: the negative control."""
    expectation = [Fraction(0)] * len(law)
    for order, probability in orders(law):
        accepted = [token for token in order if condition[token]]
        if accepted:
            expectation[accepted[0]] += probability
    return expectation


Stops = Callable[[tuple[int, ...]], bool]


def murthy_sets(law: Law, stops: Stops) -> dict[frozenset[int], tuple[Fraction, dict[int, Fraction], tuple[int, ...]]]:
    """For every set that a run can end with: its probability, P(first = y and the set) for each y, and one order."""
    found: dict[frozenset[int], tuple[Fraction, dict[int, Fraction], tuple[int, ...]]] = {}
    for order, probability in orders(law):
        length = next(length for length in range(1, len(order) + 1) if stops(order[:length]))
        drawn = frozenset(order[:length])
        total, by_first, one = found.get(drawn, (Fraction(0), {}, order[:length]))
        by_first[order[0]] = by_first.get(order[0], Fraction(0)) + probability
        found[drawn] = (total + probability, by_first, one)
    return found


def murthy(law: Law, condition: Condition, stops: Stops) -> Expectation:
    """E of P(first = y | set), over sets."""
    expectation = [Fraction(0)] * len(law)
    for total, by_first, _ in murthy_sets(law, stops).values():
        for token, joint in by_first.items():
            if condition[token]:
                expectation[token] += total * (joint / total)
    return expectation
