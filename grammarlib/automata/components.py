"""JSON contexts as components: what may come where a JSON value stands.

Purpose: the frozen vocabulary between a JSON source (which knows schemas) and the machine (which
knows bytes, stacks and registers).  A source hands out opaque component *keys* and expands a key
on the machine's first visit, so that compile time does not grow with what is never reached.
Place: produced by `grammarlib.sources.jsonschema`, consumed by `grammarlib.automata.configurations`.

**Tracks and labels.**  A component stands for ``k >= 1`` languages at once (the *tracks*: the
alternatives that may apply to one value), in the order that the enclosing view gave them.  A
finished value has an exit *label*: a non-zero bit set, bit ``i`` set where the value belongs to track
``i``.  A plain context has one track and the label 1.  An object or array in progress is a *view*: the set of
alternatives that are still possible, with everything that may come next worked out.  When a
child ends with a label that leaves fewer alternatives, the machine asks the source for the
narrowed view.  Everything a view offers is satisfiable: a component key handed out can always be
completed (liveness is decided by the source, when it expands).

**Statuses.**  Where a check may fail and the value still be right (``oneOf``, ``not``, ``if``), or where it counts
members, a container in progress is a `StatusView`: a state of the source.  It moves to a `PendingView` when a
name or item begins, which names the component of the value, and from there with the exit label of the value to
the next state.  All moves are asked for once and remembered by the machine.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from grammarlib.automata.rows import RowSource

ComponentKey = Hashable


@dataclass(frozen=True, slots=True)
class StringLeaf:
    """The text of a JSON string, after unescaping, as WTF-8 (UTF-8, and lone surrogates in 3 bytes).

    Exactly one of three shapes: *free* (``rows`` and ``members`` None: any text, exit ``label``);
    *rows* (the automaton reads the text; its row label is the exit label); *members* (a sorted
    tuple of (text bytes, exit label), unique by text).  ``minimum`` and ``maximum`` count code
    points and apply to free and rows leaves (an implicit counter, no states).
    """

    label: int = 0
    rows: RowSource | None = None
    members: tuple[tuple[bytes, int], ...] | None = None
    minimum: int = 0
    maximum: int | None = None
    table: TextTable | None = None


class LabelTable(Protocol):
    """Exit labels by what holds, where that is more than a union."""

    def label(self, bits: int) -> int:
        """The exit label where exactly the checks of ``bits`` hold; 0 where the value is refused."""
        ...

    def cut_off(self) -> None:
        """Hear that the search for values behind a prefix was given up: some prefix may be dead."""
        ...


class TextTable(Protocol):
    """Exit labels of whole strings, where no automaton can tell them."""

    def label(self, text: bytes) -> int:
        """The exit label of the string ``text`` (WTF-8); 0 where it is refused."""
        ...


@dataclass(frozen=True, slots=True)
class NumberSpec:
    """One set of numbers: ``lower <= x <= upper`` and ``x`` a multiple of ``multiple_of``; or finite ``values``.

    Numbers are exact decimals of any size.  ``lower_open``/``upper_open`` exclude the bound.  An integer
    (drafts 6 and later) is ``multiple_of=Decimal(1)``; draft 4's integer, which is syntax, sets
    ``digits_only`` (no fraction, no exponent may be written).  Where ``values`` is given it is the
    whole set (ascending, unique) and the other bounds are ignored, ``digits_only`` aside.
    ``label`` is the exit label of a number in this set.
    """

    label: int = 1
    lower: Decimal | None = None
    upper: Decimal | None = None
    lower_open: bool = False
    upper_open: bool = False
    multiple_of: Decimal | None = None
    values: tuple[Decimal, ...] | None = None
    digits_only: bool = False


@dataclass(frozen=True, slots=True)
class NumberLeaf:
    """The union of specs; a number's exit label is the OR of the labels of the specs that hold it.

    Where ``table`` is given, ``specs`` only say which prefixes are live; the exit label is ``table.label(bits)``, with
    bit ``i`` set where the number belongs to ``atoms[i]``, and 0 refuses the number.
    """

    specs: tuple[NumberSpec, ...]
    atoms: tuple[NumberSpec, ...] = ()
    table: LabelTable | None = None


class KeyRows(RowSource, Protocol):
    """An automaton of names that can count the words of its states."""

    def word_count(self, state: int, most: int) -> int | None:
        """How many words lead from ``state`` to acceptance; None for more than ``most``."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectTrack:
    """One alternative of an object view: its exit label and the names (indices) that it requires."""

    label: int
    required: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object in progress.

    ``names``: the listed names as WTF-8 bytes, ascending and unique.  ``children[i]``: component of
    the value of ``names[i]``, or None where that name may never appear.  ``other``: component of every
    unlisted name, or None where unlisted names are refused.  ``ranks[i]``: place of ``names[i]`` in
    the schema's order, a permutation of ``range(len(names))`` (used where the order is fixed; unlisted names then come
    after all listed ones).  A track's required names are never None in ``children`` for that track.
    Child components have one track for each track of this view, in the same order.
    ``source`` is what the JSON source needs to narrow the view; opaque to the machine.

    ``keys``: where unlisted names are not all alike, the automaton of those that may come; its labels are classes,
    and `ComponentSource.other` tells the component of a class.  ``other`` is then anything but None.
    """

    tracks: tuple[ObjectTrack, ...]
    names: tuple[bytes, ...]
    children: tuple[ComponentKey | None, ...]
    other: ComponentKey | None
    ranks: tuple[int, ...]
    source: Hashable
    keys: KeyRows | None = None


@dataclass(frozen=True, slots=True)
class ArrayTrack:
    """One alternative of an array view: its exit label and its bounds on the number of items.

    ``maximum`` counts everything that ends the array for this track: maxItems, a refused
    (false or unsatisfiable) item position.  ``minimum <= maximum`` holds for every track.
    """

    label: int
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class ArrayView:
    """An array in progress.

    ``prefix[i]``: component of item ``i``; ``rest``: component of every later item, or None.  A
    position that every track refuses ends the array (``ArrayTrack.maximum`` says where).  Child components
    have one track per track of this view, in the same order; a track whose ``maximum`` is reached takes no further
    part: the machine narrows to the tracks with ``count < maximum`` before an item starts.
    ``unique``: no item may equal an earlier one.
    """

    tracks: tuple[ArrayTrack, ...]
    prefix: tuple[ComponentKey, ...]
    rest: ComponentKey | None
    source: Hashable
    unique: bool = False


REPEATED_ITEM = 1 << 61
"""The bit of an item's exit label that tells a `StatusView` with ``unique`` that the item equals an earlier one."""


@dataclass(frozen=True, slots=True)
class StatusView:
    """An object or array in progress whose outcome is open; compared by identity, so the source interns it.

    Objects: ``names`` and ``ranks`` as in `ObjectView` (all views that one object can reach list the same names);
    ``allowed[i]``: listed name ``i`` may come next unless it was used; ``other``: unlisted names may, those
    of ``keys`` where it is not None.  ``label``: exit label if the value ends here and all names of ``required``
    were used; 0: it may not end.  Arrays: ``cap`` is the number up to which items must be counted for the
    views that may follow; ``unique``: items are compared.  ``source`` is opaque to the machine.
    """

    is_object: bool
    label: int
    source: Hashable
    names: tuple[bytes, ...] = ()
    ranks: tuple[int, ...] = ()
    allowed: tuple[bool, ...] = ()
    required: tuple[int, ...] = ()
    other: bool = False
    keys: KeyRows | None = None
    cap: int = 0
    unique: bool = False


@dataclass(frozen=True, slots=True)
class PendingView:
    """A container whose next value begins: its component, and the state that waits for the exit label."""

    component: ComponentKey
    view: StatusView
    source: Hashable


ContainerView = ObjectView | ArrayView | StatusView


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a component allows, by the JSON type of the value; 0 or None where the type is refused.

    ``null``, ``true``, ``false`` are exit labels.
    """

    null: int = 0
    true: int = 0
    false: int = 0
    string: StringLeaf | None = None
    number: NumberLeaf | None = None
    object: ObjectView | StatusView | None = None
    array: ArrayView | StatusView | None = None


class ComponentSource(Protocol):
    """A JSON source, already checked: no method raises for anything but a limit."""

    @property
    def root(self) -> ComponentKey:
        """The component of the whole text; it has one track."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether listed names must come in the order of their ranks (``order="schema"``)."""
        ...

    def expand(self, key: ComponentKey) -> Expansion:
        """What the component allows.  Called once for each key by each machine."""
        ...

    def narrow_object(self, view: ObjectView, keep: int) -> ObjectView:
        """The view with only the tracks whose *position* bit is set in ``keep`` (non-zero).

        Positions stay: the result has as many tracks, children as many tracks; a dropped track
        is ``ObjectTrack(label=0)`` and its part of every child component is dropped.  Names that
        only dropped tracks allow become None.  The names stay the same, in the same order.
        """
        ...

    def narrow_array(self, view: ArrayView, keep: int) -> ArrayView:
        """As `narrow_object`; a dropped track is ``ArrayTrack(label=0)``."""
        ...

    def other(self, view: ObjectView, label: int) -> ComponentKey | None:
        """The component of the value of an unlisted name whose class in ``view.keys`` is ``label``."""
        ...

    def select(self, view: StatusView, name: int | None, label: int) -> PendingView | None:
        """What waits for the value of listed name ``name``, or of an unlisted one of the class ``label``."""
        ...

    def item(self, view: StatusView) -> PendingView | None:
        """What waits for the next item; None where none may come."""
        ...

    def finish(self, pending: PendingView, label: int) -> ContainerView | None:
        """The view after a value with the exit ``label``; None where the container is dead then."""
        ...

    def plans(self, view: StatusView) -> Iterable[tuple[list[tuple[bytes, ComponentKey]], list[ComponentKey]]]:
        """Ways to end an object (names with components of one track) or array (items) in progress, at least one."""
        ...
