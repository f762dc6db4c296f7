"""What patterns may say: refusals with their positions, dialects, flags, limits, caches."""

from __future__ import annotations

import gc
import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.errors import GrammarlibError, InvalidSource, LimitExceeded, UnsatisfiableSource, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.regex import Regex, parse_pattern, search_pattern

LIMITS = Limits()


@pytest.mark.parametrize(
    ("pattern", "column"),
    [
        ("a(b", 2),
        ("a)", 2),
        ("a[b", 2),
        ("*a", 1),
        ("a**", 3),
        ("a{3,2}", 2),
        ("a{1,99999999999}", 2),
        ("ab\\", 3),
        ("a\\y", 2),
        ("\\x4", 1),
        ("\\u12", 1),
        ("[z-a]", 2),
        ("(?<a", 1),
        ("(?P<1>a)", 5),
        ("(?P<a>a)(?P<a>b)", 13),
        ("(?y:a)", 1),
        ("(?i-i:a)", 1),
        ("a(?i)b", 2),
        ("(?#x", 1),
        ("(?=a", 1),
        ("^*", 2),
        ("|?", 2),
        ("\\777", 1),
        ("[\\w-.]", 2),
        ("(?<x>a)", 1),
        ("\\p{L}", 1),
        ("a|(?:b|(c", 8),
        ("\\N{no such name}", 1),
        ("\\U00110000", 1),
        ("(?L)a", 1),
    ],
)
def test_python_syntax_errors_have_a_position(pattern: str, column: int) -> None:
    with pytest.raises(InvalidSource) as caught:
        Regex(pattern).lower(LIMITS)
    finding = caught.value.findings[0]
    assert (finding.line, finding.column, finding.code) == (1, column, "syntax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((re.error, OverflowError, ValueError)):
            re.compile(pattern)


@pytest.mark.parametrize(
    "pattern", ["\\u{110000}", "\\u{}", "\\c1", "\\p", "\\p{L", "\\y", "\\k", "[b-a]", "(?<n", "a{2,1}"]
)
def test_ecma_syntax_errors(pattern: str) -> None:
    with pytest.raises(InvalidSource):
        Regex(pattern, dialect="ecma").lower(LIMITS)


@pytest.mark.parametrize(
    ("pattern", "dialect", "keyword", "column"),
    [
        (r"(a)\1", "python", "backreference", 4),
        (r"(?P<n>a)(?P=n)", "python", "backreference", 9),
        (r"(?<n>a)\k<n>", "ecma", "backreference", 8),
        (r"(a)?(?(1)b|c)", "python", "conditional", 5),
        (r"x(?>a|ab)c", "python", "atomic", 2),
        (r"(?:a|ab)*+c", "python", "possessive", 9),
        (r"\p{Script=Greek}", "ecma", "unicode-property", 1),
    ],
)
def test_unsupported_features_are_named(pattern: str, dialect: str, keyword: str, column: int) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        Regex(pattern, dialect=dialect).lower(LIMITS)
    assert caught.value.keyword == keyword
    assert (caught.value.findings[0].line, caught.value.findings[0].column) == (1, column)


def test_all_findings_at_once_with_lines_and_pointer() -> None:
    pattern = "(a)\\1\n(?>b|bc)(?(1)x|y)"
    with pytest.raises(UnsupportedFeature) as caught:
        search_pattern(pattern, limits=LIMITS, pointer="/properties/x/pattern")
    assert [finding.keyword for finding in caught.value.findings] == ["backreference", "atomic", "conditional"]
    assert [(finding.line, finding.column) for finding in caught.value.findings] == [(1, 4), (2, 1), (2, 9)]
    assert caught.value.pointer == "/properties/x/pattern"
    assert "/properties/x/pattern" in str(caught.value) and "column 4" in str(caught.value)
    with pytest.raises(InvalidSource) as syntax:
        search_pattern(pattern + "(", limits=LIMITS)
    assert len(syntax.value.findings) == 4 and syntax.value.findings[-1].code == "syntax"


def test_unsatisfiable_patterns() -> None:
    for pattern in ("a(?<=b)", "(?=a)b", "$a", r"\ba\Bb\b(?!.)c", "(?!)", "[^\\s\\S]"):
        with pytest.raises(UnsatisfiableSource):
            Regex(pattern).lower(LIMITS)


def test_flags() -> None:
    def accepts(pattern: str, flags: int, text: str) -> bool:
        ours = bool(Regex(pattern, flags).lower(LIMITS).matches(text.encode()))
        assert ours == bool(re.fullmatch(pattern, text, flags)), (pattern, flags, text)
        return ours

    assert accepts("aB", re.I, "Ab") and not accepts("aB", 0, "Ab")
    assert accepts("a.b", re.S, "a\nb") and not accepts("a.b", 0, "a\nb")
    assert accepts("a$\n^b", re.M, "a\nb") and accepts("a b", re.X, "ab")
    assert accepts(r"\w", re.U, "é") and not accepts(r"\w", re.A, "é")
    assert accepts("é", re.I, "É") and not accepts("é", re.I | re.A, "É")
    assert accepts("[^a]", re.I, "b") and not accepts("[^a]", re.I, "A")
    for flags in (re.L, re.DEBUG):
        with pytest.raises(UnsupportedFeature):
            Regex("a", int(flags)).lower(LIMITS)
    with pytest.raises(InvalidSource):
        Regex("a", int(re.A | re.U)).lower(LIMITS)
    with pytest.raises(ValueError, match="dialect"):
        Regex("a", dialect="pcre").lower(LIMITS)


def test_the_dialects_part_where_documented() -> None:
    def matches(pattern: str, text: str, dialect: str) -> bool:
        node = search_pattern(pattern, dialect=dialect, limits=LIMITS)
        return bool(LazyDFA((node,), LIMITS).matches(text.encode()))

    for pattern, text in (
        (r"^\d$", "٣"),
        (r"^\w$", "é"),
        (r"^\s$", "\x1c"),
        (r"^\s$", "\x85"),
        ("a$", "a\n"),
        ("^.$", "\r"),
    ):
        assert matches(pattern, text, "python") and not matches(pattern, text, "ecma"), pattern
        assert re.search(pattern, text)
    assert matches(r"^\s$", "\ufeff", "ecma") and not matches(r"^\s$", "\ufeff", "python")


def test_surrogates_only_where_asked_for() -> None:
    lone = "\ud800".encode("utf-8", "surrogatepass")
    json_text = LazyDFA((search_pattern("^.$", limits=LIMITS),), LIMITS)
    assert json_text.matches(lone) and json_text.matches("é".encode()) and not json_text.matches(b"\xff")
    plain = LazyDFA((parse_pattern(".", dialect="ecma", limits=LIMITS),), LIMITS)
    assert not plain.matches(lone) and plain.matches("é".encode())
    assert LazyDFA((search_pattern("^[\\ud800-\\udbff]", limits=LIMITS),), LIMITS).matches(lone)


def test_limits() -> None:
    with pytest.raises(LimitExceeded) as caught:
        Regex("a" * 100).lower(Limits(source_bytes=99))
    assert caught.value.limit == "source_bytes"
    with pytest.raises(LimitExceeded) as caught:
        Regex("(" * 11 + ")" * 11).lower(Limits(source_depth=10))
    assert caught.value.limit == "source_depth"
    with pytest.raises(LimitExceeded) as caught:
        Regex("(?:ab)?c" * 20).lower(Limits(regex_nodes=50))
    assert caught.value.limit == "regex_nodes"
    Regex("(?:" * 1999 + "a" + ")*" * 1999).lower(LIMITS)


def test_parsing_twice_shares_the_automaton() -> None:
    first = Regex("shared-[0-9]{2,40}").lower(LIMITS)
    first.matches(b"shared-123")
    assert Regex("shared-[0-9]{2,40}").lower(LIMITS) is first
    assert Regex("shared-[0-9]{2,40}").lower(Limits(states=99)) is not first


def test_what_is_parsed_is_not_kept_for_ever() -> None:
    from grammarlib.ir.regex import interned_count

    gc.collect()
    before = interned_count()
    for index in range(50):
        parse_pattern(f"only{index}once" * 20, dialect="python", limits=LIMITS)
    gc.collect()
    assert interned_count() < before + 200


@given(st.text("ab01(){}[]|*+?\\^$.<>=!:,-PixdwbBZ# \n", max_size=14), st.sampled_from(["python", "ecma"]))
def test_no_text_breaks_the_parser(pattern: str, dialect: str) -> None:
    try:
        node = parse_pattern(pattern, dialect=dialect, limits=LIMITS)
    except GrammarlibError:
        node = None
    if dialect != "python":
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reference = re.compile(pattern)
        except (re.error, OverflowError, RecursionError):
            return
    if node is None:
        assert re.search(r"\\[1-9]|\(\?\(|\(\?>|[*+?}]\+|\(\?P=", pattern), f"{pattern!r} is refused"
        return
    automaton = LazyDFA((node,), LIMITS)
    for text in ("", "a", "b", "ab", "0", "01", "a\n", " ", "}", "-", "aab", "aa"):
        assert bool(automaton.matches(text.encode())) == bool(reference.fullmatch(text)), (pattern, text)
