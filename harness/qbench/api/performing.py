"""What a function was asked, performed as the command would, in a session of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from qbench.api.asking import options
from qbench.cli import measuring, planning
from qbench.cli.planning import Asked
from qbench.cli.retyped import command_line
from qbench.cli.run import run
from qbench.records import Plan
from qbench.store import Session


def perform(
    asked: Asked,
    *,
    serials: tuple[str, ...],
    device_options: Mapping[str, Any],
    out: str | Path,
    required: bool,
    name: str | None = None,
    choose: Callable[[Plan], Plan] | None = None,
) -> Session:
    """Blocks until all has run. Raises what `measuring.measure` raises, and InputError.

    The session remembers the command line that asks for the same, not that of this process.
    """
    spec = planning.merge(asked)
    if name is not None:
        spec = msgspec.structs.replace(spec, name=name)
    given = options(device_options)
    told = {
        **msgspec.structs.asdict(asked),
        **given,
        "serials": serials,
        "require_hardware": required,
    }
    return measuring.measure(
        spec,
        serials,
        given,
        Path(out),
        required=required,
        choose=choose,
        command=command_line(run, told),
    )
