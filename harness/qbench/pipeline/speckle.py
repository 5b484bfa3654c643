"""Images that look, to a convolution, like B-mode breast ultrasound: seeded and made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DYNAMIC_RANGE_DB = 60.0  # what B-mode displays commonly show


def speckle_images(count: int, seed: int, size: int = 224) -> NDArray[np.float32]:
    """`count` images, [count, size, size, 1] float32 in 0..1; image i depends on (seed, i) only.

    The envelope of fully developed speckle is Rayleigh distributed, i.e. the modulus of complex
    Gaussian noise (Burckhardt, IEEE Trans. Sonics Ultrason. 25, 1978); here of a grain two
    pixels wide, times a smooth echogenicity with one dark ellipse, log compressed.
    """
    import numpy as np

    images = np.empty((count, size, size, 1), np.float32)
    for index in range(count):
        images[index, :, :, 0] = _image(np.random.default_rng((seed, index)), size)
    return images


def _image(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    import numpy as np

    grain = rng.standard_normal((2, size // 2, size // 2))
    envelope = np.hypot(enlarge(grain[0], size), enlarge(grain[1], size))
    tissue_db = enlarge(rng.uniform(-12.0, 0.0, (6, 6)), size)
    y, x = np.mgrid[0:size, 0:size] / size
    centre_y, centre_x = rng.uniform(0.35, 0.65, 2)
    radius_y, radius_x = rng.uniform(0.08, 0.25, 2)
    inside = ((y - centre_y) / radius_y) ** 2 + ((x - centre_x) / radius_x) ** 2 < 1.0
    tissue_db = tissue_db - np.where(inside, rng.uniform(10.0, 25.0), 0.0)
    level_db = 20.0 * np.log10(envelope + 1e-6) + tissue_db
    shown: NDArray[np.float64] = (level_db - level_db.max()) / _DYNAMIC_RANGE_DB + 1.0
    return shown.clip(0.0, 1.0)


def enlarge(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Bilinear interpolation of a square array to [size, size], corners on corners."""
    import numpy as np

    at = np.linspace(0.0, len(values) - 1.0, size)
    low = np.minimum(at.astype(np.int64), len(values) - 2)
    part = at - low
    rows = values[low] * (1 - part)[:, None] + values[low + 1] * part[:, None]
    return np.asarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part)
