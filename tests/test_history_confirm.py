"""qbench history --confirm: steps that are measured again, and why others are not."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes import command_line, tiny_models
from fakes.histories import days, levels
from fakes.sessions import a_named_case
from qbench import modelfile
from qbench.clock import SystemClock
from qbench.host import HostBackend
from qbench.records import Case, DeviceInfo, Origin
from qbench.store import Session

CASE = a_named_case()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `qbench history`; returns exit code, stdout and stderr."""
    return partial(command_line.told, capsys, "history")


@pytest.fixture
def no_adb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")


def stepping(before_us: float, after_us: float, *, n: int = 6) -> list[float]:
    return levels(n, base_us=before_us) + levels(n, base_us=after_us, seed=1)


def on_host(model: Path) -> tuple[Case, DeviceInfo]:
    """A case that takes next to no time, and this machine."""
    case = a_named_case(
        threads=1, device="host", origin=Origin.HOST, model_sha256=modelfile.sha256(model)
    )
    quick = {"warmup_s": 0.0, "min_s": 0.0, "min_invokes": 20}
    return (
        msgspec.structs.replace(case, model_path=str(model), **quick),
        HostBackend(SystemClock()).describe(),
    )


def confirmation(told: Any, root: Path) -> tuple[int, dict[str, Any]]:
    code, out, _ = told("--results", root, "--confirm", "--json")
    (found,) = json.loads(out)["series"]
    return code, found["confirmation"]


@pytest.mark.usefixtures("no_adb")
def test_a_step_of_a_device_that_is_not_there_is_not_measured_again_and_why(
    told: Any, tmp_path: Path
) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite")
    case = msgspec.structs.replace(
        CASE, model_path=str(model), model_sha256=modelfile.sha256(model)
    )
    days(tmp_path / "results", case, stepping(9_000, 11_000))
    code, found = confirmation(told, tmp_path / "results")
    assert code == 0
    assert found["word"] == "not re-run"
    assert "S1" in found["how"] or "adb" in found["how"]
    assert found["ratio"] is None
    _, out, _ = told("--results", tmp_path / "results", "--confirm")
    assert "not re-run: " in out


def test_a_step_is_not_measured_with_another_model_file_or_without_one(
    told: Any, tmp_path: Path
) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite")
    case, info = on_host(model)
    days(tmp_path / "results", case, stepping(9_000, 11_000), device=info)
    tiny_models.conv_model(model, layers=3)
    code, found = confirmation(told, tmp_path / "results")
    assert (code, found["word"]) == (0, "not re-run")
    assert "is another file than the last session measured" in found["how"]
    model.unlink()
    _, found = confirmation(told, tmp_path / "results")
    assert "the model's file is not there" in found["how"]


def test_a_step_of_another_host_is_not_measured_here(told: Any, tmp_path: Path) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite")
    case, info = on_host(model)
    other = msgspec.structs.replace(info, cpu="another processor")
    days(tmp_path / "results", case, stepping(9_000, 11_000), device=other)
    _, found = confirmation(told, tmp_path / "results")
    assert "it was measured on another processor" in found["how"]


def test_a_case_that_really_is_slower_is_confirmed_and_ends_with_1(
    told: Any, tmp_path: Path
) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite", side=96)
    case, info = on_host(model)
    # Far faster before the step than this machine is at its 20 million multiplications.
    days(tmp_path / "results", case, stepping(50, 80), device=info)
    code, found = confirmation(told, tmp_path / "results")
    assert (code, found["word"], found["verdict"]) == (1, "confirmed", "slower"), found
    assert len(found["sessions"]) == 3
    assert "3 sessions" in found["how"]
    for name in found["sessions"]:
        assert len(Session(tmp_path / "results" / name).records()) == 5


@pytest.mark.heavy
def test_a_step_that_is_gone_is_not_confirmed(told: Any, tmp_path: Path) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite")
    case, info = on_host(model)
    days(tmp_path / "results", case, stepping(10_000_000, 20_000_000), device=info)
    code, found = confirmation(told, tmp_path / "results")
    assert (code, found["word"], found["verdict"]) == (0, "not confirmed", "faster"), found


@pytest.mark.heavy
def test_two_model_files_that_are_both_there_take_turns(told: Any, tmp_path: Path) -> None:
    old = tiny_models.conv_model(tmp_path / "old.tflite", layers=4)
    new = tiny_models.conv_model(tmp_path / "new.tflite", layers=40)
    case, info = on_host(old)
    after, _ = on_host(new)
    root = tmp_path / "results"
    days(root, case, stepping(1_000, 5_000)[:6], device=info)
    days(root, after, stepping(1_000, 5_000)[6:], device=info, first=6)
    code, found = confirmation(told, root)
    assert (code, found["word"]) == (1, "confirmed"), found
    assert "both model files in turn" in found["how"]
    (name,) = found["sessions"]
    session = Session(root / name)
    assert [c.arm for c in session.plan().cases] == ["A", "B"]
    assert {c.model_sha256 for c in session.plan().cases} == {
        modelfile.sha256(old),
        modelfile.sha256(new),
    }
