"""Fused work on the device: candidates of a race, rows of a cache.

`mask_gumbel_topk` has a torch reference, which is the path of the CPU, and a Triton kernel for CUDA devices that finds
the same candidates from the same keys.
"""

from samplers.kernels.candidates import Candidates, mask_gumbel_topk_reference, without
from samplers.kernels.rows import copy_rows_
from samplers.kernels.topk import mask_gumbel_topk

__all__ = ["Candidates", "mask_gumbel_topk", "mask_gumbel_topk_reference", "without", "copy_rows_"]
