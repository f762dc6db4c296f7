"""Language models: cached logits equal a fresh recompute whatever rows were copied, and warps are the ones declared."""

from __future__ import annotations

import copy
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from samplers.errors import SamplerError, UnsupportedCall
from samplers.models import HuggingFaceModel, TableModel, Warp, embedded_model
from tests.samplers import tiny

WIDTH = 60
_SMALL: dict[str, Any] = {"vocab_size": WIDTH, "num_hidden_layers": 2, "bos_token_id": None, "eos_token_id": 59}
_ATTENTION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}


def _config(kind: str) -> Any:
    if kind == "llama":
        return transformers.LlamaConfig(**_SMALL, **_ATTENTION)
    if kind == "sliding window":
        return transformers.MistralConfig(**_SMALL, **_ATTENTION, sliding_window=4)
    if kind == "gpt2":
        return transformers.GPT2Config(
            vocab_size=WIDTH, n_layer=2, n_embd=16, n_head=2, bos_token_id=0, eos_token_id=59, pad_token_id=0
        )
    if kind == "alibi":
        return transformers.BloomConfig(
            vocab_size=WIDTH, n_layer=2, hidden_size=16, n_head=2, bos_token_id=0, eos_token_id=59, pad_token_id=0
        )
    if kind == "mamba":
        return transformers.MambaConfig(**_SMALL, hidden_size=16, state_size=4, pad_token_id=0)
    assert kind == "linear attention"
    linear = {
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "head_dim": 8,
        "layer_types": ["linear_attention", "full_attention"],
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    }
    return transformers.Qwen3NextConfig(**_SMALL, **_ATTENTION, **linear)


@cache
def network(kind: str) -> Any:
    """A random network."""
    torch.manual_seed(3)
    return transformers.AutoModelForCausalLM.from_config(_config(kind)).eval()


def recompute(model: Any, sequences: list[list[int]]) -> torch.Tensor:
    """Logits after each sequence, alone and without a cache."""
    with torch.inference_mode():
        inputs = [torch.tensor([sequence], device=model.device) for sequence in sequences]
        rows = [model(ids, use_cache=False).logits[0, -1].float() for ids in inputs]
    return torch.stack(rows)


CASES = [
    ("llama", "dynamic"),
    ("llama", "static"),
    ("sliding window", "dynamic"),
    ("sliding window", "static"),
    ("gpt2", "dynamic"),
    ("gpt2", "static"),
    ("alibi", "dynamic"),
    ("mamba", "dynamic"),
    ("linear attention", "dynamic"),
]


@pytest.mark.parametrize(("kind", "storage"), CASES)
@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_logits_after_random_ancestors_are_those_of_a_fresh_computation(
    kind: str, storage: Any, is_padded: bool, device: str
) -> None:
    """Particles, copies, forks and drops of rows move the right cache rows."""
    random = np.random.default_rng(7)
    bare = copy.deepcopy(network(kind)).to(device)
    model = HuggingFaceModel(bare, cache=storage, max_length=24 if storage == "static" else None)
    prompts = [[5, 6, 7, 8, 9], [11, 12, 13] if is_padded else [11, 12, 13, 14, 15]]
    state = model.prefill(*model.encode(prompts), particles=3)
    assert (state.forward_passes, state.model_calls) == (1, 2)
    sequences = [list(prompt) for prompt in prompts for _ in range(3)]
    forked = None
    for step in range(9):
        torch.testing.assert_close(state.logits(), recompute(bare, sequences), atol=1e-4, rtol=1e-4)
        if step == 4:
            rows = random.integers(0, len(sequences), 4)
            forked = state.fork(rows), [list(sequences[row]) for row in rows]
        if step % 3 == 2:
            count = len(sequences) if storage == "static" else int(random.integers(2, 7))
            ancestors = random.integers(0, len(sequences), count)
            state.select(ancestors)
            sequences = [list(sequences[row]) for row in ancestors]
        tokens = random.integers(0, WIDTH, len(sequences))
        state.append(tokens)
        for sequence, token in zip(sequences, tokens.tolist(), strict=True):
            sequence.append(token)
    assert forked is not None
    other, known = forked
    other.append(torch.tensor([1, 2, 3, 4]))
    expected = recompute(bare, [[*sequence, token] for sequence, token in zip(known, [1, 2, 3, 4], strict=True)])
    torch.testing.assert_close(other.logits(), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(state.logits(), recompute(bare, sequences), atol=1e-4, rtol=1e-4)


def test_a_select_before_the_forward_pass_moves_what_is_pending() -> None:
    """A row that is dropped costs no forward pass, and the pending token comes along."""
    model = HuggingFaceModel(network("llama"))
    state = model.prefill(torch.tensor([[1, 2, 3]]), particles=3)
    state.append(np.array([4, 5, 6]))
    state.select(np.array([2, 2]))
    state.append(np.array([7, -1]))
    expected = recompute(network("llama"), [[1, 2, 3, 6, 7]])
    torch.testing.assert_close(state.logits()[:1], expected, atol=1e-4, rtol=1e-4)
    assert state.forward_passes == 3
    assert state.model_calls == 1 + 2 + 1  # a finished row is not counted


def test_finished_rows_leave_the_batch() -> None:
    """The forward pass shrinks with the rows in use; logits stay at their rows, through select and fork."""
    bare = network("llama")
    model = HuggingFaceModel(bare)
    state = model.prefill(torch.tensor([[1, 2, 3]]), particles=6)
    sequences = [[1, 2, 3] for _ in range(6)]

    def go(tokens: list[int]) -> None:
        state.append(np.array(tokens))
        for sequence, token in zip(sequences, tokens, strict=True):
            sequence.append(token)

    def same(rows: list[int]) -> None:
        expected = recompute(bare, [sequences[row] for row in rows])
        torch.testing.assert_close(state.logits()[rows], expected, atol=1e-4, rtol=1e-4)
        assert state.logits().shape == (6, WIDTH)

    go([4, 5, 6, 7, 8, 9])
    same([0, 1, 2, 3, 4, 5])
    go([4, -1, 6, -1, 8, -1])
    same([0, 2, 4])
    assert state._cache.layers[0].keys.shape[0] == 3
    state.select(np.array([4, 1, 2, 2, 0, 4]))
    sequences = [list(sequences[row]) for row in (4, 1, 2, 2, 0, 4)]
    same([0, 2, 3, 4, 5])
    assert state._cache.layers[0].keys.shape[0] == 5
    other = state.fork(np.array([1, 5]))
    torch.testing.assert_close(other.logits()[1:], recompute(bare, [sequences[5]]), atol=1e-4, rtol=1e-4)
    go([-1, -1, -1, -1, 11, -1])
    same([4])
    assert state._cache.layers[0].keys.shape[0] == 1
    passes = state.forward_passes
    go([-1] * 6)
    state.logits()
    assert state.forward_passes == passes  # nobody goes on
    state.select(np.array([0, 0]))
    assert state.logits().shape == (2, WIDTH)


def test_static_cache_keeps_its_tensors_in_place() -> None:
    """What CUDA graphs rely on: addresses stay through `select`."""
    model = HuggingFaceModel(network("llama"), cache="static", max_length=8)
    state = model.prefill(torch.tensor([[1, 2, 3]]), particles=3)
    state.append(np.array([4, 5, 6]))
    state.logits()
    before = [layer.keys.data_ptr() for layer in state._cache.layers]
    state.select(np.array([2, 1, 2]))
    assert [layer.keys.data_ptr() for layer in state._cache.layers] == before
    with pytest.raises(SamplerError, match="keeps its 3 rows"):
        state.select(np.array([0]))
    for token in (1, 2, 3, 4):
        state.append(np.array([token] * 3))
        state.logits()
    state.append(np.array([1] * 3))
    with pytest.raises(SamplerError, match="does not fit max_length=8"):
        state.logits()


@pytest.mark.parametrize(
    "warp",
    [
        Warp(),
        Warp(temperature=0.7),
        Warp(top_k=5),
        Warp(top_p=0.6),
        Warp(min_p=0.3),
        Warp(temperature=1.7, top_k=9, top_p=0.8, min_p=0.1),
    ],
    ids=str,
)
def test_warps_are_those_of_transformers(warp: Warp) -> None:
    """Same kept tokens, same law, in the same order of steps."""
    scores = torch.randn(20, 50, generator=torch.Generator().manual_seed(1)) * 3
    config = transformers.GenerationConfig(
        do_sample=True,
        temperature=warp.temperature,
        top_k=warp.top_k or 0,
        top_p=warp.top_p or 1.0,
        min_p=warp.min_p,
    )
    assert Warp.from_generation_config(config).apply(scores).equal(warp.apply(scores))
    expected = scores
    if warp.temperature != 1:
        expected = transformers.TemperatureLogitsWarper(warp.temperature)(None, expected)
    if warp.top_k:
        expected = transformers.TopKLogitsWarper(warp.top_k)(None, expected)
    if warp.top_p:
        expected = transformers.TopPLogitsWarper(warp.top_p)(None, expected)
    if warp.min_p:
        expected = transformers.MinPLogitsWarper(warp.min_p)(None, expected)
    torch.testing.assert_close(warp.apply(scores), expected)


def test_a_generation_config_is_read_whole_or_refused() -> None:
    """The default top_k of 50 is named; what is no warp is refused by name."""
    config = transformers.GenerationConfig(do_sample=True)
    config.top_k = 50
    assert Warp.from_generation_config(config).top_k == 50
    with pytest.raises(UnsupportedCall, match=r"repetition_penalty=1\.2.*min_new_tokens=3|min_new_tokens"):
        Warp.from_generation_config(transformers.GenerationConfig(repetition_penalty=1.2, min_new_tokens=3))
    assert Warp.from_generation_config(transformers.GenerationConfig(top_k=3)).is_neutral  # greedy reads no top_k


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}, {"min_p": 2.0}])
def test_warps_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SamplerError):
        Warp(**wrong)


def test_identity_follows_weights_and_warp() -> None:
    """Keys of saved tries: another weight or warp is another model."""
    one, same = HuggingFaceModel(tiny.new_model(0)), HuggingFaceModel(tiny.new_model(0))
    assert one.identity == same.identity
    assert one.identity != HuggingFaceModel(tiny.new_model(0), warp=Warp(temperature=0.5)).identity
    changed = tiny.new_model(0)
    with torch.no_grad():
        changed.model.embed_tokens.weight[3, 4] += 1e-3
    assert HuggingFaceModel(changed).identity != one.identity


def test_wrong_arguments_are_refused() -> None:
    bare = network("llama")
    with pytest.raises(SamplerError, match="static cache"):
        HuggingFaceModel(bare, cache="static")
    model = HuggingFaceModel(bare)
    with pytest.raises(SamplerError, match="without a tokenizer"):
        model.encode(["a text"])
    with pytest.raises(SamplerError, match="zeros on the left"):
        model.prefill(torch.ones(1, 2, dtype=torch.int64), torch.tensor([[1, 0]]))
    with pytest.raises(SamplerError, match="no tokens"):
        model.prefill(torch.ones(1, 2, dtype=torch.int64), torch.tensor([[0, 0]]))
    state = model.prefill(torch.ones(1, 2, dtype=torch.int64))
    with pytest.raises(SamplerError, match="need as many tokens"):
        state.append(np.array([1, 2]))


def test_the_embedded_model() -> None:
    """It has a tokenizer, a vocabulary of its own width, and eos ids."""
    model = embedded_model(warp=Warp(temperature=0.8))
    assert model.vocabulary.logits_width == model.vocabulary_size
    assert tuple(model.vocabulary.eos_token_ids) == model.eos_token_ids
    state = model.prefill(*model.encode(["", "Instruction: Write a name.\nAnswer:\n"]), particles=2)
    assert state.logits().shape == (4, model.vocabulary_size)
    assert state.logits().dtype == torch.float32


def test_tables_follow_the_protocol() -> None:
    """Rows, counters, zeros and warps of the exact model."""
    model = TableModel.random(4, seed=1, exponent=2, zeros=0.5)
    assert sum(model.probabilities((1, 2))) == Fraction(1)
    state = model.prefill(torch.zeros(2, 0, dtype=torch.int64), particles=2)
    state.append(np.array([0, 1, 2, -1]))
    other = state.fork(np.array([1, 1]))
    state.select(np.array([2, 0]))
    assert state.logits().dtype == torch.float64
    for row, token in enumerate((2, 0)):
        law = [float(value) for value in model.probabilities((token,))]
        assert torch.softmax(state.logits(), 1)[row].tolist() == pytest.approx(law, abs=1e-15)
    assert (state.forward_passes, state.model_calls) == (2, 2 + 2)
    assert other.logits()[0].equal(other.logits()[1])
    cold = TableModel(lambda _: [0.5, 0.25, 0.25], 3, [2], warp=Warp(temperature=0.5))
    law = torch.softmax(cold.prefill(torch.zeros(1, 0, dtype=torch.int64)).logits(), 1)[0]
    assert law.tolist() == pytest.approx([4 / 6, 1 / 6, 1 / 6])
    with pytest.raises(SamplerError, match="no law"):
        TableModel(lambda _: [0.5, 0.4], 2, [1]).prefill(torch.zeros(1, 0, dtype=torch.int64)).logits()
