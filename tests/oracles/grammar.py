"""A context-free recogniser by brute force: which spans of the text does each symbol derive?

Slow and plain on purpose, and it shares no code with the library: spans are found by repeating all productions
until nothing new appears, and terminals are asked through `re`.  Empty texts, cycles and left recursion
need no care here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PlainTerminal:
    """A pattern for `re`, and texts of the terminal such that every prefix of a member is a prefix of one of them,
    up to the length that tests use."""

    pattern: bytes
    samples: tuple[bytes, ...]

    def matches(self, text: bytes) -> bool:
        return re.fullmatch(self.pattern, text, re.DOTALL) is not None

    def begins(self, text: bytes) -> bool:
        """Whether some member begins with ``text``."""
        return any(sample.startswith(text) for sample in self.samples)


@dataclass(frozen=True)
class PlainGrammar:
    """``productions[name]`` are alternatives; a symbol that has no productions is a terminal's name."""

    productions: dict[str, list[list[str]]]
    terminals: dict[str, PlainTerminal]
    start: str
    ignore: list[str] = field(default_factory=list)

    def explicit(self) -> PlainGrammar:
        """The same language with ignored terminals written out as ordinary productions."""
        if not self.ignore:
            return self
        productions = {
            name: [[part for symbol in right for part in self._padded(symbol)] for right in alternatives]
            for name, alternatives in self.productions.items()
        }
        productions["@ignored"] = [[], *([name, "@ignored"] for name in self.ignore)]
        productions["@text"] = [[self.start, "@ignored"]]
        return PlainGrammar(productions, self.terminals, "@text")

    def _padded(self, symbol: str) -> list[str]:
        return [symbol] if symbol in self.productions else ["@ignored", symbol]


class Recogniser:
    """The spans of one text under one grammar."""

    def __init__(self, grammar: PlainGrammar, text: bytes) -> None:
        self.grammar = grammar.explicit()
        self.text = text
        count = len(text)
        self.spans: dict[str, set[tuple[int, int]]] = {name: set() for name in self.grammar.productions}
        for name, terminal in self.grammar.terminals.items():
            self.spans[name] = {
                (i, j) for i in range(count + 1) for j in range(i, count + 1) if terminal.matches(text[i:j])
            }
        changed = True
        while changed:
            changed = False
            for name, alternatives in self.grammar.productions.items():
                for right in alternatives:
                    for i in range(count + 1):
                        for j in self._ends(right, i):
                            if (i, j) not in self.spans[name]:
                                self.spans[name].add((i, j))
                                changed = True

    def _ends(self, right: list[str], i: int) -> set[int]:
        ends = {i}
        for symbol in right:
            ends = {j for end in ends for (k, j) in self.spans[symbol] if k == end}
        return ends

    def accepts(self) -> bool:
        """Whether the start derives the whole text."""
        return (0, len(self.text)) in self.spans[self.grammar.start]

    def viable(self) -> bool:
        """Whether some text of the language begins with this text."""
        count = len(self.text)
        productive = self._productive()
        # begun: (symbol, i) such that the symbol derives some text that begins with text[i:].
        begun = {(name, count) for name in productive}
        for name, terminal in self.grammar.terminals.items():
            begun |= {(name, i) for i in range(count + 1) if terminal.begins(self.text[i:])}
        changed = True
        while changed:
            changed = False
            for name, alternatives in self.grammar.productions.items():
                for right in alternatives:
                    for i in range(count + 1):
                        if (name, i) not in begun and self._begins(right, i, begun, productive):
                            begun.add((name, i))
                            changed = True
        return (self.grammar.start, 0) in begun

    def _begins(self, right: list[str], i: int, begun: set[tuple[str, int]], productive: set[str]) -> bool:
        if not all(symbol in productive for symbol in right):
            return False
        for place, symbol in enumerate(right):
            if any((symbol, k) in begun for k in self._ends(right[:place], i)):
                return True
        return len(self.text) in self._ends(right, i)

    def _productive(self) -> set[str]:
        productive = {name for name, terminal in self.grammar.terminals.items() if terminal.samples}
        while True:
            more = {
                name
                for name, alternatives in self.grammar.productions.items()
                if any(all(symbol in productive for symbol in right) for right in alternatives)
            }
            if more <= productive:
                return productive
            productive |= more


def accepts(grammar: PlainGrammar, text: bytes) -> bool:
    """Whether ``text`` belongs to ``grammar``."""
    return Recogniser(grammar, text).accepts()


def viable(grammar: PlainGrammar, text: bytes) -> bool:
    """Whether some text of ``grammar`` begins with ``text``."""
    return Recogniser(grammar, text).viable()
