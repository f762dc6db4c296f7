"""Rows of texts in progress: what every sampler's loop over tokens keeps.

Purpose: masked, aligned and Markov chain samplers differ in how they choose tokens, not in what a row is.
Place: between models and potentials on one side and `samplers.masking`, `samplers.aligned` and `samplers.mcmc` on
the other.
Cost: one host round trip a step, for the tokens of all rows.
Not taken: a class that also chooses; the loop of each sampler is to be read where its mathematics is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.logspace import check_log_weights, effective_sample_size, log_evidence_error, log_mean_exp
from samplers.models.model import LanguageModel, ModelState
from samplers.noise import prompt_coordinates, stream_keys
from samplers.potentials.algebra import Product
from samplers.potentials.closing import Closing
from samplers.potentials.compiled import CompiledPotential
from samplers.potentials.length import TokenLimit
from samplers.potentials.potential import Potential, PotentialState, token_bytes
from samplers.types import Samples, Statistics, TokenTable

Budget: TypeAlias = Literal["limit", "close"]
"""What ``max_tokens`` means: a factor of the target, or one that also steers so that every text is closed in time."""

Prompt: TypeAlias = str | Sequence[int]


def within_budget(potential: Potential, max_tokens: int, budget: Budget) -> Potential:
    """A potential for texts of at most ``max_tokens`` tokens.

    ``"limit"``: times a `TokenLimit`.  ``"close"``: its compiled grammar becomes a `Closing`; raises
    `SamplerError` where it has none (a black box does not say how a text can be closed).
    """
    if budget not in get_args(Budget):
        raise SamplerError(f"budget must be one of {', '.join(get_args(Budget))}, not {budget!r}")
    if budget == "limit":
        return Product([TokenLimit(potential.vocabulary, max_tokens), potential])
    parts = potential.parts if isinstance(potential, Product) else (potential,)
    if not any(isinstance(part, CompiledPotential) for part in parts):
        raise SamplerError("budget='close' needs a compiled grammar among the factors; use budget='limit'")
    return Product(
        [Closing(part.constraint, max_tokens) if isinstance(part, CompiledPotential) else part for part in parts]
    )


def prompt_tensors(model: LanguageModel, prompts: Sequence[Prompt]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and attention mask of prompts, padded on the left: int64[prompts, longest].

    Texts need a model with a tokenizer (``encode``).  Raises `SamplerError` for one text instead of a list.
    """
    if isinstance(prompts, str) or not prompts:
        raise SamplerError("prompts is a list of texts or token ids, one for each prompt")
    encode: Callable[[Sequence[Prompt]], tuple[torch.Tensor, torch.Tensor]] | None = getattr(model, "encode", None)
    if encode is not None:
        return encode(prompts)
    rows = [list(prompt) for prompt in prompts if not isinstance(prompt, str)]
    if len(rows) != len(prompts):
        raise SamplerError(f"{type(model).__name__} has no tokenizer; give token ids as prompts")
    longest = max(len(row) for row in rows)
    ids = [[0] * (longest - len(row)) + [int(token) for token in row] for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    shape = (len(rows), longest)
    return torch.tensor(ids, dtype=torch.int64).reshape(shape), torch.tensor(mask, dtype=torch.int64).reshape(shape)


@dataclass(frozen=True)
class Prompts:
    """The prompts of a call: ids, mask (int64[prompts, longest]), each one's tokens and its coordinate of noise."""

    ids: torch.Tensor
    attention_mask: torch.Tensor
    tokens: tuple[tuple[int, ...], ...]
    coordinates: NDArray[np.int64]

    @classmethod
    def of(cls, model: LanguageModel, prompts: Sequence[Prompt]) -> Prompts:
        """Encode; raises as `prompt_tensors`."""
        ids, mask = prompt_tensors(model, prompts)
        rows = zip(ids.tolist(), mask.sum(dim=1).tolist(), strict=True)
        tokens = tuple(tuple(row[len(row) - length :]) for row, length in rows)
        return cls(ids, mask, tokens, prompt_coordinates(tokens))

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass
class Rollout:
    """Rows of one batch.  ``prompt_of`` and ``slots`` (int64[rows]) say whose each row is; the latter numbers the rows
    of a prompt over a whole run, not within this batch.
    """

    model: ModelState
    potential: PotentialState
    eos: frozenset[int]
    coordinates: NDArray[np.int64]
    prompt_of: NDArray[np.int64]
    slots: NDArray[np.int64]
    tokens: list[list[int]]
    log_weights: NDArray[np.float64]
    is_active: NDArray[np.bool_]
    is_finished: NDArray[np.bool_]
    step: int = 0

    @classmethod
    def start(
        cls,
        model: ModelState,
        potential: Potential,
        coordinates: NDArray[np.int64],
        prompt_of: NDArray[np.int64],
        slots: NDArray[np.int64],
    ) -> Rollout:
        """Rows at the empty text, for a model state that has a row for each.

        Each begins with what the potential makes of the empty text, and is dead where that is 0.
        """
        rows = len(prompt_of)
        state = potential.start(rows)
        log_weights = state.prefix().copy()
        check_log_weights(log_weights)
        return cls(
            model,
            state,
            frozenset(potential.vocabulary.eos_token_ids),
            coordinates,
            prompt_of,
            slots,
            [[] for _ in range(rows)],
            log_weights,
            log_weights > -np.inf,
            np.zeros(rows, dtype=np.bool_),
        )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.tokens)

    def keys(self, seed: int, purpose: int) -> NDArray[np.int64]:
        """The noise of each row at this step, for one purpose: int64[rows]."""
        return stream_keys(seed, purpose, self.coordinates[self.prompt_of], self.slots, self.step)

    def advance(self, tokens: NDArray[np.int64], log_weights: NDArray[np.float64]) -> None:
        """Active rows take a token with the log weight of the step; a weight of -inf or a negative token ends a row."""
        self.log_weights = self.log_weights + np.where(self.is_active, log_weights, 0.0)
        dies = self.is_active & ((self.log_weights == -np.inf) | (tokens < 0))
        self.log_weights[dies] = -np.inf
        self.is_active = self.is_active & ~dies
        for row in np.flatnonzero(self.is_active).tolist():
            token = int(tokens[row])
            if token in self.eos:
                self.is_finished[row] = True
            else:
                self.tokens[row].append(token)
        moving = np.where(self.is_active, tokens, -1)
        self.potential.advance(moving)
        self.is_active = self.is_active & ~self.is_finished
        self.model.append(np.where(self.is_active, tokens, -1))
        self.step += 1


def text_of(vocabulary: TokenTable, tokens: Sequence[int]) -> str:
    """What tokens write, with U+FFFD for bytes that are no UTF-8."""
    return token_bytes(vocabulary, tokens).decode("utf-8", errors="replace")


def weighted_samples(
    vocabulary: TokenTable,
    tokens: Sequence[Sequence[int]],
    log_weights: NDArray[np.float64],
    is_finished: NDArray[np.bool_],
    statistics: Statistics,
    *,
    parse: Callable[[str], Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Samples:
    """Samples of independent draws with their weights."""
    return Samples(
        token_ids=tuple(tuple(row) for row in tokens),
        texts=tuple(text_of(vocabulary, row) for row in tokens),
        log_weights=log_weights,
        is_finished=is_finished,
        log_evidence=float(log_mean_exp(log_weights)),
        log_evidence_error=log_evidence_error(log_weights),
        ess=float(effective_sample_size(log_weights)),
        statistics=statistics,
        parse=parse,
        notes=notes,
    )


def parser_of(potential: Potential) -> Callable[[str], Any] | None:
    """How the first compiled grammar among a potential's factors reads a text."""
    for part in potential.parts if isinstance(potential, Product) else (potential,):
        constraint = getattr(part, "constraint", None)
        parse: Callable[[str], Any] | None = getattr(constraint, "parse", None)
        if parse is not None:
            return parse
    return None
