"""Captures of benchmark_model, and the coats in which the same output can reach a reader."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from qbench.formats.benchmark_model import Capture, split_capture

FOLDER = Path(__file__).parents[1] / "captures" / "benchmark_model"

Streams = tuple[str, str]


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def load(name: str) -> Capture:
    text = (FOLDER / f"{name}.txt").read_bytes().decode("utf-8", errors="replace")
    return split_capture(text)


def synthetic(name: str) -> str:
    """One stream of a log that was written by hand; see the folder's README."""
    return (FOLDER / "synthetic" / f"{name}.txt").read_text(encoding="utf-8")


def merged(stdout: str, stderr: str) -> Streams:
    """Whole lines of both streams, in a random but fixed order that keeps each stream's own."""
    rng = random.Random(len(stdout) * 31 + len(stderr))
    left, right = stdout.splitlines(keepends=True), stderr.splitlines(keepends=True)
    out: list[str] = []
    while left or right:
        source = left if not right or (left and rng.random() < 0.5) else right
        out.append(source.pop(0))
    return "".join(_ended(out)), ""


def interleaved(stdout: str, stderr: str) -> Streams:
    """stderr's lines land in the middle of stdout's, as a full pipe buffer cuts them."""
    if not stderr:
        return stdout, ""
    rng = random.Random(len(stdout))
    at = rng.randrange(len(stdout)) if stdout else 0
    return stdout[:at] + "".join(_ended([stderr])) + stdout[at:], ""


def logcat(stdout: str, stderr: str) -> Streams:
    """`adb logcat -v threadtime` of an app that passes both streams on."""
    lines = (stdout + "".join(_ended([stderr]))).splitlines()
    stamp = "11-24 03:51:33.{:03d} 23002 23002 I tflite  : {}"
    return "".join(stamp.format(i % 1000, line) + "\n" for i, line in enumerate(lines)), ""


def logcat_brief(stdout: str, stderr: str) -> Streams:
    lines = (stdout + "".join(_ended([stderr]))).splitlines()
    return "", "".join(f"I/tflite  (10987): {line}\n" for line in lines)


def logcat_time(stdout: str, stderr: str) -> Streams:
    lines = (stdout + "".join(_ended([stderr]))).splitlines()
    stamp = "2026-11-24 03:51:33.120 I/tflite  ( 1234): "
    return "--------- beginning of main\n" + "".join(f"{stamp}{line}\n" for line in lines), ""


def logcat_tag(stdout: str, stderr: str) -> Streams:
    lines = (stdout + "".join(_ended([stderr]))).splitlines()
    return "".join(f"I/tflite: {line}\n" for line in lines), ""


def logcat_long(stdout: str, stderr: str) -> Streams:
    lines = (stdout + "".join(_ended([stderr]))).splitlines()
    head = "[ 11-24 03:51:33.120  1234: 1234 I/tflite   ]"
    return "".join(f"{head}\n{line}\n\n" for line in lines), ""


def android_studio(stdout: str, stderr: str) -> Streams:
    lines = (stdout + "".join(_ended([stderr]))).splitlines()
    stamp = "2026-11-24 03:51:33.120  1234-1234  tflite                  org.tensorflow.lite  I  "
    return "".join(f"{stamp}{line}\n" for line in lines), ""


def logcat_echo(stdout: str, stderr: str) -> Streams:
    """An Android build: the console has all, and logcat, in the same file, has it once more."""
    return stdout, stderr + logcat(stdout, stderr)[0]


def crlf(stdout: str, stderr: str) -> Streams:
    return stdout.replace("\n", "\r\n"), stderr.replace("\n", "\r\r\n")


def coloured(stdout: str, stderr: str) -> Streams:
    return _colour(stdout, "\x1b[32m"), _colour(stderr, "\x1b[1;31m")


LAYOUTS: dict[str, Callable[[str, str], Streams]] = {
    "apart": lambda stdout, stderr: (stdout, stderr),
    "swapped": lambda stdout, stderr: (stderr, stdout),
    "merged": merged,
    "merged on stderr": lambda stdout, stderr: ("", merged(stdout, stderr)[0]),
    "both the same": lambda stdout, stderr: (merged(stdout, stderr)[0],) * 2,
    "interleaved": interleaved,
    "logcat": logcat,
    "logcat brief": logcat_brief,
    "logcat time": logcat_time,
    "logcat tag": logcat_tag,
    "logcat long": logcat_long,
    "android studio": android_studio,
    "logcat echo": logcat_echo,
    "crlf": crlf,
    "coloured": coloured,
}


def _ended(lines: Iterable[str]) -> list[str]:
    return [line if not line or line.endswith("\n") else line + "\n" for line in lines]


def _colour(stream: str, code: str) -> str:
    return "".join(f"{code}{line}\x1b[0m\n" for line in stream.splitlines())
