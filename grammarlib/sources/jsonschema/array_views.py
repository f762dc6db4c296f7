"""Plain arrays: the view of alternatives that only ask, and what is known of items.

Purpose: each alternative of a component becomes a track with its bounds; the components of items are worked out by
position, up to the longest prefix.  Where items must differ and come from few values, a plain view cannot tell.
Place: above `keys` and the sets of strings and numbers; `SchemaSource.expand` asks for views, `array_states` and
`satisfiability` for items and domains.
Cost: about 4 us for each position of a prefix, most of it whether something satisfies the item; 1 us for each value
of a domain.
Not taken: domains of objects and arrays that are not constants, which would need all combinations of their members.
"""

from __future__ import annotations

from typing import Final, Literal

from grammarlib.automata.components import ArrayTrack, ArrayView, ComponentKey
from grammarlib.sources.jsonschema.conjunctions import Conjunction, Conjunctions
from grammarlib.sources.jsonschema.keys import Key, Keys, narrow_key
from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE, SchemaNode
from grammarlib.sources.jsonschema.numbers import finite_members
from grammarlib.sources.jsonschema.parts import Parts
from grammarlib.sources.jsonschema.values import (
    ANY,
    ARRAY,
    FALSE,
    FALSE_VALUE,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    TRUE_VALUE,
    Canonical,
)

DOMAIN: Final = 40
"""The most values of items that must differ that are followed one by one; more are compared by the machine."""


def array_view(parts: Parts, keys: Keys, alternatives: dict[Conjunction, int]) -> ArrayView | Literal["states"] | None:
    """The view of plain alternatives; "states" where items must differ and a plain view cannot tell."""
    live: list[tuple[Conjunction, int]] = []
    bounds: dict[Conjunction, tuple[int, int | None, int]] = {}
    for members, label in alternatives.items():
        shape = _shape(parts, keys, members)
        if shape is not None:
            live.append((members, label))
            bounds[members] = shape
    if not live:
        return None
    live = parts.alternatives.without_subsumed(live)
    unique = any(parts.nodes[number].unique_items for members, _ in live for number in members)
    if unique and (len(live) > 1 or _differ_among_few(parts, live[0][0])):
        return "states"
    length = 0
    for members, _ in live:
        _, maximum, prefix_length = bounds[members]
        length = max(length, prefix_length if maximum is None else min(prefix_length, maximum))
    found: list[Key | None] = []
    for position in range(length + 1):
        items: list[Conjunction | None] = []
        for members, _ in live:
            maximum = bounds[members][1]
            items.append(
                item_of(parts.conjunctions, members, position) if maximum is None or position < maximum else None
            )
        found.append(keys.joint(items))
    rest = found.pop()
    if None in found:
        found = found[: found.index(None)]
        rest = None
    while found and rest is not None and found[-1] == rest:
        found.pop()
    tracks = tuple(ArrayTrack(label, bounds[members][0], bounds[members][1]) for members, label in live)
    return ArrayView(tracks, tuple(key for key in found if key is not None), rest, None, unique)


def _differ_among_few(parts: Parts, members: Conjunction) -> bool:
    """Whether the items of an alternative, which must differ, come from few values."""
    _, maximum, prefix_length = counts_of(parts.nodes, members)
    if maximum is not None and maximum <= 1:
        return False
    positions = prefix_length + 1 if maximum is None else min(prefix_length + 1, maximum)
    items = [item_of(parts.conjunctions, members, position) for position in range(positions)]
    return any(item is not None and scalar_domain(parts, item) for item in items)


def item_of(conjunctions: Conjunctions, members: Conjunction, position: int) -> Conjunction | None:
    """What applies to the item at ``position`` of an alternative; None where it is refused."""
    nodes = conjunctions.nodes
    found: list[int] = []
    for number in members:
        node = nodes[number]
        child = node.prefix[position] if position < len(node.prefix) else node.rest
        if child == FALSE_NODE:
            return None
        if child != TRUE_NODE:
            found.append(child)
    return conjunctions.normal_form(found)


def counts_of(nodes: list[SchemaNode], members: Conjunction) -> tuple[int, int | None, int]:
    """minItems, maxItems and the longest prefix of an array alternative."""
    minimum = prefix_length = 0
    maximum: int | None = None
    for number in members:
        node = nodes[number]
        minimum = max(minimum, node.minimum_items)
        if node.maximum_items is not None and (maximum is None or node.maximum_items < maximum):
            maximum = node.maximum_items
        prefix_length = max(prefix_length, len(node.prefix))
    return minimum, maximum, prefix_length


def _shape(parts: Parts, keys: Keys, members: Conjunction) -> tuple[int, int | None, int] | None:
    """As `counts_of`, ``maximum`` lowered to the first position that nothing satisfies; None if empty."""
    minimum, maximum, prefix_length = counts_of(parts.nodes, members)
    for position in range(prefix_length + 1):
        if maximum is not None and position >= maximum:
            break
        item = item_of(parts.conjunctions, members, position)
        if item is None or not keys.is_satisfiable(item):
            maximum = position
            break
    return None if maximum is not None and minimum > maximum else (minimum, maximum, prefix_length)


def scalar_domain(parts: Parts, conjunction: Conjunction) -> tuple[Conjunction, ...]:
    """The values that satisfy a conjunction, as constants, where they are few; else nothing."""
    if parts.conjunctions.is_general(conjunction, ANY):
        return ()
    found: list[Canonical] = []
    for bit in (NULL, TRUE, FALSE, STRING, NUMBER, OBJECT, ARRAY):
        for _, values, _ in parts.alternatives.of(conjunction, bit):
            if bit in (NULL, TRUE, FALSE):
                found.append({NULL: None, TRUE: TRUE_VALUE, FALSE: FALSE_VALUE}[bit])
            elif bit == STRING:
                for text_set in parts.strings.of(conjunction):
                    texts = parts.strings.members(text_set, DOMAIN)
                    if texts is None:
                        return ()
                    found += texts
            elif bit == NUMBER:
                for spec in parts.numbers.of(conjunction):
                    numbers = finite_members(spec, DOMAIN)
                    if numbers is None:
                        return ()
                    found += numbers
            elif values is None:
                return ()
            else:
                found += sorted(values, key=repr)
    values_found = tuple(dict.fromkeys(found))
    if len(values_found) > DOMAIN:
        return ()
    return tuple((parts.conjunctions.constant(value),) for value in values_found)


def narrow_array(view: ArrayView, keep: int) -> ArrayView:
    """The view with only the tracks of ``keep``."""
    prefix: list[ComponentKey] = []
    for item in view.prefix:
        kept = narrow_key(item, keep)
        if kept is None:
            break
        prefix.append(kept)
    rest = narrow_key(view.rest, keep) if len(prefix) == len(view.prefix) else None
    tracks = tuple(track if keep >> position & 1 else ArrayTrack(0) for position, track in enumerate(view.tracks))
    return ArrayView(tracks, tuple(prefix), rest, view.source, view.unique)
