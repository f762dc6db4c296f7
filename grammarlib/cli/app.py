"""The ``grammarlib`` command: its subcommands, and how failures become exit codes.

Place: the outermost layer; the entry point is `main`.  Commands raise what the library raises; `Commands.invoke`
is the one place that turns exceptions into a message on stderr and an exit code (`ExitCode`).
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from grammarlib.cli.check import check
from grammarlib.cli.doctor import doctor
from grammarlib.cli.exits import ExitCode, UnreadableInput
from grammarlib.cli.generate import generate
from grammarlib.cli.mask import mask
from grammarlib.cli.output import emit, findings_of, log_error
from grammarlib.cli.sample import sample
from grammarlib.cli.support import support
from grammarlib.cli.validate import validate
from grammarlib.errors import ArtefactError, CompileError, GrammarlibError, LimitExceeded, VocabularyError


class Commands(TyperGroup):
    """The group of subcommands; maps exceptions to exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a subcommand; every expected failure ends in `typer.Exit` with its code."""
        try:
            return super().invoke(ctx)
        except LimitExceeded as error:
            log_error(str(error))
            raise typer.Exit(ExitCode.LIMIT) from None
        except CompileError as error:
            for finding in findings_of(error):
                log_error(f"[{finding.code}] {finding}")
            raise typer.Exit(ExitCode.FINDINGS) from None
        except (UnreadableInput, VocabularyError, ArtefactError) as error:
            log_error(str(error))
            raise typer.Exit(ExitCode.USAGE) from None
        except GrammarlibError as error:
            log_error(str(error))
            raise typer.Exit(ExitCode.FINDINGS) from None
        except BrokenPipeError:
            # The reader went away (`| head`).  Nobody is left to tell; keep Python from flushing at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.BROKEN_PIPE) from None
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None


app = typer.Typer(
    name="grammarlib",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 fine, 1 findings, 2 wrong usage or unreadable input, 3 a limit was hit.  "
        "- is stdin.  Results go to stdout, everything else to stderr."
    ),
)


def _show_version(value: bool) -> None:
    if value:
        emit(f"grammarlib {version('grammarlib')}")
        raise typer.Exit()


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Make a language model write only what a JSON Schema, a regex or a grammar allows."""


for _command in (generate, check, validate, sample, mask, support, doctor):
    app.command()(_command)


def main() -> None:
    """The entry point of the ``grammarlib`` command; ends the process with an `ExitCode`."""
    app()
