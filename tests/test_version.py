"""What the packaging says of itself: one version, tested pins, two commands in README."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins() -> dict[str, str]:
    """The lines of constraints.txt, by normalised name."""
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    split = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(parts) == 2 for parts in split)
    return {normalised(name): pinned for name, pinned in split}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_one_version(project: dict[str, Any]) -> None:
    """pyproject.toml, the installed distribution and the changelog agree."""
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert project["version"] == newest[1]
    assert project["version"] == version("grammarlib")


def test_every_release_opens_with_a_sentence() -> None:
    """What changed for users, before any list."""
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    for release in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        opening = release.split("\n", 1)[1].strip()
        assert re.match(r"[A-Z][^\n]", opening), release


def test_every_direct_dependency_is_pinned(project: dict[str, Any]) -> None:
    """Each requirement has a tested version, and torch is the one that resolves without a GPU."""
    pinned = pins()
    required = project["dependencies"] + [one for extra in project["optional-dependencies"].values() for one in extra]
    names = {normalised(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in required}
    # What a user's cluster, harness or machine decides has no version of ours.
    assert names - pinned.keys() == {"grammarlib", "datasets", "jedi", "llama-cpp-python", "lm-eval", "ray"}
    assert pinned["torch"] == "2.13.0"


def test_constraints_name_no_place() -> None:
    """Versions only: no address, no path, no local build."""
    assert all(re.fullmatch(r"[A-Za-z0-9.]+", pinned) for pinned in pins().values())


def test_readme_has_exactly_two_commands() -> None:
    """One for the main job, one for the tests; `.ci/run` reads the second."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    opening = readme.split("\n## ")[0]
    commands = re.findall(r"```sh\n(.*?)\n```", opening, re.DOTALL)
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    marked = [
        re.search(f"<!-- {name} -->\n```sh\n(.*)\n```\n<!-- /{name} -->", readme)
        for name in ("run-command", "test-command")
    ]
    assert [match[1] for match in marked if match] == commands
    assert "grammarlib generate --schema docs/examples/person.json" in commands[0]
    assert "pytest" in commands[1]
