"""uniqueItems: the kernel's fingerprints against exact values, over tokens, rollbacks and forks."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.grammarlib.test_machine import Pair
from tests.oracles.json_machine import exact_value
from tests.oracles.matcher import hard_vocabulary, mask_of, read_by
from tests.strategies.schemas import spellings

UNIQUE = {"uniqueItems": True}
NESTED = {"type": "array", "items": {"anyOf": [UNIQUE, {"$ref": "#"}]}, "uniqueItems": True}

texts = st.sampled_from(("", "a", "b", "ab", "ba", "c", "1", "é", "\n", "\\n", '"', "𝄞", "\ud834", "null", "[]"))
numbers = st.sampled_from((0, 1, 10, 12, 120, -1, 0.5, 5, 1.5, 100, 10**21, 0.0001, -0.0))
scalars = st.one_of(st.none(), st.booleans(), texts, numbers)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=5,
)


def well_formed(text: str) -> str:
    """The text with lone surrogates escaped: JSON texts are UTF-8."""
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)


@pytest.fixture(scope="module")
def unique() -> gl.CompiledGrammar:
    return gl.compile(UNIQUE)


@given(st.data())
def test_items_are_equal_where_their_values_are(unique: gl.CompiledGrammar, data: st.DataObject) -> None:
    items = data.draw(st.lists(values, min_size=2, max_size=4), label="items")
    if data.draw(st.booleans()):
        again = data.draw(st.sampled_from(items))
        if isinstance(again, dict):
            again = dict(data.draw(st.permutations(list(again.items()))))
        items.insert(data.draw(st.integers(0, len(items))), again)
    written = [well_formed(data.draw(spellings(item))) for item in items]
    assume("00e-1" not in "".join(written))  # `spellings` moves the point of 0 as well
    differ = len({exact_value(text) for text in written}) == len(written)
    assert unique.accepts("[" + ", ".join(written) + "]") == differ


def test_small_values_have_different_fingerprints(unique: gl.CompiledGrammar) -> None:
    """All small values in one array: a collision by construction shows here."""
    small: list[Any] = [None, True, False, 0, 1, 10, 11, -1, 0.1, 0.01, 1.1, 5, 1e5, 1e40, 1e-40]
    small += ["", "a", "b", "ab", "ac", "c", "aa", "null", "true", "0", "1", "[]", "{}", '"', "\\"]
    level = [*small, [], {}]
    lists = [list(pair) for size in (1, 2) for pair in itertools.product(level, repeat=size)]
    deeper = [[[a], b] for a in small for b in small] + [[a, [b]] for a in small for b in small]
    deeper += [[[a, b]] for a in small for b in small] + [[[a], [b]] for a in small for b in small]
    deeper += [[["", a], ["b", c]] for a in small for c in small]
    names = ["", "a", "b", "ab", "ac"]
    objects = [{name: value} for name in names for value in level]
    objects += [{n: a, m: b} for n, m in itertools.combinations(names, 2) for a in level for b in level]
    objects += [{n: {m: a}} for n in names for m in names for a in level]
    objects += [{n: [a]} for n in names for a in level] + [[{n: a}] for n in names for a in level]
    everything = [*small, {}, *lists, *deeper, *objects]
    written = list(dict.fromkeys(json.dumps(value) for value in everything))
    by_value = {exact_value(text): text for text in written}
    whole = list(by_value.values())
    assert len(whole) > 3000
    if JIT_DISABLED:
        whole = whole[::40]
    matcher = unique.matcher()
    assert matcher.accept_bytes(b"[")
    for position, text in enumerate(whole):
        more = ("," if position else "").encode() + text.encode()
        assert matcher.accept_bytes(more) == len(more)
        if text[-1] not in '"]}el':  # a number is compared when it has ended
            assert matcher.accept_bytes(b" ") == 1, text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1", "1.0"),
        ("1", "10e-1"),
        ("100", "1e2"),
        ("1.50", "15E-01"),
        ("0", "-0"),
        ("0", "0.000e+99"),
        ("1e400", "10e399"),
        ("1e-400", "0.1e-399"),
        ('"a"', '"\\u0061"'),
        ('"\\n"', '"\\u000a"'),
        ('"/"', '"\\/"'),
        ('"𝄞"', '"\\ud834\\udd1e"'),
        ('"\\ud834"', '"\\uD834"'),
        ('{"a":1,"b":2}', '{"b":2.0,"\\u0061":1}'),
        ('[{"a":[1,{}]}]', '[ {"a" :[1.0,{ }]}]'),
        ('{"a":{"x":1,"y":2},"b":[]}', '{"b":[],"a":{"y":2,"x":1}}'),
    ],
)
def test_ways_of_writing_one_value(unique: gl.CompiledGrammar, first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        assert unique.accepts(f"[{one}]")
        assert not unique.accepts(f"[{one},{other}]")
        assert not unique.accepts(f"[null,{one}, false,{other} ,3]")
        assert unique.accepts(f"[[{one}],{other}]")
        assert not unique.accepts(f"[[{one}],[{other}]]")
        assert not unique.accepts(f'[{{"k":{one}}},{{"k":{other}}}]')
        assert unique.accepts(f'[{{"k":{one}}},{{"l":{other}}}]')


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1", "true"),
        ("0", "false"),
        ("1", '"1"'),
        ("0", "null"),
        ('""', "[]"),
        ("[]", "{}"),
        ("1", "-1"),
        ("1", "10"),
        ("1", "1e144115188075855872"),
        ("1e1", "1e-1"),
        ("0.1", "0.10000000000000000000000000000000000001"),
        ('"\\n"', '"\\\\n"'),
        ('"a"', '"A"'),
        ('"\\ud834\\udd1e"', '"\\udd1e\\ud834"'),
        ("[1,2]", "[2,1]"),
        ("[1,[2]]", "[[1],2]"),
        ("[[]]", "[[[]]]"),
        ('["","ab"]', '["a","b"]'),
        ('[[],["s","t"]]', '[["s"],["t"]]'),
        ('{"a":1,"b":2}', '{"a":2,"b":1}'),
        ('{"a":{"b":1}}', '{"b":{"a":1}}'),
        ('{"a":1}', '{"a":1,"b":null}'),
    ],
)
def test_values_that_differ(unique: gl.CompiledGrammar, first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        assert unique.accepts(f"[{one},{other}]")
        assert unique.accepts(f"[[{one}],[{other}]]")
        assert unique.accepts(f'[{{"k":{one}}},{{"k":{other}}}]')


@pytest.mark.parametrize("schema", [UNIQUE, NESTED, {"oneOf": [UNIQUE, {"minItems": 3}]}, {"not": UNIQUE}])
@settings(max_examples=2 if JIT_DISABLED else 12)
@given(data=st.data())
def test_next_bytes_are_the_twins(schema: Any, data: st.DataObject) -> None:
    pair = Pair(schema)
    items = data.draw(st.lists(values, min_size=1, max_size=3))
    items.append(data.draw(st.one_of(st.sampled_from(items), values)))
    text = "[" + ",".join(well_formed(data.draw(spellings(item))) for item in items) + "]"
    pair.follow(text.encode()[: 100 if JIT_DISABLED else 400])


@pytest.mark.parametrize("items", [None, {"enum": ["a", "b", 1, None]}, UNIQUE, {"type": "number", "minimum": 0}])
@settings(max_examples=2 if JIT_DISABLED else 15)
@given(data=st.data())
def test_masks_over_items_rollbacks_and_forks(items: Any, data: st.DataObject) -> None:
    """Tokens that cross the borders of items; a matcher that went back or was copied compares as one that did not."""
    schema = UNIQUE if items is None else {"type": "array", "items": items, "uniqueItems": True}
    drawn = data.draw(st.lists(st.one_of(scalars, values), min_size=2, max_size=4))
    text = ("[" + ",".join(well_formed(data.draw(spellings(item))) for item in drawn) + "]").encode()
    pieces = [text, b'[1,"a",[1],["a"]]', b'"],["', b"],[1],[", b'a","a","b', b"1,1.0,1e0,", b'["a",1,null,"b"]']
    vocabulary = hard_vocabulary(pieces, data.draw(st.integers(0, 3)), 40)
    compiled = gl.compile(schema, vocabulary)
    matcher = compiled.matcher()
    generator = random.Random(data.draw(st.integers(0, 1000)))
    taken: list[int] = []
    for _ in range(8):
        allowed = sorted(mask_of(matcher, vocabulary) - set(vocabulary.eos_token_ids))
        allowed = [token for token in allowed if len(vocabulary.tokens[token] or b"") < 30]
        if not allowed:
            break
        structural = [token for token in allowed if set(vocabulary.tokens[token] or b"") & set(b'],"[')]
        fork = matcher.fork()
        for token in generator.choices(allowed, k=2):
            assert fork.accept_token(token)
            fork.rollback(1)
        token = generator.choice(structural or allowed)
        assert matcher.accept_token(token)
        taken.append(token)
        assert fork.accept_token(token)
        matcher = generator.choice((matcher, fork))
    fresh = compiled.matcher()
    for token in taken:
        assert fresh.accept_token(token)
    mask = mask_of(matcher, vocabulary)
    assert mask == mask_of(fresh, vocabulary) == read_by(fresh, vocabulary)


def test_few_values_run_out() -> None:
    """Items from a finite set: a prefix is refused as soon as the values that are left do not suffice."""
    compiled = gl.compile({"type": "array", "items": {"enum": ["a", "b", 1]}, "uniqueItems": True, "minItems": 3})
    assert compiled.report.dead_end_free
    assert all(compiled.accepts(json.dumps(order)) for order in itertools.permutations(["a", "b", 1]))
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b'["a",1') == 6
    assert matcher.accept_bytes(b"]") == 0
    assert matcher.accept_bytes(b',"a') == 2  # only "b" is left
    assert matcher.accept_bytes(b'b"') == 2
    assert matcher.accept_bytes(b",") == 0
    for seed in range(20):
        value = json.loads(compiled.sample(seed, size=seed))
        assert len(value) == 3
    with pytest.raises(gl.UnsatisfiableSchema):
        gl.compile({"type": "array", "items": {"enum": ["a", 1, 1.0]}, "uniqueItems": True, "minItems": 3})
    with pytest.raises(gl.UnsatisfiableSchema):
        gl.compile({"type": "array", "prefixItems": [{"const": 1}, {"const": 1.0}], "uniqueItems": True, "minItems": 2})
