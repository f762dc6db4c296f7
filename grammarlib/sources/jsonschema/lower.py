"""The lazy part of the JSON Schema source: component keys in, expansions out.

Purpose: `SchemaSource.expand` works out what a key allows: for each JSON type, the leaf or view of what its tracks
leave.  The moves of containers whose outcome is open are handed on to their contexts.
Place: made by `JsonSchema.lower` from the nodes of `reader`; read by the machine.  It asks the leaves and names of
`parts`, the plain views, `satisfiability` and the contexts that this keeps.
Cost: about 4 us for each name of an object view and position of an array view, 3 to 7 us for a leaf, once for each key.
Not taken: expanding a schema when it is compiled.  Contexts are sets of nodes, so that allOf and ``$ref`` cost
nothing, recursion closes by itself, and what no text reaches is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grammarlib.automata.components import (
    ArrayView,
    ComponentKey,
    ContainerView,
    Expansion,
    ObjectView,
    PendingView,
    StatusView,
)
from grammarlib.errors import LimitExceeded, UnsatisfiableSchema
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import formulas as logic
from grammarlib.sources.jsonschema.array_states import ArrayContext
from grammarlib.sources.jsonschema.array_views import array_view, narrow_array
from grammarlib.sources.jsonschema.conjunctions import Conjunction
from grammarlib.sources.jsonschema.contradictions import contradiction
from grammarlib.sources.jsonschema.keys import Component, component_of
from grammarlib.sources.jsonschema.object_states import ObjectContext
from grammarlib.sources.jsonschema.object_views import class_child, narrow_object, object_view
from grammarlib.sources.jsonschema.parts import Parts
from grammarlib.sources.jsonschema.reader import SchemaReader
from grammarlib.sources.jsonschema.report import SourceFacts, collect_facts
from grammarlib.sources.jsonschema.satisfiability import Satisfiability
from grammarlib.sources.jsonschema.statuses import PLANS, SEARCH, Entry
from grammarlib.sources.jsonschema.values import ARRAY, FALSE, NULL, OBJECT, TRUE, text_bytes


class SchemaSource:
    """A schema, lowered: a `ComponentSource` with the facts that a compile report needs."""

    def __init__(self, reader: SchemaReader, *, ordered: bool, whitespace: str, limits: Limits) -> None:
        self.whitespace = whitespace
        self._reader = reader
        self._ordered = ordered
        self._limits = limits
        self._expanded = 0
        self._facts: SourceFacts | None = None
        self._parts = Parts(reader, ordered=ordered, limits=limits)
        self._satisfiability = Satisfiability(self._parts)
        self._keys = self._satisfiability.keys()
        root = (reader.root,)
        if not self._satisfiability.is_satisfiable(root):
            raise UnsatisfiableSchema(contradiction(self._parts, self._satisfiability.is_satisfiable, root))

    @property
    def root(self) -> ComponentKey:
        """The component of the whole text."""
        return self._reader.root

    @property
    def ordered(self) -> bool:
        """Whether listed names come in the order of their ranks."""
        return self._ordered

    @property
    def dead_end_free(self) -> bool:
        """Whether every prefix that masks allow can be completed, as far as contexts were reached."""
        return self._parts.dead_ends.is_empty

    @property
    def report_facts(self) -> SourceFacts:
        """Exactness and what was ignored, with JSON pointers; dead ends as far as contexts were reached."""
        if self._facts is None:
            self._facts = collect_facts(self._reader)
        dead_ends = self._parts.dead_ends.findings()
        return replace(self._facts, dead_end_free=not dead_ends, dead_ends=dead_ends)

    # ---- expansion

    def expand(self, key: ComponentKey) -> Expansion:
        """What the component allows.  Raises LimitExceeded only."""
        self._expanded += 1
        if self._expanded > self._limits.components:
            raise LimitExceeded("components", self._limits.components, self._expanded)
        component = component_of(key)
        tracks, demand, always = component
        types_of = self._parts.conjunctions.types
        open_tracks = [(index, track, types_of(track)) for index, track in enumerate(tracks) if track is not None]
        literals = []
        for bit in (NULL, TRUE, FALSE):
            label = 0
            for index, track, types in open_tracks:
                if types & bit and self._satisfiability.allows_literal(track, bit):
                    label |= 1 << index
            if demand is not None:
                label = label | always if any(label & h == h and not label & f for h, f in demand) else 0
            literals.append(label)
        null, true, false = literals
        return Expansion(
            null,
            true,
            false,
            self._parts.strings.leaf(component),
            self._parts.numbers.leaf(component),
            self._container(component, OBJECT),  # type: ignore[arg-type]
            self._container(component, ARRAY),  # type: ignore[arg-type]
        )

    def _container(self, component: Component, bit: int) -> ContainerView | None:
        """The objects or arrays of a component, at their beginning."""
        parts, keys, tracks = self._parts, self._keys, component.tracks
        if component.demand is None and not parts.conjunctions.any_is_general(tracks, bit):
            found: dict[Conjunction, int] = {}
            label = 1
            try:
                for conjunction in tracks:
                    if conjunction is not None and parts.conjunctions.types(conjunction) & bit:
                        for members in parts.alternatives.structured(conjunction, bit):
                            found[members] = found.get(members, 0) | label
                    label <<= 1
                if not found:
                    return None
                plain = object_view(parts, keys, found) if bit == OBJECT else array_view(parts, keys, found)
                if plain != "states":
                    return plain
            except LimitExceeded as error:
                if error.limit != "tracks":
                    raise
        formula = parts.node_formulas.demanded(component, bit)
        if formula == logic.FALSE:
            return None
        if bit == OBJECT:
            objects = self._satisfiability.object_context(tracks, formula, component.always)
            return objects.view(objects.start())
        arrays = self._satisfiability.array_context(tracks, formula, component.always)
        return arrays.view(arrays.start())

    # ---- moves of containers

    def other(self, view: ObjectView, label: int) -> ComponentKey | None:
        """The component of an unlisted name of the class ``label``."""
        return class_child(view, label)

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
            if not all(self._satisfiability.is_satisfiable(conjunction) for _, _, conjunction in plan):
                continue
            if isinstance(context, ArrayContext):  # type: ignore[has-type]
                yield [], [self._keys.plain(conjunction) for _, _, conjunction in plan]
            else:
                yield self._named(context, state, plan), []  # type: ignore[has-type]

    def _plans_from(self, context: ObjectContext | ArrayContext, state: object) -> Iterator[list[Entry]]:
        phase = context.phase(state)  # type: ignore[arg-type]
        for goal in phase.goals:
            budget = [SEARCH]
            for count, plan in enumerate(
                context.plans(state, goal, frozenset(), budget, self._satisfiability.is_satisfiable)  # type: ignore[arg-type]
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
                name = self._parts.names.fresh(context.classes[number], used)
                used.add(name)
            named.append((text_bytes(name), self._keys.plain(conjunction)))
        return named

    def narrow_object(self, view: ObjectView, keep: int) -> ObjectView:
        """The view with only the tracks of ``keep``."""
        return narrow_object(self._parts.names, view, keep)

    def narrow_array(self, view: ArrayView, keep: int) -> ArrayView:
        """The view with only the tracks of ``keep``."""
        return narrow_array(view, keep)
