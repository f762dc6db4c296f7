"""Weights in log space: sums, means, normalised weights, effective sample size.

Purpose: one definition of each, in float64, with -inf as a legal weight, NaN as an error and the dead population (all
weights 0) as an ordinary case.
Place: under every sampler and `samplers.types.Samples`.  Cost: one pass over a few numbers.
Not taken: ``scipy.special.logsumexp``: scipy is no dependency, and it warns for dead populations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError


def check_log_weights(log_weights: NDArray[np.float64]) -> None:
    """Raises `SamplerError` for NaN or +inf: neither is the logarithm of a weight."""
    if np.isnan(log_weights).any() or (log_weights == np.inf).any():
        raise SamplerError("a log weight is NaN or +inf; a potential or model returned what is no weight")


def log_sum_exp(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """log(sum(exp(values))) along an axis; -inf where every value is.  Raises `SamplerError` for NaN and +inf."""
    values = np.asarray(values, dtype=np.float64)
    check_log_weights(values)
    largest = values.max(axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        result: NDArray[np.float64] = np.log(np.exp(values - shift).sum(axis=axis)) + np.squeeze(shift, axis=axis)
    return result


def log_mean_exp(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """log(mean(exp(values))) along an axis; -inf where every value is, and for no values."""
    count = np.asarray(values).shape[axis]
    result: NDArray[np.float64] = log_sum_exp(values, axis) - np.log(max(count, 1))
    return result


def normalised_weights(log_weights: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Weights that sum to 1 along an axis; all 0 for a dead population."""
    total = np.expand_dims(log_sum_exp(log_weights, axis), axis)
    alive = np.isfinite(total)
    weights: NDArray[np.float64] = np.where(alive, np.exp(log_weights - np.where(alive, total, 0.0)), 0.0)
    return weights


def effective_sample_size(log_weights: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """(sum of weights)^2 / (sum of squares), between 1 and their number; 0 for a dead population."""
    weights = normalised_weights(log_weights, axis)
    squares = (weights**2).sum(axis=axis)
    size: NDArray[np.float64] = np.where(squares > 0, 1.0 / np.where(squares > 0, squares, 1.0), 0.0)
    return size


def log_evidence_error(log_weights: NDArray[np.float64]) -> float:
    """The standard error of `log_mean_exp` of independent weights, by the delta method: a coefficient of variation.

    0 for equal weights, NaN-free: infinite for a dead population and for a single weight, whose spread is unknown.
    """
    count = len(log_weights)
    total = float(log_mean_exp(log_weights)) if count else -np.inf
    if count < 2 or not np.isfinite(total):
        return float(np.inf)
    relative = np.exp(log_weights - total)
    return float(relative.std(ddof=1) / np.sqrt(count))
