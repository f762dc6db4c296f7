"""JSON Schema as a source: a schema in, a lazy component source out.

Purpose: `JsonSchema` and `AnyJson`, what a user hands to ``gl.compile``.  The language is what
python-jsonschema accepts, dialect by ``$schema``, numbers as exact decimals, written as JSON text
with unique keys; see `keywords` for what is implemented.
Place: first stage of the data path; `reader` checks eagerly, `lower` expands lazily.
Cost: 100 to 300 us for a typical schema; a component costs about 50 us when it is first visited.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NoReturn

from grammarlib.errors import Finding, InvalidSource, LimitExceeded, UnsupportedFeature
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.keywords import (
    DRAFT_3_URI,
    KNOWN_APPROXIMATIONS,
    LATEST,
    Dialect,
    dialect_by_name,
    dialect_by_uri,
)
from grammarlib.sources.jsonschema.lower import SchemaSource
from grammarlib.sources.jsonschema.reader import SchemaReader
from grammarlib.sources.jsonschema.references import References
from grammarlib.sources.jsonschema.report import SourceFacts

__all__ = ["AnyJson", "JsonSchema", "SchemaSource", "SourceFacts"]

_ORDERS = ("any", "schema")
_WHITESPACES = ("bounded", "compact", "any")
_FORMATS = ("assert", "strict", "annotate")


@dataclass(frozen=True)
class JsonSchema:
    """The JSON texts whose value satisfies a schema.

    ``schema``: a dict, a boolean, or a str that is the JSON text of one; it must not be changed
    afterwards.  ``order``: ``"any"`` order of keys, or ``"schema"``: listed names in the order of
    ``properties`` (first appearance), then required names that are not listed, then the others.  ``whitespace``: see
    the package documentation.  ``formats``: ``"assert"`` those of the specification and
    ignore other names, ``"strict"`` refuses other names, ``"annotate"`` asserts none.
    ``openapi_formats``: assert OpenAPI's formats too: ``int32`` and ``int64`` (integral numbers within 32 or 64
    bits), ``float`` and ``double`` (numbers that do not overflow there), ``byte`` (base64 with padding).
    ``approximate``: which assertions that are not regular may be checked only when a string ends, so that masks
    allow more: ``"pattern"`` (with a backreference), ``"format:regex"``, ``"format:idn-hostname"``, ``"format"``.
    ``dialect``: the dialect where the root has no ``$schema``.  ``registry``: other documents, as a
    mapping from URI to schema, a callable of one URI, or a `referencing.Registry`; nothing is fetched.
    ``base_uri``: the URI of this schema.
    """

    schema: Any
    order: Literal["any", "schema"] = "any"
    whitespace: Literal["bounded", "compact", "any"] = "bounded"
    formats: Literal["assert", "strict", "annotate"] = "assert"
    approximate: tuple[str, ...] = ()
    dialect: str | None = None
    registry: Any = None
    base_uri: str = ""
    openapi_formats: bool = False

    def __post_init__(self) -> None:
        _check_choice("order", self.order, _ORDERS)
        _check_choice("whitespace", self.whitespace, _WHITESPACES)
        _check_choice("formats", self.formats, _FORMATS)
        if self.openapi_formats and self.formats == "annotate":
            raise ValueError('openapi_formats=True asserts formats, formats="annotate" asserts none')
        unknown = sorted(set(self.approximate) - KNOWN_APPROXIMATIONS)
        if unknown:
            raise ValueError(f"approximate may name {sorted(KNOWN_APPROXIMATIONS)}, not {unknown}")
        if self.dialect is not None and dialect_by_name(self.dialect) is None:
            raise ValueError(f"there is no dialect {self.dialect!r}")

    def lower(self, limits: Limits) -> SchemaSource:
        """Check the schema and make it a component source.

        Raises InvalidSource for a malformed schema, UnsupportedFeature for keywords that cannot be
        enforced (each with all findings), UnsatisfiableSchema where no value is allowed.
        """
        schema = _parse(self.schema, limits) if isinstance(self.schema, str) else self.schema
        dialect = self._dialect_of(schema)
        references = References(schema, dialect, base_uri=self.base_uri, registry=self.registry)
        reader = SchemaReader(
            schema,
            references,
            formats=self.formats,
            openapi_formats=self.openapi_formats,
            approximate=self.approximate,
            limits=limits,
        )
        reader.read()
        return SchemaSource(reader, ordered=self.order == "schema", whitespace=self.whitespace, limits=limits)

    def _dialect_of(self, schema: Any) -> Dialect:
        fallback = LATEST if self.dialect is None else dialect_by_name(self.dialect)
        assert fallback is not None
        if not isinstance(schema, dict) or "$schema" not in schema:
            return fallback
        named = schema["$schema"]
        if not isinstance(named, str):
            raise InvalidSource(Finding("invalid-value", "$schema must be a string", "$schema", "/$schema"))
        if named.removesuffix("#") == DRAFT_3_URI:
            message = "draft 3 is not supported"
            raise UnsupportedFeature(Finding("unsupported-keyword", message, "$schema", "/$schema"))
        return dialect_by_uri(named) or fallback


@dataclass(frozen=True)
class AnyJson:
    """Every JSON text (with unique keys)."""

    whitespace: Literal["bounded", "compact", "any"] = "bounded"

    def __post_init__(self) -> None:
        _check_choice("whitespace", self.whitespace, _WHITESPACES)

    def lower(self, limits: Limits) -> SchemaSource:
        """The component source of the schema ``true``."""
        return JsonSchema(True, whitespace=self.whitespace).lower(limits)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse(text: str, limits: Limits) -> Any:
    if len(text) > limits.source_bytes:
        raise LimitExceeded("source_bytes", limits.source_bytes, len(text), "the schema")
    try:
        try:
            return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
        except json.JSONDecodeError:
            raise
        except ValueError:  # an integer that is too long for int(), or a constant that is refused again
            return json.loads(text, parse_float=Decimal, parse_int=_integer, parse_constant=_refuse_constant)
    except RecursionError:
        raise LimitExceeded("source_depth", limits.source_depth, None, "the schema") from None
    except json.JSONDecodeError as error:
        finding = Finding("syntax", f"the schema is not JSON: {error.msg}", None, None, error.lineno, error.colno)
        raise InvalidSource(finding) from None
    except ValueError as error:
        raise InvalidSource(Finding("syntax", f"the schema is not JSON: {error}", pointer="")) from None


def _integer(text: str) -> int | Decimal:
    """An integer of any length; `int` refuses those of more than 4,300 digits."""
    return int(text) if len(text) <= 4_000 else Decimal(text)
