"""The strings of a component: sets for each alternative, languages where checks may fail, one leaf for all tracks.

Purpose: `StringSets` turns what conjunctions say of strings into `StringSet` objects and these into a `StringLeaf`.
Where formulas combine checks, it is one language: the Boolean combination of patterns, lengths, formats, constants.
Place: between `node_formulas` and `strings`, which knows sets but no nodes; `SchemaSource.expand` asks for leaves,
`names` for the languages of ``propertyNames``, `satisfiability` whether there is a set at all.
Cost: 3 us for a plain string; automata as in `strings`.
Not taken: one automaton for each check, advanced side by side: negation would need every one of them total.
"""

from __future__ import annotations

from collections.abc import Iterator

from grammarlib.automata.components import StringLeaf
from grammarlib.ir import regex
from grammarlib.sources.jsonschema import formulas as logic
from grammarlib.sources.jsonschema.alternatives import Alternatives
from grammarlib.sources.jsonschema.conjunctions import Conjunction, Conjunctions
from grammarlib.sources.jsonschema.keys import Component
from grammarlib.sources.jsonschema.node_formulas import NodeFormulas
from grammarlib.sources.jsonschema.strings import StringLeaves, StringSet
from grammarlib.sources.jsonschema.values import STRING, Canonical


class StringSets:
    """The strings of one source."""

    def __init__(
        self,
        conjunctions: Conjunctions,
        alternatives: Alternatives,
        node_formulas: NodeFormulas,
        leaves: StringLeaves,
    ) -> None:
        self.node_formulas = node_formulas
        self._conjunctions = conjunctions
        self._alternatives = alternatives
        self._leaves = leaves

    def leaf(self, component: Component) -> StringLeaf | None:
        """The strings of a component; None where it has none."""
        sets: dict[StringSet, int] = {}
        if component.demand is None and not self._conjunctions.any_is_general(component.tracks, STRING):
            for position, conjunction in enumerate(component.tracks):
                if conjunction is not None and self._conjunctions.types(conjunction) & STRING:
                    for text_set in self.of(conjunction):
                        sets[text_set] = sets.get(text_set, 0) | 1 << position
        else:
            wanted = self.node_formulas.labelled(component, STRING)
            if any(self._is_checked(formula) for formula, _ in wanted):
                whole = self._leaves.of_language(regex.union_of(self.bounds(formula)[0] for formula, _ in wanted))
                if whole is None:
                    return None
                return self._leaves.checked_leaf(whole, CheckedTexts(self, tuple(wanted)))
            for formula, label in wanted:
                for text_set in self.of_formula(formula):
                    sets[text_set] = sets.get(text_set, 0) | label
        return self._leaves.leaf(sets) if sets else None

    def of(self, conjunction: Conjunction) -> Iterator[StringSet]:
        """Sets of strings whose union satisfies a conjunction."""
        if self._conjunctions.is_general(conjunction, STRING):
            yield from self.of_formula(self.node_formulas.of(conjunction, STRING))
            return
        nodes = self._conjunctions.nodes
        for members, values, _ in self._alternatives.of(conjunction, STRING):
            found = self._leaves.conjunction([nodes[number] for number in members], values)
            if found is not None:
                yield found

    def of_formula(self, formula: int) -> Iterator[StringSet]:
        """Sets of strings whose union is where ``formula`` (over strings) holds."""
        formulas = self.node_formulas.formulas
        atoms = formulas.atoms(formula)
        nodes = {atom: self.node_formulas.node_of(atom) for atom in atoms}
        if not atoms:
            if formula == logic.TRUE:
                yield StringSet()
            return
        if all(node.values is not None for node in nodes.values()) and not formulas.evaluate(formula, lambda _: False):
            texts = {value for node in nodes.values() for value in node.values or () if isinstance(value, str)}
            holding = {atom: self._leaves.conjunction([node], node.values) for atom, node in nodes.items()}
            members = frozenset(
                text
                for text in texts
                if formulas.evaluate(
                    formula,
                    lambda atom, text=text: (found := holding[atom]) is not None and text in (found.members or ()),  # type: ignore[misc]
                )
            )
            if members:
                yield StringSet(members=members)
            return
        goals = self.node_formulas.goals_without_failures(formula)
        if goals is not None and not self._is_checked(formula):
            for goal in goals:
                chosen = [nodes[atom] for atom in sorted(goal.holds)]
                values: frozenset[Canonical] | None = None
                for node in chosen:
                    if node.values is not None:
                        values = node.values if values is None else values & node.values
                found = self._leaves.conjunction(chosen, values)
                if found is not None:
                    yield found
            return
        found = self._leaves.of_language(self.bounds(formula)[0])
        if found is not None:
            yield found

    def bounds(self, formula: int) -> tuple[regex.Node, regex.Node]:
        """Two languages: where ``formula`` (over strings) may hold, and where it must; equal if nothing is checked."""
        everything = regex.any_text(surrogates=True)
        made = {logic.TRUE: (everything, everything), logic.FALSE: (regex.nothing(), regex.nothing())}
        formulas = self.node_formulas.formulas
        for number in formulas.support(formula):
            if number in made:
                continue
            parts = [made[child] for child in formulas.children[number]]
            kind = formulas.kinds[number]
            if kind == logic.ATOM:
                node = self.node_formulas.node_of(number)
                language = self._leaves.language(self._leaves.conjunction([node], node.values))
                made[number] = (language, regex.nothing() if node.checked else language)
            elif kind == logic.AND:
                made[number] = (
                    regex.intersect(*(may for may, _ in parts)),
                    regex.intersect(*(must for _, must in parts)),
                )
            elif kind == logic.OR:
                made[number] = (regex.union_of(may for may, _ in parts), regex.union_of(must for _, must in parts))
            elif kind == logic.NOT:
                may, must = parts[0]
                made[number] = (regex.difference(everything, must), regex.difference(everything, may))
            else:
                made[number] = (
                    regex.union_of(
                        regex.difference(may, regex.union_of(m for at, (_, m) in enumerate(parts) if at != index))
                        for index, (may, _) in enumerate(parts)
                    ),
                    regex.union_of(
                        regex.difference(must, regex.union_of(m for at, (m, _) in enumerate(parts) if at != index))
                        for index, (_, must) in enumerate(parts)
                    ),
                )
        return made[formula]

    def members(self, found: StringSet, most: int) -> list[str] | None:
        """The texts of a set; None for more than ``most``."""
        return self._leaves.members(found, most)

    def _is_checked(self, formula: int) -> bool:
        """Whether some string of the formula must be checked when it ends."""
        return any(self.node_formulas.node_of(atom).checked for atom in self.node_formulas.formulas.atoms(formula))

    def text_holds(self, atom: int, text: bytes) -> bool:
        """Whether a whole string satisfies a ("string", node) atom."""
        node = self.node_formulas.node_of(atom)
        written = text.decode("utf-8", "surrogatepass")
        found = self._leaves.conjunction([node], node.values)
        if found is None or not self._leaves.matches(self._leaves.language(found), written):
            return False
        return all(check.holds(written) for check in node.checked)


class CheckedTexts:
    """The exit labels of strings that are checked when they end."""

    def __init__(self, sets: StringSets, wanted: tuple[tuple[int, int], ...]) -> None:
        self._sets = sets
        self._wanted = wanted

    def label(self, text: bytes) -> int:
        """The label of a whole string."""
        values = self._sets.node_formulas.formulas.evaluate_all(
            [formula for formula, _ in self._wanted], lambda atom: self._sets.text_holds(atom, text)
        )
        found = 0
        for value, (_, label) in zip(values, self._wanted, strict=True):
            if value:
                found |= label
        return found
