"""What is done with each keyword and each format, as a table: the facts of documentation and reports.

Purpose: one place that says how exactly a keyword is meant.  `keywords` says what is live and what is done with it,
`formats` what a format means; this module adds the notes.
Place: read by ``grammarlib support``, which also writes the page of the documentation, and by `report`.
Cost: nothing until it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from grammarlib.sources.jsonschema.formats import FORMATS, NOT_REGULAR, OPENAPI_FORMATS, SPECIFICATION_FORMATS
from grammarlib.sources.jsonschema.keywords import DIALECTS, DRAFTS, Dialect, Status
from grammarlib.sources.jsonschema.reader import LARGEST_COUNT, NUMBER_MAGNITUDE

DRAFT_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {dialect.number: dialect.name.removeprefix("draft ") for dialect in DIALECTS.values()}
)
"""How each draft is called: ``4`` ... ``2020-12``."""

ACTIONS: Final[Mapping[Status, str]] = MappingProxyType(
    {"implemented": "enforced", "refused": "refused", "annotation": "annotation", "core": "core"}
)
"""The word for each status of a keyword."""

_EQUALITY: Final = "values compare as JSON does: 1, 1.0 and 1e0 are one number, the order of members is none"
_DECIMAL: Final = f"exact decimals; refused beyond {NUMBER_MAGNITUDE:,} digits or that exponent"
_COUNT: Final = f"a minimum above {LARGEST_COUNT:,} is refused"
_LENGTH: Final = "code points of the decoded string"
_EXCLUSIVE: Final = _DECIMAL + "; in draft 4 a boolean beside the bound"
_SCOPE: Final = "the dynamic scope is followed"
_CONDITION: Final = "nothing without if"

NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "type": "an integer has no fraction and no exponent in draft 4; from draft 6 on 1.0 and 1e2 are integers",
        "enum": _EQUALITY,
        "const": _EQUALITY,
        "properties": "names compare decoded: the text \\u0061 is a",
        "required": "in every order of keys",
        "additionalProperties": "names that neither properties nor patternProperties of the same schema know",
        "patternProperties": "ECMA-262, as pattern; a name may match several",
        "propertyNames": "any schema",
        "minProperties": _COUNT,
        "maxProperties": "names are unique, so each counts once",
        "items": "a list of schemas up to draft 2019-09",
        "additionalItems": "nothing unless items is a list",
        "minItems": _COUNT,
        "uniqueItems": _EQUALITY,
        "contains": "counted over all items",
        "minContains": "nothing without contains; 0 is allowed",
        "maxContains": "nothing without contains",
        "minLength": f"{_LENGTH}; {_COUNT}",
        "maxLength": _LENGTH,
        "pattern": "ECMA-262, anywhere in the string, lookaround too; a backreference only where approximate lists it",
        "format": "the formats below; another name is an annotation, an error with formats=strict",
        "minimum": _DECIMAL,
        "maximum": _DECIMAL,
        "exclusiveMinimum": _EXCLUSIVE,
        "exclusiveMaximum": _EXCLUSIVE,
        "multipleOf": _DECIMAL,
        "$ref": "anywhere: pointers, anchors, embedded documents, the registry; alone in its schema up to draft 7",
        "$dynamicRef": _SCOPE,
        "$recursiveRef": _SCOPE,
        "oneOf": "exactly one",
        "if": "nothing without then or else",
        "then": _CONDITION,
        "else": _CONDITION,
        "dependencies": "lists of names, and schemas",
        "unevaluatedProperties": "through whatever holds beside it",
        "unevaluatedItems": "through whatever holds beside it",
        "default": "no value is filled in",
        "contentEncoding": "not decoded",
        "contentMediaType": "not read",
        "contentSchema": "not looked into",
        "$schema": "names the dialect, of an embedded schema too; draft 3 is refused",
        "$vocabulary": "of a metaschema in the registry; one that requires an unknown vocabulary is refused",
    }
)
"""How exactly a keyword is meant, where that is not said by its name."""


@dataclass(frozen=True, slots=True)
class KeywordSupport:
    """What is done with a keyword: its name, the drafts that know it, `ACTIONS`' word, a note or ``""``."""

    keyword: str
    drafts: tuple[int, ...]
    action: str
    note: str


@dataclass(frozen=True, slots=True)
class FormatSupport:
    """What is done with a format: ``enforced``, ``at the end`` or ``optional``; which values it allows.

    ``drafts`` are those that define it; it is asserted in all of them.  What is checked at the end of a string is
    refused unless ``approximate`` lists it, what is optional is an annotation unless ``openapi_formats`` is set.
    """

    format: str
    drafts: tuple[int, ...]
    action: str
    note: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something well formed that is refused, and what a caller can do."""

    what: str
    remedy: str


def keyword_support(dialect: Dialect | None = None) -> tuple[KeywordSupport, ...]:
    """The keywords of a dialect, or of all drafts, in the order of the table."""
    found: dict[str, KeywordSupport] = {}
    for one in reversed(tuple(DIALECTS.values())):
        for keyword in one.keywords.values():
            drafts = tuple(draft for draft in DRAFTS if keyword.since <= draft <= keyword.until)
            action = ACTIONS[keyword.status]
            found[keyword.name] = KeywordSupport(keyword.name, drafts, action, NOTES.get(keyword.name, ""))
    order = {"enforced": 0, "refused": 1, "annotation": 2, "core": 3}
    rows = sorted(found.values(), key=lambda row: order[row.action])
    return tuple(row for row in rows if dialect is None or row.keyword in dialect.keywords)


def format_support() -> tuple[FormatSupport, ...]:
    """The formats that are known, those of the specification first."""
    rows = []
    for name in [*FORMATS, *sorted(NOT_REGULAR)]:
        drafts = tuple(draft for draft in DRAFTS if name in SPECIFICATION_FORMATS[draft])
        if name in NOT_REGULAR:
            rows.append(FormatSupport(name, drafts, "at the end", _IRREGULAR[name]))
        else:
            rows.append(FormatSupport(name, drafts, "enforced", FORMATS[name]))
    rows.extend(FormatSupport(name, (), "optional", note) for name, note in OPENAPI_FORMATS.items())
    return tuple(rows)


_IRREGULAR: Final[Mapping[str, str]] = MappingProxyType(
    {"regex": "what Python's re compiles", "idn-hostname": "what the package idna encodes (IDNA 2008)"}
)

REFUSALS: Final = (
    Refusal("`pattern` with a backreference", '`approximate=("pattern:backreference",)`: checked at the string\'s end'),
    *(
        Refusal(f"`format` `{name}`", f'`approximate=("format:{name}",)`: checked at the string\'s end')
        for name in sorted(NOT_REGULAR)
    ),
    Refusal(f"numbers of more than {NUMBER_MAGNITUDE:,} digits or with such an exponent", "a smaller number"),
    Refusal(f"a minimum of a count above {LARGEST_COUNT:,}", "a smaller one"),
    Refusal("`$schema` of draft 3", "a later draft"),
    Refusal("a metaschema that requires an unknown vocabulary", "without `$schema`"),
    Refusal("a reference to a document that is not there", "`registry`; nothing is fetched"),
    Refusal("a schema that nothing satisfies", "the finding says which keywords contradict each other"),
)
"""What is refused when it is compiled, beside what is malformed."""
