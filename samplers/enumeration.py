"""The exact target where a language is small: every text that a model may write, with its probability.

Purpose: what samplers approximate, to compare them with; for languages of some thousands of token sequences.
Place: over models and potentials, beside the samplers; experiments and the plots of the command line use it.
Cost: one row of a forward pass for each prefix, checks for each candidate where a potential has any.
Not taken: the canonical tokenisation of each text alone.  A model gives some probability to every tokenisation, and
samplers find them all, so a text's probability is the sum over them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.diagnostics import kl_divergence
from samplers.errors import SamplerError
from samplers.masking import target_log_probs
from samplers.models.model import LanguageModel, ModelState
from samplers.potentials.potential import Potential, PotentialState
from samplers.rollout import Budget, Prompt, Prompts, text_of, within_budget


@dataclass(frozen=True, slots=True)
class ExactTarget:
    """The law of the target over texts.

    ``law``: the probability of each text, the likeliest first; they sum to 1.  ``log_evidence``: log Z.
    ``missing``: an upper bound on the mass of what was not followed, as a share of Z: 0 where everything was.  Total
    variation from the truth is at most this.  ``prefixes``: beginnings that were followed, a model call each.
    """

    law: dict[str, float]
    log_evidence: float
    missing: float
    prefixes: int

    def divergence_of(self, law: Mapping[str, float]) -> float:
        """KL(law || this) in nats, infinite for an empty ``law``.

        A text that is not here counts with the probability ``missing``, which is more than it has, so that the result
        is a lower bound where ``law`` has such texts; infinite where nothing is missing.
        """
        if not law:
            return math.inf
        return kl_divergence(law, self.law | {text: self.missing for text in law if text not in self.law})


def enumerate_target(
    model: LanguageModel,
    potential: Potential,
    prompt: Prompt,
    *,
    max_tokens: int = 256,
    budget: Budget = "limit",
    min_probability: float = 0.0,
    max_prefixes: int = 100_000,
    rows: int = 64,
) -> ExactTarget:
    """The target ``p(x) exp(complete(x))`` over texts of at most ``max_tokens`` tokens, by following every prefix.

    ``min_probability``: prefixes whose weight is below it are left, and counted in ``missing``; weights of the
    potential's prefixes must not rise (conditions do not), or that is no bound.  ``rows``: prefixes that are followed
    at once.

    Raises `SamplerError` where there are more than ``max_prefixes`` of them, and where the target is empty.
    """
    if min_probability < 0 or max_prefixes < 1 or rows < 1:
        raise SamplerError("min_probability must not be negative, and max_prefixes and rows must be at least 1")
    encoded = Prompts.of(model, [prompt])
    vocabulary = potential.vocabulary
    ends = frozenset(vocabulary.eos_token_ids)
    threshold = math.log(min_probability) if min_probability else -math.inf
    first = model.prefill(encoded.ids, encoded.attention_mask, 1)
    first.logits()
    states: PotentialState = within_budget(potential, max_tokens, budget).start(1)
    start = states.prefix()
    # Depth first, in blocks of rows of one parent block: memory is bounded by depth, not by width.
    todo: list[_Block] = [_Block(first, states, np.zeros(1, dtype=np.int64), None, [()], start)]
    found: dict[str, float] = {}
    missing, prefixes = 0.0, 0
    while todo:
        block = todo.pop()
        prefixes += len(block.texts)
        if prefixes > max_prefixes:
            raise SamplerError(
                f"more than {max_prefixes} prefixes have to be followed; raise max_prefixes or min_probability"
            )
        inner, weights = block.model.fork(block.parents), block.potential.fork(block.parents)
        if block.tokens is not None:
            inner.append(block.tokens)
            weights.advance(block.tokens)
        scores = target_log_probs(inner.logits(), weights).double().cpu().numpy() + block.log_weights[:, None]
        row, token = (index.astype(np.int64) for index in np.nonzero(scores > -np.inf))
        values = scores[row, token]
        if weights.has_checks:
            values = values + weights.check(row, token)
        is_end = np.isin(token, list(ends))
        for place in np.flatnonzero(is_end & (values > -np.inf)).tolist():
            text = text_of(vocabulary, block.texts[int(row[place])])
            found[text] = found.get(text, 0.0) + math.exp(float(values[place]))
        is_left = ~is_end & (values < threshold)
        missing += float(np.exp(values[is_left]).sum())
        going = np.flatnonzero(~is_end & (values >= threshold) & (values > -np.inf))
        for begin in range(0, len(going), rows):
            chosen = going[begin : begin + rows]
            texts = [(*block.texts[int(row[place])], int(token[place])) for place in chosen.tolist()]
            todo.append(_Block(inner, weights, row[chosen], token[chosen], texts, values[chosen]))
    total = math.fsum(found.values())
    if not total > 0:
        raise SamplerError(
            "the target is empty: nothing that was followed is a text of the language within max_tokens"
            + (", and prefixes were left; lower min_probability" if missing else "")
        )
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    law = {text: weight / total for text, weight in ordered}
    return ExactTarget(law, math.log(total), missing / total, prefixes)


@dataclass(frozen=True, slots=True)
class _Block:
    """Prefixes to follow: rows ``parents`` of these states, each with a further token (None for the empty text)."""

    model: ModelState
    potential: PotentialState
    parents: NDArray[np.int64]
    tokens: NDArray[np.int64] | None
    texts: list[tuple[int, ...]]
    log_weights: NDArray[np.float64]
