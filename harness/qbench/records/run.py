"""What is planned, run and derived: from Case to Summary. Frozen values, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from qbench.records.decision import Budget, Metric
from qbench.records.device import ComputeUnit, Delegate, DeviceInfo, DeviceState, Origin
from qbench.records.model import Precision


class Tier(StrEnum):
    """How much evidence stands behind a simulated number."""

    S0 = "S0"  # data sheet and priors only
    S1 = "S1"  # rates fitted on published latencies of the same runtime
    S2 = "S2"  # calibrated on the device with single-operator models
    S3 = "S3"  # S2 and whole networks


class Proof(StrEnum):
    """How we know what executed the model; weakest first."""

    PREDICTED = "predicted"  # nobody ran anything: the placement rules say so
    FLAG_ACCEPTED = "flag_accepted"
    DELEGATE_CREATED = "delegate_created"
    DELEGATE_APPLIED = "delegate_applied"
    NODE_COUNTS = "node_counts"
    OP_PROFILE = "op_profile"
    DRIVER_LOG = "driver_log"
    BUSY_COUNTER = "busy_counter"


class OutputFormat(StrEnum):
    """Which reader in `formats/` understands a RawOutput."""

    HOST_RUN = "host_run"  # one JSON object from qbench.host's child process
    SIMULATION = "simulation"  # one JSON object from qbench.simulator
    BENCHMARK_MODEL = "benchmark_model"  # the log of TFLite's tool, of any generation
    ANDROID_RUN = "android_run"  # the same, with what android_runner saw around it


class UnitNodes(msgspec.Struct, frozen=True):
    """How many of the model's nodes each compute unit executes."""

    cpu: int
    gpu: int
    npu: int


class RefusedNode(msgspec.Struct, frozen=True):
    """A node that the delegate did not take, and why, in words."""

    op_index: int
    op: str
    reason: str


class Placement(msgspec.Struct, frozen=True):
    """What executed the model, and how we know.

    `partitions` counts the pieces of the graph given to the delegate asked for (for `cpu`:
    pieces run by XNNPACK). A delegate with 0 partitions ran nothing: all nodes are on the CPU.
    `nodes` and `partitions` are None where the runner did not count them; `units_told` is then
    what it said in words.
    """

    nodes: UnitNodes | None
    partitions: int | None
    proof: Proof
    refused: tuple[RefusedNode, ...] = ()
    evidence: tuple[str, ...] = ()
    units_told: tuple[ComputeUnit, ...] = ()

    @property
    def executed_by(self) -> tuple[ComputeUnit, ...]:
        """The units that ran the model, NPU first; empty: not known."""
        if self.nodes is None:
            return self.units_told
        counts = (
            (ComputeUnit.NPU, self.nodes.npu),
            (ComputeUnit.GPU, self.nodes.gpu),
            (ComputeUnit.CPU, self.nodes.cpu),
        )
        return tuple(unit for unit, count in counts if count)


class Taint(StrEnum):
    """What makes a number less than clean; part of the metric's identity."""

    CONTENDED = "CONTENDED"  # run-queue wait above 2 % of the time on the processor
    FEW_RUNS = "FEW_RUNS"  # fewer than 5 runs: no verdict between two such things
    UNLOCKED_CLOCKS = "UNLOCKED_CLOCKS"
    UNKNOWN_CONTENTION = "UNKNOWN_CONTENTION"  # the system does not tell run-queue waits
    # Of devices with Android; all but THERMAL are known before the first run.
    EMULATOR = "EMULATOR"
    LOW_BATTERY = "LOW_BATTERY"  # below 25 %, or saving power
    CHARGING = "CHARGING"  # charging heats
    THERMAL = "THERMAL"  # not cool when asked to be, or throttled
    SCREEN_ON = "SCREEN_ON"
    STALE_BINARY = "STALE_BINARY"  # a benchmark_model of an old form
    UNKNOWN_SOC = "UNKNOWN_SOC"  # no profile matches the device
    WIFI_ADB = "WIFI_ADB"  # the radio is busy with what adb carries


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one delegate of one device with one group of settings.

    `case_id` is readable and stable: `resnet34-int8-nnapi-t4@sd865`. Warm-up ends when both
    `warmup_invokes` and `warmup_s` are reached; measuring when both `min_invokes` and `min_s`
    are (or `max_s` has passed). `mask` is taskset's, in hexadecimal: the cores that may be used;
    None: the backend's choice. `arm` is A or B in an A/A plan, which has every case twice.
    """

    case_id: str
    model: str
    model_path: str
    model_sha256: str
    precision: Precision
    device: str  # a profile's name; "host" for this machine
    origin: Origin
    delegate: Delegate
    threads: int
    warmup_invokes: int
    warmup_s: float
    min_invokes: int
    min_s: float
    max_s: float
    timeout_s: float
    seed: int
    xnnpack: bool = True
    mask: str | None = None
    arm: str | None = None


class PlannedRun(msgspec.Struct, frozen=True):
    """The `sequence`-th run of a plan: the `repetition`-th of its case; both from 0."""

    sequence: int
    case_id: str
    repetition: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a session will do, in order, and by what it is judged. On disk before the first
    run. `metric` is the protocol's: the one that comparisons look at unless told otherwise."""

    schema_version: int
    name: str
    protocol: str
    seed: int
    cases: tuple[Case, ...]
    runs: tuple[PlannedRun, ...]
    budgets: tuple[Budget, ...] = ()
    metric: Metric = Metric.P50


class Failure(msgspec.Struct, frozen=True, tag="failure", tag_field="kind"):
    """Why a run gave no number."""

    error: str  # name of the error type
    message: str
    retryable: bool = False
    attempts: int = 1


class Asked(msgspec.Struct, frozen=True):
    """What the tool was asked for, so far as its log is judged by it.

    `delegate` is the one whose flags were given: never `npu`. `accelerator` is NNAPI's. `is_app`:
    the tool was the app, and what was started only waited for it. `note`: what the result has to
    say of the way, such as the rung of the ladder that `npu` took.
    """

    delegate: Delegate
    min_invokes: int
    max_s: float
    allow_fallback: bool = False
    accelerator: str | None = None
    is_app: bool = False
    note: str | None = None


class RawOutput(msgspec.Struct, frozen=True):
    """What a runner said, verbatim, before anybody has read it.

    `exit_code` is the process's; negative: killed by that signal; None: it gave none.
    `error` is set when the backend itself failed (device lost, deadline passed); the streams
    hold what had arrived until then. `report` is what android_runner tells beside the streams,
    `taints` what the backend knew of the device when the session began.
    """

    format: OutputFormat
    origin: Origin
    stdout: str
    stderr: str
    exit_code: int | None
    tool: str  # what ran: name and version
    tool_sha256: str | None = None
    error: Failure | None = None
    asked: Asked | None = None
    report: str | None = None
    taints: tuple[Taint, ...] = ()


class RawRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run as it was performed, unread: all that a RunRecord is made from."""

    sequence: int
    case_id: str
    repetition: int
    started_at: str  # UTC, ISO 8601
    before: DeviceState | None
    after: DeviceState | None
    raw: RawOutput


class InvokeSamples(msgspec.Struct, frozen=True, tag="samples", tag_field="kind"):
    """Wall time of every measured invoke, in order."""

    latencies_us: tuple[int, ...]


class InvokeAggregate(msgspec.Struct, frozen=True, tag="aggregate", tag_field="kind"):
    """All that benchmark_model tells of its measured invokes. Absent stays None."""

    count: int
    avg_us: float | None = None
    std_us: float | None = None
    min_us: int | None = None
    max_us: int | None = None
    p5_us: int | None = None
    p50_us: int | None = None
    p95_us: int | None = None


class Measurement(msgspec.Struct, frozen=True, tag="measurement", tag_field="kind", kw_only=True):
    """What one run measured. All latencies are wall time; None: the runner did not tell.

    `cpu_time_us` and `run_queue_wait_us` are of all the process's threads over the measured
    invokes: the proof that nobody else had the processor.
    """

    init_latency_us: int | None
    first_invoke_latency_us: int | None
    warmup_invokes: int | None
    invokes: InvokeSamples | InvokeAggregate
    placement: Placement | None
    threads: int | None = None
    cpu_time_us: int | None = None
    run_queue_wait_us: int | None = None
    peak_rss_bytes: int | None = None
    warnings: tuple[str, ...] = ()
    taints: tuple[Taint, ...] = ()  # what the backend found; stats derives more from all runs


class Prediction(msgspec.Struct, frozen=True, tag="prediction", tag_field="kind", kw_only=True):
    """A simulated latency. Never without its band and tier.

    `low_us` .. `high_us` is the 90 % band of the median latency. `p90_us` is the median times
    the noise prior of the profile, None if the profile has none. `basis` says in words what the
    number rests on. `cpu_fallback` is true when all nodes run on the CPU although a delegate was
    asked for.
    """

    p50_us: int
    low_us: int
    high_us: int
    tier: Tier
    placement: Placement
    basis: str
    p90_us: int | None = None
    cpu_fallback: bool = False
    warnings: tuple[str, ...] = ()


Outcome = Measurement | Prediction | Failure


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session comes from: session.json.

    `session_id` is what a device knows the session by; `device_options` are those of
    qbench.android.options, kept so that resuming uses the same.
    """

    schema_version: int
    session_id: str
    name: str
    created_at: str  # UTC, ISO 8601
    qbench_version: str
    command: tuple[str, ...]
    devices: tuple[DeviceInfo, ...]
    device_options: dict[str, Any] = {}


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one case: one line of runs.jsonl."""

    schema_version: int
    sequence: int
    case_id: str
    repetition: int
    origin: Origin
    started_at: str  # UTC, ISO 8601
    before: DeviceState | None
    after: DeviceState | None
    tool: str | None
    tool_sha256: str | None
    outcome: Measurement | Prediction | Failure


class Stability(StrEnum):
    """Can the runs of a case be trusted? Derived, never stored as truth."""

    STABLE = "stable"
    NOISY = "noisy"
    THROTTLED = "throttled"
    DRIFTING = "drifting"
    BIMODAL = "bimodal"
    CONTENDED = "contended"
    TOO_FEW = "too few"


class Interval(msgspec.Struct, frozen=True):
    """`level` 0.95: confidence interval (measured); 0.90: band (simulated)."""

    low: float
    high: float
    level: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of one case in one session.

    `runs` counts every run that has a record, `failed_runs` those of them that gave no number.
    `run_medians_us` holds one median per run that gave one, in order of repetition;
    `run_repetitions` says of which repetition each is, so that interleaved cases can be paired.
    `run_p90s_us`, `run_inits_us` and `run_firsts_us` are of the same runs; empty unless all tell.
    `peak_rss_bytes` is the largest of the runs.
    `tick_us` is the step of the clock that took the samples: nothing finer can be told apart.
    """

    case: Case
    runs: int
    failed_runs: int
    p50_us: int | None
    interval: Interval | None  # in us
    p90_us: int | None
    init_us: int | None
    first_invoke_us: int | None
    tier: Tier | None
    placement: Placement | None
    verdict: Stability | None
    taints: tuple[Taint, ...]
    warnings: tuple[str, ...]
    failure: Failure | None
    run_medians_us: tuple[int, ...] = ()
    run_repetitions: tuple[int, ...] = ()
    run_p90s_us: tuple[int, ...] = ()
    run_inits_us: tuple[int, ...] = ()
    run_firsts_us: tuple[int, ...] = ()
    peak_rss_bytes: int | None = None
    tick_us: int = 1
    cpu_fallback: bool = False
    basis: str | None = None
