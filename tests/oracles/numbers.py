"""JSON numbers the slow and obvious way: a regular expression for the syntax, fractions for the value, enumeration.

Nothing here knows how the exact or the fast recogniser works.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from grammarlib.automata.components import NumberLeaf, NumberSpec

NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
DIGITS = re.compile(rb"-?(0|[1-9][0-9]*)")


def value_of(text: bytes) -> Fraction | None:
    """The value of a complete JSON number, or None where the text is none.  Only for small exponents."""
    return Fraction(text.decode()) if NUMBER.fullmatch(text) else None


def holds(spec: NumberSpec, value: Fraction, digits_only: bool) -> bool:
    """Whether the set holds a value that was written in digits only, or not."""
    if spec.digits_only and not digits_only:
        return False
    if spec.values is not None:
        return any(Fraction(member) == value for member in spec.values)
    if spec.lower is not None:
        lower = Fraction(spec.lower)
        if value < lower or (value == lower and spec.lower_open):
            return False
    if spec.upper is not None:
        upper = Fraction(spec.upper)
        if value > upper or (value == upper and spec.upper_open):
            return False
    return spec.multiple_of is None or (value / Fraction(spec.multiple_of)).denominator == 1


def label_of(leaf: NumberLeaf, text: bytes) -> int:
    """The labels of the text: 0 where it is no complete number or in no set."""
    value = value_of(text)
    if value is None:
        return 0
    digits_only = DIGITS.fullmatch(text) is not None
    result = 0
    for spec in leaf.specs:
        if holds(spec, value, digits_only):
            result |= spec.label
    return result


@lru_cache(maxsize=4)
def all_numbers(length: int, alphabet: bytes) -> tuple[tuple[bytes, Fraction, bool], ...]:
    """Every JSON number of at most ``length`` bytes over an alphabet: (text, value, written in digits only)."""
    found = []
    level = [b""]
    for _ in range(length):
        level = [text + bytes((byte,)) for text in level for byte in alphabet if is_prefix(text + bytes((byte,)))]
        for text in level:
            value = value_of(text)
            if value is not None:
                found.append((text, value, DIGITS.fullmatch(text) is not None))
    return tuple(found)


def is_prefix(text: bytes) -> bool:
    """Whether the text begins some JSON number: then a digit (or nothing) after it completes one."""
    return any(NUMBER.fullmatch(text + more) is not None for more in (b"", b"1"))


def live_prefixes(leaf: NumberLeaf, length: int, alphabet: bytes) -> dict[bytes, bytes]:
    """Every prefix of a labelled number of at most ``length`` bytes, with its shortest and then first completion."""
    completions: dict[bytes, bytes] = {}
    for text, value, digits_only in all_numbers(length, alphabet):
        if any(spec.label and holds(spec, value, digits_only) for spec in leaf.specs):
            for end in range(len(text) + 1):
                best = completions.get(text[:end])
                rest = text[end:]
                if best is None or (len(rest), rest) < (len(best), best):
                    completions[text[:end]] = rest
    return completions
