"""Random small grammars: ambiguous, recursive in every way, nullable, useless symbols, overlapping terminals."""

from __future__ import annotations

from hypothesis import strategies as st

from grammarlib.ir import regex
from grammarlib.ir.grammar import Grammar, Nonterminal, Production, Symbol, Terminal
from tests.oracles.grammar import PlainGrammar, PlainTerminal

_A = regex.byte_class(1 << ord("a"))
_B = regex.byte_class(1 << ord("b"))
_EITHER = regex.byte_class(1 << ord("a") | 1 << ord("b"))


def _longer(unit: bytes) -> tuple[bytes, ...]:
    return tuple(unit * count for count in range(1, 9))


TERMINALS: dict[str, tuple[regex.Node, PlainTerminal]] = {
    "A": (_A, PlainTerminal(b"a", (b"a",))),
    "B": (_B, PlainTerminal(b"b", (b"b",))),
    "AB": (regex.literal(b"ab"), PlainTerminal(b"ab", (b"ab",))),
    "AS": (regex.repeat(_A, 1, None), PlainTerminal(b"a+", _longer(b"a"))),
    "AORB": (_EITHER, PlainTerminal(b"[ab]", (b"a", b"b"))),
    "AAA": (regex.literal(b"aaa"), PlainTerminal(b"aaa", (b"aaa",))),
    "MAYBE": (regex.optional(_B), PlainTerminal(b"b?", (b"", b"b"))),
    "EMPTY": (regex.epsilon(), PlainTerminal(b"", (b"",))),
    "NEVER": (regex.nothing(), PlainTerminal(b"(?!)", ())),
    "SPACE": (regex.byte_class(1 << ord(" ")), PlainTerminal(b" ", (b" ",))),
    "BLANKS": (
        regex.repeat(regex.byte_class(1 << ord(" ")), 0, None),
        PlainTerminal(b" *", (b"", *_longer(b" "))),
    ),
}
"""Terminals over a, b and space, as regex and for the oracle."""

RULES = ("s", "t", "u", "v")


@st.composite
def plain_grammars(draw: st.DrawFn, *, ignoring: bool = False) -> PlainGrammar:
    """A grammar with up to four rules; about half derive some text, many are left-recursive or ambiguous."""
    rules = RULES[: draw(st.integers(1, 4))]
    common = ["A", "B", "AB", "AS", "AORB", "AAA"]
    rare = ["MAYBE", "EMPTY", "NEVER"]
    symbols = st.one_of(
        st.sampled_from(rules),
        st.sampled_from(rules),
        st.sampled_from(common),
        st.sampled_from(common),
        st.sampled_from(common[:2]),
        st.sampled_from(rare if draw(st.booleans()) else common),
    )
    right = st.lists(symbols, max_size=4)
    productions = {name: draw(st.lists(right, min_size=0 if name != "s" else 1, max_size=4)) for name in rules}
    ignore = draw(st.lists(st.sampled_from(["SPACE", "BLANKS", "B"]), max_size=2)) if ignoring else []
    terminals = {name: plain for name, (_, plain) in TERMINALS.items()}
    return PlainGrammar(productions, terminals, "s", ignore)


def lowered(plain: PlainGrammar) -> Grammar:
    """``plain`` as the library's grammar."""

    def symbol(name: str) -> Symbol:
        return Nonterminal(name) if name in plain.productions else Terminal(name, TERMINALS[name][0])

    productions = [
        Production(Nonterminal(name), tuple(symbol(part) for part in right))
        for name, alternatives in plain.productions.items()
        for right in alternatives
    ]
    ignore = tuple(Terminal(name, TERMINALS[name][0]) for name in plain.ignore)
    return Grammar(tuple(productions), Nonterminal(plain.start), ignore)
