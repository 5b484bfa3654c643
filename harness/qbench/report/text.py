"""The result table for a terminal: fits 100 columns, says on every row what is simulated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from qbench.records import DeviceInfo, Origin, Summary, Tier
from qbench.report.remarks import remarks
from qbench.report.row import Row
from qbench.units import format_ms, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_ORIGIN_WORDS = {
    Origin.SIMULATED: "SIMULATED",
    Origin.EMULATED: "EMULATED",
    Origin.HOST: "measured",
    Origin.DEVICE: "measured",
}
_ORIGIN_STYLES = {
    Origin.SIMULATED: "cyan",
    Origin.EMULATED: "blue",
    Origin.HOST: "",
    Origin.DEVICE: "",
}
# Two runs that disagree have an interval over powers of ten, whose ends would pass for figures.
_WIDEST = 100.0
_TOO_WIDE = "> 100x wide"
_LEAST_NAME = 9
_TIER_WORDS = {
    Tier.S0: "S0: from data sheets and priors alone; good for an order of magnitude",
    Tier.S1: "S1: rates fitted on published latencies of the same runtime",
    Tier.S2: "S2: calibrated on the device with single operators",
    Tier.S3: "S3: calibrated on the device with single operators and whole networks",
}


def print_results(console: Console, devices: Sequence[DeviceInfo], rows: Sequence[Row]) -> None:
    """The table, what its words mean, and what the reader has to know about single rows."""
    _print_table(console, rows)
    console.print()
    for line in (*_legend(devices, rows), *_notes(rows)):
        console.print(line, soft_wrap=False)


def _print_table(console: Console, rows: Sequence[Row]) -> None:
    """One table, so that columns align, with a line of its own above each model's rows."""
    from rich.measure import Measurement
    from rich.segment import Segment, Segments

    table = _table(rows)
    wanted = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    if wanted > console.width:
        longest = max(len(printable(row.summary.case.device)) for row in rows)
        table = _table(rows, max(longest - (wanted - console.width), _LEAST_NAME))
    lines = console.render_lines(table, pad=False)
    head = len(lines) - len(rows)  # every row is one line: no column wraps
    titles = {n: title for title, n in _first_of_group(rows)}
    for number, line in enumerate(lines):
        if number - head in titles:
            console.print(_bold(titles[number - head]), soft_wrap=True)
        console.print(Segments([*line, Segment.line()]), end="")


def _first_of_group(rows: Sequence[Row]) -> Iterable[tuple[str, int]]:
    number = 0
    for title, group in groupby(rows, key=_title):
        yield title, number
        number += sum(1 for _ in group)


def _table(rows: Sequence[Row], most: int | None = None) -> Table:
    """`most`: characters of a device's name. Its end tells it from others of its kind."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0))
    for head, is_number in _COLUMNS:
        justify: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(head, justify=justify, no_wrap=True)
    for row in rows:
        cells = _cells(row)
        table.add_row(*cells[:1], *(_shortened(cell, most) for cell in cells[1:2]), *cells[2:])
    return table


def _shortened(name: Text, most: int | None) -> Text:
    from rich.text import Text

    plain = name.plain
    if most is None or len(plain) <= most:
        return name
    start = (most - 1) // 2
    short = f"{plain[:start]}\N{HORIZONTAL ELLIPSIS}{plain[len(plain) - (most - 1 - start) :]}"
    return Text(short, style=name.style)


# head, is it a number
_COLUMNS = (
    ("  delegate", False),
    ("on", False),
    ("thr", True),
    ("origin", False),
    ("p50 ms", True),
    ("range ms", False),
    ("sure", False),
    ("NPU/GPU/CPU", True),
    ("parts", True),
    ("vs CPU", False),
)


def _title(row: Row) -> str:
    return printable(f"{row.summary.case.model} {row.summary.case.precision}")


def _cells(row: Row) -> tuple[Text, ...]:
    from rich.text import Text

    s = row.summary
    case = s.case
    style = _ORIGIN_STYLES[case.origin]
    settings = ("" if case.xnnpack else "no xnn", case.arm or "", case.mask and f"m{case.mask}")
    name = " ".join((f"  {case.delegate}", *(word for word in settings if word)))
    if s.cpu_fallback:
        name += " -> CPU"
    if s.p50_us is None:
        why = "failed" if s.failure else "to do"
        short = (name, case.device, str(case.threads), _ORIGIN_WORDS[case.origin], "-", "-", why)
        return tuple(Text(c, style="red" if s.failure else "dim") for c in short)
    cells = (
        name,
        case.device,
        str(case.threads),
        _ORIGIN_WORDS[case.origin],
        format_ms(s.p50_us),
        _range(s),
        _sure(s),
        _nodes(s),
        _partitions(s),
        _versus(row),
    )
    return tuple(Text(c, style=style) for c in cells)


def _range(summary: Summary) -> str:
    if summary.interval is None:
        return "-"
    if summary.interval.high > _WIDEST * summary.interval.low:
        return _TOO_WIDE
    low, high = format_ms(summary.interval.low), format_ms(summary.interval.high)
    return f"{low}-{high}"


def _sure(summary: Summary) -> str:
    if summary.tier is not None:
        return summary.tier.value
    return summary.verdict.value if summary.verdict else "-"


def _nodes(summary: Summary) -> str:
    """Counts; where the runner counted none, the names of the units; `-`: nobody knows."""
    if summary.placement is None:
        return "-"
    nodes = summary.placement.nodes
    if nodes is None:
        return "+".join(unit.upper() for unit in summary.placement.executed_by) or "-"
    return f"{nodes.npu}/{nodes.gpu}/{nodes.cpu}"


def _partitions(summary: Summary) -> str:
    if summary.placement is None or summary.placement.partitions is None:
        return "-"
    return str(summary.placement.partitions)


def _versus(row: Row) -> str:
    if row.vs_cpu is None:
        return ""
    interval = row.vs_cpu.interval
    if interval is None:
        return f"{row.vs_cpu.ratio:.2f}"
    if interval.high > _WIDEST * interval.low:
        return f"{row.vs_cpu.ratio:.2f} (> 100x)"
    return f"{row.vs_cpu.ratio:.2f} ({interval.low:.2f}-{interval.high:.2f})"


def _legend(devices: Sequence[DeviceInfo], rows: Sequence[Row]) -> Iterable[Text]:
    from rich.text import Text

    summaries = [row.summary for row in rows]
    shown = {(s.case.device, s.case.origin) for s in summaries}
    for device in devices:
        if (device.name, device.origin) in shown:
            style = _ORIGIN_STYLES[device.origin]
            yield Text(printable(_what_it_is(device, summaries)), style=style)
            tiers = {s.tier for s in summaries if s.case.device == device.name and s.tier}
            for tier in sorted(tiers) if device.origin is Origin.SIMULATED else ():
                yield Text(f"  {_TIER_WORDS[tier]}", style=style)
    yield Text("NPU/GPU/CPU: nodes on each unit; parts: pieces of the graph given to the delegate")
    if any(row.vs_cpu is not None for row in rows):
        yield Text(
            "vs CPU: p50 over that of the same model on the same device's CPU; below 1 is faster"
        )


def _what_it_is(device: DeviceInfo, summaries: Sequence[Summary]) -> str:
    here = [s for s in summaries if (s.case.device, s.case.origin) == (device.name, device.origin)]
    runs = max(s.runs for s in here)
    interval = f"range = 95 % interval of the median of {runs} processes"
    if runs == 1:
        interval = "one process each, so there is no range"
    system = f"{device.title}, {device.os}" if device.os else device.title
    match device.origin:
        case Origin.SIMULATED:
            return (
                f"SIMULATED: computed for {device.name} ({device.title}), not measured; "
                "range = 90 % band"
            )
        case Origin.EMULATED:
            return (
                f"EMULATED: {device.name} is a virtual device ({system}): its CPU rows ran on "
                f"this machine's processor, its GPU and NPU times are simulated; {interval}"
            )
        case Origin.DEVICE:
            return f"{device.name}: measured on {device.serial} ({system}); {interval}"
        case Origin.HOST:
            return (
                f"host: measured here ({device.cpu or 'unknown processor'}; {device.runtime}); "
                f"{interval}"
            )


def _notes(rows: Sequence[Row]) -> Iterable[Text]:
    """What is to be said about single rows."""
    from rich.text import Text

    styles = {"note": "yellow", "taint": "yellow", "failed": "red"}
    for remark in remarks(row.summary for row in rows):
        cases = [s.case for s in remark.summaries]
        places = _listed([f"{c.model} {c.precision} {c.delegate}@{c.device}" for c in cases])
        yield Text(printable(f"{remark.kind}: {remark.text} [{places}]"), style=styles[remark.kind])


def _listed(places: Sequence[str]) -> str:
    return ", ".join(places[:4]) + (f" and {len(places) - 4} more" if places[4:] else "")


def _bold(text: str) -> Text:
    from rich.text import Text

    return Text(text, style="bold")
