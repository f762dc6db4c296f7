"""Whether some value satisfies a conjunction: the least fixpoint.

Purpose: everything that a mask offers must lead to an end.  A conjunction is satisfiable if all that one of its
*clauses* asks for is; where references run in a circle, what nothing but itself supports is not.
Place: above the states, whose plans are clauses; `keys` asks before any key is made, `lower` for the root.
Cost: a local witness decides nearly every case in 1 us; else the Horn clauses are solved, linear in what they reach.
Not taken: recursion with a guard against circles, which is exact only if nothing is remembered on the way.

The contexts of `object_states` and `array_states` are kept here: plain schemas make none, so that they hold no
reference in a circle and are freed as soon as they are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

from grammarlib.sources.jsonschema import formulas as logic
from grammarlib.sources.jsonschema.array_states import ArrayContext
from grammarlib.sources.jsonschema.array_views import counts_of, item_of
from grammarlib.sources.jsonschema.conjunctions import ANYTHING, NOTHING, Conjunction
from grammarlib.sources.jsonschema.keys import Keys
from grammarlib.sources.jsonschema.object_states import ObjectContext
from grammarlib.sources.jsonschema.parts import Parts
from grammarlib.sources.jsonschema.statuses import PLANS, SEARCH
from grammarlib.sources.jsonschema.values import ANY, ARRAY, BOOLEAN, FALSE, NULL, NUMBER, OBJECT, STRING, TRUE


class Satisfiability:
    """Decides for the conjunctions of one source, and remembers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._nodes = parts.nodes
        self._known: dict[Conjunction, bool] = {ANYTHING: True, NOTHING: False}
        self._objects: dict[tuple[tuple[Conjunction | None, ...], int, int], ObjectContext] = {}
        self._arrays: dict[tuple[tuple[Conjunction | None, ...], int, int], ArrayContext] = {}

    def is_satisfiable(self, conjunction: Conjunction) -> bool:
        """Whether some value belongs to every member.  Exact; remembered."""
        known = self._known.get(conjunction)
        if known is not None:
            return known
        if self._has_witness(conjunction):
            self._known[conjunction] = True
            return True
        return self._solve(conjunction)

    def _has_witness(self, conjunction: Conjunction) -> bool:
        """A cheap sufficient test: some type is open, without looking at any child."""
        nodes = self._nodes
        types = ANY
        constrains = 0
        for number in conjunction:
            if number < 0:
                return False
            node = nodes[number]
            if node.in_place or node.values is not None:
                return False
            types &= node.types
            constrains |= node.constrains
        if types & (NULL | BOOLEAN) or types & ~constrains:
            return True
        if types & OBJECT and not any(
            nodes[number].required or nodes[number].minimum_properties for number in conjunction
        ):
            return True
        return bool(types & ARRAY) and not any(
            nodes[number].minimum_items or nodes[number].contains for number in conjunction
        )

    def _solve(self, start: Conjunction) -> bool:
        """The least fixpoint: a conjunction is satisfiable if all that one of its clauses asks for is."""
        known = self._known
        waiting: dict[Conjunction, list[list[int]]] = {}  # what is asked for -> clauses [missing, owner]
        queue: list[Conjunction] = [start]
        seen = {start}
        proven: list[Conjunction] = []
        owners: list[Conjunction] = []
        for conjunction in queue:  # grows while it is walked
            clauses: list[list[Conjunction]] = []
            for clause in self._clauses(conjunction):
                missing = self._missing(clause)
                if missing is None:
                    continue
                if not missing:
                    proven.append(conjunction)
                    known[conjunction] = True
                    break
                clauses.append(missing)
            else:
                for missing in clauses:
                    counter = [len(missing), len(owners)]
                    for requirement in missing:
                        waiting.setdefault(requirement, []).append(counter)
                        if requirement not in seen:
                            seen.add(requirement)
                            queue.append(requirement)
                owners.append(conjunction)
        while proven:
            for counter in waiting.get(proven.pop(), ()):
                counter[0] -= 1
                owner = owners[counter[1]]
                if counter[0] == 0 and owner not in known:
                    known[owner] = True
                    proven.append(owner)
        for conjunction in queue:
            known.setdefault(conjunction, False)
        return known[start]

    def _missing(self, clause: list[Conjunction | None]) -> list[Conjunction] | None:
        """What of a clause is not known to be satisfiable; None where it cannot hold."""
        known = self._known
        missing: dict[Conjunction, None] = {}
        for requirement in clause:
            if requirement is None:
                return None
            status = known.get(requirement)
            if status is None:
                if self._has_witness(requirement):
                    known[requirement] = True
                else:
                    missing[requirement] = None
            elif not status:
                return None
        return list(missing)

    def allows_literal(self, conjunction: Conjunction, bit: int) -> bool:
        """Whether null, true or false, which ``bit`` tells, satisfies a conjunction."""
        parts = self._parts
        if not parts.conjunctions.types(conjunction) & bit:
            return False
        if parts.conjunctions.is_general(conjunction, bit):
            return parts.node_formulas.of(conjunction, bit) == logic.TRUE
        return bool(parts.alternatives.of(conjunction, bit))

    # ---- clauses

    def _clauses(self, conjunction: Conjunction) -> Iterator[list[Conjunction | None]]:
        """What must be satisfiable for a value of some shape to exist, cheapest first."""
        parts = self._parts
        types = parts.conjunctions.types(conjunction)
        for bit in (NULL, TRUE, FALSE):
            if self.allows_literal(conjunction, bit):
                yield []
        if types & NUMBER:
            for _ in parts.numbers.of(conjunction):
                yield []
        if types & STRING:
            for _ in parts.strings.of(conjunction):
                yield []
        for bit in (ARRAY, OBJECT):
            if types & bit:
                yield from self._container_clauses(conjunction, bit)

    def _container_clauses(self, conjunction: Conjunction, bit: int) -> Iterator[list[Conjunction | None]]:
        """`_clauses` for objects or arrays."""
        parts = self._parts
        general = parts.conjunctions.is_general(conjunction, bit)
        if not general and bit == ARRAY:
            structured = parts.alternatives.structured(conjunction, bit)
            general = any(parts.nodes[number].unique_items for members in structured for number in members)
        if general:
            formula = parts.node_formulas.of(conjunction, bit)
            if formula == logic.FALSE:
                return
            context: ObjectContext | ArrayContext
            if bit == OBJECT:
                context = self.object_context((conjunction,), formula, 0)
            else:
                context = self.array_context((conjunction,), formula, 0)
            start = context.start()
            known = self._known
            for goal in context.phase(start).goals:  # type: ignore[arg-type]
                budget = [SEARCH]
                count = 0
                for plan in context.plans(
                    start,  # type: ignore[arg-type]
                    goal,
                    frozenset(),
                    budget,
                    lambda entry: known.get(entry) is not False,
                ):
                    yield [entry for _, _, entry in plan]
                    count += 1
                    if count >= PLANS:
                        break
                if budget[0] <= 0 or count >= PLANS:
                    parts.dead_ends.note(conjunction)
                    yield []
            return
        if bit == OBJECT:
            for members in parts.alternatives.structured(conjunction, OBJECT):
                yield list(parts.names.requirements(members))
            return
        for members in parts.alternatives.structured(conjunction, ARRAY):
            minimum, maximum, prefix_length = counts_of(parts.nodes, members)
            if maximum is None or minimum <= maximum:
                yield [
                    item_of(parts.conjunctions, members, position)
                    for position in range(min(minimum, prefix_length + 1))
                ]

    # ---- contexts

    def keys(self) -> Keys:
        """Makes component keys of what is satisfiable."""
        return Keys(self._parts.conjunctions, self.is_satisfiable, self._parts.limits)

    def object_context(self, tracks: tuple[Conjunction | None, ...], demand: int, always: int) -> ObjectContext:
        """The states of objects of these tracks, of which ``demand`` (a formula) must hold."""
        key = (tracks, demand, always)
        found = self._objects.get(key)
        if found is None:
            found = self._objects[key] = ObjectContext(self._parts, self.keys(), tracks, demand, always)
        return found

    def array_context(self, tracks: tuple[Conjunction | None, ...], demand: int, always: int) -> ArrayContext:
        """As `object_context`, for arrays."""
        key = (tracks, demand, always)
        found = self._arrays.get(key)
        if found is None:
            found = self._arrays[key] = ArrayContext(self._parts, self.keys(), tracks, demand, always)
        return found
