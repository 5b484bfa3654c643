"""Predictions beside published latencies, each by a fit that has not seen the row's network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qbench import profiles
from qbench.records import Tier
from qbench.simulator import anchors, fitting
from qbench.simulator.anchors import Group, Row
from qbench.simulator.baselines import Sized, roofline_us, simple_us
from qbench.simulator.cost import Coefficients
from qbench.simulator.fitting import Sample
from qbench.simulator.published import SOURCES, PublicRow, Source, place_row
from qbench.simulator.titles import Refused
from qbench.stats.fidelity import NotPredicted, Point


def recorded() -> list[tuple[Source, Row]]:
    """The rows on which the committed fits rest."""
    return [(s, row) for s in SOURCES if (group := _committed(s)) for row in group.rows]


def placed(table: Iterable[PublicRow]) -> tuple[list[tuple[Source, Row]], list[NotPredicted]]:
    """The rows of a table that can be predicted, and the others with the reason."""
    found: list[tuple[Source, Row]] = []
    missing: list[NotPredicted] = []
    for row in table:
        outcome = place_row(row)
        if isinstance(outcome, Refused):
            missing.append(
                NotPredicted(
                    unit=row.unit,
                    runtime=row.framework,
                    device=row.device,
                    model=row.model,
                    reason=outcome.reason,
                )
            )
        else:
            found.append(outcome)
    return found, missing


def points(rows: Sequence[tuple[Source, Row]]) -> list[Point]:
    """Every row predicted by the committed fit, or where that has seen the row's network, by a fit
    of the same rows without it; the band is then that of the other networks' left-out errors.

    Raises ProfileError when a profile or its anchors cannot be read.
    """
    found: list[Point] = []
    for source in SOURCES:
        mine = [row for s, row in rows if s is source]
        group = _committed(source)
        if mine and group is not None:
            found += _group_points(source, group, mine)
    return found


def _committed(source: Source) -> Group | None:
    found = anchors.load(source.profile)
    return found.group(source.unit, source.executors[0], source.dtype) if found else None


def _group_points(source: Source, group: Group, rows: Sequence[Row]) -> list[Point]:
    fitted = fitting.samples_of(source, group.rows)
    wanted = fitting.samples_of(source, rows)
    fits = fitting.without_each(fitted, source.unit, source.dtype)
    known = [_sized(source, *pair) for pair in zip(group.rows, fitted, strict=True)]
    sized = [_sized(source, *pair) for pair in zip(rows, wanted, strict=True)]
    found = []
    for row, sample, own in zip(rows, wanted, sized, strict=True):
        predicted_us, band = _predicted(group, fitted, fits, sample)
        flops, roofline = simple_us(own, [*known, *sized])
        found.append(
            Point(
                unit=source.unit,
                runtime=source.runtime,
                device=row.device,
                dtype=source.dtype,
                model=row.model,
                threads=row.threads,
                measured_us=row.latency_us,
                predicted_us=predicted_us,
                low_us=predicted_us / band,
                high_us=predicted_us * band,
                tier=Tier.S1,
                flops_only_us=flops,
                roofline_only_us=roofline,
            )
        )
    return found


def _predicted(
    group: Group, fitted: Sequence[Sample], fits: Mapping[str, Coefficients], sample: Sample
) -> tuple[float, float]:
    """(median in us, band ratio) without the sample's own network."""
    if sample.label not in fits:
        return fitting.predicted_us(sample, group.coefficients), group.residuals.band_ratio
    others = [s for s in fitted if s.label != sample.label]
    band = fitting.residuals(others, fitting.left_out(others, fits), group.unit).band_ratio
    return fitting.predicted_us(sample, fits[sample.label]), band


def _sized(source: Source, row: Row, sample: Sample) -> Sized:
    profile = profiles.load(source.profile)
    threads = row.threads or profile.cpu.default_threads
    return Sized(
        model=row.network,
        settings=(row.device, row.threads),
        measured_us=row.latency_us,
        macs=float(sample.model.macs or 0),
        roofline_us=roofline_us(sample.model, profile, source.unit, source.dtype, threads),
    )
