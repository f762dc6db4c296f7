"""The way out: completions are accepted and nothing shorter is; random texts belong to the language."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.grammarlib.test_masks import SOURCES
from tests.oracles.json_schema import SchemaOracle
from tests.strategies.schemas import instances, schemas, spellings


def shortest_by_search(matcher: gl.Matcher, most: int, budget: int = 20 if JIT_DISABLED else 700) -> int | None:
    """The length of a shortest completion by trying all bytes, if it is below ``most``; None where there is none.

    Configurations are states, so that each is visited once.  Gives up (None) after ``budget`` of them.
    """
    machine = matcher._machine
    seen = {matcher.configuration}
    level = [matcher.configuration]
    for length in range(most):
        following = []
        for configuration in level:
            if machine.is_accepting(configuration):
                return length
            budget -= 1
            if budget < 0:
                return None
            allowed, _ = machine.next_bytes(configuration)
            for byte in np.flatnonzero(allowed).astype(np.uint8):
                reached = machine.advance(configuration, np.array([byte], np.uint8))
                if reached not in seen:
                    seen.add(reached)
                    following.append(reached)
        level = following
    return None


def is_inside_an_escape(text: bytes) -> bool:
    """Whether ``text`` stops within an escape sequence of a string, or after a lone high surrogate."""
    end = len(text.rstrip(b"\\"))
    if (len(text) - end) % 2:
        return True
    tail = text[-10:]
    at = tail.rfind(b"\\u")
    return at >= 0 and (len(tail) - at < 6 or tail[at + 2 : at + 3] in b"dD") and b'"' not in tail[at:]


def check(compiled: gl.CompiledGrammar, prefix: bytes) -> bytes:
    matcher = compiled.matcher()
    assert matcher.accept_bytes(prefix) == len(prefix)
    completion = matcher.shortest_completion()
    assert (matcher.steps, completion == b"") == (1 if prefix else 0, matcher.is_accepting)
    reader = matcher.fork()
    assert reader.accept_bytes(completion) == len(completion), (prefix, completion)
    assert reader.is_accepting, (prefix, completion)
    if not is_inside_an_escape(prefix):
        assert shortest_by_search(matcher, len(completion)) is None, (prefix, completion)
    return completion


@settings(max_examples=4 if JIT_DISABLED else 80)
@given(st.data())
def test_completions_of_random_schemas(data: st.DataObject) -> None:
    schema = data.draw(schemas(2020), label="schema")
    order = data.draw(st.sampled_from(("any", "schema")), label="order")
    try:
        compiled = gl.compile(gl.JsonSchema(schema, order=order, whitespace="compact"))
    except (gl.UnsatisfiableSchema, gl.LimitExceeded):
        return
    generator = random.Random(data.draw(st.integers(0, 10_000), label="seed"))
    texts = [compiled.sample(generator.randrange(1000), size=generator.randrange(30)).encode()]
    text = data.draw(spellings(data.draw(instances(schema))), label="text").encode()
    texts.append(text[: compiled.matcher().accept_bytes(text)])
    for text in texts:
        for at in sorted({0, len(text), *(generator.randrange(len(text) + 1) for _ in range(3))}):
            completion = check(compiled, text[:at])
            whole = text[:at] + completion
            assert compiled.accepts(whole)
            try:
                assert SchemaOracle(schema).accepts(whole.decode()), whole
            except RecursionError:
                pass  # a schema that refers to itself in place: the oracle has no verdict


@pytest.mark.parametrize("name", SOURCES)
def test_completions_of_every_kind_of_source(name: str) -> None:
    compiled = gl.compile(SOURCES[name])
    generator = random.Random(name)
    for _ in range(1 if JIT_DISABLED else 3):
        text = compiled.sample(generator.randrange(1000), size=25).encode()
        for at in sorted({0, len(text), *(generator.randrange(len(text) + 1) for _ in range(5))}):
            check(compiled, text[:at])


@pytest.mark.parametrize(
    ("schema", "prefix", "completion"),
    [
        (True, b"", b"0"),
        ({"type": "string"}, b"", b'""'),
        ({"type": "string", "minLength": 3}, b'"a', b'  "'),
        ({"type": "string", "pattern": "^a{3}$"}, b'"a', b'aa"'),
        ({"type": "string", "pattern": "^\\n$"}, b'"', b'\\n"'),
        ({"required": ["a", "b"], "type": "object"}, b'{"b":1', b',"a":0}'),
        ({"minItems": 3, "type": "array"}, b"[1", b",0,0]"),
        ({"minimum": 1000, "type": "integer"}, b"", b"1e3"),
        ({"minimum": 1000, "type": "integer"}, b"9", b"e3"),
        ({"multipleOf": 7, "minimum": 1, "type": "integer"}, b"1", b"4"),
        ({"const": 12.5}, b"1", b"2.5"),
        ({"enum": ["long one", "long", 123]}, b'"l', b'ong"'),
        ({"items": {"required": ["n"]}, "type": "array", "minItems": 1}, b"[[{", b"}]]"),
        (
            {"anyOf": [{"required": ["a", "b"]}, {"properties": {"a": {"type": "string"}}}], "type": "object"},
            b'{"a":1',
            b',"b":0}',
        ),
    ],
)
def test_completions(schema: Any, prefix: bytes, completion: bytes) -> None:
    compiled = gl.compile(gl.JsonSchema(schema, whitespace="compact"))
    found = check(compiled, prefix)
    assert len(found) == len(completion), found


def test_completions_of_deep_recursion() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "v": {"type": "integer"}}, "required": ["v"]}
    compiled = gl.compile(gl.JsonSchema(node, whitespace="compact"))
    prefix = b'{"next":' * 500
    matcher = compiled.matcher()
    assert matcher.accept_bytes(prefix) == len(prefix)
    assert matcher.shortest_completion() == b'{"v":0}' + b',"v":0}' * 500


# ---- random texts


@settings(max_examples=4 if JIT_DISABLED else 60)
@given(st.data())
def test_random_texts_are_valid(data: st.DataObject) -> None:
    schema = data.draw(schemas(2020), label="schema")
    order = data.draw(st.sampled_from(("any", "schema")), label="order")
    whitespace = data.draw(st.sampled_from(("bounded", "compact", "any")), label="whitespace")
    try:
        compiled = gl.compile(gl.JsonSchema(schema, order=order, whitespace=whitespace))
    except (gl.UnsatisfiableSchema, gl.LimitExceeded):
        return
    oracle = SchemaOracle(schema)
    for seed in range(3):
        text = compiled.sample(seed, size=data.draw(st.sampled_from((1, 20, 80))))
        assert compiled.accepts(text), text
        try:
            assert oracle.accepts(text), text
        except RecursionError:
            pass


@pytest.mark.parametrize("name", SOURCES)
def test_random_texts_repeat_and_differ(name: str) -> None:
    compiled = gl.compile(SOURCES[name])
    texts = [compiled.sample(seed, size=40) for seed in range(12)]
    assert all(compiled.accepts(text) for text in texts)
    fresh = gl.compile(SOURCES[name])
    assert [fresh.sample(seed, size=40) for seed in reversed(range(12))] == texts[::-1]
    assert len(set(texts)) > 2
    if isinstance(SOURCES[name], gl.JsonSchema | gl.AnyJson):
        assert all(compiled.parse(text) == json.loads(text) for text in texts)
