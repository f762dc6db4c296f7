"""Constraints and scores that samplers multiply into a model's law.

`potential` states the contract; the other modules make potentials of grammars, functions, models and each other.
"""

from samplers.potentials.potential import Potential, PotentialState, next_log_weights, token_bytes

__all__ = ["Potential", "PotentialState", "next_log_weights", "token_bytes"]
