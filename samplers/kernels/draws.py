"""One token a row under a packed mask, and the mass that the mask leaves: masked sampling in plain torch.

Purpose: where nothing has to be checked, a step needs one token and one number a row, and nothing else of the
vocabulary.
Place: between a model's logits and `samplers.masking`; `samplers.kernels.draws_triton` is the same for CUDA.
Cost: some ten passes over the logits in float64.
Not taken: float32 sums (their error is 1e-6 a token, and masses of 1e-12 are lost beside 1); ``torch.multinomial`` (a
global generator, and rows that depend on each other).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.bitmask import unpack_bitmask
from samplers.errors import SamplerError
from samplers.noise import uniforms


class Draws(NamedTuple):
    """What `samplers.kernels.masked_draw` finds, on the device of the logits.

    ``tokens`` int64[rows]: arbitrary where nothing is allowed.  ``log_mass`` float64[rows] (float32 on MPS): log of the
    probability of the allowed tokens together; -inf where there are none; NaN, whatever is allowed, where logits of the
    row are NaN or +inf, or -inf throughout.
    """

    tokens: torch.Tensor
    log_mass: torch.Tensor


def exact_dtype(device: torch.device) -> torch.dtype:
    """float64, but float32 on MPS, which has no other."""
    return torch.float32 if device.type == "mps" else torch.float64


def row_uniforms(keys: NDArray[np.int64], device: torch.device) -> torch.Tensor:
    """The first number of each key (`samplers.noise.uniforms`) on a device: `exact_dtype`[rows].

    Made on the host: one number a row is a dozen launches on a device and one small copy from here.
    """
    return torch.from_numpy(uniforms(keys, 1)[:, 0]).to(exact_dtype(device)).to(device, non_blocking=True)


def masked_log_probs(logits: torch.Tensor, bitmask: torch.Tensor | None) -> torch.Tensor:
    """log softmax(logits) with -inf where a token is not allowed: `exact_dtype`[rows, width], not normalised again.

    ``bitmask``: packed int32[rows, words] on any device, or None (all allowed).
    """
    log_probs = torch.log_softmax(logits.to(exact_dtype(logits.device)), dim=1)
    if bitmask is not None:
        _forbid(log_probs, bitmask)
    return log_probs


def _forbid(log_probs: torch.Tensor, bitmask: torch.Tensor) -> None:
    """Put -inf where the mask has a 0, in place."""
    allowed = unpack_bitmask(bitmask.to(log_probs.device, non_blocking=True), log_probs.shape[1])
    log_probs.masked_fill_(~allowed, -torch.inf)


def draw(scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """One token a row in proportion to exp(scores), by inversion of one uniform number a row: int64[rows].

    ``scores``: float64[rows, width]; ``uniform``: [rows].  Tokens of -inf are never drawn; a row of nothing else
    gives an arbitrary one.
    """
    largest = scores.amax(dim=1, keepdim=True)
    cumulative = (scores - torch.where(largest.isfinite(), largest, 0.0)).exp_().cumsum_(dim=1)
    total = cumulative[:, -1:].clone()
    last_possible = torch.searchsorted(cumulative, total)  # rounding must not reach the zeros behind it
    chosen = torch.searchsorted(cumulative, uniform.to(cumulative.dtype)[:, None] * total, right=True)
    return torch.minimum(chosen, last_possible).clamp_(max=scores.shape[1] - 1)[:, 0]


def masked_draw_reference(logits: torch.Tensor, bitmask: torch.Tensor | None, uniform: torch.Tensor) -> Draws:
    """`samplers.kernels.masked_draw` in plain torch, on any device: the same contract."""
    check_draw_arguments(logits, bitmask, uniform)
    scores = torch.log_softmax(logits.to(exact_dtype(logits.device)), dim=1)
    is_broken = scores[:, 0].isnan()  # its normaliser is in every value of a row
    if bitmask is not None:
        _forbid(scores, bitmask)
    log_mass = torch.where(is_broken, torch.nan, torch.logsumexp(scores, dim=1))
    return Draws(draw(scores, uniform.to(scores.device)), log_mass)


def check_draw_arguments(logits: torch.Tensor, bitmask: torch.Tensor | None, uniform: torch.Tensor) -> None:
    """Raise `SamplerError` where shapes or dtypes do not fit."""
    if logits.ndim != 2 or not logits.is_floating_point():
        raise SamplerError(f"logits are float[rows, width], not {logits.dtype} of shape {tuple(logits.shape)}")
    if uniform.shape != logits.shape[:1] or not uniform.is_floating_point():
        raise SamplerError(f"uniform is float[{len(logits)}], not {uniform.dtype} of shape {tuple(uniform.shape)}")
    if bitmask is not None and (bitmask.dtype != torch.int32 or bitmask.ndim != 2 or len(bitmask) != len(logits)):
        raise SamplerError(f"a bitmask is int32[rows, words], not {bitmask.dtype} of shape {tuple(bitmask.shape)}")
