"""Patterns: the syntax of Python's `re` and of ECMA-262, lowered to byte regexes.

Purpose: `Regex` is the source for a text that is one pattern; `parse_pattern` and `search_pattern` give the same
to other sources (terminals of a grammar, ``pattern`` of JSON Schema).
Place: text -> `grammarlib.ir.regex`; the automaton is `grammarlib.automata.lazydfa`.
Cost: about 3 microseconds for each element of the pattern; a pattern whose language is still alive is not parsed
again.
Not taken: `re._parser` (private, and it recurses on the pattern), interegular (refuses anchors and lookbehind).

Dialects.  ``python`` is what `re.compile` of the running Python makes of a ``str`` pattern; lookbehinds may also have
any width.  ``ecma`` is ECMA-262 with the flag ``u`` (code points, ``\\d`` and ``\\w`` of ASCII, ``$`` only at the very
end); what is a syntax error there has the meaning that Python gives it, if any (``\\A``, ``\\Z``, ``(?P<n>..)``,
``(?i)`` at the start, ``\\-``, ``a{,3}``, a lone ``]`` or ``{``), and ``[\\w-.]`` holds a literal hyphen as in Annex B.
python-jsonschema runs Python's `re` on the same text; the verdicts differ only where the dialects do:
``\\d``, ``\\w``, ``\\b`` beyond ASCII, ``\\s`` on U+001C..U+001F, U+0085 and U+FEFF, ``.`` on carriage return and
U+2028/9, ``$`` before a final newline, ``[]`` and ``[^]``, ``\\p{..}``.

Laziness does not change a language.  A possessive repeat of something whose matches never begin one another means
"and then no more of it"; an atomic group is accepted where it changes nothing (no match of it begins
another), else refused.  Backreferences and conditionals are not regular and are refused.

Longer than most modules: one parser, and its two dialects differ in single lines all over it.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import threading
import unicodedata
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, NoReturn

from grammarlib.automata.derivative import Fuel, is_empty
from grammarlib.automata.lazydfa import LazyDFA, lazy_dfa_for
from grammarlib.automata.lookaround import resolve
from grammarlib.automata.unicode_tables import (
    ASCII_DIGIT,
    ASCII_SPACE,
    ASCII_WORD,
    ECMA_LINE_ENDS,
    ECMA_SPACE,
    fold_case,
    python_class,
    unicode_property,
)
from grammarlib.automata.utf8 import Ranges, code_points, negate_ranges, normal_ranges
from grammarlib.dtypes import DEAD
from grammarlib.errors import (
    CompileError,
    Finding,
    InvalidSource,
    LimitExceeded,
    UnsatisfiableSource,
    UnsupportedFeature,
)
from grammarlib.ir.regex import (
    ALL_BYTES,
    CONCAT,
    SINGLE_BYTES,
    UNION,
    Node,
    any_bytes,
    any_text,
    byte_class,
    complement,
    concat,
    epsilon,
    intersect,
    lookahead,
    lookbehind,
    optional,
    repeat,
    sequence,
    union,
    union_of,
)
from grammarlib.limits import Limits

_FLAGS: Final = int(re.I | re.M | re.S | re.U | re.X | re.A)
_IGNORECASE: Final = int(re.I)
_MULTILINE: Final = int(re.M)
_DOTALL: Final = int(re.S)
_VERBOSE: Final = int(re.X)
_ASCII: Final = int(re.A)
_UNICODE: Final = int(re.U)
_INLINE: Final = {"i": _IGNORECASE, "m": _MULTILINE, "s": _DOTALL, "x": _VERBOSE, "a": _ASCII, "u": _UNICODE}

_ANY_BYTE: Final = byte_class(ALL_BYTES)
_START: Final = lookbehind(_ANY_BYTE, True)
_END: Final = lookahead(epsilon())
_NEWLINE: Final = SINGLE_BYTES[0x0A]
_END_OR_NEWLINE: Final = lookahead(optional(_NEWLINE))

_PLAIN: Final = re.compile(r"[^\\^$.|?*+()\[\]{}#\s]+")
_BRACES: Final = re.compile(r"\{(\d*)(,?)(\d*)\}")
_SIMPLE_CLASS: Final = re.compile(r"\[\^?[^\\\[\]^](?:[^\\\[\]]|\\[^xuUpPNkc0-9])*\]")
_INLINE_FLAGS: Final = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_GROUP_NAME: Final = re.compile(r"([\w$]+)>")
_REPEAT_MAXIMUM: Final = 4_294_967_294
_ESCAPED: Final = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D, "a": 0x07}
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_CLASS_CACHE_SIZE: Final = 4096
_PATTERN_CACHE_SIZE: Final = 8192

_class_nodes: dict[tuple[str, int, str, bool], Node] = {}
_patterns: OrderedDict[tuple[object, ...], weakref.ref[Node]] = OrderedDict()
_patterns_lock = threading.Lock()


@dataclass(frozen=True)
class Regex:
    """The texts that ``pattern`` matches as a whole, as `re.fullmatch` does.

    ``flags``: an ``or`` of `re.I`, `re.S`, `re.M`, `re.X`, `re.A`, `re.U`.  ``dialect``: ``"python"`` or ``"ecma"``.
    """

    pattern: str
    flags: int = 0
    dialect: str = "python"

    def lower(self, limits: Limits) -> LazyDFA:
        """The automaton.  Raises `InvalidSource`, `UnsupportedFeature`, `UnsatisfiableSource` or `LimitExceeded`."""
        node = parse_pattern(self.pattern, dialect=self.dialect, flags=int(self.flags), limits=limits)
        automaton = lazy_dfa_for((node,), limits)
        if automaton.start == DEAD:
            raise UnsatisfiableSource(Finding("unsatisfiable", f"no text matches the pattern {_shown(self.pattern)}"))
        return automaton


def parse_pattern(
    pattern: str,
    *,
    dialect: str,
    flags: int = 0,
    limits: Limits,
    surrogates: bool = False,
    pointer: str | None = None,
) -> Node:
    """The texts that ``pattern`` matches as a whole, in UTF-8 (WTF-8 with ``surrogates``).

    ``pointer`` goes into the findings.  Raises `InvalidSource` or `UnsupportedFeature`, with all findings at once,
    or `LimitExceeded`.
    """
    return _parse(pattern, dialect, flags, limits, surrogates, pointer, False)


def search_pattern(
    pattern: str,
    *,
    dialect: str = "ecma",
    flags: int = 0,
    limits: Limits,
    surrogates: bool = True,
    pointer: str | None = None,
) -> Node:
    """The texts in which ``pattern`` is found anywhere, as JSON Schema's ``pattern`` asks; else as `parse_pattern`."""
    return _parse(pattern, dialect, flags, limits, surrogates, pointer, True)


def _parse(
    pattern: str, dialect: str, flags: int, limits: Limits, surrogates: bool, pointer: str | None, search: bool
) -> Node:
    key = (pattern, dialect, flags, surrogates, search, limits)
    reference = _patterns.get(key)
    if reference is not None:
        node = reference()
        if node is not None:
            return node
    try:
        node = _Parser(pattern, dialect, flags, surrogates, limits).language(search)
    except CompileError as error:
        if pointer is None:
            raise
        findings = [
            dataclasses.replace(
                finding, pointer=pointer, message=f"{finding.message} (column {finding.column} of {_shown(pattern)})"
            )
            for finding in error.findings
        ]
        raise type(error)(findings) from None
    with _patterns_lock:
        _patterns[key] = weakref.ref(node)
        if len(_patterns) > _PATTERN_CACHE_SIZE:
            _patterns.popitem(last=False)
    return node


def _shown(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 60 else pattern[:57] + "...")


class _Syntax(Exception):
    """Parsing cannot go on; the finding is recorded."""


@dataclass(slots=True)
class _Frame:
    """A group that is being read: what to return to, and what the group is."""

    alternatives: list[list[Node]]
    items: list[Node]
    flags: int
    kind: str
    position: int
    item_start: int = field(default=0)


class _Parser:
    """One pass over the pattern with an explicit stack of groups; makes nodes directly."""

    def __init__(self, pattern: str, dialect: str, flags: int, surrogates: bool, limits: Limits) -> None:
        if dialect not in ("python", "ecma"):
            raise ValueError(f"dialect must be 'python' or 'ecma', not {dialect!r}")
        if len(pattern) > limits.source_bytes:
            raise LimitExceeded("source_bytes", limits.source_bytes, len(pattern), "a pattern")
        self.pattern = pattern
        self.ecma = dialect == "ecma"
        self.dialect = dialect
        self.surrogates = surrogates
        self.limits = limits
        self.findings: list[Finding] = []
        self.syntax_error = False
        self.names: set[str] = set()
        if flags & ~_FLAGS:
            self._note(0, "flag", f"unsupported flags {flags & ~_FLAGS:#x}", syntax=False)
        if flags & _ASCII and flags & _UNICODE:
            self._note(0, "flag", "the flags ASCII and UNICODE exclude each other", syntax=True)
        self.flags = flags & _FLAGS

    # Findings

    def _note(self, position: int, keyword: str, message: str, *, syntax: bool, hint: str | None = None) -> None:
        line = self.pattern.count("\n", 0, position) + 1
        column = position - self.pattern.rfind("\n", 0, position)
        code = "syntax" if syntax else "unsupported-regex"
        self.syntax_error = self.syntax_error or syntax
        self.findings.append(Finding(code, message, keyword=keyword, line=line, column=column, hint=hint))

    def _fail(self, position: int, message: str, keyword: str = "pattern") -> NoReturn:
        self._note(position, keyword, message, syntax=True)
        raise _Syntax

    # Languages

    def language(self, search: bool) -> Node:
        """The language of the whole pattern."""
        alternatives: list[list[Node]] = []
        try:
            alternatives = self._read()
        except _Syntax:
            pass
        if self.findings:
            raise (InvalidSource if self.syntax_error else UnsupportedFeature)(self.findings)
        fuel = Fuel(self.limits.closure_steps, "a pattern")
        any_node = any_text(surrogates=self.surrogates)
        parts: list[Node] = []
        pending = alternatives[::-1]
        while pending:
            items = pending.pop()
            if len(items) == 1 and items[0].asserting:
                # A group around everything: its alternatives may be anchored each on its own.
                if items[0].kind == UNION:
                    pending.extend([[item] for item in reversed(items[0].items)])
                    continue
                if items[0].kind == CONCAT:
                    flat = []
                    rest = items[0]
                    while rest.kind == CONCAT:
                        flat.append(rest.items[0])
                        rest = rest.items[1]
                    items = [*flat, rest]
            first, last = 0, len(items)
            left = right = any_node if search else epsilon()
            while first < last and items[first] is _START:
                first += 1
                left = epsilon()
            while last > first and items[last - 1] in (_END, _END_OR_NEWLINE):
                last -= 1
                if items[last] is _END:
                    right = epsilon()
                elif search and right is not epsilon():
                    right = optional(_NEWLINE)
            node = concat(sequence(items[first:last]), right)
            parts.append(concat(left, node))
        return resolve(union_of(parts) if len(parts) != 1 else parts[0], fuel)

    def _formula(self, alternatives: list[list[Node]]) -> Node:
        """What a lookahead of these alternatives demands of all the rest of the text."""
        parts = []
        for items in alternatives:
            right = any_bytes()
            last = len(items)
            if last and items[-1] is _END:
                right = epsilon()
                last -= 1
            elif last and items[-1] is _END_OR_NEWLINE:
                right = optional(_NEWLINE)
                last -= 1
            parts.append(concat(sequence(items[:last]), right))
        return union_of(parts)

    @staticmethod
    def _join(alternatives: list[list[Node]]) -> Node:
        if len(alternatives) == 1:
            items = alternatives[0]
            return items[0] if len(items) == 1 else sequence(items)
        return union_of([items[0] if len(items) == 1 else sequence(items) for items in alternatives])

    # Reading

    def _read(self) -> list[list[Node]]:
        pattern = self.pattern
        size = len(pattern)
        flags = self.flags
        items: list[Node] = []
        alternatives: list[list[Node]] = [items]
        stack: list[_Frame] = []
        position = 0
        nodes = 0
        repeatable = False
        """Whether the last item may take a quantifier."""
        while position < size:
            nodes += 1
            if nodes > self.limits.regex_nodes:
                raise LimitExceeded("regex_nodes", self.limits.regex_nodes, where="a pattern")
            character = pattern[position]
            run = _PLAIN.match(pattern, position)
            if run is not None:
                text = run.group()
                position = run.end()
                nodes += len(text) - 1
                if flags & _IGNORECASE or not text.isascii():
                    points = self._points(text) if self.surrogates else [ord(letter) for letter in text]
                    items.extend([self._character(point, flags) for point in points])
                else:
                    items.extend([SINGLE_BYTES[byte] for byte in text.encode()])
                repeatable = True
                continue
            if character == "\\":
                node, position = self._escape(position, flags)
                repeatable = node.kind < 8 and not (node.kind == UNION and node.asserting)
                items.append(node)
            elif character == "[":
                node, position = self._class(position, flags)
                items.append(node)
                repeatable = True
            elif character in "*+?{":
                position, repeatable = self._quantifier(position, items, repeatable, flags)
            elif character == ".":
                items.append(self._dot(flags))
                position += 1
                repeatable = True
            elif character == "(":
                if len(stack) >= self.limits.source_depth:
                    raise LimitExceeded("source_depth", self.limits.source_depth, where="a pattern")
                start = position
                position, kind, inner = self._open(position, flags, not stack and not items and len(alternatives) == 1)
                if kind == "flags":
                    flags = inner
                    repeatable = False
                elif kind == "comment":
                    pass
                elif kind == "backreference":
                    items.append(epsilon())
                    repeatable = True
                else:
                    stack.append(_Frame(alternatives, items, flags, kind, start))
                    flags = inner
                    items = []
                    alternatives = [items]
                    repeatable = False
            elif character == ")":
                if not stack:
                    self._fail(position, "unbalanced parenthesis")
                frame = stack.pop()
                node = self._close(frame, alternatives, position)
                alternatives, items, flags = frame.alternatives, frame.items, frame.flags
                items.append(node)
                repeatable = True
                position += 1
            elif character == "|":
                items = []
                alternatives.append(items)
                position += 1
                repeatable = False
            elif character == "^":
                items.append(self._line_start() if flags & _MULTILINE else _START)
                position += 1
                repeatable = False
            elif character == "$":
                items.append(self._dollar(flags))
                position += 1
                repeatable = False
            elif flags & _VERBOSE and character in " \t\n\r\v\f#":
                if character == "#":
                    end = pattern.find("\n", position)
                    position = size if end < 0 else end + 1
                else:
                    position += 1
            else:
                items.append(self._character(ord(character), flags))
                position += 1
                repeatable = True
        if stack:
            self._fail(stack[-1].position, "missing ), unterminated group")
        return alternatives

    def _points(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def _open(self, position: int, flags: int, at_start: bool) -> tuple[int, str, int]:
        """Read what follows ``(``: (next position, kind of group, flags inside)."""
        pattern = self.pattern
        if not pattern.startswith("(?", position):
            return position + 1, "group", flags
        following = pattern[position + 2 : position + 3]
        if following == ":":
            return position + 3, "group", flags
        if following == "=":
            return position + 3, "lookahead", flags
        if following == "!":
            return position + 3, "negative lookahead", flags
        if following == ">":
            return position + 3, "atomic", flags
        if following == "#":
            end = pattern.find(")", position)
            if end < 0:
                self._fail(position, "missing ), unterminated comment")
            return end + 1, "comment", flags
        if following == "(":
            end = pattern.find(")", position)
            if end < 0:
                self._fail(position, "missing ), unterminated condition")
            self._note(position, "conditional", "a conditional group is not regular", syntax=False)
            return end + 1, "group", flags
        if following == "<":
            after = pattern[position + 3 : position + 4]
            if after == "=":
                return position + 4, "lookbehind", flags
            if after == "!":
                return position + 4, "negative lookbehind", flags
            if self.ecma:
                return self._name(position + 3), "group", flags
            self._fail(position, f"unknown extension ?<{after}")
        if following == "P":
            after = pattern[position + 3 : position + 4]
            if after == "<":
                return self._name(position + 4), "group", flags
            if after == "=":
                end = pattern.find(")", position)
                if end < 0:
                    self._fail(position, "missing ), unterminated name")
                self._backreference(position, pattern[position : end + 1])
                return end + 1, "backreference", flags
            self._fail(position, f"unknown extension ?P{after}")
        return self._inline_flags(position, flags, at_start)

    def _inline_flags(self, position: int, flags: int, at_start: bool) -> tuple[int, str, int]:
        found = _INLINE_FLAGS.match(self.pattern, position)
        if found is None:
            self._fail(position, f"unknown extension ?{self.pattern[position + 2 : position + 3]}")
        added, removed, closer = found.group(1), found.group(2), found.group(3)
        for letter in added + (removed or ""):
            if letter == "L":
                self._note(position, "locale", "the flag L needs a bytes pattern", syntax=True)
            elif letter not in _INLINE:
                self._fail(position, f"unknown flag {letter!r}")
        plus = minus = 0
        for letter in added:
            plus |= _INLINE.get(letter, 0)
        for letter in removed or "":
            minus |= _INLINE.get(letter, 0)
        if removed == "" or (plus & minus) or minus & (_ASCII | _UNICODE) or (plus & _ASCII and plus & _UNICODE):
            self._fail(position, "bad inline flags")
        if not added and not removed:
            self._fail(position, "missing flag")
        if plus & (_ASCII | _UNICODE):
            flags &= ~(_ASCII | _UNICODE)
        if closer == ":":
            return found.end(), "group", (flags | plus) & ~minus
        if removed is not None:
            self._fail(position, "flags cannot be turned off for the whole pattern")
        if not at_start:
            self._fail(position, "global flags not at the start of the expression")
        return found.end(), "flags", flags | plus

    def _name(self, position: int) -> int:
        found = _GROUP_NAME.match(self.pattern, position)
        if found is None:
            self._fail(position, "bad or unterminated group name")
        name = found.group(1)
        if not (name.replace("$", "_") if self.ecma else name).isidentifier():
            self._fail(position, f"bad character in group name {name!r}")
        if name in self.names and not self.ecma:
            self._fail(position, f"redefinition of group name {name!r}")
        self.names.add(name)
        return found.end()

    def _backreference(self, position: int, shown: str) -> None:
        self._note(
            position,
            "backreference",
            f"the backreference {shown} is not regular",
            syntax=False,
            hint="write out what it may repeat",
        )

    def _close(self, frame: _Frame, alternatives: list[list[Node]], position: int) -> Node:
        kind = frame.kind
        if kind == "group":
            return self._join(alternatives)
        if kind == "lookahead":
            return lookahead(self._formula(alternatives))
        if kind == "negative lookahead":
            return lookahead(complement(self._formula(alternatives)))
        body = self._join(alternatives)
        if kind == "lookbehind":
            return lookbehind(body, False)
        if kind == "negative lookbehind":
            return lookbehind(body, True)
        return self._atomic(body, frame.position)

    def _atomic(self, body: Node, position: int) -> Node:
        if not body.asserting:
            longer = concat(body, repeat(_ANY_BYTE, 1, None))
            if is_empty(intersect(body, longer), Fuel(self.limits.closure_steps, "an atomic group")):
                return body
        self._note(
            position,
            "atomic",
            "an atomic group whose matches begin one another depends on the order of matching",
            syntax=False,
            hint="use an ordinary group, or a lookahead after it",
        )
        return body

    def _quantifier(self, position: int, items: list[Node], repeatable: bool, flags: int) -> tuple[int, bool]:
        """Read a quantifier; (next position, whether another may follow)."""
        pattern = self.pattern
        start = position
        character = pattern[position]
        minimum: int
        maximum: int | None
        if character == "*":
            minimum, maximum = 0, None
            position += 1
        elif character == "+":
            minimum, maximum = 1, None
            position += 1
        elif character == "?":
            minimum, maximum = 0, 1
            position += 1
        else:
            found = _BRACES.match(pattern, position)
            if found is None or found.end() - position == 2:
                items.append(SINGLE_BYTES[0x7B])
                return position + 1, True
            low, comma, high = found.groups()
            if len(low) > 10 or len(high) > 10 or int(low or 0) > _REPEAT_MAXIMUM or int(high or 0) > _REPEAT_MAXIMUM:
                self._fail(position, "the repetition number is too large")
            minimum = int(low or 0)
            maximum = (int(high) if high else None) if comma else minimum
            if maximum is not None and maximum < minimum:
                self._fail(position, "min repeat greater than max repeat")
            position = found.end()
        if not repeatable:
            self._fail(start, "nothing to repeat" if not items else "multiple repeat, or nothing to repeat")
        item = items[-1]
        suffix = pattern[position : position + 1]
        if suffix == "?":
            position += 1
        elif suffix == "+":
            items[-1] = self._possessive(item, minimum, maximum, start)
            return position + 1, False
        items[-1] = repeat(item, minimum, maximum)
        return position, False

    def _possessive(self, item: Node, minimum: int, maximum: int | None, position: int) -> Node:
        # Greedy repeats of a prefix-free body that never give back: as many as there are, or the maximum.
        if minimum == maximum and not item.asserting:
            return self._atomic(repeat(item, minimum, maximum), position)
        longer = concat(item, repeat(_ANY_BYTE, 1, None))
        if (
            not item.asserting
            and not item.nullable
            and is_empty(intersect(item, longer), Fuel(self.limits.closure_steps, "a possessive repeat"))
        ):
            no_more = lookahead(complement(concat(item, any_bytes())))
            if maximum is None:
                return concat(repeat(item, minimum, None), no_more)
            return union(concat(repeat(item, minimum, maximum - 1), no_more), repeat(item, maximum, maximum))
        self._note(
            position,
            "possessive",
            "a possessive repeat of something whose matches begin one another depends on the order of matching",
            syntax=False,
            hint="use an ordinary repeat",
        )
        return repeat(item, minimum, maximum)

    # Elements

    def _character(self, point: int, flags: int) -> Node:
        if flags & _IGNORECASE:
            return self._set(((point, point),), flags)
        if point < 0x80:
            return SINGLE_BYTES[point]
        return code_points(((point, point),), surrogates=self.surrogates)

    def _set(self, ranges: Ranges, flags: int, *, uncased: Ranges = (), negative: bool = False) -> Node:
        """A character of ``ranges``, in any case under the flag i, or of ``uncased``, as they are."""
        if flags & _IGNORECASE and ranges:
            ranges = fold_case(ranges, ascii_only=bool(flags & _ASCII))
        if uncased:
            ranges = normal_ranges([*ranges, *uncased])
        if negative:
            ranges = negate_ranges(ranges)
        return code_points(ranges, surrogates=self.surrogates)

    def _dot(self, flags: int) -> Node:
        if flags & _DOTALL:
            return code_points(((0, 0x10FFFF),), surrogates=self.surrogates)
        key = (".", 0, self.dialect, self.surrogates)
        node = _class_nodes.get(key)
        if node is None:
            ends = ECMA_LINE_ENDS if self.ecma else ((0x0A, 0x0A),)
            node = code_points(negate_ranges(ends), surrogates=self.surrogates)
            _class_nodes[key] = node
        return node

    def _dollar(self, flags: int) -> Node:
        if flags & _MULTILINE:
            ends = ECMA_LINE_ENDS if self.ecma else ((0x0A, 0x0A),)
            line_end = code_points(ends, surrogates=self.surrogates)
            return lookahead(optional(concat(line_end, any_bytes())))
        return _END if self.ecma else _END_OR_NEWLINE

    def _line_start(self) -> Node:
        ends = ECMA_LINE_ENDS if self.ecma else ((0x0A, 0x0A),)
        return lookbehind(code_points(negate_ranges(ends), surrogates=self.surrogates), True)

    def _boundary(self, flags: int, negative: bool) -> Node:
        word = self._set((), flags, uncased=self._named("w", flags))
        before, not_before = lookbehind(word, False), lookbehind(word, True)
        formula = concat(word, any_bytes())
        after, not_after = lookahead(formula), lookahead(complement(formula))
        if not negative:
            return union(concat(before, not_after), concat(not_before, after))
        node = union(concat(before, after), concat(not_before, not_after))
        if not self.ecma and sys.version_info < (3, 14):
            # Older Pythons: \B never matches in the empty text.
            some_text = union(lookbehind(_ANY_BYTE, False), lookahead(concat(_ANY_BYTE, any_bytes())))
            return concat(some_text, node)
        return node

    def _named(self, letter: str, flags: int) -> Ranges:
        """What ``\\d``, ``\\w`` or ``\\s`` stands for."""
        if letter == "d":
            return ASCII_DIGIT if self.ecma or flags & _ASCII else python_class("d")
        if letter == "w":
            if self.ecma:
                return fold_case(ASCII_WORD) if flags & _IGNORECASE else ASCII_WORD
            return ASCII_WORD if flags & _ASCII else python_class("w")
        if self.ecma:
            return ECMA_SPACE
        return ASCII_SPACE if flags & _ASCII else python_class("s")

    def _escape(self, position: int, flags: int) -> tuple[Node, int]:
        """An escape outside a class: (node, next position)."""
        letter = self.pattern[position + 1 : position + 2]
        if letter in ("d", "w", "s", "D", "W", "S"):
            key = ("\\" + letter, flags & (_ASCII | _IGNORECASE), self.dialect, self.surrogates)
            node = _class_nodes.get(key)
            if node is None:
                node = self._set((), flags, uncased=self._named(letter.lower(), flags), negative=letter.isupper())
                _class_nodes[key] = node
            return node, position + 2
        if letter == "b" or letter == "B":
            return self._boundary(flags, letter == "B"), position + 2
        if letter == "A":
            return _START, position + 2
        if letter == "Z":
            return _END, position + 2
        if letter.isdigit() and letter.isascii() and letter != "0":
            return self._numbered(position, flags)
        if letter == "k" and self.ecma:
            found = re.compile(r"\\k<[\w$]+>").match(self.pattern, position)
            if found is None:
                self._fail(position, "bad escape \\k")
            self._backreference(position, found.group())
            return epsilon(), found.end()
        point, ranges, position = self._escaped(position, flags, in_class=False)
        if ranges is not None:
            return self._set(ranges, flags), position
        return self._character(point, flags), position

    def _numbered(self, position: int, flags: int) -> tuple[Node, int]:
        pattern = self.pattern
        digits = pattern[position + 1 : position + 4]
        if len(digits) == 3 and all(digit in "01234567" for digit in digits) and not self.ecma:
            if int(digits, 8) > 0o377:
                self._fail(position, f"octal escape value \\{digits} outside of range 0-0o377")
            return self._character(int(digits, 8), flags), position + 4
        found = re.compile(r"\\\d\d?").match(pattern, position)
        assert found is not None
        self._backreference(position, found.group())
        return epsilon(), found.end()

    def _escaped(self, position: int, flags: int, *, in_class: bool) -> tuple[int, Ranges | None, int]:  # noqa: RET503
        """An escape that stands for characters: (code point, or a set, next position)."""
        pattern = self.pattern
        letter = pattern[position + 1 : position + 2]
        after = position + 2
        if not letter:
            self._fail(position, "bad escape (end of pattern)")
        if letter in _ESCAPED:
            return _ESCAPED[letter], None, after
        if not letter.isalnum() or not letter.isascii():
            return ord(letter), None, after
        if letter in "dwsDWS":
            ranges = self._named(letter.lower(), flags)
            return 0, (negate_ranges(ranges) if letter.isupper() else ranges), after
        if letter == "b" and in_class:
            return 0x08, None, after
        if letter == "x":
            return self._hexadecimal(position, after, 2), None, after + 2
        if letter == "u":
            if self.ecma and pattern.startswith("{", after):
                end = pattern.find("}", after)
                digits = pattern[after + 1 : max(end, after + 1)]
                if end < 0 or not digits or not _HEX.issuperset(digits) or int(digits, 16) > 0x10FFFF:
                    self._fail(position, "bad escape \\u{...}")
                return int(digits, 16), None, end + 1
            point = self._hexadecimal(position, after, 4)
            after += 4
            if self.ecma and 0xD800 <= point <= 0xDBFF and pattern.startswith("\\u", after):
                low = pattern[after + 2 : after + 6]
                if len(low) == 4 and _HEX.issuperset(low) and 0xDC00 <= int(low, 16) <= 0xDFFF:
                    return 0x10000 + ((point - 0xD800) << 10) + (int(low, 16) - 0xDC00), None, after + 6
            return point, None, after
        if letter == "U" and not self.ecma:
            point = self._hexadecimal(position, after, 8)
            if point > 0x10FFFF:
                self._fail(position, "bad escape \\U: not a code point")
            return point, None, after + 8
        if letter == "N" and not self.ecma:
            end = pattern.find("}", after)
            if not pattern.startswith("{", after) or end < 0:
                self._fail(position, "bad escape \\N: missing {name}")
            try:
                return ord(unicodedata.lookup(pattern[after + 1 : end])), None, end + 1
            except (KeyError, TypeError):
                self._fail(position, f"undefined character name {pattern[after + 1 : end]!r}")
        if letter == "c" and self.ecma:
            control = pattern[after : after + 1]
            if control.isalpha() and control.isascii():
                return ord(control) % 32, None, after + 1
            self._fail(position, "bad escape \\c")
        if letter in "pP" and self.ecma:
            return 0, self._property(position, letter == "P"), pattern.find("}", after) + 1
        if letter in "01234567":
            # Octal, as Python has it; ECMA-262 knows \0 only.
            end = after
            while end < len(pattern) and end < position + 4 and pattern[end] in "01234567":
                end += 1
            value = int(pattern[position + 1 : end], 8)
            if value > 0o377:
                self._fail(position, f"octal escape value {pattern[position:end]} outside of range 0-0o377")
            return value, None, end
        self._fail(position, f"bad escape \\{letter}")

    def _hexadecimal(self, position: int, start: int, count: int) -> int:
        digits = self.pattern[start : start + count]
        if len(digits) != count or not _HEX.issuperset(digits):
            self._fail(position, f"incomplete escape {self.pattern[position : start + count]}")
        return int(digits, 16)

    def _property(self, position: int, negative: bool) -> Ranges:
        pattern = self.pattern
        end = pattern.find("}", position)
        if not pattern.startswith("{", position + 2) or end < 0:
            self._fail(position, "bad escape \\p: missing {property}")
        name = pattern[position + 3 : end]
        ranges = unicode_property(name)
        if ranges is None:
            self._note(
                position,
                "unicode-property",
                f"no exact table of the Unicode property {name!r}",
                syntax=False,
                hint="use a general category such as \\p{L}, or ranges",
            )
            return ()
        return negate_ranges(ranges) if negative else ranges

    # Classes

    def _class(self, position: int, flags: int) -> tuple[Node, int]:
        found = _SIMPLE_CLASS.match(self.pattern, position)
        key: tuple[str, int, str, bool] | None = None
        if found is not None:
            key = (found.group(), flags & (_IGNORECASE | _ASCII), self.dialect, self.surrogates)
            node = _class_nodes.get(key)
            if node is not None:
                return node, found.end()
        start = position
        node, position = self._read_class(position, flags)
        if key is not None and not self.findings and position == start + len(key[0]):
            if len(_class_nodes) >= _CLASS_CACHE_SIZE:
                _class_nodes.clear()
            _class_nodes[key] = node
        return node, position

    def _read_class(self, position: int, flags: int) -> tuple[Node, int]:
        pattern = self.pattern
        size = len(pattern)
        start = position
        position += 1
        negative = pattern.startswith("^", position)
        if negative:
            position += 1
        ranges: list[tuple[int, int]] = []
        # Python looks up the lower case in a class escape; ECMA-262 closes the whole set, \p included.
        uncased: list[tuple[int, int]] = ranges if self.ecma else []
        first = position
        while True:
            if position >= size:
                self._fail(start, "unterminated character class")
            if pattern[position] == "]" and (self.ecma or position != first):
                break
            here = position
            low, members, position = self._member(position, flags)
            if pattern.startswith("-", position) and position + 1 < size and pattern[position + 1] != "]":
                high, others, after = self._member(position + 1, flags)
                if members is not None or others is not None:
                    if not self.ecma:
                        self._fail(here, f"bad character range {pattern[here:after]}")
                    ranges.append((0x2D, 0x2D))
                    ranges.extend(members if members is not None else ((low, low),))
                    ranges.extend(others if others is not None else ((high, high),))
                else:
                    if high < low:
                        self._fail(here, f"bad character range {pattern[here:after]}")
                    ranges.append((low, high))
                position = after
            elif members is not None:
                uncased.extend(members)
            else:
                ranges.append((low, low))
        others = () if self.ecma else normal_ranges(uncased)
        return self._set(normal_ranges(ranges), flags, uncased=others, negative=negative), position + 1

    def _member(self, position: int, flags: int) -> tuple[int, Ranges | None, int]:
        if position >= len(self.pattern):
            self._fail(position, "unterminated character class")
        if self.pattern[position] == "\\":
            return self._escaped(position, flags, in_class=True)
        return ord(self.pattern[position]), None, position + 1
