"""The processor called by hand: dtypes, widths, prompts, policies, errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from grammarlib import Vocabulary
from grammarlib.errors import DeadEnd, GrammarlibError
from samplers import ConstraintMismatch, MaskProcessor, SamplerError, UnsupportedCall
from tests.samplers import fakes

A, B, C, SEMICOLON, EOS, SPECIAL = range(6)
TOKENS = [b"a", b"b", b"c", b";", None, None]
VOCABULARY = Vocabulary(TOKENS, eos_token_ids=[EOS])
LETTERS = fakes.letters_then_semicolon(VOCABULARY, b"abc", 1, 4)
PROMPT = [C, C]
WIDTH = 40


def allowed(scores: torch.Tensor) -> list[set[int]]:
    """The finite entries of each row."""
    return [set(torch.nonzero(row > -torch.inf).flatten().tolist()) for row in scores]


def call(processor: MaskProcessor, *rows: list[int], width: int = WIDTH, scores: Any = None) -> list[set[int]]:
    """The ids that a processor allows after these rows."""
    scores = torch.zeros(len(rows), width) if scores is None else scores
    ids = torch.tensor(list(rows), dtype=torch.long).reshape(len(rows), -1)
    return allowed(processor(ids, scores))


def model_like(eos: Any, width: int = WIDTH) -> Any:
    """What the processor reads of a model."""
    config = SimpleNamespace(vocab_size=width)
    return SimpleNamespace(
        generation_config=SimpleNamespace(eos_token_id=eos),
        config=SimpleNamespace(get_text_config=lambda: config),
    )


def test_a_text_step_by_step() -> None:
    """From the first id to the padding behind the last."""
    processor = MaskProcessor(LETTERS)
    row = list(PROMPT)
    for token, expected in [(A, {A, B, C}), (A, {A, B, C, SEMICOLON}), (SEMICOLON, {A, B, C, SEMICOLON})]:
        assert call(processor, row) == [expected]
        row.append(token)
    assert call(processor, row) == [{EOS}]
    for token in (EOS, EOS, SPECIAL):
        row.append(token)
        assert call(processor, row) == [{EOS}]


@pytest.mark.parametrize("width", [4, 5, 6, 32, 33, 64, 151_936])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_widths_and_dtypes(width: int, dtype: torch.dtype) -> None:
    """Narrower and wider than the vocabulary; ids past it are masked; other values are unchanged."""
    scores = torch.arange(width, dtype=torch.float32).remainder(7).expand(2, width).to(dtype)
    before = scores.clone()
    masked = MaskProcessor(LETTERS)(torch.tensor([PROMPT, PROMPT]), scores)
    assert masked.dtype == dtype and masked.shape == scores.shape
    assert allowed(masked) == [{A, B, C}] * 2
    assert torch.equal(masked[:, :3], before[:, :3])
    assert torch.equal(scores, before)


def test_inplace() -> None:
    """The argument itself comes back."""
    scores = torch.zeros(1, WIDTH)
    masked = MaskProcessor(LETTERS, inplace=True)(torch.tensor([PROMPT]), scores)
    assert masked is scores
    assert allowed(scores) == [{A, B, C}]


def test_int32_ids_and_empty_prompts() -> None:
    """Ids of another integer type, and none at all."""
    processor = MaskProcessor(LETTERS)
    for ids in (torch.zeros(1, 0, dtype=torch.long), torch.tensor([[A]]), torch.tensor([[A, SEMICOLON]])):
        assert allowed(processor(ids.to(torch.int32), torch.zeros(1, WIDTH)))[0] in (
            {A, B, C},
            {A, B, C, SEMICOLON},
            {EOS},
        )
    assert allowed(processor(torch.tensor([[A, SEMICOLON]]), torch.zeros(1, WIDTH))) == [{EOS}]


def test_drafts_outside_generate() -> None:
    """Lengths 2, 3, 4, 2, 3, 4, 5, 3: the same prompt, going back and forth."""
    processor = MaskProcessor(LETTERS)
    text = PROMPT + [A, B, SEMICOLON]
    expected = {2: {A, B, C}, 3: {A, B, C, SEMICOLON}, 4: {A, B, C, SEMICOLON}, 5: {EOS}}
    for length in (2, 3, 4, 2, 3, 4, 5, 3):
        assert call(processor, text[:length]) == [expected[length]]
    assert call(processor, PROMPT + [A, C]) == [{A, B, C, SEMICOLON}]


def test_a_dead_prefix_may_only_end() -> None:
    """A draft that breaks the grammar does not raise, and its correction is read right."""
    processor = MaskProcessor(LETTERS)
    assert call(processor, PROMPT) == [{A, B, C}]
    assert call(processor, PROMPT + [SEMICOLON]) == [{EOS}]
    assert call(processor, PROMPT + [SEMICOLON, A]) == [{EOS}]
    assert call(processor, PROMPT + [A]) == [{A, B, C, SEMICOLON}]


def test_outside_generate_a_longer_prompt_is_a_new_one() -> None:
    """Ids more than one step past what was seen start a new text; ``prompt_length`` says otherwise."""
    processor = MaskProcessor(LETTERS)
    assert call(processor, PROMPT) == [{A, B, C}]
    assert call(processor, PROMPT + [A, SEMICOLON]) == [{A, B, C}]
    fixed = MaskProcessor(LETTERS, prompt_length=2)
    assert call(fixed, PROMPT) == [{A, B, C}]
    assert call(fixed, PROMPT + [A, SEMICOLON]) == [{EOS}]


def test_prompt_length() -> None:
    """A text that was begun elsewhere goes on; other prompts and batches of the same length too."""
    processor = MaskProcessor(LETTERS, prompt_length=2)
    assert call(processor, [B, B, A, SEMICOLON]) == [{EOS}]
    assert call(processor, [B, B, A], [C, C, B]) == [{A, B, C, SEMICOLON}] * 2
    assert call(processor, [B, B, SEMICOLON]) == [{EOS}]
    assert call(MaskProcessor(LETTERS, prompt_length=0), [A, B, SEMICOLON]) == [{EOS}]
    with pytest.raises(UnsupportedCall, match="prompt_length is 2, but the ids are only 1 long"):
        call(processor, [B])


def test_reset_forgets_the_prompt() -> None:
    """After it, ids that would have been the next step are a prompt."""
    processor = MaskProcessor(LETTERS)
    call(processor, PROMPT)
    assert call(processor, PROMPT + [A]) == [{A, B, C, SEMICOLON}]
    processor.reset()
    assert call(processor, PROMPT + [A]) == [{A, B, C}]


def test_interleaved_loops() -> None:
    """Several loops outside ``generate`` take turns; each row follows its own text."""
    processor = MaskProcessor(LETTERS)
    texts = {(A,): [B, SEMICOLON], (B,): [A, A, SEMICOLON], (C, C): [A, B, C, SEMICOLON]}
    for step in range(4):
        for prompt, text in texts.items():
            if step <= len(text):
                got = call(processor, list(prompt) + text[:step])
                assert got == call(MaskProcessor(LETTERS, prompt_length=len(prompt)), list(prompt) + text[:step])


def test_batches_shrink_and_grow() -> None:
    """Other numbers of rows are other calls."""
    processor = MaskProcessor(LETTERS)
    assert call(processor, PROMPT, PROMPT) == [{A, B, C}] * 2
    assert call(processor, PROMPT + [A], PROMPT + [B]) == [{A, B, C, SEMICOLON}] * 2
    assert call(processor, PROMPT) == [{A, B, C}]
    assert call(processor, PROMPT, PROMPT, PROMPT) == [{A, B, C}] * 3


def test_rows_change_places() -> None:
    """Beams outside ``generate``."""
    processor = MaskProcessor(LETTERS)
    call(processor, PROMPT, PROMPT)
    assert call(processor, PROMPT + [A], PROMPT + [SEMICOLON]) == [{A, B, C, SEMICOLON}, {EOS}]
    assert call(processor, PROMPT + [A, SEMICOLON], PROMPT + [A, B]) == [{EOS}, {A, B, C, SEMICOLON}]
    assert call(processor, PROMPT + [A, B, C], PROMPT + [A, SEMICOLON, EOS]) == [{A, B, C, SEMICOLON}, {EOS}]


def test_memory_is_bounded() -> None:
    """However many prompts and steps: a bounded number of prompts, one matcher a row."""
    processor = MaskProcessor(LETTERS)
    for number in range(200):
        call(processor, [A, B, C, A + number % 3, number], [A, B, C, A + number % 3, number])
    states = [state for session in processor._sessions for state in session.states]
    assert len(processor._sessions) <= 32 and len(states) <= 64


def test_stop_tokens_of_the_model() -> None:
    """An int, a list, a tensor, none: special ones where the text may stop."""
    done = PROMPT + [A, SEMICOLON]
    for eos, expected in [
        (EOS, {EOS}),
        ([EOS, SPECIAL], {EOS, SPECIAL}),
        (torch.tensor([38]), {EOS, 38}),
        (None, {EOS}),
    ]:
        processor = MaskProcessor(LETTERS, model=model_like(eos))
        assert call(processor, PROMPT) == [{A, B, C}]
        assert call(processor, PROMPT + [A]) == [{A, B, C, SEMICOLON}]
        assert call(processor, done) == [expected]
        for token in sorted(expected):
            assert call(processor, done, done) and call(processor, done + [token], done + [token]) == [expected] * 2


def test_a_stop_token_that_is_text_completes_the_text() -> None:
    """ "b" stops the model: allowed only as the last letter of a text."""
    source = fakes.words(VOCABULARY, b"abc", b"cb", b"c")
    processor = MaskProcessor(source, model=model_like([EOS, B]), prompt_length=0)
    assert call(processor, []) == [{A, C}]
    assert call(processor, [C]) == [{B, EOS}]
    assert call(MaskProcessor(fakes.words(VOCABULARY, b"c"), model=model_like(B), prompt_length=0), [C]) == [{EOS}]
    with pytest.raises(DeadEnd):
        call(processor, [A])


def test_scores_of_another_model_pass_through() -> None:
    """Outside ``generate``, scores of a width that is not the model's are an assistant's: nothing is masked."""
    processor = MaskProcessor(LETTERS, model=model_like(EOS))
    scores = torch.zeros(1, 33)
    assert processor(torch.tensor([[A, B, C]]), scores) is scores
    assert call(processor, PROMPT) == [{A, B, C}]
    assert processor(torch.tensor([[A]]), scores) is scores
    assert call(processor, PROMPT + [A]) == [{A, B, C, SEMICOLON}]


def suppressed(*tokens: int) -> torch.Tensor:
    """Scores in which these ids are -inf before the mask."""
    scores = torch.arange(WIDTH, dtype=torch.float32)[None].clone()
    scores[0, list(tokens)] = -torch.inf
    return scores


def test_dead_end_policies() -> None:
    """A complete text whose end is suppressed."""
    done, scores = PROMPT + [A, SEMICOLON], suppressed(EOS)
    raising = MaskProcessor(LETTERS, prompt_length=2)
    with pytest.raises(DeadEnd, match=r"b'a;'.*complete"):
        call(raising, done, scores=scores)
    assert call(raising, PROMPT, scores=scores) == [{A, B, C}], "and it goes on afterwards"
    assert call(MaskProcessor(LETTERS, prompt_length=2, on_dead_end="eos"), done, scores=scores) == [{EOS}]
    for inplace in (False, True):
        release = MaskProcessor(LETTERS, prompt_length=2, on_dead_end="release", inplace=inplace)
        masked = release(torch.tensor([done]), scores.clone())
        assert torch.equal(masked, scores)
        assert call(release, done + [A]) == [{EOS}], "it ends as soon as it may"
        assert torch.equal(release(torch.tensor([done + [A]]), scores.clone()), scores)


@pytest.mark.parametrize("policy", ["raise", "eos"])
def test_padding_of_an_ended_row_never_raises(policy: Any) -> None:
    """Where a row has ended nothing depends on its scores, but they must not be all -inf."""
    processor = MaskProcessor(LETTERS, prompt_length=2, on_dead_end=policy)
    for text in ([A, SEMICOLON, EOS], [A, SPECIAL], [SEMICOLON]):
        assert call(processor, PROMPT + text, scores=suppressed(EOS)) == [{EOS}]


def test_a_dead_end_in_one_row_of_a_batch() -> None:
    """The other rows are masked as ever."""
    scores = torch.cat([suppressed(EOS), suppressed(A), torch.zeros(1, WIDTH)])
    rows = [PROMPT + [A, SEMICOLON], PROMPT + [A, B], PROMPT + [A, B]]
    processor = MaskProcessor(LETTERS, prompt_length=2, on_dead_end="eos")
    assert call(processor, *rows, scores=scores) == [{EOS}, {B, C, SEMICOLON}, {A, B, C, SEMICOLON}]


def test_a_grammar_without_a_next_token() -> None:
    """The vocabulary cannot write the text: a dead end with any scores."""
    source = fakes.words(VOCABULARY, b"ax")
    assert call(MaskProcessor(source, prompt_length=2), PROMPT) == [{A}]
    with pytest.raises(DeadEnd, match="not complete"):
        call(MaskProcessor(source, prompt_length=2), PROMPT + [A])
    assert call(MaskProcessor(source, prompt_length=2, on_dead_end="eos"), PROMPT + [A]) == [{EOS}]
    assert call(MaskProcessor(source, prompt_length=2, on_dead_end="release"), PROMPT + [A]) == [set(range(WIDTH))]


def test_without_any_eos_token() -> None:
    """A complete text that cannot be ended is a dead end; so is asking for one to be ended."""
    source = fakes.words(Vocabulary(TOKENS), b"a")
    with pytest.raises(DeadEnd):
        call(MaskProcessor(source, prompt_length=0), [A])
    assert call(MaskProcessor(source, prompt_length=0, on_dead_end="release"), [A]) == [set(range(WIDTH))]
    with pytest.raises(SamplerError, match="eos_token_ids"):
        MaskProcessor(source, on_dead_end="eos")
    assert MaskProcessor(source, on_dead_end="eos", model=model_like(EOS))


def test_nan_stays_visible() -> None:
    """A broken model is not a dead end."""
    scores = torch.full((1, WIDTH), torch.nan)
    masked = MaskProcessor(LETTERS)(torch.tensor([PROMPT]), scores)
    assert torch.isnan(masked[0, [A, B, C]]).all() and (masked[0, 3:] == -torch.inf).all()


def test_rows_of_a_list() -> None:
    """Row i has constraint i // (rows // n); None leaves the ids past the vocabulary free as well."""
    only_a = fakes.words(VOCABULARY, b"a")
    processor = MaskProcessor([only_a, None, LETTERS])
    assert call(processor, [A], [A], [B], [B], [C], [C]) == [{A}] * 2 + [set(range(WIDTH))] * 2 + [{A, B, C}] * 2
    assert call(processor, [A], [A], [A]) == [{A}, set(range(WIDTH)), {A, B, C}]
    assert call(MaskProcessor((only_a, LETTERS)), PROMPT, PROMPT) == [{A}, {A, B, C}]
    with pytest.raises(ConstraintMismatch, match="3 constraints do not fit a batch of 4 rows"):
        call(processor, [A], [A], [B], [B])
    with pytest.raises(ConstraintMismatch, match="different prompts"):
        call(processor, [A], [B], [B], [B], [C], [C])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"constraints": []}, "no constraints"),
        ({"constraints": "[a-c]"}, "compiled source"),
        ({"constraints": object()}, "grammarlib.compile"),
        ({"constraints": fakes.words(None, b"a")}, "without a vocabulary"),
        ({"constraints": [LETTERS, fakes.words(Vocabulary(TOKENS), b"a")]}, "different vocabularies"),
        ({"constraints": LETTERS, "prompt_length": -1}, "negative"),
        ({"constraints": LETTERS, "on_dead_end": "stop"}, "raise, eos, release"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], message: str) -> None:
    """Refused when the processor is made, as an error of grammarlib's tree."""
    with pytest.raises(SamplerError, match=message) as caught:
        MaskProcessor(**arguments)
    assert isinstance(caught.value, GrammarlibError) and isinstance(caught.value, ValueError)


def test_a_matcher_that_breaks_does_not_break_the_next_call() -> None:
    """A failure in the middle of a step leaves no half-moved state behind."""
    words = fakes.words(VOCABULARY, b"abc")
    source = fakes.FaultySource(VOCABULARY, words.is_viable, words.is_complete)
    fakes.FaultyMatcher.fail_at = 0
    processor = MaskProcessor(source, prompt_length=2)
    call(processor, PROMPT, PROMPT)
    fakes.FaultyMatcher.calls, fakes.FaultyMatcher.fail_at = 0, 2
    with pytest.raises(RuntimeError, match="broke"):
        call(processor, PROMPT + [A], PROMPT + [A])
    fakes.FaultyMatcher.fail_at = 0
    assert call(processor, PROMPT + [A], PROMPT + [A]) == [{B}, {B}]
