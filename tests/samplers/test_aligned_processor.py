"""Aligned decoding in plain `generate`: the same draws, weights and trie as the loop of our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

import grammarlib as gl
import samplers.aligned
from samplers.aligned import AlignedSampling
from samplers.aligned_processor import AlignedProcessor
from samplers.errors import SamplerError, UnsupportedCall
from samplers.models import HuggingFaceModel, Warp
from samplers.potentials import CompiledPotential, FromFunction, Potential
from tests.samplers import tiny


def source(pattern: str = "(ab|ba|c){1,3};") -> Any:
    vocabulary = gl.Vocabulary(tiny.vocabulary().tokens, tiny.vocabulary().eos_token_ids, logits_width=tiny.WIDTH)
    return gl.compile(gl.Regex(pattern), vocabulary)


def forced_by(processor: AlignedProcessor, texts: list[list[int]]) -> Any:
    """Replaces the loop's draw by what the processor drew."""
    step = iter(range(1000))
    ends = sorted(processor.potential.vocabulary.eos_token_ids)

    def chosen(scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        now = next(step)
        return torch.tensor([text[now] if now < len(text) else ends[0] for text in texts])

    return chosen


@pytest.mark.parametrize("arguments", [{"do_sample": True}, {"do_sample": False}, {"do_sample": True, "top_k": 0}])
def test_the_processor_is_the_loop(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of the processor's texts, and the trie after them, are those of `AlignedSampling` on the same texts."""
    model, compiled = tiny.model(), source()
    warp = Warp(temperature=1.5)
    loop = AlignedSampling(HuggingFaceModel(model, warp=warp), CompiledPotential(compiled), batch=5, max_tokens=7)
    processor = AlignedProcessor(compiled, model, max_tokens=7, warp=warp, seed=4)
    prompt = tiny.encode(*["xy"] * 5)
    state = loop.init([tiny.ids("xy")], 0)
    for _ in range(4):
        with processor:
            sequences = model.generate(**prompt, max_new_tokens=8, logits_processor=[processor], **arguments)
            [samples] = processor.finish(sequences)
        assert samples.is_finished.all()
        assert tiny.texts(sequences, 2) == list(samples.texts)
        assert all(compiled.accepts(text) for text in samples.texts)
        with monkeypatch.context() as patched:
            patched.setattr(samplers.aligned, "draw", forced_by(processor, [list(row) for row in samples.token_ids]))
            state, info = loop.step(state)
        assert samples.log_weights == pytest.approx(info.log_weights, abs=1e-5)
        root = processor.trie.log_future(np.array([0]))[0]
        assert root == pytest.approx(loop.trie.log_future(np.array([0]))[0], abs=1e-5)
        assert len(processor.trie) == len(loop.trie)


def test_the_empty_text_has_its_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the loop: a potential's weight of the empty text multiplies all weights; of weight 0, rows end at once."""
    model, compiled = tiny.model(), source()
    tilted = FromFunction(compiled.vocabulary, prefix=lambda text: -1.5 - 0.1 * len(text))
    potential = CompiledPotential(compiled) * tilted
    prompt = tiny.encode(*["xy"] * 3)
    processor = AlignedProcessor(potential, model, max_tokens=7, seed=4)
    with processor:
        sequences = model.generate(**prompt, max_new_tokens=8, do_sample=True, logits_processor=[processor])
        [samples] = processor.finish(sequences)
    loop = AlignedSampling(HuggingFaceModel(model), potential, batch=3, max_tokens=7)
    monkeypatch.setattr(samplers.aligned, "draw", forced_by(processor, [list(row) for row in samples.token_ids]))
    _, info = loop.step(loop.init([tiny.ids("xy")], 0))
    assert samples.log_weights == pytest.approx(info.log_weights, abs=1e-5)
    assert samples.log_weights.max() < -1.5
    nothing = FromFunction(compiled.vocabulary, prefix=lambda text: False)
    with AlignedProcessor(nothing, model, max_tokens=7, seed=4) as processor:
        sequences = model.generate(**prompt, max_new_tokens=8, do_sample=True, logits_processor=[processor])
        [samples] = processor.finish(sequences)
    assert samples.log_weights.tolist() == [-np.inf] * 3
    assert samples.texts == ("",) * 3


def test_other_draws_follow_in_the_next_call() -> None:
    """One seed numbers the rows over calls: the second call does not repeat the first; a new processor does."""
    model, compiled = tiny.model(), source()

    def run(calls: int) -> list[tuple[str, ...]]:
        processor = AlignedProcessor(compiled, model, max_tokens=7, seed=1)
        found = []
        for _ in range(calls):
            with processor:
                sequences = model.generate(
                    **tiny.encode("x"),
                    max_new_tokens=8,
                    num_return_sequences=4,
                    do_sample=True,
                    logits_processor=[processor],
                )
                found.append(processor.finish(sequences)[0].texts)
        return found

    first, second = run(2)
    assert first != second
    assert run(1) == [first]


def test_several_prompts_and_padding() -> None:
    """Each prompt has its own samples, whose evidence is that of the loop."""
    model, compiled = tiny.model(), source("(a|b);")
    processor = AlignedProcessor(compiled, model, max_tokens=3, seed=2)
    with processor:
        sequences = model.generate(
            **tiny.encode("x", "yyyy"),
            max_new_tokens=4,
            num_return_sequences=3,
            do_sample=True,
            logits_processor=[processor],
        )
        results = processor.finish(sequences)
    assert [len(samples) for samples in results] == [3, 3]
    loop = AlignedSampling(HuggingFaceModel(model), CompiledPotential(compiled), max_tokens=3)
    expected = loop.sample([tiny.ids("x"), tiny.ids("yyyy")], 64, 3)
    weights: list[dict[str, float]] = []
    for samples in (*results, *expected):
        weights.append({text: float(weight) for text, weight in zip(samples.texts, samples.log_weights, strict=True)})
    assert set(weights[0]) <= {"a;", "b;"}
    assert [samples.statistics.proposals for samples in results] == [3, 3]


def test_dead_ends_end_and_weigh_nothing() -> None:
    """A black box refuses every text but one: refused rows are ended by eos, and the trie learns."""
    compiled = source("[ab];")
    potential: Potential = CompiledPotential(compiled) * FromFunction(
        compiled.vocabulary, complete=lambda text: text == "a;"
    )
    model = tiny.model()
    processor = AlignedProcessor(potential, model, max_tokens=3, seed=5)
    alive = []
    for _ in range(3):
        with processor:
            sequences = model.generate(
                **tiny.encode("x"),
                max_new_tokens=4,
                num_return_sequences=8,
                do_sample=True,
                logits_processor=[processor],
            )
            [samples] = processor.finish(sequences)
        alive.append(int(samples.is_finished.sum()))
        assert set(samples.posterior()) <= {"a;"}
        assert ((samples.log_weights > -np.inf) == samples.is_finished).all()
    assert alive[0] < 8
    assert alive[-1] == 8


def test_an_output_object_and_a_loop_of_ones_own() -> None:
    model, compiled = tiny.model(), source()
    processor = AlignedProcessor(compiled, model, max_tokens=7, seed=1)
    with processor:
        output = model.generate(
            **tiny.encode("x"), max_new_tokens=8, logits_processor=[processor], return_dict_in_generate=True
        )
        [expected] = processor.finish(output)
    other = AlignedProcessor(compiled, model, max_tokens=7, seed=1)
    ids = tiny.encode("x")["input_ids"]
    with torch.inference_mode(), other:
        for _ in range(8):
            scores = model(ids).logits[:, -1]
            again = other(ids, scores)
            chosen = other(ids, scores).argmax(dim=1)  # an extra call changes nothing
            assert chosen.equal(again.argmax(dim=1))
            ids = torch.cat([ids, chosen[:, None]], dim=1)
        [samples] = other.finish(ids)
    assert samples.texts == expected.texts
    assert samples.log_weights == pytest.approx(expected.log_weights, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"do_sample": True, "temperature": 0.5}, "asks for temperature=0.5"),
        ({"do_sample": True, "top_k": 7}, "asks for"),
        ({"do_sample": True, "top_p": 0.5}, "asks for"),
        ({"repetition_penalty": 1.3}, "repetition_penalty=1.3"),
        ({"min_new_tokens": 3}, "min_new_tokens=3"),
        ({"num_beams": 2}, "num_beams must be 1"),
        ({"max_new_tokens": 7}, "max_new_tokens=8"),
        ({"eos_token_id": 5}, "must be the same"),
    ],
)
def test_calls_with_another_target_are_refused(arguments: dict[str, Any], message: str) -> None:
    model = tiny.model()
    processor = AlignedProcessor(source(), model, max_tokens=7)
    with pytest.raises(UnsupportedCall, match=message), processor:
        model.generate(**tiny.encode("x"), **{"max_new_tokens": 8, "logits_processor": [processor], **arguments})


def test_a_warp_of_the_target_may_be_said_twice() -> None:
    model = tiny.model()
    processor = AlignedProcessor(source(), model, max_tokens=7, warp=Warp(temperature=0.5, top_p=0.9))
    with processor:
        sequences = model.generate(
            **tiny.encode("x"),
            max_new_tokens=8,
            do_sample=True,
            temperature=0.5,
            top_p=0.9,
            logits_processor=[processor],
        )
        processor.finish(sequences)  # the text may be a dead end: top-p leaves tokens out that the language needs
    assert len(processor.trie) > 1


def test_misuse_is_refused() -> None:
    model = tiny.model()
    processor = AlignedProcessor(source(), model, max_tokens=7)
    with pytest.raises(SamplerError, match="no call to finish"), processor:
        processor.finish(torch.zeros(1, 3, dtype=torch.int64))
    with pytest.raises(SamplerError, match="not those of the last call"), processor:
        model.generate(**tiny.encode("x"), max_new_tokens=8, logits_processor=[processor])
        processor.finish(torch.zeros(1, 3, dtype=torch.int64))

    class Meddler(transformers.LogitsProcessor):  # type: ignore[misc]
        def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            return torch.full_like(scores, -torch.inf).index_fill_(1, torch.tensor([3]), 0.0)

    with pytest.raises(UnsupportedCall, match="another processor"), processor:
        model.generate(**tiny.encode("x"), max_new_tokens=8, logits_processor=[processor, Meddler()])


def test_a_call_that_is_not_finished_teaches_nothing() -> None:
    model = tiny.model()
    processor = AlignedProcessor(source(), model, max_tokens=7)
    with processor:
        model.generate(**tiny.encode("x"), max_new_tokens=8, logits_processor=[processor])
    assert len(processor.trie) == 1
    assert not processor.trie.is_visited(np.array([0]))[0]
