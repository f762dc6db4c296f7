"""The files of a report: ``report.md``, ``summary.csv``, ``differences.csv`` and ``report.html``.

Purpose: everything that a run has to say, next to its records, made again from them at any time.
Place: after `jsonschemabench.runner`, or by ``jsonschemabench report`` on records from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jsonschemabench.cases import Case
from jsonschemabench.differences import agreement, differences, differences_csv
from jsonschemabench.errors import DiskFull
from jsonschemabench.page import page
from jsonschemabench.run_folder import Records
from jsonschemabench.tables import NOTE, comma_separated, markdown, provenance, run_tables, split_table

PAGE = "report.html"


def report_markdown(records: Records, engines: Sequence[str] | None = None) -> str:
    """The report as Markdown: every table, outcomes by split, the validators' agreement, where it was made."""
    names = list(engines) if engines is not None else records.engine_names
    parts = ["# JSON Schema engines, measured\n"]
    for title, columns in run_tables(records, names).items():
        parts.append(f"## {title}\n\n{markdown(columns)}")
    measured = [name for name in names if records.rows_of(name)]
    if measured:
        parts.append(
            "## Right on all tests, by split (% of schemas with tests)\n\n" + markdown(split_table(records, measured))
        )
    if records.verdicts:
        parts.append(f"## Validators\n\n{agreement(records)}\n")
    parts.append(
        "## Where this was measured\n\n" + "".join(f"* {line}\n" for line in provenance(records)) + f"\n{NOTE}\n"
    )
    return "\n".join(parts)


def write_report(
    records: Records, cases: Mapping[str, Case], folder: Path, engines: Sequence[str] | None = None
) -> Path:
    """Write the report's files into a folder; gives the path of the HTML page.

    ``cases`` give the page's drill-down its schemas and instances; it does without them where there are none.
    Raises `DiskFull` where they cannot be written.
    """
    tables = run_tables(records, engines)
    files = {
        "report.md": report_markdown(records, engines),
        "summary.csv": comma_separated(tables),
        "differences.csv": differences_csv(list(differences(records, engines))),
        PAGE: page(records, cases, engines),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            new = folder / (name + ".new")
            new.write_text(text, encoding="utf-8")
            new.replace(folder / name)
    except OSError as error:
        raise DiskFull(f"{folder}: {error.strerror or error}") from None
    return folder / PAGE
