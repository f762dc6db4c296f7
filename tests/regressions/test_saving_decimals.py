"""A schema given as Python objects may hold decimals, which JSON text of ours cannot keep exactly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

import grammarlib as gl


def test_a_decimal_in_a_schema_is_a_typed_error_when_saved(tmp_path: Path) -> None:
    compiled = gl.compile(gl.JsonSchema({"type": "number", "multipleOf": Decimal("0.1")}))
    assert compiled.accepts("0.3") and not compiled.accepts("0.35")
    with pytest.raises(gl.ArtefactError, match="Decimal"):
        compiled.save(tmp_path / "saved.json")
    text = gl.compile(gl.JsonSchema('{"type": "number", "multipleOf": 0.1}'))
    text.save(tmp_path / "saved.json")
    assert gl.load(tmp_path / "saved.json").accepts("0.3")
