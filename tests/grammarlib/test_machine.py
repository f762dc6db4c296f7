"""The machine against its slow twin: the same next bytes and the same verdict after every prefix.

The twin (`tests.oracles.json_machine`) interprets the same component source byte by byte.  Prefixes come from
spelled instances, from the same with bytes changed, and from walks through what the twin allows.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import grammarlib as gl
from grammarlib.automata.configurations import Machine
from tests.conftest import JIT_DISABLED
from tests.oracles.json_machine import JsonMachine
from tests.strategies.schemas import instances, schemas, spellings

DRAFTS = (4, 6, 7, 2019, 2020)
URIS = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
WHITESPACES = ("bounded", "compact", "any")
NOISE = b'{}[]":,\\ud8c3Da\xc3\xa9\xf0\x9d\x84\x9e\xed\xa0\x80 \t\n\r0.e-5n/'


class Pair:
    """A machine and its twin over one schema."""

    def __init__(self, schema: Any, **options: Any) -> None:
        source = gl.JsonSchema(schema, **options)
        self.machine = Machine(source.lower(gl.Limits()), whitespace=source.whitespace, components=True)
        self.twin = JsonMachine(source.lower(gl.Limits()), source.whitespace)

    def follow(self, data: bytes) -> None:
        """Compare after every prefix of ``data``, up to the first byte that is refused."""
        configuration = self.machine.start
        state = self.twin.start()
        for at in range(len(data) + 1):
            allowed, accepting = self.machine.next_bytes(configuration)
            expected = {byte for byte in range(256) if self.twin.step(state, byte) is not None}
            found = set(np.flatnonzero(allowed).tolist())
            assert found == expected, (data[:at], bytes(sorted(found - expected)), bytes(sorted(expected - found)))
            assert accepting == self.machine.is_accepting(configuration), data[:at]
            assert accepting == bool(self.twin.final_label(state)), data[:at]
            if at == len(data):
                return
            following = self.machine.advance(configuration, np.frombuffer(data[at : at + 1], np.uint8))
            if data[at] not in expected:
                assert following == -1, data[: at + 1]
                return
            assert following >= 0, data[: at + 1]
            configuration = following
            step = self.twin.step(state, data[at])
            assert step is not None
            state = step

    def walk(self, generator: random.Random, size: int) -> bytes:
        """A random text of bytes that the twin allows, of at most ``size`` bytes."""
        state = self.twin.start()
        out = bytearray()
        while len(out) < size:
            for byte in generator.choices(NOISE, k=12) + generator.sample(range(256), 256):
                following = self.twin.step(state, byte)
                if following is not None:
                    break
            else:
                break
            state = following
            out.append(byte)
        return bytes(out)


def with_dialect(schema: Any, draft: int) -> Any:
    return {"$schema": URIS[draft], **schema} if isinstance(schema, dict) else schema


@st.composite
def near_misses(draw: st.DrawFn, text: bytes) -> bytes:
    """``text`` with a few bytes removed, doubled, replaced or put in."""
    out = bytearray(text)
    for _ in range(draw(st.integers(0, 2))):
        if not out:
            break
        at = draw(st.integers(0, len(out) - 1))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            del out[at]
        elif kind == 1:
            out[at:at] = draw(
                st.sampled_from((b" ", b"\\", b"\\u0061", b'"', b"\n  ", b",", b"\\ud834", b"0", b"\xc3"))
            )
        elif kind == 2:
            out[at] = draw(st.sampled_from(NOISE))
        else:
            out[at:at] = out[draw(st.integers(0, at)) : at]
    return bytes(out)


@settings(max_examples=6 if JIT_DISABLED else 60)
@given(st.data())
def test_next_bytes_are_the_twins_after_every_prefix(data: st.DataObject) -> None:
    draft = data.draw(st.sampled_from(DRAFTS))
    schema = data.draw(schemas(draft), label="schema")
    order = data.draw(st.sampled_from(("any", "schema")), label="order")
    whitespace = data.draw(st.sampled_from(WHITESPACES), label="whitespace")
    try:
        pair = Pair(with_dialect(schema, draft), order=order, whitespace=whitespace)
    except (gl.UnsatisfiableSchema, gl.LimitExceeded):
        return
    for _ in range(2):
        text = data.draw(spellings(data.draw(instances(schema))), label="text").encode("utf-8", "surrogatepass")
        pair.follow(data.draw(near_misses(text), label="near"))
    seed = data.draw(st.integers(0, 10_000), label="seed")
    pair.follow(pair.walk(random.Random(seed), 25))
