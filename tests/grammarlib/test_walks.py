"""Random walks through masks: never an empty mask, never a dead end, always a valid text.

A walk draws tokens from the mask as a model without any taste would.  After its budget it follows the shortest
completion, byte by byte through tokens, and the text must be accepted and valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.grammarlib.test_masks import SOURCES
from tests.oracles.json_schema import SchemaOracle
from tests.oracles.masks import bits_of
from tests.oracles.matcher import hard_vocabulary

MORE: dict[str, Any] = {
    "draft 4": gl.JsonSchema(
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "properties": {"n": {"type": "integer", "minimum": 1, "exclusiveMinimum": True}, "s": {"pattern": "^a+$"}},
            "required": ["s"],
            "type": "object",
        }
    ),
    "required and recursive": gl.JsonSchema(
        {
            "$defs": {
                "tree": {
                    "type": "object",
                    "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "minItems": 1}},
                    "anyOf": [{"required": ["kids"]}, {"required": ["leaf"], "properties": {"leaf": {"const": True}}}],
                    "additionalProperties": {"type": "boolean"},
                }
            },
            "$ref": "#/$defs/tree",
        }
    ),
    "all of": gl.JsonSchema(
        {
            "allOf": [{"required": ["a"]}, {"properties": {"a": {"minimum": 5, "multipleOf": 1.5}}}],
            "type": "object",
            "properties": {"a": {"type": "number", "maximum": 40}, "b": {"enum": [1.5, "x", ["y"], {"z": None}]}},
            "maxProperties": 3,
        }
    ),
    "unique texts": gl.JsonSchema({"type": "object", "additionalProperties": {"type": "string", "maxLength": 2}}),
    "tuples": gl.JsonSchema({"prefixItems": [{"type": "null"}, {"const": "é\n"}], "items": False, "minItems": 2}),
    "bounds": gl.JsonSchema({"type": "array", "items": {"minimum": -0.5, "exclusiveMaximum": 1e3, "type": "number"}}),
}


def _supported(source: Any) -> bool:
    try:
        gl.compile(source)
    except gl.UnsupportedFeature:
        return False
    return True


WALKED = SOURCES | {name: source for name, source in MORE.items() if _supported(source)}
FAR_NUMBER = re.compile(rb"[0-9][eE][+-]?0*[0-9]{4}")
PER_SOURCE = 2 if JIT_DISABLED else 12


def walks(name: str, count: int, seed: int) -> Iterator[bytes]:
    """``count`` texts from walks through the masks of one compiled source, each checked on its way."""
    source = WALKED[name]
    bare = gl.compile(source)
    pieces = [bare.sample(number, size=60).encode() for number in range(20)]
    vocabulary = hard_vocabulary([*pieces, b'","a":1,"a":', b'","b":'], seed, size=200)
    tokens = vocabulary.tokens
    single = {data: token_id for token_id, data in enumerate(tokens[:256])}
    eos = set(vocabulary.eos_token_ids)
    compiled = gl.compile(source, vocabulary)
    bitmask = gl.allocate_bitmask(1, vocabulary.logits_width)
    generator = np.random.default_rng(seed)
    for _ in range(count):
        matcher = compiled.matcher()
        text = bytearray()
        budget = int(generator.integers(1, 60))
        while budget and not matcher.is_terminated:
            budget -= 1
            matcher.fill_bitmask(bitmask)
            mask = sorted(bits_of(bitmask[0].tolist()))
            assert mask, bytes(text)
            assert matcher.is_accepting == (not eos.isdisjoint(mask)), bytes(text)
            for _ in range(20):  # few tokens of 300 bytes and few endless exponents
                token_id = int(generator.choice(mask))
                data = tokens[token_id] or b""
                if len(data) < 100 and not FAR_NUMBER.search(text[-8:] + data):
                    break
            assert matcher.accept_token(token_id), (bytes(text), tokens[token_id])
            if token_id not in eos:
                text += tokens[token_id] or b""
        if not matcher.is_terminated:
            completion = matcher.shortest_completion()
            for at in range(len(completion)):
                matcher.fill_bitmask(bitmask)
                token_id = single[completion[at : at + 1]]
                assert token_id in bits_of(bitmask[0].tolist()), (bytes(text), completion)
                assert matcher.accept_token(token_id)
            text += completion
            matcher.fill_bitmask(bitmask)
            assert eos <= bits_of(bitmask[0].tolist()), bytes(text)
            assert matcher.accept_token(min(eos))
        yield bytes(text)


def check(name: str, count: int, seed: int) -> int:
    source = WALKED[name]
    fresh = gl.compile(source)
    oracle = None
    if isinstance(source, gl.JsonSchema | gl.AnyJson):
        oracle = SchemaOracle(source.schema if isinstance(source, gl.JsonSchema) else True)
    seen = judged = 0
    for text in walks(name, count, seed):
        assert fresh.accepts(text), text
        # The oracle writes numbers out: no exponents of four digits and more.
        if oracle is not None and not FAR_NUMBER.search(text):
            assert oracle.accepts(text.decode()), text
            judged += 1
        seen += 1
    assert oracle is None or judged >= seen // 4
    return seen


@pytest.mark.parametrize("name", WALKED)
def test_walks_end_in_valid_texts(name: str) -> None:
    assert check(name, PER_SOURCE, 1) == PER_SOURCE


@pytest.mark.slow
@pytest.mark.parametrize("name", WALKED)
def test_ten_thousand_walks(name: str, pytestconfig: pytest.Config) -> None:
    if "slow" not in (pytestconfig.getoption("-m") or ""):
        pytest.skip('10,000 walks: run with -m slow (or -m "slow")')
    count = -(-10_000 // len(WALKED))
    assert check(name, count, 2) == count
