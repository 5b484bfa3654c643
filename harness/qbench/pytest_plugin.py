"""The pytest plugin: the fixture `qbench` measures a model and holds it to budgets.

Installed with qbench and loaded by every pytest of that environment, so it imports nothing of
qbench before the fixture is used.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from qbench.api import Judgement, Result
    from qbench.api.assurance import Allowed

_PROPERTY = "qbench"  # of a test's report (and of JUnit's XML): one for each result
_THIS_MACHINE = "this machine's processor"
_PATIENCE_S = 3600.0  # as for an attached device


class QBench:
    """What the fixture `qbench` is. It may be used by fixtures of any scope."""

    def __init__(self, out: Path, *, skips_inconclusive: bool) -> None:
        self._out = out
        self._skips_inconclusive = skips_inconclusive
        self._item: pytest.Item | None = None

    def measure(self, model: str | Path, **asked: Any) -> Result:
        """One case, by `qbench.measure`, whose arguments, results and errors these are:
        `delegate`, `device`, `threads`, `precision`, `protocol`, `repetitions` ...

        The session's folder lies in --qbench-out unless `out` is given, named after the test
        unless `name` is. No two processes measure on one device at once: an attached device has its
        lock, and so has this machine for tests; who waits says so on stderr.
        """
        __tracebackhide__ = True
        import qbench

        asked = {"out": self._out, "name": self._name(), **asked}
        on_this_machine = asked.get("device") in (None, "host") and not asked.get("serial")
        with _hints():
            if on_this_machine:
                with _turn():
                    result: Result = qbench.measure(model, **asked)
            else:
                result = qbench.measure(model, **asked)
        if self._item is not None:
            self._item.user_properties.append((_PROPERTY, f"{result} [{result.session}]"))
        return result

    def assert_budget(
        self, result: Result, *limits: str, allow: Allowed | Collection[Allowed] = ()
    ) -> tuple[Judgement, ...]:
        """Fail unless every limit ("p50 <= 8 ms", "not delegated -> fail") is kept for sure; see
        `qbench.assert_budget`. What these runs do not tell fails too, or skips the test with
        --qbench-inconclusive=skip; it never passes."""
        __tracebackhide__ = True
        from qbench import api

        try:
            with _hints():
                return api.assert_budget(result, *limits, allow=allow)
        except api.BudgetInconclusiveError as error:
            if self._skips_inconclusive:
                pytest.skip(f"qbench: {error}")
            raise

    def _name(self) -> str | None:
        return None if self._item is None else self._item.name

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._item = item
        try:
            return (yield)
        finally:
            self._item = None


_KEY = pytest.StashKey[QBench]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("qbench", "latencies of TFLite models")
    group.addoption(
        "--qbench-out",
        type=Path,
        metavar="DIR",
        help="The folder that receives a session's folder per measurement. Default: results in "
        "the root folder of the tests.",
    )
    group.addoption(
        "--qbench-inconclusive",
        choices=["fail", "skip"],
        default="fail",
        help="What happens to a test when its runs do not tell whether a budget is kept.",
    )


def pytest_configure(config: pytest.Config) -> None:
    asked = config.getoption("qbench_out")
    out = config.rootpath / "results" if asked is None else config.invocation_params.dir / asked
    skips = config.getoption("qbench_inconclusive") == "skip"
    config.stash[_KEY] = QBench(out, skips_inconclusive=skips)
    config.pluginmanager.register(config.stash[_KEY], "qbench-fixture")


@pytest.fixture(name="qbench", scope="session")
def _fixture(pytestconfig: pytest.Config) -> QBench:
    """Measure a TFLite model with `qbench.measure(model, delegate=..., device=...)`, and hold it to
    limits with `qbench.assert_budget(result, "p50 <= 8 ms")`."""
    return pytestconfig.stash[_KEY]


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Every result with where it comes from, also of tests that other processes ran."""
    every = [report for reports in terminalreporter.stats.values() for report in reports]
    ended = [report for report in every if getattr(report, "when", None) == "teardown"]
    lines = [
        f"{report.nodeid}: {value}"
        for report in ended
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    if lines:
        terminalreporter.section("qbench")
        for line in lines:
            terminalreporter.line(line)


@contextmanager
def _hints() -> Iterator[None]:
    """pytest shows an error's notes, so its hint becomes one."""
    from qbench.errors import QBenchError

    try:
        yield
    except QBenchError as error:
        if error.hint:
            error.add_note(f"hint: {error.hint}")
        raise


@contextmanager
def _turn() -> Iterator[None]:
    """This machine for one process at a time. Raises CommandTimeoutError after an hour."""
    import sys

    from qbench.android.lock import DeviceLock
    from qbench.clock import SystemClock

    lock = DeviceLock(_THIS_MACHINE, SystemClock())
    lock.acquire(
        timeout_s=_PATIENCE_S,
        on_wait=lambda holder: print(f"qbench: {holder} measures here; waiting", file=sys.stderr),
    )
    try:
        yield
    finally:
        lock.release()
