"""A model for EleutherAI's lm-evaluation-harness whose answers obey the schema of its ``jsonschema_bench`` tasks.

Use: ``python -m jsonschemabench.lm_eval --model grammarlib-hf --model_args pretrained=... --tasks jsonschema_bench``
takes every option of ``lm_eval``; all that it adds is the model ``grammarlib-hf``.  Needs the extra ``lm-eval``.
Place: between that harness's Hugging Face model and `samplers.MaskProcessor`; a request whose document has no
``json_schema`` is generated as always.
How: that model sorts and batches requests by itself.  Each batch is encoded just before it is generated, so the
texts that are encoded say which constraint belongs to which row.
Trap: the tasks' own metric ``schema_compliance`` judges every string with the format ipv4, ipv6 or uuid invalid (its
checkers return None), and validates without regard to ``$schema``; judge outputs with this package instead.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Final, Literal

from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM

import grammarlib as gl
from grammarlib.errors import GrammarlibError
from samplers import MaskProcessor

NAME: Final = "grammarlib-hf"


@register_model(NAME)
class GrammarlibLM(HFLM):  # type: ignore[misc,unused-ignore]
    """The harness's ``hf`` model under grammarlib's masks.

    Arguments are those of ``hf`` and two more.  ``order``: as in `grammarlib.JsonSchema`.  ``refused``: what becomes of
    a request whose schema cannot be enforced: ``empty`` answers with nothing, which counts against the engine (the
    default), ``free`` generates without masks, ``raise`` raises.
    """

    def __init__(
        self, *arguments: Any, order: Literal["any", "schema"] = "any", refused: str = "empty", **options: Any
    ) -> None:
        if refused not in ("empty", "free", "raise"):
            raise ValueError(f"refused must be 'empty', 'free' or 'raise', not {refused!r}")
        super().__init__(*arguments, **options)
        self._order: Literal["any", "schema"] = order
        self._refused = refused
        self._constraints: dict[str, gl.CompiledGrammar | None] = {}
        self._batch: list[str] = []
        width = int(self.config.get_text_config().vocab_size)
        self._vocabulary = gl.Vocabulary.from_huggingface(self.tokenizer, logits_width=max(width, len(self.tokenizer)))

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Answers to requests, in their order; each within the schema of its document, where it has one."""
        answers = [""] * len(requests)
        kept: list[int] = []
        for number, request in enumerate(requests):
            try:
                self._constraints[request.args[0]] = self._compile(request.doc)
            except GrammarlibError as error:
                if self._refused == "raise":
                    raise
                sys.stderr.write(f"grammarlib refuses the schema of request {number}: {error}\n")
                if self._refused == "empty":
                    continue
                self._constraints[request.args[0]] = None
            kept.append(number)
        texts = super().generate_until([requests[number] for number in kept], disable_tqdm) if kept else []
        for number, text in zip(kept, texts, strict=True):
            answers[number] = text
        self._constraints.clear()
        return answers

    def _compile(self, document: Any) -> gl.CompiledGrammar | None:
        schema = document.get("json_schema") if isinstance(document, dict) else None
        if schema is None:
            return None
        value = json.loads(schema) if isinstance(schema, str) else schema
        return gl.compile(gl.JsonSchema(value, order=self._order), self._vocabulary)

    def tok_batch_encode(self, strings: Sequence[str], *arguments: Any, **options: Any) -> Any:
        """Encode a batch, and remember whose rows these are."""
        self._batch = list(strings)
        return super().tok_batch_encode(strings, *arguments, **options)

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **options: Any) -> Any:
        constraints = [self._constraints.get(text) for text in self._batch]
        if len(constraints) == context.shape[0] and any(constraints):
            options["logits_processor"] = [MaskProcessor(constraints, model=self.model)]
        return super()._model_generate(context, max_length, stop, **options)


def main() -> None:
    """The command of lm-evaluation-harness, with one more model."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()
