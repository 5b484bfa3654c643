"""The closing block of LiteRT's `benchmark_litert_model`, whose times are milliseconds.

It is another tool: recognised by its block (benchmark_litert_model.h, benchmark_litert_model.py),
never by the look of a number. The C++ tool also prints `count=` lines, in microseconds as ever;
the block rounds to 10 us, so these lines go first where they exist.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from qbench.formats.benchmark_model.memory import mib_to_bytes
from qbench.formats.benchmark_model.report import MemoryUse
from qbench.formats.benchmark_model.timings import NUMBER, Count, agree, number

HEADS = ("========== BENCHMARK RESULTS", " BENCHMARK RESULTS")
_ROW = re.compile(
    r"(?P<what>Model initialization|First inference|Warmup \(first\)|Warmup \(avg\)"
    r"|Inference \((?:avg|min|max|std|median|p5|p95)\)|Throughput"
    r"|Init footprint|Overall footprint|Peak memory): {1,20}"
    rf"(?P<value>{NUMBER})(?: (?P<unit>ms|MB/s|MB))?(?: \((?P<runs>\d{{1,18}}) runs\))?\s{{0,9}}"
)
_OTHER = re.compile(
    r"(?:=+|Memory Usage:|Signature name: .*|Fully accelerated: .*"
    r"|No inference runs were performed\.|No throughput data available.*"
    r"|Peak memory usage not available.*)\s{0,9}"
)
PREFIXES = (
    "Model initialization:",
    "First inference:",
    "Warmup (",
    "Inference (",
    "Throughput:",
    "Init footprint:",
    "Overall footprint:",
    "Peak memory",
    "Memory Usage:",
    "Signature name:",
    "Fully accelerated:",
    "No inference runs",
    "No throughput data",
)


class Block(NamedTuple):
    init_us: float
    first_us: float
    warmup_avg_us: float
    warmup: int
    measured: Count
    memory: MemoryUse


class BlockReader:
    """Collects the block; `block` is None until all that a run needs is there."""

    def __init__(self) -> None:
        self.seen = False
        self._values: dict[str, float] = {}
        self._runs: dict[str, int] = {}

    def take(self, text: str) -> bool:
        if text.startswith(HEADS):
            self.seen = True
            return True
        if not self.seen:
            return False
        found = _ROW.fullmatch(text)
        if found:
            value = number(found["value"])
            if value is not None and value >= 0:
                self._values[found["what"]] = value
            if found["runs"] is not None:
                self._runs[found["what"]] = int(found["runs"])
            return True
        return len(text) < 500 and _OTHER.fullmatch(text) is not None

    def block(self) -> Block | None:
        got, runs = self._values, self._runs
        first = got.get("First inference", got.get("Warmup (first)"))
        needed = ("Model initialization", "Warmup (avg)", "Inference (avg)")
        if first is None or any(key not in got for key in needed):
            return None
        if "Inference (avg)" not in runs or "Warmup (avg)" not in runs:
            return None
        low, high = got.get("Inference (min)"), got.get("Inference (max)")
        std = got.get("Inference (std)")
        p5, p50, p95 = (got.get(f"Inference ({key})") for key in ("p5", "median", "p95"))
        measured = Count(
            runs["Inference (avg)"],
            None,
            _whole_us(low),
            _whole_us(high),
            got["Inference (avg)"] * 1000,
            None if std is None else std * 1000,
            _whole_us(p5),
            _whole_us(p50),
            _whole_us(p95),
        )
        return Block(
            got["Model initialization"] * 1000,
            first * 1000,
            got["Warmup (avg)"] * 1000,
            runs["Warmup (avg)"],
            measured,
            MemoryUse(
                init_bytes=mib_to_bytes(got.get("Init footprint")),
                overall_bytes=mib_to_bytes(got.get("Overall footprint")),
                peak_bytes=mib_to_bytes(got.get("Peak memory")),
            ),
        )


def fits(counted: Count, block: Block) -> bool:
    """Whether a `count=` line and the block can be of one run; the block has 0.01 ms steps."""
    if counted.runs != block.measured.runs or counted.avg_us is None:
        return False
    told = block.measured.avg_us
    return told is not None and (abs(counted.avg_us - told) <= 5.1 or agree(counted.avg_us, told))


def _whole_us(ms: float | None) -> int | None:
    return None if ms is None else round(ms * 1000)
