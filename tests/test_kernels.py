"""The kernels and what Python assumes about them; and the same results with numba's compiler off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grammarlib import dtypes
from grammarlib.automata import configurations
from grammarlib.kernels import recognise
from tests.conftest import JIT_DISABLED

REPOSITORY = Path(__file__).resolve().parents[1]
ENTRY_POINTS = ("advance", "walk", "prove", "maintain")


def test_sentinels_are_the_shared_ones() -> None:
    assert recognise.DEAD == dtypes.DEAD
    assert recognise.UNEXPANDED == dtypes.UNEXPANDED
    assert dtypes.DEAD != dtypes.UNEXPANDED


def test_tables_have_the_widths_that_kernels_assume() -> None:
    widths = configurations._WIDTHS
    fields = {
        "C": max(value for name, value in vars(recognise).items() if name.startswith("C_")) + 1,
        "S": max(value for name, value in vars(recognise).items() if name.startswith("S_")) + 1,
        "V": max(value for name, value in vars(recognise).items() if name.startswith("V_")) + 1,
        "F": max(value for name, value in vars(recognise).items() if name.startswith("F_")) + 1,
    }
    for table, count in fields.items():
        assert count <= widths[table], table
    assert widths["stack"] == recognise.STACK_FIELDS
    tops = [value for name, value in vars(recognise).items() if name.startswith("T_")]
    offsets = {name: value for name, value in vars(recognise).items() if name.startswith("O_")}
    sizes = [value for name, value in vars(recognise).items() if name.startswith("Z_")]
    assert max(tops) < configurations._OFFSETS == min(offsets.values())
    assert len(set(offsets.values())) == len(offsets) == len(widths)
    assert max(offsets.values()) < min(sizes) <= max(sizes) < recognise.HEADER == configurations._HEADER
    aliases = {"O_FRAME_HASH": "FH", "O_CONFIGURATION_HASH": "KH"}
    for name, value in offsets.items():
        table = aliases.get(name, name.removeprefix("O_"))
        expected = list(widths).index(table if table in widths else table.lower())
        assert value - configurations._OFFSETS == expected, name


def test_kinds_of_states_are_distinct() -> None:
    kinds = ["ROW", "VALUE", "STRING", "MEMBER", "NUMBER_ROW", "NUMBER", "LITERAL", "OBJECT_OPEN", "OBJECT_COMMA"]
    kinds += ["KEY", "KEY_OTHER", "COLON", "AFTER_VALUE", "ARRAY_OPEN", "AFTER_ITEM", "DONE"]
    assert sorted(getattr(recognise, kind) for kind in kinds) == list(range(16))


@given(st.one_of(st.binary(max_size=6), st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"\xed\xa0\x80")
@example(b"\xed\xbf\xbf\xed\xa0\x80")
@example(b"\xf4\x8f\xbf\xbf")
@example(b"\xf4\x90\x80\x80")
@example(b"\xe0\x9f\xbf")
def test_the_rows_of_any_text_are_utf8_and_surrogates(data: bytes) -> None:
    rows, facts = configurations._any_text_rows()
    row = recognise.ANY_TEXT_ROW
    for byte in data:
        row = int(rows[row, byte])
        if row < 0:
            break
    try:
        data.decode("utf-8", "surrogatepass")
        whole = True
    except UnicodeDecodeError:
        whole = False
    assert (row >= 0 and bool(facts[row, 0])) == whole


@pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
def test_entry_points_are_compiled_once_and_kept() -> None:
    program = f"""
from grammarlib.kernels import recognise
for name in {ENTRY_POINTS!r}:
    kernel = getattr(recognise, name)
    assert len(kernel.signatures) == 1, name
    assert sum(kernel.stats.cache_hits.values()) == 1 and not kernel.stats.cache_misses, (name, kernel.stats)
assert not any(getattr(kernel, "stats", None) and kernel.stats.cache_misses for kernel in vars(recognise).values())
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, timeout=300
    )
    assert finished.returncode == 0, finished.stderr


SMALL_CASES = (
    "tests/regressions",
    "tests/grammarlib/test_machine.py",
    "tests/grammarlib/test_matcher.py",
    "tests/grammarlib/test_masks.py::test_mask_is_what_accept_token_takes[tracks]",
    "tests/grammarlib/test_masks.py::test_mask_is_what_accept_token_takes[strings]",
    "tests/grammarlib/test_masks.py::test_mask_is_what_accept_token_takes[numbers]",
    "tests/grammarlib/test_masks.py::test_mask_is_what_accept_token_takes[regex counted]",
    "tests/grammarlib/test_masks.py::test_mask_is_what_accept_token_takes[lark arithmetic]",
    "tests/grammarlib/test_compile.py::test_threads_share_one_compiled_source",
    "tests/grammarlib/test_compile.py::test_a_full_machine_is_left_to_the_texts_that_are_on_it",
    "tests/grammarlib/test_shortest.py::test_completions",
)


@pytest.mark.skipif(JIT_DISABLED, reason="the whole run is without the compiler")
def test_small_cases_pass_without_the_compiler() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "HYPOTHESIS_PROFILE": "ci"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SMALL_CASES],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=environment,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
