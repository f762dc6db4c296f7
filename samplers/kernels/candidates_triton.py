"""`mask_gumbel_topk` as one Triton kernel over tiles, and a small merge.

Purpose: on a GPU the reference reads and writes the vocabulary some ten times; here logits and packed mask words
are read once, and a few numbers a tile are written.
Place: called by `samplers.kernels.candidates` for CUDA tensors.  The only module that imports triton.
Cost: the logits and an eighth of a byte a token are read once; uniform numbers are computed where they are used.
Not taken: a running maximum over tiles in one program a row: a batch of 64 rows would leave most of a large device
idle.  Not taken: float32 keys; see the reference.

The candidates are those of the reference: a score is one product, two logarithms and one subtraction in float64, with
contraction into fused multiply-adds turned off, and uniform numbers are integer arithmetic.  Sums (log mass, rest) may
differ in the last digits, because they are taken tile by tile.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl

from samplers.kernels.candidates import Candidates, check_arguments, finish
from samplers.noise import FIRST_FACTOR, GOLDEN, SECOND_FACTOR

_TILE: Final = 1024


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]
def _race_tile(  # type: ignore[no-untyped-def]
    logits,
    words,
    keys,
    score_out,
    token_out,
    value_out,
    sum_out,
    width,
    n_words,
    n_tiles,
    logits_stride,
    words_stride,
    inverse_temperature,
    GOLDEN: tl.constexpr,
    FIRST: tl.constexpr,
    SECOND: tl.constexpr,
    HAS_MASK: tl.constexpr,
    COUNT: tl.constexpr,
    TILE: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    tile = tl.program_id(1)
    token = tile * TILE + tl.arange(0, TILE)
    inside = token < width
    infinity = float("inf")
    raw = tl.load(logits + row * logits_stride + token, mask=inside, other=-infinity)
    scaled = raw.to(tl.float64) * tl.load(inverse_temperature)
    allowed = inside
    if HAS_MASK:
        word = token // 32
        packed = tl.load(words + row * words_stride + word, mask=inside & (word < n_words), other=0)
        allowed = inside & (((packed >> (token % 32)) & 1) != 0)
    masked = tl.where(allowed, scaled, -infinity)
    # samplers.noise.uniforms, number ``token`` of this row's key.
    hashed = tl.load(keys + row).to(tl.uint64) + (token + 1).to(tl.uint64) * GOLDEN
    hashed = (hashed ^ (hashed >> 30)) * FIRST
    hashed = (hashed ^ (hashed >> 27)) * SECOND
    hashed = hashed ^ (hashed >> 31)
    uniform = ((hashed >> 11).to(tl.float64) + 0.5) * 1.1102230246251565e-16
    score = masked - tl.log(-tl.log(uniform))

    # Maxima and sums of this tile: all tokens, allowed tokens, allowed tokens that are no candidates.
    place = row * n_tiles + tile
    top_all = tl.max(scaled, axis=0)
    safe_all = tl.where(top_all == -infinity, 0.0, top_all)
    top = tl.max(masked, axis=0)
    safe = tl.where(top == -infinity, 0.0, top)
    weight = tl.exp(masked - safe)
    tl.store(sum_out + place * 5 + 0, safe_all)
    tl.store(sum_out + place * 5 + 1, tl.sum(tl.exp(scaled - safe_all), axis=0))
    tl.store(sum_out + place * 5 + 2, safe)
    tl.store(sum_out + place * 5 + 3, tl.sum(weight, axis=0))
    lane = tl.arange(0, TILE)
    for number in tl.static_range(COUNT):
        best = tl.max(score, axis=0)
        first = tl.min(tl.where(score == best, lane, TILE - 1), axis=0)
        chosen = lane == first
        tl.store(score_out + place * COUNT + number, best)
        tl.store(token_out + place * COUNT + number, (tile * TILE + first).to(tl.int64))
        # With no candidate left the first lane wins again; its value was told already.
        value = tl.max(tl.where(chosen, masked, -infinity), axis=0)
        tl.store(value_out + place * COUNT + number, tl.where(best == -infinity, -infinity, value))
        score = tl.where(chosen, -infinity, score)
        weight = tl.where(chosen, 0.0, weight)
    tl.store(sum_out + place * 5 + 4, tl.sum(weight, axis=0))


def mask_gumbel_topk_triton(
    logits: torch.Tensor,
    bitmask: torch.Tensor | None,
    keys: torch.Tensor,
    count: int,
    *,
    temperature: float = 1.0,
) -> Candidates:
    """`samplers.kernels.mask_gumbel_topk` for CUDA tensors, with the same contract."""
    check_arguments(logits, bitmask, keys, count, temperature)
    rows, width = logits.shape
    device = logits.device
    logits = logits if logits.stride(1) == 1 else logits.contiguous()
    keys = keys.to(device).contiguous()
    words = keys if bitmask is None else bitmask.to(device, non_blocking=True).contiguous()
    tiles = triton.cdiv(width, _TILE)
    kept = min(count, _TILE)
    scores = torch.empty((rows, tiles * kept), dtype=torch.float64, device=device)
    tokens = torch.empty((rows, tiles * kept), dtype=torch.int64, device=device)
    values = torch.empty((rows, tiles * kept), dtype=torch.float64, device=device)
    sums = torch.empty((rows, tiles, 5), dtype=torch.float64, device=device)
    kernel: Any = _race_tile
    kernel[(rows, tiles)](
        logits,
        words,
        keys,
        scores,
        tokens,
        values,
        sums,
        width,
        0 if bitmask is None else words.shape[1],
        tiles,
        logits.stride(0),
        0 if bitmask is None else words.stride(0),
        # In memory, because a float argument would arrive as float32.
        torch.tensor([1.0 / temperature], dtype=torch.float64, device=device),
        GOLDEN=GOLDEN,
        FIRST=FIRST_FACTOR,
        SECOND=SECOND_FACTOR,
        HAS_MASK=bitmask is not None,
        COUNT=kept,
        TILE=_TILE,
        enable_fp_fusion=False,  # one rounding for each operation, as on the CPU
    )

    log_normaliser = torch.logsumexp(sums[:, :, 0] + sums[:, :, 1].log(), dim=1)
    log_allowed = torch.logsumexp(sums[:, :, 2] + sums[:, :, 3].log(), dim=1)
    log_mass = torch.where(log_allowed == -torch.inf, -torch.inf, log_allowed - log_normaliser)
    best, places = scores.topk(min(count, tiles * kept), dim=1)
    chosen = tokens.gather(1, places)
    log_probs = values.gather(1, places) - log_normaliser[:, None]
    left_over = values.scatter(1, places, -torch.inf)  # candidates of a tile that were not among the first of the row
    rest = torch.cat([sums[:, :, 2] + sums[:, :, 4].log(), left_over], dim=1)
    log_rest = torch.logsumexp(rest, dim=1) - log_normaliser
    return finish(log_normaliser, log_mass, best, chosen, log_probs, log_rest, count)
