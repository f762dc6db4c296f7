"""Boolean formulas over the checks of one value, and the ways to make them true.

Purpose: oneOf, not, if and dependent schemas combine checks whose outcome is known only when a value
ends.  A formula is the number of a node in a shared graph (children have smaller numbers), so that a
formula is evaluated in one pass and nothing here recurses, however deep a schema nests.
Place: below `statuses`, which knows what the checks (*atoms*) are.
Cost: microseconds; `Formulas.goals` grows with the choices that a formula offers, and stops at a cap.
Not taken: a disjunctive normal form over atoms.  "None of ten alternatives of three checks" has 3**10 ways to hold;
a `Goal` keeps what must fail whole, and the search for a way finds the first one quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final, NamedTuple

TRUE: Final = 0
FALSE: Final = 1

ATOM: Final = 0
AND: Final = 1
OR: Final = 2
NOT: Final = 3
ONE: Final = 4
"""Exactly one of the children holds; a child may stand there twice."""


class Atom(NamedTuple):
    """One check of a value: what kind it is, and what it is about.

    ``string``, ``number``, ``properties``, ``items``, ``unevaluated``: what node ``node`` says of the value itself, of
    the values of its members, of its items, of members that nothing else evaluated.  ``has``: ``name`` is a member.
    ``count``: there are at least ``least`` members or items.  ``contains``: at least ``least`` items satisfy ``node``.
    ``unique``: no two items are equal.
    """

    kind: str
    node: int = -1
    name: str = ""
    least: int = 0


class Goal(NamedTuple):
    """One way to make a formula true: every atom of ``holds`` and no formula of ``fails``."""

    holds: frozenset[int]
    fails: frozenset[int]


class Formulas:
    """A growing graph of formulas; constructors normalise and share."""

    def __init__(self) -> None:
        self.kinds: list[int] = [AND, OR]
        self.children: list[tuple[int, ...]] = [(), ()]
        self.contents: dict[int, Atom] = {}
        self._numbers: dict[tuple[int, Hashable], int] = {(AND, ()): TRUE, (OR, ()): FALSE}
        self._supports: dict[int, tuple[int, ...]] = {}
        self._goals: dict[int, tuple[Goal, ...] | None] = {}

    def _new(self, kind: int, children: tuple[int, ...], content: Atom | None = None) -> int:
        key = (kind, content if kind == ATOM else children)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.kinds)
            self.kinds.append(kind)
            self.children.append(children)
            if content is not None:
                self.contents[number] = content
        return number

    def atom(self, content: Atom) -> int:
        """The formula that says nothing but the check ``content``."""
        return self._new(ATOM, (), content)

    def negation(self, formula: int) -> int:
        """``formula`` fails."""
        if formula <= FALSE:
            return 1 - formula
        if self.kinds[formula] == NOT:
            return self.children[formula][0]
        return self._new(NOT, (formula,))

    def conjunction(self, formulas: Iterable[int]) -> int:
        """All hold."""
        return self._flat(AND, TRUE, formulas)

    def disjunction(self, formulas: Iterable[int]) -> int:
        """At least one holds."""
        return self._flat(OR, FALSE, formulas)

    def _flat(self, kind: int, neutral: int, formulas: Iterable[int]) -> int:
        members: dict[int, None] = {}
        for formula in formulas:
            if formula == 1 - neutral:
                return 1 - neutral
            if formula != neutral:
                if self.kinds[formula] == kind:
                    members.update(dict.fromkeys(self.children[formula]))
                else:
                    members[formula] = None
        if len(members) == 1:
            return next(iter(members))
        if any(self.negation(member) in members for member in members if self.kinds[member] == NOT):
            return 1 - neutral
        return self._new(kind, tuple(members)) if members else neutral

    def exactly_one(self, formulas: Iterable[int]) -> int:
        """Exactly one holds; a formula given twice can never be the one."""
        members = [formula for formula in formulas if formula != FALSE]
        if not members:
            return FALSE
        if TRUE in members:
            members.remove(TRUE)
            return self.negation(self.disjunction(members))
        if len(members) == 1:
            return members[0]
        twice = {member for member in members if members.count(member) > 1}
        if twice:
            once = [member for member in members if member not in twice]
            return self.conjunction([self.exactly_one(once), *(self.negation(member) for member in sorted(twice))])
        return self._new(ONE, tuple(sorted(members)))

    def support(self, formula: int) -> tuple[int, ...]:
        """All formulas inside ``formula`` and itself, children before parents."""
        found = self._supports.get(formula)
        if found is None:
            seen = {formula}
            queue = [formula]
            for number in queue:  # grows while it is walked
                for child in self.children[number]:
                    if child not in seen:
                        seen.add(child)
                        queue.append(child)
            found = self._supports[formula] = tuple(sorted(seen))
        return found

    def atoms(self, formula: int) -> tuple[int, ...]:
        """The atoms inside ``formula``, ascending."""
        return tuple(number for number in self.support(formula) if self.kinds[number] == ATOM)

    def evaluate(self, formula: int, truth: Callable[[int], bool | None]) -> bool | None:
        """Kleene's value of ``formula``; ``truth`` tells it for an atom, None where it is open."""
        if formula <= FALSE:
            return formula == TRUE
        return self.evaluate_all((formula,), truth)[0]

    def evaluate_all(self, formulas: Iterable[int], truth: Callable[[int], bool | None]) -> list[bool | None]:
        """As `evaluate`, for several at once."""
        known: dict[int, bool | None] = {TRUE: True, FALSE: False}
        wanted = list(formulas)
        for formula in wanted:
            for number in self.support(formula):
                if number in known:
                    continue
                kind = self.kinds[number]
                if kind == ATOM:
                    known[number] = truth(number)
                    continue
                values = [known[child] for child in self.children[number]]
                if kind == AND:
                    known[number] = False if False in values else None if None in values else True
                elif kind == OR:
                    known[number] = True if True in values else None if None in values else False
                elif kind == NOT:
                    known[number] = None if values[0] is None else not values[0]
                elif values.count(True) > 1:
                    known[number] = False
                else:
                    known[number] = None if None in values else values.count(True) == 1
        return [known[formula] for formula in wanted]

    def replaced(self, formula: int, replacements: Mapping[int, int]) -> int:
        """``formula`` with atoms replaced."""
        made: dict[int, int] = {TRUE: TRUE, FALSE: FALSE}
        for number in self.support(formula):
            kind = self.kinds[number]
            if kind == ATOM:
                made[number] = replacements.get(number, number)
                continue
            children = [made[child] for child in self.children[number]]
            if kind == AND:
                made[number] = self.conjunction(children)
            elif kind == OR:
                made[number] = self.disjunction(children)
            elif kind == NOT:
                made[number] = self.negation(children[0])
            else:
                made[number] = self.exactly_one(children)
        return made[formula]

    def goals(self, formula: int, most: int) -> tuple[Goal, ...] | None:
        """The ways to make ``formula`` true, more than ``most``: None.  Their union is the formula."""
        if formula not in self._goals:
            self._goals[formula] = self._find_goals([(formula, True)], most)
        return self._goals[formula]

    def _find_goals(self, todo: list[tuple[int, bool]], most: int) -> tuple[Goal, ...] | None:
        found: dict[Goal, None] = {}
        partials = [(tuple(todo), frozenset[int](), frozenset[int]())]
        while partials:
            tasks, holds, fails = partials.pop()
            if not tasks:
                found[Goal(holds, fails)] = None
                if len(found) > most:
                    return None
                continue
            if len(partials) > most:
                return None
            (formula, sign), tasks = tasks[0], tasks[1:]
            for further, more_holds, more_fails in self.choices(formula, sign):
                holding = holds | more_holds
                failing = fails | more_fails
                if holding.isdisjoint(failing):
                    partials.append((further + tasks, holding, failing))
        return tuple(_without_implied(list(found)))

    def choices(
        self, formula: int, sign: bool
    ) -> list[tuple[tuple[tuple[int, bool], ...], frozenset[int], frozenset[int]]]:
        """The ways to give ``formula`` the value ``sign``, one level deep: (to do, atoms that hold, what fails).

        What must fail is left whole, but for negations, disjunctions and constants.
        """
        nothing = frozenset[int]()
        if formula <= FALSE:
            return [((), nothing, nothing)] if (formula == TRUE) == sign else []
        kind = self.kinds[formula]
        children = self.children[formula]
        if kind == NOT:
            return [(((children[0], not sign),), nothing, nothing)]
        if sign:
            if kind == ATOM:
                return [((), frozenset((formula,)), nothing)]
            if kind == AND:
                return [(tuple((child, True) for child in children), nothing, nothing)]
            if kind == OR:
                return [(((child, True),), nothing, nothing) for child in reversed(children)]
            return [
                (
                    tuple((other, other == child) for other in (child, *(c for c in children if c != child))),
                    nothing,
                    nothing,
                )
                for child in reversed(children)
            ]
        if kind == OR:
            return [(tuple((child, False) for child in children), nothing, nothing)]
        return [((), nothing, frozenset((formula,)))]

    def is_atom(self, formula: int) -> bool:
        """Whether ``formula`` is one check."""
        return self.kinds[formula] == ATOM

    def ways(self, formula: int, sign: bool) -> list[tuple[tuple[int, bool], ...]]:
        """The ways to give ``formula`` (no atom) the value ``sign``, one level deep: formulas with their values."""
        if formula <= FALSE:
            return [()] if (formula == TRUE) == sign else []
        kind = self.kinds[formula]
        children = self.children[formula]
        if kind == NOT:
            return [((children[0], not sign),)]
        if kind == ONE:
            if sign:
                return [tuple((other, other == child) for other in children) for child in children]
            ways: list[tuple[tuple[int, bool], ...]] = [tuple((child, False) for child in children)]
            for index, child in enumerate(children):
                ways += [((child, True), (other, True)) for other in children[index + 1 :]]
            return ways
        if (kind == AND) == sign:
            return [tuple((child, sign) for child in children)]
        return [((child, sign),) for child in children]


def _without_implied(goals: list[Goal]) -> list[Goal]:
    """Drop goals that ask for more than another; quadratic, so only where there are few."""
    if not 1 < len(goals) <= 64:
        return goals
    kept = []
    for position, goal in enumerate(goals):
        for other, wider in enumerate(goals):
            if other != position and wider.holds <= goal.holds and wider.fails <= goal.fails:
                if (wider.holds, wider.fails) != (goal.holds, goal.fails) or other < position:
                    break
        else:
            kept.append(goal)
    return kept
