"""The vocabulary: validation, identity by content, what may be text, the self-check."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammarlib.errors import VocabularyError
from grammarlib.vocabulary import Vocabulary
from grammarlib.vocabulary.selfcheck import PROBE_TEXTS, check_round_trips
from grammarlib.vocabulary.table import TokenTable
from tests.oracles.masks import text_tokens
from tests.strategies.vocabularies import vocabularies


def test_attributes() -> None:
    vocabulary = Vocabulary([b"a", None, b"", b"</s>"], [3, 3, 5], 8, {"<tool>": 1})
    assert vocabulary.tokens == (b"a", None, b"", b"</s>")
    assert vocabulary.eos_token_ids == (3, 5)
    assert vocabulary.logits_width == 8
    assert dict(vocabulary.special_tokens) == {"<tool>": 1}
    assert vocabulary.size == len(vocabulary) == 4
    assert vocabulary.text_tokens() == [(0, b"a")]
    assert "size=4" in repr(vocabulary) and len(vocabulary.digest) == 64


def test_the_width_is_that_of_the_tokens_by_default() -> None:
    assert Vocabulary([b"a", b"b"]).logits_width == 2


def test_numpy_integers_are_integers() -> None:
    vocabulary = Vocabulary([b"a", b"b"], np.array([1]), np.int64(4), {"x": np.int32(0)})  # type: ignore[arg-type]
    assert vocabulary == Vocabulary([b"a", b"b"], [1], 4, {"x": 0})
    assert type(vocabulary.eos_token_ids[0]) is int


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"],), "token 0 must be bytes or None, not str"),
        (([b"a", bytearray(b"b")],), "token 1 must be bytes or None, not bytearray"),
        (([b"a"], [1]), "eos token: id 1 lies outside the 1 logits"),
        (([b"a"], [-1]), "id -1 lies outside"),
        (([b"a"], [True]), "must be an integer, not True"),
        (([b"a"], ["</s>"]), "must be an integer, not '</s>'"),
        (([b"a", b"b"], [], 1), "logits_width must lie between"),
        (([b"a"], [], 1 << 40), "logits_width must lie between"),
        (([],), "logits_width must lie between"),
        (([b"a"], [], 2, {"<tool>": 2}), "special token '<tool>': id 2"),
    ],
)
def test_refuses(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        Vocabulary(*arguments)


def test_is_frozen() -> None:
    vocabulary = Vocabulary([b"a"], [], 2, {"x": 1})
    for action in (
        lambda: setattr(vocabulary, "logits_width", 3),
        lambda: setattr(vocabulary, "_digest", ""),
        lambda: setattr(vocabulary, "other", 3),
        lambda: delattr(vocabulary, "_tokens"),
    ):
        with pytest.raises(AttributeError):
            action()
    with pytest.raises(TypeError):
        vocabulary.special_tokens["y"] = 0  # type: ignore[index]


def test_later_changes_of_the_arguments_do_not_reach_it() -> None:
    tokens: list[bytes | None] = [b"a"]
    specials = {"x": 0}
    vocabulary = Vocabulary(tokens, special_tokens=specials)
    tokens.append(b"b")
    specials["y"] = 0
    assert vocabulary.size == 1 and dict(vocabulary.special_tokens) == {"x": 0}


DIFFERENT = [
    ([b"ab", b"c"], [], 4, {}),
    ([b"a", b"bc"], [], 4, {}),
    ([b"abc"], [], 4, {}),
    ([b"abc", b""], [], 4, {}),
    ([b"abc", None], [], 4, {}),
    ([b"abc", None], [], 5, {}),
    ([b"abc", None], [1], 4, {}),
    ([b"abc", None], [1, 2], 4, {}),
    ([b"abc", None], [1], 4, {"x": 2}),
    ([b"abc", None], [1], 4, {"xy": 2}),
    ([b"abc", None], [1], 4, {"x": 3}),
    ([b"abc", None], [1], 4, {"x": 2, "y": 2}),
]


def test_the_digest_tells_all_contents_apart() -> None:
    made = [Vocabulary(*arguments) for arguments in DIFFERENT]
    assert len({vocabulary.digest for vocabulary in made}) == len(made) == len(set(made))


def test_the_digest_is_the_same_everywhere() -> None:
    # A changed digest throws away every index on disk: change this value on purpose only.
    expected = "b12c8d1afcf9d4bc012f9fafc42ed197ab36f385f0d044499a473e5b115b3aa6"
    assert Vocabulary([b"a", None, b"\xff"], [1], 4, {"<x>": 3, "é": 1}).digest == expected


def test_order_of_the_names_does_not_matter() -> None:
    one = Vocabulary([b"a"], [0], 3, {"x": 1, "y": 2})
    assert one == Vocabulary([b"a"], [0, 0], 3, {"y": 2, "x": 1}) and hash(one) == hash(copy.deepcopy(one))
    assert one != "something else"


@given(vocabularies())
def test_copies_and_pickles_are_equal(vocabulary: Vocabulary) -> None:
    again = pickle.loads(pickle.dumps(vocabulary))
    assert again == vocabulary and again.tokens == vocabulary.tokens
    assert copy.copy(vocabulary) == vocabulary == copy.deepcopy(vocabulary)


@given(vocabularies())
def test_text_tokens_by_definition(vocabulary: Vocabulary) -> None:
    assert dict(vocabulary.text_tokens()) == text_tokens(vocabulary)


# The self-check


def table_of_bytes(**changes: Any) -> TokenTable:
    """A tokenizer of single bytes, id = byte, right in everything but ``changes``."""
    columns: dict[str, Any] = {
        "tokens": [bytes([byte]) for byte in range(256)],
        "encode": lambda text: list(text.encode()),
        "decode": lambda ids: bytes(ids).decode("utf-8", "replace"),
    }
    return TokenTable(**{**columns, **changes})


def test_a_right_table_passes() -> None:
    check_round_trips(table_of_bytes())
    check_round_trips(table_of_bytes(encode=None, decode=None))
    check_round_trips(table_of_bytes(encode=lambda text: list((" " + text).encode())))


def test_a_lossy_tokenizer_passes_where_its_decode_agrees() -> None:
    check_round_trips(table_of_bytes(encode=lambda text: list(text.lower().encode())))


def test_a_wrong_byte_is_named() -> None:
    tokens = [bytes([byte]) for byte in range(256)]
    tokens[ord("H")] = b"h"
    with pytest.raises(VocabularyError, match=r"72 'shout'.*not understood"):
        check_round_trips(table_of_bytes(tokens=tokens, names={72: "shout"}))
    with pytest.raises(VocabularyError, match=r"1 of 256 tokens .*72 b'h': read as 'h', decoded in 'aHa'"):
        check_round_trips(table_of_bytes(tokens=tokens, encode=None))


def test_a_text_that_the_tokenizer_cannot_spell_is_left_out() -> None:
    ascii_only: list[bytes | None] = [bytes([byte]) if byte < 128 else None for byte in range(256)]
    check_round_trips(table_of_bytes(tokens=ascii_only))
    with pytest.raises(VocabularyError, match="none of the probe texts"):
        check_round_trips(table_of_bytes(tokens=[None] * 256))


def test_ids_outside_the_table_are_unknown() -> None:
    with pytest.raises(VocabularyError, match="none of the probe texts"):
        check_round_trips(table_of_bytes(encode=lambda text: [300] * len(text)))


@given(st.sampled_from(PROBE_TEXTS), st.integers(0, 200))
def test_every_byte_of_the_probes_counts(text: str, position: int) -> None:
    byte = text.encode()[position % len(text.encode())]
    tokens = [bytes([other]) for other in range(256)]
    tokens[byte] = bytes([byte ^ 1])
    with pytest.raises(VocabularyError):
        check_round_trips(table_of_bytes(tokens=tokens))


def test_pickle_holds_no_code_of_ours_but_the_class() -> None:
    seen = []

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            seen.append((module, name))
            return super().find_class(module, name)

    data = pickle.dumps(Vocabulary([b"a"], [0]))
    Reader(io.BytesIO(data)).load()
    assert seen == [("grammarlib.vocabulary.vocabulary", "Vocabulary")]
