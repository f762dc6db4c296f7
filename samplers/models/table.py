"""An exact language model: a function from a token sequence to the law of the next token.

Purpose: what can be enumerated can be proved.  Tests run every sampler on such tables through the very code that real
models use, and compare with all sequences counted in rational numbers.
Place: beside `samplers.models.huggingface`, behind the same protocol.
Cost: one dictionary look-up a row and step.  Not taken: float32, which would hide an error of 1e-12.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.models.model import RowIndices, host_rows
from samplers.models.warp import Warp
from samplers.noise import stream_keys, uniforms

Conditionals: TypeAlias = Callable[[tuple[int, ...]], Sequence[float] | Sequence[Fraction]]
"""The probabilities of the next token after a sequence (prompt included), one for each id."""

_LARGEST_NUMERATOR: Final = 9


class TableModel:
    """A language model given by its conditionals; logits are float64 logarithms of them.

    ``conditionals``: called once for each sequence that is met; must sum to 1 (1e-9) and may hold zeros and
    `fractions.Fraction`.  ``eos_token_ids`` end a text.  ``warp``: applied to every law.  ``identity``: see
    `LanguageModel`; by default no other model shares it.
    """

    def __init__(
        self,
        conditionals: Conditionals,
        vocabulary_size: int,
        eos_token_ids: Sequence[int],
        *,
        warp: Warp | None = None,
        identity: str | None = None,
    ) -> None:
        if vocabulary_size < 1 or any(not 0 <= token < vocabulary_size for token in eos_token_ids):
            raise SamplerError(f"eos ids {list(eos_token_ids)} do not fit a vocabulary of {vocabulary_size}")
        self._conditionals = conditionals
        self._size = vocabulary_size
        self._eos = tuple(sorted(set(eos_token_ids)))
        self._warp = Warp() if warp is None else warp
        self._identity = f"table {secrets.token_hex(16)}" if identity is None else f"table {identity}; {self._warp}"
        self._known: dict[tuple[int, ...], NDArray[np.float64]] = {}

    @classmethod
    def random(
        cls, vocabulary_size: int, *, seed: int, exponent: int = 1, zeros: float = 0.0, warp: Warp | None = None
    ) -> TableModel:
        """Rational conditionals drawn for each sequence; the last id ends a text.

        ``exponent``: weights 1 to 9 are raised to it, so that larger ones give more uneven laws.  ``zeros``: the
        share of tokens other than eos that have probability 0.
        """

        def conditionals(sequence: tuple[int, ...]) -> list[Fraction]:
            keys = stream_keys(seed, len(sequence), *sequence)
            numbers = uniforms(keys, 2 * vocabulary_size)[0]
            weights = [int(number * _LARGEST_NUMERATOR + 1) ** exponent for number in numbers[:vocabulary_size]]
            for token in np.flatnonzero(numbers[vocabulary_size:-1] < zeros).tolist():
                weights[token] = 0
            total = sum(weights)
            return [Fraction(weight, total) for weight in weights]

        identity = f"random {vocabulary_size} {seed} {exponent} {zeros}"
        return cls(conditionals, vocabulary_size, [vocabulary_size - 1], warp=warp, identity=identity)

    @property
    def vocabulary_size(self) -> int:
        """The width of the logits."""
        return self._size

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text."""
        return self._eos

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    @property
    def identity(self) -> str:
        """See `LanguageModel`."""
        return self._identity

    def probabilities(self, sequence: Sequence[int]) -> Sequence[float] | Sequence[Fraction]:
        """The conditionals after a sequence as they were given, before the warp."""
        return self._conditionals(tuple(sequence))

    def log_probabilities(self, sequence: tuple[int, ...]) -> NDArray[np.float64]:
        """The warped law after a sequence: float64[vocabulary_size] of logits."""
        known = self._known.get(sequence)
        if known is None:
            law = np.array([float(value) for value in self._conditionals(sequence)], dtype=np.float64)
            if law.shape != (self._size,) or not (law >= 0).all() or abs(law.sum() - 1) > 1e-9:
                raise SamplerError(f"the conditionals after {sequence} are no law over {self._size} tokens: {law}")
            with np.errstate(divide="ignore"):
                logits = torch.from_numpy(np.log(law))[None]
            known = self._known[sequence] = self._warp.apply(logits)[0].numpy()
        return known

    def prefill(
        self, prompt_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, particles: int = 1
    ) -> TableState:
        """See `LanguageModel`; here a prompt may be empty."""
        if prompt_ids.ndim != 2 or particles < 1:
            raise SamplerError(f"prompt ids must be [prompts, length], not {list(prompt_ids.shape)}")
        lengths = [prompt_ids.shape[1]] * len(prompt_ids)
        if attention_mask is not None:
            if attention_mask.shape != prompt_ids.shape or (attention_mask.diff(dim=1) < 0).any():
                raise SamplerError("the attention mask must have the shape of the prompts, and zeros on the left only")
            lengths = attention_mask.sum(dim=1).tolist()
        rows = prompt_ids.tolist()
        prompts = [tuple(row[len(row) - length :]) for row, length in zip(rows, lengths, strict=True)]
        state = TableState(self, [prompt for prompt in prompts for _ in range(particles)])
        state.forward_passes = 1
        state.model_calls = len(prompts)
        return state


class TableState:
    """Rows of a `TableModel`; see `samplers.models.model.ModelState`."""

    def __init__(self, model: TableModel, sequences: list[tuple[int, ...]]) -> None:
        self._model = model
        self._sequences = sequences
        self._live = [True] * len(sequences)
        self._logits: torch.Tensor | None = None
        self._is_computed = True
        self.forward_passes = 0
        self.model_calls = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._sequences)

    def logits(self) -> torch.Tensor:
        """float64[rows, vocabulary_size]."""
        if not self._is_computed:
            self.forward_passes += 1
            self.model_calls += sum(self._live)
            self._is_computed = True
        if self._logits is None:
            width = self._model.vocabulary_size
            laws = [
                self._model.log_probabilities(sequence) if live else np.zeros(width)
                for sequence, live in zip(self._sequences, self._live, strict=True)
            ]
            self._logits = torch.from_numpy(np.stack(laws) if laws else np.zeros((0, width)))
        return self._logits

    def append(self, tokens: RowIndices) -> None:
        """Every row goes on by one token; negative: it is finished."""
        chosen = host_rows(tokens)
        if chosen.shape != (self.rows,):
            raise SamplerError(f"{self.rows} rows need as many tokens, not {list(chosen.shape)}")
        self._live = [live and token >= 0 for live, token in zip(self._live, chosen.tolist(), strict=True)]
        self._sequences = [
            (*sequence, token) if live else sequence
            for sequence, token, live in zip(self._sequences, chosen.tolist(), self._live, strict=True)
        ]
        self._logits = None
        self._is_computed = False

    def select(self, ancestors: RowIndices) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        chosen = host_rows(ancestors).tolist()
        self._sequences = [self._sequences[row] for row in chosen]
        self._live = [self._live[row] for row in chosen]
        self._logits = None

    def fork(self, ancestors: RowIndices) -> TableState:
        """A new state of copies of these rows."""
        other = TableState(self._model, list(self._sequences))
        other._live = list(self._live)
        other._is_computed = self._is_computed
        other.select(ancestors)
        return other
