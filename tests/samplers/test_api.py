"""The public names of the package."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import grammarlib as gl
import samplers
from grammarlib.errors import GrammarlibError
from samplers import models


def test_all_is_what_is_documented() -> None:
    """`__all__` holds these names; each exists and says what it does."""
    assert set(samplers.__all__) >= {
        "MaskProcessor",
        "generate",
        "Generation",
        "SamplerError",
        "ConstraintMismatch",
        "UnsupportedCall",
    }
    for name in samplers.__all__:
        assert inspect.getdoc(getattr(samplers, name)), name
    assert callable(samplers.generate)


def test_errors_are_in_one_tree() -> None:
    """One ``except GrammarlibError`` catches them all."""
    for error in (samplers.SamplerError, samplers.ConstraintMismatch, samplers.UnsupportedCall):
        assert issubclass(error, GrammarlibError)
        assert issubclass(error, ValueError)


def test_the_signature_of_the_processor() -> None:
    """transformers refuses a third parameter of ``__call__``; the constructor's are keywords with defaults."""
    assert list(inspect.signature(samplers.MaskProcessor.__call__).parameters) == ["self", "input_ids", "scores"]
    parameters = inspect.signature(samplers.MaskProcessor).parameters
    assert list(parameters) == ["constraints", "model", "prompt_length", "inplace", "on_dead_end"]
    assert [parameters[name].default for name in list(parameters)[1:]] == [None, None, False, "raise"]


def test_a_missing_embedded_model_is_a_typed_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installation without the files says so."""
    monkeypatch.setattr(models, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(samplers.SamplerError, match="embedded model is not installed"):
        models.embedded_model_path()


def test_the_embedded_model_writes_a_constrained_text() -> None:
    """Loaded from the package, offline."""
    try:
        models.embedded_model_path()
    except samplers.SamplerError as error:
        pytest.skip(str(error))
    model, tokenizer = models.load_embedded()
    constraint = gl.compile(gl.Choice(["yes", "no"]), gl.Vocabulary.from_huggingface(tokenizer))
    results = samplers.generate(model, tokenizer, ["Answer: "], constraint, seed=0, num_samples=3, max_new_tokens=8)
    assert {result.text for result in results} <= {"yes", "no"}
