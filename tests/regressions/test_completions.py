"""Ways out of a text that were wrong."""

from __future__ import annotations

import pytest

import grammarlib as gl


@pytest.mark.parametrize("text", [b"6475.24165249", b"0.5", b"-12.75", b"120e-1", b"1.5e", b"1.25E+"])
def test_an_integer_that_was_begun_with_a_fraction(text: bytes) -> None:
    # What was missing was cut by the length of what had been read.
    compiled = gl.compile({"items": {"type": "integer"}, "type": "array"})
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b"[" + text) == 1 + len(text)
    assert compiled.accepts(b"[" + text + matcher.shortest_completion())


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"anyOf": [{"type": "array", "minItems": 10**9}, {"type": "object", "required": ["a"], "minItems": 10**9}]},
    ],
)
def test_completions_that_nobody_can_write(schema: dict[str, object]) -> None:
    compiled = gl.compile({"items": schema, "type": "array", "minItems": 1})
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b"[") == 1
    if "anyOf" in schema:
        assert matcher.shortest_completion() == b'{"a":0}]'
    else:
        with pytest.raises(gl.LimitExceeded):
            matcher.shortest_completion()
    assert matcher.next_bytes()
