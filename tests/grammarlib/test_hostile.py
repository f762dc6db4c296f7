"""Hostile sources and texts: a typed error or a matcher that works, in bounded time and memory.

Each case runs in a process of its own, forked from one that has loaded the kernels; its address space and its
processor time are bounded.  Nothing here measures speed: a case that hangs or swells fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import JIT_DISABLED

pytestmark = pytest.mark.skipif(JIT_DISABLED, reason="kernels without numba's compiler are hundreds of times slower")

REPOSITORY = Path(__file__).resolve().parents[2]
MEGABYTES = 500
SECONDS = 4  # of processor time; each case takes less than 2

SERVER = """
import gc, json, os, resource, signal, sys, traceback
import grammarlib as gl
tokens = [*(bytes([b]) for b in range(256)), b'{"a":', b"[[[[", b'","', b"111111", b"abab", None]
vocabulary = gl.Vocabulary(tokens, eos_token_ids=[261])
mask = gl.allocate_bitmask(1, vocabulary.logits_width)
for source in (True, gl.Regex("a|b"), {"type": "number", "minimum": 3}, gl.Lark('start: "a"'), gl.Ebnf('root ::= "a"')):
    warm = gl.compile(source, vocabulary).matcher()
    warm.fill_bitmask(mask)
    warm.accept_bytes(b'{"a":[1,"b"]}')
    warm.shortest_completion()

def first_tokens(source, count=40):
    "Compile, then take tokens out of the mask: the work of one request."
    matcher = gl.compile(source, vocabulary).matcher()
    for step in range(count):
        matcher.fill_bitmask(mask)
        words = mask[0].tolist()
        allowed = [32 * i + bit for i, word in enumerate(words) for bit in range(32) if word >> bit & 1]
        assert allowed, "an empty mask"
        assert matcher.accept_token(allowed[(7 * step) % len(allowed)])
        if matcher.is_terminated:
            break
    return matcher

def read(matcher, data):
    "All of the text, and the mask after it."
    assert matcher.accept_bytes(data) == len(data)
    matcher.fill_bitmask(mask)
    assert mask.any()
    return matcher

def completed(matcher):
    completion = matcher.shortest_completion()
    assert matcher.accept_bytes(completion) == len(completion)
    assert matcher.is_accepting

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return int(usage.ru_utime + usage.ru_stime)

def run(case):
    held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEGABYTES * 1000000,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (used() + SECONDS,) * 2)
    signal.alarm(20 * SECONDS)
    try:
        exec(compile(case, "case", "exec"), globals())
        return "works"
    except gl.GrammarlibError as error:
        return type(error).__name__
    except BaseException:
        return traceback.format_exc()[-1500:]

gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, run(json.loads(line)).encode()[-3000:])
        os._exit(0)
    os.close(writable)
    outcome = b""
    while part := os.read(readable, 4096):
        outcome += part
    os.close(readable)
    _, status = os.waitpid(child, 0)
    print(json.dumps(outcome.decode() if status == 0 else f"ended by {status}"), flush=True)
""".replace("MEGABYTES", str(MEGABYTES)).replace("SECONDS", str(SECONDS))

CASES = {
    "deep schema": """
schema = {"type": "integer"}
for _ in range(1500):
    schema = {"properties": {"a": schema}}
first_tokens(schema)
""",
    "deeper schema": """
schema = {"type": "integer"}
for _ in range(100_000):
    schema = {"items": schema}
first_tokens(schema)
""",
    "deep schema as text": """
first_tokens(gl.JsonSchema('{"items":' * 100_000 + "{}" + "}" * 100_000))
""",
    "deep any of": """
schema = {"type": "integer"}
for _ in range(1500):
    schema = {"anyOf": [schema, {"type": "null"}]}
completed(first_tokens(schema))
""",
    "deep schema that requires": """
schema = {"type": "integer"}
for _ in range(800):
    schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
completed(first_tokens(schema))
""",
    "deep text": """
completed(read(gl.compile(True, vocabulary).matcher(), b"[" * 9_000))
""",
    "deeper text": """
matcher = gl.compile(True, vocabulary).matcher()
matcher.accept_bytes(b"[" * 1_000_000)
""",
    "deep objects in a text": """
matcher = gl.compile(True, vocabulary).matcher()
read(matcher, b'{"a":' * 5_000)
completed(matcher)
""",
    "stars": "completed(first_tokens(gl.Regex('(a*)*b')))",
    "stars without an end": "first_tokens(gl.Regex('(a*)*b')).accept_bytes(b'a' * 200_000)",
    "nested counts": "first_tokens(gl.Regex('((a{1,1000}){1,1000}){1,1000}'))",
    "nested counts, completed": "completed(first_tokens(gl.Regex('((a{1,1000}){1,1000}){1,1000}')))",
    "nested counts in a pattern": "first_tokens({'pattern': '^((a{1,1000}){1,1000}){1,1000}$', 'type': 'string'})",
    "many counts": "first_tokens(gl.Regex('(a{0,5000}b{0,5000}){0,5000}'))",
    "exponential states": "first_tokens(gl.Regex('(a|b)*a(a|b){200}')).accept_bytes(b'abaabbab' * 5_000)",
    "lookaheads": "first_tokens(gl.Regex('(?=.*a)' * 30 + '.*b'))",
    "deep groups": "first_tokens(gl.Regex('(' * 50_000 + 'a' + ')' * 50_000))",
    "many alternatives": "completed(first_tokens(gl.Regex('|'.join('word%d' % i for i in range(20_000)))))",
    "a large class": "first_tokens(gl.Regex('[' + ''.join(chr(200 + 3 * i) for i in range(5_000)) + ']*'))",
    "a large choice": "completed(first_tokens(gl.Choice(['word%d' % i for i in range(50_000)])))",
    "enum of strings": "completed(first_tokens({'enum': ['member %d' % i for i in range(5_000)]}))",
    "enum of numbers": "completed(first_tokens({'enum': list(range(0, 50_000, 10))}))",
    "enum of objects": "completed(first_tokens({'enum': [{'a': i, 'b': [i]} for i in range(5_000)]}))",
    "enum of long strings": "first_tokens({'enum': ['x' * 1000 + str(i) for i in range(5_000)]})",
    "maxLength": "completed(first_tokens({'type': 'string', 'maxLength': 10**9}))",
    "maxLength and a pattern": "completed(first_tokens({'type': 'string', 'maxLength': 10**9, 'pattern': '^[ab]*$'}))",
    "minLength": "first_tokens({'type': 'string', 'minLength': 10**9})",
    "minLength, completed": "completed(first_tokens({'type': 'string', 'minLength': 10**9}))",
    "minLength and a pattern": "completed(first_tokens({'type': 'string', 'minLength': 10**9, 'pattern': '^[ab]*$'}))",
    "minItems": "first_tokens({'type': 'array', 'minItems': 10**9})",
    "minItems, completed": "completed(first_tokens({'type': 'array', 'minItems': 10**9}))",
    "maxItems": "completed(first_tokens({'type': 'array', 'maxItems': 10**9}))",
    "huge bounds": "completed(first_tokens({'type': 'array', 'minItems': 0, 'maxItems': 10**30}))",
    "doubling": """
definitions = {"d0": {"type": "integer"}}
for i in range(60):
    definitions["d%d" % (i + 1)] = {"type": "array", "items": {"$ref": "#/$defs/d%d" % i}, "minItems": 2}
matcher = first_tokens({"$defs": definitions, "$ref": "#/$defs/d60"})
""",
    "doubling, completed": """
definitions = {"d0": {"type": "integer"}}
for i in range(60):
    definitions["d%d" % (i + 1)] = {"type": "array", "items": {"$ref": "#/$defs/d%d" % i}, "minItems": 2}
completed(first_tokens({"$defs": definitions, "$ref": "#/$defs/d60"}))
""",
    "references without an exit": """
first_tokens({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"})
""",
    "objects without an exit": """
a = {"type": "object", "properties": {"x": {"$ref": "#/$defs/b"}}, "required": ["x"]}
b = {"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": 1}
first_tokens({"$defs": {"a": a, "b": b}, "$ref": "#/$defs/a"})
""",
    "itself": "first_tokens({'$ref': '#'})",
    "any of itself": "first_tokens({'anyOf': [{'$ref': '#'}, {'$ref': '#'}]})",
    "any of nested any of": """
schema = {"type": "object", "required": ["z"]}
for i in range(12):
    schema = {"anyOf": [{"allOf": [schema, {"properties": {"p%d" % i: {"type": t}}}]} for t in ("string", "null")]}
first_tokens(schema)
""",
    "long number": """
matcher = gl.compile({"type": "integer", "multipleOf": 7}, vocabulary).matcher()
read(matcher, b"1" * 10_000)
completed(matcher)
""",
    "long fraction within bounds": """
matcher = gl.compile({"type": "number", "minimum": 0.3, "maximum": 0.34}, vocabulary).matcher()
read(matcher, b"0." + b"3" * 10_000)
completed(matcher)
""",
    "long constant": "completed(first_tokens({'const': int('7' * 4_000)}, 400))",
    "long bound": "completed(first_tokens(gl.JsonSchema('{\"type\": \"number\", \"minimum\": 1' + '0' * 5_000 + '}')))",
    "large exponent": 'completed(first_tokens(gl.JsonSchema(\'{"type": "number", "minimum": 1e100000000}\')))',
    "tiny divisor": 'completed(first_tokens(gl.JsonSchema(\'{"type": "number", "multipleOf": 1e-100000000}\')))',
    "long exponent in a text": """
matcher = gl.compile({"type": "number", "minimum": 5, "multipleOf": 0.1}, vocabulary).matcher()
read(matcher, b"1e" + b"9" * 10_000)
completed(matcher)
""",
    "huge names": """
name = "k" * 200_000
matcher = gl.compile({"properties": {name: {}}, "required": [name], "type": "object"}, vocabulary).matcher()
read(matcher, b'{"kkkk')
completed(matcher)
""",
    "huge unlisted names": """
matcher = gl.compile(True, vocabulary).matcher()
read(matcher, b'{"' + b"k" * 100_000 + b'":1,"' + b"k" * 99_999)
completed(matcher)
""",
    "many names": """
schema = {"properties": {"name %d" % i: {"type": "integer"} for i in range(5_000)}, "additionalProperties": False}
matcher = first_tokens(schema)
""",
    "many required names": """
names = ["name %d" % i for i in range(5_000)]
schema = {"type": "object", "properties": {name: {"type": "integer"} for name in names}, "required": names}
completed(first_tokens(schema))
""",
    "many unlisted names in a text": """
matcher = gl.compile(True, vocabulary).matcher()
read(matcher, b"{" + b"".join(b'"%d":1,' % i for i in range(3_000)))
matcher.accept_bytes(b'"12')
completed(matcher)
""",
    "many texts": """
compiled = gl.compile(True, vocabulary)
for i in range(3_000):
    assert compiled.accepts('{"name %d": [%d, {"x%d": "%d"}]}' % (i, i, i, i))
""",
    "long string": """
matcher = gl.compile(True, vocabulary).matcher()
read(matcher, b'["' + b"text \\\\n" * 100_000)
completed(matcher)
""",
    "random bytes": """
import random
generator = random.Random(0)
for source in (True, {"pattern": "^(a|b)+$"}, {"type": "number", "minimum": 2}):
    compiled = gl.compile(source, vocabulary)
    for _ in range(300):
        compiled.accepts(generator.randbytes(50))
""",
    "left recursion": """
matcher = first_tokens(gl.Lark('start: start start | "a" | '))
matcher.accept_bytes(b"a" * 500)
""",
    "ambiguity": """
matcher = first_tokens(gl.Lark('start: start start start | start start | /a+/'))
matcher.accept_bytes(b"a" * 300)
""",
    "deep grammar text": """
matcher = first_tokens(gl.Lark('start: "(" start ")" | "x"'), 1)
matcher.accept_bytes(b"(" * 3_000)
completed(matcher)
""",
    "grammar without an exit": 'first_tokens(gl.Ebnf(\'root ::= a\\na ::= "x" b\\nb ::= a "y"\'))',
}

EITHER = {"works", "LimitExceeded"}
UNSATISFIABLE = {"UnsatisfiableSchema"}
OUTCOMES = {
    "deep schema": {"LimitExceeded"},
    "deep schema as text": {"LimitExceeded"},
    "deeper text": {"LimitExceeded"},
    "nested counts": {"works"},
    "enum of strings": {"works"},
    "enum of numbers": {"works"},
    "maxLength": {"works"},
    "maxLength and a pattern": {"works"},
    "minItems, completed": {"LimitExceeded"},
    "minLength, completed": {"LimitExceeded"},
    "doubling": {"works"},
    "doubling, completed": {"LimitExceeded"},
    "references without an exit": UNSATISFIABLE,
    "objects without an exit": UNSATISFIABLE,
    "itself": UNSATISFIABLE,
    "any of itself": UNSATISFIABLE,
    "grammar without an exit": {"UnsatisfiableSource"},
    "long constant": {"works", "UnsupportedFeature"},
    "long bound": {"works", "UnsupportedFeature", "InvalidSource"},
    "large exponent": {"works", "UnsupportedFeature"},
    "tiny divisor": {"works", "UnsupportedFeature"},
    "long number": {"works"},
    "long fraction within bounds": {"works"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()
        assert process.wait(30) == 0


@pytest.mark.parametrize("case", CASES)
def test_hostile_input_is_refused_or_works(server: subprocess.Popen[str], case: str) -> None:
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps(CASES[case]) + "\n")
    server.stdin.flush()
    outcome = json.loads(server.stdout.readline())
    assert outcome in OUTCOMES.get(case, EITHER), outcome
