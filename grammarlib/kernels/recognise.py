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
Arrays (owned by Python, C-contiguous):

====  ==========  ==========================================================================
R     int32[n,256] rows: next row per byte, -1 dead; R[i,0] == -2: not expanded
RM    int64[n,4]  rows: label, fewest code points to acceptance, proven slices (-1 unknown), longest such distance met in the proof
C     int64[n,10] components, see ``C_*``
S     int64[n,8]  string leaves, see ``S_*``
V     int64[n,16] object and array views, see ``V_*``
P     int64[n]    pool of constants (names, tracks, members, number leaves)
B     uint8[n]    bytes of names and members
F     int64[n,6]  frames: parent, view, key bits (offset in W), count or last rank, used unlisted names, depth
W     int64[n]    key bits of frames
X     int64[n,4]  texts of unlisted names: parent, byte, length, hash; and links: previous link, -1, text, 0
H     int64[n,5]  hash table: (view + 1, keep, 0, 0) -> narrowed view; (-leaf - 1, mantissa, packed, byte) -> row or -2
K     int64[n,6]  interned configurations: the state, and its hash
T     int64[32]   tops, limits and results, see ``T_*``
N     int64[n,5]  needs: type and up to four operands
====  ==========  ==========================================================================
"""

from __future__ import annotations

import numpy as np
from numba import njit

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
S_SHAPE, S_LABEL, S_ROW, S_MINIMUM, S_MAXIMUM, S_MEMBERS, S_COUNT = range(7)
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
    V_LAST_REQUIRED,
) = range(15)
NAME_FIELDS = 5  # in P, for each name: offset in B, length, component or -1, rank, rank of the last required name before it
F_PARENT, F_VIEW, F_BITS, F_COUNT, F_USED, F_DEPTH = range(6)
(
    T_FRAMES,
    T_BITS,
    T_TEXTS,
    T_CONFIGURATIONS,
    T_NEEDS,
    T_WHITESPACE,
    T_DEPTH_LIMIT,
    T_FRAME_HASH,
    T_CONFIGURATION_HASH,
    T_LONGEST,
    T_RESULT,
    T_STEPS,
) = range(12)

NEED_COMPONENT = 1
NEED_ROW = 2
NEED_NARROW = 3
NEED_NUMBER = 4
NEED_DEPTH = 5

DEAD = -1
UNEXPANDED = -2
ANY_TEXT_ROW = 0  # row 0 of every machine: any text, at a code point boundary

MASK20 = (1 << 20) - 1
PENDING = 1 << 20  # e: a high surrogate escape waits for its low half (its ten bits from bit 21)
RAW_ED = 1 << 32  # e: the last raw byte was ED; A0..BF (a surrogate) may not follow

_NULL = np.frombuffer(b"null", np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_SIMPLE = np.array([0x22, 0x5C, 0x2F, 0x08, 0x0C, 0x0A, 0x0D, 0x09], np.int64)
_STRUCTURAL = np.frombuffer(b'\t\n\r "+,-.0123456789:[]aefE{}lnrstu', np.uint8)


@njit(inline="never")
def need(T, N, kind, a, b, c, d):
    """Note that Python must expand something; always returns the status -1."""
    at = T[T_NEEDS]
    for i in range(min(at, 16)):
        j = at - 1 - i
        if N[j, 0] == kind and N[j, 1] == a and N[j, 2] == b and N[j, 3] == c and N[j, 4] == d:
            return -1
    if at < N.shape[0]:
        N[at, 0] = kind
        N[at, 1] = a
        N[at, 2] = b
        N[at, 3] = c
        N[at, 4] = d
        T[T_NEEDS] = at + 1
    return -1


@njit
def look_up(H, k0, k1, k2, k3):
    """The slot of a key in ``H``: its own, or the empty one where it belongs."""
    mask = H.shape[0] - 1
    x = (k0 * 0x9E3779B1) ^ (k1 * 0x85EBCA6B) ^ (k2 * 0xC2B2AE35) ^ (k3 * 0x27D4EB2F)
    x ^= (x >> 29) ^ (x >> 15)
    i = x & mask
    while H[i, 0] != 0 and not (H[i, 0] == k0 and H[i, 1] == k1 and H[i, 2] == k2 and H[i, 3] == k3):
        i = (i + 1) & mask
    return i


@njit(inline="never")
def narrowed(H, T, N, view, keep):
    """The view with only the tracks in ``keep``, or -1 after noting the need."""
    i = look_up(H, view + 1, keep, 0, 0)
    if H[i, 0] != 0:
        return H[i, 4]
    return need(T, N, NEED_NARROW, view, keep, 0, 0)


@njit(inline="never")
def number_row(H, T, N, leaf, mantissa, packed, byte):
    """The row that takes over where a number leaves the registers: -2 dead, -1 after noting the need."""
    i = look_up(H, -leaf - 1, mantissa, packed, byte)
    if H[i, 0] != 0:
        return H[i, 4]
    return need(T, N, NEED_NUMBER, leaf, mantissa, packed, byte)


@njit(inline="never")
def new_frame(F, T, parent, view, bits, count, used, depth):
    top = T[T_FRAMES]
    F[top, 0] = parent
    F[top, 1] = view
    F[top, 2] = bits
    F[top, 3] = count
    F[top, 4] = used
    F[top, 5] = depth
    T[T_FRAMES] = top + 1
    return top


@njit
def whitespace_step(T, r, byte):
    """The next whitespace state, or -1."""
    if r < 0:
        return -1
    policy = T[T_WHITESPACE]
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


@njit
def member_at(P, B, base, stride, i, depth):
    """The byte of member ``i`` at ``depth``, or -1 past its end."""
    at = base + i * stride
    if P[at + 1] <= depth:
        return -1
    return np.int64(B[P[at] + depth])


@njit(inline="never")
def member_bound(P, B, base, stride, lo, hi, depth, byte):
    """The first member of lo..hi whose byte at ``depth`` is at least ``byte``."""
    while lo < hi:
        mid = (lo + hi) >> 1
        if member_at(P, B, base, stride, mid, depth) < byte:
            lo = mid + 1
        else:
            hi = mid
    return lo


@njit
def skips_required(P, V, F, W, view, f, track, rank):
    """Whether ``track`` has an unused required name of a rank below ``rank``."""
    words = V[view, V_WORDS]
    at = V[view, V_TRACK_AT] + track * (1 + words) + 1
    bits = F[f, F_BITS]
    for i in range(V[view, V_NAMES]):
        if P[V[view, V_NAME_AT] + i * NAME_FIELDS + 3] < rank:
            bit = np.int64(1) << (i & 63)
            if (P[at + (i >> 6)] & bit) != 0 and (W[bits + (i >> 6)] & bit) == 0:
                return True
    return False


@njit
def order_allows(P, V, F, W, view, f, rank, last_required):
    """order="schema": no required name is skipped, for one track at least."""
    if rank <= F[f, F_COUNT]:
        return False
    if V[view, V_SINGLE] == 1:
        return last_required <= F[f, F_COUNT]
    for track in range(V[view, V_TRACKS]):
        if (V[view, V_LIVE] >> track) & 1 and not skips_required(P, V, F, W, view, f, track, rank):
            return True
    return False


@njit
def name_allowed(P, V, F, W, view, f, i):
    at = V[view, V_NAME_AT] + i * NAME_FIELDS
    if P[at + 2] < 0:
        return False
    if (W[F[f, F_BITS] + (i >> 6)] >> (i & 63)) & 1:
        return False
    if V[view, V_ORDERED] == 1:
        return order_allows(P, V, F, W, view, f, P[at + 3], P[at + 4])
    return True


@njit
def other_allowed(P, V, F, W, view, f):
    if V[view, V_OTHER] < 0:
        return False
    if V[view, V_ORDERED] == 1:
        if V[view, V_SINGLE] == 1:
            return V[view, V_LAST_REQUIRED] <= F[f, F_COUNT]
        for track in range(V[view, V_TRACKS]):
            if (V[view, V_LIVE] >> track) & 1 and not skips_required(P, V, F, W, view, f, track, np.int64(1) << 40):
                return True
        return False
    return True


@njit
def any_name_allowed(P, V, F, W, view, f, lo, hi):
    for i in range(lo, hi):
        if name_allowed(P, V, F, W, view, f, i):
            return True
    return False


@njit
def may_add_name(P, V, F, W, view, f):
    return other_allowed(P, V, F, W, view, f) or any_name_allowed(P, V, F, W, view, f, 0, V[view, V_NAMES])


# ---- texts of unlisted names


@njit
def text_append(X, T, text, byte):
    top = T[T_TEXTS]
    X[top, 0] = text
    X[top, 1] = byte
    if text < 0:
        X[top, 2] = 1
        X[top, 3] = (byte + 1) * 0x100000001B3
    else:
        X[top, 2] = X[text, 2] + 1
        X[top, 3] = (X[text, 3] ^ (byte + 1)) * 0x100000001B3
    T[T_TEXTS] = top + 1
    return top


@njit
def text_equal(X, x, y):
    if x < 0 or y < 0:
        return x == y
    if X[x, 2] != X[y, 2] or X[x, 3] != X[y, 3]:
        return False
    while x != y:
        if x < 0 or y < 0 or X[x, 1] != X[y, 1]:
            return False
        x = X[x, 0]
        y = X[y, 0]
    return True


@njit(inline="never")
def text_of_prefix(R, P, B, X, T, view_base, i, depth):
    """The text of the first ``depth`` bytes of listed name ``i``, and the any-text row after it."""
    text = np.int64(-1)
    row = np.int64(ANY_TEXT_ROW)
    start = P[view_base + i * NAME_FIELDS]
    for j in range(depth):
        byte = np.int64(B[start + j])
        text = text_append(X, T, text, byte)
        row = R[row, byte]
    return text, row


# ---- numbers: NUMBER-BEGIN


@njit
def number_step(pool, offset, mantissa, packed, byte):
    return 2, mantissa, packed


@njit
def number_label(pool, offset, mantissa, packed):
    return -1


# ---- NUMBER-END


# ---- the end of values


@njit(inline="never")
def finish(F, V, H, T, N, label, f):
    """A value ended with exit ``label`` in frame ``f``; -> (status, kind, f)."""
    if f < 0:
        return 1, DONE, f
    view = F[f, F_VIEW]
    if V[view, V_SINGLE] == 0:
        keep = V[view, V_LIVE] & label
        if keep == 0:
            return 0, DONE, f
        if keep != V[view, V_LIVE]:
            view = narrowed(H, T, N, view, keep)
            if view < 0:
                return -1, DONE, f
            f = new_frame(F, T, F[f, 0], view, F[f, 2], F[f, 3], F[f, 4], F[f, 5])
    if V[view, V_KIND] == 0:
        return 1, AFTER_VALUE, f
    if F[f, F_COUNT] < V[view, V_CAP]:
        f = new_frame(F, T, F[f, 0], view, F[f, 2], F[f, 3] + 1, F[f, 4], F[f, 5])
    return 1, AFTER_ITEM, f


@njit(inline="never")
def close_object(P, F, W, V, H, T, N, f):
    view = F[f, F_VIEW]
    words = V[view, V_WORDS]
    bits = F[f, F_BITS]
    label = np.int64(0)
    at = V[view, V_TRACK_AT]
    for track in range(V[view, V_TRACKS]):
        if P[at] != 0:
            complete = True
            for w in range(words):
                if (P[at + 1 + w] & ~W[bits + w]) != 0:
                    complete = False
                    break
            if complete:
                label |= P[at]
        at += 1 + words
    if label == 0:
        return 0, DONE, f
    return finish(F, V, H, T, N, label, F[f, F_PARENT])


@njit(inline="never")
def close_array(P, F, V, H, T, N, f):
    view = F[f, F_VIEW]
    label = np.int64(0)
    at = V[view, V_TRACK_AT]
    for track in range(V[view, V_TRACKS]):
        if F[f, F_COUNT] >= P[at + 1]:
            label |= P[at]
        at += 3
    if label == 0:
        return 0, DONE, f
    return finish(F, V, H, T, N, label, F[f, F_PARENT])


@njit(inline="never")
def next_item(P, F, V, H, T, N, f):
    """-> (status, component, f) of the item that starts now."""
    view = F[f, F_VIEW]
    count = F[f, F_COUNT]
    keep = np.int64(0)
    at = V[view, V_TRACK_AT]
    for track in range(V[view, V_TRACKS]):
        if P[at] != 0 and (P[at + 2] < 0 or count < P[at + 2]):
            keep |= np.int64(1) << track
        at += 3
    if keep == 0:
        return 0, np.int64(-1), f
    if keep != V[view, V_LIVE]:
        view = narrowed(H, T, N, view, keep)
        if view < 0:
            return -1, np.int64(-1), f
        f = new_frame(F, T, F[f, 0], view, F[f, 2], F[f, 3], F[f, 4], F[f, 5])
    component = P[V[view, V_PREFIX_AT] + count] if count < V[view, V_PREFIX] else V[view, V_REST]
    if component < 0:
        return 0, component, f
    return 1, component, f


@njit(inline="never")
def select_name(P, F, W, X, V, H, T, N, f, i, text):
    """A name ended: listed name ``i``, or an unlisted one (i < 0); -> (status, component, f)."""
    view = F[f, F_VIEW]
    bits = F[f, F_BITS]
    used = F[f, F_USED]
    count = F[f, F_COUNT]
    words = V[view, V_WORDS]
    if i >= 0:
        if not name_allowed(P, V, F, W, view, f, i):
            return 0, np.int64(-1), f
        rank = P[V[view, V_NAME_AT] + i * NAME_FIELDS + 3]
    else:
        if not other_allowed(P, V, F, W, view, f):
            return 0, np.int64(-1), f
        link = used
        while link >= 0:
            if text_equal(X, X[link, 2], text):
                return 0, np.int64(-1), f
            link = X[link, 0]
        rank = np.int64(1) << 40
    if V[view, V_ORDERED] == 1 and V[view, V_SINGLE] == 0:
        keep = np.int64(0)
        for track in range(V[view, V_TRACKS]):
            if (V[view, V_LIVE] >> track) & 1 and not skips_required(P, V, F, W, view, f, track, rank):
                keep |= np.int64(1) << track
        if keep != V[view, V_LIVE]:
            view = narrowed(H, T, N, view, keep)
            if view < 0:
                return -1, np.int64(-1), f
    if i >= 0:
        component = P[V[view, V_NAME_AT] + i * NAME_FIELDS + 2]
        top = T[T_BITS]
        for w in range(words):
            W[top + w] = W[bits + w]
        W[top + (i >> 6)] |= np.int64(1) << (i & 63)
        bits = top
        T[T_BITS] = top + words
    else:
        component = V[view, V_OTHER]
        top = T[T_TEXTS]
        X[top, 0] = used
        X[top, 1] = -1
        X[top, 2] = text
        X[top, 3] = 0
        T[T_TEXTS] = top + 1
        used = top
    if component < 0:
        return 0, component, f
    if V[view, V_ORDERED] == 1:
        count = rank
    return 1, component, new_frame(F, T, F[f, 0], view, bits, count, used, F[f, 5])


# ---- string content


@njit
def length_allows(RM, S, leaf, row, count):
    """Whether ``count`` code points, now at ``row``, can still end within the maximum."""
    maximum = S[leaf, S_MAXIMUM]
    return maximum < 0 or count + RM[row, 1] <= maximum


@njit(inline="never")
def feed(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, byte):
    """One byte of unescaped text; -> (status, kind, a, r)."""
    if kind == STRING:
        if R[a, 0] == UNEXPANDED:
            return need(T, N, NEED_ROW, a, 0, 0, 0), kind, a, r
        row = np.int64(R[a, byte])
        if row < 0:
            return 0, kind, a, r
        leaf = r >> 32
        maximum = S[leaf, S_MAXIMUM]
        if maximum >= 0:
            if (byte & 0xC0) != 0x80:
                r += 1
            if (r & 0xFFFFFFFF) + RM[row, 1] > maximum:
                return 0, kind, a, r
        elif (byte & 0xC0) != 0x80 and (r & 0xFFFFFFFF) < S[leaf, S_MINIMUM]:
            r += 1
        return 1, kind, row, r
    if kind == KEY_OTHER:
        row = np.int64(R[a, byte])
        if row < 0:
            return 0, kind, a, r
        return 1, kind, row, text_append(X, T, r, byte)
    lo = r & MASK20
    hi = (r >> 20) & MASK20
    depth = r >> 40
    if kind == MEMBER:
        base = S[a, S_MEMBERS]
        lo = member_bound(P, B, base, 3, lo, hi, depth, byte)
        hi = member_bound(P, B, base, 3, lo, hi, depth, byte + 1)
        if lo >= hi:
            return 0, kind, a, r
        return 1, kind, a, lo | (hi << 20) | ((depth + 1) << 40)
    view = F[f, F_VIEW]
    base = V[view, V_NAME_AT]
    first = member_bound(P, B, base, NAME_FIELDS, lo, hi, depth, byte)
    last = member_bound(P, B, base, NAME_FIELDS, first, hi, depth, byte + 1)
    other = other_allowed(P, V, F, W, view, f)
    if first < last and (other or any_name_allowed(P, V, F, W, view, f, first, last)):
        return 1, kind, a, first | (last << 20) | ((depth + 1) << 40)
    if not other:
        return 0, kind, a, r
    text, row = text_of_prefix(R, P, B, X, T, base, lo, depth)
    row = np.int64(R[row, byte])
    if row < 0:
        return 0, kind, a, r
    return 1, KEY_OTHER, row, text_append(X, T, text, byte)


@njit(inline="never")
def feed_code_point(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, point):
    """One code point (a lone surrogate included, as WTF-8); -> (status, kind, a, r)."""
    if point < 0x80:
        return feed(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, point)
    if point < 0x800:
        count = 1
        byte = 0xC0 | (point >> 6)
    elif point < 0x10000:
        count = 2
        byte = 0xE0 | (point >> 12)
    else:
        count = 3
        byte = 0xF0 | (point >> 18)
    status, kind, a, r = feed(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, byte)
    while status == 1 and count > 0:
        count -= 1
        byte = 0x80 | ((point >> (6 * count)) & 0x3F)
        status, kind, a, r = feed(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, byte)
    return status, kind, a, r


@njit
def at_boundary(R, RM, P, B, V, F, kind, a, r, f):
    """Whether a name being read stands between two code points."""
    if kind == KEY_OTHER:
        return RM[a, 0] != 0
    row = np.int64(ANY_TEXT_ROW)
    start = P[V[F[f, F_VIEW], V_NAME_AT] + (r & MASK20) * NAME_FIELDS]
    for j in range(r >> 40):
        row = R[row, B[start + j]]
    return RM[row, 0] != 0


@njit
def member_code_point_bound(P, B, base, stride, lo, hi, depth, point):
    """The first member of lo..hi (equal up to ``depth``) that continues with a code point >= ``point``."""
    while lo < hi:
        mid = (lo + hi) >> 1
        at = base + mid * stride
        length = P[at + 1] - depth
        value = np.int64(-1)
        if length > 0:
            start = P[at] + depth
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


@njit(inline="never")
def any_code_point(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, low, high):
    """Whether some code point of low..high can be fed and leaves something live: 1, 0, or -1 (a need)."""
    if low > high:
        return 0
    if kind == KEY_OTHER:
        return 1 if RM[a, 0] != 0 else 0
    if kind == KEY or kind == MEMBER:
        if kind == MEMBER:
            base = S[a, S_MEMBERS]
            stride = 3
        else:
            view = F[f, F_VIEW]
            base = V[view, V_NAME_AT]
            stride = NAME_FIELDS
            if other_allowed(P, V, F, W, view, f):
                return 1 if at_boundary(R, RM, P, B, V, F, kind, a, r, f) else 0
        depth = r >> 40
        lo = member_code_point_bound(P, B, base, stride, r & MASK20, (r >> 20) & MASK20, depth, low)
        hi = member_code_point_bound(P, B, base, stride, lo, (r >> 20) & MASK20, depth, high + 1)
        if kind == MEMBER:
            return 1 if lo < hi else 0
        return 1 if any_name_allowed(P, V, F, W, F[f, F_VIEW], f, lo, hi) else 0
    leaf = r >> 32
    count = (r & 0xFFFFFFFF) + 1
    if S[leaf, S_MAXIMUM] >= 0 and count > S[leaf, S_MAXIMUM]:
        return 0
    if R[a, 0] == UNEXPANDED:
        return need(T, N, NEED_ROW, a, 0, 0, 0)
    pending = False
    point = low
    while point <= high:
        if point < 0x80:
            shift = 0
            row = np.int64(R[a, point])
        elif point < 0x800:
            shift = 6
            row = np.int64(R[a, 0xC0 | (point >> 6)])
        elif point < 0x10000:
            shift = 12
            row = np.int64(R[a, 0xE0 | (point >> 12)])
        else:
            shift = 18
            row = np.int64(R[a, 0xF0 | (point >> 18)])
        block = np.int64(1) << shift
        # Descend until the whole block of code points under this row lies in the range, or it dies.
        # Blocks are clipped where UTF-8 itself has no code points (C2.., E0 A0.., F0 90.., F4 8F).
        while True:
            if row < 0 or not length_allows(RM, S, leaf, row, count):
                break
            first = (point >> shift) << shift
            last = min(first + block - 1, 0x10FFFF)
            if shift == 12 and first == 0:
                first = 0x800
            if shift == 18 and first == 0:
                first = 0x10000
            if shift == 0 or (first == point and last <= high):
                return 1
            if R[row, 0] == UNEXPANDED:
                need(T, N, NEED_ROW, row, 0, 0, 0)
                pending = True
                break
            shift -= 6
            block >>= 6
            row = np.int64(R[row, 0x80 | ((point >> shift) & 0x3F)])
        point = ((point >> shift) + 1) << shift
    return -1 if pending else 0


@njit(inline="never")
def any_unit(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, low, high):
    """As `any_code_point` for one escaped UTF-16 unit; high surrogates also begin pairs."""
    found = any_code_point(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, low, high)
    if found != 0:
        return found
    first = max(low, 0xD800)
    last = min(high, 0xDBFF)
    if first > last:
        return 0
    return any_code_point(
        R,
        RM,
        S,
        V,
        P,
        B,
        F,
        W,
        T,
        N,
        kind,
        a,
        r,
        f,
        0x10000 + ((first - 0xD800) << 10),
        0x10000 + ((last - 0xD800) << 10) + 0x3FF,
    )


@njit(inline="never")
def escape_live(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, e, f):
    """Whether the escape that ``e`` describes can be completed: 1, 0, or -1 (a need)."""
    if kind == STRING and a == ANY_TEXT_ROW and S[r >> 32, S_MAXIMUM] < 0:
        return 1
    texts = T[T_TEXTS]
    status = escape_live_at(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, e, f)
    T[T_TEXTS] = texts
    return status


@njit(inline="never")
def escape_live_at(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, e, f):
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
                found = any_code_point(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, point, point)
                if found != 0:
                    return found
        return any_unit(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, low, high)
    surrogate = np.int64(0xD800) + ((e >> 21) & 0x3FF)
    pair = 0x10000 + ((surrogate - 0xD800) << 10)
    if phase == 0:
        low = np.int64(0xDC00)
        high = np.int64(0xDFFF)
    first = max(low, 0xDC00)
    last = min(high, 0xDFFF)
    if first <= last:
        found = any_code_point(
            R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, pair + (first - 0xDC00), pair + (last - 0xDC00)
        )
        if found != 0:
            return found
    status, kind, a, r = feed_code_point(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, surrogate)
    if status != 1 or phase == 0:
        return status
    if phase == 1:
        for i in range(8):
            point = _SIMPLE[i]
            found = any_code_point(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, point, point)
            if found != 0:
                return found
    found = any_unit(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, low, min(high, 0xDBFF))
    if found != 0:
        return found
    return any_unit(R, RM, S, V, P, B, F, W, T, N, kind, a, r, f, max(low, 0xE000), high)


@njit(inline="never")
def close_string(R, RM, S, V, P, B, F, W, X, H, T, N, kind, a, r, f):
    """The closing quote; -> (status, kind, a, r, f)."""
    if kind == STRING:
        leaf = r >> 32
        label = RM[a, 0]
        if label == 0 or (r & 0xFFFFFFFF) < S[leaf, S_MINIMUM]:
            return 0, kind, a, r, f
        if S[leaf, S_SHAPE] == 0:
            label = S[leaf, S_LABEL]
        status, kind, f = finish(F, V, H, T, N, label, f)
        return status, kind, np.int64(0), np.int64(0), f
    if kind == MEMBER:
        at = S[a, S_MEMBERS] + (r & MASK20) * 3
        if P[at + 1] != r >> 40:
            return 0, kind, a, r, f
        status, kind, f = finish(F, V, H, T, N, P[at + 2], f)
        return status, kind, np.int64(0), np.int64(0), f
    if kind == KEY:
        view = F[f, F_VIEW]
        i = r & MASK20
        text = np.int64(-1)
        if P[V[view, V_NAME_AT] + i * NAME_FIELDS + 1] != r >> 40:
            text, row = text_of_prefix(R, P, B, X, T, V[view, V_NAME_AT], i, r >> 40)
            if RM[row, 0] == 0:
                return 0, kind, a, r, f
            i = np.int64(-1)
    else:
        if RM[a, 0] == 0:
            return 0, kind, a, r, f
        i = np.int64(-1)
        text = r
    status, component, f = select_name(P, F, W, X, V, H, T, N, f, i, text)
    return status, COLON, component, np.int64(0), f


@njit(inline="never")
def string_step(R, RM, S, V, P, B, F, W, X, H, T, N, kind, a, r, e, f, byte):
    """One byte inside a JSON string or name; -> (status, kind, a, r, e, f)."""
    phase = e & 3
    if phase == 0:
        if byte == 0x22:
            if e & PENDING:
                status, kind, a, r = feed_code_point(
                    R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, 0xD800 + ((e >> 21) & 0x3FF)
                )
                if status != 1:
                    return status, kind, a, r, e, f
            status, kind, a, r, f = close_string(R, RM, S, V, P, B, F, W, X, H, T, N, kind, a, r, f)
            return status, kind, a, r, np.int64(0), f
        if byte < 0x20:
            return 0, kind, a, r, e, f
        if byte == 0x5C:
            e = (e & ~RAW_ED) | 1
            return escape_live(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, e, f), kind, a, r, e, f
        if e & PENDING:
            status, kind, a, r = feed_code_point(
                R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, 0xD800 + ((e >> 21) & 0x3FF)
            )
            if status != 1:
                return status, kind, a, r, e, f
        if e & RAW_ED and byte >= 0xA0:
            return 0, kind, a, r, e, f
        status, kind, a, r = feed(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, byte)
        if byte != 0xED:
            return status, kind, a, r, np.int64(0), f
        if status != 1:
            return status, kind, a, r, e, f
        # A raw ED may only begin U+D000..U+D7FF: is one of them live?
        if kind == STRING:
            if R[a, 0] == UNEXPANDED:
                return need(T, N, NEED_ROW, a, 0, 0, 0), kind, a, r, e, f
            status = 0
            for follow in range(0x80, 0xA0):
                row = R[a, follow]
                if row >= 0 and length_allows(RM, S, r >> 32, row, r & 0xFFFFFFFF):
                    status = 1
                    break
        elif kind == MEMBER:
            lo = r & MASK20
            status = 1 if member_at(P, B, S[a, S_MEMBERS], 3, lo, r >> 40) < 0xA0 else 0
        elif kind == KEY and not other_allowed(P, V, F, W, F[f, F_VIEW], f):
            view = F[f, F_VIEW]
            hi = member_bound(P, B, V[view, V_NAME_AT], NAME_FIELDS, r & MASK20, (r >> 20) & MASK20, r >> 40, 0xA0)
            status = 1 if any_name_allowed(P, V, F, W, view, f, r & MASK20, hi) else 0
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
            return escape_live(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, e, f), kind, a, r, e, f
        else:
            return 0, kind, a, r, e, f
        if e & PENDING:
            status, kind, a, r = feed_code_point(
                R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, 0xD800 + ((e >> 21) & 0x3FF)
            )
            if status != 1:
                return status, kind, a, r, e, f
        status, kind, a, r = feed_code_point(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, point)
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
        return escape_live(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, e, f), kind, a, r, e, f
    if e & PENDING:
        surrogate = np.int64(0xD800) + ((e >> 21) & 0x3FF)
        if 0xDC00 <= value <= 0xDFFF:
            point = 0x10000 + ((surrogate - 0xD800) << 10) + (value - 0xDC00)
            status, kind, a, r = feed_code_point(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, point)
            return status, kind, a, r, np.int64(0), f
        status, kind, a, r = feed_code_point(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, surrogate)
        if status != 1:
            return status, kind, a, r, e, f
    if 0xD800 <= value <= 0xDBFF:
        e = PENDING | ((value - 0xD800) << 21)
        return escape_live(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, e, f), kind, a, r, e, f
    status, kind, a, r = feed_code_point(R, RM, S, V, P, B, F, W, X, T, N, kind, a, r, f, value)
    return status, kind, a, r, np.int64(0), f


@njit(inline="never")
def value_step(C, S, V, P, F, W, T, N, a, f, byte):
    """The first byte of a value of component ``a``; -> (status, kind, a, r, e, f)."""
    zero = np.int64(0)
    if C[a, C_EXPANDED] == 0:
        return need(T, N, NEED_COMPONENT, a, 0, 0, 0), DONE, a, zero, zero, f
    if byte == 0x22:
        leaf = C[a, C_STRING]
        if leaf < 0:
            return 0, DONE, a, zero, zero, f
        if S[leaf, S_SHAPE] == 2:
            return 1, MEMBER, leaf, S[leaf, S_COUNT] << 20, zero, f
        return 1, STRING, S[leaf, S_ROW], leaf << 32, zero, f
    if byte == 0x7B or byte == 0x5B:
        view = C[a, C_OBJECT] if byte == 0x7B else C[a, C_ARRAY]
        if view < 0:
            return 0, DONE, a, zero, zero, f
        depth = F[f, F_DEPTH] + 1 if f >= 0 else 1
        if depth > T[T_DEPTH_LIMIT]:
            return need(T, N, NEED_DEPTH, depth, 0, 0, 0), DONE, a, zero, zero, f
        bits = T[T_BITS]
        for w in range(V[view, V_WORDS]):
            W[bits + w] = 0
        T[T_BITS] = bits + V[view, V_WORDS]
        count = np.int64(-1) if byte == 0x7B else zero
        f = new_frame(F, T, f, view, bits, count, np.int64(-1), depth)
        return 1, OBJECT_OPEN if byte == 0x7B else ARRAY_OPEN, zero, zero, zero, f
    if byte == 0x6E or byte == 0x74 or byte == 0x66:
        which = 0 if byte == 0x6E else 1 if byte == 0x74 else 2
        label = C[a, C_NULL + which]
        if label == 0:
            return 0, DONE, a, zero, zero, f
        return 1, LITERAL, np.int64(which), 1 | (label << 8), zero, f
    return 2, DONE, a, zero, zero, f


@njit(inline="never")
def step(R, RM, C, S, V, P, B, F, W, X, H, T, N, kind, a, r, e, f, byte):
    """One byte; -> (status, kind, a, r, e, f); status 1 live, 0 dead, -1 a need was noted."""
    if kind == ROW:
        if R[a, 0] == UNEXPANDED:
            return need(T, N, NEED_ROW, a, 0, 0, 0), kind, a, r, e, f
        row = np.int64(R[a, byte])
        return (1 if row >= 0 else 0), kind, row, r, e, f
    if kind == STRING:
        # The common case first: plain text of a string without a maximum.
        if e == 0 and byte >= 0x20 and byte != 0x22 and byte != 0x5C and byte != 0xED and S[r >> 32, S_MAXIMUM] < 0:
            if R[a, 0] == UNEXPANDED:
                return need(T, N, NEED_ROW, a, 0, 0, 0), kind, a, r, e, f
            row = np.int64(R[a, byte])
            if row < 0:
                return 0, kind, a, r, e, f
            if (byte & 0xC0) != 0x80 and (r & 0xFFFFFFFF) < S[r >> 32, S_MINIMUM]:
                r += 1
            return 1, kind, row, r, e, f
        return string_step(R, RM, S, V, P, B, F, W, X, H, T, N, kind, a, r, e, f, byte)
    if kind == MEMBER or kind == KEY or kind == KEY_OTHER:
        return string_step(R, RM, S, V, P, B, F, W, X, H, T, N, kind, a, r, e, f, byte)
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
        status, kind, f = finish(F, V, H, T, N, r >> 8, f)
        return status, kind, zero, zero, zero, f
    if kind == NUMBER_ROW or kind == NUMBER:
        if 0x30 <= byte <= 0x39 or byte == 0x2E or byte == 0x2D or byte == 0x2B or byte == 0x65 or byte == 0x45:
            if kind == NUMBER_ROW:
                if R[a, 0] == UNEXPANDED:
                    return need(T, N, NEED_ROW, a, 0, 0, 0), kind, a, r, e, f
                row = np.int64(R[a, byte])
                return (1 if row >= 0 else 0), kind, row, r, e, f
            status, mantissa, packed = number_step(P, a, r, e, byte)
            if status == 2:
                row = number_row(H, T, N, a, r, e, byte)
                if row < 0:
                    return (0 if row == -2 else -1), kind, a, r, e, f
                return 1, NUMBER_ROW, row, zero, zero, f
            return status, kind, a, mantissa, packed, f
        if f < 0 or not (byte == 0x2C or byte == 0x7D or byte == 0x5D or byte == 0x20 or 9 <= byte <= 13):
            return 0, kind, a, r, e, f
        label = RM[a, 0] if kind == NUMBER_ROW else number_label(P, a, r, e)
        if label < 0:
            row = number_row(H, T, N, a, r, e, -1)
            if row == -1:
                return -1, kind, a, r, e, f
            label = RM[row, 0] if row >= 0 else zero
        if label == 0:
            return 0, kind, a, r, e, f
        status, kind, f = finish(F, V, H, T, N, label, f)
        if status != 1:
            return status, kind, a, r, e, f
        a = zero
        r = zero
        e = zero
    # Structure: whitespace first, then what the kind allows.
    if kind == DONE:
        return 0, kind, a, r, e, f
    if byte <= 0x20:
        r = whitespace_step(T, r, byte)
        return (1 if r >= 0 else 0), kind, a, r, e, f
    if kind == VALUE or (kind == ARRAY_OPEN and byte != 0x5D):
        if kind == ARRAY_OPEN:
            status, a, f = next_item(P, F, V, H, T, N, f)
            if status != 1:
                return status, kind, a, r, e, f
        status, kind, b, r, e, f = value_step(C, S, V, P, F, W, T, N, a, f, byte)
        if status != 2:
            return status, kind, b, r, e, f
        if not (byte == 0x2D or 0x30 <= byte <= 0x39) or C[b, C_NUMBER_KIND] == 0:
            return 0, kind, b, r, e, f
        a = C[b, C_NUMBER]
        if C[b, C_NUMBER_KIND] == 1:
            if R[a, 0] == UNEXPANDED:
                return need(T, N, NEED_ROW, a, 0, 0, 0), NUMBER_ROW, a, zero, zero, f
            row = np.int64(R[a, byte])
            return (1 if row >= 0 else 0), NUMBER_ROW, row, zero, zero, f
        status, mantissa, packed = number_step(P, a, zero, zero, byte)
        if status == 2:
            row = number_row(H, T, N, a, zero, zero, byte)
            if row < 0:
                return (0 if row == -2 else -1), NUMBER, a, zero, zero, f
            return 1, NUMBER_ROW, row, zero, zero, f
        return status, NUMBER, a, mantissa, packed, f
    view = F[f, F_VIEW]
    if kind == OBJECT_OPEN or kind == OBJECT_COMMA:
        if byte == 0x22:
            if not may_add_name(P, V, F, W, view, f):
                return 0, kind, a, r, e, f
            names = V[view, V_NAMES]
            if names == 0:
                return 1, KEY_OTHER, np.int64(ANY_TEXT_ROW), np.int64(-1), zero, f
            return 1, KEY, zero, names << 20, zero, f
        if byte == 0x7D and kind == OBJECT_OPEN:
            status, kind, f = close_object(P, F, W, V, H, T, N, f)
            return status, kind, zero, zero, zero, f
        return 0, kind, a, r, e, f
    if kind == COLON:
        return (1 if byte == 0x3A else 0), VALUE, a, zero, zero, f
    if kind == AFTER_VALUE:
        if byte == 0x2C:
            return (1 if may_add_name(P, V, F, W, view, f) else 0), OBJECT_COMMA, zero, zero, zero, f
        if byte == 0x7D:
            status, kind, f = close_object(P, F, W, V, H, T, N, f)
            return status, kind, zero, zero, zero, f
        return 0, kind, a, r, e, f
    # ARRAY_OPEN with ], AFTER_ITEM
    if byte == 0x5D:
        status, kind, f = close_array(P, F, V, H, T, N, f)
        return status, kind, zero, zero, zero, f
    if byte == 0x2C and kind == AFTER_ITEM:
        status, a, f = next_item(P, F, V, H, T, N, f)
        return status, VALUE, a, zero, zero, f
    return 0, kind, a, r, e, f


# ---- entry points


@njit
def accepting(RM, P, H, T, N, kind, a, r, e, f):
    """1 where the text may stop, 0 where not, -1 after noting a need."""
    if kind == DONE:
        return 1
    if f >= 0:
        return 0
    if kind == ROW or kind == NUMBER_ROW:
        return 1 if RM[a, 0] != 0 else 0
    if kind == NUMBER:
        label = number_label(P, a, r, e)
        if label < 0:
            row = number_row(H, T, N, a, r, e, -1)
            if row == -1:
                return -1
            return 1 if row >= 0 and RM[row, 0] != 0 else 0
        return 1 if label != 0 else 0
    return 0


@njit
def frame_hash(F, W, V, f):
    x = F[f, 0] * 0x9E3779B1 ^ F[f, 1] * 0x85EBCA6B ^ F[f, 3] * 0xC2B2AE35 ^ F[f, 4] * 0x27D4EB2F
    for w in range(V[F[f, 1], V_WORDS]):
        x = (x ^ W[F[f, 2] + w]) * 0x100000001B3
    return x ^ (x >> 31) ^ (x >> 17)


@njit
def same_frame(F, W, V, f, g):
    if F[f, 0] != F[g, 0] or F[f, 1] != F[g, 1] or F[f, 3] != F[g, 3] or F[f, 4] != F[g, 4]:
        return False
    for w in range(V[F[f, 1], V_WORDS]):
        if W[F[f, 2] + w] != W[F[g, 2] + w]:
            return False
    return True


@njit(inline="never")
def intern_frames(F, W, V, T, FH, scratch, f, frames, bits):
    """Keep of the frames made since (``frames``, ``bits``) only the chain under ``f``, each once.

    Returns the id of the kept frame; the tops end after what is kept.
    """
    count = 0
    g = f
    while g >= frames:
        scratch[count] = g
        count += 1
        g = F[g, 0]
    mask = FH.shape[0] - 1
    parent = g
    T[T_FRAMES] = frames
    T[T_BITS] = bits
    while count > 0:
        count -= 1
        g = scratch[count]
        F[g, 0] = parent
        i = frame_hash(F, W, V, g) & mask
        found = -1
        while FH[i] >= 0:
            if same_frame(F, W, V, FH[i], g):
                found = FH[i]
                break
            i = (i + 1) & mask
        if found < 0:
            # Sources lie at or above the tops, so that moving down never overwrites what is still to come.
            found = T[T_FRAMES]
            words = V[F[g, 1], V_WORDS]
            at = T[T_BITS]
            source = F[g, 2]
            if source >= at:
                for w in range(words):
                    W[at + w] = W[source + w]
                source = at
                T[T_BITS] = at + words
            for c in range(6):
                F[found, c] = F[g, c]
            F[found, 2] = source
            T[T_FRAMES] = found + 1
            FH[i] = found
        parent = found
    return parent


@njit(inline="never")
def intern_configuration(K, T, KH, kind, a, r, e, f):
    x = kind * 0x9E3779B1 ^ a * 0x85EBCA6B ^ r * 0xC2B2AE35 ^ e * 0x27D4EB2F ^ f * 0x165667B1
    x ^= (x >> 31) ^ (x >> 15)
    mask = KH.shape[0] - 1
    i = x & mask
    while KH[i] >= 0:
        c = KH[i]
        if K[c, 0] == kind and K[c, 1] == a and K[c, 2] == r and K[c, 3] == e and K[c, 4] == f:
            return np.int64(c)
        i = (i + 1) & mask
    c = T[T_CONFIGURATIONS]
    K[c, 0] = kind
    K[c, 1] = a
    K[c, 2] = r
    K[c, 3] = e
    K[c, 4] = f
    K[c, 5] = x
    KH[i] = c
    T[T_CONFIGURATIONS] = c + 1
    return c


def advance(R, RM, C, S, V, P, B, F, W, X, H, T, N, K, FH, KH, scratch, configuration, data):
    """Read the bytes ``data`` from ``configuration``; return the number of bytes that were taken.

    All were taken: ``T[T_RESULT]`` is the configuration reached.  Fewer: the machine is dead there
    (``T[T_NEEDS] == 0``) or Python must expand the needs and call again; then nothing is kept.
    """
    kind = K[configuration, 0]
    a = K[configuration, 1]
    r = K[configuration, 2]
    e = K[configuration, 3]
    f = K[configuration, 4]
    frames = T[T_FRAMES]
    bits = T[T_BITS]
    texts = T[T_TEXTS]
    T[T_NEEDS] = 0
    for i in range(data.shape[0]):
        status, kind, a, r, e, f = step(R, RM, C, S, V, P, B, F, W, X, H, T, N, kind, a, r, e, f, np.int64(data[i]))
        if status != 1:
            T[T_FRAMES] = frames
            T[T_BITS] = bits
            T[T_TEXTS] = texts
            if T[T_NEEDS] != 0 and status == 0:
                T[T_NEEDS] = 0
            return i
    T[T_NEEDS] = 0
    f = intern_frames(F, W, V, T, FH, scratch, f, frames, bits)
    T[T_RESULT] = intern_configuration(K, T, KH, kind, a, r, e, f)
    return data.shape[0]


def walk(R, RM, C, S, V, P, B, F, W, X, H, T, N, K, stack, nodes, segments, configuration, out):
    """Set in ``out`` the bit of every token in the trie segments that can be read from ``configuration``.

    ``segments``: int64[n, 2], begin and end of depth-first tries in ``nodes``.  Subtrees that need
    an expansion are skipped and noted; ``T[T_NEEDS]`` counts them.
    """
    frames = T[T_FRAMES]
    bits = T[T_BITS]
    texts = T[T_TEXTS]
    T[T_NEEDS] = 0
    for c in range(5):
        stack[0, c] = K[configuration, c]
    stack[0, 5] = frames
    stack[0, 6] = bits
    stack[0, 7] = texts
    kind = stack[0, 0]
    structural = not (kind == ROW or kind == STRING or kind == MEMBER or kind == KEY or kind == KEY_OTHER)
    wanted = np.ones(256, np.bool_)
    if structural:
        wanted[:] = False
        for i in range(_STRUCTURAL.shape[0]):
            wanted[_STRUCTURAL[i]] = True
    steps = 0
    for segment in range(segments.shape[0]):
        i = np.int64(segments[segment, 0])
        end = np.int64(segments[segment, 1])
        while i < end:
            byte = np.int64(nodes[i, 0])
            depth = np.int64(nodes[i, 3])
            if depth == 1 and not wanted[byte]:
                i = np.int64(nodes[i, 1])
                continue
            steps += 1
            above = depth - 1
            T[T_FRAMES] = stack[above, 5]
            T[T_BITS] = stack[above, 6]
            T[T_TEXTS] = stack[above, 7]
            status, kind, a, r, e, f = step(
                R,
                RM,
                C,
                S,
                V,
                P,
                B,
                F,
                W,
                X,
                H,
                T,
                N,
                stack[above, 0],
                stack[above, 1],
                stack[above, 2],
                stack[above, 3],
                stack[above, 4],
                byte,
            )
            if status != 1:
                i = np.int64(nodes[i, 1])
                continue
            token = nodes[i, 2]
            if token >= 0:
                out[token >> 5] |= np.uint32(1) << np.uint32(token & 31)
            i += 1
            if i < end and nodes[i, 3] > depth:
                stack[depth, 0] = kind
                stack[depth, 1] = a
                stack[depth, 2] = r
                stack[depth, 3] = e
                stack[depth, 4] = f
                stack[depth, 5] = T[T_FRAMES]
                stack[depth, 6] = T[T_BITS]
                stack[depth, 7] = T[T_TEXTS]
    T[T_FRAMES] = frames
    T[T_BITS] = bits
    T[T_TEXTS] = texts
    T[T_STEPS] = steps


def next_bytes(R, RM, C, S, V, P, B, F, W, X, H, T, N, K, configuration, out):
    """out[b] = 1 where byte ``b`` may come next; returns `accepting`.  Needs are noted."""
    frames = T[T_FRAMES]
    bits = T[T_BITS]
    texts = T[T_TEXTS]
    T[T_NEEDS] = 0
    for byte in range(256):
        status, kind, a, r, e, f = step(
            R,
            RM,
            C,
            S,
            V,
            P,
            B,
            F,
            W,
            X,
            H,
            T,
            N,
            K[configuration, 0],
            K[configuration, 1],
            K[configuration, 2],
            K[configuration, 3],
            K[configuration, 4],
            np.int64(byte),
        )
        out[byte] = 1 if status == 1 else 0
        T[T_FRAMES] = frames
        T[T_BITS] = bits
        T[T_TEXTS] = texts
    return accepting(
        RM,
        P,
        H,
        T,
        N,
        K[configuration, 0],
        K[configuration, 1],
        K[configuration, 2],
        K[configuration, 3],
        K[configuration, 4],
    )


def prove(R, RM, T, N, tables, table_at, pairs, row):
    """Which slices lie wholly within the live prefixes of ``row``: a bit set, kept in RM.

    ``tables``: int16[n, 256], all slice automata below each other, ``table_at[s]`` the first state of slice s.
    ``pairs``: int64 scratch.  Exact product exploration with a budget; past it a slice counts as
    unproven, which only costs time.  Rows that are not expanded are noted as needs, and the result is not kept.
    """
    T[T_NEEDS] = 0
    proven = np.int64(0)
    farthest = np.int64(0)
    for s in range(table_at.shape[0] - 1):
        base = table_at[s]
        count = 1
        pairs[0] = row
        done = 0
        holds = True
        missing = False
        reach = np.int64(0)
        while done < count and holds:
            state = pairs[done] >> 32
            at = pairs[done] & 0xFFFFFFFF
            done += 1
            if R[at, 0] == UNEXPANDED:
                missing = True
                need(T, N, NEED_ROW, at, 0, 0, 0)
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
                known = False
                for k in range(count):
                    if pairs[k] == pair:
                        known = True
                        break
                if not known:
                    if count >= pairs.shape[0]:
                        holds = False
                        break
                    pairs[count] = pair
                    count += 1
                    reach = max(reach, RM[target, 1])
        if holds and not missing:
            proven |= np.int64(1) << s
            farthest = max(farthest, reach)
        elif not holds and missing:
            # Disproved before the missing rows mattered: they are not needed for this slice.
            pass
        if holds and missing:
            return -1
    RM[row, 2] = proven
    RM[row, 3] = farthest
    return proven


def maintain(operation, F, W, V, FH, K, KH, H, T, a, b, c, d, e):
    """The rare table operations that must hash as the kernels do.

    0: keep ``e`` under the key (a, b, c, d) of ``H``; 1: fill ``FH`` with all frames; 2: fill ``KH``
    with all configurations; 3: intern the configuration (a, b, c, d, e) and return it.
    """
    if operation == 0:
        i = look_up(H, a, b, c, d)
        H[i, 0] = a
        H[i, 1] = b
        H[i, 2] = c
        H[i, 3] = d
        H[i, 4] = e
        return i
    if operation == 1:
        mask = FH.shape[0] - 1
        for f in range(T[T_FRAMES]):
            i = frame_hash(F, W, V, f) & mask
            while FH[i] >= 0:
                i = (i + 1) & mask
            FH[i] = f
        return np.int64(0)
    if operation == 2:
        mask = KH.shape[0] - 1
        for configuration in range(T[T_CONFIGURATIONS]):
            i = K[configuration, 5] & mask
            while KH[i] >= 0:
                i = (i + 1) & mask
            KH[i] = configuration
        return np.int64(0)
    return intern_configuration(K, T, KH, a, b, c, d, e)


_I32 = "int32[:,::1]"
_I64 = "int64[:,::1]"
_TABLES = f"{_I32}, {_I64}, {_I64}, {_I64}, {_I64}, int64[::1], uint8[::1], {_I64}, int64[::1], {_I64}, {_I64}, int64[::1], {_I64}"

advance = njit(
    f"int64({_TABLES}, {_I64}, int32[::1], int32[::1], int64[::1], int64, Array(uint8, 1, 'C', readonly=True))",
    cache=True,
    nogil=True,
)(advance)
walk = njit(
    f"void({_TABLES}, {_I64}, {_I64}, {_I32}, {_I64}, int64, uint32[::1])",
    cache=True,
    nogil=True,
)(walk)
next_bytes = njit(f"int64({_TABLES}, {_I64}, int64, uint8[::1])", cache=True, nogil=True)(next_bytes)
prove = njit(
    f"int64({_I32}, {_I64}, int64[::1], {_I64}, int16[:,::1], int64[::1], int64[::1], int64)", cache=True, nogil=True
)(prove)
maintain = njit(
    f"int64(int64, {_I64}, int64[::1], {_I64}, int32[::1], {_I64}, int32[::1], {_I64}, int64[::1], "
    "int64, int64, int64, int64, int64)",
    cache=True,
    nogil=True,
)(maintain)
