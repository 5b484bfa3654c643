"""A comparison as a comment for a pull request: verdicts first, then all that they rest on."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.report import comparison_text
from qbench.report.comparison import ComparedPair, Comparison
from qbench.report.html.words import many
from qbench.report.markdown import MOST_CHARACTERS, code

_OPEN_UP_TO = 20  # lines that are shown without a click
_HEAD = (
    "| case | baseline ms | candidate ms | change % | interval % | verdict |",
    "| --- | ---: | ---: | ---: | --- | --- |",
)


def render(found: Comparison) -> str:
    """Worst cases come first; if not all fit, a line says how many are missing."""
    head = [f"### qbench compare: {comparison_text.counts(found)}", ""]
    head += [f"- {code(line)}" for line in comparison_text.heads(found)]
    tail = [f"- {code(line)}" for line, _ in _explained(found)]
    room = MOST_CHARACTERS - sum(len(line) + 1 for line in (*head, *tail)) - 400
    worst_first = list(found.counts)
    pairs = sorted(found.pairs, key=lambda pair: worst_first.index(pair.word))
    lines: list[str] = []
    for line in (_line(pair, found) for pair in pairs):
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    table = [*_HEAD, *lines]
    if left := len(pairs) - len(lines):
        table += ["", f"{left} of {many(len(pairs), 'case')} left out for length."]
    return "\n".join([*head, "", *_folded(table, len(lines)), "", *tail]) + "\n"


def _explained(found: Comparison) -> Sequence[tuple[str, str]]:
    """Refusals and cautions come before what the columns mean."""
    return [*comparison_text.notes(found), *comparison_text.legend(found)]


def _folded(table: list[str], lines: int) -> list[str]:
    if lines <= _OPEN_UP_TO:
        return table
    return [f"<details><summary>{many(lines, 'case')}</summary>", "", *table, "", "</details>"]


def _line(pair: ComparedPair, found: Comparison) -> str:
    label, *numbers, verdict = comparison_text.cells(pair, found)
    told = f"**{verdict}**" if pair.is_regression else verdict
    return f"| {' | '.join((code(label), *numbers, told))} |"
