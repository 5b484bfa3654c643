"""qbench doctor --aa: really measured on this machine, as short as it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakes import tiny_models
from qbench.cli import main
from qbench.store import Session


def doctor(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--aa", *map(str, words)])
    code = ended.value.code
    assert isinstance(code, int)
    return code, capsys.readouterr().out


def test_a_and_b_take_turns_on_the_host_and_more_runs_resolve_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite")
    words = ("--device", "host", "--model", model, "--out", tmp_path, "--protocol", "quick")
    code, out = doctor(capsys, *words, "--repetitions", 3, "--json")
    assert code == 0
    body: dict[str, Any] = json.loads(out)
    (found,) = body["aa"]
    assert found["runs"] == 3
    assert found["low_ratio"] < found["ratio"] < found["high_ratio"]
    told = [found["resolves_ratio"][str(runs)] for runs in (5, 10, 20, 40)]
    assert told == sorted(told, reverse=True)
    assert told[-1] > 1
    session = Session(Path(body["session_dir"]))
    assert [(c.arm, c.device) for c in session.plan().cases] == [("A", "host"), ("B", "host")]
    arms = [run.case_id.split("-")[4][0] for run in session.plan().runs]
    assert arms == ["A", "B", "B", "A", "A", "B"]
    assert len(session.records()) == 6


def test_it_is_said_in_words_what_the_set_up_resolves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite")
    words = ("--model", model, "--out", tmp_path, "--protocol", "quick", "--repetitions", 2)
    _, out = doctor(capsys, *words)
    told = " ".join(out.split())
    assert "this set-up resolves" in told
    assert "with 10 runs" in told
    assert "they differ in arm: A -> B" in told


def test_a_device_that_is_not_attached_ends_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    assert doctor(capsys, "--device", "sd865", "--out", tmp_path)[0] == 3
    assert list(tmp_path.iterdir()) == []
