"""Read a Hugging Face tokenizer: token names and a decoder pipeline in, token bytes out.

Purpose: find out what every token writes from what the tokenizer *does* (its decoder, its added
tokens), never from its name.  Neither ``transformers`` nor ``tokenizers`` is imported for an object
that the caller has; ``tokenizers`` is, when a path is given.
Place: called by `Vocabulary.from_huggingface`.
Cost: 128k tokens in about 0.25 s, most of it the tokenizer's own ``get_vocab``.
Not taken: parsing ``to_str()``.  It holds the merges too, and JSON of 128k tokens costs more than ``get_vocab``.

The decoders that are read: ByteLevel (GPT-2's alphabet), Metaspace, Replace with a fixed text,
ByteFallback (``<0xAB>``), Strip at the start and Fuse, in sequences where each token is written by itself.  What only
touches the ends of the whole text (Strip after Fuse; Metaspace's first space) changes no token.  Everything
else (WordPiece, BPEDecoder, CTC, regex replacements, no decoder at all) puts or drops spaces by the
neighbours, so that a token has no bytes of its own: `VocabularyError`.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from grammarlib.errors import VocabularyError
from grammarlib.vocabulary.ranks import (
    is_mistral,
    is_sentencepiece,
    is_tiktoken,
    load_sentencepiece,
    read_mistral,
    read_sentencepiece,
    read_tekken_data,
    read_tiktoken,
    sentencepiece_bytes,
)
from grammarlib.vocabulary.table import TokenTable

_BYTE_TOKEN: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_HINT: Final = "give Vocabulary(tokens) the bytes of each token yourself"


def read_huggingface(tokenizer: Any) -> TokenTable:
    """The table of anything that `Vocabulary.from_huggingface` takes; `VocabularyError` for anything else."""
    if isinstance(tokenizer, str | os.PathLike):
        return _read_path(Path(tokenizer))
    if is_mistral(tokenizer):
        return read_mistral(tokenizer)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None and _is_backend(backend):
        special_ids = {int(token_id) for token_id in getattr(tokenizer, "all_special_ids", ())}
        return _read_backend(backend, special_ids, _eos_of(tokenizer))
    if _is_backend(tokenizer):
        return _read_backend(tokenizer, set(), ())
    if is_tiktoken(tokenizer):
        return read_tiktoken(tokenizer, None)
    processor = getattr(tokenizer, "sp_model", None)
    if processor is not None and is_sentencepiece(processor):
        return _read_slow_sentencepiece(tokenizer, processor)
    if is_sentencepiece(tokenizer):
        return read_sentencepiece(tokenizer)
    for attribute in ("tokenizer", "model"):
        inner = getattr(tokenizer, attribute, None)
        if is_tiktoken(inner):
            return read_tiktoken(inner, None)
    raise VocabularyError(
        f"a {type(tokenizer).__module__}.{type(tokenizer).__qualname__} is not a tokenizer whose bytes can be read; "
        f"pass a fast tokenizer or its tokenizer.json, or {_HINT}"
    )


# Paths


def _read_path(path: Path) -> TokenTable:
    if path.is_dir():
        for name in ("tokenizer.json", "tekken.json", "tokenizer.model"):
            if (path / name).is_file():
                return _with_folder_defaults(_read_file(path / name), path)
        raise VocabularyError(f"the folder {path} holds none of tokenizer.json, tekken.json, tokenizer.model")
    return _read_file(path)


def _read_file(path: Path) -> TokenTable:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VocabularyError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        data = json.loads(content)
    except ValueError:
        return read_sentencepiece(load_sentencepiece(path))
    if isinstance(data, dict) and "model" in data:
        tokenizers: Any = importlib.import_module("tokenizers")
        try:
            backend = tokenizers.Tokenizer.from_buffer(content)
        except Exception as error:
            raise VocabularyError(
                f"{path} is not a tokenizer.json that the tokenizers library reads: {error}"
            ) from error
        return _read_backend(backend, set(), ())
    if isinstance(data, dict) and "vocab" in data and "config" in data:
        return read_tekken_data(data, str(path))
    raise VocabularyError(f"{path} is neither a tokenizer.json nor a tekken.json")


def _with_folder_defaults(table: TokenTable, folder: Path) -> TokenTable:
    """Add the eos ids and the logits width that the files beside a tokenizer give."""
    config = _read_settings(folder / "config.json")
    eos: Any = _read_settings(folder / "generation_config.json").get("eos_token_id")
    if eos is None:
        eos = config.get("eos_token_id")
    if eos is None:
        name = _read_settings(folder / "tokenizer_config.json").get("eos_token")
        if isinstance(name, dict):
            name = name.get("content")
        if isinstance(name, str):
            eos = next((token_id for token_id, spelling in table.names.items() if spelling == name), None)
    if eos is None:
        eos = table.eos_token_ids
    text_config = config.get("text_config")
    width = config.get("vocab_size") or (text_config.get("vocab_size") if isinstance(text_config, dict) else None)
    # A model narrower than its tokenizer (unused added tokens) keeps the tokenizer's width.
    widths = [value for value in (table.logits_width, width, len(table.tokens)) if isinstance(value, int)]
    return TokenTable(
        tokens=table.tokens,
        eos_token_ids=_as_ids(eos),
        special_tokens=table.special_tokens,
        logits_width=max(widths),
        names=table.names,
        encode=table.encode,
        decode=table.decode,
    )


def _read_settings(path: Path) -> Mapping[str, Any]:
    """A JSON object beside the tokenizer; empty where the file is not there."""
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise VocabularyError(f"cannot read {path}: {error}") from error
    if not isinstance(data, dict):
        raise VocabularyError(f"{path} must hold a JSON object")
    return data


def _as_ids(value: Any) -> tuple[int, ...]:
    """An eos setting, None, an int or a list, as ids."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Sequence) else (value,)


def _eos_of(tokenizer: Any) -> tuple[int, ...]:
    return _as_ids(getattr(tokenizer, "eos_token_id", None))


# The tokenizers library


def _is_backend(value: Any) -> bool:
    """Whether ``value`` behaves as a ``tokenizers.Tokenizer``."""
    return all(hasattr(value, name) for name in ("get_vocab", "decoder", "model", "get_added_tokens_decoder"))


def _read_backend(backend: Any, special_ids: set[int], eos_token_ids: Sequence[int]) -> TokenTable:
    """The table of a ``tokenizers.Tokenizer``; ``special_ids`` are special beside those that it marks itself."""
    write = _token_writer(backend)
    # Added tokens come last: where the ids clash, they are what encode and decode use.
    names = {token_id: name for name, token_id in backend.get_vocab(with_added_tokens=False).items()}
    special_tokens: dict[str, int] = {}
    special_ids = special_ids | set(eos_token_ids)
    for token_id, added in backend.get_added_tokens_decoder().items():
        names[token_id] = added.content
        special_tokens[added.content] = token_id
        if added.special:
            special_ids.add(token_id)
    unknown = getattr(backend.model, "unk_token", None)
    unknown_id = None if unknown is None else backend.token_to_id(unknown)
    if unknown_id is not None:
        special_ids.add(unknown_id)
    tokens: list[bytes | None] = [None] * (max(names, default=-1) + 1)
    for token_id, name in names.items():
        if token_id not in special_ids:
            tokens[token_id] = write(name)
    return TokenTable(
        tokens=tokens,
        eos_token_ids=tuple(eos_token_ids),
        special_tokens=special_tokens,
        names=names,
        encode=lambda text: list(backend.encode(text, add_special_tokens=False).ids),
        decode=lambda ids: str(backend.decode(list(ids), skip_special_tokens=False)),
    )


def _token_writer(backend: Any) -> Callable[[str], bytes]:
    """What turns a token's name into its bytes, from the tokenizer's decoder."""
    steps = _steps(backend.decoder, "decoders", "decoder")
    if not steps:
        # Without a decoder the library joins names with spaces; the bytes that the model writes are
        # then known only where the names themselves are bytes.
        if any(step["type"] == "ByteLevel" for step in _steps(backend.pre_tokenizer, "pretokenizers", "pre_tokenizer")):
            return write_byte_level
        raise VocabularyError(f"the tokenizer has no decoder, so that its tokens have no bytes of their own; {_HINT}")
    return compile_decoder(steps)


def _steps(component: Any, members: str, what: str) -> list[Mapping[str, Any]]:
    """A component of the tokenizer as a flat list of its settings; empty for None."""
    if component is None:
        return []
    try:
        state = json.loads(component.__getstate__())
    except Exception as error:
        raise VocabularyError(
            f"the tokenizer's {what} cannot be read (is it written in Python?): {error}; {_HINT}"
        ) from error
    flat: list[Mapping[str, Any]] = []
    pending = [state]
    while pending:
        step = pending.pop()
        if step.get("type") == "Sequence":
            pending.extend(reversed(step[members]))
        else:
            flat.append(step)
    return flat


def compile_decoder(steps: Sequence[Mapping[str, Any]]) -> Callable[[str], bytes]:
    """The function from a token's name to its bytes that a chain of decoder settings amounts to.

    Raises `VocabularyError` for a chain that does not write each token by itself.
    """
    rewrites: list[Callable[[str], str]] = []
    to_bytes: Callable[[str], bytes] = str.encode
    byte_step = ""
    whole_text = False
    for step in steps:
        kind = step.get("type")
        if kind == "Fuse":
            whole_text = True
        elif kind == "Strip" and whole_text:
            pass  # only the two ends of the whole text
        elif kind in ("ByteLevel", "ByteFallback") and not whole_text and not byte_step:
            byte_step = str(kind)
            to_bytes = write_byte_level if kind == "ByteLevel" else write_byte_fallback
            whole_text = kind == "ByteLevel"  # its result is one string
        elif whole_text or byte_step:
            raise VocabularyError(f"the decoder runs {kind} on text that other steps have joined; {_HINT}")
        elif kind == "Metaspace":
            rewrites.append(functools.partial(_replace, str(step["replacement"]), " "))
        elif kind == "Replace" and "String" in step["pattern"]:
            rewrites.append(functools.partial(_replace, str(step["pattern"]["String"]), str(step["content"])))
        elif kind == "Strip" and not step["stop"]:  # at a token's end the library itself fails for short tokens
            rewrites.append(functools.partial(_strip, str(step["content"]), int(step["start"])))
        else:
            raise VocabularyError(
                f"the decoder is {kind}, which puts spaces or words together by the neighbours of a token, so that a "
                f"token has no bytes of its own; {_HINT}"
            )
    if not rewrites:
        return to_bytes

    def write(name: str) -> bytes:
        for rewrite in rewrites:
            name = rewrite(name)
        return to_bytes(name)

    return write


def _replace(old: str, new: str, name: str) -> str:
    return name.replace(old, new)


def _strip(content: str, start: int, name: str) -> str:
    """Drop at most ``start`` leading characters ``content``, as the library does."""
    first = 0
    while first < min(start, len(name)) and name[first] == content:
        first += 1
    return name[first:]


@functools.cache
def _byte_level_alphabet() -> dict[int, str]:
    """GPT-2's alphabet as a `str.translate` table: code point -> the character of the byte that it stands for.

    Printable Latin-1 characters stand for themselves, the others for U+0100 and on, in order.
    Latin-1 characters that are no letter of the alphabet go to U+FFFF, so that encoding them fails.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    table = dict.fromkeys(others, "\uffff")
    table.update({0x100 + index: chr(byte) for index, byte in enumerate(others)})
    return table


def write_byte_level(name: str) -> bytes:
    """A name in GPT-2's alphabet as bytes; a name with any other character stands for itself, as in the library."""
    try:
        return name.translate(_byte_level_alphabet()).encode("latin-1")
    except UnicodeEncodeError:
        return name.encode()


def write_byte_fallback(name: str) -> bytes:
    """``<0xAB>`` as the byte 0xAB; anything else stands for itself."""
    match = _BYTE_TOKEN.fullmatch(name)
    return bytes([int(match[1], 16)]) if match else name.encode()


# Python tokenizers over SentencePiece


def _read_slow_sentencepiece(tokenizer: Any, processor: Any) -> TokenTable:
    """A ``transformers`` tokenizer in Python: its ids (which may be shifted), the processor's kinds of pieces."""
    names = {int(token_id): str(name) for name, token_id in tokenizer.get_vocab().items()}
    added = {int(token_id): token for token_id, token in getattr(tokenizer, "added_tokens_decoder", {}).items()}
    special_ids = {int(token_id) for token_id in tokenizer.all_special_ids}
    special_ids |= {token_id for token_id, token in added.items() if token.special}
    tokens: list[bytes | None] = [None] * (max([*names, *added], default=-1) + 1)
    for token_id, name in names.items():
        if token_id in special_ids:
            continue
        piece = processor.piece_to_id(name)
        if processor.id_to_piece(piece) == name:
            tokens[token_id] = sentencepiece_bytes(processor, piece)
        elif token_id in added:
            tokens[token_id] = name.encode()
    return TokenTable(
        tokens=tokens,
        eos_token_ids=_eos_of(tokenizer),
        special_tokens={token.content: token_id for token_id, token in added.items()},
        names=names,
        encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
    )
