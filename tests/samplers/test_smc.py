"""Sequential Monte Carlo: unbiased estimates over every scheme, the posterior, families, seeds, what moves in a cache.

Independent runs are prompts of one batch, so that a test of 500 runs costs a few dozen steps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.masking import MaskSampler
from samplers.models import HuggingFaceModel
from samplers.potentials import CompiledPotential, FromFunction
from samplers.resampling import CopyScheme
from samplers.smc import SMC, SMCInfo, SMCState, family_error, smc
from samplers.token import AWRS, Recursive, TwoLoop
from samplers.types import Samples
from tests.oracles.sampler_enumeration import language, random_table
from tests.samplers import smc_cases as cases
from tests.samplers import tiny
from tests.samplers.languages import letters

RUNS = 200


def run(runs: int = RUNS, kind: type[SMC] = SMC, seed: int = 1, **settings: Any) -> list[Samples]:
    """Independent runs of the small world."""
    settings = {"potential": cases.grammar(), "max_tokens": 4, "n": 4, **settings}
    return kind(cases.model(), **settings).run([()] * runs, seed)


def target(max_tokens: int, with_critic: bool) -> dict[bytes, float]:
    weights = [cases.grammar_weight, cases.critic_weight] if with_critic else [cases.grammar_weight]
    return cases.enumerate_target(max_tokens, weights)


def assert_unbiased(results: list[Samples], expected: dict[bytes, float]) -> None:
    """E[Z-hat] = Z, and E[mean weight of the samples of a text] = its weight, for the 4 likeliest texts: 4 s.e. each.

    If means were normal, a false alarm once in 3,000 calls (5 comparisons), in 2 % of all choices of seeds for the 58
    calls of this file; seeds are fixed.
    """
    estimates = np.exp([result.log_evidence for result in results])
    total = sum(expected.values())
    assert abs(estimates.mean() - total) < 4 * cases.standard_error(estimates), f"{estimates.mean()} for {total}"
    for text in sorted(expected, key=expected.__getitem__, reverse=True)[:4]:
        values = np.array([shares(result).get(text.decode(), 0.0) for result in results])
        assert abs(values.mean() - expected[text]) < 4 * max(cases.standard_error(values), 1e-12), text
    for result in results:
        assert all(
            text.encode() in expected for text, weight in zip(result.texts, result.weights, strict=True) if weight
        )


def shares(result: Samples) -> dict[str, float]:
    """Each text's share of the estimate of Z."""
    assert result.log_evidence is not None
    return {text: weight * math.exp(result.log_evidence) for text, weight in result.posterior().items()}


@pytest.mark.parametrize("max_tokens", [1, 4], ids=["forced end", "ends early"])
@pytest.mark.parametrize("with_critic", [False, True], ids=["plain", "critic"])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("scheme", get_args(CopyScheme))
def test_unbiased(scheme: CopyScheme, threshold: float, with_critic: bool, max_tokens: int) -> None:
    """Over schemes, thresholds, critics and limits."""
    critic = cases.critic() if with_critic else None
    results = run(critic=critic, resampling=scheme, ess_threshold=threshold, max_tokens=max_tokens)
    assert_unbiased(results, target(max_tokens, with_critic))


@pytest.mark.parametrize("with_critic", [False, True], ids=["plain", "critic"])
@pytest.mark.parametrize("expansion", [2, 4])
def test_unbiased_without_replacement(expansion: int, with_critic: bool) -> None:
    """The optimal scheme over several tokens for each particle."""
    results = run(resampling="optimal", expansion=expansion, critic=cases.critic() if with_critic else None)
    assert_unbiased(results, target(4, with_critic))


@pytest.mark.parametrize("every", [2, 3, lambda data: data.endswith(b"c")], ids=["2", "3", "places"])
def test_unbiased_with_a_cadence(every: Any) -> None:
    """A critic that is asked now and then has the same target."""
    assert_unbiased(run(critic=cases.critic(), critic_every=every, ess_threshold=1.0), target(4, True))


def test_tokens_are_masked_where_there_is_nothing_to_check() -> None:
    """The default is masking for a potential that is all mask, AWRS for one with checks: draw by draw."""
    model, masked = random_table(3), language(["ab", "ba", "c", "cab"])
    checked = masked * FromFunction(masked.vocabulary, prefix=lambda text: text != "ba")

    def drawn(potential: Any, token_sampler: Any) -> list[tuple[str, ...]]:
        sampler = SMC(model, potential, n=6, max_tokens=4, token_sampler=token_sampler)
        return [one.texts for one in sampler.run([()] * 5, 1)]

    assert drawn(masked, None) == drawn(masked, MaskSampler()) != drawn(masked, AWRS())
    assert drawn(checked, None) == drawn(checked, AWRS()) != drawn(checked, MaskSampler())


@pytest.mark.parametrize("estimator", [TwoLoop(), Recursive()], ids=["two loops", "recursive"])
def test_unbiased_with_other_estimators(estimator: Any) -> None:
    """Any properly weighted draw will do."""
    assert_unbiased(run(token_sampler=AWRS(estimator), critic=cases.critic(), ess_threshold=1.0), target(4, True))


def test_score_in_the_potential() -> None:
    """Scores under the token sampler, not as a critic."""
    results = run(potential=cases.critic(), ess_threshold=1.0)
    assert_unbiased(results, cases.enumerate_target(4, [cases.critic_weight]))


class NoUntwist(SMC):
    """Forgets to take the last twist out: must fail."""

    def _draw(self, state: SMCState) -> SMCState:
        return super()._draw(replace(state, twist=np.zeros_like(state.twist)))


class ResetWeights(SMC):
    """Forgets the mean weight when it resamples: must fail."""

    def _moved(self, before: Any, drawn: Any, ancestors: Any, log_weights: Any, is_resampled: Any, ess: Any) -> Any:
        log_weights[is_resampled & (log_weights.max(axis=1) > -np.inf)] = 0.0
        return super()._moved(before, drawn, ancestors, log_weights, is_resampled, ess)


@pytest.mark.parametrize("kind", [NoUntwist, ResetWeights])
def test_biased_variants_fail(kind: type[SMC]) -> None:
    """The negative controls of `test_unbiased`."""
    results = run(kind=kind, critic=cases.critic(), ess_threshold=1.0)
    with pytest.raises(AssertionError):
        assert_unbiased(results, target(4, True))


def test_many_particles_come_near_the_posterior() -> None:
    """Total variation falls; log Z-hat is below log Z on average, and its error is about right."""
    expected = target(4, True)
    total = sum(expected.values())
    distances = []
    for particles in (4, 40, 400):
        results = run(runs=800 // particles, critic=cases.critic(), n=particles, ess_threshold=0.5)
        distance = np.mean(
            [
                sum(abs(result.posterior().get(text.decode(), 0.0) - p / total) for text, p in expected.items()) / 2
                for result in results
            ]
        )
        distances.append(distance)
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.2
    results = run(runs=500, critic=cases.critic(), n=8, ess_threshold=0.5)
    logs = np.array([result.log_evidence for result in results])
    logs = logs[np.isfinite(logs)]
    assert logs.mean() < math.log(total) + 2 * cases.standard_error(logs)


@pytest.mark.parametrize("threshold", [0.0, 0.7])
def test_the_error_is_that_of_the_estimate(threshold: float) -> None:
    """The mean square of the stated error against the variance over runs: within a third."""
    results = run(runs=400, critic=cases.critic(), n=24, ess_threshold=threshold, seed=5)
    estimates = np.exp([result.log_evidence for result in results])
    variance = estimates.var() / estimates.mean() ** 2
    stated = np.mean([float(result.log_evidence_error or 0.0) ** 2 for result in results])
    assert 0.67 < stated / variance < 1.5


def test_family_error() -> None:
    """Equal weights: 0.  One particle, a dead population: unknown.  One family: about 1."""
    assert family_error(np.zeros(8), np.arange(8)) == pytest.approx(0.0, abs=1e-9)
    assert family_error(np.zeros(1), np.zeros(1, dtype=np.int64)) == math.inf
    assert family_error(np.full(4, -np.inf), np.arange(4)) == math.inf
    assert family_error(np.zeros(50), np.zeros(50, dtype=np.int64)) == pytest.approx(1.0)
    weights = np.random.default_rng(0).normal(size=20)
    plain = np.exp(weights) / np.exp(weights).mean()
    assert family_error(weights, np.arange(20)) == pytest.approx(plain.std(ddof=1) / math.sqrt(20))


def test_one_seed_alone_or_in_a_batch() -> None:
    """A prompt keeps its samples, given its number; another seed has others."""
    settings: dict[str, Any] = {
        "n": 6,
        "max_tokens": 4,
        "critic": cases.critic(),
        "ess_threshold": 0.7,
    }
    for more in ({}, {"resampling": "optimal", "expansion": 3}):
        algorithm = SMC(cases.model(), cases.grammar(), **{**settings, **more})
        prompts = [[0, 1], [1], [2, 0, 0]]
        together = algorithm.run(prompts, 3)
        for number in range(3):
            (alone,) = algorithm.run(prompts[number : number + 1], 3)
            assert alone.token_ids == together[number].token_ids
            np.testing.assert_allclose(alone.log_weights, together[number].log_weights, atol=1e-12)
            assert alone.statistics == together[number].statistics
        assert len({result.token_ids for result in together}) > 1
    other = SMC(cases.model(), cases.grammar(), **settings).run(prompts, 4)
    assert [result.token_ids for result in other] != [result.token_ids for result in together]


def test_steps_and_infos() -> None:
    """What a callback sees fits together, and the state says when it is done."""
    algorithm = SMC(cases.model(), cases.grammar(), critic=cases.critic(), n=5, max_tokens=3, ess_threshold=1.0)
    state = algorithm.init([()] * 3, 0)
    infos: list[SMCInfo] = []
    while not state.is_done:
        state, info = algorithm.step(state)
        infos.append(info)
        assert state.step == info.step + 1 == len(infos)
        assert info.tokens.shape == (15,) and info.ancestors.shape == (3, 5)
        moved = info.ancestors != np.arange(5)
        assert (moved.any(axis=1) <= info.is_resampled).all()
        for weights in state.log_weights[info.is_resampled]:
            assert (weights == weights[0]).all()
        assert (info.ess <= 5 + 1e-9).all()
    assert len(infos) <= 4
    assert any(info.is_resampled.any() for info in infos)
    collected: list[int] = []
    results = algorithm.run([()] * 3, 0, callback=lambda state, info: collected.append(info.step))
    assert collected == list(range(len(infos)))
    assert [result.token_ids for result in results] == [result.token_ids for result in algorithm.result(state)]
    np.testing.assert_allclose(infos[-1].log_evidence, [result.log_evidence for result in results])


def test_finished_prompts_are_left_alone() -> None:
    """A prompt whose particles are finished is never resampled, while others go on."""
    algorithm = SMC(cases.model(), cases.grammar(), critic=cases.critic(), n=3, max_tokens=6, ess_threshold=1.0)
    state = algorithm.init([()] * 40, 0)
    seen = 0
    while not state.is_done:
        finished = ~state.is_active.reshape(40, 3).any(axis=1)
        before = state.log_weights.copy()
        state, info = algorithm.step(state)
        assert not info.is_resampled[finished].any()
        np.testing.assert_array_equal(state.log_weights[finished], before[finished])
        seen += int(finished.sum())
    assert seen


def test_dead_populations_are_results() -> None:
    """No text at all, from the start or later: weights of 0, no error."""
    for potential in (
        FromFunction(cases.LETTERS, prefix=lambda data: False, level="bytes"),
        FromFunction(cases.LETTERS, complete=lambda data: False, level="bytes"),
        FromFunction(cases.LETTERS, prefix=lambda data: len(data) < 2, complete=lambda data: False, level="bytes"),
    ):
        for critic in (None, potential):
            for result in run(runs=2, potential=potential, critic=critic):
                assert (result.log_weights == -np.inf).all()
                assert result.log_evidence == -math.inf and result.ess == 0 and result.posterior() == {}
                assert result.log_evidence_error == math.inf


def test_statistics() -> None:
    """Calls of the model and checks of the potential, for each prompt."""
    (result,) = run(runs=1, n=6, ess_threshold=0.0)
    lengths = [len(ids) for ids in result.token_ids]
    # One prefill; then each row is computed once for each token that it goes on with.
    assert result.statistics.model_calls == 1 + sum(lengths)
    assert result.statistics.forward_passes == 1 + max(lengths)
    assert result.statistics.constraint_checks >= 6


@pytest.mark.parametrize("cache", ["dynamic", "static"])
def test_a_real_model_with_its_cache(cache: Any) -> None:
    """Padded prompts, a compiled grammar, a critic, much resampling: every text is in the language, weights are exact.

    The product of model probabilities, recomputed without any cache, times what the critic gives, must be within
    rounding of the recorded evidence where nothing is resampled.
    """
    room = {"cache": cache, **({"max_length": 40} if cache == "static" else {})}
    model = HuggingFaceModel(tiny.model(), tiny.tokenizer(), **room)
    language = letters("abc", 2, 5)
    critic = FromFunction(tiny.vocabulary(), prefix=lambda text: 0.5 * text.count("b"))
    prompts = ["ab", "a longer prompt"]
    algorithm = SMC(model, CompiledPotential(language), critic=critic, n=6, max_tokens=8, ess_threshold=1.0)
    results = algorithm.run(prompts, 1)
    for result in results:
        assert result.is_finished.all()
        assert all(language.accepts(text) for text in result.texts)
    other = SMC(
        HuggingFaceModel(tiny.model(), tiny.tokenizer()),
        CompiledPotential(language),
        critic=critic,
        n=6,
        max_tokens=8,
        ess_threshold=1.0,
    ).run(prompts, 1)
    assert [result.token_ids for result in other] == [result.token_ids for result in results]

    plain = SMC(model, CompiledPotential(language), critic=critic, n=6, max_tokens=8, ess_threshold=0.0)
    (first, _) = plain.run(prompts, 1)
    for tokens, text, log_weight in zip(first.token_ids, first.texts, first.log_weights, strict=True):
        assert log_weight == pytest.approx(
            recomputed_mass(tiny.ids(prompts[0]), tokens, language) + 0.5 * text.count("b"), abs=1e-3
        )


def recomputed_mass(prompt: list[int], tokens: tuple[int, ...], language: Any) -> float:
    """The sum over steps of the log mass under the mask, from one forward pass over the whole text."""
    import grammarlib as gl

    model = tiny.model()
    whole = torch.tensor([[*prompt, *tokens]])
    with torch.inference_mode():
        law = torch.log_softmax(model(whole).logits[0].double(), dim=1)
    matcher = language.matcher()
    total = 0.0
    start = len(prompt) - 1
    for place in range(len(tokens) + 1):
        words: NDArray[np.int32] = gl.allocate_bitmask(1, language.vocabulary.logits_width)
        matcher.fill_bitmask(words)
        bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[0, : law.shape[1]]
        allowed = torch.zeros(law.shape[1], dtype=torch.bool)
        allowed[: len(bits)] = torch.from_numpy(bits.astype(bool))
        total += float(torch.logsumexp(law[start + place][allowed], dim=0))
        if place < len(tokens):
            assert matcher.accept_token(tokens[place])
    return total


def test_smc_function() -> None:
    """One call; texts are parsed by the grammar; the longest texts fit the budget."""
    model = HuggingFaceModel(tiny.model(), tiny.tokenizer())
    language = CompiledPotential(letters("abc", 2, 5))
    (result,) = smc(model, language, ["a"], seed=2, n=3, max_tokens=4, budget="close")
    assert result.values == result.texts
    assert result.is_finished.all() and max(map(len, result.token_ids)) <= 4


def test_errors() -> None:
    """Arguments that do not fit."""
    for wrong in (
        {"n": 0},
        {"ess_threshold": 1.5},
        {"resampling": "best"},
        {"resampling": "optimal"},
        {"expansion": 2},
        {"max_tokens": -1},
    ):
        with pytest.raises(SamplerError):
            run(runs=1, **wrong)
    for prompts in ("a text", [], ["no tokenizer"]):
        with pytest.raises(SamplerError):
            SMC(cases.model(), cases.grammar()).init(prompts, 0)
