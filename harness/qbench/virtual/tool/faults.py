"""What may go wrong with the tool: one word in /.device/tool, from `qbench virtual fault`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

FAULT_NODE = Path("/.device/tool")
NAMES = (
    "none",
    "crash",
    "abort",
    "hang",
    "killed",
    "garbled",
    "truncated",
    "delegate-refused",
    "nnapi-reference-only",
)
_SIGNALS = {"crash": signal.SIGSEGV, "abort": signal.SIGABRT, "killed": signal.SIGKILL}


def current() -> str:
    try:
        return FAULT_NODE.read_text().strip()
    except OSError:
        return "none"


def strike_after_warmup(fault: str) -> None:
    """Ends the process, or never returns, where the fault is one of those."""
    if fault in _SIGNALS:
        sys.stdout.flush()
        os.kill(os.getpid(), _SIGNALS[fault])
    while fault == "hang":
        time.sleep(3600)


def damaged(fault: str, text: str) -> str:
    """The measured part of the output, as the fault lets it through."""
    if fault == "garbled":
        return "".join(chr(33 + (ord(c) * 7) % 90) if c.isdigit() else c for c in text)
    if fault == "truncated":
        return text[:60]  # inside the line of the measurement
    return text
