"""Python types and function signatures as JSON Schemas, and the typed value of a text.

Purpose: pydantic models, dataclasses, TypedDicts, NamedTuples, enums, literals, unions, annotated and generic types
become the schema of what pydantic reads from JSON; a function becomes the schema of its arguments by name.
Place: called by ``compile``; the schema goes the way of every `JsonSchema`.
Cost: what pydantic takes, 50 us to some milliseconds.

The schema is pydantic's own but where its texts could not be read back, or not fast: `_Schemas` says where.  What no
schema can say (validators in Python, the bounds of a number in a string) is left to `TypedSchema.read`.
Not taken: calling the function (``parse`` must not do what the text asks for), and fields of ``create_model`` for its
parameters (names such as ``schema`` or ``_x`` are none).
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Any, Final, Literal, NoReturn

import pydantic
import typing_extensions
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from grammarlib.errors import Finding, InvalidSource

_ANNOTATIONS: Final = tuple(
    dict.fromkeys(
        getattr(module, name)
        for module in (typing, typing_extensions)
        for name in ("NewType", "TypeAliasType")
        if hasattr(module, name)
    )
)
"""The classes of what names a type without being one."""

_INTEGER_TEXT: Final = "^(0|-?[1-9][0-9]{0,17})$"
_NUMBER_TEXT: Final = r"^-?[0-9]+(\.[0-9]+)?$"
_DECIMAL_TEXT: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_DURATION_TEXT: Final = (
    r"^-?P(?=[0-9T])([0-9]{1,8}D)?(T(?=[0-9])([0-9]{1,8}H)?([0-9]{1,8}M)?([0-9]{1,8}(\.[0-9]{1,6})?S)?)?$"
)
_ONE_LINE: Final = r"^[^\n]*$"

_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?P<tail>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)')
_LONGEST_INTEGER: Final = 4_000
_EXACT: Final = Context(prec=100_000, Emax=MAX_EMAX, Emin=MIN_EMIN)


@dataclass(frozen=True, slots=True)
class TypedSchema:
    """A schema, and how the value of a text that satisfies it is read.

    ``read`` takes JSON text; None where JSON data is all there is.  It may raise `pydantic.ValidationError`, a
    ValueError, where a validator asks for more than a schema can say.
    """

    schema: Any
    read: Callable[[str | bytes], Any] | None = None


def is_type(source: object) -> bool:
    """Whether ``source`` is something that annotates a value: a class, a generic or special form, a named alias."""
    return isinstance(source, (type, pydantic.TypeAdapter, *_ANNOTATIONS)) or typing.get_origin(source) is not None


def is_function(source: object) -> bool:
    """Whether ``source`` is something to call whose parameters can be looked at; classes are types, not functions."""
    if isinstance(source, (type, pydantic.TypeAdapter, *_ANNOTATIONS)) or typing.get_origin(source) is not None:
        return False
    return inspect.isroutine(source) or isinstance(source, functools.partial) or inspect.ismethod(_call_of(source))


def schema_of_type(source: Any) -> TypedSchema:
    """The schema of a type, or of a `pydantic.TypeAdapter`.

    Raises InvalidSource where pydantic knows no schema for it.
    """
    with _Refusals(source):
        adapter = source if isinstance(source, pydantic.TypeAdapter) else pydantic.TypeAdapter(_modern(source))
        return TypedSchema(adapter.json_schema(schema_generator=_Schemas), _reader(adapter))


def schema_of_function(function: Callable[..., Any]) -> TypedSchema:
    """The schema of a function's arguments: an object with a member for each parameter.

    Parameters without a default are required, those without an annotation take any JSON, ``**names`` take members
    of their annotation.  ``read`` gives the arguments as a dict, typed, with the defaults of those that are not
    given; the function is not called.
    Raises InvalidSource for parameters that have no name for a caller (``/``, ``*args``), for annotations without a
    schema, and for functions that do not tell their signature.
    """
    name = name_of_function(function)
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError) as error:
        _refuse(f"the signature of {name} is not known: {error}", "wrap it in a function with annotated parameters")
    nameless = [
        str(parameter)
        for parameter in signature.parameters.values()
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    ]
    if nameless:
        _refuse(
            f"parameters of {name} have no name that JSON could give: {', '.join(nameless)}",
            "arguments are members of an object: make them parameters with names, a list in place of *args",
        )
    annotated = _plain_function(function)
    with _Refusals(function):
        hints = typing_extensions.get_type_hints(annotated, include_extras=True)

    def arguments(**given: Any) -> dict[str, Any]:
        return given

    # What pydantic looks at to find the parameters and to resolve annotations that are text.
    arguments.__name__ = arguments.__qualname__ = name
    arguments.__module__ = getattr(annotated, "__module__", __name__)
    arguments.__doc__ = None
    arguments.__annotations__ = {key: _modern(hint) for key, hint in hints.items()}
    arguments.__wrapped__ = annotated  # type: ignore[attr-defined]
    arguments.__signature__ = signature  # type: ignore[attr-defined]
    with _Refusals(function):
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(typing.cast(Any, arguments))
        return TypedSchema(adapter.json_schema(schema_generator=_Schemas), _reader(adapter))


def _reader(adapter: pydantic.TypeAdapter[Any]) -> Callable[[str | bytes], Any]:
    def read(text: str | bytes) -> Any:
        return adapter.validate_json(_with_plain_integers(text if isinstance(text, str) else text.decode()))

    return read


def _with_plain_integers(text: str) -> str:
    """JSON text with numbers such as ``1e3`` and ``2.0`` written as digits: pydantic reads others as floats.

    Numbers that need more digits than `int` takes stay; zeros do too, for the sign of ``-0.0``.
    """
    return _TOKENS.sub(_plain_integer, text)


def _plain_integer(token: re.Match[str]) -> str:
    text = token[0]
    if text[0] == '"' or not token["tail"]:
        return text
    try:
        digits = Decimal(text)
    except InvalidOperation:  # an exponent that is no machine word
        return text
    if not digits or not digits.is_finite() or abs(digits.adjusted()) > _LONGEST_INTEGER:
        return text
    sign, figures, exponent = digits.normalize(_EXACT).as_tuple()
    if not isinstance(exponent, int) or exponent < 0:
        return text
    return "-" * sign + "".join(map(str, figures)) + "0" * exponent


def name_of_function(function: object) -> str:
    """The name by which a caller knows it."""
    found = getattr(function, "__name__", None)
    if isinstance(found, str):
        return found
    if isinstance(function, functools.partial):
        return name_of_function(function.func)
    return type(function).__name__


def _plain_function(function: Any) -> Any:
    """What carries the annotations."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = _call_of(function)
    return getattr(function, "__func__", function)


def _call_of(source: object) -> object:
    return getattr(source, "__call__", None)  # noqa: B004  - the bound method itself is wanted


class _Refusals:
    """Turns what pydantic raises for ``source`` into InvalidSource."""

    def __init__(self, source: object) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> Literal[False]:
        if isinstance(error, pydantic.errors.PydanticErrorMixin | NameError | TypeError | RecursionError):
            what = name_of_function(self._source) if is_function(self._source) else repr(self._source)
            first = str(error).partition("\n")[0]
            raise InvalidSource(
                Finding(code="type", message=f"{what} has no JSON Schema: {first}", hint="pass a JSON Schema")
            ) from error
        return False


def _refuse(message: str, hint: str) -> NoReturn:
    raise InvalidSource(Finding(code="type", message=message, hint=hint))


class _Schemas(GenerateJsonSchema):
    """Pydantic's schemas, changed where they allow texts that pydantic does not read, or cost more than they say.

    * The branches of a tagged union exclude each other: ``anyOf`` with the tag required, in place of ``oneOf``.
    * Keys of a dict that are no strings are texts of their values.
    * URLs of certain schemes have them.  Decimals and durations in strings have the forms that pydantic reads;
      date-times and times end with their line.
    * A choice of a union that has no schema is refused, not left out; so is ``type[...]``, which no JSON is.
    """

    ignored_warning_types = {"non-serializable-default"}  # a default constrains nothing

    def emit_warning(self, kind: Any, detail: str) -> None:
        """A choice that would be skipped is an error; other warnings are pydantic's."""
        if kind == "skipped-choice":
            raise pydantic.errors.PydanticInvalidForJsonSchema(detail)
        super().emit_warning(kind, detail)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """``anyOf``, with the tag required in each branch."""
        found = super().tagged_union_schema(schema)
        tag = found.get("discriminator", {}).get("propertyName")
        if tag is None:  # a function picks the branch; pydantic does not say which values it takes
            return found
        branches = [{"allOf": [branch], "required": [tag]} for branch in found["oneOf"]]
        return {"anyOf": branches}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Names are what pydantic reads keys of this type from."""
        found = super().dict_schema(schema)
        names = self._names_of(schema.get("keys_schema"))
        if names is not None:
            found["propertyNames"] = names
        return found

    def _names_of(self, keys: CoreSchema | None) -> JsonSchemaValue | None:
        """The texts of keys that are not strings; None where pydantic's own schema holds."""
        kind = None if keys is None else keys["type"]
        if kind == "int":
            return {"pattern": _INTEGER_TEXT}
        if kind == "float":
            return {"pattern": _NUMBER_TEXT}
        if kind == "decimal":
            return {"pattern": _DECIMAL_TEXT}
        if kind == "bool":
            return {"enum": ["true", "false"]}
        if kind == "timedelta":
            return {"pattern": _DURATION_TEXT}
        if kind == "enum" and keys is not None and keys.get("sub_type") == "int":
            return {"enum": [str(int(member.value)) for member in keys["members"]]}
        return None

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A number, or the text of one."""
        found = super().decimal_schema(schema)
        for branch in found.get("anyOf", (found,)):
            if branch.get("type") == "string":
                branch.setdefault("pattern", _DECIMAL_TEXT)
        return found

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        """The durations of ISO 8601 that pydantic reads: days and smaller, whole but for the seconds."""
        found = super().timedelta_schema(schema)
        if found.get("format") == "duration":
            found["pattern"] = _DURATION_TEXT
        return found

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """The checker of date-time takes a line feed at the end, pydantic does not."""
        return _on_one_line(super().datetime_schema(schema))

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        """As date-times."""
        return _on_one_line(super().time_schema(schema))

    def url_schema(self, schema: core_schema.UrlSchema) -> JsonSchemaValue:
        """URLs of certain schemes begin with one of them."""
        found = super().url_schema(schema)
        schemes = schema.get("allowed_schemes")
        if schemes:
            found["pattern"] = f"^({'|'.join(map(re.escape, schemes))})://[A-Za-z0-9]"
        return found

    def is_subclass_schema(self, schema: core_schema.IsSubclassSchema) -> JsonSchemaValue:
        """No JSON is a class."""
        return self.handle_invalid_for_json_schema(schema, "type[...]")

    def arguments_schema(self, schema: core_schema.ArgumentsSchema) -> JsonSchemaValue:
        """Arguments by name; with ``**names: Unpack[...]``, the members of that TypedDict beside them."""
        if schema.get("var_kwargs_mode") != "unpacked-typed-dict":
            return super().arguments_schema(schema)
        plain = super().arguments_schema(
            {**schema, "var_kwargs_mode": "uniform", "var_kwargs_schema": core_schema.any_schema()}
        )
        plain.pop("additionalProperties", None)
        return {**plain, "allOf": [self.generate_inner(schema["var_kwargs_schema"])], "unevaluatedProperties": False}


def _on_one_line(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {**schema, "pattern": _ONE_LINE} if schema.get("type") == "string" else schema


def _modern(source: Any) -> Any:
    """``source`` with TypedDicts that pydantic reads: before Python 3.12 those of `typing` lack what it asks for.

    Looks into generic types and the members of TypedDicts.  One that holds itself is left as it is, and pydantic
    says what to do.
    """
    if sys.version_info >= (3, 12):
        return source
    return _rebuilt(source, ())


_PRESENCE: Final[tuple[Any, ...]] = (typing.Required, typing.NotRequired)
_new_typed_dict: Final[Any] = typing_extensions.TypedDict
_new_annotated: Final[Any] = typing.Annotated


def _rebuilt(source: Any, path: tuple[Any, ...]) -> Any:
    if type(source).__module__ == "typing" and typing.is_typeddict(source):
        if source in path:
            return source
        inside = (*path, source)
        members: dict[str, Any] = {}
        for name, hint in typing_extensions.get_type_hints(source, include_extras=True).items():
            while typing.get_origin(hint) in _PRESENCE:
                (hint,) = typing.get_args(hint)
            form = _PRESENCE[0] if name in source.__required_keys__ else _PRESENCE[1]
            members[name] = form[_rebuilt(hint, inside)]
        made = _new_typed_dict(source.__name__, members)
        made.__module__, made.__doc__ = source.__module__, source.__doc__
        if hasattr(source, "__pydantic_config__"):
            made.__pydantic_config__ = source.__pydantic_config__
        return made
    arguments = typing.get_args(source)
    origin: Any = typing.get_origin(source)
    if not arguments or origin in (typing.Literal, typing_extensions.Literal):
        return source
    if origin is typing.Annotated:
        changed = (_rebuilt(arguments[0], path), *arguments[1:])
    else:
        changed = tuple(_rebuilt(one, path) for one in arguments)
    if all(one is other for one, other in zip(changed, arguments, strict=True)):
        return source
    if origin is types.UnionType:
        return functools.reduce(lambda left, right: typing.Union[left, right], changed)  # noqa: UP007
    if origin is typing.Annotated:
        return _new_annotated[changed]
    if hasattr(source, "copy_with"):
        return source.copy_with(changed)
    return origin[changed] if hasattr(origin, "__class_getitem__") else source
