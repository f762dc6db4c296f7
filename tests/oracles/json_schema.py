"""python-jsonschema with exact numbers: the verdict that a `JsonSchema` source has to agree with.

Texts are read with `Decimal` for every number that is not written as an integer, and so are the
floats of the schema (0.1 is one tenth).  Duplicate keys make a text invalid.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from jsonschema import Draft4Validator, Draft202012Validator, ValidationError, validators

FORMAT_CHECKER = Draft202012Validator.FORMAT_CHECKER


def _multiple_of(validator: Any, divisor: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "number") and (Fraction(instance) / Fraction(divisor)).denominator != 1:
        yield ValidationError(f"{instance} is not a multiple of {divisor}")


def _is_integer(checker: Any, instance: Any) -> bool:
    if isinstance(instance, bool):
        return False
    if isinstance(instance, Decimal):
        return Fraction(instance).denominator == 1
    return isinstance(instance, int)


def _exact(cls: Any) -> Any:
    checker = cls.TYPE_CHECKER
    if cls is not Draft4Validator:
        checker = checker.redefine("integer", _is_integer)
    return validators.extend(cls, {"multipleOf": _multiple_of}, type_checker=checker)


def with_decimals(value: Any) -> Any:
    """The JSON value with every float as the decimal that its text says."""
    return json.loads(json.dumps(value), parse_float=Decimal)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


class SchemaOracle:
    """Verdicts about the texts of one schema."""

    def __init__(self, schema: Any, *, formats: bool = False) -> None:
        cls = validators.validator_for(schema, default=Draft202012Validator)
        schema = with_decimals(schema)
        if isinstance(schema, dict):
            schema.pop("$schema", None)  # or `evolve` would go back to the class without exact numbers
        self._validator = _exact(cls)(schema, format_checker=FORMAT_CHECKER if formats else None)

    def accepts(self, text: str) -> bool:
        """Whether the JSON text is valid, keys being unique."""
        try:
            value = json.loads(text, parse_float=Decimal, object_pairs_hook=_no_duplicates)
        except ValueError:
            return False
        return bool(self._validator.is_valid(value))

    def accepts_value(self, value: Any) -> bool:
        """Whether a JSON value is valid."""
        return self.accepts(json.dumps(value))
