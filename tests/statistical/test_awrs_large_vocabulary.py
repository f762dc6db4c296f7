"""Token samplers over 128k tokens: means of 100,000 weights, and the kernel's own draws.

The estimators run on races that are drawn by inversion, which is quick, and a smaller number of draws goes through the
real kernel (``SAMPLER_DRAWS`` sets it; 20,000 take two minutes on one core).  Seeds are fixed.  Bounds are 4.5
standard errors: a false alarm once in 150,000 comparisons if weights were normal.
"""

from __future__ import annotations

import math
import os
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samplers.noise import stream_keys, uniforms
from samplers.token import AWRS, Estimator, Geometric, Murthy, Recursive, StoppingRule, TwoLoop, pick
from tests.samplers.test_awrs import Improper
from tests.samplers.token_cases import OneStep

SIZE = 131_072
DRAWS = 100_000
KERNEL_DRAWS = int(os.environ.get("SAMPLER_DRAWS", "60"))

SHAPES = {
    "likely and valid": (0.9, 1.2, 0.6, True),
    "likely and refused": (0.6, 1.1, 0.5, False),
    "flat": (0.1, 1.0, 0.2, None),
}
"""Probability of the first token, exponent of the others' power law, share of valid ones, validity of the first."""

ESTIMATORS: dict[str, Estimator] = {
    "two loops": TwoLoop(),
    "two loops, averaged": TwoLoop(rao_blackwell=True),
    "geometric": Geometric(2),
    "recursive": Recursive(),
    "murthy": Murthy(),
    "murthy, 3 accepts": Murthy(StoppingRule(max_accepts=3)),
    "murthy, 4 checks": Murthy(StoppingRule(max_checks=4)),
}


@cache
def law_of(shape: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities and scores."""
    top, exponent, share, head = SHAPES[shape]
    law = np.arange(1, SIZE + 1.0) ** -exponent
    law *= (1 - top) / law[1:].sum()
    law[0] = top
    valid = np.random.default_rng(1).random(SIZE) < share
    if head is not None:
        valid[0] = head
    return law, np.where(valid, 0.0, -np.inf)


class DrawnRace:
    """Candidates by inversion of the distribution function, drawn again where they were drawn before."""

    def __init__(self, law: NDArray[np.float64], rows: int, seed: int) -> None:
        self._cumulative = np.cumsum(law)
        self._law = law
        self._generator = np.random.default_rng(seed)
        self._fetched = np.zeros(rows, dtype=np.int64)
        self.tokens = np.full((rows, 0), -1, dtype=np.int64)
        self.probabilities = np.zeros((rows, 0))
        self.rest = np.zeros((rows, 0))
        self.times = np.zeros((rows, 0))

    @property
    def rows(self) -> int:
        return len(self.tokens)

    def fetch(self, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        assert (positions <= self._fetched[rows]).all()
        rows = rows[positions == self._fetched[rows]]
        if len(rows) and self._fetched[rows].max() == self.tokens.shape[1]:
            self.tokens = np.pad(self.tokens, ((0, 0), (0, 8)), constant_values=-1)
            for name in ("probabilities", "rest", "times"):
                setattr(self, name, np.pad(getattr(self, name), ((0, 0), (0, 8))))
        while len(rows):
            drawn = np.searchsorted(self._cumulative, self._generator.random(len(rows)) * self._cumulative[-1])
            fresh = (self.tokens[rows] != drawn[:, None]).all(axis=1)
            now, token = rows[fresh], drawn[fresh]
            at = self._fetched[now]
            before = np.where(at > 0, self.rest[now, at - 1], 1.0)
            started = np.where(at > 0, self.times[now, at - 1], 0.0)
            self.tokens[now, at] = token
            self.probabilities[now, at] = self._law[token]
            self.rest[now, at] = before - self._law[token]
            self.times[now, at] = started + self._generator.exponential(size=len(now)) / before
            self._fetched[now] += 1
            rows = rows[~fresh]
        return np.ones(len(positions), dtype=np.bool_)


def check_mean(values: NDArray[np.float64], expected: float, what: str) -> None:
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - expected) < 4.5 * error, f"{what}: {values.mean()} for {expected}, error {error}"


def assert_proper(estimator: Estimator, shape: str, rows: int) -> None:
    """E[w] and E[w 1{v}] for the likeliest valid tokens, and for all others together."""
    law, scores = law_of(shape)
    race = DrawnRace(law, rows, seed=7)
    keys = stream_keys(5, np.arange(rows))
    choices = estimator.estimate(
        race,
        lambda asked, tokens: scores[tokens],
        lambda asked, count, start: uniforms(keys[asked], count, start),
    )
    tokens, log_weights = pick(choices, uniforms(stream_keys(6, np.arange(rows)), 1)[:, 0])
    weights = np.exp(log_weights)
    valid = np.flatnonzero(scores > -np.inf)
    check_mean(weights, law[valid].sum(), "the mass")
    likeliest = valid[np.argsort(-law[valid])][:5]
    for token in likeliest:
        check_mean(np.where(tokens == token, weights, 0.0), law[token], f"token {token}")
    others = ~np.isin(tokens, likeliest)
    check_mean(np.where(others, weights, 0.0), law[valid].sum() - law[likeliest].sum(), "the others")


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_estimators(shape: str, name: str) -> None:
    """100,000 draws; a tenth where each has a quadrature, unless ``SAMPLER_DRAWS`` asks for more."""
    rows = max(DRAWS // 10, min(DRAWS, KERNEL_DRAWS)) if name.startswith("murthy") else DRAWS
    assert_proper(ESTIMATORS[name], shape, rows)


def test_the_improper_weight_fails() -> None:
    """The negative control."""
    with pytest.raises(AssertionError):
        assert_proper(Improper(), "flat", 10_000)


@pytest.mark.parametrize("shape", ["likely and refused", "flat"])
def test_the_kernel(shape: str) -> None:
    """Draws through mask, kernel, blocks of candidates and estimator, half of the vocabulary under a mask."""
    law, scores = law_of(shape)
    allowed = np.arange(SIZE) % 2 == 0
    target = law[allowed & (scores > -np.inf)].sum()
    logits = torch.from_numpy(np.log(law)).to(torch.float32)[None]
    sampler = AWRS(block=4)
    weights = []
    for start in range(0, KERNEL_DRAWS, 20):
        step = OneStep(20, scores, allowed=allowed)
        weights.append(sampler.sample(logits.repeat(20, 1), step, stream_keys(9, np.arange(start, start + 20))))
    found = np.exp(np.concatenate([one.log_weights for one in weights]))
    check_mean(found, float(target), "the mass")
    tokens = np.concatenate([one.tokens for one in weights])
    assert (scores[tokens] == 0).all() and allowed[tokens].all()
