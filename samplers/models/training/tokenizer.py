"""Trains the tokenizer of the embedded model: byte-level BPE, 4096 entries, all 256 bytes.

Run ``python -m samplers.models.training.tokenizer OUT_FOLDER``.  Digits are cut into runs of at
most two, so that a number of any length has few spellings; punctuation runs such as ``": "`` and
``"},`` may become one token, as in large vocabularies.  Cost: about half a minute on one core.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from samplers.models.training.data import Generator

VOCABULARY_SIZE = 4096
DOCUMENTS = 40_000
BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def texts(seed: int) -> Iterator[str]:
    """The texts that the merges are counted on."""
    generator = Generator(f"tokenizer {seed}")
    for _ in range(DOCUMENTS):
        document = generator.document()
        if generator.rng.random() < 0.35:
            yield document.prompt
        yield document.answer


def train(seed: int = 0) -> Tokenizer:
    """The trained tokenizer; it puts ``<|begin|>`` before every text unless told not to."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[BEGIN, END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=24,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(seed), trainer)
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))]
            ),
        ]
    )
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes ``tokenizer.json`` and ``tokenizer_config.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "bos_token": BEGIN,
        "clean_up_tokenization_spaces": False,
        "eos_token": END,
        "model_max_length": 1024,
        "pad_token": PAD,
        "padding_side": "left",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    save(train(), Path(sys.argv[1]))
