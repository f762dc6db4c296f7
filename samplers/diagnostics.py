"""How far samples are from their target, from the weights alone: divergences, coverage, intervals.

Purpose: "is masking good enough here?" is answered by a run's own weights, without another model call.
Place: after any sampler; experiments compare these with exact values where a language can be enumerated.
Cost: a pass over the weights.
Not taken: estimates from counts of texts, which need many samples of each text.

With q the law of the draws, w = p/q unnormalised and Z its mean: ``KL(q || target) = log Z - E_q[log w]`` and
``KL(target || q) = E_target[log w] - log Z``.  Both hold for *independent* weighted draws (masking, aligned decoding);
after resampling the weights no longer say what q was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from samplers.errors import SamplerError
from samplers.logspace import log_mean_exp, normalised_weights
from samplers.types import Samples


def kl_to_target(samples: Samples) -> float:
    """The estimate of KL(law of the draws || target), in nats; infinite if a draw was a dead end.

    Raises `SamplerError` for no samples.
    """
    log_weights = _log_weights(samples)
    total = float(log_mean_exp(log_weights))
    if (log_weights == -np.inf).any():
        return math.inf
    return max(0.0, total - float(log_weights.mean()))


def kl_from_target(samples: Samples) -> float:
    """The estimate of KL(target || law of the draws), in nats; biased towards 0 where few draws carry the weight.

    NaN for a dead population.  Raises `SamplerError` for no samples.
    """
    log_weights = _log_weights(samples)
    total = float(log_mean_exp(log_weights))
    if total == -np.inf:
        return math.nan
    weights = normalised_weights(log_weights)
    alive = weights > 0
    return max(0.0, float((weights[alive] * log_weights[alive]).sum()) - total)


def evidence_interval(samples: Samples, level: float = 0.95) -> tuple[float, float]:
    """An interval for log Z at a level, from its standard error (normal approximation for Z itself).

    The lower end is -inf where the error is as large as the estimate.  Raises `SamplerError` for samplers without an
    estimate and levels outside (0, 1).
    """
    if samples.log_evidence is None or samples.log_evidence_error is None:
        raise SamplerError("these samples have no estimate of their evidence")
    if not 0 < level < 1:
        raise SamplerError(f"level must be between 0 and 1, and is {level}")
    spread = NormalDist().inv_cdf((1 + level) / 2) * samples.log_evidence_error
    if not math.isfinite(spread):
        return -math.inf, math.inf
    low = samples.log_evidence + math.log1p(-spread) if spread < 1 else -math.inf
    return low, samples.log_evidence + math.log1p(spread)


def effective_fraction(samples: Samples) -> float:
    """The effective sample size over the number of samples: 1 for equal weights, 0 for a dead population."""
    return samples.ess / len(samples) if len(samples) else 0.0


def coverage(samples: Samples, target: Mapping[str, float]) -> float:
    """How much probability of a known target the different texts of the samples hold, between 0 and 1."""
    seen = set(samples.posterior())
    return math.fsum(probability for text, probability in target.items() if text in seen)


def total_variation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Half the sum of absolute differences of two laws over texts, between 0 and 1."""
    return math.fsum(abs(one.get(text, 0.0) - other.get(text, 0.0)) for text in {*one, *other}) / 2


def kl_divergence(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """KL(one || other) of two laws over texts, in nats; infinite where ``other`` lacks a text of ``one``."""
    total = 0.0
    for text, probability in one.items():
        if probability > 0:
            against = other.get(text, 0.0)
            if against <= 0:
                return math.inf
            total += probability * math.log(probability / against)
    return max(0.0, total)


def _log_weights(samples: Samples) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if not len(samples):
        raise SamplerError("there are no samples")
    return samples.log_weights
