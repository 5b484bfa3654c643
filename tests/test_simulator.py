"""Predictions: what must hold for every model, and what anchors and backend promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.host_cases import case_for
from fakes.public_networks import ROOT, Graph, build
from qbench import formats, placement, profiles, simulator
from qbench.errors import ProfileError
from qbench.placement import GraphPlacement, Segment
from qbench.records import (
    Case,
    ComputeUnit,
    Delegate,
    DeviceProfile,
    DeviceState,
    Failure,
    ModelInfo,
    Noise,
    Origin,
    Prediction,
    Tier,
)
from qbench.simulator import SimulatorBackend, dynamics, priors
from qbench.simulator.anchors import Anchors
from qbench.simulator.cost import BOUNDS, COPY_BYTES_PER_US
from qbench.simulator.kernels import Dtype

CPU, GPU, NPU = ComputeUnit.CPU, ComputeUnit.GPU, ComputeUnit.NPU
SD865 = profiles.load("sd865")
SD865_ANCHORS = simulator.load_anchors("sd865")
MODELS = ROOT / "harness" / "qbench" / "models"


def predicted(
    model: ModelInfo,
    delegate: Delegate = Delegate.CPU,
    profile: DeviceProfile = SD865,
    *,
    threads: int = 4,
    anchors: Anchors | None = SD865_ANCHORS,
) -> Prediction:
    where = placement.place(model, delegate, profile)
    return simulator.predict(model, where, profile, threads=threads, anchors=anchors)


def in_pieces(model: ModelInfo, count: int, delegate: Delegate = Delegate.NNAPI) -> GraphPlacement:
    """The whole model on the NPU, in `count` pieces of equal size."""
    size = len(model.main.ops) // count
    pieces = [tuple(range(i * size, (i + 1) * size)) for i in range(count)]
    segments = tuple(Segment(NPU, "nnapi", piece) for piece in pieces)
    return GraphPlacement(delegate=delegate, segments=segments, refused=(), partitions=count)


def convolutions(channels: list[int], dtype: str, side: int = 28) -> ModelInfo:
    g = Graph("chain", dtype)
    x = g.input(side, side, channels[0])
    for out in channels[1:]:
        x = g.conv(x, out, 3)
    return g.info()


def clocked(profile: DeviceProfile, ratio: float) -> DeviceProfile:
    clusters = tuple(
        msgspec.structs.replace(c, max_khz=int((c.max_khz or 0) * ratio))
        for c in profile.cpu.clusters
    )
    return msgspec.structs.replace(
        profile, cpu=msgspec.structs.replace(profile.cpu, clusters=clusters)
    )


# -- what holds for every model

CHANNELS = st.lists(st.integers(8, 96), min_size=2, max_size=5)
CASES = st.sampled_from(
    [
        (Delegate.CPU, "float32"),
        (Delegate.CPU, "int8"),
        (Delegate.GPU, "int8"),
        (Delegate.NNAPI, "int8"),
    ]
)


@settings(max_examples=60, deadline=None)
@given(channels=CHANNELS, case=CASES, more=st.integers(1, 64), at=st.integers(0, 4))
def test_more_channels_are_never_faster(
    channels: list[int], case: tuple[Delegate, str], more: int, at: int
) -> None:
    """Up to 127 channels: there the GPU delegate changes to Winograd, which is faster."""
    delegate, dtype = case
    wider = list(channels)
    wider[at % len(wider)] = min(127, wider[at % len(wider)] + more)
    narrow = predicted(convolutions(channels, dtype), delegate)
    wide = predicted(convolutions(wider, dtype), delegate)
    assert wide.p50_us >= narrow.p50_us


@settings(max_examples=60, deadline=None)
@given(channels=CHANNELS, case=CASES, side=st.integers(1, 96), more=st.integers(1, 40))
def test_larger_images_are_never_faster(
    channels: list[int], case: tuple[Delegate, str], side: int, more: int
) -> None:
    delegate, dtype = case
    small = predicted(convolutions(channels, dtype, side), delegate)
    large = predicted(convolutions(channels, dtype, side + more), delegate)
    assert large.p50_us >= small.p50_us


@settings(max_examples=30, deadline=None)
@given(channels=CHANNELS, case=CASES, ratio=st.floats(0.2, 1.0))
def test_a_lower_clock_is_never_faster(
    channels: list[int], case: tuple[Delegate, str], ratio: float
) -> None:
    delegate, dtype = case
    model = convolutions(channels, dtype)
    assert (
        predicted(model, delegate, clocked(SD865, ratio)).p50_us
        >= predicted(model, delegate).p50_us
    )


@settings(max_examples=30, deadline=None)
@given(channels=st.lists(st.integers(8, 96), min_size=9, max_size=9))
def test_more_partitions_of_the_same_work_are_always_slower(channels: list[int]) -> None:
    model = convolutions(channels, "int8")
    times = [
        simulator.predict(
            model, in_pieces(model, count), SD865, threads=4, anchors=SD865_ANCHORS
        ).p50_us
        for count in (1, 2, 4, 8)
    ]
    assert times == sorted(set(times))


@settings(max_examples=60, deadline=None)
@given(channels=CHANNELS, case=CASES, threads=st.integers(1, 16))
def test_the_band_holds_the_median_and_the_break_down_adds_up_to_it(
    channels: list[int], case: tuple[Delegate, str], threads: int
) -> None:
    delegate, dtype = case
    model = convolutions(channels, dtype)
    where = placement.place(model, delegate, SD865)
    told = simulator.predict(model, where, SD865, threads=threads, anchors=SD865_ANCHORS)
    lines = simulator.breakdown(model, where, SD865, threads=threads, anchors=SD865_ANCHORS)
    assert 0 < told.low_us < told.p50_us < told.high_us
    assert told.p90_us is not None
    assert told.p90_us > told.p50_us
    assert sum(line.time_us for line in lines) == pytest.approx(told.p50_us, abs=0.51)
    assert sorted(i for line in lines for i in line.ops) == list(range(len(model.main.ops)))
    assert {line.bound_by for line in lines} <= set(BOUNDS)


def test_the_same_question_gets_the_same_answer() -> None:
    model = build("mobilenet_v2", "int8")
    assert predicted(model, Delegate.NNAPI) == predicted(model, Delegate.NNAPI)


def test_a_tile_begun_is_a_tile_paid() -> None:
    """A big enough convolution is bound by its multiply-accumulates, so the step is visible."""
    times = {out: predicted(convolutions([96, out], "int8", 112)).p50_us for out in (65, 80, 81)}
    assert times[80] / times[65] < 1.05
    assert times[81] / times[80] > 1.10


# -- delegates


@pytest.mark.parametrize("delegate", [Delegate.NNAPI, Delegate.HEXAGON])
def test_a_float_model_under_nnapi_is_exactly_the_cpu_and_says_so(delegate: Delegate) -> None:
    model = build("resnet18", "float32")
    told, cpu = predicted(model, delegate), predicted(model)
    assert (told.p50_us, told.low_us, told.high_us, told.p90_us, told.basis, told.tier) == (
        cpu.p50_us,
        cpu.low_us,
        cpu.high_us,
        cpu.p90_us,
        cpu.basis,
        cpu.tier,
    )
    assert (told.cpu_fallback, cpu.cpu_fallback) == (True, False)
    assert told.placement.nodes is not None
    assert told.placement.nodes.npu == 0
    assert f"{delegate} takes none of the 36 operators (" in told.warnings[0]
    assert "int8" in told.warnings[0]
    assert "NPU" not in told.basis


def test_an_npu_latency_is_never_called_a_fallback() -> None:
    told = predicted(build("resnet18", "int8"), Delegate.NNAPI)
    assert not told.cpu_fallback
    assert told.placement.nodes is not None
    assert told.placement.nodes.npu == 36
    assert told.tier is Tier.S1


def test_what_a_delegate_leaves_is_priced_on_the_cpu_and_said() -> None:
    g = Graph("mixed", "int8")
    x = g.conv(g.input(28, 28, 16), 32, 3)
    x = g.op("FLOOR_MOD", [x, x], g.shape(x))
    g.conv(x, 32, 3)
    model = g.info()
    where = placement.place(model, Delegate.NNAPI, SD865)
    told = simulator.predict(model, where, SD865, threads=4, anchors=SD865_ANCHORS)
    lines = simulator.breakdown(model, where, SD865, threads=4, anchors=SD865_ANCHORS)
    assert {(line.unit, line.ops) for line in lines if line.ops} == {
        (NPU, (0,)),
        (CPU, (1,)),
        (NPU, (2,)),
    }
    assert sum(line.bound_by == "segment" for line in lines) == 3
    moved = [line.time_us for line in lines if line.bound_by == "transfer"]
    assert len(moved) == 2  # to and from the NPU, for each of its pieces
    first, last = 28 * 28 * (16 + 32), 28 * 28 * (32 + 32)
    assert moved == [crossing / COPY_BYTES_PER_US for crossing in (first, last)]
    assert told.warnings == ("1 of 3 operators run on the CPU",)
    assert "NPU int8" in told.basis
    assert "CPU int8" in told.basis


def test_the_units_of_the_865_stand_in_the_order_that_is_published() -> None:
    """Ratios as on Qualcomm AI Hub and in Paddle-Lite's tables, within a factor of two."""
    model = build("resnet50", "int8")
    cpu_float = predicted(build("resnet50", "float32"), threads=1).p50_us
    cpu, npu, gpu = (
        predicted(model, d).p50_us for d in (Delegate.CPU, Delegate.NNAPI, Delegate.GPU)
    )
    assert npu < gpu < cpu_float
    assert 1 < cpu / npu < 4
    assert 5 < cpu_float / npu < 40
    assert 2 < cpu_float / predicted(model, threads=1).p50_us < 8


def test_four_threads_help_a_large_network_and_hardly_a_tiny_one() -> None:
    large, tiny = build("resnet50", "float32"), build("mobilenet_v1_025@128x128", "int8")
    assert 2.3 < predicted(large, threads=1).p50_us / predicted(large, threads=4).p50_us < 3.6
    assert predicted(tiny, threads=1).p50_us / predicted(tiny, threads=4).p50_us < 2


def test_more_threads_than_cores_change_nothing() -> None:
    model = build("resnet18", "float32")
    assert predicted(model, threads=8) == predicted(model, threads=99)


# -- tiers and bands


@pytest.mark.parametrize("name", profiles.names())
def test_without_anchors_a_prediction_is_s0_with_the_wide_band_of_priors(name: str) -> None:
    profile = profiles.load(name)
    told = predicted(build("resnet18", "float32"), profile=profile, anchors=None)
    assert told.tier is Tier.S0
    assert told.high_us / told.p50_us == pytest.approx(priors.band_ratio(CPU, Dtype.FP32), rel=0.01)
    assert profile.title in told.basis


def test_a_prediction_is_s1_only_when_its_time_comes_from_fitted_rates() -> None:
    """Dynamic range has no published latencies on this chip: int8 weights, float activations."""
    g = Graph("dynamic")
    x = g.input(28, 28, 64)
    g.conv(x, 64, 3)
    model = g.info()
    main = model.main
    tensors = tuple(
        msgspec.structs.replace(t, dtype="int8") if t.is_constant and t.rank == 4 else t
        for t in main.tensors
    )
    dynamic = msgspec.structs.replace(
        model, subgraphs=(msgspec.structs.replace(main, tensors=tensors),)
    )
    assert predicted(model).tier is Tier.S1
    assert predicted(dynamic).tier is Tier.S0
    assert "CPU dynamic" in predicted(dynamic).basis


def test_tflites_own_kernels_are_never_s1_and_have_the_widest_band() -> None:
    g = Graph("conv")
    g.conv(g.input(28, 28, 64), 64, 3)
    model = g.info()
    told = simulator.predict(
        model,
        placement.place(model, Delegate.CPU, SD865, xnnpack=False),
        SD865,
        threads=4,
        anchors=simulator.load_anchors("sd865"),
    )
    assert told.tier is Tier.S0
    assert told.high_us / told.p50_us == pytest.approx(3.0, rel=0.01)
    assert "own kernels" in told.basis


def test_unknown_sizes_are_said_and_widen_the_band() -> None:
    model = build("resnet18", "float32")
    main = model.main
    op = msgspec.structs.replace(main.ops[3], macs=None)
    ops = (*main.ops[:3], op, *main.ops[4:])
    opened = msgspec.structs.replace(model, subgraphs=(msgspec.structs.replace(main, ops=ops),))
    told = predicted(opened)
    assert told.tier is Tier.S0
    assert told.high_us >= 2.9 * told.p50_us
    assert told.warnings[0].startswith("1 operators have a size that is known only when")


def test_a_rate_that_nobody_published_is_an_error_by_name_and_no_number() -> None:
    assert SD865.npu is not None
    npu = msgspec.structs.replace(SD865.npu, int8_macs_per_s=None)
    with pytest.raises(ProfileError, match=r"sd865: npu\.int8_macs_per_s: not known"):
        predicted(
            build("resnet18", "int8"), Delegate.NNAPI, msgspec.structs.replace(SD865, npu=npu)
        )


def test_a_clock_that_is_not_known_is_an_error_by_name() -> None:
    cluster = msgspec.structs.replace(SD865.cpu.clusters[0], max_khz=None)
    cpu = msgspec.structs.replace(SD865.cpu, clusters=(cluster, *SD865.cpu.clusters[1:]))
    with pytest.raises(ProfileError, match=r"sd865: cpu\.clusters\[0\]\.max_khz: not known"):
        predicted(build("resnet18", "float32"), profile=msgspec.structs.replace(SD865, cpu=cpu))


# -- anchors


def anchored() -> list[Anchors]:
    loaded = [simulator.load_anchors(name) for name in profiles.names()]
    return [anchors for anchors in loaded if anchors is not None]


def test_profiles_without_anchors_have_none() -> None:
    assert [a.profile for a in anchored()] == ["sd855", "sd865"]
    assert simulator.load_anchors("host") is None


def test_no_band_is_narrower_than_such_fits_have_earned() -> None:
    least = {CPU: 1.35, GPU: 1.25, NPU: 1.5}
    for anchors in anchored():
        for group in anchors.groups:
            assert group.residuals.band_ratio >= least[group.unit], group.basis
            if group.transfer is not None:
                assert group.residuals.band_ratio > least[group.unit], group.basis
            assert group.residuals.band_ratio < priors.band_ratio(group.unit, group.dtype) * 1.05


def test_the_bands_hold_the_latencies_of_networks_that_the_fit_had_not_seen() -> None:
    inside = [
        1 / group.residuals.band_ratio <= row.left_out_ratio <= group.residuals.band_ratio
        for anchors in anchored()
        for group in anchors.groups
        for row in group.rows
    ]
    assert len(inside) >= 70
    assert sum(inside) / len(inside) >= 0.9


def test_every_row_says_where_it_comes_from_and_no_other_runtime_is_mixed_in() -> None:
    for anchors in anchored():
        for group in anchors.groups:
            assert group.residuals.models == len({row.network for row in group.rows})
            for row in group.rows:
                assert row.source.startswith("https://")
                assert row.device
                assert row.latency_us > 0
                assert not {"ncnn", "Paddle"} & set(row.source.split("/"))


def test_the_fits_can_be_repeated_from_the_rows_that_the_files_record() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "fit_anchors"), "--check"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_a_damaged_anchors_file_is_told_with_the_key(tmp_path: Path) -> None:
    text = (ROOT / "device_profiles" / "anchors" / "sd855.yaml").read_text(encoding="utf-8")
    path = tmp_path / "sd855.yaml"
    path.write_text(text.replace("conv_ratio: ", "conv_ratio: x", 1), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"groups\[0\]\.coefficients\.conv_ratio: expected"):
        profiles.load_document(path, Anchors)


# -- the 90th percentile


@pytest.mark.parametrize(
    "noise", [(0.03, 0.015, 0.02, 0.35), (0.005, 0.005, 0.0, 0.35), (0.08, 0.015, 0.3, 0.5)]
)
def test_the_90th_percentile_is_that_of_the_noise_it_speaks_of(
    noise: tuple[float, float, float, float],
) -> None:
    within, between, share, excess = noise
    random, count = np.random.default_rng(1), 1_000_000
    sample = np.exp(random.normal(0, within, count) + random.normal(0, between, count))
    struck = random.random(count) < share
    sample = np.where(struck, 1 + random.exponential(excess, count), sample)
    prior = Noise(
        within_run_sigma_ratio=within,
        between_run_sigma_ratio=between,
        autocorrelation=0.5,
        outlier_ratio=share,
        outlier_excess_ratio=excess,
    )
    assert dynamics.p90_ratio(prior) == pytest.approx(float(np.quantile(sample, 0.9)), rel=0.01)


def test_a_device_without_noise_has_a_90th_percentile_at_its_median() -> None:
    quiet = Noise(
        within_run_sigma_ratio=0,
        between_run_sigma_ratio=0,
        autocorrelation=0,
        outlier_ratio=0,
        outlier_excess_ratio=0,
    )
    assert dynamics.p90_ratio(quiet) == pytest.approx(1.0)


# -- the backend


def simulated(model: str, delegate: Delegate) -> Case:
    path = MODELS / model if (MODELS / model).exists() else Path(model)
    return msgspec.structs.replace(
        case_for(path), delegate=delegate, origin=Origin.SIMULATED, device="sd865", threads=4
    )


def test_the_backend_says_that_it_is_a_simulation() -> None:
    with SimulatorBackend(SD865) as backend:
        told = backend.describe()
        assert (backend.origin, told.origin, told.profile) == (
            Origin.SIMULATED,
            Origin.SIMULATED,
            "sd865",
        )
        assert told.runtime is not None
        assert told.runtime.startswith("qbench simulator ")
        assert backend.settle() == backend.state() == DeviceState()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "dynamic", "int8"])
@pytest.mark.parametrize(
    "delegate", [Delegate.CPU, Delegate.GPU, Delegate.NNAPI, Delegate.HEXAGON, Delegate.NPU]
)
def test_every_built_in_model_is_predicted_and_understood(
    precision: str, delegate: Delegate
) -> None:
    with SimulatorBackend(SD865) as backend:
        raw = backend.run(simulated(f"smallcnn-{precision}.tflite", delegate))
    told = formats.read(raw)
    assert isinstance(told, Prediction)
    assert told.cpu_fallback is (
        delegate in (Delegate.NNAPI, Delegate.HEXAGON, Delegate.NPU) and precision != "int8"
    )
    assert (raw.exit_code, raw.stderr, raw.error) == (0, "", None)


def test_two_runs_of_a_case_say_the_same_to_the_byte() -> None:
    case = simulated("smallcnn-int8.tflite", Delegate.NNAPI)
    with SimulatorBackend(SD865) as one, SimulatorBackend(SD865) as other:
        assert one.run(case) == one.run(case) == other.run(case)


@pytest.mark.parametrize(
    ("model", "delegate", "error", "said"),
    [
        ("/nowhere/x.tflite", Delegate.CPU, "ModelFileError", "/nowhere/x.tflite"),
        ("smallcnn-int8.tflite", Delegate.QNN, "PlanError", "delegate qnn"),
        (str(ROOT / "README.md"), Delegate.CPU, "ModelFileError", "README.md"),
    ],
)
def test_what_cannot_be_predicted_is_a_failure_and_never_a_number(
    model: str, delegate: Delegate, error: str, said: str
) -> None:
    with SimulatorBackend(SD865) as backend:
        raw = backend.run(simulated(model, delegate))
    told = formats.outcome(raw)
    assert isinstance(told, Failure)
    assert told.error == error
    assert said in told.message
    assert raw.stdout == ""


@pytest.mark.parametrize("delegate", [Delegate.CPU, Delegate.GPU])
def test_a_model_that_the_runtime_could_not_start_gets_no_number(
    tmp_path: Path, delegate: Delegate
) -> None:
    known = b"TFLite_Detection_PostProcess"
    data = (ROOT / "tests/models/custom_op.tflite").read_bytes()
    file = tmp_path / "unknown.tflite"
    file.write_bytes(data.replace(known, b"Somebodys_Own_Op____________"))
    with SimulatorBackend(SD865) as backend:
        raw = backend.run(simulated(str(file), delegate))
    told = formats.outcome(raw)
    assert isinstance(told, Failure)
    assert told.error == "RunnerError"
    assert "unresolved custom op Somebodys_Own_Op____________ (node 1)" in told.message
