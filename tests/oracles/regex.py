"""Slow truth about patterns: sets of end positions, straight from the definitions.

Purpose: a twin of `grammarlib.sources.regex` that shares no code with it: no derivatives, no bytes, no automata.
A pattern is a tree of tuples; `render` writes it as pattern text, `ends` gives every position where a match that
starts at a given one can end.  `belongs` is the same for Boolean trees over byte strings.

Trees: ``("char", c)``, ``("dot",)``, ``("class", negative, members)``, ``("escape", letter)``, ``("sequence", trees)``,
``("either", trees)``, ``("repeat", tree, minimum, maximum, lazy)``, ``("look", tree, behind, negative)``,
``("anchor", text)`` with text one of ``^ $ \\A \\Z \\b \\B``, ``("flag", letter, tree)``.  Members of a class: a
character, a pair of characters, or ``("escape", letter)``.
"""

from __future__ import annotations

import sys
from typing import Any

Tree = tuple[Any, ...]

_SPECIAL = set("\\^$.|?*+()[]{}")
_ECMA_SPACE = set("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff") | {
    chr(c) for c in range(0x2000, 0x200B)
}
_ECMA_WORD = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_ECMA_LINE_ENDS = "\n\r\u2028\u2029"


def render(tree: Tree) -> str:
    """The tree as a pattern, in syntax that both dialects share."""
    kind = tree[0]
    if kind == "char":
        return "\\" + tree[1] if tree[1] in _SPECIAL else tree[1]
    if kind == "dot":
        return "."
    if kind == "escape":
        return "\\" + tree[1]
    if kind == "class":
        parts = []
        for member in tree[2]:
            if isinstance(member, str):
                parts.append("\\" + member if member in "\\]^-[" else member)
            elif member[0] == "escape":
                parts.append("\\" + member[1])
            else:
                parts.append(f"{member[0]}-{member[1]}")
        return "[" + ("^" if tree[1] else "") + "".join(parts) + "]"
    if kind == "sequence":
        return "".join(render(part) for part in tree[1])
    if kind == "either":
        return "(?:" + "|".join(render(part) for part in tree[1]) + ")"
    if kind == "repeat":
        _, body, minimum, maximum, lazy = tree
        if maximum is None:
            count = {0: "*", 1: "+"}.get(minimum, f"{{{minimum},}}")
        elif (minimum, maximum) == (0, 1):
            count = "?"
        else:
            count = f"{{{minimum}}}" if minimum == maximum else f"{{{minimum},{maximum}}}"
        return f"(?:{render(body)}){count}" + ("?" if lazy else "")
    if kind == "look":
        _, body, behind, negative = tree
        return "(?" + ("<" if behind else "") + ("!" if negative else "=") + render(body) + ")"
    if kind == "anchor":
        return str(tree[1])
    assert kind == "flag"
    return f"(?{tree[1]}:{render(tree[2])})"


class Definition:
    """The meaning of patterns on one text."""

    def __init__(self, text: str, dialect: str) -> None:
        self.text = text
        self.ecma = dialect == "ecma"
        self._memo: dict[tuple[int, int, frozenset[str]], set[int]] = {}
        self._trees: list[Tree] = []

    def full_match(self, tree: Tree) -> bool:
        """Whether the tree matches the whole text."""
        return len(self.text) in self.ends(tree, 0, frozenset())

    def found(self, tree: Tree) -> bool:
        """Whether the tree matches somewhere in the text."""
        return any(self.ends(tree, start, frozenset()) for start in range(len(self.text) + 1))

    def ends(self, tree: Tree, start: int, flags: frozenset[str]) -> set[int]:
        """Where a match of the tree that begins at ``start`` can end."""
        key = (id(tree), start, flags)
        if key not in self._memo:
            self._trees.append(tree)  # keeps the id from being used again
            self._memo[key] = self._ends(tree, start, flags)
        return self._memo[key]

    def _ends(self, tree: Tree, start: int, flags: frozenset[str]) -> set[int]:
        kind = tree[0]
        if kind in ("char", "dot", "class", "escape"):
            here = self.text[start : start + 1]
            return {start + 1} if here and self._accepts(tree, here, flags) else set()
        if kind == "sequence":
            positions = {start}
            for part in tree[1]:
                positions = {end for position in positions for end in self.ends(part, position, flags)}
            return positions
        if kind == "either":
            return {end for part in tree[1] for end in self.ends(part, start, flags)}
        if kind == "repeat":
            return self._repeat(tree, start, flags)
        if kind == "look":
            _, body, behind, negative = tree
            if behind:
                holds = any(start in self.ends(body, before, flags) for before in range(start + 1))
            else:
                holds = bool(self.ends(body, start, flags))
            return {start} if holds != negative else set()
        if kind == "anchor":
            return {start} if self._anchor(tree[1], start, flags) else set()
        assert kind == "flag"
        return self.ends(tree[2], start, flags | {tree[1]})

    def _repeat(self, tree: Tree, start: int, flags: frozenset[str]) -> set[int]:
        _, body, minimum, maximum, _ = tree
        positions = {start}
        for _ in range(minimum):
            positions = {end for position in positions for end in self.ends(body, position, flags)}
        result = set(positions)
        count = minimum
        while positions and (maximum is None or count < maximum):
            following = {end for position in positions for end in self.ends(body, position, flags)}
            positions = following - result
            result |= following
            count += 1
        return result

    def _accepts(self, tree: Tree, here: str, flags: frozenset[str]) -> bool:
        kind = tree[0]
        if kind == "char":
            return self._same(tree[1], here, flags)
        if kind == "dot":
            return "s" in flags or here not in (_ECMA_LINE_ENDS if self.ecma else "\n")
        if kind == "escape":
            return self._escape(tree[1], here)
        inside = any(self._member(member, here, flags) for member in tree[2])
        return inside != tree[1]

    def _member(self, member: Any, here: str, flags: frozenset[str]) -> bool:
        if isinstance(member, str):
            return self._same(member, here, flags)
        if member[0] == "escape":
            return self._escape(member[1], here)
        low, high = ord(member[0]), ord(member[1])
        return any(self._same(chr(point), here, flags) for point in range(low, high + 1))

    @staticmethod
    def _same(wanted: str, here: str, flags: frozenset[str]) -> bool:
        return wanted == here or ("i" in flags and (wanted.lower() == here.lower() or wanted.upper() == here.upper()))

    def _escape(self, letter: str, here: str) -> bool:
        if letter.isupper():
            return not self._escape(letter.lower(), here)
        if letter == "d":
            return here in "0123456789" if self.ecma else here.isdecimal()
        if letter == "w":
            return here in _ECMA_WORD if self.ecma else (here.isalnum() or here == "_")
        return here in _ECMA_SPACE if self.ecma else here.isspace()

    def _anchor(self, anchor: str, position: int, flags: frozenset[str]) -> bool:
        text = self.text
        ends = _ECMA_LINE_ENDS if self.ecma else "\n"
        if anchor == "\\A" or (anchor == "^" and "m" not in flags):
            return position == 0
        if anchor == "^":
            return position == 0 or text[position - 1] in ends
        if anchor == "\\Z":
            return position == len(text)
        if anchor == "$":
            if position == len(text) or ("m" in flags and text[position] in ends):
                return True
            return not self.ecma and "m" not in flags and text[position:] == "\n"
        before = position > 0 and self._escape("w", text[position - 1])
        after = position < len(text) and self._escape("w", text[position])
        if anchor == "\\b":
            return before != after
        if not self.ecma and not text and sys.version_info < (3, 14):
            return False
        return before == after


def belongs(tree: Tree, word: bytes) -> bool:
    """Whether ``word`` belongs to a Boolean tree over bytes.

    ``("bytes", set)``, ``("nothing",)``, ``("epsilon",)``, ``("sequence", [t, t])``, ``("either", ts)``,
    ``("both", ts)``, ``("not", t)``, ``("repeat", t, minimum, maximum)``.
    """
    memo: dict[tuple[int, int, int], bool] = {}

    def between(node: Tree, start: int, end: int) -> bool:
        key = (id(node), start, end)
        if key not in memo:
            memo[key] = decide(node, start, end)
        return memo[key]

    def decide(node: Tree, start: int, end: int) -> bool:
        kind = node[0]
        if kind == "bytes":
            return end == start + 1 and word[start] in node[1]
        if kind == "nothing":
            return False
        if kind == "epsilon":
            return start == end
        if kind == "sequence":
            first, second = node[1]
            return any(between(first, start, cut) and between(second, cut, end) for cut in range(start, end + 1))
        if kind == "either":
            return any(between(part, start, end) for part in node[1])
        if kind == "both":
            return all(between(part, start, end) for part in node[1])
        if kind == "not":
            return not between(node[1], start, end)
        assert kind == "repeat"
        _, body, minimum, maximum = node
        positions = {start}
        counts = 0
        seen: set[frozenset[int]] = set()
        while True:
            if counts >= minimum and end in positions:
                return True
            if (maximum is not None and counts >= maximum) or not positions:
                return False
            if counts >= minimum:
                if frozenset(positions) in seen:
                    return False
                seen.add(frozenset(positions))
            positions = {cut for begin in positions for cut in range(begin, end + 1) if between(body, begin, cut)}
            counts += 1

    return between(tree, 0, len(word))
