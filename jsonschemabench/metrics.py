"""What the rows of an engine add up to: coverage, efficiency, quality.

Purpose: every figure of every table is computed here, once, from records.
Place: between `jsonschemabench.run_folder` and reports; pure functions over what was recorded.

Definitions.  **TTFM**, time to first mask: compiling and filling the first mask.  **TBM**, time between masks:
filling a mask and accepting a token.  Times are over rows that compiled and ended, so an engine that refuses hard
schemas flatters its own times; ``common`` restricts them to rows that all engines compiled.
**Declared** coverage: the schema compiled within its limits.  **Empirical** coverage: declared, and nothing that it
let through was seen to be wrong: no labelled invalid instance, no generated output.  **True** coverage: every labelled
instance was judged right and there is at least one; instances can only refute it, so it is an upper bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from jsonschemabench.histogram import Histogram
from jsonschemabench.outcome import ENDED, Judged, Outcome, judge_row
from jsonschemabench.run_folder import Records

PERCENTILES: Final = (25, 50, 75, 90, 95, 99, 99.9, 100)


@dataclass(slots=True)
class Coverage:
    """Counts of schemas (and of instances, where the name says so) for one engine."""

    schemas: int = 0
    schemas_with_tests: int = 0
    tests: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    false_accept_schemas: int = 0
    false_reject_schemas: int = 0
    false_accept_tests: int = 0
    false_reject_tests: int = 0
    exception_schemas: int = 0
    declared: int = 0
    empirical: int = 0
    true_bound: int = 0
    refused_with_tests: int = 0
    mismatches: int = 0

    @property
    def passing(self) -> int:
        """MaskBench's "passing": right on all instances, even where there are none."""
        return self.outcomes[Outcome.PASS] + self.outcomes[Outcome.UNTESTED]


@dataclass(slots=True)
class Times:
    """Times of one engine over the rows that compiled and ended.

    ``compile_us`` and ``ttfm_us`` hold one number a row.  ``forced`` of ``forced_of`` tokens lay within forced bytes.
    """

    compile_us: list[float] = field(default_factory=list)
    ttfm_us: list[float] = field(default_factory=list)
    tbm: Histogram = field(default_factory=Histogram)
    forced: int = 0
    forced_of: int = 0
    peak_mb: int = 0

    @property
    def fast_forward_share(self) -> float:
        """The share of tokens that need no model; NaN where the engine cannot tell."""
        return self.forced / self.forced_of if self.forced_of else float("nan")


@dataclass(slots=True)
class Quality:
    """Generated outputs of one engine.

    ``schemas`` were tried; ``generated`` texts came out, ``finished`` of them before the token limit, ``valid`` of
    those within the schema.  ``compliant_schemas``: all texts valid.  ``lost_nats`` sums, over all tokens of all
    texts, -log of the probability that the model gives to allowed tokens.  ``divergence_nats`` has an estimate of
    KL(masked, aligned) a text for each schema with several texts, ``effective_share`` what share of them an aligned
    sampler could use; ``aligned_divergence_nats`` has the estimate of an aligned sampler that was run.
    """

    schemas: int = 0
    generated: int = 0
    finished: int = 0
    valid: int = 0
    compliant_schemas: int = 0
    tokens: int = 0
    seconds: float = 0.0
    mask_seconds: float = 0.0
    first_token_seconds: list[float] = field(default_factory=list)
    lost_nats: float = 0.0
    divergence_nats: list[float] = field(default_factory=list)
    effective_share: list[float] = field(default_factory=list)
    aligned_divergence_nats: list[float] = field(default_factory=list)
    fields_right: int = 0
    fields: int = 0


def case_ids(records: Records, engines: Iterable[str]) -> list[str]:
    """The cases that all these engines have a row for, in the order of the first one."""
    names = list(engines)
    if not names:
        return []
    sets = [set(records.rows_of(name)) for name in names[1:]]
    return [case for case in records.rows_of(names[0]) if all(case in one for one in sets)]


def compiled_by_all(records: Records, engines: Iterable[str], cases: Iterable[str]) -> set[str]:
    """The cases that every engine compiled and ended."""
    names = list(engines)
    return {case for case in cases if all(is_measured(records.rows[name, case]) for name in names)}


def is_measured(row: Mapping[str, Any]) -> bool:
    """Whether a row has times: it compiled, and did not end in a crash or a limit."""
    return "accepted" in row


def coverage(records: Records, engine: str, cases: Iterable[str]) -> Coverage:
    """What an engine got right on the cases that it has a row for."""
    result = Coverage()
    for case in cases:
        row = records.rows.get((engine, case))
        if row is None:
            continue
        judged = judge_row(row)
        add_row(result, row, judged, refuted=_refuted(records, engine, case))
    return result


def _refuted(records: Records, engine: str, case: str) -> bool:
    """Whether a generated, finished output of the engine was found invalid."""
    output = records.outputs.get((engine, case))
    if output is None:
        return False
    return any(
        verdict == "0" and text["finished"]
        for text, verdict in zip(output.get("texts", ()), output.get("verdicts", ""), strict=True)
    )


def add_row(result: Coverage, row: Mapping[str, Any], judged: Judged, *, refuted: bool = False) -> None:
    """Count one row."""
    result.schemas += 1
    result.schemas_with_tests += judged.tests > 0
    result.tests += judged.tests
    result.outcomes[judged.outcome] += 1
    result.false_accept_schemas += judged.false_accepts > 0
    result.false_reject_schemas += judged.false_rejects > 0
    result.false_accept_tests += judged.false_accepts
    result.false_reject_tests += judged.false_rejects
    result.exception_schemas += judged.exceptions > 0
    result.mismatches += int(row.get("mismatches", 0))
    if judged.outcome is Outcome.REFUSED:
        result.refused_with_tests += judged.tests > 0
    elif judged.outcome not in ENDED:
        result.declared += 1
        result.empirical += judged.false_accepts == 0 and not refuted
        result.true_bound += judged.outcome is Outcome.PASS and not refuted


def times(records: Records, engine: str, cases: Collection[str] | None = None) -> Times:
    """Times of an engine, over ``cases`` or all its rows."""
    result = Times()
    for (name, case), row in records.rows.items():
        if name != engine or (cases is not None and case not in cases):
            continue
        result.peak_mb = max(result.peak_mb, int(row.get("rss_mb", 0)))
        if not is_measured(row):
            continue
        result.compile_us.append(row["compile_us"])
        result.ttfm_us.append(row["compile_us"] + row["first_mask_us"])
        result.tbm.add(Histogram.from_record(row["tbm"]))
        if "forced" in row:
            result.forced += row["forced"][0]
            result.forced_of += row["forced"][1]
    return result


def percentile(values: Collection[float], percent: float) -> float:
    """A percentile with linear interpolation; NaN where there is nothing."""
    return float(np.percentile(np.asarray(list(values)), percent)) if values else float("nan")


def mean(values: Collection[float]) -> float:
    """The mean; NaN where there is nothing."""
    return float(np.mean(list(values))) if values else float("nan")


def quality(records: Records, engine: str) -> Quality | None:
    """What an engine's generated outputs were worth; None where none were asked for."""
    rows = [row for (name, _), row in records.outputs.items() if name == engine]
    if not rows:
        return None
    result = Quality(schemas=len(rows))
    for row in rows:
        texts = row.get("texts", [])
        verdicts = row.get("verdicts", "")
        result.generated += len(texts)
        good = 0
        for text, verdict in zip(texts, verdicts, strict=True):
            result.finished += text["finished"]
            good += text["finished"] and verdict == "1"
            result.tokens += text["tokens"]
            result.seconds += text["seconds"]
            result.mask_seconds += text["mask_seconds"]
            result.first_token_seconds.append(text["first_token_seconds"])
            result.lost_nats += text["lost_nats"]
            if "fields" in text:
                result.fields_right += text["fields"][0]
                result.fields += text["fields"][1]
        result.valid += good
        result.compliant_schemas += bool(texts) and good == len(texts)
        estimate = row.get("alignment")
        if estimate is not None:
            result.divergence_nats.append(estimate["divergence_nats"])
            result.effective_share.append(estimate["effective_share"])
        if "divergence_nats" in row.get("aligned", {}):
            result.aligned_divergence_nats.append(row["aligned"]["divergence_nats"])
    return result
