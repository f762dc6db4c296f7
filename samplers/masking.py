"""Masking with exact weights: the plain way to write texts of a language, and how far it is from the target.

Purpose: masked decoding bends a model's law; the product of the masked masses says by how much, for each text, at no
cost.  With it the samples are importance samples of the target.
Place: `MaskSampler` draws tokens for any driver; `MaskedSampling` is the driver without resampling.
Cost: `samplers.kernels.masked_draw` for all rows, and one copy of two numbers a row to the host.
Not taken: one pass over the logits for the mass and another for the token; a kernel has both.

Mathematics: q(v|u) = p(v|u) n(v|u) / m(u) with n the mask and the dense factor, m(u) = sum of p n.  Then p n / q = m(u)
whatever v is, so a text's weight is the product of m(u) over its steps, and E[weight] = Z.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.kernels import Draws, draw, masked_draw, masked_log_probs, row_uniforms
from samplers.models.model import LanguageModel
from samplers.noise import PURPOSE_TOKEN
from samplers.potentials.potential import Potential, PotentialState
from samplers.rollout import Budget, Prompt, Prompts, Rollout, parser_of, weighted_samples, within_budget
from samplers.token import AWRS
from samplers.token_sampler import TokenSampler
from samplers.types import Samples, Statistics, StepResult


def target_log_probs(logits: torch.Tensor, potential: PotentialState) -> torch.Tensor:
    """log p(v|u) plus the mask and the dense factor: float64[rows, vocabulary_size], not normalised again.

    Its sum is the log of m(u).  What checks would say is not in it.
    """
    log_probs = masked_log_probs(logits, potential.mask())  # read before the potential is asked again
    dense = potential.log_weights_next()
    return log_probs if dense is None else _with_dense(log_probs, dense)


def _with_dense(log_probs: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
    """``log_probs``, in place, plus a dense factor; -inf for tokens that the factor does not know."""
    common = min(log_probs.shape[1], dense.shape[1])
    log_probs[:, :common] += dense[:, :common].to(log_probs.device, log_probs.dtype)
    log_probs[:, common:] = -torch.inf
    return log_probs


@dataclass(frozen=True, slots=True)
class MaskSampler:
    """Draws under the mask and the dense factor; the weight is their mass m(u), whatever is drawn.

    Where the potential has checks, the drawn token is checked and its factor multiplies the weight: proper, but a
    refused token ends the row.  `samplers.token` has samplers that look for accepted ones.
    """

    def sample(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        active: NDArray[np.bool_] | None = None,
    ) -> StepResult:
        """See `TokenSampler`."""
        rows = len(keys)
        active = np.ones(rows, dtype=np.bool_) if active is None else active
        uniform = row_uniforms(keys, logits.device)
        # What the potential hands out is ours until it is asked again: the mask comes last, or is read at once.
        dense = potential.log_weights_next()
        if dense is None:
            drawn = masked_draw(logits, potential.mask(), uniform)
        else:
            dense = dense.clone()
            scores = _with_dense(masked_log_probs(logits, potential.mask()), dense)
            drawn = Draws(draw(scores, uniform), torch.logsumexp(scores, dim=1))
        # One copy to the host; token ids are exact in float64.
        host = torch.stack([drawn.tokens.to(drawn.log_mass.dtype), drawn.log_mass]).double().cpu().numpy()
        tokens, weights = host[0].astype(np.int64), host[1].copy()
        if np.isnan(weights[active]).any() or (weights[active] == np.inf).any():
            raise SamplerError("the model's logits or a dense factor hold NaN or +inf")
        alive = active & (weights > -np.inf)
        checks = np.zeros(rows, dtype=np.int64)
        if potential.has_checks and alive.any():
            asked = np.flatnonzero(alive)
            weights[asked] += potential.check(asked, tokens[asked])
            checks[asked] = 1
        tokens = np.where(active & (weights > -np.inf), tokens, -1)
        return StepResult(tokens, np.where(active, weights, 0.0), checks)


@dataclass
class MaskedState:
    """Texts in progress; ``seed`` is the run's."""

    prompts: Prompts
    rollout: Rollout
    seed: int
    checks: NDArray[np.int64]

    @property
    def is_done(self) -> bool:
        """Whether every row is finished or dead."""
        return not self.rollout.is_active.any()


@dataclass(frozen=True, slots=True)
class MaskedInfo:
    """One step: the tokens (int64[rows], -1 for rows that took none) and their log weights (float64[rows])."""

    tokens: NDArray[np.int64]
    log_weights: NDArray[np.float64]


class MaskedSampling:
    """Independent samples, token by token: ``n`` rows a prompt, no resampling.

    Target: ``p(x) exp(complete(x))`` over texts of at most ``max_tokens`` tokens.  ``token_sampler``: any properly
    weighted one; by default `MaskSampler`, which makes this masked decoding with its exact weights, and where the
    potential has checks, `samplers.token.AWRS` under the mask.
    ``budget``: see `samplers.rollout.within_budget`.
    """

    def __init__(
        self,
        model: LanguageModel,
        potential: Potential,
        *,
        n: int = 16,
        max_tokens: int = 256,
        budget: Budget = "limit",
        token_sampler: TokenSampler | None = None,
    ) -> None:
        if n < 1:
            raise SamplerError(f"n must be at least 1, and is {n}")
        self.model = model
        self.potential = potential
        self.n = n
        self._bounded = within_budget(potential, max_tokens, budget)
        if token_sampler is None:
            token_sampler = AWRS() if self._bounded.start(1).has_checks else MaskSampler()
        self._token_sampler: TokenSampler = token_sampler

    def init(self, prompts: Sequence[Prompt], seed: int) -> MaskedState:
        """Rows at the end of the prompts, each computed once."""
        encoded = Prompts.of(self.model, prompts)
        prompt_of = np.repeat(np.arange(len(encoded)), self.n)
        slots = np.tile(np.arange(self.n), len(encoded))
        state = self.model.prefill(encoded.ids, encoded.attention_mask, self.n)
        rollout = Rollout.start(state, self._bounded, encoded.coordinates, prompt_of, slots)
        return MaskedState(encoded, rollout, seed, np.zeros(len(prompt_of), dtype=np.int64))

    def step(self, state: MaskedState) -> tuple[MaskedState, MaskedInfo]:
        """Every active row takes a token.  The state is used up: go on with the one that is returned."""
        rollout = state.rollout
        keys = rollout.keys(state.seed, PURPOSE_TOKEN)
        result = self._token_sampler.sample(rollout.model.logits(), rollout.potential, keys, rollout.is_active)
        rollout.advance(result.tokens, result.log_weights)
        return MaskedState(state.prompts, rollout, state.seed, state.checks + result.checks), MaskedInfo(
            result.tokens, result.log_weights
        )

    def result(self, state: MaskedState) -> list[Samples]:
        """What was written so far, for each prompt; rows that are not finished have a weight of 0."""
        rollout = state.rollout
        log_weights = np.where(rollout.is_finished, rollout.log_weights, -np.inf)
        results = []
        for prompt in range(len(state.prompts)):
            chosen = np.flatnonzero(rollout.prompt_of == prompt)
            # a prompt's own rows: what it would cost alone, whatever lies beside it
            steps = sum(len(rollout.tokens[row]) + 1 for row in chosen)
            statistics = Statistics(
                model_calls=1 + steps - len(chosen),
                forward_passes=rollout.model.forward_passes,
                constraint_checks=int(state.checks[chosen].sum()),
                proposals=len(chosen),
                accepted=int(rollout.is_finished[chosen].sum()),
            )
            results.append(
                weighted_samples(
                    self.potential.vocabulary,
                    [rollout.tokens[row] for row in chosen],
                    log_weights[chosen],
                    rollout.is_finished[chosen],
                    statistics,
                    parse=parser_of(self.potential),
                )
            )
        return results

    def sample(
        self,
        prompts: Sequence[Prompt],
        seed: int,
        callback: Callable[[MaskedState, MaskedInfo], None] | None = None,
    ) -> list[Samples]:
        """`init`, `step` until all rows are done, `result`.  ``callback`` is called after each step."""
        state = self.init(prompts, seed)
        while not state.is_done:
            state, info = self.step(state)
            if callback is not None:
                callback(state, info)
        return self.result(state)
