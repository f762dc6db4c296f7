"""``grammarlib check``: is a schema good, and can all of it be enforced?

For each schema: the metaschema of its dialect, keys written twice, every keyword that cannot be enforced (with its
pointer), and whether any value satisfies it at all.
"""

from __future__ import annotations

import contextlib
import json
from typing import Annotated, Any

import typer

from grammarlib.cli.exits import ExitCode, TooDeep, UnreadableInput, worst
from grammarlib.cli.output import (
    emit_finding,
    emit_record,
    emit_styled,
    finding_record,
    findings_of,
    log_error,
)
from grammarlib.cli.reading import display_name, duplicate_keys, parse_json, read_text, require_one_stdin
from grammarlib.cli.sources import (
    LimitOption,
    OpenapiFormatsOption,
    Order,
    OrderOption,
    Whitespace,
    WhitespaceOption,
    compile_source,
    limits_of,
    schema_source,
)
from grammarlib.errors import CompileError, Finding, LimitExceeded


def check(
    schemas: Annotated[list[str], typer.Argument(metavar="SCHEMA...", help="Files with a JSON Schema; - is stdin.")],
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON record a schema.")] = False,
    order: OrderOption = Order.ANY,
    whitespace: WhitespaceOption = Whitespace.BOUNDED,
    openapi_formats: OpenapiFormatsOption = False,
    limit: LimitOption = None,
) -> None:
    """Is this schema good: metaschema, every keyword that cannot be enforced, unsatisfiable or not."""
    require_one_stdin(schemas)
    limits = limits_of(limit)
    codes = []
    for path in schemas:
        where = display_name(path)
        findings: list[Finding] = []
        facts: dict[str, Any] = {}
        try:
            code = _check_one(read_text(path), where, order, whitespace, openapi_formats, limits, findings, facts)
        except UnreadableInput as error:
            log_error(str(error))
            code = ExitCode.USAGE
            facts = {"error": str(error)}
        codes.append(code)
        if json_lines:
            record = {"file": where, "outcome": _OUTCOMES[code], "findings": list(map(finding_record, findings))}
            emit_record(record | facts)
            continue
        for finding in findings:
            emit_finding(where, finding)
        if code == ExitCode.FINE:
            remarks = _remarks(facts)
            emit_styled((f"{where}: ", "bold"), ("fine", "green"), (f" ({remarks})" if remarks else "", ""))
    raise typer.Exit(worst(*codes))


_OUTCOMES = {
    ExitCode.FINE: "fine",
    ExitCode.FINDINGS: "findings",
    ExitCode.USAGE: "unreadable",
    ExitCode.LIMIT: "limit",
}


def _check_one(
    text: str,
    where: str,
    order: Order,
    whitespace: Whitespace,
    openapi_formats: bool,
    limits: Any,
    findings: list[Finding],
    facts: dict[str, Any],
) -> ExitCode:
    from grammarlib.cli.validators import metaschema_findings

    with contextlib.suppress(TooDeep):  # compiling will say so, as a limit
        parse_json(text, where)
        for key in duplicate_keys(text):
            findings.append(Finding(code="duplicate-key", message=f"the key {json.dumps(key)} is written twice"))
        findings.extend(metaschema_findings(json.loads(text)))
    try:
        source = schema_source(text, where, order, whitespace, openapi_formats)
        compiled = compile_source(source, None, limits)
    except CompileError as error:
        findings.extend(findings_of(error))
    except LimitExceeded as error:
        findings.extend(findings_of(error))
        return ExitCode.LIMIT
    else:
        report = compiled.report
        facts["exact"] = report.exact
        facts["dead_end_free"] = report.dead_end_free
        facts["ignored"] = [str(one) for one in report.ignored]
        facts["enforced"] = [str(one) for one in report.enforced]
        facts["dead_ends"] = [str(one) for one in report.dead_ends]
        facts["approximated"] = [str(one) for one in report.approximated]
    return ExitCode.FINDINGS if findings else ExitCode.FINE


def _remarks(facts: dict[str, Any]) -> str:
    remarks = []
    if not facts["exact"]:
        remarks.append(f"approximated: {', '.join(facts['approximated'])}")
    if not facts["dead_end_free"]:
        remarks.append(f"may reach dead ends: {', '.join(facts['dead_ends'])}")
    if facts["ignored"]:
        remarks.append(f"{len(facts['ignored'])} annotations without effect")
    return "; ".join(remarks)
