"""A virtual device beside what its work takes at least, and beside the bare adb program.

scripts/bench_parts/devices.py [--quick]

wall      `qbench run`, 12 cases x 5 repetitions on one device: from qbench's start to the last
          result of the device, over the tool's own process times and the cool-downs (<= 1.05)
parallel  four devices at the same time over one; cases whose time the simulator gives (<= 1.15)
push      throughput over that of `adb push` to the same server (>= 0.9): of the sending alone over
          the loopback, with all that is verified over a link as fast as USB 3
trip      a command's round trip over that of `adb shell` as a subprocess (<= 1.5)

Exits with 1 when a ratio is beyond its limit. --quick: 3 cases x 2, fewer rounds, adb 36 only.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "harness"), str(ROOT / "tests"), str(ROOT)]

from scripts.bench_parts.device_link import push, trip  # noqa: E402

from fakes.adb_servers import adb_server, programs  # noqa: E402
from fakes.desk import Desk, inside  # noqa: E402
from fakes.virtual_phones import Adb  # noqa: E402
from qbench.virtual.config import Instance  # noqa: E402
from qbench.virtual.host_python import STAND_IN  # noqa: E402

WALL_LIMIT, PARALLEL_LIMIT = 1.05, 1.15
REST_S = 1.0  # the quick protocol's
TIMES = "data/local/tmp/times"
# No heat, so that a cool-down is the rest and nothing else.
STEADY: dict[str, Any] = {"time_scale": 0.0}


def main() -> int:
    is_quick = "--quick" in sys.argv
    known = programs()
    versions = [v for v in ("29", "36") if v in known and (v == "36" or not is_quick)]
    good = True
    with tempfile.TemporaryDirectory(prefix="qbench-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        os.environ["QBENCH_VIRTUAL_HOME"] = str(folder / "virtual")
        for version in versions:
            server = stack.enter_context(adb_server(known[version], folder / version))
            desk = Desk(Adb(known[version], server), folder / version)
            print(f"adb {version}", flush=True)
            with desk.phone(f"one-{version}", **STEADY) as phone:
                good &= push(desk, phone, 3 if is_quick else 15)
                good &= trip(desk, phone, 10 if is_quick else 60)
            if version == versions[-1]:
                good &= wall(desk, is_quick=is_quick)
                good &= parallel(desk, is_quick=is_quick)
    return 0 if good else 1


def wall(desk: Desk, *, is_quick: bool) -> bool:
    """The tool's process times are told by a wrapper around it, which knows nothing of qbench."""
    wrapper = desk.folder / "timed"
    body = STAND_IN.read_text().replace("exec /.host", "/.host")
    note = f"read up _ </proc/uptime; echo $1 $up >>/{TIMES}"
    wrapper.write_text(
        f"#!/system/bin/sh\nnote() {{ {note}; }}\nnote start\n{body}\ncode=$?\nnote end\n"
        "exit $code\n"
    )
    chosen = ("--precision", "int8", "--repetitions", "2") if is_quick else ("--repetitions", "5")
    delegates = [word for name in ("nnapi", "gpu", "cpu") for word in ("--delegate", name)]
    with desk.phone("walled", **STEADY):
        begin_s = _uptime_s()
        ran = desk.qbench(
            *("run", "smallcnn", "--device", "sd865", *chosen, *delegates, "--allow-fallback"),
            *("--rest", str(REST_S), "--benchmark-binary", str(wrapper), "--json"),
            timeout_s=1200,
        )
        if ran.returncode != 0:
            raise SystemExit(f"qbench run: exit code {ran.returncode}\n{ran.stderr}")
        told = [line.split() for line in (inside("walled") / TIMES).read_text().splitlines()]
    folder = desk.folder / json.loads(ran.stdout)["session_dir"]
    last_s = max(path.stat().st_mtime for path in folder.glob("raw/*-emu-*.json"))
    end_s = _uptime_s() - (time.time() - last_s)
    jobs = len(list(folder.glob("raw/*-emu-*.json")))
    starts, ends = ([float(at) for what, at in told if what == kind] for kind in ("start", "end"))
    # Before the jobs the tool was asked which accelerators there are: not a case's process.
    spans = [b - a for a, b in zip(starts, ends, strict=True)][-jobs:]
    least_s = sum(spans) + REST_S * (jobs - 1)
    taken_s = end_s - begin_s
    between = [b - a - REST_S for a, b in zip(ends[-jobs:], starts[-jobs + 1 :], strict=False)]
    runner = [
        (float(found[1]), float(found[2]))
        for path in sorted(folder.glob("raw/*-emu-*.json"))
        if (found := re.search(r"started (\S+)\\nended (\S+)\\n", path.read_text()))
    ]
    to_start = [a - s for (s, _), a in zip(runner, starts[-jobs:], strict=True)]
    to_end = [e - b for (_, e), b in zip(runner, ends[-jobs:], strict=True)]
    print(
        f"  wall      {jobs} runs: {taken_s:.1f} s; tool {sum(spans):.1f} s, cool-downs "
        f"{REST_S * (jobs - 1):.0f} s   ratio {taken_s / least_s:.3f}\n"
        f"            before the first job {starts[-jobs] - begin_s:.2f} s, between two "
        f"{statistics.mean(between) * 1e3:.0f} ms over the rest, after the last "
        f"{end_s - ends[-1]:.2f} s\n"
        f"            of that from the runner to the tool {_ms(to_start)}, and back {_ms(to_end)}",
        flush=True,
    )
    return bool(taken_s / least_s <= WALL_LIMIT)


def parallel(desk: Desk, *, is_quick: bool) -> bool:
    """The same session for one device, and for four, by `qbench resume` of a plan made here."""
    repetitions = 2 if is_quick else 6
    with ExitStack() as stack:
        phones = [stack.enter_context(desk.phone(f"p{n}", **STEADY)) for n in range(4)]
        asked = ("smallcnn", "--precision", "int8", "--delegate", "gpu", "--repetitions", "1")
        ran = desk.qbench("run", *asked, "--serial", phones[0].address, "--rest", "1", "--json")
        template = desk.folder / json.loads(ran.stdout)["session_dir"]
        for phone in phones[1:]:  # each has the model and the tool
            desk.qbench("run", *asked, "--serial", phone.address, "--rest", "0")
        taken: list[float] = []
        for chosen in (phones[:1], phones, phones[:1], phones):
            folder = desk.folder / f"parallel-{len(taken)}"
            _write_session(template, folder, chosen, repetitions)
            start_s = time.perf_counter()
            ended = desk.qbench("resume", str(folder), timeout_s=600)
            taken.append(time.perf_counter() - start_s)
            if ended.returncode != 0:
                raise SystemExit(f"qbench resume: {ended.returncode}\n{ended.stderr}")
    one_s, four_s = (statistics.mean(taken[n::2]) for n in (0, 1))
    print(f"  parallel  one {one_s:.1f} s, four {four_s:.1f} s   ratio {four_s / one_s:.3f}")
    return four_s / one_s <= PARALLEL_LIMIT


def _write_session(template: Path, folder: Path, phones: list[Instance], repetitions: int) -> None:
    plan = json.loads((template / "plan.json").read_text())
    info = json.loads((template / "session.json").read_text())
    (case,) = [c for c in plan["cases"] if c["origin"] == "emulated" and c["delegate"] == "gpu"]
    (device,) = [d for d in info["devices"] if d["origin"] == "emulated"]
    names = [f"sd865-{phone.serial}" for phone in phones]
    plan["cases"] = [
        case | {"device": name, "case_id": f"gpu@{name}-emu", "min_s": 2.0} for name in names
    ]
    rounds = [(k, name) for k in range(repetitions) for name in names]
    plan["runs"] = [
        {"sequence": n, "case_id": f"gpu@{name}-emu", "repetition": k}
        for n, (k, name) in enumerate(rounds)
    ]
    info["session_id"] = folder.name
    info["devices"] = [
        device | {"name": name, "serial": phone.address}
        for name, phone in zip(names, phones, strict=True)
    ]
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "session.json").write_text(json.dumps(info))


def _ms(times_s: list[float]) -> str:
    return f"{statistics.mean(times_s) * 1e3:.0f} ms"


def _uptime_s() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


if __name__ == "__main__":
    sys.exit(main())
