"""What every test shares: Hypothesis profiles, the shared data folder, small vocabularies.

Profiles: ``ci`` (the default) draws the same examples on each run, so a red build can be repeated;
``explore`` draws new ones, and more of them (``HYPOTHESIS_PROFILE=explore pytest ...``).
With numba's compiler off (``NUMBA_DISABLE_JIT=1``) tests marked ``slow`` are skipped and fewer examples
are drawn: kernels then run as plain Python, some hundred times slower.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from grammarlib import Vocabulary

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"
JIT_DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")

# Threads of torch on top of pytest's workers only wait for each other; the models of the tests are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_SLOW_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=10 if JIT_DISABLED else 60,
    suppress_health_check=_SLOW_CHECKS,
    database=None,
    print_blob=True,
)
settings.register_profile("explore", deadline=None, max_examples=1000, suppress_health_check=_SLOW_CHECKS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine or this mode cannot run, each with its reason."""
    gpu_present: bool | None = None
    for item in items:
        if JIT_DISABLED and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow, and numba's compiler is off"))
        if item.get_closest_marker("gpu"):
            if gpu_present is None:
                gpu_present = _gpu_present()
            if not gpu_present:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def _gpu_present() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data beside the checkout; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder shared/ beside the checkout is absent")
    return SHARED


@pytest.fixture(scope="session")
def byte_tokens() -> list[bytes | None]:
    """One token for each byte, then one end-of-sequence token: 257 tokens."""
    return [bytes([byte]) for byte in range(256)] + [None]


@pytest.fixture(scope="session")
def small_tokens() -> list[bytes | None]:
    """A vocabulary that one can read, with what makes real ones hard.

    Every byte; words with and without a leading space; JSON glue that crosses lexeme borders; whitespace
    runs; a character split over tokens, and tokens that end or begin inside a character; two
    tokens with the same bytes; an empty token, and ``None`` for special ones (the last is end of sequence).
    """
    words = [b"a", b"b", b"ab", b"abc", b" a", b" the", b"the", b"true", b"false", b"null", b"name", b"age"]
    glue = rb'{" "} ": ":" "," "],"  }} ]} [] {} [[ \" \u00 \n'.split() + [b'": "', b'", "']
    numbers = [b"0", b"10", b"123", b"-1", b".5", b"e+", b"1e", b"00"]
    spaces = [b"  ", b"\n", b"\n  ", b"    ", b"\t", b"\r\n", b" {"]
    euro = "€".encode()
    split = [euro, euro[:1], euro[:2], euro[1:], euro[2:], b"a" + euro[:1], euro[2:] + b"b"]
    characters = ["é".encode(), "😀".encode()]
    words += glue + numbers + spaces + split + characters
    return [bytes([byte]) for byte in range(256)] + words + [b"the", b"", None, None]


@pytest.fixture(scope="session")
def byte_vocabulary(byte_tokens: list[bytes | None]) -> Vocabulary:
    """`byte_tokens` as a vocabulary; token 256 ends the text."""
    import grammarlib as gl

    return gl.Vocabulary(byte_tokens, eos_token_ids=[256])


@pytest.fixture(scope="session")
def small_vocabulary(small_tokens: list[bytes | None]) -> Vocabulary:
    """`small_tokens` as a vocabulary; the last token ends the text, and the logits are 13 wider."""
    import grammarlib as gl

    return gl.Vocabulary(small_tokens, eos_token_ids=[len(small_tokens) - 1], logits_width=len(small_tokens) + 13)
