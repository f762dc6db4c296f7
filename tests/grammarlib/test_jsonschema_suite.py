"""JSON Schema on the official suite and on rows of MaskBench, where that data is at hand.

``tests/golden/jsonschema_suite.json`` holds the baseline: how many groups each draft has, and each group that is not
fully right with the reason.  It may only improve: a group that is not listed there has to be right, one that is listed
and right fails until ``UPDATE_GOLDEN=1`` removes it.  No listed group may be wrong: it is refused with an error.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import referencing
import referencing.jsonschema

import grammarlib as gl
from grammarlib.sources.jsonschema.formats import DEVIATIONS
from tests.oracles.json_schema import SchemaOracle

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SUITE = DATA / "json-schema-test-suite"
MASKBENCH = DATA / "maskbench-dev.jsonl.gz"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "jsonschema_suite.json"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"

needs_suite = pytest.mark.skipif(not SUITE.exists(), reason="the official suite is not at ../shared/data")
needs_maskbench = pytest.mark.skipif(not MASKBENCH.exists(), reason="MaskBench is not at ../shared/data")

SPECIFICATIONS = {
    "draft4": referencing.jsonschema.DRAFT4,
    "draft6": referencing.jsonschema.DRAFT6,
    "draft7": referencing.jsonschema.DRAFT7,
    "draft2019-09": referencing.jsonschema.DRAFT201909,
    "draft2020-12": referencing.jsonschema.DRAFT202012,
}
URIS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
NOT_REGULAR = ("format:regex", "format:idn-hostname")
"""Formats that are checked when the string ends, and only where the caller says so."""


@functools.cache
def registry(draft: str) -> Any:
    """The suite's remote documents: in a folder of a draft they are of that draft, elsewhere of the one under test."""
    found = []
    for path in sorted((SUITE / "remotes").rglob("*.json")):
        place = path.relative_to(SUITE / "remotes")
        if place.parts[0] in ("draft3", "v1"):
            continue
        contents = json.loads(path.read_text(encoding="utf-8"))
        specification = SPECIFICATIONS.get(place.parts[0], SPECIFICATIONS[draft])
        resource: Any = referencing.Resource(contents, specification)
        if isinstance(contents, dict):
            resource = referencing.Resource.from_contents(contents, default_specification=specification)
        found.append((f"http://localhost:1234/{place.as_posix()}", resource))
    return referencing.Registry().with_resources(found)


def groups(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """The groups of a folder with their names."""
    return [
        (f"{path.stem}: {group['description']}", group)
        for path in sorted(folder.glob("*.json"))
        for group in json.loads(path.read_text(encoding="utf-8"))
    ]


def judge(compiled: gl.CompiledGrammar | None, cases: list[tuple[str, Any, bool]]) -> list[str]:
    """The descriptions of the cases (description, value, verdict) that are wrong; None accepts nothing."""
    return [
        description
        for description, value, valid in cases
        if (compiled is not None and compiled.accepts(json.dumps(value))) != valid
    ]


def compare(key: str, count: int, refused: dict[str, str], deviations: tuple[str, ...] = ()) -> None:
    """Compare with the baseline, or write it."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    if UPDATE:
        golden[key] = {"groups": count, "refused": refused, "deviations": list(deviations)}
        GOLDEN.write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    known = golden[key]
    assert count >= known["groups"]
    assert refused == known["refused"]
    assert list(deviations) == known["deviations"]


@needs_suite
@pytest.mark.parametrize("draft", SPECIFICATIONS)
def test_official_suite(draft: str) -> None:
    found = groups(SUITE / "tests" / draft)
    wrong: list[str] = []
    refused: dict[str, str] = {}
    for name, group in found:
        compiled: gl.CompiledGrammar | None = None
        try:
            schema = gl.JsonSchema(group["schema"], formats="annotate", dialect=URIS[draft], registry=registry(draft))
            compiled = gl.compile(schema)
            cases = [(case["description"], case["data"], case["valid"]) for case in group["tests"]]
            bad = judge(compiled, cases)
        except gl.UnsatisfiableSchema:
            bad = judge(None, [(case["description"], case["data"], case["valid"]) for case in group["tests"]])
        except gl.GrammarlibError as error:
            refused[name] = f"{type(error).__name__}: {error}"
            continue
        wrong += [f"{name}: {description}" for description in bad]
    assert wrong == []
    by_file = [name.split(":")[0] for name in refused]
    assert len(refused) <= 0.05 * len(found)
    assert len(by_file) == len(set(by_file))
    compare(draft, len(found), refused)


@needs_suite
@pytest.mark.parametrize("draft", SPECIFICATIONS)
def test_formats_of_the_official_suite(draft: str) -> None:
    """With formats on, the verdicts are those of python-jsonschema's checker of 2020-12, or a documented deviation."""
    deviating = {deviation.format for deviation in DEVIATIONS}
    found = groups(SUITE / "tests" / draft / "optional" / "format")
    wrong: list[str] = []
    deviations: list[str] = []
    refused: dict[str, str] = {}
    for name, group in found:
        schema = group["schema"]
        oracle = SchemaOracle({"$schema": URIS[draft], **schema}, formats=True)
        cases = [(case["description"], case["data"], oracle.accepts_value(case["data"])) for case in group["tests"]]
        is_regular = schema.get("format") not in ("regex", "idn-hostname")
        try:
            if not is_regular:
                with pytest.raises(gl.UnsupportedFeature) as caught:
                    gl.compile(gl.JsonSchema(schema, dialect=URIS[draft]))
                assert caught.value.findings[0].pointer == "/format"
            source = gl.JsonSchema(schema, dialect=URIS[draft], approximate=() if is_regular else NOT_REGULAR)
            compiled = gl.compile(source)
            bad = judge(compiled, cases)
        except gl.GrammarlibError as error:
            refused[name] = f"{type(error).__name__}: {error}"
            continue
        assert compiled.report.exact == is_regular
        right = {case["description"] for case in group["tests"]}
        right -= set(judge(compiled, [(case["description"], case["data"], case["valid"]) for case in group["tests"]]))
        for description in bad:
            is_deviation = schema.get("format") in deviating and description in right
            (deviations if is_deviation else wrong).append(f"{name}: {description}")
    assert wrong == []
    compare(f"{draft}/optional/format", len(found), refused, tuple(deviations))


@needs_maskbench
def test_rows_of_maskbench_have_their_labels() -> None:
    wrong: list[str] = []
    refused: list[str] = []
    with gzip.open(MASKBENCH, "rt", encoding="utf-8") as lines:
        for line in itertools.islice(lines, 0, None, 60):
            row = json.loads(line)
            for order in ("any", "schema"):
                try:
                    compiled = gl.compile(gl.JsonSchema(row["schema"], order=order))  # type: ignore[arg-type]
                except gl.UnsatisfiableSchema:
                    wrong += [row["id"] for case in row["tests"] if case["valid"]]
                    continue
                except gl.UnsupportedFeature as error:
                    refused.append(f"{row['id']}: {error}")
                    continue
                for case in row["tests"]:
                    verdict = compiled.accepts(json.dumps(case["data"], ensure_ascii=False))
                    if (verdict and not case["valid"]) or (order == "any" and verdict != case["valid"]):
                        wrong.append(row["id"])
    assert wrong == []
    assert refused == []
