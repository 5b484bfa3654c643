"""Limits on results: how they are written, how they are judged, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fakes.latency_samples import ON_NPU
from fakes.sessions import FAILED, a_named_case, a_session, latencies
from fakes.summaries import measured, predicted
from qbench.cli import main
from qbench.errors import PlanError
from qbench.plan import read_budgets
from qbench.records import Budget, Delegate, Failure, Metric, Summary, UnitNodes
from qbench.stats import Kept, check_budgets


def limit(text: str, cases: str = "*") -> tuple[Budget, ...]:
    return read_budgets({cases: (text,)})


@pytest.mark.parametrize(
    ("text", "metric", "at_most"),
    [
        ("p50 <= 8 ms", Metric.P50, 8000),
        ("p90<=0.5s", Metric.P90, 500_000),
        ("first <= 900 us", Metric.FIRST, 900),
        ("init  <=  1.5 ms", Metric.INIT, 1500),
        ("memory <= 64 MB", Metric.MEMORY, 64_000_000),
        ("memory <= 64 MiB", Metric.MEMORY, 64 << 20),
        ("partitions <= 3", Metric.PARTITIONS, 3),
        ("not delegated  -> fail", None, None),
    ],
)
def test_a_limit_is_read_with_its_unit(
    text: str, metric: Metric | None, at_most: float | None
) -> None:
    (found,) = limit(text)
    assert (found.metric, found.at_most) == (metric, at_most)
    assert found.text == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("p50 < 8 ms", "is not a limit"),
        ("p50 <= 8", "'' is no unit of p50"),
        ("p50 <= 8 MB", "'MB' is no unit of p50"),
        ("memory <= 8 ms", "'ms' is no unit of memory"),
        ("partitions <= 3 ms", "'ms' is no unit of partitions"),
        ("p95 <= 8 ms", "'p95' is not a metric"),
        ("p50 <= -8 ms", "is not a limit"),
        ("delegated", "is not a limit"),
        ("", "is not a limit"),
    ],
)
def test_a_wrong_limit_is_refused_with_what_may_be_written(text: str, told: str) -> None:
    with pytest.raises(PlanError) as caught:
        limit(text, "*-int8-*")
    assert told in str(caught.value)
    assert "*-int8-*" in str(caught.value)
    assert "not delegated -> fail" in (caught.value.hint or "")


FIVE = (10_000, 10_100, 9_950, 10_020, 10_080)


def status(text: str, summary: Summary) -> tuple[Kept, bool | None]:
    (found,) = check_budgets(limit(text), [summary])
    return found.status, found.is_sure


def test_the_best_estimate_decides_and_the_interval_says_how_surely() -> None:
    assert status("p50 <= 20 ms", measured(FIVE)) == (Kept.KEPT, True)
    assert status("p50 <= 10.021 ms", measured(FIVE)) == (Kept.KEPT, False)
    assert status("p50 <= 10.019 ms", measured(FIVE)) == (Kept.BROKEN, False)
    assert status("p50 <= 5 ms", measured(FIVE)) == (Kept.BROKEN, True)


def test_a_predicted_latency_is_judged_by_its_band() -> None:
    told = predicted(10_000, 5_000, 20_000)
    assert status("p50 <= 30 ms", told) == (Kept.KEPT, True)
    assert status("p50 <= 12 ms", told) == (Kept.KEPT, False)


def test_what_the_runner_did_not_tell_is_not_known_rather_than_kept() -> None:
    for text in ("p90 <= 1 s", "init <= 1 s", "memory <= 1 GB", "partitions <= 9"):
        assert status(text, measured(FIVE)) == (Kept.UNKNOWN, None)
    assert status("p50 <= 1 s", measured(())) == (Kept.UNKNOWN, None)


def test_memory_partitions_and_init_are_judged_by_their_own_values() -> None:
    full = msgspec.structs.replace(
        measured(FIVE), peak_rss_bytes=70_000_000, placement=ON_NPU, run_inits_us=(500,) * 5
    )
    assert status("memory <= 64 MB", full) == (Kept.BROKEN, None)
    assert status("memory <= 70 MB", full) == (Kept.KEPT, None)
    assert status("partitions <= 1", full) == (Kept.KEPT, None)
    assert status("partitions <= 0", full) == (Kept.BROKEN, None)
    assert status("init <= 0.4 ms", full)[0] is Kept.BROKEN


def asked_for_npu(**changes: object) -> Summary:
    told = predicted(1000, 900, 1100, nodes=UnitNodes(1, 0, 9))
    return msgspec.structs.replace(told, **changes)


@pytest.mark.parametrize(
    ("summary", "wanted"),
    [
        (asked_for_npu, Kept.KEPT),
        (lambda: asked_for_npu(cpu_fallback=True), Kept.BROKEN),
        (lambda: asked_for_npu(placement=None), Kept.UNKNOWN),
        (
            lambda: asked_for_npu(placement=None, failure=Failure("NotDelegatedError", "no way")),
            Kept.BROKEN,
        ),
        (lambda: predicted(1000, 900, 1100, delegate=Delegate.CPU), Kept.KEPT),
    ],
    ids=["delegated", "fell back", "not told", "refused", "cpu"],
)
def test_a_delegate_that_took_nothing_breaks_the_budget(
    summary: Callable[[], Summary], wanted: Kept
) -> None:
    assert status("not delegated -> fail", summary())[0] is wanted


def test_a_budget_is_for_the_cases_that_its_glob_fits() -> None:
    cases = [measured(FIVE, case_id=f"m-{p}-cpu-t4@d") for p in ("int8", "fp32")]
    found = check_budgets(limit("p50 <= 1 ms", "*-int8-*"), cases)
    assert [check.case_id for check in found] == ["m-int8-cpu-t4@d"]


def show(folder: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["show", str(folder), *options])
    code = ended.value.code
    assert isinstance(code, int)
    return code


CASE = a_named_case()


def test_a_broken_budget_ends_with_1_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = (*limit("p50 <= 8 ms"), *limit("p50 <= 80 ms"), *limit("memory <= 1 GB"))
    session = a_session(tmp_path, "s", {CASE: latencies(9000)}, budgets=budgets)
    assert show(session.folder) == 1
    out = capsys.readouterr().out
    assert "budget broken: p50 <= 8 ms: 9.0" in out
    assert "budget not known: memory <= 1 GB" in out
    assert "budgets: 1 kept, 1 broken, 1 not known" in out
    assert show(session.folder, "--json") == 1
    told = json.loads(capsys.readouterr().out)["budgets"]
    assert [b["status"] for b in told] == ["broken", "kept", "not known"]


def test_kept_budgets_end_with_0_and_a_failed_run_still_with_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = limit("p50 <= 80 ms")
    kept = a_session(tmp_path, "kept", {CASE: latencies(9000)}, budgets=budgets)
    assert show(kept.folder) == 0
    assert "budgets: 1 kept" in capsys.readouterr().out
    failed = a_session(tmp_path, "failed", {CASE: FAILED}, budgets=budgets)
    assert show(failed.folder) == 4
    assert "budget not known: p50 <= 80 ms" in capsys.readouterr().out
