"""Aligned decoding on a trie: ASAp, its exact weights, and exact rejection (CARS), in batches.

Purpose: what masking bends, past draws correct: a prefix whose completions turned out to be mostly outside the language
is drawn less often.  Each draw has an exact importance weight, and thinned by it draws are exact samples.
Place: `AlignedSampling` drives model, potential and `samplers.trie`; `samplers.aligned_processor` does the same inside
``model.generate``.
Cost: masked decoding plus one scatter of known children and one more log-sum-exp a row and step.  All rows
of a batch draw against one snapshot of the trie, then all are recorded: weights stay exact.
Not taken: three implementations; the published ones are one algorithm (research: Park et al. 2024, "Grammar-aligned
decoding"; Parys et al. 2025, "Constrained adaptive rejection sampling").

Mathematics, with c for `samplers.trie`'s future and N(u) = sum over allowed v of p(v|u) c(uv):
a step draws v with q(v|u) = p(v|u) c(uv) / N(u), so its weight is p/q = N(u) / c(uv).  Over a text these telescope to
c(root) times the masked masses m(u) of the prefixes that were visited for the first time.  Its mean is Z, for every
state of the trie.  Modes:

- ``"weighted"``: those weights.
- ``"asap"``: the published algorithm: the same draws, weights forgotten.  Tends to the target, biased until then.
- ``"cars"``: at each step a row goes on with probability N(u) / c(u), which is m(u) at new prefixes and 1 at visited
  ones.  What arrives is distributed exactly as the target, with acceptance Z / c(root); rejected rows teach the trie
  as well.

A potential's check has a say after the draw: its factor multiplies the weight, and is part of c of the child, so that a
token or text that was refused is not drawn again.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.kernels import draw, row_uniforms
from samplers.logspace import log_evidence_error, log_mean_exp
from samplers.masking import target_log_probs
from samplers.models.model import LanguageModel, ModelState
from samplers.noise import PURPOSE_ACCEPT, PURPOSE_TOKEN, uniforms
from samplers.potentials.potential import Potential
from samplers.rollout import (
    Budget,
    Prompt,
    Prompts,
    Rollout,
    parser_of,
    weighted_samples,
    within_budget,
)
from samplers.trie import AlignedTrie, Visit, target_key
from samplers.types import Samples, Statistics

Mode: TypeAlias = Literal["weighted", "asap", "cars"]


class VisitLog:
    """Collects, step by step, the prefixes that rows of one batch go through: distinct ones, parents first.

    ``nodes`` int64[rows]: the trie's node of each row's prefix, -1 off the trie.
    """

    def __init__(self, trie: AlignedTrie, roots: NDArray[np.int64]) -> None:
        self.nodes = roots.copy()
        self._trie = trie
        self._visits: list[Visit] = []
        self._by_place: dict[tuple[int, int], int] = {}
        self._announced: dict[tuple[int, int], Visit] = {}
        # A place is the visit above a prefix and the token that led to it; of roots, -1 and the root.
        self._places: list[tuple[int, int]] = [(-1, int(root)) for root in roots]

    def scatter(self, scores: torch.Tensor) -> None:
        """Add the children's log futures to scores (float64[rows, width]), in place."""
        owner, token, log_future = self._trie.children(self.nodes)
        inside = token < scores.shape[1]
        if inside.any():
            index = torch.from_numpy(np.stack([owner[inside], token[inside]])).to(scores.device)
            values = torch.from_numpy(log_future[inside]).to(scores.device, scores.dtype)
            scores[index[0], index[1]] += values

    def visit(
        self,
        rows: NDArray[np.int64],
        scores: torch.Tensor,
        log_probs: torch.Tensor,
        tokens: NDArray[np.int64],
        leads_on: NDArray[np.bool_],
        log_checks: NDArray[np.float64],
    ) -> None:
        """Note the prefixes of ``rows`` (int64[k]) and where they lead.

        ``scores``: log p + log future, float64[all rows, width].  ``log_probs``: log p alone.  ``tokens`` int64[k];
        ``leads_on`` bool[k]: something is learned of the prefix with the token (it goes on, or a check judged
        it).  ``log_checks`` float64[k]: the check's factor for the token.
        """
        groups: dict[int, list[int]] = {}
        for position, row in enumerate(rows.tolist()):
            groups.setdefault(self._enter(row), []).append(position)
        first = rows[np.array([positions[0] for positions in groups.values()], dtype=np.int64)]
        rest = scores[torch.from_numpy(first).to(scores.device)].clone()
        left = [
            (group, int(tokens[position]))
            for group, positions in enumerate(groups.values())
            for position in positions
            if leads_on[position]
        ]
        if left:
            out = torch.tensor(left, device=rest.device).T
            rest[out[0], out[1]] = -torch.inf
        sums = torch.logsumexp(rest, dim=1).double().cpu().numpy()
        for index, value in zip(groups, sums.tolist(), strict=True):
            self._visits[index].log_rest = value

        moving = np.flatnonzero(leads_on)
        if not len(moving):
            return
        chosen = torch.from_numpy(np.stack([rows[moving], tokens[moving]])).to(log_probs.device)
        edges = log_probs[chosen[0], chosen[1]].double().cpu().numpy()
        children = self._trie.child(self.nodes[rows[moving]], tokens[moving])
        visit_of = {position: index for index, positions in groups.items() for position in positions}
        for position, edge, child in zip(moving.tolist(), edges.tolist(), children.tolist(), strict=True):
            row, token = int(rows[position]), int(tokens[position])
            place = (visit_of[position], token)
            check = float(log_checks[position])
            self._announced.setdefault(place, Visit(child, place[0], token, edge, check, math.nan))
            self._places[row] = place
            self.nodes[row] = child

    def _enter(self, row: int) -> int:
        """The visit of a row's prefix, made where no other row made it."""
        place = self._places[row]
        index = self._by_place.get(place)
        if index is None:
            index = self._by_place[place] = len(self._visits)
            announced = self._announced.pop(place, None)
            if announced is None:
                announced = Visit(int(self.nodes[row]), -1, -1, 0.0, 0.0, math.nan)
            self._visits.append(announced)
        return index

    def visits(self) -> list[Visit]:
        """Everything for `AlignedTrie.record`.

        A prefix that was announced and that no row went on from keeps what is known of it.
        """
        for visit in self._announced.values():
            known = float(self._trie.log_future(np.array([visit.node]))[0])
            is_known = visit.node >= 0 and visit.log_check > -math.inf
            visit.log_rest = known - visit.log_check if is_known else 0.0
            self._visits.append(visit)
        self._announced.clear()
        return self._visits


@dataclass
class AlignedState:
    """A run in progress: prompts with their computed states, roots of the trie, and the draws so far.

    ``proposals``: how many rows each prompt has begun.  For each prompt, ``tokens``, ``log_weights`` and ``finished``
    of every proposal (rejected ones with a weight of -inf).  ``model_calls`` and ``checks`` int64[prompts].
    """

    prompts: Prompts
    model: ModelState
    roots: NDArray[np.int64]
    seed: int
    proposals: int = 0
    tokens: list[list[tuple[int, ...]]] = field(default_factory=list)
    log_weights: list[list[float]] = field(default_factory=list)
    finished: list[list[bool]] = field(default_factory=list)
    model_calls: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    checks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    forward_passes: int = 1


@dataclass(frozen=True, slots=True)
class AlignedInfo:
    """One batch: texts (tokens of each row), log weights float64[rows] (in mode cars: 0 for accepted rows relative to
    ``log_root``), which rows were ``accepted`` (bool[rows]), the prompt of each row (int64[rows]), and the bound
    ``log_root`` of each prompt (float64[prompts]) that the batch was drawn with.
    """

    tokens: tuple[tuple[int, ...], ...]
    log_weights: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    prompt_of: NDArray[np.int64]
    log_root: NDArray[np.float64]


class AlignedSampling:
    """Samples from a trie that learns: modes ``"weighted"``, ``"asap"`` and ``"cars"``.

    Target: ``p(x) exp(complete(x))`` over texts of at most ``max_tokens`` tokens.  The potential's next weights must
    not be above 1 (conditions are not); `SamplerError` where one is.
    ``trie``: where draws are kept; one of its own by default.  Give the same one again, or a loaded one, to go on.
    Where model and potential have identities, the trie recognises the target; where they have not (functions
    without a name), a target is known to this object only.
    ``batch``: rows a prompt that draw against one snapshot.
    ``fallback``: in mode cars, after ``patience`` proposals a prompt whose share of accepted ones is below
    ``min_acceptance`` gets weighted draws instead (``"weighted"``), with a note in its samples, or `SamplerError` is
    raised (``"raise"``).
    """

    def __init__(
        self,
        model: LanguageModel,
        potential: Potential,
        *,
        mode: Mode = "weighted",
        trie: AlignedTrie | None = None,
        batch: int = 16,
        max_tokens: int = 256,
        budget: Budget = "limit",
        fallback: Literal["weighted", "raise"] = "weighted",
        min_acceptance: float = 0.001,
        patience: int = 1000,
    ) -> None:
        if mode not in get_args(Mode):
            raise SamplerError(f"mode must be one of {', '.join(get_args(Mode))}, not {mode!r}")
        if batch < 1 or patience < 1 or not 0 <= min_acceptance <= 1:
            raise SamplerError("batch and patience must be at least 1, and min_acceptance between 0 and 1")
        if fallback not in ("weighted", "raise"):
            raise SamplerError(f"fallback must be 'weighted' or 'raise', not {fallback!r}")
        self.model = model
        self.potential = potential
        self.mode: Mode = mode
        self.trie = AlignedTrie() if trie is None else trie
        self._batch = batch
        self._bounded = within_budget(potential, max_tokens, budget)
        self._fallback = fallback
        self._min_acceptance = min_acceptance
        self._patience = patience
        identity = self._bounded.identity
        self._identity = f"object {secrets.token_hex(16)}" if identity is None else identity

    def key(self, prompt: Sequence[int]) -> str:
        """The name of a prompt's target in the trie."""
        key = target_key([self.model.identity, self._identity, *prompt])
        assert key is not None
        return key

    def init(self, prompts: Sequence[Prompt], seed: int) -> AlignedState:
        """Compute each prompt once; nothing is drawn."""
        encoded = Prompts.of(self.model, prompts)
        state = self.model.prefill(encoded.ids, encoded.attention_mask, 1)
        state.logits()
        count = len(encoded)
        return AlignedState(
            encoded,
            state,
            np.array([self.trie.root(self.key(prompt)) for prompt in encoded.tokens], dtype=np.int64),
            seed,
            tokens=[[] for _ in range(count)],
            log_weights=[[] for _ in range(count)],
            finished=[[] for _ in range(count)],
            model_calls=np.ones(count, dtype=np.int64),
            checks=np.zeros(count, dtype=np.int64),
        )

    def step(self, state: AlignedState, mode: Mode | None = None) -> tuple[AlignedState, AlignedInfo]:
        """Draw ``batch`` rows a prompt against the trie as it is, then record them."""
        mode = self.mode if mode is None else mode
        count = len(state.prompts)
        roots = np.array([self.trie.root(self.key(prompt)) for prompt in state.prompts.tokens], dtype=np.int64)
        prompt_of = np.repeat(np.arange(count), self._batch)
        slots = state.proposals + np.tile(np.arange(self._batch), count)
        model = state.model.fork(prompt_of)
        rollout = Rollout.start(model, self._bounded, state.prompts.coordinates, prompt_of, slots)
        log_root = self.trie.log_future(roots)
        log_start = rollout.log_weights  # of the empty text, which is no part of the trie
        log_weights, checks, calls = self._draw(rollout, VisitLog(self.trie, roots[prompt_of]), state.seed, mode)

        accepted = rollout.is_finished & (log_weights > -np.inf)
        if mode == "cars":
            log_weights = np.where(accepted, log_start + log_root[prompt_of], -np.inf)
        tokens = tuple(tuple(row) for row in rollout.tokens)
        new = replace(state, proposals=state.proposals + self._batch, roots=roots)
        for row, prompt in enumerate(prompt_of.tolist()):
            new.tokens[prompt].append(tokens[row])
            new.log_weights[prompt].append(float(log_weights[row]) if accepted[row] else -math.inf)
            new.finished[prompt].append(bool(accepted[row]))
        new.model_calls = state.model_calls + np.bincount(prompt_of, calls, count).astype(np.int64)
        new.checks = state.checks + np.bincount(prompt_of, checks, count).astype(np.int64)
        new.forward_passes = state.forward_passes + model.forward_passes
        return new, AlignedInfo(tokens, log_weights, accepted, prompt_of, log_root)

    def _draw(
        self, rollout: Rollout, log: VisitLog, seed: int, mode: Mode
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Run all rows to their end; log weights, checks and model calls of each."""
        rows = rollout.rows
        checks, calls = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        last_check = np.zeros(rows)  # the check's factor of the token that each row took last
        ends = list(rollout.eos)
        while rollout.is_active.any():
            active = np.flatnonzero(rollout.is_active)
            if rollout.step:
                calls[active] += 1
            log_probs = target_log_probs(rollout.model.logits(), rollout.potential)
            scores = log_probs.clone()
            log.scatter(scores)
            log_mass = torch.logsumexp(scores, dim=1).double().cpu().numpy()
            uniform = row_uniforms(rollout.keys(seed, PURPOSE_TOKEN), scores.device)
            tokens = draw(scores, uniform).cpu().numpy()

            kept = rollout.is_active & (log_mass > -np.inf)
            thresholds = np.log(uniforms(rollout.keys(seed, PURPOSE_ACCEPT), 2))
            if mode == "cars":
                kept &= thresholds[:, 0] <= log_mass + last_check - self.trie.log_future(log.nodes)
            answers = np.zeros(rows)
            if rollout.potential.has_checks and kept.any():
                asked = np.flatnonzero(kept)
                answers[asked] = rollout.potential.check(asked, tokens[asked])
                checks[asked] += 1
            known = np.zeros(rows)
            known[kept] = self.trie.log_future(self.trie.child(log.nodes[kept], tokens[kept]))
            steps = np.full(rows, -np.inf)
            steps[kept] = log_mass[kept] + answers[kept] - known[kept]
            is_end = np.isin(tokens, ends)
            leads_on = kept & (~is_end | (answers != 0))
            log.visit(active, scores, log_probs, tokens[active], leads_on[active], answers[active])
            if mode == "cars":  # of texts that end here: nobody asks at the next step
                steps[is_end & kept & (thresholds[:, 1] > answers - known)] = -np.inf
            last_check = answers
            rollout.advance(np.where(steps > -np.inf, tokens, -1), steps)
        self.trie.record(log.visits())
        return rollout.log_weights, checks, calls

    def result(self, state: AlignedState, n: int | None = None, mode: Mode | None = None) -> list[Samples]:
        """What was drawn so far, for each prompt; in mode cars the accepted draws, at most ``n``.

        Accepted draws weigh the same.  In every mode ``log_evidence`` is the mean over all proposals.
        """
        mode = self.mode if mode is None else mode
        return [self._result_of(state, prompt, n, mode, ()) for prompt in range(len(state.prompts))]

    def _result_of(
        self, state: AlignedState, prompt: int, n: int | None, mode: Mode, notes: tuple[str, ...]
    ) -> Samples:
        log_weights = np.array(state.log_weights[prompt])
        finished = np.array(state.finished[prompt], dtype=bool)
        chosen = np.flatnonzero(finished) if mode == "cars" else np.arange(len(finished))
        chosen = chosen[:n]
        evidence, error = float(log_mean_exp(log_weights)), log_evidence_error(log_weights)
        kept = log_weights[chosen]
        if mode == "cars":
            kept = np.full(len(chosen), evidence)
        elif mode == "asap":
            kept = np.where(finished[chosen], 0.0, -np.inf)
        statistics = Statistics(
            model_calls=int(state.model_calls[prompt]),
            forward_passes=state.forward_passes,
            constraint_checks=int(state.checks[prompt]),
            proposals=len(finished),
            accepted=int(finished.sum()),
        )
        made = weighted_samples(
            self.potential.vocabulary,
            [state.tokens[prompt][index] for index in chosen],
            kept,
            finished[chosen],
            statistics,
            parse=parser_of(self.potential),
            notes=notes,
        )
        return replace(made, log_evidence=evidence, log_evidence_error=error)

    def sample(
        self,
        prompts: Sequence[Prompt],
        n: int,
        seed: int,
        callback: Callable[[AlignedState, AlignedInfo], None] | None = None,
    ) -> list[Samples]:
        """``n`` samples a prompt: as many batches as they take.  ``callback`` is called after each.

        In modes weighted and asap a dead end is a sample of weight 0; in mode cars only accepted draws count.
        """
        if n < 1:
            raise SamplerError(f"n must be at least 1, and is {n}")
        state = self.init(prompts, seed)
        collapsed = np.zeros(len(state.prompts), dtype=bool)
        while True:
            accepted = np.array([sum(one) for one in state.finished])
            if self.mode == "cars":
                if state.proposals >= self._patience:
                    collapsed = (accepted < n) & (accepted < self._min_acceptance * state.proposals)
                if ((accepted >= n) | collapsed).all():
                    break
            elif state.proposals >= n:
                break
            state, info = self.step(state)
            if callback is not None:
                callback(state, info)
        results = self.result(state, n)
        for prompt in np.flatnonzero(collapsed).tolist():
            share = accepted[prompt] / state.proposals
            message = f"{accepted[prompt]} of {state.proposals} proposals were accepted ({share:.2g})"
            if self._fallback == "raise":
                raise SamplerError(f"{message}, below min_acceptance={self._min_acceptance}; use mode='weighted'")
            results[prompt] = self._weighted_instead(state, prompt, n, message, callback)
        return results

    def _weighted_instead(
        self,
        state: AlignedState,
        prompt: int,
        n: int,
        message: str,
        callback: Callable[[AlignedState, AlignedInfo], None] | None,
    ) -> Samples:
        """Weighted draws for one prompt whose rejection does not end."""
        tokens = [state.prompts.tokens[prompt]]
        alone = self.init(tokens, state.seed)
        alone.prompts.coordinates[:] = state.prompts.coordinates[prompt]
        alone = replace(alone, proposals=state.proposals)
        spent = Statistics(
            int(state.model_calls[prompt]), state.forward_passes, int(state.checks[prompt]), state.proposals, 0
        )
        while len(alone.finished[0]) < n:
            alone, info = self.step(alone, "weighted")
            if callback is not None:
                callback(alone, info)
        made = self._result_of(alone, 0, n, "weighted", (f"{message}: weighted draws instead of exact ones",))
        return replace(made, statistics=made.statistics + spent)
