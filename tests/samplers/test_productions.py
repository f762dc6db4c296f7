"""Sources as productions: canvases with gaps against brute force, and against grammars written out by hand."""

from __future__ import annotations

import itertools
import json
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import grammarlib as gl
import samplers.productions
from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.limits import Limits
from samplers.errors import SamplerError
from samplers.infilling import Chart, ContextFreeGrammar, Infilling, fill_canvas
from samplers.productions import _of_rules
from tests.oracles import infilling as oracle
from tests.oracles.grammar import PlainGrammar
from tests.strategies.grammars import lowered, plain_grammars

CALLS = """
start: call
call: NAME "(" [argument ("," argument)*] ")"
argument: call | NAME
NAME: /fg?/
"""
SUM = """
root ::= product ("+" product)*
product ::= atom ("*" atom){0,2}
atom ::= [xy] | "(" root ")"
"""
EMPTY = """
start: (A | "b" start "b")*
A: /a*/
"""
SOURCES: dict[str, tuple[gl.Lark | gl.Ebnf | gl.Regex | gl.Choice, bytes, int]] = {
    "calls": (gl.Lark(CALLS), b"fg(),", 9),
    "sum": (gl.Ebnf(SUM), b"xy+*()", 6),
    "empty": (gl.Lark(EMPTY), b"ab", 10),
    "regex": (gl.Regex("(ab|ba)*c?|(aa)+b"), b"abc", 9),
    "choice": (gl.Choice(["for", "fore", "of", "", "ofor"]), b"fore", 5),
}
TEXTS: dict[str, set[bytes]] = {}


def known_texts(name: str) -> set[bytes]:
    """Every text up to the length of the table, asked of the matcher's side."""
    if name not in TEXTS:
        source, alphabet, longest = SOURCES[name]
        compiled = gl.compile(source)
        found, beginnings = set(), [(b"", compiled.matcher())]
        while beginnings:
            text, matcher = beginnings.pop()
            if matcher.is_accepting:
                found.add(text)
            for byte in alphabet if len(text) < longest else b"":
                longer = matcher.fork()
                if longer.accept_bytes(bytes([byte])):
                    beginnings.append((text + bytes([byte]), longer))
        TEXTS[name] = found
    return TEXTS[name]


@pytest.mark.parametrize("name", SOURCES)
@given(data=st.data())
@settings(max_examples=60)
def test_gaps_against_all_texts(name: str, data: st.DataObject) -> None:
    """Up to 3 gaps between up to 2 bytes: a canvas is possible iff a text that the matcher accepts fits it.

    Grammars this small have a witness of the lengths looked at if they have any.
    """
    source, alphabet, _ = SOURCES[name]
    grammar = ContextFreeGrammar.of(source)
    pieces = data.draw(st.lists(st.one_of(st.none(), st.sampled_from(list(alphabet))), max_size=5))
    canvas = [piece if piece is None else bytes([piece]) for piece in pieces]
    if sum(piece is None for piece in canvas) > 3 or sum(piece is not None for piece in canvas) > 2:
        return
    assert chart_of(grammar, canvas).is_possible == oracle.fits(known_texts(name), canvas)


def chart_of(grammar: ContextFreeGrammar, canvas: list[bytes | None]) -> Chart:
    fixed, gaps = bytearray(), set()
    for piece in canvas:
        if piece is None:
            gaps.add(len(fixed))
        else:
            fixed += piece
    return Chart(grammar, bytes(fixed), frozenset(gaps))


@pytest.mark.parametrize("name", SOURCES)
def test_without_gaps_it_is_membership(name: str) -> None:
    """Every text of up to 4 bytes; compiled or not, it is the same grammar."""
    source, alphabet, _ = SOURCES[name]
    grammar, same = ContextFreeGrammar.of(source), ContextFreeGrammar.of(gl.compile(source))
    assert grammar.productions == same.productions
    for length in range(5):
        for letters in itertools.product(alphabet, repeat=length):
            text = bytes(letters)
            assert Chart(grammar, text, frozenset()).is_possible == (text in known_texts(name)), text


TERMINALS: dict[str, list[list[str | bytes]]] = {
    "A": [[b"a"]],
    "B": [[b"b"]],
    "AB": [[b"ab"]],
    "AS": [[b"a"], ["AS", b"a"]],
    "AORB": [[b"a"], [b"b"]],
    "AAA": [[b"aaa"]],
    "MAYBE": [[], [b"b"]],
    "EMPTY": [[]],
    "NEVER": [],
    "SPACE": [[b" "]],
    "BLANKS": [[], ["BLANKS", b" "]],
}


def by_hand(plain: PlainGrammar) -> ContextFreeGrammar:
    explicit = plain.explicit()
    return ContextFreeGrammar({**explicit.productions, **TERMINALS}, explicit.start)


@given(plain_grammars(ignoring=True), st.data())
def test_random_grammars_on_random_canvases(plain: PlainGrammar, data: st.DataObject) -> None:
    """Rules without empty texts and left recursion, and automata, say what the productions said."""
    rows = GrammarRows(lowered(plain), Limits())
    if rows.start < 0:
        return
    ours, expected = ContextFreeGrammar(*_of_rules(rows)), by_hand(plain)
    for _ in range(4):
        canvas = data.draw(st.lists(st.sampled_from([None, b"a", b"b", b" "]), max_size=7))
        assert chart_of(ours, canvas).is_possible == chart_of(expected, canvas).is_possible, canvas


def test_a_canvas_of_json() -> None:
    """Several gaps in a real grammar: a proposal is accepted iff JSON can still come of it, in every filled canvas."""
    grammar = gl.Lark(
        r"""
        start: value
        value: object | array | STRING | NUMBER | "true" | "null"
        object: "{" [STRING ":" value ("," STRING ":" value)*] "}"
        array: "[" [value ("," value)*] "]"
        STRING: /"[a-z ]*"/
        NUMBER: /-?(0|[1-9][0-9]*)/
        %ignore " "
        """
    )
    pieces = [b"{", b"}", b'"', b'":', b"[", b"]", b",", b"name", b"1", b"0", b"-", b"true", b" ", b'"}', None]
    vocabulary = gl.Vocabulary(pieces, eos_token_ids=[14])
    canvas = Infilling(gl.compile(grammar, vocabulary), vocabulary, [0, None, 7, None, 4, None, None, 5, None, None])
    possible = {
        (position, token)
        for position in canvas.open_positions
        for token in range(15)
        if canvas.is_possible(position, token)
    }
    assert {(1, 2), (3, 3), (5, 8), (6, 9), (8, 1), (9, 14)} <= possible
    assert not {(1, 4), (1, 8), (3, 5), (8, 8), (5, 14)} & possible
    samples = fill_canvas(lambda ids: torch.zeros(*ids.shape, 15), canvas, n=12, seed=2)
    written = [text for text, alive in zip(samples.texts, samples.is_finished, strict=True) if alive]
    assert written
    for text in written:
        value = json.loads(text)
        assert re.search(r"name.*\[", text) and isinstance(value, dict)


def test_long_lexemes_cost_one_item() -> None:
    """Left-recursive states: a string of 2,000 bytes has a chart that grows with its length, not with its square."""
    grammar = ContextFreeGrammar.of(gl.Lark('start: S ("," S)*\nS: /"[a-z]*"/'))
    sizes = []
    for length in (500, 1000, 2000):
        chart = Chart(grammar, b'"' + b"x" * length + b'"', frozenset())
        assert chart.is_possible
        sizes.append(sum(len(place.items) for place in chart._places))
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources without productions, and automata that are too large."""
    for source in (gl.JsonSchema({"type": "object"}), gl.compile(gl.AnyJson()), "start: A", None):
        with pytest.raises(SamplerError, match="no productions"):
            ContextFreeGrammar.of(source)
    monkeypatch.setattr(samplers.productions, "_SYMBOL_LIMIT", 100)
    with pytest.raises(SamplerError, match="too large"):
        ContextFreeGrammar.of(gl.Regex("[ab]*a[ab]{9}"))
    with pytest.raises(gl.GrammarlibError):
        ContextFreeGrammar.of(gl.Lark("start: other"))
