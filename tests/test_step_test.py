"""The step test of a calibration: known nodes come out of what a runner would have seen."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from click.testing import CliRunner

from qbench import profiles
from qbench.cli import group as qbench
from qbench.errors import PlanError
from qbench.formats.runner import JobReport
from qbench.formats.runner.snapshot import Battery, Core, Snapshot, Zone
from qbench.formats.runner.telemetry import Sample
from qbench.records import ComputeUnit, Thermal
from qbench.simulator import thermal as rule
from qbench.simulator.calibration import heat
from qbench.simulator.thermal import Heat

SD865 = profiles.load("sd865")
PRIOR = rule.thermal_of(SD865)
TRUE = msgspec.structs.replace(
    PRIOR, chip_c_per_w=6.0, chip_j_per_c=1.5, skin_c_per_w=6.5, skin_j_per_c=50.0
)
ZONES = ("cpu-0-0-usr", "cpu-1-0-usr", "gpuss-0-usr", "battery", "quiet-therm")


def seen_of(
    phases: list[tuple[float, int]],
    *,
    true: Thermal = TRUE,
    charging: bool = False,
    metered: bool = True,
    skin: str = "quiet-therm",
    every_s: float = 0.5,
) -> list[tuple[JobReport, int]]:
    """Runs of (seconds, threads) one after the other on a device at rest in air of 22 C."""
    random = Random(0)
    at, now_s, found = rule.steady(true, 0.7, 22.0), 0.0, []
    zones = tuple(Zone(i, 30_000, skin if i == 4 else k) for i, k in enumerate(ZONES))
    before = Snapshot(
        uptime_s=1.0,
        cores=(Core(number=7, hardware_max_khz=2_841_600),),
        zones=zones,
        battery=Battery(status=2 if charging else 3),
    )
    for duration_s, threads in phases:
        watts = (PRIOR.idle_mw + rule.unit_mw(SD865, ComputeUnit.CPU, threads)) / 1000
        samples = []
        for _ in range(round(duration_s / every_s)):
            at = rule.step(true, at, watts, 22.0, every_s)
            now_s += every_s
            c = (at.chip_c, at.chip_c - 1, at.chip_c - 4, at.skin_c - 1, at.skin_c)
            raw = {i: round((x + random.gauss(0, 0.2)) * 10) * 100 for i, x in enumerate(c)}
            current = -round(watts / 4.1 * 1e6) if metered else None
            samples.append(
                Sample(
                    at_s=now_s,
                    zones_raw=raw,
                    cores_khz={7: 2_841_600},
                    queue_ns={},
                    battery_current_ua=current,
                    battery_voltage_uv=4_100_000,
                )
            )
        found.append(
            (
                JobReport(
                    job="0",
                    status=0,
                    not_run=None,
                    is_timed_out=False,
                    is_cool=True,
                    cooled_s=0.0,
                    started_s=now_s - duration_s,
                    ended_s=now_s,
                    before=before,
                    after=before,
                    samples=tuple(samples),
                ),
                threads,
            )
        )
    return found


def nodes(found: heat.StepTest | Thermal) -> list[float]:
    return [found.chip_c_per_w, found.chip_j_per_c, found.skin_c_per_w, found.skin_j_per_c]


@pytest.mark.parametrize(("metered", "charging"), [(True, False), (False, False), (True, True)])
def test_nodes_come_back_within_5_percent_of_those_that_were_simulated(
    metered: bool, charging: bool
) -> None:
    reports = seen_of([(450, 4), (150, 1)], metered=metered, charging=charging)
    looks, basis = heat.looks(reports, SD865)
    # A battery that is charged says nothing of what the device takes.
    assert ("battery" in basis) == (metered and not charging)
    found = heat.fit(looks, PRIOR, basis)
    assert nodes(found) == pytest.approx(nodes(TRUE), rel=0.05)
    assert found.ambient_c == pytest.approx(22.0, abs=1.0)
    assert found.rms_c < 0.4
    assert max(found.sigma_ratio.values()) < 0.1


def test_scaled_time_is_shorter_time_constants() -> None:
    quick = msgspec.structs.replace(
        TRUE, chip_j_per_c=TRUE.chip_j_per_c / 5, skin_j_per_c=TRUE.skin_j_per_c / 5
    )
    looks, basis = heat.looks(seen_of([(90, 4), (30, 1)], true=quick), SD865)
    assert nodes(heat.fit(looks, PRIOR, basis)) == pytest.approx(nodes(quick), rel=0.08)


def test_what_a_short_test_does_not_show_stays_what_it_was_and_is_told_as_unsure() -> None:
    looks, basis = heat.looks(seen_of([(20, 4)]), SD865)
    found = heat.fit(looks, PRIOR, basis)
    assert found.chip_c_per_w == pytest.approx(TRUE.chip_c_per_w, rel=0.15)
    assert found.sigma_ratio["skin_c_per_w"] > 0.3 > found.sigma_ratio["chip_c_per_w"]


def test_without_both_temperatures_there_are_no_looks_and_the_reason_is_told() -> None:
    reports = seen_of([(60, 4)], skin="modem")
    bare = [
        (msgspec.structs.replace(r, before=msgspec.structs.replace(r.before, zones=())), t)
        for r, t in reports
    ]
    looks, reason = heat.looks(bare, SD865)
    assert not looks
    assert heat.NOT_DONE in reason
    # The battery is the nearest to the skin where nothing is called skin.
    assert heat.looks(reports, SD865)[0]


def test_a_profile_takes_the_nodes_over_and_says_where_they_are_from() -> None:
    looks, basis = heat.looks(seen_of([(450, 4), (150, 1)]), SD865)
    found = heat.fit(looks, PRIOR, basis)
    taken = rule.thermal_of(heat.with_step_test(SD865, found, "a phone"))
    assert nodes(taken) == nodes(found)
    assert taken.trips == PRIOR.trips
    assert "10 min of a phone" in taken.basis
    assert PRIOR.basis in taken.basis
    assert heat.with_step_test(SD865, None, "a phone") is SD865
    warm = rule.steady(taken, 3.0, 25.0)
    assert isinstance(warm, Heat)
    assert warm.skin_c != rule.steady(PRIOR, 3.0, 25.0).skin_c


def test_what_can_not_be_heated_is_refused_before_anything_is_measured() -> None:
    asked = ["calibrate", "--device", "host", "--thermal-step", "10", "--dry-run"]
    ran = CliRunner().invoke(qbench, asked, standalone_mode=False)
    assert isinstance(ran.exception, PlanError)
    assert "attached devices" in str(ran.exception)
