"""Pushes and round trips of qbench beside those of the bare adb program, in turn."""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from fakes.desk import Desk
from qbench.adb import hashing, sync
from qbench.adb.deadline import Deadline
from qbench.adb.device import AdbDevice
from qbench.virtual import instances
from qbench.virtual.config import Instance

PUSH_LIMIT, TRIP_LIMIT = 0.9, 1.5
# File and link: the host's loopback, and what a phone's USB 3 carries.
PUSHES = ((8 * 1024**2, None), (64 * 1024**2, None), (64 * 1024**2, 100_000_000))


def push(desk: Desk, phone: Instance, rounds: int) -> bool:
    """`adb push` checks nothing, so what it does is compared apart from what comes on top."""
    device = AdbDevice(phone.address, desk.adb.server)
    source = desk.folder / "pushed"
    good = True
    for size_bytes, rate in PUSHES:
        source.write_bytes(os.urandom(size_bytes))
        instances.ask(phone.serial, "set_faults", rate_bytes_per_s=rate)
        bare = _adb(desk, phone, "push", str(source), "/data/local/tmp/bare")
        theirs, sent, hashed, known, whole = _in_turn(_ways(device, source, bare), rounds)
        link = f"link of {rate / 1e6:.0f} MB/s" if rate else "loopback"
        bare_rate = size_bytes / 1e6 / statistics.median(theirs)
        print(
            f"  push      {size_bytes >> 20} MiB, {link}: adb push {bare_rate:.0f} MB/s; ratio "
            f"sent {_ratio(theirs, sent):.2f}, source hashed too {_ratio(theirs, hashed):.2f}, "
            f"verified {_ratio(theirs, whole):.2f}, of a known hash {_ratio(theirs, known):.2f}",
            flush=True,
        )
        # Over the loopback three processes of the transfer take all of two cores already.
        good &= _ratio(theirs, whole if rate else sent) >= PUSH_LIMIT
    instances.ask(phone.serial, "clear_faults")
    return good


def _ways(device: AdbDevice, source: Path, bare: list[str]) -> list[Callable[[], object]]:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    target = "/data/local/tmp/ours"
    return [
        lambda: _quietly(bare),
        lambda: _send(device, source, digest),
        lambda: _send(device, source, None),
        lambda: device.push(source, target, sha256=digest),
        lambda: device.push(source, target),
    ]


def _send(device: AdbDevice, source: Path, known_sha256: str | None) -> str:
    """The work of `adb push`; meanwhile the source is hashed, where its hash is not known (of a
    model it is, since the file has been read)."""
    deadline = Deadline(60)

    def opened() -> IO[bytes]:
        return source.open("rb", buffering=0)

    with (
        hashing.SourceHash(opened, known_sha256) as ours,
        opened() as stream,
        device.open("sync:", deadline) as connection,
    ):
        sync.send_file(
            connection,
            stream,
            "/data/local/tmp/sent",
            mode=0o644,
            modified_s=0,
            deadline=deadline,
            on_sent=lambda _: None,
        )
        return ours.hexdigest()


def trip(desk: Desk, phone: Instance, rounds: int) -> bool:
    device = AdbDevice(phone.address, desk.adb.server)
    bare = _adb(desk, phone, "shell", "true")
    ours, theirs = _in_turn(
        (lambda: device.run("true", timeout_s=10), lambda: _quietly(bare)), rounds
    )
    times = " ".join(f"{statistics.median(taken) * 1e3:5.1f}" for taken in (ours, theirs))
    ratio = _ratio(ours, theirs)
    print(f"  trip      qbench, adb shell [ms]: {times}   ratio {ratio:.2f}", flush=True)
    return ratio <= TRIP_LIMIT


def _adb(desk: Desk, phone: Instance, *words: str) -> list[str]:
    return [desk.adb.program, "-P", str(desk.adb.server.port), "-s", phone.address, *words]


def _quietly(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _in_turn(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds that each took in each round, after a first one that does not count."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):
        for work, taken in zip(works, times, strict=True):
            start_s = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start_s)
    return [taken[1:] for taken in times]


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median round's: what else runs on the machine meets both of a round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
