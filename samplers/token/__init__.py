"""Token samplers beyond masking: few checks of a black box, and proposals of one's own.

`AWRS` is for constraints that must be asked.  `Murthy` with a `StoppingRule` is its estimator to use; the others stand
beside it.  `Direct` draws from a proposal that is given to it.
"""

from samplers.token.awrs import AWRS, pick
from samplers.token.direct import Direct, Proposal, ProposalFunction
from samplers.token.estimators import Choices, Estimator, Geometric, Recursive, TwoLoop
from samplers.token.murthy import Murthy, StoppingRule

__all__ = [
    "AWRS",
    "Murthy",
    "StoppingRule",
    "TwoLoop",
    "Geometric",
    "Recursive",
    "Estimator",
    "Choices",
    "pick",
    "Direct",
    "Proposal",
    "ProposalFunction",
]
