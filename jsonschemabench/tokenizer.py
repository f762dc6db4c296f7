"""The tokenizer of a run: what every engine and every measurement shares.

Purpose: one place that reads a tokenizer and says which token ends a text, so that all engines mask the same
vocabulary.  The embedded one needs no network; a ``tokenizer.json``, a model's folder or a name on the Hub work too.
Place: made once in each worker process; the only module here that touches transformers, and only for engines that
take nothing else.
Cost: a vocabulary of 128k tokens takes about a second.
"""

from __future__ import annotations

import functools
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grammarlib as gl
from jsonschemabench.errors import DataError, MissingExtra

EMBEDDED = "embedded"

_END_NAMES = ("<|end_of_text|>", "<|endoftext|>", "<|eot_id|>", "<|im_end|>", "</s>", "<eos>", "<|end|>", "[EOS]")


class Tokenizer:
    """A tokenizer file with its end-of-sequence token.

    ``name``: ``embedded``, a ``tokenizer.json``, a folder that holds one, or a name on the Hub (which needs a
    network or its cache).  ``end``: the text of the end-of-sequence token; where it is not given, the files beside
    the tokenizer say, or a usual name among its added tokens.
    Raises `DataError` where there is none, and `MissingExtra` without the ``tokenizers`` package.
    """

    def __init__(self, name: str = EMBEDDED, end: str | None = None) -> None:
        if find_spec("tokenizers") is None:
            raise MissingExtra("a tokenizer", "hf", "the package tokenizers is not installed")
        import tokenizers

        self.name = name
        self.path = tokenizer_file(name)
        try:
            self._backend: Any = tokenizers.Tokenizer.from_file(str(self.path))
        except Exception as error:  # the library raises bare Exception
            raise DataError(f"{self.path} is not a tokenizer.json that can be read: {error}") from None
        self._backend.no_padding()
        self._backend.no_truncation()
        self.eos_token_id = self._find_end(end)

    def _find_end(self, end: str | None) -> int:
        if end is not None:
            found = self._backend.token_to_id(end)
            if found is None:
                raise DataError(f"the tokenizer {self.name} has no token {end!r}")
            return int(found)
        beside = self.path.parent
        if (beside / "tokenizer_config.json").is_file() or (beside / "generation_config.json").is_file():
            known: tuple[int, ...] = gl.Vocabulary.from_huggingface(beside, self_check=False).eos_token_ids
            if known:
                return int(known[0])
        for spelling in _END_NAMES:
            found = self._backend.token_to_id(spelling)
            if found is not None:
                return int(found)
        for token in self._backend.get_added_tokens_decoder().values():
            if "end" in token.content and "sentence" in token.content:
                return int(self._backend.token_to_id(str(token.content)))
        raise DataError(f"which token of {self.name} ends a text?  Name it with --end-token")

    @property
    def eos_token(self) -> str:
        """The end-of-sequence token as the tokenizer spells it."""
        return str(self._backend.id_to_token(self.eos_token_id))

    @functools.cached_property
    def size(self) -> int:
        """One more than the greatest token id."""
        return 1 + max(int(token_id) for token_id in self._backend.get_vocab(with_added_tokens=True).values())

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special ones added."""
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    @functools.cached_property
    def text(self) -> str:
        """The tokenizer as JSON text."""
        return str(self._backend.to_str())

    @functools.cached_property
    def vocabulary(self) -> gl.Vocabulary:
        """What each token writes."""
        return gl.Vocabulary.from_huggingface(self._backend, eos_token_ids=[self.eos_token_id], logits_width=self.size)

    @functools.cached_property
    def transformers(self) -> Any:
        """The same as a ``PreTrainedTokenizerFast``, for engines that take nothing else."""
        if find_spec("transformers") is None:
            raise MissingExtra("this engine's tokenizer", "hf", "the package transformers is not installed")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast(tokenizer_file=str(self.path), eos_token=self.eos_token)


def tokenizer_file(name: str) -> Path:
    """The ``tokenizer.json`` that a name stands for.  Raises `DataError` where there is none."""
    if name == EMBEDDED:
        spec = find_spec("samplers")
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            path = Path(place) / "models" / "tiny" / "tokenizer.json"
            if path.is_file():
                return path
        raise DataError("the embedded tokenizer is not installed; give --tokenizer PATH")
    path = Path(name).expanduser()
    if path.is_dir():
        path = path / "tokenizer.json"
    if path.is_file():
        return path
    if path.suffix or name.count("/") != 1 or name.startswith((".", "/")):
        raise DataError(f"{name}: no such tokenizer.json, or folder with one")
    return _from_hub(name)


def _from_hub(name: str) -> Path:
    if find_spec("huggingface_hub") is None:
        raise MissingExtra(f"the tokenizer {name}", "hf", "the package huggingface_hub is not installed")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repo_id=name, filename="tokenizer.json"))
    except Exception as error:  # no network, no such model, no permission: the library has a class for each
        raise DataError(f"the tokenizer {name} cannot be had from the Hub: {error}") from None
