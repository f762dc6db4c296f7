"""Tokens that do more in one step than tables were sized for."""

from __future__ import annotations

import grammarlib as gl
from tests.oracles.matcher import mask_of

_ARRAYS = {
    "anyOf": [
        {"type": "array", "items": {"$ref": "#/$defs/arrays"}, "maxItems": 1},
        {"type": "array", "items": {"$ref": "#/$defs/arrays"}, "maxItems": 2},
        {"type": "array", "maxItems": 0},
    ]
}
_OBJECT = {
    "$defs": {"arrays": _ARRAYS},
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/arrays"}, "b": {"$ref": "#/$defs/arrays"}},
    "additionalProperties": False,
}


def test_each_byte_of_a_token_may_make_two_frames() -> None:
    # Each "[" narrows the outer array's view and opens an array: more frames than bytes.
    tokens = [b'{"a":', b"[" * 200, b"[" * 250, b"]" * 225, b',"b":[]}', b',"a":[]}']
    vocabulary = gl.Vocabulary([*tokens, None], eos_token_ids=[6])
    matcher = gl.compile(gl.JsonSchema(_OBJECT, whitespace="compact"), vocabulary).matcher()
    for token_id in (0, 1, 2, 3, 3):
        assert token_id in mask_of(matcher, vocabulary)
        assert matcher.accept_token(token_id)
    assert mask_of(matcher, vocabulary) == {4}
    assert not matcher.accept_token(5)
    assert matcher.accept_token(4)
    assert mask_of(matcher, vocabulary) == {6}


def test_a_token_longer_than_one_kernel_call() -> None:
    tokens = [b"a" * 255, b"a" * 256, b"a" * 257, b"a" * 1000, b"a" * 999 + b"b", b"a"]
    vocabulary = gl.Vocabulary(tokens)
    matcher = gl.compile(gl.Regex("a{1100}"), vocabulary).matcher()
    assert mask_of(matcher, vocabulary) == {0, 1, 2, 3, 5}
    assert not matcher.accept_token(4)
    assert matcher.accept_token(3)
    assert mask_of(matcher, vocabulary) == {5}
    assert not matcher.accept_token(0)
    assert matcher.accept_tokens([5] * 101) == 100
