"""Markov chains: the target is invariant to 1e-12 under the very kernel that runs, and the chains follow it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import samplers.mcmc
from samplers.errors import SamplerError
from samplers.mcmc import (
    ChainText,
    Kernel,
    MarkovChains,
    log_acceptance,
    log_cut_probabilities,
    log_proposal_probability,
)
from samplers.models import TableModel
from samplers.potentials import FromFunction, Potential
from tests.oracles.sampler_enumeration import EOS, SIZE, VOCABULARY, exact_target, language, random_table

TEXTS = ["", "a", "ab", "aba", "abb", "b", "bc", "ca", "cab", "cc"]
KERNELS: tuple[Kernel, ...] = ("independence", "uniform", "priority")


def evaluated(chains: MarkovChains, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> list[ChainText]:
    """Each text as the sampler's own batched pass evaluates it: the draw is replaced."""
    wanted = [[*("abc".index(character) for character in text), EOS] for text in texts]
    step = iter(range(100))

    def forced(scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        now = next(step)
        return torch.tensor([row[min(now, len(row) - 1)] for row in wanted])

    with monkeypatch.context() as patched:
        patched.setattr(samplers.mcmc, "draw", forced)
        return chains.init([[]], 0).texts


def transitions(texts: list[ChainText], kernel: Kernel, corrected: bool = True) -> NDArray[np.float64]:
    """K(x, x') over all texts; what leads to no text stays."""
    count = len(texts)
    matrix = np.zeros((count, count))
    for row, text in enumerate(texts):
        for column, proposed in enumerate(texts):
            if row != column:
                accept = log_acceptance(text, proposed, kernel)
                if not corrected:  # Metropolis without Hastings
                    accept = min(0.0, float(proposed.log_target.sum() - text.log_target.sum()))
                matrix[row, column] = np.exp(log_proposal_probability(text, proposed, kernel) + accept)
        matrix[row, row] = 1 - matrix[row].sum()
    return matrix


POTENTIALS: dict[str, Potential] = {
    "language": language(TEXTS),
    "with a black box": language(TEXTS)
    * FromFunction(VOCABULARY, complete=lambda text: -1.0 if "b" in text else text != "a"),
    "scores": language(TEXTS) * FromFunction(VOCABULARY, prefix=lambda text: 0.4 * len(text)),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", POTENTIALS)
def test_the_target_is_invariant(kernel: Kernel, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pi K = pi to 1e-12, with probabilities from the batched pass; so is detailed balance; a wrong kernel fails."""
    model = random_table(41, exponent=3)
    target, evidence = exact_target(model, POTENTIALS[name], 3)
    texts = sorted(target)
    chains = MarkovChains(model, POTENTIALS[name], kernel=kernel, n=len(texts), max_tokens=3)
    known = evaluated(chains, texts, monkeypatch)
    pi = np.array([float(target[text] / evidence) for text in texts])
    log_targets = np.array([text.log_target.sum() for text in known])
    assert np.exp(log_targets) == pytest.approx(np.array([float(target[text]) for text in texts]), rel=1e-12)
    matrix = transitions(known, kernel)
    assert (matrix >= -1e-15).all()
    assert pi @ matrix == pytest.approx(pi, abs=1e-12)
    flow = pi[:, None] * matrix
    assert flow == pytest.approx(flow.T, abs=1e-12)
    wrong = transitions(known, kernel, corrected=False)
    assert np.abs(pi @ wrong - pi).max() > 1e-3


@pytest.mark.parametrize("kernel", KERNELS)
def test_proposals_are_a_law(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where masking meets no dead end, q(.|x) sums to 1 over the language."""
    model = random_table(42)
    potential = language(TEXTS)
    chains = MarkovChains(model, potential, kernel=kernel, n=len(TEXTS), max_tokens=3)
    known = evaluated(chains, TEXTS, monkeypatch)
    for text in known:
        total = sum(np.exp(log_proposal_probability(text, proposed, kernel)) for proposed in known)
        assert total == pytest.approx(1, abs=1e-12)
        assert np.exp(log_cut_probabilities(text, kernel)).sum() == pytest.approx(1, abs=1e-12)


def test_priority_is_where_there_is_something_to_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts have weight exp(H) - 1, with the entropy of the masked law at each prefix."""
    model = random_table(42)
    chains = MarkovChains(model, language(TEXTS), kernel="priority", n=1, max_tokens=3)
    [text] = evaluated(chains, ["ab"], monkeypatch)
    entropies = []
    for prefix, following in (("", ["", "a", "b", "c"]), ("a", ["", "b"]), ("ab", ["", "a", "b"])):
        law = model.probabilities(tuple("abc".index(character) for character in prefix))
        masses = np.array([float(law["abc".index(one) if one else EOS]) for one in following])
        masses /= masses.sum()
        entropies.append(float(-(masses * np.log(masses)).sum()))
    assert text.entropy.tolist() == pytest.approx(entropies, abs=1e-12)
    weights = np.expm1(entropies)
    assert np.exp(log_cut_probabilities(text, "priority")).tolist() == pytest.approx(weights / weights.sum())


@pytest.mark.parametrize("kernel", KERNELS)
def test_steps_follow_the_matrix(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one text, what 4,000 chains do in a step is the matrix's row (chi-square, 1 false alarm in 10,000)."""
    model = random_table(43, exponent=2)
    potential = POTENTIALS["with a black box"]
    target, _ = exact_target(model, potential, 3)
    texts = sorted(target)
    known = evaluated(MarkovChains(model, potential, kernel=kernel, n=len(texts), max_tokens=3), texts, monkeypatch)
    start = texts.index("ab")
    law = transitions(known, kernel)[start]
    chains = MarkovChains(model, potential, kernel=kernel, n=4000, max_tokens=3)
    state = chains.init([[]], 3)
    state.texts = [known[start]] * 4000
    state, info = chains.step(state)
    counts = dict.fromkeys(texts, 0)
    for text in chains.result(state)[0].texts:
        counts[text] += 1
    expected = 4000 * law
    observed = np.array([counts[text] for text in texts])
    assert (observed[expected < 1e-9] == 0).all()
    tested = expected > 5
    statistic = float(((observed - expected)[tested] ** 2 / expected[tested]).sum())
    freedom = int(tested.sum()) - 1
    assert statistic < freedom + 4 * np.sqrt(2 * freedom) + 8
    assert info.is_accepted.mean() < 1
    assert set(info.cuts.tolist()) == ({0} if kernel == "independence" else {0, 1, 2})


@pytest.mark.parametrize("kernel", KERNELS)
def test_chains_reach_the_target(kernel: Kernel) -> None:
    """Masking is far from the target here, 12 steps are near it."""
    model = random_table(44, exponent=3)
    potential = language(TEXTS)
    target, evidence = exact_target(model, potential, 3)
    law = {text: float(value / evidence) for text, value in target.items()}
    chains = MarkovChains(model, potential, kernel=kernel, n=1500, max_tokens=3)

    def distance(steps: int) -> float:
        [samples] = chains.sample([[]], steps, 11)
        posterior = samples.posterior()
        return sum(abs(posterior.get(text, 0.0) - share) for text, share in law.items()) / 2

    masked, after = distance(0), distance(12)
    assert after < 0.06
    assert after < masked / 2


def test_dead_ends_are_left() -> None:
    """A chain that starts nowhere takes the first text it meets, and never goes back."""
    potential = FromFunction(VOCABULARY, complete=lambda text: text == "ab")
    model = TableModel(lambda u: [0.5, 0.3, 0.1, 0, 0.1], SIZE, [EOS])
    chains = MarkovChains(model, potential, kernel="uniform", n=64, max_tokens=3)
    state = chains.init([[]], 1)
    alive = [sum(not text.is_dead for text in state.texts)]
    for _ in range(60):
        state, _info = chains.step(state)
        alive.append(sum(not text.is_dead for text in state.texts))
    assert alive[0] < 16
    assert alive == sorted(alive)
    assert alive[-1] > 32
    [samples] = chains.result(state)
    assert set(samples.posterior()) == {"ab"}
    assert samples.statistics.constraint_checks > 0
    assert samples.log_evidence is None


def test_one_seed_alone_and_among_others() -> None:
    chains = MarkovChains(random_table(45), language(TEXTS), kernel="priority", n=5, max_tokens=3)
    together = chains.sample([[0], [1, 2], [2]], 6, 5)
    for index, prompt in enumerate(([0], [1, 2], [2])):
        [alone] = chains.sample([prompt], 6, 5)
        assert alone.token_ids == together[index].token_ids
    assert chains.sample([[0]], 6, 6)[0].token_ids != together[0].token_ids


def test_texts_after_burn_in_are_collected() -> None:
    chains = MarkovChains(random_table(46), language(TEXTS), n=3, max_tokens=3)
    [samples] = chains.sample([[]], 6, 0, burn_in=2)
    assert len(samples) == 3 * 4
    assert samples.texts[-3:] == chains.sample([[]], 6, 0)[0].texts
    assert samples.notes


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(SamplerError, match="kernel"):
        MarkovChains(random_table(1), language(["a"]), kernel="gibbs")  # type: ignore[arg-type]
    with pytest.raises(SamplerError, match="burn_in"):
        MarkovChains(random_table(1), language(["a"])).sample([[]], 3, 0, burn_in=3)


def test_a_text_without_choices_is_cut_anywhere() -> None:
    """All entropies 0: the priority kernel is the uniform one."""
    text = ChainText((0, 1), EOS, np.zeros(3), np.zeros(3), np.zeros(3))
    assert np.exp(log_cut_probabilities(text, "priority")).tolist() == pytest.approx([1 / 3] * 3)
