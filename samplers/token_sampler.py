"""The seam between drivers and draws: one token a row, properly weighted.

Purpose: masking, AWRS and proposals of one's own are exchangeable under SMC, MCMC and plain loops.
Place: `samplers.masking` and `samplers.token` implement it.  Cost: none of its own.
Not taken: samplers that advance the potential or the model themselves; the driver does, once for each step.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.potentials.potential import PotentialState
from samplers.types import StepResult


class TokenSampler(Protocol):
    """Draws the next token of every row with a weight: properly weighted for model times potential.

    For each row u and token v: ``E[exp(log_weight) * 1{token = v}] = p(v|u) * exp(next(v|u))``, where p is the
    softmax of the logits and next the potential's next weight (an eos token's is ``complete(u) - prefix(u)``).
    Everything else rests on this one equation.
    """

    def sample(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        active: NDArray[np.bool_] | None = None,
    ) -> StepResult:
        """One token a row.

        ``logits``: floating[rows, vocabulary_size], as `samplers.models.ModelState.logits`; not written.
        ``potential``: the rows' state (a `samplers.potentials.PotentialState`); it is asked and not advanced.
        ``keys``: int64[rows], the noise of each row's draw (`samplers.noise.stream_keys`); nothing else is random.
        ``active``: bool[rows]; None: all.
        """
