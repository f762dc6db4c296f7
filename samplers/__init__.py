"""Constrained sampling on torch: masks for ``transformers`` and samplers that correct for them.

`MaskProcessor` is the logits processor, `generate` the batched loop around it.
"""

from samplers.errors import ConstraintMismatch, SamplerError, UnsupportedCall
from samplers.generate import Generation, generate
from samplers.logits_processor import MaskProcessor

__all__ = [
    "MaskProcessor",
    "generate",
    "Generation",
    "SamplerError",
    "ConstraintMismatch",
    "UnsupportedCall",
]
