"""llama.cpp's grammars through llama-cpp-python: a schema becomes GBNF, a sampler masks the candidates.

llama.cpp takes its vocabulary from a GGUF file, not from a ``tokenizer.json``: name the model's file in the
environment variable ``JSONSCHEMABENCH_GGUF``.  Only its vocabulary is read.  It has to be that of the run's tokenizer,
token for token, which is checked.
"""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from llama_cpp.llama_grammar import json_schema_to_gbnf
from numpy.typing import NDArray

from jsonschemabench.engines.protocol import is_set
from jsonschemabench.errors import EngineUnavailable
from jsonschemabench.tokenizer import Tokenizer

VARIABLE = "JSONSCHEMABENCH_GGUF"


class LlamaCppEngine:
    """llama.cpp's grammar sampler over the vocabulary of a GGUF file."""

    distributions = ("llama_cpp_python",)

    def __init__(self, tokenizer: Tokenizer) -> None:
        path = os.environ.get(VARIABLE)
        if not path or not Path(path).is_file():
            raise EngineUnavailable("llama-cpp", f"name a GGUF file with the run's vocabulary in {VARIABLE}")
        llama_cpp.llama_backend_init()
        llama_cpp.llama_log_set(_SILENT, ctypes.c_void_p(0))
        parameters = llama_cpp.llama_model_default_params()
        parameters.vocab_only = True
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self._model:
            raise EngineUnavailable("llama-cpp", f"llama.cpp cannot read {path}")
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._width = int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))
        self._eos = tokenizer.eos_token_id
        self._check(tokenizer)
        # One array of candidates for all masks: llama_token_data is {int32 id, float logit, float p}.
        self._data = np.zeros(
            self._width, dtype=np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)], align=True)
        )
        self._data["id"] = np.arange(self._width)

    def _check(self, tokenizer: Tokenizer) -> None:
        wrong = 0
        for token_id, data in tokenizer.vocabulary.text_tokens():
            buffer = ctypes.create_string_buffer(256)
            length = llama_cpp.llama_token_to_piece(self._vocabulary, token_id, buffer, 256, 0, False)
            wrong += token_id >= self._width or (length >= 0 and buffer.raw[:length] != data)
        if wrong:
            raise EngineUnavailable("llama-cpp", f"{wrong} tokens of the GGUF file differ from the run's tokenizer")

    def compile(self, schema: Any) -> LlamaCppGrammar:
        """Compile; a refusal is an exception of the converter, or a grammar that llama.cpp does not read."""
        text = json_schema_to_gbnf(json.dumps(schema))
        sampler = llama_cpp.llama_sampler_init_grammar(self._vocabulary, text.encode(), b"root")
        if not sampler:
            raise ValueError("llama.cpp does not read the grammar that the schema was converted to")
        return LlamaCppGrammar(sampler, self._data, self._eos)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator,unused-ignore]
def _silent(level: int, text: bytes, user_data: object) -> None:
    """Drop llama.cpp's log."""


_SILENT = _silent


class LlamaCppGrammar:
    """A grammar sampler of llama.cpp, freed with this object."""

    def __init__(self, sampler: Any, data: NDArray[Any], eos: int) -> None:
        self._sampler = sampler
        self._data = data
        self._eos = eos

    def __del__(self) -> None:
        llama_cpp.llama_sampler_free(self._sampler)

    def start(self) -> LlamaCppText:
        """Reset the sampler."""
        llama_cpp.llama_sampler_reset(self._sampler)
        return LlamaCppText(self, self._sampler, self._data, self._eos)


class LlamaCppText:
    """The sampler's state, and the mask as llama.cpp leaves it: refused candidates have the logit -inf."""

    def __init__(self, grammar: LlamaCppGrammar, sampler: Any, data: NDArray[Any], eos: int) -> None:
        self._grammar = grammar  # keeps the sampler alive
        self._sampler = sampler
        self._data = data
        self._eos = eos
        pointer = data.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        self._candidates = llama_cpp.llama_token_data_array(data=pointer, size=data.shape[0], selected=-1, sorted=False)

    def fill_mask(self) -> None:
        """Apply the sampler to candidates whose logits are all 0."""
        self._data["logit"] = 0.0
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(self._candidates))

    def allows(self, token_id: int) -> bool:
        """Read the logit."""
        return bool(self._data["logit"][token_id] >= 0)

    def accept(self, token_id: int) -> bool:
        """Accept a token that the mask allows; another one would abort the process."""
        if not self.allows(token_id):
            return False
        llama_cpp.llama_sampler_accept(self._sampler, token_id)
        return True

    def may_stop(self) -> bool:
        """Whether the end-of-sequence token is allowed."""
        self.fill_mask()
        return is_set(self.mask(), self._eos)

    def mask(self) -> NDArray[np.int32]:
        """The logits as a bitmask."""
        bits = np.zeros((self._data.shape[0] + 31) // 32 * 32, dtype=np.uint8)
        bits[: self._data.shape[0]] = self._data["logit"] >= 0
        packed: NDArray[np.int32] = np.packbits(bits, bitorder="little").view(np.int32)
        return packed

    def forced_bytes(self) -> None:
        """Not offered."""
        return
