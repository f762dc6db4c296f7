"""From a configuration to its bitmask: ready cells where slices are proven, a trie walk for the rest.

Purpose: the mask of a configuration, made once and kept, bounded in bytes.
Place: between `grammarlib.automata.configurations` and the matcher; the walk itself is a kernel.
Cost: about 1 us for a mask that is kept, 5 to 30 us for a first visit inside a string or at
structure, a walk of the whole trie (up to a millisecond) only where no slice is proven.
Not taken: masks for every state in advance, which is what makes other engines compile for seconds.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata.configurations import Machine
from grammarlib.masks.index import VocabularyIndex
from grammarlib.masks.slices import JSON_TEXT
from grammarlib.vocabulary.trie import build_nodes, sort_tokens


class WalkTables:
    """What walks need of an index, in the shapes that kernels take; frozen, one for each index.

    ``nodes``: the cells' tries, then the trie of all tokens, then the trie of all tokens outside slice
    ``json_text``.  Segments are int64[n, 2] (begin, end) into it.
    """

    def __init__(self, index: VocabularyIndex) -> None:
        self.words = index.words
        everything = _nodes(index, range(index.size))
        inside = np.unpackbits(index.slice_masks[JSON_TEXT].view(np.uint8), bitorder="little")
        rest = _nodes(index, np.flatnonzero(inside[: index.size] == 0).tolist())
        parts = [index.nodes, everything, rest]
        bounds = np.cumsum([0, *map(len, parts)])
        for part, begin in zip(parts, bounds.tolist(), strict=False):
            part[:, 1] += begin  # the copies made below; the index's own part begins at 0
        self.nodes = np.ascontiguousarray(np.concatenate(parts))
        self.cells = np.stack((index.cell_start[:-1], index.cell_start[1:]), axis=1).astype(np.int64)
        self.trie_segment = np.array([[bounds[1], bounds[2]]], np.int64)
        self.rest_segment = np.array([[bounds[2], bounds[3]]], np.int64)
        self.longest = int(self.nodes[:, 3].max()) if len(self.nodes) else 0
        self.longest_points = index.longest
        self.length_masks = index.length_masks.view(np.uint32)
        self.text_mask = self.length_masks[-1]
        self.eos_row = index.eos_words.view(np.uint32)
        self.duplicates = index.duplicates.tolist()
        self.tables = np.ascontiguousarray(np.concatenate(index.slice_tables))
        self.table_at = np.cumsum([0, *map(len, index.slice_tables)]).astype(np.int64)
        self._signatures = index.signatures
        self._cell_masks = index.cell_masks.view(np.uint32)
        self._covered: dict[int, tuple[NDArray[np.uint32], NDArray[np.int64]]] = {}
        self._bytes = index.token_bytes
        self._offsets = index.token_offsets
        self._views: dict[int, NDArray[np.uint8]] = {}
        self.size = index.size

    def covered(self, proven: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """(mask of all cells inside a proven slice, segments of the other cells)."""
        found = self._covered.get(proven)
        if found is None:
            inside = (self._signatures & proven) != 0
            mask = np.bitwise_or.reduce(self._cell_masks[inside], axis=0)
            found = self._covered[proven] = (mask, np.ascontiguousarray(self.cells[~inside]))
        return found

    def token(self, token_id: int) -> NDArray[np.uint8] | None:
        """The bytes of a token; None where it may never be text."""
        found = self._views.get(token_id)
        if found is None:
            if not 0 <= token_id < self.size:
                return None
            found = self._bytes[self._offsets[token_id] : self._offsets[token_id + 1]]
            if not len(found):
                return None
            self._views[token_id] = found
        return found


def _nodes(index: VocabularyIndex, ids: range | list[int]) -> NDArray[np.int32]:
    offsets = index.token_offsets.tolist()
    data = index.token_bytes.tobytes()
    tokens = [(i, data[offsets[i] : offsets[i + 1]]) for i in ids if offsets[i] < offsets[i + 1]]
    ordered = sort_tokens(tokens)
    return build_nodes(ordered, np.arange(len(ordered.ids)), ordered.common)[0]


_tables: weakref.WeakKeyDictionary[VocabularyIndex, WalkTables] = weakref.WeakKeyDictionary()
_tables_lock = threading.Lock()


def walk_tables(index: VocabularyIndex) -> WalkTables:
    """The walk tables of ``index``, made once."""
    found = _tables.get(index)
    if found is None:
        with _tables_lock:
            found = _tables.get(index)
            if found is None:
                found = _tables[index] = WalkTables(index)
    return found


class Masks:
    """The masks of one machine over one vocabulary; the mutable companion of a compiled source.

    ``fill`` takes the machine's lock.  Rows are uint32[words] and must not be written to.
    """

    def __init__(self, machine: Machine, tables: WalkTables, budget_bytes: int) -> None:
        self._machine = machine
        self._tables = tables
        self._rows: OrderedDict[int, NDArray[np.uint32]] = OrderedDict()
        self._capacity = max(4, budget_bytes // (4 * tables.words))
        self._proofs = np.zeros(64, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, configuration: int) -> NDArray[np.uint32]:
        """The bitmask of ``configuration``: uint32[words], read-only, eos included where the text may stop."""
        found = self._rows.get(configuration)
        if found is not None:
            return found
        machine = self._machine
        with machine.lock:
            found = self._rows.get(configuration)
            if found is None:
                found = self._make(configuration)
                self._rows[configuration] = found
                if len(self._rows) > self._capacity:
                    # The oldest first: masks of structure recur within a text, not across its length.
                    self._rows.popitem(last=False)
            return found

    def _make(self, configuration: int) -> NDArray[np.uint32]:
        machine, index = self._machine, self._tables
        kernel = machine.kernel
        kind, a, r, e, f = machine.K[configuration, :5].tolist()
        segments = index.trie_segment
        out: NDArray[np.uint32] | None = None
        if e == 0:
            if kind == kernel.STRING:
                _, _, _, _, maximum = machine.S[r >> 32, :5].tolist()
                left = maximum - (r & 0xFFFFFFFF) if maximum >= 0 else -1
                proven = machine.proven_slices(a, index.tables, index.table_at, self._proofs)
                if proven and left >= 0 and left < index.longest_points + int(machine.RM[a, 3]):
                    if a == kernel.ANY_TEXT_ROW:
                        out, segments = index.length_masks[left].copy(), index.rest_segment
                elif proven:
                    out, segments = index.covered(proven)
                    out = out.copy()
            elif kind == kernel.ROW:
                proven = machine.proven_slices(a, index.tables, index.table_at, self._proofs)
                if proven:
                    out, segments = index.covered(proven)
                    out = out.copy()
            elif kind == kernel.KEY_OTHER:
                if a == kernel.ANY_TEXT_ROW:
                    out, segments = index.text_mask.copy(), index.rest_segment
            elif kind == kernel.KEY:
                view = machine.V[machine.F[f, kernel.F_VIEW]]
                if view[kernel.V_OTHER] >= 0 and not view[kernel.V_ORDERED] and r >> 40 == 0:
                    out, segments = index.text_mask.copy(), index.rest_segment
        if out is None:
            out = np.zeros(index.words, np.uint32)
        machine.walk(configuration, index.nodes, segments, index.longest, out)
        for first, other in index.duplicates:
            if (int(out[first >> 5]) >> (first & 31)) & 1:
                out[other >> 5] |= np.uint32(1 << (other & 31))
        if machine.is_accepting(configuration):
            out |= index.eos_row
        out.flags.writeable = False
        return out
