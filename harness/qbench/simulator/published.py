"""Published latencies: a table's rows, and which fit of the simulator speaks of a row, or why none.

A row of another runtime (ncnn, Paddle-Lite, MNN, ONNX Runtime, SNPE) is never predicted: its
kernels are not TFLite's, and a runtime's choice of kernels matters more than the chip (the same
cost rule fitted to ncnn's own tables stays 20 - 45 % off). Nor is a row predicted that is itself a
prediction, or that a live camera disturbed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.records import ComputeUnit
from qbench.simulator import networks, titles
from qbench.simulator.anchors import Row, Transfer
from qbench.simulator.kernels import Dtype
from qbench.simulator.titles import Refused

CPU, GPU, NPU = ComputeUnit.CPU, ComputeUnit.GPU, ComputeUnit.NPU


class PublicRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a table of published latencies, as it stands there. `latency_ms` is text."""

    model: str
    input_size: str
    precision: str
    framework: str
    device: str
    soc: str
    backend: str
    threads: str
    latency_ms: str
    source: str
    notes: str = ""

    @property
    def unit(self) -> ComputeUnit | None:
        """By the first word of `backend`; None: a word that is not known."""
        word = self.backend.lower().split(" ")[0].split("/")[0]
        return _UNITS.get(word)


_MOST_LAYERS_RATIO = 1.3
"""A file with more layers than that over the network's operators is another graph: activations
that were not fused, for instance."""

_UNITS = {
    **{"cpu": CPU, "gpu": GPU, "npu": NPU, "nnapi": NPU, "hexagon": NPU, "dsp": NPU, "hta": NPU},
    **{"htp": NPU, "tpu": NPU, "edgetpu": NPU},
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One group to fit. `wanted` says whether a row is of its runtime, chip, unit and type."""

    profile: str
    unit: ComputeUnit
    executors: tuple[str, ...]
    dtype: Dtype
    runtime: str
    where: str  # device and publisher, for the user
    wanted: Callable[[PublicRow], bool]
    pytorch: bool = False  # the published files come from PyTorch


def read(path: Path) -> tuple[PublicRow, ...]:
    """A csv with a head line. Raises InputError: unreadable, or a column is missing."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return tuple(_rows(path, lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table: {error}") from error


def _rows(path: Path, lines: Iterable[str]) -> Iterable[PublicRow]:
    table = csv.DictReader(lines)
    wanted = [f.name for f in msgspec.structs.fields(PublicRow)]
    missing = [n for n in wanted if n != "notes" and n not in (table.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path}: the column {missing[0]} is missing", hint=f"expected: {', '.join(wanted)}"
        )
    for line in table:
        yield PublicRow(**{name: (line.get(name) or "").strip() for name in wanted})


def place_row(row: PublicRow) -> tuple[Source, Row] | Refused:
    """The group that speaks of a row and the row as an anchor (`left_out_ratio` 0), or why not."""
    source = next((s for s in SOURCES if s.wanted(row)), None)
    if source is None:
        return Refused(_why_no_source(row))
    try:
        latency_us = round(float(row.latency_ms) * 1000, 1)
    except ValueError:
        latency_us = 0.0
    if not 0 < latency_us < 1e12:
        return Refused(f"{row.latency_ms!r} is no latency in ms")
    network = titles.network_of(row.model, row.input_size, pytorch=source.pytorch)
    if isinstance(network, Refused):
        return network
    network = _with_layers(network, _layers(row))
    if isinstance(network, Refused):
        return network
    anchor = Row(
        model=row.model,
        network=network,
        dtype=_network_dtype(row.precision, source),
        precision=row.precision,
        device=row.device,
        threads=int(row.threads) if row.threads.isdigit() else None,
        latency_us=latency_us,
        source=row.source,
        left_out_ratio=0.0,
    )
    return source, anchor


def _with_layers(network: str, layers: int) -> str | Refused:
    """The network as it was converted, by the number of layers that is told (0: it is not)."""
    for name in (network, f"{network}_unfused"):
        operators = len(networks.build(name, "int8").main.ops) if layers else 0
        if layers <= _MOST_LAYERS_RATIO * operators:
            return name
    return Refused(f"it was converted to {layers} layers, where the network has {operators}")


def _layers(row: PublicRow) -> int:
    """How many layers the publisher counted; 0: it is not told."""
    told = re.search(r"layers npu/gpu/cpu = (\d+)/(\d+)/(\d+)", row.notes)
    return sum(map(int, told.groups())) if told else 0


def _network_dtype(precision: str, source: Source) -> str:
    if "uint8" in precision:
        return "uint8"
    return "int8" if "int8" in precision or source.dtype is Dtype.INT8 else "float32"


def _why_no_source(row: PublicRow) -> str:
    if row.notes.startswith("PREDICTED") or "predictor" in row.framework:
        return "it is itself a prediction, not a measurement"
    if not row.framework.startswith("TFLite"):
        return f"another runtime ({row.framework}): its kernels are not TFLite's"
    if "app" in row.framework.lower() or row.notes.startswith("MED. Android app"):
        return "measured inside an app, beside a live camera"
    if "WARM-UP" in row.notes:
        return "the mean of a warm-up, not of the measured runs"
    if _full_precision(row):
        return "fp32 arithmetic on the GPU; the simulator speaks of the default, fp16"
    return (
        "no fit speaks of this runtime, device, unit and precision: a prediction would be tier S0"
    )


# -- the groups


def _is_pixel_4(row: PublicRow, frameworks: tuple[str, ...], backend: str, precision: str) -> bool:
    """TensorFlow's, EfficientNet-Lite's and Halide's tables; not an app with a live camera."""
    return (
        row.device == "Pixel 4"
        and row.framework.startswith(frameworks)
        and "NNAPI" not in row.framework
        and "predictor" not in row.framework
        and row.backend == backend
        and row.precision.startswith(precision)
    )


def _full_precision(row: PublicRow) -> bool:
    return "gpu_precision_loss_allowed=false" in row.notes


def _is_qcs8250(row: PublicRow, backend: str) -> bool:
    return (
        "QCS8250" in row.soc
        and row.framework.startswith("TFLite")
        and "QNN" not in row.framework
        and row.backend.startswith(backend)
    )


SOURCES = (
    Source(
        profile="sd855",
        unit=CPU,
        executors=("xnnpack", "builtin"),
        dtype=Dtype.FP32,
        runtime="TFLite of 2020, XNNPACK",
        where="TFLite on a Pixel 4 (TensorFlow's own tables)",
        wanted=lambda row: _is_pixel_4(row, ("TFLite",), "cpu", "fp32"),
    ),
    Source(
        profile="sd855",
        unit=CPU,
        executors=("xnnpack", "builtin"),
        dtype=Dtype.INT8,
        runtime="TFLite 2.4 - 2.5",
        where="TFLite on a Pixel 4 (TensorFlow's and Halide's tables)",
        wanted=lambda row: _is_pixel_4(row, ("TFLite",), "cpu", "int8"),
    ),
    Source(
        profile="sd855",
        unit=GPU,
        executors=("gpu",),
        dtype=Dtype.FP16,
        runtime="TFLite of 2020, GPU delegate with fp16 arithmetic",
        where="TFLite's GPU delegate on a Pixel 4 (TensorFlow's own tables)",
        wanted=lambda row: (
            _is_pixel_4(row, ("TFLite GPU delegate",), "gpu", "fp") and not _full_precision(row)
        ),
    ),
    Source(
        profile="sd865",
        unit=GPU,
        executors=("gpu",),
        dtype=Dtype.FP16,
        runtime="TFLite 2.17 GPU delegate, int8 models computed in float",
        where="TFLite's GPU delegate on a QCS8250 (Qualcomm AI Hub, int8 files)",
        wanted=lambda row: _is_qcs8250(row, "gpu"),
        pytorch=True,
    ),
    Source(
        profile="sd865",
        unit=NPU,
        executors=("nnapi", "hexagon"),
        dtype=Dtype.INT8,
        runtime="TFLite up to 2.17; whether by NNAPI or the Hexagon delegate is not told",
        where="TFLite on the Hexagon of a QCS8250 (Qualcomm AI Hub)",
        wanted=lambda row: _is_qcs8250(row, "npu"),
        pytorch=True,
    ),
)

TRANSFERS = {
    "sd865": (
        Transfer(
            profile="sd855",
            time_ratio=0.94,
            reason="Paddle-Lite's latencies on the 865 are 0.88 - 1.00 of those on the 855, at the "
            "same clocks",
        ),
        (CPU,),
    )
}
"""Profile -> a fit of another chip that it takes over, and for which units."""

TRANSFER_WIDEN_RATIO = 1.2
