"""The embedded model: its size, its files, what its tokenizer keeps, and that it has learned something.

The held-out set is fixed text: schemas and instances written by hand for this test.
"""

from __future__ import annotations

import json
import math
import socket
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from samplers.models import embedded_model_path, load_embedded
from samplers.models.prompt import SCHEMA_CHARACTERS, prompt_for

FILES = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}

HELD_OUT: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    (
        {
            "type": "object",
            "properties": {
                "borrower_name": {"type": "string"},
                "email": {"type": "string", "format": "email"},
                "due_date": {"type": "string", "format": "date"},
                "renewed": {"type": "boolean"},
            },
            "required": ["borrower_name", "email", "due_date", "renewed"],
        },
        {
            "borrower_name": "Elena Novak",
            "email": "elena.novak@example.com",
            "due_date": "2024-05-17",
            "renewed": False,
        },
    ),
    (
        {
            "type": "object",
            "properties": {
                "stationCity": {"type": "string"},
                "country": {"type": "string"},
                "sensorStatus": {"type": "string", "enum": ["online", "offline"]},
                "temperature": {"type": "number"},
            },
            "required": ["stationCity", "country", "sensorStatus", "temperature"],
        },
        {"stationCity": "Berlin", "country": "Germany", "sensorStatus": "online", "temperature": 17.5},
    ),
    (
        {
            "type": "object",
            "properties": {
                "gear": {"type": "string"},
                "rental_price": {"type": "number", "minimum": 0},
                "colors": {"type": "array", "items": {"type": "string"}},
                "renter": {
                    "type": "object",
                    "properties": {"first_name": {"type": "string"}, "phone": {"type": "string"}},
                    "required": ["first_name", "phone"],
                },
            },
            "required": ["gear", "rental_price", "colors", "renter"],
        },
        {
            "gear": "Waterproof Tent",
            "rental_price": 24.99,
            "colors": ["green", "blue"],
            "renter": {"first_name": "Lucas", "phone": "+1 555 012 3456"},
        },
    ),
)
PERPLEXITY_PER_BYTE_BOUND = 3.6  # measured: 3.30 as shipped, 29.2 with random weights


@cache
def loaded() -> tuple[Any, Any]:
    torch.set_num_threads(1)
    return load_embedded()


def folder() -> Path:
    return embedded_model_path()


def test_files_and_size() -> None:
    """The standard files and nothing else, 16 MB at most in all."""
    sizes = {path.name: path.stat().st_size for path in folder().iterdir() if path.is_file()}
    assert set(sizes) == FILES
    assert sum(sizes.values()) <= 16_000_000


def test_loads_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ``from_pretrained`` calls work on the folder when every connection is refused."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    from transformers import AutoModelForCausalLM, AutoTokenizer

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    model = AutoModelForCausalLM.from_pretrained(str(folder()))
    tokenizer = AutoTokenizer.from_pretrained(str(folder()))
    assert model.config.vocab_size == len(tokenizer) == 4096
    assert model.config.max_position_embeddings >= 1024
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_vocabulary_covers_every_byte() -> None:
    """Each byte is a token of its own, so that any text can be written."""
    from tokenizers.pre_tokenizers import ByteLevel

    _, tokenizer = loaded()
    vocabulary = tokenizer.get_vocab()
    alphabet = ByteLevel.alphabet()
    assert len(alphabet) == 256
    assert not [symbol for symbol in alphabet if symbol not in vocabulary]
    assert len(set(vocabulary.values())) == len(vocabulary) == 4096


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Anna Keller", "age": 34, "tags": ["new", "sale"], "note": null}',
        '{\n  "a": {"b": [1, -2.5e-3, true]},\n\t"c":"\\u00e9\\n"\n}',
        "naïve café — Zürich, 東京, Ελλάδα, العربية, 🙂👩‍👩‍👧",
        "  leading, double  spaces and trailing \n\n",
        "0123456789 1 12 123 1234 12345",
        "\x00\x01\x7f\u2028\ufeff",
        "don't we'll I've",
        "",
    ],
)
def test_tokenizer_round_trips(text: str) -> None:
    """What is encoded decodes to the same text, with and without the begin token."""
    _, tokenizer = loaded()
    bare = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(bare) == text
    assert tokenizer(text)["input_ids"] == [tokenizer.bos_token_id, *bare]
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_greedy_generation_is_deterministic() -> None:
    """Two greedy runs give the same tokens, and they begin as JSON does."""
    model, tokenizer = loaded()
    inputs = tokenizer(prompt_for(HELD_OUT[0][0]), return_tensors="pt")
    first, second = (model.generate(**inputs, do_sample=False, max_new_tokens=24) for _ in range(2))
    assert torch.equal(first, second)
    written = tokenizer.decode(first[0, inputs["input_ids"].shape[1] :])
    assert written.startswith("{")


@torch.no_grad()
def test_perplexity_of_held_out_instances() -> None:
    """The model predicts instances of unseen schemas far better than chance."""
    model, tokenizer = loaded()
    total = 0.0
    octets = 0
    for schema, instance in HELD_OUT:
        answer_text = json.dumps(instance)
        prompt = tokenizer(prompt_for(schema))["input_ids"]
        answer = [*tokenizer(answer_text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].float()
        total += torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum").item()
        octets += len(answer_text.encode())
    assert math.exp(total / octets) < PERPLEXITY_PER_BYTE_BOUND


@torch.no_grad()
def test_schema_in_the_prompt_matters() -> None:
    """An unseen property name is likelier after a schema that holds it than after one that does not."""
    model, tokenizer = loaded()

    def score(name: str) -> float:
        schema = {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}
        prompt = tokenizer(prompt_for(schema))["input_ids"]
        answer = tokenizer('{"harbour_master": "', add_special_tokens=False)["input_ids"]
        logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].float()
        return -torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum").item()

    assert score("harbour_master") > score("quantity") + 3


def test_prompt_forms() -> None:
    """The documented forms, exactly."""
    schema = {"type": "string"}
    assert prompt_for() == prompt_for(None, "  ") == ""
    assert prompt_for(schema) == 'Schema: {"type":"string"}\nJSON:\n'
    assert prompt_for(True) == "Schema: true\nJSON:\n"
    assert prompt_for(None, "Write\na  date.") == "Instruction: Write a date.\nAnswer:\n"
    assert prompt_for({"title": "é"}, "Go.") == 'Instruction: Go.\nSchema: {"title":"é"}\nJSON:\n'


def test_long_schemas_are_cut() -> None:
    """A huge schema still leaves room in the context."""
    _, tokenizer = loaded()
    schema = {"properties": {f"field_{number}": {"type": "string"} for number in range(500)}}
    prompt = prompt_for(schema)
    assert len(prompt) < SCHEMA_CHARACTERS + 40
    assert prompt.endswith("...\nJSON:\n")
    assert len(tokenizer(prompt)["input_ids"]) < 1024
