"""Rows of small colour-coded planes as one PNG, with what each row is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TILE = 112
_GAP = 6
_LABEL = 168
_TITLE = 40
_BAR = (132, 8)  # of a row's colours


class Row(NamedTuple):
    """Planes of one colour scale; from `low` < 0 it is one with white at 0."""

    label: str
    planes: Sequence[NDArray[Any]]
    low: float
    high: float


def picture(title: str, rows: Sequence[Row]) -> bytes:
    """The PNG file."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    columns = max(len(row.planes) for row in rows)
    width = _LABEL + columns * (_TILE + _GAP)
    sheet = Image.new("RGB", (width, _TITLE + len(rows) * (_TILE + _GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(17), ImageFont.load_default(13)
    pen.text((12, 9), title, fill="black", font=large)
    for number, row in enumerate(rows):
        top = _TITLE + number * (_TILE + _GAP)
        table = _colours(row.low < 0)
        pen.text((12, top + 24), row.label, fill="black", font=large)
        bar = Image.fromarray(np.repeat(table[None], _BAR[1], axis=0)).resize(_BAR)
        sheet.paste(bar, (12, top + 52))
        pen.text((12, top + 64), f"{row.low:.3g}", fill="#444", font=small)
        pen.text((12 + _BAR[0], top + 64), f"{row.high:.3g}", fill="#444", font=small, anchor="ra")
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
