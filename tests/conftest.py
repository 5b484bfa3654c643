"""Rules for the whole suite: on CI nothing may be skipped but for one reason, and no test touches
the user's cache."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Under nohup SIGHUP is ignored, and in the background SIGINT; every child inherits that. But adbd
# ends a shell with SIGHUP, and Ctrl-C is a promise that is tested.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


MACHINE_TOO_BUSY = "MACHINE TOO BUSY TO MEASURE"
"""Begins the one reason to skip that CI accepts: what is promised of a machine that is left alone
cannot be judged on one that is not. Nothing that could be installed would change that."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test proves nothing: on CI it fails the suite, unless the machine was too busy."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    busy = [report for report in skipped if MACHINE_TOO_BUSY in str(report.longrepr)]
    for report in busy:
        reporter.write_line(f"CI: NOT JUDGED: {report.nodeid}: {report.longrepr[2]}", red=True)
    if len(busy) < len(skipped):
        reporter.write_line("CI: tests were skipped; install what they need", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """XDG_CACHE_HOME is a public setting, so pointing it elsewhere patches no internals; so is
    QBENCH_CALIBRATIONS: what somebody has calibrated here must not change a test's predictions."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(folder / "calibrations"))
    return folder
