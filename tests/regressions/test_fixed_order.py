"""Names in a fixed order, where several alternatives of an object are still possible."""

from __future__ import annotations

from typing import Any

import pytest

import grammarlib as gl
from tests.grammarlib.test_machine import Pair

EMPTY_OR_BOTH = {"enum": [{}, {"a": None, "b": None}]}
ONE_OR_BOTH = {"enum": [{"c": 1}, {"a": None, "b": None}, {"a": 1, "c": 2}]}
REQUIRED = {
    "anyOf": [
        {"properties": {"k": {"const": "a"}, "v": {"type": "integer"}}, "required": ["k", "v"]},
        {"properties": {"k": {"const": "b"}, "v": {"type": "string"}}, "required": ["v"]},
        {"properties": {"w": True, "k": False}, "required": ["w"], "additionalProperties": {"type": "null"}},
    ],
    "type": "object",
}


@pytest.mark.parametrize("schema", [EMPTY_OR_BOTH, ONE_OR_BOTH, REQUIRED])
@pytest.mark.parametrize(
    "text",
    [
        b'{"a":null,"b":null}',
        b'{"b":null}',
        b'{"a":1,"c":2}',
        b'{"c":1}',
        b'{"k":"a","v":1}',
        b'{"v":"","z":1}',
        b'{"z":null}',
        b'{"v":1,"w":1}',
    ],
)
def test_a_name_needs_an_alternative_that_takes_it(schema: Any, text: bytes) -> None:
    # A name passed where the only alternative that had skipped nothing refuses that name: a dead end.
    Pair(schema, order="schema", whitespace="compact").follow(text)


@pytest.mark.parametrize("prefix", [b"{", b'{"', b'{"k', b'{"v', b'{"k":"b"', b'{"k":"b",', b'{"\\u006b'])
def test_a_completion_keeps_the_order(prefix: bytes) -> None:
    # A completion wrote an unlisted name while a listed one was still required.
    compiled = gl.compile(gl.JsonSchema(REQUIRED, order="schema"))
    matcher = compiled.matcher()
    assert matcher.accept_bytes(prefix) == len(prefix)
    assert compiled.accepts(prefix + matcher.shortest_completion())
