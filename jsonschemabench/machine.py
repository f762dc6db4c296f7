"""What a record has to say about where it was made: machine, versions, commit.

Nothing that names a person or a host is in it.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grammarlib as gl


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory and operating system."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": _memory_mb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def describe_software() -> dict[str, Any]:
    """The versions of what every run uses, and the commit of grammarlib where it runs from a checkout."""
    found = versions(("grammarlib", "numpy", "numba", "jsonschema", "jsonschema-rs", "tokenizers", "transformers"))
    return {"versions": found, "commit": commit_of(Path(gl.__file__).parent)}


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """The versions of installed distributions; those that are absent are left out."""
    found = {}
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def commit_of(folder: Path) -> str | None:
    """The commit of the checkout that holds ``folder``, with ``+changes`` where it was edited since, or None."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return commit[:12] + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or sys.platform


def _memory_mb() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError):
        return None
