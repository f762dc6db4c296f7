"""Every instance that somebody judges differently, row by row.

Purpose: a count of failures helps nobody to mend them; this names each one, with what the engine, python-jsonschema,
jsonschema-rs and the data's label say.
Place: over records; written as ``differences.csv`` beside each report and shown in the page's drill-down.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from jsonschemabench.outcome import Outcome, judge_row
from jsonschemabench.run_folder import Records


@dataclass(frozen=True, slots=True)
class Difference:
    """One instance on which an engine differs from python-jsonschema or from its label, or a case without a verdict.

    ``instance`` is its number, from 0, or -1 for a case as a whole.  Verdicts are ``1``, ``0``, ``?`` (unknown) and
    ``e`` (the engine raised), or empty where nobody was asked.  ``tokens_read`` is where a rejecting engine stopped, or
    -1.
    """

    engine: str
    case: str
    split: str
    outcome: str
    instance: int
    engine_says: str
    python_jsonschema: str
    jsonschema_rs: str
    label: str
    tokens_read: int
    message: str


def differences(records: Records, engines: Sequence[str] | None = None) -> Iterator[Difference]:
    """All differences, by engine, in the order of the rows.

    Refusals, crashes and limits come as one line a case.  Where label and python-jsonschema differ from each other, the
    engine differs from one of them, and the instance is listed: one of the three has a bug.
    """
    for (engine, case), row in records.rows.items():
        if engines is not None and engine not in engines:
            continue
        judged = judge_row(row)
        message = str(row.get("error", row.get("exception", {})).get("message", ""))
        common = {"engine": engine, "case": case, "split": row["split"], "outcome": str(judged.outcome)}
        if "accepted" not in row:
            yield Difference(
                **common, instance=-1, engine_says="", python_jsonschema="", jsonschema_rs="", label="",
                tokens_read=-1, message=message,
            )  # fmt: skip
            continue
        known = records.verdicts.get(case, {})
        stops = iter(row["stopped_at"])
        for number, says in enumerate(row["accepted"]):
            read = -1 if says == "1" else next(stops)
            label = row["labels"][number]
            python = (known.get("python") or row["labels"])[number]
            rust = (known.get("rust") or "")[number : number + 1]
            known_verdicts = {verdict for verdict in (label, python) if verdict != "?"}
            if not known_verdicts or (known_verdicts == {"1" if says == "1" else "0"} and says != "e"):
                continue
            yield Difference(
                **common, instance=number, engine_says=says, python_jsonschema=python, jsonschema_rs=rust, label=label,
                tokens_read=read, message=message if judged.outcome is not Outcome.PASS else "",
            )  # fmt: skip


def differences_csv(found: Sequence[Difference]) -> str:
    """The differences as CSV with a heading."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [one.name for one in fields(Difference)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in found)
    return text.getvalue()


@dataclass(frozen=True, slots=True)
class Agreement:
    """How validators and labels agree, over all instances that each of them judged.

    ``label_conflicts`` and ``rust_conflicts`` hold (case, instance number) where python-jsonschema says otherwise.
    """

    instances: int
    unknown: int
    labelled: int
    label_conflicts: tuple[tuple[str, int], ...]
    rust_judged: int
    rust_conflicts: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        parts = [
            f"python-jsonschema judged {self.instances - self.unknown:,} of {self.instances:,} instances and differs "
            f"from {len(self.label_conflicts):,} of {self.labelled:,} labels"
        ]
        if self.rust_judged:
            parts.append(f"jsonschema-rs differs from it in {len(self.rust_conflicts):,} of {self.rust_judged:,}")
        else:
            parts.append("jsonschema-rs is not installed")
        return "; ".join(parts) + "."


def agreement(records: Records) -> Agreement:
    """Agreement over a run's verdicts."""
    instances = unknown = labelled = rust_judged = 0
    label_conflicts: list[tuple[str, int]] = []
    rust_conflicts: list[tuple[str, int]] = []
    for case, verdict in records.verdicts.items():
        rust = verdict.get("rust") or "?" * len(verdict["python"])
        for number, (python, other, label) in enumerate(zip(verdict["python"], rust, verdict["labels"], strict=True)):
            instances += 1
            if python == "?":
                unknown += 1
                continue
            if label != "?":
                labelled += 1
                if label != python:
                    label_conflicts.append((case, number))
            if other != "?":
                rust_judged += 1
                if other != python:
                    rust_conflicts.append((case, number))
    return Agreement(instances, unknown, labelled, tuple(label_conflicts), rust_judged, tuple(rust_conflicts))
