"""Random JSON schemas over every assertion keyword of every draft; built from the parts of `schemas`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.schemas import PATTERNS, _assertions, counts, names

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
