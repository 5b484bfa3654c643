"""Asking the tool which accelerators there are, when it does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes.local_phone import LocalPhone
from fakes.local_transport import LocalTransport
from qbench.adb.transport import Completed
from qbench.android import npu
from qbench.errors import CommandTimeoutError


class Hanging(LocalTransport):
    """A phone on which whatever asks for NNAPI never ends. `is_lost`: nor does anything else.
    `times`: how often it hangs."""

    def __init__(self, phone: LocalPhone, *, is_lost: bool, times: int = 99) -> None:
        super().__init__(phone)
        self._is_lost = is_lost
        self._times = times
        self.asked = 0

    def run(self, command: str | Sequence[str], **options: Any) -> Completed:
        is_listing = "--use_nnapi=true" in command
        self.asked += is_listing
        if (is_listing and self.asked <= self._times) or self._is_lost:
            raise CommandTimeoutError("not ended", serial=self.serial)
        return super().run(command, **options)


def test_a_tool_that_hangs_is_no_lost_device(tmp_path: Path) -> None:
    transport = Hanging(LocalPhone(tmp_path), is_lost=False)
    listed = npu.list_accelerators(transport, program=["/tool"], model="/model")
    assert listed.names == ()
    assert "did not list them within" in str(listed.problem)
    assert transport.asked == 2


def test_a_connection_that_hung_under_the_question_is_not_held_against_the_tool(
    tmp_path: Path,
) -> None:
    transport = Hanging(LocalPhone(tmp_path), is_lost=False, times=1)
    listed = npu.list_accelerators(transport, program=["/tool"], model="/model")
    assert transport.asked == 2
    assert "did not list them" not in str(listed.problem)  # but what /tool says, which is not there


def test_a_device_that_does_not_answer_either_is_lost(tmp_path: Path) -> None:
    transport = Hanging(LocalPhone(tmp_path), is_lost=True)
    with pytest.raises(CommandTimeoutError):
        npu.list_accelerators(transport, program=["/tool"], model="/model")
