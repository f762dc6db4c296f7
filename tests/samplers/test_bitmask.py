"""Packed bitmasks on tensors, against bit by bit arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from samplers import SamplerError
from samplers.bitmask import apply_bitmask, unpack_bitmask


def naive(words: list[int], width: int) -> list[bool]:
    """Bit t of word t // 32."""
    return [t // 32 < len(words) and bool(words[t // 32] >> (t % 32) & 1) for t in range(width)]


WORDS = st.lists(st.integers(-(2**31), 2**31 - 1), min_size=0, max_size=4)


@given(st.lists(WORDS, min_size=1, max_size=3), st.integers(1, 140))
def test_unpack_is_bit_by_bit(rows: list[list[int]], width: int) -> None:
    """For any width: missing words forbid, surplus bits are dropped."""
    rows = [row[: min(map(len, rows))] for row in rows]
    bitmask = torch.tensor(rows, dtype=torch.int32).reshape(len(rows), -1)
    assert unpack_bitmask(bitmask, width).tolist() == [naive(row, width) for row in rows]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("inplace", [False, True])
def test_apply(dtype: torch.dtype, inplace: bool) -> None:
    """Allowed scores are kept bit for bit, the others are -inf; only ``inplace`` writes the argument."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 70, generator=generator).to(dtype)
    before = scores.clone()
    words = np.random.default_rng(0).integers(-(2**31), 2**31, size=(3, 2)).astype(np.int32)
    masked = apply_bitmask(scores, torch.from_numpy(words), inplace=inplace)
    allowed = torch.tensor([naive(row.tolist(), 70) for row in words])
    assert masked.dtype == dtype
    assert torch.equal(masked[allowed], before[allowed])
    assert (masked[~allowed] == -torch.inf).all()
    assert (masked is scores) == inplace
    assert inplace or torch.equal(scores, before)


def test_the_shifts_agree_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that other devices take."""
    words = torch.from_numpy(np.random.default_rng(1).integers(-(2**31), 2**31, size=(4, 5)).astype(np.int32))
    expected = unpack_bitmask(words, 131)
    monkeypatch.setattr("samplers.bitmask.sys.byteorder", "big")
    assert torch.equal(unpack_bitmask(words, 131), expected)


def test_what_does_not_fit() -> None:
    """Other dtypes and shapes are errors."""
    with pytest.raises(SamplerError, match="int32"):
        unpack_bitmask(torch.zeros(1, 2, dtype=torch.int64), 3)
    with pytest.raises(SamplerError, match="int32"):
        unpack_bitmask(torch.zeros(2, dtype=torch.int32), 3)
    with pytest.raises(SamplerError, match="do not fit"):
        apply_bitmask(torch.zeros(2, 3), torch.zeros(1, 1, dtype=torch.int32))


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu() -> None:
    """Unpacked on the device, with a bitmask from the host."""
    words = torch.from_numpy(np.random.default_rng(2).integers(-(2**31), 2**31, size=(4, 50)).astype(np.int32))
    scores = torch.randn(4, 1611)
    assert torch.equal(apply_bitmask(scores.cuda(), words).cpu(), apply_bitmask(scores, words))
