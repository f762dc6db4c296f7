"""Fused work on the device: masked draws, candidates of a race, rows of a cache.

`masked_draw` and `mask_gumbel_topk` have references in torch, which are the path of the CPU, and Triton kernels for
CUDA devices that find the same tokens from the same numbers.
"""

from samplers.kernels.candidates import Candidates, mask_gumbel_topk_reference, without
from samplers.kernels.dispatch import mask_gumbel_topk, masked_draw
from samplers.kernels.draws import Draws, draw, exact_dtype, masked_draw_reference, masked_log_probs, row_uniforms
from samplers.kernels.rows import copy_rows_

__all__ = [
    "Candidates",
    "Draws",
    "mask_gumbel_topk",
    "mask_gumbel_topk_reference",
    "masked_draw",
    "masked_draw_reference",
    "masked_log_probs",
    "without",
    "draw",
    "exact_dtype",
    "row_uniforms",
    "copy_rows_",
]
