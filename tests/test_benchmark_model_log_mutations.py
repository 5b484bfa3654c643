"""Damaged logs: whatever happens to the text, no untyped error, and no number of a failed run.

Also that reading is linear: long lines and hostile ones cost what their length costs.
"""

from __future__ import annotations

import random
from time import perf_counter

import pytest

from fakes import benchmark_logs
from fakes.benchmark_logs import LAYOUTS
from qbench.errors import QBenchError
from qbench.formats.benchmark_model import LogReport, read, render_json, to_measurement
from qbench.formats.benchmark_model.text import render_text
from qbench.records import Delegate

NUMBERS = (
    *("avg_us", "p50_us", "p5_us", "p95_us", "min_us", "max_us", "std_us", "count", "memory"),
    *("init_us", "first_invoke_us", "warmup_avg_us", "warmup_count", "threads"),
)
SPLINTERS = (
    "INFO: ",
    "ERROR: ",
    "count=",
    "count=5 curr=7(all same)",
    "avg=",
    "nan",
    "-1",
    "1e+999",
    "9" * 40,
    "\x00",
    "\x1b[31m",
    "\r",
    "\ufffd",
    "\u2028",
    "٣",
    "[",
    "Inference timings in us: ",
    "Replacing 9 out of 3 node(s) with delegate (TfLiteGpuDelegateV2) node",
    "Explicitly applied ",
    "11-24 03:51:33.123  1234  1234 I tflite  : ",
    "I/tflite (12): ",
    "============================== Run Order ==============================\n",
    "node type, first, avg_ms, %, cdf%, mem KB, times called, name\n",
    "init_profile {\n",
    "====Printing out TfLite interpreter post-invoke state begins====\n",
    "========== BENCHMARK RESULTS ==========\n",
    "External delegate options: [backend_type:gpu]\n",
    "Inter-run delay (seconds): [1e400]\n",
    "Number of prorated runs per second: [5e-324]\n",
    "Num threads: [99999999999999999999]\n",
)


def mutate(text: str, rng: random.Random, donor: str) -> str:
    """One to four wounds: bytes, digits, lines, pieces of another log."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        span = rng.choice((1, 1, 2, 5, 20, 200))
        match rng.randrange(10):
            case 0:
                text = text[:at] + chr(rng.randrange(1, 0x250)) + text[at + 1 :]
            case 1:
                text = text[:at] + text[at + span :]
            case 2:
                text = text[:at] + rng.choice(SPLINTERS) + text[at:]
            case 3:
                text = text[:at]
            case 4:
                start = rng.randrange(len(donor) + 1)
                text = text[:at] + donor[start : start + span * 5] + text[at:]
            case 5:
                digits = [i for i, c in enumerate(text) if c.isdecimal()]
                if digits:
                    i = rng.choice(digits)
                    text = text[:i] + rng.choice("0123456789.-") + text[i + 1 :]
            case kind:
                lines = text.split("\n")
                i = rng.randrange(len(lines))
                if kind == 6:
                    del lines[i]
                elif kind == 7:
                    lines.insert(rng.randrange(len(lines)), lines[i])
                elif kind == 8:
                    lines[i : i + 2] = ["".join(lines[i : i + 2])]
                else:
                    rng.shuffle(lines)
                text = "\n".join(lines)
    return text


def check(report: LogReport, exit_code: int) -> None:
    render_json(report)
    render_text(report)
    if report.failure is not None:
        assert report.failure.error.endswith("Error")
        for name in NUMBERS:
            assert getattr(report, name) is None, name
        assert report.op_rows == ()
        with pytest.raises(QBenchError):
            to_measurement(report)
        return
    assert exit_code == 0, "a number out of a failed run"
    assert report.avg_us is not None
    assert report.count is not None
    assert report.count > 0
    if report.min_us is not None and report.max_us is not None:
        assert 0 <= report.min_us <= report.max_us
        assert report.min_us <= report.avg_us * 1.001 + 1
        assert report.avg_us <= report.max_us * 1.001 + 1
    if report.nodes is not None:
        assert min(report.nodes.cpu, report.nodes.gpu, report.nodes.npu) >= 0
    to_measurement(report)


def damage(seed: int, count: int) -> tuple[int, int]:
    """How many damaged logs of good and of failed runs still gave a number."""
    rng = random.Random(seed)
    captures = [benchmark_logs.load(name) for name in benchmark_logs.names()]
    small = [c for c in captures if len(c.stdout) + len(c.stderr) < 3000]
    layouts = list(LAYOUTS.values())
    of_good = of_failed = 0
    for _ in range(count):
        capture = rng.choice(captures if rng.random() < 0.05 else small)
        donor = rng.choice(captures).stdout
        stdout = mutate(capture.stdout, rng, donor)
        stderr = mutate(capture.stderr, rng, donor) if rng.random() < 0.5 else capture.stderr
        if rng.random() < 0.3:
            stdout, stderr = rng.choice(layouts)(stdout, stderr)
        report = read(
            stdout,
            stderr,
            capture.exit_code,
            requested=rng.choice((None, None, *Delegate)),
            allow_fallback=rng.random() < 0.5,
        )
        check(report, capture.exit_code)
        if report.failure is None:
            of_good += capture.exit_code == 0
            of_failed += capture.exit_code != 0
    return of_good, of_failed


def test_5_000_damaged_logs() -> None:
    of_good, of_failed = damage(seed=1, count=5_000)
    assert of_failed == 0
    assert of_good > 500, "the wounds are such that nothing is left to be tested"


@pytest.mark.heavy
def test_100_000_damaged_logs() -> None:
    of_good, of_failed = damage(seed=2, count=100_000)
    assert of_failed == 0
    assert of_good > 10_000


HOSTILE = {
    "one line": "x",
    "blanks": " ",
    "tabs": "\t",
    "digits": "1",
    "a count line without end": "count=1 first=1 ",
    "prefixes": "INFO: ",
    "brackets": "a: [",
    "escapes": "\x1b[",
    "equals": "=",
    "a date and blanks": "11-24 03:51:33.123 ",
    "a tag": "I/t ",
    "line ends": "\r\n",
    "short lines": "y\n",
    "commas": "a, ",
    "braces": "a {\n",
    "parentheses": "Replacing 1 out of 2 node(s) with delegate (",
    "an operator list": "CAST: a ",
    "cut lines": "count=4 curr=INFO: z\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_reading_is_linear_in_the_length_of_the_log(name: str) -> None:
    good = benchmark_logs.load("litert-2.1.4_linux-x86_64_default_small").stdout

    def seconds(size: int) -> float:
        text = good + HOSTILE[name] * (size // len(HOSTILE[name]))
        start = perf_counter()
        read(text, "", 0)
        return perf_counter() - start

    small = min(seconds(20_000) for _ in range(3))
    large = min(seconds(160_000) for _ in range(2))
    # 8 times the text; a quadratic reader would need 64 times as long
    assert large < 24 * small + 0.1


@pytest.mark.heavy
@pytest.mark.parametrize("name", [name for name, text in HOSTILE.items() if "\n" not in text])
def test_a_line_of_50_megabytes_is_read_in_seconds(name: str) -> None:
    good = benchmark_logs.load("litert-2.1.4_linux-x86_64_profiling_googlenet_noxnn").stdout
    text = good + HOSTILE[name] * (50_000_000 // len(HOSTILE[name]))
    start = perf_counter()
    read(text, "", 0)
    assert perf_counter() - start < 60  # 1 to 4 s where nothing else runs


@pytest.mark.heavy
def test_50_megabytes_of_lines_are_read_in_less_than_minutes() -> None:
    good = benchmark_logs.load("litert-2.1.4_linux-x86_64_default_small").stdout
    text = good + ("INFO: a line of some other program, and about as long as they are\n" * 750_000)
    start = perf_counter()
    report = read(text, "", 0)
    assert report.failure is None
    assert report.unknown_count == 750_000
    assert perf_counter() - start < 180  # 15 s where nothing else runs
