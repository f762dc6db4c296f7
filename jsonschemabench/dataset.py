"""Where cases come from: files, folders, the Hub, and the sample that ships with the package.

Purpose: one function, `load`, for every source of ``--data``; and `select` for ``--split``, ``--limit``, ``--seed``
and ``--shard``.
Place: the first step of a run; everything after it sees `jsonschemabench.cases.Case` only.
Sources: ``sample`` (ours, embedded), a ``.jsonl`` or ``.jsonl.gz`` file of rows, MaskBench's folder (one file a
schema, with ``tests``), the official JSON Schema Test Suite, any folder of schemas, and ``hf:NAME`` (extra ``hub``).
Cost: 5,600 rows of 4 MB (compressed) take half a second.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from jsonschemabench.cases import Case, case_of
from jsonschemabench.errors import DataError, MissingExtra

SAMPLE: Final = "sample"
HUB: Final = "hf:"
HUB_SPLITS: Final = ("train", "val", "test")

_DIALECTS: Final = {
    "draft3": "http://json-schema.org/draft-03/schema#",
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}


def load(source: str) -> list[Case]:
    """All cases of a source, in its own order (folders: by path).

    Raises `DataError` where it cannot be read or two cases have one id, and `MissingExtra` for the Hub without its
    packages.
    """
    if source == SAMPLE:
        cases = list(_rows(Path(__file__).resolve().parent / "sample" / "cases.jsonl"))
    elif source.startswith(HUB):
        cases = list(_hub(source[len(HUB) :]))
    else:
        path = Path(source).expanduser()
        if path.is_dir():
            cases = list(_suite(path) if _is_suite(path) else _folder(path))
        elif path.is_file():
            cases = list(_rows(path) if _is_lines(path) else _file(path, path.parent))
        else:
            raise DataError(f"{source}: no such file or folder (also known: sample, hf:NAME)")
    seen: set[str] = set()
    for case in cases:
        if case.identifier in seen:
            raise DataError(f"{source}: two rows have the id {case.identifier!r}")
        seen.add(case.identifier)
    if not cases:
        raise DataError(f"{source}: no schema in it")
    return cases


def select(
    cases: Sequence[Case],
    *,
    splits: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    shard: tuple[int, int] = (1, 1),
) -> list[Case]:
    """The cases of a run.

    First the splits, by name; then, where there are more than ``limit``, a random sample of so many, in the order
    of ``random.Random(seed).sample``; then of ``shard`` (i, n) every n-th from the i-th on, i from 1.
    Raises `DataError` where a split does not exist.
    """
    chosen = list(cases)
    if splits:
        known = {case.split for case in cases}
        unknown = [name for name in splits if name not in known]
        if unknown:
            raise DataError(f"no split {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        chosen = [case for case in chosen if case.split in splits]
    if limit is not None:
        chosen = random.Random(seed).sample(chosen, min(limit, len(chosen)))
    return chosen[shard[0] - 1 :: shard[1]]


def digest(cases: Iterable[Case]) -> str:
    """A short name for exactly these cases, whatever their order."""
    lines = sorted(json.dumps(case.record(), sort_keys=True) for case in cases)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def write_cases(path: Path, cases: Iterable[Case]) -> None:
    """Write cases as rows; `load` reads them back."""
    with gzip.open(path, "wt", encoding="ascii", compresslevel=6) as lines:
        for case in cases:
            lines.write(json.dumps(case.record()) + "\n")


# Files


def _is_lines(path: Path) -> bool:
    return path.name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"))


def _rows(path: Path) -> Iterator[Case]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                where = f"{path}, line {number}"
                if line.strip():
                    row = _parse(line, where)
                    if not isinstance(row, dict):
                        raise DataError(f"{where}: a row is a JSON object")
                    yield case_of(row, where)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {error}") from None


def _parse(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise DataError(f"{where}: nested too deeply to be read") from None
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from None


def _read(path: Path) -> Any:
    try:
        return _parse(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


# Folders


def _folder(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.rglob("*.json")):
        yield from _file(path, folder)


def _file(path: Path, folder: Path) -> Iterator[Case]:
    """A file of MaskBench (``schema`` and ``tests``), of the official suite (a list of those), or one bare schema."""
    content = _read(path)
    name = str(path.relative_to(folder).with_suffix(""))
    if isinstance(content, dict) and "schema" in content and isinstance(content.get("tests"), list):
        yield case_of({"id": name} | content, str(path), split=content.get("split"))
    elif isinstance(content, list) and all(isinstance(one, dict) and "schema" in one for one in content):
        for number, group in enumerate(content):
            yield case_of({"id": f"{name}/{number}"} | group, str(path), split=path.parent.name)
    elif isinstance(content, dict | bool):
        yield case_of({"id": name, "schema": content}, str(path), split=path.parent.name)
    else:
        raise DataError(f"{path}: neither a schema, nor a schema with tests")


# The official suite


def _is_suite(folder: Path) -> bool:
    return any((folder / part / name).is_dir() for part in ("", "tests") for name in _DIALECTS)


def _suite(folder: Path) -> Iterator[Case]:
    """The suite's groups.  A schema that names no dialect gets its folder's as ``$schema``: only the folder says so."""
    root = folder / "tests" if (folder / "tests").is_dir() else folder
    for draft, dialect in _DIALECTS.items():
        base = root / draft
        for path in sorted(base.rglob("*.json")):
            for case in _file(path, root):
                schema = case.schema
                if isinstance(schema, dict) and "$schema" not in schema:
                    schema = {"$schema": dialect} | schema
                yield replace(case, schema=schema, split=draft)


# The Hub


def _hub(name: str) -> Iterator[Case]:
    """``NAME``, ``NAME:CONFIG``, ``NAME@SPLIT`` or both: columns ``json_schema`` and ``unique_id``, no instances."""
    for package in ("datasets", "huggingface_hub"):
        if find_spec(package) is None:
            raise MissingExtra(f"hf:{name}", "hub", f"the package {package} is not installed")
    import datasets

    name, _, split = name.partition("@")
    name, _, config = name.partition(":")
    try:
        loaded = datasets.load_dataset(name, config or None)
    except Exception as error:  # the library raises what its layers raise
        raise DataError(f"hf:{name}: {type(error).__name__}: {error}") from None
    parts = [split] if split else list(loaded)
    for part in parts:
        if part not in loaded:
            raise DataError(f"hf:{name}: no split {part}; there are {', '.join(loaded)}")
        for number, row in enumerate(loaded[part]):
            yield hub_case(row, f"hf:{name}, {part}, row {number}", config)


def hub_case(row: dict[str, Any], where: str, config: str = "") -> Case:
    """The case of a row of ``epfl-dlab/JSONSchemaBench``."""
    if not isinstance(row.get("json_schema"), str) or "unique_id" not in row:
        raise DataError(f"{where}: the columns json_schema and unique_id are needed")
    schema = _parse(row["json_schema"].encode(), where)
    return case_of({"id": row["unique_id"], "schema": schema}, where, split=config or None)
