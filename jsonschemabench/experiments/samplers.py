"""The samplers against the truth: divergence by samples and by model calls, on languages small enough to enumerate.

Purpose: confirm or refute, with this package's samplers on a real (if tiny) language model, what the papers say about
masking, ASAp, CARS, MCMC, AWRS and SMC.
Place: over the public samplers; ``docs/explanation/sampler_experiment.md`` shows the recorded results.
Cost: some minutes on one core; ``--quick`` takes seconds and is run by a test.
Not taken: models and grammars of the papers, whose targets nobody can enumerate, so that they compare samples with
the union of all samples.

    python -m jsonschemabench.experiments.samplers --out docs/explanation

**Exact targets.**  Every token sequence of the language is followed through the model (`samplers.enumeration`), down
to prefixes of probability 1e-13; what was left is recorded as a share of Z, and is below 1e-5 of it everywhere.
**Divergence** is KL(law of n samples || target) in nats.  Finitely many perfect samples have one too, about
(texts - 1) / 2n; it stands in the plots as "exact draws".  JSON has other spellings of each string (``\\u0061``), too
many to follow, and masks lead there: such a text counts with the probability of all that was not followed together,
so that the divergence shown is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import grammarlib as gl
from samplers import (
    AWRS,
    SMC,
    AlignedSampling,
    CompiledPotential,
    FromFunction,
    MarkovChains,
    MaskedSampling,
    MaskSampler,
)
from samplers.diagnostics import kl_divergence, kl_to_target
from samplers.enumeration import ExactTarget, enumerate_target
from samplers.models import embedded_model
from samplers.models.prompt import prompt_for
from samplers.pictures import Chart, Series, draw_charts
from samplers.recording import Recorder
from samplers.token import Murthy, Recursive, StoppingRule, TwoLoop

KERNELS: Final = ("uniform", "priority", "independence")


@dataclass(frozen=True, slots=True)
class Case:
    """A language and a prompt.  ``kind``: of its source."""

    name: str
    kind: str
    source: Any
    prompt: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much is drawn: ``samples`` of each sampler, ``repeats`` of each run, ``steps`` of chains."""

    samples: int = 128
    repeats: int = 2
    batch: int = 8
    chains: int = 64
    steps: int = 8
    particles: tuple[int, ...] = (8, 64)
    awrs_rows: int = 4


QUICK: Final = Size(samples=16, repeats=1, batch=4, chains=8, steps=2, particles=(4, 8), awrs_rows=2)


@dataclass(frozen=True, slots=True)
class Point:
    """Mean over repeats: the divergence of ``samples`` samples that took ``model_calls``."""

    samples: float
    model_calls: float
    divergence: float


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def cases() -> list[Case]:
    """The languages: JSON Schemas, patterns, choices and grammars."""
    user = _object({"role": {"enum": ["admin", "editor", "viewer", "guest"]}, "active": {"type": "boolean"}})
    ticket = _object(
        {
            "priority": {"enum": ["low", "medium", "high"]},
            "done": {"type": "boolean"},
            "count": {"type": "integer", "minimum": 1, "maximum": 9},
        }
    )

    def json_source(schema: dict[str, Any]) -> Any:
        return gl.JsonSchema(schema, order="schema", whitespace="compact")

    names = ["Anna Smith", "Anna Jones", "Ann", "Peter Smith", "Peter", "John Miller", "John"]
    return [
        Case("user", "JSON Schema", json_source(user), prompt_for(user), 20),
        Case("ticket", "JSON Schema", json_source(ticket), prompt_for(ticket, "Write a ticket."), 28),
        Case("area code", "regex", gl.Regex("[0-9]{3}"), prompt_for(None, "Write a phone number."), 8),
        Case(
            "weekday",
            "regex",
            gl.Regex("(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"),
            prompt_for(None, "Write a date."),
            12,
        ),
        Case("time", "regex", gl.Regex("([01][0-9]|2[0-3]):[0-5][05]"), prompt_for(None, "Write a time."), 8),
        Case("name", "choice", gl.Choice(names), prompt_for(None, "Write a name."), 16),
        Case(
            "sum",
            "Lark grammar",
            gl.Lark('start: NUM (OP NUM)~1..2\nNUM: /[1-3]/\nOP: "+" | "-"\n'),
            prompt_for(None, "Write a number."),
            8,
        ),
        Case(
            "version",
            "Lark grammar",
            gl.Lark('start: NUM "." NUM ("." NUM)?\nNUM: /[0-3]/\n'),
            prompt_for(None, "Write a version number."),
            8,
        ),
        Case("trie", "EBNF grammar", gl.Ebnf('root ::= "a" "b"* | "b" "a"'), prompt_for(None, "Write a word."), 8),
    ]


def checkpoints(samples: int) -> list[int]:
    """1, 2, 4 ... and the whole number."""
    return sorted({2**power for power in range(int(math.log2(samples)) + 1)} | {samples})


def measure(case: Case, model: Any, size: Size, seed: int = 0) -> dict[str, Any]:
    """All samplers on one language, as a JSON object."""
    compiled = gl.compile(case.source, model.vocabulary)
    potential = CompiledPotential(compiled)
    started = time.perf_counter()
    exact = enumerate_target(model, potential, case.prompt, max_tokens=case.max_tokens, min_probability=1e-13)
    curves: dict[str, list[Point]] = {"exact draws": _exact_draws(exact, size)}
    figures: dict[str, Any] = {}

    total = size.samples * size.repeats
    [masked] = MaskedSampling(
        model, potential, n=total, max_tokens=case.max_tokens, token_sampler=MaskSampler()
    ).sample([case.prompt], seed)
    for name, is_weighted in (("mask", False), ("mask, weighted", True)):
        weights = masked.log_weights if is_weighted else np.where(masked.is_finished, 0.0, -np.inf)
        curves[name] = [
            _mean(
                [
                    _point(
                        masked.texts[first : first + count],
                        weights[first : first + count],
                        1 + sum(len(ids) for ids in masked.token_ids[first : first + count]),
                        exact,
                    )
                    for first in range(0, total, size.samples)
                ]
            )
            for count in checkpoints(size.samples)
        ]
    figures["mask"] = {
        "log_evidence": masked.log_evidence,
        "log_evidence_error": masked.log_evidence_error,
        "ess_share": masked.ess / len(masked),
        "dead_ends": int((~masked.is_finished).sum()),
        "divergence_from_weights": _finite(kl_to_target(masked)),
    }

    for mode in ("asap", "weighted", "cars"):
        figures[mode], curves[f"trie, {mode}"] = _aligned(case, model, potential, exact, size, mode, seed)
    for kernel in KERNELS:
        figures[f"mcmc, {kernel}"], curves[f"mcmc, {kernel}"] = _chains(
            case, model, potential, exact, size, kernel, seed
        )
    figures["smc"], curves["smc"] = _particles(case, model, potential, exact, size, seed)
    figures["awrs"] = _checks(case, model, compiled, masked, size, seed)
    return {
        "name": case.name,
        "kind": case.kind,
        "texts": len(exact.law),
        "log_evidence": exact.log_evidence,
        "missing": exact.missing,
        "prefixes": exact.prefixes,
        "curves": {name: [asdict(point) for point in points] for name, points in curves.items()},
        "figures": figures,
        "seconds": round(time.perf_counter() - started, 2),
    }


def _exact_draws(exact: ExactTarget, size: Size, repeats: int = 20) -> list[Point]:
    """What perfect samples would give, for comparison; they cost no model calls."""
    generator = np.random.default_rng(0)
    texts = list(exact.law)
    chances = np.array(list(exact.law.values()))
    points = []
    for count in checkpoints(size.samples):
        drawn = generator.multinomial(count, chances / chances.sum(), size=repeats) / count
        divergences = [kl_divergence(dict(zip(texts, law.tolist(), strict=True)), exact.law) for law in drawn]
        points.append(Point(count, math.nan, float(np.mean(divergences))))
    return points


def _point(texts: Sequence[str], log_weights: Any, calls: float, exact: ExactTarget) -> Point:
    """One law against the target; nothing alive is no law, and infinitely far from it."""
    weights = np.exp(log_weights - max(float(np.max(log_weights)), -1e300))
    total = float(weights.sum())
    law: dict[str, float] = {}
    for text, weight in zip(texts, weights.tolist(), strict=True):
        if weight > 0:
            law[text] = law.get(text, 0.0) + weight / total
    return Point(len(texts), calls, exact.divergence_of(law))


def _mean(points: Sequence[Point]) -> Point:
    """Over repeats; those without a law are left out, unless none has one."""
    kept = [point for point in points if math.isfinite(point.divergence)] or list(points)
    return Point(
        float(np.mean([point.samples for point in kept])),
        float(np.mean([point.model_calls for point in kept])),
        float(np.mean([point.divergence for point in kept])),
    )


def _aligned(
    case: Case, model: Any, potential: Any, exact: ExactTarget, size: Size, mode: Any, seed: int
) -> tuple[dict[str, Any], list[Point]]:
    """ASAp, its weighted twin or CARS, from an empty trie each time."""
    runs: list[list[Point]] = []
    shares, windows, accepted_early, accepted_late = [], [], [], []
    for repeat in range(size.repeats):
        recorder = Recorder(potential.vocabulary, mode=mode)
        sampler = AlignedSampling(
            model, potential, mode=mode, batch=size.batch, max_tokens=case.max_tokens, patience=4000
        )
        [samples] = sampler.sample([case.prompt], size.samples, seed + repeat, callback=recorder)
        recording = recorder.recording(mode, samples)
        shares.append(samples.statistics.accepted / samples.statistics.proposals)
        runs.append(
            [
                Point(point.samples, point.model_calls, exact.divergence_of(point.law))
                for point in recording.checkpoints()
                if point.law
            ]
        )
        last = size.samples // 4
        windows.append(_point(samples.texts[-last:], np.zeros(len(samples.texts[-last:])), 0, exact).divergence)
        states = [state for frame in recording.frames for state in frame.states]
        quarter = max(1, len(states) // 4)
        accepted_early.append(states[:quarter].count("accepted") / quarter)
        accepted_late.append(states[-quarter:].count("accepted") / quarter)
    figures = {
        "accepted_share": float(np.mean(shares)),
        "accepted_first_quarter": float(np.mean(accepted_early)),
        "accepted_last_quarter": float(np.mean(accepted_late)),
        "divergence_last_quarter": float(np.mean(windows)),
    }
    return figures, _merged(runs, size)


def _merged(runs: Sequence[Sequence[Point]], size: Size) -> list[Point]:
    """The points of several runs at common numbers of samples."""
    points: list[Point] = []
    for count in checkpoints(size.samples):
        reached = [next((point for point in run if point.samples >= count), None) for run in runs]
        kept = [point for point in reached if point is not None]
        if kept and (not points or _mean(kept).samples > points[-1].samples):
            points.append(_mean(kept))
    return points


def _chains(
    case: Case, model: Any, potential: Any, exact: ExactTarget, size: Size, kernel: Any, seed: int
) -> tuple[dict[str, Any], list[Point]]:
    """All chains after 0, 1, 2 ... steps: the law of as many samples as there are chains."""
    sampler = MarkovChains(model, potential, kernel=kernel, n=size.chains, max_tokens=case.max_tokens)
    state = sampler.init([case.prompt], seed)
    points = []
    for step in range(size.steps + 1):
        [samples] = sampler.result(state)
        points.append(_point(samples.texts, samples.log_weights, samples.statistics.model_calls, exact))
        if step < size.steps:
            state, _ = sampler.step(state)
    proposals = size.chains * size.steps
    return {"accepted_share": samples.statistics.accepted / proposals, "steps": size.steps}, points


def _particles(
    case: Case, model: Any, potential: Any, exact: ExactTarget, size: Size, seed: int
) -> tuple[dict[str, Any], list[Point]]:
    """SMC with growing populations; and the spread of its estimate of Z beside that of as many masked rows."""
    points: list[Point] = []
    resampled = 0
    spread: dict[str, float] = {}
    for particles in size.particles:
        runs = []
        errors: dict[float, list[float]] = {0.5: [], 0.0: []}
        for repeat in range(4 * size.repeats):
            for threshold, found in errors.items():
                algorithm = SMC(
                    model,
                    potential,
                    token_sampler=MaskSampler(),
                    n=particles,
                    max_tokens=case.max_tokens,
                    ess_threshold=threshold,
                )
                recorder = Recorder(potential.vocabulary)
                [samples] = algorithm.run([case.prompt], seed + repeat, callback=recorder)
                evidence = -math.inf if samples.log_evidence is None else samples.log_evidence
                found.append(math.exp(evidence - exact.log_evidence) - 1)
                if threshold:
                    runs.append(_point(samples.texts, samples.log_weights, samples.statistics.model_calls, exact))
                    still = tuple(range(particles))
                    resampled += any(frame.parents not in ((), still) for frame in recorder.frames)
        points.append(_mean(runs))
        spread[f"relative_error_{particles}"] = float(np.sqrt(np.mean(np.square(errors[0.5]))))
        spread[f"relative_error_{particles}_without_resampling"] = float(np.sqrt(np.mean(np.square(errors[0.0]))))
    total = 4 * size.repeats * len(size.particles)
    return spread | {"resampled_share_of_runs": resampled / total}, points


def _checks(case: Case, model: Any, compiled: Any, masked: Any, size: Size, seed: int) -> dict[str, Any]:
    """The grammar as a black box that may only be asked, token by token."""

    def is_prefix(tokens: tuple[int, ...]) -> bool:
        matcher = compiled.matcher()
        return all(matcher.accept_token(token) for token in tokens)

    def is_text(tokens: tuple[int, ...]) -> bool:
        matcher = compiled.matcher()
        return all(matcher.accept_token(token) for token in tokens) and bool(matcher.is_accepting)

    black_box = FromFunction(model.vocabulary, prefix=is_prefix, complete=is_text, level="tokens")
    alive = masked.is_finished
    tokens = sum(len(ids) + 1 for ids, lives in zip(masked.token_ids, alive, strict=True) if lives)
    figures: dict[str, Any] = {
        "vocabulary": model.vocabulary_size,
        "lost_nats_per_token": float(-masked.log_weights[alive].sum() / tokens),
    }
    # With one valid token in the whole vocabulary, the default looks for a second one until nothing is left to check.
    bounded = AWRS(Murthy(StoppingRule(max_checks=64)))
    several = {
        "murthy": AWRS(),
        "two_loop": AWRS(TwoLoop()),
        "murthy_64": bounded,
        "recursive": AWRS(Recursive()),
    }
    for name, sampler in several.items():
        started = time.perf_counter()
        [samples] = MaskedSampling(
            model,
            black_box,
            n=size.awrs_rows * (1 if name == "murthy" else 4),
            max_tokens=case.max_tokens,
            token_sampler=sampler,
        ).sample([case.prompt], seed)
        drawn = sum(len(ids) + 1 for ids in samples.token_ids)
        figures[name] = {
            "checks_per_token": samples.statistics.constraint_checks / drawn,
            "log_evidence": _finite(samples.log_evidence),
            "log_evidence_error": _finite(samples.log_evidence_error),
            "seconds": round(time.perf_counter() - started, 3),
        }
    return figures


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def run(size: Size, chosen: Sequence[str] = (), say: Callable[[str], object] = lambda _: None) -> dict[str, Any]:
    """The whole experiment as one JSON object; ``chosen``: names of cases, all by default."""
    model = embedded_model()
    started = time.perf_counter()
    results = []
    for case in cases():
        if chosen and case.name not in chosen:
            continue
        results.append(measure(case, model, size))
        say(f"{case.name}: {results[-1]['seconds']} s")
    return {
        "size": asdict(size),
        "model": "embedded",
        "seconds": round(time.perf_counter() - started, 1),
        "cases": results,
    }


SHOWN: Final = (
    "exact draws",
    "mask",
    "mask, weighted",
    "trie, asap",
    "trie, weighted",
    "trie, cars",
    "mcmc, uniform",
    "smc",
)


def charts(result: Mapping[str, Any]) -> dict[str, list[Chart]]:
    """The plots: by samples, by model calls, and the chains by steps; a chart for each case."""
    made: dict[str, list[Chart]] = {"samples": [], "calls": [], "chains": []}
    for case in result["cases"]:
        title = f"{case['name']} ({case['kind']}, {case['texts']} texts)"
        for axis, label in (("samples", "samples"), ("calls", "model calls")):
            key = "samples" if axis == "samples" else "model_calls"
            series = []
            for name in SHOWN:
                points = case["curves"][name]
                if name.startswith("mcmc") and axis == "samples":
                    points = points[-1:]
                if name == "exact draws" and axis == "calls":
                    continue
                line = tuple((_number(point[key]), _number(point["divergence"])) for point in points)
                series.append(Series(name, line, is_dashed=name == "exact draws"))
            made[axis].append(Chart(title, label, "KL, nats", tuple(series), log_x=True, log_y=True))
        chains = tuple(
            Series(
                name,
                tuple((float(step), _number(point["divergence"])) for step, point in enumerate(case["curves"][name])),
            )
            for name in (f"mcmc, {kernel}" for kernel in KERNELS)
        )
        count = result["size"]["chains"]
        made["chains"].append(Chart(title, f"steps of {count} chains", "KL, nats", chains, log_y=True))
    return made


def tables(result: Mapping[str, Any]) -> str:
    """The tables of the page, in Markdown."""
    size = result["size"]
    head = ["language", "texts", "log Z", *(name for name in SHOWN)]
    lines = [
        f"KL in nats after {size['samples']} samples (mcmc: {size['chains']} after {size['steps']} steps; "
        f"smc: {size['particles'][-1]} particles):",
        "",
        _row(head),
        _row(["---"] * len(head)),
    ]
    for case in result["cases"]:
        last = [_figure(case["curves"][name][-1]["divergence"]) for name in SHOWN]
        lines.append(_row([case["name"], str(case["texts"]), f"{case['log_evidence']:.2f}", *last]))
    head = ["language", *(name for name in SHOWN if name != "exact draws")]
    lines += ["", "Model calls for these samples:", "", _row(head), _row(["---"] * len(head))]
    for case in result["cases"]:
        calls = [f"{case['curves'][name][-1]['model_calls']:.0f}" for name in SHOWN if name != "exact draws"]
        lines.append(_row([case["name"], *calls]))
    head = ["language", "ASAp, first", "ASAp, last quarter", "CARS accepts: first quarter", "last quarter"]
    head += [f"{kernel}: accepts" for kernel in KERNELS] + [f"{kernel}: KL" for kernel in KERNELS]
    lines += ["", "Tries and chains:", "", _row(head), _row(["---"] * len(head))]
    for case in result["cases"]:
        figures, curves = case["figures"], case["curves"]
        cells = [
            _figure(_early(curves["trie, asap"])),
            _figure(figures["asap"]["divergence_last_quarter"]),
            f"{figures['cars']['accepted_first_quarter']:.2f}",
            f"{figures['cars']['accepted_last_quarter']:.2f}",
            *(f"{figures[f'mcmc, {kernel}']['accepted_share']:.2f}" for kernel in KERNELS),
            *(_figure(curves[f"mcmc, {kernel}"][-1]["divergence"]) for kernel in KERNELS),
        ]
        lines.append(_row([case["name"], *cells]))
    head = ["language", "lost nats a token", "checks a token: Murthy", "at most 64", "two loops", "recursive"]
    head += ["masking by asking", "log Z", "two loops", "recursive", "SMC error of Z", "without resampling"]
    lines += ["", "AWRS on the grammar as a black box, and the relative error of SMC's estimate of Z:", "", _row(head)]
    lines.append(_row(["---"] * len(head)))
    particles = size["particles"][-1]
    for case in result["cases"]:
        awrs, smc = case["figures"]["awrs"], case["figures"]["smc"]
        cells = [
            f"{awrs['lost_nats_per_token']:.2f}",
            f"{awrs['murthy']['checks_per_token']:.1f}",
            f"{awrs['murthy_64']['checks_per_token']:.1f}",
            f"{awrs['two_loop']['checks_per_token']:.1f}",
            f"{awrs['recursive']['checks_per_token']:.1f}",
            str(awrs["vocabulary"]),
            f"{case['log_evidence']:.2f}",
            _evidence(awrs["two_loop"]),
            _evidence(awrs["recursive"]),
            f"{smc[f'relative_error_{particles}']:.2f}",
            f"{smc[f'relative_error_{particles}_without_resampling']:.2f}",
        ]
        lines.append(_row([case["name"], *cells]))
    return "\n".join(lines) + "\n"


def _early(points: Sequence[Mapping[str, Any]]) -> float | None:
    return next((point["divergence"] for point in points if point["samples"] >= 8), None)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _evidence(figures: Mapping[str, Any]) -> str:
    found, error = figures["log_evidence"], figures["log_evidence_error"]
    return "dead" if found is None else f"{found:.2f} ± {math.inf if error is None else error:.2f}"


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    """Numbers of five digits, null where there is none: records are small, and JSON has no infinity."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and write ``sampler_experiment.json``, three plots and the tables into a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder of the results")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--case", action="append", default=[], help="one language; may be repeated")
    options = parser.parse_args(arguments)
    result = _plain(run(QUICK if options.quick else Size(), options.case, lambda line: sys.stderr.write(f"{line}\n")))
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, separators=(",", ":")).replace('{"name"', '\n{"name"')
    (options.out / "sampler_experiment.json").write_text(text + "\n", encoding="utf-8")
    for name, several in charts(result).items():
        (options.out / f"sampler_experiment_{name}.svg").write_text(draw_charts(several, 3), encoding="utf-8")
    sys.stdout.write(tables(result))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
