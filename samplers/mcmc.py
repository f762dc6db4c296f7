"""Markov chains over texts: propose by masked decoding from some cut, accept by Metropolis and Hastings.

Purpose: samples of the target from chains that start at masked decoding and move towards it, with every state a text of
the language; the way out where rejection accepts nothing and weights collapse.
Place: over models and potentials, like `samplers.aligned`; chains are rows of one batch.
Cost: one pass of masked decoding a step.  A chain replays what it keeps before its cut, from the prompt's cache, so
that all rows move together; the probabilities of both directions come out of that pass.
Not taken: recomputing each text's probability by a second pass (published code); computing the kept prefix in one
go, which would save the replay for models and not for potentials.

Mathematics.  State x, of n tokens and an eos token.  A kernel cuts at i with probability r(i|x), keeps x_<i, and writes
the rest by masked decoding.  With g(t|x) = p n / m, the masked law of token t of x,

    ``q(x'|x) = sum over i up to the common prefix of r(i|x) * product over t >= i of g(t|x')``

(every cut from which x' can be reached counts), and x' is accepted with probability
min(1, target(x') q(x|x') / (target(x) q(x'|x))).  Gonzalez et al. 2025, "Constrained sampling for language models
should be easy: an MCMC perspective".  Kernels:

- ``"independence"``: i = 0 always; the ratio is that of the importance weights of masked decoding.
- ``"uniform"``: i uniform over 0 to n.
- ``"priority"``: i with weight exp(H_i) - 1, H_i the entropy of the masked law at i: where there is something to
  decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.kernels import draw, row_uniforms
from samplers.logspace import log_sum_exp
from samplers.masking import target_log_probs
from samplers.models.model import LanguageModel, ModelState
from samplers.noise import PURPOSE_ACCEPT, PURPOSE_CUT, PURPOSE_TOKEN, stream_keys, uniforms
from samplers.potentials.potential import Potential
from samplers.rollout import Budget, Prompt, Prompts, Rollout, parser_of, text_of, within_budget
from samplers.types import Samples, Statistics

Kernel: TypeAlias = Literal["independence", "uniform", "priority"]


@dataclass(frozen=True)
class ChainText:
    """A text with what the kernels need of it; steps are its tokens and the eos token after them.

    ``tokens``: without eos.  ``eos``: the eos token that ended it.  ``log_target`` float64[steps]: log p and next
    weight of each step, -inf in all for a dead end.  ``log_proposal`` float64[steps]: log g.  ``entropy``
    float64[steps]: of g, in nats.
    """

    tokens: tuple[int, ...]
    eos: int
    log_target: NDArray[np.float64]
    log_proposal: NDArray[np.float64]
    entropy: NDArray[np.float64]

    @property
    def is_dead(self) -> bool:
        """Whether it is no text of the target."""
        return self.eos < 0


_DEAD = ChainText((), -1, np.full(1, -np.inf), np.full(1, -np.inf), np.zeros(1))


def log_cut_probabilities(text: ChainText, kernel: Kernel) -> NDArray[np.float64]:
    """log r(i|x) for each cut i: float64[steps].  A dead end is cut at 0; without any entropy cuts are uniform."""
    steps = len(text.tokens) + 1
    if kernel == "independence" or text.is_dead:
        return np.concatenate([np.zeros(1), np.full(steps - 1, -np.inf)])
    weights = np.expm1(text.entropy) if kernel == "priority" else np.ones(steps)
    total = weights.sum()
    if not total > 0:
        weights, total = np.ones(steps), float(steps)
    with np.errstate(divide="ignore"):
        result: NDArray[np.float64] = np.log(weights / total)
    return result


def log_proposal_probability(text: ChainText, proposed: ChainText, kernel: Kernel) -> float:
    """log q(proposed | text), summed over all cuts that lead there."""
    common = 0
    for one, other in zip(text.tokens, proposed.tokens, strict=False):
        if one != other:
            break
        common += 1
    cuts = log_cut_probabilities(text, kernel)[: common + 1]
    behind = np.cumsum(proposed.log_proposal[::-1])[::-1][: common + 1]
    return float(log_sum_exp(cuts + behind))


def log_acceptance(text: ChainText, proposed: ChainText, kernel: Kernel) -> float:
    """The log of the probability of accepting a proposal; a dead end is left for anything that is none."""
    if proposed.is_dead:
        return -np.inf
    if text.is_dead:
        return 0.0
    forwards = log_proposal_probability(text, proposed, kernel)
    backwards = log_proposal_probability(proposed, text, kernel)
    ratio = float(proposed.log_target.sum() - text.log_target.sum()) + backwards - forwards
    return min(0.0, ratio)


@dataclass
class ChainState:
    """Chains of all prompts: row ``p * n + i`` is chain i of prompt p, at ``texts[row]`` after ``step`` steps.

    ``accepted`` int64[rows]: how many proposals each chain took.  ``model_calls`` and ``checks`` int64[prompts].
    """

    prompts: Prompts
    model: ModelState
    seed: int
    texts: list[ChainText]
    step: int = 0
    accepted: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    model_calls: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    checks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    forward_passes: int = 1


@dataclass(frozen=True, slots=True)
class ChainInfo:
    """One step: where each chain was cut (int64[rows]), what it proposed, the log probability of accepting it
    (float64[rows]), and whether it did (bool[rows]).
    """

    cuts: NDArray[np.int64]
    proposals: tuple[ChainText, ...]
    log_acceptance: NDArray[np.float64]
    is_accepted: NDArray[np.bool_]


class MarkovChains:
    """``n`` independent chains a prompt, each of which leaves the target invariant.

    Target: ``p(x) exp(complete(x))`` over texts of at most ``max_tokens`` tokens.  Proposals follow the mask and the
    dense factor; checks count in the acceptance.  A chain starts at one masked draw, which may be a dead end; it
    leaves that for the first text that it meets.
    """

    def __init__(
        self,
        model: LanguageModel,
        potential: Potential,
        *,
        kernel: Kernel = "uniform",
        n: int = 16,
        max_tokens: int = 256,
        budget: Budget = "limit",
    ) -> None:
        if kernel not in get_args(Kernel):
            raise SamplerError(f"kernel must be one of {', '.join(get_args(Kernel))}, not {kernel!r}")
        if n < 1:
            raise SamplerError(f"n must be at least 1, and is {n}")
        self.model = model
        self.potential = potential
        self.kernel: Kernel = kernel
        self.n = n
        self._bounded = within_budget(potential, max_tokens, budget)

    def init(self, prompts: Sequence[Prompt], seed: int) -> ChainState:
        """Compute each prompt once, and draw each chain's first text by masking."""
        encoded = Prompts.of(self.model, prompts)
        count = len(encoded)
        model = self.model.prefill(encoded.ids, encoded.attention_mask, 1)
        model.logits()
        state = ChainState(
            encoded,
            model,
            seed,
            [_DEAD] * (count * self.n),
            accepted=np.zeros(count * self.n, dtype=np.int64),
            model_calls=np.ones(count, dtype=np.int64),
            checks=np.zeros(count, dtype=np.int64),
        )
        texts = self._propose(state, np.zeros(count * self.n, dtype=np.int64))
        return replace(state, texts=texts, step=1)

    def step(self, state: ChainState) -> tuple[ChainState, ChainInfo]:
        """Every chain proposes, and accepts or stays.  The state is used up: go on with the one that is returned."""
        cut_noise = uniforms(self._keys(state, PURPOSE_CUT, 0), 1)[:, 0]
        cuts = np.zeros(len(state.texts), dtype=np.int64)
        for row, text in enumerate(state.texts):
            cumulative = np.cumsum(np.exp(log_cut_probabilities(text, self.kernel)))
            cuts[row] = np.searchsorted(cumulative, cut_noise[row] * cumulative[-1], side="right")
        proposals = self._propose(state, cuts)
        chances = np.array(
            [log_acceptance(text, proposed, self.kernel) for text, proposed in zip(state.texts, proposals, strict=True)]
        )
        is_accepted = np.log(uniforms(self._keys(state, PURPOSE_ACCEPT, 0), 1)[:, 0]) <= chances
        texts = [
            proposed if accepts else text
            for text, proposed, accepts in zip(state.texts, proposals, is_accepted.tolist(), strict=True)
        ]
        state = replace(state, texts=texts, step=state.step + 1, accepted=state.accepted + is_accepted)
        return state, ChainInfo(cuts, tuple(proposals), chances, is_accepted)

    def _keys(self, state: ChainState, purpose: int, token: int) -> NDArray[np.int64]:
        count = len(state.prompts)
        coordinates = np.repeat(state.prompts.coordinates, self.n)
        return stream_keys(state.seed, purpose, coordinates, np.tile(np.arange(self.n), count), state.step, token)

    def _propose(self, state: ChainState, cuts: NDArray[np.int64]) -> list[ChainText]:
        """A text for each chain: its own up to the cut (int64[rows]), then masked decoding."""
        count = len(state.prompts)
        rows = count * self.n
        prompt_of = np.repeat(np.arange(count), self.n)
        model = state.model.fork(prompt_of)
        slots = np.tile(np.arange(self.n), count)
        rollout = Rollout.start(model, self._bounded, state.prompts.coordinates, prompt_of, slots)
        target: list[list[float]] = [[] for _ in range(rows)]
        proposal: list[list[float]] = [[] for _ in range(rows)]
        entropy: list[list[float]] = [[] for _ in range(rows)]
        last = np.full(rows, -1, dtype=np.int64)
        calls, checks = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        while rollout.is_active.any():
            active = rollout.is_active.copy()
            calls[active] += rollout.step > 0
            is_kept = active & (rollout.step < cuts)
            scores = target_log_probs(model.logits(), rollout.potential)
            log_mass = torch.logsumexp(scores, dim=1)
            law = scores - torch.where(log_mass.isfinite(), log_mass, 0.0)[:, None]
            surprises = torch.where(law > -torch.inf, law.exp() * -law, 0.0)
            entropies = surprises.sum(dim=1).clamp(min=0).double().cpu().numpy()  # rounding must not make it negative
            keys = self._keys(state, PURPOSE_TOKEN, rollout.step)
            tokens = draw(scores, row_uniforms(keys, scores.device)).cpu().numpy()
            for row in np.flatnonzero(is_kept).tolist():
                tokens[row] = state.texts[row].tokens[rollout.step]
            index = torch.from_numpy(tokens).to(scores.device)[:, None]
            step_target = scores.gather(1, index)[:, 0].double().cpu().numpy()
            step_proposal = law.gather(1, index)[:, 0].double().cpu().numpy()
            fresh = np.flatnonzero(active & ~is_kept & (step_target > -np.inf))
            if rollout.potential.has_checks and len(fresh):
                step_target[fresh] += rollout.potential.check(fresh, tokens[fresh])
                checks[fresh] += 1
            for row in np.flatnonzero(active).tolist():
                old, kept = state.texts[row], bool(is_kept[row])
                target[row].append(float(old.log_target[rollout.step] if kept else step_target[row]))
                proposal[row].append(float(old.log_proposal[rollout.step] if kept else step_proposal[row]))
                entropy[row].append(float(old.entropy[rollout.step] if kept else entropies[row]))
            last[active] = tokens[active]
            goes_on = np.where(is_kept, 0.0, step_target)
            rollout.advance(np.where(goes_on > -np.inf, tokens, -1), goes_on)
        state.model_calls = state.model_calls + np.bincount(prompt_of, calls, count).astype(np.int64)
        state.checks = state.checks + np.bincount(prompt_of, checks, count).astype(np.int64)
        state.forward_passes += model.forward_passes
        return [
            ChainText(
                tuple(rollout.tokens[row]),
                int(last[row]),
                np.array(target[row]),
                np.array(proposal[row]),
                np.array(entropy[row]),
            )
            if rollout.is_finished[row]
            else _DEAD
            for row in range(rows)
        ]

    def result(self, state: ChainState, collected: Sequence[Sequence[ChainText]] = ()) -> list[Samples]:
        """Where the chains are, for each prompt, after the ``collected`` texts of earlier steps; all weigh the same."""
        results = []
        vocabulary = self.potential.vocabulary
        for prompt in range(len(state.prompts)):
            rows = slice(prompt * self.n, (prompt + 1) * self.n)
            texts = [text for earlier in collected for text in earlier[rows]] + state.texts[rows]
            alive = np.array([not text.is_dead for text in texts], dtype=bool)
            statistics = Statistics(
                model_calls=int(state.model_calls[prompt]),
                forward_passes=state.forward_passes,
                constraint_checks=int(state.checks[prompt]),
                proposals=self.n * state.step,
                accepted=int(state.accepted[rows].sum()),
            )
            results.append(
                Samples(
                    token_ids=tuple(text.tokens for text in texts),
                    texts=tuple(text_of(vocabulary, text.tokens) for text in texts),
                    log_weights=np.where(alive, 0.0, -np.inf),
                    is_finished=alive,
                    log_evidence=None,
                    log_evidence_error=None,
                    ess=float(alive.sum()),
                    statistics=statistics,
                    parse=parser_of(self.potential),
                    notes=("ess counts samples, which are correlated along a chain",) if collected else (),
                )
            )
        return results

    def sample(
        self,
        prompts: Sequence[Prompt],
        steps: int,
        seed: int,
        *,
        burn_in: int | None = None,
        callback: Callable[[ChainState, ChainInfo], None] | None = None,
    ) -> list[Samples]:
        """Run every chain for ``steps`` steps; its last text, or all texts after ``burn_in`` steps where that is given.

        ``callback`` is called after each step.
        """
        if steps < 0 or (burn_in is not None and not 0 <= burn_in < steps):
            raise SamplerError("steps must not be negative, and burn_in must be below steps")
        state = self.init(prompts, seed)
        collected: list[list[ChainText]] = []
        for number in range(steps):
            if burn_in is not None and number > burn_in:
                collected.append(state.texts)
            state, info = self.step(state)
            if callback is not None:
                callback(state, info)
        return self.result(state, collected)
