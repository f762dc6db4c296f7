"""Which ``model.generate`` call a logits processor is running in.

Purpose: a processor is handed token ids and scores, nothing else.  From ids alone a new call cannot be told from
the next step of the last one: after ``generate("A")`` wrote "B...", the ids of ``generate("AB")`` are those of its
second step.  Guessing wrong would apply a constraint from the wrong place without anyone noticing, so the processor
asks the interpreter: the list of processors that ``generate`` prepares is made afresh for each call and is a local
variable of it.
Place: asked once a step by `samplers.logits_processor`.
Cost: 1 to 3 microseconds: a walk of some six frames and one snapshot of local variables.
Not taken: hooks on the model (they change the user's model, and compiled ones run without them); a wrapper around
``generate`` (pipelines call it themselves).  Where no frame of transformers is found (a loop of one's own, or
a release that renamed the variable) the answer is `UNKNOWN`, and the processor falls back to the ids.
A test runs this against the installed release.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

_GENERATE_MODULE: Final = "transformers.generation.utils"
_DRAFT_MODULE: Final = "transformers.generation.candidate_generator"


@dataclass(frozen=True, slots=True)
class GenerationCall:
    """What the stack says about the caller.

    ``identity`` is an object of this one outermost call (drafts of an assistant belong to the call that they are
    made for), or None.  ``is_draft``: the scores are for a draft (assistant, prompt lookup), not for a token that
    is kept.  ``is_foreign``: the draft is in the vocabulary of another tokenizer.  ``kept_length``: where a draft
    is checked, how many ids of the row are certain (None: all).  ``num_beams``: how many rows search together for
    the texts of one prompt.  ``config`` is the call's own generation config, or None.
    """

    identity: Any
    is_draft: bool
    is_foreign: bool
    kept_length: int | None = None
    num_beams: int = 1
    config: Any = None

    def is_tentative(self, length: int) -> bool:
        """Whether ids of this length may hold tokens that are taken back."""
        return self.is_draft or (self.kept_length is not None and length > self.kept_length)


UNKNOWN: Final = GenerationCall(None, is_draft=False, is_foreign=False)


def current_generation_call() -> GenerationCall:
    """The ``generate`` call that this function is running in, or `UNKNOWN`."""
    frame: FrameType | None = sys._getframe(1)
    is_draft = is_foreign = False
    kept_length: int | None = None
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module == _DRAFT_MODULE:
            is_draft = True
            drafter = frame.f_locals.get("self")
            is_foreign = is_foreign or getattr(drafter, "assistant_tokenizer", None) is not None
        elif module == _GENERATE_MODULE and frame.f_code.co_name == "_assisted_decoding":
            kept_length = frame.f_locals.get("cur_len")
        elif module == _GENERATE_MODULE and frame.f_code.co_name == "generate":
            variables = frame.f_locals
            config = variables.get("generation_config")
            if not getattr(config, "is_assistant", False):
                identity = variables.get("prepared_logits_processor")
                num_beams = getattr(config, "num_beams", None) or 1
                return GenerationCall(identity, is_draft, is_foreign, kept_length, num_beams, config)
        frame = frame.f_back
    return UNKNOWN
