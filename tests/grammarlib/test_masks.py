"""A mask is the set of tokens that ``accept_token`` takes: every token, every step, cold and kept."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.oracles.matcher import hard_vocabulary, mask_of, read_by, taken_by
from tests.strategies.schemas import schemas
from tests.strategies.vocabularies import vocabularies


@pytest.fixture(scope="module", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The index of each test vocabulary goes to a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAMMARLIB_CACHE_DIR", str(tmp_path_factory.mktemp("index")))
        yield


TREE = {
    "$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}}},
    "$ref": "#/$defs/node",
}
OPEN_OBJECT = {"properties": {"a": {"type": "integer"}, "ab": {"type": "string"}, "é": {}}, "required": ["a"]}
CLOSED_OBJECT = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "xy", "é"]}, 'q"\n': {"type": "null"}},
    "required": ["b"],
    "additionalProperties": False,
}
TRACKS = {
    "anyOf": [
        {"type": "object", "properties": {"k": {"const": "a"}, "v": {"type": "integer"}}, "required": ["k", "v"]},
        {"type": "object", "properties": {"k": {"const": "b"}, "v": {"type": "string"}}, "required": ["v"]},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
        {"type": "array", "items": {"maxLength": 1}, "minItems": 3},
    ]
}
NESTED_ARRAYS = {
    "$defs": {
        "t": {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/$defs/t"}, "maxItems": 2},
                {"type": "array", "items": {"$ref": "#/$defs/t"}, "minItems": 1, "maxItems": 4},
                {"type": "array", "maxItems": 0},
                {"type": "integer"},
            ]
        }
    },
    "$ref": "#/$defs/t",
}
STRINGS = {
    "type": "array",
    "prefixItems": [
        {"type": "string", "maxLength": 5},
        {"type": "string", "minLength": 2, "maxLength": 3},
        {"type": "string", "pattern": "^(ab|é)+$"},
        {"type": "string", "pattern": "😀", "maxLength": 4},
        {"type": "string", "minLength": 3},
        {"type": "string", "pattern": r"^[\w. -]*$", "maxLength": 20},
    ],
    "items": {"enum": ["ab", "abc", "é\n", "😀", 1, 10, None]},
}
NUMBERS = {
    "type": "array",
    "prefixItems": [
        {"type": "integer", "minimum": -5, "maximum": 120},
        {"type": "number", "exclusiveMinimum": 0.5, "maximum": 2},
        {"multipleOf": 0.25, "type": "number"},
        {"type": "number"},
        {"type": "integer"},
    ],
    "items": {"anyOf": [{"type": "integer", "multipleOf": 7}, {"type": "string", "maxLength": 2}]},
}

SOURCES: dict[str, Any] = {
    "any json": gl.AnyJson(),
    "any json, any whitespace": gl.AnyJson(whitespace="any"),
    "tree": gl.JsonSchema(TREE),
    "open object": gl.JsonSchema(OPEN_OBJECT),
    "closed object": gl.JsonSchema(CLOSED_OBJECT),
    "closed object, fixed order": gl.JsonSchema(CLOSED_OBJECT, order="schema"),
    "open object, fixed order, compact": gl.JsonSchema(OPEN_OBJECT, order="schema", whitespace="compact"),
    "tracks": gl.JsonSchema(TRACKS),
    "tracks, fixed order": gl.JsonSchema(TRACKS, order="schema"),
    "nested arrays": gl.JsonSchema(NESTED_ARRAYS, whitespace="compact"),
    "strings": gl.JsonSchema(STRINGS),
    "numbers": gl.JsonSchema(NUMBERS),
    "scalar": gl.JsonSchema({"type": ["string", "number"], "maxLength": 3, "minimum": 7}),
    "regex words": gl.Regex(r"[a-z]+( [a-z]+)*"),
    "regex any": gl.Regex(r"(?s).*"),
    "regex counted": gl.Regex(r"(ab|é|😀){2,4}x?"),
    "regex lookahead": gl.Regex(r"(?!.*ab)[ab\n ]{0,12}"),
    "regex date": gl.Regex(r"\d{4}-\d\d-\d\dT?"),
    "choice": gl.Choice(["yes", "yes please", "no", "😀", "été"]),
}
if hasattr(gl, "Lark"):
    SOURCES["lark arithmetic"] = gl.Lark('start: start "+" start | start "*" start | "(" start ")" | /[0-9]+/\n')
    SOURCES["lark ignore"] = gl.Lark('start: "a" start "b" | "ab"\n%ignore " "\n')
if hasattr(gl, "Ebnf"):
    SOURCES["ebnf"] = gl.Ebnf('root ::= "[" (root ("," root)*)? "]" | [a-cé]+ | "\\"" [^"]* "\\""\n')


def prepared(source: Any, seed: int = 0) -> tuple[gl.CompiledGrammar, gl.Vocabulary]:
    """``source`` compiled for a vocabulary made of pieces of its own texts."""
    bare = gl.compile(source)
    texts = [bare.sample(seed * 100 + number, size=60).encode() for number in range(8)]
    if isinstance(source, gl.JsonSchema | gl.AnyJson):
        texts += [b'","a":1,"a":', b'{"a":1,"a":2}', b'"a":1,"\\u0061":', b'","b":"x","b":', b'\\ud83d\\ude00"', b"}}]"]
        texts += [b'{"z":1,"y":1,"z":0}', b"]]]]]],[[[[[[", b"1],[[2]],3]]", b"\n  ", b"\n\t\t", b'\\"\\', b'": "']
    vocabulary = hard_vocabulary(texts, seed)
    return gl.compile(source, vocabulary), vocabulary


def check(matcher: gl.Matcher, vocabulary: gl.Vocabulary) -> set[int]:
    mask = mask_of(matcher, vocabulary)
    taken = taken_by(matcher, vocabulary)
    assert mask == taken, {
        token_id: vocabulary.tokens[token_id] if token_id < vocabulary.size else None for token_id in mask ^ taken
    }
    return mask


def step(generator: random.Random, matcher: gl.Matcher, vocabulary: gl.Vocabulary, mask: set[int]) -> list[int]:
    """Accept a token of the mask and return it: often a long one; none where only eos is allowed."""
    text = sorted(mask - set(vocabulary.eos_token_ids), key=lambda token: (-len(vocabulary.tokens[token] or b""), token))
    if not text:
        return []
    token_id = generator.choice(text[:12] if generator.random() < 0.5 else text)
    assert matcher.accept_token(token_id)
    return [token_id]


@pytest.mark.parametrize("name", SOURCES)
def test_mask_is_what_accept_token_takes(name: str) -> None:
    compiled, vocabulary = prepared(SOURCES[name])
    generator = random.Random(name)
    for _ in range(1 if JIT_DISABLED else 3):
        matcher = compiled.matcher()
        for _ in range(4 if JIT_DISABLED else 12):
            mask = check(matcher, vocabulary)
            assert mask, matcher.shortest_completion()
            if not step(generator, matcher, vocabulary, mask):
                break


@pytest.mark.parametrize("name", SOURCES)
def test_mask_is_the_same_cold_and_kept(name: str) -> None:
    compiled, vocabulary = prepared(SOURCES[name], 1)
    generator = random.Random(name)
    for _ in range(1 if JIT_DISABLED else 2):
        matcher = compiled.matcher()
        tokens: list[int] = []
        for _ in range(3 if JIT_DISABLED else 8):
            mask = mask_of(matcher, vocabulary)
            assert mask == mask_of(matcher, vocabulary)
            fresh = gl.compile(SOURCES[name], vocabulary).matcher()
            assert fresh.accept_tokens(tokens) == len(tokens)
            assert mask_of(fresh, vocabulary) == mask
            # In another order of questions: first every token, then the mask.
            other = gl.compile(SOURCES[name], vocabulary).matcher()
            assert other.accept_tokens(tokens) == len(tokens)
            assert read_by(other, vocabulary) == mask
            assert mask_of(other, vocabulary) == mask
            chosen = step(generator, matcher, vocabulary, mask)
            if not chosen:
                break
            tokens += chosen
