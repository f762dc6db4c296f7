"""Cases from every kind of source, and what is chosen of them."""

from __future__ import annotations

import gzip
import json
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from jsonschemabench import DataError, MissingExtra, load, select
from jsonschemabench.cases import Case, case_of, dump, split_of
from jsonschemabench.dataset import digest, hub_case, write_cases

ROW: dict[str, Any] = {"id": "A---x", "schema": {"type": "integer"}, "tests": [{"valid": True, "data": 1}]}


def test_rows_of_a_file_compressed_or_not(tmp_path: Path) -> None:
    """Both forms give the same cases; blank lines do not count."""
    text = json.dumps(ROW) + "\n\n" + json.dumps(ROW | {"id": "B_y", "split": "named"}) + "\n"
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt") as lines:
        lines.write(text)
    plain, packed = load(str(tmp_path / "rows.jsonl")), load(str(tmp_path / "rows.jsonl.gz"))
    assert plain == packed
    assert [(case.identifier, case.split) for case in plain] == [("A---x", "A"), ("B_y", "named")]
    assert [(one.text, one.valid) for one in plain[0].instances] == [("1", True)]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "line 1: a row is a JSON object"),
        ('{"id": "x"}', "needs 'id' and 'schema'"),
        ('{"id": "x", "schema": {}, "tests": [{"valid": true}]}', "neither 'data' nor 'text'"),
        ('{"id": "x", "schema": {}, "tests": [{"valid": 1, "data": 1}]}', "label 1"),
        ('{"id": "x", "schema": {}, "tests": {}}', "not a list"),
        ('{"id": "x", "schema": {}}\n{"id": "x", "schema": {}}', "two rows have the id 'x'"),
        ('{"id": "x", "schema": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ("", "no schema in it"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(tmp_path: Path, line: str, part: str) -> None:
    """Every way to be wrong is a `DataError` that says where."""
    path = tmp_path / "rows.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.jsonl") as raised:
        load(str(path))
    assert part in str(raised.value)


def test_a_damaged_file_and_a_missing_one(tmp_path: Path) -> None:
    """Neither is a traceback."""
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-4])
    for name in ("rows.jsonl.gz", "absent.jsonl"):
        with pytest.raises(DataError, match=name):
            load(str(tmp_path / name))


def test_a_folder_like_maskbench(tmp_path: Path) -> None:
    """One file a schema; the split is in the name."""
    for name in ("Github_easy---o1", "JME_12"):
        content = {"meta": {}, "schema": ROW["schema"], "tests": ROW["tests"]}
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    cases = load(str(tmp_path))
    assert [(case.identifier, case.split) for case in cases] == [("Github_easy---o1", "Github_easy"), ("JME_12", "JME")]


def test_a_folder_of_schemas(tmp_path: Path) -> None:
    """Bare schemas have no instances; folders are splits."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.json").write_text('{"type": "object", "properties": {"schema": {}}}', encoding="utf-8")
    (tmp_path / "b.json").write_text("true", encoding="utf-8")
    cases = load(str(tmp_path))
    assert [(case.identifier, case.split, case.instances) for case in cases] == [
        ("b", tmp_path.name, ()),
        ("inner/a", "inner", ()),
    ]


def test_the_official_suite(shared: Path) -> None:
    """Each group is a case; the dialect of its folder stands in the schema."""
    cases = load(str(shared / "data" / "json-schema-test-suite"))
    by_id = {case.identifier: case for case in cases}
    first = by_id["draft7/minimum/0"]
    assert first.split == "draft7"
    assert first.schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert [one.valid for one in first.instances] == [True, True, False, True]
    assert len(cases) > 1500


def test_hub_rows() -> None:
    """The columns of the dataset on the Hub, read without the Hub."""
    case = hub_case({"json_schema": '{"type": "null"}', "unique_id": "Kubernetes---kb_1"}, "row 0")
    assert (case.identifier, case.split, case.schema, case.instances) == (
        "Kubernetes---kb_1", "Kubernetes", {"type": "null"}, (),
    )  # fmt: skip
    with pytest.raises(DataError, match="row 1"):
        hub_case({"json_schema": {}}, "row 1")


@pytest.mark.skipif(find_spec("datasets") is not None, reason="the extra is installed")
def test_the_hub_needs_its_extra() -> None:
    """The error names the extra."""
    with pytest.raises(MissingExtra, match=r"grammarlib\[hub\]"):
        load("hf:epfl-dlab/JSONSchemaBench")


def cases_of(count: int) -> list[Case]:
    return [case_of({"id": f"{'ab'[number % 2]}_{number}", "schema": {}}, "") for number in range(count)]


def test_the_sample_is_that_of_the_acceptance_driver() -> None:
    """``random.Random(seed).sample`` over the rows of the chosen splits, in their order."""
    cases = cases_of(100)
    assert select(cases, limit=10, seed=3) == random.Random(3).sample(cases, 10)
    of_a = [case for case in cases if case.split == "a"]
    assert select(cases, splits=["a"], limit=10) == random.Random(0).sample(of_a, 10)
    assert sorted(case.identifier for case in select(cases, limit=1000)) == sorted(case.identifier for case in cases)


def test_shards_are_a_partition() -> None:
    """Each case is in exactly one of n shards."""
    cases = select(cases_of(50), limit=31)
    parts = [select(cases_of(50), limit=31, shard=(number, 4)) for number in (1, 2, 3, 4)]
    assert sorted(case.identifier for part in parts for case in part) == sorted(case.identifier for case in cases)


def test_an_unknown_split_is_refused() -> None:
    """The message lists what there is."""
    with pytest.raises(DataError, match="there are a, b"):
        select(cases_of(3), splits=["c"])


def test_cases_survive_a_file(tmp_path: Path) -> None:
    """Written and read again they are equal, and so is their digest, whatever the order."""
    cases = [
        case_of(ROW | {"instruction": "do", "reference": {"a": [1.5, "\ud800"]}}, ""),
        case_of({"id": "t", "schema": True, "tests": [{"valid": None, "text": "[1 ,2]"}]}, ""),
    ]
    write_cases(tmp_path / "cases.jsonl.gz", cases)
    assert load(str(tmp_path / "cases.jsonl.gz")) == cases
    assert digest(cases) == digest(cases[::-1]) != digest(cases[:1])


def test_texts_are_those_of_maskbench() -> None:
    """``json.dumps(ensure_ascii=False)``; what UTF-8 cannot hold is escaped."""
    assert dump({"ä": [1, 2.0]}) == '{"ä": [1, 2.0]}'
    assert dump("\ud800ä") == '"\\ud800\\u00e4"'
    assert [split_of(name) for name in ("Github_easy---o1", "BFCL_java_1", "plain")] == ["Github_easy", "BFCL", "plain"]
