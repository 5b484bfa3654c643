"""A model's profile on this machine beside what the simulator says of this machine."""

from __future__ import annotations

from pathlib import Path

import click

from qbench import profiles, simulator
from qbench.cli import console
from qbench.clock import Clock, SystemClock
from qbench.errors import RunnerError
from qbench.formats import outcome
from qbench.host import HostBackend
from qbench.host.profile import Profile, profile
from qbench.host.profile_match import match
from qbench.records import Case, Delegate, InvokeSamples, Measurement, ModelInfo, Origin
from qbench.report import profile as report
from qbench.report.profile import Profiled, Row, shapes


def show(model: ModelInfo, threads: int, *, as_json: bool) -> None:
    """Raises what `profiled` raises."""
    found = profiled(model, threads, SystemClock())
    if as_json:
        click.echo(report.render_json(model, found))
    else:
        report.print_profile(console.stdout(), model, found)


def profiled(model: ModelInfo, threads: int, clock: Clock) -> Profiled:
    """Raises what `host.profile`, the host's backend and the simulator raise."""
    told = simulator.Oracle(profiles.load("host")).foresee(model, Delegate.CPU, threads)
    times = profile(model, threads, clock)
    plain = _plain(model, threads, clock)
    assert isinstance(plain.invokes, InvokeSamples)  # the host always has them
    samples = sorted(plain.invokes.latencies_us)
    wait, wall = plain.run_queue_wait_us, sum(samples)
    middle_us = samples[len(samples) // 2]
    # With one thread the processor's time is the latency, and waiting is no part of it.
    spent_us = (plain.cpu_time_us or wall) / len(samples) if threads == 1 else middle_us
    return Profiled(
        runtime=times.runtime,
        threads=threads,
        invokes=times.invokes,
        between_us=times.between_us,
        kernels_us=times.kernels_us,
        plain_us=min(middle_us, spent_us),
        plain_p50_us=middle_us,
        run_queue_wait_ratio=None if wait is None else wait / (wall * threads),
        prediction=told.prediction,
        rows=tuple(_rows(model, told, times)),
    )


def _rows(model: ModelInfo, told: simulator.Foreseen, times: Profile) -> list[Row]:
    """Every predicted kernel in order, with the kernels that are its operators'; then the rest."""
    ops = [model.main.ops[i] for segment in told.placement.segments for i in segment.ops]
    owners = match(times.kernels, ops)
    rows, shown = [], set()
    for line in told.lines:
        if not line.ops:
            continue
        mine = [i for i, owner in enumerate(owners) if owner in line.ops]
        shown.update(mine)
        rows.append(
            Row(
                ops=line.ops,
                names=tuple(model.main.ops[i].label for i in line.ops),
                shape=shapes(model, line.ops),
                kernels=tuple(times.kernels[i].label for i in mine),
                measured_us=sum(times.kernels[i].time_us for i in mine) if mine else None,
                predicted_us=line.time_us,
                bound_by=line.bound_by,
            )
        )
    for i, kernel in enumerate(times.kernels):
        if i not in shown:
            rows.append(Row(kernels=(kernel.label,), measured_us=kernel.time_us))
    own = [line for line in told.lines if not line.ops]
    rows.append(
        Row(
            names=("invoke, between kernels",),
            measured_us=times.between_us,
            predicted_us=sum(line.time_us for line in own),
            bound_by="segment",
        )
    )
    return rows


def _plain(model: ModelInfo, threads: int, clock: Clock) -> Measurement:
    name = Path(model.path).stem
    case = Case(
        case_id=f"{name}-t{threads}@host",
        model=name,
        model_path=model.path,
        model_sha256=model.sha256 or "",
        precision=model.precision,
        device="host",
        origin=Origin.HOST,
        delegate=Delegate.CPU,
        threads=threads,
        warmup_invokes=3,
        warmup_s=0.0,
        min_invokes=30,
        min_s=1.0,
        max_s=20.0,
        timeout_s=120.0,
        seed=0,
    )
    with HostBackend(clock) as host:
        measured = outcome(host.run(case))
    if not isinstance(measured, Measurement):
        raise RunnerError(f"{name}: measured no invoke that is not profiled: {measured}")
    return measured
