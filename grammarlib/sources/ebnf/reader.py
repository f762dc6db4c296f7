"""EBNF text -> a grammar: the GBNF of llama.cpp, and what XGrammar's EBNF writes differently.

Purpose: one scanner and one parser with an explicit stack; every error has its line and column, and all undefined
rules are reported at once.
Place: called by `grammarlib.sources.ebnf.Ebnf`; the result is run by `grammarlib.automata.grammar_rows`.
Cost: linear in the text.
Not taken: one nonterminal for each group and class; whatever refers to no rule is one regex.

What is read: ``name ::= alternatives``; ``"literal"``, ``[class]``, ``[^class]``, ``.`` (any character, newlines
too), ``( )``, ``|``, ``* + ?``, ``{n}``, ``{n,}``, ``{n,m}``, ``# comment``; escapes ``\\n \\r \\t \\\\ \\" \\'
\\[ \\] \\- \\xNN \\uNNNN \\UNNNNNNNN`` and C's others.  Literals and classes are code points, written as UTF-8.  A
rule goes on until the next ``name ::=``, over as many lines as it likes.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, NoReturn

from grammarlib.automata.utf8 import MAXIMUM_CODE_POINT, code_points, negate_ranges, normal_ranges
from grammarlib.errors import Finding, InvalidSource, LimitExceeded, UnsupportedFeature
from grammarlib.ir import regex
from grammarlib.ir.grammar import Grammar, GrammarBuilder, Nonterminal, Symbol, Terminal
from grammarlib.limits import Limits

_SCANNER: Final = re.compile(
    r"""
    (?P<space>(?:[\ \t\r\n]|\#[^\r\n]*)+)
  | (?P<assign>::=)
  | (?P<macro>(?:TagDispatch|Token|ExcludeToken|TokenTagDispatch|Regex)\()
  | (?P<attributes>[A-Za-z0-9_.-]+\[[^\]\r\n]*\][\ \t]*::=)
  | (?P<name>[A-Za-z0-9_-](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<class>\[(?:[^\]\\]|\\.)*\])
  | (?P<count>\{\s*(?P<low>[0-9]+)\s*(?P<comma>,\s*(?P<high>[0-9]*|-1)\s*)?\})
  | (?P<lookahead>\(=)
  | (?P<token>!?<(?:\[[0-9]+\]|[^<>\s"]+)>)
  | (?P<punctuation>[()|*+?.])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_CHARACTERS: Final = {
    "n": 0x0A,
    "r": 0x0D,
    "t": 0x09,
    "a": 0x07,
    "b": 0x08,
    "f": 0x0C,
    "v": 0x0B,
    "e": 0x1B,
    "0": 0x00,
    **{character: ord(character) for character in "\\\"'?[]-^/"},
}
_CLASS_CHARACTERS: Final = {**_CHARACTERS, **{character: ord(character) for character in "$.*+(){}|"}}
_UNSUPPORTED: Final = {
    "token": ("references to tokens are", "write the token's bytes as a literal, if it has any"),
    "macro": ("macros are", None),
    "attributes": ("attributes of rules are", None),
}

_Item = regex.Node | Symbol


@dataclass(frozen=True, slots=True)
class _Lexeme:
    kind: str
    text: str
    offset: int


@dataclass(slots=True)
class _Group:
    """An open rule or parenthesis: finished alternatives, and the one that is being read."""

    opening: _Lexeme
    alternatives: list[list[_Item]]


def read(text: str, root: str, limits: Limits) -> Grammar:
    """The grammar of ``text`` that begins with ``root``.

    Raises `InvalidSource` or `UnsupportedFeature` with line and column, or `LimitExceeded`.
    """
    return _Reader(text, limits).grammar(root)


class _Reader:
    def __init__(self, text: str, limits: Limits) -> None:
        self._text = text
        self._limits = limits
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > limits.source_bytes:
            raise LimitExceeded("source_bytes", limits.source_bytes, size, "an EBNF grammar")
        self._line_starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
        self._builder = GrammarBuilder(limits, "the rules of an EBNF grammar")
        self._used: dict[str, _Lexeme] = {}

    def _finding(
        self, offset: int, code: str, message: str, keyword: str | None = None, hint: str | None = None
    ) -> Finding:
        line = bisect_right(self._line_starts, offset)
        column = offset - self._line_starts[line - 1] + 1
        return Finding(code, message, keyword=keyword, line=line, column=column, hint=hint)

    def _fail(self, offset: int, message: str, *, keyword: str | None = None, hint: str | None = None) -> NoReturn:
        raise InvalidSource(self._finding(offset, "syntax", message, keyword, hint))

    def grammar(self, root: str) -> Grammar:
        rules = self._rules(self._scan())
        undefined = [
            self._finding(lexeme.offset, "undefined", f"rule {name} is not defined")
            for name, lexeme in self._used.items()
            if name not in rules
        ]
        if root not in rules:
            undefined.append(self._finding(0, "undefined", f"the root rule {root} is not defined"))
        if undefined:
            raise InvalidSource(undefined)
        return self._builder.build(Nonterminal(root))

    def _scan(self) -> list[_Lexeme]:
        lexemes: list[_Lexeme] = []
        offset = 0
        text = self._text
        while offset < len(text):
            match = _SCANNER.match(text, offset)
            if match is None or match.lastgroup is None:
                self._unexpected(offset)
            kind = match.lastgroup
            if match["count"] is not None:
                kind = "count"
            if kind in ("token", "macro", "attributes"):
                raise UnsupportedFeature(
                    self._finding(
                        offset,
                        "unsupported-keyword",
                        f"{match[0]}: {_UNSUPPORTED[kind][0]} not supported",
                        match[0].split("(")[0].split("[")[0],
                        _UNSUPPORTED[kind][1],
                    )
                )
            if kind != "space":
                lexemes.append(_Lexeme(kind, match[0], offset))
            offset = match.end()
        return self._split_dotted_names(lexemes)

    def _unexpected(self, offset: int) -> NoReturn:
        character = self._text[offset]
        if character == '"':
            self._fail(offset, "this string literal is not closed")
        if character == "[":
            self._fail(offset, "this character class is not closed")
        if character == "{":
            self._fail(offset, "a repeat is {n}, {n,} or {n,m}")
        self._fail(offset, f"unexpected {character!r}")

    @staticmethod
    def _split_dotted_names(lexemes: list[_Lexeme]) -> list[_Lexeme]:
        """``a.b`` is a name where a rule has that name (XGrammar), else a, any character, b (llama.cpp)."""
        names = {one.text for one, two in itertools.pairwise(lexemes) if two.kind == "assign"}
        result = []
        for lexeme in lexemes:
            if lexeme.kind != "name" or "." not in lexeme.text or lexeme.text in names:
                result.append(lexeme)
                continue
            for match in re.finditer(r"\.|[^.]+", lexeme.text):
                kind = "punctuation" if match[0] == "." else "name"
                result.append(_Lexeme(kind, match[0], lexeme.offset + match.start()))
        return result

    def _rules(self, lexemes: list[_Lexeme]) -> dict[str, _Lexeme]:
        """Emit every rule; the rules by name."""
        rules: dict[str, _Lexeme] = {}
        starts = [number for number, lexeme in enumerate(lexemes) if lexeme.kind == "assign"]
        if lexemes and (not starts or starts[0] != 1):
            first = lexemes[0] if not starts or starts[0] > 1 else lexemes[starts[0]]
            self._fail(first.offset, "a grammar begins with a rule: name ::= ...")
        ends = [*(number - 1 for number in starts[1:]), len(lexemes)] if starts else []
        for start, end in zip(starts, ends, strict=True):
            name = lexemes[start - 1]
            if name.kind != "name":
                self._fail(name.offset, "expected a rule's name before ::=")
            if start >= 2 and not re.search(r"[\r\n]", self._text[lexemes[start - 2].offset : name.offset]):
                self._fail(name.offset, f"rule {name.text} must begin on a line of its own")
            if name.text in rules:
                self._fail(name.offset, f"rule {name.text} is defined more than once")
            rules[name.text] = name
            self._rule(name, lexemes[start + 1 : end])
        return rules

    def _rule(self, name: _Lexeme, body: list[_Lexeme]) -> None:
        left = Nonterminal(name.text)
        stack = [_Group(name, [[]])]
        for lexeme in body:
            group = stack[-1]
            sequence = group.alternatives[-1]
            kind, text = lexeme.kind, lexeme.text
            if kind == "name":
                self._used.setdefault(text, lexeme)
                sequence.append(Nonterminal(text))
            elif kind == "string":
                sequence.append(self._string(lexeme))
            elif kind == "class":
                sequence.append(self._class(lexeme))
            elif kind == "count" or text in ("*", "+", "?"):
                if not sequence:
                    self._fail(lexeme.offset, f"{text} repeats nothing")
                sequence.append(self._repeat(left, sequence.pop(), lexeme))
            elif kind == "lookahead":
                raise UnsupportedFeature(
                    self._finding(lexeme.offset, "unsupported-keyword", "lookahead (= ...) is not supported", "(=")
                )
            elif text == ".":
                sequence.append(regex.any_character())
            elif text == "|":
                group.alternatives.append([])
            elif text == "(":
                if len(stack) > self._limits.source_depth:
                    where = "the groups of an EBNF grammar"
                    raise LimitExceeded("source_depth", self._limits.source_depth, len(stack), where)
                stack.append(_Group(lexeme, [[]]))
            elif len(stack) == 1:
                self._fail(lexeme.offset, "this ) closes nothing")
            else:
                stack.pop()
                stack[-1].alternatives[-1].append(self._close(left, group))
        if len(stack) > 1:
            self._fail(stack[-1].opening.offset, "this ( is not closed")
        for alternative in stack[0].alternatives:
            self._builder.add(left, self._symbols(alternative))

    def _close(self, rule: Nonterminal, group: _Group) -> _Item:
        """What a finished group stands for: one regex where it refers to no rule, else a new nonterminal."""
        alternatives = []
        for alternative in group.alternatives:
            nodes = [item for item in alternative if isinstance(item, regex.Node)]
            if len(nodes) < len(alternative):
                break
            alternatives.append(regex.sequence(nodes))
        else:
            return regex.union_of(alternatives)
        if len(group.alternatives) == 1 and len(group.alternatives[0]) == 1:
            return group.alternatives[0][0]
        target = self._builder.fresh(rule)
        for alternative in group.alternatives:
            self._builder.add(target, self._symbols(alternative))
        return target

    @staticmethod
    def _symbols(items: list[_Item]) -> list[Symbol]:
        """Items as symbols, neighbouring regexes joined."""
        result: list[Symbol] = []
        nodes: list[regex.Node] = []
        for item in [*items, None]:
            if isinstance(item, regex.Node):
                nodes.append(item)
                continue
            if nodes:
                node = regex.sequence(nodes)
                nodes = []
                if node is not regex.epsilon():
                    result.append(Terminal("", node))
            if item is not None:
                result.append(item)
        return result

    def _repeat(self, rule: Nonterminal, item: _Item, lexeme: _Lexeme) -> _Item:
        minimum: int
        maximum: int | None
        if lexeme.kind == "count":
            match = _SCANNER.match(lexeme.text)
            assert match is not None
            minimum = self._count(match["low"])
            if match["comma"] is None:
                maximum = minimum
            else:
                maximum = None if match["high"] in ("", "-1") else self._count(match["high"])
            if maximum is not None and maximum < minimum:
                self._fail(lexeme.offset, f"{lexeme.text}: the upper bound is below the lower one")
        else:
            minimum = 1 if lexeme.text == "+" else 0
            maximum = 1 if lexeme.text == "?" else None
        if isinstance(item, regex.Node):
            return regex.repeat(item, minimum, maximum)
        target = self._builder.fresh(rule)
        self._builder.add_repeat(target, item, minimum, maximum)
        return target

    def _count(self, digits: str) -> int:
        if len(digits) > 9:
            raise LimitExceeded("states", self._limits.states, None, "a repeat of an EBNF grammar")
        return int(digits)

    def _string(self, lexeme: _Lexeme) -> regex.Node:
        points = self._points(lexeme.text[1:-1], lexeme.offset + 1, _CHARACTERS)
        for point, offset, _ in points:
            if 0xD800 <= point <= 0xDFFF:
                self._fail(offset, f"U+{point:04X} is half of a surrogate pair", hint="write \\UNNNNNNNN")
        return regex.literal("".join(chr(point) for point, _, _ in points).encode())

    def _class(self, lexeme: _Lexeme) -> regex.Node:
        body = lexeme.text[1:-1]
        offset = lexeme.offset + 1
        negative = body.startswith("^")
        if negative:
            body = body[1:]
            offset += 1
        points = self._points(body, offset, _CLASS_CHARACTERS)
        if not points:
            self._fail(lexeme.offset, f"the character class {lexeme.text} is empty")
        ranges = []
        number = 0
        while number < len(points):
            low, place, _ = points[number]
            high = low
            if number + 2 < len(points) and points[number + 1][0] == ord("-") and not points[number + 1][2]:
                high = points[number + 2][0]
                if high < low:
                    self._fail(place, f"the range U+{low:04X}-U+{high:04X} is upside down")
                number += 2
            ranges.append((low, high))
            number += 1
        normal = normal_ranges(ranges)
        return code_points(negate_ranges(normal) if negative else normal)

    def _points(self, body: str, offset: int, characters: dict[str, int]) -> list[tuple[int, int, bool]]:
        """The code points of a literal or class: (code point, where, whether it was escaped)."""
        result = []
        number = 0
        while number < len(body):
            if body[number] != "\\":
                result.append((ord(body[number]), offset + number, False))
                number += 1
                continue
            match = _ESCAPE.match(body, number)
            digits = match and (match[1] or match[2] or match[3])
            if match is not None and digits:
                point = int(digits, 16)
                if point > MAXIMUM_CODE_POINT:
                    self._fail(offset + number, f"{match[0]} is no code point")
            elif match is not None and match[4] in characters:
                point = characters[match[4]]
            else:
                shown = match[0] if match else "\\"
                self._fail(offset + number, f"unknown escape {shown}", keyword="\\")
            result.append((point, offset + number, True))
            number = match.end()
        return result
