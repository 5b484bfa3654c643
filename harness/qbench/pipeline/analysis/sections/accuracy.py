"""How right each model is."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.pipeline.analysis import markup
from qbench.pipeline.evaluation.records import Grade
from qbench.units import format_bytes


def accuracy(grades: Sequence[Grade]) -> str:
    heads = ("model", "size", "accuracy", "sensitivity", "specificity", "AUC", "told as by fp32")
    rows = []
    for g in grades:
        v = g.versus_fp32
        rows.append(
            (
                g.subject.title,
                format_bytes(g.subject.file_bytes),
                markup.share(g.accuracy),
                markup.share(g.sensitivity),
                markup.share(g.specificity),
                "-" if g.auc is None else f"{g.auc:.3f}",
                markup.share(v.agreement) if v else "-",
                f"{v.p_value:.2g}" if v else "-",
            )
        )
    positive = grades[0].positive
    found = (
        f" Sensitivity: the share of {markup.text(positive)} that was found." if positive else ""
    )
    return markup.table((*heads, "p"), rows) + (
        "<p class=note>In brackets 95 % intervals (Wilson): two accuracies whose intervals overlap "
        "may be the same. p: McNemar's exact test against fp32, after Holm's correction; a large "
        f"p is no proof that nothing was lost.{found}</p>"
    )
