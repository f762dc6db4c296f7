"""What a mask has to be, asked of the matcher token by token; and vocabularies that a given language finds hard."""

from __future__ import annotations

import random
from collections.abc import Sequence

import grammarlib as gl
from tests.oracles.masks import bits_of


def mask_of(matcher: gl.Matcher, vocabulary: gl.Vocabulary) -> set[int]:
    """The tokens that the matcher's mask allows."""
    bitmask = gl.allocate_bitmask(1, vocabulary.logits_width)
    bitmask[:] = -1  # what an earlier step left behind must be overwritten
    matcher.fill_bitmask(bitmask)
    return bits_of(bitmask[0].tolist())


def taken_by(matcher: gl.Matcher, vocabulary: gl.Vocabulary) -> set[int]:
    """The tokens that ``accept_token`` takes, one after the other, each taken back."""
    taken = set()
    for token_id in range(vocabulary.logits_width):
        if matcher.accept_token(token_id):
            taken.add(token_id)
            matcher.rollback(1)
    return taken


def read_by(matcher: gl.Matcher, vocabulary: gl.Vocabulary) -> set[int]:
    """The tokens whose bytes can be read one by one, and eos where the text may stop: no token function is used."""
    eos = set(vocabulary.eos_token_ids)
    if matcher.is_terminated:
        return eos
    taken = set(eos) if matcher.is_accepting else set()
    for token_id, data in enumerate(vocabulary.tokens):
        if data and token_id not in eos:
            reader = matcher.fork()
            if all(reader.accept_bytes(data[at : at + 1]) for at in range(len(data))):
                taken.add(token_id)
    return taken


def hard_vocabulary(texts: Sequence[bytes], seed: int = 0, size: int = 120) -> gl.Vocabulary:
    """All bytes, and pieces of ``texts``: whole, damaged, glued, cut inside characters, twice, very long."""
    generator = random.Random(seed)
    tokens: list[bytes | None] = [bytes([byte]) for byte in range(256)]
    alphabet = sorted({byte for text in texts for byte in text}) or [0x61]
    for _ in range(size):
        text = generator.choice(texts) if texts else b""
        start = generator.randrange(len(text) + 1)
        piece = bytearray(text[start : start + generator.choice((1, 2, 3, 5, 8, 13, 30, 80))])
        kind = generator.randrange(6)
        if kind == 0 and piece:
            piece[generator.randrange(len(piece))] = generator.choice(alphabet)
        elif kind == 1:
            piece *= 2
        elif kind == 2 and len(piece) > 1:
            del piece[generator.randrange(len(piece))]
        elif kind == 3:
            piece += bytes(generator.choices(alphabet, k=3))
        tokens.append(bytes(piece))
    tokens += [b"ab" * 140, b" " * 300, b"[" * 270, b'"' + b"x" * 400, b"1" * 300]
    tokens += ["é".encode()[:1], "é".encode()[1:], "€".encode()[1:], "😀".encode()[:3], b"a" + "😀".encode()[:2]]
    tokens += generator.sample(tokens[256:], 5)
    tokens += [b"", None, b"</s>", None]
    return gl.Vocabulary(tokens, eos_token_ids=[len(tokens) - 2, len(tokens) - 1], logits_width=len(tokens) + 40)
