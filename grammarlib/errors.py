"""Every exception of grammarlib, and the findings that they carry.

Purpose: one tree, so that a caller can guard a whole request with ``except GrammarlibError``.
Each exception keeps its facts as attributes (a program reads those) and renders them in
``__str__`` (a person reads that): what is wrong, where, and what to do.  All findings of a
source are reported at once, never only the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about a source.

    ``code`` is a stable machine-readable word (``"unsupported-keyword"``, ``"syntax"`` ...),
    ``message`` says what is wrong and ``hint`` what to do.  ``pointer`` is a JSON pointer
    (RFC 6901, ``""`` is the root) for JSON sources; ``line`` and ``column`` count from 1 for
    text sources.  ``keyword`` names the schema keyword or the construct.
    """

    code: str
    message: str
    keyword: str | None = None
    pointer: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = ""
        if self.pointer is not None:
            where = f" at {self.pointer or '/ (the root)'}"
        elif self.line is not None:
            where = f" at line {self.line}, column {self.column}"
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.message}{where}{hint}"


class GrammarlibError(Exception):
    """The root of every exception that grammarlib raises on purpose."""


class CompileError(GrammarlibError):
    """A source was refused.  ``findings`` holds every reason, in the order of the source."""

    def __init__(self, findings: Sequence[Finding] | Finding | str) -> None:
        if isinstance(findings, str):
            findings = Finding(code="compile", message=findings)
        if isinstance(findings, Finding):
            findings = (findings,)
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__(self.findings)

    def __str__(self) -> str:
        if len(self.findings) == 1:
            return str(self.findings[0])
        lines = [f"{len(self.findings)} findings:"]
        lines.extend(f"  - {finding}" for finding in self.findings)
        return "\n".join(lines)


class InvalidSource(CompileError):
    """The source is malformed: a syntax error, an unknown rule, a broken ``$ref``."""


class UnsupportedFeature(CompileError):
    """The source is well formed and uses something that cannot be enforced exactly (yet)."""

    @property
    def keyword(self) -> str | None:
        """The keyword or construct of the first finding."""
        return self.findings[0].keyword

    @property
    def pointer(self) -> str | None:
        """The JSON pointer of the first finding."""
        return self.findings[0].pointer


class UnsatisfiableSource(CompileError):
    """The source is well formed and no text at all belongs to its language."""


class UnsatisfiableSchema(UnsatisfiableSource):
    """No JSON value satisfies the schema; the findings give the reason."""


class LimitExceeded(GrammarlibError):
    """A bound of `grammarlib.limits.Limits` was hit; raise the bound or simplify the source."""

    def __init__(self, limit: str, bound: int, value: int | None = None, where: str = "") -> None:
        self.limit = limit
        self.bound = bound
        self.value = value
        self.where = where
        super().__init__(limit, bound, value, where)

    def __str__(self) -> str:
        value = f" (needed: {self.value})" if self.value is not None else ""
        where = f" in {self.where}" if self.where else ""
        return f"limit {self.limit}={self.bound} exceeded{value}{where}; raise it with Limits({self.limit}=...)"


class VocabularyError(GrammarlibError):
    """A vocabulary cannot be read, or lacks what a source needs; the message names the tokens."""


class MatcherError(GrammarlibError):
    """A matcher was used outside its contract (rollback too far, a bitmask of the wrong shape)."""


class DeadEnd(GrammarlibError):
    """No token is allowed and the text may not stop; the message says where."""


class ArtefactError(GrammarlibError):
    """A saved artefact is damaged, of another version, or belongs to another vocabulary."""
