"""Which layer quantization hurts most."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.pipeline.analysis import charts, markup
from qbench.pipeline.analysis.examination import Examination, Inside
from qbench.pipeline.analysis.noise import EXACT_DB, LayerNoise


def noise(of: Examination, numbered: markup.Numbered) -> str:
    return (
        "<p>SQNR is the power of a layer's fp32 output over the power of what quantization changed "
        "in it: 20 dB is an error of 10 %, 40 dB of 1 %. Noise that arrives is passed on, so the "
        "layer to blame is the one that <em>adds</em> the most to what arrives (ringed).</p>"
        + _noise_numbers(of.insides)
        + markup.charts(numbered, charts.NOISE, is_wide=True)
    )


def _noise_numbers(insides: Sequence[Inside]) -> str:
    rows = []
    for inside in insides:
        if inside.noise is None:
            rows.append((inside.subject.title, inside.refusal or "-", "", "", ""))
            continue
        worst, last = inside.noise.worst, inside.noise.layers[-1]
        exact = last.sqnr_db >= EXACT_DB
        rows.append(
            (
                inside.subject.title,
                f"{worst.op} {worst.name}",
                fall(worst),
                "exact" if exact else f"{last.sqnr_db:.1f} dB",
                f"{last.cosine:.5f}",
            )
        )
    heads = ("model", "adds most noise", "SQNR there", "SQNR at the output", "cosine there")
    return markup.table(heads, rows, words=(1,))


def fall(layer: LayerNoise) -> str:
    """`from 31.2 to 25.0 dB`."""
    arrives = "exact" if layer.before_db >= EXACT_DB else f"{layer.before_db:.1f}"
    return f"from {arrives} to {layer.sqnr_db:.1f} dB"
