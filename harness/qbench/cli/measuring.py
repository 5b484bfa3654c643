"""From a plan's specification to a session in which everything has run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qbench.cli import hardware, perform, planning
from qbench.clock import SystemClock
from qbench.plan import PROTOCOLS, PlanSpec
from qbench.records import Plan
from qbench.store import Session


def measure(
    spec: PlanSpec,
    serials: Sequence[str],
    device_options: Mapping[str, object],
    out: Path,
    *,
    required: bool = False,
    choose: Callable[[Plan], Plan] | None = None,
    command: Sequence[str] = (),
) -> Session:
    """Find the devices, make the plan, put it on disk under `out`, perform it.

    `required`: raise NoDeviceError instead of simulating a device that is not attached. `choose`
    leaves out cases of the plan. `device_options` win over what the plan file says of rests;
    `command`: see `perform.start`.
    Raises what `planning.places`, `planning.make` and `perform.perform` raise.
    """
    where = planning.places(spec, serials, required=required)
    made = planning.make(spec, where)
    if choose is not None:
        made = choose(made)
    options = planning.rests(spec, PROTOCOLS[made.protocol].rest_s) | dict(device_options)
    attached = planning.attached_by_key(where)
    session = perform.start(made, out, SystemClock(), attached, options, command)
    try:
        perform.perform(session)
    except BaseException:
        hardware.say(f"stopped; go on with: qbench resume {session.folder}")
        raise
    return session
