"""Tokens that end a name and write more names of the same object: a name twice within one token."""

from __future__ import annotations

from typing import Any

import pytest

import grammarlib as gl
from tests.oracles.matcher import mask_of, taken_by

PIECES = [
    b'c":1,"abc":2',
    b'":1,"abc":2',
    b'c":1,"ab":2',
    b'":1,"ab":2',
    b'":1,"":2',
    b'c":1,"c":2',
    b'c":1,"c',
    b'":1,"a',
    b'":1,"x',
    b'd":1,"abcd":2',
    b'\\u0063":1,"abc":2',
    b'c":1,"\\u0061bc":2',
    b'c":1,"x":2,"abc":3',
    b'c":{"abc":1,"abcd":1},"x',
    b'c":{"abc":1,"abc":1},"x',
    b'":{"ab":[{"ab":"\\"",',
    b'":"","',
    b'":"","":"',
    b'":1},"z":{"',
]
SCHEMAS: dict[str, Any] = {
    "any": True,
    "longer": {"properties": {"abcd": {}}},
    "same": {"properties": {"abc": {}, "x": {}}},
    "never": {"properties": {"abc": False}},
    "required": {"properties": {"ab": {"type": "integer"}}, "required": ["abc"]},
    "closed": {"properties": {"ab": {}, "abc": {}, "c": {}, "": {}}, "additionalProperties": False},
    "tracks": {"anyOf": [{"properties": {"abc": {"type": "integer"}}}, {"properties": {"abc": {"type": "object"}}}]},
}
PREFIXES = [
    b'{"',
    b'{"a',
    b'{"ab',
    b'{"abc',
    b'{"abcd',
    b'{"x',
    b'{"q":1,"ab',
    b'{"q":1,"abc',
    b'{"abc":3,"',
    b'{"abc":3,"ab',
    b'{"abc":3,"abc',
    b'{"ab\\u0063":3,"ab',
    b'{"\xc3',
    b'{"q":{"ab":1},"ab',
    b'{"q":{"ab":1,"',
    b'{"\\ud834',
]


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_names_in_one_token_are_compared_with_each_other(name: str, order: Any) -> None:
    tokens = [*(bytes([byte]) for byte in range(256)), *PIECES]
    vocabulary = gl.Vocabulary([*tokens, *PIECES[:3], None], eos_token_ids=[len(tokens) + 3])
    compiled = gl.compile(gl.JsonSchema(SCHEMAS[name], order=order), vocabulary)
    for prefix in PREFIXES:
        matcher = compiled.matcher()
        if matcher.accept_bytes(prefix) < len(prefix):
            continue  # the schema has no such name here
        mask = mask_of(matcher, vocabulary)
        taken = taken_by(matcher, vocabulary)
        assert mask == taken, (prefix, [tokens[token_id] for token_id in mask ^ taken if token_id < len(tokens)])
        assert mask
