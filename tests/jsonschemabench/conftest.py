"""Running the command, writing data, and an engine that misbehaves on demand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

_SCRUBBED = ("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "COLUMNS", "TERM", "CLICOLOR_FORCE")


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run of the command gave."""

    code: int
    stdout: str
    stderr: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of stdout as JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]


class Command:
    """Runs ``jsonschemabench`` with arguments."""

    def __call__(self, *arguments: object) -> Ended:
        """Run within this process (engines still have their own)."""
        from jsonschemabench.cli.app import app

        result = CliRunner().invoke(app, [str(one) for one in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    def begin(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        """Begin it as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "jsonschemabench", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name not in _SCRUBBED},
            **options,
        )


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in an environment without colour settings."""
    for name in _SCRUBBED:
        monkeypatch.delenv(name, raising=False)
    return Command()


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., Path]:
    """Writes schemas, each with one valid instance ``1``, as a file of rows with the ids c0, c1 ..."""

    def write(*schemas: Any, name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        lines = [
            json.dumps({"id": f"c{number}", "split": "s", "schema": schema, "tests": [{"valid": True, "data": 1}]})
            for number, schema in enumerate(schemas)
        ]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return write
