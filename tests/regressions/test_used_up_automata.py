"""Automata are shared between compiled sources: one hostile text that uses up an automaton's states must not make
later compiles of the same pattern fail.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

import grammarlib as gl
from grammarlib.automata.lazydfa import lazy_dfa_for
from grammarlib.ir import regex
from grammarlib.sources.regex import search_pattern

LIMITS = gl.Limits(states=600)
PATTERN = "^(a|b)*a(a|b){20}$"  # 2**20 states
HOSTILE = "".join(random.Random(5).choices("ab", k=3000))
SCHEMAS: list[Any] = [
    {"type": "string", "pattern": PATTERN},
    {"type": "object", "patternProperties": {PATTERN: {"type": "null"}}},
    {"type": "object", "propertyNames": {"pattern": PATTERN}},
    {"type": "array", "items": {"not": {"pattern": PATTERN}, "type": "string"}},
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_hostile_text_harms_no_later_compile(schema: Any) -> None:
    # Where every name must match, words are counted some states ahead.
    limits = gl.Limits(states=16_000) if "propertyNames" in schema else LIMITS
    opening = {"string": '"', "object": '{"', "array": '["'}[schema["type"]]
    generator = random.Random(7)
    for _ in range(2):
        compiled = gl.compile(schema, limits=limits)
        name = "".join(generator.choices("ab", k=8)) + "a" + "".join(generator.choices("ab", k=20))
        ending = {"string": '"', "object": '":null}', "array": 'c"]'}[schema["type"]]
        assert compiled.accepts(opening + name + ending)
        with pytest.raises(gl.LimitExceeded) as caught:
            compiled.accepts(opening + HOSTILE)
        assert caught.value.limit == "states"


def test_automata_that_used_half_their_states_are_not_handed_out() -> None:
    language = (search_pattern("^(a|b)*a(a|b){19}c?$", dialect="ecma", limits=LIMITS, surrogates=True),)
    assert isinstance(language[0], regex.Node)
    first = lazy_dfa_for(language, LIMITS)
    assert lazy_dfa_for(language, LIMITS) is first
    state = first.start
    for byte in HOSTILE.encode():
        if 2 * first.state_count > LIMITS.states:
            break
        state = int(first.expand(state)[byte])
    second = lazy_dfa_for(language, LIMITS)
    assert second is not first and 2 * second.state_count <= LIMITS.states
    assert lazy_dfa_for(language, LIMITS) is second
    assert second.matches(b"a" * 20) == first.matches(b"a" * 20) == 1
