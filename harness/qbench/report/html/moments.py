"""When a run began. A device works through its list alone, and whoever collects the results may
come much later: so its own clock counts, not the host's, which noted when it looked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from qbench.records import RunRecord


def moments(records: Iterable[RunRecord]) -> dict[int, datetime]:
    """Of the runs of one device, by sequence number. Where the device tells its uptime, that of the
    first run of a boot is tied to what the host noted for it, and the others follow by uptime."""
    anchors: dict[str, tuple[datetime, float]] = {}
    found: dict[int, datetime] = {}
    for record in sorted(records, key=lambda record: record.sequence):
        noted = datetime.fromisoformat(record.started_at)
        state = record.before
        if state is None or state.uptime_s is None or state.boot_id is None:
            found[record.sequence] = noted
            continue
        moment, uptime_s = anchors.setdefault(state.boot_id, (noted, state.uptime_s))
        found[record.sequence] = moment + timedelta(seconds=state.uptime_s - uptime_s)
    return found
