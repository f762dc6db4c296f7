"""Formats: the languages against the verdicts of python-jsonschema's 2020-12 checker.

A text on which the checker crashes counts as refused.  `formats.DEVIATIONS` lists where the two differ; `_deviates` is
true of all such texts, and there the tests demand that the language refuses.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import itertools
import json
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import validator_for

import grammarlib as gl
from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.ir.regex import Node
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.checks import format_check
from grammarlib.sources.jsonschema.formats import (
    DEVIATIONS,
    FORMATS,
    NOT_REGULAR,
    OPENAPI_FORMATS,
    SPECIFICATION_FORMATS,
    Deviation,
    HostNameRows,
    format_language,
    host_labels,
)
from grammarlib.sources.jsonschema.keywords import SPECIFIED_FORMATS

_CHECKER = Draft202012Validator.FORMAT_CHECKER
_LIMITS = Limits()

_UUID = "123e4567-e89b-12d3-a456-42661417400f"
_SEEDS: dict[str, list[str]] = {
    "date": ["2024-02-29", "1900-02-28", "0001-01-01", "9999-12-31", "2023-11-30"],
    "date-time": [
        "2024-02-29T23:59:59Z",
        "1990-12-31t00:00:00.123456789z",
        "0400-02-29T12:00:00+23:59",
        "1998-12-31T23:59:60Z",
        "2023-10-05T08:15:30-00:00\n",
    ],
    "time": ["00:00:00Z", "23:59:59.999+05:30", "12:34:56z\n", "23:59:60Z", "08:30:06-08:00"],
    "duration": [
        "P1Y2M3DT4H5M6S",
        "PT36H",
        "P4W",
        "-P1.5D",
        "P1e5Y",
        "P0Y0.0M1W",
        "P1Y1W",
        "P1,5T1H",
        "P1T5H",
        "P1Y2T3,5S",
        "+P.5DT1e-3M",
        "PT+1H-2S",
        "P2W3T1M",
        "P1Y2",
        "P-1Y",
        "PT1S2H",
        "P0e9Y,M1W",
    ],
    "email": ["joe@example.com", "@", "a@b@c", "no"],
    "idn-email": ["실례@실례.테스트", "@@", "x"],
    "hostname": [
        "www.example.com",
        "a",
        "a.",
        "xn--4gbwdl.xn--wgbh1c",
        "a-b.c-d\n",
        "1.2.3.4",
        "a.b.\n",
        "x" * 63 + ".com",
        "x" * 64 + ".com",
        "\u0661\u212a\u017f\u0131",
        "\u0130stanbul",
    ],
    "ipv4": ["192.168.0.1", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3.04", "1.2.3"],
    "ipv6": [
        "::1",
        "::",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::3:4:5:6:7:8",
        "::ffff:192.168.0.1",
        "1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5::1.2.3.4",
        "fe80::a%eth1",
        "1:2:3:4:5:6:7::1.2.3.4",
        "12345::",
    ],
    "uri": [
        "http://user:pw@example.com:8080/a/b%20c;d?x=y/?#f/?",
        "urn:oasis:names",
        "http://[::1]/",
        "http://[v1f.x:y]:1",
        "http://[V1f.x:y]:1",
        "a:",
        "a://",
        "file:///etc/passwd\n",
        "http://[1:2:3:4:5:6:001.002.03.4]",
        "http://[::256.1.1.1]",
        "tel:+1-816-555-1212",
        "x:/",
        "x:///a",
        "mailto:a@b.c",
        "//host",
        "http://exämple.com",
    ],
    "uri-reference": ["/a/b", "a/b:c", "a:b", "1:b", "//host:1/x", "?q", "#f", "", "./a:b", "\n", "%41", "[::1]"],
    "iri": ["http://exämple.com/ü?\ue000#ü", "urn:\U00010300", "x:\ufdd0", "x:?\U000f0000", "x:#\ue000", "ü:a"],
    "iri-reference": ["/ü/b", "ü/b:c", "//ü@ß:1/x", "?\U00100000", "#é", "", "\xa0", "\ud800"],
    "uri-template": [
        "http://x/{var}/{+path,b*}{?c:3,d[]}",
        "{a=b}",
        "{a=\n}",
        "{+a=\nb}",
        "{a=\n,}",
        "{,a}{,+b}",
        "{a.}{b/}{&c&}",
        "{a/b:999}",
        "{a:0}",
        "{a:010=x}",
        "{%41}",
        "{a%41b}",
        "{a={}",
        "{}",
        "{=a}",
        "a}b",
        "{a,,b}",
        "{a*:3}",
        "{a=b,c=d;}",
        "%zz ü",
    ],
    "uuid": [
        _UUID,
        _UUID.upper(),
        "{" + _UUID + "}",
        "00000000-0000-0000-0000-000000000000",
        "urn:uuid-0000-0000-0000-0000000000000000",
        "{1234567-8e89-b12d-3a45-642661417400f00}}",
        "0x345678-e89b-12d3-a456-426614174000",
        "0x345678-e89b-12d3-a456-4266141740000",
        "+1234567-e89b-12d3-a456-426614174000",
        "1_345678-e89b-12d3-a456-426614174000",
        "\u06613456780-e89b-12d3-a456-42661417400",
        "\u0661345678-e89b-12d3-a456-426614174000",
        " 1345678-e89b-12d3-a456-42661417400\u3000",
        "uuurn:id-urn:-12d3-a456-426614174000123456789012",
        "urn:1234-uuid-12d3-a456-426614174000123456789012",
        "urn:1234-5678-12d3-a456-426614174000123456789012uuid:-{}",
        "123e4567-e89b-12d3-a456-42661417400",
        "123e4567e89b12d3a456426614174000",
        "2eb8aa08-AA98-11ea-B4Aa73B441D16380",
        _UUID + "uuiurn:d:",
        _UUID[:-1] + "uurn:uid:f",
        _UUID + "--urn:}uuid:}{",
        _UUID + "}-",
        "0X345678-e89b-12d3-a456-426614174000",
        "0x_45678-e89b-12d3-a456-426614174000",
        "uuurn:id-:345-12d3-a456-42661417400fabcde",
    ],
    "json-pointer": ["", "/", "/a/b~0c~1", "/~", "/~2", "a", "/a\n", "/~\n", "//", "/ü\ud800", "#"],
    "relative-json-pointer": ["0", "1/a", "0#", "10", "101", "01", "12/a~1", "1a", "#", "²", "²1", "1²#", "٣/x", "٠1"],
}
_ALPHABETS: dict[str, str] = {
    "date": "0123456789-",
    "date-time": "0123456789-:.+TtZz",
    "time": "0123456789-:.+Zz",
    "duration": "0123456789PYMWDTHS+-.,eEy",
    "email": "@a.",
    "idn-email": "@a.ü",
    "hostname": "aZ09-._",
    "ipv4": "0123456789.",
    "ipv6": "0123456789abcdefAF:.%/",
    "uri": "aZ0:/?#[]@!$&'()*+,;=%-._~1Ff",
    "uri-reference": "aZ0:/?#[]@!$&'()*+,;=%-._~1Ff",
    "iri": "aZ0:/?#[]@!%v.üß\ue000\ufdd0",
    "iri-reference": "aZ0:/?#[]@!%v.üß\ue000\ufdd0",
    "uri-template": "a_0{}{}%+#./;?&,=!@|:*[]\nü1",
    "uuid": "0123456789abcdefABCDEF-{}_+x urnid:",
    "json-pointer": "/~01a#",
    "relative-json-pointer": "0123456789/~#a",
}
_FRAGMENTS: dict[str, list[str]] = {
    "date": ["2024", "1900", "-02", "-29", "0000"],
    "date-time": ["2024-02-29", "T", "23:59:59", ".5", "Z", "+01:00", "-24:00"],
    "time": ["23:59:59", "00:00:00", ".5", "Z", "+01:00", "+1:00"],
    "duration": [
        "P",
        "PT",
        "1Y",
        "0Y",
        "0.0M",
        ",0M",
        "1,5D",
        "3W",
        "T",
        "1e5",
        "2H",
        "3M",
        "4.S",
        "-1D",
        "+",
        "0e000001D",
    ],
    "email": ["joe", "@"],
    "idn-email": ["실례", "@"],
    "hostname": ["www", ".", "a-b", "-", "x" * 60, "xn--", "com."],
    "ipv4": ["255", ".", "1.2", "25", "6"],
    "ipv6": ["::", "1:", ":ffff", "1.2.3.4", "12345", "abcd:", ":1"],
    "uri": ["http:", "//", "example.com", ":80", "[::1]", "[v1.a]", "%41", "?x=y", "#z", "/a", "u@"],
    "uri-reference": ["http:", "//", "example.com", ":80", "[::1]", "[v1.a]", "%41", "?x=y", "#z", "/a", "u@", ".."],
    "iri": ["http:", "//", "exämple", ":80", "[::1]", "%41", "?\ue000", "#ü", "/ß", "\U00010300", "\U0001fffe"],
    "iri-reference": ["http:", "//", "exämple", ":80", "[::1]", "%41", "?\ue000", "#ü", "/ß", "\U000e0fff"],
    "uri-template": ["{a}", "{+", "{?", "{,+", "a", "b*", "c:12", "d[]", "=x", "}", ",", "%41", "/", "lit", "=\n}"],
    "uuid": ["12345678", "-", "abcd", "urn:", "uuid:", "{", "}", "0x", "_", "426614174000", "-4444", "00000000-"],
    "json-pointer": ["/", "~0", "~1", "abc", "~"],
    "relative-json-pointer": ["0", "1", "20", "#", "/", "~0", "abc"],
}
_ODDITIES = (
    "\n\r\t\v\f \x00\x1c\x7f\x85\xa0"
    "\u0661\u0660\u06f3\u0967\uff11\U0001d7d8\u00b2\u2460\u1369\u00bd\u4e09"
    "\u0130\u0131\u017f\u212a\ufb05\u1e97\u00df\u0391\u00e9\u3002\uff0e\u200d"
    "\ud7ff\ud800\udfff\ue000\uf8ff\ufdd0\ufffd\uffff\U00010300\U0001fffe\U000e0001\U000e1000\U000f0000\U0010ffff"
)


@functools.cache
def _automaton(name: str) -> LazyDFA:
    node = format_language(name, _LIMITS)
    assert node is not None
    return LazyDFA((node,), _LIMITS)


def _holds(name: str, text: str) -> bool:
    return _automaton(name).matches(text.encode("utf-8", "surrogatepass")) == 1


def _verdict(name: str, text: str) -> bool:
    try:
        return bool(_CHECKER.conforms(text, name))
    except Exception:
        return False


_CALENDAR = re.compile(r"[+-]?P[-+.0-9eE]+T")
_LONG_EXPONENT = re.compile(r"[eE][+-]?0*[1-9][0-9]{5}")


_RFC_4122 = re.compile(r"[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")


def _deviates(name: str, text: str) -> bool:
    if name == "uuid":
        return not _RFC_4122.fullmatch(text)
    if name == "hostname":
        return not text.isascii()
    return name == "duration" and bool(_CALENDAR.match(text) or _LONG_EXPONENT.search(text))


def _check(name: str, text: str) -> None:
    expected = _verdict(name, text) and not _deviates(name, text)
    assert _holds(name, text) == expected, f"{name} {text!r}: the checker says {expected}"


def _mutations(text: str, characters: Iterable[str]) -> Iterator[str]:
    """All texts that one deletion, doubling or swap makes, and one insertion or replacement of each character."""
    for index in range(len(text)):
        yield text[:index] + text[index + 1 :]
        yield text[:index] + text[index] + text[index:]
        if index:
            yield text[: index - 1] + text[index] + text[index - 1] + text[index + 1 :]
    for character in characters:
        for index in range(len(text)):
            yield text[:index] + character + text[index:]
            yield text[:index] + character + text[index + 1 :]
        yield text + character


def _texts(name: str) -> st.SearchStrategy[str]:
    """Fragments and characters that matter, then seeds with a few edits."""
    character = st.sampled_from(_ALPHABETS[name] * 3 + _ODDITIES)
    piece = st.one_of(st.sampled_from(_FRAGMENTS[name]), st.sampled_from(_ALPHABETS[name]), character)
    joined = st.lists(piece, max_size=14).map("".join)

    def edit(text: str, edits: list[tuple[int, int, str]]) -> str:
        for position, removed, added in edits:
            start = position % (len(text) + 1)
            text = text[:start] + added + text[start + removed :]
        return text

    edits = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 2), st.one_of(st.just(""), piece)), max_size=4)
    return st.one_of(joined, st.builds(edit, st.sampled_from(_SEEDS[name]), edits))


def test_every_format_of_the_checker_is_covered() -> None:
    assert set(FORMATS) | NOT_REGULAR == set(_CHECKER.checkers)
    assert not set(FORMATS) & NOT_REGULAR
    assert set(FORMATS) == set(_SEEDS) == set(_ALPHABETS) == set(_FRAGMENTS)
    assert set().union(*SPECIFICATION_FORMATS.values()) == set(_CHECKER.checkers) == set(SPECIFIED_FORMATS)


def test_draft_formats_grow() -> None:
    drafts = sorted(SPECIFICATION_FORMATS)
    assert drafts == [4, 6, 7, 2019, 2020]
    for earlier, later in itertools.pairwise(drafts):
        assert SPECIFICATION_FORMATS[earlier] <= SPECIFICATION_FORMATS[later]
    assert len(SPECIFICATION_FORMATS[4]) == 6
    assert "uuid" not in SPECIFICATION_FORMATS[7]


@pytest.mark.parametrize("name", ["regex", "idn-hostname", "int32", "", "color", "Date"])
def test_no_language_for_other_names(name: str) -> None:
    assert format_language(name, _LIMITS) is None


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_one_language_for_a_process(name: str) -> None:
    node = format_language(name, _LIMITS)
    assert isinstance(node, Node)
    assert format_language(name, Limits()) is node


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_seeds_and_their_mutations(name: str) -> None:
    accepted = 0
    for text in _SEEDS[name]:
        _check(name, text)
        accepted += _holds(name, text)
        long = len(text) > 60
        for mutation in _mutations(text, "" if long else "\n" + _ALPHABETS[name][::3]):
            _check(name, mutation)
    assert accepted


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_oddities_anywhere_in_a_seed(name: str) -> None:
    text = _SEEDS[name][0]
    for character in _ODDITIES:
        for index in (0, 1, len(text) // 2, len(text) - 1, len(text)):
            _check(name, text[:index] + character + text[index:])
            _check(name, text[:index] + character + text[index + 1 :])
        _check(name, character)


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=40)
@given(data=st.data())
def test_random_texts(name: str, data: st.DataObject) -> None:
    for text in data.draw(st.lists(_texts(name), min_size=1, max_size=10)):
        _check(name, text)


@given(text=st.text(max_size=6))
@example("\ud800")
def test_any_text(text: str) -> None:
    for name in FORMATS:
        _check(name, text)


def test_every_day() -> None:
    for year in (0, 1, 4, 100, 400, 1900, 1999, 2000, 2024, 2100, 9996, 9999):
        for month in range(14):
            for day in range(34):
                _check("date", f"{year:04}-{month:02}-{day:02}")
    for year in range(10_000):
        for name, rest in (("date", ""), ("date-time", "T00:00:00Z")):
            leap = year > 0 and ((year % 4 == 0 and year % 100 != 0) or year % 400 == 0)
            assert _holds(name, f"{year:04}-02-29{rest}") == leap


def test_every_time() -> None:
    for first in range(26):
        for second in (0, 9, 10, 59, 60, 61, 99):
            _check("time", f"{first:02}:{second:02}:59Z")
            _check("time", f"12:00:{second:02}+{first:02}:00")
            _check("time", f"12:00:00-{first:02}:{second:02}")


def test_every_octet() -> None:
    for number in range(1100):
        for text in (str(number), f"0{number}", f"00{number}"):
            _check("ipv4", f"1.{text}.3.4")
            _check("ipv6", f"::1.2.3.{text}")
            _check("uri", f"x://[::1.2.{text}.4]")


def test_every_shape_of_an_address() -> None:
    for left in range(10):
        for right in range(10):
            for tail in ("", "1.2.3.4", ":1.2.3.4"):
                for middle in ("::", ":", ""):
                    groups = ":".join(["a"] * left) + middle + ":".join(["b"] * right) + tail
                    _check("ipv6", groups)
                    _check("uri", f"x://[{groups}]")


def test_lengths_of_host_names() -> None:
    for label in (1, 2, 31, 61, 62, 63, 64):
        for total in (*range(248, 257), 63, 64, 65):
            whole, rest = divmod(total, label + 1)
            text = ("x" * label + ".") * whole + "y" * rest
            for end in ("", ".", "\n", ".\n", ".."):
                _check("hostname", text + end)
                _check("hostname", text.replace("y", "\u0661") + end)
                _check("hostname", text.replace("y", "-") + end)


def test_digits_of_all_scripts() -> None:
    digits = [chr(point) for point in range(0x110000) if chr(point).isdigit()]
    assert len(digits) > 700
    uuid = "0{}234567-e89b-12d3-a456-426614174000"
    for digit in digits:
        for text in (digit, f"1{digit}", f"{digit}1", f"{digit}#", f"{digit}{digit}"):
            _check("relative-json-pointer", text)
        _check("hostname", f"a{digit}")
        _check("uuid", uuid.format(digit))
        _check("uuid", f"{digit}x234567-e89b-12d3-a456-426614174000")
        _check("date", f"202{digit}-01-01")
        _check("ipv4", f"1.2.3.{digit}")


def test_spaces_letters_and_numbers_beyond_ascii() -> None:
    points = [
        point
        for point in range(0x80, 0x110000)
        if chr(point).isspace()
        or unicodedata.category(chr(point)) in ("Nl", "Pd", "Zs", "Cf")
        or (len(chr(point).lower()) + len(chr(point).upper()) > 2)
        or (chr(point).lower() + chr(point).upper()).isascii()
    ]
    for point in (*points, *range(0x100)):
        _check("uuid", f"1234567{chr(point)}-e89b-12d3-a456-42661417400f")
        _check("uuid", f"{chr(point)}1234567-e89b-12d3-a456-42661417400f")
        _check("uuid", f"{_UUID[:-1]}{chr(point)}")
        _check("hostname", f"a{chr(point)}b")
        _check("time", f"12:00:00{chr(point)}")
        _check("iri", f"x:{chr(point)}")


def test_characters_of_iris() -> None:
    edges = {0xA0, 0xD7FF, 0xE000, 0xF8FF, 0xF900, 0xFDCF, 0xFDF0, 0xFFEF, 0xE1000, 0xEFFFD, 0xE0FFF}
    edges |= {plane << 16 | low for plane in range(1, 17) for low in (0, 1, 0xFFFD, 0xFFFE, 0xFFFF)}
    for point in sorted({edge + step for edge in edges for step in (-1, 0, 1) if edge + step < 0x110000}):
        for text in ("x:{}", "{}", "x:?{}", "?{}", "#{}", "//{}@a", "//{}", "/{}", "{}:"):
            for name in ("iri", "iri-reference", "uri-reference"):
                _check(name, text.format(chr(point)))


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda row: f"{row.format} {row.example[:48]!a}")
def test_the_table_of_deviations(deviation: Deviation) -> None:
    name, text = deviation.format, deviation.example
    assert _holds(name, text) == deviation.ours
    if deviation.checker is None:
        with pytest.raises(ArithmeticError):
            _CHECKER.conforms(text, name)
    else:
        assert _CHECKER.conforms(text, name) == deviation.checker != deviation.ours
        assert _deviates(name, text)


def test_the_page_of_formats() -> None:
    """`docs/reference/formats.md` has the tables of the module."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    tables = [re.findall(r"^\| (.*) \|$", part, re.MULTILINE) for part in page.split("\n## ")]
    heads = [["format | strings"], ["format | values"], ["format | example | masks | checker | why"]]
    assert [table[:1] for table in tables] == heads
    for table, described in zip(tables, (FORMATS, OPENAPI_FORMATS), strict=False):
        assert table[1:] == [f"`{name}` | {text}" for name, text in described.items()]
    expected = []
    for row in DEVIATIONS:
        shown = json.dumps(row.example)
        if len(shown) > 80:
            shown = f"{shown[:6]}...{shown[-4:]}, {len(row.example):,} characters"
        checker = {True: "accepts", False: "refuses", None: "fails"}[row.checker]
        expected.append(f"`{row.format}` | `{shown}` | {'allow' if row.ours else 'refuse'} | {checker} | {row.reason}")
    assert tables[2][1:] == expected


def test_exponents_beyond_five_digits_are_refused() -> None:
    for text in ("P1e99999Y", "P1e-99999Y", "P1e+000000099999Y", "PT0e00012H"):
        _check("duration", text)
        assert _holds("duration", text)
    for text in ("P1e100000Y", "P0e-100000Y", "P1e9999999Y", "PT1e99999999999999999999H"):
        assert not _holds("duration", text)


def test_calendar_dates_in_durations_are_refused() -> None:
    for text in ("P2020-01-01T10:00:00", "P20200101T100000Z", "P2020-01-01T10:00:00Z\tD", "P1T5H"):
        assert not _holds("duration", text)
    assert _verdict("duration", "P2020-01-01T10:00:00Z\tD")


def test_official_suite(shared: Path) -> None:
    folder = shared / "data" / "json-schema-test-suite" / "tests"
    if not folder.is_dir():
        pytest.skip("the official suite is absent")
    seen = set()
    for path in sorted(folder.glob("*/optional/format/*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            schema = group["schema"]
            name = schema.get("format") if isinstance(schema, dict) else None
            if isinstance(name, str):
                seen.update((name, case["data"]) for case in group["tests"] if isinstance(case["data"], str))
    names = [name for name, _ in seen]
    assert set(names) >= set(FORMATS) | NOT_REGULAR
    assert len(seen) > 500
    for name, text in sorted(seen):
        if name in FORMATS:
            _check(name, text)
        elif name in NOT_REGULAR:
            _check_the_end(name, text)


class _Recorder(FormatChecker):
    """Remembers what it is asked; its verdicts do not matter."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def check(self, instance: object, format: str) -> None:
        if isinstance(instance, str):
            self.seen.add((format, instance))


def test_values_of_real_schemas(shared: Path) -> None:
    """Every string that validation asks a format about, in the visible half of MaskBench."""
    path = shared / "data" / "maskbench-dev.jsonl.gz"
    if not path.is_file():
        pytest.skip("the visible half of MaskBench is absent")
    recorder = _Recorder()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if '"format"' in line:
                row = json.loads(line)
                schema = row["schema"]
                validator = validator_for(schema, default=Draft202012Validator)(schema, format_checker=recorder)
                for case in row["tests"]:
                    with contextlib.suppress(Exception):  # a reference that leads nowhere, a pattern that `re` refuses
                        list(validator.iter_errors(case["data"]))
    seen = sorted((name, text) for name, text in recorder.seen if name in FORMATS)
    assert len(seen) > 700
    for name, text in seen:
        _check(name, text)


# What is not regular


def _check_the_end(name: str, text: str) -> None:
    check = format_check(name)
    assert check is not None
    assert check.holds(text) == _verdict(name, text), f"{name} {text!r}"


_PIECES = {
    "regex": [
        *"a.*+?|()[]{}^$\\",
        "(?:",
        "(?P<n>",
        "(?=",
        "(?<",
        "\\1",
        "\\p{L}",
        "{2,1}",
        "{1,2}",
        "[^",
        "(?i)",
        "\\u00e",
        "\n",
    ],
    "idn-hostname": [
        *"aZ09.-_",
        "xn--",
        "\u00fc",
        "\u3002",
        "\uff0e",
        "\u0660",
        "\u06f0",
        "l\u00b7l",
        "\u0375",
        "\u05d0",
        "\u200d",
        "x" * 60,
        "\n",
    ],
}


@pytest.mark.parametrize("name", sorted(NOT_REGULAR))
@given(data=st.data())
def test_checks_at_the_end(name: str, data: st.DataObject) -> None:
    piece = st.one_of(st.sampled_from(_PIECES[name]), st.characters())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checker compiles what Python will refuse some day
        _check_the_end(name, "".join(data.draw(st.lists(piece, max_size=8))))


# Host names in masks, where the whole length is counted beside the automaton


def test_the_automaton_of_host_names_knows_the_final_dot() -> None:
    """One state stands after every dot, and no text that needs it is refused."""
    rows, plain = HostNameRows(1, _LIMITS), LazyDFA((host_labels(),), _LIMITS)
    states, after_dot = [rows.start], set()
    for state in states:  # grows while it is walked
        found = rows.expand(state)
        after_dot.add(int(found[ord(".")]))
        states.extend({int(target) for target in found if target >= 0}.difference(states))
    assert len(after_dot - {-1}) == 1
    assert len(states) < 130
    (dotted,) = after_dot - {-1}
    for state in states:
        assert rows.shortest_length(state) == (0 if state == dotted else plain_length(rows, state) + 1)
    assert plain.start == rows.start


def plain_length(rows: HostNameRows, state: int) -> int:
    return len(rows.shortest_completion(state))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"minLength": 1},
        {"minLength": 9},
        {"maxLength": 253},
        {"maxLength": 254},
        {"maxLength": 255},
        {"maxLength": 70},
    ],
)
def test_lengths_of_host_names_in_masks(more: dict[str, int]) -> None:
    schema = {"type": "string", "format": "hostname"} | more
    compiled = gl.compile(gl.JsonSchema(schema))
    validator = Draft202012Validator(schema, format_checker=_CHECKER)
    accepted = 0
    for label in (1, 31, 62, 63, 64):
        for total in (*range(250, 256), 0, 8, 64, 65):
            whole, rest = divmod(total, label + 1)
            text = ("x" * label + ".") * whole + "y" * rest
            for end in ("", ".", "\n", ".\n", "..", "-", "-a"):
                verdict = validator.is_valid(text + end)
                assert compiled.accepts(json.dumps(text + end)) == verdict, text + end
                accepted += verdict
    assert accepted


def test_no_host_name_runs_into_a_wall() -> None:
    """Every byte that is allowed leads on to an end, up to the last code point."""
    compiled = gl.compile(gl.JsonSchema({"type": "string", "format": "hostname"}))
    for start in ("x" * 63 + ".", "a.", "a-" * 31 + "a."):
        matcher = compiled.matcher()
        text = (start * 200)[:248]
        assert matcher.accept_bytes(f'"{text}'.encode()) == len(text) + 1
        alive = {""}
        for _ in range(7):
            following = set()
            for tail in alive:
                walker = compiled.matcher()
                walker.accept_bytes(f'"{text}{tail}'.encode())
                for byte in walker.next_bytes():
                    if chr(byte) in "a-.":
                        following.add(tail + chr(byte))
                completion = walker.shortest_completion().decode()
                assert _verdict("hostname", json.loads(f'"{text}{tail}{completion}')), (text, tail, completion)
            alive = following
