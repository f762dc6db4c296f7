"""The compact trie behind aligned decoding: what past draws proved about how much probability is left under a prefix.

Purpose: ASAp, weighted trie sampling and CARS need, for each prefix that was visited, an upper bound of the probability
that it ends in the language.  One structure serves them all; it can be saved and goes on where it was.
Place: read and extended by `samplers.aligned` and `samplers.aligned_processor`; knows neither models nor tensors.
Cost: 48 bytes a visited prefix; a batch of B texts of length T is read in T lookups of B keys, and added in one sort.
Not taken: a Python object for each node (300 bytes) or allowed token (published ASAp code: 0.5 s for one insert);
two dense rows of the vocabulary for each node (published CARS code: 1 MB each at 128k tokens).

**Expected future grammaticality.**  ``future(u)`` bounds from above the probability, given u, of a completion in the
language: 1 where u was never visited, and at visited nodes

    ``future(u) = sum over allowed v of p(v|u) * future(uv)``,   with ``future = 1`` for allowed eos tokens.

It only decreases, unless nodes are pruned, and tends to the truth.  A node stores the logarithms of its ``future``, of
the probability of its edge, p(v|u), and of its check.  New values are sums of positive terms (what is left of the mass,
plus the children that changed), so nothing is lost to cancellation however small they get.

Where a potential's check gives a token a factor below 1, the factor is part of the child's ``future``; a text that was
refused at its end is a child for the eos token.

**Keys.**  A trie holds many roots, one for each (model, warp, prompt, constraint, limit), by a digest: a saved trie
never says anything about another target.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from grammarlib.errors import ArtefactError
from samplers.errors import SamplerError, TrieMismatch
from samplers.merging import Columns, merged

_FORMAT: Final = "grammarlib-trie"
_VERSION: Final = 2
_COLUMNS: Final = {
    "parent": "<i4",
    "token": "<i4",
    "log_edge": "<f8",
    "log_check": "<f8",
    "log_future": "<f8",
    "used": "<i4",
}
_NO_NODE: Final = -1
_ROUNDING: Final = 1e-6
"""How far above 0 the log of a bound may be: models in float32 normalise their laws no better."""
_UNVISITED: Final = np.nan


@dataclass
class Visit:
    """A prefix that a batch went through, for `AlignedTrie.record`.

    ``node``: its node before the batch, -1 for a prefix that was not visited.  ``parent`` and ``token``: the index of
    the visit above it in the same list (-1 for a root) and the edge's token.  ``log_edge``: log p(token | parent), with
    the potential's dense factor.  ``log_check``: the check's factor for the token.  ``log_rest``: log of the sum of
    ``p * future`` over those next tokens that lead to no visit of this list, eos tokens included.
    """

    node: int
    parent: int
    token: int
    log_edge: float
    log_check: float
    log_rest: float


class AlignedTrie:
    """Visited prefixes of any number of targets, in flat arrays.

    ``max_nodes``: past so many, those that were used longest ago are forgotten (their bound is 1 again, which is
    correct and slower).  Not safe for several threads.
    """

    def __init__(self, max_nodes: int = 1_000_000) -> None:
        if max_nodes < 1:
            raise SamplerError(f"max_nodes must be at least 1, and is {max_nodes}")
        self.max_nodes = max_nodes
        self._size = 0
        self._parent = np.zeros(64, dtype=np.int32)
        self._token = np.zeros(64, dtype=np.int32)
        self._log_edge = np.zeros(64, dtype=np.float64)
        self._log_check = np.zeros(64, dtype=np.float64)
        self._log_future = np.zeros(64, dtype=np.float64)
        self._used = np.zeros(64, dtype=np.int32)
        self._roots: dict[str, int] = {}
        self._clock = 0
        self._keys = np.zeros(0, dtype=np.int64)  # parent << 32 | token, ascending: the index of `_key_nodes`
        self._key_nodes = np.zeros(0, dtype=np.int32)

    def __len__(self) -> int:
        """How many nodes there are."""
        return self._size

    @property
    def memory_bytes(self) -> int:
        """Bytes of the arrays."""
        columns = sum(getattr(self, "_" + name).nbytes for name in _COLUMNS)
        return int(columns) + self._keys.nbytes + self._key_nodes.nbytes

    @property
    def roots(self) -> tuple[str, ...]:
        """The digests of the targets that it knows."""
        return tuple(self._roots)

    # Reading

    def root(self, key: str) -> int:
        """The root of a target, by a text that names it (see `target_key`); made where there is none."""
        digest = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()
        node = self._roots.get(digest)
        if node is None:
            number, nothing = np.array([len(self._roots)]), np.zeros(1)
            node = self._append(np.array([_NO_NODE]), number, nothing, nothing, np.full(1, _UNVISITED))
            self._roots[digest] = node
        return node

    def log_future(self, nodes: NDArray[np.int64]) -> NDArray[np.float64]:
        """The bound of each node in log space: float64[count]; 0 for -1 and for roots that were never visited."""
        result = np.zeros(len(nodes))
        known = nodes >= 0
        values = self._log_future[nodes[known]]
        result[known] = np.where(np.isnan(values), 0.0, values)
        return result

    def is_visited(self, nodes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether something is known of each node: bool[count]."""
        result = nodes >= 0
        result[result] = ~np.isnan(self._log_future[nodes[result]])
        return result

    def child(self, nodes: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The node of each prefix and one more token, -1 where it was never visited: int64[count]."""
        if not len(self._keys):
            return np.full(len(nodes), _NO_NODE, dtype=np.int64)
        wanted = (nodes << 32) | tokens
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        found = (self._keys[place] == wanted) & (nodes >= 0)
        return np.where(found, self._key_nodes[place], _NO_NODE).astype(np.int64)

    def children(self, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """All visited children: (index into ``nodes``, token, log future), int64, int64 and float64 of one length."""
        first = np.searchsorted(self._keys, np.where(nodes >= 0, nodes, 0) << 32)
        end = np.searchsorted(self._keys, np.where(nodes >= 0, nodes + 1, 0) << 32)
        counts = np.where(nodes >= 0, end - first, 0)
        owner = np.repeat(np.arange(len(nodes)), counts)
        offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        found = self._key_nodes[first[owner] + offset].astype(np.int64)
        return owner, self._token[found].astype(np.int64), self._log_future[found]

    # Writing

    def record(self, visits: list[Visit]) -> None:
        """Add what a batch of texts went through, parents before children; all bounds change together.

        ``future(u)`` becomes ``exp(log_check) * (exp(log_rest) + sum over visits uv of exp(log_edge) * future(uv))``.
        Raises `SamplerError` for NaN, and where a bound would be above 1 by more than rounding explains.
        """
        count = len(visits)
        if not count:
            return
        self._clock += 1
        future = np.array([visit.log_rest for visit in visits], dtype=np.float64)
        for index in range(count - 1, -1, -1):  # children stand behind their parents
            visit = visits[index]
            future[index] += visit.log_check
            if visit.parent >= 0:
                future[visit.parent] = np.logaddexp(future[visit.parent], visit.log_edge + future[index])
        if np.isnan(future).any() or (future > _ROUNDING).any():
            raise SamplerError(
                "the future of a prefix is above 1 or NaN: weights above 1 cannot be bounded by a trie; use SMC"
            )
        future = np.minimum(future, 0.0)
        nodes = np.array([visit.node for visit in visits], dtype=np.int64)
        new = np.flatnonzero(nodes < 0)
        if len(new):
            first = self._size
            nodes[new] = first + np.arange(len(new))
            parents = np.array([nodes[visits[index].parent] for index in new], dtype=np.int64)
            tokens = np.array([visits[index].token for index in new], dtype=np.int64)
            edges = np.array([visits[index].log_edge for index in new], dtype=np.float64)
            checks = np.array([visits[index].log_check for index in new], dtype=np.float64)
            self._append(parents, tokens, edges, checks, future[new])
            self._index(first)
        self._log_future[nodes] = future
        self._used[nodes] = self._clock
        self._bound()

    def prune(self, max_nodes: int) -> None:
        """Forget the nodes used longest ago until ``max_nodes`` (and the roots) are left.

        The bounds of the prefixes above them rise by what was known of them, so that all stay consistent.
        """
        if self._size <= max_nodes:
            return
        depth = self._depths()
        order = np.lexsort((-depth, self._used[: self._size]))  # an ancestor is never used before its descendants
        removed = np.zeros(self._size, dtype=bool)
        removed[order[: self._size - max_nodes]] = True
        removed[list(self._roots.values())] = False

        rise = np.zeros(self._size)  # of each node's future
        for level in range(int(depth.max()), -1, -1):
            nodes = np.flatnonzero(depth == level)
            rise[nodes] *= np.exp(self._log_check[nodes])
            if level:
                edges = np.exp(self._log_edge[nodes])
                lost = np.where(removed[nodes], 1.0 - np.exp(self._log_future[nodes]), rise[nodes])
                np.add.at(rise, self._parent[nodes], edges * lost)
        kept = np.flatnonzero(~removed)
        risen = kept[rise[kept] > 0]
        self._log_future[risen] = np.minimum(np.logaddexp(self._log_future[risen], np.log(rise[risen])), 0.0)
        number = np.full(self._size + 1, _NO_NODE, dtype=np.int32)  # the last entry serves the parent -1
        number[kept] = np.arange(len(kept))
        self._parent[: len(kept)] = number[self._parent[kept]]
        for column in (self._token, self._log_edge, self._log_check, self._log_future, self._used):
            column[: len(kept)] = column[kept]
        self._size = len(kept)
        self._roots = {digest: int(number[node]) for digest, node in self._roots.items()}
        self._rebuild_index()

    def merge(self, other: AlignedTrie) -> AlignedTrie:
        """What this trie and ``other`` know together, as a new trie: two runs of the same targets.

        The visited prefixes of the result are those of either, and their bounds those that one run would have that
        recorded the draws of both (to rounding, upwards): at most the lesser of both, at least the truth.  Weights of
        draws from it are as exact as before.  The order makes no difference, and a trie merged with itself is itself.
        ``max_nodes`` is the larger one; past it, those that were used longest ago are forgotten, as in `record`.

        Raises `TrieMismatch` where the keys of the targets (model, warp, prompt, constraint, limit) are not the same,
        and where they are and the masses of one prefix differ by more than a factor of two.
        """
        here, there = set(self._roots), set(other._roots)
        if here != there:
            raise TrieMismatch(
                f"{len(here & there)} targets are in both tries, {len(here - there)} in the first and "
                f"{len(there - here)} in the second only: tries of different models, warps, prompts, constraints or "
                "limits do not merge; a model or potential without an identity is another target in each run"
            )
        digests = sorted(self._roots)
        roots = [(self._roots[digest], other._roots[digest]) for digest in digests]
        columns = merged(self._columns(), other._columns(), roots)
        result = AlignedTrie(max(self.max_nodes, other.max_nodes))
        result._clock = max(self._clock, other._clock)
        result._append(columns.parent, columns.token, columns.log_edge, columns.log_check, columns.log_future)
        result._used[: result._size] = columns.used + result._clock
        result._roots = {digest: node for node, digest in enumerate(digests)}
        result._rebuild_index()
        result._bound()
        return result

    def _columns(self) -> Columns:
        """A view of the nodes for `samplers.merging`."""
        size = self._size
        logs = (self._log_edge[:size], self._log_check[:size], self._log_future[:size])
        return Columns(self._parent[:size], self._token[:size], *logs, self._used[:size] - self._clock)

    def _bound(self) -> None:
        """Keep to ``max_nodes``, with room for what comes next."""
        if self._size > self.max_nodes:
            self.prune(max(1, self.max_nodes * 3 // 4))

    def _append(
        self,
        parents: NDArray[Any],
        tokens: NDArray[Any],
        edges: NDArray[np.float64],
        checks: NDArray[np.float64],
        futures: NDArray[np.float64],
    ) -> int:
        first, count = self._size, len(parents)
        if first + count > len(self._parent):
            for name in _COLUMNS:
                column = getattr(self, "_" + name)
                grown = np.zeros(max(2 * len(column), first + count), dtype=column.dtype)
                grown[:first] = column[:first]
                setattr(self, "_" + name, grown)
        self._parent[first : first + count] = parents
        self._token[first : first + count] = tokens
        self._log_edge[first : first + count] = edges
        self._log_check[first : first + count] = checks
        self._log_future[first : first + count] = futures
        self._used[first : first + count] = self._clock
        self._size = first + count
        return first

    def _index(self, first: int) -> None:
        """Take the nodes from ``first`` on into the sorted keys."""
        nodes = np.arange(first, self._size, dtype=np.int32)
        keys = (self._parent[nodes].astype(np.int64) << 32) | self._token[nodes].astype(np.int64)
        order = np.argsort(keys, kind="stable")
        place = np.searchsorted(self._keys, keys[order])
        self._keys = np.insert(self._keys, place, keys[order])
        self._key_nodes = np.insert(self._key_nodes, place, nodes[order])

    def _rebuild_index(self) -> None:
        inner = np.flatnonzero(self._parent[: self._size] >= 0).astype(np.int32)
        keys = (self._parent[inner].astype(np.int64) << 32) | self._token[inner].astype(np.int64)
        order = np.argsort(keys, kind="stable")
        self._keys, self._key_nodes = keys[order], inner[order]

    def _depths(self) -> NDArray[np.int64]:
        depth = np.zeros(self._size, dtype=np.int64)
        current = self._parent[: self._size].astype(np.int64)
        while (current >= 0).any():
            depth += current >= 0
            current = np.where(current >= 0, self._parent[current], _NO_NODE)
        return depth

    # Keeping

    def save(self, path: str | Path) -> None:
        """Write the trie: a line of JSON, then the columns, little-endian, no pickle."""
        order = sorted(self._roots, key=lambda digest: int(self._token[self._roots[digest]]))
        blocks = [getattr(self, "_" + name)[: self._size].astype(dtype).tobytes() for name, dtype in _COLUMNS.items()]
        body = b"".join(blocks)
        header = {
            "format": _FORMAT,
            "version": _VERSION,
            "nodes": self._size,
            "max_nodes": self.max_nodes,
            "clock": self._clock,
            "roots": [[digest, self._roots[digest]] for digest in order],
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        Path(path).write_bytes(json.dumps(header).encode() + b"\n" + body)

    @classmethod
    def load(cls, path: str | Path) -> AlignedTrie:
        """Read what `save` wrote; draws go on as they would have.

        Raises `grammarlib.errors.ArtefactError` where the file is damaged or of another version.
        """
        line, separator, body = Path(path).read_bytes().partition(b"\n")
        try:
            header = json.loads(line)
            if not separator or header["format"] != _FORMAT or header["version"] != _VERSION:
                raise ArtefactError(f"{path} is not a {_FORMAT} file of version {_VERSION}")
            size, roots = int(header["nodes"]), [(str(digest), int(node)) for digest, node in header["roots"]]
            trie = cls(int(header["max_nodes"]))
            trie._clock = int(header["clock"])
            if hashlib.sha256(body).hexdigest() != header["sha256"]:
                raise ArtefactError(f"{path} is damaged: its checksum is wrong")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ArtefactError(f"{path} is no saved trie: {error}") from error
        if len(body) != size * sum(np.dtype(dtype).itemsize for dtype in _COLUMNS.values()):
            raise ArtefactError(f"{path} is damaged: {len(body)} bytes do not hold {size} nodes")
        position = 0
        for name, dtype in _COLUMNS.items():
            width = np.dtype(dtype).itemsize * size
            column = np.frombuffer(body[position : position + width], dtype=dtype)
            setattr(trie, "_" + name, column.astype(getattr(trie, "_" + name).dtype))
            position += width
        trie._size = size
        trie._roots = dict(roots)
        trie._validate(str(path))
        trie._rebuild_index()
        return trie

    def _validate(self, where: str) -> None:
        """Refuse what `record` cannot have written."""
        parent, size = self._parent, self._size
        roots = np.flatnonzero(parent < 0)
        wrong = (
            (parent >= np.arange(size)).any()
            or (parent < _NO_NODE).any()
            or sorted(self._roots.values()) != roots.tolist()
            or not ((self._log_edge > -np.inf) & (self._log_edge <= 0)).all()
            or not (self._log_check < np.inf).all()
            or not (self._log_future[parent >= 0] <= 0).all()
            or (self._log_future[roots] > 0).any()
            or (self._token < 0).any()
        )
        keys = (parent[parent >= 0].astype(np.int64) << 32) | self._token[parent >= 0].astype(np.int64)
        if wrong or len(np.unique(keys)) != len(keys):
            raise ArtefactError(f"{where} is damaged: its nodes are no trie")


def target_key(parts: Iterable[str | int | None]) -> str | None:
    """The text that names a target: its parts joined without ambiguity; None where one of them is None."""
    listed = list(parts)
    return None if None in listed else json.dumps(listed)
