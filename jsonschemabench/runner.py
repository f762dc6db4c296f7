"""A run: every engine on every case that is not yet recorded, each engine in a process of its own.

Purpose: the loop behind ``jsonschemabench run``.  Stations work side by side, as threads here or as actors of a Ray
cluster; whatever comes back goes to a `RunFolder` at once.
Place: between the command line and `jsonschemabench.station`.
Order: all engines in turn on one block of cases, then the next block, so that a machine that slows down slows all.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from typing import Any

from jsonschemabench.cases import Case
from jsonschemabench.engines.registry import require
from jsonschemabench.machine import describe_machine, describe_software
from jsonschemabench.ray_cluster import ray_results
from jsonschemabench.run_folder import Records, RunFolder
from jsonschemabench.station import OUTPUT, ROW, VERDICT, Settings, Station, Task, Work, all_tasks, blocks
from jsonschemabench.supervisor import Cancelled


def missing_tasks(records: Records, case: Case, engines: Sequence[str], settings: Settings) -> list[Task]:
    """What is not yet recorded about a case."""
    name = case.identifier
    tasks: list[Task] = []
    if settings.verdicts and name not in records.verdicts:
        tasks.append((VERDICT, ""))
    tasks += [(ROW, engine) for engine in engines if (engine, name) not in records.rows]
    if settings.generation.outputs:
        tasks += [(OUTPUT, engine) for engine in engines if (engine, name) not in records.outputs]
    return tasks


def begin_session(folder: RunFolder, arguments: dict[str, Any]) -> int:
    """Record that a run begins or goes on; gives the session's number."""
    session = len(folder.records.sessions) + 1
    folder.append(
        {
            "kind": "session",
            "session": session,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": describe_machine(),
            "arguments": arguments,
        }
        | describe_software()
    )
    return session


def run(
    folder: RunFolder,
    cases: Sequence[Case],
    engines: Sequence[str],
    settings: Settings,
    *,
    jobs: int = 1,
    ray_address: str | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> int:
    """Do all that is missing, and append it to the folder; gives the number of tasks done.

    ``jobs``: stations that work at once; more than one makes times noisier.  ``ray_address``: spread the cases over a
    Ray cluster instead, with that many actors.  ``progress`` is called with each record.
    Raises `EngineUnavailable` before the first row where an engine cannot be set up, `DiskFull`, and
    `KeyboardInterrupt`; what is recorded by then stays.
    """
    for engine in engines:
        require(engine)
    work: Work = [(case, tasks) for case in cases if (tasks := missing_tasks(folder.records, case, engines, settings))]
    if not work:
        return 0
    arguments = {"engines": list(engines), "jobs": jobs, "ray": ray_address is not None}
    session = begin_session(folder, arguments)
    if ray_address is None:
        results = local_results(work, settings, jobs)
    else:
        results = ray_results(work, settings, jobs, ray_address)
    done = 0
    try:
        for record in results:
            folder.append(record | {"session": session})
            done += record["kind"] != "engine"
            if progress is not None:
                progress(record)
    finally:
        results.close()
    return done


def local_results(work: Work, settings: Settings, jobs: int) -> Generator[dict[str, Any]]:
    """Records as they come from ``jobs`` stations, each in a thread of this process.

    Closing the generator ends all workers.  A station's failure is raised here.
    """
    todo: queue.SimpleQueue[Work] = queue.SimpleQueue()
    for block in blocks(work):
        todo.put(block)
    found: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue(maxsize=256)
    cancelled = threading.Event()
    tasks = all_tasks(work)

    def serve() -> None:
        station = Station(settings, cancelled)
        try:
            station.start(tasks)
            while not cancelled.is_set():
                try:
                    block = todo.get_nowait()
                except queue.Empty:
                    break
                for record in station.process(block):
                    found.put(record)
        except Cancelled:
            pass
        except BaseException as error:
            found.put(error)
        finally:
            station.stop()
            found.put(None)

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(max(1, min(jobs, todo.qsize())))]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            try:
                item = found.get(timeout=0.2)  # short, so that Ctrl-C is seen at once
            except queue.Empty:
                continue
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        cancelled.set()
        while any(thread.is_alive() for thread in threads):
            try:  # a station may wait for room to put its last record
                found.get(timeout=0.05)
            except queue.Empty:
                continue
