"""What the samplers refuse, as exceptions of grammarlib's tree.

Purpose: a caller who guards a request with ``except GrammarlibError`` guards the sampling as well.
They are `ValueError` too, since each one is an argument that does not fit.
Place: outside `grammarlib.errors`, because grammarlib knows nothing of tensors or models.
"""

from __future__ import annotations

from grammarlib.errors import GrammarlibError


class SamplerError(GrammarlibError, ValueError):
    """An argument of a sampler does not fit; the message says which and what to do."""


class ConstraintMismatch(SamplerError):
    """A list of constraints does not match the prompts of the call."""


class UnsupportedCall(SamplerError):
    """The processor was called in a way in which it cannot know a row's generated text."""


class TrieMismatch(SamplerError):
    """Two tries do not hold the same targets, so that what one proved says nothing of the other's."""
