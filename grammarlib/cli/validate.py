"""``grammarlib validate``: instances against python-jsonschema and against the compiled automaton.

Two verdicts that share no code.  Where they disagree, one of them is wrong, and the file is a finding even if
both a person and python-jsonschema would take it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grammarlib.cli.exits import ExitCode, UnreadableInput, worst
from grammarlib.cli.output import emit_finding, emit_record, emit_styled, finding_record, findings_of, log, log_error
from grammarlib.cli.reading import display_name, duplicate_keys, parse_json, read_text, require_one_stdin
from grammarlib.cli.sources import LimitOption, Order, Whitespace, compile_source, limits_of, schema_source
from grammarlib.errors import CompileError, Finding

if TYPE_CHECKING:
    import grammarlib as gl

_JSON_WHITESPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the two say of one instance.

    ``valid`` (python-jsonschema) is None where it gave up (nested too deeply, a reference that leads nowhere),
    ``accepted`` (the automaton) where the schema could not be compiled.
    """

    valid: bool | None
    accepted: bool | None
    findings: list[Finding]

    @property
    def code(self) -> ExitCode:
        """Fine only where both take the instance."""
        return ExitCode.FINE if self.valid and self.accepted else ExitCode.FINDINGS


def validate(
    schema: Annotated[str, typer.Argument(metavar="SCHEMA", help="A file with a JSON Schema; - is stdin.")],
    instances: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files with JSON; - is stdin.")],
    lines: Annotated[bool, typer.Option("--lines", help="Each line of the files is one instance.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record an instance.")] = False,
    limit: LimitOption = None,
) -> None:
    """Instances against the schema (python-jsonschema) and against the compiled automaton; disagreement is a finding.

    Keys may come in any order, and whitespace may stand wherever JSON allows it.
    """
    from grammarlib.cli.validators import exact_validator, unchecked_formats

    require_one_stdin([schema, *instances])
    limits = limits_of(limit)
    schema_text, schema_name = read_text(schema), display_name(schema)
    schema_value = parse_json(schema_text, schema_name)
    validator, unchecked = exact_validator(schema_value), unchecked_formats(schema_value)
    if unchecked:
        log(f"python-jsonschema cannot check {', '.join(unchecked)} here; pip install 'jsonschema[format]'", "yellow")
    codes = [ExitCode.FINE]
    compiled: gl.CompiledGrammar | None = None
    try:
        compiled = compile_source(schema_source(schema_text, schema_name, Order.ANY, Whitespace.ANY), None, limits)
    except CompileError as error:
        codes.append(ExitCode.FINDINGS)
        for finding in findings_of(error):
            if json_lines:
                emit_record({"file": schema_name, "schema_finding": finding_record(finding)})
            else:
                emit_finding(schema_name, finding)
    for where, text in _instances(instances, lines, codes):
        try:
            verdict = _judge(text, where, validator, compiled, unchecked)
        except UnreadableInput as error:
            log_error(str(error))
            codes.append(ExitCode.USAGE)
            if json_lines:
                emit_record({"file": where, "error": str(error)})
            continue
        codes.append(verdict.code)
        if json_lines:
            record = {"file": where, "valid": verdict.valid, "accepted": verdict.accepted}
            emit_record(record | {"findings": list(map(finding_record, verdict.findings))})
            continue
        for finding in verdict.findings:
            emit_finding(where, finding)
        if verdict.valid and not verdict.findings:
            word = "valid" if verdict.accepted else "valid, by python-jsonschema alone"
            emit_styled((f"{where}: ", "bold"), (word, "green" if verdict.accepted else "yellow"))
    raise typer.Exit(worst(*codes))


def _instances(paths: list[str], lines: bool, codes: list[ExitCode]) -> Iterator[tuple[str, str]]:
    """(name, text) of each instance; a file that cannot be read is reported and its code is noted."""
    for path in paths:
        try:
            text = read_text(path)
        except UnreadableInput as error:
            log_error(str(error))
            codes.append(ExitCode.USAGE)
            continue
        if not lines:
            yield display_name(path), text
            continue
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip(_JSON_WHITESPACE):
                yield f"{display_name(path)}:{number}", line


def _judge(text: str, where: str, validator: Any, compiled: gl.CompiledGrammar | None, unchecked: list[str]) -> Verdict:
    from grammarlib.cli.validators import instance_findings

    findings = instance_findings(validator, parse_json(text, where))
    valid = None if any(finding.code != "invalid" for finding in findings) else not findings
    if compiled is None:
        return Verdict(valid, None, findings)
    # The language has no whitespace around the root; a file usually ends in a newline.
    accepted = compiled.accepts(text.strip(_JSON_WHITESPACE))
    if valid is None or accepted == valid:
        return Verdict(valid, accepted, findings)
    doubled = duplicate_keys(text)
    if valid and doubled:
        message = f"the automaton refuses keys that are written twice: {', '.join(doubled)}"
        findings.append(Finding(code="duplicate-key", message=message))
    elif valid and unchecked:
        message = f"the automaton refuses it; only the automaton checks {', '.join(unchecked)} here"
        findings.append(Finding(code="unchecked-format", message=message, keyword="format"))
    else:
        verdicts = ("valid", "refuses") if valid else ("invalid", "accepts")
        message = f"python-jsonschema finds it {verdicts[0]}, the automaton {verdicts[1]} it"
        findings.append(Finding(code="disagreement", message=message, hint="please report this schema and instance"))
    return Verdict(valid, accepted, findings)
