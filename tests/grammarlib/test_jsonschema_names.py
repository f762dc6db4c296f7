"""Automata of property names: finite languages that are used up, classes of names, escapes, orders, masks."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.grammarlib.test_machine import Pair
from tests.grammarlib.test_walks import FAR_NUMBER
from tests.oracles.json_schema import SchemaOracle
from tests.oracles.matcher import hard_vocabulary, mask_of, read_by

NULL = {"type": "null"}
INTEGER = {"type": "integer"}
SCHEMAS: dict[str, Any] = {
    "two names": {"type": "object", "patternProperties": {"^[ab]$": INTEGER}, "additionalProperties": False},
    "all of two names": {
        "type": "object",
        "patternProperties": {"^[ab]$": INTEGER},
        "additionalProperties": False,
        "minProperties": 2,
    },
    "one is listed": {
        "type": "object",
        "properties": {"a": NULL, "abc": {}},
        "patternProperties": {"^a?b?$": {"maximum": 3}},
        "additionalProperties": False,
        "minProperties": 3,
    },
    "enum of names": {"type": "object", "propertyNames": {"enum": ["a", "ab", "é", "", 1]}, "minProperties": 2},
    "const": {"type": "object", "propertyNames": {"const": "ab"}, "required": ["ab"]},
    "lengths": {"type": "object", "propertyNames": {"maxLength": 1, "pattern": "[a-c𝄞é]"}, "minProperties": 4},
    "no names": {"type": "object", "propertyNames": False},
    "not": {"type": "object", "propertyNames": {"not": {"pattern": "^a"}}, "properties": {"ab": INTEGER, "b": NULL}},
    "overlap": {
        "type": "object",
        "patternProperties": {"^a": {"minimum": 1}, "b$": {"maximum": 2}, "é": {"type": ["integer", "null"]}},
        "additionalProperties": {"type": "string"},
    },
    "ideographs": {"type": "object", "patternProperties": {"^[一-三]{1,2}$": INTEGER, "[퟿-]": False}},
    "astral": {"type": "object", "patternProperties": {"^[𝄞𝄢]$": NULL}, "additionalProperties": False},
    "surrogates": {"type": "object", "patternProperties": {"^.$": INTEGER}, "additionalProperties": False},
    "statuses": {
        "type": "object",
        "oneOf": [{"patternProperties": {"^x": INTEGER}}, {"patternProperties": {"^xy": {"minimum": 2}}}],
    },
    "alternatives": {
        "type": "object",
        "anyOf": [
            {"patternProperties": {"^[ab]$": INTEGER}, "additionalProperties": False, "required": ["b"]},
            {"patternProperties": {"^[bc]$": NULL}, "additionalProperties": False},
            {"propertyNames": {"enum": ["a", "d", "e"]}, "properties": {"e": {"const": 1}}},
        ],
    },
    "one is required": {
        "type": "object",
        "properties": {"ab": {"minimum": 0}},
        "patternProperties": {"^[a-z_]*$": INTEGER},
        "required": ["ab"],
    },
    "unevaluated": {
        "type": "object",
        "anyOf": [{"patternProperties": {"^a": INTEGER}}, {"patternProperties": {"b$": NULL}, "required": ["b"]}],
        "unevaluatedProperties": False,
    },
}
NAMES = ("", "a", "b", "c", "d", "e", "ab", "abc", "x", "xy", "xb", "é", "éb", "一", "二三", "𝄞", "𝄢", "\ud834", "ퟻ")
VALUES = (None, 1, 3, "s")


def spelled(name: str, escape: bool) -> str:
    """A name as JSON text; lone surrogates are always escaped."""
    if not escape and not any("\ud800" <= c <= "\udfff" for c in name):
        return json.dumps(name, ensure_ascii=False)
    units = name.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[at]:02X}{units[at + 1]:02x}" for at in range(0, len(units), 2)) + '"'


def texts(generator: random.Random, count: int) -> list[str]:
    """Objects with up to four members, names written in two ways."""
    found = ["{}"]
    for name, value, escape in itertools.product(NAMES, VALUES, (False, True)):
        found.append("{" + spelled(name, escape) + ":" + json.dumps(value) + "}")
    for _ in range(count):
        names = generator.sample(NAMES, generator.randint(2, 4))
        members = (f"{spelled(n, generator.random() < 0.3)}:{json.dumps(generator.choice(VALUES))}" for n in names)
        found.append("{" + ",".join(members) + "}")
    return found


def sampled(compiled: gl.CompiledGrammar, seed: int) -> str:
    """A sample without long exponents, which the oracle writes out."""
    for attempt in itertools.count():
        text = compiled.sample(1000 * seed + attempt, size=seed)
        if not FAR_NUMBER.search(text.encode()):
            return text
    raise AssertionError


@pytest.mark.parametrize("name", SCHEMAS)
def test_verdicts_agree_with_python_jsonschema(name: str) -> None:
    schema = SCHEMAS[name]
    free, fixed = gl.compile(schema), gl.compile(gl.JsonSchema(schema, order="schema"))
    oracle = SchemaOracle(schema)
    accepted = 0
    generator = random.Random(1)
    found = texts(generator, 20 if JIT_DISABLED else 400)
    for seed in range(2 if JIT_DISABLED else 20):
        value = json.loads(sampled(free, seed), parse_float=lambda _: 1.5)
        found.append(json.dumps(value))
        if value:
            del value[generator.choice(list(value))]
            found.append(json.dumps(value))
    for text in found:
        expected = oracle.accepts(text)
        assert free.accepts(text) == expected, text
        assert expected or not fixed.accepts(text), text
        accepted += expected
    assert accepted


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_walks_never_end_dead(name: str, order: Any) -> None:
    schema = SCHEMAS[name]
    compiled = gl.compile(gl.JsonSchema(schema, order=order, whitespace="compact"))
    assert compiled.report.dead_end_free == (name != "unevaluated")
    oracle = SchemaOracle(schema)
    for seed in range(3 if JIT_DISABLED else 25):
        text = sampled(compiled, seed)
        assert oracle.accepts(text), text


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_next_bytes_are_the_twins(name: str, order: Any) -> None:
    pair = Pair(SCHEMAS[name], order=order, whitespace="compact")
    generator = random.Random(3)
    for text in generator.sample(texts(generator, 10), 2 if JIT_DISABLED else 5):
        pair.follow(text.encode())
    for seed in range(1 if JIT_DISABLED else 3):
        pair.follow(pair.walk(random.Random(seed), 16))


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_masks_are_what_can_be_read(name: str, order: Any) -> None:
    generator = random.Random(4)
    pieces = [text.encode() for text in generator.sample(texts(generator, 30), 8)]
    pieces += [b'{"a":1,"b":', b'","b":1,"a', b'":1,"ab":1,"', b'b":1}', b'\\u0061":1,"b":1', b'"\\ud834\\udd1e":null']
    vocabulary = hard_vocabulary(pieces, 2, 40)
    compiled = gl.compile(gl.JsonSchema(SCHEMAS[name], order=order), vocabulary)
    for prefix in (b'{"', b'{"a":1,"', b'{"b":1,"a', b'{"\\u006', b'{"a":1,"b":1', b'{"\xe4\xb8'):
        matcher = compiled.matcher()
        matcher.accept_bytes(prefix)
        assert mask_of(matcher, vocabulary) == read_by(matcher, vocabulary), prefix


def test_names_are_used_up() -> None:
    compiled = gl.compile(gl.JsonSchema(SCHEMAS["all of two names"], whitespace="compact"))
    for order in itertools.permutations("ab"):
        matcher = compiled.matcher()
        first, second = order
        assert matcher.accept_bytes(f'{{"{first}":1'.encode()) == 6
        assert matcher.accept_bytes(b"}") == 0
        assert matcher.accept_bytes(f',"{first}'.encode()) == 2
        assert matcher.accept_bytes(f'{second}":2'.encode()) == 4
        assert matcher.accept_bytes(b",") == 0
        assert matcher.accept_bytes(b"}") == 1
    with pytest.raises(gl.UnsatisfiableSchema):
        gl.compile({**SCHEMAS["two names"], "minProperties": 3})
    with pytest.raises(gl.UnsatisfiableSchema):
        gl.compile({"type": "object", "propertyNames": {"enum": ["a", "b"]}, "minProperties": 3})
    with pytest.raises(gl.UnsatisfiableSchema):
        gl.compile({"type": "object", "propertyNames": {"maxLength": 1}, "required": ["ab"]})


@pytest.mark.parametrize("count", [40, 1500])
def test_many_names_are_used_up(count: int) -> None:
    """Each of ``count`` names may come once; the last but one leaves one."""
    if JIT_DISABLED and count > 100:
        pytest.skip("plain Python takes minutes")
    listed = [f"n{number}" for number in range(count)]
    compiled = gl.compile({"type": "object", "propertyNames": {"enum": listed}, "additionalProperties": NULL})
    random.Random(0).shuffle(listed)
    matcher = compiled.matcher()
    start = ("{" + ",".join(f'"{name}":null' for name in listed[:-1])).encode()
    assert matcher.accept_bytes(start) == len(start)
    assert matcher.accept_bytes(b',"') == 2
    completion = matcher.shortest_completion()
    assert matcher.accept_bytes(completion) == len(completion)
    assert completion == f'{listed[-1]}":null}}'.encode()


def test_a_class_keeps_its_schema_when_the_order_drops_alternatives() -> None:
    """In a fixed order a name may end alternatives; its class is looked up in the ones that are left."""
    schema = {
        "type": "object",
        "anyOf": [
            {"patternProperties": {"^x": NULL}, "additionalProperties": False, "required": ["z"]},
            {"patternProperties": {"^x": INTEGER, "^y": {"type": "string"}}, "additionalProperties": {"const": 7}},
        ],
    }
    fixed = gl.compile(gl.JsonSchema(schema, order="schema"))
    oracle = SchemaOracle(schema)
    for text in (
        '{"x":1}',
        '{"x":null}',
        '{"y":"s"}',
        '{"y":1}',
        '{"q":7}',
        '{"q":1}',
        '{"z":7,"x":null}',
        '{"z":7,"x":1}',
    ):
        assert fixed.accepts(text) == oracle.accepts(text), text
