"""One line per case or per run, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

from qbench.report.flat import CaseRow, RunRow


def render(rows: Sequence[CaseRow] | Sequence[RunRow], kind: type[CaseRow] | type[RunRow]) -> str:
    """Absent values are empty; several in one cell (taints, warnings) are parted by `; `."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(kind.__struct_fields__)
    for row in rows:
        writer.writerow([_cell(value) for value in msgspec.structs.astuple(row)])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
