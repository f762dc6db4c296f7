"""The seam between a lazy deterministic automaton and the machine that runs it.

Purpose: a regex DFA, a grammar's determinised stack machine and an exact number prefix all look
the same to the kernels: a *row* of 256 next states, computed when it is first needed.
Place: implemented by `lazydfa`, `grammar_rows`, `numbers`; consumed by `configurations`.
Cost: a row is expanded once per compiled source and is then one table load per byte.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class RowSource(Protocol):
    """A deterministic automaton over bytes whose states are numbered as they are found.

    States are dense ints from 0.  Every state that is handed out is **live**: some text reaches
    acceptance from it.  Implementations keep their own memo; all methods are deterministic.
    """

    @property
    def start(self) -> int:
        """The start state, or ``DEAD`` (-1) where the language is empty."""
        ...

    def expand(self, state: int) -> NDArray[np.int32]:
        """All transitions of ``state``: int32[256], the next state per byte or ``DEAD`` (-1)."""
        ...

    def label(self, state: int) -> int:
        """0 where ``state`` does not accept, else a bit set: bit i where the i-th language accepts."""
        ...

    def shortest_completion(self, state: int) -> bytes:
        """A shortest byte string (fewest bytes; ties by byte order) that leads to acceptance."""
        ...

    def shortest_length(self, state: int) -> int:
        """The fewest code points (bytes outside 0x80..0xBF) that lead to acceptance."""
        ...
