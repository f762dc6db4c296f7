"""python-jsonschema with exact numbers: the second opinion of ``check`` and ``validate``.

python-jsonschema computes ``multipleOf`` in floating point and does not take a `Decimal` for an integer.
Numbers are exact decimals here, as in the automaton, so that the two differ only where one is wrong.
Nothing is fetched: references resolve within the schema and the official metaschemas.
Cost: a validation in pure Python; nothing of it runs while text is generated.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from jsonschema import Draft3Validator, Draft4Validator, Draft202012Validator, ValidationError
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from grammarlib.errors import Finding
from grammarlib.sources.jsonschema.keywords import SPECIFIED_FORMATS

_SHOWN = 200
_FORMATS = Draft202012Validator.FORMAT_CHECKER  # for every dialect, as grammarlib does


def is_multiple(value: int | Decimal, divisor: int | Decimal) -> bool:
    """Whether ``value`` is a whole multiple of ``divisor`` (> 0), exactly, in time bounded by the digits written."""
    mantissa, exponent = _split(value)
    divisor_mantissa, divisor_exponent = _split(divisor)
    shift = exponent - divisor_exponent
    if mantissa == 0:
        return True
    if shift >= 0:
        return bool(mantissa * pow(10, shift, divisor_mantissa) % divisor_mantissa == 0)
    if -shift > len(str(Decimal(mantissa))):
        return False  # 10 ** -shift is greater than the mantissa, so it cannot divide it
    return bool(mantissa % (divisor_mantissa * 10**-shift) == 0)


def _split(value: int | Decimal) -> tuple[int, int]:
    """``value`` as (m, e) with m >= 0 and abs(value) == m * 10 ** e."""
    if isinstance(value, int):
        return abs(value), 0
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a finite number")
    mantissa = 0
    for at in range(0, len(digits), 4000):  # Python refuses to convert longer runs of digits
        part = digits[at : at + 4000]
        mantissa = mantissa * 10 ** len(part) + int("".join(map(str, part)))
    return mantissa, exponent


def _is_integer(_: Any, instance: object) -> bool:
    if isinstance(instance, bool):
        return False
    return isinstance(instance, int) or (isinstance(instance, Decimal) and is_multiple(instance, 1))


def _multiple_of(validator: Any, divisor: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "number") and not is_multiple(instance, divisor):
        yield ValidationError(f"{instance!r} is not a multiple of {divisor!r}")


def exact_validator(schema: Any) -> Any:
    """A python-jsonschema validator of the schema's dialect (2020-12 where it names none), numbers exact.

    ``schema`` is read with `grammarlib.cli.reading.parse_json`.  Formats are asserted in every dialect, as far as
    python-jsonschema finds the libraries that it needs for them; see `unchecked_formats`.
    """
    base = validator_for(schema, default=Draft202012Validator)
    types = base.TYPE_CHECKER
    if base not in (Draft3Validator, Draft4Validator):  # there, an integer is a number without a fraction part
        types = types.redefine("integer", _is_integer)
    exact = extend(base, {"multipleOf": _multiple_of, "divisibleBy": _multiple_of}, type_checker=types)
    if isinstance(schema, dict) and base.META_SCHEMA.get("$schema", "") != "":
        # With `$schema` left in, a reference to "#" would switch back to the class that is not exact.
        schema = {key: value for key, value in schema.items() if key != "$schema"}
    return exact(schema, registry=REGISTRY, format_checker=_FORMATS)


def unchecked_formats(schema: Any) -> list[str]:
    """The formats in ``schema`` that the automaton enforces and this installation of python-jsonschema does not."""
    found: set[str] = set()
    todo = [schema]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            name = value.get("format")
            if isinstance(name, str) and name in SPECIFIED_FORMATS and name not in _FORMATS.checkers:
                found.add(name)
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
    return sorted(found)


def metaschema_findings(schema: Any) -> list[Finding]:
    """Every violation of the metaschema of the schema's dialect; ``schema`` as Python's `json` reads it."""
    base = validator_for(schema, default=Draft202012Validator)
    try:
        errors = sorted(
            base(base.META_SCHEMA, registry=REGISTRY).iter_errors(schema), key=lambda error: error.json_path
        )
    except RecursionError:
        return [Finding(code="too-deep", message="nested too deeply for python-jsonschema")]
    return [error_finding("metaschema", error) for error in errors]


def instance_findings(validator: Any, instance: Any) -> list[Finding]:
    """Every reason why the instance is invalid."""
    try:
        errors = sorted(validator.iter_errors(instance), key=lambda error: error.json_path)
    except Unresolvable as error:
        return [Finding(code="unresolvable-reference", message=f"cannot resolve {error.ref!r}", keyword="$ref")]
    except RecursionError:
        return [Finding(code="too-deep", message="nested too deeply for python-jsonschema")]
    return [error_finding("invalid", error) for error in errors]


def error_finding(code: str, error: ValidationError) -> Finding:
    """A python-jsonschema error as a finding; the pointer leads into the instance."""
    message = error.message if len(error.message) <= _SHOWN else error.message[: _SHOWN - 4] + " ..."
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path)
    return Finding(code=code, message=message, keyword=str(error.validator), pointer=pointer)
