"""A mask is the set of tokens that ``accept_token`` takes: every token, every step, cold and kept."""

from __future__ import annotations

import itertools
import random
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.oracles.matcher import hard_vocabulary, mask_of, read_by, taken_by
from tests.strategies.schemas import instances, schemas, spellings
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
    "regex words of bounded length": gl.Regex(r"[a-zé]{1,45}( [a-z]{2,40})?\.?"),
    "names of bounded length": gl.JsonSchema(
        {
            "type": "object",
            "patternProperties": {"^[a-z_-]{0,50}$": {"type": "integer"}, "^[a-z]{36}": {"minimum": 3}},
            "additionalProperties": {"type": "string", "pattern": "^[^/]{3,60}$", "maxLength": 70},
        }
    ),
    "names of bounded length, no others": gl.JsonSchema(
        {
            "type": "object",
            "patternProperties": {"^[a-z_-]{0,50}$": {"pattern": "^([a-z ]{1,35}é){1,3}$", "type": "string"}},
            "additionalProperties": False,
        }
    ),
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
    text = sorted(
        mask - set(vocabulary.eos_token_ids), key=lambda token: (-len(vocabulary.tokens[token] or b""), token)
    )
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


@settings(max_examples=4 if JIT_DISABLED else 50)
@given(st.data())
def test_masks_of_random_schemas(data: st.DataObject) -> None:
    schema = data.draw(schemas(2020), label="schema")
    order = data.draw(st.sampled_from(("any", "schema")), label="order")
    whitespace = data.draw(st.sampled_from(("bounded", "compact", "any")), label="whitespace")
    texts = [data.draw(spellings(data.draw(instances(schema))), label="text").encode() for _ in range(3)]
    seed = data.draw(st.integers(0, 10_000), label="seed")
    source = gl.JsonSchema(schema, order=order, whitespace=whitespace)
    vocabulary = hard_vocabulary(texts, seed, size=60)
    try:
        matcher = gl.compile(source, vocabulary).matcher()
    except (gl.UnsatisfiableSchema, gl.LimitExceeded):
        return
    generator = random.Random(seed)
    for _ in range(6):
        mask = check(matcher, vocabulary)
        assert mask
        if not step(generator, matcher, vocabulary, mask):
            break


@settings(max_examples=5 if JIT_DISABLED else 40)
@given(vocabularies(), st.sampled_from(sorted(SOURCES)), st.integers(0, 10_000))
def test_masks_of_random_vocabularies(vocabulary: gl.Vocabulary, name: str, seed: int) -> None:
    # Bytes may be missing, so that a mask may be empty; there may be no token, no eos, eos with bytes.
    compiled = gl.compile(SOURCES[name], vocabulary)
    text = gl.compile(SOURCES[name]).sample(seed, size=20).encode()
    for at in range(0, len(text) + 1, 2):
        matcher = compiled.matcher()
        assert matcher.accept_bytes(text[:at]) == at
        assert mask_of(matcher, vocabulary) == taken_by(matcher, vocabulary) == read_by(matcher, vocabulary)


# ---- a real vocabulary

FREE = {"type": "object", "properties": {"name": {}, "n": {"type": "integer"}, "names": {}}, "required": ["n"]}
POSITIONS: list[tuple[str, Any, bytes]] = [
    ("start of any json", True, b""),
    ("any string", True, b'["some words'),
    ("any string, after a backslash", True, b'["a\\'),
    ("any string, in a unicode escape", True, b'["a\\u0'),
    ("any string, after a high surrogate", True, b'["\\ud83d'),
    ("any string, in the middle of a character", True, b'["' + "😀".encode()[:2]),
    ("any key", True, b'{"key'),
    ("any key, after a used one", True, b'{"key":1,"ke'),
    ("key of an open object", FREE, b'{"na'),
    ("key of an open object, in a listed one", FREE, b'{"name'),
    ("first byte of a key of an open object", FREE, b'{"'),
    ("key of a closed object", {**FREE, "additionalProperties": False}, b'{"n'),
    ("maxLength, one left", {"maxLength": 5, "type": "string"}, b'"abcd'),
    ("maxLength, none left", {"maxLength": 5, "type": "string"}, b'"abcde'),
    ("maxLength, twenty left", {"maxLength": 25, "type": "string"}, b'"abcde'),
    ("minLength", {"minLength": 9, "type": "string"}, b'"a'),
    ("pattern", {"pattern": r"^[A-Z][a-z]+( [a-z]+)*$", "type": "string"}, b'"Some w'),
    ("pattern with a maximum", {"pattern": "^[a-zA-Zé ]*$", "maxLength": 12, "type": "string"}, b'"S\xc3\xa9 mex'),
    ("pattern with a maximum, in a character", {"pattern": "^[é-ü]*$", "maxLength": 3}, b'"\xc3\xa9\xc3'),
    ("a number within bounds", {"type": "number", "minimum": -3, "maximum": 120.5}, b"1"),
    ("an integer", {"items": {"type": "integer", "multipleOf": 3}}, b"[1"),
    ("any number", True, b"[12"),
    ("any number, after the point", True, b"[1."),
    ("any number, after the exponent", True, b"[1.5e"),
    ("any number, zero", True, b'{"a":-0'),
    ("any integer", {"items": {"type": "integer"}}, b"[12"),
    ("any integer, with a fraction", {"items": {"type": "integer"}}, b"[1.25"),
    ("a positive number", {"properties": {"a": {"minimum": 0}}}, b'{"a":1'),
    ("a number at the root", {"type": "number"}, b"1"),
    ("a name after a name", True, b'{"a":1,"'),
    ("an enum", {"enum": ["red", "reddish", "green", 1, 12, None]}, b'"re'),
    ("an enum, start", {"enum": ["red", "reddish", "green", 1, 12, None]}, b""),
    ("after a value", True, b'{"a":[{"b":"c"'),
    ("after a newline", True, b"{\n    "),
    ("after the last value", True, b'{"a":1}'),
]


@pytest.fixture(scope="module")
def large(shared: Path) -> gl.Vocabulary:
    path = shared / "tokenizers" / "deepseek-v3.json"
    if not path.is_file():
        pytest.skip("the tokenizer is absent")
    return gl.Vocabulary.from_huggingface(path, eos_token_ids=[1], self_check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("schema", "prefix"), [row[1:] for row in POSITIONS], ids=[row[0] for row in POSITIONS])
def test_masks_of_a_real_vocabulary(large: gl.Vocabulary, schema: Any, prefix: bytes) -> None:
    compiled = gl.compile(gl.JsonSchema(schema), large)
    matcher = compiled.matcher()
    assert matcher.accept_bytes(prefix) == len(prefix)
    mask = mask_of(matcher, large)
    allowed = set(matcher.next_bytes())
    # A token whose first byte may not come need not be asked: that is `next_bytes`, tested against the twin.
    expected = {1} if matcher.is_accepting else set()
    expected |= {
        token_id
        for token_id, data in large.text_tokens()
        if data[0] in allowed and matcher.validate_tokens((token_id,)) == 1
    }
    assert mask == expected


@pytest.mark.slow
@pytest.mark.parametrize("pattern", [r"(?s).*", r"[a-z ]+\.", r"\d{3}-\d{2}", r"(?i)(yes|no|maybe)!?", r"[^\n]{0,30}"])
def test_masks_of_a_real_vocabulary_for_a_pattern(large: gl.Vocabulary, pattern: str) -> None:
    compiled = gl.compile(gl.Regex(pattern), large)
    text = compiled.sample(3, size=12).encode()
    for at in (0, len(text) // 2):
        matcher = compiled.matcher()
        assert matcher.accept_bytes(text[:at]) == at
        expected = {1} if matcher.is_accepting else set()
        expected |= {token_id for token_id, _ in large.text_tokens() if matcher.validate_tokens((token_id,)) == 1}
        assert mask_of(matcher, large) == expected


@pytest.mark.skipif(JIT_DISABLED, reason="tens of thousands of tokens")
def test_a_walk_is_continued_where_rows_were_missing() -> None:
    """Each byte of a token leads to a row of its own, and more subtrees wait for one than a walk keeps (1,024)."""
    letters = string.ascii_lowercase + string.digits
    words = ["".join(word) for length in (1, 3) for word in itertools.product(letters, repeat=length)]
    words += [word + end for word in words[::7] for end in ("", "-", "-a", "9", "-99", "99")]
    words += [word[:2] + "-" + word[2:] for word in words[::5]]
    tokens: list[bytes | None] = [*(word.encode() for word in words), None]
    vocabulary = gl.Vocabulary(tokens, eos_token_ids=[len(tokens) - 1])
    compiled = gl.compile(gl.Regex(r"[a-z0-9]{4}(-[a-l]|[b-z]{3})[a-c]*|[a-z0-9]{12}"), vocabulary)
    prefixes = re.compile(r"[a-z0-9]{0,12}|[a-z0-9]{4}-([a-l][a-c]*)?|[a-z0-9]{4}[b-z]{0,2}|[a-z0-9]{4}[b-z]{3}[a-c]*")
    for text in ("", "a", "bc", "bc9", "bcab", "bcab-", "bcabc", "abcdefg", "bcab9" + "l" * 6):
        matcher = compiled.matcher()
        assert matcher.accept_bytes(text.encode()) == len(text)
        expected = {number for number, word in enumerate(words) if prefixes.fullmatch(text + word)}
        assert mask_of(matcher, vocabulary) - {len(words)} == expected, text


def test_names_that_were_used_around_and_inside() -> None:
    """The used names of one object are not those of the object in it, nor of a text that forked off."""
    text = b'{"ab":1,"b":{"abc":1,"a":{"ab":0},"b":2,"ac":{}},"abc":{"ab":{"":1,"a":1}},"a":3,"c":0}'
    pieces = [b'ab":', b'a":1,"ab":1', b'c":', b'":1,"b":', b'bc":{"', b'":{},"a":']
    vocabulary = hard_vocabulary([text, *pieces], 5, 30)
    compiled = gl.compile(gl.AnyJson(), vocabulary)
    matcher, fork = compiled.matcher(), compiled.matcher()
    for at in range(len(text)):
        assert matcher.accept_bytes(text[at : at + 1]) == 1
        if text[at] in b'"abc,':
            assert mask_of(matcher, vocabulary) == read_by(matcher, vocabulary), text[: at + 1]
        if at == text.index(b'"b":2'):
            fork = matcher.fork()
    for byte in b'c":1,"d":{"ab":1,"':
        assert fork.accept_bytes(bytes((byte,))) == 1
        assert mask_of(fork, vocabulary) == read_by(fork, vocabulary)


FREE_STRINGS: tuple[tuple[Any, bytes], ...] = (
    ({"type": "string"}, b'"'),
    ({"type": "string", "minLength": 2}, 'é"é'.encode()[2:] + b"b"),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, b'{"a":"x'),
    ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}, b'["a","'),
)


@pytest.mark.parametrize(("schema", "prefix"), FREE_STRINGS)
def test_plain_tokens_leave_free_strings_as_they_are(
    schema: Any, prefix: bytes, small_vocabulary: gl.Vocabulary
) -> None:
    """What `Matcher.accept_token` takes for granted there, byte by byte; tokens cut inside characters do not."""
    matcher = gl.compile(schema, small_vocabulary).matcher()
    assert matcher.accept_bytes(prefix) == len(prefix)
    mask_of(matcher, small_vocabulary)
    masks, tables = matcher._masks, matcher._tables
    assert masks is not None and tables is not None and matcher.configuration in masks.free_text
    plain = {token_id for token_id, data in small_vocabulary.text_tokens() if is_plain_text(data)}
    assert {token_id for token_id in range(tables.size) if tables.plain_tokens[token_id]} == plain
    for token_id, data in small_vocabulary.text_tokens():
        after = matcher._machine.read(matcher.configuration, data)
        if token_id in plain:
            assert after == (matcher.configuration, len(data)), data
        fork = matcher.fork()
        assert fork.accept_token(token_id) == (after[1] == len(data))
        assert not fork.steps > matcher.steps or fork.configuration == after[0]


def is_plain_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return bool(text) and not any(character < " " or character in '"\\' for character in text)


@pytest.mark.parametrize(
    "schema",
    [{"type": "string", "maxLength": 9}, {"type": "string", "minLength": 5}, {"type": "string", "pattern": "a"}],
)
def test_counted_and_patterned_strings_are_not_free(schema: Any, small_vocabulary: gl.Vocabulary) -> None:
    matcher = gl.compile(schema, small_vocabulary).matcher()
    matcher.accept_bytes(b'"b')
    mask_of(matcher, small_vocabulary)
    assert matcher._masks is not None and not matcher._masks.free_text
