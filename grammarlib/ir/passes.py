"""Rewriting grammars, one function for each pass; every pass keeps the language.

Purpose: turn any context-free grammar into rules that a stack machine can run without loops and with few pushes: no
empty texts, no left recursion (direct, indirect, hidden), no cycles; rules used once inlined, right recursion turned
into loops, calls in tail position marked by their target, a state without edges.
Place: called in the order of `prepare` by `grammarlib.automata.grammar_rows`.
Cost: linear in the grammar, but for removing left recursion (rules of a left-recursive cycle times its
size) and for determinising (capped).
Not taken: Greibach normal form, which squares the grammar; loops on an automaton do the same in place.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Final

from grammarlib.errors import LimitExceeded
from grammarlib.ir.grammar import Grammar, Nonterminal, Terminal
from grammarlib.ir.regex import repeat, union_of
from grammarlib.ir.rules import (
    EPSILON,
    NO_TEXT,
    AutomatonBuilder,
    Edge,
    RuleAutomaton,
    RuleSystem,
    simplify,
    trim,
)
from grammarlib.limits import Limits

_SMALL_EDGES: Final = 8
_INLINED_STATES: Final = 4_000
_ROUNDS: Final = 6
_SIMULATION_PAIRS: Final = 2_000


def prepare(grammar: Grammar, vain: Callable[[Terminal], bool], limits: Limits) -> RuleSystem:
    """All passes in order.  ``vain`` says of a terminal that it matches no text of at least one byte."""
    system = from_grammar(grammar, limits)
    system = remove_useless(system, lambda terminal: terminal.regex.nullable or not vain(terminal))
    # Groups and repeats first: fewer rules may then be empty, which is what makes automata grow below.
    system = inline_single_use(inline_small(system, limits), limits)
    system = remove_nullable(remove_unreachable(system), limits)
    system = remove_useless(system, lambda terminal: not vain(terminal))
    system = remove_left_recursion(system, limits)
    for _ in range(_ROUNDS):
        before = system
        system = mark_tail_calls(system, limits)
        system = inline_small(system, limits)
        system = inline_single_use(system, limits)
        system = remove_unreachable(system)
        if system == before:
            break
    return insert_ignored(system, grammar.ignore, vain)


def from_grammar(grammar: Grammar, limits: Limits) -> RuleSystem:
    """Each nonterminal's productions as one automaton that shares prefixes."""
    names = [nonterminal.name for nonterminal in grammar.nonterminals()]
    numbers = {name: number for number, name in enumerate(names)}
    terminals: list[Terminal] = []
    by_regex: dict[int, int] = {}
    builders = [AutomatonBuilder() for _ in names]
    tries: list[dict[Edge, int]] = [{} for _ in names]
    states = 0
    for production in grammar.productions:
        number = numbers[production.left.name]
        builder, trie = builders[number], tries[number]
        state = 0
        for symbol in production.right:
            if isinstance(symbol, Nonterminal):
                code = ~numbers[symbol.name]
            else:
                code = by_regex.setdefault(symbol.regex.uid, len(terminals))
                if code == len(terminals):
                    terminals.append(symbol)
            target = trie.get((state, code))
            if target is None:
                target = trie[state, code] = builder.state()
                builder.edges[state].append((code, target))
                states += 1
                if states > 16 * limits.states:
                    raise LimitExceeded("states", limits.states, states // 16, "the grammar's productions")
            state = target
        builder.accepting.add(state)
    automata = tuple(trim(builder.build()) for builder in builders)
    return RuleSystem(tuple(terminals), tuple(names), automata, numbers[grammar.start.name])


def remove_useless(system: RuleSystem, matches: Callable[[Terminal], bool]) -> RuleSystem:
    """Without edges that no text can follow and without rules that nothing reaches.

    ``matches`` says of a terminal that it matches some text.
    """
    alive = [matches(terminal) for terminal in system.terminals]
    productive = _productive(system, alive)
    automata = []
    for automaton in system.automata:
        edges = tuple(
            tuple((symbol, target) for symbol, target in leaving if _usable(symbol, alive, productive))
            for leaving in automaton.edges
        )
        automata.append(automaton if edges == automaton.edges else trim(RuleAutomaton(edges, automaton.accepting)))
    return remove_unreachable(
        RuleSystem(system.terminals, system.names, tuple(automata), system.start, system.nullable)
    )


def _usable(symbol: int, alive: list[bool], productive: list[bool]) -> bool:
    if symbol == EPSILON:
        return True
    return productive[~symbol] if symbol < 0 else alive[symbol]


def _productive(system: RuleSystem, alive: list[bool]) -> list[bool]:
    """Which nonterminals derive some text: reachability inside each automaton, callers woken by callees."""
    count = len(system.automata)
    productive = [False] * count
    reached = [[False] * len(automaton.edges) for automaton in system.automata]
    waiting: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    stack: list[tuple[int, int]] = []

    def reach(rule: int, state: int) -> None:
        if not reached[rule][state]:
            reached[rule][state] = True
            stack.append((rule, state))

    for number, automaton in enumerate(system.automata):
        if automaton.edges:
            reach(number, 0)
    while stack:
        rule, state = stack.pop()
        automaton = system.automata[rule]
        if state in automaton.accepting and not productive[rule]:
            productive[rule] = True
            for caller, target in waiting[rule]:
                reach(caller, target)
        for symbol, target in automaton.edges[state]:
            if symbol == EPSILON or (symbol >= 0 and alive[symbol]):
                reach(rule, target)
            elif symbol < 0:
                if productive[~symbol]:
                    reach(rule, target)
                else:
                    waiting[~symbol].append((rule, target))
    return productive


def remove_unreachable(system: RuleSystem) -> RuleSystem:
    """Without the rules and terminals that the start does not reach; the others keep their order."""
    seen = {system.start}
    stack = [system.start]
    while stack:
        for callee in system.automata[stack.pop()].calls():
            if callee not in seen:
                seen.add(callee)
                stack.append(callee)
    kept = sorted(seen)
    used = sorted(
        {
            symbol
            for rule in kept
            for edges in system.automata[rule].edges
            for symbol, _ in edges
            if 0 <= symbol < EPSILON
        }
    )
    if len(kept) == len(system.automata) and len(used) == len(system.terminals):
        return system
    codes = {~rule: ~number for number, rule in enumerate(kept)}
    codes.update({symbol: number for number, symbol in enumerate(used)})
    codes[EPSILON] = EPSILON
    automata = []
    for rule in kept:
        automaton = system.automata[rule]
        edges = tuple(tuple((codes[symbol], target) for symbol, target in leaving) for leaving in automaton.edges)
        automata.append(RuleAutomaton(edges, automaton.accepting))
    return RuleSystem(
        tuple(system.terminals[symbol] for symbol in used),
        tuple(system.names[rule] for rule in kept),
        tuple(automata),
        ~codes[~system.start],
        system.nullable,
    )


def remove_nullable(system: RuleSystem, limits: Limits) -> RuleSystem:
    """No rule derives the empty text any more; ``nullable`` says whether the start did.

    A call of a rule that may be empty gets an epsilon edge beside it; a terminal that may be empty too.
    """
    nullable = _productive(system, [terminal.regex.nullable for terminal in system.terminals])
    automata = []
    for automaton in system.automata:
        if not automaton.edges:
            automata.append(NO_TEXT)
            continue
        builder = AutomatonBuilder()
        builder.edges = []
        for leaving in automaton.edges:
            edges = list(leaving)
            for symbol, target in leaving:
                if symbol == EPSILON:
                    continue
                empty = nullable[~symbol] if symbol < 0 else system.terminals[symbol].regex.nullable
                if empty:
                    edges.append((EPSILON, target))
            builder.edges.append(edges)
        builder.accepting = set(automaton.accepting)
        automata.append(_without_empty_text(simplify(builder.build(), limits)))
    return RuleSystem(
        system.terminals, system.names, tuple(automata), system.start, nullable[system.start] or system.nullable
    )


def _without_empty_text(automaton: RuleAutomaton) -> RuleAutomaton:
    if 0 not in automaton.accepting:
        return automaton
    automaton = _with_fresh_start(automaton)
    return trim(RuleAutomaton(automaton.edges, automaton.accepting - {0}))


def _with_fresh_start(automaton: RuleAutomaton) -> RuleAutomaton:
    """The same language; no edge leads to state 0."""
    if all(target for leaving in automaton.edges for _, target in leaving):
        return automaton
    builder = AutomatonBuilder()
    offset = builder.copy(automaton)
    builder.edges[0] = list(builder.edges[offset])
    builder.accepting = {state + offset for state in automaton.accepting}
    if 0 in automaton.accepting:
        builder.accepting.add(0)
    return builder.build()


def left_calls(automaton: RuleAutomaton) -> set[int]:
    """The nonterminals that may begin a text of the rule."""
    return {~symbol for symbol, _ in automaton.edges[0] if symbol < 0} if automaton.edges else set()


def remove_left_recursion(system: RuleSystem, limits: Limits) -> RuleSystem:
    """No rule begins with itself, directly or through others.  Rules must be free of epsilon and not nullable.

    In a cycle of left calls let T(B) be the beginnings of B outside the cycle and R(A, B) what A appends
    to a leading B.  Then A is: some T(B), then any path of appendices that leads from B to A.  That is an automaton
    with one "have" state for each member of the cycle; A accepts in "have A".
    """
    components = strongly_connected([left_calls(automaton) for automaton in system.automata])
    automata = list(system.automata)
    for component in components:
        if len(component) == 1 and component[0] not in left_calls(automata[component[0]]):
            continue
        parts = {rule: _with_fresh_start(system.automata[rule]) for rule in component}
        size = sum(len(part.edges) + sum(map(len, part.edges)) for part in parts.values()) * len(component)
        if size > 64 * limits.states:
            raise LimitExceeded("states", limits.states, size // 64, "removing left recursion")
        builder = AutomatonBuilder()
        have = {rule: builder.state() for rule in component}
        beginnings: list[Edge] = []
        for rule, part in parts.items():
            offset = builder.copy(part)
            for symbol, target in builder.edges[offset]:
                if symbol < 0 and ~symbol in have:
                    builder.edges[have[~symbol]].append((EPSILON, target))
                else:
                    beginnings.append((symbol, target))
            builder.edges[offset] = []
            for state in part.accepting:
                builder.edges[state + offset].append((EPSILON, have[rule]))
        builder.edges[0] = beginnings
        for rule in component:
            builder.accepting = {have[rule]}
            automata[rule] = simplify(builder.build(), limits)
    return RuleSystem(system.terminals, system.names, tuple(automata), system.start, system.nullable)


def strongly_connected(successors: list[set[int]]) -> list[list[int]]:
    """Tarjan's components of a graph, callees before callers."""
    count = len(successors)
    index = [-1] * count
    low = [0] * count
    on_stack = [False] * count
    stack: list[int] = []
    components: list[list[int]] = []
    clock = 0
    for root in range(count):
        if index[root] >= 0:
            continue
        work = [(root, iter(sorted(successors[root])))]
        index[root] = low[root] = clock
        clock += 1
        stack.append(root)
        on_stack[root] = True
        while work:
            node, rest = work[-1]
            for successor in rest:
                if index[successor] < 0:
                    index[successor] = low[successor] = clock
                    clock += 1
                    stack.append(successor)
                    on_stack[successor] = True
                    work.append((successor, iter(sorted(successors[successor]))))
                    break
                if on_stack[successor]:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack[member] = False
                        component.append(member)
                        if member == node:
                            break
                    components.append(sorted(component))
    return components


def mark_tail_calls(system: RuleSystem, limits: Limits) -> RuleSystem:
    """Calls after which nothing need follow lead to a state without edges; calls of oneself there become loops.

    A call of B that returns to an accepting state r is such a call not only where r has no edges, but also where
    all that may follow r may follow the end of any text of B: then L(B) L(r) is within L(B).  This is
    what keeps ``e: e "+" e | N`` and ``s: s s | "a"`` from pushing a frame with each operator.
    """
    automata = list(system.automata)
    simulations = _Simulations(system)
    for rule, automaton in enumerate(system.automata):
        final = next((state for state in automaton.accepting if not automaton.edges[state]), None)
        changed = False
        edges = [list(leaving) for leaving in automaton.edges]
        for state, leaving in enumerate(automaton.edges):
            for place, (symbol, target) in enumerate(leaving):
                if symbol >= 0 or target not in automaton.accepting:
                    continue
                if automaton.edges[target] and not simulations.absorbs(~symbol, rule, target):
                    continue
                if ~symbol == rule:
                    edges[state][place] = (EPSILON, 0)
                    changed = True
                elif automaton.edges[target]:
                    if final is None:
                        final = len(edges)
                        edges.append([])
                    edges[state][place] = (symbol, final)
                    changed = True
        if changed:
            accepting = automaton.accepting if final is None else automaton.accepting | {final}
            automata[rule] = simplify(RuleAutomaton(tuple(map(tuple, edges)), accepting), limits)
    return RuleSystem(system.terminals, system.names, tuple(automata), system.start, system.nullable)


class _Simulations:
    """Whether one state of a rule can do whatever a state of another can."""

    def __init__(self, system: RuleSystem) -> None:
        self._system = system
        self._moves: dict[int, list[dict[int, int]] | None] = {}
        self._known: dict[tuple[int, int, int], bool] = {}

    def absorbs(self, callee: int, rule: int, state: int) -> bool:
        """Whether every accepting state of ``callee`` can do what ``state`` of ``rule`` can."""
        key = (callee, rule, state)
        known = self._known.get(key)
        if known is None:
            pairs = [(final, state) for final in self._system.automata[callee].accepting]
            known = self._known[key] = self._simulates(callee, rule, pairs)
        return known

    def _table(self, rule: int) -> list[dict[int, int]] | None:
        if rule not in self._moves:
            automaton = self._system.automata[rule]
            self._moves[rule] = [dict(leaving) for leaving in automaton.edges] if automaton.deterministic else None
        return self._moves[rule]

    def _simulates(self, callee: int, rule: int, pairs: list[tuple[int, int]]) -> bool:
        stronger, weaker = self._table(callee), self._table(rule)
        if stronger is None or weaker is None:
            return False
        able = self._system.automata[callee].accepting
        asked = self._system.automata[rule].accepting
        seen = set(pairs)
        stack = list(pairs)
        while stack:
            mine, theirs = stack.pop()
            if (theirs in asked and mine not in able) or len(seen) > _SIMULATION_PAIRS:
                return False
            moves = stronger[mine]
            for symbol, target in weaker[theirs].items():
                pair = (moves.get(symbol, -1), target)
                if pair[0] < 0:
                    return False
                if pair not in seen:
                    seen.add(pair)
                    stack.append(pair)
        return True


def inline_small(system: RuleSystem, limits: Limits) -> RuleSystem:
    """Rules of a few edges that call nothing are written out wherever they are called."""
    small = {
        rule: automaton
        for rule, automaton in enumerate(system.automata)
        if rule != system.start
        and sum(map(len, automaton.edges)) <= _SMALL_EDGES
        and not any(True for _ in automaton.calls())
    }
    if not small:
        return system
    automata = list(system.automata)
    for rule, automaton in enumerate(system.automata):
        if any(callee in small for callee in automaton.calls()):
            automata[rule] = simplify(_inlined(automaton, small), limits)
    return RuleSystem(system.terminals, system.names, tuple(automata), system.start, system.nullable)


def inline_single_use(system: RuleSystem, limits: Limits) -> RuleSystem:
    """Rules that are called in one place only are written out there."""
    uses = [0] * len(system.automata)
    uses[system.start] += 2
    for automaton in system.automata:
        for callee in automaton.calls():
            uses[callee] += 1
    automata = list(system.automata)
    # A cycle of rules that call each other once stays: somebody must call into it, so one member has two calls.
    for rule in range(len(automata)):
        if uses[rule] == 1 or not any(uses[callee] == 1 and callee != rule for callee in automata[rule].calls()):
            continue
        builder = AutomatonBuilder()
        builder.edges = [list(leaving) for leaving in automata[rule].edges]
        state = 0
        while state < len(builder.edges):
            leaving = builder.edges[state]
            for place, (symbol, target) in enumerate(leaving):
                callee = ~symbol
                if symbol >= 0 or uses[callee] != 1 or callee == rule:
                    continue
                if len(builder.edges) + len(automata[callee].edges) > _INLINED_STATES + len(automata[rule].edges):
                    continue
                leaving[place] = (EPSILON, builder.splice(automata[callee], target))
            state += 1
        builder.accepting = set(automata[rule].accepting)
        automata[rule] = simplify(builder.build(), limits)
    return RuleSystem(system.terminals, system.names, tuple(automata), system.start, system.nullable)


def _inlined(automaton: RuleAutomaton, bodies: dict[int, RuleAutomaton]) -> RuleAutomaton:
    builder = AutomatonBuilder()
    builder.edges = [list(leaving) for leaving in automaton.edges]
    builder.accepting = set(automaton.accepting)
    for state, edges in enumerate(automaton.edges):
        for place, (symbol, target) in enumerate(edges):
            if symbol < 0 and ~symbol in bodies:
                builder.edges[state][place] = (EPSILON, builder.splice(bodies[~symbol], target))
    return builder.build()


def insert_ignored(system: RuleSystem, ignore: Iterable[Terminal], vain: Callable[[Terminal], bool]) -> RuleSystem:
    """After each terminal, and at the start of the text, matches of ``ignore`` may stand.

    After, not before: while an ignored text runs there is then one thread, not one for each
    terminal that may come next.  The start becomes a rule of its own, where it was not.
    """
    ignored = [terminal for terminal in ignore if not vain(terminal)]
    if not ignored:
        return system
    terminals = list(system.terminals)
    terminals.append(Terminal("ignored", repeat(union_of(terminal.regex for terminal in ignored), 1, None)))
    code = len(terminals) - 1
    automata = []
    for automaton in system.automata:
        builder = AutomatonBuilder()
        builder.edges = [list(leaving) for leaving in automaton.edges]
        builder.accepting = set(automaton.accepting)
        padded: dict[int, int] = {}
        for state, leaving in enumerate(automaton.edges):
            for place, (symbol, target) in enumerate(leaving):
                if symbol < 0:
                    continue
                after = padded.get(target)
                if after is None:
                    after = padded[target] = builder.state()
                    builder.edges[after] = [*automaton.edges[target], (code, target)]
                    if target in automaton.accepting:
                        builder.accepting.add(after)
                builder.edges[state][place] = (symbol, after)
        # The copies' own edges must lead to padded states too.
        for after in padded.values():
            builder.edges[after] = [
                (symbol, padded.get(target, target) if 0 <= symbol != code else target)
                for symbol, target in builder.edges[after]
            ]
        automata.append(trim(builder.build()))
    first = AutomatonBuilder()
    middle, last = first.state(), first.state()
    start = ~system.start
    first.edges[0] = [(code, middle)]
    if automata[system.start].edges:
        first.edges[0].append((start, last))
        first.edges[middle] = [(start, last)]
    first.accepting = {last, *((0, middle) if system.nullable else ())}
    automata.append(trim(first.build()))
    names = (*system.names, "text")
    return RuleSystem(tuple(terminals), names, tuple(automata), len(automata) - 1, system.nullable)


def least_yields(system: RuleSystem, lengths: list[int]) -> tuple[list[list[int]], list[int]]:
    """The least length from each state to the end of its rule, and of each rule (Knuth's algorithm).

    ``lengths``: the least length of each terminal.  All rules are productive and trimmed.
    """
    sources: list[list[list[tuple[int, int]]]] = [[[] for _ in automaton.edges] for automaton in system.automata]
    callers: list[list[tuple[int, int, int]]] = [[] for _ in system.automata]
    for rule, automaton in enumerate(system.automata):
        for state, leaving in enumerate(automaton.edges):
            for symbol, target in leaving:
                sources[rule][target].append((symbol, state))
                if symbol < 0:
                    callers[~symbol].append((rule, state, target))
    infinite = 1 << 62
    best = [[infinite] * len(automaton.edges) for automaton in system.automata]
    done = [[False] * len(automaton.edges) for automaton in system.automata]
    heap: list[tuple[int, int, int]] = []

    def offer(length: int, rule: int, state: int) -> None:
        if length < best[rule][state]:
            best[rule][state] = length
            heapq.heappush(heap, (length, rule, state))

    for rule, automaton in enumerate(system.automata):
        for state in automaton.accepting:
            offer(0, rule, state)
    while heap:
        length, rule, state = heapq.heappop(heap)
        if done[rule][state]:
            continue
        done[rule][state] = True
        for symbol, source in sources[rule][state]:
            if symbol >= 0:
                offer(length + lengths[symbol], rule, source)
            elif done[~symbol][0]:
                offer(length + best[~symbol][0], rule, source)
        if state == 0:
            for caller, source, target in callers[rule]:
                if done[caller][target]:
                    offer(length + best[caller][target], caller, source)
    return best, [row[0] if row else infinite for row in best]
