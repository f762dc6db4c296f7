"""Which JSON Schema keywords are live in which draft, and what this package does with each.

Purpose: the one table behind the eager scan (`reader`), the report of ignored annotations and the
support page of the documentation.  A keyword of a draft is *implemented*, an *annotation*
(reported, never enforced), part of the *core* (identifiers and definitions), or *refused*: it
asserts something, and cannot be enforced exactly yet.  A keyword that is in no row of a draft is
inert there, as the specifications say, and is reported as such.
Cost: built once at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

Status = Literal["implemented", "refused", "annotation", "core"]

DRAFTS: Final = (4, 6, 7, 2019, 2020)
"""The drafts, oldest first: 4, 6, 7, 2019-09 and 2020-12."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: its name, what is done with it, and the drafts (first and last) that know it."""

    name: str
    status: Status
    since: int = 4
    until: int = 2020


_ROWS: Final = (
    Keyword("type", "implemented"),
    Keyword("enum", "implemented"),
    Keyword("const", "implemented", since=6),
    Keyword("properties", "implemented"),
    Keyword("required", "implemented"),
    Keyword("additionalProperties", "implemented"),
    Keyword("items", "implemented"),
    Keyword("prefixItems", "implemented", since=2020),
    Keyword("additionalItems", "implemented", until=2019),
    Keyword("minItems", "implemented"),
    Keyword("maxItems", "implemented"),
    Keyword("minLength", "implemented"),
    Keyword("maxLength", "implemented"),
    Keyword("pattern", "implemented"),
    Keyword("minimum", "implemented"),
    Keyword("maximum", "implemented"),
    Keyword("exclusiveMinimum", "implemented"),
    Keyword("exclusiveMaximum", "implemented"),
    Keyword("multipleOf", "implemented"),
    Keyword("$ref", "implemented"),
    Keyword("allOf", "implemented"),
    Keyword("anyOf", "implemented"),
    Keyword("oneOf", "implemented"),
    Keyword("not", "implemented"),
    Keyword("if", "implemented", since=7),
    Keyword("then", "implemented", since=7),
    Keyword("else", "implemented", since=7),
    Keyword("patternProperties", "implemented"),
    Keyword("propertyNames", "implemented", since=6),
    Keyword("minProperties", "implemented"),
    Keyword("maxProperties", "implemented"),
    Keyword("dependencies", "implemented", until=7),
    Keyword("dependentRequired", "implemented", since=2019),
    Keyword("dependentSchemas", "implemented", since=2019),
    Keyword("uniqueItems", "implemented"),
    Keyword("contains", "implemented", since=6),
    Keyword("minContains", "implemented", since=2019),
    Keyword("maxContains", "implemented", since=2019),
    Keyword("unevaluatedProperties", "implemented", since=2019),
    Keyword("unevaluatedItems", "implemented", since=2019),
    Keyword("$dynamicRef", "implemented", since=2020),
    Keyword("$recursiveRef", "implemented", since=2019, until=2019),
    Keyword("format", "implemented"),
    Keyword("title", "annotation"),
    Keyword("description", "annotation"),
    Keyword("default", "annotation"),
    Keyword("examples", "annotation", since=6),
    Keyword("$comment", "annotation", since=7),
    Keyword("readOnly", "annotation", since=7),
    Keyword("writeOnly", "annotation", since=7),
    Keyword("contentEncoding", "annotation", since=7),
    Keyword("contentMediaType", "annotation", since=7),
    Keyword("contentSchema", "annotation", since=2019),
    Keyword("deprecated", "annotation", since=2019),
    Keyword("$schema", "core"),
    Keyword("id", "core", until=4),
    Keyword("$id", "core", since=6),
    Keyword("definitions", "core"),
    Keyword("$defs", "core", since=2019),
    Keyword("$anchor", "core", since=2019),
    Keyword("$dynamicAnchor", "core", since=2020),
    Keyword("$recursiveAnchor", "core", since=2019, until=2019),
    Keyword("$vocabulary", "core", since=2019),
)

_KEYWORDS: Final = _ROWS

ALL_KEYWORDS: Final = frozenset(keyword.name for keyword in _KEYWORDS)
"""Every keyword of any draft: a schema that uses one outside its draft is told so in the report."""

SUBSCHEMA_KEYWORDS: Final = frozenset(
    [
        "$ref",
        "$dynamicRef",
        "$recursiveRef",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "unevaluatedProperties",
        "dependencies",
        "dependentSchemas",
        "items",
        "prefixItems",
        "additionalItems",
        "contains",
        "unevaluatedItems",
    ]
)
"""Keywords that may hold a subschema or link to one; a schema without them is a leaf of the walk."""

SPECIFIED_FORMATS: Final = frozenset(
    [
        "date",
        "time",
        "date-time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "iri-reference",
        "uuid",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
    ]
)
"""Formats of the 2020-12 specification, asserted in every draft; any other name is an annotation."""

KNOWN_APPROXIMATIONS: Final = frozenset(
    ("pattern", "pattern:backreference", "format", "format:regex", "format:idn-hostname")
)
"""What ``approximate=`` may name: assertions that are checked at the end of a string only.

``pattern`` means the same as ``pattern:backreference``, ``format`` both formats.
"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One draft: its number (4, 6, 7, 2019, 2020), its name, its metaschema's URI and its keywords.

    ``asserting`` are the names of the keywords that can refuse a value, implemented or not.  ``identifier`` is the
    keyword that names a schema's base URI; ``references_stand_alone`` tells whether every keyword beside
    ``$ref`` is ignored (drafts 4 to 7).  ``key`` tells dialects apart: the number, or another one for a
    dialect that leaves out vocabularies of its draft; ``unknown_vocabularies`` are those that it requires and
    nobody here knows.
    """

    number: int
    name: str
    uri: str
    keywords: Mapping[str, Keyword]
    asserting: frozenset[str]
    identifier: str
    references_stand_alone: bool
    key: int
    unknown_vocabularies: tuple[str, ...] = ()


def _dialect(number: int, name: str, uri: str) -> Dialect:
    live = {keyword.name: keyword for keyword in _KEYWORDS if keyword.since <= number <= keyword.until}
    identifier = "id" if number == 4 else "$id"
    return Dialect(number, name, uri, MappingProxyType(live), _asserting(live), identifier, number <= 7, number)


def _asserting(live: Mapping[str, Keyword]) -> frozenset[str]:
    return frozenset(name for name, keyword in live.items() if keyword.status in ("implemented", "refused"))


DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        dialect.uri: dialect
        for dialect in (
            _dialect(4, "draft 4", "http://json-schema.org/draft-04/schema"),
            _dialect(6, "draft 6", "http://json-schema.org/draft-06/schema"),
            _dialect(7, "draft 7", "http://json-schema.org/draft-07/schema"),
            _dialect(2019, "draft 2019-09", "https://json-schema.org/draft/2019-09/schema"),
            _dialect(2020, "draft 2020-12", "https://json-schema.org/draft/2020-12/schema"),
        )
    }
)
"""The dialects by the URI of their metaschema, without an empty fragment."""

LATEST: Final = DIALECTS["https://json-schema.org/draft/2020-12/schema"]

_APPLICATORS: Final = (
    "prefixItems items additionalItems contains additionalProperties properties patternProperties dependentSchemas "
    "propertyNames if then else allOf anyOf oneOf not"
)

_VALIDATION: Final = (
    "type const enum multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems "
    "minItems uniqueItems maxContains minContains maxProperties minProperties required dependentRequired"
)

_METADATA: Final = "title description default deprecated readOnly writeOnly examples"

_CONTENT: Final = "contentEncoding contentMediaType contentSchema"

_VOCABULARIES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        f"https://json-schema.org/draft/{draft}/vocab/{name}": frozenset(names.split())
        for draft, name, names in (
            ("2019-09", "core", ""),
            ("2019-09", "applicator", _APPLICATORS + " unevaluatedItems unevaluatedProperties"),
            ("2019-09", "validation", _VALIDATION),
            ("2019-09", "meta-data", _METADATA),
            ("2019-09", "format", "format"),
            ("2019-09", "content", _CONTENT),
            ("2020-12", "core", ""),
            ("2020-12", "applicator", _APPLICATORS),
            ("2020-12", "unevaluated", "unevaluatedItems unevaluatedProperties"),
            ("2020-12", "validation", _VALIDATION),
            ("2020-12", "meta-data", _METADATA),
            ("2020-12", "format-annotation", "format"),
            ("2020-12", "format-assertion", "format"),
            ("2020-12", "content", _CONTENT),
        )
    }
)
"""The keywords of each vocabulary; those of the core are always there."""


def dialect_of_vocabularies(uri: str, vocabularies: Mapping[str, object], key: int) -> Dialect | None:
    """The dialect of a metaschema with the URI ``uri`` and this ``$vocabulary``; None if it names no known core.

    Keywords of vocabularies that are not listed mean nothing in it.
    """
    for dialect in DIALECTS.values():
        core = dialect.uri.removesuffix("schema") + "vocab/core"
        if core in vocabularies:
            break
    else:
        return None
    listed = frozenset[str]().union(*(_VOCABULARIES.get(vocabulary, ()) for vocabulary in vocabularies))
    optional = frozenset[str]().union(*_VOCABULARIES.values())
    live = {name: keyword for name, keyword in dialect.keywords.items() if name in listed or name not in optional}
    unknown = tuple(name for name, needed in vocabularies.items() if needed is True and name not in _VOCABULARIES)
    return replace(
        dialect,
        name=f"{dialect.name} with the vocabularies of {uri}",
        uri=uri,
        keywords=MappingProxyType(live),
        asserting=_asserting(live),
        key=key,
        unknown_vocabularies=unknown,
    )


DRAFT_3_URI: Final = "http://json-schema.org/draft-03/schema"

_NAMES: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        **{str(dialect.number): dialect for dialect in DIALECTS.values()},
        **{dialect.name: dialect for dialect in DIALECTS.values()},
        **{dialect.name.removeprefix("draft "): dialect for dialect in DIALECTS.values()},
        **{dialect.name.replace(" ", ""): dialect for dialect in DIALECTS.values()},
        **{dialect.name.replace(" ", "-"): dialect for dialect in DIALECTS.values()},
    }
)


def dialect_by_uri(uri: str) -> Dialect | None:
    """The dialect that a ``$schema`` value names, or None (an empty fragment does not count)."""
    return DIALECTS.get(uri.removesuffix("#"))


def dialect_by_name(name: str) -> Dialect | None:
    """The dialect that a caller names: a metaschema URI, ``"draft 7"``, ``"draft7"``, ``"7"``, ``"2020-12"`` ..."""
    return dialect_by_uri(name) or _NAMES.get(name.lower())
