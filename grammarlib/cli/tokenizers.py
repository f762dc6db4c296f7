"""The vocabulary of a tokenizer on disk, read without transformers.

``embedded`` names the tokenizer of the model that ships in `samplers.models`; it is found without importing
that package, which would load torch.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from grammarlib.cli.exits import UnreadableInput

if TYPE_CHECKING:
    import grammarlib as gl

EMBEDDED = "embedded"


def embedded_folder() -> Path | None:
    """The folder of the embedded model, or None where it is not installed."""
    spec = find_spec("samplers")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(place) / "models" / "tiny"
        if (folder / "tokenizer.json").is_file():
            return folder
    return None


def read_vocabulary(name: str) -> gl.Vocabulary:
    """The vocabulary of ``embedded``, of a ``tokenizer.json`` or ``tekken.json``, or of a folder with one.

    Raises `UnreadableInput` where there is none, `VocabularyError` where it cannot be used.
    """
    import grammarlib as gl

    path = embedded_folder() if name == EMBEDDED else Path(name)
    if path is None:
        raise UnreadableInput("the embedded model is not installed")
    if not path.exists():
        raise UnreadableInput(f"{name}: no such file or folder (a tokenizer.json, or the folder of a model)")
    try:
        return gl.Vocabulary.from_huggingface(path)
    except OSError as error:
        raise UnreadableInput(f"{name}: {error.strerror or error}") from None
