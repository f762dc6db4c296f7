"""Exit codes, and the one exception that the command line adds to grammarlib's own.

Place: imported by every module of the command line; imports nothing of it.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command's exit code says."""

    FINE = 0
    """Done, and nothing to report."""
    FINDINGS = 1
    """A finding: a refused source, an invalid instance, a prefix or token that the language does not allow."""
    USAGE = 2
    """Wrong usage, or input that cannot be read (no such file, not UTF-8, not JSON)."""
    LIMIT = 3
    """A bound of `grammarlib.limits.Limits` was hit."""
    INTERRUPTED = 130
    """Stopped by the user; the code that shells give to SIGINT."""
    BROKEN_PIPE = 141
    """The reader of stdout went away; the code that shells give to SIGPIPE."""


_GRAVITY = (ExitCode.FINE, ExitCode.FINDINGS, ExitCode.LIMIT, ExitCode.USAGE)


def worst(*codes: ExitCode) -> ExitCode:
    """The exit code of several inputs together: unreadable before limit before findings before fine."""
    return max(codes, key=_GRAVITY.index, default=ExitCode.FINE)


class UnreadableInput(Exception):
    """A file or stdin cannot be read, or is not what it has to be; ends the command with exit code 2."""


class TooDeep(UnreadableInput):
    """JSON that is nested more deeply than Python's reader can follow."""
