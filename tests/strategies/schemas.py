"""Random JSON schemas over the supported keywords, and texts that are near them.

Names, strings and numbers come from tiny sets, so that keywords meet: an instance drawn at random
hits a property, a bound or a member of an enum often enough, and misses it as often.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "ab", 'q"', "é")
STRINGS = ("", "a", "b", "ab", "aab", "ba", "é", "𝄞a", 'q"')
NUMBERS = (0, 1, 2, 3, 5, 10, -1, -4, 0.5, 1.5, 2.5, 0.1, -0.5, 20, 100)
PATTERNS = ("^a", "b$", "^a*$", "a.b", "^(ab|é)+$", "[^a]", "^.{2}$", "^$", "")
TYPES = ("null", "boolean", "string", "integer", "number", "object", "array")

names = st.sampled_from(NAMES)
scalars = st.one_of(st.none(), st.booleans(), st.sampled_from(STRINGS), st.sampled_from(NUMBERS))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
small_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(names, inner, max_size=2)),
    max_leaves=3,
)
counts = st.integers(0, 3)


@st.composite
def schemas(draw: st.DrawFn, draft: int = 2020, definitions: bool = True) -> Any:
    """A schema of a draft (4, 6, 7, 2019, 2020); satisfiable or not."""
    count = draw(st.integers(0, 3)) if definitions else 0
    targets = [f"#/definitions/d{index}" for index in range(count)] + (["#"] if definitions else [])
    root = draw(_schema(draft, 3, targets, True))
    if isinstance(root, bool):
        return root
    if count:
        root["definitions"] = {f"d{index}": draw(_schema(draft, 2, targets, False)) for index in range(count)}
    return root


@st.composite
def _schema(draw: st.DrawFn, draft: int, depth: int, targets: list[str], is_root: bool) -> Any:
    if not is_root and draft >= 6 and draw(st.integers(0, 11)) == 0:
        return draw(st.booleans())
    inner = _schema(draft, depth - 1, targets, False) if depth > 0 else st.just({"type": "integer"})
    if targets and not is_root and draw(st.integers(0, 3)) == 0:
        reference: dict[str, Any] = {"$ref": draw(st.sampled_from(targets))}
        if draw(st.booleans()):
            reference.update(draw(_assertions(draft, inner, depth)))
        return reference
    return draw(_assertions(draft, inner, depth))


@st.composite
def _assertions(draw: st.DrawFn, draft: int, inner: Any, depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if draw(st.integers(0, 2)):
        one = st.sampled_from(TYPES)
        schema["type"] = draw(st.one_of(one, st.lists(one, min_size=1, max_size=3, unique=True)))
    groups = draw(st.sets(st.sampled_from(("object", "array", "string", "number", "enum", "apply")), max_size=2))
    if depth > 0 and "object" in groups:
        schema["properties"] = draw(st.dictionaries(names, inner, max_size=3))
        if draw(st.booleans()):
            schema["required"] = draw(st.lists(names, min_size=1 if draft == 4 else 0, max_size=2, unique=True))
        if draw(st.booleans()):
            schema["additionalProperties"] = draw(st.one_of(st.booleans(), inner))
    if depth > 0 and "array" in groups:
        _array(draw, schema, draft, inner)
    if "string" in groups:
        for keyword in ("minLength", "maxLength"):
            if draw(st.booleans()):
                schema[keyword] = draw(counts)
        if draw(st.booleans()):
            schema["pattern"] = draw(st.sampled_from(PATTERNS))
    if "number" in groups:
        _number(draw, schema, draft)
    if "enum" in groups:
        if draft >= 6 and draw(st.booleans()):
            schema["const"] = draw(values)
        else:
            schema["enum"] = draw(st.lists(values, min_size=1, max_size=4))
    if depth > 0 and "apply" in groups:
        for keyword in ("anyOf", "allOf"):
            if draw(st.booleans()):
                schema[keyword] = draw(st.lists(inner, min_size=1, max_size=3))
    return schema


def _array(draw: st.DrawFn, schema: dict[str, Any], draft: int, inner: Any) -> None:
    as_list = draw(st.booleans())
    items = st.one_of(inner, st.booleans()) if draft >= 6 else inner.filter(lambda x: not isinstance(x, bool))
    if draft == 2020:
        if as_list:
            schema["prefixItems"] = draw(st.lists(inner, min_size=1, max_size=2))
        if draw(st.booleans()):
            schema["items"] = draw(items)
    elif as_list:
        schema["items"] = draw(st.lists(inner, min_size=1, max_size=2))
        if draw(st.booleans()):
            schema["additionalItems"] = draw(st.one_of(st.booleans(), inner))
    else:
        schema["items"] = draw(items)
    for keyword in ("minItems", "maxItems"):
        if draw(st.booleans()):
            schema[keyword] = draw(counts)


def _number(draw: st.DrawFn, schema: dict[str, Any], draft: int) -> None:
    for keyword in ("minimum", "maximum"):
        if draw(st.booleans()):
            schema[keyword] = draw(st.sampled_from(NUMBERS))
            exclusive = "exclusive" + keyword.capitalize()
            if draft == 4 and draw(st.booleans()):
                schema[exclusive] = draw(st.booleans())
    if draft >= 6 and draw(st.booleans()):
        schema[draw(st.sampled_from(("exclusiveMinimum", "exclusiveMaximum")))] = draw(st.sampled_from(NUMBERS))
    if draw(st.booleans()):
        schema["multipleOf"] = draw(st.sampled_from((1, 2, 3, 0.5, 0.1, 1.5)))


@st.composite
def instances(draw: st.DrawFn, schema: Any) -> Any:
    """A JSON value that tries to satisfy ``schema``, and often just fails."""
    return _aim(draw, schema, schema, 4)


def _aim(draw: st.DrawFn, schema: Any, root: Any, depth: int) -> Any:
    if depth <= 0 or not isinstance(schema, dict) or draw(st.integers(0, 9)) == 0:
        return draw(small_values)
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#").removeprefix("/definitions/")
        return _aim(draw, root["definitions"][name] if name else root, root, depth - 1)
    if "const" in schema and draw(st.booleans()):
        return schema["const"]
    if "enum" in schema and draw(st.integers(0, 3)):
        return draw(st.sampled_from(schema["enum"]))
    for keyword in ("anyOf", "allOf"):
        if keyword in schema and draw(st.booleans()):
            return _aim(draw, draw(st.sampled_from(schema[keyword])), root, depth - 1)
    kinds = schema.get("type", list(TYPES))
    kind = kinds if isinstance(kinds, str) else draw(st.sampled_from(kinds))
    if kind == "object":
        return _aim_object(draw, schema, root, depth)
    if kind == "array":
        prefix = schema.get("prefixItems", schema["items"] if isinstance(schema.get("items"), list) else [])
        rest = schema.get("items", {})
        if isinstance(rest, list):
            rest = schema.get("additionalItems", {})
        count = draw(st.integers(min(3, schema.get("minItems", 0)), 3))
        return [_aim(draw, prefix[i] if i < len(prefix) else rest, root, depth - 1) for i in range(count)]
    simple = {
        "null": st.none(),
        "boolean": st.booleans(),
        "string": st.sampled_from(STRINGS),
        "integer": st.integers(-3, 12),
        "number": st.sampled_from(NUMBERS),
    }
    return draw(simple[kind])


def _aim_object(draw: st.DrawFn, schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    properties = schema.get("properties", {})
    wanted = [*schema.get("required", []), *(name for name in properties if draw(st.booleans()))]
    if draw(st.booleans()):
        wanted.append(draw(names))
    for name in draw(st.permutations(list(dict.fromkeys(wanted)))):
        found[name] = _aim(draw, properties.get(name, schema.get("additionalProperties", {})), root, depth - 1)
    return found


@st.composite
def spellings(draw: st.DrawFn, value: Any) -> str:
    """One of the ways to write a JSON value within ``whitespace="bounded"``."""
    tokens: list[str] = []
    todo: list[Any] = [("value", value)]
    while todo:
        kind, item = todo.pop()
        if kind == "token":
            tokens.append(item)
        elif isinstance(item, dict):
            parts: list[Any] = [("token", "{")]
            for index, (name, member) in enumerate(item.items()):
                comma = [("token", ",")] if index else []
                parts += [*comma, ("token", draw(_string(name))), ("token", ":"), ("value", member)]
            todo.extend(reversed([*parts, ("token", "}")]))
        elif isinstance(item, list):
            parts = [("token", "[")]
            for index, member in enumerate(item):
                parts += [*([("token", ",")] if index else []), ("value", member)]
            todo.extend(reversed([*parts, ("token", "]")]))
        elif isinstance(item, str):
            tokens.append(draw(_string(item)))
        elif isinstance(item, bool) or item is None:
            tokens.append(json.dumps(item))
        else:
            tokens.append(draw(_number_text(item)))
    gaps = st.sampled_from(("", "", " ", "\n", "\n  ", "\n\t"))
    return "".join(token + (draw(gaps) if index < len(tokens) - 1 else "") for index, token in enumerate(tokens))


@st.composite
def _string(draw: st.DrawFn, text: str) -> str:
    if draw(st.integers(0, 3)):
        return json.dumps(text, ensure_ascii=False)
    return '"' + "".join(f"\\u{unit:04x}" for unit in _units(text)) + '"'


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@st.composite
def _number_text(draw: st.DrawFn, number: int | float) -> str:
    plain = json.dumps(number)
    if draw(st.integers(0, 2)):
        return plain
    if "." not in plain:
        tenfold = "0e-1" if plain.strip("-0") else ".0e-1"  # a zero takes no zero behind it
        return draw(st.sampled_from((plain + ".0", plain + "e0", plain + tenfold, plain + ".00E+00")))
    whole, fraction = plain.split(".")
    shifted = (whole + fraction).lstrip("-").lstrip("0") or "0"
    sign = "-" if plain.startswith("-") else ""
    return draw(st.sampled_from((plain + "0", f"{sign}{shifted}e-{len(fraction)}", plain + "e0")))
