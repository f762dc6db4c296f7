"""Sets of numbers: conjunctions of bounds, divisors and constants, in exact decimal arithmetic.

Purpose: turn the number keywords of one alternative into a `NumberSpec`, or into nothing where no number is
left (``minimum: 1, maximum: 2, multipleOf: 3``).  Nothing here rounds: Python's decimal context
does not take part, fractions and integers do.
Place: used by `lower`.  Cost: microseconds; magnitudes are bounded by the reader.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from grammarlib.automata.components import NumberSpec
from grammarlib.sources.jsonschema.reader import SchemaNode
from grammarlib.sources.jsonschema.values import FRACTION, INTEGRAL, Canonical, is_integral

ONE: Final = Decimal(1)


def decimal_of(number: Fraction) -> Decimal:
    """A fraction whose denominator divides a power of ten, as a Decimal without rounding."""
    scale = 0
    denominator = number.denominator
    twos = fives = 0
    while denominator % 2 == 0:
        denominator //= 2
        twos += 1
    while denominator % 5 == 0:
        denominator //= 5
        fives += 1
    if denominator != 1:
        raise ValueError(f"{number} is no finite decimal")
    scale = max(twos, fives)
    scaled = number.numerator * 10**scale // number.denominator
    return Decimal(f"{scaled}e{-scale}") if scale else Decimal(scaled)


def common_multiple(first: Decimal, second: Decimal) -> Decimal:
    """The least positive number that is a multiple of both."""
    if first == second:
        return first
    one, two = Fraction(first), Fraction(second)
    return decimal_of(Fraction(math.lcm(one.numerator, two.numerator), math.gcd(one.denominator, two.denominator)))


def number_spec(nodes: Iterable[SchemaNode], types: int, values: frozenset[Canonical] | None) -> NumberSpec | None:
    """The numbers that satisfy every node, of the types that are left; None where there are none.

    The label is 0; the caller sets it.
    """
    lower = upper = multiple_of = None
    lower_open = upper_open = False
    for node in nodes:
        bound = node.lower
        if bound is not None and (lower is None or bound > lower or (bound == lower and node.lower_open)):
            lower, lower_open = bound, node.lower_open
        bound = node.upper
        if bound is not None and (upper is None or bound < upper or (bound == upper and node.upper_open)):
            upper, upper_open = bound, node.upper_open
        divisor = node.multiple_of
        if divisor is not None:
            multiple_of = divisor if multiple_of is None else common_multiple(multiple_of, divisor)
    digits_only = not types & INTEGRAL
    if not types & FRACTION and (multiple_of is not None or not digits_only):
        multiple_of = ONE if multiple_of is None else common_multiple(multiple_of, ONE)
    spec = NumberSpec(0, lower, upper, lower_open, upper_open, multiple_of, None, digits_only)
    if values is not None:
        kept = tuple(sorted(v for v in values if isinstance(v, Decimal) and holds(spec, v)))
        if not kept:
            return None
        return NumberSpec(0, values=kept, digits_only=digits_only)
    return spec if lower is None or upper is None or not _is_empty(spec) else None


def holds(spec: NumberSpec, number: Decimal) -> bool:
    """Whether some way to write ``number`` belongs to the set."""
    if spec.digits_only and not is_integral(number):
        return False
    if spec.values is not None:
        return number in spec.values
    if spec.lower is not None and (number < spec.lower or (spec.lower_open and number == spec.lower)):
        return False
    if spec.upper is not None and (number > spec.upper or (spec.upper_open and number == spec.upper)):
        return False
    return spec.multiple_of is None or (Fraction(number) / Fraction(spec.multiple_of)).denominator == 1


def _is_empty(spec: NumberSpec) -> bool:
    """Whether no number is left; both bounds are set."""
    lower, upper = spec.lower, spec.upper
    assert lower is not None and upper is not None
    if lower > upper or (lower == upper and (spec.lower_open or spec.upper_open)):
        return True
    multiple_of = ONE if spec.multiple_of is None and spec.digits_only else spec.multiple_of
    if multiple_of is None:
        return False
    step = Fraction(multiple_of)
    quotient = Fraction(lower) / step
    first = math.ceil(quotient)
    if spec.lower_open and first == quotient:
        first += 1
    last = Fraction(upper) / step
    return first > last or (spec.upper_open and first == last)


def merge_specs(specs: dict[NumberSpec, int]) -> tuple[NumberSpec, ...]:
    """The labelled union of sets (given with label 0): what a wider set with the same labels holds is dropped."""
    everything = NumberSpec(0)
    whole = specs.get(everything, 0)
    return tuple(replace(spec, label=label) for spec, label in specs.items() if spec == everything or label & ~whole)
