"""Answers of `qbench simulate --duration`: curves minute by minute, for people and as JSON, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.records import Delegate, Failure, Minute, Sustained
from qbench.report.flat import plain_types
from qbench.report.simulation import Asked
from qbench.report.tables import row, say, table
from qbench.units import format_duration_s, format_ms

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA_VERSION = 1
"""Of the JSON object. History: 1 = first."""

_MOST_ROWS = 15
_MOST_LEADS = 4
_SIDE_BY_SIDE = 3  # curves of one table
_BARS = "▁▂▃▄▅▆▇█"
_LEAST_SLOWER_RATIO = 1.25  # what the highest bar stands for at least, so that noise is no mountain


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one delegate with one number of threads. `outcome` a Failure: no numbers."""

    model: str
    path: str
    precision: str | None
    delegate: Delegate
    threads: int
    outcome: Sustained | Failure

    @property
    def label(self) -> str:
        return f"{self.delegate} x{self.threads}"


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """`label`: a curve's. `is_certain`: its band ended below all others' when it took the lead."""

    from_minute: int
    label: str
    is_certain: bool


class AskedFor(msgspec.Struct, frozen=True, kw_only=True):
    """`leads`: a model's path -> who is ahead, in order."""

    asked: Asked
    duration_s: float
    ambient_c: float
    seed: int
    leads: dict[str, tuple[Ahead, ...]]


FIELDS: dict[str, type] = {
    **dict.fromkeys(("model", "path", "precision", "device", "delegate"), str),
    "threads": int,
    **dict.fromkeys(("origin", "tier"), str),
    "seed": int,
    "ambient_c": float,
    **plain_types(Minute),
    **dict.fromkeys(("supposed", "failure"), str),
}
"""Of a minute of a curve as one row, with what they hold where they are not absent."""


def render_json(what: AskedFor, curves: Sequence[Curve]) -> str:
    body = {
        "schema_version": SCHEMA_VERSION,
        "device": what.asked.device,
        "origin": "simulated",
        "supposed": what.asked.supposed,
        "duration_s": what.duration_s,
        "ambient_c": what.ambient_c,
        "seed": what.seed,
        "results": [_deep(curve) for curve in curves],
        "ahead": [{"path": path, "leads": leads} for path, leads in what.leads.items()],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _deep(curve: Curve) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: getattr(curve, name) for name in ("model", "path", "precision", "delegate", "threads")
    }
    outcome = curve.outcome
    if isinstance(outcome, Failure):
        return told | {"failure": f"{outcome.error}: {outcome.message}"}
    cold = outcome.cold
    fields = ("tier", "throttles_s", "throttles_early_s", "throttles_late_s", "power_band_ratio")
    return (
        told
        | {"origin": "simulated"}
        | {name: getattr(outcome, name) for name in fields}
        | {"heat_basis": outcome.basis, "cold": cold, "minutes": outcome.minutes, "failure": None}
    )


def render_csv(what: AskedFor, curves: Sequence[Curve]) -> str:
    """One line per minute of a curve, absent values empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for curve in curves:
        writer.writerows(flat(what, curve))
    return out.getvalue()


def flat(what: AskedFor, curve: Curve) -> Iterator[dict[str, Any]]:
    """A row per minute, with a value or None for each of FIELDS; of a failure, one row."""
    told: dict[str, Any] = dict.fromkeys(FIELDS) | {
        "model": curve.model,
        "path": curve.path,
        "precision": curve.precision,
        "device": what.asked.device,
        "delegate": curve.delegate.value,
        "threads": curve.threads,
        "origin": "simulated",
        "seed": what.seed,
        "ambient_c": what.ambient_c,
        "supposed": "; ".join(what.asked.supposed) or None,
    }
    outcome = curve.outcome
    if isinstance(outcome, Failure):
        yield told | {"failure": f"{outcome.error}: {outcome.message}"}
        return
    for minute in outcome.minutes:
        values = msgspec.structs.asdict(minute)
        values["energy_mj"] = round(minute.energy_mj, 4)
        yield told | {"tier": outcome.tier.value} | values


# -- for a terminal


def print_answers(console: Console, what: AskedFor, curves: Sequence[Curve]) -> None:
    """For every model a line per curve, then its minutes side by side, then who is ahead."""
    for path, group in groupby(curves, lambda curve: curve.path):
        known = [c for c in group if isinstance(c.outcome, Sustained)]
        if not known:
            continue
        length = format_duration_s(what.duration_s).removesuffix(" 0 s")
        say(
            console,
            f"{known[0].model}: {length} of back-to-back invokes in air of {what.ambient_c:g} °C",
            "",
        )
        slowest = max(_LEAST_SLOWER_RATIO, *(_slower(c)[-1] for c in known), *map(_most, known))
        console.print(_overview(known, slowest))
        say(console, f"bars: p50 against the first minute's, █ = {slowest:.2f}x", "")
        step = -(-len(_curve(known[0]).minutes) // _MOST_ROWS)
        for start in range(0, len(known), _SIDE_BY_SIDE):
            console.print(_minutes(known[start : start + _SIDE_BY_SIDE], step))
            say(console, "")
        if step > 1:
            say(console, f"every {step} minutes; all are in --json and --csv")
        say(console, _ahead(what.leads.get(path, ())), "")
    _print_honesty(console, what, curves)


def _curve(curve: Curve) -> Sustained:
    assert isinstance(curve.outcome, Sustained)
    return curve.outcome


def _slower(curve: Curve) -> list[float]:
    minutes = _curve(curve).minutes
    return [m.undisturbed_us / minutes[0].undisturbed_us for m in minutes]


def _most(curve: Curve) -> float:
    return max(_slower(curve))


def _bars(curve: Curve, slowest: float, step: int) -> str:
    top = len(_BARS) - 1
    shares = [(ratio - 1) / (slowest - 1) for ratio in _slower(curve)[::step]]
    return "".join(_BARS[round(min(max(share, 0.0), 1.0) * top)] for share in shares)


def _overview(curves: Sequence[Curve], slowest: float) -> Table:
    found = table(("delegate", 0), ("cold ms", 1), ("by the minute", 0), ("end ms", 1))
    for head in ("clocks held after", "W", "mJ", "chip °C", "skin °C", "tier"):
        found.add_column(head, justify="left" if head in ("clocks held after", "tier") else "right")
    for curve in curves:
        told = _curve(curve)
        last = told.minutes[-1]
        row(
            found,
            f"{curve.label} -> CPU" if told.cold.cpu_fallback else curve.label,
            format_ms(told.cold.p50_us),
            _bars(curve, slowest, -(-len(told.minutes) // 20)),
            format_ms(last.p50_us),
            _held(told),
            f"{last.power_mw / 1000:.1f}",
            f"{last.energy_mj:.3g}",
            f"{last.chip_c:.0f}",
            f"{last.skin_c:.0f}",
            told.tier.value,
        )
    return found


def _held(told: Sustained) -> str:
    """`7:27 (2:55-never)`: likely, then with more and with less power than the profile says."""
    likely, early, late = (
        "never" if s is None else f"{int(s) // 60}:{int(s) % 60:02d}"
        for s in (told.throttles_s, told.throttles_early_s, told.throttles_late_s)
    )
    return likely if early == late else f"{likely} ({early}-{late})"


def _minutes(curves: Sequence[Curve], step: int) -> Table:
    found = table()
    found.add_column("\nmin", justify="right", no_wrap=True)
    for curve in curves:
        for head in (f"{curve.label}\np50 ms", "\np90", "\nrange", "\nclock"):
            found.add_column(head, justify="right", no_wrap=True)
    for index in range(0, len(_curve(curves[0]).minutes), step):
        cells = [str(index + 1)]
        for curve in curves:
            m = _curve(curve).minutes[index]
            cells += [
                format_ms(m.p50_us),
                "-" if m.p90_us is None else format_ms(m.p90_us),
                f"{_roughly(m.low_us)}-{_roughly(m.high_us)}",
                f"{m.clock_ratio:.0%}",
            ]
        row(found, *cells)
    return found


def _roughly(value_us: float) -> str:
    """Two significant digits, in ms: the end of a band is not known better."""
    ms = value_us / 1000
    return f"{ms:.0f}" if ms >= 9.95 else f"{ms:.1f}" if ms >= 0.995 else f"{ms:.2f}"


def _ahead(leads: Sequence[Ahead]) -> str:
    if not leads:
        return ""
    said = [f"{lead.label} from minute {lead.from_minute}" for lead in leads[:_MOST_LEADS]]
    said += [f"{len(leads) - _MOST_LEADS} more changes"] if leads[_MOST_LEADS:] else []
    sure = "" if all(lead.is_certain for lead in leads) else "; ranges overlap, so it may be others"
    return f"ahead: {', then '.join(said)}{sure}"


def _print_honesty(console: Console, what: AskedFor, curves: Sequence[Curve]) -> None:
    told = [c.outcome for c in curves if isinstance(c.outcome, Sustained)]
    asked = what.asked
    say(
        console,
        f"SIMULATED: computed for {asked.device} ({asked.title}), not measured; p50, p90: drawn, "
        f"seed {what.seed}",
    )
    tiers = "/".join(sorted({t.cold.tier.value for t in told}))
    for power_ratio, basis in dict.fromkeys((t.power_band_ratio, t.basis) for t in told):
        say(
            console,
            f"range: the 90 % band of the cold median (tier {tiers}), wider by what heat does with "
            f"power x/{power_ratio:g}",
            "W, mJ (per invoke) and °C: of the whole device at the end, assumed, not known",
            f"heat rests on: {basis}",
        )
    remarks: dict[str, list[str]] = {}
    for c in curves:
        lines = (
            [f"failed: {c.outcome.error}: {c.outcome.message}"]
            if isinstance(c.outcome, Failure)
            else [f"note: {w}" for w in c.outcome.cold.warnings]
        )
        for line in lines:
            remarks.setdefault(line, []).append(f"{c.model} {c.label}")
    for line, where in remarks.items():
        more = f" and {len(where) - 4} more" if where[4:] else ""
        say(console, f"{line} [{', '.join(where[:4])}{more}]")
