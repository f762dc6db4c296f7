"""What the harness refuses, as exceptions of grammarlib's tree.

Purpose: each way in which a run cannot start or cannot go on has a type, which the command line turns into an
exit code.  What an *engine* does (refusals, crashes, timeouts) is never an exception here: it is an outcome
(`jsonschemabench.outcome`).
Place: imported by every module of the package; imports nothing of it.
"""

from __future__ import annotations

from grammarlib.errors import GrammarlibError


class BenchmarkError(GrammarlibError):
    """The root of what the harness itself raises."""


class DataError(BenchmarkError):
    """A data source cannot be read, or a row of it is not what it has to be; the message names the row."""


class EngineUnavailable(BenchmarkError):
    """An engine cannot be used here: unknown, not installed, or it fails while it is set up.

    ``engine`` names it; ``extra`` is the extra of grammarlib that installs it, or None.
    """

    def __init__(self, engine: str, reason: str, extra: str | None = None) -> None:
        self.engine = engine
        self.reason = reason
        self.extra = extra
        super().__init__(engine, reason, extra)

    def __str__(self) -> str:
        hint = f"; pip install 'grammarlib[{self.extra}]'" if self.extra else ""
        return f"engine {self.engine}: {self.reason}{hint}"


class MissingExtra(BenchmarkError):
    """A feature needs a package that is not installed; ``extra`` is the extra of grammarlib that brings it."""

    def __init__(self, feature: str, extra: str, reason: str) -> None:
        self.feature = feature
        self.extra = extra
        self.reason = reason
        super().__init__(feature, extra, reason)

    def __str__(self) -> str:
        return f"{self.feature}: {self.reason}; pip install 'grammarlib[{self.extra}]'"


class RunFolderError(BenchmarkError):
    """A run folder cannot be used: another run is in it, it holds other rows or settings, or it is damaged."""


class DiskFull(BenchmarkError):
    """A record could not be written.  What was recorded before is whole, and the run can be resumed."""
