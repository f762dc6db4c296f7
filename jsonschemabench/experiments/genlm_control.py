"""AWRS and SMC beside genlm-control: tokens a second on one model and one potential, each in its own environment.

Purpose: says by how much batches as rows of tensors are faster than a task for each particle, on the reader's machine.
Place: run by hand; ``docs/explanation/genlm_control.md`` keeps a run.  genlm-control is no dependency: the other side
runs in the environment that ``--other`` names, from this same file.
Cost: some minutes.
Not taken: comparing with its masks.  Both sides ask one Python function about one text at a time, which is what both
make of a black box; where a grammar is compiled, masks are used here and none of this is measured.

::

    python -m venv /tmp/genlm && /tmp/genlm/bin/pip install genlm-control
    python -m jsonschemabench.experiments.genlm_control --other /tmp/genlm/bin/python

What is equal: the model's files in float32, the prompt's ids, the predicates, the number of particles, the threshold
of resampling, the limit (here without the end, there with it), the number of threads.  Estimators are the defaults of
each side.  What is to the other side's advantage: its batch size is the number of particles, its prompt is cached, its
wait for a batch to fill is 1 ms instead of 20.  Its cache of laws is emptied between runs, as ours holds none.
Tokens are those of the texts that are returned, ends included.  Log Z is shown so that both can be seen to estimate one
number.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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


PREDICATES: Final[dict[str, Callable[[bytes], bool]]] = {"lipogram": lipogram, "brackets": brackets}


def measure_here(model_path: str, prompt: str, repeats: int, particles: list[int]) -> list[dict[str, Any]]:
    """This project's side: a record for each case."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from samplers import SMC, FromFunction, HuggingFaceModel

    torch.set_num_threads(_threads())
    tokenizer = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    network = AutoModelForCausalLM.from_pretrained(model_path, local_files_only=True, dtype=torch.float32).eval()
    model = HuggingFaceModel(network, tokenizer)
    ids = tokenizer.encode(prompt)
    records = []
    for name, threshold, count in _cases(particles):
        runs = []
        for seed in range(-1, repeats):
            # A potential of its own for each run: its cache of answers starts empty, as the other side's.
            potential = FromFunction(model.vocabulary, prefix=PREDICATES[name], level="bytes")
            sampler = SMC(model, potential, n=count, max_tokens=_MAX_TOKENS, ess_threshold=threshold)
            began = time.perf_counter()
            [samples] = sampler.run([ids], seed=seed + 1)
            spent = time.perf_counter() - began
            if seed >= 0:
                tokens = sum(len(row) + int(done) for row, done in zip(samples.token_ids, samples.is_finished, strict=True))
                runs.append((tokens, spent, samples.log_evidence))
        records.append(_record("grammarlib", name, threshold, count, runs))
    return records


def measure_there(model_path: str, ids: list[int], repeats: int, particles: list[int]) -> list[dict[str, Any]]:
    """The side of genlm-control; runs in its environment and needs nothing of this project's."""
    import numpy as np
    import torch
    from genlm.backend.llm import AsyncTransformer
    from genlm.control import PromptedLLM
    from genlm.control.potential import Potential
    from genlm.control.sampler import AWRS

    class Predicate(Potential):  # type: ignore[misc,unused-ignore]
        """A function of the bytes that were written, as a potential over tokens."""

        def __init__(self, vocabulary: list[Any], function: Callable[[bytes], bool]) -> None:
            super().__init__(vocabulary)
            self.function = function

        async def prefix(self, context: list[Any]) -> float:
            return 0.0 if self.function(b"".join(token.byte_string for token in context)) else -np.inf

        complete = prefix

    torch.set_num_threads(_threads())

    async def run(name: str, threshold: float, count: int, seed: int) -> tuple[int, float, float]:
        language = await asyncio.to_thread(lambda: loaded)
        language.clear_cache()
        language.cache_kv(ids)
        language.batch_size, language.timeout = count, 0.001
        potential = PromptedLLM(language, prompt_ids=ids)
        sampler = AWRS(potential, Predicate(potential.vocab, PREDICATES[name]), seed=seed)
        np.random.seed(seed)
        began = time.perf_counter()
        sequences = await sampler.smc(n_particles=count, ess_threshold=threshold, max_tokens=_MAX_TOKENS + 1)
        spent = time.perf_counter() - began
        await sampler.cleanup()
        return sum(map(len, sequences.contexts)), spent, float(sequences.log_ml)

    loaded = AsyncTransformer.from_name(model_path, hf_opts={"device_map": "cpu", "dtype": torch.float32, "torch_dtype": None})
    assert next(loaded.model.parameters()).dtype == torch.float32
    records = []
    for name, threshold, count in _cases(particles):
        runs = [asyncio.run(run(name, threshold, count, seed + 1)) for seed in range(-1, repeats)][1:]
        records.append(_record("genlm-control", name, threshold, count, runs))
    return records


def _cases(particles: list[int]) -> list[tuple[str, float, int]]:
    return [(name, threshold, count) for name in PREDICATES for threshold in (0.0, 0.5) for count in particles]


def _threads() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _record(
    side: str, name: str, threshold: float, count: int, runs: list[tuple[int, float, float | None]]
) -> dict[str, Any]:
    speeds = [tokens / spent for tokens, spent, _ in runs]
    largest = max(value for *_, value in runs if value is not None)
    mean = sum(math.exp(value - largest) for *_, value in runs if value is not None) / len(runs)
    return {
        "side": side,
        "potential": name,
        "sampler": "SMC" if threshold else "AWRS",
        "particles": count,
        "tokens_per_second": statistics.median(speeds),
        "slowest": min(speeds),
        "fastest": max(speeds),
        "log_evidence": largest + math.log(mean) if largest > -math.inf else -math.inf,
    }


def main() -> None:
    """Measure both sides one after the other and print a table; ``--json`` prints the records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="the Python of an environment with genlm-control")
    parser.add_argument("--model", help="a folder in the format of from_pretrained; the embedded model by default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--particles", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--there", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.there is not None:
        request = json.loads(arguments.there)
        print(json.dumps(measure_there(**request)))
        return
    from transformers import AutoTokenizer

    from samplers.models import embedded_model_path

    model = arguments.model or str(embedded_model_path())
    records = measure_here(model, _PROMPT, arguments.repeats, arguments.particles)
    if arguments.other:
        ids = AutoTokenizer.from_pretrained(model, local_files_only=True).encode(_PROMPT)
        request = {"model_path": model, "ids": ids, "repeats": arguments.repeats, "particles": arguments.particles}
        command = [arguments.other, str(Path(__file__).resolve()), "--there", json.dumps(request)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            sys.exit(f"the other side failed:\n{finished.stderr}")
        records += json.loads(finished.stdout.splitlines()[-1])
    if arguments.json:
        print(json.dumps(records, indent=1))
        return
    print("| potential | sampler | particles | side | tokens/s (slowest - fastest) | times | log Z |")
    print("|---|---|---|---|---|---|---|")
    slow = {_case(one): one["tokens_per_second"] for one in records if one["side"] == "genlm-control"}
    for one in sorted(records, key=_case):
        speed = one["tokens_per_second"]
        times = f"{speed / slow[_case(one)]:.1f}" if one["side"] == "grammarlib" and slow else ""
        spread = f"{speed:,.0f} ({one['slowest']:,.0f} - {one['fastest']:,.0f})"
        print(
            f"| {one['potential']} | {one['sampler']} | {one['particles']} | {one['side']} | {spread} | {times} "
            f"| {one['log_evidence']:.2f} |"
        )


def _case(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["potential"], record["sampler"], record["particles"]


if __name__ == "__main__":
    main()
