"""What a session will do: protocols, plan files, and their expansion into cases and runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qbench.errors import PlanError
from qbench.records import Case, Delegate, Origin, Plan, PlannedRun, Precision

# History of plan.json and of plan files:
#   1  first form
SCHEMA_VERSION = 1


class Protocol(msgspec.Struct, frozen=True):
    """How long one run measures and how often a case is repeated.

    A run ends when both `min_invokes` and `min_s` are reached, or at `max_s`; its process is
    killed at `timeout_s`. A device rests for at least `rest_s` between runs.
    """

    name: str
    repetitions: int
    warmup_invokes: int
    warmup_s: float
    min_invokes: int
    min_s: float
    max_s: float
    timeout_s: float
    rest_s: float


# Warm-up and 150 s cap as in benchmark_model (warmup_runs 1, warmup_min_secs 0.5, max_secs 150);
# quick gives up earlier on purpose: it is there to be tried.
PROTOCOLS = {
    p.name: p
    for p in (
        Protocol("quick", 5, 2, 0.1, 20, 0.3, 60.0, 300.0, 1.0),
        Protocol("default", 10, 1, 0.5, 50, 3.0, 150.0, 600.0, 10.0),
    )
}


class PlanModel(msgspec.Struct, frozen=True):
    """A model that was found and read. `name` is without its precision."""

    name: str
    path: str
    sha256: str
    precision: Precision


class Target(msgspec.Struct, frozen=True):
    """Where cases run: a device, or what stands in for it, with its delegates."""

    device: str
    origin: Origin
    delegates: tuple[Delegate, ...]
    threads: int


class PlanSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan file, as written by the user. Command-line options win over it."""

    schema_version: int = SCHEMA_VERSION
    name: str | None = None
    models: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ()
    device: str | None = None
    delegates: tuple[Delegate, ...] = ()
    threads: int | None = None
    protocol: str | None = None
    repetitions: int | None = None
    seed: int | None = None
    xnnpack: bool | None = None


def load(path: Path) -> PlanSpec:
    """Read a plan file. Raises PlanError that gives file, key and what was expected."""
    import yaml

    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise PlanError(f"{path}: cannot be read as YAML: {exc}") from exc
    try:
        spec = msgspec.convert(tree, PlanSpec)
    except msgspec.ValidationError as exc:
        known = ", ".join(f for f in PlanSpec.__struct_fields__)
        raise PlanError(f"{path}: {exc}", hint=f"the keys of a plan are: {known}") from exc
    if spec.schema_version != SCHEMA_VERSION:
        raise PlanError(
            f"{path}: schema_version {spec.schema_version} is not {SCHEMA_VERSION}",
            hint="this version of qbench reads plans of schema_version 1",
        )
    # Model paths in a plan are relative to the plan, so that it works from any folder.
    models = tuple(_relative_to(path.parent, model) for model in spec.models)
    return msgspec.structs.replace(spec, models=models)


def protocol(name: str, *, repetitions: int | None = None) -> Protocol:
    """The protocol of that name, with another number of repetitions if one is given."""
    if name not in PROTOCOLS:
        raise PlanError(
            f"protocol: {name!r} is not known", hint=f"choose from: {', '.join(PROTOCOLS)}"
        )
    found = PROTOCOLS[name]
    if repetitions is None:
        return found
    if repetitions < 1:
        raise PlanError(f"repetitions: {repetitions} is less than 1")
    return msgspec.structs.replace(found, repetitions=repetitions)


def expand(
    models: Sequence[PlanModel],
    targets: Sequence[Target],
    *,
    protocol: Protocol,
    seed: int,
    name: str,
    xnnpack: bool = True,
) -> Plan:
    """All cases of `models` x `targets`, and their runs in order.

    `xnnpack` False: what runs on the CPU runs on TFLite's own kernels.

    Repetitions are interleaved over the cases of a target, forwards and backwards in turn (ABBA),
    so that a slow drift of the device falls on all its cases alike; targets follow one another,
    since a device works through its list alone. A simulated case is computed once: a repetition
    of the same formula says nothing new.
    """
    cases = [
        _case(model, target, delegate, protocol, seed, xnnpack)
        for model in _with_distinct_names(models)
        for target in targets
        for delegate in target.delegates
    ]
    if not cases:
        raise PlanError("plan: it has no case", hint="name at least one model and one delegate")
    order: list[tuple[str, int]] = []
    for target in sorted(targets, key=lambda target: target.origin is not Origin.SIMULATED):
        place = (target.device, target.origin)
        row = [case.case_id for case in cases if (case.device, case.origin) == place]
        for repetition in range(1 if target.origin is Origin.SIMULATED else protocol.repetitions):
            order += [(case_id, repetition) for case_id in row[:: -1 if repetition % 2 else 1]]
    runs = tuple(PlannedRun(i, case_id, rep) for i, (case_id, rep) in enumerate(order))
    return Plan(
        schema_version=SCHEMA_VERSION,
        name=name,
        protocol=protocol.name,
        seed=seed,
        cases=tuple(cases),
        runs=runs,
    )


def estimate_s(plan: Plan) -> float:
    """Least time the plan's measured runs take: warm-up, measuring, and process start."""
    start_s = 0.4  # a Python process with the runtime, as seen on a 2-core machine
    by_id = {case.case_id: case for case in plan.cases}
    return sum(
        start_s + by_id[run.case_id].warmup_s + by_id[run.case_id].min_s
        for run in plan.runs
        if by_id[run.case_id].origin is not Origin.SIMULATED
    )


def model_name(path: Path, precision: Precision) -> str:
    """`resnet34-int8.tflite` -> `resnet34`: the precision has a place of its own in a case id."""
    stem = path.stem
    for ending in (precision.value, *_ENDINGS.get(precision, ())):
        for separator in ("-", "_", "."):
            if stem.lower().endswith(separator + ending) and len(stem) > len(ending) + 1:
                return stem[: -len(ending) - 1]
    return stem


_ENDINGS: dict[Precision, tuple[str, ...]] = {
    Precision.FP32: ("float32", "float"),
    Precision.FP16: ("float16",),
    Precision.DYNAMIC: ("dynamic_range", "dyn"),
    Precision.INT8: ("full_integer", "quant", "uint8"),
}


def _case(
    model: PlanModel,
    target: Target,
    delegate: Delegate,
    protocol: Protocol,
    seed: int,
    xnnpack: bool,
) -> Case:
    settings = f"t{target.threads}" if xnnpack else f"t{target.threads}-noxnnpack"
    where = f"{target.device}{_ORIGIN_MARKS.get(target.origin, '')}"
    return Case(
        case_id=f"{_plain(model.name)}-{model.precision}-{delegate}-{settings}@{where}",
        model=model.name,
        model_path=model.path,
        model_sha256=model.sha256,
        precision=model.precision,
        device=target.device,
        origin=target.origin,
        delegate=delegate,
        threads=target.threads,
        warmup_invokes=protocol.warmup_invokes,
        warmup_s=protocol.warmup_s,
        min_invokes=protocol.min_invokes,
        min_s=protocol.min_s,
        max_s=protocol.max_s,
        timeout_s=protocol.timeout_s,
        seed=seed,
        xnnpack=xnnpack,
    )


# A number that was not measured on the device never shares an id with one that was.
_ORIGIN_MARKS = {Origin.SIMULATED: "-sim", Origin.EMULATED: "-emu"}


def _with_distinct_names(models: Sequence[PlanModel]) -> list[PlanModel]:
    """The same file twice counts once; two files of one name get a piece of their hash."""
    distinct: dict[str, PlanModel] = {}
    for model in models:
        distinct.setdefault(model.sha256, model)
    keys = [(_plain(m.name).lower(), m.precision) for m in distinct.values()]
    taken = Counter(keys)
    return [
        model
        if taken[key] == 1
        else msgspec.structs.replace(model, name=f"{_plain(model.name)}.{model.sha256[:8]}")
        for model, key in zip(distinct.values(), keys, strict=True)
    ]


def _plain(name: str) -> str:
    """`name` as a part of a case id, which is also a part of file names."""
    return re.sub(r"[^A-Za-z0-9._+]+", "-", name).strip("-.")[:60] or "model"


def _relative_to(folder: Path, model: str) -> str:
    candidate = folder / model
    return str(candidate) if model.endswith(".tflite") or candidate.is_file() else model
