"""Infilling: against all texts of small grammars, over random canvases; and weights over all ways to fill."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grammarlib import Vocabulary
from samplers.errors import SamplerError
from samplers.infilling import Chart, ContextFreeGrammar, Infilling, byte_set, fill_canvas
from samplers.token import Recursive
from tests.oracles import infilling as oracle

BRACKETS = ContextFreeGrammar({"s": [[], ["s", b"(", "s", b")"], ["s", b"x"]]}, "s")
"""Left recursion, an empty rule, ambiguity with itself."""

SUM = ContextFreeGrammar(
    {
        "sum": [["product"], ["sum", b"+", "product"]],
        "product": [["atom"], ["product", b"*", "atom"]],
        "atom": [[byte_set("x", "y")], [b"(", "sum", b")"]],
    },
    "sum",
)

CYCLES = ContextFreeGrammar({"s": [["t"], ["e", "s", b"a"], [b"b"]], "t": [["s"], ["e"]], "e": [[], ["e", "e"]]}, "s")
"""Hidden left recursion and cycles through empty rules."""

EVEN = ContextFreeGrammar({"s": [[], [b"a", "s", b"a"], [b"b", "s", b"b"]]}, "s")

GRAMMARS = {"brackets": (BRACKETS, b"()x"), "sum": (SUM, b"xy+*()"), "cycles": (CYCLES, b"ab"), "even": (EVEN, b"ab")}

VOCABULARY = Vocabulary([b"(", b")", b"x", b"()", b"x)", None, None], eos_token_ids=[6])


@pytest.mark.parametrize("name", GRAMMARS)
@given(data=st.data())
def test_gaps_against_all_texts(name: str, data: st.DataObject) -> None:
    """A canvas of up to 4 fixed bytes and up to 3 gaps: some text of at most 12 bytes fits iff the chart says so.

    Grammars this small have a witness of that length if they have any.
    """
    grammar, alphabet = GRAMMARS[name]
    pieces = data.draw(st.lists(st.one_of(st.none(), st.sampled_from(list(alphabet))), max_size=6))
    canvas = [piece if piece is None else bytes([piece]) for piece in pieces]
    if sum(piece is None for piece in canvas) > 3 or sum(piece is not None for piece in canvas) > 4:
        return
    fixed, gaps = bytearray(), set()
    for piece in canvas:
        if piece is None:
            gaps.add(len(fixed))
        else:
            fixed += piece
    chart = Chart(grammar, bytes(fixed), frozenset(gaps))
    assert chart.is_possible == oracle.fits(known_texts(name), canvas)


KNOWN: dict[str, set[bytes]] = {}


def known_texts(name: str) -> set[bytes]:
    if name not in KNOWN:
        KNOWN[name] = oracle.texts(GRAMMARS[name][0], {"sum": 9, "brackets": 9, "cycles": 12, "even": 14}[name])
    return KNOWN[name]


@pytest.mark.parametrize("name", GRAMMARS)
def test_without_gaps_it_is_membership(name: str) -> None:
    """Every text of up to 5 bytes."""
    grammar, alphabet = GRAMMARS[name]
    found = known_texts(name)
    for length in range(5):
        for letters in itertools.product(alphabet, repeat=length):
            assert Chart(grammar, bytes(letters), frozenset()).is_possible == (bytes(letters) in found)


@given(st.data())
def test_shared_beginnings_change_nothing(data: st.DataObject) -> None:
    """A chart made from another one is the one made alone."""
    texts = st.lists(st.sampled_from(list(b"()x")), max_size=6).map(bytes)
    first, second = data.draw(texts), data.draw(texts)
    gaps = st.frozensets(st.integers(0, 6), max_size=3)
    before = Chart(BRACKETS, first, frozenset(gap for gap in data.draw(gaps) if gap <= len(first)))
    chosen = frozenset(gap for gap in data.draw(gaps) if gap <= len(second))
    assert Chart(BRACKETS, second, chosen, before).is_possible == Chart(BRACKETS, second, chosen).is_possible


def test_beginnings_are_shared() -> None:
    """Only what lies behind a change is computed."""
    chart = Chart(BRACKETS, b"(x)(x)", frozenset([6]))
    assert Chart(BRACKETS, b"(x)(x))", frozenset([7]), chart).shared == 6
    assert Chart(BRACKETS, b"(x)(x)", frozenset([6]), chart).shared == 7
    assert Chart(BRACKETS, b"xx", frozenset(), chart).shared == 1


def test_proposals() -> None:
    """Several gaps at once; each proposal on its own; what is refused changes nothing."""
    canvas = Infilling(BRACKETS, VOCABULARY, [0, None, None, 1, None, 1])
    assert canvas.data == b"())" and canvas.open_positions == (1, 2, 4)
    for position in (1, 2, 4):
        for token in range(7):
            pieces: list[bytes | None] = [b"(", None, None, b")", None, b")"]
            piece = VOCABULARY.tokens[token]
            if token == 6 or piece is None:
                expected = False  # behind an eos token nothing may be written, and here something is
            else:
                pieces[position] = piece
                expected = oracle.fits(known_texts("brackets"), pieces)
            assert canvas.is_possible(position, token) == expected
    assert canvas.check([(1, 0), (4, 0), (4, 5)]).tolist() == [True, True, False]
    assert not canvas.fill(4, 6) and canvas.canvas == (0, None, None, 1, None, 1)
    other = canvas.fork()
    assert other.fill(1, 0) and other.fill(2, 1)
    assert canvas.open_positions == (1, 2, 4) and other.open_positions == (4,)
    assert [token for token in range(7) if other.is_possible(4, token)] == [0]


def test_the_end_of_the_text() -> None:
    """Behind an eos token come eos tokens only, and gaps there write nothing."""
    canvas = Infilling(BRACKETS, VOCABULARY, [None, None, None])
    assert canvas.fill(1, 6)
    assert [token for token in range(7) if canvas.is_possible(2, token)] == [6]
    assert {token for token in range(7) if canvas.is_possible(0, token)} == {2, 3, 6}
    assert canvas.fill(0, 3) and canvas.fill(2, 6)
    assert canvas.data == b"()"


def masked_model(seed: int) -> tuple[object, dict[tuple[int, ...], NDArray[np.float64]]]:
    """Laws for every canvas of 3 positions over the 7 tokens, drawn once."""
    laws: dict[tuple[int, ...], NDArray[np.float64]] = {}

    def model(canvases: NDArray[np.int64]) -> torch.Tensor:
        found = []
        for canvas in canvases.tolist():
            key = tuple(canvas)
            if key not in laws:
                laws[key] = np.random.default_rng([seed, *[token + 1 for token in key]]).dirichlet(np.ones(7), size=3)
            found.append(np.log(laws[key]))
        return torch.from_numpy(np.stack(found))

    return model, laws


@pytest.mark.parametrize(
    ("estimator", "order", "count"),
    [
        pytest.param(None, "confidence", 3000, id="murthy-confidence"),
        pytest.param(None, "left", 3000, id="murthy-left"),
        pytest.param(Recursive(), "confidence", 12_000, id="recursive-confidence"),  # one text is 1 draw in 90
        pytest.param(Recursive(), "left", 3000, id="recursive-left"),
    ],
)
def test_weights_over_all_ways_to_fill(estimator: object, order: str, count: int) -> None:
    """E[weight of each text] is its probability under the process without the grammar, and so is the sum.

    4 standard errors: 5 comparisons a case, a false alarm once in 3,000 cases if means are normal.
    """
    model, _ = masked_model(1)
    start = [None, None, 1]
    expected: dict[str, float] = {}
    pending = [(tuple(start), 1.0)]
    while pending:
        canvas, p = pending.pop()
        if None not in canvas:
            try:
                text = Infilling(BRACKETS, VOCABULARY, canvas).data.decode()
            except SamplerError:
                continue
            expected[text] = expected.get(text, 0.0) + p
            continue
        ids = np.array([[-1 if token is None else token for token in canvas]])
        law = np.exp(model(ids)[0].numpy())  # type: ignore[operator]
        open_positions = [place for place, token in enumerate(canvas) if token is None]
        place = open_positions[0] if order == "left" else max(open_positions, key=lambda one: law[one].max())
        for token in range(7):
            pending.append(((*canvas[:place], token, *canvas[place + 1 :]), p * law[place][token]))
    result = fill_canvas(
        model,
        Infilling(BRACKETS, VOCABULARY, start),
        n=count,
        seed=3,
        order=order,
        estimator=estimator,  # type: ignore[arg-type]
    )
    weights = np.exp(result.log_weights)
    assert {text for text, weight in zip(result.texts, weights, strict=True) if weight} <= set(expected)
    for text, p in expected.items():
        values = np.where(np.array(result.texts) == text, weights, 0.0)
        assert abs(values.mean() - p) < 4 * max(values.std() / math.sqrt(count), 1e-12), text
    assert abs(weights.mean() - sum(expected.values())) < 4 * weights.std() / math.sqrt(count)
    assert result.statistics.constraint_checks > count


def test_seeds_and_dead_ends() -> None:
    """One seed, one result; a model that never allows a text gives weights of 0."""
    model, _ = masked_model(1)
    canvas = Infilling(BRACKETS, VOCABULARY, [None, None, 1])
    steps: list[int] = []
    first = fill_canvas(model, canvas, n=5, seed=1, callback=lambda step, canvases: steps.append(step))  # type: ignore[arg-type]
    again = fill_canvas(model, canvas, n=5, seed=1)  # type: ignore[arg-type]
    assert first.token_ids == again.token_ids and (first.log_weights == again.log_weights).all()
    assert steps == [0, 1] and canvas.open_positions == (0, 1)

    def stubborn(canvases: NDArray[np.int64]) -> torch.Tensor:
        logits = torch.full((*canvases.shape, 7), -torch.inf)
        logits[:, :, 1] = 0.0
        return logits

    dead = fill_canvas(stubborn, canvas, n=3, seed=0)
    assert (dead.log_weights == -np.inf).all() and dead.log_evidence == -math.inf


def test_long_canvases_do_not_recurse() -> None:
    """Nesting of 500 brackets."""
    canvas = Chart(BRACKETS, b"(" * 500, frozenset([500]))
    assert canvas.is_possible
    assert not Chart(BRACKETS, b"(" * 500, frozenset([0]), canvas).is_possible


def test_errors() -> None:
    """Grammars, canvases and arguments that do not fit."""
    for productions, start in (
        ({"s": [["t"]]}, "s"),
        ({"s": [[]]}, "t"),
        ({"s": [[3]]}, "s"),
        ({"s": [[frozenset([300])]]}, "s"),
    ):
        with pytest.raises(SamplerError):
            ContextFreeGrammar(productions, start)  # type: ignore[arg-type]
    for ranges in ("abc", "", "za"):
        with pytest.raises(SamplerError):
            byte_set(ranges)
    for canvas in ([1, None], [5], [6, 2], [99]):
        with pytest.raises(SamplerError):
            Infilling(BRACKETS, VOCABULARY, canvas)
    possible = Infilling(BRACKETS, VOCABULARY, [2, None])
    for position in (0, 2, -1):
        with pytest.raises(SamplerError):
            possible.is_possible(position, 0)
    model, _ = masked_model(1)
    with pytest.raises(SamplerError):
        fill_canvas(model, possible, n=0, seed=0)  # type: ignore[arg-type]
    with pytest.raises(SamplerError):
        fill_canvas(model, possible, n=1, seed=0, order="right")  # type: ignore[arg-type]
    with pytest.raises(SamplerError):
        fill_canvas(lambda canvases: torch.zeros(1, 7), possible, n=1, seed=0)
