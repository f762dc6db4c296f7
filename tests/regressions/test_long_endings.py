"""Tokens that end a string, or hold escapes, may be longer than every token of plain text."""

from __future__ import annotations

import pytest

import grammarlib as gl
from tests.oracles.matcher import mask_of, read_by


@pytest.mark.parametrize("maximum", range(1, 7))
@pytest.mark.parametrize("prefix", [b'"', b'"b', b'"bb'])
def test_counted_strings_leave_no_room_for_them(maximum: int, prefix: bytes, byte_tokens: list[bytes | None]) -> None:
    """Room for the longest plain token, which is one byte here, is no room for these."""
    tokens: list[bytes | None] = [*byte_tokens, b'aaaa"', rb"\n\n\n\n", b'\xc3\xa9\xc3\xa9\xc3\xa9"']
    vocabulary = gl.Vocabulary(tokens, eos_token_ids=[256])
    matcher = gl.compile({"type": "string", "maxLength": maximum}, vocabulary).matcher()
    if matcher.accept_bytes(prefix) == len(prefix):
        assert mask_of(matcher, vocabulary) == read_by(matcher, vocabulary)
