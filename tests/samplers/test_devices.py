"""Every sampler on every device: the same noise, texts of the language, weights that the CPU agrees with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import grammarlib as gl
from samplers import (
    AlignedProcessor,
    AlignedSampling,
    CompiledPotential,
    FromFunction,
    HuggingFaceModel,
    MarkovChains,
    MaskedSampling,
)
from samplers.noise import device_uniforms, stream_keys, uniforms
from samplers.potentials import LanguageModelPotential
from tests.samplers import tiny

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def source() -> Any:
    vocabulary = gl.Vocabulary(tiny.vocabulary().tokens, tiny.vocabulary().eos_token_ids, logits_width=tiny.WIDTH)
    return gl.compile(gl.Regex("(ab|ba|c){1,3};"), vocabulary)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("storage", ["dynamic", "static"])
def test_samplers_on_a_device(device: str, storage: Any) -> None:
    """Masked, aligned and Markov chain samples, with a black box and another model on the same device."""
    bare = tiny.new_model(5).to(device)
    model = HuggingFaceModel(bare, cache=storage, max_length=32 if storage == "static" else None)
    assert model.device.type == device
    compiled = source()
    other = LanguageModelPotential(HuggingFaceModel(bare), compiled.vocabulary, torch.tensor([3, 4]))
    potential = (
        CompiledPotential(compiled)
        * other**0.1
        * FromFunction(compiled.vocabulary, complete=lambda text: "cc" not in text)
    )
    prompts = [tiny.ids("xy"), tiny.ids("z")]
    results = MaskedSampling(model, potential, n=4, max_tokens=7).sample(prompts, 1)
    results += AlignedSampling(model, potential, batch=4, max_tokens=7).sample(prompts, 8, 1)
    results += MarkovChains(model, CompiledPotential(compiled), n=3, max_tokens=7).sample(prompts, 2, 1)
    for samples in results:
        assert samples.posterior()
        assert all(compiled.accepts(text) for text in samples.posterior())


@pytest.mark.parametrize("device", DEVICES)
def test_weights_agree_with_the_cpu(device: str) -> None:
    """The same seed gives the same texts with the same weights, up to rounding; so does the processor in generate."""
    compiled = source()
    prompts = [tiny.ids("xy")]
    results = []
    for place in (device, "cpu"):
        model = HuggingFaceModel(tiny.new_model(5).to(place))
        results += MaskedSampling(model, CompiledPotential(compiled), n=8, max_tokens=7).sample(prompts, 1)
    there, here = results
    same = [row for row in range(8) if there.token_ids[row] == here.token_ids[row]]
    assert len(same) >= 6  # rounding may move a draw
    assert there.log_weights[same] == pytest.approx(here.log_weights[same], abs=1e-3)
    processor = AlignedProcessor(compiled, tiny.new_model(5).to(device), max_tokens=7, seed=1)
    with processor:
        ids = tiny.encode("xy")
        sequences = processor._model.model.generate(
            **{name: tensor.to(device) for name, tensor in ids.items()},
            max_new_tokens=8,
            logits_processor=[processor],
        )
        [drawn] = processor.finish(sequences)
    assert all(compiled.accepts(text) for text in drawn.texts)


@pytest.mark.parametrize("device", DEVICES)
def test_noise_is_that_of_the_host(device: str) -> None:
    """Bit for bit."""
    keys = stream_keys(3, np.arange(100))
    there = device_uniforms(torch.from_numpy(keys).to(device), 50).cpu().numpy()
    assert np.array_equal(there, uniforms(keys, 50))
