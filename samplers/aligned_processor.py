"""Aligned decoding inside plain ``model.generate``: a logits processor that draws, weighs and remembers.

Purpose: whoever calls ``generate`` gets ASAp's draws with their exact weights, by one more argument.
Place: beside `samplers.logits_processor`; the mathematics and the trie are `samplers.aligned`'s.
Cost: that of `AlignedSampling`, inside the loop of ``generate``.
Not taken: returning corrected scores for ``generate`` to draw from.  Its warpers run after every processor, so its
default top_k=50 would cut the corrected law, and a temperature would raise the correction to a power; it draws from
a global generator in float32.  Here the processor draws, and every other score becomes -inf: whatever runs later
leaves the token alone, with and without ``do_sample``.
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LogitsProcessor

from samplers.aligned import VisitLog
from samplers.errors import SamplerError, UnsupportedCall
from samplers.generation_call import GenerationCall, current_generation_call
from samplers.kernels import draw, row_uniforms
from samplers.logspace import check_log_weights
from samplers.masking import target_log_probs
from samplers.models.huggingface import HuggingFaceModel
from samplers.models.warp import Warp
from samplers.noise import PURPOSE_TOKEN, prompt_coordinates, stream_keys
from samplers.potentials.compiled import CompiledPotential
from samplers.potentials.potential import Potential, PotentialState
from samplers.rollout import Budget, parser_of, weighted_samples, within_budget
from samplers.trie import AlignedTrie, target_key
from samplers.types import Constraint, Samples, Statistics

_DEFAULT_TOP_K: Final = 50
"""What ``generate`` puts in where nobody asked for a top-k."""


class _Session:
    """One call of ``generate``: its rows, and the step that waits for its tokens."""

    def __init__(
        self, identity: weakref.ref[Any] | None, prompts: NDArray[np.int64], potential: PotentialState, log: VisitLog
    ) -> None:
        self.identity = identity
        self.start = prompts.shape[1]
        self.prompts = prompts
        self.ids = prompts
        self.potential = potential
        self.log = log
        rows = len(prompts)
        self.tokens: list[list[int]] = [[] for _ in range(rows)]
        self.log_weights = potential.prefix().copy()
        check_log_weights(self.log_weights)
        self.is_active = self.log_weights > -np.inf
        self.is_finished = np.zeros(rows, dtype=np.bool_)
        self.checks = np.zeros(rows, dtype=np.int64)
        self.calls = np.zeros(rows, dtype=np.int64)
        self.steps = 0
        groups: dict[bytes, int] = {}
        self.group = np.array([groups.setdefault(row.tobytes(), len(groups)) for row in prompts], dtype=np.int64)
        self.slots = np.array([int((self.group[:row] == self.group[row]).sum()) for row in range(rows)])
        first = [prompts[int(np.flatnonzero(self.group == number)[0])] for number in range(len(groups))]
        self.coordinates = prompt_coordinates([row.tolist() for row in first])[self.group]
        self.waiting: np.ndarray[Any, Any] | None = None  # tokens drawn at the last call


class AlignedProcessor(LogitsProcessor):  # type: ignore[misc,unused-ignore]
    """Draws each token of ``model.generate`` by aligned decoding; `finish` gives the weights and teaches the trie.

    ::

        with AlignedProcessor(compiled, model, max_tokens=63) as processor:
            sequences = model.generate(**inputs, max_new_tokens=64, logits_processor=[processor])
            [samples] = processor.finish(sequences)

    Target: ``p(x) exp(complete(x))`` over texts of at most ``max_tokens`` tokens, p the model's law under ``warp``.
    ``constraint``: a compiled source, or a potential.  ``model``: the one that ``generate`` runs.
    ``trie``: kept between calls and processors; one of its own by default.  ``seed``: None draws one; rows of a prompt
    are numbered in the order of the call, and calls of one processor continue the numbering.
    ``warp``: temperature, top-k, top-p and min-p as part of the target.  A call whose generation config warps otherwise
    is refused, with the exception of the default ``top_k=50``, which has no effect.
    ``context``: a text for what else the model is given beside the ids (an image, an adapter); part of the trie's key.

    The processor chooses the token itself, so it must be the last one that has an opinion, and works with and without
    ``do_sample``, with ``num_return_sequences`` and padded batches.  Beams, drafts, and settings that change scores
    (penalties, forced or suppressed tokens, ``min_new_tokens``) raise `UnsupportedCall`; so does a ``max_new_tokens``
    that leaves no room for ``max_tokens`` tokens and the eos token.  A row that comes to a dead end is ended by an eos
    token and has a weight of 0.
    """

    def __init__(
        self,
        constraint: Constraint | Potential,
        model: Any,
        *,
        max_tokens: int,
        budget: Budget = "limit",
        trie: AlignedTrie | None = None,
        warp: Warp | None = None,
        seed: int | None = None,
        context: str = "",
    ) -> None:
        is_potential = callable(getattr(constraint, "start", None))
        potential: Any = constraint
        if not is_potential:
            compiled: Any = constraint
            potential = CompiledPotential(compiled)
        self.potential: Potential = potential
        self.trie = AlignedTrie() if trie is None else trie
        self.warp = Warp() if warp is None else warp
        self.max_tokens = max_tokens
        self._bounded = within_budget(self.potential, max_tokens, budget)
        self._model = HuggingFaceModel(model, warp=self.warp)
        self._eos = sorted(self.potential.vocabulary.eos_token_ids)
        self._seed = secrets.randbits(63) if seed is None else seed
        identity = self._bounded.identity
        self._identity = f"object {secrets.token_hex(16)}" if identity is None else identity
        self._context = context
        self._drawn: dict[bytes, int] = {}  # rows of each prompt in finished calls
        self._session: _Session | None = None

    def __enter__(self) -> Self:
        self._session = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session = None  # a call that was not finished taught nothing

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:
        """Scores (float[rows, width]) with 0 for the drawn token and -inf elsewhere."""
        call = current_generation_call()
        ids = input_ids.cpu().numpy().astype(np.int64)
        session = self._session
        identity = None if session is None or session.identity is None else session.identity()
        is_new = session is None or (call.identity is not None and identity is not call.identity)
        if is_new:
            self._refuse(call, ids, scores)
            session = self._begin(call, ids)
        assert session is not None
        if ids.shape == session.ids.shape and np.array_equal(ids, session.ids):
            if session.waiting is not None:  # the same step once more
                return self._chosen(scores, session.waiting)
        else:
            self._take(session, ids)
        return self._draw(session, scores)

    # A call

    def _refuse(self, call: GenerationCall, ids: NDArray[np.int64], scores: torch.Tensor) -> None:
        """Raise `UnsupportedCall` for calls whose draws would have another target."""
        if call.num_beams > 1 or call.is_draft or call.kept_length is not None:
            raise UnsupportedCall("aligned decoding draws samples: num_beams must be 1, without assistant or drafts")
        if not ids.shape[1]:
            raise UnsupportedCall("the call has no prompt ids (inputs_embeds?), by which its target could be known")
        if scores.shape[1] != self._model.vocabulary_size:
            raise UnsupportedCall(
                f"the scores are {scores.shape[1]} wide and the model's {self._model.vocabulary_size}: give the "
                "processor the model that generates"
            )
        config = call.config
        if config is None:
            return
        asked = Warp.from_generation_config(config)
        top_k = None if asked.top_k == _DEFAULT_TOP_K else asked.top_k
        asked = Warp(asked.temperature, top_k, asked.top_p, asked.min_p)
        own = Warp(self.warp.temperature, None if top_k is None else self.warp.top_k, self.warp.top_p, self.warp.min_p)
        if not asked.is_neutral and asked != own:
            raise UnsupportedCall(
                f"this call asks for {asked}, and the processor's target has {self.warp}; give warp= to the "
                "processor, and generate the same values or none"
            )
        room = config.max_length - ids.shape[1]
        if room < self.max_tokens + 1:
            raise UnsupportedCall(
                f"max_new_tokens={room} cuts texts of max_tokens={self.max_tokens} before their eos token; give "
                f"max_new_tokens={self.max_tokens + 1}"
            )
        ends = config.eos_token_id
        stops = {ends} if isinstance(ends, int) else {int(token) for token in ends or ()}
        table = self.potential.vocabulary.tokens
        texts = [token for token in stops - set(self._eos) if token < len(table) and table[token]]
        if texts or not set(self._eos) <= stops:
            raise UnsupportedCall(
                f"generate stops at {sorted(stops)}, the vocabulary's texts end with {self._eos}; they must be the same"
            )

    def _begin(self, call: GenerationCall, ids: NDArray[np.int64]) -> _Session:
        roots = np.array([self.trie.root(self._key(row.tolist())) for row in ids], dtype=np.int64)
        identity = None if call.identity is None else weakref.ref(call.identity)
        session = _Session(identity, ids.copy(), self._bounded.start(len(ids)), VisitLog(self.trie, roots))
        session.slots = session.slots + np.array([self._drawn.get(row.tobytes(), 0) for row in ids], dtype=np.int64)
        self._session = session
        return session

    def _key(self, prompt: Sequence[int]) -> str:
        key = target_key([self._model.identity, self._identity, self._context, *prompt])
        assert key is not None
        return key

    def _take(self, session: _Session, ids: NDArray[np.int64]) -> None:
        """The tokens of the step before, as ``generate`` appended them."""
        known = session.ids
        if ids.shape != (known.shape[0], known.shape[1] + 1) or not np.array_equal(ids[:, :-1], known):
            raise UnsupportedCall(
                "the ids do not continue those of the step before: rows were moved, or a call was not finished; use "
                "the processor in a with block for each call"
            )
        waiting = session.waiting
        assert waiting is not None
        changed = np.flatnonzero(session.is_active & (ids[:, -1] != waiting))
        if len(changed):
            raise UnsupportedCall(
                f"row {int(changed[0])} got token {int(ids[changed[0], -1])}, and {int(waiting[changed[0]])} was "
                "drawn: another processor or criterion changes tokens"
            )
        session.ids = ids.copy()
        session.waiting = None
        for row in np.flatnonzero(session.is_active).tolist():
            token = int(waiting[row])
            if token in self._eos:
                session.is_finished[row] = session.log_weights[row] > -np.inf
            else:
                session.tokens[row].append(token)
        moving = np.where(session.is_active & (session.log_weights > -np.inf), waiting, -1)
        session.potential.advance(moving)
        session.is_active = session.is_active & ~np.isin(waiting, self._eos)

    def _draw(self, session: _Session, scores: torch.Tensor) -> torch.Tensor:
        """Draw for active rows; the step is noted, and waits to be taken."""
        rows = len(session.ids)
        active = np.flatnonzero(session.is_active)
        waiting = np.full(rows, self._eos[0], dtype=np.int64)
        if len(active):
            log_probs = target_log_probs(self.warp.apply(scores.float()), session.potential)
            aligned = log_probs.clone()
            log = session.log
            log.scatter(aligned)
            log_mass = torch.logsumexp(aligned, dim=1).double().cpu().numpy()
            keys = stream_keys(self._seed, PURPOSE_TOKEN, session.coordinates, session.slots, session.steps)
            tokens = draw(aligned, row_uniforms(keys, aligned.device)).cpu().numpy()
            kept = session.is_active & (log_mass > -np.inf)
            answers = np.zeros(rows)
            if session.potential.has_checks and kept.any():
                asked = np.flatnonzero(kept)
                answers[asked] = session.potential.check(asked, tokens[asked])
                session.checks[asked] += 1
            known = np.zeros(rows)
            known[kept] = self.trie.log_future(self.trie.child(log.nodes[kept], tokens[kept]))
            steps = np.full(rows, -np.inf)
            steps[kept] = log_mass[kept] + answers[kept] - known[kept]
            leads_on = kept & (~np.isin(tokens, self._eos) | (answers != 0))
            log.visit(active, aligned, log_probs, tokens[active], leads_on[active], answers[active])
            session.log_weights[active] += steps[active]
            waiting = np.where(kept & (steps > -np.inf), tokens, waiting)
            session.calls[active] += session.steps > 0
        session.steps += 1
        session.waiting = waiting
        return self._chosen(scores, waiting)

    @staticmethod
    def _chosen(scores: torch.Tensor, tokens: NDArray[np.int64]) -> torch.Tensor:
        index = torch.from_numpy(tokens).to(scores.device)[:, None]
        return torch.full_like(scores, -torch.inf).scatter_(1, index, 0.0)

    def finish(self, sequences: Any) -> list[Samples]:
        """Record a call's texts in the trie, and give them with their weights: for each different prompt, in order.

        ``sequences``: what ``generate`` returned, ids (int64[rows, length]) or an output with ``sequences``.
        Raises `SamplerError` where there was no call, or the sequences are not its.
        """
        session = self._session
        if session is None:
            raise SamplerError("there is no call to finish: call generate with this processor first, in the with block")
        ids = getattr(sequences, "sequences", sequences).cpu().numpy().astype(np.int64)
        common = min(ids.shape[1], session.ids.shape[1])
        if len(ids) != len(session.ids) or not np.array_equal(ids[:, :common], session.ids[:, :common]):
            raise SamplerError("these sequences are not those of the last call")
        if ids.shape[1] > session.ids.shape[1]:
            self._take(session, ids[:, : session.ids.shape[1] + 1])
        self.trie.record(session.log.visits())
        self._session = None
        for row in session.prompts:
            self._drawn[row.tobytes()] = self._drawn.get(row.tobytes(), 0) + 1
        results = []
        for group in range(int(session.group.max()) + 1):
            chosen = np.flatnonzero(session.group == group)
            finished = session.is_finished[chosen]
            statistics = Statistics(
                model_calls=1 + int(session.calls[chosen].sum()),
                forward_passes=session.steps,
                constraint_checks=int(session.checks[chosen].sum()),
                proposals=len(chosen),
                accepted=int(finished.sum()),
            )
            results.append(
                weighted_samples(
                    self.potential.vocabulary,
                    [session.tokens[row] for row in chosen],
                    np.where(finished, session.log_weights[chosen], -np.inf),
                    finished,
                    statistics,
                    parse=parser_of(self.potential),
                )
            )
        return results
