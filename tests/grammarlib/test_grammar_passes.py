"""Passes: what each leaves behind, by structure; that they keep the language is checked against brute force."""

from __future__ import annotations

import itertools

from hypothesis import given, settings

from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.ir import passes, regex
from grammarlib.ir.grammar import Grammar, Nonterminal, Production, Symbol, Terminal
from grammarlib.ir.rules import EPSILON, RuleAutomaton, RuleSystem, equivalence, minimise, simplify, trim
from grammarlib.limits import Limits
from tests.oracles.grammar import PlainGrammar, accepts
from tests.strategies.grammars import lowered, plain_grammars

LIMITS = Limits()


def grammar(**rules: str) -> Grammar:
    def symbol(word: str) -> Symbol:
        return Nonterminal(word) if word in rules else Terminal(word, regex.literal(word.encode()))

    productions = [
        Production(Nonterminal(name), tuple(map(symbol, alternative.split())))
        for name, body in rules.items()
        for alternative in body.split("|")
    ]
    return Grammar(tuple(productions), Nonterminal(next(iter(rules))))


def vain(terminal: Terminal) -> bool:
    return terminal.regex in (regex.nothing(), regex.epsilon())


def derives(system: RuleSystem, text: bytes) -> bool:
    """Brute force over rule automata: spans of each nonterminal, by repetition until nothing is new."""
    count = len(text)
    spans: set[tuple[int, int, int]] = set()  # (rule, from, to)
    literals = [_members(terminal.regex, count) for terminal in system.terminals]
    while True:
        before = len(spans)
        for rule, automaton in enumerate(system.automata):
            for start in range(count + 1):
                reached = {(0, start)} if automaton.edges else set()
                stack = list(reached)
                while stack:
                    state, place = stack.pop()
                    for symbol, target in automaton.edges[state]:
                        if symbol == EPSILON:
                            ends = {place}
                        elif symbol < 0:
                            ends = {end for callee, begin, end in spans if callee == ~symbol and begin == place}
                        else:
                            ends = {place + len(word) for word in literals[symbol] if text[place:].startswith(word)}
                        for end in ends - {end for end in ends if (target, end) in reached}:
                            reached.add((target, end))
                            stack.append((target, end))
                spans |= {(rule, start, end) for state, end in reached if state in automaton.accepting}
        if len(spans) == before:
            return (system.start, 0, count) in spans or (system.nullable and not text)


def _members(node: regex.Node, length: int) -> set[bytes]:
    """Texts over a and b of a regex, through the library's own automaton (tested elsewhere)."""
    automaton = LazyDFA([node], LIMITS)
    words = (bytes(word) for size in range(length + 1) for word in itertools.product(b"ab", repeat=size))
    return {word for word in words if automaton.matches(word)}


@given(plain_grammars())
@settings(max_examples=50)
def test_every_pass_keeps_the_language(plain: PlainGrammar) -> None:
    source = lowered(plain)
    systems = [passes.from_grammar(source, LIMITS)]

    def then(system: RuleSystem) -> RuleSystem:
        systems.append(system)
        return system

    system = then(passes.remove_useless(systems[0], lambda one: one.regex.nullable or not vain(one)))
    system = then(passes.inline_small(system, LIMITS))
    system = then(passes.inline_single_use(system, LIMITS))
    system = then(passes.remove_unreachable(system))
    system = then(passes.remove_nullable(system, LIMITS))
    system = then(passes.remove_useless(system, lambda one: not vain(one)))
    system = then(passes.remove_left_recursion(system, LIMITS))
    for _ in range(2):
        system = then(passes.mark_tail_calls(system, LIMITS))
        system = then(passes.inline_small(system, LIMITS))
        system = then(passes.inline_single_use(system, LIMITS))
    for text in (bytes(word) for size in range(4) for word in itertools.product(b"ab", repeat=size)):
        expected = accepts(plain, text)
        assert [derives(each, text) for each in systems] == [expected] * len(systems), text


@given(plain_grammars())
def test_what_is_left_has_no_empty_texts_and_no_left_recursion(plain: PlainGrammar) -> None:
    system = passes.prepare(lowered(plain), vain, LIMITS)
    for automaton in system.automata:
        assert 0 not in automaton.accepting
        assert all(symbol != EPSILON for edges in automaton.edges for symbol, _ in edges)
    left = [passes.left_calls(automaton) for automaton in system.automata]
    for component in passes.strongly_connected(left):
        assert len(component) == 1 and component[0] not in left[component[0]]


def test_layers_of_operators_become_one_rule() -> None:
    layers = {f"e{level}": f"e{level} {level} e{level + 1} | e{level + 1}" for level in range(15)}
    system = passes.prepare(grammar(**layers, e15="( e0 ) | x | - e15"), vain, LIMITS)
    assert len(system.automata) == 1
    assert len(system.automata[0].edges) <= 40


def test_calls_in_tail_position_lead_to_a_state_without_edges() -> None:
    system = passes.prepare(grammar(s="x t | y", t="( s ) s | z"), vain, LIMITS)
    for automaton in system.automata:
        for edges in automaton.edges:
            for symbol, target in edges:
                if symbol < 0 and target in automaton.accepting:
                    assert not automaton.edges[target]
    ambiguous = passes.prepare(grammar(e="e + e | x | [ e ]"), vain, LIMITS)
    assert sum(1 for automaton in ambiguous.automata for _ in automaton.calls()) == 1  # the one in brackets


def test_least_yields() -> None:
    system = passes.prepare(grammar(s="( s ) | t t", t="a b c | s ! | [ ]"), vain, LIMITS)
    lengths = [len(terminal.name) for terminal in system.terminals]
    _, rules = passes.least_yields(system, lengths)
    assert rules[system.start] == 4


def test_useless_rules_disappear() -> None:
    system = passes.prepare(grammar(s="a | t", t="b t", u="c"), vain, LIMITS)
    assert [terminal.name for terminal in system.terminals] == ["a"]


def test_automata_are_minimal() -> None:
    # (a|b)*abb, the textbook example, needs four states.
    loops = (((0, 0), (1, 0), (0, 1)), ((1, 2),), ((1, 3),), ())
    minimal = simplify(RuleAutomaton(loops, frozenset({3})), LIMITS)
    assert len(minimal.edges) == 4 and minimal.deterministic
    twice = RuleAutomaton((((0, 1), (1, 2)), ((2, 3),), ((2, 4),), (), ()), frozenset({3, 4}))
    assert len(minimise(twice).edges) == 3
    blocks = equivalence(twice.edges, twice.accepting)
    assert blocks[1] == blocks[2] and blocks[3] == blocks[4] and len(set(blocks)) == 3
    dead_end = RuleAutomaton((((0, 1), (1, 2)), (), ()), frozenset({1}))
    assert trim(dead_end).edges == (((0, 1),), ())


def test_rows_of_a_rule_that_cannot_be_determinised() -> None:
    """The subset construction gives up (2**20 states) and the machine runs the automaton as it stands."""
    rows = GrammarRows(grammar(s="a s | b s | a " + "x " * 20 + "c", x="a | b"), Limits())
    assert not all(automaton.deterministic for automaton in rows.system.automata)
    for text, expected in [(b"ba" + b"ab" * 10 + b"c", True), (b"bb" + b"ab" * 10 + b"c", False)]:
        state = rows.start
        for byte in text:
            state = int(rows.expand(state)[byte])
            if state < 0:
                break
        assert (state >= 0 and bool(rows.label(state))) == expected
