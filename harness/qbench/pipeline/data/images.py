"""One image file -> an array of numbers in 0..1."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbench.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DICOM = (".dcm", ".dicom")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *_DICOM)


def is_image(path: Path) -> bool:
    """By its name."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read(path: Path, height: int, width: int, channels: int) -> NDArray[np.float32]:
    """[height, width, channels] in 0..1, grey (1) or RGB (3), brought to size bilinearly.

    A camera's turn (EXIF) is undone. More than 8 bits are kept; a DICOM image is shown through
    its own window, or from its least to its largest value. Raises InputError, naming the file,
    when it cannot be read or is no single image; MissingExtraError for DICOM without pydicom.
    """
    import numpy as np

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a decompression bomb Pillow only warns
            image = _dicom(path) if path.suffix.lower() in _DICOM else _picture(path, channels)
            shape = (height, width)
            planes = [_resized(image[:, :, c], shape) for c in range(image.shape[2])]
    except InputError:
        raise
    # Whatever a decoder raises on a damaged file; they know no common error.
    except Exception as error:
        raise InputError(
            f"{path}: cannot be read as an image: {str(error) or type(error).__name__}",
            hint="replace it or take it out of the folder",
        ) from error
    whole = np.stack(planes, axis=-1).astype(np.float32)
    return np.repeat(whole, channels, axis=2) if whole.shape[2] != channels else whole


def _picture(path: Path, channels: int) -> NDArray[np.float32]:
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):  # 16 bits of grey, which convert() would clip
            return np.asarray(image, np.float32)[:, :, None] / np.float32(65535)
        grey_or_rgb = image.convert("L" if channels == 1 else "RGB")
        values = np.asarray(grey_or_rgb, np.float32) / np.float32(255)
    return values if values.ndim == 3 else values[:, :, None]


def _dicom(path: Path) -> NDArray[np.float32]:
    import numpy as np

    try:
        import pydicom
        from pydicom.pixels import apply_modality_lut, apply_voi_lut
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"{path}: reading DICOM needs pydicom, which is not installed",
            hint='pip install "tflite-qbench[dicom]"  (in a checkout: pip install -e ".[dicom]")',
        ) from None
    file: Any = pydicom.dcmread(path)
    values = np.asarray(file.pixel_array)
    if values.ndim == 3 and values.shape[2] == 3:
        return values.astype(np.float32) / float(2**file.BitsStored - 1)
    if values.ndim != 2:
        raise ValueError(f"holds {' x '.join(map(str, values.shape))} values, not one image")
    values = np.asarray(apply_voi_lut(apply_modality_lut(values, file), file), np.float32)
    low, high = float(values.min()), float(values.max())
    shown = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.asarray(1 - shown if file.PhotometricInterpretation == "MONOCHROME1" else shown)[
        :, :, None
    ]


def _resized(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    import numpy as np
    from PIL import Image

    if plane.shape == shape:
        return plane
    height, width = shape
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32).clip(0, 1)
