"""JSON values as Python objects: equality, types and exact decimals.

Purpose: `canonical` gives a hashable form in which two JSON values are equal exactly where JSON
Schema says so: ``1`` and ``1.0`` are, ``1`` and ``true`` are not, objects compare by key set.
Place: below `reader`.  Cost: linear; an explicit stack, never recursion.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

NULL: Final = 1
TRUE: Final = 2
FALSE: Final = 4
STRING: Final = 8
DIGITS: Final = 16
INTEGRAL: Final = 32
FRACTION: Final = 64
OBJECT: Final = 128
ARRAY: Final = 256
BOOLEAN: Final = TRUE | FALSE
NUMBER: Final = DIGITS | INTEGRAL | FRACTION
ANY: Final = 511

TYPE_BITS: Final = {
    "null": NULL,
    "boolean": BOOLEAN,
    "string": STRING,
    "integer": DIGITS | INTEGRAL,
    "number": NUMBER,
    "object": OBJECT,
    "array": ARRAY,
}
"""The types of JSON Schema as bit sets, so that a conjunction of types is ``&``.

Numbers have three nested sets, each with one bit more than the one inside: written with digits only (`DIGITS`),
without a fraction part (`INTEGRAL`, "integer" since draft 6), any (`FRACTION`).
"""

TYPE_BITS_DRAFT_4: Final = {**TYPE_BITS, "integer": DIGITS}
"""In draft 4 an integer is a matter of syntax: 1.0 is none."""

VALUE_DEPTH: Final = 100
"""The deepest nesting of a constant: Python hashes and compares nested values by recursion."""

Canonical = Hashable
"""None, `TRUE_VALUE`, `FALSE_VALUE`, a str, a Decimal, an `ObjectValue` or an `ArrayValue`."""


@dataclass(frozen=True, slots=True)
class Constant:
    """true and false: apart from Decimal(1) and Decimal(0), which Python's own compare equal to."""

    name: str


@dataclass(frozen=True, slots=True)
class ArrayValue:
    """A canonical array."""

    items: tuple[Canonical, ...]


@dataclass(frozen=True, slots=True)
class ObjectValue:
    """A canonical object: its members as a set of (name, canonical value), and as they were written."""

    members: frozenset[tuple[str, Canonical]] = field(repr=False)
    ordered: tuple[tuple[str, Canonical], ...] = field(compare=False)


TRUE_VALUE: Final = Constant("true")
FALSE_VALUE: Final = Constant("false")


def exact_decimal(value: object) -> Decimal | None:
    """The number that ``value`` is when written as JSON, exactly; None where it is no finite number.

    A float stands for its shortest decimal text (0.1 is one tenth), as in the schema's own file.
    """
    kind = type(value)
    if kind is int:
        return Decimal(value)  # type: ignore[arg-type]
    if kind is float:
        number = Decimal(repr(value))
        return number if number.is_finite() else None
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return exact_decimal(int(value) if isinstance(value, int) else float(value))


def canonical(value: Any) -> Canonical:
    """The hashable form of a JSON value.  Raises ValueError for what JSON cannot hold."""
    if value is None or type(value) is str:
        return value
    if not isinstance(value, list | tuple | dict):
        return _canonical_scalar(value)
    finished: list[Canonical] = []
    todo: list[tuple[bool, Any]] = [(False, value)]
    depth = 0
    while todo:
        closing, item = todo.pop()
        if closing:
            depth -= 1
            if isinstance(item, dict):
                start = len(finished) - len(item)
                ordered = tuple(zip(item, finished[start:], strict=True))
                finished[start:] = [ObjectValue(frozenset(ordered), ordered)]
            else:
                start = len(finished) - len(item)
                finished[start:] = [ArrayValue(tuple(finished[start:]))]
        elif isinstance(item, dict):
            if not all(isinstance(name, str) for name in item):
                raise ValueError("a member name of an object is not a string")
            depth += 1
            todo.append((True, item))
            todo.extend((False, member) for member in reversed(item.values()))
        elif isinstance(item, list | tuple):
            depth += 1
            todo.append((True, item))
            todo.extend((False, member) for member in reversed(item))
        else:
            finished.append(_canonical_scalar(item))
        if depth > VALUE_DEPTH:
            raise ValueError(f"a constant is nested deeper than {VALUE_DEPTH} levels")
    return finished[0]


def _canonical_scalar(value: Any) -> Canonical:
    if value is None or isinstance(value, str):
        return value
    if value is True:
        return TRUE_VALUE
    if value is False:
        return FALSE_VALUE
    number = exact_decimal(value)
    if number is None:
        raise ValueError(f"{value!r} is not a JSON value")
    return number


def canonical_set(values: Iterable[Any]) -> frozenset[Canonical]:
    """The canonical forms of several values."""
    values = list(values)
    if all(type(value) is str for value in values):
        return frozenset(values)
    return frozenset(canonical(value) for value in values)


def numbers_in(value: Canonical) -> Iterator[Decimal]:
    """The numbers in a canonical value, at any depth."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, Decimal):
            yield item
        elif isinstance(item, ArrayValue):
            todo.extend(item.items)
        elif isinstance(item, ObjectValue):
            todo.extend(member for _, member in item.ordered)


def type_bit(value: Canonical) -> int:
    """The bits of a canonical value's type.  A number has all of `NUMBER`'s: whether it passes for an
    integer is a question about its value, or in draft 4 about how it is written.
    """
    if isinstance(value, str):
        return STRING
    if isinstance(value, Decimal):
        return NUMBER
    if value is None:
        return NULL
    if isinstance(value, Constant):
        return TRUE if value == TRUE_VALUE else FALSE
    return OBJECT if isinstance(value, ObjectValue) else ARRAY


def types_of(values: frozenset[Canonical]) -> int:
    """The types that occur among canonical values."""
    types = 0
    for value in values:
        types |= STRING if type(value) is str else type_bit(value)
    return types


def is_integral(number: Decimal) -> bool:
    """Whether the number has no fraction part; no big integer is built."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if exponent >= 0 or not number:
        return True
    return -exponent < len(digits) and not any(digits[exponent:])


def text_bytes(text: str) -> bytes:
    """The text as WTF-8: UTF-8, and a lone surrogate in three bytes."""
    return text.encode("utf-8", "surrogatepass")
