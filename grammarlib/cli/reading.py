"""What the command line reads: files and stdin, as text or as JSON with exact numbers.

Every failure is `UnreadableInput`, whose message names the file, the place and the reason.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

import typer

from grammarlib.cli.exits import TooDeep, UnreadableInput

STDIN = "-"


def display_name(path: str) -> str:
    """How messages name an input."""
    return "<stdin>" if path == STDIN else path


def require_one_stdin(paths: list[str]) -> None:
    """Refuse a command line that names stdin twice: the second would be empty.

    Raises `typer.BadParameter`.
    """
    if paths.count(STDIN) > 1:
        raise typer.BadParameter("stdin (-) can be read only once")


def read_text(path: str) -> str:
    """The text of a file, or of stdin for ``-``; it must be UTF-8."""
    try:
        data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{display_name(path)}: {error.strerror or error}") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{display_name(path)}: not UTF-8 at byte {error.start}") from None


def parse_json(text: str, where: str) -> Any:
    """A JSON text as Python values; numbers with a fraction or an exponent are `Decimal`.

    The last of several equal keys wins, as in Python's `json`; `duplicate_keys` tells.
    Raises `UnreadableInput`, and of these `TooDeep` where nesting alone is in the way.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_int=_integer, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise UnreadableInput(f"{where}: not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, InvalidOperation) as error:
        raise UnreadableInput(f"{where}: not JSON that can be read: {error}") from None
    except RecursionError:
        raise TooDeep(f"{where}: nested too deeply to be read") from None


def _integer(digits: str) -> int | Decimal:
    # Python refuses to convert more than 4300 digits to an int; a Decimal of them is as exact.
    return int(digits) if len(digits) < 4000 else Decimal(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def duplicate_keys(text: str) -> list[str]:
    """The keys that some object of a JSON text holds more than once, in the order of their second mention."""
    found: dict[str, None] = {}

    def note(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found[key] = None
            seen.add(key)

    json.loads(text, object_pairs_hook=note, parse_float=str, parse_int=str)
    return list(found)
