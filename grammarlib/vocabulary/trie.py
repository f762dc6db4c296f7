"""The vocabulary as one flat trie, depth first.

Purpose: a mask walks every token once; tokens that share a prefix share its nodes, and a failing
byte skips everything under it.  The flat order makes the walk one forward scan: ``i += 1`` goes
down or to the next token, ``i = nodes[i, SKIP]`` leaves out a subtree.
Place: built from a `Vocabulary`, consumed by `grammarlib.masks` and the kernels.
Cost: 128k tokens in about 0.3 s (sorting included), 16 bytes a node, about two nodes a token.
Not taken: nodes packed into one 64-bit word (a third faster to scan, but depth and token id then
have bounds that real vocabularies reach); a pointer or dict trie (50 times slower to build).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from grammarlib.errors import VocabularyError

BYTE: Final = 0
"""Column: the byte on the edge into the node."""

SKIP: Final = 1
"""Column: index of the first node after the node's subtree."""

TOKEN: Final = 2
"""Column: the smallest token id whose bytes end at the node, or -1."""

DEPTH: Final = 3
"""Column: how many bytes lie between the root and the node's end; the root's children have 1."""


@dataclass(frozen=True, eq=False, slots=True)
class SortedTokens:
    """The distinct byte strings of a vocabulary in byte order, as flat arrays.

    String ``r`` is ``flat[starts[r] : starts[r] + lengths[r]]``; its smallest token id is ``ids[r]``;
    it shares its first ``common[r]`` bytes (and no more) with string ``r - 1``, 0 for the first.
    ``duplicates``: int32[m, 2], (smallest id, other id) of every further id with the same bytes.
    """

    ids: NDArray[np.int32]
    flat: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    common: NDArray[np.int64]
    duplicates: NDArray[np.int32]


@dataclass(frozen=True, eq=False, slots=True)
class VocabularyTrie:
    """A flat trie of token bytes; frozen, and safe to share between threads.

    ``nodes``: int32[n, 4], C-contiguous, in depth-first preorder with siblings ascending by byte;
    columns `BYTE`, `SKIP`, `TOKEN`, `DEPTH`.  The root is implicit.  ``duplicates``: int32[m, 2],
    (id in the trie, other id with the same bytes), ascending by the second.
    """

    nodes: NDArray[np.int32]
    duplicates: NDArray[np.int32]

    @classmethod
    def build(cls, tokens: Sequence[tuple[int, bytes]]) -> VocabularyTrie:
        """The trie of ``(token id, bytes)`` pairs, in any order.

        Raises `VocabularyError` where a token has no bytes or an id is negative or comes twice.
        """
        ordered = sort_tokens(tokens)
        nodes, _, _ = build_nodes(ordered, np.arange(len(ordered.ids)), ordered.common)
        return cls(nodes=nodes, duplicates=ordered.duplicates)


def sort_tokens(tokens: Sequence[tuple[int, bytes]]) -> SortedTokens:
    """Sort and deduplicate ``(token id, bytes)`` pairs.  Raises as `VocabularyTrie.build`."""
    by_id = sorted(tokens)
    first: dict[bytes, int] = {}
    duplicates: list[tuple[int, int]] = []
    previous = -1
    for token_id, data in by_id:
        if token_id <= previous:
            raise VocabularyError(f"token id {token_id} is negative or given twice")
        previous = token_id
        if not data:
            raise VocabularyError(f"token {token_id} has no bytes, so that it would never advance a text")
        smallest = first.setdefault(data, token_id)
        if smallest != token_id:
            duplicates.append((smallest, token_id))
    strings = sorted(first)
    lengths = np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))
    starts = np.cumsum(lengths) - lengths
    flat = np.frombuffer(b"".join(strings), dtype=np.uint8)
    return SortedTokens(
        ids=np.fromiter((first[data] for data in strings), dtype=np.int32, count=len(strings)),
        flat=flat,
        starts=starts,
        lengths=lengths,
        common=_common_prefixes(flat, starts, lengths),
        duplicates=np.array(duplicates, dtype=np.int32).reshape(-1, 2),
    )


def _common_prefixes(
    flat: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each sorted string, how many first bytes it shares with the one before it."""
    common = np.zeros(len(starts), dtype=np.int64)
    if len(starts) < 2:
        return common
    alive = np.arange(1, len(starts))
    shorter = np.minimum(lengths[1:], lengths[:-1])
    position = 0
    while alive.size:
        alive = alive[shorter[alive - 1] > position]
        alive = alive[flat[starts[alive] + position] == flat[starts[alive - 1] + position]]
        common[alive] += 1
        position += 1
    return common


def build_nodes(
    tokens: SortedTokens, order: NDArray[np.int64], common: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Flat tries for the strings ``order`` (ranks into ``tokens``), and where they end.

    ``common[i]``: bytes shared by ``order[i]`` and ``order[i - 1]``; 0 starts a new first-level node, so
    several tries can be laid out one after the other in one call.  Returns ``nodes`` (as in `VocabularyTrie`), the
    node at which each string ends, and each node's parent (-1 on the first level).
    """
    added = tokens.lengths[order] - common
    ends = np.cumsum(added) - 1
    total = int(ends[-1]) + 1 if len(ends) else 0
    nodes = np.empty((total, 4), dtype=np.int32)
    parents = np.full(total, -1, dtype=np.int64)
    if not total:
        return nodes, ends, parents
    owner = np.repeat(np.arange(len(order)), added)
    depth = np.arange(total) - (ends - added + 1)[owner] + common[owner] + 1
    nodes[:, BYTE] = tokens.flat[tokens.starts[order][owner] + depth - 1]
    nodes[:, TOKEN] = -1
    nodes[ends, TOKEN] = tokens.ids[order]
    nodes[:, DEPTH] = depth

    by_depth = np.argsort(depth, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(depth)[1:])))
    levels = [by_depth[bounds[level] : bounds[level + 1]] for level in range(len(bounds) - 1)]
    for above, level in itertools.pairwise(levels):
        parents[level] = above[np.searchsorted(above, level) - 1]
    skip = np.arange(1, total + 1)
    for level in reversed(levels[1:]):
        parent = parents[level]
        last_child = np.append(parent[1:] != parent[:-1], True)
        skip[parent[last_child]] = skip[level[last_child]]
    nodes[:, SKIP] = skip
    return nodes, ends, parents
