"""A ``oneOf`` whose branch refers to the whole: what follows from itself alone does not hold."""

from __future__ import annotations

import pytest

import grammarlib as gl


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_a_branch_that_refers_to_the_whole_adds_nothing(keyword: str) -> None:
    """The branches exclude each other by type, so that ``oneOf`` becomes an ``anyOf``: both mean the integer alone."""
    branches = [{"allOf": [{"$ref": "#/$defs/a"}], "type": "string"}, {"type": "integer"}]
    compiled = gl.compile({"$ref": "#/$defs/a", "$defs": {"a": {keyword: branches}}})
    assert compiled.accepts("5")
    assert not compiled.accepts('"x"')
    assert not compiled.accepts("null")
