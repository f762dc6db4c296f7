"""Rules as automata: every nonterminal's productions as one finite automaton over symbols.

Purpose: the form in which `grammarlib.ir.passes` rewrites a grammar.  Sharing prefixes, removing empty texts and left
recursion, and inlining are all plain automaton constructions here, and what they leave redundant is found by
determinising and minimising.
Place: between `grammarlib.ir.grammar` and `grammarlib.automata.grammar_rows`.
Cost: `simplify` is a subset construction with a cap, then Hopcroft's minimisation, O(edges * log states).
Not taken: rewriting productions (Paull's algorithm), which is exponential for nullable and for indirectly
left-recursive symbols.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from grammarlib.errors import LimitExceeded
from grammarlib.ir.grammar import Terminal
from grammarlib.limits import Limits

EPSILON: Final = 1 << 60
"""The symbol of an edge that reads nothing.  Terminal ``t`` is the symbol ``t``, nonterminal ``n`` is ``~n``."""

Edge = tuple[int, int]
"""(symbol, target state)."""

_SUBSET_GROWTH: Final = 8
_SUBSET_SLACK: Final = 256
_SUBSET_STEPS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class RuleAutomaton:
    """A finite automaton over symbols; state 0 is the start.  Without states it accepts nothing."""

    edges: tuple[tuple[Edge, ...], ...]
    accepting: frozenset[int]

    @property
    def deterministic(self) -> bool:
        """Whether no state has two edges with one symbol, or one that reads nothing."""
        for edges in self.edges:
            symbols = {symbol for symbol, _ in edges}
            if len(symbols) != len(edges) or EPSILON in symbols:
                return False
        return True

    def calls(self) -> Iterable[int]:
        """The nonterminal of every call edge."""
        return (~symbol for edges in self.edges for symbol, _ in edges if symbol < 0)


NO_TEXT: Final = RuleAutomaton((), frozenset())


@dataclass(frozen=True, slots=True)
class RuleSystem:
    """One automaton for each nonterminal, by number; ``nullable``: the empty text belongs to the language.

    After `grammarlib.ir.passes.remove_nullable` no automaton accepts the empty text and ``nullable`` alone
    says whether the whole language does.
    """

    terminals: tuple[Terminal, ...]
    names: tuple[str, ...]
    automata: tuple[RuleAutomaton, ...]
    start: int
    nullable: bool = False

    @property
    def size(self) -> int:
        """The number of states and edges."""
        return sum(len(a.edges) + sum(map(len, a.edges)) for a in self.automata)


class AutomatonBuilder:
    """Collects states and edges; state 0 is the start."""

    def __init__(self) -> None:
        self.edges: list[list[Edge]] = [[]]
        self.accepting: set[int] = set()

    def state(self) -> int:
        """A new state."""
        self.edges.append([])
        return len(self.edges) - 1

    def copy(self, automaton: RuleAutomaton) -> int:
        """Copy all states of ``automaton``, not their acceptance; the number that its state 0 got."""
        offset = len(self.edges)
        for edges in automaton.edges:
            self.edges.append([(symbol, target + offset) for symbol, target in edges])
        return offset

    def splice(self, automaton: RuleAutomaton, after: int) -> int:
        """Copy ``automaton`` so that each of its texts leads on to the state ``after``; the number of its state 0.

        Accepting states without edges become ``after`` itself, so that chains of inlined rules leave no chains of
        epsilon edges.
        """
        offset = len(self.edges)
        accepting = automaton.accepting
        place = [
            after if state in accepting and not edges else offset + state for state, edges in enumerate(automaton.edges)
        ]
        for edges in automaton.edges:
            self.edges.append([(symbol, place[target]) for symbol, target in edges])
        for state in accepting:
            if automaton.edges[state]:
                self.edges[offset + state].append((EPSILON, after))
        if place[0] == after:
            self.edges[offset].append((EPSILON, after))
        return offset

    def build(self) -> RuleAutomaton:
        """The automaton as it stands."""
        return RuleAutomaton(tuple(map(tuple, self.edges)), frozenset(self.accepting))


def simplify(automaton: RuleAutomaton, limits: Limits) -> RuleAutomaton:
    """The same language without epsilon edges and useless states; deterministic and minimal where that stays small.

    Raises `LimitExceeded` where even the other form has more than four edges for each of ``limits.states``.
    """
    if not automaton.edges:
        return NO_TEXT
    closures = _Closures(automaton)
    result = _determinise(automaton, closures)
    if result is None:
        return trim(_without_epsilon(automaton, closures, 4 * limits.states))
    return minimise(trim(result))


class _Closures:
    """What each state reaches by epsilon edges, worked out where it is asked for."""

    def __init__(self, automaton: RuleAutomaton) -> None:
        self._jumps = [[target for symbol, target in edges if symbol == EPSILON] for edges in automaton.edges]
        self._known: dict[int, tuple[int, ...]] = {}

    def of_all(self, states: set[int]) -> frozenset[int]:
        """What ``states`` reach together."""
        if len(states) == 1:
            return frozenset(self[next(iter(states))])
        seen = set(states)
        stack = list(states)
        while stack:
            for target in self._jumps[stack.pop()]:
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        return frozenset(seen)

    def __getitem__(self, state: int) -> tuple[int, ...]:
        known = self._known.get(state)
        if known is None:
            seen = {state}
            stack = [state]
            while stack:
                for target in self._jumps[stack.pop()]:
                    if target not in seen:
                        seen.add(target)
                        stack.append(target)
            known = self._known[state] = tuple(seen)
        return known


def _determinise(automaton: RuleAutomaton, closures: _Closures) -> RuleAutomaton | None:
    """Subset construction; None where the result would be far larger than ``automaton``."""
    cap = _SUBSET_GROWTH * len(automaton.edges) + _SUBSET_SLACK
    # The subsets' sizes count too: a few huge ones cost as much as many small ones.
    fuel = _SUBSET_STEPS + 64 * cap
    first = frozenset(closures[0])
    numbers: dict[frozenset[int], int] = {first: 0}
    order = [first]
    result: list[tuple[Edge, ...]] = []
    while len(result) < len(order):
        moves: dict[int, set[int]] = {}
        for state in order[len(result)]:
            fuel -= 1
            for symbol, target in automaton.edges[state]:
                if symbol != EPSILON:
                    moves.setdefault(symbol, set()).add(target)
        edges = []
        for symbol, targets in moves.items():
            subset = closures.of_all(targets)
            fuel -= len(subset)
            if fuel < 0:
                return None
            number = numbers.get(subset)
            if number is None:
                number = numbers[subset] = len(order)
                if number >= cap:
                    return None
                order.append(subset)
            edges.append((symbol, number))
        result.append(tuple(edges))
    accepting = frozenset(number for subset, number in numbers.items() if not automaton.accepting.isdisjoint(subset))
    return RuleAutomaton(tuple(result), accepting)


def _without_epsilon(automaton: RuleAutomaton, closures: _Closures, bound: int) -> RuleAutomaton:
    """The states that the start reaches by symbols, each with the edges of all that it reaches by epsilon."""
    numbers = {0: 0}
    order = [0]
    edges: list[tuple[Edge, ...]] = []
    accepting = set()
    size = 0
    for state in order:
        closure = closures[state]
        found: dict[Edge, None] = {}
        for member in closure:
            for symbol, target in automaton.edges[member]:
                if symbol == EPSILON:
                    continue
                if target not in numbers:
                    numbers[target] = len(order)
                    order.append(target)
                found[symbol, numbers[target]] = None
        if not automaton.accepting.isdisjoint(closure):
            accepting.add(len(edges))
        edges.append(tuple(found))
        size += len(found)
        if size > bound:
            raise LimitExceeded("states", bound // 4, size // 4, "the automaton of a rule")
    return RuleAutomaton(tuple(edges), frozenset(accepting))


def trim(automaton: RuleAutomaton) -> RuleAutomaton:
    """Only states that the start reaches and that reach acceptance, numbered breadth first."""
    count = len(automaton.edges)
    sources: list[list[int]] = [[] for _ in range(count)]
    for state, edges in enumerate(automaton.edges):
        for _, target in edges:
            sources[target].append(state)
    useful = set(automaton.accepting)
    stack = list(useful)
    while stack:
        for source in sources[stack.pop()]:
            if source not in useful:
                useful.add(source)
                stack.append(source)
    if not count or 0 not in useful:
        return NO_TEXT
    numbers = {0: 0}
    order = [0]
    for state in order:
        for _, target in automaton.edges[state]:
            if target in useful and target not in numbers:
                numbers[target] = len(order)
                order.append(target)
    kept = tuple(
        tuple((symbol, numbers[target]) for symbol, target in automaton.edges[state] if target in useful)
        for state in order
    )
    return RuleAutomaton(kept, frozenset(numbers[state] for state in automaton.accepting if state in numbers))


def minimise(automaton: RuleAutomaton) -> RuleAutomaton:
    """The smallest automaton of the language of a deterministic, trimmed ``automaton``."""
    if not automaton.edges:
        return NO_TEXT
    blocks = equivalence(automaton.edges, automaton.accepting)
    numbers: dict[int, int] = {}
    representatives = []
    order = [0]
    numbers[blocks[0]] = 0
    for state in order:
        representatives.append(state)
        for _, target in automaton.edges[state]:
            block = blocks[target]
            if block not in numbers:
                numbers[block] = len(order)
                order.append(target)
    edges = tuple(
        tuple((symbol, numbers[blocks[target]]) for symbol, target in automaton.edges[state])
        for state in representatives
    )
    accepting = frozenset(number for number, state in enumerate(representatives) if state in automaton.accepting)
    return RuleAutomaton(edges, accepting)


def equivalence(edges: Sequence[Sequence[Edge]], accepting: Iterable[int]) -> list[int]:
    """The block of each state in the coarsest congruence of a deterministic automaton (Hopcroft).

    Missing edges lead nowhere and tell states apart like any others.
    """
    count = len(edges)
    sources: dict[int, dict[int, list[int]]] = {}  # target -> symbol -> states
    for state, leaving in enumerate(edges):
        for symbol, target in leaving:
            sources.setdefault(target, {}).setdefault(symbol, []).append(state)
    final = set(accepting)
    members = [block for block in (final, set(range(count)) - final) if block]
    block_of = [0] * count
    for number, block in enumerate(members):
        for state in block:
            block_of[state] = number
    pending = set(range(len(members)))
    while pending:
        splitter = list(members[pending.pop()])
        by_symbol: dict[int, list[int]] = {}
        for target in splitter:
            for symbol, states in sources.get(target, _NOTHING).items():
                by_symbol.setdefault(symbol, []).extend(states)
        for states in by_symbol.values():
            touched: dict[int, set[int]] = {}
            for state in states:
                touched.setdefault(block_of[state], set()).add(state)
            for number, inside in touched.items():
                block = members[number]
                if len(inside) == len(block):
                    continue
                block -= inside
                fresh = len(members)
                if len(inside) > len(block):
                    members[number], inside = inside, block
                members.append(inside)
                for state in inside:
                    block_of[state] = fresh
                # The new block is the smaller half: it suffices, unless the old one is still pending (then both are).
                pending.add(fresh)
    return block_of


_NOTHING: Final[Mapping[int, list[int]]] = {}
