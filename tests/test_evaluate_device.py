"""`qbench evaluate --on-device`: real processes, a real adb server, a virtual device that really
runs the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import classifiers
from fakes.desk import Desk, inside, left_behind, settings_of
from fakes.virtual_phones import adb_of
from qbench.pipeline.data import load
from qbench.pipeline.quantization import Options, quantize
from qbench.records import Precision
from qbench.virtual.config import Instance

PER_CLASS = 2
TOOL = Path(__file__).parents[1] / "harness/qbench/virtual/benchmark_model"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with adb_of("29", tmp_path_factory.mktemp("adb")) as adb:
        yield Desk(adb, tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def phone(desk: Desk) -> Iterator[Instance]:
    with desk.phone("answering") as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`net-fp32` and `net-int8`, and `set`, a data set."""
    folder = tmp_path_factory.mktemp("made")
    data = classifiers.pictures(folder / "set", per_class=PER_CLASS)
    source = classifiers.brightness(folder / "net-fp32.tflite")
    pictures = tuple(Path(s.path) for s in load(data, need=()).splits["val"])
    quantize(source, Options(scheme=Precision.INT8), pictures, folder / "net-int8.tflite")
    return folder


def cached(serial: str) -> set[str]:
    """What the device keeps by content."""
    return {p.name for p in (inside(serial) / "data/local/tmp/qbench").glob("*") if p.is_file()}


def test_a_device_answers_as_this_host_does_and_keeps_no_image(
    desk: Desk, phone: Instance, made: Path
) -> None:
    before = settings_of("answering")
    arguments = ("--data", str(made / "set"), "--on-device", "--serial", phone.address, "--jobs=1")
    done = desk.qbench("evaluate", str(made), *arguments, "--json")
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)["on_device"]
    assert there["device"]["origin"] == "emulated"
    images = 2 * PER_CLASS
    for one in there["against_host"]:
        assert one["identical"]["hits"] == one["identical"]["trials"] == images
        assert one["largest"] == 0
    assert [one["largest_steps"] for one in there["against_host"]] == [None, 0]
    assert [grade["accuracy"]["hits"] for grade in there["grades"]] == [images, images]
    assert [grade["latency_us"] for grade in there["grades"]] == [None, None]
    assert left_behind("answering") == []
    # The tool and the two models stay; the images are gone.
    assert len(cached("answering")) == 3
    assert settings_of("answering") == before


def test_the_table_says_where_and_how_alike(desk: Desk, phone: Instance, made: Path) -> None:
    arguments = ("--data", str(made / "set"), "--on-device", "--device", phone.address)
    done = desk.qbench("evaluate", str(made / "net-int8.tflite"), *arguments)
    assert done.returncode == 0, done.stderr
    assert "(EMULATED)" in done.stdout
    assert "4 of 4" in done.stdout
    assert "0 (0 steps)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_host_that_is_killed_is_followed_by_one_that_collects(
    desk: Desk, phone: Instance, made: Path
) -> None:
    """The same question finds what the device has answered meanwhile; nothing is left behind."""
    arguments = (str(made / "net-fp32.tflite"), "--data", str(made / "set"), "--on-device")
    process = desk.begin("evaluate", *arguments, "--jobs", "1")
    sessions = inside("answering") / "data/local/tmp/qbench/sessions"
    while not list(sessions.glob("*/state")):
        assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    done = desk.qbench("evaluate", *arguments, "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["on_device"]["against_host"]
    assert one["identical"]["hits"] == 2 * PER_CLASS
    assert left_behind("answering") == []
    assert len(cached("answering")) == 3


def test_a_tool_without_the_flags_is_refused_in_one_line(
    desk: Desk, phone: Instance, made: Path, tmp_path: Path
) -> None:
    """An older build: it warns of what it does not know, and goes on with random input."""
    old = tmp_path / "old_model"
    renamed = (
        "for a do shift; case $a in --output_filepath=*) a=--output_filepath_of_later=x;; esac; "
        'set -- "$@" "$a"; done\nexec /.host'
    )
    old.write_text(TOOL.read_text().replace("exec /.host", renamed))
    arguments = ("--data", str(made / "set"), "--on-device", "--benchmark-binary", str(old))
    done = desk.qbench("evaluate", str(made / "net-int8.tflite"), *arguments)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "this build cannot be asked for answers" in done.stderr
    assert left_behind("answering") == []


def test_the_accelerators_of_a_virtual_device_compute_nothing_and_say_so(
    desk: Desk, phone: Instance, made: Path
) -> None:
    arguments = ("--data", str(made / "set"), "--on-device", "--delegate", "gpu")
    done = desk.qbench("evaluate", str(made / "net-fp32.tflite"), *arguments)
    assert done.returncode != 0
    assert "compute nothing: there is no output" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--device", "sd865"), 2, "--device goes with --on-device"),
        (("--benchmark-binary", "x"), 2, "--benchmark-binary goes with --on-device"),
        (("--delegate", "cpu"), 2, "--delegate goes with --on-device"),
        (("--on-device", "--device", "host"), 2, "this host answers anyway"),
        (("--on-device", "--serial", "nobody"), 3, "nobody"),
    ],
)
def test_wrong_words_are_one_line(
    desk: Desk, phone: Instance, made: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    where = ("--data", str(made / "set"))
    done = desk.qbench("evaluate", str(made / "net-fp32.tflite"), *where, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
