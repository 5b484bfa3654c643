"""What every Transport owes to qbench.android. Test files import the tests and give `reached`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from qbench.adb.transport import Transport
from qbench.errors import CommandError, CommandTimeoutError, InputError


class Reached(NamedTuple):
    """A device through its transport, and a folder on it where the test may write."""

    transport: Transport
    folder: str


def test_streams_stay_apart_and_the_exit_code_is_the_commands(reached: Reached) -> None:
    ran = reached.transport.run("echo out; echo err >&2; exit 7", timeout_s=60)
    assert (ran.stdout, ran.stderr, ran.exit_code) == (b"out\n", b"err\n", 7)
    assert ran.text == "out\n"


@pytest.mark.parametrize(("name", "code"), [("KILL", 137), ("SEGV", 139)])
def test_a_command_that_a_signal_ends_tells_it_as_a_shell_does(
    reached: Reached, name: str, code: int
) -> None:
    assert reached.transport.run(f"kill -{name} $$", timeout_s=60).exit_code == code


def test_arguments_are_quoted_and_a_line_is_not(reached: Reached) -> None:
    hostile = "$(id) ; 'x' \"y\" \\ \n*"
    assert reached.transport.run(["echo", "-n", hostile], timeout_s=60).text == hostile
    assert reached.transport.run("echo $((6 * 7))", timeout_s=60).text == "42\n"


def test_a_failed_command_raises_only_when_asked(reached: Reached) -> None:
    with pytest.raises(CommandError) as caught:
        reached.transport.run("echo why >&2; exit 3", timeout_s=60, check=True)
    assert caught.value.exit_code == 3
    assert caught.value.stderr == b"why\n"
    assert caught.value.serial == reached.transport.serial


def test_output_is_passed_on_as_well_as_kept(reached: Reached) -> None:
    pieces: dict[str, bytes] = {"stdout": b"", "stderr": b""}

    def keep(stream: str, data: bytes) -> None:
        pieces[stream] += data

    reached.transport.run("echo out; echo err >&2", timeout_s=60, on_output=keep)
    assert pieces == {"stdout": b"out\n", "stderr": b"err\n"}


def test_a_command_has_one_deadline(reached: Reached) -> None:
    with pytest.raises(CommandTimeoutError) as caught:
        reached.transport.run("while :; do sleep 0.05; echo x; done", timeout_s=0.5)
    assert caught.value.serial == reached.transport.serial


def test_files_go_there_and_back(reached: Reached, tmp_path: Path) -> None:
    body = bytes(range(256)) * 1000
    source = tmp_path / "source"
    source.write_bytes(body)
    there = f"{reached.folder}/a folder/it's $(here)"
    told: list[tuple[int, int]] = []
    reached.transport.push(source, there, on_progress=lambda *done: told.append(done))
    assert told[-1] == (len(body), len(body))
    target = tmp_path / "target"
    reached.transport.pull(there, target)
    assert target.read_bytes() == body
    reached.transport.push(b"other", there)
    reached.transport.pull(there, target)
    assert target.read_bytes() == b"other"


def test_a_pushed_program_can_run(reached: Reached) -> None:
    path = f"{reached.folder}/program"
    reached.transport.push(b"#!/bin/sh\necho ran\n", path, mode=0o755)
    assert reached.transport.run(["sh", path], timeout_s=60).text == "ran\n"
    assert reached.transport.run(["[", "-x", path, "]"], timeout_s=60).exit_code == 0


def test_what_is_not_there_is_an_error(reached: Reached, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        reached.transport.pull(f"{reached.folder}/none", tmp_path / "target")
    assert not (tmp_path / "target").exists()
    with pytest.raises(InputError):
        reached.transport.push(tmp_path / "none", f"{reached.folder}/x")


def test_a_folder_is_listed_by_name(reached: Reached) -> None:
    reached.transport.push(b"12", f"{reached.folder}/list/b")
    reached.transport.push(b"1", f"{reached.folder}/list/a")
    found = reached.transport.list_folder(f"{reached.folder}/list", timeout_s=60)
    assert [(file.name, file.size_bytes) for file in found] == [("a", 1), ("b", 2)]
    assert reached.transport.list_folder(f"{reached.folder}/none", timeout_s=60) == ()
