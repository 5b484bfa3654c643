"""Flat rows as pandas tables: types that can be absent, so that absent never becomes 0 or NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbench.cli import perform
from qbench.cli.sources import Source
from qbench.report import flat

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {str: "string", int: "Int64", float: "Float64", bool: "boolean", list: "object"}


def of_sources(found: Sequence[Source], per: str) -> pd.DataFrame:
    """A row per case or run of all sessions, in the order of the plans."""
    kind = flat.CaseRow if per == "case" else flat.RunRow
    rows = [row for source in found for row in (_cases if per == "case" else _runs)(source)]
    return table([{f: getattr(row, f) for f in kind.__struct_fields__} for row in rows], kind)


def table(rows: Sequence[Mapping[str, Any]], kind: type | Mapping[str, type]) -> pd.DataFrame:
    """Columns have the types of `kind`, also where there is no row."""
    import pandas as pd

    types = kind if isinstance(kind, Mapping) else flat.plain_types(kind)
    return pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=_TYPES[plain])
            for name, plain in types.items()
        }
    )


def _cases(source: Source) -> list[flat.CaseRow]:
    chosen = {case.case_id for case in source.cases()}
    return [
        flat.case_row(session.folder.name, row)
        for session in source.sessions
        for row in perform.rows(session.plan(), session.records())
        if row.summary.case.case_id in chosen
    ]


def _runs(source: Source) -> list[flat.RunRow]:
    chosen = {case.case_id for case in source.cases()}
    found = []
    for session in source.sessions:
        cases = {case.case_id: case for case in session.plan().cases}
        found += [
            flat.run_row(session.folder.name, cases[record.case_id], record)
            for record in session.records()
            if record.case_id in chosen
        ]
    return found
