"""The reference page has every subcommand, option and engine; the guide's numbers are those of the sample."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from jsonschemabench import load
from jsonschemabench.cli.app import app
from jsonschemabench.engines.registry import ENGINES
from jsonschemabench.outcome import Outcome

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "reference" / "jsonschemabench.md").read_text(encoding="utf-8")


def test_every_command_and_option_is_documented() -> None:
    """A section for each subcommand, with each of its options."""
    sections = dict(re.findall(r"^## `jsonschemabench (\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(sections) == set(commands)
    missing = [
        f"{name} {option}"
        for name, command in commands.items()
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
        if option.startswith("--") and option != "--help" and f"`{option}" not in sections[name]
    ]
    assert missing == []


def test_every_engine_and_outcome_is_documented() -> None:
    """By name, in backticks."""
    assert [name for name in [*ENGINES, *Outcome] if f"`{name}`" not in PAGE] == []


def test_the_sample_is_described_as_it_is() -> None:
    """Its size stands on both pages."""
    cases = load("sample")
    instances = sum(len(case.instances) for case in cases)
    assert f"{len(cases)} schemas of ours, {instances} instances" in PAGE
    assert f"a sample of {len(cases)} schemas" in (DOCS / "howto" / "benchmark.md").read_text(encoding="utf-8")


def test_the_screenshot_is_small() -> None:
    """A picture for a page of docs, not a download."""
    assert (DOCS / "howto" / "benchmark_page.png").stat().st_size < 300_000
