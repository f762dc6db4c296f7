"""Weighted sets of tokens: the form of a draw in which nothing that was learned is thrown away.

Purpose: a sampler that asked about several tokens knows a weight of each.  The set of them is an estimate with less
variance than the one token that a text goes on with, and the token is drawn from the set.
Place: `samplers.token.awrs` makes sets from few checks; `Drawn` makes a token sampler of anything that makes sets.
Cost: `EagerSet` asks about every token under the mask, in one call for all rows.
Not taken: sets that say nothing of the tokens outside, such as the k likeliest: what is left out is missing from every
estimate.  A set is proper only if each token with a weight can be in it, with what it is worth on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.logspace import check_log_weights, log_sum_exp
from samplers.noise import PURPOSE_ESTIMATE, stream_keys, uniforms
from samplers.potentials.potential import PotentialState
from samplers.token.estimators import Choices
from samplers.token.weights import next_token_weights
from samplers.types import StepResult


class SetSampler(Protocol):
    """Gives every row a set of tokens with weights: properly weighted for model times potential, as a set.

    For each row u and each function f of tokens, with p the softmax of the logits, next the potential's next weight
    and the sum over the row's set:

        ``E[sum of exp(log mass + log weight) * f(token)] = sum over all tokens v of p(v|u) * exp(next(v|u)) * f(v)``

    One token drawn from the set in proportion to its weight, with the sum as its weight, is then properly weighted in
    the sense of `samplers.token_sampler.TokenSampler`: that is `Drawn`.
    """

    def choices(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], Choices]:
        """The sets of ``rows`` (int64[k]): log mass float64[k], and `Choices` of k rows whose weights it multiplies.

        ``logits`` floating[all rows, vocabulary_size], not written; ``potential``: the state of all rows, asked and not
        advanced; ``keys`` int64[all rows]: the noise of each row, nothing else is random.  The log mass is that of
        p times mask and dense factor; -inf, with a set of no token, for a row that can go nowhere.
        Raises `SamplerError` for logits, dense factors or checks that are no numbers.
        """


@dataclass(frozen=True, slots=True)
class Drawn:
    """The token sampler of a set sampler: one token of each row's set, in proportion to its weight.

    The weight is the sum of the set's.  The draw's uniform number is of the row's own noise, apart from the set's.
    """

    sets: SetSampler

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
        if len(chosen):
            log_mass, choices = self.sets.choices(logits, potential, keys, chosen)
            picked, total = pick(choices, uniforms(stream_keys(0, PURPOSE_ESTIMATE, keys[chosen], 1), 1)[:, 0])
            tokens[chosen] = picked
            log_weights[chosen] = log_mass + total
            checks[chosen] = choices.checks
        return StepResult(tokens, log_weights, checks)


@dataclass(frozen=True, slots=True)
class EagerSet:
    """The exact set: every token that has a weight, with that weight; nothing is random.

    The sum of a row's set is the mass of all that the potential accepts, so that `Drawn` has weights without variance,
    for a check of every token under the mask.  For small vocabularies and for masks that leave few tokens.
    ``max_checks``: the largest number of tokens under the mask and dense factor that a row may have where the potential
    has checks; `SamplerError` where it has more, or if the number is below 1.
    """

    max_checks: int = 1024

    def __post_init__(self) -> None:
        if self.max_checks < 1:
            raise SamplerError(f"max_checks must be at least 1, and is {self.max_checks}")

    def choices(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], Choices]:
        """See `SetSampler`.  Tokens of a set ascend; ``keys`` are not used."""
        weights = next_token_weights(logits, potential, rows)
        log_mass = torch.logsumexp(weights, dim=1).cpu().double().numpy()
        possible = weights > -torch.inf
        counts = possible.sum(dim=1).cpu().numpy().astype(np.int64)
        has_checks = potential.has_checks
        if has_checks and counts.max(initial=0) > self.max_checks:
            worst = int(counts.argmax())
            raise SamplerError(
                f"{counts[worst]} tokens of row {int(rows[worst])} are under the mask, and max_checks is "
                f"{self.max_checks}: raise it, or use AWRS, which checks few of them"
            )
        place = torch.nonzero(possible)
        values = weights[place[:, 0], place[:, 1]].cpu().double().numpy()
        owner, token = place.cpu().numpy().T
        if has_checks and len(token):
            scores = np.asarray(potential.check(rows[owner], token.copy()), dtype=np.float64)
            check_log_weights(scores)
            values = values + scores
        column = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (len(rows), max(int(counts.max(initial=0)), 1))
        tokens = np.full(shape, -1, dtype=np.int64)
        log_weights = np.full(shape, -np.inf)
        kept = values > -np.inf
        tokens[owner[kept], column[kept]] = token[kept]
        # Within the mass, which the caller multiplies back.
        log_weights[owner[kept], column[kept]] = values[kept] - log_mass[owner[kept]]
        return log_mass, Choices(tokens, log_weights, counts if has_checks else np.zeros_like(counts))


def pick(choices: Choices, uniform: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One choice a row in proportion to its weight: (token int64[rows], log of the row's sum float64[rows]).

    ``uniform``: float64[rows] in [0, 1).  Rows without a choice give -1 and -inf.
    """
    total = np.asarray(log_sum_exp(choices.log_weights, axis=1))
    shift = np.where(np.isfinite(total), total, 0.0)
    cumulative = np.cumsum(np.exp(choices.log_weights - shift[:, None]), axis=1)
    place = (cumulative <= (uniform * cumulative[:, -1])[:, None]).sum(axis=1)
    # Rounding must not lead past the last choice that has a weight.
    last = choices.log_weights.shape[1] - 1 - (choices.log_weights > -np.inf)[:, ::-1].argmax(axis=1)
    place = np.minimum(place, last)
    tokens = np.where(np.isfinite(total), choices.tokens[np.arange(len(total)), place], -1)
    return tokens, total
