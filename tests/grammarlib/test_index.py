"""The vocabulary index: slices by definition, cells as a partition, the file on disk."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammarlib.masks import index as index_module
from grammarlib.masks.index import VocabularyIndex, cache_folder, cache_path, forget_indexes
from grammarlib.masks.slices import JSON_TEXT, SLICE_NAMES, slice_inclusions, slice_tables, structure_table
from grammarlib.vocabulary import Vocabulary, VocabularyTrie
from tests.oracles.masks import SLICES, bits_of, code_points, in_slice, read_trie, text_tokens
from tests.strategies.vocabularies import token_bytes, vocabularies

ARRAYS = index_module._ARRAYS


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder, and nothing in memory."""
    monkeypatch.setenv("GRAMMARLIB_CACHE_DIR", str(tmp_path / "cache"))
    forget_indexes()
    yield tmp_path / "cache"
    forget_indexes()


def same(one: VocabularyIndex, other: VocabularyIndex) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS)


# Slices


def live(table: np.ndarray, data: bytes) -> bool:
    state = 0
    for byte in data:
        state = int(table[state, byte])
        if state < 0:
            return False
    return True


def test_the_slices_are_those_of_the_oracle() -> None:
    assert list(SLICES) == list(SLICE_NAMES) and SLICE_NAMES[JSON_TEXT] == "json_text"
    for table in slice_tables():
        assert table.dtype == np.int16 and table.shape[1] == 256
        assert table.min() == -1 and table.max() < len(table) <= 24
        reached = {0, *table[table >= 0].tolist()}
        assert reached == set(range(len(table))), "a state that nothing reaches"
        assert (table >= 0).any(axis=1).all(), "a live state without a successor"


def test_letters_are_letters() -> None:
    table = slice_tables()[SLICE_NAMES.index("letters")]
    characters = map(chr, [*range(0xD800), *range(0xE000, 0x20000)])
    assert all(character.isalpha() for character in characters if live(table, character.encode()))


@given(token_bytes())
def test_slices_by_definition(data: bytes) -> None:
    for name, table in zip(SLICE_NAMES, slice_tables(), strict=True):
        assert live(table, data) == in_slice(name, data), (name, data)


EDGES = [
    *(bytes([byte]) for byte in range(256)),
    *(
        bytes(pair)
        for lead in (0xC2, 0xE0, 0xE1, 0xE2, 0xE3, 0xED, 0xEF, 0xF0, 0xF4)
        for pair in ((lead, 0x7F), (lead, 0xC0))
    ),
    *(
        bytes((lead, second))
        for lead in (0xC1, 0xE0, 0xED, 0xF0, 0xF4)
        for second in (0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF)
    ),
    *(chr(point).encode() for point in (0x7F, 0x80, 0xA0, 0xBF, 0xC0, 0x7FF, 0x800, 0x167F, 0x1680, 0x16C0, 0x1FFF)),
    *(
        chr(point).encode()
        for point in (0x2027, 0x2028, 0x2029, 0x202A, 0x2080, 0x2FFF, 0x3000, 0x3040, 0xD7FF, 0xE000)
    ),
    *(chr(point).encode() for point in (0xFEBF, 0xFEFF, 0xFF00, 0xFFFF, 0x10000, 0x10FFFF)),
    b"\xe2\x80",
    b"\xe3\x80",
    b"\xef\xbb",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b" a",
    b" ",
    b"  ",
    b" a b",
    b"a ",
    b"a\xc3",
    b" \xc3\xa9",
    b"a.b-c_9",
]


@pytest.mark.parametrize("name", SLICE_NAMES)
def test_slices_at_the_edges_of_utf8(name: str) -> None:
    table = slice_tables()[SLICE_NAMES.index(name)]
    wrong = [data for data in EDGES if live(table, data) != in_slice(name, data)]
    assert not wrong


def test_slices_inside_slices() -> None:
    """By the oracle: a word of the inner slice that the outer one lacks is one character, or one after a space."""
    characters = [chr(point) for point in (*range(0x2100), *range(0x3000, 0x3100), 0x4E00, 0xAC00, 0xFEFF, 0x1F600)]
    words = [(before + character).encode() for character in characters for before in ("", "a", " ")]
    held = [{word for word in words if in_slice(name, word)} for name in SLICE_NAMES]
    for outer, inside in enumerate(slice_inclusions()):
        for inner, name in enumerate(SLICE_NAMES):
            assert bool(inside >> inner & 1) == (held[inner] <= held[outer]), (SLICE_NAMES[outer], name)


# Cells


def check_index(index: VocabularyIndex, vocabulary: Vocabulary) -> None:
    """Every array against its definition, by loops over all tokens."""
    tokens = text_tokens(vocabulary)
    words = (vocabulary.logits_width + 31) // 32
    signatures = {
        token_id: sum(1 << number for number, name in enumerate(SLICE_NAMES) if in_slice(name, data))
        for token_id, data in tokens.items()
    }
    assert (index.digest, index.logits_width, index.words) == (vocabulary.digest, vocabulary.logits_width, words)
    assert index.signatures.tolist() == sorted(set(signatures.values()))
    for number, signature in enumerate(index.signatures.tolist()):
        cell = {token_id for token_id, other in signatures.items() if other == signature}
        assert bits_of(index.cell_masks[number].tolist()) == cell
        begin, end = index.cell_start[number : number + 2].tolist()
        assert_trie(index, begin, end, {token_id: tokens[token_id] for token_id in cell})
    for number, mask in enumerate(index.slice_masks.tolist()):
        assert bits_of(mask) == {token_id for token_id, signature in signatures.items() if signature >> number & 1}
    plain = {token_id for token_id, signature in signatures.items() if signature >> JSON_TEXT & 1}
    assert index.trie_segment.shape == index.structure_segment.shape == (1, 2)
    assert_trie(index, *index.trie_segment[0].tolist(), tokens)
    structure = {token_id: data for token_id, data in tokens.items() if may_follow_structure(data)}
    assert_trie(index, *index.structure_segment[0].tolist(), structure)
    assert index.longest == max((code_points(tokens[token_id]) for token_id in plain), default=0)
    for bound, mask in enumerate(index.length_masks.tolist()):
        assert bits_of(mask) == {token_id for token_id in plain if code_points(tokens[token_id]) <= bound}
    assert bits_of(index.text_mask.tolist()) == set(tokens)
    assert bits_of(index.eos_words.tolist()) == set(vocabulary.eos_token_ids)
    assert index.size == vocabulary.size
    assert [index.bytes_of(token_id) for token_id in range(index.size)] == [
        tokens.get(token_id, b"") for token_id in range(index.size)
    ]
    assert index.longest_bytes == max(map(len, tokens.values()), default=0)


def assert_trie(index: VocabularyIndex, begin: int, end: int, tokens: dict[int, bytes]) -> None:
    """The segment is the trie of ``tokens``, with skips relative to the whole array."""
    expected = VocabularyTrie.build(list(tokens.items()))
    nodes = index.nodes[begin:end].copy()
    nodes[:, 1] -= begin
    assert np.array_equal(nodes, expected.nodes)
    duplicates = {other: first for first, other in index.duplicates.tolist() if other in tokens}
    assert duplicates == {other: first for first, other in expected.duplicates.tolist()}
    assert set(read_trie(nodes.tolist())) == set(tokens) - set(duplicates)


@given(vocabularies())
@settings(max_examples=40)
def test_index_by_definition(vocabulary: Vocabulary) -> None:
    check_index(VocabularyIndex.build(vocabulary), vocabulary)


@given(vocabularies(every_byte=True, max_size=20))
@settings(max_examples=6)
def test_index_by_definition_with_every_byte(vocabulary: Vocabulary) -> None:
    check_index(VocabularyIndex.build(vocabulary), vocabulary)


def test_a_hand_drawn_vocabulary() -> None:
    tokens = [b'"', b"ab", b" ab", b"12", None, b"", b"\xe2\x82", "€".encode(), b"ab", b'","', b"</s>", b"A_"]
    vocabulary = Vocabulary(tokens, eos_token_ids=[10], logits_width=40)
    index = VocabularyIndex.build(vocabulary)
    check_index(index, vocabulary)
    names = {
        tuple(name for number, name in enumerate(SLICE_NAMES) if signature >> number & 1): bits_of(mask)
        for signature, mask in zip(index.signatures.tolist(), index.cell_masks.tolist(), strict=True)
    }
    common = ("json_text", "text", "line", "json_line", "broad")
    ascii_word = ("wide_word", "letters", "slug", "identifier", "word", "lower")
    assert names == {
        ("text", "line"): {0, 9},
        (*common, *ascii_word): {1, 8},
        (*common, "spaced_word"): {2},
        (*common, "wide_word", "slug", "identifier", "digits"): {3},
        (*common, "wide_word"): {6, 7},
        ("json_text", "text", "line", "json_line", "slug", "identifier"): {11},
    }
    assert index.duplicates.tolist() == [[1, 8]]
    # "€" counts one code point, and so does its beginning; '"' is outside the slice.
    assert [sorted(bits_of(mask)) for mask in index.length_masks.tolist()] == [
        [],
        [6, 7],
        [1, 3, 6, 7, 8, 11],
        [1, 2, 3, 6, 7, 8, 11],
    ]
    with pytest.raises(IndexError):
        index.bytes_of(12)


@pytest.mark.parametrize("tokens", [[], [None, b""], [b"</s>"]])
def test_a_vocabulary_without_text(tokens: list[bytes | None]) -> None:
    vocabulary = Vocabulary(tokens, eos_token_ids=[0], logits_width=33)
    index = VocabularyIndex.build(vocabulary)
    check_index(index, vocabulary)
    assert len(index.nodes) == 0 and index.cell_start.tolist() == [0] and index.length_masks.shape == (1, 2)


# Memory and disk

TOKENS: list[bytes | None] = [b"a", b'"', b"ab", "é".encode(), None, b"a"]


def vocabulary_of(*extra: bytes) -> Vocabulary:
    return Vocabulary([*TOKENS, *extra], eos_token_ids=[4])


def test_kept_in_memory_by_content(cache: Path) -> None:
    found = VocabularyIndex.for_vocabulary(vocabulary_of())
    assert VocabularyIndex.for_vocabulary(vocabulary_of()) is found
    assert VocabularyIndex.for_vocabulary(vocabulary_of(b"x")) is not found


def test_kept_on_disk_by_content(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = VocabularyIndex.for_vocabulary(vocabulary_of())
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert files == [cache_path(vocabulary_of())]
    forget_indexes()
    monkeypatch.setattr(VocabularyIndex, "build", None)
    loaded = VocabularyIndex.for_vocabulary(vocabulary_of())
    assert loaded is not built and same(loaded, built)
    check_index(loaded, vocabulary_of())


def test_the_folder_keeps_what_was_used_last(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vocabularies of a long life with many models do not fill a disk."""
    monkeypatch.setattr(index_module, "_KEPT_ON_DISK", 3)
    several = [Vocabulary([bytes([97 + number]), None], eos_token_ids=[1]) for number in range(5)]
    for number, vocabulary in enumerate(several[:4]):
        VocabularyIndex.for_vocabulary(vocabulary)
        path = cache_path(vocabulary)
        assert path is not None
        os.utime(path, (number, number))
    forget_indexes()
    VocabularyIndex.for_vocabulary(several[1])  # read: now it is the newest
    VocabularyIndex.for_vocabulary(several[4])
    kept = {cache_path(several[number]) for number in (1, 3, 4)}
    assert {path for path in cache.rglob("*") if path.is_file()} == kept


def test_every_process_finds_the_same_file(cache: Path) -> None:
    """The name hangs on tables that are made anew in each process, whose sets are in another order."""
    script = (
        "from grammarlib import Vocabulary; from grammarlib.masks.index import cache_path;"
        "print(cache_path(Vocabulary([b'a', None], eos_token_ids=[1])))"
    )
    environment = dict(os.environ)
    found = set()
    for seed in ("0", "1", "2", "3"):
        environment["PYTHONHASHSEED"] = seed
        command = [sys.executable, "-c", script]
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1


@given(st.data())
@settings(max_examples=40)
def test_a_damaged_file_is_rebuilt(cache: Path, data: st.DataObject) -> None:
    vocabulary = vocabulary_of()
    forget_indexes()
    built = VocabularyIndex.for_vocabulary(vocabulary)
    path = cache_path(vocabulary)
    assert path is not None
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    forget_indexes()
    assert same(VocabularyIndex.for_vocabulary(vocabulary), built)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_sound_archive_with_unsound_arrays_is_rebuilt(cache: Path, name: str) -> None:
    vocabulary = vocabulary_of()
    built = VocabularyIndex.for_vocabulary(vocabulary)
    path = cache_path(vocabulary)
    assert path is not None
    good = {other: getattr(built, other) for other in ARRAYS}
    for bad in (good[name].astype(np.float64), good[name][..., :0], np.array(["x"], dtype=object)):
        with path.open("wb") as file:
            np.savez(file, **{**good, name: bad, "digest": np.array(vocabulary.digest)})
        forget_indexes()
        found = VocabularyIndex.for_vocabulary(vocabulary)
        assert same(found, built)


@pytest.mark.parametrize(("column", "value"), list(itertools.product(range(4), (-5, 1 << 20))))
def test_nodes_that_lead_out_of_the_array_are_rebuilt(cache: Path, column: int, value: int) -> None:
    vocabulary = vocabulary_of()
    built = VocabularyIndex.for_vocabulary(vocabulary)
    path = cache_path(vocabulary)
    assert path is not None
    nodes = built.nodes.copy()
    nodes[1, column] = value
    with path.open("wb") as file:
        arrays = {name: getattr(built, name) for name in ARRAYS}
        np.savez(file, **{**arrays, "nodes": nodes, "digest": np.array(vocabulary.digest)})
    forget_indexes()
    assert same(VocabularyIndex.for_vocabulary(vocabulary), built)


def test_a_file_of_another_vocabulary_is_not_used(cache: Path) -> None:
    first, second = vocabulary_of(b"x"), vocabulary_of(b"y")
    VocabularyIndex.for_vocabulary(first)
    one, two = cache_path(first), cache_path(second)
    assert one is not None and two is not None and one != two
    one.rename(two)
    check_index(VocabularyIndex.for_vocabulary(second), second)


def test_a_folder_that_cannot_be_written_is_no_error(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    check_index(VocabularyIndex.for_vocabulary(vocabulary_of()), vocabulary_of())
    assert cache.read_text().startswith("a file")


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAMMARLIB_CACHE_DIR", str(tmp_path / "one"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    assert cache_folder() == tmp_path / "one"
    monkeypatch.delenv("GRAMMARLIB_CACHE_DIR")
    assert cache_folder() == tmp_path / "two" / "grammarlib"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "grammarlib"


def test_many_threads_get_one_index(cache: Path) -> None:
    found: list[VocabularyIndex] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        found.append(VocabularyIndex.for_vocabulary(vocabulary_of()))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(map(id, found))) == 1


# A real vocabulary


def test_a_real_vocabulary(shared: Path) -> None:
    path = shared / "tokenizers" / "deepseek-v3.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is absent")
    pytest.importorskip("tokenizers")
    vocabulary = Vocabulary.from_huggingface(path, eos_token_ids=1, logits_width=129_280)
    index = VocabularyIndex.build(vocabulary)
    tokens = dict(vocabulary.text_tokens())
    assert index.memory_bytes < 30_000_000
    # The cells partition the vocabulary: by counts here, by definition above.
    counts = np.bitwise_count(index.cell_masks.view(np.uint32)).sum(axis=1)
    assert counts.sum() == len(tokens) and counts.all()
    assert np.array_equal(np.bitwise_or.reduce(index.cell_masks, axis=0), index.text_mask)
    begin, end = index.trie_segment[0].tolist()
    assert read_trie(index.nodes[begin:end].tolist()) == tokens
    structure = read_trie(index.nodes[slice(*index.structure_segment[0].tolist())].tolist())
    assert structure == {token_id: data for token_id, data in tokens.items() if may_follow_structure(data)}
    assert len(structure) < len(tokens) // 10
    plain = {token_id for token_id, data in tokens.items() if is_plain(data)}
    longest = max(code_points(tokens[token_id]) for token_id in plain)
    assert index.longest == longest
    assert bits_of(index.length_masks[2].tolist()) == {i for i in plain if code_points(tokens[i]) <= 2}


def may_follow_structure(data: bytes) -> bool:
    """Whether `structure_table` takes the bytes, one by one."""
    table, state = structure_table(), 0
    for byte in data:
        state = int(table[state, byte])
        if state < 0:
            return False
    return True


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from((None, 1, "\t")),
    st.booleans(),
)
def test_structure_is_whatever_follows_outside_strings(value: object, indent: object, ascii_only: bool) -> None:
    """From every place outside strings, and inside literals and numbers, the rest of a JSON text is taken."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, allow_nan=True)  # type: ignore[arg-type]
    if "NaN" in text or "Infinity" in text:
        return
    in_string = is_escaped = False
    for at, character in enumerate(text):
        if not in_string:
            rest = text[at:].encode("utf-8", "surrogatepass")
            assert may_follow_structure(rest), rest
        if is_escaped:
            is_escaped = False
        elif in_string and character == "\\":
            is_escaped = True
        elif character == '"':
            in_string = not in_string


EVERY_SPELLING = [
    "1E+5",
    "-0",
    "12e-7",
    "0.5E5",
    "5,",
    "e5]",
    "E5",
    "+1}",
    ".5",
    "ue",
    "lse,",
    "\r\n\t [",
    "}}]",
    '":"',
]


@pytest.mark.parametrize("text", [*EVERY_SPELLING, '"a\\/b":'])
def test_structure_is_every_spelling(text: str) -> None:
    """Numbers, literals and escapes that ``json.dumps`` does not write, begun anywhere."""
    assert may_follow_structure(text.encode())


@pytest.mark.parametrize("word", ["hello", " the", "result", "nulls", "truefalse", "tre", "f1a", '"a"b', '"\\x', '"\n'])
def test_structure_is_little_else(word: str) -> None:
    assert not may_follow_structure(word.encode())


def is_plain(data: bytes) -> bool:
    """`in_slice("json_text", ...)`, fast enough for a whole vocabulary: cut at most three bytes, then decode."""
    if any(byte < 0x20 or byte in b'"\\' for byte in data):
        return False
    for cut in range(min(4, len(data) + 1)):
        try:
            data[: len(data) - cut].decode()
        except UnicodeDecodeError:
            continue
        return cut == 0 or in_slice("json_text", data[len(data) - cut :])
    return False
