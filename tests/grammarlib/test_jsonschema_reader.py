"""What the reader of JSON Schema makes of each keyword in each draft: the attributes of its nodes."""

from __future__ import annotations

from typing import Any

import pytest

from grammarlib.errors import CompileError, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.checks import pattern_check
from grammarlib.sources.jsonschema.keywords import LATEST, dialect_by_uri
from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE, SchemaNode
from grammarlib.sources.jsonschema.reader import SchemaReader
from grammarlib.sources.jsonschema.references import References
from grammarlib.sources.jsonschema.values import ANY, ARRAY, NULL, OBJECT, STRING
from grammarlib.sources.regex import search_pattern

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_6 = "http://json-schema.org/draft-06/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def reading(schema: Any, **options: Any) -> SchemaReader:
    """The reader after `read`; keywords that are read and not lowered yet raise nothing here."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    dialect = (dialect_by_uri(named) if named else None) or LATEST
    reader = SchemaReader(schema, References(schema, dialect, **options), limits=Limits())
    try:
        reader.read()
    except CompileError as error:
        assert all("cannot be enforced yet" in finding.message for finding in error.findings)
    return reader


def root(schema: Any) -> dict[str, Any]:
    """The attributes that the root's node sets itself."""
    reader = reading(schema)
    return dict(vars(reader.nodes[reader.root]))


def parsed(*patterns: str) -> list[Any]:
    return [search_pattern(pattern, dialect="ecma", limits=Limits(), surrogates=True) for pattern in patterns]


STRING_SCHEMA = {"type": "string"}
NULL_SCHEMA = {"type": "null"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        # Node 2 is the root; leaves are numbered in the order of the text.
        ({"oneOf": [STRING_SCHEMA, NULL_SCHEMA]}, {"one_of": ((3, 4),), "in_place": True}),
        ({"oneOf": [STRING_SCHEMA, STRING_SCHEMA, False]}, {"one_of": ((3, 3),), "in_place": True}),
        ({"oneOf": [True, NULL_SCHEMA]}, {"one_of": ((TRUE_NODE, 3),), "in_place": True}),
        ({"oneOf": [NULL_SCHEMA, False]}, {"all_of": (3,), "in_place": True}),
        ({"oneOf": [True, {}, NULL_SCHEMA]}, {"types": 0}),
        ({"oneOf": []}, {"types": 0}),
        ({"oneOf": [False, False]}, {"types": 0}),
        ({"oneOf": [True, False]}, {}),
        ({"not": NULL_SCHEMA}, {"negated": (3,), "in_place": True}),
        ({"not": False}, {}),
        ({"not": {}}, {"types": 0}),
        ({"if": NULL_SCHEMA, "then": STRING_SCHEMA}, {"conditionals": ((3, 4, TRUE_NODE),), "in_place": True}),
        ({"if": NULL_SCHEMA, "else": STRING_SCHEMA}, {"conditionals": ((3, TRUE_NODE, 4),), "in_place": True}),
        ({"if": NULL_SCHEMA, "then": STRING_SCHEMA, "else": STRING_SCHEMA}, {"all_of": (4,), "in_place": True}),
        ({"if": NULL_SCHEMA, "then": False}, {"negated": (3,), "in_place": True}),
        (
            {"if": NULL_SCHEMA, "then": False, "else": STRING_SCHEMA},
            {"negated": (3,), "all_of": (4,), "in_place": True},
        ),
        ({"if": NULL_SCHEMA, "then": STRING_SCHEMA, "else": False}, {"all_of": (3, 4), "in_place": True}),
        ({"if": True, "then": STRING_SCHEMA, "else": False}, {"all_of": (3,), "in_place": True}),
        ({"if": False, "then": False, "else": STRING_SCHEMA}, {"all_of": (3,), "in_place": True}),
        ({"if": NULL_SCHEMA}, {}),
        ({"then": False, "else": False}, {}),
        ({"$schema": DRAFT_6, "if": True, "then": False}, {}),
        ({"propertyNames": {"maxLength": 3}}, {"property_names": 3, "constrains": OBJECT}),
        ({"propertyNames": False}, {"property_names": FALSE_NODE, "constrains": OBJECT}),
        ({"propertyNames": {}}, {}),
        ({"$schema": DRAFT_4, "propertyNames": False}, {}),
        ({"type": "string", "propertyNames": False}, {"types": STRING}),
        (
            {"minProperties": 2, "maxProperties": 3.0},
            {"minimum_properties": 2, "maximum_properties": 3, "constrains": OBJECT},
        ),
        ({"minProperties": 2, "required": ["a", "a"]}, {"minimum_properties": 2, "required": ("a",)}),
        ({"minProperties": 1, "required": ["a", "b"]}, {"required": ("a", "b")}),
        ({"dependentRequired": {"a": ["b", "b", "a"], "c": []}}, {"dependent_required": (("a", ("b",)),)}),
        ({"$schema": DRAFT_7, "dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": False}}, {}),
        (
            {"$schema": DRAFT_7, "dependencies": {"a": ["b"], "c": NULL_SCHEMA, "d": True, "e": [], "f": False}},
            {
                "dependent_required": (("a", ("b",)),),
                "dependent_schemas": (("c", 3), ("f", FALSE_NODE)),
                "constrains": OBJECT,
                "in_place": True,
            },
        ),
        ({"dependencies": {"a": ["b"], "c": False}}, {}),
        (
            {"dependentSchemas": {"a": NULL_SCHEMA, "b": {}}},
            {"dependent_schemas": (("a", 3),), "constrains": OBJECT, "in_place": True},
        ),
        ({"contains": NULL_SCHEMA}, {"contains": ((3, 1, None),), "constrains": ARRAY}),
        ({"contains": NULL_SCHEMA, "minContains": 2, "maxContains": 4}, {"contains": ((3, 2, 4),)}),
        ({"contains": NULL_SCHEMA, "minContains": 0}, {}),
        ({"contains": NULL_SCHEMA, "minContains": 0, "maxContains": 1}, {"contains": ((3, 0, 1),)}),
        ({"contains": True, "minContains": 2, "maxContains": 4}, {"minimum_items": 2, "maximum_items": 4}),
        ({"contains": {}, "minItems": 3, "maxItems": 0}, {"minimum_items": 3, "maximum_items": 0}),
        ({"contains": False}, {"types": ANY & ~ARRAY}),
        ({"contains": False, "minContains": 0}, {}),
        ({"$schema": DRAFT_7, "contains": NULL_SCHEMA, "minContains": 0}, {"contains": ((3, 1, None),)}),
        ({"$schema": DRAFT_4, "contains": NULL_SCHEMA}, {}),
        ({"minContains": 3, "maxContains": 1}, {}),
        ({"uniqueItems": True}, {"unique_items": True, "constrains": ARRAY}),
        ({"uniqueItems": True, "maxItems": 1}, {"maximum_items": 1}),
        ({"uniqueItems": False}, {}),
        ({"type": ["array", "null"], "uniqueItems": True}, {"unique_items": True, "types": ARRAY | NULL}),
    ],
)
def test_attributes(schema: Any, expected: dict[str, Any]) -> None:
    found = root(schema)
    if "constrains" not in expected:
        found.pop("constrains", None)
    assert found == expected


def test_pattern_properties() -> None:
    schema = {"patternProperties": {"^a": NULL_SCHEMA, "b$": True, "c": False}, "additionalProperties": False}
    a, b, c = parsed("^a", "b$", "c")
    assert root(schema) == {
        "pattern_properties": ((a, 3), (b, TRUE_NODE), (c, FALSE_NODE)),
        "additional": FALSE_NODE,
        "constrains": OBJECT,
    }
    del schema["additionalProperties"]  # nothing is left that ``true`` could shield from
    assert root(schema) == {"pattern_properties": ((a, 3), (c, FALSE_NODE)), "constrains": OBJECT}
    assert root({"patternProperties": {"a": {}}}) == {}
    assert root({"type": "null", "patternProperties": {"a": False}}) == {"types": NULL}


def test_leaves_with_new_keywords_are_shared() -> None:
    leaf = {"uniqueItems": True, "minProperties": 2, "dependentRequired": {"a": ["b"]}}
    reader = reading({"properties": {"a": leaf, "b": {**leaf, "title": "B"}}})
    properties = reader.nodes[reader.root].properties
    assert properties is not None and properties["a"] == properties["b"] != TRUE_NODE


def test_what_is_evaluated_is_kept_only_where_it_matters() -> None:
    schema: dict[str, Any] = {
        "allOf": [
            {"anyOf": [True, {"properties": {"a": {}}}], "additionalProperties": True, "items": True},
            {"if": {"properties": {"b": {}}}, "patternProperties": {"c": True}},
            {"contains": NULL_SCHEMA, "minContains": 0},
            {"unevaluatedProperties": True},
        ],
    }
    plain = reading(schema)
    assert not plain.annotates
    assert [vars(node) for node in plain.nodes[3:7]] == [{}, {}, {}, {}]
    schema["unevaluatedProperties"] = False
    reader = reading(schema)
    assert reader.annotates
    top = reader.nodes[reader.root]
    assert (top.unevaluated_properties, top.constrains) == (FALSE_NODE, OBJECT)
    any_of, conditional, contains, nested = (reader.nodes[number] for number in top.all_of)
    assert any_of.any_of == ((TRUE_NODE, any_of.any_of[0][1]),)
    assert reader.nodes[any_of.any_of[0][1]].properties == {"a": TRUE_NODE}
    assert any_of.additional_present and any_of.rest_present and any_of.additional == any_of.rest == TRUE_NODE
    assert conditional.conditionals == ((conditional.conditionals[0][0], TRUE_NODE, TRUE_NODE),)
    assert conditional.pattern_properties == ((*parsed("c"), TRUE_NODE),)
    assert contains.contains[0][1:] == (0, None) and contains.contains_evaluates
    assert nested.unevaluated_properties == TRUE_NODE


def test_unevaluated_items() -> None:
    reader = reading({"prefixItems": [{}], "contains": {}, "unevaluatedItems": NULL_SCHEMA})
    top = reader.nodes[reader.root]
    assert top.unevaluated_items is not None and reader.nodes[top.unevaluated_items].types == NULL
    assert (top.prefix, top.rest_present) == ((TRUE_NODE,), False)
    assert (top.contains, top.contains_evaluates) == (((TRUE_NODE, 1, None),), True)
    old = {"$schema": DRAFT_2019, "items": [{}], "contains": {}, "unevaluatedItems": False}
    reader = reading(old)
    top = reader.nodes[reader.root]
    assert (top.prefix, top.rest_present, top.contains_evaluates, top.unevaluated_items) == (
        (TRUE_NODE,),
        False,
        False,
        FALSE_NODE,
    )
    reader = reading({**old, "additionalItems": True})
    assert reader.nodes[reader.root].rest_present
    reader = reading({**old, "items": {}})
    assert reader.nodes[reader.root].rest_present
    assert not reading({"type": "string", "unevaluatedItems": False}).annotates
    assert not reading({"$schema": DRAFT_7, "unevaluatedItems": False}).annotates


def test_defaults_are_those_of_the_class() -> None:
    node = SchemaNode()
    assert vars(node) == {}
    assert (node.one_of, node.negated, node.conditionals, node.pattern_properties) == ((), (), (), ())


# ---- what cannot be exact ------------------------------------------------------------------------


BACKREFERENCE = {"pattern": "^(a|b)\\1$"}


def approximating(schema: Any, *names: str) -> SchemaReader:
    reader = SchemaReader(schema, References(schema, LATEST), approximate=names, limits=Limits())
    reader.read()
    return reader


@pytest.mark.parametrize("name", ["pattern", "pattern:backreference"])
def test_a_backreference_may_become_a_check(name: str) -> None:
    schema = {"properties": {"a": {**BACKREFERENCE, "maxLength": 3}, "b": BACKREFERENCE}}
    reader = approximating(schema, name)
    assert [(finding.code, finding.keyword, finding.pointer) for finding in reader.approximated] == [
        ("approximated", "pattern", "/properties/a/pattern"),
        ("approximated", "pattern", "/properties/b/pattern"),
    ]
    properties = reader.nodes[reader.root].properties
    assert properties is not None
    first, second = (reader.nodes[number] for number in properties.values())
    assert first.checked == second.checked and (first.maximum_length, first.pattern) == (3, None)
    assert first.constrains == second.constrains == STRING
    assert [first.checked[0].holds(text) for text in ("aa", "bb", "ab", "aab", "")] == [True, True, False, False, False]


@pytest.mark.parametrize("names", [(), ("format",), ("format:regex",)])
def test_a_backreference_is_refused_where_it_is_not_listed(names: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        approximating({"items": BACKREFERENCE, "contains": {"type": "string", **BACKREFERENCE}}, *names)
    findings = [finding for finding in caught.value.findings if finding.keyword == "backreference"]
    assert [finding.pointer for finding in findings] == ["/items/pattern", "/contains/pattern"]
    assert all(finding.hint is not None and 'approximate=("pattern",)' in finding.hint for finding in findings)
    assert "column 7" in findings[0].message


@pytest.mark.parametrize(
    "schema",
    [
        {"patternProperties": {"^(a)\\1": False}},  # which names it means must be known before the value
        {"pattern": "(?:(a)|b)*\\1"},  # Python remembers a group that ECMA-262 forgets
        {"pattern": "(?i)(a)\\1"},
        {"pattern": "(?:(a)|b)*+\\1"},
    ],
)
def test_what_no_check_can_decide_is_refused(schema: Any) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        approximating(schema, "pattern")
    assert caught.value.findings[0].keyword in ("backreference", "possessive")


def test_formats_that_are_not_regular_may_become_checks() -> None:
    schema = {"properties": {"a": {"format": "regex"}, "b": {"format": "idn-hostname", "type": "string"}}}
    for names in (("format",), ("format:regex", "format:idn-hostname")):
        reader = approximating(schema, *names)
        assert [finding.pointer for finding in reader.approximated] == ["/properties/a/format", "/properties/b/format"]
        properties = reader.nodes[reader.root].properties
        assert properties is not None
        regex, hostname = (reader.nodes[number].checked[0] for number in properties.values())
        assert [regex.holds(text) for text in ("a(b)", "a(b", "[[a]", "a{99999999999}", "(" * 5000)] == [
            True,
            False,
            True,
            False,
            False,
        ]
        assert [hostname.holds(text) for text in ("bücher.example", "a..b", "〮a", "")] == [True, False, False, False]
    with pytest.raises(UnsupportedFeature) as caught:
        approximating(schema, "format:regex")
    assert [finding.pointer for finding in caught.value.findings] == ["/properties/b/format"]
    assert approximating({"type": "null", "format": "regex"}).approximated == []


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"^(a)?\1b$", ["b", "aab"], ["ab"]),  # a group that took no part matches the empty text
        (r"^(?<x>a+)-\k<x>$", ["aa-aa"], ["aa-a"]),
        (r"^(?P<x>\d)(?P=x)$", [], []),
        (r"^(\d)\1$", ["11"], ["12", "١١"]),
        (r"^(\w)\1$", ["__"], ["éé"]),
        (r"^(\s)\1$", ["\ufeff\ufeff", "\t\t"], ["\x1c\x1c"]),
        (r"^(.)\1$", ["\x1c\x1c", "𝄞𝄞"], ["\r\r", "\u2028\u2028"]),
        (r"^([^])\1$", ["\n\n"], ["\na"]),
        (r"^([^a-c\d\]])\1$", ["dd", "[["], ["aa", "11", "]]"]),
        (r"^([\w-.])\1$", ["--", "..", "aa"], ["//"]),
        (r"^([\u{1F600}-\u{1F64F}\ud834\udd1e])\1$", ["😀😀", "𝄞𝄞"], ["aa"]),
        (r"^(\p{Lu})\1$", ["ÉÉ"], ["éé"]),
        (r"^(\cJ\x41\0\/{)\1$", ["\nA\0/{\nA\0/{"], ["\nA"]),
        (r"(['\"]).*\1$", ["x 'y'", '"a"'], ["'y\"", "'a'\n"]),
        (r"^(?=(a+))\1b$", ["aab"], ["aa"]),
        (r"^(a)(?:x|\1)+\b$", ["axaa"], ["a", "ab"]),
        (r"^(a{2,3}?)\1\B$", [], ["aaaa", "aaaaa"]),
    ],
)
def test_backreferences_have_the_meaning_of_ecma(pattern: str, matching: list[str], other: list[str]) -> None:
    check = pattern_check(pattern)
    if not matching and not other:
        assert check is None
        return
    assert check is not None
    assert [text for text in matching if not check.holds(text)] == []
    assert [text for text in other if check.holds(text)] == []


@pytest.mark.parametrize(
    "pattern", [r"\1(a)", r"(a\1)", r"(?<=(a)\1)b", r"(a)\2", r"(a)\k<b>", r"(b)\1(?<=a+)", "(a)\\1["]
)
def test_untranslatable_patterns(pattern: str) -> None:
    assert pattern_check(pattern) is None
