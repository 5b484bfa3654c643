"""What has to be said about single cases, told once for all the cases it is true of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from qbench.records import Summary


class Remark(msgspec.Struct, frozen=True):
    """`kind`: failed, taint or note. `summaries` are those that it is true of."""

    kind: str
    text: str
    summaries: tuple[Summary, ...]


def remarks(summaries: Iterable[Summary]) -> tuple[Remark, ...]:
    """In order of appearance. Texts that differ in their numbers only become one, with the range
    of each number: `9 of 10` and `3 of 10` are told as `3-9 of 10`."""
    said: dict[tuple[str, str], list[tuple[str, Summary]]] = {}
    for s in summaries:
        taints = [("taint", taint.value) for taint in s.taints]
        notes = [("note", warning) for warning in s.warnings]
        for kind, text in (*_failures(s), *taints, *notes):
            said.setdefault((kind, _NUMBER.sub("#", text)), []).append((text, s))
    return tuple(
        Remark(kind, _ranges([text for text, _ in true_of]), tuple(s for _, s in true_of))
        for (kind, _), true_of in said.items()
    )


_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def _ranges(texts: Sequence[str]) -> str:
    columns = iter(zip(*(_NUMBER.findall(text) for text in texts), strict=True))

    def merged(_: re.Match[str]) -> str:
        ordered = sorted(set(next(columns)), key=float)
        return ordered[0] if len(ordered) == 1 else f"{ordered[0]}-{ordered[-1]}"

    return _NUMBER.sub(merged, texts[0])


def _failures(summary: Summary) -> list[tuple[str, str]]:
    if summary.failure is None:
        return []
    failure = summary.failure
    text = f"{summary.failed_runs} of {summary.runs}: {failure.error}: {failure.message}"
    return [("failed", text)]
