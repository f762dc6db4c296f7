"""The lazy automaton as a `RowSource`: numbering, labels, liveness, sharing, hostile regexes."""

from __future__ import annotations

import random
import resource
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.automata.lazydfa import LazyDFA, lazy_dfa_for
from grammarlib.automata.rows import RowSource
from grammarlib.errors import LimitExceeded
from grammarlib.ir.regex import concat, intersect, literal, nothing, repeat, union
from grammarlib.limits import Limits
from grammarlib.sources.regex import parse_pattern
from tests.oracles.regex import Definition, render
from tests.strategies.regexes import patterns, texts

LIMITS = Limits()


def automaton_of(*sources: str, limits: Limits = LIMITS) -> LazyDFA:
    return LazyDFA([parse_pattern(source, dialect="python", limits=limits) for source in sources], limits)


def test_it_is_a_row_source() -> None:
    source: RowSource = automaton_of("ab|ac")
    row = source.expand(source.start)
    assert row.dtype == np.int32 and row.shape == (256,) and source.start == 0
    assert [byte for byte in range(256) if row[byte] >= 0] == [ord("a")]
    assert source.label(0) == 0 and source.label(int(source.expand(int(row[97]))[98])) == 1
    assert source.shortest_completion(0) == b"ab" and source.shortest_length(0) == 2


def test_rows_are_fresh_and_the_same() -> None:
    source = automaton_of("[a-c]+")
    row = source.expand(0)
    row[:] = 7
    assert source.expand(0)[97] == 1 and source.expand(0)[100] == -1


def test_numbering_is_by_first_visit_and_lowest_byte() -> None:
    first, second = automaton_of("z1|[m-y]2|a(?:b|c3)"), automaton_of("a(?:b|c3)|[m-y]2|z1")
    for source in (first, second):
        row = source.expand(0)
        assert (row[ord("a")], row[ord("m")], row[ord("y")], row[ord("z")]) == (1, 2, 2, 3)
    assert all((first.expand(state) == second.expand(state)).all() for state in range(3))


@given(st.lists(patterns, min_size=2, max_size=3), st.lists(texts, max_size=12))
def test_labels_are_the_languages_side_by_side(trees: list[Any], samples: list[str]) -> None:
    source = automaton_of(*map(render, trees))
    for text in ["", "a", "b", "a\n", *samples]:
        expected = sum(Definition(text, "python").full_match(tree) << index for index, tree in enumerate(trees))
        assert source.matches(text.encode()) == expected
    for state in range(min(source.state_count, 40)):
        assert np.array_equal(source.expand(state), source.expand(state))
        reached = state
        for byte in source.shortest_completion(state):
            reached = int(source.expand(reached)[byte])
        assert source.label(reached) != 0


def test_empty_languages_do_not_split_states() -> None:
    source = LazyDFA([literal(b"ab"), intersect(literal(b"xy"), literal(b"xz"))], LIMITS)
    assert source.residuals(source.start)[1] is nothing()
    assert LazyDFA([intersect(concat(literal(b"a"), literal(b"b")), literal(b"ac"))], LIMITS).start == -1
    assert LazyDFA([nothing(), nothing()], LIMITS).start == -1
    with pytest.raises(ValueError, match="at least one"):
        LazyDFA([], LIMITS)


def test_liveness_sees_through_intersections() -> None:
    # After "aab" nothing of the form a*b fits in two characters.
    source = automaton_of("(?=.{3}$)a*b")
    assert source.matches(b"aab") == 1
    row = source.expand(0)
    assert row[ord("b")] == -1 and row[ord("a")] >= 0
    row = source.expand(int(row[ord("a")]))
    assert row[ord("b")] == -1 and row[ord("a")] >= 0


def test_shortest_length_counts_code_points() -> None:
    assert automaton_of("é{3}|a{4}").shortest_length(0) == 3
    assert automaton_of("(?!é)(?:é|ab)").shortest_length(0) == 2
    source = automaton_of("éa")
    inside = int(source.expand(0)[0xC3])
    assert source.shortest_length(inside) == 1 and source.shortest_completion(inside) == b"\xa9a"
    source = automaton_of("(?=.*é)[aé]{2,}b*")
    assert source.shortest_length(0) == 2 and source.shortest_completion(0) == b"a\xc3\xa9"


def test_states_are_bounded() -> None:
    source = automaton_of("(?:a|b)*a(?:a|b){12}", limits=Limits(states=50))
    state, text = 0, b"abbabaaabbbabababbbaab" * 20
    with pytest.raises(LimitExceeded) as caught:
        for byte in text:
            state = int(source.expand(state)[byte])
    assert caught.value.limit == "states" and caught.value.bound == 50
    assert source.state_count == 50
    assert source.expand(0)[97] >= 0


def test_one_transition_is_bounded() -> None:
    parts = [literal(b"%dx" % index) for index in range(2000)]
    with pytest.raises(LimitExceeded) as caught:
        LazyDFA([union(*parts)], Limits(closure_steps=500)).expand(0)
    assert caught.value.limit == "closure_steps"


HOSTILE = [
    (r"((a{1,1000}){1,1000}){1,1000}", "a" * 3000),
    (r"((a{1,1000}b?){1,1000}){1,1000}", "a" * 1200),
    (r"((a{1,1000}b{0,1000}){1,1000}c?){1,1000}", "aaabbb" * 60 + "a" * 400),
    (r"(a{0,1000}b{0,1000}c{0,1000}){0,1000}", "a" * 200 + "b" * 200 + "abc" * 100),
    (r"((ab?){3,1000}a?){2,1000}", "a" * 400),
    (r"(a*)*b", "a" * 2000 + "b"),
    (r"(x+x+)+y", "x" * 2000 + "y"),
    (r"(a|aa)+", "a" * 2000),
    (r"(a?){500}a{500}", "a" * 700),
    (r".{0,30000}", "é" * 500),
    (r".*a.{100}", "abbabaaab" * 40),
    ("(?:" * 1900 + "a" + ")*" * 1900, "a" * 100),
    ("|".join(f"w{index}x" for index in range(2000)), "w1999x"),
    ("".join(f"[{letter}]?" for letter in "abcdefghij" * 20), "abcdefghij" * 20),
    (r"(?!.*://)(?=.{1,255}$)((.{1,63}\.){1,127}(?![0-9]*$)[a-z0-9-]+\.?)", "abc." * 10),
    (r"(?:(?=a*b)a|b(?<=a{3}b))*", "aaab" * 100),
    ("".join(f"(?!.*{letter}{letter})" for letter in "abcdefghijklm") + ".*", "abcdefghijklm" * 4),
    ("".join(f"(?=.*{letter})" for letter in "abcdefghijklmnopqrst") + ".*", "abc"),
    (r"(?:a(?:a|b){14}|b)*(?<!b(?:a|b){13})x", "ab" * 100),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE, ids=[f"{source[:40]}" for source, _ in HOSTILE])
def test_hostile_patterns_stay_cheap_or_stop(pattern: str, text: str) -> None:
    # No bound on time: that would measure the machine.  What is bounded is the work (Limits) and the
    # memory; the generous guard on processor time only keeps an accident from hanging the suite.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        source = automaton_of(pattern)
        state = source.start
        for byte in text.encode():
            state = int(source.expand(state)[byte])
            if state < 0:
                break
            assert time.process_time() - started < 60
    except LimitExceeded as error:
        assert error.limit in ("closure_steps", "states")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_automata_are_shared_by_regexes_and_limits() -> None:
    node = concat(repeat(literal(b"ab"), 2, 77), literal(b"c"))
    first = lazy_dfa_for([node], LIMITS)
    first.matches(b"ababab")
    found = first.state_count
    assert lazy_dfa_for((node,), Limits()) is first and first.state_count == found
    assert lazy_dfa_for([node, literal(b"x")], LIMITS) is not first
    assert lazy_dfa_for([node], Limits(states=1000)) is not first


def test_the_cache_of_automata_is_bounded() -> None:
    from grammarlib.automata import lazydfa

    for index in range(lazydfa._CACHE_ENTRIES + 100):
        lazy_dfa_for([literal(b"%d!" % index)], LIMITS)
    assert len(lazydfa._cache) <= lazydfa._CACHE_ENTRIES


def test_many_threads_find_one_automaton() -> None:
    source = automaton_of("(?:[ab]{1,3}(?<!bb)c?){2,40}")
    words = [bytes((97 + (seed * 7 + index * index) % 3) for index in range(60)) for seed in range(40)]
    single = automaton_of("(?:[ab]{1,3}(?<!bb)c?){2,40}")
    expected = [single.matches(word) for word in words]
    results: list[list[int]] = []

    def work() -> None:
        results.append([source.matches(word) for word in words])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 6
    assert len({source.residuals(state) for state in range(source.state_count)}) == source.state_count


@given(patterns, st.sampled_from((0, 1, 3, 20)), st.randoms(use_true_random=False))
def test_words_are_counted_as_if_they_were_written_out(tree: Any, most: int, order: random.Random) -> None:
    source = automaton_of(render(tree))
    for state in range(12):
        if state < source.state_count:
            source.expand(state)
    states = list(range(min(source.state_count, 12)))
    order.shuffle(states)
    for state in states:
        fewest, found = source.word_count(state, most), 0
        frontier = [state]
        while frontier and found <= most and len(frontier) <= most:
            found += sum(source.label(at) != 0 for at in frontier)
            rows = [source.expand(at) for at in frontier]
            frontier = [target for row in rows for target in row[row >= 0].tolist()]
        many = found > most or len(frontier) > most
        assert fewest == (None if many else found)
        words = source.words(state, most)
        assert words is None if many else words is not None and len(words) == found
