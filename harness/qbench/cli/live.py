"""What a terminal shows while a session runs: devices, the last medians, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qbench.cli.progress import Latest, Progress, Target, View
from qbench.records import DeviceState, Origin
from qbench.units import format_duration_s, format_ms, printable

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

# It shares the processor with what is measured on this machine: a second is often enough.
_REFRESHES_PER_S = 1
_MOST_CASES = 8
_NARROW = 60
_WIDEST = 100
_WORDS = {
    Origin.DEVICE: "",
    Origin.HOST: "",
    Origin.EMULATED: "EMULATED",
    Origin.SIMULATED: "SIMULATED",
}


@contextmanager
def showing(console: Console, progress: Progress) -> Iterator[None]:
    """Redraws until the session ends or is stopped, and leaves nothing behind."""
    from rich.live import Live

    def look() -> Group:
        return render(progress.view(), console.width, console.height)

    with Live(
        get_renderable=look,
        console=console,
        refresh_per_second=_REFRESHES_PER_S,
        transient=True,
        redirect_stdout=False,  # nothing but results goes there, and they come later
        vertical_overflow="crop",
    ):
        yield


def render(view: View, width: int, height: int) -> Group:
    """At most `height` - 1 lines: the devices first, then as many cases as there is room for."""
    from rich.console import Group

    devices = _devices(view.targets, width)
    room = min(height - 5 - 2 * len(view.targets), _MOST_CASES)
    parts: list[RenderableType] = [_head(view), devices]
    if room > 0 and view.latest:
        parts += ["", _latest(view.latest[:room], width)]
    return Group(*parts)


def line(latest: Latest, view: View) -> str:
    """One run as it ended, for terminals that cannot redraw."""
    told = printable(latest.failure.message) if latest.failure else _ms(latest.last_us)
    return (
        f"{view.done}/{view.total} {printable(latest.case.case_id)} "
        f"run {latest.done} of {latest.total}: {told}, {_left(view.left_s)}"
    )


def _head(view: View) -> Text:
    from rich.text import Text

    told = f"{view.done} of {view.total} runs, {_left(view.left_s)}; Ctrl-C stops"
    return Text(told, style="bold", no_wrap=True, overflow="ellipsis")


def _devices(targets: tuple[Target, ...], width: int) -> Table:
    """Two lines each: how far it is and how it is, and what it does now."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    is_narrow = width < _NARROW
    table = Table.grid(padding=(0, 1))
    table.width = min(width, _WIDEST)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    if not is_narrow:
        table.add_column(no_wrap=True, width=max(min(width, _WIDEST) // 5, 10))
        table.add_column(no_wrap=True)
    for target in targets:
        name = printable(f"{target.device} {_WORDS[target.origin]}".strip())
        cells: list[Text | ProgressBar] = [
            Text(name),
            Text(f"{target.done}/{target.total}", style="red" if target.failed else ""),
        ]
        if not is_narrow:
            cells += [
                ProgressBar(total=max(target.total, 1), completed=target.done),
                Text(_state(target, is_alone=len(targets) == 1)),
            ]
        table.add_row(*cells)
        table.add_row(Text(f"  {_now(target)}", style="dim"))
    return table


def _now(target: Target) -> str:
    if target.now is None:
        return "done" if target.done == target.total else "waiting"
    case_id = printable(target.now.case_id)
    return f"{case_id} run {target.now.repetition + 1}, {format_duration_s(target.now_s)}"


def _state(target: Target, *, is_alone: bool) -> str:
    """Heat and clock as the last run left them, where somebody could read them."""
    state = target.state or DeviceState()
    told = []
    if target.failed:
        told.append(f"{target.failed} failed")
    if state.temperature_c is not None:
        told.append(f"{state.temperature_c:.0f} \N{DEGREE SIGN}C")
    if state.cpu_khz is not None:
        told.append(f"{state.cpu_khz / 1e6:.2f} GHz")
    if state.thermal_status:
        told.append("throttled")
    if target.done < target.total and not is_alone:  # the head says it of one alone
        told.append(_left(target.left_s))
    return ", ".join(told)


def _latest(cases: tuple[Latest, ...], width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.width = min(width, _WIDEST)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for _ in ("runs", "last", "median"):
        table.add_column(no_wrap=True, justify="right")
    heads = ("last medians", "runs", "last ms", "median ms")
    table.add_row(*(Text(head, style="dim") for head in heads))
    for case in cases:
        style = "red" if case.failure else ""
        table.add_row(
            Text(printable(case.case.case_id), style=style),
            Text(f"{case.done}/{case.total}"),
            Text("failed" if case.failure else _cell(case.last_us), style=style),
            Text(_cell(case.p50_us)),
        )
    return table


def _cell(value_us: float | None) -> str:
    return "-" if value_us is None else format_ms(value_us)


def _ms(value_us: float | None) -> str:
    return "no median told" if value_us is None else f"{format_ms(value_us)} ms"


def _left(left_s: float) -> str:
    if left_s < 1:
        return "almost done"
    return f"about {format_duration_s(left_s)} left"
