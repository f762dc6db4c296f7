"""Recorded runs and what is drawn of them; small languages enumerated through the model."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from samplers import SMC, AlignedSampling, MarkovChains, MaskedSampling, MaskSampler
from samplers.enumeration import ExactTarget, enumerate_target
from samplers.errors import SamplerError
from samplers.pictures import Chart, Series, divergences, draw_charts, particle_page, run_charts
from samplers.potentials import FromFunction
from samplers.recording import Recorder, Recording, pooled_posterior, with_target
from tests.oracles.sampler_enumeration import VOCABULARY, exact_target, language, random_table

MODEL = random_table(4)
TEXTS = ["ab", "ba", "c", "cc", "abc"]
POTENTIAL = language(TEXTS)


def record(name: str, **more: Any) -> Recording:
    """A recorded run on the common language."""
    recorder = Recorder(VOCABULARY, mode=name if name in ("asap", "weighted", "cars") else "weighted")  # type: ignore[arg-type]
    if name == "mask":
        [samples] = MaskedSampling(MODEL, POTENTIAL, n=8, max_tokens=4).sample([[]], 3, callback=recorder)
    elif name == "smc":
        algorithm = SMC(MODEL, POTENTIAL, n=8, max_tokens=4, ess_threshold=1.0, token_sampler=MaskSampler())
        [samples] = algorithm.run([[]], 3, callback=recorder)
    elif name == "mcmc":
        [samples] = MarkovChains(MODEL, POTENTIAL, n=8, max_tokens=4).sample([[]], 5, 3, callback=recorder)
    else:
        sampler = AlignedSampling(MODEL, POTENTIAL, mode=name, batch=4, max_tokens=4)  # type: ignore[arg-type]
        [samples] = sampler.sample([[]], 8, 3, callback=recorder)
    return recorder.recording(name, samples, prompt="<p> & more", **more)


# The exact target


@pytest.mark.parametrize("rows", [1, 64])
def test_enumeration_is_exact(rows: int) -> None:
    """The law of every text, in floats, is that of rational enumeration; with a black box beside the grammar too."""
    for potential in (POTENTIAL, POTENTIAL * FromFunction(VOCABULARY, complete=lambda text: -0.5 * text.count("c"))):
        target, evidence = exact_target(MODEL, potential, 3)
        found = enumerate_target(MODEL, potential, [], max_tokens=3, rows=rows)
        assert found.log_evidence == pytest.approx(math.log(evidence), abs=1e-12)
        assert found.law == pytest.approx({t: float(w / evidence) for t, w in target.items() if w}, abs=1e-12)
        assert found.missing == 0
        assert list(found.law.values()) == sorted(found.law.values(), reverse=True)


def test_enumeration_is_bounded() -> None:
    """What is left is counted and bounds the error; too many prefixes, or no text at all, are refused."""
    full = enumerate_target(MODEL, POTENTIAL, [], max_tokens=4)
    part = enumerate_target(MODEL, POTENTIAL, [], max_tokens=4, min_probability=0.02)
    assert 0 < part.prefixes < full.prefixes
    assert 0 < 1 - math.exp(part.log_evidence - full.log_evidence) <= part.missing
    with pytest.raises(SamplerError, match="max_prefixes"):
        enumerate_target(MODEL, POTENTIAL, [], max_tokens=4, max_prefixes=2)
    with pytest.raises(SamplerError, match="empty"):
        enumerate_target(MODEL, language(["aaa"]), [], max_tokens=2)


def test_divergence_of_texts_that_were_not_followed() -> None:
    """They count with all that is missing: a lower bound, and infinite where nothing is."""
    target = ExactTarget({"a": 0.75, "b": 0.25}, 0.0, 0.001, 3)
    assert target.divergence_of({"a": 0.75, "b": 0.25}) == 0
    assert target.divergence_of({"z": 1.0}) == pytest.approx(math.log(1000))
    assert ExactTarget({"a": 1.0}, 0.0, 0.0, 3).divergence_of({"z": 1.0}) == math.inf
    assert target.divergence_of({}) == math.inf


# Recordings


@pytest.mark.parametrize("name", ["mask", "smc", "mcmc", "weighted", "asap", "cars"])
def test_recordings_are_plain_data(name: str) -> None:
    """Back from JSON unchanged; the last frame holds the samples, with what they cost."""
    recording = record(name)
    assert Recording.from_json(recording.to_json()) == recording
    json.loads(recording.to_json(), parse_constant=lambda word: pytest.fail(word))
    last = recording.frames[-1]
    assert last.model_calls == recording.statistics["model_calls"]
    if name in ("mask", "mcmc"):
        assert last.texts == recording.texts
    if name in ("weighted", "asap"):
        assert tuple(text for frame in recording.frames for text in frame.texts)[:8] == recording.texts
        [*_, point] = recording.checkpoints()
        assert point.law == pytest.approx(recording.posterior())
    for wrong in ("", "{}", '{"format":"grammarlib recording 1"}', "[]", recording.to_json()[:-40]):
        with pytest.raises(SamplerError, match="no recording"):
            Recording.from_json(wrong)


def test_particles_and_their_parents() -> None:
    """Each row of a frame goes on from its parent's text, and weights after resampling start equal."""
    recording = record("smc")
    assert any(frame.parents not in ((), tuple(range(8))) for frame in recording.frames)
    for before, after in zip(recording.frames, recording.frames[1:], strict=False):
        for row, parent in enumerate(after.parents):
            assert after.texts[row].startswith(before.texts[parent])
            if before.states[parent] == "finished":
                assert after.states[row] == "finished"
    assert sorted(recording.texts) == sorted(recording.frames[-1].texts[row] for row in _last_parents(recording))
    assert len(recording.checkpoints()) == 1
    expanded = SMC(MODEL, POTENTIAL, n=4, max_tokens=4, resampling="optimal", expansion=2)
    with pytest.raises(SamplerError, match="expansion"):
        expanded.run([[]], 0, callback=Recorder(VOCABULARY))


def _last_parents(recording: Recording) -> range:
    """Finished populations are not resampled: the last frame is the result."""
    return range(len(recording.texts))


def test_checkpoints_are_smaller_runs() -> None:
    """Of independent rows, what fewer of them would have given, with what they would have cost."""
    points = record("mask").checkpoints()
    assert [point.samples for point in points] == [1, 2, 4, 8]
    [fewer] = MaskedSampling(MODEL, POTENTIAL, n=4, max_tokens=4).sample([[]], 3)
    assert points[2].law == pytest.approx(fewer.posterior())
    assert points[2].model_calls == fewer.statistics.model_calls
    chains = record("mcmc")
    assert [point.samples for point in chains.checkpoints()] == [8] * 5
    accepted = record("cars").checkpoints()
    assert accepted[-1].samples >= 8
    assert all(point.samples <= 4 * number for number, point in enumerate(accepted, 1))


def test_a_recorder_refuses_strangers() -> None:
    with pytest.raises(SamplerError, match="knows nothing"):
        Recorder(VOCABULARY)(object(), object())


# Pictures


def test_charts_show_every_line() -> None:
    """One path a line, points where they belong, nothing that is no number."""
    rising = Series("rising <1>", ((1, 10), (10, 100), (100, 1000)))
    odd = Series("odd", ((1, math.inf), (0, 5), (10, math.nan)))
    drawing = draw_charts([Chart("a & b", "x", "y", (rising, odd), log_x=True, log_y=True)])
    root = ElementTree.fromstring(drawing)
    words = [element.text for element in root.iter() if element.text and element.text.strip()]
    assert {"a & b", "rising <1>", "odd (nothing to show)", "x", "y"} <= set(words)
    circles = [element for element in root.iter() if element.tag.endswith("circle")]
    places = [(float(one.get("cx", "")), float(one.get("cy", ""))) for one in circles]
    assert len(places) == 3
    assert places[1][0] - places[0][0] == pytest.approx(places[2][0] - places[1][0], abs=0.2)
    assert places[0][1] > places[1][1] > places[2][1]
    for chart in (Chart("", "", "", (Series("", ((3.0, 3.0),)),)), Chart("", "", "", ())):
        assert ElementTree.fromstring(draw_charts([chart, chart, chart])) is not None
    with pytest.raises(SamplerError, match="no chart"):
        draw_charts([])


def test_charts_of_runs() -> None:
    """Against the exact target where one is known, else against all runs together, which the title says."""
    runs = [record(name) for name in ("mask", "smc", "mcmc", "cars")]
    titles = [chart.title for chart in run_charts(runs)]
    assert titles[0] == "ESS before resampling"
    assert any("pooled" in title for title in titles)
    target = enumerate_target(MODEL, POTENTIAL, [], max_tokens=4).law
    known = [with_target(run, target) for run in runs]
    assert all("pooled" not in chart.title for chart in run_charts(known))
    [*_, (point, divergence)] = divergences(known[0], target)
    assert divergence == pytest.approx(sum(p * math.log(p / target[t]) for t, p in point.law.items()))
    assert sum(pooled_posterior(runs).values()) == pytest.approx(1)
    with pytest.raises(SamplerError, match="no recorded run"):
        run_charts([])


class _Page(HTMLParser):
    """Collects tags and their attributes, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["mask", "smc", "mcmc", "cars"])
def test_the_page_holds_everything_and_loads_nothing(name: str) -> None:
    """A circle for each row and step, the data of the scripts, no address, nothing of the prompt as markup."""
    recording = record(name, seed=3)
    text = particle_page(recording)
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert not [found for found in page.attributes if found[1] in ("src", "href", "srcset", "data")]
    rows = sum(len(frame.texts) for frame in recording.frames)
    assert text.count("<circle data-s=") == rows
    assert "&lt;p&gt; &amp; more" in text
    assert "<p> & more" not in text
    blob = text.split('type="application/json">')[1].split("</script>")[0]
    assert [frame["texts"] for frame in json.loads(blob)] == [list(frame.texts) for frame in recording.frames]


def test_hostile_texts_stay_texts() -> None:
    """A text that would close the script element, and one of control characters."""
    recording = record("mask")
    evil = "</script><script>alert(1)</script>\x00\ud7ff"
    frames = tuple(
        type(frame)(**{field: getattr(frame, field) for field in frame.__slots__} | {"texts": (evil,) * 8})
        for frame in recording.frames
    )
    spoilt = Recording(
        **{field: getattr(recording, field) for field in recording.__slots__} | {"frames": frames, "texts": (evil,) * 8}
    )
    text = particle_page(spoilt)
    assert "<script>alert" not in text
    assert np.isclose(sum(spoilt.posterior().values()), 1)
