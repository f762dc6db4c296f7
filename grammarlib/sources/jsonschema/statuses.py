"""Containers whose outcome is open until they end: oneOf, not, if, counts, dependent and unevaluated members.

Purpose: for a context that plain `alternatives` cannot tell, follow the truth of every check (*atom*)
while an object or array is read.  A state holds the atoms that can still hold, the names that matter and were
used, and counts; it is determinised, so that negation costs nothing.
Place: above `parts` and `keys`.  `satisfiability` keeps the contexts, one for the conjunctions of the tracks and a
*demand*, the formula of the exits that the caller can live with.  The machine asks for `StatusView` and
`PendingView`, one state at a time, and keeps the answers.
Cost: 20 to 500 us for each state that a text or a mask reaches, once.
Liveness: a state is offered only if a `Plan`, a set of further members that satisfies a goal of the formula, is found.
The search has a budget; past it a state counts as live and `DeadEnds` reports that (``dead_end_free``).
Not taken: expanding a context once for every subset of its keys; names that no goal needs to know are
left to the machine's key bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from grammarlib.sources.jsonschema.conjunctions import Conjunction
from grammarlib.sources.jsonschema.formulas import FALSE, Atom, Formulas, Goal
from grammarlib.sources.jsonschema.keys import Keys
from grammarlib.sources.jsonschema.parts import Parts

GOALS: Final = 512
"""The most goals of one formula; past it every state counts as live."""

SEARCH: Final = 3_000
"""Steps of one search for a plan."""

PLANS: Final = 64
"""The most plans of one goal that the question of satisfiability looks at."""

WORDS: Final = 64
"""The most names of a class that are listed one by one."""

HANGING: Final = 4
"""Up to how many unevaluated checks of one member both outcomes are looked at."""

FREE: Final = 10
"""Up to how many open checks every set is looked at that may be demanded to fail in one member."""


class Waiting(NamedTuple):
    """The source of a `PendingView`: the state, what the label's bits mean."""

    state: ObjectState | ArrayState
    tracks: tuple[tuple[int, int], ...]  # (bit, atom) of atoms that fail where the bit is not set
    clauses: tuple[tuple[int, int, frozenset[int]], ...] = ()  # (bit, atom, what else evaluates the member)
    taken: tuple[tuple[int, int], ...] = ()  # (bit, value)
    outcome: Outcome | None = None


class Outcome(NamedTuple):
    """What the label of an item says of counted and hanging checks."""

    counters: dict[Conjunction, int]
    bits: dict[Conjunction, int]
    hanging: list[tuple[Conjunction, int, frozenset[int], tuple[tuple[Conjunction, int], ...]]]


class ObjectState(NamedTuple):
    """An object in progress: live atoms, used names that matter, members so far, what unevaluated members hang on."""

    live: frozenset[int]
    used: int = 0
    size: int = 0
    barrier: int = -1
    clauses: frozenset[tuple[int, frozenset[int]]] = frozenset()


class ArrayState(NamedTuple):
    """An array in progress: live atoms, items so far (saturating), items that meet each counted check, values taken."""

    live: frozenset[int]
    size: int = 0
    counters: tuple[int, ...] = ()
    clauses: frozenset[tuple[int, frozenset[int]]] = frozenset()
    taken: int = 0


class Phase(NamedTuple):
    """What the live atoms and clauses leave: goals, atoms that every goal needs, names that matter."""

    formula: int
    goals: tuple[Goal, ...]
    must: frozenset[int]
    relevant: int
    exact: bool


Entry = tuple["int | None", int, "Conjunction"]
"""A member of a plan: listed name or None, class of an unlisted name, what its value must satisfy."""


class Container:
    """What objects and arrays share: the formulas of a context, and goals by phase."""

    bit: int

    def __init__(
        self, parts: Parts, keys: Keys, tracks: tuple[Conjunction | None, ...], demand: int, always: int
    ) -> None:
        self.parts = parts
        self.keys = keys
        self.conjunctions = parts.conjunctions
        self.is_satisfiable = keys.is_satisfiable
        self.formulas: Formulas = parts.node_formulas.formulas
        self.tracks = [FALSE if track is None else parts.node_formulas.of(track, self.bit) for track in tracks]
        self.demand = demand
        self.always = always
        self.atoms: dict[int, Atom] = {}
        queue = [demand, *self.tracks]
        for formula in queue:  # grows while it is walked: what evaluates members must be known too
            for atom in self.formulas.atoms(formula):
                if atom not in self.atoms:
                    content = self.formulas.contents[atom]
                    self.atoms[atom] = content
                    if content.kind == "unevaluated":
                        queue.extend(condition for _, condition in parts.evaluations.of(content.node, self.bit))
        self._phases: dict[tuple[frozenset[int], frozenset[tuple[int, frozenset[int]]]], Phase] = {}
        self._literals = [literal for track in tracks if track is not None for literal in track]

    def note_cap(self) -> None:
        """A search for a way out was cut off here."""
        self.parts.dead_ends.note(self._literals)

    def can_finish(self, state: Any, goal: Goal, failed: frozenset[int] = frozenset()) -> bool:
        """Whether more members lead from ``state``, where the atoms ``failed`` have failed too, to ``goal``."""
        raise NotImplementedError

    def demanded(
        self, after: Any, phase: Phase, tracked: dict[Conjunction, list[int]], bits: dict[Conjunction, int]
    ) -> list[tuple[int, int]]:
        """The exits of the value that begins after which a goal can still be reached: (must hold, must fail).

        Every least set of checks that have to fail is found where they are few; else any exit will do, and the end
        of the container decides.
        """
        demand: dict[tuple[int, int], None] = {}
        asked = [
            sum(bits[conjunction] for conjunction, atoms in tracked.items() if not goal.holds.isdisjoint(atoms))
            for goal in phase.goals
        ]
        enough_alone: list[int] = []  # what must hold so that a goal can be reached whatever fails
        # Goals that ask less of the value first: what they leave open, others need not ask about.
        for holds, goal in sorted(zip(asked, phase.goals, strict=True), key=lambda pair: pair[0].bit_count()):
            if any(fewer & ~holds == 0 for fewer in enough_alone):
                continue
            free = [conjunction for conjunction in tracked if not holds & bits[conjunction]]
            if self.can_finish(after, goal):
                demand[holds, 0] = None
                enough_alone.append(holds)
                continue
            if not free or not self.can_finish(after, goal, _atoms_of(free, tracked)):
                continue  # failing more never hurts, so that fewer failures do not help either
            if len(free) > FREE:
                self.note_cap()
                demand[holds, 0] = None
                continue

            def enough(chosen: int, goal: Goal = goal, free: list[Conjunction] = free) -> bool:
                failing = [conjunction for place, conjunction in enumerate(free) if chosen >> place & 1]
                return self.can_finish(after, goal, _atoms_of(failing, tracked))

            for chosen in least_sets(len(free), enough):
                fails = sum(bits[conjunction] for place, conjunction in enumerate(free) if chosen >> place & 1)
                demand[holds, fails] = None
        return list(demand)

    def with_clauses(self, formula: int, clauses: frozenset[tuple[int, frozenset[int]]]) -> int:
        """``formula``, where each atom of ``clauses`` also needs what else evaluates its members."""
        if not clauses:
            return formula
        conditions: dict[int, list[int]] = {}
        for atom, others in sorted(clauses, key=lambda clause: (clause[0], sorted(clause[1]))):
            conditions.setdefault(atom, [atom]).append(self.formulas.disjunction(sorted(others)))
        return self.formulas.replaced(
            formula, {atom: self.formulas.conjunction(parts) for atom, parts in conditions.items()}
        )

    def label(self, clauses: frozenset[tuple[int, frozenset[int]]], truth: Callable[[int], bool | None]) -> int:
        """The exit label of a value that ends with this truth of its atoms; 0 where the demand is not met."""
        values = self.formulas.evaluate_all(
            [self.with_clauses(formula, clauses) for formula in (self.demand, *self.tracks)], truth
        )
        if not values[0]:
            return 0
        return self.always | sum(1 << position for position, value in enumerate(values[1:]) if value)

    def reduced_goals(
        self, live: frozenset[int], clauses: frozenset[tuple[int, frozenset[int]]]
    ) -> tuple[int, tuple[Goal, ...], bool]:
        """(formula, goals, exact) where the universal atoms that are not ``live`` have failed."""
        dead = {atom: FALSE for atom, content in self.atoms.items() if content.kind in UNIVERSAL and atom not in live}
        formula = self.formulas.replaced(self.with_clauses(self.demand, clauses), dead)
        goals = self.formulas.goals(formula, GOALS)
        if goals is None:
            self.note_cap()
            return formula, (Goal(frozenset(), frozenset()),), False
        return formula, goals, True


UNIVERSAL: Final = frozenset(("properties", "items", "unique", "unevaluated"))
"""Kinds of atoms that hold from the beginning until a member makes them fail."""


def _atoms_of(conjunctions: Iterable[Conjunction], tracked: dict[Conjunction, list[int]]) -> frozenset[int]:
    return frozenset(atom for conjunction in conjunctions for atom in tracked[conjunction])


def least_sets(count: int, enough: Callable[[int], bool]) -> list[int]:
    """The least sets of ``count`` things (bit sets, small ones first) that are ``enough``, as every wider set is too.

    Asks once for each largest set that is not enough, and ``count`` times for each least set that is; all sets
    would be ``2 ** count`` questions.
    """
    everything = (1 << count) - 1
    found: list[int] = []
    # A set that holds none of those found leaves out a thing of each: the least such omissions, asked about or not.
    settled: list[int] = []
    omissions = [0]
    while omissions:
        omitted = omissions.pop()
        least = everything & ~omitted
        if not enough(least):
            settled.append(omitted)
            continue
        for place in range(count):
            fewer = least & ~(1 << place)
            if fewer != least and enough(fewer):
                least = fewer
        found.append(least)
        kept = [other for other in omissions if other & least]
        wider = {
            other | 1 << place
            for other in (omitted, *omissions)
            if not other & least
            for place in range(count)
            if least >> place & 1
        }
        known = settled + kept
        for other in sorted(wider, key=int.bit_count):
            if not any(fewer & ~other == 0 for fewer in known):
                known.append(other)
        omissions = known[len(settled) :]
    return sorted(
        found, key=lambda chosen: (chosen.bit_count(), [place for place in range(count) if chosen >> place & 1])
    )


def negated(literal: int | None) -> tuple[int, ...]:
    """The literal that says the opposite, as a tuple; nothing for None."""
    return () if literal is None else (~literal,)


def assignments(
    formulas: Formulas,
    goal: Goal,
    known: Callable[[int], bool | None],
    budget: list[int],
    ease: Callable[[int], int] | None = None,
) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """The ways to meet ``goal`` by atoms alone: (atoms that must hold, atoms that must fail); easy formulas first."""
    if any(known(atom) is False for atom in goal.holds):
        return
    stack = [(tuple((formula, False) for formula in sorted(goal.fails)), goal.holds, frozenset[int]())]
    while stack:
        budget[0] -= 1
        if budget[0] <= 0:
            return
        tasks, holds, fails = stack.pop()
        if not tasks:
            yield holds, fails
            continue
        (formula, sign), tasks = tasks[0], tasks[1:]

        def truth(atom: int, holds: frozenset[int] = holds, fails: frozenset[int] = fails) -> bool | None:
            return True if atom in holds else False if atom in fails else known(atom)

        value = formulas.evaluate(formula, truth)
        if value is not None:
            if value == sign:
                stack.append((tasks, holds, fails))
        elif formulas.is_atom(formula):
            stack.append((tasks, holds | {formula}, fails) if sign else (tasks, holds, fails | {formula}))
        else:
            ways = formulas.ways(formula, sign)
            if ease is not None:
                ways.sort(key=lambda way: ease(way[0][0]) if len(way) == 1 else 3)
            stack.extend((way + tasks, holds, fails) for way in reversed(ways))
