"""Runs through the command: they resume after anything, lose nothing that was recorded, and their exit code tells."""

from __future__ import annotations

import gzip
import json
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jsonschemabench import Outcome, Records, RunFolder, RunFolderError, load, read_records
from jsonschemabench.outcome import judge_row
from jsonschemabench.run_folder import ROWS, export
from tests.jsonschemabench.conftest import Command
from tests.jsonschemabench.hostile import NAME

pytest.importorskip("transformers", reason="MaskBench's interface hands out a transformers tokenizer")

SLOW = {"x-do": "slow"}


def outcomes(folder: Path, engine: str = NAME) -> dict[str, str]:
    return {case: str(judge_row(row).outcome) for case, row in read_records(folder).rows_of(engine).items()}


def test_misdeeds_are_outcomes_of_a_run_that_ends(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """Crash, memory and refusal stand in the records; what comes after them is measured all the same."""
    deeds = ["segfault", "memory", "refuse", "raise"]
    data = rows(*({"x-do": deed} for deed in deeds), {"x-reject": True}, {})
    out = tmp_path / "run"
    limits = ("--memory-limit", 600)
    ended = command("run", "-e", NAME, "-e", "none", "--data", data, "-o", out, *limits)
    assert outcomes(out) == {
        "c0": "crash", "c1": "memory", "c2": "refused", "c3": "false reject", "c4": "false reject", "c5": "pass",
    }  # fmt: skip
    assert set(outcomes(out, "none").values()) == {"pass"}
    assert ended.code == 3  # a limit was hit
    assert ended.stdout.rstrip().endswith("report.html")
    assert {path.name for path in out.iterdir()} == {
        "run.json", "cases.jsonl.gz", "rows.jsonl", "lock",
        "report.md", "report.html", "summary.csv", "differences.csv",
    }  # fmt: skip
    again = command("run", "-e", NAME, "-e", "none", "--data", data, "-o", out, *limits)
    assert again.code == 3
    assert "0 to do" in again.stderr
    records = read_records(out)
    assert len(records.sessions) == 1
    assert {"processor", "cores", "memory_mb", "python"} <= set(records.sessions[0]["machine"])
    assert "grammarlib" in records.sessions[0]["versions"]
    assert all(row["session"] == 1 for row in records.rows.values())


def test_a_hanging_engine_is_a_timeout_of_one_row(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """The row is a timeout, the next one is measured, and the exit code says that a limit was hit."""
    out = tmp_path / "run"
    ended = command("run", "-e", NAME, "--data", rows({"x-do": "hang"}, {}), "-o", out, "--time-limit", 3)
    assert outcomes(out) == {"c0": "timeout", "c1": "pass"}
    assert ended.code == 3


@pytest.mark.parametrize(
    ("schemas", "options", "code"),
    [
        (({}, {"x-do": "refuse"}), ("--no-verdicts",), 0),
        (({"x-reject": True},), ("--no-verdicts",), 1),
        (({"x-do": "abort"},), ("--no-verdicts",), 1),
        (({"x-do": "abort"},), ("--no-verdicts", "--exit-zero"), 0),
    ],
)
def test_exit_codes(
    command: Command,
    rows: Callable[..., Path],
    tmp_path: Path,
    schemas: tuple[object, ...],
    options: tuple[str, ...],
    code: int,
) -> None:
    """0 fine, 1 a wrong verdict or a crash; refusals are no findings."""
    assert command("run", "-e", NAME, "--data", rows(*schemas), "-o", tmp_path / "run", *options).code == code


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("-e", "absent"), "engine absent: unknown"),
        (("-e", "none", "--data", "nowhere.jsonl"), "no such file"),
        (("-e", "none", "--split", "x"), "no split x"),
        (("-e", "none", "--shard", "3/2"), "not I/N"),
        (("-e", "none", "--limit", "0"), "limit"),
        (("-e", "none", "--tokenizer", "/nowhere/tokenizer.json"), "no such tokenizer.json"),
        ((), "--engine"),
    ],
)
def test_wrong_usage(command: Command, tmp_path: Path, arguments: tuple[str, ...], part: str) -> None:
    """Exit code 2, the reason on stderr, nothing on stdout, no half-made report."""
    out = tmp_path / "run"
    ended = command("run", *arguments, "-o", out)
    assert (ended.code, ended.stdout) == (2, "")
    assert part in " ".join(ended.stderr.split())
    assert not (out / "report.html").exists()


def begun(process: subprocess.Popen[str], out: Path, count: int) -> None:
    """Wait until a run has recorded some rows."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (out / ROWS).exists() and (out / ROWS).read_bytes().count(b'"kind": "row"') >= count:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("no rows")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on_where_it_stopped(
    command: Command, rows: Callable[..., Path], tmp_path: Path, how: signal.Signals
) -> None:
    """Ctrl-C and SIGKILL: what was recorded stays, and the same command does the rest and nothing twice."""
    data, out = rows(*[SLOW] * 8), tmp_path / "run"
    arguments = ("run", "-e", NAME, "--data", data, "-o", out, "--no-verdicts")
    process = command.begin(*arguments)
    begun(process, out, 3)
    process.send_signal(how)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == (-9 if how == signal.SIGKILL else 130)
    if how != signal.SIGKILL:
        assert "the same command goes on from there" in stderr
        assert "\x1b" not in stderr  # no progress bar and no colour in a pipe
    before = read_records(out).rows
    assert 3 <= len(before) < 8
    again = command(*arguments)
    assert again.code == 0
    assert f"{8 - len(before)} to do" in again.stderr
    records = read_records(out)
    assert set(outcomes(out)) == {f"c{number}" for number in range(8)}
    assert {key: row for key, row in records.rows.items() if key in before} == before
    assert [row["session"] for row in records.rows.values()].count(2) == 8 - len(before)


def test_a_killed_run_leaves_no_worker_behind(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """SIGKILL gives no chance to clean up: the workers notice by themselves."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs Linux's /proc")
    mark = tmp_path / "mark"
    out = tmp_path / "run"
    data = rows({"x-do": "hang-once", "x-file": str(mark)})
    process = command.begin("run", "-e", NAME, "--data", data, "-o", out, "--no-verdicts")
    while not mark.exists():
        assert process.poll() is None
        time.sleep(0.02)
    [worker] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split() or children(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and "Z" not in state(worker):
        assert time.monotonic() < deadline, "the worker is still there"
        time.sleep(0.05)


def children(parent: int) -> list[str]:
    """Child processes of all threads of a process."""
    tasks = Path(f"/proc/{parent}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


def state(process: str) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_full_disk_loses_nothing(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """A write fails in the middle of a line: the line goes, the rest stays, exit code 3, and the run goes on later."""
    data, out = rows(*[{}] * 40), tmp_path / "run"
    arguments = ("run", "-e", NAME, "--data", data, "-o", out, "--no-verdicts", "--no-fast-forward")
    process = command.begin(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 3, stderr
    assert "what was recorded is whole" in stderr
    written = (out / ROWS).read_bytes()
    assert written.endswith(b"\n") and len(written) <= 6000
    before = read_records(out).rows
    assert 0 < len(before) < 40
    assert command(*arguments).code == 0
    assert (out / ROWS).read_bytes().startswith(written)
    assert set(outcomes(out).values()) == {"pass"}
    assert len(outcomes(out)) == 40


def test_two_runs_in_one_folder(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """The second is refused, with exit code 2 and the first one's process; the first is not disturbed."""
    data, out = rows(*[SLOW] * 8), tmp_path / "run"
    arguments = ("run", "-e", NAME, "--data", data, "-o", out, "--no-verdicts")
    first = command.begin(*arguments)
    begun(first, out, 1)
    second = command(*arguments)
    assert second.code == 2
    assert f"another run is in this folder (process {first.pid})" in " ".join(second.stderr.split())
    assert first.wait(timeout=60) == 0
    first.communicate()
    assert len(outcomes(out)) == 8


def test_several_jobs_give_the_same_rows(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """Two stations side by side: nothing lost, nothing twice."""
    data = rows(*[{"x-reject": bool(number % 3)} for number in range(40)])
    out = tmp_path / "run"
    command("run", "-e", NAME, "--data", data, "--jobs", 2, "-o", out, "--no-verdicts")
    expected = {f"c{number}": "false reject" if number % 3 else "pass" for number in range(40)}
    assert outcomes(out) == expected
    assert (out / ROWS).read_bytes().count(b'"kind": "row"') == 40


def test_other_settings_need_another_folder(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """Rows of different limits or data never mix; another engine may join."""
    data, out = rows({}), tmp_path / "run"
    assert command("run", "-e", NAME, "--data", data, "-o", out).code == 0
    assert command("run", "-e", "none", "--data", data, "-o", out).code == 0
    assert read_records(out).engine_names == [NAME, "none"]
    for change in (("--time-limit", 5), ("--data", rows({}, {}, name="other.jsonl"))):
        ended = command("run", "-e", NAME, "--data", data, "-o", out, *change)
        assert ended.code == 2
        assert "holds a run with other settings" in " ".join(ended.stderr.split())


def test_a_torn_line_is_done_again(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """What a crash left of a line is cut off; a line that is damaged elsewhere is an error with its number."""
    data, out = rows({}, {}), tmp_path / "run"
    arguments = ("run", "-e", NAME, "--data", data, "-o", out, "--no-verdicts")
    command(*arguments)
    whole = (out / ROWS).read_bytes()
    (out / ROWS).write_bytes(whole[:-20])
    assert len(read_records(out).rows) == 1  # reading leaves it out
    assert command(*arguments).code == 0
    assert len(read_records(out).rows) == 2
    (out / ROWS).write_bytes(whole.replace(b'"kind"', b'"kin', 1))
    with pytest.raises(RunFolderError, match="line 1: not a record"):
        read_records(out)
    assert command(*arguments).code == 2


def test_records_can_be_exported_without_schemas(command: Command, rows: Callable[..., Path], tmp_path: Path) -> None:
    """One file that reports and comparisons read; the same run gives the same bytes."""
    data, out = rows({"title": "secret"}, {"x-reject": True}), tmp_path / "run"
    command("run", "-e", NAME, "-e", "none", "--data", data, "-o", out)
    target = tmp_path / "record.jsonl.gz"
    assert command("report", out, "--export", target).code == 0
    first = target.read_bytes()
    export(out, target)
    assert target.read_bytes() == first
    assert b"secret" not in gzip.decompress(first)
    assert str(tmp_path).encode() not in gzip.decompress(first)
    records = read_records(target)
    assert records.rows == read_records(out).rows
    assert records.info["count"] == 2
    ended = command("report", target, "-o", tmp_path / "report", "--json")
    assert [record["engine"] for record in ended.records] == [NAME, "none"]
    assert ended.records[0]["Coverage"]["schemas with false rejects"] == 1
    compared = command("compare", f"{target}:{NAME}", ":none")
    assert "c1: A false reject, B pass" in compared.stdout


def test_an_engine_without_the_package_does_not_begin(
    command: Command, rows: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 with the extra's name, before a folder is made."""
    from jsonschemabench.engines import registry

    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    ended = command("run", "-e", "xgrammar", "--data", rows({}), "-o", tmp_path / "run")
    assert ended.code == 2
    assert "pip install 'grammarlib[bench]'" in ended.stderr
    assert not (tmp_path / "run").exists()


def test_ray_needs_its_extra(
    command: Command, rows: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare ``--ray`` is understood; without the package the error names the extra."""
    from jsonschemabench import ray_cluster

    monkeypatch.setattr(ray_cluster, "find_spec", lambda module: None)
    ended = command("run", "--ray", "-e", "none", "--data", rows({}), "-o", tmp_path / "run")
    assert ended.code == 2
    assert "pip install 'grammarlib[ray]'" in ended.stderr


def test_engines_are_listed(command: Command) -> None:
    """A line for each; those that are missing say how to get them."""
    lines = command("engines").stdout.splitlines()
    assert [line.split()[0] for line in lines][:3] == ["grammarlib", "grammarlib-schema", "llguidance"]
    assert {record["engine"] for record in command("engines", "--json").records} >= {"none", "llama-cpp"}


def test_the_api_without_the_command(tmp_path: Path) -> None:
    """The same in Python: cases, settings, a folder, a run, its records."""
    from jsonschemabench import Settings, run, select

    cases = select(load("sample"), limit=2)
    seen: list[str] = []
    with RunFolder(tmp_path / "run", {"digest": "x"}, cases) as folder:
        done = run(folder, cases, ["none"], Settings(verdicts=False), progress=lambda one: seen.append(one["kind"]))
        records: Records = folder.records
    assert done == 2 and seen == ["engine", "row", "row"]
    assert {judge_row(row).outcome for row in records.rows.values()} == {Outcome.FALSE_ACCEPT}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["digest"] == "x"
