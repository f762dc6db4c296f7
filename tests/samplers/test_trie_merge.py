"""Merged tries: what one run would have learned, exact weights, bounds between the truth and both, orders, limits."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import samplers.aligned
from samplers import AlignedSampling, AlignedTrie, TrieMismatch
from samplers.errors import SamplerError
from samplers.models import TableModel
from samplers.potentials import FromFunction, Potential
from samplers.trie import Visit
from tests.oracles.sampler_enumeration import EOS, SIZE, VOCABULARY, exact_target, language, random_table
from tests.samplers.test_aligned import CHECKED, TEXTS, bounds, law_of_a_draw, true_futures

MANY = [a + b + c for a in "abc" for b in "abc" for c in "abc" if (a + c) not in ("ab", "ca")]
"""Enough texts for two runs to learn different things."""

Entries = dict[tuple[Any, ...], tuple[float, float, float]]
"""A root's digest and the tokens under it: probability of the edge, check, future."""


def entries(trie: AlignedTrie) -> Entries:
    """Everything that a trie says, without its numbering."""
    found: Entries = {}
    pending: list[tuple[tuple[Any, ...], int]] = [((digest,), node) for digest, node in trie._roots.items()]
    while pending:
        name, node = pending.pop()
        columns = (trie._log_edge, trie._log_check, trie._log_future)
        found[name] = tuple(float(np.exp(column[node])) for column in columns)  # type: ignore[assignment]
        _, tokens, _ = trie.children(np.array([node]))
        children = trie.child(np.full(len(tokens), node), tokens)
        pending += [((*name, int(token)), int(child)) for token, child in zip(tokens, children, strict=True)]
    return found


def assert_same(one: AlignedTrie, other: AlignedTrie, tolerance: float = 1e-12) -> None:
    first, second = entries(one), entries(other)
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert values == pytest.approx(second[name], abs=tolerance, rel=0, nan_ok=True), name


@contextmanager
def tape(recorded: list[torch.Tensor], replay: bool = False) -> Iterator[None]:
    """Keeps what was drawn, or draws what was kept."""
    original = samplers.aligned.draw
    kept = iter(recorded)

    def draw(scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        if replay:
            return next(kept)
        recorded.append(original(scores, uniform))
        return recorded[-1]

    samplers.aligned.draw = draw  # type: ignore[attr-defined]
    try:
        yield
    finally:
        samplers.aligned.draw = original  # type: ignore[attr-defined]


def workers(
    model: TableModel, potential: Potential, batch: int, batches: int, count: int = 2, **settings: Any
) -> tuple[list[AlignedTrie], AlignedSampling]:
    """Tries of several runs with their own seeds, and a sampler with one that made all of their draws in turn."""
    settings = {"max_tokens": 3, **settings}
    whole = AlignedSampling(model, potential, batch=batch, **settings)
    tries = []
    for seed in range(count):
        sampler = AlignedSampling(model, potential, batch=batch, **settings)
        sampler._identity = whole._identity  # potentials of functions have none
        state, recorded = sampler.init([[]], seed), []
        with tape(recorded):
            for _ in range(batches):
                state, _ = sampler.step(state)
        tries.append(sampler.trie)
        state = whole.init([[]], seed)
        with tape(recorded, replay=True):
            for _ in range(batches):
                state, _ = whole.step(state)
    return tries, whole


@pytest.mark.parametrize(("batch", "batches"), [(1, 3), (4, 1), (4, 6), (16, 4)])
@pytest.mark.parametrize("seed", [41, 42, 43])
def test_merged_is_what_one_run_would_know(seed: int, batch: int, batches: int) -> None:
    """To 1e-12, every prefix."""
    for texts in (TEXTS, MANY):
        (first, second), whole = workers(random_table(seed, exponent=3), language(texts), batch, batches)
        assert_same(first.merge(second), whole.trie)


def test_the_least_of_both_is_more_than_is_known() -> None:
    """The negative control: bounds that are merely the lesser of both are others, and above."""
    (first, second), whole = workers(random_table(41), language(MANY), 3, 2)
    mine, other, both = entries(first), entries(second), entries(whole.trie)
    least = {name: min(values[name][2] for values in (mine, other) if name in values) for name in both}
    assert all(least[name] >= values[2] - 1e-12 for name, values in both.items())
    assert max(least[name] - values[2] for name, values in both.items()) > 1e-2


@pytest.mark.parametrize("number", range(len(CHECKED)))
def test_checks_are_merged(number: int) -> None:
    """Factors of checks between 0 and 1, refused tokens and refused ends: one batch of both workers' rows."""
    model, potential = random_table(27, exponent=2), CHECKED[number]
    rows = 5
    whole = AlignedSampling(model, potential, batch=2 * rows, max_tokens=3)
    recorded: list[torch.Tensor] = []
    with tape(recorded):
        whole.step(whole.init([[]], 8))
    tries = []
    for half in (slice(0, rows), slice(rows, None)):
        part = AlignedSampling(model, potential, batch=rows, max_tokens=3)
        part._identity = whole._identity
        with tape([drawn[half] for drawn in recorded], replay=True):
            part.step(part.init([[]], 8))
        tries.append(part.trie)
    assert_same(tries[0].merge(tries[1]), whole.trie)
    assert any(check < 1 for _, check, _ in entries(whole.trie).values())


def test_several_prompts_are_merged() -> None:
    """Each root by its own target, whatever order the runs met them in."""
    model = random_table(44, exponent=3)
    tries = []
    for seed, prompts in enumerate(([[0], [1, 2]], [[1, 2], [0]])):
        sampler = AlignedSampling(model, language(TEXTS), batch=4, max_tokens=3)
        sampler.step(sampler.init(prompts, seed))
        tries.append(sampler.trie)
    both = tries[0].merge(tries[1])
    for digest in both.roots:
        alone = [{name: values for name, values in entries(trie).items() if name[0] == digest} for trie in tries]
        assert {name for name in entries(both) if name[0] == digest} == alone[0].keys() | alone[1].keys()
    assert len(both.roots) == 2


def same_file(one: AlignedTrie, other: AlignedTrie, folder: Path) -> bool:
    one.save(folder / "one")
    other.save(folder / "other")
    return (folder / "one").read_bytes() == (folder / "other").read_bytes()


def test_orders_make_no_difference(tmp_path: Path) -> None:
    """Commutative to the byte, idempotent to the bit, associative to rounding, and nothing is neutral."""
    (first, second, third), whole = workers(random_table(45, exponent=3), language(TEXTS), 3, 3, count=3)
    before = copy.deepcopy(entries(first))
    assert same_file(first.merge(second), second.merge(first), tmp_path)
    assert entries(first.merge(first)) == before
    assert entries(first.merge(second).merge(second)) == entries(first.merge(second))
    assert_same(first.merge(second).merge(third), first.merge(second.merge(third)))
    assert_same(first.merge(second).merge(third), whole.trie)
    nothing = AlignedTrie()
    nothing.root(whole.key([]))
    assert entries(first.merge(nothing)) == entries(nothing.merge(first)) == before
    assert entries(nothing.merge(nothing)).keys() == entries(nothing).keys()
    assert len(AlignedTrie().merge(AlignedTrie())) == 0
    assert entries(first) == before  # neither was written


@pytest.mark.parametrize("limit", [None, 9])
def test_bounds_are_between_the_truth_and_both(limit: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pruned or not: weights are exact, and no bound is below the truth or above either trie's."""
    model = random_table(46, exponent=3)
    target, evidence = exact_target(model, language(TEXTS), 3)
    texts = sorted(target)
    p = np.array([float(target[text]) for text in texts])
    truth = true_futures(model, target)
    tries, whole = workers(model, language(TEXTS), 4, 5)
    if limit is not None:
        for trie in tries:
            trie.max_nodes = limit
            trie.prune(limit)
    merged = tries[0].merge(tries[1])
    found = [dict(bounds(trie, next(iter(trie._roots.values())))) for trie in (*tries, merged)]
    for prefix, bound in found[2].items():
        assert bound >= truth.get(prefix, 0.0) * (1 - 1e-14)
        if limit is None:
            assert bound <= min(one.get(prefix, 1.0) for one in found[:2])
    if limit is not None:
        assert len(merged) <= limit
    whole.trie = merged
    q, log_w = law_of_a_draw(whole, texts, monkeypatch)
    assert q * np.exp(log_w) == pytest.approx(p, abs=1e-12, rel=1e-12)
    assert q.sum() == pytest.approx(1, abs=1e-12)
    assert (log_w <= math.log(found[2][""]) + 1e-12).all()  # what CARS rests on
    state = whole.init([[]], 9)
    for _ in range(60):  # and it goes on to learn
        state, _ = whole.step(state)
    assert math.exp(whole.trie.log_future(state.roots)[0]) <= (1.0 if limit else found[2][""]) + 1e-14
    if limit is None:
        assert math.exp(whole.trie.log_future(state.roots)[0]) == pytest.approx(float(evidence), rel=0.05)


@pytest.mark.parametrize("number", range(len(CHECKED)))
def test_weights_with_checks_stay_exact(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """q w = p after a merge, with factors of checks, over several batches."""
    model, potential = random_table(27, exponent=2), CHECKED[number]
    target, _ = exact_target(model, potential, 3)
    texts = sorted(target)
    p = np.array([float(target[text]) for text in texts])
    tries = []
    for seed in range(2):
        sampler = AlignedSampling(model, potential, batch=3, max_tokens=3)
        sampler._identity = "the same"
        state = sampler.init([[]], seed)
        for _ in range(6):
            state, _ = sampler.step(state)
        tries.append(sampler.trie)
    sampler.trie = tries[0].merge(tries[1])
    for _ in range(20):
        q, log_w = law_of_a_draw(sampler, texts, monkeypatch)
        assert q * np.exp(log_w) == pytest.approx(p, abs=1e-12, rel=1e-12)
        state, _ = sampler.step(sampler.init([[]], len(sampler.trie)))


@pytest.mark.parametrize("number", range(len(CHECKED)))
def test_pruned_bounds_stay_consistent(number: int) -> None:
    """Forgetting undoes what was learned, factors of checks included: no mass comes or goes."""
    sampler = AlignedSampling(random_table(27, exponent=2), CHECKED[number], batch=12, max_tokens=3)
    sampler.step(sampler.init([[]], 3))
    trie = sampler.trie

    def masses() -> dict[tuple[Any, ...], float]:
        """What each future would be without any children."""
        known = entries(trie)
        found = {}
        for name, (_, check, future) in known.items():
            below = [values for other, values in known.items() if other[:-1] == name]
            if check > 0:
                found[name] = future / check + sum(edge * (1 - below_it) for edge, _, below_it in below)
        return found

    before = masses()
    while len(trie) > 1:
        trie.prune(len(trie) - 1)
        for name, mass in masses().items():
            assert mass == pytest.approx(before[name], rel=1e-12), name


def test_saved_and_loaded(tmp_path: Path) -> None:
    """A merged trie is kept like any other, loaded ones merge, and draws go on as they would have."""
    model = random_table(47, exponent=3)
    (first, second), _ = workers(model, language(TEXTS), 4, 3)
    merged = first.merge(second)
    merged.save(tmp_path / "merged")
    loaded = AlignedTrie.load(tmp_path / "merged")
    assert entries(loaded) == entries(merged) and len(loaded) == len(merged)
    first.save(tmp_path / "first")
    assert same_file(AlignedTrie.load(tmp_path / "first").merge(second), merged, tmp_path)
    drawn = []
    for trie in (merged, loaded):
        sampler = AlignedSampling(model, language(TEXTS), batch=4, max_tokens=3, trie=trie)
        state = sampler.init([[]], 7)
        for _ in range(3):
            state, info = sampler.step(state)
            drawn.append((info.tokens, info.log_weights.tolist()))
    assert drawn[:3] == drawn[3:]
    assert_same(loaded, merged, 0.0)


def test_the_larger_limit_holds() -> None:
    """Past it the prefixes that were used longest ago go, in either order the same ones."""
    (first, second), _ = workers(random_table(48), language(MANY), 6, 3)
    first.max_nodes, second.max_nodes = 12, 8
    assert len(first) > 12
    one, other = first.merge(second), second.merge(first)
    assert one.max_nodes == other.max_nodes == 12
    assert len(one) <= 12 and entries(one) == entries(other)


def test_other_targets_do_not_merge() -> None:
    """Model, grammar, prompt, limit: a typed error that counts them.  So does one name for two things."""
    model = random_table(49, exponent=3)

    def trie_of(model: TableModel, texts: list[str], prompt: list[int], max_tokens: int = 3) -> AlignedTrie:
        sampler = AlignedSampling(model, language(texts), batch=4, max_tokens=max_tokens)
        sampler.step(sampler.init([prompt], 0))
        return sampler.trie

    one = trie_of(model, TEXTS, [])
    for other in (
        trie_of(random_table(50, exponent=3), TEXTS, []),
        trie_of(model, TEXTS[1:], []),
        trie_of(model, TEXTS, [1]),
        trie_of(model, TEXTS, [], 2),
        AlignedTrie(),
    ):
        with pytest.raises(TrieMismatch, match="0 targets are in both tries, 1 in the first"):
            one.merge(other)
    assert issubclass(TrieMismatch, SamplerError)
    unnamed = [
        AlignedSampling(model, FromFunction(VOCABULARY, prefix=lambda text: "b" not in text), max_tokens=3)
        for _ in range(2)
    ]
    for sampler in unnamed:
        sampler.step(sampler.init([[]], 0))
    with pytest.raises(TrieMismatch, match="without an identity"):
        unnamed[0].trie.merge(unnamed[1].trie)
    unnamed[0]._identity = unnamed[1]._identity = "one name"
    unnamed[1]._bounded = AlignedSampling(model, language(["ca"]), max_tokens=3)._bounded
    for sampler in unnamed:
        sampler.trie = AlignedTrie()
        sampler.step(sampler.init([[]], 0))
    with pytest.raises(TrieMismatch, match="names two things"):
        unnamed[0].trie.merge(unnamed[1].trie)


def single(root_rest: float, children: dict[int, tuple[float, float]]) -> AlignedTrie:
    """One root with some children: probability of the edge, future."""
    trie = AlignedTrie()
    visits = [Visit(trie.root("target"), -1, -1, 0.0, 0.0, math.log(root_rest) if root_rest else -math.inf)]
    for token, (edge, future) in children.items():
        visits.append(Visit(-1, 0, token, math.log(edge), 0.0, math.log(future) if future else -math.inf))
    trie.record(visits)
    return trie


def root_future(trie: AlignedTrie) -> float:
    return float(np.exp(trie.log_future(np.array([trie.root("target")]))[0]))


def test_what_is_left_survives_cancellation() -> None:
    """Masses of 1e-30 beside others that were refuted: never lost, and exact where one trie knows them."""
    rest = 2e-30
    refuted = single(rest, {0: (1.0, 0.0)})
    small = single(1.0, {1: (1e-30, 0.25)})
    merged = refuted.merge(small)
    assert root_future(merged) == pytest.approx(1.25e-30, rel=1e-12)
    # Neither knows what is beside both: 1e-30 of the mass, which their difference cannot show.
    halves = single(0.5, {0: (0.5, 0.0)}).merge(single(0.5, {1: (0.5, 0.0)}))
    assert 1e-30 < root_future(halves) < 1e-13
    plain = single(0.7, {0: (0.3, 0.0)}).merge(single(0.7, {1: (0.3, 0.5)}))
    assert root_future(plain) == pytest.approx(0.55, rel=1e-12)


def test_probabilities_far_below_floats() -> None:
    """Bounds and edges of exp(-900): all of it in log space."""

    def trie(children: dict[int, tuple[float, float]]) -> AlignedTrie:
        made = AlignedTrie()
        kept = Visit(made.root("target"), -1, -1, 0.0, 0.0, -900.0 + math.log(1 - 0.25 * len(children)))
        made.record([kept, *(Visit(-1, 0, token, edge, 0.0, rest) for token, (edge, rest) in children.items())])
        return made

    quarter = -900.0 + math.log(0.25)
    merged = trie({0: (quarter, math.log(0.5))}).merge(trie({1: (quarter, -math.inf)}))
    found = float(merged.log_future(np.array([merged.root("target")]))[0])
    assert found == pytest.approx(-900.0 + math.log(0.5 + 0.125), abs=1e-12)


def test_models_that_round_by_batch() -> None:
    """Masses that differ by 1e-6 from run to run, as float32 models do: no bound below the truth, none above both."""
    noise = np.random.default_rng(0)
    model = random_table(51, exponent=3)
    target, _ = exact_target(model, language(TEXTS), 3)
    truth = true_futures(model, target)

    def shaken(tokens: tuple[int, ...]) -> list[float]:
        law = np.array([float(value) for value in model.probabilities(tokens)]) * noise.uniform(
            1 - 1e-6, 1 + 1e-6, SIZE
        )
        return [float(value) for value in law / law.sum()]

    for _ in range(10):
        tries = []
        for seed in range(2):
            sampler = AlignedSampling(TableModel(shaken, SIZE, [EOS]), language(TEXTS), batch=4, max_tokens=3)
            state = sampler.init([[]], seed)
            for _ in range(4):
                state, _ = sampler.step(state)
            sampler.trie._roots = dict.fromkeys(["one"], next(iter(sampler.trie._roots.values())))
            tries.append(sampler.trie)
        merged = tries[0].merge(tries[1])
        found = [dict(bounds(trie, trie._roots["one"])) for trie in (*tries, merged)]
        for prefix, bound in found[2].items():
            assert bound >= truth.get(prefix, 0.0) * (1 - 1e-5)
            assert bound <= min(one.get(prefix, 1.0) for one in found[:2])
