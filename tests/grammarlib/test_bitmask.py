"""Packed bitmasks: the bit layout, packing and unpacking, applying to logits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.errors import MatcherError
from grammarlib.masks.bitmask import (
    allocate_bitmask,
    allow_tokens,
    allowed_tokens,
    apply_bitmask,
    bitmask_words,
    is_allowed,
    pack_bitmask,
    unpack_bitmask,
)
from tests.oracles.masks import bits_of


@pytest.mark.parametrize(("width", "words"), [(1, 1), (31, 1), (32, 1), (33, 2), (128_256, 4008)])
def test_allocates_zeros(width: int, words: int) -> None:
    bitmask = allocate_bitmask(3, width)
    assert bitmask.shape == (3, words) and bitmask.dtype == np.int32
    assert not bitmask.any() and bitmask_words(width) == words


@pytest.mark.parametrize(("rows", "width"), [(-1, 4), (2, 0)])
def test_allocate_refuses(rows: int, width: int) -> None:
    with pytest.raises(ValueError, match="bitmask needs"):
        allocate_bitmask(rows, width)


def test_the_bit_of_a_token() -> None:
    bitmask = allocate_bitmask(2, 70)
    allow_tokens(bitmask[1], [0, 31, 33, 69])
    assert bitmask.tolist() == [[0, 0, 0], [1 - 2**31, 2, 32]]
    assert is_allowed(bitmask, 1, 31) and not is_allowed(bitmask, 1, 32) and not is_allowed(bitmask, 0, 31)
    assert not is_allowed(bitmask, 1, 5000)
    with pytest.raises(IndexError):
        is_allowed(bitmask, 1, -1)


@pytest.mark.parametrize("tokens", [[-1], [5, 64]])
def test_allow_refuses_and_leaves_the_row_alone(tokens: list[int]) -> None:
    bitmask = allocate_bitmask(1, 64)
    with pytest.raises(IndexError):
        allow_tokens(bitmask[0], tokens)
    assert not bitmask.any()


@given(st.integers(1, 200).flatmap(lambda width: st.tuples(st.just(width), st.sets(st.integers(0, width - 1)))))
def test_set_pack_unpack_and_list_agree(drawn: tuple[int, set[int]]) -> None:
    width, tokens = drawn
    bitmask = allocate_bitmask(1, width)
    allow_tokens(bitmask[0], tokens)
    assert bits_of(bitmask[0].tolist()) == tokens
    assert allowed_tokens(bitmask[0], width).tolist() == sorted(tokens)
    dense = unpack_bitmask(bitmask, width)
    assert dense.shape == (1, width) and set(np.flatnonzero(dense[0]).tolist()) == tokens
    assert np.array_equal(pack_bitmask(dense), bitmask)
    assert {token for token in range(width) if is_allowed(bitmask, 0, token)} == tokens


def test_bits_past_the_width_are_not_listed() -> None:
    assert allowed_tokens(np.array([-1, -1], dtype=np.int32), 35).tolist() == list(range(35))
    with pytest.raises(MatcherError):
        unpack_bitmask(np.zeros(1, dtype=np.int32), 33)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_apply_masks_out_of_place(dtype: type) -> None:
    logits = np.arange(2 * 40, dtype=dtype).reshape(2, 40)
    kept = logits.copy()
    bitmask = allocate_bitmask(2, 40)
    allow_tokens(bitmask[0], [3, 39])
    result = apply_bitmask(logits, bitmask)
    assert result.dtype == dtype and np.array_equal(logits, kept)
    assert np.flatnonzero(result[0] > -np.inf).tolist() == [3, 39]
    assert result[0, 39] == logits[0, 39] and np.isneginf(result[1]).all()


def test_apply_masks_logits_past_the_bitmask_and_strided_ones() -> None:
    logits = np.zeros((2, 100), dtype=np.float32)[:, ::2]
    result = apply_bitmask(logits, np.full((2, 1), -1, dtype=np.int32))
    assert (result[:, :32] == 0).all() and np.isneginf(result[:, 32:]).all()
    assert np.isneginf(apply_bitmask(np.zeros(3), np.zeros(1, dtype=np.int32))).all()


def test_apply_refuses_other_rows() -> None:
    with pytest.raises(MatcherError, match="do not fit"):
        apply_bitmask(np.zeros((2, 8)), allocate_bitmask(3, 8))
