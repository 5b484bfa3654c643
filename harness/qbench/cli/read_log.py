"""`qbench read-log`: what a saved log of benchmark_model says."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli.exit_codes import DONE, DONE_IN_PART
from qbench.cli.options import json_flag
from qbench.formats import benchmark_model
from qbench.formats.benchmark_model.text import render_text
from qbench.records import Delegate

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("read-log")
@click.option("--stdout", "stdout", type=_FILE, help="The tool's standard output.")
@click.option("--stderr", "stderr", type=_FILE, help="Its standard error; or logcat.")
@click.option("--capture", type=_FILE, help="Command, exit code and both streams in one file.")
@click.option("--exit-code", type=int, help="Without it the log is judged by itself.")
@click.option(
    "--requested",
    type=click.Choice([d.value for d in Delegate]),
    help="The delegate that was asked for; if it ran nothing, the run failed ...",
)
@click.option("--allow-fallback", is_flag=True, help="... or, with this, it is the CPU's run.")
@json_flag
def read_log(
    stdout: Path | None,
    stderr: Path | None,
    capture: Path | None,
    exit_code: int | None,
    requested: str | None,
    allow_fallback: bool,
    as_json: bool,
) -> int:
    """Read a saved log of benchmark_model: times, who ran the model, and whether to believe it."""
    if (capture is None) == (stdout is None and stderr is None):
        raise click.UsageError("give --stdout and/or --stderr, or --capture")
    out, err = _text(stdout), _text(stderr)
    if capture is not None:
        split = benchmark_model.split_capture(_text(capture))
        out, err = split.stdout, split.stderr
        exit_code = split.exit_code if exit_code is None else exit_code
    report = benchmark_model.read(
        out,
        err,
        exit_code,
        requested=Delegate(requested) if requested else None,
        allow_fallback=allow_fallback,
    )
    click.echo(benchmark_model.render_json(report) if as_json else render_text(report))
    return DONE if report.failure is None else DONE_IN_PART


def _text(path: Path | None) -> str:
    return "" if path is None else benchmark_model.decode_log(path.read_bytes())
