"""Token samplers over 128k tokens: means of 100,000 weights, and the kernel's own draws.

By default the estimators run on races that are drawn by inversion, which is quick, and a few draws go through the real
kernel.  100,000 through the kernel are a test of their own: with ``-m slow``, 10 to 20 minutes a case on one core, or
on a CUDA device, where there is one.

Seeds are fixed.  Bounds are 4 standard errors: a false alarm once in 16,000 comparisons if means are normal, 0.9 % for
all of a default run (149 comparisons), 0.04 % for the 6 cases of 100,000 draws through the kernel.
"""

from __future__ import annotations

import math
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
KERNEL_DRAWS = 60

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
    assert abs(values.mean() - expected) < 4 * error, f"{what}: {values.mean()} for {expected}, error {error}"


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
    """100,000 draws each, Murthy's too."""
    assert_proper(ESTIMATORS[name], shape, DRAWS)


def test_the_improper_weight_fails() -> None:
    """The negative control."""
    with pytest.raises(AssertionError):
        assert_proper(Improper(), "flat", 10_000)


def assert_kernel_is_proper(sampler: AWRS, shape: str, draws: int, batch: int, device: str = "cpu") -> None:
    """E[w] through mask, kernel, blocks of candidates and estimator, with half of the vocabulary under the mask."""
    law, scores = law_of(shape)
    allowed = np.arange(SIZE) % 2 == 0
    target = float(law[allowed & (scores > -np.inf)].sum())
    logits = torch.from_numpy(np.log(law)).to(device, torch.float32).repeat(batch, 1)
    weights = []
    for start in range(0, draws, batch):
        rows = min(batch, draws - start)
        step = OneStep(rows, scores, allowed=allowed)
        drawn = sampler.sample(logits[:rows], step, stream_keys(9, np.arange(start, start + rows)))
        weights.append(np.exp(drawn.log_weights))
        tokens = drawn.tokens[drawn.log_weights > -np.inf]
        assert (scores[tokens] == 0).all() and allowed[tokens].all()
    found = np.concatenate(weights)
    error = max(found.std(ddof=1) / math.sqrt(draws), 1e-15)
    print(f"{shape}: mean / Z - 1 = {found.mean() / target - 1:+.3e}, {(found.mean() - target) / error:+.2f} s.e.")
    check_mean(found, target, "the mass")


@pytest.mark.parametrize("shape", ["likely and refused", "flat"])
def test_the_kernel(shape: str) -> None:
    """A few draws: wrong weights are found, small biases are not."""
    assert_kernel_is_proper(AWRS(block=4), shape, KERNEL_DRAWS, 20)


def test_the_improper_weight_fails_in_the_kernel() -> None:
    """The negative control: a few draws are enough for a weight of 1."""
    with pytest.raises(AssertionError, match="the mass"):
        assert_kernel_is_proper(AWRS(Improper()), "flat", KERNEL_DRAWS, 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["murthy", "two loops, averaged"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_hundred_thousand_draws_of_the_kernel(shape: str, name: str, pytestconfig: pytest.Config) -> None:
    """|mean(w) / Z - 1| < 4 s.e.: once by the weight of a set, once by the times of the race."""
    if "slow" not in (pytestconfig.getoption("-m") or ""):
        pytest.skip("100,000 draws: run with -m slow")
    assert_kernel_is_proper(AWRS(ESTIMATORS[name]), shape, DRAWS, 50)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["murthy", "two loops, averaged"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_hundred_thousand_draws_on_a_device(shape: str, name: str) -> None:
    """The same through the Triton kernel, 512 rows a batch; the seeds are those of the CPU, hence nearly the draws."""
    assert_kernel_is_proper(AWRS(ESTIMATORS[name]), shape, DRAWS, 512, "cuda")
