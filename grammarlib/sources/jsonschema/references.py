"""Where a ``$ref`` leads: JSON pointers, anchors and identifiers, inside one document or a registry.

Purpose: resolve a reference against the base URI of the schema that holds it, as the specifications (and the
`referencing` package) do.  Nothing is ever fetched: a document that is not the root, not embedded
in it, not in the caller's registry and not a metaschema is a failure.
Place: used by `reader`.  Cost: ``#`` and ``#/...`` walk the pointer; the index of identifiers and
anchors is one walk over a document, made only when some reference needs it.

``$dynamicRef`` and ``$recursiveRef`` ask which resource was entered *first* among those that bind an anchor.  That
is a function of the way that led to a schema, so a `Base` has a ``scope``: the number of a set of bindings, from
names of dynamic anchors to the outermost resource that has them (the empty name stands for ``$recursiveAnchor``).
Sets are interned, there are finitely many, and all is scope 0 until `References.follow_dynamic_scope` is called.
Unlike in python-jsonschema, a resource that is entered without a reference is in the dynamic scope too, and
``$ref`` to a dynamic anchor is static, as the specification says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

from grammarlib.sources.jsonschema.keywords import Dialect, dialect_by_uri, dialect_of_vocabularies
from grammarlib.sources.jsonschema.metaschemas import metaschema

Place = Any
"""Where a schema stands: None for the root, else ``(place of the parent, token)``.

Linked tuples, because a place costs 40 ns where a pointer's text costs 300, and only findings
are ever rendered.  A token is a member name, an index, or a `DocumentUri` for another document.
"""

_SCHEMAS: Final = frozenset(
    (
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
"""Keywords whose value is a schema."""

_LISTS: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems", "items"))
"""Keywords whose value is a list of schemas."""

_MAPS: Final = frozenset(
    ("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties")
)
"""Keywords whose value is an object of schemas."""

RECURSIVE: Final = ""
"""The name under which a scope binds ``$recursiveAnchor``: no other anchor has it."""


class DocumentUri(str):
    """The first token of a place in a document other than the root one."""

    __slots__ = ()


class ReferenceFailure(Exception):
    """A reference leads nowhere; ``args[0]`` says why, ``hint`` what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


class Base:
    """A schema resource: its URI, the schema at its top, that schema's place.

    ``dialect`` is the one in force for the schema at hand, ``home`` the one in which the resource was found: it
    says what counts as an identifier on the way of a JSON pointer.  ``scope`` is the dynamic scope.
    ``context`` numbers all that a schema's meaning depends on beside itself and its base URI.
    """

    __slots__ = ("context", "dialect", "home", "place", "schema", "scope", "uri")

    def __init__(self, uri: str, schema: Any, place: Place, dialect: Dialect, home: Dialect, scope: int = 0) -> None:
        self.uri = uri
        self.schema = schema
        self.place = place
        self.dialect = dialect
        self.home = home
        self.scope = scope
        self.context = dialect.key + (scope << 32)


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference leads to."""

    schema: Any
    place: Place
    base: Base


def pointer_of(place: Place) -> str:
    """The JSON pointer (RFC 6901) of a place; of another document, its URI, ``#`` and the pointer."""
    tokens: list[str] = []
    while place is not None:
        place, token = place
        if isinstance(token, DocumentUri):
            tokens.append(f"{token}#")
        else:
            tokens.append("/" + str(token).replace("~", "~0").replace("/", "~1"))
    return "".join(reversed(tokens))


def identifier_of(schema: Mapping[str, Any], keyword: str) -> str | None:
    """The base URI that a schema declares with ``id`` or ``$id``, or None.

    A fragment alone is an anchor; beside ``$ref`` drafts 4 to 7 ignore it (the caller knows).
    """
    identifier = schema.get(keyword)
    if not isinstance(identifier, str) or identifier.startswith("#"):
        return None
    return identifier


class _Scopes:
    """The dynamic scopes that were met: ``bindings`` of each by its number, 0 binds nothing.

    ``numbers``: the number by what is bound, as names and URIs.  ``extensions``: the scope after
    entering a resource, by the scope before and the URI.
    """

    __slots__ = ("bindings", "extensions", "numbers")

    def __init__(self) -> None:
        self.bindings: list[dict[str, Target]] = [{}]
        self.numbers: dict[frozenset[tuple[str, str]], int] = {frozenset(): 0}
        self.extensions: dict[tuple[int, str], int] = {}


class References:
    """The documents that one source may refer to."""

    def __init__(self, schema: Any, dialect: Dialect, *, base_uri: str = "", registry: Any = None) -> None:
        self._dialect = dialect
        self._registry = registry
        self._resources: dict[str, Base] = {}
        self._anchors: dict[tuple[str, str], Target] = {}
        self._dynamic_anchors: dict[str, dict[str, Target]] = {}
        self._indexed: set[int] = set()
        self._resolved: dict[tuple[int, str], tuple[Base, Target]] = {}
        self._documents: dict[str, Base] = {}
        self._dialects: dict[str, Dialect | None] = {}
        self._scopes: _Scopes | None = None
        if isinstance(schema, dict) and "$schema" in schema:
            dialect = self._dialect_named(schema["$schema"]) or dialect
        uri = base_uri
        if isinstance(schema, dict) and not (dialect.references_stand_alone and "$ref" in schema):
            uri = urldefrag(urljoin(base_uri, identifier_of(schema, dialect.identifier) or "")).url
        self.root = Base(uri, schema, None, dialect, dialect)
        self._documents.setdefault(uri, self.root)
        if base_uri:
            self._documents.setdefault(base_uri, self.root)

    def follow_dynamic_scope(self) -> None:
        """From now on, `Base.scope` is kept; only bases that come from the new ``root`` may be used."""
        self._scopes = _Scopes()
        self._resolved.clear()
        self.root = self._in_scope(self.root, 0)

    def enter(self, schema: Any, place: Place, base: Base, outside: Dialect | None = None) -> Base:
        """The base that holds inside ``schema``, which stands at ``place`` under ``base``.

        An embedded ``$schema`` switches the dialect for everything below it; what counts as an
        identifier of the embedded schema itself is still up to the dialect outside, as in python-jsonschema.
        """
        if not isinstance(schema, dict):
            return base
        outside = outside or base.dialect
        if "$schema" in schema:
            dialect = self._dialect_named(schema["$schema"])
            if dialect is not None:
                base = _in_dialect(base, dialect)
        if outside.identifier not in schema or schema is base.schema:
            return base
        if outside.references_stand_alone and "$ref" in schema:
            return base
        identifier = identifier_of(schema, outside.identifier)
        if identifier is None:
            return base
        uri = urldefrag(urljoin(base.uri, identifier)).url
        scope = 0 if self._scopes is None else self._extended(self._scopes, base.scope, uri)
        return Base(uri, schema, place, base.dialect, outside, scope)

    def _dialect_named(self, named: Any) -> Dialect | None:
        """The dialect that a ``$schema`` names: a draft, or what the ``$vocabulary`` of a known document says."""
        if not isinstance(named, str):
            return None
        dialect = dialect_by_uri(named)
        if dialect is not None or (self._registry is None and named not in self._documents):
            return dialect
        if named not in self._dialects:
            self._dialects[named] = None  # a metaschema may be its own
            uri = urldefrag(named).url
            document = self._documents.get(uri) or self._from_registry(uri)
            schema = None if document is None else document.schema
            vocabularies = schema.get("$vocabulary") if isinstance(schema, dict) else None
            if isinstance(vocabularies, dict):
                self._dialects[named] = dialect_of_vocabularies(uri, vocabularies, len(self._dialects) << 12)
        return self._dialects[named]

    # ---- the dynamic scope ---------------------------------------------------------------

    def dynamic(self, reference: str, target: Target, base: Base) -> Target | None:
        """What ``$dynamicRef`` means where ``base`` holds and ``target`` is what a ``$ref`` would mean.

        None where only the dynamic scope could tell and it is not followed.
        """
        fragment = unquote(urldefrag(reference).fragment)
        if not fragment or fragment.startswith("/"):
            return target
        self._index_all()
        declared = self._dynamic_anchors.get(target.base.uri, {}).get(fragment)
        if declared is None or declared.schema is not target.schema:
            return target
        return self._bound(fragment, target, base)

    def recursive(self, target: Target, base: Base) -> Target | None:
        """As `dynamic` for ``$recursiveRef``."""
        if not isinstance(target.schema, dict) or target.schema.get("$recursiveAnchor") is not True:
            return target
        return self._bound(RECURSIVE, target, base)

    def _bound(self, name: str, target: Target, base: Base) -> Target | None:
        if self._scopes is None:
            return None
        bound = self._scopes.bindings[base.scope].get(name)
        return target if bound is None else self._inside(bound, base)

    def _extended(self, scopes: _Scopes, scope: int, uri: str) -> int:
        """The scope in which the resource ``uri`` is entered from ``scope``: the first to bind a name keeps it."""
        key = (scope, uri)
        known = scopes.extensions.get(key)
        if known is None:
            self._index_all()
            bindings = {**self._dynamic_anchors.get(uri, {}), **scopes.bindings[scope]}
            content = frozenset((name, target.base.uri) for name, target in bindings.items())
            known = scopes.numbers.setdefault(content, len(scopes.bindings))
            if known == len(scopes.bindings):
                scopes.bindings.append(bindings)
            scopes.extensions[key] = known
        return known

    def _in_scope(self, base: Base, scope: int) -> Base:
        """A resource that is entered from ``scope``."""
        if self._scopes is None:
            return base
        scope = self._extended(self._scopes, scope, base.uri)
        if scope == base.scope:
            return base
        return Base(base.uri, base.schema, base.place, base.dialect, base.home, scope)

    # ---- references ----------------------------------------------------------------------

    def resolve(self, reference: str, base: Base) -> Target:
        """The schema that ``reference`` means where ``base`` holds.  Raises `ReferenceFailure`."""
        key = (id(base), reference)  # the entry keeps its base alive, so that the id stays its own
        known = self._resolved.get(key)
        if known is None:
            known = self._resolved[key] = (base, self._resolve(reference, base))
        return known[1]

    def _resolve(self, reference: str, base: Base) -> Target:
        if reference.startswith("#"):
            document, fragment = base, reference[1:]
        else:
            uri, fragment = urldefrag(urljoin(base.uri, reference))
            document = base if uri == base.uri else self._document(uri, reference)
        if not fragment:
            return self._inside(Target(document.schema, document.place, document), base)
        fragment = unquote(fragment)
        if fragment.startswith("/"):
            target = self._follow(_in_dialect(document, base.dialect), fragment, reference)
            return Target(target.schema, target.place, self._in_scope(target.base, base.scope))
        self._index_all()
        anchored = self._anchors.get((document.uri, fragment))
        if anchored is None:
            raise ReferenceFailure(f"$ref {reference!r}: there is no anchor {fragment!r}", "did you mean '#/...'?")
        return self._inside(anchored, base)

    def _inside(self, target: Target, base: Base) -> Target:
        """The target with the base that holds inside it, when it is referred to where ``base`` holds."""
        inside = self.enter(target.schema, target.place, _in_dialect(target.base, base.dialect))
        return Target(target.schema, target.place, self._in_scope(inside, base.scope))

    def _follow(self, document: Base, fragment: str, reference: str) -> Target:
        schema, place, base = document.schema, document.place, document
        for segment in fragment[1:].split("/"):
            base = _in_dialect(base, document.dialect)  # a $schema on the way says nothing about the target
            token: str | int = segment.replace("~1", "/").replace("~0", "~")
            try:
                if isinstance(schema, list):
                    if not segment.isdigit():
                        raise KeyError(segment)
                    token = int(segment)
                elif not isinstance(schema, dict):
                    raise KeyError(segment)
                schema = schema[token]
            except (KeyError, IndexError):
                raise ReferenceFailure(f"$ref {reference!r} leads nowhere: no {token!r} there") from None
            place = (place, token)
            base = self.enter(schema, place, base, document.home)
        return Target(schema, place, base)

    def _document(self, uri: str, reference: str) -> Base:
        document = self._documents.get(uri)
        if document is None:
            self._index_all()
            document = self._resources.get(uri) or self._from_registry(uri)
        if document is None:
            document = self._from_embedded(uri) or self._known(uri, metaschema(uri))
        if document is None:
            hint = (
                "the registry does not hold it"
                if self._registry is not None
                else "nothing is fetched: pass registry={uri: schema}"
            )
            raise ReferenceFailure(f"$ref {reference!r} leads to another document", hint)
        return document

    def _from_registry(self, uri: str) -> Base | None:
        registry = self._registry
        schema: Any = None
        if registry is None:
            return None
        if hasattr(registry, "get_or_retrieve"):  # a referencing.Registry
            try:
                schema = registry.get_or_retrieve(uri).value.contents
            except (LookupError, ValueError):
                return None
        elif isinstance(registry, Mapping):
            schema = registry.get(uri, registry.get(uri + "#"))
        elif isinstance(registry, Callable):  # type: ignore[arg-type]
            schema = registry(uri)
        return self._known(uri, schema)

    def _from_embedded(self, uri: str) -> Base | None:
        """A resource inside some document of a registry that can list its documents."""
        if not isinstance(self._registry, Mapping):
            return None
        for other in self._registry:
            if isinstance(other, str) and urldefrag(other).url not in self._documents:
                self._from_registry(urldefrag(other).url)
        self._index_all()
        return self._documents.get(uri) or self._resources.get(uri)

    def _known(self, uri: str, schema: Any) -> Base | None:
        """A document that was found under ``uri``; None if it is no schema."""
        if not isinstance(schema, dict | bool):
            return None
        place = (None, DocumentUri(uri))
        named = schema.get("$schema") if isinstance(schema, dict) else None
        dialect = self._dialect_named(named) or self._dialect
        found = Base(uri, schema, place, dialect, dialect)
        identifier: str | None = None
        if isinstance(schema, dict) and not (dialect.references_stand_alone and "$ref" in schema):
            identifier = identifier_of(schema, dialect.identifier)
        if identifier is not None:
            found = Base(urldefrag(urljoin(uri, identifier)).url, schema, place, dialect, dialect)
        self._documents[uri] = found
        self._documents.setdefault(found.uri, found)
        return found

    def _index_all(self) -> None:
        for document in list(self._documents.values()):
            if id(document.schema) not in self._indexed:
                self._indexed.add(id(document.schema))
                self._index(document)

    def _index(self, document: Base) -> None:
        """Record every identifier and anchor of ``document``; they count where a schema may stand."""
        scopes, self._scopes = self._scopes, None
        todo: list[tuple[Any, Place, Base]] = [(document.schema, document.place, _in_scope_0(document))]
        while todo:
            schema, place, base = todo.pop()
            if not isinstance(schema, dict):
                continue
            outside = base.dialect
            inner = self.enter(schema, place, base)
            if inner.uri == base.uri and inner.dialect is not outside:
                inner = self.enter(schema, place, inner)  # a draft inside another one has its own identifiers
            if inner.schema is schema and schema is not document.schema:
                self._resources.setdefault(inner.uri, inner)
            for name in _anchors_of(schema, inner.dialect):
                self._anchors.setdefault((inner.uri, name), Target(schema, place, inner))
            for name in _dynamic_anchors_of(schema, inner):
                self._dynamic_anchors.setdefault(inner.uri, {}).setdefault(name, Target(schema, place, inner))
            live = inner.dialect.keywords
            for key, value in schema.items():
                if key not in live:
                    continue
                here = (place, key)
                if isinstance(value, dict):
                    if key in _SCHEMAS:
                        todo.append((value, here, inner))
                    elif key in _MAPS:
                        todo.extend((member, (here, name), inner) for name, member in value.items())
                elif isinstance(value, list) and key in _LISTS:
                    todo.extend((item, (here, index), inner) for index, item in enumerate(value))
        self._scopes = scopes


def _in_scope_0(base: Base) -> Base:
    return base if not base.scope else Base(base.uri, base.schema, base.place, base.dialect, base.home)


def _in_dialect(base: Base, dialect: Dialect) -> Base:
    """The same resource, read in the dialect of the schema that refers to it."""
    if base.dialect is dialect:
        return base
    return Base(base.uri, base.schema, base.place, dialect, base.home, base.scope)


def _anchors_of(schema: Mapping[str, Any], dialect: Dialect) -> list[str]:
    if dialect.references_stand_alone:
        identifier = schema.get(dialect.identifier)
        return [identifier[1:]] if isinstance(identifier, str) and identifier.startswith("#") else []
    names = (schema.get("$anchor"), schema.get("$dynamicAnchor") if dialect.number >= 2020 else None)
    return [name for name in names if isinstance(name, str)]


def _dynamic_anchors_of(schema: Mapping[str, Any], base: Base) -> list[str]:
    if base.dialect.number >= 2020:
        name = schema.get("$dynamicAnchor")
        return [name] if isinstance(name, str) and name else []
    is_recursive = base.dialect.number == 2019 and schema is base.schema and schema.get("$recursiveAnchor") is True
    return [RECURSIVE] if is_recursive else []
