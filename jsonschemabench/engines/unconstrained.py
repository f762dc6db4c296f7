"""No engine at all: every token is allowed, every text may stop anywhere.

The floor of each table: what a model writes on its own, and what the loop itself costs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jsonschemabench.tokenizer import Tokenizer


class Unconstrained:
    """Allows everything; it is engine, grammar and text in one, since it holds no state."""

    distributions: tuple[str, ...] = ()

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._words: NDArray[np.int32] = np.full((tokenizer.size + 31) // 32, -1, dtype=np.int32)

    def compile(self, schema: Any) -> Unconstrained:
        """Ignore the schema."""
        return self

    def start(self) -> Unconstrained:
        """Begin."""
        return self

    def fill_mask(self) -> None:
        """Nothing to do."""

    def allows(self, token_id: int) -> bool:
        """Always."""
        return True

    def accept(self, token_id: int) -> bool:
        """Always."""
        return True

    def may_stop(self) -> bool:
        """Always."""
        return True

    def mask(self) -> NDArray[np.int32]:
        """All ones."""
        return self._words

    def forced_bytes(self) -> bytes:
        """Nothing is forced."""
        return b""
