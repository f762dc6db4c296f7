"""Small worlds for SMC: an exact model, potentials with known weights, every text enumerated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from grammarlib import Vocabulary
from samplers.models import TableModel
from samplers.potentials import FromFunction, Potential

LETTERS = Vocabulary([b"a", b"b", b"c", None], eos_token_ids=[3])
EOS = 3


@cache
def model() -> TableModel:
    """Three letters; laws with zeros, uneven."""
    return TableModel.random(4, seed=11, exponent=2, zeros=0.1)


def no_double(data: bytes) -> bool:
    """A condition that beginnings show."""
    return b"aa" not in data and b"cb" not in data


def even(data: bytes) -> bool:
    """A condition that only whole texts show."""
    return data.count(b"b") % 2 == 0


def taste(data: bytes) -> float:
    """A score."""
    return 0.8 * data.count(b"a") - 0.5 * data.count(b"c")


@cache
def grammar() -> Potential:
    """Refuses at once, and at the end."""
    return FromFunction(LETTERS, prefix=no_double, complete=lambda data: no_double(data) and even(data), level="bytes")


@cache
def critic() -> Potential:
    """Scores beginnings otherwise than whole texts, so that twists must be taken out; kills some texts late."""
    return FromFunction(
        LETTERS,
        prefix=lambda data: -0.4 * data.count(b"a") if data.count(b"c") < 3 else -math.inf,
        complete=lambda data: taste(data) if data.count(b"c") < 3 else -math.inf,
        level="bytes",
    )


def enumerate_target(max_tokens: int, weights: Sequence[Callable[[bytes], float]]) -> dict[bytes, float]:
    """p(x) times the weights, for every text of at most so many tokens."""
    found = {}
    for length in range(max_tokens + 1):
        for ids in itertools.product(range(3), repeat=length):
            data = bytes(b"abc"[token] for token in ids)
            p = 1.0
            for place in range(length + 1):
                law = model().probabilities(ids[:place])
                p *= float(law[ids[place] if place < length else EOS])
            for weight in weights:
                p *= weight(data)
            if p > 0:
                found[data] = p
    return found


def grammar_weight(data: bytes) -> float:
    return float(no_double(data) and even(data))


def critic_weight(data: bytes) -> float:
    return math.exp(taste(data)) if data.count(b"c") < 3 else 0.0


def standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values)))
