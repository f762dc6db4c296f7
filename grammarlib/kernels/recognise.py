"""The machine's inner loops: one byte step, the token advance, the mask walk.  One call graph, one file.

Purpose: run rows (lazy DFAs) and JSON components (a stack machine with registers) over bytes
without ever calling Python.  Place: called by `grammarlib.automata.configurations`, which owns the
arrays, grows them and expands what a kernel found missing.
Cost: one step is a few loads for rows and string text, some tens of nanoseconds for structure.
A kernel that meets something not expanded yet notes a *need*, skips that subtree and goes on, so
that one round trip to Python serves a whole walk.

All functions live in this file because numba's on-disk cache only watches the file of the entry
point: a callee edited elsewhere would leave a stale caller.

A machine **state** is five integers ``(kind, a, r, e, f)``: what is being read, an id (row, component,
leaf), a register, the unescaping state of a JSON string, and the stack frame (-1: the root).

Three arrays hold a machine (owned by Python, C-contiguous): ``R`` int32[rows, 256], next row per
byte, -1 dead, ``R[i, 0] == -2`` not expanded; ``B`` uint8[n], the bytes of names and members; and ``A`` int64[n],
which begins with tops and limits (``T_*``), table offsets (``O_*``) and sizes (``Z_*``) and holds these tables:

====  ==========  ==========================================================================
RM    [rows, 4]   label, fewest code points to acceptance (rows of names: how many names follow, + 1, or 0),
                  proven slices (-1 unknown), longest such distance in the proof
C     [n, 10]     components, see ``C_*``
S     [n, 8]      string leaves, see ``S_*``
V     [n, 16]     object and array views, see ``V_*``
P     [n]         pool of constants (names, tracks, members, number leaves)
F     [n, 6]      frames: parent, view, key bits (offset in W), count or last rank, used unlisted names, depth
W     [n]         key bits of frames
X     [n, 4]      texts of unlisted names and of recorded items: parent, byte, length, hash; links between names:
                  previous link, -1, text, 0, between finished items: previous link, -1, and their fingerprint,
                  to the item that is read: previous link, -2, where its text begins; beginning of a text: -1, -3
H     [n, 5]      hash table: (view + 1, what, about, 0) -> what follows, see `following`; (-leaf - 1, mantissa, packed,
                  byte) -> row or -2
K     [n, 6]      interned configurations: the state, and its hash
N     [n, 5]      needs: type and up to four operands
====  ==========  ==========================================================================

One arena instead of a dozen arrays: every array argument is seven machine words, so that a call of a
helper with all tables moved a hundred words and compiling took three times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Bytes = NDArray[np.uint8]
State = tuple[int, int, int, int, int, int]

# Without reference counting: all memory is the caller's, and counting it costs ten times a step.
# Helpers are called by kernels alone, so that they need no wrappers for Python.
kernel = njit(_nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)

callable_kernel = njit(_nrt=False)  # for those that tests compare with their twins


def entry(signature: str) -> Any:
    """A kernel that Python calls: compiled when this module is imported, kept on disk."""
    return njit(signature, cache=True, nogil=True, _nrt=False)


# Kinds of states.
ROW = 0  # a row source reads the whole text; a = row
VALUE = 1  # a JSON value may start; a = component, r = whitespace state (-1: none allowed)
STRING = 2  # inside a string; a = row, r = leaf << 32 | count
MEMBER = 3  # inside a string from a finite set; a = leaf, r = lo | hi << 20 | depth << 40
NUMBER_ROW = 4  # inside a number; a = row
NUMBER = 5  # inside a number; a = leaf (offset in P), r = mantissa, e = packed
LITERAL = 6  # inside null, true, false; a = 0, 1, 2; r = position | label << 8
OBJECT_OPEN = 7  # after {
OBJECT_COMMA = 8  # after , in an object
KEY = 9  # inside a listed name; r = lo | hi << 20 | depth << 40
KEY_OTHER = 10  # inside an unlisted name; a = row of any text, r = text
COLON = 11  # after a name; a = component of the value
AFTER_VALUE = 12  # after a value in an object
ARRAY_OPEN = 13  # after [
AFTER_ITEM = 14  # after an item
DONE = 15  # the root value ended

C_EXPANDED, C_NULL, C_TRUE, C_FALSE, C_STRING, C_NUMBER_KIND, C_NUMBER, C_OBJECT, C_ARRAY = range(9)
S_SHAPE, S_LABEL, S_ROW, S_MINIMUM, S_MAXIMUM, S_MEMBERS, S_COUNT, S_CHECKED = range(8)
(
    V_KIND,
    V_TRACKS,
    V_TRACK_AT,
    V_NAMES,
    V_NAME_AT,
    V_WORDS,
    V_OTHER,
    V_LIVE,
    V_PREFIX,
    V_PREFIX_AT,
    V_REST,
    V_CAP,
    V_ORDERED,
    V_SINGLE,
    V_OTHER_ORDER,
    V_FLAGS,
) = range(16)
V_OTHER_ROW = V_PREFIX  # of objects: where the automaton of unlisted names starts; 0 for any text
V_CHILD = V_REST  # of a pending view: the component of the value that comes
BY_STATUS = np.int64(1)  # in V_FLAGS: what follows is looked up with the exit label, name or item
UNIQUE = np.int64(2)  # in V_FLAGS: the items of the array are compared
REPEATED = np.int64(1) << 61  # in the exit label of an item: equal to an earlier one
RECORD_SHIFT = np.int64(34)  # of e: the text of the item that is recorded, + 1
UNRECORDED = (np.int64(1) << 34) - 1
MEMBER_FIELDS = np.int64(3)  # in P, for each member: offset in B, length, exit label
# In P, for each name: offset in B, length, component or -1, rank, and for a fixed order the rank of the last required
# name before it (one live track) or the tracks that take it (several).  V_OTHER_ORDER is the same for other names.
NAME_FIELDS = np.int64(5)
F_PARENT, F_VIEW, F_BITS, F_COUNT, F_USED, F_DEPTH = range(6)
(
    T_FRAMES,
    T_BITS,
    T_TEXTS,
    T_CONFIGURATIONS,
    T_NEEDS,
    T_WHITESPACE,
    T_DEPTH_LIMIT,
    T_STEPS,
    T_RECORD,
    T_MASKING,
) = range(10)
T_AT = 15  # how many bytes of the path this call has read
T_BASE = 16  # the top of texts when this call began
T_CUTS = 17  # how many segments the last walk left out for a need; -1: a walk begins from the start
T_MISSED = 18  # whether something was needed since this was 0
T_ROOM = 19  # to 22: up to these tops of frames, bits, texts and configurations there is room for a short text
T_CHECKED = 13  # and 14: the fingerprint of the string that a check is needed for
T_KEYS = 12  # where in P the random points of fingerprints are
POINT_DEPTHS = 64  # depths of containers that have points of their own
KEY_COUNT = 4 + POINT_DEPTHS * 12
# Where each table begins in A, and the sizes that kernels need.
(
    O_RM,
    O_C,
    O_S,
    O_V,
    O_P,
    O_F,
    O_W,
    O_X,
    O_H,
    O_K,
    O_N,
    O_FRAME_HASH,
    O_CONFIGURATION_HASH,
    O_SCRATCH,
    O_STACK,
    O_PATH,
    O_CUTS,
) = range(32, 49)
Z_NEEDS, Z_HASH, Z_FRAME_HASH, Z_CONFIGURATION_HASH, Z_SCRATCH = range(49, 54)
HEADER = 64
STACK_FIELDS = 10
TO_THE_END = np.int64(1) << 40  # in place of the end of a cut: no trie has so many nodes
PROOF_DEPTH = np.int64(32)  # bytes up to which a slice is explored
PROOF_PAIRS = np.int64(384)
PROOF_SLOTS = np.int64(1024)
WITHIN_SHIFT = np.int64(32)
CUTS = np.int64(1024)  # segments that a walk keeps for the next one

# Constants that kernels hand to each other are int64 objects: a literal would compile the callee once for each value.
ZERO = np.int64(0)
NEED_COMPONENT = np.int64(1)
NEED_ROW = np.int64(2)
NEED_VIEW = np.int64(3)
NEED_NUMBER = np.int64(4)
NEED_DEPTH = np.int64(5)
NEED_SCRATCH = np.int64(6)
NEED_CHECK = np.int64(7)
# What a look-up of a view is about: the exit label of a value, a listed name, the label of an unlisted one, an item.
BY_LABEL = np.int64(0)
BY_NAME = np.int64(1)
BY_CLASS = np.int64(2)
BY_ITEM = np.int64(3)
_SURROGATE = np.int64(0xA0)  # the least byte after ED in a surrogate
END = np.int64(-1)  # in place of a byte: the number ends
_PRIMES = (
    np.int64(0x1E3779B1),
    np.int64(0x25EBCA6B),
    np.int64(0x42B2AE35),
    np.int64(0x27D4EB2F),
    np.int64(0x165667B1),
    np.int64(0x01000193),
)

DEAD = -1
UNEXPANDED = -2
REFUSED = -1  # what `advance` returns in place of a configuration
NEEDED = -2
NO_ROOM = -3
FRESH_TEXT = -2  # in place of a text: an unlisted name that equals no other, whatever follows
ANY_TEXT_ROW = 0  # row 0 of every machine: any text, at a code point boundary

MASK20 = (1 << 20) - 1
PENDING = 1 << 20  # e: a high surrogate escape waits for its low half (its ten bits from bit 21)
RAW_ED = 1 << 32  # e: the last raw byte was ED; A0..BF (a surrogate) may not follow

_NULL = np.frombuffer(b"null", np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_SIMPLE = np.array([0x22, 0x5C, 0x2F, 0x08, 0x0C, 0x0A, 0x0D, 0x09], np.int64)
# By kind of state, the bytes that may come next and others: what is 0 there is refused by `step`.
NEXT_BYTES = np.zeros((16, 256), np.uint8)
_PLAIN = np.zeros(256, np.uint8)  # raw bytes of string text that need no unescaping and no check of their own
_PLAIN[0x20:] = 1
_PLAIN[[0x22, 0x5C, 0xED]] = 0
_BEGINS_VALUE = b'\t\n\r "-0123456789[{ntf'
for _kind, _bytes in (
    (VALUE, _BEGINS_VALUE),
    (ARRAY_OPEN, _BEGINS_VALUE + b"]"),
    (NUMBER_ROW, b"\t\n\r +,-.0123456789eE]}"),
    (NUMBER, b"\t\n\r +,-.0123456789eE]}"),
    (LITERAL, b"aeflnrstu"),
    (OBJECT_OPEN, b'\t\n\r "}'),
    (OBJECT_COMMA, b'\t\n\r "'),
    (COLON, b"\t\n\r :"),
    (AFTER_VALUE, b"\t\n\r ,}"),
    (AFTER_ITEM, b"\t\n\r ,]"),
):
    NEXT_BYTES[_kind, list(_bytes)] = 1
READS_TEXT = (ROW, STRING, MEMBER, KEY, KEY_OTHER)  # kinds in which any byte may come next
NEXT_BYTES[list(READS_TEXT)] = 1


@kernel
def need(A: Ints, R: Rows, B: Bytes, kind: int, a: int, b: int, c: int, d: int) -> int:
    """Note that Python must expand something; always returns the status -1."""
    at = A[T_NEEDS]
    A[T_MISSED] = 1
    for i in range(min(at, 16)):
        j = at - 1 - i
        if (
            A[A[O_N] + j * 5 + 0] == kind
            and A[A[O_N] + j * 5 + 1] == a
            and A[A[O_N] + j * 5 + 2] == b
            and A[A[O_N] + j * 5 + 3] == c
            and A[A[O_N] + j * 5 + 4] == d
        ):
            return -1
    if at < A[Z_NEEDS]:
        A[A[O_N] + at * 5 + 0] = kind
        A[A[O_N] + at * 5 + 1] = a
        A[A[O_N] + at * 5 + 2] = b
        A[A[O_N] + at * 5 + 3] = c
        A[A[O_N] + at * 5 + 4] = d
        A[T_NEEDS] = at + 1
    return -1


@kernel
def mixed(value: int, multiplier: int) -> int:
    """A non-negative hash part below 2**62; no overflow, so that it is the same without the compiler."""
    return ((value ^ (value >> 31)) & 0x7FFFFFFF) * multiplier


@kernel
def look_up(A: Ints, R: Rows, B: Bytes, k0: int, k1: int, k2: int, k3: int) -> int:
    """The slot of a key in ``H``: its own, or the empty one where it belongs."""
    mask = A[Z_HASH] - 1
    x = mixed(k0, _PRIMES[0]) ^ mixed(k1, _PRIMES[1]) ^ mixed(k2, _PRIMES[2]) ^ mixed(k3, _PRIMES[3])
    x ^= (x >> 29) ^ (x >> 15)
    i = x & mask
    while A[A[O_H] + i * 5 + 0] != 0 and not (
        A[A[O_H] + i * 5 + 0] == k0
        and A[A[O_H] + i * 5 + 1] == k1
        and A[A[O_H] + i * 5 + 2] == k2
        and A[A[O_H] + i * 5 + 3] == k3
    ):
        i = (i + 1) & mask
    return i


@kernel
def following(A: Ints, R: Rows, B: Bytes, view: int, what: int, about: int) -> int:
    """What comes after ``view`` (`BY_LABEL` ...): a view, or a component; -2 dead, -1 after noting the need."""
    i = look_up(A, R, B, view + 1, what, about, ZERO)
    if A[A[O_H] + i * 5 + 0] != 0:
        return A[A[O_H] + i * 5 + 4]
    return need(A, R, B, NEED_VIEW, view, what, about, ZERO)


@kernel
def narrowed(A: Ints, R: Rows, B: Bytes, view: int, keep: int) -> int:
    """The view with only the tracks in ``keep``, or -1 after noting the need."""
    return following(A, R, B, view, keep, BY_LABEL)


@kernel
def number_row(A: Ints, R: Rows, B: Bytes, leaf: int, mantissa: int, packed: int, byte: int) -> int:
    """The row that takes over where a number leaves the registers: -2 dead, -1 after noting the need."""
    i = look_up(A, R, B, -leaf - 1, mantissa, packed, byte)
    if A[A[O_H] + i * 5 + 0] != 0:
        return A[A[O_H] + i * 5 + 4]
    return need(A, R, B, NEED_NUMBER, leaf, mantissa, packed, byte)


@kernel
def new_frame(A: Ints, R: Rows, B: Bytes, parent: int, view: int, bits: int, count: int, used: int, depth: int) -> int:
    top = A[T_FRAMES]
    A[A[O_F] + top * 6 + 0] = parent
    A[A[O_F] + top * 6 + 1] = view
    A[A[O_F] + top * 6 + 2] = bits
    A[A[O_F] + top * 6 + 3] = count
    A[A[O_F] + top * 6 + 4] = used
    A[A[O_F] + top * 6 + 5] = depth
    A[T_FRAMES] = top + 1
    return top


@kernel
def whitespace_step(A: Ints, R: Rows, B: Bytes, r: int, byte: int) -> int:
    """The next whitespace state, or -1."""
    if r < 0:
        return -1
    policy = A[T_WHITESPACE]
    if policy == 1:
        return -1
    if policy == 2:
        return r if byte == 32 or byte == 10 or byte == 9 or byte == 13 else -1
    if r == 0:
        return 1 if byte == 32 else 2 if byte == 10 else -1
    if r == 1:
        return -1
    if r < 1000:
        if byte == 32 and r - 2 < 128:
            return r + 1
        if byte == 9 and r == 2:
            return 1001
        return -1
    if byte == 9 and r - 1000 < 32:
        return r + 1
    return -1


# ---- finite sets of byte strings (members of an enum, listed names), ascending


@kernel
def member_at(A: Ints, R: Rows, B: Bytes, base: int, stride: int, i: int, depth: int) -> int:
    """The byte of member ``i`` at ``depth``, or -1 past its end."""
    at = base + i * stride
    if A[A[O_P] + at + 1] <= depth:
        return -1
    return np.int64(B[A[A[O_P] + at] + depth])


@kernel
def member_bound(A: Ints, R: Rows, B: Bytes, base: int, stride: int, lo: int, hi: int, depth: int, byte: int) -> int:
    """The first member of lo..hi whose byte at ``depth`` is at least ``byte``."""
    while lo < hi:
        mid = (lo + hi) >> 1
        if member_at(A, R, B, base, stride, mid, depth) < byte:
            lo = mid + 1
        else:
            hi = mid
    return lo


@kernel
def skips_required(A: Ints, R: Rows, B: Bytes, view: int, f: int, track: int, rank: int) -> bool:
    """Whether ``track`` has an unused required name of a rank below ``rank``."""
    at_view = A[O_V] + view * 16
    words = A[at_view + V_WORDS]
    at = A[at_view + V_TRACK_AT] + track * (1 + words) + 1
    bits = A[A[O_F] + f * 6 + F_BITS]
    for i in range(A[at_view + V_NAMES]):
        if A[A[O_P] + A[at_view + V_NAME_AT] + i * NAME_FIELDS + 3] < rank:
            bit = np.int64(1) << (i & 63)
            if (A[A[O_P] + at + (i >> 6)] & bit) != 0 and (A[A[O_W] + bits + (i >> 6)] & bit) == 0:
                return True
    return False


@kernel
def tracks_in_order(A: Ints, R: Rows, B: Bytes, view: int, f: int, rank: int, takers: int) -> int:
    """order="schema": the live tracks among ``takers`` for which a name of this rank skips no required one."""
    at_view = A[O_V] + view * 16
    takers &= A[at_view + V_LIVE]
    for track in range(A[at_view + V_TRACKS]):
        if (takers >> track) & 1 and skips_required(A, R, B, view, f, track, rank):
            takers &= ~(np.int64(1) << track)
    return takers


@kernel
def order_allows(A: Ints, R: Rows, B: Bytes, view: int, f: int, rank: int, order: int) -> bool:
    """order="schema": no required name is skipped, for one track at least.  ``order``: see `NAME_FIELDS`."""
    at_frame = A[O_F] + f * 6
    if rank <= A[at_frame + F_COUNT]:
        return False
    if A[A[O_V] + view * 16 + V_SINGLE] == 1:
        return order <= A[at_frame + F_COUNT]
    return tracks_in_order(A, R, B, view, f, rank, order) != 0


@kernel
def name_allowed(A: Ints, R: Rows, B: Bytes, view: int, f: int, i: int) -> bool:
    at_view = A[O_V] + view * 16
    at = A[at_view + V_NAME_AT] + i * NAME_FIELDS
    if A[A[O_P] + at + 2] < 0:
        return False
    if (A[A[O_W] + A[A[O_F] + f * 6 + F_BITS] + (i >> 6)] >> (i & 63)) & 1:
        return False
    if A[at_view + V_ORDERED] == 1:
        return order_allows(A, R, B, view, f, A[A[O_P] + at + 3], A[A[O_P] + at + 4])
    return True


@kernel
def other_allowed(A: Ints, R: Rows, B: Bytes, view: int, f: int) -> bool:
    at_view = A[O_V] + view * 16
    if A[at_view + V_OTHER] < 0:
        return False
    if A[at_view + V_ORDERED] == 1:
        if A[at_view + V_SINGLE] == 1:
            return A[at_view + V_OTHER_ORDER] <= A[A[O_F] + f * 6 + F_COUNT]
        return tracks_in_order(A, R, B, view, f, np.int64(1) << 40, A[at_view + V_OTHER_ORDER]) != 0
    return True


@kernel
def any_name_allowed(A: Ints, R: Rows, B: Bytes, view: int, f: int, lo: int, hi: int) -> bool:
    for i in range(lo, hi):
        if name_allowed(A, R, B, view, f, i):
            return True
    return False


# ---- texts of unlisted names


@kernel
def text_append(A: Ints, R: Rows, B: Bytes, text: int, byte: int) -> int:
    top = A[T_TEXTS]
    at = A[O_X] + top * 4
    length = np.int64(0)
    x = np.int64(0x811C9DC5)
    if text >= 0:
        length = A[A[O_X] + text * 4 + 2]
        x = A[A[O_X] + text * 4 + 3]
    A[at] = text
    A[at + 1] = byte
    A[at + 2] = length + 1
    A[at + 3] = ((x ^ byte) * 0x01000193) & 0xFFFFFFFF
    A[T_TEXTS] = top + 1
    return top


@kernel
def text_equal(A: Ints, R: Rows, B: Bytes, x: int, y: int) -> bool:
    if x < 0 or y < 0:
        return x == y
    if A[A[O_X] + x * 4 + 2] != A[A[O_X] + y * 4 + 2] or A[A[O_X] + x * 4 + 3] != A[A[O_X] + y * 4 + 3]:
        return False
    while x != y:
        if x < 0 or y < 0 or A[A[O_X] + x * 4 + 1] != A[A[O_X] + y * 4 + 1]:
            return False
        x = A[A[O_X] + x * 4 + 0]
        y = A[A[O_X] + y * 4 + 0]
    return True


@kernel
def text_of_prefix(A: Ints, R: Rows, B: Bytes, view_base: int, i: int, depth: int) -> int:
    """The text of the first ``depth`` bytes of listed name ``i``."""
    text = np.int64(-1)
    start = A[A[O_P] + view_base + i * NAME_FIELDS]
    for j in range(depth):
        text = text_append(A, R, B, text, np.int64(B[start + j]))
    return text


@kernel
def all_taken(A: Ints, R: Rows, B: Bytes, row: int, text: int, f: int) -> bool:
    """Whether the used names are all names that ``text``, now at ``row``, could become."""
    words = A[A[O_RM] + row * 4 + 1]  # how many there are, + 1; 0 where nobody counted them, or they are too many
    if words == 0:
        return False
    words -= 1
    length = A[A[O_X] + text * 4 + 2] if text >= 0 else ZERO
    link = A[A[O_F] + f * 6 + F_USED]
    while link >= 0 and words > 0:
        used = A[A[O_X] + link * 4 + 2]
        while used >= 0 and A[A[O_X] + used * 4 + 2] > length:
            used = A[A[O_X] + used * 4 + 0]
        if text_equal(A, R, B, used, text):
            words -= 1
        link = A[A[O_X] + link * 4 + 0]
    return words == 0


@kernel
def begins_used(A: Ints, R: Rows, B: Bytes, text: int, f: int) -> bool:
    """Whether a used name of the frame begins with ``text``."""
    length = A[A[O_X] + text * 4 + 2] if text >= 0 else ZERO
    link = A[A[O_F] + f * 6 + F_USED]
    while link >= 0:
        used = A[A[O_X] + link * 4 + 2]
        while used >= 0 and A[A[O_X] + used * 4 + 2] > length:
            used = A[A[O_X] + used * 4 + 0]
        if text_equal(A, R, B, used, text):
            return True
        link = A[A[O_X] + link * 4 + 0]
    return False


@kernel
def may_add_name(A: Ints, R: Rows, B: Bytes, view: int, f: int) -> bool:
    if other_allowed(A, R, B, view, f):
        row = A[A[O_V] + view * 16 + V_OTHER_ROW]
        if row == ANY_TEXT_ROW or not all_taken(A, R, B, row, np.int64(-1), f):
            return True
    return any_name_allowed(A, R, B, view, f, ZERO, A[A[O_V] + view * 16 + V_NAMES])


# ---- numbers
#
# Stepping through a JSON number in a few nanoseconds.
#
# Purpose: the twin in int64 of `grammarlib.automata.numbers`, for mask walks that try about a thousand digit
# tokens at each position of a number.  It answers exactly or says "slow path" (status 2); then the exact rows
# go on from the text that ``decode_state`` gives for the state before the byte.
# Place: called by the recognition kernel; reads the image that `grammarlib.automata.numbers.encode_leaf` writes.
# Cost: no division while digits are read, but for multiples of more than one unit and for digits beyond the bounds.
#
# State: ``mantissa`` (the digits so far without leading zeros) and ``packed`` (31 bits: phase, sign, number of
# fraction digits, sign and value of the exponent, the value saturating).  The empty text is (0, 0).
# For leaves without bounds other than zero whose multiples are powers of ten (kind 1: the plain number, the plain
# and the positive integer), the digits are reduced to 1 and the zeros after the last other digit.
#
# Design not taken: one table of rows for each leaf.  The states of a bounded number are as many as its digits
# allow, and expanding one costs a thousand times the arithmetic.


# Phases: nothing, "-", "0", "12", "12.", "12.5", "12e", "12e+", "12e+3".
_MINUS = 1
_ZERO = 2
_INTEGER = 3
_POINT = 4
_FRACTION = 5
_EXPONENT = 6
_EXPONENT_SIGN = 7
_EXPONENT_DIGITS = 8

# packed: phase in bits 0-3, then:
_NEGATIVE = 16
_FRACTION_SHIFT = 5
_FRACTION_MAXIMUM = 1023
_EXPONENT_NEGATIVE = 1 << 15
_EXPONENT_SHIFT = 16
_EXPONENT_MAXIMUM = 8191
_EXPONENT_ENOUGH = 63  # kind 1: a negative exponent beyond any 18 zeros and any place from -18 up

# The image of a leaf: header, then pieces (see encode_leaf).
_KIND = 0
_ZERO_LABEL = 1
_ZERO_DIGITS_LABEL = 2
_SCALE = 3
_FLAGS = 4
_GREATEST_PLACE = 5
_SURE_INTEGER = 6  # + 1 for negative numbers, as below
_SURE_FRACTION = 8
_ANY_FRACTION = 10
_ANY = 12
_COUNT = 14
_FIRST = 16
_HEADER = 18

_KIND_SIMPLE = 1
_KIND_GENERAL = 2

_SYMMETRIC = 1
_TRACKS_ZEROS = 2
_HAS_DIGITS_ONLY = 4

_PIECE_LABEL = 0
_PIECE_FLAGS = 1
_PIECE_LOWER = 2
_PIECE_UPPER = 3
_PIECE_MULTIPLE = 4
_PIECE_DEPTH = 5
_PIECE_SIZE = 6

_LOWER_OPEN = 1
_UPPER_OPEN = 2
_DIGITS_ONLY = 4
_UPPER_CUT = 8
_NO_UPPER = 16

_LARGEST = 9223372036854775807
_LARGEST_TENTH = 922337203685477580
_LARGEST_POWER = 18
_FAR = 1 << 40

_POWERS = np.array([10**power for power in range(19)], dtype=np.int64)


@kernel
def _simple_label(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """Kind 1: labels of a non-zero number that stops here (the mantissa is a power of ten)."""
    phase = packed & 15
    negative = (packed >> 4) & 1
    exponent = packed >> _EXPONENT_SHIFT
    shift = (-exponent if packed & _EXPONENT_NEGATIVE else exponent) - ((packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM)
    result = 0
    first = offset + pool[offset + _FIRST + negative]
    last = first + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(first, last, _PIECE_SIZE):
        flags = pool[piece + _PIECE_FLAGS]
        if flags & _DIGITS_ONLY and phase != _INTEGER:
            continue
        if pool[piece + _PIECE_MULTIPLE] != 0:
            needed = pool[piece + _PIECE_LOWER] - shift  # zeros that the mantissa must end in
            if needed > 0 and (needed > _LARGEST_POWER or mantissa < _POWERS[needed]):
                continue
        result |= pool[piece + _PIECE_LABEL]
    return result


@kernel
def _piece_holds(pool: NDArray[np.int64], piece: int, mantissa: int, shift: int) -> int:
    """Kind 2: 1 where ``mantissa * 10**shift`` (in units of the scale) is in the piece, 0 where not, 2 unknown."""
    flags = pool[piece + _PIECE_FLAGS]
    lower = pool[piece + _PIECE_LOWER]
    upper = pool[piece + _PIECE_UPPER]
    multiple = pool[piece + _PIECE_MULTIPLE]
    if shift < 0:
        if -shift > _LARGEST_POWER:
            value = 0
            rest = 1
        else:
            value = mantissa // _POWERS[-shift]
            rest = mantissa - value * _POWERS[-shift]
        if rest != 0:
            if multiple != 0 or value < lower:
                return 0
            return 1 if flags & _NO_UPPER or value < upper else 0
    elif shift > _LARGEST_POWER or mantissa > _LARGEST // _POWERS[shift]:
        if flags & _UPPER_CUT:
            return 2
        if not flags & _NO_UPPER:
            return 0
        if multiple > 1:
            rest = mantissa % multiple
            for _ in range(min(shift, pool[piece + _PIECE_DEPTH])):
                if rest == 0:
                    break
                if rest > _LARGEST_TENTH:
                    return 2
                rest = rest * 10 % multiple
            return 1 if rest == 0 else 0
        return 1
    else:
        value = mantissa * _POWERS[shift]
    if value < lower or (value == lower and flags & _LOWER_OPEN):
        return 0
    if not flags & _NO_UPPER and (value > upper or (value == upper and flags & _UPPER_OPEN)):
        return 0  # a bound that was cut is the largest integer, and no value is above that
    if multiple > 1 and value % multiple != 0:
        return 0
    return 1


@kernel
def _piece_live(pool: NDArray[np.int64], piece: int, mantissa: int, scale: int) -> int:
    """Kind 2: whether more digits and any exponent lead from ``mantissa > 0`` into a piece that has an upper bound.

    Asks for a power ``j`` such that ``[mantissa, mantissa + 1) * 10**j`` meets the piece (in units of the scale).
    """
    flags = pool[piece + _PIECE_FLAGS]
    lower = pool[piece + _PIECE_LOWER]
    upper = pool[piece + _PIECE_UPPER]
    multiple = pool[piece + _PIECE_MULTIPLE]
    no = 2 if flags & _UPPER_CUT else 0
    value = mantissa
    width = 1
    if multiple == 0:
        if value < upper or (value == upper and not flags & _UPPER_OPEN):
            # The largest power is the best one.
            while value <= _LARGEST_TENTH:
                longer = value * 10
                if longer > upper or (longer == upper and flags & _UPPER_OPEN):
                    break
                value = longer
                width *= 10
            return 1 if value > lower or width > lower - value else no
        rest = False
        while True:
            tenth = value // 10
            rest = rest or tenth * 10 != value
            value = tenth
            if value < upper or (value == upper and not rest and not flags & _UPPER_OPEN):
                return 1 if value >= lower else no
    if flags & _DIGITS_ONLY and scale > 0:
        if value > _LARGEST // _POWERS[scale]:
            return no
        value *= _POWERS[scale]
        width = _POWERS[scale]
    start = value
    start_width = width
    while value <= upper:  # without divisions first
        first = value if value > lower else lower
        last = upper if width - 1 > upper - value else value + (width - 1)
        if last - first >= multiple - 1:
            return 1
        if value > _LARGEST_TENTH:
            break
        value *= 10
        width *= 10
    if multiple > 1:
        value = start
        width = start_width
        while value <= upper:
            first = value if value > lower else lower
            last = upper if width - 1 > upper - value else value + (width - 1)
            if last // multiple * multiple >= first:
                return 1
            if value > _LARGEST_TENTH:
                break
            value *= 10
            width *= 10
    if not flags & _DIGITS_ONLY:
        value = mantissa
        while True:
            tenth = value // 10
            if tenth * 10 != value or tenth < lower:
                break
            value = tenth
            if value <= upper and value % multiple == 0:
                return 1
    return no


@kernel
def _digits_live(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """Kind 2: liveness of non-zero digits before any exponent."""
    phase = packed & 15
    negative = (packed >> 4) & 1
    result = 0
    scale = pool[offset + _SCALE]
    first = offset + pool[offset + _FIRST + negative]
    last = first + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(first, last, _PIECE_SIZE):
        if pool[piece + _PIECE_FLAGS] & _DIGITS_ONLY and phase != _INTEGER:
            continue
        found = _piece_live(pool, piece, mantissa, scale)
        if found == 1:
            return 1
        if found == 2:
            result = 2
    return result


@kernel
def _piece_exponents(pool: NDArray[np.int64], piece: int, mantissa: int) -> tuple[int, int, int]:
    """Kind 2: (status, first, last): the powers of ten that put ``mantissa > 0`` into the piece; ``_FAR`` is no bound.

    Status 0: none; 2: unknown; 3: more above ``last`` perhaps.
    """
    flags = pool[piece + _PIECE_FLAGS]
    lower = pool[piece + _PIECE_LOWER]
    upper = pool[piece + _PIECE_UPPER]
    multiple = pool[piece + _PIECE_MULTIPLE]
    first = -_FAR
    last = _FAR
    if lower > 0:
        value = mantissa
        first = 0
        if value > lower or (value == lower and not flags & _LOWER_OPEN):
            rest = False
            while True:
                tenth = value // 10
                rest = rest or tenth * 10 != value
                value = tenth
                if value < lower or (value == lower and not rest and flags & _LOWER_OPEN):
                    break
                first -= 1
        else:
            while value < lower or (value == lower and flags & _LOWER_OPEN):
                first += 1
                if value > _LARGEST_TENTH:
                    break  # the product is above every bound
                value *= 10
    if not flags & _NO_UPPER:
        value = mantissa
        last = 0
        if value < upper or (value == upper and not flags & _UPPER_OPEN):
            while value <= _LARGEST_TENTH:
                value *= 10
                if value > upper or (value == upper and flags & _UPPER_OPEN):
                    break
                last += 1
        else:
            rest = False
            while value > upper or (value == upper and (rest or flags & _UPPER_OPEN)):
                tenth = value // 10
                rest = rest or tenth * 10 != value
                value = tenth
                last -= 1
    if multiple > 0:
        zeros = 0
        value = mantissa
        residue = value % multiple
        if residue == 0:
            while True:
                tenth = value // 10
                if tenth * 10 != value or tenth % multiple != 0:
                    break
                value = tenth
                zeros -= 1
        else:
            while residue != 0:
                if zeros >= pool[piece + _PIECE_DEPTH]:
                    return 0, 0, 0
                if residue > _LARGEST_TENTH:
                    return 2, 0, 0
                residue = residue * 10 % multiple
                zeros += 1
        first = max(first, zeros)
    if flags & _UPPER_CUT:
        return 3, first, last
    if first > last:
        return 0, 0, 0
    return 1, first, last


@kernel
def _exponent_live(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """Kind 2: whether some exponent that begins as the text does puts the (non-zero) digits into a piece."""
    phase = packed & 15
    negative = (packed >> 4) & 1
    sign = packed & _EXPONENT_NEGATIVE
    exponent = packed >> _EXPONENT_SHIFT
    shift = pool[offset + _SCALE] - ((packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM)
    result = 0
    begin = offset + pool[offset + _FIRST + negative]
    end = begin + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(begin, end, _PIECE_SIZE):
        if pool[piece + _PIECE_FLAGS] & _DIGITS_ONLY:
            continue
        status, first, last = _piece_exponents(pool, piece, mantissa)
        if status == 0:
            continue
        if status == 2:
            result = 2
            continue
        if status == 3:
            result = 2
            if first > last:
                continue
        if phase == _EXPONENT:
            return 1
        if first > -_FAR:
            first -= shift
        if last < _FAR:
            last -= shift
        if sign != 0:
            first, last = -last, -first
        if phase == _EXPONENT_SIGN:
            if last >= 0:
                return 1
            continue
        low = exponent
        high = exponent
        while low <= last:
            if high >= first or low == 0:
                return 1
            low *= 10
            high = high * 10 + 9
    return result


@callable_kernel
def number_step(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int, byte: int) -> tuple[int, int, int]:
    """One byte: (status, mantissa, packed); status 0 dead, 1 live, 2 ask the exact rows (the state is then void)."""
    kind = pool[offset + _KIND]
    if kind == 0:
        return 2, 0, 0
    phase = packed & 15
    negative = (packed >> 4) & 1
    if 48 <= byte <= 57:
        digit = byte - 48
        if phase == _INTEGER:
            if kind == _KIND_SIMPLE:
                if not pool[offset + _FLAGS] & _TRACKS_ZEROS:
                    return 1, mantissa, packed
                if digit != 0:
                    return 1, 1, packed
                if mantissa >= _POWERS[_LARGEST_POWER]:
                    return 2, 0, 0
                return 1, mantissa * 10, packed
            if mantissa > _LARGEST_TENTH or (mantissa == _LARGEST_TENTH and digit > 7):
                return 2, 0, 0
            mantissa = mantissa * 10 + digit
            if pool[offset + _SURE_INTEGER + negative] != 0:
                return 1, mantissa, packed
            return _digits_live(pool, offset, mantissa, packed), mantissa, packed
        if phase == _FRACTION or phase == _POINT:
            if phase == _POINT:
                packed += _FRACTION - _POINT
            if kind == _KIND_SIMPLE:
                if not pool[offset + _FLAGS] & _TRACKS_ZEROS:
                    # One fraction digit stands for any number of them.
                    packed = (packed & (15 | _NEGATIVE)) | (1 << _FRACTION_SHIFT)
                    if digit == 0:
                        return 1, mantissa, packed
                    return 1 if pool[offset + _ANY_FRACTION + negative] != 0 else 0, 1, packed
                if digit != 0:
                    mantissa = 1
                    if pool[offset + _ANY_FRACTION + negative] == 0:
                        return 0, 0, 0
                elif mantissa >= _POWERS[_LARGEST_POWER]:
                    return 2, 0, 0
                else:
                    mantissa *= 10
            else:
                if mantissa > _LARGEST_TENTH or (mantissa == _LARGEST_TENTH and digit > 7):
                    return 2, 0, 0
                mantissa = mantissa * 10 + digit
            if (packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM == _FRACTION_MAXIMUM:
                return 2, 0, 0
            packed += 1 << _FRACTION_SHIFT
            if mantissa == 0 or pool[offset + _SURE_FRACTION + negative] != 0:
                return 1, mantissa, packed
            return _digits_live(pool, offset, mantissa, packed), mantissa, packed
        if phase <= _MINUS:
            if pool[offset + _FLAGS] & _SYMMETRIC:
                negative = 0
            if digit == 0:
                live = (
                    pool[offset + _ZERO_LABEL]
                    | pool[offset + _ZERO_DIGITS_LABEL]
                    | pool[offset + _ANY_FRACTION + negative]
                )
                return 1 if live != 0 else 0, 0, _ZERO | (negative << 4)
            packed = _INTEGER | (negative << 4)
            if kind == _KIND_SIMPLE:
                digit = 1
            if pool[offset + _SURE_INTEGER + negative] != 0:
                return 1, digit, packed
            if pool[offset + _ANY + negative] == 0:
                return 0, 0, 0
            return _digits_live(pool, offset, digit, packed), digit, packed
        if phase < _EXPONENT:
            return 0, 0, 0
        status, mantissa, packed = _exponent_step(pool, offset, mantissa, packed, digit)
        return status, mantissa, packed
    if byte == 46:
        if phase != _INTEGER and phase != _ZERO:
            return 0, 0, 0
        packed = (packed & _NEGATIVE) | _POINT
        if pool[offset + _ANY_FRACTION + negative] == 0:
            return 1 if mantissa == 0 and pool[offset + _ZERO_LABEL] != 0 else 0, mantissa, packed
        if mantissa == 0 or not pool[offset + _FLAGS] & _HAS_DIGITS_ONLY:
            return 1, mantissa, packed
        if pool[offset + _SURE_FRACTION + negative] != 0:
            return 1, mantissa, packed
        return _digits_live(pool, offset, mantissa, packed), mantissa, packed
    if byte == 101 or byte == 69:
        if phase != _INTEGER and phase != _ZERO and phase != _FRACTION:
            return 0, 0, 0
        status, mantissa, packed = _exponent_start(pool, offset, mantissa, packed)
        return status, mantissa, packed
    if byte == 45 and phase == 0:
        live = pool[offset + _ZERO_LABEL] | pool[offset + _ZERO_DIGITS_LABEL] | pool[offset + _ANY + 1]
        return 1 if live != 0 else 0, 0, _MINUS | _NEGATIVE
    if (byte == 45 or byte == 43) and phase == _EXPONENT:
        packed = (packed & ~15) | _EXPONENT_SIGN
        if byte == 45:
            packed |= _EXPONENT_NEGATIVE
        if mantissa == 0:
            return 1, mantissa, packed
        if kind == _KIND_SIMPLE:
            if byte == 45 and _simple_label(pool, offset, mantissa, packed) == 0:
                return 0, 0, 0
            return 1, mantissa, packed
        return _exponent_live(pool, offset, mantissa, packed), mantissa, packed
    return 0, 0, 0


@kernel
def _exponent_start(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> tuple[int, int, int]:
    """The byte ``e``: fraction digits that are zeros at the end go, as they change nothing any more."""
    negative = (packed >> 4) & 1
    if mantissa == 0:
        return 1 if pool[offset + _ZERO_LABEL] != 0 else 0, 0, _EXPONENT
    fraction = (packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM
    while fraction > 0:
        tenth = mantissa // 10
        if tenth * 10 != mantissa:
            break
        mantissa = tenth
        fraction -= 1
    packed = _EXPONENT | (negative << 4)
    if pool[offset + _KIND] == _KIND_SIMPLE:
        if pool[offset + _ANY_FRACTION + negative] == 0:
            return 0, 0, 0
        if pool[offset + _FLAGS] & _TRACKS_ZEROS:
            packed |= fraction << _FRACTION_SHIFT
        return 1, mantissa, packed
    packed |= fraction << _FRACTION_SHIFT
    return _exponent_live(pool, offset, mantissa, packed), mantissa, packed


@kernel
def _exponent_step(
    pool: NDArray[np.int64], offset: int, mantissa: int, packed: int, digit: int
) -> tuple[int, int, int]:
    """One digit of the exponent."""
    exponent = min((packed >> _EXPONENT_SHIFT) * 10 + digit, _EXPONENT_MAXIMUM)
    fraction = (packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM
    packed = (packed & (_EXPONENT_NEGATIVE | _NEGATIVE | (_FRACTION_MAXIMUM << _FRACTION_SHIFT))) | _EXPONENT_DIGITS
    if mantissa == 0:
        return 1, 0, _EXPONENT_DIGITS
    if pool[offset + _KIND] == _KIND_SIMPLE:
        if not pool[offset + _FLAGS] & _TRACKS_ZEROS:
            return 1, mantissa, packed & ~_EXPONENT_NEGATIVE
        if not packed & _EXPONENT_NEGATIVE:
            exponent = min(exponent, max(fraction + pool[offset + _GREATEST_PLACE], 0))
            return 1, mantissa, packed | (exponent << _EXPONENT_SHIFT)
        packed |= min(exponent, _EXPONENT_ENOUGH) << _EXPONENT_SHIFT
        return 1 if _simple_label(pool, offset, mantissa, packed) != 0 else 0, mantissa, packed
    packed |= exponent << _EXPONENT_SHIFT
    return _exponent_live(pool, offset, mantissa, packed), mantissa, packed


@callable_kernel
def number_label(pool: NDArray[np.int64], offset: int, mantissa: int, packed: int) -> int:
    """The labels of a number that stops here; 0 where it is incomplete or in no set, -1: ask the exact rows."""
    phase = packed & 15
    if phase != _INTEGER and phase != _ZERO and phase != _FRACTION and phase != _EXPONENT_DIGITS:
        return 0
    result: int = 0
    if mantissa == 0:
        result |= pool[offset + _ZERO_LABEL]
        if phase == _ZERO:
            result |= pool[offset + _ZERO_DIGITS_LABEL]
        return result
    if pool[offset + _KIND] == _KIND_SIMPLE:
        result = _simple_label(pool, offset, mantissa, packed)
        return result
    negative = (packed >> 4) & 1
    exponent = packed >> _EXPONENT_SHIFT
    shift = (-exponent if packed & _EXPONENT_NEGATIVE else exponent) - ((packed >> _FRACTION_SHIFT) & _FRACTION_MAXIMUM)
    shift += pool[offset + _SCALE]
    first = offset + pool[offset + _FIRST + negative]
    last = first + _PIECE_SIZE * pool[offset + _COUNT + negative]
    for piece in range(first, last, _PIECE_SIZE):
        if pool[piece + _PIECE_FLAGS] & _DIGITS_ONLY and phase != _INTEGER:
            continue
        holds = _piece_holds(pool, piece, mantissa, shift)
        if holds == 2:
            return -1
        if holds == 1:
            result |= pool[piece + _PIECE_LABEL]
    return result


# ---- items that must differ
#
# While an item of an array with `UNIQUE` is read, its bytes are recorded as a text.  At its end the text becomes a
# fingerprint of the *value*: how strings are escaped, numbers are written and members are ordered does not count.
# Equal values always have equal fingerprints.  Four polynomials over a prime field of 31 bits, at random points that
# nobody outside the process knows, tell different values apart: strings and numbers have one variable, the containers
# of each depth have three of their own (an array is a polynomial in the fingerprints of its items; the members of an
# object a product over (name, value), as in Lipton's fingerprints of multisets), so that different values of less than
# 64 levels are different polynomials.  By Schwartz and Zippel two given values of n bytes agree in all four with
# a probability below (n / 2**31)**4.

_FIELD = np.int64(2147483647)
_FIELDS = (np.int64(2147483647), np.int64(2147483629), np.int64(2147483587))  # of exponents: three primes


@kernel
def mix(A: Ints, at: int, value: int) -> None:
    """Append ``value`` (below 2**31) to the polynomials at ``at``."""
    points = A[O_P] + A[T_KEYS]
    for lane in range(4):
        A[at + lane] = (A[at + lane] * A[points + lane] + value + 1) % _FIELD


@kernel
def mix_code_point(A: Ints, at: int, point: int) -> None:
    """Append a code point as UTF-8 does (a lone surrogate as WTF-8)."""
    if point < 0x80:
        mix(A, at, point)
        return
    if point < 0x800:
        count = 1
        mix(A, at, 0xC0 | (point >> 6))
    elif point < 0x10000:
        count = 2
        mix(A, at, 0xE0 | (point >> 12))
    else:
        count = 3
        mix(A, at, 0xF0 | (point >> 18))
    while count > 0:
        count -= 1
        mix(A, at, 0x80 | ((point >> (6 * count)) & 0x3F))


@kernel
def mix_string(A: Ints, at: int, base: int, i: int, length: int) -> int:
    """Append the string whose content begins at ``base + i``; return the index after its closing quote."""
    high = np.int64(0)
    while i < length:
        byte = A[base + i]
        i += 1
        if byte == 0x22:
            break
        point = np.int64(-1)
        if byte == 0x5C and i < length:
            byte = A[base + i]
            i += 1
            if byte == 0x75:
                point = np.int64(0)
                for _ in range(4):
                    digit = A[base + i] if i < length else np.int64(0x30)
                    i += 1
                    point = (point << 4) | (digit - 0x30 if digit <= 0x39 else (digit & 0xDF) - 0x37)
                if high != 0 and 0xDC00 <= point <= 0xDFFF:
                    point = 0x10000 + ((high - 0xD800) << 10) + (point - 0xDC00)
                    high = np.int64(0)
            elif byte == 0x62:
                point = np.int64(8)
            elif byte == 0x66:
                point = np.int64(12)
            elif byte == 0x6E:
                point = np.int64(10)
            elif byte == 0x72:
                point = np.int64(13)
            elif byte == 0x74:
                point = np.int64(9)
            else:
                point = byte
        if high != 0:
            mix_code_point(A, at, high)
            high = np.int64(0)
        if 0xD800 <= point <= 0xDBFF:
            high = point
        elif point >= 0:
            mix_code_point(A, at, point)
        else:
            mix(A, at, byte)
    if high != 0:
        mix_code_point(A, at, high)
    return i


@kernel
def mix_number(A: Ints, at: int, base: int, i: int, length: int) -> int:
    """Append the number that begins at ``base + i``, as digits without outer zeros, exponent and sign."""
    negative = A[base + i] == 0x2D
    if negative:
        i += 1
    zeros = np.int64(0)  # zeros that count only if another digit follows
    exponent = np.int64(0)
    seen = False
    fraction = False
    while i < length:
        byte = A[base + i]
        if byte == 0x2E:
            fraction = True
        elif 0x30 <= byte <= 0x39:
            if fraction:
                exponent -= 1
            if byte != 0x30:
                if seen:
                    for _ in range(zeros):
                        mix(A, at, np.int64(0x30))
                seen = True
                zeros = np.int64(0)
                mix(A, at, byte)
            else:
                zeros += 1
        else:
            break
        i += 1
    exponent += zeros
    down = False
    first = np.int64(0)  # the written exponent, modulo three primes
    second = np.int64(0)
    third = np.int64(0)
    if i < length and (A[base + i] == 0x65 or A[base + i] == 0x45):
        i += 1
        while i < length:
            byte = A[base + i]
            if byte == 0x2D:
                down = True
            elif 0x30 <= byte <= 0x39:
                first = (first * 10 + (byte - 0x30)) % _FIELDS[0]
                second = (second * 10 + (byte - 0x30)) % _FIELDS[1]
                third = (third * 10 + (byte - 0x30)) % _FIELDS[2]
            elif byte != 0x2B:
                break
            i += 1
    if not seen:
        mix(A, at, np.int64(0x30))
        return i
    mix(A, at, (exponent + (-first if down else first)) % _FIELDS[0])
    mix(A, at, (exponent + (-second if down else second)) % _FIELDS[1])
    mix(A, at, (exponent + (-third if down else third)) % _FIELDS[2])
    mix(A, at, np.int64(1 if negative else 0))
    return i


@kernel
def fingerprint(A: Ints, base: int, length: int, top: int) -> None:
    """The polynomials of the JSON value in ``A[base : base + length]`` into ``A[top :]``; its last byte may be missing.

    Behind them the open containers, 10 integers each: whether it is an object, whether a name comes, the polynomials
    so far, those of the last name.
    """
    depth = 0
    i = np.int64(0)
    while True:
        byte = A[base + i] if i < length else np.int64(0x5D)
        if byte == 0x20 or byte == 0x2C or byte == 0x3A or 9 <= byte <= 13:
            i += 1
            continue
        frame = top + 4 + (depth - 1) * 10
        if byte == 0x5B or byte == 0x7B:
            i += 1
            depth += 1
            frame += 10
            A[frame] = 1 if byte == 0x7B else 0
            A[frame + 1] = A[frame]
            for lane in range(4):
                A[frame + 2 + lane] = 1
            continue
        for lane in range(4):
            A[top + lane] = 1
        if byte == 0x5D or byte == 0x7D:
            i += 1
            if depth == 0:
                return
            for lane in range(4):
                A[top + lane] = A[frame + 2 + lane]
            mix(A, top, 3 + A[frame])
            depth -= 1
            frame -= 10
        elif byte == 0x22:
            i = mix_string(A, top, base, i + 1, length)
            mix(A, top, np.int64(1))
            if depth > 0 and A[frame + 1] == 1:
                for lane in range(4):
                    A[frame + 6 + lane] = A[top + lane]
                A[frame + 1] = 0
                continue
        elif byte == 0x2D or 0x30 <= byte <= 0x39:
            i = mix_number(A, top, base, i, length)
            mix(A, top, np.int64(2))
        else:
            i += 5 if byte == 0x66 else 4
            mix(A, top, byte)
            mix(A, top, np.int64(5))
        if depth == 0:
            return
        points = A[O_P] + A[T_KEYS] + 4 + min(depth, POINT_DEPTHS - 1) * 12
        if A[frame] == 0:
            for lane in range(4):
                A[frame + 2 + lane] = (A[frame + 2 + lane] * A[points + lane] + A[top + lane] + 1) % _FIELD
        else:
            A[frame + 1] = 1
            for lane in range(4):
                entry = (A[frame + 6 + lane] * A[points + 4 + lane] + A[top + lane] + A[points + 8 + lane]) % _FIELD
                A[frame + 2 + lane] = A[frame + 2 + lane] * entry % _FIELD


@kernel
def begin_text(A: Ints, mark: int) -> None:
    """Begin to record: ``mark`` -3 for an item, -4 for a string."""
    at = A[O_X] + A[T_TEXTS] * 4
    A[at] = -1
    A[at + 1] = mark
    A[at + 2] = A[T_AT]
    A[at + 3] = 0
    A[T_RECORD] = A[T_TEXTS] + 1
    A[T_TEXTS] += 1


@kernel
def gather(A: Ints, R: Rows, B: Bytes, start: int, begun: int) -> tuple[int, int]:
    """Copy what was recorded behind text ``start`` into scratch space; -> (length, mark); -1 where that must grow.

    What earlier calls read is a chain of texts, what this one reads lies in the path.  ``begun``: how many bytes of
    the path came before the record, -1 where it is older than this call.  The mark says what was recorded, see
    `begin_text`.
    """
    node = A[T_RECORD] - 1
    length = np.int64(0)
    mark = np.int64(0)
    if begun < 0:
        last = node
        while node != start:
            if A[A[O_X] + node * 4 + 1] < 0:
                mark = A[A[O_X] + node * 4 + 1]
                break
            length += 1
            node = A[A[O_X] + node * 4]
    else:
        last = node
        mark = A[A[O_X] + node * 4 + 1] if node >= A[T_BASE] else ZERO
    first = np.int64(max(begun, 0))
    total = length + A[T_AT] - first
    if 11 * total + 32 > A[Z_SCRATCH]:
        return np.int64(need(A, R, B, NEED_SCRATCH, 11 * total + 32, ZERO, ZERO, ZERO)), mark
    at = A[O_SCRATCH] + length
    node = last
    for _ in range(length):
        at -= 1
        A[at] = A[A[O_X] + node * 4 + 1]
        node = A[A[O_X] + node * 4]
    at = A[O_SCRATCH] + length - first
    for i in range(first, A[T_AT]):
        A[at + i] = A[A[O_PATH] + i]
    return total, mark


@kernel
def keep_record(A: Ints, R: Rows, B: Bytes, e: int) -> int:
    """After a call that read ``T_AT`` bytes: ``e`` with the path of its record made a text."""
    node = (e >> RECORD_SHIFT) - 1
    if node < 0:
        return e
    first = A[A[O_X] + node * 4 + 2] if node >= A[T_BASE] else ZERO
    for i in range(first, A[T_AT]):
        node = text_append(A, R, B, node, A[A[O_PATH] + i])
    return (e & UNRECORDED) | ((node + 1) << RECORD_SHIFT)


@kernel
def checked_label(A: Ints, R: Rows, B: Bytes, leaf: int, label: int) -> int:
    """The exit label of the string that was recorded last and ends now; 0 dead, -1 after noting the need.

    While a mask is made nobody is asked: the label of the row stands.
    """
    if A[T_MASKING] != 0:
        return label
    node = A[T_RECORD] - 1
    begun = A[A[O_X] + node * 4 + 2] if node >= A[T_BASE] else np.int64(-1)
    length, mark = gather(A, R, B, np.int64(-1), begun)
    if length < 0:
        return -1
    base = A[O_SCRATCH]
    # Backwards to the quote that opened it: one behind an even number of backslashes, since the content has no other.
    begin = length - 1
    while begin >= 0:
        if A[base + begin] == 0x22:
            before = begin - 1
            while before >= 0 and A[base + before] == 0x5C:
                before -= 1
            if (begin - before) & 1 == 1:
                break
        begin -= 1
    if mark == -4:
        A[T_RECORD] = 0
    begin += 1
    at = base + length
    for lane in range(4):
        A[at + lane] = 1
    mix_string(A, at, base, begin, length)
    first = (A[at] << 31) | A[at + 1]
    second = (A[at + 2] << 31) | A[at + 3]
    i = look_up(A, R, B, -(np.int64(1) << 40) - leaf, first, second, label)
    if A[A[O_H] + i * 5 + 0] != 0:
        return A[A[O_H] + i * 5 + 4]
    A[T_CHECKED] = first
    A[T_CHECKED + 1] = second
    return need(A, R, B, NEED_CHECK, leaf, begin, length, label)


@kernel
def begin_item(A: Ints, R: Rows, B: Bytes, f: int) -> int:
    """An item of an array with `UNIQUE` begins: the frame in which its text is recorded."""
    at_frame = A[O_F] + f * 6
    link = A[T_TEXTS]
    at = A[O_X] + link * 4
    A[at] = A[at_frame + F_USED]
    A[at + 1] = -2
    A[at + 2] = A[T_RECORD]
    A[at + 3] = A[T_AT]
    A[T_TEXTS] = link + 1
    if A[T_RECORD] == 0:
        begin_text(A, np.int64(-3))
    return new_frame(
        A,
        R,
        B,
        A[at_frame + F_PARENT],
        A[at_frame + F_VIEW],
        A[at_frame + F_BITS],
        A[at_frame + F_COUNT],
        link,
        A[at_frame + F_DEPTH],
    )


@kernel
def end_item(A: Ints, R: Rows, B: Bytes, f: int) -> tuple[int, int]:
    """-> (status, frame that knows the item); status 0: it equals an earlier one, -1: scratch space must grow."""
    at_frame = A[O_F] + f * 6
    head = A[at_frame + F_USED]
    start = A[A[O_X] + head * 4 + 2] - 1
    length, _ = gather(A, R, B, start, A[A[O_X] + head * 4 + 3] if head >= A[T_BASE] else np.int64(-1))
    if length < 0:
        return -1, f
    base = A[O_SCRATCH]
    if start < 0:
        A[T_RECORD] = 0
    at = base + length
    fingerprint(A, base, length, at)
    first = (A[at] << 31) | A[at + 1]
    second = (A[at + 2] << 31) | A[at + 3]
    status = 1
    link = A[A[O_X] + head * 4]
    while link >= 0:
        if A[A[O_X] + link * 4 + 2] == first and A[A[O_X] + link * 4 + 3] == second:
            status = 0
            break
        link = A[A[O_X] + link * 4]
    link = A[T_TEXTS]
    at = A[O_X] + link * 4
    A[at] = A[A[O_X] + head * 4]
    A[at + 1] = -1
    A[at + 2] = first
    A[at + 3] = second
    A[T_TEXTS] = link + 1
    return status, new_frame(
        A,
        R,
        B,
        A[at_frame + F_PARENT],
        A[at_frame + F_VIEW],
        A[at_frame + F_BITS],
        A[at_frame + F_COUNT],
        link,
        A[at_frame + F_DEPTH],
    )


# ---- the end of values


@kernel
def finish(A: Ints, R: Rows, B: Bytes, label: int, f: int) -> tuple[int, int, int]:
    """A value ended with exit ``label`` in frame ``f``; -> (status, kind, f)."""
    at_frame = A[O_F] + f * 6
    if f < 0:
        return 1, DONE, f
    view = A[at_frame + F_VIEW]
    at_view = A[O_V] + view * 16
    if A[at_view + V_FLAGS] & UNIQUE:
        status, f = end_item(A, R, B, f)
        if status < 0:
            return -1, DONE, f
        at_frame = A[O_F] + f * 6
        if status == 0:
            if A[at_view + V_FLAGS] & BY_STATUS == 0:
                return 0, DONE, f
            label |= REPEATED
    if A[at_view + V_SINGLE] == 0:
        keep = A[at_view + V_LIVE] & label
        if A[at_view + V_FLAGS] & BY_STATUS:
            keep = label
        if keep == 0:
            return 0, DONE, f
        if keep != A[at_view + V_LIVE]:
            view = narrowed(A, R, B, view, keep)
            at_view = A[O_V] + view * 16
            if view < 0:
                return (-1 if view == -1 else 0), DONE, f
            f = new_frame(
                A,
                R,
                B,
                A[at_frame + F_PARENT],
                view,
                A[at_frame + F_BITS],
                A[at_frame + F_COUNT],
                A[at_frame + F_USED],
                A[at_frame + F_DEPTH],
            )
            at_frame = A[O_F] + f * 6
    if A[at_view + V_KIND] == 0:
        return 1, AFTER_VALUE, f
    if A[at_frame + F_COUNT] < A[at_view + V_CAP]:
        f = new_frame(
            A,
            R,
            B,
            A[at_frame + F_PARENT],
            view,
            A[at_frame + F_BITS],
            A[at_frame + F_COUNT] + 1,
            A[at_frame + F_USED],
            A[at_frame + F_DEPTH],
        )
        at_frame = A[O_F] + f * 6
    return 1, AFTER_ITEM, f


@kernel
def close_object(A: Ints, R: Rows, B: Bytes, f: int) -> tuple[int, int, int]:
    at_frame = A[O_F] + f * 6
    view = A[at_frame + F_VIEW]
    at_view = A[O_V] + view * 16
    words = A[at_view + V_WORDS]
    bits = A[at_frame + F_BITS]
    label = np.int64(0)
    at = A[at_view + V_TRACK_AT]
    for _track in range(A[at_view + V_TRACKS]):
        if A[A[O_P] + at] != 0:
            complete = True
            for w in range(words):
                if (A[A[O_P] + at + 1 + w] & ~A[A[O_W] + bits + w]) != 0:
                    complete = False
                    break
            if complete:
                label |= A[A[O_P] + at]
        at += 1 + words
    if label == 0:
        return 0, DONE, f
    return finish(A, R, B, label, A[at_frame + F_PARENT])


@kernel
def close_array(A: Ints, R: Rows, B: Bytes, f: int) -> tuple[int, int, int]:
    at_frame = A[O_F] + f * 6
    view = A[at_frame + F_VIEW]
    at_view = A[O_V] + view * 16
    label = np.int64(0)
    at = A[at_view + V_TRACK_AT]
    for _track in range(A[at_view + V_TRACKS]):
        if A[at_frame + F_COUNT] >= A[A[O_P] + at + 1]:
            label |= A[A[O_P] + at]
        at += 3
    if label == 0:
        return 0, DONE, f
    return finish(A, R, B, label, A[at_frame + F_PARENT])


@kernel
def next_item(A: Ints, R: Rows, B: Bytes, f: int) -> tuple[int, int, int]:
    """-> (status, component, f) of the item that starts now."""
    at_frame = A[O_F] + f * 6
    view = A[at_frame + F_VIEW]
    at_view = A[O_V] + view * 16
    count = A[at_frame + F_COUNT]
    if A[at_view + V_FLAGS] & BY_STATUS:
        view = following(A, R, B, view, ZERO, BY_ITEM)
        if view < 0:
            return (-1 if view == -1 else 0), np.int64(-1), f
        f = new_frame(
            A,
            R,
            B,
            A[at_frame + F_PARENT],
            view,
            A[at_frame + F_BITS],
            count,
            A[at_frame + F_USED],
            A[at_frame + F_DEPTH],
        )
        return 1, A[A[O_V] + view * 16 + V_CHILD], f
    keep = np.int64(0)
    at = A[at_view + V_TRACK_AT]
    for track in range(A[at_view + V_TRACKS]):
        if A[A[O_P] + at] != 0 and (A[A[O_P] + at + 2] < 0 or count < A[A[O_P] + at + 2]):
            keep |= np.int64(1) << track
        at += 3
    if keep == 0:
        return 0, np.int64(-1), f
    if keep != A[at_view + V_LIVE]:
        view = narrowed(A, R, B, view, keep)
        at_view = A[O_V] + view * 16
        if view < 0:
            return -1, np.int64(-1), f
        f = new_frame(
            A,
            R,
            B,
            A[at_frame + F_PARENT],
            view,
            A[at_frame + F_BITS],
            A[at_frame + F_COUNT],
            A[at_frame + F_USED],
            A[at_frame + F_DEPTH],
        )
        at_frame = A[O_F] + f * 6
    component = A[A[O_P] + A[at_view + V_PREFIX_AT] + count] if count < A[at_view + V_PREFIX] else A[at_view + V_REST]
    if component < 0:
        return 0, component, f
    return 1, component, f


@kernel
def select_name(A: Ints, R: Rows, B: Bytes, f: int, i: int, text: int, label: int) -> tuple[int, int, int]:
    """A name ended: listed name ``i``, or an unlisted one (i < 0) of the class ``label``; -> (status, component, f)."""
    at_frame = A[O_F] + f * 6
    view = A[at_frame + F_VIEW]
    at_view = A[O_V] + view * 16
    bits = A[at_frame + F_BITS]
    used = A[at_frame + F_USED]
    count = A[at_frame + F_COUNT]
    words = A[at_view + V_WORDS]
    if i >= 0:
        if not name_allowed(A, R, B, view, f, i):
            return 0, np.int64(-1), f
        rank = A[A[O_P] + A[at_view + V_NAME_AT] + i * NAME_FIELDS + 3]
    else:
        if not other_allowed(A, R, B, view, f):
            return 0, np.int64(-1), f
        link = used
        while link >= 0:
            if text_equal(A, R, B, A[A[O_X] + link * 4 + 2], text):
                return 0, np.int64(-1), f
            link = A[A[O_X] + link * 4 + 0]
        rank = np.int64(1) << 40
    if A[at_view + V_ORDERED] == 1 and A[at_view + V_SINGLE] == 0:
        order = A[A[O_P] + A[at_view + V_NAME_AT] + i * NAME_FIELDS + 4] if i >= 0 else A[at_view + V_OTHER_ORDER]
        keep = tracks_in_order(A, R, B, view, f, rank, order)
        if keep != A[at_view + V_LIVE]:
            view = narrowed(A, R, B, view, keep)
            at_view = A[O_V] + view * 16
            if view < 0:
                return -1, np.int64(-1), f
    if i >= 0:
        component = A[A[O_P] + A[at_view + V_NAME_AT] + i * NAME_FIELDS + 2]
        top = A[T_BITS]
        for w in range(words):
            A[A[O_W] + top + w] = A[A[O_W] + bits + w]
        A[A[O_W] + top + (i >> 6)] |= np.int64(1) << (i & 63)
        bits = top
        A[T_BITS] = top + words
    else:
        component = A[at_view + V_OTHER]
        if A[at_view + V_OTHER_ROW] != ANY_TEXT_ROW and A[at_view + V_FLAGS] & BY_STATUS == 0:
            component = following(A, R, B, view, label, BY_CLASS)
            if component == -1:
                return -1, component, f
        top = A[T_TEXTS]
        A[A[O_X] + top * 4 + 0] = used
        A[A[O_X] + top * 4 + 1] = -1
        A[A[O_X] + top * 4 + 2] = text
        A[A[O_X] + top * 4 + 3] = 0
        A[T_TEXTS] = top + 1
        used = top
    if component < 0:
        return 0, component, f
    if A[at_view + V_ORDERED] != 0:
        count = rank
    if A[at_view + V_FLAGS] & BY_STATUS:
        view = following(A, R, B, view, i if i >= 0 else label, BY_NAME if i >= 0 else BY_CLASS)
        if view < 0:
            return (-1 if view == -1 else 0), component, f
        component = A[A[O_V] + view * 16 + V_CHILD]
    return 1, component, new_frame(A, R, B, A[at_frame + F_PARENT], view, bits, count, used, A[at_frame + F_DEPTH])


# ---- string content


@kernel
def length_allows(A: Ints, R: Rows, B: Bytes, leaf: int, row: int, count: int) -> bool:
    """Whether ``count`` code points, now at ``row``, can still end within the maximum."""
    maximum = A[A[O_S] + leaf * 8 + S_MAXIMUM]
    return maximum < 0 or count + A[A[O_RM] + row * 4 + 1] <= maximum


@kernel
def feed(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, f: int, byte: int) -> tuple[int, int, int, int]:
    """One byte of unescaped text; -> (status, kind, a, r)."""
    if kind == STRING:
        if R[a, 0] == UNEXPANDED:
            return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r
        row = np.int64(R[a, byte])
        if row < 0:
            return 0, kind, a, r
        leaf = r >> 32
        at_leaf = A[O_S] + leaf * 8
        maximum = A[at_leaf + S_MAXIMUM]
        if maximum >= 0:
            if (byte & 0xC0) != 0x80:
                r += 1
            if (r & 0xFFFFFFFF) + A[A[O_RM] + row * 4 + 1] > maximum:
                return 0, kind, a, r
        elif (byte & 0xC0) != 0x80 and (r & 0xFFFFFFFF) < A[at_leaf + S_MINIMUM]:
            r += 1
        return 1, kind, row, r
    if kind == KEY_OTHER:
        if R[a, 0] == UNEXPANDED:
            return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r
        row = np.int64(R[a, byte])
        if row < 0:
            return 0, kind, a, r
        r = text_append(A, R, B, r, byte)
        return (0 if all_taken(A, R, B, row, r, f) else 1), kind, row, r
    lo = r & MASK20
    hi = (r >> 20) & MASK20
    depth = r >> 40
    if kind == MEMBER:
        base = A[A[O_S] + a * 8 + S_MEMBERS]
        lo = member_bound(A, R, B, base, MEMBER_FIELDS, lo, hi, depth, byte)
        hi = member_bound(A, R, B, base, MEMBER_FIELDS, lo, hi, depth, byte + 1)
        if lo >= hi:
            return 0, kind, a, r
        return 1, kind, a, lo | (hi << 20) | ((depth + 1) << 40)
    view = A[A[O_F] + f * 6 + F_VIEW]
    base = A[A[O_V] + view * 16 + V_NAME_AT]
    first = member_bound(A, R, B, base, NAME_FIELDS, lo, hi, depth, byte)
    last = member_bound(A, R, B, base, NAME_FIELDS, first, hi, depth, byte + 1)
    row = np.int64(-1)  # of the automaton of unlisted names
    if a >= 0 and other_allowed(A, R, B, view, f):
        if R[a, 0] == UNEXPANDED:
            return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r
        row = np.int64(R[a, byte])
    if first < last and any_name_allowed(A, R, B, view, f, first, last):
        return 1, kind, row, first | (last << 20) | ((depth + 1) << 40)
    if row < 0:
        return 0, kind, a, r
    if first < last:
        if A[A[O_RM] + row * 4 + 1] != 0:
            text = text_append(A, R, B, text_of_prefix(A, R, B, base, lo, depth), byte)
            if all_taken(A, R, B, row, text, f):
                return 0, kind, a, r
        return 1, kind, row, first | (last << 20) | ((depth + 1) << 40)
    text = text_append(A, R, B, text_of_prefix(A, R, B, base, lo, depth), byte)
    return (0 if all_taken(A, R, B, row, text, f) else 1), KEY_OTHER, row, text


@kernel
def feed_code_point(
    A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, f: int, point: int
) -> tuple[int, int, int, int]:
    """One code point (a lone surrogate included, as WTF-8); -> (status, kind, a, r)."""
    if point < 0x80:
        return feed(A, R, B, kind, a, r, f, point)
    if point < 0x800:
        count = 1
        byte = 0xC0 | (point >> 6)
    elif point < 0x10000:
        count = 2
        byte = 0xE0 | (point >> 12)
    else:
        count = 3
        byte = 0xF0 | (point >> 18)
    status, kind, a, r = feed(A, R, B, kind, a, r, f, byte)
    while status == 1 and count > 0:
        count -= 1
        byte = 0x80 | ((point >> (6 * count)) & 0x3F)
        status, kind, a, r = feed(A, R, B, kind, a, r, f, byte)
    return status, kind, a, r


@kernel
def at_boundary(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, f: int) -> bool:
    """Whether a name being read, listed or of any text, stands between two code points."""
    if kind == KEY_OTHER:
        return A[A[O_RM] + a * 4 + 0] != 0
    row = np.int64(ANY_TEXT_ROW)
    start = A[A[O_P] + A[A[O_V] + (A[A[O_F] + f * 6 + F_VIEW]) * 16 + V_NAME_AT] + (r & MASK20) * NAME_FIELDS]
    for j in range(r >> 40):
        row = R[row, B[start + j]]
    return A[A[O_RM] + row * 4 + 0] != 0


@kernel
def member_code_point_bound(
    A: Ints, R: Rows, B: Bytes, base: int, stride: int, lo: int, hi: int, depth: int, point: int
) -> int:
    """The first member of lo..hi (equal up to ``depth``) that continues with a code point >= ``point``."""
    while lo < hi:
        mid = (lo + hi) >> 1
        at = base + mid * stride
        length = A[A[O_P] + at + 1] - depth
        value = np.int64(-1)
        if length > 0:
            start = A[A[O_P] + at] + depth
            byte = np.int64(B[start])
            if byte < 0x80:
                value = byte
            elif byte < 0xC0:
                value = -1
            elif byte < 0xE0:
                value = ((byte & 0x1F) << 6) | (B[start + 1] & 0x3F)
            elif byte < 0xF0:
                value = ((byte & 0x0F) << 12) | ((np.int64(B[start + 1]) & 0x3F) << 6) | (B[start + 2] & 0x3F)
            else:
                value = (
                    ((byte & 0x07) << 18)
                    | ((np.int64(B[start + 1]) & 0x3F) << 12)
                    | ((np.int64(B[start + 2]) & 0x3F) << 6)
                    | (B[start + 3] & 0x3F)
                )
        if value < point:
            lo = mid + 1
        else:
            hi = mid
    return lo


@kernel
def any_code_point(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, f: int, low: int, high: int) -> int:
    """Whether some code point of low..high can be fed and leaves something live: 1, 0, or -1 (a need)."""
    at_frame = A[O_F] + f * 6
    if low > high:
        return 0
    by_row = False  # a row of the automaton of unlisted names decides, with no length
    if kind == KEY_OTHER or kind == KEY:
        view = A[at_frame + F_VIEW]
        by_row = A[A[O_V] + view * 16 + V_OTHER_ROW] != ANY_TEXT_ROW
        if not by_row and (kind == KEY_OTHER or other_allowed(A, R, B, view, f)):
            return 1 if at_boundary(A, R, B, kind, a, r, f) else 0
    if kind == KEY or kind == MEMBER:
        if kind == MEMBER:
            base = A[A[O_S] + a * 8 + S_MEMBERS]
            stride = MEMBER_FIELDS
        else:
            base = A[A[O_V] + A[at_frame + F_VIEW] * 16 + V_NAME_AT]
            stride = NAME_FIELDS
        depth = r >> 40
        lo = member_code_point_bound(A, R, B, base, stride, r & MASK20, (r >> 20) & MASK20, depth, low)
        hi = member_code_point_bound(A, R, B, base, stride, lo, (r >> 20) & MASK20, depth, high + 1)
        if kind == MEMBER:
            return 1 if lo < hi else 0
        if any_name_allowed(A, R, B, A[at_frame + F_VIEW], f, lo, hi):
            return 1
        if not by_row or a < 0 or not other_allowed(A, R, B, A[at_frame + F_VIEW], f):
            return 0
    leaf = ZERO if by_row else r >> 32
    at_leaf = A[O_S] + leaf * 8
    count = (r & 0xFFFFFFFF) + 1
    if not by_row and A[at_leaf + S_MAXIMUM] >= 0 and count > A[at_leaf + S_MAXIMUM]:
        return 0
    if R[a, 0] == UNEXPANDED:
        return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO)
    # Where names of an automaton were used, those that are left count.
    counted = by_row and A[at_frame + F_USED] >= 0
    begun = np.int64(-1)
    if counted:
        begun = r
        if kind == KEY:
            at_name = A[A[O_V] + A[at_frame + F_VIEW] * 16 + V_NAME_AT]
            begun = text_of_prefix(A, R, B, at_name, r & MASK20, r >> 40)
    text = begun
    texts = A[T_TEXTS]
    pending = False
    point = low
    while point <= high:
        A[T_TEXTS] = texts
        if point < 0x80:
            shift = 0
            byte = np.int64(point)
        elif point < 0x800:
            shift = 6
            byte = 0xC0 | (point >> 6)
        elif point < 0x10000:
            shift = 12
            byte = 0xE0 | (point >> 12)
        else:
            shift = 18
            byte = 0xF0 | (point >> 18)
        row = np.int64(R[a, byte])
        if counted:
            text = text_append(A, R, B, begun, byte)
        block = np.int64(1) << shift
        # Descend until the whole block of code points under this row lies in the range, or it dies.
        # Blocks are clipped where UTF-8 itself has no code points (C2.., E0 A0.., F0 90.., F4 8F).
        while True:
            if row < 0 or not (by_row or length_allows(A, R, B, leaf, row, count)):
                break
            first = (point >> shift) << shift
            last = min(first + block - 1, 0x10FFFF)
            if shift == 12 and first == 0:
                first = 0x800
            if shift == 18 and first == 0:
                first = 0x10000
            if shift == 0 or (first == point and last <= high):
                if counted and all_taken(A, R, B, row, text, f):
                    break
                return 1
            if R[row, 0] == UNEXPANDED:
                need(A, R, B, NEED_ROW, row, ZERO, ZERO, ZERO)
                pending = True
                break
            shift -= 6
            block >>= 6
            byte = 0x80 | ((point >> shift) & 0x3F)
            row = np.int64(R[row, byte])
            if counted:
                text = text_append(A, R, B, text, byte)
        point = ((point >> shift) + 1) << shift
    return -1 if pending else 0


@kernel
def any_unit(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, f: int, low: int, high: int) -> int:
    """As `any_code_point` for one escaped UTF-16 unit; high surrogates also begin pairs."""
    found = any_code_point(A, R, B, kind, a, r, f, low, high)
    if found != 0:
        return found
    first = max(low, 0xD800)
    last = min(high, 0xDBFF)
    if first > last:
        return 0
    return any_code_point(
        A,
        R,
        B,
        kind,
        a,
        r,
        f,
        0x10000 + ((first - 0xD800) << 10),
        0x10000 + ((last - 0xD800) << 10) + 0x3FF,
    )


@kernel
def escape_live(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int) -> int:
    """Whether the escape that ``e`` describes can be completed: 1, 0, or -1 (a need)."""
    if kind == STRING and a == ANY_TEXT_ROW and A[A[O_S] + (r >> 32) * 8 + S_MAXIMUM] < 0:
        return 1
    texts = A[T_TEXTS]
    status = escape_live_at(A, R, B, kind, a, r, e, f)
    A[T_TEXTS] = texts
    return status


@kernel
def escape_live_at(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int) -> int:
    phase = e & 3
    if phase == 2:
        n = (e >> 2) & 3
        value = (e >> 4) & 0xFFFF
        low = value << (4 * (4 - n))
        high = low + (1 << (4 * (4 - n))) - 1
    else:
        low = np.int64(0)
        high = np.int64(0xFFFF)
    if e & PENDING == 0:
        if phase == 1:
            for i in range(8):
                point = _SIMPLE[i]
                found = any_code_point(A, R, B, kind, a, r, f, point, point)
                if found != 0:
                    return found
        return any_unit(A, R, B, kind, a, r, f, low, high)
    surrogate = np.int64(0xD800) + ((e >> 21) & 0x3FF)
    pair = 0x10000 + ((surrogate - 0xD800) << 10)
    if phase == 0:
        low = np.int64(0xDC00)
        high = np.int64(0xDFFF)
    first = max(low, 0xDC00)
    last = min(high, 0xDFFF)
    if first <= last:
        found = any_code_point(A, R, B, kind, a, r, f, pair + (first - 0xDC00), pair + (last - 0xDC00))
        if found != 0:
            return found
    status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, surrogate)
    if status != 1 or phase == 0:
        return status
    if phase == 1:
        for i in range(8):
            point = _SIMPLE[i]
            found = any_code_point(A, R, B, kind, a, r, f, point, point)
            if found != 0:
                return found
    found = any_unit(A, R, B, kind, a, r, f, low, min(high, 0xDBFF))
    if found != 0:
        return found
    return any_unit(A, R, B, kind, a, r, f, max(low, 0xE000), high)


@kernel
def close_string(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, f: int) -> tuple[int, int, int, int, int]:
    """The closing quote; -> (status, kind, a, r, f)."""
    if kind == STRING:
        leaf = r >> 32
        at_leaf = A[O_S] + leaf * 8
        label = A[A[O_RM] + a * 4 + 0]
        if label == 0 or (r & 0xFFFFFFFF) < A[at_leaf + S_MINIMUM]:
            return 0, kind, a, r, f
        if A[at_leaf + S_SHAPE] == 0:
            label = A[at_leaf + S_LABEL]
        elif A[at_leaf + S_CHECKED] != 0:
            label = checked_label(A, R, B, leaf, label)
            if label <= 0:
                return label, kind, a, r, f
        status, kind, f = finish(A, R, B, label, f)
        return status, kind, np.int64(0), np.int64(0), f
    if kind == MEMBER:
        at = A[A[O_S] + a * 8 + S_MEMBERS] + (r & MASK20) * 3
        if A[A[O_P] + at + 1] != r >> 40:
            return 0, kind, a, r, f
        status, kind, f = finish(A, R, B, A[A[O_P] + at + 2], f)
        return status, kind, np.int64(0), np.int64(0), f
    if kind == KEY:
        view = A[A[O_F] + f * 6 + F_VIEW]
        at_view = A[O_V] + view * 16
        i = r & MASK20
        text = np.int64(-1)
        label = np.int64(0)
        if A[A[O_P] + A[at_view + V_NAME_AT] + i * NAME_FIELDS + 1] != r >> 40:
            if a >= 0:
                label = A[A[O_RM] + a * 4 + 0]
            if label == 0:
                return 0, kind, a, r, f
            text = text_of_prefix(A, R, B, A[at_view + V_NAME_AT], i, r >> 40)
            i = np.int64(-1)
    else:
        label = A[A[O_RM] + a * 4 + 0]
        if label == 0:
            return 0, kind, a, r, f
        i = np.int64(-1)
        text = r
    status, component, f = select_name(A, R, B, f, i, text, label)
    return status, COLON, component, np.int64(0), f


@kernel
def string_step(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int, byte: int) -> State:
    """One byte inside a JSON string or name; -> (status, kind, a, r, e, f)."""
    at_frame = A[O_F] + f * 6
    phase = e & 3
    if phase == 0:
        if byte == 0x22:
            if e & PENDING:
                status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, 0xD800 + ((e >> 21) & 0x3FF))
                if status != 1:
                    return status, kind, a, r, e, f
            status, kind, a, r, f = close_string(A, R, B, kind, a, r, f)
            at_frame = A[O_F] + f * 6
            return status, kind, a, r, np.int64(0), f
        if byte < 0x20:
            return 0, kind, a, r, e, f
        if byte == 0x5C:
            e = (e & ~RAW_ED) | 1
            return escape_live(A, R, B, kind, a, r, e, f), kind, a, r, e, f
        if e & PENDING:
            status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, 0xD800 + ((e >> 21) & 0x3FF))
            if status != 1:
                return status, kind, a, r, e, f
        if e & RAW_ED and byte >= 0xA0:
            return 0, kind, a, r, e, f
        status, kind, a, r = feed(A, R, B, kind, a, r, f, byte)
        if byte != 0xED:
            return status, kind, a, r, np.int64(0), f
        if status != 1:
            return status, kind, a, r, e, f
        # A raw ED may only begin U+D000..U+D7FF: is one of them live?
        by_row = False
        if kind == KEY or kind == KEY_OTHER:
            by_row = A[A[O_V] + A[at_frame + F_VIEW] * 16 + V_OTHER_ROW] != ANY_TEXT_ROW
        if kind == STRING or (kind == KEY_OTHER and by_row):
            if R[a, 0] == UNEXPANDED:
                return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r, e, f
            status = 0
            for follow in range(0x80, 0xA0):
                row = np.int64(R[a, follow])
                if row >= 0 and (by_row or length_allows(A, R, B, r >> 32, row, r & 0xFFFFFFFF)):
                    status = 1
                    break
        elif kind == MEMBER:
            lo = r & MASK20
            status = 1 if member_at(A, R, B, A[A[O_S] + a * 8 + S_MEMBERS], MEMBER_FIELDS, lo, r >> 40) < 0xA0 else 0
        elif kind == KEY and (by_row or not other_allowed(A, R, B, A[at_frame + F_VIEW], f)):
            view = A[at_frame + F_VIEW]
            hi = member_bound(
                A, R, B, A[A[O_V] + view * 16 + V_NAME_AT], NAME_FIELDS, r & MASK20, (r >> 20) & MASK20, r >> 40, 0xA0
            )
            status = 1 if any_name_allowed(A, R, B, view, f, r & MASK20, hi) else 0
            if status == 0 and by_row and a >= 0:
                if R[a, 0] == UNEXPANDED:
                    return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r, e, f
                for follow in range(0x80, 0xA0):
                    if R[a, follow] >= 0:
                        status = 1
                        break
        return status, kind, a, r, np.int64(RAW_ED), f
    if phase == 1:
        point = np.int64(-1)
        if byte == 0x22 or byte == 0x5C or byte == 0x2F:
            point = np.int64(byte)
        elif byte == 0x62:
            point = np.int64(8)
        elif byte == 0x66:
            point = np.int64(12)
        elif byte == 0x6E:
            point = np.int64(10)
        elif byte == 0x72:
            point = np.int64(13)
        elif byte == 0x74:
            point = np.int64(9)
        elif byte == 0x75:
            e = (e & ~np.int64(3)) | 2
            return escape_live(A, R, B, kind, a, r, e, f), kind, a, r, e, f
        else:
            return 0, kind, a, r, e, f
        if e & PENDING:
            status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, 0xD800 + ((e >> 21) & 0x3FF))
            if status != 1:
                return status, kind, a, r, e, f
        status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, point)
        return status, kind, a, r, np.int64(0), f
    if 0x30 <= byte <= 0x39:
        digit = byte - 0x30
    elif 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66:
        digit = (byte & 0xDF) - 0x37
    else:
        return 0, kind, a, r, e, f
    n = (e >> 2) & 3
    value = (((e >> 4) & 0xFFFF) << 4) | digit
    if n < 3:
        e = (e & PENDING) | (e & (np.int64(0x3FF) << 21)) | 2 | ((n + 1) << 2) | (value << 4)
        return escape_live(A, R, B, kind, a, r, e, f), kind, a, r, e, f
    if e & PENDING:
        surrogate = np.int64(0xD800) + ((e >> 21) & 0x3FF)
        if 0xDC00 <= value <= 0xDFFF:
            point = 0x10000 + ((surrogate - 0xD800) << 10) + (value - 0xDC00)
            status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, point)
            return status, kind, a, r, np.int64(0), f
        status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, surrogate)
        if status != 1:
            return status, kind, a, r, e, f
    if 0xD800 <= value <= 0xDBFF:
        e = PENDING | ((value - 0xD800) << 21)
        return escape_live(A, R, B, kind, a, r, e, f), kind, a, r, e, f
    status, kind, a, r = feed_code_point(A, R, B, kind, a, r, f, value)
    return status, kind, a, r, np.int64(0), f


@kernel
def value_step(A: Ints, R: Rows, B: Bytes, a: int, f: int, byte: int) -> State:
    """The first byte of a value of component ``a``; -> (status, kind, a, r, e, f)."""
    zero = np.int64(0)
    if A[A[O_C] + a * 10 + C_EXPANDED] == 0:
        return need(A, R, B, NEED_COMPONENT, a, ZERO, ZERO, ZERO), DONE, a, zero, zero, f
    if byte == 0x22:
        leaf = A[A[O_C] + a * 10 + C_STRING]
        at_leaf = A[O_S] + leaf * 8
        if leaf < 0:
            return 0, DONE, a, zero, zero, f
        if A[at_leaf + S_SHAPE] == 2:
            return 1, MEMBER, leaf, A[at_leaf + S_COUNT] << 20, zero, f
        if A[at_leaf + S_CHECKED] != 0 and A[T_RECORD] == 0:
            begin_text(A, np.int64(-4))
        return 1, STRING, A[at_leaf + S_ROW], leaf << 32, zero, f
    if byte == 0x7B or byte == 0x5B:
        view = A[A[O_C] + a * 10 + C_OBJECT] if byte == 0x7B else A[A[O_C] + a * 10 + C_ARRAY]
        at_view = A[O_V] + view * 16
        if view < 0:
            return 0, DONE, a, zero, zero, f
        depth = A[A[O_F] + f * 6 + F_DEPTH] + 1 if f >= 0 else 1
        if depth > A[T_DEPTH_LIMIT]:
            return need(A, R, B, NEED_DEPTH, depth, ZERO, ZERO, ZERO), DONE, a, zero, zero, f
        bits = A[T_BITS]
        for w in range(A[at_view + V_WORDS]):
            A[A[O_W] + bits + w] = 0
        A[T_BITS] = bits + A[at_view + V_WORDS]
        count = np.int64(-1) if byte == 0x7B else zero
        f = new_frame(A, R, B, f, view, bits, count, np.int64(-1), depth)
        return 1, OBJECT_OPEN if byte == 0x7B else ARRAY_OPEN, zero, zero, zero, f
    if byte == 0x6E or byte == 0x74 or byte == 0x66:
        which = 0 if byte == 0x6E else 1 if byte == 0x74 else 2
        label = A[A[O_C] + a * 10 + C_NULL + which]
        if label == 0:
            return 0, DONE, a, zero, zero, f
        return 1, LITERAL, np.int64(which), 1 | (label << 8), zero, f
    return 2, DONE, a, zero, zero, f


@kernel
def step(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int, byte: int) -> State:
    """One byte; -> (status, kind, a, r, e, f); status 1 live, 0 dead, -1 a need was noted."""
    A[T_RECORD] = e >> RECORD_SHIFT
    status, kind, a, r, e, f = unrecorded_step(A, R, B, kind, a, r, e & UNRECORDED, f, byte)
    return status, kind, a, r, e | (A[T_RECORD] << RECORD_SHIFT), f


@kernel
def unrecorded_step(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int, byte: int) -> State:
    """As `step`, for the part of ``e`` below the recorded text, which is in ``T_RECORD``."""
    if kind == ROW:
        if R[a, 0] == UNEXPANDED:
            return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r, e, f
        row = np.int64(R[a, byte])
        return (1 if row >= 0 else 0), kind, row, r, e, f
    if kind == STRING:
        # The common case first: plain text of a string without a maximum.
        if (
            e == 0
            and byte >= 0x20
            and byte != 0x22
            and byte != 0x5C
            and byte != 0xED
            and A[A[O_S] + (r >> 32) * 8 + S_MAXIMUM] < 0
        ):
            if R[a, 0] == UNEXPANDED:
                return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r, e, f
            row = np.int64(R[a, byte])
            if row < 0:
                return 0, kind, a, r, e, f
            if (byte & 0xC0) != 0x80 and (r & 0xFFFFFFFF) < A[A[O_S] + (r >> 32) * 8 + S_MINIMUM]:
                r += 1
            return 1, kind, row, r, e, f
        return string_step(A, R, B, kind, a, r, e, f, byte)
    if kind == MEMBER or kind == KEY or kind == KEY_OTHER:
        return string_step(A, R, B, kind, a, r, e, f, byte)
    zero = np.int64(0)
    if kind == LITERAL:
        at = r & 0xFF
        if a == 1:
            expected = _TRUE[at]
            length = 4
        elif a == 0:
            expected = _NULL[at]
            length = 4
        else:
            expected = _FALSE[at]
            length = 5
        if byte != expected:
            return 0, kind, a, r, e, f
        if at + 1 < length:
            return 1, kind, a, r + 1, e, f
        status, kind, f = finish(A, R, B, r >> 8, f)
        return status, kind, zero, zero, zero, f
    if kind == NUMBER_ROW or kind == NUMBER:
        if 0x30 <= byte <= 0x39 or byte == 0x2E or byte == 0x2D or byte == 0x2B or byte == 0x65 or byte == 0x45:
            if kind == NUMBER_ROW:
                if R[a, 0] == UNEXPANDED:
                    return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), kind, a, r, e, f
                row = np.int64(R[a, byte])
                return (1 if row >= 0 else 0), kind, row, r, e, f
            status, mantissa, packed = number_step(A, A[O_P] + a, r, e, byte)
            if status == 2:
                row = number_row(A, R, B, a, r, e, byte)
                if row < 0:
                    return (0 if row == -2 else -1), kind, a, r, e, f
                return 1, NUMBER_ROW, row, zero, zero, f
            return status, kind, a, mantissa, packed, f
        if f < 0 or not (byte == 0x2C or byte == 0x7D or byte == 0x5D or byte == 0x20 or 9 <= byte <= 13):
            return 0, kind, a, r, e, f
        label = A[A[O_RM] + a * 4 + 0] if kind == NUMBER_ROW else number_label(A, A[O_P] + a, r, e)
        if label < 0:
            row = number_row(A, R, B, a, r, e, END)
            if row == -1:
                return -1, kind, a, r, e, f
            label = A[A[O_RM] + row * 4 + 0] if row >= 0 else zero
        if label == 0:
            return 0, kind, a, r, e, f
        status, kind, f = finish(A, R, B, label, f)
        if status != 1:
            return status, kind, a, r, e, f
        a = zero
        r = zero
        e = zero
    # Structure: whitespace first, then what the kind allows.
    if kind == DONE:
        return 0, kind, a, r, e, f
    if byte <= 0x20:
        r = whitespace_step(A, R, B, r, byte)
        return (1 if r >= 0 else 0), kind, a, r, e, f
    if kind == VALUE or (kind == ARRAY_OPEN and byte != 0x5D):
        if kind == ARRAY_OPEN:
            status, a, f = next_item(A, R, B, f)
            if status != 1:
                return status, kind, a, r, e, f
        if f >= 0 and A[A[O_V] + A[A[O_F] + f * 6 + F_VIEW] * 16 + V_FLAGS] & UNIQUE:
            f = begin_item(A, R, B, f)
        status, kind, b, r, e, f = value_step(A, R, B, a, f, byte)
        if status != 2:
            return status, kind, b, r, e, f
        if not (byte == 0x2D or 0x30 <= byte <= 0x39) or A[A[O_C] + b * 10 + C_NUMBER_KIND] == 0:
            return 0, kind, b, r, e, f
        a = A[A[O_C] + b * 10 + C_NUMBER]
        if A[A[O_C] + b * 10 + C_NUMBER_KIND] == 1:
            if R[a, 0] == UNEXPANDED:
                return need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO), NUMBER_ROW, a, zero, zero, f
            row = np.int64(R[a, byte])
            return (1 if row >= 0 else 0), NUMBER_ROW, row, zero, zero, f
        status, mantissa, packed = number_step(A, A[O_P] + a, zero, zero, byte)
        if status == 2:
            row = number_row(A, R, B, a, zero, zero, byte)
            if row < 0:
                return (0 if row == -2 else -1), NUMBER, a, zero, zero, f
            return 1, NUMBER_ROW, row, zero, zero, f
        return status, NUMBER, a, mantissa, packed, f
    view = A[A[O_F] + f * 6 + F_VIEW]
    if kind == OBJECT_OPEN or kind == OBJECT_COMMA:
        if byte == 0x22:
            if not may_add_name(A, R, B, view, f):
                return 0, kind, a, r, e, f
            names = A[A[O_V] + view * 16 + V_NAMES]
            row = A[A[O_V] + view * 16 + V_OTHER_ROW]
            if names == 0:
                return 1, KEY_OTHER, row, np.int64(-1), zero, f
            return 1, KEY, row, names << 20, zero, f
        if byte == 0x7D and kind == OBJECT_OPEN:
            status, kind, f = close_object(A, R, B, f)
            return status, kind, zero, zero, zero, f
        return 0, kind, a, r, e, f
    if kind == COLON:
        return (1 if byte == 0x3A else 0), VALUE, a, zero, zero, f
    if kind == AFTER_VALUE:
        if byte == 0x2C:
            return (1 if may_add_name(A, R, B, view, f) else 0), OBJECT_COMMA, zero, zero, zero, f
        if byte == 0x7D:
            status, kind, f = close_object(A, R, B, f)
            return status, kind, zero, zero, zero, f
        return 0, kind, a, r, e, f
    # ARRAY_OPEN with ], AFTER_ITEM
    if byte == 0x5D:
        status, kind, f = close_array(A, R, B, f)
        return status, kind, zero, zero, zero, f
    if byte == 0x2C and kind == AFTER_ITEM:
        status, a, f = next_item(A, R, B, f)
        return status, VALUE, a, zero, zero, f
    return 0, kind, a, r, e, f


# ---- entry points


@kernel
def accepting(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int) -> int:
    """1 where the text may stop, 0 where not, -1 after noting a need."""
    if kind == DONE:
        return 1
    if f >= 0:
        return 0
    if kind == ROW or kind == NUMBER_ROW:
        return 1 if A[A[O_RM] + a * 4 + 0] != 0 else 0
    if kind == NUMBER:
        label = number_label(A, A[O_P] + a, r, e)
        if label < 0:
            row = number_row(A, R, B, a, r, e, END)
            if row == -1:
                return -1
            return 1 if row >= 0 and A[A[O_RM] + row * 4 + 0] != 0 else 0
        return 1 if label != 0 else 0
    return 0


@kernel
def frame_hash(A: Ints, R: Rows, B: Bytes, f: int) -> int:
    at = A[O_F] + f * 6
    x = mixed(A[at + F_PARENT], _PRIMES[0]) ^ mixed(A[at + F_VIEW], _PRIMES[1])
    x ^= mixed(A[at + F_COUNT], _PRIMES[2]) ^ mixed(A[at + F_USED], _PRIMES[3])
    for w in range(A[A[O_V] + A[at + F_VIEW] * 16 + V_WORDS]):
        x = mixed(x ^ A[A[O_W] + A[at + F_BITS] + w], _PRIMES[5])
    return x ^ (x >> 31) ^ (x >> 17)


@kernel
def same_frame(A: Ints, R: Rows, B: Bytes, f: int, g: int) -> bool:
    x = A[O_F] + f * 6
    y = A[O_F] + g * 6
    if A[x] != A[y] or A[x + 1] != A[y + 1] or A[x + 3] != A[y + 3] or A[x + 4] != A[y + 4]:
        return False
    for w in range(A[A[O_V] + A[x + F_VIEW] * 16 + V_WORDS]):
        if A[A[O_W] + A[x + F_BITS] + w] != A[A[O_W] + A[y + F_BITS] + w]:
            return False
    return True


@kernel
def intern_frames(A: Ints, R: Rows, B: Bytes, f: int, frames: int, bits: int) -> int:
    """Keep of the frames made since (``frames``, ``bits``) only the chain under ``f``, each once.

    Returns the id of the kept frame; the tops end after what is kept.
    """
    count = 0
    g = f
    while g >= frames:
        A[A[O_SCRATCH] + count] = g
        count += 1
        g = A[A[O_F] + g * 6 + 0]
    mask = A[Z_FRAME_HASH] - 1
    parent = g
    A[T_FRAMES] = frames
    A[T_BITS] = bits
    while count > 0:
        count -= 1
        g = A[A[O_SCRATCH] + count]
        A[A[O_F] + g * 6 + 0] = parent
        i = frame_hash(A, R, B, g) & mask
        found = -1
        while A[A[O_FRAME_HASH] + i] >= 0:
            if same_frame(A, R, B, A[A[O_FRAME_HASH] + i], g):
                found = A[A[O_FRAME_HASH] + i]
                break
            i = (i + 1) & mask
        if found < 0:
            # Sources lie at or above the tops, so that moving down never overwrites what is still to come.
            found = A[T_FRAMES]
            words = A[A[O_V] + (A[A[O_F] + g * 6 + 1]) * 16 + V_WORDS]
            at = A[T_BITS]
            source = A[A[O_F] + g * 6 + 2]
            if source >= at:
                for w in range(words):
                    A[A[O_W] + at + w] = A[A[O_W] + source + w]
                source = at
                A[T_BITS] = at + words
            for c in range(6):
                A[A[O_F] + found * 6 + c] = A[A[O_F] + g * 6 + c]
            A[A[O_F] + found * 6 + 2] = source
            A[T_FRAMES] = found + 1
            A[A[O_FRAME_HASH] + i] = found
        parent = found
    return parent


@kernel
def intern_configuration(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int) -> int:
    x = (
        mixed(kind, _PRIMES[0])
        ^ mixed(a, _PRIMES[1])
        ^ mixed(r, _PRIMES[2])
        ^ mixed(e, _PRIMES[3])
        ^ mixed(f, _PRIMES[4])
    )
    x ^= (x >> 31) ^ (x >> 15)
    mask = A[Z_CONFIGURATION_HASH] - 1
    i = x & mask
    while A[A[O_CONFIGURATION_HASH] + i] >= 0:
        c = A[A[O_CONFIGURATION_HASH] + i]
        if (
            A[A[O_K] + c * 6 + 0] == kind
            and A[A[O_K] + c * 6 + 1] == a
            and A[A[O_K] + c * 6 + 2] == r
            and A[A[O_K] + c * 6 + 3] == e
            and A[A[O_K] + c * 6 + 4] == f
        ):
            return np.int64(c)
        i = (i + 1) & mask
    c = A[T_CONFIGURATIONS]
    A[A[O_K] + c * 6 + 0] = kind
    A[A[O_K] + c * 6 + 1] = a
    A[A[O_K] + c * 6 + 2] = r
    A[A[O_K] + c * 6 + 3] = e
    A[A[O_K] + c * 6 + 4] = f
    A[A[O_K] + c * 6 + 5] = x
    A[A[O_CONFIGURATION_HASH] + i] = c
    A[T_CONFIGURATIONS] = c + 1
    return c


@kernel
def takes_plain_text(A: Ints, kind: int, r: int, e: int) -> int:
    """How a walk may go on without `step`.

    2: every byte is one load of a row.  For plain bytes (`_PLAIN`) only, 1: one load; 3: a load and a count; 4: a load
    and a longer text.  0: not at all.
    """
    if kind == ROW:
        return 2
    if e == 0 and kind == STRING:
        leaf = A[O_S] + (r >> 32) * 8
        if A[leaf + S_MAXIMUM] >= 0:
            return 3
        return 1 if (r & 0xFFFFFFFF) >= A[leaf + S_MINIMUM] else 0
    return 4 if e == 0 and kind == KEY_OTHER else 0


def advance(A: Ints, R: Rows, B: Bytes, configuration: int, data: Bytes) -> int:
    """Read the bytes ``data`` from ``configuration``; return the configuration reached, or why there is none.

    `REFUSED`: the machine is dead somewhere.  `NEEDED`: Python must expand the needs and call again.  `NO_ROOM`: it
    must make room in the tables first (`T_ROOM`).  Then nothing is kept.
    """
    for i in range(4):
        if A[T_FRAMES + i] > A[T_ROOM + i]:
            return NO_ROOM
    kind = A[A[O_K] + configuration * 6 + 0]
    a = A[A[O_K] + configuration * 6 + 1]
    r = A[A[O_K] + configuration * 6 + 2]
    e = A[A[O_K] + configuration * 6 + 3]
    f = A[A[O_K] + configuration * 6 + 4]
    frames = A[T_FRAMES]
    bits = A[T_BITS]
    texts = A[T_TEXTS]
    A[T_NEEDS] = 0
    A[T_MASKING] = 0
    A[T_BASE] = texts
    for i in range(data.shape[0]):
        A[A[O_PATH] + i] = data[i]
        A[T_AT] = i
        status, kind, a, r, e, f = step(A, R, B, kind, a, r, e, f, np.int64(data[i]))
        if status != 1:
            A[T_FRAMES] = frames
            A[T_BITS] = bits
            A[T_TEXTS] = texts
            if status == 0:
                A[T_NEEDS] = 0
            return NEEDED if A[T_NEEDS] != 0 else REFUSED
    A[T_NEEDS] = 0
    A[T_AT] = data.shape[0]
    e = keep_record(A, R, B, e)
    f = intern_frames(A, R, B, f, frames, bits)
    return intern_configuration(A, R, B, kind, a, r, e, f)


@kernel
def note_cut(A: Ints, R: Rows, B: Bytes, begin: int, end: int) -> None:
    """Keep the nodes from ``begin`` to ``end`` for the next walk; where room ends, all that follow them too."""
    A[T_MISSED] = 0
    count = A[T_CUTS]
    last = A[O_CUTS] + 2 * (CUTS + count - 1)
    if count > 0 and A[last + 1] == begin:
        A[last + 1] = end  # a sibling of the last one
    elif count < CUTS:
        A[last + 2] = begin
        A[last + 3] = end
        A[T_CUTS] = count + 1
    else:
        A[last + 1] = TO_THE_END


@kernel
def mark_listed(A: Ints, R: Rows, B: Bytes, r: int, f: int) -> None:
    """In the scratch table, mark the bytes that go on along listed names, a backslash, and a quote that ends one."""
    scratch = A[O_SCRATCH]
    for byte in range(256):
        A[scratch + byte] = 0
    A[scratch + 0x5C] = 1
    base = A[A[O_V] + A[A[O_F] + f * 6 + F_VIEW] * 16 + V_NAME_AT]
    # The shortest name comes first: where it goes on, a quote ends an unlisted name.
    if A[A[O_P] + base + (r & MASK20) * NAME_FIELDS + 1] == r >> 40:
        A[scratch + 0x22] = 1
    for i in range(r & MASK20, (r >> 20) & MASK20):
        byte = member_at(A, R, B, base, NAME_FIELDS, i, r >> 40)
        if byte >= 0:
            A[scratch + byte] = 1


@kernel
def misses_members(A: Ints, R: Rows, B: Bytes, kind: int, a: int, r: int, e: int, f: int, byte: int) -> bool:
    """Whether ``byte`` lies outside what the members, or the names of a closed object, may go on with.

    They are sorted, so that two of them bound the others; `step` decides what lies between.
    """
    if (kind != MEMBER and (kind != KEY or a >= 0)) or e & UNRECORDED != 0 or byte == 0x22 or byte == 0x5C:
        return False
    if kind == MEMBER:
        base = A[A[O_S] + a * 8 + S_MEMBERS]
        stride = MEMBER_FIELDS
    else:
        base = A[A[O_V] + A[A[O_F] + f * 6 + F_VIEW] * 16 + V_NAME_AT]
        stride = NAME_FIELDS
    depth = r >> 40
    if byte < member_at(A, R, B, base, stride, r & MASK20, depth):
        return True
    return byte > member_at(A, R, B, base, stride, ((r >> 20) & MASK20) - 1, depth)


def walk(
    A: Ints,
    R: Rows,
    B: Bytes,
    nodes: Rows,
    segments: NDArray[np.int64],
    groups: NDArray[np.int32],
    listed_only: int,
    configuration: int,
    out: NDArray[Any],
) -> None:
    """Set in ``out`` the bit of every token in the trie segments that can be read from ``configuration``.

    ``segments``: int64[n, 2], begin and end of depth-first tries in ``nodes``, ascending.  A node's token below -1 is a
    group: ``g = -token - 2`` stands for the tokens ``groups[groups[g] : groups[g + 1]]``.  Subtrees that need an
    expansion are skipped and noted; ``T_NEEDS`` counts what they need.

    Where ``T_CUTS`` is not negative, this continues the last walk: only the subtrees that it skipped are walked,
    and of the others no more than the nodes that lead there.

    ``listed_only``: the configuration reads a name of an open object, and ``out`` already holds what is allowed
    if that name turns out to be an unlisted one.  Only tokens that end a listed name, or escape while
    they are on one, are decided again.

    The stack has one entry for each depth: state, tops, the depth that holds what plain text does not change (all
    but ``a``, ``r`` and the top of texts), and how plain text may take the short way (`takes_plain_text`).
    """
    frames = A[T_FRAMES]
    bits = A[T_BITS]
    texts = A[T_TEXTS]
    A[T_NEEDS] = 0
    A[T_MASKING] = 1
    A[T_BASE] = texts
    stack = A[O_STACK]
    for c in range(5):
        A[stack + c] = A[A[O_K] + configuration * 6 + c]
    A[stack + 5] = frames
    A[stack + 6] = bits
    A[stack + 7] = texts
    A[stack + 8] = stack
    A[stack + 9] = takes_plain_text(A, A[stack], A[stack + 2], A[stack + 3] & UNRECORDED)
    if A[stack] == KEY and not other_allowed(A, R, B, A[A[O_F] + A[stack + 4] * 6 + F_VIEW], A[stack + 4]):
        A[stack + 1] = -1  # as behind the first byte of a name in a closed object
    steps = 0
    cuts = A[O_CUTS]
    left = A[T_CUTS]
    whole = left < 0
    for i in range(2 * left):
        A[cuts + i] = A[cuts + 2 * CUTS + i]
    A[T_CUTS] = 0
    A[T_MISSED] = 0
    again = whole
    if listed_only == 1 and A[stack + 3] & UNRECORDED == 0:
        mark_listed(A, R, B, A[stack + 2], A[stack + 4])
    else:
        listed_only = np.int64(0)
    for segment in range(segments.shape[0]):
        i = segments[segment, 0]
        end = segments[segment, 1]
        while i < end:
            if not whole:
                while left > 0 and i >= A[cuts + 1]:
                    cuts += 2
                    left -= 1
                if left == 0 or A[cuts] >= end:
                    break
                again = i >= A[cuts]
                if not again and A[cuts] >= nodes[i, 1]:
                    i = np.int64(nodes[i, 1])
                    continue
            byte = np.int64(nodes[i, 0])
            depth = np.int64(nodes[i, 3])
            above = stack + (depth - 1) * STACK_FIELDS
            here = above + STACK_FIELDS
            plain = A[above + 9]
            A[A[O_PATH] + depth - 1] = byte
            steps += 1
            if plain == 2 or (plain != 0 and _PLAIN[byte] != 0):
                a = A[above + 1]
                row = np.int64(R[a, byte])
                if R[a, 0] == UNEXPANDED:
                    need(A, R, B, NEED_ROW, a, ZERO, ZERO, ZERO)
                    row = np.int64(-1)
                r = A[above + 2]
                texts_here = A[above + 7]
                if plain == 3 and row >= 0:
                    if (byte & 0xC0) != 0x80:
                        r += 1
                    if not length_allows(A, R, B, r >> 32, row, r & 0xFFFFFFFF):
                        row = np.int64(-1)
                if row < 0:
                    if A[T_MISSED] != 0:
                        note_cut(A, R, B, i, np.int64(nodes[i, 1]))
                    i = np.int64(nodes[i, 1])
                    continue
                if plain == 4:
                    A[T_TEXTS] = texts_here
                    r = text_append(A, R, B, r, byte)
                    texts_here = A[T_TEXTS]
                    if A[A[O_RM] + row * 4 + 1] != 0 and all_taken(A, R, B, row, r, A[A[above + 8] + 4]):
                        i = np.int64(nodes[i, 1])
                        continue
                A[here + 1] = row
                A[here + 2] = r
                A[here + 7] = texts_here
                A[here + 8] = A[above + 8]
                A[here + 9] = plain
            else:
                base = A[above + 8]
                if (
                    NEXT_BYTES[A[base], byte] == 0
                    or (depth == 1 and listed_only == 1 and A[A[O_SCRATCH] + byte] == 0)
                    or misses_members(A, R, B, A[base], A[above + 1], A[above + 2], A[base + 3], A[base + 4], byte)
                ):
                    i = np.int64(nodes[i, 1])
                    continue
                # A later name of the same object has a frame of its own: it is read as ever.
                listed = (
                    listed_only == 1
                    and A[base] == KEY
                    and A[base + 3] & UNRECORDED == 0
                    and A[base + 4] == A[stack + 4]
                )
                if listed and again and (byte == 0x22 or byte == 0x5C):
                    for j in range(i, nodes[i, 1]):
                        token = nodes[j, 2]
                        if token >= 0:
                            out[token >> 5] &= ~(np.uint32(1) << np.uint32(token & 31))
                A[T_FRAMES] = A[base + 5]
                A[T_BITS] = A[base + 6]
                A[T_TEXTS] = A[above + 7]
                A[T_AT] = depth - 1
                status, kind, a, r, e, f = step(
                    A, R, B, A[base], A[above + 1], A[above + 2], A[base + 3], A[base + 4], byte
                )
                if status != 1 or (listed and kind == KEY_OTHER):
                    if A[T_MISSED] != 0:
                        note_cut(A, R, B, i, np.int64(nodes[i, 1]))
                    i = np.int64(nodes[i, 1])
                    continue
                A[here] = kind
                A[here + 1] = a
                A[here + 2] = r
                A[here + 3] = e
                A[here + 4] = f
                A[here + 5] = A[T_FRAMES]
                A[here + 6] = A[T_BITS]
                A[here + 7] = A[T_TEXTS]
                A[here + 8] = here
                A[here + 9] = takes_plain_text(A, kind, r, e & UNRECORDED)
            token = nodes[i, 2]
            if not again:
                pass
            elif token >= 0:
                out[token >> 5] |= np.uint32(1) << np.uint32(token & 31)
            elif token < -1:
                for j in range(groups[-token - 2], groups[-token - 1]):
                    out[groups[j] >> 5] |= np.uint32(1) << np.uint32(groups[j] & 31)
            i += 1
    A[T_FRAMES] = frames
    A[T_BITS] = bits
    A[T_TEXTS] = texts
    A[T_STEPS] = steps


def prove(
    A: Ints,
    R: Rows,
    B: Bytes,
    tables: NDArray[np.int16],
    table_at: Ints,
    implied: Ints,
    pairs: Ints,
    row: int,
    left_out: int,
    patient: int,
) -> int:
    """Which slices lie wholly within the live prefixes of ``row``, as far as `PROOF_DEPTH`: kept in RM.

    -> slices (bits) of which every word can be read, and from bit `WITHIN_SHIFT` on those of which all words of at most
    `PROOF_DEPTH` bytes can; -1 after noting rows as needs, which nobody does unless ``patient``.

    ``tables``: int16[n, 256], all slice automata below each other, ``table_at[s]`` the first state of slice s.
    ``implied[s]``: the slices inside slice s.  ``left_out``: slices (bits) that nobody asks about.
    ``pairs``: int64 scratch, `PROOF_PAIRS` and a hash table of `PROOF_SLOTS`.  Product exploration, level by level,
    with a budget; past it a slice counts as unproven, which only costs time.
    """
    A[T_NEEDS] = 0
    proven = np.int64(0)
    within = np.int64(0)
    farthest = np.int64(0)
    for s in range(table_at.shape[0] - 1):
        if (within | left_out) >> s & 1:
            continue
        base = table_at[s]
        for k in range(PROOF_PAIRS, PROOF_PAIRS + PROOF_SLOTS):
            pairs[k] = 0
        count = np.int64(1)
        pairs[0] = row
        done = np.int64(0)
        depth = np.int64(0)
        level = np.int64(1)  # where the pairs of the next depth begin
        holds = True
        missing = False
        reach = np.int64(0)
        while done < count and holds:
            if done == level:
                depth += 1
                level = count
                if depth == PROOF_DEPTH:
                    break
            state = pairs[done] >> 32
            at = pairs[done] & 0xFFFFFFFF
            done += 1
            if R[at, 0] == UNEXPANDED:
                missing = True
                if patient == 0:
                    holds = False
                else:
                    need(A, R, B, NEED_ROW, at, ZERO, ZERO, ZERO)
                continue
            last = np.int64(-1)
            for byte in range(256):
                following = tables[base + state, byte]
                if following < 0:
                    continue
                target = R[at, byte]
                if target < 0:
                    holds = False
                    break
                pair = (np.int64(following) << 32) | np.int64(target)
                if pair == last:
                    continue
                last = pair
                slot = (target * 16 + following) & (PROOF_SLOTS - 1)
                while pairs[PROOF_PAIRS + slot] != 0 and pairs[PROOF_PAIRS + slot] != pair + 1:
                    slot = (slot + 1) & (PROOF_SLOTS - 1)
                if pairs[PROOF_PAIRS + slot] == 0:
                    if count == PROOF_PAIRS:
                        holds = False
                        break
                    pairs[PROOF_PAIRS + slot] = pair + 1
                    pairs[count] = pair
                    count += 1
                    reach = max(reach, A[A[O_RM] + target * 4 + 1])
        if holds and missing:
            return -1
        # Rows that were missing before a slice was disproved do not matter.
        if holds:
            within |= implied[s]
            farthest = max(farthest, reach)
            if done == count:
                proven |= implied[s]
    A[T_NEEDS] = 0
    proven |= within << WITHIN_SHIFT
    A[A[O_RM] + row * 4 + 2] = proven
    A[A[O_RM] + row * 4 + 3] = farthest
    return proven


def maintain(A: Ints, R: Rows, B: Bytes, operation: int, a: int, b: int, c: int, d: int, e: int) -> int:
    """The rare table operations that must hash as the kernels do.

    0: keep ``e`` under the key (a, b, c, d) of ``H``; 1: fill ``FH`` with all frames; 2: fill ``KH``
    with all configurations; 3: intern the configuration (a, b, c, d, e) and return it; 4: `accepting` of
    configuration ``a``; 5: `name_allowed` of view ``a``, frame ``b``, name ``c``; 6: `begins_used` of the first ``c``
    bytes of listed name ``b`` (or text ``b``, where ``c`` is negative), frame ``a``.
    """
    if operation == 0:
        i = look_up(A, R, B, a, b, c, d)
        A[A[O_H] + i * 5 + 0] = a
        A[A[O_H] + i * 5 + 1] = b
        A[A[O_H] + i * 5 + 2] = c
        A[A[O_H] + i * 5 + 3] = d
        A[A[O_H] + i * 5 + 4] = e
        return i
    if operation == 1:
        mask = A[Z_FRAME_HASH] - 1
        for f in range(A[T_FRAMES]):
            i = frame_hash(A, R, B, f) & mask
            while A[A[O_FRAME_HASH] + i] >= 0:
                i = (i + 1) & mask
            A[A[O_FRAME_HASH] + i] = f
        return np.int64(0)
    if operation == 2:
        mask = A[Z_CONFIGURATION_HASH] - 1
        for configuration in range(A[T_CONFIGURATIONS]):
            i = A[A[O_K] + configuration * 6 + 5] & mask
            while A[A[O_CONFIGURATION_HASH] + i] >= 0:
                i = (i + 1) & mask
            A[A[O_CONFIGURATION_HASH] + i] = configuration
        return np.int64(0)
    if operation == 3:
        return intern_configuration(A, R, B, a, b, c, d, e)
    if operation == 4:
        A[T_NEEDS] = 0
        at = A[O_K] + a * 6
        return np.int64(accepting(A, R, B, A[at], A[at + 1], A[at + 2], A[at + 3], A[at + 4]))
    if operation == 6:
        texts = A[T_TEXTS]
        if c >= 0:
            b = text_of_prefix(A, R, B, A[A[O_V] + A[A[O_F] + a * 6 + F_VIEW] * 16 + V_NAME_AT], b, c)
        found = begins_used(A, R, B, b, a)
        A[T_TEXTS] = texts
        return np.int64(1 if found else 0)
    return np.int64(1 if name_allowed(A, R, B, a, b, c) else 0)


_TABLES = "int64[::1], int32[:,::1], uint8[::1]"

advance = entry(f"int64({_TABLES}, int64, Array(uint8, 1, 'C', readonly=True))")(advance)
walk = entry(f"void({_TABLES}, int32[:,::1], int64[:,::1], int32[::1], int64, int64, uint32[::1])")(walk)
prove = entry(f"int64({_TABLES}, int16[:,::1], int64[::1], int64[::1], int64[::1], int64, int64, int64)")(prove)
maintain = entry(f"int64({_TABLES}, int64, int64, int64, int64, int64, int64)")(maintain)
