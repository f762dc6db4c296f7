"""Assertions about strings that no automaton decides: checked once, when the string is finished.

Purpose: a backreference, ``format: regex`` and ``format: idn-hostname`` are not regular.  A caller who lists them in
``approximate`` gets masks that allow more, and verdicts that stay exact: a `Check` is asked about the decoded string at
its end.
Place: made by `reader` (`SchemaNode.checked`).
Cost: what Python's `re` takes.  A pattern with a backreference can take time exponential in the length of the
string, as in every engine that knows backreferences: bound the length, or do not accept such schemas from strangers.
Not taken: a matcher of our own for backreferences; `re` gives the verdicts of python-jsonschema.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from grammarlib.automata.unicode_tables import ECMA_LINE_ENDS, ECMA_SPACE, unicode_property
from grammarlib.automata.utf8 import Ranges, negate_ranges, normal_ranges


class Check(Protocol):
    """Whether a finished string satisfies an assertion; equal checks are equal objects."""

    def holds(self, text: str) -> bool:
        """Whether ``text``, decoded, satisfies the assertion; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class PatternCheck:
    """``pattern`` with a backreference, in the meaning of ECMA-262; see `translated`."""

    pattern: str

    def holds(self, text: str) -> bool:
        """Whether the pattern is found anywhere in ``text``."""
        compiled = _compiled(self.pattern)
        return compiled is not None and compiled.search(text) is not None


@dataclass(frozen=True, slots=True)
class RegexFormat:
    """``format: regex``: what Python's `re` compiles, as the checker of python-jsonschema has it."""

    def holds(self, text: str) -> bool:
        """Whether ``text`` is a regular expression; one too large or too deep to compile is none."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                re.compile(text)
        except (re.error, OverflowError, RecursionError, MemoryError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class IdnHostnameFormat:
    """``format: idn-hostname``: what the ``idna`` package encodes (IDNA 2008), as python-jsonschema has it."""

    def holds(self, text: str) -> bool:
        """Whether ``text`` is an internationalised host name."""
        import idna

        try:
            idna.encode(text)
        except UnicodeError:  # `idna.IDNAError` is one
            return False
        return True


FORMAT_CHECKS: Final[dict[str, Check]] = {"regex": RegexFormat(), "idn-hostname": IdnHostnameFormat()}
"""The formats that are not regular."""


def format_check(name: str) -> Check | None:
    """The check of a format that is not regular; None where it needs a package that is missing."""
    if name == "idn-hostname":
        try:
            import idna  # noqa: F401
        except ImportError:
            return None
    return FORMAT_CHECKS.get(name)


def pattern_check(pattern: str) -> PatternCheck | None:
    """The check of a pattern with backreferences; None where `re` would give another verdict than ECMA-262."""
    return None if _compiled(pattern) is None else PatternCheck(pattern)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    source = translated(pattern)
    if source is None:
        return None
    try:
        return re.compile(source, re.ASCII)
    except (re.error, OverflowError, RecursionError):
        return None


# ---- ECMA-262 to Python --------------------------------------------------------------------------


class _Untranslatable(Exception):
    """Something that Python's `re` cannot say, or would read otherwise."""


_BRACES: Final = re.compile(r"\{\d*,?\d*\}")
_NAME: Final = re.compile(r"([\w$]+)>")
_NUMBER: Final = re.compile(r"[1-9]\d?")
_HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]+")
_CONTROLS: Final = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D, "a": 0x07}
_DIGIT: Final = ((0x30, 0x39),)
_WORD: Final = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_NO_BOUNDARY: Final = r"(?:(?<=\w)(?=\w)|(?<!\w)(?!\w))"
_GROUPS: Final = ("(?:", "(?=", "(?!", "(?<=", "(?<!")


def translated(pattern: str) -> str | None:
    """A pattern of ECMA-262 in the syntax of Python's `re`, under its flag ``ASCII``; None where there is none.

    A reference to a group that took no part matches the empty text in ECMA-262, hence ``(?(1)\\1)``.  ECMA-262
    forgets what a group matched when a repeat around it begins anew and Python does not: a reference to
    such a group is refused, as are inline flags and lookbehinds of variable width.
    """
    try:
        return _Translation(pattern).text()
    except _Untranslatable:
        return None


class _Translation:
    """One pass over a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.output: list[str] = []
        self.around: list[tuple[int, ...]] = [()]
        """For each capture, the groups around it (0 is no group)."""
        self.repeated: set[int] = set()
        self.references: set[int] = set()
        self.names: dict[str, int] = {}

    def text(self) -> str:
        """The whole translation.  Raises `_Untranslatable`."""
        pattern = self.pattern
        stack: list[int] = []
        groups = 0
        position = 0
        while position < len(pattern):
            character = pattern[position]
            if character == "\\":
                position = self.escape(position)
            elif character == "[":
                position = self.class_(position)
            elif character == "(":
                groups += 1
                position = self.open(position, tuple(stack))
                stack.append(groups)
            elif character == ")":
                if not stack:
                    raise _Untranslatable
                closed = stack.pop()
                self.output.append(")")
                position += 1
                if pattern[position : position + 1] in ("*", "+") or _BRACES.match(pattern, position):
                    self.repeated.add(closed)
            elif character == ".":
                self.output.append(_set_of(negate_ranges(ECMA_LINE_ENDS)))
                position += 1
            elif character == "$":
                self.output.append(r"\Z")
                position += 1
            elif character == "{":
                found = _BRACES.match(pattern, position)
                is_literal = found is None or found.group() == "{}"
                self.output.append(r"\{" if found is None or is_literal else found.group())
                position = position + 1 if found is None or is_literal else found.end()
            elif character in "^|*+?":
                self.output.append(character)
                position += 1
            else:
                self.output.append(_literal(ord(character)))
                position += 1
        for number in self.references:
            if number >= len(self.around) or not self.repeated.isdisjoint(self.around[number]):
                raise _Untranslatable
        return "".join(self.output)

    def open(self, position: int, around: tuple[int, ...]) -> int:
        """The start of a group; captures lose their names."""
        pattern = self.pattern
        for start in _GROUPS:
            if pattern.startswith(start, position):
                self.output.append(start)
                return position + len(start)
        name = None
        if pattern.startswith(("(?<", "(?P<"), position):
            name = _NAME.match(pattern, pattern.index("<", position) + 1)
        elif not pattern.startswith("(?", position):
            self.around.append(around)
            self.output.append("(")
            return position + 1
        if name is None or name.group(1) in self.names:
            raise _Untranslatable
        self.names[name.group(1)] = len(self.around)
        self.around.append(around)
        self.output.append("(")
        return name.end()

    def escape(self, position: int) -> int:
        """An escape outside a class."""
        pattern = self.pattern
        letter = pattern[position + 1 : position + 2]
        number = _NUMBER.match(pattern, position + 1)
        if number is not None:
            self.refer(int(number.group()))
            return number.end()
        if letter == "k":
            name = _NAME.match(pattern, position + 3) if pattern.startswith("<", position + 2) else None
            if name is None or name.group(1) not in self.names:
                raise _Untranslatable
            self.refer(self.names[name.group(1)])
            return name.end()
        if letter in ("b", "A", "Z"):
            self.output.append("\\" + letter)
            return position + 2
        if letter == "B":
            self.output.append(_NO_BOUNDARY)
            return position + 2
        found, position = self.member(position)
        self.output.append(_literal(found) if isinstance(found, int) else _set_of(found))
        return position

    def refer(self, number: int) -> None:
        self.references.add(number)
        self.output.append(f"(?({number})\\{number})")

    def class_(self, position: int) -> int:
        """A class, as the set of its code points."""
        pattern = self.pattern
        position += 1
        negative = pattern.startswith("^", position)
        position += negative
        ranges: list[tuple[int, int]] = []
        while not pattern.startswith("]", position):
            low, position = self.member(position)
            if pattern.startswith("-", position) and not pattern.startswith("-]", position):
                high, position = self.member(position + 1)
                if isinstance(low, int) and isinstance(high, int):
                    if high < low:
                        raise _Untranslatable
                    ranges.append((low, high))
                    continue
                ranges.append((0x2D, 0x2D))
                ranges.extend([(high, high)] if isinstance(high, int) else high)
            ranges.extend([(low, low)] if isinstance(low, int) else low)
        members = normal_ranges(ranges)
        self.output.append(_set_of(negate_ranges(members) if negative else members))
        return position + 1

    def member(self, position: int) -> tuple[int | Ranges, int]:
        """A code point or a set, and the next position."""
        pattern = self.pattern
        if position >= len(pattern):
            raise _Untranslatable
        if pattern[position] != "\\":
            return ord(pattern[position]), position + 1
        letter = pattern[position + 1 : position + 2]
        after = position + 2
        if letter in _CONTROLS:
            return _CONTROLS[letter], after
        if letter and letter in "dDwWsS":
            ranges: Ranges = {"d": _DIGIT, "w": _WORD, "s": ECMA_SPACE}[letter.lower()]
            return (negate_ranges(ranges) if letter.isupper() else ranges), after
        if letter and letter in "pP":
            end = pattern.find("}", after)
            found = unicode_property(pattern[after + 1 : end]) if pattern.startswith("{", after) and end > 0 else None
            if found is None:
                raise _Untranslatable
            return (negate_ranges(found) if letter == "P" else found), end + 1
        if letter == "b":
            return 0x08, after
        if letter == "0" and not pattern[after : after + 1].isdigit():
            return 0, after
        if letter == "c" and pattern[after : after + 1].isalpha() and pattern[after].isascii():
            return ord(pattern[after]) % 32, after + 1
        if letter == "x":
            return self.hexadecimal(after, after + 2), after + 2
        if letter == "u":
            if pattern.startswith("{", after):
                end = pattern.find("}", after)
                return self.hexadecimal(after + 1, end), end + 1
            point = self.hexadecimal(after, after + 4)
            after += 4
            if 0xD800 <= point <= 0xDBFF and pattern.startswith("\\u", after):
                low = self.hexadecimal(after + 2, after + 6)
                if 0xDC00 <= low <= 0xDFFF:
                    return 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00), after + 6
            return point, after
        if not letter or (letter.isalnum() and letter.isascii()):
            raise _Untranslatable
        return ord(letter), after

    def hexadecimal(self, start: int, end: int) -> int:
        digits = self.pattern[start : max(start, end)]
        if not _HEXADECIMAL.fullmatch(digits) or end > len(self.pattern) or int(digits, 16) > 0x10FFFF:
            raise _Untranslatable
        return int(digits, 16)


def _literal(point: int) -> str:
    character = chr(point)
    return character if character.isalnum() else f"\\U{point:08x}"


def _set_of(ranges: Ranges) -> str:
    if not ranges:
        return "(?!)"
    return "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges) + "]"
