"""`qbench read-log`, called as a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from fakes.benchmark_logs import FOLDER, load
from qbench.cli.read_log import read_log
from qbench.errors import InputError
from qbench.formats.benchmark_model import split_capture

GOOD = "litert-2.1.4_linux-x86_64_default_googlenet_fp32"
KEYS = (
    *("tool_generation", "avg_us", "p50_us", "init_us", "first_invoke_us", "warmup_avg_us"),
    *("count", "nodes", "partitions", "proof", "evidence", "unknown_lines", "failure"),
)


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(read_log, arguments, standalone_mode=False)
    if isinstance(result.exception, click.ClickException):
        return result.exception.exit_code, result.exception.format_message()
    assert result.exception is None, result.exception
    return result.return_value, result.output


def call_json(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, output = call(*arguments, "--json")
    found = json.loads(output)
    assert isinstance(found, dict)
    return code, found


def test_a_good_log_as_json(tmp_path: Path) -> None:
    capture = load(GOOD)
    (tmp_path / "out").write_text(capture.stdout)
    (tmp_path / "err").write_text(capture.stderr)
    code, found = call_json(
        *("--stdout", str(tmp_path / "out"), "--stderr", str(tmp_path / "err"), "--exit-code", "0")
    )
    assert code == 0
    assert set(KEYS) <= set(found)
    assert found["tool_generation"] == "tf-2.16"
    assert (found["avg_us"], found["p50_us"], found["count"]) == (76965.6, 73267, 50)
    assert (found["init_us"], found["first_invoke_us"]) == (41235, 76332)
    assert found["nodes"] is None
    assert found["proof"] == "delegate_created"
    assert found["evidence"] == ["INFO: Created TensorFlow Lite XNNPACK delegate for CPU."]
    assert found["unknown_lines"] == []
    assert found["failure"] is None


def test_a_failed_run_has_no_number_and_an_exit_code_of_its_own() -> None:
    code, found = call_json("--capture", str(FOLDER / f"{GOOD}.txt"), "--exit-code", "139")
    assert code == 4
    assert found["avg_us"] is None
    assert found["count"] is None
    assert found["failure"]["error"] == "RunnerCrashedError"
    assert "SIGSEGV" in found["failure"]["message"]


def test_a_fall_back_is_a_failure_unless_it_is_allowed() -> None:
    path = str(FOLDER / f"{GOOD}.txt")
    code, found = call_json("--capture", path, "--requested", "nnapi")
    assert code == 4
    assert found["failure"]["error"] == "NotDelegatedError"
    assert found["partitions"] == 0
    code, found = call_json("--capture", path, "--requested", "nnapi", "--allow-fallback")
    assert code == 0
    assert found["executed_by"] == ["cpu"]
    assert found["requested"] == "nnapi"
    assert found["avg_us"] == 76965.6


def test_one_stream_is_enough(tmp_path: Path) -> None:
    capture = load(GOOD)
    (tmp_path / "log").write_bytes(b"\xff\xfe\n" + capture.stdout.encode())
    for option in ("--stdout", "--stderr"):
        code, found = call_json(option, str(tmp_path / "log"))
        assert code == 0
        assert found["avg_us"] == 76965.6
        assert len(found["unknown_lines"]) == 1


def test_a_log_that_a_windows_shell_saved_is_read(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-8-sig"):
        (tmp_path / "log").write_bytes(load(GOOD).stdout.encode(encoding))
        code, found = call_json("--stdout", str(tmp_path / "log"))
        assert (code, found["avg_us"], found["unknown_lines"]) == (0, 76965.6, [])


def test_the_text_says_who_ran_it_and_how_we_know() -> None:
    code, text = call("--capture", str(FOLDER / "litert-2.1.4_linux-x86_64_postinvoke_state.txt"))
    assert code == 0
    assert "benchmark_model, tf-2.16" in text
    assert "executed by CPU, proof: node_counts" in text
    assert "nodes: 7 CPU, 0 GPU, 0 NPU" in text
    assert "median" in text
    code, text = call("--capture", str(FOLDER / "litert-2.1.4_linux-x86_64_missing_model.txt"))
    assert code == 4
    assert "failed: RunnerCrashedError" in text


def test_what_stands_in_a_log_cannot_drive_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\x1b]0;owned\x07 \x9b31m\n")
    _, text = call("--stdout", str(tmp_path / "log"))
    assert all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize("arguments", [(), ("--capture", "x", "--stdout", "y")])
def test_a_command_line_without_a_log_is_wrong(arguments: tuple[str, ...]) -> None:
    code, _ = call(*arguments)
    assert code == 2


@pytest.mark.parametrize("text", ["", "hello", "$ benchmark_model\n", "--- exit code: 0\n"])
def test_a_file_that_is_no_capture_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="capture: not of the form"):
        split_capture(text)
