"""Adaptive weighted rejection sampling: weights by enumeration, in rational numbers where the estimator is rational.

Three layers.  The weight formulas are run on fractions over every trace, and the expectation must *equal* the target.
Murthy's weight, an integral, is compared with sums over orders.  Then the batched code itself is run on every order
at once, and on many draws where a run needs more than an order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.noise import stream_keys
from samplers.token import AWRS, Choices, Estimator, Geometric, Murthy, Recursive, StoppingRule, TwoLoop, pick
from samplers.token.murthy import log_first_given_set
from samplers.token.race import Race
from tests.oracles import token_enumeration as oracle
from tests.samplers.token_cases import CONDITIONS, FLAT, LAW, OneStep, ScriptedRace, logits_of, scores_of

RULES = {
    "default": StoppingRule(),
    "2 accepts": StoppingRule(tolerance=None),
    "3 accepts": StoppingRule(max_accepts=3, tolerance=None),
    "1 accept": StoppingRule(max_accepts=1, tolerance=None),
    "tolerance": StoppingRule(max_accepts=9, min_checks=2, tolerance=0.5),
    "budget 1": StoppingRule(max_checks=1),
    "budget 4": StoppingRule(max_checks=4, tolerance=None),
    "negligible": StoppingRule(tolerance=None, negligible=0.05),
    "exhaustion": StoppingRule(max_accepts=9, tolerance=None),
}

ESTIMATORS: dict[str, Estimator] = {
    "two loops": TwoLoop(),
    "two loops, averaged": TwoLoop(rao_blackwell=True),
    "recursive": Recursive(),
    "geometric 2": Geometric(2),
    "geometric 3, bounded": Geometric(3, max_rejects=3),
    **{f"murthy, {name}": Murthy(rule) for name, rule in RULES.items()},
}


class Improper:
    """The first accept with weight 1: what must fail."""

    def estimate(self, race: Race, check: Any, uniforms: Any) -> Choices:
        choices = Recursive().estimate(race, check, uniforms)
        return Choices(choices.tokens, np.where(choices.tokens >= 0, 0.0, -np.inf), choices.checks)


def exact_stops(rule: StoppingRule, law: Sequence[Fraction], condition: Sequence[bool]) -> oracle.Stops:
    """The rule in rational numbers."""

    def stops(checked: tuple[int, ...]) -> bool:
        accepts = sum(condition[token] for token in checked)
        accepted = sum((law[token] for token in checked if condition[token]), Fraction(0))
        rest = 1 - sum((law[token] for token in checked), Fraction(0))
        near = rule.tolerance is not None and rest <= Fraction(rule.tolerance) * accepted
        return (
            accepts >= rule.max_accepts
            or rest <= Fraction(rule.negligible).limit_denominator(1000)
            or (near and accepts >= 1 and len(checked) >= rule.min_checks)
            or (rule.max_checks is not None and len(checked) >= rule.max_checks)
        )

    return stops


# The formulas, in rational numbers


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("law", [LAW, FLAT], ids=["peaked", "flat"])
def test_rational_weights_are_exact(law: list[Fraction], name: str) -> None:
    """E[w 1{v}] = p(v) c(v), as fractions, for every estimator that is rational."""
    condition = CONDITIONS[name][: len(law)]
    expected = oracle.target(law, condition)
    assert oracle.two_loop(law, condition, rao_blackwell=False) == expected
    assert oracle.two_loop(law, condition, rao_blackwell=True) == expected
    assert oracle.recursive(law, condition) == expected
    short, valid = law[:3] + [1 - sum(law[:3])], condition[:4]
    assert oracle.geometric(short, valid, 2, 3) == oracle.target(short, valid)
    assert oracle.geometric(short, valid, 3, 2) == oracle.target(short, valid)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", CONDITIONS)
def test_murthys_weight_is_exact(name: str, rule: str) -> None:
    """The sum over sets is exact in fractions, and the integral is the sum, for every set that a run can end with."""
    law, condition = LAW, CONDITIONS[name]
    stops = exact_stops(RULES[rule], law, condition)
    assert oracle.murthy(law, condition, stops) == oracle.target(law, condition)

    sets = list(oracle.murthy_sets(law, stops).values())
    longest = max(len(order) for _, _, order in sets)
    probabilities = np.zeros((len(sets), longest))
    accepted = np.zeros((len(sets), longest), dtype=np.bool_)
    rest = np.zeros(len(sets))
    for row, (_, _, order) in enumerate(sets):
        probabilities[row, : len(order)] = [float(law[token]) for token in order]
        accepted[row, : len(order)] = [condition[token] for token in order]
        rest[row] = float(1 - sum(law[token] for token in order))
    lengths = np.array([len(order) for _, _, order in sets])
    found = np.exp(log_first_given_set(probabilities, accepted, lengths, rest, RULES[rule]))
    for row, (total, by_first, order) in enumerate(sets):
        for place, token in enumerate(order):
            expected = float(by_first.get(token, Fraction(0)) / total) if condition[token] else 0.0
            assert found[row, place] == pytest.approx(expected, abs=1e-10)


def test_the_improper_weight_fails() -> None:
    """The negative control of the rational test."""
    condition = CONDITIONS["head invalid"]
    assert oracle.improper(LAW, condition) != oracle.target(LAW, condition)


# The batched code, on every order


def expectation(estimator: Estimator, law: list[Fraction], scores: Sequence[float]) -> NDArray[np.float64]:
    """E[w 1{v}] over every order, each a row of one batch."""
    orders, probabilities = zip(*oracle.orders(law), strict=True)
    race = ScriptedRace([float(p) for p in law], orders)
    table = np.asarray(scores)
    choices = estimator.estimate(race, lambda rows, tokens: table[tokens], no_uniforms)
    weights = np.exp(choices.log_weights) * np.array([float(p) for p in probabilities])[:, None]
    return np.bincount(np.maximum(choices.tokens, 0).ravel(), weights.ravel(), minlength=len(law))


def no_uniforms(rows: NDArray[np.int64], count: int, start: int) -> NDArray[np.float64]:
    raise AssertionError("nothing but the order is random")


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name.startswith(("recursive", "murthy"))])
@pytest.mark.parametrize("name", CONDITIONS)
def test_every_order_in_one_batch(name: str, estimator: str) -> None:
    """The same equation through the code of real models, to rounding."""
    condition = CONDITIONS[name]
    expected = [float(value) for value in oracle.target(LAW, condition)]
    np.testing.assert_allclose(expectation(ESTIMATORS[estimator], LAW, scores_of(condition)), expected, atol=1e-10)


def test_scores_multiply() -> None:
    """A black box may weigh as well as refuse."""
    scores = [math.log(2.0), -np.inf, math.log(0.25), 0.0, -np.inf, 3.0]
    expected = [float(p) * math.exp(score) for p, score in zip(LAW, scores, strict=True)]
    for name in ("recursive", "murthy, default", "murthy, budget 4"):
        np.testing.assert_allclose(expectation(ESTIMATORS[name], LAW, scores), expected, atol=1e-10)


def test_improper_fails_in_the_batch() -> None:
    """The negative control of `test_every_order_in_one_batch`."""
    condition = CONDITIONS["head invalid"]
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            expectation(Improper(), LAW, scores_of(condition)),
            [float(value) for value in oracle.target(LAW, condition)],
            atol=1e-10,
        )


def test_a_lookahead_changes_checks_and_nothing_else() -> None:
    """More questions a call, the same choices."""
    scores = scores_of(CONDITIONS["head invalid"])
    orders = [order for order, _ in oracle.orders(LAW)]
    race = ScriptedRace([float(p) for p in LAW], orders)
    table = np.asarray(scores)
    calls: list[int] = []

    def check(rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        calls.append(len(rows))
        return table[tokens]

    one = Murthy().estimate(race, check, no_uniforms)
    rounds = len(calls)
    three = Murthy(lookahead=3).estimate(race, check, no_uniforms)
    assert len(calls) - rounds < rounds
    assert (three.checks >= one.checks).all() and three.checks.sum() > one.checks.sum()
    alive = one.log_weights > -np.inf
    assert (three.log_weights > -np.inf)[:, : alive.shape[1]].sum() == alive.sum()
    np.testing.assert_allclose(three.log_weights[:, : alive.shape[1]][alive], one.log_weights[alive])


# Draws


def draws(estimator: Estimator, count: int, step: OneStep, law: Sequence[Any], seed: int = 0) -> Any:
    """``count`` independent draws of one step."""
    keys = stream_keys(seed, np.arange(count))
    return AWRS(estimator).sample(logits_of(law, count), step, keys)


def assert_proper(estimator: Estimator, law: Sequence[Any], scores: Sequence[float], **factors: Any) -> None:
    """mean(w 1{v}) within 4 standard errors of the target for each v: false alarms, at most 1 in 2,600 a test."""
    count = 5000
    result = draws(estimator, count, OneStep(count, scores, **factors), law)
    allowed = factors.get("allowed") or [True] * len(law)
    dense = factors.get("dense") or [0.0] * len(law)
    for token, p in enumerate(law):
        values = np.where(result.tokens == token, np.exp(result.log_weights), 0.0)
        expected = float(p) * math.exp(scores[token] + dense[token]) * allowed[token]
        error = max(values.std() / math.sqrt(count), 1e-12)
        assert abs(values.mean() - expected) < 4 * error, f"token {token}: {values.mean()} for {expected}"


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("name", ["head valid", "head invalid", "all valid", "dead end"])
def test_draws_are_properly_weighted(name: str, estimator: str) -> None:
    """Everything at once: kernel, race, estimator and the choice."""
    assert_proper(ESTIMATORS[estimator], LAW, scores_of(CONDITIONS[name]))


@pytest.mark.parametrize("estimator", ["two loops", "geometric 2", "murthy, default"])
def test_draws_under_a_mask_and_dense_weights(estimator: str) -> None:
    """Only what mask and dense weights leave is drawn, and their mass is a factor."""
    assert_proper(
        ESTIMATORS[estimator],
        LAW,
        [0.0, 0.5, -np.inf, 0.0, -np.inf, -1.0],
        allowed=[False, True, True, True, True, True],
        dense=[0.0, -1.0, 0.0, 1.0, 0.0, -np.inf],
    )


def test_improper_draws_fail() -> None:
    """The negative control of `test_draws_are_properly_weighted`."""
    with pytest.raises(AssertionError):
        assert_proper(Improper(), LAW, scores_of(CONDITIONS["head invalid"]))


@pytest.mark.parametrize("estimator", ["two loops", "recursive", "geometric 2"])
def test_first_accepts_have_the_conditional_law(estimator: str) -> None:
    """Chi-square of the tokens themselves, 3 degrees of freedom; 25 is exceeded once in 60,000 runs."""
    count = 8000
    condition = [False, True, True, True, False, True]
    result = draws(ESTIMATORS[estimator], count, OneStep(count, scores_of(condition)), LAW)
    tokens = np.bincount(result.tokens, minlength=6)[[1, 2, 3, 5]]
    if estimator == "geometric 2":
        assert (result.tokens >= 0).all()
    law = np.array([float(LAW[token]) for token in (1, 2, 3, 5)])
    expected = law / law.sum() * tokens.sum()
    assert ((tokens - expected) ** 2 / expected).sum() < 25


def test_without_checks_it_is_masking() -> None:
    """Weight exactly the mass under the mask; nothing is asked."""
    count = 4000
    step = OneStep(count, None, allowed=[False, True, True, False, True, False])
    result = draws(Murthy(), count, step, LAW)
    np.testing.assert_allclose(np.exp(result.log_weights), float(LAW[1] + LAW[2] + LAW[4]), rtol=1e-14)
    tokens = np.bincount(result.tokens, minlength=6)
    expected = np.array([float(LAW[token]) for token in (1, 2, 4)])
    expected *= count / expected.sum()
    assert tokens[[0, 3, 5]].sum() == 0
    assert ((tokens[[1, 2, 4]] - expected) ** 2 / expected).sum() < 22
    assert result.checks.sum() == 0


@pytest.mark.parametrize(
    "estimator", ["two loops", "two loops, averaged", "recursive", "geometric 2", "murthy, default"]
)
@pytest.mark.parametrize("mass", [1e-12, 1e-30])
def test_tiny_valid_mass_survives(estimator: str, mass: float) -> None:
    """The only valid token has a probability far below rounding of one minus a sum."""
    law = [0.75, 0.25, mass]
    result = draws(ESTIMATORS[estimator], 8, OneStep(8, [-np.inf, -np.inf, 0.0]), law)
    assert (result.tokens == 2).all()
    if estimator == "geometric 2":  # its weight is itself a draw: one over one plus 1e12 rejects or so
        assert (result.log_weights < math.log(mass) + 10).all() and (result.log_weights > -np.inf).all()
    else:
        bound = 2.0 if estimator == "two loops" else 1.0
        ratio = np.exp(result.log_weights - math.log(mass))
        assert (ratio <= bound).all() and (ratio > 0.2).all()


def test_two_tiny_tokens() -> None:
    """Weights of what is unexplored are right where it is 1e-15."""
    law = [1.0, 3e-15, 1e-15]
    scores = [-np.inf, 0.0, 0.0]
    # The set {0, v} has v first with a chance of (unexplored + v), by the formula for two draws.
    result = draws(Murthy(StoppingRule(max_checks=2, tolerance=None)), 50, OneStep(50, scores), law)
    np.testing.assert_allclose(np.exp(result.log_weights), 4e-15, rtol=1e-9)
    assert set(result.tokens.tolist()) == {1, 2}
    exhaustive = draws(Murthy(StoppingRule(max_accepts=2, tolerance=None)), 16, OneStep(16, scores), law)
    np.testing.assert_allclose(np.exp(exhaustive.log_weights), 4e-15, rtol=1e-9)


def test_rows_are_independent_of_their_batch() -> None:
    """The same keys give the same draws alone, in other orders, and with rows left out."""
    rows = 24
    condition = scores_of(CONDITIONS["head invalid"])
    logits = logits_of(LAW, rows)
    keys = stream_keys(3, np.arange(rows))
    for estimator in ESTIMATORS.values():
        sampler = AWRS(estimator, block=1)
        together = sampler.sample(logits, OneStep(rows, condition), keys)
        alone = sampler.sample(logits[:1], OneStep(1, condition), keys[5:6])
        assert alone.tokens[0] == together.tokens[5]
        assert alone.log_weights[0] == pytest.approx(together.log_weights[5], abs=1e-12)
        active = np.arange(rows) % 3 == 0
        some = sampler.sample(logits, OneStep(rows, condition), keys, active)
        np.testing.assert_array_equal(some.tokens[active], together.tokens[active])
        assert (some.tokens[~active] == -1).all() and (some.log_weights[~active] == 0).all()
        assert (some.checks[~active] == 0).all()
        wide = AWRS(estimator, block=64).sample(logits, OneStep(rows, condition), keys)
        np.testing.assert_array_equal(wide.tokens, together.tokens)
        np.testing.assert_array_equal(wide.checks, together.checks)


def test_all_rows_are_asked_together() -> None:
    """One call a round, whatever the number of rows."""
    step = OneStep(500, scores_of(CONDITIONS["head invalid"]))
    result = draws(Murthy(), 500, step, LAW)
    assert step.calls <= 6
    assert step.constraint_checks == result.checks.sum()


def test_dead_ends_have_no_token() -> None:
    """By the black box, by the mask, by dense weights."""
    for step in (
        OneStep(3, [-np.inf] * 6),
        OneStep(3, [0.0] * 6, allowed=[False] * 6),
        OneStep(3, [0.0] * 6, dense=[-np.inf] * 6),
        OneStep(3, None, dense=[-np.inf] * 6),
    ):
        for estimator in ESTIMATORS.values():
            result = draws(estimator, 3, step, LAW)
            assert (result.tokens == -1).all() and (result.log_weights == -np.inf).all()


def test_logits_wider_than_the_potential() -> None:
    """Tokens past the mask and past the dense weights are never drawn."""
    step = OneStep(40, [0.0] * 40, allowed=[True] * 4)
    result = AWRS().sample(torch.zeros(40, 40), step, stream_keys(0, np.arange(40)))
    assert result.tokens.max() < 32  # the words of the mask
    narrow = OneStep(40, [0.0] * 40, dense=[0.0] * 3)
    result = AWRS().sample(torch.zeros(40, 40), narrow, stream_keys(0, np.arange(40)))
    assert result.tokens.max() < 3
    np.testing.assert_allclose(result.log_weights, math.log(3 / 40), atol=0.9)


def test_errors() -> None:
    """Numbers that make no rule, and logits or scores that are no numbers."""
    for arguments in (
        {"max_accepts": 0},
        {"min_checks": 0},
        {"max_checks": 0},
        {"negligible": 1.0},
        {"tolerance": -1.0},
    ):
        with pytest.raises(SamplerError):
            StoppingRule(**arguments)  # type: ignore[arg-type]
    for make in (lambda: Geometric(1), lambda: Geometric(2, max_rejects=0), lambda: AWRS(block=0)):
        with pytest.raises(SamplerError):
            make()
    keys = stream_keys(0, np.arange(1))
    for bad in (float("nan"), float("inf")):
        with pytest.raises(SamplerError):
            AWRS().sample(torch.tensor([[0.0, bad]]), OneStep(1, [0.0, 0.0]), keys)
        with pytest.raises(SamplerError):
            AWRS().sample(torch.zeros(1, 2), OneStep(1, [bad, bad]), keys)
    with pytest.raises(SamplerError):
        AWRS().sample(torch.full((1, 2), -torch.inf), OneStep(1, [0.0, 0.0]), keys)


def test_pick() -> None:
    """In proportion to weights, never a choice without one."""
    choices = Choices(
        np.array([[4, 5, 6], [7, -1, -1], [-1, -1, -1]]),
        np.array([[-np.inf, math.log(3.0), math.log(1.0)], [-800.0, -np.inf, -np.inf], [-np.inf] * 3]),
        np.zeros(3, dtype=np.int64),
    )
    for uniform, expected in ((0.0, 5), (0.74, 5), (0.76, 6), (1 - 1e-16, 6)):
        tokens, total = pick(choices, np.full(3, uniform))
        assert tokens.tolist() == [expected, 7, -1]
        np.testing.assert_allclose(total, [math.log(4.0), -800.0, -np.inf])
