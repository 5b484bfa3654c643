"""The CPU: LiteRT on the host's cores, stretched by the clock that the device allows now."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

from qbench.virtual.tool.inputs import FatalError, GivenInput, load

_CORES = Path("/sys/devices/system/cpu")
_LOOK_EVERY_NS = 100_000_000  # heat moves the clocks in steps of a quarter of a second


class LoadError(Exception):
    """The model cannot be loaded or its tensors not be allocated."""


class CpuModel:
    """A loaded model with input that does not change."""

    def __init__(self, path: str, threads: int, *, with_xnnpack: bool) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = (
            OpResolverType.BUILTIN
            if with_xnnpack
            else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        try:
            self._interpreter: Any = Interpreter(
                model_path=path,
                num_threads=threads if threads > 0 else 1,
                experimental_op_resolver_type=resolver,
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise LoadError(str(error)) from None
        self._ratio, self._look_again_ns = 1.0, 0

    def fill_inputs(self) -> None:
        """Random input of the kind that the tool makes."""
        import numpy as np

        rng = np.random.default_rng(0)
        for detail in self._interpreter.get_input_details():
            kind = np.dtype(detail["dtype"])
            shape = detail["shape"]
            if kind.kind == "f":
                value = rng.uniform(-0.5, 0.5, shape).astype(kind)
            elif kind.kind == "b":
                value = rng.integers(0, 2, shape).astype(kind)
            else:
                value = rng.integers(0, 100, shape).astype(kind)
            self._interpreter.set_tensor(detail["index"], value)

    def take(self, given: GivenInput) -> list[str]:
        """Bring the only input to the shape and the values given; what the tool warns of.

        Raises LoadError for another shape than the model can take, FatalError for a bad file.
        """
        import numpy as np

        details = self._interpreter.get_input_details()
        if len(details) != 1:
            raise FatalError(f"Inputs mismatch: Model inputs #:1 expected: {len(details)}")
        (detail,) = details
        index, kind = detail["index"], np.dtype(detail["dtype"])
        if len(given.shape) != len(detail["shape"]):
            raise LoadError(f"Input tensor #{index} should have {len(detail['shape'])} dimensions!")
        try:
            if given.shape != tuple(detail["shape"]):
                self._interpreter.resize_tensor_input(index, given.shape)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise LoadError(f"{error}\nFailed to allocate tensors!") from None
        if given.file is None:
            self.fill_inputs()
        else:
            size_bytes = math.prod(given.shape) * kind.itemsize
            values = np.frombuffer(load(given.file, size_bytes), kind)
            self._interpreter.set_tensor(index, values.reshape(given.shape))
        if given.name == detail["name"]:
            return []
        return [f"Tensor # {index} is named {detail['name']} but flags call it {given.name}"]

    def outputs(self) -> bytes:
        """Every output's bytes, one after another."""
        details = self._interpreter.get_output_details()
        return b"".join(self._interpreter.get_tensor(d["index"]).tobytes() for d in details)

    def invoke(self) -> int:
        """One invoke; a throttled clock makes it take longer. Nothing but the invoke stands between
        the clock's two readings: looking at sysfs takes milliseconds in a jail."""
        start_ns = time.perf_counter_ns()
        self._interpreter.invoke()
        end_ns = time.perf_counter_ns()
        ratio = self._clock_ratio(end_ns)
        if ratio < 1:
            taken_s = (end_ns - start_ns) / 1e9
            time.sleep(taken_s / ratio - taken_s)
            end_ns = time.perf_counter_ns()
        return (
            end_ns // 1000 - start_ns // 1000
        )  # as the tool: a clock that ticks in us, read twice

    def _clock_ratio(self, now_ns: int) -> float:
        if now_ns >= self._look_again_ns:
            self._ratio = clock_ratio()
            self._look_again_ns = time.perf_counter_ns() + _LOOK_EVERY_NS
        return self._ratio


def clock_ratio() -> float:
    """What the fastest core in use is allowed now, as a share of its highest clock."""
    mask = int(os.environ.get("QBENCH_VIRTUAL_CPUS", "ffff"), 16)
    best_khz, best_ratio = 0, 1.0
    for folder in _CORES.glob("cpu[0-9]*/cpufreq"):
        if not mask >> int(folder.parent.name[3:]) & 1:
            continue
        try:
            highest_khz = int((folder / "cpuinfo_max_freq").read_text())
            now_khz = int((folder / "scaling_cur_freq").read_text())
        except (OSError, ValueError):
            continue
        if highest_khz > best_khz:
            best_khz, best_ratio = highest_khz, now_khz / highest_khz
    return best_ratio
