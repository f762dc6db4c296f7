"""AWRS and SMC beside genlm-control: tokens a second on one model and one potential, each in its own environment.

Purpose: says by how much batches as rows of tensors are faster than a task for each particle, on the reader's machine.
Place: run by hand; ``docs/explanation/genlm_control.md`` keeps a run.  genlm-control is no dependency: the other side
runs in the environment that ``--other`` names, from this same file.
Cost: some minutes.
Not taken: comparing with its masks.  Both sides ask one Python function about one text at a time, which is what both
make of a black box; where a grammar is compiled, masks are used here and none of this is measured.

::

    python -m venv /tmp/genlm && /tmp/genlm/bin/pip install genlm-control
    python -m samplers.benchmarks.genlm_control --other /tmp/genlm/bin/python

What is equal: the model's files in float32, the prompt's ids, the predicates, the number of particles, the threshold
of resampling, the limit (here without the end, there with it), the number of threads.  Estimators are the defaults of
each side.  What is to the other side's advantage: its batch size is the number of particles, its prompt is cached, its
wait for a batch to fill is 1 ms instead of 20.  Its cache of laws is emptied between runs, as ours holds none.
Tokens are those of the texts that are returned, ends included.  With one thread, time of the processor is what an idle
machine would take, but for the waits of the other side's batches, which it leaves out.  Log Z is shown because both
estimate one number; with so few particles it varies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

_PROMPT: Final = 'Schema: {"type":"array","items":{"type":"string"}}\nJSON:\n'
_MAX_TOKENS: Final = 48


def lipogram(data: bytes) -> bool:
    """Printable ASCII and line breaks, without the letter e: refuses something nearly everywhere, costs nothing."""
    return b"e" not in data and all(byte == 10 or 32 <= byte < 127 for byte in data)


def brackets(data: bytes) -> bool:
    """A beginning of JSON as far as brackets and strings go: read from the left each time, as black boxes are."""
    open_brackets: list[int] = []
    in_string = is_escaped = False
    for byte in data:
        if in_string:
            if is_escaped:
                is_escaped = False
            elif byte == 0x5C:
                is_escaped = True
            elif byte == 0x22:
                in_string = False
            elif byte < 0x20:
                return False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            open_brackets.append(byte)
        elif byte in b"]}":
            if not open_brackets or open_brackets.pop() != {0x5D: 0x5B, 0x7D: 0x7B}[byte]:
                return False
    return True


Run: TypeAlias = tuple[int, tuple[float, float], float | None]
"""Tokens, seconds on the wall and of the processor, the estimate of log Z."""

PREDICATES: Final[dict[str, Callable[[bytes], bool]]] = {"lipogram": lipogram, "brackets": brackets}


def measure_here(repeats: int, particles: list[int], threads: int) -> list[dict[str, Any]]:
    """This project's side: a record for each case."""
    import torch

    from samplers import SMC, FromFunction, HuggingFaceModel
    from samplers.models import load_embedded

    torch.set_num_threads(threads)
    network, tokenizer = load_embedded()
    model = HuggingFaceModel(network.float(), tokenizer)
    ids = tokenizer.encode(_PROMPT)
    records = []
    for name, threshold, count in _cases(particles):
        runs = []
        for seed in range(-1, repeats):
            # A potential of its own for each run: its cache of answers starts empty, as the other side's.
            potential = FromFunction(model.vocabulary, prefix=PREDICATES[name], level="bytes")
            sampler = SMC(model, potential, n=count, max_tokens=_MAX_TOKENS, ess_threshold=threshold)
            began = _clocks()
            [samples] = sampler.run([ids], seed=seed + 1)
            spent = _since(began)
            if seed >= 0:
                tokens = sum(
                    len(row) + int(done) for row, done in zip(samples.token_ids, samples.is_finished, strict=True)
                )
                runs.append((tokens, spent, samples.log_evidence))
        records.append(_record("grammarlib", name, threshold, count, runs))
    return records


def measure_there(
    model_path: str, prompt: str, repeats: int, particles: list[int], threads: int
) -> list[dict[str, Any]]:
    """The side of genlm-control; runs in its environment and needs nothing of this project's."""
    import numpy as np
    import torch
    from genlm.backend.llm import AsyncTransformer  # type: ignore[import-not-found]
    from genlm.control import PromptedLLM  # type: ignore[import-not-found]
    from genlm.control.potential import Potential  # type: ignore[import-not-found]
    from genlm.control.sampler import AWRS  # type: ignore[import-not-found]

    class Predicate(Potential):  # type: ignore[misc,unused-ignore]
        """A function of the bytes that were written, as a potential over tokens."""

        def __init__(self, vocabulary: list[Any], function: Callable[[bytes], bool]) -> None:
            super().__init__(vocabulary)
            self.function = function

        async def prefix(self, context: list[Any]) -> float:
            return 0.0 if self.function(b"".join(token.byte_string for token in context)) else -np.inf

        complete = prefix

    torch.set_num_threads(threads)

    language = AsyncTransformer.from_name(model_path, hf_opts={"device_map": "cpu", "torch_dtype": torch.float32})
    assert next(language.model.parameters()).dtype == torch.float32
    ids = language.tokenizer.encode(prompt)

    async def run(name: str, threshold: float, count: int, seed: int) -> Run:
        language.clear_cache()
        language.cache_kv(ids)
        language.batch_size, language.timeout = count, 0.001
        potential = PromptedLLM(language, prompt_ids=ids)
        sampler = AWRS(potential, Predicate(potential.vocab, PREDICATES[name]), seed=seed)
        np.random.seed(seed)
        began = _clocks()
        sequences = await sampler.smc(n_particles=count, ess_threshold=threshold, max_tokens=_MAX_TOKENS + 1)
        spent = _since(began)
        await sampler.cleanup()
        return sum(map(len, sequences.contexts)), spent, float(sequences.log_ml)

    records = []
    for name, threshold, count in _cases(particles):
        runs = [asyncio.run(run(name, threshold, count, seed + 1)) for seed in range(-1, repeats)][1:]
        records.append(_record("genlm-control", name, threshold, count, runs))
    return records


def _cases(particles: list[int]) -> list[tuple[str, float, int]]:
    return [(name, threshold, count) for name in PREDICATES for threshold in (0.0, 0.5) for count in particles]


def _record(side: str, name: str, threshold: float, count: int, runs: Sequence[Run]) -> dict[str, Any]:
    wall = [tokens / spent[0] for tokens, spent, _ in runs]
    processor = [tokens / spent[1] for tokens, spent, _ in runs]
    largest = max(value for *_, value in runs if value is not None)
    mean = sum(math.exp(value - largest) for *_, value in runs if value is not None) / len(runs)
    return {
        "side": side,
        "potential": name,
        "sampler": "SMC" if threshold else "AWRS",
        "particles": count,
        "tokens_per_second": statistics.median(wall),
        "tokens_per_processor_second": statistics.median(processor),
        "slowest": min(processor),
        "fastest": max(processor),
        "log_evidence": largest + math.log(mean) if largest > -math.inf else -math.inf,
    }


def main() -> None:
    """Measure both sides one after the other and print a table; ``--json`` prints the records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="the Python of an environment with genlm-control")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--particles", type=int, nargs="+", default=[8, 32])
    parser.add_argument(
        "--threads", type=int, default=1, help="of torch; one is steadiest on a machine with other work"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--there", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.there is not None:
        request = json.loads(arguments.there)
        sys.stdout.write(json.dumps(measure_there(**request)) + "\n")
        return
    from samplers.models import embedded_model_path

    records = measure_here(arguments.repeats, arguments.particles, arguments.threads)
    if arguments.other:
        request = {
            "model_path": str(embedded_model_path()),
            "prompt": _PROMPT,
            "repeats": arguments.repeats,
            "particles": arguments.particles,
            "threads": arguments.threads,
        }
        command = [arguments.other, "-P", str(Path(__file__).resolve()), "--there", json.dumps(request)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            sys.exit(f"the other side failed:\n{finished.stderr}")
        records += json.loads(finished.stdout.splitlines()[-1])
    if arguments.json:
        sys.stdout.write(json.dumps(records, indent=1) + "\n")
        return
    lines = [
        "| potential | sampler | particles | side | tokens per processor second (slowest - fastest) | times "
        "| tokens per second | times | log Z |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    there = {_case(one): one for one in records if one["side"] == "genlm-control"}
    for one in sorted(records, key=_case):
        cells = [one["potential"], one["sampler"], str(one["particles"]), one["side"]]
        for key in ("tokens_per_processor_second", "tokens_per_second"):
            spread = f" ({one['slowest']:,.0f} - {one['fastest']:,.0f})" if "processor" in key else ""
            is_here = one["side"] == "grammarlib" and there
            cells += [f"{one[key]:,.0f}{spread}", f"{one[key] / there[_case(one)][key]:.1f}" if is_here else ""]
        lines.append(f"| {' | '.join(cells)} | {one['log_evidence']:.2f} |")
    sys.stdout.write("\n".join(lines) + "\n")


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    wall, processor = _clocks()
    return wall - began[0], processor - began[1]


def _case(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["potential"], record["sampler"], record["particles"]


if __name__ == "__main__":
    main()
