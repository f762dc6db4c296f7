"""``grammarlib sample``: random texts of a language, without a model.

To see what a schema or grammar allows, and to make test data.
"""

from __future__ import annotations

from typing import Annotated

import typer

from grammarlib.cli.output import emit, emit_record
from grammarlib.cli.sources import (
    ChoiceOption,
    Dialect,
    DialectOption,
    EbnfOption,
    LarkOption,
    LimitOption,
    OpenapiFormatsOption,
    Order,
    OrderOption,
    RegexOption,
    SchemaOption,
    SourceOptions,
    StartOption,
    Whitespace,
    WhitespaceOption,
    compile_source,
    limits_of,
)


def sample(
    schema: SchemaOption = None,
    regex: RegexOption = None,
    choice: ChoiceOption = None,
    lark: LarkOption = None,
    ebnf: EbnfOption = None,
    number: Annotated[int, typer.Option("--num", "-n", min=0, help="How many texts.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Text i is drawn with this seed plus i.")] = 0,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record a text.")] = False,
    order: OrderOption = Order.ANY,
    whitespace: WhitespaceOption = Whitespace.COMPACT,
    openapi_formats: OpenapiFormatsOption = False,
    dialect: DialectOption = Dialect.PYTHON,
    start: StartOption = None,
    limit: LimitOption = None,
) -> None:
    """Random texts of the language, one after the other; no model is needed."""
    options = SourceOptions(
        schema, regex, tuple(choice or ()), lark, ebnf, order, whitespace, dialect, start, openapi_formats
    )
    compiled = compile_source(options.source(), None, limits_of(limit))
    for index in range(number):
        text = compiled.sample(seed + index)
        if json_lines:
            emit_record({"seed": seed + index, "text": text})
        else:
            emit(text)
