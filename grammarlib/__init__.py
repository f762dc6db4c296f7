"""grammarlib: make a language model write only text of a given language.

The public API, nothing else.  ``compile(source, vocabulary)`` turns a JSON Schema, regex, grammar or
list of choices into a compiled grammar; ``compiled.matcher()`` fills token bitmasks for one text.
"""

from __future__ import annotations

from grammarlib.compile import CompiledGrammar, Report, compile, load
from grammarlib.errors import (
    ArtefactError,
    CompileError,
    DeadEnd,
    Finding,
    GrammarlibError,
    InvalidSource,
    LimitExceeded,
    MatcherError,
    UnsatisfiableSchema,
    UnsatisfiableSource,
    UnsupportedFeature,
    VocabularyError,
)
from grammarlib.limits import Limits
from grammarlib.masks.bitmask import allocate_bitmask
from grammarlib.matcher import Explanation, Matcher, fill_bitmasks
from grammarlib.sources.choice import Choice
from grammarlib.sources.ebnf import Ebnf
from grammarlib.sources.jsonschema import AnyJson, JsonSchema
from grammarlib.sources.lark import Lark
from grammarlib.sources.regex import Regex
from grammarlib.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "AnyJson",
    "ArtefactError",
    "Choice",
    "CompileError",
    "CompiledGrammar",
    "DeadEnd",
    "Ebnf",
    "Explanation",
    "Finding",
    "GrammarlibError",
    "InvalidSource",
    "JsonSchema",
    "Lark",
    "LimitExceeded",
    "Limits",
    "Matcher",
    "MatcherError",
    "Regex",
    "Report",
    "UnsatisfiableSchema",
    "UnsatisfiableSource",
    "UnsupportedFeature",
    "Vocabulary",
    "VocabularyError",
    "__version__",
    "allocate_bitmask",
    "compile",
    "fill_bitmasks",
    "load",
]
