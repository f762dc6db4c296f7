"""The process in which one engine runs: requests come on stdin, answers leave on a pipe of their own.

Purpose: whatever an engine does (segfault, abort, endless loop, all memory) ends this process and nothing else.
Place: started by `jsonschemabench.supervisor` as ``python -m jsonschemabench.worker``; one line of JSON each way.
Why a separate pipe: engines print.  stdout and stderr go to a log whose end explains a crash.
Not taken: ``multiprocessing``, whose messages are pickles and whose workers die with the interpreter's own state.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonschemabench.cases import case_of
from jsonschemabench.engines.registry import make_engine
from jsonschemabench.errors import BenchmarkError
from jsonschemabench.machine import versions
from jsonschemabench.measure import WARM_UP, describe, measure
from jsonschemabench.tokenizer import Tokenizer

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def main() -> None:
    """Serve requests until stdin ends.  argv: the settings as JSON, and the number of the answer pipe."""
    _die_with_parent()
    settings = json.loads(sys.argv[1])
    with os.fdopen(int(sys.argv[2]), "w", encoding="utf-8", buffering=1) as answers:

        def answer(message: dict[str, Any]) -> None:
            answers.write(json.dumps(message) + "\n")
            answers.flush()

        try:
            handler, facts = set_up(settings)
        except BenchmarkError as error:
            answer({"unavailable": str(error)})
            return
        answer({"ready": facts})
        _limit_memory(settings.get("memory_mb"))
        for line in sys.stdin:
            try:
                response = handler(json.loads(line))
            except MemoryError:
                answer({"outcome": "memory", "error": {"type": "MemoryError", "message": "out of memory"}})
                return
            except RecursionError as error:
                response = {"error": describe(error)}
            response["rss_mb"] = peak_memory_mb()
            answer(response)


def set_up(settings: dict[str, Any]) -> tuple[Handler, dict[str, Any]]:
    """The handler for a worker's role, and facts about its set-up.

    Roles: ``measure`` (an engine reads instances), ``verdict`` (validators judge texts) and ``generate`` (an engine
    masks a model).
    """
    role = settings["role"]
    started = time.perf_counter()
    if role == "verdict":
        from jsonschemabench.verdicts import judge_record

        return judge_record, {"versions": versions(("jsonschema", "jsonschema-rs", "referencing"))}
    if role == "generate":
        from jsonschemabench.generation import Generator, generation_tokenizer

        generator = Generator(settings, generation_tokenizer(settings))
        facts = {"setup_s": round(time.perf_counter() - started, 3), "versions": versions(generator.distributions)}
        return generator.handle, facts
    tokenizer = Tokenizer(settings["tokenizer"], settings.get("end_token"))
    engine = make_engine(settings["engine"], tokenizer)
    ready = time.perf_counter()
    measure(engine, tokenizer, WARM_UP)
    facts = {
        "setup_s": round(ready - started, 3),
        "warm_up_s": round(time.perf_counter() - ready, 3),
        "versions": versions(engine.distributions),
    }
    fast_forward = bool(settings.get("fast_forward", True))

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        case = case_of(request["case"], "request")
        return measure(engine, tokenizer, case, fast_forward=fast_forward)

    return handle, facts


def peak_memory_mb() -> int:
    """The greatest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _limit_memory(limit_mb: int | None) -> None:
    """Bound the address space at what is mapped now plus the limit.

    The parent watches the resident size and is quicker to say why; this is what holds where memory is taken faster
    than it looks.
    """
    if limit_mb is None:
        return
    try:
        mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        bound = mapped + 2 * limit_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    except (OSError, ValueError):
        return  # not Linux: the parent's watch is all there is


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, so that a killed run leaves nothing behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() == 1:
            os._exit(1)


if __name__ == "__main__":
    main()
