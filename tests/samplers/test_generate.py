"""Batched generation: what comes back, what a seed fixes, and which distribution is drawn from."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grammarlib.errors import DeadEnd
from samplers import Generation, SamplerError, generate
from samplers.generate import TokenChoice
from tests.samplers import fakes, tiny
from tests.samplers.languages import json_object, letters

PROMPTS = ["abc", "a longer prompt", "b"]


def run(prompts: Any = PROMPTS, constraints: Any = None, **arguments: Any) -> list[Generation]:
    """Generate with the tiny model."""
    arguments = {"max_new_tokens": 30, "seed": 7, **arguments}
    return generate(arguments.pop("model", tiny.model()), tiny.tokenizer(), prompts, constraints, **arguments)


def test_results_in_the_order_of_the_prompts() -> None:
    """One for each prompt and sample, each in its language, with ids that write its text."""
    languages = [letters("abc"), letters("xyz"), letters("uvw")]
    results = run(constraints=languages, num_samples=2)
    assert [(result.prompt, result.sample) for result in results] == [(p, s) for p in range(3) for s in range(2)]
    for result in results:
        assert languages[result.prompt].accepts(result.text)
        assert result.is_finished
        assert tiny.ids(result.text) == list(result.token_ids)
    assert len({result.text for result in results}) > 3


def test_json() -> None:
    """Objects of a schema, which parse into values."""
    schema = json_object()
    results = run(constraints=schema, num_samples=3, max_new_tokens=120)
    assert all(result.is_finished and schema.accepts(result.text) for result in results)
    assert {frozenset(schema.parse(result.text)) for result in results} == {frozenset(["name", "kind", "list"])}


def test_one_seed_for_any_batch() -> None:
    """The same seed gives the same texts alone, in batches and with other numbers of samples; another one does not."""
    language = letters()
    results = run(constraints=language, num_samples=2)
    assert run(constraints=language, num_samples=2) == results
    assert run(constraints=language, num_samples=2, batch_size=1) == results
    assert run(constraints=language, num_samples=2, batch_size=2) == results
    assert run(constraints=language) == [result for result in results if result.sample == 0]
    assert run(constraints=language, num_samples=2, seed=8) != results
    assert run(PROMPTS[:1], language, num_samples=2) == results[:2]


def test_the_global_generator_is_left_alone() -> None:
    """Neither read nor moved, with and without a seed."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = run(constraints=letters(), seed=None), run(constraints=letters(), seed=None)
    assert torch.equal(torch.get_rng_state(), before)
    assert [result.text for result in first] != [result.text for result in second]


def test_temperature_zero_is_greedy() -> None:
    """The likeliest token, whatever the seed."""
    language = letters()
    results = run(constraints=language, temperature=0, seed=1)
    assert results == run(constraints=language, temperature=0.0, seed=2)
    inputs = tiny.encode("abc")
    [free] = run(["abc"], temperature=0, max_new_tokens=5)
    plain = tiny.model().generate(**inputs, do_sample=False, max_new_tokens=5)
    assert list(free.token_ids) == plain[0, 3:].tolist()


def test_texts_that_are_cut_off() -> None:
    """Not finished; the ids are all there."""
    for result in run(constraints=letters(low=15), max_new_tokens=6):
        assert not result.is_finished
        assert len(result.text) == len(result.token_ids) == 6
        assert set(result.text) <= set("abc")


def test_free_prompts() -> None:
    """No constraint at all, or None for one prompt: anything, the same as alone."""
    free = run(max_new_tokens=8)
    assert all(len(result.token_ids) == 8 or result.is_finished for result in free)
    mixed = run(constraints=[None, letters(), None], max_new_tokens=8)
    assert mixed[0].token_ids == free[0].token_ids
    assert mixed[2].token_ids == free[2].token_ids
    assert set(mixed[1].text) <= set("abc;")


def test_token_ids_as_prompts() -> None:
    """Ids in place of text."""
    language = letters()
    assert run([tiny.ids("abc"), tuple(tiny.ids("b"))], language) == run(["abc", "b"], language)


def test_stop_tokens_of_the_model() -> None:
    """A special one is no text; one that writes text belongs to it."""
    model = tiny.new_model()
    semicolon = tiny.ids(";")[0]
    model.generation_config.eos_token_id = [tiny.tokenizer().eos_token_id, 300, semicolon]
    for result in run(constraints=letters(), model=model):
        assert result.is_finished
        assert letters().accepts(result.text)
        assert result.token_ids[-1] == semicolon


def test_settings_of_the_model_do_not_truncate() -> None:
    """top_k=1, penalties and beams of a generation config have no effect."""
    model = tiny.new_model()
    config = model.generation_config
    config.top_k, config.top_p, config.temperature, config.do_sample = 1, 0.1, 0.01, True
    config.repetition_penalty, config.no_repeat_ngram_size, config.num_beams, config.min_p = 5.0, 2, 2, 0.5
    assert run(constraints=letters(), model=model) == run(constraints=letters())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_draws_have_the_masked_distribution(temperature: float) -> None:
    """Frequencies of 4000 draws of one token: within 5 standard errors of softmax (false alarms: below 1 in 10^4)."""
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(1, 12, generator=generator)
    scores[0, ::3] = -torch.inf
    draws = 4000
    uniforms = torch.rand(draws, 1, dtype=torch.float64, generator=generator)
    chosen = TokenChoice(uniforms, temperature, 2)(torch.zeros(draws, 2, dtype=torch.long), scores.expand(draws, -1))
    assert (torch.isfinite(chosen).sum(dim=1) == 1).all()
    probabilities = (scores[0].double() / temperature).softmax(dim=0)
    frequencies = torch.bincount(chosen.argmax(dim=1), minlength=12) / draws
    error = (probabilities * (1 - probabilities) / draws).sqrt()
    assert ((frequencies - probabilities).abs() <= 5 * error + 1e-12).all()
    assert (frequencies[::3] == 0).all()


def test_the_ends_of_the_unit_interval() -> None:
    """The smallest and the largest uniform number still draw a possible token, even one that was rounded up to 1."""
    scores = torch.tensor([[-torch.inf, 1.0, 0.0, -torch.inf]] * 3)
    uniforms = torch.tensor([[0.0], [1.0 - 2.0**-53], [1.0]], dtype=torch.float64)
    chosen = TokenChoice(uniforms, 1.0, 1)(torch.zeros(3, 1, dtype=torch.long), scores)
    assert chosen.argmax(dim=1).tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompts": "abc"}, "list of texts"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"max_new_tokens": 0}, "at least 1"),
        ({"num_samples": 0}, "at least 1"),
        ({"batch_size": 0}, "at least 1"),
        ({"constraints": []}, "0 constraints for 3 prompts"),
        ({"prompts": ["abc", ""]}, "prompt 1 has no tokens"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], message: str) -> None:
    """Refused before anything is generated."""
    with pytest.raises(SamplerError, match=message):
        run(**arguments)


def test_no_prompts() -> None:
    """Nothing in, nothing out."""
    assert run([], letters()) == []


def test_dead_ends() -> None:
    """The policy is the processor's."""
    unwritable = fakes.words(tiny.vocabulary_without("€"), "é€".encode())
    with pytest.raises(DeadEnd):
        run(["abc"], unwritable)
    [result] = run(["abc"], unwritable, on_dead_end="eos")
    assert result.is_finished and not unwritable.accepts(result.text)
