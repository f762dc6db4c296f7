"""The way of the data in one page: a source, a vocabulary and limits in, a compiled source out.

Purpose: ``gl.compile``.  It lowers the source (all refusals happen here), builds the machine, which
starts almost empty, and joins it with the vocabulary's index.
Cost: proportional to the source text; automata and masks come later, as they are visited.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from grammarlib.automata.configurations import Machine
from grammarlib.automata.shortest import Completions
from grammarlib.errors import ArtefactError, CompileError, Finding, InvalidSource
from grammarlib.limits import Limits
from grammarlib.masks.fill import Masks, walk_tables
from grammarlib.masks.index import VocabularyIndex
from grammarlib.matcher import Matcher
from grammarlib.sources.choice import Choice
from grammarlib.sources.ebnf import Ebnf
from grammarlib.sources.jsonschema import AnyJson, JsonSchema
from grammarlib.sources.lark import Lark
from grammarlib.sources.python_types import TypedSchema, is_function, is_type, schema_of_function, schema_of_type
from grammarlib.sources.regex import Regex
from grammarlib.sources.tools import schema_of_form, schema_of_tools
from grammarlib.vocabulary import Vocabulary

Source = JsonSchema | AnyJson | Regex | Choice | Lark | Ebnf

_SOURCES: Final = {kind.__name__: kind for kind in (JsonSchema, AnyJson, Regex, Choice, Lark, Ebnf)}
_FORMAT: Final = "grammarlib-compiled"
_FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Report:
    """What a compiled source enforces.

    ``exact``: every text of the language is accepted and no other.  ``dead_end_free``: no prefix
    that a mask allows is dead.  ``ignored``: findings for annotations that constrain nothing (with JSON
    pointers).  ``approximated``: findings for what the caller allowed to be approximate.  ``enforced``: findings for
    the assertions of a JSON Schema that are exact, with notes on what that means.  ``dead_ends``: where a search for a
    way out was cut off, so that ``dead_end_free`` is False.
    """

    exact: bool = True
    dead_end_free: bool = True
    ignored: tuple[Finding, ...] = ()
    approximated: tuple[Finding, ...] = ()
    enforced: tuple[Finding, ...] = ()
    dead_ends: tuple[Finding, ...] = ()


def as_source(source: Any) -> tuple[Source, Callable[[str | bytes], Any] | None]:
    """A source object for whatever a caller may hand to ``compile``, and what reads the typed value of its texts.

    Sources pass unchanged.  Pydantic models, dataclasses, TypedDicts, Enums, Literals, unions and other types go
    through pydantic, functions become the schema of their arguments (`python_types`).  A mapping is a response
    format, a tool or a JSON Schema, a list is one of tools (`tools`), a bool a JSON Schema.
    A bare string is refused: it could be a pattern, a grammar or a schema.
    """
    if isinstance(source, Source):
        return source, None
    if isinstance(source, bool):
        return JsonSchema(source), None
    if isinstance(source, Mapping):
        typed = schema_of_form(source) or TypedSchema(dict(source))
    elif isinstance(source, list | tuple):
        typed = schema_of_tools(source)
    elif is_type(source):
        typed = schema_of_type(source)
    elif is_function(source):
        typed = schema_of_function(source)
    elif isinstance(source, str | bytes):
        raise InvalidSource(
            Finding(
                code="ambiguous-source",
                message="a bare string is ambiguous",
                hint="wrap it: gl.Regex(...), gl.JsonSchema(...), gl.Lark(...), gl.Ebnf(...) or gl.Choice([...])",
            )
        )
    else:
        raise InvalidSource(
            Finding(
                code="source-type",
                message=f"cannot compile a {type(source).__name__}",
                hint="pass a grammarlib source, a JSON Schema as a dict, a type that pydantic understands, a function, "
                "or tools",
            )
        )
    return JsonSchema(typed.schema), typed.read


@dataclass(frozen=True, slots=True)
class _Engine:
    """What grows while texts are read: automata, masks, the way out."""

    machine: Machine
    masks: Masks | None
    completions: Completions


class CompiledGrammar:
    """A compiled source, with or without a vocabulary.  Frozen to its users and safe to share between threads.

    ``source``, ``vocabulary`` (None: no masks, ``accepts`` and ``sample`` work), ``limits``, ``report``.
    Tables and masks grow inside as texts visit them; ``memory_bytes`` says how much they hold.
    """

    def __init__(
        self,
        source: Source,
        vocabulary: Vocabulary | None = None,
        limits: Limits | None = None,
        read: Callable[[str | bytes], Any] | None = None,
    ) -> None:
        self.source: Final = source
        self.vocabulary: Final = vocabulary
        self.limits: Final = limits if limits is not None else Limits()
        self._read: Final = read
        lowered: Any = source.lower(self.limits)
        self._lowered: Final = lowered
        self._tables: Final = None if vocabulary is None else walk_tables(VocabularyIndex.for_vocabulary(vocabulary))
        self._current = self._new_engine(lowered)

    def __repr__(self) -> str:
        return f"CompiledGrammar({type(self.source).__name__}, vocabulary={self.vocabulary!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._image(), self.vocabulary)

    def _new_engine(self, lowered: Any) -> _Engine:
        source = self.source
        is_json = isinstance(source, JsonSchema | AnyJson)
        machine = Machine(
            lowered,
            whitespace=source.whitespace if isinstance(source, JsonSchema | AnyJson) else "compact",
            limits=self.limits,
            components=is_json,
        )
        masks = None if self._tables is None else Masks(machine, self._tables, self.limits.mask_cache_bytes)
        return _Engine(machine, masks, Completions(machine))

    @property
    def _engine(self) -> _Engine:
        """The engine for a new text.  A full one is left to the texts that are on it: they end, and it with them.

        The source is lowered again: automata grow in it as well, guarded by the lock of one machine.
        """
        if self._current.machine.is_full:
            self._current = self._new_engine(self.source.lower(self.limits))
        return self._current

    @property
    def report(self) -> Report:
        """What is enforced and what is not; ``dead_end_free`` as far as texts and masks have come."""
        facts = getattr(self._lowered, "report_facts", None)
        if facts is None:
            return Report()
        return Report(
            facts.exact, facts.dead_end_free, facts.ignored, facts.approximated, facts.enforced, facts.dead_ends
        )

    @property
    def memory_bytes(self) -> int:
        """Bytes held by automata and masks (the vocabulary's own index is shared and not counted)."""
        engine = self._current
        masks = 0 if engine.masks is None or self._tables is None else len(engine.masks) * 4 * self._tables.words
        return engine.machine.memory_bytes + masks

    def matcher(self) -> Matcher:
        """A new matcher at the beginning of the text."""
        engine = self._engine
        return Matcher(engine.machine, engine.masks, self.vocabulary, self._tables, engine.completions)

    def accepts(self, text: str | bytes) -> bool:
        """Whether the whole ``text`` belongs to the language.  A str with a lone surrogate never does."""
        try:
            data = text.encode() if isinstance(text, str) else bytes(text)
        except UnicodeEncodeError:
            return False
        machine = self._engine.machine
        configuration, taken = machine.read(machine.start, data)
        return taken == len(data) and machine.is_accepting(configuration)

    def sample(self, seed: int, *, size: int = 200) -> str:
        """A random text of the language, the same for the same seed.

        ``size``: after about so many bytes the shortest way to the end is taken.  The distribution is
        not uniform; it favours structure over long strings.  Needs no model.
        """
        generator = random.Random(seed)
        engine = self._engine
        machine, completions = engine.machine, engine.completions
        while True:
            data = completions.random_text(generator, machine.start, size)
            with contextlib.suppress(UnicodeDecodeError):
                return data.decode()

    def parse(self, text: str | bytes) -> Any:
        """The value of ``text``: typed where the source was a type, JSON data for JSON, else the text itself.

        Of a function, the typed arguments as a dict; it is not called.
        Raises `ValueError` where the language does not hold the text, or where a validator of the type refuses
        the value (`pydantic.ValidationError`).
        """
        if not self.accepts(text):
            raise ValueError("the text does not belong to the language of the compiled source")
        if not isinstance(self.source, JsonSchema | AnyJson):
            return text.decode() if isinstance(text, bytes) else text
        if self._read is not None:
            return self._read(text)
        return json.loads(text)

    def _image(self) -> str:
        payload: dict[str, Any] = {}
        for field in fields(self.source):
            value = getattr(self.source, field.name)
            if field.name == "registry" and value is not None:
                raise ArtefactError("a source with a registry cannot be saved: bundle the documents into the schema")
            payload[field.name] = list(value) if isinstance(value, tuple) else value
        limits = {field.name: getattr(self.limits, field.name) for field in fields(self.limits)}
        return json.dumps(
            {
                "format": _FORMAT,
                "version": _FORMAT_VERSION,
                "kind": type(self.source).__name__,
                "source": payload,
                "limits": limits,
                "vocabulary": None if self.vocabulary is None else self.vocabulary.digest,
            },
            default=_unsaveable,
        )

    def save(self, path: str | Path) -> None:
        """Write the compiled source to ``path``: versioned JSON, no pickle.

        The file holds the source, its limits and the vocabulary's digest, not the tables: those are made lazily and
        making them again costs less than reading them.  A type given to ``compile`` is saved as its schema.
        """
        Path(path).write_text(self._image(), encoding="utf-8")


def _unsaveable(value: Any) -> Any:
    raise ArtefactError(
        f"a {type(value).__name__} in the source cannot be saved exactly: "
        "give the schema as JSON text, or with plain numbers"
    )


def _rebuild(image: str, vocabulary: Vocabulary | None) -> CompiledGrammar:
    try:
        data = json.loads(image)
        if data["format"] != _FORMAT or data["version"] != _FORMAT_VERSION:
            raise ArtefactError(f"not a {_FORMAT} file of version {_FORMAT_VERSION}")
        kind: Any = _SOURCES[data["kind"]]
        arguments = {
            name: tuple(value) if isinstance(value, list) and name != "schema" else value
            for name, value in data["source"].items()
        }
        source = kind(**arguments)
        limits = Limits(**data["limits"])
        digest = data["vocabulary"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtefactError(f"the saved artefact is damaged: {error}") from error
    if digest is not None and (vocabulary is None or vocabulary.digest != digest):
        raise ArtefactError("the artefact was saved with another vocabulary; pass the same one to load it")
    return CompiledGrammar(source, vocabulary, limits)


def load(path: str | Path, vocabulary: Vocabulary | None = None) -> CompiledGrammar:
    """Read what `CompiledGrammar.save` wrote.

    Raises `ArtefactError` where the file is damaged, of another version, or was saved with another vocabulary.
    """
    try:
        image = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{path} is not a saved artefact: {error}") from error
    return _rebuild(image, vocabulary)


def compile(source: Any, vocabulary: Vocabulary | None = None, *, limits: Limits | None = None) -> CompiledGrammar:
    """Compile ``source`` for ``vocabulary``.

    ``source``: a `JsonSchema`, `Regex`, `Choice`, `Lark`, `Ebnf` or `AnyJson`; a JSON Schema as a dict or bool; a
    type (pydantic model, dataclass, TypedDict, NamedTuple, Enum, Literal, union ...); a function (an object of its
    arguments); a ``response_format`` of OpenAI; a tool definition of OpenAI or Anthropic (an object of its arguments);
    a list of such tools or functions (``{"name": ..., "arguments": {...}}`` of one of them).  Without a vocabulary
    ``accepts``, ``sample`` and ``parse`` work, and masks do not.
    Raises `CompileError` with every finding where the source is malformed, unsupported or empty, `LimitExceeded`
    past a bound of ``limits``, `VocabularyError` where the vocabulary cannot be used.
    """
    resolved, read = as_source(source)
    return CompiledGrammar(resolved, vocabulary, limits, read)


__all__ = ["CompileError", "CompiledGrammar", "Report", "as_source", "compile", "load"]
