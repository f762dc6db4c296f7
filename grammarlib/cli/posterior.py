"""``grammarlib generate --sampler``: weighted samples as a posterior table, records and pictures.

Place: called by `grammarlib.cli.generate` once the model and the source are there.
Cost: that of the sampler; ``--exact`` follows every prefix of the language through the model.
Not taken: a subcommand of its own, whose options would be those of ``generate`` again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import runpy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from grammarlib.cli.exits import ExitCode, UnreadableInput
from grammarlib.cli.output import emit, emit_record, log, log_error, progress

if TYPE_CHECKING:
    from samplers import Samples
    from samplers.recording import Recording

_PANEL = "Weighted samples (with --sampler)"
DEFAULT_SAMPLES: Final = 16
_MOST_PREFIXES: Final = 50_000


class SamplerName(StrEnum):
    """The samplers of the command line."""

    MASK = "mask"
    ASAP = "asap"
    WEIGHTED = "weighted"
    CARS = "cars"
    AWRS = "awrs"
    SMC = "smc"
    MCMC = "mcmc"


class BudgetName(StrEnum):
    """What ``--max-tokens`` means."""

    LIMIT = "limit"
    CLOSE = "close"


class KernelName(StrEnum):
    """Where a Markov chain cuts its text."""

    INDEPENDENCE = "independence"
    UNIFORM = "uniform"
    PRIORITY = "priority"


SamplerOption = Annotated[
    SamplerName | None,
    typer.Option("--sampler", help="Samples with weights, shown as a posterior table.", rich_help_panel=_PANEL),
]
BudgetOption = Annotated[
    BudgetName | None,
    typer.Option("--budget", help="close: steer so that texts are closed in time.", rich_help_panel=_PANEL),
]
ParticlesOption = Annotated[
    int | None,
    typer.Option("--particles", min=1, help="smc: how many; by default --samples.", rich_help_panel=_PANEL),
]
StepsOption = Annotated[
    int | None, typer.Option("--steps", min=0, help="mcmc: proposals of each chain [20].", rich_help_panel=_PANEL)
]
KernelOption = Annotated[
    KernelName | None, typer.Option("--kernel", help="mcmc: where a text is cut [uniform].", rich_help_panel=_PANEL)
]
BatchOption = Annotated[
    int | None,
    typer.Option("--batch", min=1, help="asap, weighted, cars: texts between updates [4].", rich_help_panel=_PANEL),
]
TrieOption = Annotated[
    str | None,
    typer.Option("--trie", metavar="FILE", help="asap, weighted, cars: go on from, and keep.", rich_help_panel=_PANEL),
]
CheckOption = Annotated[
    str | None,
    typer.Option(
        "--check", metavar="FILE.py", help="Python functions that weigh texts; the file is run.", rich_help_panel=_PANEL
    ),
]
CriticOption = Annotated[
    str | None,
    typer.Option("--critic", metavar="FILE.py", help="smc: the same, asked once a token.", rich_help_panel=_PANEL),
]
ExactOption = Annotated[
    bool, typer.Option("--exact", help="Add the exact law (small languages only).", rich_help_panel=_PANEL)
]
HtmlOption = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write a page that shows the run.", rich_help_panel=_PANEL),
]
PlotOption = Annotated[
    str | None,
    typer.Option("--plot", metavar="FILE.svg", help="Draw ESS and divergence.", rich_help_panel=_PANEL),
]
RecordOption = Annotated[
    str | None, typer.Option("--record", metavar="FILE.json", help="Keep the recorded run.", rich_help_panel=_PANEL)
]
CompareOption = Annotated[
    list[str] | None,
    typer.Option(
        "--compare", metavar="FILE.json", help="A recorded run, drawn by --plot too; repeat.", rich_help_panel=_PANEL
    ),
]

_TRIES = (SamplerName.ASAP, SamplerName.WEIGHTED, SamplerName.CARS)
_ONLY_FOR: Final[dict[str, tuple[SamplerName, ...]]] = {
    "particles": (SamplerName.SMC,),
    "critic": (SamplerName.SMC,),
    "steps": (SamplerName.MCMC,),
    "kernel": (SamplerName.MCMC,),
    "batch": _TRIES,
    "trie": _TRIES,
}


@dataclass(frozen=True, slots=True)
class PosteriorOptions:
    """What the user gave beside the model and the source."""

    sampler: SamplerName | None = None
    budget: BudgetName | None = None
    particles: int | None = None
    steps: int | None = None
    kernel: KernelName | None = None
    batch: int | None = None
    trie: str | None = None
    check: str | None = None
    critic: str | None = None
    exact: bool = False
    html: str | None = None
    plot: str | None = None
    record: str | None = None
    compare: tuple[str, ...] = ()

    def validate(self, temperature: float, stream: bool) -> None:
        """Raises `typer.BadParameter` for options that would be without effect."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name, value in given.items():
            if name == "sampler" or value in (None, False, ()):
                continue
            if self.sampler is None:
                raise typer.BadParameter("goes with --sampler", param_hint=f"--{name}")
            allowed = _ONLY_FOR.get(name)
            if allowed is not None and self.sampler not in allowed:
                raise typer.BadParameter(f"goes with --sampler {', '.join(allowed)}", param_hint=f"--{name}")
        if self.compare and self.plot is None:
            raise typer.BadParameter("goes with --plot", param_hint="--compare")
        if self.sampler is not None and stream:
            raise typer.BadParameter("shows one text: it does not go with --sampler", param_hint="--stream")
        if self.sampler is not None and temperature <= 0:
            raise typer.BadParameter("0 is no distribution to sample from", param_hint="--temperature")


@dataclass(frozen=True, slots=True)
class _Run:
    """One run to make: what a sampler needs."""

    model: Any
    potential: Any
    prompt: str | list[int]
    options: PosteriorOptions
    samples: int
    max_tokens: int
    seed: int

    @property
    def budget(self) -> Any:
        return (self.options.budget or BudgetName.LIMIT).value


def write_posterior(
    model: Any,
    compiled: Any,
    prompt: str | list[int],
    options: PosteriorOptions,
    *,
    samples: int | None,
    max_tokens: int,
    seed: int,
    as_json: bool,
) -> None:
    """Run a sampler and write its table, or one JSON document; files where they are asked for.

    ``model``: a `samplers.LanguageModel`.  Ends with exit code 1 where every sample is a dead end.
    """
    from samplers import CompiledPotential, SamplerError
    from samplers.recording import Recording, with_target

    others = []
    for path in options.compare:
        try:
            others.append(Recording.from_json(_read(path)))
        except SamplerError as error:
            raise UnreadableInput(f"{path}: {error}") from None
    potential: Any = CompiledPotential(compiled)
    if options.check is not None:
        potential = _with_functions(potential, options.check, compiled)
    run = _Run(model, potential, prompt, options, samples or DEFAULT_SAMPLES, max_tokens, seed)
    with progress("Sampling ..."):
        result, recording = _sample(run, compiled, samples)
    exact = None
    if options.exact:
        exact = _exact_law(run, compiled)
        recording = with_target(recording, exact.law)
    record = posterior_record(result, options, seed, exact)
    if as_json:
        emit_record(record)
    else:
        _write_table(record)
        _write_summary(record)
    _write_files(recording, others, options)
    if not record["texts"]:
        log_error("every sample is a dead end: nothing was written to its end; raise --max-tokens or --samples")
        raise typer.Exit(ExitCode.FINDINGS)


def posterior_record(samples: Samples, options: PosteriorOptions, seed: int, exact: Any = None) -> dict[str, Any]:
    """A result as one JSON object; what is infinite or unknown is null.

    ``texts``: ``text``, ``probability``, ``count``, ``log_weight`` (log of its samples' weights over the number of
    samples: it estimates the log of the text's probability before normalising; of mcmc, of its share), ``exact`` where
    it is known.
    """
    counts = Counter(
        text for text, weight in zip(samples.texts, samples.log_weights, strict=True) if weight > -math.inf
    )
    log_mean = _log_mean(samples)
    texts = []
    for text, probability in samples.posterior().items():
        row = {
            "text": text,
            "probability": probability,
            "count": counts[text],
            "log_weight": _finite(log_mean + math.log(probability)),
        }
        texts.append(row if exact is None else row | {"exact": exact.law.get(text, 0.0)})
    record: dict[str, Any] = {
        "sampler": options.sampler,
        "seed": seed,
        "samples": len(samples),
        "texts": texts,
        "dead_ends": sum(1 for weight in samples.log_weights.tolist() if weight == -math.inf),
        "log_evidence": _finite(samples.log_evidence),
        "log_evidence_error": _finite(samples.log_evidence_error),
        "ess": samples.ess,
        "statistics": dataclasses.asdict(samples.statistics),
        "notes": list(samples.notes),
    }
    if exact is not None:
        from samplers.diagnostics import coverage

        record["exact"] = {
            "log_evidence": exact.log_evidence,
            "missing": exact.missing,
            "texts": len(exact.law),
            "coverage": coverage(samples, exact.law),
            "divergence": _finite(exact.divergence_of(samples.posterior())),
        }
    return record


def _log_mean(samples: Samples) -> float:
    weights = [weight for weight in samples.log_weights.tolist() if weight > -math.inf]
    if not weights:
        return -math.inf
    top = max(weights)
    return float(top + math.log(math.fsum(math.exp(weight - top) for weight in weights) / len(samples)))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _sample(run: _Run, compiled: Any, asked: int | None) -> tuple[Samples, Recording]:
    """The samples and the recorded run."""
    from samplers import SMC, AlignedSampling, MarkovChains, MaskedSampling, MaskSampler
    from samplers.recording import Recorder
    from samplers.token import AWRS

    options, name = run.options, run.options.sampler
    assert name is not None
    recorder = Recorder(run.potential.vocabulary, mode=name.value if name in _TRIES else "weighted")  # type: ignore[arg-type]
    common = {"max_tokens": run.max_tokens, "budget": run.budget}
    label = name.value
    if name in _TRIES:
        trie, path = _trie(options.trie)
        aligned = AlignedSampling(
            run.model, run.potential, mode=recorder.mode, trie=trie, batch=options.batch or 4, **common
        )
        [samples] = aligned.sample([run.prompt], run.samples, run.seed, callback=recorder)
        if path is not None:
            _save(path, aligned.trie.save)
    elif name is SamplerName.MCMC:
        kernel = (options.kernel or KernelName.UNIFORM).value
        label = f"mcmc ({kernel})"
        chains = MarkovChains(run.model, run.potential, kernel=kernel, n=run.samples, **common)  # type: ignore[arg-type]
        steps = 20 if options.steps is None else options.steps
        [samples] = chains.sample([run.prompt], steps, run.seed, callback=recorder)
    elif name is SamplerName.SMC:
        particles = options.particles or run.samples
        critic = None if options.critic is None else _functions(options.critic, run.potential.vocabulary, compiled)
        # AWRS would make noise for the whole vocabulary where there is nothing to ask.
        asks = options.check is not None or options.budget is BudgetName.CLOSE
        token_sampler: AWRS | MaskSampler = AWRS() if asks else MaskSampler()
        algorithm = SMC(run.model, run.potential, critic=critic, token_sampler=token_sampler, n=particles, **common)
        [samples] = algorithm.run([run.prompt], run.seed, callback=recorder)
        recording = recorder.recording(label, samples, prompt=_shown(run.prompt), seed=run.seed)
        if asked is not None and asked != particles and samples.ess > 0:
            samples = samples.resample(asked, run.seed)
        return samples, recording
    else:
        token_sampler = AWRS() if name is SamplerName.AWRS else MaskSampler()
        masked = MaskedSampling(run.model, run.potential, n=run.samples, token_sampler=token_sampler, **common)
        [samples] = masked.sample([run.prompt], run.seed, callback=recorder)
        if name is SamplerName.AWRS and not run.potential.start(1).has_checks and run.budget == BudgetName.LIMIT:
            note = "a mask says all of this constraint, so awrs had nothing to ask; give it a --check"
            samples = dataclasses.replace(samples, notes=(*samples.notes, note))
    return samples, recorder.recording(label, samples, prompt=_shown(run.prompt), seed=run.seed)


def _shown(prompt: str | list[int]) -> str:
    return prompt if isinstance(prompt, str) else f"token ids {prompt}"


def _exact_law(run: _Run, compiled: Any) -> Any:
    from samplers.enumeration import enumerate_target

    potential = run.potential
    if run.options.critic is not None:
        potential = potential * _functions(run.options.critic, potential.vocabulary, compiled)
    with progress("Following every prefix ..."):
        return enumerate_target(
            run.model,
            potential,
            run.prompt,
            max_tokens=run.max_tokens,
            budget=run.budget,
            min_probability=1e-12,
            max_prefixes=_MOST_PREFIXES,
        )


def _trie(path: str | None) -> tuple[Any, Path | None]:
    """A trie, loaded where its file is there."""
    from samplers import AlignedTrie, SamplerError

    if path is None:
        return None, None
    if not Path(path).exists():
        return AlignedTrie(), Path(path)
    try:
        return AlignedTrie.load(path), Path(path)
    except (SamplerError, OSError) as error:
        raise UnreadableInput(f"{path}: {error}") from None


def _with_functions(potential: Any, path: str, compiled: Any) -> Any:
    return potential * _functions(path, potential.vocabulary, compiled)


def _functions(path: str, vocabulary: Any, compiled: Any) -> Any:
    """The potential of a file's functions ``prefix(text)``, ``complete(text)`` and ``value(data)``."""
    from samplers import FromFunction

    digest = hashlib.sha256(_read(path).encode()).hexdigest()
    try:
        names = runpy.run_path(path)
    except Exception as error:  # whatever the user's file raises
        raise UnreadableInput(f"{path}: {type(error).__name__}: {error}") from None
    found: dict[str, Callable[[Any], Any]] = {
        name: names[name] for name in ("prefix", "complete", "value") if callable(names.get(name))
    }
    if not found:
        raise UnreadableInput(f"{path}: defines none of the functions prefix(text), complete(text), value(data)")
    parts: list[Any] = []
    prefix, complete = found.get("prefix"), found.get("complete")
    if prefix is not None or complete is not None:
        parts.append(FromFunction(vocabulary, prefix=prefix, complete=complete, name=f"{digest} text"))
    if "value" in found:
        parse = compiled.parse
        parts.append(
            FromFunction(vocabulary, complete=found["value"], level="value", parse=parse, name=f"{digest} value")
        )
    return parts[0] if len(parts) == 1 else parts[0] * parts[1]


def _write_table(record: dict[str, Any]) -> None:
    exact = "exact" in record
    head = ["probability", *(["exact"] if exact else []), "count", "log weight", "text"]
    rows = [
        [
            f"{row['probability']:.4f}",
            *([f"{row['exact']:.4f}"] if exact else []),
            str(row["count"]),
            f"{row['log_weight']:.3f}",
            json.dumps(row["text"], ensure_ascii=False)[1:-1] if _breaks(row["text"]) else row["text"],
        ]
        for row in record["texts"]
    ]
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head) - 1)]
    for line in [head, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(line[:-1], widths, strict=True)]
        emit("  ".join([*cells, line[-1]]))


def _breaks(text: str) -> bool:
    """Whether a text would leave its line of the table."""
    return not text.isprintable()


def _write_summary(record: dict[str, Any]) -> None:
    error = record["log_evidence_error"]
    if record["log_evidence"] is not None:
        log(f"log evidence: {record['log_evidence']:.4f} ± {'unknown' if error is None else f'{error:.4f}'}")
    dead = f", {record['dead_ends']} dead ends" if record["dead_ends"] else ""
    log(f"effective sample size: {record['ess']:.2f} of {record['samples']}{dead}")
    spent = record["statistics"]
    log(
        f"model calls: {spent['model_calls']}; constraint checks: {spent['constraint_checks']}; "
        f"accepted: {spent['accepted']} of {spent['proposals']} proposals"
    )
    if "exact" in record:
        exact = record["exact"]
        divergence = "unknown" if exact["divergence"] is None else f"{exact['divergence']:.4f} nats"
        log(
            f"exact: {exact['texts']} texts, log evidence {exact['log_evidence']:.4f}; divergence of these samples: "
            f"{divergence}; they cover {exact['coverage']:.4f}"
        )
    for note in record["notes"]:
        log(f"note: {note}")


def _write_files(recording: Recording, others: list[Recording], options: PosteriorOptions) -> None:
    if options.record is not None:
        _save(Path(options.record), lambda path: path.write_text(recording.to_json(), encoding="utf-8"))
    if options.html is None and options.plot is None:
        return
    from samplers.pictures import draw_charts, particle_page, run_charts

    if options.html is not None:
        _save(Path(options.html), lambda path: path.write_text(particle_page(recording), encoding="utf-8"))
    if options.plot is not None:
        drawing = draw_charts(run_charts([recording, *others]))
        _save(Path(options.plot), lambda path: path.write_text(drawing, encoding="utf-8"))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _save(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except OSError as error:
        raise UnreadableInput(f"{path}: {error.strerror or error}") from None
