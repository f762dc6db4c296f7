"""From generated prefixes to matchers: each row's state follows from its ids, not from its number.

Purpose: beams swap rows, drafts are taken back, batches shrink, finished rows are padded.  All of these are one
case here: a row wants the matcher of its generated ids, and takes the nearest one of the step before.
Place: between `samplers.logits_processor` (which knows where prompts end) and matchers.
Cost: a step of plain generation is one ``accept_token`` a row.  Where rows moved, a hash of each row's ids and the
tokens that differ.  Memory: one matcher a row, whatever was tried before; a matcher's own history is the cache of
its prefixes, `rollback` and `fork` are the look-up.
Not taken: a map from prefix to a forked matcher.  It needs a fork a step and a bound with an eviction rule, and
drafts and beams find their parent among the rows of the step before anyway.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from samplers.types import TokenMatcher


class PrefixState:
    """One row: the ids generated so far, and the matcher at the end of what it accepted of them.

    It is *live* (everything was accepted and the text goes on), *ended* (a stop token was accepted; what follows is
    padding) or *dead* (an id was refused: a rejected draft, padding of a row that a
    stopping criterion ended, a token that someone else forced).
    """

    __slots__ = ("accepted", "constraint", "has_ended", "matcher", "tokens")

    def __init__(self, constraint: int, matcher: TokenMatcher) -> None:
        self.constraint = constraint
        self.matcher = matcher
        self.tokens = array("q")
        self.accepted = 0
        self.has_ended = matcher.is_terminated

    @property
    def is_live(self) -> bool:
        """Every generated id was accepted and no stop token is among them."""
        return not self.has_ended and self.accepted == len(self.tokens)

    def fork(self) -> PrefixState:
        """An independent copy."""
        other = PrefixState.__new__(PrefixState)
        other.constraint = self.constraint
        other.matcher = self.matcher.fork()
        other.tokens = self.tokens[:]
        other.accepted = self.accepted
        other.has_ended = self.has_ended
        return other

    def truncate(self, length: int) -> None:
        """Go back to the first ``length`` ids."""
        if length < self.accepted:
            self.matcher.rollback(self.accepted - length)
            self.accepted = length
        del self.tokens[length:]
        self.has_ended = self.matcher.is_terminated or (self.has_ended and length > self.accepted)

    def append(self, token: int, stops: frozenset[int]) -> None:
        """Add one id.  ``stops`` end a complete text although the matcher's vocabulary does not know them as such."""
        if self.is_live:
            if self.matcher.accept_token(token):
                self.accepted += 1
                self.has_ended = self.matcher.is_terminated
            elif token in stops and self.matcher.is_accepting:
                self.has_ended = True
        self.tokens.append(token)

    def common_length(self, row: NDArray[np.int64]) -> int:
        """How many ids at the start are the same."""
        length = min(len(self.tokens), len(row))
        if not length:
            return 0
        differing = np.flatnonzero(np.frombuffer(self.tokens, dtype=np.int64, count=length) != row[:length])
        return int(differing[0]) if len(differing) else length


def extends_known(
    states: Sequence[PrefixState | None], row: NDArray[np.int64], constraint: int, at_most: int = 1
) -> bool:
    """Whether a row is, but for its last ``at_most`` ids, a prefix that one of ``states`` went through."""
    known = row[: max(0, len(row) - at_most)].tobytes()
    return any(
        state is not None and state.constraint == constraint and state.tokens.tobytes().startswith(known)
        for state in states
    )


def advance(states: Sequence[PrefixState | None], tokens: Sequence[int], stops: frozenset[int]) -> None:
    """Every row goes on by one id, in place."""
    for state, token in zip(states, tokens, strict=True):
        if state is not None:
            state.append(token, stops)


def resolve(
    before: Sequence[PrefixState | None],
    rows: NDArray[np.int64],
    constraint_of_row: Sequence[int | None],
    new_matcher: Callable[[int], TokenMatcher],
    stops: frozenset[int],
) -> list[PrefixState | None]:
    """The state of each row of ids (int64[rows, generated]), made from the states of the step ``before``.

    ``before`` is used up: its states are moved into the result, forked where several rows want one, or dropped.
    Rows whose constraint is None have no state.
    """
    by_prefix: dict[tuple[int, bytes], PrefixState] = {}
    by_constraint: dict[int, list[PrefixState]] = {}
    for state in before:
        if state is not None:
            by_prefix[state.constraint, state.tokens.tobytes()] = state
            by_constraint.setdefault(state.constraint, []).append(state)

    sources: list[tuple[PrefixState, int] | None] = []
    claims: dict[int, int] = {}
    for row, constraint in zip(rows, constraint_of_row, strict=True):
        source = None if constraint is None else _nearest(row, constraint, by_prefix, by_constraint)
        sources.append(source)
        if source is not None:
            claims[id(source[0])] = claims.get(id(source[0]), 0) + 1

    result: list[PrefixState | None] = []
    for row, constraint, source in zip(rows, constraint_of_row, sources, strict=True):
        if constraint is None:
            result.append(None)
            continue
        if source is None:
            state, common = PrefixState(constraint, new_matcher(constraint)), 0
        else:
            state, common = source
            claims[id(state)] -= 1
            if claims[id(state)]:  # another row comes for it: the last one takes the original
                state = state.fork()
        state.truncate(common)
        for token in row[common:].tolist():
            state.append(token, stops)
        result.append(state)
    return result


def _nearest(
    row: NDArray[np.int64],
    constraint: int,
    by_prefix: dict[tuple[int, bytes], PrefixState],
    by_constraint: dict[int, list[PrefixState]],
) -> tuple[PrefixState, int] | None:
    """The state that shares most of a row, and how many ids that is; None where a new matcher is as near."""
    if not len(row):
        return None
    ids = row.tobytes()
    parent = by_prefix.get((constraint, ids[: -row.itemsize])) if len(row) > 1 else None
    if parent is not None:
        return parent, len(row) - 1
    same = by_prefix.get((constraint, ids))
    if same is not None:
        return same, len(row)
    nearest: PrefixState | None = None
    most = 0
    for state in by_constraint.get(constraint, ()):
        common = state.common_length(row)
        if common > most:
            nearest, most = state, common
    return None if nearest is None else (nearest, most)
