"""Sets of bytes as 256-bit integers, and partitions of the alphabet.

Purpose: a derivative is computed once for each class of bytes that behave alike, never once for
each byte; this is the arithmetic on those classes.
Place: used by `derivative`, `lookaround` and `lazydfa`.
Cost: one Python integer operation (about 50 ns) for each pair of classes that is compared.
Not taken: sorted ranges.  Intersecting two 256-bit integers is cheaper than merging two lists.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from grammarlib.ir.regex import ALL_BYTES

_SPAN_CACHE_SIZE = 4096
_spans: dict[int, tuple[tuple[int, int], ...]] = {}
_indices: dict[int, NDArray[np.intp]] = {}


def byte_set(*ranges: tuple[int, int]) -> int:
    """The bit set of inclusive byte ranges."""
    members = 0
    for low, high in ranges:
        members |= ((1 << (high - low + 1)) - 1) << low
    return members


def spans(members: int) -> tuple[tuple[int, int], ...]:
    """The maximal runs of ``members`` as (first byte, last byte + 1), ascending."""
    found = _spans.get(members)
    if found is not None:
        return found
    result = []
    rest = members
    position = 0
    while rest:
        low = (rest & -rest).bit_length() - 1
        position += low
        rest >>= low
        length = (~rest & (rest + 1)).bit_length() - 1
        result.append((position, position + length))
        position += length
        rest >>= length
    spanned = tuple(result)
    if len(_spans) >= _SPAN_CACHE_SIZE:
        _spans.clear()
    _spans[members] = spanned
    return spanned


def paint(row: NDArray[np.int32], members: int, value: int) -> None:
    """Write ``value`` at every byte of ``members``."""
    runs = _spans.get(members) or spans(members)
    if len(runs) <= 4:
        for low, high in runs:
            row[low:high] = value
        return
    indices = _indices.get(members)
    if indices is None:
        indices = np.concatenate([np.arange(low, high) for low, high in runs])
        if len(_indices) >= _SPAN_CACHE_SIZE:
            _indices.clear()
        _indices[members] = indices
    row[indices] = value


def lowest(members: int) -> int:
    """The smallest byte of a non-empty set."""
    return (members & -members).bit_length() - 1


def refine(classes: Iterable[int]) -> list[tuple[int, list[int]]]:
    """Split overlapping byte sets into disjoint ones: (bytes, indices of the sets that hold them)."""
    result: list[tuple[int, list[int]]] = []
    covered = 0
    for index, members in enumerate(classes):
        if not members & covered:
            result.append((members, [index]))
            covered |= members
            continue
        rest = members & ~covered
        covered |= members
        overlap = members & ~rest
        for position in range(len(result)):
            known, owners = result[position]
            common = known & overlap
            if not common:
                continue
            if common == known:
                owners.append(index)
            else:
                result[position] = (known & ~common, owners)
                result.append((common, [*owners, index]))
            overlap &= ~common
            if not overlap:
                break
        if rest:
            result.append((rest, [index]))
    return result


def everything_but(members: int) -> int:
    """The complement of a byte set."""
    return ALL_BYTES & ~members
