"""What the runner on the device is told to do: android_runner/PROTOCOL.md, "The list"."""

from __future__ import annotations

import math

import msgspec

from qbench.errors import InputError
from qbench.formats.runner import PROTOCOL_VERSION

_NEVER = ("\n", "\r", "\0")  # a line is a word: nothing in it is quoted or evaluated


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the tool. `words` are NAME=VALUE of its environment, the program, its arguments.

    `mask` is taskset's, in hexadecimal; None: where the kernel likes.
    """

    name: str
    words: tuple[str, ...]
    timeout_s: float
    mask: str | None = None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` and `target` as in the journal. When a device does not accept one that `is_required`,
    nothing runs."""

    kind: str  # node, settings, power
    target: str
    value: str
    is_required: bool = False


class Cooling(msgspec.Struct, frozen=True, kw_only=True):
    """When the next run may start: `least_s` after the last one, and when all `limits` hold, or
    after `most_s`. A limit is `zone:3:45000`, `battery:360`, `status:0`."""

    limits: tuple[str, ...] = ()
    least_s: float = 0.0
    most_s: float = 0.0
    poll_s: float = 1.0
    is_hot_refused: bool = False


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at while the tool runs, and how often. Every `slow_every`th look also asks
    Android's services, each of which costs a process and some milliseconds."""

    zones: tuple[int, ...] = ()
    cores: tuple[int, ...] = ()
    every_s: float = 0.5
    slow_every: int = 8


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """`own_mask`: the cores of the runner itself. `output_bytes`: the longest file a job may
    write. `least_battery_percent`: below it jobs are not run."""

    jobs: tuple[Job, ...]
    settings: tuple[Setting, ...] = ()
    cooling: Cooling = Cooling()
    telemetry: Telemetry = Telemetry()
    own_mask: str | None = None
    may_use_su: bool = False
    least_battery_percent: int = 0
    output_bytes: int = 8 << 20


def render(jobs: JobList) -> bytes:
    """The file `list`. Raises InputError for a word that cannot stand on one line."""
    lines = [
        f"qbench-jobs {PROTOCOL_VERSION}",
        f"sample_s {jobs.telemetry.every_s:g}",
        f"slow_every {jobs.telemetry.slow_every}",
        *(f"zone {number}" for number in jobs.telemetry.zones),
        *(f"core {number}" for number in jobs.telemetry.cores),
        *([f"own_mask {jobs.own_mask}"] if jobs.own_mask else []),
        f"cool_min_ds {math.ceil(jobs.cooling.least_s * 10)}",
        f"cool_max_ds {math.ceil(jobs.cooling.most_s * 10)}",
        f"cool_poll_s {jobs.cooling.poll_s:g}",
        *(f"cool {limit}" for limit in jobs.cooling.limits),
        f"when_hot {'skip' if jobs.cooling.is_hot_refused else 'run'}",
        f"min_battery {jobs.least_battery_percent}",
        f"limit_blocks {jobs.output_bytes // 512}",
        *(["root su"] if jobs.may_use_su else []),
        *(_setting(setting) for setting in jobs.settings),
        "prepare",
    ]
    for job in jobs.jobs:
        lines.append(f"job {job.name}")
        lines.append(f"timeout_s {math.ceil(job.timeout_s)}")
        if job.mask is not None:
            lines.append(f"mask {job.mask}")
        lines += [f"word {word}" for word in job.words]
        lines.append("run")
    lines.append("end-of-list")
    for line in lines:
        if any(character in line for character in _NEVER):
            raise InputError(f"job list: a line break or a zero byte in {line[:80]!r}")
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _setting(setting: Setting) -> str:
    how = "must" if setting.is_required else "want"
    return f"set {how} {setting.kind} {setting.target} {setting.value}"
