"""Weights, feature maps and filters, fp32 beside quantized."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from qbench.pipeline.analysis import charts, markup
from qbench.pipeline.analysis.examination import Examination


def weights(of: Examination, numbered: markup.Numbered) -> str:
    if not any(inside.weights for inside in of.insides):
        return ""
    return (
        "<p>The fp32 values above, the integers in [-127, 127] that stand for them below. Each "
        "channel has a scale of its own, so the lower form is wider than the upper one.</p>"
        + markup.charts(numbered, charts.WEIGHTS, is_wide=False)
    )


def maps(of: Examination) -> Iterator[str]:
    if not any(inside.maps for inside in of.insides):
        return
    yield (
        "<p>The first and the last convolution on one image: fp32 and int8 on one colour scale, "
        "their difference on its own, with white at 0. The eight channels that vary most.</p>"
    )
    for inside in of.insides:
        for one in inside.maps:
            data = base64.b64encode(one.png).decode()
            caption = markup.text(
                f"{inside.subject.network}: {one.what} of the {one.where}; largest difference "
                f"{100 * one.error_ratio:.1f} % of the largest value"
            )
            yield (
                f"<figure><div class=scroll tabindex=0><img alt='{caption}' "
                f"src='data:image/png;base64,{data}'></div><figcaption>{caption}</figcaption>"
                "</figure>"
            )
