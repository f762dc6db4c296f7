"""Read tokenizers that keep bytes or pieces by rank: tiktoken, mistral-common's tekken, SentencePiece.

Purpose: these hold each token's bytes as such, or as pieces with a declared kind; nothing is decoded
by guessing.  No library is imported for an object that the caller has: it is known by what it can do.
Place: called by `Vocabulary.from_tiktoken`, ``from_mistral``, ``from_sentencepiece`` and by `huggingface`.
Cost: 131k tokens in 0.1 to 0.3 s.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from grammarlib.errors import VocabularyError
from grammarlib.vocabulary.table import TokenTable

_WORD_BOUNDARY: Final = "\u2581"
"""SentencePiece's spelling of a space."""

_OLD_TEKKEN_NAMES: Final = {"<unk>": 0, "<s>": 1, "</s>": 2}
"""The first special tokens of tekken files that do not list them (versions up to v7)."""


def is_tiktoken(value: Any) -> bool:
    """Whether ``value`` behaves as a ``tiktoken.Encoding``."""
    return all(hasattr(value, name) for name in ("decode_single_token_bytes", "n_vocab", "special_tokens_set"))


def is_sentencepiece(value: Any) -> bool:
    """Whether ``value`` behaves as a ``sentencepiece.SentencePieceProcessor``."""
    return all(hasattr(value, name) for name in ("id_to_piece", "get_piece_size", "is_control", "is_byte"))


def is_mistral(value: Any) -> bool:
    """Whether ``value`` is a tokenizer of mistral-common, or the transformers tokenizer that wraps one."""
    return _inner_mistral(value) is not None


def _inner_mistral(value: Any) -> Any:
    """The tekken or SentencePiece tokenizer inside ``value``, or None."""
    for _ in range(2):
        instruct = getattr(value, "instruct_tokenizer", None)
        if instruct is not None:
            return getattr(instruct, "tokenizer", None)
        if hasattr(value, "n_words") and hasattr(value, "get_special_token"):
            return value
        value = getattr(value, "tokenizer", None)
    return None


def read_tiktoken(encoding: Any, special_tokens: Mapping[str, int] | None) -> TokenTable:
    """The table of a ``tiktoken.Encoding`` or of ``{token bytes: rank}`` with ``special_tokens``."""
    if isinstance(encoding, Mapping):
        return _from_ranks(encoding, special_tokens or {})
    if not is_tiktoken(encoding):
        raise VocabularyError(
            f"expected a tiktoken.Encoding or a mapping of bytes to ranks, not {type(encoding).__name__}"
        )
    if special_tokens is not None:
        raise VocabularyError("special_tokens may be given with a table of ranks; an encoding has its own")
    specials = {str(name): int(encoding.encode_single_token(name)) for name in sorted(encoding.special_tokens_set)}
    special_ids = set(specials.values())
    tokens: list[bytes | None] = [None] * int(encoding.n_vocab)
    for token_id in range(len(tokens)):
        if token_id not in special_ids:
            try:
                tokens[token_id] = encoding.decode_single_token_bytes(token_id)
            except KeyError:  # a hole between the ranks and the special tokens
                continue
    end = specials.get("<|endoftext|>")
    return TokenTable(
        tokens=tokens,
        eos_token_ids=() if end is None else (end,),
        special_tokens=specials,
        encode=lambda text: list(encoding.encode_ordinary(text)),
        decode=lambda ids: str(encoding.decode(list(ids))),
    )


def _from_ranks(ranks: Mapping[Any, Any], special_tokens: Mapping[str, int]) -> TokenTable:
    highest = max([*ranks.values(), *special_tokens.values()], default=-1)
    if len(ranks) and not 0 <= min(ranks.values()) <= highest < (1 << 27):
        raise VocabularyError(f"ranks must lie in 0..{(1 << 27) - 1}")
    tokens: list[bytes | None] = [None] * (highest + 1)
    special_ids = set(special_tokens.values())
    for data, rank in ranks.items():
        if rank in special_ids or tokens[rank] is not None:
            raise VocabularyError(f"rank {rank} is given twice, the second time to {data!r}")
        tokens[rank] = data
    return TokenTable(tokens=tokens, special_tokens=special_tokens)


def read_mistral(tokenizer: Any) -> TokenTable:
    """The table of a tokenizer of mistral-common, or of the path of a ``tekken.json``."""
    if isinstance(tokenizer, str | os.PathLike):
        path = Path(tokenizer)
        try:
            data = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise VocabularyError(f"cannot read {path}: {error}") from error
        return read_tekken_data(data, str(path))
    inner = _inner_mistral(tokenizer)
    if inner is None:
        raise VocabularyError(f"a {type(tokenizer).__qualname__} is not a tokenizer of mistral-common")
    if hasattr(inner, "id_to_byte_piece"):
        return _read_tekken(inner)
    processor = getattr(inner, "_model", None)
    if is_sentencepiece(processor):
        return read_sentencepiece(processor)
    raise VocabularyError(f"a {type(inner).__qualname__} of mistral-common holds neither tekken nor SentencePiece")


def _read_tekken(tekken: Any) -> TokenTable:
    special_ids = set(tekken.special_ids)
    count = int(tekken.n_words)
    # Special ids come first, so that the other pieces are one run.
    tokens = [None if token_id in special_ids else tekken.id_to_byte_piece(token_id) for token_id in range(count)]
    return TokenTable(
        tokens=tokens,
        eos_token_ids=(int(tekken.eos_id),),
        special_tokens={str(tekken.id_to_piece(token_id)): int(token_id) for token_id in sorted(special_ids)},
        encode=lambda text: list(tekken.encode(text, bos=False, eos=False)),
        decode=lambda ids: str(tekken.decode(list(ids))),
    )


def read_tekken_data(data: Any, where: str) -> TokenTable:
    """The table of a parsed ``tekken.json``: token id = number of special tokens + rank."""
    try:
        count = int(data["config"]["default_vocab_size"])
        special_count = int(data["config"]["default_num_special_tokens"])
        listed = data.get("special_tokens")
        specials = {str(entry["token_str"]): int(entry["rank"]) for entry in listed or ()}
        tokens: list[bytes | None] = [None] * count
        for entry in data["vocab"]:
            token_id = special_count + int(entry["rank"])
            if special_count <= token_id < count:
                tokens[token_id] = base64.b64decode(entry["token_bytes"], validate=True)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise VocabularyError(f"{where} is not a tekken.json: {type(error).__name__}: {error}") from error
    if listed is None:
        specials = {name: token_id for name, token_id in _OLD_TEKKEN_NAMES.items() if token_id < special_count}
    end = specials.get("</s>")
    return TokenTable(tokens=tokens, eos_token_ids=() if end is None else (end,), special_tokens=specials)


def load_sentencepiece(path: Path) -> Any:
    """A ``SentencePieceProcessor`` for a ``.model`` file; `VocabularyError` where that library is missing."""
    try:
        sentencepiece: Any = importlib.import_module("sentencepiece")
    except ImportError as error:
        raise VocabularyError(
            f"{path} is not JSON; to read it as a SentencePiece model, install sentencepiece"
        ) from error
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except Exception as error:
        raise VocabularyError(f"{path} is neither JSON nor a SentencePiece model: {error}") from error


def sentencepiece_bytes(processor: Any, piece: int) -> bytes | None:
    """What a piece writes in the middle of a text; None for control, unknown and unused pieces."""
    if processor.is_control(piece) or processor.is_unknown(piece) or processor.is_unused(piece):
        return None
    name = str(processor.id_to_piece(piece))
    if processor.is_byte(piece):
        return bytes([int(name[3:5], 16)])
    return name.replace(_WORD_BOUNDARY, " ").encode()


def read_sentencepiece(processor: Any) -> TokenTable:
    """The table of a ``sentencepiece.SentencePieceProcessor``."""
    if not is_sentencepiece(processor):
        raise VocabularyError(f"a {type(processor).__qualname__} is not a SentencePieceProcessor")
    count = int(processor.get_piece_size())
    names = {piece: str(processor.id_to_piece(piece)) for piece in range(count)}
    end = int(processor.eos_id())
    return TokenTable(
        tokens=[sentencepiece_bytes(processor, piece) for piece in range(count)],
        eos_token_ids=() if end < 0 else (end,),
        special_tokens={name: piece for piece, name in names.items() if processor.is_control(piece)},
        names=names,
        encode=lambda text: [int(piece) for piece in processor.encode(text)],
        decode=lambda ids: str(processor.decode(list(ids))),
    )
