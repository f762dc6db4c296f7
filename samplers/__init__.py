"""Constrained sampling on torch: masks for ``transformers``, and samplers that correct for what masks bend.

`MaskProcessor` is the logits processor, `generate` the batched loop around it.  `MaskedSampling`, `AlignedSampling`,
`MarkovChains` and `SMC` sample a target, a model times `Potential`s, and return `Samples` with their weights;
`AlignedProcessor` does so inside ``model.generate``.  Potentials are in `samplers.potentials`, models in
`samplers.models`.
"""

from samplers.aligned import AlignedSampling
from samplers.aligned_processor import AlignedProcessor
from samplers.errors import ConstraintMismatch, SamplerError, UnsupportedCall
from samplers.generate import Generation, generate
from samplers.logits_processor import MaskProcessor
from samplers.masking import MaskedSampling, MaskSampler
from samplers.mcmc import MarkovChains
from samplers.models import HuggingFaceModel, LanguageModel, TableModel, Warp
from samplers.potentials import CompiledPotential, FromFunction, Potential, check_potential
from samplers.smc import SMC
from samplers.token import AWRS
from samplers.trie import AlignedTrie
from samplers.types import Samples, Statistics

__all__ = [
    "MaskProcessor",
    "AlignedProcessor",
    "generate",
    "Generation",
    "MaskedSampling",
    "AlignedSampling",
    "AlignedTrie",
    "MarkovChains",
    "SMC",
    "MaskSampler",
    "AWRS",
    "LanguageModel",
    "HuggingFaceModel",
    "TableModel",
    "Warp",
    "Potential",
    "CompiledPotential",
    "FromFunction",
    "check_potential",
    "Samples",
    "Statistics",
    "SamplerError",
    "ConstraintMismatch",
    "UnsupportedCall",
]
