"""Conjunctions: the sets of nodes that apply to one value at once, and the nodes that are made for them.

Purpose: a *conjunction* is a tuple of literals, the numbers of nodes that must hold or ``~`` of those that must not.
`Conjunctions` brings them into a normal form, so that equal ones share what is worked out, and numbers new
nodes where a constant, or a whole conjunction, has to stand where one node is expected.
Place: the lowest part of the lazy side, right above `nodes`; every other part asks it.
Cost: about 1 us for each call; one pass over the nodes when a source is made.
Not taken: frozensets.  With ``order="schema"`` the order of the members decides the order of the names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE, SchemaNode
from grammarlib.sources.jsonschema.reader import SchemaReader
from grammarlib.sources.jsonschema.references import pointer_of
from grammarlib.sources.jsonschema.values import (
    ANY,
    ARRAY,
    OBJECT,
    STRING,
    ArrayValue,
    Canonical,
    ObjectValue,
    type_bit,
)

Conjunction: TypeAlias = tuple[int, ...]
"""Literals that apply to one value: the number of a node that must hold, or ``~`` of one that must not.

``(TRUE_NODE,)`` where nothing is asked.
"""

ANYTHING: Final[Conjunction] = (TRUE_NODE,)

NOTHING: Final[Conjunction] = (FALSE_NODE,)


class Conjunctions:
    """The conjunctions of one source; numbers nodes that no schema spells out."""

    def __init__(self, reader: SchemaReader, *, ordered: bool) -> None:
        self.nodes = reader.nodes
        self.ordered = ordered
        self._reader = reader
        self._general = _general_types(reader.nodes)
        self._constants: dict[Canonical, int] = {}
        self._structures: dict[Canonical, int] = {}
        self._joined: dict[Conjunction, int] = {}

    def pointer(self, number: int) -> str:
        """Where a node stands in the schema; empty for the root and for nodes that were made here."""
        return pointer_of(self._reader.places[number])

    # ---- what is known without looking into applicators

    def types(self, conjunction: Conjunction) -> int:
        """The types that the literals of a conjunction leave by themselves."""
        types = ANY
        for literal in conjunction:
            if literal >= 0:
                types &= self.nodes[literal].types
        return types

    def is_general(self, conjunction: Conjunction, bit: int) -> bool:
        """Whether alternatives cannot tell what a conjunction says of a type."""
        return self.any_is_general((conjunction,), bit)

    def any_is_general(self, tracks: Iterable[Conjunction | None], bit: int) -> bool:
        """Whether that is so for some track."""
        # Asked four times for each component: 0.16 us, 0.51 us with any() (timeit, one node; AMD EPYC).
        general = self._general
        for conjunction in tracks:
            if conjunction is not None:
                for literal in conjunction:
                    if literal < 0 or general.get(literal, 0) & bit:
                        return True
        return False

    # ---- the normal form

    def normal_form(self, members: list[int] | tuple[int, ...]) -> Conjunction:
        """Normal form: no duplicates; ascending, or in order of appearance where order matters."""
        if not members:
            return ANYTHING
        if len(members) == 1:
            return (members[0],)
        if self.ordered:
            return tuple(dict.fromkeys(members))
        return tuple(sorted(set(members)))

    def of(self, literals: list[int]) -> Conjunction:
        """The conjunction of literals in normal form."""
        kept = [literal for literal in dict.fromkeys(literals) if literal != TRUE_NODE and literal != ~FALSE_NODE]
        if FALSE_NODE in kept or any(~literal in kept for literal in kept):
            return NOTHING
        return self.normal_form(kept)

    # ---- nodes that are made here

    def joined(self, conjunction: Conjunction) -> int:
        """One node that says the same as a conjunction."""
        if len(conjunction) == 1 and conjunction[0] >= 0:
            return conjunction[0]
        number = self._joined.get(conjunction)
        if number is None:
            node = SchemaNode()
            node.all_of = tuple(literal for literal in conjunction if literal >= 0)
            node.negated = tuple(~literal for literal in conjunction if literal < 0)
            node.in_place = True
            number = self._joined[conjunction] = self._reader.new_node(node, None)
            general = ANY if node.negated else 0
            for literal in node.all_of:
                general |= self._general.get(literal, 0)
            if general:
                self._general[number] = general
        return number

    def constant(self, value: Canonical) -> int:
        """The number of a node that allows exactly this value."""
        number = self._constants.get(value)
        if number is None:
            node = SchemaNode()
            node.values = frozenset((value,))
            node.types = type_bit(value)
            number = self._constants[value] = self._reader.new_node(node, None)
        return number

    def structure(self, value: Canonical) -> int:
        """The number of a closed object or array node that allows exactly this value."""
        number = self._structures.get(value)
        if number is None:
            node = SchemaNode()
            if isinstance(value, ObjectValue):
                node.types = node.constrains = OBJECT
                node.properties = {name: self.constant(member) for name, member in value.ordered}
                node.required = tuple(node.properties)
                node.additional = FALSE_NODE
            else:
                assert isinstance(value, ArrayValue)
                node.types = node.constrains = ARRAY
                node.prefix = tuple(self.constant(item) for item in value.items)
                node.rest = FALSE_NODE
                node.minimum_items = len(value.items)
            number = self._structures[value] = self._reader.new_node(node, None)
        return number


def _general_types(nodes: list[SchemaNode]) -> dict[int, int]:
    """For each node that `Alternatives` cannot handle, the types of values where that is so."""
    found: dict[int, int] = {}
    in_place = []
    for number, node in enumerate(nodes):
        bits = 0
        if node.in_place:
            in_place.append(number)
            if node.one_of or node.negated or node.conditionals:
                bits = ANY
            elif node.dependent_schemas:
                bits = OBJECT
        constrains = node.constrains
        if constrains & OBJECT and (
            node.minimum_properties
            or node.maximum_properties is not None
            or node.dependent_required
            or node.unevaluated_properties not in (None, TRUE_NODE)
        ):
            bits |= OBJECT
        if constrains & ARRAY and (node.contains or node.unevaluated_items not in (None, TRUE_NODE)):
            bits |= ARRAY
        if constrains & STRING and node.checked:
            bits |= STRING
        if bits:
            found[number] = bits
    changed = bool(found)
    while changed:
        changed = False
        for number in reversed(in_place):
            bits = known = found.get(number, 0)
            for child in in_place_children(nodes[number], ANY):
                bits |= found.get(child, 0)
            if bits != known:
                found[number] = bits
                changed = True
    return found


def in_place_children(node: SchemaNode, bit: int) -> list[int]:
    """The nodes that a node applies in place to values of the types of ``bit``."""
    found = [*node.all_of, *node.negated]
    for group in (*node.any_of, *node.one_of):
        found.extend(group)
    for conditional in node.conditionals:
        found.extend(conditional)
    if bit & OBJECT:
        found.extend(child for _, child in node.dependent_schemas)
    return found
