"""The numbers of a component: specs for each alternative, or a table of exit labels where checks may fail.

Purpose: `NumberSets` turns what conjunctions say of numbers into `NumberSpec` objects and these into a `NumberLeaf`.
Where some check has to fail, specs only cover the right numbers, and a `NumberTable` tells the exit label at the end.
Place: between `node_formulas` and `numbers`, which knows specs but no formulas; `SchemaSource.expand` asks for leaves,
`satisfiability` whether there is a spec at all.
Cost: 7 us for a plain number; a table grows with the sets of checks that numbers meet.
Not taken: cutting the number line for every component; a union of specs needs no cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grammarlib.automata.components import NumberLeaf, NumberSpec
from grammarlib.sources.jsonschema import formulas as logic
from grammarlib.sources.jsonschema.alternatives import Alternatives
from grammarlib.sources.jsonschema.conjunctions import Conjunction, Conjunctions
from grammarlib.sources.jsonschema.keys import Component
from grammarlib.sources.jsonschema.node_formulas import NodeFormulas
from grammarlib.sources.jsonschema.numbers import cells, merge_specs, number_spec
from grammarlib.sources.jsonschema.report import DeadEnds
from grammarlib.sources.jsonschema.values import ANY, NUMBER, Canonical


class NumberSets:
    """The numbers of one source."""

    def __init__(
        self,
        conjunctions: Conjunctions,
        alternatives: Alternatives,
        node_formulas: NodeFormulas,
        dead_ends: DeadEnds,
    ) -> None:
        self._conjunctions = conjunctions
        self._alternatives = alternatives
        self._node_formulas = node_formulas
        self._dead_ends = dead_ends

    def leaf(self, component: Component) -> NumberLeaf | None:
        """The numbers of a component; None where it has none."""
        specs: dict[NumberSpec, int] = {}
        if component.demand is None and not self._conjunctions.any_is_general(component.tracks, NUMBER):
            for position, conjunction in enumerate(component.tracks):
                if conjunction is not None and self._conjunctions.types(conjunction) & NUMBER:
                    for spec in self.of(conjunction):
                        specs[spec] = specs.get(spec, 0) | 1 << position
            return NumberLeaf(merge_specs(specs)) if specs else None
        wanted = self._node_formulas.labelled(component, NUMBER)
        if all(self._node_formulas.goals_without_failures(formula) is not None for formula, _ in wanted):
            for formula, label in wanted:
                for spec in self.of_formula(formula):
                    specs[spec] = specs.get(spec, 0) | label
            return NumberLeaf(merge_specs(specs)) if specs else None
        cover = self.of_formula(self._node_formulas.formulas.disjunction(formula for formula, _ in wanted))
        if not cover:
            return None
        table = NumberTable(self._node_formulas, self._dead_ends, tuple(wanted))
        return NumberLeaf(tuple(replace(spec, label=1) for spec in cover), table.specs, table)

    def of(self, conjunction: Conjunction) -> Iterator[NumberSpec]:
        """Sets of numbers whose union satisfies a conjunction, or covers what does where some check has to fail."""
        if self._conjunctions.is_general(conjunction, NUMBER):
            yield from self.of_formula(self._node_formulas.of(conjunction, NUMBER))
            return
        nodes = self._conjunctions.nodes
        for members, values, types in self._alternatives.of(conjunction, NUMBER):
            spec = number_spec([nodes[number] for number in members], types, values)
            if spec is not None:
                yield spec

    def of_formula(self, formula: int) -> list[NumberSpec]:
        """Sets of numbers that cover where ``formula`` (over numbers) holds; exactly, if no goal asks for a failure."""
        formulas = self._node_formulas.formulas
        if formula <= logic.FALSE:
            return [NumberSpec(0)] if formula == logic.TRUE else []
        nodes = {atom: self._node_formulas.node_of(atom) for atom in formulas.atoms(formula)}
        goals = self._node_formulas.goals_without_failures(formula)
        if goals is not None:
            specs = []
            for goal in goals:
                chosen = [nodes[atom] for atom in sorted(goal.holds)]
                types = ANY
                values: frozenset[Canonical] | None = None
                for node in chosen:
                    types &= node.types
                    if node.values is not None:
                        values = node.values if values is None else values & node.values
                spec = number_spec(chosen, types, values) if types & NUMBER else None
                if spec is not None:
                    specs.append(spec)
            return specs
        single = {atom: number_spec([node], node.types, node.values) for atom, node in nodes.items()}
        return cells(single, lambda truth: bool(formulas.evaluate(formula, truth.__getitem__)))


class NumberTable:
    """The exit labels of numbers, by the atoms that hold."""

    def __init__(self, node_formulas: NodeFormulas, dead_ends: DeadEnds, wanted: tuple[tuple[int, int], ...]) -> None:
        self._dead_ends = dead_ends
        self._formulas = node_formulas.formulas
        self._wanted = wanted
        atoms = dict.fromkeys(atom for formula, _ in wanted for atom in node_formulas.formulas.atoms(formula))
        specs = {}
        for atom in atoms:
            node = node_formulas.node_of(atom)
            spec = number_spec([node], node.types, node.values)
            if spec is not None:
                specs[atom] = spec
        self._bits = {atom: 1 << position for position, atom in enumerate(specs)}
        self.specs = tuple(specs.values())
        self._labels: dict[int, int] = {}

    def cut_off(self) -> None:
        """Some prefix of a number may be dead."""
        self._dead_ends.note(())

    def label(self, bits: int) -> int:
        """The label of a number in exactly the specs of ``bits``."""
        found = self._labels.get(bits)
        if found is None:
            values = self._formulas.evaluate_all(
                [formula for formula, _ in self._wanted], lambda atom: bool(bits & self._bits.get(atom, 0))
            )
            found = 0
            for value, (_, label) in zip(values, self._wanted, strict=True):
                if value:
                    found |= label
            self._labels[bits] = found
        return found
