"""Random patterns and Boolean regexes, as trees that `tests.oracles.regex` understands."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Tree = tuple[Any, ...]

ALPHABET = "abAé_1 \n"
"""Small, and yet: case, word and space characters, a line end, two bytes in UTF-8."""

_characters = st.sampled_from(ALPHABET)
_escapes = st.tuples(st.just("escape"), st.sampled_from("dwsDWS"))
_members = st.one_of(
    _characters, st.sampled_from([("a", "b"), ("A", "b"), ("0", "9"), ("a", "ÿ"), (" ", "~")]), _escapes
)
_singles = st.one_of(
    st.tuples(st.just("char"), _characters),
    st.just(("dot",)),
    _escapes,
    st.tuples(st.just("class"), st.booleans(), st.lists(_members, min_size=1, max_size=3)),
)
_anchors = st.tuples(st.just("anchor"), st.sampled_from(["^", "$", "\\A", "\\Z", "\\b", "\\B"]))
_counts = st.sampled_from([(0, None), (1, None), (0, 1), (2, 2), (1, 2), (2, None), (0, 3), (2, 5)])


def _compound(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(st.just("sequence"), st.lists(inner, min_size=0, max_size=3)),
        st.tuples(st.just("either"), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda body, count, lazy: ("repeat", body, *count, lazy), inner, _counts, st.booleans()),
        st.tuples(st.just("look"), inner, st.just(False), st.booleans()),
        st.tuples(st.just("look"), inner, st.just(True), st.booleans()),
        st.tuples(st.just("flag"), st.sampled_from("ims"), inner),
    )


def _plain_compound(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(st.just("sequence"), st.lists(inner, min_size=0, max_size=3)),
        st.tuples(st.just("either"), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda body, count, lazy: ("repeat", body, *count, lazy), inner, _counts, st.booleans()),
    )


patterns: st.SearchStrategy[Tree] = st.recursive(st.one_of(_singles, _singles, _anchors), _compound, max_leaves=8)
"""Everything: anchors, lookaround of any width, flags, repeats of all of them."""

plain_patterns: st.SearchStrategy[Tree] = st.recursive(_singles, _plain_compound, max_leaves=10)
"""No condition on a position."""

texts = st.text(ALPHABET, max_size=7)

_byte_sets = st.sampled_from([frozenset(b"a"), frozenset(b"b"), frozenset(b"ab"), frozenset(b"bc"), frozenset(b"abc")])


def _boolean_compound(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(st.just("sequence"), st.lists(inner, min_size=2, max_size=2)),
        st.tuples(st.just("either"), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.just("both"), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.just("not"), inner),
        st.builds(lambda body, count: ("repeat", body, *count), inner, _counts),
    )


boolean_trees: st.SearchStrategy[Tree] = st.recursive(
    st.one_of(st.tuples(st.just("bytes"), _byte_sets), st.just(("epsilon",)), st.just(("nothing",))),
    _boolean_compound,
    max_leaves=9,
)
"""Byte regexes over ``a``, ``b``, ``c`` with intersection and complement at any depth."""
