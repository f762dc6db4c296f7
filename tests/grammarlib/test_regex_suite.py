"""The cases of ``tests/suites/regex.toml``, in each dialect that they name."""

from __future__ import annotations

import re
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest

from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.limits import Limits
from grammarlib.sources.regex import parse_pattern, search_pattern

SUITE = Path(__file__).resolve().parents[1] / "suites" / "regex.toml"


def cases() -> list[Any]:
    loaded = tomllib.loads(SUITE.read_text(encoding="utf-8"))["case"]
    result = []
    for case in loaded:
        dialect = case.get("dialect", "python")
        for each in ("python", "ecma") if dialect == "both" else (dialect,):
            result.append(pytest.param({**case, "dialect": each}, id=f"{each}:{case['pattern']!r}"))
    return result


@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any]) -> None:
    unknown = set(case) - {"pattern", "search", "dialect", "accept", "reject"}
    assert not unknown, f"unknown keys {unknown}"
    search = case.get("search", False)
    parse = search_pattern if search else parse_pattern
    node = parse(case["pattern"], dialect=case["dialect"], limits=Limits(), surrogates=False)
    automaton = LazyDFA((node,), Limits())
    for text in case["accept"]:
        assert automaton.matches(text.encode()) == 1, text
    for text in case["reject"]:
        assert automaton.matches(text.encode()) == 0, text
    if not case["accept"]:
        assert automaton.start < 0
    if case["dialect"] == "python":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference = re.compile(case["pattern"])
        for text in case["accept"] + case["reject"]:
            verdict = reference.search(text) if search else reference.fullmatch(text)
            assert bool(automaton.matches(text.encode())) == bool(verdict), text
