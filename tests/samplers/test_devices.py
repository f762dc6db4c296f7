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
    aligned_generate,
    awrs_generate,
    smc_generate,
)
from samplers.bytes import ByteModel
from samplers.noise import device_uniforms, stream_keys, uniforms
from samplers.potentials import LanguageModelPotential
from samplers.smc import SMC
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


@pytest.mark.gpu
@pytest.mark.parametrize("storage", ["dynamic", "static"])
def test_checked_particles_agree_with_the_cpu(storage: Any) -> None:
    """SMC with a black box that refuses prefixes: candidates, weights, ancestors and copied cache rows."""
    compiled = source()
    potential = CompiledPotential(compiled) * FromFunction(
        compiled.vocabulary, prefix=lambda text: not text.endswith("cc")
    )
    results = []
    for place in ("cuda", "cpu"):
        bare = tiny.new_model(5).to(place)
        model = HuggingFaceModel(bare, cache=storage, max_length=32 if storage == "static" else None)
        algorithm = SMC(model, potential, n=32, max_tokens=7, ess_threshold=0.9)
        results.append(algorithm.run([tiny.ids("xy"), tiny.ids("z")], 1))
    for there, here in zip(*results, strict=True):
        assert all(compiled.accepts(text) and "cc" not in text for text in there.posterior())
        assert there.log_evidence == pytest.approx(here.log_evidence, abs=1e-2)
        assert there.statistics.constraint_checks == pytest.approx(here.statistics.constraint_checks, rel=0.1)


@pytest.mark.parametrize("device", DEVICES)
def test_samplers_inside_generate_on_a_device(device: str) -> None:
    """Sequences and weights come back where the model is."""
    compiled = source()
    model = tiny.new_model(5).to(device)
    inputs = {name: tensor.to(device) for name, tensor in tiny.encode("xy", "z").items()}
    for how in (awrs_generate, smc_generate, aligned_generate):
        output = model.generate(
            **inputs,
            custom_generate=how,
            constraint=compiled,
            do_sample=True,
            num_return_sequences=4,
            max_new_tokens=8,
            seed=5,
        )
        assert output.sequences.device.type == device
        assert all(compiled.accepts(text) for samples in output.samples for text in samples.posterior())


@pytest.mark.gpu
def test_bytes_on_a_device() -> None:
    """The law of the next byte, with a model on the device, is that of the CPU."""
    laws = []
    for place in ("cuda", "cpu"):
        state = ByteModel(HuggingFaceModel(tiny.new_model(5).to(place)), tiny.vocabulary()).start(tiny.ids("xy"))
        assert state.advance_all(b"ab") == 2
        laws.append(np.exp(state.next_log_probs()))
    np.testing.assert_allclose(laws[0], laws[1], atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_noise_is_that_of_the_host(device: str) -> None:
    """Bit for bit."""
    keys = stream_keys(3, np.arange(100))
    there = device_uniforms(torch.from_numpy(keys).to(device), 50).cpu().numpy()
    assert np.array_equal(there, uniforms(keys, 50))
