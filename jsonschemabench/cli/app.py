"""The ``jsonschemabench`` command: its subcommands, and how failures become exit codes.

Place: the outermost layer of the harness; the entry point is `main`.  Commands raise what the harness raises;
`Commands.invoke` is the one place that turns exceptions into a message on stderr and an `ExitCode`.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from grammarlib.errors import GrammarlibError
from jsonschemabench.cli.compare import compare
from jsonschemabench.cli.engines import engines
from jsonschemabench.cli.output import ExitCode, emit, log, log_error
from jsonschemabench.cli.report import report
from jsonschemabench.cli.run import run
from jsonschemabench.errors import DiskFull

RAY_LOCAL = "local"


class Commands(TyperGroup):
    """The group of subcommands; maps exceptions to exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a subcommand; every expected failure ends in `typer.Exit` with its code."""
        try:
            return super().invoke(ctx)
        except DiskFull as error:
            log_error(f"{error}; what was recorded is whole, the same command goes on from there")
            raise typer.Exit(ExitCode.LIMIT) from None
        except GrammarlibError as error:
            log_error(str(error))
            raise typer.Exit(ExitCode.USAGE) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.BROKEN_PIPE) from None
        except KeyboardInterrupt:
            log("interrupted; what was recorded is whole, the same command goes on from there")
            raise typer.Exit(ExitCode.INTERRUPTED) from None


class RunCommand(TyperCommand):
    """``run``, whose ``--ray`` may stand without an address."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a bare ``--ray`` the value ``local``."""
        filled = []
        for word, following in zip(args, [*args[1:], "-"], strict=True):
            filled.append(word)
            if word == "--ray" and following.startswith("-"):
                filled.append(RAY_LOCAL)
        return super().parse_args(ctx, filled)


app = typer.Typer(
    name="jsonschemabench",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 fine, 1 an engine was wrong or crashed, 2 wrong usage, 3 a limit was hit (time, memory, disk), "
        "130 interrupted.  Results go to stdout, everything else to stderr."
    ),
)


def _show_version(value: bool) -> None:
    if value:
        emit(f"jsonschemabench {version('grammarlib')}")
        raise typer.Exit()


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Which constrained decoding engine is right, which is fast, and what that is worth."""


app.command(cls=RunCommand)(run)
for _command in (report, compare, engines):
    app.command()(_command)


def main() -> None:
    """The entry point of the ``jsonschemabench`` command; ends the process with an `ExitCode`."""
    signal.signal(signal.SIGTERM, _interrupt)
    app()


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
