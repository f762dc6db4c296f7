"""Exact numbers in the python-jsonschema oracle of ``check`` and ``validate``."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.cli.exits import ExitCode, UnreadableInput, worst
from grammarlib.cli.reading import duplicate_keys, parse_json
from grammarlib.cli.validators import exact_validator, instance_findings, is_multiple, metaschema_findings

decimals = st.builds(
    lambda mantissa, exponent: Decimal(mantissa).scaleb(exponent), st.integers(-(10**6), 10**6), st.integers(-9, 9)
)


@given(decimals, decimals.filter(lambda number: number > 0))
def test_is_multiple_is_exact(value: Decimal, divisor: Decimal) -> None:
    """`is_multiple` agrees with fractions."""
    assert is_multiple(value, divisor) == ((Fraction(value) / Fraction(divisor)).denominator == 1)


@given(st.integers(-1000, 1000), decimals.filter(lambda number: number > 0))
def test_multiples_are_multiples(factor: int, divisor: Decimal) -> None:
    """A product is a multiple, however it is written."""
    assert is_multiple(factor * divisor, divisor)


@pytest.mark.parametrize(
    ("value", "divisor", "expected"),
    [
        (Decimal("1e999999999"), Decimal("0.01"), True),
        (Decimal("1e-999999999"), 1, False),
        (Decimal("0e-999999999"), 3, True),
        (Decimal("1" * 10_000), 1, True),
        (Decimal("1e400000000"), 3, False),
        (7, Decimal("1e-999999999"), True),
    ],
)
def test_is_multiple_of_numbers_out_of_reach(value: Any, divisor: Any, expected: bool) -> None:
    """Exponents cost nothing."""
    assert is_multiple(value, divisor) is expected


@pytest.mark.parametrize(
    ("schema", "instance", "valid"),
    [
        ('{"multipleOf": 0.01}', "4.35", True),
        ('{"multipleOf": 0.01}', "4.355", False),
        ('{"type": "integer"}', "1e2", True),
        ('{"type": "integer"}', "1.5", False),
        ('{"type": "integer"}', "true", False),
        ('{"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}', "1.0", False),
        ('{"$schema": "http://json-schema.org/draft-07/schema#", "type": "integer"}', "1.0", True),
        ('{"enum": [1]}', "1.0", True),
        ('{"maximum": 0.3}', "0.30000000000000000001", False),
        (
            '{"$schema": "http://json-schema.org/draft-07/schema#", '
            '"properties": {"next": {"$ref": "#"}, "n": {"multipleOf": 0.1}}}',
            '{"next": {"next": {"n": 0.3}}}',
            True,
        ),
    ],
)
def test_verdicts_on_exact_numbers(schema: str, instance: str, valid: bool) -> None:
    """The validator computes with decimals, across references too."""
    validator = exact_validator(parse_json(schema, "schema"))
    assert (instance_findings(validator, parse_json(instance, "instance")) == []) is valid


def test_unresolvable_reference_is_a_finding_and_fetches_nothing() -> None:
    """A reference to elsewhere is not followed."""
    [finding] = instance_findings(exact_validator({"$ref": "http://localhost:1/x.json"}), 1)
    assert finding.code == "unresolvable-reference"


def test_metaschema_findings_point_into_the_schema() -> None:
    """Every violation is found, each with its pointer."""
    findings = metaschema_findings({"type": "strin", "properties": {"a/b": {"minLength": -1}}})
    assert {finding.pointer for finding in findings} == {"/type", "/properties/a~1b/minLength"}
    assert metaschema_findings({"minLength": 5.0}) == []


@pytest.mark.parametrize("text", ["", "{", "NaN", "[1,]", "'a'", "[" * 100_000, '"\t"'])
def test_what_is_not_json_is_unreadable(text: str) -> None:
    """The message names the input."""
    with pytest.raises(UnreadableInput, match=r"^here: "):
        parse_json(text, "here")


def test_long_integers_are_read_exactly() -> None:
    """Python's limit on the digits of an int does not apply."""
    assert parse_json("9" * 5000, "here") == Decimal("9" * 5000)


def test_duplicate_keys_are_found_at_every_depth() -> None:
    """Each doubled key once."""
    assert duplicate_keys('{"a": 1, "b": [{"c": 1, "c": 2, "c": 3}], "a": 2}') == ["c", "a"]
    assert duplicate_keys(json.dumps({"a": {"a": 1}})) == []


def test_worst_orders_codes() -> None:
    """Unreadable before limit before findings before fine."""
    assert worst() is ExitCode.FINE
    assert worst(ExitCode.FINE, ExitCode.FINDINGS) is ExitCode.FINDINGS
    assert worst(ExitCode.LIMIT, ExitCode.FINDINGS) is ExitCode.LIMIT
    assert worst(ExitCode.LIMIT, ExitCode.USAGE, ExitCode.FINE) is ExitCode.USAGE
