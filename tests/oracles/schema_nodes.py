"""What the nodes of `SchemaReader` assert about a value, slow and obvious, by the words of the specification.

    holds(reader, value) -> bool

Numbers come as int or Decimal.  What was evaluated is gathered beside the verdict, as 2020-12 describes it.  References
that run in a circle without descending hold nowhere (the least solution).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from grammarlib.automata.lazydfa import LazyDFA, lazy_dfa_for
from grammarlib.dtypes import DEAD
from grammarlib.ir import regex
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import values
from grammarlib.sources.jsonschema.nodes import TRUE_NODE, SchemaNode
from grammarlib.sources.jsonschema.reader import SchemaReader


class Verdict(NamedTuple):
    """Whether a node holds of a value; if so, the names and positions that it evaluates."""

    holds: bool
    evaluated: frozenset[Any] = frozenset()


REFUSED = Verdict(False)


def holds(reader: SchemaReader, value: Any) -> bool:
    """Whether a JSON value satisfies the schema."""
    return Evaluation(reader).verdict(reader.root, value).holds


class Evaluation:
    """Verdicts about the nodes of one reader."""

    def __init__(self, reader: SchemaReader) -> None:
        self.nodes = reader.nodes
        self._automata: dict[regex.Node, LazyDFA] = {}
        self._open: set[tuple[int, int]] = set()

    def verdict(self, number: int, value: Any) -> Verdict:
        key = (number, id(value))
        if key in self._open:
            return REFUSED
        self._open.add(key)
        try:
            return self._verdict(self.nodes[number], value)
        finally:
            self._open.discard(key)

    def _verdict(self, node: SchemaNode, value: Any) -> Verdict:
        if not _has_type(node.types, value):
            return REFUSED
        if node.values is not None and values.canonical(value) not in node.values:
            return REFUSED
        if isinstance(value, str) and not self._string(node, value):
            return REFUSED
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and not _number(node, value):
            return REFUSED
        evaluated: set[Any] = set()
        if isinstance(value, dict) and not self._object(node, value, evaluated):
            return REFUSED
        if isinstance(value, list) and not self._array(node, value, evaluated):
            return REFUSED
        if not self._in_place(node, value, evaluated):
            return REFUSED
        members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        unevaluated = node.unevaluated_properties if isinstance(value, dict) else node.unevaluated_items
        if unevaluated is not None:
            for name, member in members:
                if name not in evaluated and not self.verdict(unevaluated, member).holds:
                    return REFUSED
                evaluated.add(name)
        return Verdict(True, frozenset(evaluated))

    def _in_place(self, node: SchemaNode, value: Any, evaluated: set[Any]) -> bool:
        for child in node.all_of:
            if not self._take(child, value, evaluated):
                return False
        for group in node.any_of:
            if sum(self._take(child, value, evaluated) for child in group) == 0:  # each is asked: all may evaluate
                return False
        for group in node.one_of:
            if sum(self._take(child, value, evaluated) for child in group) != 1:
                return False
        if any(self.verdict(child, value).holds for child in node.negated):
            return False
        for condition, then, otherwise in node.conditionals:
            branch = then if self._take(condition, value, evaluated) else otherwise
            if not self._take(branch, value, evaluated):
                return False
        if isinstance(value, dict):
            for name, child in node.dependent_schemas:
                if name in value and not self._take(child, value, evaluated):
                    return False
        return True

    def _take(self, number: int, value: Any, evaluated: set[Any]) -> bool:
        verdict = self.verdict(number, value)
        evaluated |= verdict.evaluated
        return verdict.holds

    def _string(self, node: SchemaNode, value: str) -> bool:
        if len(value) < node.minimum_length:
            return False
        if node.maximum_length is not None and len(value) > node.maximum_length:
            return False
        if not all(check.holds(value) for check in node.checked):
            return False
        return node.pattern is None or self.matches(node.pattern, value)

    def matches(self, language: regex.Node, text: str) -> bool:
        rows = self._automata.get(language)
        if rows is None:
            rows = self._automata[language] = lazy_dfa_for((language,), Limits())
        state = rows.start
        for byte in text.encode("utf-8", "surrogatepass"):
            if state == DEAD:
                return False
            state = int(rows.expand(state)[byte])
        return state != DEAD and rows.label(state) != 0

    def _object(self, node: SchemaNode, value: dict[str, Any], evaluated: set[Any]) -> bool:
        if not value.keys() >= set(node.required) or len(value) < node.minimum_properties:
            return False
        if node.maximum_properties is not None and len(value) > node.maximum_properties:
            return False
        if any(name in value and not value.keys() >= set(names) for name, names in node.dependent_required):
            return False
        for name, member in value.items():
            if not self.verdict(node.property_names, name).holds:
                return False
            children = [child for language, child in node.pattern_properties if self.matches(language, name)]
            if node.properties is not None and name in node.properties:
                children.append(node.properties[name])
            if not children:
                if node.additional_present or node.additional != TRUE_NODE:
                    evaluated.add(name)
                children.append(node.additional)
            else:
                evaluated.add(name)
            if not all(self.verdict(child, member).holds for child in children):
                return False
        return True

    def _array(self, node: SchemaNode, value: list[Any], evaluated: set[Any]) -> bool:
        if len(value) < node.minimum_items or (node.maximum_items is not None and len(value) > node.maximum_items):
            return False
        if node.unique_items and len({values.canonical(item) for item in value}) != len(value):
            return False
        for position, item in enumerate(value):
            child = node.prefix[position] if position < len(node.prefix) else node.rest
            if not self.verdict(child, item).holds:
                return False
            if position < len(node.prefix) or node.rest_present or node.rest != TRUE_NODE:
                evaluated.add(position)
        for child, minimum, maximum in node.contains:
            found = [position for position, item in enumerate(value) if self.verdict(child, item).holds]
            if len(found) < minimum or (maximum is not None and len(found) > maximum):
                return False
            if node.contains_evaluates:
                evaluated.update(found)
        return True


def _has_type(types: int, value: Any) -> bool:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        if isinstance(value, int):
            return bool(types & values.DIGITS)
        return bool(types & (values.INTEGRAL if values.is_integral(value) else values.FRACTION))
    return bool(types & values.type_bit(values.canonical(value)))


def _number(node: SchemaNode, value: int | Decimal) -> bool:
    number = Fraction(value)
    if node.lower is not None and (number < Fraction(node.lower) or (node.lower_open and number == node.lower)):
        return False
    if node.upper is not None and (number > Fraction(node.upper) or (node.upper_open and number == node.upper)):
        return False
    return node.multiple_of is None or (number / Fraction(node.multiple_of)).denominator == 1
