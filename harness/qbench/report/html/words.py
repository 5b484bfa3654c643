"""What the names of verdicts, taints, tiers and proofs mean, and results in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.records import ComputeUnit, Origin, Proof, Stability, Summary, Taint, Tier
from qbench.report.row import Row
from qbench.stats import Verdict
from qbench.units import format_ms

ORIGINS = {
    Origin.DEVICE: "measured",
    Origin.HOST: "measured",
    Origin.EMULATED: "EMULATED",
    Origin.SIMULATED: "SIMULATED",
}

# What it is; what to do about it.
TAINTS: dict[Taint, tuple[str, str]] = {
    Taint.CONTENDED: (
        "Another program had the processor for more than 2 % of the time: these latencies are too "
        "long, by an unknown amount.",
        "Stop what else runs there and measure again.",
    ),
    Taint.FEW_RUNS: (
        "Fewer than 5 processes gave a number, so no verdict is given between this case and "
        "another.",
        "More repetitions: --repetitions 10.",
    ),
    Taint.UNLOCKED_CLOCKS: (
        "The clocks were free to change with load and heat: runs differ more than the model does.",
        "On a rooted device: --lock-clocks. Else compare only cases of one session.",
    ),
    Taint.UNKNOWN_CONTENTION: (
        "The system does not tell how long the program waited for a processor, so nobody knows "
        "whether another one had it.",
        "Nothing is wrong by itself; look at the spread of the run medians.",
    ),
    Taint.EMULATOR: (
        "The device is an emulator: its processor is not a phone's.",
        "Measure on a device.",
    ),
    Taint.LOW_BATTERY: (
        "The battery was below 25 %, or the device was saving power: it may lower its clocks.",
        "Charge it, unplug it, and measure again.",
    ),
    Taint.CHARGING: (
        "The battery was charging, which heats the device and may lower its clocks.",
        "Stop the charging, or use a hub that does not charge.",
    ),
    Taint.THERMAL: (
        "The device was not cool when a run began, or heat lowered its clocks during one.",
        "Let it rest longer between runs (--rest), or cool it (--cool-to).",
    ),
    Taint.SCREEN_ON: (
        "The screen was on: what it draws shares the GPU and the heat.",
        "Switch it off, or leave that to qbench.",
    ),
    Taint.STALE_BINARY: (
        "benchmark_model is of an old form, which tells less and may run older kernels.",
        "qbench tools fetch gets a current one.",
    ),
    Taint.UNKNOWN_SOC: (
        "No profile fits the device: what was expected of it is not known.",
        "Add one under device_profiles/.",
    ),
    Taint.WIFI_ADB: (
        "adb ran over Wi-Fi: the radio heats and wakes the processor.",
        "Use a cable.",
    ),
}

VERDICTS = {
    Stability.STABLE: "the runs agree; the number can be used",
    Stability.NOISY: "the runs scatter more than they should; the interval says how much",
    Stability.THROTTLED: "heat lowered the clocks while it ran; a cool device would be faster",
    Stability.DRIFTING: "the latency moved in one direction and nothing says why",
    Stability.BIMODAL: "there are two latencies, such as those of a big and a little core",
    Stability.CONTENDED: "another program had the processor; the number is too high",
    Stability.TOO_FEW: "there are too few invokes or runs to say more",
}

TIERS = {
    Tier.S0: "from data sheets and priors alone; good for an order of magnitude",
    Tier.S1: "rates fitted on published latencies of the same runtime",
    Tier.S2: "calibrated on the device with single operators",
    Tier.S3: "calibrated on the device with single operators and whole networks",
}

PROOFS = {
    Proof.PREDICTED: "nobody ran it: the delegate's rules say so",
    Proof.FLAG_ACCEPTED: "the tool took the flag, and no more is known",
    Proof.DELEGATE_CREATED: "the log says that the delegate was created",
    Proof.DELEGATE_APPLIED: "the log says that the delegate was applied",
    Proof.NODE_COUNTS: "the runtime counted the nodes that it gave to the delegate",
    Proof.OP_PROFILE: "the operator profile shows the delegate's kernels",
    Proof.DRIVER_LOG: "the driver's own log shows the work",
    Proof.BUSY_COUNTER: "the unit's busy counter rose while it ran",
}


def ran_on(summary: Summary) -> str:
    """`GPU`, `NPU 20 + CPU 3`, `CPU, not nnapi`, or that it is not told."""
    placement = summary.placement
    if placement is None or not placement.executed_by:
        return "not told"
    if summary.cpu_fallback:
        return f"CPU, not {summary.case.delegate}"
    nodes = placement.nodes
    if nodes is None or len(placement.executed_by) == 1:
        return " + ".join(unit.upper() for unit in placement.executed_by)
    counts = {ComputeUnit.NPU: nodes.npu, ComputeUnit.GPU: nodes.gpu, ComputeUnit.CPU: nodes.cpu}
    return " + ".join(f"{unit.upper()} {counts[unit]}" for unit in placement.executed_by)


def latency(summary: Summary) -> str:
    """`4.10 ms (3.20-5.30, SIMULATED S1)`; the summary has a number."""
    assert summary.p50_us is not None
    told = []
    if summary.interval is not None:
        told.append(
            f"{format_ms(summary.interval.low)}\N{EN DASH}{format_ms(summary.interval.high)}"
        )
    origin = ORIGINS[summary.case.origin]
    told.append(f"{origin} {summary.tier}" if summary.tier else origin)
    return f"{format_ms(summary.p50_us)} ms ({', '.join(told)})"


def beside_cpu(row: Row) -> str:
    """How it compares with the device's own CPU, in words; empty: nothing to compare with."""
    ratio = row.vs_cpu
    if ratio is None:
        return ""
    if row.summary.cpu_fallback:
        return "the device's own CPU, for no node was taken"
    factor = 1 / ratio.ratio if ratio.ratio < 1 else ratio.ratio
    size = (
        f"{factor:.2g}\N{MULTIPLICATION SIGN}"
        if factor < 10
        else f"{factor:.0f}\N{MULTIPLICATION SIGN}"
    )
    way = "faster" if ratio.ratio < 1 else "slower"
    match ratio.verdict:
        case Verdict.FASTER | Verdict.SLOWER:
            return f"{size} {way} than the device's own CPU"
        case Verdict.SAME:
            return f"the same as the device's own CPU within {ratio.margin_ratio:.0%}"
        case _:
            low, high = (
                (ratio.interval.low, ratio.interval.high) if ratio.interval else (None, None)
            )
            if low is None or high is None:
                return f"{size} {way} than the device's own CPU, with no interval"
            return (
                f"not told apart from the device's own CPU: {low:.2f} to {high:.2f} times its "
                "latency"
            )


def listed(names: Sequence[str], most: int = 4) -> str:
    """`a, b and 3 more`."""
    if len(names) <= most:
        return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def many(count: int, noun: str) -> str:
    """`1 case`, `3 cases`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
