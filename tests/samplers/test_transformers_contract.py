"""What ``transformers`` asks of a logits processor, one test for each way of calling ``generate``.

The reference is `Replay`, which reads every row from the start at every step and remembers nothing.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from grammarlib.errors import DeadEnd
from samplers import ConstraintMismatch, MaskProcessor, UnsupportedCall
from tests.samplers import tiny
from tests.samplers.languages import choice, json_object, letters

PROMPTS = ("abc", "a longer prompt")
LONGEST = 22  # of a text of letters() with its end


class Replay:
    """The mask of each row, from its first generated id on, for a batch with one constraint a row."""

    def __init__(self, constraints: list[Any], start: int) -> None:
        self.constraints = constraints
        self.start = start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        masked = torch.full_like(scores, -torch.inf)
        for row, constraint in enumerate(self.constraints):
            matcher = constraint.matcher()
            tokens = input_ids[row, self.start :].tolist()
            if all(matcher.accept_token(token) for token in tokens):
                words = np.zeros((1, (constraint.vocabulary.logits_width + 31) // 32), dtype=np.int32)
                matcher.fill_bitmask(words, 0)
                allowed = [t for t in range(constraint.vocabulary.logits_width) if words[0, t // 32] >> (t % 32) & 1]
            else:
                allowed = list(constraint.vocabulary.eos_token_ids)
            masked[row, allowed] = scores[row, allowed]
        return masked


def generate(processor: Any, *prompts: str, model: Any = None, seed: int = 0, **arguments: Any) -> list[str]:
    """The generated texts of a batch."""
    inputs = tiny.encode(*(prompts or PROMPTS))
    arguments = {"do_sample": False, "max_new_tokens": 30, **arguments}
    torch.manual_seed(seed)
    sequences = (model or tiny.model()).generate(**inputs, logits_processor=[processor], **arguments)
    return tiny.texts(sequences, inputs["input_ids"].shape[1])


def test_greedy_with_left_padding() -> None:
    """A batch of prompts of different lengths."""
    language = letters()
    texts = generate(MaskProcessor(language))
    assert texts == generate(Replay([language] * 2, len("a longer prompt")))
    assert all(language.accepts(text) for text in texts)


@pytest.mark.parametrize(
    "arguments",
    [{"num_beams": 3}, {"do_sample": True}, {"assistant_model": True}, {"prompt_lookup_num_tokens": 3}],
)
def test_json_schema(arguments: dict[str, Any]) -> None:
    """A grammar with a stack and escapes through the modes that move rows and take tokens back."""
    schema = json_object()
    if "assistant_model" in arguments:
        arguments = {"assistant_model": tiny.new_model(1)}
    processor = MaskProcessor(schema, model=tiny.model())
    for prompt in ('{"name"', "x"):
        [text] = generate(processor, prompt, max_new_tokens=120, **arguments)
        assert schema.accepts(text)
        if not arguments.get("do_sample") and not arguments.get("num_beams"):
            assert [text] == generate(MaskProcessor(schema), prompt, max_new_tokens=120)


@pytest.mark.parametrize("arguments", [{}, {"do_sample": True}, {"num_beams": 3}, {"do_sample": True, "num_beams": 2}])
def test_one_instance_serves_many_calls(arguments: dict[str, Any]) -> None:
    """The second call, and one with another prompt, give what a new instance gives."""
    language = letters()
    processor = MaskProcessor(language)
    for prompts in (PROMPTS, PROMPTS, ("abd",), ("x", "y", "z"), PROMPTS):
        texts = generate(processor, *prompts, **arguments)
        assert texts == generate(MaskProcessor(language), *prompts, **arguments)
        assert all(language.accepts(text) for text in texts)


def test_a_prompt_that_looks_like_the_next_step() -> None:
    """The second prompt is the first one and its first generated tokens: its own text still starts at its end."""
    language = choice("aab", "aba", "baa", "bab")
    processor = MaskProcessor(language)
    [first] = generate(processor, "x")
    for length in (1, 2, 3):
        prompt = "x" + first[:length]
        assert generate(processor, prompt) == generate(MaskProcessor(language), prompt)


def test_a_prompt_that_is_the_last_text() -> None:
    """A text that was cut off becomes the next prompt: a new text starts behind it, or where ``prompt_length`` says."""
    language = letters()
    processor = MaskProcessor(language)
    [cut] = generate(processor, "x", max_new_tokens=5)
    assert generate(processor, "x" + cut) == generate(MaskProcessor(language), "x" + cut)
    [rest] = generate(MaskProcessor(language, prompt_length=1), "x" + cut)
    assert language.accepts(cut + rest)


@pytest.mark.parametrize("returned", [1, 3])
def test_beams(returned: int) -> None:
    """Rows change places at every step."""
    language = letters()
    texts = generate(MaskProcessor(language), num_beams=3, num_return_sequences=returned)
    assert texts == generate(Replay([language] * 6, 15), num_beams=3, num_return_sequences=returned)
    assert len(texts) == 2 * returned
    assert all(language.accepts(text) for text in texts)


def test_beams_with_a_constraint_for_each_prompt() -> None:
    """Beams of one prompt never take the constraint of the other."""
    languages = [letters("abc"), letters("xyz")]
    texts = generate(MaskProcessor(languages), num_beams=4, num_return_sequences=4)
    assert all(languages[row // 4].accepts(text) for row, text in enumerate(texts))


def test_several_samples_with_a_constraint_for_each_prompt() -> None:
    """Row r belongs to prompt r // n."""
    languages = [letters("abc"), letters("xyz")]
    texts = generate(MaskProcessor(languages), num_return_sequences=3, do_sample=True)
    assert all(languages[row // 3].accepts(text) for row, text in enumerate(texts))
    assert len(set(texts)) > 2


def test_none_leaves_a_prompt_free() -> None:
    """The free prompt writes what it writes without a processor; the other one is constrained."""
    language = letters()
    free = generate(MaskProcessor([None]), "abc")
    texts = generate(MaskProcessor([None, language]), "abc", "abd")
    assert texts[0] == free[0]
    assert not language.accepts(texts[0])
    assert language.accepts(texts[1])


class StopFirstRow(transformers.StoppingCriteria):
    """Ends row 0 after two tokens."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        self.steps += 1
        return torch.tensor([row == 0 and self.steps >= 2 for row in range(input_ids.shape[0])])


@pytest.mark.parametrize("arguments", [{}, {"min_new_tokens": 12}])
def test_a_stopping_criterion_ends_one_row(arguments: dict[str, Any]) -> None:
    """Its padding is no text, and nobody minds; not even where it may not end yet."""
    language = letters(low=12)
    processor = MaskProcessor(language)
    texts = generate(processor, stopping_criteria=[StopFirstRow()], do_sample=True, **arguments)
    assert len(texts[0]) == 2 and set(texts[0]) <= set("abc")
    assert language.accepts(texts[1])


def test_prompt_lookup() -> None:
    """Drafts from the prompt, some of which break the grammar, change nothing."""
    language = letters()
    prompt = "ccccaaccbbcc;cxxccc"
    processor = MaskProcessor(language)
    plain = generate(MaskProcessor(language), prompt)
    for _ in range(2):
        assert generate(processor, prompt, prompt_lookup_num_tokens=3) == plain
    [sampled] = generate(processor, prompt, prompt_lookup_num_tokens=3, do_sample=True)
    assert language.accepts(sampled)


@pytest.mark.parametrize("drafted", [1, 4])
def test_assistant_model(drafted: int) -> None:
    """The same instance serves drafts and their check; greedy texts are those without an assistant."""
    language = letters()
    assistant = tiny.new_model(1)
    assistant.generation_config.num_assistant_tokens = drafted
    assistant.generation_config.num_assistant_tokens_schedule = "constant"
    processor = MaskProcessor(language)
    for prompt in ("abc", "abca", "abc"):
        plain = generate(MaskProcessor(language), prompt)
        assert generate(processor, prompt, assistant_model=assistant) == plain
    [sampled] = generate(processor, "abc", assistant_model=assistant, do_sample=True)
    assert language.accepts(sampled)


@pytest.mark.parametrize("width", [300])
@pytest.mark.parametrize("do_sample", [False, True])
@pytest.mark.parametrize("knows_model", [False, True])
def test_assistant_with_a_tokenizer_of_its_own(width: int, do_sample: bool, knows_model: bool) -> None:
    """Drafts in another vocabulary pass through, whatever their width; the kept tokens are masked.

    (transformers refuses two tokenizers for models of the same width, and prunes the assistant for good when sampling.)
    """
    language = letters()
    processor = MaskProcessor(language, model=tiny.model() if knows_model else None)
    arguments = {
        "assistant_model": tiny.new_model(1, width),
        "tokenizer": tiny.tokenizer(),
        "assistant_tokenizer": tiny.other_tokenizer(),
    }
    for _ in range(2):
        [text] = generate(processor, "abc", do_sample=do_sample, **arguments)
        assert language.accepts(text)
        if not do_sample:
            assert [text] == generate(MaskProcessor(language), "abc")


def test_tokenizer_sized_masks_under_a_padded_model() -> None:
    """Ids past the tokenizer are masked, however likely they are."""
    model = tiny.new_model()
    with torch.no_grad():
        model.lm_head.weight[258:] *= 100
    language = letters()
    assert language.vocabulary.logits_width == 258
    for arguments in ({}, {"do_sample": True}, {"num_beams": 2}):
        assert all(language.accepts(text) for text in generate(MaskProcessor(language), model=model, **arguments))


def test_min_new_tokens_past_the_end() -> None:
    """A complete text that may not end is a dead end, and each policy is what it says."""
    language = choice("abc")
    arguments = {"min_new_tokens": 10, "do_sample": True}
    with pytest.raises(DeadEnd, match=r"after 3 generated tokens .*b'abc'.*complete.*min_new_tokens"):
        generate(MaskProcessor(language), **arguments)
    assert generate(MaskProcessor(language, on_dead_end="eos"), **arguments) == ["abc", "abc"]
    for text in generate(MaskProcessor(language, on_dead_end="release"), **arguments):
        assert text.startswith("abc")
        assert len(text) > 3


@pytest.mark.parametrize("policy", ["raise", "eos", "release"])
@pytest.mark.parametrize("arguments", [{}, {"num_beams": 2}, {"prompt_lookup_num_tokens": 2}])
def test_min_new_tokens_before_the_end(policy: Any, arguments: dict[str, Any]) -> None:
    """A minimum that the text meets is no dead end; a beam that ended too early drops out."""
    language = letters()
    for text in generate(MaskProcessor(language, on_dead_end=policy), "abcabc", min_new_tokens=12, **arguments):
        assert language.accepts(text) and len(text) >= 12


@pytest.mark.parametrize("policy", ["raise", "eos", "release"])
def test_the_last_beam_at_a_dead_end(policy: Any) -> None:
    """Where every beam of one prompt has ended too early the policy applies to that prompt."""
    languages = [choice("ab", "ac", "ba"), letters()]
    processor = MaskProcessor(languages, on_dead_end=policy)
    if policy == "raise":
        with pytest.raises(DeadEnd, match="after 2 generated tokens"):
            generate(processor, num_beams=2, min_new_tokens=5)
        return
    short, long = generate(processor, num_beams=2, min_new_tokens=5)
    assert short in ("ab", "ac", "ba") if policy == "eos" else len(short) >= 5
    assert languages[1].accepts(long) and len(long) >= 5


def test_more_beams_than_texts() -> None:
    """Beams without a text of their own have a score of -inf and never come first."""
    language = choice("ab", "ac")
    texts = generate(MaskProcessor(language), num_beams=5, num_return_sequences=2)
    assert sorted(texts[:2]) == sorted(texts[2:]) == ["ab", "ac"]


def opposed() -> tuple[Any, str, str]:
    """An assistant that likes a letter which the model does not: (assistant, the assistant's, the model's)."""
    inputs = tiny.encode("abc")
    with torch.no_grad():
        likes = tiny.model()(**inputs).logits[0, -1]
        for seed in range(1, 50):
            assistant = tiny.new_model(seed)
            drafts = assistant(**inputs).logits[0, -1]
            for ours, theirs in ("mn", "nm"):
                i, j = tiny.ids(ours)[0], tiny.ids(theirs)[0]
                if likes[i] > likes[j] and drafts[j] > drafts[i]:
                    return assistant, theirs, ours
    raise AssertionError("no such assistant")


def test_a_dead_end_in_a_draft_does_not_raise() -> None:
    """An assistant drafts a text that may not end yet; the model takes it back and writes the other one."""
    assistant, theirs, ours = opposed()
    language = choice(theirs * 2, ours * 12)
    texts = generate(MaskProcessor(language), "abc", assistant_model=assistant, min_new_tokens=12)
    assert texts == [ours * 12]


@pytest.mark.parametrize("do_sample", [False, True])
def test_a_dead_end_in_a_draft_that_is_kept_raises(do_sample: bool) -> None:
    """The model agrees with the draft."""
    arguments = {"assistant_model": tiny.new_model(1), "min_new_tokens": 12, "do_sample": do_sample}
    with pytest.raises(DeadEnd, match=r"after 4 generated tokens .*b'abca'.*complete"):
        generate(MaskProcessor(choice("abca")), "abc", **arguments)
    assert generate(MaskProcessor(choice("abca"), on_dead_end="eos"), "abc", **arguments) == ["abca"]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_pipeline_with_a_smaller_last_batch(batch_size: int) -> None:
    """Three prompts in batches of two, twice, through one instance."""
    language = letters()
    pipeline = transformers.pipeline("text-generation", model=tiny.model(), tokenizer=tiny.tokenizer())
    processor = MaskProcessor(language)
    for _ in range(2):
        results = pipeline(
            ["abc", "abcd", "abe"],
            batch_size=batch_size,
            logits_processor=[processor],
            max_new_tokens=25,
            return_full_text=False,
        )
        assert [language.accepts(result[0]["generated_text"]) for result in results] == [True] * 3


def test_output_logits_stay_raw() -> None:
    """The raw logits are those of a call without a mask; with ``inplace`` they are the masked ones."""
    inputs = tiny.encode("abc")
    arguments = {"do_sample": False, "output_logits": True, "output_scores": True, "return_dict_in_generate": True}
    arguments["max_new_tokens"] = 2
    free = tiny.model().generate(**inputs, **arguments)
    masked = tiny.model().generate(**inputs, logits_processor=[MaskProcessor(letters())], **arguments)
    torch.testing.assert_close(masked.logits[0], free.logits[0])
    assert all(torch.isfinite(step).all() for step in masked.logits)
    assert [int(torch.isfinite(step).sum()) for step in masked.scores] == [3, 3]
    inplace = tiny.model().generate(**inputs, logits_processor=[MaskProcessor(letters(), inplace=True)], **arguments)
    assert [int(torch.isfinite(step).sum()) for step in inplace.logits] == [3, 3]
    assert torch.equal(inplace.sequences, masked.sequences)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_models(dtype: torch.dtype) -> None:
    """A model in half precision."""
    language = letters()
    for arguments in ({}, {"do_sample": True}, {"num_beams": 2}):
        texts = generate(MaskProcessor(language), model=tiny.new_model().to(dtype), **arguments)
        assert all(language.accepts(text) for text in texts)


def test_inputs_embeds() -> None:
    """The ids then start empty."""
    language = letters()
    model = tiny.model()
    inputs = tiny.encode(*PROMPTS)
    processor = MaskProcessor(language)
    for arguments in ({}, {"do_sample": True}, {"num_beams": 2}):
        sequences = model.generate(
            inputs_embeds=model.get_input_embeddings()(inputs["input_ids"]),
            attention_mask=inputs["attention_mask"],
            logits_processor=[processor],
            max_new_tokens=30,
            **arguments,
        )
        assert all(language.accepts(text) for text in tiny.texts(sequences, 0))


def test_several_eos_ids() -> None:
    """Every id that ends the model's texts may follow a complete one, and no other text."""
    model = tiny.new_model()
    eos, pad, extra = tiny.tokenizer().eos_token_id, tiny.tokenizer().pad_token_id, 300
    model.generation_config.eos_token_id = [extra, eos]
    with torch.no_grad():
        model.lm_head.weight[eos] = 0
        model.lm_head.weight[extra] *= 100
    language = letters(low=1, high=3)
    inputs = tiny.encode("abc", "b")
    seen = set()
    for seed in range(5):
        torch.manual_seed(seed)
        sequences = model.generate(
            **inputs, logits_processor=[MaskProcessor(language, model=model)], do_sample=True, max_new_tokens=6
        )
        for row in sequences[:, 3:].tolist():
            written = [token for token in row if token not in (eos, pad, extra)]
            assert language.accepts(bytes(b"".join(language.vocabulary.tokens[token] for token in written)))
            assert row[len(written)] in (eos, extra)
            seen.add(row[len(written)])
    assert extra in seen
    # Without the model, only the vocabulary's own eos id is known.
    assert generate(MaskProcessor(language), model=model, max_new_tokens=6)[0].endswith(";")


def test_a_stop_token_that_is_also_text() -> None:
    """The model stops at ";": it is allowed where the text with it is complete."""
    model = tiny.new_model()
    semicolon = tiny.ids(";")[0]
    model.generation_config.eos_token_id = [tiny.tokenizer().eos_token_id, semicolon]
    language = letters()
    for arguments in ({}, {"do_sample": True}, {"num_beams": 2}):
        texts = generate(MaskProcessor(language, model=model), model=model, **arguments)
        assert all(language.accepts(text) for text in texts)
    # Where ";" would stop the model in the middle of the only text, nothing is left.
    with pytest.raises(DeadEnd, match="not complete"):
        generate(MaskProcessor(choice("a;b"), model=model), model=model)
    assert generate(MaskProcessor(choice("a;b", "ab"), model=model), model=model) == ["ab", "ab"]


def test_static_cache() -> None:
    """Another cache, the same texts."""
    language = letters()
    assert generate(MaskProcessor(language), cache_implementation="static") == generate(MaskProcessor(language))


def test_a_list_that_does_not_match_the_prompts() -> None:
    """Too many, too few, or not a divisor of the rows: an error that says so."""
    language = letters()
    with pytest.raises(ConstraintMismatch, match="3 constraints do not fit a batch of 2 rows"):
        generate(MaskProcessor([language] * 3))
    with pytest.raises(ConstraintMismatch, match="different prompts"):
        generate(MaskProcessor([language]))
    with pytest.raises(ConstraintMismatch, match="different prompts"):
        generate(MaskProcessor([language, None]), "a", "b", "c", "d")
    assert generate(MaskProcessor([language]), "abc", num_return_sequences=2, do_sample=True)


def test_continuous_batching_is_refused() -> None:
    """One-dimensional ids are an error, not an unconstrained text."""
    processor = MaskProcessor(letters())
    with pytest.raises(UnsupportedCall, match="continuous batching"):
        processor(torch.tensor([1, 2]), torch.zeros(2, tiny.WIDTH))
    with pytest.raises(UnsupportedCall, match=r"\[rows, width\]"):
        processor(torch.zeros(2, 3, dtype=torch.long), torch.zeros(3, tiny.WIDTH))


def test_the_list_of_processors_keeps_it_once() -> None:
    """transformers looks for it in lists by ``==``; its signature has two parameters."""
    processor, other = MaskProcessor(letters()), MaskProcessor(letters())
    assert processor == processor and (processor == other) is False
    assert processor in [other, processor] and processor not in [other]
    processors = transformers.LogitsProcessorList([processor])
    assert torch.isinf(processors(torch.tensor([[1]]), torch.zeros(1, tiny.WIDTH))).any()
    repeated = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 4, "bad_words_ids": [[tiny.ids("a")[0]]]}
    texts = generate(MaskProcessor(letters()), do_sample=True, top_k=2, **repeated)
    assert all(letters().accepts(text) and "a" not in text for text in texts)


def test_threads_share_an_instance() -> None:
    """Two calls at once, step by step between each other."""
    language = letters()
    processor = MaskProcessor(language)
    expected = {prompt: generate(MaskProcessor(language), prompt) for prompt in ("abc", "c", "abcab", "bb")}
    found: dict[str, list[str]] = {}

    def work(prompt: str) -> None:
        for _ in range(3):
            found[prompt] = generate(processor, prompt)

    threads = [threading.Thread(target=work, args=(prompt,)) for prompt in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_custom_generate_gets_the_processor() -> None:
    """A loop handed to ``generate`` calls it like any other."""
    language = letters()

    def loop(model: Any, input_ids: torch.Tensor, logits_processor: Any, **arguments: Any) -> torch.Tensor:
        for _ in range(LONGEST):
            scores = logits_processor(input_ids, model(input_ids).logits[:, -1].float())
            input_ids = torch.cat([input_ids, scores.argmax(dim=1, keepdim=True)], dim=1)
        return input_ids

    processor = MaskProcessor(language)
    for prompt in ("abc", "abca"):
        [text] = generate(processor, prompt, custom_generate=loop)
        assert language.accepts(text)


@pytest.mark.gpu
def test_cuda() -> None:
    """Model and scores on a GPU: the texts of every mode are in the language, and no step reads the device twice."""
    language = letters()
    model = tiny.new_model().to("cuda")
    processor = MaskProcessor(language, model=model)
    inputs = {name: tensor.to("cuda") for name, tensor in tiny.encode(*PROMPTS).items()}
    for arguments in ({}, {"do_sample": True}, {"num_beams": 3}):
        sequences = model.generate(**inputs, logits_processor=[processor], max_new_tokens=30, **arguments)
        assert all(language.accepts(text) for text in tiny.texts(sequences.cpu(), 15))
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        scores = torch.randn(2, tiny.WIDTH, device="cuda").to(dtype)
        ids = inputs["input_ids"]
        there = MaskProcessor(language)(ids, scores)
        assert there.device == scores.device and there.dtype == dtype
        assert torch.equal(there.cpu(), MaskProcessor(language)(ids.cpu(), scores.cpu()))
