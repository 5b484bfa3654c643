"""Many sessions: a table of all their runs, the series of every case, and the steps in it.

The files are the truth. A session that `qbench history compact` has been at holds its runs as
Parquet beside runs.jsonl, which stays; DuckDB reads either.
"""
