"""``grammarlib mask``: what may come after a prefix, and why a token may not.

The bytes that may come next need no tokenizer; with one, the tokens are shown as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from grammarlib.cli.exits import ExitCode
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

if TYPE_CHECKING:
    import grammarlib as gl

_TEXT = "text:"


def mask(
    schema: SchemaOption = None,
    regex: RegexOption = None,
    choice: ChoiceOption = None,
    lark: LarkOption = None,
    ebnf: EbnfOption = None,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="The text so far.")] = "",
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="ID|TEXT",
            help="May this come next, and if not, why?  A number is a token id where a tokenizer is given; "
            "text:12 is the text 12.",
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", metavar="PATH", help="A tokenizer.json, the folder of a model, or 'embedded'."),
    ] = None,
    show: Annotated[int, typer.Option("--show", min=0, help="How many of the allowed tokens to list.")] = 20,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record, with every allowed token id.")] = False,
    order: OrderOption = Order.ANY,
    whitespace: WhitespaceOption = Whitespace.BOUNDED,
    openapi_formats: OpenapiFormatsOption = False,
    dialect: DialectOption = Dialect.PYTHON,
    start: StartOption = None,
    limit: LimitOption = None,
) -> None:
    """What may come after a prefix: bytes and, with a tokenizer, tokens; why a given token is refused."""
    import grammarlib as gl
    from grammarlib.cli.tokenizers import read_vocabulary

    options = SourceOptions(
        schema, regex, tuple(choice or ()), lark, ebnf, order, whitespace, dialect, start, openapi_formats
    )
    source, limits = options.source(), limits_of(limit)
    single_bytes = gl.Vocabulary([bytes([byte]) for byte in range(256)], eos_token_ids=[256], logits_width=257)
    matcher = compile_source(source, single_bytes, limits).matcher()
    data = prefix.encode("utf-8", "surrogateescape")
    taken = matcher.accept_bytes(data)
    facts: dict[str, Any] = {
        "prefix": prefix,
        "accepted_bytes": taken,
        "prefix_allowed": taken == len(data),
        "may_stop": matcher.is_accepting,
        "next_bytes": [byte for byte in _allowed(matcher, single_bytes) if byte < 256],
        "shortest_completion": matcher.shortest_completion().decode("utf-8", "replace"),
    }
    code = ExitCode.FINE
    if taken < len(data):
        code = ExitCode.FINDINGS
    else:
        vocabulary = None if tokenizer is None else read_vocabulary(tokenizer)
        if vocabulary is not None:
            matcher = compile_source(source, vocabulary, limits).matcher()
            matcher.accept_bytes(data)
            facts["tokens"] = _allowed(matcher, vocabulary)
        if token is not None:
            facts["token"] = _explain(token, matcher, vocabulary, facts)
            code = ExitCode.FINE if facts["token"]["allowed"] else ExitCode.FINDINGS
        if vocabulary is not None and not json_lines:
            facts["shown"] = [(number, vocabulary_bytes(vocabulary, number)) for number in facts["tokens"][:show]]
    if json_lines:
        emit_record(facts)
    else:
        _print(data, facts)
    raise typer.Exit(code)


def _allowed(matcher: gl.Matcher, vocabulary: gl.Vocabulary) -> list[int]:
    """The ids that the mask allows here, ascending."""
    import numpy as np

    import grammarlib as gl

    bitmask = gl.allocate_bitmask(1, vocabulary.logits_width)
    matcher.fill_bitmask(bitmask, 0)
    bits = np.unpackbits(bitmask[0].view(np.uint8), bitorder="little")
    return [int(number) for number in np.flatnonzero(bits)]


def vocabulary_bytes(vocabulary: gl.Vocabulary, token_id: int) -> bytes | None:
    """What a token writes; None for special tokens and padding."""
    return vocabulary.tokens[token_id] if token_id < len(vocabulary.tokens) else None


def _explain(
    token: str, matcher: gl.Matcher, vocabulary: gl.Vocabulary | None, facts: dict[str, Any]
) -> dict[str, Any]:
    """Whether a token or text may come next, and the reason where it may not."""
    if vocabulary is not None and token.isdecimal():
        token_id = int(token)
        if token_id >= vocabulary.logits_width:
            raise typer.BadParameter(f"{token_id} is past the {vocabulary.logits_width} logits", param_hint="--token")
        return _explain_id(token_id, matcher, vocabulary, facts)
    data = token.removeprefix(_TEXT).encode("utf-8", "surrogateescape")
    if vocabulary is not None:
        ids = [number for number, written in enumerate(vocabulary.tokens) if written == data]
        if ids:
            return _explain_id(ids[0], matcher, vocabulary, facts)
    taken = matcher.fork().accept_bytes(data)
    reason = None
    if taken < len(data):
        reason = f"{_byte(data[taken])} may not come {f'after {_quoted(data[:taken])}' if taken else 'here'}"
    record = {"text": data.decode("utf-8", "replace"), "allowed": taken == len(data), "reason": reason}
    return record | ({} if vocabulary is None else {"note": "no token of the vocabulary writes exactly this"})


def _explain_id(token_id: int, matcher: gl.Matcher, vocabulary: gl.Vocabulary, facts: dict[str, Any]) -> dict[str, Any]:
    allowed = token_id in facts["tokens"]
    written = vocabulary_bytes(vocabulary, token_id)
    return {
        "id": token_id,
        "text": None if written is None else written.decode("utf-8", "replace"),
        "allowed": allowed,
        "reason": None if allowed else str(matcher.explain(token_id)),
    }


def _print(data: bytes, facts: dict[str, Any]) -> None:
    if facts["prefix_allowed"]:
        emit(f"prefix: {_quoted(data)} is allowed")
    else:
        at = facts["accepted_bytes"]
        emit(f"prefix: refused at byte {at}: {_byte(data[at])} may not come after {_quoted(data[:at])}")
    emit(f"may stop {'here' if facts['prefix_allowed'] else 'there'}: {'yes' if facts['may_stop'] else 'no'}")
    emit(f"next bytes: {_ranges(facts['next_bytes']) or 'none'}")
    emit(f"shortest completion: {_quoted(facts['shortest_completion'].encode())}")
    if "tokens" in facts:
        emit(f"next tokens: {len(facts['tokens'])}")
        for number, written in facts.get("shown", ()):
            emit(f"  {number}\t{'(special)' if written is None else _quoted(written)}")
    if "token" in facts:
        token = facts["token"]
        name = f"token {token['id']}" if "id" in token else "text"
        text = "(special)" if token["text"] is None else _quoted(token["text"].encode())
        verdict = "allowed" if token["allowed"] else f"refused: {token['reason']}"
        note = f" ({token['note']})" if "note" in token else ""
        emit(f"{name} {text}: {verdict}{note}")


def _quoted(data: bytes) -> str:
    """Bytes as a Python string literal where they are UTF-8, else as a bytes literal."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)


def _byte(byte: int) -> str:
    return repr(chr(byte)) if 0x20 <= byte < 0x7F else f"0x{byte:02X}"


def _ranges(numbers: list[int]) -> str:
    """Ascending bytes as single ones and ranges: ``'"' '0'..'9'``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(_byte(first) if first == last else f"{_byte(first)}..{_byte(last)}" for first, last in runs)
