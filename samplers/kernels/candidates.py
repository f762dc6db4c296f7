"""Candidates of a race: tokens without replacement in proportion to their probability, under a packed mask.

Purpose: a sampler of black-box constraints wants the allowed tokens in random order, a few at a time, and the
probabilities that go with them; the rest of the vocabulary stays on the device.
Place: between a model's logits and `samplers.token.awrs`; `samplers.kernels.candidates_triton` is the same for CUDA.
Cost: one pass over the logits in float64.  On one CPU core a row of 128k tokens takes 2.2 ms without a mask, of which
0.8 ms are noise, and up to 6 ms under a random one; a row of 4k tokens takes 0.1 ms.
Not taken: float32.  Keys then tie, uniform numbers of 24 bits never let a token of probability 1e-9 come first, and
unexplored mass is lost in rounding; on a GPU the pass is bound by memory either way.
Not taken: drawing by inverse distribution functions with a sum for each tile, which needs a few uniform numbers a row
only.  Sums depend on their order, so that two devices would disagree on candidates; keys are compared, not summed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from samplers.bitmask import unpack_bitmask
from samplers.errors import SamplerError
from samplers.noise import device_uniforms


class Candidates(NamedTuple):
    """What `samplers.kernels.mask_gumbel_topk` finds, on the device of the logits.

    ``log_normaliser`` float64[rows]: log of the sum of exp(logits / temperature) over all tokens.
    ``log_mass`` float64[rows]: log of the probability of the allowed tokens together; -inf where there are none.
    ``tokens`` int64[rows, count]: allowed tokens in the order of the race; -1 where a row has fewer.
    ``log_probs`` float64[rows, count]: their log-probabilities in the whole vocabulary; -inf behind the last one.
    ``log_rest`` float64[rows]: log of the probability of the allowed tokens that are not among ``tokens``: a sum, never
    one minus a sum, so that a rest of 1e-300 is exact as well.
    ``log_times`` float64[rows, count]: when each arrived, in the unit in which a token of probability p has rate p; inf
    behind the last one.
    """

    log_normaliser: torch.Tensor
    log_mass: torch.Tensor
    tokens: torch.Tensor
    log_probs: torch.Tensor
    log_rest: torch.Tensor
    log_times: torch.Tensor


def without(bitmask: torch.Tensor | None, tokens: torch.Tensor, width: int) -> torch.Tensor:
    """A new bitmask without some tokens: int32[rows, words].

    ``bitmask``: int32[rows, words], or None for all tokens of ``width``.  ``tokens``: int64[rows, count] on the same
    device, different ones in a row and allowed ones; -1 is none.
    """
    if bitmask is None:
        bitmask = torch.full((len(tokens), (width + 31) // 32), -1, dtype=torch.int32, device=tokens.device)
    present = tokens >= 0
    known = tokens.clamp(min=0)
    bits = torch.ones_like(known, dtype=torch.int32) << (known % 32).to(torch.int32)
    bits = torch.where(present, bits, 0)
    # Different bits of one word add up without carry.
    removed = torch.zeros_like(bitmask).scatter_add_(1, known // 32, bits)
    return bitmask & ~removed


def mask_gumbel_topk_reference(
    logits: torch.Tensor,
    bitmask: torch.Tensor | None,
    keys: torch.Tensor,
    count: int,
    *,
    temperature: float = 1.0,
) -> Candidates:
    """`samplers.kernels.mask_gumbel_topk` in plain torch, on any device with float64: the same contract."""
    check_arguments(logits, bitmask, keys, count, temperature)
    width = logits.shape[1]
    scaled = logits.to(torch.float64) * (1.0 / temperature)
    masked = scaled
    if bitmask is not None:
        allowed = unpack_bitmask(bitmask.to(logits.device, non_blocking=True), width)
        masked = torch.where(allowed, scaled, -torch.inf)
    largest = masked.amax(dim=1, keepdim=True)
    largest = torch.where(largest == -torch.inf, 0.0, largest)
    weights = (masked - largest).exp_()
    log_allowed = weights.sum(dim=1).log_() + largest[:, 0]
    log_normaliser = log_allowed if bitmask is None else torch.logsumexp(scaled, dim=1)
    # Without a token the difference would be of two infinities where the logits are -inf throughout.
    log_mass = torch.where(log_allowed == -torch.inf, -torch.inf, log_allowed - log_normaliser)

    arrivals = device_uniforms(keys.to(logits.device), width).log_().neg_()
    scores, tokens = (masked - arrivals.log_()).topk(min(count, width), dim=1)
    weights.scatter_(1, tokens, 0.0)
    log_rest = weights.sum(dim=1).log_() + largest[:, 0] - log_normaliser
    log_probs = masked.gather(1, tokens) - log_normaliser[:, None]
    return finish(log_normaliser, log_mass, scores, tokens, log_probs, log_rest, count)


def finish(
    log_normaliser: torch.Tensor,
    log_mass: torch.Tensor,
    scores: torch.Tensor,
    tokens: torch.Tensor,
    log_probs: torch.Tensor,
    log_rest: torch.Tensor,
    count: int,
) -> Candidates:
    """Candidates in their final form: places without a token marked, and padded to ``count``."""
    absent = scores == -torch.inf
    tokens = tokens.masked_fill(absent, -1)
    log_probs = log_probs.masked_fill(absent, -torch.inf)
    log_times = log_normaliser[:, None] - scores
    missing = count - tokens.shape[1]
    if missing:
        tokens = torch.nn.functional.pad(tokens, (0, missing), value=-1)
        log_probs = torch.nn.functional.pad(log_probs, (0, missing), value=-math.inf)
        log_times = torch.nn.functional.pad(log_times, (0, missing), value=math.inf)
    return Candidates(log_normaliser, log_mass, tokens, log_probs, log_rest, log_times)


def check_arguments(
    logits: torch.Tensor, bitmask: torch.Tensor | None, keys: torch.Tensor, count: int, temperature: float
) -> None:
    """Raise `SamplerError` where shapes, dtypes or the temperature do not fit."""
    if logits.ndim != 2 or not logits.is_floating_point():
        raise SamplerError(f"logits are float[rows, width], not {logits.dtype} of shape {tuple(logits.shape)}")
    if keys.shape != logits.shape[:1] or keys.dtype != torch.int64:
        raise SamplerError(f"keys are int64[{len(logits)}], one a row, not {keys.dtype} of shape {tuple(keys.shape)}")
    if bitmask is not None and (bitmask.dtype != torch.int32 or bitmask.ndim != 2 or len(bitmask) != len(logits)):
        raise SamplerError(f"a bitmask is int32[rows, words], not {bitmask.dtype} of shape {tuple(bitmask.shape)}")
    if count < 1:
        raise SamplerError(f"count must be at least 1, and is {count}")
    if not (math.isfinite(temperature) and temperature > 0):
        raise SamplerError(f"temperature must be positive and finite, and is {temperature}")
