"""Slow constraints that one can read, with the interface of compiled sources, and ways to break them.

A toy language is two predicates over bytes: may this prefix go on, may this text stop.  Masks ask them for every token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grammarlib import Vocabulary


@dataclass(frozen=True)
class ToySource:
    """A compiled source over two predicates."""

    vocabulary: Vocabulary | None
    is_viable: Callable[[bytes], bool]
    is_complete: Callable[[bytes], bool]
    masks: dict[tuple[bytes, bool], NDArray[np.uint32]] = field(default_factory=dict, compare=False)

    def matcher(self) -> ToyMatcher:
        return ToyMatcher(self)

    def accepts(self, text: str | bytes) -> bool:
        data = text.encode() if isinstance(text, str) else text
        return self.is_viable(data) and self.is_complete(data)


class ToyMatcher:
    """Keeps every prefix; checks that nobody uses it wrongly."""

    def __init__(self, source: ToySource, history: list[tuple[bytes, bool]] | None = None) -> None:
        assert source.vocabulary is not None
        self.source = source
        self.vocabulary = source.vocabulary
        self.history = history or [(b"", False)]

    @property
    def text(self) -> bytes:
        return self.history[-1][0]

    @property
    def is_terminated(self) -> bool:
        return self.history[-1][1]

    @property
    def is_accepting(self) -> bool:
        return self.is_terminated or self.source.is_complete(self.text)

    def accept_token(self, token_id: int) -> bool:
        if token_id in self.vocabulary.eos_token_ids:
            if not self.is_accepting:
                return False
            self.history.append((self.text, True))
            return True
        data = self.vocabulary.tokens[token_id] if 0 <= token_id < self.vocabulary.size else None
        if self.is_terminated or not data or not self.source.is_viable(self.text + data):
            return False
        self.history.append((self.text + data, False))
        return True

    def rollback(self, n_steps: int) -> None:
        assert 0 <= n_steps < len(self.history), "rolled back past the start"
        if n_steps:
            del self.history[-n_steps:]

    def fork(self) -> ToyMatcher:
        return type(self)(self.source, list(self.history))

    def fill_bitmask(self, bitmask: NDArray[np.int32], row: int = 0) -> None:
        assert bitmask.dtype == np.int32 and bitmask.shape[1] == (self.vocabulary.logits_width + 31) // 32
        known = self.source.masks.get(self.history[-1])
        if known is None:
            known = np.zeros(bitmask.shape[1], dtype=np.uint32)
            for token_id in range(self.vocabulary.logits_width):
                if self.accept_token(token_id):
                    self.rollback(1)
                    known[token_id // 32] |= np.uint32(1 << (token_id % 32))
            self.source.masks[self.history[-1]] = known
        bitmask[row] = known.view(np.int32)


def letters_then_semicolon(
    vocabulary: Vocabulary | None, letters: bytes = b"abc", low: int = 3, high: int = 20
) -> ToySource:
    """The language ``[letters]{low,high};``."""

    def is_viable(text: bytes) -> bool:
        body, has_end = (text[:-1], True) if text.endswith(b";") else (text, False)
        return len(body) <= high and all(byte in letters for byte in body) and (not has_end or len(body) >= low)

    return ToySource(vocabulary, is_viable, lambda text: text.endswith(b";"))


def words(vocabulary: Vocabulary | None, *texts: bytes) -> ToySource:
    """The language of exactly these texts."""
    return ToySource(vocabulary, lambda text: any(word.startswith(text) for word in texts), lambda text: text in texts)


class FaultyMatcher(ToyMatcher):
    """Fails at a chosen call of ``accept_token``."""

    fail_at = 0
    calls = 0

    def accept_token(self, token_id: int) -> bool:
        type(self).calls += 1
        if type(self).calls == type(self).fail_at:
            raise RuntimeError("the matcher broke")
        return super().accept_token(token_id)


@dataclass(frozen=True)
class FaultySource(ToySource):
    """A toy source whose matchers fail."""

    def matcher(self) -> ToyMatcher:
        return FaultyMatcher(self)
