"""Some schemas and their expansions as text, so that a change of the lowering shows as a diff.

``UPDATE_GOLDEN=1 pytest tests/grammarlib/test_jsonschema_golden.py`` writes the files anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from grammarlib.automata.components import ArrayView, Expansion, NumberLeaf, ObjectView, StringLeaf
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import JsonSchema

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "jsonschema"

CASES: dict[str, Any] = {
    "person": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "full name"},
            "age": {"type": ["integer", "null"], "minimum": 0},
            "friends": {"type": "array", "items": {"$ref": "#"}, "maxItems": 3},
        },
        "required": ["name", "id"],
        "additionalProperties": {"type": "string"},
    },
    "discriminated": {
        "anyOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": "circle"}, "radius": {"type": "number", "exclusiveMinimum": 0}},
                "required": ["kind", "radius"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"kind": {"enum": ["square", "cube"]}, "side": {"type": "number", "multipleOf": 0.5}},
                "required": ["kind"],
                "additionalProperties": False,
            },
            {"type": "null"},
        ]
    },
    "conjunction": {
        "allOf": [
            {"properties": {"a": {"maxLength": 5}}, "required": ["a"]},
            {"properties": {"a": {"type": ["string", "integer"]}, "b": False}},
            {"type": "object", "additionalProperties": {"minLength": 2, "maximum": 9}},
        ]
    },
    "constants": {"enum": [None, True, 1, 2.5, "x", "ab", [1, {"a": None}], {"z": 1, "b": []}]},
    "arrays": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}, {"type": "null"}],
        "items": {"anyOf": [{"type": "null"}, {"pattern": "^a", "type": "string"}]},
        "minItems": 1,
    },
    "strings": {
        "anyOf": [
            {"type": "string", "pattern": "^[a-z]+$", "minLength": 3, "maxLength": 20},
            {"type": "string", "maxLength": 2},
            {"enum": ["LONG", "x"]},
        ]
    },
}


def _key(key: Any, names: dict[Any, str]) -> str:
    return "-" if key is None else names.setdefault(key, f"C{len(names)}")


def _string(leaf: StringLeaf) -> str:
    bounds = f" {leaf.minimum}..{'' if leaf.maximum is None else leaf.maximum}"
    if leaf.members is not None:
        return "members " + " ".join(f"{text.decode()}:{label}" for text, label in leaf.members)
    if leaf.rows is not None:
        return f"rows shortest {leaf.rows.shortest_completion(leaf.rows.start)!r}{bounds}"
    return f"free label {leaf.label}{bounds}"


def _number(leaf: NumberLeaf) -> list[str]:
    lines = []
    for spec in leaf.specs:
        left = "(" if spec.lower_open or spec.lower is None else "["
        right = ")" if spec.upper_open or spec.upper is None else "]"
        text = f"{left}{spec.lower}, {spec.upper}{right} step {spec.multiple_of}"
        if spec.values is not None:
            text = "values " + " ".join(map(str, spec.values))
        lines.append(f"  number label {spec.label}: {text}{' digits only' if spec.digits_only else ''}")
    return lines


def _object(view: ObjectView, names: dict[Any, str]) -> list[str]:
    lines = []
    for position, track in enumerate(view.tracks):
        required = " ".join(view.names[index].decode() for index in track.required) or "nothing"
        lines.append(f"  object track {position} label {track.label}: requires {required}")
    for name, child, rank in zip(view.names, view.children, view.ranks, strict=True):
        lines.append(f"    {json.dumps(name.decode())} rank {rank}: {_key(child, names)}")
    return [*lines, f"    other: {_key(view.other, names)}"]


def _array(view: ArrayView, names: dict[Any, str]) -> list[str]:
    lines = []
    for position, track in enumerate(view.tracks):
        top = "" if track.maximum is None else track.maximum
        lines.append(f"  array track {position} label {track.label}: {track.minimum}..{top} items")
    lines.extend(f"    item {position}: {_key(child, names)}" for position, child in enumerate(view.prefix))
    return [*lines, f"    rest: {_key(view.rest, names)}"]


def describe(schema: Any) -> str:
    """The schema and every expansion that can be reached without narrowing."""
    source = JsonSchema(schema).lower(Limits())
    names: dict[Any, str] = {source.root: "C0"}
    lines = [json.dumps(schema, indent=1, ensure_ascii=False), ""]
    for key in _grow(names):
        found: Expansion = source.expand(key)
        scalars = [f"{word}:{getattr(found, word)}" for word in ("null", "true", "false") if getattr(found, word)]
        lines.append(f"{names[key]} {' '.join(scalars)}".rstrip())
        if found.string is not None:
            lines.append(f"  string {_string(found.string)}")
        if found.number is not None:
            lines += _number(found.number)
        if found.object is not None:
            lines += _object(found.object, names)
        if found.array is not None:
            lines += _array(found.array, names)
    return "\n".join(lines) + "\n"


def _grow(names: dict[Any, str]) -> Any:
    """The keys of a dict that grows meanwhile."""
    done = 0
    while done < len(names):
        yield list(names)[done]
        done += 1


@pytest.mark.parametrize("name", CASES)
def test_expansions_are_as_reviewed(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    text = describe(CASES[name])
    if os.environ.get("UPDATE_GOLDEN"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
