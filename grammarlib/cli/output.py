"""Where the command line writes: results to stdout, everything else to stderr.

Results are written as bytes, so that they are UTF-8 whatever the locale says.  Colour appears only on a
terminal and never with ``NO_COLOR``; progress only where stderr is a terminal.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from grammarlib.errors import CompileError, Finding, LimitExceeded


def emit(text: str, end: str = "\n") -> None:
    """Write a result to stdout, and flush it: a reader of a pipe sees it at once.

    A lone surrogate, which UTF-8 cannot carry, is written as its three bytes (WTF-8).
    """
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text + end)
    else:
        sys.stdout.flush()
        stream.write((text + end).encode("utf-8", "surrogatepass"))
    sys.stdout.flush()


def emit_record(record: Mapping[str, Any]) -> None:
    """Write one result as one line of JSON (ASCII, so that any reader can take it)."""
    emit(json.dumps(record, default=str))


def emit_styled(*parts: tuple[str, str]) -> None:
    """Write one line of (text, style) parts to stdout; styles show on a terminal only."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if console.is_terminal:
        console.print(Text.assemble(*parts))
    else:
        emit("".join(text for text, _ in parts))


def log(message: str, style: str = "") -> None:
    """Write one line to stderr."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(Text(message, style=style))


def log_error(message: str) -> None:
    """Write an error to stderr."""
    log(f"error: {message}", style="red")


@contextmanager
def progress(message: str) -> Iterator[None]:
    """One line of progress on stderr while the body runs, removed afterwards; nothing where it is no terminal."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    with Console(stderr=True).status(Text(message)):
        yield


def finding_record(finding: Finding) -> dict[str, Any]:
    """A finding as a JSON object; fields that say nothing are left out."""
    return {name: value for name, value in dataclasses.asdict(finding).items() if value is not None}


def findings_of(error: CompileError | LimitExceeded) -> list[Finding]:
    """The findings of a refusal; a limit counts as one."""
    if isinstance(error, CompileError):
        return list(error.findings)
    return [Finding(code="limit", message=str(error), keyword=error.limit)]


def emit_finding(where: str, finding: Finding) -> None:
    """Write one finding on one line: ``file: [code] message``."""
    emit_styled((f"{where}: ", "bold"), (f"[{finding.code}] ", "red"), (" ".join(str(finding).split()), ""))
