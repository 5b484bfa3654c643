"""From models and targets to cases, and from cases to runs in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from qbench.errors import PlanError
from qbench.plan.naming import ORIGIN_MARKS, distinct_names, plain
from qbench.plan.protocols import PROTOCOLS, Protocol
from qbench.plan.spec import SCHEMA_VERSION
from qbench.records import Budget, Case, Delegate, Origin, Plan, PlannedRun, Precision

_ARMS = ("A", "B")


class PlanModel(msgspec.Struct, frozen=True):
    """A model that was found and read. `name` is without its precision."""

    name: str
    path: str
    sha256: str
    precision: Precision


class Target(msgspec.Struct, frozen=True):
    """Where cases run: a device, or what stands in for it, with its delegates and settings."""

    device: str
    origin: Origin
    delegates: tuple[Delegate, ...]
    threads: int
    mask: str | None = None


def expand(
    models: Sequence[PlanModel],
    targets: Sequence[Target],
    *,
    protocol: Protocol,
    seed: int,
    name: str,
    xnnpack: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    aa: bool = False,
    budgets: Sequence[Budget] = (),
) -> Plan:
    """All cases of `models` x `targets` that `include` (empty: all) and `exclude` leave, and
    their runs in order.

    `xnnpack` False: what runs on the CPU runs on TFLite's own kernels. `aa`: every measured case
    twice, as A and B.

    Repetitions are interleaved over the cases of a device, forwards and backwards in turn (ABBA),
    so that a slow drift of the device falls on all its cases alike; devices follow one another,
    since a device works through its list alone. A simulated case is computed once: a repetition
    of the same formula says nothing new.
    """
    by_content: dict[str, PlanModel] = {}
    for model in models:  # the same file twice counts once
        by_content.setdefault(model.sha256, model)
    distinct = list(by_content.values())
    made = [
        _case(model, own_name, target, delegate, protocol, seed, xnnpack, arm)
        for model, own_name in zip(distinct, distinct_names(distinct), strict=True)
        for target in targets
        for delegate in target.delegates
        for arm in (_ARMS if aa and target.origin is not Origin.SIMULATED else (None,))
    ]
    cases = [case for case in made if _is_chosen(case.case_id, include, exclude)]
    if not made:
        raise PlanError("plan: it has no case", hint="name at least one model and one delegate")
    if not cases:
        raise PlanError(
            f"plan: include and exclude leave none of {len(made)} cases",
            hint=f"they are globs on case ids, such as {made[0].case_id}",
        )
    return Plan(
        schema_version=SCHEMA_VERSION,
        name=name,
        protocol=protocol.name,
        seed=seed,
        cases=tuple(cases),
        runs=in_turn(cases, protocol.repetitions),
        budgets=tuple(budgets),
        metric=protocol.metric,
    )


def restrict(plan: Plan, cases: Sequence[Case]) -> Plan:
    """The same plan with these of its cases only; their runs keep their numbers."""
    kept = {case.case_id for case in cases}
    runs = tuple(run for run in plan.runs if run.case_id in kept)
    return msgspec.structs.replace(plan, cases=tuple(cases), runs=runs)


def in_turn(cases: Sequence[Case], repetitions: int) -> tuple[PlannedRun, ...]:
    """The runs of those cases in the order that `expand` gives them."""
    places = dict.fromkeys((case.device, case.origin) for case in cases)
    order: list[tuple[str, int]] = []
    for place in sorted(places, key=lambda place: place[1] is not Origin.SIMULATED):
        row = [case.case_id for case in cases if (case.device, case.origin) == place]
        for repetition in range(1 if place[1] is Origin.SIMULATED else repetitions):
            order += [(case_id, repetition) for case_id in row[:: -1 if repetition % 2 else 1]]
    return tuple(PlannedRun(i, case_id, rep) for i, (case_id, rep) in enumerate(order))


def estimate_s(
    plan: Plan, case_id: str | None = None, *, p50_us: Mapping[str, int] | None = None
) -> float:
    """How long the measured runs (of one case) take: start, warm-up, measuring, rest.

    `p50_us` are latencies that are expected, by case id: a slow model takes longer than the
    protocol's least time for its invokes. Without one it is the least time.
    """
    by_id = {case.case_id: case for case in plan.cases}
    return sum(
        estimate_run_s(plan, by_id[run.case_id], (p50_us or {}).get(run.case_id, 0))
        for run in plan.runs
        if case_id in (None, run.case_id)
    )


def estimate_run_s(plan: Plan, case: Case, p50_us: float = 0) -> float:
    """The same of one run of `case`; 0 of a simulated one."""
    if case.origin is Origin.SIMULATED:
        return 0.0
    start_s = 0.4  # a Python process with the runtime, as seen on a 2-core machine
    known = PROTOCOLS.get(plan.protocol)
    rests = known is not None and case.origin is not Origin.HOST
    rest_s = known.rest_s if known is not None and rests else 0.0
    invoke_s = p50_us / 1e6
    warmup_s = max(case.warmup_s, case.warmup_invokes * invoke_s)
    measured_s = max(case.min_s, min(case.min_invokes * invoke_s, case.max_s))
    return start_s + warmup_s + measured_s + rest_s


def _is_chosen(case_id: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    is_in = not include or any(fnmatchcase(case_id, pattern) for pattern in include)
    return is_in and not any(fnmatchcase(case_id, pattern) for pattern in exclude)


def _case(
    model: PlanModel,
    own_name: str,
    target: Target,
    delegate: Delegate,
    protocol: Protocol,
    seed: int,
    xnnpack: bool,
    arm: str | None,
) -> Case:
    settings = "-".join(
        (
            f"t{target.threads}",
            *([f"m{target.mask}"] if target.mask is not None else []),
            *([] if xnnpack else ["noxnnpack"]),
            *([arm] if arm is not None else []),
        )
    )
    where = f"{target.device}{ORIGIN_MARKS.get(target.origin, '')}"
    return Case(
        case_id=f"{plain(own_name)}-{model.precision}-{delegate}-{settings}@{where}",
        model=own_name,
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
        mask=target.mask,
        arm=arm,
    )
