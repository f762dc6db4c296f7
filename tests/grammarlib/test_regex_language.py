"""Patterns mean what the definitions and Python's `re` say, on every small text."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import warnings
from typing import Any

import interegular
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.errors import LimitExceeded
from grammarlib.limits import Limits
from grammarlib.sources.regex import parse_pattern, search_pattern
from tests.oracles.regex import Definition, render
from tests.strategies.regexes import ALPHABET, patterns, plain_patterns, texts

LIMITS = Limits()
SHORT = ["".join(word) for size in range(3) for word in itertools.product(ALPHABET, repeat=size)]


def compiled_by_re(pattern: str) -> re.Pattern[str] | None:
    """What `re` makes of the pattern; None where it refuses it (a lookbehind without a fixed width)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern)
        except re.error:
            return None


@pytest.mark.parametrize("search", [False, True], ids=["whole", "search"])
@given(tree=patterns, more=st.lists(texts, max_size=8))
def test_python_dialect_is_re(search: bool, tree: Any, more: list[str]) -> None:
    pattern = render(tree)
    parse = search_pattern if search else parse_pattern
    automaton = LazyDFA((parse(pattern, dialect="python", limits=LIMITS, surrogates=False),), LIMITS)
    reference = compiled_by_re(pattern)
    for text in SHORT + more:
        truth = Definition(text, "python")
        expected = truth.found(tree) if search else truth.full_match(tree)
        assert bool(automaton.matches(text.encode())) == expected, (pattern, text)
        if reference is not None:
            verdict = reference.search(text) if search else reference.fullmatch(text)
            assert (verdict is not None) == expected, (pattern, text)


@given(tree=patterns, more=st.lists(st.text(ALPHABET + "\r\u2028٣\ufeff\x1c", max_size=4), max_size=12))
def test_ecma_dialect_is_its_definition(tree: Any, more: list[str]) -> None:
    pattern = render(tree)
    whole = LazyDFA((parse_pattern(pattern, dialect="ecma", limits=LIMITS),), LIMITS)
    somewhere = LazyDFA((search_pattern(pattern, limits=LIMITS),), LIMITS)
    for text in SHORT[:30] + more:
        truth = Definition(text, "ecma")
        assert bool(whole.matches(text.encode())) == truth.full_match(tree), (pattern, text)
        assert bool(somewhere.matches(text.encode())) == truth.found(tree), (pattern, text)


@given(tree=plain_patterns, more=st.lists(texts, max_size=8))
def test_plain_patterns_agree_with_interegular(tree: Any, more: list[str]) -> None:
    pattern = render(tree)
    if re.search(r"\[[^\]]*\\[DWS]", pattern):
        return  # interegular 0.3.3 gets [\D\W] wrong
    try:
        machine = interegular.parse_pattern(pattern).to_fsm()
    except Exception:  # interegular refuses much, with many types
        return
    automaton = LazyDFA((parse_pattern(pattern, dialect="python", flags=re.A, limits=LIMITS),), LIMITS)
    ascii_words = "\\w" in pattern or "\\W" in pattern or "\\D" in pattern or "\\S" in pattern
    for text in SHORT + more:
        if not text.isascii() and ascii_words:
            continue
        assert bool(automaton.matches(text.encode())) == machine.accepts(text), (pattern, text)


@given(tree=patterns)
def test_every_state_is_live_and_its_completion_minimal(tree: Any) -> None:
    automaton = LazyDFA((parse_pattern(render(tree), dialect="python", limits=LIMITS),), LIMITS)
    if automaton.start < 0:
        assert not any(Definition(text, "python").full_match(tree) for text in SHORT)
        return
    rows: list[list[int]] = []
    while len(rows) < automaton.state_count:
        rows.append(automaton.expand(len(rows)).tolist())
        if len(rows) > 150:
            return
    for state in range(len(rows)):
        # Breadth first over the finished table: the first accepting state is nearest, bytes in order break ties.
        frontier = {state: b""}
        visited = {state}
        while not any(automaton.label(reached) for reached in frontier):
            following: dict[int, bytes] = {}
            for reached, data in frontier.items():
                for byte, target in enumerate(rows[reached]):
                    if target >= 0 and target not in visited:
                        longer = data + bytes((byte,))
                        if target not in following or longer < following[target]:
                            following[target] = longer
            assert following, f"state {state} is dead"
            visited |= following.keys()
            frontier = following
        expected = min(data for reached, data in frontier.items() if automaton.label(reached))
        assert automaton.shortest_completion(state) == expected
        assert automaton.shortest_length(state) == _fewest_points(rows, automaton, state)


def _fewest_points(rows: list[list[int]], automaton: LazyDFA, state: int) -> int:
    cost = {state: 0}
    changed = True
    while changed:
        changed = False
        for source, known in list(cost.items()):
            for byte, target in enumerate(rows[source]):
                step = 0 if 0x80 <= byte <= 0xBF else 1
                if target >= 0 and known + step < cost.get(target, 1 << 30):
                    cost[target] = known + step
                    changed = True
    return min(known for source, known in cost.items() if automaton.label(source))


def test_patterns_of_the_corpus(shared: Any) -> None:
    """Every pattern of the benchmark schemas, on the strings of its own instances, against `re`."""
    parsed = refused = compared = 0
    with gzip.open(shared / "data" / "maskbench-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for number, line in enumerate(lines) if number % 7 == 0]
    for row in rows:
        strings = sorted({text for text in _strings_in([test["data"] for test in row["tests"]]) if len(text) < 60})
        for pattern in _patterns_in(row["schema"]):
            reference = compiled_by_re(pattern)
            if reference is None or "\\1" in pattern:
                refused += 1
                continue
            automaton = LazyDFA((search_pattern(pattern, limits=LIMITS),), LIMITS)
            parsed += 1
            for text in strings[:4]:
                if text.endswith("\n"):
                    continue  # the dialects differ on $
                compared += 1
                assert bool(automaton.matches(text.encode())) == bool(reference.search(text)), (pattern, text)
    assert parsed > 100 and compared > 300 and refused <= 2


def _patterns_in(schema: Any) -> set[str]:
    found = set()
    pending = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("pattern"), str):
                found.add(value["pattern"])
            if isinstance(value.get("patternProperties"), dict):
                found.update(value["patternProperties"])
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return found


def _strings_in(data: Any) -> set[str]:
    found = set()
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            found.update(value)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, str):
            found.add(value)
    return found


def test_limit_exceeded_is_typed() -> None:
    with pytest.raises(LimitExceeded) as caught:
        LazyDFA((parse_pattern("(?:a{1,9}b?)*", dialect="python", limits=LIMITS),), Limits(states=1)).expand(0)
    assert caught.value.limit == "states"
