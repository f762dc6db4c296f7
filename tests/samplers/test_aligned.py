"""The trie and its samplers: exact after every draw, in batches, saved, pruned, and thinned to exact samples."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import samplers.aligned
from grammarlib.errors import ArtefactError
from samplers.aligned import AlignedSampling
from samplers.errors import SamplerError
from samplers.models import TableModel
from samplers.potentials import FromFunction, Potential
from samplers.trie import AlignedTrie, Visit, target_key
from tests.oracles.sampler_enumeration import EOS, SIZE, VOCABULARY, exact_target, language, random_table

TEXTS = ["a", "ab", "abc", "ba", "bac", "c", "cab", "cc", "cca", "ccb"]


class Forced:
    """Replaces the draw: row i writes its text, and the probability with which it would have been drawn is noted."""

    def __init__(self, texts: list[str]) -> None:
        self.tokens = [[*("abc".index(character) for character in text), EOS] for text in texts]
        self.log_q = np.zeros(len(texts))
        self.step = 0

    def __call__(self, scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        chosen = [row[min(self.step, len(row) - 1)] for row in self.tokens]
        law = torch.log_softmax(scores, dim=1)
        for row, token in enumerate(chosen):
            if self.step < len(self.tokens[row]):
                self.log_q[row] += float(law[row, token])
        self.step += 1
        return torch.tensor(chosen)


def law_of_a_draw(
    sampler: AlignedSampling, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """q(x) and log w(x) of each text in the trie's present state, by the sampler's own batched code."""
    probe = copy.copy(sampler)
    probe.trie = copy.deepcopy(sampler.trie)
    probe._batch = len(texts)
    forced = Forced(texts)
    with monkeypatch.context() as patched:
        patched.setattr(samplers.aligned, "draw", forced)
        _, info = probe.step(probe.init([[]], 0), "weighted")
    return np.exp(forced.log_q), info.log_weights


def true_futures(model: TableModel, target: dict[str, Fraction]) -> dict[str, float]:
    """Expected future grammaticality of every prefix, by enumeration."""
    futures: dict[str, Fraction] = {}
    for text, probability in target.items():
        for length in range(len(text) + 1):
            futures[text[:length]] = futures.get(text[:length], Fraction(0)) + probability
    result = {}
    for prefix, mass in futures.items():
        reached = Fraction(1)
        for length, character in enumerate(prefix):
            law = model.probabilities(tuple("abc".index(one) for one in prefix[:length]))
            reached *= Fraction(law["abc".index(character)])
        result[prefix] = float(mass / reached)
    return result


def bounds(trie: AlignedTrie, root: int) -> Iterator[tuple[str, float]]:
    """Every visited prefix with its future."""
    pending = [("", root)]
    while pending:
        prefix, node = pending.pop()
        yield prefix, float(np.exp(trie.log_future(np.array([node]))[0]))
        _, tokens, _ = trie.children(np.array([node]))
        nodes = trie.child(np.full(len(tokens), node), tokens)
        pending += [
            (prefix + "abc"[token], int(child)) for token, child in zip(tokens, nodes, strict=True) if token < 3
        ]


@pytest.mark.parametrize("batch", [1, 4])
def test_weights_are_exact_after_every_draw(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """q w = p for every text, q sums to 1, bounds only fall and stay above the truth, 200 times."""
    model = random_table(21, exponent=3)
    target, evidence = exact_target(model, language(TEXTS), 3)
    texts = sorted(target)
    p = np.array([float(target[text]) for text in texts])
    futures = true_futures(model, target)
    sampler = AlignedSampling(model, language(TEXTS), batch=batch, max_tokens=3)
    state = sampler.init([[]], 3)
    before: dict[str, float] = {}
    for _ in range(200 // batch):
        q, log_w = law_of_a_draw(sampler, texts, monkeypatch)
        assert q * np.exp(log_w) == pytest.approx(p, abs=1e-12, rel=1e-12)
        assert q.sum() == pytest.approx(1, abs=1e-12)
        now = dict(bounds(sampler.trie, int(state.roots[0]))) if len(sampler.trie) > 1 else {}
        for prefix, bound in now.items():
            assert futures.get(prefix, 0.0) - 1e-12 <= bound <= before.get(prefix, 1.0) + 1e-12
        before = now
        state, info = sampler.step(state)
        known = dict(zip(texts, p, strict=True))
        assert {"".join("abc"[token] for token in row) for row in info.tokens} <= set(known)
    assert before[""] == pytest.approx(float(evidence), rel=0.05)


def test_a_batch_draws_against_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a batch draw what they would draw one by one from the same trie; recording them in one go is enough."""
    model = random_table(22, exponent=3)
    single = AlignedSampling(model, language(TEXTS), batch=1, max_tokens=3)
    state = single.init([[]], 9)
    for _ in range(10):
        state, _ = single.step(state)
    frozen = copy.deepcopy(single.trie)
    wide = AlignedSampling(model, language(TEXTS), batch=6, max_tokens=3)
    wide.trie, wide._identity = copy.deepcopy(frozen), single._identity
    start = wide.init([[]], 9)
    start.proposals = state.proposals
    _, together = wide.step(start)
    one_by_one = []
    for slot in range(6):
        single.trie = copy.deepcopy(frozen)
        alone = single.init([[]], 9)
        alone.proposals = state.proposals + slot
        _, info = single.step(alone)
        one_by_one.append((info.tokens[0], float(info.log_weights[0])))
    assert [row for row, _ in one_by_one] == list(together.tokens)
    assert [weight for _, weight in one_by_one] == pytest.approx(together.log_weights.tolist(), abs=1e-12)


def test_evidence_and_posterior_converge() -> None:
    """Weighted draws estimate Z; ASAp without weights comes near the target only late."""
    model = random_table(23, exponent=3)
    target, evidence = exact_target(model, language(TEXTS), 3)
    [samples] = AlignedSampling(model, language(TEXTS), max_tokens=3).sample([[]], 400, 5)
    assert samples.log_evidence is not None
    assert samples.log_evidence_error is not None
    assert abs(np.exp(samples.log_evidence) / float(evidence) - 1) < 4 * samples.log_evidence_error + 1e-9
    posterior = samples.posterior()
    distance = sum(abs(posterior.get(text, 0.0) - float(value / evidence)) for text, value in target.items()) / 2
    assert distance < 0.06
    [asap] = AlignedSampling(model, language(TEXTS), mode="asap", max_tokens=3).sample([[]], 400, 5)
    assert asap.texts == samples.texts
    assert set(asap.log_weights) == {0.0}


def chi_square(counts: dict[str, int], law: dict[str, float]) -> float:
    """The p-value of counts under a law, by Wilson and Hilferty's approximation."""
    total = sum(counts.values())
    statistic = sum((counts.get(text, 0) - total * share) ** 2 / (total * share) for text, share in law.items())
    freedom = len(law) - 1
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return 0.5 * math.erfc(z / math.sqrt(2))


def test_accepted_draws_are_the_target() -> None:
    """CARS: chi-square against the enumerated target, false alarms once in 10,000; masking fails the same test."""
    model = random_table(24, exponent=3)
    target, evidence = exact_target(model, language(TEXTS), 3)
    law = {text: float(value / evidence) for text, value in target.items()}
    [exact] = AlignedSampling(model, language(TEXTS), mode="cars", batch=32, max_tokens=3).sample([[]], 3000, 7)
    assert len(exact) == 3000
    assert len(set(exact.log_weights)) == 1
    assert exact.statistics.accepted >= 3000
    assert chi_square({text: exact.texts.count(text) for text in law}, law) > 1e-4
    assert exact.log_evidence == pytest.approx(math.log(evidence), abs=0.05)
    fresh = AlignedSampling(model, language(TEXTS), mode="asap", batch=3000, max_tokens=3)  # one batch: masking
    [masked] = fresh.sample([[]], 3000, 7)
    assert chi_square({text: masked.texts.count(text) for text in law}, law) < 1e-4


@pytest.mark.parametrize("draws", [0, 5, 60])
def test_acceptance_is_the_share_of_the_bound(draws: int) -> None:
    """P(accept) = Z / c(root), in every state of the trie."""
    model = random_table(25, exponent=3)
    _, evidence = exact_target(model, language(TEXTS), 3)
    sampler = AlignedSampling(model, language(TEXTS), mode="cars", batch=1, max_tokens=3)
    state = sampler.init([[]], 1)
    for _ in range(draws):
        state, _ = sampler.step(state)
    sampler._batch = 4000
    _, info = sampler.step(state)
    expected = float(evidence) / math.exp(info.log_root[0])
    error = math.sqrt(expected * (1 - expected) / 4000)
    assert abs(info.accepted.mean() - expected) < 4 * error + 1e-9


def test_rejected_draws_teach_as_well() -> None:
    """A language that the model hardly writes: acceptance rises although almost nothing was accepted."""
    model = random_table(26)
    sampler = AlignedSampling(model, language(["abcab"]), mode="cars", batch=8, max_tokens=6)
    state = sampler.init([[]], 1)
    first = None
    for _ in range(60):
        state, info = sampler.step(state)
        first = info if first is None else first
    assert first is not None
    assert first.log_root[0] == 0
    _, evidence = exact_target(model, language(["abcab"]), 6)
    assert info.log_root[0] == pytest.approx(math.log(evidence), abs=1e-9)
    assert info.accepted.all()


CHECKED: list[Potential] = [
    language(TEXTS) * FromFunction(VOCABULARY, complete=lambda text: text != "ab" and "cc" not in text),
    language(TEXTS) * FromFunction(VOCABULARY, prefix=lambda text: not text.startswith("b")),
    FromFunction(VOCABULARY, prefix=lambda text: -0.7 * text.count("a")),
    language(TEXTS)
    * FromFunction(
        VOCABULARY, prefix=lambda text: -0.3 * len(text), complete=lambda text: -0.3 * len(text) - 0.9 * ("b" in text)
    ),
]


@pytest.mark.parametrize("number", range(len(CHECKED)))
def test_checks_are_learned_and_weigh(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Black boxes under the mask: q w = p with their weights, and refused texts are not drawn again."""
    potential = CHECKED[number]
    model = random_table(27, exponent=2)
    target, evidence = exact_target(model, potential, 3)
    texts = sorted(target)
    p = np.array([float(target[text]) for text in texts])
    sampler = AlignedSampling(model, potential, batch=3, max_tokens=3)
    state = sampler.init([[]], 3)
    for _ in range(60):
        q, log_w = law_of_a_draw(sampler, texts, monkeypatch)
        assert q * np.exp(log_w) == pytest.approx(p, abs=1e-12, rel=1e-12)
        assert q.sum() <= 1 + 1e-12
        state, _ = sampler.step(state)
    for _ in range(60):
        state, _ = sampler.step(state)
    q, _ = law_of_a_draw(sampler, texts, monkeypatch)
    assert float(np.exp(sampler.trie.log_future(state.roots))[0]) >= float(evidence) - 1e-12
    assert q.sum() > 0.97
    cars = AlignedSampling(model, potential, mode="cars", batch=16, max_tokens=3)
    [samples] = cars.sample([[]], 1500, 2)
    law = {text: float(value / evidence) for text, value in target.items()}
    assert chi_square({text: samples.texts.count(text) for text in law}, law) > 1e-4
    assert samples.statistics.constraint_checks > 0


@pytest.mark.parametrize("shift", [-1.5, 2.0])
def test_the_empty_text_has_its_weight(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the potential makes of the empty text is part of every weight, in every mode, and no part of the trie."""
    tilted = FromFunction(VOCABULARY, prefix=lambda text: shift - 0.4 * len(text))
    potential = language(TEXTS) * tilted
    model = random_table(28)
    target, evidence = exact_target(model, potential, 3)
    texts = sorted(target)
    p = np.array([float(target[text]) for text in texts])
    sampler = AlignedSampling(model, potential, batch=3, max_tokens=3)
    state = sampler.init([[]], 3)
    for _ in range(20):
        q, log_w = law_of_a_draw(sampler, texts, monkeypatch)
        assert q * np.exp(log_w) == pytest.approx(p, abs=1e-12, rel=1e-12)
        state, _ = sampler.step(state)
    [samples] = AlignedSampling(model, potential, mode="cars", batch=32, max_tokens=3).sample([[]], 1500, 2)
    assert samples.log_evidence == pytest.approx(math.log(evidence), abs=0.05)
    nothing = FromFunction(VOCABULARY, prefix=lambda text: False)
    [dead] = AlignedSampling(model, nothing, batch=2, max_tokens=3).sample([[]], 2, 0)
    assert dead.log_weights.tolist() == [-np.inf] * 2


def test_weights_above_one_are_refused() -> None:
    sampler = AlignedSampling(random_table(1), FromFunction(VOCABULARY, complete=lambda text: 1.0), max_tokens=2)
    with pytest.raises(SamplerError, match="above 1"):
        sampler.sample([[]], 50, 0)


def test_dead_ends_are_learned() -> None:
    """A black box that refuses every end of a prefix: the prefix is never drawn again."""
    potential = FromFunction(VOCABULARY, complete=lambda text: text.startswith("b"))
    model = TableModel(lambda u: [0.3, 0.3, 0.3, 0, 0.1] if len(u) < 2 else [0, 0, 0, 0, 1], SIZE, [EOS])
    sampler = AlignedSampling(model, potential, batch=4, max_tokens=2)
    state = sampler.init([[]], 0)
    for _ in range(40):
        state, info = sampler.step(state)
    assert info.accepted.all()
    assert float(sampler.trie.log_future(state.roots)[0]) == pytest.approx(math.log(0.3), abs=1e-12)
    assert sampler.result(state)[0].is_finished.sum() < 160


def test_saved_tries_go_on_as_they_would_have(tmp_path: Path) -> None:
    """Save, load, and the next draws are the same; another target does not see them."""
    model = random_table(28, exponent=3)
    sampler = AlignedSampling(model, language(TEXTS), batch=4, max_tokens=3)
    state = sampler.init([[]], 1)
    for _ in range(15):
        state, _ = sampler.step(state)
    sampler.trie.save(tmp_path / "trie")
    loaded = AlignedTrie.load(tmp_path / "trie")
    assert len(loaded) == len(sampler.trie) > 5
    again = AlignedSampling(model, language(TEXTS), batch=4, max_tokens=3, trie=loaded)
    other = again.init([[]], 1)
    other.proposals = state.proposals
    for _ in range(3):
        state, expected = sampler.step(state)
        other, info = again.step(other)
        assert info.tokens == expected.tokens
        assert info.log_weights.tolist() == expected.log_weights.tolist()
    for changed in (
        AlignedSampling(random_table(29, exponent=3), language(TEXTS), max_tokens=3, trie=loaded),
        AlignedSampling(model, language(TEXTS[1:]), max_tokens=3, trie=loaded),
        AlignedSampling(model, language(TEXTS), max_tokens=2, trie=loaded),
    ):
        assert loaded.log_future(changed.init([[]], 0).roots).tolist() == [0.0]
    assert loaded.log_future(again.init([[1]], 0).roots).tolist() == [0.0]


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    trie = AlignedTrie()
    root = trie.root("a")
    trie.record([Visit(root, -1, -1, 0.0, 0.0, -0.1), Visit(-1, 0, 3, -1.0, 0.0, -2.0)])
    path = tmp_path / "trie"
    trie.save(path)
    whole = path.read_bytes()
    AlignedTrie.load(path)
    for wrong in (
        b"",
        whole[:-1],
        whole[:-3] + b"abc",
        b"{}" + whole[2:],
        b"[" * 100_000,
        whole.replace(b'"version": 2,', b'"version": 1,', 1),
    ):
        path.write_bytes(wrong)
        with pytest.raises(ArtefactError):
            AlignedTrie.load(path)


def test_pruned_tries_stay_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded memory: forgetting raises bounds consistently, weights stay exact, CARS stays valid."""
    model = random_table(30, exponent=2)
    texts = [a + b + c for a in "abc" for b in "abc" for c in "abc" if (a, b, c) != ("a", "b", "a")]
    target, _ = exact_target(model, language(texts), 3)
    p = np.array([float(target[text]) for text in texts])
    sampler = AlignedSampling(model, language(texts), batch=4, max_tokens=3, trie=AlignedTrie(max_nodes=12))
    state = sampler.init([[]], 2)
    sizes = []
    for _ in range(40):
        state, _ = sampler.step(state)
        sizes.append(len(sampler.trie))
        q, log_w = law_of_a_draw(sampler, texts, monkeypatch)
        assert q * np.exp(log_w) == pytest.approx(p, abs=1e-12, rel=1e-12)
        root = float(sampler.trie.log_future(sampler.init([[]], 2).roots)[0])
        assert (log_w <= root + 1e-12).all()  # what CARS rests on: weights are bounded by c(root)
    assert max(sizes) <= 12
    assert sampler.trie.memory_bytes < 10_000


def test_collapsed_acceptance_falls_back_and_says_so() -> None:
    model = random_table(31, exponent=3)
    arguments: dict[str, Any] = {"mode": "cars", "max_tokens": 6, "patience": 32, "min_acceptance": 0.9}
    sampler = AlignedSampling(model, language(["abcabc", "cabcab"]), **arguments)
    results = sampler.sample([[]], 40, 3)
    assert "weighted draws instead" in results[0].notes[0]
    assert len(results[0]) == 40
    assert results[0].statistics.proposals > 40
    with pytest.raises(SamplerError, match="use mode='weighted'"):
        AlignedSampling(model, language(["abcabc"]), fallback="raise", **arguments).sample([[]], 40, 3)


def test_one_seed_alone_and_among_others() -> None:
    model = random_table(32)

    def run(prompts: list[list[int]]) -> list[tuple[tuple[str, ...], list[float]]]:
        sampler = AlignedSampling(model, language(TEXTS), batch=4, max_tokens=3)
        return [(one.texts, one.log_weights.tolist()) for one in sampler.sample(prompts, 12, 5)]

    together = run([[0], [1, 2], [2]])
    assert [run([prompt])[0] for prompt in ([0], [1, 2], [2])] == together


def test_futures_far_below_rounding_survive() -> None:
    """Masses of 1e-30 under a prefix: no cancellation."""
    model = TableModel(lambda u: [1 - 2e-30, 1e-30, 1e-30, 0, 0] if not u else [0, 0, 0, 0, 1], SIZE, [EOS])
    sampler = AlignedSampling(model, FromFunction(VOCABULARY, complete=lambda text: text != "a"), batch=2, max_tokens=1)
    state = sampler.init([[]], 0)
    for _ in range(4):
        state, info = sampler.step(state)
    assert np.exp(sampler.trie.log_future(state.roots))[0] == pytest.approx(2e-30, rel=1e-9)
    assert np.exp(info.log_weights).tolist() == pytest.approx([2e-30] * 2, rel=1e-9)


def test_keys_are_unambiguous() -> None:
    assert target_key(["a", 1]) != target_key(["a1"]) != target_key(["a", "1"])
    assert target_key(["a", None]) is None


def test_wrong_arguments_are_refused() -> None:
    model = random_table(1)
    for arguments in ({"mode": "best"}, {"batch": 0}, {"fallback": "pray"}, {"min_acceptance": 2.0}):
        with pytest.raises(SamplerError):
            AlignedSampling(model, language(["a"]), **arguments)  # type: ignore[arg-type]
    with pytest.raises(SamplerError):
        AlignedTrie(0)
    with pytest.raises(SamplerError, match="at least 1"):
        AlignedSampling(model, language(["a"])).sample([[]], 0, 0)
