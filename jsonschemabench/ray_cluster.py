"""Rows over a Ray cluster: each actor is a `jsonschemabench.station.Station`, with its engines in processes of its own.

Purpose: ``--ray [address]``.  The same code judges a row here and locally, so results are the same; times are those of
the machine that an actor runs on.
Place: an alternative to `jsonschemabench.runner.local_results`; the driver alone writes records.
Needs the extra ``ray``, and on each machine of the cluster the same installation.
Cost: a case goes to an actor as JSON and its records come back as JSON; one block of cases is in flight an actor.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from importlib.util import find_spec
from typing import Any, Final

from jsonschemabench.cases import case_of
from jsonschemabench.errors import EngineUnavailable, MissingExtra
from jsonschemabench.station import Settings, Station, Task, Work, all_tasks, blocks

LOCAL: Final = "local"


class StationActor:
    """A station as a Ray actor; everything that crosses the wire is plain JSON data, but for the settings."""

    def __init__(self, settings: Settings) -> None:
        self._station = Station(settings)

    def start(self, tasks: Sequence[Task]) -> str | None:
        """Set up all workers; gives the engine's name and the reason, parted by a line feed, where one cannot be."""
        try:
            self._station.start(tasks)
        except EngineUnavailable as error:
            return f"{error.engine}\n{error.reason}"
        return None

    def process(self, block: Sequence[tuple[dict[str, Any], list[Task]]]) -> list[dict[str, Any]]:
        """The records of a block of cases."""
        return list(self._station.process([(case_of(case, "request"), tasks) for case, tasks in block]))

    def stop(self) -> None:
        """End all workers."""
        self._station.stop()


def ray_results(work: Work, settings: Settings, actors: int, address: str) -> Generator[dict[str, Any]]:
    """Records as they come from the cluster.

    ``address``: of a running cluster (``auto`` finds one), or ``local`` for one on this machine that ends with the run.
    ``actors``: how many stations.  Raises `MissingExtra` without Ray and `EngineUnavailable`.
    """
    if find_spec("ray") is None:
        raise MissingExtra("--ray", "ray", "the package ray is not installed")
    import ray

    count = max(1, min(actors, len(work)))
    if address == LOCAL:
        ray.init(num_cpus=count, include_dashboard=False, log_to_driver=False, configure_logging=False)
    else:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    make: Any = ray.remote(num_cpus=1)(StationActor)
    stations: list[Any] = []
    try:
        stations = [make.remote(settings) for _ in range(count)]
        for failure in ray.get([station.start.remote(all_tasks(work)) for station in stations]):
            if failure is not None:
                raise EngineUnavailable(*failure.split("\n", 1))
        todo = blocks(work)
        running: dict[Any, Any] = {}

        def feed(station: Any) -> None:
            block = next(todo, None)
            if block is not None:
                running[station.process.remote([(case.record(), tasks) for case, tasks in block])] = station

        for station in stations:
            feed(station)
        while running:
            done, _ = ray.wait(list(running))
            for reference in done:
                station = running.pop(reference)
                feed(station)
                yield from ray.get(reference)
        ray.get([station.stop.remote() for station in stations])
    finally:
        for station in stations:
            ray.kill(station)
        ray.shutdown()
