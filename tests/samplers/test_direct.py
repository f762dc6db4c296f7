"""Proposals of one's own: weights integrated over the draw's uniform number, support, rows, numbers that are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import samplers.token.direct
from samplers import SMC
from samplers.errors import SamplerError
from samplers.noise import stream_keys
from samplers.potentials.potential import PotentialState
from samplers.token import AWRS, Direct, Proposal
from samplers.token_sampler import TokenSampler
from samplers.types import StepResult
from tests.oracles import inversion
from tests.samplers import smc_cases as cases
from tests.samplers.token_cases import (
    CONDITIONS,
    FACTORS,
    FLAT,
    LAW,
    OneStep,
    logits_of,
    logs_of,
    scores_of,
    step_of,
    target_of,
)

PROPOSALS = {
    "the law": [Fraction(p, 200) for p in (150, 30, 10, 5, 3, 2)],
    "flat": [Fraction(1)] * 6,
    "turned round": [Fraction(p) for p in (2, 3, 5, 10, 30, 150)],
    "not normalised": [Fraction(p, 7) for p in (10**6, 3, 1, 900, 10**5, 8)],
}


def fixed(proposal: Sequence[Fraction]) -> Callable[[torch.Tensor], torch.Tensor]:
    """A proposal that knows its law already."""
    return lambda logits: torch.tensor(logs_of(proposal), dtype=torch.float64).expand(len(logits), -1)


@dataclass(frozen=True)
class WithoutTheRatio:
    """Weighs what the proposal drew as masking would: must fail."""

    direct: Direct

    def sample(
        self,
        logits: torch.Tensor,
        potential: PotentialState,
        keys: NDArray[np.int64],
        active: NDArray[np.bool_] | None = None,
    ) -> StepResult:
        drawn = self.direct.sample(logits, potential, keys, active)
        weights = samplers.token.direct.next_token_weights(logits, potential, np.arange(len(keys)))
        mass = torch.logsumexp(weights, dim=1).numpy()
        return StepResult(drawn.tokens, np.where(drawn.tokens >= 0, mass, -np.inf), drawn.checks)


def expectation(
    sampler: TokenSampler,
    proposal: Sequence[Fraction],
    factors: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> list[float]:
    """E[w 1{v}] over the uniform number, exactly: one row at each end of each interval of the proposal.

    Between the ends the draw is the same, since inversion is monotone.
    """
    allowed = list(factors.get("allowed", [True] * 6))
    dense = factors.get("dense")
    possible = [ok and (dense is None or dense[token] > 0) for token, ok in enumerate(allowed)]
    found = inversion.intervals(proposal, possible)
    ends = [float(end) for _, begin, last in found for end in (begin, last)] or [0.5]
    inside = np.array([end + (1 - 2 * (row % 2)) * 1e-13 for row, end in enumerate(ends)])
    monkeypatch.setattr(samplers.token.direct, "row_uniforms", lambda keys, device: torch.from_numpy(inside))
    step = step_of(factors, len(inside))
    result = sampler.sample(logits_of(LAW, len(inside)), step, stream_keys(0, np.arange(len(inside))))
    assert ((result.tokens >= 0) == (result.log_weights > -np.inf)).all()
    total = [0.0] * 6
    for number, (token, begin, end) in enumerate(found):
        low, high = result.tokens[2 * number : 2 * number + 2].tolist()
        assert low == high and low in (token, -1)
        weights = result.log_weights[2 * number : 2 * number + 2]
        assert weights[0] == weights[1]
        total[token] += float(end - begin) * math.exp(weights[0])
    return total


def oracle(proposal: Sequence[Fraction], factors: dict[str, Any], ratio: bool = True) -> list[Fraction]:
    ones = [Fraction(1)] * 6
    dense, checks = factors.get("dense", ones), factors.get("checks", ones)
    allowed = [ok and d > 0 for ok, d in zip(factors.get("allowed", [True] * 6), dense, strict=True)]
    return inversion.expectation(LAW, proposal, allowed, [d * c for d, c in zip(dense, checks, strict=True)], ratio)


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("proposal", PROPOSALS)
def test_weights_are_exact(proposal: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """E[w 1{v}] = p(v) exp(next(v)): as fractions by the formula, to rounding by the code."""
    factors = FACTORS[name]
    assert oracle(PROPOSALS[proposal], factors) == target_of(factors)
    found = expectation(Direct(fixed(PROPOSALS[proposal])), PROPOSALS[proposal], factors, monkeypatch)
    np.testing.assert_allclose(found, [float(value) for value in target_of(factors)], rtol=1e-12, atol=0)


@pytest.mark.parametrize("proposal", ["flat", "turned round"])
def test_without_the_ratio_it_fails(proposal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control, in fractions and in the code."""
    factors = FACTORS["a mask"]
    assert oracle(PROPOSALS[proposal], factors, ratio=False) != target_of(factors)
    sampler = WithoutTheRatio(Direct(fixed(PROPOSALS[proposal])))
    found = expectation(sampler, PROPOSALS[proposal], factors, monkeypatch)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found, [float(value) for value in target_of(factors)], rtol=1e-12, atol=0)


def test_draws_have_the_law_of_the_proposal() -> None:
    """Chi-square over real noise, 5 degrees of freedom, exceeded once in 30,000 runs; means within 4 s.e."""
    count = 6000
    keys = stream_keys(2, np.arange(count))
    result = Direct(lambda logits: logits / 2).sample(logits_of(LAW, count), OneStep(count), keys)
    proposal = np.sqrt([float(p) for p in LAW])
    expected = count * proposal / proposal.sum()
    counts = np.bincount(result.tokens, minlength=6)
    assert ((counts - expected) ** 2 / expected).sum() < 28
    weights = np.exp(result.log_weights)
    assert abs(weights.mean() - 1) < 4 * weights.std() / math.sqrt(count)


class Guess:
    """A proposal that looks at the potential: what is allowed, all alike."""

    def scores(self, logits: torch.Tensor, potential: PotentialState) -> torch.Tensor:
        words = potential.mask()
        assert words is not None
        words.zero_()  # a proposal may do with the mask what it likes: it is its own
        return torch.zeros_like(logits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_objects_are_proposals(dtype: torch.dtype) -> None:
    """An object with ``scores`` sees the potential; weights are in float64 whatever the logits are in."""
    assert isinstance(Guess(), Proposal)
    count = 40
    step = OneStep(count, None, allowed=[False, True, True, False, True, False])
    logits = logits_of(LAW, count, dtype)
    result = Direct(Guess()).sample(logits, step, stream_keys(0, np.arange(count)))
    assert result.log_weights.dtype == np.float64
    assert set(result.tokens.tolist()) == {1, 2, 4}
    law = torch.softmax(logits[0].double(), dim=0).numpy()
    np.testing.assert_allclose(np.exp(result.log_weights), 3 * law[result.tokens], rtol=1e-14)


def test_rows_are_independent_of_their_batch() -> None:
    """The same keys give the same draws alone, in other orders, with rows left out; ended rows may hold anything."""
    rows = 24
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, 6, generator=generator, dtype=torch.float64)
    keys = stream_keys(3, np.arange(rows))
    condition = scores_of(CONDITIONS["head invalid"])
    sampler = Direct(lambda logits: logits / 3)
    together = sampler.sample(logits, OneStep(rows, condition), keys)
    assert (together.checks == 1).all() and -1 in together.tokens
    for row in range(rows):
        alone = sampler.sample(logits[row : row + 1], OneStep(1, condition), keys[row : row + 1])
        assert alone.tokens[0] == together.tokens[row] and alone.log_weights[0] == together.log_weights[row]
    order = np.random.default_rng(0).permutation(rows)
    moved = sampler.sample(logits[torch.from_numpy(order)], OneStep(rows, condition), keys[order])
    np.testing.assert_array_equal(moved.tokens, together.tokens[order])
    np.testing.assert_array_equal(moved.log_weights, together.log_weights[order])
    active = np.arange(rows) % 3 == 0
    holes = logits.clone()
    holes[torch.from_numpy(~active)] = math.nan
    some = sampler.sample(holes, OneStep(rows, condition), keys, active)
    np.testing.assert_array_equal(some.tokens[active], together.tokens[active])
    np.testing.assert_array_equal(some.log_weights[active], together.log_weights[active])
    assert (some.tokens[~active] == -1).all() and (some.log_weights[~active] == 0).all()
    assert (some.checks[~active] == 0).all()
    nobody = sampler.sample(holes, OneStep(rows, condition), keys, np.zeros(rows, dtype=np.bool_))
    assert (nobody.tokens == -1).all() and not nobody.log_weights.any()


@pytest.mark.parametrize("missing", [-math.inf, -800.0], ids=["-inf", "underflow"])
def test_the_support_must_be_covered(missing: float) -> None:
    """A token that the target has and the proposal cannot draw is named; one that the target lacks may be left out."""
    keys = stream_keys(0, np.arange(2))
    scores = torch.zeros(2, 6, dtype=torch.float64)
    scores[1, 4] = missing
    sampler = Direct(lambda logits: scores)
    with pytest.raises(SamplerError, match="token 4 of row 1"):
        sampler.sample(logits_of(LAW, 2), OneStep(2), keys)
    for step in (
        OneStep(2, allowed=[True, True, True, True, False, True]),
        OneStep(2, dense=[0.0, 0.0, 0.0, 0.0, -math.inf, 0.0]),
    ):
        assert (sampler.sample(logits_of(LAW, 2), step, keys).log_weights > -np.inf).all()
    law = [*LAW[:4], Fraction(0), LAW[4] + LAW[5]]
    logits = torch.tensor([logs_of(law)], dtype=torch.float64).repeat(2, 1)
    assert (sampler.sample(logits, OneStep(2), keys).log_weights > -np.inf).all()
    with pytest.raises(SamplerError, match="never draw"):  # a check might accept it: nobody knows
        sampler.sample(logits_of(LAW, 2), OneStep(2, scores_of([True] * 4 + [False] * 2)), keys)


def test_far_from_the_largest_is_not_nothing() -> None:
    """Probabilities of 1e-300, of the model and of the proposal."""
    keys = stream_keys(0, np.arange(4))
    logits = torch.tensor([[0.0, -690.0]], dtype=torch.float64).repeat(4, 1)
    step = OneStep(4, None, allowed=[False, True])
    result = Direct(lambda logits: logits).sample(logits, step, keys)
    assert (result.tokens == 1).all()
    np.testing.assert_allclose(result.log_weights, -690.0, rtol=1e-14)
    small = Direct(lambda logits: torch.tensor([[0.0, -5000.0]]).expand(4, 2)).sample(logits, step, keys)
    np.testing.assert_allclose(small.log_weights, -690.0, rtol=1e-14)


def test_logits_wider_than_the_potential() -> None:
    """Tokens past the mask and past the dense weights are never drawn."""
    keys = stream_keys(0, np.arange(40))
    sampler = Direct(lambda logits: logits)
    masked = sampler.sample(torch.zeros(40, 40), OneStep(40, allowed=[True] * 4), keys)
    assert masked.tokens.max() < 32
    narrow = sampler.sample(torch.zeros(40, 40), OneStep(40, dense=[0.0] * 3), keys)
    assert narrow.tokens.max() < 3
    np.testing.assert_allclose(narrow.log_weights, math.log(3 / 40), rtol=1e-12)


def test_errors() -> None:
    """Numbers that are none, shapes, and things that are no proposal."""
    keys = stream_keys(0, np.arange(1))
    plain = Direct(lambda logits: logits)
    for bad in (math.nan, math.inf):
        with pytest.raises(SamplerError, match="logits of a row"):
            plain.sample(torch.tensor([[0.0, bad]]), OneStep(1), keys)
        with pytest.raises(SamplerError, match="score of the proposal"):
            Direct(lambda logits, bad=bad: logits + bad).sample(torch.zeros(1, 2), OneStep(1), keys)  # type: ignore[misc]
        with pytest.raises(SamplerError, match="dense factor"):
            plain.sample(torch.zeros(1, 2), OneStep(1, dense=[0.0, bad]), keys)
        with pytest.raises(SamplerError, match="log weight"):
            plain.sample(torch.zeros(1, 2), OneStep(1, [bad, bad]), keys)
    with pytest.raises(SamplerError, match="logits of a row"):
        plain.sample(torch.full((1, 2), -torch.inf), OneStep(1), keys)
    with pytest.raises(SamplerError, match=r"\(1, 3\) is not \(1, 2\)"):
        Direct(lambda logits: torch.zeros(1, 3)).sample(torch.zeros(1, 2), OneStep(1), keys)
    with pytest.raises(SamplerError, match="int is neither"):
        Direct(3)  # type: ignore[arg-type]


def test_masses_far_below_one() -> None:
    """FLAT under a proposal that hardly knows it, in a whole run: nothing is lost."""
    proposal = [Fraction(1, 10**12)] * 4 + [Fraction(1)]
    result = Direct(fixed(proposal)).sample(logits_of(FLAT, 50), OneStep(50), stream_keys(0, np.arange(50)))
    assert (result.tokens == 4).all()
    np.testing.assert_allclose(np.exp(result.log_weights), float(FLAT[4]) * (1 + 4e-12), rtol=1e-14)


def test_particles_from_a_proposal() -> None:
    """SMC moves rows between steps: estimates stay unbiased, 4 s.e. (a false alarm once in 16,000)."""
    expected = sum(cases.enumerate_target(4, [cases.grammar_weight, cases.critic_weight]).values())

    def estimates(sampler: TokenSampler) -> NDArray[np.float64]:
        algorithm = SMC(
            cases.model(),
            cases.grammar(),
            critic=cases.critic(),
            token_sampler=sampler,
            n=4,
            max_tokens=4,
            ess_threshold=1.0,
        )
        return np.exp([result.log_evidence for result in algorithm.run([()] * 300, 1)])

    found = estimates(Direct(lambda logits: logits / 2))
    assert abs(found.mean() - expected) < 4 * cases.standard_error(found)
    asked = estimates(AWRS())
    assert abs(asked.mean() - expected) < 4 * cases.standard_error(asked)
    assert cases.standard_error(asked) < cases.standard_error(found)  # a proposal that knows nothing of checks
