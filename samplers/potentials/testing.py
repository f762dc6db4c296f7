"""A kit that checks any potential against its contract: run it on your own before a sampler relies on it.

Purpose: a potential that breaks its laws does not fail, it samples something else.  `check_potential` walks through
random sequences and compares everything that the contract says must agree.
Place: used by the tests of this package for every potential of its own, and meant for users' tests.
Cost: some 100 calls of each method for each walk; functions with a cache are asked a few times for each prefix.
Not taken: Hypothesis strategies (an optional dependency); sequences come from `samplers.noise`, so the same seed finds
the same violation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.noise import stream_keys, uniforms
from samplers.potentials.potential import Potential, PotentialState, eos_set, next_log_weights, token_bytes


class PotentialViolation(SamplerError):
    """A potential breaks its contract; ``findings`` says where and how, one line each."""

    def __init__(self, findings: list[str]) -> None:
        self.findings = tuple(findings)
        super().__init__(f"{len(findings)} violations of a potential's contract:\n" + "\n".join(findings))


@dataclass
class PotentialReport:
    """What a check went through: sequences, pairs of a sequence and a token, and complete texts among them."""

    sequences: int = 0
    pairs: int = 0
    completed: int = 0
    findings: list[str] = field(default_factory=list)


def check_potential(
    potential: Potential,
    *,
    seed: int = 0,
    walks: int = 8,
    max_tokens: int = 8,
    candidates: int = 12,
    tolerance: float = 1e-9,
) -> PotentialReport:
    """Check a potential on random walks; what was seen, or `PotentialViolation` with every violation found.

    ``walks`` rows take up to ``max_tokens`` tokens, chosen among the allowed ones; at each step ``candidates`` tokens
    a row are looked at, refused ones and all eos tokens among them.  Checked: shapes, dtypes and values;
    ``prefix(uv) = prefix(u) + next(v|u)`` and ``complete(u) = prefix(u) + next(eos|u)`` within ``tolerance``, with one
    value for all eos tokens; that dead rows stay dead and finished rows keep their weight; that `check` changes
    nothing, and answers alike in any order; that rows do not depend on each other, on `select` or on `fork`; that
    ``has_checks`` is True where `check` is not 0; that a second start gives the same.
    """
    report = PotentialReport()
    walk = _Walk(potential, report, seed, candidates, tolerance)
    walk.run(walks, max_tokens)
    if report.findings:
        raise PotentialViolation(report.findings[:50])
    return report


class _Walk:
    def __init__(self, potential: Potential, report: PotentialReport, seed: int, candidates: int, tolerance: float):
        self._potential = potential
        self._report = report
        self._seed = seed
        self._candidates = candidates
        self._tolerance = tolerance
        self._eos = eos_set(potential.vocabulary)
        self._width = potential.vocabulary.logits_width
        self._size = len(potential.vocabulary.tokens)

    def run(self, walks: int, max_tokens: int) -> None:
        state = self._potential.start(walks)
        if state.rows != walks:
            self._fail((), f"start({walks}) has {state.rows} rows")
            return
        histories: list[list[int]] = [[] for _ in range(walks)]
        first = state.prefix()
        if first.shape == (walks,) and not self._same(first, np.full(walks, first[0])):
            self._fail((), f"rows of the empty sequence differ: {first}")
        for step in range(max_tokens + 1):
            self._look_at(state, histories, step)
            if step == max_tokens or self._report.findings:
                break
            chosen = self._choose(state, histories, step)
            state.advance(chosen)
            for history, token in zip(histories, chosen.tolist(), strict=True):
                if token >= 0:
                    history.append(token)
            if step % 2:
                numbers = uniforms(stream_keys(self._seed, 1, step), walks)[0]
                ancestors = (numbers * walks).astype(np.int64)
                before = state.prefix()[ancestors]
                copied = state.fork(ancestors)
                state.select(ancestors)
                histories = [list(histories[row]) for row in ancestors.tolist()]
                if not self._same(state.prefix(), before) or not self._same(copied.prefix(), before):
                    self._fail(tuple(histories[0]), "a row after select or fork weighs something else")
                copied.advance(np.full(walks, self._eos[0] if len(self._eos) else 0))
                if not self._same(state.prefix(), before):
                    self._fail(tuple(histories[0]), "advancing a fork changes the state that it came from")
                self._replay(state, histories, step)
        if not self._report.findings:
            self._replay(state, histories, max_tokens)

    # One step

    def _look_at(self, state: PotentialState, histories: list[list[int]], step: int) -> None:
        rows = state.rows
        prefix, complete = state.prefix(), state.complete()
        self._weights(prefix, rows, "prefix", histories)
        self._weights(complete, rows, "complete", histories)
        dead = prefix == -np.inf
        if (complete[dead] > -np.inf).any():
            self._fail(tuple(histories[int(np.flatnonzero(dead)[0])]), "a dead beginning is complete")
        self._factors(state, histories)
        tokens = self._tokens(rows, step)
        row_of = np.repeat(np.arange(rows), tokens.shape[1])
        flat = tokens.reshape(-1)
        live = ~dead[row_of] & ~self._ended(histories)[row_of]
        row_of, flat = row_of[live], flat[live]
        if not len(flat):
            return
        weights = next_log_weights(state, row_of, flat)
        backwards = next_log_weights(state, row_of[::-1], flat[::-1])[::-1]
        if not self._same(weights, backwards):
            self._fail(tuple(histories[0]), "check answers something else in another order")
        if not self._same(state.prefix(), prefix):
            self._fail(tuple(histories[0]), "check, mask or complete changes the state")
        self._report.sequences += rows
        self._report.pairs += len(flat)
        self._report.completed += int((complete > -np.inf).sum())
        following = state.fork(row_of)
        if state.rows != rows or following.rows != len(row_of):
            self._fail(tuple(histories[0]), f"fork changes the state that it copies, or gives {following.rows} rows")
            return
        following.advance(flat)
        after = following.prefix()
        for index, (row, token) in enumerate(zip(row_of.tolist(), flat.tolist(), strict=True)):
            expected = prefix[row] + weights[index]
            is_end = token in self._eos
            actual = complete[row] if is_end else after[index]
            if not self._same(np.array([expected]), np.array([actual])):
                name = f"complete(u) of eos {token}" if is_end else f"prefix(uv) for v = {token}"
                self._fail(
                    tuple(histories[row]),
                    f"prefix(u) + next is {expected}, but {name} is {actual} (prefix(u) = {prefix[row]})",
                )
            if is_end and not self._same(after[index : index + 1], complete[row : row + 1]):
                self._fail(tuple(histories[row]), f"a finished row weighs {after[index]}, not {complete[row]}")
        self._stays(following, after, flat)

    def _stays(self, following: PotentialState, after: NDArray[np.float64], last: NDArray[np.int64]) -> None:
        """Rows that are dead or finished ignore tokens; a negative token changes no weight."""
        if (following.complete()[after == -np.inf] > -np.inf).any():
            self._fail((), "a dead beginning is complete")
        following.advance(np.full(len(last), -1))
        if not self._same(following.prefix(), after):
            self._fail((), "a negative token changes a weight")
        settled = (after == -np.inf) | np.isin(last, self._eos)
        following.advance(np.where(settled, last, -1))
        if not self._same(following.prefix(), after):
            self._fail((), "a dead or finished row does not stay what it is")
        words = following.mask()
        if words is not None and (words.cpu().numpy()[settled] != 0).any():
            self._fail((), "the mask of a dead or finished row allows something")

    def _factors(self, state: PotentialState, histories: list[list[int]]) -> None:
        rows = state.rows
        words = state.mask()
        if words is not None and (
            str(words.dtype) != "torch.int32" or tuple(words.shape) != (rows, (self._width + 31) // 32)
        ):
            self._fail(
                (), f"the mask is {words.dtype}{list(words.shape)}, not int32[{rows}, {(self._width + 31) // 32}]"
            )
        dense = state.log_weights_next()
        if dense is not None:
            if dense.ndim != 2 or dense.shape[0] != rows or dense.shape[1] > self._width:
                self._fail((), f"log_weights_next has shape {list(dense.shape)}, not [{rows}, {self._width}]")
            if bool(dense.isnan().any()) or bool((dense == np.inf).any()):
                self._fail(tuple(histories[0]), "log_weights_next holds NaN or +inf")
        if not state.has_checks and rows:
            answer = state.check(
                np.zeros(1, dtype=np.int64), self._eos[:1] if len(self._eos) else np.zeros(1, np.int64)
            )
            if answer.any():
                self._fail(tuple(histories[0]), "has_checks is False, and check says something but 0")

    def _weights(self, weights: NDArray[np.float64], rows: int, name: str, histories: list[list[int]]) -> None:
        if weights.shape != (rows,) or weights.dtype != np.float64:
            self._fail((), f"{name}() is {weights.dtype}{list(weights.shape)}, not float64[{rows}]")
            return
        wrong = np.flatnonzero(np.isnan(weights) | (weights == np.inf))
        if len(wrong):
            self._fail(tuple(histories[int(wrong[0])]), f"{name}() is {weights[wrong[0]]}")

    # Choosing tokens

    def _tokens(self, rows: int, step: int) -> NDArray[np.int64]:
        """Random tokens for each row, and every eos token: int64[rows, count]."""
        numbers = uniforms(stream_keys(self._seed, 2, step, np.arange(rows)), self._candidates)
        ends = np.broadcast_to(self._eos, (rows, len(self._eos)))
        return np.concatenate([(numbers * self._size).astype(np.int64), ends], axis=1)

    def _choose(self, state: PotentialState, histories: list[list[int]], step: int) -> NDArray[np.int64]:
        """A token for each row, mostly an allowed one; -1 where there is none."""
        rows = state.rows
        chosen = np.full(rows, -1, dtype=np.int64)
        words = state.mask()
        dense = state.log_weights_next()
        finished = self._ended(histories)
        numbers = uniforms(stream_keys(self._seed, 3, step, np.arange(rows)), 2)
        for row in np.flatnonzero(~finished & (state.prefix() > -np.inf)).tolist():
            allowed = np.ones(self._size, dtype=bool)
            if words is not None:
                bits = np.unpackbits(words[row].cpu().numpy().view(np.uint8), bitorder="little")
                allowed &= bits[: self._size].astype(bool)
            if dense is not None:
                finite = dense[row].double().cpu().numpy()[: self._size] > -np.inf
                allowed[: len(finite)] &= finite
                allowed[len(finite) :] = False
            possible = np.flatnonzero(allowed)
            if numbers[row, 1] > 0.1:  # rarely the end, or the walks would be short
                possible = possible[~np.isin(possible, self._eos)]
            keys = stream_keys(self._seed, 4, step, row)
            order = possible[np.argsort(uniforms(keys, len(possible))[0])][:256]
            if len(order) and state.has_checks:
                order = order[state.check(np.full(len(order), row), order) > -np.inf]
            if len(order):
                chosen[row] = order[0]
        return chosen

    def _ended(self, histories: list[list[int]]) -> NDArray[np.bool_]:
        return np.array([bool(history) and history[-1] in self._eos for history in histories], dtype=bool)

    # The whole walk again

    def _replay(self, state: PotentialState, histories: list[list[int]], step: int) -> None:
        """Each row alone, from a new start, weighs what it weighs here, and so do its next tokens."""
        prefix, complete = state.prefix(), state.complete()
        tokens = self._tokens(state.rows, step)
        for row, history in enumerate(histories):
            alone = self._potential.start(1)
            for token in history:
                alone.advance(np.array([token], dtype=np.int64))
            if not self._same(alone.prefix(), prefix[row : row + 1]):
                self._fail(tuple(history), f"alone it weighs {alone.prefix()[0]}, in a batch {prefix[row]}")
            if not self._same(alone.complete(), complete[row : row + 1]):
                self._fail(tuple(history), f"alone complete is {alone.complete()[0]}, in a batch {complete[row]}")
            if prefix[row] == -np.inf or (history and history[-1] in self._eos):
                continue
            here = next_log_weights(state, np.full(tokens.shape[1], row), tokens[row])
            there = next_log_weights(alone, np.zeros(tokens.shape[1], dtype=np.int64), tokens[row])
            if not self._same(here, there):
                self._fail(tuple(history), "alone its next tokens weigh something else than in a batch")

    def _same(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
        return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=self._tolerance, equal_nan=False))

    def _fail(self, history: tuple[int, ...], message: str) -> None:
        text = token_bytes(self._potential.vocabulary, history)
        self._report.findings.append(f"after tokens {list(history)} ({text[-40:]!r}): {message}")
