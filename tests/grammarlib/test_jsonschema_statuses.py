"""The search for what has to fail in a value whose outcome is open, against looking at every set."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import grammarlib as gl
from grammarlib.sources.jsonschema.formulas import Goal
from grammarlib.sources.jsonschema.object_states import ObjectContext
from grammarlib.sources.jsonschema.statuses import Conjunction, ObjectState, Phase, least_sets


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


NAMES = "abcde"
subsets = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
members = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(({"const": 1}, {"type": "string"}, False)), max_size=3
)


@st.composite
def alternatives(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {"required": draw(subsets), "properties": draw(members)}
    if draw(st.booleans()):
        found["additionalProperties"] = draw(st.sampled_from((False, {"const": 1})))
    return found


def follow(
    several: list[dict[str, Any]], refused: list[list[str]], names: list[str], values: list[str], order: Any
) -> None:
    """Read objects that meet exactly one of ``several`` and lack a name of each of ``refused``, or nearly do."""
    schema = {"oneOf": several, "not": {"anyOf": [{"required": several} for several in [*refused, [*NAMES, "f"]]]}}
    try:
        compiled = gl.compile(gl.JsonSchema({"type": "object", **schema}, order=order))
    except gl.UnsatisfiableSchema:
        return
    for first in range(3):
        text = ",".join(f'"{name}":{value}' for name, value in zip(names[first:], values, strict=False))
        compiled.accepts("{" + text + "}")


objects = given(
    st.lists(alternatives(), min_size=2, max_size=4),
    st.lists(subsets.filter(bool), max_size=2),
    st.permutations(NAMES),
    st.lists(st.sampled_from(("1", '"x"')), min_size=5, max_size=5),
    st.sampled_from(("any", "schema")),
)


@objects
def test_what_is_known_of_one_state_holds_of_all_that_agree_with_it(
    several: list[dict[str, Any]], refused: list[list[str]], names: list[str], values: list[str], order: Any
) -> None:
    """Each answer that is kept for several sets of used names is what a search of its own finds."""
    kept = ObjectContext.can_finish

    def checked(self: ObjectContext, state: ObjectState, goal: Goal, failed: frozenset[int] = frozenset()) -> bool:
        found = kept(self, state, goal, failed)
        if failed.isdisjoint(goal.holds):
            assert self._can_finish(state, goal, failed) == found
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ObjectContext, "can_finish", checked)
        follow(several, refused, names, values, order)


@objects
def test_the_exits_that_are_demanded_are_those_after_which_a_goal_is_reached(
    several: list[dict[str, Any]], refused: list[list[str]], names: list[str], values: list[str], order: Any
) -> None:
    demanded = ObjectContext.demanded

    def checked(
        self: ObjectContext,
        after: Any,
        phase: Phase,
        tracked: dict[Conjunction, list[int]],
        bits: dict[Conjunction, int],
    ) -> list[tuple[int, int]]:
        found = demanded(self, after, phase, tracked, bits)
        for size in range(len(tracked) + 1):
            for failing in combinations(tracked, size):
                exit = sum(bits[conjunction] for conjunction in tracked if conjunction not in failing)
                failed = frozenset(atom for conjunction in failing for atom in tracked[conjunction])
                right = any(self.can_finish(after, goal, failed) for goal in phase.goals)
                assert right == any(holds & ~exit == 0 and fails & exit == 0 for holds, fails in found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ObjectContext, "demanded", checked)
        follow(several, refused, names, values, order)


def test_a_way_out_past_a_name_is_none_where_that_name_was_used() -> None:
    """In a fixed order, a plan that was found behind a name that did not come was taken for one where it did."""
    schema = {
        "type": "object",
        "oneOf": [
            {"properties": {"d": {"const": 1}, "b": {"const": 1}, "c": {"const": 1}}},
            {},
            {"required": ["c", "a"], "properties": {"d": False}, "additionalProperties": False},
        ],
        "not": {"required": ["d"]},
    }
    compiled = gl.compile(gl.JsonSchema(schema, order="schema"))
    for seed in range(20):
        assert compiled.accepts(compiled.sample(seed, size=30))
