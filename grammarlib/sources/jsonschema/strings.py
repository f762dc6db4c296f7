"""Sets of strings: lengths, patterns and constants of each alternative, as one `StringLeaf`.

Purpose: keep what is cheap cheap.  Lengths alone are counters and cost no states; constants alone
are a sorted tuple; only patterns (or alternatives that differ) become an automaton, one for all
tracks of a context, whose labels tell which of them hold.
Place: used by `string_sets` and `names`; patterns come parsed from `reader`.
Cost: an automaton is made on first need and shared by every context with the same regexes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from grammarlib.automata.components import StringLeaf, TextTable
from grammarlib.automata.lazydfa import LazyDFA, lazy_dfa_for
from grammarlib.dtypes import DEAD
from grammarlib.ir import regex
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.formats import HostNameRows, host_labels, is_host_name
from grammarlib.sources.jsonschema.nodes import SchemaNode
from grammarlib.sources.jsonschema.values import Canonical, text_bytes


class StringSet(NamedTuple):
    """Texts of ``minimum`` to ``maximum`` code points that match every pattern; or exactly ``members``."""

    minimum: int = 0
    maximum: int | None = None
    patterns: frozenset[regex.Node] = frozenset()
    members: frozenset[str] | None = None


FREE = StringSet()
"""Every text."""


class StringLeaves:
    """Makes the string leaves of one source; keeps its automata."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._automata: dict[tuple[regex.Node, ...], LazyDFA] = {}
        self._host_names: dict[int, HostNameRows] = {}
        self._any_text = regex.any_text(surrogates=True)
        self._any_character = regex.any_character(surrogates=True)

    def conjunction(self, nodes: Iterable[SchemaNode], values: frozenset[Canonical] | None) -> StringSet | None:
        """The texts that satisfy every node (and are one of ``values``); None where there are none."""
        minimum = 0
        maximum: int | None = None
        patterns: set[regex.Node] = set()
        for node in nodes:
            if node.minimum_length > minimum:
                minimum = node.minimum_length
            bound = node.maximum_length
            if bound is not None and (maximum is None or bound < maximum):
                maximum = bound
            if node.pattern is not None and node.pattern is not self._any_text:
                patterns.add(node.pattern)
        if maximum is not None and minimum > maximum:
            return None
        if values is not None:
            members = frozenset(
                value
                for value in values
                if isinstance(value, str)
                and len(value) >= minimum
                and (maximum is None or len(value) <= maximum)
                and all(self.matches(pattern, value) for pattern in patterns)
            )
            return StringSet(members=members) if members else None
        if not patterns:
            return StringSet(minimum, maximum)
        found = StringSet(minimum, maximum, frozenset(patterns))
        return found if self._is_inhabited(found) else None

    def leaf(self, sets: Mapping[StringSet, int]) -> StringLeaf:
        """The labelled union of at least one set (none of them empty)."""
        if len(sets) > 1:
            whole = sets.get(FREE, 0)
            if whole:
                sets = {
                    found: label for found, label in sets.items() if found is FREE or found == FREE or label & ~whole
                }
        if len(sets) == 1:
            ((only, label),) = sets.items()
            if only.members is None and not only.patterns:
                return StringLeaf(label, None, None, only.minimum, only.maximum)
            if len(only.patterns) == 1 and is_host_name(*only.patterns):
                if only.maximum is not None and only.maximum < HostNameRows.MAXIMUM:
                    sets = {only._replace(patterns=frozenset((host_labels(),))): label}  # the tighter bound
                elif only.minimum <= 1:
                    return StringLeaf(rows=self._host_name_rows(label), maximum=HostNameRows.MAXIMUM)
        if all(found.members is not None for found in sets):
            labels: dict[str, int] = {}
            for found, label in sets.items():
                for member in found.members or ():
                    labels[member] = labels.get(member, 0) | label
            return StringLeaf(members=tuple(sorted((text_bytes(text), label) for text, label in labels.items())))
        bounds = {(found.minimum, found.maximum) for found in sets if found.members is None}
        shared = len(bounds) == 1 and all(found.members is None for found in sets)
        maximum = next(iter(bounds))[1] if shared else None
        width = max(label.bit_length() for label in sets.values())
        languages: list[list[regex.Node]] = [[] for _ in range(width)]
        for found, label in sets.items():
            language = self._regex(found, with_maximum=not shared)
            for position in range(width):
                if label >> position & 1:
                    languages[position].append(language)
        rows = self.automaton(tuple(regex.union_of(members) for members in languages))
        return StringLeaf(rows=rows, maximum=maximum)

    def _host_name_rows(self, label: int) -> HostNameRows:
        """One automaton for each label, so that equal leaves share their rows."""
        rows = self._host_names.get(label)
        if rows is None:
            rows = self._host_names[label] = HostNameRows(label, self._limits)
        return rows

    def _regex(self, found: StringSet, *, with_maximum: bool) -> regex.Node:
        if found.members is not None:
            return regex.union_of(regex.literal(text_bytes(member)) for member in sorted(found.members))
        parts = sorted(found.patterns, key=lambda pattern: pattern.uid)
        maximum = found.maximum if with_maximum else None
        if found.minimum or maximum is not None:
            parts.append(regex.repeat(self._any_character, found.minimum, maximum))
        return regex.intersect(*parts) if parts else self._any_text

    def _is_inhabited(self, found: StringSet) -> bool:
        rows = self.automaton((self._regex(found, with_maximum=False),))
        if rows.start == DEAD:
            return False
        return found.maximum is None or rows.shortest_length(rows.start) <= found.maximum

    def matches(self, pattern: regex.Node, text: str) -> bool:
        """Whether ``text`` belongs to a regex."""
        rows = self.automaton((pattern,))
        state = rows.start
        for byte in text_bytes(text):
            if state == DEAD:
                return False
            state = int(rows.expand(state)[byte])
        return state != DEAD and rows.label(state) != 0

    @property
    def dead_end_free(self) -> bool:
        """Whether all automata know which of their prefixes can be completed."""
        return all(automaton.dead_end_free for automaton in self._automata.values())

    def members(self, found: StringSet, most: int) -> list[str] | None:
        """The texts of a set; None for more than ``most``."""
        if found.members is not None:
            return sorted(found.members) if len(found.members) <= most else None
        if found.maximum == 0:
            return [""]
        if not found.patterns:
            return None
        rows = self.automaton((self._regex(found, with_maximum=True),))
        words = rows.words(rows.start, most) if rows.start != DEAD else []
        return None if words is None else [word.decode("utf-8", "surrogatepass") for word in words]

    def checked_leaf(self, found: StringSet, table: TextTable) -> StringLeaf:
        """A set whose members are asked about, one by one, when they end."""
        return StringLeaf(rows=self.automaton((self._regex(found, with_maximum=True),)), table=table)

    def language(self, found: StringSet | None) -> regex.Node:
        """A set as a regex."""
        return regex.nothing() if found is None else self._regex(found, with_maximum=True)

    def of_language(self, language: regex.Node) -> StringSet | None:
        """The texts of a regex as a set; None where there are none."""
        if language is self._any_text:
            return FREE
        found = StringSet(patterns=frozenset((language,)))
        return found if self._is_inhabited(found) else None

    def is_empty(self, language: regex.Node) -> bool:
        """Whether no text belongs to a regex."""
        return language is regex.nothing() or self.automaton((language,)).start == DEAD

    def automaton(self, languages: tuple[regex.Node, ...]) -> LazyDFA:
        automaton = self._automata.get(languages)
        if automaton is None:
            automaton = self._automata[languages] = lazy_dfa_for(languages, self._limits, forgiving=True)
        return automaton
