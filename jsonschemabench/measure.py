"""One case through one engine: compile, first mask, then every instance token by token.

Purpose: the loop of MaskBench, with one question more: at an instance's end the engine is asked whether the text may
stop, so that accepting every prefix is not enough.
Place: runs in the engine's own process (`jsonschemabench.worker`), one thread.
Definitions: **TTFM** is compiling and filling the first mask; **TBM** is filling a mask and accepting a token, once
for each token up to and including the first refused one.  Nothing else is timed.
"""

from __future__ import annotations

import time
from typing import Any, Final

from jsonschemabench.cases import Case, Instance
from jsonschemabench.engines.protocol import Engine, Grammar
from jsonschemabench.histogram import Histogram
from jsonschemabench.tokenizer import Tokenizer

WARM_UP: Final = Case("warm-up", "", {"type": "object"}, (Instance('{"a": 1}', True),))
"""What an engine sees before its first case, so that no case pays for loading code."""

_MESSAGE: Final = 600
"""Characters of an engine's message that are recorded."""


def measure(engine: Engine, tokenizer: Tokenizer, case: Case, *, fast_forward: bool = True) -> dict[str, Any]:
    """What the engine does with a case, as a JSON object.

    ``compile_us``, ``first_mask_us``; ``error`` where the schema was refused (``type``, ``message``, and ``code``,
    ``keyword``, ``pointer`` where the engine tells them).  For each instance one character in ``accepted``: ``1``,
    ``0``, or ``e`` where the engine raised; ``stopped_at`` holds the number of tokens read of each that was not
    accepted.  ``tbm`` is a `Histogram`; ``mismatches`` counts tokens for which mask and acceptance differ.
    ``forced``: how many tokens lie within forced bytes, of how many, in the first accepted valid instance.
    Only `Exception` is caught: what a Rust engine raises when it panics ends the process, which is a crash.
    """
    record: dict[str, Any] = {}
    started = time.perf_counter_ns()
    try:
        grammar = engine.compile(case.schema)
        compiled = time.perf_counter_ns()
        grammar.start().fill_mask()
    except MemoryError:
        raise
    except Exception as error:
        record["compile_us"] = _microseconds(time.perf_counter_ns() - started)
        record["error"] = describe(error)
        return record
    first = time.perf_counter_ns()
    record["compile_us"] = _microseconds(compiled - started)
    record["first_mask_us"] = _microseconds(first - compiled)

    accepted: list[str] = []
    stopped_at: list[int] = []
    times: list[int] = []
    mismatches = 0
    for instance in case.instances:
        token_ids = tokenizer.encode(instance.text)
        read = 0
        verdict = "1"
        try:
            text = grammar.start()
            for token_id in token_ids:
                begun = time.perf_counter_ns()
                text.fill_mask()
                taken = text.accept(token_id)
                times.append(time.perf_counter_ns() - begun)
                allowed = text.allows(token_id)
                mismatches += allowed is not None and allowed != taken
                if not taken:
                    verdict = "0"
                    break
                read += 1
            if verdict == "1" and not text.may_stop():
                verdict = "0"
        except MemoryError:
            raise
        except Exception as error:
            verdict = "e"
            record.setdefault("exception", describe(error))
        accepted.append(verdict)
        if verdict != "1":
            stopped_at.append(read)
    record["accepted"] = "".join(accepted)
    record["stopped_at"] = stopped_at
    record["tbm"] = Histogram.of_nanoseconds(times).record()
    record["mismatches"] = mismatches
    if fast_forward:
        forced = _forced(grammar, tokenizer, case, record["accepted"])
        if forced is not None:
            record["forced"] = forced
    return record


def _forced(grammar: Grammar, tokenizer: Tokenizer, case: Case, accepted: str) -> list[int] | None:
    """[tokens within forced bytes, tokens], for the first valid instance that the engine accepted.

    A token counts as forced where its bytes lie within what the engine says must come next.  It runs after all timed
    work, since asking may fill caches.
    """
    chosen = next(
        (one for one, verdict in zip(case.instances, accepted, strict=True) if one.valid and verdict == "1"), None
    )
    if chosen is None:
        return None
    tokens = tokenizer.vocabulary.tokens
    token_ids = tokenizer.encode(chosen.text)
    covered = 0
    known = b""
    try:
        text = grammar.start()
        for token_id in token_ids:
            if not known:
                forced = text.forced_bytes()
                if forced is None:
                    return None
                known = forced
            written = tokens[token_id] or b""
            if written and known.startswith(written):
                covered += 1
                known = known[len(written) :]
            else:
                known = b""
            text.fill_mask()
            if not text.accept(token_id):
                return None
    except Exception:  # the engine's answer is a bonus; its failures show in the timed part
        return None
    return [covered, len(token_ids)]


def describe(error: BaseException) -> dict[str, Any]:
    """An engine's exception as a JSON object: type, message, and where it tells them keyword and pointer."""
    described: dict[str, Any] = {"type": type(error).__name__, "message": " ".join(str(error).split())[:_MESSAGE]}
    findings = getattr(error, "findings", None)
    if findings:
        for name in ("code", "keyword", "pointer"):
            value = getattr(findings[0], name, None)
            if value is not None:
                described[name] = value
    limit = getattr(error, "limit", None)
    if isinstance(limit, str):
        described["limit"] = limit
    return described


def _microseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e3, 1)
