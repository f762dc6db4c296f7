"""Weighted sets of tokens: the sum over a set has the right mean for every instance; the exact set has no variance.

Sets of AWRS are summed over every order of its race, exactly, where nothing else is random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import samplers.token.awrs
import samplers.token.sets
from samplers.bitmask import unpack_bitmask
from samplers.errors import SamplerError
from samplers.noise import stream_keys
from samplers.potentials.potential import PotentialState
from samplers.token import (
    AWRS,
    Choices,
    Drawn,
    EagerSet,
    Geometric,
    Murthy,
    Recursive,
    SetSampler,
    StoppingRule,
    TwoLoop,
)
from samplers.token.weights import next_token_weights
from tests.oracles import inversion
from tests.oracles import token_enumeration as oracle
from tests.samplers import smc_cases as cases
from tests.samplers.test_smc import assert_unbiased, run, target
from tests.samplers.token_cases import (
    CONDITIONS,
    FACTORS,
    LAW,
    OneStep,
    ScriptedRace,
    logits_of,
    scores_of,
    step_of,
    target_of,
)


@dataclass(frozen=True)
class Likeliest:
    """The likeliest tokens with their true weights, and no word of the others: must fail."""

    count: int

    def choices(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], Choices]:
        log_mass, whole = EagerSet().choices(logits, potential, keys, rows)
        order = np.argsort(-whole.log_weights, axis=1)[:, : self.count]
        kept = np.take_along_axis(whole.log_weights, order, axis=1)
        return log_mass, Choices(np.take_along_axis(whole.tokens, order, axis=1), kept, whole.checks)


def sums(
    sets: SetSampler, factors: dict[str, Any], rows: int, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The total weight of each token in each row's set: float64[rows, 6]; and the checks."""
    keys = stream_keys(seed, np.arange(rows))
    log_mass, choices = sets.choices(logits_of(LAW, rows), step_of(factors, rows), keys, np.arange(rows))
    assert (choices.tokens >= 0).tolist() == (choices.log_weights > -np.inf).tolist()
    found = np.zeros((rows, 6))
    owner, column = np.nonzero(choices.tokens >= 0)
    weights = np.exp(log_mass[owner] + choices.log_weights[owner, column])
    np.add.at(found, (owner, choices.tokens[owner, column]), weights)
    return found, choices.checks


def over_every_order(sets: SetSampler, factors: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> NDArray[np.float64]:
    """E of the sums, exactly: each row races in one order, and they are added with the orders' probabilities."""
    weights = next_token_weights(logits_of(LAW, 1), step_of({**factors, "checks": None}, 1), np.arange(1))[0].exp()
    possible = np.flatnonzero(weights.numpy() > 0)
    parts = (factors.get("dense", [Fraction(1)] * 6)[token] * LAW[token] for token in possible.tolist())
    law = list(parts)
    law = [p / sum(law) for p in law]
    orders, probabilities = zip(*oracle.orders(law), strict=True)

    def race(logits: torch.Tensor, words: torch.Tensor | None, keys: torch.Tensor, block: int) -> ScriptedRace:
        scripted = ScriptedRace([float(p) for p in law], orders)
        scripted.tokens = possible[scripted.tokens]
        total = torch.logsumexp(logits, dim=1)
        if words is not None:
            logits = logits.masked_fill(~unpack_bitmask(words, logits.shape[1]), -torch.inf)
        scripted.log_normaliser = total.numpy()  # type: ignore[attr-defined]
        scripted.log_mass = (torch.logsumexp(logits, dim=1) - total).numpy()  # type: ignore[attr-defined]
        return scripted

    with monkeypatch.context() as patched:
        patched.setattr(samplers.token.awrs, "TensorRace", race)
        found, _ = sums(sets, factors, len(orders))
    result: NDArray[np.float64] = np.array([float(p) for p in probabilities]) @ found
    return result


def assert_equal(found: NDArray[np.float64], factors: dict[str, Any]) -> None:
    np.testing.assert_allclose(found, [float(value) for value in target_of(factors)], rtol=1e-10, atol=1e-14)


LIVE = [name for name in FACTORS if name != "dead end by the mask"]


@pytest.mark.parametrize("name", FACTORS)
def test_the_exact_set(name: str) -> None:
    """Not on average: every set is the target, a check for each token under mask and dense factor."""
    found, checks = sums(EagerSet(), FACTORS[name], 3)
    for row in found:
        assert_equal(row, FACTORS[name])
    asked = sum(value > 0 for value in target_of({**FACTORS[name], "checks": [Fraction(1)] * 6}))
    assert checks.tolist() == [asked if "checks" in FACTORS[name] else 0] * 3


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.parametrize(
    "estimator",
    [Murthy(), Murthy(StoppingRule(max_accepts=3, tolerance=None)), Murthy(StoppingRule(max_checks=2)), Recursive()],
    ids=["murthy", "murthy, 3 accepts", "murthy, 2 checks", "recursive"],
)
def test_sets_of_few_checks(estimator: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """E[sum over the set of w 1{v}] = p(v) exp(next(v)), over every order of the race."""
    assert_equal(over_every_order(AWRS(estimator), FACTORS[name], monkeypatch), FACTORS[name])


@pytest.mark.parametrize("name", ["checks", "all"])
@pytest.mark.parametrize("estimator", [TwoLoop(), Geometric(2)], ids=["two loops", "geometric"])
def test_sets_with_more_noise(estimator: Any, name: str) -> None:
    """The same where more than the order is random: means within 4 s.e., a false alarm once in 16,000 comparisons."""
    rows = 4000
    found, _ = sums(AWRS(estimator), FACTORS[name], rows)
    expected = np.array([float(value) for value in target_of(FACTORS[name])])
    errors = np.maximum(found.std(axis=0) / math.sqrt(rows), 1e-12)
    assert (abs(found.mean(axis=0) - expected) < 4 * errors).all()


def test_a_set_that_leaves_tokens_out_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control, of both ways to look: the mean and the set itself."""
    for name in ("nothing", "checks", "a mask"):
        with pytest.raises(AssertionError):
            assert_equal(sums(Likeliest(2), FACTORS[name], 1)[0][0], FACTORS[name])
        with pytest.raises(AssertionError):
            assert_equal(over_every_order(Likeliest(2), FACTORS[name], monkeypatch), FACTORS[name])
        assert_equal(sums(Likeliest(6), FACTORS[name], 1)[0][0], FACTORS[name])


@pytest.mark.parametrize("name", FACTORS)
def test_a_token_of_the_exact_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Drawn`, integrated over its uniform number: one weight whatever is drawn, and E[w 1{v}] exact."""
    factors = FACTORS[name]
    target = target_of(factors)
    found = inversion.intervals(target, [True] * 6) if any(target) else []
    ends = [float(end) for _, begin, last in found for end in (begin, last)] or [0.5]
    inside = np.array([end + (1 - 2 * (row % 2)) * 1e-13 for row, end in enumerate(ends)])
    monkeypatch.setattr(samplers.token.sets, "uniforms", lambda keys, count: inside[:, None])
    rows = len(inside)
    result = Drawn(EagerSet()).sample(logits_of(LAW, rows), step_of(factors, rows), stream_keys(0, np.arange(rows)))
    assert result.tokens.tolist() == [token for token, _, _ in found for _ in range(2)] or [-1]
    np.testing.assert_allclose(np.exp(result.log_weights), float(sum(target)), rtol=1e-14)


def test_awrs_draws_from_its_set() -> None:
    """`AWRS` is the token sampler of its own sets."""
    rows = 50
    keys = stream_keys(4, np.arange(rows))
    logits, condition = logits_of(LAW, rows), scores_of(CONDITIONS["head invalid"])
    one = AWRS().sample(logits, OneStep(rows, condition), keys)
    other = Drawn(AWRS()).sample(logits, OneStep(rows, condition), keys)
    np.testing.assert_array_equal(one.tokens, other.tokens)
    np.testing.assert_array_equal(one.log_weights, other.log_weights)
    np.testing.assert_array_equal(one.checks, other.checks)


def test_rows_are_independent_of_their_batch() -> None:
    """Alone, beside rows with larger sets, and with rows left out, which may hold anything."""
    rows = 12
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, 6, generator=generator, dtype=torch.float64)
    logits[3, 1:] = -torch.inf
    keys = stream_keys(3, np.arange(rows))
    condition = scores_of(CONDITIONS["head valid"])
    sampler = Drawn(EagerSet())
    together = sampler.sample(logits, OneStep(rows, condition), keys)
    assert together.checks.tolist() == [6, 6, 6, 1, *[6] * 8]
    for row in range(rows):
        alone = sampler.sample(logits[row : row + 1], OneStep(1, condition), keys[row : row + 1])
        assert alone.tokens[0] == together.tokens[row]
        assert alone.log_weights[0] == pytest.approx(together.log_weights[row], abs=1e-12)
    active = np.arange(rows) % 3 == 0
    holes = logits.clone()
    holes[torch.from_numpy(~active)] = math.nan
    step = OneStep(rows, condition)
    some = sampler.sample(holes, step, keys, active)
    np.testing.assert_array_equal(some.tokens[active], together.tokens[active])
    np.testing.assert_array_equal(some.log_weights[active], together.log_weights[active])
    assert (some.tokens[~active] == -1).all() and not some.log_weights[~active].any() and not some.checks[~active].any()
    assert step.calls == 1


def test_particles_from_exact_sets() -> None:
    """SMC over them is unbiased (4 s.e.)."""
    assert_unbiased(run(token_sampler=Drawn(EagerSet()), critic=cases.critic(), ess_threshold=1.0), target(4, True))


def test_too_many_checks_are_refused() -> None:
    """The limit is on a row, with both numbers; without checks there is nothing to limit."""
    keys = stream_keys(0, np.arange(2))
    few: Callable[..., OneStep] = lambda scores: OneStep(2, scores, allowed=[True, False, True, True, False, False])  # noqa: E731
    sampler = Drawn(EagerSet(max_checks=2))
    with pytest.raises(SamplerError, match=r"3 tokens of row 0 .* max_checks is 2"):
        sampler.sample(logits_of(LAW, 2), few([0.0] * 6), keys)
    assert (sampler.sample(logits_of(LAW, 2), few(None), keys).log_weights > -np.inf).all()
    wide = Drawn(EagerSet(max_checks=3)).sample(logits_of(LAW, 2), few([0.0] * 6), keys)
    assert wide.checks.tolist() == [3, 3]
    with pytest.raises(SamplerError, match="max_checks must be at least 1"):
        EagerSet(0)


def test_errors() -> None:
    """Numbers that are none."""
    keys = stream_keys(0, np.arange(1))
    sampler = Drawn(EagerSet())
    for bad in (math.nan, math.inf):
        for logits, step in (
            (torch.tensor([[0.0, bad]]), OneStep(1)),
            (torch.zeros(1, 2), OneStep(1, dense=[0.0, bad])),
            (torch.zeros(1, 2), OneStep(1, [0.0, bad])),
        ):
            with pytest.raises(SamplerError):
                sampler.sample(logits, step, keys)
    with pytest.raises(SamplerError):
        sampler.sample(torch.full((1, 2), -torch.inf), OneStep(1), keys)


def test_masses_far_below_rounding_survive() -> None:
    """The only accepted token has a probability of 1e-300."""
    logits = torch.tensor([[0.0, -690.0, -0.5]], dtype=torch.float64)
    result = Drawn(EagerSet()).sample(logits, OneStep(1, [-np.inf, 0.0, -np.inf]), stream_keys(0, np.arange(1)))
    assert result.tokens.tolist() == [1]
    np.testing.assert_allclose(result.log_weights, -690.0 - math.log1p(math.exp(-0.5)), rtol=1e-14)
