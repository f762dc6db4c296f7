"""Python types, functions, response formats and tools as sources: which texts they take, what ``parse`` gives."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import ipaddress
import json
import math
import re
import typing
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypeVar

import pydantic
import pytest
from typing_extensions import TypeAliasType, TypedDict, Unpack

import grammarlib as gl
from grammarlib.sources.jsonschema import satisfiability

Item = TypeVar("Item")


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


@dataclasses.dataclass
class Box(Generic[Item]):
    content: Item


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Options(TypedDict, total=False):
    verbose: bool


class OldOptions(typing.TypedDict):
    """One of `typing`, which pydantic reads from Python 3.12 on only."""

    depth: int
    inner: NotRequired[list[OldInner]]


class OldInner(typing.TypedDict, total=False):
    when: typing.Required[datetime.date]


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"] = "dog"
    lives: int
    tricks: list[str] = []


class Person(pydantic.BaseModel):
    name: str
    nick: str | None = None
    age: int | None = None
    tags: list[str] | None = None
    pet: Cat | None = None
    colour: Colour | None = None


class Page(pydantic.BaseModel, Generic[Item]):
    items: list[Item]


class Even(pydantic.BaseModel):
    number: int

    @pydantic.field_validator("number")
    @classmethod
    def _is_even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("odd")
        return number


Pet = Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
Count = NewType("Count", int)
Nested = TypeAliasType("Nested", "int | list[Nested]")


def named(value: object) -> str:
    """The id of a parameter: without addresses, which differ between the processes of a run."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))[:80]


def forecast(city: str, days: int = 3, *, unit: Literal["C", "F"] = "C", pet: Person | None = None) -> str:
    """The weather of some days."""
    raise AssertionError("a function is never called")


class Service:
    """Methods and callable objects."""

    def ask(self, question: str, limit: int = 5) -> None:
        raise AssertionError("a function is never called")

    def __call__(self, number: float) -> None:
        raise AssertionError("a function is never called")


# ---- types


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        (Box[int], '{"content": 3}', Box(3)),
        (Page[Size], '{"items": [1, 2]}', Page[Size](items=[Size.SMALL, Size.LARGE])),
        (Pair, '[1, "x"]', Pair(1, "x")),
        (Pair, "[1]", Pair(1)),
        (Options, "{}", {}),
        (
            OldOptions,
            '{"depth": 1, "inner": [{"when": "2024-02-29"}]}',
            {"depth": 1, "inner": [{"when": datetime.date(2024, 2, 29)}]},
        ),
        (list[OldInner], '[{"when": "2024-02-29"}]', [{"when": datetime.date(2024, 2, 29)}]),
        (OldInner | None, "null", None),
        (Annotated[OldInner, "note"], '{"when": "2024-02-29"}', {"when": datetime.date(2024, 2, 29)}),
        (Pet, '{"kind": "dog", "lives": 1}', Dog(lives=1)),
        (Count, "7", 7),
        (Nested, "[1, [2]]", [1, [2]]),
        (Size, "2", Size.LARGE),
        (Annotated[int, pydantic.Field(ge=3)], "3", 3),
        (dict[int, str], '{"-12": "a"}', {-12: "a"}),
        (dict[Size, int], '{"2": 5}', {Size.LARGE: 5}),
        (dict[float, int], '{"0.5": 5}', {0.5: 5}),
        (dict[uuid.UUID, int], "{}", {}),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (set[int], "[1, 2]", {1, 2}),
        (decimal.Decimal, '"1.50"', decimal.Decimal("1.50")),
        (datetime.timedelta, '"P1DT2H"', datetime.timedelta(days=1, hours=2)),
        (datetime.datetime, '"2024-02-29T12:00:00Z"', datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)),
        (pydantic.HttpUrl, '"https://example.org/"', pydantic.HttpUrl("https://example.org/")),
        (pydantic.TypeAdapter(list[int]), "[1]", [1]),
        (Person, '{"name": "A", "pet": null}', Person(name="A")),
        (Any, "[]", []),
    ],
    ids=named,
)
def test_types_are_compiled_and_values_typed(source: Any, text: str, value: Any) -> None:
    compiled = gl.compile(source)
    parsed = compiled.parse(text)
    assert parsed == value and type(parsed) is type(value)
    assert compiled.parse(text.encode()) == value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Box[int], '{"content": "3"}'),
        (Pair, '["x", 1]'),
        (Pet, '{"lives": 1}'),
        (Pet, '{"kind": "cow", "lives": 1}'),
        (dict[int, str], '{"a": "a"}'),
        (dict[bool, str], '{"1": "a"}'),
        (dict[Size, int], '{"3": 5}'),
        (decimal.Decimal, '"NaN"'),
        (datetime.timedelta, '"P1Y"'),
        (datetime.datetime, '"2024-02-29T12:00:00Z\\n"'),
        (pydantic.HttpUrl, '"ftp://example.org/"'),
        (OldOptions, '{"inner": []}'),
        (set[int], "[1, 1]"),
        (Person, '{"name": null}'),
    ],
    ids=named,
)
def test_what_pydantic_refuses_is_refused(source: Any, text: str) -> None:
    compiled = gl.compile(source)
    assert not compiled.accepts(text)
    with pytest.raises(ValueError, match="belong"):
        compiled.parse(text)


@pytest.mark.parametrize(
    "source",
    [
        Person,
        Pet,
        Page[Pair],
        OldOptions,
        Box[float],
        dict[float, bool],
        dict[datetime.date, str],
        dict[decimal.Decimal, str],
        decimal.Decimal,
        datetime.datetime,
        datetime.date,
        datetime.time,
        datetime.timedelta,
        uuid.UUID,
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        pydantic.AnyUrl,
        bytes,
        Literal["a", 1, None],
        Annotated[list[Size], pydantic.Field(min_length=1, max_length=3)],
    ],
    ids=named,
)
def test_every_text_can_be_read(source: Any) -> None:
    """What the language holds, pydantic reads, but for integers that no machine holds."""
    compiled = gl.compile(source)
    for seed in range(12):
        text = compiled.sample(seed)
        try:
            compiled.parse(text)
        except pydantic.ValidationError as error:
            assert {problem["type"] for problem in error.errors()} <= {"finite_number"}, text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993.0", 9007199254740993),
        ("12e25", 12 * 10**25),
        ("-1.50e2", -150),
        ("0e5", 0),
        ("1e0000000000000000000000000003", 1000),
        ("1E4299", 10**4299),
    ],
)
def test_integers_in_every_form_are_exact(text: str, value: int) -> None:
    """Pydantic alone would read them as floats."""
    if len(str(value)[:4001]) > 4000:
        with pytest.raises(ValueError):
            gl.compile(int).parse(text)
    else:
        assert gl.compile(int).parse(text) == value
    assert gl.compile(list[str]).parse('["1e3", "\\"1e3"]') == ["1e3", '"1e3']


def test_floats_keep_their_value() -> None:
    compiled = gl.compile(float)
    assert [compiled.parse(text) for text in ("1e3", "0.1", "2.0", "1e400")] == [1000.0, 0.1, 2.0, math.inf]
    assert math.copysign(1, compiled.parse("-0.0")) == -1
    with pytest.raises(ValueError):
        gl.compile(int).parse("1e99999999999999999999")


def test_a_validator_in_python_has_the_last_word() -> None:
    """No schema says what it asks for."""
    compiled = gl.compile(Even)
    assert compiled.accepts('{"number": 3}')
    with pytest.raises(pydantic.ValidationError, match="odd"):
        compiled.parse('{"number": 3}')
    assert compiled.parse('{"number": 4}') == Even(number=4)


@pytest.mark.parametrize("source", [Person, Pet, list[Person | None], forecast, [forecast, Service().ask]])
def test_optional_and_tagged_members_are_plain(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``anyOf`` with null and tagged unions need no statuses, the slow way of open checks."""

    def refuse(*arguments: Any) -> None:
        raise AssertionError("an open check")

    monkeypatch.setattr(satisfiability, "ObjectContext", refuse)
    monkeypatch.setattr(satisfiability, "ArrayContext", refuse)
    compiled = gl.compile(source)
    for seed in range(8):
        assert compiled.accepts(compiled.sample(seed))
    with pytest.raises(AssertionError):
        gl.compile({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}).accepts('{"a": 1}')


@pytest.mark.parametrize(
    "source",
    [
        Callable[[int], int],
        int | Callable[[int], int],
        type[int],
        type("Plain", (), {}),
        list["Missing"],  # type: ignore[name-defined]  # noqa: F821
    ],
    ids=named,
)
def test_types_without_a_schema_are_refused(source: Any) -> None:
    with pytest.raises(gl.InvalidSource) as caught:
        gl.compile(source)
    assert caught.value.findings[0].code == "type" and caught.value.findings[0].hint


# ---- functions


@pytest.mark.parametrize(
    ("function", "text", "value"),
    [
        (forecast, '{"city": "Ulm"}', {"city": "Ulm", "days": 3, "unit": "C", "pet": None}),
        (
            forecast,
            '{"unit": "F", "city": "Ulm", "pet": {"name": "A"}}',
            {"city": "Ulm", "days": 3, "unit": "F", "pet": Person(name="A")},
        ),
        (Service().ask, '{"question": "?"}', {"question": "?", "limit": 5}),
        (Service(), '{"number": 1}', {"number": 1.0}),
        (functools.partial(forecast, "Ulm"), '{"days": 1}', {"days": 1, "unit": "C", "pet": None}),
        (functools.partial(forecast, days=1), '{"city": "A"}', {"city": "A", "days": 1, "unit": "C", "pet": None}),
        (lambda schema, json=1: None, '{"schema": [1]}', {"schema": [1], "json": 1}),
    ],
    ids=named,
)
def test_functions_are_objects_of_their_arguments(function: Any, text: str, value: dict[str, Any]) -> None:
    compiled = gl.compile(function)
    assert compiled.parse(text) == value
    assert not compiled.accepts("{}") or value == compiled.parse("{}") | json.loads(text)
    assert not compiled.accepts('{"other": 1}')


def test_keyword_arguments_of_any_name() -> None:
    def with_rest(first: int, **rest: bool) -> None: ...

    def with_members(first: int, **rest: Unpack[Options]) -> None: ...

    compiled = gl.compile(with_rest)
    assert compiled.parse('{"first": 1, "a": true}') == {"first": 1, "a": True}
    assert not compiled.accepts('{"first": 1, "a": 1}')
    compiled = gl.compile(with_members)
    assert compiled.parse('{"first": 1, "verbose": true}') == {"first": 1, "verbose": True}
    assert not compiled.accepts('{"first": 1, "verbose": 1}')
    assert not compiled.accepts('{"first": 1, "a": true}')


def test_functions_whose_arguments_have_no_names_are_refused() -> None:
    def many(*numbers: int) -> None: ...

    def positional(first: int, /, second: int) -> None: ...

    def unreadable(first: Callable[[], int]) -> None: ...

    for function, part in ((many, r"\*numbers"), (positional, "first"), (unreadable, "unreadable"), (max, "signature")):
        with pytest.raises(gl.InvalidSource, match=part) as caught:
            gl.compile(function)
        assert caught.value.findings[0].hint


# ---- response formats

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}


@pytest.mark.parametrize(
    "source",
    [
        {"type": "json_schema", "json_schema": {"name": "point", "schema": POINT, "strict": True}},
        {"type": "json_schema", "json_schema": {"schema": POINT}},
        {"type": "json_schema", "name": "point", "schema": POINT, "strict": False, "description": "A point."},
    ],
)
def test_response_formats_are_their_schema(source: dict[str, Any]) -> None:
    compiled = gl.compile(source)
    assert compiled.source == gl.JsonSchema(POINT)
    assert compiled.parse('{"x": 1}') == {"x": 1}


def test_a_json_object_is_any_object() -> None:
    compiled = gl.compile({"type": "json_object"})
    assert compiled.accepts('{"a": [1]}') and not compiled.accepts("[1]")


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text"},
        {"type": "json_object", "schema": POINT},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": POINT},
        {"type": "json_schema", "json_schema": {"name": "point", "schemas": POINT}},
        {"type": "json_schema", "json_schema": {"name": "point", "schema": None}},
        {"type": "json_schema", "json_schema": {"schema": POINT}, "schema": POINT},
        {"type": "function"},
        {"type": "function", "function": "f"},
        {"type": "function", "function": {"name": "f", "parameters": POINT, "other": 1}},
        {"type": "function", "function": {"parameters": POINT}},
        {"type": "function", "function": {"name": "f", "parameters": True}},
        {"name": "f", "input_schema": POINT, "inputSchema": POINT},
        {"name": "f", "input_schema": POINT, "properties": {}},
        {"name": "f", "parameters": POINT},
        {"function": {"name": "f", "parameters": POINT}},
        {"json_schema": {"name": "f", "schema": POINT}},
        {"response_format": {"type": "json_object"}},
        {"tools": []},
        [],
        [{"type": "object"}],
        [{"type": "function", "function": {"name": "f"}}, {"name": "f", "input_schema": POINT}],
        [forecast, forecast],
        [int],
        ["yes", "no"],
    ],
    ids=named,
)
def test_forms_that_are_not_clear_are_refused(source: Any) -> None:
    """Each with what to write instead."""
    with pytest.raises(gl.InvalidSource) as caught:
        gl.compile(source)
    [finding] = caught.value.findings
    assert finding.code in ("tool", "ambiguous-source", "source-type") and finding.hint


def test_a_custom_tool_is_unsupported() -> None:
    with pytest.raises(gl.UnsupportedFeature, match="custom"):
        gl.compile({"type": "custom", "name": "f", "format": {"type": "text"}})


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"name": {}, "parameters": {}}},
        {"type": "object", "name": "f", "parameters": {}},
        {"$ref": "#/definitions/a", "definitions": {"a": POINT}, "name": "f", "schema": {}},
        {"name": 1},
        {},
    ],
)
def test_schemas_that_hold_such_members_are_schemas(schema: dict[str, Any]) -> None:
    assert gl.compile(schema).source == gl.JsonSchema(schema)


# ---- tools

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/city"}},
            "required": ["city"],
            "additionalProperties": False,
            "$defs": {"city": {"type": "string", "maxLength": 9}},
        },
        "strict": True,
    },
}
FLAT = {"type": "function", "name": "clock", "parameters": {"properties": {"zone": {"type": "string"}}}}
BARE = {"type": "function", "function": {"name": "a/b~c%25"}}
ANTHROPIC = {
    "name": "search",
    "description": "Finds.",
    "input_schema": {**POINT, "$schema": "http://json-schema.org/draft-04/schema#"},
}
PROTOCOL = {"name": "read", "title": "Read", "inputSchema": POINT, "annotations": {}}
TOOLS = [WEATHER, FLAT, BARE, ANTHROPIC, PROTOCOL, forecast]


@pytest.mark.parametrize(
    ("tool", "good", "bad"),
    [
        (WEATHER, {"city": "Ulm"}, {"city": "Constantinople"}),
        (FLAT, {"zone": "UTC"}, "UTC"),
        (BARE, {}, {"a": 1}),
        (ANTHROPIC, {"x": 1}, {"x": 1.0}),
        (PROTOCOL, {"x": 1.0}, {"x": 1.5}),
    ],
)
def test_one_tool_is_its_arguments(tool: dict[str, Any], good: Any, bad: Any) -> None:
    compiled = gl.compile(tool)
    assert compiled.parse(json.dumps(good)) == good
    assert not compiled.accepts(json.dumps(bad))


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("weather", {"city": "Ulm"}, {"city": "Constantinople"}),
        ("clock", {"zone": "UTC"}, "UTC"),
        ("a/b~c%25", {}, {"a": 1}),
        ("search", {"x": 1}, {"x": 1.0}),
        ("read", {"x": 1.0}, {"x": 1.5}),
        ("other", None, {}),
    ],
)
def test_a_list_of_tools_is_a_call(name: str, good: Any, bad: Any) -> None:
    """``#`` in the parameters means the parameters, and ``$schema`` is theirs."""
    compiled = gl.compile(TOOLS)
    call = {"name": name, "arguments": good}
    assert compiled.accepts(json.dumps(call)) == (good is not None)
    assert not compiled.accepts(json.dumps({"name": name, "arguments": bad}))
    if good is not None:
        assert compiled.parse(json.dumps(call)) == call
        assert compiled.parse(json.dumps({"arguments": good, "name": name})) == call
        assert not compiled.accepts(json.dumps({**call, "more": 1}))
        assert not compiled.accepts(json.dumps({"name": name}))
    assert gl.compile(tuple(TOOLS)).accepts(json.dumps(call)) == (good is not None)


def test_a_call_of_a_function_has_typed_arguments() -> None:
    compiled = gl.compile(TOOLS)
    text = '{ "arguments" : {"city": "\\"}{,", "pet": {"name": "A"}},\n "name": "forecast"}'
    pet = Person(name="A")
    expected = {"name": "forecast", "arguments": {"city": '"}{,', "days": 3, "unit": "C", "pet": pet}}
    assert compiled.parse(text) == expected
    assert compiled.parse(text.encode()) == expected


def test_samples_of_tools_are_calls() -> None:
    compiled = gl.compile(TOOLS)
    names = {compiled.parse(compiled.sample(seed))["name"] for seed in range(30)}
    assert len(names) > 2


def test_tools_are_saved_as_their_schema(tmp_path: Any) -> None:
    gl.compile(TOOLS).save(tmp_path / "tools.json")
    loaded = gl.load(tmp_path / "tools.json")
    assert loaded.accepts('{"name": "weather", "arguments": {"city": "Ulm"}}')
    assert not loaded.accepts('{"name": "weather", "arguments": {"city": 1}}')


# ---- the order of keys


def test_the_order_of_a_schema() -> None:
    """First appearance: properties, then required names that are not listed, then the others."""
    schema = {
        "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}},
        "required": ["z", "a"],
        "additionalProperties": {"type": "integer"},
    }
    fixed = gl.compile(gl.JsonSchema(schema, order="schema"))
    free = gl.compile(gl.JsonSchema(schema))
    for text in ('{"b":1,"a":1,"z":1,"q":1,"c":1}', '{"a":1,"z":1}', '{"b":1,"a":1,"z":1,"A":1}'):
        assert fixed.accepts(text) and free.accepts(text)
    for text in ('{"a":1,"b":1,"z":1}', '{"z":1,"a":1}', '{"q":1,"a":1,"z":1}', '{"a":1,"q":1,"z":1}'):
        assert not fixed.accepts(text) and free.accepts(text)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"b": {}, "a": {"minimum": 3}}, "required": ["z"], "minProperties": 2},
        {"patternProperties": {"^x": {"type": "integer"}}, "properties": {"y": {}, "x": {}}, "maxProperties": 3},
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"b": {}, "a": {}}},
        {"if": {"required": ["a"]}, "then": {"required": ["b"]}, "properties": {"a": {}, "b": {}}, "required": ["c"]},
        {"allOf": [{"properties": {"b": {}}}, {"properties": {"a": {}, "b": {"type": "null"}}}], "required": ["a"]},
        {
            "anyOf": [{"properties": {"k": {"const": 1}, "a": {}}}, {"properties": {"k": {"const": 2}, "b": {}}}],
            "required": ["k"],
        },
        {"dependentRequired": {"a": ["c"]}, "unevaluatedProperties": False, "properties": {"c": {}, "a": {}}},
        {"items": {"properties": {"b": {}, "a": {}}, "required": ["a"]}, "type": "array"},
    ],
)
def test_a_fixed_order_takes_a_part_of_any_order(schema: dict[str, Any]) -> None:
    """Each text of the one is a text of the other, and no way out is lost."""
    fixed = gl.compile(gl.JsonSchema(schema, order="schema"))
    free = gl.compile(gl.JsonSchema(schema))
    for seed in range(25):
        text = fixed.sample(seed)
        assert fixed.accepts(text) and free.accepts(text), text
