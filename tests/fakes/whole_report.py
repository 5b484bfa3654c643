"""A report that has everything: operators, placement, sustained load, a front, budgets, changes.

Through the store and the model files, as `qbench report` makes it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from fakes.manual_clock import ManualClock
from fakes.reports import a_comparison, a_session, stored
from qbench import modelfile, models
from qbench.cli import reporting
from qbench.records import Budget, Case, Metric, Precision
from qbench.report import html

_FILES = {"smallcnn": Precision.INT8, "smallcnn_fp": Precision.FP32}
_ACCURACIES = {"smallcnn": 0.91, "smallcnn_fp": 0.94}


def a_whole_content(folder: Path) -> html.Content:
    """Two models whose files are there, and one whose file is not; runs on a device, the same
    simulated, and the host. `folder` receives the session."""
    made = a_session(
        (*_FILES, "gone"), runs=5, invokes=40, device="sd865", title="a phone", name="whole"
    )
    cases = tuple(_here(case) for case in made.plan.cases)
    budgets = (
        Budget(cases="*", text="p50 <= 5 ms", metric=Metric.P50, at_most=5000),
        Budget(cases="*nnapi*", text="delegated"),
    )
    plan = msgspec.structs.replace(made.plan, cases=cases, budgets=budgets)
    session = stored(msgspec.structs.replace(made, plan=plan), folder)
    content = reporting.content([session.folder], ManualClock(), sustained_for="10min")
    accuracies = tuple(
        html.Accuracy(
            model_sha256=next(c.model_sha256 for c in cases if c.model == name),
            metric="accuracy",
            ratio=ratio,
            samples=200,
            dataset="lesions, test, synthetic",
        )
        for name, ratio in _ACCURACIES.items()
    )
    return msgspec.structs.replace(content, accuracies=accuracies, comparison=a_comparison())


def _here(case: Case) -> Case:
    precision = _FILES.get(case.model)
    if precision is None:
        return case
    (path,) = models.resolve("smallcnn", [precision])
    return msgspec.structs.replace(
        case, model_path=str(path), model_sha256=modelfile.sha256(path), precision=precision
    )
