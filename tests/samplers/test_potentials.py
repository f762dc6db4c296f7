"""Potentials keep their contract, the kit finds those that do not, and their algebra is that of their weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import grammarlib as gl
from samplers.errors import SamplerError
from samplers.models import TableModel
from samplers.potentials import (
    Cadence,
    Closing,
    CompiledPotential,
    FromFunction,
    LanguageModelPotential,
    Lifted,
    Monitor,
    Potential,
    PotentialViolation,
    Power,
    Product,
    Quotient,
    TokenLimit,
    check_potential,
    next_log_weights,
)
from samplers.potentials.function import FunctionState
from samplers.potentials.monitor import MonitorAutomaton

TOKENS: list[bytes | None] = [
    *(bytes([byte]) for byte in b'ab.;{}":,123 c'),
    b"ab",
    b"ba",
    b"a.b",
    b".ab",
    b"\xc3",
    b"\xa9",
    "é".encode(),
    b'":',
    b"",
    None,
    None,
    None,
]
EOS = [len(TOKENS) - 1, len(TOKENS) - 2]
VOCABULARY = gl.Vocabulary(TOKENS, EOS, logits_width=len(TOKENS) + 9)


def ids(*pieces: bytes) -> list[int]:
    """Token ids of pieces."""
    return [TOKENS.index(piece) for piece in pieces]


class EvenA:
    """Bytes with weights: every 'a' halves, 'b' is free, the number of 'a' must be even at the end."""

    def start(self) -> int:
        return 0

    def step(self, state: int, byte: int) -> tuple[int, float] | None:
        if byte == ord("a"):
            return 1 - state, -np.log(2)
        return (state, 0.0) if byte in b"b.;" else None

    def finish(self, state: int) -> float:
        return -0.25 if state == 0 else -np.inf


def members(text: str) -> set[str] | None:
    """Names after a dot, for tests: nothing is known after a text of more than 6 characters."""
    if len(text) > 6:
        return None
    return {"ab", "b", "bab"} if "b." in text else {"a", ""} if text.startswith("a") else set()


def table() -> TableModel:
    size = VOCABULARY.logits_width
    return TableModel.random(size, seed=4, exponent=2, zeros=0.2)


def compiled(pattern: str = r"(a|b){1,5}(\.a?)?;?") -> Any:
    return gl.compile(gl.Regex(pattern), VOCABULARY)


def few_a(text: str) -> bool:
    return text.count("a") <= 2


def score(text: str) -> float:
    return -0.5 * len(text) + (0.3 if text.endswith("b") else 0.0)


def spelling(text: str) -> float:
    return -0.01 * sum(text.encode())


POTENTIALS: dict[str, Callable[[], Potential]] = {
    "compiled": lambda: CompiledPotential(compiled()),
    "limit": lambda: TokenLimit(VOCABULARY, 3),
    "limit 0": lambda: TokenLimit(VOCABULARY, 0),
    "closing": lambda: Closing(compiled(r'\{("a":[123]{2}){1,2}\}|a'), 5),
    "closing strings": lambda: Closing(compiled(r"[ab]*(\.[ab]{2})?;"), 6),
    "predicate of beginnings": lambda: FromFunction(VOCABULARY, prefix=few_a),
    "predicate of texts": lambda: FromFunction(VOCABULARY, complete=lambda text: text.endswith("b")),
    "scores": lambda: FromFunction(VOCABULARY, complete=lambda text: score(text) - 1.0, prefix=score),
    "tokens": lambda: FromFunction(VOCABULARY, prefix=lambda tokens: -0.1 * sum(tokens), level="tokens"),
    "bytes, batched": lambda: FromFunction(
        VOCABULARY, prefix=lambda many: [len(data) < 4 for data in many], level="bytes", batched=True
    ),
    "values": lambda: FromFunction(VOCABULARY, complete=lambda value: value == 1, level="value", parse=json.loads),
    "threads": lambda: FromFunction(VOCABULARY, prefix=few_a, threads=3, cache_entries=2),
    "lifted": lambda: Lifted(EvenA(), VOCABULARY, cache_entries=1),
    "model": lambda: LanguageModelPotential(table(), VOCABULARY, torch.tensor([1, 2])),
    "monitor": lambda: Monitor(VOCABULARY, ".", members),
    "monitor, lifted": lambda: Lifted(MonitorAutomaton(".", members), VOCABULARY),
    "cadence": lambda: Cadence(FromFunction(VOCABULARY, prefix=score, complete=few_a), 3),
    "cadence at": lambda: Cadence(FromFunction(VOCABULARY, prefix=few_a), lambda data: data.endswith(b"b")),
    "product": lambda: (
        CompiledPotential(compiled()) * FromFunction(VOCABULARY, prefix=few_a) * Lifted(EvenA(), VOCABULARY)
    ),
    "power": lambda: Power(LanguageModelPotential(table(), VOCABULARY, torch.tensor([3])), 0.5),
    "quotient": lambda: (
        CompiledPotential(compiled("[ab]{0,6}"))
        * FromFunction(VOCABULARY, prefix=score)
        / FromFunction(VOCABULARY, prefix=lambda text: -0.2 * len(text))
    ),
}


@pytest.mark.parametrize("name", POTENTIALS)
def test_every_potential_keeps_the_contract(name: str) -> None:
    report = check_potential(POTENTIALS[name](), walks=6, max_tokens=6)
    assert report.pairs > 20
    assert report.sequences > 6


class Broken(FunctionState):
    """A function's state with one law broken at a time."""

    law = ""

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        weights = super().check(rows, tokens)
        if self.law == "next":
            weights = weights + 0.1
        if self.law == "order":
            weights = weights + 0.1 * np.arange(len(weights))
        if self.law == "state" and len(rows):
            self._rows = self._rows[::-1]
        if self.law == "eos":
            weights = weights + np.where(tokens == EOS[0], 0.1, 0.0)
        return weights

    def prefix(self) -> NDArray[np.float64]:
        weights = super().prefix()
        if self.law == "batch":
            weights = weights - 0.01 * (self.rows > 1)
        if self.law == "nan":
            weights[0] = np.nan
        if self.law == "dtype":
            return weights.astype(np.float32)  # type: ignore[return-value]
        return weights

    def advance(self, tokens: NDArray[np.int64]) -> None:
        if self.law == "settled":
            self._rows = [
                type(row)(row.tokens, row.data, False, row.is_dead) if row.is_finished else row for row in self._rows
            ]
        super().advance(tokens)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        super().select(ancestors if self.law != "select" else np.zeros_like(ancestors))

    def fork(self, ancestors: NDArray[np.int64]) -> Broken:
        if self.law == "fork":
            self.select(ancestors)
            return self
        return type(self)(self._potential, [self._rows[row] for row in ancestors.tolist()])

    @property
    def has_checks(self) -> bool:  # type: ignore[override]
        return self.law != "checks"


@pytest.mark.parametrize(
    "law", ["next", "order", "state", "eos", "batch", "nan", "dtype", "settled", "select", "fork", "checks"]
)
def test_the_kit_finds_each_broken_law(law: str) -> None:
    """A kit that accepts everything is worth nothing."""

    class Bad(FromFunction):
        def start(self, rows: int) -> FunctionState:
            state = super().start(rows)
            made = type("State", (Broken,), {"law": law})(self, state._rows)
            assert isinstance(made, FunctionState)
            return made

    with pytest.raises(PotentialViolation) as caught:
        check_potential(Bad(VOCABULARY, prefix=spelling, complete=lambda text: -1.0), walks=5, max_tokens=5)
    assert caught.value.findings


def test_a_dead_beginning_that_is_complete_is_found() -> None:
    """It breaks the promise of prefix."""

    class Contradiction(FromFunction):
        def start(self, rows: int) -> FunctionState:
            class State(FunctionState):
                def complete(self) -> NDArray[np.float64]:
                    return np.zeros(self.rows)

                def fork(self, ancestors: NDArray[np.int64]) -> FunctionState:
                    return State(self._potential, super().fork(ancestors)._rows)

            return State(self, super().start(rows)._rows)

    with pytest.raises(PotentialViolation, match="dead beginning is complete"):
        check_potential(Contradiction(VOCABULARY, prefix=lambda text: len(text) < 2), walks=8, max_tokens=5)


# Values


def weight_of(potential: Potential, *tokens: int) -> tuple[float, float]:
    """prefix and complete after tokens."""
    state = potential.start(1)
    for token in tokens:
        state.advance(np.array([token]))
    return float(state.prefix()[0]), float(state.complete()[0])


def test_functions_get_what_their_level_says() -> None:
    """Texts leave out part of a character; bytes that are no UTF-8 are no text; values come from parse."""
    seen: list[Any] = []

    def spy(argument: Any) -> bool:
        seen.append(argument)
        return True

    assert weight_of(FromFunction(VOCABULARY, prefix=spy), *ids(b"a", b"\xc3")) == (0.0, -np.inf)
    assert seen == ["a"]
    assert weight_of(FromFunction(VOCABULARY, prefix=spy), *ids(b"a", b"\xa9")) == (-np.inf, -np.inf)
    seen.clear()
    assert weight_of(FromFunction(VOCABULARY, complete=spy), *ids(b"\xc3", b"\xa9")) == (0.0, 0.0)
    assert seen == ["é"]
    seen.clear()
    weight_of(FromFunction(VOCABULARY, complete=spy, level="tokens"), *ids(b"ab", b"a"))
    assert seen == [tuple(ids(b"ab", b"a"))]
    seen.clear()
    values = FromFunction(VOCABULARY, complete=spy, level="value", parse=json.loads)
    assert weight_of(values, *ids(b"1", b"2")) == (0.0, 0.0)
    assert weight_of(values, *ids(b"{")) == (0.0, -np.inf)
    assert seen == [12]
    special = FromFunction(VOCABULARY, prefix=spy)
    assert weight_of(special, TOKENS.index(None)) == (-np.inf, -np.inf)  # a special token writes no text


def test_functions_are_asked_once_for_each_argument() -> None:
    """Rows with one text, and tokens with one spelling, share an answer; nothing is asked before it is needed."""
    calls: list[str] = []

    def count(text: str) -> bool:
        calls.append(text)
        return True

    state = FromFunction(VOCABULARY, prefix=count).start(3)
    state.advance(np.array(ids(b"ab", b"ab", b"a")))
    assert calls == []
    rows, tokens = np.array([0, 1, 2, 2]), np.array(ids(b"a", b"a", b"ba", b"b"))
    state.check(rows, tokens)  # the last pair writes what rows 0 and 1 have written
    assert sorted(calls) == ["a", "ab", "aba"]
    state.check(rows, tokens)
    assert state.constraint_checks == len(calls) == 3


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), None, "yes"])
def test_answers_that_are_no_weights_raise(answer: Any) -> None:
    with pytest.raises(SamplerError, match="function returned"):
        FromFunction(VOCABULARY, complete=lambda _: answer).start(1).complete()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(SamplerError, match="give a function"):
        FromFunction(VOCABULARY)
    with pytest.raises(SamplerError, match="parse="):
        FromFunction(VOCABULARY, complete=bool, level="value")
    with pytest.raises(SamplerError, match="no value"):
        FromFunction(VOCABULARY, prefix=bool, level="value", parse=json.loads)
    with pytest.raises(SamplerError, match="positive"):
        TokenLimit(VOCABULARY, 3) ** 0.0
    other = gl.Vocabulary([b"a", None], [1])
    with pytest.raises(SamplerError, match="different vocabularies"):
        TokenLimit(VOCABULARY, 3) * TokenLimit(other, 3)
    with pytest.raises(SamplerError, match="compiled without a vocabulary"):
        CompiledPotential(gl.compile(gl.Regex("a")))
    with pytest.raises(SamplerError, match="compiled source is needed"):
        CompiledPotential("a")  # type: ignore[arg-type]
    with pytest.raises(SamplerError, match="must end with a byte"):
        Monitor(VOCABULARY, "a", members)
    with pytest.raises(SamplerError, match="at least 1 token"):
        Cadence(TokenLimit(VOCABULARY, 3), 0)
    with pytest.raises(SamplerError, match="another tokenizer"):
        LanguageModelPotential(TableModel.random(3, seed=0), VOCABULARY, torch.tensor([0]))


def test_algebra_is_that_of_weights() -> None:
    """Products add log weights, powers multiply them, quotients subtract; products are flattened."""
    one = FromFunction(VOCABULARY, prefix=score)
    other = Lifted(EvenA(), VOCABULARY)
    model = LanguageModelPotential(table(), VOCABULARY, torch.tensor([1]))
    tokens = ids(b"ab", b"a", b"b")
    expected = [np.array(weight_of(part, *tokens)) for part in (one, other, model)]
    product = one * other * model**0.5
    assert isinstance(product, Product)
    assert len(product.parts) == 3
    assert weight_of(product, *tokens) == pytest.approx(tuple(expected[0] + expected[1] + expected[2] / 2))
    assert weight_of(one * model / model, *tokens) == pytest.approx(tuple(expected[0]))
    assert weight_of(Quotient(other, model), *tokens) == pytest.approx(tuple(expected[1] - expected[2]))


def test_quotients_refuse_to_divide_by_zero() -> None:
    zero = FromFunction(VOCABULARY, complete=lambda text: "b" not in text)
    quotient = TokenLimit(VOCABULARY, 9) / zero
    state = quotient.start(1)
    state.advance(np.array(ids(b"b")))
    with pytest.raises(SamplerError, match="divides by a weight of 0"):
        state.complete()
    with pytest.raises(SamplerError, match="divides by a weight of 0"):
        state.check(np.array([0]), np.array(EOS[:1]))
    masked = TokenLimit(VOCABULARY, 9) / CompiledPotential(compiled("a"))
    with pytest.raises(SamplerError, match="has no mask"):
        masked.start(1).mask()
    wider = CompiledPotential(compiled("[ab]")) / CompiledPotential(compiled("a"))
    with pytest.raises(SamplerError, match="divides by a weight of 0"):
        wider.start(1).mask()
    narrower = CompiledPotential(compiled("a")) / CompiledPotential(compiled("[ab]"))
    assert weight_of(narrower, *ids(b"a")) == (0.0, 0.0)


def test_language_models_weigh_texts_by_their_probability() -> None:
    """The end is the sum over eos ids."""
    model = table()
    potential = LanguageModelPotential(model, VOCABULARY, torch.tensor([1, 2]))
    sequence = [1, 2]
    expected = Fraction(1)
    tokens = [token for token in range(len(TOKENS)) if token not in EOS][:3]
    possible = []
    for token in tokens:
        factor = Fraction(model.probabilities(sequence)[token])
        if factor:
            expected *= factor
            sequence.append(token)
            possible.append(token)
    ends = sum(Fraction(model.probabilities(sequence)[token]) for token in EOS)
    prefix, complete = weight_of(potential, *possible)
    assert prefix == pytest.approx(float(np.log(float(expected))), abs=1e-12)
    assert complete == pytest.approx(float(np.log(float(expected * ends))), abs=1e-12)


def test_lifted_masks_are_those_of_every_token_alone() -> None:
    """The trie walk says what reading each token's bytes says."""
    automaton = EvenA()
    state = Lifted(automaton, VOCABULARY).start(1)
    state.advance(np.array(ids(b"ab")))
    tokens = np.arange(len(TOKENS))
    weights = next_log_weights(state, np.zeros_like(tokens), tokens)
    for token, data in enumerate(TOKENS):
        expected = -np.inf
        if data:
            position, expected = 1, 0.0
            for byte in data:
                following = automaton.step(position, byte)
                if following is None:
                    expected = -np.inf
                    break
                position, expected = following[0], expected + following[1]
        assert weights[token] == pytest.approx(expected), data


def test_monitor_is_its_automaton_with_fewer_analyses() -> None:
    """Next weights of every token equal those of the definition, at random places."""
    lifted = Lifted(MonitorAutomaton(".", members), VOCABULARY)
    monitor = Monitor(VOCABULARY, ".", members)
    random = np.random.default_rng(5)
    one, other = monitor.start(12), lifted.start(12)
    everything = np.arange(len(TOKENS))
    constrained = 0
    for _ in range(6):
        rows, tokens = np.repeat(np.arange(12), len(TOKENS)), np.tile(everything, 12)
        first, second = next_log_weights(one, rows, tokens), next_log_weights(other, rows, tokens)
        assert np.array_equal(first, second)
        constrained += int(one.mask() is not None)
        table_ = first.reshape(12, -1)
        chosen = np.array(
            [random.choice(np.flatnonzero(row > -np.inf)) if (row > -np.inf).any() else -1 for row in table_]
        )
        one.advance(chosen)
        other.advance(chosen)
        assert np.array_equal(one.prefix(), other.prefix())
        assert np.array_equal(one.complete(), other.complete())
    assert constrained


def test_cadence_leaves_the_target_alone() -> None:
    """complete is the inner one's, whatever the cadence; the inner function is asked at its places only."""
    calls: list[str] = []

    def spy(text: str) -> float:
        calls.append(text)
        return score(text)

    state = Cadence(FromFunction(VOCABULARY, prefix=spy), 2).start(1)
    calls.clear()
    for token in ids(b"a", b"b", b"a"):
        rows = np.array([0])
        state.check(rows, np.array([token]))
        state.advance(np.array([token]))
    assert calls == ["ab"]
    assert state.prefix()[0] == score("ab")
    assert state.complete()[0] == score("aba")


def test_closing_never_leaves_a_text_open() -> None:
    """Random walks under the masks and checks always end in time, with a budget that a plain limit would overrun."""
    source = compiled(r'\{"a":\[[123](,[123])*\](,"b":"[ab]*")?\}'.replace(r"\[", ":").replace(r"\]", ":"))
    for budget in (8, 9, 12):
        potential = Closing(source, budget)
        state = potential.start(30)
        histories: list[list[int]] = [[] for _ in range(30)]
        random = np.random.default_rng(budget)
        for _ in range(budget + 1):
            rows, tokens = np.repeat(np.arange(30), len(TOKENS)), np.tile(np.arange(len(TOKENS)), 30)
            allowed = next_log_weights(state, rows, tokens).reshape(30, -1) > -np.inf
            done = np.array([bool(history) and history[-1] in EOS for history in histories])
            assert (allowed.any(axis=1) | done).all()
            chosen = np.array(
                [-1 if end else random.choice(np.flatnonzero(row)) for row, end in zip(allowed, done, strict=True)]
            )
            state.advance(chosen)
            for history, token in zip(histories, chosen.tolist(), strict=True):
                history += [token] * (token >= 0)
        for history in histories:
            assert history[-1] in EOS
            assert len(history) <= budget + 1
            assert source.accepts(b"".join(TOKENS[token] or b"" for token in history))
    with pytest.raises(SamplerError, match="too small"):
        Closing(source, 4)


def test_closing_masks_what_would_open_too_much() -> None:
    """Far from the end, where few tokens are allowed: the mask itself leaves out what the budget cannot close."""
    source = compiled(r'a{0,9}(b|\{("a":1,){6}\})')
    opens, closes = ids(b"{", b"b")
    for budget, is_open in ((25, False), (45, True)):
        state = Closing(source, budget).start(1)
        state.advance(np.array(ids(b"a")))
        bits = np.unpackbits(state.mask().numpy().view(np.uint8), bitorder="little")
        assert bits[closes]
        assert bool(bits[opens]) is is_open


def test_identities_tell_potentials_apart() -> None:
    """None wherever a function without a name takes part."""
    one, other = CompiledPotential(compiled("a")), CompiledPotential(compiled("b"))
    assert one.identity == CompiledPotential(compiled("a")).identity != other.identity
    assert (one * TokenLimit(VOCABULARY, 3)).identity != (one * TokenLimit(VOCABULARY, 4)).identity
    assert (one * FromFunction(VOCABULARY, prefix=few_a)).identity is None
    assert (one * FromFunction(VOCABULARY, prefix=few_a, name="few a 1")).identity is not None
    assert (one**2.0).identity != one.identity
