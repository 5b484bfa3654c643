"""Flags as the tool reads them (tensorflow/lite/tools/command_line_flags.cc).

Only `--name=value` is a flag; the first of a repeated one counts; what is not known is left over
and only warned about.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

Value = bool | int | float | str

DEFAULTS: dict[str, Value] = {
    "num_runs": 50,
    "min_secs": 1.0,
    "max_secs": 150.0,
    "run_delay": -1.0,
    "num_threads": -1,
    "benchmark_name": "",
    "output_prefix": "",
    "warmup_runs": 1,
    "warmup_min_secs": 0.5,
    "verbose": False,
    "dry_run": False,
    "graph": "",
    "input_layer": "",
    "input_layer_shape": "",
    "input_layer_value_files": "",
    "require_full_delegation": False,
    "output_filepath": "",
    "report_peak_memory_footprint": False,
    "max_delegated_partitions": 0,
    "min_nodes_per_partition": 0,
    "use_xnnpack": False,
    "use_gpu": False,
    "gpu_precision_loss_allowed": True,
    "gpu_experimental_enable_quant": True,
    "gpu_inference_for_sustained_speed": False,
    "gpu_backend": "",
    "use_nnapi": False,
    "nnapi_accelerator_name": "",
    "nnapi_execution_preference": "",
    "nnapi_allow_fp16": False,
    "disable_nnapi_cpu": True,
    "use_hexagon": False,
    "hexagon_lib_path": "/data/local/tmp",
    "hexagon_profiling": False,
    "external_delegate_path": "",
    "external_delegate_options": "",
}
# What the tool prints of a flag that was given (tflite_benchmark, delegate providers: LogParams).
NAMES = {
    "num_runs": "Min num runs",
    "min_secs": "Min runs duration (seconds)",
    "max_secs": "Max runs duration (seconds)",
    "run_delay": "Inter-run delay (seconds)",
    "num_threads": "Num threads",
    "benchmark_name": "Benchmark name",
    "output_prefix": "Output prefix",
    "warmup_runs": "Min warmup runs",
    "warmup_min_secs": "Min warmup runs duration (seconds)",
    "dry_run": "Run w/o invoking kernels",
    "graph": "Graph",
    "input_layer": "Input layers",
    "input_layer_shape": "Input shapes",
    "input_layer_value_files": "Input value files",
    "require_full_delegation": "Require full delegation",
    "output_filepath": "File path to export outputs layer to",
    "report_peak_memory_footprint": "Report the peak memory footprint",
    "max_delegated_partitions": "Max number of delegated partitions",
    "min_nodes_per_partition": "Min nodes per partition",
    "use_xnnpack": "Use xnnpack",
    "use_gpu": "Use gpu",
    "gpu_precision_loss_allowed": "Allow lower precision in gpu",
    "gpu_experimental_enable_quant": "Enable running quant models in gpu",
    "gpu_inference_for_sustained_speed": "Prefer maximizing the throughput in gpu",
    "gpu_backend": "GPU backend",
    "use_nnapi": "Use NNAPI",
    "nnapi_accelerator_name": "NNAPI accelerator name",
    "nnapi_execution_preference": "NNAPI execution preference",
    "nnapi_allow_fp16": "Allow fp16 in NNAPI",
    "disable_nnapi_cpu": "Disable NNAPI cpu",
    "use_hexagon": "Use Hexagon",
    "hexagon_lib_path": "Hexagon lib path",
    "hexagon_profiling": "Hexagon profiling",
    "external_delegate_path": "External delegate path",
    "external_delegate_options": "External delegate options",
}
_BOOLS = {"true": True, "1": True, "false": False, "0": False}


TOOL_NAMES = {"gpu": "GPU", "nnapi": "NNAPI", "hexagon": "Hexagon", "qnn": "EXTERNAL"}


class ToolError(Exception):
    """What the tool says on stderr before it ends with 1."""


class BadFlagError(Exception):
    """A value that cannot be read; the tool ends with 1."""

    def __init__(self, name: str, argument: str) -> None:
        super().__init__(f"Failed to parse flag '{name}' against argv '{argument}'")


class Flags(msgspec.Struct, frozen=True):
    """`given`: those on the command line, in the tool's order. `unconsumed`: the rest."""

    values: dict[str, Value]
    given: tuple[str, ...]
    unconsumed: tuple[str, ...]

    def is_on(self, name: str) -> bool:
        return bool(self.values[name])

    def number(self, name: str) -> float:
        return float(self.values[name])

    def text(self, name: str) -> str:
        return str(self.values[name])


def delegate_of(flags: Flags) -> str | None:
    """The delegate that the flags name, as qbench calls it; None: the CPU."""
    for delegate, flag in (
        ("gpu", "use_gpu"),
        ("nnapi", "use_nnapi"),
        ("hexagon", "use_hexagon"),
        ("qnn", "external_delegate_path"),
    ):
        if flags.values[flag]:
            return delegate
    return None


def read(arguments: Sequence[str]) -> Flags:
    """Raises BadFlagError."""
    values = dict(DEFAULTS)
    given: set[str] = set()
    unconsumed = []
    for argument in arguments:
        name, is_assigned, text = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not is_assigned or name not in DEFAULTS:
            unconsumed.append(argument)
        elif name not in given:
            values[name] = _value(DEFAULTS[name], name, text, argument)
            given.add(name)
    return Flags(values, tuple(name for name in DEFAULTS if name in given), tuple(unconsumed))


def _value(default: Value, name: str, text: str, argument: str) -> Value:
    if isinstance(default, bool):
        if text not in _BOOLS:
            raise BadFlagError(name, argument)
        return _BOOLS[text]
    if isinstance(default, str):
        return text
    try:
        return type(default)(text)
    except ValueError:
        raise BadFlagError(name, argument) from None


def shown(value: Value) -> str:
    """As a C++ stream prints it."""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
