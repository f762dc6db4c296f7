"""Pictures of recorded runs: line charts as SVG, and a page of particles that needs nothing but a browser.

Purpose: to see where weights part, who was resampled, and how fast an estimate approaches the target.
Place: over `samplers.recording`; the command line writes what this module returns.
Cost: strings; a page holds a circle for each row and step.
Not taken: a plotting library (a dependency for four line charts), or scripts from a network (pages are opened where
there is none, and show prompts that are nobody else's business; the page's own policy forbids every request).
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from samplers.diagnostics import kl_divergence
from samplers.errors import SamplerError
from samplers.logspace import normalised_weights
from samplers.recording import Checkpoint, Recording, pooled_posterior

COLOURS: Final = ("#0b6bcb", "#d1495b", "#2e8b57", "#b8860b", "#7b4fb5", "#00838f", "#8d5a2b", "#444444")
_STATE_COLOURS: Final = {
    "active": "#0b6bcb",
    "finished": "#2e8b57",
    "accepted": "#2e8b57",
    "rejected": "#c9a227",
    "dead": "#d1495b",
}
_CIRCLES: Final = 12_000
_PANEL_WIDTH: Final = 460
_PANEL_HEIGHT: Final = 300


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: points (x, y); a point that is no number, or not positive on a log axis, is left out."""

    name: str
    points: tuple[tuple[float, float], ...]
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over common axes."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False


def draw_charts(charts: Sequence[Chart], columns: int = 2) -> str:
    """An SVG document with the charts side by side, ``columns`` in a row.  Raises `SamplerError` for none."""
    if not charts or columns < 1:
        raise SamplerError("there is no chart to draw")
    columns = min(columns, len(charts))
    legend = max(len(chart.series) for chart in charts) * 15
    height = _PANEL_HEIGHT + legend
    rows = -(-len(charts) // columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns * _PANEL_WIDTH} {rows * height}" '
        f'width="{columns * _PANEL_WIDTH}" height="{rows * height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{columns * _PANEL_WIDTH}" height="{rows * height}" fill="white"/>',
    ]
    for number, chart in enumerate(charts):
        left, top = number % columns * _PANEL_WIDTH, number // columns * height
        parts.append(f'<g transform="translate({left},{top})">{_panel(chart)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(chart: Chart) -> str:
    left, right, top, bottom = 58, _PANEL_WIDTH - 14, 30, _PANEL_HEIGHT - 40
    shown = [
        (series, [(x, y) for x, y in series.points if _fits(x, chart.log_x) and _fits(y, chart.log_y)])
        for series in chart.series
    ]
    points = [point for _, kept in shown for point in kept]
    x_axis = _Axis.over([x for x, _ in points], chart.log_x, left, right)
    y_axis = _Axis.over([y for _, y in points], chart.log_y, bottom, top)
    parts = [f'<text x="{left}" y="18" font-size="13" font-weight="bold">{html.escape(chart.title)}</text>']
    for value in x_axis.ticks:
        place = x_axis.place(value)
        parts.append(f'<path d="M{place:.1f} {top}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{place:.1f}" y="{bottom + 14}" text-anchor="middle">{_label(value)}</text>')
    for value in y_axis.ticks:
        place = y_axis.place(value)
        parts.append(f'<path d="M{left} {place:.1f}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 5}" y="{place + 4:.1f}" text-anchor="end">{_label(value)}</text>')
    parts.append(f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#333"/>')
    middle = (left + right) // 2
    parts.append(f'<text x="{middle}" y="{bottom + 31}" text-anchor="middle">{html.escape(chart.x_label)}</text>')
    height = (top + bottom) // 2
    parts.append(
        f'<text transform="translate(13,{height}) rotate(-90)" text-anchor="middle">{html.escape(chart.y_label)}</text>'
    )
    for number, (series, kept) in enumerate(shown):
        colour = COLOURS[number % len(COLOURS)]
        dashes = ' stroke-dasharray="5 4"' if series.is_dashed else ""
        places = [(x_axis.place(x), y_axis.place(y)) for x, y in kept]
        if len(places) > 1:
            line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
            parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>')
        if len(places) <= 40:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{colour}"/>' for x, y in places]
        row = _PANEL_HEIGHT + 8 + 15 * number
        parts.append(f'<path d="M{left} {row - 4}h22" stroke="{colour}" stroke-width="2.5"{dashes}/>')
        remark = "" if kept else " (nothing to show)"
        parts.append(f'<text x="{left + 28}" y="{row}">{html.escape(series.name)}{remark}</text>')
    return "".join(parts)


def _fits(value: float, is_log: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not is_log)


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to pixels."""

    low: float
    high: float
    is_log: bool
    begin: float
    end: float
    ticks: tuple[float, ...]

    @classmethod
    def over(cls, values: Sequence[float], is_log: bool, begin: float, end: float) -> _Axis:
        if not values:
            values = [1.0]
        low, high = min(values), max(values)
        if is_log:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            if last - first <= 1:
                ticks = [factor * 10.0**first for factor in (1, 2, 5, 10, 20, 50, 100)]
                below = [tick for tick in ticks if tick <= low]
                above = [tick for tick in ticks if tick >= high]
                low, high = below[-1], above[0] if above[0] > below[-1] else above[1]
                ticks = [tick for tick in ticks if low <= tick <= high]
            else:
                low, high = 10.0**first, 10.0**last
                step = -(-(last - first) // 8)
                ticks = [10.0**power for power in range(first, last + 1, step)]
            return cls(low, high, True, begin, end, tuple(ticks))
        low = min(low, 0.0)
        span = high - low or 1.0
        power = 10.0 ** math.floor(math.log10(span / 4))
        step_size = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 6)
        first, last = math.floor(low / step_size), math.ceil((low + span) / step_size)
        plain = tuple(step_size * number for number in range(first, last + 1))
        return cls(plain[0], plain[-1], False, begin, end, plain)

    def place(self, value: float) -> float:
        if self.is_log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)


def _label(value: float) -> str:
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if 0 < abs(value) < 1e-3 else f"{value:g}"


def divergences(recording: Recording, target: Mapping[str, float]) -> list[tuple[Checkpoint, float]]:
    """KL(estimated law || target) in nats at each checkpoint of a run; infinite where ``target`` lacks a text."""
    return [(point, kl_divergence(point.law, target)) for point in recording.checkpoints() if point.law]


def run_charts(recordings: Sequence[Recording], target: Mapping[str, float] | None = None) -> list[Chart]:
    """ESS by step and by samples, and the divergence from the target by samples and by model calls.

    ``target``: the true law; by default that of the first recording which has one, or else what all runs say together,
    weighed by their effective sample sizes, and the charts say so: a run is then compared with itself as well.
    Raises `SamplerError` for no recordings.
    """
    if not recordings:
        raise SamplerError("there is no recorded run to draw")
    known = next((recording.target for recording in recordings if recording.target is not None), None)
    law = target if target is not None else known
    against = "exact target" if law is not None else "pooled samples"
    if law is None:
        law = pooled_posterior(recordings)
    names = _names(recordings)
    by_step, by_samples, kl_samples, kl_calls = [], [], [], []
    for name, recording in zip(names, recordings, strict=True):
        if recording.kind == "particles":
            steps = tuple((number + 1.0, frame.ess) for number, frame in enumerate(recording.frames))
            by_step.append(Series(name, steps))
        is_chain = recording.kind == "chains"
        points = divergences(recording, law)
        axis = [float(number if is_chain else point.samples) for number, (point, _) in enumerate(points, 1)]
        label = f"{name} (x: steps of {len(recording.texts)} chains)" if is_chain else name
        by_samples.append(Series(label, tuple((x, point.ess) for x, (point, _) in zip(axis, points, strict=True))))
        kl_samples.append(Series(label, tuple((x, value) for x, (_, value) in zip(axis, points, strict=True))))
        kl_calls.append(Series(name, tuple((point.model_calls, value) for point, value in points)))
    charts = [
        Chart("Effective sample size", "samples", "ESS", tuple(by_samples), log_x=True, log_y=True),
        Chart(f"KL(samples || {against})", "samples", "nats", tuple(kl_samples), log_x=True, log_y=True),
        Chart(f"KL(samples || {against})", "model calls", "nats", tuple(kl_calls), log_x=True, log_y=True),
    ]
    if by_step:
        charts.insert(0, Chart("ESS before resampling", "step", "ESS", tuple(by_step)))
    return charts


def _names(recordings: Sequence[Recording]) -> list[str]:
    """The samplers' names, with the seed where a name comes twice."""
    plain = [recording.sampler for recording in recordings]
    return [
        f"{name}, seed {recording.seed}" if plain.count(name) > 1 else name
        for name, recording in zip(plain, recordings, strict=True)
    ]


def particle_page(recording: Recording) -> str:
    """One HTML document: facts, posterior, charts, rows from step to step, and what each row held.

    It loads nothing; without scripts all but the step table is there.
    """
    facts = {
        "sampler": recording.sampler,
        "seed": recording.seed,
        "samples": len(recording.texts),
        "log evidence": "unknown"
        if recording.log_evidence is None
        else f"{recording.log_evidence:.6g} ± {recording.log_evidence_error:.3g}",
        "effective sample size": f"{recording.ess:.4g}",
        **{name.replace("_", " "): value for name, value in recording.statistics.items()},
    }
    rows = "".join(f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in facts.items())
    notes = "".join(f"<p><b>Note:</b> {html.escape(note)}</p>" for note in recording.notes)
    data = [
        {
            "texts": frame.texts,
            "weights": normalised_weights(np.array(frame.log_weights)).tolist(),
            "states": frame.states,
            "parents": frame.parents,
            "details": frame.details,
        }
        for frame in recording.frames
    ]
    # Inside a script element only "<" can end it.
    blob = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    title = f"{recording.sampler}: {len(recording.texts)} samples"
    return _PAGE.format(
        title=html.escape(title),
        facts=rows,
        notes=notes,
        prompt=html.escape(recording.prompt) or "(empty)",
        posterior=_posterior_rows(recording),
        charts=draw_charts(run_charts([recording]), 2),
        lineage=_lineage(recording),
        last=max(0, len(recording.frames) - 1),
        data=blob,
    )


def _posterior_rows(recording: Recording, most: int = 100) -> str:
    posterior = recording.posterior()
    exact = recording.target
    rows = ["<tr><th>text</th><th>probability</th><th></th>" + ("<th>exact</th>" if exact else "") + "</tr>"]
    for text, share in list(posterior.items())[:most]:
        known = f"<td>{exact.get(text, 0.0):.4f}</td>" if exact else ""
        bar = f'<span class="bar" style="width:{share * 200:.1f}px"></span>'
        rows.append(f"<tr><td><code>{html.escape(text)}</code></td><td>{share:.4f}</td><td>{bar}</td>{known}</tr>")
    if len(posterior) > most:
        rows.append(f"<tr><td>and {len(posterior) - most} more</td></tr>")
    return "".join(rows) if posterior else "<tr><td>every sample is a dead end</td></tr>"


def _lineage(recording: Recording) -> str:
    """Circles for rows (top to bottom) and steps (left to right), their area the normalised weight."""
    frames = recording.frames
    if not frames:
        return "<p>No steps were recorded.</p>"
    most = max(len(frame.texts) for frame in frames)
    rows = min(most, max(1, _CIRCLES // len(frames)))
    across, down = 22, 16
    width, height = len(frames) * across + 30, rows * down + 20
    parts = [
        f'<svg id="lineage" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}">'
    ]
    for step, frame in enumerate(frames):
        x = 20 + step * across
        weights = normalised_weights(np.array(frame.log_weights)).tolist()
        for row, parent in enumerate(frame.parents[:rows]):
            if parent < rows:
                colour = "#ccc" if parent == row else "#e08a00"
                before = (x - across, 12 + parent * down)
                parts.append(
                    f'<path class="edge" data-s="{step}" data-r="{row}" d="M{before[0]} {before[1]}L{x} '
                    f'{12 + row * down}" stroke="{colour}"/>'
                )
        for row in range(min(rows, len(frame.texts))):
            radius = 1.2 + 6 * math.sqrt(weights[row]) if weights[row] > 0 else 1.2
            label = f"step {step + 1}, row {row}: {frame.states[row]}, weight {weights[row]:.3g}\n{frame.texts[row]}"
            if frame.details:
                label += f"\n{frame.details[row]}"
            parts.append(
                f'<circle data-s="{step}" data-r="{row}" cx="{x}" cy="{12 + row * down}" r="{radius:.2f}" '
                f'fill="{_STATE_COLOURS[frame.states[row]]}"><title>{html.escape(label)}</title></circle>'
            )
    parts.append("</svg>")
    if rows < most:
        parts.append(f"<p>The first {rows} of {most} rows; the table below has all of them.</p>")
    return "".join(parts)


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 14px/1.45 sans-serif; margin: 2em; color: #222; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 2px 10px; border-bottom: 1px solid #eee; vertical-align: top; }}
code, pre {{ font: 12px monospace; white-space: pre-wrap; overflow-wrap: anywhere; }}
.bar {{ display: inline-block; height: 9px; background: #0b6bcb; }}
.scroll {{ overflow: auto; max-height: 640px; border: 1px solid #ddd; }}
.edge {{ stroke-width: 1; }}
svg .on {{ stroke: #d1495b; stroke-width: 2.5; }}
.key span {{ margin-right: 1.2em; }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>{facts}</table>
{notes}
<details><summary>Prompt</summary><pre>{prompt}</pre></details>
<h2>Posterior</h2>
<table>{posterior}</table>
<h2>Charts</h2>
{charts}
<h2>Rows from step to step</h2>
<p class="key"><span style="color:#0b6bcb">active</span><span style="color:#2e8b57">finished, accepted</span>
<span style="color:#c9a227">rejected</span><span style="color:#d1495b">dead</span>
An orange line leads from the row that was copied; a circle's area is its weight. Click one to follow its line back.</p>
<div class="scroll">{lineage}</div>
<h2>What each row held</h2>
<label>Step <input id="step" type="range" min="0" max="{last}" value="{last}"> <output id="number"></output></label>
<div class="scroll"><table id="rows"></table></div>
<script id="data" type="application/json">{data}</script>
<script>
"use strict";
const frames = JSON.parse(document.getElementById("data").textContent);
const slider = document.getElementById("step"), table = document.getElementById("rows");
function cell(row, text, code) {{
  const one = row.insertCell();
  if (code) {{ const inner = document.createElement("code"); inner.textContent = text; one.append(inner); }}
  else one.textContent = text;
  return one;
}}
function show() {{
  const step = Number(slider.value), frame = frames[step];
  document.getElementById("number").textContent = frame ? step + 1 : "none";
  table.replaceChildren();
  if (!frame) return;
  frame.texts.forEach((text, number) => {{
    const row = table.insertRow();
    cell(row, number); cell(row, frame.states[number]);
    const bar = document.createElement("span");
    bar.className = "bar"; bar.style.width = 200 * frame.weights[number] + "px";
    cell(row, frame.weights[number].toPrecision(3)).append(" ", bar);
    cell(row, text, true); cell(row, frame.details[number] || "");
  }});
}}
slider.addEventListener("input", show);
const lineage = document.getElementById("lineage");
if (lineage) lineage.addEventListener("click", event => {{
  for (const one of lineage.querySelectorAll(".on")) one.classList.remove("on");
  const circle = event.target.closest("circle");
  if (!circle) return;
  let step = Number(circle.dataset.s), row = Number(circle.dataset.r);
  slider.value = step; show();
  while (step >= 0) {{
    for (const one of lineage.querySelectorAll(`[data-s="${{step}}"][data-r="${{row}}"]`)) one.classList.add("on");
    const parents = frames[step].parents;
    if (!parents.length) break;
    row = parents[row]; step -= 1;
  }}
}});
show();
</script>
</body>
</html>
"""
