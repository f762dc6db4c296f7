"""Two engines, or two runs of one, schema by schema: ratios with confidence intervals.

Purpose: say whether A is faster or more often right than B, and how sure that is.  Both are taken over the same
schemas, so that what one of them refuses helps neither.
Place: over the records of one run or two; behind ``jsonschemabench compare``.
Method: a ratio of times is paired by schema; its geometric mean gets a 95 % interval by bootstrap over schemas (not
over tokens: those of one schema are not independent).  Shares that are right are compared by the schemas on which only
one is right, with the exact McNemar test.
Not taken: comparing two means.  One slow schema decides them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from jsonschemabench.errors import RunFolderError
from jsonschemabench.histogram import Histogram
from jsonschemabench.metrics import is_measured
from jsonschemabench.outcome import Outcome, judge_row
from jsonschemabench.run_folder import Records

RESAMPLES: Final = 2000
LEVEL: Final = 0.95

MEASURES: Final = ("compile time", "TTFM", "mean TBM", "whole row")


@dataclass(frozen=True, slots=True)
class Ratio:
    """B's time over A's: geometric mean with its interval, median, and how often B is the faster one.

    ``low`` and ``high`` bound the 95 % interval.  All are NaN where there are no pairs.
    """

    measure: str
    pairs: int
    mean: float
    low: float
    high: float
    median: float
    faster_share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A against B on the schemas that both have a row for.

    ``both_right``, ``only_a``, ``only_b``, ``neither`` count schemas with tests.  ``p_value``: how likely so lopsided
    a split between ``only_a`` and ``only_b`` is where neither is better.  ``changed`` lists (case, outcome of A,
    outcome of B).
    """

    name_a: str
    name_b: str
    schemas: int
    both_right: int
    only_a: int
    only_b: int
    neither: int
    p_value: float
    ratios: tuple[Ratio, ...]
    changed: tuple[tuple[str, Outcome, Outcome], ...]


def compare(a: Records, engine_a: str, b: Records, engine_b: str, *, seed: int = 0) -> Comparison:
    """Compare an engine of one run with one of another (or the same) run.

    Raises `RunFolderError` where an engine has no rows, or no schema is in both.
    """
    rows_a, rows_b = _rows(a, engine_a), _rows(b, engine_b)
    cases = [case for case in rows_a if case in rows_b]
    if not cases:
        raise RunFolderError(f"no schema is in both runs ({engine_a}, {engine_b})")
    counts = {(first, second): 0 for first in (True, False) for second in (True, False)}
    changed = []
    for case in cases:
        first, second = judge_row(rows_a[case]), judge_row(rows_b[case])
        if first.tests and second.tests:
            counts[first.outcome is Outcome.PASS, second.outcome is Outcome.PASS] += 1
        if first.outcome is not second.outcome:
            changed.append((case, first.outcome, second.outcome))
    measured = [case for case in cases if is_measured(rows_a[case]) and is_measured(rows_b[case])]
    generator = np.random.default_rng(seed)
    ratios = []
    for measure in MEASURES:
        pairs = [(_time(rows_a[case], measure), _time(rows_b[case], measure)) for case in measured]
        known = [(first, second) for first, second in pairs if first > 0 and second > 0]
        ratios.append(ratio(measure, known, generator))
    only_a, only_b = counts[True, False], counts[False, True]
    return Comparison(
        name_a=engine_a,
        name_b=engine_b,
        schemas=len(cases),
        both_right=counts[True, True],
        only_a=only_a,
        only_b=only_b,
        neither=counts[False, False],
        p_value=mcnemar(only_a, only_b),
        ratios=tuple(ratios),
        changed=tuple(changed),
    )


def _rows(records: Records, engine: str) -> dict[str, dict[str, object]]:
    rows = records.rows_of(engine)
    if not rows:
        known = ", ".join(records.engine_names) or "none"
        raise RunFolderError(f"no rows of {engine}; engines of this run: {known}")
    return rows


def _time(row: dict[str, object], measure: str) -> float:
    """A time of a row in microseconds; 0 where there is none."""
    compiling = float(row["compile_us"])  # type: ignore[arg-type]
    first = float(row["first_mask_us"])  # type: ignore[arg-type]
    masks = Histogram.from_record(row["tbm"])  # type: ignore[arg-type]
    if measure == "compile time":
        return compiling
    if measure == "TTFM":
        return compiling + first
    if measure == "mean TBM":
        return masks.mean_us if masks.count else 0.0
    return compiling + first + masks.sum_us


def ratio(measure: str, pairs: Sequence[tuple[float, float]], generator: np.random.Generator) -> Ratio:
    """The ratio second / first over positive pairs."""
    if not pairs:
        nothing = float("nan")
        return Ratio(measure, 0, nothing, nothing, nothing, nothing, nothing)
    values = np.asarray(pairs, dtype=np.float64)
    logs = np.log(values[:, 1] / values[:, 0])
    means = np.empty(RESAMPLES)
    for at in range(RESAMPLES):  # one resample at a time: 2,000 x 11,000 at once would be 180 MB
        means[at] = logs[generator.integers(0, logs.shape[0], logs.shape[0])].mean()
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(
        measure=measure,
        pairs=len(pairs),
        mean=float(np.exp(logs.mean())),
        low=float(np.exp(low)),
        high=float(np.exp(high)),
        median=float(np.exp(np.median(logs))),
        faster_share=float((logs < 0).mean()),
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value of a split of ``only_a + only_b`` fair coin tosses; 1 where there are none."""
    total = only_a + only_b
    if not total:
        return 1.0
    few = min(only_a, only_b)
    logs = [
        math.lgamma(total + 1) - math.lgamma(at + 1) - math.lgamma(total - at + 1) - total * math.log(2)
        for at in range(few + 1)
    ]
    return min(1.0, 2 * math.exp(float(np.logaddexp.reduce(logs))))
