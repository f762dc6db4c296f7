"""The options that name a source, shared by ``generate``, ``sample`` and ``mask``, and what they make.

Exactly one kind of source is given: a schema or a grammar by file (``-`` is stdin), a pattern and choices as they are.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grammarlib.cli.exits import TooDeep
from grammarlib.cli.output import progress
from grammarlib.cli.reading import display_name, parse_json, read_text

if TYPE_CHECKING:
    import grammarlib as gl


class Order(StrEnum):
    """The order of an object's keys."""

    ANY = "any"
    SCHEMA = "schema"


class Whitespace(StrEnum):
    """The whitespace between the tokens of JSON."""

    BOUNDED = "bounded"
    COMPACT = "compact"
    ANY = "any"


class Dialect(StrEnum):
    """The dialect of a pattern."""

    PYTHON = "python"
    ECMA = "ecma"


_PANEL = "The language (exactly one kind)"
_HOW = "How the language is read"

SchemaOption = Annotated[
    str | None, typer.Option("--schema", metavar="FILE", help="A JSON Schema.", rich_help_panel=_PANEL)
]
RegexOption = Annotated[
    str | None,
    typer.Option("--regex", metavar="PATTERN", help="A pattern; the whole text must match.", rich_help_panel=_PANEL),
]
ChoiceOption = Annotated[
    list[str] | None,
    typer.Option("--choice", metavar="TEXT", help="One of the allowed texts; may be repeated.", rich_help_panel=_PANEL),
]
LarkOption = Annotated[
    str | None, typer.Option("--lark", metavar="FILE", help="A grammar in Lark's syntax.", rich_help_panel=_PANEL)
]
EbnfOption = Annotated[
    str | None, typer.Option("--ebnf", metavar="FILE", help="A grammar in GBNF or EBNF.", rich_help_panel=_PANEL)
]
OrderOption = Annotated[
    Order, typer.Option("--order", help="Keys in any order, or in the schema's.", rich_help_panel=_HOW)
]
WhitespaceOption = Annotated[
    Whitespace, typer.Option("--whitespace", help="Whitespace between the tokens of JSON.", rich_help_panel=_HOW)
]
OpenapiFormatsOption = Annotated[
    bool,
    typer.Option(
        "--openapi-formats",
        help="Enforce the formats int32, int64, float, double and byte of a schema.",
        rich_help_panel=_HOW,
    ),
]
DialectOption = Annotated[
    Dialect, typer.Option("--dialect", help="The dialect of the pattern of --regex.", rich_help_panel=_HOW)
]
StartOption = Annotated[
    str | None,
    typer.Option("--start", metavar="RULE", help="The rule that a grammar starts with.", rich_help_panel=_HOW),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option("--limit", metavar="NAME=N", help="Another bound of Limits; may be repeated.", rich_help_panel=_HOW),
]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the user gave; `source` makes the source of it."""

    schema: str | None = None
    regex: str | None = None
    choice: tuple[str, ...] = ()
    lark: str | None = None
    ebnf: str | None = None
    order: Order = Order.ANY
    whitespace: Whitespace = Whitespace.BOUNDED
    dialect: Dialect = Dialect.PYTHON
    start: str | None = None
    openapi_formats: bool = False

    def source(self) -> Any:
        """The source that the options name.

        Raises `typer.BadParameter` unless exactly one kind is given, `UnreadableInput` for a file that cannot be
        read, and what the source's class raises.
        """
        kinds = {
            "--schema": self.schema,
            "--regex": self.regex,
            "--choice": self.choice or None,
            "--lark": self.lark,
            "--ebnf": self.ebnf,
        }
        given = [name for name, value in kinds.items() if value is not None]
        if len(given) != 1:
            found = f"given: {', '.join(given)}" if given else "none is given"
            raise typer.BadParameter(f"exactly one of {', '.join(kinds)} is needed; {found}")

        import grammarlib as gl

        if self.schema is not None:
            text, where = read_text(self.schema), display_name(self.schema)
            return schema_source(text, where, self.order, self.whitespace, self.openapi_formats)
        if self.regex is not None:
            return gl.Regex(self.regex, dialect=self.dialect.value)
        if self.lark is not None:
            return gl.Lark(read_text(self.lark), start=self.start or "start")
        if self.ebnf is not None:
            return gl.Ebnf(read_text(self.ebnf), root=self.start or "root")
        return gl.Choice(self.choice)


def schema_source(
    text: str, where: str, order: Order, whitespace: Whitespace, openapi_formats: bool = False
) -> gl.JsonSchema:
    """A JSON Schema source of a text; raises `UnreadableInput` where the text is not JSON."""
    import grammarlib as gl

    with contextlib.suppress(TooDeep):  # compiling will say so, as a limit
        parse_json(text, where)
    return gl.JsonSchema(text, order=order.value, whitespace=whitespace.value, openapi_formats=openapi_formats)


def limits_of(options: list[str] | None) -> gl.Limits:
    """The bounds of ``--limit NAME=N`` options; raises `typer.BadParameter` for a name or number that is none."""
    import grammarlib as gl

    names = [field.name for field in fields(gl.Limits)]
    given: dict[str, int] = {}
    for option in options or ():
        name, _, number = option.partition("=")
        if name not in names or not number.isdecimal() or int(number) < 1:
            raise typer.BadParameter(
                f"{option!r} is not NAME=N with N > 0 and NAME one of {', '.join(names)}", param_hint="--limit"
            )
        given[name] = int(number)
    return gl.Limits(**given)


def compile_source(source: Any, vocabulary: gl.Vocabulary | None, limits: gl.Limits) -> gl.CompiledGrammar:
    """``gl.compile`` with a line of progress on a terminal."""
    import grammarlib as gl

    with progress("Compiling (the first time on a machine takes a little longer) ..."):
        return gl.compile(source, vocabulary, limits=limits)
