"""The hash of a model file and its memory."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qbench.errors import ModelFileError
from qbench.modelfile import sha256
from qbench.modelfile.digest import cache_file

_OLD_NS = 1_600_000_000_000_000_000  # 2020: no file system clock ticks are that long


def _write(path: Path, content: bytes, *, mtime_ns: int = _OLD_NS) -> str:
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "qbench" / "sha256.json"


def _forge(cache: Path, digest: str) -> None:
    """Put a recognisable wrong hash in the place of each remembered one."""
    entries = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: [stamp, digest] for key, (stamp, _) in entries.items()}))


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_it_is_the_sha_256_of_the_content(size: int, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.tflite"
    expected = _write(path, bytes(range(250)) * (size // 250) + b"x" * (size % 250))
    assert sha256(path) == expected


def test_a_second_time_it_is_not_hashed_but_remembered(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.tflite"
    _write(path, b"weights")
    sha256(path)
    _forge(cache, "f" * 64)
    assert sha256(path) == "f" * 64


def test_it_is_remembered_under_the_absolute_path(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "model.tflite", b"weights")
    monkeypatch.chdir(tmp_path)
    sha256(Path("model.tflite"))
    _forge(cache, "f" * 64)
    assert sha256(tmp_path / "model.tflite") == "f" * 64


@pytest.mark.parametrize(
    ("content", "mtime_ns"),
    [(b"longer weights", _OLD_NS), (b"WEIGHTS", _OLD_NS + 1), (b"WEIGHTS", _OLD_NS)],
    ids=["another size", "another mtime", "the same size and mtime"],
)
def test_a_changed_file_is_hashed_again(
    content: bytes, mtime_ns: int, tmp_path: Path, cache: Path
) -> None:
    path = tmp_path / "model.tflite"
    first = _write(path, b"weights")
    assert sha256(path) == first
    second = _write(tmp_path / "other", content, mtime_ns=mtime_ns)
    (tmp_path / "other").rename(path)
    assert sha256(path) == second


def test_a_file_that_has_just_been_written_is_not_remembered(tmp_path: Path, cache: Path) -> None:
    """Another write within the same tick of the clock would go unnoticed."""
    path = tmp_path / "model.tflite"
    path.write_bytes(b"weights")
    first = sha256(path)
    path.write_bytes(b"WEIGHTS")
    assert sha256(path) != first
    assert not cache.exists()
    assert list(cache.parent.iterdir()) == []


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(
    tmp_path: Path, cache: Path
) -> None:
    path = tmp_path / "model.tflite"
    _write(path, b"")
    os.truncate(path, 50_000_000)
    os.utime(path, ns=(_OLD_NS, _OLD_NS))
    done = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as stream:
            while not done.is_set():
                stream.write(b"x")
                os.utime(path, ns=(_OLD_NS, _OLD_NS))

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert len(sha256(path)) == 64
    finally:
        done.set()
        writer.join()
    assert not cache.exists()


def test_a_file_from_the_future_is_not_remembered(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.tflite"
    expected = _write(path, b"weights", mtime_ns=4_000_000_000_000_000_000)
    assert sha256(path) == expected
    assert not cache.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"%s": 3}',
        b'{"%s": [[1], "x"]}',
        b'{"%s": [["7", 1600000000000000000, 1], "short"]}',
        b'{"a": [[1, 2, 3], 4]}',
        b"9" * 10_000,
    ],
)
def test_a_damaged_memory_is_as_good_as_none(content: bytes, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.tflite"
    expected = _write(path, b"weights")
    cache.parent.mkdir(parents=True)
    cache.write_bytes(content.replace(b"%s", str(path).encode()))
    assert sha256(path) == expected
    assert json.loads(cache.read_text())[str(path)][1] == expected


def test_without_a_place_for_its_memory_it_still_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.tflite"
    expected = _write(path, b"weights")
    for place in ("/proc/nowhere", str(path), "/dev/null"):
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        assert sha256(path) == expected


def test_a_user_without_a_home_gets_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.tflite"
    expected = _write(path, b"weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "~")
    assert sha256(path) == expected
    assert list(tmp_path.iterdir()) == [path]


def test_a_memory_that_is_a_folder_does_no_harm(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.tflite"
    expected = _write(path, b"weights")
    cache.mkdir(parents=True)
    assert sha256(path) == expected
    assert list(cache.parent.iterdir()) == [cache]


def test_it_remembers_many_files_but_not_all_there_ever_were(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "new.tflite"
    expected = _write(path, b"weights")
    cache.parent.mkdir(parents=True)
    old = {f"/old/{number}": [[7, _OLD_NS, _OLD_NS, 1], "0" * 64] for number in range(512)}
    cache.write_text(json.dumps(old))
    assert sha256(path) == expected
    remembered = json.loads(cache.read_text())
    assert list(remembered) == [*list(old)[1:], str(path)]


def test_a_file_whose_name_is_no_text_is_hashed_and_not_remembered(
    tmp_path: Path, cache: Path
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.tflite")
    expected = _write(path, b"weights")
    assert sha256(path) == expected
    assert sha256(path) == expected
    assert not cache.exists()


def test_several_at_once_do_not_spoil_the_memory(tmp_path: Path, cache: Path) -> None:
    paths = [tmp_path / f"{number}.tflite" for number in range(40)]
    expected = [_write(path, path.name.encode()) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(sha256, paths)) == expected
    assert json.loads(cache.read_text())
    assert list(cache.parent.iterdir()) == [cache]
    assert [sha256(path) for path in paths] == expected


def test_the_memory_is_in_the_users_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    default = tmp_path / ".cache" / "qbench" / "sha256.json"
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_file() == default
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    assert cache_file() == default
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_file() == Path("/elsewhere/qbench/sha256.json")


def test_what_cannot_be_hashed_is_refused(tmp_path: Path, cache: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "is a directory"),
        (tmp_path / "pipe", "is a named pipe"),
        (Path("/dev/zero"), "is a character device"),
    ):
        with pytest.raises(ModelFileError, match=said) as caught:
            sha256(path)
        assert str(path) in str(caught.value)
