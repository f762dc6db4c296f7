"""Printing and reading grammars is the identity."""

from __future__ import annotations

import pytest
from hypothesis import given

from grammarlib.automata.derivative import Fuel
from grammarlib.automata.lookaround import resolve
from grammarlib.errors import InvalidSource
from grammarlib.ir import regex
from grammarlib.ir.grammar import Grammar, Nonterminal, Production, Terminal
from grammarlib.ir.text import print_grammar, read_grammar
from grammarlib.limits import Limits
from grammarlib.sources.regex import parse_pattern
from tests.oracles.grammar import PlainGrammar
from tests.strategies.grammars import lowered, plain_grammars


@given(plain_grammars(ignoring=True))
def test_reading_what_was_printed_is_the_identity(plain: PlainGrammar) -> None:
    grammar = lowered(plain)
    again = read_grammar(print_grammar(grammar))
    assert again == grammar
    assert print_grammar(again) == print_grammar(grammar)


@pytest.mark.parametrize(
    "pattern",
    ["a", "[a-z]{2,5}x*", "(ab|cd)+?", "é|😀", ".*", "(?s:.)*", "(?!if)[a-z]+", r"\bx\b", '".*?(?<!\\\\)"'],
)
def test_terminals_of_every_kind_survive(pattern: str) -> None:
    node = parse_pattern(pattern, dialect="python", limits=Limits())
    for each in (node, regex.complement(node), regex.intersect(node, regex.complement(regex.literal(b"if")))):
        start = Nonterminal('a "name" \\ with\nall')
        grammar = Grammar((Production(start, (Terminal("T", each), start)), Production(start)), start)
        again = read_grammar(print_grammar(grammar), lambda one: resolve(one, Fuel(100_000)))
        assert again == grammar


def test_the_text_is_readable() -> None:
    digits = regex.repeat(regex.byte_class(sum(1 << byte for byte in b"0123456789")), 1, None)
    number = Terminal("NUMBER", digits)
    plus = Terminal("PLUS", regex.literal(b"+"))
    space = Terminal("SPACE", regex.literal(b" "))
    total = Nonterminal("sum")
    grammar = Grammar((Production(total, (total, plus, number)), Production(total, (number,))), total, (space,))
    assert print_grammar(grammar) == (
        "%0 = class 2b\n"
        "%1 = class 30-39\n"
        "%2 = repeat %1 1 *\n"
        "%3 = class 20\n"
        '$0 = "PLUS" %0\n'
        '$1 = "NUMBER" %2\n'
        '$2 = "SPACE" %3\n'
        'start "sum"\n'
        "ignore $2\n"
        '"sum" -> "sum" $0 $1\n'
        '"sum" -> $1\n'
    )


@pytest.mark.parametrize("text", ["", "start", "start x", '"s" => "t"', '"s" -> $4', "%0 = context", "%0 = class zz"])
def test_malformed_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidSource):
        read_grammar(text)
