"""Trains the embedded language model on one CPU core.

Run ``python -m samplers.models.training.train OUT_FOLDER --minutes 45`` (after
``samplers.models.training.tokenizer``, which writes the tokenizer into the same folder).  The data are
generated while training, so no document is seen twice.  With ``--minutes`` the learning rate
follows the clock (a busy machine sees fewer tokens); with ``--steps`` alone a seed and a
version of torch fix the result.  Checkpoints are written every few minutes.

Method: packed rows of whole documents; the loss counts every token of the answers and a random fifth
of those of the prompts; Muon for the matrices, AdamW for embeddings and norms; bfloat16 autocast;
the last part of the run uses rows of 1024 tokens, so that all positions are trained.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from samplers.models.training.data import Document, Generator
from samplers.models.training.evaluate import held_out_documents, perplexity

ROW, LONG_ROW = 384, 1024
FIRST_ROWS, ROWS, LONG_ROWS = 4, 8, 3
FIRST_PART, LONG_PART = 0.3, 0.12  # the parts of the run with small batches and with long rows
PROMPT_SHARE = 0.2


def configuration(layers: int, hidden: int, intermediate: int) -> LlamaConfig:
    """A small Llama: tied embeddings, heads of 64 dimensions (faster than 32 on a CPU), half as many key heads."""
    return LlamaConfig(
        vocab_size=4096,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 128,
        head_dim=64,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )


class Rows:
    """Packs documents into rows without cutting them (a document longer than a row loses its end)."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, documents: Iterator[Document], seed: int) -> None:
        self.tokenizer = tokenizer
        self.documents = documents
        self.rng = random.Random(f"rows {seed}")
        self.buffer: list[tuple[list[int], list[bool]]] = []

    def _refill(self) -> None:
        fresh = [next(self.documents) for _ in range(256)]
        prompts = self.tokenizer([document.prompt for document in fresh], add_special_tokens=False)["input_ids"]
        answers = self.tokenizer([document.answer for document in fresh], add_special_tokens=False)["input_ids"]
        for prompt, answer in zip(prompts, answers, strict=True):
            counted = [False] + [self.rng.random() < PROMPT_SHARE for _ in prompt] + [True] * (len(answer) + 1)
            self.buffer.append(([0, *prompt, *answer, 1], counted))

    def row(self, length: int) -> tuple[list[int], list[bool]]:
        """One row of ``length`` tokens and which of them the loss counts."""
        tokens: list[int] = []
        counted: list[bool] = []
        while True:
            if len(self.buffer) < 128:
                self._refill()
            space = length - len(tokens)
            fitting = next((at for at in range(min(48, len(self.buffer))) if len(self.buffer[at][0]) <= space), None)
            if fitting is None:
                if tokens:
                    break
                fitting = 0
            more, more_counted = self.buffer.pop(fitting)
            tokens += more[:space]
            counted += more_counted[:space]
            if len(tokens) > length - 12:
                break
        padding = length - len(tokens)
        return tokens + [2] * padding, counted + [False] * padding

    def batch(self, rows: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Token identifiers and the mask of the counted ones, both ``(rows, length)``."""
        parts = [self.row(length) for _ in range(rows)]
        return torch.tensor([part[0] for part in parts]), torch.tensor([part[1] for part in parts])


def optimisers(model: LlamaForCausalLM, kind: str, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers and AdamW for the rest, or AdamW alone."""
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    if kind == "adamw":
        groups = [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        return [torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def save(model: LlamaForCausalLM, folder: Path) -> None:
    """Writes the weights in bfloat16 with the configurations, replacing those of an earlier checkpoint."""
    weights = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(weights)
    copy.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=1, pad_token_id=2, max_new_tokens=256)
    copy.to(torch.bfloat16).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the embedded language model.")
    parser.add_argument("folder", type=Path, help="where the tokenizer is and the model goes")
    parser.add_argument("--minutes", type=float, help="wall-clock budget; the learning rate then follows the clock")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--intermediate", type=int, default=768)
    parser.add_argument("--optimiser", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--checkpoint-minutes", type=float, default=5.0)
    parser.add_argument("--resume", action="store_true", help="start from the weights in the folder")
    parser.add_argument("--invented", type=float, default=0.0, help="share of property names that must be copied")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    logging.disable_progress_bar()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.folder)
    model = LlamaForCausalLM(configuration(options.layers, options.hidden, options.intermediate))
    if options.resume:
        model = LlamaForCausalLM.from_pretrained(options.folder, dtype=torch.float32)
        model.train()
    for name, weight in model.named_parameters():
        if not options.resume and name.endswith(("o_proj.weight", "down_proj.weight")):
            torch.nn.init.zeros_(weight)
    parameters = sum(weight.numel() for weight in model.parameters())
    rows = Rows(tokenizer, iter(Generator(f"train {options.seed}", invented=options.invented)), options.seed)
    held_out = held_out_documents(150)
    steppers = optimisers(model, options.optimiser, options.rate)
    print(f"{parameters} parameters", flush=True)  # noqa: T201
    begin = saved = time.monotonic()
    seen = step = 0
    average: float | None = None
    progress = 0.0
    while progress < 1.0:
        long = progress > 1 - LONG_PART and not options.resume
        model.set_attn_implementation("sdpa" if long else "eager")  # eager is faster on short rows
        small = options.resume or progress < FIRST_PART
        height = LONG_ROWS if long else FIRST_ROWS if small else ROWS
        tokens, counted = rows.batch(height, LONG_ROW if long else ROW)
        rate = (
            options.rate
            * min(1.0, (step + 1) / (15 if options.resume else 60))
            * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
            chosen = counted[:, 1:]
            logits = model.lm_head(hidden[chosen])
        loss = torch.nn.functional.cross_entropy(logits.float(), tokens[:, 1:][chosen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = rate
            stepper.step()
            stepper.zero_grad()
        step += 1
        seen += tokens.numel()
        average = loss.item() if average is None else 0.97 * average + 0.03 * loss.item()
        elapsed = time.monotonic() - begin
        progress = step / options.steps if options.minutes is None else elapsed / (60 * options.minutes)
        if step % 50 == 0:
            line = f"step {step} tokens {seen} seconds {elapsed:.0f} loss {average:.4f} rate {rate:.5f}"
            print(line, flush=True)  # noqa: T201
        if progress >= 1 or time.monotonic() - saved > 60 * options.checkpoint_minutes:
            saved = time.monotonic()
            save(model, options.folder)
            model.set_attn_implementation("sdpa")
            per_token, per_byte = perplexity(model, tokenizer, held_out)
            facts = {
                "step": step,
                "tokens": seen,
                "seconds": round(elapsed),
                "held_out_perplexity_per_token": per_token,
                "held_out_perplexity_per_byte": per_byte,
                "training_loss": average,
            }
            print(json.dumps(facts), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
