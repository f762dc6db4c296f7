"""The Boolean algebra of byte regexes: normal forms, sharing, derivatives, emptiness."""

from __future__ import annotations

import copy
import gc
import itertools
import pickle
import threading
from typing import Any

import pytest
from hypothesis import given, settings

from grammarlib.automata.alphabet import byte_set, refine, spans
from grammarlib.automata.derivative import Fuel, distance, is_empty, linear_form, partition, shortest_member
from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.errors import LimitExceeded
from grammarlib.ir import regex as ir
from grammarlib.ir.regex import Node
from grammarlib.limits import Limits
from tests.oracles.regex import belongs
from tests.strategies.regexes import boolean_trees

LIMITS = Limits()
WORDS = [bytes(word) for size in range(5) for word in itertools.product(b"abc", repeat=size)]

A, B, C = (ir.literal(letter) for letter in (b"a", b"b", b"c"))


def build(tree: Any) -> Node:
    """The node of a Boolean tree."""
    kind = tree[0]
    if kind == "bytes":
        return ir.byte_class(sum(1 << byte for byte in tree[1]))
    if kind == "nothing":
        return ir.nothing()
    if kind == "epsilon":
        return ir.epsilon()
    if kind == "sequence":
        return ir.concat(build(tree[1][0]), build(tree[1][1]))
    if kind == "either":
        return ir.union(*map(build, tree[1]))
    if kind == "both":
        return ir.intersect(*map(build, tree[1]))
    if kind == "not":
        return ir.complement(build(tree[1]))
    return ir.repeat(build(tree[1]), tree[2], tree[3])


@settings(max_examples=300)
@given(boolean_trees)
def test_boolean_regexes_are_their_definition(tree: Any) -> None:
    node = build(tree)
    automaton = LazyDFA((node,), LIMITS)
    expected = [word for word in WORDS if belongs(tree, word)]
    assert [word for word in WORDS if automaton.matches(word)] == expected
    assert node.nullable == belongs(tree, b"")
    if automaton.start < 0:
        assert is_empty(node, Fuel(100_000)) and not expected
        return
    shortest = automaton.shortest_completion(automaton.start)
    assert belongs(tree, shortest)
    if expected:
        first = min(expected, key=lambda word: (len(word), word))
        assert len(shortest) == len(first) and shortest <= first
    assert distance(node, Fuel(100_000)) == len(shortest) >= node.minimum_bytes
    assert node.distance_bytes == node.minimum_bytes or not node.plain


@given(boolean_trees)
def test_partition_is_disjoint_and_the_union_of_the_linear_form(tree: Any) -> None:
    node = build(tree)
    fuel = Fuel(100_000)
    steps = partition(node, fuel)
    covered = 0
    for members, target in steps:
        assert members and not members & covered and target is not ir.nothing()
        covered |= members
    assert len({target for _, target in steps}) == len(steps)
    for byte in b"abz":
        parts = [rest for members, rest in linear_form(node, fuel) if members >> byte & 1]
        targets = [target for members, target in steps if members >> byte & 1]
        assert ir.union(*parts) is (targets[0] if targets else ir.nothing())


@given(boolean_trees, boolean_trees)
def test_laws(first: Any, second: Any) -> None:
    left, right = build(first), build(second)
    assert ir.union(left, right) is ir.union(right, left)
    assert ir.union(left, left) is left and ir.intersect(left, left) is left
    assert ir.intersect(left, right) is ir.intersect(right, left)
    assert ir.complement(ir.complement(left)) is left
    assert ir.concat(left, ir.nothing()) is ir.nothing() is ir.concat(ir.nothing(), left)
    assert ir.concat(left, ir.epsilon()) is left is ir.concat(ir.epsilon(), left)
    assert ir.union(left, ir.nothing()) is left is ir.intersect(left, ir.any_bytes())
    assert ir.union(left, ir.any_bytes()) is ir.any_bytes()
    assert ir.intersect(left, ir.complement(left)) is ir.nothing()
    assert ir.concat(ir.concat(left, right), left) is ir.concat(left, ir.concat(right, left))


def test_normal_forms() -> None:
    assert ir.repeat(ir.repeat(A, 0, None), 0, None) is ir.repeat(A, 0, None)
    assert ir.repeat(ir.repeat(A, 1, 1000), 1, 1000) is ir.repeat(A, 1, 1_000_000)
    assert ir.repeat(ir.repeat(A, 2, 3), 2, 4) is ir.repeat(A, 4, 12)
    # (a{3}){0,2} misses 1, 2, 4 and 5: no merging.
    assert ir.repeat(ir.repeat(A, 3, 3), 0, 2).items == (ir.repeat(A, 3, 3),)
    assert ir.repeat(ir.repeat(A, 3, 4), 1, 2).items == (ir.repeat(A, 3, 4),)
    assert ir.repeat(ir.optional(A), 3, 7) is ir.repeat(A, 0, 7)
    assert ir.union(A, ir.epsilon()) is ir.optional(A) is ir.union(ir.optional(A), ir.epsilon())
    assert ir.union(ir.optional(A), B) is ir.optional(ir.union(A, B))
    assert ir.concat(A, ir.concat(A, ir.repeat(A, 0, None))) is ir.repeat(A, 2, None)
    assert ir.concat(ir.repeat(A, 1, 2), ir.repeat(A, 3, 5)) is ir.repeat(A, 4, 7)
    assert ir.union(ir.literal(b"a"), ir.literal(b"b")) is ir.byte_class(byte_set((0x61, 0x62)))
    assert ir.union(ir.repeat(A, 0, 5), ir.repeat(A, 3, 9)) is ir.repeat(A, 0, 9)
    counted = [ir.sequence([B, ir.repeat(A, low, low + 3), C, B]) for low in (2, 6, 4)]
    assert ir.union(*counted) is ir.sequence([B, ir.repeat(A, 2, 9), C, B])
    assert ir.union(counted[0], ir.sequence([B, ir.repeat(A, 7, 9), C, B])).kind == ir.UNION
    assert ir.concat(ir.optional(A), ir.any_text()) is ir.any_text()
    assert ir.concat(ir.repeat(A, 2, 9), ir.any_text()) is ir.concat(ir.repeat(A, 2, 2), ir.any_text())
    assert ir.concat(ir.any_text(), ir.concat(ir.repeat(A, 0, 9), B)) is ir.concat(ir.any_text(), B)
    assert ir.concat(ir.byte_class(1 << 0xFF), ir.any_text()) is not ir.any_text()
    assert ir.union(ir.repeat(A, 0, None), B, ir.concat(ir.repeat(B, 0, None), C), C).kind == ir.UNION
    long = ir.repeat(ir.any_character(surrogates=True), 3, None)
    assert ir.intersect(long, ir.repeat(A, 3, 5)) is ir.repeat(A, 3, 5)
    assert ir.intersect(long, ir.repeat(A, 2, 5)).kind == ir.INTERSECT
    assert ir.intersect(long, ir.any_text()).kind == ir.INTERSECT
    assert ir.union(ir.concat(ir.optional(B), C), C) is ir.concat(ir.optional(B), C)


def test_bad_arguments() -> None:
    for minimum, maximum in ((-1, None), (3, 2), (0, -1)):
        with pytest.raises(ValueError, match="bounds"):
            ir.repeat(A, minimum, maximum)
    with pytest.raises(ValueError, match="256"):
        ir.byte_class(1 << 256)
    with pytest.raises(ValueError, match="lookaround"):
        linear_form(ir.lookahead(ir.epsilon()), Fuel(10))


def test_equal_structure_is_one_object_and_copies_are_too() -> None:
    node = ir.sequence([A, ir.repeat(B, 2, 5), ir.union(C, ir.literal(b"ab"))])
    assert node is ir.sequence([A, ir.repeat(B, 2, 5), ir.union(ir.literal(b"ab"), C)])
    assert copy.copy(node) is node is copy.deepcopy(node)
    with pytest.raises(TypeError):
        pickle.dumps(node)


def test_nodes_die_with_their_users() -> None:
    gc.collect()
    before = ir.interned_count()
    automaton = LazyDFA((ir.concat(ir.repeat(ir.union(ir.literal(b"abac"), B), 3, 4000), ir.literal(b"zq")),), LIMITS)
    automaton.matches(b"abac" * 500)
    assert ir.interned_count() > before + 1000
    del automaton
    gc.collect()
    assert ir.interned_count() <= before + 20


def test_interning_from_many_threads() -> None:
    results: list[list[Node]] = []

    def work() -> None:
        results.append([ir.sequence([ir.repeat(A, size, size + 7), ir.literal(b"%d" % size)]) for size in range(300)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for column in zip(*results, strict=True):
        assert all(node is column[0] for node in column)


def test_deep_nodes_need_no_recursion() -> None:
    node = ir.epsilon()
    for _ in range(5_000):
        node = ir.optional(ir.concat(ir.union(A, ir.concat(B, node)), C))
    assert LazyDFA((node,), LIMITS).matches(b"bbbacccc") == 1
    deep = ir.literal(b"ab" * 20_000)
    assert shortest_member(deep, Fuel(100_000)) == b"ab" * 20_000
    del node, deep


def test_fuel_is_bounded() -> None:
    # The product of coprime cycles is long, and has no member at all.
    cycles = [ir.repeat(ir.literal(b"a" * size), 1, None) for size in (7, 11, 13, 17, 19)]
    node = ir.intersect(*cycles, ir.repeat(A, 1, 300_000))
    with pytest.raises(LimitExceeded) as caught:
        is_empty(node, Fuel(5_000))
    assert caught.value.limit == "closure_steps" and caught.value.bound == 5_000
    small = ir.intersect(*[ir.repeat(ir.literal(b"a" * size), 1, None) for size in (3, 4, 5)])
    assert distance(small, Fuel(100_000)) == 60
    assert is_empty(ir.intersect(small, ir.repeat(A, 1, 59)), Fuel(100_000))
    assert not is_empty(ir.intersect(small, ir.repeat(A, 1, 60)), Fuel(100_000))


def test_byte_sets() -> None:
    assert spans(byte_set((0, 0), (5, 9), (255, 255))) == ((0, 1), (5, 10), (255, 256))
    assert spans(ir.ALL_BYTES) == ((0, 256),)
    classes = [byte_set((0, 9)), byte_set((5, 14)), byte_set((5, 5)), byte_set((200, 201))]
    refined = refine(classes)
    for byte in range(256):
        owners = [index for index, members in enumerate(classes) if members >> byte & 1]
        found = [held for members, held in refined if members >> byte & 1]
        assert ([sorted(found[0])] if found else []) == ([owners] if owners else []) and len(found) <= 1
