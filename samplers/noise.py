"""Randomness as a function: a number for each (seed, coordinates, index), the same on the host and on any device.

Purpose: a draw depends on the seed and on which draw it is (prompt, particle, step, purpose), not on what was drawn
before or what lies beside it in a batch.  So one seed gives one result, alone or among others.
Place: every sampler; the Triton kernels compute the same function.
Cost: one 64-bit hash (SplitMix64's finaliser) a number: 1 ns on one CPU core, nothing beside memory traffic on a GPU.
Not taken: generators (``torch.Generator``, ``numpy.random``): they differ between devices, and their state ties
each row to the rows before it.  Philox: as good here and five times the arithmetic.

``stream_keys`` folds coordinates into one 64-bit key a row; number i of a key is the finaliser of
``key + (i + 1) * 0x9E3779B97F4A7C15`` (SplitMix64 started at the key), its upper 53 bits are the mantissa.
Uniforms lie strictly between 0 and 1: logarithms of them are finite.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from samplers.errors import SamplerError

GOLDEN: Final = 0x9E3779B97F4A7C15
FIRST_FACTOR: Final = 0xBF58476D1CE4E5B9
SECOND_FACTOR: Final = 0x94D049BB133111EB
_WORD: Final = (1 << 64) - 1

PURPOSE_TOKEN: Final = 0
"""Draws of the next token."""
PURPOSE_RESAMPLE: Final = 1
"""Draws of ancestors."""
PURPOSE_ACCEPT: Final = 2
"""Acceptance of a whole proposal: rejection sampling, Metropolis-Hastings."""
PURPOSE_CUT: Final = 3
"""Where a chain is cut."""
PURPOSE_ESTIMATE: Final = 4
"""Further draws of a weight's estimator."""


def _signed(value: int) -> int:
    """The int64 of the same 64 bits."""
    value &= _WORD
    return value - (1 << 64) if value >> 63 else value


def _finalise(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: a bijection of 64-bit words."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(FIRST_FACTOR)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(SECOND_FACTOR)
    return words ^ (words >> np.uint64(31))


def stream_keys(seed: int, *coordinates: ArrayLike) -> NDArray[np.int64]:
    """One key for each row: int64[rows] of coordinates that broadcast to [rows] (scalars count as one for all).

    The usual coordinates are purpose, prompt, particle, step, in this order; different coordinates or orders
    give unrelated keys.  ``seed``: any int, taken modulo 2**64.  Raises `SamplerError` for coordinates that are
    no integers.
    """
    arrays = [np.asarray(coordinate) for coordinate in coordinates]
    if any(array.dtype.kind not in "iu" for array in arrays):
        raise SamplerError("coordinates of a stream of noise are integers")
    shape = np.broadcast_shapes((1,), *(array.shape for array in arrays))
    keys = np.full(shape, seed & _WORD, dtype=np.uint64)
    with np.errstate(over="ignore"):
        keys = _finalise(keys + np.uint64(GOLDEN))
        for array in arrays:
            word = np.broadcast_to(array.astype(np.int64).view(np.uint64), shape)
            keys = _finalise((keys ^ _finalise(word + np.uint64(GOLDEN))) + np.uint64(GOLDEN))
    return keys.view(np.int64)


def prompt_coordinates(prompts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """The coordinate of each prompt of a call: int64[prompts], from its token ids.

    A prompt has the same coordinate alone and among others; the second of two equal prompts has another than the
    first, so that they are sampled independently.
    """
    seen: dict[tuple[int, ...], int] = {}
    result = np.empty(len(prompts), dtype=np.int64)
    for index, prompt in enumerate(prompts):
        ids = tuple(int(token) for token in prompt)
        occurrence = seen.get(ids, 0)
        seen[ids] = occurrence + 1
        digest = hashlib.sha256(np.array([occurrence, *ids], dtype="<i8").tobytes()).digest()
        result[index] = np.frombuffer(digest[:8], dtype="<i8")[0]
    return result


def uniforms(keys: NDArray[np.int64], count: int, start: int = 0) -> NDArray[np.float64]:
    """Numbers ``start`` to ``start + count - 1`` of each key: float64[rows, count], strictly between 0 and 1."""
    index = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        words = _finalise(keys.view(np.uint64)[:, None] + index[None, :] * np.uint64(GOLDEN))
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def device_uniforms(keys: torch.Tensor, count: int, start: int = 0) -> torch.Tensor:
    """`uniforms` on the device of ``keys`` (int64[rows]): float64[rows, count], the same numbers bit for bit."""
    index = torch.arange(start + 1, start + count + 1, dtype=torch.int64, device=keys.device)
    words = keys[:, None] + index[None, :] * _signed(GOLDEN)
    # In place: on a CPU, memory for what is between takes more time than the arithmetic.
    shifted = torch.empty_like(words)
    words.bitwise_xor_(_shifted(words, 30, shifted)).mul_(_signed(FIRST_FACTOR))
    words.bitwise_xor_(_shifted(words, 27, shifted)).mul_(_signed(SECOND_FACTOR))
    words.bitwise_xor_(_shifted(words, 31, shifted))
    return _shifted(words, 11, shifted).to(torch.float64).add_(0.5).mul_(2.0**-53)


def _shifted(words: torch.Tensor, count: int, result: torch.Tensor) -> torch.Tensor:
    """A logical shift to the right, in ``result``; torch shifts the sign in."""
    return torch.bitwise_right_shift(words, count, out=result).bitwise_and_((1 << (64 - count)) - 1)
