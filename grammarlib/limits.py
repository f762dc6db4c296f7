"""Bounds on everything that an untrusted source or text can make grow.

Purpose: `Limits` is passed down from ``gl.compile``; whatever exceeds a bound raises
`grammarlib.errors.LimitExceeded` with the bound's name and both numbers, in bounded time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one compiled source.  All are counts, except where the name says bytes.

    ``source_bytes``: size of the source text.  ``source_depth``: nesting of the source (JSON
    levels of a schema, groups of a pattern, of a grammar expression).  ``regex_nodes``: nodes of one
    regex after parsing, with bounded repeats counted once.  ``states``: automaton states ("rows")
    of one compiled source.  ``components``: JSON contexts or grammar components expanded.
    ``configurations``: interned matcher
    configurations, and ``table_bytes``: memory of one machine's tables; at half of either a compiled source starts
    fresh tables for new matchers, so that only a single text can reach the bound.  ``stack_depth``: nesting of the
    generated text.  ``closure_steps``: work of one transition.  ``mask_cache_bytes``: memory
    for cached masks of one compiled source.  ``tracks``: alternatives of an ``anyOf`` that may
    apply to one value at once.
    """

    source_bytes: int = 16_777_216
    source_depth: int = 2_000
    regex_nodes: int = 100_000
    states: int = 100_000
    components: int = 200_000
    configurations: int = 2_000_000
    table_bytes: int = 268_435_456
    stack_depth: int = 10_000
    closure_steps: int = 200_000
    mask_cache_bytes: int = 67_108_864
    tracks: int = 60

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Limits.{field.name} must be a positive integer, not {value!r}")
