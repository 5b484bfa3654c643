"""Keeps what the kernel shows in step with the device's load, and takes the faults of its body."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from qbench.virtual import physics
from qbench.virtual.tree import write_node

_STEP_S = 0.25
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Body:
    """`time_scale`: how many seconds of the device's heat pass in one of ours; 0 stops it."""

    def __init__(
        self, root: Path, max_khz: dict[int, int], full_load_w: float | None, time_scale: float
    ) -> None:
        self._root = root
        self._max_khz = max_khz
        self._time_scale = time_scale
        self._shown: dict[str, str] = {}
        self.state = physics.Physics()
        if full_load_w is not None:
            self.state = msgspec.structs.replace(self.state, full_load_w=full_load_w)

    async def live(self, pid: int) -> None:
        """Step by step, with the load of the processes below `pid`."""
        self.show()
        before_s = cpu_s_below(pid)
        while True:
            await asyncio.sleep(_STEP_S)
            now_s = cpu_s_below(pid)
            load = max(0.0, now_s - before_s) / (_STEP_S * (os.cpu_count() or 1))
            before_s = now_s
            if self._time_scale > 0:
                self.state = physics.step(self.state, load, _STEP_S * self._time_scale)
                self.show()

    def change(self, **changes: float | None) -> None:
        self.state = msgspec.structs.replace(self.state, **changes)
        self.show()

    def show(self) -> None:
        """Write the nodes whose text has changed."""
        for path, text in physics.nodes(self.state, self._max_khz).items():
            if self._shown.get(path) != text:
                write_node(self._root, path, text)
                self._shown[path] = text


def cpu_s_below(pid: int) -> float:
    """CPU time used so far by the living processes below `pid` and by the dead ones they had."""
    total, waiting = 0.0, [pid]
    while waiting:
        current = waiting.pop()
        try:
            fields = Path(f"/proc/{current}/stat").read_bytes().rpartition(b")")[2].split()
            below = Path(f"/proc/{current}/task/{current}/children").read_text().split()
        except OSError:
            continue
        # utime, stime, cutime, cstime (proc(5)); the number 1 there is the pid.
        total += sum(int(fields[index]) for index in range(11, 15)) / _TICKS_PER_S
        waiting += [int(child) for child in below]
    return total
