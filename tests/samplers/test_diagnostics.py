"""Divergences from weights agree with enumeration; limiting cases are defined."""

from __future__ import annotations

import math

import numpy as np
import pytest

from samplers.diagnostics import (
    coverage,
    effective_fraction,
    evidence_interval,
    kl_divergence,
    kl_from_target,
    kl_to_target,
    total_variation,
)
from samplers.errors import SamplerError
from samplers.masking import MaskedSampling
from samplers.types import Samples
from tests.oracles.sampler_enumeration import exact_target, language, random_table

TEXTS = ["a", "ab", "abc", "ba", "c", "cab", "cc"]


def samples_of(log_weights: list[float], evidence: float | None = 0.0, error: float | None = 0.1) -> Samples:
    weights = np.array(log_weights)
    names = tuple("abcdefgh"[: len(weights)])
    return Samples(
        tuple((index,) for index in range(len(weights))),
        names,
        weights,
        weights > -np.inf,
        evidence,
        error,
        float(len(weights)),
    )


def test_divergences_of_masking_are_those_of_enumeration() -> None:
    """Both directions, from 6,000 weights, within 5 %; the law of masking comes from its exact weights."""
    model = random_table(51, exponent=3)
    target, evidence = exact_target(model, language(TEXTS), 3)
    [samples] = MaskedSampling(model, language(TEXTS), n=6000, max_tokens=3).sample([[]], 1)
    weight = dict(zip(samples.texts, samples.log_weights.tolist(), strict=True))
    pi = {text: float(value / evidence) for text, value in target.items()}
    q = {text: float(target[text]) / math.exp(weight[text]) for text in target}
    assert sum(q.values()) == pytest.approx(1, abs=1e-9)
    assert kl_to_target(samples) == pytest.approx(kl_divergence(q, pi), rel=0.05)
    assert kl_from_target(samples) == pytest.approx(kl_divergence(pi, q), rel=0.05)
    assert total_variation(samples.posterior(), pi) < 0.05 < total_variation(q, pi)
    assert coverage(samples, pi) == pytest.approx(1)
    low, high = evidence_interval(samples, 0.9999)
    assert low < math.log(evidence) < high
    assert 0 < effective_fraction(samples) < 1


def test_limiting_cases() -> None:
    equal = samples_of([0.0, 0.0])
    assert kl_to_target(equal) == kl_from_target(equal) == 0
    assert kl_to_target(samples_of([0.0, -np.inf])) == math.inf
    assert kl_from_target(samples_of([0.0, -np.inf])) == pytest.approx(math.log(2))
    assert math.isnan(kl_from_target(samples_of([-np.inf])))
    assert kl_divergence({"a": 1.0}, {"b": 1.0}) == math.inf
    assert total_variation({"a": 1.0}, {"b": 1.0}) == 1
    assert coverage(samples_of([0.0, -np.inf]), {"a": 0.25, "b": 0.75}) == 0.25
    assert evidence_interval(samples_of([0.0], 0.0, math.inf)) == (-math.inf, math.inf)
    assert evidence_interval(samples_of([0.0], 0.0, 2.0))[0] == -math.inf
    for wrong in (samples_of([0.0], None, None), samples_of([])):
        with pytest.raises(SamplerError):
            kl_to_target(wrong) if not len(wrong) else evidence_interval(wrong)
    with pytest.raises(SamplerError, match="level"):
        evidence_interval(equal, 1.5)
