"""What nodes say of a value, as formulas over its checks.

Purpose: where a check may fail and the value still be right (oneOf, not, if, dependent schemas), alternatives do
not tell what a conjunction says.  `NodeFormulas` says it for one type of values, as a formula over *atoms* (`Atom`).
Place: above `conjunctions` and `formulas`; strings, numbers and `statuses` ask it.
Cost: about 6 us for each node and type, once.
Not taken: recursion over the nodes, which would go as deep as a schema nests.
"""

from __future__ import annotations

from typing import Final

from grammarlib.sources.jsonschema import formulas as logic
from grammarlib.sources.jsonschema.conjunctions import Conjunction, Conjunctions, in_place_children
from grammarlib.sources.jsonschema.formulas import Atom
from grammarlib.sources.jsonschema.keys import Component
from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE, SchemaNode
from grammarlib.sources.jsonschema.values import (
    FALSE,
    FALSE_VALUE,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    TRUE_VALUE,
    Canonical,
    type_bit,
)

GOALS: Final = 64
"""The most goals of a string or number that become sets one by one."""


class NodeFormulas:
    """The formulas of one source, by node and type."""

    def __init__(self, conjunctions: Conjunctions) -> None:
        self.formulas = logic.Formulas()
        self._conjunctions = conjunctions
        self._nodes = conjunctions.nodes
        self._known: dict[tuple[int, int], int] = {}

    def of(self, conjunction: Conjunction, bit: int) -> int:
        """What a conjunction says of values of the types of ``bit``, as a formula over atoms.

        See `Atom` for what these are.
        """
        formulas = self.formulas
        if not self._conjunctions.types(conjunction) & bit:
            return logic.FALSE
        parts = []
        for literal in conjunction:
            if literal >= 0:
                parts.append(self._of_node(literal, bit))
            else:
                parts.append(formulas.negation(self._of_node(~literal, bit)))
        return formulas.conjunction(parts)

    # ---- components

    def demanded(self, component: Component, bit: int) -> int:
        """The formula of the exits that are demanded; without a demand, that some track holds."""
        formulas = self.formulas
        tracks = [logic.FALSE if track is None else self.of(track, bit) for track in component.tracks]
        if component.demand is None:
            return formulas.disjunction(tracks)
        return formulas.disjunction(
            formulas.conjunction(
                [track for position, track in enumerate(tracks) if holds >> position & 1]
                + [formulas.negation(track) for position, track in enumerate(tracks) if fails >> position & 1]
            )
            for holds, fails in component.demand
        )

    def labelled(self, component: Component, bit: int) -> list[tuple[int, int]]:
        """(formula, label): a string or number has the bits of ``label`` where the formula holds; at least one must."""
        met = self.demanded(component, bit)
        is_plain = component.demand is None
        wanted = [] if is_plain else [(met, component.always)]
        for position, conjunction in enumerate(component.tracks):
            if conjunction is not None:
                formula = self.of(conjunction, bit)
                wanted.append((formula if is_plain else self.formulas.conjunction((met, formula)), 1 << position))
        return [(formula, label) for formula, label in wanted if formula != logic.FALSE]

    # ---- strings and numbers

    def goals_without_failures(self, formula: int) -> tuple[logic.Goal, ...] | None:
        """The goals of a formula where none asks that something fails; else None."""
        goals = self.formulas.goals(formula, GOALS)
        return goals if goals is not None and all(not goal.fails for goal in goals) else None

    def node_of(self, atom: int) -> SchemaNode:
        """The node of a ("string", node) or ("number", node) atom."""
        return self._nodes[self.formulas.contents[atom].node]

    # ---- nodes

    def _of_node(self, number: int, bit: int) -> int:
        known = self._known
        found = known.get((number, bit))
        if found is not None:
            return found
        trail = [number]
        open_nodes = {number}
        while trail:
            at = trail[-1]
            node = self._nodes[at]
            if node.in_place and node.types & bit:
                missing = None
                for child in in_place_children(node, bit):
                    if (child, bit) not in known:
                        if child in open_nodes:
                            continue  # references in a circle: nothing is ever derived
                        missing = child
                        break
                if missing is not None:
                    trail.append(missing)
                    open_nodes.add(missing)
                    continue
            known[at, bit] = self._made(at, node, bit)
            trail.pop()
            open_nodes.discard(at)
        return known[number, bit]

    def _made(self, number: int, node: SchemaNode, bit: int) -> int:
        """The formula of a node whose in-place children have theirs (those that do not are false)."""
        formulas = self.formulas
        if not node.types & bit:
            return logic.FALSE
        parts = self._own(number, node, bit)
        if node.in_place:
            known = self._known

            def child(at: int) -> int:
                return known.get((at, bit), logic.FALSE)

            parts += [child(at) for at in node.all_of]
            parts += [formulas.disjunction(map(child, group)) for group in node.any_of]
            parts += [formulas.exactly_one(map(child, group)) for group in node.one_of]
            parts += [formulas.negation(child(at)) for at in node.negated]
            for test, then, otherwise in node.conditionals:
                holds = child(test)
                parts.append(
                    formulas.conjunction(
                        (
                            formulas.disjunction((formulas.negation(holds), child(then))),
                            formulas.disjunction((holds, child(otherwise))),
                        )
                    )
                )
            if bit == OBJECT:
                for name, at in node.dependent_schemas:
                    here = formulas.atom(Atom("has", name=name))
                    parts.append(formulas.disjunction((formulas.negation(here), child(at))))
        return formulas.conjunction(parts)

    def _own(self, number: int, node: SchemaNode, bit: int) -> list[int]:
        """What the keywords of a node that look at the value itself say."""
        formulas = self.formulas
        values = node.values
        if bit in (NULL, TRUE, FALSE):
            if values is None:
                return []
            constant: Canonical = {NULL: None, TRUE: TRUE_VALUE, FALSE: FALSE_VALUE}[bit]
            return [] if constant in values else [logic.FALSE]
        if values is not None and not any(type_bit(value) & bit for value in values):
            return [logic.FALSE]
        if bit == STRING:
            return [formulas.atom(Atom("string", number))] if values is not None or node.constrains & STRING else []
        if bit == NUMBER:
            if values is not None or node.constrains & NUMBER or node.types & NUMBER != NUMBER:
                return [formulas.atom(Atom("number", number))]
            return []
        parts = []
        if values is not None:
            structures = sorted((value for value in values if type_bit(value) & bit), key=repr)
            parts.append(
                formulas.disjunction(self._of_node(self._conjunctions.structure(value), bit) for value in structures)
            )
        if not node.constrains & bit:
            return parts
        if bit == OBJECT:
            if (
                node.properties is not None
                or node.pattern_properties
                or node.additional != TRUE_NODE
                or node.property_names != TRUE_NODE
            ):
                parts.append(formulas.atom(Atom("properties", number)))
            parts += [formulas.atom(Atom("has", name=name)) for name in node.required]
            if node.minimum_properties:
                parts.append(formulas.atom(Atom("count", least=node.minimum_properties)))
            if node.maximum_properties is not None:
                parts.append(formulas.negation(formulas.atom(Atom("count", least=node.maximum_properties + 1))))
            for name, others in node.dependent_required:
                together = formulas.conjunction(formulas.atom(Atom("has", name=other)) for other in others)
                parts.append(formulas.disjunction((formulas.negation(formulas.atom(Atom("has", name=name))), together)))
            if node.unevaluated_properties not in (None, TRUE_NODE):
                parts.append(formulas.atom(Atom("unevaluated", number)))
            return parts
        if node.prefix or node.rest != TRUE_NODE:
            parts.append(formulas.atom(Atom("items", number)))
        if node.minimum_items:
            parts.append(formulas.atom(Atom("count", least=node.minimum_items)))
        if node.maximum_items is not None:
            parts.append(formulas.negation(formulas.atom(Atom("count", least=node.maximum_items + 1))))
        for child, least, most in node.contains:
            if least:
                parts.append(self._contains(child, least))
            if most is not None:
                parts.append(formulas.negation(self._contains(child, most + 1)))
        if node.unique_items:
            parts.append(formulas.atom(Atom("unique")))
        if node.unevaluated_items not in (None, TRUE_NODE):
            parts.append(formulas.atom(Atom("unevaluated", number)))
        return parts

    def _contains(self, child: int, least: int) -> int:
        """At least ``least`` items satisfy ``child``."""
        if child == FALSE_NODE:
            return logic.FALSE
        return self.formulas.atom(
            Atom("count", least=least) if child == TRUE_NODE else Atom("contains", child, least=least)
        )
