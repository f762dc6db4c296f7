"""Compare a token table with the tokenizer that it was read from.

Purpose: a wrong table gives masks that are confidently wrong, and new tokenizers are mis-decoded
again and again.  So the table is tried out at load: a few texts there and back, and a sample of tokens
in the middle of a text.
Place: called by `Vocabulary.from_huggingface` and its sisters, unless ``self_check=False``.
Cost: some 300 short calls of the tokenizer, about 10 ms.
"""

from __future__ import annotations

from typing import Final

from grammarlib.errors import VocabularyError
from grammarlib.vocabulary.table import TokenTable

PROBE_TEXTS: Final = (
    "Hello, world! It's 12345.",
    '{"name": "A b", "list": [1, -2.5e-3, true, null], "path": "c:\\\\d/e"}',
    "café naïve Übung ŝanĝo",
    "你好，世界。こんにちは 안녕하세요",
    "🙂 👍🏽 🇪🇺 𝒳",
    "def f(x):\n\tif x:\n        return  x\r\n\n\n    # done\n",
    " leading space",
    "a  b   c    d",
)
"""Texts in Unicode's composed form, so that a normalising tokenizer leaves them alone."""

_SAMPLED_TOKENS: Final = 256
_NAMED_TOKENS: Final = 8


def check_round_trips(table: TokenTable) -> None:
    """Raise `VocabularyError` where the table disagrees with the tokenizer's own encode and decode.

    A probe text that the tokenizer itself cannot spell (it encodes to unknown or special tokens) is left out; one
    of them must remain.  A table without ``encode`` and ``decode`` passes.
    """
    if table.encode is not None:
        checked = sum(_check_text(table, text) for text in PROBE_TEXTS)
        if not checked:
            raise VocabularyError(
                "the tokenizer spells none of the probe texts without unknown or special tokens, so that its table "
                "cannot be checked; pass self_check=False to use it as it is"
            )
    if table.decode is not None:
        _check_tokens(table)


def _check_text(table: TokenTable, text: str) -> bool:
    """Whether ``text`` could be checked; raises where it could and is wrong."""
    assert table.encode is not None
    ids = list(table.encode(text))
    parts = [table.tokens[token_id] if token_id < len(table.tokens) else None for token_id in ids]
    spelled = [part for part in parts if part is not None]
    if not ids or len(spelled) < len(parts):
        return False
    joined = b"".join(spelled)
    expected = text.encode()
    if joined in (expected, b" " + expected):
        return True
    if table.decode is not None:
        # The tokenizer may have normalised the text away (lower case, fewer spaces): what counts is
        # what it writes.  Twice, so that the second copy stands in the middle of a text.
        if table.decode(ids + ids).lstrip(" ") == (joined + joined).decode("utf-8", "replace").lstrip(" "):
            return True
    tokens = ", ".join(f"{token_id} {_name(table, token_id)}" for token_id in ids[:_NAMED_TOKENS])
    raise VocabularyError(
        f"the tokenizer encodes {text!r} as tokens whose bytes join to {joined!r} (the first tokens: {tokens}); "
        "this way of writing tokens is not understood; give Vocabulary(tokens) the bytes yourself"
    )


def _check_tokens(table: TokenTable) -> None:
    """Compare a sample of tokens, added tokens included, with what ``decode`` writes between two letters."""
    assert table.decode is not None
    letters = {chr(letter).encode(): chr(letter) for letter in range(ord("a"), ord("z") + 1)}
    anchors = ((token_id, letters[data]) for token_id, data in enumerate(table.tokens) if data in letters)
    anchor, letter = next((found for found in anchors if table.decode([found[0]]) == found[1]), (None, ""))
    if anchor is None:
        return
    step = max(1, len(table.tokens) // _SAMPLED_TOKENS)
    sample = dict.fromkeys([*range(0, len(table.tokens), step), *table.special_tokens.values()])
    wrong: list[str] = []
    for token_id in sample:
        data = table.tokens[token_id]
        if not data:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue
        written = table.decode([anchor, token_id, anchor])
        if written != f"{letter}{text}{letter}":
            wrong.append(f"{token_id} {_name(table, token_id)}: read as {text!r}, decoded in {written!r}")
    if wrong:
        shown = "; ".join(wrong[:_NAMED_TOKENS])
        raise VocabularyError(
            f"{len(wrong)} of {len(sample)} tokens are written otherwise by the tokenizer's decode ({shown}); "
            "give Vocabulary(tokens) the bytes yourself, or pass self_check=False"
        )


def _name(table: TokenTable, token_id: int) -> str:
    name = table.names.get(token_id)
    return repr(table.tokens[token_id] if name is None else name)
