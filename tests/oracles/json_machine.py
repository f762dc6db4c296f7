"""The JSON machine, slow and obvious: what a `ComponentSource` allows, byte by byte.

It interprets Expansion, ObjectView, ArrayView, StatusView and PendingView on explicit immutable states and shares
no code with the kernels.  Items that must differ are compared by their exact values.  One step is one byte; a state
is None or *live*: some text can complete it (as far as the source itself knows).

    accepts(source, text, whitespace) -> bool
    next_bytes(source, prefix, whitespace) -> the bytes that may come next
    labels(source, text, whitespace) -> the exit label of a whole text (0: refused)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from grammarlib.automata.components import (
    REPEATED_ITEM,
    ArrayView,
    ComponentKey,
    ComponentSource,
    ContainerView,
    Expansion,
    KeyRows,
    NumberLeaf,
    NumberSpec,
    ObjectView,
    PendingView,
    StatusView,
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


def number_label(leaf: NumberLeaf, text: str) -> int:
    """The exit label of a number as written; 0 where it is none of the leaf's."""
    if not NUMBER.fullmatch(text):
        return 0
    if leaf.table is not None:
        return leaf.table.label(sum(1 << i for i, spec in enumerate(leaf.atoms) if in_spec(spec, text)))
    label = 0
    for spec in leaf.specs:
        if in_spec(spec, text):
            label |= spec.label
    return label


# ---- values --------------------------------------------------------------------------------------


def exact_value(text: str) -> Hashable:
    """The value of a JSON text: equal exactly where JSON Schema says so, numbers of any size included."""
    value = json.loads(text, parse_int=_Number, parse_float=_Number, object_pairs_hook=_Members)
    return _exact(value)


class _Number(str):
    """A number as it is written."""


class _Members(list[Any]):
    """The members of an object."""


def _exact(value: Any) -> Hashable:
    if isinstance(value, _Number):
        mantissa, _, exponent = value.lower().partition("e")
        whole, _, fraction = mantissa.lstrip("-").partition(".")
        digits = (whole + fraction).lstrip("0")
        shift = int(exponent or 0) - len(fraction)
        kept = digits.rstrip("0")
        return ("number", kept and value[0] == "-", kept, kept and shift + len(digits) - len(kept))
    if isinstance(value, _Members):
        return ("object", frozenset((name, _exact(member)) for name, member in value))
    if isinstance(value, list):
        return ("array", tuple(_exact(item) for item in value))
    return (type(value).__name__, value)


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


def units_after(rows: Any, state: int, is_live: Callable[[bytes, int], bool]) -> set[int]:
    """The first UTF-16 units of the characters that lead from ``state`` to a state that is live after them."""
    found = set()
    reached = [(b"", state)]
    while reached:
        character, at = reached.pop()
        for byte, following in enumerate(rows.expand(at).tolist()):
            if following < 0 or (len(character) == 3 and first_unit(character + b"\x80") in found):
                continue
            longer = character + bytes([byte])
            if len(longer) < (1 if longer[0] < 0xC0 else 2 if longer[0] < 0xE0 else 3 if longer[0] < 0xF0 else 4):
                reached.append((longer, following))
            elif is_live(longer, following):
                found.add(first_unit(longer))
    return found


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
            self._units[key] = units_after(leaf.rows, state, lambda _, after: self._is_live_state(after, count))
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
            label = 0 if state < 0 else leaf.rows.label(state)
            return leaf.table.label(data) if label and leaf.table is not None else label
        return leaf.label


# ---- the machine ---------------------------------------------------------------------------------


class ObjectFrame(NamedTuple):
    """An object in progress: the view, the keys so far, the highest rank used (len(names): an unlisted one)."""

    view: ObjectView | StatusView
    used: frozenset[bytes] = frozenset()
    rank: int = -1
    pending: PendingView | None = None


class ArrayFrame(NamedTuple):
    """An array in progress: the view, how many items have begun, finished items, where the one that is read begins."""

    view: ArrayView | StatusView
    count: int = 0
    pending: PendingView | None = None
    items: frozenset[Hashable] = frozenset()
    begin: int = 0


Stack = tuple[ObjectFrame | ArrayFrame, ...]


class State(NamedTuple):
    """Containers from the outside in, what is expected (`mode`), its data, and the white space since the last token.

    ``read``: the whole text so far.
    """

    stack: Stack
    mode: str
    data: Any = None
    space: bytes = b""
    read: bytes = b""


class KeyTarget:
    """The names that may come next in an object, as a set of texts."""

    def __init__(self, machine: JsonMachine, frame: ObjectFrame) -> None:
        self.frame = frame
        view = frame.view
        self.listed = [
            name
            for position, name in enumerate(view.names)
            if name not in frame.used and machine.takes_listed(frame, position)
        ]
        self.rows: list[KeyRows] = []
        self.any_other = False
        for rows in machine.other_names(frame):
            if rows is None:
                self.any_other = True
            else:
                self.rows.append(rows)

    def is_empty(self) -> bool:
        """Whether no name may come."""
        return not self.is_live_prefix(b"")

    def is_live_prefix(self, data: bytes) -> bool:
        if self.any_other or any(name.startswith(data) for name in self.listed):
            return True
        return any(self._leads_on(rows, data, run(rows, data)) for rows in self.rows)

    def _leads_on(self, rows: KeyRows, data: bytes, state: int) -> bool:
        """Whether some unused word begins with ``data``, which leads to ``state``."""
        if state < 0:
            return False
        used = {name for name in self.frame.used if name.startswith(data) and accepted(rows, name)}
        return has_words(rows, state, len(used) + 1)

    def first_units(self, data: bytes) -> set[int]:
        if self.any_other:
            return set(range(0x10000))
        found = {
            first_unit(first_character(name[len(data) :]))
            for name in self.listed
            if name.startswith(data) and name != data
        }
        for rows in self.rows:
            state = run(rows, data)
            if state >= 0:
                found |= units_after(rows, state, lambda more, at, rows=rows: self._leads_on(rows, data + more, at))
        return found


def run(rows: KeyRows, data: bytes) -> int:
    """The state after ``data``; negative where it is dead."""
    state = rows.start
    for byte in data:
        if state < 0:
            break
        state = int(rows.expand(state)[byte])
    return state


def accepted(rows: KeyRows, data: bytes) -> int:
    """The label of a name; 0 where it is refused."""
    state = run(rows, data)
    return rows.label(state) if state >= 0 else 0


def has_words(rows: KeyRows, state: int, count: int) -> bool:
    """Whether at least ``count`` words lead from ``state`` to acceptance: words are counted by length."""
    paths = {state: 1}
    found = 0
    while paths:
        found += sum(number for at, number in paths.items() if rows.label(at))
        if found >= count:
            return True
        longer: dict[int, int] = {}
        for at, number in paths.items():
            targets, sizes = np.unique(rows.expand(at), return_counts=True)
            for target, size in zip(targets.tolist(), sizes.tolist(), strict=True):
                if target >= 0:
                    longer[target] = longer.get(target, 0) + number * size
        paths = longer
    return False


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

    def tracks_for(self, frame: ObjectFrame, position: int | None, name: bytes | None = None) -> int:
        """The tracks (positions as bits) that survive if this name comes next.

        ``position`` None: an unlisted one, or any unlisted one where ``name`` is None too.
        """
        view = frame.view
        assert isinstance(view, ObjectView)
        rank = len(view.names) if position is None else view.ranks[position]
        if self.source.ordered and (rank < frame.rank or (rank == frame.rank and position is not None)):
            return 0
        keep = 0
        for track_position, track in enumerate(view.tracks):
            if not track.label:
                continue
            alone = self.source.narrow_object(view, 1 << track_position)
            if position is not None:
                child = alone.children[position]
            elif name is None:
                child = alone.other
            else:
                child = self.other_child(alone, name)
            if child is None:
                continue
            skipped = [
                other
                for other in track.required
                if view.names[other] not in frame.used and view.ranks[other] < rank and other != position
            ]
            if self.source.ordered and skipped:
                continue
            keep |= 1 << track_position
        return keep

    def other_child(self, view: ObjectView, name: bytes) -> ComponentKey | None:
        """The component of the value of an unlisted name."""
        if view.keys is None:
            return view.other
        label = accepted(view.keys, name)
        return self.source.other(view, label) if label else None

    def takes_listed(self, frame: ObjectFrame, position: int) -> bool:
        """Whether listed name ``position`` may come next, used or not."""
        if isinstance(frame.view, StatusView):
            return frame.view.allowed[position]
        return bool(self.tracks_for(frame, position))

    def other_names(self, frame: ObjectFrame) -> list[KeyRows | None]:
        """The automata whose words may come next as unlisted names; None for any name."""
        view = frame.view
        if isinstance(view, StatusView):
            return [view.keys] if view.other else []
        keep = self.tracks_for(frame, None)
        found: list[KeyRows | None] = []
        for position in range(len(view.tracks)):
            if keep >> position & 1:
                found.append(self.source.narrow_object(view, 1 << position).keys)
        return found

    def begin_member(self, frame: ObjectFrame, name: bytes) -> tuple[ObjectFrame, ComponentKey] | None:
        """The object whose next member has this name, and the component of its value."""
        if name in frame.used:
            return None
        view = frame.view
        position = view.names.index(name) if name in view.names else None
        rank = len(view.names) if position is None else view.ranks[position]
        used = frame.used | {name}
        if isinstance(view, StatusView):
            label = 1
            if position is not None:
                if not view.allowed[position]:
                    return None
            elif not view.other:
                return None
            elif view.keys is not None:
                label = accepted(view.keys, name)
                if not label:
                    return None
            pending = self.source.select(view, position, label)
            assert pending is not None, "a name that may come has no value"
            return ObjectFrame(pending.view, used, rank, pending), pending.component
        keep = self.tracks_for(frame, position, name)
        if not keep:
            return None
        view = self.source.narrow_object(view, keep)
        child = self.other_child(view, name) if position is None else view.children[position]
        assert child is not None
        return ObjectFrame(view, used, rank), child

    # -- arrays

    def begin_item(self, frame: ArrayFrame) -> tuple[ArrayFrame, ComponentKey] | None:
        """The array with one more item begun, and the component of the item."""
        view = frame.view
        if isinstance(view, StatusView):
            pending = self.source.item(view)
            if pending is None:
                return None
            return frame._replace(count=frame.count + 1, pending=pending), pending.component
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
        return frame._replace(view=view, count=frame.count + 1), child

    # -- ends

    def closing_label(self, frame: ObjectFrame | ArrayFrame) -> int:
        """The exit label if the container ends here; 0 where it may not."""
        view = frame.view
        if isinstance(view, StatusView):
            if isinstance(frame, ObjectFrame) and not all(view.names[name] in frame.used for name in view.required):
                return 0
            return view.label
        label = 0
        if isinstance(frame, ObjectFrame):
            assert isinstance(view, ObjectView)
            for track in view.tracks:
                if all(view.names[name] in frame.used for name in track.required):
                    label |= track.label
        else:
            assert isinstance(view, ArrayView)
            for track in view.tracks:
                if track.minimum <= frame.count and (track.maximum is None or frame.count <= track.maximum):
                    label |= track.label
        return label

    def finish(self, stack: Stack, label: int, read: bytes) -> State | None:
        """A value ended with an exit label; ``read`` ends with it."""
        if not label:
            return None
        if not stack:
            return State((), "done", label)
        frame = stack[-1]
        if isinstance(frame, ArrayFrame) and frame.view.unique:
            value = exact_value(read[frame.begin :].decode("utf-8"))
            if value in frame.items:
                if isinstance(frame.view, ArrayView):
                    return None
                label |= REPEATED_ITEM
            frame = frame._replace(items=frame.items | {value})
        view: ContainerView | None
        if frame.pending is not None:
            view = self.source.finish(frame.pending, label)
            if view is None:
                return None
        else:
            view = frame.view
            assert not isinstance(view, StatusView)
            alive = sum(1 << position for position, track in enumerate(view.tracks) if track.label)
            assert label & ~alive == 0, "a child's label names a track that its view has dropped"
            if label != alive:
                if isinstance(view, ObjectView):
                    view = self.source.narrow_object(view, label)
                else:
                    view = self.source.narrow_array(view, label)
        return State((*stack[:-1], frame._replace(view=view, pending=None)), "after")

    # -- bytes

    def step(self, state: State, byte: int) -> State | None:
        """The state after one more byte, or None where nothing that starts so is allowed."""
        found = self._step(state, byte)
        return None if found is None else found._replace(read=state.read + bytes([byte]))

    def _step(self, state: State, byte: int) -> State | None:
        mode, stack = state.mode, state.stack
        character = bytes([byte])
        read = state.read + character
        if mode == "number":
            text = state.data[1] + chr(byte)
            if character in b"0123456789+-.eE" and self.number_is_live(state.data[0], text):
                return state._replace(data=(state.data[0], text))
            ended = self.finish(stack, number_label(*state.data), state.read)
            if ended is None or ended.mode == "done":
                return None
            return self._step(ended._replace(read=state.read), byte)
        if mode == "literal":
            rest, label = state.data
            if byte != rest[0]:
                return None
            return State(stack, "literal", (rest[1:], label)) if len(rest) > 1 else self.finish(stack, label, read)
        if mode in ("string", "key"):
            target, text = state.data
            if byte == 0x22 and text.escape is None and not text.raw:
                return self.end_string(state, read)
            following = text_step(text, byte)
            if following is None or not text_is_live(target, following):
                return None
            return state._replace(data=(target, following))
        if character in b" \t\n\r":
            if state.space == b"never" or mode == "done" or not self.space.fullmatch(state.space + character):
                return None
            return state._replace(space=state.space + character)
        if mode == "value":
            return self.begin_value(stack, state.data, byte, len(state.read))
        if mode in ("key or close", "next key"):
            frame = stack[-1]
            if byte == 0x7D and mode == "key or close":
                return self.finish(stack[:-1], self.closing_label(frame), read)
            if byte != 0x22:
                return None
            target = KeyTarget(self, frame)
            return None if target.is_empty() else State(stack, "key", (target, Text()))
        if mode == "colon":
            return State(stack, "value", state.data) if byte == 0x3A else None
        if mode == "item or close":
            if byte == 0x5D:
                return self.finish(stack[:-1], self.closing_label(stack[-1]), read)
            begun = self.begin_item(stack[-1])
            return None if begun is None else self.begin_value((*stack[:-1], begun[0]), begun[1], byte, len(state.read))
        if mode == "after":
            frame = stack[-1]
            if byte == (0x7D if isinstance(frame, ObjectFrame) else 0x5D):
                return self.finish(stack[:-1], self.closing_label(frame), read)
            if byte != 0x2C:
                return None
            if isinstance(frame, ObjectFrame):
                return None if KeyTarget(self, frame).is_empty() else State(stack, "next key")
            begun = self.begin_item(frame)
            return None if begun is None else State((*stack[:-1], begun[0]), "value", begun[1])
        return None

    def begin_value(self, stack: Stack, key: ComponentKey, byte: int, at: int) -> State | None:
        """A value begins with ``byte``, which stands at ``at``."""
        expansion = self.expand(key)
        if stack and isinstance(frame := stack[-1], ArrayFrame):
            stack = (*stack[:-1], frame._replace(begin=at))
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
            if self.number_is_live(expansion.number, chr(byte)):
                return State(stack, "number", (expansion.number, chr(byte)))
        return None

    def number_is_live(self, leaf: NumberLeaf, text: str) -> bool:
        """Whether some number that begins so belongs to a spec."""
        return any(number_prefix_is_live(spec, text) for spec in leaf.specs)

    def end_string(self, state: State, read: bytes) -> State | None:
        target, text = state.data
        data = settled(text)
        if state.mode == "string":
            return self.finish(state.stack, target.label(data), read)
        begun = self.begin_member(state.stack[-1], data)
        return None if begun is None else State((*state.stack[:-1], begun[0]), "colon", begun[1])

    def number_label(self, state: State) -> int:
        """The label of a number that is being read, if it ends here."""
        return number_label(*state.data)

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
