"""Lookahead, lookbehind, anchors and word boundaries as an ordinary language, exactly and lazily.

Purpose: `resolve` turns a regex with ``LOOKAHEAD`` and ``LOOKBEHIND`` nodes into a ``CONTEXT`` node: a
language like any other, which steps, intersects and complements.  Conditions may stand anywhere, in repeats
and in each other.
Place: beside `derivative`; used by `grammarlib.sources.regex`.
Cost: tens of microseconds for each state that still carries a condition; a residual that carries none is an
ordinary node again, so a leading ``^`` or a lookahead costs a few states only.
Not taken: rewriting lookarounds into unions and intersections when parsing, which cannot reach
inside repeats; refusing them, as other engines do.

How.  A context is a *formula* over the rest of the text (Boolean combinations of regexes that run to its end)
and *monitors* over what was read.  Lookahead ``(?=A)`` adds an obligation: the
*guarded* linear form of a regex lists (guard, bytes, residual), where the guard is a formula that the rest of the text,
from here, must satisfy; stepping by a byte steps the guard along.  A lookbehind ``(?<=B)`` holds here where
the monitor of ``B``, which reads ``(any bytes) B`` from the start of the text, accepts; conditions
inside ``B`` that look ahead stay with the monitor as pending guards.  A repeat whose body can match the
empty text under a condition needs no fixpoint: an empty iteration may be
repeated at will, so it only fills up the minimum.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from grammarlib.automata.alphabet import refine
from grammarlib.automata.derivative import (
    Fuel,
    Steps,
    complement_steps,
    determinise,
    intersect_steps,
    linear_form,
    partition,
)
from grammarlib.ir.regex import (
    ALL_BYTES,
    CLASS,
    COMPLEMENT,
    CONCAT,
    CONTEXT,
    INTERSECT,
    LOOKAHEAD,
    LOOKBEHIND,
    NOTHING,
    REPEAT,
    UNION,
    Node,
    any_bytes,
    complement,
    concat,
    find,
    intern,
    intersect,
    nothing,
    repeat,
    union_of,
)

Pairs = tuple[tuple[Node, Node], ...]
"""State of a monitor: (pending guard, residual), one for each guard."""

Monitors = tuple[tuple[Node, Pairs], ...]
"""(lookbehind body, its state), inner bodies before the bodies that hold them."""

Guarded = tuple[tuple[tuple[Node, int, Node], ...], Node]
"""Guarded linear form: (guard, bytes, residual) triples, and the guard under which nothing need be read."""

_LINEAR = 0
_STEPS = 1
_ENDS = 2


def resolve(node: Node, fuel: Fuel) -> Node:
    """The language of the whole texts that ``node`` matches from start to end, its conditions decided."""
    if not node.asserting:
        return node
    everything = any_bytes()
    monitors = tuple((body, ((everything, concat(everything, body)),)) for body in lookbehind_bodies(node))
    return _context(node, monitors, fuel)


def lookbehind_bodies(root: Node) -> tuple[Node, ...]:
    """The bodies of all lookbehinds in ``root``, inner ones first."""
    if root.behinds is not None:
        return root.behinds
    stack = [root]
    while stack:
        node = stack[-1]
        if node.behinds is not None:
            stack.pop()
            continue
        missing = [item for item in node.items if item.behinds is None]
        if missing:
            stack.extend(missing)
            continue
        merged: dict[Node, None] = {}
        for item in node.items:
            merged.update(dict.fromkeys(item.behinds or ()))
        if node.kind == LOOKBEHIND:
            merged[node.items[0]] = None
        node.behinds = tuple(merged)
        stack.pop()
    assert root.behinds is not None
    return root.behinds


def _context(formula: Node, monitors: Monitors, fuel: Fuel) -> Node:
    """The language of ``formula`` from a position where the monitors stand as given."""
    if not formula.asserting:
        return formula
    needed = lookbehind_bodies(formula)
    if len(needed) < len(monitors):
        wanted = set(needed)
        monitors = tuple(monitor for monitor in monitors if monitor[0] in wanted)
    key = (CONTEXT, formula.uid, tuple([(body.uid, _uids(pairs)) for body, pairs in monitors]))
    found = find(key)
    if found is not None:
        return found
    value = Context(monitors)
    node = Node(
        CONTEXT,
        (formula,),
        value,
        _Position(monitors, fuel).ends(formula),
        False,
        False,
        formula.text,
        formula.counted,
        formula.minimum_bytes,
        formula.minimum_points,
    )
    return intern(key, node)


class Context:
    """The value of a ``CONTEXT`` node: the monitors, and how the node steps."""

    __slots__ = ("monitors",)

    def __init__(self, monitors: Monitors) -> None:
        self.monitors = monitors

    def steps(self, node: Node, fuel: Fuel) -> Steps:
        """Disjoint (bytes, residual) of ``node``."""
        position = _Position(self.monitors, fuel)
        formula_steps = position.steps(node.items[0])
        by_target: dict[Node, int] = {}
        advanced = {body: position.advance(pairs) for body, pairs in self.monitors}
        for members, formula in formula_steps:
            # Only the monitors that the new formula still consults are stepped.
            states: list[tuple[int, Monitors]] = [(members, ())]
            for body in lookbehind_bodies(formula):
                following = []
                for bytes_left, state in states:
                    for others, pairs in advanced[body]:
                        common = bytes_left & others
                        if common:
                            following.append((common, (*state, (body, pairs))))
                fuel.spend(len(following))
                states = following
            for bytes_left, state in states:
                target = _context(formula, state, fuel)
                by_target[target] = by_target.get(target, 0) | bytes_left
        return tuple([(members, target) for target, members in by_target.items() if target.kind != NOTHING])


class _Position:
    """One position in a text: what each lookbehind says here, and the forms computed from that.

    The three mutually recursive computations are generators that ask for each other's results; `_run` keeps
    the explicit stack.
    """

    def __init__(self, monitors: Monitors, fuel: Fuel) -> None:
        self._fuel = fuel
        self._memo: dict[tuple[int, Node], Any] = {}
        self._behind: dict[Node, Node] = {}
        for body, pairs in monitors:
            holds = [intersect(guard, self._run(_LINEAR, residual)[1]) for guard, residual in pairs]
            self._behind[body] = union_of(holds)

    def steps(self, formula: Node) -> Steps:
        """The disjoint steps of a formula, obligations included."""
        steps: Steps = self._run(_STEPS, formula)
        return steps

    def ends(self, formula: Node) -> bool:
        """Whether the text may end here."""
        return bool(self._run(_ENDS, formula))

    def advance(self, pairs: Pairs) -> list[tuple[int, Pairs]]:
        """A monitor after one more byte: disjoint (bytes, state) that cover every byte."""
        moves: list[tuple[int, Node, Node]] = []
        for guard, residual in pairs:
            triples, _ = self._run(_LINEAR, residual)
            for condition, members, rest in triples:
                pending = intersect(guard, condition)
                if pending is any_bytes():
                    moves.append((members, pending, rest))
                    continue
                for others, later in self._run(_STEPS, pending):
                    if members & others:
                        moves.append((members & others, later, rest))
        covered = 0
        result: dict[Pairs, int] = {}
        for members, owners in refine([move[0] for move in moves]):
            covered |= members
            by_guard: dict[Node, list[Node]] = {}
            for owner in owners:
                by_guard.setdefault(moves[owner][1], []).append(moves[owner][2])
            self._fuel.spend(len(owners) + 1)
            state = tuple(sorted(((guard, union_of(rests)) for guard, rests in by_guard.items()), key=_guard_serial))
            result[state] = result.get(state, 0) | members
        if covered != ALL_BYTES:
            result[()] = result.get((), 0) | (ALL_BYTES & ~covered)
        return [(members, state) for state, members in result.items()]

    def _run(self, task: int, node: Node) -> Any:
        memo = self._memo
        key = (task, node)
        if key in memo:
            return memo[key]
        stack = [(key, self._start(task, node))]
        value: Any = None
        while stack:
            key, work = stack[-1]
            try:
                request = work.send(value)
            except StopIteration as stop:
                value = stop.value
                memo[key] = value
                stack.pop()
                continue
            if request in memo:
                value = memo[request]
            else:
                self._fuel.spend(1)
                stack.append((request, self._start(*request)))
                value = None
        return value

    def _start(self, task: int, node: Node) -> Generator[tuple[int, Node], Any, Any]:
        if task == _LINEAR:
            return self._linear(node)
        return self._steps(node) if task == _STEPS else self._ends(node)

    def _linear(self, node: Node) -> Generator[tuple[int, Node], Any, Guarded]:
        everything = any_bytes()
        if not node.asserting:
            plain = tuple([(everything, members, rest) for members, rest in linear_form(node, self._fuel)])
            return plain, everything if node.nullable else nothing()
        kind = node.kind
        triples: list[tuple[Node, int, Node]] = []
        if kind == LOOKAHEAD:
            return (), node.items[0]
        if kind == LOOKBEHIND:
            holds = self._behind[node.items[0]]
            return (), complement(holds) if node.value else holds
        if kind == UNION:
            guards = []
            for item in node.items:
                more, guard = yield (_LINEAR, item)
                triples.extend(more)
                guards.append(guard)
            self._fuel.spend(len(triples))
            return tuple(triples), union_of(guards)
        if kind == CONCAT:
            head, tail = node.items
            more, guard = yield (_LINEAR, head)
            triples.extend([(condition, members, concat(rest, tail)) for condition, members, rest in more])
            if guard.kind != NOTHING:
                more, following = yield (_LINEAR, tail)
                triples.extend([(intersect(guard, condition), members, rest) for condition, members, rest in more])
                guard = intersect(guard, following)
            self._fuel.spend(len(triples))
            return tuple(triples), guard
        if kind == REPEAT:
            body = node.items[0]
            minimum, maximum = node.value
            fewer = None if maximum is None else maximum - 1
            more, guard = yield (_LINEAR, body)
            again = repeat(body, max(minimum - 1, 0), fewer)
            triples.extend([(condition, members, concat(rest, again)) for condition, members, rest in more])
            if minimum == 0:
                guard = everything
            elif guard.kind != NOTHING:
                free = repeat(body, 0, fewer)
                triples.extend(
                    [(intersect(guard, condition), members, concat(rest, free)) for condition, members, rest in more]
                )
            self._fuel.spend(len(triples))
            return tuple(triples), guard
        raise ValueError("conditions inside an intersection or complement must be resolved first")

    def _steps(self, formula: Node) -> Generator[tuple[int, Node], Any, Steps]:
        if not formula.asserting:
            return partition(formula, self._fuel)
        kind = formula.kind
        if kind == INTERSECT:
            parts = []
            for item in formula.items:
                parts.append((yield (_STEPS, item)))
            return intersect_steps(parts, self._fuel)
        if kind == COMPLEMENT:
            return complement_steps((yield (_STEPS, formula.items[0])))
        moves: list[tuple[int, Node]] = []
        if kind == UNION:
            for item in formula.items:
                moves.extend((yield (_STEPS, item)))
            return determinise(moves, self._fuel)
        if kind == REPEAT and formula.value == (0, 1):
            # A union with the empty text, whose members may be whole formulas.
            steps: Steps = yield (_STEPS, formula.items[0])
            return steps
        everything = any_bytes()
        triples, _ = yield (_LINEAR, formula)
        for condition, members, rest in triples:
            if condition is everything:
                moves.append((members, rest))
            elif condition.kind != NOTHING:
                for others, later in (yield (_STEPS, condition)):
                    if members & others:
                        moves.append((members & others, intersect(rest, later)))
        return determinise(moves, self._fuel)

    def _ends(self, formula: Node) -> Generator[tuple[int, Node], Any, bool]:
        if not formula.asserting:
            return formula.nullable
        kind = formula.kind
        if kind == COMPLEMENT:
            inner: bool = yield (_ENDS, formula.items[0])
            return not inner
        if kind == LOOKBEHIND:
            holds = yield (_ENDS, self._behind[formula.items[0]])
            negative: bool = formula.value
            return bool(holds) != negative
        if kind == UNION:
            for item in formula.items:
                if (yield (_ENDS, item)):
                    return True
            return False
        if kind == REPEAT and formula.value[0] == 0:
            return True
        if kind == CLASS:
            return False
        for item in formula.items:
            if not (yield (_ENDS, item)):
                return False
        return True


def _uids(pairs: Pairs) -> tuple[tuple[int, int], ...]:
    return tuple([(guard.uid, residual.uid) for guard, residual in pairs])


def _guard_serial(pair: tuple[Node, Node]) -> int:
    return pair[0].uid
