"""``grammarlib generate`` with the embedded model: stdout is the text and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Command

pytest.importorskip("torch", reason="generate needs the extra hf")
pytest.importorskip("transformers", reason="generate needs the extra hf")

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 12},
        "age": {"type": "integer", "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture
def person(write: Any) -> str:
    """A file with a small schema."""
    return write("person.json", PERSON)


def test_the_text_and_nothing_else(command: Command, person: str) -> None:
    """One valid instance and a newline on stdout, nothing on stderr; the same again for the same seed."""
    arguments = ["generate", "--schema", person, "--whitespace", "compact", "--seed", "3"]
    outcome = command(*arguments)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert outcome.stdout.endswith("}\n")
    assert command("validate", person, "-", stdin=outcome.stdout).code == 0
    assert command(*arguments) == outcome


def test_the_readme_command(command: Command) -> None:
    """The schema of README's first command."""
    outcome = command("generate", "--schema", "docs/examples/person.json")
    assert outcome.code == 0
    assert command("validate", "docs/examples/person.json", "-", stdin=outcome.stdout).code == 0


def test_records(command: Command, person: str) -> None:
    """``--json``: a record a text, numbered."""
    outcome = command("generate", "--schema", person, "-n", "3", "--json", "--order", "schema", "-p", "A young person")
    assert outcome.code == 0
    assert [record["sample"] for record in outcome.records] == [0, 1, 2]
    for record in outcome.records:
        assert record["is_finished"]
        assert record["tokens"] > 0
        assert list(json.loads(record["text"])) == ["name", "age"]


def test_streaming_writes_the_same_text(command: Command, person: str) -> None:
    """Piece by piece or at once; not with several texts, nor with records."""
    arguments = ["generate", "--schema", person, "--whitespace", "compact"]
    assert command(*arguments, "--stream").stdout == command(*arguments).stdout
    assert command(*arguments, "--stream", "--json").code == 2
    assert command(*arguments, "--stream", "-n", "2").code == 2


def test_a_text_that_is_cut_off_is_a_finding(command: Command, person: str) -> None:
    """What was written is on stdout, the reason on stderr."""
    outcome = command("generate", "--schema", person, "--max-new-tokens", "2")
    assert outcome.code == 1
    assert outcome.stdout.startswith("{")
    assert "--max-new-tokens" in outcome.stderr


def test_other_sources(command: Command, write: Any) -> None:
    """A pattern, choices, a grammar; temperature 0 does not depend on the seed."""
    assert command("generate", "--choice", "red", "--choice", "blue").stdout in ("red\n", "blue\n")
    texts = {command("generate", "--regex", "[0-9]{4}", "--temperature", "0", "--seed", seed).stdout for seed in "01"}
    assert len(texts) == 1
    assert texts.pop()[:4].isdecimal()
    grammar = write("g.lark", 'start: "a" | "b" start\n')
    assert command("generate", "--lark", grammar, "--max-new-tokens", "900").code == 0


def test_another_model(command: Command, person: str) -> None:
    """Any folder that transformers can load, its prompt given raw; one that is not there is unreadable input."""
    from samplers.models import embedded_model_path

    folder = str(embedded_model_path())
    outcome = command("generate", "--schema", person, "--model", folder, "--raw", "-p", "JSON:\n", "--device", "cpu")
    assert outcome.code == 0
    assert command("validate", person, "-", stdin=outcome.stdout).code == 0
    assert command("generate", "--schema", person, "--model", "/nowhere/at/all").code == 2


def test_refusals_come_before_the_model(command: Command, write: Any) -> None:
    """A source that is refused: exit code 1, nothing on stdout."""
    outcome = command("generate", "--schema", write("schema.json", {"format": "regex"}))
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "regex" in outcome.stderr
