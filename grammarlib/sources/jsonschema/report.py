"""What a compile report says about a schema: what was ignored, where a way out was not proven.

Purpose: nothing is ever ignored silently.  Annotations, keywords that the dialect does not know, siblings
of ``$ref`` that it ignores and formats that are in no specification assert nothing; each is listed
with its JSON pointer.  Where a search is cut off, `DeadEnds` keeps the place.
Place: `SchemaSource.report_facts`.  Cost: one more walk over the schemas that were read, made only
when the report is asked for, so that compiling does not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from grammarlib.errors import Finding
from grammarlib.sources.jsonschema.keywords import ALL_KEYWORDS, SPECIFIED_FORMATS
from grammarlib.sources.jsonschema.reader import FINDINGS, SchemaReader, unknown_format
from grammarlib.sources.jsonschema.references import pointer_of
from grammarlib.sources.jsonschema.strings import StringLeaves
from grammarlib.sources.jsonschema.support import NOTES


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Facts about a lowered schema.

    ``exact``: the language is the schema's own.  ``dead_end_free``: no allowed prefix is dead.
    ``ignored``: what asserts nothing, as findings with the codes ``annotation``, ``unknown-keyword``,
    ``other-dialect``, ``beside-reference``, ``no-effect``, ``unknown-format``, ``format-annotation`` and
    ``unknown-dialect``.
    ``approximated``: what is not exact because the caller allowed it.  ``enforced``: the assertions that are exact,
    with the notes of `support`.  ``dead_ends``: where a way out was not proven.
    """

    exact: bool
    dead_end_free: bool
    ignored: tuple[Finding, ...]
    approximated: tuple[Finding, ...]
    enforced: tuple[Finding, ...]
    dead_ends: tuple[Finding, ...] = ()


class DeadEnds:
    """Where some prefix that masks allow may be dead, as far as contexts were reached."""

    def __init__(self, reader: SchemaReader, leaves: StringLeaves) -> None:
        self._places = reader.places
        self._leaves = leaves
        self._pointers: dict[str, None] = {}

    def note(self, literals: Iterable[int]) -> None:
        """A search for a way out was cut off: some prefix may be dead."""
        places = (self._places[literal if literal >= 0 else ~literal] for literal in literals)
        if len(self._pointers) < FINDINGS:
            self._pointers[next((pointer_of(place) for place in places if place is not None), "")] = None

    @property
    def is_empty(self) -> bool:
        """Whether every prefix that masks allow can be completed."""
        return not self._pointers and self._leaves.dead_end_free

    def findings(self) -> tuple[Finding, ...]:
        """What was noted, and automata that are too dear."""
        message = "the search for a way out was cut off: some prefix that masks allow may be dead"
        found = [Finding("dead-end", message, None, pointer) for pointer in self._pointers]
        if not self._leaves.dead_end_free:
            message = "a pattern is too dear to tell which prefixes can be completed: some that masks allow may be dead"
            found.append(Finding("dead-end", message, "pattern", ""))
        return tuple(found)


_PARTNERS: Final[dict[str, tuple[str, ...]]] = {
    "then": ("if",),
    "else": ("if",),
    "if": ("then", "else"),
    "minContains": ("contains",),
    "maxContains": ("contains",),
}
"""Keywords that assert nothing unless one of these stands beside them."""


def collect_facts(reader: SchemaReader) -> SourceFacts:
    """The facts about everything that ``reader`` visited, in the order of the visit."""
    ignored: list[Finding] = []
    enforced: list[Finding] = []
    approximated = tuple(reader.approximated)
    inexact = {finding.pointer for finding in approximated}
    for schema, place, dialect in reader.visited:
        alone = dialect.references_stand_alone and "$ref" in schema
        for name in schema:
            keyword = dialect.keywords.get(name)
            status = "unknown" if keyword is None else keyword.status
            if status == "core":
                if name == "$schema" and str(schema[name]).removesuffix("#") != dialect.uri:
                    message = f"$schema {schema[name]!r} is unknown, read as {dialect.name}"
                    ignored.append(_finding("unknown-dialect", message, name, place))
                continue
            if alone and name != "$ref":
                if status in ("implemented", "refused"):
                    message = f"{dialect.name} ignores {name} beside $ref"
                    ignored.append(_finding("beside-reference", message, name, place))
                    continue
            if status == "annotation":
                ignored.append(_finding("annotation", f"{name} is an annotation", name, place))
            elif status == "unknown" and name in ALL_KEYWORDS:
                message = f"{name} is not a keyword of {dialect.name}"
                ignored.append(_finding("other-dialect", message, name, place))
            elif status == "unknown":
                ignored.append(_finding("unknown-keyword", f"{name} is no keyword", name, place))
            elif name in _PARTNERS and not any(one in schema for one in _PARTNERS[name]):
                message = f"{name} says nothing without {' or '.join(_PARTNERS[name])}"
                ignored.append(_finding("no-effect", message, name, place))
            elif name == "additionalItems" and not isinstance(schema.get("items"), list):
                ignored.append(
                    _finding("no-effect", "additionalItems says nothing unless items is a list", name, place)
                )
            elif name == "format" and isinstance(schema[name], str) and not reader.format_is_asserted(schema[name]):
                if schema[name] in SPECIFIED_FORMATS:
                    message = f"format {schema[name]!r} is read as an annotation"
                    ignored.append(_finding("format-annotation", message, name, place))
                else:
                    ignored.append(_finding("unknown-format", unknown_format(schema[name]), name, place))
            else:
                note = NOTES.get(name)
                finding = _finding("enforced", f"{name} is enforced" + (f": {note}" if note else ""), name, place)
                if finding.pointer not in inexact:
                    enforced.append(finding)
    return SourceFacts(not approximated, True, tuple(ignored), approximated, tuple(enforced))


def _finding(code: str, message: str, keyword: str, place: object) -> Finding:
    return Finding(code=code, message=message, keyword=keyword, pointer=pointer_of((place, keyword)))
