"""The phone made of files keeps the contracts of the real thing: transport and backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import transport_contract
from fakes.local_phone import LocalPhone
from fakes.local_tool import local_tool
from fakes.local_transport import LocalCache, LocalTransport
from fakes.transport_contract import *  # noqa: F403  the tests
from qbench.android.backend import AndroidBackend
from qbench.android.options import Options
from qbench.clock import SystemClock
from test_backend_contract import (  # noqa: F401
    case,
    test_a_run_is_understood_by_the_reader_of_the_format_it_claims,
    test_a_run_that_cannot_succeed_is_a_failure_and_not_an_exception,
    test_an_error_inside_the_block_leaves_it_unchanged,
    test_entering_gives_the_backend_itself,
    test_it_says_what_it_is_and_the_origin_is_the_same_everywhere,
    test_settling_and_looking_give_a_state,
)


@pytest.fixture
def reached(tmp_path: Path) -> transport_contract.Reached:
    phone = LocalPhone(tmp_path / "phone")
    return transport_contract.Reached(LocalTransport(phone), str(phone.base / "contract"))


@pytest.fixture
def backend(tmp_path: Path) -> AndroidBackend:
    folder = tmp_path / "phone"
    phone = LocalPhone(folder)
    transport = LocalTransport(phone)
    return AndroidBackend(
        transport,
        LocalCache(phone, transport),
        clock=SystemClock(),
        reconnect=transport.reconnect,
        session="contract",
        options=Options(benchmark_binary=local_tool(folder, phone), cool_least_s=0.0),
        base=str(phone.base),
        lock_folder=tmp_path,
    )
