"""Grammars as rows against brute force, and the shapes of grammar that break naive machines."""

from __future__ import annotations

import itertools

from hypothesis import given, settings

from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.limits import Limits
from tests.oracles.grammar import PlainGrammar, Recogniser, viable
from tests.strategies.grammars import lowered, plain_grammars


def walk(rows: GrammarRows, text: bytes) -> int:
    state = rows.start
    for byte in text:
        if state < 0:
            return -1
        state = int(rows.expand(state)[byte])
    return state


def accepts(rows: GrammarRows, text: bytes) -> bool:
    state = walk(rows, text)
    return state >= 0 and rows.label(state) != 0


def check(plain: PlainGrammar, alphabet: bytes, length: int) -> None:
    """Acceptance and the next bytes of every short text, exactly."""
    rows = GrammarRows(lowered(plain), Limits())
    states = {b"": rows.start}
    assert (rows.start >= 0) == viable(plain, b"")
    for count in range(length + 1):
        for text in map(bytes, itertools.product(alphabet, repeat=count)):
            if text[:-1] not in states:
                continue  # already dead
            if text:
                states[text] = int(rows.expand(states[text[:-1]])[text[-1]])
            oracle = Recogniser(plain, text)
            assert (states[text] >= 0) == oracle.viable(), text
            if states[text] < 0:
                del states[text]
                continue
            assert bool(rows.label(states[text])) == oracle.accepts(), text
            outside = [byte for byte in range(256) if byte not in alphabet]
            assert (rows.expand(states[text])[outside] < 0).all()


@given(plain_grammars())
def test_random_grammars_equal_brute_force(plain: PlainGrammar) -> None:
    check(plain, b"ab", 5)


@given(plain_grammars(ignoring=True))
@settings(max_examples=30)
def test_random_grammars_with_ignored_terminals_equal_brute_force(plain: PlainGrammar) -> None:
    check(plain, b"ab ", 4)
