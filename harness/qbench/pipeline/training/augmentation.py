"""Each image a little different each time: what must not matter is not learnt.

Left and right mean nothing in an ultrasound image, nor do a few pixels' shift or the scanner's
gain. Up and down do (shadows fall down), and so does the ratio of height to width.
"""

from __future__ import annotations

from typing import Any

_SHIFT = 1 / 16  # of the image's side
_GAIN = 0.15


def augment(module: Any, batch: Any, chance: Any) -> Any:
    """`batch` [n, 1, size, size] in 0..1, mirrored, shifted (edges reflected) and made brighter
    or darker at random. `chance` is a torch.Generator; nothing else decides."""
    count, size = batch.shape[0], batch.shape[-1]
    reach = max(1, int(size * _SHIFT))
    mirrored = module.rand(count, generator=chance) < 0.5
    offsets = module.randint(0, 2 * reach + 1, (count, 2), generator=chance).tolist()
    gains = 1 + _GAIN * (2 * module.rand(count, 1, 1, 1, generator=chance) - 1)
    batch = module.where(mirrored[:, None, None, None], batch.flip(3), batch)
    wide = module.nn.functional.pad(batch, (reach,) * 4, mode="reflect")
    shifted = [
        image[:, y : y + size, x : x + size] for image, (y, x) in zip(wide, offsets, strict=True)
    ]
    return (module.stack(shifted) * gains).clamp(0, 1)
