"""From what the user typed (and a plan file, if one is named) to a Plan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from qbench import models as model_names
from qbench import plan
from qbench.android import options as device_options
from qbench.cli import hardware, perform
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
    threads: tuple[int, ...]
    protocol: str | None
    repetitions: int | None
    seed: int | None
    xnnpack: bool | None
    aa: bool | None
    budgets: tuple[str, ...]


NOTHING_ASKED: dict[str, Any] = dict.fromkeys(Asked.__struct_fields__) | {"budgets": ()}


def split(asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of runs on devices, as session.json keeps them, and the planning options.

    Raises InputError for options that contradict each other.
    """
    planned = {name: asked[name] for name in Asked.__struct_fields__}
    given = {name: value for name, value in asked.items() if name not in planned}
    return options_of(given), planned


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of runs on devices, as session.json keeps them; None: not given.

    Raises InputError for options that contradict each other.
    """
    files = {n: str(Path(v).resolve()) for n, v in given.items() if isinstance(v, Path)}
    told = {n: v for n, v in {**given, **files}.items() if v is not None}
    device_options.load(told)  # what contradicts itself is told before anything runs
    return told


def merge(asked: Asked) -> plan.PlanSpec:
    """The command line over the plan file (an argument that ends in .yaml or .yml)."""
    files = [m for m in asked.models if m.endswith((".yaml", ".yml"))]
    if len(files) > 1:
        raise PlanError(f"plan: {len(files)} plan files are given", hint="give one")
    spec = plan.load(Path(files[0])) if files else plan.PlanSpec()
    models = tuple(m for m in asked.models if m not in files)
    given = {
        "models": models,
        "precisions": tuple(Precision(p) for p in asked.precisions),
        "delegates": tuple(Delegate(d) for d in asked.delegates),
        "threads": asked.threads,
        "protocol": asked.protocol,
        "repetitions": asked.repetitions,
        "seed": asked.seed,
        "xnnpack": asked.xnnpack,
        "aa": asked.aa,
    }
    told: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, ())}
    if asked.budgets:
        told |= {"budgets": {**spec.budgets, "*": (*spec.budgets.get("*", ()), *asked.budgets)}}
    if asked.device is not None:
        told |= {"device": asked.device, "devices": ()}
    return msgspec.structs.replace(spec, **told)


def places(spec: plan.PlanSpec, serials: Sequence[str], *, required: bool) -> tuple[Place, ...]:
    """Where the plan's devices are; see `hardware.find`."""
    if serials and len(spec.places) > 1:
        raise PlanError(
            f"plan: --serial with {len(spec.places)} devices: which of them is meant?",
            hint="choose one device with --device as well",
        )
    return tuple(hardware.find(device, serials, required=required) for device in spec.places)


def make(spec: plan.PlanSpec, where: Sequence[Place]) -> Plan:
    """The plan of what was asked for at those places."""
    names = spec.models or tuple(dict.fromkeys(b.name for b in model_names.builtin()))
    found = perform.find_models(names, spec.precisions)
    first = found[0].name if len({m.name for m in found}) == 1 else f"{len(found)}-models"
    at = where[0].profile.name if where[0].profile else HOST
    at = at if len(where) == 1 else f"{len(where)}-devices"
    targets = dict.fromkeys(
        t for place in where for t in _targets(place, spec, alone=len(where) == 1)
    )
    made = plan.expand(
        found,
        sorted(targets, key=lambda target: target.origin is Origin.HOST),
        protocol=plan.protocol(spec.protocol or "quick", repetitions=spec.repetitions),
        seed=spec.seed if spec.seed is not None else 0,
        xnnpack=spec.xnnpack is not False,
        name=spec.name or f"{first}-{at}",
        include=spec.include,
        exclude=spec.exclude,
        aa=bool(spec.aa),
        budgets=plan.read_budgets(spec.budgets),
    )
    for budget in made.budgets:
        if not any(fnmatchcase(case.case_id, budget.cases) for case in made.cases):
            hardware.say(f"budget: no case fits {budget.cases!r}: {budget.text} is never checked")
    return made


def attached_by_key(where: Sequence[Place]) -> dict[Key, DeviceInfo]:
    """What the plan calls each attached device, and what the device says it is."""
    named = {}
    for place in where:
        for device in place.attached:
            info = device.identity.info
            name = info.name
            if len(place.attached) > 1:
                name = f"{name}-{slug(device.serial)}"
            named[name, info.origin] = msgspec.structs.replace(info, name=name)
    return named


def rests(spec: plan.PlanSpec, rest_s: float) -> dict[str, Any]:
    """How a device cools between runs, as the plan file or else the protocol has it. Without
    `cool_to_c`: to 1 C above the temperature at the session's start."""
    least_s = rest_s if spec.rest_s is None else spec.rest_s
    cool_to = {} if spec.cool_to_c is None else {"cool_to_c": spec.cool_to_c}
    return {"cool_least_s": least_s, **cool_to}


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


def _targets(place: Place, spec: plan.PlanSpec, *, alone: bool) -> list[plan.Target]:
    """`alone`: no other device is asked; then nobody has the delegates that this one lacks."""
    profile = place.profile
    if profile is None:
        others = [d.value for d in spec.delegates if d is not Delegate.CPU]
        lack = f"{HOST}: it has no delegate {', '.join(others)}; qbench measures this machine's CPU"
        if others and alone:
            raise PlanError(
                f"{lack} only", hint="name the device that has it, for instance --device sd865"
            )
        if others:
            hardware.say(lack)
        # All processors, up to the four threads that phones are usually given.
        counts = spec.thread_counts or (min(4, processors()),)
        return [_host(count, mask) for count in counts for mask in spec.masks or (None,)]
    # The device's own CPU is what its delegates are compared with.
    wanted = (*(spec.delegates or _default_delegates(profile)), Delegate.CPU)
    delegates = tuple(dict.fromkeys(wanted))
    counts = spec.thread_counts or (profile.cpu.default_threads,)
    targets = [
        plan.Target(name, origin, delegates, count, mask)
        for name, origin in attached_by_key([place])
        for count in counts
        for mask in spec.masks or (None,)
    ]
    if all(device.identity.is_known for device in place.attached):
        targets += [plan.Target(profile.name, Origin.SIMULATED, delegates, n) for n in counts]
    return [*targets, *(_host(count) for count in counts)]


def _host(threads: int, mask: str | None = None) -> plan.Target:
    """This machine, never with more threads than it has processors."""
    count = min(threads, processors())
    return plan.Target(HOST, Origin.HOST, (Delegate.CPU,), count, mask)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
