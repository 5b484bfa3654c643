"""What every backend owes to the loop that drives it. A new backend joins `BACKENDS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import tiny_models
from fakes.fake_backend import FakeBackend, capture
from fakes.host_cases import case_for
from qbench import formats, profiles
from qbench.backend import Backend
from qbench.clock import SystemClock
from qbench.host import HostBackend
from qbench.records import (
    Case,
    DeviceInfo,
    DeviceState,
    Failure,
    Measurement,
    Origin,
    OutputFormat,
    Prediction,
    RawOutput,
)
from qbench.simulator import SimulatorBackend


def _fake_answer(case: Case) -> RawOutput:
    return capture("host/measured" if Path(case.model_path).exists() else "host/custom_op")


BACKENDS: dict[str, Callable[[], Backend]] = {
    "host": lambda: HostBackend(SystemClock()),
    "simulator": lambda: SimulatorBackend(profiles.load("sd865")),
    "fake": lambda: FakeBackend(_fake_answer),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]()


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return case_for(tiny_models.conv_model(tmp_path / "conv.tflite"))


def test_entering_gives_the_backend_itself(backend: Backend) -> None:
    with backend as entered:
        assert entered is backend


def test_an_error_inside_the_block_leaves_it_unchanged(backend: Backend) -> None:
    with pytest.raises(KeyError, match="inside"), backend:
        raise KeyError("inside")


def test_it_says_what_it_is_and_the_origin_is_the_same_everywhere(
    backend: Backend, case: Case
) -> None:
    with backend:
        info = backend.describe()
        assert isinstance(info, DeviceInfo)
        assert isinstance(backend.origin, Origin)
        assert info.name
        assert info.title
        assert info.origin is backend.origin
        assert backend.run(case).origin is backend.origin


def test_settling_and_looking_give_a_state(backend: Backend) -> None:
    with backend:
        assert isinstance(backend.settle(), DeviceState)
        assert isinstance(backend.state(), DeviceState)


def test_a_run_is_understood_by_the_reader_of_the_format_it_claims(
    backend: Backend, case: Case
) -> None:
    with backend:
        raw = backend.run(case)
    assert isinstance(raw.format, OutputFormat)
    assert raw.tool
    assert isinstance(formats.outcome(raw), Measurement | Prediction)
    assert formats.outcome(raw) == formats.read(raw)


def test_a_run_that_cannot_succeed_is_a_failure_and_not_an_exception(
    backend: Backend, case: Case, tmp_path: Path
) -> None:
    with backend:
        raw = backend.run(case_for(tmp_path / "nothing-here.tflite"))
        told = formats.outcome(raw)
        assert isinstance(told, Failure)
        assert told.message
        assert isinstance(formats.outcome(backend.run(case)), Measurement | Prediction)
