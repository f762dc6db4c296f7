"""From a configuration to its bitmask: ready cells where slices are proven, a trie walk for the rest.

Purpose: the mask of a configuration, made once and kept, bounded in bytes.
Place: between `grammarlib.automata.configurations` and the matcher; the walk itself is a kernel.
Cost: about 0.7 us for a mask that is kept, 4 to 20 us for a first visit inside a string or at
structure, a walk of the whole trie (up to a millisecond) only where no slice is proven.
Not taken: masks for every state in advance, which is what makes other engines compile for seconds.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from grammarlib.automata.configurations import Machine, kernels
from grammarlib.errors import LimitExceeded
from grammarlib.masks.bitmask import allow_tokens
from grammarlib.masks.index import VocabularyIndex
from grammarlib.masks.slices import SLICE_NAMES, slice_inclusions
from grammarlib.vocabulary.trie import BYTE, SKIP, VocabularyTrie

_MEMBER_PLACES: Final = 1 << 11
"""How many places inside members, and rows, keep their segments: 4 KB each at most, some hundred bytes as a rule."""

_MOST_COVERED: Final = 1 << 10
"""How many sets of slices keep their masks and segments, of all sources over an index."""

_FEW_BYTES: Final = 64
"""A row that takes more is walked from the roots of the whole trie."""

_NONZERO: Final = tuple(np.frombuffer(bytes([digit]), np.uint8) for digit in b"123456789")


class WalkTables:
    """An index in the shapes that kernels take, with memos; one for each index.

    Segments are int64[n, 2] (begin, end) into ``nodes``.  Masks are uint32[words].
    """

    def __init__(self, index: VocabularyIndex) -> None:
        self.words = index.words
        self.size = index.size
        self.trie_segment = index.trie_segment
        self._structure = _roots(index.nodes, index.structure_segment)
        self._roots = _roots(index.nodes, index.trie_segment)
        self._beginning: dict[int, NDArray[np.int64]] = {}
        self.longest = index.longest_bytes
        self.longest_points = index.longest
        self.length_masks = index.length_masks.view(np.uint32)
        self.json_text_mask = self.length_masks[-1]
        self.eos_row = index.eos_words
        self.plain_tokens = _plain_tokens(index)
        self.duplicates = index.duplicates
        self.digits = SLICE_NAMES.index("digits")
        self.digits_mask = index.slice_masks[self.digits].view(np.uint32)
        self.leading_digits_mask = self.digits_mask.copy()
        self.leading_digits_mask &= ~_beginning_with_zero(index)
        suffixes, escapes, self.groups, leaving, ending, self.ending_mask, longest = _suffixes(index)
        names, self.names_mask = _names(index)
        long, self.short_mask = _long(index, int(kernels().PROOF_DEPTH))
        parts = [index.nodes, suffixes, names, _after_digits(index, self.digits), leaving, long, ending, escapes]
        bounds = np.cumsum([0, *map(len, parts)])
        for part, begin in zip(parts[1:], bounds[1:].tolist(), strict=False):
            part[:, 1] += begin
        self.nodes = np.concatenate(parts)
        several = (np.array([[bounds[i], bounds[i + 1]]], np.int64) for i in range(1, 8))
        self.suffix_segment, self.names_segment, self.after_digits_segment, self.leaving_segment = itertools.islice(
            several, 4
        )
        self._long_segment, self.ending_segment, self.escape_segment = several
        self.longest_text = max(index.longest, longest)
        """The most code points that any token adds to a string, an escape counted as what it is written with."""
        self.free_text_mask: NDArray[np.uint32] | None = None
        """What any free string may go on with and not end: plain text and escapes; None until one was met."""
        self._ending_roots = _roots(self.nodes, self.ending_segment)
        tables = index.slice_tables
        self.tables = np.ascontiguousarray(np.concatenate(tables))
        self.table_at = np.cumsum([0, *map(len, tables)]).astype(np.int64)
        self._cells = np.stack((index.cell_start[:-1], index.cell_start[1:]), axis=1).astype(np.int64)
        self._signatures = index.signatures
        self._cell_masks = index.cell_masks.view(np.uint32)
        self.implied = np.array(slice_inclusions(), np.int64)
        # Inside a string, where ``json_text`` stands for what they add to it.
        self.idle_in_strings = sum(1 << SLICE_NAMES.index(name) for name in ("text", "line"))
        self._covered: dict[tuple[int, int, bool], tuple[NDArray[np.uint32], NDArray[np.int64]]] = {}
        self._bytes = index.token_bytes
        self._offsets = index.token_offsets
        self._views: dict[int, NDArray[np.uint8]] = {}

    def covered(self, proven: int, within: int, in_string: bool) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """(mask of all tokens that are allowed for sure, segments of the others).

        ``proven``, ``within``: the slices whose every word, and whose every short word, can be read.
        ``in_string``: the row reads unescaped text, so that only tokens that are plain JSON string text count.
        """
        if in_string and proven & 1:
            return self.json_text_mask, self.leaving_segment
        key = (proven, within, in_string)
        found = self._covered.get(key)
        if found is None:
            inside = (self._signatures & within) != 0
            if in_string:
                inside &= (self._signatures & 1) != 0
            whole = inside & ((self._signatures & proven) != 0)
            mask = np.bitwise_or.reduce(self._cell_masks[whole], axis=0)
            segments = self._cells[~inside]
            if (inside & ~whole).any():
                mask |= np.bitwise_or.reduce(self._cell_masks[inside], axis=0) & self.short_mask
                if in_string and within & 1:
                    segments = self.leaving_segment
                segments = np.concatenate((segments, self._long_segment))
            if len(self._covered) >= _MOST_COVERED:
                self._covered.clear()
            found = self._covered[key] = (mask, np.ascontiguousarray(segments))
        return found

    def structure(self, kind: int, next_bytes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Segments of the tokens that may follow outside strings and begin with one of ``next_bytes`` (uint8[256])."""
        found = self._beginning.get(kind)
        if found is None:
            begins = [self._structure[byte] for byte in np.flatnonzero(next_bytes).tolist() if byte in self._structure]
            found = self._beginning[kind] = np.array(begins, np.int64).reshape(-1, 2)
        return found

    def number_or_other(self, kind: int, next_bytes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """`structure` without the tokens of ``leading_digits_mask``."""
        found = self._beginning.get(-kind - 1)
        if found is None:
            nonzero = range(0x31, 0x3A)
            others = next_bytes.copy()
            others[nonzero] = 0
            after = _roots(self.nodes, self.after_digits_segment)
            longer = [after[byte] for byte in nonzero if byte in after]
            plain = self.structure(kind, next_bytes).tolist()
            kept = [one for one in plain if others[self.nodes[one[0], BYTE]]]
            found = self._beginning[-kind - 1] = np.array(kept + longer, np.int64).reshape(-1, 2)
        return found

    def beginning_with(self, candidates: set[int], *, ends: bool = False) -> NDArray[np.int64]:
        """Segments of all tokens that begin with one of these bytes; ``ends``: of those that may end a string."""
        roots = self._ending_roots if ends else self._roots
        return np.array([roots[byte] for byte in sorted(candidates) if byte in roots], np.int64).reshape(-1, 2)

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


def _plain_tokens(index: VocabularyIndex) -> bytes:
    """By token id, 1 for plain JSON text (slice ``json_text``) of whole characters, 0 for other tokens."""
    if not len(index.token_bytes):
        return bytes(index.size)
    plain = np.unpackbits(index.slice_masks[0].view(np.uint8), bitorder="little")[: index.size].astype(np.bool_)
    ends = index.token_offsets[1:]
    plain &= np.diff(index.token_offsets) > 0
    # A token that is cut inside a character ends with a lead byte and too few continuations.
    for behind, least in enumerate((0xC0, 0xE0, 0xF0), start=1):
        reached = plain & (ends - behind >= index.token_offsets[:-1])
        plain &= ~(reached & (index.token_bytes[np.where(reached, ends - behind, 0)] >= least))
    return plain.astype(np.uint8).tobytes()


def _beginning_with_zero(index: VocabularyIndex) -> NDArray[np.uint32]:
    """The mask of the tokens whose first byte is ``0``."""
    written = np.flatnonzero(np.diff(index.token_offsets) > 0)
    zero = written[index.token_bytes[index.token_offsets[written]] == ord("0")]
    mask = np.zeros(index.words, np.int32)
    allow_tokens(mask, zero.tolist())
    return mask.view(np.uint32)


def _roots(nodes: NDArray[np.int32], segment: NDArray[np.int64]) -> dict[int, tuple[int, int]]:
    """By first byte, begin and end of the part of a trie."""
    found: dict[int, tuple[int, int]] = {}
    at, end = segment[0].tolist()
    while at < end:
        following = int(nodes[at, SKIP])
        found[int(nodes[at, BYTE])] = (at, following)
        at = following
    return found


def _suffixes(
    index: VocabularyIndex,
) -> tuple[
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.uint32],
    int,
]:
    """(tries of suffixes that end a string and of those that do not, groups for the kernel's walk, trie of the whole
    tokens, trie and mask of those that end a string, most code points of one).

    Where plain text changes nothing, a token such as ``abc",`` is allowed exactly where its rest from the
    first quote or backslash on is.  The trie holds these rests; each stands for a group of tokens.
    Tokens outside ``json_text`` that have no such rest (a raw control character, broken UTF-8) are never allowed there.
    """
    plain = np.unpackbits(index.slice_masks[0].view(np.uint8), bitorder="little")[: index.size]
    rests: dict[bytes, list[int]] = {}
    for token in np.flatnonzero(plain == 0).tolist():
        data = index.bytes_of(token)
        cut = next((i for i, byte in enumerate(data) if byte < 0x20 or byte in b'"\\'), -1)
        if cut < 0 or data[cut] < 0x20:
            continue
        try:
            data[:cut].decode()
        except UnicodeDecodeError:
            continue
        rests.setdefault(data[cut:], []).append(token)
    groups = [0] * (len(rests) + 1)
    members: list[int] = []
    for number, tokens in enumerate(rests.values()):
        groups[number] = len(rests) + 1 + len(members)
        members += tokens
    groups[-1] = len(rests) + 1 + len(members)
    suffixes = []
    for is_end in (True, False):
        chosen = [(number, rest) for number, rest in enumerate(rests) if _has_bare_quote(rest) == is_end]
        nodes = VocabularyTrie.build(chosen).nodes
        nodes[:, 2] = np.where(nodes[:, 2] >= 0, -nodes[:, 2] - 2, -1)
        suffixes.append(nodes)
    whole = [(token, index.bytes_of(token)) for token in members]
    ending = [(token, data) for token, data in whole if _has_bare_quote(data)]
    mask = np.zeros(index.words, np.int32)
    allow_tokens(mask, [token for token, _ in ending])
    tries = [VocabularyTrie.build(tokens).nodes for tokens in (whole, ending)]
    longest = max((sum(byte & 0xC0 != 0x80 for byte in data) for _, data in whole), default=0)
    ends, escapes = suffixes
    return ends, escapes, np.array(groups + members, np.int32), tries[0], tries[1], mask.view(np.uint32), longest


def _has_bare_quote(data: bytes) -> bool:
    """Whether a string that the bytes go on with ends in them."""
    at = 0
    while at < len(data):
        if data[at] == ord('"'):
            return True
        at += 2 if data[at] == ord("\\") else 1
    return False


def _names(index: VocabularyIndex) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """(trie, mask) of the tokens that may end a name and write another one whole, such as ``":1,"b":``.

    Such names may be equal, so that these tokens depend on what was read of the first one.
    """
    quotes = np.concatenate(([0], np.cumsum(index.token_bytes == ord('"'))))[index.token_offsets]
    tokens = np.flatnonzero(np.diff(quotes) > 2).tolist()
    mask = np.zeros(index.words, np.int32)
    allow_tokens(mask, tokens)
    return VocabularyTrie.build([(token, index.bytes_of(token)) for token in tokens]).nodes, mask.view(np.uint32)


def _after_digits(index: VocabularyIndex, digits: int) -> NDArray[np.int32]:
    """The trie of tokens, other than digits alone, that begin with what may stand in or after a number.

    Inside a number that takes any digits, all tokens of the slice ``digits`` are allowed.
    """
    wanted = np.zeros(256, np.bool_)
    wanted[list(b"0123456789+-.eE,]} \t\n\r")] = True
    only_digits = np.unpackbits(index.slice_masks[digits].view(np.uint8), bitorder="little")[: index.size]
    begins = index.token_offsets[:-1]
    written = np.flatnonzero((np.diff(index.token_offsets) > 0) & (only_digits == 0))
    first = index.token_bytes[begins[written]]
    # A space is followed by nothing or by structure: words with a leading space, half of a vocabulary, stay out.
    second = index.token_bytes[np.minimum(begins[written] + 1, max(0, len(index.token_bytes) - 1))]
    alone = np.diff(index.token_offsets)[written] == 1
    tokens = written[wanted[first] & (alone | (first != 0x20) | wanted[second])].tolist()
    return VocabularyTrie.build([(token, index.bytes_of(token)) for token in tokens]).nodes


def _long(index: VocabularyIndex, most: int) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """(trie of the tokens of more than ``most`` bytes, mask of the others)."""
    lengths = np.diff(index.token_offsets)
    mask = index.text_mask.copy()
    long = np.flatnonzero(lengths > most).tolist()
    longer = np.zeros(index.words, np.int32)
    allow_tokens(longer, long)
    return VocabularyTrie.build([(token, index.bytes_of(token)) for token in long]).nodes, (mask & ~longer).view(
        np.uint32
    )


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

    `row` takes the machine's lock.  Rows are int32[words] and must not be written to.
    """

    def __init__(self, machine: Machine, tables: WalkTables, budget_bytes: int) -> None:
        self._machine = machine
        self._tables = tables
        self.rows: OrderedDict[int, NDArray[np.int32]] = OrderedDict()
        """The rows that are kept, by configuration; only to be read."""
        self.free_text: set[int] = set()
        """Configurations in strings that tokens of plain text (`WalkTables.plain_tokens`) leave as they are."""
        self._capacity = max(4, budget_bytes // (4 * tables.words))
        self._inside: OrderedDict[tuple[int, int, int], NDArray[np.uint32]] = OrderedDict()
        self._numbers: dict[int, bool] = {}  # by component
        self._members: dict[tuple[int, int, int], NDArray[np.int64]] = {}
        self._names_follow: dict[int, bool] = {}  # by configuration of a fresh name
        self._proofs = np.zeros(int(machine.kernel.PROOF_PAIRS + machine.kernel.PROOF_SLOTS), np.int64)

    def __len__(self) -> int:
        return len(self.rows) + len(self._inside)

    def row(self, configuration: int) -> NDArray[np.int32]:
        """The bitmask of ``configuration``: int32[words], read-only, eos included where the text may stop."""
        found = self.rows.get(configuration)
        if found is not None:
            return found
        machine = self._machine
        with machine.lock:
            found = self.rows.get(configuration)
            if found is None:
                found = self._make(configuration)
                self.rows[configuration] = found
                if len(self.rows) > self._capacity:
                    # The oldest first: masks of structure recur within a text, not across its length.
                    self.rows.popitem(last=False)
            return found

    def _takes_digits(self, configuration: int, component: int) -> bool:
        """Whether a value of the component may begin with any digits but a leading zero; False before it was met."""
        found = self._numbers.get(component)
        if found is None:
            machine = self._machine
            if not machine.C[component, machine.kernel.C_EXPANDED]:
                return False
            try:
                begun = {machine.advance(configuration, digit) for digit in _NONZERO}
            except LimitExceeded:
                return False  # the walk may still do without
            if len(begun) > 1 and machine.is_recording(configuration):
                return False  # items that are compared differ in what they begin with; another frame tells more
            found = self._numbers[component] = len(begun) == 1 and self._goes_on_with_digits(begun.pop())
        return found

    def _free_text(self, configuration: int) -> NDArray[np.uint32]:
        """What a free string or fresh name may go on with and not end: the same for all of them, found at the first."""
        tables = self._tables
        if tables.free_text_mask is None:
            found = tables.json_text_mask.copy()
            self._machine.walk(configuration, tables.nodes, tables.escape_segment, tables.groups, tables.longest, found)
            tables.free_text_mask = found
        return tables.free_text_mask

    def _goes_on_with_digits(self, configuration: int) -> bool:
        """Whether any digits may follow in a number; False for anything else, and for -1."""
        machine, tables = self._machine, self._tables
        kernel = machine.kernel
        if configuration < 0:
            return False
        kind, a, _, packed, _ = machine.K[configuration, :5].tolist()
        if kind == kernel.NUMBER:
            return machine.takes_any_digits(a, packed)
        return kind == kernel.NUMBER_ROW and bool(self._proven(a, False)[0] >> tables.digits & 1)

    def _row_segments(self, kind: int, row: int, otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
        """Segments of what may follow a row that takes few bytes; ``otherwise`` for rows that take many."""
        place = (-1, kind, row)
        found = self._members.get(place)
        if found is None:
            self._machine.expand_row(row)
            candidates = set(np.flatnonzero(self._machine.R[row] >= 0).tolist())
            if len(candidates) > _FEW_BYTES:
                return otherwise
            if kind != self._machine.kernel.ROW:
                candidates |= {0x22, 0x5C}
            found = self._keep_segments(place, candidates)
        return found

    def _listed_segments(self, register: int, frame: int) -> NDArray[np.int64]:
        """Segments of the tokens that may end a listed name of an open object, begun as ``register`` says."""
        machine = self._machine
        kernel = machine.kernel
        base = int(machine.V[machine.F[frame, kernel.F_VIEW], kernel.V_NAME_AT])
        place = (-2 - base, 0, register)
        found = self._members.get(place)
        if found is None:
            candidates = machine.member_bytes((base, 5, register))
            found = self._keep_segments(place, candidates, ends=True)
        return found

    def _keep_segments(
        self, place: tuple[int, int, int], candidates: set[int], *, ends: bool = False
    ) -> NDArray[np.int64]:
        if len(self._members) == _MEMBER_PLACES:
            self._members.clear()
        found = self._members[place] = self._tables.beginning_with(candidates, ends=ends)
        return found

    def _member_segments(self, configuration: int, otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
        """Segments of what may follow inside a member, or a name of a closed object; ``otherwise`` elsewhere."""
        place = self._machine.member_place(configuration)
        if place is None:
            return otherwise
        found = self._members.get(place)
        return self._keep_segments(place, self._machine.member_bytes(place)) if found is None else found

    def _proven(self, row: int, in_string: bool) -> tuple[int, int]:
        tables = self._tables
        left_out = tables.idle_in_strings if in_string else 0
        return self._machine.proven_slices(row, tables.tables, tables.table_at, tables.implied, self._proofs, left_out)

    def _make(self, configuration: int) -> NDArray[np.int32]:
        machine, tables = self._machine, self._tables
        kernel = machine.kernel
        kind, a, r, e, f = machine.K[configuration, :5].tolist()
        segments = tables.trie_segment
        known: NDArray[np.uint32] | None = None
        listed_only = False
        several_names: bool | None = False
        # What goes on inside a string, between two code points, does not depend on the frame: it is kept by row or
        # members, and by length.
        place = (kind, a, r) if kind in (kernel.STRING, kernel.MEMBER) and e & kernel.UNRECORDED == 0 else None
        inside = None if place is None else self._inside.get(place)
        if kind in (kernel.STRING, kernel.KEY_OTHER) and machine.reads_free_text(configuration, tables.longest_text):
            known, segments = self._free_text(configuration), tables.suffix_segment
            place = None
            if kind == kernel.STRING and machine.reads_free_text(configuration):
                self.free_text.add(configuration)
        elif inside is not None:
            known, segments, place = inside, tables.leaving_segment, None
        elif kind in (kernel.KEY, kernel.KEY_OTHER) and machine.reads_classed_name(configuration):
            proven, within = self._proven(a, True)
            # Where few names are left behind a prefix (RM[a, 3]), those that were used count.
            if within and (machine.RM[a, 3] == 0 or machine.F[f, kernel.F_USED] < 0):
                known, segments = tables.covered(proven, within, True)
        elif kind == kernel.KEY or kind == kernel.KEY_OTHER:
            fresh = machine.fresh_name(configuration)
            if fresh >= 0:
                known = self.row(fresh).view(np.uint32)
                is_used = machine.begins_used_name(configuration)
                several_names = self._names_follow.get(fresh)
                if several_names is None:
                    several_names = self._names_follow[fresh] = bool((known & tables.names_mask).any())
                if is_used:
                    # What ends the name may repeat one, and is decided by itself.
                    known, segments, several_names = known & ~tables.ending_mask, tables.ending_segment, False
                elif kind == kernel.KEY:
                    # Whatever does not end the name is allowed as for an unlisted one.
                    segments, listed_only = self._listed_segments(r, f), True
                elif several_names:
                    segments = np.empty((0, 2), np.int64)
                else:
                    return known.view(np.int32)
            elif fresh == -2:
                known, segments = tables.json_text_mask, tables.leaving_segment
        elif (kind == kernel.STRING and e & kernel.UNRECORDED == 0) or kind == kernel.ROW:
            maximum = int(machine.S[r >> 32, kernel.S_MAXIMUM]) if kind == kernel.STRING else -1
            left = maximum - (r & 0xFFFFFFFF)
            proven, within = self._proven(a, kind == kernel.STRING)
            if within and (maximum < 0 or left >= tables.longest_points + int(machine.RM[a, 3])):
                known, segments = tables.covered(proven, within, kind == kernel.STRING)
            elif within and kind == kernel.STRING and machine.RM[a, 3] == 0:
                # Wherever a token of these cells ends the string may end, so that only its length counts.
                allowed, segments = tables.covered(proven, within, True)
                known = allowed & tables.length_masks[left]
            elif kind == kernel.STRING and a == kernel.ANY_TEXT_ROW:
                known, segments = tables.length_masks[left], tables.leaving_segment
        elif kind == kernel.NUMBER_ROW:
            if self._proven(a, False)[0] >> tables.digits & 1:
                known, segments = tables.digits_mask, tables.after_digits_segment
        elif kind == kernel.NUMBER and machine.takes_any_digits(a, e):
            known, segments = tables.digits_mask, tables.after_digits_segment
        elif kind == kernel.VALUE and self._takes_digits(configuration, a):
            known, segments = tables.leading_digits_mask, tables.number_or_other(kind, kernel.NEXT_BYTES[kind])
        if segments is tables.trie_segment:
            if kind not in kernel.READS_TEXT:
                segments = tables.structure(kind, kernel.NEXT_BYTES[kind])
            elif kind in (kernel.KEY, kernel.MEMBER):
                segments = self._member_segments(configuration, segments)
            elif e & kernel.UNRECORDED == 0:
                segments = self._row_segments(kind, a, segments)
        out = np.zeros(tables.words, np.uint32) if known is None else known.copy()
        machine.walk(configuration, tables.nodes, segments, tables.groups, tables.longest, out, listed_only=listed_only)
        if place is not None and segments is not tables.leaving_segment and machine.text_may_begin(configuration):
            self._inside[place] = out & tables.json_text_mask
            if 4 * len(self._inside) > self._capacity:
                self._inside.popitem(last=False)
        if several_names:
            out &= ~tables.names_mask
            machine.walk(configuration, tables.nodes, tables.names_segment, tables.groups, tables.longest, out)
        if len(tables.duplicates):
            first, other = tables.duplicates[:, 0], tables.duplicates[:, 1]
            set_ = (out[first >> 5] >> (first & 31).astype(np.uint32)) & 1
            word, bit = other >> 5, np.uint32(1) << (other & 31).astype(np.uint32)
            np.bitwise_and.at(out, word, ~bit)
            np.bitwise_or.at(out, word, np.where(set_ == 1, bit, np.uint32(0)))
        if f < 0 and machine.is_accepting(configuration):
            out |= tables.eos_row.view(np.uint32)
        row = out.view(np.int32)
        row.flags.writeable = False
        return row
