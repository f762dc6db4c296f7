"""The validator oracle, itself tested: formats, dialects, exact numbers, and what it cannot judge."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsonschemabench.verdicts import is_multiple, judge, judge_record, judge_rust, unchecked_formats

FORMATS = {
    "ipv4": ("127.0.0.1", "127.0.0.256"),
    "ipv6": ("::1", ":::1"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "123e4567"),
    "date": ("2024-02-29", "2023-02-29"),
    "time": ("12:00:00Z", "25:00:00Z"),
    "date-time": ("2024-01-01T00:00:00Z", "2024-01-01"),
    "email": ("a@b", "a"),
    "hostname": ("a.b", "-a"),
    "uri": ("a:b", "a"),
    "duration": ("P1D", "1D"),
    "regex": ("a", "("),
    "json-pointer": ("/a", "a"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_valid_text_is_valid_and_an_invalid_one_is_not(name: str) -> None:
    """The trap of one well-known evaluator: checkers that return nothing judge every text invalid."""
    if name in unchecked_formats():
        pytest.skip(f"python-jsonschema lacks the library for {name}")
    schema = {"format": name}
    texts = [f'"{text}"' for text in FORMATS[name]]
    assert judge(schema, texts) == ("10", "")
    if find_spec("jsonschema_rs") is not None:
        assert judge_rust(schema, texts) == "10"


@pytest.mark.parametrize(
    ("schema", "texts", "expected"),
    [
        ({"const": 1}, ["1", "2"], "10"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "const": 1}, ["1", "2"], "11"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}, ["1", "1.0"], "10"),
        ({"type": "integer"}, ["1", "1.0", "1.5"], "110"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "null"}]}, ["[null]", "[1]"], "10"),
        (False, ["1"], "0"),
        ({"$ref": "#/$defs/absent"}, ["1"], "?"),
        ({"$ref": "https://example.org/never-fetched"}, ["1"], "?"),
        ({"type": "nonsense"}, ["1"], "?"),
        ({"pattern": "("}, ['"x"'], "?"),
        ({}, ["[", "", "nul", "1"], "0001"),
        ({"$ref": "#"}, ["1"], "?"),
    ],
)
def test_verdicts(schema: Any, texts: list[str], expected: str) -> None:
    """Dialect by ``$schema``; a broken schema or reference is unknown, not invalid."""
    verdicts, reason = judge(schema, texts)
    assert verdicts == expected
    assert bool(reason) == ("?" in expected)


@pytest.mark.parametrize(
    ("value", "divisor", "expected"),
    [
        (0.07, 0.01, True),
        (19.99, 0.01, True),
        (0.075, 0.01, False),
        (1e308, 1e-5, True),
        (0, 3, True),
        (7.5, 2.5, True),
    ],
)
def test_multiples_are_exact(value: float, divisor: float, expected: bool) -> None:
    """Decimals as they are written, where binary fractions would mislead."""
    assert is_multiple(value, divisor) is expected
    assert judge({"multipleOf": divisor}, [repr(value)])[0] == "01"[expected]


@given(st.integers(-(10**6), 10**6), st.integers(0, 4), st.integers(1, 500), st.integers(0, 3))
def test_multiples_are_those_of_fractions(number: int, shift: int, step: int, step_shift: int) -> None:
    """The same as exact fractions say."""
    value, divisor = float(f"{number}e-{shift}"), float(f"{step}e-{step_shift}")
    exact = Fraction(number, 10**shift) / Fraction(step, 10**step_shift)
    assert is_multiple(value, divisor) == (exact.denominator == 1)


def test_a_worker_s_answer() -> None:
    """Both verdicts, and why one is unknown."""
    answer = judge_record({"schema": {"$ref": "#/nowhere"}, "texts": ["1", "2"]})
    assert answer["python"] == "??"
    assert "nowhere" in answer["reason"]
