"""Every public name of the matcher: tokens, bytes, masks, going back, forks, what comes next."""

from __future__ import annotations

import random

import numpy as np
import pytest

import grammarlib as gl
from tests.conftest import JIT_DISABLED
from tests.oracles.masks import bits_of
from tests.oracles.matcher import hard_vocabulary, mask_of, taken_by

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 4}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
TOKENS: list[bytes | None] = [
    *(bytes([byte]) for byte in range(256)),
    b'{"name":"',
    b'","age":',
    b"12",
    b'"}',
    b"ab",
    b'{"name":"a","name":',
    b"",
    None,
    b"</s>",
    None,
]
OPEN, AGE, TWELVE, CLOSE, AB, TWICE, EMPTY, SPECIAL, EOS, OTHER_EOS = range(256, 266)
VOCABULARY = gl.Vocabulary(TOKENS, eos_token_ids=[EOS, OTHER_EOS], logits_width=300, special_tokens={"<|x|>": SPECIAL})


@pytest.fixture(scope="module")
def person() -> gl.CompiledGrammar:
    return gl.compile(gl.JsonSchema(PERSON), VOCABULARY)


def ids(text: bytes) -> list[int]:
    return list(text)


# ---- tokens


def test_tokens_are_taken_or_refused_and_a_refusal_changes_nothing(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.steps == 0 and not matcher.is_accepting and not matcher.is_terminated
    assert matcher.accept_token(OPEN) is True
    before = matcher.configuration
    for token_id in (OPEN, TWELVE + 100, EMPTY, SPECIAL, EOS, OTHER_EOS, 299, 300, 10_000, -1, -300, TWICE):
        assert matcher.accept_token(token_id) is False
        assert (matcher.configuration, matcher.steps) == (before, 1)
    assert matcher.accept_tokens([AB, CLOSE, EOS]) == 3


def test_numpy_integers_are_token_ids(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_token(np.int64(OPEN))
    assert matcher.accept_tokens(np.array([AB, CLOSE, EOS], np.int32)) == 3
    assert matcher.is_terminated


def test_accept_tokens_stops_at_the_first_refusal(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_tokens([]) == 0
    assert matcher.accept_tokens([OPEN, AB, AGE, AGE, TWELVE]) == 3
    assert matcher.steps == 3
    assert matcher.accept_tokens([TWELVE, *ids(b"}")]) == 2
    assert matcher.is_accepting


def test_validate_tokens_does_not_move(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_token(OPEN)
    before = matcher.configuration
    assert matcher.validate_tokens([]) == 0
    assert matcher.validate_tokens([AB, AGE, TWELVE, OPEN, TWELVE]) == 3
    assert matcher.validate_tokens([AB, CLOSE, EOS, OTHER_EOS, AB]) == 4
    assert matcher.validate_tokens([EOS]) == 0
    assert (matcher.configuration, matcher.steps, matcher.is_terminated) == (before, 1, False)
    assert matcher.accept_tokens([AB, AGE, TWELVE]) == 3


def test_a_key_twice_in_one_token_is_refused(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert TWICE not in mask_of(matcher, VOCABULARY)
    assert not matcher.accept_token(TWICE)


# ---- the end


def test_several_eos_tokens(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_tokens([OPEN, CLOSE]) == 2
    assert matcher.is_accepting and not matcher.is_terminated
    assert mask_of(matcher, VOCABULARY) == {EOS, OTHER_EOS} == taken_by(matcher, VOCABULARY)
    assert matcher.accept_token(OTHER_EOS)
    assert matcher.is_accepting and matcher.is_terminated
    assert matcher.configuration == -2
    assert mask_of(matcher, VOCABULARY) == {EOS, OTHER_EOS}
    assert not matcher.accept_token(AB)
    assert matcher.accept_bytes(b"}") == 0
    assert matcher.accept_tokens([EOS, OTHER_EOS, EOS, AB]) == 3
    assert matcher.is_terminated
    assert matcher.forced_bytes() == b"" and matcher.shortest_completion() == b"" and matcher.next_bytes() == b""
    matcher.rollback(3)
    assert matcher.is_terminated
    matcher.rollback(1)
    assert not matcher.is_terminated and matcher.is_accepting
    matcher.rollback(2)
    assert matcher.steps == 0


def test_eos_in_the_middle_of_a_text_that_may_go_on() -> None:
    matcher = gl.compile(gl.Regex("a*"), VOCABULARY).matcher()
    a = ord("a")
    assert mask_of(matcher, VOCABULARY) == {a, EOS, OTHER_EOS}
    assert matcher.accept_tokens([a, a, EOS, a]) == 3
    matcher.rollback(1)
    assert matcher.accept_token(a)


def test_the_bytes_of_an_eos_token_are_no_text() -> None:
    matcher = gl.compile(gl.Choice(["</s>", "x"]), VOCABULARY).matcher()
    assert EOS not in mask_of(matcher, VOCABULARY)
    assert not matcher.accept_token(EOS)
    assert matcher.accept_tokens(ids(b"</s>")) == 4
    assert matcher.accept_token(EOS)


def test_without_eos_tokens_a_finished_text_has_an_empty_mask() -> None:
    vocabulary = gl.Vocabulary(TOKENS)
    matcher = gl.compile(gl.Choice(["ab"]), vocabulary).matcher()
    assert matcher.accept_token(AB)
    assert matcher.is_accepting
    assert mask_of(matcher, vocabulary) == set()


def test_eos_beyond_the_tokens() -> None:
    vocabulary = gl.Vocabulary([b"a", b"b"], eos_token_ids=[40], logits_width=70)
    matcher = gl.compile(gl.Regex("a+"), vocabulary).matcher()
    assert mask_of(matcher, vocabulary) == {0}
    assert matcher.accept_token(0)
    assert mask_of(matcher, vocabulary) == {0, 40}
    assert matcher.accept_tokens([0, 40, 40, 0]) == 3


# ---- bytes


def test_accept_bytes_is_one_step(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_bytes(b"") == 0
    assert matcher.steps == 0
    assert matcher.accept_bytes(b'{"name": "abXX') == 14
    assert matcher.steps == 1
    assert matcher.accept_bytes(b"Y") == 0
    assert matcher.steps == 1
    assert matcher.accept_bytes(b'"}tail') == 2
    assert matcher.steps == 2 and matcher.is_accepting
    matcher.rollback(1)
    assert matcher.accept_bytes(b'"') == 1
    matcher.rollback(2)
    assert matcher.steps == 0 and matcher.accept_bytes(b"{") == 1


def test_accept_bytes_takes_the_longest_allowed_prefix() -> None:
    matcher = gl.compile(gl.Regex("(ab){500}c"), VOCABULARY).matcher()
    for length in (0, 1, 2, 255, 256, 257, 511, 700, 999):
        assert matcher.accept_bytes((b"ab" * 500)[:length] + b"x") == length
        matcher.reset()
    assert matcher.accept_bytes(b"ab" * 501) == 1000
    assert matcher.forced_bytes() == b"c"


def test_bytes_and_tokens_lead_to_the_same_state(person: gl.CompiledGrammar) -> None:
    by_tokens, by_bytes = person.matcher(), person.matcher()
    for token_id in (OPEN, AB, AGE, TWELVE):
        assert by_tokens.accept_token(token_id)
        assert by_bytes.accept_bytes(TOKENS[token_id] or b"")
        assert by_tokens.configuration == by_bytes.configuration
    assert by_bytes.accept_bytes(bytearray(b"3}")) == 2
    assert by_bytes.accept_token(EOS)


# ---- back and beside


@pytest.mark.parametrize(
    "source",
    [
        gl.AnyJson(),
        gl.JsonSchema(PERSON),
        gl.JsonSchema({"anyOf": [{"properties": {"a": {"type": "integer"}}}, {"items": {"maxLength": 1}}]}),
        gl.Regex("(ab|c)*d?"),
    ],
    ids=["any", "person", "tracks", "regex"],
)
def test_rollback_after_every_prefix(source: gl.JsonSchema) -> None:
    bare = gl.compile(source)
    vocabulary = hard_vocabulary([bare.sample(seed, size=40).encode() for seed in range(6)], size=40)
    compiled = gl.compile(source, vocabulary)
    generator = random.Random(5)
    matcher = compiled.matcher()
    trail = [(matcher.configuration, mask_of(matcher, vocabulary), matcher.is_accepting, matcher.is_terminated)]
    while len(trail) < 14:
        mask = sorted(trail[-1][1])
        if not mask:
            break
        token_id = generator.choice(mask)
        assert matcher.accept_token(token_id)
        refused = set(range(vocabulary.logits_width)) - mask_of(matcher, vocabulary)
        assert not matcher.accept_token(generator.choice(sorted(refused)))
        trail.append((matcher.configuration, mask_of(matcher, vocabulary), matcher.is_accepting, matcher.is_terminated))
    for back in range(len(trail)):
        other = matcher.fork()
        other.rollback(back)
        for at in (len(trail) - 1 - back, 0):
            state = (other.configuration, mask_of(other, vocabulary), other.is_accepting, other.is_terminated)
            assert state == trail[at]
            other.reset()
    for at in range(len(trail) - 2, -1, -1):
        matcher.rollback(1)
        assert (matcher.configuration, mask_of(matcher, vocabulary)) == trail[at][:2]


def test_rollback_refuses_more_than_there_is(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_tokens([OPEN, AB]) == 2
    for steps in (3, -1, 100):
        with pytest.raises(gl.MatcherError, match="of 2"):
            matcher.rollback(steps)
    assert matcher.steps == 2
    matcher.rollback(0)
    assert matcher.steps == 2


def test_forks_are_independent(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_tokens([OPEN, AB]) == 2
    other = matcher.fork()
    assert other.steps == 2
    assert matcher.accept_tokens([CLOSE, EOS]) == 2
    assert other.accept_token(AGE)
    assert matcher.is_terminated and not other.is_terminated
    other.rollback(3)
    assert other.steps == 0 and matcher.steps == 4
    matcher.reset()
    assert matcher.steps == 0 and not matcher.is_terminated
    assert other.configuration == matcher.configuration
    assert matcher.fork().accept_tokens([OPEN, CLOSE, EOS]) == 3


def test_forks_of_a_text_that_used_names() -> None:
    # What one fork used must not be used in the other, within the same tables.
    vocabulary = gl.Vocabulary([*(bytes([byte]) for byte in range(256)), b'"k":1', b'"l":1', b",", None], [259])
    matcher = gl.compile(gl.AnyJson(), vocabulary).matcher()
    assert matcher.accept_bytes(b'{"a":1,') == 7
    first, second = matcher.fork(), matcher.fork()
    assert first.accept_tokens([256, 258, 257]) == 3
    assert second.accept_tokens([257, 258]) == 2
    assert 257 not in mask_of(second, vocabulary) and 256 in mask_of(second, vocabulary)
    assert second.accept_token(256)
    assert first.accept_bytes(b',"a":') < 5 and first.accept_bytes(b'"') == 0


# ---- masks


def test_a_mask_overwrites_its_row_and_no_other(person: gl.CompiledGrammar) -> None:
    bitmask = gl.allocate_bitmask(3, VOCABULARY.logits_width)
    bitmask[:] = -1
    matcher = person.matcher()
    matcher.fill_bitmask(bitmask, 1)
    assert bits_of(bitmask[1].tolist()) == {ord("{"), OPEN}
    assert (bitmask[[0, 2]] == -1).all()
    matcher.fill_bitmask(bitmask, row=0)
    assert (bitmask[0] == bitmask[1]).all()


def test_a_filled_row_is_the_callers(person: gl.CompiledGrammar) -> None:
    bitmask = gl.allocate_bitmask(1, VOCABULARY.logits_width)
    matcher = person.matcher()
    matcher.fill_bitmask(bitmask)
    bitmask[:] = 0
    assert mask_of(person.matcher(), VOCABULARY) == {ord("{"), OPEN}


@pytest.mark.parametrize(
    "bitmask",
    [
        np.zeros((1, 9), np.int32),
        np.zeros((1, 11), np.int32),
        np.zeros((1, 1), np.int32),
        np.zeros((0, 10), np.int32),
        np.zeros(10, np.int32),
        np.zeros((2, 1, 10), np.int32),
        np.zeros((1, 10), np.int64),
        np.zeros((1, 10), np.float32),
        np.zeros((1, 10), np.bool_),
    ],
    ids=["narrow", "wide", "one word", "no rows", "flat", "deep", "int64", "float", "bool"],
)
def test_a_bitmask_of_another_shape_is_refused(person: gl.CompiledGrammar, bitmask: np.ndarray) -> None:
    with pytest.raises(gl.MatcherError, match="bitmask"):
        person.matcher().fill_bitmask(bitmask)
    assert not bitmask.any()


@pytest.mark.parametrize("row", [3, -1, -4])
def test_a_row_outside_the_bitmask_is_refused(person: gl.CompiledGrammar, row: int) -> None:
    bitmask = gl.allocate_bitmask(3, VOCABULARY.logits_width)
    with pytest.raises(gl.MatcherError):
        person.matcher().fill_bitmask(bitmask, row)
    assert not bitmask.any()


def test_one_word_is_not_spread_over_a_wide_bitmask() -> None:
    vocabulary = gl.Vocabulary([b"a", b"b"])
    matcher = gl.compile(gl.Regex("a"), vocabulary).matcher()
    bitmask = gl.allocate_bitmask(1, 100)
    with pytest.raises(gl.MatcherError):
        matcher.fill_bitmask(bitmask)
    assert not bitmask.any()


def test_a_read_only_bitmask_is_refused(person: gl.CompiledGrammar) -> None:
    bitmask = gl.allocate_bitmask(1, VOCABULARY.logits_width)
    bitmask.flags.writeable = False
    with pytest.raises(gl.MatcherError):
        person.matcher().fill_bitmask(bitmask)


def test_special_empty_and_padding_tokens_are_never_allowed() -> None:
    matcher = gl.compile(gl.Regex("(?s).*"), VOCABULARY).matcher()
    mask = mask_of(matcher, VOCABULARY)
    assert mask == taken_by(matcher, VOCABULARY)
    assert not mask & {EMPTY, SPECIAL, *range(266, 300)}
    assert {EOS, OTHER_EOS, AB, OPEN} <= mask
    assert 0xC3 in mask and 0x80 not in mask and 0xFF not in mask  # text is UTF-8
    assert len(mask) == 128 + 51 + 6 + 2  # ASCII, leads C2..F4, long tokens, eos


def test_fill_bitmasks_fills_a_batch(person: gl.CompiledGrammar) -> None:
    regex = gl.compile(gl.Regex("a{3}"), VOCABULARY)
    matchers = [person.matcher(), regex.matcher(), person.matcher(), regex.matcher()]
    assert matchers[2].accept_tokens([OPEN, CLOSE, EOS]) == 3
    assert matchers[3].accept_bytes(b"aa") == 2
    bitmask = gl.allocate_bitmask(5, VOCABULARY.logits_width)
    bitmask[:] = -1
    gl.fill_bitmasks(matchers, bitmask)
    for row, matcher in enumerate(matchers):
        assert bits_of(bitmask[row].tolist()) == mask_of(matcher, VOCABULARY)
    assert (bitmask[4] == -1).all()
    gl.fill_bitmasks([], bitmask)
    with pytest.raises(gl.MatcherError, match="rows"):
        gl.fill_bitmasks(matchers, bitmask[:3])


# ---- what comes next


def test_next_bytes(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.next_bytes() == b"{"
    assert matcher.accept_bytes(b'{"name":"a"') == 11
    assert matcher.next_bytes() == b"\n ,}"
    assert matcher.accept_bytes(b"}") == 1
    assert matcher.next_bytes() == b""


@pytest.mark.parametrize(
    ("source", "text", "forced"),
    [
        (gl.JsonSchema(PERSON, whitespace="compact"), b"", b'{"'),
        (gl.JsonSchema(PERSON, whitespace="compact", order="schema"), b'{"', b""),  # or an escape
        (gl.JsonSchema({"const": {"k": [1, None]}}, whitespace="compact"), b"{", b'"'),
        (gl.Choice(["abc", "abd"]), b"", b"ab"),
        (gl.Choice(["ab", "abcd"]), b"a", b"b"),  # the text may stop after ab
        (gl.Choice(["ab", "abcd"]), b"abc", b"d"),
        (gl.Regex("x(yz){3}"), b"x", b"yzyzyz"),
        (gl.Regex("é"), b"", "é".encode()),
    ],
)
def test_forced_bytes_are_the_only_way(source: gl.JsonSchema, text: bytes, forced: bytes) -> None:
    matcher = gl.compile(source).matcher()
    assert matcher.accept_bytes(text) == len(text)
    steps, configuration = matcher.steps, matcher.configuration
    assert matcher.forced_bytes() == forced
    assert (matcher.steps, matcher.configuration) == (steps, configuration)
    for byte in forced[:50]:
        assert not matcher.is_accepting
        assert matcher.next_bytes() == bytes([byte])
        assert matcher.accept_bytes(bytes([byte])) == 1
    if len(forced) < 50:
        assert matcher.is_accepting or len(matcher.next_bytes()) > 1


def test_explain(person: gl.CompiledGrammar) -> None:
    matcher = person.matcher()
    assert matcher.accept_token(OPEN)
    allowed = matcher.explain(AB)
    assert allowed.allowed and allowed.token == b"ab" and allowed.bytes_accepted == 2
    refused = matcher.explain(AGE)
    assert refused.allowed and refused.bytes_accepted == len(b'","age":')
    assert matcher.accept_tokens([AB, *ids(b"cd")]) == 3
    too_long = matcher.explain(AB)
    assert not too_long.allowed and too_long.bytes_accepted == 0
    # Only a quote may come; an escape would add a character.
    assert too_long.expected == b'"'
    assert "'\"'" in str(too_long)
    half = matcher.explain(TWICE)
    assert not half.allowed and half.bytes_accepted == 0
    assert not matcher.explain(EOS).allowed and "may not stop" in matcher.explain(EOS).reason
    assert matcher.accept_token(CLOSE)
    assert matcher.explain(OTHER_EOS).allowed
    assert not matcher.explain(SPECIAL).allowed and matcher.explain(SPECIAL).token is None
    assert not matcher.explain(EMPTY).allowed
    assert not matcher.explain(299).allowed and not matcher.explain(-1).allowed and not matcher.explain(10**9).allowed
    assert matcher.accept_token(EOS)
    assert not matcher.explain(AB).allowed and matcher.explain(EOS).allowed


def test_explain_agrees_with_the_mask() -> None:
    compiled = gl.compile(gl.JsonSchema(PERSON))
    vocabulary = hard_vocabulary([compiled.sample(seed).encode() for seed in range(4)], size=60)
    compiled = gl.compile(gl.JsonSchema(PERSON), vocabulary)
    matcher = compiled.matcher()
    generator = random.Random(1)
    for _ in range(1 if JIT_DISABLED else 8):
        mask = mask_of(matcher, vocabulary)
        for token_id in range(vocabulary.logits_width):
            found = matcher.explain(token_id)
            assert found.allowed == (token_id in mask) and found.token_id == token_id
            if found.token is not None and not found.allowed and not matcher.is_terminated:
                reader = matcher.fork()
                assert reader.accept_bytes(found.token) == found.bytes_accepted < len(found.token)
                assert reader.next_bytes() == found.expected
        assert matcher.accept_token(generator.choice(sorted(mask)))


# ---- no vocabulary


def test_without_a_vocabulary_bytes_work_and_masks_are_refused() -> None:
    matcher = gl.compile(gl.JsonSchema(PERSON)).matcher()
    assert matcher.accept_bytes(b'{"name":') == 8
    assert matcher.fork().next_bytes() == b'\n "'
    assert matcher.shortest_completion() == b'""}'
    bitmask = gl.allocate_bitmask(1, 10)
    for call in (
        lambda: matcher.fill_bitmask(bitmask),
        lambda: matcher.accept_token(1),
        lambda: matcher.accept_tokens([1]),
        lambda: matcher.validate_tokens([1]),
        lambda: matcher.explain(1),
        lambda: gl.fill_bitmasks([matcher], bitmask),
    ):
        with pytest.raises(gl.MatcherError, match="vocabulary"):
            call()
    assert matcher.accept_bytes(b'""}') == 3
    assert matcher.is_accepting
    matcher.rollback(1)
    matcher.reset()
    assert matcher.steps == 0
