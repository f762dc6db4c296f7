"""Sets of code points that regexes name: digits, words, spaces, general categories, case folding.

Purpose: the classes behind ``\\d \\w \\s \\p{..}`` and the flag ``i``, taken from the running Python, so that
they agree with its `re` to the letter.
Place: used by `grammarlib.sources.regex`.
Cost: nothing until a set is first asked for; then 5 to 30 milliseconds for one table of all code points, once in a
process.
Not taken: tables written into the source, which would disagree with `re` on every other Python.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

import numpy as np

from grammarlib.automata.utf8 import MAXIMUM_CODE_POINT, Ranges, intersect_ranges, negate_ranges, normal_ranges

ASCII_DIGIT: Ranges = ((0x30, 0x39),)
ASCII_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
ASCII_SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
ECMA_SPACE: Ranges = (
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
ECMA_LINE_ENDS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))

_CASED_END = 0x20000
"""No code point from here on has case; `test_regex_unicode` checks it against the running Python."""

_ASSIGNED_SPANS = ((0, 0x40000), (0xE0000, 0xE1000))
_UNIFORM_SPANS = (
    ("Cn", 0x40000, 0xDFFFF),
    ("Cn", 0xE1000, 0xEFFFF),
    ("Co", 0xF0000, 0xFFFFD),
    ("Cn", 0xFFFFE, 0xFFFFF),
    ("Co", 0x100000, 0x10FFFD),
    ("Cn", 0x10FFFE, 0x10FFFF),
)
"""Unassigned planes and private use, which need no look at every code point; a test compares all of them."""

_LONG_CATEGORIES = {
    "Letter": "L",
    "Cased_Letter": "LC",
    "Uppercase_Letter": "Lu",
    "Lowercase_Letter": "Ll",
    "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo",
    "Mark": "M",
    "Combining_Mark": "M",
    "Nonspacing_Mark": "Mn",
    "Spacing_Mark": "Mc",
    "Enclosing_Mark": "Me",
    "Number": "N",
    "Decimal_Number": "Nd",
    "digit": "Nd",
    "Letter_Number": "Nl",
    "Other_Number": "No",
    "Punctuation": "P",
    "punct": "P",
    "Connector_Punctuation": "Pc",
    "Dash_Punctuation": "Pd",
    "Open_Punctuation": "Ps",
    "Close_Punctuation": "Pe",
    "Initial_Punctuation": "Pi",
    "Final_Punctuation": "Pf",
    "Other_Punctuation": "Po",
    "Symbol": "S",
    "Math_Symbol": "Sm",
    "Currency_Symbol": "Sc",
    "Modifier_Symbol": "Sk",
    "Other_Symbol": "So",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp",
    "Other": "C",
    "Control": "Cc",
    "cntrl": "Cc",
    "Format": "Cf",
    "Surrogate": "Cs",
    "Private_Use": "Co",
    "Unassigned": "Cn",
}


@lru_cache(maxsize=1)
def _every_character() -> str:
    return np.arange(MAXIMUM_CODE_POINT + 1, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@lru_cache(maxsize=8)
def python_class(letter: str) -> Ranges:
    """What ``\\d``, ``\\w`` or ``\\s`` matches in a Python pattern without the flag A."""
    runs = re.compile(rf"\{letter}+").finditer(_every_character())
    return tuple([(run.start(), run.end() - 1) for run in runs])


@lru_cache(maxsize=1)
def _categories() -> dict[str, Ranges]:
    found: dict[str, list[tuple[int, int]]] = {}
    category = unicodedata.category
    for start, end in _ASSIGNED_SPANS:
        names = list(map(category, _every_character()[start:end]))
        low = start
        for name, run in groupby(names):
            high = low + sum(1 for _ in run)
            found.setdefault(name, []).append((low, high - 1))
            low = high
    for name, low, high in _UNIFORM_SPANS:
        found.setdefault(name, []).append((low, high))
    return {name: normal_ranges(ranges) for name, ranges in found.items()}


def _of_categories(*names: str) -> Ranges:
    table = _categories()
    return normal_ranges(pair for name, ranges in table.items() if name.startswith(names) for pair in ranges)


@lru_cache(maxsize=128)
def unicode_property(name: str) -> Ranges | None:
    """The code points of ``\\p{name}``, or None where the running Python has no exact table of it.

    General categories by short or long name, with or without ``General_Category=`` or ``gc=``, and the
    binary properties Any, Assigned, ASCII, Lowercase, Uppercase.
    """
    key, equals, value = name.partition("=")
    if equals:
        if key not in ("General_Category", "gc"):
            return None
        name = value
    else:
        if name == "Any":
            return ((0, MAXIMUM_CODE_POINT),)
        if name == "ASCII":
            return ((0, 0x7F),)
        if name == "Assigned":
            return negate_ranges(_of_categories("Cn"))
        if name in ("Lowercase", "Lower"):
            return _where(str.islower)
        if name in ("Uppercase", "Upper"):
            return _where(str.isupper)
    name = _LONG_CATEGORIES.get(name, name)
    if name == "LC":
        return _of_categories("Lu", "Ll", "Lt")
    if (len(name) == 2 and name in _categories()) or (len(name) == 1 and name in "LMNPSZC"):
        return _of_categories(name)
    return None


def _where(predicate: object) -> Ranges:
    assert callable(predicate)
    return normal_ranges((point, point) for point in range(_CASED_END) if predicate(chr(point)))


@lru_cache(maxsize=1)
def _case_groups() -> dict[int, tuple[int, ...]]:
    """For each code point with case variants, all code points that match it under the flag i (itself included).

    Two code points are variants where their simple lower case is equal, or where their lower cases have
    the same upper case; this is what `re` does, its table of extra cases included.
    """
    lower: dict[int, int] = {}
    by_upper: dict[str, list[int]] = {}
    for point in range(0x41, _CASED_END):
        character = chr(point)
        low = character.lower()
        small = ord(low) if len(low) == 1 else (0x69 if point == 0x130 else point)
        up = character.upper()
        if small != point:
            lower[point] = small
            lower.setdefault(small, small)
        elif up != character:
            lower[point] = point
            by_upper.setdefault(up, []).append(point)
    joined: dict[int, tuple[int, ...]] = {}
    for smalls in by_upper.values():
        for small in smalls:
            joined[small] = tuple(smalls)
    sources: dict[int, list[int]] = {}
    for point, small in lower.items():
        sources.setdefault(small, []).append(point)
    groups: dict[int, tuple[int, ...]] = {}
    for point, small in lower.items():
        members = {point, small}
        for other in joined.get(small, (small,)):
            members.add(other)
            members.update(sources.get(other, ()))
        groups[point] = tuple(sorted(members))
    return groups


def fold_case(ranges: Ranges, *, ascii_only: bool = False) -> Ranges:
    """``ranges`` and every code point that differs from one of them in case only."""
    extra: list[tuple[int, int]] = list(ranges)
    if ascii_only:
        for low, high in intersect_ranges(ranges, ((0x41, 0x5A),)):
            extra.append((low + 32, high + 32))
        for low, high in intersect_ranges(ranges, ((0x61, 0x7A),)):
            extra.append((low - 32, high - 32))
        return normal_ranges(extra)
    groups = _case_groups()
    points: Iterable[int]
    if sum(high - low + 1 for low, high in ranges) < len(groups):
        points = [point for low, high in ranges for point in range(low, high + 1) if point in groups]
    else:
        points = [point for point in groups if any(low <= point <= high for low, high in ranges)]
    for point in points:
        extra.extend([(other, other) for other in groups[point]])
    return normal_ranges(extra)
