"""Cases as rows of a horizontal plot, under the name of their model, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from qbench.records import Case, Origin
from qbench.report.html.content import Line
from qbench.report.html.figure import ROW_PX, ROWS_PER_PAGE
from qbench.report.html.markup import in_plot
from qbench.units import printable

_LABEL_CHARACTERS = 28


class RowPage(msgspec.Struct, frozen=True):
    """`places` has the y of every line; `labels` one text per y, empty at headings."""

    label: str
    lines: tuple[Line, ...]
    places: tuple[int, ...]
    labels: tuple[str, ...]
    heads: tuple[tuple[float, str], ...]

    @property
    def height_px(self) -> int:
        return 70 + ROW_PX * len(self.labels)


def model_title(case: Case) -> str:
    return printable(f"{case.model} {case.precision}")


def row_label(line: Line) -> str:
    """`nnapi → CPU`, `gpu, simulated`: what was asked, and where if that is not plain."""
    s = line.summary
    text = s.case.delegate.value + (" \N{RIGHTWARDS ARROW} CPU" if s.cpu_fallback else "")
    if not s.case.xnnpack:
        text += " no xnn"
    words = {
        Origin.HOST: ", host",
        Origin.EMULATED: ", virtual",
        Origin.SIMULATED: ", simulated",
    }
    return text + words.get(s.case.origin, "")


def pages(lines: Iterable[Line]) -> list[RowPage]:
    """Models stay together; a page ends before the model that would make it too long. Within a
    model, labels that would be alike get what tells them apart."""
    groups = [(title, list(group)) for title, group in groupby(lines, _title)]
    made: list[list[tuple[str, list[Line]]]] = []
    room = 0
    for title, group in groups:
        for start in range(0, len(group), ROWS_PER_PAGE):
            part = group[start : start + ROWS_PER_PAGE]
            if room < len(part) + 1:
                made.append([])
                room = ROWS_PER_PAGE + 1
            made[-1].append((title, part))
            room -= len(part) + 1
    return [_page(page) for page in made]


def _title(line: Line) -> str:
    return model_title(line.summary.case)


def _page(groups: Sequence[tuple[str, list[Line]]]) -> RowPage:
    lines: list[Line] = []
    places: list[int] = []
    labels: list[str] = []
    heads: list[tuple[float, str]] = []
    for title, group in groups:
        heads.append((len(labels), in_plot(title)))
        labels.append("")
        for line, label in zip(group, _labels(group), strict=True):
            lines.append(line)
            places.append(len(labels))
            labels.append(in_plot(label))
    first, last = groups[0][0], groups[-1][0]
    label = first if first == last else f"{first} \N{HORIZONTAL ELLIPSIS} {last}"
    return RowPage(label, tuple(lines), tuple(places), tuple(labels), tuple(heads))


def _labels(group: Sequence[Line]) -> list[str]:
    labels = [row_label(line) for line in group]
    cases = [line.summary.case for line in group]
    for extra in (
        [f" \N{MULTIPLICATION SIGN}{case.threads}" for case in cases],
        [f" {case.device}" for case in cases],
        [f" {case.mask or 'all'}" for case in cases],
        [f" {case.arm or ''}" for case in cases],
        [f" #{line.session.name[:16]}" for line in group],
    ):
        if len(set(labels)) == len(labels):
            break
        if len(set(extra)) > 1:
            labels = [label + more for label, more in zip(labels, extra, strict=True)]
    return [_shortened(label) for label in labels]


def _shortened(label: str) -> str:
    """A phone's width has room for the plot as well; the whole name is in the text of the point."""
    most = _LABEL_CHARACTERS
    return label if len(label) <= most else f"{label[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
