"""`masked_draw` as two Triton kernels: sums of tiles, then one tile of each row.

Purpose: in plain torch a masked draw is some forty launches, which on a GPU cost the host more than the arithmetic
costs the device; here it is two.
Place: called by `samplers.kernels.dispatch` for CUDA tensors; beside `samplers.kernels.candidates_triton` the only
module that imports triton.
Cost: logits and mask words are read once, and one tile of each row twice.
Not taken: one program a row that scans it all: a batch of 64 rows would leave most of a large device idle.

Sums are taken tile by tile, so that a token differs from the reference's where the uniform number lies within rounding
(1e-15) of the boundary between two tokens, and masses differ in the last digits.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl

from samplers.kernels.draws import Draws, check_draw_arguments

_TILE: Final = 1024


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]
def _masked_tile(  # type: ignore[no-untyped-def]
    logits, words, row, tile, width, n_words, logits_stride, words_stride, HAS_MASK: tl.constexpr, TILE: tl.constexpr
):
    """(all logits, allowed logits) of one tile in float64, -inf elsewhere."""
    infinity = float("inf")
    token = tile * TILE + tl.arange(0, TILE)
    inside = token < width
    everything = tl.load(logits + row * logits_stride + token, mask=inside, other=-infinity).to(tl.float64)
    allowed = inside
    if HAS_MASK:
        word = token // 32
        packed = tl.load(words + row * words_stride + word, mask=inside & (word < n_words), other=0)
        allowed = inside & (((packed >> (token % 32)) & 1) != 0)
    return everything, tl.where(allowed, everything, -infinity)


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]
def _sum_tiles(  # type: ignore[no-untyped-def]
    logits,
    words,
    sums,
    width,
    n_words,
    n_tiles,
    logits_stride,
    words_stride,
    HAS_MASK: tl.constexpr,
    TILE: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    tile = tl.program_id(1)
    everything, masked = _masked_tile(
        logits, words, row, tile, width, n_words, logits_stride, words_stride, HAS_MASK, TILE
    )
    infinity = float("inf")
    top_all = tl.max(everything, axis=0)
    top_all = tl.where(top_all == -infinity, 0.0, top_all)
    top = tl.max(masked, axis=0)
    top = tl.where(top == -infinity, 0.0, top)
    place = sums + (row * n_tiles + tile) * 4
    tl.store(place + 0, top_all)
    tl.store(place + 1, tl.sum(tl.exp(everything - top_all), axis=0))
    tl.store(place + 2, top)
    tl.store(place + 3, tl.sum(tl.exp(masked - top), axis=0))


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]
def _choose(  # type: ignore[no-untyped-def]
    logits,
    words,
    sums,
    uniform,
    token_out,
    mass_out,
    width,
    n_words,
    n_tiles,
    logits_stride,
    words_stride,
    HAS_MASK: tl.constexpr,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    infinity = float("inf")
    tiles = tl.arange(0, TILES)
    present = tiles < n_tiles
    place = sums + (row * n_tiles + tiles) * 4
    top_all = tl.load(place + 0, mask=present, other=0.0)
    sum_all = tl.load(place + 1, mask=present, other=0.0)
    top = tl.load(place + 2, mask=present, other=0.0)
    sum_allowed = tl.load(place + 3, mask=present, other=0.0)

    # Sums that are NaN are not 0, and reach the mass.
    largest_all = tl.max(tl.where(sum_all == 0.0, -infinity, top_all), axis=0)
    largest_all = tl.where(largest_all == -infinity, 0.0, largest_all)
    total_all = tl.sum(tl.where(sum_all == 0.0, 0.0, sum_all * tl.exp(top_all - largest_all)), axis=0)
    largest = tl.max(tl.where(sum_allowed == 0.0, -infinity, top), axis=0)
    largest = tl.where(largest == -infinity, 0.0, largest)
    weights = tl.where(sum_allowed == 0.0, 0.0, sum_allowed * tl.exp(top - largest))
    cumulative = tl.cumsum(weights, axis=0)
    total = tl.sum(weights, axis=0)
    log_normaliser = largest_all + tl.log(tl.where(total_all == 0.0, 1.0, total_all))
    # Without a token the difference would be of two infinities where all logits are -inf.
    log_mass = largest + tl.log(tl.where(total == 0.0, 1.0, total)) - log_normaliser
    log_mass = tl.where(total == 0.0, -infinity, log_mass)
    # No law at all: NaN, as the normaliser of NaN, of +inf and of nothing.
    tl.store(mass_out + row, tl.where(total_all > 0.0, log_mass, float("nan")))

    # Only what has a weight is ever chosen, whatever rounding does to the sums.
    wanted = tl.load(uniform + row) * total
    tile = tl.min(tl.where((cumulative > wanted) & (weights > 0.0), tiles, TILES), axis=0)
    last = tl.max(tl.where(weights > 0.0, tiles, 0), axis=0)
    tile = tl.where(tile == TILES, last, tile)
    wanted -= tl.sum(tl.where(tiles == tile, cumulative - weights, 0.0), axis=0)
    _, masked = _masked_tile(logits, words, row, tile, width, n_words, logits_stride, words_stride, HAS_MASK, TILE)
    lanes = tl.arange(0, TILE)
    weight = tl.exp(masked - largest)
    reached = tl.cumsum(weight, axis=0)
    lane = tl.min(tl.where((reached > wanted) & (weight > 0.0), lanes, TILE), axis=0)
    last_lane = tl.max(tl.where(weight > 0.0, lanes, 0), axis=0)
    lane = tl.where(lane == TILE, last_lane, lane)
    tl.store(token_out + row, (tile * TILE + lane).to(tl.int64))


def masked_draw_triton(logits: torch.Tensor, bitmask: torch.Tensor | None, uniform: torch.Tensor) -> Draws:
    """`samplers.kernels.masked_draw` for CUDA tensors, with the same contract."""
    check_draw_arguments(logits, bitmask, uniform)
    rows, width = logits.shape
    device = logits.device
    logits = logits if logits.stride(1) == 1 else logits.contiguous()
    uniform = uniform.to(device, torch.float64).contiguous()
    words = logits if bitmask is None else bitmask.to(device, non_blocking=True).contiguous()
    tiles = triton.cdiv(width, _TILE)
    sums = torch.empty((rows, tiles, 4), dtype=torch.float64, device=device)
    tokens = torch.empty(rows, dtype=torch.int64, device=device)
    log_mass = torch.empty(rows, dtype=torch.float64, device=device)
    sizes = (width, 0 if bitmask is None else words.shape[1], tiles, logits.stride(0), words.stride(0))
    constants: dict[str, Any] = {"HAS_MASK": bitmask is not None, "TILE": _TILE}
    sum_tiles: Any = _sum_tiles
    choose: Any = _choose
    sum_tiles[(rows, tiles)](logits, words, sums, *sizes, **constants)
    choose[(rows,)](
        logits, words, sums, uniform, tokens, log_mass, *sizes, **constants, TILES=triton.next_power_of_2(tiles)
    )
    return Draws(tokens, log_mass)
