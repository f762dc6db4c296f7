"""A deterministic automaton over bytes, made state by state from Boolean regexes.

Purpose: the `RowSource` of patterns, formats, terminals and number ranges.  A state is a tuple of
residual regexes, one for each of the given languages; bit ``i`` of its label says that the i-th accepts here.
Place: made by `grammarlib.sources`, consumed by `configurations` through `rows.RowSource`.
Cost: a state is expanded once, in 5 to 30 microseconds for the patterns of JSON schemas, and costs memory
for its byte classes only; `lazy_dfa_for` shares automata between sources, since a server compiles the same
schemas again and again.
Not taken: building and minimising the whole automaton, which costs milliseconds before the
first token and is impossible for ``.{0,30000}``.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata.alphabet import lowest, paint, refine
from grammarlib.automata.derivative import Fuel, Steps, distance, is_empty, partition, shortest_member
from grammarlib.dtypes import DEAD, STATE_DTYPE
from grammarlib.errors import LimitExceeded
from grammarlib.ir.regex import Node, nothing
from grammarlib.limits import Limits

_CACHE_ENTRIES = 1024
_CACHE_STATES = 100_000
_COUNTED_STATES = 256
_UNKNOWNS = 32  # residuals of one automaton for which a search was given up, before none is searched for any more
_DEAD_ROW = np.full(256, DEAD, dtype=STATE_DTYPE)


class LazyDFA:
    """The languages of ``regexes`` side by side, as a `RowSource`.

    A state is live where at least one residual is not empty; residuals that are empty count as ``nothing()``, so
    equal states are found equal.  States are numbered in the order in which `expand` meets them, by
    lowest byte; the same calls give the same numbers.  Safe to share between threads.
    Raises `LimitExceeded` for ``states``, and for ``closure_steps`` where one transition costs too much.

    ``forgiving``: a residual that may or may not be empty, which would take more than ``closure_steps`` to
    find out, counts as live, and ``dead_end_free`` turns False.  Without it `LimitExceeded` is raised.
    """

    def __init__(self, regexes: Sequence[Node], limits: Limits, *, forgiving: bool = False) -> None:
        if not regexes:
            raise ValueError("a lazy automaton needs at least one regex")
        self._limits = limits
        self._forgiving = forgiving
        self.dead_end_free = True
        self._lock = threading.RLock()
        self._single = len(regexes) == 1
        # With one language a state is its residual, with several the tuple of them.
        self._states: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._moves: list[tuple[tuple[int, int], ...] | None] = []
        self._labels: list[int] = []
        self._word_counts: dict[tuple[int, int], int | None] = {}
        self._unknown: set[Node] = set()
        fuel = self._fuel()
        if self._single:
            self._start = DEAD if self._is_empty(regexes[0], fuel) else self._number(regexes[0])
        else:
            first = self._living(tuple(regexes), fuel)
            self._start = DEAD if first is None else self._number(first)

    @property
    def start(self) -> int:
        """The start state, or -1 where every language is empty."""
        return self._start

    @property
    def state_count(self) -> int:
        """How many states were found so far."""
        return len(self._states)

    def residuals(self, state: int) -> tuple[Node, ...]:
        """The residual regexes of ``state``, for diagnostics."""
        found = self._states[state]
        return (found,) if self._single else found

    def expand(self, state: int) -> NDArray[np.int32]:
        """All transitions of ``state``: a fresh int32[256], -1 where nothing can be completed."""
        row = _DEAD_ROW.copy()
        moves = self._moves[state]
        for members, target in self.transitions(state) if moves is None else moves:
            paint(row, members, target)
        return row

    def transitions(self, state: int) -> tuple[tuple[int, int], ...]:
        """The live transitions of ``state`` as disjoint (byte set, next state)."""
        moves = self._moves[state]
        if moves is None:
            with self._lock:
                moves = self._moves[state]
                if moves is None:
                    moves = self._expand(state)
                    self._moves[state] = moves
        return moves

    def label(self, state: int) -> int:
        """Bit ``i`` is set where the i-th language accepts in ``state``."""
        return self._labels[state]

    def shortest_completion(self, state: int) -> bytes:
        """The shortest byte string to acceptance, the first by byte order."""
        with self._lock:
            fuel = self._fuel()
            living = [node for node in self.residuals(state) if not is_empty(node, fuel)]
            least = min(distance(node, fuel) for node in living)
            return min(shortest_member(node, fuel) for node in living if distance(node, fuel) == least)

    def shortest_length(self, state: int) -> int:
        """The fewest code points (bytes outside 0x80..0xBF) to acceptance."""
        if self._single:
            known: int | None = self._states[state].distance_points
            if known is not None:
                return known
        with self._lock:
            fuel = self._fuel()
            try:
                return min(distance(node, fuel, points=True) for node in self.residuals(state))
            except LimitExceeded:
                if not self._forgiving:
                    raise
                self.dead_end_free = False
                return min(node.minimum_points for node in self.residuals(state))

    def least_length(self, state: int) -> int:
        """A number of code points that `shortest_length` is not below, at no cost."""
        return min(node.minimum_points for node in self.residuals(state))

    def word_count(self, state: int, most: int) -> int | None:
        """How many byte strings lead from ``state`` to acceptance; None for more than ``most``.

        None as well where more than `_COUNTED_STATES` states would have to be seen.
        """
        known = self._word_counts.get((state, most), -1)
        if known is None or known >= 0:
            return known
        # Level by level: every live prefix leads to a word of its own, so that too many prefixes are too many words.
        # So is a state that leads to itself, or one behind which there are too many: most names end here at once.
        counts = self._word_counts
        total = visited = 0
        level = {state: 1}
        found: int | None = None
        while level:
            visited += len(level)
            total += sum(count for at, count in level.items() if self._labels[at])
            if total > most or sum(level.values()) > most or visited > _COUNTED_STATES:
                break
            following: dict[int, int] = {}
            for at, count in level.items():
                for members, target in self.transitions(at):
                    if target == at or counts.get((target, most), 0) is None:
                        counts[state, most] = None
                        return None
                    following[target] = following.get(target, 0) + count * members.bit_count()
            level = following
        else:
            found = total
        self._word_counts[state, most] = found
        return found

    def words(self, state: int, most: int) -> list[bytes] | None:
        """The byte strings that lead from ``state`` to acceptance, ascending; None where `word_count` has none."""
        if self.word_count(state, most) is None:
            return None
        found = []
        frontier = [(state, b"")]
        while frontier:
            following = []
            for at, text in frontier:
                if self._labels[at]:
                    found.append(text)
                for members, target in self.transitions(at):
                    following += [(target, text + bytes((byte,))) for byte in range(256) if members >> byte & 1]
            frontier = following
        return sorted(found)

    def matches(self, data: bytes) -> int:
        """The label that ``data`` as a whole reaches; 0 where no language holds it."""
        state = self._start
        for byte in data:
            if state < 0:
                return 0
            bit = 1 << byte
            for members, target in self.transitions(state):
                if members & bit:
                    state = target
                    break
            else:
                return 0
        return self._labels[state] if state >= 0 else 0

    def _fuel(self) -> Fuel:
        return Fuel(self._limits.closure_steps)

    def _is_empty(self, node: Node, fuel: Fuel) -> bool:
        """Whether a residual holds nothing; False where that is too dear to find out and the automaton is forgiving."""
        if not self._forgiving or node.alive is not None:
            return is_empty(node, fuel)
        if node in self._unknown or len(self._unknown) >= _UNKNOWNS:
            return False
        try:
            # Once one search failed, others like it will: they get less.
            return is_empty(node, self._fuel() if self.dead_end_free else Fuel(self._limits.closure_steps // 50))
        except LimitExceeded:
            self.dead_end_free = False
            self._unknown.add(node)
            return False

    def _living(self, residuals: tuple[Node, ...], fuel: Fuel) -> tuple[Node, ...] | None:
        """``residuals`` with empty ones made ``nothing()``, or None where all are empty."""
        empty = nothing()
        living = tuple([empty if self._is_empty(node, fuel) else node for node in residuals])
        return living if any(node is not empty for node in living) else None

    def _number(self, residuals: Any) -> int:
        number = len(self._states)
        if number >= self._limits.states:
            raise LimitExceeded("states", self._limits.states, where="a regular expression")
        label = 0
        if self._single:
            label = 1 if residuals.nullable else 0
        else:
            for index, node in enumerate(residuals):
                if node.nullable:
                    label |= 1 << index
        self._moves.append(None)
        self._labels.append(label)
        self._states.append(residuals)
        self._numbers[residuals] = number
        return number

    def _expand(self, state: int) -> tuple[tuple[int, int], ...]:
        found = self._states[state]
        fuel = self._fuel()
        moves: list[tuple[int, Any]]
        if self._single:
            steps = found.steps if found.steps is not None else partition(found, fuel)
            moves = [pair for pair in steps if pair[1].alive or not self._is_empty(pair[1], fuel)]
        else:
            merged: dict[tuple[Node, ...], int] = {}
            for members, targets in _product([partition(node, fuel) for node in found], fuel):
                living = self._living(targets, fuel)
                if living is not None:
                    merged[living] = merged.get(living, 0) | members
            moves = [(members, living) for living, members in merged.items()]
        if len(moves) > 1:
            moves.sort(key=_lowest_byte)
        numbers = self._numbers
        result = []
        for members, target in moves:
            number = numbers.get(target)
            result.append((members, self._number(target) if number is None else number))
        return tuple(result)


def _lowest_byte(move: tuple[int, Any]) -> int:
    return lowest(move[0])


def _product(parts: list[Steps], fuel: Fuel) -> list[tuple[int, tuple[Node, ...]]]:
    """Step all residuals at once: disjoint (bytes, one residual for each part)."""
    offsets: list[tuple[int, Node]] = []
    classes: list[int] = []
    for index, part in enumerate(parts):
        for members, target in part:
            classes.append(members)
            offsets.append((index, target))
    empty = nothing()
    result = []
    for members, owners in refine(classes):
        fuel.spend(len(owners) + 1)
        targets = [empty] * len(parts)
        for owner in owners:
            index, target = offsets[owner]
            targets[index] = target
        result.append((members, tuple(targets)))
    return result


_cache: OrderedDict[tuple[tuple[Node, ...], int, int, bool], LazyDFA] = OrderedDict()
_cache_lock = threading.Lock()
_stored = itertools.count(1)


def lazy_dfa_for(regexes: Sequence[Node], limits: Limits, *, forgiving: bool = False) -> LazyDFA:
    """The automaton of ``regexes``, shared with every earlier call of the same regexes and limits.

    One that has used half of its states is not handed out any more: a text that filled it harms nobody else.
    The cache is bounded by automata and by their states; the least recently used go first.
    """
    key = (tuple(regexes), limits.states, limits.closure_steps, forgiving)
    with _cache_lock:
        automaton = _cache.get(key)
        if automaton is not None and 2 * automaton.state_count <= limits.states:
            _cache.move_to_end(key)
            return automaton
    automaton = LazyDFA(key[0], limits, forgiving=forgiving)
    with _cache_lock:
        known = _cache.get(key)
        if known is not None and 2 * known.state_count <= limits.states:
            return known
        _cache[key] = automaton
        if len(_cache) > _CACHE_ENTRIES:
            _cache.popitem(last=False)
        # Automata grow after they are stored: add up their states now and then.
        if next(_stored) % 16 == 0:
            total = sum(other.state_count for other in _cache.values())
            while total > _CACHE_STATES and len(_cache) > 1:
                _, oldest = _cache.popitem(last=False)
                total -= oldest.state_count
    return automaton
