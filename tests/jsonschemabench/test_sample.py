"""The embedded sample: large enough, over all keywords, and labelled right."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec

import pytest

from jsonschemabench import Case, load
from jsonschemabench.keywords import keywords_of
from jsonschemabench.outcome import labels_of
from jsonschemabench.verdicts import judge, judge_rust, unchecked_formats

ASSERTIONS = """
    $dynamicRef $recursiveRef $ref additionalItems additionalProperties allOf anyOf const contains dependencies
    dependentRequired dependentSchemas else enum exclusiveMaximum exclusiveMinimum false format if items maxContains
    maxItems maxLength maxProperties maximum minContains minItems minLength minProperties minimum multipleOf not oneOf
    pattern patternProperties prefixItems properties propertyNames required then true type unevaluatedItems
    unevaluatedProperties uniqueItems
""".split()

CASES = load("sample")


def test_it_is_large_enough_and_covers_all_keywords() -> None:
    """At least 120 schemas; each keyword that asserts something occurs; nearly all have both labels."""
    assert len(CASES) >= 120
    used = set().union(*(keywords_of(case.schema) for case in CASES))
    assert [keyword for keyword in ASSERTIONS if keyword not in used] == []
    labels = Counter(frozenset(one.valid for one in case.instances) for case in CASES)
    assert labels[frozenset({True, False})] >= len(CASES) - 6
    assert all(None not in kinds for kinds in labels)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.identifier)
def test_its_labels_are_those_of_the_validators(case: Case) -> None:
    """python-jsonschema judges every instance as labelled, and so does jsonschema-rs where it is installed."""
    if unchecked_formats() and case.split in ("formats", "realistic"):
        pytest.skip(f"python-jsonschema lacks libraries for {', '.join(unchecked_formats())}")
    texts = [one.text for one in case.instances]
    labels = labels_of([one.valid for one in case.instances])
    assert judge(case.schema, texts) == (labels, "")
    if find_spec("jsonschema_rs") is not None:
        assert judge_rust(case.schema, texts) == labels


def test_keywords_are_not_property_names() -> None:
    """A property called ``minimum`` is no keyword, nor is one within ``enum`` or ``default``."""
    schema = {
        "properties": {"minimum": {"type": ["string", "null"]}, "items": False},
        "enum": [{"pattern": "x"}],
        "default": {"anyOf": []},
        "x": {"not": {}},
    }
    assert keywords_of(schema) == {"properties", "type", "type:string", "type:null", "false", "enum"}
