"""Constrained sampling on torch: masks for ``transformers``, and samplers that correct for what masks bend.

`MaskProcessor` is the logits processor, `generate` the batched loop around it.  `MaskedSampling`, `AlignedSampling`,
`MarkovChains` and `SMC` sample a target, a model times `Potential`s, and return `Samples` with their weights;
`AlignedProcessor`, `smc_generate`, `awrs_generate` and `aligned_generate` do so inside ``model.generate``.
`ByteModel`, `heal_prompt` and `Infilling` are for what is not written token by token.  Further potentials are in
`samplers.potentials`, the embedded model in `samplers.models`.
"""

from samplers.aligned import AlignedSampling
from samplers.aligned_processor import AlignedProcessor
from samplers.bytes import ByteModel, ByteState, Cover, HealedPrompt, heal_prompt
from samplers.custom_generate import WeightedGenerateOutput, aligned_generate, awrs_generate, smc_generate
from samplers.errors import ConstraintMismatch, SamplerError, TrieMismatch, UnsupportedCall
from samplers.generate import Generation, generate
from samplers.infilling import ContextFreeGrammar, Infilling, byte_set, fill_canvas
from samplers.logits_processor import MaskProcessor
from samplers.masking import MaskedSampling, MaskSampler
from samplers.mcmc import MarkovChains
from samplers.models import HuggingFaceModel, LanguageModel, TableModel, Warp
from samplers.potentials import CompiledPotential, FromFunction, Potential, check_potential
from samplers.smc import SMC
from samplers.token import (
    AWRS,
    Direct,
    Drawn,
    EagerSet,
    Geometric,
    Murthy,
    Recursive,
    SetSampler,
    StoppingRule,
    TwoLoop,
)
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
    "aligned_generate",
    "awrs_generate",
    "smc_generate",
    "WeightedGenerateOutput",
    "MaskSampler",
    "AWRS",
    "Murthy",
    "StoppingRule",
    "TwoLoop",
    "Geometric",
    "Recursive",
    "Direct",
    "SetSampler",
    "Drawn",
    "EagerSet",
    "ByteModel",
    "ByteState",
    "heal_prompt",
    "HealedPrompt",
    "Cover",
    "Infilling",
    "ContextFreeGrammar",
    "byte_set",
    "fill_canvas",
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
    "TrieMismatch",
    "UnsupportedCall",
]
