"""Models that the samplers can run: those of ``transformers``, exact tables, and the embedded one.

Purpose: a real, if tiny, language model in the package, so that examples, tests and the command line need no download.
Place: `model` is the seam between samplers and models, `huggingface` and `table` implement it, `warp` is what both
apply; the embedded model is used by `grammarlib.cli`, docs and tests.
Cost: loading takes some 50 ms; the files are read from the package, never from a network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from samplers.errors import SamplerError
from samplers.models.huggingface import HuggingFaceModel
from samplers.models.model import LanguageModel, ModelState
from samplers.models.table import TableModel
from samplers.models.warp import Warp

__all__ = [
    "HuggingFaceModel",
    "LanguageModel",
    "ModelState",
    "TableModel",
    "Warp",
    "embedded_model",
    "embedded_model_path",
    "load_embedded",
]

_FILES = ("config.json", "model.safetensors", "tokenizer.json")


def embedded_model_path() -> Path:
    """The folder of the embedded model, in the format of ``from_pretrained``.

    Raises `SamplerError` where this installation has none.
    """
    folder = Path(__file__).resolve().parent / "tiny"
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise SamplerError(f"the embedded model is not installed: {folder} lacks {', '.join(missing)}")
    return folder


def load_embedded() -> tuple[Any, Any]:
    """The embedded model, in evaluation mode on the CPU, and its tokenizer: ``(model, tokenizer)``.

    Raises `SamplerError` where this installation has none.
    """
    folder = embedded_model_path()
    shows_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # it would flash by for 50 ms
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    finally:
        if shows_progress:
            logging.enable_progress_bar()
    return model.eval(), tokenizer


def embedded_model(*, warp: Warp | None = None) -> HuggingFaceModel:
    """The embedded model as the samplers take it, with its tokenizer: the default of examples and the command line.

    Raises `SamplerError` where this installation has none.
    """
    model, tokenizer = load_embedded()
    return HuggingFaceModel(model, tokenizer, warp=warp)
