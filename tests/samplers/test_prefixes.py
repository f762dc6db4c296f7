"""Row states from prefixes: whatever happens to the rows, each state is that of a replay from the start."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grammarlib import Vocabulary
from samplers.prefixes import PrefixState, advance, extends_known, resolve
from tests.samplers import fakes

EOS, EXTRA_STOP, PAD = 4, 5, 6
VOCABULARY = Vocabulary([b"a", b"b", b";", b"ab", None, None, None], eos_token_ids=[EOS])
SOURCES = [
    fakes.letters_then_semicolon(VOCABULARY, b"ab", 1, 4),
    fakes.words(VOCABULARY, b"a", b"ab", b"aba;", b"b"),
]
STOPS = frozenset([EXTRA_STOP])


def replay(constraint: int, tokens: list[int]) -> tuple[bytes, int, bool]:
    """What was accepted, how many ids that are, and whether the text has ended."""
    matcher, accepted = SOURCES[constraint].matcher(), 0
    for token in tokens:
        if matcher.is_terminated or not matcher.accept_token(token):
            return matcher.text, accepted, matcher.is_terminated or (token in STOPS and matcher.is_accepting)
        accepted += 1
    return matcher.text, accepted, matcher.is_terminated


def check(states: list[PrefixState | None], rows: list[list[int]], constraints: list[int | None]) -> None:
    matchers = [id(state.matcher) for state in states if state is not None]
    assert len(set(matchers)) == len(matchers), "two rows share a matcher"
    for state, row, constraint in zip(states, rows, constraints, strict=True):
        if constraint is None:
            assert state is None
            continue
        assert state is not None
        text, accepted, has_ended = replay(constraint, row)
        assert state.constraint == constraint
        assert list(state.tokens) == row
        assert (state.accepted, state.has_ended) == (accepted, has_ended)
        assert state.matcher.text == text
        assert state.matcher.is_terminated == (has_ended and EOS in row[:accepted])
        assert state.is_live == (accepted == len(row) and not has_ended)


ROWS = st.lists(st.lists(st.integers(0, PAD), min_size=9, max_size=9), min_size=1, max_size=5)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[list[int | None], list[list[int]]]]:
    """Steps of a batch.  Rows mostly extend a row of the step before; sometimes they are anything else."""
    steps = []
    rows: list[list[int]] = [[]]
    constraints: list[int | None] = [0]
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["append", "reorder", "cut", "anything"]))
        likely = st.sampled_from([0, 1, 2, 3, EOS, EXTRA_STOP, PAD, 0, 1])
        if kind == "append":
            rows = [row + [draw(likely)] for row in rows]
        elif kind == "reorder":
            order = draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=5))
            constraints = [constraints[index] for index in order]
            rows = [rows[index] + [draw(likely)] for index in order]
        elif kind == "cut":
            length = draw(st.integers(0, len(rows[0])))
            rows = [row[:length] for row in rows]
        else:
            length = draw(st.integers(0, 6))
            rows = [row[:length] for row in draw(ROWS)]
            constraints = [draw(st.sampled_from([0, 1, None])) for _ in rows]
        steps.append((list(constraints), [list(row) for row in rows]))
    return steps


@given(histories())
def test_states_are_those_of_a_replay(history: list[tuple[list[int | None], list[list[int]]]]) -> None:
    """The law of this module."""
    states: list[PrefixState | None] = []
    for constraints, rows in history:
        ids = np.array(rows, dtype=np.int64).reshape(len(rows), -1)
        states = resolve(states, ids, constraints, lambda index: SOURCES[index].matcher(), STOPS)
        check(states, rows, constraints)


@given(st.lists(st.integers(0, PAD), max_size=8))
def test_advance_is_resolve_by_one(tokens: list[int]) -> None:
    """The fast path."""
    states = resolve([], np.zeros((1, 0), dtype=np.int64), [0], lambda index: SOURCES[index].matcher(), STOPS)
    for length, token in enumerate(tokens, start=1):
        advance(states, [token], STOPS)
        check(states, [tokens[:length]], [0])


def test_taking_back_the_end() -> None:
    """A text goes on where its end is taken back, whichever stop token that was."""
    for end in (EOS, EXTRA_STOP):
        rows = [[0, 2], [0, 2, end], [0, 2, end, PAD], [0, 2, end], [0, 2], [0, 2, PAD], [0, 2, end], [0]]
        states: list[PrefixState | None] = []
        for row in rows:
            states = resolve(states, np.array([row]), [0], lambda index: SOURCES[index].matcher(), STOPS)
            check(states, [row], [0])


def test_rows_are_not_replayed() -> None:
    """Beams and drafts cost what differs: the tokens accepted are counted."""
    fakes.FaultyMatcher.calls = fakes.FaultyMatcher.fail_at = 0
    source = fakes.FaultySource(VOCABULARY, SOURCES[0].is_viable, SOURCES[0].is_complete)
    prefix = [0, 1, 0]
    states = resolve([], np.array([prefix]), [0], lambda _: source.matcher(), STOPS)
    assert fakes.FaultyMatcher.calls == 3
    states = resolve(
        states, np.array([prefix + [0], prefix + [1], prefix + [2]]), [0] * 3, lambda _: source.matcher(), STOPS
    )
    assert fakes.FaultyMatcher.calls == 6
    states = resolve(states, np.array([prefix[:2]]), [0], lambda _: source.matcher(), STOPS)
    assert fakes.FaultyMatcher.calls == 6
    resolve(states, np.array([[0, 1, 1]]), [0], lambda _: source.matcher(), STOPS)
    assert fakes.FaultyMatcher.calls == 7


def test_extends_known() -> None:
    """At most one id past what a state of the same constraint went through."""
    states = resolve([], np.array([[0, 1, 0]]), [0], lambda index: SOURCES[index].matcher(), STOPS)
    for row, expected in [([], True), ([1], True), ([0, 1], True), ([0, 1, 0, 5], True), ([0, 0], True)]:
        assert extends_known(states, np.array(row, dtype=np.int64), 0) is expected
    for row in ([0, 0, 0], [0, 1, 0, 0, 0], [1, 1]):
        assert not extends_known(states, np.array(row, dtype=np.int64), 0)
    assert not extends_known(states, np.array([0, 1]), 1)
    assert not extends_known([None], np.array([0, 1]), 0)
