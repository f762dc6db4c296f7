"""Grammars as text, and back: for golden tests, logs and bug reports.

Purpose: `print_grammar` writes every symbol, production and regex; `read_grammar` is its inverse, exactly.
Place: beside `grammarlib.ir.grammar`; nothing on the way of the data needs it.
Cost: linear; a regex that is used in several places is written once.
Not taken: patterns in the syntax of `re`, which has neither intersection nor complement, and which would have to
be parsed by a source.

The form, one thing to a line::

    %0 = class 30-39
    %1 = repeat %0 1 *
    $0 = "NUMBER" %1
    start "sum"
    ignore $1
    "sum" -> "sum" $2 $0

``%`` numbers regexes, ``$`` numbers terminals; names are JSON strings; classes are bytes in hexadecimal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Final

from grammarlib.errors import Finding, InvalidSource
from grammarlib.ir import regex
from grammarlib.ir.grammar import Grammar, Nonterminal, Production, Symbol, Terminal
from grammarlib.ir.regex import Node

_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')

Resolve = Callable[[Node], Node]


def print_grammar(grammar: Grammar) -> str:
    """``grammar`` as text."""
    terminals = grammar.terminals()
    lines, regexes = _print_nodes(terminal.regex for terminal in terminals)
    numbers = {terminal: number for number, terminal in enumerate(terminals)}
    for terminal, number in numbers.items():
        lines.append(f"${number} = {json.dumps(terminal.name)} {regexes[terminal.regex]}")
    lines.append(f"start {json.dumps(grammar.start.name)}")
    if grammar.ignore:
        lines.append(" ".join(["ignore", *(f"${numbers[terminal]}" for terminal in grammar.ignore)]))
    for production in grammar.productions:
        words = [json.dumps(production.left.name), "->"]
        for symbol in production.right:
            words.append(json.dumps(symbol.name) if isinstance(symbol, Nonterminal) else f"${numbers[symbol]}")
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def _print_nodes(roots: Iterable[Node]) -> tuple[list[str], dict[Node, str]]:
    lines: list[str] = []
    names: dict[Node, str] = {}
    for root in roots:
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [item for item in node.items if item not in names]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if node in names:
                continue
            words = [f"%{len(lines)} =", regex.KIND_NAMES[node.kind]]
            if node.kind == regex.CLASS:
                words.append(_print_class(node.value))
            words.extend(names[item] for item in node.items)
            if node.kind == regex.REPEAT:
                minimum, maximum = node.value
                words += [str(minimum), "*" if maximum is None else str(maximum)]
            elif node.kind == regex.LOOKBEHIND:
                words.append("negative" if node.value else "positive")
            names[node] = f"%{len(lines)}"
            lines.append(" ".join(words))
    return lines, names


def _print_class(members: int) -> str:
    ranges = []
    byte = 0
    while members >> byte:
        if not members >> byte & 1:
            byte += 1
            continue
        low = byte
        while members >> byte & 1:
            byte += 1
        ranges.append(f"{low:02x}" if byte == low + 1 else f"{low:02x}-{byte - 1:02x}")
    return ",".join(ranges)


def read_grammar(text: str, resolve: Resolve | None = None) -> Grammar:
    """The grammar that `print_grammar` wrote; raises `InvalidSource` with the line.

    ``resolve`` closes lookaround (`grammarlib.automata.lookaround.resolve`, with its fuel bound); texts that hold a
    ``context`` need it.
    """
    reader = _Reader(resolve)
    for number, line in enumerate(text.splitlines(), 1):
        words = _WORD.findall(line)
        if not words:
            continue
        try:
            reader.line(words)
        except (KeyError, ValueError, IndexError) as error:
            message = f"not a line of a printed grammar: {error}"
            raise InvalidSource(Finding("syntax", message, line=number, column=1)) from None
    if reader.start is None:
        raise InvalidSource(Finding("syntax", "a printed grammar has a line 'start'", line=1, column=1))
    return Grammar(tuple(reader.productions), reader.start, tuple(reader.ignore))


class _Reader:
    def __init__(self, resolve: Resolve | None) -> None:
        self.start: Nonterminal | None = None
        self.ignore: list[Terminal] = []
        self.productions: list[Production] = []
        self._resolve = resolve
        self._nodes: dict[str, Node] = {}
        self._terminals: dict[str, Terminal] = {}

    def line(self, words: list[str]) -> None:
        head = words[0]
        if head == "start":
            self.start = Nonterminal(_name(words[1]))
        elif head == "ignore":
            self.ignore = [self._terminals[word] for word in words[1:]]
        elif words[1] == "->":
            self.productions.append(Production(Nonterminal(_name(head)), tuple(map(self._symbol, words[2:]))))
        elif words[1] != "=":
            raise ValueError("neither = nor -> comes second")
        elif head.startswith("$"):
            self._terminals[head] = Terminal(_name(words[2]), self._nodes[words[3]])
        else:
            self._nodes[head] = self._node(words[2], words[3:])

    def _symbol(self, word: str) -> Symbol:
        return self._terminals[word] if word.startswith("$") else Nonterminal(_name(word))

    def _node(self, kind: str, words: list[str]) -> Node:
        if kind == "class":
            return regex.byte_class(_read_class(words[0]))
        items = [self._nodes[word] for word in words if word.startswith("%")]
        if kind == "nothing":
            return regex.nothing()
        if kind == "epsilon":
            return regex.epsilon()
        if kind == "concat":
            return regex.sequence(items)
        if kind == "union":
            return regex.union_of(items)
        if kind == "intersect":
            return regex.intersect(*items)
        if kind == "complement":
            return regex.complement(items[0])
        if kind == "repeat":
            return regex.repeat(items[0], int(words[1]), None if words[2] == "*" else int(words[2]))
        if kind == "lookahead":
            return regex.lookahead(items[0])
        if kind == "lookbehind":
            return regex.lookbehind(items[0], words[1] == "negative")
        if kind == "context" and self._resolve is not None:
            return self._resolve(items[0])
        raise ValueError(f"cannot read {kind!r}")


def _name(word: str) -> str:
    value = json.loads(word)
    if not isinstance(value, str):
        raise ValueError(f"{word} is no name")
    return value


def _read_class(word: str) -> int:
    members = 0
    for part in word.split(","):
        low, _, high = part.partition("-")
        first, last = int(low, 16), int(high or low, 16)
        members |= ((1 << (last - first + 1)) - 1) << first
    return members
