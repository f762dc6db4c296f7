"""What other tools bring: Ray, lm-evaluation-harness, the acceptance driver; each skipped where it is absent."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jsonschemabench import load, read_records, select
from jsonschemabench.engines.registry import make_engine
from jsonschemabench.measure import measure
from jsonschemabench.outcome import judge_row, labels_of
from jsonschemabench.tokenizer import Tokenizer
from tests.jsonschemabench.conftest import Command


def verdicts(folder: Path) -> dict[Any, Any]:
    """What a run found out, without times."""
    records = read_records(folder)
    rows = {key: (row.get("accepted"), row.get("stopped_at"), row.get("error")) for key, row in records.rows.items()}
    return rows | {case: one["python"] for case, one in records.verdicts.items()}


@pytest.mark.slow
def test_a_ray_cluster_gives_the_same_results(command: Command, tmp_path: Path) -> None:
    """A local cluster of two workers against this process."""
    pytest.importorskip("ray", reason="needs the extra ray")
    arguments = ("run", "-e", "none", "-e", "grammarlib", "--limit", 40)
    local = command(*arguments, "-o", tmp_path / "local")
    process = command.begin(*arguments, "--ray", "--jobs", "2", "-o", str(tmp_path / "ray"))
    process.communicate(timeout=300)
    assert process.returncode == local.code
    assert verdicts(tmp_path / "ray") == verdicts(tmp_path / "local")
    assert read_records(tmp_path / "ray").sessions[0]["arguments"]["ray"] is True


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lm_evaluation_harness() -> None:
    """Answers obey their schemas, in the order of the requests, and a document without one is generated freely."""
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    pytest.importorskip("accelerate", reason="needs the extra lm-eval")
    from lm_eval.api.instance import Instance
    from lm_eval.api.registry import get_model

    from jsonschemabench.lm_eval import GrammarlibLM
    from samplers.models import embedded_model_path

    assert get_model("grammarlib-hf") is GrammarlibLM
    model = GrammarlibLM(pretrained=str(embedded_model_path()), device="cpu", batch_size=2)
    schemas: list[Any] = [{"type": "integer", "minimum": 10, "maximum": 99}, None, {"pattern": "("}, {"enum": ["red"]}]
    requests = []
    for number, schema in enumerate(schemas):
        document = {"q": 1} if schema is None else {"json_schema": json.dumps(schema)}
        text = f"JSON schema: {document.get('json_schema')}\n\nJSON object: "
        requests.append(Instance("generate_until", document, (text, {"until": ["\n\n"], "max_gen_toks": 20}), number))
    number, free, refused, colour = model.generate_until(requests, disable_tqdm=True)
    assert 10 <= json.loads(number) <= 99
    assert free and refused == ""
    assert json.loads(colour) == "red"
    with pytest.raises(ValueError, match="refused must be"):
        GrammarlibLM(pretrained=str(embedded_model_path()), device="cpu", refused="maybe")


def driver(shared: Path) -> ModuleType:
    """The acceptance driver as a module."""
    path = shared / "bench" / "maskbench.py"
    spec = importlib.util.spec_from_file_location("acceptance_driver", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["acceptance_driver"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(("name", "theirs"), [("llguidance", "llg"), ("xgrammar", "xgr")])
def test_counts_equal_those_of_the_acceptance_driver(shared: Path, name: str, theirs: str) -> None:
    """The same loop on the same rows: refusals, false accepts and false rejects one by one."""
    pytest.importorskip(name, reason="needs the extra bench")
    pytest.importorskip("transformers", reason="needs the extra hf")
    data = shared / "data" / "maskbench-dev.jsonl.gz"
    if not data.is_file():
        pytest.skip("the rows are not in shared/")
    module = driver(shared)
    tokenizer = Tokenizer()
    other = module.engine(theirs, tokenizer.transformers)
    mine = make_engine(name, tokenizer)
    for case in select(load(str(data)), splits=["Github_easy", "Glaiveai2K", "Snowplow"], limit=40):
        tests = [{"valid": one.valid, "data": json.loads(one.text)} for one in case.instances]
        row = {"id": case.identifier, "split": case.split, "schema": case.schema, "tests": tests}
        expected = module.run_row(other, tokenizer.transformers, row)
        labels = labels_of([one.valid for one in case.instances])
        found = judge_row(measure(mine, tokenizer, case) | {"labels": labels})
        assert (found.outcome == "refused") == ("compile_error" in expected)
        assert (found.false_accepts, found.false_rejects) == (expected["false_accept"], expected["false_reject"])


def test_the_driver_s_sample_is_ours(shared: Path, rows: Callable[..., Path]) -> None:
    """``--limit N --seed S`` draws the rows that its ``--sample N --seed S`` draws."""
    import gzip
    import random

    data = shared / "data" / "maskbench-dev.jsonl.gz"
    if not data.is_file():
        pytest.skip("the rows are not in shared/")
    with gzip.open(data) as lines:
        identifiers = [json.loads(line)["id"] for line in lines]
    assert [case.identifier for case in select(load(str(data)), limit=400)] == random.Random(0).sample(identifiers, 400)
