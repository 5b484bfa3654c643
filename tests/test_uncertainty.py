"""How sure a calibrated prediction is: bands that hold what they claim, outsiders named, and
nothing that is more work ever faster."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from math import exp
from pathlib import Path
from random import Random

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.known_device import PROFILE, Truth
from qbench import modelfile, profiles, thiscpu
from qbench.cli import group as qbench
from qbench.placement import Assumption
from qbench.records import Delegate, DeviceInfo, ModelInfo, Origin, Prediction, Tier
from qbench.simulator import Oracle
from qbench.simulator.calibration import document, fit, make, measure, singles
from qbench.simulator.calibration.document import Answer, Calibration
from qbench.simulator.kernels import Dtype
from qbench.simulator.networks import Graph, build

INFO = DeviceInfo(name="known", title="a known device", origin=Origin.HOST, runtime="none 1.0")
NETWORKS = ("mobilenet_v1_025@96x96", "squeezenet_1_1", "mobilenet_v2_tf_035@96x96")


def calibrated(networks: int) -> Calibration:
    truth, random = Truth(seed=2), Random(3)
    answers = [
        Answer(
            name=s.name,
            dtype=dtype,
            threads=1,
            latency_us=truth.latency_us(s.model, dtype) * random.lognormvariate(0, 0.01),
            invokes=30,
        )
        for dtype in (Dtype.FP32, Dtype.INT8)
        for s in singles.singles(dtype)
    ]
    models = measure.Models()
    for dtype in (Dtype.FP32, Dtype.INT8):
        for name in measure.NETWORKS[:networks]:
            latency_us = truth.latency_us(models.of(name, dtype, is_network=True), dtype)
            answers.append(
                Answer(
                    name=name,
                    dtype=dtype,
                    threads=1,
                    latency_us=latency_us * 1.1 * random.lognormvariate(0, 0.03),
                    invokes=30,
                    is_network=True,
                )
            )
    asked = measure.Asked(tuple(answers), ())
    return make.make(asked, PROFILE, INFO, "f", "2026-11-24T00:00:00+00:00")


@pytest.fixture(scope="module")
def by_networks() -> dict[int, Calibration]:
    return {n: calibrated(n) for n in (0, 5, 12)}


@pytest.fixture(scope="module")
def oracle(by_networks: dict[int, Calibration]) -> Oracle:
    return Oracle(PROFILE, calibration=by_networks[12])


def told(oracle: Oracle, model: ModelInfo, threads: int = 1) -> Prediction:
    return oracle.foresee(model, Delegate.CPU, threads).prediction


def conv(size: int, depth: int, out: int, kernel: int = 1, dtype: str = "float32") -> ModelInfo:
    graph = Graph("one", dtype)
    graph.conv(graph.input(size, size, depth), out, kernel)
    return graph.info()


# -- tiers and bands


def test_the_tier_follows_the_evidence(by_networks: dict[int, Calibration]) -> None:
    model = build("squeezenet_1_1", "int8")
    found = {n: told(Oracle(PROFILE, calibration=c), model) for n, c in by_networks.items()}
    assert {n: p.tier for n, p in found.items()} == {0: Tier.S2, 5: Tier.S3, 12: Tier.S3}
    assert told(Oracle(PROFILE), model).tier is Tier.S0
    widths = {n: p.high_us / p.p50_us for n, p in found.items()}
    assert widths[12] < widths[0] < told(Oracle(PROFILE), model).high_us / found[0].p50_us
    # networks take a tenth more than their kernels: only who has measured some can know
    assert found[12].p50_us / found[0].p50_us == pytest.approx(1.1, abs=0.04)
    assert "5 networks" in found[5].basis


def test_the_rule_of_the_band_is_told(by_networks: dict[int, Calibration]) -> None:
    rules = {n: c.groups[0].band_rule for n, c in by_networks.items()}
    prior = "and a prior worth 6 networks that are 4.3% off"
    assert rules[12] == f"Student's t on the left-out errors of 12 networks, {prior}"
    assert rules[5] == f"Student's t on the left-out errors of 5 networks, {prior}"
    assert rules[0].startswith("no whole networks")


@pytest.mark.parametrize(
    ("sigma", "count", "least", "most"),
    [
        (0.045, 5, 0.88, 0.93),
        (0.045, 12, 0.88, 0.93),
        (0.06, 12, 0.86, 0.92),
        # a device unlike the one that the prior is from: the more networks, the less it says
        (0.15, 12, 0.78, 0.88),
        (0.15, 40, 0.85, 0.91),
        (0.02, 40, 0.89, 0.96),
    ],
)
def test_bands_of_a_few_networks_hold_about_90_percent_of_others(
    sigma: float, count: int, least: float, most: float
) -> None:
    random = Random(count)
    held = 0
    for _ in range(4000):
        ratios = [exp(random.gauss(0, sigma)) for _ in range(count)]
        widest, _ = fit.band(ratios, Dtype.FP32)
        held += 1 / widest <= exp(random.gauss(0, sigma)) <= widest
    assert least <= held / 4000 <= most


def test_one_disturbed_network_does_not_decide_the_band() -> None:
    errors = [0.01, -0.02, 0.03, -0.04, 0.05, -0.06, 0.02, -0.03, 0.04, 0.01, -0.05]
    usual, _ = fit.band([exp(e) for e in [*errors, 0.06]], Dtype.FP32)
    disturbed, _ = fit.band([exp(e) for e in [*errors, 0.9]], Dtype.FP32)
    assert usual < disturbed < 1.15 * usual


def test_operators_that_were_not_understood_widen_the_band_where_there_are_no_networks() -> None:
    understood, _ = fit.band([], Dtype.INT8, 0.03)
    not_understood, rule = fit.band([], Dtype.INT8, 0.8)
    assert understood < 1.25
    assert not_understood > 3
    assert "unseen operators" in rule


def test_doubtful_prices_widen_the_band(by_networks: dict[int, Calibration]) -> None:
    def doubted(price: document.Price) -> document.Price:
        # each price as uncertain as it is large
        values = list(price.prices.values())
        rows = tuple(
            tuple(v * v if i == j else 0.0 for j in range(len(values)))
            for i, v in enumerate(values)
        )
        return msgspec.structs.replace(price, covariance=rows)

    sure = by_networks[12]
    groups = tuple(
        msgspec.structs.replace(g, prices=tuple(doubted(p) for p in g.prices)) for g in sure.groups
    )
    unsure = msgspec.structs.replace(sure, groups=groups)
    model = build("squeezenet_1_1", "float32")
    wide, narrow = (told(Oracle(PROFILE, calibration=c), model) for c in (unsure, sure))
    assert wide.p50_us == narrow.p50_us
    assert wide.high_us > 1.3 * narrow.high_us


# -- out of the domain


def test_an_operator_that_was_never_calibrated_is_named_and_costs_the_tier(oracle: Oracle) -> None:
    graph = Graph("odd", "float32")
    x = graph.conv(graph.input(56, 56, 32), 32)
    for _ in range(6):
        x = graph.unary("COS", x)
    found = told(oracle, graph.info())
    (warning,) = found.warnings
    assert warning.startswith("out of the calibration: node 1: COS on xnnpack in fp32")
    assert "2 more" in warning
    assert found.tier is Tier.S0
    assert found.high_us / found.p50_us > 1.3


def test_a_small_stranger_is_named_but_does_not_cost_the_tier(oracle: Oracle) -> None:
    graph = Graph("odd", "float32")
    x = graph.conv(graph.input(56, 56, 128), 128, 3)
    graph.unary("COS", graph.mean(x))
    found = told(oracle, graph.info())
    assert "node 2: COS on xnnpack in fp32 was never calibrated" in found.warnings[0]
    assert found.tier is Tier.S3


def test_a_size_far_outside_is_named_and_costs_the_tier(oracle: Oracle) -> None:
    found = told(oracle, conv(512, 256, 256, 3))
    (warning,) = found.warnings
    assert warning.startswith("out of the calibration: node 0: CONV_2D:")
    assert "multiply-accumulates, calibrated from" in warning
    assert found.tier is Tier.S0
    assert found.high_us / found.p50_us >= 1.6 * 0.99


def test_threads_that_were_not_calibrated_are_not_claimed(oracle: Oracle) -> None:
    found = told(oracle, build("squeezenet_1_1", "float32"), threads=2)
    assert found.tier is Tier.S0
    assert "data sheet" in found.basis


def test_a_supposition_is_never_calibrated(by_networks: dict[int, Calibration]) -> None:
    supposed = Oracle(
        PROFILE,
        [Assumption("xnnpack", "ADD", False)],
        ["ADD refused by xnnpack"],
        calibration=by_networks[12],
    )
    assert told(supposed, build("resnet18", "float32")).tier is Tier.S0


# -- more is never faster


@cache
def _oracle() -> Oracle:
    return Oracle(PROFILE, calibration=calibrated(0))


SIZES = st.integers(4, 80)
CHANNELS = st.integers(1, 256)


@settings(max_examples=60, deadline=None)
@given(SIZES, CHANNELS, CHANNELS, st.sampled_from((1, 3, 5)), st.sampled_from(("float32", "int8")))
def test_more_channels_and_larger_images_are_never_faster(
    size: int, depth: int, out: int, kernel: int, dtype: str
) -> None:
    base = told(_oracle(), conv(size, depth, out, kernel, dtype)).p50_us
    assert told(_oracle(), conv(size, depth + 1, out, kernel, dtype)).p50_us >= base
    assert told(_oracle(), conv(size, depth, out + 1, kernel, dtype)).p50_us >= base
    assert told(_oracle(), conv(size + 1, depth, out, kernel, dtype)).p50_us >= base


@pytest.mark.parametrize("name", NETWORKS)
def test_a_slower_clock_is_never_faster(name: str, by_networks: dict[int, Calibration]) -> None:
    model, times = build(name, "int8"), []
    for khz in (2_000_000, 1_500_000, 1_000_000):
        cluster = msgspec.structs.replace(PROFILE.cpu.clusters[0], max_khz=khz)
        cpu = msgspec.structs.replace(PROFILE.cpu, clusters=(cluster,))
        slower = msgspec.structs.replace(PROFILE, cpu=cpu)
        times.append(told(Oracle(slower, calibration=by_networks[12]), model).p50_us)
    assert times[0] < times[1] < times[2] <= 2 * times[0] + 2


def test_more_pieces_of_the_graph_are_never_faster(oracle: Oracle) -> None:
    times = []
    for pieces in (1, 2, 4, 8):
        graph = Graph("pieces", "int8")
        x = graph.input(14, 14, 32)
        for i in range(8):
            x = graph.conv(x, 32)
            if i % (8 // pieces) == 0:
                x = graph.unary("HARD_SWISH", x)
        times.append(told(oracle, graph.info()).p50_us)
    assert times == sorted(times)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_time_steps_up_where_tiles_end_and_nowhere_between(oracle: Oracle, dtype: str) -> None:
    def of(out: int) -> float:
        lines = oracle.foresee(conv(24, 256, out, dtype=dtype), Delegate.CPU, 1).lines
        return sum(line.time_us for line in lines)

    within = of(32) - of(17)  # columns 17 .. 32 are the second of tiles of 16
    assert of(33) - of(32) > 10 * within / 15


# -- the band never disappears


@pytest.fixture
def of_this_machine(
    by_networks: dict[int, Calibration], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A model's file; calibrations of this machine are in the place where they are looked for."""
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(tmp_path))
    here = msgspec.structs.replace(
        by_networks[12], profile="host", fingerprint=thiscpu.fingerprint()
    )
    document.save(here, tmp_path / document.file_name("host", here.fingerprint))
    path = tmp_path / "squeezenet.tflite"
    path.write_bytes(modelfile.write(build("squeezenet_1_1@96x96", "int8")))
    return str(path)


def ran(*arguments: str) -> str:
    done = CliRunner().invoke(qbench, list(arguments), standalone_mode=False)
    assert done.return_value == 0, done.output
    return done.stdout


def test_every_output_of_a_calibrated_prediction_has_its_band_and_tier(
    of_this_machine: str,
) -> None:
    where = (of_this_machine, "--device", "host", "--threads", "1")
    (as_json,) = json.loads(ran("simulate", *where, "--json"))["results"]
    assert as_json["tier"] == "S3"
    assert as_json["low_us"] < as_json["p50_us"] < as_json["high_us"]
    (row,) = csv.DictReader(io.StringIO(ran("simulate", *where, "--csv")))
    for name in ("p50_us", "low_us", "high_us", "tier"):
        assert row[name] == str(as_json[name])
    assert "calibrated on a known device" in as_json["basis"]
    text = ran("simulate", *where)
    assert "S3" in text
    assert "90 % band" in text


def test_a_calibration_of_another_machine_is_not_used(
    by_networks: dict[int, Calibration], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(tmp_path))
    other = msgspec.structs.replace(by_networks[12], profile="host", fingerprint="another machine")
    document.save(other, tmp_path / document.file_name("host", other.fingerprint))
    model = build("squeezenet_1_1", "int8")
    assert told(Oracle(profiles.load("host")), model).tier is Tier.S0
    explicit = Oracle(profiles.load("host"), calibration=other)
    assert told(explicit, model).tier is Tier.S3
