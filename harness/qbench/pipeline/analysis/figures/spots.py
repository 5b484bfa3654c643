"""What charts of timed models share."""

from __future__ import annotations

from qbench.pipeline.analysis.front import Spot


def band_ends(spot: Spot) -> tuple[float, float] | None:
    """The ends of a timing's interval in milliseconds, as an axis shows them."""
    band = spot.timing.band
    return (band.low / 1000, band.high / 1000) if band else None
