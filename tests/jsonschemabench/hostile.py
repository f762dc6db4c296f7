"""An engine in MaskBench's interface that does what a schema tells it to: crash, hang, eat memory, or behave.

``x-do`` in the schema says what happens when it is compiled; every text is accepted, or none with ``x-reject``.
Its name on the command line is this file's path and ``:HostileEngine``.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

NAME = f"{Path(__file__).resolve()}:HostileEngine"


class HostileEngine:
    """Obeys the schema."""

    tokenizer: Any
    tokenizer_model_id: str

    def init(self) -> None:
        """Nothing to prepare."""

    def get_module(self) -> str:
        return "no-such-distribution"

    def compile_grammar(self, schema: Any) -> None:
        self._schema = schema
        deed = schema.get("x-do")
        if deed == "segfault":
            ctypes.string_at(0)
        elif deed == "abort":
            sys.stderr.write("engine: assertion failed\n")
            sys.stderr.flush()
            os.abort()
        elif deed == "exit":
            os._exit(7)
        elif deed == "hang":
            time.sleep(600)
        elif deed == "slow":
            time.sleep(0.15)
        elif deed == "memory":
            hoard = []
            while True:
                hoard.append(bytearray(32 * 2**20))
        elif deed == "python-memory":
            raise MemoryError
        elif deed == "hang-once" and not Path(schema["x-file"]).exists():
            Path(schema["x-file"]).touch()
            time.sleep(600)
        elif deed == "refuse":
            raise ValueError("cannot do this")
        elif deed == "panic":
            raise KeyboardInterrupt  # like a panic of Rust code, this is no Exception
        elif deed == "print":
            sys.stdout.write("noise\n" * 10_000)

    def reset(self) -> None:
        """Nothing to reset."""

    def compute_mask(self) -> None:
        """No mask to compute."""

    def commit_token(self, token: int) -> bool:
        if self._schema.get("x-do") == "raise":
            raise RuntimeError("no tokens today")
        return not self._schema.get("x-reject", False)
