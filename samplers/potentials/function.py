"""Python functions as potentials: predicates and scores of tokens, bytes, texts or values.

Purpose: what no grammar can say ("compiles", "the judge likes it", "the SQL runs") is a factor like any other.
Place: the black box under `samplers.token`'s rejection samplers, and the critic of SMC.
Cost: the function's, once for each distinct argument: arguments of a call are deduplicated over rows, answers are
kept.  Nothing is evaluated before it is asked for, so a critic with a cadence costs only what it says.
Not taken: asynchronous functions with a queue that waits for company; a batch is at hand, and ``batched=True`` hands
it over whole, ``threads`` runs a slow function for several arguments at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from samplers.errors import SamplerError
from samplers.potentials.algebra import Composable
from samplers.types import TokenTable

Level: TypeAlias = Literal["text", "bytes", "tokens", "value"]

_NOTHING: Final = object()
"""In place of an argument: there is no text (or value) to ask about, so the weight is 0."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: what it wrote, and whether it goes on."""

    tokens: tuple[int, ...] = ()
    data: bytes = b""
    is_finished: bool = False
    is_dead: bool = False


class FromFunction(Composable):
    """A potential from Python functions of what was written.

    ``complete``: the weight of a whole text.  ``prefix``: the weight of a beginning; without it every beginning weighs
    1 (log 0).  With ``prefix`` alone, a whole text weighs what it weighs as a beginning.
    Each returns a bool (a condition) or a float (a *log* weight, -inf allowed); anything else, NaN and +inf raise
    `SamplerError`.  Where ``prefix`` gives -inf, the row is dead and ``complete`` is not asked.

    ``level``: what the functions are given. ``"text"``: a str; as a beginning, the last few bytes are left out where
    they are part of a character; bytes that are no UTF-8 are no text and weigh 0.  ``"bytes"``: bytes.  ``"tokens"``:
    a tuple of ids, without eos.  ``"value"``: ``parse(text)``, for ``complete`` only; texts for which ``parse`` raises
    ValueError weigh 0.  Pass ``compiled.parse`` or ``json.loads``.
    ``batched``: the functions take a list of arguments and return as many answers.
    ``threads``: how many arguments are evaluated at once where ``batched`` is False; the functions must then be safe
    to call from several threads.
    ``cache_entries``: how many answers are kept, the last used ones; 0 for functions that are not deterministic (which
    no sampler can correct for).
    ``name``: an `identity` for saved tries, which must change when the function does.
    """

    def __init__(
        self,
        vocabulary: TokenTable,
        *,
        complete: Callable[[Any], Any] | None = None,
        prefix: Callable[[Any], Any] | None = None,
        level: Level = "text",
        parse: Callable[[str], Any] | None = None,
        batched: bool = False,
        threads: int = 1,
        cache_entries: int = 65_536,
        name: str | None = None,
    ) -> None:
        if complete is None and prefix is None:
            raise SamplerError("give a function: complete= for whole texts, prefix= for beginnings, or both")
        if level not in get_args(Level):
            raise SamplerError(f"level must be one of {', '.join(get_args(Level))}, not {level!r}")
        if (level == "value") != (parse is not None):
            raise SamplerError("parse= goes with level='value', which needs it")
        if level == "value" and prefix is not None:
            raise SamplerError("a beginning has no value: use level='text' for prefix=")
        if threads < 1 or cache_entries < 0:
            raise SamplerError("threads must be at least 1 and cache_entries not negative")
        self._vocabulary = vocabulary
        self._level = level
        self._parse = parse
        self._batched = batched
        self._threads = threads
        self._name = name
        self._prefix = None if prefix is None else _Cached(prefix, self, cache_entries)
        self._complete = _Cached(complete, self, cache_entries) if complete is not None else self._prefix
        self._table = tuple(vocabulary.tokens)
        self._eos = frozenset(vocabulary.eos_token_ids)

    @property
    def vocabulary(self) -> TokenTable:
        """The vocabulary that was given."""
        return self._vocabulary

    @property
    def identity(self) -> str | None:
        """``name``, if it was given."""
        return None if self._name is None else f"function {self._level} {self._name}"

    def start(self, rows: int) -> FunctionState:
        """See `Potential`."""
        return FunctionState(self, [_Row()] * rows)

    # What the functions are asked

    def _argument(self, row: _Row, is_complete: bool) -> Any:
        if self._level == "tokens":
            return row.tokens
        if self._level == "bytes":
            return row.data
        text = _as_text(row.data, is_complete)
        return _NOTHING if text is None else text

    def _following(self, row: _Row, token: int) -> _Row:
        """The row after a token that is not eos; dead where the token writes nothing."""
        written = self._table[token] if 0 <= token < len(self._table) else None
        if not written:
            return _Row(row.tokens, row.data, is_dead=True)
        return _Row((*row.tokens, token), row.data + written)

    def _evaluate(self, function: Callable[[Any], Any], arguments: list[Any]) -> list[float]:
        """The function's log weights of distinct arguments."""
        if self._parse is not None:
            values: list[Any] = []
            kept: list[int] = []
            for index, text in enumerate(arguments):
                try:
                    values.append(self._parse(text))
                    kept.append(index)
                except ValueError:
                    continue
            weights = [-np.inf] * len(arguments)
            for index, weight in zip(kept, self._call(function, values), strict=True):
                weights[index] = weight
            return weights
        return self._call(function, arguments)

    def _call(self, function: Callable[[Any], Any], arguments: list[Any]) -> list[float]:
        if not arguments:
            return []
        answers: Iterable[Any]
        if self._batched:
            answers = list(function(arguments))
            if len(answers) != len(arguments):
                raise SamplerError(f"the batched function gave {len(answers)} answers for {len(arguments)} arguments")
        elif self._threads > 1 and len(arguments) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                answers = list(pool.map(function, arguments))
        else:
            answers = [function(argument) for argument in arguments]
        return [as_log_weight(answer) for answer in answers]


class _Cached:
    """A function with the answers that it gave last."""

    def __init__(self, function: Callable[[Any], Any], owner: FromFunction, entries: int) -> None:
        self._function = function
        self._owner = owner
        self._entries = entries
        self._known: OrderedDict[Any, float] = OrderedDict()

    def __call__(self, arguments: Sequence[Any]) -> tuple[list[float], int]:
        """Log weights of arguments, and how many of them the function was asked for."""
        answers: dict[Any, float] = {_NOTHING: -np.inf}
        unknown: dict[Any, None] = {}
        for argument in arguments:
            if argument in answers or argument in unknown:
                continue
            known = self._known.get(argument)
            if known is None:
                unknown[argument] = None
            else:
                self._known.move_to_end(argument)
                answers[argument] = known
        if unknown:
            asked = list(unknown)
            for argument, weight in zip(asked, self._owner._evaluate(self._function, asked), strict=True):
                answers[argument] = weight
                if self._entries:
                    self._known[argument] = weight
            while len(self._known) > self._entries:
                self._known.popitem(last=False)
        return [answers[argument] for argument in arguments], len(unknown)


class FunctionState:
    """Rows of a `FromFunction`; see `samplers.potentials.potential.PotentialState`."""

    has_checks = True

    def __init__(self, potential: FromFunction, rows: list[_Row]) -> None:
        self._potential = potential
        self._rows = rows
        self.constraint_checks = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def mask(self) -> None:
        """None: a function has no mask."""
        return

    def log_weights_next(self) -> None:
        """None: a function is asked token by token."""
        return

    def check(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """The functions' answers, each distinct argument asked once."""
        before = [self._rows[row] for row in rows.tolist()]
        result = np.full(len(rows), -np.inf)
        ends = np.isin(tokens, list(self._potential._eos))
        alive = np.array([not row.is_dead and not row.is_finished for row in before], dtype=bool)
        for is_end in (False, True):
            chosen = np.flatnonzero(alive & (ends == is_end))
            if not len(chosen):
                continue
            now = [before[index] for index in chosen]
            if is_end:
                after = self._weights(now, is_complete=True)
            else:
                pairs = zip(now, tokens[chosen].tolist(), strict=True)
                after = self._weights([self._potential._following(*pair) for pair in pairs], is_complete=False)
            open_pairs = np.flatnonzero(after > -np.inf)
            after[open_pairs] -= self._weights([now[index] for index in open_pairs], is_complete=False)
            result[chosen] = after
        return result

    def advance(self, tokens: NDArray[np.int64]) -> None:
        """Every row goes on by one token; nothing is evaluated."""
        eos = self._potential._eos
        for index, token in enumerate(tokens.tolist()):
            row = self._rows[index]
            if token < 0 or row.is_finished or row.is_dead:
                continue
            if token in eos:
                self._rows[index] = _Row(row.tokens, row.data, is_finished=True)
            else:
                self._rows[index] = self._potential._following(row, token)

    def select(self, ancestors: NDArray[np.int64]) -> None:
        """Row i becomes a copy of row ``ancestors[i]``."""
        self._rows = [self._rows[row] for row in ancestors.tolist()]

    def fork(self, ancestors: NDArray[np.int64]) -> FunctionState:
        """A new state of copies of these rows."""
        return FunctionState(self._potential, [self._rows[row] for row in ancestors.tolist()])

    def prefix(self) -> NDArray[np.float64]:
        """float64[rows]; evaluated now, or before."""
        finished = np.array([row.is_finished for row in self._rows], dtype=bool)
        result = np.empty(self.rows)
        result[finished] = self._weights([row for row in self._rows if row.is_finished], is_complete=True)
        result[~finished] = self._weights([row for row in self._rows if not row.is_finished], is_complete=False)
        return result

    def complete(self) -> NDArray[np.float64]:
        """float64[rows]; evaluated now, or before."""
        return self._weights(self._rows, is_complete=True)

    def _weights(self, rows: Sequence[_Row], is_complete: bool) -> NDArray[np.float64]:
        potential = self._potential
        result = np.array([-np.inf if row.is_dead else 0.0 for row in rows], dtype=np.float64)
        if potential._prefix is not None:
            self._add(result, potential._prefix, [potential._argument(row, False) for row in rows])
        if is_complete and (potential._complete is not potential._prefix or potential._level == "text"):
            assert potential._complete is not None
            alive = result > -np.inf
            result[alive] = 0.0  # a whole text weighs what `complete` says, if its beginning is not dead
            self._add(result, potential._complete, [potential._argument(row, True) for row in rows])
        return result

    def _add(self, result: NDArray[np.float64], function: _Cached, arguments: Sequence[Any]) -> None:
        alive = np.flatnonzero(result > -np.inf)
        weights, asked = function([arguments[index] for index in alive])
        result[alive] += weights
        self.constraint_checks += asked


def as_log_weight(answer: Any) -> float:
    """The log weight that a user's function means: a bool is a condition, a number a log weight.

    Raises `SamplerError` for NaN, +inf and everything else.
    """
    if isinstance(answer, bool | np.bool_):
        return 0.0 if answer else -np.inf
    if isinstance(answer, int | float | np.floating | np.integer):
        weight = float(answer)
        if weight == weight and weight < np.inf:
            return weight
        raise SamplerError(f"a potential's function returned {answer!r}, which is no log weight")
    raise SamplerError(
        f"a potential's function returned {type(answer).__name__}; return a bool, or a log weight as a float"
    )


def _as_text(data: bytes, is_complete: bool) -> str | None:
    """What bytes spell; None where they are no UTF-8.  A beginning may end inside a character, which is left out."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        is_cut = error.reason == "unexpected end of data" and error.end == len(data)
        if is_complete or not is_cut:
            return None
        return data[: error.start].decode()
