"""The JSON machine, slow and obvious: what a `ComponentSource` allows, byte by byte.

It interprets Expansion, ObjectView and ArrayView on explicit immutable states and shares no code
with the kernels.  One step is one byte; a state is None or *live*: some text can complete it.

    accepts(source, text, whitespace) -> bool
    next_bytes(source, prefix, whitespace) -> the bytes that may come next
    labels(source, text, whitespace) -> the exit label of a whole text (0: refused)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from grammarlib.automata.components import (
    ArrayView,
    ComponentKey,
    ComponentSource,
    Expansion,
    NumberSpec,
    ObjectView,
    StringLeaf,
)

WHITESPACE = {
    "bounded": re.compile(rb"(?: |\n {0,128}|\n\t{0,32})?"),
    "compact": re.compile(rb""),
    "any": re.compile(rb"[ \t\n\r]*"),
}
NUMBER_PREFIX = re.compile(
    r"(?P<sign>-?)(?:(?P<integer>0|[1-9][0-9]*)(?P<fraction>\.[0-9]*)?(?:(?<=[0-9])(?P<exponent>[eE][+-]?[0-9]*))?)?"
)
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
ESCAPES = {b'"': 0x22, b"\\": 0x5C, b"/": 0x2F, b"b": 8, b"f": 12, b"n": 10, b"r": 13, b"t": 9}


# ---- numbers -------------------------------------------------------------------------------------


def in_spec(spec: NumberSpec, text: str) -> bool:
    """Whether a whole number, as written, belongs to ``spec``."""
    if spec.digits_only and not re.fullmatch(r"-?[0-9]+", text):
        return False
    value = Fraction(Decimal(text)) if abs(_exponent_of(text)) < 5000 else _huge(text)
    return _holds(spec, value)


def _exponent_of(text: str) -> int:
    return int(re.split("[eE]", text)[1]) if re.search("[eE]", text) else 0


def _huge(text: str) -> Fraction:
    mantissa, exponent = re.split("[eE]", text)
    if Fraction(mantissa) == 0:
        return Fraction(0)
    return Fraction(mantissa) * Fraction(10) ** max(-9000, min(9000, int(exponent)))


def _holds(spec: NumberSpec, value: Fraction) -> bool:
    if spec.values is not None:
        return any(Fraction(member) == value for member in spec.values)
    if spec.lower is not None and (value < Fraction(spec.lower) or (spec.lower_open and value == Fraction(spec.lower))):
        return False
    if spec.upper is not None and (value > Fraction(spec.upper) or (spec.upper_open and value == Fraction(spec.upper))):
        return False
    return spec.multiple_of is None or (value / Fraction(spec.multiple_of)).denominator == 1


def number_prefix_is_live(spec: NumberSpec, text: str) -> bool:
    """Whether some number that starts with ``text`` belongs to ``spec``."""
    match = NUMBER_PREFIX.fullmatch(text)
    if not match:
        return False
    negative = match["sign"] == "-"
    spec = _mirrored(spec) if negative else spec  # from here on the number is zero or positive
    if match["integer"] is None:
        return _holds(spec, Fraction(0)) or _holds_some(spec, None, None)
    if spec.digits_only:
        if match["fraction"] is not None or match["exponent"] is not None:
            return False
        number = int(match["integer"])
        if _holds(spec, Fraction(number)):
            return True
        return number != 0 and any(
            _holds_some(spec, Fraction(number * 10**k), Fraction((number + 1) * 10**k - 1), closed=True, step=1)
            for k in range(1, _reach(spec))
        )
    fraction = (match["fraction"] or ".")[1:]
    digits = int(match["integer"] + fraction)
    if match["exponent"] is None:
        if digits == 0:  # 0.000123e9: any positive number can still come
            return _holds(spec, Fraction(0)) or _holds_some(spec, None, None)
        reach = _reach(spec)
        return any(
            _holds_some(spec, Fraction(digits) * Fraction(10) ** k, Fraction(digits + 1) * Fraction(10) ** k)
            for k in range(-reach - len(str(digits)), reach)
        )
    mantissa = Fraction(digits, 10 ** len(fraction))
    if mantissa == 0:
        return _holds(spec, Fraction(0))
    exponent = match["exponent"][1:]
    signs = [-1, 1] if exponent == "" else [-1] if exponent[0] == "-" else [1]
    written = exponent.lstrip("+-")
    reach = _reach(spec) + len(str(digits)) + len(fraction) + 2
    return any(
        _holds(spec, mantissa * Fraction(10) ** (sign * power))
        for sign in signs
        for power in _exponents(written, reach)
    )


def _exponents(written: str, reach: int) -> Iterator[int]:
    """The exponents up to ``reach`` (and one beyond) whose digits can start with ``written``."""
    if written.strip("0") == "":
        yield from range(reach + 1)
        return
    start = int(written)
    width = 1
    while start * width <= reach:
        yield from range(start * width, min((start + 1) * width, reach + 1))
        width *= 10
    yield reach + 1  # far away: bounds and divisors are decided the same way from there on


def _reach(spec: NumberSpec) -> int:
    """Powers of ten beyond which nothing of the spec changes."""
    parts = [spec.lower, spec.upper, spec.multiple_of, *(spec.values or ())]
    return 6 + sum(len(str(Fraction(part))) for part in parts if part is not None)


def _mirrored(spec: NumberSpec) -> NumberSpec:
    """The negatives of ``spec``."""
    return NumberSpec(
        spec.label,
        None if spec.upper is None else -spec.upper,
        None if spec.lower is None else -spec.lower,
        spec.upper_open,
        spec.lower_open,
        spec.multiple_of,
        None if spec.values is None else tuple(sorted(-value for value in spec.values)),
        spec.digits_only,
    )


def _holds_some(
    spec: NumberSpec, low: Fraction | None, high: Fraction | None, *, closed: bool = False, step: int = 0
) -> bool:
    """Whether a positive number of ``spec`` lies in [low, high), or in [low, high] where ``closed``."""
    if spec.digits_only:
        step = 1
    if spec.values is not None:
        return any(
            value > 0
            and (not step or Fraction(value).denominator == 1)
            and (low is None or value >= low)
            and (high is None or value < high or (closed and value == high))
            for value in map(Fraction, spec.values)
        )
    lower = [(Fraction(0), True)]
    upper: list[tuple[Fraction, bool]] = []
    if low is not None:
        lower.append((low, False))
    if high is not None:
        upper.append((high, not closed))
    if spec.lower is not None:
        lower.append((Fraction(spec.lower), spec.lower_open))
    if spec.upper is not None:
        upper.append((Fraction(spec.upper), spec.upper_open))
    bottom, bottom_open = max(lower)
    grid = spec.multiple_of and Fraction(spec.multiple_of)
    if step and not grid:
        grid = Fraction(step)
    if not upper:
        return True
    top, top_open = min(upper, key=lambda bound: (bound[0], not bound[1]))
    if not grid:
        return bottom < top or (bottom == top and not bottom_open and not top_open)
    first = -(-bottom // grid)
    if bottom_open and first * grid == bottom:
        first += 1
    return first * grid < top or (first * grid == top and not top_open)


# ---- strings -------------------------------------------------------------------------------------


class Text(NamedTuple):
    """A string in progress: decoded bytes; a high surrogate that waits; a partial character; a partial escape."""

    done: bytes = b""
    high: int | None = None
    raw: bytes = b""
    escape: bytes | None = None


def wtf8(unit: int) -> bytes:
    return chr(unit).encode("utf-8", "surrogatepass")


def settled(text: Text) -> bytes:
    """What the text is if nothing more comes."""
    return text.done + (wtf8(text.high) if text.high is not None else b"") + text.raw


def with_unit(text: Text, unit: int) -> Text:
    """Append one UTF-16 code unit that an escape spelled."""
    if text.high is not None and 0xDC00 <= unit <= 0xDFFF:
        return Text(text.done + wtf8(0x10000 + ((text.high - 0xD800) << 10) + (unit - 0xDC00)))
    if 0xD800 <= unit <= 0xDBFF:
        return Text(settled(text), unit)
    return Text(settled(text) + wtf8(unit))


def raw_is_partial(raw: bytes) -> bool | None:
    """True: more bytes must come; False: a whole character; None: no UTF-8."""
    try:
        raw.decode("utf-8")
        return False
    except UnicodeDecodeError:
        pass
    for rest in (b"\x80", b"\xbf", b"\x80\x80", b"\xbf\x80", b"\x80\x80\x80", b"\x90\x80\x80", b"\xbf\x80\x80"):
        try:
            (raw + rest).decode("utf-8")
            return True
        except UnicodeDecodeError:
            continue
    return None


def text_step(text: Text, byte: int) -> Text | None:
    """One more byte inside a string; not its closing quote."""
    if text.escape is not None:
        escape = text.escape + bytes([byte])
        if escape in ESCAPES:
            return with_unit(text._replace(escape=None), ESCAPES[escape])
        if not re.fullmatch(rb"u[0-9a-fA-F]{0,4}", escape):
            return None
        if len(escape) == 5:
            return with_unit(text._replace(escape=None), int(escape[1:], 16))
        return text._replace(escape=escape)
    if not text.raw and byte == 0x5C:
        return text._replace(escape=b"")
    if byte < 0x20 or (not text.raw and byte == 0x22):
        return None
    raw = text.raw + bytes([byte])
    partial = raw_is_partial(raw)
    if partial is None:
        return None
    if partial:
        return Text(settled(text._replace(raw=b"")), None, raw)
    return Text(settled(text._replace(raw=b"")) + raw)


def text_is_live(target: Any, text: Text) -> bool:
    """Whether some text that continues ``text`` is allowed by ``target``."""
    if text.escape is not None:
        before = text._replace(escape=None)
        if text.escape == b"":
            units = range(0x10000)
        else:
            missing = 5 - len(text.escape)
            first = int(text.escape[1:] or b"0", 16) << (4 * missing)
            units = range(first, first + (1 << (4 * missing)))
        if any(text_is_live(target, with_unit(before, unit)) for unit in (*units[:128:16], *units[97:123:4])):
            return True  # a quick look at a few: most targets allow most characters
        if text.high is not None and any(text_is_live(target, with_unit(before, unit)) for unit in _low(units)):
            return True
        return any(unit in units for unit in target.first_units(settled(before)))
    if target.is_live_prefix(settled(text)):
        return True
    if text.high is None:
        return False
    return any(target.is_live_prefix(with_unit(text, low).done) for low in range(0xDC00, 0xE000))


def _low(units: range) -> range:
    return range(max(units.start, 0xDC00), min(units.stop, 0xE000))


def first_unit(character: bytes) -> int:
    """The first UTF-16 unit of one character in WTF-8."""
    point = ord(character.decode("utf-8", "surrogatepass"))
    return point if point < 0x10000 else 0xD800 + ((point - 0x10000) >> 10)


def first_character(data: bytes) -> bytes:
    return data[: next(at for at in range(1, len(data) + 1) if at == len(data) or not 0x80 <= data[at] <= 0xBF)]


def code_points(data: bytes) -> int:
    return sum(1 for byte in data if not 0x80 <= byte <= 0xBF)


class LeafTarget:
    """A `StringLeaf` as a set of texts."""

    def __init__(self, leaf: StringLeaf) -> None:
        self.leaf = leaf
        self._states: dict[bytes, int] = {}
        self._units: dict[tuple[int, int], set[int]] = {}

    def _state(self, data: bytes) -> int:
        if data not in self._states:
            rows = self.leaf.rows
            assert rows is not None
            before = self._state(data[:-1]) if data else 0
            state = rows.start if not data else before if before < 0 else int(rows.expand(before)[data[-1]])
            self._states[data] = state
        return self._states[data]

    def is_live_prefix(self, data: bytes) -> bool:
        leaf = self.leaf
        if leaf.members is not None:
            return any(member.startswith(data) for member, _ in leaf.members)
        if leaf.rows is not None:
            return self._is_live_state(self._state(data), code_points(data))
        return leaf.maximum is None or code_points(data) <= leaf.maximum

    def _is_live_state(self, state: int, count: int) -> bool:
        if state < 0:
            return False
        leaf = self.leaf
        assert leaf.rows is not None
        return leaf.maximum is None or count + leaf.rows.shortest_length(state) <= leaf.maximum

    def first_units(self, data: bytes) -> set[int]:
        """The first UTF-16 units of the characters that may follow ``data``."""
        leaf = self.leaf
        if leaf.members is not None:
            return {
                first_unit(first_character(m[len(data) :])) for m, _ in leaf.members if m.startswith(data) and m != data
            }
        if leaf.rows is None:
            return set(range(0x10000)) if self.is_live_prefix(data + b"a") else set()
        count = code_points(data) + 1
        state = self._state(data)
        if state < 0:
            return set()
        key = (state, count if leaf.maximum is not None else 0)
        if key not in self._units:
            found = set()
            reached = [(b"", state)]
            while reached:
                character, state = reached.pop()
                for byte, following in enumerate(leaf.rows.expand(state).tolist()):
                    if following < 0 or (len(character) == 3 and first_unit(character + b"\x80") in found):
                        continue
                    longer = character + bytes([byte])
                    if len(longer) < (
                        1 if longer[0] < 0xC0 else 2 if longer[0] < 0xE0 else 3 if longer[0] < 0xF0 else 4
                    ):
                        reached.append((longer, following))
                    elif self._is_live_state(following, count):
                        found.add(first_unit(longer))
            self._units[key] = found
        return self._units[key]

    def label(self, data: bytes) -> int:
        leaf = self.leaf
        if leaf.members is not None:
            return dict(leaf.members).get(data, 0)
        count = code_points(data)
        if count < leaf.minimum or (leaf.maximum is not None and count > leaf.maximum):
            return 0
        if leaf.rows is not None:
            state = self._state(data)
            return 0 if state < 0 else leaf.rows.label(state)
        return leaf.label


# ---- the machine ---------------------------------------------------------------------------------


class ObjectFrame(NamedTuple):
    """An object in progress: the view, the keys so far, the highest rank used (len(names): an unlisted one)."""

    view: ObjectView
    used: frozenset[bytes] = frozenset()
    rank: int = -1


class ArrayFrame(NamedTuple):
    """An array in progress: the view and how many items have begun."""

    view: ArrayView
    count: int = 0


class State(NamedTuple):
    """Containers from the outside in, what is expected (`mode`), its data, and the white space since the last token."""

    stack: tuple[ObjectFrame | ArrayFrame, ...]
    mode: str
    data: Any = None
    space: bytes = b""


class KeyTarget:
    """The names that may come next in an object, as a set of texts."""

    def __init__(self, machine: JsonMachine, frame: ObjectFrame) -> None:
        self.machine = machine
        self.frame = frame
        view = frame.view
        self.listed = [
            name
            for position, name in enumerate(view.names)
            if name not in frame.used and machine.tracks_for(frame, position)
        ]
        self.any_other = bool(machine.tracks_for(frame, None))

    def is_live_prefix(self, data: bytes) -> bool:
        return self.any_other or any(name.startswith(data) for name in self.listed)

    def first_units(self, data: bytes) -> set[int]:
        if self.any_other:
            return set(range(0x10000))
        return {
            first_unit(first_character(name[len(data) :]))
            for name in self.listed
            if name.startswith(data) and name != data
        }


class JsonMachine:
    """One source with its expansions; states are values, so that any of them can be stepped again."""

    def __init__(self, source: ComponentSource, whitespace: str = "bounded") -> None:
        self.source = source
        self.space = WHITESPACE[whitespace]
        self._expansions: dict[ComponentKey, Expansion] = {}
        self._targets: dict[int, LeafTarget] = {}

    def start(self) -> State:
        return State((), "value", self.source.root, b"never")

    def expand(self, key: ComponentKey) -> Expansion:
        if key not in self._expansions:
            self._expansions[key] = self.source.expand(key)
        return self._expansions[key]

    def target(self, leaf: StringLeaf) -> LeafTarget:
        if id(leaf) not in self._targets:
            self._targets[id(leaf)] = LeafTarget(leaf)
        return self._targets[id(leaf)]

    # -- objects

    def tracks_for(self, frame: ObjectFrame, position: int | None) -> int:
        """The tracks (positions as bits) that survive if this name (None: an unlisted one) comes next."""
        view = frame.view
        rank = len(view.names) if position is None else view.ranks[position]
        if self.source.ordered and (rank < frame.rank or (rank == frame.rank and position is not None)):
            return 0
        keep = 0
        for track_position, track in enumerate(view.tracks):
            if not track.label:
                continue
            alone = self.source.narrow_object(view, 1 << track_position)
            child = alone.other if position is None else alone.children[position]
            if child is None:
                continue
            skipped = [
                name
                for name in track.required
                if view.names[name] not in frame.used and view.ranks[name] < rank and name != position
            ]
            if self.source.ordered and skipped:
                continue
            keep |= 1 << track_position
        return keep

    def closing_label(self, frame: ObjectFrame | ArrayFrame) -> int:
        """The exit label if the container ends here; 0 where it may not."""
        label = 0
        if isinstance(frame, ObjectFrame):
            for track in frame.view.tracks:
                if all(frame.view.names[name] in frame.used for name in track.required):
                    label |= track.label
        else:
            for track in frame.view.tracks:
                if track.minimum <= frame.count and (track.maximum is None or frame.count <= track.maximum):
                    label |= track.label
        return label

    def begin_item(self, frame: ArrayFrame) -> tuple[ArrayFrame, ComponentKey] | None:
        """The array with one more item begun, and the component of the item."""
        view = frame.view
        keep = 0
        for position, track in enumerate(view.tracks):
            if track.label and (track.maximum is None or frame.count < track.maximum):
                keep |= 1 << position
        if not keep:
            return None
        view = self.source.narrow_array(view, keep)
        child = view.prefix[frame.count] if frame.count < len(view.prefix) else view.rest
        if child is None:
            return None
        return ArrayFrame(view, frame.count + 1), child

    def finish(self, stack: tuple[ObjectFrame | ArrayFrame, ...], label: int) -> State | None:
        """A value ended with an exit label."""
        if not label:
            return None
        if not stack:
            return State((), "done", label)
        frame = stack[-1]
        alive = sum(1 << position for position, track in enumerate(frame.view.tracks) if track.label)
        assert label & ~alive == 0, "a child's label names a track that its view has dropped"
        if label != alive:
            if isinstance(frame, ObjectFrame):
                frame = frame._replace(view=self.source.narrow_object(frame.view, label))
            else:
                frame = frame._replace(view=self.source.narrow_array(frame.view, label))
        return State((*stack[:-1], frame), "after")

    # -- bytes

    def step(self, state: State, byte: int) -> State | None:
        """The state after one more byte, or None where nothing that starts so is allowed."""
        mode, stack = state.mode, state.stack
        character = bytes([byte])
        if mode == "number":
            text = state.data[1] + chr(byte)
            if character in b"0123456789+-.eE" and any(
                number_prefix_is_live(spec, text) for spec in state.data[0].specs
            ):
                return state._replace(data=(state.data[0], text))
            ended = self.finish(stack, self.number_label(state))
            return None if ended is None or ended.mode == "done" else self.step(ended, byte)
        if mode == "literal":
            rest, label = state.data
            if byte != rest[0]:
                return None
            return State(stack, "literal", (rest[1:], label)) if len(rest) > 1 else self.finish(stack, label)
        if mode in ("string", "key"):
            target, text = state.data
            if byte == 0x22 and text.escape is None and not text.raw:
                return self.end_string(state)
            following = text_step(text, byte)
            if following is None or not text_is_live(target, following):
                return None
            return state._replace(data=(target, following))
        if character in b" \t\n\r":
            if state.space == b"never" or mode == "done" or not self.space.fullmatch(state.space + character):
                return None
            return state._replace(space=state.space + character)
        if mode == "value":
            return self.begin_value(stack, state.data, byte)
        if mode in ("key or close", "next key"):
            frame = stack[-1]
            if byte == 0x7D and mode == "key or close":
                return self.finish(stack[:-1], self.closing_label(frame))
            if byte != 0x22:
                return None
            target = KeyTarget(self, frame)
            return State(stack, "key", (target, Text())) if target.any_other or target.listed else None
        if mode == "colon":
            return State(stack, "value", state.data) if byte == 0x3A else None
        if mode == "item or close":
            if byte == 0x5D:
                return self.finish(stack[:-1], self.closing_label(stack[-1]))
            begun = self.begin_item(stack[-1])
            return None if begun is None else self.begin_value((*stack[:-1], begun[0]), begun[1], byte)
        if mode == "after":
            frame = stack[-1]
            if isinstance(frame, ObjectFrame):
                if byte == 0x7D:
                    return self.finish(stack[:-1], self.closing_label(frame))
                target = KeyTarget(self, frame)
                return State(stack, "next key") if byte == 0x2C and (target.any_other or target.listed) else None
            if byte == 0x5D:
                return self.finish(stack[:-1], self.closing_label(frame))
            begun = self.begin_item(frame) if byte == 0x2C else None
            return None if begun is None else State((*stack[:-1], begun[0]), "value", begun[1])
        return None

    def begin_value(self, stack: tuple[ObjectFrame | ArrayFrame, ...], key: ComponentKey, byte: int) -> State | None:
        expansion = self.expand(key)
        for word, label in ((b"null", expansion.null), (b"true", expansion.true), (b"false", expansion.false)):
            if byte == word[0] and label:
                return State(stack, "literal", (word[1:], label))
        if byte == 0x22 and expansion.string is not None:
            return State(stack, "string", (self.target(expansion.string), Text()))
        if byte == 0x7B and expansion.object is not None:
            return State((*stack, ObjectFrame(expansion.object)), "key or close")
        if byte == 0x5B and expansion.array is not None:
            return State((*stack, ArrayFrame(expansion.array)), "item or close")
        if chr(byte) in "-0123456789" and expansion.number is not None:
            state = State(stack, "number", (expansion.number, chr(byte)))
            if any(number_prefix_is_live(spec, chr(byte)) for spec in expansion.number.specs):
                return state
        return None

    def end_string(self, state: State) -> State | None:
        target, text = state.data
        data = settled(text)
        if state.mode == "string":
            return self.finish(state.stack, target.label(data))
        frame = state.stack[-1]
        if data in frame.used:
            return None
        position = frame.view.names.index(data) if data in frame.view.names else None
        keep = self.tracks_for(frame, position)
        if not keep:
            return None
        view = self.source.narrow_object(frame.view, keep)
        child = view.other if position is None else view.children[position]
        assert child is not None
        rank = len(view.names) if position is None else view.ranks[position]
        return State((*state.stack[:-1], ObjectFrame(view, frame.used | {data}, rank)), "colon", child)

    def number_label(self, state: State) -> int:
        leaf, text = state.data
        if not NUMBER.fullmatch(text):
            return 0
        label = 0
        for spec in leaf.specs:
            if in_spec(spec, text):
                label |= spec.label
        return label

    def final_label(self, state: State | None) -> int:
        """The exit label of the whole text, or 0 where it may not stop here."""
        if state is not None and state.mode == "number" and not state.stack:
            return self.number_label(state)
        return state.data if state is not None and state.mode == "done" else 0

    def run(self, data: bytes) -> State | None:
        state: State | None = self.start()
        for byte in data:
            if state is None:
                return None
            state = self.step(state, byte)
        return state


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def labels(source: ComponentSource, text: str | bytes, whitespace: str = "bounded") -> int:
    """The exit label of a whole text; 0 where it is refused."""
    machine = JsonMachine(source, whitespace)
    return machine.final_label(machine.run(_bytes(text)))


def accepts(source: ComponentSource, text: str | bytes, whitespace: str = "bounded") -> bool:
    """Whether the text belongs to the source's language."""
    return labels(source, text, whitespace) != 0


def next_bytes(source: ComponentSource, prefix: str | bytes, whitespace: str = "bounded") -> set[int]:
    """The bytes that may follow ``prefix``; empty where the prefix itself is refused."""
    machine = JsonMachine(source, whitespace)
    state = machine.run(_bytes(prefix))
    if state is None:
        return set()
    return {byte for byte in range(256) if machine.step(state, byte) is not None}
