"""Prompts of the embedded language model.

Purpose: the one place that says how a schema and an instruction become the text before the
model's answer; training, the command line and the documentation use the same function.  It
imports nothing outside the standard library, so that a caller without torch can show a prompt.
Cost: one ``json.dumps``.  Design not taken: a chat template, because the model knows one turn only.

The three forms are::

    Instruction: Write a user profile.          (only when there is an instruction)
    Schema: {"type":"object",...}
    JSON:
    {"name": ...                                <- the answer starts here

    Instruction: Write a phone number.
    Answer:
    +1 555 ...                                  <- the answer starts here

and the empty text, when there is neither.  Every answer ends with the end-of-sequence token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: A longer schema is cut here (the model's context holds about 1000 tokens, some 3000 characters).
SCHEMA_CHARACTERS = 1800


def prompt_for(schema: Mapping[str, Any] | bool | None = None, instruction: str | None = None) -> str:
    """The text that precedes the answer of the embedded model.

    With a ``schema`` (``{}`` or ``True`` means any JSON) the answer is JSON; without one it is plain
    text, for regular expressions, choices and grammars.  Line breaks inside ``instruction`` become
    spaces, and a schema of more than ``SCHEMA_CHARACTERS`` characters is cut: the prompt guides the
    model, the constraint alone decides what is allowed.  Raises ``TypeError`` for a schema that JSON cannot
    express.
    """
    lines: list[str] = []
    if instruction is not None and instruction.strip():
        lines.append("Instruction: " + " ".join(instruction.split()))
    if schema is not None:
        compact = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        if len(compact) > SCHEMA_CHARACTERS:
            compact = compact[:SCHEMA_CHARACTERS] + "..."
        lines.append("Schema: " + compact)
        lines.append("JSON:")
    elif lines:
        lines.append("Answer:")
    return "".join(line + "\n" for line in lines)
