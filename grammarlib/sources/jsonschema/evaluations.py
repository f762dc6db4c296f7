"""What ``unevaluatedProperties`` and ``unevaluatedItems`` look at: which nodes evaluate which members and items.

Purpose: a node evaluates members for another where it applies in place, which may depend on checks.
`Evaluations` lists such nodes with the formula that decides, and tells what each evaluates by itself.
Place: above `node_formulas`; asked by `object_states` and `array_states` alone.
Cost: one walk over the nodes that apply in place, once for each node with such a keyword.
Not taken: collecting annotations as validators do, value by value; here the answer is needed before the value is read.
"""

from __future__ import annotations

from grammarlib.sources.jsonschema import formulas as logic
from grammarlib.sources.jsonschema.formulas import Atom
from grammarlib.sources.jsonschema.names import NameClass
from grammarlib.sources.jsonschema.node_formulas import NodeFormulas
from grammarlib.sources.jsonschema.nodes import SchemaNode
from grammarlib.sources.jsonschema.strings import StringLeaves
from grammarlib.sources.jsonschema.values import ARRAY, OBJECT


class Evaluations:
    """Who evaluates what, in one source."""

    def __init__(self, nodes: list[SchemaNode], node_formulas: NodeFormulas, leaves: StringLeaves) -> None:
        self._nodes = nodes
        self._node_formulas = node_formulas
        self._leaves = leaves
        self._found: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}

    def of(self, number: int, bit: int) -> tuple[tuple[int, int], ...]:
        """(node, formula): what the node evaluates counts for ``number`` where the formula holds."""
        key = (number, bit)
        known = self._found.get(key)
        if known is not None:
            return known
        join = self._node_formulas.formulas.conjunction
        found: dict[tuple[int, int], None] = {(number, logic.TRUE): None}
        queue = [(number, logic.TRUE)]
        for at, condition in queue:  # grows while it is walked
            node = self._nodes[at]
            following = [(child, condition) for child in node.all_of]
            for group in (*node.any_of, *node.one_of):
                following += [(child, join((condition, self._node_formulas.of((child,), bit)))) for child in group]
            for test, then, otherwise in node.conditionals:
                holds = self._node_formulas.of((test,), bit)
                following.append((test, join((condition, holds))))
                following.append((then, join((condition, holds, self._node_formulas.of((then,), bit)))))
                fails = self._node_formulas.formulas.negation(holds)
                following.append((otherwise, join((condition, fails, self._node_formulas.of((otherwise,), bit)))))
            if bit == OBJECT:
                for name, child in node.dependent_schemas:
                    here = self._node_formulas.formulas.atom(Atom("has", name=name))
                    following.append((child, join((condition, here, self._node_formulas.of((child,), bit)))))
            for pair in following:
                if pair[1] != logic.FALSE and pair not in found:
                    found[pair] = None
                    queue.append(pair)
        self._found[key] = tuple(found)
        return self._found[key]

    def nodes(self, number: int) -> list[int]:
        """The nodes whose evaluation counts for ``number``, of objects and arrays."""
        pairs = (*self.of(number, OBJECT), *self.of(number, ARRAY))
        return list(dict.fromkeys(node for node, _ in pairs))

    def evaluates_name(self, number: int, text: str, itself: bool) -> bool:
        """Whether a node evaluates the member ``text``; ``itself``: apart from its unevaluatedProperties."""
        node = self._nodes[number]
        if node.additional_present or (not itself and node.unevaluated_properties is not None):
            return True
        if node.properties is not None and text in node.properties:
            return True
        return any(self._leaves.matches(language, text) for language, _ in node.pattern_properties)

    def evaluates_class(self, number: int, alike: NameClass, itself: bool) -> bool:
        """As `evaluates_name`, for unlisted names of a class."""
        node = self._nodes[number]
        if node.additional_present or (not itself and node.unevaluated_properties is not None):
            return True
        return any(language in alike.members for language, _ in node.pattern_properties)

    def evaluates_item(self, number: int, position: int, itself: bool) -> bool:
        """Whether a node evaluates the item at ``position``, contains aside."""
        node = self._nodes[number]
        return position < len(node.prefix) or node.rest_present or (not itself and node.unevaluated_items is not None)
