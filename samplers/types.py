"""The seams of the samplers: what they need of a compiled source, a matcher and a vocabulary.

Purpose: a sampler takes anything with these methods, not one class; tests put slow or faulty ones in.
Place: `grammarlib.compile` makes objects that fit; `samplers.prefixes` and the samplers consume them.
Not taken: importing grammarlib's own classes for annotations, which would bar every other constraint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray


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
