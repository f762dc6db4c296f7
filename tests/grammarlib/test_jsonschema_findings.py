"""What the JSON Schema source refuses, and how it says so: every finding at once, with JSON pointers."""

from __future__ import annotations

from typing import Any

import pytest

from grammarlib.automata.components import ObjectView, StatusView
from grammarlib.errors import CompileError, InvalidSource, LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import AnyJson, JsonSchema, SchemaSource
from tests.oracles.json_machine import accepts

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_6 = "http://json-schema.org/draft-06/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def lower(schema: Any, **options: Any) -> SchemaSource:
    return JsonSchema(schema, **options).lower(Limits())


def pointers(schema: Any, error: type[CompileError], **options: Any) -> list[str | None]:
    with pytest.raises(error) as caught:
        lower(schema, **options)
    assert type(caught.value) is error
    return sorted(str(finding.pointer) for finding in caught.value.findings)


def test_all_unsupported_keywords_are_reported_at_once() -> None:
    schema = {
        "properties": {
            "a": {"oneOf": [{"type": "string"}, {"format": "regex"}]},
            "b/c": {"items": {"not": {"pattern": "(a)\\1"}}},
            "d": {"$ref": "#/$defs/e"},
        },
        "$defs": {"e": {"minimum": 10**5_000}, "unreachable": {"not": {"format": "regex"}}},
        "patternProperties": {"(x)\\1": {}},
    }
    assert pointers(schema, UnsupportedFeature) == [
        "/$defs/e/minimum",
        "/patternProperties/(x)\\1",
        "/properties/a/oneOf/1/format",
        "/properties/b~1c/items/not/pattern",
    ]


def test_the_first_finding_names_keyword_and_pointer() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        lower({"properties": {"a": {"format": "regex"}}})
    assert (caught.value.keyword, caught.value.pointer) == ("format", "/properties/a/format")


@pytest.mark.parametrize(
    "schema",
    [
        {"uniqueItems": False},
        {"uniqueItems": True, "maxItems": 1},
        {"type": "string", "uniqueItems": True},
        {"uniqueItems": True, "enum": ["a", 1]},
        {"minProperties": 0},
        {"minProperties": 1, "required": ["a"]},
        {"type": "array", "minProperties": 2},
        {"patternProperties": {}},
        {"propertyNames": True},
        {"dependentRequired": {"a": []}},
        {"dependentSchemas": {"a": True}},
        {"$schema": DRAFT_7, "dependencies": {"a": []}},
        {"not": False},
        {"if": {"type": "string"}},
        {"then": {"type": "string"}, "else": False},
        {"unevaluatedProperties": True},
        {"minContains": 2},
        {"oneOf": [{"type": "string"}, False]},
        {"type": "integer", "format": "date"},
        {"format": "int32"},
        {"$schema": DRAFT_4, "contains": {"type": "null"}, "propertyNames": False, "if": {}, "then": False},
        {"$schema": DRAFT_6, "if": {}, "then": False},
        {"dependencies": {"a": ["b"]}},
        {"$recursiveRef": "#", "additionalItems": False},
        {"$schema": DRAFT_7, "dependentRequired": {"a": ["b"]}, "prefixItems": [False], "$defs": 1},
    ],
)
def test_what_asserts_nothing_is_no_finding(schema: Any) -> None:
    assert lower(schema).root is not None


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "strnig"}, "/type"),
        ({"type": ["string", 3]}, "/type"),
        ({"type": 3}, "/type"),
        ({"minLength": "3"}, "/minLength"),
        ({"maxLength": -1}, "/maxLength"),
        ({"minItems": 1.5}, "/minItems"),
        ({"maxItems": True}, "/maxItems"),
        ({"pattern": "("}, "/pattern"),
        ({"pattern": 3}, "/pattern"),
        ({"format": 3}, "/format"),
        ({"enum": "a"}, "/enum"),
        ({"enum": [float("nan")]}, "/enum"),
        ({"minimum": "1"}, "/minimum"),
        ({"maximum": float("inf")}, "/maximum"),
        ({"exclusiveMinimum": True}, "/exclusiveMinimum"),
        ({"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": 3}, "/exclusiveMinimum"),
        ({"multipleOf": 0}, "/multipleOf"),
        ({"multipleOf": -1}, "/multipleOf"),
        ({"properties": []}, "/properties"),
        ({"properties": {1: {}}}, "/properties"),
        ({"properties": {"a": 1}}, "/properties/a"),
        ({"required": True}, "/required"),
        ({"required": [1]}, "/required"),
        ({"additionalProperties": "no"}, "/additionalProperties"),
        ({"items": [{}]}, "/items"),
        ({"prefixItems": {}}, "/prefixItems"),
        ({"allOf": {}}, "/allOf"),
        ({"anyOf": [1]}, "/anyOf/0"),
        ({"$ref": "#/nowhere"}, "/$ref"),
        ({"$ref": "#missing"}, "/$ref"),
        ({"$ref": "http://example.com/other"}, "/$ref"),
        ({"$ref": 3}, "/$ref"),
        ({"$schema": 3}, "/$schema"),
        ({"not": {"$schema": 3, "items": {}}}, "/not/$schema"),
        ({"oneOf": {}}, "/oneOf"),
        ({"oneOf": [{}, 1]}, "/oneOf/1"),
        ({"not": 1}, "/not"),
        ({"if": {}, "then": 1}, "/then"),
        ({"if": {"type": "null"}, "else": 1}, "/else"),
        ({"patternProperties": []}, "/patternProperties"),
        ({"patternProperties": {"(": {}}}, "/patternProperties/("),
        ({"patternProperties": {"a": 1}}, "/patternProperties/a"),
        ({"propertyNames": []}, "/propertyNames"),
        ({"minProperties": -1}, "/minProperties"),
        ({"maxProperties": "1"}, "/maxProperties"),
        ({"dependentRequired": []}, "/dependentRequired"),
        ({"dependentRequired": {"a": "b"}}, "/dependentRequired/a"),
        ({"dependentSchemas": {"a": ["b"]}}, "/dependentSchemas/a"),
        ({"$schema": DRAFT_7, "dependencies": {"a": "b"}}, "/dependencies/a"),
        ({"$schema": DRAFT_7, "dependencies": {"a": [1]}}, "/dependencies/a"),
        ({"contains": 1}, "/contains"),
        ({"contains": {"type": "null"}, "minContains": -1}, "/minContains"),
        ({"minContains": "1"}, "/minContains"),
        ({"contains": False, "maxContains": 1.5}, "/maxContains"),
        ({"uniqueItems": 1}, "/uniqueItems"),
        ({"unevaluatedProperties": 1}, "/unevaluatedProperties"),
        ({"unevaluatedItems": []}, "/unevaluatedItems"),
        ({"$dynamicRef": 1}, "/$dynamicRef"),
        ({"$dynamicRef": "#nowhere"}, "/$dynamicRef"),
        ({"$schema": DRAFT_2019, "$recursiveRef": 1}, "/$recursiveRef"),
        (3, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_malformed_values_are_invalid(schema: Any, pointer: str) -> None:
    with pytest.raises(InvalidSource) as caught:
        lower(schema)
    assert [finding.pointer for finding in caught.value.findings if "enforced yet" not in finding.message] == [pointer]


def test_invalid_and_unsupported_findings_come_together() -> None:
    schema = {"properties": {"a": {"type": "strnig"}, "b": {"minLength": []}}, "format": "regex"}
    assert pointers(schema, InvalidSource) == ["/format", "/properties/a/type", "/properties/b/minLength"]


def test_an_unreachable_mistake_is_none() -> None:
    lower({"$defs": {"a": {"type": "strnig"}}, "default": {"$ref": "#/x"}, "enum": [{"$ref": "#/x"}]})
    lower({"$schema": DRAFT_7, "$ref": "#/definitions/a", "type": "strnig", "definitions": {"a": {}}})


def test_the_text_of_a_schema() -> None:
    source = lower('{"multipleOf": 0.1, "type": "number"}')
    assert accepts(source, "0.3")
    assert not accepts(source, "0.35")
    for text in ("{", "[1,]", "NaN", '{"minimum": NaN}', ""):
        with pytest.raises(InvalidSource):
            lower(text)
    with pytest.raises(LimitExceeded):
        JsonSchema('{"type": "string"}').lower(Limits(source_bytes=5))
    with pytest.raises(LimitExceeded):
        lower('{"items":' * 100_000 + "{}" + "}" * 100_000)


@pytest.mark.parametrize("options", [{"order": "none"}, {"whitespace": "no"}, {"formats": ""}, {"dialect": "draft 9"}])
def test_bad_options_are_refused_when_made(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        JsonSchema(True, **options)


def test_unknown_approximations_are_refused() -> None:
    with pytest.raises(ValueError, match="approximate"):
        JsonSchema(True, approximate=("everything",))


def test_formats() -> None:
    schema = {"type": "string", "format": "date"}
    assert lower(schema).report_facts.ignored == ()
    assert accepts(lower(schema), '"2024-02-29"', "bounded") and not accepts(lower(schema), '"2023-02-29"', "bounded")
    short = {"format": "ipv4", "pattern": "^1", "maxLength": 7}
    assert accepts(lower(short), '"1.2.3.4"', "bounded") and not accepts(lower(short), '"2.2.3.4"', "bounded")
    assert not accepts(lower(short), '"10.2.3.4"', "bounded") and accepts(lower(short), "1", "bounded")
    assert pointers({"type": "string", "format": "regex"}, UnsupportedFeature) == ["/format"]
    assert [finding.code for finding in lower(schema, formats="annotate").report_facts.ignored] == ["format-annotation"]
    assert [f.code for f in lower({"format": "topic"}).report_facts.ignored] == ["unknown-format"]
    assert pointers({"format": "topic"}, UnsupportedFeature, formats="strict") == ["/format"]


def test_the_report_lists_what_is_ignored() -> None:
    schema = {
        "$schema": DRAFT_7,
        "title": "a",
        "properties": {
            "a/b": {"$ref": "#/definitions/c", "minLength": 3, "description": "d"},
            "x": {"unevaluatedItems": False, "x-order": 3, "contentEncoding": "base64"},
        },
        "definitions": {"c": {"type": "string"}},
    }
    facts = lower(schema).report_facts
    assert (facts.exact, facts.dead_end_free, facts.approximated) == (True, True, ())
    assert sorted((finding.code, finding.pointer) for finding in facts.ignored) == [
        ("annotation", "/properties/a~1b/description"),
        ("annotation", "/properties/x/contentEncoding"),
        ("annotation", "/title"),
        ("beside-reference", "/properties/a~1b/minLength"),
        ("other-dialect", "/properties/x/unevaluatedItems"),
        ("unknown-keyword", "/properties/x/x-order"),
    ]


def test_an_unknown_dialect_is_2020_12_and_reported() -> None:
    source = lower({"$schema": "https://example.com/mine", "prefixItems": [{"type": "null"}]})
    assert not accepts(source, "[1]")
    assert [finding.code for finding in source.report_facts.ignored] == ["unknown-dialect"]


def test_draft_3_is_refused() -> None:
    assert pointers({"$schema": "http://json-schema.org/draft-03/schema#"}, UnsupportedFeature) == ["/$schema"]


@pytest.mark.parametrize(
    ("schema", "accepted", "refused"),
    [
        ({"$schema": DRAFT_4, "const": 1}, "2", None),
        ({"$schema": DRAFT_6, "const": 1}, "1.0", "2"),
        ({"$schema": DRAFT_4, "type": "integer"}, "1", "1.0"),
        ({"$schema": DRAFT_4, "type": ["integer", "string"], "enum": [1.5, "a", 2]}, "2", "2.0"),
        ({"$schema": DRAFT_6, "type": "integer"}, "1.0", "1.5"),
        ({"$schema": DRAFT_6, "type": "integer"}, "1e2", "1e-2"),
        ({"$schema": DRAFT_7, "prefixItems": [False]}, "[1]", None),
        ({"$schema": DRAFT_2020, "prefixItems": [False]}, "[]", "[1]"),
        ({"$schema": DRAFT_2019, "items": [True], "additionalItems": False}, "[1]", "[1, 2]"),
        ({"$schema": DRAFT_2020, "additionalItems": False}, "[1]", None),
        ({"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": True}, "1.1", "1"),
        ({"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": False}, "1", "0.9"),
        ({"$schema": DRAFT_6, "minimum": 1, "exclusiveMinimum": 1}, "1.1", "1"),
        ({"$schema": DRAFT_7, "$ref": "#/definitions/a", "type": "null", "definitions": {"a": {}}}, "1", None),
        ({"$schema": DRAFT_2019, "$ref": "#/definitions/a", "type": "null", "definitions": {"a": {}}}, "null", "1"),
        ({"items": {"$schema": DRAFT_4, "type": "integer"}}, "[1]", "[1.0]"),
        (
            {"items": {"type": "integer"}, "allOf": [{"$schema": DRAFT_4, "items": {"type": "number"}}]},
            "[1.0]",
            "[1.5]",
        ),
        ({"$ref": "#/a/b", "a": {"$schema": DRAFT_4, "id": "c", "b": {"type": "integer"}}}, "1.0", "1.5"),
        ({"items": {"$schema": DRAFT_4, "id": "c", "items": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}}, "[[1]]", None),
        ({"enum": [True, 0]}, "true", "1"),
        ({"enum": [True, 0]}, "0.0", "false"),
        ({"enum": [{"a": [1, {"b": 2}]}]}, '{"a": [1.0, {"b": 2}]}', '{"a": [1, {}]}'),
        ({"const": []}, "[]", "[1]"),
        ({"const": {}}, "{}", '{"a": 1}'),
        ({"required": ["a"]}, '"x"', "{}"),
        ({"minItems": 1}, "{}", "[]"),
        ({"minLength": 2}, '"𝄞a"', '"𝄞"'),
        ({"maxLength": 1}, '"\\ud834\\udd1e"', '"\\ud834a"'),
        ({"pattern": "^a", "minLength": 2, "maxLength": 3}, '"abc"', '"a"'),
        ({"pattern": "a", "enum": ["a", "b", "ca"]}, '"ca"', '"b"'),
        ({"multipleOf": 0.01, "type": "number"}, "19.99", "19.999"),
        ({"multipleOf": 2, "allOf": [{"multipleOf": 3}]}, "12", "8"),
        ({"anyOf": []}, None, None),
        ({"dependentRequired": {}, "dialect": 1}, "1", None),
    ],
)
def test_single_rules_of_the_dialects(schema: Any, accepted: str | None, refused: str | None) -> None:
    if accepted is None:
        with pytest.raises(UnsatisfiableSchema):
            lower(schema)
        return
    source = lower(schema)
    assert accepts(source, accepted)
    assert refused is None or not accepts(source, refused)


def test_the_dialect_option_serves_schemas_without_one() -> None:
    assert not accepts(lower({"type": "integer"}, dialect="draft4"), "1.0")
    assert accepts(lower({"$schema": DRAFT_7, "type": "integer"}, dialect="draft 4"), "1.0")


# ---- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"type": "null"}}},
        {"$ref": "#/$defs/x/0", "$defs": {"x": [{"type": "null"}]}},
        {"$ref": "#here", "$defs": {"x": {"$anchor": "here", "type": "null"}}},
        {"$schema": DRAFT_7, "$ref": "#here", "definitions": {"x": {"$id": "#here", "type": "null"}}},
        {"$ref": "inner", "$defs": {"x": {"$id": "inner", "type": "null"}}},
        {"$id": "http://a.org/b", "$ref": "http://a.org/b#/$defs/x", "$defs": {"x": {"type": "null"}}},
        {
            "$id": "http://a.org/b",
            "allOf": [{"$ref": "c"}],
            "$defs": {"x": {"$id": "c", "$ref": "#/$defs/y", "$defs": {"y": {"type": "null"}}}},
        },
        {"$schema": DRAFT_4, "allOf": [{"id": "c", "allOf": [{"$ref": "#/x"}], "x": {"type": "null"}}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": {"type": "null"}}},
    ],
)
def test_references_lead_where_they_should(schema: Any) -> None:
    source = lower(schema)
    assert accepts(source, "null")
    assert not accepts(source, "1")


def test_a_registry_may_be_a_mapping_a_callable_or_a_referencing_registry() -> None:
    import referencing.jsonschema

    other = {"type": "null", "$defs": {"a": {"type": "string"}}}
    resource = referencing.jsonschema.DRAFT202012.create_resource(other)
    registry = referencing.Registry().with_resource("http://a.org/x", resource)
    schema = {"items": {"$ref": "x"}, "additionalProperties": {"$ref": "http://a.org/x#/$defs/a"}}
    for choice in ({"http://a.org/x": other}, {"http://a.org/x": other}.get, registry):
        source = lower(schema, registry=choice, base_uri="http://a.org/root")
        assert accepts(source, "[null]")
        assert not accepts(source, "[1]")
        assert accepts(source, '{"q": ""}')
        assert not accepts(source, '{"q": null}')
    assert pointers(schema, InvalidSource, registry={}, base_uri="http://a.org/root") == [
        "/additionalProperties/$ref",
        "/items/$ref",
    ]


def test_findings_in_other_documents_name_them() -> None:
    registry = {"http://a.org/x": {"properties": {"a": {"type": "strnig"}}}}
    assert pointers({"$ref": "http://a.org/x"}, InvalidSource, registry=registry) == [
        "http://a.org/x#/properties/a/type"
    ]


# ---- satisfiability ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        (False, "false"),
        ({"enum": []}, "leave no value"),
        ({"not": {}}, "leave no value"),
        ({"type": "string", "enum": [1]}, "leave no value"),
        ({"$ref": "#"}, "false"),
        ({"allOf": [{"$ref": "#"}]}, "leave no value"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "false"),
        ({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}}, "without end"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "required name 'a'"),
        ({"type": "array", "minItems": 2, "prefixItems": [True, False]}, "item 1"),
        ({"type": "array", "minItems": 2, "maxItems": 1}, "leave no value"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "leave no value"),
        ({"type": "string", "pattern": "^a{5}", "maxLength": 4}, "leave no value"),
        ({"type": "string", "pattern": "^a$", "allOf": [{"pattern": "^b"}]}, "leave no value"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "leave no value"),
        ({"type": "number", "minimum": 0.11, "maximum": 0.19, "multipleOf": 0.1}, "leave no value"),
    ],
)
def test_a_schema_without_instances_is_an_error_with_a_reason(schema: Any, word: str) -> None:
    with pytest.raises(UnsatisfiableSchema) as caught:
        lower(schema)
    assert word in str(caught.value)


def test_the_reason_follows_the_requirements() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": [1]}}},
    }
    with pytest.raises(UnsatisfiableSchema) as caught:
        lower(schema)
    assert "required name 'a' -> item 0" in str(caught.value)
    assert caught.value.findings[0].pointer == "/properties/a/items"


def test_unsatisfiable_parts_are_never_offered() -> None:
    endless = {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/endless"}}}
    schema = {
        "properties": {"x": {"$ref": "#/$defs/endless"}, "y": {"type": "null"}},
        "additionalProperties": {"allOf": [{"type": "string"}, {"type": "number"}]},
        "prefixItems": [True, {"enum": []}],
        "$defs": {"endless": endless},
    }
    source = lower(schema)
    view = source.expand(source.root)
    assert view.object is not None and view.array is not None
    assert view.object.names == (b"x", b"y")
    assert view.object.children[0] is None and view.object.children[1] is not None
    assert view.object.other is None
    assert view.array.tracks[0].maximum == 1 and view.array.rest is None


def test_mutual_recursion_with_an_exit_is_satisfiable() -> None:
    schema = {
        "$ref": "#/$defs/a",
        "$defs": {
            "a": {"type": "object", "required": ["b"], "properties": {"b": {"$ref": "#/$defs/b"}}},
            "b": {"type": "array", "minItems": 1, "items": {"anyOf": [{"$ref": "#/$defs/a"}, {"const": 0}]}},
        },
    }
    source = lower(schema)
    assert accepts(source, '{"b": [{"b": [0]}, 0]}')
    assert not accepts(source, '{"b": []}')


def test_in_place_circles_mean_the_least_solution() -> None:
    source = lower({"anyOf": [{"$ref": "#"}, {"type": "null"}]})
    assert accepts(source, "null")
    assert not accepts(source, "1")


# ---- size ----------------------------------------------------------------------------------------


def test_deep_schemas_do_not_overflow_the_stack() -> None:
    schema: Any = {"type": "null"}
    required: Any = {"type": "null"}
    combined: Any = {"type": "null"}
    for _ in range(5000):
        schema = {"items": schema}
        required = {"type": "object", "required": ["a"], "properties": {"a": required}}
        combined = {"allOf": [{"anyOf": [combined, False]}]}
    limits = Limits(source_depth=20_000)
    JsonSchema(schema).lower(limits)
    JsonSchema(required).lower(limits)
    assert accepts(JsonSchema(combined).lower(limits), "null")


def test_long_chains_of_references() -> None:
    definitions: dict[str, Any] = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(5000)}
    definitions["d5000"] = {"type": "null"}
    assert accepts(lower({"$ref": "#/$defs/d0", "$defs": definitions}), "null")


def test_alternatives_beyond_the_limit_are_followed_by_their_statuses() -> None:
    groups = [{"anyOf": [{"required": [f"{group}{i}"]} for i in range(8)]} for group in "abc"]
    source = lower({"type": ["object", "null"], "allOf": groups})
    assert isinstance(source.expand(source.root).object, StatusView)
    assert accepts(source, '{"a0": 1, "b7": 1, "c3": 1}')
    assert not accepts(source, '{"a0": 1, "b7": 1, "a3": 1}')
    few = [{"anyOf": [{"required": [f"{group}{i}"]} for i in range(2)]} for group in "abc"]
    source = lower({"type": "object", "allOf": few})
    assert isinstance(source.expand(source.root).object, ObjectView)


def test_too_many_classes_of_names_hit_the_limit() -> None:
    patterns = {letter: {"minimum": number} for number, letter in enumerate("abcdef")}
    source = lower({"patternProperties": patterns})
    with pytest.raises(LimitExceeded) as caught:
        source.expand(source.root)
    assert (caught.value.limit, caught.value.bound) == ("tracks", 60)
    source = JsonSchema({"patternProperties": patterns}).lower(Limits(tracks=64))
    assert accepts(source, '{"fa": 5, "e": 4}')
    assert not accepts(source, '{"af": 4}')


def test_expansions_are_limited() -> None:
    source = JsonSchema(True).lower(Limits(components=2))
    source.expand(source.root)
    source.expand(source.root)
    with pytest.raises(LimitExceeded):
        source.expand(source.root)


def test_huge_numbers_are_refused_not_computed() -> None:
    assert pointers('{"multipleOf": 1e-999999999}', UnsupportedFeature) == ["/multipleOf"]
    assert pointers('{"enum": [1e999999999]}', UnsupportedFeature) == ["/enum"]
    assert pointers('{"minLength": 1e999999999}', UnsupportedFeature) == ["/minLength"]
    source = lower('{"maxLength": 1e999999999, "maxItems": 99999999999999}')
    assert accepts(source, '["x"]')


# ---- views ---------------------------------------------------------------------------------------


def test_ranks_are_the_order_of_first_appearance() -> None:
    schema = {
        "properties": {"z": {}, "b": {}},
        "required": ["m", "b"],
        "allOf": [{"properties": {"a": {}, "z": {}}, "required": ["k"]}],
    }
    source = lower(schema, order="schema")
    view = source.expand(source.root).object
    assert view is not None
    by_rank = sorted(zip(view.ranks, view.names, strict=True))
    assert [name for _, name in by_rank] == [b"z", b"b", b"a", b"m", b"k"]
    assert source.ordered
    assert accepts(source, '{"z": 1, "b": 1, "m": 1, "k": 1, "other": 1}')
    assert not accepts(source, '{"b": 1, "z": 1, "m": 1, "k": 1}')
    assert not accepts(source, '{"b": 1, "m": 1, "other": 1, "k": 1}')


def test_narrowing_keeps_positions() -> None:
    schema = {
        "anyOf": [
            {
                "properties": {"k": {"const": "x"}, "v": {"type": "null"}},
                "required": ["k"],
                "additionalProperties": False,
            },
            {"properties": {"k": {"const": "y"}, "w": {"type": "null"}}, "required": ["k"]},
        ],
        "type": "object",
    }
    source = lower(schema)
    view = source.expand(source.root).object
    assert view is not None
    assert [track.label for track in view.tracks] == [1, 1]
    narrowed = source.narrow_object(view, 1)
    assert [track.label for track in narrowed.tracks] == [1, 0]
    assert narrowed.names == view.names == (b"k", b"v", b"w")
    assert [child is None for child in narrowed.children] == [False, False, True]
    assert narrowed.other is None
    child = narrowed.children[0]
    assert child is not None
    string = source.expand(child).string
    assert string is not None and string.members == ((b"x", 1),)
    other = source.narrow_object(view, 2)
    assert other.other is not None


def test_common_lengths_stay_counters() -> None:
    schema = {"type": "string", "maxLength": 1_000_000, "minLength": 2}
    leaf = (source := lower(schema)).expand(source.root).string
    assert leaf is not None and (leaf.rows, leaf.minimum, leaf.maximum) == (None, 2, 1_000_000)
    leaf = (source := lower({**schema, "pattern": "^a+$"})).expand(source.root).string
    assert leaf is not None and leaf.rows is not None and (leaf.minimum, leaf.maximum) == (0, 1_000_000)
    assert leaf.rows.shortest_length(leaf.rows.start) == 2


def test_equal_leaves_and_mere_references_share_a_component() -> None:
    schema = {
        "properties": {
            "a": {"type": "string", "title": "A"},
            "b": {"type": "string"},
            "c": {"$ref": "#/$defs/s"},
            "d": {"type": "null"},
        },
        "$defs": {"s": {"type": "string", "description": "text"}},
    }
    view = (source := lower(schema)).expand(source.root).object
    assert view is not None
    assert len(set(view.children)) == 2


def test_any_json() -> None:
    source = AnyJson(whitespace="compact").lower(Limits())
    assert source.whitespace == "compact"
    assert accepts(source, '{"a":[1,null,true,"x"]}', "compact")
    assert not accepts(source, '{"a": 1}', "compact")


def test_deep_schemas_hit_the_limit() -> None:
    """The depth of a schema that comes as a dict is that of its JSON text; references do not add to it."""
    schema: Any = {"items": {"type": "null"}}
    for _ in range(100_000):
        schema = {"items": schema}
    with pytest.raises(LimitExceeded) as caught:
        lower(schema)
    assert caught.value.limit == "source_depth"
    schema = {
        "properties": {"a": {"allOf": [{"items": {"items": {}}}]}},  # the innermost but one stands at depth 5
        "additionalProperties": {"$ref": "#/$defs/a/items", "minLength": 1},
        "$defs": {"a": {"items": {"items": {"$ref": "#", "maxLength": 3}}}},
    }
    JsonSchema(schema).lower(Limits(source_depth=5))
    with pytest.raises(LimitExceeded) as caught:
        JsonSchema(schema).lower(Limits(source_depth=4))
    assert (caught.value.value, caught.value.bound) == (5, 4)


def test_long_integers_are_refused_not_computed() -> None:
    long = "1" + "0" * 5_000
    for text in (long, f"-{long}"):
        assert pointers(f'{{"minimum": {text}}}', UnsupportedFeature) == ["/minimum"]
        assert pointers(f'{{"enum": [1, [{text}]]}}', UnsupportedFeature) == ["/enum"]
    assert pointers(f'{{"minItems": {long}}}', UnsupportedFeature) == ["/minItems"]
    assert pointers(f'{{"minItems": -{long}}}', InvalidSource) == ["/minItems"]
    assert accepts(lower(f'{{"maxItems": {long}, "title": 7}}'), "[]")
    assert pointers(f'{{"minimum": {long}, "maximum": NaN}}', InvalidSource) == [""]
    assert pointers({"minimum": 10**1_000_000}, UnsupportedFeature) == ["/minimum"]
    assert pointers({"enum": [10**5_000]}, UnsupportedFeature) == ["/enum"]
    assert pointers({"minLength": -(10**1_000_000)}, InvalidSource) == ["/minLength"]
    with pytest.raises(UnsupportedFeature) as caught:
        lower(f'{{"minimum": {long}}}')
    assert caught.value.findings[0].code == "number-magnitude"
