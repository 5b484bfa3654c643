"""Rows of small colour-coded planes as one PNG, with what each row is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TILE = 96
_GAP = 6
_LABEL = 150
_TITLE = 30


class Row(NamedTuple):
    """Planes of one colour scale; from `low` < 0 it is one with white at 0."""

    label: str
    planes: Sequence[NDArray[Any]]
    low: float
    high: float


def picture(title: str, rows: Sequence[Row]) -> bytes:
    """The PNG file."""
    import numpy as np
    from PIL import Image, ImageDraw

    columns = max(len(row.planes) for row in rows)
    width = _LABEL + columns * (_TILE + _GAP)
    sheet = Image.new("RGB", (width, _TITLE + len(rows) * (_TILE + _GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((4, 8), title, fill="black")
    for number, row in enumerate(rows):
        top = _TITLE + number * (_TILE + _GAP)
        text = f"{row.label}\n{row.low:.3g} .. {row.high:.3g}"
        pen.multiline_text((4, top + _TILE // 2 - 12), text, fill="black", spacing=4)
        table = _colours(row.low < 0)
        for column, plane in enumerate(row.planes):
            share = (plane - row.low) / (row.high - row.low)
            index = np.clip(np.round(share * 255), 0, 255).astype(np.uint8)
            tile = Image.fromarray(table[index]).resize((_TILE, _TILE), Image.Resampling.NEAREST)
            sheet.paste(tile, (_LABEL + column * (_TILE + _GAP), top))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def _colours(has_middle: bool) -> NDArray[np.uint8]:
    """256 colours: viridis, or blue - white - red."""
    import numpy as np
    from plotly import colors  # type: ignore[import-untyped, unused-ignore]

    if has_middle:
        stops = [(33, 102, 172), (146, 197, 222), (255, 255, 255), (244, 165, 130), (178, 24, 43)]
    else:
        stops = [colors.hex_to_rgb(c) for c in colors.sequential.Viridis]
    at = np.linspace(0, 1, len(stops))
    shades = [np.interp(np.linspace(0, 1, 256), at, [s[c] for s in stops]) for c in range(3)]
    return np.stack(shades, axis=1).round().astype(np.uint8)
