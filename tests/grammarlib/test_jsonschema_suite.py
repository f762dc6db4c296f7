"""The JSON Schema source on the official suite and on rows of MaskBench, where that data is at hand."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema_specifications
import pytest

from grammarlib.errors import LimitExceeded, UnsatisfiableSchema, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import JsonSchema, SchemaSource
from tests.oracles.json_machine import accepts

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SUITE = DATA / "json-schema-test-suite"
MASKBENCH = DATA / "maskbench-dev.jsonl.gz"

needs_suite = pytest.mark.skipif(not SUITE.exists(), reason="the official suite is not at ../shared/data")
needs_maskbench = pytest.mark.skipif(not MASKBENCH.exists(), reason="MaskBench is not at ../shared/data")

GROUPS = {"draft4": 130, "draft6": 185, "draft7": 201, "draft2019-09": 222, "draft2020-12": 219}
"""How many groups of the suite lower: may only grow."""

CUSTOM_VOCABULARY = "schema that uses custom metaschema with with no validation vocabulary"
"""The one group that is read otherwise: a custom metaschema does not switch vocabularies off."""


@pytest.fixture(scope="module")
def registry() -> dict[str, Any]:
    """The suite's remote documents and the metaschemas, by URI."""
    found: dict[str, Any] = {}
    for path in sorted((SUITE / "remotes").rglob("*.json")):
        uri = "http://localhost:1234/" + path.relative_to(SUITE / "remotes").as_posix()
        found[uri] = json.loads(path.read_text(encoding="utf-8"))
    for uri in jsonschema_specifications.REGISTRY:
        found[uri.rstrip("#")] = jsonschema_specifications.REGISTRY.contents(uri)
    return found


@needs_suite
@pytest.mark.parametrize("draft", GROUPS)
def test_official_suite(draft: str, registry: dict[str, Any]) -> None:
    lowered = 0
    wrong: list[str] = []
    for path in sorted((SUITE / "tests" / draft).glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            source: SchemaSource | None = None
            try:
                schema = JsonSchema(group["schema"], formats="annotate", dialect=draft, registry=registry)
                source = schema.lower(Limits())
            except UnsatisfiableSchema:
                pass
            except UnsupportedFeature:
                continue
            lowered += 1
            if group["description"] == CUSTOM_VOCABULARY:
                continue
            for case in group["tests"]:
                text = json.dumps(case["data"])
                if (source is not None and accepts(source, text)) != case["valid"]:
                    wrong.append(f"{path.name}: {group['description']}: {case['description']}")
    assert wrong == []
    assert lowered >= GROUPS[draft]


@needs_maskbench
def test_rows_of_maskbench_have_their_labels() -> None:
    wrong: list[str] = []
    lowered = rows = 0
    with gzip.open(MASKBENCH, "rt", encoding="utf-8") as lines:
        for line in itertools.islice(lines, 0, None, 60):
            row = json.loads(line)
            rows += 1
            try:
                source = JsonSchema(row["schema"]).lower(Limits())
            except UnsupportedFeature:
                continue
            lowered += 1
            for case in row["tests"]:
                text = json.dumps(case["data"], ensure_ascii=False)
                if len(text) > 1000:
                    continue
                try:
                    verdict = accepts(source, text)
                except LimitExceeded as error:
                    pytest.fail(f"{row['id']}: {error}")
                if verdict != case["valid"]:
                    wrong.append(row["id"])
    assert wrong == []
    assert lowered >= 0.7 * rows
