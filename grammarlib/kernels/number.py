"""Stepping through a JSON number in a few nanoseconds.

Purpose: the twin in int64 of `grammarlib.automata.numbers`, for mask walks that try about a thousand digit
tokens at each position of a number.  It answers exactly or says "slow path" (status 2); then the exact rows go on from
the text that ``decode_state`` gives for the state before the byte.
Place: called by the recognition kernel; reads the image that `grammarlib.automata.numbers.encode_leaf` writes.
Cost: no division while digits are read, but for multiples of more than one unit and for digits beyond the bounds.

State: ``mantissa`` (the digits so far without leading zeros) and ``packed`` (31 bits: phase, sign, number of
fraction digits, sign and value of the exponent, the value saturating).  The empty text is (0, 0).
For leaves without bounds other than zero whose multiples are powers of ten (kind 1: the plain number, the plain and the
positive integer), the digits are reduced to 1 and the zeros after the last other digit.

Design not taken: one table of rows for each leaf.  The states of a bounded number are as many as its digits allow, and
expanding one costs a thousand times the arithmetic.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Phases: nothing, "-", "0", "12", "12.", "12.5", "12e", "12e+", "12e+3".
_MINUS = 1
_ZERO = 2
_INTEGER = 3
_POINT = 4
_FRACTION = 5
_EXPONENT = 6
_EXPONENT_SIGN = 7
_EXPONENT_DIGITS = 8

# packed: phase in bits 0-3, then:
_NEGATIVE = 16
_FRACTION_SHIFT = 5
_FRACTION_MAXIMUM = 1023
_EXPONENT_NEGATIVE = 1 << 15
_EXPONENT_SHIFT = 16
_EXPONENT_MAXIMUM = 8191
_EXPONENT_ENOUGH = 63  # kind 1: a negative exponent beyond any 18 zeros and any place from -18 up

# The image of a leaf: header, then pieces (see encode_leaf).
_KIND = 0
_ZERO_LABEL = 1
_ZERO_DIGITS_LABEL = 2
_SCALE = 3
_FLAGS = 4
_GREATEST_PLACE = 5
_SURE_INTEGER = 6  # + 1 for negative numbers, as below
_SURE_FRACTION = 8
_ANY_FRACTION = 10
_ANY = 12
_COUNT = 14
_FIRST = 16
_HEADER = 18

_KIND_SIMPLE = 1
_KIND_GENERAL = 2

_SYMMETRIC = 1
_TRACKS_ZEROS = 2
_HAS_DIGITS_ONLY = 4

_PIECE_LABEL = 0
_PIECE_FLAGS = 1
_PIECE_LOWER = 2
_PIECE_UPPER = 3
_PIECE_MULTIPLE = 4
_PIECE_DEPTH = 5
_PIECE_SIZE = 6

_LOWER_OPEN = 1
_UPPER_OPEN = 2
_DIGITS_ONLY = 4
_UPPER_CUT = 8
_NO_UPPER = 16

_LARGEST = 9223372036854775807
_LARGEST_TENTH = 922337203685477580
_LARGEST_POWER = 18
_FAR = 1 << 40

# Without reference counts: they took two thirds of the time of a step (17 ns with them, 5 ns without), and
# nothing is allocated here.
kernel = njit(_nrt=False)

_POWERS = np.array([10**power for power in range(19)], dtype=np.int64)


@kernel
def _simple_label(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """Kind 1: labels of a non-zero number that stops here (the mantissa is a power of ten)."""
    phase = packed & 15
    negative = (packed >> 4) & 1
    exponent = packed >> _EXPONENT_SHIFT
    shift = (-exponent if packed & _EXPONENT_NEGATIVE else exponent) - ((packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM)
    result = 0
    first = offset + pool[offset + _FIRST + negative]
    last = first + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(first, last, _PIECE_SIZE):
        flags = pool[piece + _PIECE_FLAGS]
        if flags & _DIGITS_ONLY and phase != _INTEGER:
            continue
        if pool[piece + _PIECE_MULTIPLE] != 0:
            needed = pool[piece + _PIECE_LOWER] - shift  # zeros that the mantissa must end in
            if needed > 0 and (needed > _LARGEST_POWER or mantissa < _POWERS[needed]):
                continue
        result |= pool[piece + _PIECE_LABEL]
    return result


@kernel
def _piece_holds(pool: NDArray[np.int64], piece: int, mantissa: int, shift: int) -> int:
    """Kind 2: 1 where ``mantissa * 10**shift`` (in units of the scale) is in the piece, 0 where not, 2 unknown."""
    flags = pool[piece + _PIECE_FLAGS]
    lower = pool[piece + _PIECE_LOWER]
    upper = pool[piece + _PIECE_UPPER]
    multiple = pool[piece + _PIECE_MULTIPLE]
    if shift < 0:
        if -shift > _LARGEST_POWER:
            value = 0
            rest = 1
        else:
            value = mantissa // _POWERS[-shift]
            rest = mantissa - value * _POWERS[-shift]
        if rest != 0:
            if multiple != 0 or value < lower:
                return 0
            return 1 if flags & _NO_UPPER or value < upper else 0
    elif shift > _LARGEST_POWER or mantissa > _LARGEST // _POWERS[shift]:
        if flags & _UPPER_CUT:
            return 2
        if not flags & _NO_UPPER:
            return 0
        if multiple > 1:
            rest = mantissa % multiple
            for _ in range(min(shift, pool[piece + _PIECE_DEPTH])):
                if rest == 0:
                    break
                if rest > _LARGEST_TENTH:
                    return 2
                rest = rest * 10 % multiple
            return 1 if rest == 0 else 0
        return 1
    else:
        value = mantissa * _POWERS[shift]
    if value < lower or (value == lower and flags & _LOWER_OPEN):
        return 0
    if not flags & _NO_UPPER and (value > upper or (value == upper and flags & _UPPER_OPEN)):
        return 0  # a bound that was cut is the largest integer, and no value is above that
    if multiple > 1 and value % multiple != 0:
        return 0
    return 1


@kernel
def _piece_live(pool: NDArray[np.int64], piece: int, mantissa: int, scale: int) -> int:
    """Kind 2: whether more digits and any exponent lead from ``mantissa > 0`` into a piece that has an upper bound.

    Asks for a power ``j`` such that ``[mantissa, mantissa + 1) * 10**j`` meets the piece (in units of the scale).
    """
    flags = pool[piece + _PIECE_FLAGS]
    lower = pool[piece + _PIECE_LOWER]
    upper = pool[piece + _PIECE_UPPER]
    multiple = pool[piece + _PIECE_MULTIPLE]
    no = 2 if flags & _UPPER_CUT else 0
    value = mantissa
    width = 1
    if multiple == 0:
        if value < upper or (value == upper and not flags & _UPPER_OPEN):
            # The largest power is the best one.
            while value <= _LARGEST_TENTH:
                longer = value * 10
                if longer > upper or (longer == upper and flags & _UPPER_OPEN):
                    break
                value = longer
                width *= 10
            return 1 if value > lower or width > lower - value else no
        rest = False
        while True:
            tenth = value // 10
            rest = rest or tenth * 10 != value
            value = tenth
            if value < upper or (value == upper and not rest and not flags & _UPPER_OPEN):
                return 1 if value >= lower else no
    if flags & _DIGITS_ONLY and scale > 0:
        if value > _LARGEST // _POWERS[scale]:
            return no
        value *= _POWERS[scale]
        width = _POWERS[scale]
    start = value
    start_width = width
    while value <= upper:  # without divisions first
        first = value if value > lower else lower
        last = upper if width - 1 > upper - value else value + (width - 1)
        if last - first >= multiple - 1:
            return 1
        if value > _LARGEST_TENTH:
            break
        value *= 10
        width *= 10
    if multiple > 1:
        value = start
        width = start_width
        while value <= upper:
            first = value if value > lower else lower
            last = upper if width - 1 > upper - value else value + (width - 1)
            if last // multiple * multiple >= first:
                return 1
            if value > _LARGEST_TENTH:
                break
            value *= 10
            width *= 10
    if not flags & _DIGITS_ONLY:
        value = mantissa
        while True:
            tenth = value // 10
            if tenth * 10 != value or tenth < lower:
                break
            value = tenth
            if value <= upper and value % multiple == 0:
                return 1
    return no


@kernel
def _digits_live(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """Kind 2: liveness of non-zero digits before any exponent."""
    phase = packed & 15
    negative = (packed >> 4) & 1
    result = 0
    scale = pool[offset + _SCALE]
    first = offset + pool[offset + _FIRST + negative]
    last = first + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(first, last, _PIECE_SIZE):
        if pool[piece + _PIECE_FLAGS] & _DIGITS_ONLY and phase != _INTEGER:
            continue
        found = _piece_live(pool, piece, mantissa, scale)
        if found == 1:
            return 1
        if found == 2:
            result = 2
    return result


@kernel
def _piece_exponents(pool: NDArray[np.int64], piece: int, mantissa: int) -> tuple[int, int, int]:
    """Kind 2: (status, first, last): the powers of ten that put ``mantissa > 0`` into the piece; ``_FAR`` is no bound.

    Status 0: none; 2: unknown; 3: more above ``last`` perhaps.
    """
    flags = pool[piece + _PIECE_FLAGS]
    lower = pool[piece + _PIECE_LOWER]
    upper = pool[piece + _PIECE_UPPER]
    multiple = pool[piece + _PIECE_MULTIPLE]
    first = -_FAR
    last = _FAR
    if lower > 0:
        value = mantissa
        first = 0
        if value > lower or (value == lower and not flags & _LOWER_OPEN):
            rest = False
            while True:
                tenth = value // 10
                rest = rest or tenth * 10 != value
                value = tenth
                if value < lower or (value == lower and not rest and flags & _LOWER_OPEN):
                    break
                first -= 1
        else:
            while value < lower or (value == lower and flags & _LOWER_OPEN):
                first += 1
                if value > _LARGEST_TENTH:
                    break  # the product is above every bound
                value *= 10
    if not flags & _NO_UPPER:
        value = mantissa
        last = 0
        if value < upper or (value == upper and not flags & _UPPER_OPEN):
            while value <= _LARGEST_TENTH:
                value *= 10
                if value > upper or (value == upper and flags & _UPPER_OPEN):
                    break
                last += 1
        else:
            rest = False
            while value > upper or (value == upper and (rest or flags & _UPPER_OPEN)):
                tenth = value // 10
                rest = rest or tenth * 10 != value
                value = tenth
                last -= 1
    if multiple > 0:
        zeros = 0
        value = mantissa
        residue = value % multiple
        if residue == 0:
            while True:
                tenth = value // 10
                if tenth * 10 != value or tenth % multiple != 0:
                    break
                value = tenth
                zeros -= 1
        else:
            while residue != 0:
                if zeros >= pool[piece + _PIECE_DEPTH]:
                    return 0, 0, 0
                if residue > _LARGEST_TENTH:
                    return 2, 0, 0
                residue = residue * 10 % multiple
                zeros += 1
        first = max(first, zeros)
    if flags & _UPPER_CUT:
        return 3, first, last
    if first > last:
        return 0, 0, 0
    return 1, first, last


@kernel
def _exponent_live(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """Kind 2: whether some exponent that begins as the text does puts the (non-zero) digits into a piece."""
    phase = packed & 15
    negative = (packed >> 4) & 1
    sign = packed & _EXPONENT_NEGATIVE
    exponent = packed >> _EXPONENT_SHIFT
    shift = pool[offset + _SCALE] - ((packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM)
    result = 0
    begin = offset + pool[offset + _FIRST + negative]
    end = begin + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(begin, end, _PIECE_SIZE):
        if pool[piece + _PIECE_FLAGS] & _DIGITS_ONLY:
            continue
        status, first, last = _piece_exponents(pool, piece, mantissa)
        if status == 0:
            continue
        if status == 2:
            result = 2
            continue
        if status == 3:
            result = 2
            if first > last:
                continue
        if phase == _EXPONENT:
            return 1
        if first > -_FAR:
            first -= shift
        if last < _FAR:
            last -= shift
        if sign != 0:
            first, last = -last, -first
        if phase == _EXPONENT_SIGN:
            if last >= 0:
                return 1
            continue
        low = exponent
        high = exponent
        while low <= last:
            if high >= first or low == 0:
                return 1
            low *= 10
            high = high * 10 + 9
    return result


@kernel
def number_step(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int, byte: int) -> tuple[int, int, int]:
    """One byte: (status, mantissa, packed); status 0 dead, 1 live, 2 ask the exact rows (the state is then void)."""
    kind = pool[offset + _KIND]
    if kind == 0:
        return 2, 0, 0
    phase = packed & 15
    negative = (packed >> 4) & 1
    if 48 <= byte <= 57:
        digit = byte - 48
        if phase == _INTEGER:
            if kind == _KIND_SIMPLE:
                if not pool[offset + _FLAGS] & _TRACKS_ZEROS:
                    return 1, mantissa, packed
                if digit != 0:
                    return 1, 1, packed
                if mantissa >= _POWERS[_LARGEST_POWER]:
                    return 2, 0, 0
                return 1, mantissa * 10, packed
            if mantissa > _LARGEST_TENTH or (mantissa == _LARGEST_TENTH and digit > 7):
                return 2, 0, 0
            mantissa = mantissa * 10 + digit
            if pool[offset + _SURE_INTEGER + negative] != 0:
                return 1, mantissa, packed
            return _digits_live(pool, offset, mantissa, packed), mantissa, packed
        if phase == _FRACTION or phase == _POINT:
            if phase == _POINT:
                packed += _FRACTION - _POINT
            if kind == _KIND_SIMPLE:
                if not pool[offset + _FLAGS] & _TRACKS_ZEROS:
                    # One fraction digit stands for any number of them.
                    packed = (packed & (15 | _NEGATIVE)) | (1 << _FRACTION_SHIFT)
                    if digit == 0:
                        return 1, mantissa, packed
                    return 1 if pool[offset + _ANY_FRACTION + negative] != 0 else 0, 1, packed
                if digit != 0:
                    mantissa = 1
                    if pool[offset + _ANY_FRACTION + negative] == 0:
                        return 0, 0, 0
                elif mantissa >= _POWERS[_LARGEST_POWER]:
                    return 2, 0, 0
                else:
                    mantissa *= 10
            else:
                if mantissa > _LARGEST_TENTH or (mantissa == _LARGEST_TENTH and digit > 7):
                    return 2, 0, 0
                mantissa = mantissa * 10 + digit
            if (packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM == _FRACTION_MAXIMUM:
                return 2, 0, 0
            packed += 1 << _FRACTION_SHIFT
            if mantissa == 0 or pool[offset + _SURE_FRACTION + negative] != 0:
                return 1, mantissa, packed
            return _digits_live(pool, offset, mantissa, packed), mantissa, packed
        if phase <= _MINUS:
            if pool[offset + _FLAGS] & _SYMMETRIC:
                negative = 0
            if digit == 0:
                live = (
                    pool[offset + _ZERO_LABEL]
                    | pool[offset + _ZERO_DIGITS_LABEL]
                    | pool[offset + _ANY_FRACTION + negative]
                )
                return 1 if live != 0 else 0, 0, _ZERO | (negative << 4)
            packed = _INTEGER | (negative << 4)
            if kind == _KIND_SIMPLE:
                digit = 1
            if pool[offset + _SURE_INTEGER + negative] != 0:
                return 1, digit, packed
            if pool[offset + _ANY + negative] == 0:
                return 0, 0, 0
            return _digits_live(pool, offset, digit, packed), digit, packed
        if phase < _EXPONENT:
            return 0, 0, 0
        status, mantissa, packed = _exponent_step(pool, offset, mantissa, packed, digit)
        return status, mantissa, packed
    if byte == 46:
        if phase != _INTEGER and phase != _ZERO:
            return 0, 0, 0
        packed = (packed & _NEGATIVE) | _POINT
        if pool[offset + _ANY_FRACTION + negative] == 0:
            return 1 if mantissa == 0 and pool[offset + _ZERO_LABEL] != 0 else 0, mantissa, packed
        if mantissa == 0 or not pool[offset + _FLAGS] & _HAS_DIGITS_ONLY:
            return 1, mantissa, packed
        if pool[offset + _SURE_FRACTION + negative] != 0:
            return 1, mantissa, packed
        return _digits_live(pool, offset, mantissa, packed), mantissa, packed
    if byte == 101 or byte == 69:
        if phase != _INTEGER and phase != _ZERO and phase != _FRACTION:
            return 0, 0, 0
        status, mantissa, packed = _exponent_start(pool, offset, mantissa, packed)
        return status, mantissa, packed
    if byte == 45 and phase == 0:
        live = pool[offset + _ZERO_LABEL] | pool[offset + _ZERO_DIGITS_LABEL] | pool[offset + _ANY + 1]
        return 1 if live != 0 else 0, 0, _MINUS | _NEGATIVE
    if (byte == 45 or byte == 43) and phase == _EXPONENT:
        packed = (packed & ~15) | _EXPONENT_SIGN
        if byte == 45:
            packed |= _EXPONENT_NEGATIVE
        if mantissa == 0:
            return 1, mantissa, packed
        if kind == _KIND_SIMPLE:
            if byte == 45 and _simple_label(pool, offset, mantissa, packed) == 0:
                return 0, 0, 0
            return 1, mantissa, packed
        return _exponent_live(pool, offset, mantissa, packed), mantissa, packed
    return 0, 0, 0


@kernel
def _exponent_start(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> tuple[int, int, int]:
    """The byte ``e``: fraction digits that are zeros at the end go, as they change nothing any more."""
    negative = (packed >> 4) & 1
    if mantissa == 0:
        return 1 if pool[offset + _ZERO_LABEL] != 0 else 0, 0, _EXPONENT
    fraction = (packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM
    while fraction > 0:
        tenth = mantissa // 10
        if tenth * 10 != mantissa:
            break
        mantissa = tenth
        fraction -= 1
    packed = _EXPONENT | (negative << 4)
    if pool[offset + _KIND] == _KIND_SIMPLE:
        if pool[offset + _ANY_FRACTION + negative] == 0:
            return 0, 0, 0
        if pool[offset + _FLAGS] & _TRACKS_ZEROS:
            packed |= fraction << _FRACTION_SHIFT
        return 1, mantissa, packed
    packed |= fraction << _FRACTION_SHIFT
    return _exponent_live(pool, offset, mantissa, packed), mantissa, packed


@kernel
def _exponent_step(
    pool: NDArray[np.int64], offset: int, mantissa: int, packed: int, digit: int
) -> tuple[int, int, int]:
    """One digit of the exponent."""
    exponent = min((packed >> _EXPONENT_SHIFT) * 10 + digit, _EXPONENT_MAXIMUM)
    fraction = (packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM
    packed = (packed & (_EXPONENT_NEGATIVE | _NEGATIVE | (_FRACTION_MAXIMUM << _FRACTION_SHIFT))) | _EXPONENT_DIGITS
    if mantissa == 0:
        return 1, 0, _EXPONENT_DIGITS
    if pool[offset + _KIND] == _KIND_SIMPLE:
        if not pool[offset + _FLAGS] & _TRACKS_ZEROS:
            return 1, mantissa, packed & ~_EXPONENT_NEGATIVE
        if not packed & _EXPONENT_NEGATIVE:
            exponent = min(exponent, max(fraction + pool[offset + _GREATEST_PLACE], 0))
            return 1, mantissa, packed | (exponent << _EXPONENT_SHIFT)
        packed |= min(exponent, _EXPONENT_ENOUGH) << _EXPONENT_SHIFT
        return 1 if _simple_label(pool, offset, mantissa, packed) != 0 else 0, mantissa, packed
    packed |= exponent << _EXPONENT_SHIFT
    return _exponent_live(pool, offset, mantissa, packed), mantissa, packed


@kernel
def number_label(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """The labels of a number that stops here; 0 where it is incomplete or in no set, -1: ask the exact rows."""
    phase = packed & 15
    if phase != _INTEGER and phase != _ZERO and phase != _FRACTION and phase != _EXPONENT_DIGITS:
        return 0
    result: int = 0
    if mantissa == 0:
        result |= pool[offset + _ZERO_LABEL]
        if phase == _ZERO:
            result |= pool[offset + _ZERO_DIGITS_LABEL]
        return result
    if pool[offset + _KIND] == _KIND_SIMPLE:
        result = _simple_label(pool, offset, mantissa, packed)
        return result
    negative = (packed >> 4) & 1
    exponent = packed >> _EXPONENT_SHIFT
    shift = (-exponent if packed & _EXPONENT_NEGATIVE else exponent) - ((packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM)
    shift += pool[offset + _SCALE]
    first = offset + pool[offset + _FIRST + negative]
    last = first + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(first, last, _PIECE_SIZE):
        if pool[piece + _PIECE_FLAGS] & _DIGITS_ONLY and phase != _INTEGER:
            continue
        holds = _piece_holds(pool, piece, mantissa, shift)
        if holds == 2:
            return -1
        if holds == 1:
            result |= pool[piece + _PIECE_LABEL]
    return result
