"""What the stack of the installed transformers says; if these fail, a release renamed what is read."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from samplers.generation_call import UNKNOWN, GenerationCall, current_generation_call
from tests.samplers import tiny


class Spy:
    """Notes the calls that it is in."""

    def __init__(self) -> None:
        self.calls: list[GenerationCall] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.calls.append(current_generation_call())
        return scores


def calls(**arguments: Any) -> list[GenerationCall]:
    """What a processor sees during one call of ``generate``."""
    spy = Spy()
    tiny.model().generate(
        **tiny.encode("abcabcab"), logits_processor=[spy], max_new_tokens=4, do_sample=False, **arguments
    )
    return spy.calls


def test_each_call_has_one_identity() -> None:
    """The same for all steps, another one for the next call, even for the same configuration."""
    config = tiny.model().generation_config
    first, second = calls(generation_config=config), calls(generation_config=config)
    assert len(first) == 4
    assert first[0].identity is not None
    assert all(call.identity is first[0].identity for call in first)
    assert all(call.identity is not first[0].identity for call in second)
    assert not any(call.is_draft or call.is_foreign or call.num_beams > 1 for call in first)
    assert not any(call.is_tentative(100) for call in first)


def test_beams() -> None:
    """How many."""
    assert {call.num_beams for call in calls(num_beams=3)} == {3}


@pytest.mark.parametrize("how", ["lookup", "assistant", "other tokenizer"])
def test_drafts(how: str) -> None:
    """Drafts belong to the call that they are made for, and are known as such."""
    arguments: dict[str, Any] = {"prompt_lookup_num_tokens": 2}
    if how == "assistant":
        arguments = {"assistant_model": tiny.new_model(1)}
    elif how == "other tokenizer":
        arguments = {
            "assistant_model": tiny.new_model(1, 300),
            "tokenizer": tiny.tokenizer(),
            "assistant_tokenizer": tiny.other_tokenizer(),
        }
    seen = calls(**arguments)
    assert seen[0].identity is not None
    assert all(call.identity is seen[0].identity for call in seen)
    assert {call.is_draft for call in seen} == {True, False}
    assert seen[0].kept_length == 8
    assert not any(call.is_tentative(8) for call in seen if call.kept_length == 8 and not call.is_draft)
    assert all(call.is_tentative(call.kept_length + 1) for call in seen)
    assert all(call.is_foreign == (call.is_draft and how == "other tokenizer") for call in seen)


def test_outside_generate() -> None:
    """Nothing is known."""
    assert current_generation_call() is UNKNOWN
