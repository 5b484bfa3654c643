"""From what the user typed (and a plan file, if one is named) to a Plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from qbench import models as model_names
from qbench import plan, profiles
from qbench.cli import perform
from qbench.errors import PlanError
from qbench.records import Delegate, DeviceProfile, Plan, Precision


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


def make(spec: plan.PlanSpec) -> tuple[Plan, DeviceProfile | None]:
    """The plan, and the device's profile (None: this machine)."""
    names = spec.models or tuple(dict.fromkeys(b.name for b in model_names.builtin()))
    found = perform.find_models(names, spec.precisions)
    protocol = plan.protocol(spec.protocol or "quick", repetitions=spec.repetitions)
    profile = None if spec.device in (None, perform.HOST) else profiles.load(str(spec.device))
    targets = _targets(profile, spec.delegates, spec.threads)
    first = found[0].name if len({m.name for m in found}) == 1 else f"{len(found)}-models"
    made = plan.expand(
        found,
        targets,
        protocol=protocol,
        seed=spec.seed if spec.seed is not None else 0,
        xnnpack=spec.xnnpack is not False,
        name=spec.name or f"{first}-{profile.name if profile else perform.HOST}",
    )
    return made, profile


def _targets(
    profile: DeviceProfile | None, delegates: Sequence[Delegate], threads: int | None
) -> tuple[plan.Target, ...]:
    if profile is None:
        others = [d.value for d in delegates if d is not Delegate.CPU]
        if others:
            raise PlanError(
                f"{perform.HOST}: it has no delegate {', '.join(others)}; qbench measures this "
                "machine's CPU only",
                hint="name the device that has it, for instance --device sd865",
            )
        # All processors, up to the four threads that phones are usually given.
        return (perform.host_target(threads or min(4, perform.processors())),)
    wanted = delegates or perform.default_delegates(profile)
    simulated = perform.simulated_target(profile, wanted, threads)
    return (simulated, perform.host_target(simulated.threads))
