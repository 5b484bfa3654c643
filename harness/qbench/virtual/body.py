"""Keeps what the kernel shows in step with the device's load, and takes the faults of its body."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from qbench.virtual import physics
from qbench.virtual.tree import write_node

_STEP_S = 0.25
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GPU_BUSY = "sys/class/kgsl/kgsl-3d0"
# Share of the full load that an accelerator draws while the stand-in of benchmark_model uses it.
_ACCELERATOR_LOAD_RATIO = 0.5
_STAND_IN = b"qbench.virtual.tool"
_ON_GPU = (b"--use_gpu=true", b"--use_gpu=1")
_ON_NPU = (b"--use_nnapi=true", b"--use_nnapi=1", b"--use_hexagon=true", b"--use_hexagon=1")


class Body:
    """`time_scale`: how many seconds of the device's heat pass in one of ours; 0 stops it."""

    def __init__(
        self, root: Path, max_khz: dict[int, int], full_load_w: float | None, time_scale: float
    ) -> None:
        self._root = root
        self._max_khz = max_khz
        self._time_scale = time_scale
        self._shown: dict[str, str] = {}
        self._has_gpu_counter = (root / _GPU_BUSY).is_dir()
        self.state = physics.Physics()
        if full_load_w is not None:
            self.state = msgspec.structs.replace(self.state, full_load_w=full_load_w)

    async def live(self, pid: int) -> None:
        """Step by step, with the load of the processes below `pid`."""
        before_s = cpu_s_of(pid)
        while True:
            await asyncio.sleep(_STEP_S)
            now_s = cpu_s_of(pid)
            load = max(0.0, now_s - before_s) / (_STEP_S * (os.cpu_count() or 1))
            before_s = now_s
            units = accelerators_in_use(pid)
            self._show_gpu(is_busy="gpu" in units)
            if units:
                load = max(load, _ACCELERATOR_LOAD_RATIO)
            if self._time_scale > 0:
                self.state = physics.step(self.state, load, _STEP_S * self._time_scale)
                self.show()

    def change(self, **changes: float | None) -> None:
        self.state = msgspec.structs.replace(self.state, **changes)
        self.show()

    def show(self) -> None:
        """Write the nodes whose text has changed."""
        self._write(physics.nodes(self.state, self._max_khz))

    def _show_gpu(self, *, is_busy: bool) -> None:
        if self._has_gpu_counter:
            percent = 97 if is_busy else 0
            self._write(
                {
                    f"{_GPU_BUSY}/gpu_busy_percentage": f"{percent} %\n",
                    f"{_GPU_BUSY}/gpubusy": f"{percent * 10000} {1_000_000 if percent else 0}\n",
                }
            )

    def _write(self, nodes: dict[str, str]) -> None:
        for path, text in nodes.items():
            if self._shown.get(path) != text:
                write_node(self._root, path, text)
                self._shown[path] = text


def cpu_s_of(pid: int) -> float:
    """CPU time used so far by a process, all below it, and the dead ones they had."""
    total = 0.0
    for current in below(pid):
        try:
            fields = Path(f"/proc/{current}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        # utime, stime, cutime, cstime (proc(5), fields 14 to 17)
        total += sum(int(field) for field in fields[11:15]) / _TICKS_PER_S
    return total


def accelerators_in_use(pid: int) -> set[str]:
    """`gpu`, `npu`: what the stand-ins of benchmark_model below a process were told to use."""
    found = set()
    for current in below(pid):
        try:
            words = Path(f"/proc/{current}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if _STAND_IN in words:
            found |= {"gpu"} if any(word in words for word in _ON_GPU) else set()
            found |= {"npu"} if any(word in words for word in _ON_NPU) else set()
    return found


def below(pid: int) -> Iterator[int]:
    """A process and all its living descendants."""
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        yield current
        try:
            children = Path(f"/proc/{current}/task/{current}/children").read_text()
        except OSError:
            continue
        waiting += [int(child) for child in children.split()]
