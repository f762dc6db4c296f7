"""Sequential Monte Carlo: particles that are weighted at each token, and resampled where weights part.

Purpose: samples of ``p(x) * potential(x) * critic(x)`` over texts of at most so many tokens, with an unbiased
estimate of its normaliser.  What the potential knows cheaply steers each token; what is costly is a critic.
Place: over a `LanguageModel`, `Potential`s and a `TokenSampler`; `samplers.custom_generate` runs it in ``generate``.
Cost: a forward pass of all rows a step; resampling moves the cache rows of particles that died.
Not taken: particles as tasks of their own that a queue puts into batches.  All particles of all prompts take a step
together, as rows of one batch.

**Weights.**  A particle starts with the weight ``potential(empty) * critic(empty)``.  A step takes the critic's last
prefix weight out (the twist), draws a token with its weight, and puts the critic's new one in: ``prefix`` of what is
written, or ``complete`` after an eos token.  Prefix weights telescope away, so the target does not depend on them;
they decide who is resampled.  A length limit is a factor (``|x| <= max_tokens``): after that many tokens only eos is
left, and it weighs what the model and the potential give it.

**Estimates.**  The mean weight of a prompt's particles is an unbiased estimate of Z for any scheme and threshold.  Its
standard error is taken over families (particles that descend from one of the first, Chan and Lai 2013), since
resampled particles are not independent; without resampling this is the usual formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.logspace import check_log_weights, effective_sample_size, log_mean_exp, normalised_weights
from samplers.masking import MaskSampler
from samplers.models.model import LanguageModel, ModelState
from samplers.noise import PURPOSE_RESAMPLE, PURPOSE_TOKEN, stream_keys, uniforms
from samplers.potentials import Cadence, Potential, PotentialState
from samplers.resampling import Scheme, resample, resample_without_replacement
from samplers.rollout import Budget, Prompt, Prompts, parser_of, weighted_samples, within_budget
from samplers.token import AWRS
from samplers.token_sampler import TokenSampler
from samplers.types import Samples, Statistics

_NO_TOKEN: Final = -1


@dataclass(frozen=True)
class SMCState:
    """All particles of all prompts after some steps; prompt p has the rows from ``p * n`` on, n of them.

    ``log_weights`` float64[prompts, particles].  ``tokens``: the ids of each row without its eos token.
    ``is_finished`` bool[rows]: an eos token was taken.  ``drawn`` int64[rows]: the last token of each row, eos
    included, -1 where none was drawn.  ``family`` int64[prompts, particles]: which of the first
    particles each descends from.  ``twist`` float64[rows]: the critic's prefix weight that is part of the weight.
    ``model``, ``potential`` and ``critic`` are mutable and move on with each step: a state that was stepped is used up.
    """

    seed: int
    step: int
    model: ModelState
    potential: PotentialState
    critic: PotentialState | None
    log_weights: NDArray[np.float64]
    tokens: tuple[tuple[int, ...], ...]
    is_finished: NDArray[np.bool_]
    family: NDArray[np.int64]
    twist: NDArray[np.float64]
    coordinates: NDArray[np.int64]
    model_calls: NDArray[np.int64]
    forward_passes: NDArray[np.int64]
    checks: NDArray[np.int64]
    drawn: NDArray[np.int64]

    @property
    def prompts(self) -> int:
        """How many prompts there are."""
        return len(self.log_weights)

    @property
    def is_active(self) -> NDArray[np.bool_]:
        """bool[rows]: neither finished nor dead."""
        result: NDArray[np.bool_] = ~self.is_finished & (self.log_weights.ravel() > -np.inf)
        return result

    @property
    def is_done(self) -> bool:
        """Whether no row goes on."""
        return not self.is_active.any()


@dataclass(frozen=True)
class SMCInfo:
    """What a step did, for callbacks and records; arrays are not written later.

    ``tokens`` int64[rows]: drawn in this step, before resampling; -1 for rows that did not go on.
    ``log_weights`` float64[prompts, particles]: before resampling.  ``ess`` float64[prompts]: of these.
    ``ancestors`` int64[prompts, particles]: which particle each place holds now.  ``is_resampled`` bool[prompts].
    ``log_evidence`` float64[prompts]: the estimate of log Z so far (of prefixes, until everything is finished).
    """

    step: int
    tokens: NDArray[np.int64]
    log_weights: NDArray[np.float64]
    ess: NDArray[np.float64]
    ancestors: NDArray[np.int64]
    is_resampled: NDArray[np.bool_]
    log_evidence: NDArray[np.float64]


Callback = Callable[[SMCState, SMCInfo], None]
"""Called after each step with the new state and what was done."""


@dataclass(frozen=True)
class SMC:
    """The algorithm: `init`, then `step` until ``state.is_done``, then `result`; `run` is all of it.

    Target: ``p(x) * exp(potential.complete(x) + critic.complete(x))`` over texts x of at most ``max_tokens`` tokens,
    the eos token not counted.  ``token_sampler`` draws tokens under ``potential``; by default `AWRS` where it has
    checks, and `MaskSampler`, which needs one number a row, where it has none.  ``critic``: a further potential, seen
    only through its weights of what is written, at every ``critic_every``-th token (a number, or a predicate of the
    bytes written).
    ``n`` particles for each prompt.  ``budget``: see `samplers.rollout.within_budget`.
    ``ess_threshold``: resample a prompt where its effective sample size is below this share of the particles and one
    of them goes on (0: never, 1: at every step with unequal weights).
    ``resampling``: a scheme of `samplers.resampling`.  ``"optimal"`` draws ``expansion`` tokens for each particle in
    every step and thins the candidates without copies; the other schemes need ``expansion=1``.

    Raises `SamplerError` for arguments that do not fit.
    """

    model: LanguageModel
    potential: Potential
    critic: Potential | None = None
    token_sampler: TokenSampler | None = None
    n: int = 16
    max_tokens: int = 256
    budget: Budget = "limit"
    ess_threshold: float = 0.5
    resampling: Scheme = "stratified"
    expansion: int = 1
    critic_every: int | Callable[[bytes], bool] = 1

    def __post_init__(self) -> None:
        if self.n < 1 or self.expansion < 1:
            raise SamplerError("n and expansion must be at least 1")
        if not 0 <= self.ess_threshold <= 1:
            raise SamplerError(f"ess_threshold is a share of the particles, in [0, 1], and is {self.ess_threshold}")
        if self.resampling not in get_args(Scheme):
            raise SamplerError(f"resampling must be one of {', '.join(get_args(Scheme))}, not {self.resampling!r}")
        if (self.resampling == "optimal") != (self.expansion > 1):
            raise SamplerError("the optimal scheme thins expansion > 1 candidates a particle; the others take one each")

    def init(self, prompts: Sequence[Prompt] | Prompts, seed: int) -> SMCState:
        """All particles at the end of their prompts, each of which is computed once.

        ``seed``: the same seed, prompt and model give the same samples, whatever else is in the batch.
        """
        encoded = prompts if isinstance(prompts, Prompts) else Prompts.of(self.model, prompts)
        rows = len(encoded) * self.n
        potential = within_budget(self.potential, self.max_tokens, self.budget).start(rows)
        critic = None
        twist = np.zeros(rows)
        log_weights = potential.prefix().copy()
        if self.critic is not None:
            each = self.critic_every
            critic = (self.critic if each == 1 else Cadence(self.critic, each)).start(rows)
            twist = critic.prefix().copy()
            log_weights += twist
        check_log_weights(log_weights)
        model = self.model.prefill(encoded.ids, encoded.attention_mask, self.n)
        return SMCState(
            seed=seed,
            step=0,
            model=model,
            potential=potential,
            critic=critic,
            log_weights=log_weights.reshape(-1, self.n),
            tokens=((),) * rows,
            is_finished=np.zeros(rows, dtype=np.bool_),
            family=np.tile(np.arange(self.n), (len(encoded), 1)),
            twist=twist,
            coordinates=encoded.coordinates,
            model_calls=np.ones(len(encoded), dtype=np.int64),
            forward_passes=np.ones(len(encoded), dtype=np.int64),
            checks=np.zeros(len(encoded), dtype=np.int64),
            drawn=np.full(rows, _NO_TOKEN, dtype=np.int64),
        )

    def step(self, state: SMCState) -> tuple[SMCState, SMCInfo]:
        """One token for every row that goes on, new weights, and ancestors where a prompt is resampled.

        ``state`` is used up.  Finished and dead rows stay as they are.
        """
        prompts, particles = state.log_weights.shape
        drawn = self._draw(state if self.expansion == 1 else self._expanded(state))
        ess = effective_sample_size(drawn.log_weights)
        goes_on = np.asarray(drawn.is_active.reshape(prompts, -1).any(axis=1))
        ancestors = np.tile(np.arange(particles), (prompts, 1))
        log_weights = drawn.log_weights[:, :particles].copy()
        if self.expansion > 1:
            is_resampled = np.asarray(state.is_active.reshape(prompts, particles).any(axis=1))
            numbers = uniforms(self._resampling_keys(state, np.arange(prompts)), 1)
            for prompt in range(prompts):
                ancestors[prompt], log_weights[prompt] = resample_without_replacement(
                    drawn.log_weights[prompt], particles, numbers[prompt]
                )
        else:
            is_uneven = drawn.log_weights.max(axis=1) > drawn.log_weights.min(axis=1)
            # Equal weights have an effective size of N but for rounding.
            is_below = ess < self.ess_threshold * particles * (1 - 1e-12)
            is_resampled = np.logical_and.reduce([goes_on, is_uneven, is_below])
            chosen = np.flatnonzero(is_resampled)
            if len(chosen) and self.resampling != "optimal":
                numbers = uniforms(self._resampling_keys(state, chosen), particles)
                ancestors[chosen], log_weights[chosen] = resample(drawn.log_weights[chosen], self.resampling, numbers)
        return self._moved(state, drawn, ancestors, log_weights, is_resampled, ess)

    def run(self, prompts: Sequence[Prompt] | Prompts, seed: int, *, callback: Callback | None = None) -> list[Samples]:
        """Samples of each prompt.  ``callback`` is called after each step."""
        state = self.init(prompts, seed)
        while not state.is_done:
            state, info = self.step(state)
            if callback is not None:
                callback(state, info)
        return self.result(state)

    def result(self, state: SMCState) -> list[Samples]:
        """The particles of each prompt with their weights; rows that still go on weigh nothing."""
        is_finished = state.is_finished.reshape(-1, self.n)
        results = []
        for prompt in range(state.prompts):
            log_weights = np.where(is_finished[prompt], state.log_weights[prompt], -np.inf)
            plain = weighted_samples(
                self.potential.vocabulary,
                state.tokens[prompt * self.n : (prompt + 1) * self.n],
                log_weights,
                is_finished[prompt],
                Statistics(
                    model_calls=int(state.model_calls[prompt]),
                    forward_passes=int(state.forward_passes[prompt]),
                    constraint_checks=int(state.checks[prompt]),
                    proposals=self.n,
                    accepted=int(is_finished[prompt].sum()),
                ),
                parse=parser_of(self.potential),
            )
            results.append(replace(plain, log_evidence_error=family_error(log_weights, state.family[prompt])))
        return results

    def _resampling_keys(self, state: SMCState, prompts: NDArray[np.int64]) -> NDArray[np.int64]:
        return stream_keys(state.seed, PURPOSE_RESAMPLE, state.coordinates[prompts], 0, state.step)

    def _expanded(self, state: SMCState) -> SMCState:
        """Every particle several times in potential and critic (not in the model), with shares of its weight."""
        prompts, particles = state.log_weights.shape
        parents = np.repeat(np.arange(prompts * particles), self.expansion)
        is_first = np.arange(len(parents)) % self.expansion == 0
        # A row that does not go on is one candidate.
        share = np.where(state.is_active[parents], -np.log(self.expansion), np.where(is_first, 0.0, -np.inf))
        state.potential.select(parents)
        if state.critic is not None:
            state.critic.select(parents)
        return replace(
            state,
            log_weights=(state.log_weights.ravel()[parents] + share).reshape(prompts, -1),
            tokens=tuple(state.tokens[row] for row in parents),
            is_finished=state.is_finished[parents],
            family=np.repeat(state.family, self.expansion, axis=1),
            twist=state.twist[parents],
        )

    def _draw(self, state: SMCState) -> SMCState:
        """A token and a new weight for every row that goes on.  Potential and critic have read it, the model has not:

        its last token stands at the end of ``tokens``, or the row is finished or dead.
        """
        copies = self.expansion
        active = state.is_active
        rows = np.arange(len(active))
        parents = rows // copies
        logits = state.model.logits()
        if copies > 1:
            logits = logits.repeat_interleave(copies, dim=0)
        prompt = parents // self.n
        keys = stream_keys(
            state.seed,
            PURPOSE_TOKEN,
            state.coordinates[prompt],
            parents % self.n,
            state.step,
            rows % copies,
        )
        sampler = self.token_sampler
        if sampler is None:
            sampler = AWRS() if state.potential.has_checks else MaskSampler()
        result = sampler.sample(logits, state.potential, keys, active)
        log_weights = state.log_weights.ravel().copy()
        log_weights[active] += result.log_weights[active] - state.twist[active]
        drawn = np.where(active & (log_weights > -np.inf), result.tokens, _NO_TOKEN)
        state.potential.advance(drawn)
        twist = np.zeros(len(rows))
        if state.critic is not None:
            state.critic.advance(drawn)
            going = drawn != _NO_TOKEN
            twist[going] = state.critic.prefix()[going]  # of a row with an eos token: complete
            log_weights[going] += twist[going]
        check_log_weights(log_weights)
        is_eos = np.isin(drawn, np.array(self.potential.vocabulary.eos_token_ids, dtype=np.int64))
        goes_on = (drawn != _NO_TOKEN) & ~is_eos
        checks = np.bincount(prompt, result.checks * active, minlength=state.prompts).astype(np.int64)
        return replace(
            state,
            step=state.step + 1,
            log_weights=log_weights.reshape(state.log_weights.shape),
            tokens=tuple(
                (*ids, token) if more else ids
                for ids, token, more in zip(state.tokens, drawn.tolist(), goes_on.tolist(), strict=True)
            ),
            is_finished=state.is_finished | is_eos,
            twist=twist,
            checks=state.checks + checks,
            drawn=drawn,
        )

    def _moved(
        self,
        before: SMCState,
        drawn: SMCState,
        ancestors: NDArray[np.int64],
        log_weights: NDArray[np.float64],
        is_resampled: NDArray[np.bool_],
        ess: NDArray[np.float64],
    ) -> tuple[SMCState, SMCInfo]:
        """The state in which each place holds its ancestor; only now the model reads the tokens that survived."""
        prompts, particles = ancestors.shape
        width = drawn.log_weights.shape[1]
        rows = (ancestors + np.arange(prompts)[:, None] * width).ravel()
        if width != particles or (rows != np.arange(len(rows))).any():
            drawn.potential.select(rows)
            if drawn.critic is not None:
                drawn.critic.select(rows)
        parents = rows // self.expansion
        if (parents != np.arange(len(parents))).any():
            drawn.model.select(parents)
        is_finished = drawn.is_finished[rows]
        tokens = drawn.drawn[rows]
        alive = ~is_finished & (log_weights.ravel() > -np.inf)
        drawn.model.append(np.where(alive, tokens, _NO_TOKEN))

        calls = before.is_active.reshape(prompts, particles).sum(axis=1) * (before.step > 0)
        state = replace(
            drawn,
            log_weights=log_weights,
            tokens=tuple(drawn.tokens[row] for row in rows),
            is_finished=is_finished,
            family=np.take_along_axis(drawn.family, ancestors, axis=1),
            twist=drawn.twist[rows],
            model_calls=before.model_calls + calls,
            forward_passes=before.forward_passes + (calls > 0),
            drawn=tokens,
        )
        info = SMCInfo(
            step=before.step,
            tokens=drawn.drawn,
            log_weights=drawn.log_weights,
            ess=ess,
            ancestors=ancestors,
            is_resampled=is_resampled,
            log_evidence=log_mean_exp(drawn.log_weights) + np.log(width / particles),
        )
        return state, info


def family_error(log_weights: NDArray[np.float64], family: NDArray[np.int64]) -> float:
    """The standard error of log Z from one population: families are independent, their members are not.

    ``log_weights`` float64[N]; ``family`` int64[N]: which of the first N particles each descends from.  Without
    resampling it is the coefficient of variation of the mean.  Infinite for one particle and for a dead population;
    about 1 where all descend from one, which says that the spread is not known.
    """
    count = len(log_weights)
    weights = normalised_weights(log_weights)
    if count < 2 or not weights.any():
        return float(np.inf)
    shares = np.bincount(family, weights, minlength=count) * count
    return float(np.sqrt(((shares - 1) ** 2).sum() / (count * (count - 1))))


def smc(
    model: LanguageModel,
    potential: Potential,
    prompts: Sequence[Prompt] | Prompts,
    *,
    seed: int,
    callback: Callback | None = None,
    **settings: Any,
) -> list[Samples]:
    """Weighted samples for each prompt by sequential Monte Carlo; ``settings`` are the other fields of `SMC`."""
    return SMC(model, potential, **settings).run(prompts, seed, callback=callback)
