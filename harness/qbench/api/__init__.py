"""What `import qbench` offers: the commands as functions, over the same code.

Each function returns values that say what the commands print: who ran it, where the number comes
from, how sure it is, and why there is none. Inputs that cannot be used raise the errors of
`qbench.errors`; a run that fails is a result with a `failure`. Remarks that the commands print on
stderr (a device that is not attached, so that it is simulated) are printed there as well.

All latencies are wall time of one invoke in integer microseconds (`_us`), all sizes bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, cast

from qbench.api import frames
from qbench.api.asking import Names, asked, choice, only_case, words
from qbench.api.assurance import (
    BudgetBrokenError,
    BudgetInconclusiveError,
    Judgement,
    assert_budget,
    judge,
)
from qbench.api.performing import perform
from qbench.api.results import Result, Results
from qbench.api.simulation import Curves, Simulation, simulate, sustain
from qbench.cli import comparing, sources
from qbench.errors import InputError
from qbench.records import Metric
from qbench.report.comparison import Comparison
from qbench.stats import Aspect
from qbench.stats.comparison import MARGIN_RATIO

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BudgetBrokenError",
    "BudgetInconclusiveError",
    "Comparison",
    "Curves",
    "Judgement",
    "Result",
    "Results",
    "Simulation",
    "assert_budget",
    "compare",
    "judge",
    "load",
    "measure",
    "run",
    "simulate",
    "sustain",
]

Side = str | Path | Results | Result
"""Results by their session: what a function returned, a folder, or text as commands take it."""


def run(
    models: Names = (),
    *,
    device: str | None = None,
    delegates: str | Iterable[str] = (),
    precisions: str | Iterable[str] = (),
    threads: int | Iterable[int] = (),
    protocol: str | None = None,
    repetitions: int | None = None,
    budgets: str | Iterable[str] = (),
    seed: int | None = None,
    xnnpack: bool | None = None,
    aa: bool | None = None,
    serials: str | Iterable[str] = (),
    require_hardware: bool = False,
    name: str | None = None,
    out: str | Path = "results",
    **device_options: Any,
) -> Results:
    """Measure and simulate, as `qbench run` does; every argument is that command's option.

    `models` are .tflite files, names of built-in or built models, or one plan (.yaml); none: the
    built-in ones. `device` is a profile, an attached serial or `host`; None: this machine. A
    device that is not attached is simulated, and its results say so, unless `require_hardware`.
    `name` is the session's; None: made of models and device.
    `device_options` are the fields of `qbench.android.options.Options`, such as
    `is_fallback_allowed=True` or `benchmark_binary="benchmark_model"`.

    Blocks until all has run; everything is in a new session folder under `out` as it happens. A
    failed run is a result with a `failure`. Raises InputError and its kinds (a model, plan or
    option that cannot be used), DeviceError and its kinds (NoDeviceError, a device that is lost).
    """
    question = asked(
        models,
        device=device,
        delegates=delegates,
        precisions=precisions,
        threads=threads,
        protocol=protocol,
        repetitions=repetitions,
        budgets=budgets,
        seed=seed,
        xnnpack=xnnpack,
        aa=aa,
    )
    session = perform(
        question,
        serials=words(serials),
        device_options=device_options,
        out=out,
        required=require_hardware,
        name=name,
    )
    return Results.of(session.folder)


def measure(
    model: str | Path,
    *,
    delegate: str = "cpu",
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    protocol: str | None = None,
    repetitions: int | None = None,
    seed: int | None = None,
    xnnpack: bool | None = None,
    serial: str | None = None,
    require_hardware: bool = False,
    name: str | None = None,
    out: str | Path = "results",
    **device_options: Any,
) -> Result:
    """One case: `model` on `delegate` of `device`, and nothing beside it.

    On an attached device it is measured; on one that is not attached it is simulated, and says so
    (`result.origin`), unless `require_hardware`. Without `device`: this machine's CPU. `precision`
    chooses among the files of a model's name. `name` is the session's. The other arguments, and
    what is raised, are those of `run`; also InputError when that is not exactly one case.
    """
    question = asked(
        model,
        device=device,
        delegates=delegate,
        precisions=precision or (),
        threads=() if threads is None else threads,
        protocol=protocol,
        repetitions=repetitions,
        seed=seed,
        xnnpack=xnnpack,
    )
    session = perform(
        question,
        serials=() if serial is None else (serial,),
        device_options=device_options,
        out=out,
        required=require_hardware,
        name=name,
        choose=only_case(delegate),
    )
    return Results.of(session.folder).only()


def compare(
    baseline: Side,
    candidate: Side,
    *,
    margin_ratio: float = MARGIN_RATIO,
    metric: str | None = None,
    across: str | Collection[str] = (),
) -> Comparison:
    """Faster, slower, the same, or how many more runs would tell, as `qbench compare` does.

    Each side is what `run` returned, a session's folder, or text as the command takes it:
    SESSION:GLOB, A,B,C, git:REF:FOLDER, and :GLOB for the candidate. `margin_ratio` 0.02: up to 2 %
    is the same. `metric` p50, p90, init or first; None: the protocol's. Sides that differ in
    `origin`, `device`, `tool` or `taints` are refused (`pair.word == "refused"`) unless `across`
    names it. Raises StoreError when there is nothing to pair, InputError for an unknown word.
    """
    if not margin_ratio > 0:
        raise InputError(f"compare: margin_ratio {margin_ratio} is not above 0", hint="0.02 is 2 %")
    with TemporaryDirectory(prefix="qbench-compare-") as scratch:
        return comparing.compare(
            _session(baseline),
            _session(candidate),
            Path(scratch),
            margin_ratio=margin_ratio,
            metric=None if metric is None else choice(Metric, "metric", metric),
            across={choice(Aspect, "across", word) for word in words(across)},
        )


def load(*sessions: Side, per: Literal["case", "run"] = "case") -> pd.DataFrame:
    """Results of sessions as a table: shape (cases, columns) or (runs, columns).

    Each of `sessions` is a folder, a folder of sessions (the newest is meant), a pattern
    ("results/*"), SESSION:GLOB on case ids, or git:REF:FOLDER. The columns are those of `qbench
    report --format csv`; units stand in their names (`_us`, `_bytes`, `_c`, `_ratio`). What is
    absent is `pandas.NA`, never 0. `origin`, `tier`, `low_us` .. `high_us` (95 % interval of a
    measured median, 90 % band of a simulated one: `interval_level`), `verdict`, `taints` and
    `failure` stand in every row. Raises StoreError for what is no session, or none that fits.
    """
    if per not in ("case", "run"):
        raise InputError(f"load: per={per!r} is not known", hint="'case' or 'run'")
    if not sessions:
        raise InputError("load: no session is given", hint='such as qbench.load("results")')
    with TemporaryDirectory(prefix="qbench-load-") as scratch:
        found = [sources.find(_session(side), Path(scratch)) for side in sessions]
        return cast("pd.DataFrame", frames.of_sources(found, per))


def _session(side: Side) -> str:
    """As the commands name it; of a Result its own case only."""
    if isinstance(side, Result):
        return f"{side.session}:{side.case_id}"
    return str(side.session if isinstance(side, Results) else side)
