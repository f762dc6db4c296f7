"""The command as a process: streams, colour, pipes, and what is not imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.conftest import Command

RUN = "from grammarlib.cli.app import main; main()"


def test_version_and_help(command: Command) -> None:
    """``--help`` names every subcommand and the exit codes."""
    outcome = command.process("--help", NO_COLOR="1")
    assert outcome.code == 0
    for word in ("generate", "check", "validate", "sample", "mask", "doctor", "Exit codes"):
        assert word in outcome.stdout
    assert command("--version").stdout.startswith("grammarlib ")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["check"], ["check", "--nonsense"]])
def test_wrong_usage(command: Command, arguments: list[str]) -> None:
    """Exit code 2."""
    assert command(*arguments).code == 2


def test_results_are_utf8_whatever_the_locale(command: Command) -> None:
    """The bytes of the text, not of the locale's encoding."""
    pattern = r"gr\xfcn \u20ac"
    outcome = command.process("sample", "--regex", pattern, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, "grün €\n", "")


def test_stdin_and_exit_code(command: Command) -> None:
    """A schema through a pipe; a limit gives 3."""
    outcome = command.process("check", "-", "--json", stdin='{"type": "string"}')
    assert (outcome.code, outcome.records[0]["outcome"], outcome.stderr) == (0, "fine", "")
    outcome = command.process("sample", "--schema", "-", "--limit", "source_bytes=4", stdin='{"type": "string"}')
    assert (outcome.code, outcome.stdout) == (3, "")
    assert "source_bytes" in outcome.stderr


def test_a_broken_pipe_is_quiet() -> None:
    """``grammarlib sample ... | head -1`` ends with the code of SIGPIPE and without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "sample", "--regex", "a{500}", "-n", "2000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=300) == 141
    assert stderr == b""


@pytest.mark.parametrize("no_color", [False, True])
def test_colour_only_on_a_terminal_and_never_with_no_color(write: Any, no_color: bool) -> None:
    """On a terminal ``fine`` is green, unless NO_COLOR is set."""
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
    leader, follower = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    if no_color:
        environment["NO_COLOR"] = "1"
    path = write("schema.json", True)
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "check", path], stdout=follower, stderr=subprocess.PIPE, env=environment
    ):
        os.close(follower)
        seen = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            seen += part
    os.close(leader)
    assert b"fine" in seen
    assert (b"\x1b[32m" in seen) is not no_color


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["check", "-"],
        ["validate", "-", os.devnull],
        ["sample", "--schema", "-"],
        ["mask", "--schema", "-", "--tokenizer", "embedded"],
    ],
)
def test_torch_and_transformers_are_not_imported(arguments: list[str]) -> None:
    """Only ``generate`` and ``doctor`` load them."""
    code = (
        "import json, sys\n"
        "from grammarlib.cli.app import app\n"
        "try:\n"
        "    app()\n"
        "except SystemExit:\n"
        "    pass\n"
        "loaded = [name for name in ('torch', 'transformers', 'samplers') if name in sys.modules]\n"
        "print(json.dumps(loaded), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], input=b"true", capture_output=True, check=False, timeout=300
    )
    assert json.loads(done.stderr.decode().splitlines()[-1]) == []
