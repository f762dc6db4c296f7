"""``grammarlib support``: the table of the code, and that it tells the truth."""

from __future__ import annotations

from typing import Any

import pytest

import grammarlib as gl
from grammarlib.sources.jsonschema.formats import FORMATS, NOT_REGULAR, OPENAPI_FORMATS
from grammarlib.sources.jsonschema.keywords import ALL_KEYWORDS, DRAFTS, SPECIFIED_FORMATS, dialect_by_name
from grammarlib.sources.jsonschema.support import DRAFT_NAMES, NOTES, format_support, keyword_support
from tests.cli.conftest import Command

TWO = {"minItems": 2, "maxItems": 2}
REFUTED: dict[str, tuple[Any, str]] = {
    "type": ("string", "1"),
    "enum": ([1], "2"),
    "const": (1, "2"),
    "properties": ({"a": False}, '{"a": 1}'),
    "required": (["a"], "{}"),
    "additionalProperties": (False, '{"a": 1}'),
    "patternProperties": ({"a": False}, '{"ba": 1}'),
    "propertyNames": ({"maxLength": 1}, '{"ab": 1}'),
    "minProperties": (1, "{}"),
    "maxProperties": (1, '{"a": 1, "b": 1}'),
    "dependencies": ({"a": ["b"]}, '{"a": 1}'),
    "dependentRequired": ({"a": ["b"]}, '{"a": 1}'),
    "dependentSchemas": ({"a": {"maxProperties": 1}}, '{"a": 1, "b": 1}'),
    "unevaluatedProperties": (False, '{"a": 1}'),
    "items": ({"type": "null"}, "[1]"),
    "prefixItems": ([{"type": "null"}], "[1]"),
    "minItems": (1, "[]"),
    "maxItems": (1, "[1, 2]"),
    "uniqueItems": (True, "[1, 1.0]"),
    "contains": ({"type": "null"}, "[1]"),
    "unevaluatedItems": (False, "[1]"),
    "minLength": (2, '"a"'),
    "maxLength": (1, '"ab"'),
    "pattern": ("b", '"a"'),
    "format": ("date", '"a"'),
    "minimum": (2, "1"),
    "maximum": (1, "2"),
    "exclusiveMinimum": (1, "1"),
    "exclusiveMaximum": (1, "1"),
    "multipleOf": (0.1, "0.15"),
    "$ref": ("#/definitions/a", "1"),
    "$dynamicRef": ("#/definitions/a", "1"),
    "$recursiveRef": ("#", '{"b": 1}'),
    "allOf": ([{"type": "null"}], "1"),
    "anyOf": ([{"type": "null"}], "1"),
    "oneOf": ([True, {"type": "integer"}], "1"),
    "not": ({"type": "integer"}, "1"),
}
"""A value of each keyword that refuses a text by itself."""

TOGETHER: dict[str, tuple[dict[str, Any], str]] = {
    "if": ({"if": {"type": "integer"}, "then": False}, "1"),
    "then": ({"if": {"type": "integer"}, "then": False}, "1"),
    "else": ({"if": {"type": "null"}, "else": False}, "1"),
    "minContains": ({"contains": {"const": 1}, "minContains": 2}, "[1]"),
    "maxContains": ({"contains": {"const": 1}, "maxContains": 1}, "[1, 1]"),
    "additionalItems": ({"items": [], "additionalItems": False}, "[1]"),
    "$recursiveRef": ({"properties": {"a": {"$recursiveRef": "#"}}, "required": ["a"]}, '{"a": {}}'),
}
"""Keywords that need another one beside them, or a schema around them."""


@pytest.mark.parametrize("draft", DRAFTS)
def test_what_is_called_enforced_refuses_something(draft: int) -> None:
    """Each keyword of each draft, by a text that it alone refuses; each is in ``report.enforced``."""
    dialect = dialect_by_name(DRAFT_NAMES[draft])
    assert dialect is not None
    enforced = [row.keyword for row in keyword_support(dialect) if row.action == "enforced"]
    assert set(enforced) == dialect.asserting
    for name in enforced:
        value, text = REFUTED.get(name, (None, ""))
        schema = {name: value, "definitions": {"a": {"type": "null"}}}
        if name in TOGETHER:
            schema, text = dict(TOGETHER[name][0]), TOGETHER[name][1]
        if draft == 4 and name.startswith("exclusive"):
            bound = "minimum" if name.endswith("Minimum") else "maximum"
            schema = {name: True, bound: 1}
        compiled = gl.compile({"$schema": dialect.uri, **schema})
        assert not compiled.accepts(text), name
        assert name in {finding.keyword for finding in compiled.report.enforced}, name


@pytest.mark.parametrize(
    "row", [row for row in keyword_support() if row.action == "annotation"], ids=lambda row: row.keyword
)
def test_what_is_an_annotation_is_reported_as_one(row: Any) -> None:
    """It allows everything, and the report lists it."""
    draft = next(name for number, name in DRAFT_NAMES.items() if number == row.drafts[-1])
    compiled = gl.compile(gl.JsonSchema({row.keyword: "a"}, dialect=draft))
    assert compiled.accepts("[1]")
    assert [(finding.code, finding.pointer) for finding in compiled.report.ignored] == [
        ("annotation", f"/{row.keyword}")
    ]
    assert compiled.report.enforced == ()


def test_keywords_without_their_partner_say_nothing() -> None:
    """They are in the report, as what has no effect."""
    schema = {
        "then": False,
        "minContains": 2,
        "additionalItems": False,
        "if": False,
        "properties": {"a": {"else": False}},
    }
    compiled = gl.compile(gl.JsonSchema(schema, dialect="2019-09"))
    assert compiled.accepts('{"a": 1}') and compiled.accepts("[1]")
    pointers = {finding.pointer for finding in compiled.report.ignored if finding.code == "no-effect"}
    assert pointers == {"/minContains", "/additionalItems", "/properties/a/else"}


def test_the_table_is_complete() -> None:
    """Every keyword and format has a row; every note belongs to a keyword."""
    assert {row.keyword for row in keyword_support()} == ALL_KEYWORDS
    assert set(NOTES) <= ALL_KEYWORDS
    rows = {row.format: row for row in format_support()}
    assert set(rows) == set(FORMATS) | NOT_REGULAR | set(OPENAPI_FORMATS)
    assert {name for name, row in rows.items() if row.drafts} == SPECIFIED_FORMATS
    for name, row in rows.items():
        schema = {"format": name}
        if row.action == "at the end":
            with pytest.raises(gl.UnsupportedFeature):
                gl.compile(schema)
            assert gl.compile(gl.JsonSchema(schema, approximate=(f"format:{name}",))).report.approximated
        else:
            report = gl.compile(schema).report
            assert bool(report.enforced) == (row.action == "enforced")
            assert bool(report.ignored) == (row.action == "optional")


def test_the_text(command: Command) -> None:
    """One line for each row, styled only on a terminal."""
    outcome = command("support")
    assert (outcome.code, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    assert len(lines) == len(keyword_support()) + len(format_support())
    assert any(line.split()[:2] == ["oneOf", "enforced"] for line in lines)
    assert command("support", "oneOf").stdout.split()[0] == "oneOf"


def test_one_draft_and_records(command: Command) -> None:
    """``--draft`` leaves out what the draft does not know; records have all facts."""
    records = command("support", "--draft", "draft7", "--json").records
    keywords = {record["keyword"]: record for record in records if "keyword" in record}
    assert "prefixItems" not in keywords and "dependencies" in keywords
    assert keywords["if"]["drafts"] == ["7", "2019-09", "2020-12"]
    assert all(set(record) - {"keyword", "format"} == {"drafts", "support", "note"} for record in records)
    assert {record["format"] for record in records if "format" in record} >= SPECIFIED_FORMATS


@pytest.mark.parametrize(
    "arguments", [("--draft", "3"), ("nothing",), ("prefixItems", "--draft", "7"), ("--markdown", "--json")]
)
def test_wrong_usage(command: Command, arguments: tuple[str, ...]) -> None:
    assert command("support", *arguments).code == 2


def test_check_carries_the_same_facts(command: Command) -> None:
    [record] = command("check", "--json", "-", stdin='{"oneOf": [true], "title": "t"}').records
    assert record["enforced"] == [f"oneOf is enforced: {NOTES['oneOf']} at /oneOf"]
    assert record["ignored"] == ["title is an annotation at /title"]
    assert record["dead_ends"] == []
