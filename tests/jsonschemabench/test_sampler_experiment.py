"""The experiment on samplers: its quick version runs, and the page shows what was recorded."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="samplers need the extra hf")
pytest.importorskip("transformers", reason="samplers need the extra hf")

from jsonschemabench.experiments.samplers import SHOWN, main, tables

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "explanation"


def test_the_quick_version_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two languages from end to end: every curve is there, Z agrees, plots are drawn."""
    main(["--out", str(tmp_path), "--quick", "--case", "version", "--case", "weekday"])
    result = json.loads((tmp_path / "sampler_experiment.json").read_text())
    assert [case["name"] for case in result["cases"]] == ["weekday", "version"]
    for case in result["cases"]:
        assert case["missing"] < 1e-5
        assert set(SHOWN) <= set(case["curves"])
        for points in case["curves"].values():
            assert points
            assert all(point["divergence"] is None or point["divergence"] >= 0 for point in points)
        figures = case["figures"]["mask"]
        assert abs(figures["log_evidence"] - case["log_evidence"]) < 5 * max(figures["log_evidence_error"], 0.2)
    assert capsys.readouterr().out == tables(result)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".svg", ".svg", ".svg"]


def test_the_page_shows_what_was_recorded() -> None:
    """The tables of the page are made of the recorded file; targets were exact."""
    result = json.loads((DOCS / "sampler_experiment.json").read_text())
    assert tables(result) in (DOCS / "sampler_experiment.md").read_text()
    assert all(case["missing"] < 1e-5 for case in result["cases"])
    assert all(math.isfinite(case["log_evidence"]) for case in result["cases"])
