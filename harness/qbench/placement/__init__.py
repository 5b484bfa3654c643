"""Which delegate takes which operator and why not, and TFLite's own partition algorithm.

The delegates' rules are data: one YAML file per delegate beside this module. `checks*.py` hold
the vocabulary of these files, `partition.py` the algorithm, `placing.py` puts them together.
"""

from qbench.placement.placing import GraphPlacement, Segment, place
from qbench.placement.rules import Assumption

__all__ = ["Assumption", "GraphPlacement", "Segment", "place"]
