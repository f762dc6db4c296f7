"""`Choice`: the texts themselves, and the contract of a `RowSource`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.errors import InvalidSource, LimitExceeded
from grammarlib.limits import Limits
from grammarlib.sources.choice import Choice, LiteralTrie

LIMITS = Limits()


def matches(source: LiteralTrie, data: bytes) -> int:
    state = source.start
    for byte in data:
        if state < 0:
            return 0
        state = int(source.expand(state)[byte])
    return source.label(state) if state >= 0 else 0


options = st.lists(st.text("abé😀", max_size=4), min_size=1, max_size=8)


@given(options, st.lists(st.text("abé😀", max_size=4), max_size=10))
def test_exactly_the_options(chosen: list[str], others: list[str]) -> None:
    source = Choice(chosen).lower(LIMITS)
    for text in chosen + others:
        assert matches(source, text.encode()) == int(text in chosen)
        assert not matches(source, text.encode() + b"z")


@given(options)
def test_completions_are_minimal(chosen: list[str]) -> None:
    source = Choice(tuple(chosen)).lower(LIMITS)
    reached = {source.start: b""}
    state = 0
    while state < source.state_count:
        for byte, target in enumerate(source.expand(state).tolist()):
            if target >= 0:
                reached[target] = reached[state] + bytes((byte,))
        state += 1
    assert len(reached) == source.state_count == len({text.encode()[:size] for text in chosen for size in range(99)})
    for number, prefix in reached.items():
        rests = [text.encode()[len(prefix) :] for text in chosen if text.encode().startswith(prefix)]
        assert source.shortest_completion(number) == min(rests, key=lambda rest: (len(rest), rest))
        assert source.shortest_length(number) == min(sum(byte & 0xC0 != 0x80 for byte in rest) for rest in rests)


def test_any_iterable_and_repeats() -> None:
    source = Choice(text for text in ("b", "a", "b"))
    assert source.options == ("b", "a", "b") and hash(source) == hash(Choice(("b", "a", "b")))
    assert matches(source.lower(LIMITS), b"b") == 1


def test_refusals() -> None:
    with pytest.raises(InvalidSource, match="at least one"):
        Choice(()).lower(LIMITS)
    with pytest.raises(InvalidSource) as caught:
        Choice(("a", "\ud800", 3)).lower(LIMITS)  # type: ignore[arg-type]
    assert [finding.code for finding in caught.value.findings] == ["encoding", "type"]
    with pytest.raises(TypeError):
        Choice("abc")
    with pytest.raises(LimitExceeded):
        Choice(("a" * 50, "b" * 51)).lower(Limits(source_bytes=100))
    with pytest.raises(LimitExceeded):
        source = Choice(("abc",)).lower(Limits(states=2))
        source.expand(0)
        source.expand(1)


def test_thousands_of_members() -> None:
    chosen = tuple(f"member-{index:05d}" for index in range(5000))
    source = Choice(chosen).lower(LIMITS)
    assert matches(source, b"member-04999") == 1 and matches(source, b"member-05000") == 0
    assert source.state_count < 100  # only what was visited
