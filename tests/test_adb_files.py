"""Files to and from a device: whole and verified, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.virtual_phones import Adb, Phone, adb_of, phone
from qbench.adb.cache import CACHE_FOLDER, DeviceCache
from qbench.adb.connecting import wait_until_usable
from qbench.adb.transport import Transport
from qbench.adb.verifying import STEP_BYTES
from qbench.clock import SystemClock
from qbench.errors import (
    CommandError,
    CommandTimeoutError,
    DeviceError,
    DeviceStorageError,
    InputError,
    TransferError,
)
from qbench.virtual.config import DEFAULT_FEATURES

FOLDER = "/data/local/tmp"


@pytest.fixture(scope="module", params=["29", "36"])
def adb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    with adb_of(request.param, tmp_path_factory.mktemp("adb")) as found:
        yield found


@pytest.fixture(scope="module", params=["new", "old"])
def shared(adb: Adb, request: pytest.FixtureRequest) -> Iterator[Phone]:
    features = () if request.param == "old" else DEFAULT_FEATURES
    with phone(adb, f"files-{request.param}", features=features) as found:
        yield found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 1048576, 3_000_001])
def test_a_file_goes_there_and_back_to_the_byte(shared: Phone, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    shared.device.push(tmp_path / "source", f"{FOLDER}/f")
    assert shared.shell(f"sha256sum {FOLDER}/f").split()[0] == sha256(data)
    shared.device.pull(f"{FOLDER}/f", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


@pytest.mark.parametrize(
    "name", ["two words", "q'uo\"te", "$(touch owned)", "new\nline", "ünï", "-rf", "a,b", "c\\"]
)
def test_hostile_names_are_only_names(shared: Phone, tmp_path: Path, name: str) -> None:
    shared.device.push(b"x", f"{FOLDER}/odd/{name}")
    shared.device.pull(f"{FOLDER}/odd/{name}", tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"x"
    listed = shared.device.list_folder(f"{FOLDER}/odd", timeout_s=60)
    assert [file.name for file in listed] == [name]
    assert [file.size_bytes for file in listed] == [1]
    shared.shell(f"rm -rf {FOLDER}/odd")


def test_the_mode_is_set_and_an_old_file_is_replaced(shared: Phone) -> None:
    shared.device.push(b"#!/system/bin/sh\necho one\n", f"{FOLDER}/run.sh", mode=0o755)
    assert shared.shell(f"{FOLDER}/run.sh") == "one"
    shared.device.push(b"#!/system/bin/sh\necho two\n", f"{FOLDER}/run.sh", mode=0o755)
    assert shared.shell(f"{FOLDER}/run.sh") == "two"


def test_progress_is_told_up_to_the_end(shared: Phone, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    size = 2_500_000
    shared.device.push(bytes(size), f"{FOLDER}/p", on_progress=lambda *done: told.append(done))
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) >= 3
    told.clear()
    shared.device.pull(f"{FOLDER}/p", tmp_path / "p", on_progress=lambda *done: told.append(done))
    assert told[-1] == (size, size)


def test_a_file_that_is_not_there_is_an_error_and_leaves_nothing(
    shared: Phone, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="no such file on the device") as caught:
        shared.device.pull(f"{FOLDER}/nothing", tmp_path / "x")
    assert caught.value.serial == shared.serial
    with pytest.raises(InputError, match="cannot be read"):
        shared.device.push(tmp_path / "nothing", f"{FOLDER}/x")
    with pytest.raises(InputError, match="cannot be written"):
        shared.device.pull("/system/build.prop", tmp_path / "no-folder" / "x")
    assert list(tmp_path.iterdir()) == []


def test_what_the_device_refuses_is_told_in_its_words(shared: Phone) -> None:
    with pytest.raises(CommandError, match="denied"):
        shared.device.push(b"x", "/sys/x")
    with pytest.raises(DeviceStorageError, match="Read-only file system"):
        shared.device.push(b"x", "/system/x")
    with pytest.raises(CommandError, match="it is a folder"):
        shared.device.push(b"x", FOLDER)
    with pytest.raises(InputError, match="absolute"):
        shared.device.push(b"x", "relative")
    with pytest.raises(InputError, match="960"):
        shared.device.push(b"x", f"/{'x' * 2000}")
    assert leftovers(shared) == []


def test_a_folder_that_is_not_there_lists_empty(shared: Phone) -> None:
    assert shared.device.list_folder("/data/nothing", timeout_s=60) == ()


def leftovers(found: Phone) -> list[str]:
    """Unfinished files on the device, but for the one of an old device's own command."""
    listed = found.device.list_folder(FOLDER, timeout_s=60)
    return [file.name for file in listed if file.name.endswith(".part")]


def test_a_full_device_is_told_before_everything_is_sent(adb: Adb, tmp_path: Path) -> None:
    source = tmp_path / "big"
    with source.open("wb") as file:
        file.truncate(300_000_000)
    told: list[int] = []
    with phone(adb, "full", data_bytes=5_000_000) as full:
        with pytest.raises(DeviceStorageError, match="No space left on device") as caught:
            full.device.push(source, f"{FOLDER}/big", on_progress=lambda done, _: told.append(done))
        assert "clean" in (caught.value.hint or "")
        assert max(told, default=0) < 200_000_000
        assert leftovers(full) == []
        assert has_room_again(full)


def has_room_again(found: Phone) -> bool:
    """The daemon gives back what a broken stream had brought when it has closed the file."""
    clock = SystemClock()
    end_s = clock.monotonic_s() + 30
    while clock.monotonic_s() < end_s:
        with contextlib.suppress(DeviceStorageError):
            found.device.push(b"x", f"{FOLDER}/small")
            return True
        clock.sleep_s(0.05)
    return False


def nobody_hashes(found: Phone) -> bool:
    """No shell of a push that failed waits on the device; one that was hung up may be ending."""
    clock = SystemClock()
    end_s = clock.monotonic_s() + 30
    while "sha256sum" in found.shell("ps -A -o ARGS"):
        if clock.monotonic_s() > end_s:
            return False
        clock.sleep_s(0.05)
    return True


def test_a_link_that_drops_leaves_no_half_a_file(adb: Adb, tmp_path: Path) -> None:
    data = os.urandom(4_000_000)
    with phone(adb, "cut") as cut:
        cut.device.push(b"before", f"{FOLDER}/f")
        cut.ask("set_faults", drop_after_received_bytes=2_000_000)
        with pytest.raises(DeviceError):
            cut.device.push(data, f"{FOLDER}/f")
        wait_until_usable(cut.device, timeout_s=60)
        assert cut.shell(f"cat {FOLDER}/f") == "before"
        assert leftovers(cut) == []
        assert nobody_hashes(cut)
        cut.device.push(data, f"{FOLDER}/f")
        (tmp_path / "f").write_bytes(b"before")
        cut.ask("set_faults", drop_after_sent_bytes=2_000_000)
        with pytest.raises(DeviceError):
            cut.device.pull(f"{FOLDER}/f", tmp_path / "f")
        assert [path.name for path in tmp_path.iterdir()] == ["f"]
        assert (tmp_path / "f").read_bytes() == b"before"


def test_a_flipped_bit_is_noticed_and_the_file_is_sent_again(adb: Adb, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    with phone(adb, "flipping") as flipping:
        flipping.ask("set_faults", flip_received_at_byte=1_500_000)
        flipping.device.push(data, f"{FOLDER}/f")
        assert flipping.shell(f"sha256sum <{FOLDER}/f").split()[0] == sha256(data)
        flipping.ask("set_faults", flip_sent_at_byte=1_500_000)
        flipping.device.pull(f"{FOLDER}/f", tmp_path / "f")
        assert (tmp_path / "f").read_bytes() == data
        status = flipping.ask("status")["faults"]
        assert status["flip_received_at_byte"] is status["flip_sent_at_byte"] is None


def test_a_large_file_is_checked_on_its_way_and_a_flip_in_it_noticed(
    adb: Adb, tmp_path: Path
) -> None:
    source = tmp_path / "large"
    source.write_bytes(os.urandom(1_000_000) * 77 + b"odd end")
    assert source.stat().st_size > STEP_BYTES
    with phone(adb, "large", data_bytes=200_000_000) as large:
        digest = sha256(source.read_bytes())
        for position in (5_000_000, 76_000_000):
            large.ask("set_faults", flip_received_at_byte=position)
            large.device.push(source, f"{FOLDER}/f")
            assert large.ask("status")["faults"]["flip_received_at_byte"] is None
            assert large.shell(f"sha256sum <{FOLDER}/f").split()[0] == digest
        assert leftovers(large) == []


def test_whatever_happens_on_the_way_no_wrong_file_is_ever_taken_for_right(
    adb: Adb, tmp_path: Path
) -> None:
    generator = random.Random(2026)
    faults = (
        "drop_after_received_bytes",
        "drop_after_sent_bytes",
        "flip_received_at_byte",
        "flip_sent_at_byte",
    )
    outcomes = {True: 0, False: 0}
    with phone(adb, "storm") as storm:
        for turn in range(30):
            data = generator.randbytes(generator.choice([10, 5_000, 300_000]))
            target = tmp_path / str(turn)
            # Up to twice what is sent, so that some faults strike while the file is checked.
            storm.ask(
                "set_faults", **{generator.choice(faults): generator.randrange(2 * len(data))}
            )
            try:
                storm.device.push(data, f"{FOLDER}/f{turn}", timeout_s=4)
                storm.device.pull(f"{FOLDER}/f{turn}", target, timeout_s=4)
                outcomes[True] += 1
                assert target.read_bytes() == data
            except DeviceError:
                outcomes[False] += 1
                assert not target.exists()
            storm.ask("clear_faults")
            wait_until_usable(storm.device, timeout_s=60)
            there = {file.name for file in storm.device.list_folder(FOLDER, timeout_s=60)}
            if f"f{turn}" in there:
                assert storm.shell(f"sha256sum <{FOLDER}/f{turn}").split()[0] == sha256(data)
    assert min(outcomes.values()) >= 3


def test_a_device_whose_storage_lies_is_given_up(adb: Adb) -> None:
    with phone(adb, "lying") as lying:
        with pytest.raises(TransferError, match="arrived damaged 3 times"):
            lying.device.push(b"abc", f"{FOLDER}/y", sha256=sha256(b"something else"))
        assert leftovers(lying) == []
        assert lying.shell(f"ls {FOLDER}") == ""


def test_a_transfer_has_one_deadline_in_all(adb: Adb, tmp_path: Path) -> None:
    with phone(adb, "stuck") as stuck:
        stuck.device.push(bytes(2_000_000), f"{FOLDER}/f")
        stuck.ask("set_faults", rate_bytes_per_s=1_000_000)
        with pytest.raises(CommandTimeoutError):
            stuck.device.push(bytes(30_000_000), f"{FOLDER}/g", timeout_s=0.5)
        with pytest.raises(CommandTimeoutError):
            stuck.device.pull(f"{FOLDER}/f", tmp_path / "f", timeout_s=0.5)
        assert list(tmp_path.iterdir()) == []


def test_a_device_without_sha256sum_is_read_back(adb: Adb, tmp_path: Path) -> None:
    data = os.urandom(200_000)
    with phone(adb, "hashless", uid=0) as hashless:
        hide = Path(hashless.ask("status")["root"]) / "system/bin/sha256sum"
        hide.rename(hide.with_name("hidden"))
        hashless.device.push(data, f"{FOLDER}/f")
        hashless.ask("set_faults", flip_received_at_byte=100_000)
        hashless.device.push(data, f"{FOLDER}/f")
        hashless.device.pull(f"{FOLDER}/f", tmp_path / "f")
        assert (tmp_path / "f").read_bytes() == data


# The cache.


def make(folder: Path, name: str, size: int) -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path, sha256(path.read_bytes())


def test_the_second_push_of_a_file_moves_nothing(shared: Phone, tmp_path: Path) -> None:
    cache = DeviceCache(shared.device)
    model, digest = make(tmp_path, "model", 100_000)
    first = cache.ensure(model, digest)
    assert (first.path, first.pushed_bytes) == (f"{CACHE_FOLDER}/{digest}", 100_000)
    assert shared.shell(f"sha256sum <{first.path}").split()[0] == digest
    assert cache.ensure(model, digest).pushed_bytes == 0
    shared.shell(f"echo cut >{first.path}")
    assert cache.ensure(model, digest).pushed_bytes == 100_000
    assert cache.clean() == 100_000
    assert cache.files() == ()


def test_a_program_in_the_cache_can_be_run(shared: Phone, tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_bytes(b"#!/system/bin/sh\necho ran\n")
    digest = sha256(script.read_bytes())
    cache = DeviceCache(shared.device)
    cache.ensure(script, digest)
    assert shared.shell(cache.ensure(script, digest, is_program=True).path) == "ran"
    cache.clean()


def test_the_least_recently_used_files_leave_when_the_quota_is_reached(
    shared: Phone, tmp_path: Path
) -> None:
    earlier = DeviceCache(shared.device, quota_bytes=250_000)
    files = [make(tmp_path, name, 100_000) for name in "abc"]
    earlier.ensure(*files[0])
    earlier.ensure(*files[1])
    shared.shell(f"touch -d @1000000000 {CACHE_FOLDER}/{files[0][1]}")
    earlier.ensure(*files[0])  # used again: now the other one is the oldest
    shared.shell(f"touch -d @1000000001 {CACHE_FOLDER}/{files[1][1]}")
    cache = DeviceCache(shared.device, quota_bytes=250_000)
    cache.ensure(*files[2])
    assert {file.name for file in cache.files()} == {files[0][1], files[2][1]}
    assert cache.clean(keep=[files[2][1]]) == 100_000
    assert [file.name for file in cache.files()] == [files[2][1]]
    cache.clean()


def test_what_one_session_needs_is_not_taken_away_for_its_next_model(
    shared: Phone, tmp_path: Path
) -> None:
    cache = DeviceCache(shared.device, quota_bytes=250_000)
    files = [make(tmp_path, name, 100_000) for name in "abc"]
    cache.ensure(*files[0])
    cache.ensure(*files[1])
    with pytest.raises(DeviceStorageError, match="300000 bytes are needed") as caught:
        cache.ensure(*files[2])
    assert "--cache-quota" in (caught.value.hint or "")
    assert {file.name for file in cache.files()} == {files[0][1], files[1][1]}
    cache.clean()


def test_a_file_larger_than_the_quota_is_refused(shared: Phone, tmp_path: Path) -> None:
    model, digest = make(tmp_path, "model", 2_000)
    with pytest.raises(DeviceStorageError, match="quota"):
        DeviceCache(shared.device, quota_bytes=1_000).ensure(model, digest)
    with pytest.raises(InputError, match="not a SHA-256"):
        DeviceCache(shared.device).ensure(model, "../x")


def test_the_device_is_a_transport(shared: Phone) -> None:
    transport: Transport = shared.device
    assert transport.serial == shared.serial
