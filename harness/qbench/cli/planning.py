"""From what the user typed (and a plan file, if one is named) to a Plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from qbench import models as model_names
from qbench import plan
from qbench.android import options as device_options
from qbench.cli import perform
from qbench.cli.backends import Key
from qbench.cli.hardware import HOST, Place
from qbench.errors import PlanError
from qbench.records import Delegate, DeviceInfo, DeviceProfile, Origin, Plan, Precision
from qbench.store import slug


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The planning options of the command line; None or empty: not given."""

    models: tuple[str, ...]
    device: str | None
    delegates: tuple[str, ...]
    precisions: tuple[str, ...]
    threads: int | None
    protocol: str | None
    repetitions: int | None
    seed: int | None
    xnnpack: bool | None


NOTHING_ASKED: dict[str, Any] = dict.fromkeys(Asked.__struct_fields__)


def split(asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of runs on devices, as session.json keeps them, and the planning options.

    Raises InputError for options that contradict each other.
    """
    planned = {name: asked[name] for name in Asked.__struct_fields__}
    given = {name: value for name, value in asked.items() if name not in planned}
    files = {n: str(Path(v).resolve()) for n, v in given.items() if isinstance(v, Path)}
    told = {n: v for n, v in (given | files).items() if v is not None}
    device_options.load(told)  # what contradicts itself is told before anything runs
    return told, planned


def merge(asked: Asked) -> plan.PlanSpec:
    """The command line over the plan file (an argument that ends in .yaml or .yml)."""
    files = [m for m in asked.models if m.endswith((".yaml", ".yml"))]
    if len(files) > 1:
        raise PlanError(f"plan: {len(files)} plan files are given", hint="give one")
    spec = plan.load(Path(files[0])) if files else plan.PlanSpec()
    models = tuple(m for m in asked.models if m not in files)
    return plan.PlanSpec(
        name=spec.name,
        models=models or spec.models,
        precisions=tuple(Precision(p) for p in asked.precisions) or spec.precisions,
        device=asked.device or spec.device,
        delegates=tuple(Delegate(d) for d in asked.delegates) or spec.delegates,
        threads=asked.threads or spec.threads,
        protocol=asked.protocol or spec.protocol,
        repetitions=asked.repetitions or spec.repetitions,
        seed=asked.seed if asked.seed is not None else spec.seed,
        xnnpack=asked.xnnpack if asked.xnnpack is not None else spec.xnnpack,
    )


def make(spec: plan.PlanSpec, place: Place) -> Plan:
    """The plan of what was asked for at that place."""
    names = spec.models or tuple(dict.fromkeys(b.name for b in model_names.builtin()))
    found = perform.find_models(names, spec.precisions)
    where = place.profile.name if place.profile else HOST
    first = found[0].name if len({m.name for m in found}) == 1 else f"{len(found)}-models"
    return plan.expand(
        found,
        _targets(place, spec.delegates, spec.threads),
        protocol=plan.protocol(spec.protocol or "quick", repetitions=spec.repetitions),
        seed=spec.seed if spec.seed is not None else 0,
        xnnpack=spec.xnnpack is not False,
        name=spec.name or f"{first}-{where}",
    )


def attached_by_key(place: Place) -> dict[Key, DeviceInfo]:
    """What the plan calls each attached device, and what the device says it is."""
    named = {}
    for device in place.attached:
        info = device.identity.info
        name = info.name
        if len(place.attached) > 1:
            name = f"{name}-{slug(device.serial)}"
        named[name, info.origin] = msgspec.structs.replace(info, name=name)
    return named


def all_delegates(profile: DeviceProfile) -> tuple[Delegate, ...]:
    """Every delegate that the device could be asked for, each route to its NPU by itself."""
    routes = profile.npu.routes if profile.npu is not None else {}
    gpu = (Delegate.GPU,) if profile.gpu is not None else ()
    return (Delegate.CPU, *gpu, *(Delegate(route) for route in routes))


def _default_delegates(profile: DeviceProfile) -> tuple[Delegate, ...]:
    """All that the device has: its NPU's first route, its GPU, its CPU."""
    cpu, *others = all_delegates(profile)
    gpu = [d for d in others if d is Delegate.GPU]
    npu = [d for d in others if d is not Delegate.GPU][:1]
    return (*npu, *gpu, cpu)


def _targets(
    place: Place, delegates: Sequence[Delegate], threads: int | None
) -> tuple[plan.Target, ...]:
    profile = place.profile
    if profile is None:
        others = [d.value for d in delegates if d is not Delegate.CPU]
        if others:
            raise PlanError(
                f"{HOST}: it has no delegate {', '.join(others)}; qbench measures this "
                "machine's CPU only",
                hint="name the device that has it, for instance --device sd865",
            )
        # All processors, up to the four threads that phones are usually given.
        return (_host(threads or min(4, processors())),)
    # The device's own CPU is what its delegates are compared with.
    wanted = tuple(dict.fromkeys((*(delegates or _default_delegates(profile)), Delegate.CPU)))
    count = threads or profile.cpu.default_threads
    targets = [plan.Target(name, origin, wanted, count) for name, origin in attached_by_key(place)]
    if all(device.identity.is_known for device in place.attached):
        targets.append(plan.Target(profile.name, Origin.SIMULATED, wanted, count))
    return (*targets, _host(count))


def _host(threads: int) -> plan.Target:
    """This machine, never with more threads than it has processors."""
    return plan.Target(HOST, Origin.HOST, (Delegate.CPU,), min(threads, processors()))


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
