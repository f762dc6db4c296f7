"""Tables of a run: Markdown to read, CSV to compute with, in MaskBench's form.

Purpose: turn `jsonschemabench.metrics` into text.  False accepts and false rejects lead; refusals stand apart, since an
engine that says no is not wrong.
Place: used by the command line, the HTML page and the pages of docs.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from jsonschemabench.metrics import (
    PERCENTILES,
    Coverage,
    Quality,
    Times,
    case_ids,
    compiled_by_all,
    coverage,
    mean,
    percentile,
    quality,
    times,
)
from jsonschemabench.outcome import Outcome
from jsonschemabench.run_folder import Records

Column: TypeAlias = dict[str, float | int | None]
"""A table's column: row name to number, None for what is not known."""

NOTE: Final = (
    "MaskBench's table has times over the schemas that each engine compiled: one that refuses hard schemas flatters "
    "its own times.  The table after it is over the schemas that all of them compiled."
)


def coverage_column(found: Coverage) -> Column:
    """Outcomes of one engine, worst first."""
    outcomes = found.outcomes
    tested = found.schemas_with_tests
    return {
        "schemas": found.schemas,
        "schemas with tests": tested,
        "tests": found.tests,
        "schemas with false accepts": found.false_accept_schemas,
        "schemas with false rejects": found.false_reject_schemas,
        "false accepts (tests)": found.false_accept_tests,
        "false rejects (tests)": found.false_reject_tests,
        "crash": outcomes[Outcome.CRASH],
        "timeout": outcomes[Outcome.TIMEOUT],
        "out of memory": outcomes[Outcome.MEMORY],
        "exceptions": found.exception_schemas,
        "mask and acceptance differ (tokens)": found.mismatches,
        "refused": outcomes[Outcome.REFUSED],
        "refused, with tests": found.refused_with_tests,
        "compiled, no tests (proves nothing)": outcomes[Outcome.UNTESTED],
        "right on all tests": outcomes[Outcome.PASS],
        "declared coverage %": _percent(found.declared, found.schemas),
        "empirical coverage %": _percent(found.empirical, found.schemas),
        "true coverage %, at most (of schemas with tests)": _percent(found.true_bound, tested),
    }


def maskbench_column(found: Coverage, measured: Times) -> Column:
    """MaskBench's table, same rows and definitions; times in microseconds, TTFM with the first mask.

    The one difference: an instance counts as accepted only where the text may stop at its end.
    """
    column: Column = time_column(measured)
    column |= {
        "tokens": measured.tbm.count,
        "schemas": found.schemas,
        "passing": found.passing,
        "compile error": found.outcomes[Outcome.REFUSED],
        "crash": found.outcomes[Outcome.CRASH],
        "out of memory": found.outcomes[Outcome.MEMORY],
        "timeout": found.outcomes[Outcome.TIMEOUT],
        "validation error (valid rejected)": found.false_reject_schemas,
        "invalidation error (invalid accepted)": found.false_accept_schemas,
    }
    return column


def time_column(measured: Times) -> Column:
    """TBM, TTFM and compile times in microseconds."""
    column: Column = {"TBM avg (us)": measured.tbm.mean_us}
    column |= {f"TBM p{percent:g}": measured.tbm.percentile(percent) for percent in PERCENTILES}
    column["TTFM avg (us)"] = mean(measured.ttfm_us)
    column |= {f"TTFM p{percent:g}": percentile(measured.ttfm_us, percent) for percent in PERCENTILES}
    column["compile avg (us)"] = mean(measured.compile_us)
    column["compile p50"] = percentile(measured.compile_us, 50)
    column["fast-forward %"] = 100 * measured.fast_forward_share
    column["peak memory (MiB)"] = measured.peak_mb or None
    return column


def quality_column(found: Quality) -> Column:
    """Generated outputs of one engine, in the paper's terms: compliance, TTFT, TPOT, GCT, and what masking cost."""
    return {
        "schemas": found.schemas,
        "texts": found.generated,
        "finished %": _percent(found.finished, found.generated),
        "valid of finished %": _percent(found.valid, found.finished),
        "compliance %, schemas": _percent(found.compliant_schemas, found.schemas),
        "field-level accuracy %": _percent(found.fields_right, found.fields),
        "tokens per second": found.tokens / found.seconds if found.seconds else None,
        "TTFT avg (ms)": 1e3 * mean(found.first_token_seconds),
        "TPOT avg (ms)": 1e3 * found.seconds / found.tokens if found.tokens else None,
        "share of time in masks %": _percent(found.mask_seconds, found.seconds),
        "log-probability lost to masking (nats/token)": found.lost_nats / found.tokens if found.tokens else None,
        "KL(masked, aligned) (nats/text)": mean(found.divergence_nats),
        "effective share of samples %": 100 * mean(found.effective_share),
        "KL by an aligned sampler (nats/text)": mean(found.aligned_divergence_nats),
    }


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


# Whole tables


def run_tables(records: Records, engines: Sequence[str] | None = None) -> dict[str, dict[str, Column]]:
    """Every table of a run: title to engine to column.  Only cases that all engines have a row for are counted."""
    names = list(engines) if engines is not None else records.engine_names
    measured = [name for name in names if records.rows_of(name)]
    cases = case_ids(records, measured)
    common = compiled_by_all(records, measured, cases)
    tables: dict[str, dict[str, Column]] = {}
    if measured:
        found = {name: coverage(records, name, cases) for name in measured}
        tables["Coverage"] = {name: coverage_column(found[name]) for name in measured}
        every = set(cases)
        tables["MaskBench's table"] = {
            name: maskbench_column(found[name], times(records, name, every)) for name in measured
        }
        title = f"Times on the {len(common):,} schemas that all engines compiled"
        tables[title] = {name: time_column(times(records, name, common)) for name in measured}
    generated = {name: one for name in names if (one := quality(records, name)) is not None}
    if generated:
        tables["Generated outputs"] = {name: quality_column(one) for name, one in generated.items()}
    return tables


def markdown(columns: Mapping[str, Column], corner: str = "") -> str:
    """A table in Markdown, a column for each engine, aligned for reading as plain text."""
    names = list(columns)
    rows = [[corner, *names]]
    for key in dict.fromkeys(key for column in columns.values() for key in column):
        rows.append([key, *(number(columns[name].get(key)) for name in names)])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return "| " + " | ".join(cells) + " |"

    rule = "|:" + "-" * (widths[0] + 1) + "".join("|" + "-" * (width + 1) + ":" for width in widths[1:]) + "|"
    return "\n".join([line(rows[0]), rule, *(line(row) for row in rows[1:])]) + "\n"


def number(value: float | int | None) -> str:
    """A number for people: three digits where they matter, thousands parted, ``-`` for none."""
    if value is None or math.isnan(value):
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def comma_separated(tables: Mapping[str, Mapping[str, Column]]) -> str:
    """All tables as CSV with the columns table, metric, engine, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["table", "metric", "engine", "value"])
    for title, columns in tables.items():
        for engine, column in columns.items():
            for metric, value in column.items():
                known = value is not None and not math.isnan(value)
                writer.writerow([title, metric, engine, f"{value:.6g}" if known else ""])
    return text.getvalue()


def split_table(records: Records, engines: Sequence[str]) -> dict[str, Column]:
    """Per engine, the schemas of each split that were right on all tests, of those with tests, in per cent."""
    columns: dict[str, Column] = {}
    cases = case_ids(records, engines)
    for engine in engines:
        groups: dict[str, list[str]] = {}
        for case in cases:
            groups.setdefault(records.rows[engine, case]["split"], []).append(case)
        columns[engine] = {
            split: _percent(
                (found := coverage(records, engine, names)).outcomes[Outcome.PASS], found.schemas_with_tests
            )
            for split, names in sorted(groups.items())
        }
    return columns


def provenance(records: Records) -> list[str]:
    """Lines that say where records come from: settings, machine, commit, versions."""
    info = records.info
    settings: dict[str, Any] = info.get("settings", {})
    lines = []
    if info:
        lines.append(
            f"Data {info.get('source')}, {info.get('count')} schemas (digest {info.get('digest')}); tokenizer "
            f"{settings.get('tokenizer')}; limits for an engine on a schema: {settings.get('time_limit_s'):g} s, "
            f"{settings.get('memory_mb'):,} MiB."
        )
    seen = set()
    for session in records.sessions:
        machine = session["machine"]
        packages = ", ".join(f"{name} {version}" for name, version in sorted(session["versions"].items()))
        jobs = session["arguments"].get("jobs", 1)
        line = (
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_mb']:,} MiB, {machine['system']}, "
            f"Python {machine['python']}; commit {session['commit'] or 'unknown'}; {jobs} at once; {packages}."
        )
        if line not in seen:
            seen.add(line)
            lines.append(f"{session['started']}: {line}")
    for engine, entries in records.engines.items():
        told = dict(pair for entry in entries for pair in entry.get("versions", {}).items())
        if told and engine != "verdict":
            lines.append(f"{engine}: " + ", ".join(f"{name} {version}" for name, version in sorted(told.items())) + ".")
    return lines
