"""Tokens from a proposal of the user's own, with exact importance weights.

Purpose: draw where one wishes (a flatter law, another model's guess, a rule of thumb), and let the weight say how far
that was from the target.
Place: a `samplers.token_sampler.TokenSampler`, for SMC and plain loops.
Cost: two passes over the row in float64 beside the proposal's own work; one check a row where the potential has any.
Not taken: proposals with rows of their own to advance.  A token sampler is not told when SMC copies or drops rows, so a
proposal is a function of what a row is: its logits, and its place in the potential.

Mathematics: with t(v) = p(v|u) n(v|u), n the mask and the dense factor, and q the proposal, normalised over the tokens
with t(v) > 0, the weight of v is t(v) / q(v) times what the check says.  Its mean over q, times any f(v), is the sum of
t(v) check(v) f(v), provided that q(v) > 0 wherever t(v) > 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.kernels import row_uniforms
from samplers.logspace import check_log_weights
from samplers.potentials.potential import PotentialState
from samplers.token.weights import next_token_weights
from samplers.types import StepResult

ProposalFunction: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""Scores of every token from the model's logits alone: floating[rows, width] -> floating[rows, width]."""


@runtime_checkable
class Proposal(Protocol):
    """What tokens to try: a law over tokens for every row, as scores.

    A function of the rows as they are, without memory: row i of the scores depends on row i of the logits and of the
    potential alone.  Rows may change places from call to call, and be left out; nobody says so.
    """

    def scores(self, logits: torch.Tensor, potential: PotentialState) -> torch.Tensor:
        """The log of the proposal, up to a constant a row: floating[rows, vocabulary_size], -inf for no probability.

        ``logits``: the model's, of that shape, not to be written.  ``potential``: the state of the same rows, to be
        asked for its mask, its dense factor and its weights, and not to be advanced.  Scores of tokens that mask or
        dense factor refuse are not used, but must not be NaN or +inf; rows that have ended may have any.
        """


@dataclass(frozen=True, slots=True)
class Direct:
    """Draws each token from a proposal; properly weighted for the model times the potential.

    ``proposal``: a function of the logits (`ProposalFunction`), such as ``lambda logits: logits / 1.5``, or an object
    with a method ``scores`` (`Proposal`).  The draw is by inversion of one uniform number a row, among the tokens that
    the model, the mask and the dense factor give a weight.  The log weight is ``log p + log n - log q`` of the token
    drawn; where the potential has checks it is checked, and its factor added: a refused token ends the row.
    Rows do not depend on the rows beside them.

    **Support.**  The proposal must give a probability to every token that the model, the mask and the dense factor
    give one; a token that it cannot draw would be missing from every estimate.  What underflows in float64 (scores
    some 745 below the row's largest) counts as no probability.  Weights are unbounded where the proposal is sharper
    than the target: rare draws then carry what the others lack.

    Raises `SamplerError` for a proposal that is neither; from `sample`: where the support is not covered; for logits
    of NaN, +inf or -inf throughout; for scores of another shape, NaN or +inf; for checks and dense factors that are
    NaN or +inf.
    """

    proposal: ProposalFunction | Proposal

    def __post_init__(self) -> None:
        if not (isinstance(self.proposal, Proposal) or callable(self.proposal)):
            raise SamplerError(
                "a proposal is a function of the logits, or has a method scores(logits, potential); "
                f"{type(self.proposal).__name__} is neither"
            )

    def sample(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        active: NDArray[np.bool_] | None = None,
    ) -> StepResult:
        """See `samplers.token_sampler.TokenSampler`."""
        rows = len(keys)
        chosen = np.arange(rows, dtype=np.int64) if active is None else np.flatnonzero(active)
        tokens = np.full(rows, -1, dtype=np.int64)
        log_weights = np.zeros(rows)
        checks = np.zeros(rows, dtype=np.int64)
        if not len(chosen):
            return StepResult(tokens, log_weights, checks)
        weights = next_token_weights(logits, potential, chosen)
        shares = self._shares(logits, potential, chosen, weights)
        uniform = row_uniforms(keys[chosen], shares.device)[:, None]
        cumulative = shares.cumsum(dim=1)
        total = cumulative[:, -1:].clone()
        last = torch.searchsorted(cumulative, total)  # rounding must not reach the zeros behind it
        place = torch.searchsorted(cumulative, uniform.to(total.dtype) * total, right=True)
        place = torch.minimum(place, last)
        # Of rows without a token: log(0) - log(0), which is replaced.
        ratio = weights.gather(1, place) - (shares.gather(1, place) / total).log()
        ratio = torch.where(total > 0, ratio, -torch.inf)
        drawn, found = place[:, 0].cpu().numpy(), ratio[:, 0].cpu().double().numpy()
        alive = np.flatnonzero(found > -np.inf)
        if potential.has_checks and len(alive):
            scores = np.asarray(potential.check(chosen[alive], drawn[alive]), dtype=np.float64)
            check_log_weights(scores)
            found[alive] += scores
            checks[chosen[alive]] = 1
        tokens[chosen] = np.where(found > -np.inf, drawn, -1)
        log_weights[chosen] = found
        return StepResult(tokens, log_weights, checks)

    def _shares(
        self, logits: torch.Tensor, potential: PotentialState, rows: NDArray[np.int64], weights: torch.Tensor
    ) -> torch.Tensor:
        """The proposal of ``rows`` among tokens with a weight, up to a factor: float64[k, width], largest 1 a row."""
        if isinstance(self.proposal, Proposal):
            scores = self.proposal.scores(logits, potential)
        else:
            scores = self.proposal(logits)
        if scores.shape != logits.shape:
            raise SamplerError(
                f"a proposal has a score for every logit: {tuple(scores.shape)} is not {tuple(logits.shape)}"
            )
        scores = scores.to(weights.device)
        if len(rows) < len(scores):
            scores = scores.index_select(0, torch.from_numpy(rows).to(scores.device))
        scores = scores.to(weights.dtype)
        if bool((torch.isnan(scores) | (scores == torch.inf)).any()):
            raise SamplerError("a score of the proposal is NaN or +inf, which is the logarithm of no probability")
        possible = weights > -torch.inf
        scores = scores.masked_fill(~possible, -torch.inf)
        largest = scores.amax(dim=1, keepdim=True)
        shares = (scores - torch.where(largest > -torch.inf, largest, 0.0)).exp_()
        missing = possible & (shares == 0)
        if bool(missing.any()):
            row, token = (int(index) for index in torch.nonzero(missing)[0])
            raise SamplerError(
                f"the proposal can never draw token {token} of row {int(rows[row])}, whose weight is "
                f"{float(weights[row, token].exp()):.3g}: estimates would lack it; give every token that the model and "
                "the mask allow a probability, for instance by a mixture with the model's own law"
            )
        return shares
