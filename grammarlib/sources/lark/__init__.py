"""Lark grammars as sources.

Purpose: `Lark`, what a user writes; the syntax is lark's own, read by lark's parser.
Place: `loader` reads text into definitions, `lower` makes a grammar, `grammarlib.automata.grammar_rows` runs it.
Cost: some milliseconds for a grammar of a hundred lines, most of them in lark's parser.
Not taken: lark's lexers.  With ``lexer="dynamic"`` a text is allowed if *some* split into lexemes, each a
full match of its terminal, parses; so priorities, the order of alternatives and lazy quantifiers decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.dtypes import DEAD
from grammarlib.errors import Finding, UnsatisfiableSource, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.lark.loader import load
from grammarlib.sources.lark.lower import lower

__all__ = ["Lark"]


@dataclass(frozen=True)
class Lark:
    """The texts of a Lark grammar.

    ``start``: the rule to begin with.  ``lexer="dynamic"``: any split into lexemes counts, exactly.
    ``lexer="contextual"``: lark's own lexer with longest matches and keywords; refused for now.
    ``import_paths``: folders for ``%import``, beside lark's own grammars; nothing else is ever read.
    """

    text: str
    start: str = "start"
    lexer: Literal["dynamic", "contextual"] = "dynamic"
    import_paths: tuple[str, ...] = ()

    def lower(self, limits: Limits) -> GrammarRows:
        """The automaton.

        Raises `InvalidSource`, `UnsupportedFeature` (both with every finding, with line and column),
        `UnsatisfiableSource` where no text belongs to the grammar, or `LimitExceeded`.
        """
        if self.lexer != "dynamic":
            raise UnsupportedFeature(
                Finding(
                    "unsupported-option",
                    f'lexer="{self.lexer}" is not supported',
                    keyword="lexer",
                    line=1,
                    column=1,
                    hint='use lexer="dynamic", and write terminals that do not overlap where longest matches matter',
                )
            )
        definitions = load(self.text, tuple(self.import_paths), limits)
        rows = GrammarRows(lower(definitions, self.start, limits), limits)
        if rows.start == DEAD:
            place = definitions.by_name[self.start].place
            raise UnsatisfiableSource(place.finding("unsatisfiable", f"no text belongs to the rule {self.start}"))
        return rows
