"""Laws that are seen in draws only.  Seeds are fixed; each test states how often it would fail with others."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import grammarlib as gl
from samplers import (
    AlignedSampling,
    CompiledPotential,
    FromFunction,
    HuggingFaceModel,
    MaskedSampling,
    MaskSampler,
    Samples,
    TableModel,
    Warp,
)
from samplers.noise import stream_keys
from samplers.potentials import LanguageModelPotential, Potential
from tests.oracles.sampler_enumeration import EOS, SIZE, VOCABULARY, exact_target, language, random_table
from tests.samplers import tiny

TEXTS = ["a", "ab", "abc", "ba", "bac", "c", "cab", "cc", "cca", "ccb"]


def z_score(samples: Samples, evidence: float) -> float:
    """How many standard errors the estimate of Z is off."""
    assert samples.log_evidence is not None
    assert samples.log_evidence_error is not None
    return (math.exp(samples.log_evidence) / evidence - 1) / (
        samples.log_evidence_error * math.exp(samples.log_evidence) / evidence
    )


def worst_share(samples: Samples, law: dict[str, float]) -> float:
    """The largest error of a text's weighted share, in standard errors of a weighted mean."""
    weights = samples.weights
    worst = 0.0
    for text, probability in law.items():
        hits = np.array([one == text for one in samples.texts])
        if not hits.any():
            if probability > 0.02:
                return math.inf
            continue  # too rare for its error to be estimated
        error = math.sqrt(float((weights**2 * (hits - probability) ** 2).sum()))
        worst = max(worst, abs(float(weights[hits].sum()) - probability) / max(error, 1e-9))
    return worst


@pytest.mark.parametrize(
    "warp", [Warp(temperature=0.6), Warp(temperature=1.8), Warp(top_p=0.7), Warp(top_k=2)], ids=str
)
def test_the_warp_is_part_of_the_target(warp: Warp) -> None:
    """Weighted shares are those of the enumerated warped target (4 s.e. on 10 shares: once in 1,600); those of the
    target without the warp are far off.
    """
    plain = random_table(61, exponent=2)
    warped = TableModel(plain.probabilities, SIZE, [EOS], warp=warp)

    def conditionals(sequence: tuple[int, ...]) -> list[float]:
        logits = torch.tensor([[float(value) for value in plain.probabilities(sequence)]], dtype=torch.float64).log()
        law: list[float] = torch.softmax(warp.apply(logits), dim=1)[0].tolist()
        return law

    target, evidence = exact_target(TableModel(conditionals, SIZE, [EOS]), language(TEXTS), 3)
    law = {text: float(value / evidence) for text, value in target.items()}
    other, whole = exact_target(plain, language(TEXTS), 3)
    wrong = {text: float(value / whole) for text, value in other.items()}
    samplers = (
        MaskedSampling(warped, language(TEXTS), n=4000, max_tokens=3).sample([[]], 1)[0],
        AlignedSampling(warped, language(TEXTS), batch=64, max_tokens=3).sample([[]], 2000, 1)[0],
    )
    for samples in samplers:
        assert worst_share(samples, law) < 4
        assert worst_share(samples, wrong) > 6
        assert abs(z_score(samples, float(evidence))) < 4 or samples.log_evidence_error == pytest.approx(0, abs=1e-3)


def test_a_real_model_under_a_warp() -> None:
    """A transformers model: weights times shares are the texts' own probabilities, teacher-forced without a cache."""
    bare = tiny.model(seed=3)
    warp = Warp(temperature=0.7, top_k=200)
    model = HuggingFaceModel(bare, warp=warp)
    vocabulary = gl.Vocabulary(tiny.vocabulary().tokens, tiny.vocabulary().eos_token_ids, logits_width=tiny.WIDTH)
    texts = ["".join(letters) for length in (1, 2) for letters in itertools.product("abc", repeat=length)]
    compiled = gl.compile(gl.Choice(texts), vocabulary)
    prompt = tiny.ids("xyz")
    eos = vocabulary.eos_token_ids[0]
    expected: dict[str, float] = {}
    for text in texts:
        ids = [*prompt, *tiny.ids(text), eos]
        with torch.inference_mode():
            logits = bare(torch.tensor([ids]), use_cache=False).logits[0].float()
        law = torch.log_softmax(warp.apply(logits).double(), dim=1)
        steps = range(len(prompt) - 1, len(ids) - 1)
        expected[text] = math.exp(sum(float(law[step, ids[step + 1]]) for step in steps))
    evidence = math.fsum(expected.values())
    [samples] = MaskedSampling(model, CompiledPotential(compiled), n=1500, max_tokens=4).sample([prompt], 5)
    assert abs(z_score(samples, evidence)) < 4
    possible = {text: value / evidence for text, value in expected.items() if value > 0}
    assert worst_share(samples, possible) < 4


PRODUCTS: dict[str, Potential] = {
    "experts": language(TEXTS) * LanguageModelPotential(random_table(71), VOCABULARY, torch.tensor([1])) ** 0.5,
    "scores": language(TEXTS) * FromFunction(VOCABULARY, prefix=lambda text: -0.4 * len(text)),
    "quotient": language(TEXTS) / LanguageModelPotential(random_table(72), VOCABULARY, torch.tensor([2])),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_have_their_target(name: str) -> None:
    """E[w] = Z and weighted shares, for dense factors and checks (4 s.e.); without the weights the shares are wrong."""
    model = random_table(62, exponent=3)
    target, evidence = exact_target(model, PRODUCTS[name], 3)
    law = {text: float(value / evidence) for text, value in target.items()}
    [samples] = MaskedSampling(model, PRODUCTS[name], n=6000, max_tokens=3).sample([[]], 8)
    assert abs(z_score(samples, float(evidence))) < 4
    assert worst_share(samples, law) < 4
    forgotten = Samples(
        samples.token_ids,
        samples.texts,
        np.where(samples.log_weights > -np.inf, 0.0, -np.inf),
        samples.is_finished,
        None,
        None,
        0.0,
    )
    assert worst_share(forgotten, law) > 6


def test_weights_of_a_large_vocabulary() -> None:
    """128,000 tokens: float32 logits, the mass in float64, tokens under the mask only, and a mass of 1e-12."""
    size = 128_000
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(8, size, generator=generator) * 4
    tokens: list[bytes | None] = [f"{number:06d}".encode() for number in range(size - 1)]
    vocabulary = gl.Vocabulary([*tokens, None], [size - 1])
    allowed = list(range(0, size - 1, 9))
    compiled = gl.compile(gl.Choice([f"{number:06d}" for number in allowed]), vocabulary)
    logits[0, allowed] -= 60
    state = CompiledPotential(compiled).start(8)
    result = MaskSampler().sample(logits, state, stream_keys(0, np.arange(8)))
    law = torch.softmax(logits.double(), dim=1)
    assert np.exp(result.log_weights) == pytest.approx(law[:, allowed].sum(dim=1).numpy(), rel=1e-12)
    assert 0 < np.exp(result.log_weights[0]) < 1e-12
    assert set(result.tokens.tolist()) <= set(allowed)
