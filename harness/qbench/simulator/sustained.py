"""Minutes of back-to-back invokes: latency falls behind as the clocks are held down by heat.

Every second the power of the last second heats the chip and the body (`thermal`), trip points
decide which clocks are allowed, and the cost rule says how long an invoke takes at these clocks.
Three runs of this, with the profile's power and with power as far above and below it as the
profile allows, give the curve and its band.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import median

import msgspec

from qbench.records import (
    ComputeUnit,
    Delegate,
    DeviceProfile,
    Lead,
    Minute,
    ModelInfo,
    Sustained,
    Thermal,
    Tier,
)
from qbench.simulator import thermal as heat
from qbench.simulator.cost import KernelCost
from qbench.simulator.dynamics import Scatter
from qbench.simulator.oracle import Oracle
from qbench.simulator.thermal import POLL_S, Heat

MINUTE_S = 60.0
# Invokes that are drawn in a second at most: enough for a p90 of a minute within 0.3 sigma.
_DRAWN = 16
_BY_THE_CORE = ("overhead", "segment")


class Level(msgspec.Struct, frozen=True):
    """An invoke with the clocks at one cap: its undisturbed median, and the mean power meanwhile,
    above idle."""

    latency_us: float
    busy_mw: float


class Moment(msgspec.Struct, frozen=True):
    """One second: under which cap it passed, and the heat at its end."""

    cap_ratio: float
    power_mw: float
    after: Heat


def sustain(
    oracle: Oracle,
    model: ModelInfo,
    delegate: Delegate,
    threads: int,
    *,
    duration_s: float,
    ambient_c: float,
    generator: Random,
) -> Sustained:
    """The device begins at rest: idle for long in air of `ambient_c`.

    Raises what `Oracle.foresee` raises, and ProfileError when the profile says nothing of heat or
    of the power of a unit that is used.
    """
    profile = oracle.profile
    thermal = heat.thermal_of(profile)
    told = oracle.foresee(model, delegate, threads)
    cold, levels = told.prediction, {1.0: _level(told.lines, told.lines, profile, threads, 1.0)}
    for ratio in {trip.clock_ratio for trip in thermal.trips}:
        held = oracle.on(slowed(profile, ratio)).foresee(model, delegate, threads)
        levels[ratio] = _level(told.lines, held.lines, profile, threads, ratio)
    band = thermal.power_band_ratio
    likely, hot, cool = (
        moments(thermal, levels, ratio, duration_s, ambient_c) for ratio in (1, band, 1 / band)
    )
    scatter = Scatter(profile.noise, generator) if profile.noise else None
    per_minute = round(MINUTE_S / POLL_S)
    minutes = []
    full_us = levels[1.0].latency_us
    for start in range(0, len(likely), per_minute):
        span = slice(start, start + per_minute)
        medians = [_median_us(levels, run[span]) for run in (likely, hot, cool)]
        low_us = cold.low_us * min(medians) / full_us
        high_us = cold.high_us * max(medians) / full_us
        minutes.append(
            _minute(start // per_minute + 1, levels, likely[span], scatter, low_us, high_us)
        )
    return Sustained(
        cold=cold,
        tier=Tier.S0,  # nobody has measured the heat of any device
        ambient_c=ambient_c,
        duration_s=duration_s,
        minutes=tuple(minutes),
        throttles_s=_first_held_s(likely),
        throttles_early_s=_first_held_s(hot),
        throttles_late_s=_first_held_s(cool),
        power_band_ratio=band,
        basis=thermal.basis,
    )


def moments(
    thermal: Thermal,
    levels: dict[float, Level],
    power_ratio: float,
    duration_s: float,
    ambient_c: float,
) -> list[Moment]:
    """Second by second; `power_ratio` scales what the units take above idle."""
    at = heat.steady(thermal, thermal.idle_mw / 1000, ambient_c)
    is_set: tuple[bool, ...] = (False,) * len(thermal.trips)
    found = []
    for _ in range(max(1, round(duration_s / POLL_S))):
        is_set = heat.tripped(thermal.trips, is_set, at)
        cap = heat.cap_ratio(thermal.trips, is_set)
        power_mw = thermal.idle_mw + levels[cap].busy_mw * power_ratio
        at = heat.step(thermal, at, power_mw / 1000, ambient_c, POLL_S)
        found.append(Moment(cap, power_mw, at))
    return found


def slowed(profile: DeviceProfile, ratio: float) -> DeviceProfile:
    """The profile with all clocks at `ratio` of the highest; the memory keeps its own."""

    def scaled(rate: float | None) -> float | None:
        return None if rate is None else rate * ratio

    change = msgspec.structs.replace
    clusters = tuple(
        c if c.max_khz is None else change(c, max_khz=round(c.max_khz * ratio))
        for c in profile.cpu.clusters
    )
    gpu, npu = profile.gpu, profile.npu
    return change(
        profile,
        cpu=change(profile.cpu, clusters=clusters),
        gpu=gpu and change(gpu, fp16_macs_per_s=scaled(gpu.fp16_macs_per_s)),
        npu=npu
        and change(
            npu,
            int8_macs_per_s=scaled(npu.int8_macs_per_s),
            fp16_macs_per_s=scaled(npu.fp16_macs_per_s),
        ),
    )


def _level(
    full: Sequence[KernelCost],
    held: Sequence[KernelCost],
    profile: DeviceProfile,
    threads: int,
    ratio: float,
) -> Level:
    """From the break-downs at the highest clocks and at `ratio` of them."""
    by_unit: dict[ComputeUnit, float] = {}
    for before, after in zip(full, held, strict=True):
        by_unit[before.unit] = by_unit.get(before.unit, 0.0) + _held_us(before, after, ratio)
    total_us = max(sum(by_unit.values()), 1.0)
    busy_mw = sum(
        time_us / total_us * heat.unit_mw(profile, unit, threads)
        for unit, time_us in by_unit.items()
        if time_us
    )
    thermal = heat.thermal_of(profile)
    return Level(total_us, busy_mw * heat.clocked_power_ratio(thermal, ratio))


def _held_us(full: KernelCost, held: KernelCost, ratio: float) -> float:
    """A kernel's time at lower clocks. The cost rule leaves what starts a kernel as it is; on a
    core that is instructions too, and slower by as much as the clock."""
    if full.unit is ComputeUnit.CPU and full.bound_by in _BY_THE_CORE:
        return full.time_us / ratio
    return held.time_us


def _median_us(levels: dict[float, Level], run: Sequence[Moment]) -> float:
    return median(levels[moment.cap_ratio].latency_us for moment in run)


def _minute(
    number: int,
    levels: dict[float, Level],
    run: Sequence[Moment],
    scatter: Scatter | None,
    low_us: float,
    high_us: float,
) -> Minute:
    invokes = sum(POLL_S * 1e6 / levels[moment.cap_ratio].latency_us for moment in run)
    power_mw = sum(moment.power_mw for moment in run) / len(run)
    undisturbed_us = round(_median_us(levels, run))
    p50_us, p90_us = undisturbed_us, None
    if scatter is not None:
        drawn = sorted(_drawn(levels, run, scatter))
        p50_us, p90_us = (round(drawn[len(drawn) * percent // 100]) for percent in (50, 90))
    return Minute(
        minute=number,
        p50_us=p50_us,
        p90_us=p90_us,
        low_us=max(1, min(p50_us, int(low_us))),
        high_us=max(p50_us, round(high_us)),
        undisturbed_us=undisturbed_us,
        invokes=max(1, round(invokes)),
        clock_ratio=round(sum(moment.cap_ratio for moment in run) / len(run), 3),
        chip_c=round(run[-1].after.chip_c, 1),
        skin_c=round(run[-1].after.skin_c, 1),
        power_mw=round(power_mw),
        energy_mj=power_mw * len(run) * POLL_S / invokes,
    )


def _drawn(levels: dict[float, Level], run: Sequence[Moment], scatter: Scatter) -> list[float]:
    """Latencies of invokes spread over the minute; the first second's follow one another, as the
    process warms up then."""
    drawn = []
    for moment in run:
        latency_us = levels[moment.cap_ratio].latency_us
        there_are = POLL_S * 1e6 / latency_us
        count = max(1, min(_DRAWN, int(there_are)))
        stride = there_are / count if scatter.is_warm else 1.0
        drawn += [latency_us * scatter.draw(max(1.0, stride)) for _ in range(count)]
    return drawn


def _first_held_s(run: Sequence[Moment]) -> float | None:
    for index, moment in enumerate(run):
        if moment.cap_ratio < 1:
            return index * POLL_S
    return None


def leads(curves: Sequence[Sustained]) -> tuple[Lead, ...]:
    """Who is ahead from which minute on; one entry when nobody is overtaken. Of equals, who was
    ahead stays ahead."""
    found: list[Lead] = []
    for index in range(min((len(curve.minutes) for curve in curves), default=0)):
        now = [curve.minutes[index] for curve in curves]
        best = min(range(len(now)), key=lambda i: now[i].undisturbed_us)
        if found and now[found[-1].curve].undisturbed_us <= now[best].undisturbed_us:
            continue
        others = [m.low_us for i, m in enumerate(now) if i != best]
        certain = now[best].high_us < min(others, default=now[best].high_us + 1)
        found.append(Lead(index + 1, best, certain))
    return tuple(found)
