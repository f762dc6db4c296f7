"""The names that may follow a dot in Python code, as jedi finds them: an analysis for `Monitor`.

Purpose: the worked example of a monitor, and a useful one: generated code calls only methods that exist.
Place: ``Monitor(vocabulary, ".", python_members)``.  jedi is an optional extra and imported when it is first needed.
Cost: 1 to 100 ms an analysis; a monitor keeps them by text.
Not taken: importing what the code imports and asking ``dir``: that runs code.  jedi reads sources; compiled modules are
looked at in a process of its own.
"""

from __future__ import annotations

import importlib
import io
import tokenize
from typing import Any

from samplers.errors import SamplerError


def python_members(text: str) -> frozenset[str] | None:
    """The members that may follow Python code which ends with a dot; None where nothing is known about them.

    None as well where the dot is no attribute access: inside a string, a comment or a number, in a relative import or
    an ellipsis.  Names are those of jedi's static analysis; an expression whose type it cannot infer is left
    free, so a member that exists is refused only where jedi overlooks it.
    Raises `SamplerError` where jedi is not installed.
    """
    if not _is_attribute_access(text):
        return None
    try:
        jedi: Any = importlib.import_module("jedi")
    except ImportError as error:
        raise SamplerError("python_members needs jedi: pip install 'grammarlib[monitor]'") from error
    lines = text.split("\n")
    project = jedi.Project(path="/", sys_path=None, smart_sys_path=False, load_unsafe_extensions=False)
    completions = jedi.Script(text, project=project).complete(len(lines), len(lines[-1]))
    names = frozenset(completion.name for completion in completions if completion.type != "keyword")
    return names or None


def _is_attribute_access(text: str) -> bool:
    """Whether the text ends with a dot after an expression, by Python's own tokens."""
    tokens: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT):
                tokens.append(token)
    except (tokenize.TokenError, SyntaxError):
        pass  # an open bracket is no reason; an open string has left its dot inside no token
    if len(tokens) < 2 or any(token.type == tokenize.ERRORTOKEN for token in tokens):  # a quote that is not closed
        return False
    before, last = tokens[-2:]
    lines = text.split("\n")
    if last.string != "." or last.type != tokenize.OP or last.end != (len(lines), len(lines[-1])):
        return False
    if before.type == tokenize.NAME:
        return before.string not in ("from", "import", "in", "is", "not", "and", "or", "return", "yield", "lambda")
    return before.type == tokenize.STRING or before.string in (")", "]", "}")
