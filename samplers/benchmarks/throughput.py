"""Tokens per second of masked and SMC decoding beside plain ``generate``: what the samplers cost over the model.

Purpose: the bound is 25 % on a CPU with the embedded model, and 10 % on a GPU with a model of 1B parameters.
Place: run by hand; nothing imports it.
Cost: some ten seconds with the embedded model.
Not taken: a real checkpoint for the large model.  Time does not depend on weights, so they are random.

    python -m samplers.benchmarks.throughput --model embedded
    python -m samplers.benchmarks.throughput --model llama-1b --device cuda --cache static

Every decoder writes the same number of tokens in every row: the language is letters and spaces of more characters than
are asked for, so that nobody may stop.  Runs alternate; a decoder's share of plain ``generate`` is the median over
rounds of the ratio within a round, since machines speed up and slow down.  ``generate, masked`` is `MaskProcessor`
under ``generate``, ``generate, aligned`` `AlignedProcessor` with its trie; ``smc, checked`` has a black box that
accepts everything, so that all of AWRS's work is done.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

import grammarlib as gl
from samplers.aligned_processor import AlignedProcessor
from samplers.logits_processor import MaskProcessor
from samplers.masking import MaskedSampling, MaskSampler
from samplers.models import HuggingFaceModel, load_embedded
from samplers.potentials import CompiledPotential, FromFunction
from samplers.smc import SMC

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_PROMPT_TOKENS: Final = 32


def random_llama(device: str) -> tuple[Any, gl.Vocabulary]:
    """A Llama of 1.2B random bfloat16 weights and 128k tokens (bytes, then words of letters), and its vocabulary."""
    size = 128_256
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        tie_word_embeddings=True,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(config).to(torch.bfloat16).eval()
    words = (
        "".join(word).encode() for length in itertools.count(2) for word in itertools.product(_LETTERS, repeat=length)
    )
    tokens: list[bytes | None] = [bytes([byte]) for byte in range(256)]
    tokens += itertools.islice(words, size - 2 - len(tokens))
    tokens += [None, None]
    return model, gl.Vocabulary(tokens, [size - 1])


def decoders(
    model: Any, vocabulary: gl.Vocabulary, batch: int, tokens: int, cache: str
) -> dict[str, Callable[[], object]]:
    """What is measured: each writes ``tokens`` tokens in ``batch`` rows after the same prompt."""
    longest = max(len(token) for token in vocabulary.tokens if token is not None)
    language = gl.compile(gl.Regex(f"[a-z ]{{{tokens * longest + 1},}}"), vocabulary)
    prompt = [5 + number % 90 for number in range(_PROMPT_TOKENS)]
    ids = torch.tensor([prompt], device=model.device)
    is_static = cache == "static"
    wrapped = HuggingFaceModel(
        model,
        cache="static" if is_static else "dynamic",
        max_length=_PROMPT_TOKENS + tokens + 1 if is_static else None,
        eos_token_ids=vocabulary.eos_token_ids,
        identity="benchmark",
    )
    potential = CompiledPotential(language)
    accepting = FromFunction(vocabulary, prefix=lambda _: True, level="bytes", cache_entries=0)
    settings: dict[str, Any] = {
        "do_sample": True,
        "top_k": 0,
        "top_p": 1.0,
        "num_return_sequences": batch,
        "max_new_tokens": tokens,
        "min_new_tokens": tokens,
        "pad_token_id": int(vocabulary.eos_token_ids[0]),
        "attention_mask": torch.ones_like(ids),
    }

    def plain() -> object:
        with torch.inference_mode():
            return model.generate(ids, **settings)

    def masked_generate() -> object:
        processor = MaskProcessor(language)
        with torch.inference_mode():
            return model.generate(ids, logits_processor=[processor], **settings | {"min_new_tokens": None})

    aligner = AlignedProcessor(language, model, max_tokens=tokens - 1, seed=1)

    def aligned_generate() -> object:
        with torch.inference_mode(), aligner as processor:
            sequences = model.generate(ids, logits_processor=[processor], **settings | {"min_new_tokens": None})
            return processor.finish(sequences)

    def steps(algorithm: Any) -> object:
        state = algorithm.init([prompt], seed=1)
        for _ in range(tokens):
            state, _ = algorithm.step(state)
        return state

    bound = tokens + 1

    def smc(constraint: Any, **more: Any) -> Callable[[], object]:
        return lambda: steps(SMC(wrapped, constraint, n=batch, max_tokens=bound, **more))

    return {
        "generate": plain,
        "generate, masked": masked_generate,
        "generate, aligned": aligned_generate,
        "masked": lambda: steps(MaskedSampling(wrapped, potential, n=batch, max_tokens=bound)),
        "smc, masked": smc(potential, token_sampler=MaskSampler()),
        "smc, default": smc(potential),
        "smc, checked": smc(potential * accepting),
    }


def measure(several: dict[str, Callable[[], object]], repeats: int, device: str) -> dict[str, list[float]]:
    """Seconds of each run after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in several}
    for repeat in range(repeats + 1):
        for name, decode in several.items():
            _wait(device)
            started = time.perf_counter()
            decode()
            _wait(device)
            if repeat:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write one JSON document to stdout or to ``--out``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", choices=("embedded", "llama-1b"), default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cache", choices=("dynamic", "static"), default="dynamic", help="of the samplers")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of torch, on a CPU")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.model == "embedded":
        model, tokenizer = load_embedded()
        model = model.to(options.device)
        vocabulary = HuggingFaceModel(model, tokenizer).vocabulary
    else:
        model, vocabulary = random_llama(options.device)
    several = decoders(model, vocabulary, options.batch, options.tokens, options.cache)
    seconds = measure(several, options.repeats, options.device)
    written = options.batch * options.tokens
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    is_cuda = options.device.startswith("cuda")
    record = {
        "settings": {name: value for name, value in vars(options).items() if name != "out"},
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "device": torch.cuda.get_device_name() if is_cuda else platform.machine(),
        "decoders": {
            name: {
                "tokens_per_second": round(written / middle[name], 1),
                "against_generate": round(
                    statistics.median(plain / own for plain, own in zip(seconds["generate"], values, strict=True)),
                    3,
                ),
                "seconds": [round(value, 4) for value in values],
            }
            for name, values in seconds.items()
        },
    }
    text = json.dumps(record, indent=1) + "\n"
    if options.out is None:
        sys.stdout.write(text)
    else:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
