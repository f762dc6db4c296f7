"""Candidates of a race: the reference against its definition, Triton against the reference."""

from __future__ import annotations

import itertools
import math
import os
from typing import Any

import numpy as np
import pytest
import torch

from samplers.bitmask import unpack_bitmask
from samplers.errors import SamplerError
from samplers.kernels import (
    copy_rows_,
    mask_gumbel_topk,
    mask_gumbel_topk_reference,
    masked_draw,
    masked_draw_reference,
    without,
)
from samplers.noise import device_uniforms, stream_keys

WIDTHS = [37, 64, 1024, 2500]


def case(
    width: int, rows: int = 3, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits with a -inf, masks with about half of the bits, keys."""
    generator = torch.Generator().manual_seed(width)
    logits = (torch.randn(rows, width, generator=generator) * 3).to(dtype)
    logits[0, 3] = -torch.inf
    words = torch.randint(-(2**31), 2**31, (rows, (width + 31) // 32), generator=generator, dtype=torch.int64)
    keys = torch.from_numpy(stream_keys(1, np.arange(rows)))
    return logits.to(device), words.to(torch.int32).to(device), keys.to(device)


def masks(words: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """No mask, half, nothing allowed, words missing at the end."""
    return {"none": None, "half": words, "nothing": torch.zeros_like(words), "short": words[:, :1].contiguous()}


@pytest.mark.parametrize("width", WIDTHS)
def test_definition(width: int) -> None:
    """Scores are logits / temperature plus Gumbel noise of the row's own numbers, among allowed tokens."""
    logits, words, keys = case(width)
    for temperature in (1.0, 0.7):
        for mask in masks(words).values():
            found = mask_gumbel_topk(logits, mask, keys, 5, temperature=temperature)
            law = torch.softmax(logits.double() / temperature, dim=1)
            allowed = torch.ones_like(law, dtype=torch.bool) if mask is None else unpack_bitmask(mask, width)
            torch.testing.assert_close(found.log_mass.exp(), (law * allowed).sum(dim=1))
            torch.testing.assert_close(found.log_normaliser, torch.logsumexp(logits.double() / temperature, dim=1))
            times = -device_uniforms(keys, width).log() / law
            times[~allowed | (law == 0)] = torch.inf
            for row in range(len(logits)):
                order = [int(token) for token in times[row].argsort() if times[row, token] < torch.inf][:5]
                tokens = found.tokens[row].tolist()
                assert tokens == order + [-1] * (5 - len(order))
                for place, token in enumerate(order):
                    assert found.log_probs[row, place].exp() == pytest.approx(float(law[row, token]), rel=1e-12)
                    assert found.log_times[row, place].exp() == pytest.approx(float(times[row, token]), rel=1e-12)
                left = [float(law[row, token]) for token in range(width) if allowed[row, token] and token not in order]
                assert found.log_rest[row].exp() == pytest.approx(math.fsum(left), rel=1e-12)
                assert (found.log_probs[row, len(order) :] == -torch.inf).all()
                assert (found.log_times[row, len(order) :] == torch.inf).all()


def test_inclusion_frequencies() -> None:
    """The first two candidates are drawn without replacement: chi-square over pairs, exact probabilities.

    20 ordered pairs: 52 is exceeded once in 10,000 runs.
    """
    law = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)
    rows = 20_000
    keys = torch.from_numpy(stream_keys(4, np.arange(rows)))
    tokens = mask_gumbel_topk(law.log().repeat(rows, 1), None, keys, 2).tokens.tolist()
    counts = dict.fromkeys(itertools.permutations(range(5), 2), 0)
    for first, second in tokens:
        counts[first, second] += 1
    statistic = 0.0
    for (first, second), count in counts.items():
        expected = rows * float(law[first] * law[second] / (1 - law[first]))
        statistic += (count - expected) ** 2 / expected
    assert statistic < 52


def test_going_on_behind_the_first_candidates() -> None:
    """Cleared bits and the same keys: the second block is the rest of one long block."""
    logits, words, keys = case(100)
    for mask in (None, words):
        long = mask_gumbel_topk(logits, mask, keys, 12)
        first = mask_gumbel_topk(logits, mask, keys, 4)
        second = mask_gumbel_topk(logits, without(mask, first.tokens, 100), keys, 8)
        assert torch.equal(torch.cat([first.tokens, second.tokens], dim=1), long.tokens)
        torch.testing.assert_close(first.log_rest, second.log_mass)
        torch.testing.assert_close(second.log_rest, long.log_rest)


def test_without() -> None:
    """Bit 31 included; places without a token change nothing; the argument stays."""
    mask = torch.full((2, 2), -1, dtype=torch.int32)
    result = without(mask, torch.tensor([[31, 32, 63], [0, -1, -1]]), 64)
    allowed = unpack_bitmask(result, 64)
    assert (~allowed[0]).nonzero()[:, 0].tolist() == [31, 32, 63]
    assert (~allowed[1]).nonzero()[:, 0].tolist() == [0]
    assert (mask == -1).all()
    assert torch.equal(without(None, torch.tensor([[31, 32, 63], [0, -1, -1]]), 64), result)


def test_rests_far_below_one() -> None:
    """A sum, not one minus a sum."""
    logits = torch.tensor([[0.0, -300.0, -301.0]], dtype=torch.float64)
    keys = torch.from_numpy(stream_keys(0, np.arange(1)))
    found = mask_gumbel_topk(logits, None, keys, 1)
    assert found.tokens.tolist() == [[0]]
    assert float(found.log_rest[0]) == pytest.approx(-300 + math.log1p(math.exp(-1)), rel=1e-12)


def test_numbers_that_are_none_show() -> None:
    """NaN and +inf reach the normaliser, for the caller to raise."""
    keys = torch.zeros(1, dtype=torch.int64)
    assert mask_gumbel_topk(torch.tensor([[0.0, torch.nan]]), None, keys, 1).log_normaliser.isnan().all()
    assert not mask_gumbel_topk(torch.tensor([[0.0, torch.inf]]), None, keys, 1).log_normaliser.isfinite().any()


def test_errors() -> None:
    """Shapes, dtypes, counts, temperatures."""
    logits, words, keys = case(40)
    for arguments in (
        (logits[0], None, keys, 1),
        (logits.to(torch.int32), None, keys, 1),
        (logits, words.to(torch.int64), keys, 1),
        (logits, words[:1], keys, 1),
        (logits, words, keys[:1], 1),
        (logits, words, keys.double(), 1),
        (logits, words, keys, 0),
    ):
        with pytest.raises(SamplerError):
            mask_gumbel_topk(*arguments)
    for temperature in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(SamplerError):
            mask_gumbel_topk(logits, words, keys, 1, temperature=temperature)


@pytest.mark.parametrize("width", WIDTHS)
def test_masked_draws_are_by_inversion(width: int) -> None:
    """The token in which the cumulative sum passes the number, by exact sums of the law; the mass is its sum."""
    logits, words, _ = case(width)
    law = torch.softmax(logits.double(), dim=1)
    for mask in masks(words).values():
        allowed = torch.ones_like(law, dtype=torch.bool) if mask is None else unpack_bitmask(mask, width)
        weights = (law * allowed).tolist()
        totals = [math.fsum(row) for row in weights]
        for number in (0.0, 0.25, 0.7, 1 - 2**-53):
            found = masked_draw(logits, mask, torch.full((len(logits),), number, dtype=torch.float64))
            for row, total in enumerate(totals):
                if total == 0:
                    assert found.log_mass[row] == -torch.inf
                    continue
                assert found.log_mass[row].exp() == pytest.approx(total, rel=1e-12)
                token = int(found.tokens[row])
                assert weights[row][token] > 0
                before, after = math.fsum(weights[row][:token]), math.fsum(weights[row][: token + 1])
                assert before <= number * total * (1 + 1e-12) and number * total <= after * (1 + 1e-12)


WITHOUT_A_LAW = ([0.0, 1.0, torch.nan], [torch.nan, 0.0, 1.0], [torch.inf, 0.0, 1.0], [-torch.inf] * 3)


def test_masked_draws_of_numbers_that_are_none() -> None:
    """NaN, +inf and nothing but -inf are a mass of NaN, for the caller to raise, whatever the mask hides."""
    uniform = torch.tensor([0.5], dtype=torch.float64)
    for logits in WITHOUT_A_LAW:
        for mask in (None, torch.tensor([[2]], dtype=torch.int32)):
            assert masked_draw(torch.tensor([logits]), mask, uniform).log_mass.isnan().all()
    with pytest.raises(SamplerError):
        masked_draw(torch.zeros(2, 3), None, uniform)
    with pytest.raises(SamplerError):
        masked_draw(torch.zeros(1, 3), torch.zeros(1, 1, dtype=torch.int64), uniform)
    with pytest.raises(SamplerError):
        masked_draw(torch.zeros(1, 3, dtype=torch.int64), None, uniform)


def assert_triton_draws_agree(device: str) -> None:
    """The same tokens and masses, over widths, dtypes and masks; numbers at the ends of the interval too."""
    from samplers.kernels.draws_triton import masked_draw_triton

    for width, dtype in itertools.product(WIDTHS, [torch.float32, torch.bfloat16, torch.float16, torch.float64]):
        logits, words, keys = case(width, rows=5, dtype=dtype, device=device)
        uniform = device_uniforms(keys, 1)[:, 0].contiguous()
        uniform[0], uniform[1] = 0.0, 1 - 2**-53
        for mask in masks(words).values():
            expected = masked_draw_reference(logits.cpu(), None if mask is None else mask.cpu(), uniform.cpu())
            found = masked_draw_triton(logits, mask, uniform)
            torch.testing.assert_close(found.log_mass.cpu(), expected.log_mass, rtol=1e-12, atol=1e-12)
            alive = expected.log_mass > -torch.inf
            assert torch.equal(found.tokens.cpu()[alive], expected.tokens[alive])
    half = torch.tensor([0.5], dtype=torch.float64, device=device)
    for wrong in WITHOUT_A_LAW:
        for mask in (None, torch.tensor([[2]], dtype=torch.int32, device=device)):
            with np.errstate(invalid="ignore"):  # of Triton's interpreter
                found = masked_draw_triton(torch.tensor([wrong], device=device), mask, half)
            assert found.log_mass.isnan().all()


def assert_triton_agrees(device: str) -> None:
    """The same candidates, and sums to rounding, over widths, dtypes, masks and temperatures."""
    from samplers.kernels.candidates_triton import mask_gumbel_topk_triton

    for width, dtype in itertools.product(WIDTHS, [torch.float32, torch.bfloat16, torch.float16, torch.float64]):
        logits, words, keys = case(width, dtype=dtype, device=device)
        # Each count is a kernel of its own, and compiling one takes seconds.
        counts = [(8, 1.0), (8, 0.7)] + ([(32, 1.0)] if (width, dtype) == (2500, torch.float32) else [])
        for mask, (count, temperature) in itertools.product(masks(words).values(), counts):
            expected = mask_gumbel_topk_reference(
                logits.cpu(), None if mask is None else mask.cpu(), keys.cpu(), count, temperature=temperature
            )
            found = mask_gumbel_topk_triton(logits, mask, keys, count, temperature=temperature)
            assert torch.equal(found.tokens.cpu(), expected.tokens)
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one.cpu(), other, rtol=1e-12, atol=1e-12)


@pytest.mark.gpu
def test_triton_on_a_gpu() -> None:
    """Bit for bit on candidates."""
    pytest.importorskip("triton")
    assert_triton_agrees("cuda")
    assert_triton_draws_agree("cuda")


@pytest.mark.gpu
def test_the_gpu_takes_the_kernel() -> None:
    """The public function, on CUDA tensors: small and as wide as real vocabularies."""
    for width in (2500, 128_815):
        logits, words, keys = case(width, rows=64, device="cuda")
        expected = mask_gumbel_topk(logits.cpu(), words.cpu(), keys.cpu(), 8)
        assert torch.equal(mask_gumbel_topk(logits, words, keys, 8).tokens.cpu(), expected.tokens)
        uniform = device_uniforms(keys, 1)[:, 0]
        drawn = masked_draw_reference(logits.cpu(), words.cpu(), uniform.cpu())
        assert torch.equal(masked_draw(logits, words.cpu(), uniform).tokens.cpu(), drawn.tokens)


def test_triton_in_its_interpreter() -> None:
    """The kernel's own text on the CPU, where Triton is installed and was told to interpret."""
    pytest.importorskip("triton")
    if os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("set TRITON_INTERPRET=1 to run the kernel in Triton's interpreter")
    assert_triton_agrees("cpu")
    assert_triton_draws_agree("cpu")


def test_copy_rows() -> None:
    """In place, along any dimension; nothing moves in memory."""
    tensors: list[Any] = [torch.arange(12.0).reshape(4, 3), torch.arange(4)]
    addresses = [tensor.data_ptr() for tensor in tensors]
    copy_rows_(tensors, torch.tensor([0, 0]), torch.tensor([2, 3]))
    assert tensors[0].tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 2], [0, 1, 2]]
    assert tensors[1].tolist() == [0, 1, 0, 0]
    assert [tensor.data_ptr() for tensor in tensors] == addresses
    layers = torch.arange(8).reshape(2, 4)
    copy_rows_([layers], torch.tensor([1]), torch.tensor([0]), dimension=1)
    assert layers.tolist() == [[1, 1, 2, 3], [5, 5, 6, 7]]
    copy_rows_(tensors, torch.tensor([], dtype=torch.int64), torch.tensor([], dtype=torch.int64))
    for source, destination in (([0, 1], [2, 2]), ([0, 2], [1, 0]), ([0], [1, 2])):
        with pytest.raises(SamplerError):
            copy_rows_(tensors, torch.tensor(source), torch.tensor(destination))
