"""The weights of all next tokens at once: what a draw that sees the whole row works on.

Purpose: the model's law times what a potential knows without being asked, for the rows of a batch that are drawn.
Place: `samplers.token.direct` and `samplers.token.sets` begin with it.
Cost: one softmax in float64 a row, and a mask unpacked.
Not taken: `samplers.masking.target_log_probs`, which is for all rows of a batch and looks at none: it stands above this
package, and rows that have ended may hold any numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.bitmask import unpack_bitmask
from samplers.errors import SamplerError
from samplers.potentials.potential import PotentialState


def next_token_weights(logits: torch.Tensor, potential: PotentialState, rows: NDArray[np.int64]) -> torch.Tensor:
    """log p(v|u) plus the mask and the dense factor: float64[len(rows), vocabulary_size], -inf for no weight.

    p is the softmax of ``logits`` (floating[all rows, vocabulary_size], not written), ``rows`` int64[k] are those that
    are wanted.  What checks would say is not in it.  The result is a new tensor on the device of the logits (float32 on
    MPS, which has no float64).
    Raises `SamplerError` for logits of these rows that are NaN, +inf or -inf throughout, and for a dense factor that is
    NaN or +inf.
    """
    device = logits.device
    dtype = torch.float32 if device.type == "mps" else torch.float64
    index = torch.from_numpy(rows)
    everything = len(rows) == logits.shape[0]
    used = logits if everything else logits.index_select(0, index.to(device))
    result = torch.log_softmax(used.to(dtype), dim=1)
    if bool(torch.isnan(result[:, 0]).any()):  # its normaliser is in every value of a row
        raise SamplerError("the logits of a row are NaN, +inf, or -inf for every token")
    width = result.shape[1]
    words = potential.mask()
    if words is not None:
        words = words if everything else words.index_select(0, index.to(words.device))
        result.masked_fill_(~unpack_bitmask(words.to(device, non_blocking=True), width), -torch.inf)
    dense = potential.log_weights_next()
    if dense is not None:
        common = min(width, dense.shape[1])
        chosen = dense if everything else dense.index_select(0, index.to(dense.device))
        added = chosen[:, :common].to(device, dtype)
        if bool((torch.isnan(added) | (added == torch.inf)).any()):
            raise SamplerError("a dense factor is NaN or +inf; a potential returned what is no weight")
        result[:, :common] += added
        result[:, common:] = -torch.inf
    return result
