"""What an engine is to the harness: compile a schema, start a text, fill a mask, accept a token, may it stop?

Purpose: the seam between measurements and engines.  Three small objects, so that compiling (once for a schema) and
reading (once for an instance) can be timed apart.
Place: implemented by the modules beside this one and by any class of a user; consumed by `jsonschemabench.measure`
and `jsonschemabench.generation`.
Not taken: MaskBench's single object with hidden state.  It is accepted through `jsonschemabench.engines.maskbench`.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Text(Protocol):
    """One text in progress.  The harness times ``fill_mask`` and ``accept`` together as one step."""

    def fill_mask(self) -> None:
        """Work out which tokens may come next."""

    def allows(self, token_id: int) -> bool | None:
        """Whether the mask that was filled last allows a token; None where the engine cannot tell.  Not timed."""

    def accept(self, token_id: int) -> bool:
        """Move on by one token; False where the engine refuses it.  Called after ``fill_mask``."""

    def may_stop(self) -> bool:
        """Whether the text may end here.  Called last: nothing else is asked of this text afterwards."""

    def mask(self) -> NDArray[np.int32] | None:
        """The mask that was filled last, packed as int32[ceil(width / 32)], or None where the engine cannot tell.

        Where the text may stop, the bit of the end-of-sequence token is set.
        """

    def forced_bytes(self) -> bytes | None:
        """The bytes that must come next, for the fast-forward share; None where the engine cannot tell."""


class Grammar(Protocol):
    """A compiled schema."""

    def start(self) -> Text:
        """A text at its beginning.  The harness uses one text of a grammar at a time."""


class Engine(Protocol):
    """A constrained-decoding engine, set up for one tokenizer."""

    @property
    def distributions(self) -> tuple[str, ...]:
        """The installed packages whose versions a record has to name."""

    def compile(self, schema: Any) -> Grammar:
        """A grammar for the schema.  Any exception is a refusal."""


def is_set(words: NDArray[np.int32], token_id: int) -> bool:
    """Whether the bit of a token is set in a packed mask."""
    return bool((int(words[token_id // 32]) >> (token_id % 32)) & 1)


def pack(token_ids: Any, width: int) -> NDArray[np.int32]:
    """A packed mask, int32[ceil(width / 32)], from the ids of the allowed tokens."""
    bits = np.zeros((width + 31) // 32 * 32, dtype=np.uint8)
    bits[np.asarray(token_ids, dtype=np.int64)] = 1
    packed: NDArray[np.int32] = np.packbits(bits, bitorder="little").view(np.int32)
    return packed
