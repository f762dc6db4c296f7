"""``grammarlib support``: what is done with each JSON Schema keyword and format.

The table is that of the code (`grammarlib.sources.jsonschema.support`); ``--markdown`` writes the page
``docs/reference/json_schema_support.md``, which a test compares with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from grammarlib.cli.output import emit, emit_record, emit_styled

if TYPE_CHECKING:
    from grammarlib.sources.jsonschema.support import FormatSupport, KeywordSupport

_WIDTH = 28
_STYLES = {"enforced": "green", "refused": "red", "at the end": "yellow", "optional": "yellow"}


def support(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Keywords and formats; by default all.")
    ] = None,
    draft: Annotated[
        str | None, typer.Option("--draft", metavar="NAME", help="Keywords of this draft only: 4, 7, 2020-12 ...")
    ] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record a keyword or format.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The page of the documentation; goes with nothing else.")
    ] = False,
) -> None:
    """What is done with each JSON Schema keyword and format, from the tables that the compiler reads."""
    from grammarlib.sources.jsonschema.keywords import dialect_by_name
    from grammarlib.sources.jsonschema.support import DRAFT_NAMES, format_support, keyword_support

    dialect = None if draft is None else dialect_by_name(draft)
    if draft is not None and dialect is None:
        raise typer.BadParameter(
            f"there is no draft {draft!r}; known are {', '.join(DRAFT_NAMES.values())}", param_hint="--draft"
        )
    if markdown:
        if names or draft is not None or json_lines:
            raise typer.BadParameter("the page has everything; no other option goes with it", param_hint="--markdown")
        emit(page(), end="")
        return
    keywords, formats = keyword_support(dialect), format_support()
    if names:
        known = {one.keyword for one in keywords} | {one.format for one in formats}
        unknown = [name for name in names if name not in known]
        if unknown:
            where = "JSON Schema" if dialect is None else dialect.name
            raise typer.BadParameter(f"no keyword or format of {where}: {', '.join(unknown)}", param_hint="NAME")
        keywords = tuple(one for one in keywords if one.keyword in names)
        formats = tuple(one for one in formats if one.format in names)
    if json_lines:
        for keyword in keywords:
            emit_record({"keyword": keyword.keyword} | _facts(keyword))
        for one in formats:
            emit_record({"format": one.format} | _facts(one))
        return
    for keyword in keywords:
        _emit_row(keyword.keyword, keyword)
    for one in formats:
        _emit_row(f"format {one.format}", one)


def page() -> str:
    """The page ``docs/reference/json_schema_support.md``."""
    return "".join(f"{line}\n" for line in _page_lines())


def _facts(row: KeywordSupport | FormatSupport) -> dict[str, object]:
    from grammarlib.sources.jsonschema.support import DRAFT_NAMES

    return {"drafts": [DRAFT_NAMES[draft] for draft in row.drafts], "support": row.action, "note": row.note}


def _span(drafts: tuple[int, ...]) -> str:
    from grammarlib.sources.jsonschema.support import DRAFT_NAMES

    if not drafts:
        return "none"
    first, last = DRAFT_NAMES[drafts[0]], DRAFT_NAMES[drafts[-1]]
    return first if first == last else f"{first} to {last}"


def _emit_row(name: str, row: KeywordSupport | FormatSupport) -> None:
    note = f"  {row.note}" if row.note else ""
    emit_styled(
        (f"{name:<{_WIDTH}}  ", "bold"),
        (f"{row.action:<10}", _STYLES.get(row.action, "")),
        (f"  {_span(row.drafts):<18}{note}".rstrip(), ""),
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(head)
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |".replace("  |", " |")


def _page_lines() -> Iterator[str]:
    from grammarlib.sources.jsonschema.support import REFUSALS, format_support, keyword_support

    yield from _INTRODUCTION.splitlines()
    yield from _table(
        ("keyword", "drafts", "support", "note"),
        ((f"`{row.keyword}`", _span(row.drafts), row.action, _code(row.note)) for row in keyword_support()),
    )
    yield from _FORMATS.splitlines()
    yield from _table(
        ("format", "defined in", "support", "values"),
        ((f"`{row.format}`", _span(row.drafts), row.action, _code(row.note)) for row in format_support()),
    )
    yield from _REFUSED.splitlines()
    yield from _table(("refused", "what to do"), ((one.what, one.remedy) for one in REFUSALS))
    yield from _REST.splitlines()


def _code(note: str) -> str:
    """A note with what Markdown would take for markup kept as it is."""
    return note.replace("\\", "\\\\").replace("*", "\\*").replace("_", "\\_")


_INTRODUCTION = """\
<!-- written by `grammarlib support --markdown`; a test compares -->
# JSON Schema support

The language of a schema is what [python-jsonschema](https://python-jsonschema.readthedocs.io) accepts, in the dialect
that `$schema` names (drafts 4, 6, 7, 2019-09 and 2020-12, which is the default), with numbers as exact decimals,
written as JSON with unique keys.  Every keyword that asserts something is enforced, in every draft that knows it, alone
and together with the others.

* **enforced**: exactly, by the masks: a token that no valid text continues is not allowed.
* **annotation**: it constrains nothing; `report.ignored` lists it with its pointer.
* **core**: identifiers and definitions.

`grammarlib support` prints the same tables, `grammarlib check` and `report.enforced` say what a schema uses of it.  A
keyword that the dialect does not know asserts nothing, as the specifications say, and is listed like an annotation.

"""

_FORMATS = """\

## Formats

The formats of the specification are enforced in every draft; [Formats](formats.md) has the details.  What is checked
**at the end** of a string is refused unless `approximate` lists it; what is **optional** is an annotation unless
`openapi_formats=True`.

"""

_REFUSED = """\

## What is refused

With the keyword and its pointer, all findings at once, when the schema is compiled.  Where `approximate` allows an
assertion to be checked at a string's end, texts are still accepted exactly, masks may lead to a string that is then
refused, and `report.approximated` lists it.

"""

_REST = """\

Schemas that are too large or too deep for the [limits](limits.md) are refused as such.  Searches for a way out of open
checks are bounded too: past the bound a mask may allow a dead end, `report.dead_end_free` is False, and
`report.dead_ends` says where.
"""
