"""lm-format-enforcer: a character-level parser that walks the vocabulary's tree in Python.

It hands out lists of allowed tokens, not bitmasks; a bitmask is made of them only where one is asked for.
Token strings come from the vocabulary's bytes, so tokens that hold part of a character are left out, as in its own
integrations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from lmformatenforcer import JsonSchemaParser, TokenEnforcer, TokenEnforcerTokenizerData
from numpy.typing import NDArray

from jsonschemabench.engines.protocol import pack
from jsonschemabench.tokenizer import Tokenizer


class LmFormatEnforcerEngine:
    """lm-format-enforcer's JSON Schema parser."""

    distributions = ("lm-format-enforcer",)

    def __init__(self, tokenizer: Tokenizer) -> None:
        texts: dict[int, bytes] = dict(tokenizer.vocabulary.text_tokens())

        def decode(token_ids: list[int]) -> str:
            data = b"".join(texts.get(token_id, b"") for token_id in token_ids)
            return data.decode("utf-8", errors="replace").rstrip("\ufffd")

        regular = []
        for token_id, data in texts.items():
            try:
                # The third entry: whether the token begins a word, so that its own text is what it adds.
                regular.append((token_id, data.decode("utf-8"), True))
            except UnicodeDecodeError:
                continue
        self._width = tokenizer.size
        self._eos = tokenizer.eos_token_id
        self._data = TokenEnforcerTokenizerData(regular, decode, self._eos, False, tokenizer.size)

    def compile(self, schema: Any) -> LmFormatEnforcerGrammar:
        """Compile; a refusal is lm-format-enforcer's own exception."""
        return LmFormatEnforcerGrammar(TokenEnforcer(self._data, JsonSchemaParser(schema)), self._eos, self._width)


class LmFormatEnforcerGrammar:
    """A token enforcer; it keeps the states of all texts it has seen."""

    def __init__(self, enforcer: Any, eos: int, width: int) -> None:
        self._enforcer = enforcer
        self._eos = eos
        self._width = width

    def start(self) -> LmFormatEnforcerText:
        """An empty sequence of tokens."""
        return LmFormatEnforcerText(self._enforcer, self._eos, self._width)


class LmFormatEnforcerText:
    """The tokens so far."""

    def __init__(self, enforcer: Any, eos: int, width: int) -> None:
        self._enforcer = enforcer
        self._eos = eos
        self._width = width
        self._tokens: list[int] = []
        self._allowed: list[int] = []

    def fill_mask(self) -> None:
        """Ask for the allowed tokens."""
        self._allowed = self._enforcer.get_allowed_tokens(self._tokens).allowed_tokens

    def allows(self, token_id: int) -> bool:
        """Look into the list."""
        return token_id in self._allowed

    def accept(self, token_id: int) -> bool:
        """Append a token that the list holds."""
        if token_id not in self._allowed:
            return False
        self._tokens.append(token_id)
        return True

    def may_stop(self) -> bool:
        """Whether the end-of-sequence token is in the list."""
        self.fill_mask()
        return self._eos in self._allowed

    def mask(self) -> NDArray[np.int32]:
        """The list as a bitmask."""
        return pack(self._allowed, self._width)

    def forced_bytes(self) -> None:
        """Not offered."""
        return
