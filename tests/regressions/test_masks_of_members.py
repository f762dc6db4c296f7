"""Masks inside enum members and inside strings are kept side by side, and must not be taken for each other."""

from __future__ import annotations

from typing import Any

import pytest

import grammarlib as gl
from tests.oracles.matcher import mask_of, read_by


@pytest.mark.parametrize("strings", range(4, 8))
def test_a_large_enum_behind_strings(strings: int, small_vocabulary: gl.Vocabulary) -> None:
    """A row, its leaf and its count were the numbers of an enum's leaf and its first and last member."""
    members = [f"m{number:04d}" for number in range(4096)]
    items: list[Any] = [{"type": "string"}, {"type": "string", "pattern": "^[ab]*$"}]
    items += [{"type": "string", "minLength": length} for length in range(2, 2 + strings)]
    compiled = gl.compile({"type": "array", "prefixItems": [*items, {"enum": members}]}, small_vocabulary)
    matcher = compiled.matcher()
    for text in (b'["', b'","', *[b'aaaaaaaaa","'] * (len(items) - 1)):
        assert matcher.accept_bytes(text) == len(text)
        assert mask_of(matcher, small_vocabulary) == read_by(matcher, small_vocabulary)
