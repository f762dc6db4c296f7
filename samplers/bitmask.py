"""Packed bitmasks on tensors: unpack on the device, apply to logits.

Purpose: masks leave grammarlib as packed int32 words (bit ``t % 32`` of word ``t // 32``), an eighth of a
byte a token; they travel packed and are unpacked where the logits are.
Place: after `grammarlib`'s ``fill_bitmask``, before whatever picks the token.
Cost: one pass over the logits; on one CPU core 0.07 ms a row of 128k tokens for the few tokens of structure, 0.15
ms inside a string.  There numpy unpacks (``unpackbits``: 0.01 ms a row, shifts in torch: 0.03 ms); elsewhere the
device does.
Not taken: a Triton kernel.  This is the reference that one would be tested against.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from samplers.errors import SamplerError


def unpack_bitmask(bitmask: torch.Tensor, width: int) -> torch.Tensor:
    """Every bit as a bool, on the bitmask's device: bool[rows, width] of int32[rows, words].

    Missing words are zero (nothing past them is allowed), surplus bits are dropped.  Raises `SamplerError`
    for another dtype or shape.
    """
    if bitmask.dtype != torch.int32 or bitmask.ndim != 2:
        raise SamplerError(f"a bitmask is int32[rows, words], not {bitmask.dtype} of shape {tuple(bitmask.shape)}")
    rows, words = bitmask.shape
    if bitmask.device.type == "cpu" and sys.byteorder == "little":
        packed = np.ascontiguousarray(bitmask.numpy()).view(np.uint8)
        allowed = torch.from_numpy(np.unpackbits(packed, axis=1, bitorder="little").view(np.bool_))
    else:
        shifts = torch.arange(32, dtype=torch.int32, device=bitmask.device)
        allowed = ((bitmask.unsqueeze(-1) >> shifts) & 1).to(torch.bool).view(rows, 32 * words)
    if allowed.shape[1] < width:
        allowed = torch.nn.functional.pad(allowed, (0, width - allowed.shape[1]))
    return allowed[:, :width]


def apply_bitmask(scores: torch.Tensor, bitmask: torch.Tensor, *, inplace: bool = False) -> torch.Tensor:
    """``scores`` (float[rows, width]) with -inf where the bitmask (int32[rows, words]) has a 0.

    The dtype and the device are those of ``scores``, bfloat16 and float16 included; a bitmask on another device is
    moved, packed.  Logits past the last word are masked.  ``scores`` is written only if ``inplace``, and then
    returned.  NaN stays NaN where it is allowed.  Raises `SamplerError` where rows differ.
    """
    if scores.ndim != 2 or scores.shape[0] != bitmask.shape[0]:
        shapes = f"{tuple(scores.shape)} and {tuple(bitmask.shape)}"
        raise SamplerError(f"scores [rows, width] and bitmask [rows, words] do not fit: {shapes}")
    allowed = unpack_bitmask(bitmask.to(scores.device, non_blocking=True), scores.shape[1])
    if inplace:
        return scores.masked_fill_(~allowed, -torch.inf)
    return torch.where(allowed, scores, -torch.inf)
