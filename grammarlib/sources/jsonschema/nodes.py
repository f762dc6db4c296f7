"""Nodes: what each schema asserts, in numbers of other nodes.

Purpose: the vocabulary between the eager part, which checks schemas, and the lazy part, which combines what they say.
Place: written by `reader`, and by `conjunctions` for constants; read by everything behind it.
Cost: an attribute that is not set costs nothing; a typical node holds three.
Not taken: a class for each keyword.  What several nodes say of items, say, is then a search; here it is one attribute.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grammarlib.ir import regex
from grammarlib.sources.jsonschema.checks import Check
from grammarlib.sources.jsonschema.values import ANY, Canonical

TRUE_NODE: Final = 0
"""The number of the node that allows everything."""

FALSE_NODE: Final = 1
"""The number of the node that allows nothing."""


class SchemaNode:
    """What one schema asserts, in numbers of other nodes.  Class attributes are the defaults.

    ``types``: bits of `values` that ``type``, ``enum`` and ``const`` leave.  ``constrains``: the types for which
    anything else that does not apply in place says something.

    Strings: ``minimum_length``, ``maximum_length``, ``pattern`` (of ``format`` too).  Numbers: ``lower``, ``upper``,
    ``lower_open``, ``upper_open``, ``multiple_of``.  ``checked``: what a finished string must satisfy beside all else,
    where the caller allowed that masks do not know it (`SchemaReader.approximated`).

    Objects: ``properties``, ``pattern_properties`` (languages of names, with nodes), ``additional`` for names that
    neither of them covers, ``property_names``, ``required``, ``minimum_properties``, ``maximum_properties``,
    ``dependent_required`` (a name, and the names that it asks for).  Arrays: ``prefix``, ``rest`` for the items
    after it, ``minimum_items``, ``maximum_items``, ``contains`` (a node, and the least and the largest number of items
    that satisfy it), ``unique_items``.

    In place, which ``in_place`` tells: ``all_of`` (targets of references too), ``any_of`` (groups of which one
    member must hold), ``one_of`` (groups of which exactly one must: a node that is in a group twice cannot be it),
    ``negated`` (nodes that must not hold), ``conditionals`` (``if``, ``then``, ``else``), ``dependent_schemas`` (a
    name, and the node that applies where it is present).

    ``unevaluated_properties`` and ``unevaluated_items`` are None where the keyword is absent.  Only where
    some reachable schema has one of them (`SchemaReader.annotates`) it matters what was *evaluated*: then
    ``additional_present`` and ``rest_present`` tell a keyword that says true from one that is absent,
    ``contains_evaluates`` that items which satisfy a node of ``contains`` are evaluated, groups of ``any_of`` may
    hold `TRUE_NODE`, and ``conditionals`` and ``contains`` entries that assert nothing.

    Not a slotted class: an attribute that is not set costs nothing, and ``vars(node)`` is the signature by which
    equal leaves are shared.
    """

    types: int = ANY
    constrains: int = 0
    values: frozenset[Canonical] | None = None
    minimum_length: int = 0
    maximum_length: int | None = None
    pattern: regex.Node | None = None
    checked: tuple[Check, ...] = ()
    lower: Decimal | None = None
    upper: Decimal | None = None
    lower_open: bool = False
    upper_open: bool = False
    multiple_of: Decimal | None = None
    properties: dict[str, int] | None = None
    pattern_properties: tuple[tuple[regex.Node, int], ...] = ()
    additional: int = TRUE_NODE
    additional_present: bool = False
    property_names: int = TRUE_NODE
    required: tuple[str, ...] = ()
    minimum_properties: int = 0
    maximum_properties: int | None = None
    dependent_required: tuple[tuple[str, tuple[str, ...]], ...] = ()
    prefix: tuple[int, ...] = ()
    rest: int = TRUE_NODE
    rest_present: bool = False
    minimum_items: int = 0
    maximum_items: int | None = None
    contains: tuple[tuple[int, int, int | None], ...] = ()
    contains_evaluates: bool = False
    unique_items: bool = False
    unevaluated_properties: int | None = None
    unevaluated_items: int | None = None
    all_of: tuple[int, ...] = ()
    any_of: tuple[tuple[int, ...], ...] = ()
    one_of: tuple[tuple[int, ...], ...] = ()
    negated: tuple[int, ...] = ()
    conditionals: tuple[tuple[int, int, int], ...] = ()
    dependent_schemas: tuple[tuple[str, int], ...] = ()
    in_place: bool = False
