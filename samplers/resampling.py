"""Resampling: from weighted particles to ancestors, for every prompt of a batch at once.

Purpose: particles of little weight make room for copies of heavy ones; what is estimated stays unbiased.
Place: `samplers.smc`.  Works on the host: weights are there, and there are few.
Cost: a sort or a search of N numbers a prompt.
Not taken: Metropolis and rejection resamplers for large N on GPUs: they save a sum over N, and are biased or of
random length.

**Schemes.**  Each has the signature ``(weights, uniforms) -> counts``: how often each particle is copied, with
``E[counts] = N * weights``.  *Multinomial*: N independent draws, the most variance.  *Stratified* (the default): one
draw in each N-th part; never worse.  *Systematic*: the same offset in every part, so that each count is rounded up
or down; mostly the least variance, but no theorem says so.  *Residual*: rounded down, the fractions stratified.
*Optimal* (Fearnhead and Clifford 2003) goes from more candidates to N without copies: heavy ones keep their weight, the
others are thinned to equal weights; of all such schemes it has the least variance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.logspace import log_mean_exp, normalised_weights

CopyScheme: TypeAlias = Literal["multinomial", "stratified", "systematic", "residual"]
Scheme: TypeAlias = Literal["multinomial", "stratified", "systematic", "residual", "optimal"]

Counts: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.int64]]


def multinomial_counts(weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Copies of each of N particles by N independent draws: int64[N].

    ``weights`` float64[N], not all 0, need not sum to 1.  ``uniforms`` float64[N] in (0, 1).
    """
    return _counts_at(weights, uniforms)


def stratified_counts(weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Copies by one draw in each N-th part; arguments as for `multinomial_counts`."""
    return _counts_at(weights, (np.arange(len(weights)) + uniforms) / len(weights))


def systematic_counts(weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Copies by one offset in all N parts, ``uniforms[0]``: each is N times the weight, rounded up or down."""
    return _counts_at(weights, (np.arange(len(weights)) + uniforms[0]) / len(weights))


def residual_counts(weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """N times the weight rounded down, and the fractions by one draw in each part of what is left."""
    expected: NDArray[np.float64] = weights / weights.sum() * len(weights)
    # A count that is whole but for rounding is whole: one less would be made up for elsewhere.
    whole = np.floor(expected + 1e-12 * len(weights)).astype(np.int64)
    left = len(weights) - int(whole.sum())
    if left <= 0:
        return whole if left == 0 else _counts_at(weights, (np.arange(len(weights)) + uniforms) / len(weights))
    points = (np.arange(left) + uniforms[:left]) / left
    result: NDArray[np.int64] = whole + _counts_at(np.maximum(expected - whole, 0.0), points)
    return result


COUNTS: Final[dict[CopyScheme, Counts]] = {
    "multinomial": multinomial_counts,
    "stratified": stratified_counts,
    "systematic": systematic_counts,
    "residual": residual_counts,
}
"""The schemes that copy, by name."""


def _counts_at(weights: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many points (in [0, 1)) fall into each weight's part of the whole; never one into a weight of 0."""
    cumulative = np.cumsum(weights)
    chosen = np.searchsorted(cumulative, points * cumulative[-1], side="right")
    last = int(np.flatnonzero(weights)[-1])  # rounding must not lead past it
    return np.bincount(np.minimum(chosen, last), minlength=len(weights)).astype(np.int64)


def resample(
    log_weights: NDArray[np.float64], scheme: CopyScheme, uniforms: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ancestors and new log weights of one population or several: int64[..., N] and float64[..., N].

    ``log_weights`` float64[..., N]; ``uniforms`` float64[..., N] strictly in (0, 1), of their own for each population.
    Each new weight is the mean of the old ones, so that a population's estimate of Z stays; particle i keeps its place
    where it survives (`keep_survivors`).  A dead population stays as it is.  Raises `SamplerError` for NaN, +inf,
    shapes that differ, an unknown scheme.
    """
    if scheme not in get_args(CopyScheme):
        raise SamplerError(f"the scheme must be one of {', '.join(get_args(CopyScheme))}, not {scheme!r}")
    if uniforms.shape != log_weights.shape:
        raise SamplerError(f"uniforms have the shape of the weights, {log_weights.shape}, not {uniforms.shape}")
    weights = normalised_weights(log_weights)
    means = log_mean_exp(log_weights)
    size = log_weights.shape[-1]
    counts = np.ones(log_weights.shape, dtype=np.int64)
    for place in np.ndindex(log_weights.shape[:-1]):
        if np.isfinite(means[place]):
            counts[place] = COUNTS[scheme](weights[place], uniforms[place])
    equal: NDArray[np.float64] = np.repeat(np.asarray(means)[..., None], size, axis=-1)
    return keep_survivors(counts), equal


def keep_survivors(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ancestors with these numbers of copies in which every survivor keeps its own row: int64[..., N].

    ``counts`` int64[..., N], summing to N along the last axis.  Only rows without copies are overwritten, and no row
    is read that is overwritten: what an in-place copy of cache rows needs (`samplers.kernels.copy_rows_`), and the
    least that any copy has to move.
    """
    size = counts.shape[-1]
    if (counts < 0).any() or (counts.sum(axis=-1) != size).any():
        raise SamplerError("counts are not negative and sum to the number of particles")
    ancestors = np.where(counts > 0, np.arange(size), -1)
    # Row by row there are as many further copies as rows without one.
    flat = np.broadcast_to(np.arange(size), counts.shape).ravel()
    ancestors[ancestors < 0] = np.repeat(flat, np.maximum(counts - 1, 0).ravel())
    return ancestors


def resample_without_replacement(
    log_weights: NDArray[np.float64], count: int, uniforms: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """``count`` different candidates of a population and their new log weights: int64[count], float64[count].

    ``log_weights`` float64[candidates], at least ``count`` of them; ``uniforms`` float64[1 or more] in (0, 1).  With c
    such that the sum of ``min(1, c w)`` is ``count``, candidates of weight 1/c and more are kept as they are; of the
    others each is kept with probability c w, and then weighs 1/c.  So the expectation of each weight stays, nothing
    is copied, and no scheme of that kind has less variance.  Where fewer candidates than ``count`` are alive, dead
    ones (-inf) fill up.  Raises `SamplerError` for NaN, +inf, and too few candidates.
    """
    if not 1 <= count <= len(log_weights):
        raise SamplerError(f"cannot choose {count} of {len(log_weights)} candidates")
    weights = normalised_weights(log_weights)
    alive = np.flatnonzero(weights > 0)
    if len(alive) <= count:
        dead = np.flatnonzero(weights <= 0)[: count - len(alive)]
        chosen = np.sort(np.concatenate([alive, dead]))
        return chosen, np.where(weights[chosen] > 0, log_weights[chosen], -np.inf)
    order = alive[np.argsort(-weights[alive], kind="stable")]
    descending = weights[order]
    # Sums from the small end: tails[k] is what is left without the k heaviest.
    tails = np.cumsum(descending[::-1])[::-1]
    kept = 0
    while descending[kept] * (count - kept) >= tails[kept]:
        kept += 1
    threshold = tails[kept] / (count - kept)  # 1/c
    lights = np.sort(order[kept:])
    scaled = np.cumsum(weights[lights])
    points = (np.arange(count - kept) + uniforms[0]) / (count - kept) * scaled[-1]
    drawn = lights[np.minimum(np.searchsorted(scaled, points, side="right"), len(lights) - 1)]
    heavy = order[:kept]
    chosen = np.concatenate([heavy, drawn])
    log_threshold = np.log(threshold) + _log_total(log_weights)
    renewed = np.concatenate([log_weights[heavy], np.full(len(drawn), log_threshold)])
    place = np.argsort(chosen)
    return chosen[place], renewed[place]


def _log_total(log_weights: NDArray[np.float64]) -> float:
    return float(log_mean_exp(log_weights) + np.log(len(log_weights)))
