"""Predicts latency on a device that is not there, with a band and a tier.

`kernels` and `tiles` say what would run, `cost` how long it takes, `priors` (S0) and `anchors` (S1)
with which coefficients, `dynamics` how it scatters, `thermal` and `sustained` what
heat makes of minutes of it; `predict` adds up, `oracle` answers for one
device, `whatif` changes it, `backend` plugs it in. `networks`, `titles`, `published` and `fitting`
are where anchors come from; `fidelity` and `measured` grade predictions.
"""

from qbench.simulator.anchors import load as load_anchors
from qbench.simulator.backend import SimulatorBackend
from qbench.simulator.cost import KernelCost
from qbench.simulator.oracle import Foreseen, Oracle
from qbench.simulator.predict import breakdown, predict

__all__ = [
    "Foreseen",
    "KernelCost",
    "Oracle",
    "SimulatorBackend",
    "breakdown",
    "load_anchors",
    "predict",
]
