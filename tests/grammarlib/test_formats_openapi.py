"""OpenAPI's formats, which are asserted on request; names that nobody asserts are reported or refused."""

from __future__ import annotations

import base64
import binascii
import json
import string
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

import grammarlib as gl
from grammarlib.cli.app import app
from grammarlib.errors import UnsupportedFeature
from grammarlib.sources.jsonschema.formats import OPENAPI_FORMATS, OPENAPI_NUMBERS

_DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_FLOATS = {"float": (24, 128), "double": (53, 1024)}


def _compiled(schema: Any, **options: Any) -> gl.CompiledGrammar:
    return gl.compile(gl.JsonSchema(schema, openapi_formats=True, **options))


_NUMBERS = {name: _compiled({"format": name}) for name in OPENAPI_NUMBERS}
_BYTE = _compiled({"format": "byte"})


def _is_in_range(name: str, number: Fraction) -> bool:
    """What the formats mean, without the module's arithmetic."""
    if name.startswith("int"):
        bits = int(name.removeprefix("int"))
        return number.denominator == 1 and (int(number) if number >= 0 else ~int(number)).bit_length() < bits
    precision, exponent = _FLOATS[name]
    largest = Fraction(2**precision - 1) * 2 ** (exponent - precision)
    return abs(number) < largest + Fraction(2 ** (exponent - precision), 2)


_numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.builds(
        lambda base, step, sign: str(sign * (base + step)),
        st.sampled_from([2**31, 2**63, 2**128 - 2**103, 2**128 - 2**104, 2**1024 - 2**970, 2**1024 - 2**971]),
        st.integers(-2, 2),
        st.sampled_from([1, -1]),
    ),
    st.builds(
        lambda sign, whole, part, exponent: f"{sign}{whole}{part}{exponent}",
        st.sampled_from(["", "-"]),
        st.sampled_from(["0", "1", "2147483647", "2147483648", "3.40282356779733", "9223372036854775808"]),
        st.sampled_from(["", ".0", ".5", ".50"]),
        st.sampled_from(["", "e0", "E+1", "e-1", "e37", "e38", "e308", "e-400"]),
    ).filter(lambda text: text.count(".") < 2),
)


@pytest.mark.parametrize("name", sorted(OPENAPI_NUMBERS))
@given(text=_numbers)
@example("-0")
@example("1.0")
@example("1e3")
@example("2147483647.5")
@example("3.4028235e38")
@example("3.4028236e38")
@example("1.7976931348623157e308")
@example("1.7976931348623159e308")
def test_numbers(name: str, text: str) -> None:
    assert _NUMBERS[name].accepts(text) == _is_in_range(name, Fraction(text)), text


@given(text=st.floats(allow_nan=False, allow_infinity=False).map(json.dumps))
def test_every_finite_float_is_a_double(text: str) -> None:
    assert _NUMBERS["double"].accepts(text)


@given(text=st.floats(allow_nan=False, allow_infinity=False, width=32).map(json.dumps))
def test_every_finite_single_is_a_float(text: str) -> None:
    assert _NUMBERS["float"].accepts(text)


def _is_base64(text: str) -> bool:
    """Whole groups, one or two characters of padding, nothing else: `base64` alone forgives too much."""
    try:
        base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return False
    return len(text) % 4 == 0 and text.find("=") in (-1, len(text) - 1, len(text) - 2) and not text.endswith("===")


@given(text=st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode()))
def test_what_base64_encodes(text: str) -> None:
    assert _BYTE.accepts(json.dumps(text))


@given(text=st.text("AZaz09+/=-_ \n\u00e9", max_size=9))
@example("")
@example("AA==")
@example("AAA=")
@example("AB==")
@example("AA=A")
@example("A===")
@example("====")
@example("AAAA====")
@example("AA==AAAA")
@example("AAAA\n")
def test_near_misses_of_base64(text: str) -> None:
    assert _BYTE.accepts(json.dumps(text)) == _is_base64(text), text


def test_every_character_of_base64() -> None:
    for point in range(256):
        member = chr(point) in string.ascii_letters + string.digits + "+/"
        assert _BYTE.accepts(json.dumps(f"AA{chr(point)}A")) == member


@pytest.mark.parametrize("name", sorted(OPENAPI_FORMATS))
def test_other_types_satisfy_them(name: str) -> None:
    compiled = _compiled({"format": name})
    other = '"x!"' if name in OPENAPI_NUMBERS else "1e999"
    assert all(compiled.accepts(text) for text in ("null", "true", "[1.5]", '{"a": 1e999}', other))


def test_they_meet_the_other_keywords() -> None:
    assert _compiled({"type": "integer", "format": "int32", "minimum": 5}).accepts("2147483647")
    assert not _compiled({"type": "integer", "format": "int32", "minimum": 5}).accepts("4")
    assert not _compiled({"type": "integer", "maximum": 7, "format": "int64"}).accepts("8")
    halves = _compiled({"type": "number", "format": "int32", "multipleOf": 0.5})
    assert halves.accepts("3") and not halves.accepts("2.5")
    thirds = _compiled({"multipleOf": 1.5, "format": "int32"})
    assert thirds.accepts("3") and not thirds.accepts("1.5") and not thirds.accepts("4")
    short = _compiled({"type": "string", "format": "byte", "maxLength": 7})
    assert short.accepts('"AAAA"') and not short.accepts('"AAAAAAAA"')
    assert not _compiled({"not": {"format": "int32"}}).accepts("1")
    assert _compiled({"not": {"format": "int32"}}).accepts("1.5")


def test_draft_4_wants_digits_of_an_integer_only() -> None:
    typed = _compiled({"$schema": _DRAFT_4, "type": "integer", "format": "int32"})
    assert typed.accepts("1") and not typed.accepts("1.0")
    assert _compiled({"$schema": _DRAFT_4, "format": "int32"}).accepts("1.0")


def test_without_the_option_they_are_annotations() -> None:
    for name in OPENAPI_FORMATS:
        compiled = gl.compile(gl.JsonSchema({"format": name}))
        assert compiled.accepts("1e999") and compiled.accepts('"!"')
        (finding,) = compiled.report.ignored
        assert (finding.code, finding.pointer) == ("unknown-format", "/format")
        assert "openapi_formats" in finding.message
        assert _compiled({"format": name}).report.ignored == ()


@pytest.mark.parametrize(
    "schema", [{"format": "color"}, {"type": "integer", "format": "int32"}, {"type": "string", "format": "int32"}]
)
def test_strict_refuses_what_is_not_asserted(schema: dict[str, str]) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        gl.compile(gl.JsonSchema(schema, formats="strict"))
    (finding,) = caught.value.findings
    assert finding.pointer == "/format"
    assert ("openapi_formats=True" in (finding.hint or "")) == (schema["format"] == "int32")
    if schema["format"] == "int32":
        _compiled(schema, formats="strict")
    else:
        with pytest.raises(UnsupportedFeature):
            _compiled(schema, formats="strict")


def test_the_option_contradicts_annotations() -> None:
    with pytest.raises(ValueError, match="openapi_formats"):
        gl.JsonSchema(True, formats="annotate", openapi_formats=True)


def test_the_option_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "compiled.json"
    _compiled({"type": "integer", "format": "int32"}).save(path)
    assert not gl.load(path).accepts("2147483648")


@pytest.mark.parametrize("option", [[], ["--openapi-formats"]])
def test_the_command_line(tmp_path: Path, option: list[str]) -> None:
    path = tmp_path / "schema.json"
    schema = {"$schema": _DRAFT_4, "type": "integer", "format": "int32", "minimum": 2147483647}  # no exponents
    path.write_text(json.dumps(schema), encoding="utf-8")
    checked = CliRunner().invoke(app, ["check", str(path), "--json", *option])
    assert len(json.loads(checked.output)["ignored"]) == (0 if option else 1)
    arguments = ["--schema", str(path), *option]
    sampled = CliRunner().invoke(app, ["sample", *arguments, "--num", "5"])
    numbers = sampled.output.splitlines()
    assert len(numbers) == 5
    assert (set(numbers) == {"2147483647"}) == bool(option)
    masked = CliRunner().invoke(app, ["mask", *arguments, "--prefix", "2147483648"])
    assert (masked.exit_code == 0) == (not option)
