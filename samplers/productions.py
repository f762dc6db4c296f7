"""Productions over bytes of the sources that grammarlib compiles.

Purpose: what a user writes once, as Lark, EBNF, a regex or choices, constrains canvases as well as texts from left to
right.
Place: between grammarlib's automata and `samplers.infilling`, which wants productions: a canvas has no prefix, so that
the machine that reads from left to right is of no use to it.
Cost: linear in the rules' automata and in the DFAs of the terminals, all of whose states are visited.
Not taken: reading the grammar's text a second time.  Rules come as `grammarlib.ir.rules` leaves them, with repetitions,
ignored terminals and empty texts worked out, so that both readings of a source are one.

**States as nonterminals.**  An automaton becomes productions for "texts from the start to this state", which are
left-recursive: Earley's algorithm then needs one item for a long lexeme and not one for each of its bytes.  States
that one edge enters and one leaves need no name, so that a literal is one production.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from grammarlib import Choice, CompiledGrammar, Ebnf, Lark, Limits, Regex
from samplers.errors import SamplerError

Alternative: TypeAlias = list[str | bytes | frozenset[int]]
"""The symbols of one production: names, literal texts, sets of bytes."""

Edge: TypeAlias = tuple[Alternative, int]
"""What is read, and the state that it leads to."""

_SYMBOL_LIMIT: Final = 1_000_000
_INITIAL: Final = -1


def productions_of(source: Any) -> tuple[dict[str, list[Alternative]], str]:
    """The productions of a source and their start, as `samplers.infilling.ContextFreeGrammar` takes them.

    ``source``: a Lark, Ebnf, Regex or Choice source, or what ``gl.compile`` made of one.  Raises `SamplerError` for
    anything else (a JSON Schema has no context-free grammar of its own size) and for automata that are too large, and
    what grammarlib raises where it refuses the source.
    """
    limits = source.limits if isinstance(source, CompiledGrammar) else Limits()
    text = source.source if isinstance(source, CompiledGrammar) else source
    if isinstance(text, Lark | Ebnf):
        # Lowered again: automata grow while they are read, and the compiled ones are guarded by their machine.
        return _of_rules(text.lower(limits))
    if isinstance(text, Regex | Choice):
        return _of_states(text.lower(limits))
    raise SamplerError(
        f"a {type(text).__name__} has no productions: give a Lark, Ebnf, Regex or Choice source, compiled or not, or a "
        "ContextFreeGrammar"
    )


class _Productions:
    """Productions as they are collected, within a bound."""

    def __init__(self) -> None:
        self.found: dict[str, list[Alternative]] = {}
        self._size = 0

    def add_automaton(
        self, name: str, starts: Sequence[Edge], edges: Callable[[int], list[Edge]], accepts: Callable[[int], bool]
    ) -> None:
        """Productions of ``name`` for the texts, of one edge at least, that lead to a state that ``accepts``.

        ``starts``: the edges of the start.  It is left for good: coming back to it is being in another state.
        """
        entering: dict[int, list[tuple[int, Alternative]]] = {}
        leaving = {_INITIAL: list(starts)}
        pending = [_INITIAL]
        while pending:
            state = pending.pop()
            for symbols, target in leaving[state]:
                entering.setdefault(target, []).append((state, symbols))
                if target not in leaving:
                    leaving[target] = edges(target)
                    pending.append(target)
                self._grow(len(symbols))
        accepting = [state for state in entering if accepts(state)]
        named = {
            state
            for state, before in entering.items()
            if len(before) != 1 or len(leaving[state]) > 1 or (leaving[state] and accepts(state))
        }

        def path(state: int) -> Alternative:
            pieces: list[Alternative] = []
            while state != _INITIAL and state not in named:
                [(state, symbols)] = entering[state]
                pieces.append(symbols)
            if state != _INITIAL:
                pieces.append([f"{name}/{state}"])
            return [symbol for piece in reversed(pieces) for symbol in piece]

        for state in sorted(named):
            self._put(f"{name}/{state}", [[*path(before), *symbols] for before, symbols in entering[state]])
        self._put(name, [path(state) for state in sorted(accepting)])

    def _put(self, name: str, alternatives: list[Alternative]) -> None:
        self._grow(sum(map(len, alternatives)) + 1)
        self.found[name] = alternatives

    def _grow(self, count: int) -> None:
        self._size += count
        if self._size > _SYMBOL_LIMIT:
            raise SamplerError(f"the grammar needs more than {_SYMBOL_LIMIT:,} symbols: it is too large for a canvas")


class _ByteSets:
    """Sets of bytes from 256 bits, each made once."""

    def __init__(self) -> None:
        self._known: dict[int, frozenset[int]] = {}

    def __call__(self, members: int) -> frozenset[int]:
        found = self._known.get(members)
        if found is None:
            found = frozenset(byte for byte in range(256) if members >> byte & 1)
            self._known[members] = found
        return found


def _of_rules(rows: Any) -> tuple[dict[str, list[Alternative]], str]:
    """Of a grammar's rules (`grammarlib.automata.grammar_rows.GrammarRows`)."""
    productions = _Productions()
    system = rows.system
    bytes_of = _ByteSets()
    accepted: set[int] = set()  # terminal states that a move accepts in

    def terminal_edges(state: int) -> list[Edge]:
        result: list[Edge] = []
        for members, target, goes_on, accepts in rows.terminal_moves(state):
            if accepts:
                accepted.add(target)
            if goes_on or accepts:
                result.append(([bytes_of(members)], target))
        return result

    terminals: list[Alternative] = []
    for number in range(len(system.terminals)):
        name = f"terminal {number}"
        productions.add_automaton(
            name, terminal_edges(rows.terminal_start(number)), terminal_edges, lambda state: state in accepted
        )
        alternatives = productions.found[name]
        terminals.append(alternatives[0] if len(alternatives) == 1 else [name])
    for number, automaton in enumerate(system.automata):

        def rule_edges(state: int, edges: Any = automaton.edges) -> list[Edge]:
            return [
                (terminals[symbol] if symbol >= 0 else [f"rule {~symbol}"], target) for symbol, target in edges[state]
            ]

        starts = rule_edges(0) if automaton.edges else []
        productions.add_automaton(f"rule {number}", starts, rule_edges, automaton.accepting.__contains__)
    productions.found["text"] = [[f"rule {system.start}"], *([[]] if system.nullable else [])]
    return productions.found, "text"


def _of_states(rows: Any) -> tuple[dict[str, list[Alternative]], str]:
    """Of a finite automaton over bytes (`grammarlib.automata.rows.RowSource`)."""
    productions = _Productions()
    bytes_of = _ByteSets()

    def edges(state: int) -> list[Edge]:
        members: dict[int, int] = {}
        for byte, target in enumerate(rows.expand(state).tolist()):
            if target >= 0:
                members[target] = members.get(target, 0) | 1 << byte
        return [([bytes_of(bits)], target) for target, bits in members.items()]

    productions.add_automaton("text", edges(rows.start), edges, lambda state: rows.label(state) != 0)
    if rows.label(rows.start):
        productions.found["text"].append([])
    return productions.found, "text"
