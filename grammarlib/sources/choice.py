"""A finite set of texts.

Purpose: `Choice` allows exactly the given strings.
Place: text -> `grammarlib.automata.rows.RowSource`, without the regex algebra in between.
Cost: sorting the members; a state is a range of the sorted members and a depth, made when it is first visited.
5,000 members cost 2 ms, and a state a binary search for each distinct next byte.
Not taken: a union of literals.  It is the same language, at a node for every byte of every member.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grammarlib.dtypes import DEAD, STATE_DTYPE
from grammarlib.errors import Finding, InvalidSource, LimitExceeded
from grammarlib.limits import Limits


@dataclass(frozen=True, init=False)
class Choice:
    """The texts of ``options`` (any iterable of strings; repeated ones count once)."""

    options: tuple[str, ...]

    def __init__(self, options: Iterable[str]) -> None:
        if isinstance(options, str):
            raise TypeError("options must be an iterable of strings, not one string")
        object.__setattr__(self, "options", tuple(options))

    def lower(self, limits: Limits) -> LiteralTrie:
        """The automaton.  Raises `InvalidSource` for no options or for one that is not a Unicode text."""
        findings = []
        members = set()
        total = 0
        for index, option in enumerate(self.options):
            if not isinstance(option, str):
                findings.append(Finding("type", f"option {index} is {type(option).__name__}, not str"))
                continue
            try:
                data = option.encode()
            except UnicodeEncodeError:
                findings.append(Finding("encoding", f"option {index} holds a lone surrogate: {option!r:.80}"))
                continue
            total += len(data)
            members.add(data)
        if not self.options:
            findings.append(Finding("empty", "a choice needs at least one option"))
        if findings:
            raise InvalidSource(findings)
        if total > limits.source_bytes:
            raise LimitExceeded("source_bytes", limits.source_bytes, total, "a choice")
        return LiteralTrie(sorted(members), limits)


class LiteralTrie:
    """Sorted byte strings as a `RowSource`; label 1.  Safe to share between threads."""

    def __init__(self, members: list[bytes], limits: Limits) -> None:
        self._members = members
        self._limits = limits
        self._lock = threading.Lock()
        # A state is a range of members that share their first `depth` bytes.
        self._states: list[tuple[int, int, int]] = [(0, len(members), 0)] if members else []
        self._moves: list[tuple[tuple[int, int], ...] | None] = [None] * len(self._states)

    @property
    def start(self) -> int:
        """The start state, or -1 of no members."""
        return 0 if self._states else DEAD

    @property
    def state_count(self) -> int:
        """How many states were found so far."""
        return len(self._states)

    def expand(self, state: int) -> NDArray[np.int32]:
        """All transitions of ``state``: a fresh int32[256], -1 where no member goes on."""
        row = np.full(256, DEAD, dtype=STATE_DTYPE)
        moves = self._moves[state]
        if moves is None:
            with self._lock:
                moves = self._moves[state]
                if moves is None:
                    moves = self._expand(state)
                    self._moves[state] = moves
        for byte, target in moves:
            row[byte] = target
        return row

    def label(self, state: int) -> int:
        """1 where the bytes so far are a member, else 0."""
        low, _, depth = self._states[state]
        return 1 if len(self._members[low]) == depth else 0

    def shortest_completion(self, state: int) -> bytes:
        """The rest of the shortest member of ``state``, the first by byte order."""
        low, high, depth = self._states[state]
        return min(self._members[low:high], key=len)[depth:]

    def shortest_length(self, state: int) -> int:
        """The fewest code points to the end of a member."""
        low, high, depth = self._states[state]
        if len(self._members[low]) == depth:
            return 0
        return min(sum(1 for byte in member[depth:] if byte & 0xC0 != 0x80) for member in self._members[low:high])

    def _expand(self, state: int) -> tuple[tuple[int, int], ...]:
        low, high, depth = self._states[state]
        members = self._members
        if len(members[low]) == depth:
            low += 1
        moves = []
        while low < high:
            byte = members[low][depth]
            # The members are sorted: the next group starts at the first that has a larger byte here.
            if members[high - 1][depth] == byte:
                end = high
            else:
                end = bisect_left(members, members[low][:depth] + bytes((byte + 1,)), low, high)
            number = len(self._states)
            if number >= self._limits.states:
                raise LimitExceeded("states", self._limits.states, where="a choice")
            self._states.append((low, end, depth + 1))
            self._moves.append(None)
            moves.append((byte, number))
            low = end
        return tuple(moves)
