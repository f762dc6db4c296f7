"""What a reader of tokenizers hands to `Vocabulary`: plain columns, nothing validated yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TokenTable:
    """The tokens of one tokenizer.

    ``tokens[i]``: what token ``i`` writes in the middle of a text, or None (special, or not there).
    ``names[i]``: the tokenizer's own spelling of token ``i``, for messages.  ``encode`` gives the ids of a
    text without special tokens and ``decode`` the text of ids with them, both as the tokenizer itself does
    it; None where the reader has only a table.
    """

    tokens: Sequence[bytes | None]
    eos_token_ids: Sequence[int] = ()
    special_tokens: Mapping[str, int] = field(default_factory=dict)
    logits_width: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    encode: Callable[[str], Sequence[int]] | None = None
    decode: Callable[[Sequence[int]], str] | None = None
