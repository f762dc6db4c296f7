"""Running the command: within this process for speed, as a process of its own where that matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

_SCRUBBED = ("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "COLUMNS", "TERM", "CLICOLOR_FORCE")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of the command gave."""

    code: int
    stdout: str
    stderr: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of stdout as JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]


class Command:
    """Runs ``grammarlib`` with arguments."""

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Outcome:
        """Run within this process."""
        from grammarlib.cli.app import app

        data = stdin.encode() if isinstance(stdin, str) else stdin
        result = CliRunner().invoke(app, list(arguments), input=data)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    def process(self, *arguments: str, stdin: str | bytes = "", **environment: str) -> Outcome:
        """Run as a process of its own."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        kept = {name: value for name, value in os.environ.items() if name not in _SCRUBBED}
        done = subprocess.run(
            [sys.executable, "-c", "from grammarlib.cli.app import main; main()", *arguments],
            input=data,
            capture_output=True,
            env=kept | environment,
            check=False,
            timeout=300,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in an environment without colour settings."""
    for name in _SCRUBBED:
        monkeypatch.delenv(name, raising=False)
    return Command()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes a file into a fresh folder and gives its path as a str."""

    def write_file(name: str, content: Any) -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    return write_file
