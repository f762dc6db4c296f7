"""``jsonschemabench compare``: two engines or two runs, schema by schema."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jsonschemabench.cli.output import emit, emit_record
from jsonschemabench.compare import Comparison
from jsonschemabench.compare import compare as compare_records
from jsonschemabench.run_folder import Records, read_records


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="RUN or RUN:ENGINE; RUN is a folder or records.")],
    second: Annotated[str, typer.Argument(metavar="B", help="RUN or RUN:ENGINE, or :ENGINE of the same run.")],
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    show: Annotated[int, typer.Option("--show", min=0, metavar="N", help="How many changed rows to list.")] = 20,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record a comparison.")] = False,
) -> None:
    """B against A on the same schemas: ratios of times with 95 % intervals, and who is right where the other is not."""
    path_a, engine_a = _split(first)
    path_b, engine_b = _split(second)
    records_a = read_records(Path(path_a))
    records_b = records_a if path_b in ("", path_a) else read_records(Path(path_b))
    for name_a, name_b in _pairs(records_a, engine_a, records_b, engine_b, path_a == path_b or not path_b):
        found = compare_records(records_a, name_a, records_b, name_b, seed=seed)
        if json_lines:
            emit_record(asdict(found))
        else:
            emit(_text(found, f"{path_a}:{name_a}", f"{path_b or path_a}:{name_b}", show))


def _split(text: str) -> tuple[str, str | None]:
    """The path and the engine of RUN:ENGINE; an engine's own name may hold colons, and so may a path."""
    if text.startswith(":"):
        return "", text[1:]
    for at, character in enumerate(text):
        if character == ":" and Path(text[:at]).exists():
            return text[:at], text[at + 1 :]
    return text, None


def _pairs(
    records_a: Records, engine_a: str | None, records_b: Records, engine_b: str | None, same: bool
) -> list[tuple[str, str]]:
    """The pairs that are meant: named ones; else each engine of both runs; else A's first engine with all others."""
    if engine_a is not None and engine_b is not None:
        return [(engine_a, engine_b)]
    names_a = [engine_a] if engine_a else records_a.engine_names
    names_b = [engine_b] if engine_b else records_b.engine_names
    if same:
        pairs = [(names_a[0], name) for name in names_b if name != names_a[0]]
    else:
        common = [name for name in names_a if name in names_b]
        pairs = [(name, name) for name in common] or [(names_a[0], name) for name in names_b]
    if not pairs:
        raise typer.BadParameter("there is nothing to compare; name the engines: RUN:ENGINE")
    return pairs


def _text(found: Comparison, name_a: str, name_b: str, show: int) -> str:
    lines = [
        f"A = {name_a}\nB = {name_b}\n{found.schemas:,} schemas in both",
        "",
        f"right on all tests: both {found.both_right:,}, only A {found.only_a:,}, only B {found.only_b:,}, "
        f"neither {found.neither:,} (McNemar p = {found.p_value:.2g})",
        "",
        "| time of B / time of A | schemas | geometric mean | 95 % interval | median | B faster |",
        "|:----------------------|--------:|---------------:|--------------:|-------:|---------:|",
    ]
    for one in found.ratios:
        lines.append(
            f"| {one.measure:<21} | {one.pairs:>7,} | {one.mean:>14.3f} | {one.low:>5.3f} - {one.high:>5.3f} "
            f"| {one.median:>6.3f} | {100 * one.faster_share:>6.1f} % |"
        )
    if found.changed:
        lines += ["", f"{len(found.changed):,} rows end differently" + (":" if show else ".")]
        lines += [f"  {case}: A {first}, B {second}" for case, first, second in found.changed[:show]]
        if show and len(found.changed) > show:
            lines.append(f"  ... and {len(found.changed) - show:,} more (--show {len(found.changed)})")
    return "\n".join(lines) + "\n"
