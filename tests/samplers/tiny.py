"""Tiny random models and a byte tokenizer, made on the spot: the model is wider (320) than the tokenizer (258)."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models
from tokenizers.pre_tokenizers import ByteLevel

from grammarlib import Vocabulary

WIDTH = 320


@cache
def tokenizer() -> Any:
    """One token a byte, then ``<eos>`` and ``<pad>``."""
    alphabet = {character: number for number, character in enumerate(sorted(ByteLevel.alphabet()))}
    bare = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    bare.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token="<eos>", pad_token="<pad>", padding_side="left"
    )


@cache
def vocabulary() -> Vocabulary:
    """The tokenizer's own width, smaller than the model's."""
    return Vocabulary.from_huggingface(tokenizer())


@cache
def model(seed: int = 0, width: int = WIDTH) -> Any:
    """A random Llama; shared, so do not change it."""
    return new_model(seed, width)


def new_model(seed: int = 0, width: int = WIDTH) -> Any:
    """A random Llama of one's own."""
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=width,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=tokenizer().eos_token_id,
        pad_token_id=tokenizer().pad_token_id,
    )
    made = transformers.LlamaForCausalLM(config).eval()
    made.generation_config.eos_token_id = tokenizer().eos_token_id
    made.generation_config.pad_token_id = tokenizer().pad_token_id
    return made


def encode(*prompts: str) -> dict[str, torch.Tensor]:
    """Left-padded ids and attention mask."""
    encoded = tokenizer()(list(prompts), return_tensors="pt", padding=True)
    return {name: encoded[name] for name in ("input_ids", "attention_mask")}


def ids(text: str) -> list[int]:
    """The ids of a text."""
    return list(tokenizer()(text)["input_ids"])


def texts(sequences: torch.Tensor, start: int) -> list[str]:
    """What rows of ids write from a column on, without special tokens."""
    return [tokenizer().decode(row[start:], skip_special_tokens=True) for row in sequences]


def other_tokenizer() -> Any:
    """The same alphabet under other ids, and one token more: the tokenizer of an assistant of another family."""
    alphabet = {character: number for number, character in enumerate(sorted(ByteLevel.alphabet(), reverse=True))}
    bare = Tokenizer(models.BPE(vocab={**alphabet, "bb": len(alphabet)}, merges=[("b", "b")]))
    bare.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token="<eos>", pad_token="<pad>", padding_side="left"
    )


@cache
def vocabulary_without(character: str) -> Vocabulary:
    """The vocabulary without the tokens of the last byte of a character."""
    last = character.encode()[-1:]
    whole = vocabulary()
    tokens = [None if token == last else token for token in whole.tokens]
    return Vocabulary(tokens, whole.eos_token_ids)
