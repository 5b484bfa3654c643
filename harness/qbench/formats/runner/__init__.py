"""Readers of what android_runner/ writes; android_runner/PROTOCOL.md is the contract.

Pure and strict: a file that is cut, of another version, or holds what no runner writes is
refused. What a broken driver or a closed node may hold is left out, never guessed.
"""

from __future__ import annotations

from qbench.formats.runner.result import (
    PROTOCOL_VERSION,
    Contact,
    JobReport,
    Prepared,
    ResultFile,
    SessionState,
    Waited,
    read_contact,
    read_prepared,
    read_report,
    read_state,
    read_waited,
    read_watched,
    split_result,
)
from qbench.formats.runner.run import read
from qbench.formats.runner.snapshot import Battery, Core, Skin, Snapshot, Zone
from qbench.formats.runner.telemetry import Sample

__all__ = [
    "PROTOCOL_VERSION",
    "Battery",
    "Contact",
    "Core",
    "JobReport",
    "Prepared",
    "ResultFile",
    "Sample",
    "SessionState",
    "Skin",
    "Snapshot",
    "Waited",
    "Zone",
    "read",
    "read_contact",
    "read_prepared",
    "read_report",
    "read_state",
    "read_waited",
    "read_watched",
    "split_result",
]
