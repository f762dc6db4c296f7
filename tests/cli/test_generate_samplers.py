"""``grammarlib generate --sampler``: the posterior table, its record, its pictures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Command

pytest.importorskip("torch", reason="generate needs the extra hf")
pytest.importorskip("transformers", reason="generate needs the extra hf")

SAMPLERS = ("mask", "asap", "weighted", "cars", "awrs", "smc", "mcmc")
LANGUAGE = ("--regex", "[0-3]\\.[0-3]", "-p", "Write a version number.", "--max-tokens", "8")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_document(command: Command, sampler: str) -> None:
    """``--json``: texts with their shares, the estimates, what was spent; the same again for the same seed."""
    arguments = ["generate", *LANGUAGE, "--sampler", sampler, "--samples", "12", "--seed", "5", "--json"]
    outcome = command(*arguments)
    assert (outcome.code, outcome.stderr) == (0, "")
    [record] = outcome.records
    assert (record["sampler"], record["samples"], record["seed"]) == (sampler, 12, 5)
    assert sum(row["probability"] for row in record["texts"]) == pytest.approx(1)
    assert sum(row["count"] for row in record["texts"]) == 12 - record["dead_ends"]
    assert all(len(row["text"]) == 3 and set(row["text"]) <= set("0123.") for row in record["texts"])
    assert 1 <= record["ess"] <= 12.001
    assert record["statistics"]["model_calls"] > 12
    assert (record["log_evidence"] is None) == (sampler == "mcmc")
    assert command(*arguments) == outcome


def test_the_table(command: Command) -> None:
    """stdout is the table, stderr the estimates; exact shares beside it where the language is small."""
    outcome = command("generate", *LANGUAGE, "--sampler", "mask", "--samples", "40", "--exact")
    assert outcome.code == 0
    head, *rows = outcome.stdout.splitlines()
    assert head.split() == ["probability", "exact", "count", "log", "weight", "text"]
    shares = [float(row.split()[0]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert sum(int(row.split()[2]) for row in rows) == 40
    for part in ("log evidence: ", "effective sample size: ", "model calls: ", "constraint checks: 0", "16 texts"):
        assert part in outcome.stderr
    again = command("generate", *LANGUAGE, "--sampler", "mask", "--samples", "40", "--exact", "--json")
    [record] = again.records
    assert 0 < record["exact"]["divergence"] < 1
    assert abs(record["log_evidence"] - record["exact"]["log_evidence"]) < 4 * record["log_evidence_error"]


def test_functions_of_a_file(command: Command, write: Any) -> None:
    """``--check``: asked by awrs under the mask; ``--critic``: by smc; what they refuse is not written."""
    even = write(
        "even.py", "def prefix(text):\n    return '1' not in text\n\ndef value(data):\n    return data != '2.2'\n"
    )
    for extra in (["awrs", "--check", even], ["smc", "--critic", even], ["mcmc", "--check", even]):
        outcome = command("generate", *LANGUAGE, "--sampler", *extra, "-n", "10", "--json")
        assert outcome.code == 0
        [record] = outcome.records
        assert all("1" not in row["text"] and row["text"] != "2.2" for row in record["texts"])
        assert record["statistics"]["constraint_checks"] > 0 or "--critic" in extra
    assert command("generate", *LANGUAGE, "--sampler", "awrs", "--check", write("no.py", "1 / 0")).code == 2
    assert command("generate", *LANGUAGE, "--sampler", "awrs", "--check", write("none.py", "x = 1")).code == 2


def test_particles_and_samples(command: Command) -> None:
    """smc: particles are what runs; another number of samples is drawn from them by weight."""
    [record] = command("generate", *LANGUAGE, "--sampler", "smc", "--particles", "6", "--json").records
    assert record["samples"] == 6
    [record] = command("generate", *LANGUAGE, "--sampler", "smc", "--particles", "6", "-n", "3", "--json").records
    assert (record["samples"], record["statistics"]["proposals"]) == (3, 6)


def test_a_trie_is_kept(command: Command, tmp_path: Path) -> None:
    """The second run knows what the first one learned: its weights are more even."""
    trie = str(tmp_path / "kept.trie")
    arguments = ["generate", *LANGUAGE, "--sampler", "weighted", "-n", "60", "--json", "--trie", trie]
    [first] = command(*arguments).records
    [second] = command(*arguments, "--seed", "1").records
    assert second["ess"] > first["ess"] > 1
    Path(trie).write_bytes(b"nothing")
    assert command(*arguments).code == 2


def test_pictures_and_records(command: Command, tmp_path: Path) -> None:
    """A page that loads nothing, a plot of this run and a recorded one, and the record itself."""
    page, plot, kept = (str(tmp_path / name) for name in ("run.html", "run.svg", "run.json"))
    command("generate", *LANGUAGE, "--sampler", "cars", "-n", "8", "--record", kept)
    assert json.loads(Path(kept).read_text())["sampler"] == "cars"
    arguments = ["generate", *LANGUAGE, "--sampler", "smc", "-n", "8", "--html", page, "--plot", plot]
    assert command(*arguments, "--compare", kept).code == 0
    text = Path(page).read_text()
    assert "default-src 'none'" in text
    assert text.replace("http://www.w3.org/2000/svg", "").count("http") == 1  # http-equiv
    drawing = ElementTree.parse(plot).getroot()
    words = {element.text for element in drawing.iter() if element.text}
    assert {"smc", "cars", "ESS before resampling"} <= words
    Path(kept).write_text("{}")
    assert command(*arguments, "--compare", kept).code == 2
    assert command(*arguments[:-1], str(tmp_path / "no" / "folder.svg")).code == 2


def test_what_would_be_without_effect_is_refused(command: Command) -> None:
    """Options of other samplers, and of none."""
    run = ("generate", "--choice", "a", "--sampler")
    for arguments in (
        [*run, "mask", "--particles", "3"],
        [*run, "smc", "--steps", "3"],
        [*run, "mcmc", "--trie", "x"],
        [*run, "mask", "--compare", "x"],
        [*run, "mask", "--stream"],
        [*run, "mask", "--temperature", "0"],
        [*run, "beam"],
        ["generate", "--choice", "a", "--html", "x"],
        ["generate", "--choice", "a", "--exact"],
    ):
        outcome = command(*arguments)
        assert (outcome.code, outcome.stdout) == (2, ""), arguments


def test_dead_ends_are_a_finding(command: Command) -> None:
    """A limit that no text fits; with ``--budget close`` it is refused."""
    run = ("generate", "--regex", "[a-f]{30}[0-9]{30}", "--max-tokens", "3", "--sampler", "mask", "-n", "2")
    outcome = command(*run)
    assert outcome.code == 1
    assert "dead end" in outcome.stderr
    assert command(*run, "--exact").code == 1
    closed = command(
        "generate", "--regex", "[a-z]{1,400}", "--max-tokens", "6", "--sampler", "mask", "--budget", "close"
    )
    assert closed.code == 0
    assert "dead ends" not in closed.stderr
