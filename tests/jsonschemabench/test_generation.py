"""Generated outputs: the loop, the estimate of what masking bends, field-level accuracy."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the extra hf")
pytest.importorskip("transformers", reason="needs the extra hf")

from jsonschemabench.generation import Generator, alignment, draw, fields_right, generation_tokenizer, leaves, unpack
from jsonschemabench.metrics import quality
from jsonschemabench.run_folder import Records
from jsonschemabench.verdicts import judge

SCHEMA = {
    "type": "object",
    "properties": {
        "colour": {"enum": ["red", "green", "blue"]},
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["colour", "size"],
    "additionalProperties": False,
}


def generator(engine: str, **more: Any) -> Generator:
    settings: dict[str, Any] = {
        "engine": engine, "model": "embedded", "outputs": 3, "max_new_tokens": 40, "temperature": 1.0, "seed": 5,
        "device": "cpu",
    }  # fmt: skip
    return Generator(settings | more, generation_tokenizer(settings))


def request(**more: Any) -> dict[str, Any]:
    return {"case": {"id": "x", "schema": SCHEMA, "tests": [], "reference": {"colour": "red", "size": 4}} | more}


@pytest.mark.slow
def test_masked_outputs_are_valid_and_cost_probability() -> None:
    """All finished texts fit; the same seed gives the same texts; what the mask took away is accounted for."""
    made = generator("grammarlib")
    answer = made.handle(request())
    texts = answer["texts"]
    assert len(texts) == 3 and all(one["finished"] and not one["dead_end"] for one in texts)
    assert judge(SCHEMA, [one["text"] for one in texts])[0] == "111"
    assert all(one["lost_nats"] > 0 and one["log_probability"] < 0 for one in texts)
    assert all(0 <= one["mask_seconds"] <= one["seconds"] for one in texts)
    assert all(one["fields"][1] == 2 for one in texts)
    again = made.handle(request())["texts"]
    assert [one["text"] for one in again] == [one["text"] for one in texts]
    assert answer["alignment"]["texts"] == 3


@pytest.mark.slow
def test_an_aligned_sampler_knows_the_constraint_s_probability() -> None:
    """Two texts are allowed: the estimate of log Z is exact after a few draws, and masked samples are away from it."""
    answer = generator("grammarlib", outputs=2, aligned=12).handle(request(schema={"enum": ["red", "green"]}))
    found = answer["aligned"]
    assert found["draws"] == 12
    assert -60 < found["log_evidence"] < 0
    # Of masked samples, log Z - mean(log w) estimates a divergence; with both near the truth it is hardly negative.
    assert found["divergence_nats"] > -1
    assert "aligned" not in generator("none", outputs=1, aligned=4).handle(request())


def test_without_an_engine_nothing_is_lost() -> None:
    """The model on its own: no probability lost, all weights equal."""
    answer = generator("none", outputs=2, max_new_tokens=5).handle(request())
    assert [one["lost_nats"] for one in answer["texts"]] == [0.0, 0.0]


def test_a_refusal_is_an_answer() -> None:
    """And not a failure of the run."""
    answer = generator("grammarlib", outputs=1).handle(request(schema={"pattern": "("}))
    assert answer["error"]["type"] == "InvalidSource"


@pytest.mark.slow
def test_greedy_outputs_do_not_depend_on_the_seed() -> None:
    """Temperature 0 takes the likeliest token that is allowed."""
    first = generator("grammarlib", outputs=1, temperature=0.0, seed=1).handle(request())
    second = generator("grammarlib", outputs=1, temperature=0.0, seed=2).handle(request())
    assert first["texts"][0]["text"] == second["texts"][0]["text"]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8).filter(any), st.floats(0, 1, exclude_max=True))
def test_draws_follow_the_weights(weights: list[float], uniform: float) -> None:
    """By inversion: the cumulative sum up to the index holds the uniform number, and weight 0 is never drawn."""
    index = draw(np.asarray(weights), uniform)
    cumulative = np.cumsum(weights)
    assert weights[index] > 0
    assert (cumulative[index] - weights[index]) <= uniform * cumulative[-1] * (1 + 1e-12)


def test_the_estimate_of_divergence_is_that_of_an_enumerated_model() -> None:
    """Two texts, masked with probability 1/2 each, weights 0.1 and 0.3: KL(masked, aligned) by hand.

    The aligned distribution has 1/4 and 3/4; KL = ln(1/2 / 1/4) / 2 + ln(1/2 / 3/4) / 2.
    """
    lost = [-math.log(0.1), -math.log(0.3)] * 500
    found = alignment(lost, 1000)
    assert found is not None
    expected = (math.log(2) + math.log(2 / 3)) / 2
    assert found["divergence_nats"] == pytest.approx(expected, abs=1e-6)
    assert found["effective_share"] == pytest.approx(0.2**2 / ((0.1**2 + 0.3**2) / 2), abs=1e-6)
    assert alignment([1.0], 5) is None
    assert alignment([0.5, 0.5], 4) == {"divergence_nats": 0.0, "effective_share": 0.5, "texts": 2}


def test_fields() -> None:
    """Leaves by path: types matter, order of keys does not, text that is no JSON has none."""
    reference = json.dumps({"a": 1, "b": [True, {"c": None}], "d": {}})
    assert fields_right(reference, reference) == (4, 4)
    assert fields_right(reference, '{"d": {}, "b": [1, {"c": null}], "a": 1.0}') == (3, 4)
    assert fields_right(reference, '{"a": 1, "b"') == (0, 4)
    assert leaves([]) == {(): ("list", "[]")}
    deep = "[" * 500 + "1" + "]" * 500
    assert fields_right(deep, deep) == (1, 1)


def test_masks_are_unpacked_to_the_model_s_width() -> None:
    """Wider models get no more tokens."""
    words = np.asarray([5], dtype=np.int32)
    assert unpack(words, 3).tolist() == [True, False, True]
    assert unpack(words, 40).sum() == 2


def test_quality_of_an_engine() -> None:
    """Validity is of finished texts, compliance of schemas."""
    records = Records()
    text = {
        "finished": True, "tokens": 10, "seconds": 1.0, "mask_seconds": 0.1, "first_token_seconds": 0.2,
        "lost_nats": 2.0, "fields": [1, 2],
    }  # fmt: skip
    for case, verdicts in (("x", "11"), ("y", "10")):
        records.add({"kind": "output", "engine": "e", "case": case, "texts": [text, text], "verdicts": verdicts})
    records.add({"kind": "output", "engine": "e", "case": "z", "error": {}, "verdicts": ""})
    found = quality(records, "e")
    assert found is not None
    assert (found.schemas, found.generated, found.finished, found.valid, found.compliant_schemas) == (3, 4, 4, 3, 1)
    assert (found.tokens, found.lost_nats, found.fields_right, found.fields) == (40, 8.0, 4, 8)
    assert quality(records, "other") is None
