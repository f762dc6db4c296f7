"""The JSON Schema source agrees with python-jsonschema, never offers a dead prefix, in every draft."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grammarlib.errors import LimitExceeded, UnsatisfiableSchema
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import JsonSchema, SchemaSource
from tests.oracles.json_machine import JsonMachine, State, Text, accepts
from tests.oracles.json_schema import SchemaOracle
from tests.strategies.schemas import instances, schemas, spellings

DIALECTS = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}


def lower(schema: Any, **options: Any) -> SchemaSource:
    return JsonSchema(schema, **options).lower(Limits())


def verdict(oracle: SchemaOracle, text: str) -> bool:
    """The oracle's verdict; a schema that refers to itself in place has none."""
    try:
        return oracle.accepts(text)
    except RecursionError:
        assume(False)
        raise


@pytest.mark.parametrize("draft", DIALECTS)
@given(st.data())
def test_verdicts_agree_with_python_jsonschema(draft: int, data: st.DataObject) -> None:
    schema = data.draw(schemas(draft), label="schema")
    if isinstance(schema, dict):
        schema = {"$schema": DIALECTS[draft], **schema}
    try:
        source = lower(schema)
    except UnsatisfiableSchema:
        source = None
    except LimitExceeded as error:
        assert error.limit == "tracks"
        return
    oracle = SchemaOracle(schema)
    for _ in range(3):
        value = data.draw(instances(schema), label="instance")
        text = data.draw(spellings(value), label="text")
        expected = verdict(oracle, text)
        assert (source is not None and accepts(source, text)) == expected


def step_all(machine: JsonMachine, state: State | None, text: bytes) -> State | None:
    for byte in text:
        state = None if state is None else machine.step(state, byte)
    return state


def search(machine: JsonMachine, state: State, alphabet: bytes, is_done: Callable[[State], bool]) -> bytes | None:
    """A shortest text over ``alphabet`` that leads to a state that is done; None if none is short."""
    queue = [(state, b"")]
    for state, text in queue[:1]:
        if is_done(state):
            return text
    for state, text in queue:
        for byte in alphabet:
            following = machine.step(state, byte)
            if following is not None:
                if is_done(following):
                    return text + bytes([byte])
                queue.append((following, text + bytes([byte])))
        if len(queue) > 3000:
            return None
    return None


def next_piece(machine: JsonMachine, state: State) -> bytes | None:
    """A piece of text that leads on from a live state, towards the end; None where there is none."""
    if state.mode == "number":
        return search(machine, state, b"0123456789.e-+", lambda s: machine.number_label(s) != 0) or search_closer(
            machine, state
        )
    if state.mode in ("string", "key"):
        names: list[bytes] = []
        if state.mode == "key" and state.data[1] == Text():
            frame = state.stack[-1]
            track = next(track for track in frame.view.tracks if track.label)
            wanted = [frame.view.names[name] for name in track.required]
            names = [
                json.dumps(name.decode(), ensure_ascii=False).encode()[1:] for name in wanted if name not in frame.used
            ]
        for name in names:
            if step_all(machine, state, name) is not None:
                return name
        if state.data[1].escape is not None:  # a live digit always leads on: no search
            return next((bytes([d]) for d in b'bnu0123456789abcdef"\\/rtf' if machine.step(state, d) is not None), None)
        alphabet = b'abq\\\xc3\xa9\xf0\x9d\x84\x9e"/u0123456789cdef-'
        text = search(machine, state, alphabet, lambda s: machine.step(s, 0x22) is not None)
        return None if text is None else text + b'"'
    return search_closer(machine, state)


def search_closer(machine: JsonMachine, state: State) -> bytes | None:
    for byte in b'}]:,nutrfalse0123456789-"[{':
        if machine.step(state, byte) is not None:
            return bytes([byte])
    return None


def complete(machine: JsonMachine, state: State) -> bytes:
    """A completion of a live state.  Fails where there is none."""
    ending = b""
    while not machine.final_label(state):
        piece = next_piece(machine, state)
        assert piece, f"dead after {ending!r}: {state}"
        following = step_all(machine, state, piece)
        assert following is not None
        state, ending = following, ending + piece
        assert len(ending) < 2000
    return ending


@given(st.data())
def test_no_allowed_prefix_is_dead(data: st.DataObject) -> None:
    draft = data.draw(st.sampled_from(sorted(DIALECTS)))
    schema = data.draw(schemas(draft), label="schema")
    if isinstance(schema, dict):
        schema = {"$schema": DIALECTS[draft], **schema}
    ordered = data.draw(st.booleans())
    try:
        source = lower(schema, order="schema" if ordered else "any")
    except (UnsatisfiableSchema, LimitExceeded):
        return
    machine = JsonMachine(source)
    state = machine.start()
    prefix = b""
    text = data.draw(spellings(data.draw(instances(schema))), label="text").encode()
    for byte in text[: data.draw(st.integers(0, len(text)))]:
        following = machine.step(state, byte)
        if following is None:
            break
        state, prefix = following, prefix + bytes([byte])
    ending = complete(machine, state)
    whole = (prefix + ending).decode()
    assert verdict(SchemaOracle(schema), whole), whole


SMALL: list[Any] = [None, True, False, "", "a", "b", "ab", "aab", "ba", "é", 'q"', 0, 1, 2, 3, 5, 10, -1, -4, 0.5, 1.5]
SMALL += [[], {}, *([x] for x in SMALL), *([x, x] for x in SMALL), *([x, x, x] for x in SMALL[:10])]
SMALL += [{name: x} for name in ("a", "b", "ab", "é", 'q"') for x in SMALL[:21]]


@given(st.data())
def test_an_unsatisfiable_schema_has_no_small_instance(data: st.DataObject) -> None:
    draft = data.draw(st.sampled_from(sorted(DIALECTS)))
    schema = data.draw(schemas(draft).filter(lambda s: isinstance(s, dict)), label="schema")
    schema = {"$schema": DIALECTS[draft], **schema}
    try:
        lower(schema)
    except UnsatisfiableSchema:
        oracle = SchemaOracle(schema)
        for value in SMALL:
            assert not verdict(oracle, json.dumps(value)), value
    except LimitExceeded:
        return


@given(st.data())
def test_schema_order_narrows_any_order(data: st.DataObject) -> None:
    schema = data.draw(schemas(2020), label="schema")
    value = data.draw(instances(schema), label="instance")
    text = json.dumps(value)
    try:
        free, fixed = lower(schema), lower(schema, order="schema")
    except (UnsatisfiableSchema, LimitExceeded):
        return
    assert accepts(free, text) or not accepts(fixed, text)
    assert fixed.ordered and not free.ordered
