"""Contents of reports, with made-up latencies and, if asked for, names that would do harm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from fakes.latency_samples import a_case, a_measurement
from fakes.summaries import measured
from qbench import stats
from qbench.records import (
    Budget,
    Case,
    Delegate,
    DeviceInfo,
    DeviceState,
    Failure,
    Measurement,
    Metric,
    Origin,
    Outcome,
    Placement,
    Plan,
    PlannedRun,
    Precision,
    Prediction,
    Proof,
    RefusedNode,
    RunRecord,
    SessionInfo,
    Taint,
    Tier,
    UnitNodes,
)
from qbench.report.comparison import ComparedPair, Comparison, SideInfo
from qbench.report.html import Content, Session
from qbench.report.row import Row
from qbench.store import Session as Stored

# Each of these does something where it is not escaped: in text, an attribute, a script, a title
# of plotly, a table of Markdown, a hover template.
HOSTILE = (
    "<img src=x onerror=hacked=1>",
    "</script><script>hacked=1</script>",
    '"><svg/onload=hacked=1>',
    "<a href='javascript:hacked=1'>link</a>",
    "a|b `c` @someone",
    "%{x} ${hacked=1} \u2028hacked=1",
    "\u202etxt.exe",
    "--npu",
)
PLACED = {
    Delegate.CPU: Placement(UnitNodes(cpu=10, gpu=0, npu=0), 1, Proof.NODE_COUNTS),
    Delegate.GPU: Placement(UnitNodes(cpu=0, gpu=10, npu=0), 1, Proof.BUSY_COUNTER),
    Delegate.NNAPI: Placement(
        UnitNodes(cpu=1, gpu=0, npu=9),
        1,
        Proof.NODE_COUNTS,
        refused=(RefusedNode(9, "CUSTOM", "the driver does not know it"),),
    ),
}
FALLEN = msgspec.structs.replace(PLACED[Delegate.CPU], partitions=0)


def a_content(
    models: Sequence[str] = ("resnet34", "mobilenet_v1"),
    *,
    runs: int = 5,
    invokes: int = 40,
    device: str = "sd865",
    title: str = "Snapdragon 865",
    name: str = "2026-01-01T0000Z-a",
) -> Content:
    """Of each model: CPU, GPU and NNAPI measured, the same simulated, and the host. The last model
    falls back on NNAPI, and its runs on the GPU fail."""
    session = a_session(models, runs=runs, invokes=invokes, device=device, title=title, name=name)
    return Content(
        title=f"{len(models)} models on {title}",
        made_at="2026-01-01T00:10:00+00:00",
        qbench_version="0.1.0",
        sessions=(session,),
    )


def a_session(
    models: Sequence[str], *, runs: int, invokes: int, device: str, title: str, name: str
) -> Session:
    noise = Random(7)
    told: list[tuple[Case, list[Outcome]]] = []
    for number, model in enumerate(models):
        is_last = number == len(models) - 1
        for delegate, base_us in (
            (Delegate.NNAPI, 4000),
            (Delegate.GPU, 6000),
            (Delegate.CPU, 20000),
        ):
            case = _case(model, number, delegate, device, Origin.DEVICE)
            told.append((case, _measured(delegate, base_us, runs, invokes, noise, is_last)))
            predicted = _case(model, number, delegate, device, Origin.SIMULATED)
            told.append((predicted, [_predicted(delegate, base_us)]))
        host = _case(model, number, Delegate.CPU, "host", Origin.HOST)
        told.append((host, _measured(Delegate.CPU, 9000, runs, invokes, noise, False)))
    records = _records(told)
    plan = Plan(
        schema_version=1,
        name=name,
        protocol="quick",
        seed=0,
        cases=tuple(case for case, _ in told),
        runs=tuple(PlannedRun(r.sequence, r.case_id, r.repetition) for r in records),
    )
    summaries = stats.summarize(plan.cases, records)
    cpu = {(s.case.model, s.case.origin): s for s in summaries if s.case.delegate is Delegate.CPU}
    rows = []
    for s in summaries:
        own = cpu.get((s.case.model, s.case.origin))
        ratio = None
        if own is not None and s.case.delegate is not Delegate.CPU and s.p50_us is not None:
            found = stats.ratio(s, own, interleaved=True)
            ratio = found if isinstance(found, stats.Ratio) else None
        rows.append(Row(summary=s, vs_cpu=ratio))
    info = SessionInfo(
        schema_version=1,
        session_id="abc",
        name=title,
        created_at="2026-01-01T00:00:00+00:00",
        qbench_version="0.1.0",
        command=("/usr/bin/qbench", "run", "--device", device, title),
        devices=(
            DeviceInfo(device, title, Origin.DEVICE, serial="S1", os="Android 12"),
            DeviceInfo(device, title, Origin.SIMULATED),
            DeviceInfo("host", "this machine", Origin.HOST, cpu=title),
        ),
    )
    return Session(name=name, info=info, plan=plan, records=tuple(records), rows=tuple(rows))


def a_comparison() -> Comparison:
    """One case slower, one faster, one refused."""
    slow, fast = measured([2000 + n for n in range(10)]), measured([1000 + n for n in range(10)])
    pairs = []
    for label, baseline, candidate in (("slower", fast, slow), ("faster", slow, fast)):
        found = stats.ratio(candidate, baseline, interleaved=False)
        sides = [
            (stats.Measured(session="s", summary=summary, device=None, tools=()),)
            for summary in (baseline, candidate)
        ]
        pairs.append(ComparedPair(label=label, baseline=sides[0], candidate=sides[1], result=found))
    refusal = stats.Refusal(candidate="a", baseline="b", reason="origins differ <here>")
    pairs.append(ComparedPair(label="refused", baseline=(), candidate=(), result=refusal))
    side = SideInfo(asked="x|y", sessions=())
    return Comparison(
        baseline=side,
        candidate=side,
        metric=Metric.P50,
        margin_ratio=0.02,
        across=(),
        differing=(),
        pairs=tuple(pairs),
    )


def judged(content: Content) -> Session:
    """Its session with budgets that are kept, broken and not known."""
    (session,) = content.sessions
    budgets = (
        Budget(cases="*", text="p50 <= 5 ms", metric=Metric.P50, at_most=5000),
        Budget(cases="*nnapi*", text="delegated"),
    )
    checks = stats.check_budgets(budgets, [row.summary for row in session.rows])
    return msgspec.structs.replace(session, checks=checks)


def repeated(content: Content, times: int) -> Content:
    """The same session with every model `times` times, under names of their own: a large report
    without the statistics of so many runs."""
    (session,) = content.sessions
    cases: list[Case] = []
    records: list[RunRecord] = []
    rows: list[Row] = []
    for number in range(times):
        for row in session.rows:
            case = row.summary.case
            new = msgspec.structs.replace(
                case, case_id=f"{number}-{case.case_id}", model=f"{case.model}_{number}"
            )
            cases.append(new)
            rows.append(
                msgspec.structs.replace(row, summary=msgspec.structs.replace(row.summary, case=new))
            )
        records += [
            msgspec.structs.replace(
                r, case_id=f"{number}-{r.case_id}", sequence=len(records) + r.sequence
            )
            for r in session.records
        ]
    large = msgspec.structs.replace(
        session,
        plan=msgspec.structs.replace(session.plan, cases=tuple(cases)),
        records=tuple(records),
        rows=tuple(rows),
    )
    return msgspec.structs.replace(content, sessions=(large,))


def stored(session: Session, root: Path) -> Stored:
    """The same session as a folder, as `qbench run` leaves it."""
    made = Stored.create(root, session.info, session.plan, "2026-01-01T0000Z")
    with made.writer() as writer:
        for record in session.records:
            writer.append(record)
    return made


def _case(model: str, number: int, delegate: Delegate, device: str, origin: Origin) -> Case:
    suffix = {Origin.SIMULATED: "-sim"}.get(origin, "")
    case = a_case(f"{model}-int8-{delegate}-t4@{device}{suffix}", origin=origin, delegate=delegate)
    return msgspec.structs.replace(
        case,
        model=model,
        model_path=f"/nowhere/{model}",
        model_sha256=f"{number:064x}",
        precision=Precision.INT8,
        device=device,
    )


def _measured(
    delegate: Delegate, base_us: int, runs: int, invokes: int, noise: Random, is_last: bool
) -> list[Outcome]:
    if is_last and delegate is Delegate.GPU:
        return [Failure("RunnerCrashedError", f"benchmark_model: signal 11 {HOSTILE[0]}")] * runs
    placement = FALLEN if is_last and delegate is Delegate.NNAPI else PLACED[delegate]
    made: list[Outcome] = []
    for run in range(runs):
        own_us = base_us * noise.gauss(1, 0.01)
        us = [max(1, round(own_us * noise.gauss(1, 0.01))) for _ in range(invokes)]
        one: Measurement = a_measurement(
            us, placement=placement, init_us=3000, first_us=round(own_us)
        )
        taints = (Taint.THERMAL,) if run == 0 else ()
        made.append(msgspec.structs.replace(one, peak_rss_bytes=50_000_000, taints=taints))
    return made


def _predicted(delegate: Delegate, base_us: int) -> Prediction:
    return Prediction(
        p50_us=base_us,
        low_us=round(base_us * 0.8),
        high_us=round(base_us * 1.25),
        tier=Tier.S1,
        placement=msgspec.structs.replace(PLACED[delegate], proof=Proof.PREDICTED),
        basis="rates of a test",
    )


def _records(told: Sequence[tuple[Case, list[Outcome]]]) -> list[RunRecord]:
    """Interleaved by repetition, four seconds apart, on a device that warms up."""
    records: list[RunRecord] = []
    most = max(len(outcomes) for _, outcomes in told)
    for repetition in range(most):
        for case, outcomes in told:
            if repetition >= len(outcomes):
                continue
            sequence = len(records)
            minute, second = divmod(sequence * 4, 60)
            hour, minute = divmod(minute, 60)
            day, hour = divmod(hour, 24)
            state = DeviceState(temperature_c=30 + sequence / 10, cpu_khz=2_840_000)
            records.append(
                RunRecord(
                    schema_version=1,
                    sequence=sequence,
                    case_id=case.case_id,
                    repetition=repetition,
                    origin=case.origin,
                    started_at=f"2026-01-{day + 1:02}T{hour:02}:{minute:02}:{second:02}+00:00",
                    before=state,
                    after=state,
                    tool="a test",
                    tool_sha256=None,
                    outcome=outcomes[repetition],
                )
            )
    return records
