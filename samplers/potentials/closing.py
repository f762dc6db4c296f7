"""A token budget that always suffices: near its end, only what still leads to a complete text in time.

Purpose: ``budget="close"``: no output is cut in the middle, because no row is ever further from a complete text than
its budget reaches.
Place: instead of a `CompiledPotential` times a `TokenLimit`, which meets the limit blindly.
Cost: a shortest completion a row and step (kept by configuration), and near the end one ``accept_token`` for each
allowed token, kept as well: some 12 ms for 4,000 tokens, a third of a second for 100,000 inside a string.
Not taken: forcing the shortest completion once the budget is reached (it decides for the model what it still
could decide), and an exact count of the fewest tokens over *all* completions (the shortest bytes are close to it).

**The condition.**  Each sequence u has a *plan*: tokens that complete it, the fewest that spell the matcher's shortest
completion, or what is left of the plan before u's last token where that is shorter.  u is allowed while its plan
fits: ``len(plan(u)) <= max_tokens - len(u)``.  A text is in the language if each of its beginnings is allowed, so
texts of at most ``max_tokens`` tokens that pass through a beginning with a longer plan are left out; there
are few of them, and they are left out of the target, not merely unlikely.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from grammarlib.errors import DeadEnd
from samplers.errors import SamplerError
from samplers.potentials.algebra import Composable
from samplers.potentials.compiled import CompiledPotential
from samplers.types import Constraint, TokenTable

_FEW: Final = 256
"""Masks of so many tokens are exact always: there structure opens, and may need more than the budget has."""
_CLOSE: Final = 16
"""Tokens beside the plan from which masks of up to `_MANY` tokens are exact."""
_MANY: Final = 8192
_VERY_CLOSE: Final = 2
"""Tokens beside the plan from which every mask is exact."""
_PLANS: Final = 65_536
_MASKS: Final = 256
_FAR: Final = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class _Row:
    """One live row: its matcher, its length in tokens, and the rest of its plan."""

    matcher: Any
    length: int
    plan: tuple[int, ...]


class Closing(Composable):
    """The condition that a text belongs to a compiled source's language and can always be closed in ``max_tokens``.

    ``constraint``: as ``grammarlib.compile(source, vocabulary)`` returns it; its matchers know their
    ``shortest_completion``.  ``max_tokens``: the most tokens of a text, eos not counted.
    A row never comes to ``max_tokens`` without being complete.  The mask is exact near the end, and wherever few tokens
    are allowed; elsewhere the rare token that would open more than can be closed is refused by `check`.

    Raises `SamplerError` for constraints of another kind, and where the shortest text has more tokens than the budget.
    """

    def __init__(self, constraint: Constraint, max_tokens: int) -> None:
        self._compiled = CompiledPotential(constraint)
        self.constraint = constraint
        self.max_tokens = max_tokens
        vocabulary = self._compiled.vocabulary
        if not vocabulary.eos_token_ids:
            raise SamplerError("the vocabulary has no eos token, so that no text could end; give it eos_token_ids")
        self.eos = frozenset(vocabulary.eos_token_ids)
        self._by_bytes: dict[bytes, int] = {}
        for token, data in enumerate(vocabulary.tokens):
            if data and token not in self.eos:
                self._by_bytes.setdefault(data, token)
        self._longest = max((len(data) for data in self._by_bytes), default=0)
        matcher: Any = constraint.matcher()
        if not callable(getattr(matcher, "shortest_completion", None)):
            raise SamplerError("budget='close' needs a constraint whose matchers have shortest_completion()")
        plan = _Plans(self).plan(matcher)
        if plan is None or len(plan) > max_tokens:
            shortest = "which the vocabulary cannot spell" if plan is None else f"of {len(plan)} tokens"
            raise SamplerError(f"max_tokens={max_tokens} is too small for the constraint's shortest text, {shortest}")

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary that the source was compiled for."""
        return self._compiled.vocabulary

    @property
    def identity(self) -> str | None:
        """The source's identity and the budget."""
        inner = self._compiled.identity
        return None if inner is None else f"closing({inner}, {self.max_tokens})"

    def start(self, rows: int) -> ClosingState:
        """See `Potential`."""
        matcher: Any = self.constraint.matcher()
        plans = _Plans(self)
        plan = plans.plan(matcher)
        assert plan is not None
        return ClosingState(self, plans, [_Row(matcher, 0, plan)] * rows)

    def spell(self, data: bytes) -> tuple[int, ...] | None:
        """The fewest tokens whose bytes are ``data``, the longest first among equals."""
        best: list[tuple[int, int, int]] = [(0, -1, 0)] * (len(data) + 1)  # count, token, end
        for start in range(len(data) - 1, -1, -1):
            found = (_FAR, -1, 0)
            for end in range(min(len(data), start + self._longest), start, -1):
                token = self._by_bytes.get(data[start:end])
                if token is not None and best[end][0] < _FAR and best[end][0] + 1 < found[0]:
                    found = (best[end][0] + 1, token, end)
            best[start] = found
        if best[0][0] == _FAR:
            return None
        plan: list[int] = []
        position = 0
        while position < len(data):
            _, token, position = best[position]
            plan.append(token)
        return tuple(plan)


class _Plans:
    """Plans of matchers that come from one matcher, by configuration: forks of one matcher share its numbers."""

    def __init__(self, potential: Closing) -> None:
        self._potential = potential
        self._plans: OrderedDict[Hashable, tuple[int, ...] | None] = OrderedDict()
        self._needs: OrderedDict[Hashable, NDArray[np.int32]] = OrderedDict()

    def plan(self, matcher: Any) -> tuple[int, ...] | None:
        """The fewest tokens that spell the shortest completion; None where there is none."""
        key: Hashable = getattr(matcher, "configuration", None)
        if key is not None and key in self._plans:
            self._plans.move_to_end(key)
            return self._plans[key]
        try:
            plan = self._potential.spell(matcher.shortest_completion())
        except DeadEnd:
            plan = None
        if key is not None:
            self._plans[key] = plan
            if len(self._plans) > _PLANS:
                self._plans.popitem(last=False)
        return plan

    def following(self, row: _Row, token: int) -> _Row | None:
        """The row after a token that is not eos; None where the language or the budget refuses it."""
        matcher = row.matcher.fork()
        if not matcher.accept_token(token):
            return None
        plan = self.plan(matcher)
        if row.plan and token == row.plan[0] and (plan is None or len(row.plan) - 1 < len(plan)):
            plan = row.plan[1:]
        if plan is None or row.length + 1 + len(plan) > self._potential.max_tokens:
            return None
        return _Row(matcher, row.length + 1, plan)

    def needed(self, row: _Row, allowed: NDArray[np.int64]) -> NDArray[np.int32]:
        """The length of the plan after each allowed token that is not eos: int32[len(allowed)]."""
        key: Hashable = getattr(row.matcher, "configuration", None)
        known = self._needs.get(key) if key is not None else None
        if known is None:
            matcher = row.matcher.fork()
            needs = np.full(len(allowed), _FAR, dtype=np.int32)
            for index, token in enumerate(allowed.tolist()):
                if token not in self._potential.eos and matcher.accept_token(token):
                    plan = self.plan(matcher)
                    needs[index] = _FAR if plan is None else len(plan)
                    matcher.rollback(1)
            known = needs
            if key is not None:
                self._needs[key] = known
                if len(self._needs) > _MASKS:
                    self._needs.popitem(last=False)
        if row.plan:
            place = np.flatnonzero(allowed == row.plan[0])
            known = known.copy()
            known[place] = np.minimum(known[place], len(row.plan) - 1)
        return known


class ClosingState:
    """Rows of a `Closing`; see `samplers.potentials.potential.PotentialState`."""

    has_checks = True

    def __init__(self, potential: Closing, plans: _Plans, rows: Sequence[_Row | None]) -> None:
        self._potential = potential
        self._plans = plans
        self._rows = list(rows)
        self._is_finished = [False] * len(rows)
        self._words = (potential.vocabulary.logits_width + 31) // 32
        self.constraint_checks = 0  # of a matcher, not of a black box

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def mask(self) -> torch.Tensor:
        """int32[rows, words]: exact near the end of the budget."""
        words = np.zeros((self.rows, self._words), dtype=np.int32)
        for index, row in enumerate(self._rows):
            if row is None or self._is_finished[index]:
                continue
            row.matcher.fill_bitmask(words, index)
            left = self._potential.max_tokens - row.length - len(row.plan)
            bits = np.unpackbits(words[index].view(np.uint8), bitorder="little")
            allowed = np.flatnonzero(bits).astype(np.int64)
            most = _FEW if left >= _CLOSE else _MANY if left >= _VERY_CLOSE else len(allowed)
            if len(allowed) > most:
                continue
            needs = self._plans.needed(row, allowed)
            fits = needs.astype(np.int64) + row.length + 1 <= self._potential.max_tokens
            fits |= np.isin(allowed, list(self._potential.eos))
            bits[allowed[~fits]] = 0
            words[index] = np.packbits(bits, bitorder="little").view(np.int32)
        return torch.from_numpy(words)

    def log_weights_next(self) -> None:
        """None."""
        return

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """-inf for tokens that would open more than can be closed."""
        result = np.zeros(len(rows), dtype=np.float64)
        for index, (number, token) in enumerate(zip(rows.tolist(), tokens.tolist(), strict=True)):
            row = self._rows[number]
            if row is None or self._is_finished[number]:
                is_refused = True
            else:
                is_refused = token not in self._potential.eos and self._plans.following(row, token) is None
            if is_refused:
                result[index] = -np.inf
        return result

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row accepts its token, or dies."""
        for index, token in enumerate(tokens.tolist()):
            row = self._rows[index]
            if token < 0 or row is None or self._is_finished[index]:
                continue
            if token in self._potential.eos:
                self._is_finished[index] = True
                if not row.matcher.is_accepting:
                    self._rows[index] = None
            else:
                self._rows[index] = self._plans.following(row, token)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``; matchers are never changed, so copies share them."""
        self._rows = [self._rows[row] for row in ancestors.tolist()]
        self._is_finished = [self._is_finished[row] for row in ancestors.tolist()]

    def fork(self, ancestors: NDArray[np.int64]) -> ClosingState:
        """A new state of copies of these rows."""
        other = ClosingState(self._potential, self._plans, self._rows)
        other._is_finished = list(self._is_finished)
        other.select(ancestors)
        return other

    def prefix(self) -> NDArray[np.float64]:
        """0, or -inf for dead rows."""
        return np.array([-np.inf if row is None else 0.0 for row in self._rows], dtype=np.float64)

    def complete(self) -> NDArray[np.float64]:
        """0 where the text may stop or has stopped."""
        ends = (row is not None and row.matcher.is_accepting for row in self._rows)
        return np.array([0.0 if may_end else -np.inf for may_end in ends], dtype=np.float64)
