"""The parts of one lowered schema, made in the order in which they need each other.

Purpose: `Parts` holds what is worked out about the nodes of one source and shared by everything above: each part has
its own cache, and is handed the parts that it asks.
Place: above the parts, below views, states and `satisfiability`, which take it as an argument.
Cost: about 5 us for a schema of one node; two passes over the nodes.
Not taken: one class for all of it, where every method can reach every cache; or `Satisfiability` as one more part,
which would close a circle of references around each grammar (see there).
"""

from __future__ import annotations

from grammarlib.limits import Limits
from grammarlib.sources.jsonschema.alternatives import Alternatives, has_in_place_cycle
from grammarlib.sources.jsonschema.conjunctions import Conjunctions
from grammarlib.sources.jsonschema.disjoint import Exclusions
from grammarlib.sources.jsonschema.evaluations import Evaluations
from grammarlib.sources.jsonschema.names import Names
from grammarlib.sources.jsonschema.node_formulas import NodeFormulas
from grammarlib.sources.jsonschema.number_sets import NumberSets
from grammarlib.sources.jsonschema.reader import SchemaReader
from grammarlib.sources.jsonschema.report import DeadEnds
from grammarlib.sources.jsonschema.string_sets import StringSets
from grammarlib.sources.jsonschema.strings import StringLeaves


class Parts:
    """What is known of one schema; no part asks whether something satisfies it."""

    def __init__(self, reader: SchemaReader, *, ordered: bool, limits: Limits) -> None:
        nodes = reader.nodes
        Exclusions(nodes).settle()
        has_cycles = has_in_place_cycle(nodes)  # of what is an anyOf now, too
        self.nodes = nodes
        self.ordered = ordered
        self.limits = limits
        self.leaves = leaves = StringLeaves(limits)
        self.dead_ends = DeadEnds(reader, leaves)
        self.conjunctions = conjunctions = Conjunctions(reader, ordered=ordered)
        self.alternatives = alternatives = Alternatives(conjunctions, limits, has_cycles=has_cycles)
        self.node_formulas = node_formulas = NodeFormulas(conjunctions)
        self.strings = StringSets(conjunctions, alternatives, node_formulas, leaves)
        self.numbers = NumberSets(conjunctions, alternatives, node_formulas, self.dead_ends)
        self.names = Names(conjunctions, self.strings, leaves, limits)
        self.evaluations = Evaluations(nodes, node_formulas, leaves)
