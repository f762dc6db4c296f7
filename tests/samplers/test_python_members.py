"""The worked monitor: after a dot in Python code, only members that jedi finds."""

from __future__ import annotations

import keyword
import warnings

import numpy as np
import pytest

import grammarlib as gl
from samplers.potentials import Monitor, check_potential, next_log_weights, python_members
from samplers.potentials.python_members import _is_attribute_access


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = []\nx.", True),
        ("f(1).", True),
        ("(a, b)[0].", True),
        ("'text'.", True),
        ("{}.", True),
        ("if x:\n    y.", True),
        ("f(a.", True),
        ("1.", False),
        ("# x.", False),
        ("'x.", False),
        ('"""x.', False),
        ("from .", False),
        ("x = ..", False),
        ("x = ...", False),
        (".", False),
        ("x. ", False),
        ("x", False),
    ],
)
def test_dots_that_access_attributes(text: str, expected: bool) -> None:
    assert _is_attribute_access(text) is expected


def test_names_are_those_of_the_object() -> None:
    """jedi infers the type; where it cannot, nothing is constrained."""
    pytest.importorskip("jedi", reason="jedi (the extra 'monitor') is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jedi leaves the pipes of its process to the garbage collector
        names = python_members("values = [1, 2]\nvalues.")
        assert names is not None
        assert {"append", "sort"} <= names
        assert "push" not in names
        assert not any(keyword.iskeyword(name) for name in names)
        assert python_members("def f(x):\n    x.") is None
        assert python_members("'values.") is None


def test_a_monitored_row_writes_only_members() -> None:
    """Tokens that run past the dot are checked, tokens after it are masked."""
    pytest.importorskip("jedi", reason="jedi (the extra 'monitor') is not installed")
    pieces = [b"s", b".", b"up", b"per", b"upper", b"push", b".upper", b".push", b"()", b" ", b"s.low", b"er", None]
    vocabulary = gl.Vocabulary(pieces, [12])
    monitor = Monitor(vocabulary, ".", lambda text: python_members("s = 'a'\n" + text))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = monitor.start(1)
        every = np.arange(len(pieces))

        def allowed() -> set[bytes | None]:
            weights = next_log_weights(state, np.zeros(len(pieces), dtype=np.int64), every)
            return {piece for piece, weight in zip(pieces, weights, strict=True) if weight == 0}

        assert allowed() == {*pieces}
        state.advance(np.array([0]))
        assert b".push" not in allowed()
        assert b".upper" in allowed()
        state.advance(np.array([1]))
        assert allowed() == {b"s", b"up", b"upper"}
        state.advance(np.array([2]))
        assert allowed() == {b"per"}
        state.advance(np.array([3]))
        assert {b"()", b" ", b".", None} <= allowed() <= {b"()", b" ", b".", b".upper", b".push", None}
        check_potential(monitor, walks=3, max_tokens=4)
