"""Sets of numbers: conjunctions of bounds, divisors and constants, in exact decimal arithmetic.

Purpose: turn the number keywords of one alternative into a `NumberSpec`, or into nothing where no number is
left (``minimum: 1, maximum: 2, multipleOf: 3``).  Nothing here rounds: Python's decimal context
does not take part, fractions and integers do.
Place: used by `number_sets`.  Cost: microseconds; magnitudes are bounded by the reader.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Final

from grammarlib.automata.components import NumberSpec
from grammarlib.errors import LimitExceeded
from grammarlib.sources.jsonschema.nodes import SchemaNode
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


def finite_members(spec: NumberSpec, most: int) -> list[Decimal] | None:
    """The numbers of a set, ascending; None where there are more than ``most``."""
    if spec.values is not None:
        return list(spec.values) if len(spec.values) <= most else None
    multiple_of = ONE if spec.multiple_of is None and spec.digits_only else spec.multiple_of
    if spec.lower is None or spec.upper is None:
        return None
    if spec.lower == spec.upper:
        return [spec.lower]
    if multiple_of is None:
        return None
    step = Fraction(multiple_of)
    first, last = math.ceil(Fraction(spec.lower) / step), math.floor(Fraction(spec.upper) / step)
    if last - first > most:
        return None
    found = [number for index in range(first, last + 1) if holds(spec, number := decimal_of(step * index))]
    return found if len(found) <= most else None


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


Condition = tuple[Decimal | None, bool]
"""Multiples of a number or None, and whether only digits may be written."""

MULTIPLES: Final = 12
"""The most different divisors of one number whose outcomes are combined."""

LOOKED_AT: Final = 1_000
"""How many numbers of a cell are tried one by one."""


def cells(specs: Mapping[int, NumberSpec | None], verdict: Callable[[Mapping[int, bool]], bool]) -> list[NumberSpec]:
    """Sets that cover the numbers for which ``verdict`` says yes, given for each key whether its set has the number.

    The number line is cut at all bounds and constants; between two cuts only divisibility and how a number is
    written still differ.  Every spec (its label is 0) has a number that satisfies ``verdict``, as far as was looked.
    """
    cuts = sorted(
        {
            bound
            for spec in specs.values()
            if spec is not None
            for bound in (spec.lower, spec.upper, *(spec.values or ()))
            if bound is not None
        }
    )
    found: list[NumberSpec] = []
    previous: tuple[Condition, ...] = ()
    begin: tuple[Decimal | None, bool] = (None, False)  # where the run of cells that say the same begins, open or not
    edges: list[Decimal | None] = [None, *cuts, None]
    for index in range(len(edges) - 1):
        lower, upper = edges[index], edges[index + 1]
        here = _conditions(specs, verdict, lower, upper)
        joins = False
        if lower is not None:
            plain = verdict({key: _has(spec, lower, False) for key, spec in specs.items()})
            digits = is_integral(lower) and verdict({key: _has(spec, lower, True) for key, spec in specs.items()})
            joins = here == previous and (plain or digits) == any(_meets(lower, condition) for condition in here)
            if not joins:
                found += _as_specs(previous, begin, (lower, True), specs, verdict)
                if plain or digits:
                    found.append(NumberSpec(0, values=(lower,), digits_only=not plain))
        if not joins:
            begin = (lower, lower is not None)
        previous = here
    return found + _as_specs(previous, begin, (None, False), specs, verdict)


def _has(spec: NumberSpec | None, number: Decimal, digits: bool) -> bool:
    """Whether a set has ``number``, written with digits only or not."""
    return spec is not None and (digits or not spec.digits_only) and holds(spec, number)


def _conditions(
    specs: Mapping[int, NumberSpec | None],
    verdict: Callable[[Mapping[int, bool]], bool],
    lower: Decimal | None,
    upper: Decimal | None,
) -> tuple[Condition, ...]:
    """Between two neighbouring cuts: the weakest conditions that numbers with a good verdict meet."""
    covering = {
        key: (spec.multiple_of, spec.digits_only)
        for key, spec in specs.items()
        if spec is not None
        and spec.values is None
        and (spec.lower is None or (lower is not None and spec.lower <= lower))
        and (spec.upper is None or (upper is not None and spec.upper >= upper))
    }
    conditions = sorted({condition for condition in covering.values() if condition != (None, False)}, key=repr)
    if len(conditions) > MULTIPLES:
        raise LimitExceeded("tracks", MULTIPLES, len(conditions), "different multiples of one number")

    def good(met: frozenset[Condition]) -> bool:
        return verdict(
            {key: key in covering and (covering[key] == (None, False) or covering[key] in met) for key in specs}
        )

    # As whole numbers of a common unit: every set of conditions is looked at.
    unit = math.lcm(1, *(Fraction(divisor).denominator for divisor, _ in conditions if divisor is not None))
    divisors = [None if divisor is None else int(Fraction(divisor) * unit) for divisor, _ in conditions]
    weakest: list[frozenset[Condition]] = []
    for size in range(len(conditions) + 1):
        for chosen in combinations(range(len(conditions)), size):
            met = frozenset(conditions[place] for place in chosen)
            if any(other <= met for other in weakest):
                continue
            digits = any(only for _, only in met)
            multiples = [divisor for place in chosen if (divisor := divisors[place]) is not None]
            multiple = math.lcm(*multiples) if multiples else unit if digits else None
            if any(
                conditions[place] not in met
                and (digits or not conditions[place][1])
                and (divisor is None or (multiple is not None and multiple % divisor == 0))
                for place, divisor in enumerate(divisors)
            ):
                continue  # no number meets these and no others
            if good(met) and _exists(_joint(met), [c for c in conditions if c not in met], lower, upper):
                weakest.append(met)
    return tuple(_joint(met) for met in weakest)


def _exists(joint: Condition, others: list[Condition], lower: Decimal | None, upper: Decimal | None) -> bool:
    """Whether a number strictly between the cuts meets ``joint`` and none of ``others``, as far as was looked."""
    multiple, digits = joint
    if digits and multiple is None:
        multiple = ONE
    if multiple is None:
        return True  # fractions that divide by nothing lie everywhere
    step = Fraction(multiple)
    if lower is not None:
        first, direction = math.floor(Fraction(lower) / step) + 1, 1
    elif upper is not None:
        first, direction = math.ceil(Fraction(upper) / step) - 1, -1
    else:
        first, direction = 1, 1
    divisors = [Fraction(ONE if divisor is None else divisor) for divisor, only in others if not only or digits]
    for index in range(LOOKED_AT):
        number = step * (first + direction * index)
        if (upper is not None and number >= upper) or (lower is not None and number <= lower):
            return False
        if not any((number / divisor).denominator == 1 for divisor in divisors):
            return True
    # Residues recur with the least common multiple: what was looked at is all there is where that is small.
    period = 1
    for divisor in divisors:
        period = math.lcm(period, (divisor / step).numerator)
    return period > LOOKED_AT


def _joint(conditions: Iterable[Condition]) -> Condition:
    multiple: Decimal | None = None
    digits = False
    for divisor, only in conditions:
        digits = digits or only
        if divisor is not None:
            multiple = divisor if multiple is None else common_multiple(multiple, divisor)
    return multiple, digits


def _meets(number: Decimal, condition: Condition) -> bool:
    """Whether some way to write ``number`` meets a condition."""
    divisor, only = condition
    if only and not is_integral(number):
        return False
    return divisor is None or (Fraction(number) / Fraction(divisor)).denominator == 1


def _as_specs(
    conditions: tuple[Condition, ...],
    begin: tuple[Decimal | None, bool],
    end: tuple[Decimal | None, bool],
    specs: Mapping[int, NumberSpec | None],
    verdict: Callable[[Mapping[int, bool]], bool],
) -> list[NumberSpec]:
    """A run of cells as specs; a few multiples between two bounds one by one, those with a good verdict only."""
    found = []
    for multiple, digits in conditions:
        spec = NumberSpec(0, begin[0], end[0], begin[1], end[1], multiple, None, digits)
        if spec.lower is not None and spec.upper is not None:
            if _is_empty(spec):
                continue
            step = Fraction(ONE if multiple is None and digits else multiple or 0)
            if step and (Fraction(spec.upper) - Fraction(spec.lower)) / step <= LOOKED_AT:
                first = math.ceil(Fraction(spec.lower) / step)
                last = math.floor(Fraction(spec.upper) / step)
                every = (decimal_of(step * index) for index in range(first, last + 1))
                good = [
                    number
                    for number in every
                    if holds(spec, number)
                    and any(
                        verdict({key: _has(other, number, way and is_integral(number)) for key, other in specs.items()})
                        for way in ((True,) if digits else (True, False))
                    )
                ]
                if good:
                    found.append(NumberSpec(0, values=tuple(good), digits_only=digits))
                continue
        found.append(spec)
    return found
