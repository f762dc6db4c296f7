"""Random schemas over every keyword, against python-jsonschema: verdicts, masks, walks, key orders, spellings.

More examples: ``HYPOTHESIS_PROFILE=explore pytest tests/grammarlib/test_jsonschema_keywords.py``.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.grammarlib.test_machine import DRAFTS, WHITESPACES, Pair, near_misses, with_dialect
from tests.grammarlib.test_walks import FAR_NUMBER
from tests.oracles.json_schema import SchemaOracle
from tests.oracles.matcher import hard_vocabulary, mask_of, read_by
from tests.strategies.keyword_schemas import keyword_instances, keyword_schemas
from tests.strategies.schemas import spellings

ORDERS = st.sampled_from(("any", "schema"))
FEW = settings(max_examples=3 if JIT_DISABLED else 25)


def schemas_of(draft: int) -> st.SearchStrategy[Any]:
    """Schemas for which python-jsonschema is a judge: its unevaluatedProperties of 2019-09 takes schemas for names."""
    return keyword_schemas(draft, unevaluated=draft != 2019).map(lambda schema: with_dialect(schema, draft))


def compiled_or_none(schema: Any, vocabulary: gl.Vocabulary | None = None, **options: Any) -> gl.CompiledGrammar | None:
    """The compiled schema; None where nothing satisfies it."""
    try:
        return gl.compile(gl.JsonSchema(schema, **options), vocabulary)
    except gl.UnsatisfiableSchema:
        return None


def verdict(oracle: SchemaOracle, text: str) -> bool:
    """The oracle's verdict; none for a schema that refers to itself in place, where it does not come to an end."""
    try:
        return oracle.accepts(text)
    except RecursionError:
        assume(False)
    except BaseException as error:
        assume(type(error).__name__ != "PanicException")  # of `rpds`, on the same occasion
        raise
    raise AssertionError


@pytest.mark.parametrize("draft", DRAFTS)
@given(st.data())
def test_verdicts_agree_with_python_jsonschema(draft: int, data: st.DataObject) -> None:
    schema = data.draw(schemas_of(draft), label="schema")
    compiled = compiled_or_none(schema)
    oracle = SchemaOracle(schema)
    for _ in range(4):
        text = data.draw(spellings(data.draw(keyword_instances(schema))), label="text")
        assert (compiled is not None and compiled.accepts(text)) == verdict(oracle, text)


@FEW
@given(st.data())
def test_next_bytes_are_the_twins_after_every_prefix(data: st.DataObject) -> None:
    draft = data.draw(st.sampled_from(DRAFTS))
    schema = data.draw(keyword_schemas(draft).map(lambda schema: with_dialect(schema, draft)), label="schema")
    try:
        pair = Pair(schema, order=data.draw(ORDERS), whitespace=data.draw(st.sampled_from(WHITESPACES)))
    except gl.UnsatisfiableSchema:
        return
    text = data.draw(spellings(data.draw(keyword_instances(schema))), label="text").encode("utf-8", "surrogatepass")
    pair.follow(data.draw(near_misses(text), label="near"))
    pair.follow(pair.walk(random.Random(data.draw(st.integers(0, 10_000), label="seed")), 25))


@FEW
@given(st.data())
def test_masks_are_what_can_be_read(data: st.DataObject) -> None:
    schema = data.draw(schemas_of(data.draw(st.sampled_from(DRAFTS))), label="schema")
    text = data.draw(spellings(data.draw(keyword_instances(schema))), label="text").encode("utf-8", "surrogatepass")
    vocabulary = hard_vocabulary([text, b'{"a":1,"b":[1,1],"ab":"a"}', b'[1,"a",{"b":null}]', b'":1,"b":1,"'], 1, 30)
    compiled = compiled_or_none(schema, vocabulary, order=data.draw(ORDERS))
    assume(compiled is not None)
    assert compiled is not None
    for _ in range(2):
        matcher = compiled.matcher()
        matcher.accept_bytes(text[: data.draw(st.integers(0, len(text)), label="prefix")])
        assert mask_of(matcher, vocabulary) == read_by(matcher, vocabulary)


@given(st.data())
def test_walks_end_in_valid_texts(data: st.DataObject) -> None:
    schema = data.draw(schemas_of(data.draw(st.sampled_from(DRAFTS))), label="schema")
    compiled = compiled_or_none(schema, order=data.draw(ORDERS, label="order"))
    assume(compiled is not None)
    assert compiled is not None
    oracle = SchemaOracle(schema)
    for size in (0, 5, 20, 40):
        try:
            text = compiled.sample(data.draw(st.integers(0, 10_000), label="seed"), size=size)
        except AssertionError:
            assert not compiled.report.dead_end_free
            return
        assert compiled.accepts(text)
        if not FAR_NUMBER.search(text.encode()):  # the oracle writes numbers out
            assert verdict(oracle, text), text


def permuted(value: Any, generator: random.Random) -> Any:
    """The value with the members of every object in another order."""
    if isinstance(value, dict):
        names = generator.sample(list(value), len(value))
        return {name: permuted(value[name], generator) for name in names}
    return [permuted(item, generator) for item in value] if isinstance(value, list) else value


@given(st.data())
def test_orders_and_ways_of_writing(data: st.DataObject) -> None:
    """A fixed order accepts a subset; an accepted value is accepted in every order and however it is written."""
    schema = data.draw(schemas_of(data.draw(st.sampled_from(DRAFTS))), label="schema")
    free = compiled_or_none(schema)
    assume(free is not None)
    assert free is not None
    fixed = compiled_or_none(schema, order="schema")
    assert fixed is not None, "a value that satisfies the schema can be written in its order"
    loose = compiled_or_none(schema, whitespace="any")
    assert loose is not None
    generator = random.Random(data.draw(st.integers(0, 10_000)))
    for _ in range(3):
        value = data.draw(keyword_instances(schema), label="instance")
        plain = json.dumps(value)
        accepted = free.accepts(plain)
        for _ in range(3):
            text = json.dumps(permuted(value, generator))
            assert free.accepts(text) == accepted, text
            assert accepted or not fixed.accepts(text), text
        if "draft-04" not in str(schema):  # there it matters how an integer is written
            text = data.draw(spellings(value), label="text")
            assert free.accepts(text) == accepted
        if '"' not in plain:
            spaced = plain.translate({ord(c): f"\r\n {c} \t" for c in "[],"}).strip()
            assert loose.accepts(spaced) == accepted
