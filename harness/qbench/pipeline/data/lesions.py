"""What a made-up lesion looks like: the BI-RADS cues of each class, drawn at random.

Each cue (shape, margin, orientation, what lies behind) is drawn from the class's own range, but
with a chance of `_ATYPICAL` from the other class's: real lesions break each rule now and then, and
a reader who knows one cue only must fail on some of them. Size, place, contrast and everything
about the scanner are drawn alike for both classes.
(Cues: ACR BI-RADS ultrasound lexicon; Stavros et al., Radiology 196, 1995.)
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np

BENIGN, MALIGNANT = "benign", "malignant"
CLASSES = (BENIGN, MALIGNANT)

_ATYPICAL = 0.09


class Peak(msgspec.Struct, frozen=True):
    """A bump of the outline: where (radians), how high and how wide (share of radius, radians)."""

    angle: float
    height: float
    width: float


class Lesion(msgspec.Struct, frozen=True, kw_only=True):
    """Lengths are shares of the image's side. `aspect` is height over width.

    `behind_db`: echoes below the lesion against those beside it (shadow < 0 < enhancement).
    `decoy_x`, `decoy_db`: a band elsewhere that behaves as the other class's would, so that the
    mere darkness of an image's lower half tells nothing.
    """

    centre_x: float
    centre_y: float
    radius: float
    aspect: float
    tilt: float
    waves: tuple[Peak, ...]  # angle: phase; width: periods per turn
    spicules: tuple[Peak, ...]
    edge: float  # how far the edge is blurred
    contrast_db: float
    behind_db: float
    decoy_x: float
    decoy_db: float


def draw(label: str, rng: np.random.Generator) -> Lesion:
    """A lesion of class `label`."""

    def is_malignant() -> bool:
        return (label == MALIGNANT) != (rng.random() < _ATYPICAL)

    upright, rough, blurred, shadowing = (is_malignant() for _ in range(4))
    aspect = rng.uniform(0.95, 1.5) if upright else rng.uniform(0.5, 0.95)
    count = int(rng.integers(7, 14)) if rough else 0
    turn = rng.uniform(0, 2 * pi)
    spicules = tuple(
        Peak(
            turn + 2 * pi * (k + rng.uniform(-0.3, 0.3)) / count,
            rng.uniform(0.15, 0.6),
            rng.uniform(0.06, 0.14),
        )
        for k in range(count)
    )
    waves = tuple(
        Peak(rng.uniform(0, 2 * pi), rng.uniform(0.0, 0.05), periods) for periods in (2, 3, 4)
    )
    centre_x = rng.uniform(0.25, 0.75)
    side = -1 if centre_x - 0.25 > rng.uniform(0, 0.5) else 1
    shadow_db, enhanced_db = rng.uniform(-12.0, -3.0), rng.uniform(-3.0, 4.0)
    return Lesion(
        centre_x=centre_x,
        centre_y=rng.uniform(0.3, 0.65),
        radius=rng.uniform(0.09, 0.17),
        aspect=aspect,
        tilt=rng.normal(0.0, 0.12),
        waves=waves,
        spicules=spicules,
        edge=rng.uniform(0.010, 0.022) if blurred else rng.uniform(0.003, 0.010),
        contrast_db=rng.uniform(-20.0, -9.0),
        behind_db=shadow_db if shadowing else enhanced_db,
        decoy_x=centre_x + side * rng.uniform(0.22, 0.4),
        decoy_db=enhanced_db if shadowing else shadow_db,
    )
