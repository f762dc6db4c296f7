"""The seams of the samplers: what they need of a compiled source, a matcher and a vocabulary, and what they return.

Purpose: a sampler takes anything with these methods, not one class; tests put slow or faulty ones in.
Place: `grammarlib.compile` makes objects that fit; `samplers.prefixes` and the samplers consume them.
Not taken: importing grammarlib's own classes for annotations, which would bar every other constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.logspace import log_mean_exp, normalised_weights
from samplers.noise import PURPOSE_RESAMPLE, stream_keys, uniforms


class TokenTable(Protocol):
    """A vocabulary, as `grammarlib.Vocabulary`: what each token id writes."""

    @property
    def tokens(self) -> Sequence[bytes | None]:
        """The bytes of each token id, or None where it is never text."""

    @property
    def eos_token_ids(self) -> Sequence[int]:
        """The ids that end a text."""

    @property
    def logits_width(self) -> int:
        """The width of a mask in tokens."""


class TokenMatcher(Protocol):
    """A position in one text, as `grammarlib.Matcher`."""

    def fill_bitmask(self, bitmask: NDArray[np.int32], row: int = 0) -> None:
        """Write which tokens are allowed next into one row of int32[rows, ceil(logits_width / 32)]."""

    def accept_token(self, token_id: int, /) -> bool:
        """Move on by one token; False leaves the position as it was."""

    def rollback(self, n_steps: int, /) -> None:
        """Take back the last accepted tokens."""

    def fork(self) -> Self:
        """An independent matcher at the same position, with the same history."""

    @property
    def is_accepting(self) -> bool:
        """The text may stop here."""

    @property
    def is_terminated(self) -> bool:
        """An end-of-sequence token was accepted."""


class Constraint(Protocol):
    """A compiled source, as ``grammarlib.compile`` returns it."""

    @property
    def vocabulary(self) -> TokenTable | None:
        """The vocabulary that it was compiled for."""

    def matcher(self) -> TokenMatcher:
        """A new matcher at the start of a text."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One token for each row of a batch.

    ``tokens``: int64[rows]; -1 for rows that were not asked, and for rows that can go nowhere (their weight is -inf).
    ``log_weights``: float64[rows], 0 for rows that were not asked.  ``checks``: int64[rows], candidates that the
    potential was asked for (`samplers.potentials.PotentialState.check`) on account of the row.
    """

    tokens: NDArray[np.int64]
    log_weights: NDArray[np.float64]
    checks: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a sampler spent.

    ``model_calls``: next-token distributions computed (a forward pass of 8 rows counts 8; of a prefill, one for each
    prompt).  ``forward_passes``: batched evaluations of the model.  ``constraint_checks``: candidates asked of
    potentials.  ``proposals``: whole texts begun, and ``accepted`` of them kept (rejection and MCMC; elsewhere all).
    """

    model_calls: int = 0
    forward_passes: int = 0
    constraint_checks: int = 0
    proposals: int = 0
    accepted: int = 0

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.model_calls + other.model_calls,
            self.forward_passes + other.forward_passes,
            self.constraint_checks + other.constraint_checks,
            self.proposals + other.proposals,
            self.accepted + other.accepted,
        )


@dataclass(frozen=True)
class Samples:
    """Weighted texts for one prompt: what every sampler returns.

    ``token_ids``: the tokens of each sample without its eos token.  ``texts``: what they write (U+FFFD for bytes
    that are no UTF-8).  ``log_weights``: float64[n]; sum over samples of ``weight * f(text)``, divided by n, estimates
    ``Z * E_target[f]`` (for MCMC, whose weights are all 0: ``E_target[f]``).  -inf: a dead end, no sample at all.
    ``is_finished``: the sample ended with an eos token; False for dead ends and for texts cut by a budget.
    ``log_evidence``: the estimate of log Z, None where the sampler has none; ``log_evidence_error``: its standard
    error (delta method; infinite where unknown).  ``ess``: effective sample size of the weights.
    ``notes``: what a reader must know to use these samples, such as a fallback that was taken; empty as a rule.
    """

    token_ids: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]
    log_weights: NDArray[np.float64]
    is_finished: NDArray[np.bool_]
    log_evidence: float | None
    log_evidence_error: float | None
    ess: float
    statistics: Statistics = Statistics()
    parse: Callable[[str], Any] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def values(self) -> tuple[Any, ...]:
        """Each text as its constraint's ``parse`` reads it (JSON data, a typed object), None for dead ends.

        The texts themselves where the sampler was given no ``parse``.
        """
        if self.parse is None:
            return tuple(text if alive else None for text, alive in zip(self.texts, self._alive, strict=True))
        return tuple(self.parse(text) if alive else None for text, alive in zip(self.texts, self._alive, strict=True))

    @property
    def _alive(self) -> list[bool]:
        return [bool(alive) for alive in (self.log_weights > -np.inf) & self.is_finished]

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights that sum to 1; all 0 for a dead population."""
        return normalised_weights(self.log_weights)

    def posterior(self) -> dict[str, float]:
        """The estimated probability of each text under the target, the likeliest first; empty if all are dead."""
        result: dict[str, float] = {}
        for text, weight in zip(self.texts, self.weights.tolist(), strict=True):
            if weight > 0:
                result[text] = result.get(text, 0.0) + weight
        return dict(sorted(result.items(), key=lambda item: (-item[1], item[0])))

    def resample(self, count: int, seed: int) -> Samples:
        """``count`` equally weighted samples, drawn from these by weight (systematic resampling, then shuffled).

        Each weight becomes the mean of these weights, so that the estimate of Z stays.  Raises `SamplerError` for a
        dead population and a ``count`` below 1.
        """
        if count < 1:
            raise SamplerError(f"count must be at least 1, and is {count}")
        total = float(log_mean_exp(self.log_weights)) if len(self) else -np.inf
        if total == -np.inf:
            raise SamplerError("every sample is a dead end: there is nothing to resample")
        offset, *order = uniforms(stream_keys(seed, PURPOSE_RESAMPLE, 0, 0), count + 1)[0].tolist()
        cumulative = np.cumsum(self.weights)
        points = (np.arange(count) + offset) / count * cumulative[-1]
        last = int(np.flatnonzero(self.weights)[-1])
        chosen = np.minimum(np.searchsorted(cumulative, points, side="right"), last)[np.argsort(order)]
        return Samples(
            token_ids=tuple(self.token_ids[index] for index in chosen),
            texts=tuple(self.texts[index] for index in chosen),
            log_weights=np.full(count, total),
            is_finished=self.is_finished[chosen],
            log_evidence=self.log_evidence,
            log_evidence_error=self.log_evidence_error,
            ess=float(count),
            statistics=self.statistics,
            parse=self.parse,
            notes=self.notes,
        )
