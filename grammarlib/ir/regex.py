"""Boolean regexes over bytes: immutable, hash-consed, made by constructors that normalise.

Purpose: one value for every regular language of the toolkit (a pattern, a format, a terminal, a
number range), closed under union, intersection and complement.  Equal structure is the same object, so
comparing two residuals is one pointer comparison, and what is computed for a node (its linear
form, its liveness) is kept on the node and shared by every automaton that meets it.
Place: made by `grammarlib.sources`, read by `grammarlib.automata.derivative`.
Cost: about a microsecond for a node.  Nodes live as long as somebody holds them: the intern table holds
weak references only, so nothing grows for good.
Not taken: one intern table for each compiled source.  Residuals are cheap to make and dear to
analyse; sharing them between sources is what makes the second compilation of a schema cheap.

Normal forms (all keep the language exactly): unions and intersections are flat, sorted and free of
duplicates; a union never holds epsilon (an optional is ``REPEAT(x, 0, 1)``) and at most one byte
class; concatenations lean right; nested repeats merge where the counts leave no gap; items of a union
that differ in one counted repeat only merge where the ranges touch, which is what keeps nested
counters small; whatever any-text or any-bytes swallows is dropped.

``LOOKAHEAD`` and ``LOOKBEHIND`` nodes are not languages but conditions on a position; they may
stand only inside a regex that `grammarlib.automata.lookaround.resolve` turns into a ``CONTEXT`` node,
which is a language again.

Longer than most modules: the constructors and their normal forms know one another.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final

NOTHING: Final = 0
EPSILON: Final = 1
CLASS: Final = 2
CONCAT: Final = 3
UNION: Final = 4
INTERSECT: Final = 5
COMPLEMENT: Final = 6
REPEAT: Final = 7
LOOKAHEAD: Final = 8
LOOKBEHIND: Final = 9
CONTEXT: Final = 10

KIND_NAMES: Final = (
    "nothing",
    "epsilon",
    "class",
    "concat",
    "union",
    "intersect",
    "complement",
    "repeat",
    "lookahead",
    "lookbehind",
    "context",
)

ALL_BYTES: Final = (1 << 256) - 1
CONTINUATION_BYTES: Final = ((1 << 0x40) - 1) << 0x80
ASCII_BYTES: Final = (1 << 128) - 1
NEVER: Final = 1 << 62
"""Length of the shortest text of the empty language."""

_OPTIONAL: Final = (0, 1)
_COUNTER_DEPTH: Final = 12
"""How many elements of a concatenation are searched for a counter that two items can share."""


class Node:
    """One regex.  Compare with ``is``; never construct directly, use the constructors of this module.

    ``kind`` is one of the constants above.  ``items`` are the children: (head, tail) of a concatenation,
    members of a union or intersection, the body of a repeat or complement.  ``value`` is
    the 256-bit set of a class, (minimum, maximum or None) of a repeat, the monitors of a context.
    ``nullable``: holds the empty text.  ``plain``: no intersection, complement or context inside, so
    the language is empty only for ``nothing()`` and the two lengths are exact.  ``asserting``: holds an unresolved
    lookahead or lookbehind.  ``text``: 1 where every member is UTF-8, 2 where every member is
    WTF-8 (UTF-8 and lone surrogates), 0 where that is not known.  ``counted``: a finite count stands near the front.
    ``minimum_bytes``, ``minimum_points``: a lower bound on the length of members, exact where plain.
    The other fields are memos of `grammarlib.automata`.
    """

    __slots__ = (
        "__weakref__",
        "alive",
        "asserting",
        "behinds",
        "counted",
        "distance_bytes",
        "distance_points",
        "items",
        "kind",
        "linear",
        "minimum_bytes",
        "minimum_points",
        "nullable",
        "plain",
        "steps",
        "text",
        "uid",
        "value",
    )

    kind: int
    uid: int
    items: tuple[Node, ...]
    value: Any
    nullable: bool
    plain: bool
    asserting: bool
    text: int
    counted: bool
    minimum_bytes: int
    minimum_points: int
    linear: tuple[tuple[int, Node], ...] | None
    steps: tuple[tuple[int, Node], ...] | None
    distance_bytes: int | None
    distance_points: int | None
    behinds: tuple[Node, ...] | None
    alive: bool | None

    def __init__(
        self,
        kind: int,
        items: tuple[Node, ...],
        value: Any,
        nullable: bool,
        plain: bool,
        asserting: bool,
        text: int,
        counted: bool,
        minimum_bytes: int,
        minimum_points: int,
    ) -> None:
        self.kind = kind
        self.uid = next(_SERIAL)
        self.items = items
        self.value = value
        self.nullable = nullable
        self.plain = plain
        self.asserting = asserting
        self.text = text
        self.counted = counted
        self.minimum_bytes = minimum_bytes
        self.minimum_points = minimum_points
        self.linear = None
        self.steps = None
        self.distance_bytes = minimum_bytes if plain else None
        self.distance_points = minimum_points if plain else None
        self.behinds = None if asserting else ()
        self.alive = kind != NOTHING if plain else (True if nullable else None)

    def __repr__(self) -> str:
        return f"<{KIND_NAMES[self.kind]} {self.uid}>"

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("regex nodes are not picklable; keep the source")


class _Reference(weakref.ref[Node]):
    """A weak reference that knows its key in the intern table."""

    __slots__ = ("key",)
    key: tuple[Any, ...]


_SERIAL = itertools.count()
_TABLE: dict[tuple[Any, ...], _Reference] = {}
_DEAD: deque[_Reference] = deque()
_LOCK = threading.Lock()
_by_serial = attrgetter("uid")


def _bury(reference: weakref.ref[Node]) -> None:
    # May run inside any allocation, also while this thread holds _LOCK: only note the death.
    _DEAD.append(reference)  # type: ignore[arg-type]


def interned_count() -> int:
    """How many nodes are alive, for tests and diagnostics."""
    with _LOCK:
        _sweep()
        return len(_TABLE)


def _sweep() -> None:
    while _DEAD:
        dead = _DEAD.popleft()
        if _TABLE.get(dead.key) is dead:
            del _TABLE[dead.key]


def find(key: tuple[Any, ...]) -> Node | None:
    """The living node of ``key``, or None.

    Keys name children by ``uid``: integers keep nothing alive and are no work for the garbage collector.
    """
    reference = _TABLE.get(key)
    return None if reference is None else reference()


def intern(key: tuple[Any, ...], node: Node) -> Node:
    """Register ``node`` under ``key`` unless another thread was faster; the registered node."""
    reference = _Reference(node, _bury)
    reference.key = key
    with _LOCK:
        if _DEAD:
            _sweep()
        other = _TABLE.get(key)
        if other is not None:
            living = other()
            if living is not None:
                return living
        _TABLE[key] = reference
    return node


_NOTHING: Final = Node(NOTHING, (), None, False, True, False, 1, False, NEVER, NEVER)
_EPSILON: Final = Node(EPSILON, (), None, True, True, False, 1, False, 0, 0)


def nothing() -> Node:
    """The empty language."""
    return _NOTHING


def epsilon() -> Node:
    """The language of the empty text alone."""
    return _EPSILON


def byte_class(members: int) -> Node:
    """One byte out of a set: bit ``b`` of ``members`` is set where byte ``b`` belongs."""
    if not members:
        return _NOTHING
    key = (CLASS, members)
    found = find(key)
    if found is not None:
        return found
    if members < 0 or members > ALL_BYTES:
        raise ValueError("a byte class is a bit set of 256 bits")
    text = 1 if members <= ASCII_BYTES else 0
    points = 0 if members & CONTINUATION_BYTES else 1
    return intern(key, Node(CLASS, (), members, False, True, False, text, False, 1, points))


def literal(data: bytes) -> Node:
    """The language of ``data`` alone."""
    node = _EPSILON
    for byte in reversed(data):
        node = concat(SINGLE_BYTES[byte], node)
    return node


def concat(first: Node, second: Node) -> Node:
    """``first`` followed by ``second``."""
    if first.kind != CONCAT:
        return _concat(first, second)
    heads = []
    while first.kind == CONCAT:
        heads.append(first.items[0])
        first = first.items[1]
    heads.append(first)
    for head in reversed(heads):
        second = _concat(head, second)
    return second


def sequence(parts: Iterable[Node]) -> Node:
    """All of ``parts``, in order."""
    node = _EPSILON
    for part in reversed(list(parts)):
        node = concat(part, node)
    return node


def _concat(head: Node, tail: Node) -> Node:
    """``head`` is no concatenation."""
    head_kind = head.kind
    tail_kind = tail.kind
    if head_kind == EPSILON:
        return tail
    if tail_kind == EPSILON:
        return head
    key = (CONCAT, head.uid, tail.uid)
    reference = _TABLE.get(key)
    if reference is not None:
        found = reference()
        if found is not None:
            return found
    if head_kind == NOTHING or tail_kind == NOTHING:
        return _NOTHING
    if tail_kind == REPEAT:
        front, rest = tail, _EPSILON
    elif tail_kind == CONCAT:
        front, rest = tail.items
    else:
        front, rest = tail, _EPSILON
    if rest is _EPSILON and front in _SWALLOWERS:
        # y* any = any and y{m,n} any = y{m} any, where any holds whatever follows the first m.
        level = _SWALLOWERS[front]
        if level == 0 or 0 < head.text <= level:
            if head.nullable:
                return front
            if head_kind == REPEAT and head.value[0] != head.value[1]:
                return concat(repeat(head.items[0], head.value[0], head.value[0]), front)
    if head in _SWALLOWERS:
        level = _SWALLOWERS[head]
        if level == 0 or 0 < front.text <= level:
            if front.nullable:
                return _concat(head, rest)
            if front.kind == REPEAT and front.value[0] != front.value[1]:
                fewer = repeat(front.items[0], front.value[0], front.value[0])
                return _concat(head, concat(fewer, rest))
    if front.kind == REPEAT:
        body = front.items[0]
        minimum, maximum = front.value
        if head is body:
            return concat(repeat(body, minimum + 1, None if maximum is None else maximum + 1), rest)
        if head_kind == REPEAT and head.items[0] is body:
            more, most = head.value
            total = None if maximum is None or most is None else maximum + most
            return concat(repeat(body, minimum + more, total), rest)
    text = max(head.text, tail.text) if head.text and tail.text else 0
    node = Node(
        CONCAT,
        (head, tail),
        None,
        head.nullable and tail.nullable,
        head.plain and tail.plain,
        head.asserting or tail.asserting,
        text,
        head.counted or tail.counted,
        min(head.minimum_bytes + tail.minimum_bytes, NEVER),
        min(head.minimum_points + tail.minimum_points, NEVER),
    )
    return intern(key, node)


def repeat(body: Node, minimum: int, maximum: int | None) -> Node:
    """``body`` at least ``minimum`` and at most ``maximum`` times (None: any number)."""
    if minimum < 0 or (maximum is not None and maximum < minimum):
        raise ValueError(f"bad repeat bounds {minimum}, {maximum}")
    if maximum == 0 or body.kind == EPSILON:
        return _EPSILON
    if maximum == 1 and minimum == 1:
        return body
    if body.kind == NOTHING:
        return _NOTHING if minimum else _EPSILON
    if body.nullable:
        minimum = 0
        if maximum == 1:
            return body
    if body.kind == REPEAT:
        # (r{a,b}){c,d} = r{ac,bd} where no count in between is missed.
        low, high = body.value
        exact = (
            minimum == maximum
            or (minimum == 0 and low <= 1)
            or (minimum > 0 and (high is None or (minimum + 1) * low <= minimum * high + 1))
        )
        if exact:
            most = None if high is None or maximum is None else high * maximum
            return repeat(body.items[0], low * minimum, most)
    key = (REPEAT, body.uid, minimum, maximum)
    found = find(key)
    if found is not None:
        return found
    node = Node(
        REPEAT,
        (body,),
        (minimum, maximum),
        minimum == 0,
        body.plain,
        body.asserting,
        body.text,
        body.counted or minimum > 1 or (maximum is not None and maximum > 1),
        min(body.minimum_bytes * minimum, NEVER),
        min(body.minimum_points * minimum, NEVER),
    )
    return intern(key, node)


def optional(body: Node) -> Node:
    """``body`` or nothing at all."""
    return repeat(body, 0, 1)


def union(*members: Node) -> Node:
    """Whatever belongs to at least one member; of no member, the empty language."""
    return union_of(members)


def union_of(members: Iterable[Node]) -> Node:
    """As `union`, of any iterable."""
    members = tuple(members)
    bag: set[Node] = set()
    with_epsilon = False
    classes = 0
    text = 1
    counted = 0
    nullable_heads: list[Node] = []
    swallower = complements = False
    for member in members:
        if text:
            text = max(text, member.text) if member.text else 0
        if member.kind == REPEAT and member.value == _OPTIONAL:
            with_epsilon = True
            member = member.items[0]
        kind = member.kind
        for item in member.items if kind == UNION else (member,):
            kind = item.kind
            if kind == CLASS:
                classes |= item.value
            elif kind == EPSILON:
                with_epsilon = True
            elif kind != NOTHING and item not in bag:
                bag.add(item)
                if item.counted:
                    counted += 1
                if kind == CONCAT:
                    if item.items[0].nullable:
                        nullable_heads.append(item)
                elif kind == REPEAT:
                    swallower = swallower or item in _SWALLOWERS
                elif kind == COMPLEMENT:
                    complements = True
    if len(bag) > 1 or (bag and classes):
        if swallower:
            if _ANY_BYTES in bag:
                return _ANY_BYTES
            for any_node, level in ((_ANY_WTF8, 2), (_ANY_TEXT, 1)):
                if any_node in bag:
                    bag, classes = _outside_text(members, any_node, level)
        if complements and any(item.kind == COMPLEMENT and item.items[0] in bag for item in bag):
            return _ANY_BYTES
        for item in nullable_heads:
            if item in bag:
                tail = item.items[1]
                if tail.kind == CLASS:
                    classes &= ~tail.value
                else:
                    bag.discard(tail)
        if counted > 1:
            bag = _merge_counted(bag)
    if classes:
        bag.add(byte_class(classes))
    if not bag:
        return _EPSILON if with_epsilon else _NOTHING
    if len(bag) == 1:
        node = next(iter(bag))
    else:
        items = tuple(sorted(bag, key=_by_serial))
        key = (UNION, *[item.uid for item in items])
        found = find(key)
        node = found if found is not None else intern(key, _new_union(items))
        if text and not node.text:  # flattening lost that the bytes of a character belong together
            node.text = text
    if with_epsilon and not node.nullable:
        return repeat(node, 0, 1)
    return node


def _outside_text(members: tuple[Node, ...], any_node: Node, level: int) -> tuple[set[Node], int]:
    """The items and bytes of a union with ``any_node``, without those that it holds.

    Whole members go first: the bytes of a character are no text once they are flattened.
    """
    bag = {any_node}
    classes = 0
    for member in members:
        if 0 < member.text <= level:
            continue
        if member.kind == REPEAT and member.value == _OPTIONAL:
            member = member.items[0]
        for item in member.items if member.kind == UNION else (member,):
            if item.kind == CLASS:
                classes |= item.value
            elif item.kind not in (EPSILON, NOTHING) and not 0 < item.text <= level:
                bag.add(item)
    return bag, 0 if classes <= ASCII_BYTES else classes


def _new_union(items: tuple[Node, ...]) -> Node:
    nullable = asserting = counted = False
    plain = True
    text = 1
    fewest_bytes = fewest_points = NEVER
    for item in items:
        nullable = nullable or item.nullable
        plain = plain and item.plain
        asserting = asserting or item.asserting
        counted = counted or item.counted
        text = max(text, item.text) if text and item.text else 0
        fewest_bytes = min(fewest_bytes, item.minimum_bytes)
        fewest_points = min(fewest_points, item.minimum_points)
    return Node(UNION, items, None, nullable, plain, asserting, text, counted, fewest_bytes, fewest_points)


def _merge_counted(bag: set[Node]) -> set[Node]:
    """Merge items that differ in the range of one counted repeat, where the ranges touch."""
    prefixes: dict[tuple[int, int], int] = {}
    seen: dict[tuple[int, int, int], tuple[Node, int, int | None]] = {}
    result = set(bag)
    pending = sorted((item for item in bag if item.counted), key=_by_serial)
    while pending:
        item = pending.pop()
        if item not in result:
            continue
        prefix = 0
        before: list[Node] = []
        rest = item
        while len(before) < _COUNTER_DEPTH:
            element, tail = rest.items if rest.kind == CONCAT else (rest, _EPSILON)
            if element.kind == REPEAT:
                body = element.items[0]
                low, high = element.value
                key = (prefix, body.uid, tail.uid)
                other = seen.get(key)
                if other is None or other[0] not in result or other[0] is item:
                    seen[key] = (item, low, high)
                else:
                    known, other_low, other_high = other
                    if (high is None or other_low <= high + 1) and (other_high is None or low <= other_high + 1):
                        most = None if high is None or other_high is None else max(high, other_high)
                        merged = concat(repeat(body, min(low, other_low), most), tail)
                        for part in reversed(before):
                            merged = concat(part, merged)
                        result.discard(item)
                        result.discard(known)
                        if merged not in result:
                            result.add(merged)
                            pending.append(merged)
                        break
            if tail is _EPSILON:
                break
            prefix = prefixes.setdefault((prefix, element.uid), len(prefixes) + 1)
            before.append(element)
            rest = tail
    return result


def intersect(*members: Node) -> Node:
    """Whatever belongs to every member; of no member, every byte string."""
    bag: set[Node] = set()
    excluded: list[Node] = []
    classes = ALL_BYTES
    with_class = with_epsilon = False
    for member in members:
        for item in member.items if member.kind == INTERSECT else (member,):
            kind = item.kind
            if kind == NOTHING:
                return _NOTHING
            if kind == EPSILON:
                with_epsilon = True
            elif kind == CLASS:
                with_class = True
                classes &= item.value
            elif kind == COMPLEMENT:
                excluded.append(item.items[0])
            elif item is not _ANY_BYTES:
                bag.add(item)
    if with_epsilon and not any(item.asserting for item in bag) and not any(item.asserting for item in excluded):
        if with_class or any(not item.nullable for item in bag) or any(item.nullable for item in excluded):
            return _NOTHING
        return _EPSILON
    if with_epsilon:
        bag.add(_EPSILON)
    if with_class:
        if not classes:
            return _NOTHING
        bag.add(byte_class(classes))
    for any_node, level in ((_ANY_WTF8, 2), (_ANY_TEXT, 1)):
        if any_node in bag and any(0 < item.text <= level and item is not any_node for item in bag):
            bag.discard(any_node)
    if len(bag) > 1:
        bag = _without_idle_lengths(bag)
    if excluded:
        for item in excluded:
            if item in bag or item in members:
                return _NOTHING
        outside = complement(union_of(excluded))
        if outside is _NOTHING:
            return _NOTHING
        if outside is not _ANY_BYTES:
            bag.add(outside)
    if not bag:
        return _ANY_BYTES
    if len(bag) == 1:
        return next(iter(bag))
    items = tuple(sorted(bag, key=_by_serial))
    key = (INTERSECT, *[item.uid for item in items])
    found = find(key)
    if found is not None:
        return found
    texts = [item.text for item in items if item.text]
    node = Node(
        INTERSECT,
        items,
        None,
        all(item.nullable for item in items),
        False,
        any(item.asserting for item in items),
        min(texts) if texts else 0,
        any(item.counted for item in items),
        max(item.minimum_bytes for item in items),
        max(item.minimum_points for item in items),
    )
    return intern(key, node)


def _without_idle_lengths(bag: set[Node]) -> set[Node]:
    """Drop a minimum length that another member reaches anyway, as ``.{1,}`` beside ``[a-z]{3}``."""
    for length in list(bag):
        if length.kind == REPEAT and length.value[1] is None and length.items[0] in _CHARACTERS:
            level = _CHARACTERS[length.items[0]]
            minimum = length.value[0]
            if any(0 < item.text <= level and item.minimum_points >= minimum for item in bag if item is not length):
                bag.discard(length)
    return bag


def complement(body: Node) -> Node:
    """Every byte string that does not belong to ``body`` (intersect with `any_text` to stay in UTF-8)."""
    if body.kind == COMPLEMENT:
        return body.items[0]
    if body is _NOTHING:
        return _ANY_BYTES
    if body is _ANY_BYTES:
        return _NOTHING
    key = (COMPLEMENT, body.uid)
    found = find(key)
    if found is not None:
        return found
    nullable = not body.nullable and not body.asserting
    least = 1 if body.nullable and not body.asserting else 0
    node = Node(COMPLEMENT, (body,), None, nullable, False, body.asserting, 0, body.counted, least, 0)
    return intern(key, node)


def difference(first: Node, second: Node) -> Node:
    """What belongs to ``first`` and not to ``second``."""
    return intersect(first, complement(second))


def lookahead(formula: Node) -> Node:
    """The condition that all the rest of the text belongs to ``formula``; close with `resolve`."""
    if formula is _ANY_BYTES:
        return _EPSILON
    if formula is _NOTHING:
        return _NOTHING
    key = (LOOKAHEAD, formula.uid)
    found = find(key)
    if found is not None:
        return found
    return intern(key, Node(LOOKAHEAD, (formula,), None, False, False, True, 1, False, 0, 0))


def lookbehind(body: Node, negative: bool) -> Node:
    """The condition that the text so far ends (or does not end) with a member of ``body``; close with `resolve`."""
    if body is _NOTHING or (body.nullable and not body.asserting):
        return _EPSILON if (body is _NOTHING) == negative else _NOTHING
    key = (LOOKBEHIND, body.uid, negative)
    found = find(key)
    if found is not None:
        return found
    return intern(key, Node(LOOKBEHIND, (body,), negative, False, False, True, 1, False, 0, 0))


def mark_text(node: Node, level: int) -> Node:
    """Record that every member of ``node`` is UTF-8 (1) or WTF-8 (2); the caller vouches for it."""
    if not node.text or node.text > level:
        node.text = level
    return node


def _bytes_between(low: int, high: int) -> int:
    return ((1 << (high - low + 1)) - 1) << low


def _all_characters(surrogates: bool) -> Node:
    continuation = byte_class(_bytes_between(0x80, 0xBF))
    two = concat(continuation, continuation)
    three = concat(continuation, two)
    parts = [
        byte_class(ASCII_BYTES),
        concat(byte_class(_bytes_between(0xC2, 0xDF)), continuation),
        concat(byte_class(1 << 0xE0), concat(byte_class(_bytes_between(0xA0, 0xBF)), continuation)),
        concat(byte_class(1 << 0xF0), concat(byte_class(_bytes_between(0x90, 0xBF)), two)),
        concat(byte_class(_bytes_between(0xF1, 0xF3)), three),
        concat(byte_class(1 << 0xF4), concat(byte_class(_bytes_between(0x80, 0x8F)), two)),
    ]
    if surrogates:
        parts.append(concat(byte_class(_bytes_between(0xE1, 0xEF)), two))
    else:
        parts.append(concat(byte_class(_bytes_between(0xE1, 0xEF) & ~(1 << 0xED)), two))
        parts.append(concat(byte_class(1 << 0xED), concat(byte_class(_bytes_between(0x80, 0x9F)), continuation)))
    return mark_text(union_of(parts), 2 if surrogates else 1)


def any_character(*, surrogates: bool = False) -> Node:
    """One code point in UTF-8; with ``surrogates`` also U+D800..U+DFFF in three bytes (WTF-8)."""
    return _CHARACTER_WTF8 if surrogates else _CHARACTER


def any_text(*, surrogates: bool = False) -> Node:
    """Every text in UTF-8, or in WTF-8 with ``surrogates``."""
    return _ANY_WTF8 if surrogates else _ANY_TEXT


def any_bytes() -> Node:
    """Every byte string."""
    return _ANY_BYTES


# Bootstrapping: unions and concatenations consult the any-nodes, which are themselves unions.
_PLACEHOLDER: Final = Node(NOTHING, (), None, False, True, False, 0, False, NEVER, NEVER)
_ANY_BYTES: Node = _PLACEHOLDER
_ANY_TEXT: Node = _PLACEHOLDER
_ANY_WTF8: Node = _PLACEHOLDER
_SWALLOWERS: dict[Node, int] = {}
_CHARACTERS: dict[Node, int] = {}
_ANY_BYTES = repeat(byte_class(ALL_BYTES), 0, None)
SINGLE_BYTES: Final = tuple(byte_class(1 << byte) for byte in range(256))
"""The class of each single byte."""
_CHARACTER: Final = _all_characters(False)
_CHARACTER_WTF8: Final = _all_characters(True)
_ANY_TEXT = repeat(_CHARACTER, 0, None)
_ANY_WTF8 = repeat(_CHARACTER_WTF8, 0, None)
_CHARACTERS.update({_CHARACTER: 1, _CHARACTER_WTF8: 2})
_SWALLOWERS.update({_ANY_BYTES: 0, _ANY_TEXT: 1, _ANY_WTF8: 2})
