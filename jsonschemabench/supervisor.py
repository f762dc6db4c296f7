"""A worker process under guard: time, memory, crashes.

Purpose: turn whatever happens to an engine's process into an answer.  `Supervisor.ask` never raises for what an
engine does; it returns ``{"outcome": "timeout" | "memory" | "crash", ...}`` and starts a fresh process for the next
request.
Place: used by `jsonschemabench.runner` for engines, validators and generation alike.
Cost: a request is one line of JSON each way, about 0.1 ms; a fresh process costs the engine's set-up.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from jsonschemabench.errors import EngineUnavailable

_POLL_S: Final = 0.02
_LOG_TAIL: Final = 2000
_OUT_OF_MEMORY: Final = re.compile(
    r"memory allocation of \d+ bytes failed|bad_alloc|MemoryError|out of memory|cannot allocate memory", re.IGNORECASE
)
_OUTSIDERS: Final = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""Signals that an engine does not send itself: somebody else ended the process."""


class Cancelled(Exception):
    """The run is being ended; the request in progress has no answer."""


class Supervisor:
    """One worker process, started when it is first needed and again after each end.

    ``settings`` are those of `jsonschemabench.worker.set_up`.  ``time_limit_s`` bounds a request, ``memory_mb`` the
    process's resident size, ``setup_limit_s`` the set-up (compiling kernels on a fresh machine takes a minute).
    Once ``cancelled`` is set, whatever waits raises `Cancelled`.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        time_limit_s: float,
        memory_mb: int,
        setup_limit_s: float = 600.0,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._settings = dict(settings) | {"memory_mb": memory_mb}
        self._time_limit_s = time_limit_s
        self._memory_mb = memory_mb
        self._setup_limit_s = setup_limit_s
        self._cancelled = cancelled
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: IO[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._pending = b""
        self.facts: dict[str, Any] = {}
        """What the worker said about its set-up: ``setup_s``, ``warm_up_s``, ``versions``."""
        self.starts = 0

    @property
    def name(self) -> str:
        """The engine, or the role of a worker without one."""
        return str(self._settings.get("engine") or self._settings["role"])

    @property
    def process_id(self) -> int | None:
        """The worker's process id, or None where none runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the worker and wait until it is ready.  Raises `EngineUnavailable` where it cannot be set up."""
        if self._process is not None:
            return
        read_end, write_end = os.pipe()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        environment = dict(os.environ) | {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jsonschemabench.worker", json.dumps(self._settings), str(write_end)],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=[write_end],
                env=environment,
                start_new_session=True,  # Ctrl-C is for the parent, which then ends its workers
            )
        finally:
            os.close(write_end)
        self._answers = os.fdopen(read_end, "rb", buffering=0)
        self._pending = b""
        self.starts += 1
        answer = self._read(self._setup_limit_s, watch_memory=False)
        if "ready" in answer:
            self.facts = answer["ready"]
            return
        reason = answer.get("unavailable")
        if reason is None:
            reason = f"cannot be set up: {answer['outcome']}, {answer['error']['message']}"
        self.stop()
        if str(reason).startswith(f"engine {self.name}: "):
            reason = str(reason)[len(f"engine {self.name}: ") :]
        raise EngineUnavailable(self.name, str(reason))

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer, or an outcome where it gave none.

        A worker that somebody else ends (SIGKILL, SIGTERM) says nothing about the engine: the request is repeated
        once in a fresh process; the second time it counts as a crash.
        """
        for attempt in (1, 2):
            self.start()
            answer = self._ask_once(request)
            if not (answer.get("outcome") == "crash" and answer.pop("by_outsider", False) and attempt == 1):
                break
        return answer

    def _ask_once(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process is not None and self._process.stdin is not None
        started = time.monotonic()
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._read(self._time_limit_s, watch_memory=True)
        except (BrokenPipeError, ConnectionResetError):
            answer = self._post_mortem()
        if "outcome" in answer:
            answer.setdefault("seconds", round(time.monotonic() - started, 3))
            self.stop()
        return answer

    def _read(self, limit_s: float, *, watch_memory: bool) -> dict[str, Any]:
        """The next line of the answer pipe, or what happened instead."""
        assert self._answers is not None
        deadline = time.monotonic() + limit_s
        while b"\n" not in self._pending:
            if self._cancelled is not None and self._cancelled.is_set():
                raise Cancelled
            left = deadline - time.monotonic()
            if left <= 0:
                return _outcome("timeout", f"no answer within {limit_s:g} s")
            ready, _, _ = select.select([self._answers], [], [], min(left, _POLL_S))
            if ready:
                data = self._answers.read(65536)
                if not data:
                    return self._post_mortem()
                self._pending += data
            elif watch_memory:
                used = self._memory_used_mb()
                if used > self._memory_mb:
                    return _outcome("memory", f"{used} MiB resident, the limit is {self._memory_mb} MiB")
        line, _, self._pending = self._pending.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _memory_used_mb(self) -> int:
        if self._process is None:
            return 0
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError, ValueError):
            return 0  # it has just ended, or this is not Linux
        return pages * resource.getpagesize() // 2**20

    def _post_mortem(self) -> dict[str, Any]:
        """Why the worker ended."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        code = self._process.returncode
        tail = self._log_tail()
        if code is None:
            return _outcome("crash", "the worker closed its answers and did not end")
        if code >= 0:
            how = f"exit code {code}"
        else:
            try:
                how = signal.Signals(-code).name
            except ValueError:
                how = f"signal {-code}"
        last = next((line for line in reversed(tail.splitlines()) if line.strip()), "")
        if _OUT_OF_MEMORY.search(tail):
            return _outcome("memory", f"{how}: {last[:300]}")
        answer = _outcome("crash", f"{how}: {last[:300]}" if last else how)
        answer["by_outsider"] = code < 0 and -code in _OUTSIDERS
        return answer

    def _log_tail(self) -> str:
        if self._log is None:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _LOG_TAIL))
        return self._log.read().decode("utf-8", errors="replace")

    def stop(self) -> None:
        """End the worker, if one runs."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            process.wait()
        for stream in (self._answers, self._log):
            if stream is not None:
                stream.close()
        self._answers = self._log = None

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _outcome(kind: str, message: str) -> dict[str, Any]:
    return {"outcome": kind, "error": {"type": kind, "message": message}}
