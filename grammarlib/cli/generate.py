"""``grammarlib generate``: a language model writes texts of a language.

stdout is the generated text and nothing else; with ``--json`` it is one record a text.  With ``--sampler`` the texts
come with weights, as a table (`grammarlib.cli.posterior`).  The model that ships with the
package is the default and needs no network; any folder or hub name that transformers can load will do.
This is the only command that imports torch and transformers (beside ``doctor``, which looks whether they work).
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grammarlib.cli.exits import ExitCode, UnreadableInput
from grammarlib.cli.output import emit, emit_record, log_error, progress
from grammarlib.cli.posterior import (
    BatchOption,
    BudgetOption,
    CheckOption,
    CompareOption,
    CriticOption,
    ExactOption,
    HtmlOption,
    KernelOption,
    ParticlesOption,
    PlotOption,
    PosteriorOptions,
    RecordOption,
    SamplerOption,
    StepsOption,
    TrieOption,
    write_posterior,
)
from grammarlib.cli.sources import (
    ChoiceOption,
    Dialect,
    DialectOption,
    EbnfOption,
    LarkOption,
    LimitOption,
    OpenapiFormatsOption,
    Order,
    OrderOption,
    RegexOption,
    SchemaOption,
    SourceOptions,
    StartOption,
    Whitespace,
    WhitespaceOption,
    compile_source,
    limits_of,
)
from grammarlib.cli.tokenizers import EMBEDDED

if TYPE_CHECKING:
    import grammarlib as gl

_PANEL = "The model"


def generate(
    schema: SchemaOption = None,
    regex: RegexOption = None,
    choice: ChoiceOption = None,
    lark: LarkOption = None,
    ebnf: EbnfOption = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME", help="A folder, a name on the hub, or 'embedded'.", rich_help_panel=_PANEL
        ),
    ] = EMBEDDED,
    prompt: Annotated[
        str, typer.Option("--prompt", "-p", metavar="TEXT", help="What to write.", rich_help_panel=_PANEL)
    ] = "",
    raw: Annotated[
        bool,
        typer.Option("--raw", help="The prompt as it is: no schema added, no chat template.", rich_help_panel=_PANEL),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option("--device", help="cpu or cuda; by default a GPU if there is one.", rich_help_panel=_PANEL),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed writes the same texts.")] = 0,
    temperature: Annotated[float, typer.Option("--temperature", min=0.0, help="0 takes the likeliest token.")] = 1.0,
    number: Annotated[
        int | None,
        typer.Option("--num-samples", "--samples", "-n", min=1, help="How many texts [1; with --sampler 16]."),
    ] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", "--max-tokens", min=1, help="Where a text is cut off.")
    ] = 512,
    stream: Annotated[bool, typer.Option("--stream", help="Show the text while it is written.")] = False,
    json_lines: Annotated[
        bool, typer.Option("--json", help="One JSON record a text; with --sampler one for all.")
    ] = False,
    sampler: SamplerOption = None,
    budget: BudgetOption = None,
    particles: ParticlesOption = None,
    steps: StepsOption = None,
    kernel: KernelOption = None,
    batch: BatchOption = None,
    trie: TrieOption = None,
    check: CheckOption = None,
    critic: CriticOption = None,
    exact: ExactOption = False,
    html: HtmlOption = None,
    plot: PlotOption = None,
    record: RecordOption = None,
    compare: CompareOption = None,
    order: OrderOption = Order.ANY,
    whitespace: WhitespaceOption = Whitespace.BOUNDED,
    openapi_formats: OpenapiFormatsOption = False,
    dialect: DialectOption = Dialect.PYTHON,
    start: StartOption = None,
    limit: LimitOption = None,
) -> None:
    """A language model writes texts of the language; stdout is the text and nothing else."""
    weighing = PosteriorOptions(
        sampler,
        budget,
        particles,
        steps,
        kernel,
        batch,
        trie,
        check,
        critic,
        exact,
        html,
        plot,
        record,
        tuple(compare or ()),
    )
    weighing.validate(temperature, stream)
    if stream and (json_lines or (number or 1) > 1):
        raise typer.BadParameter("shows one text: it goes with neither --json nor --num-samples", param_hint="--stream")
    options = SourceOptions(
        schema, regex, tuple(choice or ()), lark, ebnf, order, whitespace, dialect, start, openapi_formats
    )
    source, limits = options.source(), limits_of(limit)
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise UnreadableInput("generate needs torch and transformers: pip install 'grammarlib[hf]'")

    import grammarlib as gl

    with progress("Loading the model ..."):
        language_model, tokenizer = _load(model, device)
    vocabulary = gl.Vocabulary.from_huggingface(
        tokenizer,
        eos_token_ids=language_model.generation_config.eos_token_id,
        logits_width=language_model.config.get_text_config().vocab_size,
    )
    compiled = compile_source(source, vocabulary, limits)

    question = _prompt(model, tokenizer, source, prompt, raw)
    if sampler is not None:
        from samplers import HuggingFaceModel, Warp

        write_posterior(
            HuggingFaceModel(language_model, tokenizer, warp=Warp(temperature=temperature)),
            compiled,
            question,
            weighing,
            samples=number,
            max_tokens=max_new_tokens,
            seed=seed,
            as_json=json_lines,
        )
        return

    from samplers import generate as generate_texts

    writer = _Writer(vocabulary) if stream else None
    with progress("Writing ...") if writer is None else contextlib.nullcontext():
        results = generate_texts(
            language_model if writer is None else _Streamed(language_model, writer),
            tokenizer,
            [question],
            compiled,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            num_samples=number or 1,
        )
    for result in results:
        if json_lines:
            shown = {"sample": result.sample, "seed": seed, "text": result.text, "is_finished": result.is_finished}
            emit_record(shown | {"tokens": len(result.token_ids)})
        elif writer is None:
            emit(result.text)
    cut = sum(not result.is_finished for result in results)
    if cut:
        log_error(f"{cut} of {len(results)} cut off after {max_new_tokens} tokens; raise --max-new-tokens")
        raise typer.Exit(ExitCode.FINDINGS)


def _load(name: str, device: str | None) -> tuple[Any, Any]:
    """A model and its tokenizer; raises `UnreadableInput` where there is none."""
    if name == EMBEDDED:
        # Set before torch is loaded: in a model this small, threads only wait for each other.
        os.environ.setdefault("OMP_NUM_THREADS", "1")

    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import is_torch_cuda_available, logging

    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        logging.disable_progress_bar()
    if name == EMBEDDED:
        from samplers import SamplerError
        from samplers.models import load_embedded

        try:
            model, tokenizer = load_embedded()
        except SamplerError as error:
            raise UnreadableInput(str(error)) from None
        return (model if device is None else model.to(device)), tokenizer
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{name}: {error}") from None
    return model.eval().to(device or ("cuda" if is_torch_cuda_available() else "cpu")), tokenizer


def _prompt(model: str, tokenizer: Any, source: Any, prompt: str, raw: bool) -> str | list[int]:
    """What the model reads before it writes: text, or token ids where a chat template made them."""
    import grammarlib as gl

    if raw:
        return prompt
    schema = json.loads(source.schema) if isinstance(source, gl.JsonSchema) else None
    if model == EMBEDDED:
        from samplers.models.prompt import prompt_for

        return prompt_for(schema, prompt or None)
    parts = [prompt] if prompt else []
    if schema is not None:
        parts.append(f"Answer with JSON that fits this JSON Schema:\n{json.dumps(schema)}")
    text = "\n\n".join(parts)
    if not getattr(tokenizer, "chat_template", None):
        return text + "\n" if text else ""
    chat = [{"role": "user", "content": text}]
    encoded = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)
    return list(encoded["input_ids"])


class _Writer:
    """A streamer of transformers that writes each token's bytes to stdout as soon as they are whole characters."""

    def __init__(self, vocabulary: gl.Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._prompt_is_over = False

    def put(self, value: Any) -> None:
        """Called with the prompt's ids, then with each new one."""
        if not self._prompt_is_over:
            self._prompt_is_over = True
            return
        for token_id in value.reshape(-1).tolist():
            tokens = self._vocabulary.tokens
            written = tokens[token_id] if token_id < len(tokens) else None
            if written and token_id not in self._vocabulary.eos_token_ids:
                emit(self._decoder.decode(written), end="")

    def end(self) -> None:
        """Called once, after the last token."""
        emit(self._decoder.decode(b"", final=True))


class _Streamed:
    """A model whose ``generate`` feeds a streamer; in all else the model itself."""

    def __init__(self, model: Any, writer: _Writer) -> None:
        self._model = model
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, **arguments: Any) -> Any:
        """``model.generate`` with the streamer."""
        return self._model.generate(streamer=self._writer, **arguments)
