"""Draws by inversion, integrated exactly: a uniform number leads to the token in whose interval of the proposal it is.

Slow and obvious: the intervals are those of the cumulative proposal, in rational numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def intervals(proposal: Sequence[Fraction], allowed: Sequence[bool]) -> list[tuple[int, Fraction, Fraction]]:
    """(token, begin, end) of every token with an interval: the proposal, normalised over allowed tokens."""
    kept = [q if is_allowed else Fraction(0) for q, is_allowed in zip(proposal, allowed, strict=True)]
    total = sum(kept)
    found, begin = [], Fraction(0)
    for token, q in enumerate(kept):
        if q:
            found.append((token, begin, begin + q / total))
            begin += q / total
    return found


def expectation(
    law: Sequence[Fraction],
    proposal: Sequence[Fraction],
    allowed: Sequence[bool],
    factors: Sequence[Fraction],
    ratio: bool = True,
) -> list[Fraction]:
    """E[weight * 1{token = v}] with the weight p * factor / q, or without its ratio: the mass under the mask alone."""
    result = [Fraction(0)] * len(law)
    mass = sum((p * f for p, f, ok in zip(law, factors, allowed, strict=True) if ok), Fraction(0))
    for token, begin, end in intervals(proposal, allowed):
        weight = law[token] * factors[token] / (end - begin) if ratio else mass
        result[token] += (end - begin) * weight
    return result
