"""Slow truth for samplers: every text of a small language with its weight, in rational numbers where there are any.

A vocabulary of five: a, b, c, a special token, and the end.  Nothing here is shared with the samplers but the
potentials' own contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

import grammarlib as gl
from samplers.models import TableModel
from samplers.potentials import CompiledPotential, Potential

TOKENS: list[bytes | None] = [b"a", b"b", b"c", None, None]
SIZE = len(TOKENS)
EOS = SIZE - 1
VOCABULARY = gl.Vocabulary(TOKENS, [EOS])


def random_table(seed: int, exponent: int = 2, zeros: float = 0.0) -> TableModel:
    """Rational conditionals over the five tokens."""
    return TableModel.random(SIZE, seed=seed, exponent=exponent, zeros=zeros)


def language(texts: Sequence[str]) -> CompiledPotential:
    """Exactly these texts."""
    return CompiledPotential(gl.compile(gl.Choice(list(texts)), VOCABULARY))


def exact_target(
    model: TableModel, potential: Potential, max_tokens: int, prompt: Sequence[int] = ()
) -> tuple[dict[str, Fraction], Fraction]:
    """p(x) exp(complete(x)) of every text x of at most ``max_tokens`` letters that has a weight, and their sum.

    Exact where the potential is a condition; else weights are floats made rational.
    """
    target: dict[str, Fraction] = {}
    pending: list[tuple[tuple[int, ...], Fraction]] = [((), Fraction(1))]
    while pending:
        sequence, probability = pending.pop()
        law = model.probabilities((*prompt, *sequence))
        state = potential.start(1)
        for token in sequence:
            state.advance(np.array([token]))
        weight = float(np.exp(state.complete()[0]))
        if weight:
            text = b"".join(TOKENS[token] or b"" for token in sequence).decode()
            factor = Fraction(1) if weight == 1.0 else Fraction(weight)
            value = probability * Fraction(law[EOS]) * factor
            if value:
                target[text] = value
        if len(sequence) < max_tokens:
            pending += [((*sequence, token), probability * Fraction(law[token])) for token in range(3) if law[token]]
    return target, sum(target.values(), Fraction(0))
