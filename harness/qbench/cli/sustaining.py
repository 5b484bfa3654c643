"""From what the user asked of a load that goes on to its curves."""

from __future__ import annotations

import re
from itertools import groupby
from random import Random

from qbench.cli.simulating import Question, asked, files_of, oracle_for, tell
from qbench.errors import InputError
from qbench.records import Delegate, ModelInfo, Sustained
from qbench.report.sustained import Ahead, AskedFor, Curve
from qbench.simulator import sustained, thermal

_UNIT_S = {"s": 1, "min": 60, "h": 3600}
_LONGEST_S = 6 * 3600
_AMBIENT_C = (-20.0, 50.0)


def ask(question: Question) -> tuple[AskedFor, list[Curve]]:
    """A curve for every file, delegate and number of threads. Each begins on a device at rest,
    with a random series of its own, so that one curve does not depend on the others.

    Raises as `simulating.ask`; ProfileError when the device says nothing of heat.
    """
    if question.ops is not None:
        raise InputError(
            "simulate: --ops and --no-ops do not go with --duration",
            hint="leave one of them out: a curve has minutes, not operators",
        )
    duration_s = seconds(question.duration or "")
    ambient_c = celsius(question.ambient or "25C")
    seed = question.seed or 0
    oracle = oracle_for(question)
    thermal.thermal_of(oracle.profile)

    def answer(model: ModelInfo, delegate: Delegate, threads: int) -> Sustained:
        return sustained.sustain(
            oracle,
            model,
            delegate,
            threads,
            duration_s=duration_s,
            ambient_c=ambient_c,
            generator=Random(f"{seed} {delegate} {threads}"),
        )

    curves = [
        Curve(
            model=path.stem,
            path=str(path),
            precision=model.precision if model else None,
            delegate=delegate,
            threads=threads,
            outcome=told,
        )
        for path, model, delegate, threads, told in tell(
            question, oracle, list(files_of(question)), answer
        )
    ]
    what = AskedFor(
        asked=asked(question, oracle),
        duration_s=duration_s,
        ambient_c=ambient_c,
        seed=seed,
        leads={path: _leads(list(group)) for path, group in groupby(curves, lambda c: c.path)},
    )
    return what, curves


def _leads(curves: list[Curve]) -> tuple[Ahead, ...]:
    known = [c for c in curves if isinstance(c.outcome, Sustained)]
    found = sustained.leads([c.outcome for c in known if isinstance(c.outcome, Sustained)])
    return tuple(
        Ahead(from_minute=lead.minute, label=known[lead.curve].label, is_certain=lead.is_certain)
        for lead in found
    )


def seconds(text: str) -> float:
    """`600s`, `10min`, `1.5h`. Raises InputError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)", text.strip())
    value_s = float(found[1]) * _UNIT_S[found[2]] if found else 0.0
    if not 1 <= value_s <= _LONGEST_S:
        raise InputError(
            f"duration: {text!r} is not understood", hint="say 90s, 10min or 1h; at most 6h"
        )
    return value_s


def celsius(text: str) -> float:
    """`25C`, `-5 C`, `25`. Raises InputError."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*C?", text.strip())
    value_c = float(found[1]) if found else float("nan")
    if not _AMBIENT_C[0] <= value_c <= _AMBIENT_C[1]:
        raise InputError(
            f"ambient: {text!r} is not understood",
            hint=f"say 25C; from {_AMBIENT_C[0]:g}C to {_AMBIENT_C[1]:g}C",
        )
    return value_c
