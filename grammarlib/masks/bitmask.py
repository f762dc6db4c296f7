"""Packed bitmasks over token ids: allocate, set, test, apply.

Purpose: the one format in which a mask leaves grammarlib, shared with the serving engines: int32
words, bit ``t % 32`` of word ``t // 32`` is 1 where token ``t`` is allowed.  A bitmask is owned by
its caller and starts all zero: what nobody fills allows nothing.
Place: filled by `grammarlib.matcher`; applied here on numpy arrays and in `samplers` on tensors.
Cost: 16 KB a row for 128k tokens; `apply_bitmask` is for tests and small loops, 0.1 ms a row.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grammarlib.dtypes import BITMASK_DTYPE
from grammarlib.errors import MatcherError


def bitmask_words(logits_width: int) -> int:
    """How many int32 words a row of ``logits_width`` tokens takes."""
    return (logits_width + 31) // 32


def allocate_bitmask(rows: int, logits_width: int) -> NDArray[np.int32]:
    """An all-zero bitmask (nothing is allowed): int32[rows, ceil(logits_width / 32)].

    Raises `ValueError` where ``rows`` is negative or ``logits_width`` is not positive.
    """
    if rows < 0 or logits_width < 1:
        raise ValueError(f"a bitmask needs rows >= 0 and logits_width >= 1, not {rows} and {logits_width}")
    return np.zeros((rows, bitmask_words(logits_width)), dtype=BITMASK_DTYPE)


def is_allowed(bitmask: NDArray[np.int32], row: int, token: int) -> bool:
    """Whether ``token`` is allowed in ``row``.  A token past the last word is not.

    Raises `IndexError` for a row that is not there and for a negative token.
    """
    if token < 0:
        raise IndexError(f"token {token} is negative")
    words = bitmask[row]
    return token // 32 < len(words) and bool((int(words[token // 32]) >> (token % 32)) & 1)


def allow_tokens(bitmask_row: NDArray[np.int32], tokens: Iterable[int]) -> None:
    """Set the bits of ``tokens`` in one row (int32[words]), in place.

    Raises `IndexError` for a token that the row has no bit for; the row is then unchanged.
    """
    ids = np.fromiter(tokens, dtype=np.int64)
    if ids.size and not (ids.min() >= 0 and ids.max() < 32 * len(bitmask_row)):
        raise IndexError(f"tokens must lie in 0..{32 * len(bitmask_row) - 1}")
    words = bitmask_row.view(np.uint32)
    np.bitwise_or.at(words, ids // 32, np.uint32(1) << (ids % 32).astype(np.uint32))


def unpack_bitmask(bitmask: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
    """Every bit as a bool: bool[..., width] for a bitmask int32[..., words].

    Raises `MatcherError` where the bitmask has too few words for ``width``.
    """
    if bitmask.shape[-1] < bitmask_words(width):
        raise MatcherError(f"a bitmask of {bitmask.shape[-1]} words is too narrow for {width} tokens")
    words = np.ascontiguousarray(bitmask)
    if sys.byteorder == "big":
        words = words.byteswap()
    bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")
    return bits[..., :width].view(np.bool_)


def pack_bitmask(allowed: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The inverse of `unpack_bitmask`: int32[..., ceil(width / 32)], bits past the width 0."""
    width = allowed.shape[-1]
    packed = np.packbits(allowed, axis=-1, bitorder="little")
    padding = 4 * bitmask_words(width) - packed.shape[-1]
    packed = np.pad(packed, [(0, 0)] * (allowed.ndim - 1) + [(0, padding)])
    words = np.ascontiguousarray(packed).view(np.int32)
    return words.byteswap() if sys.byteorder == "big" else words


def allowed_tokens(bitmask_row: NDArray[np.int32], width: int) -> NDArray[np.int64]:
    """The allowed token ids below ``width`` in one row (int32[words]), ascending."""
    return np.flatnonzero(unpack_bitmask(bitmask_row, width))


def apply_bitmask(logits: NDArray[Any], bitmask: NDArray[np.int32]) -> NDArray[Any]:
    """A copy of ``logits`` (float[..., width]) with -inf where the bitmask (int32[..., words]) has a 0.

    Logits past the last word of the bitmask are masked as well.  The dtype is kept; the argument
    is never written.  Raises `MatcherError` where the leading shapes differ.
    """
    if logits.shape[:-1] != bitmask.shape[:-1]:
        raise MatcherError(f"logits of shape {logits.shape} do not fit a bitmask of shape {bitmask.shape}")
    width = min(logits.shape[-1], 32 * bitmask.shape[-1])
    result = np.full_like(logits, -np.inf)
    np.copyto(result[..., :width], logits[..., :width], where=unpack_bitmask(bitmask, width))
    return result
