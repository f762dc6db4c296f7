"""How a case ended, from its record: one word for tables, counts for those who want to know.

Purpose: the one place that says what counts as right.  Reports, comparisons and exit codes all ask here.
Place: over the records of `jsonschemabench.measure` and `jsonschemabench.supervisor`.
Not taken: MaskBench's "passing", which counts a schema without instances as passed.  Those are `UNTESTED` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a case ended, the worst first; a case has the first that applies."""

    CRASH = "crash"
    """The engine's process died."""
    TIMEOUT = "timeout"
    """The time limit was hit."""
    MEMORY = "memory"
    """The memory limit was hit."""
    FALSE_ACCEPT = "false accept"
    """An invalid instance was accepted: the engine may write wrong output."""
    FALSE_REJECT = "false reject"
    """A valid instance was refused: the engine keeps a model from right output."""
    EXCEPTION = "exception"
    """The engine raised while it read an instance."""
    REFUSED = "refused"
    """The engine said that it cannot do this schema."""
    UNTESTED = "untested"
    """It compiled, and there is no labelled instance: this proves nothing."""
    PASS = "pass"
    """Every labelled instance was judged right."""


ENDED = (Outcome.CRASH, Outcome.TIMEOUT, Outcome.MEMORY)
"""Outcomes after which nothing is known about the case's instances."""

WRONG = (Outcome.CRASH, Outcome.FALSE_ACCEPT, Outcome.FALSE_REJECT, Outcome.EXCEPTION)
"""Outcomes that are defects of an engine; refusals and limits are not."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row's outcome with its counts, over instances that are labelled."""

    outcome: Outcome
    tests: int
    false_accepts: int
    false_rejects: int
    exceptions: int


def judge_row(row: Mapping[str, Any], labels: str | None = None) -> Judged:
    """The outcome of a row.

    ``labels``: ``1``, ``0`` or ``?`` for each instance; by default those of the row's data.  An instance at which
    the engine raised counts as not accepted.
    """
    labels = row["labels"] if labels is None else labels
    tests = sum(label != "?" for label in labels)
    ended = row.get("outcome")
    if ended is not None:
        return Judged(Outcome(ended), tests, 0, 0, 0)
    if "error" in row:
        return Judged(Outcome.REFUSED, tests, 0, 0, 0)
    accepted = row["accepted"]
    pairs = list(zip(labels, accepted, strict=True))
    false_accepts = pairs.count(("0", "1"))
    false_rejects = sum(label == "1" and verdict != "1" for label, verdict in pairs)
    exceptions = accepted.count("e")
    if false_accepts:
        outcome = Outcome.FALSE_ACCEPT
    elif false_rejects:
        outcome = Outcome.FALSE_REJECT
    elif exceptions:
        outcome = Outcome.EXCEPTION
    elif tests:
        outcome = Outcome.PASS
    else:
        outcome = Outcome.UNTESTED
    return Judged(outcome, tests, false_accepts, false_rejects, exceptions)


def labels_of(valid: list[bool | None]) -> str:
    """Labels as a text: ``1``, ``0`` or ``?``."""
    return "".join("?" if one is None else "01"[one] for one in valid)
