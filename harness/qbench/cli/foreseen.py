"""What the simulator expects of cases that are still to be measured: for estimates of time only."""

from __future__ import annotations

from qbench import formats, profiles
from qbench.errors import ProfileError
from qbench.records import Origin, Plan, Prediction


def latencies_us(plan: Plan) -> dict[str, int]:
    """By case id, for the measured cases whose device has a profile and whose model the simulator
    can predict."""
    from qbench.simulator import SimulatorBackend

    found: dict[str, int] = {}
    simulators: dict[str, SimulatorBackend | None] = {}
    for case in plan.cases:
        if case.origin is Origin.SIMULATED:
            continue
        if case.device not in simulators:
            try:
                simulators[case.device] = SimulatorBackend(profiles.load(case.device))
            except ProfileError:  # such as one of two phones of a kind, named by its serial
                simulators[case.device] = None
        simulator = simulators[case.device]
        told = formats.outcome(simulator.run(case)) if simulator is not None else None
        if isinstance(told, Prediction):
            found[case.case_id] = told.p50_us
    return found
