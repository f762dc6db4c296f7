"""A run's folder: what was asked for, the cases, and one line for everything that was found out.

Purpose: a run can be killed at any moment and goes on where it stopped.  Each fact is one line, written whole and at
once; what a crash or a full disk left of a line is cut off when the folder is opened again.
Place: written by `jsonschemabench.runner`, read by reports and comparisons.

Files: ``run.json`` (settings, written first), ``cases.jsonl.gz`` (the selected cases), ``rows.jsonl`` and ``lock``.
Lines of ``rows.jsonl``, by ``kind``: ``session`` (when, commit, versions, machine; one each time a run is begun or
resumed), ``engine`` (an engine's versions and set-up times), ``row`` (an engine on a case), ``verdict`` (validators
on a case), ``output`` (generated texts).  Each but the first names its ``session``.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from jsonschemabench import dataset
from jsonschemabench.cases import Case
from jsonschemabench.errors import DiskFull, RunFolderError

_FORMAT: Final = "jsonschemabench-run"
_VERSION: Final = 1
_SYNC_S: Final = 5.0

ROWS: Final = "rows.jsonl"
CASES: Final = "cases.jsonl.gz"
INFO: Final = "run.json"


@dataclass(slots=True)
class Records:
    """Everything that ``rows.jsonl`` holds; of two lines about one thing the later counts.

    ``rows`` and ``outputs`` are keyed by (engine, case id), ``verdicts`` by case id.
    """

    info: dict[str, Any] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    engines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def add(self, record: dict[str, Any]) -> None:
        """Take in one line."""
        kind = record["kind"]
        if kind == "session":
            self.sessions.append(record)
        elif kind == "engine":
            self.engines.setdefault(record["engine"], []).append(record)
        elif kind == "row":
            self.rows[record["engine"], record["case"]] = record
        elif kind == "verdict":
            self.verdicts[record["case"]] = record
        elif kind == "output":
            self.outputs[record["engine"], record["case"]] = record
        elif kind == "run":
            self.info = record["info"]
        else:
            raise KeyError(kind)

    def judged_by_validator(self) -> Records:
        """The same records with python-jsonschema's verdicts in place of the data's labels; ``?`` where it has none."""
        rows = {}
        for key, row in self.rows.items():
            verdict = self.verdicts.get(key[1], {}).get("python", "?" * len(row["labels"]))
            rows[key] = row | {"labels": verdict}
        return replace(self, rows=rows)

    @property
    def engine_names(self) -> list[str]:
        """The engines in the order in which they first appear."""
        return list(dict.fromkeys([engine for engine, _ in self.rows] + [engine for engine, _ in self.outputs]))

    def rows_of(self, engine: str) -> dict[str, dict[str, Any]]:
        """An engine's rows by case id."""
        return {case: row for (name, case), row in self.rows.items() if name == engine}


def read_records(path: Path) -> Records:
    """The records of a run folder, or of a file ``*.jsonl`` or ``*.jsonl.gz`` that `export` wrote.

    A torn last line, as a killed run leaves it, is left out.  Raises `RunFolderError`.
    """
    info: dict[str, Any] = {}
    if path.is_dir():
        info = read_info(path)
        path = path / ROWS
    records = Records(info=info)
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    records.add(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise RunFolderError(f"{path}, line {number}: not a record ({error!r})") from None
    except (OSError, EOFError) as error:
        raise RunFolderError(f"{path}: {error}") from None
    return records


def read_info(folder: Path) -> dict[str, Any]:
    """The settings of a run folder.  Raises `RunFolderError` where it holds no run."""
    try:
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFolderError(f"{folder}: no run in it ({INFO} is missing)") from None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{folder / INFO}: {error}") from None
    if not isinstance(info, dict) or info.get("format") != _FORMAT or info.get("version") != _VERSION:
        raise RunFolderError(f"{folder / INFO}: not a run that this version reads")
    return info


def read_cases(folder: Path) -> dict[str, Case]:
    """The cases of a run folder by id; empty where only records were kept."""
    path = folder / CASES
    if not path.is_file():
        return {}
    return {case.identifier: case for case in dataset.load(str(path))}


def export(folder: Path, target: Path) -> None:
    """Write a run's records to one ``.jsonl.gz`` without its cases: settings first, then every line.

    Of paths of this machine only the file names go along.  The same records give the same bytes.
    """
    info = dict(read_info(folder))
    info["source"] = _without_folders(info.get("source"))
    info["settings"] = {key: _without_folders(value) for key, value in dict(info.get("settings") or {}).items()}
    try:
        rows = (folder / ROWS).read_bytes()
        rows = rows[: rows.rfind(b"\n") + 1]
        head = json.dumps({"kind": "run", "info": info}).encode() + b"\n"
        target.write_bytes(gzip.compress(head + rows, compresslevel=9, mtime=0))
    except OSError as error:
        raise DiskFull(f"{target}: {error.strerror or error}") from None


def _without_folders(value: Any) -> Any:
    """An absolute path as its file name; anything else as it is."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


class RunFolder:
    """A run folder that is open for writing; nobody else can open it meanwhile.

    ``info`` holds what has to stay the same when a run goes on: the digest of its cases, tokenizer, limits.  Engines
    may be added.  Raises `RunFolderError` where another run is in the folder, or one with other settings was.
    """

    def __init__(self, path: Path, info: Mapping[str, Any], cases: Iterable[Case]) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunFolderError(f"{path}: {error.strerror or error}") from None
        try:
            self._take_lock()
            self.records = self._resume_or_begin(dict(info) | {"format": _FORMAT, "version": _VERSION}, cases)
            self._file = os.open(path / ROWS, os.O_WRONLY | os.O_CREAT, 0o644)
            self._end = os.lseek(self._file, 0, os.SEEK_END)
        except BaseException:
            os.close(self._lock)
            raise
        self._synced = time.monotonic()
        self.session = len(self.records.sessions)

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._lock, 32).decode("ascii", errors="replace").strip()
            raise RunFolderError(
                f"{self.path}: another run is in this folder (process {holder or 'unknown'})"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _resume_or_begin(self, info: dict[str, Any], cases: Iterable[Case]) -> Records:
        if (self.path / INFO).exists():
            known = read_info(self.path)
            differing = [name for name in info if info[name] != known.get(name)]
            if differing:
                what = ", ".join(f"{name} was {known.get(name)!r} and is {info[name]!r}" for name in differing)
                raise RunFolderError(f"{self.path}: holds a run with other settings ({what}); choose another folder")
            self._cut_torn_line()
            if (self.path / ROWS).exists():
                return read_records(self.path)
            return Records(info=known)
        stray = [name for name in (ROWS, CASES) if (self.path / name).exists()]
        if ROWS in stray:
            raise RunFolderError(f"{self.path}: holds {ROWS} without {INFO}; choose another folder")
        try:
            dataset.write_cases(self.path / (CASES + ".new"), cases)
            (self.path / (CASES + ".new")).replace(self.path / CASES)
            (self.path / (INFO + ".new")).write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
            (self.path / (INFO + ".new")).replace(self.path / INFO)
        except OSError as error:
            raise DiskFull(f"{self.path}: {error.strerror or error}") from None
        return Records(info=info)

    def _cut_torn_line(self) -> None:
        try:
            with (self.path / ROWS).open("r+b") as rows:
                size = rows.seek(0, os.SEEK_END)
                end = size
                while end > 0:  # blocks from the end, until one holds a line's end
                    start = max(0, end - 65536)
                    rows.seek(start)
                    found = rows.read(end - start).rfind(b"\n")
                    if found >= 0:
                        end = start + found + 1
                        break
                    end = start
                if end != size:
                    rows.truncate(end)
        except FileNotFoundError:
            return
        except OSError as error:
            raise RunFolderError(f"{self.path / ROWS}: {error.strerror or error}") from None

    def append(self, record: dict[str, Any]) -> None:
        """Write one line, whole or not at all.

        Raises `DiskFull` where it cannot be written; the file then ends after the line before.
        """
        data = json.dumps(record).encode() + b"\n"
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._file, data[written:], self._end + written)
            if time.monotonic() - self._synced > _SYNC_S:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise DiskFull(f"{self.path / ROWS}: {error.strerror or error}") from None
        self._end += len(data)
        self.records.add(record)

    def close(self) -> None:
        """Write everything through to the disk and let the folder go."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise DiskFull(f"{self.path / ROWS}: {error.strerror or error}") from None
        finally:
            os.close(self._file)
            os.close(self._lock)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
