"""Masking: exact weights, one uniform number a row, and what holds for every driver."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from samplers.errors import SamplerError
from samplers.logspace import effective_sample_size, log_evidence_error, log_mean_exp, log_sum_exp, normalised_weights
from samplers.masking import MaskedSampling, MaskSampler, draw, target_log_probs
from samplers.models import TableModel
from samplers.noise import device_uniforms, prompt_coordinates, stream_keys, uniforms
from samplers.potentials import FromFunction, TokenLimit
from samplers.token import AWRS
from samplers.types import Samples, Statistics
from tests.oracles.sampler_enumeration import EOS, SIZE, VOCABULARY, exact_target, language, random_table


def test_the_law_of_a_step_is_exact() -> None:
    """E[w 1{y}] = p(y) n(y) in the batched code: weights are the mass, and each token's share of [0, 1) is its own."""
    model = random_table(3)
    potential = language(["ab", "ba", "c"]) * FromFunction(VOCABULARY, prefix=lambda text: "ca" not in text)
    logits = model.prefill(torch.zeros(1, 0, dtype=torch.int64)).logits()
    state = potential.start(1)
    scores = target_log_probs(logits, state)
    law = [float(value) for value in model.probabilities(())]
    allowed = [token for token in range(SIZE) if token in (0, 1, 2)]
    assert scores[0].exp().tolist() == pytest.approx([law[t] if t in allowed else 0.0 for t in range(SIZE)], abs=1e-15)
    mass = sum(law[token] for token in allowed)
    grid = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    counts = torch.bincount(draw(scores.expand(100_000, SIZE).clone(), grid), minlength=SIZE) / 100_000
    for token in range(SIZE):
        assert counts[token].item() * mass == pytest.approx(law[token] if token in allowed else 0.0, abs=2e-5)


def test_expected_weights_are_the_target_exactly() -> None:
    """Every path of the sampler, in rational numbers: E[w 1{x}] = p(x) 1[x in L], and E[w] = Z."""
    model = random_table(5)
    texts = ["a", "ab", "cab", "bb", "ccc"]
    target, _ = exact_target(model, language(texts), 3)
    total = Fraction(0)
    for text, expected in target.items():
        assert expected > 0
        sequence: list[int] = []
        probability = weight = Fraction(1)
        for token in [*("abc".index(character) for character in text), EOS]:
            law = model.probabilities(tuple(sequence))
            state = (language(texts) * TokenLimit(VOCABULARY, 3)).start(1)
            for before in sequence:
                state.advance(np.array([before]))
            bits = np.unpackbits(state.mask().numpy().view(np.uint8), bitorder="little")  # type: ignore[union-attr]
            mass = sum((Fraction(law[t]) for t in range(SIZE) if bits[t]), Fraction(0))
            logits = torch.tensor([[float(value) for value in law]], dtype=torch.float64).log()
            result = MaskSampler().sample(logits, state, stream_keys(1, 0))
            assert result.log_weights[0] == pytest.approx(float(np.log(float(mass))), abs=1e-13)
            probability *= Fraction(law[token]) / mass
            weight *= mass
            sequence.append(token)
        assert probability * weight == expected
        total += expected
    samples = MaskedSampling(model, language(texts), n=4000, max_tokens=3).sample([[]], 7)[0]
    assert samples.log_evidence is not None
    assert samples.log_evidence_error is not None
    assert abs(np.exp(samples.log_evidence) / float(total) - 1) < 4 * samples.log_evidence_error
    for text, share in samples.posterior().items():
        assert share == pytest.approx(float(target[text] / total), abs=0.05)
    weights = dict(zip(samples.texts, samples.log_weights, strict=True))
    assert set(weights) == set(target)


def test_tiny_valid_mass_survives() -> None:
    """A mass of 1e-12, and of 1e-40, is a weight and not 0; dead rows weigh 0."""
    for exponent in (12, 40):
        tiny = 10.0**-exponent
        logits = torch.tensor([[0.0, np.log(tiny), -np.inf, -np.inf, -np.inf]] * 2)
        state = language(["b"]).start(2)
        result = MaskSampler().sample(logits, state, stream_keys(0, [0, 1]))
        assert result.tokens.tolist() == [1, 1]
        assert np.exp(result.log_weights) == pytest.approx([tiny, tiny], rel=1e-6)
    logits = torch.tensor([[0.0, -np.inf, -np.inf, -np.inf, -np.inf]])
    result = MaskSampler().sample(logits, language(["b"]).start(1), stream_keys(0, [0]))
    assert result.tokens.tolist() == [-1]
    assert result.log_weights.tolist() == [-np.inf]


def test_nan_raises() -> None:
    with pytest.raises(SamplerError, match="NaN"):
        MaskSampler().sample(torch.full((1, SIZE), np.nan), language(["a"]).start(1), stream_keys(0))


def test_inactive_rows_are_left_alone() -> None:
    logits = torch.zeros(2, SIZE)
    result = MaskSampler().sample(logits, language(["a"]).start(2), stream_keys(0, [0, 1]), np.array([False, True]))
    assert result.tokens.tolist() == [-1, 0]
    assert result.log_weights[0] == 0


def test_the_limit_is_part_of_the_target() -> None:
    """|x| <= T: texts of T tokens weigh their eos probability; nothing is cut."""
    model = random_table(2)
    texts = ["a", "aa", "aaa", "aaaa"]
    target, evidence = exact_target(model, language(texts), 3)
    assert set(target) == {"a", "aa", "aaa"}
    samples = MaskedSampling(model, language(texts), n=3000, max_tokens=3).sample([[]], 3)[0]
    assert {samples.texts[i] for i in range(len(samples)) if samples.is_finished[i]} == set(target)
    assert samples.log_evidence == pytest.approx(float(np.log(float(evidence))), abs=0.05)


def test_one_seed_alone_and_among_others() -> None:
    """The rows of a prompt do not depend on what lies beside it; equal prompts are sampled apart."""
    model = random_table(11)
    sampler = MaskedSampling(model, language(["ab", "ba", "c", "cc", "abc"]), n=6, max_tokens=4)
    together = sampler.sample([[0], [1, 2], [0], [2]], 42)
    for index, prompt in ((0, [0]), (1, [1, 2]), (3, [2])):
        [alone] = sampler.sample([prompt], 42)
        assert alone.token_ids == together[index].token_ids
        assert alone.log_weights.tolist() == together[index].log_weights.tolist()
    assert together[0].token_ids != together[2].token_ids
    assert sampler.sample([[0]], 43)[0].token_ids != together[0].token_ids
    fewer = MaskedSampling(model, language(["ab", "ba", "c", "cc", "abc"]), n=3, max_tokens=4).sample([[0]], 42)[0]
    assert fewer.token_ids == together[0].token_ids[:3]


def test_checks_multiply_the_weight() -> None:
    """A black box under the mask: proper, and counted."""
    model = random_table(4)
    texts = ["ab", "ba", "c", "cc"]
    potential = language(texts) * FromFunction(VOCABULARY, complete=lambda text: -1.0 if "a" in text else text == "c")
    target, evidence = exact_target(model, potential, 3)
    samples = MaskedSampling(model, potential, n=20_000, max_tokens=3).sample([[]], 5)[0]
    assert samples.log_evidence is not None
    assert samples.log_evidence_error is not None
    assert abs(samples.log_evidence - np.log(float(evidence))) < 4 * samples.log_evidence_error
    assert set(samples.posterior()) == {"ab", "ba", "c"} == {text for text, weight in target.items() if weight}
    assert samples.statistics.constraint_checks > 0


def test_the_empty_text_has_its_weight() -> None:
    """What the potential makes of the empty text is part of every weight; where that is 0, nothing is drawn."""
    model = random_table(4)
    tilted = FromFunction(VOCABULARY, prefix=lambda text: -1.5 - 0.4 * len(text))
    potential = language(["ab", "ba", "c", "cc"]) * tilted
    _, evidence = exact_target(model, potential, 3)
    [samples] = MaskedSampling(model, potential, n=20_000, max_tokens=3).sample([[]], 5)
    assert samples.log_evidence is not None
    assert samples.log_evidence_error is not None
    assert abs(samples.log_evidence - np.log(float(evidence))) < 4 * samples.log_evidence_error < 0.2
    nothing = FromFunction(VOCABULARY, prefix=lambda text: False)
    [dead] = MaskedSampling(model, nothing, n=3, max_tokens=3).sample([[]], 5)
    assert dead.log_weights.tolist() == [-np.inf] * 3
    assert (dead.statistics.model_calls, dead.statistics.constraint_checks) == (1, 0)


def test_checks_are_looked_through_by_default() -> None:
    """A potential with checks is sampled by AWRS under the mask; one without is masked."""
    model = random_table(4)
    potential = language(["ab", "b", "ba", "c"]) * FromFunction(VOCABULARY, prefix=lambda text: "a" not in text)
    [default] = MaskedSampling(model, potential, n=200, max_tokens=3).sample([[]], 5)
    [named] = MaskedSampling(model, potential, n=200, max_tokens=3, token_sampler=AWRS()).sample([[]], 5)
    [blind] = MaskedSampling(model, potential, n=200, max_tokens=3, token_sampler=MaskSampler()).sample([[]], 5)
    assert (default.texts, default.log_weights.tolist()) == (named.texts, named.log_weights.tolist())
    assert default.is_finished.all()
    assert not blind.is_finished.all()
    plain = language(["ab", "ba", "c"])
    [default] = MaskedSampling(model, plain, n=50, max_tokens=3).sample([[]], 5)
    [named] = MaskedSampling(model, plain, n=50, max_tokens=3, token_sampler=MaskSampler()).sample([[]], 5)
    assert default.texts == named.texts


# Weights, noise, samples


def test_sums_in_log_space() -> None:
    weights = np.log(np.array([1.0, 2.0, 3.0]))
    assert log_sum_exp(weights) == pytest.approx(np.log(6))
    assert log_mean_exp(weights) == pytest.approx(np.log(2))
    assert normalised_weights(weights).tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert effective_sample_size(weights) == pytest.approx(36 / 14)
    dead = np.full(3, -np.inf)
    assert log_sum_exp(dead) == -np.inf
    assert normalised_weights(dead).tolist() == [0, 0, 0]
    assert effective_sample_size(dead) == 0
    assert log_evidence_error(dead) == np.inf
    assert log_evidence_error(np.zeros(5)) == 0
    assert log_sum_exp(np.array([[-1000.0, -np.inf], [1000.0, 1000.0]])).tolist() == pytest.approx(
        [-1000, 1000 + np.log(2)]
    )
    for wrong in (np.nan, np.inf):
        with pytest.raises(SamplerError):
            log_sum_exp(np.array([0.0, wrong]))


def test_noise_is_the_same_everywhere_and_uniform() -> None:
    """Host and torch agree bit for bit; coordinates matter one by one; moments are those of a uniform law."""
    keys = stream_keys(-5, 1, np.arange(50), 7)
    assert np.array_equal(uniforms(keys, 33, start=4), device_uniforms(torch.from_numpy(keys), 33, start=4).numpy())
    assert np.array_equal(uniforms(keys, 40)[:, 4:37], uniforms(keys, 33, start=4))
    assert len(set(keys.tolist())) == 50
    assert stream_keys(0, 1, 2)[0] != stream_keys(0, 2, 1)[0] != stream_keys(1, 2, 1)[0]
    numbers = uniforms(stream_keys(9, np.arange(1000)), 100)
    assert 0 < numbers.min() < 1e-4 < 1 - 1e-4 < numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 4 * np.sqrt(1 / 12 / numbers.size)
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 4 / np.sqrt(1000)
    assert abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 4 / np.sqrt(1000)
    with pytest.raises(SamplerError, match="integers"):
        stream_keys(0, 0.5)
    assert prompt_coordinates([[1], [2], [1]])[0] == prompt_coordinates([[1]])[0]
    assert len(set(prompt_coordinates([[1], [2], [1], [], [1, 2]]).tolist())) == 5


def test_samples_are_a_posterior() -> None:
    """Posterior, values and resampling, with a dead end among them and all dead."""
    samples = Samples(
        token_ids=((0,), (1,), (0,), (2,)),
        texts=("a", "b", "a", "c"),
        log_weights=np.log(np.array([1.0, 2.0, 1.0, 0.0]), where=[True, True, True, False], out=np.full(4, -np.inf)),
        is_finished=np.array([True, True, True, False]),
        log_evidence=0.0,
        log_evidence_error=0.5,
        ess=8 / 3,
        parse=str.upper,
    )
    assert samples.posterior() == pytest.approx({"a": 0.5, "b": 0.5})
    assert list(samples.posterior()) == ["a", "b"]
    assert samples.values == ("A", "B", "A", None)
    again = samples.resample(400, 3)
    assert len(again) == 400
    assert abs(again.texts.count("b") - 200) <= 1
    assert again.log_weights.tolist() == [pytest.approx(0.0)] * 400
    assert again.texts != tuple(sorted(again.texts))
    assert samples.resample(5, 1).texts == samples.resample(5, 1).texts
    dead = Samples((), (), np.zeros(0), np.zeros(0, dtype=bool), None, None, 0.0)
    assert dead.posterior() == {}
    with pytest.raises(SamplerError, match="dead end"):
        dead.resample(1, 0)
    assert Statistics(1, 2, 3, 4, 5) + Statistics(1, 1, 1, 1, 1) == Statistics(2, 3, 4, 5, 6)


def test_the_model_is_asked_once_a_step() -> None:
    """Counts of model calls: a prompt and each token but the last."""
    model = TableModel(lambda u: [1, 0, 0, 0, 0] if len(u) < 3 else [0, 0, 0, 0, 1], SIZE, [EOS])
    [samples] = MaskedSampling(model, language(["aaa"]), n=2, max_tokens=9).sample([[]], 0)
    assert samples.texts == ("aaa", "aaa")
    assert samples.statistics == Statistics(model_calls=1 + 2 * 3, forward_passes=4, proposals=2, accepted=2)
    assert samples.log_weights.tolist() == [0, 0]
