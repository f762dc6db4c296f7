"""The vocabulary: what every token id writes, byte for byte.

Purpose: masks, matchers and samplers speak of token ids; sources speak of bytes.  This is the one
table between them, frozen and identified by its content.
Place: made by a user or read from a tokenizer (`huggingface`, `ranks`); consumed by `trie` and
`grammarlib.masks.index`.
Cost: 128k tokens in 0.1 s, the self-check of a tokenizer below 0.05 s.
Not taken: asking the tokenizer's ``decode`` for every token.  It hides partial UTF-8 and drops the
spaces at the start of a text, which is where wrong masks come from.

**A token's bytes are what it writes in the middle of a text.**  Several decoders (Llama 2, Mistral,
T5) drop one space at the very start of a text.  There ``"▁the"`` still has the bytes ``b" the"``: a
constraint sees the space, so that a text never depends on whether it is decoded alone or after its prompt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np

from grammarlib.errors import VocabularyError
from grammarlib.vocabulary.huggingface import read_huggingface
from grammarlib.vocabulary.ranks import read_mistral, read_sentencepiece, read_tiktoken
from grammarlib.vocabulary.selfcheck import check_round_trips
from grammarlib.vocabulary.table import TokenTable

_MAXIMUM_LOGITS_WIDTH: Final = 1 << 27
_DIGEST_HEADER: Final = b"grammarlib vocabulary 1\n"


@final
class Vocabulary:
    """What each token id writes; frozen, hashable by content, safe to share between threads.

    ``tokens[i]`` are the bytes of token ``i`` in the middle of a text; None is never allowed (special
    tokens, holes).  Empty byte strings are never allowed either: they would not advance a text.
    ``eos_token_ids`` end a text and are never allowed as text, whatever their bytes.
    ``logits_width`` is the model's output width (at least ``len(tokens)``, the default); ids from
    ``len(tokens)`` on are padding and never allowed.  ``special_tokens`` are the names by which a grammar may
    ask for one token id (``<|tool|>``).

    Raises `VocabularyError` for entries of another type, an id outside the logits and a width that
    is too small.
    """

    __slots__ = ("__weakref__", "_digest", "_eos_token_ids", "_logits_width", "_special_tokens", "_tokens")

    _tokens: tuple[bytes | None, ...]
    _eos_token_ids: tuple[int, ...]
    _logits_width: int
    _special_tokens: Mapping[str, int]
    _digest: str

    def __init__(
        self,
        tokens: Sequence[bytes | None],
        eos_token_ids: Sequence[int] = (),
        logits_width: int | None = None,
        special_tokens: Mapping[str, int] | None = None,
    ) -> None:
        frozen = tuple(tokens)
        for token_id, token in enumerate(frozen):
            if token is not None and type(token) is not bytes:
                raise VocabularyError(f"token {token_id} must be bytes or None, not {type(token).__name__}")
        width = len(frozen) if logits_width is None else _as_int(logits_width, "logits_width")
        if not max(1, len(frozen)) <= width <= _MAXIMUM_LOGITS_WIDTH:
            raise VocabularyError(
                f"logits_width must lie between the number of tokens ({len(frozen)}) and {_MAXIMUM_LOGITS_WIDTH}, "
                f"not {width}; give the width of the model's output"
            )
        eos = tuple(sorted({_as_int(token_id, "an eos token id") for token_id in eos_token_ids}))
        specials = {
            str(name): _as_int(token_id, f"the id of {name!r}")
            for name, token_id in sorted((special_tokens or {}).items())
        }
        for what, token_id in [("eos token", i) for i in eos] + [
            (f"special token {n!r}", i) for n, i in specials.items()
        ]:
            if not 0 <= token_id < width:
                raise VocabularyError(f"{what}: id {token_id} lies outside the {width} logits")
        set_once = object.__setattr__
        set_once(self, "_tokens", frozen)
        set_once(self, "_eos_token_ids", eos)
        set_once(self, "_logits_width", width)
        set_once(self, "_special_tokens", MappingProxyType(specials))
        set_once(self, "_digest", _digest(frozen, eos, width, specials))

    @classmethod
    def from_huggingface(
        cls,
        tokenizer: Any,
        *,
        eos_token_ids: int | Sequence[int] | None = None,
        logits_width: int | None = None,
        self_check: bool = True,
    ) -> Vocabulary:
        """Read the vocabulary of a tokenizer, exactly as it decodes.

        ``tokenizer``: a ``transformers`` tokenizer, a ``tokenizers.Tokenizer``, the path of a
        ``tokenizer.json`` or ``tekken.json`` or of a folder that holds one, or a tokenizer of
        ``mistral-common``.  ``eos_token_ids``: every id that ends a text, usually
        ``model.generation_config.eos_token_id`` (an int or a list).  By default: for a folder, those of its
        ``generation_config.json``, ``config.json`` or ``tokenizer_config.json``, the first that has any; otherwise the
        tokenizer's own; a bare ``tokenizers.Tokenizer`` or ``tokenizer.json`` has none.  ``logits_width``: the
        width of the model's output where it is padded past the tokenizer (for a folder: at least the ``vocab_size``
        of its ``config.json``).

        Special added tokens become None; other added tokens are text.  All added tokens are in
        ``special_tokens``, so that a grammar may name them.  ``self_check`` encodes and decodes
        a few texts and compares.

        Raises `VocabularyError` where the decoder is not one that writes each token the same way
        wherever it stands (WordPiece and other decoders that guess spaces), or where the self-check fails;
        the message names the text or the tokens.
        """
        table = read_huggingface(tokenizer)
        return cls._from_table(table, eos_token_ids, logits_width, self_check)

    @classmethod
    def from_tiktoken(
        cls,
        encoding: Any,
        *,
        eos_token_ids: int | Sequence[int] | None = None,
        logits_width: int | None = None,
        special_tokens: Mapping[str, int] | None = None,
        self_check: bool = True,
    ) -> Vocabulary:
        """Read a ``tiktoken.Encoding``, or a rank table ``{token bytes: id}`` with ``special_tokens``.

        An encoding knows its special tokens itself, and its ``<|endoftext|>`` is the default for
        ``eos_token_ids``.  Raises `VocabularyError` as `from_huggingface`.
        """
        table = read_tiktoken(encoding, special_tokens)
        return cls._from_table(table, eos_token_ids, logits_width, self_check)

    @classmethod
    def from_mistral(
        cls,
        tokenizer: Any,
        *,
        eos_token_ids: int | Sequence[int] | None = None,
        logits_width: int | None = None,
        self_check: bool = True,
    ) -> Vocabulary:
        """Read a tokenizer of ``mistral-common`` (a ``MistralTokenizer``, or the tekken or SentencePiece inside it)
        or the path of a ``tekken.json``.  Raises `VocabularyError` as `from_huggingface`."""
        return cls._from_table(read_mistral(tokenizer), eos_token_ids, logits_width, self_check)

    @classmethod
    def from_sentencepiece(
        cls,
        processor: Any,
        *,
        eos_token_ids: int | Sequence[int] | None = None,
        logits_width: int | None = None,
        self_check: bool = True,
    ) -> Vocabulary:
        """Read a ``sentencepiece.SentencePieceProcessor``.  Raises `VocabularyError` as `from_huggingface`."""
        return cls._from_table(read_sentencepiece(processor), eos_token_ids, logits_width, self_check)

    @classmethod
    def _from_table(
        cls,
        table: TokenTable,
        eos_token_ids: int | Sequence[int] | None,
        logits_width: int | None,
        self_check: bool,
    ) -> Vocabulary:
        if eos_token_ids is None:
            eos_token_ids = table.eos_token_ids
        elif not isinstance(eos_token_ids, Sequence):
            eos_token_ids = (eos_token_ids,)
        if self_check:
            check_round_trips(table)
        width = table.logits_width if logits_width is None else logits_width
        return cls(table.tokens, eos_token_ids, width, table.special_tokens)

    @property
    def tokens(self) -> tuple[bytes | None, ...]:
        """The bytes of each token id in the middle of a text, or None."""
        return self._tokens

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text, ascending and unique."""
        return self._eos_token_ids

    @property
    def logits_width(self) -> int:
        """The width of the model's output, at least ``size``."""
        return self._logits_width

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Names that a grammar may use for one token id; read only."""
        return self._special_tokens

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) over everything above: equal for equal vocabularies, in any process."""
        return self._digest

    @property
    def size(self) -> int:
        """The number of tokens, None entries included."""
        return len(self._tokens)

    def text_tokens(self) -> list[tuple[int, bytes]]:
        """The ``(id, bytes)`` of every token that may be text, by id: not None, not empty, not eos."""
        eos = set(self._eos_token_ids)
        return [(token_id, data) for token_id, data in enumerate(self._tokens) if data and token_id not in eos]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Vocabulary is frozen; {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Vocabulary is frozen; {name} cannot be deleted")

    def __len__(self) -> int:
        return len(self._tokens)

    def __eq__(self, other: object) -> bool:
        return self._digest == other._digest if isinstance(other, Vocabulary) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._digest)

    def __reduce__(self) -> tuple[Any, ...]:
        return Vocabulary, (self._tokens, self._eos_token_ids, self._logits_width, dict(self._special_tokens))

    def __repr__(self) -> str:
        eos, specials = list(self._eos_token_ids), len(self._special_tokens)
        return (
            f"Vocabulary(size={self.size}, eos_token_ids={eos}, logits_width={self._logits_width}, "
            f"special_tokens={specials}, digest={self._digest[:12]})"
        )


def _as_int(value: Any, what: str) -> int:
    """``value`` as an int, also from numpy integers; `VocabularyError` for anything else."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise VocabularyError(f"{what} must be an integer, not {value!r}")
    return int(value.__index__())


def _digest(
    tokens: tuple[bytes | None, ...],
    eos_token_ids: tuple[int, ...],
    logits_width: int,
    special_tokens: Mapping[str, int],
) -> str:
    """SHA-256 over an unambiguous spelling of a vocabulary: counts and lengths before contents."""
    content = hashlib.sha256(_DIGEST_HEADER)
    names = [name.encode("utf-8", "surrogatepass") for name in special_tokens]
    lengths = [-1 if token is None else len(token) for token in tokens]
    numbers = [logits_width, len(tokens), len(eos_token_ids), len(names), *eos_token_ids]
    numbers += [
        number
        for name, token_id in zip(names, special_tokens.values(), strict=True)
        for number in (len(name), token_id)
    ]
    content.update(np.array(numbers, dtype="<i8").tobytes())
    content.update(np.array(lengths, dtype="<i8").tobytes())
    content.update(b"".join(names))
    content.update(b"".join(token for token in tokens if token))
    return content.hexdigest()
