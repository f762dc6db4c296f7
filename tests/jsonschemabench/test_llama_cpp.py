"""llama.cpp as an engine, on a GGUF file that holds the embedded tokenizer and no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jsonschemabench import EngineUnavailable
from jsonschemabench.engines.registry import make_engine
from jsonschemabench.measure import measure
from jsonschemabench.tokenizer import Tokenizer
from tests.jsonschemabench.test_engines import PERSONS

pytest.importorskip("llama_cpp", reason="needs the extra llama-cpp, which compiles")
gguf = pytest.importorskip("gguf", reason="pip install gguf, to write the file that this test reads")

NORMAL, CONTROL = 1, 3
VARIABLE = "JSONSCHEMABENCH_GGUF"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


@pytest.fixture
def write(repository: Path, tmp_path: Path) -> Any:
    """Writes the embedded vocabulary, with its first texts swapped on demand."""

    def written(is_wrong: bool = False) -> Path:
        document = json.loads((repository / "samplers/models/tiny/tokenizer.json").read_text(encoding="utf-8"))
        special = {token["content"]: token["id"] for token in document["added_tokens"]}
        vocabulary = document["model"]["vocab"] | special
        words = sorted(vocabulary, key=vocabulary.__getitem__)
        if is_wrong:
            words[100], words[101] = words[101], words[100]
        path = tmp_path / "vocabulary.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_context_length(64)
        writer.add_embedding_length(8)
        writer.add_block_count(1)
        writer.add_feed_forward_length(8)
        writer.add_head_count(1)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(8)
        writer.add_vocab_size(len(words))
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(words)
        writer.add_token_types([CONTROL if word in special else NORMAL for word in words])
        merges = document["model"]["merges"]
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return written


def test_it_reads_a_person(write: Any, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right on each instance; masks and acceptance agree."""
    monkeypatch.setenv(VARIABLE, str(write()))
    record = measure(make_engine("llama-cpp", tokenizer), tokenizer, PERSONS)
    assert record["accepted"] == "1000"
    assert record["mismatches"] == 0


def test_another_vocabulary_is_refused(write: Any, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks over other tokens than the run's would be nonsense."""
    monkeypatch.setenv(VARIABLE, str(write(is_wrong=True)))
    with pytest.raises(EngineUnavailable, match="2 tokens of the GGUF file differ"):
        make_engine("llama-cpp", tokenizer)
