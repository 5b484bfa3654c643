"""Measures many networks on this machine, in turn, on what other programs leave of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from scripts.validate_parts.networks import Network

from qbench.clock import SystemClock
from qbench.host import HostBackend
from qbench.records import Case, Delegate, ModelInfo, Origin

INVOKES = 20
LEAST_S = 0.2


class Measured(NamedTuple):
    """`runs_us`: one number per process. `wait_ratio`: of all the time, how much was waited for a
    processor; None: this system does not tell."""

    runs_us: tuple[float, ...]
    wait_ratio: float | None

    @property
    def middle_us(self) -> float:
        return statistics.median(self.runs_us)

    @property
    def spread_ratio(self) -> float:
        """How much longer the slowest process took than the fastest."""
        return max(self.runs_us) / min(self.runs_us) - 1


class _Run(NamedTuple):
    time_us: float
    wall_ns: int
    wait_ns: int | None


def measure(
    networks: Sequence[Network], rounds: int, say: Callable[[str], None]
) -> tuple[str, list[Measured]]:
    """The runtime, and of each network `rounds` fresh processes, each round in another order."""
    runs: list[list[_Run]] = [[] for _ in networks]
    random = Random(0)
    with HostBackend(SystemClock()) as host:
        runtime = host.describe().runtime
        for number in range(rounds):
            order = list(range(len(networks)))
            random.shuffle(order)
            for i in order:
                runs[i].append(_run(host, networks[i].model))
            say(f"round {number + 1} of {rounds} measured")
    return runtime or "", [Measured(tuple(r.time_us for r in mine), _wait(mine)) for mine in runs]


def wait_ratio(measured: Sequence[Measured]) -> float | None:
    """The median over networks."""
    known = [m.wait_ratio for m in measured if m.wait_ratio is not None]
    return statistics.median(known) if known else None


def spread_ratio(measured: Sequence[Measured]) -> float:
    """The median over networks."""
    return statistics.median([m.spread_ratio for m in measured])


def _wait(runs: Sequence[_Run]) -> float | None:
    waits = [run.wait_ns for run in runs if run.wait_ns is not None]
    if len(waits) < len(runs):
        return None
    return sum(waits) / sum(run.wall_ns for run in runs)


def _run(host: HostBackend, model: ModelInfo) -> _Run:
    """The median of the run's invokes, or the processor's time for each where that is less.

    With one thread both are the same on a quiet machine. On one whose processors were asked for
    four times what they can give, medians were 2 to 4 times too long, the processor's time 1 to
    3 %.
    """
    raw = host.run(case_for(model))
    body = json.loads(raw.stdout or "{}")
    told = body.get("measurement")
    if told is None:
        raise SystemExit(f"{model.path}: not measured: {raw.error or body or raw.stderr[-500:]}")
    invokes = told["invokes_ns"]
    time_ns = min(statistics.median(invokes), told["cpu_ns"] / len(invokes))
    return _Run(time_ns / 1000, told["wall_ns"], told["run_queue_wait_ns"])


def case_for(model: ModelInfo) -> Case:
    name = Path(model.path).stem
    return Case(
        case_id=f"{name}-t1@host",
        model=name,
        model_path=model.path,
        model_sha256="",
        precision=model.precision,
        device="host",
        origin=Origin.HOST,
        delegate=Delegate.CPU,
        threads=1,
        warmup_invokes=3,
        warmup_s=0.05,
        min_invokes=INVOKES,
        min_s=LEAST_S,
        max_s=60.0,
        timeout_s=120.0,
        seed=1,
    )
