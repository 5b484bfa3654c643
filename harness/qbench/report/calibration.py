"""A calibration, planned or made, for a terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from qbench.units import printable

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
"""Of the JSON objects. History: 1 = first."""

_SEVERAL, _WORST = 3, 3


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a calibration would measure. `expected_s`: one pass on a small computer. `asks_again`:
    what others have disturbed is measured again."""

    device: str
    profile: str
    path: str
    singles: int
    networks: int
    runs: int
    expected_s: int
    budget_s: float
    asks_again: bool = True
    step_test_s: int | None = None


class ClassSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One class of kernels: how many singles speak of it, and the root mean square of the errors
    that the fit leaves on them."""

    kind: str
    singles: int
    residual_ratio: float


class GroupSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One data type and number of threads."""

    dtype: str
    threads: int
    tile: tuple[int, int, int]
    gmacs_per_s: float | None
    median_error_ratio: float  # cross-validated, of single operators
    scale_ratio: float
    networks: int
    network_mape_ratio: float | None  # left out
    band_ratio: float
    band_rule: str
    tier: str
    classes: tuple[ClassSummary, ...] = ()


class Made(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    device: str
    profile: str
    runtime: str
    answers: int
    contended: int
    drift_ratio: float
    groups: tuple[GroupSummary, ...]
    heat: str  # what the step test found, or why there is none


def plan_json(plan: Plan) -> str:
    return _json(plan)


def render_json(made: Made) -> str:
    return _json(made)


def print_plan(console: Console, plan: Plan) -> None:
    heated = [] if plan.step_test_s is None else [f"then a step test of {plan.step_test_s} s"]
    if plan.expected_s > plan.budget_s:
        rest = "what networks seldom have comes last and may be left out"
    elif plan.asks_again:
        rest = "what is contended is measured again while there is time"
    else:
        rest = "everything is measured once"
    for line in (
        f"{plan.device}, profile {plan.profile}",
        f"{plan.singles} single-operator models and {plan.networks} networks: {plan.runs} runs "
        "with those of the reference",
        f"about {plan.expected_s} s, at most {plan.budget_s:.0f} s; {rest}",
        *heated,
        f"would be written to {plan.path}",
    ):
        console.print(printable(line), markup=False, soft_wrap=True)


def print_made(console: Console, made: Made) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("precision", "threads", "tile", "GMAC/s", "singles", "networks", "scale", "band"):
        table.add_column(name, justify="left" if name in ("precision", "tile") else "right")
    table.add_column("tier")
    for g in made.groups:
        rate = "-" if g.gmacs_per_s is None else f"{g.gmacs_per_s:.1f}"
        nets = "-"
        if g.network_mape_ratio is not None:
            nets = f"{g.network_mape_ratio:.1%} ({g.networks})"
        table.add_row(
            g.dtype,
            str(g.threads),
            "x".join(map(str, g.tile)),
            rate,
            f"{g.median_error_ratio:.1%}",
            nets,
            f"{g.scale_ratio:.3f}",
            f"x/{g.band_ratio:.2f}",
            g.tier,
        )
    console.print(table)
    lines = [
        "singles: median error of operators that the fit had not seen; networks: mean error of "
        "networks by the scale of the others",
        *(f"{g.dtype} t{g.threads} 90 % band: {g.band_rule}" for g in made.groups),
        *filter(None, map(_worst, made.groups)),
        f"{made.answers} models on {made.device} ({made.runtime}), reference drifted by at most "
        f"{made.drift_ratio:.1%}",
    ]
    if made.contended:
        lines.append(
            f"{made.contended} of them while other programs had the processor more than a tenth of "
            "the time: prices may be too high"
        )
    for line in (*lines, f"heat: {made.heat}", f"written to {made.path}"):
        console.print(printable(line), markup=False, soft_wrap=True)


def _worst(group: GroupSummary) -> str | None:
    """Where the fit explains least, of the classes that several singles speak of; and how many
    classes rest on one or two."""
    known = [c for c in group.classes if c.singles >= _SEVERAL]
    known.sort(key=lambda c: -c.residual_ratio)
    if not known:
        return None
    told = [f"{c.kind} {c.residual_ratio:.0%} of {c.singles} singles" for c in known[:_WORST]]
    few = len(group.classes) - len(known)
    rest = f"; {few} classes rest on fewer than {_SEVERAL}" if few else ""
    return f"{group.dtype} t{group.threads} explained worst: {', '.join(told)}{rest}"


def _json(value: Any) -> str:
    body = {"schema_version": SCHEMA_VERSION} | msgspec.to_builtins(value)
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
