"""The flat trie: a hand-drawn vocabulary, the definition on random ones, real vocabularies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from grammarlib.errors import VocabularyError
from grammarlib.vocabulary import VocabularyTrie
from grammarlib.vocabulary.trie import BYTE, DEPTH, SKIP, TOKEN
from tests.oracles.masks import read_trie, trie_rows, walk_trie
from tests.strategies.vocabularies import token_pairs

# 0 "to"   1 "t"   2 "tea"   3 "ten"   4 "a"   5 "in"   6 "inn"   7 "t" again   8 "tent"
#
#   0 a (4)
#   1 i
#   2   n (5)
#   3     n (6)
#   4 t (1, 7)
#   5   e
#   6     a (2)
#   7     n (3)
#   8       t (8)
#   9   o (0)
HAND = [b"to", b"t", b"tea", b"ten", b"a", b"in", b"inn", b"t", b"tent"]
HAND_NODES = [
    [ord("a"), 1, 4, 1],
    [ord("i"), 4, -1, 1],
    [ord("n"), 4, 5, 2],
    [ord("n"), 4, 6, 3],
    [ord("t"), 10, 1, 1],
    [ord("e"), 9, -1, 2],
    [ord("a"), 7, 2, 3],
    [ord("n"), 9, 3, 3],
    [ord("t"), 9, 8, 4],
    [ord("o"), 10, 0, 2],
]


def test_hand_drawn_vocabulary() -> None:
    trie = VocabularyTrie.build(list(enumerate(HAND)))
    assert trie.nodes.tolist() == HAND_NODES
    assert trie.duplicates.tolist() == [[1, 7]]


def test_layout_is_what_kernels_take() -> None:
    for tokens in ([], list(enumerate(HAND))):
        trie = VocabularyTrie.build(tokens)
        assert trie.nodes.dtype == np.int32 and trie.nodes.flags.c_contiguous and trie.nodes.shape[1] == 4
        assert trie.duplicates.dtype == np.int32 and trie.duplicates.shape[1] == 2


@given(token_pairs())
def test_nodes_are_those_of_the_definition(tokens: list[tuple[int, bytes]]) -> None:
    trie = VocabularyTrie.build(tokens)
    rows, duplicates = trie_rows(tokens)
    assert [tuple(row) for row in trie.nodes.tolist()] == rows
    assert [tuple(pair) for pair in trie.duplicates.tolist()] == duplicates


@given(token_pairs())
def test_reading_the_trie_gives_the_tokens_back(tokens: list[tuple[int, bytes]]) -> None:
    trie = VocabularyTrie.build(tokens)
    found = read_trie(trie.nodes.tolist())
    for first, other in trie.duplicates.tolist():
        assert first < other
        found[other] = found[first]
    assert found == dict(tokens)


@given(token_pairs())
def test_a_walk_finds_exactly_the_allowed_tokens(tokens: list[tuple[int, bytes]]) -> None:
    def allows(prefix: bytes) -> bool:
        return sum(prefix) % 3 != 0

    trie = VocabularyTrie.build(tokens)
    found = walk_trie(trie.nodes.tolist(), allows)
    found |= {other for first, other in trie.duplicates.tolist() if first in found}
    live = {i for i, data in tokens if all(allows(data[:end]) for end in range(1, len(data) + 1))}
    assert found == live


def test_a_very_long_token() -> None:
    tokens = [(0, b" " * 3000), (1, b" " * 2999 + b"a"), (2, b" ")]
    nodes = VocabularyTrie.build(tokens).nodes
    assert len(nodes) == 3001
    assert read_trie(nodes.tolist()) == dict(tokens)
    assert (nodes[:2999, SKIP] == 3001).all() and nodes[:, DEPTH].max() == 3000


@pytest.mark.parametrize(
    ("tokens", "message"),
    [([(3, b"")], "token 3 has no bytes"), ([(1, b"a"), (1, b"b")], "given twice"), ([(-1, b"a")], "negative")],
)
def test_refuses(tokens: list[tuple[int, bytes]], message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        VocabularyTrie.build(tokens)


def test_siblings_ascend_and_every_leaf_is_a_token() -> None:
    nodes = VocabularyTrie.build(list(enumerate(HAND))).nodes
    for row in nodes.tolist():
        following = row[SKIP]
        if following < len(nodes) and nodes[following, DEPTH] == row[DEPTH]:
            assert nodes[following, BYTE] > row[BYTE]
    leaves = nodes[:, SKIP] == np.arange(len(nodes)) + 1
    assert (nodes[leaves, TOKEN] >= 0).all()
