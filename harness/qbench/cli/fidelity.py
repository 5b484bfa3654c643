"""qbench fidelity: predictions beside what was measured or published."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options


@click.command()
@click.argument("sessions", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--public",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A csv of published latencies, with the columns model, input_size, precision, framework, "
    "device, soc, backend, threads, latency_ms, source.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Write a scatter plot (HTML) there.")
@options.json_flag
def fidelity(
    sessions: tuple[Path, ...], public: Path | None, plot: Path | None, as_json: bool
) -> None:
    """Grade the simulator: errors, band and rank against measured latencies, beside what FLOPs or
    a roofline alone would have said.

    With SESSIONs: their measured cases. With --public: the rows of that table. With neither: the
    published rows that the simulator's fits rest on. A published row is always predicted by a fit
    that has not seen its network.
    """
    from qbench.cli import console, grading
    from qbench.report import fidelity as report
    from qbench.stats.fidelity import grade

    points, missing = grading.of_sessions(sessions)
    if public is not None or not sessions:
        more, unknown = grading.of_published(public)
        points, missing = [*points, *more], [*missing, *unknown]
    groups = grade(points, missing)
    if plot is not None:
        grading.write(plot, report.render_plot(groups))
    if as_json:
        click.echo(report.render_json(groups))
    else:
        report.print_fidelity(console.stdout(), groups)
