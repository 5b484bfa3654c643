"""Memory lines of all generations. The tool's "MB" are KiB / 1024, i.e. MiB."""

from __future__ import annotations

import re

import msgspec

from qbench.formats.benchmark_model.report import MemoryUse
from qbench.formats.benchmark_model.timings import NUMBER, number

_GROWTH = re.compile(
    r"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): "
    rf"init=(?P<init_bytes>{NUMBER}) overall=(?P<overall_bytes>{NUMBER})\s{{0,9}}"
)
_PEAK = re.compile(
    r"Overall peak memory footprint \(MB\) via periodic monitoring: "
    rf"(?P<peak_bytes>{NUMBER})\s{{0,9}}"
)
_STATUS = (
    re.compile(rf"- VmRSS {{0,40}}: (?P<rss_bytes>{NUMBER}) MB\s{{0,9}}"),
    re.compile(rf"\+ RssAnnon {{0,40}}: (?P<rss_anon_bytes>{NUMBER}) MB\s{{0,9}}"),
    re.compile(rf"\+ RssFile \+ RssShmem {{0,40}}: (?P<rss_file_bytes>{NUMBER}) MB\s{{0,9}}"),
)
_OLDEST = re.compile(
    r"(?:Init |Overall |Memory usage: )?"
    rf"max resident set size = (?P<max_rss_bytes>{NUMBER}) MB, "
    rf"total malloc-ed size = (?P<malloc_bytes>{NUMBER}) MB, "
    rf"in-use allocated/mmapped size = (?P<in_use_bytes>{NUMBER}) MB\.?\s{{0,9}}"
)
PREFIXES = (
    "Memory footprint delta",
    "Peak memory footprint",
    "Overall peak memory",
    "- VmRSS",
    "+ Rss",
    "max resident set",
    "Init max resident",
    "Overall max resident",
    "Memory usage: max",
)
_LARGEST_MIB = 2**32
_ALL = (_GROWTH, _PEAK, *_STATUS, _OLDEST)


def read_memory(text: str, known: MemoryUse) -> MemoryUse | None:
    """`known` with what this line adds; None if it is not a whole memory line."""
    for pattern in _ALL:
        found = pattern.fullmatch(text)
        if found:
            values = {name: _to_bytes(value) for name, value in found.groupdict().items()}
            return msgspec.structs.replace(known, **values)
    return None


def _to_bytes(text: str) -> int | None:
    return mib_to_bytes(number(text))


def mib_to_bytes(mib: float | None) -> int | None:
    """The tool divides whole KiB by 1024 and prints six digits: up to 976 MiB nothing is lost."""
    if mib is None or abs(mib) > _LARGEST_MIB:
        return None
    return round(mib * 1024) * 1024
