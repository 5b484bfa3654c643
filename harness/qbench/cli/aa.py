"""What difference a set-up can resolve: the same model as A and as B, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
import msgspec

from qbench import stats
from qbench.cli import comparing, console, exit_codes, measuring, planning
from qbench.cli.hardware import HOST
from qbench.errors import PlanError
from qbench.plan import restrict
from qbench.records import Plan, Precision
from qbench.report import comparison_text
from qbench.report.comparison import Comparison
from qbench.stats import Aspect, Ratio, Verdict
from qbench.store import Session

if TYPE_CHECKING:
    from rich.console import Console

RUNS = (5, 10, 20, 40)


def tell(
    asked: Mapping[str, Any],
    serials: Sequence[str],
    device_options: Mapping[str, object],
    *,
    as_json: bool,
) -> int:
    """Measure, compare, print; returns the exit code."""
    session, found = _measure(asked, serials, device_options)
    if as_json:
        body = {"schema_version": 1, "session_dir": str(session.folder), "aa": _builtins(found)}
        click.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
    else:
        comparison_text.print_comparison(console.stdout(), found)
        _print_resolution(console.stdout(), found)
    if found.has_refusal or any(pair.word == "broken" for pair in found.pairs):
        return exit_codes.DONE_IN_PART
    ratios = [pair.result for pair in found.pairs if isinstance(pair.result, Ratio)]
    return exit_codes.REGRESSION if any(map(_is_odd, ratios)) else exit_codes.DONE


def _measure(
    asked: Mapping[str, Any], serials: Sequence[str], device_options: Mapping[str, object]
) -> tuple[Session, Comparison]:
    """A session of A and B in turn on the device asked for (without one: this machine), and what
    comparing them says. Raises NoDeviceError when the device is not attached."""
    model, precision = asked["aa_model"], asked["aa_precision"]
    if model is None:
        model, precision = "smallcnn", precision or Precision.INT8.value
    wanted = {
        **planning.NOTHING_ASKED,
        "models": (model,),
        "precisions": (precision,) if precision else (),
        "delegates": ("cpu",),
        "threads": (),
        "device": asked["device"],
        "protocol": asked["aa_protocol"],
        "repetitions": asked["aa_repetitions"],
        "aa": True,
    }
    spec = planning.merge(planning.Asked(**wanted))
    session = measuring.measure(
        spec, serials, device_options, asked["aa_out"], required=True, choose=_only_measured
    )
    with TemporaryDirectory(prefix="qbench-aa-") as scratch:
        found = comparing.compare(
            f"{session.folder}:*-A@*",
            ":*-B@*",
            Path(scratch),
            margin_ratio=asked["aa_margin"],
            # A taint of one side alone is just what is to be found out; it stays in the output.
            across={Aspect.TAINTS},
        )
    return session, found


def _only_measured(made: Plan) -> Plan:
    """Neither predictions nor, beside a device, the host."""
    twice = [case for case in made.cases if case.arm is not None]
    if not twice:
        raise PlanError("doctor: nothing that can be measured twice is there")
    on_device = [case for case in twice if case.device != HOST]
    return restrict(made, on_device or twice)


def resolution(ratio: Ratio) -> dict[int, float]:
    """By number of runs per side: the ratio that they would find in nine of ten cases."""
    scatter = ratio.log_sd or 0.0
    floor = (ratio.detectable_ratio or 1.0) / stats.detectable_ratio(ratio.runs or 2, scatter)
    return {runs: stats.detectable_ratio(runs, scatter) * floor for runs in RUNS}


def _is_odd(ratio: Ratio) -> bool:
    """A and B are the same, and yet they are called different."""
    return ratio.verdict in (Verdict.FASTER, Verdict.SLOWER)


def _print_resolution(console: Console, found: Comparison) -> None:
    """In words; `comparison_text` has printed the comparison itself."""
    from rich.text import Text

    for pair in found.pairs:
        if not isinstance(pair.result, Ratio):
            continue
        ratio = pair.result
        percents = {runs: f"{(value - 1) * 100:.1f} %" for runs, value in resolution(ratio).items()}
        told = ", ".join(f"{value} with {runs} runs" for runs, value in percents.items())
        console.print(Text(f"{pair.label}: this set-up resolves {told} per side", style="bold"))
        if _is_odd(ratio):
            text = "A and B are the same model, and yet they differ: order, heat or somebody else"
            console.print(Text(f"  {text}", style="red"))
        elif ratio.interval is not None and not ratio.interval.low <= 1 <= ratio.interval.high:
            console.print(
                Text("  A and B differ within the margin: 1 A/A in 20 does", style="yellow")
            )


def _builtins(found: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "label": pair.label,
            "ratio": pair.result.ratio,
            "low_ratio": pair.result.interval.low if pair.result.interval else None,
            "high_ratio": pair.result.interval.high if pair.result.interval else None,
            "verdict": pair.word,
            "runs": pair.result.runs,
            "resolves_ratio": {str(n): value for n, value in resolution(pair.result).items()},
            "cautions": list(pair.result.cautions),
        }
        for pair in found.pairs
        if isinstance(pair.result, Ratio)
    ]
