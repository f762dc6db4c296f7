"""A benchmark harness for constrained decoding engines: which is right, which is fast, and what that is worth.

`load` and `select` give cases, `run` takes every engine over them into a `RunFolder`, `read_records` reads what was
found; ``jsonschemabench`` is the command.
"""

from __future__ import annotations

from jsonschemabench.cases import Case, Instance
from jsonschemabench.dataset import load, select
from jsonschemabench.errors import (
    BenchmarkError,
    DataError,
    DiskFull,
    EngineUnavailable,
    MissingExtra,
    RunFolderError,
)
from jsonschemabench.outcome import Outcome
from jsonschemabench.run_folder import Records, RunFolder, read_records
from jsonschemabench.runner import run
from jsonschemabench.station import GenerationSettings, Settings

__all__ = [
    "BenchmarkError",
    "Case",
    "DataError",
    "DiskFull",
    "EngineUnavailable",
    "GenerationSettings",
    "Instance",
    "MissingExtra",
    "Outcome",
    "Records",
    "RunFolder",
    "RunFolderError",
    "Settings",
    "load",
    "read_records",
    "run",
    "select",
]
