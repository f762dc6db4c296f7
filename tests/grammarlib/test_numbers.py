"""Exact number prefixes against enumeration, and the kernel against the exact prefixes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grammarlib.automata import numbers
from grammarlib.automata.components import NumberLeaf, NumberSpec
from grammarlib.automata.numbers import (
    NumberRows,
    decode_state,
    encode_leaf,
    integer_digits_rows,
    is_satisfiable,
    plain_number_rows,
    prefix_is_live,
    prefix_label,
    shortest_number,
)
from grammarlib.errors import LimitExceeded
from grammarlib.kernels import recognise as kernel
from tests.oracles import numbers as oracle

JIT_DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
BYTES = b"+-.0123456789Ee"
NUMBER_DIGITS = b"0159"
ALPHABET = NUMBER_DIGITS + b".-e+"
LONGEST = 5


def spec(**settings: Any) -> NumberSpec:
    """A spec whose numbers may be given as text."""
    for name in ("lower", "upper", "multiple_of"):
        if name in settings:
            settings[name] = Decimal(settings[name])
    if "values" in settings:
        settings["values"] = tuple(Decimal(value) for value in settings["values"])
    return NumberSpec(**settings)


def leaf(**settings: Any) -> NumberLeaf:
    return NumberLeaf((spec(**settings),))


def live(numbers_leaf: NumberLeaf, text: str) -> bool:
    return prefix_is_live(numbers_leaf, text.encode())


def label(numbers_leaf: NumberLeaf, text: str) -> int:
    return prefix_label(numbers_leaf, text.encode())


# -- strategies --------------------------------------------------------------------------------

SMALL = [
    *("0", "1", "-1", "5", "10", "-10", "9", "11", "15", "50", "99", "100", "105", "65535", "0.5", "0.05", "-0.1"),
    *("0.01", "0.15", "1.5", "19.99", "1e3", "1.05e-3", "5.1", "5.15", "-9.5", "1e-5", "950", "0.95"),
]
LARGE = [
    *("9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e18", "1e19", "1e400", "-1e400", "1e-30"),
    *("18446744073709551615", "123456789012345678901234567890", "9007199254740991", "999999999999999999", "5e17"),
]
MULTIPLES = ["1", "0.01", "5", "7", "2.5", "10", "100", "0.3", "256", "1e3", "0.5", "11", "9", "1e-4", "15", "1.5"]
RARE_MULTIPLES = ["1e-20", "1000003", "9223372036854775807", "3e19", "1e18", "1024", "9.5e17"]


def decimals(special: Iterable[str]) -> st.SearchStrategy[Decimal]:
    grid = st.builds(lambda digits, place: Decimal(digits).scaleb(place), st.integers(-200, 200), st.integers(-3, 2))
    return st.sampled_from([Decimal(text) for text in special]) | grid


@st.composite
def specs(draw: st.DrawFn, large: bool = False, label: int = 1) -> NumberSpec:
    bounds = decimals(SMALL + LARGE if large else SMALL)
    multiples = st.sampled_from([Decimal(text) for text in MULTIPLES + (RARE_MULTIPLES if large else [])])
    digits_only = draw(st.integers(0, 5)) == 0
    if draw(st.integers(0, 4)) == 0:
        values = tuple(sorted(set(draw(st.lists(bounds, min_size=1, max_size=3)))))
        return NumberSpec(label=label, values=values, digits_only=digits_only)
    limits = [draw(st.none() | bounds), draw(st.none() | bounds)]
    if limits[0] is not None and limits[1] is not None and draw(st.integers(0, 9)):
        limits.sort()
    return NumberSpec(
        label=label,
        lower=limits[0],
        upper=limits[1],
        lower_open=limits[0] is not None and draw(st.booleans()),
        upper_open=limits[1] is not None and draw(st.booleans()),
        multiple_of=draw(st.none() | multiples),
        digits_only=digits_only,
    )


@st.composite
def leaves(draw: st.DrawFn, large: bool = False) -> NumberLeaf:
    count = draw(st.sampled_from([1, 1, 1, 2, 3]))
    return NumberLeaf(tuple(draw(specs(large=large, label=1 << index)) for index in range(count)))


number_texts = st.from_regex(r"\A-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?\Z").map(str.encode)
choices = st.lists(st.sampled_from(b"0123456789.0123456789.0000eE-+9"), max_size=30)


# -- the exact functions --------------------------------------------------------------------------------


@given(leaves())
@example(leaf(upper="10", multiple_of="1"))
@example(leaf(lower="1.05", upper="1.15", lower_open=True, upper_open=True))
@example(leaf(values=["1", "2.5", "1e3"]))
@example(leaf(upper="0", lower="0"))
@example(leaf(lower="950", upper="1050", multiple_of="7", digits_only=True))
def test_exact_against_enumeration(numbers_leaf: NumberLeaf) -> None:
    """All short prefixes: labels are right, what enumeration completes is live, and what is live has a completion."""
    completions = oracle.live_prefixes(numbers_leaf, LONGEST, ALPHABET)
    rows = NumberRows(numbers_leaf)
    assert (rows.start >= 0) == is_satisfiable(numbers_leaf)
    if completions:
        assert rows.start >= 0
    states = {b"": rows.start} if rows.start >= 0 else {}
    for length in range(4):
        for text in [text for text in states if len(text) == length]:
            state = states[text]
            expected = oracle.label_of(numbers_leaf, text)
            assert rows.label(state) == expected == prefix_label(numbers_leaf, text), text
            row = rows.expand(state)
            for byte in ALPHABET:
                longer = text + bytes((byte,))
                assert (row[byte] >= 0) == prefix_is_live(numbers_leaf, longer), longer
                if row[byte] >= 0:
                    assert oracle.is_prefix(longer)
                    if length < 3:
                        states[longer] = int(row[byte])
                else:
                    assert longer not in completions, longer
                    assert oracle.label_of(numbers_leaf, longer) == 0
    for text, state in states.items():
        completion = rows.shortest_completion(state)
        assert oracle.label_of(numbers_leaf, text + completion), (text, completion)
        assert rows.shortest_length(state) == len(completion)
        if text in completions:
            found = completions[text]
            assert len(completion) <= len(found), (text, completion, found)
            if len(completion) == len(found):
                assert completion <= found, (text, completion, found)


@given(leaves(large=True), number_texts)
@example(leaf(multiple_of="0.01"), b"19.99")
@example(leaf(multiple_of="0.01"), b"1e-2")
def test_labels(numbers_leaf: NumberLeaf, text: bytes) -> None:
    assert prefix_label(numbers_leaf, text) == oracle.label_of(numbers_leaf, text)


@given(leaves(large=True), number_texts)
def test_members_have_live_prefixes(numbers_leaf: NumberLeaf, text: bytes) -> None:
    if oracle.label_of(numbers_leaf, text):
        for end in range(len(text) + 1):
            assert prefix_is_live(numbers_leaf, text[:end])


@given(specs(large=True), st.integers(0, 10**30), st.integers(-3, 3), st.integers(0, 4), st.integers(-30, 30))
def test_members_made_on_purpose(number_spec: NumberSpec, pick: int, near: int, zeros: int, exponent: int) -> None:
    """A member of the set, written with any exponent and more zeros: every prefix is live, the whole has the label."""
    numbers_leaf = NumberLeaf((number_spec,))
    if number_spec.values is not None:
        value = Fraction(number_spec.values[pick % len(number_spec.values)])
    else:
        step = Fraction(number_spec.multiple_of or Decimal("0.001"))
        anchors = [Fraction(bound) for bound in (number_spec.lower, number_spec.upper) if bound is not None]
        anchor = anchors[pick % len(anchors)] if anchors else Fraction(pick)
        value = (anchor // step + near) * step
    digits_only = number_spec.digits_only
    if (digits_only and value.denominator != 1) or not oracle.holds(number_spec, value, digits_only):
        return
    if digits_only:
        text = b"-" * (value < 0) + numbers._to_digits(abs(value.numerator)) if value else b"0"
    else:
        text = written(value, exponent, zeros)
    assert label(numbers_leaf, text.decode()) == 1, text
    for end in range(len(text)):
        assert prefix_is_live(numbers_leaf, text[:end]), text[:end]


def written(value: Fraction, exponent: int, zeros: int) -> bytes:
    """A text of a finite decimal with this exponent and more zeros at the end."""
    scaled = abs(value) / Fraction(10) ** exponent
    places = 0
    while scaled.denominator != 1:
        scaled *= 10
        places += 1
    places += zeros
    digits = str(scaled.numerator * 10**zeros).rjust(places + 1, "0")
    text = (digits[:-places] + "." + digits[-places:]) if places else digits
    return (("-" if value < 0 else "") + text + f"e{exponent}").encode()


@given(leaves(large=True), choices)
def test_live_prefixes_have_completions(numbers_leaf: NumberLeaf, path: list[int]) -> None:
    """Along a random walk: the shortest completion is a member, and no other byte leads to a shorter one."""
    rows = NumberRows(numbers_leaf)
    state, text = rows.start, b""
    for byte in [*path, None]:
        if state < 0:
            return
        completion = rows.shortest_completion(state)
        if len(completion) < 500 and b"e" not in (text + completion).lower():
            assert oracle.label_of(numbers_leaf, text + completion), (text, completion)
        assert prefix_label(numbers_leaf, text + completion)
        assert completion == shortest_number(numbers_leaf, text)
        row = rows.expand(state)
        if completion:
            assert 1 + min(rows.shortest_length(int(after)) for after in row if after >= 0) == len(completion)
        if byte is None or row[byte] < 0:
            return
        state, text = int(row[byte]), text + bytes((byte,))
        assert rows.state_for(text) == state


def reachable(rows: NumberRows, limit: int = 100) -> int:
    seen = [rows.start]
    for state in seen:
        seen.extend({int(after) for after in rows.expand(state) if after >= 0} - set(seen))
        if len(seen) > limit:
            raise AssertionError("too many states")
    return len(seen)


def test_small_automata() -> None:
    assert reachable(plain_number_rows()) == 9
    assert reachable(integer_digits_rows()) == 4
    rows = plain_number_rows()
    for text in (b"0", b"-0", b"-12.50e+07", b"1E5", b"0.0"):
        assert rows.label(rows.state_for(text)) == 1
    for text in (b"00", b"+1", b".5", b"1.e5", b"--1", b"1e++5", b"1.5.5", b"01", b"1ee"):
        assert rows.state_for(text) == -1
    digits = integer_digits_rows()
    assert digits.label(digits.state_for(b"-120")) == 1
    assert digits.state_for(b"1.") == digits.state_for(b"1e") == -1
    assert reachable(NumberRows(leaf(lower="0"))) < 20
    assert reachable(NumberRows(leaf(lower="1", upper="255", digits_only=True)), 400) < 300


def test_integers_up_to_ten() -> None:
    ten = leaf(upper="10", multiple_of="1")
    for text in ("1.4", "1.4e1", "11", "1.01", "10.1", "1e2", "12e-1", "1.0e11"):
        assert not live(ten, text) and label(ten, text) == 0
    for text in ("1.", "1.0", "1.0e1", "100e-1", "1e", "0.1", "0.1e", "100", "1.0000", "-1.4", "1000000000000"):
        assert live(ten, text), text
    assert label(ten, "1.0") == label(ten, "1.0e1") == label(ten, "100e-1") == label(ten, "100000e-5") == 1
    assert label(ten, "0.1") == 0 and label(ten, "0.1e1") == 1


def test_ports() -> None:
    ports = leaf(lower="1", upper="65535", multiple_of="1")
    assert not label(ports, "0") and live(ports, "0") and not live(ports, "0e") and not live(ports, "0.0e")
    assert label(ports, "65535") and not live(ports, "65536") and live(ports, "65530") and live(ports, "65540")
    assert not live(ports, "65540.0") or label(ports, "65540.0e-1")
    assert label(ports, "6.5535e4") and not live(ports, "6.5536") and not live(ports, "-")
    digits = leaf(lower="1", upper="65535", digits_only=True)
    assert label(digits, "65535") and not live(digits, "65540") and not live(digits, "1.") and not live(digits, "0")


def test_cents() -> None:
    cents = leaf(multiple_of="0.01")
    assert label(cents, "19.99") == label(cents, "1e-2") == label(cents, "1.000") == label(cents, "0.001e1") == 1
    assert label(cents, "0.001") == 0 and live(cents, "0.001") and not live(cents, "1e-3") and live(cents, "10e-3")


def test_values() -> None:
    values = leaf(values=["1", "2.5", "1e3"])
    for text in ("1", "1.0", "1e0", "10e-1", "2.5", "25e-1", "1000", "1e3", "1.00e+03", "1E3"):
        assert label(values, text) == 1, text
    for text in ("2", "1e1", "2.50e1", "0"):
        assert label(values, text) == 0, text
    assert live(values, "2.") and live(values, "0.00") and live(values, "1e1") is False and live(values, "100")
    assert not live(values, "2.4") and not live(values, "-") and not live(values, "3")


def test_open_bounds() -> None:
    inside = leaf(lower="0", upper="1", lower_open=True, upper_open=True)
    assert not label(inside, "0") and not label(inside, "1") and label(inside, "0.999") and label(inside, "1e-999")
    assert live(inside, "1") and not live(inside, "1e0") and live(inside, "1e-") and not live(inside, "1e+0")
    narrow = leaf(lower="1", upper="1.1", lower_open=True, upper_open=True)
    assert not live(narrow, "1.1") and live(narrow, "1.0") and live(narrow, "1.00e") is False and live(narrow, "10")
    assert not is_satisfiable(spec(lower="1", upper="1", lower_open=True))
    assert not is_satisfiable(spec(lower="1", upper="2", lower_open=True, upper_open=True, multiple_of="1"))
    assert is_satisfiable(spec(lower="1", upper="2", lower_open=True, multiple_of="1"))
    assert not is_satisfiable(NumberLeaf(())) and not is_satisfiable(spec(values=[]))
    assert not is_satisfiable(spec(values=["0.5"], digits_only=True))
    assert not is_satisfiable(spec(lower="0.1", upper="0.9", digits_only=True))


def test_zero() -> None:
    zero = leaf(lower="0", upper="0")
    for text in ("0", "-0", "0e5", "0.000", "-0.0E-17", "0e-0", "0e999999999999999999999"):
        assert label(zero, text) == 1, text
    assert not live(zero, "1") and not live(zero, "0.01") and not live(zero, "00")
    positive = leaf(lower="0", lower_open=True)
    assert live(positive, "0") and not label(positive, "0") and not live(positive, "0e") and not live(positive, "-")
    assert label(leaf(lower="0"), "-0") == 1 and live(leaf(lower="0"), "-0.0") and not live(leaf(lower="0"), "-0.01")


def test_huge_bounds() -> None:
    signed = leaf(lower=str(-(2**63)), upper=str(2**63 - 1), multiple_of="1")
    assert label(signed, str(2**63 - 1)) == label(signed, str(-(2**63))) == 1
    assert label(signed, str(2**63)) == 0 and not live(signed, str(2**63)) and live(signed, str(2**62) + "0.000")
    assert label(signed, f"{2**63 - 1}000e-3") == 1
    large = leaf(lower="-1e400", upper="1e400")
    assert label(large, "1e400") == 1 and not live(large, "1e401") and live(large, "1e40") and not live(large, "2e400")
    assert live(large, "-1" + "0" * 400) and label(large, "-1" + "0" * 401) == 0 and live(large, "2" + "0" * 400)


def test_huge_exponents() -> None:
    anything = leaf()
    assert label(anything, "1e999999999") == 1 and label(anything, "1e-999999999") == 1
    ten = leaf(lower="0", upper="10", multiple_of="1")
    assert not live(ten, "1e999999999") and not live(ten, "1e-999999999") and label(ten, "0e999999999") == 1
    far = leaf(lower="1e999999999", upper="2e999999999", multiple_of="7")
    assert live(far, "14e99999999") and label(far, "14e999999998") == 1 and not live(far, "3")
    # 1e999999999 itself is no multiple of 7, but more digits make one.
    assert label(far, "1e999999999") == 0 and not live(far, "1e99999999") and live(far, "1")
    assert len(shortest_number(far)) == 12 and label(far, shortest_number(far).decode()) == 1
    assert not is_satisfiable(spec(lower="1e999999999", upper="1e999999999", multiple_of="7"))
    with pytest.raises(LimitExceeded):
        shortest_number(leaf(lower="1e999999999", digits_only=True))
    tiny = leaf(lower="1e-999999999", upper="2e-999999999")
    assert label(tiny, "1.5e-999999999") == 1 and not live(tiny, "1.5e-9999999999") and live(tiny, "1.5e-99999999")


@pytest.mark.parametrize(
    "number_spec",
    [
        spec(),
        spec(multiple_of="1"),
        spec(lower="0", upper="10"),
        spec(multiple_of="7"),
        spec(lower="3", multiple_of="0.3"),
        spec(lower="0", upper="10", multiple_of="1"),
        spec(upper="1e20000", multiple_of="7"),
    ],
)
def test_long_texts(number_spec: NumberSpec) -> None:
    """Ten thousand digits, in every part: no recursion, no refusal by CPython's integer conversion, no long wait."""
    numbers_leaf = NumberLeaf((number_spec,))
    for text in (b"1" * 10_000, b"0." + b"0" * 10_000, b"1e" + b"9" * 10_000, b"1." + b"0" * 10_000 + b"e-00"):
        prefix_label(numbers_leaf, text)
        prefix_is_live(numbers_leaf, text)
    rows = NumberRows(numbers_leaf)
    state = rows.start
    for byte in b"1." + b"0" * 2_000:
        state = int(rows.expand(state)[byte])
        assert state >= 0
    assert rows.label(state) in (0, 1)


def test_shortest_multiples() -> None:
    fifteen = leaf(lower="2", multiple_of="15")
    assert shortest_number(fifteen, b"1") == b"5" and shortest_number(fifteen, b"1.") == b"2E2"
    assert shortest_number(fifteen, b"100") == b"5" and shortest_number(fifteen, b"3") == b"0"
    assert shortest_number(leaf(lower="1", multiple_of="0.15"), b"1.0") == b"5"
    assert shortest_number(leaf(multiple_of="2.5"), b"1") == b"0"
    assert shortest_number(leaf(lower="1", upper="1e400"), b"0.00") == b"1E3"


def test_long_constants() -> None:
    """A constant of a thousand digits: the way to it is found without trying every length."""
    for text in ("7" * 1000, "-0." + "31" * 500, "0." + "0" * 500 + "25"):
        constant = leaf(values=[text])
        completion = shortest_number(constant)
        assert label(constant, completion.decode()) == 1
        assert Decimal(completion.decode()) == Decimal(text) and len(completion) <= len(text)
    assert shortest_number(leaf(lower="7" * 300, upper="7" * 299 + "8", digits_only=True), b"77") == b"7" * 298


def test_refused_specs() -> None:
    for settings in ({"multiple_of": "0"}, {"multiple_of": "-2"}, {"lower": "NaN"}, {"upper": "Infinity"}):
        with pytest.raises(ValueError):
            is_satisfiable(spec(**settings))
    with pytest.raises(ValueError):
        shortest_number(leaf(upper="10", multiple_of="1"), b"1.4")
    with pytest.raises(ValueError):
        shortest_number(leaf(), b"1.4.")


# -- the kernel --------------------------------------------------------------------------------


def check_kernel(numbers_leaf: NumberLeaf, text: bytes, everything: bool = True) -> bool:
    """The kernel along a text, all next bytes tried at each prefix; whether it never asked for the exact rows."""
    junk = [7, -1, 3]
    pool = np.array(junk + encode_leaf(numbers_leaf) + junk, dtype=np.int64)
    rows = NumberRows(numbers_leaf)
    mantissa, packed, state = 0, 0, rows.start
    if state < 0:
        return True
    for end in range(len(text) + 1):
        representative = decode_state(mantissa, packed)
        same = rows.state_for(representative)
        assert same >= 0
        found = kernel.number_label(pool, 3, mantissa, packed)
        assert 0 <= packed < 2**31 and 0 <= mantissa < 2**63
        assert rows.label(same) == rows.label(state), (text[:end], representative)
        assert found in (-1, rows.label(state)), (text[:end], found)
        row, other = rows.expand(state), rows.expand(same)
        assert np.array_equal(row >= 0, other >= 0), (text[:end], representative)
        for byte in BYTES + b" ,x" if everything else text[end : end + 1]:
            status = kernel.number_step(pool, 3, mantissa, packed, byte)[0]
            assert status == 2 or status == int(row[byte] >= 0), (text[:end], byte, status)
        if end == len(text):
            return found >= 0
        following = kernel.number_step(pool, 3, mantissa, packed, text[end])
        if following[0] != 1:
            return following[0] == 0
        _, mantissa, packed = following
        # The representative leads on like the text itself: what the exact rows are asked after status 2.
        state = int(row[text[end]]) if end % 2 else int(other[text[end]])
    return True


@given(leaves(large=True), choices)
@example(leaf(multiple_of="1"), list(b"100.500e-3"))
@example(leaf(multiple_of="0.01", lower="0"), list(b"1.0050e+5"))
@example(leaf(lower="0", upper="10", multiple_of="1"), list(b"1.0000e-00"))
@example(leaf(values=["1", "2.5", "1e3"]), list(b"0.0025e3"))
@example(leaf(lower=str(-(2**63)), upper=str(2**63 - 1), multiple_of="1"), list(b"9223372036854775807"))
@example(leaf(upper="1e400"), list(b"123456789e39"))
@example(leaf(multiple_of="1"), list(b"10000000000000e-13"))
@example(leaf(multiple_of="7"), list(b"9223372036854775808e1"))
@example(leaf(lower="1", upper="1e19", multiple_of="7"), list(b"922337203685477580.89e1"))
@example(leaf(digits_only=True), list(b"-120"))
@example(leaf(), list(b"-12.50e-07"))
def test_kernel_against_exact(numbers_leaf: NumberLeaf, path: list[int]) -> None:
    check_kernel(numbers_leaf, bytes(path))
    check_kernel(numbers_leaf, bytes(path).lstrip(b"+.e"))


@given(leaves(large=True), number_texts)
def test_kernel_along_numbers(numbers_leaf: NumberLeaf, text: bytes) -> None:
    check_kernel(numbers_leaf, text)


@given(leaves(large=True))
def test_kernel_along_shortest(numbers_leaf: NumberLeaf) -> None:
    """Texts that are members on purpose, so that narrow sets are walked too."""
    rows = NumberRows(numbers_leaf)
    if rows.start < 0:
        return
    check_kernel(numbers_leaf, rows.shortest_completion(rows.start))
    for number_spec in numbers_leaf.specs:
        for value in (number_spec.lower, number_spec.upper, *(number_spec.values or ())):
            if value is not None and abs(value.adjusted()) < 25:
                check_kernel(numbers_leaf, written(Fraction(value), 0, 0)[:-2])
                check_kernel(numbers_leaf, written(Fraction(value), 2, 1))


@pytest.mark.parametrize(
    ("number_spec", "texts"),
    [
        (spec(), ("-1.5e+07", "123456789012345678901234567890", "0." + "0" * 2000 + "1", "1e" + "9" * 50)),
        (spec(multiple_of="1"), ("-1.5e+07", "123456789012345678901", "1.0", "100e-2", "1e" + "9" * 50)),
        (spec(lower="0", multiple_of="1"), ("0", "1.50e1", "12345678901234567890123", "-0")),
        (spec(lower="1", multiple_of="1"), ("10", "1.50e1", "12345678901234567890123", "0.1e1")),
        (spec(lower="0", upper="1"), ("0.123456789012345678", "1.0", "1e-300", "1", "0.5e-1")),
        (spec(lower="1", upper="65535", multiple_of="1"), ("65535", "1.4e1", "6.5535e4", "80")),
        (spec(lower=str(-(2**63)), upper=str(2**63 - 1), multiple_of="1"), (str(2**63 - 1), "-12", "1.0")),
        (spec(multiple_of="0.01"), ("19.99", "1e-2", "-0.010")),
        (spec(values=["1", "2.5", "1e3"]), ("1", "2.5", "1e3", "1000.0", "0.0025e3")),
        (spec(lower="0", upper="18446744073709551615", multiple_of="1"), ("18446744073709551", "42")),
        (spec(digits_only=True, lower="0", upper="255"), ("0", "255", "25")),
        (spec(multiple_of="1"), ("10000000000000e-13", "1000000000000.0e-011", "5e-00")),
        (spec(lower="5", upper="8", lower_open=True, upper_open=True), ("51e-1", "799e-2", "5.0001")),
        (spec(lower="5", upper="8"), ("50e-1", "800e-2", "0.8e1")),
        (spec(digits_only=True), ("-0", "-12345678901234567890123")),
    ],
)
def test_kernel_needs_no_help(number_spec: NumberSpec, texts: tuple[str, ...]) -> None:
    """Usual leaves and texts: the kernel answers by itself at every prefix."""
    numbers_leaf = NumberLeaf((number_spec,))
    for text in texts:
        assert check_kernel(numbers_leaf, text.encode(), everything=False), text


def test_kernel_merges_equal_futures() -> None:
    """The plain integer: only the zeros at the end count; the plain number: only the phase."""
    for number_spec, texts in [
        (spec(multiple_of="1"), ("3", "17", "-4", "98123456789012345678")),
        (spec(multiple_of="1"), ("100", "-45600")),
        (spec(multiple_of="1"), ("1.5e0", "12.70e0", "1.9e0")),
        (spec(multiple_of="1"), ("1.5e1", "17.9e+5", "-1.1e99999")),
        (spec(), ("3", "170", "-4")),
        (spec(), ("3.5", "17.0000", "-4.125")),
        (spec(), ("3.5e1", "0.3E-15")),
        (spec(lower="0"), ("3.5e1", "0.3E-15")),
    ]:
        pool = np.array(encode_leaf(NumberLeaf((number_spec,))), dtype=np.int64)
        states = set()
        for text in texts:
            mantissa, packed = 0, 0
            for byte in text.encode():
                status, mantissa, packed = kernel.number_step(pool, 0, mantissa, packed, byte)
                assert status == 1
            states.add((mantissa, packed))
        assert len(states) == 1, (number_spec, texts, states)


def test_kernel_layout() -> None:
    """The kernel's numbers are those of the encoder."""
    assert kernel._HEADER == numbers.POOL_HEADER and kernel._PIECE_SIZE == numbers.POOL_PIECE
    assert (kernel._KIND_SIMPLE, kernel._KIND_GENERAL) == (numbers.KIND_SIMPLE, numbers.KIND_GENERAL)
    phases = (numbers.MINUS, numbers.ZERO, numbers.INTEGER, numbers.POINT, numbers.FRACTION, numbers.EXPONENT)
    assert phases == (kernel._MINUS, kernel._ZERO, kernel._INTEGER, kernel._POINT, kernel._FRACTION, kernel._EXPONENT)
    assert kernel._EXPONENT_SIGN == numbers.EXPONENT_SIGN and kernel._EXPONENT_DIGITS == numbers.EXPONENT_DIGITS
    for name in ("_SYMMETRIC", "_TRACKS_ZEROS", "_HAS_DIGITS_ONLY", "_LOWER_OPEN", "_UPPER_OPEN", "_DIGITS_ONLY"):
        assert getattr(kernel, name) == getattr(numbers, name)
    assert (kernel._UPPER_CUT, kernel._NO_UPPER, kernel._LARGEST) == (
        numbers._UPPER_CUT,
        numbers._NO_UPPER,
        numbers._LARGEST,
    )
    assert len(encode_leaf(leaf(lower="1", values=["1", "2"]))) == numbers.POOL_HEADER + 2 * numbers.POOL_PIECE
