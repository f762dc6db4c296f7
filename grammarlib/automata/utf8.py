"""Sets of code points as byte regexes.

Purpose: a character class becomes a small acyclic regex over the bytes of UTF-8 (or WTF-8), with
equal continuations shared, so that the automaton never sees a code point.
Place: used by `grammarlib.sources`; made of `grammarlib.ir.regex` nodes.
Cost: a microsecond for each range of an ASCII class; about 5 ms for all letters of Unicode.  Results are
kept in a bounded cache.
Not taken: an automaton over code points.  Tokens are bytes and split characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grammarlib.ir.regex import Node, any_character, byte_class, concat, mark_text, nothing, union_of

MAXIMUM_CODE_POINT = 0x10FFFF
_CACHE_SIZE = 1024
_cache: dict[tuple[tuple[tuple[int, int], ...], bool], Node] = {}

Ranges = tuple[tuple[int, int], ...]


def normal_ranges(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sorted, disjoint, non-adjacent inclusive ranges of the same code points."""
    ordered = sorted(ranges)
    if not ordered:
        return ()
    result = []
    low, high = ordered[0]
    for next_low, next_high in ordered[1:]:
        if next_low <= high + 1:
            high = max(high, next_high)
        else:
            result.append((low, high))
            low, high = next_low, next_high
    result.append((low, high))
    return tuple(result)


def negate_ranges(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """All code points outside normal ``ranges``."""
    result = []
    start = 0
    for low, high in ranges:
        if low > start:
            result.append((start, low - 1))
        start = high + 1
    if start <= MAXIMUM_CODE_POINT:
        result.append((start, MAXIMUM_CODE_POINT))
    return tuple(result)


def intersect_ranges(first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]) -> Ranges:
    """The code points of both of two normal lists."""
    result = []
    i = j = 0
    while i < len(first) and j < len(second):
        low = max(first[i][0], second[j][0])
        high = min(first[i][1], second[j][1])
        if low <= high:
            result.append((low, high))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return tuple(result)


def code_points(ranges: Iterable[tuple[int, int]], *, surrogates: bool = False) -> Node:
    """One character out of inclusive code point ranges, as bytes; surrogates only where asked for."""
    normal = normal_ranges(ranges)
    key = (normal, surrogates)
    found = _cache.get(key)
    if found is not None:
        return found
    if normal == ((0, MAXIMUM_CODE_POINT),):
        return any_character(surrogates=surrogates)
    if not surrogates:
        normal = intersect_ranges(normal, ((0, 0xD7FF), (0xE000, MAXIMUM_CODE_POINT)))
    node = _encode(normal)
    level = 1
    if surrogates and any(low <= 0xDFFF and high >= 0xD800 for low, high in normal):
        level = 2
    if normal and normal[-1][1] >= 0x80:
        mark_text(node, level)
    if len(_cache) >= _CACHE_SIZE:
        _cache.clear()
    _cache[key] = node
    return node


def _encode(ranges: Ranges) -> Node:
    single = 0
    longer: list[list[tuple[int, int]]] = [[], [], []]
    blocks = ((0x80, 0x7FF), (0x800, 0xFFFF), (0x10000, MAXIMUM_CODE_POINT))
    for low, high in ranges:
        if low < 0x80:
            single |= ((1 << (min(high, 0x7F) - low + 1)) - 1) << low
        if high >= 0x80:
            for index, (first, last) in enumerate(blocks):
                if low <= last and high >= first:
                    longer[index].append((max(low, first), min(high, last)))
    parts = [byte_class(single)] if single else []
    for count, pieces in enumerate(longer, start=1):
        if pieces:
            # A character of 1 + count bytes is its value in base 64, offset by the marker bits of the lead byte.
            parts.append(_tree(tuple(pieces), count, (0xC0, 0xE0, 0xF0)[count - 1]))
    return union_of(parts) if parts else nothing()


def _tree(ranges: Ranges, continuations: int, marker: int) -> Node:
    """Values of ``continuations + 1`` digits in base 64, the first byte being ``marker + digit``."""
    if continuations == 0:
        members = 0
        for low, high in ranges:
            members |= ((1 << (high - low + 1)) - 1) << (marker + low)
        return byte_class(members)
    shift = 6 * continuations
    size = 1 << shift
    leads: dict[Ranges, int] = {}
    pieces: dict[int, list[tuple[int, int]]] = {}
    for low, high in ranges:
        first, last = low >> shift, high >> shift
        if first == last:
            pieces.setdefault(first, []).append((low - first * size, high - first * size))
            continue
        pieces.setdefault(first, []).append((low - first * size, size - 1))
        for digit in range(first + 1, last):
            pieces.setdefault(digit, []).append((0, size - 1))
        pieces.setdefault(last, []).append((0, high - last * size))
    for digit, rest in pieces.items():
        key = tuple(rest)
        leads[key] = leads.get(key, 0) | 1 << (marker + digit)
    # The depth is at most three: the recursion follows the encoding, not the input.
    return union_of(
        concat(byte_class(members), _tree(rest, continuations - 1, 0x80)) for rest, members in leads.items()
    )
