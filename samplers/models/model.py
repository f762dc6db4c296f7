"""What a sampler needs of a language model: `LanguageModel`, frozen, and `ModelState`, its mutable companion.

Purpose: one seam, so that the exact tests (a table of conditionals) and real models run through the same samplers.
Place: `samplers.models.huggingface` and `samplers.models.table` implement it; every sampler consumes it.
Cost: none of its own.
Not taken: a model of one sequence with batching behind the scenes (queues that wait for company); a model that hands
out caches.  A state *is* a batch: all rows take one step together, and a row is copied by its number.

**Rows.**  P prompts with N particles each are R = P * N rows; particle n of prompt p is row ``p * N + n``.  Samplers
that drop or copy rows use `ModelState.select`, after which row i is what row ``ancestors[i]`` was.
"""

from __future__ import annotations

from typing import Protocol, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

RowIndices: TypeAlias = NDArray[np.int64] | torch.Tensor
"""int64[...], one number a row, on the host or on the model's device."""


def host_rows(rows: RowIndices) -> NDArray[np.int64]:
    """Row numbers or tokens on the host: int64[...]."""
    if isinstance(rows, torch.Tensor):
        rows = rows.detach().cpu().numpy()
    return np.ascontiguousarray(rows, dtype=np.int64)


class ModelState(Protocol):
    """The rows of one batch, each at the end of its prompt and of the tokens appended to it."""

    @property
    def rows(self) -> int:
        """How many rows there are."""

    @property
    def forward_passes(self) -> int:
        """How many batched evaluations of the model made this state, the prefill included."""

    @property
    def model_calls(self) -> int:
        """How many next-token distributions were computed: each forward pass counts its rows (of rows in use)."""

    def logits(self) -> torch.Tensor:
        """Scores of the next token: float32[rows, vocabulary_size] (float64 from exact models), on the device.

        ``softmax(logits)`` is the model's law of the next token *after* the model's warp (temperature, top-k, top-p):
        the factor ``p(v|u)`` of every target.  -inf is a probability of 0; there is no NaN.  Asking twice costs
        nothing.  The tensor belongs to the state: do not write into it.
        """

    def append(self, tokens: RowIndices) -> None:
        """Every row goes on by one token: int64[rows].

        A negative number marks a row that is finished: it takes no further part, and its logits mean nothing from
        here on until `select` gives its place to another row.
        """

    def select(self, ancestors: RowIndices) -> None:
        """Row i becomes a copy of row ``ancestors[i]``, in place: int64[new rows], any length (repeats allowed).

        A state with a static cache keeps its number of rows and raises `SamplerError` for another length.
        """

    def fork(self, ancestors: RowIndices) -> Self:
        """A new, independent state whose row i is a copy of row ``ancestors[i]``; this one stays as it is.

        So a prompt is computed once and sampled from any number of times.  Counters of the new state start at 0.
        """


class LanguageModel(Protocol):
    """A causal language model with a fixed warp: frozen, safe to share."""

    @property
    def vocabulary_size(self) -> int:
        """The width of the logits."""

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text where no potential says otherwise, ascending; may be empty."""

    @property
    def device(self) -> torch.device:
        """Where logits are."""

    @property
    def identity(self) -> str:
        """A text that two models share only if they assign the same probabilities: weights and warp.

        Saved tries are keyed by it.
        """

    def prefill(
        self, prompt_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, particles: int = 1
    ) -> ModelState:
        """A state with ``particles`` rows at the end of each prompt; each prompt is computed once.

        ``prompt_ids``: int64[prompts, length], padded on the left.  ``attention_mask``: 0 for padding, 1 elsewhere,
        of the same shape; None: no padding.  Raises `SamplerError` for shapes that do not fit, a prompt without
        tokens, or padding on the right.
        """
