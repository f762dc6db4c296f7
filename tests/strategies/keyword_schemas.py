"""Random JSON schemas over every assertion keyword of every draft, and values near them; built from `schemas`."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from tests.strategies.schemas import NAMES, PATTERNS, TYPES, _aim, _assertions, counts, names, small_values

_SINCE = {
    "oneOf": 4,
    "not": 4,
    "if": 7,
    "patternProperties": 4,
    "propertyNames": 6,
    "minProperties": 4,
    "maxProperties": 4,
    "dependencies": 4,
    "dependentRequired": 2019,
    "dependentSchemas": 2019,
    "contains": 6,
    "uniqueItems": 4,
    "unevaluatedProperties": 2019,
    "unevaluatedItems": 2019,
}
"""The first draft of each keyword that `schemas` leaves out; ``dependencies`` ends with draft 7."""


@st.composite
def keyword_schemas(draw: st.DrawFn, draft: int = 2020, unevaluated: bool = True) -> Any:
    """A schema of a draft (4, 6, 7, 2019, 2020) with any keywords; satisfiable or not."""
    count = draw(st.integers(0, 2))
    targets = [f"#/definitions/d{index}" for index in range(count)] + ["#"]
    root = draw(_schema(draft, 3, targets, True, unevaluated))
    if count and isinstance(root, dict):
        root["definitions"] = {
            f"d{index}": draw(_schema(draft, 2, targets, False, unevaluated)) for index in range(count)
        }
    return root


@st.composite
def _schema(draw: st.DrawFn, draft: int, depth: int, targets: list[str], is_root: bool, unevaluated: bool) -> Any:
    if not is_root and draft >= 6 and draw(st.integers(0, 7)) == 0:
        return draw(st.booleans())
    inner = _schema(draft, depth - 1, targets, False, unevaluated) if depth > 0 else st.just({"type": "integer"})
    schema: dict[str, Any] = {}
    if not is_root and draw(st.integers(0, 5)) == 0:
        schema["$ref"] = draw(st.sampled_from(targets))
    if "$ref" not in schema or draw(st.booleans()):
        schema.update(draw(_assertions(draft, inner, depth)))
        live = [name for name, since in _SINCE.items() if since <= draft]
        if draft >= 2019:
            live.remove("dependencies")
        if not unevaluated:
            live = [name for name in live if not name.startswith("unevaluated")]
        for name in draw(st.lists(st.sampled_from(live), max_size=2 if depth > 0 else 0, unique=True)):
            _add(draw, schema, name, draft, inner)
    return schema


def _add(draw: st.DrawFn, schema: dict[str, Any], name: str, draft: int, inner: Any) -> None:
    lists = st.lists(names, min_size=1 if draft == 4 else 0, max_size=2, unique=True)
    if name == "oneOf":
        schema[name] = draw(st.lists(inner, min_size=1, max_size=3))
    elif name == "if":
        schema[name] = draw(inner)
        for branch in ("then", "else"):
            if draw(st.integers(0, 2)):
                schema[branch] = draw(inner)
    elif name == "patternProperties":
        schema[name] = draw(st.dictionaries(st.sampled_from(PATTERNS), inner, max_size=2))
    elif name in ("minProperties", "maxProperties"):
        schema[name] = draw(counts)
    elif name == "dependencies":
        schema[name] = draw(st.dictionaries(names, st.one_of(lists, inner), max_size=2))
    elif name == "dependentRequired":
        schema[name] = draw(st.dictionaries(names, lists, max_size=2))
    elif name == "dependentSchemas":
        schema[name] = draw(st.dictionaries(names, inner, max_size=2))
    elif name == "uniqueItems":
        schema[name] = draw(st.booleans())
    else:
        schema[name] = draw(inner)
        if name == "contains" and draft >= 2019:
            for bound in ("minContains", "maxContains"):
                if draw(st.integers(0, 2)) == 0:
                    schema[bound] = draw(counts)


@st.composite
def keyword_instances(draw: st.DrawFn, schema: Any) -> Any:
    """A JSON value that tries to satisfy ``schema``, whatever its keywords, and often just fails."""
    return _aim_at(draw, schema, schema, 4)


def _aim_at(draw: st.DrawFn, schema: Any, root: Any, depth: int) -> Any:
    if depth <= 0 or not isinstance(schema, dict) or draw(st.integers(0, 11)) == 0:
        return draw(small_values)
    kinds = schema.get("type", list(TYPES))
    kind = kinds if isinstance(kinds, str) else draw(st.sampled_from(kinds))
    if "$ref" in schema and draw(st.integers(0, 3)):
        name = schema["$ref"].removeprefix("#").removeprefix("/definitions/")
        return _aim_at(draw, root["definitions"][name] if name else root, root, depth - 1)
    constants = [schema["const"]] if "const" in schema else schema.get("enum", [])
    if constants and draw(st.integers(0, 3)):
        return draw(st.sampled_from(constants))
    branches = [branch for keyword in ("anyOf", "allOf", "oneOf") for branch in schema.get(keyword, ())]
    branches += [schema[keyword] for keyword in ("if", "then", "else", "not") if keyword in schema]
    parts = [schema]
    for _ in range(2):  # members that one branch lists and another restricts meet in one value
        if branches and draw(st.booleans()):
            parts.append(draw(st.sampled_from(branches)))
    parts = [part for part in parts if isinstance(part, dict)]
    if kind == "object":
        return _aim_at_object(draw, parts, root, depth)
    if kind == "array":
        return _aim_at_array(draw, parts, root, depth)
    part = draw(st.sampled_from(parts))
    return draw(small_values) if part is not schema else _aim(draw, {**schema, "type": kind}, root, 1)


def _aim_at_object(draw: st.DrawFn, parts: list[dict[str, Any]], root: Any, depth: int) -> dict[str, Any]:
    children: dict[str, list[Any]] = {}
    wanted: list[str] = []
    for part in parts:
        properties = part.get("properties", {})
        for name, child in properties.items():
            children.setdefault(name, []).append(child)
            if draw(st.booleans()):
                wanted.append(name)
        wanted += part.get("required", [])
        for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
            for name, others in part.get(keyword, {}).items():
                if draw(st.booleans()):
                    wanted += [name, *(others if isinstance(others, list) else ())]
        for pattern, child in part.get("patternProperties", {}).items():
            for name in NAMES:
                if re.search(pattern, name) and draw(st.integers(0, 2)) == 0:
                    children.setdefault(name, []).append(child)
                    wanted.append(name)
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            if keyword in part and draw(st.booleans()):
                name = draw(names)
                children.setdefault(name, []).append(part[keyword])
                wanted.append(name)
        while len(wanted) < min(3, part.get("minProperties", 0)):
            wanted.append(draw(st.sampled_from([name for name in NAMES if name not in wanted])))
    if draw(st.integers(0, 3)) == 0:
        wanted.append(draw(names))
    return {
        name: _aim_at(draw, draw(st.sampled_from(children.get(name, [True]))), root, depth - 1)
        for name in draw(st.permutations(list(dict.fromkeys(wanted))))
    }


def _aim_at_array(draw: st.DrawFn, parts: list[dict[str, Any]], root: Any, depth: int) -> list[Any]:
    found = []
    part = draw(st.sampled_from(parts))
    items = part.get("items", {})
    prefix = part.get("prefixItems", items if isinstance(items, list) else [])
    rest = part.get("additionalItems", {}) if isinstance(items, list) else items
    contained = [other["contains"] for other in parts if "contains" in other]
    count = draw(st.integers(min(3, max(other.get("minItems", 0) for other in parts)), 4))
    for position in range(count):
        if found and draw(st.integers(0, 5)) == 0:
            found.append(draw(st.sampled_from(found)))  # an item twice
        elif contained and draw(st.booleans()):
            found.append(_aim_at(draw, draw(st.sampled_from(contained)), root, depth - 1))
        else:
            found.append(_aim_at(draw, prefix[position] if position < len(prefix) else rest, root, depth - 1))
    return found
