"""Grammars as rows against brute force, and the shapes of grammar that break naive machines."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings

from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.errors import LimitExceeded
from grammarlib.ir import regex
from grammarlib.ir.grammar import Grammar, Nonterminal, Production, Symbol, Terminal
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


@given(plain_grammars(ignoring=True))
@settings(max_examples=40)
def test_shortest_completions_equal_brute_force(plain: PlainGrammar) -> None:
    """The shortest ending, the first by byte order, of every viable text of up to two bytes."""
    rows = GrammarRows(lowered(plain), Limits())
    texts = [bytes(letters) for length in range(7) for letters in itertools.product(b" ab", repeat=length)]
    oracle: dict[bytes, bool] = {}

    def belongs(text: bytes) -> bool:
        if text not in oracle:
            oracle[text] = Recogniser(plain, text).accepts()
        return oracle[text]

    for text in texts:
        if len(text) > 2:
            break
        state = walk(rows, text)
        if state < 0:
            continue
        ending = rows.shortest_completion(state)
        if len(text) + len(ending) > 4:
            continue  # the oracle is slow
        assert ending == next(other for other in texts if belongs(text + other))
        assert rows.shortest_length(state) == len(ending)


# The shapes that break naive machines.

NUMBER = Terminal("NUMBER", regex.repeat(regex.byte_class(sum(1 << byte for byte in b"0123456789")), 1, None))


def grammar(**rules: str) -> Grammar:
    """Rules as ``name="alternative | alternative"``, the start first; a word is a rule's name, NUMBER, or itself."""

    def symbol(word: str) -> Symbol:
        if word in rules:
            return Nonterminal(word)
        return NUMBER if word == "NUMBER" else Terminal(word, regex.literal(word.encode()))

    productions = [
        Production(Nonterminal(name), tuple(map(symbol, alternative.split())))
        for name, body in rules.items()
        for alternative in body.split("|")
    ]
    return Grammar(tuple(productions), Nonterminal(next(iter(rules))))


LEFT = grammar(e="e + e | e * e | ( e ) | NUMBER")
LAYERED = grammar(e="e + t | t", t="t * f | f", f="( e ) | NUMBER | - f")


@pytest.mark.parametrize("rules", [LEFT, LAYERED], ids=["ambiguous", "layered"])
def test_long_sums_cycle_through_few_rows(rules: Grammar) -> None:
    rows = GrammarRows(rules, Limits(states=60, stack_depth=3))
    assert accepts(rows, b"(1+2*3)*4+" * 1_000 + b"1")
    assert rows.row_count < 40 and rows.node_count < 5


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (grammar(s="s s | a"), b"a" * 3_000),
        (grammar(s="s s s | s s | a | b"), b"ab" * 1_500),
        (grammar(s="a s | a"), b"a" * 10_000),
        (grammar(s="s a | a"), b"a" * 10_000),
        (grammar(s="x , s | x", x="a | [ s ]"), b"a," * 10_000 + b"a"),
        (grammar(s="a t |", t="b s"), b"ab" * 10_000),
        (grammar(s="n s a | b", n="c |"), b"b" + b"a" * 10_000),
    ],
)
def test_recursion_that_nests_nothing_keeps_constant_depth(rules: Grammar, text: bytes) -> None:
    rows = GrammarRows(rules, Limits(states=50, stack_depth=3))
    assert accepts(rows, text)


def test_a_call_is_in_tail_position_only_where_the_callee_may_stop_as_the_caller_may() -> None:
    """After ``b`` both may read ``y``, but there the caller may stop and the callee may not."""
    rows = GrammarRows(grammar(s="[ b | [ b y | ( b )", b="x | b y z | { b }"), Limits())
    for text in (b"[xy", b"[xyzy", b"[{x}y", b"(xyz)", b"[x"):
        assert accepts(rows, text)
    for text in (b"[xyy", b"(xy)", b"[xyzz", b"{x}"):
        assert not accepts(rows, text)


def test_deep_nesting() -> None:
    rows = GrammarRows(grammar(s="( s ) | [ s ] |"), Limits())
    assert accepts(rows, b"([" * 2_000 + b"])" * 2_000)
    assert not accepts(rows, b"([" * 2_000 + b"])" * 1_999)
    assert rows.shortest_completion(walk(rows, b"([" * 1_000)) == b"])" * 1_000
    with pytest.raises(LimitExceeded) as caught:
        walk(GrammarRows(grammar(s="( s ) |"), Limits(stack_depth=100)), b"(" * 200)
    assert caught.value.limit == "stack_depth"


@pytest.mark.parametrize(
    ("rules", "unit", "ending"),
    [
        (grammar(s="a s a | b s b | a | b"), b"ab", b""),
        (grammar(s="s s a | a s | a"), b"aa", b""),
        (grammar(s="i s | i s e s | x"), b"i", b"x" + b"ex" * 50),
        (grammar(a="b a | x", b="a b | y | x"), b"xy", b"x"),
    ],
    ids=["palindromes", "both-ways", "dangling-else", "mutual"],
)
def test_ambiguity_stays_polynomial(rules: Grammar, unit: bytes, ending: bytes) -> None:
    """Texts with exponentially many readings: rows stay small, nodes grow with the text at most."""
    rows = GrammarRows(rules, Limits(closure_steps=20_000))
    state = walk(rows, unit * 60 + ending)
    assert state >= 0
    assert rows.node_count <= 10 * (len(unit * 60) + len(ending))


def test_a_transition_that_costs_too_much_is_a_limit() -> None:
    rows = GrammarRows(grammar(s="s s a | a s | a"), Limits(closure_steps=2_000))
    with pytest.raises(LimitExceeded) as caught:
        walk(rows, b"a" * 500)
    assert caught.value.limit == "closure_steps"
    state = walk(rows, b"a" * 5)  # what was found before stays usable
    assert state >= 0 and rows.label(state)


def test_rows_are_a_limit() -> None:
    with pytest.raises(LimitExceeded) as caught:
        walk(GrammarRows(grammar(s="( s ) |"), Limits(states=50)), b"(" * 60)
    assert caught.value.limit == "states"


def test_an_exponentially_long_shortest_text_is_a_limit_only_where_it_is_asked_for() -> None:
    doubling = {f"s{level}": f"s{level + 1} s{level + 1}" for level in range(60)}
    rows = GrammarRows(grammar(**doubling, s60="a"), Limits())
    assert rows.shortest_length(rows.start) == 1 << 60
    assert walk(rows, b"a" * 100) >= 0
    with pytest.raises(LimitExceeded):
        rows.shortest_completion(rows.start)


def test_long_chains_of_rules_need_no_recursion() -> None:
    count = 3_000
    chain = {f"r{number}": f"r{number + 1}" for number in range(count)}
    assert accepts(GrammarRows(grammar(**chain, **{f"r{count}": "x"}), Limits()), b"x")
    nested = {f"r{number}": f"( r{number + 1} ) |" for number in range(count)}
    rows = GrammarRows(grammar(**nested, **{f"r{count}": "x"}), Limits())
    assert accepts(rows, b"(" * count + b"x" + b")" * count)
    left = {f"r{number}": f"r{number + 1} a | b" for number in range(60)}
    cycle = GrammarRows(grammar(**left, r60="r0 c | d"), Limits())
    assert accepts(cycle, b"d" + b"a" * 60 + b"c" + b"a" * 60)
