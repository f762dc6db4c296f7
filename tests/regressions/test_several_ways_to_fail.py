"""What must fail may do so in several ways, of which a single check was only one.

``not: {allOf: [A, {anyOf: [B, C]}]}`` holds where A fails, and where B and C do.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

import grammarlib as gl

CHECKS = ({"type": "integer"}, {"minimum": 5}, {"multipleOf": 2})


@pytest.mark.parametrize("is_object", [True, False])
@pytest.mark.parametrize("value", [3, "x", 4, 7, 2.5, 8, 6.5])
def test_one_check_fails_or_two_others_do(is_object: bool, value: Any) -> None:
    first, second, third = [{"properties": {"k": check}} if is_object else {"items": check} for check in CHECKS]
    size = {"type": "object", "required": ["k"], "maxProperties": 1} if is_object else {"type": "array", "minItems": 1}
    schema = {**size, "maxItems": 1, "not": {"allOf": [first, {"anyOf": [second, third]}]}}
    instance = {"k": value} if is_object else [value]
    expected = jsonschema.Draft202012Validator(schema).is_valid(instance)
    assert gl.compile(gl.JsonSchema(schema)).accepts(json.dumps(instance)) == expected
