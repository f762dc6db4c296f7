"""Constraints and scores that samplers multiply into a model's law.

`potential` states the contract; the other modules make potentials of grammars, functions, models and each other;
`testing` checks one's own.
"""

from samplers.potentials.algebra import Composable, Power, Product, Quotient
from samplers.potentials.cadence import Cadence
from samplers.potentials.closing import Closing
from samplers.potentials.compiled import CompiledPotential
from samplers.potentials.function import FromFunction
from samplers.potentials.language_model import LanguageModelPotential
from samplers.potentials.length import TokenLimit
from samplers.potentials.lifted import ByteAutomaton, Lifted
from samplers.potentials.monitor import Monitor
from samplers.potentials.potential import Potential, PotentialState, next_log_weights, token_bytes
from samplers.potentials.python_members import python_members
from samplers.potentials.testing import PotentialReport, PotentialViolation, check_potential

__all__ = [
    "Potential",
    "PotentialState",
    "next_log_weights",
    "token_bytes",
    "Composable",
    "Product",
    "Power",
    "Quotient",
    "CompiledPotential",
    "TokenLimit",
    "Closing",
    "FromFunction",
    "Lifted",
    "ByteAutomaton",
    "LanguageModelPotential",
    "Monitor",
    "python_members",
    "Cadence",
    "check_potential",
    "PotentialReport",
    "PotentialViolation",
]
