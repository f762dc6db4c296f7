"""The search for what has to fail in a value whose outcome is open, against looking at every set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grammarlib.sources.jsonschema.statuses import least_sets


@given(st.integers(0, 7), st.lists(st.integers(0, 127), max_size=6))
def test_least_sets_are_those_of_which_no_part_is_enough(count: int, reasons: list[int]) -> None:
    reasons = [reason & ((1 << count) - 1) for reason in reasons]
    asked: list[int] = []

    def enough(chosen: int) -> bool:
        asked.append(chosen)
        return any(reason & ~chosen == 0 for reason in reasons)

    found = least_sets(count, enough)
    questions = len(asked)
    sets = [chosen for chosen in range(1 << count) if enough(chosen)]
    least = [chosen for chosen in sets if not any(other != chosen and other & ~chosen == 0 for other in sets)]
    assert sorted(found) == least
    assert [chosen.bit_count() for chosen in found] == sorted(chosen.bit_count() for chosen in found)
    largest = [
        chosen
        for chosen in range(1 << count)
        if chosen not in sets and all(chosen | 1 << place in sets for place in range(count) if not chosen >> place & 1)
    ]
    assert questions <= len(largest) + len(least) * (count + 1)
