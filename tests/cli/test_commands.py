"""The subcommands, within this process: verdicts, records, exit codes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.conftest import Command

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
UNSUPPORTED = {
    "type": "object",
    "properties": {"a/b": {"type": "string", "format": "regex"}, "c": {"pattern": r"(.)\1"}},
}


class TestCheck:
    """``grammarlib check``."""

    def test_a_good_schema_is_fine(self, command: Command, write: Any) -> None:
        """One line on stdout, nothing on stderr, exit code 0."""
        path = write("person.json", PERSON)
        outcome = command("check", path)
        assert (outcome.code, outcome.stdout, outcome.stderr) == (0, f"{path}: fine\n", "")

    def test_every_unsupported_keyword_is_named_with_its_pointer(self, command: Command, write: Any) -> None:
        """All of them, in one run."""
        outcome = command("check", "--json", write("schema.json", UNSUPPORTED))
        assert outcome.code == 1
        [record] = outcome.records
        assert record["outcome"] == "findings"
        found = {(finding["keyword"], finding["pointer"]) for finding in record["findings"]}
        assert {("format", "/properties/a~1b/format"), ("backreference", "/properties/c/pattern")} <= found

    def test_metaschema_violations_are_findings(self, command: Command, write: Any) -> None:
        """python-jsonschema's word on the schema itself."""
        outcome = command("check", write("schema.json", {"properties": {"a": {"minLength": "3"}}}))
        assert outcome.code == 1
        assert "[metaschema]" in outcome.stdout
        assert "/properties/a/minLength" in outcome.stdout

    def test_an_unsatisfiable_schema_is_a_finding(self, command: Command, write: Any) -> None:
        """No value satisfies it."""
        schema = {"type": "object", "properties": {"a": False}, "required": ["a"]}
        outcome = command("check", "--json", write("schema.json", schema))
        assert outcome.code == 1
        assert outcome.records[0]["findings"]

    def test_doubled_keys_are_a_finding(self, command: Command, write: Any) -> None:
        """JSON readers keep one of them; which, nobody knows."""
        outcome = command("check", write("schema.json", '{"type": "string", "type": "number"}'))
        assert outcome.code == 1
        assert "[duplicate-key]" in outcome.stdout

    def test_several_schemas_and_the_worst_exit_code(self, command: Command, write: Any) -> None:
        """Each is reported; an unreadable one does not stop the others."""
        good, bad, broken = write("a.json", PERSON), write("b.json", UNSUPPORTED), write("c.json", "{")
        outcome = command("check", "--json", broken, bad, good)
        assert outcome.code == 2
        assert [record["outcome"] for record in outcome.records] == ["unreadable", "findings", "fine"]
        assert "c.json" in outcome.stderr
        assert command("check", bad, good).code == 1

    def test_stdin(self, command: Command) -> None:
        """``-`` is stdin, once."""
        assert command("check", "-", stdin="true").code == 0
        assert command("check", "-", "-", stdin="true").code == 2

    def test_a_limit_has_its_own_exit_code(self, command: Command, write: Any) -> None:
        """The message names the limit."""
        outcome = command("check", "--limit", "source_bytes=30", write("long.json", '{"items":' * 9 + "{}" + "}" * 9))
        assert outcome.code == 3
        assert "source_bytes" in outcome.stdout

    def test_hostile_nesting_is_a_limit(self, command: Command) -> None:
        """Deeper than Python's own JSON reader goes."""
        outcome = command("check", "-", stdin='{"items":' * 50_000 + "{}" + "}" * 50_000)
        assert outcome.code == 3
        assert "source_depth" in outcome.stdout

    @pytest.mark.parametrize("option", ["nonsense=3", "states=0", "states=x", "states"])
    def test_a_bad_limit_is_wrong_usage(self, command: Command, write: Any, option: str) -> None:
        """Names and numbers are checked."""
        assert command("check", "--limit", option, write("a.json", True)).code == 2


class TestValidate:
    """``grammarlib validate``."""

    def test_verdicts(self, command: Command, write: Any) -> None:
        """Valid and invalid instances; both verdicts are in the record."""
        schema = write("schema.json", PERSON)
        good = write("good.json", '\n{\n  "age": 3e0,\n  "name": "Ada"\n}\n')
        bad = write("bad.json", {"name": "Adelheid"})
        outcome = command("validate", "--json", schema, good, bad)
        assert outcome.code == 1
        verdicts = [(record["valid"], record["accepted"]) for record in outcome.records]
        assert verdicts == [(True, True), (False, False)]
        assert outcome.records[1]["findings"][0]["pointer"] == "/name"
        assert command("validate", schema, good).code == 0

    def test_lines(self, command: Command, write: Any) -> None:
        """One instance a line; names carry the line number."""
        outcome = command("validate", "--lines", write("s.json", {"type": "integer"}), "-", stdin="1\n\n2.5\n3\n")
        assert outcome.code == 1
        assert re.findall(r"^<stdin>:(\d+): (\[invalid\]|valid)", outcome.stdout, re.MULTILINE) == [
            ("1", "valid"),
            ("3", "[invalid]"),
            ("4", "valid"),
        ]

    def test_doubled_keys_are_named(self, command: Command, write: Any) -> None:
        """python-jsonschema sees the last one only, the automaton refuses."""
        schema = write("schema.json", {"type": "object"})
        outcome = command("validate", "--json", schema, "-", stdin='{"a": 1, "a": 2}')
        assert outcome.code == 1
        [record] = outcome.records
        assert (record["valid"], record["accepted"]) == (True, False)
        assert [finding["code"] for finding in record["findings"]] == ["duplicate-key"]

    def test_disagreement_is_a_finding(self, command: Command, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """An automaton that is wrong is caught."""
        import grammarlib as gl

        monkeypatch.setattr(gl.CompiledGrammar, "accepts", lambda self, text: False)
        outcome = command("validate", write("schema.json", {"type": "object"}), "-", stdin="{}")
        assert outcome.code == 1
        assert "[disagreement]" in outcome.stdout

    def test_a_schema_that_cannot_be_compiled_still_gets_one_verdict(self, command: Command, write: Any) -> None:
        """The refusal is a finding; python-jsonschema judges alone."""
        outcome = command("validate", "--json", write("schema.json", UNSUPPORTED), "-", stdin='{"c": ["x"]}')
        assert outcome.code == 1
        assert outcome.records[0]["schema_finding"]["keyword"] == "format"
        assert (outcome.records[-1]["valid"], outcome.records[-1]["accepted"]) == (True, None)

    def test_a_reference_that_leads_nowhere_is_no_disagreement(self, command: Command, write: Any) -> None:
        """python-jsonschema has no verdict then."""
        outcome = command("validate", "--json", write("schema.json", {"$ref": "#/nowhere"}), "-", stdin="1")
        assert outcome.code == 1
        assert outcome.records[-1]["valid"] is None
        assert [finding["code"] for finding in outcome.records[-1]["findings"]] == ["unresolvable-reference"]

    def test_formats_that_python_jsonschema_cannot_check(
        self, command: Command, write: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its optional libraries the automaton's refusal stands alone, and is named so."""
        from grammarlib.cli import validators

        schema = write("schema.json", {"items": {"format": "date-time"}})
        assert command("validate", schema, "-", stdin='["2024-02-30T00:00:00Z"]').code == 1
        checkers = {name: check for name, check in validators._FORMATS.checkers.items() if name != "date-time"}
        monkeypatch.setattr(validators._FORMATS, "checkers", checkers)
        outcome = command("validate", "--json", schema, "-", stdin='["2024-02-30T00:00:00Z"]')
        assert outcome.code == 1
        assert "date-time" in outcome.stderr
        assert [finding["code"] for finding in outcome.records[0]["findings"]] == ["unchecked-format"]
        assert command("validate", schema, "-", stdin='["2024-02-29T00:00:00Z"]').code == 0

    def test_unreadable_instances(self, command: Command, write: Any) -> None:
        """Exit code 2, the others are judged all the same."""
        schema = write("schema.json", True)
        outcome = command("validate", "--json", schema, write("a.json", "{"), "/nowhere.json", write("b.json", "1"))
        assert outcome.code == 2
        assert outcome.records[-1]["valid"] is True


class TestSample:
    """``grammarlib sample``."""

    def test_samples_are_valid_and_repeatable(self, command: Command, write: Any) -> None:
        """The same seed draws the same texts; each is of the language."""
        schema = write("schema.json", PERSON)
        outcome = command("sample", "--schema", schema, "--num", "8", "--seed", "3", "--json")
        assert outcome.code == 0
        assert outcome == command("sample", "--schema", schema, "-n", "8", "--seed", "3", "--json")
        assert [record["seed"] for record in outcome.records] == list(range(3, 11))
        texts = "\n".join(record["text"] for record in outcome.records)
        assert command("validate", "--lines", schema, "-", stdin=texts).code == 0

    @pytest.mark.parametrize(
        ("arguments", "pattern"),
        [
            (["--regex", "[ab]{3}"], "[ab]{3}"),
            (["--choice", "yes", "--choice", "no"], "yes|no"),
        ],
    )
    def test_other_sources(self, command: Command, arguments: list[str], pattern: str) -> None:
        """stdout is the text and a newline."""
        outcome = command("sample", *arguments)
        assert outcome.code == 0
        assert re.fullmatch(f"({pattern})\n", outcome.stdout)

    def test_grammars(self, command: Command, write: Any) -> None:
        """Lark and EBNF by file, with another start rule."""
        lark = write("g.lark", 'start: "x" | "(" start ")"\nother: "y"\n')
        ebnf = write("g.ebnf", 'root ::= "x" | "(" root ")"\nother ::= "y"\n')
        assert re.fullmatch(r"\(*x\)*\n", command("sample", "--lark", lark).stdout)
        assert re.fullmatch(r"\(*x\)*\n", command("sample", "--ebnf", ebnf).stdout)
        assert command("sample", "--lark", lark, "--start", "other").stdout == "y\n"
        assert command("sample", "--ebnf", "-", "--start", "other", stdin='other ::= "y"').stdout == "y\n"

    @pytest.mark.parametrize("arguments", [[], ["--regex", "a", "--choice", "b"], ["--schema", "/nowhere.json"]])
    def test_wrong_usage(self, command: Command, arguments: list[str]) -> None:
        """No source, two sources, no such file."""
        outcome = command("sample", *arguments)
        assert (outcome.code, outcome.stdout) == (2, "")
        assert outcome.stderr

    def test_a_refused_source_is_a_finding(self, command: Command) -> None:
        """The reason is on stderr, for stdout is for texts."""
        outcome = command("sample", "--regex", "(")
        assert (outcome.code, outcome.stdout) == (1, "")
        assert "error: [" in outcome.stderr


class TestMask:
    """``grammarlib mask``."""

    def test_next_bytes(self, command: Command) -> None:
        """Without a tokenizer: bytes, whether the text may stop, the shortest way to the end."""
        outcome = command("mask", "--regex", "ab(c|d)?e*", "--prefix", "ab", "--json")
        assert outcome.code == 0
        [record] = outcome.records
        assert bytes(record["next_bytes"]) == b"cde"
        assert (record["may_stop"], record["shortest_completion"]) == (True, "")
        assert "next bytes: 'c'..'e'\n" in command("mask", "--regex", "ab(c|d)?e*", "--prefix", "ab").stdout

    def test_a_refused_prefix_is_a_finding(self, command: Command) -> None:
        """It says where the prefix leaves the language, and what could have come there."""
        outcome = command("mask", "--regex", "abc", "--prefix", "abx")
        assert outcome.code == 1
        assert "refused at byte 2: 'x' may not come after 'ab'" in outcome.stdout
        assert "next bytes: 'c'" in outcome.stdout

    def test_text_after_a_prefix(self, command: Command, write: Any) -> None:
        """``--token`` is a text where there is no tokenizer."""
        schema = write("schema.json", PERSON)
        assert command("mask", "--schema", schema, "--prefix", '{"', "--token", "na").code == 0
        outcome = command("mask", "--schema", schema, "--prefix", '{"', "--token", "nb")
        assert outcome.code == 1
        assert "'b' may not come after 'n'" in outcome.stdout

    def test_tokens(self, command: Command, tokenizer_file: str) -> None:
        """With a tokenizer: the allowed tokens, and why one is refused."""
        arguments = ["mask", "--regex", "ab+", "--prefix", "a", "--tokenizer", tokenizer_file]
        [record] = command(*arguments, "--json").records
        assert record["tokens"] == [1, 3]
        assert record["may_stop"] is False
        outcome = command(*arguments, "--token", "0")
        assert outcome.code == 1
        assert "token 0 'a': refused: " in outcome.stdout
        assert command(*arguments, "--token", "bb").code == 0
        assert command(*arguments, "--token", "3").code == 0
        assert command(*arguments, "--token", "bbb").code == 0
        assert "no token of the vocabulary writes exactly this" in command(*arguments, "--token", "bbb").stdout
        assert command(*arguments, "--token", "99999").code == 2

    def test_a_tokenizer_that_is_not_there(self, command: Command) -> None:
        """Unreadable input."""
        assert command("mask", "--regex", "a", "--tokenizer", "/nowhere").code == 2


@pytest.fixture
def tokenizer_file(write: Any) -> str:
    """A tokenizer.json of six tokens in the GPT-2 alphabet."""
    tokens = {"a": 0, "b": 1, "c": 2, "bb": 3, "ab": 4, "<end>": 5}
    end = {"id": 5, "content": "<end>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return write(
        "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [end | {"special": True}],
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": {"type": "BPE", "vocab": tokens, "merges": [["b", "b"], ["a", "b"]]},
        },
    )


class TestDoctor:
    """``grammarlib doctor``."""

    def test_a_sound_installation(self, command: Command) -> None:
        """Every check is reported; the kernels are warmed."""
        outcome = command("doctor", "--json")
        states = {record["check"]: record["state"] for record in outcome.records}
        assert states["kernels"] == "fine"
        assert {"python", "numba", "kernel cache", "vocabulary cache", "tokenizer", "devices"} <= states.keys()
        assert "failed" not in states.values()
        assert outcome.code == 0

    def test_a_bad_tokenizer_is_a_finding(self, command: Command, write: Any) -> None:
        """Exit code 1, with the reason."""
        outcome = command("doctor", "--tokenizer", write("tokenizer.json", "{}"))
        assert outcome.code == 1
        assert re.search("^failed +tokenizer: ", outcome.stdout, re.MULTILINE)


def test_json_records_are_single_ascii_lines(command: Command) -> None:
    """A record never breaks over lines, whatever the text holds."""
    outcome = command("sample", "--choice", "é\n\u2028", "--json")
    assert outcome.stdout.isascii()
    assert outcome.stdout.count("\n") == 1
    assert json.loads(outcome.stdout)["text"] == "é\n\u2028"
