"""Objects whose outcome is open until they end: states, views and the search for members that lead out.

Purpose: `ObjectContext` follows one context of objects through its states (`statuses.ObjectState`).
Place: above `statuses` and `object_views`; made by `satisfiability`, moved by `lower`.
Cost: a state costs about 20 us, and as much for each name of which a check that may fail knows.
Not taken: one state for every subset of the names; those that no goal has to know are the machine's.

Long because a view and the search that keeps it alive ask the same of a state: which names may come, what they kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from grammarlib.automata.components import (
    ComponentKey,
    ContainerView,
    KeyRows,
    ObjectTrack,
    ObjectView,
    PendingView,
    StatusView,
)
from grammarlib.sources.jsonschema.conjunctions import Conjunction
from grammarlib.sources.jsonschema.formulas import AND, TRUE, Goal
from grammarlib.sources.jsonschema.keys import Keys
from grammarlib.sources.jsonschema.names import KeyClasses
from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE
from grammarlib.sources.jsonschema.object_views import view_with_classes
from grammarlib.sources.jsonschema.parts import Parts
from grammarlib.sources.jsonschema.statuses import (
    HANGING,
    SEARCH,
    UNIVERSAL,
    WORDS,
    Container,
    Entry,
    ObjectState,
    Phase,
    Waiting,
    assignments,
    negated,
)
from grammarlib.sources.jsonschema.values import OBJECT, text_bytes

_MOST_ANSWERS: Final = 64
"""How many answers about a goal are kept for states that differ in their used names only."""


class ObjectContext(Container):
    """The objects of one context."""

    bit = OBJECT

    def __init__(
        self, parts: Parts, keys: Keys, tracks: tuple[Conjunction | None, ...], demand: int, always: int
    ) -> None:
        super().__init__(parts, keys, tracks, demand, always)
        nodes = parts.nodes
        order: dict[str, None] = {}
        wanted: dict[str, None] = {}
        self.has: dict[str, int] = {}
        self.bounds: list[tuple[int, int]] = []
        self.universal: list[int] = []
        evaluators: dict[int, None] = {}
        for atom, content in self.atoms.items():
            kind = content.kind
            if kind == "has":
                name = content.name
                self.has[name] = atom
                wanted[name] = None
            elif kind == "count":
                self.bounds.append((atom, content.least))
            else:
                self.universal.append(atom)
                number = content.node
                if kind == "unevaluated":
                    evaluators.update(dict.fromkeys(parts.evaluations.nodes(number)))
                elif nodes[number].properties is not None:
                    order.update(dict.fromkeys(nodes[number].properties or ()))
        for number in evaluators:
            order.update(dict.fromkeys(nodes[number].properties or ()))
        order.update(wanted)
        self.evaluators = evaluators
        predicates = [
            language
            for number in dict.fromkeys([*(self.atoms[atom].node for atom in self.universal), *evaluators])
            for language in parts.names.predicates(number)
        ]
        # Names of a class that has few are listed: a state must know which of them were used.
        classes = []
        for alike in parts.names.classes(predicates):
            words = parts.names.words(alike, WORDS) if alike.members else None
            if words is None:
                classes.append(alike)
            else:
                order.update(dict.fromkeys(words))
        self.classes = tuple(classes)
        ranked = list(order)
        encoded = sorted((text_bytes(name), rank) for rank, name in enumerate(ranked))
        self.names = tuple(name for name, _ in encoded)
        self.ranks = tuple(rank for _, rank in encoded)
        self.texts = [ranked[rank] for rank in self.ranks]
        self.index = {text: position for position, text in enumerate(self.texts)}
        self.count_cap = max((bound for _, bound in self.bounds), default=0) + 1 if self.bounds else 0
        self._children: dict[tuple[int, int], tuple[int, ...] | None] = {}
        self._views: dict[ObjectState, ContainerView | None] = {}
        self._selected: dict[tuple[ObjectState, int], PendingView | None] = {}
        # Whether a goal can be reached, by all of a state but its used names: (names that were asked about, those of
        # them that were used, answer).
        self._live: dict[tuple[object, ...], list[tuple[int, int, bool]]] = {}
        self._asked = 0
        self._possible: dict[tuple[frozenset[int], int], bool] = {}
        self._touched: dict[int, int] = {}
        self._ways: dict[tuple[frozenset[int], int], tuple[tuple[int, tuple[int, ...]], ...]] = {}
        self._simple: dict[tuple[frozenset[int], frozenset[tuple[int, frozenset[int]]]], ObjectView | None] = {}
        self._rows: dict[tuple[int, ...], KeyRows | None] = {}
        self._evaluating: dict[tuple[int, int], frozenset[int]] = {}
        self._frame = StatusView(True, 0, None, self.names, self.ranks, (False,) * len(self.names))

    # ---- members: a listed name is its index, a class of unlisted names is ~class

    def child(self, atom: int, member: int) -> tuple[int, ...] | None:
        """The nodes that ``atom`` applies to the value of a member; None where it refuses the member."""
        key = (atom, member)
        if key not in self._children:
            content = self.atoms[atom]
            number = content.node
            if content.kind == "unevaluated":
                found: tuple[int, ...] | None
                if TRUE in self.evaluated_by(atom, member):
                    found = ()
                else:
                    schema = self.parts.nodes[number].unevaluated_properties
                    found = None if schema == FALSE_NODE else () if schema in (TRUE_NODE, None) else (schema,)
            elif member >= 0:
                found = self.parts.names.children(number, self.texts[member])
            else:
                found = self.parts.names.class_children(number, self.classes[~member])
            self._children[key] = found
        return self._children[key]

    def touched(self, atom: int) -> int:
        """The listed names, as a bit set, of whose values a universal atom asks anything, or which it refuses."""
        found = self._touched.get(atom)
        if found is None:
            content = self.atoms[atom]
            node = self.parts.nodes[content.node]
            found = 0
            if content.kind == "properties" and not node.pattern_properties and node.property_names == TRUE_NODE:
                if node.additional != TRUE_NODE:
                    found = (1 << len(self.names)) - 1
                for name, child in (node.properties or {}).items():
                    bit = 1 << self.index[name]
                    found = found & ~bit if child == TRUE_NODE else found | bit
            else:
                for position in range(len(self.names)):
                    if self.child(atom, position) != ():
                        found |= 1 << position
            self._touched[atom] = found
        return found

    def evaluated_by(self, atom: int, member: int) -> frozenset[int]:
        """The formulas of which any one, if it holds, has evaluated the member (`TRUE` always does)."""
        key = (atom, member)
        if key not in self._evaluating:
            number = self.atoms[atom].node
            found = set()
            for node, condition in self.parts.evaluations.of(number, OBJECT):
                if member >= 0:
                    evaluates = self.parts.evaluations.evaluates_name(node, self.texts[member], node == number)
                else:
                    evaluates = self.parts.evaluations.evaluates_class(node, self.classes[~member], node == number)
                if evaluates:
                    found.add(condition)
            self._evaluating[key] = frozenset((TRUE,)) if TRUE in found else frozenset(found)
        return self._evaluating[key]

    def start(self) -> ObjectState:
        return ObjectState(frozenset(self.universal))

    def phase(self, state: ObjectState) -> Phase:
        key = (state.live, state.clauses)
        found = self._phases.get(key)
        if found is None:
            formula, goals, exact = self.reduced_goals(state.live, state.clauses)
            must = frozenset.intersection(*(goal.holds for goal in goals)) if goals else frozenset()
            relevant = 0
            formulas = self.formulas
            support = [self.with_clauses(track, state.clauses) for track in self.tracks]
            open_atoms = {atom for part in (formula, *support) for atom in formulas.atoms(part)} - must
            counted = any(self.atoms[atom].kind == "count" for atom in open_atoms | must)
            for name, atom in self.has.items():
                if atom in open_atoms or counted or self.parts.ordered:
                    relevant |= 1 << self.index[name]
            for atom in open_atoms:
                if atom in state.live:
                    relevant |= self.touched(atom)
            found = self._phases[key] = Phase(formula, goals, must, relevant, exact)
        return found

    def counts(self, phase: Phase) -> bool:
        """Whether members are counted."""
        return bool(self.bounds)

    def normal(self, state: ObjectState) -> ObjectState:
        """``state`` without what no longer matters."""
        phase = self.phase(state)
        used = state.used & phase.relevant
        return state if used == state.used else state._replace(used=used)

    # ---- views

    def view(self, state: ObjectState) -> ContainerView | None:
        """The view of a state; None where nothing completes it."""
        state = self.normal(state)
        if state not in self._views:
            self._views[state] = self._make_view(state)
        return self._views[state]

    def _make_view(self, state: ObjectState) -> ContainerView | None:
        phase = self.phase(state)
        if not any(self.can_finish(state, goal) for goal in phase.goals):
            return None
        simple = self.simple_view(state, phase)
        if simple is not None:
            return simple
        allowed = []
        # Names that change nothing but what every goal asks of them: whether they may come is the same in many states.
        settled = frozenset(atom for atom in phase.must if atom in state.live)
        changing = -1
        if not self.bounds and not self.parts.ordered:
            changing = phase.relevant
            for atom in state.live:
                if atom not in settled or self.atoms[atom].kind != "properties":
                    changing |= self.touched(atom)
        for position in range(len(self.names)):
            if changing >> position & 1:
                allowed.append(not state.used >> position & 1 and self.select(state, position) is not None)
            else:
                allowed.append(self._can_come(state, settled, 1 << position))
        classes = [number for number in range(len(self.classes)) if self.select(state, ~number) is not None]
        keys: KeyRows | None = None
        if classes and len(self.classes) > 1:
            keys = self._key_rows(tuple(classes))
            if keys is None:
                classes = []
        required = tuple(
            sorted(
                self.index[name]
                for name, atom in self.has.items()
                if atom in phase.must and not phase.relevant >> self.index[name] & 1
            )
        )
        assumed = {self.has[self.texts[position]] for position in required}

        def truth(atom: int) -> bool:
            if atom in assumed:
                return True
            return self.truth(state, atom)

        return StatusView(
            True,
            self.label(state.clauses, truth),
            (self, state),
            self.names,
            self.ranks,
            tuple(allowed),
            required,
            bool(classes),
            keys,
        )

    def truth(self, state: ObjectState, atom: int) -> bool:
        """Whether ``atom`` holds if the object ends here."""
        content = self.atoms[atom]
        if content.kind == "has":
            return bool(state.used >> self.index[content.name] & 1)
        if content.kind == "count":
            return state.size >= content.least
        return atom in state.live

    def simple_view(self, state: ObjectState, phase: Phase) -> ObjectView | None:
        """A plain view where one goal is left that only asks, and every track is settled by it."""
        if len(phase.goals) != 1 or phase.goals[0].fails or not phase.exact or state.clauses:
            return None
        key = (state.live, state.clauses)
        if key in self._simple:
            return self._simple[key]
        self._simple[key] = None
        holds = phase.goals[0].holds
        if any(self.atoms[atom].kind in ("count", "unevaluated") for atom in holds):
            return None

        def truth(atom: int) -> bool | None:
            if atom in holds:
                return True
            return False if self.atoms[atom].kind in UNIVERSAL and atom not in state.live else None

        values = self.formulas.evaluate_all(self.tracks, truth)
        if None in values:
            return None
        label = self.always | sum(1 << position for position, value in enumerate(values) if value)
        parts = self.parts
        universal = [atom for atom in holds if self.atoms[atom].kind == "properties"]
        children: list[ComponentKey | None] = []
        for position in range(len(self.names)):
            children.append(self.keys.plain(self.together(universal, position)))
        classes = {number: self.keys.plain(self.together(universal, ~number)) for number in range(len(self.classes))}
        required = tuple(sorted(self.index[name] for name, atom in self.has.items() if atom in holds))
        view = view_with_classes(
            parts.names,
            (ObjectTrack(label, required),),
            self.names,
            tuple(children),
            self.ranks,
            KeyClasses(self.classes, tuple(classes[number] for number in range(len(self.classes))), tuple(self.texts)),
        )
        self._simple[key] = view
        return view

    def together(self, atoms: list[int], member: int) -> Conjunction | None:
        """What all ``atoms`` ask of a member's value; None where one refuses it."""
        found: list[int] = []
        for atom in atoms:
            child = self.child(atom, member)
            if child is None:
                return None
            found.extend(child)
        return self.conjunctions.of(found)

    def _key_rows(self, classes: tuple[int, ...]) -> KeyRows | None:
        if classes not in self._rows:
            self._rows[classes] = self.parts.names.key_rows([self.classes[number] for number in classes], self.texts)
        return self._rows[classes]

    def class_of_label(self, state: ObjectState, label: int) -> int:
        """The class that a label of the keys of the state's view stands for."""
        live = [number for number in range(len(self.classes)) if self.select(state, ~number) is not None]
        return live[(label & -label).bit_length() - 1] if len(self.classes) > 1 else 0

    # ---- moves

    def select(self, state: ObjectState, member: int) -> PendingView | None:
        """What waits for the value of a member that comes now; None where it may not come."""
        key = (state, member)
        if key not in self._selected:
            self._selected[key] = self._select(state, member)
        return self._selected[key]

    def _select(self, state: ObjectState, member: int) -> PendingView | None:
        parts = self.parts
        if member >= 0:
            rank = self.ranks[member]
            if parts.ordered and rank <= state.barrier:
                return None
            barrier = rank if parts.ordered else -1
            used = state.used | 1 << member
        else:
            barrier = len(self.names) if parts.ordered else -1
            used = state.used
        count = min(state.size + 1, self.count_cap)
        live = state.live
        after = state._replace(used=used, size=count, barrier=barrier)
        clauses = set(state.clauses)
        while True:
            phase = self.phase(after)
            if not phase.goals:
                return None
            refused = set()
            for atom in live:
                if self.child(atom, member) is None:
                    if self.atoms[atom].kind == "unevaluated" and self.evaluated_by(atom, member):
                        clauses.add((atom, self.evaluated_by(atom, member)))
                    else:
                        refused.add(atom)
            clauses = {clause for clause in clauses if clause[0] not in refused}
            if not refused and after.clauses == frozenset(clauses):
                break
            live = live - refused
            after = after._replace(live=live, clauses=frozenset(clauses))
        must: list[int] = []
        tracked: dict[Conjunction, list[int]] = {}
        hanging: list[tuple[Conjunction, int, frozenset[int]]] = []
        for atom in sorted(live):
            child = self.child(atom, member)
            if not child:
                continue
            if self.atoms[atom].kind == "unevaluated" and self.evaluated_by(atom, member):
                hanging.append((self.conjunctions.of(list(child)), atom, self.evaluated_by(atom, member)))
            elif atom in phase.must:
                must.extend(child)
            else:
                tracked.setdefault(self.conjunctions.of(list(child)), []).append(atom)
        certain = self.conjunctions.of(must)
        conjunctions = list(dict.fromkeys([*tracked, *(conjunction for conjunction, _, _ in hanging)]))
        if not conjunctions:
            if not self.is_satisfiable(certain) or not any(self.can_finish(after, goal) for goal in phase.goals):
                return None
            return self._pending(self.keys.plain(certain), Waiting(self.normal(after), ()))
        bits = {conjunction: 1 << position + 1 for position, conjunction in enumerate(conjunctions)}
        demand: dict[tuple[int, int], None] = {}
        if len(hanging) > HANGING:
            self.note_cap()
            demand[0, 0] = None
        else:
            for failing in range(1 << len(hanging)):
                lost = [(atom, others) for i, (_, atom, others) in enumerate(hanging) if failing >> i & 1]
                then = after._replace(clauses=after.clauses | frozenset(lost))
                holds = fails = 0
                for i, (conjunction, _, _) in enumerate(hanging):
                    if failing >> i & 1:
                        fails |= bits[conjunction]
                    else:
                        holds |= bits[conjunction]
                for more_holds, more_fails in self.demanded(then, self.phase(then), tracked, bits):
                    if not (holds | more_holds) & (fails | more_fails):
                        demand[holds | more_holds, fails | more_fails] = None
        component = self.keys.demanding((certain, *conjunctions), [(holds | 1, fails) for holds, fails in demand])
        if component is None:
            return None
        waiting = Waiting(
            after,
            tuple((bits[conjunction], atom) for conjunction, atoms in tracked.items() for atom in atoms),
            tuple((bits[conjunction], atom, others) for conjunction, atom, others in hanging),
        )
        return self._pending(component, waiting)

    def _pending(self, component: ComponentKey | None, waiting: Waiting) -> PendingView | None:
        if component is None:
            return None
        return PendingView(component, self._frame, (self, waiting))

    def finish(self, waiting: Waiting, label: int) -> ContainerView | None:
        """The view after the value of a member ended with ``label``."""
        state = waiting.state
        assert isinstance(state, ObjectState)
        failed = {atom for bit, atom in waiting.tracks if not label & bit}
        clauses = state.clauses | {(atom, others) for bit, atom, others in waiting.clauses if not label & bit}
        live = state.live - failed
        clauses = frozenset(clause for clause in clauses if clause[0] in live)
        return self.view(state._replace(live=live, clauses=clauses))

    # ---- the way out

    def can_finish(self, state: ObjectState, goal: Goal, failed: frozenset[int] = frozenset()) -> bool:
        """Whether further members lead from ``state``, where the atoms ``failed`` have failed too, to ``goal``."""
        if not failed.isdisjoint(goal.holds):
            return False
        answers = self._live.setdefault((state.live, state.size, state.barrier, state.clauses, goal, failed), [])
        for asked, used, found in answers:
            if state.used & asked == used:
                return found
        # A search looks at few of the names that were used: its answer is that of all states that agree on these.
        outer, self._asked = self._asked, 0
        found = self._can_finish(state, goal, failed)
        if len(answers) == _MOST_ANSWERS:
            del answers[0]
        answers.append((self._asked, state.used & self._asked, found))
        self._asked = outer
        return found

    def _used(self, state: ObjectState, names: int) -> int:
        """Those of ``names`` (a bit set) that were used; `can_finish` notes that they were asked about."""
        self._asked |= names
        return state.used & names

    def _can_finish(self, state: ObjectState, goal: Goal, failed: frozenset[int]) -> bool:
        if self._can_stay_away(state, goal, failed):
            return True
        satisfiable = self.is_satisfiable
        budget = [SEARCH]
        for plan in self.plans(state, goal, failed, budget, satisfiable):
            if all(satisfiable(conjunction) for _, _, conjunction in plan):
                return True
        if budget[0] <= 0:
            self.note_cap()
            return True
        return False

    def _can_stay_away(self, state: ObjectState, goal: Goal, failed: frozenset[int]) -> bool:
        """Whether the simplest plan works: only names that must come, and what must fail lacks a name or has failed."""
        if self.bounds or state.clauses:
            return False
        wanted = 0
        for atom in goal.holds:
            content = self.atoms[atom]
            if content.kind == "has":
                wanted |= 1 << self.index[content.name]
            elif content.kind != "properties" or atom in failed or atom not in state.live:
                return False
        for formula in goal.fails:
            if self.formulas.kinds[formula] == AND:
                members: tuple[int, ...] = self.formulas.children[formula]
            elif self.formulas.is_atom(formula):
                members = (formula,)
            else:
                return False
            for member in members:
                known = self.atoms.get(member)
                if known is None:
                    continue
                if known.kind == "has":
                    bit = 1 << self.index[known.name]
                    if not wanted & bit and not self._used(state, bit):
                        break
                elif known.kind == "properties" and (member in failed or member not in state.live):
                    break
            else:
                return False
        return self._can_come(state, goal.holds, wanted & ~self._used(state, wanted))

    def _can_come(self, state: ObjectState, holds: frozenset[int], missing: int) -> bool:
        """Whether all listed names of the bit set ``missing`` can come, beside atoms that must hold."""
        position = 0
        while missing:
            if missing & 1:
                key = (holds, position)
                if key not in self._possible:
                    base = self._requirement(holds, position)
                    self._possible[key] = base is not None and self.is_satisfiable(self.conjunctions.of(base))
                if not self._possible[key] or not self._is_free(state, position):
                    return False
            missing >>= 1
            position += 1
        return True

    def plans(
        self,
        state: ObjectState,
        goal: Goal,
        failed: frozenset[int],
        budget: list[int],
        possible: Callable[[Conjunction], bool],
    ) -> Iterator[list[Entry]]:
        """Members after which ``goal`` is met, if the object ends then; ``budget`` is used up while searching."""
        certain = possible == self.is_satisfiable
        undying: dict[int, bool] = {}

        def known(atom: int) -> bool | None:
            found = self.known(state, atom, failed)
            if found is None and certain and self.atoms[atom].kind in UNIVERSAL:
                # What no member can make fail beside what must hold will hold.
                if atom not in undying:
                    undying[atom] = not any(
                        self._is_free(state, member) and possible(literals)
                        for member, literals in self._ways_to_kill(atom, goal.holds)
                    )
                return True if undying[atom] else None
            return found

        for holds, fails in assignments(self.formulas, goal, known, budget, self._ease):
            yield from self._member_plans(state, goal, holds, fails, failed, budget, possible)

    def _ease(self, formula: int) -> int:
        """What to try first when one of several formulas has to fail: names that stay away."""
        kind = self.atoms[formula].kind if formula in self.atoms else None
        return 0 if kind == "has" else 1 if kind == "count" else 2

    def _is_free(self, state: ObjectState, member: int) -> bool:
        """Whether a member may still come."""
        if member < 0:
            return True
        if self._used(state, 1 << member):
            return False
        return not self.parts.ordered or self.ranks[member] > state.barrier

    def known(self, state: ObjectState, atom: int, failed: frozenset[int]) -> bool | None:
        """The truth of an atom that nothing can change any more."""
        content = self.atoms[atom]
        if content.kind == "has":
            position = self.index[content.name]
            if self._used(state, 1 << position):
                return True
            return False if self.parts.ordered and self.ranks[position] <= state.barrier else None
        if content.kind == "count":
            return True if state.size >= content.least else None
        return False if atom in failed or atom not in state.live else None

    def _member_plans(
        self,
        state: ObjectState,
        goal: Goal,
        holds: frozenset[int],
        fails: frozenset[int],
        failed: frozenset[int],
        budget: list[int],
        possible: Callable[[Conjunction], bool],
    ) -> Iterator[list[Entry]]:
        parts = self.parts
        least, most = 0, None
        needed: list[int] = []
        avoided: set[int] = set()
        for atom in holds:
            content = self.atoms[atom]
            if content.kind == "has":
                position = self.index[content.name]
                if not self._used(state, 1 << position):
                    needed.append(position)
            elif content.kind == "count":
                least = max(least, content.least)
        killed: list[int] = []
        for atom in sorted(fails):
            content = self.atoms[atom]
            if content.kind == "has":
                position = self.index[content.name]
                if self._used(state, 1 << position):
                    return
                avoided.add(position)
            elif content.kind == "count":
                most = content.least - 1 if most is None else min(most, content.least - 1)
            elif atom in state.live and atom not in failed:
                killed.append(atom)
        if any(position in avoided or not self._is_free(state, position) for position in needed):
            return
        needed.sort(key=lambda position: self.ranks[position])
        names: dict[int, Conjunction] = {}
        for position in needed:
            base = self._requirement(holds, position)
            if base is None or not possible(conjunction := self.conjunctions.of(base)):
                return
            names[position] = conjunction
        ways: list[list[tuple[int, tuple[int, ...]]]] = []
        for atom in killed:
            several = [way for way in self._ways_to_kill(atom, holds) if way[0] not in avoided]
            # Names that come anyway first, then unlisted ones.
            several.sort(key=lambda way: 0 if way[0] in names else 1 if way[0] < 0 else 2)
            if not any(self._is_free(state, member) for member, _ in several):
                return
            ways.append(several)
        # Depth first over the atoms that must fail: (how many do, requirements of names, unlisted members)
        stack: list[tuple[int, dict[int, Conjunction], list[Entry]]] = [(0, names, [])]
        if len(killed) > 1 and most is None:
            # First the plan that most often works, as a whole: each of its parts is a question of its own.
            first = self._first_ways(state, names, ways)
            if all(possible(conjunction) for conjunction in first[0].values()) and all(
                possible(conjunction) for _, _, conjunction in first[1]
            ):
                stack.append((len(killed), *first))
        checked: list[list[tuple[int, Conjunction]]] = []
        while stack:
            budget[0] -= 1
            if budget[0] <= 0:
                return
            index, names, extra = stack.pop()
            if index < len(killed):
                if not checked:
                    checked = [
                        [way for way in several if self._is_free(state, way[0]) and possible(way[1])]
                        for several in ways
                    ]
                    if not all(checked):
                        return
                following = []
                for member, literals in checked[index]:
                    budget[0] -= 1
                    if member < 0:
                        alone = (index + 1, names, [*extra, (None, ~member, literals)])
                        shared = []
                        for at, (_, number, conjunction) in enumerate(extra):
                            if number == ~member:
                                both = self.conjunctions.of([*conjunction, *literals])
                                if possible(both):
                                    shared.append(
                                        (index + 1, names, [*extra[:at], (None, number, both), *extra[at + 1 :]])
                                    )
                        following.extend([*shared, alone] if most is not None else [alone, *shared])
                        continue
                    conjunction = literals
                    if member in names:
                        conjunction = self.conjunctions.of([*names[member], *literals])
                        if not possible(conjunction):
                            continue
                    following.append((index + 1, {**names, member: conjunction}, extra))
                stack.extend(reversed(following))
                continue
            plan: list[Entry] = [(position, 0, conjunction) for position, conjunction in names.items()]
            plan += extra
            total = state.size + len(plan)
            if most is not None and total > most:
                continue
            if total < least:
                filler = self._fillers(state, holds, avoided, names, least - total, possible)
                if filler is None:
                    continue
                plan += filler
            if parts.ordered:
                plan.sort(key=lambda entry: len(self.names) if entry[0] is None else self.ranks[entry[0]])
            yield plan

    def _first_ways(
        self, state: ObjectState, names: dict[int, Conjunction], ways: list[list[tuple[int, Conjunction]]]
    ) -> tuple[dict[int, Conjunction], list[Entry]]:
        """What is asked where each atom fails in the first way that needs no further member, or in its first."""
        literals = {member: list(conjunction) for member, conjunction in names.items()}
        extra: list[Entry] = []
        for several in ways:
            member, conjunction = next(
                (way for way in several if way[0] in literals),
                None,
            ) or next(way for way in several if self._is_free(state, way[0]))
            if member < 0:
                extra.append((None, ~member, conjunction))
            else:
                literals.setdefault(member, []).extend(conjunction)
        return {member: self.conjunctions.of(found) for member, found in literals.items()}, extra

    def _requirement(self, holds: frozenset[int], member: int) -> list[int] | None:
        """What the value of a new member must satisfy so that the atoms stay alive; None where it cannot come."""
        found: list[int] = []
        for atom in holds:
            kind = self.atoms[atom].kind
            if kind not in UNIVERSAL:
                continue
            child = self.child(atom, member)
            if kind == "unevaluated" and child != () and self.evaluated_by(atom, member):
                self.note_cap()  # whether something else evaluates it is settled later
            elif child is None:
                return None
            else:
                found.extend(child)
        return found

    def _ways_to_kill(self, atom: int, holds: frozenset[int]) -> tuple[tuple[int, Conjunction], ...]:
        """Members that make ``atom`` fail beside what ``holds``, with what their values must satisfy, if any does."""
        key = (holds, atom)
        if key in self._ways:
            return self._ways[key]
        found: list[tuple[int, Conjunction]] = []
        touched = self.touched(atom)
        listed = [position for position in range(len(self.names)) if touched >> position & 1]
        for member in (*listed, *(~number for number in range(len(self.classes)))):
            child = self.child(atom, member)
            if child == ():
                continue
            base = self._requirement(holds, member)
            if base is None:
                continue
            for literal in (None,) if child is None else child:
                conjunction = self.conjunctions.of([*base, *negated(literal)])
                if conjunction != (FALSE_NODE,):
                    found.append((member, conjunction))
        self._ways[key] = tuple(found)
        return self._ways[key]

    def _fillers(
        self,
        state: ObjectState,
        holds: frozenset[int],
        avoided: set[int],
        names: dict[int, Conjunction],
        missing: int,
        possible: Callable[[Conjunction], bool],
    ) -> list[Entry] | None:
        """``missing`` more members that change nothing else; None where there are not so many."""
        found: list[Entry] = []
        for number, members in enumerate(self.classes):
            base = self._requirement(holds, ~number)
            if base is not None:
                conjunction = self.conjunctions.of(base)
                if possible(conjunction):
                    words = self.parts.names.count(members, self.texts, missing)
                    found += [(None, number, conjunction)] * min(missing - len(found), words)
            if len(found) >= missing:
                return found
        for position in range(len(self.names)):
            if position in avoided or position in names or self._used(state, 1 << position):
                continue
            if self.parts.ordered and self.ranks[position] <= state.barrier:
                continue
            base = self._requirement(holds, position)
            if base is not None:
                conjunction = self.conjunctions.of(base)
                if possible(conjunction):
                    found.append((position, 0, conjunction))
            if len(found) >= missing:
                return found
        return None
