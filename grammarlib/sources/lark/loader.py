"""Lark text -> definitions: statements read, imports followed, names resolved.

Purpose: lark's own parser reads the syntax; this module gives the statements their meaning (imports and their name
mangling, ``%override``, ``%extend``, ``%ignore``), and keeps the line and column of everything.
Place: first half of `grammarlib.sources.lark`; `grammarlib.sources.lark.lower` makes a grammar of the result.
Cost: lark's parser, some 20 microseconds for each token of the grammar; the rest is linear.
Not taken: lark's ``GrammarBuilder``.  Its loader resolves terminals by repeated passes (a chain of a thousand takes
minutes), recurses on nested groups, stops at the first error without a position, and looks for imports beside
``__main__``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lark import Token, Tree
from lark.exceptions import LarkError, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.load_grammar import _get_parser, stdlib_loader

from grammarlib.errors import Finding, InvalidSource, LimitExceeded, UnsupportedFeature
from grammarlib.limits import Limits

_IMPORT_DEPTH: Final = 16
_EXTENSION: Final = ".lark"
_NOISE: Final = re.compile(
    r'"(?:\\.|[^"\\\n])*"|//[^\n]*|\#[^\n]*|/(?!/)(?:\\/|\\\\|[^/])*?/|[(\[{]|[)\]}]',
)

_WORDS: Final = {
    "_LPAR": "(",
    "_RPAR": ")",
    "_LBRA": "[",
    "_RBRA": "]",
    "_LBRACE": "{",
    "_RBRACE": "}",
    "_COLON": ":",
    "_COMMA": ",",
    "_OR": "|",
    "_NL_OR": "|",
    "_DOT": ".",
    "_DOTDOT": "..",
    "TILDE": "~",
    "_TO": "->",
    "OP": "an operator (* + ?)",
    "RULE": "a rule's name",
    "TERMINAL": "a terminal's name",
    "RULE_MODIFIERS": "a rule",
    "STRING": "a string",
    "REGEXP": "a regex",
    "NUMBER": "a number",
    "_NL": "the end of the line",
    "$END": "the end of the text",
    "_IGNORE": "%ignore",
    "_OVERRIDE": "%override",
    "_DECLARE": "%declare",
    "_EXTEND": "%extend",
    "_IMPORT": "%import",
}
_LIBRARY_ENTRIES: Final = 256

Mangle = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; ``file`` is empty for the text that the caller gave."""

    line: int
    column: int
    file: str = ""

    def finding(self, code: str, message: str, *, keyword: str | None = None, hint: str | None = None) -> Finding:
        """A finding at this place."""
        if self.file:
            message = f"{message} (in the imported grammar {self.file})"
        return Finding(code, message, keyword=keyword, line=self.line, column=self.column, hint=hint)


@dataclass(slots=True)
class Reference:
    """The name of a rule or terminal where it is used."""

    name: str
    terminal: bool
    place: Place


@dataclass(slots=True)
class Definition:
    """A rule or terminal.  ``tree`` is lark's, with `Reference` objects as leaves, or None after ``%declare``.

    In a terminal's tree the references are replaced by the trees that they name, which are shared.
    """

    name: str
    terminal: bool
    tree: Tree[Any] | None
    parameters: tuple[str, ...]
    place: Place


@dataclass(slots=True)
class Definitions:
    """All that a text defines: ``by_name``, and what ``%ignore`` names, with the places."""

    by_name: dict[str, Definition] = field(default_factory=dict)
    ignored: list[tuple[str, Place]] = field(default_factory=list)


_library: dict[tuple[str, tuple[tuple[str, str], ...]], list[Definition]] = {}
"""What was imported from lark's own grammars, by grammar and names."""


def load(text: str, import_paths: tuple[str, ...], limits: Limits) -> Definitions:
    """Read a Lark grammar.  Raises `InvalidSource` with every finding, `UnsupportedFeature` or `LimitExceeded`."""
    loader = _Loader(import_paths, limits)
    definitions = loader.load(text, "", None, 0)
    if not loader.findings:
        loader.check(definitions)
    if loader.findings:
        raise InvalidSource(loader.findings)
    if loader.unsupported:
        raise UnsupportedFeature(loader.unsupported)
    return definitions


def descendants(tree: Tree[Any]) -> Iterator[Tree[Any]]:
    """``tree`` and every tree below it, each once, parents before children."""
    seen = {id(tree)}
    stack = [tree]
    while stack:
        current = stack.pop()
        yield current
        for child in reversed(current.children):
            if isinstance(child, Tree) and id(child) not in seen:
                seen.add(id(child))
                stack.append(child)


class _Loader:
    def __init__(self, import_paths: tuple[str, ...], limits: Limits) -> None:
        self.findings: list[Finding] = []
        self.unsupported: list[Finding] = []
        self._roots = tuple(Path(path) for path in import_paths)
        self._limits = limits
        self._ignored_terminals = 0
        self._extends = False

    def load(self, text: str, file: str, mangle: Mangle | None, depth: int) -> Definitions:
        """The definitions of one text and of what it imports; names go through ``mangle``."""
        statements = self._parse(text, file)
        self._extends = self._extends or any(statement.data == "extend" for statement in statements)
        result = Definitions()
        imports: dict[tuple[str, ...], tuple[bool, dict[str, str], dict[str, Place]]] = {}
        for statement in statements:
            if statement.data == "import":
                self._note_import(statement, file, imports)
        for path, (relative, aliases, places) in imports.items():
            self._import(path, relative, aliases, places, file, mangle, depth, result)
        for statement in statements:
            self._state(statement, file, mangle, result)
        self._resolve_terminals(result)
        return result

    def _parse(self, text: str, file: str) -> list[Tree[Any]]:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > self._limits.source_bytes:
            raise LimitExceeded("source_bytes", self._limits.source_bytes, size, "a Lark grammar")
        self._bound_depth(text)
        try:
            tree = _get_parser().parse(text + "\n", "start")
        except UnexpectedInput as error:
            line, column = max(error.line, 1), max(error.column, 1)
            raise InvalidSource(Place(line, column, file).finding("syntax", _syntax_message(error))) from None
        except LarkError as error:
            raise InvalidSource(Place(1, 1, file).finding("syntax", str(error))) from None
        return [child for child in tree.children if isinstance(child, Tree)]

    def _bound_depth(self, text: str) -> None:
        depth = 0
        for match in _NOISE.finditer(text):
            character = match[0]
            if character in ("(", "[", "{"):
                depth += 1
                if depth > self._limits.source_depth:
                    raise LimitExceeded(
                        "source_depth", self._limits.source_depth, depth, "the groups of a Lark grammar"
                    )
            elif character in (")", "]", "}"):
                depth = max(depth - 1, 0)

    def _note_import(
        self,
        statement: Tree[Any],
        file: str,
        imports: dict[tuple[str, ...], tuple[bool, dict[str, str], dict[str, Place]]],
    ) -> None:
        path_tree = statement.children[0]
        alias = statement.children[1] if len(statement.children) > 1 else None
        tokens = list(path_tree.children)
        if isinstance(alias, Tree):
            names = {token.value: token.value for token in alias.children}
            places = {token.value: _place(token, file) for token in alias.children}
        else:
            last = tokens.pop()
            if not tokens:
                self.findings.append(
                    _place(last, file).finding(
                        "import", f"nothing is imported from {last.value}", keyword="%import", hint="add .NAME"
                    )
                )
                return
            names = {last.value: (alias or last).value}
            places = {last.value: _place(last, file)}
        path = tuple(token.value for token in tokens)
        relative = path_tree.data == "import_rel"
        _, known, known_places = imports.setdefault(path, (relative, {}, {}))
        known.update(names)
        known_places.update(places)

    def _import(
        self,
        path: tuple[str, ...],
        relative: bool,
        aliases: dict[str, str],
        places: dict[str, Place],
        file: str,
        outer: Mangle | None,
        depth: int,
        result: Definitions,
    ) -> None:
        place = next(iter(places.values()))
        dotted = ".".join(path)
        if depth >= _IMPORT_DEPTH:
            message = f"imports are nested more than {_IMPORT_DEPTH} deep (do grammars import each other?)"
            self.findings.append(place.finding("import", message, keyword="%import"))
            return
        found = self._find(path, relative, file)
        if found is None:
            hint = "only lark's own grammars and the folders in import_paths are searched"
            self.findings.append(place.finding("import", f"there is no grammar {dotted}", keyword="%import", hint=hint))
            return
        name, text = found
        # Trees of lark's own grammars are shared between sources, unless this one may change them.
        key = (name, tuple(sorted(aliases.items())))
        shared = name.startswith("lark:") and outer is None and not self._extends
        found_before = _library.get(key) if shared else None
        if found_before is None:
            mangle = _mangler("__".join(path), aliases, outer)
            imported = self.load(text, name, mangle, depth + 1)
            for original in aliases:
                if mangle(original) not in imported.by_name and not self.findings:
                    message = f"{dotted} defines no {original}"
                    self.findings.append(places[original].finding("import", message, keyword="%import"))
            found_before = _reachable(imported, [mangle(original) for original in aliases])
            if shared and not self.findings and not self.unsupported:
                if len(_library) >= _LIBRARY_ENTRIES:
                    _library.clear()
                _library[key] = found_before
        for kept in found_before:
            if kept.name in result.by_name:
                message = f"{kept.name} is imported from {dotted}, and defined already"
                self.findings.append(place.finding("duplicate", message, keyword="%import"))
            result.by_name[kept.name] = kept

    def _find(self, path: tuple[str, ...], relative: bool, file: str) -> tuple[str, str] | None:
        """The name and text of a grammar.  Names hold letters, digits and underscores only, so paths stay inside."""
        suffix = Path(*path).with_suffix(_EXTENSION)
        folders = list(self._roots)
        if relative and file and not file.startswith("lark:"):
            folders.insert(0, Path(file).parent)
        for folder in folders:
            candidate = folder / suffix
            try:
                if candidate.stat().st_size > self._limits.source_bytes:
                    raise LimitExceeded(
                        "source_bytes", self._limits.source_bytes, candidate.stat().st_size, str(candidate)
                    )
                return str(candidate), candidate.read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                continue
        try:
            _, text = stdlib_loader(None, suffix.as_posix())
        except OSError:
            return None
        return f"lark:{suffix.as_posix()}", text

    def _state(self, statement: Tree[Any], file: str, mangle: Mangle | None, result: Definitions) -> None:
        kind = statement.data
        if kind in ("rule", "term"):
            self._define(self._definition(statement, file, mangle), result, override=False)
        elif kind == "override":
            self._define(self._definition(statement.children[0], file, mangle), result, override=True)
        elif kind == "extend":
            self._extend(self._definition(statement.children[0], file, mangle), result)
        elif kind == "ignore" and mangle is None:
            self._ignore(statement.children[0], file, result)
        elif kind == "declare":
            for symbol in statement.children:
                token = symbol.children[0]
                self.unsupported.append(
                    _place(token, file).finding(
                        "unsupported-keyword",
                        f"%declare {token.value}: a terminal without a pattern cannot be enforced",
                        keyword="%declare",
                        hint="define the terminal",
                    )
                )
                name = mangle(token.value) if mangle else token.value
                result.by_name[name] = Definition(name, symbol.data == "terminal", None, (), _place(token, file))

    def _definition(self, tree: Tree[Any], file: str, mangle: Mangle | None) -> Definition:
        parameters: tuple[str, ...] = ()
        if tree.data == "rule":
            token = tree.children[1]
            parameters = tuple(child.value for child in tree.children[2].children)
        else:
            token = tree.children[0]
        body = tree.children[-1]
        _link(body, file, mangle)
        if mangle is not None:
            parameters = tuple(map(mangle, parameters))
        name = mangle(token.value) if mangle else token.value
        return Definition(name, tree.data == "term", body, parameters, _place(token, file))

    def _define(self, definition: Definition, result: Definitions, *, override: bool) -> None:
        known = definition.name in result.by_name
        kind = "terminal" if definition.terminal else "rule"
        if known and not override:
            message = f"{kind} {definition.name} is defined more than once"
            hint = "join the alternatives with |, or use %override or %extend"
            self.findings.append(definition.place.finding("duplicate", message, hint=hint))
        elif override and not known:
            message = f"%override of {kind} {definition.name}, which is not defined before"
            self.findings.append(definition.place.finding("undefined", message, keyword="%override"))
        result.by_name[definition.name] = definition

    def _extend(self, definition: Definition, result: Definitions) -> None:
        base = result.by_name.get(definition.name)
        problem = None
        if base is None or base.tree is None:
            problem = "which is not defined before"
        elif base.terminal != definition.terminal:
            problem = "which is of another kind"
        elif base.parameters != definition.parameters:
            problem = "which has other parameters"
        if problem or base is None or base.tree is None or definition.tree is None:
            message = f"%extend of {definition.name}, {problem}"
            self.findings.append(definition.place.finding("undefined", message, keyword="%extend"))
            return
        base.tree.children.insert(0, definition.tree)

    def _ignore(self, tree: Tree[Any], file: str, result: Definitions) -> None:
        _link(tree, file, None)
        place = _first_place(tree, file)
        single = tree
        while isinstance(single, Tree) and len(single.children) == 1:
            single = single.children[0]
        if isinstance(single, Reference):
            result.ignored.append((single.name, single.place))
            return
        name = f"%ignore {self._ignored_terminals}"
        self._ignored_terminals += 1
        result.by_name[name] = Definition(name, True, tree, (), place)
        result.ignored.append((name, place))

    def _resolve_terminals(self, definitions: Definitions) -> None:
        """Put the named terminals' trees in the place of references inside terminals."""
        for definition in definitions.by_name.values():
            if not definition.terminal or definition.tree is None:
                continue
            for tree in descendants(definition.tree):
                if tree.data == "template_usage":
                    place = _first_place(tree, definition.place.file)
                    message = f"terminal {definition.name} uses a template; templates make rules"
                    self.findings.append(place.finding("template", message))
                for number, child in enumerate(tree.children):
                    if not isinstance(child, Reference) or tree.data == "alias":
                        continue
                    target = definitions.by_name.get(child.name)
                    if not child.terminal:
                        message = f"terminal {definition.name} uses the rule {child.name}"
                        self.findings.append(child.place.finding("rule-in-terminal", message))
                    elif target is None:
                        message = f"terminal {child.name} is not defined"
                        self.findings.append(child.place.finding("undefined", message))
                    elif target.tree is not None:
                        tree.children[number] = target.tree

    def check(self, definitions: Definitions) -> None:
        """Undefined names, wrong template arguments, what may not be ignored."""
        by_name = definitions.by_name
        for definition in by_name.values():
            for number, parameter in enumerate(definition.parameters):
                if parameter in by_name or parameter in definition.parameters[:number]:
                    message = f"parameter {parameter} of {definition.name} is the name of something else"
                    self.findings.append(definition.place.finding("template", message))
            if definition.tree is None or definition.terminal:
                continue
            for tree in descendants(definition.tree):
                arguments = -1
                if tree.data == "template_usage":
                    arguments = len(tree.children) - 1
                elif tree.data == "alias":
                    continue
                for child in tree.children:
                    if not isinstance(child, Reference) or child.name in definition.parameters:
                        continue
                    target = by_name.get(child.name)
                    if target is None:
                        kind = "terminal" if child.terminal else "rule"
                        message = f"{kind} {child.name} is not defined"
                        self.findings.append(child.place.finding("undefined", message))
                    elif arguments >= 0 and len(target.parameters) != arguments:
                        message = f"{child.name} takes {len(target.parameters)} arguments, not {arguments}"
                        self.findings.append(child.place.finding("template", message))
        for name, place in definitions.ignored:
            ignored = by_name.get(name)
            if ignored is None or not ignored.terminal:
                message = f"%ignore of {name}, which is not a terminal"
                self.findings.append(place.finding("undefined", message, keyword="%ignore"))


def _syntax_message(error: UnexpectedInput) -> str:
    """A syntax error in words; lark's own search for words parses some thirty examples, and fails on some."""
    if isinstance(error, UnexpectedToken):
        shown = _WORDS.get(error.token.type) or repr(str(error.token))
        names = error.accepts or error.expected
        for name, bracket in (("_RPAR", "("), ("_RBRA", "["), ("_RBRACE", "{")):
            if name in names and error.token.type in ("_NL", "$END"):
                return f"unexpected {shown}; a {bracket} is not closed"
        if 0 < len(names) <= 4:
            return f"unexpected {shown}; expected {' or '.join(sorted({_WORDS.get(name, name) for name in names}))}"
        return f"unexpected {shown}"
    if isinstance(error, UnexpectedCharacters):
        return f"unexpected {str(error.char)!r}"
    return "unexpected input"


def _place(token: Token, file: str) -> Place:
    return Place(token.line or 1, token.column or 1, file)


def _first_place(tree: Tree[Any], file: str) -> Place:
    for current in descendants(tree):
        for child in current.children:
            if isinstance(child, Reference):
                return child.place
            if isinstance(child, Token):
                return _place(child, file)
    return Place(1, 1, file)


def _link(body: Tree[Any], file: str, mangle: Mangle | None) -> None:
    """Make `Reference` leaves of the names in a tree fresh from lark's parser."""
    for tree in descendants(body):
        for number, child in enumerate(tree.children):
            if isinstance(child, Tree) and child.data in ("terminal", "nonterminal"):
                token = child.children[0]
                name = mangle(token.value) if mangle and tree.data != "alias" else token.value
                tree.children[number] = Reference(name, child.data == "terminal", _place(token, file))


def _mangler(prefix: str, aliases: dict[str, str], outer: Mangle | None) -> Mangle:
    """How names of an imported grammar read where it is imported, as in lark."""

    def mangle(name: str) -> str:
        if name in aliases:
            name = aliases[name]
        elif name.startswith("_"):
            name = f"_{prefix}__{name[1:]}"
        else:
            name = f"{prefix}__{name}"
        return outer(name) if outer else name

    return mangle


def _reachable(definitions: Definitions, names: list[str]) -> list[Definition]:
    """The definitions that ``names`` need, in their order."""
    seen: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        definition = definitions.by_name.get(name)
        if definition is None or name in seen:
            continue
        seen.add(name)
        if definition.terminal or definition.tree is None:
            continue
        for tree in descendants(definition.tree):
            stack.extend(child.name for child in tree.children if isinstance(child, Reference))
    return [definition for name, definition in definitions.by_name.items() if name in seen]
