"""qbench report: a page about sessions, and what other tools read."""

from __future__ import annotations

from pathlib import Path

import click

_FORMATS = (
    *("html", "markdown", "csv", "json", "junit", "perfetto", "benchmark-action", "bencher"),
    *("parquet", "model-explorer", "json-schema"),
)


@click.command()
@click.argument("sessions", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Where to. html: report.html.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="html", show_default=True)
@click.option("--title", help="Default: the models and the device.")
@click.option("--per", type=click.Choice(["case", "run"]), default="case", help="csv, parquet.")
@click.option("--baseline", help="Compare with this, as `qbench compare` does.")
@click.option(
    "--sustained",
    default="10min",
    show_default=True,
    help="html: of how long a load that goes on curves are simulated; `no`: none.",
)
@click.option(
    "--accuracy",
    "accuracies",
    multiple=True,
    type=click.Path(path_type=Path),
    help="html: what `qbench evaluate --json` printed; may be given several times.",
)
@click.option("--png", type=click.Path(path_type=Path), help="html: also a picture, by Chromium.")
def report(
    sessions: tuple[Path, ...],
    form: str,
    accuracies: tuple[Path, ...],
    png: Path | None,
    **asked: str | None,
) -> None:
    """Tell what SESSIONS hold (their folders, or folders whose newest session is meant).

    \b
    html              one self-contained page
    markdown          a comment for a pull request
    csv, parquet      a row per case, or per run
    json              all cases; json-schema prints the schema
    junit             cases and regressions as tests
    perfetto          simulated time per operator, for ui.perfetto.dev
    model-explorer    the same as overlays for Google's Model Explorer
    benchmark-action, bencher   for trackers of benchmarks over commits
    """
    from qbench.cli import reporting_formats, reporting_run

    if form == "json-schema":
        click.echo(reporting_formats.schema())
        return
    if not sessions:
        raise click.UsageError("which? Give the folder of a session, such as results")
    reporting_run.run(sessions, form, accuracies, png, asked)
