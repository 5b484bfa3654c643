"""The same rows with their types, written by DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from qbench.report.flat import CaseRow, RunRow, plain_types

_TYPES = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    list: "VARCHAR[]",
}


def write(
    rows: Sequence[CaseRow] | Sequence[RunRow], kind: type[CaseRow] | type[RunRow], path: Path
) -> None:
    """Columns have the types of `kind`, also where every value is absent.

    Raises OSError when the file cannot be written.
    """
    import duckdb

    columns = {name: _TYPES[plain] for name, plain in plain_types(kind).items()}
    with TemporaryDirectory(prefix="qbench-parquet-") as folder:
        lines = Path(folder) / "rows.jsonl"
        lines.write_bytes(msgspec.json.Encoder().encode_lines(rows))
        with duckdb.connect() as database:
            database.execute("SET enable_progress_bar = false")  # it would go to stdout
            table = database.read_json(
                str(lines), format="newline_delimited", columns=columns, maximum_object_size=1 << 26
            )
            done = Path(folder) / "rows.parquet"
            table.write_parquet(str(done), compression="zstd")
        path.write_bytes(done.read_bytes())
