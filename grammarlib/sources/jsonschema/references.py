"""Where a ``$ref`` leads: JSON pointers, anchors and identifiers, inside one document or a registry.

Purpose: resolve a reference against the base URI of the schema that holds it, as the specifications (and the
`referencing` package) do.  Nothing is ever fetched: a document that is not the root, not embedded
in it and not in the caller's registry is a failure.
Place: used by `reader`.  Cost: ``#`` and ``#/...`` walk the pointer; the index of identifiers and
anchors is one walk over a document, made only when some reference needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

from grammarlib.sources.jsonschema.keywords import Dialect, dialect_by_uri

Place = Any
"""Where a schema stands: None for the root, else ``(place of the parent, token)``.

Linked tuples, because a place costs 40 ns where a pointer's text costs 300, and only findings
are ever rendered.  A token is a member name, an index, or a `DocumentUri` for another document.
"""

_NO_SUBSCHEMAS: Final = frozenset(("enum", "const", "default", "examples", "example"))


class DocumentUri(str):
    """The first token of a place in a document other than the root one."""

    __slots__ = ()


class ReferenceFailure(Exception):
    """A reference leads nowhere; ``args[0]`` says why, ``hint`` what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A schema resource: its URI, the schema at its top, that schema's place.

    ``dialect`` is the one in force for the schema at hand, ``home`` the one in which the resource was found: it
    says what counts as an identifier on the way of a JSON pointer.
    """

    uri: str
    schema: Any
    place: Place
    dialect: Dialect
    home: Dialect


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


class References:
    """The documents that one source may refer to."""

    def __init__(self, schema: Any, dialect: Dialect, *, base_uri: str = "", registry: Any = None) -> None:
        self._dialect = dialect
        self._registry = registry
        self._resources: dict[str, Base] = {}
        self._anchors: dict[tuple[str, str], Target] = {}
        self._indexed: set[str] = set()
        self._resolved: dict[tuple[int, str], tuple[Base, Target]] = {}
        uri = base_uri
        if isinstance(schema, dict) and not (dialect.references_stand_alone and "$ref" in schema):
            uri = urldefrag(urljoin(base_uri, identifier_of(schema, dialect.identifier) or "")).url
        self.root = Base(uri, schema, None, dialect, dialect)
        self._documents: dict[str, Base] = {self.root.uri: self.root}
        if base_uri:
            self._documents.setdefault(base_uri, self.root)

    def enter(self, schema: Any, place: Place, base: Base, outside: Dialect | None = None) -> Base:
        """The base that holds inside ``schema``, which stands at ``place`` under ``base``.

        An embedded ``$schema`` switches the dialect for everything below it; what counts as an
        identifier of the embedded schema itself is still up to the dialect outside, as in python-jsonschema.
        """
        if not isinstance(schema, dict):
            return base
        outside = outside or base.dialect
        if "$schema" in schema:
            named = schema["$schema"]
            dialect = dialect_by_uri(named) if isinstance(named, str) else None
            if dialect is not None:
                base = _in_dialect(base, dialect)
        if outside.identifier not in schema or schema is base.schema:
            return base
        if outside.references_stand_alone and "$ref" in schema:
            return base
        identifier = identifier_of(schema, outside.identifier)
        if identifier is None:
            return base
        return Base(urldefrag(urljoin(base.uri, identifier)).url, schema, place, base.dialect, outside)

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
            inside = self.enter(document.schema, document.place, _in_dialect(document, base.dialect))
            return Target(document.schema, document.place, inside)
        fragment = unquote(fragment)
        if fragment.startswith("/"):
            return self._follow(_in_dialect(document, base.dialect), fragment, reference)
        self._index_all()
        target = self._anchors.get((document.uri, fragment))
        if target is None:
            raise ReferenceFailure(f"$ref {reference!r}: there is no anchor {fragment!r}", "did you mean '#/...'?")
        inside = self.enter(target.schema, target.place, _in_dialect(target.base, base.dialect))
        return Target(target.schema, target.place, inside)

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
            document = self._resources.get(uri)
        if document is None:
            document = self._from_registry(uri)
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
        if not isinstance(schema, dict | bool):
            return None
        place = (None, DocumentUri(uri))
        named = schema.get("$schema") if isinstance(schema, dict) else None
        dialect = (dialect_by_uri(named) if isinstance(named, str) else None) or self._dialect
        document = self.enter(schema, place, Base(uri, schema, place, dialect, dialect))
        self._documents[uri] = document
        return document

    def _index_all(self) -> None:
        for document in list(self._documents.values()):
            if document.uri not in self._indexed:
                self._indexed.add(document.uri)
                self._index(document)

    def _index(self, document: Base) -> None:
        """Record every identifier and anchor below ``document``."""
        todo: list[tuple[Any, Place, Base]] = [(document.schema, document.place, document)]
        while todo:
            schema, place, base = todo.pop()
            if isinstance(schema, list):
                todo.extend((item, (place, index), base) for index, item in enumerate(schema))
                continue
            if not isinstance(schema, dict):
                continue
            inner = self.enter(schema, place, base)
            if inner is not base:
                self._resources.setdefault(inner.uri, inner)
            for name in _anchors_of(schema, inner.dialect):
                self._anchors.setdefault((inner.uri, name), Target(schema, place, inner))
            for key, member in schema.items():
                if key not in _NO_SUBSCHEMAS and isinstance(member, dict | list):
                    todo.append((member, (place, key), inner))


def _in_dialect(base: Base, dialect: Dialect) -> Base:
    """The same resource, read in the dialect of the schema that refers to it."""
    return base if base.dialect is dialect else Base(base.uri, base.schema, base.place, dialect, base.home)


def _anchors_of(schema: Mapping[str, Any], dialect: Dialect) -> list[str]:
    if dialect.references_stand_alone:
        identifier = schema.get(dialect.identifier)
        return [identifier[1:]] if isinstance(identifier, str) and identifier.startswith("#") else []
    names = (schema.get("$anchor"), schema.get("$dynamicAnchor"))
    return [name for name in names if isinstance(name, str)]
