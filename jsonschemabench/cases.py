"""A case: a JSON Schema with labelled instances; the unit that every part of the harness works on.

Purpose: one frozen form for all data sources, with one JSON record for pipes between processes and run folders.
Place: made by `jsonschemabench.dataset`; consumed by workers, verdicts and reports.
Cost: an instance keeps its text, so it is dumped once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jsonschemabench.errors import DataError

JsonValue: TypeAlias = Any
"""What `json.loads` gives: dict, list, str, int, float, bool or None."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A JSON text and whether the schema allows it; ``valid`` is None where nobody labelled it.

    ``text`` is what engines read: as written where the source gives a text, else MaskBench's form,
    ``json.dumps(data, ensure_ascii=False)``.
    """

    text: str
    valid: bool | None


@dataclass(frozen=True, slots=True)
class Case:
    """A schema with its instances.

    ``split`` is the group that reports count by.  ``reference`` is the text of an expected answer, and ``instruction``
    what was asked for: the measures of generated outputs use both, where a source has them.
    """

    identifier: str
    split: str
    schema: JsonValue
    instances: tuple[Instance, ...] = ()
    instruction: str | None = None
    reference: str | None = None

    def record(self) -> dict[str, Any]:
        """The case as a JSON object; `case_of` reads it back."""
        tests: list[dict[str, Any]] = [{"valid": one.valid, "text": one.text} for one in self.instances]
        record: dict[str, Any] = {"id": self.identifier, "split": self.split, "schema": self.schema, "tests": tests}
        if self.instruction is not None:
            record["instruction"] = self.instruction
        if self.reference is not None:
            record["reference_text"] = self.reference
        return record


def dump(value: JsonValue) -> str:
    """The text of a JSON value in MaskBench's form: ``", "`` and ``": "``, characters as they are.

    A string with a lone surrogate, which no UTF-8 text can hold, makes the whole value ASCII with escapes.
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def case_of(row: Mapping[str, Any], where: str, *, split: str | None = None) -> Case:
    """The case of a row ``{"id", "split", "schema", "tests": [{"valid", "data"} or {"valid", "text"}]}``.

    ``split`` is for rows that name none; without it, it is what stands before ``---`` or ``_`` in the id.
    Raises `DataError`, which names ``where``.
    """
    if "schema" not in row or "id" not in row:
        raise DataError(f"{where}: a row needs 'id' and 'schema'")
    identifier = str(row["id"])
    instances = []
    tests = row.get("tests")
    if tests is None:
        tests = []
    if not isinstance(tests, list):
        raise DataError(f"{where}: 'tests' is not a list")
    for number, test in enumerate(tests):
        if not isinstance(test, dict) or not ("data" in test or isinstance(test.get("text"), str)):
            raise DataError(f"{where}: test {number} has neither 'data' nor 'text'")
        valid = test.get("valid")
        if valid is not None and not isinstance(valid, bool):
            raise DataError(f"{where}: test {number} has the label {valid!r}; it must be true, false or null")
        instances.append(Instance(test["text"] if "text" in test else dump(test["data"]), valid))
    reference = row.get("reference_text")
    if reference is None and "reference" in row:
        reference = dump(row["reference"])
    return Case(
        identifier=identifier,
        split=str(row.get("split") or split or split_of(identifier)),
        schema=row["schema"],
        instances=tuple(instances),
        instruction=row.get("instruction"),
        reference=reference,
    )


def split_of(identifier: str) -> str:
    """The split that MaskBench's file names carry: what stands before ``---``, or before the first ``_``."""
    head, separator, _ = identifier.partition("---")
    return head if separator else identifier.partition("_")[0]
