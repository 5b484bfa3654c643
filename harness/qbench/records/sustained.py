"""A device under a load that goes on: what is predicted minute by minute."""

from __future__ import annotations

import msgspec

from qbench.records.run import Prediction, Tier


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """One minute of back-to-back invokes; the last one may be shorter.

    `p50_us` and `p90_us` are of invokes drawn with the noise prior (None: the profile has none);
    `undisturbed_us` is the median without noise, which decides who is ahead. `low_us` .. `high_us`
    is the 90 % band of the median: that of the cold prediction, widened by what the clocks do if
    power is as far off as the profile allows. `clock_ratio`, `power_mw`: means; `chip_c`, `skin_c`:
    at the end; `energy_mj`: of the whole device, per invoke.
    """

    minute: int  # from 1
    p50_us: int
    p90_us: int | None
    low_us: int
    high_us: int
    undisturbed_us: int
    invokes: int
    clock_ratio: float
    chip_c: float
    skin_c: float
    power_mw: int
    energy_mj: float


class Sustained(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated session of one process on a device that starts at rest.

    `cold` is the prediction that it starts from, with its own tier; `tier` is that of the curve.
    `throttles_s`: when clocks are first held down; `throttles_early_s` and `throttles_late_s` if
    power is `power_band_ratio` times what the profile says, or that much below. None: not within
    the time. `basis`: what heat and power rest on.
    """

    cold: Prediction
    tier: Tier
    ambient_c: float
    duration_s: float
    minutes: tuple[Minute, ...]
    throttles_s: float | None
    throttles_early_s: float | None
    throttles_late_s: float | None
    power_band_ratio: float
    basis: str


class Lead(msgspec.Struct, frozen=True):
    """From `minute` on, curve number `curve` has the lowest undisturbed median. `is_certain`: its
    band ends below where all others begin."""

    minute: int
    curve: int
    is_certain: bool
