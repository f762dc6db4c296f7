"""The slice languages: sets of texts that configurations often allow whole.

Purpose: a state that allows any text inside a JSON string allows most of the vocabulary.  Proving
*once* that it contains a slice language costs a few hundred steps; the tokens of the slice are then allowed
by copying a ready mask, and only the other tokens are walked.
Place: consumed by `grammarlib.masks.index`, which splits a vocabulary by these languages.
Cost: all tables in about 30 ms, once a process.
Not taken: slices found from the vocabulary or from the source.  Fixed ones make one index per vocabulary, on disk,
that every source shares.

Each slice is a table int16[states, 256] of a deterministic automaton over bytes: next state, or -1
for dead.  It starts in state 0, at a character boundary; every state accepts (the languages are
closed under prefixes), so that a token is inside a slice where its bytes stay live.  A word of a slice may end inside
a character.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

SLICE_NAMES: Final = (
    "json_text",
    "text",
    "line",
    "json_line",
    "broad",
    "wide_word",
    "letters",
    "slug",
    "identifier",
    "word",
    "lower",
    "spaced_word",
    "whitespace",
    "digits",
)
"""The slices by index.  ``json_text`` is 0: the masks by length belong to it.

``json_text``: what may stand unescaped in a JSON string (no ``"``, no backslash, nothing below U+0020).
``text``: any text.  ``line``: any text without U+000A, U+000D, U+2028, U+2029.  ``json_line``: in both
``json_text`` and ``line`` (what ``.`` means to ECMA-262).  ``wide_word``: ``[A-Za-z0-9]`` and most characters from
U+0080 on (not the blocks that hold spaces and line ends), which is what ``\\S`` and ``[^/]`` have in common;
``broad``: the same and the space.  ``letters``: ``[A-Za-z]`` and the most frequent other letters (``\\w``, ``\\p{L}``).
``slug``: ``[A-Za-z0-9_.-]*``.  ``identifier``: ``[A-Za-z0-9_]*``.  ``word``: ``[A-Za-z]*``.  ``lower``: ``[a-z]*``.
``spaced_word``: nothing, or a space and a ``word``.  ``whitespace``: ``[ \\t\\n\\r]*``.  ``digits``: ``[0-9]*``.

Chosen by counting the trie nodes that some 35 character classes of real schemas leave to be walked, of the
274,692 of a vocabulary of 128k: at most 10,500 with these.  Without ``broad``, ``[^/]*`` leaves 30,000;
without ``letters``, ``\\w*`` leaves 107,000.
"""

JSON_TEXT: Final = 0
"""Index of the slice ``json_text``."""

_CODE_POINTS: Final = 0x110000

_LETTERS: Final = (
    (0xC0, 0xD6),
    (0xD8, 0xF6),
    (0xF8, 0x17F),  # Latin
    (0x391, 0x3A1),
    (0x3A3, 0x3CE),  # Greek
    (0x400, 0x481),  # Cyrillic
    (0x5D0, 0x5EA),  # Hebrew
    (0x620, 0x64A),  # Arabic
    (0x1EA0, 0x1EF9),  # Vietnamese
    (0x3041, 0x3096),
    (0x30A1, 0x30FA),  # Kana
    (0x4E00, 0x9FA5),  # Han, as far as patterns usually write it
    (0xAC00, 0xD7A3),  # Hangul
)
"""Ranges without a gap: every code point is a letter in every version of Unicode in use."""


@functools.cache
def slice_tables() -> tuple[NDArray[np.int16], ...]:
    """The automata, in the order of `SLICE_NAMES`.  Shared: do not write into them."""
    scalars = _ranges((0, 0xD7FF), (0xE000, 0x10FFFF))
    json_text = scalars & ~_ranges((0, 0x1F)) & ~_characters('"\\')
    line = scalars & ~_characters("\n\r\u2028\u2029")
    # Whole blocks of 64 around the spaces, so that the automaton stays small: Latin-1 controls and U+00A0,
    # U+1680, U+2000..U+206F, U+3000, U+FEFF.
    wide = scalars & ~_ranges((0, 0xBF), (0x1680, 0x16BF), (0x2000, 0x207F), (0x3000, 0x303F), (0xFEC0, 0xFEFF))
    lower = _ranges((0x61, 0x7A))
    word = lower | _ranges((0x41, 0x5A))
    digits = _ranges((0x30, 0x39))
    wide_word = wide | word | digits
    letters = word | _ranges(*_LETTERS)
    identifier = word | digits | _characters("_")
    slug = identifier | _characters(".-")
    return (
        _repeat_table(json_text),
        _repeat_table(scalars),
        _repeat_table(line),
        _repeat_table(json_text & line),
        _repeat_table(wide_word | _characters(" ")),
        _repeat_table(wide_word),
        _repeat_table(letters),
        _repeat_table(slug),
        _repeat_table(identifier),
        _repeat_table(word),
        _repeat_table(lower),
        _lead_table(_characters(" "), word),
        _repeat_table(_characters(" \t\n\r")),
        _repeat_table(digits),
    )


@functools.cache
def structure_table() -> NDArray[np.int16]:
    """An automaton for what may follow outside strings in some JSON text, and more: like a slice's, state 0 first.

    A token that it refuses is in no mask between or inside structure, literals and numbers, whatever the source; one
    that it takes may be.  Letters come in runs that are part of a literal; the first run may be the rest of one,
    or an exponent's ``e``.  What stands in strings is only bounded by quotes and escapes.
    """
    words = ("null", "true", "false")
    anywhere = frozenset((word, at) for word in words for at in range(len(word)))
    begin = frozenset((word, 0) for word in words)
    start, outside, after_digit, text, escape = range(5)
    rows = [[-1] * 256 for _ in range(5)]
    runs: dict[frozenset[tuple[str, int]], int] = {}

    def run(positions: frozenset[tuple[str, int]]) -> int:
        """The state inside a run of letters that may go on at these positions."""
        if positions not in runs:
            runs[positions] = len(rows)
            rows.append(list(no_letters))
            letters(runs[positions], positions)
        return runs[positions]

    def letters(state: int, positions: frozenset[tuple[str, int]]) -> None:
        # Sorted, so that the table is the same in every process: files are found by it.
        for letter in sorted({word[at] for word, at in positions if at < len(word)}):
            following = frozenset((word, at + 1) for word, at in positions if word[at : at + 1] == letter)
            rows[state][ord(letter)] = run(following)

    for byte in b" \t\n\r{}[]:,-+.":
        rows[outside][byte] = outside
    for byte in b"0123456789":
        rows[outside][byte] = after_digit
    rows[outside][ord('"')] = text
    no_letters = tuple(rows[outside])
    rows[start], rows[after_digit] = list(no_letters), list(no_letters)
    rows[text][0x20:] = [text] * (256 - 0x20)
    rows[text][ord('"')], rows[text][ord("\\")] = outside, escape
    for byte in b'"\\/bfnrtu':
        rows[escape][byte] = text
    letters(outside, begin)
    letters(start, anywhere)
    rows[after_digit][ord("e")] = rows[after_digit][ord("E")] = rows[start][ord("E")] = outside
    return _table(rows)


@functools.cache
def slice_inclusions() -> tuple[int, ...]:
    """For each slice the slices inside it, itself included, as a bit set."""
    tables = slice_tables()
    return tuple(sum(_is_inside(inner, outer) << index for index, inner in enumerate(tables)) for outer in tables)


def _is_inside(inner: NDArray[np.int16], outer: NDArray[np.int16]) -> bool:
    """Whether ``outer`` reads every word that ``inner`` reads."""
    pairs = {(0, 0): None}
    queue = [(0, 0)]
    for state, other in queue:  # grows while it is walked
        alive = inner[state] >= 0
        if (outer[other][alive] < 0).any():
            return False
        for pair in set(zip(inner[state][alive].tolist(), outer[other][alive].tolist(), strict=True)):
            if pair not in pairs:
                pairs[pair] = None
                queue.append(pair)
    return True


def _ranges(*bounds: tuple[int, int]) -> NDArray[np.bool_]:
    """The code points in the given inclusive ranges, as bool[0x110000]."""
    members = np.zeros(_CODE_POINTS, dtype=np.bool_)
    for first, last in bounds:
        members[first : last + 1] = True
    return members


def _characters(text: str) -> NDArray[np.bool_]:
    return _ranges(*((ord(character), ord(character)) for character in text))


def _repeat_table(members: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The automaton of any number of ``members``."""
    rows: list[list[int]] = [[]]
    rows[0] = _character_row(members, 0, rows, {})
    return _table(rows)


def _lead_table(first: NDArray[np.bool_], rest: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The automaton of nothing, or one character of ``first`` and then any number of ``rest``."""
    rows: list[list[int]] = [[], []]
    memo: dict[tuple[int, ...], int] = {}
    rows[0] = _character_row(first, 1, rows, memo)
    rows[1] = _character_row(rest, 1, rows, memo)
    return _table(rows)


def _table(rows: Iterable[list[int]]) -> NDArray[np.int16]:
    return np.array(list(rows), dtype=np.int16)


def _character_row(
    members: NDArray[np.bool_], target: int, rows: list[list[int]], memo: dict[tuple[int, ...], int]
) -> list[int]:
    """The row of a state at a character boundary from which one of ``members`` leads to ``target``.

    The states inside characters are appended to ``rows``, shared through ``memo`` by what may follow.
    """

    def state_after(continuations: Iterable[int]) -> int:
        """The state whose successors under the bytes 0x80..0xBF are these 64; -1 where all are dead."""
        key = tuple(continuations)
        if all(successor < 0 for successor in key):
            return -1
        if key not in memo:
            memo[key] = len(rows)
            rows.append([-1] * 0x80 + list(key) + [-1] * 0x40)
        return memo[key]

    longer = members.copy()
    longer[:0x80] = False
    blocks, kinds = np.unique(np.packbits(longer).view(">u8"), return_inverse=True)
    bits = np.unpackbits(blocks.view(np.uint8)).reshape(len(blocks), 64)
    states = [state_after(target if bit else -1 for bit in block) for block in bits.tolist()]
    after_two = [states[kind] for kind in kinds.tolist()]  # by code point // 64
    row = [-1] * 256
    row[:0x80] = [target if member else -1 for member in members[:0x80].tolist()]
    for lead in range(0xC2, 0xE0):
        row[lead] = after_two[lead - 0xC0]
    for lead in range(0xE0, 0xF0):
        first = (lead - 0xE0) * 64
        # Below U+0800 (block 32) a character has a shorter spelling: three bytes would be malformed.
        row[lead] = state_after(after_two[block] if block >= 32 else -1 for block in range(first, first + 64))
    for lead in range(0xF0, 0xF5):
        row[lead] = state_after(
            state_after(after_two[block : block + 64]) if 0x400 <= block < len(after_two) else -1
            for block in range((lead - 0xF0) * 4096, (lead - 0xEF) * 4096, 64)
        )
    return row
