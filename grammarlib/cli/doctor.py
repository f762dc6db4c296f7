"""``grammarlib doctor``: is this installation sound?

Versions, the cache folders, the kernels (compiled here if they are not yet, so that the first real use is quick),
a tokenizer's self-check, and torch with its devices where it is installed.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from grammarlib.cli.exits import ExitCode
from grammarlib.cli.output import emit_record, emit_styled, progress

_PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "lark",
    "interegular",
    "jsonschema",
    "referencing",
    "pydantic",
    "typer",
    "rich",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
)


class State(StrEnum):
    """How a check ended."""

    FINE = "fine"
    ABSENT = "absent"
    FAILED = "failed"


_STYLES = {State.FINE: "green", State.ABSENT: "yellow", State.FAILED: "red"}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    state: State
    detail: str


def doctor(
    tokenizer: Annotated[
        str,
        typer.Option("--tokenizer", metavar="PATH", help="Self-check this tokenizer: a file, a folder or 'embedded'."),
    ] = "embedded",
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record a check.")] = False,
) -> None:
    """Is this installation sound: versions, caches, kernels (warmed here), a tokenizer, torch and its devices."""
    failed = False
    for check in _checks(tokenizer):
        failed = failed or check.state is State.FAILED
        if json_lines:
            emit_record({"check": check.name, "state": check.state.value, "detail": check.detail})
        else:
            emit_styled(
                (f"{check.state.value:<7}", _STYLES[check.state]), (f"{check.name}: ", "bold"), (check.detail, "")
            )
    raise typer.Exit(ExitCode.FINDINGS if failed else ExitCode.FINE)


def _checks(tokenizer: str) -> Iterator[Check]:
    yield Check("grammarlib", State.FINE, version("grammarlib"))
    yield Check("python", State.FINE, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in _PACKAGES:
        try:
            yield Check(name, State.FINE, version(name))
        except PackageNotFoundError:
            yield Check(name, State.ABSENT, "not installed")
    yield from _caches()
    yield _kernels()
    yield _tokenizer(tokenizer)
    yield _torch()


def _caches() -> Iterator[Check]:
    import grammarlib.kernels
    from grammarlib.masks.index import cache_folder

    kernels = os.environ.get("NUMBA_CACHE_DIR") or str(Path(grammarlib.kernels.__file__).parent / "__pycache__")
    for name, folder in (("kernel cache", Path(kernels)), ("vocabulary cache", cache_folder())):
        if folder is None:
            yield Check(name, State.ABSENT, "switched off")
        else:
            yield _writable(name, folder)


def _writable(name: str, folder: Path) -> Check:
    present = folder
    while not present.exists() and present != present.parent:
        present = present.parent
    try:
        with tempfile.TemporaryFile(dir=present):
            pass
    except OSError as error:
        return Check(name, State.FAILED, f"{folder} cannot be written: {error.strerror or error}")
    return Check(name, State.FINE, str(folder))


def _kernels() -> Check:
    import grammarlib as gl

    started = time.perf_counter()
    vocabulary = gl.Vocabulary([bytes([byte]) for byte in range(256)], eos_token_ids=[256], logits_width=257)
    text = b'{"name":"A","n":[1,2.5]}'
    with progress("Compiling the kernels (once on a machine) ..."):
        compiled = gl.compile(gl.AnyJson(), vocabulary)
        matcher = compiled.matcher()
        bitmask = gl.allocate_bitmask(1, vocabulary.logits_width)
        for byte in text:
            matcher.fill_bitmask(bitmask, 0)
            if not bitmask[0, byte // 32] >> (byte % 32) & 1 or not matcher.accept_token(byte):
                return Check("kernels", State.FAILED, f"the mask refuses {chr(byte)!r} within {text!r}")
        if not matcher.is_accepting:
            return Check("kernels", State.FAILED, f"{text!r} is not accepted")
    return Check("kernels", State.FINE, f"ready after {time.perf_counter() - started:.1f} s")


def _tokenizer(name: str) -> Check:
    from grammarlib.cli.exits import UnreadableInput
    from grammarlib.cli.tokenizers import EMBEDDED, embedded_folder, read_vocabulary
    from grammarlib.errors import VocabularyError

    if name == EMBEDDED and (embedded_folder() is None or find_spec("tokenizers") is None):
        return Check("tokenizer", State.ABSENT, "the embedded one needs the extra hf: pip install 'grammarlib[hf]'")
    try:
        vocabulary = read_vocabulary(name)
    except (UnreadableInput, VocabularyError) as error:
        return Check("tokenizer", State.FAILED, f"{name}: {error}")
    tokens = sum(token is not None for token in vocabulary.tokens)
    ends = ", ".join(map(str, vocabulary.eos_token_ids)) or "none known"
    detail = (
        f"{name}: {tokens} tokens, {vocabulary.logits_width} logits, end of sequence: {ends}; round trips are exact"
    )
    return Check("tokenizer", State.FINE, detail)


def _torch() -> Check:
    if find_spec("torch") is None:
        return Check("devices", State.ABSENT, "torch is not installed: pip install 'grammarlib[hf]'")
    with progress("Loading torch ..."):
        try:
            import torch
        except Exception as error:  # a broken installation may raise anything
            return Check("devices", State.FAILED, f"torch cannot be imported: {error}")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return Check("devices", State.FINE, f"CPU and {', '.join(names)} (CUDA {torch.version.cuda})")
    return Check("devices", State.FINE, "CPU only")
