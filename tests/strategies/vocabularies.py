"""Hypothesis strategies: small vocabularies with everything that makes real ones hard.

Duplicates, prefixes of each other, tokens that split characters, empty and special tokens, several
or no eos tokens, eos tokens with bytes, logits wider than the vocabulary.
"""

from __future__ import annotations

from hypothesis import strategies as st

from grammarlib.vocabulary import Vocabulary

_TEXTS = st.one_of(
    st.sampled_from(
        ["a", "ab", "abc", " the", "the", '"', '","', "\\n", "{", "}}", "  ", "\n", "\r\n  ", "12", "_x-1."]
    ),
    st.text(alphabet='ab 1_\n"\\{é€😀\u2028', min_size=1, max_size=6),
)


@st.composite
def token_bytes(draw: st.DrawFn) -> bytes:
    """The non-empty bytes of one token: a text, a piece of one that may split characters, or any bytes."""
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return draw(_TEXTS).encode()
    if kind == 1:
        data = draw(_TEXTS).encode()
        start = draw(st.integers(0, len(data) - 1))
        return data[start : draw(st.integers(start + 1, len(data)))]
    return draw(st.binary(min_size=1, max_size=5))


def token_pairs(max_size: int = 40) -> st.SearchStrategy[list[tuple[int, bytes]]]:
    """``(id, bytes)`` pairs in any order, ids unique, bytes not."""
    data = st.lists(token_bytes(), max_size=max_size)
    return data.flatmap(
        lambda tokens: st.lists(
            st.integers(0, 4 * len(tokens)), min_size=len(tokens), max_size=len(tokens), unique=True
        ).map(lambda ids: list(zip(ids, tokens, strict=True)))
    )


@st.composite
def vocabularies(draw: st.DrawFn, every_byte: bool = False, max_size: int = 40) -> Vocabulary:
    """A vocabulary of at most ``max_size`` drawn tokens, after one token for each byte where ``every_byte``."""
    tokens: list[bytes | None] = draw(
        st.lists(st.one_of(token_bytes(), token_bytes(), st.none(), st.just(b"")), max_size=max_size)
    )
    if tokens:
        tokens += draw(st.lists(st.sampled_from(tokens), max_size=4))
    if every_byte:
        tokens = [bytes([byte]) for byte in range(256)] + tokens
    width = max(1, len(tokens)) + draw(st.sampled_from([0, 0, 1, 31, 32, 70]))
    eos = draw(st.lists(st.integers(256 if every_byte and width > 256 else 0, width - 1), max_size=3))
    if every_byte:
        eos = [token_id for token_id in eos if token_id >= 256]
    return Vocabulary(tokens, eos_token_ids=eos, logits_width=width)
