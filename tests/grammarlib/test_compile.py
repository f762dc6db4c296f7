"""Compiling, saving, sharing: sources in, one frozen object out that threads may share and limits bound."""

from __future__ import annotations

import dataclasses
import enum
import json
import pickle
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest
from typing_extensions import TypedDict

import grammarlib as gl
from tests.oracles.matcher import hard_vocabulary, mask_of

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 0}, "b": {"type": "string", "maxLength": 5}, "c": {}},
    "required": ["a"],
}
VOCABULARY = hard_vocabulary([b'{"a":12,"b":"text"}', b'{"c":[1,{"a":null}],"a":0}', b'","b":"', b"\n  "], 1, 60)


# ---- what may be compiled


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Point(pydantic.BaseModel):
    x: int
    y: float | None = None


@dataclasses.dataclass
class Pair:
    left: int
    right: str


class Options(TypedDict):
    verbose: bool


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        ({"type": "integer"}, "12", 12),
        (True, "[1]", [1]),
        (gl.JsonSchema('{"type": "integer"}'), "12", 12),
        (gl.AnyJson(), '{"a": null}', {"a": None}),
        (gl.Regex("a+"), "aa", "aa"),
        (gl.Choice(["x", "y"]), "y", "y"),
        (Colour, '"green"', Colour.GREEN),
        (Point, '{"x": 1, "y": 0.5}', Point(x=1, y=0.5)),
        (Pair, '{"left":1,"right":"r"}', Pair(1, "r")),
        (Options, '{"verbose":true}', {"verbose": True}),
        (Literal["on", "off"], '"on"', "on"),
        (list[int], "[1, 2]", [1, 2]),
        (int | None, "null", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_sources_are_compiled_and_texts_parsed(source: Any, text: str, value: Any) -> None:
    compiled = gl.compile(source)
    assert compiled.accepts(text) and compiled.accepts(text.encode())
    assert compiled.parse(text) == value
    assert compiled.parse(text.encode()) == value
    assert compiled.accepts(compiled.sample(1))
    with pytest.raises(ValueError, match="belong"):
        compiled.parse(text + "?")


@pytest.mark.parametrize("source", ["a+", b"a+", 12, None, object(), [1]])
def test_other_things_are_refused(source: Any) -> None:
    with pytest.raises(gl.InvalidSource) as caught:
        gl.compile(source)
    assert caught.value.findings and caught.value.findings[0].hint


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ({"type": "nothing"}, gl.InvalidSource),
        ({"enum": []}, gl.CompileError),
        (False, gl.UnsatisfiableSchema),
        ({"minimum": 2, "maximum": 1, "type": "integer"}, gl.UnsatisfiableSchema),
        (gl.Regex("("), gl.InvalidSource),
        (gl.Regex(r"(a)\1"), gl.UnsupportedFeature),
        (gl.Regex("(?!)"), gl.UnsatisfiableSource),
        (gl.Choice([]), gl.CompileError),
    ],
)
def test_refusals_come_from_compile(source: Any, error: type[gl.CompileError]) -> None:
    with pytest.raises(error):
        gl.compile(source)


def test_report_of_an_exact_source() -> None:
    report = gl.compile({"title": "t", "type": "integer"}).report
    assert report.exact and report.dead_end_free and not report.approximated
    assert any(finding.pointer == "/title" for finding in report.ignored)


@pytest.mark.parametrize(
    "text", ["\ud800", '"\ud800"', b'"\xff"', b'"\xed\xa0\x80"', b"\x00", "", " 1", "1 ", "\ufeff1"]
)
def test_texts_that_no_json_source_accepts(text: str | bytes) -> None:
    assert not gl.compile(gl.AnyJson(whitespace="any")).accepts(text)


# ---- saving


SAVED: dict[str, Any] = {
    "schema": gl.JsonSchema(SCHEMA, order="schema", whitespace="compact"),
    "schema as text": gl.JsonSchema('{"const": 0.1, "minimum": 1E-30}'),
    "a float": gl.JsonSchema({"enum": [0.1, 1e300, -0.0, 12345678901234567890, "é\ud800", [], {"b": 1, "a": 2}]}),
    "any": gl.AnyJson("any"),
    "regex": gl.Regex("(?x) é+ | a b  # comment", flags=2),
    "choice": gl.Choice(["a", "é", "\n"]),
}
if hasattr(gl, "Lark"):
    SAVED["lark"] = gl.Lark('start: "a" start | "b"')
if hasattr(gl, "Ebnf"):
    SAVED["ebnf"] = gl.Ebnf('root ::= "é" | other\nother ::= [^a]{2}')


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("vocabulary", [None, VOCABULARY], ids=["bare", "vocabulary"])
def test_saved_sources_come_back(tmp_path: Path, name: str, vocabulary: gl.Vocabulary | None) -> None:
    limits = gl.Limits(stack_depth=77)
    compiled = gl.compile(SAVED[name], vocabulary, limits=limits)
    compiled.save(tmp_path / "one")
    compiled.save(str(tmp_path / "two"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    loaded = gl.load(tmp_path / "one", vocabulary)
    assert loaded.source == compiled.source and loaded.limits == limits and loaded.vocabulary is vocabulary
    assert loaded.report == compiled.report
    pickled = pickle.loads(pickle.dumps(compiled))
    assert pickled.source == compiled.source and pickled.limits == limits
    assert (pickled.vocabulary is None) == (vocabulary is None)
    for seed in range(4):
        text = compiled.sample(seed, size=30)
        assert loaded.sample(seed, size=30) == text == pickled.sample(seed, size=30)
        assert loaded.accepts(text) and pickled.accepts(text)
    if vocabulary is not None:
        first = mask_of(compiled.matcher(), vocabulary)
        assert mask_of(loaded.matcher(), vocabulary) == first == mask_of(pickled.matcher(), vocabulary)


def test_a_type_is_saved_as_its_schema(tmp_path: Path) -> None:
    gl.compile(Point).save(tmp_path / "point")
    loaded = gl.load(tmp_path / "point")
    assert loaded.parse('{"x": 1}') == {"x": 1}


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    gl.compile(SCHEMA, VOCABULARY).save(tmp_path / "saved")
    same = gl.Vocabulary(VOCABULARY.tokens, VOCABULARY.eos_token_ids, VOCABULARY.logits_width)
    assert gl.load(tmp_path / "saved", same).vocabulary == VOCABULARY
    for other in (None, gl.Vocabulary([b"a"]), gl.Vocabulary(VOCABULARY.tokens, [], VOCABULARY.logits_width)):
        with pytest.raises(gl.ArtefactError, match="vocabulary"):
            gl.load(tmp_path / "saved", other)


def test_a_bare_artefact_takes_any_vocabulary(tmp_path: Path) -> None:
    gl.compile(SCHEMA).save(tmp_path / "saved")
    assert mask_of(gl.load(tmp_path / "saved", VOCABULARY).matcher(), VOCABULARY)


def _edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def edit(image: bytes) -> bytes:
        data = json.loads(image)
        change(data)
        return json.dumps(data).encode()

    return edit


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda image: b"",
    "cut": lambda image: image[: len(image) // 2],
    "not text": lambda image: b"\xff\xfe\x00" + image,
    "not json": lambda image: b"<artefact/>",
    "a list": lambda image: b"[1, 2]",
    "a number": lambda image: b"3",
    "deep": lambda image: b"[" * 100_000,
    "version": _edited(lambda data: data.update(version=99)),
    "format": _edited(lambda data: data.update(format="other")),
    "kind": _edited(lambda data: data.update(kind="Nothing")),
    "no kind": _edited(lambda data: data.pop("kind")),
    "kind is a list": _edited(lambda data: data.update(kind=[])),
    "no source": _edited(lambda data: data.pop("source")),
    "source is a list": _edited(lambda data: data.update(source=[1])),
    "unknown field": _edited(lambda data: data["source"].update(more=1)),
    "order": _edited(lambda data: data["source"].update(order="sideways")),
    "no limits": _edited(lambda data: data.pop("limits")),
    "limit": _edited(lambda data: data["limits"].update(states=-1)),
    "unknown limit": _edited(lambda data: data["limits"].update(wishes=3)),
    "no vocabulary": _edited(lambda data: data.pop("vocabulary")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_artefacts_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "saved"
    gl.compile(SCHEMA).save(path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(gl.ArtefactError):
        gl.load(path)


def test_a_changed_schema_is_refused_or_another_source(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    gl.compile(SCHEMA).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "source": {"schema": {"type": 5}}}))
    with pytest.raises((gl.ArtefactError, gl.CompileError)):
        gl.load(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        gl.load(tmp_path / "absent")


# ---- one compiled source, many threads


def _walk(compiled: gl.CompiledGrammar, seed: int, steps: int) -> list[tuple[tuple[int, ...], bool]]:
    generator = random.Random(seed)
    matcher = compiled.matcher()
    bitmask = gl.allocate_bitmask(1, VOCABULARY.logits_width)
    found = []
    for _ in range(steps):
        matcher.fill_bitmask(bitmask)
        found.append((tuple(bitmask[0].tolist()), matcher.is_accepting))
        allowed = sorted(mask_of(matcher, VOCABULARY))
        token_id = generator.choice(allowed)
        assert matcher.accept_token(token_id)
        if generator.random() < 0.2:
            assert matcher.fork().accept_bytes(matcher.shortest_completion()) >= 0
    return found


@pytest.mark.parametrize("limits", [gl.Limits(), gl.Limits(configurations=300)], ids=["roomy", "tight"])
def test_threads_share_one_compiled_source(limits: gl.Limits) -> None:
    source = gl.JsonSchema({"anyOf": [SCHEMA, {"type": "array", "items": {"multipleOf": 0.5}}]})
    alone = [_walk(gl.compile(source, VOCABULARY), seed, 15) for seed in range(8)]
    compiled = gl.compile(source, VOCABULARY, limits=limits)
    results: dict[int, Any] = {}
    barrier = threading.Barrier(8)

    def work(seed: int) -> None:
        barrier.wait()
        try:
            for _ in range(3):
                results[seed] = _walk(compiled, seed, 15)
        except BaseException as error:
            results[seed] = error

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[seed] for seed in range(8)] == alone


# ---- limits


def test_a_full_machine_is_left_to_the_texts_that_are_on_it() -> None:
    compiled = gl.compile(gl.AnyJson(), VOCABULARY, limits=gl.Limits(configurations=200))
    reference = gl.compile(gl.AnyJson(), VOCABULARY)
    old = compiled.matcher()
    text = b'{"key":[1,2,{"k":"v"'
    assert old.accept_bytes(text) == len(text)
    expected = reference.matcher()
    assert expected.accept_bytes(text) == len(text)
    machine = compiled._current.machine
    for number in range(300):
        matcher = compiled.matcher()
        assert matcher.accept_bytes(b'{"%d":%d' % (number, number)) > 4
        assert 0x7D in mask_of(matcher, VOCABULARY)
    assert compiled._current.machine is not machine
    assert old._machine is machine
    assert mask_of(old, VOCABULARY) == mask_of(expected, VOCABULARY)
    for data in (b",", b'"key":3,', b'"k2":{}', b"}]", b"}"):
        assert old.accept_bytes(data) == expected.accept_bytes(data)
        assert mask_of(old, VOCABULARY) == mask_of(expected, VOCABULARY)
    assert old.is_accepting and old.shortest_completion() == b""
    old.rollback(4)
    assert old.shortest_completion() == b'"":0}]}'


def _big_text(number: int) -> bytes:
    return b"[" + b",".join(b'{"k%d":%d}' % (i, number * 1000 + i) for i in range(300)) + b"]"


def _is_deep(token_id: int, limits: gl.Limits) -> bool:
    """Whether the token nests past the limit after three brackets."""
    return limits.stack_depth < 100 and (VOCABULARY.tokens[token_id] or b"").startswith(b"[" * (limits.stack_depth - 2))


@pytest.mark.parametrize(
    ("limits", "source", "text"),
    [
        (gl.Limits(configurations=300), gl.AnyJson(), _big_text(1)),
        (gl.Limits(table_bytes=400_000), gl.AnyJson(), b"[" * 9_000),
        (gl.Limits(stack_depth=20), gl.AnyJson(), b"[" * 21),
        (gl.Limits(states=64), gl.Regex("(a|b)*a(a|b){10}"), b"ab" * 3 + b"aabbabab" * 40),
    ],
    ids=["configurations", "tables", "depth", "states"],
)
def test_a_limit_leaves_other_matchers_intact(limits: gl.Limits, source: Any, text: bytes) -> None:
    compiled = gl.compile(source, VOCABULARY, limits=limits)
    reference = gl.compile(source, VOCABULARY)
    start = text[:3]
    matcher, twin = compiled.matcher(), reference.matcher()
    assert matcher.accept_bytes(start) == twin.accept_bytes(start) == 3
    greedy = compiled.matcher()
    with pytest.raises(gl.LimitExceeded) as caught:
        for at in range(len(text)):
            assert greedy.accept_bytes(text[at : at + 1]) == 1
            mask_of(greedy, VOCABULARY)
    error = caught.value
    assert getattr(limits, error.limit) == error.bound and error.limit in str(error)
    steps, configuration = greedy.steps, greedy.configuration
    with pytest.raises(gl.LimitExceeded):
        for at in range(steps, len(text)):
            greedy.accept_bytes(text[at : at + 1])
            mask_of(greedy, VOCABULARY)
    assert greedy.steps >= steps
    greedy.rollback(greedy.steps - steps)
    assert greedy.configuration == configuration
    # What the other matcher's steps have reached before is there, and the way back.
    assert matcher.steps == 1
    try:
        assert matcher.next_bytes() == twin.next_bytes()
        matcher.rollback(1)
        assert matcher.accept_bytes(start) == 3
        mask = mask_of(matcher, VOCABULARY)
        assert mask == {token_id for token_id in mask_of(twin, VOCABULARY) if not _is_deep(token_id, limits)}
        for token_id in sorted(mask)[:40]:
            assert matcher.accept_token(token_id) == twin.accept_token(token_id)
            matcher.rollback(1)
            twin.rollback(1)
    except gl.LimitExceeded:
        assert error.limit in ("configurations", "table_bytes", "states")  # full is full, but never wrong
    # A new text gets room again.
    if error.limit in ("configurations", "table_bytes"):
        fresh = compiled.matcher()
        assert fresh.accept_bytes(start) == 3
        assert mask_of(fresh, VOCABULARY) == mask_of(twin, VOCABULARY)


def test_a_refused_token_leaves_the_tables_intact() -> None:
    compiled = gl.compile(SCHEMA, VOCABULARY)
    matchers = [compiled.matcher() for _ in range(4)]
    for number, matcher in enumerate(matchers):
        assert matcher.accept_bytes(b'{"c":{"' + b"x" * number) == 7 + number
    masks = [mask_of(matcher, VOCABULARY) for matcher in matchers]
    for token_id in range(VOCABULARY.logits_width):
        if token_id not in masks[0]:
            assert not matchers[0].accept_token(token_id)
    assert masks == [mask_of(matcher, VOCABULARY) for matcher in matchers]
    fresh = gl.compile(SCHEMA, VOCABULARY).matcher()
    assert fresh.accept_bytes(b'{"c":{"xx') == 9
    assert mask_of(fresh, VOCABULARY) == masks[2]


def test_masks_are_kept_within_their_bytes() -> None:
    row = 4 * gl.allocate_bitmask(1, VOCABULARY.logits_width).shape[1]
    limits = gl.Limits(mask_cache_bytes=6 * row)
    compiled = gl.compile(gl.AnyJson(), VOCABULARY, limits=limits)
    free = gl.compile(gl.AnyJson(), VOCABULARY)
    text = b'{"a":[1,{"b":"c"}],"d":[[]]}'
    for _ in range(2):
        matcher, other = compiled.matcher(), free.matcher()
        for at in range(len(text)):
            assert mask_of(matcher, VOCABULARY) == mask_of(other, VOCABULARY)
            assert matcher.accept_bytes(text[at : at + 1]) == other.accept_bytes(text[at : at + 1]) == 1
    masks = compiled._current.masks
    assert masks is not None and len(masks) <= 6
    assert free.memory_bytes > compiled.memory_bytes > 0


def test_growing_tables_keep_what_they_hold() -> None:
    compiled = gl.compile(gl.AnyJson(), VOCABULARY)
    matcher = compiled.matcher()
    masks = []
    for number in range(300):
        data = b'{"k%d":[' % number
        assert matcher.accept_bytes(data) == len(data)
        masks.append(mask_of(matcher, VOCABULARY))
    again = compiled.matcher()
    for number in range(299, -1, -1):
        assert mask_of(matcher, VOCABULARY) == masks[number]
        matcher.rollback(1)
        other = again.fork()
        data = b'{"k%d":[' % (299 - number)
        assert again.accept_bytes(data) == other.accept_bytes(data) == len(data)
        # The name is still known to be used: its closing quote is refused.
        assert other.accept_bytes(b'],"k%d"' % (299 - number)) == len(data) - 2
    assert mask_of(again, VOCABULARY) == masks[-1]
    assert again.accept_bytes(b"]}" * 300) == 600 and again.is_accepting


def test_a_text_may_close_at_the_depth_limit() -> None:
    compiled = gl.compile(gl.AnyJson(), VOCABULARY, limits=gl.Limits(stack_depth=5))
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b"[[[[[") == 5
    assert not {0x5B, 0x7B} & mask_of(matcher, VOCABULARY)
    assert 0x5D in mask_of(matcher, VOCABULARY)
    assert b"[" not in matcher.next_bytes()
    with pytest.raises(gl.LimitExceeded, match="stack_depth=5 "):
        matcher.accept_bytes(b"[")
    assert matcher.accept_bytes(b"1]]]]]") == 6
    assert matcher.is_accepting


def test_where_everything_nests_too_deep_the_mask_says_so() -> None:
    inner: dict[str, Any] = {"type": "integer"}
    for _ in range(4):
        inner = {"type": "array", "items": inner, "minItems": 1}
    vocabulary = gl.Vocabulary([b"[", b"]", b"1", None], eos_token_ids=[3])
    matcher = gl.compile(
        gl.JsonSchema(inner, whitespace="compact"), vocabulary, limits=gl.Limits(stack_depth=3)
    ).matcher()
    assert matcher.accept_tokens([0, 0, 0]) == 3
    for _ in range(2):
        with pytest.raises(gl.LimitExceeded, match="stack_depth=3 "):
            mask_of(matcher, vocabulary)
        with pytest.raises(gl.LimitExceeded):
            matcher.next_bytes()
    matcher.rollback(1)
    assert mask_of(matcher, vocabulary) == {0}


def test_states_of_one_text_are_not_held_against_the_next() -> None:
    # An automaton that remembers which of the last 12 letters were an a: every text visits states of its own.
    source = gl.Lark('start: /[ab]*a[ab]{12}/ "c"')
    compiled = gl.compile(source, VOCABULARY, limits=gl.Limits(states=600))
    generator = random.Random(0)
    greedy = compiled.matcher()
    with pytest.raises(gl.LimitExceeded) as caught:
        while greedy.accept_bytes(generator.choice([b"a", b"b"])):
            pass
    assert caught.value.limit == "states"
    assert sum(_reads(compiled, generator.choices([b"a", b"b"], k=40)) for _ in range(20)) >= 10


def _reads(compiled: gl.CompiledGrammar, pieces: list[bytes]) -> bool:
    matcher = compiled.matcher()
    try:
        return all(matcher.accept_bytes(piece) == len(piece) for piece in pieces)
    except gl.LimitExceeded:
        return False


def test_a_machine_has_rows_only_for_the_states_it_met() -> None:
    # Automata of equal patterns are shared; what another text visited costs this machine nothing.
    pattern = "[ab]*a[ab]{9}x"
    first, second = gl.compile(gl.Regex(pattern)), gl.compile(gl.Regex(pattern))
    generator = random.Random(0)
    matcher = first.matcher()
    for _ in range(3000):
        assert matcher.accept_bytes(generator.choice([b"a", b"b"])) == 1
    assert first._current.machine.states > 500
    other = second.matcher()
    assert other.accept_bytes(b"abbabbabba" * 3) == 30
    assert second._current.machine.states < 60
