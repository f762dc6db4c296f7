"""Texts of a small grammar up to a length, by rewriting; and whether one of them fits a pattern with gaps."""

from __future__ import annotations

import re
from collections.abc import Sequence

from samplers.infilling import ContextFreeGrammar


def texts(grammar: ContextFreeGrammar, longest: int) -> set[bytes]:
    """Every text of at most ``longest`` bytes: a fixpoint over the texts of each nonterminal."""
    known: dict[str, set[bytes]] = {name: set() for name in grammar.productions}
    while True:
        before = {name: len(found) for name, found in known.items()}
        for name, alternatives in grammar.productions.items():
            for alternative in alternatives:
                found = {b""}
                for symbol in alternative:
                    if isinstance(symbol, str):
                        pieces = known[symbol]
                    elif isinstance(symbol, bytes):
                        pieces = {symbol}
                    else:
                        pieces = {bytes([byte]) for byte in symbol}
                    found = {one + piece for one in found for piece in pieces if len(one) + len(piece) <= longest}
                known[name] |= found
        if before == {name: len(found) for name, found in known.items()}:
            return known[grammar.start]


def fits(found: set[bytes], canvas: Sequence[bytes | None]) -> bool:
    """Whether one of the texts matches: None is any bytes."""
    pattern = b"".join(b"(?s:.*)" if piece is None else re.escape(piece) for piece in canvas)
    return any(re.fullmatch(pattern, text) for text in found)
