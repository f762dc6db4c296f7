"""Masked generation of a batch: prompts and constraints in, texts out.

Purpose: the plain way from a model to texts of a language, with one seed and no hidden truncation; the baseline of
the samplers that correct for masking, and what the command line runs.
Place: over ``model.generate`` with a `MaskProcessor`.
Cost: that of ``model.generate``; choosing a token is one softmax and one cumulative sum in float64.
Not taken: ``do_sample=True``.  Its defaults truncate to the 50 most likely tokens, it draws from the global
generator, and a row's text depends on the rows beside it.  Here row and step select one uniform number of the
seed's own stream.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from samplers.errors import SamplerError
from samplers.logits_processor import DeadEndPolicy, MaskProcessor, stop_tokens
from samplers.types import Constraint, TokenTable

_NEUTRAL: Final[dict[str, Any]] = {
    "do_sample": False,
    "num_beams": 1,
    "num_return_sequences": 1,
    "return_dict_in_generate": False,
    "temperature": 1.0,
    "top_k": 50,  # the default, which greedy decoding does not read; another value would only be logged
    "top_p": 1.0,
    "min_p": None,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "exponential_decay_length_penalty": None,
    "guidance_scale": None,
    "min_length": 0,
    "min_new_tokens": None,
    "prompt_lookup_num_tokens": None,
    "stop_strings": None,
    "watermarking_config": None,
}
"""What a model's generation config could bring in and a plain sampler must not have."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One generated text.

    ``prompt`` and ``sample`` number it, from 0.  ``token_ids`` are the generated ids without the stop token and
    padding; ``text`` is what they write.  ``is_finished``: the model stopped by itself, so a constrained text is
    complete; False where ``max_new_tokens`` cut it off (``text`` then ends anywhere, with U+FFFD for part of a
    character).
    """

    prompt: int
    sample: int
    text: str
    token_ids: tuple[int, ...]
    is_finished: bool


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str | Sequence[int]],
    constraints: Constraint | Sequence[Constraint | None] | None,
    *,
    max_new_tokens: int = 256,
    temperature: float = 1.0,
    seed: int | None = None,
    num_samples: int = 1,
    batch_size: int | None = None,
    on_dead_end: DeadEndPolicy = "raise",
) -> list[Generation]:
    """Texts from the model, each within its prompt's constraint: ``num_samples`` for each prompt, in the order of
    the prompts.

    ``prompts``: texts (encoded as the tokenizer does it by default) or token ids.  ``constraints``: one for all, or
    one for each prompt; None leaves a prompt free.  ``temperature`` 0 takes the likeliest token.  No other warping
    takes place: top-k, top-p and penalties of the model's generation config are off, and its forced or suppressed
    tokens stay.
    ``seed``: the same seed, prompts and order give the same texts, up to the model's own rounding, for any
    ``batch_size``; None draws one.  ``batch_size``: prompts at once (all by default).

    Raises `SamplerError` for arguments that do not fit and `grammarlib.errors.DeadEnd` as `MaskProcessor`.
    """
    if max_new_tokens < 1 or num_samples < 1 or (batch_size is not None and batch_size < 1):
        raise SamplerError("max_new_tokens, num_samples and batch_size must be at least 1")
    if not 0 <= temperature < math.inf:
        raise SamplerError(f"temperature must be finite and not negative, and is {temperature}")
    if isinstance(prompts, str):
        raise SamplerError("prompts is one text; give a list of texts")
    if isinstance(constraints, Sequence) and len(constraints) != len(prompts):
        raise SamplerError(f"{len(constraints)} constraints for {len(prompts)} prompts; give one each, or one for all")
    seed = secrets.randbits(63) if seed is None else seed

    batch_size = len(prompts) if batch_size is None else batch_size
    results: list[Generation] = []
    for start in range(0, len(prompts), max(1, batch_size)):
        chosen = constraints[start : start + batch_size] if isinstance(constraints, Sequence) else constraints
        results += _generate_batch(
            model,
            tokenizer,
            prompts[start : start + batch_size],
            chosen,
            first_prompt=start,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            num_samples=num_samples,
            on_dead_end=on_dead_end,
        )
    return results


def _generate_batch(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str | Sequence[int]],
    constraints: Constraint | Sequence[Constraint | None] | None,
    *,
    first_prompt: int,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    num_samples: int,
    on_dead_end: DeadEndPolicy,
) -> list[Generation]:
    stops = set(stop_tokens(model))
    vocabulary = _vocabulary(constraints)
    if vocabulary is not None:
        stops.update(vocabulary.eos_token_ids)
    pad = _pad_token(model, tokenizer, stops)
    ids, attention_mask = _encode(tokenizer, prompts, pad, model.device)

    processors: list[Any] = []
    if constraints is not None:
        processors.append(MaskProcessor(constraints, model=model, on_dead_end=on_dead_end))
    if temperature > 0:
        uniforms = _uniforms(seed, first_prompt, len(prompts), num_samples, max_new_tokens)
        processors.append(TokenChoice(uniforms, temperature, prompt_length=ids.shape[1]))
    with torch.inference_mode():
        sequences = model.generate(
            input_ids=ids.repeat_interleave(num_samples, dim=0),
            attention_mask=attention_mask.repeat_interleave(num_samples, dim=0),
            logits_processor=processors,
            max_new_tokens=max_new_tokens,
            eos_token_id=sorted(stops) or None,
            pad_token_id=pad,
            **_NEUTRAL,
        )

    results = []
    for row, generated in enumerate(sequences[:, ids.shape[1] :].tolist()):
        end = next((position for position, token in enumerate(generated) if token in stops), None)
        tokens = generated[:end]
        if end is not None and _writes(vocabulary, generated[end]):  # a stop token of the model that is also text
            tokens = generated[: end + 1]
        results.append(
            Generation(
                prompt=first_prompt + row // num_samples,
                sample=row % num_samples,
                text=_decode(tokenizer, vocabulary, tokens),
                token_ids=tuple(tokens),
                is_finished=end is not None,
            )
        )
    return results


class TokenChoice:
    """A logits processor that draws the next token: the other scores become -inf, for a greedy loop to pick it.

    Target: softmax(scores / temperature).  ``uniforms``: float64[rows, steps] in [0, 1), one number a row and step,
    by inversion: a row's draw depends on nothing else.  A token of probability 0 is never drawn.
    """

    def __init__(self, uniforms: torch.Tensor, temperature: float, prompt_length: int) -> None:
        self._uniforms = uniforms
        self._temperature = temperature
        self._prompt_length = prompt_length

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:
        """Scores (float[rows, width]) with 0 for the drawn token and -inf elsewhere."""
        exact = torch.float32 if scores.device.type == "mps" else torch.float64  # MPS has no float64
        uniform = self._uniforms[:, input_ids.shape[1] - self._prompt_length, None].to(scores.device, exact)
        centred = (scores - scores.amax(dim=1, keepdim=True)).to(exact)
        cumulative = (centred / self._temperature).exp().cumsum(dim=1)
        total = cumulative[:, -1:].clone()
        last_possible = torch.searchsorted(cumulative, total)  # rounding must not reach the zeros behind it
        token = torch.minimum(torch.searchsorted(cumulative, uniform * total, right=True), last_possible)
        return torch.full_like(scores, -torch.inf).scatter_(1, token, 0.0)


def _uniforms(seed: int, first_prompt: int, prompts: int, num_samples: int, steps: int) -> torch.Tensor:
    """float64[prompts * num_samples, steps]: a stream for each prompt and sample, whatever lies beside it."""
    streams = [
        np.random.default_rng([seed % 2**64, first_prompt + prompt, sample]).random(steps)
        for prompt in range(prompts)
        for sample in range(num_samples)
    ]
    return torch.from_numpy(np.stack(streams))


def _vocabulary(constraints: Constraint | Sequence[Constraint | None] | None) -> TokenTable | None:
    several = constraints if isinstance(constraints, Sequence) else [constraints]
    return next((constraint.vocabulary for constraint in several if constraint is not None), None)


def _pad_token(model: Any, tokenizer: Any, stops: set[int]) -> int:
    """Any id will do: padding is hidden by the attention mask on the left and cut off on the right."""
    for token in (model.generation_config.pad_token_id, tokenizer.pad_token_id, min(stops, default=None)):
        if token is not None:
            return int(token)
    return 0


def _encode(
    tokenizer: Any, prompts: Sequence[str | Sequence[int]], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Left-padded ids and attention mask, int64[prompts, longest]."""
    rows = []
    for number, prompt in enumerate(prompts):
        row = list(tokenizer(prompt)["input_ids"]) if isinstance(prompt, str) else [int(token) for token in prompt]
        if not row and tokenizer.bos_token_id is not None:
            row = [tokenizer.bos_token_id]
        if not row:
            raise SamplerError(f"prompt {number} has no tokens, and the tokenizer has no token that begins a text")
        rows.append(row)
    longest = max(len(row) for row in rows)
    ids = [[pad] * (longest - len(row)) + row for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _writes(vocabulary: TokenTable | None, token: int) -> bool:
    if vocabulary is None or token in vocabulary.eos_token_ids:
        return False
    return token < len(vocabulary.tokens) and bool(vocabulary.tokens[token])


def _decode(tokenizer: Any, vocabulary: TokenTable | None, tokens: Sequence[int]) -> str:
    """The text of generated ids.  The vocabulary knows it byte for byte; a tokenizer may drop its first space."""
    if vocabulary is None:
        return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    known = [vocabulary.tokens[token] for token in tokens if token < len(vocabulary.tokens)]
    return b"".join(data or b"" for data in known).decode("utf-8", errors="replace")
