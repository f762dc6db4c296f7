"""Token samplers beyond masking: few checks of a black box, and proposals of one's own.

`AWRS` is for constraints that must be asked.  `Murthy` with a `StoppingRule` is its estimator to use; the others stand
beside it.  `Direct` draws from a proposal that is given to it.  A `SetSampler` weighs a set of tokens, of which `Drawn`
draws one: `AWRS` is one with few checks, `EagerSet` one with all of them.
"""

from samplers.token.awrs import AWRS
from samplers.token.direct import Direct, Proposal, ProposalFunction
from samplers.token.estimators import Choices, Estimator, Geometric, Recursive, TwoLoop
from samplers.token.murthy import Murthy, StoppingRule
from samplers.token.sets import Drawn, EagerSet, SetSampler, pick

__all__ = [
    "AWRS",
    "Murthy",
    "StoppingRule",
    "TwoLoop",
    "Geometric",
    "Recursive",
    "Estimator",
    "SetSampler",
    "Drawn",
    "EagerSet",
    "Choices",
    "pick",
    "Direct",
    "Proposal",
    "ProposalFunction",
]
