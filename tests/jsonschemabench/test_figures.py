"""Histograms, outcomes, coverage, comparisons: figures that can be worked out by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsonschemabench import Outcome, Records, RunFolderError
from jsonschemabench.compare import compare, mcnemar, ratio
from jsonschemabench.differences import agreement, differences
from jsonschemabench.histogram import Histogram, total
from jsonschemabench.metrics import compiled_by_all, coverage, times
from jsonschemabench.outcome import judge_row
from jsonschemabench.tables import comma_separated, markdown, number, run_tables


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=200), st.sampled_from([1, 25, 50, 90, 99, 100]))
def test_percentiles_are_within_a_bucket(times_ns: list[int], percent: float) -> None:
    """At most 1.1 % off the time of that rank; count, mean and maximum are exact."""
    found = Histogram.of_nanoseconds(times_ns)
    rank = max(1, math.ceil(percent / 100 * len(times_ns)))
    exact = sorted(times_ns)[rank - 1] / 1e3
    assert found.percentile(percent) == pytest.approx(exact, rel=0.0111)
    assert found.count == len(times_ns)
    assert found.max_us == max(times_ns) / 1e3
    assert found.mean_us == pytest.approx(np.mean(times_ns) / 1e3)
    assert found.points()[-1] == (pytest.approx(found.max_us, rel=0.0111), 1.0)


@given(st.lists(st.lists(st.integers(1, 10**9), max_size=20), max_size=5))
def test_histograms_add_up(parts: list[list[int]]) -> None:
    """The sum of histograms is the histogram of all times, also after a round trip through JSON."""
    together = Histogram.of_nanoseconds([one for part in parts for one in part])
    summed = total(Histogram.from_record(Histogram.of_nanoseconds(part).record()) for part in parts)
    assert summed.count == together.count
    assert summed.buckets == together.buckets
    assert summed.sum_us == pytest.approx(together.sum_us, abs=0.1 * max(1, len(parts)))


def row(labels: str, accepted: str | None = None, **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"kind": "row", "labels": labels, "split": "s"}
    if accepted is not None:
        base |= {
            "accepted": accepted,
            "stopped_at": [0] * sum(one != "1" for one in accepted),
            "compile_us": 10.0,
            "first_mask_us": 5.0,
            "tbm": Histogram.of_nanoseconds([1000, 3000]).record(),
        }
    return base | more


@pytest.mark.parametrize(
    ("record", "outcome", "counts"),
    [
        (row("10", "10"), Outcome.PASS, (2, 0, 0, 0)),
        (row("10", "11"), Outcome.FALSE_ACCEPT, (2, 1, 0, 0)),
        (row("10", "00"), Outcome.FALSE_REJECT, (2, 0, 1, 0)),
        (row("1001", "0110"), Outcome.FALSE_ACCEPT, (4, 2, 2, 0)),
        (row("10", "1e"), Outcome.EXCEPTION, (2, 0, 0, 1)),
        (row("10", "e0"), Outcome.FALSE_REJECT, (2, 0, 1, 1)),
        (row("", ""), Outcome.UNTESTED, (0, 0, 0, 0)),
        (row("??", "10"), Outcome.UNTESTED, (0, 0, 0, 0)),
        (row("10", error={"type": "X", "message": ""}), Outcome.REFUSED, (2, 0, 0, 0)),
        (row("10", outcome="timeout", error={}), Outcome.TIMEOUT, (2, 0, 0, 0)),
        (row("10", outcome="memory", error={}), Outcome.MEMORY, (2, 0, 0, 0)),
        (row("10", outcome="crash", error={}), Outcome.CRASH, (2, 0, 0, 0)),
    ],
)
def test_outcomes(record: dict[str, Any], outcome: Outcome, counts: tuple[int, int, int, int]) -> None:
    """One word, and the counts behind it."""
    judged = judge_row(record)
    assert judged.outcome is outcome
    assert (judged.tests, judged.false_accepts, judged.false_rejects, judged.exceptions) == counts


def records_of(**engines: dict[str, dict[str, Any]]) -> Records:
    records = Records()
    for engine, rows in engines.items():
        for case, one in rows.items():
            records.add(one | {"engine": engine, "case": case})
    return records


ROWS = {
    "right": row("10", "10"),
    "lax": row("10", "11"),
    "strict": row("10", "00"),
    "none": row("", ""),
    "refused": row("10", error={"type": "X", "message": "no"}),
    "slow": row("10", outcome="timeout", error={"message": "late"}),
}


def test_coverage() -> None:
    """Declared: compiled and ended.  Empirical: and nothing wrong was let through.  True: right, with tests."""
    found = coverage(records_of(e=ROWS), "e", ROWS)
    assert (found.schemas, found.schemas_with_tests, found.tests) == (6, 5, 10)
    assert (found.declared, found.empirical, found.true_bound, found.passing) == (4, 3, 1, 2)
    assert (found.false_accept_schemas, found.false_reject_schemas, found.refused_with_tests) == (1, 1, 1)


def test_a_wrong_output_refutes_a_schema() -> None:
    """A finished output that is invalid counts against empirical and true coverage; a cut off one does not."""
    records = records_of(e={"right": ROWS["right"], "other": ROWS["right"]})
    for case, finished in (("right", True), ("other", False)):
        text = {"finished": finished}
        records.add({"kind": "output", "engine": "e", "case": case, "texts": [text], "verdicts": "0"})
    found = coverage(records, "e", ["right", "other"])
    assert (found.declared, found.empirical, found.true_bound) == (2, 1, 1)


def test_times_are_of_rows_that_compiled() -> None:
    """Refusals and limits have no times; the common rows are those of all engines."""
    records = records_of(a=ROWS, b={"right": row("10", "10"), "lax": ROWS["refused"]})
    assert len(times(records, "a").ttfm_us) == 4
    assert times(records, "a").ttfm_us[0] == 15.0
    assert compiled_by_all(records, ["a", "b"], ["right", "lax"]) == {"right"}
    assert times(records, "a", {"right"}).tbm.count == 2


def test_tables() -> None:
    """False accepts lead; numbers are for people in Markdown and for programs in CSV."""
    tables = run_tables(records_of(e=ROWS))
    lines = markdown(tables["Coverage"]).splitlines()
    assert len({len(line) for line in lines}) == 1
    names = [line.split("|")[1].strip() for line in lines]
    assert names.index("schemas with false accepts") < names.index("refused") < names.index("right on all tests")
    assert "Coverage,declared coverage %,e,66.6667" in comma_separated(tables)
    assert [number(value) for value in (None, float("nan"), 12345, 1234.5, 12.34, 0.123, 0.0123)] == [
        "-", "-", "12,345", "1,234", "12.3", "0.12", "0.012",
    ]  # fmt: skip


def test_differences_name_each_instance() -> None:
    """Wrong verdicts one by one, refusals and limits as one line."""
    records = records_of(e=ROWS)
    found = [(one.case, one.outcome, one.instance, one.engine_says) for one in differences(records)]
    assert found == [
        ("lax", "false accept", 1, "1"),
        ("strict", "false reject", 0, "0"),
        ("refused", "refused", -1, ""),
        ("slow", "timeout", -1, ""),
    ]


def test_differences_from_the_validator_are_listed_where_labels_agree_with_the_engine() -> None:
    """Then label and validator differ, and one of them is wrong."""
    records = records_of(e={"right": ROWS["right"]})
    records.add({"kind": "verdict", "case": "right", "labels": "10", "python": "11", "rust": "1?"})
    [one] = differences(records)
    assert (one.instance, one.label, one.python_jsonschema, one.engine_says) == (1, "0", "1", "0")
    agreeing = records_of(e={"lax": ROWS["lax"]})  # wrong by its label, and python-jsonschema is wrong as well
    agreeing.add({"kind": "verdict", "case": "lax", "labels": "10", "python": "11", "rust": None})
    assert [(one.instance, one.outcome) for one in differences(agreeing)] == [(1, "false accept")]
    assert judge_row(agreeing.judged_by_validator().rows["e", "lax"]).outcome is Outcome.PASS
    assert judge_row(agreeing.rows["e", "lax"]).outcome is Outcome.FALSE_ACCEPT
    found = agreement(records)
    assert (found.label_conflicts, found.rust_conflicts, found.rust_judged) == ((("right", 1),), (), 1)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_exact(only_a: int, only_b: int) -> None:
    """The two-sided binomial tail, against exact fractions."""
    total_tosses = only_a + only_b
    tail = sum(Fraction(comb(total_tosses, at), 2**total_tosses) for at in range(min(only_a, only_b) + 1))
    assert mcnemar(only_a, only_b) == pytest.approx(min(1.0, float(2 * tail)))


def test_ratios_have_the_stated_coverage() -> None:
    """95 % intervals hold the true ratio about as often (fixed seed; 60 of 60 or 59 ... would fail below 51)."""
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        logs = generator.normal(math.log(2.0), 0.5, 60)
        pairs = [(10.0, 10.0 * math.exp(one)) for one in logs]
        found = ratio("x", pairs, generator)
        held += found.low <= 2.0 <= found.high
        assert found.low < found.mean < found.high
    assert 51 <= held <= 60


def test_a_comparison() -> None:
    """Paired by schema: what only one run has does not count."""
    fast = {name: one | {"compile_us": 5.0, "first_mask_us": 2.5} for name, one in ROWS.items() if "accepted" in one}
    fast["lax"] = row("10", "10", compile_us=5.0, first_mask_us=2.5)
    found = compare(records_of(e=ROWS), "e", records_of(e=fast), "e")
    assert (found.schemas, found.both_right, found.only_a, found.only_b, found.neither) == (4, 1, 0, 1, 1)
    assert found.changed == (("lax", Outcome.FALSE_ACCEPT, Outcome.PASS),)
    by_name = {one.measure: one for one in found.ratios}
    assert by_name["TTFM"].mean == pytest.approx(0.5)
    assert by_name["mean TBM"].mean == pytest.approx(1.0)
    assert by_name["TTFM"].faster_share == 1.0
    with pytest.raises(RunFolderError, match="no rows of x; engines of this run: e"):
        compare(records_of(e=ROWS), "e", records_of(e=fast), "x")
