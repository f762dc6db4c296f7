"""Monitors: after a trigger, only names that an analysis of the text so far finds.

Purpose: "after a dot only members that exist" and rules like it: a static analysis asked at a few places of a text,
which between them says nothing.
Place: a factor with masks for rows that are inside a name, and with checks for the few tokens that reach the trigger.
Cost: one analysis for each place that a sampled or checked token reaches, kept by text; a mask inside a name costs
a dictionary look-up for each prefix of the names.
Not taken: asking the analysis for every token of the vocabulary that holds the trigger (thousands, in ``foo.bar``-like
tokens), and scanning the vocabulary in Python at each step.

A monitor is defined on bytes, so that it does not depend on tokens: `MonitorAutomaton` is the definition, `Monitor`
computes the same weights with few analyses.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.potentials.algebra import Composable
from samplers.types import TokenTable

Analysis: TypeAlias = Callable[[str], Collection[str] | None]
"""The names that may follow a text which ends with the trigger; None: any text may."""

PYTHON_WORD_BYTES: Final = bytes(byte for byte in range(256) if byte >= 0x80 or chr(byte).isalnum() or byte == ord("_"))
"""The bytes of identifiers: ASCII letters, digits, the underscore, and all bytes of other characters."""

_State: TypeAlias = tuple[bytes, frozenset[bytes] | None]
"""What was written, and what of the names is still to come; None where any text may follow."""


class MonitorAutomaton:
    """A monitor as a `samplers.potentials.lifted.ByteAutomaton`: its definition, one byte after another.

    Where the text ends with ``trigger``, ``analyse(text)`` gives names; None leaves the text free.  Then the word
    bytes that follow must spell one of them up to the first byte that is no word byte (or the end of the text).
    Names of no bytes allow that byte to come at once.  A text that is no UTF-8 so far is not analysed.
    """

    def __init__(
        self, trigger: str, analyse: Analysis, word_bytes: bytes = PYTHON_WORD_BYTES, cache_entries: int = 4096
    ) -> None:
        self.trigger = trigger.encode()
        self._word = frozenset(word_bytes)
        if not self.trigger or self.trigger[-1] in self._word:
            raise SamplerError(f"a trigger must end with a byte that is no part of a name, and is {trigger!r}")
        self._analyse = analyse
        self._entries = cache_entries
        self._known: OrderedDict[bytes, frozenset[bytes] | None] = OrderedDict()
        self.analyses = 0

    def start(self) -> _State:
        """Free, nothing written."""
        return b"", None

    def is_word(self, byte: int) -> bool:
        """Whether a byte is part of a name."""
        return byte in self._word

    def step(self, state: _State, byte: int) -> tuple[_State, float] | None:
        """The state after a byte."""
        data, remaining = state
        if remaining is not None:
            if byte in self._word:
                remaining = frozenset(name[1:] for name in remaining if name[:1] == bytes([byte]))
                if not remaining:
                    return None
            elif b"" in remaining:
                remaining = None
            else:
                return None
        data += bytes([byte])
        if data.endswith(self.trigger):
            remaining = self._names(data)
        return (data, remaining), 0.0

    def finish(self, state: _State) -> bool:
        """Whether the text may stop: not inside a name."""
        return state[1] is None or b"" in state[1]

    def _names(self, data: bytes) -> frozenset[bytes] | None:
        if data in self._known:
            self._known.move_to_end(data)
            return self._known[data]
        try:
            text = data.decode()
        except UnicodeDecodeError:
            names = None
        else:
            found = self._analyse(text)
            self.analyses += 1
            names = None if found is None else frozenset(name.encode() for name in found)
            if names is not None and any(byte not in self._word for name in names for byte in name):
                raise SamplerError(f"the analysis found a name with bytes that are no part of names: {sorted(names)}")
        self._known[data] = names
        if len(self._known) > self._entries:
            self._known.popitem(last=False)
        return names


class Monitor(Composable):
    """The condition that names after a trigger are among those that an analysis finds.

    ``analyse(text)``: called with the text up to and including the trigger, in any order and for texts that may never
    be written; must be deterministic.  It may close over a prompt: ``lambda text: python_members(before + text)``.
    ``word_bytes``: the bytes of names; the trigger must not end with one.  ``cache_entries``: texts whose names are
    kept.  ``name``: an `identity` for saved tries.  See `MonitorAutomaton` for the exact rule.
    """

    def __init__(
        self,
        vocabulary: TokenTable,
        trigger: str,
        analyse: Analysis,
        *,
        word_bytes: bytes = PYTHON_WORD_BYTES,
        cache_entries: int = 4096,
        name: str | None = None,
    ) -> None:
        self.automaton = MonitorAutomaton(trigger, analyse, word_bytes, cache_entries)
        self._vocabulary = vocabulary
        self._name = name
        self._words = (vocabulary.logits_width + 31) // 32
        self._eos = sorted(vocabulary.eos_token_ids)
        self._fires: set[int] = set()
        self._whole: dict[bytes, list[int]] = {}  # tokens that are nothing but word bytes
        self._broken: dict[bytes, list[int]] = {}  # by the word bytes before their first other byte
        for token, data in enumerate(vocabulary.tokens):
            if not data or token in vocabulary.eos_token_ids:
                continue
            length = next((at for at, byte in enumerate(data) if not self.automaton.is_word(byte)), len(data))
            group = self._whole if length == len(data) else self._broken
            group.setdefault(data[:length], []).append(token)
            if self.automaton.trigger[-1] in data:
                self._fires.add(token)

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary that was given."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """``name``, if it was given."""
        return None if self._name is None else f"monitor {self._name}"

    def start(self, rows: int) -> MonitorState:
        """See `Potential`."""
        return MonitorState(self, [self.automaton.start()] * rows)

    def _mask_row(self, remaining: frozenset[bytes]) -> NDArray[np.int32]:
        """What may follow inside a name; of tokens that leave it, only the name is looked at."""
        allowed = np.zeros(self._words * 32, dtype=np.bool_)
        for name in remaining:
            allowed[self._broken.get(name, [])] = True
            for length in range(1, len(name) + 1):
                allowed[self._whole.get(name[:length], [])] = True
        if b"" in remaining:
            allowed[self._eos] = True
        return np.packbits(allowed, bitorder="little").view(np.int32)

    def _read(self, state: _State, token: int) -> _State | None:
        data = self._vocabulary.tokens[token] if token < len(self._vocabulary.tokens) else None
        if not data:
            return None
        for byte in data:
            following = self.automaton.step(state, byte)
            if following is None:
                return None
            state = following[0]
        return state


class MonitorState:
    """A state of the automaton for each row, None for dead ones."""

    has_checks = True

    def __init__(self, potential: Monitor, states: list[_State | None]) -> None:
        self._potential = potential
        self._states = states
        self._is_finished = [False] * len(states)
        self.constraint_checks = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._states)

    def mask(self) -> torch.Tensor | None:
        """None while every row is free."""
        if all(
            state is not None and state[1] is None and not ended
            for state, ended in zip(self._states, self._is_finished, strict=True)
        ):
            return None
        words = np.full((self.rows, self._potential._words), -1, dtype=np.int32)
        for row, state in enumerate(self._states):
            if state is None or self._is_finished[row]:
                words[row] = 0
            elif state[1] is not None:
                words[row] = self._potential._mask_row(state[1])
        return torch.from_numpy(words)

    def log_weights_next(self) -> None:
        """None."""
        return

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """0, but for tokens that reach the trigger on the way to something that is refused."""
        result = np.zeros(len(rows), dtype=np.float64)
        before = self._potential.automaton.analyses
        for index, (row, token) in enumerate(zip(rows.tolist(), tokens.tolist(), strict=True)):
            state = self._states[row]
            if state is None or self._is_finished[row]:
                is_refused = True
            elif token in self._potential._fires:
                is_refused = self._potential._read(state, token) is None
            else:
                is_refused = token not in self._potential._eos and not self._writes(token)
            if is_refused:
                result[index] = -np.inf
        self.constraint_checks += self._potential.automaton.analyses - before
        return result

    def _writes(self, token: int) -> bool:
        table = self._potential._vocabulary.tokens
        return token < len(table) and bool(table[token])

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row reads its token's bytes."""
        before = self._potential.automaton.analyses
        for row, token in enumerate(tokens.tolist()):
            state = self._states[row]
            if token < 0 or state is None or self._is_finished[row]:
                continue
            if token in self._potential._eos:
                self._is_finished[row] = True
                if not self._potential.automaton.finish(state):
                    self._states[row] = None
            else:
                self._states[row] = self._potential._read(state, token)
        self.constraint_checks += self._potential.automaton.analyses - before

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        self._states = [self._states[row] for row in ancestors.tolist()]
        self._is_finished = [self._is_finished[row] for row in ancestors.tolist()]

    def fork(self, ancestors: NDArray[np.int64]) -> MonitorState:
        """A new state of copies of these rows."""
        other = MonitorState(self._potential, list(self._states))
        other._is_finished = list(self._is_finished)
        other.select(ancestors)
        return other

    def prefix(self) -> NDArray[np.float64]:
        """0, or -inf for dead rows."""
        return np.array([-np.inf if state is None else 0.0 for state in self._states], dtype=np.float64)

    def complete(self) -> NDArray[np.float64]:
        """0 outside names and at the end of one."""
        automaton = self._potential.automaton
        ends = (state is not None and automaton.finish(state) for state in self._states)
        return np.array([0.0 if may_end else -np.inf for may_end in ends], dtype=np.float64)
