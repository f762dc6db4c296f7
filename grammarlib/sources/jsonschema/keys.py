"""Component keys: the names under which the machine remembers what may come at a place.

Purpose: a key is one node, a conjunction (or None) for each track, or a `Context`: conjunctions and the exits that the
caller can live with.  `Keys` makes keys only of what something satisfies, so that whatever is offered can be completed.
Place: above `conjunctions`; views and states make keys, `SchemaSource.expand` reads them.
Cost: about 0.2 us for each track, beside the question of satisfiability.
Not taken: numbering keys.  The machine interns them anyway, and tuples of numbers hash fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from grammarlib.automata.components import ComponentKey
from grammarlib.errors import LimitExceeded
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.conjunctions import Conjunction, Conjunctions


class Context(NamedTuple):
    """A component key: literals for each track, and the exits that the caller can live with.

    A demand is a set of (tracks that must hold, tracks that must fail), bit sets; a value is right where its exit
    meets one of them.  The exit label of a finished value has the bit of each track that holds, and one more above
    them that is always set.
    """

    tracks: tuple[Conjunction, ...]
    demand: tuple[tuple[int, int], ...]


Key: TypeAlias = "int | tuple[Conjunction | None, ...] | Context"
"""A component: one conjunction (or None) for each track; an int is the one track of one node."""


class Component(NamedTuple):
    """A key, spelled out: what applies to each track, the demand if there is one, and the label bit always set then."""

    tracks: tuple[Conjunction | None, ...]
    demand: tuple[tuple[int, int], ...] | None = None
    always: int = 0


class Keys:
    """Makes the keys of one source."""

    def __init__(
        self, conjunctions: Conjunctions, is_satisfiable: Callable[[Conjunction], bool], limits: Limits
    ) -> None:
        self.is_satisfiable = is_satisfiable
        self._conjunctions = conjunctions
        self._limits = limits

    def plain(self, conjunction: Conjunction | None) -> Key | None:
        """The component of one conjunction; None where nothing satisfies it."""
        if conjunction is None or not self.is_satisfiable(conjunction):
            return None
        return conjunction[0] if len(conjunction) == 1 and conjunction[0] >= 0 else (conjunction,)

    def joint(self, conjunctions: list[Conjunction | None]) -> Key | None:
        """The component of one conjunction for each track; None where nothing satisfies any."""
        key = tuple(c if c is not None and self.is_satisfiable(c) else None for c in conjunctions)
        if len(key) == 1:
            only = key[0]
            return only[0] if only is not None and len(only) == 1 else (None if only is None else key)
        return key if any(c is not None for c in key) else None

    def demanding(self, tracks: tuple[Conjunction, ...], demand: list[tuple[int, int]]) -> Context | None:
        """The component of values whose exits meet ``demand``; None where nothing does."""
        possible = []
        for holds, fails in dict.fromkeys(demand):
            literals: list[int] = []
            for position, track in enumerate(tracks):
                if holds >> position & 1:
                    literals.extend(track)
                elif fails >> position & 1:
                    literals.append(~self._conjunctions.joined(track))
            if self.is_satisfiable(self._conjunctions.of(literals)):
                possible.append((holds, fails))
        kept = [
            (holds, fails)
            for holds, fails in possible
            if not any(h | holds == holds and f | fails == fails and (h, f) != (holds, fails) for h, f in possible)
        ]
        if len(tracks) > self._limits.tracks:
            raise LimitExceeded("tracks", self._limits.tracks, len(tracks), "the schema")
        return Context(tracks, tuple(sorted(kept))) if kept else None


def component_of(key: ComponentKey) -> Component:
    """What a key stands for."""
    if isinstance(key, int):
        return Component(((key,),))
    if isinstance(key, Context):
        return Component(key.tracks, key.demand, 1 << len(key.tracks))
    return Component(key)  # type: ignore[arg-type]


def narrow_key(key: ComponentKey | None, keep: int) -> Key | None:
    """A key with only the tracks of ``keep``; None where none is left."""
    if key is None:
        return None
    if isinstance(key, int | Context):
        return key if keep & 1 else None
    assert isinstance(key, tuple)
    narrowed = tuple(part if keep >> position & 1 else None for position, part in enumerate(key))
    return narrowed if any(part is not None for part in narrowed) else None
