"""Plain objects: the view of alternatives that only ask.

Purpose: each alternative of a component becomes a track; names, their components and what is required are worked
out once, and the machine does the rest with bits.
Place: above `names` and `keys`; `SchemaSource.expand` asks for views, `object_states` for those that a state becomes.
Cost: about 4 us for each listed name, most of it whether something satisfies its value.
Not taken: a view for each alternative.  Tracks share the names, and a member is read once for all of them.
"""

from __future__ import annotations

from grammarlib.automata.components import ComponentKey, ObjectTrack, ObjectView
from grammarlib.sources.jsonschema.conjunctions import Conjunction
from grammarlib.sources.jsonschema.keys import Key, Keys, narrow_key
from grammarlib.sources.jsonschema.names import KeyClasses, Names
from grammarlib.sources.jsonschema.nodes import TRUE_NODE
from grammarlib.sources.jsonschema.parts import Parts
from grammarlib.sources.jsonschema.values import text_bytes


def object_view(parts: Parts, keys: Keys, alternatives: dict[Conjunction, int]) -> ObjectView | None:
    """The view of alternatives with their labels; None where none of them holds an object."""
    names = parts.names
    live = [(members, label) for members, label in alternatives.items() if _can_require(names, keys, members)]
    if not live:
        return None
    live = parts.alternatives.without_subsumed(live)
    nodes = parts.nodes
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
    listed = tuple(name for name, _ in encoded)
    ranks = tuple(rank for _, rank in encoded)
    predicates = [language for members, _ in live for number in members for language in names.predicates(number)]
    classes = names.classes(predicates)
    child = names.child
    children: list[Key | None]
    others: list[Key | None]
    if len(live) == 1:
        members = live[0][0]
        plain = keys.plain
        children = [plain(child(members, ranked[rank])) for rank in ranks]
        others = [plain(child(members, alike)) for alike in classes]
    else:
        children = [keys.joint([child(members, ranked[rank]) for members, _ in live]) for rank in ranks]
        others = [keys.joint([child(members, alike) for members, _ in live]) for alike in classes]
    index = {ranked[rank]: position for position, rank in enumerate(ranks)}
    tracks = tuple(
        ObjectTrack(label, tuple(sorted(index[name] for name in required)))
        for (_, label), required in zip(live, requirements, strict=True)
    )
    if len(classes) == 1:
        return ObjectView(tracks, listed, tuple(children), others[0], ranks, None)
    texts = tuple(ranked[rank] for rank in ranks)
    return view_with_classes(names, tracks, listed, tuple(children), ranks, KeyClasses(classes, tuple(others), texts))


def _can_require(names: Names, keys: Keys, members: Conjunction) -> bool:
    """Whether every required name of an object alternative can have a value."""
    for requirement in names.requirements(members):
        if requirement is None or not keys.is_satisfiable(requirement):
            return False
    return True


def view_with_classes(
    names: Names,
    tracks: tuple[ObjectTrack, ...],
    listed: tuple[bytes, ...],
    children: tuple[ComponentKey | None, ...],
    ranks: tuple[int, ...],
    others: KeyClasses,
) -> ObjectView:
    """A view whose unlisted names fall into classes."""
    if len(others.classes) == 1:
        return ObjectView(tracks, listed, children, others.children[0], ranks, None)
    live = [alike for alike, child in zip(others.classes, others.children, strict=True) if child is not None]
    rows = names.key_rows(live, others.texts) if live else None
    return ObjectView(tracks, listed, children, None if rows is None else TRUE_NODE, ranks, others, rows)


def class_child(view: ObjectView, label: int) -> ComponentKey | None:
    """The component of an unlisted name of the class ``label``."""
    assert isinstance(view.source, KeyClasses)
    live = [child for child in view.source.children if child is not None]
    return live[(label & -label).bit_length() - 1]


def narrow_object(names: Names, view: ObjectView, keep: int) -> ObjectView:
    """The view with only the tracks of ``keep``."""
    children = tuple(narrow_key(child, keep) for child in view.children)
    tracks = tuple(track if keep >> position & 1 else ObjectTrack(0) for position, track in enumerate(view.tracks))
    if view.keys is not None:
        assert isinstance(view.source, KeyClasses)
        narrowed = tuple(narrow_key(child, keep) for child in view.source.children)
        others = view.source._replace(children=narrowed)
        return view_with_classes(names, tracks, view.names, children, view.ranks, others)
    return ObjectView(tracks, view.names, children, narrow_key(view.other, keep), view.ranks, None)
