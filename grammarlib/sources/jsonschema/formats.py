"""The languages of the formats of the specification, with the verdicts of python-jsonschema's 2020-12 checker.

Purpose: ``format`` becomes one regex over the bytes of the decoded string, which `strings` intersects with
whatever else holds for it.  The reference is ``Draft202012Validator.FORMAT_CHECKER`` with all extras, for
every draft; where it departs from the RFCs, so does this module:

* ``date-time`` and ``time`` take a lower case ``t`` and ``z`` and no leap second; they, ``hostname`` and the four
  URI and IRI formats take one line feed after the end, since the checkers' ``$`` does;
* a single label is enough for ``hostname``, 253 code points beside a final dot are the bound;
* ``email`` and ``idn-email`` ask for an ``@`` and nothing else;
* an IPv6 address in a URI takes leading zeros in its dotted part, ``ipv6`` does not, and takes no zone either;
* ``duration`` is that of isoduration: signs, fractions and exponents everywhere, weeks beside zeros, an unfinished
  number before the ``T``;
* a digit after a zero is refused in ``relative-json-pointer``, digits of all scripts are taken.

Texts on which a checker crashes are refused.  `DEVIATIONS` lists what remains: ``uuid`` is RFC 4122's form, where the
checker reads whatever the constructor of `uuid.UUID` does; ``hostname`` is ASCII; ``duration`` has shorter exponents
and no calendar dates.

OpenAPI's formats (`OPENAPI_FORMATS`) are no formats of the specification: they are asserted where a caller asks for
them.

Place: called by `reader`; made of `grammarlib.ir.regex`.
Cost: half a millisecond to two for a language, once in a process, and up to 50 microseconds a row.  Whole automata
have 9 (``json-pointer``) to 274 states (``iri-reference``); that of ``hostname`` has thousands, since it counts, and
masks meet hundreds.  Where a string is a host name and nothing else, `HostNameRows` counts beside an automaton of 128.
Not taken: the RFCs to the letter (instances that users have validated for years would be refused), and the checkers
at the end of a string (a mask must refuse the first wrong token).
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata.lazydfa import lazy_dfa_for
from grammarlib.automata.utf8 import Ranges, code_points, negate_ranges, normal_ranges
from grammarlib.ir.regex import (
    ALL_BYTES,
    CONTINUATION_BYTES,
    Node,
    any_text,
    byte_class,
    concat,
    epsilon,
    intersect,
    literal,
    optional,
    repeat,
    sequence,
    union,
    union_of,
)
from grammarlib.limits import Limits
from grammarlib.sources.regex import parse_pattern

NOT_REGULAR: Final = frozenset(("regex", "idn-hostname"))
"""Formats of the specification that have no language here: only a check of the whole string is exact."""

_DRAFT_4: Final = frozenset(("date-time", "email", "hostname", "ipv4", "ipv6", "uri"))
_DRAFT_6: Final = _DRAFT_4 | {"json-pointer", "uri-reference", "uri-template"}
_DRAFT_7: Final = _DRAFT_6 | {
    "date",
    "idn-email",
    "idn-hostname",
    "iri",
    "iri-reference",
    "regex",
    "relative-json-pointer",
    "time",
}
_DRAFT_2019: Final = _DRAFT_7 | {"duration", "uuid"}

SPECIFICATION_FORMATS: Final[Mapping[int, frozenset[str]]] = MappingProxyType(
    {4: _DRAFT_4, 6: _DRAFT_6, 7: _DRAFT_7, 2019: _DRAFT_2019, 2020: _DRAFT_2019}
)
"""The formats that each draft defines; the checker of 2020-12 knows them all."""

FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "date": "years 0001 to 9999, days exact with leap years",
        "date-time": "RFC 3339 with exact days, T and Z in either case, no leap second",
        "time": "RFC 3339 with its offset, Z in either case, no leap second",
        "duration": "ISO 8601 designators in order, with signs, fractions and exponents",
        "email": "holds an @",
        "idn-email": "holds an @",
        "hostname": "labels of 1 to 63 letters, digits and inner hyphens, 253 in all, a final dot allowed",
        "ipv4": "four numbers up to 255 without leading zeros",
        "ipv6": "RFC 4291 with an IPv4 tail, no zone",
        "uri": "RFC 3986, with its scheme",
        "uri-reference": "RFC 3986, absolute or relative",
        "iri": "RFC 3987, with its scheme",
        "iri-reference": "RFC 3987, absolute or relative",
        "uri-template": "RFC 6570 with the extensions of the uri-template package",
        "uuid": "RFC 4122: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12 with dashes between",
        "json-pointer": "RFC 6901",
        "relative-json-pointer": "a number, then # or a JSON pointer",
    }
)
"""The formats that `format_language` enforces, and how."""

OPENAPI_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "int32": "numbers: integral, -2147483648 to 2147483647",
        "int64": "numbers: integral, -9223372036854775808 to 9223372036854775807",
        "float": "numbers that round to a finite IEEE 754 binary32 (at most 3.4028235e38, either sign)",
        "double": "numbers that round to a finite IEEE 754 binary64 (at most 1.7976931348623157e308, either sign)",
        "byte": "strings: base64 (RFC 4648, section 4) with its padding, no white space",
    }
)
"""OpenAPI's formats, which no draft knows: asserted only where a caller asks for them, and how."""


class NumberRange(NamedTuple):
    """The numbers of an OpenAPI format: between two bounds, which are left out where ``is_open``."""

    lower: Decimal
    upper: Decimal
    is_open: bool
    is_integral: bool


def _integers(bits: int) -> NumberRange:
    return NumberRange(Decimal(-(1 << (bits - 1))), Decimal((1 << (bits - 1)) - 1), False, True)


def _floats(precision: int, exponent: int) -> NumberRange:
    """What rounds to a finite number: half a unit in the last place above the largest one, all rounds to infinity.

    A number need not be exactly representable (0.1 is not), and may be so small that it rounds to zero.
    """
    beyond = (1 << exponent) - (1 << (exponent - precision - 1))
    return NumberRange(Decimal(-beyond), Decimal(beyond), True, False)  # negating a Decimal would round it


OPENAPI_NUMBERS: Final[Mapping[str, NumberRange]] = MappingProxyType(
    {"int32": _integers(32), "int64": _integers(64), "float": _floats(24, 128), "double": _floats(53, 1024)}
)
"""The formats of `OPENAPI_FORMATS` that speak of numbers; the other one speaks of strings."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A text on which a language here and the checker of python-jsonschema differ; it stands for all of its kind.

    ``checker`` is None where the checker raises an exception that is no verdict.
    """

    format: str
    example: str
    ours: bool
    checker: bool | None
    reason: str


_ANY_SPELLING: Final = (
    "RFC 4122 has one spelling; all that the constructor of `uuid.UUID` reads takes 4,000 states and is nobody's intent"
)
_ASCII_ONLY: Final = "RFC 1123 names ASCII; the letters and digits that `re` adds would multiply the states by twelve"

DEVIATIONS: Final = (
    Deviation("uuid", "123e4567-e89b-12d3-a456-426614174000-", False, True, _ANY_SPELLING),
    Deviation("uuid", "123e4567-e89b-12d3-a456-426614174000}", False, True, _ANY_SPELLING),
    Deviation("uuid", "123e4567-e89b-12d3-a456-42661417400urn:f", False, True, _ANY_SPELLING),
    Deviation("uuid", "123e4567-e89b-12d3-a456-42661417_000", False, True, _ANY_SPELLING),
    Deviation("uuid", "+23e4567-e89b-12d3-a456-426614174000", False, True, _ANY_SPELLING),
    Deviation("uuid", " 23e4567-e89b-12d3-a456-426614174000", False, True, _ANY_SPELLING),
    Deviation("uuid", "\u09e723e4567-e89b-12d3-a456-426614174000", False, True, _ANY_SPELLING),
    Deviation("hostname", "example\u0661", False, True, _ASCII_ONLY),
    Deviation("hostname", "\u0131", False, True, _ASCII_ONLY),
    Deviation("hostname", "\u017f", False, True, _ASCII_ONLY),
    Deviation("hostname", "\u212aelvin.example", False, True, _ASCII_ONLY),
    Deviation("duration", "P1e100000Y", False, True, "an exponent of six digits; the checker overflows at seven"),
    Deviation(
        "duration",
        "P2020-01-01T10:00:00Z\tD",
        False,
        True,
        "a calendar date, a time zone, white space, any text that ends in a designator: isoduration reads no further",
    ),
    Deviation(
        "duration",
        f"P{'1' * 1_000_001}Y",
        True,
        None,
        "more than a million digits: the checker overflows, and a bound would cost a state for each",
    ),
)
"""Every way in which verdicts differ from the checker's."""

_HOST_POINTS: Final = 253
_LABEL_POINTS: Final = 63

_DECIMAL_ZEROS: Final = (
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136,
    0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0,
    0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1D7D8,
    0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
)  # fmt: skip
"""Where ten decimal digits begin, up to Unicode 17; those that the running Python does not know are left out."""

_OTHER_DIGITS: Final = (
    (0xB2, 0xB3), (0xB9, 0xB9), (0x1369, 0x1371), (0x19DA, 0x19DA), (0x2070, 0x2070), (0x2074, 0x2079),
    (0x2080, 0x2089), (0x2460, 0x2468), (0x2474, 0x247C), (0x2488, 0x2490), (0x24EA, 0x24EA), (0x24F5, 0x24FD),
    (0x24FF, 0x24FF), (0x2776, 0x277E), (0x2780, 0x2788), (0x278A, 0x2792), (0x10A40, 0x10A43), (0x10E60, 0x10E68),
    (0x11052, 0x1105A), (0x1F100, 0x1F10A),
)  # fmt: skip
"""What `str.isdigit` takes and `int` does not."""


_UNRESERVED: Final = string.ascii_letters + string.digits + "-._~"
_DELIMITERS: Final = "!$&'()*+,;="
_INTERNATIONAL: Final = (
    (0xA0, 0xD7FF),
    (0xF900, 0xFDCF),
    (0xFDF0, 0xFFEF),
    *((plane << 16, plane << 16 | 0xFFFD) for plane in range(1, 14)),
    (0xE1000, 0xEFFFD),
)
_PRIVATE: Final = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))


@lru_cache(maxsize=256)
def format_language(name: str, limits: Limits) -> Node | None:
    """The strings of format ``name``, in WTF-8; None for a name that is not in `FORMATS` and not ``byte``.

    The verdicts are those of the 2020-12 checker of python-jsonschema, apart from the deviations that the
    module's documentation names.
    """
    build = _BUILDERS.get(name)
    return None if build is None else build(limits)


def _pattern(pattern: str, limits: Limits) -> Node:
    return parse_pattern(pattern, dialect="ecma", limits=limits, surrogates=True)


def _members(characters: str) -> int:
    """The byte set of ASCII characters."""
    members = 0
    for character in characters:
        members |= 1 << ord(character)
    return members


def _one_of(characters: str) -> Node:
    """One ASCII character."""
    return byte_class(_members(characters))


def _code_point(members: int) -> Node:
    """One code point that begins with one of these bytes, in a text that is known to be WTF-8 otherwise."""
    return concat(byte_class(members & ~CONTINUATION_BYTES), _any_number(byte_class(CONTINUATION_BYTES)))


def _none_of(characters: str) -> Node:
    """One code point other than these."""
    excluded = normal_ranges((ord(character), ord(character)) for character in characters)
    return code_points(negate_ranges(excluded), surrogates=True)


def _any_number(body: Node) -> Node:
    return repeat(body, 0, None)


def _decimal_zeros() -> Ranges:
    return tuple((zero, zero) for zero in _DECIMAL_ZEROS if unicodedata.decimal(chr(zero), -1) == 0)


def _decimal_digits() -> Ranges:
    return tuple((zero, zero + 9) for zero, _ in _decimal_zeros())


_LINE_FEED: Final = optional(literal(b"\n"))
"""What ``$`` of Python lets follow."""
_HEXADECIMAL: Final = _one_of(string.hexdigits)


# Dates and times


@lru_cache(maxsize=8)
def _date(limits: Limits) -> Node:
    year = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])"
    fourth = "(?:0[48]|[2468][048]|[13579][26])"
    return _pattern(
        rf"{year}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
        rf"|02-(?:0[1-9]|1\d|2[0-8]))|(?:\d\d{fourth}|{fourth}00)-02-29",
        limits,
    )


def _time(limits: Limits) -> Node:
    hour = r"(?:[01]\d|2[0-3])"
    return _pattern(rf"{hour}:[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-]{hour}:[0-5]\d)\n?", limits)


def _date_time(limits: Limits) -> Node:
    return sequence((_date(limits), _one_of("Tt"), _time(limits)))


def _duration(limits: Limits) -> Node:
    """Designators in order; what is read as a number before ``T`` is never looked at.

    A first number that runs into ``T`` without a comma would be a calendar date, see the deviations.
    """
    exponent = r"(?:[eE][+-]?0*\d{1,5})?"
    number = _pattern(rf"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+){exponent}", limits)
    zero = _pattern(rf"[+-]?(?:0+(?:[.,]0*)?|[.,]0+){exponent}", limits)
    numeric = _any_number(_one_of("+-0123456789.,eE"))
    with_comma = sequence((numeric, _one_of(","), numeric))
    weeks = concat(_in_order(zero, "YMD"), concat(number, literal(b"W")))
    days = union(_some_in_order(number, "YMD"), weeks)
    time = concat(literal(b"T"), _some_in_order(number, "HMS"))
    dates = union(concat(days, optional(concat(numeric, time))), concat(optional(with_comma), time))
    return sequence((optional(_one_of("+-")), literal(b"P"), dates))


def _in_order(number: Node, designators: str) -> Node:
    """Any of the designators in their order, each after a number."""
    return sequence(optional(concat(number, literal(designator.encode()))) for designator in designators)


def _some_in_order(number: Node, designators: str) -> Node:
    """At least one of the designators in their order, each after a number."""
    return union_of(
        sequence((number, literal(designator.encode()), _in_order(number, designators[index + 1 :])))
        for index, designator in enumerate(designators)
    )


# Addresses


def _email(limits: Limits) -> Node:
    text = any_text(surrogates=True)
    return sequence((_any_number(_none_of("@")), literal(b"@"), text))


def _hostname(limits: Limits) -> Node:
    """The shape, the lengths of labels and the whole length apart: each is deterministic, their product cheap."""
    total = concat(repeat(_code_point(ALL_BYTES), 0, _HOST_POINTS), optional(literal(b".")))
    node = intersect(host_labels(), total)
    _host_names.add(node)
    return node


@lru_cache(maxsize=1)
def host_labels() -> Node:
    """Host names of any length: labels and dots."""
    letter = _one_of(string.ascii_letters + string.digits)
    letters = repeat(letter, 1, None)
    hyphens = repeat(literal(b"-"), 1, None)
    label = concat(letters, _any_number(concat(hyphens, letters)))
    dot = literal(b".")
    shape = sequence((_any_number(concat(label, dot)), label, optional(dot), _LINE_FEED))
    inside = repeat(_code_point(ALL_BYTES & ~_members(".\n")), 0, _LABEL_POINTS)
    labels = sequence((_any_number(concat(inside, dot)), inside, _LINE_FEED))
    return intersect(shape, labels)


_host_names: Final[set[Node]] = set()
"""The nodes of `_hostname`: one, while its parts are alive."""


def is_host_name(language: Node) -> bool:
    """Whether ``language`` is that of ``hostname``; needs no look at what it holds."""
    return language in _host_names


class HostNameRows:
    """Host names as a `RowSource` that leaves the whole length to a leaf's ``maximum``, which must be `MAXIMUM`.

    253 code points are allowed, and one more if the last is the final dot.  A leaf's counter asks for
    ``count + shortest_length <= maximum`` at every step, so `shortest_length` says one more than it is, but for a text
    that ends in a dot.  That is exact: only a letter or digit can come before the final dot, so no text is nearer to
    ending in one than to ending without.  The automaton that counts has a state for each length of a label and of the
    whole, of which masks meet hundreds, and it is another state at each step: this one is soon in a known state again.
    """

    MAXIMUM: Final = _HOST_POINTS + 1

    def __init__(self, label: int, limits: Limits) -> None:
        self._rows = lazy_dfa_for((host_labels(),), limits)
        self._label = label
        state = self._rows.start
        for byte in b"a.":
            state = int(self._rows.expand(state)[byte])
        self._after_dot = state

    @property
    def start(self) -> int:
        """The start state."""
        return self._rows.start

    def expand(self, state: int) -> NDArray[np.int32]:
        """All transitions of ``state``: int32[256]."""
        return self._rows.expand(state)

    def label(self, state: int) -> int:
        """The exit label where ``state`` accepts, else 0."""
        return self._label if self._rows.label(state) else 0

    def shortest_completion(self, state: int) -> bytes:
        """The shortest text from ``state`` to acceptance."""
        return self._rows.shortest_completion(state)

    def shortest_length(self, state: int) -> int:
        """The fewest code points to acceptance, as `MAXIMUM` counts them."""
        return 0 if state == self._after_dot else self._rows.shortest_length(state) + 1


def _ipv4(limits: Limits) -> Node:
    number = _pattern(r"\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]", limits)
    return concat(number, repeat(concat(literal(b"."), number), 3, 3))


def _ipv6(limits: Limits) -> Node:
    return _ipv6_address(_ipv4(limits))


def _ipv6_address(dotted: Node) -> Node:
    """Eight groups, ``dotted`` for the last two, or at most seven around a double colon."""
    group = repeat(_HEXADECIMAL, 1, 4)
    colon = literal(b":")
    before = concat(group, colon)
    after = concat(colon, group)
    parts = [concat(repeat(before, 7, 7), group), concat(repeat(before, 6, 6), dotted)]
    for left in range(8):
        head = concat(group, repeat(after, left - 1, left - 1)) if left else epsilon()
        tails = [epsilon()]
        if left < 7:
            tails.append(concat(repeat(before, 0, 6 - left), group))
        if left < 6:
            tails.append(concat(repeat(before, 0, 5 - left), dotted))
        parts.append(sequence((head, literal(b"::"), union_of(tails))))
    return union_of(parts)


# URIs and IRIs


def _uri(limits: Limits) -> Node:
    return _reference(limits, international=False, relative=False)


def _uri_reference(limits: Limits) -> Node:
    return _reference(limits, international=False, relative=True)


def _iri(limits: Limits) -> Node:
    return _reference(limits, international=True, relative=False)


def _iri_reference(limits: Limits) -> Node:
    return _reference(limits, international=True, relative=True)


def _reference(limits: Limits, *, international: bool, relative: bool) -> Node:
    """RFC 3986 section 4 and RFC 3987 section 2.2; a registered name holds every IPv4 address."""
    wide = code_points(_INTERNATIONAL) if international else epsilon()
    extra = [wide] if international else []
    escaped = sequence((literal(b"%"), _HEXADECIMAL, _HEXADECIMAL))

    def characters(more: str, *others: Node) -> Node:
        return union(_one_of(_UNRESERVED + _DELIMITERS + more), escaped, *extra, *others)

    slash = literal(b"/")
    in_path = _any_number(characters(":@/"))
    later_path = optional(concat(slash, in_path))
    octet = _pattern(r"\d{1,2}|[01]\d\d|2[0-4]\d|25[0-5]", limits)
    dotted = concat(octet, repeat(concat(literal(b"."), octet), 3, 3))
    future = sequence(
        (
            literal(b"v"),
            repeat(_HEXADECIMAL, 1, None),
            literal(b"."),
            repeat(_one_of(_UNRESERVED + _DELIMITERS + ":"), 1, None),
        )
    )
    bracketed = sequence((literal(b"["), union(_ipv6_address(dotted), future), literal(b"]")))
    user = optional(concat(_any_number(characters(":")), literal(b"@")))
    port = optional(concat(literal(b":"), _any_number(_one_of(string.digits))))
    authority = sequence((user, union(bracketed, _any_number(characters(""))), port))
    with_authority = sequence((literal(b"//"), authority, later_path))
    absolute_path = concat(slash, optional(concat(characters(":@"), in_path)))
    rootless = concat(characters(":@"), in_path)
    private = [code_points(_PRIVATE)] if international else []
    query = optional(concat(literal(b"?"), _any_number(characters(":@/?", *private))))
    fragment = optional(concat(literal(b"#"), _any_number(characters(":@/?"))))
    scheme = sequence(
        (
            _one_of(string.ascii_letters),
            _any_number(_one_of(string.ascii_letters + string.digits + "+-.")),
            literal(b":"),
        )
    )
    start = concat(scheme, optional(union(with_authority, absolute_path, rootless)))
    if relative:
        without_scheme = concat(repeat(characters("@"), 1, None), later_path)
        start = union(start, optional(union(with_authority, absolute_path, without_scheme)))
    return sequence((start, query, fragment, _LINE_FEED))


def _uri_template(limits: Limits) -> Node:
    """RFC 6570 with defaults (``=``), arrays (``[]``), paths in names, a joiner at the end, and ``,`` and ``,+``.

    A line feed may stand in any default, but after no operator only as the last character of the expression.
    """
    escaped = sequence((literal(b"%"), _HEXADECIMAL, _HEXADECIMAL))
    first = _one_of(string.ascii_letters + string.digits + "_")
    rest = _any_number(union(_one_of(string.ascii_letters + string.digits + "_./"), escaped))
    modifier = _pattern(r"(?::(?:[1-9]\d{0,2}|0[1-9]\d?|00[1-9])|\*|\[\])?", limits)
    name = sequence((first, rest, modifier))
    joiner = optional(_one_of(",./;&"))
    comma = literal(b",")

    def variables(excluded: str) -> tuple[Node, Node]:
        """All variables but the last with their commas; the last."""
        default = optional(concat(literal(b"="), _any_number(_none_of(excluded))))
        variable = concat(name, default)
        return _any_number(concat(variable, comma)), variable

    before, last = variables(",}")
    operator = union(_one_of("+#./;?&,"), literal(b",+"))
    with_operator = sequence((operator, before, last, joiner))
    before, last = variables(",}\n")
    with_line_feed = sequence((name, literal(b"="), _any_number(_none_of(",}\n")), literal(b"\n")))
    simple = concat(before, union(concat(last, joiner), with_line_feed))
    expression = sequence((literal(b"{"), union(with_operator, simple), literal(b"}")))
    return _any_number(union(_none_of("{}"), expression))


# Identifiers


def _uuid(limits: Limits) -> Node:
    """RFC 4122, section 3: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12."""
    groups = [repeat(_HEXADECIMAL, count, count) for count in (8, 4, 4, 4, 12)]
    dash = literal(b"-")
    return sequence((groups[0], dash, groups[1], dash, groups[2], dash, groups[3], dash, groups[4]))


def _json_pointer(limits: Limits) -> Node:
    return _any_number(concat(literal(b"/"), _any_number(_pointer_character())))


def _pointer_character() -> Node:
    return union(_none_of("~/"), concat(literal(b"~"), _one_of("01")))


def _relative_json_pointer(limits: Limits) -> Node:
    """The checker refuses every digit after a zero; `str.isdigit` may take as the last what `int` does not."""
    zeros = _decimal_zeros()
    digits = _decimal_digits()
    others = [(point, point) for low, high in _OTHER_DIGITS for point in range(low, high + 1) if chr(point).isdigit()]
    positive = code_points((low + 1, low + 9) for low, _ in zeros)
    number = concat(_any_number(positive), code_points((*digits, *others)))
    return concat(number, union(literal(b"#"), _json_pointer(limits)))


# OpenAPI


def _base64(limits: Limits) -> Node:
    """RFC 4648, section 4; like most decoders, it takes any bits in what the padding leaves of the last character."""
    return _pattern("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?", limits)


_BUILDERS: Final[Mapping[str, Callable[[Limits], Node]]] = MappingProxyType(
    {
        "date": _date,
        "date-time": _date_time,
        "time": _time,
        "duration": _duration,
        "email": _email,
        "idn-email": _email,
        "hostname": _hostname,
        "ipv4": _ipv4,
        "ipv6": _ipv6,
        "uri": _uri,
        "uri-reference": _uri_reference,
        "iri": _iri,
        "iri-reference": _iri_reference,
        "uri-template": _uri_template,
        "uuid": _uuid,
        "json-pointer": _json_pointer,
        "relative-json-pointer": _relative_json_pointer,
        "byte": _base64,
    }
)
