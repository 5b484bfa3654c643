"""A device whose prices are known: what it takes for a model is the sum of its work's prices.

It answers as this machine's runner does, so whatever measures it goes the whole way of a run. What
it says is honest by construction: a calibration of it can be compared with the truth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random

from fakes.fake_backend import FakeBackend
from qbench import modelfile
from qbench.records import (
    Case,
    Cluster,
    CoreType,
    Cpu,
    DeviceProfile,
    Match,
    Memory,
    ModelInfo,
    Origin,
    OutputFormat,
    RawOutput,
)
from qbench.simulator.calibration import fit, make, plausible
from qbench.simulator.calibration.reuse import Caches
from qbench.simulator.calibration.work import Tiles
from qbench.simulator.kernels import Dtype

Name = tuple[str, str]
TILES = {
    Dtype.FP32: Tiles(product=(6, 16, 1), window=(6, 16, 1), depthwise_channels=8),
    Dtype.INT8: Tiles(product=(4, 16, 4), window=(4, 16, 4), depthwise_channels=16),
    Dtype.DYNAMIC: Tiles(product=(4, 16, 4), window=(4, 16, 4), depthwise_channels=16),
    Dtype.FP16: Tiles(product=(6, 16, 1), window=(6, 16, 1), depthwise_channels=8),
}
PROFILE = DeviceProfile(
    schema_version=1,
    name="known",
    title="a device whose prices are known",
    soc="none",
    match=Match(props={}),
    cpu=Cpu(
        clusters=(
            Cluster(name="all", core_type="a", cores=(0, 1), max_khz=2_000_000, l2_bytes=512 << 10),
        ),
        core_types={
            "a": CoreType(
                fp32_macs_per_cycle=16,
                int8_macs_per_cycle=64,
                l1d_bytes=32 << 10,
                fp32_tile=(4, 8, 1),
                int8_tile=(4, 8, 8),
            )
        },
        l3_bytes=4 << 20,
        default_threads=1,
    ),
    memory=Memory(bandwidth_bytes_per_s=1e10),
)
CACHES = make.caches_of(PROFILE)


class Truth:
    """Prices that are plausible, each some way off what a fit begins with."""

    def __init__(self, seed: int = 0, caches: Caches = CACHES) -> None:
        self._random = Random(seed)
        self._caches = caches
        self.prices: dict[tuple[Dtype, Name], float] = {}

    def row(self, model: ModelInfo) -> Mapping[Name, float]:
        return fit.row_of(fit.of_model(model, PROFILE, self._caches, TILES))

    def price(self, dtype: Dtype, name: Name) -> float:
        key = (dtype, name)
        if key not in self.prices:
            expected = plausible.price_us(PROFILE, dtype, *name)
            self.prices[key] = expected * self._random.uniform(1.0, 2.0)
        return self.prices[key]

    def latency_us(self, model: ModelInfo, dtype: Dtype) -> float:
        row = sorted(self.row(model).items())
        return sum(amount * self.price(dtype, name) for name, amount in row)


class KnownDevice(FakeBackend):
    """Answers every run with the truth and some noise; every invoke is measured alone.

    `slower`: models whose name contains this text take 10 % more, as networks do.
    """

    def __init__(self, truth: Truth, *, noise_ratio: float = 0.005, slower: str = "@") -> None:
        super().__init__(self._measure)
        self._truth = truth
        self._noise = Random(1)
        self._noise_ratio = noise_ratio
        self._slower = slower

    def _measure(self, case: Case) -> RawOutput:
        model = modelfile.read(Path(case.model_path))
        dtype = Dtype(case.precision.value)
        latency_us = self._truth.latency_us(model, dtype)
        samples = [
            max(1, round(1000 * latency_us * self._noise.lognormvariate(0, self._noise_ratio)))
            for _ in range(30)
        ]
        body = {
            "init_ns": 1_000_000,
            "first_invoke_ns": samples[0],
            "warmup_invokes": 2,
            "invokes_ns": samples,
            "wall_ns": sum(samples) + 1000,
            "cpu_ns": sum(samples),
            "run_queue_wait_ns": 0,
            "involuntary_switches": 0,
            "peak_rss_bytes": 1_000_000,
            "threads": 1,
            "xnnpack": True,
            "nodes": len(model.main.ops),
            "partitions": 1,
            "kept": [],
            "warnings": [],
        }
        return RawOutput(
            OutputFormat.HOST_RUN,
            Origin.HOST,
            json.dumps({"host_run": 1, "measurement": body}),
            "",
            0,
            "a known device",
        )
