"""qbench compare: faster, slower, the same, or not known yet."""

from __future__ import annotations

from typing import Any

import click

from qbench.cli import options
from qbench.cli.percent import PERCENT


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@click.option(
    "--margin",
    "margin_ratio",
    type=PERCENT,
    default="2%",
    show_default=True,
    help="Differences up to this count as the same.",
)
@click.option(
    "--metric",
    type=click.Choice(["p50", "p90", "init", "first"]),
    help="Default: the protocol's (p50; p90 for mlperf).",
)
@click.option(
    "--across",
    multiple=True,
    type=click.Choice(["origin", "device", "tool", "taints"]),
    help="Compare although the sides differ in this; it is said in the output.",
)
@options.json_flag
def compare(baseline: str, candidate: str, as_json: bool, **asked: Any) -> int:
    """Compare CANDIDATE with BASELINE, case by case, by their runs.

    \b
    Each is  SESSION         a session's folder, or a folder's newest session
             SESSION:GLOB    its cases whose id fits, such as results/x:'*-t1@host'
             :GLOB           (candidate) other cases of the baseline's session
             A,B,C | 'X/*'   several sessions per side: the session is the unit then
             git:REF:FOLDER  the newest session in FOLDER as that commit has it

    Exit code 1: a case is slower, or failed where the baseline ran; 2: a comparison was refused.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from qbench.cli import comparing, console, exit_codes
    from qbench.records import Metric
    from qbench.report import comparison_json, comparison_text
    from qbench.stats import Aspect

    asked["metric"] = Metric(asked["metric"]) if asked["metric"] else None
    asked["across"] = {Aspect(name) for name in asked["across"]}
    with TemporaryDirectory(prefix="qbench-compare-") as scratch:
        found = comparing.compare(baseline, candidate, Path(scratch), **asked)
    if as_json:
        click.echo(comparison_json.render(found))
    else:
        comparison_text.print_comparison(console.stdout(), found)
    if found.has_regression:
        return exit_codes.REGRESSION
    return exit_codes.WRONG_INPUT if found.has_refusal else exit_codes.DONE
