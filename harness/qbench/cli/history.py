"""qbench history: how the latencies of every case went over all sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from qbench.cli import options


@click.group(invoke_without_command=True)
@options.results_option
@click.option("--case", "pattern", default="*", help="Cases whose id fits this glob.")
@click.option("--device", "-d", help="A device's name in case ids, or a machine's serial.")
@click.option("--since", help="Points from then on: 2026-11-24, 2026-11-24T08:00, 30d, 12h (UTC).")
@click.option(
    "--confirm",
    is_flag=True,
    help="Measure again what stepped, where device and model file are still there.",
)
@options.json_flag
@click.pass_context
def history(ctx: click.Context, /, **asked: Any) -> int:
    """Tell each case's last median, its change, its trend and its steps.

    \b
    A step is a change point: L1 cost on the logs of the sessions' medians, of 5 sessions and more
    on either side. `finds` says how large a step has to be. --confirm measures the newest step of
    every case again: both model files in turn if the file changed and both are there, else three
    new sessions against those before the step.

    Exit code 1: a case was confirmed to be slower.
    """
    if ctx.invoked_subcommand is not None:
        # Else `history -r X compact` would compact another folder than the one that was named.
        if any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in asked):
            raise click.UsageError(f"options of {ctx.invoked_subcommand} stand after it")
        return 0
    from qbench.cli import histories

    return histories.tell(**asked)


@history.command()
@options.results_option
@options.json_flag
def compact(results: Path, as_json: bool) -> int:
    """Write each session's runs as one Parquet file beside its runs.jsonl, which stays."""
    from qbench.cli import histories

    return histories.compact_all(results, as_json=as_json)
