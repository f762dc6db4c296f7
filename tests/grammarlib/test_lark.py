"""Lark grammars: what they accept, what is refused and where, and lark itself as an oracle."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

import lark
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.errors import CompileError, InvalidSource, LimitExceeded, UnsatisfiableSource, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.lark import Lark

SUITE = Path(__file__).parent.parent / "suites" / "grammar_lark.toml"
CASES = tomllib.loads(SUITE.read_text("utf-8"))["case"]


def lowered(text: str, limits: Limits | None = None, **options: Any) -> GrammarRows:
    return Lark(text, **options).lower(limits or Limits())


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
    if case.get("unsupported"):
        with pytest.raises(UnsupportedFeature):
            lowered(case["grammar"])
        return
    rows = lowered(case["grammar"])
    for text in case["accepts"]:
        assert accepts(rows, text), text
    for text in case["rejects"]:
        assert not accepts(rows, text), text
    # Every prefix of a text that belongs can be completed, by something that belongs.
    for text in case["accepts"]:
        for end in range(len(text)):
            state = walk(rows, text[:end])
            assert state >= 0
            ending = rows.shortest_completion(state).decode()
            assert accepts(rows, text[:end] + ending)
            assert len(ending.encode()) <= len(text[end:].encode())


ERRORS = [
    ("start: (", "syntax", 1, 9),
    ('start: "a"\nstart: "b"', "duplicate", 2, 1),
    ("start: a", "undefined", 1, 8),
    ('start: "b"\nother: a B', "undefined", 2, 8),
    ("start: A\nA: b", "rule-in-terminal", 2, 4),
    ("start: A\nA: B", "undefined", 2, 4),
    ('start: A\nA: "x" B\nB: A', "recursion", 2, 1),
    ('begin: "a"', "undefined", 1, 1),
    ('start: t{"a"}\nt{x, y}: x y', "template", 1, 8),
    ("start: t\nt{x}: x", "template", 1, 8),
    ("start{x}: x", "template", 1, 1),
    ('start: "a"~3..2', "repeat", 1, 11),
    ('start: "a"~-1', "repeat", 1, 11),
    ('start: "z".."a"', "range", 1, 8),
    ('start: "ab".."z"', "range", 1, 8),
    ("start: /(/", "syntax", 1, 8),
    ("start: A\nA: /[z-a]/", "syntax", 2, 1),
    ('start: ""', "literal", 1, 8),
    ('start: "\\x4"', "literal", 1, 8),
    ('start: "a"\n%ignore start', "undefined", 2, 9),
    ('start: "a"\n%ignore B', "undefined", 2, 9),
    ('%import common\nstart: "a"', "import", 1, 9),
    ('%import nowhere.X\nstart: "a"', "import", 1, 17),
    ('%import .secret.X\nstart: "a"', "import", 1, 17),
    ('%import common.MISSING\nstart: "a"', "import", 1, 16),
    ('%override start: "a"', "undefined", 1, 11),
    ('%extend start: "a"', "undefined", 1, 9),
    ('start: A\nA: "a" -> x', "alias", 2, 1),
]


@pytest.mark.parametrize(("text", "code", "line", "column"), ERRORS, ids=[text for text, *_ in ERRORS])
def test_errors_name_line_and_column(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(InvalidSource) as caught:
        lowered(text)
    finding = caught.value.findings[0]
    assert (finding.code, finding.line, finding.column) == (code, line, column), str(caught.value)


def test_all_undefined_names_are_reported_at_once() -> None:
    with pytest.raises(InvalidSource) as caught:
        lowered("start: a B\n  | c")
    assert [(one.line, one.column) for one in caught.value.findings] == [(1, 8), (1, 10), (2, 5)]


@pytest.mark.parametrize(
    ("text", "keyword", "line"),
    [
        ('%declare _INDENT\nstart: "a"', "%declare", 1),
        ('start: "a" /b(?!c)/', "lookaround", 1),
        ('start: "a"\n  | /b$/', "lookaround", 2),
        ("start: A\nA: /(?<!x)a/", "lookaround", 2),
        (r"start: /\bif\b/", "lookaround", 1),
        (r"start: /(a)\1/", None, 1),
    ],
)
def test_what_cannot_be_exact_is_refused(text: str, keyword: str | None, line: int) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        lowered(text)
    finding = caught.value.findings[0]
    assert finding.line == line and finding.column is not None
    assert keyword is None or finding.keyword == keyword


def test_the_contextual_lexer_is_refused_with_a_hint() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        lowered('start: "a"', lexer="contextual")
    assert caught.value.findings[0].hint is not None


@pytest.mark.parametrize("text", ["start: start", 'start: "a" start', 'start: a\na: "x" b\nb: a', "start: /(?!)/"])
def test_grammars_without_texts(text: str) -> None:
    with pytest.raises(UnsatisfiableSource):
        lowered(text)


def test_imports_from_folders(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "outer.lark").write_text('item: "<" WORD inner ">"\n%import common.WORD\n%import .deep.leaf.inner\n')
    (tmp_path / "deep" / "leaf.lark").write_text('inner: "!"~1..2 helper\nhelper: "."\n%ignore " "\n')
    text = "start: thing+\n%import outer.item -> thing\n"
    rows = lowered(text, import_paths=(str(tmp_path),))
    assert accepts(rows, "<ab!.><c!!.>")
    assert not accepts(rows, "<ab!. >")
    with pytest.raises(InvalidSource):
        lowered(text)


def test_grammars_that_import_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one.lark").write_text("%import two.b\na: b\n")
    (tmp_path / "two.lark").write_text("%import one.a\nb: a\n")
    with pytest.raises(InvalidSource, match="nested"):
        lowered("%import one.a\nstart: a", import_paths=(str(tmp_path),))


def test_extending_an_imported_terminal_stays_in_its_source() -> None:
    imported = "%import common.DIGIT\n"
    assert accepts(lowered(imported + 'start: DIGIT\n%extend DIGIT: "x"\n'), "x")
    assert not accepts(lowered(imported + "start: DIGIT\n"), "x")


def test_limits() -> None:
    deep = "start: " + "(" * 50 + '"a"' + ")" * 50
    assert accepts(lowered(deep), "a")
    for text, name, limits in [
        (deep, "source_depth", Limits(source_depth=40)),
        ("start: " + '"a" ' * 50, "source_bytes", Limits(source_bytes=100)),
        ('start: "a"~999999', "states", Limits()),
        ('start: a\na: "x"~900\n', "states", Limits(states=50)),
        ('start: t{"a"}\nt{x}: x | t{u{x}}\nu{x}: x x', "components", Limits(components=500)),
    ]:
        with pytest.raises(LimitExceeded) as caught:
            lowered(text, limits)
        assert caught.value.limit == name, text


def test_groups_nested_deeper_than_the_interpreter_recurses() -> None:
    count = 1_900
    assert accepts(lowered("start: " + "(" * count + '"a"' + ")" * count), "a")
    assert accepts(lowered("start: " + "[" * count + '"a"' + "]" * count), "a")


def test_alternatives_are_not_multiplied_out() -> None:
    assert accepts(lowered("start: " + '("a"|"b") ' * 200), "ab" * 100)


def test_chains_of_terminals_stay_bounded() -> None:
    chain = "".join(f"A{number}: A{number + 1}\n" for number in range(500)) + 'A500: "x"\n'
    assert accepts(lowered("start: A0\n" + chain), "x")
    doubling = "".join(f"A{number}: A{number + 1} A{number + 1}\n" for number in range(40)) + 'A40: "x"\n'
    with pytest.raises(LimitExceeded):
        lowered("start: A0\n" + doubling)


RULE = st.lists(
    st.lists(st.sampled_from(["s", "t", '"a"', '"b"', "A", "AB", '"ab"?', "t*", '("a"|t)']), max_size=3).map(" ".join),
    min_size=1,
    max_size=3,
    unique=True,
).map(" | ".join)


@given(RULE, RULE, st.booleans())
@settings(max_examples=40)
def test_equal_to_lark_itself(first: str, second: str, ignoring: bool) -> None:
    """Lark's Earley parser with every split of lexemes, on grammars that it reads as they are meant."""
    ignore = '%ignore " "\n' if ignoring else ""
    text = f"start: s\ns: {first}\nt: {second}\nA: /a+/\nAB: /a?b/\n{ignore}"
    try:
        oracle = lark.Lark(text, parser="earley", lexer="dynamic_complete", ambiguity="resolve")
    except lark.exceptions.GrammarError:
        assume(False)
    try:
        rows = lowered(text)
    except UnsatisfiableSource:
        rows = None
    for length in range(4):
        for letters in itertools.product("ab ", repeat=length):
            sentence = "".join(letters)
            try:
                oracle.parse(sentence)
                expected = True
            except lark.exceptions.LarkError:
                expected = False
            assert (rows is not None and accepts(rows, sentence)) == expected, (text, sentence)


PIECES = [*'()[]{}|*+?~."/\\:<>!#^$a1 \n\x00\ud800é-', "::=", "..", "->", "%import ", "%ignore ", "(?=", "\\b", "//"]


@given(st.sampled_from(CASES), st.floats(0, 1), st.integers(0, 5), st.sampled_from(["", *PIECES]))
@settings(max_examples=100)
def test_damaged_grammars_raise_typed_errors_only(case: dict[str, Any], place: float, cut: int, piece: str) -> None:
    source = case["grammar"]
    position = int(place * len(source))
    text = source[:position] + piece + source[position + cut :]
    try:
        rows = Lark(text).lower(Limits(states=5_000))
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
