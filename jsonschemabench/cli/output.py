"""Where the command writes: results to stdout, everything else to stderr; and how it ends.

Progress shows only where stderr is a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class ExitCode(IntEnum):
    """What the command's exit code says."""

    FINE = 0
    """Done, and nothing wrong was found."""
    FINDINGS = 1
    """Done, and an engine gave a wrong verdict, raised or crashed."""
    USAGE = 2
    """Wrong usage: data, an engine or a folder that cannot be used."""
    LIMIT = 3
    """A limit was hit: time or memory by an engine, or the disk by the run itself."""
    INTERRUPTED = 130
    """Stopped by the user; the run can be resumed."""
    BROKEN_PIPE = 141
    """The reader of stdout went away."""


def emit(text: str, end: str = "\n") -> None:
    """Write a result to stdout as UTF-8, and flush it."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text + end)
    else:
        sys.stdout.flush()
        stream.write((text + end).encode("utf-8", "surrogatepass"))
    sys.stdout.flush()


def emit_record(record: Mapping[str, Any]) -> None:
    """Write one result as one line of JSON."""
    emit(json.dumps(record, default=str))


def log(message: str, style: str = "") -> None:
    """Write one line to stderr."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(Text(message, style=style))


def log_error(message: str) -> None:
    """Write an error to stderr."""
    log(f"error: {message}", style="red")


class Advance(Protocol):
    """Moves a progress bar on by one."""

    def __call__(self, description: str = "") -> None:
        """One more is done; ``description`` is shown beside the bar."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Items a second."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")


@contextmanager
def progress_bar(total: int, what: str) -> Iterator[Advance]:
    """A bar with rate and remaining time on a terminal; nothing at all elsewhere."""
    if total == 0 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":

        def nothing(description: str = "") -> None:
            return

        yield nothing
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def advance(description: str = "") -> None:
            bar.update(task, advance=1, description=description or what)

        yield advance
