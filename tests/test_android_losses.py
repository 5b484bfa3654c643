"""Links that break and hosts that die: what the device does goes on, and is collected."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.local_lab import CPU, GPU, Lab, numbers_of
from qbench.errors import DisconnectedError


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


# Losses: the link breaks before an operation, and what the device does goes on.


@pytest.mark.parametrize("number", [0, 10, 13, 16, 17, 20])
def test_where_the_link_breaks_no_run_is_lost_and_none_is_run_twice(lab: Lab, number: int) -> None:
    _lose_at(lab, number)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(24))
def test_wherever_the_link_breaks_no_run_is_lost_and_none_is_run_twice(
    lab: Lab, number: int
) -> None:
    _lose_at(lab, number)


def _lose_at(lab: Lab, number: int) -> None:
    lab.transport.losses = {number, number + 1}
    outputs = lab.perform(lab.runs(CPU, GPU, repetitions=2))
    assert numbers_of(outputs) == [1035] * 4
    assert lab.calls() == 4
    lab.assert_as_before()


def test_a_device_that_does_not_come_back_finishes_alone_and_is_collected_later(
    lab: Lab,
) -> None:
    runs = lab.runs(CPU, GPU, repetitions=2)
    lab.transport.is_back_after = False
    backend = lab.backend(runs, patience_s=1.0)
    backend.__enter__()
    assert numbers_of([backend.run(runs[0][1])]) == [1035]
    lab.transport.losses = {lab.transport.count}
    with pytest.raises(DisconnectedError, match="not back in 1 s") as caught:
        backend.run(runs[1][1])
    backend.__exit__(DisconnectedError, caught.value, None)
    lab.transport.is_lost = False
    assert numbers_of(lab.perform(runs[1:])) == [1035] * 3
    assert lab.calls() == 4
    lab.assert_as_before()


def test_a_host_that_dies_loses_nothing_that_the_device_can_do(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.3)
    runs = lab.runs(CPU, GPU, repetitions=2)
    dead = lab.backend(runs)
    dead.__enter__()  # and never leaves, as after kill -9
    assert numbers_of([dead.run(runs[0][1])]) == [1035]
    assert dead._turn is not None
    dead._turn.release()  # the kernel does this
    lab.transport.log.clear()
    assert numbers_of(lab.perform(runs[1:])) == [1035] * 3
    assert lab.calls() == 4
    assert "device local: it is still at work; joining" in lab.notes
    assert not [line for line in lab.transport.log if line.startswith("push")]
    lab.assert_as_before()


def test_what_was_done_is_collected_without_tool_model_or_another_run(lab: Lab) -> None:
    runs = lab.runs(CPU, repetitions=2)
    dead = lab.backend(runs)
    dead.__enter__()
    assert dead._session is not None
    dead._session.result("0001")
    assert dead._turn is not None
    dead._turn.release()
    lab.tool.unlink()
    lab.model.unlink()
    assert numbers_of(lab.perform(runs)) == [1035] * 2
    lab.assert_as_before()
