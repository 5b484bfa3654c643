"""The command line of benchmark_model, as text; the ways to the NPU; the vendor's libraries."""

from __future__ import annotations

import struct
import urllib.error
from pathlib import Path

import msgspec
import pytest

from fakes.host_cases import case_for
from fakes.snapshots import MI_10
from qbench import profiles
from qbench.android import command, libraries, npu, tools
from qbench.android.command import Route
from qbench.android.identity import identify
from qbench.android.npu import Accelerators
from qbench.errors import InputError
from qbench.records import Case, Delegate

PHONE = identify(MI_10, "x")
CASE = case_for(Path("m.tflite"), threads=4, warmup_s=0.5, min_s=3.0, max_s=150.0)
COMMON = (
    "/d/tool --graph=/d/model --num_threads=4 --warmup_runs=2 --warmup_min_secs=0.5 --num_runs=5 "
    "--min_secs=3 --max_secs=150"
)


def _line(route: Route, case: Case = CASE) -> str:
    return " ".join(command.words(case, route, program=("/d/tool",), model="/d/model"))


def test_the_cpu_is_asked_for_by_saying_nothing_as_that_is_xnnpack() -> None:
    assert _line(Route(delegate=Delegate.CPU)) == COMMON
    plain = msgspec.structs.replace(CASE, xnnpack=False)
    assert _line(Route(delegate=Delegate.CPU), plain) == f"{COMMON} --use_xnnpack=false"


def test_the_gpu_says_its_precision_always() -> None:
    gpu = Route(delegate=Delegate.GPU)
    exact = Route(delegate=Delegate.GPU, is_fp16_allowed=False)
    assert _line(gpu) == f"{COMMON} --use_gpu=true --gpu_precision_loss_allowed=true"
    assert _line(exact) == f"{COMMON} --use_gpu=true --gpu_precision_loss_allowed=false"


def test_nnapi_names_its_accelerator() -> None:
    route = Route(delegate=Delegate.NNAPI, accelerator="qti-dsp")
    assert _line(route) == f"{COMMON} --use_nnapi=true --nnapi_accelerator_name=qti-dsp"


def test_hexagon_has_its_libraries_in_three_places() -> None:
    route = Route(delegate=Delegate.HEXAGON, libraries="/d/h")
    assert _line(route) == (
        "LD_LIBRARY_PATH=/d/h "
        "ADSP_LIBRARY_PATH=/d/h;/system/lib/rfsa/adsp;/system/vendor/lib/rfsa/adsp;/dsp "
        f"{COMMON} --use_hexagon=true --hexagon_lib_path=/d/h"
    )


def test_qnn_is_an_external_delegate_with_a_backend() -> None:
    route = Route(delegate=Delegate.QNN, libraries="/d/q", qnn_backend="dsp")
    assert _line(route) == (
        "LD_LIBRARY_PATH=/d/q ADSP_LIBRARY_PATH=/d/q "
        f"{COMMON} --external_delegate_path=/d/q/libQnnTFLiteDelegate.so "
        "--external_delegate_options=backend_type:dsp;"
    )


def test_the_log_is_judged_by_what_was_asked() -> None:
    route = Route(delegate=Delegate.NNAPI, accelerator="qti-dsp")
    asked = command.asked(CASE, route, allow_fallback=True)
    assert (asked.delegate, asked.accelerator) == (Delegate.NNAPI, "qti-dsp")
    assert (asked.min_invokes, asked.max_s, asked.allow_fallback) == (5, 150.0, True)


# NNAPI's accelerators.

ALL = ("qti-default", "qti-dsp", "qti-gpu", "qti-hta", "nnapi-reference")


@pytest.mark.parametrize(
    ("listed", "expected", "chosen"),
    [
        (ALL, "qti-dsp", "qti-dsp"),
        (ALL, "qti-hta", "qti-hta"),
        (ALL, None, "qti-dsp"),
        (("qti-default", "qti-gpu", "nnapi-reference"), "qti-dsp", "qti-default"),
        (("google-edgetpu", "nnapi-reference"), None, "google-edgetpu"),
        (("mtk-gpu", "mtk-neuron", "nnapi-reference"), None, "mtk-neuron"),
        (("qti-gpu", "nnapi-reference"), None, None),
        (("nnapi-reference",), "qti-dsp", None),
        ((), None, None),
    ],
)
def test_an_accelerator_is_chosen_of_those_that_the_device_lists(
    listed: tuple[str, ...], expected: str | None, chosen: str | None
) -> None:
    assert npu.choose(listed, expected) == chosen


def test_the_first_rung_says_what_it_chose_and_of_what() -> None:
    rung = npu.nnapi(PHONE, Accelerators(ALL))
    assert rung.route == Route(delegate=Delegate.NNAPI, accelerator="qti-dsp")
    assert rung.why == "qti-dsp, of qti-default, qti-dsp, qti-gpu, qti-hta, nnapi-reference"


def test_a_device_with_the_reference_driver_only_has_no_npu_there() -> None:
    rung = npu.nnapi(PHONE, Accelerators(("nnapi-reference",)))
    assert rung.route is None
    assert "the device lists: nnapi-reference" in rung.why


def test_an_accelerator_that_the_user_names_must_be_listed() -> None:
    wanted = npu.nnapi(PHONE, Accelerators(ALL), "qti-gpu").route
    assert wanted == Route(delegate=Delegate.NNAPI, accelerator="qti-gpu")
    assert npu.nnapi(PHONE, Accelerators(ALL), "qti-npu").route is None


def test_before_android_8_1_there_is_no_nnapi_to_ask() -> None:
    old = identify(MI_10 | {"ro.build.version.sdk": "26"}, "x")
    assert npu.nnapi(old, Accelerators(ALL)).route is None


# The vendor's libraries.


@pytest.mark.parametrize(
    ("profile", "names", "backend"),
    [
        (
            "sd865",
            "libQnnTFLiteDelegate.so libQnnDsp.so libQnnDspV66Stub.so libQnnDspV66Skel.so "
            "libQnnSystem.so",
            "dsp",
        ),
        (
            "sd8gen2",
            "libQnnTFLiteDelegate.so libQnnHtp.so libQnnHtpV73Stub.so libQnnHtpV73Skel.so "
            "libQnnSystem.so",
            "htp",
        ),
    ],
)
def test_qnn_needs_the_libraries_of_its_hexagon(profile: str, names: str, backend: str) -> None:
    found = libraries.find(Delegate.QNN, profiles.load(profile), environ={})
    assert " ".join(found.names) == names
    assert found.qnn_backend == backend


def test_missing_libraries_are_named_with_where_they_come_from(tmp_path: Path) -> None:
    profile = profiles.load("sd865")
    none = libraries.find(Delegate.HEXAGON, profile, environ={})
    assert none.missing == ("libhexagon_interface.so", "libhexagon_nn_skel_v66.so")
    assert "--hexagon-libraries DIR, or set QBENCH_HEXAGON_LIBRARIES" in none.how_to_get
    assert "curl -Lo DIR/libhexagon_interface.so https://" in none.how_to_get
    assert "hexagon_nn_skel_v1.20.0.1.run" in none.how_to_get
    (tmp_path / "libhexagon_interface.so").write_bytes(b"x")
    environ = {"QBENCH_HEXAGON_LIBRARIES": str(tmp_path)}
    half = libraries.find(Delegate.HEXAGON, profile, environ=environ)
    assert half.missing == ("libhexagon_nn_skel_v66.so",)
    assert "curl" not in half.how_to_get
    assert npu.vendor(half).route is None
    (tmp_path / "libhexagon_nn_skel_v66.so").write_bytes(b"y")
    whole = libraries.find(Delegate.HEXAGON, profile, environ=environ)
    assert npu.vendor(whole).route == Route(delegate=Delegate.HEXAGON)
    assert npu.vendor(whole).needs == whole


# The tool.


def _elf(machine: int, body: bytes = b" median=") -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + body


def test_a_tool_is_looked_for_in_the_option_the_environment_and_the_cache(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    cached = tools.cache_path("arm64-v8a", environ)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(_elf(183, b" median= cached"))
    named = tmp_path / "named"
    named.write_bytes(_elf(183, b" median= named"))
    given = tmp_path / "given"
    given.write_bytes(_elf(183, b" median= given"))
    assert tools.find("arm64-v8a", environ=environ).path == cached
    environ["QBENCH_BENCHMARK_MODEL_ARM64_V8A"] = str(named)
    assert tools.find("arm64-v8a", environ=environ).whence == "environment"
    found = tools.find("arm64-v8a", explicit=given, environ=environ)
    assert (found.path, found.whence, found.is_stale) == (given, "option", False)
    assert len(found.sha256) == 64
    assert found.sha256[:12] in found.title


def test_without_a_tool_the_hint_says_what_to_download_and_where_to_put_it(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(InputError, match="benchmark_model for arm64-v8a: there is none") as caught:
        tools.find("arm64-v8a", environ=environ)
    hint = caught.value.hint or ""
    assert "qbench tools fetch" in hint
    assert "nightly/latest/android_aarch64_benchmark_model" in hint
    assert str(tools.cache_path("arm64-v8a", environ)) in hint
    assert "QBENCH_BENCHMARK_MODEL_ARM64_V8A" in hint


def test_a_tool_for_another_processor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_bytes(_elf(62))
    with pytest.raises(InputError, match="it is for x86-64, the device needs arm64-v8a"):
        tools.find("arm64-v8a", explicit=path)
    assert tools.find("arm64-v8a", explicit=path, is_any_machine=True).path == path


def test_a_tool_that_prints_no_median_is_of_an_old_form(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_bytes(_elf(183, b"avg= std="))
    assert tools.find("arm64-v8a", explicit=path).is_stale is True
    path.write_text("#!/system/bin/sh\n")
    assert tools.find("arm64-v8a", explicit=path).is_stale is None


@pytest.mark.parametrize("content", [None, b""])
def test_a_tool_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tool"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        tools.find("arm64-v8a", explicit=path)


def test_fetching_fills_the_cache_and_writes_down_the_hash(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    asked = []

    def download(source: str, target: Path) -> None:
        asked.append(source)
        target.write_bytes(_elf(183))

    tool = tools.fetch("arm64-v8a", environ=environ, download=download)
    assert asked == [tools.address("arm64-v8a")]
    assert tool.path == tools.cache_path("arm64-v8a", environ)
    assert tool.path.stat().st_mode & 0o111
    assert tool.path.with_name("benchmark_model.sha256").read_text().startswith(tool.sha256)
    assert tools.find("arm64-v8a", environ=environ).sha256 == tool.sha256


def test_offline_the_hint_says_what_to_do_by_hand_and_the_cache_stays_empty(
    tmp_path: Path,
) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}

    def download(source: str, target: Path) -> None:
        target.write_bytes(b"half")
        raise urllib.error.URLError("no route to host")

    with pytest.raises(InputError, match="cannot be fetched: no route to host") as caught:
        tools.fetch("arm64-v8a", environ=environ, download=download)
    hint = caught.value.hint or ""
    assert "and put it at" in hint
    assert "qbench tools fetch" not in hint, "that is what has just failed"
    assert list(tools.cache_path("arm64-v8a", environ).parent.iterdir()) == []


def test_what_was_fetched_and_is_something_else_is_refused(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}

    def download(source: str, target: Path) -> None:
        target.write_bytes(_elf(40))

    with pytest.raises(InputError, match="it is for 32-bit ARM"):
        tools.fetch("arm64-v8a", environ=environ, download=download)
    assert not tools.cache_path("arm64-v8a", environ).exists()


def test_there_is_no_official_build_for_x86() -> None:
    with pytest.raises(InputError, match="there is no official build"):
        tools.fetch("x86_64", environ={})
