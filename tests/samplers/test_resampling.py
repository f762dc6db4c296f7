"""Schemes: laws of the copies, what survives where, weights and estimates that stay."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.logspace import log_mean_exp, log_sum_exp
from samplers.noise import PURPOSE_RESAMPLE, stream_keys, uniforms
from samplers.resampling import (
    COUNTS,
    CopyScheme,
    keep_survivors,
    resample,
    resample_without_replacement,
    residual_counts,
    systematic_counts,
)

SCHEMES = get_args(CopyScheme)
WEIGHTS = np.array([0.42, 0.0, 0.03, 0.25, 0.2, 0.1])


def noise(rows: int, count: int, seed: int = 0) -> NDArray[np.float64]:
    return uniforms(stream_keys(seed, PURPOSE_RESAMPLE, np.arange(rows)), count)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_expected_copies_are_n_times_the_weight(scheme: CopyScheme) -> None:
    """4 standard errors, a false alarm once in 16,000 comparisons; a weight of 0 has no copy, ever."""
    rows = 4000
    counts = np.array([COUNTS[scheme](WEIGHTS, row) for row in noise(rows, len(WEIGHTS))])
    assert (counts.sum(axis=1) == len(WEIGHTS)).all()
    assert (counts[:, 1] == 0).all()
    errors = np.maximum(counts.std(axis=0), 1e-9) / math.sqrt(rows)
    assert (abs(counts.mean(axis=0) - len(WEIGHTS) * WEIGHTS) < 4 * errors + 1e-9).all()


def test_how_far_copies_stray() -> None:
    """Systematic: rounded up or down.  Residual: never below.  Stratified: within 2.  Their variances in order."""
    expected = len(WEIGHTS) * WEIGHTS
    found = {
        scheme: np.array([COUNTS[scheme](WEIGHTS, row) for row in noise(2000, len(WEIGHTS))]) for scheme in SCHEMES
    }
    assert ((found["systematic"] == np.floor(expected)) | (found["systematic"] == np.ceil(expected))).all()
    assert (found["residual"] >= np.floor(expected)).all()
    assert (abs(found["stratified"] - expected) < 2).all()
    variance = {scheme: counts.var(axis=0).sum() for scheme, counts in found.items()}
    assert variance["stratified"] < variance["multinomial"]
    assert variance["residual"] < variance["multinomial"]


def test_whole_numbers_are_exact() -> None:
    """Equal weights copy every particle once, in spite of rounding."""
    for size in (3, 7, 10, 49, 64):
        weights = np.full(size, 1.0 / size)
        for uniform in (1e-9, 0.5, 1 - 1e-9):
            assert (residual_counts(weights, np.full(size, uniform)) == 1).all()
            assert (systematic_counts(weights, np.full(size, 0.5)) == 1).all()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 1000))
def test_survivors_keep_their_rows(numbers: list[int], seed: int) -> None:
    """Any counts: the right number of copies, survivors in place, no row read that is overwritten."""
    size = len(numbers)
    counts = np.bincount(np.random.default_rng(seed).choice(size, size), minlength=size).astype(np.int64)
    several = np.stack([counts, np.ones(size, dtype=np.int64), np.roll(counts, 1)])
    ancestors = keep_survivors(several)
    for row, found in zip(several, ancestors, strict=True):
        np.testing.assert_array_equal(np.bincount(found, minlength=size), row)
        moved = np.flatnonzero(found != np.arange(size))
        assert (row[moved] == 0).all()
        assert set(found[moved]).isdisjoint(moved)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_populations_of_a_batch(scheme: CopyScheme) -> None:
    """Each by itself; the estimate of Z stays; the dead stay dead; weights of any scale."""
    logs = np.log(np.stack([WEIGHTS + 1e-3, WEIGHTS + 0.1])) + np.array([[-2000.0], [900.0]])
    logs = np.concatenate([logs, np.full((1, 6), -np.inf)])
    numbers = noise(3, 6)
    ancestors, renewed = resample(logs, scheme, numbers)
    np.testing.assert_allclose(log_mean_exp(renewed)[:2], log_mean_exp(logs)[:2], rtol=1e-14)
    assert (renewed[2] == -np.inf).all() and (ancestors[2] == np.arange(6)).all()
    for row in range(2):
        alone, weights = resample(logs[row], scheme, numbers[row])
        np.testing.assert_array_equal(alone, ancestors[row])
        np.testing.assert_array_equal(weights, renewed[row])


def test_without_replacement_keeps_every_expectation() -> None:
    """E[new weight] = weight, different candidates, heavy ones always and unchanged; the total is exact."""
    logs = np.log(np.array([0.5, 0.2, 0.1, 0.08, 0.05, 0.04, 0.02, 0.01])) - 700
    rows = 4000
    total = np.zeros((rows, 8))
    for row, numbers in enumerate(noise(rows, 1)):
        chosen, renewed = resample_without_replacement(logs, 4, numbers)
        assert len(set(chosen.tolist())) == 4 and (np.diff(chosen) > 0).all()
        assert renewed[0] == logs[0] and chosen[0] == 0
        assert float(log_sum_exp(renewed)) == pytest.approx(float(log_sum_exp(logs)), rel=1e-14)
        total[row, chosen] = np.exp(renewed + 700)
    errors = np.maximum(total.std(axis=0), 1e-9) / math.sqrt(rows)
    assert (abs(total.mean(axis=0) - np.exp(logs + 700)) < 4 * errors + 1e-9).all()


@given(st.lists(st.floats(-20, 5), min_size=1, max_size=10), st.integers(1, 10), st.floats(1e-9, 1 - 1e-9))
def test_without_replacement_of_any_weights(logs: list[float], count: int, uniform: float) -> None:
    """Different candidates, the same total, nobody heavier than before or than 1/c."""
    log_weights = np.array(logs)
    if count > len(logs):
        with pytest.raises(SamplerError):
            resample_without_replacement(log_weights, count, np.array([uniform]))
        return
    chosen, renewed = resample_without_replacement(log_weights, count, np.array([uniform]))
    assert len(set(chosen.tolist())) == count
    assert float(log_sum_exp(renewed)) == pytest.approx(float(log_sum_exp(log_weights)), abs=1e-9)
    assert (renewed >= log_weights[chosen] - 1e-9).all()


def test_without_replacement_of_the_dead() -> None:
    """Fewer alive than places: all of them, and dead ones."""
    chosen, renewed = resample_without_replacement(np.array([-np.inf, 0.5, -np.inf, -3.0]), 3, np.array([0.5]))
    assert chosen.tolist() == [0, 1, 3]
    assert renewed.tolist() == [-np.inf, 0.5, -3.0]
    chosen, renewed = resample_without_replacement(np.full(3, -np.inf), 2, np.array([0.5]))
    assert (renewed == -np.inf).all() and len(chosen) == 2


def test_errors() -> None:
    """NaN, +inf, shapes, names."""
    with pytest.raises(SamplerError):
        resample(np.array([0.0, np.nan]), "stratified", np.array([0.1, 0.2]))
    with pytest.raises(SamplerError):
        resample(np.array([0.0, np.inf]), "stratified", np.array([0.1, 0.2]))
    with pytest.raises(SamplerError):
        resample(np.zeros(2), "stratified", np.zeros(3))
    with pytest.raises(SamplerError):
        resample(np.zeros(2), "best", np.zeros(2))  # type: ignore[arg-type]
    with pytest.raises(SamplerError):
        keep_survivors(np.array([2, 1]))
