"""Failures, taints and notes in words, each once, with the cases it is true of."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.records import Stability, Summary, Taint
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import section
from qbench.report.html.markup import Html, join, tag
from qbench.report.html.rowplot import model_title
from qbench.report.html.words import TAINTS, VERDICTS, many
from qbench.report.remarks import Remark, remarks
from qbench.units import printable

_MOST_LINKS = 12
_TITLES = {"failed": "Failures", "taint": "Taints", "note": "Notes"}


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    anchors = {id(line.summary): line.anchor for line in lines}
    found = remarks(line.summary for line in lines)
    parts: list[Html] = []
    for kind, title in _TITLES.items():
        mine = [remark for remark in found if remark.kind == kind]
        if mine:
            items = [_item(remark, anchors) for remark in mine]
            parts += [tag("h3", title), tag("dl", items, cls=f"remarks {kind}")]
    verdicts = _verdicts(lines)
    if verdicts is not None:
        parts += [tag("h3", "Verdicts on stability"), verdicts]
    if not parts:
        return None
    return section("remarks", "What to know", join(parts))


def _item(remark: Remark, anchors: dict[int, str]) -> Html:
    where = _links(remark.summaries, anchors)
    if remark.kind == "taint":
        what, remedy = TAINTS[Taint(remark.text)]
        return join(
            tag("dt", remark.text, tag("span", many(len(remark.summaries), "case"), cls="count")),
            tag("dd", tag("p", what), tag("p", tag("b", "What helps: "), remedy), where),
        )
    return join(tag("dt", printable(remark.text)), tag("dd", where))


def _links(summaries: Sequence[Summary], anchors: dict[int, str]) -> Html:
    links = [
        tag(
            "a",
            f"{model_title(s.case)} {s.case.delegate}@{s.case.device}",
            href=f"#{anchors[id(s)]}",
        )
        for s in summaries[:_MOST_LINKS]
    ]
    more = f" and {len(summaries) - _MOST_LINKS} more" if len(summaries) > _MOST_LINKS else None
    return tag("p", [join(link, " ") for link in links], more, cls="links")


def _verdicts(lines: Sequence[Line]) -> Html | None:
    groups: dict[Stability, list[Line]] = {}
    for line in lines:
        if line.summary.verdict is not None:
            groups.setdefault(line.summary.verdict, []).append(line)
    if not groups:
        return None
    items = [
        join(
            tag("dt", verdict.value, tag("span", many(len(members), "case"), cls="count")),
            tag("dd", tag("p", f"{VERDICTS[verdict]}.")),
        )
        for verdict, members in groups.items()
    ]
    return tag("dl", items, cls="remarks verdicts")
