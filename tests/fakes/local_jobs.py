"""Jobs for a LocalPhone: small scripts in the place of benchmark_model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fakes.local_phone import LocalPhone
from fakes.local_transport import LocalTransport
from qbench.android.joblist import Cooling, Job, JobList, Setting, Telemetry
from qbench.android.note import Note
from qbench.android.runner import Runner

GOVERNOR = "/sys/devices/system/cpu/cpu7/cpufreq/scaling_governor"
SETTINGS = (
    Setting(kind="settings", target="global stay_on_while_plugged_in", value="7"),
    Setting(kind="power", target="fixed_performance", value="true"),
    Setting(kind="node", target=GOVERNOR, value="performance"),
)
NOTE = Note(tool="a script", tool_sha256="0" * 64, taints=(), asked={}, failures={})


def script(phone: LocalPhone, body: str, name: str = "tool") -> str:
    """A program on the phone; its path."""
    path = phone.base / name
    path.write_text(f"#!{phone.bin / 'sh'}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def job(name: str, *words: str, timeout_s: float = 10, mask: str | None = "f0") -> Job:
    return Job(name=name, words=words, timeout_s=timeout_s, mask=mask)


def job_list(
    *jobs: Job,
    settings: Sequence[Setting] = SETTINGS,
    cooling: Cooling | None = None,
    output_bytes: int = 1 << 20,
    least_battery_percent: int = 0,
) -> JobList:
    return JobList(
        jobs=jobs,
        settings=tuple(settings),
        cooling=cooling or Cooling(limits=("status:0",), poll_s=0.1),
        telemetry=Telemetry(zones=(0, 3), cores=(4, 7), every_s=0.1),
        own_mask="f",
        output_bytes=output_bytes,
        least_battery_percent=least_battery_percent,
    )


class Bench:
    """A LocalPhone with its runner installed."""

    def __init__(self, folder: Path) -> None:
        self.phone = LocalPhone(folder)
        self.transport = LocalTransport(self.phone)
        self.runner = Runner(self.transport, base=str(self.phone.base))
        self.runner.contact()
        self.before = self.phone.settings_of_device()

    def begin(self, jobs: JobList, session: str = "s") -> None:
        self.runner.give(session, jobs, NOTE)
        self.runner.start(session)

    def run(self, jobs: JobList, session: str = "s") -> None:
        """To its end."""
        self.begin(jobs, session)
        assert self.runner.wait(session, "none", 20).outcome == "gone"

    def assert_as_before(self) -> None:
        after = self.phone.settings_of_device()
        changed = {
            name: (self.before.get(name), after.get(name))
            for name in self.before.keys() | after.keys()
            if self.before.get(name) != after.get(name)
        }
        assert changed == {}, changed
        assert not (self.phone.base / "journal").exists()
        assert not (self.phone.base / "active").exists()
