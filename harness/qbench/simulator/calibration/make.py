"""Everything that was answered -> a calibration, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from qbench import __version__
from qbench.errors import ProfileError
from qbench.records import DeviceInfo, DeviceProfile
from qbench.simulator.calibration import fit, plausible
from qbench.simulator.calibration.document import SCHEMA_VERSION, Answer, Calibration
from qbench.simulator.calibration.measure import CONTENDED_RATIO, Asked, Models
from qbench.simulator.calibration.reuse import Caches
from qbench.simulator.kernels import Dtype

# PRIOR: a small core's caches, where a profile does not tell.
_L1D_BYTES, _L2_BYTES = 32_768, 262_144


def caches_of(profile: DeviceProfile) -> Caches:
    """Of the fastest core."""
    cluster = profile.cpu.clusters[0]
    core = profile.cpu.core_types[cluster.core_type]
    return Caches(
        l1d_bytes=core.l1d_bytes or _L1D_BYTES,
        l2_bytes=cluster.l2_bytes or _L2_BYTES,
        l3_bytes=profile.cpu.slc_bytes or profile.cpu.l3_bytes,
    )


def make(
    asked: Asked,
    profile: DeviceProfile,
    info: DeviceInfo,
    fingerprint: str,
    created_at: str,
) -> Calibration:
    """A group for each data type and number of threads that has answers.

    Raises ProfileError when there are too few of them or when they cannot be true.
    """
    models = Models()
    keys = sorted({(a.dtype, a.threads) for a in asked.answers})
    if not keys:
        raise ProfileError(
            "calibration: nothing was measured", hint="give it more time: --budget-s"
        )
    singles = {key: _known(models, asked.answers, *key, is_network=False) for key in keys}
    fewest = min(threads for _, threads in keys)
    alone = {dtype: known for (dtype, threads), known in singles.items() if threads == fewest}
    caches = fit.with_own_share(alone, profile, caches_of(profile))
    groups = []
    for key in keys:
        networks = _known(models, asked.answers, *key, is_network=True)
        groups.append(fit.fit(singles[key], networks, *key, profile, caches))
    return Calibration(
        schema_version=SCHEMA_VERSION,
        profile=profile.name,
        device=info.title,
        origin=info.origin,
        fingerprint=fingerprint,
        runtime=asked.tool or info.runtime or "unknown",
        tool_sha256=asked.tool_sha256,
        created_at=created_at,
        qbench_version=__version__,
        max_khz=plausible.fastest_khz(profile),
        caches=caches,
        drift_ratio=round(asked.drift_ratio, 4),
        groups=tuple(groups),
        answers=asked.answers,
    )


def contended(answers: Sequence[Answer]) -> int:
    """How many answers come from runs that waited for a processor."""
    return sum((a.wait_ratio or 0) > CONTENDED_RATIO for a in answers)


def _known(
    models: Models, answers: Sequence[Answer], dtype: Dtype, threads: int, *, is_network: bool
) -> list[fit.Known]:
    """One value for each model: the median of its processes."""
    found: dict[str, list[float]] = {}
    for a in answers:
        if (a.dtype, a.threads, a.is_network) == (dtype, threads, is_network):
            found.setdefault(a.name, []).append(a.latency_us)
    return [
        fit.Known(name, models.of(name, dtype, is_network=is_network), median(values))
        for name, values in found.items()
    ]
