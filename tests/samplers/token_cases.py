"""Laws, conditions and potentials of one step: what token samplers are tested on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

LAW = [Fraction(p, 200) for p in (150, 30, 10, 5, 3, 2)]
"""One likely token and a tail."""

FLAT = [Fraction(p, 20) for p in (6, 5, 4, 3, 2)]

CONDITIONS = {
    "head valid": [True, False, True, False, False, True],
    "head invalid": [False, True, False, True, False, False],
    "tail valid": [False, False, False, False, True, True],
    "all valid": [True] * 6,
    "one valid, likely": [True, False, False, False, False, False],
    "one valid, unlikely": [False, False, False, False, False, True],
    "dead end": [False] * 6,
}


FACTORS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a mask": {"allowed": [False, True, True, False, True, True]},
    "one token": {"allowed": [False, False, False, True, False, False]},
    "dense": {"dense": [Fraction(1, 2), Fraction(2), Fraction(0), Fraction(1), Fraction(1, 3), Fraction(5)]},
    "mask and dense": {
        "allowed": [True, True, False, True, True, False],
        "dense": [Fraction(0), Fraction(2), Fraction(1), Fraction(1, 7), Fraction(3), Fraction(1)],
    },
    "checks": {"checks": [Fraction(1), Fraction(0), Fraction(1, 4), Fraction(3), Fraction(1), Fraction(0)]},
    "all": {
        "allowed": [True, True, False, True, True, True],
        "dense": [Fraction(1, 9), Fraction(2), Fraction(1), Fraction(0), Fraction(3), Fraction(1)],
        "checks": [Fraction(0), Fraction(1, 3), Fraction(1), Fraction(1), Fraction(2), Fraction(1)],
    },
    "dead end by the mask": {"allowed": [False] * 6},
    "dead end by checks": {"checks": [Fraction(0)] * 6},
}
"""Factors of `LAW`, in rational numbers: mask, dense factor, check; what is absent is 1."""


class OneStep:
    """A potential's state at one place of a text, the same for every row.

    ``scores``: what `check` says of each token; None: it has no checks.  ``allowed``: the mask's bits, None for no
    mask.  ``dense``: log weights, or None.
    """

    def __init__(
        self,
        rows: int,
        scores: Sequence[float] | NDArray[np.float64] | None = None,
        allowed: Sequence[bool] | NDArray[np.bool_] | None = None,
        dense: Sequence[float] | None = None,
    ) -> None:
        self.rows = rows
        self.has_checks = scores is not None
        self.scores = None if scores is None else np.asarray(scores, dtype=np.float64)
        self.allowed = allowed
        self.dense = dense
        self.constraint_checks = 0
        self.calls = 0
        self._handed: list[torch.Tensor] = []

    def _asked(self) -> None:
        """What was handed out is nobody's any more."""
        for tensor in self._handed:
            tensor.fill_(torch.nan if tensor.is_floating_point() else 0)
        self._handed.clear()

    def mask(self) -> torch.Tensor | None:
        self._asked()
        if self.allowed is None:
            return None
        bits = np.packbits(np.asarray(self.allowed, dtype=np.bool_), bitorder="little")
        bits = np.pad(bits, (0, -len(bits) % 4))
        self._handed.append(torch.from_numpy(bits.view(np.int32).copy()).repeat(self.rows, 1))
        return self._handed[-1]

    def log_weights_next(self) -> torch.Tensor | None:
        self._asked()
        if self.dense is None:
            return None
        self._handed.append(torch.tensor([list(self.dense)], dtype=torch.float64).repeat(self.rows, 1))
        return self._handed[-1]

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        assert self.scores is not None and len(rows) == len(tokens)
        assert ((rows >= 0) & (rows < self.rows)).all()
        self._asked()
        self.calls += 1
        self.constraint_checks += len(rows)
        return self.scores[tokens]

    def advance(self, tokens: NDArray[np.int64]) -> None:
        raise AssertionError("a token sampler does not advance the potential")

    def select(self, ancestors: NDArray[np.int64]) -> None:
        raise AssertionError("a token sampler does not move rows")

    def prefix(self) -> NDArray[np.float64]:
        raise AssertionError("not asked")

    def complete(self) -> NDArray[np.float64]:
        raise AssertionError("not asked")


class ScriptedRace:
    """A race whose order is given: row i draws ``orders[i]``, in this order, all of it."""

    def __init__(self, law: Sequence[float], orders: Sequence[Sequence[int]]) -> None:
        self.tokens = np.array(orders, dtype=np.int64)
        self.probabilities = np.asarray(law, dtype=np.float64)[self.tokens]
        behind = np.cumsum(self.probabilities[:, ::-1], axis=1)[:, ::-1]
        self.rest = np.concatenate([behind[:, 1:], np.zeros((len(orders), 1))], axis=1)
        self.times = np.broadcast_to(np.arange(1.0, self.tokens.shape[1] + 1), self.tokens.shape)

    @property
    def rows(self) -> int:
        return len(self.tokens)

    def fetch(self, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        return positions < self.tokens.shape[1]


def scores_of(condition: Sequence[bool]) -> list[float]:
    """0 and -inf."""
    return [0.0 if valid else -np.inf for valid in condition]


def logits_of(law: Sequence[Fraction | float], rows: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Logits of one law for every row."""
    logs = torch.tensor([float(p) for p in law], dtype=torch.float64).log()
    return logs.to(dtype).repeat(rows, 1)


def logs_of(values: Sequence[Fraction]) -> list[float]:
    """Logarithms, -inf of 0."""
    return [math.log(value) if value else -math.inf for value in values]


def step_of(factors: dict[str, Any], rows: int) -> OneStep:
    """One of `FACTORS` as a potential's state."""
    checks, dense = factors.get("checks"), factors.get("dense")
    return OneStep(
        rows,
        None if checks is None else logs_of(checks),
        allowed=factors.get("allowed"),
        dense=None if dense is None else logs_of(dense),
    )


def target_of(factors: dict[str, Any]) -> list[Fraction]:
    """p(v) times mask, dense factor and check, with p `LAW`."""
    ones = [Fraction(1)] * 6
    parts = (factors.get("allowed", ones), factors.get("dense", ones), factors.get("checks", ones))
    return [p * Fraction(a) * d * c for p, a, d, c in zip(LAW, *parts, strict=True)]
