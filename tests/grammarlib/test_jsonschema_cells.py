"""The sets of numbers on which a verdict over several sets says yes, against asking it number by number."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grammarlib.automata.components import NumberSpec
from grammarlib.sources.jsonschema.numbers import cells, holds

multiples = st.sampled_from((None, *map(Decimal, ("1", "2", "3", "6", "0.5", "1.5", "0.1", "2.5"))))
bounds = st.one_of(st.none(), st.integers(-6, 12).map(lambda number: Decimal(number) / 2))
specs = st.builds(
    NumberSpec,
    st.just(0),
    lower=bounds,
    upper=bounds,
    multiple_of=multiples,
    digits_only=st.booleans(),
)
NUMBERS = [(Decimal(number) / 10, digits) for number in range(-130, 131) for digits in (False, True)]


@given(st.lists(specs, min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_cells_hold_the_numbers_of_the_verdict(several: list[NumberSpec], truths: int) -> None:
    def verdict(held: Mapping[int, bool]) -> bool:
        return bool(truths >> sum(1 << key for key, value in held.items() if value) & 1)

    def has(spec: NumberSpec, number: Decimal, digits: bool) -> bool:
        return (digits or not spec.digits_only) and holds(spec, number)

    found = cells(dict(enumerate(several)), verdict)
    for number, digits in NUMBERS:
        if digits and number != int(number):
            continue
        held = {key: has(spec, number, digits) for key, spec in enumerate(several)}
        if verdict(held):
            assert any(has(spec, number, digits) for spec in found), (number, digits)
