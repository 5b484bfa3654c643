"""qbench report: a page about sessions."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("sessions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--title", help="Default: the models and the device.")
@click.option(
    "--sustained",
    default="10min",
    show_default=True,
    help="Of how long a load that goes on curves are simulated; `no`: none.",
)
def report(sessions: tuple[Path, ...], out: Path | None, title: str | None, sustained: str) -> None:
    """Write a report about SESSIONS (folders of sessions, or folders that hold some)."""
    from qbench.cli import reporting
    from qbench.clock import SystemClock
    from qbench.report import html

    content = reporting.content(
        sessions,
        SystemClock(),
        title=title,
        sustained_for=None if sustained == "no" else sustained,
    )
    target = out or Path("report.html")
    target.write_text(html.render(content), encoding="utf-8")
    click.echo(target)
