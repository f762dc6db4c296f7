"""The languages of these tests: compiled by grammarlib, for the tiny tokenizer."""

from __future__ import annotations

from functools import cache

import grammarlib as gl
from tests.samplers import tiny


@cache
def letters(alphabet: str = "abc", low: int = 3, high: int = 20) -> gl.CompiledGrammar:
    """``[alphabet]{low,high};``"""
    return gl.compile(gl.Regex(f"[{alphabet}]{{{low},{high}}};"), tiny.vocabulary())


@cache
def choice(*texts: str) -> gl.CompiledGrammar:
    """Exactly these texts."""
    return gl.compile(gl.Choice(list(texts)), tiny.vocabulary())


@cache
def json_object() -> gl.CompiledGrammar:
    """A small object: structure, an enum, a bounded string and a list; no text is longer than 110 bytes."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 4},
            "kind": {"enum": ["a", "bc", None]},
            "list": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
        },
        "required": ["name", "kind", "list"],
        "additionalProperties": False,
    }
    return gl.compile(gl.JsonSchema(schema, whitespace="compact"), tiny.vocabulary())
