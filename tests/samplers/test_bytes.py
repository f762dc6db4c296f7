"""Bytes under a token model: against sums over all covers, written out."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch

from grammarlib import Vocabulary
from samplers.bytes import END, ByteModel, ByteState, heal_prompt
from samplers.errors import SamplerError
from samplers.models import HuggingFaceModel, TableModel, embedded_model
from samplers.noise import stream_keys, uniforms

TOKENS = [b"a", b"b", b"ab", b"aa", b"bab", b"a", None, None]
"""Two letters, longer tokens, one text twice, a special token, eos."""

EOS = 7
VOCABULARY = Vocabulary(TOKENS, eos_token_ids=[EOS])


@cache
def model(zeros: float = 0.0) -> TableModel:
    return TableModel.random(8, seed=2, zeros=zeros)


@cache
def covers(data: bytes, zeros: float = 0.0) -> dict[tuple[int, ...], float]:
    """Every cover of ``data`` with its probability, by trying all tokens at each place."""
    found = {}
    pending: list[tuple[tuple[int, ...], bytes, float]] = [((), b"", 1.0)]
    while pending:
        tokens, written, probability = pending.pop()
        law = model(zeros).probabilities(tokens)
        for token, piece in enumerate(TOKENS):
            if piece is None:
                continue
            after = written + piece
            p = probability * float(law[token])
            if p == 0:
                continue
            if after[: len(data)] == data:
                found[(*tokens, token)] = p
            elif data.startswith(after):
                pending.append(((*tokens, token), after, p))
    return found


def ends(data: bytes) -> float:
    """P(data and nothing more)."""
    total = 0.0
    for tokens, p in covers(data).items():
        if b"".join(TOKENS[token] or b"" for token in tokens) == data:
            total += p * float(model().probabilities(tokens)[EOS])
    return total


def read(data: bytes, **settings: int) -> ByteState:
    state = ByteModel(model(), VOCABULARY, **settings).start([])
    assert state.advance_all(data) == len(data)
    return state


@pytest.mark.parametrize("length", range(1, 6))
def test_probabilities_of_all_texts(length: int) -> None:
    """P(bytes) and the law of the next byte, for every text of two letters."""
    for letters in itertools.product(b"ab", repeat=length):
        data = bytes(letters)
        state = read(data)
        total = sum(covers(data).values())
        assert state.log_prob == pytest.approx(math.log(total), rel=1e-12)
        law = np.exp(state.next_log_probs())
        for byte in b"ab":
            expected = sum(covers(data + bytes([byte])).values()) / total
            assert law[byte] == pytest.approx(expected, rel=1e-12)
        assert law[END] == pytest.approx(ends(data) / total, rel=1e-12)
        assert law.sum() < 1  # the special token
        assert np.flatnonzero(law).tolist() == [ord("a"), ord("b"), END]


def test_before_the_first_byte() -> None:
    """The law of the first byte and of an empty text."""
    state = ByteModel(model(), VOCABULARY).start([])
    law = model().probabilities(())
    found = np.exp(state.next_log_probs())
    assert found[ord("a")] == pytest.approx(float(law[0] + law[2] + law[3] + law[5]))
    assert found[END] == pytest.approx(float(law[EOS]))
    assert state.log_prob == 0.0 and state.log_dropped == -math.inf


def test_covers_are_all_of_them() -> None:
    """With their probabilities, overrunning ones included."""
    for data in (b"a", b"ab", b"aba", b"abab", b"bbaab"):
        found = {cover.tokens: math.exp(cover.log_prob) for cover in read(data).covers()}
        assert found == pytest.approx(covers(data), rel=1e-12)
        for cover in read(data).covers():
            assert cover.data.startswith(data)


def test_a_beam_is_a_bound() -> None:
    """Less than all, and no more than was dropped; a wide one is exact."""
    for data in (b"ababab", b"aaaaaa"):
        exact = read(data)
        for beam in (1, 2, 4):
            narrow = read(data, beam=beam)
            assert narrow.hypotheses <= beam
            low, high = math.exp(narrow.log_prob), math.exp(narrow.log_prob) + math.exp(narrow.log_dropped)
            assert low <= math.exp(exact.log_prob) * (1 + 1e-12) and math.exp(exact.log_prob) <= high * (1 + 1e-12)
        wide = read(data, beam=1000)
        assert wide.log_prob == exact.log_prob and wide.log_dropped == -math.inf


def test_bytes_that_cannot_be() -> None:
    """Refused, and the state is as it was."""
    state = read(b"ab")
    before = state.next_log_probs()
    assert not state.advance(ord("c"))
    assert state.data == b"ab"
    np.testing.assert_array_equal(state.next_log_probs(), before)
    assert state.advance_all(b"ba!a") == 2
    other = state.fork()
    assert other.advance(ord("a")) and state.data == b"abba" and other.data == b"abbaa"


def test_laws_with_zeros() -> None:
    """Tokens of probability 0 are in no cover."""
    state = ByteModel(model(0.4), VOCABULARY).start([])
    for data in (b"a", b"ab", b"ba"):
        expected = sum(covers(data, 0.4).values())
        other = state.fork()
        if expected:
            assert other.advance_all(data) == len(data)
            assert other.log_prob == pytest.approx(math.log(expected), rel=1e-12)
        else:
            assert other.advance_all(data) < len(data)


def test_healing_is_the_posterior_of_covers() -> None:
    """The last token taken back: covers of its bytes behind the others; draws follow their law (chi-square, 1e-5)."""
    table = TableModel.random(8, seed=2)
    healed = heal_prompt(table, VOCABULARY, [1, 0, 2], tokens=2)
    assert healed.context_ids == (1,) and healed.remainder == b"aab"
    state = ByteModel(table, VOCABULARY).start([1])
    state.advance_all(b"aab")
    assert healed.log_prob == state.log_prob
    assert sum(math.exp(cover.log_prob) for cover in healed.covers) == pytest.approx(math.exp(healed.log_prob))
    drawn = Counter(healed.draw(uniforms(stream_keys(0, 1), 4000)[0]))
    statistic = 0.0
    for cover in healed.covers:
        expected = 4000 * math.exp(cover.log_prob - healed.log_prob)
        statistic += (drawn[(1, *cover.tokens)] - expected) ** 2 / expected
    assert statistic < len(healed.covers) + 4.5 * math.sqrt(2 * len(healed.covers)) + 8
    assert {healed.overrun(cover) for cover in healed.covers} >= {b""}


def test_a_real_model() -> None:
    """The embedded model: the law of the next byte from one forward pass, and a healed prompt.

    Behind a prompt of tokens the first byte's law is a sum over tokens that begin with it.
    """
    language_model = embedded_model()
    assert isinstance(language_model, HuggingFaceModel)
    ids = language_model.encode(["The name of the pla"])[0][0].tolist()
    state = ByteModel(language_model, language_model.vocabulary, beam=64).start(ids)
    logits = language_model.prefill(torch.tensor([ids])).logits()[0].double()
    law = torch.softmax(logits, dim=0).numpy()
    expected = np.zeros(256)
    for token, data in enumerate(language_model.vocabulary.tokens):
        if data and token not in language_model.eos_token_ids:
            expected[data[0]] += law[token]
    np.testing.assert_allclose(np.exp(state.next_log_probs())[:256], expected, rtol=1e-9)

    healed = heal_prompt(language_model, language_model.vocabulary, ids, tokens=1, beam=64)
    assert all(cover.data.startswith(healed.remainder) for cover in healed.covers)
    assert ids[-1:] in [list(cover.tokens) for cover in healed.covers]
    assert len(healed.covers) > 1


def test_errors() -> None:
    """Arguments that do not fit."""
    with pytest.raises(SamplerError):
        ByteModel(model(), VOCABULARY, beam=0)
    with pytest.raises(SamplerError):
        ByteModel(TableModel.random(4, seed=0), VOCABULARY)
    with pytest.raises(SamplerError):
        ByteModel(model(), Vocabulary([None, None], eos_token_ids=[1]))
    with pytest.raises(SamplerError):
        read(b"a").advance(256)
    with pytest.raises(SamplerError):
        ByteModel(model(), VOCABULARY).start([]).covers()
    for tokens, ids in ((0, [0, 0]), (2, [0, 0]), (1, [0, 6])):
        with pytest.raises(SamplerError):
            heal_prompt(model(), VOCABULARY, ids, tokens=tokens)
    zero = TableModel(lambda sequence: [0, 1, 0, 0, 0, 0, 0, 0], 8, [EOS])
    with pytest.raises(SamplerError):
        heal_prompt(zero, VOCABULARY, [0, 0])
