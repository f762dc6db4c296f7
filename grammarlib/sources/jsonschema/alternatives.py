"""Alternatives: what anyOf leaves of a conjunction, for one type of values.

Purpose: most schemas only ask.  A conjunction of such nodes is, for one JSON type, a union of *alternatives*: nodes
that say something of the type by themselves, the constants that are left, the types that are left.
Place: above `conjunctions`; strings, numbers, views and `satisfiability` begin here.
Cost: below 1 us for one plain node; else one pass over the nodes that apply in place, for each choice that anyOf leaves
open.  More than 64 times ``limits.tracks`` choices are refused.
Not taken: rewriting the schema into a disjunctive normal form first.  Here anyOf is expanded only for the type at hand,
and a branch that asks nothing beyond the rest is never split off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from grammarlib.errors import LimitExceeded
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.conjunctions import Conjunction, Conjunctions
from grammarlib.sources.jsonschema.nodes import SchemaNode
from grammarlib.sources.jsonschema.values import ANY, Canonical, type_bit

Alternative: TypeAlias = "tuple[Conjunction, frozenset[Canonical] | None, int]"
"""Nodes that constrain the type at hand, the constants that are left or None, the type bits that are left."""


class Alternatives:
    """The alternatives of one source, worked out once for each conjunction and type."""

    def __init__(self, conjunctions: Conjunctions, limits: Limits, *, has_cycles: bool) -> None:
        self._conjunctions = conjunctions
        self._nodes = conjunctions.nodes
        self._limits = limits
        self._has_cycles = has_cycles
        self._found: dict[tuple[Conjunction, int], tuple[Alternative, ...]] = {}

    def of(self, conjunction: Conjunction, bit: int) -> tuple[Alternative, ...]:
        """The plain conjunctions whose union is ``conjunction`` for values of the types of ``bit``.

        ``bit`` is one type (`NUMBER` counts as one).  In-place applicators are followed, anyOf is
        distributed; the least solution is meant where references run in a circle.
        """
        key = (conjunction, bit)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._find(conjunction, bit)
        return found

    def _find(self, conjunction: Conjunction, bit: int) -> tuple[Alternative, ...]:
        nodes = self._nodes
        if len(conjunction) == 1:
            node = nodes[conjunction[0]]
            if not node.in_place:
                types = node.types & bit
                if not types:
                    return ()
                values = node.values
                if values is not None:
                    values = frozenset(value for value in values if type_bit(value) & bit)
                    if not values:
                        return ()
                return ((conjunction if node.constrains & bit else (), values, types),)
        no_path: frozenset[int] = frozenset()
        finished: dict[tuple[frozenset[int], frozenset[Canonical] | None, int], Alternative] = {}
        budget = self._limits.tracks * 64
        start = _Partial([(number, no_path) for number in reversed(conjunction)])
        partials = [start]
        while partials:
            partial = partials.pop()
            budget -= 1
            if budget < 0:
                where = self._conjunctions.pointer(conjunction[0]) or "the schema"
                raise LimitExceeded("tracks", self._limits.tracks, None, where)
            if not self._close(partial, bit):
                continue
            if partial.groups:
                group, path = partial.groups.pop()
                if any(self._holds_already(number, partial, path, bit) for number in group):
                    partials.append(partial)
                    continue
                for number in reversed(group):
                    if nodes[number].types & bit:
                        partials.append(partial.with_todo(number, path))
                continue
            values = partial.values
            if values is not None:
                values = frozenset(value for value in values if type_bit(value) & bit)
                if not values:
                    continue
            members = self._conjunctions.normal_form(partial.relevant) if partial.relevant else ()
            types = partial.types & bit
            finished.setdefault((frozenset(members), values, types), (members, values, types))
        return tuple(finished.values())

    def _close(self, partial: _Partial, bit: int) -> bool:
        """Take in everything that ``partial`` has to do; False where it allows nothing of the type."""
        nodes = self._nodes
        todo = partial.todo
        while todo:
            number, path = todo.pop()
            if number in partial.visited:
                if number in path:
                    return False
                continue
            node = nodes[number]
            partial.types &= node.types
            if not partial.types & bit:
                return False
            partial.visited.add(number)
            if node.values is not None:
                partial.values = node.values if partial.values is None else partial.values & node.values
                if not partial.values:
                    return False
            if node.constrains & bit:
                partial.relevant.append(number)
            if node.in_place:
                if self._has_cycles:
                    path = path | {number}
                todo.extend((child, path) for child in reversed(node.all_of))
                partial.groups[:0] = [(group, path) for group in reversed(node.any_of)]
        return True

    def _holds_already(self, number: int, partial: _Partial, path: frozenset[int], bit: int) -> bool:
        """Whether a branch asks nothing of values of this type beyond what ``partial`` asks."""
        if number in partial.visited:
            return number not in path
        node = self._nodes[number]
        return not (node.in_place or node.constrains & bit or node.values is not None) and not (
            partial.types & bit & ~node.types
        )

    def structured(self, conjunction: Conjunction, bit: int) -> Iterator[Conjunction]:
        """The alternatives for objects or arrays, constants turned into nodes; none of the conjunction is general."""
        for members, values, _ in self.of(conjunction, bit):
            if values is None:
                yield members
            else:
                for value in sorted(values, key=repr):  # sets of texts have no order of their own
                    yield self._conjunctions.normal_form((*members, self._conjunctions.structure(value)))

    def without_subsumed(self, live: list[tuple[Conjunction, int]]) -> list[tuple[Conjunction, int]]:
        """Drop alternatives that a weaker one with the same labels implies; check the number of tracks."""
        if len(live) > 1:
            if len(live) > self._limits.tracks * 8:  # the search below is quadratic
                raise LimitExceeded("tracks", self._limits.tracks, len(live), "the schema")
            sets = [frozenset(members) for members, _ in live]
            kept = []
            for position, (members, label) in enumerate(live):
                mine = sets[position]
                for other, (_, other_label) in enumerate(live):
                    if other != position and label & ~other_label == 0 and sets[other] <= mine:
                        if sets[other] < mine or other_label != label or other < position:
                            break
                else:
                    kept.append((members, label))
            live = kept
            if len(live) > self._limits.tracks:
                where = self._conjunctions.pointer(live[0][0][0]) if live[0][0] else ""
                raise LimitExceeded("tracks", self._limits.tracks, len(live), where or "the schema")
        return live


class _Partial:
    """One alternative while it is put together."""

    __slots__ = ("groups", "relevant", "todo", "types", "values", "visited")

    def __init__(self, todo: list[tuple[int, frozenset[int]]]) -> None:
        self.todo = todo
        self.visited: set[int] = set()
        self.relevant: list[int] = []
        self.groups: list[tuple[tuple[int, ...], frozenset[int]]] = []
        self.types = ANY
        self.values: frozenset[Canonical] | None = None

    def with_todo(self, number: int, path: frozenset[int]) -> _Partial:
        """A copy that also has to take in ``number``."""
        copy = _Partial([(number, path)])
        copy.visited = set(self.visited)
        copy.relevant = list(self.relevant)
        copy.groups = list(self.groups)
        copy.types = self.types
        copy.values = self.values
        return copy


def has_in_place_cycle(nodes: list[SchemaNode]) -> bool:
    """Whether some node applies itself in place, through ``$ref``, allOf or anyOf."""
    finished: set[int] = set()
    for start, node in enumerate(nodes):
        if not node.in_place or start in finished:
            continue
        open_nodes = {start}
        trail = [(start, iter(_in_place_children(node)))]
        while trail:
            number, children = trail[-1]
            for child in children:
                if child in open_nodes:
                    return True
                if child not in finished and nodes[child].in_place:
                    open_nodes.add(child)
                    trail.append((child, iter(_in_place_children(nodes[child]))))
                    break
            else:
                trail.pop()
                open_nodes.discard(number)
                finished.add(number)
    return False


def _in_place_children(node: SchemaNode) -> list[int]:
    return [*node.all_of, *(number for group in node.any_of for number in group)]
