"""Masks for ``transformers``: one processor for every way of calling ``generate``.

Purpose: ``model.generate(..., logits_processor=[MaskProcessor(compiled)])`` writes only texts of the language, with
sampling, beams, several samples a prompt, drafts, padding, any batch, and again with the next call.
Place: between compiled sources (`grammarlib`) and ``transformers``; the only module beside `samplers.models` that
imports it.
Cost: one device-to-host copy a step (the new ids, a flag a row) and one packed mask back.  In plain generation that
is one ``accept_token`` and one ``fill_bitmask`` a row; see ``docs/howto/transformers.md`` for figures.
Not taken: state by row number with an "is this the first call?" flag.  It fails on reuse, beams, drafts and a
smaller last batch.  Here a row's state follows from its generated ids (`samplers.prefixes`), and the place where
they start from the prompt of the call (`samplers.generation_call`).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LogitsProcessor

from grammarlib.errors import DeadEnd
from samplers.bitmask import apply_bitmask
from samplers.errors import ConstraintMismatch, SamplerError, UnsupportedCall
from samplers.generation_call import GenerationCall, current_generation_call
from samplers.prefixes import PrefixState, advance, extends_known, resolve
from samplers.types import Constraint, TokenMatcher

DeadEndPolicy: TypeAlias = Literal["raise", "eos", "release"]

_REMEMBERED_CALLS: Final = 32
"""Prompts that are remembered at once: drafts and interleaved loops need a few, threads one each."""


class _Session:
    """One prompt batch: where its generated ids start, and the state of each row at the last step."""

    __slots__ = ("constraint_of_row", "deferred", "identity", "ids", "prompt", "rows_move", "start", "states")

    def __init__(
        self,
        identity: weakref.ref[Any] | None,
        start: int,
        prompt: NDArray[np.int64],
        constraint_of_row: list[int | None],
    ) -> None:
        self.identity = identity
        self.start = start
        self.prompt = prompt
        self.constraint_of_row = constraint_of_row
        self.states: list[PrefixState | None] = []
        self.ids: torch.Tensor | None = None  # of the last step, to see that the next one extends it
        self.rows_move = False  # beams: do not try the fast path again
        self.deferred: bytes | None = None  # generated ids at whose end a draft met a dead end

    def belongs_to(self, identity: object) -> bool:
        return (self.identity() if self.identity is not None else None) is identity

    @property
    def is_over(self) -> bool:
        """Its call of ``generate`` has returned."""
        return self.identity is not None and self.identity() is None


class MaskProcessor(LogitsProcessor):  # type: ignore[misc,unused-ignore]
    """Allow only tokens after which the generated text can still become one of the constraint's language.

    ``constraints``: a compiled source for every row, or a sequence with one entry for each prompt of the call (None
    leaves a prompt free).  With ``num_return_sequences`` or ``num_beams`` the rows of a prompt lie together, and a
    sequence of n constraints over r rows gives row i the constraint ``i // (r // n)``.
    ``model``: where given, every id of its ``generation_config.eos_token_id`` may end a complete text, and scores
    of another width than its own (an assistant of another family) pass through unchanged outside ``generate``.
    ``prompt_length``: the column at which the generated text starts, in every call.  By default it starts where the
    ids of a call end at its first step.  Give it to continue a text that was begun elsewhere, or in a loop of one's
    own that adds several tokens a step.
    ``inplace``: write into ``scores`` (saves a copy; ``output_logits`` then shows masked logits).
    ``on_dead_end``: what happens to a row whose every allowed token has the score -inf already (``min_new_tokens``
    after a complete text, suppressed tokens), or whose grammar has no next token.  ``"raise"``:
    `grammarlib.errors.DeadEnd`.  ``"eos"``: the row ends here.  ``"release"``: its scores stay as they are for this
    step, and it ends as soon as it may.  In beam search a beam at a dead end drops out while another one of its
    prompt goes on; the policy is for the last one.  Where a draft meets a dead end, ``"raise"`` waits until the
    draft is kept.

    Scores may be of any floating dtype, width and device.  Ids past the vocabulary are masked.  A row that has
    ended, or that contains ids which the constraint refuses (a draft, padding after a stopping criterion), may only
    end; this never raises.  Masked scores are -inf, the others unchanged; the argument is written only if
    ``inplace``.

    The same instance serves any number of calls, batch sizes and threads.  `reset` forgets all of them.

    Raises `SamplerError` here for arguments that do not fit.  A call raises `ConstraintMismatch` where a sequence
    of constraints does not match the prompts, `UnsupportedCall` for ids that are not [rows, length], and `DeadEnd`.
    """

    def __init__(
        self,
        constraints: Constraint | Sequence[Constraint | None],
        *,
        model: Any = None,
        prompt_length: int | None = None,
        inplace: bool = False,
        on_dead_end: DeadEndPolicy = "raise",
    ) -> None:
        self._constraints: list[Constraint | None]
        self._is_shared = not isinstance(constraints, Sequence)
        self._constraints = list(constraints) if isinstance(constraints, Sequence) else [constraints]
        if not self._constraints:
            raise SamplerError("there are no constraints; give one compiled source, or one for each prompt")
        present = [constraint for constraint in self._constraints if constraint is not None]
        for constraint in present:
            _check_constraint(constraint)
        vocabularies = [constraint.vocabulary for constraint in present]
        if any(vocabulary != vocabularies[0] for vocabulary in vocabularies):
            raise SamplerError("the constraints were compiled for different vocabularies; use the model's for all")
        self._vocabulary = vocabularies[0] if vocabularies else None

        if prompt_length is not None and prompt_length < 0:
            raise SamplerError(f"prompt_length must not be negative, and is {prompt_length}")
        self._prompt_length = prompt_length
        self._inplace = inplace
        if on_dead_end not in get_args(DeadEndPolicy):
            raise SamplerError(f"on_dead_end must be one of {', '.join(get_args(DeadEndPolicy))}, not {on_dead_end!r}")
        self._on_dead_end = on_dead_end
        vocabulary_stops = () if self._vocabulary is None else tuple(self._vocabulary.eos_token_ids)
        model_stops = () if model is None else stop_tokens(model)
        self._stops = tuple(sorted({*vocabulary_stops, *model_stops}))
        self._model_stops = frozenset(model_stops) - frozenset(vocabulary_stops)
        self._model_width: int | None = None if model is None else int(model.config.get_text_config().vocab_size)
        if on_dead_end == "eos" and present and not self._stops:
            raise SamplerError(
                "on_dead_end='eos' needs an end-of-sequence token; give model=, or a vocabulary with eos_token_ids"
            )

        self._lock = threading.Lock()
        self._sessions: list[_Session] = []  # the last used first

    def reset(self) -> None:
        """Forget every call so far: the next one starts at the end of its ids, whatever they are."""
        with self._lock:
            self._sessions.clear()

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:
        """``scores`` (float[rows, width]) with -inf where a token may not follow its row of ids (int[rows, length])."""
        if input_ids.ndim != 2 or scores.ndim != 2 or input_ids.shape[0] != scores.shape[0]:
            raise UnsupportedCall(
                f"the ids must be [rows, length] and the scores [rows, width], not {list(input_ids.shape)} and "
                f"{list(scores.shape)}; continuous batching (generate_batch, cache_implementation='paged') shows "
                "a processor only the last id of each request, from which its text cannot be known: use generate"
            )
        call = current_generation_call()
        if call.is_foreign or self._is_another_models(scores.shape[1], call):
            return scores
        with self._lock:
            try:
                return self._masked(input_ids, scores, call)
            except DeadEnd:
                raise
            except BaseException:
                self._sessions.clear()  # a matcher may have stopped half way
                raise

    def _is_another_models(self, width: int, call: GenerationCall) -> bool:
        if self._model_width is None or width == self._model_width:
            return False
        return call.is_draft or call.identity is None  # inside generate, scores of no draft are the model's own

    def _masked(self, input_ids: torch.Tensor, scores: torch.Tensor, call: GenerationCall) -> torch.Tensor:
        # A row can only run out of tokens if a score was -inf before: the flag comes along with the ids.
        has_suppressed = scores.amin(dim=1, keepdim=True) == -torch.inf
        session, suppressed = self._session_of(input_ids, has_suppressed, call)
        is_tentative = call.is_tentative(input_ids.shape[1])
        if session.deferred is not None and not is_tentative:
            self._raise_deferred(session)

        rows, width = scores.shape
        words = torch.zeros((rows, (width + 31) // 32), dtype=torch.int32, pin_memory=scores.is_cuda)
        empty = self._fill(session.states, words.numpy(), width)
        doubtful = [row for row in range(rows) if (suppressed[row] or empty[row]) and session.states[row] is not None]
        original = scores.clone() if doubtful and self._inplace else scores
        masked = apply_bitmask(scores, words, inplace=self._inplace)
        if doubtful:
            self._leave_dead_ends(doubtful, original, masked, session, call.num_beams, is_tentative)
        return masked

    # Which rows are which

    def _session_of(
        self, input_ids: torch.Tensor, has_suppressed: torch.Tensor, call: GenerationCall
    ) -> tuple[_Session, list[bool]]:
        """The session of a call with its states at ``input_ids``, and the flags on the host."""
        flags = has_suppressed.to(device=input_ids.device, dtype=input_ids.dtype)
        session = self._sessions[0] if self._sessions else None
        if session is not None and self._may_extend(session, input_ids, call):
            assert session.ids is not None
            same = (input_ids[:, :-1] == session.ids).all(dim=1, keepdim=True)
            step = torch.cat([same.to(input_ids.dtype), input_ids[:, -1:], flags], dim=1).tolist()
            if all(row[0] for row in step):
                advance(session.states, [row[1] for row in step], self._model_stops)
                session.ids = input_ids.clone()
                return session, [bool(row[2]) for row in step]
            session.rows_move = True

        host = torch.cat([flags, input_ids], dim=1).cpu().numpy().astype(np.int64, copy=False)
        suppressed, ids = host[:, 0].astype(bool).tolist(), host[:, 1:]
        session = self._find(ids, call) or self._begin(ids, call)
        generated = ids[:, session.start :]
        before, session.states = session.states, []
        session.states = resolve(before, generated, session.constraint_of_row, self._new_matcher, self._model_stops)
        session.ids = None if session.rows_move else input_ids.clone()
        return session, suppressed

    @staticmethod
    def _may_extend(session: _Session, input_ids: torch.Tensor, call: GenerationCall) -> bool:
        ids = session.ids
        return (
            ids is not None
            and not session.rows_move
            and session.belongs_to(call.identity)
            and input_ids.shape == (ids.shape[0], ids.shape[1] + 1)
            and input_ids.device == ids.device
        )

    def _find(self, ids: NDArray[np.int64], call: GenerationCall) -> _Session | None:
        """The session that these ids continue (or go back in): the same ``generate`` call and the same prompt.

        Outside ``generate`` nothing but the ids can tell, so they must be at most one token past what was seen.
        """
        for index, session in enumerate(self._sessions):
            start = session.start
            if not session.belongs_to(call.identity) or ids.shape[1] < start or len(ids) != len(session.prompt):
                continue
            if not np.array_equal(ids[:, :start], session.prompt):
                continue
            if call.identity is None and self._prompt_length is None:
                pairs = zip(ids[:, start:], session.constraint_of_row, strict=True)
                if not all(c is None or extends_known(session.states, row, c) for row, c in pairs):
                    continue
            self._sessions.insert(0, self._sessions.pop(index))
            return session
        return None

    def _begin(self, ids: NDArray[np.int64], call: GenerationCall) -> _Session:
        """A session for a prompt that was not seen before in this call."""
        length = ids.shape[1]
        start = length if self._prompt_length is None else self._prompt_length
        if start > length:
            raise UnsupportedCall(f"prompt_length is {start}, but the ids are only {length} long")
        identity = None if call.identity is None else weakref.ref(call.identity)
        session = _Session(identity, start, ids[:, :start].copy(), self._assign(ids, start))
        kept = [other for other in self._sessions if not other.is_over]
        self._sessions = [session, *kept[: _REMEMBERED_CALLS - 1]]
        return session

    def _assign(self, ids: NDArray[np.int64], start: int) -> list[int | None]:
        """The index of each row's constraint."""
        rows = len(ids)
        if self._is_shared:
            return [0] * rows
        count = len(self._constraints)
        if rows % count:
            raise ConstraintMismatch(
                f"{count} constraints do not fit a batch of {rows} rows; give one for each prompt of the call "
                "(a pipeline calls for each batch, and the last may be smaller), or a single one for all"
            )
        group = rows // count
        prompts = ids[:, :start].reshape(count, group, start)
        if not (prompts == prompts[:, :1]).all():
            raise ConstraintMismatch(
                f"{count} constraints for {rows} rows, but the rows of one constraint have different prompts; "
                "give one for each prompt of the call, or a single one for all"
            )
        indices = [None if constraint is None else index for index, constraint in enumerate(self._constraints)]
        return [indices[row // group] for row in range(rows)]

    def _new_matcher(self, index: int) -> TokenMatcher:
        constraint = self._constraints[index]
        assert constraint is not None
        return constraint.matcher()

    # Masks

    def _fill(self, states: Iterable[PrefixState | None], words: NDArray[np.int32], width: int) -> list[bool]:
        """Write each row's mask (int32[rows, words], zeros before); tell which rows allow nothing."""
        scratch: NDArray[np.int32] | None = None
        if self._vocabulary is not None:
            vocabulary_words = (self._vocabulary.logits_width + 31) // 32
            if vocabulary_words != words.shape[1]:  # padded logits, or fewer than the tokenizer has
                scratch = np.zeros((1, vocabulary_words), dtype=np.int32)
        for row, state in enumerate(states):
            if state is None:
                words[row] = -1
            elif not state.is_live:
                self._allow_stops(words[row], width)
            elif scratch is None:
                state.matcher.fill_bitmask(words, row)
                self._settle_model_stops(state, words[row], width)
            else:
                state.matcher.fill_bitmask(scratch, 0)
                common = min(scratch.shape[1], words.shape[1])
                words[row, :common] = scratch[0, :common]
                self._settle_model_stops(state, words[row], width)
        return [bool(count == 0) for count in np.count_nonzero(words, axis=1)]

    def _allow_stops(self, row: NDArray[np.int32], width: int) -> None:
        for token in self._stops:
            if token < width:
                row.view(np.uint32)[token // 32] |= np.uint32(1 << (token % 32))

    def _settle_model_stops(self, state: PrefixState, row: NDArray[np.int32], width: int) -> None:
        """Stop tokens of the model that are no eos tokens of the vocabulary.

        One that is text (its bit is set) is allowed where the text with it is complete, since the model stops
        there. One that is not may follow a complete text.
        """
        for token in self._model_stops:
            if token >= width:
                continue
            word, bit = row.view(np.uint32)[token // 32 :], np.uint32(1 << (token % 32))
            if word[0] & bit:
                if state.matcher.accept_token(token):
                    completes = state.matcher.is_accepting
                    state.matcher.rollback(1)
                    if not completes:
                        word[0] &= ~bit
            elif state.matcher.is_accepting and not self._is_text(token):
                word[0] |= bit

    def _is_text(self, token: int) -> bool:
        tokens: Sequence[bytes | None] = () if self._vocabulary is None else self._vocabulary.tokens
        return token < len(tokens) and bool(tokens[token])

    # Dead ends

    def _leave_dead_ends(
        self,
        doubtful: list[int],
        original: torch.Tensor,
        masked: torch.Tensor,
        session: _Session,
        num_beams: int,
        is_tentative: bool,
    ) -> None:
        """Apply the policy, in ``masked``, to those rows whose every score is -inf."""
        flags = (masked[doubtful].amax(dim=1) == -torch.inf).tolist()
        exhausted = [row for row, is_exhausted in zip(doubtful, flags, strict=True) if is_exhausted]
        stops = [token for token in self._stops if token < masked.shape[1]]
        for row in exhausted:
            state = session.states[row]
            assert state is not None
            if state.is_live and _has_other_beam(row, exhausted, session.states, num_beams):
                continue
            if state.is_live and self._on_dead_end == "raise":
                if not is_tentative:
                    raise DeadEnd(self._describe(row, state))
                # The draft may be taken back.  If not, any token but a stop brings its row here again.
                session.deferred = state.tokens.tobytes()
                masked[row] = original[row]
                masked[row, stops] = -torch.inf
            elif self._on_dead_end == "release" or not stops:
                masked[row] = original[row]
            else:
                masked[row, stops] = 0.0

    def _raise_deferred(self, session: _Session) -> None:
        """A dead end inside a draft that was kept after all."""
        for row, state in enumerate(session.states):
            if state is not None and not state.is_live:
                before = state.tokens[: state.accepted]
                if not state.has_ended and before.tobytes() == session.deferred:
                    raise DeadEnd(self._describe(row, state))

    def _describe(self, row: int, state: PrefixState) -> str:
        tokens: Sequence[bytes | None] = () if self._vocabulary is None else self._vocabulary.tokens
        generated = state.tokens[: state.accepted]
        text = b"".join(tokens[token] or b"" for token in generated if token < len(tokens))[-80:]
        complete = "the text is complete" if state.matcher.is_accepting else "the text is not complete"
        return (
            f"row {row}, after {len(generated)} generated tokens (the text ends with {text!r}): {complete}, and "
            "every token that the constraint allows has the score -inf before the mask (min_new_tokens, bad words, "
            "suppressed or forced tokens), or there is none; change that, or give on_dead_end='eos' or 'release'"
        )


def _has_other_beam(row: int, exhausted: Sequence[int], states: Sequence[PrefixState | None], num_beams: int) -> bool:
    """Whether a beam of the same prompt goes on: then this one just drops out, its scores all -inf."""
    first = row - row % num_beams
    return any(
        state is not None and state.is_live and other not in exhausted
        for other, state in enumerate(states[first : first + num_beams], start=first)
    )


def _check_constraint(constraint: Constraint) -> None:
    if not callable(getattr(constraint, "matcher", None)) or not hasattr(constraint, "vocabulary"):
        raise SamplerError(
            f"a constraint is a compiled source, not {type(constraint).__name__}; "
            "use grammarlib.compile(source, vocabulary)"
        )
    if constraint.vocabulary is None:
        raise SamplerError("a constraint was compiled without a vocabulary; use grammarlib.compile(source, vocabulary)")


def stop_tokens(model: Any) -> tuple[int, ...]:
    """Every id that ends a text in ``model.generate``: its configuration has one, several or none."""
    ids = model.generation_config.eos_token_id
    if ids is None:
        return ()
    if isinstance(ids, torch.Tensor):
        ids = ids.tolist()
    return tuple(int(token) for token in ids) if isinstance(ids, Iterable) else (int(ids),)
