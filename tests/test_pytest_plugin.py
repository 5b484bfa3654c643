"""The pytest plugin, in pytest processes of their own."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.desk import Desk
from fakes.virtual_phones import adb_of
from qbench.android.lock import DeviceLock
from qbench.clock import SystemClock
from qbench.store import Session
from qbench.virtual import instances

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ("-p", "qbench.pytest_plugin")
SIMULATED = 'qbench.measure("smallcnn", precision="int8", delegate="nnapi", device="sd865")'


@pytest.fixture(autouse=True)
def _nothing_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")  # where no server listens


def a_test(name: str, *lines: str) -> str:
    return "\n    ".join([f"def {name}(qbench):", *lines]) + "\n"


def sessions(folder: Path) -> list[str]:
    """Their names without the minute."""
    return sorted(path.parent.name.split("-", 3)[3] for path in folder.glob("*/plan.json"))


def test_a_model_within_its_budget_passes_and_its_session_is_kept(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        a_test(
            "test_quick",
            'result = qbench.measure("smallcnn", precision="int8", threads=1)',
            'judged = qbench.assert_budget(result, "p50 <= 1 s", "memory <= 4 GB")',
            'assert [j.standing for j in judged] == ["kept", "kept"]',
        )
    )
    done = pytester.runpytest_subprocess(*PLUGIN, "--qbench-out", "here", "--junitxml", "j.xml")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(
        [
            "*= qbench =*",
            "*::test_quick: smallcnn-int8-cpu-t1@host: * ms (95 % interval *measured on this "
            "machine; ran on CPU; 5 runs; *",
        ]
    )
    assert sessions(pytester.path / "here") == ["test_quick"]
    (kept,) = (pytester.path / "here").iterdir()
    assert len(Session(kept).records()) == 5
    case = ElementTree.parse(pytester.path / "j.xml").find(".//property[@name='qbench']")
    assert case is not None
    assert "smallcnn-int8-cpu-t1@host" in case.attrib["value"]


def test_what_is_simulated_or_not_sure_or_broken_does_not_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import pytest\n"
        "@pytest.fixture(scope='module')\n"
        f"def npu(qbench):\n    return {SIMULATED}\n\n"
        "LIMITS = {'kept': '8 s', 'open': '5.5 ms', 'broken': '1 us'}\n"
        "@pytest.mark.parametrize('limit', LIMITS)\n"
        "def test_told(qbench, npu, limit):\n"
        "    qbench.assert_budget(npu, f'p50 <= {LIMITS[limit]}', allow='simulated')\n\n"
        "def test_not_told(qbench, npu):\n"
        "    qbench.assert_budget(npu, 'p50 <= 8 s')\n"
    )
    done = pytester.runpytest_subprocess(*PLUGIN)
    done.assert_outcomes(passed=1, failed=3)
    done.stdout.fnmatch_lines_random(
        [
            "E*p50 <= 8 s: REFUSED: * but it is SIMULATED S1, not measured on a device: allow=*",
            "E*p50 <= 5.5 ms: INCONCLUSIVE: * but the 90 % band * reaches above*",
            "E*p50 <= 1 us: BROKEN: * above",
            "E*smallcnn-int8-nnapi-t4@sd865-sim: * (90 % band *",
        ]
    )
    done.stdout.no_fnmatch_line("*assurance.py:*: Budget*")  # the traceback ends in the test
    assert len(sessions(pytester.path / "results")) == 1, "a module's fixture measures once"
    skipping = pytester.runpytest_subprocess(*PLUGIN, "--qbench-inconclusive=skip", "-rs")
    skipping.assert_outcomes(passed=1, failed=2, skipped=1)
    skipping.stdout.fnmatch_lines(["SKIPPED*qbench: p50 <= 5.5 ms: INCONCLUSIVE*"])


def test_two_runs_are_too_few_to_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        a_test(
            "test_hasty",
            'hasty = qbench.measure("smallcnn", precision="int8", threads=1, repetitions=2)',
            'qbench.assert_budget(hasty, "p50 <= 10 s")',
        )
    )
    done = pytester.runpytest_subprocess(*PLUGIN)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["E*p50 <= 10 s: INCONCLUSIVE: *2 runs are too few to rely on*"])


def test_an_error_is_shown_with_its_hint(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        a_test("test_vague", 'qbench.measure("smallcnn")')
        + a_test("test_typo", f'qbench.assert_budget({SIMULATED}, "p50 < 8 ms")')
    )
    done = pytester.runpytest_subprocess(*PLUGIN)
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(
        [
            "E*InputError: measure: 4 cases, and one is meant*",
            "E*hint: say which: precision=*",
            "E*PlanError: *'p50 < 8 ms' is not a limit",
            "E*hint: write one of: p50,*",
        ]
    )


def test_two_processes_do_not_measure_on_this_machine_at_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two workers of pytest-xdist would; another process that measures is this test."""
    pytester.makepyfile(
        a_test(
            "test_second",
            'qbench.measure("smallcnn", precision="int8", threads=1, repetitions=1)',
        )
    )
    monkeypatch.setenv("TMPDIR", str(pytester.path))
    folder = pytester.path / "qbench-locks"
    folder.mkdir()
    lock = DeviceLock("this machine's processor", SystemClock(), folder=folder)
    lock.acquire(timeout_s=0)
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *PLUGIN, "-s", "-q"],
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        try:
            told = waiting.stderr.readline()
            assert told == f"qbench: process {os.getpid()} measures here; waiting\n"
            assert sessions(pytester.path / "results") == []
            lock.release()
            out, _ = waiting.communicate(timeout=120)
        finally:
            waiting.kill()
    assert "1 passed" in out
    assert sessions(pytester.path / "results") == ["test_second"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with adb_of("36", folder) as adb:
        yield Desk(adb, folder)
        for instance in instances.running():
            instances.stop(instance.serial)


def test_an_attached_device_is_measured_and_an_emulated_number_passes_only_when_told(
    desk: Desk, pytester: pytest.Pytester
) -> None:
    asked = 'precision="int8", delegate="nnapi", device="sd865", repetitions=1'
    pytester.makepyfile(
        a_test(
            "test_phone",
            "import pytest",
            f'result = qbench.measure("smallcnn", {asked}, require_hardware=True)',
            'assert (result.origin, result.summary.runs) == ("emulated", 1)',
            "limits = 'partitions <= 1', 'not delegated -> fail'",
            "with pytest.raises(AssertionError, match='REFUSED.*it is EMULATED'):",
            "    qbench.assert_budget(result, *limits)",
            "qbench.assert_budget(result, *limits, allow='emulated')",
        )
    )
    with desk.phone("plugin-1"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *PLUGIN, "-q", str(pytester.path)],
            env=desk.environment,
            cwd=pytester.path,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "EMULATED; ran on NPU" in done.stdout


def test_the_entry_point_loads_the_plugin_once_whoever_else_names_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = configparser.ConfigParser()
    declared.read(ROOT / "setup.cfg")
    installed = pytester.mkdir("site") / "someone-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: someone\nVersion: 1\n")
    entry = declared["options.entry_points"]["pytest11"].strip()
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{entry}\n")
    paths = [str(installed.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    pytester.makepyfile(a_test("test_there", "assert qbench.measure"))
    for arguments in ((), PLUGIN):
        pytester.runpytest_subprocess(*arguments).assert_outcomes(passed=1)


def test_loading_the_plugin_imports_no_more_of_qbench() -> None:
    code = (
        "import sys, pytest, qbench.pytest_plugin;"
        "print(sorted(name for name in sys.modules if name.startswith('qbench')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['qbench', 'qbench.pytest_plugin']"
