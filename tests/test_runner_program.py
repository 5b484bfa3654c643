"""android_runner/ itself: mksh and toybox run it on a phone made of files."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

import pytest

from fakes.local_jobs import NOTE, Bench, job, job_list, script
from fakes.local_phone import BOOT_ID, is_alive
from qbench import assets
from qbench.android.joblist import render
from qbench.errors import CommandError, InputError, RunnerOutputError
from qbench.formats.runner import PROTOCOL_VERSION, read_report, result


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_host_device_and_document_name_the_same_version() -> None:
    folder = assets.folder("android_runner")
    told = re.search(r"^VERSION=(\d+)$", (folder / "runner.sh").read_text(), re.MULTILINE)
    assert told is not None
    assert int(told[1]) == PROTOCOL_VERSION
    assert f"Protocol version: **{PROTOCOL_VERSION}**" in (folder / "PROTOCOL.md").read_text()


def test_another_version_is_refused(bench: Bench) -> None:
    folder = next(bench.phone.base.glob("runner-*"))
    ran = bench.phone.run("sh", str(folder / "runner.sh"), "2", "contact")
    assert ran.returncode == 64
    assert ran.stdout == b"runner version 1, and the host speaks 2\n"


def test_the_programs_that_android_may_lack_are_not_there_to_be_used(bench: Bench) -> None:
    """So that whatever uses one fails in every test of this file."""
    for name in ("dd", "tr", "expr", "awk", "bc", "bash", "dash", "python3"):
        assert not (bench.phone.bin / name).exists()


def test_a_look_at_the_device_is_understood(bench: Bench) -> None:
    seen = bench.runner.state()
    assert [core.hardware_max_khz for core in seen.cores] == [1_800_000] * 4 + [2_420_000] * 3 + [
        2_840_000
    ]
    assert [core.first for core in seen.cores] == [0, 0, 0, 0, 4, 4, 4, 7]
    assert {zone.kind: zone.temperature_c for zone in seen.zones}["cpu-0-0-usr"] == 30.0
    assert seen.battery.level_ratio == 0.87
    assert seen.battery.current_ua == -250_000
    assert (seen.battery.is_charging, seen.is_awake, seen.is_power_saving) == (False, False, False)
    assert seen.thermal_status == 0
    assert seen.total_bytes == 7_692_288 * 1024


def test_a_driver_that_prints_words_for_numbers_is_left_out(bench: Bench) -> None:
    cpufreq = "sys/devices/system/cpu/cpu7/cpufreq"
    bench.phone.write(f"{cpufreq}/scaling_cur_freq", "<unsupported>\n")
    bench.phone.write("sys/devices/virtual/thermal/thermal_zone0/temp", "")
    (bench.phone.root / "sys/devices/system/cpu/cpu6/cpufreq/scaling_governor").unlink()
    seen = bench.runner.state()
    assert seen.cores[7].cur_khz is None
    assert seen.cores[6].governor is None
    assert [zone.number for zone in seen.zones] == [1, 2, 3, 4]


def test_a_job_gives_both_streams_its_status_and_what_was_seen(bench: Bench) -> None:
    tool = script(bench.phone, "print out; print err >&2; sleep 0.4; exit 3")
    bench.run(job_list(job("0001", tool)))
    found = bench.runner.result("s", "0001")
    assert (found.job, found.stdout, found.stderr) == ("0001", b"out\n", b"err\n")
    report = read_report(found.report)
    assert (report.status, report.not_run, report.is_timed_out) == (3, None, False)
    assert report.ended_s - report.started_s >= 0.4
    assert len(report.samples) >= 3
    last = report.samples[-1]
    assert last.cores_khz == {4: 2_420_000, 7: 2_840_000}
    assert last.zones_raw == {0: 30_000, 3: 30_000}
    assert last.battery_level_ratio == 0.87
    assert len(last.queue_ns) == 1
    assert report.samples[0].thermal_status == 0
    assert report.before.cores[7].governor == "performance"
    bench.assert_as_before()


def test_a_job_that_a_signal_ends_says_which(bench: Bench) -> None:
    tool = script(bench.phone, "kill -$1 $$")
    jobs = job_list(
        *(job(f"000{i}", tool, name) for i, name in enumerate(("SEGV", "ABRT", "KILL")))
    )
    bench.run(jobs)
    found = [read_report(bench.runner.result("s", f"000{i}").report).status for i in range(3)]
    assert found == [139, 134, 137]


HOSTILE = (
    "plain",
    "--graph=two words.tflite",
    "  leading and trailing  ",
    "$(touch /tmp/qbench-owned)",
    "`touch /tmp/qbench-owned`",
    "; rm -rf /; '\"\\",
    "-n",
    "*",
    "\\t\\0",
    "\u00e9\u4e2d\U0001f600",
    "\udcff\udcfe",
    "",
)


def test_hostile_words_arrive_as_they_are_and_nothing_is_executed(bench: Bench) -> None:
    tool = script(bench.phone, 'for word; do print -r -- "[$word]"; done; print -r -- "$ODD"')
    words = ("ODD=$(id); 'x' \"y", tool, *HOSTILE)
    bench.run(job_list(job("0001", *words)))
    found = bench.runner.result("s", "0001")
    wanted = "".join(f"[{word}]\n" for word in HOSTILE) + "$(id); 'x' \"y\n"
    assert found.stdout == wanted.encode("utf-8", "surrogateescape")
    assert not Path("/tmp/qbench-owned").exists()


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "a\0b"])
def test_a_word_that_no_line_can_hold_is_refused_by_the_host(word: str) -> None:
    with pytest.raises(InputError, match="line break or a zero byte"):
        render(job_list(job("0001", word)))


def test_names_that_would_lead_elsewhere_are_refused(bench: Bench) -> None:
    folder = next(bench.phone.base.glob("runner-*"))
    for name in ("../../x", "a b", "x;y", "A"):
        ran = bench.phone.run("sh", str(folder / "runner.sh"), "1", "wait", name, "0001", "1")
        assert ran.returncode == 64


def test_a_tool_that_hangs_is_killed_with_its_children_at_its_deadline(bench: Bench) -> None:
    pids = bench.phone.base / "pids"
    tool = script(bench.phone, f"sleep 60 & print $$ $! >{pids}; trap '' TERM; wait; sleep 60")
    bench.run(job_list(job("0001", tool, timeout_s=1), job("0002", script(bench.phone, "", "ok"))))
    report = read_report(bench.runner.result("s", "0001").report)
    assert report.is_timed_out
    assert report.status in (137, 143)
    assert report.ended_s - report.started_s < 4
    assert read_report(bench.runner.result("s", "0002").report).status == 0
    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())
    bench.assert_as_before()


def test_a_tool_that_never_stops_writing_is_stopped(bench: Bench) -> None:
    tool = script(bench.phone, "while :; do print 0123456789012345678901234567890123456789; done")
    bench.run(job_list(job("0001", tool), output_bytes=200 * 512))
    found = bench.runner.result("s", "0001")
    assert len(found.stdout) == 200 * 512
    assert read_report(found.report).status != 0


def test_a_mask_that_the_device_cannot_give_is_the_tools_failure_in_words(bench: Bench) -> None:
    bench.run(job_list(job("0001", script(bench.phone, "exit 0"), mask="f00")))
    found = bench.runner.result("s", "0001")
    assert read_report(found.report).status == 1
    assert b"sched_setaffinity" in found.stderr


def _give(bench: Bench, body: bytes) -> None:
    bench.transport.push(body, f"{bench.phone.base}/sessions/s/list")
    with contextlib.suppress(CommandError):
        bench.runner.start("s")


@pytest.mark.parametrize("cut", [b"end-of-list\n", b"run\nend-of-list\n"])
def test_a_list_that_is_not_whole_runs_nothing(bench: Bench, cut: bytes) -> None:
    whole = render(job_list(job("0001", script(bench.phone, "touch ran"))))
    _give(bench, whole.removesuffix(cut))
    assert bench.runner.wait("s", "0001", 10).outcome == "gone"
    assert not (bench.phone.base / "sessions/s/results/0001").exists()
    bench.assert_as_before()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"qbench-jobs 1", b"qbench-jobs 2"), (b"sample_s", b"simple_s"), (b"timeout_s", b"time_s")],
)
def test_a_list_with_a_line_of_no_meaning_ends_there(bench: Bench, old: bytes, new: bytes) -> None:
    whole = render(job_list(job("0001", script(bench.phone, "exit 0"))))
    _give(bench, whole.replace(old, new))
    waited = bench.runner.wait("s", "0001", 10)
    assert waited.outcome == "gone"
    assert waited.session is not None
    assert (waited.session.reason or "").startswith("failed")
    assert not (bench.phone.base / "sessions/s/results/0001").exists()
    bench.assert_as_before()


def test_one_session_at_a_time(bench: Bench) -> None:
    tool = script(bench.phone, "sleep 5")
    bench.begin(job_list(job("0001", tool)))
    assert bench.runner.contact().busy == "s"
    bench.runner.give("other", job_list(job("0001", tool)), NOTE)
    with pytest.raises(CommandError, match="session s owns the device"):
        bench.runner.start("other")
    with pytest.raises(CommandError, match="busy"):
        bench.runner.forget("s")
    stopped = bench.runner.stop()
    assert stopped.busy is None
    assert [s.reason for s in stopped.sessions if s.name == "s"] == ["stopped"]
    bench.assert_as_before()


def _being_put_back(bench: Bench) -> subprocess.Popen[bytes]:
    """Somebody's contact that lost its host in the middle and needs a second more."""
    process = subprocess.Popen(["sleep", "1"])
    start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    boot_id = (bench.phone.root / BOOT_ID).read_text().strip()
    (bench.phone.base / "active").mkdir()
    (bench.phone.base / "active/owner").write_text(f"{process.pid} {start} {boot_id} contact\n")
    return process


def test_a_session_waits_for_the_contact_that_another_connection_began(bench: Bench) -> None:
    with _being_put_back(bench):
        bench.begin(job_list(job("0001", script(bench.phone, "exit 0"))))
    assert bench.runner.wait("s", "0001", 10).outcome == "result"
    bench.runner.wait("s", "none", 10)
    bench.assert_as_before()


def test_a_contact_waits_for_the_one_that_another_connection_began(bench: Bench) -> None:
    with _being_put_back(bench):
        assert bench.runner.contact().busy is None
    bench.assert_as_before()


def test_starting_what_runs_already_changes_nothing(bench: Bench) -> None:
    bench.begin(job_list(job("0001", script(bench.phone, "sleep 0.5; print once"))))
    bench.runner.start("s")
    assert bench.runner.wait("s", "0001", 10).outcome == "result"
    bench.runner.wait("s", "none", 10)
    bench.assert_as_before()


def test_what_has_a_result_is_not_run_again(bench: Bench) -> None:
    count = bench.phone.base / "count"
    tool = script(bench.phone, f"print x >>{count}")
    bench.run(job_list(job("0001", tool)))
    bench.run(job_list(job("0001", tool), job("0002", tool)))
    assert count.read_text() == "x\nx\n"
    assert bench.runner.done("s") == {"0001", "0002"}


def test_yielding_ends_after_the_job_that_runs(bench: Bench) -> None:
    tool = script(bench.phone, "sleep 0.3")
    bench.begin(job_list(*(job(f"000{i}", tool) for i in range(5))))
    assert bench.runner.wait("s", "0000", 10).outcome == "result"
    bench.runner.end_early("s")
    waited = bench.runner.wait("s", "0004", 10)
    assert waited.outcome == "gone"
    assert waited.session is not None
    assert waited.session.reason == "yielded"
    bench.assert_as_before()


def test_a_session_is_forgotten_with_all_that_it_left(bench: Bench) -> None:
    bench.run(job_list(job("0001", script(bench.phone, "exit 0"))))
    bench.runner.forget("s")
    assert list((bench.phone.base / "sessions").iterdir()) == []
    bench.runner.forget("s")


def test_an_answer_that_arrives_damaged_is_asked_for_again(bench: Bench) -> None:
    flipped: list[str] = []
    run = bench.transport.run

    class Flipping:
        """The transport with a bit flip in its first answer."""

        serial = "local"
        push, pull, list_folder = (
            bench.transport.push,
            bench.transport.pull,
            bench.transport.list_folder,
        )

        def run(self, command: str, **options: object) -> object:
            answer = run(command, **options)  # type: ignore[arg-type]
            if not flipped:
                flipped.append(command)
                damaged = answer.stdout.replace(b"uptime", b"uptimf")
                return type(answer)(
                    answer.serial, answer.command, damaged, answer.stderr, answer.exit_code
                )
            return answer

    runner = type(bench.runner)(Flipping(), base=str(bench.phone.base))  # type: ignore[arg-type]
    assert runner.state().thermal_status == 0
    assert flipped


def test_a_result_that_is_cut_anywhere_is_refused(bench: Bench) -> None:
    bench.run(job_list(job("0001", script(bench.phone, "print out"))))
    data = (bench.phone.base / "sessions/s/results/0001").read_bytes()
    for size in range(0, len(data), 7):
        with pytest.raises(RunnerOutputError):
            result.split_result(data[:size])
