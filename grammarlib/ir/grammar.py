"""Context-free grammars: what Lark and EBNF texts become.

Purpose: the smallest vocabulary that says everything: terminals (regular sets of bytes), nonterminals,
productions, and terminals that may stand between any two others (``ignore``).
Place: built by `grammarlib.sources.lark` and `grammarlib.sources.ebnf`, rewritten by `grammarlib.ir.passes`, printed
and re-read by `grammarlib.ir.text`, run by `grammarlib.automata.grammar_rows`.
Cost: one object for each symbol and production.
Not taken: right-hand sides that are expressions; repeats and groups become nonterminals of their own, and the
passes inline them again, so that there is one form to reason about.

A text belongs to the grammar where *some* split of its bytes into lexemes, each a full match of its terminal,
derives from the start symbol.  There is no longest match and there are no priorities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grammarlib.errors import LimitExceeded
from grammarlib.ir.regex import Node
from grammarlib.limits import Limits


@dataclass(frozen=True, slots=True)
class Terminal:
    """A regular set of byte strings.  Two terminals with one regex are one terminal; the name is for people."""

    name: str
    regex: Node


@dataclass(frozen=True, slots=True)
class Nonterminal:
    """A name that productions define."""

    name: str


Symbol = Terminal | Nonterminal


@dataclass(frozen=True, slots=True)
class Production:
    """``left -> right``; an empty ``right`` derives the empty text."""

    left: Nonterminal
    right: tuple[Symbol, ...] = ()


@dataclass(frozen=True, slots=True)
class Grammar:
    """Productions in any order, where a text starts, and what may stand around every terminal.

    A nonterminal without productions derives nothing (that is legal: sources report undefined names
    themselves).  ``ignore``: any number of matches of these terminals may stand before each terminal and at the end.
    """

    productions: tuple[Production, ...]
    start: Nonterminal
    ignore: tuple[Terminal, ...] = ()

    def nonterminals(self) -> tuple[Nonterminal, ...]:
        """The start symbol, then every other nonterminal in order of appearance."""
        found = {self.start: None}
        for production in self.productions:
            found[production.left] = None
            for symbol in production.right:
                if isinstance(symbol, Nonterminal):
                    found[symbol] = None
        return tuple(found)

    def terminals(self) -> tuple[Terminal, ...]:
        """Every terminal in order of appearance, ignored ones last."""
        return tuple(dict.fromkeys(self._terminals()))

    def _terminals(self) -> Iterator[Terminal]:
        for production in self.productions:
            for symbol in production.right:
                if isinstance(symbol, Terminal):
                    yield symbol
        yield from self.ignore


class GrammarBuilder:
    """Collects the productions of a source, bounded by ``Limits.states``; ``where`` names the source in errors."""

    def __init__(self, limits: Limits, where: str) -> None:
        self.productions: list[Production] = []
        self._limits = limits
        self._where = where
        self._size = 0
        self._fresh = 0

    def fresh(self, base: Nonterminal) -> Nonterminal:
        """A nonterminal that nobody uses yet, named after ``base``."""
        self._fresh += 1
        return Nonterminal(f"{base.name.split('@', 1)[0]}@{self._fresh}")

    def add(self, left: Nonterminal, right: Sequence[Symbol]) -> None:
        """Add ``left -> right``."""
        self._size += len(right) + 1
        if self._size > 16 * self._limits.states:
            raise LimitExceeded("states", self._limits.states, self._size // 16, self._where)
        self.productions.append(Production(left, tuple(right)))

    def add_repeat(self, left: Nonterminal, item: Symbol, minimum: int, maximum: int | None) -> None:
        """Add ``left -> item{minimum,maximum}`` (None: any number); costs ``minimum + maximum`` symbols."""
        bound = self._limits.states
        largest = max(minimum, maximum or 0)
        if largest > bound:
            raise LimitExceeded("states", bound, largest, f"a repeat in {self._where}")
        if minimum == 0 and maximum is None:
            self.add(left, ())
            self.add(left, (item, left))
            return
        if minimum == maximum:
            self.add(left, [item] * minimum)
            return
        more = self.fresh(left)
        self.add(left, [*[item] * minimum, more])
        if maximum is None:
            self.add(more, ())
            self.add(more, (item, more))
            return
        for remaining in range(maximum - minimum, 0, -1):
            self.add(more, ())
            if remaining == 1:
                self.add(more, (item,))
            else:
                rest = self.fresh(left)
                self.add(more, (item, rest))
                more = rest

    def build(self, start: Nonterminal, ignore: Sequence[Terminal] = ()) -> Grammar:
        """The grammar."""
        return Grammar(tuple(self.productions), start, tuple(ignore))
