"""The HTML page of a run: one file that needs no network, drawn by its own script from the records.

Purpose: what a table cannot show: whole distributions, keywords against engines, two engines schema by schema, and for
each row that failed the schema, the instances and who said what.
Place: beside the tables of `jsonschemabench.tables`, from which its figures come; the template is
``templates/report.html``.
Cost: the records, thinned: curves have at most `_POINTS` points, and schemas are left out once they fill
`_SCHEMA_BYTES`.
Not taken: a plotting library.  Its script would have to be shipped or fetched, and is larger than this page.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jsonschemabench.cases import Case
from jsonschemabench.differences import Difference, differences
from jsonschemabench.histogram import Histogram
from jsonschemabench.keywords import keywords_of
from jsonschemabench.metrics import case_ids, is_measured, times
from jsonschemabench.outcome import Outcome, judge_row
from jsonschemabench.run_folder import Records
from jsonschemabench.tables import NOTE, number, provenance, run_tables

_POINTS: Final = 300
_SCHEMA_BYTES: Final = 4_000_000
_SHOWN_SCHEMA: Final = 6_000
_SHOWN_TEXT: Final = 1_500
_PLACE: Final = "/*DATA*/"


def page(records: Records, cases: Mapping[str, Case], engines: Sequence[str] | None = None) -> str:
    """The page as HTML.  ``cases`` by id give keywords and the drill-down; without them those parts are empty."""
    template = (Path(__file__).resolve().parent / "templates" / "report.html").read_text(encoding="utf-8")
    data = json.dumps(page_data(records, cases, engines))
    # Within a script element "</" would end it, and "<!--" would begin a comment.
    data = data.replace("<", "\\u003c")
    before, after = template.split(_PLACE)
    return before + data + after


def page_data(records: Records, cases: Mapping[str, Case], engines: Sequence[str] | None = None) -> dict[str, Any]:
    """What the page's script draws, as a JSON object."""
    names = list(engines) if engines is not None else records.engine_names
    measured = [name for name in names if records.rows_of(name)]
    identifiers = case_ids(records, measured)
    known = set(identifiers)
    tables = [
        {
            "title": title,
            "engines": list(columns),
            "rows": [
                [metric, *(number(columns[name].get(metric)) for name in columns)]
                for metric in dict.fromkeys(metric for column in columns.values() for metric in column)
            ],
        }
        for title, columns in run_tables(records, names).items()
    ]
    found = [one for one in differences(records, names) if one.case in known]
    failed = _failed_rows(records, found, cases, measured, known)
    return {
        "lead": _lead(records, measured, identifiers),
        "note": NOTE,
        "provenance": provenance(records),
        "engines": names,
        "measured": measured,
        "tables": tables,
        "splits": _splits(records, measured, identifiers),
        "curves": _curves(records, measured, known),
        "keywords": _keywords(records, measured, identifiers, cases),
        "cases": identifiers,
        "caseSplits": [records.rows[measured[0], case]["split"] for case in identifiers] if measured else [],
        "pairs": _pairs(records, measured, identifiers),
        "rows": failed,
        "schemas": _schemas(failed, cases),
    }


def _lead(records: Records, measured: Sequence[str], identifiers: Sequence[str]) -> str:
    source = Path(str(records.info.get("source", "records"))).name
    return f"{len(measured)} engines on the same {len(identifiers):,} schemas of {source}."


def _splits(records: Records, measured: Sequence[str], identifiers: Sequence[str]) -> dict[str, Any]:
    result: dict[str, dict[str, dict[str, int]]] = {}
    for engine in measured:
        for case in identifiers:
            row = records.rows[engine, case]
            counts = result.setdefault(row["split"], {}).setdefault(engine, {})
            outcome = str(judge_row(row).outcome)
            counts[outcome] = counts.get(outcome, 0) + 1
    return dict(sorted(result.items()))


def _curves(records: Records, measured: Sequence[str], known: set[str]) -> dict[str, Any]:
    titles = {
        "compile": "Compiling a schema",
        "ttfm": "TTFM: compiling and the first mask",
        "tbm": "TBM: from one mask to the next, a token",
    }
    result: dict[str, dict[str, list[list[float]]]] = {title: {} for title in titles.values()}
    for engine in measured:
        found = times(records, engine, known)
        result[titles["compile"]][engine] = _steps(found.compile_us)
        result[titles["ttfm"]][engine] = _steps(found.ttfm_us)
        points = [[_rounded(us), round(share, 5)] for us, share in found.tbm.points()]
        result[titles["tbm"]][engine] = points
    return result


def _steps(values: Collection[float]) -> list[list[float]]:
    """A cumulative distribution of at most `_POINTS` points, the last one at 1."""
    ordered = sorted(values)
    if not ordered:
        return []
    count = min(len(ordered), _POINTS)
    ranks = sorted({-(-(at + 1) * len(ordered) // count) for at in range(count)})
    return [[_rounded(max(ordered[rank - 1], 0.1)), round(rank / len(ordered), 5)] for rank in ranks]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _keywords(
    records: Records, measured: Sequence[str], identifiers: Sequence[str], cases: Mapping[str, Case]
) -> list[list[Any]]:
    """[keyword, schemas with tests, [share right in per cent, or None] an engine], the most used first."""
    using: dict[str, list[str]] = {}
    for case in identifiers:
        if case in cases and any(one.valid is not None for one in cases[case].instances):
            for keyword in keywords_of(cases[case].schema):
                using.setdefault(keyword, []).append(case)
    right = {
        engine: {case for case in identifiers if judge_row(records.rows[engine, case]).outcome is Outcome.PASS}
        for engine in measured
    }
    table: list[list[Any]] = []
    for keyword, users in using.items():
        shares = [round(100 * sum(case in right[engine] for case in users) / len(users), 1) for engine in measured]
        table.append([keyword, len(users), shares])
    return sorted(table, key=lambda entry: (-entry[1], entry[0]))


def _pairs(records: Records, measured: Sequence[str], identifiers: Sequence[str]) -> dict[str, Any]:
    result: dict[str, dict[str, list[float | None]]] = {"TTFM": {}, "mean TBM": {}, "compile time": {}}
    for engine in measured:
        rows = [records.rows[engine, case] for case in identifiers]
        result["TTFM"][engine] = [
            _rounded(row["compile_us"] + row["first_mask_us"]) if is_measured(row) else None for row in rows
        ]
        result["mean TBM"][engine] = [
            _rounded(histogram.mean_us)
            if is_measured(row) and (histogram := Histogram.from_record(row["tbm"])).count
            else None
            for row in rows
        ]
        result["compile time"][engine] = [_rounded(row["compile_us"]) if is_measured(row) else None for row in rows]
    return result


def _failed_rows(
    records: Records, found: Sequence[Difference], cases: Mapping[str, Case], measured: Sequence[str], known: set[str]
) -> list[dict[str, Any]]:
    """Every row that is not right, the gravest outcomes first, with the instances that somebody judges differently."""
    by_row: dict[tuple[str, str], list[Difference]] = {}
    for one in found:
        by_row.setdefault((one.engine, one.case), []).append(one)
    gravity = {outcome: rank for rank, outcome in enumerate(Outcome)}
    result = []
    for (engine, case), row in records.rows.items():
        outcome = judge_row(row).outcome
        several = by_row.get((engine, case), [])
        is_fine = outcome in (Outcome.PASS, Outcome.UNTESTED) and not several
        if engine not in measured or case not in known or is_fine:
            continue
        message = next((one.message for one in several if one.message), "")
        wrong = [one for one in several if one.instance >= 0]
        if not message and wrong:
            message = "; ".join(_in_words(one) for one in wrong[:3])
        instances = [
            [
                one.instance, one.label, one.python_jsonschema, one.jsonschema_rs, one.engine_says, one.tokens_read,
                _text(cases, case, one.instance),
            ]
            for one in wrong
        ]  # fmt: skip
        result.append(
            {
                "engine": engine, "case": case, "split": row["split"], "outcome": str(outcome), "message": message,
                "instances": instances,
            }
        )  # fmt: skip
    return sorted(result, key=lambda row: (gravity[Outcome(row["outcome"])], row["engine"], row["case"]))


def _in_words(one: Difference) -> str:
    label = {"1": "valid", "0": "invalid"}.get(one.label, "unlabelled")
    if one.engine_says == "1":
        return f"instance {one.instance} is {label} and was accepted"
    verb = "raised at" if one.engine_says == "e" else "was refused after"
    return f"instance {one.instance} is {label} and {verb} {one.tokens_read} tokens"


def _text(cases: Mapping[str, Case], case: str, instance: int) -> str:
    if case not in cases:
        return ""
    text = cases[case].instances[instance].text
    return text if len(text) <= _SHOWN_TEXT else text[: _SHOWN_TEXT - 4] + " ..."


def _schemas(failed: Sequence[Mapping[str, Any]], cases: Mapping[str, Case]) -> dict[str, str]:
    """Texts of the schemas of failed rows, as many as there is room for."""
    result: dict[str, str] = {}
    size = 0
    for row in failed:
        case = row["case"]
        if case in result or case not in cases:
            continue
        text = json.dumps(cases[case].schema, indent=1, ensure_ascii=False)
        if len(text) > _SHOWN_SCHEMA:
            text = text[: _SHOWN_SCHEMA - 4] + " ..."
        size += len(text)
        if size > _SCHEMA_BYTES:
            break
        result[case] = text
    return result
