"""What a sampler did, step by step: recorded by a callback, kept as JSON, looked at later.

Purpose: pictures and comparisons are made of recorded runs, not of runs that must be repeated.
Place: `Recorder` is the ``callback`` of any sampler of this package; `samplers.pictures` draws a `Recording`.
Cost: the texts of all rows are decoded in each step; a recording holds steps x rows texts.
Not taken: logging inside the samplers, which know nothing of pictures.

A **frame** is one step: of particles, a token of every row; of aligned sampling, a batch of whole texts; of Markov
chains, where each chain is after a proposal.  `Recording.checkpoints` makes of all three the same thing: the estimated
law after so many samples and model calls.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from samplers.aligned import AlignedInfo, AlignedState, Mode
from samplers.errors import SamplerError
from samplers.logspace import effective_sample_size, log_mean_exp, normalised_weights
from samplers.masking import MaskedInfo, MaskedState
from samplers.mcmc import ChainInfo, ChainState
from samplers.rollout import text_of
from samplers.smc import SMCInfo, SMCState
from samplers.types import Samples, TokenTable

Kind: TypeAlias = Literal["particles", "batches", "chains"]
"""What a row is from frame to frame: a text that grows, a new text each time, or the place of a chain."""

_FORMAT: Final = "grammarlib recording 1"


@dataclass(frozen=True, slots=True)
class Frame:
    """All rows of one prompt after a step, before any resampling.

    ``texts``: what each row holds.  ``log_weights``: -inf for dead ends and rejected rows.  ``states``: ``"active"``,
    ``"finished"``, ``"dead"``, ``"accepted"`` or ``"rejected"``, for each row.  ``parents``: the row of the frame
    before that each row goes on from; empty in the first frame and for batches.  ``details``: a remark on each row,
    may be empty.  ``ess``: of these weights (of batches: of all draws so far).  ``log_evidence``: the running
    estimate, None where there is none.  ``model_calls`` and ``constraint_checks``: of the prompt, so far.
    """

    texts: tuple[str, ...]
    log_weights: tuple[float, ...]
    states: tuple[str, ...]
    parents: tuple[int, ...]
    details: tuple[str, ...]
    ess: float
    log_evidence: float | None
    model_calls: int
    constraint_checks: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The estimated law of texts after so many samples and model calls."""

    samples: int
    model_calls: float
    law: dict[str, float]
    ess: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A run for one prompt: its frames and its result, all of it plain data.

    ``sampler``: its name as shown.  ``texts`` and ``log_weights``: the samples.  ``lengths``: their tokens.
    ``statistics``: as `samplers.types.Statistics`.  ``target``: the exact law where it is known, else None.
    """

    sampler: str
    kind: Kind
    prompt: str
    seed: int
    frames: tuple[Frame, ...]
    texts: tuple[str, ...]
    log_weights: tuple[float, ...]
    lengths: tuple[int, ...]
    log_evidence: float | None
    log_evidence_error: float | None
    ess: float
    statistics: dict[str, int]
    notes: tuple[str, ...] = ()
    target: dict[str, float] | None = None

    def posterior(self) -> dict[str, float]:
        """As `Samples.posterior`."""
        return _posterior(self.texts, self.log_weights)

    def checkpoints(self) -> list[Checkpoint]:
        """The estimated law after growing numbers of samples, the last one that of the whole run.

        Particles that were not resampled are independent: the first 1, 2, 4 ... of them are what a smaller run would
        have given.  Of resampled particles there is one checkpoint, of batches one each, of chains one a step.
        """
        if self.kind == "chains":
            return [
                Checkpoint(len(frame.texts), frame.model_calls, _posterior(frame.texts, frame.log_weights), frame.ess)
                for frame in self.frames
            ]
        if self.kind == "batches":
            made, texts, weights = [], [], []
            for frame in self.frames:
                # Rejected rows are no samples; dead ends of weighted draws are, of weight 0.
                kept = [number for number, state in enumerate(frame.states) if state != "rejected"]
                texts += [frame.texts[number] for number in kept]
                weights += [frame.log_weights[number] for number in kept]
                made.append(Checkpoint(len(texts), frame.model_calls, _posterior(texts, weights), frame.ess))
            return made
        calls = [1 + sum(self.lengths[:count]) for count in range(len(self.texts) + 1)]
        is_resampled = any(frame.parents != tuple(range(len(frame.parents))) for frame in self.frames)
        sizes = [] if is_resampled else [2**power for power in range(30) if 2**power < len(self.texts)]
        return [
            Checkpoint(
                size,
                calls[size] if size < len(self.texts) else self.statistics["model_calls"],
                _posterior(self.texts[:size], self.log_weights[:size]),
                float(effective_sample_size(np.array(self.log_weights[:size]))),
            )
            for size in [*sizes, len(self.texts)]
        ]

    def to_json(self) -> str:
        """One JSON document in ASCII; -inf and inf are written as the texts ``"-inf"`` and ``"inf"``."""
        return json.dumps(_writable({"format": _FORMAT} | asdict(self)), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Recording:
        """What `to_json` wrote; raises `SamplerError` for anything else."""
        try:
            data = json.loads(text)
            if data.pop("format") != _FORMAT:
                raise SamplerError("this is no recording of a sampler, or one of another version")
            frames = tuple(
                Frame(
                    texts=tuple(frame["texts"]),
                    log_weights=_floats(frame["log_weights"]),
                    states=tuple(frame["states"]),
                    parents=tuple(frame["parents"]),
                    details=tuple(frame["details"]),
                    ess=float(frame["ess"]),
                    log_evidence=_number(frame["log_evidence"]),
                    model_calls=int(frame["model_calls"]),
                    constraint_checks=int(frame["constraint_checks"]),
                )
                for frame in data["frames"]
            )
            return cls(
                sampler=data["sampler"],
                kind=data["kind"],
                prompt=data["prompt"],
                seed=data["seed"],
                frames=frames,
                texts=tuple(data["texts"]),
                log_weights=_floats(data["log_weights"]),
                lengths=tuple(data["lengths"]),
                log_evidence=_number(data["log_evidence"]),
                log_evidence_error=_number(data["log_evidence_error"]),
                ess=float(data["ess"]),
                statistics=data["statistics"],
                notes=tuple(data["notes"]),
                target=data["target"],
            )
        except SamplerError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SamplerError(f"this is no recording of a sampler: {error}") from None


@dataclass
class Recorder:
    """The ``callback`` of one run; `recording` is called once at its end.

    ``vocabulary``: what tokens write, as ``potential.vocabulary``.  ``prompt``: which prompt of the call is recorded.
    ``mode``: of aligned sampling; in modes asap and cars accepted texts weigh the same.
    """

    vocabulary: TokenTable
    prompt: int = 0
    mode: Mode = "weighted"
    frames: list[Frame] = field(default_factory=list)
    kind: Kind = "particles"
    _held: list[tuple[int, ...]] = field(default_factory=list)
    _parents: tuple[int, ...] = ()
    _exact: list[float] = field(default_factory=list)
    _shown: list[float] = field(default_factory=list)

    def __call__(self, state: Any, info: Any) -> None:
        """Note one step.  Raises `SamplerError` for states of samplers that are not of this package."""
        if isinstance(info, MaskedInfo) and isinstance(state, MaskedState):
            self._masked(state)
        elif isinstance(info, SMCInfo) and isinstance(state, SMCState):
            self._particles(state, info)
        elif isinstance(info, AlignedInfo) and isinstance(state, AlignedState):
            self._batch(state, info)
        elif isinstance(info, ChainInfo) and isinstance(state, ChainState):
            self._chains(state, info)
        else:
            raise SamplerError(f"a recorder knows nothing of {type(info).__name__}")

    def recording(self, sampler: str, samples: Samples, *, prompt: str = "", seed: int = 0) -> Recording:
        """The whole run, with the samples that it gave."""
        return Recording(
            sampler=sampler,
            kind=self.kind,
            prompt=prompt,
            seed=seed,
            frames=tuple(self.frames),
            texts=samples.texts,
            log_weights=_floats(samples.log_weights),
            lengths=tuple(len(ids) for ids in samples.token_ids),
            log_evidence=samples.log_evidence,
            log_evidence_error=samples.log_evidence_error,
            ess=samples.ess,
            statistics=asdict(samples.statistics),
            notes=samples.notes,
        )

    def _text(self, tokens: Sequence[int]) -> str:
        return text_of(self.vocabulary, tokens)

    def _masked(self, state: MaskedState) -> None:
        rollout = state.rollout
        rows = np.flatnonzero(rollout.prompt_of == self.prompt)
        weights = rollout.log_weights[rows]
        states = tuple(
            "finished" if rollout.is_finished[row] else "active" if rollout.is_active[row] else "dead" for row in rows
        )
        calls = 1 + sum(len(rollout.tokens[row]) for row in rows) if self.frames else 1
        self.frames.append(
            Frame(
                texts=tuple(self._text(rollout.tokens[row]) for row in rows),
                log_weights=_floats(weights),
                states=states,
                parents=tuple(range(len(rows))) if self.frames else (),
                details=(),
                ess=float(effective_sample_size(weights)),
                log_evidence=float(log_mean_exp(weights)),
                model_calls=calls,
                constraint_checks=int(state.checks[rows].sum()),
            )
        )

    def _particles(self, state: SMCState, info: SMCInfo) -> None:
        count = info.ancestors.shape[1]
        if info.log_weights.shape[1] != count:
            raise SamplerError("runs that draw several tokens for each particle (expansion) are not recorded")
        rows = slice(self.prompt * count, (self.prompt + 1) * count)
        drawn = info.tokens[rows].tolist()
        held = self._held or [()] * count
        ends = frozenset(self.vocabulary.eos_token_ids)
        texts = [
            (*tokens, token) if token >= 0 and token not in ends else tokens
            for tokens, token in zip(held, drawn, strict=True)
        ]
        weights = info.log_weights[self.prompt]
        is_finished = [state == "finished" for state in self.frames[-1].states] if self.frames else [False] * count
        was = [is_finished[parent] for parent in self._parents] if self.frames else is_finished
        states = tuple(
            "dead" if weight == -np.inf else "finished" if before or token in ends else "active"
            for weight, before, token in zip(weights, was, drawn, strict=True)
        )
        self.frames.append(
            Frame(
                texts=tuple(self._text(tokens) for tokens in texts),
                log_weights=_floats(weights),
                states=states,
                parents=self._parents,
                details=(),
                ess=float(info.ess[self.prompt]),
                log_evidence=float(info.log_evidence[self.prompt]),
                model_calls=int(state.model_calls[self.prompt]),
                constraint_checks=int(state.checks[self.prompt]),
            )
        )
        self._parents = tuple(info.ancestors[self.prompt].tolist())
        self._held = list(state.tokens[rows])

    def _batch(self, state: AlignedState, info: AlignedInfo) -> None:
        self.kind = "batches"
        rows = np.flatnonzero(info.prompt_of == self.prompt)
        accepted = info.accepted[rows]
        exact = np.where(accepted, info.log_weights[rows], -np.inf)
        shown = exact if self.mode == "weighted" else np.where(accepted, 0.0, -np.inf)
        self._exact += exact.tolist()
        self._shown += shown.tolist()
        bound = float(info.log_root[self.prompt])
        failed = "rejected" if self.mode == "cars" else "dead"
        self.frames.append(
            Frame(
                texts=tuple(self._text(info.tokens[row]) for row in rows),
                log_weights=_floats(shown),
                states=tuple("accepted" if keeps else failed for keeps in accepted),
                parents=(),
                details=(f"log bound of the root {bound:.4g}",) * len(rows),
                ess=float(effective_sample_size(np.array(self._shown))),
                log_evidence=float(log_mean_exp(np.array(self._exact))),
                model_calls=int(state.model_calls[self.prompt]),
                constraint_checks=int(state.checks[self.prompt]),
            )
        )

    def _chains(self, state: ChainState, info: ChainInfo) -> None:
        self.kind = "chains"
        count = len(state.texts) // len(state.prompts)
        rows = range(self.prompt * count, (self.prompt + 1) * count)
        weights = [-math.inf if state.texts[row].is_dead else 0.0 for row in rows]
        details = tuple(
            f"cut at {int(info.cuts[row])}, proposed {self._text(info.proposals[row].tokens)!r}, "
            f"accepted with probability {math.exp(min(0.0, float(info.log_acceptance[row]))):.3g}"
            for row in rows
        )
        self.frames.append(
            Frame(
                texts=tuple(self._text(state.texts[row].tokens) for row in rows),
                log_weights=tuple(weights),
                states=tuple("accepted" if info.is_accepted[row] else "rejected" for row in rows),
                parents=tuple(range(count)) if self.frames else (),
                details=details,
                ess=float(sum(weight == 0 for weight in weights)),
                log_evidence=None,
                model_calls=int(state.model_calls[self.prompt]),
                constraint_checks=int(state.checks[self.prompt]),
            )
        )


def with_target(recording: Recording, target: dict[str, float]) -> Recording:
    """The same run with the exact law beside it."""
    return replace(recording, target=dict(target))


def pooled_posterior(recordings: Sequence[Recording]) -> dict[str, float]:
    """What several runs of one target say together, each weighed by its effective sample size."""
    total = math.fsum(recording.ess for recording in recordings)
    result: dict[str, float] = {}
    for recording in recordings:
        for text, share in recording.posterior().items():
            result[text] = result.get(text, 0.0) + share * recording.ess / total
    return result


def _posterior(texts: Sequence[str], log_weights: Sequence[float]) -> dict[str, float]:
    result: dict[str, float] = {}
    if texts:
        for text, weight in zip(texts, normalised_weights(np.array(log_weights)).tolist(), strict=True):
            if weight > 0:
                result[text] = result.get(text, 0.0) + weight
    return dict(sorted(result.items(), key=lambda item: (-item[1], item[0])))


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _writable(value: Any) -> Any:
    """The same with numbers that JSON lacks as texts; recordings are three levels deep."""
    if isinstance(value, dict):
        return {name: _writable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "-inf" if value < 0 else "inf" if value > 0 else "nan"
    return value
