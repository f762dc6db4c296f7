"""Adaptive weighted rejection sampling: black-box constraints under the cheap mask, with few checks and exact weights.

Purpose: a `samplers.token_sampler.TokenSampler` for potentials that must be asked token by token.  Candidates are
drawn under whatever the potential knows at once (mask, dense weights), so that a token's weight is the mass under the
mask times what the estimator makes of the checks.
Place: a loop or SMC calls it each step; `samplers.token.estimators` and `samplers.token.murthy` are the estimators.
What an estimator leaves of a row is a weighted set (`samplers.token.sets`), of which one token is drawn.
Cost: one pass over the logits, and a few checks a row: all rows of the batch in one call of the black box a round.
Not taken: checking the whole vocabulary, which is what a mask is for.  Where a potential has nothing to ask, this is
masking, with weight exactly the mass under the mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.logspace import check_log_weights
from samplers.noise import PURPOSE_ESTIMATE, stream_keys, uniforms
from samplers.potentials.potential import PotentialState
from samplers.token.estimators import Choices, Estimator
from samplers.token.murthy import Murthy
from samplers.token.race import TensorRace
from samplers.token.sets import Drawn
from samplers.types import StepResult


@dataclass(frozen=True, slots=True)
class AWRS:
    """Draws tokens with few checks; properly weighted for any estimator, scores as well as conditions.

    A `TokenSampler`, and a `SetSampler`: `choices` gives the set of accepted tokens that `sample` draws from.

    ``estimator``: `Murthy()` by default; `TwoLoop`, `Geometric`, `Recursive` (see `samplers.token`).  ``block``: how
    many candidates a row are fetched from the device at first.
    """

    estimator: Estimator = field(default_factory=Murthy)
    block: int = 8

    def __post_init__(self) -> None:
        if self.block < 1:
            raise SamplerError(f"block must be at least 1, and is {self.block}")

    def sample(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        active: NDArray[np.bool_] | None = None,
    ) -> StepResult:
        """See `samplers.token_sampler.TokenSampler`."""
        return Drawn(self).sample(logits, potential, keys, active)

    def choices(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], Choices]:
        """What the estimator leaves for ``rows``: see `samplers.token.sets.SetSampler`."""
        index = torch.from_numpy(rows)
        everything = len(rows) == logits.shape[0]
        used = logits if everything else logits.index_select(0, index.to(logits.device))
        words = potential.mask()
        if words is not None:
            # A copy that is made when this line is done: the tensor is ours only until the potential is asked again.
            words = words.to(used.device, copy=True) if everything else words.index_select(0, index.to(words.device))
        dense = potential.log_weights_next()
        log_normaliser = None
        if dense is not None:
            log_normaliser = torch.logsumexp(used.to(torch.float64), dim=1)
            used, words = _with_dense(used, words, dense.index_select(0, index.to(dense.device)))
        race = TensorRace(used, words, torch.from_numpy(keys[rows]), self.block if potential.has_checks else 1)
        log_mass = race.log_mass
        if log_normaliser is not None:
            host = log_normaliser.cpu().numpy()
            if not np.isfinite(host).all():
                raise SamplerError("the logits of a row are NaN, +inf, or -inf for every token")
            log_mass = log_mass + race.log_normaliser - host

        if not potential.has_checks:
            alive = race.tokens[:, :1] >= 0
            nothing = np.zeros(len(rows), dtype=np.int64)
            return log_mass, Choices(race.tokens[:, :1], np.where(alive, 0.0, -np.inf), nothing)

        def check(asked: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
            scores = np.asarray(potential.check(rows[asked], tokens), dtype=np.float64)
            check_log_weights(scores)
            return scores

        streams = stream_keys(0, PURPOSE_ESTIMATE, keys[rows], 0)

        def further(asked: NDArray[np.int64], count: int, start: int) -> NDArray[np.float64]:
            return uniforms(streams[asked], count, start)

        return log_mass, self.estimator.estimate(race, check, further)


def _with_dense(
    logits: torch.Tensor, words: torch.Tensor | None, dense: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Logits plus the dense log weights in float64, -inf past their width; and the mask, empty for rows without any."""
    result = torch.full(logits.shape, -torch.inf, dtype=torch.float64, device=logits.device)
    width = min(logits.shape[1], dense.shape[1])
    result[:, :width] = logits[:, :width].to(torch.float64) + dense[:, :width].to(logits.device, torch.float64)
    hopeless = (result == -torch.inf).all(dim=1, keepdim=True)
    if words is None:
        words = torch.full((len(logits), (logits.shape[1] + 31) // 32), -1, dtype=torch.int32, device=logits.device)
    words = words.to(logits.device)
    return torch.where(hopeless, 0.0, result), torch.where(hopeless, torch.zeros_like(words), words)
