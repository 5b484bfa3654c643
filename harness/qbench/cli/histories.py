"""Performs `qbench history` and `qbench history compact`."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from qbench import modelfile
from qbench.cli import console, exit_codes
from qbench.cli.counting import counting
from qbench.clock import Clock, SystemClock
from qbench.errors import InputError, ModelFileError
from qbench.history import compact, database, json, series, staleness, text
from qbench.history.compact import Compacted
from qbench.history.confirmation import Entry
from qbench.history.database import Database
from qbench.units import printable

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MANY_LOOSE_RUNS = 2_000  # which take about a second to read


def tell(
    *,
    results: Path,
    pattern: str,
    device: str | None,
    since: str | None,
    confirm: bool,
    as_json: bool,
) -> int:
    """The table (or the JSON object) on stdout; returns the exit code."""
    begin = since_time(since, SystemClock())
    with counting("sessions") as on_loose, database.opened(results, on_loose) as opened:
        say_loose(results, opened)
        found = [*series.load(opened.connection, pattern=pattern, device=device, since=begin)]
        ends = [each.last.at for each in found if each.last.at is not None]
        machines = staleness.seen(opened, min(ends, default=None))
    entries = [
        Entry(series=each, stale=staleness.stale(each.last, machines, file_sha256))
        for each in found
    ]
    if confirm:
        from qbench.cli import confirming

        entries = confirming.confirmed(results, entries)
    if as_json:
        click.echo(json.render(str(results), entries))
    else:
        text.print_history(console.stdout(), entries)
    is_slower = any(e.confirmation.is_regression for e in entries if e.confirmation)
    return exit_codes.REGRESSION if is_slower else exit_codes.DONE


def compact_all(results: Path, *, as_json: bool) -> int:
    import duckdb

    every = compact.sessions(results)
    counts: Counter[Compacted] = Counter()
    with counting("sessions") as on_done, duckdb.connect() as writer:
        writer.execute("SET enable_progress_bar = false")  # it would go to stdout
        for done, session in enumerate(every, 1):
            counts[compact.compact(session, writer)] += 1
            on_done(done, len(every))
    if as_json:
        by_word = {word.name.lower(): counts[word] for word in Compacted}
        body = {"schema_version": 1, "sessions": len(every), **by_word}
        click.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
    else:
        told = ", ".join(f"{count} {word}" for word, count in counts.items())
        click.echo(printable(f"{results}: {len(every)} sessions" + (f": {told}" if told else "")))
    return exit_codes.DONE


def since_time(asked: str | None, clock: Clock) -> datetime | None:
    """UTC without an offset, as the table's times are. Raises InputError."""
    if asked is None:
        return None
    if told := re.fullmatch(r"(\d{1,6})\s*([mhdw])", asked.strip()):
        ago = timedelta(**{_UNITS[told[2]]: int(told[1])})
        return (clock.utc_now() - ago).replace(tzinfo=None)
    try:
        at = datetime.fromisoformat(asked.strip())
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"--since: {asked!r} is no time", hint="2026-11-24, 2026-11-24T08:00 (UTC), 30d, 12h"
        ) from error


def say_loose(results: Path, opened: Database) -> None:
    if opened.loose_runs >= _MANY_LOOSE_RUNS:
        hint = f"{opened.loose} of {opened.sessions} sessions are read run by run"
        faster = f"qbench history compact --results {results} makes this faster"
        click.echo(printable(f"{hint}: {faster}"), err=True)


def file_sha256(path: str, at: datetime | None) -> str | None:
    """Of the model's file, if it is there. Where nothing has touched it since `at`, nothing is
    to be found out, and it is not read."""
    file = Path(path)
    try:
        changed_s = file.stat().st_ctime  # a copy may keep the other times, never this one
        if at is not None and changed_s <= at.replace(tzinfo=UTC).timestamp():
            return None
        return modelfile.sha256(file)
    except (OSError, ValueError, OverflowError, ModelFileError):
        return None
