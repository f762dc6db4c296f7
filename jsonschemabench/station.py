"""A station: one process for each engine and one for the validators, doing cases one after another.

Purpose: the unit of work that is the same in this process, in threads and on a Ray cluster, so that results are.
Place: between `jsonschemabench.supervisor` and the runners (`jsonschemabench.runner`, `jsonschemabench.ray_cluster`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeAlias

from jsonschemabench.cases import Case
from jsonschemabench.outcome import labels_of
from jsonschemabench.supervisor import Supervisor

ROW: Final = "row"
VERDICT: Final = "verdict"
OUTPUT: Final = "output"

Task: TypeAlias = tuple[str, str]
"""What is to be done for a case: (`ROW`, engine), (`VERDICT`, "") or (`OUTPUT`, engine)."""


Work: TypeAlias = list[tuple[Case, list[Task]]]
"""Cases, each with what is to be done for it."""

BLOCK: Final = 16
"""Cases that one engine does before the next one has its turn.

One by one, an engine finds the processor's caches full of its neighbour's data: llguidance's median TTFM beside
XGrammar was 1.5 ms, in blocks 1.0, alone 0.8 (400 MaskBench rows, 2 cores).  All at once, a machine that slows down
would slow one engine only.
"""


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """Generated outputs: how many for each schema (0 is none), from which model, and how.

    ``model``: ``embedded``, a folder or a name on the Hub.  ``temperature`` 0 takes the likeliest token.  ``aligned``:
    draws of an aligned sampler a schema, for grammarlib's own grammars.
    """

    outputs: int = 0
    model: str = "embedded"
    max_new_tokens: int = 256
    temperature: float = 1.0
    seed: int = 0
    device: str = "cpu"
    aligned: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What every row of a run has in common.

    ``time_limit_s`` and ``memory_mb`` bound one engine on one case.  ``verdicts``: ask the validators too.
    """

    tokenizer: str = "embedded"
    end_token: str | None = None
    time_limit_s: float = 60.0
    memory_mb: int = 8192
    fast_forward: bool = True
    verdicts: bool = True
    generation: GenerationSettings = field(default_factory=GenerationSettings)

    def record(self) -> dict[str, Any]:
        """The settings as a JSON object, part of a run's identity."""
        return asdict(self)


class Station:
    """One process for each engine and one for the validators; does one case at a time."""

    def __init__(self, settings: Settings, cancelled: threading.Event | None = None) -> None:
        self._settings = settings
        self._cancelled = cancelled
        self._workers: dict[Task, Supervisor] = {}
        self._announced: set[Task] = set()

    def _worker(self, task: Task) -> Supervisor:
        kind, engine = task
        if task not in self._workers:
            settings = self._settings
            common: dict[str, Any] = {"tokenizer": settings.tokenizer, "end_token": settings.end_token}
            limit = settings.time_limit_s
            if kind == VERDICT:
                worker: dict[str, Any] = {"role": "verdict"}
            elif kind == OUTPUT:
                worker = common | {"role": "generate", "engine": engine} | asdict(settings.generation)
                # The model's own steps count too, so a text gets the limit, not the whole request.
                limit *= max(1, settings.generation.outputs + settings.generation.aligned)
            else:
                worker = common | {"role": "measure", "engine": engine, "fast_forward": settings.fast_forward}
            self._workers[task] = Supervisor(
                worker, time_limit_s=limit, memory_mb=settings.memory_mb, cancelled=self._cancelled
            )
        return self._workers[task]

    def start(self, tasks: Sequence[Task]) -> None:
        """Set up the workers for all tasks.  Raises `EngineUnavailable` for the first that cannot be."""
        for task in tasks:
            self._worker(task).start()

    def process(self, block: Work) -> Iterator[dict[str, Any]]:
        """Do the tasks of a block of cases, one engine after the other; gives records, without their session."""
        for task in all_tasks(block):
            for case, tasks in block:
                if task in tasks:
                    yield from self._process(case, task)

    def _process(self, case: Case, task: Task) -> Iterator[dict[str, Any]]:
        labels = labels_of([one.valid for one in case.instances])
        kind, engine = task
        worker = self._worker(task)
        worker.start()
        if task not in self._announced:
            self._announced.add(task)
            yield {"kind": "engine", "engine": worker.name, "role": kind} | worker.facts
        base = {"kind": kind, "case": case.identifier}
        if kind == VERDICT:
            texts = [one.text for one in case.instances]
            answer = self._judge(case, texts)
            yield base | {"labels": labels} | answer
        elif kind == ROW:
            answer = worker.ask({"case": case.record()})
            yield base | {"engine": engine, "split": case.split, "labels": labels} | answer
        else:
            answer = worker.ask({"case": case.record()})
            texts = [one["text"] for one in answer.get("texts", ())]
            verdicts = self._judge(case, texts)
            yield base | {"engine": engine, "split": case.split} | answer | {"verdicts": verdicts["python"]}

    def _judge(self, case: Case, texts: Sequence[str]) -> dict[str, Any]:
        """What the validators say; all unknown where they hit a limit themselves."""
        if not texts:
            return {"python": "", "rust": ""}
        answer = self._worker((VERDICT, "")).ask({"schema": case.schema, "texts": list(texts)})
        if "python" in answer:
            return {name: answer[name] for name in ("python", "rust", "reason") if name in answer}
        return {"python": "?" * len(texts), "rust": None, "reason": answer["error"]["message"]}

    def stop(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            worker.stop()
        self._workers.clear()


def blocks(work: Work) -> Iterator[Work]:
    """The work in pieces of `BLOCK` cases."""
    for start in range(0, len(work), BLOCK):
        yield work[start : start + BLOCK]


def all_tasks(work: Work) -> list[Task]:
    """The different tasks of all cases, in their order."""
    return list(dict.fromkeys(task for _, tasks in work for task in tasks))
