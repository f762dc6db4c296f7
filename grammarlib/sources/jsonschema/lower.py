"""The lazy part of the JSON Schema source: component keys in, expansions out.

Purpose: a *conjunction* is a tuple of schema nodes that apply to one value at once; a component
key is one conjunction for each track.  `SchemaSource.expand` works out what a key allows: for each JSON
type, the alternatives that ``anyOf`` leaves (`alternatives`), and of these the leaf or view.
Place: made by `JsonSchema.lower` from the nodes of `reader`; read by the machine.
Cost: about 1 us for each name of an object view, once for each key.  A conjunction is satisfiable by a local
witness in nearly every case; else by the least fixpoint of its Horn clauses, linear in what they reach.
Not taken: rewriting the schema into a disjoint normal form first.  Contexts are sets of nodes, so
allOf and ``$ref`` cost nothing, recursion closes by itself, and anyOf is expanded only for the type at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal, TypeAlias

from grammarlib.automata.components import (
    ArrayTrack,
    ArrayView,
    ComponentKey,
    ContainerView,
    Expansion,
    KeyRows,
    NumberLeaf,
    NumberSpec,
    ObjectTrack,
    ObjectView,
    PendingView,
    StatusView,
    StringLeaf,
)
from grammarlib.errors import Finding, LimitExceeded, UnsatisfiableSchema
from grammarlib.ir import regex
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import formulas as logic
from grammarlib.sources.jsonschema.array_states import ArrayContext
from grammarlib.sources.jsonschema.disjoint import Exclusions
from grammarlib.sources.jsonschema.formulas import Atom
from grammarlib.sources.jsonschema.numbers import cells, finite_members, merge_specs, number_spec
from grammarlib.sources.jsonschema.object_states import ObjectContext
from grammarlib.sources.jsonschema.reader import FALSE_NODE, FINDINGS, TRUE_NODE, SchemaNode, SchemaReader
from grammarlib.sources.jsonschema.references import pointer_of
from grammarlib.sources.jsonschema.report import SourceFacts, collect_facts
from grammarlib.sources.jsonschema.statuses import (
    PLANS,
    SEARCH,
    Conjunction,
    Context,
    Entry,
    KeyClasses,
    NameClass,
)
from grammarlib.sources.jsonschema.strings import StringLeaves, StringSet
from grammarlib.sources.jsonschema.values import (
    ANY,
    ARRAY,
    BOOLEAN,
    FALSE,
    FALSE_VALUE,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    TRUE_VALUE,
    ArrayValue,
    Canonical,
    ObjectValue,
    text_bytes,
    type_bit,
)

Key: TypeAlias = "int | tuple[Conjunction | None, ...] | Context"
"""A component: one conjunction (or None) for each track; an int is the one track of one node."""

Alternative: TypeAlias = "tuple[Conjunction, frozenset[Canonical] | None, int]"
"""Nodes that constrain the type at hand, the constants that are left or None, the type bits that are left."""

_ANYTHING: Conjunction = (TRUE_NODE,)

_DOMAIN = 40
"""The most values of items that must differ that are followed one by one; more are compared by the machine."""


class SchemaSource:
    """A schema, lowered: a `ComponentSource` with the facts that a compile report needs."""

    def __init__(self, reader: SchemaReader, *, ordered: bool, whitespace: str, limits: Limits) -> None:
        self.whitespace = whitespace
        self._reader = reader
        self._nodes = reader.nodes
        self._ordered = ordered
        self._limits = limits
        self._strings = StringLeaves(limits)
        self._has_cycles = _has_in_place_cycle(reader.nodes)
        self._satisfiable: dict[Conjunction, bool] = {_ANYTHING: True, (FALSE_NODE,): False}
        self._alternatives: dict[tuple[Conjunction, int], tuple[Alternative, ...]] = {}
        self._constants: dict[Canonical, int] = {}
        self._structures: dict[Canonical, int] = {}
        self._expanded = 0
        self.formulas = logic.Formulas()
        self._node_formulas: dict[tuple[int, int], int] = {}
        Exclusions(reader.nodes).settle()
        self._general = _general_types(reader.nodes)
        self._objects: dict[tuple[tuple[Conjunction | None, ...], int, int], ObjectContext] = {}
        self._arrays: dict[tuple[tuple[Conjunction | None, ...], int, int], ArrayContext] = {}
        self._joined: dict[Conjunction, int] = {}
        self._languages: dict[int, regex.Node] = {}
        self._classes: dict[tuple[regex.Node, ...], tuple[NameClass, ...]] = {}
        self._evaluations: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        self._capped: dict[str, None] = {}
        self._facts: SourceFacts | None = None
        if not self.is_satisfiable((reader.root,)):
            raise UnsatisfiableSchema(self._unsatisfiable_finding((reader.root,)))

    @property
    def root(self) -> ComponentKey:
        """The component of the whole text."""
        return self._reader.root

    @property
    def nodes(self) -> list[SchemaNode]:
        """The nodes that literals refer to."""
        return self._nodes

    @property
    def ordered(self) -> bool:
        """Whether listed names come in the order of their ranks."""
        return self._ordered

    @property
    def dead_end_free(self) -> bool:
        """Whether every prefix that masks allow can be completed, as far as contexts were reached."""
        return not self._capped and self._strings.dead_end_free

    @property
    def report_facts(self) -> SourceFacts:
        """Exactness and what was ignored, with JSON pointers; dead ends as far as contexts were reached."""
        if self._facts is None:
            self._facts = collect_facts(self._reader)
        dead_ends = [
            Finding(
                "dead-end",
                "the search for a way out was cut off: some prefix that masks allow may be dead",
                None,
                place,
            )
            for place in self._capped
        ]
        if not self._strings.dead_end_free:
            message = "a pattern is too dear to tell which prefixes can be completed: some that masks allow may be dead"
            dead_ends.append(Finding("dead-end", message, "pattern", ""))
        return replace(self._facts, dead_end_free=not dead_ends, dead_ends=tuple(dead_ends))

    # ---- expansion -----------------------------------------------------------------------

    def expand(self, key: ComponentKey) -> Expansion:
        """What the component allows.  Raises LimitExceeded only."""
        self._expanded += 1
        if self._expanded > self._limits.components:
            raise LimitExceeded("components", self._limits.components, self._expanded)
        always = 0
        demand: tuple[tuple[int, int], ...] | None = None
        conjunctions: tuple[Conjunction | None, ...]
        if isinstance(key, int):
            conjunctions = ((key,),)
        elif isinstance(key, Context):
            conjunctions, demand = key
            always = 1 << len(conjunctions)
        else:
            conjunctions = key  # type: ignore[assignment]
        literals = []
        for bit in (NULL, TRUE, FALSE):
            label = 0
            for position, conjunction in enumerate(conjunctions):
                if conjunction is not None and self._allows_literal(conjunction, bit):
                    label |= 1 << position
            if demand is not None:
                label = label | always if any(label & h == h and not label & f for h, f in demand) else 0
            literals.append(label)
        null, true, false = literals
        return Expansion(
            null,
            true,
            false,
            self._string_leaf(conjunctions, demand, always),
            self._number_leaf(conjunctions, demand, always),
            self._container(conjunctions, demand, always, OBJECT),  # type: ignore[arg-type]
            self._container(conjunctions, demand, always, ARRAY),  # type: ignore[arg-type]
        )

    def _types(self, conjunction: Conjunction) -> int:
        """The types that the literals of a conjunction leave by themselves."""
        types = ANY
        for literal in conjunction:
            if literal >= 0:
                types &= self._nodes[literal].types
        return types

    def _allows_literal(self, conjunction: Conjunction, bit: int) -> bool:
        if not self._types(conjunction) & bit:
            return False
        if self._is_general(conjunction, bit):
            return self.formula(conjunction, bit) == logic.TRUE
        return bool(self.alternatives(conjunction, bit))

    def _labelled(
        self,
        conjunctions: tuple[Conjunction | None, ...],
        demand: tuple[tuple[int, int], ...] | None,
        always: int,
        bit: int,
    ) -> list[tuple[int, int]]:
        """(formula, label): a string or number has the bits of ``label`` where the formula holds; at least one must."""
        met = self._demand_formula(conjunctions, demand, bit)
        wanted = [] if demand is None else [(met, always)]
        for position, conjunction in enumerate(conjunctions):
            if conjunction is not None:
                formula = self.formula(conjunction, bit)
                wanted.append((formula if demand is None else self.formulas.conjunction((met, formula)), 1 << position))
        return [(formula, label) for formula, label in wanted if formula != logic.FALSE]

    def _string_leaf(
        self, conjunctions: tuple[Conjunction | None, ...], demand: tuple[tuple[int, int], ...] | None, always: int
    ) -> StringLeaf | None:
        sets: dict[StringSet, int] = {}
        if demand is None and not any(
            conjunction is not None and self._is_general(conjunction, STRING) for conjunction in conjunctions
        ):
            for position, conjunction in enumerate(conjunctions):
                if conjunction is not None and self._types(conjunction) & STRING:
                    for text_set in self._string_sets(conjunction):
                        sets[text_set] = sets.get(text_set, 0) | 1 << position
        else:
            wanted = self._labelled(conjunctions, demand, always, STRING)
            if any(self._is_checked(formula) for formula, _ in wanted):
                whole = self._strings.of_language(regex.union_of(self._bounds_of(formula)[0] for formula, _ in wanted))
                if whole is None:
                    return None
                return self._strings.checked_leaf(whole, CheckedTexts(self, tuple(wanted)))
            for formula, label in wanted:
                for text_set in self._sets_of(formula):
                    sets[text_set] = sets.get(text_set, 0) | label
        return self._strings.leaf(sets) if sets else None

    def _number_leaf(
        self, conjunctions: tuple[Conjunction | None, ...], demand: tuple[tuple[int, int], ...] | None, always: int
    ) -> NumberLeaf | None:
        specs: dict[NumberSpec, int] = {}
        if demand is None and not any(
            conjunction is not None and self._is_general(conjunction, NUMBER) for conjunction in conjunctions
        ):
            for position, conjunction in enumerate(conjunctions):
                if conjunction is not None and self._types(conjunction) & NUMBER:
                    for spec in self._number_specs(conjunction):
                        specs[spec] = specs.get(spec, 0) | 1 << position
            return NumberLeaf(merge_specs(specs)) if specs else None
        wanted = self._labelled(conjunctions, demand, always, NUMBER)
        if all(self._goals_without_failures(formula) is not None for formula, _ in wanted):
            for formula, label in wanted:
                for spec in self._specs_of(formula):
                    specs[spec] = specs.get(spec, 0) | label
            return NumberLeaf(merge_specs(specs)) if specs else None
        cover = self._specs_of(self.formulas.disjunction(formula for formula, _ in wanted))
        if not cover:
            return None
        table = NumberTable(self, tuple(wanted))
        return NumberLeaf(tuple(replace(spec, label=1) for spec in cover), table.specs, table)

    def _goals_without_failures(self, formula: int) -> tuple[logic.Goal, ...] | None:
        """The goals of a formula where none asks that something fails; else None."""
        goals = self.formulas.goals(formula, PLANS)
        return goals if goals is not None and all(not goal.fails for goal in goals) else None

    def _node_of(self, atom: int) -> SchemaNode:
        """The node of a ("string", node) or ("number", node) atom."""
        return self._nodes[self.formulas.contents[atom].node]

    def _is_checked(self, formula: int) -> bool:
        """Whether some string of the formula must be checked when it ends."""
        return any(self._node_of(atom).checked for atom in self.formulas.atoms(formula))

    def text_holds(self, atom: int, text: bytes) -> bool:
        """Whether a whole string satisfies a ("string", node) atom."""
        node = self._node_of(atom)
        written = text.decode("utf-8", "surrogatepass")
        found = self._strings.conjunction([node], node.values)
        if found is None or not self._strings.matches(self._strings.language(found), written):
            return False
        return all(check.holds(written) for check in node.checked)

    def _demand_formula(
        self, conjunctions: tuple[Conjunction | None, ...], demand: tuple[tuple[int, int], ...] | None, bit: int
    ) -> int:
        """The formula of the exits that are demanded; without a demand, that some track holds."""
        formulas = self.formulas
        tracks = [logic.FALSE if track is None else self.formula(track, bit) for track in conjunctions]
        if demand is None:
            return formulas.disjunction(tracks)
        return formulas.disjunction(
            formulas.conjunction(
                [track for position, track in enumerate(tracks) if holds >> position & 1]
                + [formulas.negation(track) for position, track in enumerate(tracks) if fails >> position & 1]
            )
            for holds, fails in demand
        )

    def _container(
        self,
        conjunctions: tuple[Conjunction | None, ...],
        demand: tuple[tuple[int, int], ...] | None,
        always: int,
        bit: int,
    ) -> ContainerView | None:
        """The objects or arrays of a component, at their beginning."""
        if demand is None and not any(
            conjunction is not None and self._is_general(conjunction, bit) for conjunction in conjunctions
        ):
            found: dict[Conjunction, int] = {}
            label = 1
            try:
                for conjunction in conjunctions:
                    if conjunction is not None and self._types(conjunction) & bit:
                        for members in self._structured(conjunction, bit):
                            found[members] = found.get(members, 0) | label
                    label <<= 1
                if not found:
                    return None
                plain = self._object_view(found) if bit == OBJECT else self._array_view(found)
                if plain != "states":
                    return plain
            except LimitExceeded as error:
                if error.limit != "tracks":
                    raise
        formula = self._demand_formula(conjunctions, demand, bit)
        if formula == logic.FALSE:
            return None
        if bit == OBJECT:
            objects = self._object_context(conjunctions, formula, always)
            return objects.view(objects.start())
        arrays = self._array_context(conjunctions, formula, always)
        return arrays.view(arrays.start())

    def _object_context(self, tracks: tuple[Conjunction | None, ...], demand: int, always: int) -> ObjectContext:
        key = (tracks, demand, always)
        found = self._objects.get(key)
        if found is None:
            found = self._objects[key] = ObjectContext(self, tracks, demand, always)
        return found

    def _array_context(self, tracks: tuple[Conjunction | None, ...], demand: int, always: int) -> ArrayContext:
        key = (tracks, demand, always)
        found = self._arrays.get(key)
        if found is None:
            found = self._arrays[key] = ArrayContext(self, tracks, demand, always)
        return found

    def note_cap(self, literals: Iterable[int]) -> None:
        """A search for a way out was cut off: some prefix may be dead."""
        places = (self._reader.places[literal if literal >= 0 else ~literal] for literal in literals)
        if len(self._capped) < FINDINGS:
            self._capped[next((pointer_of(place) for place in places if place is not None), "")] = None

    # ---- moves of containers

    def other(self, view: ObjectView, label: int) -> ComponentKey | None:
        """The component of an unlisted name of the class ``label``."""
        assert isinstance(view.source, KeyClasses)
        live = [child for child in view.source.children if child is not None]
        return live[(label & -label).bit_length() - 1]

    def select(self, view: StatusView, name: int | None, label: int) -> PendingView | None:
        """What waits for the value of a name."""
        context, state = view.source  # type: ignore[misc]
        found: PendingView | None = context.select(  # type: ignore[has-type]
            state,  # type: ignore[has-type]
            ~context.class_of_label(state, label) if name is None else name,  # type: ignore[has-type]
        )
        return found

    def item(self, view: StatusView) -> PendingView | None:
        """What waits for the next item."""
        context, state = view.source  # type: ignore[misc]
        found: PendingView | None = context.item(state)  # type: ignore[has-type]
        return found

    def finish(self, pending: PendingView, label: int) -> ContainerView | None:
        """The view after a value with the exit ``label``."""
        context, waiting = pending.source  # type: ignore[misc]
        found: ContainerView | None = context.finish(waiting, label)  # type: ignore[has-type]
        return found

    def plans(self, view: StatusView) -> Iterator[tuple[list[tuple[bytes, ComponentKey]], list[ComponentKey]]]:
        """Ways to end the container: names with components, or items."""
        context, state = view.source  # type: ignore[misc]
        for plan in self._plans_from(context, state):  # type: ignore[has-type]
            if not all(self.is_satisfiable(conjunction) for _, _, conjunction in plan):
                continue
            if isinstance(context, ArrayContext):  # type: ignore[has-type]
                yield [], [self.plain_key(conjunction) for _, _, conjunction in plan]
            else:
                yield self._named(context, state, plan), []  # type: ignore[has-type]

    def _plans_from(self, context: ObjectContext | ArrayContext, state: object) -> Iterator[list[Entry]]:
        phase = context.phase(state)  # type: ignore[arg-type]
        for goal in phase.goals:
            budget = [SEARCH]
            for count, plan in enumerate(
                context.plans(state, goal, frozenset(), budget, self.is_satisfiable)  # type: ignore[arg-type]
            ):
                yield plan
                if count >= PLANS:
                    break

    def _named(self, context: ObjectContext, state: object, plan: list[Entry]) -> list[tuple[bytes, ComponentKey]]:
        used: set[str] = set(context.texts)
        named: list[tuple[bytes, ComponentKey]] = []
        for position, number, conjunction in plan:
            if position is not None:
                name = context.texts[position]
            else:
                name = self._fresh_name(context.classes[number], used)
                used.add(name)
            named.append((text_bytes(name), self.plain_key(conjunction)))
        return named

    def _fresh_name(self, members: NameClass, used: set[str]) -> str:
        excluded = regex.union_of(regex.literal(text_bytes(name)) for name in sorted(used))
        rows = self._strings.automaton((regex.difference(members.language, excluded),))
        return rows.shortest_completion(rows.start).decode("utf-8", "surrogatepass")

    def narrow_object(self, view: ObjectView, keep: int) -> ObjectView:
        """The view with only the tracks of ``keep``."""
        children = tuple(_narrow_key(child, keep) for child in view.children)
        tracks = tuple(track if keep >> position & 1 else ObjectTrack(0) for position, track in enumerate(view.tracks))
        if view.keys is not None:
            assert isinstance(view.source, KeyClasses)
            narrowed = tuple(_narrow_key(child, keep) for child in view.source.children)
            return self.object_view(tracks, view.names, children, view.ranks, view.source._replace(children=narrowed))
        return ObjectView(tracks, view.names, children, _narrow_key(view.other, keep), view.ranks, None)

    def narrow_array(self, view: ArrayView, keep: int) -> ArrayView:
        """The view with only the tracks of ``keep``."""
        prefix: list[ComponentKey] = []
        for item in view.prefix:
            kept = _narrow_key(item, keep)
            if kept is None:
                break
            prefix.append(kept)
        rest = _narrow_key(view.rest, keep) if len(prefix) == len(view.prefix) else None
        tracks = tuple(track if keep >> position & 1 else ArrayTrack(0) for position, track in enumerate(view.tracks))
        return ArrayView(tracks, tuple(prefix), rest, view.source, view.unique)

    # ---- leaves --------------------------------------------------------------------------

    def _string_sets(self, conjunction: Conjunction) -> Iterator[StringSet]:
        if self._is_general(conjunction, STRING):
            yield from self._sets_of(self.formula(conjunction, STRING))
            return
        nodes = self._nodes
        for members, values, _ in self.alternatives(conjunction, STRING):
            found = self._strings.conjunction([nodes[number] for number in members], values)
            if found is not None:
                yield found

    def _number_specs(self, conjunction: Conjunction) -> Iterator[NumberSpec]:
        if self._is_general(conjunction, NUMBER):
            yield from self._specs_of(self.formula(conjunction, NUMBER))
            return
        nodes = self._nodes
        for members, values, types in self.alternatives(conjunction, NUMBER):
            spec = number_spec([nodes[number] for number in members], types, values)
            if spec is not None:
                yield spec

    def _sets_of(self, formula: int) -> Iterator[StringSet]:
        """Sets of strings whose union is where ``formula`` (over strings) holds."""
        formulas = self.formulas
        atoms = formulas.atoms(formula)
        nodes = {atom: self._node_of(atom) for atom in atoms}
        if not atoms:
            if formula == logic.TRUE:
                yield StringSet()
            return
        if all(node.values is not None for node in nodes.values()) and not formulas.evaluate(formula, lambda _: False):
            texts = {value for node in nodes.values() for value in node.values or () if isinstance(value, str)}
            holding = {atom: self._strings.conjunction([node], node.values) for atom, node in nodes.items()}
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
        goals = self._goals_without_failures(formula)
        if goals is not None and not self._is_checked(formula):
            for goal in goals:
                chosen = [nodes[atom] for atom in sorted(goal.holds)]
                values: frozenset[Canonical] | None = None
                for node in chosen:
                    if node.values is not None:
                        values = node.values if values is None else values & node.values
                found = self._strings.conjunction(chosen, values)
                if found is not None:
                    yield found
            return
        found = self._strings.of_language(self._bounds_of(formula)[0])
        if found is not None:
            yield found

    def _bounds_of(self, formula: int) -> tuple[regex.Node, regex.Node]:
        """Two languages: where ``formula`` (over strings) may hold, and where it must; equal if nothing is checked."""
        everything = regex.any_text(surrogates=True)
        made = {logic.TRUE: (everything, everything), logic.FALSE: (regex.nothing(), regex.nothing())}
        formulas = self.formulas
        for number in formulas.support(formula):
            if number in made:
                continue
            parts = [made[child] for child in formulas.children[number]]
            kind = formulas.kinds[number]
            if kind == logic.ATOM:
                node = self._node_of(number)
                language = self._strings.language(self._strings.conjunction([node], node.values))
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

    def _specs_of(self, formula: int) -> list[NumberSpec]:
        """Sets of numbers that cover where ``formula`` (over numbers) holds; exactly, if no goal asks for a failure."""
        formulas = self.formulas
        if formula <= logic.FALSE:
            return [NumberSpec(0)] if formula == logic.TRUE else []
        nodes = {atom: self._node_of(atom) for atom in formulas.atoms(formula)}
        goals = self._goals_without_failures(formula)
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

    # ---- objects -------------------------------------------------------------------------

    def _structured(self, conjunction: Conjunction, bit: int) -> Iterator[Conjunction]:
        """The alternatives for objects or arrays, constants turned into nodes; none of the conjunction is general."""
        for members, values, _ in self.alternatives(conjunction, bit):
            if values is None:
                yield members
            else:
                for value in sorted(values, key=repr):  # sets of texts have no order of their own
                    yield self._conjunction((*members, self._structure(value)))

    def _object_view(self, alternatives: dict[Conjunction, int]) -> ObjectView | None:
        live = [(members, label) for members, label in alternatives.items() if self._can_require(members)]
        if not live:
            return None
        live = self._without_subsumed(live)
        nodes = self._nodes
        order: dict[str, None] = {}
        requirements: list[list[str]] = []
        for members, _ in live:
            required: dict[str, None] = {}
            for number in members:
                node = nodes[number]
                if node.properties is not None:
                    order.update(dict.fromkeys(node.properties))
            for number in members:
                required.update(dict.fromkeys(nodes[number].required))
            order.update(required)
            requirements.append(list(required))
        ranked = list(order)
        encoded = sorted((text_bytes(name), rank) for rank, name in enumerate(ranked))
        names = tuple(name for name, _ in encoded)
        ranks = tuple(rank for _, rank in encoded)
        predicates = [
            language for members, _ in live for number in members for language in self.name_predicates(number)
        ]
        classes = self.name_classes(predicates)
        children: list[Key | None]
        others: list[Key | None]
        if len(live) == 1:
            members = live[0][0]
            children = [self._child_key(members, ranked[rank]) for rank in ranks]
            others = [self._child_key(members, alike) for alike in classes]
        else:
            children = [self._joint_key([self._child(members, ranked[rank]) for members, _ in live]) for rank in ranks]
            others = [self._joint_key([self._child(members, alike) for members, _ in live]) for alike in classes]
        index = {ranked[rank]: position for position, rank in enumerate(ranks)}
        tracks = tuple(
            ObjectTrack(label, tuple(sorted(index[name] for name in required)))
            for (_, label), required in zip(live, requirements, strict=True)
        )
        if len(classes) == 1:
            return ObjectView(tracks, names, tuple(children), others[0], ranks, None)
        texts = tuple(ranked[rank] for rank in ranks)
        return self.object_view(tracks, names, tuple(children), ranks, KeyClasses(classes, tuple(others), texts))

    def object_view(
        self,
        tracks: tuple[ObjectTrack, ...],
        names: tuple[bytes, ...],
        children: tuple[ComponentKey | None, ...],
        ranks: tuple[int, ...],
        others: KeyClasses,
    ) -> ObjectView:
        """A view whose unlisted names fall into classes."""
        if len(others.classes) == 1:
            return ObjectView(tracks, names, children, others.children[0], ranks, None)
        live = [alike for alike, child in zip(others.classes, others.children, strict=True) if child is not None]
        keys = self.key_rows(live, others.texts) if live else None
        return ObjectView(tracks, names, children, None if keys is None else TRUE_NODE, ranks, others, keys)

    # ---- names

    def name_predicates(self, number: int) -> list[regex.Node]:
        """The languages of names that tell apart what a node says of a member."""
        node = self._nodes[number]
        found = [language for language, _ in node.pattern_properties]
        if node.property_names != TRUE_NODE:
            found.append(self._name_language(node.property_names))
        return found

    def _name_language(self, number: int) -> regex.Node:
        """The strings that satisfy a node."""
        found = self._languages.get(number)
        if found is None:
            found = self._languages[number] = self._bounds_of(self.formula((number,), STRING))[0]
        return found

    def name_classes(self, predicates: list[regex.Node]) -> tuple[NameClass, ...]:
        """The texts, split by the predicates that hold for them; classes that hold no text are left out."""
        distinct = tuple(dict.fromkeys(predicates))
        found = self._classes.get(distinct)
        if found is None:
            parts = [NameClass(regex.any_text(surrogates=True), frozenset())]
            for predicate in distinct:
                split = []
                for language, members in parts:
                    inside = regex.intersect(language, predicate)
                    if self._strings.is_empty(inside):
                        split.append(NameClass(language, members))
                        continue
                    outside = regex.difference(language, predicate)
                    if not self._strings.is_empty(outside):
                        split.append(NameClass(outside, members))
                    split.append(NameClass(inside, members | {predicate}))
                parts = split
                if len(parts) > self._limits.tracks:
                    raise LimitExceeded("tracks", self._limits.tracks, len(parts), "classes of property names")
            found = self._classes[distinct] = tuple(parts)
        return found

    def key_rows(self, classes: list[NameClass], texts: tuple[str, ...] | list[str]) -> KeyRows | None:
        """The automaton of the unlisted names of ``classes``, one label each; None where there are no such names."""
        languages = []
        for language, members in classes:
            if members:  # the rest is endless behind every prefix, whatever is listed
                listed = [text for text in texts if self._strings.matches(language, text)]
                if listed:
                    listed_language = regex.union_of(regex.literal(text_bytes(text)) for text in listed)
                    language = regex.difference(language, listed_language)
            languages.append(language)
        rows = self._strings.automaton(tuple(languages))
        return None if rows.start < 0 else rows

    def words_of(self, alike: NameClass, most: int) -> list[str] | None:
        """All names of a class, in the order of their bytes; None for more than ``most``."""
        rows = self._strings.automaton((alike.language,))
        if rows.start < 0:
            return []
        words = rows.words(rows.start, most)
        return None if words is None else [word.decode("utf-8", "surrogatepass") for word in words]

    def class_size(self, alike: NameClass, texts: list[str], most: int) -> int:
        """How many unlisted names a class has, or ``most``."""
        rows = self.key_rows([alike], texts)
        if rows is None:
            return 0
        found = rows.word_count(rows.start, most)
        return most if found is None else found

    def name_children(self, number: int, text: str) -> tuple[int, ...] | None:
        """The nodes that a node applies to the member ``text``; None where it refuses it."""
        node = self._nodes[number]
        if node.property_names != TRUE_NODE and not self._strings.matches(
            self._name_language(node.property_names), text
        ):
            return None
        found = []
        covered = False
        if node.properties is not None and text in node.properties:
            covered = True
            found.append(node.properties[text])
        for language, child in node.pattern_properties:
            if self._strings.matches(language, text):
                covered = True
                found.append(child)
        if not covered:
            found.append(node.additional)
        if FALSE_NODE in found:
            return None
        return tuple(child for child in dict.fromkeys(found) if child != TRUE_NODE)

    def class_children(self, number: int, alike: NameClass) -> tuple[int, ...] | None:
        """As `name_children`, for unlisted names of a class."""
        node = self._nodes[number]
        if node.property_names != TRUE_NODE and self._name_language(node.property_names) not in alike.members:
            return None
        found = [child for language, child in node.pattern_properties if language in alike.members]
        if not found:
            found = [node.additional]
        if FALSE_NODE in found:
            return None
        return tuple(child for child in dict.fromkeys(found) if child != TRUE_NODE)

    # ---- what unevaluatedProperties and unevaluatedItems look at

    def evaluations(self, number: int, bit: int) -> tuple[tuple[int, int], ...]:
        """(node, formula): what the node evaluates counts for ``number`` where the formula holds."""
        key = (number, bit)
        known = self._evaluations.get(key)
        if known is not None:
            return known
        join = self.formulas.conjunction
        found: dict[tuple[int, int], None] = {(number, logic.TRUE): None}
        queue = [(number, logic.TRUE)]
        for at, condition in queue:  # grows while it is walked
            node = self._nodes[at]
            following = [(child, condition) for child in node.all_of]
            for group in (*node.any_of, *node.one_of):
                following += [(child, join((condition, self.formula((child,), bit)))) for child in group]
            for test, then, otherwise in node.conditionals:
                holds = self.formula((test,), bit)
                following.append((test, join((condition, holds))))
                following.append((then, join((condition, holds, self.formula((then,), bit)))))
                fails = self.formulas.negation(holds)
                following.append((otherwise, join((condition, fails, self.formula((otherwise,), bit)))))
            if bit == OBJECT:
                for name, child in node.dependent_schemas:
                    here = self.formulas.atom(Atom("has", name=name))
                    following.append((child, join((condition, here, self.formula((child,), bit)))))
            for pair in following:
                if pair[1] != logic.FALSE and pair not in found:
                    found[pair] = None
                    queue.append(pair)
        self._evaluations[key] = tuple(found)
        return self._evaluations[key]

    def evaluating_nodes(self, number: int) -> list[int]:
        """The nodes whose evaluation counts for ``number``, of objects and arrays."""
        pairs = (*self.evaluations(number, OBJECT), *self.evaluations(number, ARRAY))
        return list(dict.fromkeys(node for node, _ in pairs))

    def evaluates_name(self, number: int, text: str, itself: bool) -> bool:
        """Whether a node evaluates the member ``text``; ``itself``: apart from its unevaluatedProperties."""
        node = self._nodes[number]
        if node.additional_present or (not itself and node.unevaluated_properties is not None):
            return True
        if node.properties is not None and text in node.properties:
            return True
        return any(self._strings.matches(language, text) for language, _ in node.pattern_properties)

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

    def _can_require(self, members: Conjunction) -> bool:
        """Whether every required name of an object alternative can have a value."""
        for requirement in self._requirements(members):
            if requirement is None or not self.is_satisfiable(requirement):
                return False
        return True

    def _requirements(self, members: Conjunction) -> Iterator[Conjunction | None]:
        nodes = self._nodes
        for number in members:
            for name in nodes[number].required:
                yield self._child(members, name)

    def _child(self, members: Conjunction, name: str | NameClass) -> Conjunction | None:
        """What applies to the value of ``name`` (a class: of an unlisted name); None where it is refused."""
        nodes = self._nodes
        found: list[int] = []
        listed = isinstance(name, str)
        for number in members:
            node = nodes[number]
            if node.pattern_properties or node.property_names != TRUE_NODE:
                if listed:
                    several = self.name_children(number, name)  # type: ignore[arg-type]
                else:
                    several = self.class_children(number, name)  # type: ignore[arg-type]
                if several is None:
                    return None
                found.extend(several)
                continue
            properties = node.properties
            child = node.additional
            if properties is not None and listed:
                child = properties.get(name, child)  # type: ignore[arg-type]
            if child == FALSE_NODE:
                return None
            if child != TRUE_NODE:
                found.append(child)
        return self._conjunction(found)

    def _child_key(self, members: Conjunction, name: str | NameClass) -> Key | None:
        return self.plain_key(self._child(members, name))

    def plain_key(self, conjunction: Conjunction | None) -> Key | None:
        """The component of one conjunction; None where nothing satisfies it."""
        if conjunction is None or not self.is_satisfiable(conjunction):
            return None
        return conjunction[0] if len(conjunction) == 1 and conjunction[0] >= 0 else (conjunction,)

    def context(self, tracks: tuple[Conjunction, ...], demand: list[tuple[int, int]]) -> Context | None:
        """The component of values whose exits meet ``demand``; None where nothing does."""
        possible = []
        for holds, fails in dict.fromkeys(demand):
            literals: list[int] = []
            for position, track in enumerate(tracks):
                if holds >> position & 1:
                    literals.extend(track)
                elif fails >> position & 1:
                    literals.append(~self.joined(track))
            if self.is_satisfiable(self.conjunction_of(literals)):
                possible.append((holds, fails))
        kept = [
            (holds, fails)
            for holds, fails in possible
            if not any(h | holds == holds and f | fails == fails and (h, f) != (holds, fails) for h, f in possible)
        ]
        if len(tracks) > self._limits.tracks:
            raise LimitExceeded("tracks", self._limits.tracks, len(tracks), "the schema")
        return Context(tracks, tuple(sorted(kept))) if kept else None

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

    def conjunction_of(self, literals: list[int]) -> Conjunction:
        """The conjunction of literals in normal form."""
        kept = [literal for literal in dict.fromkeys(literals) if literal != TRUE_NODE and literal != ~FALSE_NODE]
        if FALSE_NODE in kept or any(~literal in kept for literal in kept):
            return (FALSE_NODE,)
        return self._conjunction(kept)

    def scalar_domain(self, conjunction: Conjunction) -> tuple[Conjunction, ...]:
        """The values that satisfy a conjunction, as constants, where they are few; else nothing."""
        if self._is_general(conjunction, ANY):
            return ()
        found: list[Canonical] = []
        for bit in (NULL, TRUE, FALSE, STRING, NUMBER, OBJECT, ARRAY):
            for _, values, _ in self.alternatives(conjunction, bit):
                if bit in (NULL, TRUE, FALSE):
                    found.append({NULL: None, TRUE: TRUE_VALUE, FALSE: FALSE_VALUE}[bit])
                elif bit == STRING:
                    for text_set in self._string_sets(conjunction):
                        texts = self._strings.members(text_set, _DOMAIN)
                        if texts is None:
                            return ()
                        found += texts
                elif bit == NUMBER:
                    for spec in self._number_specs(conjunction):
                        numbers = finite_members(spec, _DOMAIN)
                        if numbers is None:
                            return ()
                        found += numbers
                elif values is None:
                    return ()
                else:
                    found += sorted(values, key=repr)
        values_found = tuple(dict.fromkeys(found))
        if len(values_found) > _DOMAIN:
            return ()
        return tuple((self._constant(value),) for value in values_found)

    def _joint_key(self, conjunctions: list[Conjunction | None]) -> Key | None:
        key = tuple(c if c is not None and self.is_satisfiable(c) else None for c in conjunctions)
        if len(key) == 1:
            only = key[0]
            return only[0] if only is not None and len(only) == 1 else (None if only is None else key)
        return key if any(c is not None for c in key) else None

    def _conjunction(self, members: list[int] | tuple[int, ...]) -> Conjunction:
        """Normal form: no duplicates; ascending, or in order of appearance where order matters."""
        if not members:
            return _ANYTHING
        if len(members) == 1:
            return (members[0],)
        if self._ordered:
            return tuple(dict.fromkeys(members))
        return tuple(sorted(set(members)))

    # ---- arrays --------------------------------------------------------------------------

    def _array_view(self, alternatives: dict[Conjunction, int]) -> ArrayView | Literal["states"] | None:
        """The view of plain alternatives; "states" where items must differ and a plain view cannot tell."""
        live: list[tuple[Conjunction, int]] = []
        bounds: dict[Conjunction, tuple[int, int | None, int]] = {}
        for members, label in alternatives.items():
            shape = self._array_shape(members)
            if shape is not None:
                live.append((members, label))
                bounds[members] = shape
        if not live:
            return None
        live = self._without_subsumed(live)
        unique = any(self._nodes[number].unique_items for members, _ in live for number in members)
        if unique and (len(live) > 1 or self._differ_among_few(live[0][0])):
            return "states"
        length = 0
        for members, _ in live:
            _, maximum, prefix_length = bounds[members]
            length = max(length, prefix_length if maximum is None else min(prefix_length, maximum))
        keys: list[Key | None] = []
        for position in range(length + 1):
            items: list[Conjunction | None] = []
            for members, _ in live:
                maximum = bounds[members][1]
                items.append(self._item(members, position) if maximum is None or position < maximum else None)
            keys.append(self._joint_key(items))
        rest = keys.pop()
        if None in keys:
            keys = keys[: keys.index(None)]
            rest = None
        while keys and rest is not None and keys[-1] == rest:
            keys.pop()
        tracks = tuple(ArrayTrack(label, bounds[members][0], bounds[members][1]) for members, label in live)
        return ArrayView(tracks, tuple(key for key in keys if key is not None), rest, None, unique)

    def _differ_among_few(self, members: Conjunction) -> bool:
        """Whether the items of an alternative, which must differ, come from few values."""
        _, maximum, prefix_length = self._array_counts(members)
        if maximum is not None and maximum <= 1:
            return False
        positions = prefix_length + 1 if maximum is None else min(prefix_length + 1, maximum)
        items = [self._item(members, position) for position in range(positions)]
        return any(item is not None and self.scalar_domain(item) for item in items)

    def _item(self, members: Conjunction, position: int) -> Conjunction | None:
        nodes = self._nodes
        found: list[int] = []
        for number in members:
            node = nodes[number]
            child = node.prefix[position] if position < len(node.prefix) else node.rest
            if child == FALSE_NODE:
                return None
            if child != TRUE_NODE:
                found.append(child)
        return self._conjunction(found)

    def _array_counts(self, members: Conjunction) -> tuple[int, int | None, int]:
        """minItems, maxItems and the longest prefix of an array alternative."""
        minimum = prefix_length = 0
        maximum: int | None = None
        for number in members:
            node = self._nodes[number]
            minimum = max(minimum, node.minimum_items)
            if node.maximum_items is not None and (maximum is None or node.maximum_items < maximum):
                maximum = node.maximum_items
            prefix_length = max(prefix_length, len(node.prefix))
        return minimum, maximum, prefix_length

    def _array_shape(self, members: Conjunction) -> tuple[int, int | None, int] | None:
        """As `_array_counts`, ``maximum`` lowered to the first position that nothing satisfies; None if empty."""
        minimum, maximum, prefix_length = self._array_counts(members)
        for position in range(prefix_length + 1):
            if maximum is not None and position >= maximum:
                break
            item = self._item(members, position)
            if item is None or not self.is_satisfiable(item):
                maximum = position
                break
        return None if maximum is not None and minimum > maximum else (minimum, maximum, prefix_length)

    def _without_subsumed(self, live: list[tuple[Conjunction, int]]) -> list[tuple[Conjunction, int]]:
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
                where = pointer_of(self._reader.places[live[0][0][0]]) if live[0][0] else ""
                raise LimitExceeded("tracks", self._limits.tracks, len(live), where or "the schema")
        return live

    # ---- constants -----------------------------------------------------------------------

    def _constant(self, value: Canonical) -> int:
        """The number of a node that allows exactly this value."""
        number = self._constants.get(value)
        if number is None:
            node = SchemaNode()
            node.values = frozenset((value,))
            node.types = type_bit(value)
            number = self._constants[value] = self._reader.new_node(node, None)
        return number

    def _structure(self, value: Canonical) -> int:
        """The number of a closed object or array node that allows exactly this value."""
        number = self._structures.get(value)
        if number is None:
            node = SchemaNode()
            if isinstance(value, ObjectValue):
                node.types = node.constrains = OBJECT
                node.properties = {name: self._constant(member) for name, member in value.ordered}
                node.required = tuple(node.properties)
                node.additional = FALSE_NODE
            else:
                assert isinstance(value, ArrayValue)
                node.types = node.constrains = ARRAY
                node.prefix = tuple(self._constant(item) for item in value.items)
                node.rest = FALSE_NODE
                node.minimum_items = len(value.items)
            number = self._structures[value] = self._reader.new_node(node, None)
        return number

    # ---- alternatives --------------------------------------------------------------------

    def alternatives(self, conjunction: Conjunction, bit: int) -> tuple[Alternative, ...]:
        """The plain conjunctions whose union is ``conjunction`` for values of the types of ``bit``.

        ``bit`` is one type (`NUMBER` counts as one).  In-place applicators are followed, anyOf is
        distributed; the least solution is meant where references run in a circle.
        """
        key = (conjunction, bit)
        found = self._alternatives.get(key)
        if found is None:
            found = self._alternatives[key] = self._find_alternatives(conjunction, bit)
        return found

    def _find_alternatives(self, conjunction: Conjunction, bit: int) -> tuple[Alternative, ...]:
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
                where = pointer_of(self._reader.places[conjunction[0]]) or "the schema"
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
            members = self._conjunction(partial.relevant) if partial.relevant else ()
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

    # ---- satisfiability ------------------------------------------------------------------

    def is_satisfiable(self, conjunction: Conjunction) -> bool:
        """Whether some value belongs to every member.  Exact; remembered."""
        known = self._satisfiable.get(conjunction)
        if known is not None:
            return known
        if self._has_witness(conjunction):
            self._satisfiable[conjunction] = True
            return True
        return self._solve(conjunction)

    def _has_witness(self, conjunction: Conjunction) -> bool:
        """A cheap sufficient test: some type is open, without looking at any child."""
        nodes = self._nodes
        types = ANY
        constrains = 0
        for number in conjunction:
            if number < 0:
                return False
            node = nodes[number]
            if node.in_place or node.values is not None:
                return False
            types &= node.types
            constrains |= node.constrains
        if types & (NULL | BOOLEAN) or types & ~constrains:
            return True
        if types & OBJECT and not any(
            nodes[number].required or nodes[number].minimum_properties for number in conjunction
        ):
            return True
        return bool(types & ARRAY) and not any(
            nodes[number].minimum_items or nodes[number].contains for number in conjunction
        )

    def _solve(self, start: Conjunction) -> bool:
        """The least fixpoint: a conjunction is satisfiable if all that one of its clauses asks for is."""
        known = self._satisfiable
        waiting: dict[Conjunction, list[list[int]]] = {}  # what is asked for -> clauses [missing, owner]
        queue: list[Conjunction] = [start]
        seen = {start}
        proven: list[Conjunction] = []
        owners: list[Conjunction] = []
        for conjunction in queue:  # grows while it is walked
            clauses: list[list[Conjunction]] = []
            for clause in self._clauses(conjunction):
                missing = self._missing(clause)
                if missing is None:
                    continue
                if not missing:
                    proven.append(conjunction)
                    known[conjunction] = True
                    break
                clauses.append(missing)
            else:
                for missing in clauses:
                    counter = [len(missing), len(owners)]
                    for requirement in missing:
                        waiting.setdefault(requirement, []).append(counter)
                        if requirement not in seen:
                            seen.add(requirement)
                            queue.append(requirement)
                owners.append(conjunction)
        while proven:
            for counter in waiting.get(proven.pop(), ()):
                counter[0] -= 1
                owner = owners[counter[1]]
                if counter[0] == 0 and owner not in known:
                    known[owner] = True
                    proven.append(owner)
        for conjunction in queue:
            known.setdefault(conjunction, False)
        return known[start]

    def _missing(self, clause: list[Conjunction | None]) -> list[Conjunction] | None:
        """What of a clause is not known to be satisfiable; None where it cannot hold."""
        known = self._satisfiable
        missing: dict[Conjunction, None] = {}
        for requirement in clause:
            if requirement is None:
                return None
            status = known.get(requirement)
            if status is None:
                if self._has_witness(requirement):
                    known[requirement] = True
                else:
                    missing[requirement] = None
            elif not status:
                return None
        return list(missing)

    def _clauses(self, conjunction: Conjunction) -> Iterator[list[Conjunction | None]]:
        """What must be satisfiable for a value of some shape to exist, cheapest first."""
        types = self._types(conjunction)
        for bit in (NULL, TRUE, FALSE):
            if self._allows_literal(conjunction, bit):
                yield []
        if types & NUMBER:
            for _ in self._number_specs(conjunction):
                yield []
        if types & STRING:
            for _ in self._string_sets(conjunction):
                yield []
        for bit in (ARRAY, OBJECT):
            if types & bit:
                yield from self._container_clauses(conjunction, bit)

    def _container_clauses(self, conjunction: Conjunction, bit: int) -> Iterator[list[Conjunction | None]]:
        """`_clauses` for objects or arrays."""
        general = self._is_general(conjunction, bit)
        if not general and bit == ARRAY:
            general = any(
                self._nodes[number].unique_items for members in self._structured(conjunction, bit) for number in members
            )
        if general:
            formula = self.formula(conjunction, bit)
            if formula == logic.FALSE:
                return
            context: ObjectContext | ArrayContext
            if bit == OBJECT:
                context = self._object_context((conjunction,), formula, 0)
            else:
                context = self._array_context((conjunction,), formula, 0)
            start = context.start()
            known = self._satisfiable
            for goal in context.phase(start).goals:  # type: ignore[arg-type]
                budget = [SEARCH]
                count = 0
                for plan in context.plans(
                    start,  # type: ignore[arg-type]
                    goal,
                    frozenset(),
                    budget,
                    lambda entry: known.get(entry) is not False,
                ):
                    yield [entry for _, _, entry in plan]
                    count += 1
                    if count >= PLANS:
                        break
                if budget[0] <= 0 or count >= PLANS:
                    self.note_cap(conjunction)
                    yield []
            return
        if bit == OBJECT:
            for members in self._structured(conjunction, OBJECT):
                yield list(self._requirements(members))
            return
        for members in self._structured(conjunction, ARRAY):
            minimum, maximum, prefix_length = self._array_counts(members)
            if maximum is None or minimum <= maximum:
                yield [self._item(members, position) for position in range(min(minimum, prefix_length + 1))]

    # ---- formulas

    def _is_general(self, conjunction: Conjunction, bit: int) -> bool:
        """Whether alternatives cannot tell what a conjunction says of a type."""
        general = self._general
        return any(literal < 0 or general.get(literal, 0) & bit for literal in conjunction)

    def formula(self, conjunction: Conjunction, bit: int) -> int:
        """What a conjunction says of values of the types of ``bit``, as a formula over atoms.

        See `Atom` for what these are.
        """
        formulas = self.formulas
        if not self._types(conjunction) & bit:
            return logic.FALSE
        parts = []
        for literal in conjunction:
            if literal >= 0:
                parts.append(self._node_formula(literal, bit))
            else:
                parts.append(formulas.negation(self._node_formula(~literal, bit)))
        return formulas.conjunction(parts)

    def _node_formula(self, number: int, bit: int) -> int:
        known = self._node_formulas
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
                for child in _all_in_place_children(node, bit):
                    if (child, bit) not in known:
                        if child in open_nodes:
                            continue  # references in a circle: nothing is ever derived
                        missing = child
                        break
                if missing is not None:
                    trail.append(missing)
                    open_nodes.add(missing)
                    continue
            known[at, bit] = self._one_formula(at, node, bit)
            trail.pop()
            open_nodes.discard(at)
        return known[number, bit]

    def _one_formula(self, number: int, node: SchemaNode, bit: int) -> int:
        """The formula of a node whose in-place children have theirs (those that do not are false)."""
        formulas = self.formulas
        if not node.types & bit:
            return logic.FALSE
        parts = self._own_formulas(number, node, bit)
        if node.in_place:
            known = self._node_formulas

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

    def _own_formulas(self, number: int, node: SchemaNode, bit: int) -> list[int]:
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
            parts.append(formulas.disjunction(self._node_formula(self._structure(value), bit) for value in structures))
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

    def _unsatisfiable_finding(self, conjunction: Conjunction) -> Finding:
        """Say why nothing satisfies ``conjunction``, following the first requirement that fails."""
        trail: list[str] = []
        seen: set[Conjunction] = set()
        reason = ""
        while conjunction not in seen:
            seen.add(conjunction)
            step = self._failing_requirement(conjunction)
            if step is None:
                if len(conjunction) == 1 and conjunction[0] == FALSE_NODE:
                    reason = "the schema is false, or its references only lead back to it"
                else:
                    reason = "the keywords contradict each other and leave no value"
                break
            name, following = step
            trail.append(name)
            if following is None:
                reason = "it is required and refused"
                break
            conjunction = following
        else:
            reason = "it would have to contain itself without end"
        where = "nothing satisfies the schema"
        if trail:
            where = "nothing satisfies the schema: " + " -> ".join(trail)
        place = self._reader.places[conjunction[0]]
        return Finding(code="unsatisfiable", message=f"{where}: {reason}", pointer=pointer_of(place))

    def _failing_requirement(self, conjunction: Conjunction) -> tuple[str, Conjunction | None] | None:
        for members in self._structured(conjunction, OBJECT):
            for number in members:
                for name in self._nodes[number].required:
                    child = self._child(members, name)
                    if child is None or not self.is_satisfiable(child):
                        return f"required name {name!r}", child
        for members in self._structured(conjunction, ARRAY):
            minimum, _, prefix_length = self._array_counts(members)
            for position in range(min(minimum, prefix_length + 1)):
                item = self._item(members, position)
                if item is None or not self.is_satisfiable(item):
                    return f"item {position}", item
        return None


class NumberTable:
    """The exit labels of numbers, by the atoms that hold."""

    def __init__(self, source: SchemaSource, wanted: tuple[tuple[int, int], ...]) -> None:
        self._source = source
        self._formulas = source.formulas
        self._wanted = wanted
        atoms = dict.fromkeys(atom for formula, _ in wanted for atom in source.formulas.atoms(formula))
        specs = {}
        for atom in atoms:
            node = source._node_of(atom)
            spec = number_spec([node], node.types, node.values)
            if spec is not None:
                specs[atom] = spec
        self._bits = {atom: 1 << position for position, atom in enumerate(specs)}
        self.specs = tuple(specs.values())
        self._labels: dict[int, int] = {}

    def cut_off(self) -> None:
        """Some prefix of a number may be dead."""
        self._source.note_cap(())

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


class CheckedTexts:
    """The exit labels of strings that are checked when they end."""

    def __init__(self, source: SchemaSource, wanted: tuple[tuple[int, int], ...]) -> None:
        self._source = source
        self._wanted = wanted

    def label(self, text: bytes) -> int:
        """The label of a whole string."""
        values = self._source.formulas.evaluate_all(
            [formula for formula, _ in self._wanted], lambda atom: self._source.text_holds(atom, text)
        )
        found = 0
        for value, (_, label) in zip(values, self._wanted, strict=True):
            if value:
                found |= label
        return found


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


def _general_types(nodes: list[SchemaNode]) -> dict[int, int]:
    """For each node that `SchemaSource.alternatives` cannot handle, the types of values where that is so."""
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
        if (
            node.minimum_properties
            or node.maximum_properties is not None
            or node.dependent_required
            or node.unevaluated_properties not in (None, TRUE_NODE)
        ):
            bits |= OBJECT
        if node.contains or node.unevaluated_items not in (None, TRUE_NODE):
            bits |= ARRAY
        if node.checked:
            bits |= STRING
        if bits:
            found[number] = bits
    changed = bool(found)
    while changed:
        changed = False
        for number in reversed(in_place):
            bits = known = found.get(number, 0)
            for child in _all_in_place_children(nodes[number], ANY):
                bits |= found.get(child, 0)
            if bits != known:
                found[number] = bits
                changed = True
    return found


def _all_in_place_children(node: SchemaNode, bit: int) -> list[int]:
    """The nodes that a node applies in place to values of the types of ``bit``."""
    found = [*node.all_of, *node.negated]
    for group in (*node.any_of, *node.one_of):
        found.extend(group)
    for conditional in node.conditionals:
        found.extend(conditional)
    if bit & OBJECT:
        found.extend(child for _, child in node.dependent_schemas)
    return found


def _narrow_key(key: ComponentKey | None, keep: int) -> Key | None:
    if key is None:
        return None
    if isinstance(key, int | Context):
        return key if keep & 1 else None
    assert isinstance(key, tuple)
    narrowed = tuple(part if keep >> position & 1 else None for position, part in enumerate(key))
    return narrowed if any(part is not None for part in narrowed) else None


def _has_in_place_cycle(nodes: list[SchemaNode]) -> bool:
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
