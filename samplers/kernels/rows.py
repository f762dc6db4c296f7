"""Rows of a batch copied in place: what resampling does to a static cache.

Purpose: a static cache is one block of memory whose address a captured CUDA graph knows, so rows are overwritten and
never reassigned.
Place: after `samplers.resampling.keep_survivors`, which arranges ancestors so that no row is read after it was
overwritten.
Cost: reading and writing the dead rows only; one temporary of their size for each tensor.
Not taken: ``Cache.reorder_cache``, which selects every row into new tensors: survivors are copied too, and the
addresses change.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from samplers.errors import SamplerError


def copy_rows_(
    tensors: Iterable[torch.Tensor], source: torch.Tensor, destination: torch.Tensor, *, dimension: int = 0
) -> None:
    """``tensor[destination] = tensor[source]`` along ``dimension``, in place, for every tensor.

    ``source`` and ``destination``: int64[copies].  A destination must be no source and appear once (ancestors from
    `samplers.resampling.keep_survivors` are like that), otherwise the result would depend on the order of copying.
    Raises `SamplerError` where they are not.
    """
    if source.shape != destination.shape or source.ndim != 1:
        raise SamplerError(f"source and destination differ: {tuple(source.shape)} and {tuple(destination.shape)}")
    if not destination.numel():
        return
    written = destination.tolist()
    if len(set(written)) != len(written) or not set(written).isdisjoint(source.tolist()):
        raise SamplerError(
            "a row is overwritten twice, or read and overwritten; arrange ancestors so that rows survive"
        )
    for tensor in tensors:
        tensor.index_copy_(dimension, destination, tensor.index_select(dimension, source))
