"""Where references lead: dynamic scopes, metaschemas, registries, vocabularies; nodes are evaluated by an oracle."""

from __future__ import annotations

import gzip
import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.errors import CompileError, InvalidSource, LimitExceeded, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import JsonSchema
from grammarlib.sources.jsonschema.keywords import DIALECTS, LATEST, dialect_by_name, dialect_by_uri
from grammarlib.sources.jsonschema.reader import SchemaReader
from grammarlib.sources.jsonschema.references import References, pointer_of
from tests.oracles.json_schema import SchemaOracle
from tests.oracles.schema_nodes import holds
from tests.strategies.keyword_schemas import keyword_schemas
from tests.strategies.schemas import instances, values

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SUITE = DATA / "json-schema-test-suite"
MASKBENCH = DATA / "maskbench-dev.jsonl.gz"

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
VOCABULARY = "https://json-schema.org/draft/2020-12/vocab/"

SUITE_GROUPS = {"draft4": 160, "draft6": 232, "draft7": 257, "draft2019-09": 372, "draft2020-12": 383}
"""How many groups of the suite there are; all of them are read right."""


def reading(schema: Any, *, draft: str = "2020-12", formats: str = "assert", **options: Any) -> SchemaReader:
    """The reader after `read`; keywords that are read and not lowered yet raise nothing here."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    dialect = (dialect_by_uri(named) if isinstance(named, str) else None) or dialect_by_name(draft) or LATEST
    limits = options.pop("limits", Limits())
    reader = SchemaReader(schema, References(schema, dialect, **options), formats=formats, limits=limits)
    try:
        reader.read()
    except UnsupportedFeature as error:
        if not all("cannot be enforced yet" in finding.message for finding in error.findings):
            raise
    return reader


def targets(reader: SchemaReader, pointer: str) -> set[str]:
    """Where the references of the schemas at ``pointer`` lead, over all scopes."""
    found: set[str] = set()
    for place, node in zip(reader.places, reader.nodes, strict=True):
        if pointer_of(place) == pointer:
            found.update(pointer_of(reader.places[child]) for child in node.all_of)
    return found


@pytest.fixture(scope="module")
def remotes() -> dict[str, Any]:
    """The suite's remote documents by URI; no metaschema is among them."""
    found: dict[str, Any] = {}
    for path in sorted((SUITE / "remotes").rglob("*.json")):
        uri = "http://localhost:1234/" + path.relative_to(SUITE / "remotes").as_posix()
        found[uri] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.skipif(not SUITE.exists(), reason="the official suite is not at ../shared/data")
@pytest.mark.parametrize("draft", SUITE_GROUPS)
def test_official_suite(draft: str, remotes: dict[str, Any]) -> None:
    wrong: list[str] = []
    groups = 0
    for path in sorted((SUITE / "tests" / draft).glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal):
            groups += 1
            reader = reading(group["schema"], draft=draft, registry=remotes, formats="annotate")
            for case in group["tests"]:
                if holds(reader, case["data"]) != case["valid"]:
                    wrong.append(f"{path.name}: {group['description']}: {case['description']}")
    assert wrong == []
    assert groups >= SUITE_GROUPS[draft]


@pytest.mark.skipif(not MASKBENCH.exists(), reason="MaskBench is not at ../shared/data")
def test_rows_of_maskbench_have_their_labels() -> None:
    wrong: list[str] = []
    with gzip.open(MASKBENCH, "rt", encoding="utf-8") as lines:
        for line in itertools.islice(lines, 3, None, 9):
            row = json.loads(line, parse_float=Decimal)
            try:
                reader = reading(row["schema"])
            except UnsupportedFeature as error:
                rest = {finding.keyword for finding in error.findings if "enforced yet" not in finding.message}
                assert rest <= {"format", "backreference"}
                continue
            if any(holds(reader, case["data"]) != case["valid"] for case in row["tests"]):
                wrong.append(row["id"])
    assert wrong == []


# ---- dynamic scopes ------------------------------------------------------------------------------


GENERIC_LIST = {
    "$id": "list",
    "items": {"$dynamicRef": "#item"},
    "$defs": {"default": {"$dynamicAnchor": "item"}},
}


def test_the_outermost_resource_binds_a_dynamic_anchor() -> None:
    def binding(name: str, kind: str) -> dict[str, Any]:
        return {"$id": name, "$ref": "list", "$defs": {"item": {"$dynamicAnchor": "item", "type": kind}}}

    schema = {
        "$id": "http://a.org/root",
        "properties": {"n": {"$ref": "numbers"}, "s": {"$ref": "strings"}, "any": {"$ref": "list"}},
        "$defs": {"list": GENERIC_LIST, "n": binding("numbers", "number"), "s": binding("strings", "string")},
    }
    reader = reading(schema)
    assert targets(reader, "/$defs/list/items") == {"/$defs/n/$defs/item", "/$defs/s/$defs/item"}
    assert holds(reader, {"n": [1], "s": ["a"], "any": [1, "a"]})
    assert not holds(reader, {"n": ["a"]})
    assert not holds(reader, {"s": [1]})


def test_a_resource_without_a_reference_to_it_is_in_the_dynamic_scope() -> None:
    schema = {
        "$id": "http://a.org/root",
        "$dynamicAnchor": "node",
        "required": ["root"],
        "properties": {
            "inner": {"$id": "inner", "$dynamicAnchor": "node", "properties": {"next": {"$dynamicRef": "#node"}}}
        },
    }
    assert targets(reading(schema), "/properties/inner/properties/next") == {""}


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("#item", "/$defs/own"),  # dynamic: bound by the root
        ("list#item", "/$defs/own"),
        ("#/$defs/default", "/$defs/list/$defs/default"),  # a pointer: static
        ("#plain", "/$defs/list/$defs/plain"),  # an ordinary anchor: static
    ],
)
def test_only_names_of_dynamic_anchors_are_dynamic(reference: str, target: str) -> None:
    schema = {
        "$id": "http://a.org/root",
        "$ref": "list",
        "$defs": {
            "own": {"$dynamicAnchor": "item", "type": "null"},
            "also": {"$dynamicAnchor": "plain", "type": "null"},
            "list": {
                "$id": "list",
                "items": {"$dynamicRef": reference},
                "$defs": {
                    "default": {"$dynamicAnchor": "item", "type": "string"},
                    "plain": {"$anchor": "plain", "type": "string"},
                },
            },
        },
    }
    assert targets(reading(schema), "/$defs/list/items") == {target}


def test_a_static_reference_to_a_dynamic_anchor_is_static() -> None:
    schema = {
        "$id": "http://a.org/root",
        "$ref": "list",
        "$defs": {
            "own": {"$dynamicAnchor": "item", "type": "null"},
            "list": {
                "$id": "list",
                "items": {"$ref": "#item"},
                "$defs": {"default": {"$dynamicAnchor": "item", "type": "string"}},
            },
        },
    }
    assert not holds(reading(schema), [None])


def test_recursive_references() -> None:
    tree = {
        "$id": "http://a.org/tree",
        "$recursiveAnchor": True,
        "properties": {"children": {"items": {"$recursiveRef": "#"}}},
    }
    strict = {
        "$schema": DRAFT_2019,
        "$id": "http://a.org/strict",
        "$recursiveAnchor": True,
        "$ref": "tree",
        "unevaluatedProperties": False,
    }
    registry = {"http://a.org/tree": tree}
    reader = reading(strict, registry=registry)
    assert holds(reader, {"children": [{"children": []}]})
    assert not holds(reader, {"children": [{"x": 1}]})
    loose = {**strict, "$recursiveAnchor": False}
    assert holds(reading(loose, registry=registry), {"children": [{"x": 1}]})
    with pytest.raises(InvalidSource):
        reading({"$schema": DRAFT_2019, "$recursiveRef": "#/a"})


def test_schemas_without_dynamic_references_have_one_scope() -> None:
    schema = {
        "$dynamicAnchor": "node",
        "items": {"$ref": "#node"},
        "not": {"$dynamicRef": "#/$defs/a"},
        "$defs": {"a": {}},
    }
    reader = reading(schema)
    assert reader.references.root.scope == 0
    assert reader.references.root.context == LATEST.number


def test_many_scopes_hit_the_limit() -> None:
    """Each order in which resources are entered is a scope of its own."""
    count = 14
    names = [f"r{number}" for number in range(count)]
    schema = {
        "$id": "http://a.org/root",
        "$ref": "r0",
        "$defs": {
            name: {
                "$id": name,
                "$defs": {"a": {"$dynamicAnchor": name}},
                "properties": {other: {"$ref": other} for other in names},
                "items": {"$dynamicRef": f"#{name}"},
            }
            for name in names
        },
    }
    with pytest.raises(LimitExceeded) as caught:
        reading(schema, limits=Limits(components=500))
    assert caught.value.limit == "components"


# ---- documents -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "valid", "invalid"),
    [
        ("http://json-schema.org/draft-04/schema#", {"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ("http://json-schema.org/draft-06/schema", {"items": [{"const": 1}]}, {"items": [{"type": "int"}]}),
        ("http://json-schema.org/draft-07/schema#", {"not": {"if": True}}, {"not": {"minLength": -1}}),
        ("http://json-schema.org/draft-07/schema#/definitions/nonNegativeInteger", 3, -3),
        (DRAFT_2019, {"anyOf": [{"type": "null"}]}, {"anyOf": [{"type": "nil"}]}),
        (DRAFT_2020, {"$defs": {"a": {"items": True}}}, {"$defs": {"a": {"items": []}}}),
        ("https://json-schema.org/draft/2020-12/meta/validation", {"minLength": 1}, {"minLength": "1"}),
    ],
)
def test_metaschemas_need_no_registry(uri: str, valid: Any, invalid: Any) -> None:
    reader = reading({"properties": {"schema": {"$ref": uri}}}, formats="annotate")
    assert holds(reader, {"schema": valid})
    assert not holds(reader, {"schema": invalid})


def test_a_registry_goes_before_the_metaschemas() -> None:
    registry = {"http://json-schema.org/draft-07/schema": {"type": "null"}}
    assert not holds(reading({"$ref": DRAFT_7}, registry=registry), {})
    with pytest.raises(UnsupportedFeature, match="draft 3"):
        reading({"$ref": "http://json-schema.org/draft-03/schema#"})
    with pytest.raises(InvalidSource, match="another document"):
        reading({"$ref": "http://json-schema.org/draft-99/schema#"})


def test_only_reachable_documents_are_asked_for() -> None:
    asked: list[str] = []

    def registry(uri: str) -> Any:
        asked.append(uri)
        return {"type": "null", "$defs": {"far": {"$ref": "http://a.org/unreachable"}}}

    schema = {
        "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "http://a.org/x#/$defs"}},
        "$defs": {"a": {}, "b": {"$ref": "http://a.org/y"}},
    }
    reading(schema, registry=registry)
    assert asked == ["http://a.org/x"]


def test_a_document_is_known_by_its_own_identifier_too() -> None:
    registry = {
        "http://a.org/x": {"$id": "http://b.org/y", "$defs": {"z": {"$id": "z", "type": "null"}}, "$ref": "#/$defs/z"}
    }
    for reference in ("http://a.org/x", "http://b.org/y", "http://b.org/z", "http://b.org/y#/$defs/z"):
        reader = reading({"$ref": reference}, registry=registry)
        assert holds(reader, None) and not holds(reader, 1)


@pytest.mark.parametrize(
    "holder",
    [
        {"enum": [{"$id": "here", "$anchor": "here"}]},
        {"const": {"$id": "here", "$anchor": "here"}},
        {"x-unknown": {"$id": "here", "$anchor": "here"}},
        {"default": {"$id": "here", "$anchor": "here"}},
        {"additionalItems": {"$id": "here", "$anchor": "here"}},  # not a keyword of 2020-12
        {"properties": {"$anchor": "here", "$id": "here"}, "type": "null"},
    ],
)
@pytest.mark.parametrize("reference", ["here", "#here"])
def test_identifiers_count_only_where_schemas_stand(holder: dict[str, Any], reference: str) -> None:
    with pytest.raises(InvalidSource) as caught:
        reading({"allOf": [{"$ref": reference}], "items": holder})
    assert caught.value.findings[0].pointer == "/allOf/0/$ref"


@pytest.mark.parametrize("name", ["enum", "const", "default", "examples", "x"])
def test_identifiers_count_under_any_property_name(name: str) -> None:
    schema = {
        "allOf": [{"$ref": "#here"}, {"$ref": "there"}],
        "properties": {name: {"$anchor": "here", "$id": "there"}},
    }
    with pytest.raises(CompileError, match="no anchor"):  # the anchor belongs to the resource "there"
        reading(schema)
    schema["allOf"] = [{"$ref": "there#here"}, {"$ref": "there"}]
    reading(schema)


def test_an_embedded_draft_has_its_own_identifier() -> None:
    schema = {
        "properties": {"a": {"$ref": "old"}},
        "$defs": {"b": {"$schema": DRAFT_4, "id": "old", "minimum": 1, "exclusiveMinimum": True}},
    }
    reader = reading(schema, base_uri="http://a.org/root")
    assert holds(reader, {"a": 2}) and not holds(reader, {"a": 1})


# ---- vocabularies --------------------------------------------------------------------------------


def metaschema(**vocabularies: bool) -> dict[str, Any]:
    named = {VOCABULARY + name.replace("_", "-"): needed for name, needed in vocabularies.items()}
    return {"$id": "http://a.org/meta", "$schema": DRAFT_2020, "$vocabulary": named}


def test_keywords_of_vocabularies_that_are_left_out_mean_nothing() -> None:
    registry = {"http://a.org/meta": metaschema(core=True, applicator=True)}
    schema = {"$schema": "http://a.org/meta", "properties": {"a": False, "b": {"type": "null", "minimum": 3}}}
    reader = reading(schema, registry=registry)
    assert holds(reader, {"b": 1}) and not holds(reader, {"a": 1})
    report = JsonSchema(schema, registry=registry).lower(Limits()).report_facts
    assert sorted((finding.code, finding.pointer) for finding in report.ignored) == [
        ("other-dialect", "/properties/b/minimum"),
        ("other-dialect", "/properties/b/type"),
    ]
    assert holds(reading(schema), {"b": None}) and not holds(reading(schema), {"b": 1})  # an unknown metaschema


def test_an_embedded_schema_may_have_a_metaschema_of_its_own() -> None:
    registry = {"http://a.org/meta": metaschema(core=True, applicator=True)}
    schema = {"items": {"$schema": "http://a.org/meta", "minimum": 3, "not": False}, "minItems": 1}
    reader = reading(schema, registry=registry)
    assert holds(reader, [1]) and not holds(reader, [])


def test_an_unknown_vocabulary_is_refused_where_it_is_required() -> None:
    meta = metaschema(core=True, validation=True)
    meta["$vocabulary"]["http://a.org/vocabulary"] = True
    schema = {"$schema": "http://a.org/meta", "type": "null"}
    with pytest.raises(UnsupportedFeature, match=r"http://a\.org/vocabulary") as caught:
        reading(schema, registry={"http://a.org/meta": meta})
    assert caught.value.pointer == "/$schema"
    meta["$vocabulary"]["http://a.org/vocabulary"] = False
    assert not holds(reading(schema, registry={"http://a.org/meta": meta}), 1)


# ---- against python-jsonschema -------------------------------------------------------------------


def mixes_truth_and_numbers(value: Any) -> bool:
    """Whether python-jsonschema's ``uniqueItems`` may be wrong: it sorts lists, and true equals 1 there."""
    text = json.dumps(value)
    return ("true" in text or "false" in text) and any(digit in text for digit in "01")


@pytest.mark.parametrize("draft", [4, 6, 7, 2019, 2020])
def test_nodes_agree_with_python_jsonschema(draft: int) -> None:
    dialect = next(each for each in DIALECTS.values() if each.number == draft)
    # Its unevaluatedProperties of 2019-09 takes the schema of additionalProperties for names.
    strategy = keyword_schemas(draft, unevaluated=draft != 2019)

    @given(st.data())
    def check(data: st.DataObject) -> None:
        schema = data.draw(strategy)
        if isinstance(schema, dict):
            schema = {"$schema": dialect.uri, **schema}
        reader = reading(schema, draft=dialect.name)
        oracle = SchemaOracle(schema)
        for value in data.draw(st.lists(st.one_of(instances(schema), values), min_size=1, max_size=5)):
            if '"uniqueItems"' in json.dumps(schema) and mixes_truth_and_numbers(value):
                continue
            text = json.dumps(value)
            try:
                expected = oracle.accepts(text)
            except RecursionError:  # references in a circle
                continue
            assert holds(reader, json.loads(text, parse_float=Decimal)) == expected, text

    check()
