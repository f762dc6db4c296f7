"""JSON numbers, byte by byte, against exact sets of decimals.

Purpose: a number with an exponent is not regular (``1.4e1`` is an integer, ``1.4`` is not), and yet every
prefix has an exact answer to two questions: which sets hold the value if the text stops here, and can
some continuation reach a set.  This module gives both for numbers of any size, and the image of a leaf
that the fast kernel (`grammarlib.kernels.recognise`) reads.
Place: `components.NumberLeaf` comes in; `configurations` uses `NumberRows` where the kernel answers
"slow path", `encode_leaf` and `decode_state`.
Cost: one step is constant time in the length of the text for every leaf but one kind: a multiple with an upper
bound keeps as many digits as the bound has above the multiple's last digit.  No ``10 ** exponent`` is built
for an exponent of the text or of the schema, so ``1e999999999`` costs as much as ``1e9``.

What a prefix remembers.  With significant digits ``M > 0`` and no exponent yet, more digits and any exponent
may follow, so the reachable values are the finite decimals in ``[M, M + 1) * 10**j`` for every integer
``j``; a comparison with a bound of ``R`` digits depends on the first ``R`` digits of ``M`` and on whether any
later one is non-zero.  A multiple of ``u * 10**g`` (``u`` not divisible by ten) depends on the place of
the last non-zero digit and on the residue of the digits before it modulo ``u``.  After ``e`` the values of
one set are those with the exponent in one range of integers, and the ranges are all that is kept.

Design not taken: a digit automaton for each bound with exponents unrolled (the prior art): it cannot
be exact, and its states multiply with the bounds' lengths.

The module is long because the rules of one prefix (step, label, liveness, shortest completion) belong together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from math import gcd, lcm
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata.components import NumberLeaf, NumberSpec
from grammarlib.dtypes import DEAD
from grammarlib.errors import LimitExceeded

START: Final = 0
MINUS: Final = 1
ZERO: Final = 2
INTEGER: Final = 3
POINT: Final = 4
FRACTION: Final = 5
EXPONENT: Final = 6
EXPONENT_SIGN: Final = 7
EXPONENT_DIGITS: Final = 8
"""Phases of a prefix: nothing; ``-``; ``0``; ``12``; ``12.``; ``12.5``; ``12e``; ``12e+``; ``12e+3``."""

_COMPLETE: Final = frozenset((ZERO, INTEGER, FRACTION, EXPONENT_DIGITS))
_BEFORE_EXPONENT: Final = frozenset((ZERO, INTEGER, FRACTION))
_RELEVANT_BYTES: Final = b"+-.0123456789Ee"
_LONGEST_COMPLETION: Final = 200_000


# ---------------------------------------------------------------------------------------------------------------------
# Positive decimals of any size


class _Magnitude(NamedTuple):
    """A positive decimal ``digits * 10**exponent``; the digits neither start nor end with ``0``."""

    digits: bytes
    exponent: int

    @property
    def place(self) -> int:
        """The power of ten of the first digit."""
        return len(self.digits) - 1 + self.exponent


def _magnitude(digits: bytes, exponent: int) -> _Magnitude:
    """``digits * 10**exponent`` (digits without leading zeros, not empty)."""
    stripped = digits.rstrip(b"0")
    return _Magnitude(stripped, exponent + len(digits) - len(stripped))


def _split(value: Decimal) -> tuple[int, _Magnitude | None]:
    """Sign (-1, 0, 1) and magnitude of a finite decimal."""
    parts = value.as_tuple()
    if not isinstance(parts.exponent, int):
        raise ValueError(f"a number set needs finite decimals, not {value}")
    digits = bytes(48 + digit for digit in parts.digits).lstrip(b"0")
    if not digits:
        return 0, None
    return (-1 if parts.sign else 1), _magnitude(digits, parts.exponent)


def _compare(left: _Magnitude, right: _Magnitude) -> int:
    """-1, 0 or 1 as ``left`` is less than, equal to or greater than ``right``."""
    if left.place != right.place:
        return -1 if left.place < right.place else 1
    if left.digits == right.digits:
        return 0
    return -1 if left.digits < right.digits else 1


def _to_int(digits: bytes) -> int:
    """The integer of a digit string of any length (CPython's ``int`` refuses long ones)."""
    size = 512
    head = len(digits) % size
    parts = [int(digits[:head])] if head else []
    parts.extend(int(digits[start : start + size]) for start in range(head, len(digits), size))
    base = int(10**size)
    while len(parts) > 1:
        if len(parts) % 2:
            parts.insert(0, 0)
        parts = [parts[index] * base + parts[index + 1] for index in range(0, len(parts), 2)]
        base *= base
    return parts[0] if parts else 0


def _to_digits(value: int) -> bytes:
    """The digit string of a positive integer of any size."""
    size = 512
    base = int(10**size)
    parts: list[bytes] = []
    while value >= base:
        value, part = divmod(value, base)
        parts.append(b"%0512d" % part)
    parts.append(b"%d" % value)
    return b"".join(reversed(parts))


def _shared_length(left: bytes, right: bytes) -> int:
    """How many digits, without zeros at the end, every number between ``left`` and ``right`` begins with."""
    length = next((index for index, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    return len(left[: min(len(left), len(right)) if length is None else length].rstrip(b"0"))


def _successor(digits: bytes, exponent: int) -> _Magnitude:
    """``(digits + 1) * 10**exponent``."""
    stripped = digits.rstrip(b"9")
    exponent += len(digits) - len(stripped)
    if not stripped:
        return _Magnitude(b"1", exponent)
    return _Magnitude(stripped[:-1] + bytes((stripped[-1] + 1,)), exponent)


def _zeros_needed(residue: int, unit: int) -> int | None:
    """The least ``t >= 0`` with ``unit`` dividing ``n * 10**t`` for every ``n`` of this residue, or None."""
    rest = unit // gcd(residue, unit)
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    fives = 0
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    return max(twos, fives) if rest == 1 else None


def _without_powers(unit: int, power: int) -> int:
    """``unit / gcd(unit, 10**power)`` for ``power >= 0``."""
    return unit // gcd(unit, pow(10, power, unit)) if unit > 1 else 1


class _Multiple(NamedTuple):
    """The multiples of ``unit * 10**place``; ``unit`` is not divisible by ten."""

    unit: int
    place: int

    @property
    def magnitude(self) -> _Magnitude:
        return _Magnitude(_to_digits(self.unit), self.place)


def _divides(multiple: _Multiple, value: _Magnitude) -> bool:
    zeros = _zeros_needed(_to_int(value.digits) % multiple.unit, multiple.unit)
    return zeros is not None and value.exponent - multiple.place >= zeros


def _has_multiple(
    lower: _Magnitude, lower_open: bool, upper: _Magnitude, upper_open: bool, multiple: _Multiple
) -> bool:
    """Whether the interval holds a multiple.  The integers built are about as long as the digits given."""
    order = _compare(lower, upper)
    if order >= 0:
        return order == 0 and not lower_open and not upper_open and _divides(multiple, lower)
    step = multiple.magnitude
    order = _compare(upper, step)
    if order < 0 or (order == 0 and upper_open):
        return False
    if upper.place >= lower.place + 2:
        twice = _magnitude(_to_digits(2 * multiple.unit), multiple.place)
        if _compare(upper, twice) > 0:
            return True
        for candidate in (step, twice):
            below, above = _compare(candidate, lower), _compare(candidate, upper)
            if (below > 0 or (below == 0 and not lower_open)) and (above < 0 or (above == 0 and not upper_open)):
                return True
        return False
    place = min(lower.exponent, upper.exponent)
    if step.place < place:
        return True
    place = min(place, multiple.place)
    first = _to_int(lower.digits) * int(10 ** (lower.exponent - place)) + lower_open
    last = _to_int(upper.digits) * int(10 ** (upper.exponent - place)) - upper_open
    scaled = multiple.unit * int(10 ** (multiple.place - place))
    return last // scaled * scaled >= first


# ---------------------------------------------------------------------------------------------------------------------
# Sets of numbers, by sign


class _Piece(NamedTuple):
    """Positive magnitudes of one set, never empty: an interval (None: no bound), perhaps only multiples."""

    label: int
    lower: _Magnitude | None
    lower_open: bool
    upper: _Magnitude | None
    upper_open: bool
    multiple: _Multiple | None
    digits_only: bool


class _Range(NamedTuple):
    """The exponents ``first <= exponent <= last`` (None: no bound) for which a number has ``label``."""

    label: int
    first: int | None
    last: int | None


class _Prefix(NamedTuple):
    """What a prefix leaves to know; equal prefixes have equal futures.

    The digits ``M`` so far (no leading zeros) stand for ``(head + f) * 10**place`` with ``0 <= f < 1`` and
    ``f > 0`` where ``sticky``.  ``low`` is the place of the last non-zero digit, ``residue`` the residue of the
    digits up to it, ``fraction`` the number of fraction digits; all three are 0 where no set has a multiple.
    After ``e`` only ``exponent`` (its magnitude so far) and ``ranges`` are kept.
    """

    phase: int = START
    negative: bool = False
    head: bytes = b""
    sticky: bool = False
    place: int = 0
    low: int = 0
    fraction: int = 0
    residue: int = 0
    exponent: int = 0
    ranges: tuple[_Range, ...] = ()

    @property
    def is_zero(self) -> bool:
        """Whether every digit so far is zero."""
        return not self.head and not self.sticky


def _multiple_of(spec: NumberSpec) -> _Multiple | None:
    if spec.multiple_of is None:
        return _Multiple(1, 0) if spec.digits_only else None
    sign, magnitude = _split(spec.multiple_of)
    if magnitude is None or sign < 0:
        raise ValueError(f"multiple_of must be positive, not {spec.multiple_of}")
    multiple = _Multiple(_to_int(magnitude.digits), magnitude.exponent)
    if spec.digits_only and multiple.place < 0:
        multiple = _Multiple(_without_powers(multiple.unit, -multiple.place), 0)
    return multiple


def _interval_piece(
    label: int,
    lower: tuple[int, _Magnitude | None] | None,
    lower_open: bool,
    upper: tuple[int, _Magnitude | None] | None,
    upper_open: bool,
    multiple: _Multiple | None,
    digits_only: bool,
) -> _Piece | None:
    """The positive part of an interval with signed bounds, or None where it is empty."""
    first: _Magnitude | None = None
    last: _Magnitude | None = None
    if upper is not None:
        if upper[0] <= 0:
            return None
        last = upper[1]
    if lower is not None and lower[0] > 0:
        first = lower[1]
    if first is None:
        lower_open = False
    if last is None:
        upper_open = False
    if multiple is not None:
        step = multiple.magnitude
        if first is not None:
            order = _compare(first, step)
            if order < 0 or (order == 0 and not lower_open):
                first, lower_open = None, False
        if last is not None:
            if first is not None:
                if not _has_multiple(first, lower_open, last, upper_open, multiple):
                    return None
            else:
                order = _compare(last, step)
                if order < 0 or (order == 0 and upper_open):
                    return None
        if digits_only and last is None and multiple == (1, 0):
            multiple = None  # digits alone are an integer
    elif first is not None and last is not None:
        order = _compare(first, last)
        if order > 0 or (order == 0 and (lower_open or upper_open)):
            return None
    return _Piece(label, first, lower_open, last, upper_open, multiple, digits_only)


def _flipped(bound: tuple[int, _Magnitude | None] | None) -> tuple[int, _Magnitude | None] | None:
    return None if bound is None else (-bound[0], bound[1])


class _Language:
    """A leaf made ready: its pieces by sign, the labels of zero, and how many digits a prefix must keep.  Immutable."""

    def __init__(self, leaf: NumberLeaf) -> None:
        pieces: tuple[list[_Piece], list[_Piece]] = ([], [])
        self.zero_label = 0
        """Labels of zero, however it is written."""
        self.zero_digits_label = 0
        """Labels of zero where it is written in digits only."""
        for spec in leaf.specs:
            if spec.label:
                self._add(spec, pieces)
        self.pieces: Final = (tuple(pieces[0]), tuple(pieces[1]))
        """Pieces of the positive and of the negative numbers."""
        both = self.pieces[0] + self.pieces[1]
        self.symmetric: Final = self.pieces[0] == self.pieces[1]
        self.tracks_low: Final = any(piece.multiple is not None for piece in both)
        self.modulus: Final = lcm(*(piece.multiple.unit for piece in both if piece.multiple is not None))
        kept = 0
        for piece in both:
            if piece.lower is not None:
                kept = max(kept, len(piece.lower.digits))
            if piece.upper is not None:
                kept = max(kept, len(piece.upper.digits))
                if piece.multiple is not None:
                    kept = max(kept, piece.upper.place - piece.multiple.place + 1)
        self.zero_is_plain: Final = (
            not kept
            and not self.tracks_low
            and all(
                _labels([piece for piece in side if not piece.digits_only]) == self.zero_label for side in self.pieces
            )
        )
        """Whether zero is no special number once a point is written."""
        self.kept: Final = kept
        """Digits of the head: comparisons with bounds and bounded multiples need no more."""

    def _add(self, spec: NumberSpec, pieces: tuple[list[_Piece], list[_Piece]]) -> None:
        multiple = _multiple_of(spec)
        holds_zero = False
        if spec.values is not None:
            for value in spec.values:
                sign, magnitude = _split(value)
                if magnitude is None:
                    holds_zero = True
                elif not spec.digits_only:
                    pieces[sign < 0].append(_Piece(spec.label, magnitude, False, magnitude, False, None, False))
                elif magnitude.exponent >= 0:
                    unit = _Multiple(1, 0)
                    pieces[sign < 0].append(_Piece(spec.label, magnitude, False, magnitude, False, unit, True))
        else:
            lower = None if spec.lower is None else _split(spec.lower)
            upper = None if spec.upper is None else _split(spec.upper)
            holds_zero = (lower is None or lower[0] < 0 or (lower[0] == 0 and not spec.lower_open)) and (
                upper is None or upper[0] > 0 or (upper[0] == 0 and not spec.upper_open)
            )
            positive = _interval_piece(
                spec.label, lower, spec.lower_open, upper, spec.upper_open, multiple, spec.digits_only
            )
            negative = _interval_piece(
                spec.label,
                _flipped(upper),
                spec.upper_open,
                _flipped(lower),
                spec.lower_open,
                multiple,
                spec.digits_only,
            )
            if positive is not None:
                pieces[0].append(positive)
            if negative is not None:
                pieces[1].append(negative)
        if holds_zero and spec.digits_only:
            self.zero_digits_label |= spec.label
        elif holds_zero:
            self.zero_label |= spec.label

    # -- one byte ---------------------------------------------------------------------------------------------------

    def step(self, prefix: _Prefix, byte: int) -> _Prefix | None:
        """The prefix after one more byte, or None where the syntax forbids it.  Liveness is not looked at."""
        phase = prefix.phase
        if 48 <= byte <= 57:
            digit = byte - 48
            if phase == INTEGER:
                return self._with_digit(prefix, digit, INTEGER)
            if phase in (POINT, FRACTION):
                return self._with_digit(prefix, digit, FRACTION)
            if phase in (START, MINUS):
                negative = prefix.negative and not self.symmetric
                return self._with_digit(_Prefix(negative=negative), digit, INTEGER if digit else ZERO)
            if phase in (EXPONENT, EXPONENT_SIGN, EXPONENT_DIGITS):
                return _exponent_digit(prefix, digit)
            return None
        if byte == 46:
            if phase not in (ZERO, INTEGER):
                return None
            return prefix._replace(phase=POINT, sticky=prefix.sticky or self.zero_is_plain)
        if byte in (101, 69):
            if phase not in _BEFORE_EXPONENT:
                return None
            return _Prefix(phase=EXPONENT, ranges=self._exponent_ranges(prefix))
        if byte == 45 and phase == START:
            return _Prefix(phase=MINUS, negative=True)
        if byte in (43, 45) and phase == EXPONENT:
            return _Prefix(phase=EXPONENT_SIGN, ranges=_signed_ranges(prefix.ranges, byte == 45))
        return None

    def _with_digit(self, prefix: _Prefix, digit: int, phase: int) -> _Prefix:
        negative, head, sticky, place = prefix.negative, prefix.head, prefix.sticky, prefix.place
        low, fraction, residue = prefix.low, prefix.fraction, prefix.residue
        in_fraction = phase == FRACTION
        is_zero = prefix.is_zero
        if is_zero and digit == 0:
            if in_fraction and self.kept:
                place -= 1
        elif len(head) < self.kept:
            head += bytes((48 + digit,))
            if in_fraction:
                place -= 1
        else:
            sticky = sticky or digit != 0
            if self.kept and not in_fraction:
                place += 1
        if self.tracks_low:
            zeros = 0 if is_zero else low + fraction
            if in_fraction:
                fraction += 1
            if digit:
                if self.modulus > 1:
                    residue = (residue * pow(10, zeros + 1, self.modulus) + digit) % self.modulus
                low = -fraction
            elif not is_zero and not in_fraction:
                low += 1
        return _Prefix(phase, negative, head, sticky, place, low, fraction, residue)

    def scan(self, text: bytes) -> _Prefix | None:
        """The prefix of a whole text, or None where it is no prefix of a JSON number."""
        prefix: _Prefix | None = _Prefix()
        for byte in text:
            assert prefix is not None
            prefix = self.step(prefix, byte)
            if prefix is None:
                return None
        return prefix

    # -- labels -----------------------------------------------------------------------------------------------------

    def label(self, prefix: _Prefix) -> int:
        """The labels of the number if it stops here."""
        phase = prefix.phase
        if phase not in _COMPLETE:
            return 0
        result = 0
        if phase == EXPONENT_DIGITS:
            for found in prefix.ranges:
                assert found.first is not None
                if found.first <= prefix.exponent and (found.last is None or prefix.exponent <= found.last):
                    result |= found.label
            return result
        if prefix.is_zero:
            return self.zero_label | (self.zero_digits_label if phase == ZERO else 0)
        for piece in self.pieces[prefix.negative]:
            if piece.digits_only and phase != INTEGER:
                continue
            found_range = self._exponents(piece, prefix)
            if found_range is not None:
                first, last = found_range
                if (first is None or first <= 0) and (last is None or last >= 0):
                    result |= piece.label
        return result

    def _order(self, prefix: _Prefix, digits: bytes) -> int:
        """-1, 0 or 1: the digits so far compared with other digits, both read as ``d.ddd``."""
        own = prefix.head.rstrip(b"0")
        if own == digits:
            return 1 if prefix.sticky else 0
        return -1 if own < digits else 1

    def _exponents(self, piece: _Piece, prefix: _Prefix) -> tuple[int | None, int | None] | None:
        """The exponents that put the (non-zero) digits so far into the piece: one range, or None where none does."""
        first: int | None = None
        last: int | None = None
        top = len(prefix.head) - 1 + prefix.place
        if piece.lower is not None:
            order = self._order(prefix, piece.lower.digits)
            first = piece.lower.place - top + (0 if order > 0 or (order == 0 and not piece.lower_open) else 1)
        if piece.upper is not None:
            order = self._order(prefix, piece.upper.digits)
            last = piece.upper.place - top - (0 if order < 0 or (order == 0 and not piece.upper_open) else 1)
        if piece.multiple is not None:
            zeros = _zeros_needed(prefix.residue % piece.multiple.unit, piece.multiple.unit)
            if zeros is None:
                return None
            least = piece.multiple.place + zeros - prefix.low
            first = least if first is None else max(first, least)
        if first is not None and last is not None and first > last:
            return None
        return first, last

    def _exponent_ranges(self, prefix: _Prefix) -> tuple[_Range, ...]:
        if prefix.is_zero:
            return (_Range(self.zero_label, None, None),) if self.zero_label else ()
        found: set[_Range] = set()
        for piece in self.pieces[prefix.negative]:
            if not piece.digits_only:
                exponents = self._exponents(piece, prefix)
                if exponents is not None:
                    found.add(_Range(piece.label, *exponents))
        return _ordered(found)

    # -- liveness ---------------------------------------------------------------------------------------------------

    def is_live(self, prefix: _Prefix) -> bool:
        """Whether some continuation (perhaps none) has a label."""
        phase = prefix.phase
        if phase >= EXPONENT:
            return bool(prefix.ranges)
        if phase == START:
            return bool(self.zero_label or self.zero_digits_label or self.pieces[0] or self.pieces[1])
        pieces = self.pieces[prefix.negative]
        if phase == MINUS:
            return bool(self.zero_label or self.zero_digits_label or pieces)
        if prefix.is_zero:
            zero = self.zero_label | (self.zero_digits_label if phase == ZERO else 0)
            return bool(zero) or any(not piece.digits_only for piece in pieces)
        return any(self.piece_is_live(piece, prefix) for piece in pieces if phase == INTEGER or not piece.digits_only)

    def piece_is_live(self, piece: _Piece, prefix: _Prefix) -> bool:
        """Whether non-zero digits, more digits and any exponent (none for ``digits_only``) reach the piece."""
        upper = piece.upper
        if upper is None:
            return True
        order = self._order(prefix, upper.digits)
        # The largest power of ten that keeps the digits so far below the bound is the best one: its interval
        # [M, M + 1) * 10**j reaches furthest up.  `top` is the place of its first digit.
        top = upper.place - (0 if order < 0 or (order == 0 and not piece.upper_open) else 1)
        if piece.multiple is None:
            lower = piece.lower
            if lower is None or lower.place != top:
                return lower is None or lower.place < top
            length = len(prefix.head)
            return lower.digits[:length].ljust(length, b"0") <= prefix.head
        exponents = self._exponents(piece, prefix)
        if exponents is not None and (not piece.digits_only or exponents[1] is None or exponents[1] >= 0):
            return True
        if prefix.sticky or prefix.place + prefix.fraction > 0:
            return False  # more digits than the bound has above the multiple's last digit
        least = max(piece.multiple.place, 0) if piece.digits_only else piece.multiple.place
        for power in range(top - len(prefix.head) + 1, least - 1, -1):
            # At most two rounds, and one more for each digit of the multiple: an interval within the
            # bounds that is wider than the multiple holds one.
            first, first_open = _magnitude(prefix.head, power), False
            last, last_open = _successor(prefix.head, power), True
            starts_below = False
            if piece.lower is not None:
                if _compare(last, piece.lower) <= 0:
                    return False
                if _compare(first, piece.lower) < 0:
                    starts_below = True
                    first, first_open = piece.lower, piece.lower_open
            if _compare(upper, last) < 0:
                last, last_open = upper, piece.upper_open
            if _has_multiple(first, first_open, last, last_open, piece.multiple):
                return True
            if starts_below:
                return False
        return False

    # -- shortest completions ---------------------------------------------------------------------------------------

    def distance(self, prefix: _Prefix) -> int:
        """The fewest bytes that lead from a live prefix to a label."""
        if self.label(prefix):
            return 0
        phase = prefix.phase
        if phase >= EXPONENT:
            return _exponent_distance(prefix)
        if phase in (START, MINUS, ZERO):
            best: int | None = None
            for byte in b"." if phase == ZERO else b"0123456789-":
                following = self.step(prefix, byte)
                if following is not None and self.is_live(following):
                    found = self.distance(following) + 1
                    best = found if best is None else min(best, found)
            assert best is not None
            return best
        best = None
        if prefix.is_zero and self.zero_label:
            return 1  # "0." needs a digit
        for piece in self.pieces[prefix.negative]:
            if phase != INTEGER and piece.digits_only:
                continue
            if prefix.is_zero or self.piece_is_live(piece, prefix):
                found_distance = self._piece_distance(piece, prefix, best)
                if found_distance is not None:
                    best = found_distance
        assert best is not None
        return best

    def _piece_distance(self, piece: _Piece, prefix: _Prefix, best: int | None) -> int | None:
        """The fewest bytes into a piece that is live; ``best`` where that is not less."""
        digits, place = prefix.head, prefix.place
        if prefix.is_zero:
            place = prefix.place if self.kept else -prefix.fraction
        elif prefix.sticky or prefix.place + prefix.fraction > 0:
            # Digits were dropped: one digit stands for all of them in every comparison with a bound.
            digits, place = digits + (b"1" if prefix.sticky else b"0"), place - 1
        number = _Digits(prefix, digits, place + prefix.fraction if self.tracks_low else 0)
        more = 1 if prefix.phase == POINT else 0
        if piece.digits_only and piece.lower is not None:
            more = max(more, piece.lower.place - (len(digits) - 1 + place))
        if piece.lower is not None and piece.upper is not None and piece.lower.place == piece.upper.place:
            more = max(more, _shared_length(piece.lower.digits, piece.upper.digits) - len(digits))
        while best is None or more < best:
            if more > _LONGEST_COMPLETION:
                raise LimitExceeded("closure_steps", _LONGEST_COMPLETION, where="the shortest number of a schema")
            window = _Window.of(piece, number, more)
            shift = place if prefix.phase == INTEGER else place - more
            for cost, first, last in _shapes(prefix.phase, more, piece.digits_only):
                if cost > window.dearest + len(str(abs(shift))) or (best is not None and more + cost >= best):
                    break
                if any(_feasible(piece, number, more, power) for power in window.powers(first + shift, last + shift)):
                    best = more + cost
                    break
            more += 1
        return best

    def completion(self, prefix: _Prefix) -> bytes:
        """The first in byte order of the shortest completions of a live prefix."""
        left = self.distance(prefix)
        if left > _LONGEST_COMPLETION:
            raise LimitExceeded("closure_steps", _LONGEST_COMPLETION, left, "the shortest number of a schema")
        result = bytearray()
        while left:
            for byte in _RELEVANT_BYTES:
                following = self.step(prefix, byte)
                if following is not None and self.is_live(following) and self.distance(following) == left - 1:
                    break
            else:
                raise AssertionError("no byte shortens the way to a number")
            assert following is not None
            result.append(byte)
            prefix = following
            left -= 1
        return bytes(result)


class _Digits(NamedTuple):
    """The digits so far as the search for a completion uses them.

    ``digits`` compare with every bound as the true digits do.  The last of them stands ``offset`` powers of
    ten above the last true digit (multiples count from there).
    """

    prefix: _Prefix
    digits: bytes
    offset: int

    @property
    def zeros(self) -> int:
        """Zeros at the end of the true digits."""
        return 0 if self.prefix.is_zero else self.prefix.low + self.prefix.fraction


class _Window(NamedTuple):
    """Where the power of ten of the last digit matters, for one piece and one count of further digits.

    Below ``lowest`` and above ``highest`` nothing is feasible; from ``inner_first`` to ``inner_last`` every power is
    like every other (None: no bound).
    """

    lowest: int | None
    inner_first: int | None
    inner_last: int | None
    highest: int | None

    @classmethod
    def of(cls, piece: _Piece, number: _Digits, more: int) -> _Window:
        longest = len(number.digits) + more - 1
        shortest = longest if number.digits else 0
        lowest: int | None = None
        inner_first: int | None = None
        if piece.lower is not None:
            lowest = piece.lower.place - longest
            inner_first = piece.lower.place - shortest + 1
        if piece.multiple is not None:
            place = piece.multiple.place + number.offset
            divisible = place - number.zeros - more
            lowest = divisible if lowest is None else max(lowest, divisible)
            saturated = place + piece.multiple.unit.bit_length()
            inner_first = saturated if inner_first is None else max(inner_first, saturated)
        if piece.upper is None:
            return cls(lowest, inner_first, None, None)
        return cls(lowest, inner_first, piece.upper.place - longest - 1, piece.upper.place - shortest)

    @property
    def dearest(self) -> int:
        """The cost beyond which an exponent leads to no power that a cheaper one does not stand for."""
        return 8 + len(str(sum(abs(power) for power in self if power is not None)))

    def powers(self, first: int, last: int) -> Iterator[int]:
        """The powers from ``first`` to ``last`` that are worth a look."""
        if self.lowest is not None:
            first = max(first, self.lowest)
        if self.highest is not None:
            last = min(last, self.highest)
        if first > last:
            return
        inner_first = first if self.inner_first is None else max(first, self.inner_first)
        inner_last = last if self.inner_last is None else min(last, self.inner_last)
        if inner_first > inner_last:
            yield from range(first, last + 1)
            return
        yield from range(first, inner_first + 1)
        yield from range(inner_last + 1, last + 1)


def _feasible(piece: _Piece, number: _Digits, more: int, power: int) -> bool:
    """Whether ``(digits * 10**more + d) * 10**power > 0`` is in the piece for some ``0 <= d < 10**more``."""
    prefix = number.prefix
    width = int(10**more)
    base = _to_int(number.digits) * width
    length = len(number.digits) + more
    first, last = (1 if prefix.is_zero else 0), width - 1
    if piece.lower is not None:
        if piece.lower.place - power >= length:
            return False
        if piece.lower.place >= power:
            bound, exact = _scaled(piece.lower, power)
            first = max(first, bound - base + (1 if not exact or piece.lower_open else 0))
    if piece.upper is not None:
        if piece.upper.place < power:
            return False
        if piece.upper.place - power < length:
            bound, exact = _scaled(piece.upper, power)
            last = min(last, bound - base - (1 if exact and piece.upper_open else 0))
    if first > last:
        return False
    if piece.multiple is None:
        return True
    unit = piece.multiple.unit
    above = power - number.offset - piece.multiple.place
    zeros = number.zeros + more
    if above >= 0:
        modulus = _without_powers(unit, above)
        known = prefix.residue * pow(10, zeros, modulus) % modulus
    elif zeros < -above:
        return False
    else:
        modulus = unit * int(10**-above)
        known = prefix.residue * pow(10, zeros + above, unit) % unit * int(10**-above)
    return first + (-(known + first)) % modulus <= last


def _scaled(value: _Magnitude, power: int) -> tuple[int, bool]:
    """``floor(value / 10**power)`` and whether that is exact, for ``power`` not above the first digit's place."""
    if value.exponent >= power:
        return _to_int(value.digits) * int(10 ** (value.exponent - power)), True
    return _to_int(value.digits[: value.exponent - power]), False


def _shapes(phase: int, more: int, digits_only: bool) -> Iterator[tuple[int, int, int]]:
    """Ways to write an exponent after ``more`` digits: (bytes, first exponent, last exponent), cheapest first, endless.

    In the integer part the exponent is relative to the last digit, and a decimal point among the new digits
    is one of the ways; a point and an exponent together pay only for exponents below all new digits.
    """
    if more or phase != POINT:
        yield 0, 0, 0
    if digits_only:
        return
    if phase == INTEGER and more:
        yield 1, -more, -1
    yield 2, 0, 9
    power = 1
    while True:
        power *= 10
        cost = len(str(power)) + 1
        yield cost, power, power * 10 - 1
        yield cost, 1 - power, -(power // 10)
        if phase == INTEGER and more and power > 10:
            yield cost, -more - (power // 10 - 1), -more - 1


def _ordered(ranges: set[_Range]) -> tuple[_Range, ...]:
    def key(found: _Range) -> tuple[int, bool, int, bool, int]:
        return found.label, found.first is not None, found.first or 0, found.last is not None, found.last or 0

    return tuple(sorted(ranges, key=key))


def _signed_ranges(ranges: tuple[_Range, ...], negative: bool) -> tuple[_Range, ...]:
    """The ranges for the exponent's magnitude once its sign is known; every ``first`` is a number."""
    found: set[_Range] = set()
    for label, first, last in ranges:
        if negative:
            first, last = (None if last is None else -last), (None if first is None else -first)
        if last is None or last >= 0:
            found.add(_Range(label, max(first or 0, 0), last))
    return _ordered(found)


def _exponent_digit(prefix: _Prefix, digit: int) -> _Prefix:
    """One more digit of the exponent.  The exponent is capped where membership no longer changes."""
    ranges = _signed_ranges(prefix.ranges, False) if prefix.phase == EXPONENT else prefix.ranges
    exponent = prefix.exponent * 10 + digit
    ranges = tuple(found for found in ranges if _digits_to_range(exponent, found) is not None)
    cap = 0
    for found in ranges:
        assert found.first is not None
        cap = max(cap, found.first if found.last is None else found.last + 1)
    return _Prefix(phase=EXPONENT_DIGITS, exponent=min(exponent, cap), ranges=ranges)


def _digits_to_range(exponent: int, found: _Range) -> int | None:
    """The fewest more digits that bring ``exponent`` (at least one digit so far) into the range, or None."""
    first, last = found.first or 0, found.last
    low, high, count = exponent, exponent, 0
    while last is None or low <= last:
        if high >= first:
            return count
        low, high, count = low * 10, high * 10 + 9, count + 1
    return None


def _exponent_distance(prefix: _Prefix) -> int:
    best: int | None = None
    options = [(prefix.ranges, 0)]
    if prefix.phase == EXPONENT:
        options = [(_signed_ranges(prefix.ranges, False), 0), (_signed_ranges(prefix.ranges, True), 1)]
    for ranges, sign in options:
        for found in ranges:
            digits = _digits_to_range(prefix.exponent, found)
            if digits is None:
                continue
            if prefix.phase != EXPONENT_DIGITS:
                digits = max(digits, 1)
            best = digits + sign if best is None else min(best, digits + sign)
    assert best is not None
    return best


@lru_cache(maxsize=256)
def _language(leaf: NumberLeaf) -> _Language:
    return _Language(leaf)


# ---------------------------------------------------------------------------------------------------------------------
# Public functions


def prefix_label(leaf: NumberLeaf, text: bytes) -> int:
    """The OR of the labels of the specs that hold the number ``text``; 0 where it is no complete number or in none.

    Exact for every size; linear in ``len(text)``.
    """
    language = _language(leaf)
    prefix = language.scan(text)
    return 0 if prefix is None else language.label(prefix)


def prefix_is_live(leaf: NumberLeaf, text: bytes) -> bool:
    """Whether ``text``, or ``text`` and more bytes, has a non-zero label.  Exact; linear in ``len(text)``."""
    language = _language(leaf)
    prefix = language.scan(text)
    return prefix is not None and language.is_live(prefix)


def is_satisfiable(numbers: NumberSpec | NumberLeaf) -> bool:
    """Whether the set (or some set of the leaf) holds a number that JSON can write.  Labels must be non-zero."""
    leaf = NumberLeaf((numbers,)) if isinstance(numbers, NumberSpec) else numbers
    return _language(leaf).is_live(_Prefix())


def shortest_number(leaf: NumberLeaf, text: bytes = b"") -> bytes:
    """The shortest bytes that complete ``text`` (first in byte order among them; without ``text``).

    Raises ValueError where ``text`` cannot be completed, LimitExceeded where the answer has more than 200,000 bytes.
    """
    language = _language(leaf)
    prefix = language.scan(text)
    if prefix is None or not language.is_live(prefix):
        raise ValueError(f"{text[:80]!r} begins no number of the set")
    return language.completion(prefix)


class NumberRows:
    """A leaf as a `RowSource`: states are prefixes, merged where their futures are known to be equal.

    The set of states is infinite for most leaves; rows are made as they are asked for.  Not safe for use by
    several threads at once.
    """

    def __init__(self, leaf: NumberLeaf) -> None:
        self._language: Final = _language(leaf)
        self._prefixes: list[_Prefix] = []
        self._numbers: dict[_Prefix, int] = {}
        self._rows: dict[int, NDArray[np.int32]] = {}
        self._completions: dict[int, bytes] = {}
        self._start: Final = self._intern(_Prefix())

    def _intern(self, prefix: _Prefix | None) -> int:
        if prefix is None:
            return DEAD
        known = self._numbers.get(prefix)
        if known is not None:
            return known
        if not self._language.is_live(prefix):
            return DEAD
        number = len(self._prefixes)
        self._numbers[prefix] = number
        self._prefixes.append(prefix)
        return number

    @property
    def start(self) -> int:
        """The state of the empty text, or ``DEAD`` where no number has a label."""
        return self._start

    def state_for(self, text: bytes) -> int:
        """The state after ``text``, or ``DEAD``."""
        return self._intern(self._language.scan(text))

    def expand(self, state: int) -> NDArray[np.int32]:
        """All transitions of ``state``: int32[256], the next state per byte or ``DEAD``.  Read-only."""
        row = self._rows.get(state)
        if row is None:
            row = np.full(256, DEAD, dtype=np.int32)
            prefix = self._prefixes[state]
            for byte in _RELEVANT_BYTES:
                row[byte] = self._intern(self._language.step(prefix, byte))
            row.setflags(write=False)
            self._rows[state] = row
        return row

    def label(self, state: int) -> int:
        """The labels of a number that stops at ``state``."""
        return self._language.label(self._prefixes[state])

    def shortest_completion(self, state: int) -> bytes:
        """The shortest bytes that lead from ``state`` to a label, first in byte order among them."""
        completion = self._completions.get(state)
        if completion is None:
            completion = self._completions[state] = self._language.completion(self._prefixes[state])
        return completion

    def shortest_length(self, state: int) -> int:
        """The length of `shortest_completion`."""
        return self._language.distance(self._prefixes[state])


# ---------------------------------------------------------------------------------------------------------------------
# The kernel's image of a leaf, and its states.  The kernels import nothing of ours: a test compares the numbers below.

POOL_HEADER: Final = 18
POOL_PIECE: Final = 6
KIND_SLOW: Final = 0
KIND_SIMPLE: Final = 1
KIND_GENERAL: Final = 2
_SYMMETRIC: Final = 1
_TRACKS_ZEROS: Final = 2
_HAS_DIGITS_ONLY: Final = 4
_LOWER_OPEN: Final = 1
_UPPER_OPEN: Final = 2
_DIGITS_ONLY: Final = 4
_UPPER_CUT: Final = 8
_NO_UPPER: Final = 16
_LARGEST: Final = 2**63 - 1
_LARGEST_POWER: Final = 18


_SEARCHED: Final = 400
_SEARCHED_IN_ALL: Final = 4_000
_RELEVANT: Final = np.frombuffer(b"0123456789+-.eE", np.uint8).astype(np.intp)


class TabledRows:
    """The automaton of a leaf with a table: its specs and its atoms side by side.

    A state is live where a number with a label can be reached, which is looked for among `_SEARCHED` states, and
    `_SEARCHED_IN_ALL` for all states together; where that is not enough, it counts as live.
    """

    def __init__(self, leaf: NumberLeaf) -> None:
        assert leaf.table is not None
        self._table = leaf.table
        self._live = NumberRows(NumberLeaf(leaf.specs))
        atoms = tuple(replace(spec, label=1 << position) for position, spec in enumerate(leaf.atoms))
        self._atoms = NumberRows(NumberLeaf(atoms))
        self._numbers: dict[tuple[int, int], int] = {}
        self._states: list[tuple[int, int]] = []
        self._alive: dict[int, bool] = {}
        self._left = _SEARCHED_IN_ALL
        self._rows: dict[int, NDArray[np.int32]] = {}
        self._number(self._live.start, self._atoms.start)

    def _number(self, live: int, atoms: int) -> int:
        pair = (live, atoms)
        found = self._numbers.get(pair)
        if found is None:
            found = self._numbers[pair] = len(self._states)
            self._states.append(pair)
        return found

    @property
    def start(self) -> int:
        """The state before the first byte."""
        return 0

    def expand(self, state: int) -> NDArray[np.int32]:
        """int32[256]: the next state for each byte, -1 dead."""
        row = self._moves(state).copy()
        for byte in np.flatnonzero(row >= 0).tolist():
            if not self._is_live(int(row[byte])):
                row[byte] = DEAD
        return row

    def _is_live(self, state: int) -> bool:
        """Whether a number with a label can be reached, as far as was looked."""
        alive = self._alive
        known = alive.get(state)
        if known is not None:
            return known
        before = {state: state}
        queue = [state]
        for at in queue:  # grows while it is walked
            self._left -= 1
            if alive.get(at) or self.label(at):
                while not alive.get(at):
                    alive[at] = True
                    at = before[at]
                return True
            if len(queue) > _SEARCHED or self._left < 0:
                self._table.cut_off()
                alive[state] = True
                return True
            if alive.get(at) is None:
                for target in self._moves(at)[_RELEVANT].tolist():
                    if target >= 0 and target not in before:
                        before[target] = at
                        queue.append(target)
        alive.update(dict.fromkeys(queue, False))
        return False

    def _moves(self, state: int) -> NDArray[np.int32]:
        """As `expand`, dead ends included."""
        known = self._rows.get(state)
        if known is not None:
            return known
        live, atoms = self._states[state]
        row = self._live.expand(live)
        other = self._atoms.expand(atoms) if atoms >= 0 else None
        targets = np.full(256, DEAD, dtype=np.int32)
        for byte in np.flatnonzero(row >= 0).tolist():
            targets[byte] = self._number(int(row[byte]), DEAD if other is None else int(other[byte]))
        self._rows[state] = targets
        return targets

    def label(self, state: int) -> int:
        """The exit label of a number that ends here."""
        live, atoms = self._states[state]
        if not self._live.label(live):
            return 0
        return self._table.label(self._atoms.label(atoms) if atoms >= 0 else 0)

    def shortest_completion(self, state: int) -> bytes:
        """A shortest rest of a number with any label."""
        found = self.shortest_with(state, -1)
        assert found is not None, "a live state has a completion"
        return found

    def shortest_with(self, state: int, wanted: int) -> bytes | None:
        """A shortest rest of a number whose label meets ``wanted``; None where there is none, or only a long one."""
        seen = {state}
        frontier = [(state, b"")]
        while frontier and len(seen) < _SEARCHED * 100:
            following = []
            for at, text in frontier:
                if self.label(at) & wanted:
                    return text
                row = self._moves(at)
                for byte in _RELEVANT.tolist():
                    target = int(row[byte])
                    if target >= 0 and target not in seen:
                        seen.add(target)
                        following.append((target, text + bytes((byte,))))
            frontier = following
        return None

    def shortest_length(self, state: int) -> int:
        """Bytes of `shortest_completion`."""
        return len(self.shortest_completion(state))


def encode_leaf(leaf: NumberLeaf) -> list[int]:
    """The image of a leaf for `grammarlib.kernels.recognise`: int64 values to append to the kernel's pool.

    Header (18): kind (0: every step is "ask the exact rows"), labels of zero, more labels of zero in digits only, scale
    ``s``, flags, greatest place of a multiple; then pairs (positive, negative): labels that every prefix in the
    integer part keeps in reach, the same after the point, labels of pieces that allow a point, labels of all pieces,
    number of pieces, place of the first piece.  A piece (6): label, flags, lower and upper bound and multiple in
    units of ``10**-s``, and how many trailing zeros a multiple can need at most.  Kind 1 (no bounds but zero, multiples
    of powers of ten) has the multiple's power of ten in the place of the lower bound.
    """
    language = _language(leaf)
    both = language.pieces[0] + language.pieces[1]
    simple = all(
        piece.lower is None
        and piece.upper is None
        and (piece.multiple is None or (piece.multiple.unit == 1 and abs(piece.multiple.place) <= _LARGEST_POWER))
        for piece in both
    )
    scale = 0
    kind = KIND_SIMPLE
    images: list[list[list[int]]] = [[], []]
    if not simple:
        kind = KIND_GENERAL
        scale = max(0, *(-place for piece in both for place in _places(piece)))
    if scale > _LARGEST_POWER:
        return [KIND_SLOW] + [0] * (POOL_HEADER - 1)
    for sign in (0, 1):
        for piece in language.pieces[sign]:
            if simple:
                place = 0 if piece.multiple is None else piece.multiple.place
                flags = _NO_UPPER | (_DIGITS_ONLY if piece.digits_only else 0)
                images[sign].append([piece.label, flags, place, 0, int(piece.multiple is not None), 0])
                continue
            image = _encode_piece(piece, scale)
            if image is None:
                return [KIND_SLOW] + [0] * (POOL_HEADER - 1)
            images[sign].append(image)
    flags = (
        (_SYMMETRIC if language.symmetric else 0)
        | (_TRACKS_ZEROS if language.tracks_low else 0)
        | (_HAS_DIGITS_ONLY if any(piece.digits_only for piece in both) else 0)
    )
    greatest = max((piece.multiple.place for piece in both if piece.multiple is not None), default=0)
    pool = [kind, language.zero_label, language.zero_digits_label, scale, flags, greatest if simple else 0]
    sure = [[piece for piece in language.pieces[sign] if _is_sure(piece)] for sign in (0, 1)]
    pool += [_labels(sure[0]), _labels(sure[1])]
    pool += [_labels([piece for piece in sure[sign] if not piece.digits_only]) for sign in (0, 1)]
    pool += [_labels([piece for piece in language.pieces[sign] if not piece.digits_only]) for sign in (0, 1)]
    pool += [_labels(language.pieces[0]), _labels(language.pieces[1])]
    pool += [len(images[0]), len(images[1]), POOL_HEADER, POOL_HEADER + POOL_PIECE * len(images[0])]
    for image in images[0] + images[1]:
        pool += image
    return pool


def _places(piece: _Piece) -> list[int]:
    """Powers of ten of the last digits of a piece's numbers."""
    places = [bound.exponent for bound in (piece.lower, piece.upper) if bound is not None]
    if piece.multiple is not None:
        places.append(piece.multiple.place)
    return places


def _labels(pieces: Sequence[_Piece]) -> int:
    result = 0
    for piece in pieces:
        result |= piece.label
    return result


def _is_sure(piece: _Piece) -> bool:
    """Whether all digits lead into the piece: no upper bound, or an interval over a factor of ten."""
    if piece.upper is None:
        return True
    if piece.multiple is not None:
        return False
    return piece.lower is None or _compare(piece.upper, piece.lower._replace(exponent=piece.lower.exponent + 1)) > 0


def _encode_piece(piece: _Piece, scale: int) -> list[int] | None:
    """A piece of a leaf of kind 2, or None where a number leaves int64 and not only the upper bound."""
    flags = (
        (_LOWER_OPEN if piece.lower_open else 0)
        | (_UPPER_OPEN if piece.upper_open else 0)
        | (_DIGITS_ONLY if piece.digits_only else 0)
    )
    multiple = lower = depth = 0
    upper = _LARGEST
    if piece.multiple is not None:
        if piece.multiple.magnitude.place + scale > _LARGEST_POWER:
            return None
        multiple = piece.multiple.unit * int(10 ** (piece.multiple.place + scale))
        depth = multiple.bit_length()
    if piece.lower is not None:
        if piece.lower.place + scale > _LARGEST_POWER:
            return None
        lower = _to_int(piece.lower.digits) * int(10 ** (piece.lower.exponent + scale))
        if multiple:
            lower += -lower % multiple or (multiple if piece.lower_open else 0)
            flags &= ~_LOWER_OPEN
    if lower > _LARGEST or multiple > _LARGEST:
        return None
    if piece.upper is None:
        flags |= _NO_UPPER
    elif piece.upper.place + scale > _LARGEST_POWER + 1:
        flags = flags & ~_UPPER_OPEN | _UPPER_CUT
    else:
        upper = _to_int(piece.upper.digits) * int(10 ** (piece.upper.exponent + scale))
        if multiple:
            upper -= upper % multiple or (multiple if piece.upper_open else 0)
            flags &= ~_UPPER_OPEN
        if upper > _LARGEST:
            upper = _LARGEST
            flags = flags & ~_UPPER_OPEN | _UPPER_CUT
    return [piece.label, flags, lower, upper, multiple, depth]


def decode_state(mantissa: int, packed: int) -> bytes:
    """A text that leaves the kernel in this state: the exact rows go on from it."""
    mantissa, packed = int(mantissa), int(packed)
    phase = packed & 15
    sign = b"-" if packed & 16 else b""
    if phase in (START, MINUS):
        return sign
    digits = b"%d" % mantissa
    if phase == POINT:
        return sign + digits + b"."
    fraction = (packed >> 5) & 1023
    if fraction:
        digits = digits.rjust(fraction + 1, b"0")
        digits = digits[:-fraction] + b"." + digits[-fraction:]
    if phase < EXPONENT:
        return sign + digits
    exponent_sign = b"-" if packed & (1 << 15) else b"+" if phase == EXPONENT_SIGN else b""
    return sign + digits + b"e" + exponent_sign + (b"%d" % (packed >> 16) if phase == EXPONENT_DIGITS else b"")


def plain_number_rows() -> NumberRows:
    """Any JSON number, label 1: nine states."""
    return NumberRows(NumberLeaf((NumberSpec(),)))


def integer_digits_rows() -> NumberRows:
    """Draft 4's integer without bounds (an optional minus sign and digits), label 1: four states."""
    return NumberRows(NumberLeaf((NumberSpec(digits_only=True),)))
