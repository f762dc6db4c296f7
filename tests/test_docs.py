"""The documentation: its examples run, its links lead somewhere, its tables are complete.

In README.md and docs/, blocks marked ``python`` run, all of a page in one namespace, in order; those with ``>>>`` as
doctests.  Blocks marked ``console`` hold ``$ grammarlib ...`` lines, each followed by exactly what it prints.
A block that cannot run stands under a comment ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import dataclasses
import doctest
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted([REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *(REPOSITORY / "docs").rglob("*.md")])
FENCE = re.compile(
    r"^(?P<before>(?:<!-- not run: .+ -->\n)?)```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    kind: str
    code: str
    line: int


def blocks(page: Path, kind: str) -> Iterator[Block]:
    """The blocks of a page that are to run."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match["kind"] == kind and not match["before"]:
            yield Block(kind, match["code"], text.count("\n", 0, match.start("code")) + 1)


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def pages_with(kind: str) -> list[Path]:
    return [page for page in PAGES if any(blocks(page, kind))]


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_python_blocks_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block runs, in the order of the page."""
    monkeypatch.chdir(REPOSITORY)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        where = f"{name_of(page)}:{block.line}"
        if ">>> " in block.code:
            example = doctest.DocTestParser().get_doctest(block.code, namespace, where, where, block.line)
            example.globs = namespace  # get_doctest copies; later blocks see what this one defines
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            report: list[str] = []
            result = runner.run(example, out=report.append, clear_globs=False)
            assert result.failed == 0, "".join(report)
        else:
            padded = "\n" * (block.line - 1) + block.code  # so that a traceback names the line of the page
            exec(compile(padded, name_of(page), "exec", dont_inherit=True), namespace)


@pytest.mark.parametrize("page", pages_with("console"), ids=name_of)
def test_console_blocks_show_what_is_printed(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command prints what stands below it; ``echo ... |`` before it is its stdin."""
    from grammarlib.cli.app import app

    monkeypatch.chdir(REPOSITORY)
    for name in ("FORCE_COLOR", "NO_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    for block in blocks(page, "console"):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.code, re.MULTILINE):
            words = shlex.split(command)
            stdin = ""
            if words[0] == "echo":
                bar = words.index("|")
                stdin, words = " ".join(words[1:bar]) + "\n", words[bar + 1 :]
            assert words[0] == "grammarlib", command
            result = CliRunner().invoke(app, words[1:], input=stdin)
            assert result.output == expected, f"{name_of(page)}:{block.line}: $ {command}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    """Relative links name files that exist."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)", text)
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_that_is_named_exists(page: Path) -> None:
    """A path of the repository in backticks is there."""
    named = re.findall(
        r"`((?:grammarlib|samplers|jsonschemabench|tests|docs)/[\w/.]+)`", page.read_text(encoding="utf-8")
    )
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def test_every_command_and_option_is_documented() -> None:
    """`docs/reference/cli.md` has a section for each subcommand, with each of its options."""
    import typer

    from grammarlib.cli.app import app

    page = (REPOSITORY / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## `grammarlib (\w+)`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(sections) == set(commands)
    shared = page.split("\n## `grammarlib ")[0]
    missing = [
        f"{name} {option}"
        for name, command in commands.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option != "--help" and option not in sections[name] and option not in shared
    ]
    assert missing == []


def test_every_limit_is_documented() -> None:
    """`docs/reference/limits.md` has a row for each bound, with its default."""
    from grammarlib.limits import Limits

    page = (REPOSITORY / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", page, re.MULTILINE))
    assert rows == {field.name: f"{field.default:,}" for field in dataclasses.fields(Limits)}


def test_the_support_page_is_generated() -> None:
    """`docs/reference/json_schema_support.md` is what ``grammarlib support --markdown`` writes."""
    from grammarlib.cli.app import app

    committed = (REPOSITORY / "docs" / "reference" / "json_schema_support.md").read_text(encoding="utf-8")
    generated = CliRunner().invoke(app, ["support", "--markdown"])
    assert generated.exit_code == 0
    assert committed == generated.output, "run: grammarlib support --markdown > docs/reference/json_schema_support.md"
