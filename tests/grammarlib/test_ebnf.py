"""EBNF grammars: what they accept, and what is refused where."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.errors import CompileError, InvalidSource, LimitExceeded, UnsatisfiableSource, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.ebnf import Ebnf

SUITE = Path(__file__).parent.parent / "suites" / "grammar_ebnf.toml"
CASES = tomllib.loads(SUITE.read_text("utf-8"))["case"]


def walk(rows: GrammarRows, text: str) -> int:
    state = rows.start
    for byte in text.encode():
        if state < 0:
            return -1
        state = int(rows.expand(state)[byte])
    return state


def accepts(rows: GrammarRows, text: str) -> bool:
    state = walk(rows, text)
    return state >= 0 and rows.label(state) != 0


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_suite(case: dict[str, Any]) -> None:
    rows = Ebnf(case["grammar"], root=case.get("root", "root")).lower(Limits())
    for text in case["accepts"]:
        assert accepts(rows, text), text
        for end in range(len(text)):
            state = walk(rows, text[:end])
            assert state >= 0
            assert accepts(rows, text[:end] + rows.shortest_completion(state).decode())
    for text in case["rejects"]:
        assert not accepts(rows, text), text


ERRORS = [
    ("root ::= (", 1, 10),
    ('root ::= "a" )', 1, 14),
    ('root ::= "a', 1, 10),
    ('root ::= "a"\n  [b', 2, 3),
    ("root ::= *", 1, 10),
    ("root ::= | +", 1, 12),
    ('root ::= "a"{2', 1, 13),
    ('root ::= "a"{3,2}', 1, 13),
    ('root = "a"', 1, 6),
    ('"a" ::= "b"', 1, 1),
    ('::= "b"', 1, 1),
    ('root ::= ::= "b"', 1, 6),
    ('root ::= "a" root2 ::= "b"', 1, 14),
    ('root ::= "a"\nroot ::= "b"', 2, 1),
    (r'root ::= "\q"', 1, 11),
    (r'root ::= "\U00110000"', 1, 11),
    (r'root ::= "\ud800"', 1, 11),
    ("root ::= [z-a]", 1, 11),
    ("root ::= []", 1, 10),
    ("root ::= [^]", 1, 10),
    ("root ::= a § b", 1, 12),
    ('list ::= "a"', 1, 1),
]


@pytest.mark.parametrize(("text", "line", "column"), ERRORS, ids=[text for text, *_ in ERRORS])
def test_errors_name_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(InvalidSource) as caught:
        Ebnf(text).lower(Limits())
    finding = caught.value.findings[0]
    assert (finding.line, finding.column) == (line, column), str(caught.value)


def test_all_undefined_rules_are_reported_at_once() -> None:
    with pytest.raises(InvalidSource) as caught:
        Ebnf('root ::= a "x" (b | c)*\nb ::= d a\n').lower(Limits())
    found = [(one.message, one.line, one.column) for one in caught.value.findings]
    assert found == [
        ("rule a is not defined", 1, 10),
        ("rule c is not defined", 1, 21),
        ("rule d is not defined", 2, 7),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "a" <[12]>',
        "root ::= !<think> root | <think>",
        'root ::= "a" (= "b")',
        'root ::= TagDispatch(("a", root))',
        'root[max_tokens=10] ::= "a"',
    ],
)
def test_what_cannot_be_enforced_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        Ebnf(text).lower(Limits())
    assert caught.value.findings[0].line == 1 and caught.value.keyword


@pytest.mark.parametrize("text", ["root ::= root", 'root ::= "a" root', "root ::= a\na ::= b\nb ::= a"])
def test_grammars_without_texts(text: str) -> None:
    with pytest.raises(UnsatisfiableSource):
        Ebnf(text).lower(Limits())


def test_limits() -> None:
    nested = "root ::= " + "(" * 50 + '"a"' + ")" * 50
    for text, name, limits in [
        (nested, "source_depth", Limits(source_depth=40)),
        ('root ::= "' + "a" * 100 + '"', "source_bytes", Limits(source_bytes=100)),
        ('root ::= a{999999}\na ::= root | "x"', "states", Limits()),
        ('root ::= "a"{99999999999}', "states", Limits()),
    ]:
        with pytest.raises(LimitExceeded) as caught:
            Ebnf(text).lower(limits)
        assert caught.value.limit == name, text


def test_groups_nested_deeper_than_the_interpreter_recurses() -> None:
    count = 1_900
    for inner in ('"a"', "b"):
        text = "root ::= " + "(" * count + inner + ' "x")' * count + '\nb ::= "a" | b'
        assert accepts(Ebnf(text).lower(Limits()), "a" + "x" * count)


def test_a_counted_class_makes_no_states() -> None:
    rows = Ebnf('root ::= [a-z]{0,100000} "!"').lower(Limits())
    assert accepts(rows, "abc!")
    assert rows.system.size < 20


PIECES = [*'()[]{}|*+?~."/\\:<>!#^$a1 \n\x00\ud800é-', "::=", "..", "->", "%import ", "%ignore ", "(?=", "\\b", "//"]


@given(st.sampled_from(CASES), st.floats(0, 1), st.integers(0, 5), st.sampled_from(["", *PIECES]))
@settings(max_examples=100)
def test_damaged_grammars_raise_typed_errors_only(case: dict[str, Any], place: float, cut: int, piece: str) -> None:
    source = case["grammar"]
    position = int(place * len(source))
    text = source[:position] + piece + source[position + cut :]
    try:
        rows = Ebnf(text).lower(Limits(states=5_000))
        ending = rows.shortest_completion(rows.start)
    except CompileError as error:
        assert all(finding.line and finding.column for finding in error.findings), str(error)
    except LimitExceeded:
        pass
    else:
        state = rows.start
        for byte in ending:
            state = int(rows.expand(state)[byte])
        assert rows.label(state)
