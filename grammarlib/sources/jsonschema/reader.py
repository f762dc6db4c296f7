"""Read a schema once, eagerly: check what is reachable, and make the nodes that the lazy part works on.

Purpose: every refusal but a limit happens here.  The reader walks what is *reachable* from the
root through live keywords, checks every value that it meets, and collects all findings.  What
comes out is a list of nodes (`nodes`), numbered; a child or target is the number of its node.
Place: `JsonSchema.lower` runs it; `lower` (the lazy part) reads its nodes.
Cost: about 1 us per keyword; a pattern is parsed once for each distinct text.  Leaves that say the same
share a node, a schema that is only a ``$ref`` is its target: fewer components for the machine.
Not taken: validating against the metaschema first (1.4 ms in the median, 56 ms at p99): it finds
mistakes in unreachable places, and still does not find a broken ``$ref``.

Long because each keyword has a handler, 5 to 30 lines, in the second half.  A handler asks the reader for the nodes of
subschemas, and the reader runs handlers for these: only a protocol of a dozen methods could part them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from grammarlib.errors import CompileError, Finding, InvalidSource, LimitExceeded, UnsupportedFeature
from grammarlib.ir import regex
from grammarlib.limits import Limits
from grammarlib.sources.jsonschema import values
from grammarlib.sources.jsonschema.checks import Check, format_check, pattern_check
from grammarlib.sources.jsonschema.formats import NOT_REGULAR, OPENAPI_FORMATS, OPENAPI_NUMBERS, format_language
from grammarlib.sources.jsonschema.keywords import (
    DIALECTS,
    DRAFT_3_URI,
    SPECIFIED_FORMATS,
    SUBSCHEMA_KEYWORDS,
    Dialect,
)
from grammarlib.sources.jsonschema.nodes import FALSE_NODE, TRUE_NODE, SchemaNode
from grammarlib.sources.jsonschema.references import (
    Base,
    Place,
    ReferenceFailure,
    References,
    Target,
    pointer_of,
)
from grammarlib.sources.jsonschema.values import (
    ANY,
    ARRAY,
    FRACTION,
    NUMBER,
    OBJECT,
    STRING,
    TYPE_BITS,
    TYPE_BITS_DRAFT_4,
    canonical_set,
    exact_decimal,
    numbers_in,
    types_of,
)
from grammarlib.sources.regex import search_pattern

NUMBER_MAGNITUDE: Final = 2_000
"""The largest exponent, and count of digits, of a number in a schema: arithmetic stays cheap."""

LARGEST_COUNT: Final = 2**31 - 1
"""The largest length or number of items that counts: no text that fits the machine has more."""

FINDINGS: Final = 1_000
"""How many findings of each kind are collected."""


class _ReadAgain(Exception):
    """Something was met that changes how everything is read; a flag of the reader says what."""


Handler = Callable[["SchemaReader", SchemaNode, Any, dict[str, Any], Place, Base, str], None]


class SchemaReader:
    """One reading of one schema; `read` raises with every finding at once."""

    def __init__(
        self,
        schema: Any,
        references: References,
        *,
        formats: str = "assert",
        openapi_formats: bool = False,
        approximate: Collection[str] = (),
        limits: Limits,
    ) -> None:
        self.references = references
        self.annotates = False
        self._schema = schema
        self._formats = formats
        self._openapi_formats = openapi_formats
        self._approximate = approximate
        self._limits = limits
        self._patterns: dict[str, regex.Node | tuple[bool, tuple[Finding, ...]]] = {}
        self._other_handlers: dict[int, MappingProxyType[str, Handler]] = {}
        self._forget()

    def _forget(self) -> None:
        """The state before anything is read."""
        nothing = SchemaNode()
        nothing.types = 0
        self.nodes: list[SchemaNode] = [SchemaNode(), nothing]
        self.places: list[Place] = [None, None]
        self.visited: list[tuple[Any, Place, Dialect]] = []
        self.approximated: list[Finding] = []
        self.root = TRUE_NODE
        self._by_identity: dict[tuple[int, int], int] = {}
        self._by_content: dict[frozenset[tuple[str, Any]], int] = {frozenset(vars(nothing).items()): FALSE_NODE}
        self._queue: list[tuple[SchemaNode, dict[str, Any], Place, Base, int]] = []
        self._place: Place = None
        self._depth = 0
        self._invalid: list[Finding] = []
        self._unsupported: list[Finding] = []

    def read(self) -> None:
        """Walk everything reachable.  Raises InvalidSource or UnsupportedFeature with all findings."""
        while True:
            try:
                self._walk()
                break
            except _ReadAgain:
                self._forget()
        if self._invalid:
            raise InvalidSource(self._invalid + self._unsupported)
        if self._unsupported:
            raise UnsupportedFeature(self._unsupported)

    def _walk(self) -> None:
        self.root = self.child(self._schema, None, self.references.root)
        queue = self._queue
        for node, schema, place, base, depth in queue:  # grows while it is walked
            self._place = place
            self._depth = depth
            self._fill(node, schema, place, base)
        queue.clear()

    def annotate(self) -> None:
        """From now on, and in what was read already, keep what tells which members and items are evaluated."""
        if not self.annotates:
            self.annotates = True
            raise _ReadAgain

    def new_node(self, node: SchemaNode, place: Place) -> int:
        """Number a node."""
        self.nodes.append(node)
        self.places.append(place)
        return len(self.nodes) - 1

    def child(self, schema: Any, place: Place, base: Base) -> int:
        """The number of the node of a subschema that stands under ``base``."""
        if schema is True:
            return TRUE_NODE
        if schema is False:
            return FALSE_NODE
        known = self._by_identity.get((id(schema), base.context))
        if known is not None:
            return known
        return self._entered(schema, place, self.references.enter(schema, place, base))

    def target(self, schema: Any, place: Place, base: Base) -> int:
        """As `child` for what a reference leads to: ``base`` is the one inside ``schema``."""
        if isinstance(schema, bool):
            return TRUE_NODE if schema else FALSE_NODE
        return self._entered(schema, place, base)

    def _entered(self, schema: Any, place: Place, base: Base) -> int:
        """The number of a node, which is read now (a leaf) or queued; ``base`` holds inside."""
        identity = (id(schema), base.context)
        known = self._by_identity.get(identity)
        if known is not None:
            return known
        if type(schema) is not dict and not isinstance(schema, dict):
            self.invalid(place, None, f"a schema must be an object or a boolean, not {_kind(schema)}")
            return TRUE_NODE
        if "$schema" in schema and not self._knows_dialect(schema, place, base):
            return TRUE_NODE
        if not SUBSCHEMA_KEYWORDS.isdisjoint(schema):
            return self._branching(schema, place, base)
        node = SchemaNode()
        self._fill(node, schema, place, base)
        content = vars(node)
        if not content:
            number = TRUE_NODE
        else:
            signature = frozenset(content.items())
            number = self._by_content.get(signature, -1)
            if number < 0:
                number = self.new_node(node, place)
                self._by_content[signature] = number
        self._by_identity[identity] = number
        return number

    def _knows_dialect(self, schema: dict[str, Any], place: Place, base: Base) -> bool:
        """Whether a schema with a ``$schema`` can be read; else that is recorded."""
        named = schema["$schema"]
        if not isinstance(named, str):
            self.invalid(place, "$schema", f"$schema must be a string, not {_kind(named)}")
            return False
        known = named not in (DRAFT_3_URI, DRAFT_3_URI + "#")
        if not known:
            self.unsupported(place, "$schema", "draft 3 is not supported")
        for name in base.dialect.unknown_vocabularies:
            known = False
            self.unsupported(place, "$schema", f"the metaschema requires the unknown vocabulary {name!r}")
        return known

    def _branching(self, schema: Any, place: Place, base: Base) -> int:
        """`child` for a schema that holds or links to others; a mere ``$ref`` is its target."""
        trail: dict[tuple[int, int], None] = {}
        while True:
            identity = (id(schema), base.context)
            known = self._by_identity.get(identity)
            if known is not None:
                break
            if "$ref" not in schema or not _is_mere_reference(schema, base.dialect):
                known = self._queued(schema, place, base)
                self._by_identity[identity] = known
                break
            if identity in trail:
                known = FALSE_NODE  # references in a circle: nothing is ever derived
                break
            trail[identity] = None
            self.visited.append((schema, place, base.dialect))
            target = self.resolve(schema["$ref"], place, base, "$ref")
            if target is None:
                known = TRUE_NODE
                break
            schema, place, base = target.schema, target.place, target.base
            if not isinstance(schema, dict) or SUBSCHEMA_KEYWORDS.isdisjoint(schema):
                known = self.target(schema, place, base)
                break
            if "$schema" in schema and not self._knows_dialect(schema, place, base):
                known = TRUE_NODE
                break
        for identity in trail:
            self._by_identity[identity] = known
        return known

    def _queued(self, schema: dict[str, Any], place: Place, base: Base) -> int:
        """The number of a new node that is read later.  Raises LimitExceeded where ``schema`` lies too deep."""
        depth = 0
        around = place
        while around is not None and around is not self._place:  # one step or two, but for a reference
            around = around[0]
            depth += 1
        if around is not None:
            depth += self._depth
        limits = self._limits
        if depth > limits.source_depth:
            raise LimitExceeded("source_depth", limits.source_depth, depth, "the schema")
        if base.scope and len(self.nodes) >= limits.components:
            raise LimitExceeded("components", limits.components, None, "the dynamic scopes of the schema")
        number = self.new_node(SchemaNode(), place)
        self._queue.append((self.nodes[number], schema, place, base, depth))
        return number

    def resolve(self, reference: Any, place: Place, base: Base, keyword: str) -> Target | None:
        """What a reference leads to, or None, which is recorded."""
        if not isinstance(reference, str):
            self.invalid(place, keyword, f"{keyword} must be a string, not {_kind(reference)}")
            return None
        try:
            target: Target | None = self.references.resolve(reference, base)
            assert target is not None
            if keyword == "$dynamicRef":
                target = self.references.dynamic(reference, target, base)
            elif keyword == "$recursiveRef":
                target = self.references.recursive(target, base)
        except ReferenceFailure as failure:
            self.invalid(place, keyword, str(failure), failure.hint, code="unresolvable-reference")
            return None
        except ValueError as error:  # a URI that urllib cannot split
            self.invalid(place, keyword, f"{keyword} {reference!r} is not a URI reference: {error}")
            return None
        if target is None:
            self.references.follow_dynamic_scope()
            raise _ReadAgain
        return target

    def _fill(self, node: SchemaNode, schema: dict[str, Any], place: Place, base: Base) -> None:
        """Set the attributes of ``node`` from the live keywords of ``schema``."""
        dialect = base.dialect
        self.visited.append((schema, place, dialect))
        handlers = _HANDLERS.get(dialect.key)
        if handlers is None:  # a dialect that leaves out vocabularies
            handlers = self._other_handlers.get(dialect.key)
            if handlers is None:
                handlers = self._other_handlers[dialect.key] = _handlers_of(dialect)
            schema = {name: value for name, value in schema.items() if name in dialect.keywords}
        if "type" in schema:  # these first: they say which other keywords are vacuous
            _type(self, node, schema["type"], place, dialect)
        if "enum" in schema:
            _enum(self, node, schema["enum"], place)
        if "const" in schema and dialect.number >= 6:
            _restrict(self, node, [schema["const"]], place, "const")
        for keyword, value in schema.items():
            handler = handlers.get(keyword)
            if handler is not None:
                handler(self, node, value, schema, place, base, keyword)

    def pattern(self, text: str, place: Place, node: SchemaNode | None = None) -> regex.Node | None:
        """The parsed pattern, or None where it is refused (which is recorded); ``place`` is the pattern's own.

        A pattern with a backreference may become a check of ``node`` instead.
        """
        found = self._patterns.get(text)
        if found is None:
            try:
                found = search_pattern(text, dialect="ecma", limits=self._limits, surrogates=True, pointer="")
            except CompileError as error:
                found = (isinstance(error, InvalidSource), error.findings)
            self._patterns[text] = found
        if isinstance(found, regex.Node):
            return found
        is_invalid, findings = found
        if not is_invalid and all(finding.keyword == "backreference" for finding in findings):
            check = pattern_check(text) if node is not None else None
            if node is not None and check is not None:
                if not self._approximates("pattern:backreference"):
                    hint = 'approximate=("pattern",) checks it at the end of the string'
                    findings = tuple(replace(finding, hint=hint) for finding in findings)
                else:
                    self._check(node, check, place, "pattern", f"{findings[0].message}; checked at the end")
                    return None
        target = self._invalid if is_invalid else self._unsupported
        pointer = pointer_of(place)
        target.extend(replace(finding, pointer=pointer) for finding in findings[: FINDINGS - len(target)])
        return None

    def _approximates(self, name: str) -> bool:
        return name in self._approximate or name.partition(":")[0] in self._approximate

    def _check(self, node: SchemaNode, check: Check, place: Place, keyword: str, message: str) -> None:
        """Let ``node`` check an assertion at the end of a string, and record that; ``place`` is the keyword's."""
        self.approximated.append(Finding("approximated", message, keyword, pointer_of(place)))
        if check not in node.checked:
            node.checked += (check,)
        node.constrains |= STRING

    def irregular_format(self, name: str, node: SchemaNode, place: Place) -> None:
        """A format that is not regular: checked at the end of a string if the caller says so, else refused."""
        what = f"format {name!r} is not a regular language"
        check = format_check(name)
        if check is None:
            hint = 'install the package "idna", or formats="annotate" ignores formats'
            self.unsupported(place, "format", f"{what} and cannot be enforced exactly", hint)
        elif self._approximates(f"format:{name}"):
            self._check(node, check, (place, "format"), "format", f"{what}; checked at the end")
        else:
            hint = f'approximate=("format:{name}",) checks it at the end of the string, formats="annotate" ignores it'
            self.unsupported(place, "format", f"{what} and cannot be enforced exactly", hint)

    def natural(self, value: Any, place: Place, keyword: str) -> int | None:
        """A count (0, 1, 2 ...; 2.0 counts too); None where it binds nothing or is refused (which is recorded)."""
        if type(value) is int and 0 <= value <= LARGEST_COUNT:
            return value
        number = exact_decimal(value) if not _is_huge(value) else Decimal(LARGEST_COUNT + 1 if value > 0 else -1)
        if number is None or number < 0 or not values.is_integral(number):
            self.invalid(place, keyword, f"{keyword} must be a non-negative integer, not {_show(value)}")
            return None
        if number <= LARGEST_COUNT:
            return int(number)
        if keyword.startswith("min"):
            message = f"{keyword} is larger than {LARGEST_COUNT}"
            self.unsupported(place, keyword, message, code="number-magnitude")
        return None

    def number(self, value: Any, place: Place, keyword: str) -> Decimal | None:
        """An exact number, or None, which is recorded."""
        number = exact_decimal(value) if not _is_huge(value) else _TOO_LARGE
        if number is None:
            self.invalid(place, keyword, f"{keyword} must be a number, not {_show(value)}")
            return None
        if abs(number.adjusted()) > NUMBER_MAGNITUDE or len(number.as_tuple().digits) > NUMBER_MAGNITUDE:
            message = f"{keyword} has more than {NUMBER_MAGNITUDE} digits or a larger exponent"
            self.unsupported(place, keyword, message, code="number-magnitude")
            return None
        return number

    def invalid(
        self, place: Place, keyword: str | None, message: str, hint: str | None = None, *, code: str = "invalid-value"
    ) -> None:
        """Record that the source is malformed."""
        if len(self._invalid) < FINDINGS:
            self._invalid.append(_finding(code, message, place, keyword, hint))

    def unsupported(
        self, place: Place, keyword: str, message: str, hint: str | None = None, *, code: str = "unsupported-keyword"
    ) -> None:
        """Record something well formed that cannot be enforced."""
        if len(self._unsupported) < FINDINGS:
            self._unsupported.append(_finding(code, message, place, keyword, hint))

    def format_is_asserted(self, name: str) -> bool:
        """Whether a format name is one that this reading asserts."""
        if self._formats == "annotate":
            return False
        return name in SPECIFIED_FORMATS or (self._openapi_formats and name in OPENAPI_FORMATS)

    def format_language(self, name: str) -> regex.Node | None:
        """The texts of a regular format, OpenAPI's ``byte`` among them; None for other names."""
        return format_language(name, self._limits)

    def format_must_be_known(self) -> bool:
        """Whether an unknown format name is an error."""
        return self._formats == "strict"


def _is_mere_reference(schema: dict[str, Any], dialect: Dialect) -> bool:
    """Whether nothing beside the ``$ref`` of ``schema`` counts."""
    if dialect.references_stand_alone or len(schema) == 1:
        return True
    asserting = dialect.asserting
    return not any(key in asserting and key != "$ref" for key in schema)


def _finding(code: str, message: str, place: Place, keyword: str | None, hint: str | None) -> Finding:
    if keyword is not None:
        place = (place, keyword)
    return Finding(code=code, message=message, keyword=keyword, pointer=pointer_of(place), hint=hint)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float | Decimal):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else type(value).__name__


_TOO_LARGE: Final = Decimal((0, (1,), 2 * NUMBER_MAGNITUDE))


def _is_huge(value: Any) -> bool:
    """Whether ``value`` is an integer far beyond `NUMBER_MAGNITUDE`: Decimal takes quadratic time for it."""
    return type(value) is int and value.bit_length() > 4 * NUMBER_MAGNITUDE


def _show(value: Any) -> str:
    if isinstance(value, str | list | dict):
        return _kind(value)
    if value is None or isinstance(value, bool):
        return str({None: "null", True: "true", False: "false"}[value])
    return "a huge integer" if _is_huge(value) else repr(value)[:40]


# ---- handlers: one for each live keyword -----------------------------------------------------


def _type(reader: SchemaReader, node: SchemaNode, value: Any, place: Place, dialect: Dialect) -> None:
    type_bits = TYPE_BITS_DRAFT_4 if dialect.number == 4 else TYPE_BITS
    if type(value) is str:
        bits = type_bits.get(value)
        if bits is None:
            reader.invalid(place, "type", f"there is no type {value!r}")
            return
    elif isinstance(value, list):
        bits = 0
        for name in value:
            bit = type_bits.get(name) if isinstance(name, str) else None
            if bit is None:
                shown = repr(name) if isinstance(name, str) else _kind(name)
                reader.invalid((place, "type"), None, f"there is no type {shown}")
                return
            bits |= bit
    else:
        reader.invalid(place, "type", f"type must be a string or an array of strings, not {_kind(value)}")
        return
    bits &= node.types
    if bits != ANY:
        node.types = bits


def _enum(reader: SchemaReader, node: SchemaNode, value: Any, place: Place) -> None:
    if not isinstance(value, list):
        reader.invalid(place, "enum", f"enum must be an array, not {_kind(value)}")
        return
    _restrict(reader, node, value, place, "enum")


def _restrict(reader: SchemaReader, node: SchemaNode, members: list[Any], place: Place, keyword: str) -> None:
    try:
        allowed = canonical_set(members)
    except ValueError as error:
        reader.invalid(place, keyword, str(error))
        return
    for member in allowed:
        if type(member) is not str and member is not None:
            for number in numbers_in(member):
                reader.number(number, place, keyword)
    node.values = allowed if node.values is None else node.values & allowed
    types = node.types & types_of(node.values)
    if types != ANY:
        node.types = types


def _length(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    count = reader.natural(value, place, keyword)
    if count is None or not node.types & STRING:
        return
    if keyword == "minLength":
        if count:
            node.minimum_length = count
            node.constrains |= STRING
    else:
        node.maximum_length = count
        node.constrains |= STRING


def _pattern(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not isinstance(value, str):
        reader.invalid(place, "pattern", f"pattern must be a string, not {_kind(value)}")
        return
    if node.types & STRING:
        _add_language(node, reader.pattern(value, (place, "pattern"), node))


def _add_language(node: SchemaNode, language: regex.Node | None) -> None:
    """The strings of ``node`` also belong to ``language`` (None: it was refused, and a finding says so)."""
    if language is None:
        return
    node.pattern = language if node.pattern is None else regex.intersect(node.pattern, language)
    node.constrains |= STRING


def _format(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not isinstance(value, str):
        reader.invalid(place, "format", f"format must be a string, not {_kind(value)}")
        return
    if not reader.format_is_asserted(value):
        if value not in SPECIFIED_FORMATS and reader.format_must_be_known():
            hint = 'formats="assert" ignores unknown formats'
            if value in OPENAPI_FORMATS:
                hint = f"openapi_formats=True enforces it, {hint}"
            reader.unsupported(place, "format", unknown_format(value), hint)
        return
    numbers = OPENAPI_NUMBERS.get(value)
    if numbers is not None:
        if not node.types & NUMBER:
            return
        if numbers.is_integral and node.types & FRACTION:
            node.types &= ~FRACTION
        _above(node, numbers.lower, numbers.is_open)
        _below(node, numbers.upper, numbers.is_open)
    elif not node.types & STRING:
        return
    elif value in NOT_REGULAR:
        reader.irregular_format(value, node, place)
    else:
        _add_language(node, reader.format_language(value))


def unknown_format(name: str) -> str:
    """Why a format that is not of the specification is not asserted, as a finding says it."""
    if name in OPENAPI_FORMATS:
        return f"format {name!r} is OpenAPI's, and openapi_formats is off"
    return f"format {name!r} is in no specification"


def _bound(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    is_open = keyword.startswith("exclusive")
    if base.dialect.number == 4:
        if is_open:
            if not isinstance(value, bool):
                reader.invalid(place, keyword, f"{keyword} must be a boolean in draft 4, not {_kind(value)}")
            return
        is_open = schema.get("exclusiveMinimum" if keyword == "minimum" else "exclusiveMaximum") is True
    bound = reader.number(value, place, keyword)
    if bound is None or not node.types & NUMBER:
        return
    if keyword in ("minimum", "exclusiveMinimum"):
        _above(node, bound, is_open)
    else:
        _below(node, bound, is_open)


def _above(node: SchemaNode, bound: Decimal, is_open: bool) -> None:
    """The numbers of ``node`` are at least ``bound``, and more where that is open."""
    if node.lower is None or bound > node.lower or (bound == node.lower and is_open):
        node.lower = bound
        node.lower_open = is_open
    node.constrains |= NUMBER


def _below(node: SchemaNode, bound: Decimal, is_open: bool) -> None:
    """The numbers of ``node`` are at most ``bound``, and less where that is open."""
    if node.upper is None or bound < node.upper or (bound == node.upper and is_open):
        node.upper = bound
        node.upper_open = is_open
    node.constrains |= NUMBER


def _multiple_of(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    divisor = reader.number(value, place, keyword)
    if divisor is None:
        return
    if divisor <= 0:
        reader.invalid(place, keyword, f"multipleOf must be greater than 0, not {_show(value)}")
    elif node.types & NUMBER:
        node.multiple_of = divisor
        node.constrains |= NUMBER


def _properties(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not isinstance(value, dict):
        reader.invalid(place, "properties", f"properties must be an object, not {_kind(value)}")
        return
    if not node.types & OBJECT or not value:
        return
    if not all(isinstance(name, str) for name in value):
        reader.invalid(place, "properties", "the names of properties must be strings")
        return
    here = (place, "properties")
    child = reader.child
    node.properties = {name: child(subschema, (here, name), base) for name, subschema in value.items()}
    node.constrains |= OBJECT


def _required(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        hint = None
        if isinstance(value, bool):
            hint = "a boolean is draft 3; since draft 4 the object lists the names that it requires"
        reader.invalid(place, "required", "required must be an array of strings", hint)
        return
    if value and node.types & OBJECT:
        node.required = tuple(dict.fromkeys(value))
        node.constrains |= OBJECT


def _additional_properties(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not node.types & OBJECT:
        return
    child = reader.child(value, (place, keyword), base)
    if child != TRUE_NODE:
        node.additional = child
        node.constrains |= OBJECT
    if reader.annotates:
        node.additional_present = True


def _items(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not node.types & ARRAY:
        return
    if isinstance(value, list):
        if base.dialect.number >= 2020:
            reader.invalid(place, "items", "items must be a schema", "since 2020-12 a list of items is prefixItems")
            return
        _prefix(reader, node, value, place, base, keyword)
        if "additionalItems" in schema:
            _rest(reader, node, schema["additionalItems"], (place, "additionalItems"), base)
        return
    _rest(reader, node, value, (place, keyword), base)


def _rest(reader: SchemaReader, node: SchemaNode, value: Any, place: Place, base: Base) -> None:
    child = reader.child(value, place, base)
    if child != TRUE_NODE:
        node.rest = child
        node.constrains |= ARRAY
    if reader.annotates:
        node.rest_present = True


def _prefix_items(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not isinstance(value, list):
        reader.invalid(place, keyword, f"prefixItems must be an array, not {_kind(value)}")
    elif node.types & ARRAY:
        _prefix(reader, node, value, place, base, keyword)


def _prefix(reader: SchemaReader, node: SchemaNode, value: list[Any], place: Place, base: Base, keyword: str) -> None:
    here = (place, keyword)
    node.prefix = tuple(reader.child(subschema, (here, index), base) for index, subschema in enumerate(value))
    if value:
        node.constrains |= ARRAY


def _item_count(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    count = reader.natural(value, place, keyword)
    if count is None or not node.types & ARRAY:
        return
    if keyword == "minItems":
        _at_least(node, count)
    else:
        _at_most(node, count)


def _at_least(node: SchemaNode, count: int) -> None:
    if count > node.minimum_items:
        node.minimum_items = count
        node.constrains |= ARRAY


def _at_most(node: SchemaNode, count: int) -> None:
    if node.maximum_items is None or count < node.maximum_items:
        node.maximum_items = count
        node.constrains |= ARRAY


def _reference(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    """``$ref``, ``$dynamicRef`` and ``$recursiveRef``."""
    if keyword == "$recursiveRef" and isinstance(value, str) and value != "#":
        reader.invalid(place, keyword, "$recursiveRef must be '#'")
        return
    target = reader.resolve(value, place, base, keyword)
    if target is not None:
        _conjoin(node, reader.target(target.schema, target.place, target.base))


def _conjoin(node: SchemaNode, child: int) -> None:
    if child == FALSE_NODE:
        node.types = 0
    elif child != TRUE_NODE:
        node.all_of += (child,)
        node.in_place = True


def _branches(reader: SchemaReader, value: Any, place: Place, base: Base, keyword: str) -> list[int] | None:
    if not isinstance(value, list):
        reader.invalid(place, keyword, f"{keyword} must be an array, not {_kind(value)}")
        return None
    here = (place, keyword)
    return [reader.child(subschema, (here, index), base) for index, subschema in enumerate(value)]


def _all_of(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    for child in _branches(reader, value, place, base, keyword) or ():
        _conjoin(node, child)


def _any_of(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    branches = _branches(reader, value, place, base, keyword)
    if branches is None or (TRUE_NODE in branches and not reader.annotates):
        return
    members = tuple(dict.fromkeys(branch for branch in branches if branch != FALSE_NODE))
    if not members:
        node.types = 0
    elif len(members) == 1:
        _conjoin(node, members[0])
    else:
        node.any_of += (members,)
        node.in_place = True


def _one_of(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    branches = _branches(reader, value, place, base, keyword)
    if branches is None:
        return
    members = tuple(branch for branch in branches if branch != FALSE_NODE)
    if not members or members.count(TRUE_NODE) > 1:
        node.types = 0
    elif len(members) == 1:
        _conjoin(node, members[0])
    else:
        node.one_of += (members,)
        node.in_place = True


def _not(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    _exclude(node, reader.child(value, (place, keyword), base))


def _exclude(node: SchemaNode, child: int) -> None:
    if child == TRUE_NODE:
        node.types = 0
    elif child != FALSE_NODE:
        node.negated += (child,)
        node.in_place = True


def _if(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    then = schema.get("then", True)
    otherwise = schema.get("else", True)
    if then is True and otherwise is True and not reader.annotates:
        return
    condition = reader.child(value, (place, "if"), base)
    met = reader.child(then, (place, "then"), base) if condition != FALSE_NODE else TRUE_NODE
    unmet = reader.child(otherwise, (place, "else"), base) if condition != TRUE_NODE else TRUE_NODE
    if condition == TRUE_NODE:
        _conjoin(node, met)
    elif condition == FALSE_NODE:
        _conjoin(node, unmet)
    elif met == FALSE_NODE:
        _exclude(node, condition)
        _conjoin(node, unmet)
    elif unmet == FALSE_NODE:
        _conjoin(node, condition)
        _conjoin(node, met)
    elif reader.annotates or met != unmet:
        node.conditionals += ((condition, met, unmet),)
        node.in_place = True
    else:
        _conjoin(node, met)


def _pattern_properties(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not isinstance(value, dict):
        reader.invalid(place, keyword, f"{keyword} must be an object, not {_kind(value)}")
        return
    if not node.types & OBJECT or not value:
        return
    here = (place, keyword)
    shields = reader.annotates or schema.get("additionalProperties", True) is not True
    found: list[tuple[regex.Node, int]] = []
    for text, subschema in value.items():
        if not isinstance(text, str):
            reader.invalid(place, keyword, "the names of patternProperties must be strings")
            return
        language = reader.pattern(text, (here, text))
        child = reader.child(subschema, (here, text), base)
        if language is not None and (shields or child != TRUE_NODE):
            found.append((language, child))
    if found:
        node.pattern_properties = tuple(found)
        node.constrains |= OBJECT


def _property_names(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not node.types & OBJECT:
        return
    child = reader.child(value, (place, keyword), base)
    if child != TRUE_NODE:
        node.property_names = child
        node.constrains |= OBJECT


def _property_count(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    count = reader.natural(value, place, keyword)
    if count is None or not node.types & OBJECT:
        return
    if keyword == "maxProperties":
        node.maximum_properties = count
        node.constrains |= OBJECT
    elif count > _required_count(schema):
        node.minimum_properties = count
        node.constrains |= OBJECT


def _required_count(schema: dict[str, Any]) -> int:
    """How many members ``required`` asks for beside ``minProperties``, which says nothing up to that number."""
    required = schema.get("required")
    return len({name for name in required if isinstance(name, str)}) if isinstance(required, list) else 0


def _dependent_required(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not _is_mapping_of_names(reader, value, place, keyword):
        return
    for name, names in value.items():
        _depend(reader, node, name, names, (place, keyword))


def _depend(reader: SchemaReader, node: SchemaNode, name: str, names: Any, place: Place) -> None:
    """Where ``name`` is present, all of ``names`` are."""
    if not isinstance(names, list) or not all(isinstance(member, str) for member in names):
        reader.invalid(place, name, "what a name depends on must be an array of strings")
    elif names and node.types & OBJECT:
        asked = tuple(member for member in dict.fromkeys(names) if member != name)
        if asked:
            node.dependent_required += ((name, asked),)
            node.constrains |= OBJECT


def _dependent_schemas(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    """``dependentSchemas``, and ``dependencies``, whose members are lists of names or schemas."""
    if not _is_mapping_of_names(reader, value, place, keyword):
        return
    here = (place, keyword)
    for name, subschema in value.items():
        if keyword == "dependencies" and isinstance(subschema, list):
            _depend(reader, node, name, subschema, here)
        elif node.types & OBJECT:
            child = reader.child(subschema, (here, name), base)
            if child != TRUE_NODE:
                node.dependent_schemas += ((name, child),)
                node.constrains |= OBJECT
                node.in_place = True


def _is_mapping_of_names(reader: SchemaReader, value: Any, place: Place, keyword: str) -> bool:
    if not isinstance(value, dict):
        reader.invalid(place, keyword, f"{keyword} must be an object, not {_kind(value)}")
        return False
    if not all(isinstance(name, str) for name in value):
        reader.invalid(place, keyword, f"the names of {keyword} must be strings")
        return False
    return True


def _contains(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    minimum: int | None = 1
    maximum: int | None = None
    live = base.dialect.keywords
    if "minContains" in schema and "minContains" in live:
        minimum = reader.natural(schema["minContains"], place, "minContains")
    if "maxContains" in schema and "maxContains" in live:
        maximum = reader.natural(schema["maxContains"], place, "maxContains")
    if not node.types & ARRAY:
        return
    child = reader.child(value, (place, keyword), base)
    if minimum is None:
        return  # a finding says so
    evaluates = reader.annotates and base.dialect.number >= 2020 and child != FALSE_NODE
    if child == FALSE_NODE:
        if minimum:
            node.types &= ~ARRAY
    elif child == TRUE_NODE:
        _at_least(node, minimum)
        if maximum is not None:
            _at_most(node, maximum)
    if evaluates or (child not in (TRUE_NODE, FALSE_NODE) and (minimum or maximum is not None)):
        node.contains += ((child, minimum, maximum),)
        node.constrains |= ARRAY
    if evaluates:
        node.contains_evaluates = True


def _contains_count(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    """Read by `_contains`; alone it only has to be a count."""
    if "contains" not in schema:
        reader.natural(value, place, keyword)


def _unique_items(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    if not isinstance(value, bool):
        reader.invalid(place, keyword, f"{keyword} must be a boolean, not {_kind(value)}")
    elif value and node.types & ARRAY and not _holds_one_item(schema):
        node.unique_items = True
        node.constrains |= ARRAY


def _holds_one_item(schema: dict[str, Any]) -> bool:
    maximum = schema.get("maxItems")
    return isinstance(maximum, int) and not isinstance(maximum, bool) and maximum <= 1


def _unevaluated(
    reader: SchemaReader, node: SchemaNode, value: Any, schema: dict[str, Any], place: Place, base: Base, keyword: str
) -> None:
    of_objects = keyword == "unevaluatedProperties"
    if not node.types & (OBJECT if of_objects else ARRAY):
        return
    child = reader.child(value, (place, keyword), base)
    if child != TRUE_NODE:
        reader.annotate()
    if not reader.annotates:
        return  # no such keyword asserts anything, so that nobody asks what is evaluated
    if of_objects:
        node.unevaluated_properties = child
        node.constrains |= OBJECT
    else:
        node.unevaluated_items = child
        node.constrains |= ARRAY


_BY_NAME: Final[dict[str, Handler]] = {
    "minLength": _length,
    "maxLength": _length,
    "pattern": _pattern,
    "format": _format,
    "minimum": _bound,
    "maximum": _bound,
    "exclusiveMinimum": _bound,
    "exclusiveMaximum": _bound,
    "multipleOf": _multiple_of,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional_properties,
    "items": _items,
    "prefixItems": _prefix_items,
    "minItems": _item_count,
    "maxItems": _item_count,
    "$ref": _reference,
    "$dynamicRef": _reference,
    "$recursiveRef": _reference,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "patternProperties": _pattern_properties,
    "propertyNames": _property_names,
    "minProperties": _property_count,
    "maxProperties": _property_count,
    "dependencies": _dependent_schemas,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "contains": _contains,
    "minContains": _contains_count,
    "maxContains": _contains_count,
    "uniqueItems": _unique_items,
    "unevaluatedProperties": _unevaluated,
    "unevaluatedItems": _unevaluated,
}


def _handlers_of(dialect: Dialect) -> MappingProxyType[str, Handler]:
    live: dict[str, Handler] = {}
    for name in dialect.keywords:
        if name in _BY_NAME:
            live[name] = _BY_NAME[name]
    return MappingProxyType(live)


_HANDLERS: Final = {dialect.key: _handlers_of(dialect) for dialect in DIALECTS.values()}
