"""Arrays whose outcome is open until they end: states, views and the search for items that lead out.

Purpose: `ArrayContext` follows one context of arrays through its states (`statuses.ArrayState`): counted items,
items that satisfy ``contains``, items that must differ, items that nothing evaluated.
Place: above `statuses` and `array_views`; made by `satisfiability`, moved by `lower`.
Cost: a state costs about 20 us; items behind the last position that matters share their states.
Not taken: comparing items here.  The machine compares recorded items; only where they come from few values, a
state keeps which of them were taken, so that no mask leads to an item that is left none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from grammarlib.automata.components import (
    REPEATED_ITEM,
    ContainerView,
    PendingView,
    StatusView,
)
from grammarlib.sources.jsonschema.array_views import scalar_domain
from grammarlib.sources.jsonschema.conjunctions import Conjunction
from grammarlib.sources.jsonschema.formulas import TRUE, Goal
from grammarlib.sources.jsonschema.keys import Keys
from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE
from grammarlib.sources.jsonschema.parts import Parts
from grammarlib.sources.jsonschema.statuses import (
    HANGING,
    SEARCH,
    ArrayState,
    Container,
    Entry,
    Outcome,
    Phase,
    Waiting,
    assignments,
)
from grammarlib.sources.jsonschema.values import ARRAY


class ArrayContext(Container):
    """The arrays of one context."""

    bit = ARRAY

    def __init__(
        self, parts: Parts, keys: Keys, tracks: tuple[Conjunction | None, ...], demand: int, always: int
    ) -> None:
        super().__init__(parts, keys, tracks, demand, always)
        self.universal: list[int] = []
        self.bounds: list[tuple[int, int]] = []
        self.counted: dict[int, int] = {}  # node of a contains -> its counter
        self.caps: list[int] = []
        length = 0
        nodes = parts.nodes
        evaluators: dict[int, None] = {}
        for atom, content in self.atoms.items():
            kind = content.kind
            if kind == "count":
                self.bounds.append((atom, content.least))
                length = max(length, content.least)
            elif kind == "contains":
                node, bound = content.node, content.least
                counter = self.counted.setdefault(node, len(self.counted))
                if counter == len(self.caps):
                    self.caps.append(0)
                self.caps[counter] = max(self.caps[counter], bound)
            else:
                self.universal.append(atom)
                if kind == "items":
                    length = max(length, len(nodes[content.node].prefix))
                elif kind == "unevaluated":
                    evaluators.update(dict.fromkeys(parts.evaluations.nodes(content.node)))
        for number in evaluators:
            length = max(length, len(nodes[number].prefix))
        self.length = length  # items from this position on are all alike, and counts beyond it too
        self._children: dict[tuple[int, int], tuple[int, ...] | None] = {}
        self._views: dict[ArrayState, ContainerView | None] = {}
        self._items: dict[ArrayState, PendingView | None] = {}
        self._live: dict[tuple[ArrayState, Goal, frozenset[int]], bool] = {}
        self._frame: StatusView | None = None
        self._domain: tuple[Conjunction, ...] | None = None
        self._evaluating: dict[tuple[int, int], frozenset[int]] = {}

    def start(self) -> ArrayState:
        return ArrayState(frozenset(self.universal), 0, (0,) * len(self.caps))

    def phase(self, state: ArrayState) -> Phase:
        key = (state.live, state.clauses)
        found = self._phases.get(key)
        if found is None:
            formula, goals, exact = self.reduced_goals(state.live, state.clauses)
            must = frozenset.intersection(*(goal.holds for goal in goals)) if goals else frozenset()
            found = self._phases[key] = Phase(formula, goals, must, 0, exact)
        return found

    def child(self, atom: int, position: int) -> tuple[int, ...] | None:
        """The nodes that ``atom`` applies to the item at ``position``; None where it refuses it."""
        position = min(position, self.length)
        key = (atom, position)
        if key not in self._children:
            content = self.atoms[atom]
            child: int | None = TRUE_NODE
            if content.kind == "items":
                node = self.parts.nodes[content.node]
                child = node.prefix[position] if position < len(node.prefix) else node.rest
            elif content.kind == "unevaluated" and TRUE not in self.evaluated_by(atom, position):
                child = self.parts.nodes[content.node].unevaluated_items
            self._children[key] = None if child == FALSE_NODE else () if child in (TRUE_NODE, None) else (child,)
        return self._children[key]

    def evaluated_by(self, atom: int, position: int) -> frozenset[int]:
        """As `ObjectContext.evaluated_by`, for the item at ``position``; items that ``contains`` evaluates aside."""
        position = min(position, self.length)
        key = (atom, position)
        if key not in self._evaluating:
            number = self.atoms[atom].node
            found = {
                condition
                for node, condition in self.parts.evaluations.of(number, ARRAY)
                if self.parts.evaluations.evaluates_item(node, position, node == number)
            }
            self._evaluating[key] = frozenset((TRUE,)) if TRUE in found else frozenset(found)
        return self._evaluating[key]

    def containing(self, atom: int) -> list[tuple[int, int]]:
        """(node, condition): an item that satisfies the node is evaluated for ``atom`` if the condition holds."""
        number = self.atoms[atom].node
        return [
            (node, condition)
            for holder, condition in self.parts.evaluations.of(number, ARRAY)
            if self.parts.nodes[holder].contains_evaluates
            for node, _, _ in self.parts.nodes[holder].contains
        ]

    def domain(self) -> tuple[Conjunction, ...]:
        """The values that items may have, where they must differ, are all alike, few and scalar; else nothing."""
        if self._domain is None:
            self._domain = ()
            start = self.start()
            phase = self.phase(start)
            if self.length == max((bound for _, bound in self.bounds), default=0) and not self.counted:
                if any(self.atoms[atom].kind == "unique" for atom in phase.must) and set(self.universal) <= phase.must:
                    must = self.certain(start, phase, 0)
                    if must is not None and all(
                        self.child(atom, position) == self.child(atom, self.length)
                        for atom in self.universal
                        for position in range(self.length)
                    ):
                        self._domain = scalar_domain(self.parts, must)
        return self._domain

    def certain(self, state: ArrayState, phase: Phase, position: int) -> Conjunction | None:
        """What every goal asks of the item at ``position``; None where it refuses it."""
        found: list[int] = []
        for atom in sorted(phase.must):
            if atom in state.live:
                child = self.child(atom, position)
                if child is None and not (
                    self.atoms[atom].kind == "unevaluated" and self._may_be_evaluated(atom, position)
                ):
                    return None
                if child is not None and not (
                    self.atoms[atom].kind == "unevaluated" and self._may_be_evaluated(atom, position)
                ):
                    found.extend(child)
        return self.conjunctions.of(found)

    def _may_be_evaluated(self, atom: int, position: int) -> bool:
        return bool(self.evaluated_by(atom, position)) or bool(self.containing(atom))

    # ---- views

    def view(self, state: ArrayState) -> ContainerView | None:
        """The view of a state; None where nothing completes it."""
        if state not in self._views:
            self._views[state] = self._make_view(state)
        return self._views[state]

    def _make_view(self, state: ArrayState) -> ContainerView | None:
        phase = self.phase(state)
        if not any(self.can_finish(state, goal) for goal in phase.goals):
            return None
        return StatusView(
            False,
            self.label(state.clauses, lambda atom: self.truth(state, atom)),
            (self, state),
            unique=self.records(),
        )

    def truth(self, state: ArrayState, atom: int) -> bool:
        """Whether ``atom`` holds if the array ends here."""
        content = self.atoms[atom]
        if content.kind == "count":
            return state.size >= content.least
        if content.kind == "contains":
            return state.counters[self.counted[content.node]] >= content.least
        return atom in state.live

    # ---- moves

    def item(self, state: ArrayState) -> PendingView | None:
        """What waits for the next item."""
        if state not in self._items:
            self._items[state] = self._item(state)
        return self._items[state]

    def _item(self, state: ArrayState) -> PendingView | None:
        position = state.size
        after = state._replace(size=min(position + 1, self.length))
        live = state.live
        clauses = set(state.clauses)
        while True:
            phase = self.phase(after)
            if not phase.goals:
                return None
            refused = set()
            for atom in live:
                if self.child(atom, position) is None:
                    if self.atoms[atom].kind == "unevaluated" and self.containing(atom):
                        continue  # it hangs on the item itself
                    if self.atoms[atom].kind == "unevaluated" and self.evaluated_by(atom, position):
                        clauses.add((atom, self.evaluated_by(atom, position)))
                    else:
                        refused.add(atom)
            clauses = {clause for clause in clauses if clause[0] not in refused}
            if not refused and after.clauses == frozenset(clauses):
                break
            live = live - refused
            after = after._replace(live=live, clauses=frozenset(clauses))
        must: list[int] = []
        tracked: dict[Conjunction, list[int]] = {}
        hanging: list[tuple[Conjunction, int, frozenset[int], tuple[tuple[Conjunction, int], ...]]] = []
        for atom in sorted(live):
            child = self.child(atom, position)
            if child == ():
                continue
            if self.atoms[atom].kind == "unevaluated" and self._may_be_evaluated(atom, position):
                containing = tuple(
                    (self.conjunctions.of([node]), condition) for node, condition in self.containing(atom)
                )
                conjunction = (FALSE_NODE,) if child is None else self.conjunctions.of(list(child))
                hanging.append((conjunction, atom, self.evaluated_by(atom, position), containing))
            elif child is None:
                continue
            elif atom in phase.must:
                must.extend(child)
            else:
                tracked.setdefault(self.conjunctions.of(list(child)), []).append(atom)
        values = self.domain()
        taken = [(1 << index, conjunction) for index, conjunction in enumerate(values)]
        for bit, conjunction in taken:
            if state.taken & bit:
                must.append(~conjunction[0])
        certain = self.conjunctions.of(must)
        conjunctions: dict[Conjunction, None] = dict.fromkeys(tracked)
        for conjunction, _, _, containing in hanging:
            conjunctions.update(dict.fromkeys([conjunction, *(member for member, _ in containing)]))
        counters = {self.conjunctions.of([node]): counter for node, counter in self.counted.items()}
        conjunctions.update(dict.fromkeys(counters))
        free_values = [(bit, conjunction) for bit, conjunction in taken if not state.taken & bit]
        conjunctions.update(dict.fromkeys(conjunction for _, conjunction in free_values))
        conjunctions.pop((FALSE_NODE,), None)
        if not conjunctions:
            if not self.is_satisfiable(certain) or not any(self.can_finish(after, goal) for goal in phase.goals):
                return None
            component = self.keys.plain(certain)
            assert component is not None
            return PendingView(component, self.frame(), (self, Waiting(after, ())))
        bits = {conjunction: 1 << index + 1 for index, conjunction in enumerate(conjunctions)}
        waiting = Waiting(
            after,
            tuple((bits[conjunction], atom) for conjunction, atoms in tracked.items() for atom in atoms),
            (),
            tuple((bits[conjunction], value) for value, conjunction in free_values),
            Outcome(counters, bits, hanging),
        )
        demand: dict[tuple[int, int], None] = {}
        if len(hanging) > HANGING or len(counters) > HANGING:
            self.note_cap()
            demand[0, 0] = None
        else:
            # Every outcome of the counted and hanging checks is looked at by itself.
            outcomes = list(
                dict.fromkeys(
                    [
                        *counters,
                        *(c for c, _, _, _ in hanging if c in bits),
                        *(member for _, _, _, containing in hanging for member, _ in containing),
                    ]
                )
            )
            for pattern in range(1 << len(outcomes)):
                holds = fails = 0
                for index, conjunction in enumerate(outcomes):
                    if pattern >> index & 1:
                        holds |= bits[conjunction]
                    else:
                        fails |= bits[conjunction]
                then = self._with_outcome(after, holds, Outcome(counters, bits, hanging))
                for more_holds, more_fails in self.demanded(then, self.phase(then), tracked, bits):
                    if not (holds | more_holds) & (fails | more_fails):
                        demand[holds | more_holds, fails | more_fails] = None
        component = self.keys.demanding((certain, *conjunctions), [(holds | 1, fails) for holds, fails in demand])
        if component is None:
            return None
        return PendingView(component, self.frame(), (self, waiting))

    def frame(self) -> StatusView:
        """What pending views copy."""
        if self._frame is None:
            self._frame = StatusView(False, 0, None, unique=self.records())
        return self._frame

    def records(self) -> bool:
        """Whether the machine has to compare items."""
        return any(self.atoms[atom].kind == "unique" for atom in self.universal) and not self.domain()

    def _with_outcome(self, after: ArrayState, label: int, outcome: Outcome) -> ArrayState:
        """The state once the counted and hanging checks of an item came out as ``label`` says."""
        counters, bits, hanging = outcome
        counts = list(after.counters)
        for conjunction, counter in counters.items():
            if label & bits[conjunction]:
                counts[counter] = min(counts[counter] + 1, self.caps[counter])
        clauses = set(after.clauses)
        live = after.live
        for conjunction, atom, others, containing in hanging:
            if conjunction in bits and label & bits[conjunction]:
                continue
            conditions = others | {condition for member, condition in containing if label & bits[member]}
            if TRUE in conditions:
                continue
            if conditions:
                clauses.add((atom, frozenset(conditions)))
            else:
                live = live - {atom}
        clauses = {clause for clause in clauses if clause[0] in live}
        return after._replace(live=live, counters=tuple(counts), clauses=frozenset(clauses))

    def finish(self, waiting: Waiting, label: int) -> ContainerView | None:
        """The view after an item ended with ``label``."""
        state = waiting.state
        assert isinstance(state, ArrayState)
        live = state.live - {atom for bit, atom in waiting.tracks if not label & bit}
        if label & REPEATED_ITEM:
            live = live - {atom for atom in live if self.atoms[atom].kind == "unique"}
        taken = state.taken
        for bit, value in waiting.taken:
            if label & bit:
                taken |= value
        after = state._replace(live=live, taken=taken)
        if waiting.outcome is not None:
            after = self._with_outcome(after, label, waiting.outcome)
        after = after._replace(clauses=frozenset(clause for clause in after.clauses if clause[0] in after.live))
        return self.view(after)

    # ---- the way out

    def can_finish(self, state: ArrayState, goal: Goal, failed: frozenset[int] = frozenset()) -> bool:
        """Whether further items lead from ``state``, where the atoms ``failed`` have failed too, to ``goal``."""
        if not failed.isdisjoint(goal.holds):
            return False
        key = (state, goal, failed)
        found = self._live.get(key)
        if found is None:
            satisfiable = self.is_satisfiable
            budget = [SEARCH]
            found = False
            for plan in self.plans(state, goal, failed, budget, satisfiable):
                if all(satisfiable(conjunction) for _, _, conjunction in plan):
                    found = True
                    break
            if not found and budget[0] <= 0:
                self.note_cap()
                found = True
            self._live[key] = found
        return found

    def known(self, state: ArrayState, atom: int, failed: frozenset[int]) -> bool | None:
        """The truth of an atom that nothing can change any more."""
        content = self.atoms[atom]
        if content.kind in ("count", "contains"):
            return True if self.truth(state, atom) else None
        return False if atom in failed or atom not in state.live else None

    def plans(
        self,
        state: ArrayState,
        goal: Goal,
        failed: frozenset[int],
        budget: list[int],
        possible: Callable[[Conjunction], bool],
    ) -> Iterator[list[Entry]]:
        """Items after which ``goal`` is met, if the array ends then; ``budget`` is used up while searching."""
        for holds, fails in assignments(self.formulas, goal, lambda atom: self.known(state, atom, failed), budget):
            yield from self._item_plans(state, holds, fails, failed, budget)

    def _item_plans(
        self,
        state: ArrayState,
        holds: frozenset[int],
        fails: frozenset[int],
        failed: frozenset[int],
        budget: list[int],
    ) -> Iterator[list[Entry]]:
        universal = sorted(atom for atom in holds if self.atoms[atom].kind in ("items", "unevaluated"))
        least, most = 0, None
        wanted: dict[int, int] = {}
        room: dict[int, int] = {}
        tasks: list[tuple[str, int]] = []
        for atom in sorted(holds):
            content = self.atoms[atom]
            if content.kind == "count":
                least = max(least, content.least)
            elif content.kind == "contains":
                node = content.node
                missing = content.least - state.counters[self.counted[node]]
                wanted[node] = max(wanted.get(node, 0), missing)
        for atom in sorted(fails):
            content = self.atoms[atom]
            if content.kind == "count":
                most = content.least - 1 if most is None else min(most, content.least - 1)
            elif content.kind == "contains":
                node = content.node
                left = content.least - 1 - state.counters[self.counted[node]]
                room[node] = min(room.get(node, left), left)
            elif atom in state.live and atom not in failed:
                if content.kind == "unique":
                    self.note_cap()  # two equal items: nearly always possible
                else:
                    tasks.append(("kill", atom))
        if any(left < 0 for left in room.values()):
            return
        for node, missing in wanted.items():
            tasks += [("meet", node)] * max(0, missing)
        if len(tasks) > SEARCH:
            self.note_cap()
            return
        values = self.domain()
        capacity = None if not values else len(values) - state.taken.bit_count()
        must_differ = any(self.atoms[atom].kind == "unique" for atom in holds)
        # Depth first: one item for each task, in this order or with fillers between; all tasks in one item at last.
        for merged in (False, True) if len(tasks) > 1 else (False,):
            plan = self._one_plan(state, universal, holds, tasks, merged, least, most, room, budget)
            for entries in plan:
                if capacity is not None and len(entries) > capacity:
                    continue
                if not must_differ or self._can_differ(entries):
                    yield entries

    def _can_differ(self, entries: list[Entry]) -> bool:
        """Whether the items of a plan can all be different: a matching of those that come from few values."""
        domains = [domain for _, _, entry in entries if (domain := scalar_domain(self.parts, entry))]
        if domains and not self.domain():
            self.note_cap()  # which values earlier items took is not known here
        owners: dict[Conjunction, int] = {}
        for position in range(len(domains)):
            # Kuhn's augmenting paths, breadth first.
            came_from: dict[Conjunction, Conjunction | None] = {}
            queue: list[tuple[int, Conjunction | None]] = [(position, None)]
            free: Conjunction | None = None
            for at, through in queue:  # grows while it is walked
                for value in domains[at]:
                    if value in came_from:
                        continue
                    came_from[value] = through
                    if value not in owners:
                        free = value
                        break
                    queue.append((owners[value], value))
                if free is not None:
                    break
            if free is None:
                return False
            while free is not None:
                before = came_from[free]
                owners[free] = position if before is None else owners[before]
                free = before
        return True

    def _one_plan(
        self,
        state: ArrayState,
        universal: list[int],
        holds: frozenset[int],
        tasks: list[tuple[str, int]],
        merged: bool,
        least: int,
        most: int | None,
        room: dict[int, int],
        budget: list[int],
    ) -> Iterator[list[Entry]]:
        groups: list[list[tuple[str, int]]] = [tasks] if merged else [[task] for task in tasks]
        # (position, groups done, entries, room left)
        start: tuple[int, tuple[int, ...], list[Entry], tuple[tuple[int, int], ...]] = (
            state.size,
            (),
            [],
            tuple(sorted(room.items())),
        )
        stack = [start]
        while stack:
            budget[0] -= 1
            if budget[0] <= 0:
                return
            position, done, entries, left = stack.pop()
            if len(done) == len(groups) and state.size + len(entries) >= least:
                yield entries
                continue
            if most is not None and state.size + len(entries) >= most:
                continue
            base: list[int] = []
            refused = False
            for atom in universal:
                child = self.child(atom, position)
                if self.atoms[atom].kind == "unevaluated" and child != () and self._may_be_evaluated(atom, position):
                    self.note_cap()
                    continue
                if child is None:
                    refused = True
                    break
                base.extend(child)
            if refused:
                continue
            limits = dict(left)
            choices: list[int | None] = [index for index in range(len(groups)) if index not in done]
            if position < self.length or len(done) == len(groups):
                choices.append(None)
            # Equal groups are tried once.
            seen: set[tuple[tuple[str, int], ...]] = set()
            following = []
            for choice in choices:
                group = tuple(groups[choice]) if choice is not None else ()
                if group in seen:
                    continue
                seen.add(group)
                met = {node for what, node in group if what == "meet"}
                if any(limits.get(node, 1) <= 0 for node in met):
                    continue
                literals = [*base, *met]
                literals += [~node for node, more in left if more <= 0]
                variants: list[list[int]] = [literals]
                for what, atom in group:
                    if what != "kill":
                        continue
                    child = self.child(atom, position)
                    if child == ():
                        variants = []
                    elif child is not None:
                        variants = [[*variant, ~node] for variant in variants for node in child]
                for variant in variants:
                    entry: Entry = (None, 0, self.conjunctions.of(variant))
                    lower = tuple((node, more - 1 if node in met else more) for node, more in left)
                    more_done = done if choice is None else (*done, choice)
                    following.append((position + 1, more_done, [*entries, entry], lower))
            stack.extend(reversed(following))
