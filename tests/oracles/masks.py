"""Slow twins of the vocabulary's structures, by definition: tries, slices, cells, masks.

Nothing here shares code with grammarlib: dictionaries, `str.encode` and loops over all tokens.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Row = tuple[int, int, int, int]


def trie_rows(tokens: Iterable[tuple[int, bytes]]) -> tuple[list[Row], list[tuple[int, int]]]:
    """(byte, skip, token, depth) of every node in preorder, and the (first, other) duplicates, from all prefixes."""
    first: dict[bytes, int] = {}
    duplicates = []
    for token_id, data in sorted(tokens):
        if data in first:
            duplicates.append((first[data], token_id))
        else:
            first[data] = token_id
    prefixes = sorted({data[:end] for data in first for end in range(1, len(data) + 1)})
    rows = []
    for index, prefix in enumerate(prefixes):
        below = sum(1 for other in prefixes if other.startswith(prefix))
        rows.append((prefix[-1], index + below, first.get(prefix, -1), len(prefix)))
    return rows, duplicates


def read_trie(nodes: Sequence[Sequence[int]]) -> dict[int, bytes]:
    """Token id -> bytes, by walking the nodes with a path of bytes."""
    path: list[int] = []
    found = {}
    for byte, _, token, depth in nodes:
        del path[depth - 1 :]
        path.append(byte)
        assert len(path) == depth, "a node is deeper than its predecessor allows"
        if token >= 0:
            assert token not in found, f"token {token} ends at two nodes"
            found[token] = bytes(path)
    return found


def walk_trie(nodes: Sequence[Sequence[int]], allows: Callable[[bytes], bool]) -> set[int]:
    """The tokens that a walk finds where ``allows`` says which prefixes are live: the reader of ``skip``."""
    found = set()
    path: list[int] = []
    index = 0
    while index < len(nodes):
        byte, skip, token, depth = nodes[index]
        del path[depth - 1 :]
        path.append(byte)
        if not allows(bytes(path)):
            index = skip
            continue
        if token >= 0:
            found.add(token)
        index += 1
    return found


_WIDE = "[^\\x00-\\xbf\u1680-\u16bf\u2000-\u207f\u3000-\u303f\ufec0-\ufeff]"

SLICES: dict[str, tuple[str, str]] = {
    "json_text": (r'[^"\\\x00-\x1f]',) * 2,
    "text": (r"[\s\S]",) * 2,
    "line": (r"[^\n\r\u2028\u2029]",) * 2,
    "json_line": (r'[^"\\\x00-\x1f\u2028\u2029]',) * 2,
    "broad": (rf"[A-Za-z0-9 ]|{_WIDE}",) * 2,
    "wide_word": (rf"[A-Za-z0-9]|{_WIDE}",) * 2,
    "letters": (r"[A-Za-zÀ-ÖØ-öø-ſΑ-ΡΣ-ώЀ-ҁא-תؠ-يẠ-ỹぁ-ゖァ-ヺ一-龥가-힣]",) * 2,
    "slug": (r"[A-Za-z0-9_.-]",) * 2,
    "identifier": (r"[A-Za-z0-9_]",) * 2,
    "word": (r"[A-Za-z]",) * 2,
    "lower": (r"[a-z]",) * 2,
    "spaced_word": (r" ", r"[A-Za-z]"),
    "whitespace": (r"[ \t\n\r]",) * 2,
    "digits": (r"[0-9]",) * 2,
}
"""Each slice as (first character, every later character)."""


def in_slice(name: str, data: bytes) -> bool:
    """Whether ``data`` is a prefix of the UTF-8 of some text in the slice."""
    first, rest = SLICES[name]
    whole = max((end for end in range(len(data) + 1) if _decodes(data[:end])), default=0)
    text = data[:whole].decode()
    if not all(re.fullmatch(rest if index else first, character) for index, character in enumerate(text)):
        return False
    tail = data[whole:]
    return not tail or re.search(rest if text else first, characters_from(tail)) is not None


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@functools.cache
def characters_from(start: bytes) -> str:
    """The characters whose UTF-8 begins with the bytes ``start`` and is longer; none where that is impossible."""
    for length, lead, minimum in ((2, 0xC0, 0x80), (3, 0xE0, 0x800), (4, 0xF0, 0x10000)):
        bits = (1 << (7 - length)) - 1
        if start[0] & ~bits & 0xFF != lead or len(start) >= length:
            continue
        if any(byte & 0xC0 != 0x80 for byte in start[1:]):
            continue
        point = start[0] & bits
        for byte in start[1:]:
            point = point << 6 | byte & 0x3F
        free = 6 * (length - len(start))
        candidates = range(max(point << free, minimum), min((point + 1) << free, 0x110000))
        return "".join(chr(candidate) for candidate in candidates if not 0xD800 <= candidate < 0xE000)
    return ""


def code_points(data: bytes) -> int:
    """How many characters begin in ``data``."""
    return sum(1 for byte in data if not 0x80 <= byte <= 0xBF)


def text_tokens(vocabulary: Any) -> dict[int, bytes]:
    """Id -> bytes of every token that may be text."""
    return {
        token_id: data
        for token_id, data in enumerate(vocabulary.tokens)
        if data and token_id not in vocabulary.eos_token_ids
    }


def mask_by_bytes(vocabulary: Any, is_prefix: Callable[[bytes], bool], may_stop: bool) -> set[int]:
    """The tokens that a mask must allow: those whose bytes ``is_prefix`` takes, and eos where the text may stop."""
    allowed = {token_id for token_id, data in text_tokens(vocabulary).items() if is_prefix(data)}
    return allowed | set(vocabulary.eos_token_ids) if may_stop else allowed


def bits_of(words: Sequence[int]) -> set[int]:
    """The set bits of one bitmask row, by definition."""
    return {32 * word + bit for word, value in enumerate(words) for bit in range(32) if (int(value) >> bit) & 1}
