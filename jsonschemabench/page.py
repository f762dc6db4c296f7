"""placeholder"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jsonschemabench.cases import Case
from jsonschemabench.records import Records


def page(records: Records, cases: Mapping[str, Case], engines: Sequence[str] | None = None) -> str:
    return ""
