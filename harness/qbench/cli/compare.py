"""qbench compare: faster, slower, the same, or not known yet."""

from __future__ import annotations

from pathlib import Path
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
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown", "junit"]),
    help="markdown: a comment for a pull request; junit: a test per case.  [default: text]",
)
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Write to a file.")
@options.json_flag
def compare(baseline: str, candidate: str, form: str | None, as_json: bool, **asked: Any) -> int:
    """Compare CANDIDATE with BASELINE, case by case, by their runs.

    \b
    Each is  SESSION         a session's folder, or a folder's newest session
             SESSION:GLOB    its cases whose id fits, such as results/x:'*-t1@host'
             :GLOB           (candidate) other cases of the baseline's session
             A,B,C | 'X/*'   several sessions per side: the session is the unit then
             git:REF:FOLDER  the newest session in FOLDER as that commit has it

    Exit code 1: a case is slower, or failed where the baseline ran; 2: a comparison was refused.
    """
    from qbench.cli import comparing

    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} are two forms of one output")
    return comparing.tell(baseline, candidate, form="json" if as_json else form or "text", **asked)
