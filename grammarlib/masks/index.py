"""Everything about a vocabulary that masks need and that no source changes.

Purpose: computed once for each tokenizer and kept on disk by the hash of its content: the slices' cells with ready
masks and a small trie each, a trie of what may follow outside strings, masks by length, token bytes.
Place: built from a `Vocabulary`, consumed by `fill`, the kernels and the matcher.
Cost: 128k tokens in about 0.6 s without numba, 0.03 s from disk; about 10 MB.
Not taken: one trie with a cell number at each node.  A walk that leaves out proven cells would still
touch their nodes; cells with tries of their own cost a few shared prefixes twice.

**Cells.**  A token is inside a slice (`slices`) where its bytes stay live in the slice's automaton.  Tokens with
the same set of slices, the *signature*, form a cell; the cells partition all tokens that may be text.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import tempfile
import threading
import weakref
from collections import deque
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from grammarlib.masks.bitmask import bitmask_words, pack_bitmask
from grammarlib.masks.slices import JSON_TEXT, SLICE_NAMES, slice_tables, structure_table
from grammarlib.vocabulary.trie import BYTE, DEPTH, SKIP, TOKEN, SortedTokens, build_nodes, sort_tokens
from grammarlib.vocabulary.vocabulary import Vocabulary

FORMAT_VERSION: Final = 2
"""Part of a file's name; raise it whenever the meaning of an array changes."""

_KEPT_ON_DISK: Final = 32
"""How many files the cache folder holds; those that were used longest ago go."""

_KEPT_ALIVE: Final = 4
"""How many indexes stay in memory although nobody holds them."""


@dataclass(frozen=True, eq=False, repr=False)
class VocabularyIndex:
    """The index of one vocabulary; frozen, and safe to share between threads.  Do not write into its arrays.

    ``words`` = ceil(logits width / 32).  Masks are packed as in `bitmask`; duplicates of a token are in every mask that
    the token is in.

    ``signatures``: int32[cells], ascending; bit ``s`` is set where the cell's tokens are inside slice ``s``.
    ``cell_masks``: int32[cells, words].  ``slice_masks``: int32[slices, words], all tokens inside each slice.
    ``nodes``: int32[n, 4], tries one after the other, each as in `VocabularyTrie`, with skips relative to the whole
    array: one for each cell, then one of all tokens, then one of the tokens that `slices.structure_table` takes.
    ``cell_start``: int32[cells + 1]; the trie of cell ``c`` is ``nodes[cell_start[c] : cell_start[c + 1]]``.
    ``trie_segment``, ``structure_segment``: int64[1, 2], begin and end of the two last tries.
    ``duplicates``: int32[m, 2], (id in a trie, other id with the same bytes).
    ``length_masks``: int32[longest + 1, words]: the tokens of slice ``json_text`` with at most ``n`` code
    points (bytes outside 0x80..0xBF), ``longest`` being the most that any of them has.
    ``token_bytes``: uint8[...] and ``token_offsets``: int64[size + 1], the bytes of every token, by id;
    empty where a token may not be text (None, eos).
    ``text_mask``, ``eos_words``: int32[words], all tokens that may be text, all eos ids.
    """

    digest: str
    logits_width: int
    signatures: NDArray[np.int32]
    cell_masks: NDArray[np.int32]
    slice_masks: NDArray[np.int32]
    nodes: NDArray[np.int32]
    cell_start: NDArray[np.int32]
    trie_segment: NDArray[np.int64]
    structure_segment: NDArray[np.int64]
    duplicates: NDArray[np.int32]
    length_masks: NDArray[np.int32]
    token_bytes: NDArray[np.uint8]
    token_offsets: NDArray[np.int64]
    text_mask: NDArray[np.int32]
    eos_words: NDArray[np.int32]

    @classmethod
    def build(cls, vocabulary: Vocabulary) -> VocabularyIndex:
        """Compute the index, without any cache."""
        text = vocabulary.text_tokens()
        tokens = sort_tokens(text)
        width = vocabulary.logits_width
        everything = np.arange(len(tokens.ids))
        whole, ends, parents = build_nodes(tokens, everything, tokens.common)
        signature = _inside(whole, ends, parents, slice_tables())
        signatures, cell = np.unique(signature, return_inverse=True)
        cells = len(signatures)
        plain = (signature >> JSON_TEXT) & 1 == 1
        # The tries in their order: the cells (numbers 0..cells - 1), all tokens, what may follow outside strings.
        by_cell = np.argsort(cell, kind="stable")
        structure = np.flatnonzero(_inside(whole, ends, parents, (structure_table(),)))
        groups = [*np.split(by_cell, np.cumsum(np.bincount(cell, minlength=cells))[:-1]), everything, structure]
        nodes, starts = _tries(tokens, groups if cells else [everything, structure])
        cell_of_id = np.full(width, -1, dtype=np.int64)
        cell_of_id[tokens.ids] = cell
        cell_of_id[tokens.duplicates[:, 1]] = cell_of_id[tokens.duplicates[:, 0]]
        words = bitmask_words(width)
        cell_masks = np.zeros((cells, words), dtype=np.int32)
        slice_masks = np.zeros((len(SLICE_NAMES), words), dtype=np.int32)
        for number, inside in enumerate(signatures.tolist()):
            cell_masks[number] = pack_bitmask(cell_of_id == number)
            for slice_number in range(len(SLICE_NAMES)):
                if (inside >> slice_number) & 1:
                    slice_masks[slice_number] |= cell_masks[number]
        eos = np.zeros(width, dtype=np.bool_)
        eos[list(vocabulary.eos_token_ids)] = True
        lengths = np.zeros(vocabulary.size + 1, dtype=np.int64)
        for token_id, data in text:
            lengths[token_id + 1] = len(data)
        return cls(
            digest=vocabulary.digest,
            logits_width=width,
            signatures=signatures.astype(np.int32),
            cell_masks=cell_masks,
            slice_masks=slice_masks,
            nodes=nodes,
            cell_start=starts[: cells + 1].astype(np.int32),
            trie_segment=starts[cells : cells + 2].reshape(1, 2).copy(),
            structure_segment=starts[cells + 1 : cells + 3].reshape(1, 2).copy(),
            duplicates=tokens.duplicates,
            length_masks=_length_masks(tokens, plain, words),
            token_bytes=np.frombuffer(bytearray(b"".join(data for _, data in text)), dtype=np.uint8),
            token_offsets=np.cumsum(lengths),
            text_mask=pack_bitmask(cell_of_id >= 0),
            eos_words=pack_bitmask(eos),
        )

    @classmethod
    def for_vocabulary(cls, vocabulary: Vocabulary) -> VocabularyIndex:
        """The index of ``vocabulary``: the one in memory, else from disk, else computed and kept on disk.

        The folder is ``$GRAMMARLIB_CACHE_DIR``, else ``$XDG_CACHE_HOME/grammarlib``, else
        ``~/.cache/grammarlib``.  A folder that cannot be read or written and a damaged file cost time, never an error.
        """
        found = _in_memory.get(vocabulary.digest)
        if found is None:
            with _lock:
                found = _in_memory.get(vocabulary.digest)
                if found is None:
                    path = cache_path(vocabulary)
                    found = _load(path, vocabulary)
                    if found is None:
                        found = cls.build(vocabulary)
                        _store(path, found)
                    _in_memory[vocabulary.digest] = found
                    _recent.append(found)
        return found

    def __repr__(self) -> str:
        cells, nodes = len(self.signatures), len(self.nodes)
        return f"VocabularyIndex(size={self.size}, cells={cells}, nodes={nodes}, digest={self.digest[:12]})"

    @property
    def slice_names(self) -> tuple[str, ...]:
        """The names of the slices, by index."""
        return SLICE_NAMES

    @property
    def slice_tables(self) -> tuple[NDArray[np.int16], ...]:
        """The automata of the slices, by index: int16[states, 256] each, start state 0."""
        return slice_tables()

    @property
    def words(self) -> int:
        """The number of 32-bit words of a mask."""
        return len(self.text_mask)

    @property
    def size(self) -> int:
        """The number of tokens, as in `Vocabulary.size`."""
        return len(self.token_offsets) - 1

    @property
    def longest(self) -> int:
        """The most code points of a token in slice ``json_text``."""
        return len(self.length_masks) - 1

    @functools.cached_property
    def longest_bytes(self) -> int:
        """The bytes of the longest token: the depth of the deepest trie node."""
        return int(np.diff(self.token_offsets).max(initial=0))

    @property
    def memory_bytes(self) -> int:
        """The size of all arrays."""
        arrays: list[NDArray[Any]] = [getattr(self, name) for name in _ARRAYS]
        return sum(array.nbytes for array in arrays)

    def bytes_of(self, token_id: int) -> bytes:
        """The bytes of a token, empty where it may not be text; `IndexError` outside the vocabulary."""
        if not 0 <= token_id < self.size:
            raise IndexError(f"token {token_id} lies outside the vocabulary of {self.size}")
        return self.token_bytes[self.token_offsets[token_id] : self.token_offsets[token_id + 1]].tobytes()


def _inside(
    nodes: NDArray[np.int32],
    ends: NDArray[np.int64],
    parents: NDArray[np.int64],
    tables: tuple[NDArray[np.int16], ...],
) -> NDArray[np.int64]:
    """By which automata each distinct token is taken (bits): they run over the whole trie, one level at a time."""
    signatures = np.zeros(len(ends), dtype=np.int64)
    if not len(nodes):
        return signatures
    by_depth = np.argsort(nodes[:, DEPTH], kind="stable")
    levels = np.split(by_depth, np.cumsum(np.bincount(nodes[:, DEPTH])[1:])[:-1])
    data = nodes[:, BYTE]
    for number, table in enumerate(tables):
        # The last row serves both as the dead state (index -1) and as its own successor.
        closed = np.vstack((table, np.full(256, -1, dtype=np.int16)))
        state = np.empty(len(nodes), dtype=np.int16)
        state[levels[0]] = closed[0, data[levels[0]]]
        for level in levels[1:]:
            state[level] = closed[state[parents[level]], data[level]]
        signatures |= (state[ends] >= 0).astype(np.int64) << number
    return signatures


def _tries(tokens: SortedTokens, groups: list[NDArray[np.int64]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The tries of groups of tokens (ascending ranks) as one array; int64[groups + 1], where each starts."""
    order = np.concatenate(groups)
    common = np.zeros(len(order), dtype=np.int64)
    padded = np.append(tokens.common, 0)
    bounds = np.cumsum([0, *map(len, groups)])
    for begin, end in itertools.pairwise(bounds.tolist()):
        if begin < end:
            # Two strings share what every step between them in byte order shares.
            common[begin + 1 : end] = np.minimum.reduceat(padded, order[begin:end] + 1)[:-1]
    sizes = np.concatenate(([0], np.cumsum(tokens.lengths[order] - common)))
    nodes, _, _ = build_nodes(tokens, order, common)
    return nodes, sizes[bounds]


def _length_masks(tokens: SortedTokens, inside: NDArray[np.bool_], words: int) -> NDArray[np.int32]:
    """Row ``n``: the tokens (and their duplicates) that are ``inside`` with at most ``n`` code points."""
    starts_character = np.concatenate(([0], np.cumsum((tokens.flat & 0xC0) != 0x80)))
    points = starts_character[tokens.starts + tokens.lengths] - starts_character[tokens.starts]
    longest = int(points[inside].max()) if inside.any() else 0
    points_of = dict(zip(tokens.ids[inside].tolist(), points[inside].tolist(), strict=True))
    for first, other in tokens.duplicates.tolist():
        if first in points_of:
            points_of[other] = points_of[first]
    ids = np.fromiter(points_of.keys(), dtype=np.int64, count=len(points_of))
    rows = np.fromiter(points_of.values(), dtype=np.int64, count=len(points_of))
    masks = np.zeros((longest + 1, words), dtype=np.uint32)
    np.bitwise_or.at(masks, (rows, ids // 32), np.uint32(1) << (ids % 32).astype(np.uint32))
    np.bitwise_or.accumulate(masks, axis=0, out=masks)
    return masks.view(np.int32)


# Memory and disk

_lock = threading.Lock()
_in_memory: weakref.WeakValueDictionary[str, VocabularyIndex] = weakref.WeakValueDictionary()
_recent: deque[VocabularyIndex] = deque(maxlen=_KEPT_ALIVE)
_ARRAYS: Final = tuple(name.name for name in fields(VocabularyIndex) if name.name not in ("digest", "logits_width"))


def forget_indexes() -> None:
    """Drop the indexes that are kept in memory; those that somebody holds stay valid."""
    with _lock:
        _in_memory.clear()
        _recent.clear()


def cache_folder() -> Path | None:
    """The folder for files that can be computed again; None where there is no home."""
    for variable, parts in (("GRAMMARLIB_CACHE_DIR", ()), ("XDG_CACHE_HOME", ("grammarlib",))):
        value = os.environ.get(variable)
        if value:
            return Path(value, *parts)
    try:
        return Path.home() / ".cache" / "grammarlib"
    except RuntimeError:
        return None


def cache_path(vocabulary: Vocabulary) -> Path | None:
    """Where the index of ``vocabulary`` is kept: a name by content of the vocabulary and of the slices."""
    folder = cache_folder()
    if folder is None:
        return None
    content = hashlib.sha256(f"{FORMAT_VERSION} {np.dtype(np.int32).byteorder} {vocabulary.digest}".encode())
    for name, table in zip((*SLICE_NAMES, "structure"), (*slice_tables(), structure_table()), strict=True):
        content.update(f" {name} {table.shape[0]} ".encode())
        content.update(table.tobytes())
    return folder / "vocabulary-index" / f"{content.hexdigest()}.npz"


def _store(path: Path | None, index: VocabularyIndex) -> None:
    """Write the index beside ``path`` and rename it there; an unwritable folder is left alone."""
    if path is None:
        return
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(descriptor, "wb") as file:
            arrays: dict[str, Any] = {name: getattr(index, name) for name in _ARRAYS}
            np.savez(file, **arrays, digest=np.array(index.digest))
        Path(temporary).replace(path)
        _drop_oldest(path.parent)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _drop_oldest(folder: Path) -> None:
    """Delete the files that were neither written nor read for longest, past `_KEPT_ON_DISK`."""
    ages: list[tuple[float, Path]] = []
    for path in folder.glob("*.npz"):
        with contextlib.suppress(OSError):  # another process deletes too
            ages.append((path.stat().st_mtime, path))
    for _, path in sorted(ages, reverse=True)[_KEPT_ON_DISK:]:
        with contextlib.suppress(OSError):
            path.unlink()


def _load(path: Path | None, vocabulary: Vocabulary) -> VocabularyIndex | None:
    """The index at ``path``, or None where there is none that is whole and belongs to ``vocabulary``."""
    if path is None:
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, Any] = {name: archive[name] for name in _ARRAYS}
            digest = str(archive["digest"])
    except Exception:  # a damaged archive raises almost anything; whatever it is, the index is computed again
        return None
    if digest != vocabulary.digest:
        return None
    index = VocabularyIndex(digest=digest, logits_width=vocabulary.logits_width, **arrays)
    if not _is_sound(index, vocabulary):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it was used
    return index


def _is_sound(index: VocabularyIndex, vocabulary: Vocabulary) -> bool:
    """Whether shapes, types and every index that a kernel follows are in range."""
    words = bitmask_words(vocabulary.logits_width)
    cells, count, size = len(index.signatures), len(index.nodes), vocabulary.size
    shapes: dict[str, tuple[type, tuple[int, ...]]] = {
        "signatures": (np.int32, (cells,)),
        "cell_masks": (np.int32, (cells, words)),
        "slice_masks": (np.int32, (len(SLICE_NAMES), words)),
        "nodes": (np.int32, (count, 4)),
        "cell_start": (np.int32, (cells + 1,)),
        "trie_segment": (np.int64, (1, 2)),
        "structure_segment": (np.int64, (1, 2)),
        "duplicates": (np.int32, (len(index.duplicates), 2)),
        "length_masks": (np.int32, (len(index.length_masks), words)),
        "token_bytes": (np.uint8, (len(index.token_bytes),)),
        "token_offsets": (np.int64, (size + 1,)),
        "text_mask": (np.int32, (words,)),
        "eos_words": (np.int32, (words,)),
    }
    for name, (dtype, shape) in shapes.items():
        array = getattr(index, name)
        if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
            return False
    offsets, nodes, starts = index.token_offsets, index.nodes, index.cell_start
    positions = np.arange(count)
    return bool(
        offsets[0] == 0
        and offsets[-1] == len(index.token_bytes)
        and (np.diff(offsets) >= 0).all()
        and starts[0] == 0
        and starts[-1] == index.trie_segment[0, 0] <= index.trie_segment[0, 1]
        and index.trie_segment[0, 1] == index.structure_segment[0, 0] <= index.structure_segment[0, 1] == count
        and (np.diff(starts) > 0).all()
        and ((nodes[:, BYTE] >= 0) & (nodes[:, BYTE] < 256)).all()
        and ((nodes[:, SKIP] > positions) & (nodes[:, SKIP] <= count)).all()
        and ((nodes[:, TOKEN] >= -1) & (nodes[:, TOKEN] < size)).all()
        and (nodes[:, DEPTH] >= 1).all()
        and (np.diff(nodes[:, DEPTH], prepend=0) <= 1).all()
        and ((index.duplicates >= 0) & (index.duplicates < size)).all()
        and len(index.length_masks) > 0
    )
