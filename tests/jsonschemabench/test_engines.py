"""Engines behind one protocol, in this process: what each of them says about small schemas, and the measuring loop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jsonschemabench import DataError, EngineUnavailable
from jsonschemabench.cases import Case, Instance
from jsonschemabench.engines.maskbench import load_class
from jsonschemabench.engines.protocol import is_set, pack
from jsonschemabench.engines.registry import ENGINES, make_engine, require
from jsonschemabench.measure import measure
from jsonschemabench.outcome import Outcome, judge_row, labels_of
from jsonschemabench.tokenizer import Tokenizer

HERE = Path(__file__).resolve().parent
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    pytest.importorskip("tokenizers", reason="needs the extra hf")
    return Tokenizer()


def case_with(schema: Any, *instances: tuple[str, bool]) -> Case:
    return Case("case", "split", schema, tuple(Instance(text, valid) for text, valid in instances))


PERSONS = case_with(
    PERSON,
    ('{"name": "A", "age": 3}', True),
    ('{"name": "A"}', False),
    ('{"name": "A", "age": "3"}', False),
    ('{"name": "A", "age": 3', False),
)


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in ("none", "llama-cpp")])
def test_every_engine_reads_a_person(name: str, tokenizer: Tokenizer) -> None:
    """A flat object is within reach of all: right on each instance, mask and acceptance agree, times are there."""
    try:
        require(name)
    except EngineUnavailable as error:
        pytest.skip(str(error))
    record = measure(make_engine(name, tokenizer), tokenizer, PERSONS)
    assert record["accepted"] == "1000"
    assert record["mismatches"] == 0
    assert len(record["stopped_at"]) == 3
    assert record["tbm"]["count"] >= len(tokenizer.encode(PERSONS.instances[0].text))
    assert record["compile_us"] > 0
    if "forced" in record:
        covered, tokens = record["forced"]
        assert 0 <= covered < tokens == len(tokenizer.encode(PERSONS.instances[0].text))


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "llama-cpp"])
def test_masks_are_packed_bits(name: str, tokenizer: Tokenizer) -> None:
    """At the start of a person a brace is allowed, and a letter by no real engine; at its end the end token is."""
    try:
        engine = make_engine(name, tokenizer)
    except EngineUnavailable as error:
        pytest.skip(str(error))
    text = engine.compile(PERSON).start()
    text.fill_mask()
    mask = text.mask()
    assert mask is not None and mask.dtype == np.int32 and mask.shape[0] * 32 >= tokenizer.size
    assert is_set(mask, tokenizer.encode('{"')[0])
    assert is_set(mask, tokenizer.encode("hello")[0]) == (name == "none")
    for token_id in tokenizer.encode(PERSONS.instances[0].text):
        text.fill_mask()
        assert text.allows(token_id)
        assert text.accept(token_id)
    text.fill_mask()
    mask = text.mask()
    assert mask is not None and is_set(mask, tokenizer.eos_token_id)


def test_no_engine_accepts_everything(tokenizer: Tokenizer) -> None:
    """The floor of each table: all invalid instances are false accepts."""
    record = measure(make_engine("none", tokenizer), tokenizer, PERSONS)
    judged = judge_row(record | {"labels": "1000"})
    assert (judged.outcome, judged.false_accepts) == (Outcome.FALSE_ACCEPT, 3)
    assert record["forced"] == [0, len(tokenizer.encode(PERSONS.instances[0].text))]


def test_a_refusal_keeps_keyword_and_pointer(tokenizer: Tokenizer) -> None:
    """Our typed errors are recorded as such."""
    record = measure(make_engine("grammarlib", tokenizer), tokenizer, case_with({"items": {"pattern": "("}}))
    assert record["error"]["type"] == "InvalidSource"
    assert record["error"]["pointer"].startswith("/items")
    assert "accepted" not in record


def test_key_order(tokenizer: Tokenizer) -> None:
    """Any order, and the schema's, are two engines."""
    case = case_with(PERSON, ('{"age": 3, "name": "A"}', True))
    assert measure(make_engine("grammarlib", tokenizer), tokenizer, case)["accepted"] == "1"
    assert measure(make_engine("grammarlib-schema", tokenizer), tokenizer, case)["accepted"] == "0"


@pytest.mark.slow
def test_maskbench_s_interface_gives_the_same_verdicts(tokenizer: Tokenizer) -> None:
    """Our adapter for MaskBench, run through its interface, against the engine itself."""
    pytest.importorskip("transformers", reason="MaskBench hands out a transformers tokenizer")
    adapted = make_engine("jsonschemabench.maskbench_adapter:GrammarlibEngine", tokenizer)
    native = make_engine("grammarlib", tokenizer)
    from jsonschemabench import load

    for case in load("sample")[::9]:
        first, second = measure(adapted, tokenizer, case), measure(native, tokenizer, case)
        assert first.get("accepted") == second.get("accepted"), case.identifier
        assert first.get("stopped_at") == second.get("stopped_at")
        assert first.get("error") == second.get("error")


def test_the_end_token(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """From the files beside the tokenizer, by name, or from a usual name; without any it has to be given."""
    import json

    assert tokenizer.eos_token == "<|end|>" and tokenizer.eos_token_id == 1
    assert tokenizer.transformers.eos_token_id == 1
    content = json.loads(tokenizer.text)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    assert Tokenizer(str(tmp_path)).eos_token_id == 1
    assert Tokenizer(str(tmp_path / "tokenizer.json"), "<|begin|>").eos_token_id == 0
    with pytest.raises(DataError, match="has no token 'absent'"):
        Tokenizer(str(tmp_path), "absent")
    (tmp_path / "tokenizer.json").write_text(json.dumps(content).replace("<|end|>", "<|final|>"), encoding="utf-8")
    with pytest.raises(DataError, match="--end-token"):
        Tokenizer(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"not a tokenizer\.json"):
        Tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("grammarlab", "known are grammarlib"),
        ("no.such.module:Engine", "cannot be imported"),
        ("absent.py:Engine", "no such file"),
        ("json:nothing", "cannot be imported"),
        ("json:", "write package.module:Class"),
    ],
)
def test_an_engine_that_is_not_there(name: str, part: str, tokenizer: Tokenizer) -> None:
    """Each way is an `EngineUnavailable` that says what to do."""
    with pytest.raises(EngineUnavailable, match=part):
        make_engine(name, tokenizer)


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found before anything is imported."""
    from jsonschemabench.engines import registry

    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    with pytest.raises(EngineUnavailable, match=r"xgrammar is not installed; pip install 'grammarlib\[bench\]'") as one:
        require("xgrammar")
    assert (one.value.engine, one.value.extra) == ("xgrammar", "bench")


def test_a_file_s_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path relative to the working folder is enough."""
    monkeypatch.chdir(HERE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert load_class("hostile.py:HostileEngine").__name__ == "HostileEngine"


class Scripted:
    """An engine whose texts answer from a script; engine, grammar and text in one."""

    distributions = ()

    def __init__(self, **script: Any) -> None:
        self.script = script
        self.read: list[int] = []

    def compile(self, schema: Any) -> Scripted:
        return self

    def start(self) -> Scripted:
        self.read = []
        return self

    def fill_mask(self) -> None:
        if len(self.read) == self.script.get("raise_at", -1):
            raise RuntimeError("script")

    def allows(self, token_id: int) -> bool:
        return bool(self.script.get("allows", True))

    def accept(self, token_id: int) -> bool:
        if len(self.read) == self.script.get("reject_at", -1):
            return False
        self.read.append(token_id)
        return True

    def may_stop(self) -> bool:
        return bool(self.script.get("may_stop", True))

    def mask(self) -> NDArray[np.int32]:
        return pack([], 32)

    def forced_bytes(self) -> bytes:
        return b'{"name": "' if not self.read else b""


@pytest.mark.parametrize(
    ("script", "accepted", "stopped_at"),
    [
        ({}, "1", []),
        ({"may_stop": False}, "0", [5]),
        ({"reject_at": 2}, "0", [2]),
        ({"raise_at": 3}, "e", [3]),
    ],
)
def test_the_loop(script: dict[str, Any], accepted: str, stopped_at: list[int]) -> None:
    """One step a token up to the first refused one; the end is asked about; an exception is kept."""
    record = measure(Scripted(**script), FiveTokens(), case_with({}, ("12345", True)))  # type: ignore[arg-type]
    assert (record["accepted"], record["stopped_at"]) == (accepted, stopped_at)
    assert record["tbm"]["count"] == (
        5 if accepted == "1" or not stopped_at else stopped_at[0] + ("reject_at" in script)
    )
    assert ("exception" in record) == (accepted == "e")


def test_a_mask_that_differs_from_acceptance_is_counted() -> None:
    """The mask says no, the engine accepts: five times."""
    record = measure(Scripted(allows=False), FiveTokens(), case_with({}, ("12345", True)))  # type: ignore[arg-type]
    assert (record["accepted"], record["mismatches"]) == ("1", 5)


class FiveTokens:
    """A tokenizer with one token for each character."""

    class vocabulary:
        tokens = tuple(bytes([byte]) for byte in range(128))

    def encode(self, text: str) -> list[int]:
        return list(text.encode())


def test_forced_tokens_lie_within_forced_bytes() -> None:
    """Ten forced bytes at the start cover ten tokens of one byte; the rest is free."""
    case = case_with({}, ('{"name": "Ada"}', True))
    record = measure(Scripted(), FiveTokens(), case)  # type: ignore[arg-type]
    assert record["forced"] == [10, 15]


def test_packing() -> None:
    """Bit ``t % 32`` of word ``t // 32``, as int32."""
    words = pack([0, 31, 33], 64)
    assert words.tolist() == [-(2**31) + 1, 2]
    assert [token for token in range(64) if is_set(words, token)] == [0, 31, 33]
    assert labels_of([True, False, None]) == "10?"
