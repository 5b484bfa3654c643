"""What a terminal shows while a session runs: devices, the last medians, time left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
_LEAST_BAR = 6
WIDEST = 100
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
    ) as view:
        view.refresh()  # by itself it would wait for a second
        yield


def render(view: View, width: int, height: int) -> Group:
    """At most `height` - 1 lines: the devices first, then as many cases as there is room for."""
    from rich.console import Group

    room = min(height - 5 - 2 * len(view.targets), _MOST_CASES)
    parts: list[RenderableType] = [_head(view), *_devices(view.targets, width)]
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

    told = f"{view.done} of {view.total} runs, {_left(view.left_s)} (Ctrl-C stops)"
    return Text(told, style="bold", no_wrap=True, overflow="ellipsis")


def _devices(targets: Sequence[Target], width: int) -> Iterator[RenderableType]:
    """Two lines each: how far it is and how it is, and what it does now."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    names = [printable(f"{t.device} {_WORDS[t.origin]}".strip()) for t in targets]
    counts = [f"{target.done}/{target.total}" for target in targets]
    states = [_state(target, is_alone=len(targets) == 1) for target in targets]
    room = min(width, WIDEST)
    name_width = min(max(map(len, names), default=0), room // 2)
    count_width = max(map(len, counts), default=0)
    state_width = max(map(len, states), default=0)
    bar_width = room - name_width - count_width - state_width - 3
    for target, name, count, state in zip(targets, names, counts, states, strict=True):
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, overflow="ellipsis", width=name_width)
        table.add_column(no_wrap=True, justify="right", width=count_width)
        cells: list[RenderableType] = [
            Text(name),
            Text(count, style="red" if target.failed else ""),
        ]
        if bar_width >= _LEAST_BAR:
            table.add_column(width=bar_width)
            table.add_column(no_wrap=True, width=state_width)
            cells += [ProgressBar(max(target.total, 1), target.done), Text(state)]
        table.add_row(*cells)
        yield table
        yield Text(f"  {_now(target)}", style="dim", no_wrap=True, overflow="ellipsis")


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
    if target.left_s >= 1 and not is_alone:  # the head says it of one alone
        told.append(_left(target.left_s))
    return ", ".join(told)


def _latest(cases: Sequence[Latest], width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.width = min(width, WIDEST)
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
