"""Hostile names on a real device's way: nothing of them is executed, all works or is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.desk import Desk, inside, left_behind, settings_of
from fakes.virtual_phones import adb_of
from qbench import models
from qbench.records import Precision
from qbench.virtual.config import Instance
from qbench.virtual.start import describe

SHORT = ("--repetitions", "1", "--rest", "0", "--json")
NAMES = [
    "two words.tflite",
    'it\'s "quoted".tflite',
    "$(touch PWNED).tflite",
    "`touch PWNED`.tflite",
    "a; touch PWNED; b.tflite",
    "a && touch PWNED || b.tflite",
    "line\ntouch PWNED\nbreak.tflite",
    "--help.tflite",
    "-rf *.tflite",
    "ünï ☃ 模型.tflite",
    "a\\b%s%n{}.tflite",
    "=.tflite",
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("names")
    with adb_of("29", folder) as adb:
        yield Desk(adb, folder)


@pytest.fixture(scope="module")
def phone(desk: Desk) -> Iterator[Instance]:
    with desk.phone("named") as found:
        yield found


def assert_nothing_was_executed(desk: Desk, *folders: Path) -> None:
    roots = [desk.folder, *folders, Path.cwd(), inside("named") / "data/local/tmp"]
    assert [found for root in roots for found in root.rglob("PWNED")] == []


def test_model_files_with_any_name_are_measured_as_what_they_are(
    desk: Desk, phone: Instance, tmp_path: Path
) -> None:
    (source,) = models.resolve("smallcnn", (Precision.INT8,))
    folder = tmp_path / "a folder; touch PWNED $(touch PWNED)"
    folder.mkdir()
    data = source.read_bytes()
    for number, name in enumerate(NAMES):
        # Bytes behind the end of the model make files of their own of them.
        (folder / name).write_bytes(data + bytes(16 * (number + 1)))
    before = settings_of("named")
    ran = desk.qbench(
        "run",
        *(f"./{name}" for name in NAMES),
        *("--serial", phone.address, "--device", "sd865", "--delegate", "cpu", *SHORT),
        *("--out", str(tmp_path / "out 'and' \"more\" $(touch PWNED)\n;x")),
        cwd=folder,
        timeout_s=120,
    )
    assert ran.returncode == 0, ran.stderr
    rows = [r for r in json.loads(ran.stdout)["results"] if r["origin"] == "emulated"]
    assert len({row["case_id"] for row in rows}) == len(NAMES)
    assert all(row["p50_us"] > 0 for row in rows)
    assert_nothing_was_executed(desk, tmp_path)
    assert settings_of("named") == before
    assert left_behind("named") == []


@pytest.mark.parametrize(
    "serial",
    ["; touch PWNED", "$(touch PWNED)", "-s", "--", "a b", "x\ny", "☃", "../../etc", "'", '"'],
)
def test_a_serial_of_any_kind_is_not_attached_and_nothing_more(
    desk: Desk, phone: Instance, serial: str
) -> None:
    for command in (("run", "smallcnn"), ("devices", "restore")):
        ran = desk.qbench(*command, f"--serial={serial}")
        assert ran.returncode == 3, ran.stderr
        assert "not attached" in ran.stderr
        assert "Traceback" not in ran.stderr
    assert_nothing_was_executed(desk)


def test_a_device_whose_props_are_hostile_is_run_and_shown_as_text(
    desk: Desk, tmp_path: Path
) -> None:
    bad = "x'; touch /data/local/tmp/PWNED; $(touch /data/local/tmp/PWNED) \x1b[31m`id`\"]: [y"
    props = describe("sd865", "evil").props
    named = dict.fromkeys(("ro.product.model", "ro.product.manufacturer", "ro.build.id"), bad)
    with desk.phone("evil", props={**props, **named, "ro.serialno": bad}) as evil:
        ran = desk.qbench(
            "run",
            *("smallcnn", "--precision", "int8", "--serial", evil.address, "--device", "sd865"),
            *("--delegate", "gpu", "--repetitions", "1", "--rest", "0", "--out", str(tmp_path)),
        )
        assert ran.returncode == 0, ran.stderr
        listed = desk.qbench("devices").stdout
        examined = desk.qbench("doctor", "--serial", evil.address).stdout
        assert "touch /data/local/tmp/PWNED" in " ".join(ran.stdout.split())  # shown, as text
        assert "\x1b" not in ran.stdout + ran.stderr + listed + examined
        assert not (inside("evil") / "data/local/tmp/PWNED").exists()
        assert left_behind("evil") == []


def test_what_a_device_keeps_under_hostile_names_is_left_alone(desk: Desk, phone: Instance) -> None:
    """Other people's files beside qbench's folder, whatever they are called."""
    names = ["qbench x", "qbench; touch PWNED", "-rf", "$(touch PWNED)"]
    folder = inside("named") / "data/local/tmp"
    for name in names:
        (folder / name).write_text("keep")
    try:
        ran = desk.qbench("devices", "clean", "--serial", phone.address)
        assert ran.returncode == 0, ran.stderr
        assert [(folder / name).read_text() for name in names] == ["keep"] * len(names)
        assert_nothing_was_executed(desk)
    finally:
        for name in names:
            (folder / name).unlink()
