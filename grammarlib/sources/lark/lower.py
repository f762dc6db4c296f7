"""Lark definitions -> a grammar: groups, repeats, templates and terminals' patterns.

Purpose: rules become productions, one new nonterminal for each group or repeat (so that nothing is multiplied out);
terminals become regexes.
Place: second half of `grammarlib.sources.lark`.
Cost: linear in the text, times nothing; a repeat ``x~n..m`` costs n + m symbols.
Not taken: lark's own compilation to productions, which multiplies alternatives out (``(a|b) (a|b) ...`` is
exponential) and glues the patterns of a terminal without grouping them (``/a|b/ "c"`` becomes ``a|bc``; here
it means ``(?:a|b)c``).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lark import Token, Tree
from lark.exceptions import GrammarError
from lark.lexer import PatternStr
from lark.load_grammar import _literal_to_pattern

from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.dtypes import DEAD
from grammarlib.errors import CompileError, Finding, InvalidSource, LimitExceeded, UnsupportedFeature
from grammarlib.ir import regex
from grammarlib.ir.grammar import Grammar, GrammarBuilder, Nonterminal, Symbol, Terminal
from grammarlib.limits import Limits
from grammarlib.sources.lark.loader import Definition, Definitions, Place, Reference
from grammarlib.sources.regex import parse_pattern

_PATTERN_CHARACTERS: Final = 1_000_000
_CONTEXT_WIDTH: Final = 3
_OUTSIDE_ENTRIES: Final = 1_024

_outside: dict[str, bool] = {}
"""What `_looks_outside` found, by pattern: grammars share their terminals."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A template that is handed to another as an argument."""

    name: str


Argument = Symbol | _Template
Environment = Mapping[str, Argument]


def lower(definitions: Definitions, start: str, limits: Limits) -> Grammar:
    """The grammar that begins with the rule ``start``.

    Raises `InvalidSource` or `UnsupportedFeature`, each with every finding, or `LimitExceeded`.
    """
    first = definitions.by_name.get(start)
    if first is None or first.terminal:
        raise InvalidSource(Place(1, 1).finding("undefined", f"the start rule {start} is not defined"))
    if first.parameters:
        raise InvalidSource(first.place.finding("template", f"the start rule {start} is a template"))
    lowering = _Lowering(definitions, limits)
    grammar = lowering.run(start)
    if lowering.invalid:
        raise InvalidSource(lowering.invalid)
    if lowering.unsupported:
        raise UnsupportedFeature(lowering.unsupported)
    return grammar


class _Lowering:
    def __init__(self, definitions: Definitions, limits: Limits) -> None:
        self.invalid: list[Finding] = []
        self.unsupported: list[Finding] = []
        self._definitions = definitions
        self._limits = limits
        self._builder = GrammarBuilder(limits, "the rules of a Lark grammar")
        self._queue: deque[tuple[Nonterminal, Tree[Any], Environment]] = deque()
        self._rules: dict[tuple[str, tuple[Argument, ...]], Nonterminal] = {}
        self._terminals: dict[str, Terminal] = {}
        self._literals: dict[str, Terminal] = {}

    def run(self, start: str) -> Grammar:
        first = self._rule(start, ())
        while self._queue:
            target, tree, environment = self._queue.popleft()
            self._lower(target, tree, environment)
        ignore = tuple(self._terminal(name) for name, _ in self._definitions.ignored)
        return self._builder.build(first, ignore)

    def _rule(self, name: str, arguments: tuple[Argument, ...]) -> Nonterminal:
        key = (name, arguments)
        found = self._rules.get(key)
        if found is None:
            if len(self._rules) >= self._limits.components:
                raise LimitExceeded("components", self._limits.components, len(self._rules) + 1, "templates in Lark")
            definition = self._definitions.by_name[name]
            text = f"{name}#{len(self._rules)}" if arguments else name
            found = self._rules[key] = Nonterminal(text)
            if definition.tree is not None:
                environment = dict(zip(definition.parameters, arguments, strict=True))
                self._queue.append((found, definition.tree, environment))
        return found

    def _lower(self, target: Nonterminal, tree: Tree[Any], environment: Environment) -> None:
        """Emit the productions of ``target``, which stands for ``tree``."""
        kind = tree.data
        if kind == "expansions":
            for child in tree.children:
                if isinstance(child, Tree) and child.data == "alias":
                    child = child.children[0]
                if isinstance(child, Tree) and child.data == "expansion":
                    self._builder.add(target, [self._symbol(target, part, environment) for part in child.children])
                else:
                    self._builder.add(target, [self._symbol(target, child, environment)])
        elif kind == "expansion":
            self._builder.add(target, [self._symbol(target, part, environment) for part in tree.children])
        elif kind == "maybe":
            self._builder.add(target, ())
            self._builder.add(target, [self._symbol(target, tree.children[0], environment)])
        elif kind == "expr":
            self._repeat(target, tree, self._symbol(target, tree.children[0], environment))
        else:
            self._builder.add(target, [self._symbol(target, tree, environment)])

    def _repeat(self, target: Nonterminal, tree: Tree[Any], item: Symbol) -> None:
        operator = tree.children[1]
        if operator == "~":
            bounds = tree.children[2:]
            minimum, maximum = self._count(bounds[0]), self._count(bounds[-1])
            if minimum < 0 or maximum < minimum:
                shown = "..".join(token.value for token in bounds)
                place = Place(operator.line or 1, operator.column or 1)
                self.invalid.append(place.finding("repeat", f"~{shown} is no range of counts", keyword="~"))
                return
            self._builder.add_repeat(target, item, minimum, maximum)
        else:
            self._builder.add_repeat(target, item, 1 if operator == "+" else 0, 1 if operator == "?" else None)

    def _count(self, token: Token) -> int:
        bound = self._limits.states
        value = int(token.value) if len(token.value) < 16 else bound + 1
        if value > bound:
            raise LimitExceeded("states", bound, value, "a repeat in a Lark grammar")
        return value

    def _symbol(self, owner: Nonterminal, tree: Tree[Any], environment: Environment) -> Symbol:
        """The symbol of an item: a name, a literal, or a new nonterminal for anything larger."""
        while tree.data == "expansions" and len(tree.children) == 1:
            inner = tree.children[0]
            if inner.data == "alias":
                inner = inner.children[0]
            if inner.data != "expansion" or len(inner.children) != 1:
                break
            tree = inner.children[0]
        if tree.data != "value":
            target = self._builder.fresh(owner)
            self._queue.append((target, tree, environment))
            return target
        result = self._argument(tree, environment)
        if isinstance(result, _Template):
            place = tree.children[0].place if isinstance(tree.children[0], Reference) else Place(1, 1)
            self.invalid.append(place.finding("template", f"template {result.name} is used without arguments"))
            return Nonterminal("@invalid")
        return result

    def _argument(self, value: Tree[Any], environment: Environment) -> Argument:
        """What a ``value`` means.  Template arguments nest, so an explicit stack evaluates them."""
        stack: list[tuple[Tree[Any], list[Argument]]] = []
        current: Tree[Any] = value
        while True:
            child = current.children[0]
            result: Argument
            if isinstance(child, Reference):
                result = self._named(child, environment)
            elif child.data == "template_usage":
                stack.append((child, []))
                current = child.children[1]
                continue
            elif child.data == "literal":
                result = self._literal(child.children[0])
            else:
                result = self._range(child)
            while stack:
                usage, arguments = stack[-1]
                arguments.append(result)
                if len(arguments) + 1 < len(usage.children):
                    current = usage.children[len(arguments) + 1]
                    break
                stack.pop()
                result = self._apply(usage.children[0], tuple(arguments), environment)
            else:
                return result

    def _named(self, reference: Reference, environment: Environment) -> Argument:
        bound = environment.get(reference.name)
        if bound is not None:
            return bound
        definition = self._definitions.by_name[reference.name]
        if definition.terminal:
            return self._terminal(reference.name)
        if definition.parameters:
            return _Template(reference.name)
        return self._rule(reference.name, ())

    def _apply(self, reference: Reference, arguments: tuple[Argument, ...], environment: Environment) -> Argument:
        bound = environment.get(reference.name)
        name = bound.name if isinstance(bound, _Template) else reference.name
        definition = self._definitions.by_name.get(name)
        if definition is None or (bound is not None and not isinstance(bound, _Template)):
            self.invalid.append(reference.place.finding("template", f"{reference.name} is not a template here"))
            return Nonterminal("@invalid")
        if len(definition.parameters) != len(arguments):
            message = f"{name} takes {len(definition.parameters)} arguments, not {len(arguments)}"
            self.invalid.append(reference.place.finding("template", message))
            return Nonterminal("@invalid")
        return self._rule(name, arguments)

    def _terminal(self, name: str) -> Terminal:
        found = self._terminals.get(name)
        if found is None:
            definition = self._definitions.by_name[name]
            found = self._terminals[name] = Terminal(name, self._named_regex(definition))
        return found

    def _named_regex(self, definition: Definition) -> regex.Node:
        tree = definition.tree
        if tree is None:
            return regex.nothing()
        single: Any = tree
        while isinstance(single, Tree) and single.data != "range" and len(single.children) == 1:
            single = single.children[0]
        if isinstance(single, Token):
            pattern = self._pattern(single, definition.place)
            if isinstance(pattern, PatternStr) and not pattern.flags:
                return regex.literal(_encode(pattern.value))
        joined = self._joined(tree, definition)
        return self._regex(joined, definition.place, f"terminal {definition.name}") if joined else regex.nothing()

    def _literal(self, token: Token) -> Terminal:
        found = self._literals.get(token.value)
        if found is None:
            place = Place(token.line or 1, token.column or 1)
            pattern = self._pattern(token, place)
            if pattern is None:
                node = regex.nothing()
            elif isinstance(pattern, PatternStr) and not pattern.flags:
                node = regex.literal(_encode(pattern.value))
            else:
                node = self._regex(pattern.to_regexp(), place, f"terminal {token.value}")
            found = self._literals[token.value] = Terminal(token.value, node)
        return found

    def _range(self, tree: Tree[Any]) -> Terminal:
        low, high = tree.children
        place = Place(low.line or 1, low.column or 1)
        text = f"{low.value}..{high.value}"
        pattern = self._range_pattern(tree, place)
        return Terminal(text, self._regex(pattern, place, text) if pattern else regex.nothing())

    def _range_pattern(self, tree: Tree[Any], place: Place) -> str:
        ends = []
        for token in tree.children:
            pattern = self._pattern(token, place)
            if pattern is None:
                return ""
            if pattern.flags or len(pattern.value) != 1:
                message = f"{token.value} is not one character; a range goes from one character to another"
                self.invalid.append(place.finding("range", message, keyword=".."))
                return ""
            ends.append(ord(pattern.value))
        if ends[0] > ends[1]:
            message = f"the range {tree.children[0].value}..{tree.children[1].value} is empty"
            self.invalid.append(place.finding("range", message, keyword=".."))
            return ""
        return f"[\\U{ends[0]:08x}-\\U{ends[1]:08x}]"

    def _pattern(self, token: Token, place: Place) -> Any:
        """Lark's reading of a literal, or None where it is malformed."""
        try:
            return _literal_to_pattern(token)
        except (GrammarError, ValueError, SyntaxError) as error:
            words = str(error).split("\n", 1)[0]
            here = Place(token.line or 1, token.column or 1, place.file)
            self.invalid.append(here.finding("literal", f"malformed literal {_shown(token.value)}: {words}"))
            return None

    def _joined(self, root: Tree[Any], definition: Definition) -> str:
        """The pattern of a terminal's tree, in which subtrees may be shared; empty where something is malformed."""
        done: dict[int, str] = {}
        open_trees: set[int] = set()
        stack: list[tuple[Tree[Any], bool]] = [(root, False)]
        while stack:
            tree, children_done = stack.pop()
            key = id(tree)
            if key in done:
                continue
            if not children_done and tree.data not in ("literal", "range"):
                if key in open_trees:
                    message = f"terminal {definition.name} uses itself; only rules may be recursive"
                    self.invalid.append(definition.place.finding("recursion", message))
                    return ""
                open_trees.add(key)
                stack.append((tree, True))
                stack.extend((child, False) for child in tree.children if isinstance(child, Tree))
                continue
            open_trees.discard(key)
            pattern = self._join(tree, done, definition)
            if pattern is None:
                return ""
            if len(pattern) > _PATTERN_CHARACTERS:
                where = f"terminal {definition.name}"
                raise LimitExceeded("regex_nodes", self._limits.regex_nodes, len(pattern), where)
            done[key] = pattern
        return done[id(root)]

    def _join(self, tree: Tree[Any], done: dict[int, str], definition: Definition) -> str | None:
        kind = tree.data
        place = definition.place
        if kind == "literal":
            pattern = self._pattern(tree.children[0], place)
            return None if pattern is None else f"(?:{pattern.to_regexp()})"
        if kind == "range":
            return self._range_pattern(tree, place) or None
        if kind == "alias":
            self.invalid.append(place.finding("alias", f"terminal {definition.name} has an alias (->)", keyword="->"))
            return None
        parts = [done[id(child)] for child in tree.children if isinstance(child, Tree)]
        if kind in ("value", "expansion"):
            return "".join(parts)
        if kind == "expansions":
            return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
        if kind == "maybe":
            return f"(?:{parts[0]})?"
        operator = tree.children[1]
        if operator == "~":
            bounds = [token.value for token in tree.children[2:]]
            if any(bound.startswith("-") for bound in bounds) or self._count(tree.children[2]) > self._count(
                tree.children[-1]
            ):
                self.invalid.append(place.finding("repeat", f"~{'..'.join(bounds)} is no range of counts", keyword="~"))
                return None
            return f"(?:{parts[0]}){{{','.join(str(int(bound)) for bound in bounds)}}}"
        return f"(?:{parts[0]}){operator}"

    def _regex(self, pattern: str, place: Place, where: str) -> regex.Node:
        try:
            node = parse_pattern(pattern, dialect="python", limits=self._limits)
            if _looks_outside(pattern, node, self._limits):
                self.unsupported.append(
                    place.finding(
                        "unsupported-keyword",
                        f"{where} looks at text before or after its own lexeme",
                        keyword="lookaround",
                        hint="lookaround, anchors and \\b are exact inside a terminal only",
                    )
                )
            return node
        except CompileError as error:
            found = [
                place.finding(
                    finding.code,
                    f"{finding.message} (in {where}, pattern {_shown(pattern)})",
                    keyword=finding.keyword,
                    hint=finding.hint,
                )
                for finding in error.findings
            ]
            (self.unsupported if isinstance(error, UnsupportedFeature) else self.invalid).extend(found)
            return regex.nothing()


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _shown(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


_TOKENS: Final = re.compile(r"\\(.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:[=!]|<[=!])|[\^$]", re.DOTALL)


def _looks_outside(pattern: str, node: regex.Node, limits: Limits) -> bool:
    """Whether the text around a lexeme decides if ``pattern`` matches it.

    A lexeme must be a full match by itself; a lookaround that sees past its ends would mean something else
    there than in ``pattern`` alone.  So the pattern is compared with itself inside a longer text, for each short width
    of that context and for any width.
    """
    ahead = behind = False
    for match in _TOKENS.finditer(pattern):
        token = match[0]
        if token in ("(?=", "(?!", "$", "\\Z", "\\z"):
            ahead = True
        elif token in ("(?<=", "(?<!", "^", "\\A"):
            behind = True
        elif token in ("\\b", "\\B"):
            ahead = behind = True
    if not ahead and not behind:
        return False
    known = _outside.get(pattern)
    if known is None:
        known = _sees_context(pattern, node, ahead, behind, limits)
        if len(_outside) >= _OUTSIDE_ENTRIES:
            _outside.clear()
        _outside[pattern] = known
    return known


def _sees_context(pattern: str, node: regex.Node, ahead: bool, behind: bool, limits: Limits) -> bool:
    contexts = [(f"(?s:.){{{width}}}", width) for width in range(1, _CONTEXT_WIDTH + 1)]
    contexts.append(("(?s:.*)", -1))
    for text, width in contexts:
        around = regex.any_text() if width < 0 else regex.repeat(regex.any_character(), width, width)
        if ahead:
            wider = parse_pattern(f"(?:{pattern}){text}", dialect="python", limits=limits)
            if not _same(wider, regex.concat(node, around), limits):
                return True
        if behind:
            wider = parse_pattern(f"{text}(?:{pattern})", dialect="python", limits=limits)
            if not _same(wider, regex.concat(around, node), limits):
                return True
    return False


def _same(first: regex.Node, second: regex.Node, limits: Limits) -> bool:
    if first is second:
        return True
    one, other = regex.difference(first, second), regex.difference(second, first)
    return LazyDFA([one], limits).start == DEAD and LazyDFA([other], limits).start == DEAD
