"""From a lesion to a B-mode image: layered tissue, attenuation, speckle, log compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbench.pipeline.data.lesions import Lesion
from qbench.pipeline.speckle import enlarge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def render(lesion: Lesion, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """`lesion` in random tissue, seen by a random scanner: [size, size], rows are depth.

    Echoes are complex Gaussian scatterers times the tissue's amplitude, blurred by the scanner's
    pulse (which makes the speckle: Burckhardt, IEEE Trans. Sonics Ultrason. 25, 1978), then
    log-compressed.
    """
    import numpy as np
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[0:size, 0:size] / size
    inside = _inside(lesion, y, x)
    level_db = _tissue(rng, y, x) * (1 - inside) + inside * _core(lesion, rng, size)
    level_db += _behind(lesion, y, x) * (1 - inside)
    level_db -= y * rng.uniform(0.0, 12.0)  # attenuation that the scanner did not make up for
    amplitude = 10 ** (level_db / 20)
    pulse = (rng.uniform(0.6, 1.0), rng.uniform(1.0, 2.0))  # axial, lateral, in pixels of 224
    pulse = (pulse[0] * size / 224, pulse[1] * size / 224)
    real, imaginary = (
        gaussian_filter(rng.standard_normal((size, size)) * amplitude, pulse) for _ in range(2)
    )
    shown_db = 20 * np.log10(np.hypot(real, imaginary) + 1e-6)
    top_db = np.quantile(shown_db, 0.995) + rng.uniform(-3.0, 6.0)
    grey = 1 + (shown_db - top_db) / rng.uniform(45.0, 60.0)
    return np.asarray((grey.clip(0, 1) * 255).round(), np.uint8)


def _inside(lesion: Lesion, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 inside, 0 outside, blurred over `lesion.edge`."""
    import numpy as np

    across, down = x - lesion.centre_x, y - lesion.centre_y
    cos, sin = np.cos(lesion.tilt), np.sin(lesion.tilt)
    across, down = across * cos + down * sin, down * cos - across * sin
    root = np.sqrt(lesion.aspect)
    u, v = across * root, down / root  # the ellipse becomes a circle of the same area
    angle = np.arctan2(v, u)
    outline = np.ones_like(angle)
    for wave in lesion.waves:
        outline += wave.height * np.cos(wave.width * angle + wave.angle)
    for spicule in lesion.spicules:
        away = (angle - spicule.angle + np.pi) % (2 * np.pi) - np.pi
        outline += spicule.height * np.exp(-((away / spicule.width) ** 2))
    outline /= np.sqrt(np.mean(outline**2))  # the area is the same with and without spicules
    distance = lesion.radius * outline - np.hypot(u, v)
    blurred: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(distance / lesion.edge * 2, -50, 50)))
    return blurred


def _core(lesion: Lesion, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    return lesion.contrast_db - 6 + rng.uniform(0.5, 2.5) * _smooth(rng, size, 16)


def _behind(lesion: Lesion, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """dB below the lesion and in the decoy's band, growing over the first part of the depth."""
    import numpy as np

    half = lesion.radius / np.sqrt(lesion.aspect)
    below = np.clip((y - lesion.centre_y) / (lesion.radius * np.sqrt(lesion.aspect)), 0, 1)
    level_db = np.zeros_like(x)
    for at, db in ((lesion.centre_x, lesion.behind_db), (lesion.decoy_x, lesion.decoy_db)):
        within = 1 / (1 + np.exp((np.abs(x - at) - 0.8 * half) / 0.015))
        level_db += db * within * below
    return level_db


def _tissue(
    rng: np.random.Generator, y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """dB of skin, fat, gland and muscle over depth, with wavy boundaries and bright fasciae."""
    import numpy as np

    size = len(y)
    depth = y.copy()
    for periods in (0.7, 1.6, 3.1):
        phase = rng.uniform(0, 2 * np.pi)
        depth += rng.uniform(0, 0.02) * np.sin(2 * np.pi * periods * x + phase)
    skin, fat, gland = (
        rng.uniform(0.03, 0.06),
        rng.uniform(0.16, 0.3),
        rng.uniform(0.68, 0.85),
    )
    knots = [0, skin, skin + 0.01, fat, fat + 0.02, gland, gland + 0.02, 1.2]
    fat_db, gland_db, muscle_db = rng.uniform(-12, -7), rng.uniform(-5, 0), rng.uniform(-11, -5)
    levels = [0, 0, fat_db, fat_db, gland_db, gland_db, muscle_db, muscle_db]
    level_db = np.interp(depth, knots, levels)
    for at in (fat, gland, gland + rng.uniform(0.04, 0.1)):
        level_db += rng.uniform(2, 8) * np.exp(-(((depth - at) / 0.006) ** 2))
    level_db += rng.uniform(1.0, 3.0) * _smooth(rng, size, 11)
    return np.asarray(level_db)


def _smooth(rng: np.random.Generator, size: int, grains: int) -> NDArray[np.float64]:
    """Random [size, size], mean 0, standard deviation 1, with `grains` grains a side."""
    import numpy as np

    field = enlarge(rng.standard_normal((grains, grains)), size)
    return np.asarray((field - field.mean()) / field.std())
