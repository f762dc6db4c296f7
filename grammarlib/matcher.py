"""The matcher: one text in progress.  Accept tokens, fill masks, roll back, fork.

Purpose: the mutable companion of a compiled grammar.  Its whole state is a list of configurations
(ints), one for each accepted step, so rollback, forks, beams and drafts are list operations.
Place: made by ``compiled.matcher()``; used by `samplers` and by serving engines.
Cost: about 3 us a token for ``fill_bitmask`` and ``accept_token`` where the mask is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata.configurations import Machine
from grammarlib.automata.shortest import Completions
from grammarlib.dtypes import BITMASK_DTYPE
from grammarlib.errors import MatcherError
from grammarlib.masks.fill import Masks, WalkTables
from grammarlib.vocabulary import Vocabulary

_WORD: Final = np.dtype(BITMASK_DTYPE)
_TERMINATED: Final = -2  # in place of a configuration: an eos token was accepted


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a token is allowed or refused.

    ``bytes_accepted`` of the token's bytes fit; ``expected`` holds the bytes that could have come next.
    """

    token_id: int
    allowed: bool
    token: bytes | None
    bytes_accepted: int
    expected: bytes
    reason: str

    def __str__(self) -> str:
        return self.reason


class Matcher:
    """One text in progress over a compiled grammar; not to be shared between threads.

    Tokens are ids of the vocabulary.  Methods that take tokens or masks raise `MatcherError` where the source was
    compiled without a vocabulary.
    """

    __slots__ = ("_completions", "_eos", "_history", "_machine", "_masks", "_tables", "_vocabulary")

    def __init__(
        self,
        machine: Machine,
        masks: Masks | None,
        vocabulary: Vocabulary | None,
        tables: WalkTables | None,
        completions: Completions,
    ) -> None:
        self._machine = machine
        self._masks = masks
        self._vocabulary = vocabulary
        self._tables = tables
        self._completions = completions
        self._eos: frozenset[int] = frozenset(() if vocabulary is None else vocabulary.eos_token_ids)
        self._history: list[int] = [machine.start]

    # ---- state

    @property
    def is_accepting(self) -> bool:
        """Whether the text may stop here: an eos token is allowed."""
        configuration = self._history[-1]
        return configuration == _TERMINATED or self._machine.is_accepting(configuration)

    @property
    def is_terminated(self) -> bool:
        """Whether an eos token was accepted; from then on only eos tokens are allowed."""
        return self._history[-1] == _TERMINATED

    @property
    def configuration(self) -> int:
        """The interned state (-2 once terminated): matchers of one compiled grammar share it only in equal states."""
        return self._history[-1]

    @property
    def steps(self) -> int:
        """How many steps `rollback` can take back."""
        return len(self._history) - 1

    def _with_vocabulary(self) -> tuple[Masks, WalkTables]:
        if self._masks is None or self._tables is None:
            raise MatcherError("this grammar was compiled without a vocabulary: pass one to gl.compile")
        return self._masks, self._tables

    # ---- masks

    def fill_bitmask(self, bitmask: NDArray[np.int32], row: int = 0) -> None:
        """Overwrite row ``row`` of ``bitmask`` (int32[rows, ceil(logits_width / 32)]) with what may come next.

        Bit ``t % 32`` of word ``t // 32`` is 1 for allowed tokens; eos tokens exactly where
        `is_accepting`.  Special tokens and ids past the vocabulary stay 0.
        """
        masks, tables = self._masks, self._tables
        if masks is None or tables is None:
            masks, tables = self._with_vocabulary()
        configuration = self._history[-1]
        words = masks.rows.get(configuration)
        if words is None:
            words = tables.eos_row if configuration == _TERMINATED else masks.row(configuration)
        shape = bitmask.shape
        if bitmask.dtype != _WORD or len(shape) != 2 or shape[1] != tables.words or not 0 <= row < shape[0]:
            found = f"{bitmask.dtype}{list(shape)}"
            raise MatcherError(f"row {row} of an int32[rows, {tables.words}] bitmask is needed, this one is {found}")
        try:
            bitmask[row] = words
        except ValueError as error:
            raise MatcherError(f"the bitmask cannot be written: {error}") from error

    def accept_token(self, token_id: int) -> bool:
        """Move past ``token_id``; False (state unchanged) where it is refused."""
        history = self._history
        configuration = history[-1]
        masks, tables = self._masks, self._tables
        # Inside a free string plain text changes nothing.
        if (
            masks is None
            or tables is None
            or configuration not in masks.free_text
            or not 0 <= token_id < tables.size
            or not tables.plain_tokens[token_id]
        ):
            configuration = self._following(configuration, token_id)
            if configuration == -1:
                return False
        history.append(configuration)
        return True

    def _following(self, configuration: int, token_id: int) -> int:
        if token_id in self._eos:
            if configuration == _TERMINATED or self._machine.is_accepting(configuration):
                return _TERMINATED
            return -1
        index = self._tables
        if index is None:
            _, index = self._with_vocabulary()
        if configuration == _TERMINATED:
            return -1
        data = index.token(token_id)
        if data is None:
            return -1
        return self._machine.advance(configuration, data)

    def accept_tokens(self, token_ids: Sequence[int]) -> int:
        """Accept tokens up to the first refused one; returns how many.  Each is a step of its own."""
        for count, token_id in enumerate(token_ids):
            if not self.accept_token(token_id):
                return count
        return len(token_ids)

    def validate_tokens(self, token_ids: Sequence[int]) -> int:
        """How many of ``token_ids`` would be accepted; the state stays."""
        configuration = self._history[-1]
        for count, token_id in enumerate(token_ids):
            configuration = self._following(configuration, token_id)
            if configuration == -1:
                return count
        return len(token_ids)

    def accept_bytes(self, data: bytes) -> int:
        """Move past the longest allowed prefix of ``data``; returns its length.

        One step for `rollback` (none where nothing was accepted).
        """
        configuration = self._history[-1]
        if configuration == _TERMINATED:
            return 0
        configuration, taken = self._machine.read(configuration, bytes(data))
        if taken:
            self._history.append(configuration)
        return taken

    # ---- moving back

    def rollback(self, n_steps: int) -> None:
        """Take back the last ``n_steps`` accepted steps.  Raises `MatcherError` where there are fewer."""
        if not 0 <= n_steps < len(self._history):
            raise MatcherError(f"cannot roll back {n_steps} steps of {len(self._history) - 1}")
        if n_steps:
            del self._history[-n_steps:]

    def fork(self) -> Matcher:
        """An independent matcher in the same state, with the same history."""
        other = Matcher(self._machine, self._masks, self._vocabulary, self._tables, self._completions)
        other._history = self._history.copy()
        return other

    def reset(self) -> None:
        """Back to the beginning of the text."""
        del self._history[1:]

    # ---- what comes next

    def next_bytes(self) -> bytes:
        """The bytes that may come next, ascending; empty where the text can only stop."""
        if self._history[-1] == _TERMINATED:
            return b""
        allowed, _ = self._machine.next_bytes(self._history[-1])
        return bytes(np.flatnonzero(allowed).astype(np.uint8))

    def forced_bytes(self) -> bytes:
        """The bytes that must come next: each is the only one possible and the text may not stop before it."""
        forced = bytearray()
        configuration = self._history[-1]
        while configuration != _TERMINATED and len(forced) < 65_536:
            allowed, accepting = self._machine.next_bytes(configuration)
            if accepting or int(allowed.sum()) != 1:
                break
            byte = allowed.argmax().astype(np.uint8)
            forced.append(int(byte))
            configuration = self._machine.advance(configuration, byte.reshape(1))
        return bytes(forced)

    def shortest_completion(self) -> bytes:
        """A shortest byte string after which the text may stop; empty where it may stop now."""
        if self._history[-1] == _TERMINATED:
            return b""
        return self._completions.shortest(self._history[-1])

    def explain(self, token_id: int) -> Explanation:
        """Why ``token_id`` is allowed or refused here."""
        _, index = self._with_vocabulary()
        configuration = self._history[-1]
        if token_id in self._eos:
            allowed = self.is_accepting
            expected = self.next_bytes()
            reason = "the text may stop here" if allowed else "the text may not stop here"
            return Explanation(token_id, allowed, None, 0, expected, f"token {token_id} (eos): {reason}")
        if not 0 <= token_id < index.size:
            reason = f"token {token_id} is not in the vocabulary"
            return Explanation(token_id, False, None, 0, b"", reason)
        data = index.token(token_id)
        if data is None:
            reason = f"token {token_id} is special or empty: it is never allowed as text"
            return Explanation(token_id, False, None, 0, b"", reason)
        token = data.tobytes()
        if configuration == _TERMINATED:
            reason = f"token {token_id} {token!r}: the text has ended, only eos tokens are allowed"
            return Explanation(token_id, False, token, 0, b"", reason)
        configuration, taken = self._machine.read(configuration, token)
        if taken == len(token):
            return Explanation(token_id, True, token, taken, b"", f"token {token_id} {token!r} is allowed")
        allowed_bytes, accepting = self._machine.next_bytes(configuration)
        expected = bytes(np.flatnonzero(allowed_bytes).astype(np.uint8))
        reason = (
            f"token {token_id} {token!r}: byte {taken} ({token[taken : taken + 1]!r}) is refused "
            f"after {token[:taken]!r}; "
            f"{_describe(expected, accepting)}"
        )
        return Explanation(token_id, False, token, taken, expected, reason)


def _describe(expected: bytes, accepting: bool) -> str:
    parts = []
    start = 0
    while start < len(expected):
        end = start
        while end + 1 < len(expected) and expected[end + 1] == expected[end] + 1:
            end += 1
        first, last = repr(expected[start : start + 1])[1:], repr(expected[end : end + 1])[1:]
        parts.append(first if start == end else f"{first}..{last}")
        start = end + 1
    text = "expected " + " ".join(parts) if parts else "nothing may follow"
    return text + (" or the end of the text" if accepting else "")


def fill_bitmasks(matchers: Sequence[Matcher], bitmask: NDArray[np.int32]) -> None:
    """Fill row ``i`` of ``bitmask`` for ``matchers[i]``, for a whole batch.

    Matchers in the same configuration share one mask; kernels run without the GIL.
    """
    if len(matchers) > bitmask.shape[0]:
        raise MatcherError(f"{len(matchers)} matchers need as many rows, the bitmask has {bitmask.shape[0]}")
    for row, matcher in enumerate(matchers):
        matcher.fill_bitmask(bitmask, row)
