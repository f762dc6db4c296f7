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

from collections.abc import Iterator
from typing import TypeAlias

from grammarlib.automata.components import (
    ArrayTrack,
    ArrayView,
    ComponentKey,
    Expansion,
    NumberLeaf,
    NumberSpec,
    ObjectTrack,
    ObjectView,
)
from grammarlib.errors import Finding, LimitExceeded, UnsatisfiableSchema
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.numbers import merge_specs, number_spec
from grammarlib.sources.jsonschema.reader import FALSE_NODE, TRUE_NODE, SchemaNode, SchemaReader
from grammarlib.sources.jsonschema.references import pointer_of
from grammarlib.sources.jsonschema.report import SourceFacts, collect_facts
from grammarlib.sources.jsonschema.strings import StringLeaves, StringSet
from grammarlib.sources.jsonschema.values import (
    ANY,
    ARRAY,
    BOOLEAN,
    FALSE,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    ArrayValue,
    Canonical,
    ObjectValue,
    text_bytes,
    type_bit,
)

Conjunction: TypeAlias = tuple[int, ...]
"""Numbers of nodes that apply to one value; ``(TRUE_NODE,)`` where nothing is asked."""

Key: TypeAlias = "int | tuple[Conjunction | None, ...]"
"""A component: one conjunction (or None) for each track; an int is the one track of one node."""

Alternative: TypeAlias = "tuple[Conjunction, frozenset[Canonical] | None, int]"
"""Nodes that constrain the type at hand, the constants that are left or None, the type bits that are left."""

_ANYTHING: Conjunction = (TRUE_NODE,)


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
        self._facts: SourceFacts | None = None
        if not self.is_satisfiable((reader.root,)):
            raise UnsatisfiableSchema(self._unsatisfiable_finding((reader.root,)))

    @property
    def root(self) -> ComponentKey:
        """The component of the whole text."""
        return self._reader.root

    @property
    def ordered(self) -> bool:
        """Whether listed names come in the order of their ranks."""
        return self._ordered

    @property
    def report_facts(self) -> SourceFacts:
        """Exactness and what was ignored, with JSON pointers; worked out when first asked for."""
        if self._facts is None:
            self._facts = collect_facts(self._reader)
        return self._facts

    # ---- expansion -----------------------------------------------------------------------

    def expand(self, key: ComponentKey) -> Expansion:
        """What the component allows.  Raises LimitExceeded only."""
        self._expanded += 1
        if self._expanded > self._limits.components:
            raise LimitExceeded("components", self._limits.components, self._expanded)
        conjunctions: tuple[Conjunction | None, ...] = ((key,),) if isinstance(key, int) else key  # type: ignore[assignment]
        null = true = false = 0
        strings: dict[StringSet, int] = {}
        numbers: dict[NumberSpec, int] = {}
        objects: dict[Conjunction, int] = {}
        arrays: dict[Conjunction, int] = {}
        nodes = self._nodes
        label = 1
        for conjunction in conjunctions:
            if conjunction is not None:
                types = ANY
                for number in conjunction:
                    types &= nodes[number].types
                if types & NULL and self.alternatives(conjunction, NULL):
                    null |= label
                if types & TRUE and self.alternatives(conjunction, TRUE):
                    true |= label
                if types & FALSE and self.alternatives(conjunction, FALSE):
                    false |= label
                if types & STRING:
                    for text_set in self._string_sets(conjunction):
                        strings[text_set] = strings.get(text_set, 0) | label
                if types & NUMBER:
                    for spec in self._number_specs(conjunction):
                        numbers[spec] = numbers.get(spec, 0) | label
                if types & OBJECT:
                    for members in self._structured(conjunction, OBJECT):
                        objects[members] = objects.get(members, 0) | label
                if types & ARRAY:
                    for members in self._structured(conjunction, ARRAY):
                        arrays[members] = arrays.get(members, 0) | label
            label <<= 1
        return Expansion(
            null,
            true,
            false,
            self._strings.leaf(strings) if strings else None,
            NumberLeaf(merge_specs(numbers)) if numbers else None,
            self._object_view(objects) if objects else None,
            self._array_view(arrays) if arrays else None,
        )

    def narrow_object(self, view: ObjectView, keep: int) -> ObjectView:
        """The view with only the tracks of ``keep``."""
        children = tuple(_narrow_key(child, keep) for child in view.children)
        tracks = tuple(track if keep >> position & 1 else ObjectTrack(0) for position, track in enumerate(view.tracks))
        return ObjectView(tracks, view.names, children, _narrow_key(view.other, keep), view.ranks, view.source)

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
        return ArrayView(tracks, tuple(prefix), rest, view.source)

    # ---- leaves --------------------------------------------------------------------------

    def _string_sets(self, conjunction: Conjunction) -> Iterator[StringSet]:
        nodes = self._nodes
        for members, values, _ in self.alternatives(conjunction, STRING):
            found = self._strings.conjunction([nodes[number] for number in members], values)
            if found is not None:
                yield found

    def _number_specs(self, conjunction: Conjunction) -> Iterator[NumberSpec]:
        nodes = self._nodes
        for members, values, types in self.alternatives(conjunction, NUMBER):
            spec = number_spec([nodes[number] for number in members], types, values)
            if spec is not None:
                yield spec

    # ---- objects -------------------------------------------------------------------------

    def _structured(self, conjunction: Conjunction, bit: int) -> Iterator[Conjunction]:
        """The alternatives for objects or arrays, constants turned into nodes."""
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
        children: list[Key | None]
        if len(live) == 1:
            members = live[0][0]
            children = [self._child_key(members, ranked[rank]) for rank in ranks]
            other = self._child_key(members, None)
        else:
            children = [self._joint_key([self._child(members, ranked[rank]) for members, _ in live]) for rank in ranks]
            other = self._joint_key([self._child(members, None) for members, _ in live])
        index = {ranked[rank]: position for position, rank in enumerate(ranks)}
        tracks = tuple(
            ObjectTrack(label, tuple(sorted(index[name] for name in required)))
            for (_, label), required in zip(live, requirements, strict=True)
        )
        return ObjectView(tracks, names, tuple(children), other, ranks, None)

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

    def _child(self, members: Conjunction, name: str | None) -> Conjunction | None:
        """What applies to the value of ``name`` (None: of an unlisted name); None where it is refused."""
        nodes = self._nodes
        found: list[int] = []
        for number in members:
            node = nodes[number]
            properties = node.properties
            child = node.additional
            if properties is not None and name is not None:
                child = properties.get(name, child)
            if child == FALSE_NODE:
                return None
            if child != TRUE_NODE:
                found.append(child)
        return self._conjunction(found)

    def _child_key(self, members: Conjunction, name: str | None) -> Key | None:
        conjunction = self._child(members, name)
        if conjunction is None or not self.is_satisfiable(conjunction):
            return None
        return conjunction[0] if len(conjunction) == 1 else (conjunction,)

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

    def _array_view(self, alternatives: dict[Conjunction, int]) -> ArrayView | None:
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
        return ArrayView(tracks, tuple(key for key in keys if key is not None), rest, None)

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
            node = nodes[number]
            if node.in_place or node.values is not None:
                return False
            types &= node.types
            constrains |= node.constrains
        if types & (NULL | BOOLEAN) or types & ~constrains:
            return True
        if types & OBJECT and not any(nodes[number].required for number in conjunction):
            return True
        return bool(types & ARRAY) and not any(nodes[number].minimum_items for number in conjunction)

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
        for bit in (NULL, TRUE, FALSE):
            if self.alternatives(conjunction, bit):
                yield []
        for _ in self._number_specs(conjunction):
            yield []
        for _ in self._string_sets(conjunction):
            yield []
        for members in self._structured(conjunction, ARRAY):
            minimum, maximum, prefix_length = self._array_counts(members)
            if maximum is None or minimum <= maximum:
                yield [self._item(members, position) for position in range(min(minimum, prefix_length + 1))]
        for members in self._structured(conjunction, OBJECT):
            yield list(self._requirements(members))

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


def _narrow_key(key: ComponentKey | None, keep: int) -> Key | None:
    if key is None:
        return None
    if isinstance(key, int):
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
