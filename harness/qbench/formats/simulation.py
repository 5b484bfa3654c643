"""Reader of the simulator's output: one JSON object, `qbench.records.Prediction`."""

from __future__ import annotations

import msgspec

from qbench.errors import RunnerCrashedError, RunnerOutputError
from qbench.records import Prediction, RawOutput

_WEEK_US = 7 * 86_400 * 10**6


def read(raw: RawOutput) -> Prediction:
    """Raises RunnerCrashedError and RunnerOutputError; see `qbench.formats.read`."""
    if raw.exit_code not in (0, None):
        raise RunnerCrashedError(f"{raw.tool}: ended with exit code {raw.exit_code}")
    try:
        prediction = msgspec.json.decode(raw.stdout, type=Prediction)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise RunnerOutputError(f"{raw.tool}: output that cannot be read: {error}") from error
    problem = _contradiction(prediction)
    if problem is not None:
        raise RunnerOutputError(f"{raw.tool}: impossible output: {problem}")
    return prediction


def _contradiction(told: Prediction) -> str | None:
    """What cannot be true about this prediction; None: nothing found."""
    if not 0 < told.low_us <= told.p50_us <= told.high_us <= _WEEK_US:
        return f"a median of {told.p50_us} us in a band of {told.low_us} .. {told.high_us} us"
    if told.p90_us is not None and told.p90_us < told.p50_us:
        return f"a 90th percentile of {told.p90_us} us below a median of {told.p50_us} us"
    nodes, partitions = told.placement.nodes, told.placement.partitions
    if nodes is None or partitions is None:
        return "a prediction that counts no nodes"
    if min(nodes.cpu, nodes.gpu, nodes.npu) < 0:
        return f"{nodes}"
    if partitions < 0:
        return f"{partitions} partitions"
    if not told.basis:
        return "a number without a basis"
    return None
