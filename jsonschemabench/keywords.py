"""Which keywords a schema uses, for tables by keyword.

Purpose: counts of keywords where a schema stands, not of properties that happen to be called ``type`` or ``items``.
Place: reports only; nothing here decides about an outcome.
Cost: one walk over the schema with an explicit stack.
"""

from __future__ import annotations

from typing import Any, Final

_ONE: Final = frozenset(
    "additionalItems additionalProperties contains contentSchema else if items not propertyNames then "
    "unevaluatedItems unevaluatedProperties".split()
)
_MANY: Final = frozenset("allOf anyOf items oneOf prefixItems".split())
_NAMED: Final = frozenset("$defs definitions dependencies dependentSchemas patternProperties properties".split())
_ANNOTATIONS: Final = frozenset(
    "$comment $id $schema $anchor $vocabulary default deprecated description examples id readOnly title "
    "writeOnly".split()
)
_ASSERTIONS: Final = frozenset(
    "$dynamicRef $recursiveRef $ref const contentEncoding contentMediaType dependentRequired enum exclusiveMaximum "
    "exclusiveMinimum format maxContains maxItems maxLength maxProperties maximum minContains minItems minLength "
    "minProperties minimum multipleOf pattern required type uniqueItems".split()
)


def keywords_of(schema: Any) -> frozenset[str]:
    """The known keywords that a schema uses at any depth; annotations are left out.

    ``type`` comes with each type it names (``type:integer``), ``format`` with its name, and a schema that is a
    boolean as ``true`` or ``false``.
    """
    found: set[str] = set()
    todo = [schema]
    while todo:
        here = todo.pop()
        if isinstance(here, bool):
            found.add("true" if here else "false")
        if not isinstance(here, dict):
            continue
        for keyword, value in here.items():
            known = keyword in _ASSERTIONS
            if keyword in _NAMED and isinstance(value, dict):
                known = True
                todo.extend(value.values())
            if keyword in _MANY and isinstance(value, list):
                known = True
                todo.extend(value)
            elif keyword in _ONE:
                known = True
                todo.append(value)
            if known:
                found.add(keyword)
            if keyword == "type":
                found.update(
                    f"type:{name}" for name in (value if isinstance(value, list) else [value]) if isinstance(name, str)
                )
            elif keyword == "format" and isinstance(value, str):
                found.add(f"format:{value}")
    return frozenset(found - _ANNOTATIONS)
