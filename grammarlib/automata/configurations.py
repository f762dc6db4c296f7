"""The machine: one compiled source as growing tables, run by the kernels, expanded on demand.

Purpose: own every array of `grammarlib.kernels.recognise`, intern configurations, and do what kernels
cannot: expand rows, components, narrowed views and long numbers when a kernel notes the need.
Place: between a source (`RowSource` or `ComponentSource`) and `masks`/`matcher`.
Cost: a matcher is one int (the configuration) for each position; a step is one kernel call.
Not taken: expanding eagerly at compile time, which is seconds for the schemas that people write.

One writer lock guards a machine; kernels run without the GIL while it is held.
"""

from __future__ import annotations

import functools
import secrets
import sys
import threading
from types import ModuleType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata import numbers
from grammarlib.automata.components import (
    ArrayView,
    ComponentKey,
    ComponentSource,
    ContainerView,
    KeyRows,
    NumberLeaf,
    NumberSpec,
    ObjectView,
    PendingView,
    StatusView,
    StringLeaf,
    TextTable,
)
from grammarlib.automata.lazydfa import LazyDFA
from grammarlib.automata.rows import RowSource
from grammarlib.dtypes import DEAD, UNEXPANDED
from grammarlib.errors import LimitExceeded
from grammarlib.limits import Limits

Whitespace = Literal["bounded", "compact", "any"]
_WHITESPACE: Final = {"bounded": 0, "compact": 1, "any": 2}
_STRIDE: Final = 136  # bytes that there is always room for: the longest tokens of real vocabularies
_PROOF_ROWS: Final = 192  # rows that the proof of a mask's slices may make
_FAR_RANK: Final = 1 << 40

# The tables of the kernels' arena, in their order: integers an entry, and entries at first.
_WIDTHS: Final = {
    "RM": 4,
    "C": 10,
    "S": 8,
    "V": 16,
    "P": 1,
    "F": 6,
    "W": 1,
    "X": 4,
    "H": 5,
    "K": 6,
    "N": 5,
    "FH": 1,
    "KH": 1,
    "scratch": 1,
    "stack": 10,
    "path": 1,
    "cuts": 2,
}
_INITIAL: Final = {
    "RM": 64,
    "C": 64,
    "S": 32,
    "V": 32,
    "P": 1024,
    "F": 512,
    "W": 1024,
    "X": 512,
    "H": 64,
    "K": 256,
    "N": 128,
    "FH": 1024,
    "KH": 512,
    "scratch": 512,
    "stack": 132,
    "path": 260,
    "cuts": 2048,
}
_OFFSETS: Final = 32
_HEADER: Final = 64

_kernels: ModuleType | None = None
_kernels_lock = threading.Lock()


def kernels() -> ModuleType:
    """The compiled kernels; the first call in a process loads or compiles them.

    Compiling takes seconds once for each installation (numba keeps the result on disk); on a
    terminal one line says so.
    """
    global _kernels
    if _kernels is None:
        with _kernels_lock:
            if _kernels is None:
                timer = None
                if sys.stderr.isatty():
                    timer = threading.Timer(1.5, sys.stderr.write, ("grammarlib: compiling kernels (once) ...\n",))
                    timer.daemon = True
                    timer.start()
                try:
                    from grammarlib.kernels import recognise

                    _kernels = recognise
                finally:
                    if timer is not None:
                        timer.cancel()
    return _kernels


def _any_text_rows() -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Rows 0..6 of every machine: any WTF-8 text; row 0 stands between two code points."""
    rows = np.full((7, 256), DEAD, np.int32)
    rows[0, :0x80] = 0
    rows[0, 0xC2:0xE0] = 1
    rows[0, 0xE0] = 3
    rows[0, 0xE1:0xF0] = 2
    rows[0, 0xF0] = 4
    rows[0, 0xF1:0xF4] = 6
    rows[0, 0xF4] = 5
    rows[1, 0x80:0xC0] = 0
    rows[2, 0x80:0xC0] = 1
    rows[3, 0xA0:0xC0] = 1
    rows[4, 0x90:0xC0] = 2
    rows[5, 0x80:0x90] = 2
    rows[6, 0x80:0xC0] = 2
    facts = np.zeros((7, 4), np.int64)
    facts[0, 0] = 1
    facts[:, 2] = -1
    return rows, facts


_ANY_ROWS, _ANY_FACTS = _any_text_rows()

_NO_ROOM: Final = (-1, -1, -1, -1)

# A vocabulary of the 256 single bytes: walking it tells which bytes may come next.
_BYTE_TRIE: Final = np.array([(byte, byte + 1, byte, 1) for byte in range(256)], np.int32)
_BYTE_SEGMENT: Final = np.array([(0, 256)], np.int64)
_NO_GROUPS: Final = np.zeros(1, np.int32)


_UNBOUNDED: Final = NumberSpec()
_UNBOUNDED_DIGITS: Final = NumberSpec(digits_only=True)


def _regular_rows(leaf: NumberLeaf) -> RowSource | None:
    """The tiny automaton of a leaf that needs no registers, or None."""
    if leaf.table is not None:
        return numbers.TabledRows(leaf)
    if leaf.specs == (_UNBOUNDED,):
        return numbers.plain_number_rows()
    if leaf.specs == (_UNBOUNDED_DIGITS,):
        return numbers.integer_digits_rows()
    return None


_PLAIN_ROWS, _MEASURED_ROWS, _COUNTED_ROWS = range(3)  # what a row knows: nothing, fewest code points, how many words
_MOST_WORDS: Final = 1000  # of a counted row

_UNKNOWN: Final = -2  # in place of a row: the state has none yet
_EXHAUSTIBLE: Final = frozenset(("states", "components", "configurations", "table_bytes"))


class _Rows:
    """One row source inside a machine: its local states and the rows that they became.

    Only states that this machine met have rows: a source may be shared, and know many more.
    """

    __slots__ = ("measure", "rows", "source")

    def __init__(self, source: RowSource, measure: int) -> None:
        self.source = source
        self.measure = measure
        self.rows = np.full(16, _UNKNOWN, np.int32)  # by local state; the last entry, index -1, is DEAD
        self.rows[-1] = DEAD

    def reach(self, local: int) -> None:
        """Make ``rows`` long enough for ``local``."""
        known = len(self.rows) - 1
        if local >= known:
            rows = np.full(2 * local + 2, _UNKNOWN, np.int32)
            rows[:known] = self.rows[:known]
            rows[-1] = DEAD
            self.rows = rows


@functools.cache
def _random_points(count: int) -> list[int]:
    """Points of the prime field of fingerprints, drawn once in a process: nobody outside knows them."""
    return [secrets.randbelow(2**31 - 2**20) + 2**19 for _ in range(count)]


def unescape(content: bytes) -> bytes:
    """What the content of a JSON string (valid, without its quotes) says, as WTF-8."""
    if b"\\" not in content:
        return content
    out: list[str] = []
    at = 0
    text = content.decode()
    while at < len(text):
        character = text[at]
        at += 1
        if character == "\\":
            character = text[at]
            at += 1
            if character == "u":
                character = chr(int(text[at : at + 4], 16))
                at += 4
            else:
                character = _SIMPLE_ESCAPES.get(character, character)
        out.append(character)
    # Pairs of escaped surrogates become one code point, lone ones stay.
    whole = "".join(out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return whole.encode("utf-8", "surrogatepass")


_SIMPLE_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Machine:
    """The tables of one compiled source and the operations on configurations.

    ``start`` is the configuration before the first byte.  Configurations are ints that stay valid as long as
    the machine lives.  All methods take the machine's lock where they write.
    """

    def __init__(
        self,
        source: RowSource | ComponentSource,
        *,
        whitespace: Whitespace = "bounded",
        limits: Limits | None = None,
        components: bool,
    ) -> None:
        self.limits = limits if limits is not None else Limits()
        self.lock = threading.RLock()
        self.kernel: Any = kernels()
        k = self.kernel
        self._advance: Any = k.advance
        self._sizes = dict(_INITIAL)
        self._lay_out(None)
        self.R = np.empty((64, 256), np.int32)
        self.R[:7] = _ANY_ROWS
        self.RM[:7] = _ANY_FACTS
        self.B = np.zeros(4096, np.uint8)
        self.FH[:] = -1
        self.KH[:] = -1
        self.T[k.T_WHITESPACE] = _WHITESPACE[whitespace]
        self.T[k.T_DEPTH_LIMIT] = self.limits.stack_depth
        self._exhausted = False
        self._row_count = 7
        self._row_owner: list[_Rows | None] = [None] * 7
        self._row_local: list[int] = list(range(7))
        self._row_sources: dict[tuple[int, int], _Rows] = {}
        self._component_ids: dict[ComponentKey, int] = {}
        self._component_keys: list[ComponentKey] = []
        self._string_leaves = 0
        self._points = -1
        self._tables: dict[int, TextTable] = {}
        self._views: list[ContainerView | PendingView] = []
        self._name_texts: dict[tuple[bytes, ...], int] = {}
        self._view_numbers: dict[int, int] = {}  # of status views and pending views, by identity
        self._number_leaves: dict[int, NumberLeaf] = {}
        self._number_rows: dict[int, _Rows] = {}
        self._number_offsets: dict[NumberLeaf, tuple[int, int]] = {}
        self._pool_top = 0
        self._byte_top = 0
        self._hash_count = 0
        self._widest = 1  # words of key bits of the widest view
        self._longest_name = 0
        self._forget_room()
        self._fresh: dict[int, int] = {}
        self.source = source
        self._component_source: ComponentSource | None = None
        if components:
            self._component_source = source  # type: ignore[assignment]
            root = self._component(source.root)  # type: ignore[union-attr]
            self.expand_component(root)
            self.start = self._intern(k.VALUE, root, -1, 0, -1)
        else:
            row = self._row(self._rows_of(source, _PLAIN_ROWS), source.start)  # type: ignore[arg-type, union-attr]
            self.start = self._intern(k.ROW, row, 0, 0, -1)

    # ---- tables

    A: NDArray[np.int64]
    T: NDArray[np.int64]
    RM: NDArray[np.int64]
    C: NDArray[np.int64]
    S: NDArray[np.int64]
    V: NDArray[np.int64]
    P: NDArray[np.int64]
    F: NDArray[np.int64]
    W: NDArray[np.int64]
    X: NDArray[np.int64]
    H: NDArray[np.int64]
    K: NDArray[np.int64]
    N: NDArray[np.int64]
    FH: NDArray[np.int64]
    KH: NDArray[np.int64]
    scratch: NDArray[np.int64]

    def _lay_out(self, old: NDArray[np.int64] | None) -> None:
        """Lay the tables out in a new arena, with what the old one held, and make the views."""
        total = _HEADER + sum(self._sizes[name] * width for name, width in _WIDTHS.items())
        if total * 8 > self.limits.table_bytes:
            raise LimitExceeded("table_bytes", self.limits.table_bytes, total * 8)
        arena = np.zeros(total, np.int64)
        if old is not None:
            arena[:_OFFSETS] = old[:_OFFSETS]
        at = _HEADER
        for number, (name, width) in enumerate(_WIDTHS.items()):
            size = self._sizes[name]
            view = arena[at : at + size * width]
            if width > 1:
                view = view.reshape(size, width)
            if old is not None:
                before: NDArray[np.int64] = getattr(self, name)
                kept = min(before.shape[0], size)
                view[:kept] = before[:kept]
            arena[_OFFSETS + number] = at
            setattr(self, name, view)
            at += size * width
        arena[49:54] = [self._sizes[name] for name in ("N", "H", "FH", "KH", "scratch")]
        self.A = arena
        self.T = arena[:_OFFSETS]

    def _grow(self, name: str, needed: int) -> None:
        """Double the table ``name`` until it holds ``needed`` entries."""
        if name in _WIDTHS:
            size = self._sizes[name]
            if needed > size:
                while size < needed:
                    size *= 2
                self._resize(name, size)
            return
        array: NDArray[Any] = getattr(self, name)
        size = array.shape[0]
        if needed > size:
            while size < needed:
                size *= 2
            grown = np.zeros((size, *array.shape[1:]), array.dtype)
            grown[: array.shape[0]] = array
            setattr(self, name, grown)

    def _resize(self, name: str, size: int) -> None:
        """Give the table ``name`` of the arena ``size`` entries; nothing changes where that is past a limit."""
        before = self._sizes[name]
        self._sizes[name] = size
        try:
            self._lay_out(self.A)
        except BaseException:
            self._sizes[name] = before
            raise

    def _rehash(self, name: str, size: int, operation: int) -> None:
        """Make the hash table ``name`` (frames or configurations) ``size`` entries large."""
        self._resize(name, size)
        table: NDArray[np.int64] = getattr(self, name)
        table[:] = -1
        self._maintain(operation)

    def _pool(self, values: list[int]) -> int:
        at = self._pool_top
        self._pool_top = at + len(values)
        self._grow("P", self._pool_top)
        if values:
            self.P[at : self._pool_top] = values
        return at

    def _text(self, data: bytes) -> int:
        at = self._byte_top
        self._byte_top = at + len(data)
        self._grow("B", self._byte_top)
        self.B[at : self._byte_top] = np.frombuffer(data, np.uint8)
        return at

    @property
    def memory_bytes(self) -> int:
        """Bytes held by the machine's arrays."""
        return int(self.A.nbytes + self.R.nbytes + self.B.nbytes)

    @property
    def is_full(self) -> bool:
        """Whether new texts should start on a fresh machine: half of a limit is used, or one was hit."""
        limits = self.limits
        if self._exhausted or 2 * self._row_count > limits.states + 14:
            return True
        return 2 * self.configurations > limits.configurations or 2 * self.memory_bytes > limits.table_bytes

    @property
    def configurations(self) -> int:
        """How many configurations are interned."""
        return int(self.T[self.kernel.T_CONFIGURATIONS])

    @property
    def states(self) -> int:
        """How many rows exist."""
        return self._row_count

    # ---- rows

    def _rows_of(self, source: RowSource, measure: int) -> _Rows:
        key = (id(source), measure)
        found = self._row_sources.get(key)
        if found is None:
            found = self._row_sources[key] = _Rows(source, measure)
        return found

    def _row(self, rows: _Rows, local: int) -> int:
        """The row of a local state."""
        rows.reach(local)
        row = int(rows.rows[local])
        if row != _UNKNOWN:
            return row
        row = self._row_count
        if row >= self.limits.states:
            raise LimitExceeded("states", self.limits.states, row + 1)
        if row >= self.R.shape[0]:
            self._grow("RM", row + 1)
            self._grow("R", row + 1)
        source = rows.source
        fact = 0
        if rows.measure == _MEASURED_ROWS:
            fact = source.shortest_length(local)
        elif rows.measure == _COUNTED_ROWS:
            words = source.word_count(local, _MOST_WORDS)  # type: ignore[attr-defined]
            fact = 0 if words is None else words + 1
        self.RM[row] = (source.label(local), fact, -1, 0)
        self.R[row, 0] = UNEXPANDED
        rows.rows[local] = row
        self._row_owner.append(rows)
        self._row_local.append(local)
        self._row_count = row + 1
        return row

    def expand_row(self, row: int) -> None:
        """Compute all transitions of ``row``, once."""
        if self.R[row, 0] != UNEXPANDED:
            return
        rows = self._row_owner[row]
        assert rows is not None
        targets = rows.source.expand(self._row_local[row])
        rows.reach(int(targets.max()))
        found = rows.rows[targets]
        if int(found.min()) == _UNKNOWN:
            for local in np.unique(targets[found == _UNKNOWN]).tolist():
                self._row(rows, local)
            found = rows.rows[targets]
        self.R[row] = found

    # ---- components

    def _component(self, key: ComponentKey | None) -> int:
        if key is None:
            return -1
        found = self._component_ids.get(key)
        if found is None:
            found = len(self._component_keys)
            if found >= self.limits.components:
                raise LimitExceeded("components", self.limits.components, found + 1)
            if found >= self.C.shape[0]:
                self._grow("C", found + 1)
            self._component_ids[key] = found
            self._component_keys.append(key)
        return found

    def expand_component(self, component: int) -> None:
        """Work out what a component allows, once."""
        k = self.kernel
        if self.C[component, k.C_EXPANDED]:
            return
        assert self._component_source is not None
        expansion = self._component_source.expand(self._component_keys[component])
        number_kind, number = self._number(expansion.number)
        row = [
            1,
            expansion.null,
            expansion.true,
            expansion.false,
            self._string(expansion.string),
            number_kind,
            number,
            self._container(expansion.object) if expansion.object is not None else -1,
            self._container(expansion.array) if expansion.array is not None else -1,
            0,
        ]
        self.C[component] = row

    def _string(self, leaf: StringLeaf | None) -> int:
        if leaf is None:
            return -1
        at = self._string_leaves
        self._string_leaves = at + 1
        self._grow("S", at + 1)
        shape, row, members, count = 0, 0, 0, 0
        if leaf.members is not None:
            shape = 2
            image: list[int] = []
            for text, label in leaf.members:
                image += (self._text(text), len(text), label)
            members, count = self._pool(image), len(leaf.members)
        elif leaf.rows is not None:
            shape = 1
            rows = self._rows_of(leaf.rows, _PLAIN_ROWS if leaf.maximum is None else _MEASURED_ROWS)
            row = self._row(rows, leaf.rows.start)
        maximum = -1 if leaf.maximum is None else min(leaf.maximum, 0x7FFFFFFF)
        checked = 0 if leaf.table is None else 1
        if leaf.table is not None:
            self._draw_points()
            self._tables[at] = leaf.table
        self.S[at] = (shape, leaf.label, row, min(leaf.minimum, 0x7FFFFFFF), maximum, members, count, checked)
        return at

    def _draw_points(self) -> None:
        """Have the random points of fingerprints, which only texts that are recorded need."""
        k = self.kernel
        if self._points < 0:
            self._points = self.T[k.T_KEYS] = self._pool(_random_points(k.KEY_COUNT))

    def _check(self, leaf: int, begin: int, end: int, label: int) -> None:
        """Ask about a finished string, whose raw content is in scratch space; keep the answer by its fingerprint."""
        k = self.kernel
        first, second = self.T[k.T_CHECKED : k.T_CHECKED + 2].tolist()
        raw = bytes(self.scratch[begin:end].tolist())
        self._store(-(1 << 40) - leaf, first, second, label, self._tables[leaf].label(unescape(raw)))

    def _number(self, leaf: NumberLeaf | None) -> tuple[int, int]:
        """-> (kind, id): 0 refused, 1 a start row, 2 a register leaf in the pool."""
        if leaf is None:
            return 0, -1
        found = self._number_offsets.get(leaf)
        if found is None:
            rows = _regular_rows(leaf)
            if rows is not None:
                found = (1, self._row(self._rows_of(rows, _PLAIN_ROWS), rows.start))
            else:
                offset = self._pool(numbers.encode_leaf(leaf))
                self._number_leaves[offset] = leaf
                found = (2, offset)
            self._number_offsets[leaf] = found
        return found

    def _container(self, view: ContainerView | PendingView) -> int:
        """The number of a view, which is made on first sight."""
        if isinstance(view, ObjectView):
            return self._object(view)
        if isinstance(view, ArrayView):
            return self._array(view)
        found = self._view_numbers.get(id(view))
        if found is None:
            found = self._pending(view) if isinstance(view, PendingView) else self._status(view)
            self._view_numbers[id(view)] = found
        return found

    def _status(self, view: StatusView) -> int:
        k = self.kernel
        flags = int(k.BY_STATUS) | (int(k.UNIQUE) if view.unique else 0)
        if view.unique:
            self._draw_points()
        if not view.is_object:
            row = [1, 1, self._pool([view.label, 0, -1]), 0, 0, 0, -1, 0, 0, 0, -1, view.cap, 0, 0, -1, flags]
            return self._view(view, row)
        assert self._component_source is not None
        names = view.names
        words = self._words(names)
        image: list[int] = []
        if names:
            start = self._names_at(names)
            for name, allowed, rank in zip(names, view.allowed, view.ranks, strict=True):
                image += (start, len(name), 0 if allowed else -1, rank, -1)
                start += len(name)
        required = [0] * words
        for i in view.required:
            required[i >> 6] |= 1 << (i & 63)
        tracks = [view.label, *(b - (1 << 64) if b >> 63 else b for b in required)]
        other, other_row = self._others(view.other, view.keys)
        return self._view(
            view,
            [
                0,
                1,
                self._pool(tracks),
                len(names),
                self._pool(image),
                words,
                other,
                0,
                other_row,
                0,
                -1,
                0,
                2 if self._component_source.ordered else 0,
                0,
                -1,
                flags,
            ],
        )

    def _pending(self, view: PendingView) -> int:
        at = self._container(view.view)  # may move the table
        row = self.V[at].copy()
        k = self.kernel
        row[k.V_CHILD] = self._component(view.component)
        row[k.V_TRACKS] = 0
        return self._view(view, row.tolist())

    def _words(self, names: tuple[bytes, ...]) -> int:
        """Words of key bits for ``names``, for which room is kept from now on."""
        words = (len(names) + 63) // 64
        if words > self._widest:
            self._widest = words
            self._forget_room()
        longest = max(map(len, names), default=0)
        if longest > self._longest_name:
            self._longest_name = longest
            self._forget_room()
        return words

    def _names_at(self, names: tuple[bytes, ...]) -> int:
        """Where the names lie, one after the other; views of one object share them."""
        start = self._name_texts.get(names)
        if start is None:
            start = self._name_texts[names] = self._text(b"".join(names))
        return start

    def _others(self, other: bool, keys: KeyRows | None) -> tuple[int, int]:
        """(0 where unlisted names may come or -1, the row where their automaton starts)."""
        if not other:
            return -1, 0
        if keys is None:
            return 0, 0
        return 0, self._row(self._rows_of(keys, _COUNTED_ROWS), keys.start)

    def _view(self, view: ContainerView | PendingView, row: list[int]) -> int:
        at = len(self._views)
        if at >= self.V.shape[0]:
            self._grow("V", at + 1)
        self._views.append(view)
        self.V[at, : len(row)] = row
        return at

    def _object(self, view: ObjectView) -> int:
        assert self._component_source is not None
        ordered = self._component_source.ordered
        names = view.names
        words = self._words(names)
        component = self._component
        live = 0
        tracks: list[int] = []
        for position, track in enumerate(view.tracks):
            bits = [0] * words
            if track.label:
                live |= 1 << position
                for i in track.required:
                    bits[i >> 6] |= 1 << (i & 63)
            tracks.append(track.label)
            tracks += [b - (1 << 64) if b >> 63 else b for b in bits]
        single = int(live & (live - 1) == 0)
        # One live track: the last required rank before each rank.  Several: the tracks that take each name.
        last_required: dict[int, int] = {}
        other_order = -1
        takers = [-1] * len(names)
        if ordered and single:
            required = {view.ranks[i] for track in view.tracks if track.label for i in track.required}
            for rank in range(len(names)):
                last_required[rank] = other_order
                if rank in required:
                    other_order = rank
        elif ordered:
            takers = [0] * len(names)
            other_order = 0
            for position in range(len(view.tracks)):
                if live >> position & 1:
                    alone = self._component_source.narrow_object(view, 1 << position)
                    other_order |= (alone.other is not None) << position
                    for i, child in enumerate(alone.children):
                        takers[i] |= (child is not None) << position
        image: list[int] = []
        if names:
            start = self._names_at(names)
            for i, (name, child, rank) in enumerate(zip(names, view.children, view.ranks, strict=True)):
                length = len(name)
                image += (start, length, component(child), rank, last_required.get(rank, -1) if single else takers[i])
                start += length
        track_at = self._pool(tracks)
        if view.keys is None:
            other, other_row = component(view.other), 0
        else:
            other, other_row = self._others(view.other is not None, view.keys)
        return self._view(
            view,
            [
                0,
                len(view.tracks),
                track_at,
                len(names),
                self._pool(image),
                words,
                other,
                live,
                other_row,
                0,
                -1,
                0,
                int(ordered),
                single,
                other_order,
                0,
            ],
        )

    def _array(self, view: ArrayView) -> int:
        if view.unique:
            self._draw_points()
        live = 0
        tracks: list[int] = []
        cap = len(view.prefix)
        for position, track in enumerate(view.tracks):
            if track.label:
                live |= 1 << position
                cap = max(cap, track.minimum, track.maximum or 0)
            maximum = -1 if track.maximum is None else track.maximum
            tracks += (track.label, track.minimum, maximum)
        prefix = [self._component(child) for child in view.prefix]
        track_at = self._pool(tracks)
        return self._view(
            view,
            [
                1,
                len(view.tracks),
                track_at,
                0,
                0,
                0,
                -1,
                live,
                len(prefix),
                self._pool(prefix),
                self._component(view.rest),
                cap,
                0,
                int(live & (live - 1) == 0),
                -1,
                int(self.kernel.UNIQUE) if view.unique else 0,
            ],
        )

    # ---- facts for `shortest`

    def shortest_of_row(self, row: int, label: int) -> bytes | None:
        """A shortest text from ``row`` to a row whose label meets the bit set ``label`` (-1: any)."""
        rows = self._row_owner[row]
        if rows is not None and label == -1:
            return rows.source.shortest_completion(self._row_local[row])
        if rows is not None and isinstance(rows.source, numbers.TabledRows):
            return rows.source.shortest_with(self._row_local[row], label)
        seen = {row}
        frontier = [(row, b"")]
        while frontier:
            following: list[tuple[int, bytes]] = []
            for at, text in frontier:
                if int(self.RM[at, 0]) & label:
                    return text
                self.expand_row(at)
                for byte, target in enumerate(self.R[at].tolist()):
                    if target >= 0 and target not in seen:
                        seen.add(target)
                        following.append((target, text + bytes((byte,))))
            frontier = following
        return None

    def least_of_row(self, row: int) -> int:
        """A bound from below on the code points that lead from ``row`` to acceptance."""
        rows = self._row_owner[row]
        if rows is None or not isinstance(rows.source, LazyDFA):
            return 0
        return rows.source.least_length(self._row_local[row])

    def words_of_row(self, row: int, most: int) -> list[bytes]:
        """Up to ``most`` texts that lead from ``row`` to acceptance, the shortest first."""
        found: list[bytes] = []
        frontier = [(row, b"")]
        while frontier and len(found) < most:
            following: list[tuple[int, bytes]] = []
            for at, text in frontier:
                if self.RM[at, 0]:
                    found.append(text)
                self.expand_row(at)
                bytes_to: dict[int, list[int]] = {}  # of what leads to the same row, a few suffice
                for byte in (*range(0x30, 0x80), *range(0x30), *range(0x80, 0x100)):
                    target = int(self.R[at, byte])
                    if target >= 0 and len(bytes_to.setdefault(target, [])) < most:
                        bytes_to[target].append(byte)
                following += [
                    (target, text + bytes((byte,))) for target, several in bytes_to.items() for byte in several
                ]
                if len(following) > 64 * most:
                    break
            frontier = following
        return found[:most]

    @property
    def component_source(self) -> ComponentSource:
        """The JSON source that this machine runs."""
        assert self._component_source is not None
        return self._component_source

    def view_of(self, number: int) -> ContainerView | PendingView:
        """The view with a number."""
        return self._views[number]

    def component_of(self, key: ComponentKey) -> int:
        """The number of a component."""
        return self._component(key)

    def number_leaf(self, offset: int) -> NumberLeaf:
        """The leaf whose image lies at ``offset`` of the pool."""
        return self._number_leaves[offset]

    def name_is_allowed(self, view: int, frame: int, i: int) -> bool:
        """Whether listed name ``i`` may come next in ``frame``."""
        return bool(self._maintain(5, view, frame, i))

    def fresh_name(self, configuration: int) -> int:
        """The configuration that reads, in the same frame, an unlisted name that no used name begins with.

        -1 where the name that ``configuration`` (kind KEY or KEY_OTHER) reads is not sure to go on with any text: in
        the middle of a code point or of an escape, in a fixed order, in a closed object.  -2 where it may go on with
        any text, and no other name can stand for it.
        """
        k = self.kernel
        kind, row, register, escaped, frame = self.K[configuration, :5].tolist()
        if escaped & k.UNRECORDED or (kind == k.KEY_OTHER and row != k.ANY_TEXT_ROW):
            return -1
        if escaped:  # the name is part of an item that is recorded, so that no other name can stand for it
            return -2 if self._takes_any_name(frame) and self._between_code_points(configuration) else -1
        fresh = self._fresh.get(frame)
        if fresh is None:
            fresh = -1
            if self._takes_any_name(frame):
                self._reserve(1)
                fresh = self._intern(k.KEY_OTHER, k.ANY_TEXT_ROW, k.FRESH_TEXT, 0, frame)
            self._fresh[frame] = fresh
        if fresh < 0:
            return -1
        if kind == k.KEY and register >> 40:
            start = int(self.P[int(self.V[int(self.F[frame, k.F_VIEW]), k.V_NAME_AT]) + (register & 0xFFFFF) * 5])
            if self.B[start + (register >> 40) - 1] >= 0x80:
                return -1
        return fresh

    def begins_used_name(self, configuration: int) -> bool:
        """Whether a used name begins with what was read of a name (kind KEY or KEY_OTHER)."""
        k = self.kernel
        kind, _, register, _, frame = self.K[configuration, :5].tolist()
        if self.F[frame, k.F_USED] < 0:
            return False
        name, depth = (register & 0xFFFFF, register >> 40) if kind == k.KEY else (register, -1)
        self._reserve(1)
        return bool(self._maintain(6, frame, name, depth))

    def _takes_any_name(self, frame: int) -> bool:
        """Whether any unlisted name may come next in ``frame``."""
        k = self.kernel
        view = self.V[self.F[frame, k.F_VIEW]].tolist()
        return view[k.V_OTHER_ROW] == k.ANY_TEXT_ROW and self._takes_unlisted(view, frame)

    def _takes_unlisted(self, view: list[int], frame: int) -> bool:
        """Whether the fields of a frame's view take an unlisted name next.

        False too where a fixed order of several tracks would have to be asked.
        """
        k = self.kernel
        if view[k.V_OTHER] < 0:
            return False
        if view[k.V_ORDERED] != 1:
            return True
        return bool(view[k.V_SINGLE] == 1 and view[k.V_OTHER_ORDER] <= self.F[frame, k.F_COUNT])

    def _between_code_points(self, configuration: int) -> bool:
        """Whether the name that a configuration reads stands between two code points."""
        k = self.kernel
        kind, row, register, _, frame = self.K[configuration, :5].tolist()
        if kind == k.KEY_OTHER:
            return bool(row == k.ANY_TEXT_ROW)
        depth = register >> 40
        start = int(self.P[int(self.V[int(self.F[frame, k.F_VIEW]), k.V_NAME_AT]) + (register & 0xFFFFF) * 5])
        return depth == 0 or bool(self.B[start + depth - 1] < 0x80)

    def text_may_begin(self, configuration: int) -> bool:
        """Whether a string (kind STRING or MEMBER) stands between two code points."""
        k = self.kernel
        kind, row, register, _, _ = self.K[configuration, :5].tolist()
        if kind == k.STRING:
            self.expand_row(row)
            return bool((self.R[row, 0x80:0xC0] < 0).all())
        low, depth = register & 0xFFFFF, register >> 40
        start, length = self.P[int(self.S[row, k.S_MEMBERS]) + 3 * low :][:2].tolist()
        return depth >= length or bool(self.B[start + depth] & 0xC0 != 0x80)

    def reads_classed_name(self, configuration: int) -> bool:
        """Whether a name is read, no escape of it, whose rest an automaton of names decides alone."""
        k = self.kernel
        _, row, _, escaped, frame = self.K[configuration, :5].tolist()
        if row < 0 or escaped & k.UNRECORDED:
            return False
        view = self.V[self.F[frame, k.F_VIEW]].tolist()
        return view[k.V_OTHER_ROW] != k.ANY_TEXT_ROW and self._takes_unlisted(view, frame)

    def member_place(self, configuration: int) -> tuple[int, int, int] | None:
        """Where a member (kind MEMBER) or a name of a closed object (kind KEY) stands, for `member_bytes`.

        None in an escape, and where an unlisted name may come.
        """
        k = self.kernel
        kind, a, register, escaped, frame = self.K[configuration, :5].tolist()
        if escaped & k.UNRECORDED:
            return None
        if kind == k.MEMBER:
            return int(self.S[a, k.S_MEMBERS]), 3, register
        view = self.F[frame, k.F_VIEW]
        if self.V[view, k.V_OTHER] >= 0:
            return None
        return int(self.V[view, k.V_NAME_AT]), 5, register

    def member_bytes(self, place: tuple[int, int, int]) -> set[int]:
        """The bytes with which the members or names at a place go on, a quote and a backslash."""
        base, stride, register = place
        low, high, depth = register & 0xFFFFF, register >> 20 & 0xFFFFF, register >> 40
        begins, lengths = self.P[base + low * stride : base + high * stride].reshape(-1, stride)[:, :2].T
        return {0x22, 0x5C, *self.B[(begins + depth)[lengths > depth]].tolist()}

    def is_recording(self, configuration: int) -> bool:
        """Whether what is read here belongs to an item that is compared with others, or begins one."""
        k = self.kernel
        _, _, _, escaped, frame = self.K[configuration, :5].tolist()
        return bool(escaped >> int(k.RECORD_SHIFT)) or bool(
            frame >= 0 and self.V[self.F[frame, k.F_VIEW], k.V_FLAGS] & k.UNIQUE
        )

    def takes_any_digits(self, leaf: int, packed: int) -> bool:
        """Whether a number (kind NUMBER) stands among its integer digits and no digits can make it dead.

        True only for leaves that bound nothing but the sign: more zeros or an exponent always lead back.
        """
        k = self.kernel
        return bool((packed & 15) == k._INTEGER and self.P[leaf + k._KIND] == k._KIND_SIMPLE)

    def reads_free_text(self, configuration: int, longest: int = 0) -> bool:
        """Whether the configuration stands in a string or name where all plain text keeps it unchanged.

        ``longest``: or, where it is not 0, where so many code points of plain text change nothing but their count.
        """
        k = self.kernel
        kind, row, register, escaped, _ = self.K[configuration, :5].tolist()
        if row != k.ANY_TEXT_ROW or escaped:
            return False
        if kind == k.KEY_OTHER:
            return bool(register == k.FRESH_TEXT)
        leaf = self.S[register >> 32].tolist()
        count, most = register & 0xFFFFFFFF, leaf[k.S_MAXIMUM]
        return bool(count >= leaf[k.S_MINIMUM] and (most < 0 or 0 < longest <= most - count))

    def text_of(self, text: int) -> bytes:
        """The bytes of a text node."""
        out = bytearray()
        while text >= 0:
            out.append(int(self.X[text, 1]))
            text = int(self.X[text, 0])
        return bytes(reversed(out))

    # ---- needs

    def _store(self, k0: int, k1: int, k2: int, k3: int, value: int) -> None:
        self._hash_count += 1
        if self._hash_count * 2 > self._sizes["H"]:
            entries = self.H[self.H[:, 0] != 0].tolist()
            self._resize("H", self._sizes["H"] * 4)
            self.H[:] = 0
            for entry in entries:
                self._maintain(0, *entry)
        self._maintain(0, k0, k1, k2, k3, value)

    def _maintain(self, operation: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> int:
        return int(self.kernel.maintain(self.A, self.R, self.B, operation, a, b, c, d, e))

    def _follow(self, number: int, what: int, about: int) -> None:
        """Find and keep what comes after a view; see `recognise.following`."""
        source = self._component_source
        assert source is not None
        k = self.kernel
        view = self._views[number]
        found = -2
        after: ContainerView | PendingView | None
        if isinstance(view, ObjectView) and about == k.BY_CLASS:
            key = source.other(view, what)
            found = -2 if key is None else self._component(key)
        else:
            if isinstance(view, ObjectView):
                after = source.narrow_object(view, what)
            elif isinstance(view, ArrayView):
                after = source.narrow_array(view, what)
            elif isinstance(view, PendingView):
                after = source.finish(view, what)
            elif about == k.BY_ITEM:
                after = source.item(view)
            else:
                after = source.select(view, what if about == k.BY_NAME else None, what)
            if after is not None:
                found = self._container(after)
        self._store(number + 1, what, about, 0, found)

    def _continue_number(self, offset: int, mantissa: int, packed: int, byte: int) -> None:
        """A number left the registers: the exact rows take over."""
        rows = self._number_rows.get(offset)
        if rows is None:
            source = numbers.NumberRows(self._number_leaves[offset])
            rows = self._number_rows[offset] = self._rows_of(source, _PLAIN_ROWS)
        text = numbers.decode_state(mantissa, packed)
        if byte >= 0:
            text += bytes((byte,))
        local = rows.source.state_for(text)  # type: ignore[attr-defined]
        row = -2 if local < 0 else self._row(rows, local)
        self._store(-offset - 1, mantissa, packed, byte, row)

    def expand_needs(self, *, forgive_depth: bool = False, ahead: int = 0) -> bool:
        """Expand everything that the last kernel call noted; tell whether there was anything to expand.

        ``ahead``: expand at most so many more rows, those that follow the noted ones first.
        Raises `LimitExceeded` where the text nests too deep, unless ``forgive_depth``.
        """
        try:
            return self._expand_needs(forgive_depth, ahead)
        except LimitExceeded as error:
            self._exhausted = self._exhausted or error.limit in _EXHAUSTIBLE
            raise

    def _expand_needs(self, forgive_depth: bool, ahead: int) -> bool:
        found = False
        k = self.kernel
        count = int(self.T[k.T_NEEDS])
        rows: list[int] = []
        for kind, a, b, c, d in self.N[:count].tolist():
            if kind == k.NEED_ROW:
                self.expand_row(a)
                rows.append(a)
            elif kind == k.NEED_COMPONENT:
                self.expand_component(a)
            elif kind == k.NEED_VIEW:
                self._follow(a, b, c)
            elif kind == k.NEED_CHECK:
                self._check(a, b, c, d)
            elif kind == k.NEED_SCRATCH:
                self._grow("scratch", a)
            elif kind == k.NEED_NUMBER:
                self._continue_number(a, b, c, d)
            elif forgive_depth:
                continue
            else:
                raise self._too_deep()
            found = True
        self.T[k.T_NEEDS] = 0
        try:
            self._look_ahead(rows, ahead)
        except LimitExceeded:
            pass  # nobody has asked for that row yet
        return found

    def _look_ahead(self, rows: list[int], count: int) -> None:
        """Expand up to ``count`` of the rows that follow ``rows``, nearest first."""
        for row in rows:
            if count <= 0:
                break
            for target in set(self.R[row].tolist()):
                if target >= 0 and self.R[target, 0] == UNEXPANDED and count > 0:
                    self.expand_row(target)
                    rows.append(target)
                    count -= 1

    def _too_deep(self) -> LimitExceeded:
        bound = self.limits.stack_depth
        return LimitExceeded("stack_depth", bound, bound + 1, "the text")

    # ---- running

    def _reserve(self, length: int) -> None:
        """Make room for what reading ``length`` bytes may add."""
        frames, bits, texts, configurations = self.T[:4].tolist()
        free = self._free
        if (
            length <= _STRIDE
            and frames <= free[0]
            and bits <= free[1]
            and texts <= free[2]
            and configurations <= free[3]
        ):
            return
        self._make_room(max(length, _STRIDE), frames, bits, texts, configurations)

    def _make_room(self, length: int, frames: int, bits: int, texts: int, configurations: int) -> None:
        most = (
            frames + 3 * length + 8
        )  # one byte narrows a view, counts an item, begins one and opens a container in it
        if most > self.F.shape[0]:
            self._grow("F", most)
        if bits + (length + 2) * self._widest > self.W.shape[0]:
            self._grow("W", bits + (length + 2) * self._widest)
        most = texts + 5 * length + 16 + (length // 3 + 2) * (self._longest_name + 2)
        if most > self.X.shape[0]:
            self._grow("X", most)
        if configurations + 2 > self.K.shape[0]:
            if configurations >= self.limits.configurations:
                raise LimitExceeded("configurations", self.limits.configurations, configurations + 1)
            self._grow("K", configurations + 2)
        if 2 * (configurations + 2) > self.KH.shape[0]:
            self._rehash("KH", self._sizes["KH"] * 4, 2)
        most = frames + 3 * length + 8
        if 2 * most > self.FH.shape[0]:
            size = self._sizes["FH"]
            while size < 2 * most:
                size *= 4
            self._rehash("FH", size, 1)
        # Up to these tops there is room for `_STRIDE` more bytes without another look at the tables.
        sizes = self._sizes
        room = self.kernel.T_ROOM
        self._free = self.T[room : room + 4] = (
            min(sizes["F"], sizes["FH"] // 2) - 3 * _STRIDE - 8,
            sizes["W"] - (_STRIDE + 2) * self._widest,
            sizes["X"] - 5 * _STRIDE - 16 - (_STRIDE // 3 + 2) * (self._longest_name + 2),
            min(sizes["K"], sizes["KH"] // 2) - 2,
        )

    def _forget_room(self) -> None:
        """Look at the tables again before the next text: what a byte may add has changed."""
        room = self.kernel.T_ROOM
        self._free = self.T[room : room + 4] = _NO_ROOM

    def _intern(self, kind: int, a: int, r: int, e: int, f: int) -> int:
        return self._maintain(3, kind, a, r, e, f)

    def advance(self, configuration: int, data: NDArray[np.uint8]) -> int:
        """The configuration after ``data``, or -1 where it is refused."""
        k = self.kernel
        length = data.shape[0]
        if length > _STRIDE:
            for at in range(0, length, _STRIDE):
                configuration = self.advance(configuration, data[at : at + _STRIDE])
                if configuration < 0:
                    break
            return configuration
        with self.lock:
            while True:
                following: int = self._advance(self.A, self.R, self.B, configuration, data)
                if following >= k.REFUSED:
                    return following
                if following == k.NEEDED:
                    self.expand_needs()
                else:
                    self._make_room(_STRIDE, *self.T[:4].tolist())

    def read(self, configuration: int, data: bytes) -> tuple[int, int]:
        """Read as much of ``data`` as is allowed: (configuration, bytes taken)."""
        taken = 0
        array = np.frombuffer(data, np.uint8)
        while taken < len(data):
            part = array[taken : taken + _STRIDE]
            following = self.advance(configuration, part)
            if following < 0:
                # Bisect: every prefix of an allowed text is allowed.
                low, high = 0, part.shape[0]
                while high - low > 1:
                    middle = (low + high) // 2
                    step = self.advance(configuration, part[low:middle])
                    if step < 0:
                        high = middle
                    else:
                        configuration, low = step, middle
                return configuration, taken + low
            configuration = following
            taken += part.shape[0]
        return configuration, taken

    def next_bytes(self, configuration: int) -> tuple[NDArray[np.uint8], bool]:
        """(uint8[256] with 1 for each byte that may come next, whether the text may stop here)."""
        with self.lock:
            out = np.zeros(8, np.uint32)
            self.walk(configuration, _BYTE_TRIE, _BYTE_SEGMENT, _NO_GROUPS, 1, out)
            return np.unpackbits(out.view(np.uint8), bitorder="little"), self.is_accepting(configuration)

    def is_accepting(self, configuration: int) -> bool:
        """Whether the text may stop at ``configuration``."""
        k = self.kernel
        kind, a, _, _, f = self.K[configuration, :5].tolist()
        if kind == k.DONE:
            return True
        if f >= 0 or kind not in (k.ROW, k.NUMBER_ROW, k.NUMBER):
            return False
        if kind != k.NUMBER:
            return bool(self.RM[a, 0] != 0)
        with self.lock:
            while True:
                self.T[k.T_NEEDS] = 0
                found = self._maintain(4, configuration)
                if found >= 0:
                    return bool(found)
                self.expand_needs()

    def walk(
        self,
        configuration: int,
        nodes: NDArray[np.int32],
        segments: NDArray[np.int64],
        groups: NDArray[np.int32],
        longest: int,
        out: NDArray[np.uint32],
        *,
        listed_only: bool = False,
    ) -> None:
        """Set the bits of the tokens in the trie ``segments`` that ``configuration`` can read.

        ``longest``: bytes of the longest token.  A walk that met something unexpanded goes on there when it is there.
        Tokens that nest too deep are left out, so that a text may still close; `LimitExceeded` where they are all.
        """
        k = self.kernel
        self._grow("stack", longest + 2)
        self._grow("path", longest + 2)
        waves = 0
        self.T[k.T_CUTS] = -1
        while True:
            self._reserve(longest)
            k.walk(self.A, self.R, self.B, nodes, segments, groups, int(listed_only), configuration, out)
            if self.T[k.T_NEEDS] == 0:
                return
            # A walk that keeps meeting new rows would need a round for each byte of the longest token.
            waves += 1
            if not self.expand_needs(forgive_depth=True, ahead=0 if waves < 3 else 8):
                if not out.any():
                    raise self._too_deep()
                return

    def proven_slices(
        self,
        row: int,
        tables: NDArray[np.int16],
        table_at: NDArray[np.int64],
        implied: NDArray[np.int64],
        pairs: NDArray[np.int64],
        left_out: int,
    ) -> tuple[int, int]:
        """The slices (bit sets) whose every word, and whose every short word, can be read from ``row``.

        Exact where a bit is set, and computed once for a row.  Short: of at most ``kernel.PROOF_DEPTH`` bytes.
        """
        k = self.kernel
        known = int(self.RM[row, 2])
        rows = self._row_count
        while known < 0:
            # Rows that a proof asks for beyond these are better asked for by the walk, which needs fewer of them.
            patient = int(self._row_count - rows < _PROOF_ROWS)
            known = int(k.prove(self.A, self.R, self.B, tables, table_at, implied, pairs, row, left_out, patient))
            if known < 0:
                self.expand_needs()
        shift = int(k.WITHIN_SHIFT)
        return known & ((1 << shift) - 1), known >> shift
