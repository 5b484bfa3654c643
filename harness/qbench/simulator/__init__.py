"""Predicts latency on a device that is not there, with a band and a tier.

`kernels` and `tiles` say what would run, `cost` how long it takes, `priors` (S0) and `anchors` (S1)
with which coefficients, `dynamics` how it scatters; `predict` adds up, `backend` plugs it in.
"""

from qbench.simulator.anchors import load as load_anchors
from qbench.simulator.backend import SimulatorBackend
from qbench.simulator.cost import KernelCost
from qbench.simulator.predict import breakdown, predict

__all__ = ["KernelCost", "SimulatorBackend", "breakdown", "load_anchors", "predict"]
