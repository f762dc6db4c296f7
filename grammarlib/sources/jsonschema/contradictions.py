"""Why nothing satisfies a schema, as a finding.

Purpose: `UnsatisfiableSchema` says where: the trail of required names and items up to the one that has no value.
Place: `SchemaSource` asks once, when the root turns out to be unsatisfiable.
Cost: a walk along one trail.
Not taken: a smallest set of keywords that contradict each other, which takes as many proofs as there are keywords.
"""

from __future__ import annotations

from collections.abc import Callable

from grammarlib.errors import Finding
from grammarlib.sources.jsonschema.array_views import counts_of, item_of
from grammarlib.sources.jsonschema.conjunctions import NOTHING, Conjunction
from grammarlib.sources.jsonschema.parts import Parts
from grammarlib.sources.jsonschema.values import ARRAY, OBJECT


def contradiction(parts: Parts, is_satisfiable: Callable[[Conjunction], bool], conjunction: Conjunction) -> Finding:
    """Say why nothing satisfies ``conjunction``, following the first requirement that fails."""
    trail: list[str] = []
    seen: set[Conjunction] = set()
    reason = ""
    while conjunction not in seen:
        seen.add(conjunction)
        step = _failing_requirement(parts, is_satisfiable, conjunction)
        if step is None:
            if conjunction == NOTHING:
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
    return Finding(
        code="unsatisfiable", message=f"{where}: {reason}", pointer=parts.conjunctions.pointer(conjunction[0])
    )


def _failing_requirement(
    parts: Parts, is_satisfiable: Callable[[Conjunction], bool], conjunction: Conjunction
) -> tuple[str, Conjunction | None] | None:
    """The first required name or item of an alternative that has no value, and what it would have to satisfy."""
    for members in parts.alternatives.structured(conjunction, OBJECT):
        for number in members:
            for name in parts.nodes[number].required:
                child = parts.names.child(members, name)
                if child is None or not is_satisfiable(child):
                    return f"required name {name!r}", child
    for members in parts.alternatives.structured(conjunction, ARRAY):
        minimum, _, prefix_length = counts_of(parts.nodes, members)
        for position in range(min(minimum, prefix_length + 1)):
            item = item_of(parts.conjunctions, members, position)
            if item is None or not is_satisfiable(item):
                return f"item {position}", item
    return None
