"""A worker under guard: whatever an engine does is an answer, and the next request gets a fresh process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jsonschemabench import EngineUnavailable
from jsonschemabench.supervisor import Cancelled, Supervisor
from tests.jsonschemabench.hostile import NAME

pytest.importorskip("transformers", reason="MaskBench's interface hands out a transformers tokenizer")

SETTINGS = {"role": "measure", "engine": NAME, "tokenizer": "embedded"}


@pytest.fixture(scope="module")
def worker() -> Iterator[Supervisor]:
    """A worker with the hostile engine: 600 MiB, and a minute, so that a busy machine is no timeout."""
    with Supervisor(SETTINGS, time_limit_s=60.0, memory_mb=600) as guarded:
        yield guarded


def request(**schema: Any) -> dict[str, Any]:
    return {"case": {"id": "x", "schema": schema, "tests": [{"valid": True, "text": "1"}]}}


@pytest.mark.parametrize(
    ("deed", "outcome", "part"),
    [
        ("segfault", "crash", "SIGSEGV"),
        ("abort", "crash", "SIGABRT: engine: assertion failed"),
        ("exit", "crash", "exit code 7"),
        ("panic", "crash", "KeyboardInterrupt"),
        ("memory", "memory", "MiB"),
        ("python-memory", "memory", ""),
    ],
)
def test_a_misdeed_is_an_outcome(worker: Supervisor, deed: str, outcome: str, part: str) -> None:
    """The outcome says what happened; the next request is answered as if nothing had been."""
    answer = worker.ask(request(**{"x-do": deed}))
    assert answer["outcome"] == outcome
    assert part in answer["error"]["message"]
    assert worker.process_id is None
    assert worker.ask(request())["accepted"] == "1"


def test_a_request_without_an_answer_is_a_timeout() -> None:
    """The limit ends the worker; the next request is answered by a fresh one."""
    with Supervisor(SETTINGS, time_limit_s=3.0, memory_mb=4096) as guarded:
        answer = guarded.ask(request(**{"x-do": "hang"}))
        assert answer["outcome"] == "timeout"
        assert "no answer within 3 s" in answer["error"]["message"]
        assert guarded.process_id is None
        assert guarded.ask(request())["accepted"] == "1"


def test_refusals_and_exceptions_do_not_end_the_worker(worker: Supervisor) -> None:
    """They are answers of a living process, and so is noise on stdout."""
    worker.ask(request())
    process_id = worker.process_id
    assert worker.ask(request(**{"x-do": "refuse"}))["error"] == {"type": "ValueError", "message": "cannot do this"}
    assert worker.ask(request(**{"x-do": "raise"}))["accepted"] == "e"
    assert worker.ask(request(**{"x-do": "print"}))["accepted"] == "1"
    assert worker.process_id == process_id


def test_a_worker_that_somebody_kills_is_replaced(worker: Supervisor, tmp_path: Path) -> None:
    """SIGKILL from outside says nothing about the engine: the request is done again."""
    mark = tmp_path / "begun"
    answers: list[dict[str, Any]] = []
    asking = threading.Thread(
        target=lambda: answers.append(worker.ask(request(**{"x-do": "hang-once", "x-file": str(mark)})))
    )
    asking.start()
    while not mark.exists():
        time.sleep(0.01)
    assert worker.process_id is not None
    os.kill(worker.process_id, signal.SIGKILL)
    asking.join(timeout=60)
    assert answers[0]["accepted"] == "1"


def test_a_cancelled_request_raises_at_once() -> None:
    """Within a poll, not after the time limit."""
    cancelled = threading.Event()
    settings = {"role": "verdict"}
    with Supervisor(settings, time_limit_s=600, memory_mb=4096, cancelled=cancelled) as guarded:
        guarded.start()
        cancelled.set()
        with pytest.raises(Cancelled):
            guarded.ask({"schema": {}, "texts": ["1"]})


def test_an_engine_that_cannot_be_set_up() -> None:
    """The reason comes from the worker."""
    settings = {"role": "measure", "engine": "json:JSONDecoder", "tokenizer": "embedded"}
    guarded = Supervisor(settings, time_limit_s=2, memory_mb=4096)
    with pytest.raises(EngineUnavailable, match="json:JSONDecoder: cannot be set up"):
        guarded.start()
    assert guarded.process_id is None


def test_a_pattern_that_never_ends_is_the_validator_s_timeout() -> None:
    """Verdicts have limits too: python's ``re`` backtracks for ever here."""
    with Supervisor({"role": "verdict"}, time_limit_s=0.5, memory_mb=4096) as guarded:
        answer = guarded.ask({"schema": {"pattern": "^(a+)+$"}, "texts": ['"' + "a" * 60 + 'b"']})
    assert answer["outcome"] == "timeout"
