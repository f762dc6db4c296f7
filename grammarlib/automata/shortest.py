"""The way out: shortest completions and random texts of a machine.

Purpose: from any configuration, a shortest byte string after which the text may stop; and texts of
the language without a model.  Place: beside `configurations`, for the matcher and ``sample``.
Cost: milliseconds on the first visit of a component, then memo lookups; never on the mask path.
How: minimal yields (Knuth 1977, "A generalization of Dijkstra's algorithm") over components, then
frame by frame outwards, separately for every track that may still win.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np

from grammarlib.automata import numbers
from grammarlib.automata.components import StatusView
from grammarlib.automata.configurations import Machine
from grammarlib.errors import LimitExceeded

_SHORT_ESCAPES: Final = {0x22: b'\\"', 0x5C: b"\\\\", 8: b"\\b", 12: b"\\f", 10: b"\\n", 13: b"\\r", 9: b"\\t"}
_FAR_RANK: Final = 1 << 40
_ANY_TRACK: Final = -1
_PLANS: Final = 16
_ATTEMPTS: Final = 200


def _bits(track: int) -> int:
    """The exit labels that a track asks for, as a bit set."""
    return -1 if track == _ANY_TRACK else 1 << track


def escape(text: bytes) -> bytes:
    """The shortest way to write WTF-8 ``text`` inside a JSON string."""
    out = bytearray()
    i = 0
    while i < len(text):
        byte = text[i]
        if byte in _SHORT_ESCAPES:
            out += _SHORT_ESCAPES[byte]
        elif byte < 0x20:
            out += b"\\u%04x" % byte
        elif byte == 0xED and i + 2 < len(text) and text[i + 1] >= 0xA0:
            out += b"\\u%04x" % (0xD000 | (text[i + 1] & 0x3F) << 6 | (text[i + 2] & 0x3F))
            i += 2
        else:
            out.append(byte)
        i += 1
    return bytes(out)


def _shorter(first: bytes | None, second: bytes | None) -> bytes | None:
    if first is None or (second is not None and (len(second), second) < (len(first), first)):
        return second
    return first


class Completions:
    """Shortest completions of one machine; keeps a memo, takes the machine's lock.

    A value of more than ``Limits.closure_steps`` bytes counts as none; `LimitExceeded` where there is no other.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._values: dict[tuple[int, int], bytes | None] = {}
        self._edges: dict[int, list[tuple[int, int, int, int]]] = {}
        self._longest = machine.limits.closure_steps
        self._left_out = False  # whether some value was too long
        self._ways: dict[int, list[list[tuple[bytes | None, int]]]] = {}

    def _no_way(self) -> Exception:
        if self._left_out or not getattr(self._machine.source, "dead_end_free", True):
            return LimitExceeded("closure_steps", self._longest, None, "a shortest completion")
        return AssertionError("what a view offers can be completed")

    # ---- values from nothing

    def _value(self, component: int, track: int) -> bytes:
        """A shortest value of ``component`` whose exit label has bit ``track`` (`_ANY_TRACK`: with any label)."""
        goal = (component, track)
        if goal not in self._values:
            # Discover what the goal may need, then relax until nothing changes: costs only fall.
            order: list[tuple[int, int]] = []
            found = {goal}
            queue = [goal]
            while queue:
                item = queue.pop()
                order.append(item)
                for need in self._needs(*item):
                    if need not in found and need not in self._values:
                        found.add(need)
                        queue.append(need)
            best: dict[tuple[int, int], bytes | None] = dict.fromkeys(order)
            changed = True
            while changed:
                changed = False
                for item in reversed(order):
                    text = self._relax(*item, best)
                    if text is not None and (best[item] is None or len(text) < len(best[item] or b"")):
                        best[item] = text
                        changed = True
            self._values.update(best)
        value = self._values[goal]
        if value is None:
            raise self._no_way()
        return value

    def _scalar(self, component: int, track: int) -> bytes | None:
        machine = self._machine
        k = machine.kernel
        machine.expand_component(component)
        row = machine.C[component].tolist()
        best: bytes | None = None
        if row[k.C_NUMBER_KIND]:
            best = self._number(row[k.C_NUMBER_KIND], row[k.C_NUMBER], b"", track)
        if best is not None and len(best) == 1:
            return best
        if row[k.C_STRING] >= 0:
            leaf = machine.S[row[k.C_STRING]].tolist()
            if leaf[k.S_SHAPE] == 2:
                content = self._member(row[k.C_STRING], 0, leaf[k.S_COUNT], 0, track)
            else:
                content = self._content(row[k.C_STRING], leaf[k.S_ROW], 0, track)
            if content is not None:
                best = _shorter(best, b'"' + content)
        for column, literal in ((k.C_NULL, b"null"), (k.C_TRUE, b"true"), (k.C_FALSE, b"false")):
            if row[column] & _bits(track):
                best = _shorter(best, literal)
        return best

    def _needs(self, component: int, track: int) -> list[tuple[int, int]]:
        """The (component, track) pairs that a container of the component must hold."""
        machine = self._machine
        k = machine.kernel
        scalar = self._scalar(component, track)
        if scalar is not None and len(scalar) <= 2:
            return []
        needs: list[tuple[int, int]] = []
        for column in (k.C_OBJECT, k.C_ARRAY):
            view = int(machine.C[component, column])
            if view >= 0 and machine.V[view, k.V_FLAGS] & k.BY_STATUS:
                needs += [(child, 0) for plan in self._plans(view) for _, child in plan]
            elif view >= 0:
                for inner in self._tracks(view, track):
                    if machine.V[view, k.V_KIND] == 0:
                        needs += [(child, inner) for _, child in self._missing(view, inner, None)]
                    else:
                        needs += [(child, inner) for child in set(self._items(view, inner, 0) or ())]
        return needs

    def _relax(self, component: int, track: int, best: dict[tuple[int, int], bytes | None]) -> bytes | None:
        machine = self._machine
        k = machine.kernel
        text = self._scalar(component, track)
        if text is not None and len(text) <= 2:
            return text

        def value(child: int, inner: int) -> bytes | None:
            known = best.get((child, inner))
            return known if known is not None else self._values.get((child, inner))

        for column in (k.C_OBJECT, k.C_ARRAY):
            view = int(machine.C[component, column])
            if view < 0:
                continue
            if machine.V[view, k.V_FLAGS] & k.BY_STATUS:
                for plan in self._plans(view):
                    members = [
                        None if (item := value(child, 0)) is None else _member_name(name) + item for name, child in plan
                    ]
                    whole = [part for part in members if part is not None]
                    if len(whole) == len(members) and sum(map(len, whole)) + len(whole) < self._longest:
                        begin, end = (b"{", b"}") if column == k.C_OBJECT else (b"[", b"]")
                        text = _shorter(text, begin + b",".join(whole) + end)
                continue
            for inner in self._tracks(view, track):
                parts: list[bytes | None]
                if machine.V[view, k.V_KIND] == 0:
                    parts = []
                    begin, end = b"{", b"}"
                    for name, child in self._missing(view, inner, None):
                        item = value(child, inner)
                        parts.append(None if item is None else b'"' + escape(name) + b'":' + item)
                else:
                    items = self._items(view, inner, 0)
                    if items is None:
                        continue
                    parts = [value(child, inner) for child in items]
                    begin, end = b"[", b"]"
                whole = [part for part in parts if part is not None]
                if len(whole) < len(parts):
                    continue
                if sum(map(len, whole)) + len(whole) >= self._longest:
                    self._left_out = True
                    continue
                text = _shorter(text, begin + b",".join(whole) + end)
        return text

    # ---- views

    def _tracks(self, view: int, outer: int) -> list[int]:
        """The live tracks of a view whose label has bit ``outer``."""
        machine = self._machine
        k = machine.kernel
        row = machine.V[view].tolist()
        stride = 1 + row[k.V_WORDS] if row[k.V_KIND] == 0 else 3
        tracks = []
        for track in range(row[k.V_TRACKS]):
            label = int(machine.P[row[k.V_TRACK_AT] + track * stride])
            if label & _bits(outer):
                tracks.append(track)
        return tracks

    def _plans(self, view: int) -> list[list[tuple[bytes | None, int]]]:
        """Ways to end a container whose outcome is open: names (None for items) and components of one track."""
        found = self._ways.get(view)
        if found is None:
            machine = self._machine
            source, state = machine.component_source, machine.view_of(view)
            assert isinstance(state, StatusView)
            component = machine.component_of
            found = []
            for named, items in islice(source.plans(state), _PLANS):
                members: list[tuple[bytes | None, int]] = [(name, component(key)) for name, key in named]
                found.append([*members, *((None, component(key)) for key in items)])
            self._ways[view] = found
        return found

    def _missing(self, view: int, track: int, frame: int | None) -> list[tuple[bytes, int]]:
        """(name, component) of the names that ``track`` requires and the frame has not, in an allowed order."""
        return [(name, child) for _, name, child in self._ranked(view, track, frame)]

    def _ranked(self, view: int, track: int, frame: int | None) -> list[tuple[int, bytes, int]]:
        """(rank, name, component), as `_missing`."""
        machine = self._machine
        k = machine.kernel
        row = machine.V[view].tolist()
        words = row[k.V_WORDS]
        at = row[k.V_TRACK_AT] + track * (1 + words) + 1
        found = []
        for word in range(words):
            bits = int(machine.P[at + word]) & (1 << 64) - 1
            if frame is not None:
                bits &= ~int(machine.W[int(machine.F[frame, k.F_BITS]) + word])
            while bits:
                low = bits & -bits
                bits ^= low
                i = word * 64 + low.bit_length() - 1
                start, length, child, rank, _ = machine.P[row[k.V_NAME_AT] + i * 5 :][:5].tolist()
                found.append((rank, machine.B[start : start + length].tobytes(), child))
        found.sort()
        return found

    def _items(self, view: int, track: int, count: int) -> list[int] | None:
        """The components of the items that ``track`` still needs after ``count`` items; None for too many."""
        machine = self._machine
        k = machine.kernel
        row = machine.V[view].tolist()
        minimum = int(machine.P[row[k.V_TRACK_AT] + track * 3 + 1])
        if minimum - count > self._longest:
            self._left_out = True
            return None
        return [
            int(machine.P[row[k.V_PREFIX_AT] + i]) if i < row[k.V_PREFIX] else row[k.V_REST]
            for i in range(count, minimum)
        ]

    # ---- leaves

    def _number(self, kind: int, at: int, prefix: bytes, track: int) -> bytes | None:
        machine = self._machine
        if kind == 1:
            found = machine.shortest_of_row(at, _bits(track))
            self._left_out = self._left_out or found is None
            return found
        leaf = machine.number_leaf(at)
        specs = tuple(spec for spec in leaf.specs if spec.label & _bits(track))
        if not specs:
            return None
        narrow = type(leaf)(specs)
        if not numbers.prefix_is_live(narrow, prefix):
            return None
        try:
            return bytes(numbers.shortest_number(narrow, prefix))
        except LimitExceeded:
            self._left_out = True
            return None

    def _member(self, leaf: int, low: int, high: int, depth: int, track: int) -> bytes | None:
        machine = self._machine
        k = machine.kernel
        best: bytes | None = None
        at = int(machine.S[leaf, k.S_MEMBERS])
        for i in range(low, high):
            start, length, label = machine.P[at + 3 * i : at + 3 * i + 3].tolist()
            if label & _bits(track):
                best = _shorter(best, escape(machine.B[start + depth : start + length].tobytes()) + b'"')
        return best

    def _content(self, leaf: int, row: int, count: int, track: int) -> bytes | None:
        """The shortest rest of a string: content that ends in a row of the label, and the quote."""
        machine = self._machine
        shape, label, _, minimum, maximum = machine.S[leaf, :5].tolist()
        if shape == 0 and not label & _bits(track):
            return None
        wanted = -1 if shape == 0 else _bits(track)
        if max(minimum - count, machine.least_of_row(row)) > self._longest:
            self._left_out = True
            return None
        if shape == 0 and machine.RM[row, 0]:
            return bytes(b" " * max(0, minimum - count) + b'"')
        # Dijkstra over (row, code points); a row's label, or any label where the leaf has its own.
        trail: list[tuple[int, int]] = []  # (index of the byte before, byte)
        heap: list[tuple[int, int, int, int]] = [(0, -1, row, count)]  # cost, index in the trail, row, code points
        seen: set[tuple[int, int]] = set()
        while heap:
            cost, last, at, points = heapq.heappop(heap)
            if (at, points) in seen:
                continue
            if cost > self._longest:
                self._left_out = True
                return None
            seen.add((at, points))
            if int(machine.RM[at, 0]) & wanted and points >= minimum:
                text = bytearray()
                while last >= 0:
                    last, byte = trail[last]
                    text.append(byte)
                return escape(bytes(reversed(text))) + b'"'
            for target, lead, weight, byte in self._steps(at):
                following = points + lead
                if maximum >= 0:
                    if following + int(machine.RM[target, 1]) > maximum:
                        continue
                elif following > minimum:
                    following = minimum
                if (target, following) not in seen:
                    heapq.heappush(heap, (cost + weight, len(trail), target, following))
                    trail.append((last, byte))
        return None

    def _steps(self, row: int) -> list[tuple[int, int, int, int]]:
        """(next row, code points begun, bytes to write it, byte), the cheapest byte for each of the first two."""
        found = self._edges.get(row)
        if found is None:
            machine = self._machine
            machine.expand_row(row)
            best: dict[tuple[int, int], tuple[int, int]] = {}
            for byte, target in enumerate(machine.R[row].tolist()):
                if target >= 0:
                    key = (target, int(byte & 0xC0 != 0x80))
                    weight = 2 if byte in _SHORT_ESCAPES else 6 if byte < 0x20 else 1
                    best[key] = min(best.get(key, (weight, byte)), (weight, byte))
            found = self._edges[row] = [(*key, *cheapest) for key, cheapest in best.items()]
        return found

    # ---- a configuration

    def shortest(self, configuration: int) -> bytes:
        """A shortest byte string that leads from ``configuration`` to where the text may stop.

        Inside a half-written escape sequence the completion is short, not always shortest.
        """
        machine = self._machine
        with machine.lock:
            prefix = b""
            while True:
                if machine.is_accepting(configuration):
                    return prefix
                kind, a, r, e, f = machine.K[configuration, :5].tolist()
                k = machine.kernel
                if kind == k.ROW:
                    return prefix + (machine.shortest_of_row(a, -1) or b"")
                if not e & k.UNRECORDED or kind == k.NUMBER:
                    break
                byte = self._escape_byte(configuration, e)
                prefix += bytes((byte,))
                configuration = machine.advance(configuration, np.array([byte], np.uint8))
            if not self._is_open(f):
                try:
                    rest = self._outward(kind, a, r, e & k.UNRECORDED, f)
                except AssertionError:
                    rest = b""
                end = self._read(configuration, rest)
                if end >= 0 and machine.is_accepting(end):
                    return prefix + rest
            return prefix + self._piece_by_piece(configuration)

    def _escape_byte(self, configuration: int, e: int) -> int:
        """The next byte of an escape that was begun: the first that stays alive, a quick one before \\u."""
        allowed, _ = self._machine.next_bytes(configuration)
        choices = [byte for byte in range(256) if allowed[byte]]
        quick = [byte for byte in choices if byte != 0x75] or choices
        plain = [byte for byte in quick if byte not in (0x22, 0x5C)] or quick
        return plain[0] if e & 3 else (0x22 if 0x22 in choices else plain[0])

    def _read(self, configuration: int, text: bytes) -> int:
        return self._machine.advance(configuration, np.frombuffer(text, np.uint8)) if text else configuration

    # ---- containers whose outcome is open, and items that must differ: one step after the other

    def _is_open(self, f: int) -> bool:
        """Whether a frame from ``f`` outwards is one of these, or an object whose unlisted names are not all alike."""
        machine = self._machine
        k = machine.kernel
        while f >= 0:
            view = machine.V[machine.F[f, k.F_VIEW]]
            if view[k.V_FLAGS] or (view[k.V_KIND] == 0 and view[k.V_OTHER_ROW] != k.ANY_TEXT_ROW):
                return True
            f = int(machine.F[f, k.F_PARENT])
        return False

    def _piece_by_piece(self, configuration: int) -> bytes:
        """As `shortest`, by asking after every step what comes next; short, not always shortest."""
        machine = self._machine
        out = bytearray()
        while not machine.is_accepting(configuration):
            for piece in self._pieces(configuration):
                following = self._read(configuration, piece)
                if following >= 0:
                    break
            else:
                raise self._no_way()
            out += piece
            configuration = following
            if len(out) > self._longest:
                self._left_out = True
                raise self._no_way()
        return bytes(out)

    def _pieces(self, configuration: int) -> Iterator[bytes]:
        """What may come next on the way out, the best first; some may be refused."""
        machine = self._machine
        k = machine.kernel
        kind, a, r, e, f = machine.K[configuration, :5].tolist()
        e &= k.UNRECORDED
        if e and kind != k.NUMBER:
            yield bytes((self._escape_byte(configuration, e),))
            return
        view = int(machine.F[f, k.F_VIEW]) if f >= 0 else -1
        flags = int(machine.V[view, k.V_FLAGS]) if f >= 0 else 0
        tracks = [_ANY_TRACK] if flags & k.BY_STATUS or f < 0 else self._live(f)
        if kind in (k.VALUE, k.STRING, k.MEMBER, k.NUMBER, k.NUMBER_ROW, k.LITERAL):
            texts = [text for track in tracks if (text := self._leaf(kind, a, r, e, track)) is not None]
            for text in sorted(texts, key=len):
                if kind in (k.NUMBER, k.NUMBER_ROW) and f >= 0:
                    # What follows the number ends it.
                    yield from (text + end for end in (b"]", b"}", b",") if self._read(configuration, text + end) >= 0)
                else:
                    yield text
                if kind == k.VALUE and text[:1] in (b"{", b"["):
                    yield text[:1]
            generator = random.Random(0)
            for _ in range(_ATTEMPTS):  # the best was an item that was there before
                yield from self._random_piece(generator, configuration)
            return
        if kind == k.COLON:
            yield b":"
            return
        if not flags:
            begun = [self._rest(kind, a, r, f, view, track, False) for track in self._live(f)]
            yield from sorted((text for text in begun if text is not None), key=len)
        closing = b"}" if machine.V[view, k.V_KIND] == 0 else b"]"
        if kind in (k.OBJECT_OPEN, k.AFTER_VALUE, k.ARRAY_OPEN, k.AFTER_ITEM):
            yield closing
            separator = b"," if kind in (k.AFTER_VALUE, k.AFTER_ITEM) else b""
            if flags & k.BY_STATUS:
                plans = sorted(self._plans(view), key=len)
                for plan in plans:
                    if plan:
                        name, child = plan[0]
                        value = self._value(child, 0) if self._offers(child, 0) else b""
                        yield separator + _member_name(name) + value
                        yield separator + _member_name(name) + value[:1]
            yield separator or b" "
        elif kind == k.OBJECT_COMMA:
            yield from self._planned_names(view, flags, b"", b'"')
            yield from self._names(f, view, 0, int(machine.V[view, k.V_NAMES]), 0, b'"')
            yield b'"'
        elif kind == k.KEY:
            at_name = int(machine.P[int(machine.V[view, k.V_NAME_AT]) + 5 * (r & 0xFFFFF)])
            yield from self._planned_names(view, flags, machine.B[at_name : at_name + (r >> 40)].tobytes(), b"")
            yield from self._names(f, view, r & 0xFFFFF, r >> 20 & 0xFFFFF, r >> 40, b"")
            if a >= 0 and machine.V[view, k.V_OTHER] >= 0:
                yield from self._other_names(kind, a, r, f, view)
        elif kind == k.KEY_OTHER:
            yield from self._planned_names(view, flags, machine.text_of(r), b"")
            yield from self._other_names(kind, a, r, f, view)

    def _planned_names(self, view: int, flags: int, begun: bytes, quote: bytes) -> Iterator[bytes]:
        """The rests of names that a plan of an open object needs, behind what was read of one."""
        if flags & self._machine.kernel.BY_STATUS:
            for plan in sorted(self._plans(view), key=len):
                for name, _ in plan:
                    if name is not None and name.startswith(begun):
                        yield quote + escape(name[len(begun) :]) + b'":'

    def _names(self, f: int, view: int, low: int, high: int, depth: int, quote: bytes) -> Iterator[bytes]:
        """The rests of listed names that may come, shortest first."""
        machine = self._machine
        k = machine.kernel
        at = int(machine.V[view, k.V_NAME_AT])
        rests = []
        for i in range(low, high):
            if machine.name_is_allowed(view, f, i):
                start, length = machine.P[at + 5 * i : at + 5 * i + 2].tolist()
                rests.append(quote + escape(machine.B[start + depth : start + length].tobytes()) + b'":')
        return iter(sorted(rests, key=len))

    def _other_names(self, kind: int, a: int, r: int, f: int, view: int) -> Iterator[bytes]:
        """Rests of unlisted names that may come."""
        machine = self._machine
        k = machine.kernel
        if machine.V[view, k.V_OTHER_ROW] == k.ANY_TEXT_ROW:
            for suffix in self._fresh_suffixes(kind, r, f, view):
                yield suffix + b'":'
            return
        rest = machine.shortest_of_row(a, -1)
        if rest is not None:
            yield escape(rest) + b'":'
        # The shortest may be used: the others in order of length, as many as there are used names.
        link, count = int(machine.F[f, k.F_USED]), 2
        while link >= 0:
            link, count = int(machine.X[link, 0]), count + 1
        for text in machine.words_of_row(a, count):
            yield escape(text) + b'":'

    def _random_piece(self, generator: random.Random, configuration: int) -> Iterator[bytes]:
        """Some bytes of a value, at random."""
        machine = self._machine
        out = bytearray()
        for _ in range(generator.randrange(1, 6)):
            allowed, _ = machine.next_bytes(configuration)
            choices = np.flatnonzero(allowed).tolist()
            if not choices:
                return
            byte = generator.choices(choices, [_weight(byte, len(choices)) for byte in choices])[0]
            configuration = machine.advance(configuration, np.array([byte], np.uint8))
            out.append(byte)
        yield bytes(out)

    def _outward(self, kind: int, a: int, r: int, e: int, f: int) -> bytes:
        machine = self._machine
        k = machine.kernel
        structure = (
            k.OBJECT_OPEN,
            k.OBJECT_COMMA,
            k.KEY,
            k.KEY_OTHER,
            k.COLON,
            k.AFTER_VALUE,
            k.ARRAY_OPEN,
            k.AFTER_ITEM,
        )
        options: dict[int, bytes] = {}
        if kind not in structure:
            for track in self._live(f):
                text = self._leaf(kind, a, r, e, track)
                if text is not None:
                    options[track] = text
            if not options:
                raise self._no_way()
            if f < 0:
                return options[0]
            kind = k.AFTER_VALUE if machine.V[machine.F[f, k.F_VIEW], k.V_KIND] == 0 else k.AFTER_ITEM
            after_leaf = True
        else:
            options = dict.fromkeys(self._live(f), b"")
            after_leaf = False
        while f >= 0:
            closed: dict[int, bytes] = {}
            view = int(machine.F[f, k.F_VIEW])
            parent = int(machine.F[f, k.F_PARENT])
            for track, begin in options.items():
                rest = self._rest(kind, a, r, f, view, track, after_leaf)
                if rest is None:
                    continue
                stride = 1 + int(machine.V[view, k.V_WORDS]) if machine.V[view, k.V_KIND] == 0 else 3
                label = int(machine.P[int(machine.V[view, k.V_TRACK_AT]) + track * stride])
                for outer in self._live(parent):
                    if label >> outer & 1:
                        text = _shorter(closed.get(outer), begin + rest)
                        assert text is not None
                        closed[outer] = text
            options, f = closed, parent
            if not options:
                raise self._no_way()
            if f >= 0:
                kind = k.AFTER_VALUE if machine.V[machine.F[f, k.F_VIEW], k.V_KIND] == 0 else k.AFTER_ITEM
            after_leaf = True
        return options[0]

    def _live(self, f: int) -> list[int]:
        if f < 0:
            return [0]
        machine = self._machine
        live = int(machine.V[int(machine.F[f, machine.kernel.F_VIEW]), machine.kernel.V_LIVE])
        return [track for track in range(live.bit_length()) if live >> track & 1]

    def _leaf(self, kind: int, a: int, r: int, e: int, track: int) -> bytes | None:
        """The rest of a value that is being read, so that its label has bit ``track``."""
        machine = self._machine
        k = machine.kernel
        if kind == k.VALUE:
            return self._value(a, track) if self._offers(a, track) else None
        if kind == k.LITERAL:
            if not r >> 8 & _bits(track):
                return None
            return (b"null", b"true", b"false")[a][r & 0xFF :]
        if kind == k.STRING:
            return self._content(r >> 32, a, r & 0xFFFFFFFF, track)
        if kind == k.MEMBER:
            return self._member(a, r & 0xFFFFF, r >> 20 & 0xFFFFF, r >> 40, track)
        if kind == k.NUMBER_ROW:
            return machine.shortest_of_row(a, _bits(track))
        return self._number(2, a, numbers.decode_state(r, e), track)

    def _offers(self, component: int, track: int) -> bool:
        try:
            self._value(component, track)
        except (AssertionError, LimitExceeded):
            return False
        return True

    def _rest(self, kind: int, a: int, r: int, f: int, view: int, track: int, after: bool) -> bytes | None:
        """What closes frame ``f`` under ``track``; ``after``: a value of the frame has just ended (not yet counted)."""
        machine = self._machine
        k = machine.kernel
        if machine.V[view, k.V_KIND] == 1:
            count = int(machine.F[f, k.F_COUNT]) + (1 if after else 0)
            needed = self._items(view, track, count)
            if needed is None:
                return None
            items = [self._value(child, track) for child in needed]
            begin = b"," if items and kind == k.AFTER_ITEM else b""
            return begin + b",".join(items) + b"]"
        missing = self._missing(view, track, f)
        first = b""
        separate = kind == k.AFTER_VALUE
        if kind == k.COLON:
            if not self._offers(a, track):
                return None
            first, separate = b":" + self._value(a, track), True
        elif kind in (k.KEY, k.KEY_OTHER) or (kind == k.OBJECT_COMMA and not missing):
            text, name = self._name(kind, r, f, view, track)
            if text is None:
                return None
            first, separate = text, True
            missing = [entry for entry in missing if entry[0] != name]
        parts = [b'"' + escape(name) + b'":' + self._value(child, track) for name, child in missing]
        begin = b"," if parts and separate else b""
        return first + begin + b",".join(parts) + b"}"

    def _name(self, kind: int, r: int, f: int, view: int, track: int) -> tuple[bytes | None, bytes | None]:
        """The rest of a name and its value: (text, the listed name that it took)."""
        machine = self._machine
        k = machine.kernel
        row = machine.V[view].tolist()
        bits = int(machine.F[f, k.F_BITS])
        best: bytes | None = None
        taken: bytes | None = None
        low, high, depth = (r & 0xFFFFF, r >> 20 & 0xFFFFF, r >> 40) if kind == k.KEY else (0, row[k.V_NAMES], 0)
        quote = b'"' if kind == k.OBJECT_COMMA else b""
        missing = self._ranked(view, track, f)
        required = {name for _, name, _ in missing}
        # In a fixed order nothing may come before a name that this track requires and has not.
        barrier = missing[0][0] if missing and row[k.V_ORDERED] else _FAR_RANK
        listed = range(low, high) if kind != k.KEY_OTHER else range(0)
        for i in listed:
            start, length, child, rank, _ = machine.P[row[k.V_NAME_AT] + 5 * i :][:5].tolist()
            used = int(machine.W[bits + (i >> 6)]) >> (i & 63) & 1
            if rank > barrier or child < 0 or used or not machine.name_is_allowed(view, f, i):
                continue
            if not self._offers(child, track):
                continue
            name = machine.B[start : start + length].tobytes()
            text = quote + escape(name[depth:]) + b'":' + self._value(child, track)
            # A required name costs nothing extra: it has to come anyway.
            saved = len(escape(name)) + 4 + len(self._value(child, track)) if name in required else 0
            if best is None or len(text) - saved < len(best):
                best, taken = text, name
        alike = row[k.V_OTHER_ROW] == k.ANY_TEXT_ROW
        if alike and barrier == _FAR_RANK and row[k.V_OTHER] >= 0 and self._offers(row[k.V_OTHER], track):
            value = self._value(row[k.V_OTHER], track)
            for suffix in self._fresh_suffixes(kind, r, f, view):
                text = quote + suffix + b'":' + value
                if best is None or len(text) < len(best):
                    best, taken = text, None
                break
        return best, taken

    def _fresh_suffixes(self, kind: int, r: int, f: int, view: int) -> list[bytes]:
        """The shortest continuation that makes an unlisted, unused name of what was read."""
        machine = self._machine
        k = machine.kernel
        row = machine.V[view].tolist()
        listed = set()
        for i in range(row[k.V_NAMES]):
            start, length = machine.P[row[k.V_NAME_AT] + 5 * i :][:2].tolist()
            listed.add(machine.B[start : start + length].tobytes())
        used = set()
        link = int(machine.F[f, k.F_USED])
        while link >= 0:
            used.add(machine.text_of(int(machine.X[link, 2])))
            link = int(machine.X[link, 0])
        if kind == k.KEY:
            start = int(machine.P[row[k.V_NAME_AT] + 5 * (r & 0xFFFFF)])
            prefix = machine.B[start : start + (r >> 40)].tobytes()
        else:
            prefix = machine.text_of(r) if kind == k.KEY_OTHER else b""
        # Finish a code point that was begun, then the shortest suffix that is free.
        partial = 0
        while partial < len(prefix) and partial < 3 and prefix[len(prefix) - 1 - partial] & 0xC0 == 0x80:
            partial += 1
        lead = prefix[len(prefix) - 1 - partial] if len(prefix) > partial else 0
        missing = (1 if lead >= 0xC0 else 0) + (1 if lead >= 0xE0 else 0) + (1 if lead >= 0xF0 else 0) - partial
        filler = b""
        for _ in range(max(0, missing) if lead >= 0xC0 else 0):
            low = 0x80
            if not filler and partial == 0:
                low = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else 0x80
            filler += bytes((low,))
        frontier = [filler]
        while True:
            following = []
            for suffix in frontier:
                if prefix + suffix not in listed and prefix + suffix not in used:
                    return [suffix]
                following += [suffix + bytes((byte,)) for byte in b"abcdefghijklmnopqrstuvwxyz0123456789"]
            frontier = following[:5000]

    # ---- random texts

    def random_text(self, generator: random.Random, configuration: int, size: int) -> bytes:
        """A random text from ``configuration`` on; after about ``size`` bytes the shortest way out."""
        machine = self._machine
        out = bytearray()
        while len(out) < size:
            allowed, accepting = machine.next_bytes(configuration)
            choices = np.flatnonzero(allowed).tolist()
            if not choices or (accepting and generator.random() < 0.25):
                if accepting:
                    return bytes(out)
                break
            weights = [_weight(byte, len(choices)) for byte in choices]
            byte = generator.choices(choices, weights)[0]
            following = machine.advance(configuration, np.array([byte], np.uint8))
            assert following >= 0, "a byte that may come next is accepted"
            configuration = following
            out.append(byte)
        return bytes(out) + self.shortest(configuration)


def _member_name(name: bytes | None) -> bytes:
    return b"" if name is None else b'"' + escape(name) + b'":'


def _weight(byte: int, choices: int) -> float:
    """Plain letters often, the end of a string now and then, odd bytes and whitespace seldom."""
    if choices < 12:
        return 0.15 if byte in b" \n\t\\eE" else 1.0
    if byte == 0x22:
        return 8.0
    if byte >= 0x80 or byte < 0x20 or byte == 0x5C:
        return 0.05
    return 1.0
