"""The parts of the virtual device, each by itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbench.virtual import packets, physics
from qbench.virtual.auth import BadKeyError, PublicKey, is_signed_by, read_public_key
from qbench.virtual.faults import Countdown, LinkFaults, LinkGate
from qbench.virtual.packets import BadPacketError, decode_header, encode_header
from qbench.virtual.stream import Stream, StreamClosedError
from qbench.virtual.sync_receive import FileReceiver
from qbench.virtual.tree import write_node

# Packets and keys.


@given(st.sampled_from([packets.WRTE, packets.CNXN]), st.integers(0, 2**32 - 1), st.binary())
def test_a_header_comes_back_as_it_was(command: int, argument: int, data: bytes) -> None:
    raw = encode_header(command, argument, 7, data, checksum=True)
    assert decode_header(raw) == (command, argument, 7, len(data))
    assert int.from_bytes(raw[16:20], "little") == sum(data)


def test_a_header_that_is_none_is_refused() -> None:
    good = bytearray(encode_header(packets.WRTE, 1, 2, b"x", checksum=False))
    good[20] ^= 1
    with pytest.raises(BadPacketError, match="magic"):
        decode_header(bytes(good))
    huge = packets._HEADER.pack(packets.WRTE, 0, 0, 1 << 30, 0, packets.WRTE ^ 0xFFFFFFFF)
    with pytest.raises(BadPacketError, match="payload"):
        decode_header(huge)


# A key of 512 bits checks the arithmetic as well as one of 2048.
_P = 0xF774EB5248DB40AF72158370D269A9A5AE658F33FE3B890B93F448B3A5AA3C81
_Q = 0xCF28F65E408FC146794EC926BC9E28EABEE8062610E8AD0186A74A63A8C7D9E1
_MODULUS = _P * _Q
_TOKEN = hashlib.sha1(b"token").digest()


def public_key_text() -> bytes:
    words = _MODULUS.bit_length() // 32
    raw = words.to_bytes(4, "little") + bytes(4)
    raw += _MODULUS.to_bytes(words * 4, "little") + bytes(words * 4)
    raw += (65537).to_bytes(4, "little")
    return base64.b64encode(raw) + b" user@host\0"


def sign(token: bytes) -> bytes:
    # RFC 8017, 9.2: 0x00 0x01 ff.. 0x00 DigestInfo(SHA-1) token
    info = bytes.fromhex("3021300906052b0e03021a05000414") + token
    block = b"\0\1" + b"\xff" * (64 - 3 - len(info)) + b"\0" + info
    private = pow(65537, -1, (_P - 1) * (_Q - 1))
    return pow(int.from_bytes(block, "big"), private, _MODULUS).to_bytes(64, "big")


def test_a_signature_fits_its_key_and_token_only() -> None:
    key = read_public_key(public_key_text())
    assert key == PublicKey(_MODULUS, 65537)
    assert is_signed_by(key, _TOKEN, sign(_TOKEN))
    assert not is_signed_by(key, hashlib.sha1(b"other").digest(), sign(_TOKEN))
    assert not is_signed_by(PublicKey(_MODULUS + 2, 65537), _TOKEN, sign(_TOKEN))


@given(st.binary(max_size=200))
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    assert not is_signed_by(PublicKey(_MODULUS, 65537), _TOKEN, signature)


@given(st.binary(max_size=200))
def test_what_is_no_key_is_refused(text: bytes) -> None:
    with pytest.raises(BadKeyError):
        read_public_key(text)


# Streams.


class Wire:
    """Records what a stream sends."""

    max_payload_bytes = 4

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def send(self, command: int, arg0: int, arg1: int, data: bytes = b"") -> None:
        self.sent.append((command, data))

    async def flush(self, size_bytes: int) -> None:
        return

    def forget(self, stream: Stream) -> None:
        return

    def count(self, command: int) -> int:
        return sum(sent == command for sent, _ in self.sent)


def run(work: Callable[[Stream, Wire], Coroutine[None, None, None]]) -> Wire:
    wire = Wire()

    async def main() -> None:
        await asyncio.wait_for(work(Stream(wire, 1, 2), wire), 5)

    asyncio.run(main())
    return wire


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=9), st.lists(st.integers(0, 30)))
def test_bytes_come_out_in_order_however_they_are_cut(parts: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(parts)

    async def work(stream: Stream, _: Wire) -> None:
        for part in parts:
            stream.accept(part)
        stream.hang_up()
        got = b""
        for size in sizes:
            got += await stream.read_exactly(min(size, len(whole) - len(got)))
        got += await stream.read_exactly(len(whole) - len(got))
        assert got == whole
        assert await stream.read_some() == b""
        with pytest.raises(StreamClosedError):
            await stream.read_exactly(1)

    run(work)


def test_one_packet_at_a_time_waits_for_its_acknowledgement() -> None:
    async def work(stream: Stream, wire: Wire) -> None:
        stream.allow_send()
        writing = asyncio.ensure_future(stream.write(b"abcdefghij"))
        for expected in (1, 2, 3):
            await asyncio.sleep(0)
            assert wire.count(packets.WRTE) == expected
            await asyncio.sleep(0)
            stream.allow_send()
        await writing

    assert [data for _, data in run(work).sent] == [b"abcd", b"efgh", b"ij"]


def test_a_write_to_a_host_that_is_gone_fails() -> None:
    async def work(stream: Stream, _: Wire) -> None:
        stream.hang_up()
        with pytest.raises(StreamClosedError):
            await stream.write(b"x")

    run(work)


def test_data_is_acknowledged_at_once_until_much_is_queued() -> None:
    block = bytes(packets.MAX_PAYLOAD_BYTES)

    async def work(stream: Stream, wire: Wire) -> None:
        stream.accept(block)
        stream.accept(block)
        assert wire.count(packets.OKAY) == 2
        stream.accept(block)
        assert wire.count(packets.OKAY) == 2
        await stream.read_some()
        assert wire.count(packets.OKAY) == 2
        await stream.read_some()
        assert wire.count(packets.OKAY) == 3

    run(work)


def test_closing_twice_tells_the_host_once() -> None:
    async def work(stream: Stream, wire: Wire) -> None:
        stream.close()
        stream.close()
        assert wire.count(packets.CLSE) == 1

    run(work)


# Faults.


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(0, 100))
def test_a_drop_lets_exactly_so_many_bytes_through(payloads: list[bytes], limit: int) -> None:
    faults = LinkFaults(drop_after_sent_bytes=limit)
    countdown = Countdown(faults, "sent")
    passed, is_dropped = b"", False
    for payload in payloads:
        data, is_dropped = countdown.strike(payload)
        passed += data
        if is_dropped:
            break
    whole = b"".join(payloads)
    assert passed == whole[: limit if is_dropped else None]
    assert is_dropped == (bool(payloads) and len(whole) >= limit)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=20), st.integers(0, 100))
def test_a_flip_damages_exactly_one_byte(payloads: list[bytes], position: int) -> None:
    countdown = Countdown(LinkFaults(flip_received_at_byte=position), "received")
    passed = b"".join(countdown.strike(payload)[0] for payload in payloads)
    whole = b"".join(payloads)
    different = [index for index in range(len(whole)) if passed[index] != whole[index]]
    assert different == ([position] if position < len(whole) else [])


def test_an_unknown_fault_or_a_wrong_type_changes_nothing() -> None:
    async def main() -> None:
        gate = LinkGate(LinkFaults())
        for wrong in ({"no_such": 1}, {"delay_s": "x"}, {"is_mute": 3}):
            with pytest.raises(msgspec.ValidationError):
                gate.update({"is_hung": True, **wrong})
        assert gate.faults == LinkFaults()
        gate.update({"is_hung": True})
        assert gate.faults.is_hung
        gate.clear()
        assert gate.faults == LinkFaults()

    asyncio.run(main())


# Files.


def test_an_unfinished_file_leaves_nothing(tmp_path: Path) -> None:
    receiver = FileReceiver(str(tmp_path / "a/f"), 0o100644)
    assert receiver.open() is None
    assert receiver.write(b"abc") is None
    receiver.abandon()
    assert list((tmp_path / "a").iterdir()) == []


def test_a_finished_file_has_its_mode_and_time(tmp_path: Path) -> None:
    receiver = FileReceiver(str(tmp_path / "f"), 0o100755)
    receiver.open()
    receiver.write(b"abc")
    assert receiver.finish(modified_s=1000) is None
    receiver.abandon()
    found = (tmp_path / "f").stat()
    assert (found.st_mode & 0o777, found.st_mtime, found.st_size) == (0o755, 1000, 3)


def test_without_room_the_reason_is_adbds_and_the_rest_is_thrown_away(tmp_path: Path) -> None:
    receiver = FileReceiver(str(tmp_path / "f"), 0o100644, no_space_after_bytes=2)
    receiver.open()
    assert receiver.write(b"ab") is None
    assert receiver.write(b"c") == "write failed: No space left on device"
    assert receiver.write(b"d") is None
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_made_as_one(tmp_path: Path) -> None:
    receiver = FileReceiver(str(tmp_path / "l"), 0o120777)
    receiver.open()
    receiver.write(b"target\0")
    receiver.finish(modified_s=1)
    assert (tmp_path / "l").readlink() == Path("target")


def test_a_reader_of_a_node_sees_the_old_or_the_new_text(tmp_path: Path) -> None:
    write_node(tmp_path, "sys/x/temp", "1\n")
    held = (tmp_path / "sys/x/temp").open()
    write_node(tmp_path, "sys/x/temp", "2\n")
    with held:
        assert held.read() == "1\n"
    assert (tmp_path / "sys/x/temp").read_text() == "2\n"
    assert [path.name for path in (tmp_path / "sys/x").iterdir()] == ["temp"]


# Heat and battery.


def test_under_load_it_heats_throttles_and_cools_down_again() -> None:
    hot = physics.Physics(full_load_w=9.0)
    for _ in range(3000):
        hot = physics.step(hot, 1.0, 1.0)
    assert hot.clock_ratio < 1
    assert hot.thermal_status >= 1
    cool = physics.step(hot, 0.0, 3600)
    assert cool.clock_ratio == 1
    assert cool.thermal_status == 0
    assert cool.battery_ratio < hot.battery_ratio


@given(st.floats(0, 1), st.floats(0.01, 100), st.integers(1, 5))
def test_time_may_be_scaled_without_changing_where_it_ends(
    load: float, duration_s: float, parts: int
) -> None:
    start = physics.Physics(forced_clock_ratio=1.0)
    once = physics.step(start, load, duration_s)
    split = start
    for _ in range(parts):
        split = physics.step(split, load, duration_s / parts)
    assert split.body_c == pytest.approx(once.body_c, rel=1e-9)
    assert split.battery_ratio == pytest.approx(once.battery_ratio, rel=1e-9)
    assert split.chip_c == pytest.approx(once.chip_c, abs=6)


def test_the_kernel_shows_the_state() -> None:
    shown = physics.nodes(physics.Physics(chip_c=80.0, battery_ratio=0.091), {7: 2_000_000})
    assert shown["sys/devices/virtual/thermal/thermal_zone0/temp"] == "80000\n"
    assert shown["sys/class/power_supply/battery/capacity"] == "10\n"
    assert shown["sys/devices/system/cpu/cpu7/cpufreq/scaling_cur_freq"] == "1600000\n"
