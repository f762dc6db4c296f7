"""Alternatives of oneOf that exclude each other: such a oneOf says what anyOf says.

Purpose: most oneOf of real schemas tell their alternatives apart by type, by a discriminator (a required name with
different constants) or by a name that one requires and another refuses.  Those need no statuses.
Place: run by `parts` on the nodes of `reader`, before anything is expanded.
Cost: linear in the alternatives for types and discriminators, quadratic (with a cap) only for the rest.
Not taken: asking the satisfiability search, which is exact and would expand what nobody may ever reach.

A proof looks only at what an alternative asserts for sure: its own keywords, allOf and ``$ref``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from grammarlib.sources.jsonschema.nodes import FALSE_NODE, SchemaNode
from grammarlib.sources.jsonschema.values import ANY, OBJECT, Canonical

PAIRS: Final = 24
"""The most alternatives that are compared pair by pair."""

_MEMBERS: Final = 32
"""The most nodes that are looked at for one alternative."""


class Facts(NamedTuple):
    """What an alternative asserts for sure."""

    types: int
    values: frozenset[Canonical] | None
    required: frozenset[str]
    nodes: tuple[SchemaNode, ...]

    def refuses(self, name: str) -> bool:
        """Whether no object of the alternative has the member ``name``."""
        for node in self.nodes:
            if node.properties is not None and name in node.properties:
                if node.properties[name] == FALSE_NODE:
                    return True
            elif node.additional == FALSE_NODE and not node.pattern_properties:
                return True
        return False


class Exclusions:
    """Decides for the nodes of one schema."""

    def __init__(self, nodes: list[SchemaNode]) -> None:
        self._nodes = nodes
        self._facts: dict[int, Facts] = {}
        self._members: dict[tuple[int, str], Facts] = {}

    def settle(self) -> None:
        """Make each oneOf whose alternatives exclude each other an anyOf."""
        for node in self._nodes:
            if node.one_of:
                kept = []
                for group in node.one_of:
                    if self.exclude_each_other(group):
                        node.any_of += (group,)
                    else:
                        kept.append(group)
                node.one_of = tuple(kept)

    def exclude_each_other(self, group: tuple[int, ...]) -> bool:
        """Whether no value satisfies two alternatives of ``group``, as far as is easy to see."""
        facts = [self.facts(number) for number in group]
        if self._by_types(facts):
            return True
        if all(not fact.types & ~OBJECT for fact in facts):
            for name in facts[0].required:
                if self._by_discriminator(name, facts):
                    return True
        if len(group) > PAIRS:
            return False
        return all(self._differ(first, second) for index, first in enumerate(facts) for second in facts[index + 1 :])

    def facts(self, number: int) -> Facts:
        """What a node asserts for sure."""
        found = self._facts.get(number)
        if found is None:
            found = self._facts[number] = self._collect((number,))
        return found

    def _collect(self, numbers: tuple[int, ...]) -> Facts:
        types = ANY
        values: frozenset[Canonical] | None = None
        required: set[str] = set()
        queue = list(dict.fromkeys(numbers))
        seen = set(queue)
        nodes = []
        for number in queue:  # grows while it is walked
            node = self._nodes[number]
            nodes.append(node)
            types &= node.types
            required.update(node.required)
            if node.values is not None:
                values = node.values if values is None else values & node.values
            for child in node.all_of:
                if child not in seen and len(queue) < _MEMBERS:
                    seen.add(child)
                    queue.append(child)
        return Facts(types, values, frozenset(required), tuple(nodes))

    def _member(self, facts: Facts, name: str) -> Facts:
        """What an alternative asserts of the value of a member."""
        children = []
        for node in facts.nodes:
            if node.properties is not None and name in node.properties:
                children.append(node.properties[name])
        return self._collect(tuple(children[:_MEMBERS]))

    def _by_types(self, facts: list[Facts]) -> bool:
        """Whether all have different types."""
        taken = 0
        for fact in facts:
            if taken & fact.types:
                return False
            taken |= fact.types
        return True

    def _by_discriminator(self, name: str, facts: list[Facts]) -> bool:
        """Whether all require ``name``, each with constants of its own."""
        taken: set[Canonical] = set()
        for fact in facts:
            if name not in fact.required:
                return False
            values = self._member(fact, name).values
            if values is None or not taken.isdisjoint(values):
                return False
            taken |= values
        return True

    def _differ(self, first: Facts, second: Facts) -> bool:
        """Whether no value satisfies both."""
        types = first.types & second.types
        if not types or _apart(first, second):
            return True
        if types & ~OBJECT:
            return False
        for name in first.required:
            if second.refuses(name):
                return True
            if name in second.required:
                mine, other = self._member(first, name), self._member(second, name)
                if not mine.types & other.types or _apart(mine, other):
                    return True
        return any(first.refuses(name) for name in second.required)


def _apart(first: Facts, second: Facts) -> bool:
    """Whether two sets of constants have nothing in common."""
    return first.values is not None and second.values is not None and first.values.isdisjoint(second.values)
