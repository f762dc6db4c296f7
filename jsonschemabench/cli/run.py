"""``jsonschemabench run``: all engines on the same rows, resumable, ending with the tables and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from jsonschemabench import dataset
from jsonschemabench.cli.output import ExitCode, emit, emit_record, log, progress_bar
from jsonschemabench.differences import agreement
from jsonschemabench.engines.registry import require
from jsonschemabench.metrics import case_ids, coverage
from jsonschemabench.outcome import WRONG, Outcome
from jsonschemabench.report import write_report
from jsonschemabench.run_folder import Records, RunFolder
from jsonschemabench.runner import missing_tasks
from jsonschemabench.runner import run as run_cases
from jsonschemabench.station import GenerationSettings, Settings
from jsonschemabench.tables import NOTE, markdown, run_tables

_DATA = "sample, a .jsonl(.gz) of rows, a folder (MaskBench, official suite, bare schemas), or hf:NAME."


def run(
    engine: Annotated[
        list[str], typer.Option("--engine", "-e", metavar="NAME", help="An engine; repeat it.  See `engines`.")
    ],
    data: Annotated[str, typer.Option("--data", metavar="SOURCE", help=_DATA)] = dataset.SAMPLE,
    split: Annotated[
        list[str] | None, typer.Option("--split", metavar="NAME", help="Only this split; repeat it.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="A random sample of N rows.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample and of generated outputs.")] = 0,
    shard: Annotated[str, typer.Option("--shard", metavar="I/N", help="Every N-th row, from the I-th.")] = "1/1",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Run folder; the same settings resume it.")
    ] = None,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="NAME", help="embedded, a tokenizer.json, a folder, or a Hub name.")
    ] = "embedded",
    end_token: Annotated[
        str | None, typer.Option("--end-token", metavar="TEXT", help="The token that ends a text, if it is not found.")
    ] = None,
    time_limit: Annotated[float, typer.Option("--time-limit", min=0.01, metavar="S", help="Seconds for a row.")] = 60.0,
    memory_limit: Annotated[
        int, typer.Option("--memory-limit", min=64, metavar="MIB", help="MiB for an engine.")
    ] = 8192,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Rows at once; more than 1 makes times noisy.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="[ADDRESS]", help="Fan out over a Ray cluster; without an address, a local one."),
    ] = None,
    outputs: Annotated[int, typer.Option("--outputs", min=0, metavar="N", help="Generate N texts a schema.")] = 0,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="embedded, a folder or a Hub name.")
    ] = "embedded",
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, metavar="N")] = 256,
    temperature: Annotated[float, typer.Option("--temperature", min=0.0, metavar="T")] = 1.0,
    aligned: Annotated[
        int,
        typer.Option("--aligned", min=0, metavar="N", help="Draws of an aligned sampler, for grammarlib."),
    ] = 0,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="Where the model runs.")] = "cpu",
    fast_forward: Annotated[
        bool,
        typer.Option("--fast-forward/--no-fast-forward", help="Ask engines for forced bytes (not timed)."),
    ] = True,
    verdicts: Annotated[bool, typer.Option("--verdicts/--no-verdicts", help="Ask the validators too.")] = True,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record an engine instead of tables.")] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever was found.")] = False,
) -> None:
    """Run engines on the same rows; report what is right, what is fast, and where the page is."""
    names = list(dict.fromkeys(engine))
    for name in names:
        require(name)
    part = _shard(shard)
    cases = dataset.select(dataset.load(data), splits=split or (), limit=limit, seed=seed, shard=part)
    if not cases:
        raise typer.BadParameter("no rows are left: the shard is empty", param_hint="--shard")
    settings = Settings(
        tokenizer=tokenizer,
        end_token=end_token,
        time_limit_s=time_limit,
        memory_mb=memory_limit,
        fast_forward=fast_forward,
        verdicts=verdicts,
        generation=GenerationSettings(outputs, model, max_new_tokens, temperature, seed, device, aligned),
    )
    digest = dataset.digest(cases)
    info: dict[str, Any] = {
        "source": data, "splits": split or [], "limit": limit, "seed": seed, "shard": list(part),
        "count": len(cases), "digest": digest, "settings": settings.record(),
    }  # fmt: skip
    folder = out if out is not None else Path(f"jsonschemabench-{Path(data).name.split('.')[0]}-{digest[:8]}")
    with RunFolder(folder, info, cases) as opened:
        todo = sum(len(missing_tasks(opened.records, case, names, settings)) for case in cases)
        log(f"{len(cases):,} schemas, {len(names)} engines, {todo:,} to do, in {folder}")
        with progress_bar(todo, "starting engines") as advance:

            def progress(record: dict[str, Any]) -> None:
                if record["kind"] != "engine":
                    advance(record.get("engine", "validators"))

            run_cases(opened, cases, names, settings, jobs=jobs, ray_address=ray, progress=progress)
        records = opened.records
        by_id = {case.identifier: case for case in cases}
        path = write_report(records, by_id, folder)
        show(records, names, path, json_lines=json_lines)
    raise typer.Exit(ExitCode.FINE if exit_zero else exit_code(records, names))


def show(records: Records, names: list[str], path: Path, *, json_lines: bool) -> None:
    """Print the tables of a run and where its page is."""
    tables = run_tables(records, names)
    if json_lines:
        for name in names:
            found = {title: columns[name] for title, columns in tables.items() if name in columns}
            emit_record({"engine": name, "page": str(path)} | found)
        return
    for title, columns in tables.items():
        emit(f"{title}\n\n{markdown(columns)}")
    emit(NOTE)
    if records.verdicts:
        emit(str(agreement(records)))
    emit(f"\n{path.resolve()}")


def exit_code(records: Records, names: list[str]) -> ExitCode:
    """What the rows of the named engines mean for the exit code: limits before findings."""
    cases = case_ids(records, names)
    outcomes = [coverage(records, name, cases).outcomes for name in names]
    if any(found[Outcome.TIMEOUT] or found[Outcome.MEMORY] for found in outcomes):
        return ExitCode.LIMIT
    if any(found[wrong] for found in outcomes for wrong in WRONG):
        return ExitCode.FINDINGS
    return ExitCode.FINE


def _shard(text: str) -> tuple[int, int]:
    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise typer.BadParameter(f"{text!r} is not I/N with 1 <= I <= N", param_hint="--shard")
    return int(first), int(second)
