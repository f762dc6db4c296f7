"""``jsonschemabench report``: tables and page of a run, made again from its records."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jsonschemabench.cli.output import log
from jsonschemabench.cli.run import show
from jsonschemabench.report import write_report
from jsonschemabench.run_folder import export, read_cases, read_records


class Truth(StrEnum):
    """Who says what is valid."""

    LABELS = "labels"
    VALIDATOR = "validator"


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or records (.jsonl, .jsonl.gz).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where the files go; by default into the run.")
    ] = None,
    engine: Annotated[list[str] | None, typer.Option("--engine", "-e", metavar="NAME", help="Only these.")] = None,
    records_file: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write the records, no schemas, to a .jsonl.gz."),
    ] = None,
    truth: Annotated[
        Truth, typer.Option("--truth", help="Who is right: the data's labels, or python-jsonschema.")
    ] = Truth.LABELS,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record an engine instead of tables.")] = False,
) -> None:
    """Write report.md, summary.csv, differences.csv and report.html of a run, and print its tables."""
    records = read_records(run)
    if truth is Truth.VALIDATOR:
        records = records.judged_by_validator()
    cases = read_cases(run) if run.is_dir() else {}
    names = engine or records.engine_names
    unknown = [name for name in names if name not in records.engine_names]
    if unknown:
        known = ", ".join(records.engine_names)
        raise typer.BadParameter(f"no {', '.join(unknown)} in this run; it has {known}", param_hint="--engine")
    folder = out if out is not None else (run if run.is_dir() else run.parent)
    path = write_report(records, cases, folder, names)
    if records_file is not None:
        export(run, records_file)
        log(f"records: {records_file}")
    show(records, names, path, json_lines=json_lines)
