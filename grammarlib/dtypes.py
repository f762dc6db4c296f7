"""Data types and sentinel values that several layers share.

Purpose: one place for the numbers that kernels and Python must agree on.  Kernels import nothing
of ours; a test compares their constants with these.
"""

from __future__ import annotations

from typing import Final

import numpy as np

BITMASK_DTYPE: Final = np.int32
"""Packed bitmask words; bit ``t % 32`` of word ``t // 32`` is 1 where token ``t`` is allowed."""

STATE_DTYPE: Final = np.int32
"""Automaton states ("rows") and configurations."""

DEAD: Final = -1
"""Transition target: no text can be completed from there."""

UNEXPANDED: Final = -2
"""First entry of a row whose transitions are not computed yet."""
