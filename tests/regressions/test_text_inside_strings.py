"""What goes on inside a string is shared by all frames that read it, but only between two code points.

In the middle of one, tokens that end it and leave the string depend on the frame, and none of them was kept.
"""

from __future__ import annotations

import numpy as np
import pytest

import grammarlib as gl

TOKENS: list[bytes | None] = [bytes((byte,)) for byte in range(256)]
TOKENS += [
    "é".encode(),
    "é".encode()[1:] + b'"',
    b'\xb8\x80"',
    b'"}',
    b'","',
    b'":',
    "一".encode()[:2],
    b"ab",
    b'ab"',
    b'"]',
]
TOKENS += ['一"}'.encode(), b'\xa9"]', b'\xa9","', b'a","b', b"<eos>"]
VOCABULARY = gl.Vocabulary(TOKENS, eos_token_ids=[len(TOKENS) - 1])

LEAVES = {
    "members": {"enum": ["é", "éa", "一", "a", "ab"]},
    "pattern": {"pattern": "^[éa一b]{1,3}$"},
    "length": {"type": "string", "maxLength": 2},
    "both": {"type": "string", "pattern": "^[éa一]*$", "maxLength": 3},
}


@pytest.mark.parametrize("name", LEAVES)
@pytest.mark.parametrize("unique", [False, True])
def test_masks_inside_strings_of_several_frames(name: str, unique: bool) -> None:
    leaf = {"type": "string", **LEAVES[name]}
    schema = {
        "type": "object",
        "properties": {"p": leaf, "q": {"type": "array", "items": leaf, "uniqueItems": unique}},
        "additionalProperties": False,
    }
    compiled = gl.compile(gl.JsonSchema(schema, whitespace="compact"), VOCABULARY)
    bitmask = gl.allocate_bitmask(1, VOCABULARY.logits_width)
    for text in ('{"p":"é","q":["é","一","a"]}', '{"q":["一","é"],"p":"一"}', '{"q":["a","é","aa"],"p":"éa"}'):
        matcher = compiled.matcher()
        for byte in text.encode():
            matcher.fill_bitmask(bitmask)
            allowed = np.unpackbits(bitmask[0].view(np.uint8), bitorder="little")[: len(TOKENS)]
            for token in range(len(TOKENS)):
                fork = matcher.fork()
                assert bool(allowed[token]) == fork.accept_token(token), (text, byte, TOKENS[token])
            if not matcher.accept_token(byte):
                break
