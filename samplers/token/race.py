"""A race of the tokens of each row: candidates in random order, fetched a block at a time.

Purpose: estimators walk through candidates one position after another and need what is still unexplored behind each;
nothing else of the vocabulary leaves the device.
Place: between `samplers.kernels.mask_gumbel_topk` and `samplers.token.estimators`.
Cost: a pass over the logits for the first block; later blocks, for the rows that ask for them only, double in size, so
that a row with n checks costs log(n) passes.
Not taken: keeping the scores of the race on the device between blocks: 8 bytes a token and row, to save a second pass
that one row in ten needs.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.kernels import mask_gumbel_topk, without

_LARGEST_BLOCK: Final = 4096


class Race(Protocol):
    """The allowed tokens of each row in the order in which they arrive, as far as they were fetched.

    A token arrives after an exponential time whose rate is its probability among the row's allowed tokens.
    ``tokens`` int64[rows, fetched]: -1 where none is (any more).  ``probabilities`` float64[rows, fetched]: among
    the allowed tokens.  ``rest`` float64[rows, fetched]: the probability of all tokens behind each position, a sum.
    ``times`` float64[rows, fetched]: when it arrived, inf where no token is.  The arrays are replaced by `fetch`.
    """

    tokens: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    rest: NDArray[np.float64]
    times: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """How many rows there are."""

    def fetch(self, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Make the arrays hold these positions, one for each of ``rows`` (all different); which have a token."""


class TensorRace:
    """A `Race` over logits on a device.

    ``logits`` floating[rows, width], ``bitmask`` int32[rows, words] or None, ``keys`` int64[rows] as for
    `mask_gumbel_topk`; ``block``: how many candidates to fetch at first.  ``log_normaliser`` and ``log_mass``
    (float64[rows], on the host) are those of `samplers.kernels.Candidates`.
    Raises `SamplerError` for logits that are NaN or +inf, or -inf throughout.
    """

    def __init__(self, logits: torch.Tensor, bitmask: torch.Tensor | None, keys: torch.Tensor, block: int) -> None:
        self._logits = logits
        self._bitmask = None if bitmask is None else bitmask.to(logits.device, non_blocking=True)
        self._keys = keys.to(logits.device)
        self._block = block
        rows = logits.shape[0]
        self._fetched = np.zeros(rows, dtype=np.int64)
        self.tokens = np.full((rows, 0), -1, dtype=np.int64)
        self.probabilities = np.zeros((rows, 0))
        self.rest = np.zeros((rows, 0))
        self.times = np.full((rows, 0), np.inf)
        self.log_normaliser = np.zeros(rows)
        self.log_mass = np.full(rows, -np.inf)
        if rows:
            self._next_block(np.arange(rows, dtype=np.int64), block)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._logits.shape[0]

    def fetch(self, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Make the arrays hold these positions, one for each of ``rows`` (all different); which have a token."""
        while True:
            missing = rows[(positions >= self._fetched[rows]) & ~self._is_exhausted(rows)]
            if not len(missing):
                break
            self._block = min(2 * self._block, _LARGEST_BLOCK)
            self._next_block(missing, self._block)
        inside = positions < self.tokens.shape[1]
        found = np.zeros(len(rows), dtype=np.bool_)
        found[inside] = self.tokens[rows[inside], positions[inside]] >= 0
        return found

    def _is_exhausted(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Nothing is behind the last position that was fetched."""
        last = self._fetched[rows] - 1
        return self.rest[rows, last] <= 0.0

    def _next_block(self, rows: NDArray[np.int64], count: int) -> None:
        everything = len(rows) == self.rows
        index = torch.from_numpy(rows).to(self._logits.device)
        logits = self._logits if everything else self._logits.index_select(0, index)
        keys = self._keys if everything else self._keys.index_select(0, index)
        words = self._bitmask if everything or self._bitmask is None else self._bitmask.index_select(0, index)
        found = mask_gumbel_topk(logits, words, keys, count)

        columns = [found.tokens.to(torch.float64), found.log_probs, found.log_times]
        scalars = torch.stack([found.log_normaliser, found.log_mass, found.log_rest], dim=1)
        host = torch.cat([scalars, *columns], dim=1).cpu().numpy()  # one copy; token ids are exact in float64
        log_normaliser, log_mass, log_rest = host[:, 0], host[:, 1], host[:, 2]
        tokens = host[:, 3 : 3 + count].astype(np.int64)
        log_probs, log_times = host[:, 3 + count : 3 + 2 * count], host[:, 3 + 2 * count :]
        if not self.tokens.shape[1]:
            if not np.isfinite(log_normaliser).all():
                raise SamplerError("the logits of a row are NaN, +inf, or -inf for every token")
            self.log_normaliser = log_normaliser.copy()
            self.log_mass = log_mass.copy()
        mass = np.where(np.isfinite(self.log_mass[rows]), self.log_mass[rows], 0.0)

        probabilities = np.exp(log_probs - mass[:, None])
        behind = np.exp(log_rest - mass)
        # What is behind a position: the later candidates of its block and the rest, added from the small end.
        later = np.concatenate([behind[:, None], probabilities[:, :0:-1]], axis=1)
        rest = np.cumsum(later, axis=1)[:, ::-1]
        with np.errstate(over="ignore"):
            times = np.exp(log_times + mass[:, None])

        start = self._fetched[rows]
        needed = int((start + count).max())
        if needed > self.tokens.shape[1]:
            more = needed - self.tokens.shape[1]
            self.tokens = np.pad(self.tokens, ((0, 0), (0, more)), constant_values=-1)
            self.probabilities = np.pad(self.probabilities, ((0, 0), (0, more)))
            self.rest = np.pad(self.rest, ((0, 0), (0, more)))
            self.times = np.pad(self.times, ((0, 0), (0, more)), constant_values=np.inf)
        places = start[:, None] + np.arange(count)
        self.tokens[rows[:, None], places] = tokens
        self.probabilities[rows[:, None], places] = probabilities
        self.rest[rows[:, None], places] = rest
        self.times[rows[:, None], places] = times
        self._fetched[rows] += count
        if self._bitmask is None:
            width = self._logits.shape[1]
            self._bitmask = torch.full((self.rows, (width + 31) // 32), -1, dtype=torch.int32, device=index.device)
        self._bitmask = self._bitmask.index_copy(
            0, index, without(self._bitmask.index_select(0, index), found.tokens, logits.shape[1])
        )
