"""The entries to what is fused on the device: Triton kernels on CUDA devices, the references in torch elsewhere.

Purpose: callers name the operation, not the device.
Place: over `samplers.kernels.candidates`, `samplers.kernels.draws` (torch) and their twins in Triton; called by
`samplers.token.race` and `samplers.masking`.  Cost: none of its own.
Not taken: Triton as a dependency; without it a CUDA device runs the references.
"""

from __future__ import annotations

from typing import Final

import torch

from samplers.kernels.candidates import Candidates, check_arguments, mask_gumbel_topk_reference
from samplers.kernels.draws import Draws, masked_draw_reference

_FUSED_COUNT: Final = 32
"""The kernel is unrolled and reduces a tile once for each candidate: past this many, compiling it takes too long, and a
sort is the better way."""


def mask_gumbel_topk(
    logits: torch.Tensor,
    bitmask: torch.Tensor | None,
    keys: torch.Tensor,
    count: int,
    *,
    temperature: float = 1.0,
) -> Candidates:
    """The first ``count`` allowed tokens of a race in which each arrives after an exponential time of its probability.

    That is sampling without replacement, one after another, from softmax(logits / temperature) under the mask.
    ``logits``: float[rows, width]; -inf is never a candidate, NaN and inf make ``log_normaliser`` NaN or inf.
    ``bitmask``: packed int32[rows, words] or None (all allowed); tokens past the last word are not allowed.
    ``keys``: int64[rows]; token t of a row races with number t of the row's key (`samplers.noise.uniforms`).  To go on
    behind the first candidates, clear their bits (`without`) and call again with the same keys.

    On CUDA devices a fused kernel runs where Triton is installed; the candidates are those of the reference for the
    same keys.  Raises `SamplerError` for arguments that do not fit.
    """
    check_arguments(logits, bitmask, keys, count, temperature)
    if logits.is_cuda and count <= _FUSED_COUNT:
        # Imported when a CUDA tensor comes: Triton is no dependency, and its decorators need it at import.
        try:
            from samplers.kernels.candidates_triton import mask_gumbel_topk_triton
        except ModuleNotFoundError:
            pass
        else:
            return mask_gumbel_topk_triton(logits, bitmask, keys, count, temperature=temperature)
    return mask_gumbel_topk_reference(logits, bitmask, keys, count, temperature=temperature)


def masked_draw(logits: torch.Tensor, bitmask: torch.Tensor | None, uniform: torch.Tensor) -> Draws:
    """One token a row in proportion to softmax(logits) under the mask, and the log of the mass under it.

    ``logits``: float[rows, width]; -inf is never drawn.  ``bitmask``: packed int32[rows, words] on any device, or None
    (all allowed); tokens past the last word are not allowed.  ``uniform``: float64[rows] in [0, 1): a row's token is
    the one in which the cumulative sum of its weights, by token id, passes ``uniform`` times their sum.

    On CUDA devices a fused kernel runs where Triton is installed; its tokens are those of the reference but for
    numbers within rounding of the boundary between two tokens.  Raises `SamplerError` for arguments that do not fit.
    """
    if logits.is_cuda:
        try:
            from samplers.kernels.draws_triton import masked_draw_triton
        except ModuleNotFoundError:
            pass
        else:
            return masked_draw_triton(logits, bitmask, uniform)
    return masked_draw_reference(logits, bitmask, uniform)
