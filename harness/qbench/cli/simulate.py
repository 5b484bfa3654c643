"""qbench simulate: predicted latencies, operator by operator, for one model or thousands."""

from __future__ import annotations

import click

from qbench.cli import options


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL|FOLDER...")
@click.option("--device", "-d", required=True, help="A profile's name, or a profile's file.")
@options.delegate_option
@options.precision_option
@click.option("--threads", default=None, help="4, 1,2,4 or 1..8. Default: the profile's.")
@click.option(
    "--what-if",
    "suppositions",
    multiple=True,
    help='"HARD_SWISH supported by xnnpack", "ADD refused by gpu". May be given several times.',
)
@click.option(
    "--clock",
    "clocks",
    multiple=True,
    help="prime=1.8GHz, gpu=400MHz: a cluster of the profile, or its GPU.",
)
@click.option("--ops/--no-ops", default=None, help="Per operator. Default: for one model.")
@options.json_flag
@click.option("--csv", "as_csv", is_flag=True, help="A line per model, delegate, threads.")
def simulate(
    models: tuple[str, ...],
    device: str,
    delegates: tuple[str, ...],
    precisions: tuple[str, ...],
    threads: str | None,
    suppositions: tuple[str, ...],
    clocks: tuple[str, ...],
    ops: bool | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Predict the latency of each MODEL (a file, a folder, a model's name) on --device, with its
    90 % band and tier. Nothing is measured, nothing is random."""
    from qbench.cli import console, exit_codes, simulating
    from qbench.records import Failure
    from qbench.report import simulation as report

    asked, answers = simulating.ask(
        models, device, delegates, precisions, threads, suppositions, clocks, ops
    )
    if as_csv:
        click.echo(report.render_csv(asked, answers), nl=False)
    elif as_json:
        click.echo(report.render_json(asked, answers))
    else:
        report.print_answers(console.stdout(), asked, answers)
    failed = any(isinstance(a.outcome, Failure) for a in answers)
    return exit_codes.DONE_IN_PART if failed else exit_codes.DONE
