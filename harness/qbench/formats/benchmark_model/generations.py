"""Which form of the tool wrote a log, from the lines it holds.

| mark | first seen in |
| --- | --- |
| `Num runs: [` / `Running benchmark for N iterations` | TF 1.9 |
| `Min num runs: [` / `for at least N iterations and at least S seconds` | TF 1.13 |
| `Max runs duration` / `but terminate if exceeding S seconds.` | TF 1.14 |
| summary `Inference:` instead of `no stats:`, memory, `Require full delegation` | TF 2.1 |
| summary `Inference timings in us: Init: ..., First inference: ...` | TF 2.3 |
| `Log parameter values verbosely` | TF 2.4 |
| `Memory footprint delta from the start of the tool` | TF 2.7 |
| `INFO: ` before the tool's own lines (never in logcat) | TF 2.10 |
| `p5= median= p95=`, `Signature to run: [` | TF 2.16 |
"""

from __future__ import annotations

import re
from enum import IntEnum

from qbench.formats.benchmark_model.lines import Line
from qbench.formats.benchmark_model.report import Generation
from qbench.formats.benchmark_model.timings import Count, Running, Summary


class Mark(IntEnum):
    """In order of age; the youngest mark in a log names its generation."""

    FIXED_RUNS = 0
    AT_LEAST = 1
    MAX_SECS = 2
    INFERENCE = 3
    FIRST_INFERENCE = 4
    VERBOSELY = 5
    FOOTPRINT_DELTA = 6
    PREFIX = 7
    PERCENTILES = 8


_GENERATIONS = (
    Generation.TF_1_9,
    Generation.TF_1_13,
    Generation.TF_1_14,
    Generation.TF_2_1,
    Generation.TF_2_3,
    Generation.TF_2_4,
    Generation.TF_2_7,
    Generation.TF_2_10,
    Generation.TF_2_16,
)
_ECHOES = {
    "num runs": Mark.FIXED_RUNS,
    "min num runs": Mark.AT_LEAST,
    "max runs duration (seconds)": Mark.MAX_SECS,
    "require full delegation": Mark.INFERENCE,
    "input value ranges": Mark.INFERENCE,
    "external delegate path": Mark.FIRST_INFERENCE,
    "#threads used for cpu inference": Mark.FIRST_INFERENCE,
    "log parameter values verbosely": Mark.VERBOSELY,
    "signature to run": Mark.PERCENTILES,
}
_OF_THE_TOOL = (
    "STARTING!",
    "Log parameter values",
    "Graph: [",
    "Loaded model ",
    "count=",
    "Running benchmark for",
    "Inference timings in us",
    "Initialized session in",
    "Unconsumed cmdline flags",
    "Please specify the name of your TF Lite",
    "Benchmarking failed",
    "usage: ",
)
# TensorFlow's own tool of the same name, not TFLite's.
_TENSORFLOW = re.compile(r".{0,60}tensorflow/tools/benchmark/benchmark_model\.cc:\d{1,6}\]")


class Fingerprint:
    """Gathers marks line by line."""

    def __init__(self) -> None:
        self._marks: set[Mark] = set()
        self.litert_model = False
        self.tensorflow = False
        self.of_the_tool = False

    def see_line(self, line: Line) -> None:
        if line.text.startswith(_OF_THE_TOOL):
            self.of_the_tool = True
            if line.own_prefix:
                self._marks.add(Mark.PREFIX)
        elif "tensorflow/tools/benchmark/" in line.text and _TENSORFLOW.match(line.text):
            self.tensorflow = True

    def see_echo(self, name: str) -> None:
        mark = _ECHOES.get(name)
        if mark is not None:
            self._marks.add(mark)

    def see(self, found: Count | Running | Summary) -> None:
        if isinstance(found, Count):
            if found.has_percentiles:
                self._marks.add(Mark.PERCENTILES)
        elif isinstance(found, Summary):
            if not found.old:
                self._marks.add(Mark.FIRST_INFERENCE)
            elif not found.no_stats:
                self._marks.add(Mark.INFERENCE)
        elif found.max_s is not None:
            self._marks.add(Mark.MAX_SECS)
        else:
            self._marks.add(Mark.AT_LEAST if found.at_least else Mark.FIXED_RUNS)

    def see_memory(self, text: str) -> None:
        if text.startswith("Memory footprint delta"):
            self._marks.add(Mark.FOOTPRINT_DELTA)

    def generation(self) -> Generation | None:
        """None: nothing in the log was printed by the tool."""
        if self.tensorflow:
            return Generation.TENSORFLOW
        if self.litert_model:
            return Generation.LITERT_MODEL
        return _GENERATIONS[max(self._marks)] if self._marks else None
