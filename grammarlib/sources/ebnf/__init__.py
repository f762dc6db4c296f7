"""EBNF grammars as sources: GBNF of llama.cpp, EBNF of XGrammar.

Purpose: `Ebnf`, what a user writes.
Place: `reader` makes a grammar of the text, `grammarlib.automata.grammar_rows` runs it.
Cost: linear in the text.
Not taken: guessing which of the two dialects a text is in; one reading serves both.
"""

from __future__ import annotations

from dataclasses import dataclass

from grammarlib.automata.grammar_rows import GrammarRows
from grammarlib.dtypes import DEAD
from grammarlib.errors import Finding, UnsatisfiableSource
from grammarlib.limits import Limits
from grammarlib.sources.ebnf.reader import read

__all__ = ["Ebnf"]


@dataclass(frozen=True)
class Ebnf:
    """The texts of an EBNF grammar that the rule ``root`` derives.  Nothing is skipped between symbols."""

    text: str
    root: str = "root"

    def lower(self, limits: Limits) -> GrammarRows:
        """The automaton.

        Raises `InvalidSource` or `UnsupportedFeature` (with line and column), `UnsatisfiableSource` where no text
        belongs to the grammar, or `LimitExceeded`.
        """
        rows = GrammarRows(read(self.text, self.root, limits), limits)
        if rows.start == DEAD:
            message = f"no text belongs to the rule {self.root}"
            raise UnsatisfiableSource(Finding("unsatisfiable", message, line=1, column=1))
        return rows
