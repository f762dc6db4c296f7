"""Bytes under a token model, exactly: the probability of a text's beginning, of the next byte, and of what covers it.

Purpose: a prompt may end inside a token (``"http"`` before ``"://"``); a user may ask how likely a byte is.  Tokens are
one of many ways to cut bytes, so the probability of bytes is a sum over all ways that cover them.
Place: over a `LanguageModel`; `heal_prompt` gives samplers prompts that end where the model's tokens would.
Cost: one forward pass for each group of new token sequences, one pass over the vocabulary for each.  Exact without a
beam, where their number may grow with every byte (it is the number of ways to cut what was read); with one, what was
dropped is bounded and told.
Not taken: backing off some bytes and replaying a shorter token, as token healing is often done: it keeps one cover and
drops the others, which is biased.  Not taken: differences of cumulative sums, which lose small masses.

**Covers.**  A cover of bytes s is a sequence of tokens that writes s or more, and less than s without its last token.
``P(s) = sum over covers of the product of their tokens' probabilities``.  A *hypothesis* is a sequence of tokens that
lie wholly inside s, together with the place in the vocabulary's trie that the rest of s leads to; it stands for
all covers that go on from there with one token.  Token sequences that are not what a tokenizer would make of the same
bytes count as well: the model gives them a probability.  Special tokens write nothing and are in no cover.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.models.model import LanguageModel, ModelState
from samplers.types import TokenTable

END: Final = 256
"""The place of the end of the text in a law of the next byte."""


class ByteTrie:
    """The tokens of a vocabulary in the order of their bytes: a node of the trie is a range of them.

    ``ids`` int64[tokens]: token ids that write at least one byte, by what they write.  ``eos`` int64[eos ids].  Frozen.
    """

    def __init__(self, vocabulary: TokenTable) -> None:
        stops = set(vocabulary.eos_token_ids)
        written = [(data, token) for token, data in enumerate(vocabulary.tokens) if data and token not in stops]
        if not written:
            raise SamplerError("no token of the vocabulary writes anything")
        written.sort()
        self.ids: Final = np.array([token for _, token in written], dtype=np.int64)
        self.eos: Final = np.array(sorted(stops), dtype=np.int64)
        self.lengths: Final = np.array([len(data) for data, _ in written], dtype=np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self._data = np.frombuffer(b"".join(data for data, _ in written), dtype=np.uint8)
        self._known: dict[tuple[int, int, int], _Children] = {}

    @property
    def size(self) -> int:
        """How many tokens write something."""
        return len(self.ids)

    def children(self, low: int, high: int, depth: int) -> _Children:
        """The node of the tokens ``low`` to ``high - 1``, which share their first ``depth`` bytes."""
        key = (low, high, depth)
        known = self._known.get(key)
        if known is None:
            first = low + int((self.lengths[low:high] == depth).sum())  # the shortest come first
            column = self._data[self._offsets[first:high] + depth]
            starts = np.flatnonzero(np.diff(column, prepend=-1)) if len(column) else np.zeros(0, dtype=np.int64)
            known = _Children(first, column[starts].astype(np.int64), first + starts, high)
            self._known[key] = known
        return known


@dataclass(frozen=True, slots=True)
class _Children:
    """Tokens before ``first`` end at the node; from ``starts[i]`` on they go on with ``bytes[i]``."""

    first: int
    bytes: NDArray[np.int64]
    starts: NDArray[np.int64]
    high: int

    def child(self, byte: int) -> tuple[int, int] | None:
        """The range of the tokens that go on with a byte."""
        place = int(np.searchsorted(self.bytes, byte))
        if place == len(self.bytes) or self.bytes[place] != byte:
            return None
        end = self.starts[place + 1] if place + 1 < len(self.starts) else self.high
        return int(self.starts[place]), int(end)


@dataclass(slots=True)
class _Hypothesis:
    """Tokens inside the bytes that were read, and where the bytes behind them lead.

    ``law``: probabilities of the trie's tokens next, float64[tokens]; ``end``: of all eos tokens.  Row ``row`` of
    ``state`` is the model behind these tokens.
    """

    tokens: tuple[int, ...]
    log_weight: float
    law: NDArray[np.float64]
    end: float
    state: ModelState
    row: int
    low: int
    high: int
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Cover:
    """Tokens that cover some bytes; ``data``: what they write, ``log_prob``: the log of the product of their laws."""

    tokens: tuple[int, ...]
    data: bytes
    log_prob: float


class ByteModel:
    """A language model read byte by byte.  Frozen; `start` gives a state for one text.

    ``vocabulary``: what the model's tokens write.  ``beam``: how many hypotheses are kept, the heaviest; None: all,
    which is exact.
    """

    def __init__(self, model: LanguageModel, vocabulary: TokenTable, *, beam: int | None = None) -> None:
        if beam is not None and beam < 1:
            raise SamplerError(f"beam must be at least 1, or None for all, and is {beam}")
        if len(vocabulary.tokens) > model.vocabulary_size:
            raise SamplerError(
                f"the vocabulary has {len(vocabulary.tokens)} tokens and the model {model.vocabulary_size}: "
                "they are not of one model"
            )
        self.model = model
        self.vocabulary = vocabulary
        self.beam = beam
        self.trie = ByteTrie(vocabulary)

    def start(self, prompt_ids: Sequence[int]) -> ByteState:
        """The state behind a prompt of tokens, with no byte read."""
        ids = torch.tensor([list(prompt_ids)], dtype=torch.int64, device=self.model.device)
        return ByteState(self, self.model.prefill(ids))


class ByteState:
    """One text behind a prompt: the bytes that were read, and every hypothesis about their tokens."""

    def __init__(self, model: ByteModel, state: ModelState) -> None:
        self._model = model
        self._hypotheses = self._opened([((), 0.0)], state)
        self._log_prob = 0.0
        self._log_dropped = -math.inf
        self.data = b""

    @property
    def log_prob(self) -> float:
        """log P of the bytes that were read, behind the prompt; with a beam, of what it kept."""
        return self._log_prob

    @property
    def log_dropped(self) -> float:
        """The log of the probability that the beam dropped: P is at most ``exp(log_prob) + exp(log_dropped)``."""
        return self._log_dropped

    @property
    def hypotheses(self) -> int:
        """How many token sequences are kept."""
        return len(self._hypotheses)

    def next_log_probs(self) -> NDArray[np.float64]:
        """log P(next byte | bytes read), and at `END` that of the text's end: float64[257].

        The rest to 1 is the probability of special tokens, which write nothing.
        """
        total = np.zeros(END + 1)
        trie = self._model.trie
        for one in self._hypotheses:
            scale = math.exp(one.log_weight - self._log_prob)
            node = trie.children(one.low, one.high, one.depth)
            if len(node.bytes):
                sums = np.add.reduceat(one.law[: node.high], node.starts)
                total[node.bytes] += scale * sums
            if one.depth == 0:
                total[END] += scale * one.end
        with np.errstate(divide="ignore"):
            return np.log(total)

    def advance(self, byte: int) -> bool:
        """Read one byte; False where it has no probability: the state is then as it was."""
        if not 0 <= byte < 256:
            raise SamplerError(f"a byte is 0 to 255, not {byte}")
        trie = self._model.trie
        moved: list[tuple[_Hypothesis, int, int, float]] = []
        for one in self._hypotheses:
            found = trie.children(one.low, one.high, one.depth).child(byte)
            if found is not None:
                mass = float(one.law[found[0] : found[1]].sum())
                if mass > 0:
                    moved.append((one, *found, one.log_weight + math.log(mass)))
        if not moved:
            return False
        self._close(moved)
        self.data += bytes([byte])
        return True

    def advance_all(self, data: bytes) -> int:
        """Read bytes until one has no probability; how many were read."""
        for count, byte in enumerate(data):
            if not self.advance(byte):
                return count
        return len(data)

    def covers(self) -> list[Cover]:
        """Every cover of the bytes that were read, the likeliest first.  Their probabilities sum to that of the bytes.

        With a beam, those that it kept.  Raises `SamplerError` where nothing was read: the empty text has no cover.
        """
        if not self.data:
            raise SamplerError("nothing was read; the empty text has no covers")
        trie, table = self._model.trie, self._model.vocabulary.tokens
        found: list[Cover] = []
        for one in self._hypotheses:
            before = b"".join(table[token] or b"" for token in one.tokens)
            if one.depth == 0:  # its last token ends where the bytes end
                found.append(Cover(one.tokens, before, one.log_weight))
                continue
            first = trie.children(one.low, one.high, one.depth).first
            for place in range(first, one.high):
                p = float(one.law[place])
                if p > 0:
                    token = int(trie.ids[place])
                    found.append(
                        Cover((*one.tokens, token), before + (table[token] or b""), one.log_weight + math.log(p))
                    )
        return sorted(found, key=lambda cover: (-cover.log_prob, cover.tokens))

    def _close(self, moved: list[tuple[_Hypothesis, int, int, float]]) -> None:
        """Hypotheses go on inside their token, and behind each token that ends here."""
        trie = self._model.trie
        # (log probability, hypothesis, range, place of the token that ends here or -1)
        parts: list[tuple[float, _Hypothesis, int, int, int]] = []
        for one, low, high, _ in moved:
            first = trie.children(low, high, one.depth + 1).first
            for place in range(low, first):
                if one.law[place] > 0:
                    parts.append((one.log_weight + math.log(one.law[place]), one, low, high, place))
            longer = float(one.law[first:high].sum())
            if longer > 0:
                parts.append((one.log_weight + math.log(longer), one, low, high, -1))
        beam = self._model.beam
        if beam is not None and len(parts) > beam:
            parts.sort(key=lambda part: -part[0])
            self._log_dropped = float(np.logaddexp.reduce([self._log_dropped, *(part[0] for part in parts[beam:])]))
            parts = parts[:beam]
        logs = np.array([part[0] for part in parts])
        self._log_prob = float(logs.max() + math.log(np.exp(logs - logs.max()).sum()))

        kept: list[_Hypothesis] = []
        # Token sequences that grow from rows of one state go through the model together.
        ending: dict[int, tuple[ModelState, list[tuple[_Hypothesis, int, float]]]] = {}
        for log_weight, one, low, high, place in parts:
            if place < 0:
                kept.append(
                    _Hypothesis(
                        one.tokens, one.log_weight, one.law, one.end, one.state, one.row, low, high, one.depth + 1
                    )
                )
            else:
                ending.setdefault(id(one.state), (one.state, []))[1].append((one, place, log_weight))
        for state, group in ending.values():
            ids = [int(trie.ids[place]) for _, place, _ in group]
            new = state.fork(np.array([one.row for one, _, _ in group], dtype=np.int64))
            new.append(np.array(ids, dtype=np.int64))
            sequences = [
                ((*one.tokens, token), log_weight) for (one, _, log_weight), token in zip(group, ids, strict=True)
            ]
            kept += self._opened(sequences, new)
        self._hypotheses = kept

    def _opened(self, sequences: Sequence[tuple[tuple[int, ...], float]], state: ModelState) -> list[_Hypothesis]:
        """Hypotheses at the root of the trie, one for each row of a state."""
        trie = self._model.trie
        laws = torch.softmax(state.logits().to(torch.float64), dim=1).cpu().numpy()
        if np.isnan(laws).any():
            raise SamplerError("the model's logits hold NaN")
        return [
            _Hypothesis(
                tokens, log_weight, laws[row][trie.ids], float(laws[row][trie.eos].sum()), state, row, 0, trie.size
            )
            for row, (tokens, log_weight) in enumerate(sequences)
        ]

    def fork(self) -> Self:
        """An independent state at the same place; model states are shared, since nobody moves them."""
        other = type(self).__new__(type(self))
        other._model = self._model
        other._hypotheses = list(self._hypotheses)
        other._log_prob = self._log_prob
        other._log_dropped = self._log_dropped
        other.data = self.data
        return other


@dataclass(frozen=True)
class HealedPrompt:
    """A prompt whose last tokens were taken back, and every way in which the model would have written them.

    ``context_ids``: the tokens that stay.  ``remainder``: the bytes of those taken back.  ``covers``: tokens that
    write the remainder, and perhaps more, the likeliest first.  ``log_prob``: log P(remainder | context).
    ``log_dropped``: see `ByteState.log_dropped`.
    """

    context_ids: tuple[int, ...]
    remainder: bytes
    covers: tuple[Cover, ...]
    log_prob: float
    log_dropped: float

    def draw(self, uniforms: NDArray[np.float64]) -> list[tuple[int, ...]]:
        """Prompts drawn from the posterior of covers, one for each uniform number: context and cover.

        Text that a model writes behind them is distributed as its text behind the prompt's *bytes*; what a cover writes
        past the remainder is already part of it.
        """
        logs = np.array([cover.log_prob for cover in self.covers])
        cumulative = np.cumsum(np.exp(logs - logs.max()))
        places = np.searchsorted(cumulative, np.asarray(uniforms) * cumulative[-1], side="right")
        return [(*self.context_ids, *self.covers[min(int(place), len(logs) - 1)].tokens) for place in places]

    def overrun(self, cover: Cover) -> bytes:
        """What a cover writes past the remainder: the beginning of the generated text."""
        return cover.data[len(self.remainder) :]


def heal_prompt(
    model: LanguageModel,
    vocabulary: TokenTable,
    prompt_ids: Sequence[int],
    *,
    tokens: int = 1,
    beam: int | None = None,
) -> HealedPrompt:
    """Take back the last ``tokens`` tokens of a prompt and find everything that covers their bytes, exactly.

    So a prompt that ends inside a token goes on as if it did not.  The more tokens are taken back, the nearer the law
    is to that of all ways to cut the prompt.  ``beam``: as for `ByteModel`.  Raises `SamplerError` where the prompt has
    no tokens to take back and one to keep, a token of them writes nothing, or nothing covers their bytes.
    """
    ids = [int(token) for token in prompt_ids]
    if not 1 <= tokens < len(ids):
        raise SamplerError(f"cannot take back {tokens} of {len(ids)} tokens: one of them at least has to stay")
    taken = ids[-tokens:]
    table, stops = vocabulary.tokens, set(vocabulary.eos_token_ids)
    if any(token >= len(table) or token in stops or not table[token] for token in taken):
        raise SamplerError("a special token cannot be taken back: it writes nothing that a cover could repeat")
    remainder = b"".join(table[token] or b"" for token in taken)
    state = ByteModel(model, vocabulary, beam=beam).start(ids[:-tokens])
    if state.advance_all(remainder) < len(remainder):
        raise SamplerError(f"nothing that the model gives a probability covers {remainder!r}")
    return HealedPrompt(tuple(ids[:-tokens]), remainder, tuple(state.covers()), state.log_prob, state.log_dropped)
