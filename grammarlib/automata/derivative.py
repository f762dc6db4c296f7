"""Derivatives of Boolean regexes by whole classes of bytes, emptiness, and shortest members.

Purpose: `linear_form` gives the partial derivatives of a regex (Antimirov): pairs (bytes,
residual) whose union over a byte is the derivative.  `partition` makes them disjoint: the
deterministic step that a lazy automaton takes.  Both are kept on the node, so a residual is analysed once
in a process however many automata meet it.
Place: between `grammarlib.ir.regex` and `lazydfa`; `lookaround` adds the conditions on positions.
Cost: about a microsecond for each pair.  Everything that can grow spends `Fuel`.
Not taken: Brzozowski's derivative for each byte (256 of them for each state), and position automata,
which have neither intersection nor complement nor counters.

Emptiness is exact.  A regex without ``&`` and ``~`` is empty only where it is ``nothing()``; any other
is searched for a member, shortest first, guided by the lower bound that every node carries; a
search that ends without one has proved every residual on its way empty.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Protocol

from grammarlib.automata.alphabet import lowest, refine
from grammarlib.errors import LimitExceeded
from grammarlib.ir.regex import (
    ALL_BYTES,
    CLASS,
    COMPLEMENT,
    CONCAT,
    CONTEXT,
    CONTINUATION_BYTES,
    EPSILON,
    INTERSECT,
    NEVER,
    NOTHING,
    REPEAT,
    UNION,
    Node,
    any_bytes,
    complement,
    concat,
    epsilon,
    intersect,
    repeat,
    union_of,
)

Steps = tuple[tuple[int, Node], ...]
"""(bytes, residual) pairs."""


class Fuel:
    """Bounded work: `spend` raises `LimitExceeded` (closure_steps) once the tank is empty."""

    __slots__ = ("bound", "left", "where")

    def __init__(self, bound: int, where: str = "a regular expression") -> None:
        self.bound = bound
        self.left = bound
        self.where = where

    def spend(self, amount: int) -> None:
        """Use up ``amount`` units."""
        self.left -= amount
        if self.left < 0:
            raise LimitExceeded("closure_steps", self.bound, where=self.where)


class StepSource(Protocol):
    """What the value of a ``CONTEXT`` node offers: its own disjoint steps."""

    def steps(self, node: Node, fuel: Fuel) -> Steps:
        """The deterministic steps of ``node``."""
        ...


def linear_form(root: Node, fuel: Fuel) -> Steps:
    """The partial derivatives of ``root``: (bytes, residual), possibly overlapping, residuals never empty by form.

    Raises `LimitExceeded` out of fuel, `ValueError` where a lookaround was not resolved.
    """
    if root.linear is not None:
        return root.linear
    stack = [root]
    while stack:
        node = stack[-1]
        if node.linear is not None:
            stack.pop()
            continue
        kind = node.kind
        form: Steps
        if kind == CONCAT:
            head, tail = node.items
            if head.kind == CLASS:
                form = ((head.value, tail),)
            else:
                missing = _missing_heads(node)
                if missing:
                    stack.extend(missing)
                    continue
                form = _linear_chain(node)
        elif kind == CLASS:
            form = ((node.value, epsilon()),)
        elif kind == REPEAT:
            body = node.items[0]
            front = body.linear
            if front is None:
                stack.append(body)
                continue
            minimum, maximum = node.value
            again = repeat(body, max(minimum - 1, 0), None if maximum is None else maximum - 1)
            form = tuple([(members, concat(rest, again)) for members, rest in front])
        elif kind == UNION:
            missing = [item for item in node.items if item.linear is None]
            if missing:
                stack.extend(missing)
                continue
            form = tuple([pair for item in node.items for pair in item.linear or ()])
        elif kind in (EPSILON, NOTHING):
            form = ()
        elif kind in (INTERSECT, COMPLEMENT):
            missing = [item for item in node.items if item.linear is None]
            if missing:
                stack.extend(missing)
                continue
            if kind == INTERSECT:
                form = intersect_steps([partition(item, fuel) for item in node.items], fuel)
            else:
                form = complement_steps(partition(node.items[0], fuel))
        elif kind == CONTEXT:
            source: StepSource = node.value
            form = source.steps(node, fuel)
        else:
            raise ValueError("a lookaround outside a resolved context has no derivative")
        fuel.spend(len(form) + 1)
        node.linear = form
        stack.pop()
    assert root.linear is not None
    return root.linear


def _missing_heads(node: Node) -> list[Node]:
    """The elements of a concatenation that can come first, where their linear form is not known yet."""
    missing = []
    rest = node
    while rest.linear is None:
        if rest.kind != CONCAT:
            missing.append(rest)
            break
        head, tail = rest.items
        if head.linear is None:
            missing.append(head)
        if not head.nullable:
            break
        rest = tail
    return missing


def _linear_chain(node: Node) -> Steps:
    """The linear form of a concatenation whose possible first elements are known; the tails keep no copy of it."""
    pairs: list[tuple[int, Node]] = []
    rest = node
    while rest.linear is None:
        head, tail = rest.items
        pairs.extend([(members, concat(residual, tail)) for members, residual in head.linear or ()])
        if not head.nullable:
            return tuple(pairs)
        rest = tail
    pairs.extend(rest.linear)
    return tuple(pairs)


def partition(node: Node, fuel: Fuel) -> Steps:
    """The derivative of ``node`` by every byte at once: disjoint (bytes, residual), distinct residuals.

    Bytes that appear nowhere lead to the empty language; a residual may still be empty (see `is_empty`).
    """
    steps = node.steps
    if steps is None:
        steps = determinise(node.linear or linear_form(node, fuel), fuel)
        node.steps = steps
    return steps


def determinise(form: Sequence[tuple[int, Node]], fuel: Fuel) -> Steps:
    """Disjoint pairs with the same union of residuals for each byte."""
    fuel.spend(len(form) + 1)
    covered = 0
    for members, _ in form:
        if members & covered:
            break
        covered |= members
    else:
        if len(form) < 2 or len({target for _, target in form}) == len(form):
            return tuple(form)
        return _join_targets(form)
    groups: dict[int, list[Node]] = {}
    for members, rest in form:
        known = groups.get(members)
        if known is None:
            groups[members] = [rest]
        else:
            known.append(rest)
    lists = list(groups.values())
    pairs = []
    unions: dict[tuple[Node, ...], Node] = {}
    for members, owners in refine(groups):
        if len(owners) == 1:
            rests = lists[owners[0]]
        else:
            rests = [rest for owner in owners for rest in lists[owner]]
        fuel.spend(len(rests))
        if len(rests) == 1:
            pairs.append((members, rests[0]))
            continue
        key = tuple(rests)
        target = unions.get(key)
        if target is None:
            target = unions[key] = union_of(rests)
        pairs.append((members, target))
    return _join_targets(pairs)


def _join_targets(pairs: Iterable[tuple[int, Node]]) -> Steps:
    """Disjoint pairs with distinct, not empty residuals."""
    by_target: dict[Node, int] = {}
    for members, target in pairs:
        by_target[target] = by_target.get(target, 0) | members
    return tuple([(members, target) for target, members in by_target.items() if target.kind != NOTHING])


def intersect_steps(parts: Sequence[Steps], fuel: Fuel) -> Steps:
    """The steps of the intersection of languages that step as ``parts`` say."""
    products: list[tuple[int, tuple[Node, ...]]] = [(ALL_BYTES, ())]
    for part in parts:
        fuel.spend(len(products) * len(part) // 8 + 1)
        following = []
        for members, targets in products:
            for others, target in part:
                common = members & others
                if common:
                    following.append((common, (*targets, target)))
        products = following
    by_target: dict[Node, int] = {}
    for members, targets in products:
        target = intersect(*targets)
        if target.kind != NOTHING:
            by_target[target] = by_target.get(target, 0) | members
    return tuple([(members, target) for target, members in by_target.items()])


def complement_steps(steps: Steps) -> Steps:
    """The steps of the complement of a language that steps as ``steps`` says."""
    result = []
    covered = 0
    for members, target in steps:
        covered |= members
        outside = complement(target)
        if outside.kind != NOTHING:
            result.append((members, outside))
    if covered != ALL_BYTES:
        result.append((ALL_BYTES & ~covered, any_bytes()))
    return tuple(result)


def is_empty(node: Node, fuel: Fuel) -> bool:
    """Whether no byte string belongs to ``node``.  Exact; raises `LimitExceeded` out of fuel.

    A search for any member, nearest first by the sum of what the parts still need: unlike the
    shortest member, which `distance` finds, it does not care in which order twenty lookaheads are met.
    """
    alive = node.alive
    if alive is not None:
        return not alive
    parents: dict[Node, Node | None] = {node: None}
    serial = 0
    # Nearest first, then deepest, then in order: two searches that pass the same way meet.
    heap: list[tuple[int, int, int, Node]] = [(0, 0, 0, node)]
    while heap:
        _, depth, _, current = heapq.heappop(heap)
        steps = partition(current, fuel)
        fuel.spend(len(steps) + 1)
        for _, target in steps:
            if target in parents:
                continue
            alive = target.alive
            if alive is False:
                continue
            parents[target] = current
            if alive:
                back: Node | None = current
                while back is not None:
                    back.alive = True
                    back = parents[back]
                return False
            serial += 1
            heapq.heappush(heap, (_need(target), depth - 1, serial, target))
    for visited in parents:
        visited.alive = False
        visited.distance_bytes = visited.distance_points = NEVER
    return True


def _need(node: Node) -> int:
    """A guess at how far a member is: what all the parts of an intersection need, one after the other."""
    if node.kind == CONTEXT:
        node = node.items[0]
    if node.kind == INTERSECT:
        return sum(item.minimum_bytes for item in node.items)
    if node.kind == UNION:
        return min(_need_of_item(item) for item in node.items)
    return node.minimum_bytes


def _need_of_item(node: Node) -> int:
    return sum(item.minimum_bytes for item in node.items) if node.kind == INTERSECT else node.minimum_bytes


def distance(node: Node, fuel: Fuel, *, points: bool = False) -> int:
    """The length of a shortest member in bytes, or in code points; `NEVER` of an empty language."""
    known = node.distance_points if points else node.distance_bytes
    if known is not None:
        return known
    if is_empty(node, fuel):
        return NEVER
    best: dict[Node, int] = {node: 0}
    parents: dict[Node, Node] = {}
    serial = 0
    heap: list[tuple[int, int, int, Node]] = [(0, 0, 0, node)]
    while heap:
        total, negative, _, current = heapq.heappop(heap)
        cost = -negative
        if cost > best[current]:
            continue
        rest = current.distance_points if points else current.distance_bytes
        if rest is None and current.nullable:
            rest = 0
        if rest is not None:
            if rest >= NEVER:
                continue
            if cost + rest <= total:
                _record(current, cost + rest, best, parents, points)
                return cost + rest
            serial += 1
            heapq.heappush(heap, (cost + rest, -cost, serial, current))
            continue
        steps = partition(current, fuel)
        fuel.spend(len(steps) + 1)
        for members, target in steps:
            step = 0 if points and members & CONTINUATION_BYTES else 1
            reached = cost + step
            if reached < best.get(target, NEVER):
                if target.alive is False:
                    continue
                bound = target.distance_points if points else target.distance_bytes
                if bound is None:
                    bound = target.minimum_points if points else target.minimum_bytes
                if bound < NEVER:
                    best[target] = reached
                    parents[target] = current
                    serial += 1
                    heapq.heappush(heap, (reached + bound, -reached, serial, target))
    raise AssertionError("a language that is not empty has a shortest member")


def _record(goal: Node, total: int, best: dict[Node, int], parents: dict[Node, Node], points: bool) -> None:
    """A shortest path is shortest from each of its nodes: keep all those lengths."""
    current: Node | None = goal
    while current is not None:
        if points:
            current.distance_points = total - best[current]
        else:
            current.distance_bytes = total - best[current]
        current = parents.get(current)


def shortest_member(node: Node, fuel: Fuel) -> bytes:
    """The first of the shortest members, by byte order; `ValueError` of an empty language.

    Spends a unit of ``fuel`` for each byte, and has as much again for each transition.
    """
    left = distance(node, fuel)
    if left >= NEVER:
        raise ValueError("the language is empty")
    result = bytearray()
    while left:
        fuel.spend(1)
        chosen: tuple[int, Node] | None = None
        transition = Fuel(fuel.bound, fuel.where)
        for members, target in partition(node, transition):
            byte = lowest(members)
            if (
                (chosen is None or byte < chosen[0])
                and target.minimum_bytes < left
                and distance(target, transition) == left - 1
            ):
                chosen = (byte, target)
        assert chosen is not None
        result.append(chosen[0])
        node = chosen[1]
        left -= 1
    return bytes(result)
