"""Perplexity of the embedded model on schemas and field names that training never uses.

Run ``python -m samplers.models.training.evaluate MODEL_FOLDER``.  Only the answers count (the
instance and the end-of-sequence token, given the prompt); the documents come from a fixed seed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import torch

from samplers.models.training.data import Document, Generator


def held_out_documents(count: int) -> list[Document]:
    """The first ``count`` documents of the held-out generator."""
    generator = Generator("held out", held_out=True)
    return [generator.document() for _ in range(count)]


@torch.no_grad()
def perplexity(model: Any, tokenizer: Any, documents: Sequence[Document]) -> tuple[float, float]:
    """Perplexity per token and per byte (of UTF-8) of the answers."""
    total = 0.0
    tokens = octets = 0
    for document in documents:
        prompt = tokenizer(document.prompt)["input_ids"]
        answer = [*tokenizer(document.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        answer = answer[: 1024 - len(prompt)]
        logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
        total += torch.nn.functional.cross_entropy(logits.float(), torch.tensor(answer), reduction="sum").item()
        tokens += len(answer)
        octets += len(document.answer.encode())
    return math.exp(total / tokens), math.exp(total / octets)


if __name__ == "__main__":
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    loaded = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
    print(perplexity(loaded, AutoTokenizer.from_pretrained(sys.argv[1]), held_out_documents(400)))  # noqa: T201
