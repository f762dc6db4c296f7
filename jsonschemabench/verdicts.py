"""Verdicts: does a schema allow a text?  By python-jsonschema, and by jsonschema-rs where it is installed.

Purpose: the truth that engines are measured against.  The dialect is that of ``$schema`` (2020-12 where there is
none), formats are asserted with every checker of the newest dialect, and references resolve within the schema and
the official metaschemas; nothing is fetched.
Place: runs in a process of its own (`jsonschemabench.worker`), since a pattern can keep Python's ``re`` busy for ever.
Trap: a format checker that returns None judges every text invalid, as one evaluator in the field does for ipv4, ipv6
and uuid; tests hold a valid and an invalid text for each format here.
Numbers: ``multipleOf`` is computed on exact decimals.  python-jsonschema divides binary fractions and finds that 0.07
is no multiple of 0.01, which would blame engines that are right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

VALID: Final = "1"
INVALID: Final = "0"
UNKNOWN: Final = "?"

_FORMATS: Final = Draft202012Validator.FORMAT_CHECKER
_FORMAT_NAMES: Final = (
    "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4", "ipv6", "iri",
    "iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference", "uri-template",
    "uuid",
)  # fmt: skip


def unchecked_formats() -> list[str]:
    """The formats of the specification that python-jsonschema lacks a library for here (``jsonschema[format]``)."""
    return [name for name in _FORMAT_NAMES if name not in _FORMATS.checkers]


def validator_of(schema: Any) -> Any:
    """A python-jsonschema validator of the schema's dialect, with formats."""
    base = validator_for(schema, default=Draft202012Validator)
    made = extend(base, {"multipleOf": _multiple_of, "divisibleBy": _multiple_of})
    if isinstance(schema, dict) and isinstance(schema.get("$schema"), str):
        # With `$schema` left in, a reference to "#" would switch back to the class without exact numbers.
        schema = {key: value for key, value in schema.items() if key != "$schema"}
    return made(schema, registry=REGISTRY, format_checker=_FORMATS)


def _multiple_of(validator: Any, divisor: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "number") and not is_multiple(instance, divisor):
        yield ValidationError(f"{instance!r} is not a multiple of {divisor!r}")


def is_multiple(value: float, divisor: float) -> bool:
    """Whether ``value`` is a whole multiple of ``divisor``, both taken as the decimals that Python writes for them."""
    if isinstance(value, int) and isinstance(divisor, int):
        return value % divisor == 0
    try:
        numerator, denominator = _fraction(value), _fraction(divisor)
    except (InvalidOperation, ValueError, OverflowError):
        return False  # infinity, or not a number
    return numerator[0] * denominator[1] % (numerator[1] * denominator[0]) == 0


def _fraction(value: float) -> tuple[int, int]:
    return Decimal(repr(value)).as_integer_ratio()


def judge(schema: Any, texts: Sequence[str]) -> tuple[str, str]:
    """A character for each text, `VALID`, `INVALID` or `UNKNOWN`, and why the first unknown one is unknown.

    A text that is no JSON is invalid.  Unknown is what the validator cannot judge: a reference that leads nowhere, a
    schema that it does not understand, nesting that it cannot follow.
    """
    reason = ""
    try:
        validator = validator_of(schema)
    except Exception as error:  # a schema from anywhere may break anything
        return UNKNOWN * len(texts), f"{type(error).__name__}: {error}"[:300]
    verdicts = []
    for text in texts:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            verdicts.append(INVALID)
            continue
        try:
            verdicts.append(VALID if validator.is_valid(value) else INVALID)
        except (Unresolvable, SchemaError, RecursionError, Exception) as error:
            verdicts.append(UNKNOWN)
            reason = reason or f"{type(error).__name__}: {error}"[:300]
    return "".join(verdicts), reason


def judge_rust(schema: Any, texts: Sequence[str]) -> str | None:
    """The same by jsonschema-rs, in the same form; None where it is not installed."""
    if find_spec("jsonschema_rs") is None:
        return None
    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    except BaseException as error:  # a panic of Rust code is no Exception
        _reraise_exit(error)
        return UNKNOWN * len(texts)
    verdicts = []
    for text in texts:
        try:
            verdicts.append(VALID if validator.is_valid(json.loads(text)) else INVALID)
        except ValueError:
            verdicts.append(INVALID)
        except BaseException as error:
            _reraise_exit(error)
            verdicts.append(UNKNOWN)
    return "".join(verdicts)


def _reraise_exit(error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
        raise error


def judge_record(request: dict[str, Any]) -> dict[str, Any]:
    """A worker's answer to ``{"schema", "texts"}``: ``python``, ``rust`` (or null) and ``reason``."""
    verdicts, reason = judge(request["schema"], request["texts"])
    answer: dict[str, Any] = {"python": verdicts, "rust": judge_rust(request["schema"], request["texts"])}
    if reason:
        answer["reason"] = reason
    return answer
