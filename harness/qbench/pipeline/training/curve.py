"""The training curve as an SVG: losses and validation accuracy over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qbench.pipeline.training.checkpoint import Checkpoint

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 56, 56, 40
_COLOURS = {"training loss": "#4c72b0", "validation loss": "#dd8452", "accuracy": "#55a868"}


def render_svg(said: Checkpoint) -> str:
    """Losses on the left axis from 0, validation accuracy on the right from 0 to 1."""
    history = said.history
    top = max(max(e.train_loss, e.val_loss) for e in history) or 1.0
    lines = {
        "training loss": [e.train_loss / top for e in history],
        "validation loss": [e.val_loss / top for e in history],
        "accuracy": [e.val_accuracy for e in history],
    }
    title = f"{said.arch}: {said.trained_on}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title[:90])}</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share * top:.2f}</text>'
            f'<text x="{_WIDTH - _RIGHT + 8}" y="{y + 4:.1f}">{share:.2f}</text>'
        )
    for place, (name, values) in enumerate(lines.items()):
        colour = _COLOURS[name]
        points = " ".join(f"{_x(i, len(values)):.1f},{_y(v):.1f}" for i, v in enumerate(values))
        side = "right" if name == "accuracy" else "left"
        x = _LEFT + place * 200
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<rect x="{x}" y="32" width="12" height="12" fill="{colour}"/>'
            f'<text x="{x + 18}" y="42">{name} ({side})</text>'
        )
    for number in _ticks(len(history)):
        parts.append(
            f'<text x="{_x(number - 1, len(history)):.1f}" y="{_HEIGHT - 16}" '
            f'text-anchor="middle">{number}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _ticks(count: int) -> Sequence[int]:
    step = max(1, -(-count // 10))
    return range(1, count + 1, step)


def _x(index: int, count: int) -> float:
    span = _WIDTH - _LEFT - _RIGHT
    return _LEFT + (span * index / (count - 1) if count > 1 else span / 2)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
