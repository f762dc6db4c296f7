"""The page and the other files of a report."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jsonschemabench.cases import Case, Instance
from jsonschemabench.histogram import Histogram
from jsonschemabench.page import _steps, page
from jsonschemabench.report import report_markdown, write_report
from jsonschemabench.run_folder import Records

EVIL = '</script><script>alert(1)</script><!-- \u2028 "'


def records_and_cases() -> tuple[Records, dict[str, Case]]:
    """Two engines on three schemas; names and messages try to break out of the script element."""
    records = Records(info={"source": "x.jsonl", "settings": {"time_limit_s": 1, "memory_mb": 64}})
    schemas: dict[str, Any] = {"good": {"type": "integer"}, EVIL: {"const": EVIL}, "refused": {"not": {"$ref": "#"}}}
    cases = {
        name: Case(name, "split", schema, (Instance("1", True), Instance(json.dumps(EVIL), False)))
        for name, schema in schemas.items()
    }
    for engine, accepted in (("a", {"good": "10", EVIL: "11"}), ("b", {"good": "00", EVIL: "10", "refused": "10"})):
        for case in cases:
            row: dict[str, Any] = {"kind": "row", "engine": engine, "case": case, "split": "split", "labels": "10"}
            if case in accepted:
                row |= {
                    "accepted": accepted[case],
                    "stopped_at": [1] * accepted[case].count("0"),
                    "compile_us": 5.0,
                    "first_mask_us": 1.0,
                    "tbm": Histogram.of_nanoseconds([900, 1100]).record(),
                }
            else:
                row["error"] = {"type": "Refusal", "message": EVIL}
            records.add(row)
    return records, cases


class Page(HTMLParser):
    """Collects script contents and whatever would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.fetched: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")
        self.fetched += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


def test_the_page_is_one_file_and_holds_the_records() -> None:
    """Nothing is fetched, nothing breaks out of the data, and the figures are there."""
    records, cases = records_and_cases()
    text = page(records, cases)
    parsed = Page()
    parsed.feed(text)
    assert parsed.fetched == []
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text.replace(parsed.scripts[0], ""))
    assert len(parsed.scripts) == 2
    data = json.loads(parsed.scripts[0])
    assert data["engines"] == ["a", "b"]
    assert data["splits"]["split"] == {
        "a": {"pass": 1, "false accept": 1, "refused": 1},
        "b": {"false reject": 1, "pass": 2},
    }
    assert [(row["engine"], row["case"], row["outcome"]) for row in data["rows"]] == [
        ("a", EVIL, "false accept"), ("b", "good", "false reject"), ("a", "refused", "refused"),
    ]  # fmt: skip
    [instance] = data["rows"][0]["instances"]
    assert instance == [1, "0", "0", "", "1", -1, json.dumps(EVIL)]
    assert json.loads(data["schemas"][EVIL]) == {"const": EVIL}
    assert data["keywords"][0] == ["$ref", 1, [0.0, 100.0]]
    assert data["pairs"]["TTFM"]["a"] == [6.0, 6.0, None]
    assert data["curves"]["TTFM: compiling and the first mask"]["b"][-1] == [6.0, 1.0]


def test_curves_are_thinned_and_end_at_one() -> None:
    """At most 300 points, in order, exact at their ranks."""
    points = _steps([float(value) for value in range(1, 100_001)])
    assert len(points) == 300
    assert points == sorted(points) and points[-1] == [100000.0, 1.0]
    assert all(value == pytest.approx(share * 100_000, rel=1e-3) for value, share in points)
    assert _steps([]) == [] and _steps([3.0]) == [[3.0, 1.0]]


def test_a_page_without_cases() -> None:
    """Records alone make a page, without schemas."""
    records, _ = records_and_cases()
    assert '"schemas": {}' in page(records, {})


def test_files_of_a_report(tmp_path: Path) -> None:
    """Markdown, CSV, differences and page; the Markdown names what was refused and where it was measured."""
    records, cases = records_and_cases()
    path = write_report(records, cases, tmp_path / "report")
    assert path == tmp_path / "report" / "report.html"
    names = sorted(one.name for one in path.parent.iterdir())
    assert names == ["differences.csv", "report.html", "report.md", "summary.csv"]
    text = report_markdown(records)
    assert "## MaskBench's table" in text and "## Where this was measured" in text
    lines = (path.parent / "differences.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("engine,case,split,outcome,instance,engine_says,python_jsonschema")
