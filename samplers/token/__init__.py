"""Token samplers for black-box constraints: adaptive weighted rejection sampling and its estimators.

`AWRS` is the sampler.  `Murthy` with a `StoppingRule` is the estimator to use; the others stand beside it.
"""

from samplers.token.awrs import AWRS, pick
from samplers.token.estimators import Choices, Estimator, Geometric, Recursive, TwoLoop
from samplers.token.murthy import Murthy, StoppingRule

__all__ = ["AWRS", "Murthy", "StoppingRule", "TwoLoop", "Geometric", "Recursive", "Estimator", "Choices", "pick"]
