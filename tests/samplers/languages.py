"""The languages of these tests: compiled by grammarlib, for the tiny tokenizer."""

from __future__ import annotations

from functools import cache
from typing import Any

from grammarlib.vocabulary import Vocabulary
from tests.samplers import fakes, tiny

try:
    import grammarlib

    compile_source: Any = getattr(grammarlib, "compile", None)
except ImportError:
    compile_source = None


@cache
def letters(alphabet: str = "abc", low: int = 3, high: int = 20, vocabulary: Vocabulary | None = None) -> Any:
    """``[alphabet]{low,high};``"""
    vocabulary = vocabulary or tiny.vocabulary()
    if compile_source is None:
        return fakes.letters_then_semicolon(vocabulary, alphabet.encode(), low, high)
    return compile_source(grammarlib.Regex(f"[{alphabet}]{{{low},{high}}};"), vocabulary)


@cache
def choice(*texts: str, vocabulary: Vocabulary | None = None) -> Any:
    """Exactly these texts."""
    vocabulary = vocabulary or tiny.vocabulary()
    if compile_source is None:
        return fakes.words(vocabulary, *[text.encode() for text in texts])
    return compile_source(grammarlib.Choice(list(texts)), vocabulary)
