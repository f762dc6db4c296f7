"""Characters: classes over all code points, case folding, encodings, properties."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.automata.unicode_tables import _CASED_END, _case_groups, fold_case, unicode_property
from grammarlib.automata.utf8 import code_points, intersect_ranges, negate_ranges, normal_ranges
from grammarlib.ir.regex import Node, any_character, any_text, concat, union
from grammarlib.limits import Limits
from grammarlib.sources.regex import parse_pattern

LIMITS = Limits()
EVERYTHING = np.arange(0x110000)
ALL_TEXT = "".join(map(chr, range(0x110000)))


def encodings() -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All code points, surrogates included, by length of their encoding: (code points, bytes as a matrix)."""
    one = EVERYTHING[:0x80]
    two = EVERYTHING[0x80:0x800]
    three = EVERYTHING[0x800:0x10000]
    four = EVERYTHING[0x10000:]
    return [
        (one, np.stack([one])),
        (two, np.stack([0xC0 | two >> 6, 0x80 | two & 63])),
        (three, np.stack([0xE0 | three >> 12, 0x80 | three >> 6 & 63, 0x80 | three & 63])),
        (four, np.stack([0xF0 | four >> 18, 0x80 | four >> 12 & 63, 0x80 | four >> 6 & 63, 0x80 | four & 63])),
    ]


ENCODINGS = encodings()


def accepted_points(node: Node) -> set[int]:
    """The code points whose encodings belong to ``node``, by running its whole automaton on all of them."""
    automaton = LazyDFA((node,), LIMITS)
    if automaton.start < 0:
        return set()
    rows: list[NDArray[np.int32]] = []
    while len(rows) < automaton.state_count:
        rows.append(automaton.expand(len(rows)))
    table = np.vstack([*rows, np.full((1, 256), -1, dtype=np.int32)])
    final = np.array([automaton.label(state) == 1 for state in range(len(rows))] + [False])
    found: set[int] = set()
    for codes, columns in ENCODINGS:
        states = np.full(len(codes), automaton.start)
        for column in columns:
            states = table[states, column]
        found.update(codes[final[states]].tolist())
    return found


def test_the_encodings_of_this_test() -> None:
    for codes, columns in ENCODINGS:
        for index in (0, len(codes) // 3, len(codes) - 1):
            assert bytes(columns[:, index].tolist()) == chr(codes[index]).encode("utf-8", "surrogatepass")


def members(node: Node) -> set[bytes]:
    """All members of a small finite language."""
    automaton = LazyDFA((node,), LIMITS)
    found = set()
    pending = [(automaton.start, b"")] if automaton.start >= 0 else []
    while pending:
        state, data = pending.pop()
        if automaton.label(state):
            found.add(data)
        for byte, target in enumerate(automaton.expand(state).tolist()):
            if target >= 0:
                pending.append((target, data + bytes((byte,))))
    return found


points = st.one_of(
    st.integers(0, 0x10FFFF),
    st.sampled_from([0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]),
)


@given(st.lists(st.tuples(points, st.integers(0, 90)), max_size=4), st.booleans())
def test_code_points_are_their_encodings(starts: list[tuple[int, int]], surrogates: bool) -> None:
    ranges = [(low, min(low + width, 0x10FFFF)) for low, width in starts]
    expected = {point for low, high in ranges for point in range(low, high + 1)}
    if not surrogates:
        expected -= set(range(0xD800, 0xE000))
    encoded = {chr(point).encode("utf-8", "surrogatepass") for point in expected}
    assert members(code_points(ranges, surrogates=surrogates)) == encoded


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6))
def test_range_arithmetic(pairs: list[tuple[int, int]]) -> None:
    ranges = normal_ranges((min(pair), max(pair)) for pair in pairs)
    held = {point for low, high in ranges for point in range(low, high + 1)}
    assert held == {point for pair in pairs for point in range(min(pair), max(pair) + 1)}
    outside = negate_ranges(ranges)
    assert normal_ranges([*ranges, *outside]) == ((0, 0x10FFFF),) and intersect_ranges(ranges, outside) == ()
    assert negate_ranges(outside) == ranges


def test_any_character_is_every_code_point() -> None:
    surrogates = set(range(0xD800, 0xE000))
    assert accepted_points(any_character()) == set(range(0x110000)) - surrogates
    assert accepted_points(any_character(surrogates=True)) == set(range(0x110000))
    for broken in (b"\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xf8", b"\xc3", b"\xed\xa0\x80"):
        assert LazyDFA((any_character(),), LIMITS).matches(broken) == 0


@pytest.mark.parametrize("pattern", [r"\w", r"[^\s\d]", r"[\w-]", r".", r"[^a-zé-ÿ]"])
@pytest.mark.parametrize("flags", [0, re.A, re.I], ids=["unicode", "ascii", "ignorecase"])
def test_classes_over_all_code_points(pattern: str, flags: int) -> None:
    reference = re.compile(pattern, flags)
    expected = {ord(character) for character in reference.findall(ALL_TEXT)}
    expected -= set(range(0xD800, 0xE000))
    assert accepted_points(parse_pattern(pattern, dialect="python", flags=int(flags), limits=LIMITS)) == expected


def test_no_case_beyond_the_table() -> None:
    beyond = "".join(map(chr, range(_CASED_END, 0x110000)))
    assert beyond.lower() == beyond == beyond.upper()
    assert not any(character.islower() or character.isupper() for character in beyond)


def test_ignorecase_is_that_of_re_for_every_cased_character() -> None:
    characters = map(chr, range(_CASED_END))
    cased = [ord(each) for each in characters if each.lower() != each or each.upper() != each]
    text = "".join(map(chr, cased))
    groups = _case_groups()
    for point in cased[::3] + [0x130, 0x131, 0x17F, 0x212A, 0x1E9E, 0xDF, 0xB5, 0x3C2, 0x1C4, 0x1C5, 0x390, 0x1FD3]:
        found = {ord(character) for character in re.findall(re.escape(chr(point)), text, re.IGNORECASE)}
        assert found | {point} == set(groups.get(point, (point,))) | {point}, hex(point)


def test_ascii_ignorecase_touches_ascii_only() -> None:
    assert fold_case(((0x61, 0x62), (0xE9, 0xE9)), ascii_only=True) == ((0x41, 0x42), (0x61, 0x62), (0xE9, 0xE9))


@pytest.mark.parametrize("name", ["L", "Lu", "Letter", "gc=Nd", "General_Category=Punctuation", "Zs", "LC", "C", "Cn"])
def test_general_categories(name: str) -> None:
    ranges = unicode_property(name)
    assert ranges is not None
    wanted = {"Letter": "L", "gc=Nd": "Nd", "General_Category=Punctuation": "P"}.get(name, name)
    names = ("Lu", "Ll", "Lt") if wanted == "LC" else (wanted,)
    expected = {point for point in range(0x110000) if unicodedata.category(chr(point)).startswith(names)}
    assert {point for low, high in ranges for point in range(low, high + 1)} == expected


def test_unknown_properties_have_no_table() -> None:
    for name in ("Greek", "Script=Greek", "XX", "", "gc=", "gc=Any", "sc=Latn", "Alphabetic"):
        assert unicode_property(name) is None, name
    assert unicode_property("Any") == ((0, 0x10FFFF),)


def test_any_text_swallows_what_it_holds() -> None:
    word = code_points(((0x61, 0x7A), (0xE0, 0xFF)))
    everything = any_text()
    assert union(everything, concat(word, everything)) is everything
    assert union(word, everything) is everything
    surrogate = code_points(((0xD800, 0xD800),), surrogates=True)
    assert union(surrogate, everything) is not everything
    assert union(surrogate, any_text(surrogates=True)) is any_text(surrogates=True)
