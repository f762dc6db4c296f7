"""Constraints over bytes as potentials over tokens: one walk of the vocabulary's trie for each byte state.

Purpose: who writes a rule byte by byte (a Python automaton, a hand-written lexer) gets exact token masks, whatever the
tokenizer.
Place: beside `samplers.potentials.compiled`, for rules that no source of grammarlib expresses.
Cost: the first visit of a byte state calls ``step`` for each trie node that the rule lets through, a microsecond or
more each in Python; the result is kept, the last used states first.
Not taken: stepping through every token's bytes on its own (tokens share prefixes: 3 to 10 times the calls), and
checking token by token (`FromFunction` with ``level="bytes"`` is that).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.potentials.algebra import Composable
from samplers.potentials.function import as_log_weight
from samplers.types import TokenTable


class ByteAutomaton(Protocol):
    """A deterministic rule over bytes, with weights.  States are hashable; equal states behave alike."""

    def start(self) -> Hashable:
        """The state before the first byte."""

    def step(self, state: Any, byte: int, /) -> tuple[Hashable, float] | None:
        """The state after a byte and the step's log weight (0.0 for a condition); None: the byte is refused."""

    def finish(self, state: Any, /) -> float | bool:
        """The log weight of stopping here; a bool is a condition.  -inf or False: the text may not stop."""


@dataclass(frozen=True, slots=True, eq=False)
class ByteTrie:
    """A vocabulary's tokens as a flat trie, depth first; the root is implicit.

    ``byte`` and ``skip``: int64[nodes], the edge into a node and the first node after its subtree.  ``depth``: how many
    bytes lead to it.  ``tokens``: for each node, the ids that end there.
    """

    byte: list[int]
    skip: list[int]
    depth: list[int]
    tokens: list[tuple[int, ...]]

    @classmethod
    def of(cls, vocabulary: TokenTable) -> ByteTrie:
        """The trie of all tokens that write something and do not end a text."""
        ends = set(vocabulary.eos_token_ids)
        ids: dict[bytes, list[int]] = {}
        for token, data in enumerate(vocabulary.tokens):
            if data and token not in ends:
                ids.setdefault(data, []).append(token)
        byte: list[int] = []
        skip: list[int] = []
        depth: list[int] = []
        tokens: list[tuple[int, ...]] = []
        path: list[int] = []  # nodes from the root to the last one
        before = b""
        for data in sorted(ids):
            common = 0
            while common < min(len(before), len(data)) and before[common] == data[common]:
                common += 1
            for node in path[common:]:
                skip[node] = len(byte)
            del path[common:]
            for position in range(common, len(data)):
                path.append(len(byte))
                byte.append(data[position])
                skip.append(0)
                depth.append(position + 1)
                tokens.append(())
            tokens[path[-1]] = tuple(ids[data])
            before = data
        for node in path:
            skip[node] = len(byte)
        return cls(byte, skip, depth, tokens)


@dataclass(frozen=True, slots=True, eq=False)
class _Next:
    """What may follow a byte state: packed bits, and weights where one of them is not 0."""

    words: NDArray[np.int32]
    weights: NDArray[np.float64] | None


class Lifted(Composable):
    """A rule over bytes as a potential over tokens, with exact masks and no checks.

    ``automaton``: a `ByteAutomaton`.  ``cache_entries``: how many byte states keep their masks.
    ``name``: an `identity` for saved tries.
    """

    def __init__(
        self,
        automaton: ByteAutomaton,
        vocabulary: TokenTable,
        *,
        cache_entries: int = 4096,
        name: str | None = None,
    ) -> None:
        if cache_entries < 1:
            raise SamplerError(f"cache_entries must be at least 1, and is {cache_entries}")
        self.automaton = automaton
        self._vocabulary = vocabulary
        self._name = name
        self._trie = ByteTrie.of(vocabulary)
        self._eos = sorted(vocabulary.eos_token_ids)
        self._entries = cache_entries
        self._known: OrderedDict[Hashable, _Next] = OrderedDict()
        self._words = (vocabulary.logits_width + 31) // 32

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary that was given."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """``name``, if it was given."""
        return None if self._name is None else f"bytes {self._name}"

    def start(self, rows: int) -> LiftedState:
        """See `Potential`."""
        return LiftedState(self, [self.automaton.start()] * rows, np.zeros(rows))

    def _finish(self, state: Hashable) -> float:
        return as_log_weight(self.automaton.finish(state))

    def _read(self, state: Hashable, data: bytes) -> tuple[Hashable, float] | None:
        total = 0.0
        for byte in data:
            following = self.automaton.step(state, byte)
            if following is None:
                return None
            state = following[0]
            total += as_log_weight(following[1])
        return None if total == -np.inf else (state, total)

    def _next(self, state: Hashable) -> _Next:
        known = self._known.get(state)
        if known is not None:
            self._known.move_to_end(state)
            return known
        allowed = np.zeros(self._words * 32, dtype=np.bool_)
        weights = np.zeros(self._vocabulary.logits_width)
        trie, step = self._trie, self.automaton.step
        path: list[tuple[Hashable, float]] = [(state, 0.0)]
        node = 0
        while node < len(trie.byte):
            depth = trie.depth[node]
            del path[depth:]
            above, total = path[-1]
            following = step(above, trie.byte[node])
            weight = -np.inf if following is None else total + as_log_weight(following[1])
            if following is None or weight == -np.inf:
                node = trie.skip[node]
                continue
            path.append((following[0], weight))
            for token in trie.tokens[node]:
                allowed[token] = True
                weights[token] = weight
            node += 1
        end = self._finish(state)
        if end > -np.inf:
            allowed[self._eos] = True
            weights[self._eos] = end
        words = np.packbits(allowed, bitorder="little").view(np.int32)
        made = _Next(words, weights if weights.any() else None)
        self._known[state] = made
        if len(self._known) > self._entries:
            self._known.popitem(last=False)
        return made


class LiftedState:
    """A byte state for each row; see `samplers.potentials.potential.PotentialState`."""

    has_checks = False
    constraint_checks = 0

    def __init__(self, potential: Lifted, states: list[Hashable], log_weights: NDArray[np.float64]) -> None:
        self._potential = potential
        self._states = states
        self._log_weights = log_weights
        self._is_finished = np.zeros(len(states), dtype=np.bool_)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._states)

    def _live(self) -> list[int]:
        return [int(row) for row in np.flatnonzero(~self._is_finished & (self._log_weights > -np.inf))]

    def mask(self) -> torch.Tensor:
        """int32[rows, words], exact."""
        words = np.zeros((self.rows, self._potential._words), dtype=np.int32)
        for row in self._live():
            words[row] = self._potential._next(self._states[row]).words
        return torch.from_numpy(words)

    def log_weights_next(self) -> torch.Tensor | None:
        """float64[rows, logits_width]; None where every weight is 0."""
        found = {row: self._potential._next(self._states[row]).weights for row in self._live()}
        if all(weights is None for weights in found.values()):
            return None
        dense = np.zeros((self.rows, self._potential._vocabulary.logits_width))
        for row, weights in found.items():
            if weights is not None:
                dense[row] = weights
        return torch.from_numpy(dense)

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """0 for every pair."""
        return np.zeros(len(rows), dtype=np.float64)

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row reads its token's bytes."""
        potential = self._potential
        table, ends = potential._vocabulary.tokens, set(potential._eos)
        self._log_weights = self._log_weights.copy()
        self._is_finished = self._is_finished.copy()
        for row, token in enumerate(tokens.tolist()):
            if token < 0 or self._is_finished[row] or self._log_weights[row] == -np.inf:
                continue
            if token in ends:
                self._log_weights[row] += potential._finish(self._states[row])
                self._is_finished[row] = True
                continue
            data = table[token] if token < len(table) else None
            following = potential._read(self._states[row], data) if data else None
            if following is None:
                self._log_weights[row] = -np.inf
            else:
                self._states[row] = following[0]
                self._log_weights[row] += following[1]

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        self._states = [self._states[row] for row in ancestors.tolist()]
        self._log_weights = self._log_weights[ancestors]
        self._is_finished = self._is_finished[ancestors]

    def fork(self, ancestors: NDArray[np.int64]) -> LiftedState:
        """A new state of copies of these rows."""
        other = LiftedState(self._potential, list(self._states), self._log_weights)
        other._is_finished = self._is_finished
        other.select(ancestors)
        return other

    def prefix(self) -> NDArray[np.float64]:
        """The sum of the steps' weights."""
        return self._log_weights.copy()

    def complete(self) -> NDArray[np.float64]:
        """That and the weight of stopping here."""
        ends = [
            weight if ended or weight == -np.inf else weight + self._potential._finish(state)
            for weight, ended, state in zip(self._log_weights, self._is_finished, self._states, strict=True)
        ]
        return np.array(ends, dtype=np.float64)
