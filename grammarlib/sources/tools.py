"""What chat APIs take as a constraint: response formats and tool definitions, as JSON Schemas.

Purpose: the dicts of a request compile as they are.  A response format is its schema, one tool is its arguments,
a list of tools is a call of one of them: ``{"name": ..., "arguments": {...}}``, the text that the chat templates of
Hermes, Qwen and others write and their parsers read.
Place: called by ``compile``.  Cost: a look at the keys; parameters are not copied.

A form is recognised by its ``type``, which no JSON Schema has, or by ``name`` beside ``input_schema`` (Anthropic) or
``inputSchema`` (Model Context Protocol).  What could be both a form and a schema is refused with what to write.
``strict`` changes nothing: schemas are enforced exactly, whatever it says.
Not taken: the markup around a call, such as ``<tool_call>``, which differs from template to template.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from grammarlib.errors import Finding, InvalidSource, UnsupportedFeature
from grammarlib.sources.jsonschema.keywords import ALL_KEYWORDS, LATEST
from grammarlib.sources.python_types import TypedSchema, is_function, name_of_function, schema_of_function

_FORMAT_KEYS: Final = frozenset(("name", "description", "schema", "strict"))
_FUNCTION_KEYS: Final = frozenset(("name", "description", "parameters", "strict"))
_TOOL_KEYS: Final = frozenset(
    (
        "name",
        "title",
        "description",
        "type",
        "strict",
        "annotations",
        "icons",
        "execution",
        "outputSchema",
        "_meta",
        "cache_control",
        "defer_loading",
        "allowed_callers",
        "input_examples",
        "eager_input_streaming",
    )
)
"""What may stand beside ``input_schema`` or ``inputSchema``; none of it says anything about arguments."""

_INPUT_KEYS: Final = ("input_schema", "inputSchema")

_MARKS: Final = frozenset(
    (
        "function",
        "functions",
        "input_schema",
        "inputSchema",
        "json_schema",
        "parameters",
        "response_format",
        "schema",
        "tools",
    )
)
"""Keys that some API gives a schema under; a dict with one of them and no keyword of JSON Schema is no schema."""

_NO_ARGUMENTS: Final = {"type": "object", "properties": {}, "additionalProperties": False}
"""A function without ``parameters`` takes none."""


@dataclass(frozen=True, slots=True)
class _Tool:
    """One tool: its name, the schema of its arguments, how they are read (None: as JSON data)."""

    name: str
    arguments: dict[str, Any]
    read: Callable[[str | bytes], Any] | None = None


def schema_of_form(source: Mapping[str, Any]) -> TypedSchema | None:
    """The schema of a response format or of one tool's arguments; None for what is no form, a plain schema.

    Raises InvalidSource for a form that is incomplete, has unknown members or could be a schema as well.
    """
    kind = source.get("type")
    if kind == "json_schema":
        return TypedSchema(_response_schema(source))
    if kind == "json_object":
        _refuse_others(source, frozenset(("type",)), "response_format")
        return TypedSchema({"type": "object"})
    if kind == "text":
        _refuse("the response format 'text' is no constraint", "leave the constraint out: None in samplers.generate")
    tool = _tool(source)
    if tool is not None:
        return TypedSchema(_object_schema(tool))
    known = source.keys() & LATEST.asserting or source.keys() & _CORE
    marks = sorted(source.keys() & _MARKS)
    if marks and not known:
        _refuse(
            f"a dict with {', '.join(map(repr, marks))} and without a keyword of JSON Schema is ambiguous",
            'pass the schema itself, a tool as {"type": "function", "function": {...}}, or gl.JsonSchema(...) '
            "if every value shall be allowed",
            "ambiguous-source",
        )
    return None


def schema_of_tools(tools: Sequence[Any]) -> TypedSchema:
    """The schema of a call of one of ``tools``, definitions or functions: ``{"name": ..., "arguments": {...}}``.

    ``read`` gives the call as a dict, the arguments typed where the tool is a function.
    Raises InvalidSource where there is no tool, something else among them, or one name twice.
    """
    if not tools:
        _refuse("an empty list holds no tool", "pass at least one tool")
    found: dict[str, _Tool] = {}
    for index, source in enumerate(tools):
        tool = None
        if isinstance(source, Mapping):
            tool = _tool(source)
        elif is_function(source):
            typed = schema_of_function(source)
            tool = _Tool(name_of_function(source), typed.schema, typed.read)
        if tool is None:
            _refuse(
                f"item {index} of a list of tools is none: {_shown(source)}",
                "a list is a list of tools: functions, or definitions as OpenAI and Anthropic write them; "
                "for choices write gl.Choice([...])",
                "source-type",
            )
        if tool.name in found:
            _refuse(f"two tools have the name {tool.name!r}", "rename one")
        found[tool.name] = tool
    definitions = {}
    calls = []
    for index, tool in enumerate(found.values()):
        definitions[tool.name] = _embedded(tool.arguments, index)
        members = {"name": {"const": tool.name}, "arguments": _object_reference(tool)}
        calls.append(
            {"type": "object", "properties": members, "required": ["name", "arguments"], "additionalProperties": False}
        )
    schema = {"anyOf": calls, "$defs": definitions}
    return TypedSchema(schema, None if all(tool.read is None for tool in found.values()) else _call_reader(found))


def _response_schema(source: Mapping[str, Any]) -> Any:
    """The schema of ``{"type": "json_schema"}``, under ``json_schema`` or beside ``type``."""
    members: Any = source
    if "json_schema" in source:
        _refuse_others(source, frozenset(("type", "json_schema")), "response_format")
        members = source["json_schema"]
        if not isinstance(members, Mapping):
            _refuse("json_schema must be an object", 'write {"name": ..., "schema": {...}}')
        _refuse_others(members, _FORMAT_KEYS, "json_schema")
    else:
        _refuse_others(members, _FORMAT_KEYS | {"type"}, "response_format")
    if not isinstance(members.get("schema"), dict | bool):
        _refuse(
            "the response format 'json_schema' has no schema",
            'write it under "schema"; for any JSON object write {"type": "json_object"}',
        )
    return members["schema"]


def _tool(source: Mapping[str, Any]) -> _Tool | None:
    """The tool that a definition describes; None for what is no definition."""
    if source.get("type") == "function":
        function: Any = source
        if "function" in source:
            _refuse_others(source, frozenset(("type", "function")), "tool")
            function = source["function"]
            if not isinstance(function, Mapping):
                _refuse("function must be an object", 'write {"name": ..., "parameters": {...}}')
            _refuse_others(function, _FUNCTION_KEYS, "function")
        else:
            _refuse_others(function, _FUNCTION_KEYS | {"type"}, "function")
        return _Tool(_name(function), _arguments(function.get("parameters", _NO_ARGUMENTS), "parameters"))
    given = [key for key in _INPUT_KEYS if key in source]
    if given and "name" in source and source.get("type", "custom") == "custom":
        if len(given) == 2:
            _refuse("a tool has both input_schema and inputSchema", "leave one out")
        _refuse_others(source, _TOOL_KEYS | {*given}, "tool")
        return _Tool(_name(source), _arguments(source[given[0]], given[0]))
    if source.get("type") == "custom":
        raise UnsupportedFeature(
            Finding(
                code="tool",
                message="a custom tool takes text, not arguments",
                keyword="type",
                hint="compile the grammar of its format: gl.Lark(...) or gl.Regex(...)",
            )
        )
    return None


def _name(source: Mapping[str, Any]) -> str:
    name = source.get("name")
    if not isinstance(name, str) or not name:
        _refuse("a tool has no name", 'write it under "name"')
    return name


def _arguments(schema: Any, key: str) -> dict[str, Any]:
    if not isinstance(schema, dict):
        _refuse(f"{key} of a tool must be a JSON Schema, an object", "leave it out if there are no arguments")
    return schema


def _object_schema(tool: _Tool) -> dict[str, Any]:
    """The arguments of a tool, which are an object even where its schema does not say so."""
    if tool.arguments.get("type") == "object":
        return tool.arguments
    return {**_object_reference(tool), "$defs": {tool.name: _embedded(tool.arguments, 0)}}


def _object_reference(tool: _Tool) -> dict[str, Any]:
    name = tool.name.replace("~", "~0").replace("/", "~1").replace("%", "%25")
    return {"type": "object", "$ref": f"#/$defs/{name}"}


def _embedded(schema: dict[str, Any], number: int) -> dict[str, Any]:
    """The schema as a document of its own, so that its ``#`` means itself."""
    return schema if isinstance(schema.get("$id"), str) else {"$id": f"urn:grammarlib:tool:{number}", **schema}


def _call_reader(tools: Mapping[str, _Tool]) -> Callable[[str | bytes], Any]:
    def read(text: str | bytes) -> Any:
        members = _member_texts(text if isinstance(text, str) else text.decode())
        name = json.loads(members["name"])
        reader = tools[name].read or json.loads
        return {"name": name, "arguments": reader(members["arguments"])}

    return read


def _member_texts(text: str) -> dict[str, str]:
    """The text of each member of a JSON object: values are read once, by whoever knows their types."""
    decoder = json.JSONDecoder()
    found: dict[str, str] = {}
    at = text.index("{") + 1
    while True:
        key, at = decoder.raw_decode(text, text.index('"', at))
        start = text.index(":", at) + 1
        while text[start] in " \n\r\t":
            start += 1
        _, at = decoder.raw_decode(text, start)
        found[key] = text[start:at]
        if text[at:].lstrip()[:1] != ",":
            return found


_CORE: Final = frozenset(name for name, keyword in LATEST.keywords.items() if keyword.status == "core") | (
    ALL_KEYWORDS - LATEST.keywords.keys()
)
"""Keywords that tell a schema apart from a form beside those that assert: identifiers, definitions, older drafts'."""


def _refuse_others(members: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    others = [key for key in members if key not in known]
    if others:
        _refuse(
            f"{what} has members that are not known: {', '.join(map(repr, others))}",
            f"known are {', '.join(sorted(known))}; a JSON Schema that looks so goes into gl.JsonSchema(...)",
        )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse(message: str, hint: str, code: str = "tool") -> NoReturn:
    raise InvalidSource(Finding(code=code, message=message, hint=hint))
