"""Samplers inside ``model.generate``: rows, padding, pipelines, streams, and what must not be part of the target."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from samplers import MaskProcessor
from samplers.custom_generate import WeightedGenerateOutput, aligned_generate, awrs_generate, smc_generate
from samplers.errors import SamplerError, UnsupportedCall
from samplers.models import HuggingFaceModel, Warp
from samplers.potentials import CompiledPotential, FromFunction
from samplers.smc import SMC, SMCInfo, SMCState
from samplers.trie import AlignedTrie
from tests.samplers import tiny
from tests.samplers.languages import letters

CALLABLES = [awrs_generate, smc_generate, aligned_generate]
PROMPTS = ["ab", "a longer prompt"]


def generate(how: Any, prompts: Any = PROMPTS, **arguments: Any) -> WeightedGenerateOutput:
    """One call with the tiny model."""
    settings = {
        "constraint": letters("abc", 2, 5),
        "do_sample": True,
        "num_return_sequences": 4,
        "max_new_tokens": 8,
        "seed": 5,
        **arguments,
    }
    return tiny.model().generate(**tiny.encode(*prompts), custom_generate=how, **settings)


@pytest.mark.parametrize("how", CALLABLES)
def test_rows_as_generate_orders_them(how: Any) -> None:
    """Prompt first, padded on the left; text, eos, padding; weights for each row, estimates for each prompt."""
    output = generate(how)
    inputs = tiny.encode(*PROMPTS)["input_ids"]
    assert isinstance(output, transformers.utils.ModelOutput)
    start = inputs.shape[1]
    assert torch.equal(output.sequences[:, :start], inputs.repeat_interleave(4, dim=0))
    texts = tiny.tokenizer().batch_decode(output.sequences[:, start:], skip_special_tokens=True)
    assert tuple(texts) == output.samples[0].texts + output.samples[1].texts
    assert all(letters("abc", 2, 5).accepts(text) for text in texts)
    assert output.is_finished.all() and output.log_weights.shape == (8,)
    np.testing.assert_array_equal(output.log_weights[4:].numpy(), output.samples[1].log_weights)
    for name in ("log_evidence", "log_evidence_error", "ess"):
        values = [getattr(sample, name) for sample in output.samples for _ in range(4)]
        np.testing.assert_array_equal(output[name].numpy(), np.array(values, dtype=np.float64))
    eos = tiny.tokenizer().eos_token_id
    assert ((output.sequences[:, start:] == eos).sum(dim=1) >= 1).all()


@pytest.mark.parametrize("how", CALLABLES)
def test_a_prompt_alone_and_in_a_batch(how: Any) -> None:
    """The same seed, the same texts; another seed, other ones."""
    together = generate(how).samples
    for number, prompt in enumerate(PROMPTS):
        alone = generate(how, [prompt]).samples[0]
        assert alone.texts == together[number].texts
        np.testing.assert_allclose(alone.log_weights, together[number].log_weights, atol=1e-4)
    assert generate(how, seed=6).samples[0].texts != together[0].texts


def test_it_is_the_sampler_itself() -> None:
    """``smc_generate`` gives what `SMC` gives for the same prompts and seed; awrs is the one without resampling."""
    model = HuggingFaceModel(tiny.model(), tiny.tokenizer())
    potential = CompiledPotential(letters("abc", 2, 5))
    critic = FromFunction(tiny.vocabulary(), prefix=lambda text: 0.7 * text.count("b"))
    expected = SMC(model, potential, critic=critic, n=4, max_tokens=8, ess_threshold=0.9).run(PROMPTS, 5)
    found = generate(smc_generate, critic=critic, ess_threshold=0.9).samples
    assert [one.texts for one in found] == [one.texts for one in expected]
    plain = SMC(model, potential, n=4, max_tokens=8, ess_threshold=0.0).run(PROMPTS, 5)
    assert [one.texts for one in generate(awrs_generate).samples] == [one.texts for one in plain]


def test_black_boxes() -> None:
    """A predicate of texts, with few checks."""
    vocabulary = tiny.vocabulary()
    even = FromFunction(vocabulary, complete=lambda text: text.count("b") % 2 == 0)
    output = generate(awrs_generate, constraint=CompiledPotential(letters("abc", 2, 5)) * even)
    alive = output.log_weights > -math.inf
    texts = [text for sample in output.samples for text in sample.texts]
    assert alive.any()
    assert all(text.count("b") % 2 == 0 for text, one in zip(texts, alive.tolist(), strict=True) if one)
    assert all(sample.statistics.constraint_checks > 0 for sample in output.samples)


def test_the_default_top_k_is_no_part_of_the_target() -> None:
    """The evidence is that of the whole law; with warp='config' that of the 50 likeliest tokens."""
    arguments: dict[str, Any] = {"num_return_sequences": 64, "prompts": ["ab"]}
    language = letters("".join(chr(code) for code in range(32, 96) if chr(code) not in "-]\\^["), 1, 1)
    whole = generate(awrs_generate, constraint=language, **arguments)
    assert whole.warp == str(Warp())
    law = torch.softmax(tiny.model()(tiny.encode("ab")["input_ids"]).logits[0, -1].double(), dim=0)
    assert (law > 0).sum() > 50
    firsts = {sample_ids[0] for sample_ids in whole.samples[0].token_ids}
    fifty = set(law.topk(50).indices.tolist())
    assert not firsts <= fifty
    cut = generate(awrs_generate, constraint=language, warp="config", **arguments)
    assert cut.warp == str(Warp(top_k=50, top_p=1.0))
    drawn = zip(cut.samples[0].token_ids, cut.log_weights.tolist(), strict=True)
    assert {ids[0] for ids, weight in drawn if weight > -math.inf} <= fifty
    hot = generate(awrs_generate, temperature=0.5, **arguments)
    assert hot.warp == str(Warp(temperature=0.5))
    own = generate(awrs_generate, temperature=0.5, warp=Warp(temperature=2.0, top_p=0.9), **arguments)
    assert own.warp == str(Warp(temperature=2.0, top_p=0.9))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"top_k": 7}, "top_k=7"),
        ({"top_p": 0.5}, "top_p=0.5"),
        ({"min_p": 0.1}, "min_p=0.1"),
        ({"repetition_penalty": 1.5}, "repetition_penalty"),
        ({"min_new_tokens": 2}, "min_new_tokens"),
        ({"do_sample": False, "num_return_sequences": 1}, "do_sample"),
        ({"num_beams": 2, "num_return_sequences": 2}, "num_beams"),
        ({"max_time": 3.0}, "MaxTimeCriteria"),
        ({"logits_processor": [MaskProcessor(letters())]}, "MaskProcessor"),
        ({"output_scores": True, "return_dict_in_generate": True}, "output_scores"),
        ({"cache_implementation": "offloaded"}, "offloaded"),
        ({"num_return_sequences": 1, "prompts": ["a"], "assistant_model": tiny.new_model(1)}, "assistant_model"),
    ],
)
@pytest.mark.parametrize("how", CALLABLES)
def test_what_would_be_ignored_is_refused(how: Any, arguments: dict[str, Any], name: str) -> None:
    """Named in the message."""
    with pytest.raises(UnsupportedCall, match=name):
        generate(how, **arguments)


def test_all_of_it_is_named_at_once() -> None:
    """Not one error after another."""
    with pytest.raises(UnsupportedCall) as caught:
        generate(smc_generate, top_p=0.5, max_time=1.0, logits_processor=[MaskProcessor(letters())])
    for name in ("top_p", "MaxTimeCriteria", "MaskProcessor"):
        assert name in str(caught.value)


def test_static_caches() -> None:
    """The same texts as with a cache that grows."""
    dynamic = generate(smc_generate, ess_threshold=1.0)
    static = generate(smc_generate, ess_threshold=1.0, cache_implementation="static")
    assert [one.texts for one in static.samples] == [one.texts for one in dynamic.samples]


@pytest.mark.skipif(
    tuple(map(int, transformers.__version__.split(".")[:2])) < (5, 23),
    reason="pipelines of transformers before 5.23 cannot batch outputs that are no tensors",
)
def test_pipelines() -> None:
    """Texts through a pipeline; a smaller last batch."""
    pipe = transformers.pipeline("text-generation", model=tiny.model(), tokenizer=tiny.tokenizer())
    answers = pipe(
        ["a", "b", "c"],
        batch_size=2,
        custom_generate=smc_generate,
        constraint=letters("abc", 2, 5),
        do_sample=True,
        num_return_sequences=2,
        max_new_tokens=8,
        return_full_text=False,
        seed=1,
    )
    assert [len(answer) for answer in answers] == [2, 2, 2]
    for answer in answers:
        for one in answer:
            assert letters("abc", 2, 5).accepts(one["generated_text"])
            assert one["log_evidence"] == answer[0]["log_evidence"]
            assert one["log_weights"] <= 0


class Stream(transformers.generation.streamers.BaseStreamer):  # type: ignore[misc,unused-ignore]
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.ended = 0

    def put(self, value: torch.Tensor) -> None:
        self.tokens += value.flatten().tolist()

    def end(self) -> None:
        self.ended += 1


def test_streaming() -> None:
    """One row is streamed, prompt first as ``generate`` does; several are shown to a callback."""
    stream = Stream()
    output = generate(smc_generate, ["ab"], num_return_sequences=1, streamer=stream)
    assert stream.tokens == output.sequences[0].tolist()
    assert stream.ended == 1
    with pytest.raises(UnsupportedCall, match="streamer"):
        generate(smc_generate, ["ab"], streamer=Stream())
    with pytest.raises(UnsupportedCall, match="streamer"):
        generate(aligned_generate, ["ab"], num_return_sequences=1, streamer=Stream())
    steps: list[int] = []

    def note(state: SMCState, info: SMCInfo) -> None:
        steps.append(info.step)

    both = Stream()
    generate(awrs_generate, ["ab"], num_return_sequences=1, streamer=both, callback=note)
    assert both.ended == 1
    assert steps == list(range(len(steps))) and steps


def test_tries_go_on() -> None:
    """A trie given to several calls knows more each time; modes are those of the sampler."""
    trie = AlignedTrie()
    first = generate(aligned_generate, ["ab"], trie=trie, num_return_sequences=16)
    second = generate(aligned_generate, ["ab"], trie=trie, num_return_sequences=16, seed=6)
    assert second.log_weights.std() <= first.log_weights.std() + 1e-12
    exact = generate(aligned_generate, ["ab"], mode="cars", num_return_sequences=3)
    assert exact.sequences.shape[0] == 3
    assert exact.log_weights.max() == exact.log_weights.min()


def test_lengths() -> None:
    """``max_length`` counts the prompt; a limit that cuts every text gives weights of 0; budget='close' closes them."""
    inputs = tiny.encode(*PROMPTS)["input_ids"]
    output = generate(smc_generate, max_new_tokens=None, max_length=inputs.shape[1] + 4)
    assert max(len(ids) for sample in output.samples for ids in sample.token_ids) <= 4
    long = letters("abc", 6, 9)
    assert (generate(smc_generate, constraint=long, max_new_tokens=3).log_weights == -math.inf).all()
    closed = generate(smc_generate, constraint=long, max_new_tokens=7, budget="close")
    assert closed.is_finished.all()


def test_errors() -> None:
    """Arguments of ours that do not fit."""
    with pytest.raises(SamplerError):
        generate(smc_generate, warp="none")
    with pytest.raises(SamplerError):
        generate(smc_generate, resampling="best")
    with pytest.raises(TypeError):
        tiny.model().generate(**tiny.encode("a"), custom_generate=smc_generate, do_sample=True, max_new_tokens=2)
