"""Reading tokenizers: decoders of every kind on small tokenizers built here, and real ones where present."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.errors import VocabularyError
from grammarlib.vocabulary import Vocabulary
from grammarlib.vocabulary.huggingface import compile_decoder, write_byte_fallback, write_byte_level

tokenizers = pytest.importorskip("tokenizers")
decoders, models, normalizers, pre_tokenizers = (
    tokenizers.decoders,
    tokenizers.models,
    tokenizers.normalizers,
    tokenizers.pre_tokenizers,
)


def byte_alphabet() -> dict[int, str]:
    """GPT-2's alphabet, by its definition."""
    table = {}
    others = 0
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + others)
            others += 1
    return table


ALPHABET = byte_alphabet()


def spell(data: bytes) -> str:
    return "".join(ALPHABET[byte] for byte in data)


def byte_level_tokenizer(decoder: Any = "same") -> Any:
    """All bytes by their value, then " a", "é", the first two bytes of "€", then added tokens."""
    merges = [(b" ", b"a"), (b"\xc3", b"\xa9"), (b"\xe2", b"\x82")]
    names = [ALPHABET[byte] for byte in range(256)] + [spell(left + right) for left, right in merges]
    tokenizer = tokenizers.Tokenizer(
        models.BPE(
            vocab={name: number for number, name in enumerate(names)},
            merges=[(spell(left), spell(right)) for left, right in merges],
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel() if decoder == "same" else decoder
    return tokenizer


def pieces_tokenizer(prepend: bool = True, metaspace: bool = False, byte_fallback: bool = True) -> Any:
    """As Llama 2: special tokens, 256 byte tokens, ▁, ASCII, and the merges ▁a, ▁▁."""
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    names += ["\u2581", *(chr(point) for point in range(0x21, 0x7F)), "\u2581a", "\u2581\u2581"]
    tokenizer = tokenizers.Tokenizer(
        models.BPE(
            vocab={name: number for number, name in enumerate(names)},
            merges=[("\u2581", "a"), ("\u2581", "\u2581")],
            byte_fallback=byte_fallback,
            unk_token="<unk>",
            fuse_unk=True,
        )
    )
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first" if prepend else "never")
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="first" if prepend else "never")
    else:
        steps = [normalizers.Replace(" ", "\u2581")]
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), *steps] if prepend else steps)
        chain = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        tokenizer.decoder = decoders.Sequence([*chain, decoders.Strip(" ", 1, 0)] if prepend else chain)
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


# Byte level


def test_byte_level() -> None:
    vocabulary = Vocabulary.from_huggingface(byte_level_tokenizer())
    assert vocabulary.tokens == (*(bytes([byte]) for byte in range(256)), b" a", "é".encode(), b"\xe2\x82")
    assert vocabulary.eos_token_ids == () and vocabulary.logits_width == 259


@given(st.binary())
def test_the_byte_level_alphabet(data: bytes) -> None:
    assert write_byte_level(spell(data)) == data


def test_names_outside_the_alphabet_stand_for_themselves() -> None:
    for name in ("<｜think｜>", "a b", "\n", "é ", "\xad", "ĠĠ "):
        written = decoders.ByteLevel().decode([name])
        assert write_byte_level(name).decode("utf-8", "replace") == written
    assert write_byte_level("a b") == b"a b" and write_byte_level("\xad") == "\xad".encode()


def test_a_byte_level_sequence_is_found_in_the_decoder() -> None:
    chain = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    assert Vocabulary.from_huggingface(byte_level_tokenizer(chain)).tokens[256] == b" a"


def test_without_a_decoder_the_pre_tokenizer_tells() -> None:
    tokenizer = byte_level_tokenizer()
    assert tokenizer.decoder is not None
    state = json.loads(tokenizer.to_str())
    state["decoder"] = None
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(state))
    assert Vocabulary.from_huggingface(tokenizer, self_check=False).tokens[256] == b" a"


def test_added_tokens() -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.add_special_tokens(["<|end|>", "<|tool|>"])
    tokenizer.add_tokens(["<think>", "  ", "｜x｜"])
    vocabulary = Vocabulary.from_huggingface(tokenizer, eos_token_ids=259)
    assert vocabulary.tokens[259:] == (None, None, b"<think>", b"  ", "｜x｜".encode())
    assert dict(vocabulary.special_tokens) == {"<|end|>": 259, "<|tool|>": 260, "<think>": 261, "  ": 262, "｜x｜": 263}
    assert vocabulary.eos_token_ids == (259,)


def test_holes_are_never_allowed() -> None:
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab={"a": 0, "b": 5, ALPHABET[32]: 9}, merges=[]))
    tokenizer.decoder = decoders.ByteLevel()
    vocabulary = Vocabulary.from_huggingface(tokenizer, self_check=False)
    assert vocabulary.tokens == (b"a", None, None, None, None, b"b", None, None, None, b" ")


# Pieces


@pytest.mark.parametrize("metaspace", [False, True])
@pytest.mark.parametrize("prepend", [False, True])
def test_pieces(prepend: bool, metaspace: bool) -> None:
    if metaspace:
        tokenizer = pieces_tokenizer(prepend, metaspace=True, byte_fallback=False)
    else:
        tokenizer = pieces_tokenizer(prepend)
    vocabulary = Vocabulary.from_huggingface(tokenizer, eos_token_ids=[2])
    assert vocabulary.tokens[:3] == (None, None, None)
    assert vocabulary.tokens[259] == b" " and vocabulary.tokens[-2:] == (b" a", b"  ")
    # <0xAB> is a byte where the decoder says so, and its own text otherwise.
    byte_tokens = vocabulary.tokens[3:259]
    assert byte_tokens == tuple(f"<0x{byte:02X}>".encode() if metaspace else bytes([byte]) for byte in range(256))
    assert dict(vocabulary.special_tokens) == {"<unk>": 0, "<s>": 1, "</s>": 2}


@pytest.mark.parametrize("prepend", [False, True])
@given(text=st.text(max_size=12))
def test_tokens_spell_what_the_tokenizer_decodes(prepend: bool, text: str) -> None:
    for tokenizer in (pieces_tokenizer(prepend), byte_level_tokenizer()):
        tokens = Vocabulary.from_huggingface(tokenizer).tokens
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        parts = [tokens[token_id] for token_id in ids]
        if None in parts:
            continue  # the text holds the name of a special token
        joined = b"".join(part for part in parts if part is not None).decode()
        # In the middle of a text: behind a letter, whose own decode is known.
        anchor = tokenizer.encode("x", add_special_tokens=False).ids[-1]
        assert tokenizer.decode([anchor, *ids]) == "x" + joined
        spelled = text if tokenizer.normalizer is None else text.replace("\u2581", " ")
        assert joined in (spelled, " " + spelled)


def test_the_unknown_token_is_never_text() -> None:
    tokenizer = pieces_tokenizer()
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = []
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(state))
    tokens = Vocabulary.from_huggingface(tokenizer).tokens
    assert tokens[:3] == (None, b"<s>", b"</s>")


def test_byte_fallback_names() -> None:
    for name, data in (("<0x0A>", b"\n"), ("<0xfF>", b"\xff"), ("<0x0A", b"<0x0A"), ("<0X0A>", b"<0X0A>"), ("a", b"a")):
        assert write_byte_fallback(name) == data


# Decoders as chains


@given(
    st.lists(
        st.sampled_from(
            [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "Replace", "pattern": {"String": "ab"}, "content": "b"},
                {"type": "Strip", "content": "a", "start": 2, "stop": 0},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
                {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
            ]
        ),
        max_size=4,
    ),
    st.sampled_from([[], [{"type": "ByteFallback"}], [{"type": "ByteFallback"}, {"type": "Fuse"}], [{"type": "Fuse"}]]),
    st.text(alphabet="ab \u2581é", min_size=1, max_size=6),
)
def test_chains_write_what_the_library_writes(before: list[Any], after: list[Any], name: str) -> None:
    steps = [*before, *after]
    if not steps:
        return
    state = json.loads(byte_level_tokenizer().to_str())
    state["decoder"] = {"type": "Sequence", "decoders": steps}
    decoder = tokenizers.Tokenizer.from_str(json.dumps(state)).decoder
    # "x" survives every step above, so it marks the middle.
    assert decoder.decode(["x", name, "x"]) == "x" + compile_decoder(steps)(name).decode() + "x"


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: decoders.WordPiece(), "the decoder is WordPiece"),
    (lambda: decoders.BPEDecoder(), "the decoder is BPEDecoder"),
    (lambda: decoders.CTC(), "the decoder is CTC"),
    (lambda: decoders.Strip(" ", 0, 1), "the decoder is Strip"),
    (lambda: decoders.Replace(tokenizers.Regex(" +"), " "), "the decoder is Replace"),
    (lambda: decoders.Sequence([decoders.Fuse(), decoders.Replace("ab", "c")]), "runs Replace on text"),
    (lambda: decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]), "runs Metaspace on text"),
    (lambda: decoders.Sequence([decoders.ByteLevel(), decoders.ByteFallback()]), "runs ByteFallback on text"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_decoders_that_look_at_neighbours_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        Vocabulary.from_huggingface(byte_level_tokenizer(make()))


def test_no_decoder_and_python_decoders_are_refused() -> None:
    words = tokenizers.Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(VocabularyError, match="no decoder"):
        Vocabulary.from_huggingface(words)

    class Custom:
        def decode_chain(self, tokens: Sequence[str]) -> Sequence[str]:
            return tokens

    with pytest.raises(VocabularyError, match="written in Python"):
        Vocabulary.from_huggingface(byte_level_tokenizer(decoders.Decoder.custom(Custom())))


def test_the_self_check_finds_a_decoder_that_changes_the_text() -> None:
    chain = decoders.Sequence([decoders.Replace("\u2581", "_"), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer = pieces_tokenizer()
    tokenizer.decoder = chain
    # Encoding knows ▁ as a space, this decoder writes "_": what counts is what is written, so it passes ...
    assert Vocabulary.from_huggingface(tokenizer).tokens[259] == b"_"

    # ... and a decode that differs from the decoder that was read does not.
    class Shouting:
        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

        def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
            return str(tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)).upper()

    with pytest.raises(VocabularyError, match=r"not understood|written otherwise"):
        Vocabulary.from_huggingface(Shouting())
    assert Vocabulary.from_huggingface(Shouting(), self_check=False).tokens[259] == b"_"


@pytest.mark.parametrize("value", [None, 3, object(), SimpleNamespace(get_vocab=dict)])
def test_other_objects_are_refused(value: Any) -> None:
    with pytest.raises(VocabularyError, match="is not a tokenizer"):
        Vocabulary.from_huggingface(value)


# Paths


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def test_paths(tmp_path: Path) -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.add_special_tokens(["</s>", "<pad>", "<eot>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    expected = Vocabulary.from_huggingface(tokenizer)
    assert Vocabulary.from_huggingface(tmp_path / "tokenizer.json") == expected
    assert Vocabulary.from_huggingface(str(tmp_path)) == expected

    write_json(tmp_path / "tokenizer_config.json", {"eos_token": {"content": "</s>", "special": True}})
    assert Vocabulary.from_huggingface(tmp_path).eos_token_ids == (259,)
    assert Vocabulary.from_huggingface(tmp_path / "tokenizer.json") == expected
    write_json(tmp_path / "config.json", {"eos_token_id": 260, "text_config": {"vocab_size": 300}})
    assert Vocabulary.from_huggingface(tmp_path).eos_token_ids == (260,)
    assert Vocabulary.from_huggingface(tmp_path).logits_width == 300
    write_json(tmp_path / "generation_config.json", {"eos_token_id": [259, 261]})
    assert Vocabulary.from_huggingface(tmp_path).eos_token_ids == (259, 261)
    assert Vocabulary.from_huggingface(tmp_path, eos_token_ids=[], logits_width=512) == Vocabulary(
        expected.tokens, [], 512, expected.special_tokens
    )
    # A model that is narrower than its tokenizer says keeps the tokenizer's width.
    write_json(tmp_path / "config.json", {"vocab_size": 10})
    assert Vocabulary.from_huggingface(tmp_path).logits_width == 262


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="cannot read"):
        Vocabulary.from_huggingface(tmp_path / "absent.json")
    with pytest.raises(VocabularyError, match="holds none of"):
        Vocabulary.from_huggingface(tmp_path)
    for value, message in (
        ({"a": 1}, "neither a tokenizer.json nor a tekken.json"),
        ([], "neither"),
        ({"model": {}}, "not a tokenizer.json that"),
        ({"vocab": [], "config": {}}, "is not a tekken.json"),
    ):
        write_json(tmp_path / "tokenizer.json", value)
        with pytest.raises(VocabularyError, match=message):
            Vocabulary.from_huggingface(tmp_path)
    byte_level_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(VocabularyError, match=r"cannot read .*config\.json"):
        Vocabulary.from_huggingface(tmp_path)


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"\x00\x01 not a model")
    with pytest.raises(VocabularyError, match="SentencePiece model"):
        Vocabulary.from_huggingface(tmp_path / "tokenizer.model")


# transformers


def test_transformers_wrapper(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = byte_level_tokenizer()
    tokenizer.add_tokens(["<eot>", "<call>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), eos_token="<eot>")
    vocabulary = Vocabulary.from_huggingface(wrapped)
    assert vocabulary.eos_token_ids == (259,) and vocabulary.tokens[259:] == (None, b"<call>")
    assert Vocabulary.from_huggingface(wrapped, eos_token_ids=[259, 260], logits_width=300).eos_token_ids == (259, 260)


def test_a_python_tokenizer_over_sentencepiece() -> None:
    """Ids may be shifted against the pieces; the kinds come from the processor, special ids from the tokenizer."""
    processor = FakeProcessor([("<unk>", "unknown"), ("<s>", "control"), ("<0x0A>", "byte"), ("\u2581a", "normal")])
    tokenizer = SimpleNamespace(
        sp_model=processor,
        get_vocab=lambda: {"<pad>": 0, "<unk>": 1, "<s>": 2, "<0x0A>": 3, "\u2581a": 4, "<call>": 5},
        added_tokens_decoder={
            0: SimpleNamespace(content="<pad>", special=True),
            5: SimpleNamespace(content="<call>", special=False),
        },
        all_special_ids=[0, 2],
        eos_token_id=2,
        encode=lambda text, add_special_tokens: [],
    )
    vocabulary = Vocabulary.from_huggingface(tokenizer, self_check=False)
    assert vocabulary.tokens == (None, None, None, b"\n", b" a", b"<call>")
    assert vocabulary.eos_token_ids == (2,) and dict(vocabulary.special_tokens) == {"<pad>": 0, "<call>": 5}


# SentencePiece, tiktoken, mistral-common


class FakeProcessor:
    """What is read of a SentencePieceProcessor."""

    def __init__(self, pieces: list[tuple[str, str]]) -> None:
        self.pieces = pieces

    def get_piece_size(self) -> int:
        return len(self.pieces)

    def id_to_piece(self, piece: int) -> str:
        return self.pieces[piece][0]

    def piece_to_id(self, name: str) -> int:
        return next((number for number, (piece, _) in enumerate(self.pieces) if piece == name), 0)

    def is_byte(self, piece: int) -> bool:
        return self.pieces[piece][1] == "byte"

    def is_control(self, piece: int) -> bool:
        return self.pieces[piece][1] == "control"

    def is_unknown(self, piece: int) -> bool:
        return self.pieces[piece][1] == "unknown"

    def is_unused(self, piece: int) -> bool:
        return self.pieces[piece][1] == "unused"

    def eos_id(self) -> int:
        return -1


def test_sentencepiece_kinds() -> None:
    kinds = [
        ("<unk>", "unknown"),
        ("</s>", "control"),
        ("<0xe9>", "byte"),
        ("\u2581\u2581x", "normal"),
        ("q", "unused"),
    ]
    vocabulary = Vocabulary.from_sentencepiece(FakeProcessor([*kinds, ("<0x41>", "normal")]), self_check=False)
    assert vocabulary.tokens == (None, None, b"\xe9", b"  x", None, b"<0x41>")
    assert dict(vocabulary.special_tokens) == {"</s>": 1} and vocabulary.eos_token_ids == ()


def test_tiktoken() -> None:
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([byte]): byte for byte in range(256)} | {b" a": 256, b"\xc3\xa9": 257}
    special = {"<|endoftext|>": 260, "<|x|>": 261}
    encoding = tiktoken.Encoding("small", pat_str=r"[\s\S]+", mergeable_ranks=ranks, special_tokens=special)
    expected = (*(bytes([byte]) for byte in range(256)), b" a", b"\xc3\xa9", None, None, None, None)
    vocabulary = Vocabulary.from_tiktoken(encoding)
    assert vocabulary.tokens == expected and vocabulary.eos_token_ids == (260,)
    assert dict(vocabulary.special_tokens) == special
    assert Vocabulary.from_huggingface(encoding) == vocabulary
    assert Vocabulary.from_huggingface(SimpleNamespace(tokenizer=encoding)) == vocabulary
    assert Vocabulary.from_tiktoken(ranks, special_tokens=special, eos_token_ids=260) == vocabulary


@pytest.mark.parametrize(
    ("ranks", "special", "message"),
    [
        ({b"a": 0, b"b": 0}, {}, "rank 0 is given twice"),
        ({b"a": 0}, {"x": 0}, "rank 0 is given twice"),
        ({b"a": -1}, {}, "ranks must lie"),
        ({b"a": 1 << 40}, {}, "ranks must lie"),
        ({"a": 0}, {}, "must be bytes"),
        ([b"a"], {}, "expected a tiktoken.Encoding"),
    ],
)
def test_bad_ranks(ranks: Any, special: dict[str, int], message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        Vocabulary.from_tiktoken(ranks, special_tokens=special)


def tekken(special: list[dict[str, Any]] | None) -> dict[str, Any]:
    vocab = [{"rank": byte, "token_bytes": base64.b64encode(bytes([byte])).decode()} for byte in range(256)]
    vocab += [{"rank": 256, "token_bytes": base64.b64encode(b" a").decode()}, {"rank": 257, "token_bytes": "eHh4"}]
    data = {"config": {"default_vocab_size": 260, "default_num_special_tokens": 3}, "vocab": vocab}
    return data if special is None else {**data, "special_tokens": special}


def test_tekken_files(tmp_path: Path) -> None:
    write_json(tmp_path / "tekken.json", tekken(None))
    vocabulary = Vocabulary.from_mistral(tmp_path / "tekken.json")
    # The last rank is past the declared size.
    assert vocabulary.tokens == (None, None, None, *(bytes([byte]) for byte in range(256)), b" a")
    assert vocabulary.eos_token_ids == (2,) and vocabulary.special_tokens["<s>"] == 1
    assert Vocabulary.from_huggingface(tmp_path) == vocabulary
    write_json(tmp_path / "tekken.json", tekken([{"rank": 1, "token_str": "</s>"}, {"rank": 0, "token_str": "<x>"}]))
    vocabulary = Vocabulary.from_huggingface(tmp_path)
    assert vocabulary.eos_token_ids == (1,) and dict(vocabulary.special_tokens) == {"</s>": 1, "<x>": 0}


def test_bad_tekken_files(tmp_path: Path) -> None:
    path = tmp_path / "tekken.json"
    bad = tekken(None)
    bad["vocab"][5]["token_bytes"] = "?"
    write_json(path, bad)
    with pytest.raises(VocabularyError, match=r"is not a tekken\.json: Error"):
        Vocabulary.from_mistral(path)
    path.write_text("{")
    with pytest.raises(VocabularyError, match="cannot read"):
        Vocabulary.from_mistral(path)
    with pytest.raises(VocabularyError, match="not a tokenizer of mistral-common"):
        Vocabulary.from_mistral(object())


# Real tokenizers

REAL_TEXTS = [
    "The quick brown fox; über naïve façade.",
    '{"a": [1, 2.5, {"b\\n": null}], "ключ": "値"}\n',
    "def f(x):\n\treturn   x  # \u2028 end\r\n",
    "🙂🙃 👩‍👩‍👧 مرحبا שלום हिन्दी",
]


def check_real(vocabulary: Vocabulary, encode: Callable[[str], Sequence[int]]) -> None:
    for text in REAL_TEXTS:
        parts = [vocabulary.tokens[token_id] for token_id in encode(text)]
        assert None not in parts
        joined = b"".join(part for part in parts if part is not None)
        assert joined in (text.encode(), b" " + text.encode())
    assert {data for _, data in vocabulary.text_tokens()} >= {bytes([byte]) for byte in range(128)}


def test_deepseek_the_way_the_benchmark_loads_it(shared: Path) -> None:
    path = shared / "tokenizers" / "deepseek-v3.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is absent")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), eos_token="<｜end▁of▁sentence｜>")
    vocabulary = Vocabulary.from_huggingface(tokenizer)
    assert vocabulary.eos_token_ids == (1,) and vocabulary.logits_width == vocabulary.size == 129_280
    assert vocabulary.tokens[:3] == (None, None, None) and vocabulary.tokens[128_821] == b"<think>"
    assert vocabulary.special_tokens["<｜fim▁hole｜>"] == 128_800
    check_real(vocabulary, lambda text: tokenizer.encode(text, add_special_tokens=False))
    for token_id in range(3, 128_000, 97):
        data = vocabulary.tokens[token_id]
        assert data is not None and tokenizer.backend_tokenizer.decode([token_id]) == data.decode("utf-8", "replace")


def mistral_data() -> Path:
    mistral_common = pytest.importorskip("mistral_common")
    return Path(mistral_common.__file__).parent / "data"


def test_mistral_tekken() -> None:
    path = mistral_data() / "tekken_240911.json"
    if not path.is_file():
        pytest.skip("this mistral-common has no tekken_240911.json")
    module = pytest.importorskip("mistral_common.tokens.tokenizers.tekken")
    tokenizer = module.Tekkenizer.from_file(path)
    vocabulary = Vocabulary.from_mistral(tokenizer)
    assert vocabulary == Vocabulary.from_huggingface(tokenizer)
    assert vocabulary.eos_token_ids == (2,) and vocabulary.size == 131_072 and len(vocabulary.special_tokens) == 1000
    assert vocabulary.tokens == Vocabulary.from_mistral(path).tokens
    check_real(vocabulary, lambda text: tokenizer.encode(text, bos=False, eos=False))


@pytest.mark.parametrize("name", ["tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"])
def test_mistral_sentencepiece(name: str) -> None:
    path = mistral_data() / name
    if not path.is_file():
        pytest.skip(f"this mistral-common has no {name}")
    sentencepiece = pytest.importorskip("sentencepiece", reason="SentencePiece models need the library sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    vocabulary = Vocabulary.from_sentencepiece(processor)
    assert vocabulary == Vocabulary.from_huggingface(path) == Vocabulary.from_huggingface(processor)
    assert vocabulary.eos_token_ids == (2,) and vocabulary.tokens[:3] == (None, None, None)
    check_real(vocabulary, processor.encode)
    module = pytest.importorskip("mistral_common.tokens.tokenizers.sentencepiece")
    assert Vocabulary.from_mistral(module.SentencePieceTokenizer(path)) == vocabulary
