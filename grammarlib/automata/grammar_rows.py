"""A context-free grammar as lazily determinised rows: a stack machine whose sets of stacks are interned.

Purpose: `GrammarRows` makes any grammar look like a deterministic automaton over bytes (`RowSource`), exactly: a
text is accepted where some split into lexemes derives from the start.
Place: built from `grammarlib.ir.passes.prepare`; returned by the Lark and EBNF sources.
Cost: a row is expanded once, in time proportional to its threads and byte classes, typically well below
100 microseconds; a step inside a known row is a table load.
Not taken: Earley items with input positions, which make every configuration new and nothing reusable.

A **row** is a set of threads.  A thread is (position, stack node), where the position is either inside a
terminal (state of its DFA, rule state to continue in) or a rule state itself.  A **stack node** is the set of
frames (return state, parent node) of one callee at one place of the text, interned by content: the
graph-structured stack of generalised LR parsing, so that ambiguity costs a polynomial number of nodes.  Rules do not
accept the empty text and are not left-recursive, hence callees at one place form no cycle and their nodes are
built in one sweep from callers to callees.  A call in tail position hands the caller's frames down and pushes
nothing, so that right recursion keeps constant depth.  Every thread is live: useless rules are pruned beforehand
and terminals' DFA states are live by contract.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.dtypes import DEAD
from grammarlib.errors import LimitExceeded
from grammarlib.ir.grammar import Grammar, Terminal
from grammarlib.ir.passes import least_yields, left_calls, prepare, strongly_connected
from grammarlib.ir.regex import EPSILON as EPSILON_KIND
from grammarlib.ir.regex import NOTHING as NOTHING_KIND
from grammarlib.ir.regex import Node
from grammarlib.ir.rules import RuleSystem, equivalence
from grammarlib.limits import Limits

_SHIFT: Final = 32
_NODE_MASK: Final = (1 << _SHIFT) - 1
_TARGETS_ENTRIES: Final = 8_192
_END: Final = -1
"""The thread, and the return state, of a text that is complete."""


class GrammarRows:
    """The rows of one grammar.  Not thread-safe: the machine's lock guards it."""

    def __init__(self, grammar: Grammar, limits: Limits) -> None:
        """Prepare ``grammar``; raises `LimitExceeded` alone.  An empty language has ``start`` DEAD."""
        self._limits = limits
        self._leaves = _Leaves(limits)
        self.system = prepare(grammar, self._leaves.vain, limits)
        self._rules = _Rules(self.system)
        self._leaves.add(self.system.terminals)
        self._lengths: list[_Lengths | None] = [None, None]

        # Stack nodes; node 0 is the bottom.
        self._frames: list[tuple[tuple[int, int], ...]] = [((_END, 0),)]
        self._depths: list[int] = [0]
        self._nodes: dict[tuple[tuple[int, int], ...], int] = {self._frames[0]: 0}

        # Positions inside terminals: (DFA state, rule state).
        self._positions: list[tuple[int, int]] = []
        self._position_numbers: dict[tuple[int, int], int] = {}

        self._partitions: dict[tuple[int, ...], list[_Class]] = {}
        self._members: dict[int, NDArray[np.intp]] = {}
        self._rows: list[_Row] = []
        self._row_numbers: dict[tuple[frozenset[int], frozenset[int]], int] = {}
        self._targets: dict[int, NDArray[np.int32]] = {}
        first = self._rules.starts[self.system.start]
        self._start = DEAD
        if first >= 0 or self.system.nullable:
            items: set[int] = set()
            if first >= 0:
                items.add(first << _SHIFT)
            if self.system.nullable:
                items.add(_END)
            self._start = self._row(frozenset(), frozenset(items))

    @property
    def start(self) -> int:
        """The start row, or ``DEAD`` where the language is empty."""
        return self._start

    @property
    def row_count(self) -> int:
        """How many rows have been found."""
        return len(self._rows)

    @property
    def node_count(self) -> int:
        """How many stack nodes have been found."""
        return len(self._frames)

    def terminal_start(self, number: int) -> int:
        """The DFA state in which a text of terminal ``number`` of ``system.terminals`` begins."""
        return self._leaves.starts[number]

    def terminal_moves(self, state: int) -> list[tuple[int, int, bool, bool]]:
        """The transitions of a DFA state of terminals: (set of bytes as bits, target, goes on, accepts).

        ``accepts``: the terminal may end there; ``goes on``: something may follow within it.  One holds at least.
        Texts of no byte are not seen here: `system` has worked them into the rules.
        """
        return self._leaves.moves(state)

    def label(self, state: int) -> int:
        """1 where the text may stop, else 0."""
        return 1 if _END in self._rows[state].items else 0

    def expand(self, state: int) -> NDArray[np.int32]:
        """All transitions of ``state``: int32[256], the next row per byte or ``DEAD``."""
        known = self._targets.get(state)
        if known is not None:
            return known
        row = self._rows[state]
        threads: dict[int, list[tuple[int, int]]] = {}  # DFA state -> (rule state, node)
        positions = self._positions
        steps = len(row.inside)
        for thread in row.inside:
            leaf, after = positions[thread >> _SHIFT]
            threads.setdefault(leaf, []).append((after, thread & _NODE_MASK))
        steps += self._open(row.items, threads)
        bound = self._limits.closure_steps
        targets = np.full(256, DEAD, np.int32)
        leaves = tuple(sorted(threads))
        accepting = self._rules.accepting
        inside: set[int] = set()
        items: set[int] = set()
        for byte_class in self._partition(leaves):
            inside.clear()
            items.clear()
            for place, target, goes_on, accepts in byte_class.moves:
                for after, node in threads[leaves[place]]:
                    if goes_on:
                        key = (target, after)
                        position = self._position_numbers.get(key)
                        if position is None:
                            position = self._position_numbers[key] = len(positions)
                            positions.append(key)
                        inside.add(position << _SHIFT | node)
                    if accepts:
                        if accepting[after]:
                            steps += self._close(after, node, items)
                        else:
                            items.add(after << _SHIFT | node)
                steps += 1
            if steps > bound:
                raise LimitExceeded("closure_steps", bound, steps, "one transition of a grammar")
            if len(inside) > 1:
                steps += self._merge(inside)
            if len(items) > 1:
                steps += self._merge(items)
            targets[byte_class.members] = self._row(frozenset(inside), frozenset(items))
        targets.flags.writeable = False
        if len(self._targets) >= _TARGETS_ENTRIES:
            self._targets.clear()  # the machine keeps its own copy; only completions come back for more
        self._targets[state] = targets
        return targets

    def shortest_completion(self, state: int) -> bytes:
        """A shortest byte string (fewest bytes; ties by byte order) that leads to acceptance."""
        lengths = self._length_tables(0)
        remaining = lengths.row(self._rows[state])
        if remaining > self._limits.source_bytes:
            raise LimitExceeded("source_bytes", self._limits.source_bytes, remaining, "a shortest text of a grammar")
        result = bytearray()
        while remaining:
            remaining -= 1
            row = self.expand(state)
            for byte in range(256):
                target = int(row[byte])
                if target >= 0 and lengths.row(self._rows[target]) == remaining:
                    result.append(byte)
                    state = target
                    break
            else:
                raise AssertionError("no byte shortens the completion")
        return bytes(result)

    def shortest_length(self, state: int) -> int:
        """The fewest code points (bytes outside 0x80..0xBF) that lead to acceptance."""
        return self._length_tables(1).row(self._rows[state])

    def _row(self, inside: frozenset[int], items: frozenset[int]) -> int:
        key = (inside, items)
        number = self._row_numbers.get(key)
        if number is None:
            number = len(self._rows)
            if number >= self._limits.states:
                raise LimitExceeded("states", self._limits.states, number + 1, "the rows of a grammar")
            self._row_numbers[key] = number
            self._rows.append(_Row(inside, items))
        return number

    def _merge(self, threads: set[int]) -> int:
        """Replace threads that differ in their node only by one with the frames of all; the number of steps taken.

        That keeps rows small and makes equal sets of stacks equal, where a text has many unfinished readings.
        """
        nodes: dict[int, int] = {}
        several: dict[int, list[int]] = {}
        for thread in threads:
            if thread < 0:
                continue
            position, node = thread >> _SHIFT, thread & _NODE_MASK
            first = nodes.setdefault(position, node)
            if first != node:
                several.setdefault(position, [first]).append(node)
        steps = 0
        for position, group in several.items():
            frames: set[tuple[int, int]] = set()
            for node in group:
                threads.discard(position << _SHIFT | node)
                frames.update(self._frames[node])
                steps += len(self._frames[node])
            threads.add(position << _SHIFT | self._node(frames))
        return steps

    def _close(self, state: int, node: int, items: set[int]) -> int:
        """Add the thread (``state``, ``node``), which accepts, and what popping leads to; the number of steps taken."""
        rules = self._rules
        item = state << _SHIFT | node
        if item in items:
            return 1
        steps = 0
        stack = [(state, node)]
        seen = {item}
        while stack:
            state, node = stack.pop()
            steps += 1
            if not rules.final[state]:
                items.add(state << _SHIFT | node)
            if rules.accepting[state]:
                steps += len(self._frames[node])
                for frame in self._frames[node]:
                    after, parent = frame
                    if after == _END:
                        items.add(_END)
                        continue
                    item = after << _SHIFT | parent
                    if item not in seen and item not in items:
                        seen.add(item)
                        stack.append(frame)
        return steps

    def _open(self, items: frozenset[int], threads: dict[int, list[tuple[int, int]]]) -> int:
        """Add the terminals that may begin at ``items``, entering callees; the number of steps taken."""
        rules = self._rules
        starts = self._leaves.starts
        steps = 0
        # Callees in the order of their ranks: frames to push, and nodes whose frames are handed down.
        pushed: dict[int, tuple[set[tuple[int, int]], set[int]]] = {}
        heap: list[int] = []
        pending = [(item >> _SHIFT, item & _NODE_MASK) for item in items if item >= 0]
        while True:
            for state, node in pending:
                steps += 1
                for terminal, after in rules.terminals[state]:
                    leaf = starts[terminal]
                    found = threads.get(leaf)
                    if found is None:
                        threads[leaf] = [(after, node)]
                    else:
                        found.append((after, node))
                for rank, after in rules.calls[state]:
                    entry = pushed.get(rank)
                    if entry is None:
                        entry = pushed[rank] = (set(), set())
                        heapq.heappush(heap, rank)
                    if rules.final[after]:
                        entry[1].add(node)
                    else:
                        entry[0].add((after, node))
            if not heap:
                return steps
            rank = heapq.heappop(heap)
            frames, handed = pushed[rank]
            if not frames and len(handed) == 1:
                node = next(iter(handed))
            else:
                for other in handed:
                    frames.update(self._frames[other])
                steps += len(frames)
                node = self._node(frames)
            pending = [(rules.rank_starts[rank], node)]

    def _node(self, frames: set[tuple[int, int]]) -> int:
        key = tuple(sorted(frames))
        number = self._nodes.get(key)
        if number is None:
            depth = 1 + max(self._depths[parent] for _, parent in key)
            if depth > self._limits.stack_depth:
                raise LimitExceeded("stack_depth", self._limits.stack_depth, depth, "the nesting of a text")
            number = self._nodes[key] = len(self._frames)
            self._frames.append(key)
            self._depths.append(depth)
        return number

    def _partition(self, leaves: tuple[int, ...]) -> list[_Class]:
        """The byte classes of a set of DFA states, with each class's moves."""
        known = self._partitions.get(leaves)
        if known is not None:
            return known
        regions: list[tuple[int, list[tuple[int, int, bool, bool]]]] = []
        covered = 0
        for place, leaf in enumerate(leaves):
            for members, target, goes_on, accepts in self._leaves.moves(leaf):
                move = (place, target, goes_on, accepts)
                if not members & covered:
                    regions.append((members, [move]))
                    covered |= members
                    continue
                covered |= members
                rest = members
                split = []
                for region, moves in regions:
                    common = region & rest
                    if not common:
                        split.append((region, moves))
                    elif common == region:
                        split.append((region, [*moves, move]))
                    else:
                        split.append((region ^ common, moves))
                        split.append((common, [*moves, move]))
                    rest &= ~common
                if rest:
                    split.append((rest, [move]))
                regions = split
        # One class where the moves are the same: regions that several cuts left apart.
        merged: dict[tuple[tuple[int, int, bool, bool], ...], int] = {}
        for region, moves in regions:
            key = tuple(moves)
            merged[key] = merged.get(key, 0) | region
        result = [_Class(self._members_of(region), moves) for moves, region in merged.items()]
        self._partitions[leaves] = result
        return result

    def _members_of(self, region: int) -> NDArray[np.intp]:
        known = self._members.get(region)
        if known is None:
            bits = np.frombuffer(region.to_bytes(32, "little"), np.uint8)
            known = self._members[region] = np.flatnonzero(np.unpackbits(bits, bitorder="little"))
        return known

    def _length_tables(self, unit: int) -> _Lengths:
        tables = self._lengths[unit]
        if tables is None:
            tables = self._lengths[unit] = _Lengths(self, unit)
        return tables


@dataclass(slots=True)
class _Row:
    """``inside``: position << 32 | node; ``items``: rule state << 32 | node, and `_END`."""

    inside: frozenset[int]
    items: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Class:
    """Bytes that act alike, and their moves: (which DFA state, the next, whether that goes on, whether it accepts)."""

    members: NDArray[np.intp]
    moves: tuple[tuple[int, int, bool, bool], ...]


class _Rules:
    """All rule states of a system in one numbering, equivalent ones merged."""

    def __init__(self, system: RuleSystem) -> None:
        offsets = []
        total = 0
        for automaton in system.automata:
            offsets.append(total)
            total += len(automaton.edges)
        edges = [
            [(symbol, target + offset) for symbol, target in leaving]
            for automaton, offset in zip(system.automata, offsets, strict=True)
            for leaving in automaton.edges
        ]
        accepting = {
            state + offset
            for automaton, offset in zip(system.automata, offsets, strict=True)
            for state in automaton.accepting
        }
        blocks = list(range(total))
        if all(automaton.deterministic for automaton in system.automata):
            blocks = equivalence(edges, accepting)
        numbers: dict[int, int] = {}
        of_state = [numbers.setdefault(block, len(numbers)) for block in blocks]
        count = len(numbers)
        self.accepting = [False] * count
        self.terminals: list[tuple[tuple[int, int], ...]] = [()] * count
        self.calls: list[tuple[tuple[int, int], ...]] = [()] * count
        self.final = [False] * count
        # Callers before callees, so that one sweep in this order completes every node.
        left = [left_calls(automaton) for automaton in system.automata]
        order = [component[0] for component in reversed(strongly_connected(left))]
        ranks = {rule: rank for rank, rule in enumerate(order)}
        self.starts = [
            of_state[offset] if automaton.edges else -1
            for automaton, offset in zip(system.automata, offsets, strict=True)
        ]
        self.rank_starts = [self.starts[rule] for rule in order]
        for state in range(total):
            number = of_state[state]
            self.accepting[number] = state in accepting
            self.terminals[number] = tuple((symbol, of_state[target]) for symbol, target in edges[state] if symbol >= 0)
            self.calls[number] = tuple(
                (ranks[~symbol], of_state[target]) for symbol, target in edges[state] if symbol < 0
            )
            if state in accepting and not edges[state]:
                self.final[number] = True
        self._of_state = of_state

    def spread(self, values: list[list[int]]) -> list[int]:
        """Values for each rule's states as values for the states of this numbering."""
        result = [0] * len(self.accepting)
        for number, value in zip(self._of_state, (value for row in values for value in row), strict=True):
            result[number] = value
        return result


class _Leaves:
    """The DFAs of all terminals; a state is its residual regex, so that terminals with a common ending meet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._automata: dict[Node, LazyDFA] = {}
        self._states: list[tuple[LazyDFA, int]] = []
        self._numbers: dict[Node, int] = {}
        self._moves: dict[int, list[tuple[int, int, bool, bool]]] = {}
        self._lengths: dict[tuple[int, int], int] = {}
        self.starts: list[int] = []

    def vain(self, terminal: Terminal) -> bool:
        """Whether the terminal matches no text of at least one byte."""
        if terminal.regex.plain:
            return terminal.regex.kind in (NOTHING_KIND, EPSILON_KIND)
        automaton = self._automaton(terminal)
        return automaton.start < 0 or not automaton.transitions(automaton.start)

    def add(self, terminals: tuple[Terminal, ...]) -> None:
        """Number the start states of ``terminals``."""
        for terminal in terminals:
            automaton = self._automaton(terminal)
            self.starts.append(self._number(automaton, automaton.start))

    def _automaton(self, terminal: Terminal) -> LazyDFA:
        found = self._automata.get(terminal.regex)
        if found is None:
            found = self._automata[terminal.regex] = LazyDFA([terminal.regex], self._limits)
        return found

    def _number(self, automaton: LazyDFA, state: int) -> int:
        residual = automaton.residuals(state)[0]
        number = self._numbers.get(residual)
        if number is None:
            number = self._numbers[residual] = len(self._states)
            self._states.append((automaton, state))
        return number

    def moves(self, leaf: int) -> list[tuple[int, int, bool, bool]]:
        """The transitions of a DFA state: (bytes, target, whether the target goes on, whether it accepts)."""
        known = self._moves.get(leaf)
        if known is not None:
            return known
        automaton, state = self._states[leaf]
        result = []
        for members, target in automaton.transitions(state):
            accepts = automaton.label(target) != 0
            goes_on = not accepts or bool(automaton.transitions(target))
            result.append((members, self._number(automaton, target), goes_on, accepts))
        self._moves[leaf] = result
        return result

    def length(self, leaf: int, unit: int) -> int:
        """The least length from a DFA state to acceptance, in bytes (unit 0) or code points (unit 1)."""
        known = self._lengths.get((leaf, unit))
        if known is None:
            automaton, state = self._states[leaf]
            known = automaton.shortest_length(state) if unit else len(automaton.shortest_completion(state))
            self._lengths[leaf, unit] = known
        return known


class _Lengths:
    """Least lengths to the end of the text in one unit."""

    def __init__(self, owner: GrammarRows, unit: int) -> None:
        self._owner = owner
        self._unit = unit
        leaves = owner._leaves
        lengths = [leaves.length(leaf, unit) for leaf in leaves.starts]
        best, _ = least_yields(owner.system, lengths)
        self._states = owner._rules.spread(best)
        self._nodes: list[int] = []

    def row(self, row: _Row) -> int:
        """The least length from a row."""
        if _END in row.items:
            return 0
        nodes = self._nodes
        frames = self._owner._frames
        # A node's parents are older than the node.
        for number in range(len(nodes), len(frames)):
            nodes.append(
                min(0 if after == _END else self._states[after] + nodes[parent] for after, parent in frames[number])
            )
        least = 1 << 62
        for thread in row.inside:
            leaf, after = self._owner._positions[thread >> _SHIFT]
            rest = self._owner._leaves.length(leaf, self._unit)
            least = min(least, rest + self._states[after] + nodes[thread & _NODE_MASK])
        for item in row.items:
            least = min(least, self._states[item >> _SHIFT] + nodes[item & _NODE_MASK])
        return least
