"""Names of members: which nodes apply to the value of a name, and which unlisted names are alike.

Purpose: names that no ``properties`` list fall into classes by the patterns (``patternProperties``, ``propertyNames``)
that hold for them.  `Names` splits them, makes their automata, and says what applies to a member of either kind.
Place: above `string_sets`; `object_views`, `object_states` and `satisfiability` ask it.
Cost: about 1 us for each listed name; classes and automata once for each set of patterns.
Not taken: classes by what applies to the value.  Two patterns with one schema would have to be compared first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from grammarlib.automata.components import ComponentKey, KeyRows
from grammarlib.errors import LimitExceeded
from grammarlib.ir import regex
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.conjunctions import Conjunction, Conjunctions
from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE
from grammarlib.sources.jsonschema.string_sets import StringSets
from grammarlib.sources.jsonschema.strings import StringLeaves
from grammarlib.sources.jsonschema.values import STRING, text_bytes


class NameClass(NamedTuple):
    """Names that are alike for the keywords in play: their language, and those of the keywords' languages that hold."""

    language: regex.Node
    members: frozenset[regex.Node]


class KeyClasses(NamedTuple):
    """The source of an `ObjectView` whose unlisted names are not all alike: a component for each class."""

    classes: tuple[NameClass, ...]
    children: tuple[ComponentKey | None, ...]
    texts: tuple[str, ...]


class Names:
    """The names of one source."""

    def __init__(self, conjunctions: Conjunctions, strings: StringSets, leaves: StringLeaves, limits: Limits) -> None:
        self._conjunctions = conjunctions
        self._nodes = conjunctions.nodes
        self._strings = strings
        self._leaves = leaves
        self._limits = limits
        self._languages: dict[int, regex.Node] = {}
        self._classes: dict[tuple[regex.Node, ...], tuple[NameClass, ...]] = {}

    # ---- classes of unlisted names

    def predicates(self, number: int) -> list[regex.Node]:
        """The languages of names that tell apart what a node says of a member."""
        node = self._nodes[number]
        found = [language for language, _ in node.pattern_properties]
        if node.property_names != TRUE_NODE:
            found.append(self._language(node.property_names))
        return found

    def _language(self, number: int) -> regex.Node:
        """The strings that satisfy a node."""
        found = self._languages.get(number)
        if found is None:
            found = self._languages[number] = self._strings.bounds(self._strings.node_formulas.of((number,), STRING))[0]
        return found

    def classes(self, predicates: list[regex.Node]) -> tuple[NameClass, ...]:
        """The texts, split by the predicates that hold for them; classes that hold no text are left out."""
        distinct = tuple(dict.fromkeys(predicates))
        found = self._classes.get(distinct)
        if found is None:
            parts = [NameClass(regex.any_text(surrogates=True), frozenset())]
            for predicate in distinct:
                split = []
                for language, members in parts:
                    inside = regex.intersect(language, predicate)
                    if self._leaves.is_empty(inside):
                        split.append(NameClass(language, members))
                        continue
                    outside = regex.difference(language, predicate)
                    if not self._leaves.is_empty(outside):
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
                listed = [text for text in texts if self._leaves.matches(language, text)]
                if listed:
                    listed_language = regex.union_of(regex.literal(text_bytes(text)) for text in listed)
                    language = regex.difference(language, listed_language)
            languages.append(language)
        rows = self._leaves.automaton(tuple(languages))
        return None if rows.start < 0 else rows

    def words(self, alike: NameClass, most: int) -> list[str] | None:
        """All names of a class, in the order of their bytes; None for more than ``most``."""
        rows = self._leaves.automaton((alike.language,))
        if rows.start < 0:
            return []
        words = rows.words(rows.start, most)
        return None if words is None else [word.decode("utf-8", "surrogatepass") for word in words]

    def count(self, alike: NameClass, texts: list[str], most: int) -> int:
        """How many unlisted names a class has, or ``most``."""
        rows = self.key_rows([alike], texts)
        if rows is None:
            return 0
        found = rows.word_count(rows.start, most)
        return most if found is None else found

    def fresh(self, members: NameClass, used: set[str]) -> str:
        """A name of a class that is none of ``used``."""
        excluded = regex.union_of(regex.literal(text_bytes(name)) for name in sorted(used))
        rows = self._leaves.automaton((regex.difference(members.language, excluded),))
        return rows.shortest_completion(rows.start).decode("utf-8", "surrogatepass")

    # ---- what applies to the value of a name

    def children(self, number: int, text: str) -> tuple[int, ...] | None:
        """The nodes that a node applies to the member ``text``; None where it refuses it."""
        node = self._nodes[number]
        if node.property_names != TRUE_NODE and not self._leaves.matches(self._language(node.property_names), text):
            return None
        found = []
        covered = False
        if node.properties is not None and text in node.properties:
            covered = True
            found.append(node.properties[text])
        for language, child in node.pattern_properties:
            if self._leaves.matches(language, text):
                covered = True
                found.append(child)
        if not covered:
            found.append(node.additional)
        if FALSE_NODE in found:
            return None
        return tuple(child for child in dict.fromkeys(found) if child != TRUE_NODE)

    def class_children(self, number: int, alike: NameClass) -> tuple[int, ...] | None:
        """As `children`, for unlisted names of a class."""
        node = self._nodes[number]
        if node.property_names != TRUE_NODE and self._language(node.property_names) not in alike.members:
            return None
        found = [child for language, child in node.pattern_properties if language in alike.members]
        if not found:
            found = [node.additional]
        if FALSE_NODE in found:
            return None
        return tuple(child for child in dict.fromkeys(found) if child != TRUE_NODE)

    def child(self, members: Conjunction, name: str | NameClass) -> Conjunction | None:
        """What applies to the value of ``name`` (a class: of an unlisted name); None where it is refused."""
        nodes = self._nodes
        found: list[int] = []
        listed = isinstance(name, str)
        for number in members:
            node = nodes[number]
            if node.pattern_properties or node.property_names != TRUE_NODE:
                if listed:
                    several = self.children(number, name)  # type: ignore[arg-type]
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
        return self._conjunctions.normal_form(found)

    def requirements(self, members: Conjunction) -> Iterator[Conjunction | None]:
        """What the values of required names of an alternative must satisfy; None where one is refused."""
        nodes = self._nodes
        for number in members:
            for name in nodes[number].required:
                yield self.child(members, name)
