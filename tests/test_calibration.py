"""Calibrating a device: what is asked, that nothing is lost, and that the truth comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fakes.fake_backend import capture
from fakes.known_device import CACHES, PROFILE, TILES, KnownDevice, Truth
from fakes.manual_clock import ManualClock
from fakes.runtime import delegated
from qbench import modelfile, placement, profiles, thiscpu
from qbench.cli import group as qbench
from qbench.errors import InputError, ProfileError
from qbench.records import (
    Case,
    Delegate,
    DeviceInfo,
    InvokeAggregate,
    Measurement,
    Origin,
    RawOutput,
    Tier,
)
from qbench.simulator import Oracle
from qbench.simulator.calibration import document, fit, heat, make, measure, singles, solve
from qbench.simulator.calibration.answer import answer_of
from qbench.simulator.calibration.document import Answer, Calibration
from qbench.simulator.calibration.journal import Journal
from qbench.simulator.calibration.measure import Question
from qbench.simulator.kernels import Dtype
from qbench.simulator.networks import held_out
from qbench.simulator.networks.graph import Graph

INFO = DeviceInfo(name="known", title="a known device", origin=Origin.HOST, runtime="none 1.0")
DTYPES = (Dtype.FP32, Dtype.INT8)
_SURE_RATIO = 0.02  # a standard error, as the fit itself tells it


def known(truth: Truth, dtype: Dtype, noise_ratio: float, seed: int = 1) -> list[fit.Known]:
    random = Random(seed)
    return [
        fit.Known(
            s.name,
            s.model,
            truth.latency_us(s.model, dtype) * random.lognormvariate(0, noise_ratio),
        )
        for s in singles.singles(dtype)
    ]


def asked(
    folder: Path,
    device: KnownDevice,
    questions: list[Question],
    answers: list[Answer],
    journal: Journal,
    budget_s: float = 1e9,
) -> measure.Asked:
    return measure.ask(
        device,
        questions,
        answers,
        folder,
        ManualClock(),
        budget_s=budget_s,
        rounds=1,
        on_answer=journal.append,
        on_trouble=lambda text: pytest.fail(text),
    )


# -- what is asked


@pytest.mark.parametrize("dtype", [*DTYPES, Dtype.DYNAMIC])
def test_the_questions_have_names_of_their_own_and_are_always_the_same(dtype: Dtype) -> None:
    first, second = singles.singles(dtype), singles.singles(dtype)
    assert [s.name for s in first] == [s.name for s in second]
    assert len({s.name for s in first}) == len(first) >= 90
    assert all(s.model == other.model for s, other in zip(first, second, strict=True))


@pytest.mark.parametrize("dtype", [*DTYPES, Dtype.DYNAMIC])
def test_the_runtime_takes_every_tenth_question_as_the_placement_says(dtype: Dtype) -> None:
    host = profiles.load("host")
    for single in singles.singles(dtype)[::10]:
        found = delegated(modelfile.write(single.model))
        assert found is not None, single.name
        where = placement.place(single.model, Delegate.CPU, host)
        assert len(found.pieces) == where.partitions, single.name


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_calibration_that_is_cut_short_has_asked_most_of_what_matters_most(share: float) -> None:
    asked = measure.questions(DTYPES, [1], most_singles=None, nets=True)
    early = asked[: int(len(asked) * share)]

    def counted(label: str, questions: list[Question]) -> int:
        return sum(q.name.startswith(label) and q.dtype is Dtype.INT8 for q in questions)

    for label in ("conv", "dw", "ADD", "MUL", "CONCATENATION"):
        assert counted(label, early) >= int(counted(label, asked) * share)
    for label in ("TANH", "GELU", "TRANSPOSE"):
        assert counted(label, early) == 0 < counted(label, asked)
    networks = [q for q in early if q.is_network]
    assert len({(q.name, q.dtype) for q in networks}) >= min(24, len(networks))
    fewer = measure.questions(DTYPES, [1], most_singles=20, nets=False)
    assert len(fewer) == 40
    assert {q.name for q in fewer} <= {q.name for q in early}


def test_an_operator_whose_class_no_other_speaks_of_is_not_graded_by_guessing() -> None:
    def row(kind: str) -> dict[tuple[str, str], float]:
        return {(kind, "call"): 1.0}

    rows = [row("a")] * 9 + [row("alone")]
    ratios = solve.left_out(rows, [10.0] * 10, {("a", "call"): 10.0, ("alone", "call"): 1.0})
    assert ratios[:9] == pytest.approx(1.0)
    assert isnan(ratios[9])


def test_no_network_on_which_predictions_are_judged_is_measured() -> None:
    assert set(measure.NETWORKS).isdisjoint(held_out.NAMES)


def test_a_plan_is_told_without_measuring(tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    ran = CliRunner().invoke(
        qbench,
        ["calibrate", "--device", "host", "--out", str(out), "--dry-run", "--json"],
        standalone_mode=False,
    )
    assert ran.return_value == 0, ran.output
    body = json.loads(ran.stdout)
    assert body["singles"] > 240
    assert body["networks"] == 24
    assert body["path"] == str(out)
    assert body["expected_s"] > 0
    assert not out.exists()


# -- the way of an answer


def test_prices_come_out_of_a_measured_device_and_predict_networks(tmp_path: Path) -> None:
    truth = Truth(seed=4)
    questions = measure.questions([Dtype.INT8], [1], most_singles=None, nets=True)
    journal = Journal(tmp_path / "j", "f")
    journal.begin(resume=False)
    found = asked(tmp_path, KnownDevice(truth), questions, [], journal)
    assert len(found.answers) == len(questions)
    assert 0 < found.drift_ratio < 0.02
    made = make.make(found, PROFILE, INFO, "f", "2026-11-24T00:00:00+00:00")
    (group,) = made.groups
    assert group.tiles == TILES[Dtype.INT8]
    assert group.scale_ratio == pytest.approx(1, abs=0.02)
    assert all(a.left_out_ratio == pytest.approx(1, abs=0.04) for a in group.anchors)
    assert group.band_ratio < 1.05


@pytest.mark.parametrize("dtype", DTYPES)
def test_prices_that_the_fit_calls_sure_come_back_within_5_percent(dtype: Dtype) -> None:
    truth = Truth(seed=7)
    measured = known(truth, dtype, 0.003)
    group = fit.fit(measured, [], dtype, 1, PROFILE, CACHES)
    assert group.tiles == TILES[dtype]
    told = {(p.kind, amount): value for p in group.prices for amount, value in p.prices.items()}
    clear = [
        (price.kind, amount)
        for price in group.prices
        for number, (amount, value) in enumerate(price.prices.items())
        if 0 < price.covariance[number][number] ** 0.5 < _SURE_RATIO * value
    ]
    assert {("xnnpack/matmul", "macs"), ("xnnpack/depthwise", "macs")} <= set(clear)
    assert len(clear) >= 20
    for name in clear:
        assert told[name] == pytest.approx(truth.price(dtype, name), rel=0.05), name


@pytest.mark.parametrize("part", [1, 2])
def test_how_much_of_the_last_cache_is_ones_own_comes_out(part: int) -> None:
    own = msgspec.structs.replace(CACHES, l3_bytes=(CACHES.l3_bytes or 0) // part)
    truth = Truth(seed=7, caches=own)
    measured = {dtype: known(truth, dtype, 0.02) for dtype in DTYPES}
    assert fit.with_own_share(measured, PROFILE, CACHES) == own


def test_products_of_one_row_have_another_kernel_where_the_number_of_tiles_is_odd() -> None:
    def work(columns: int) -> Mapping[str, float]:
        graph = Graph("dense", "float32")
        x = graph.tensor((1, 64))
        graph.inputs.append(x)
        model = graph.info(graph.dense(x, columns))
        (work,) = fit.of_model(model, PROFILE, CACHES, TILES).works
        return work.amounts

    tile = TILES[Dtype.FP32].product[1]
    assert "vector_odd_macs" not in work(2 * tile)
    assert work(2 * tile + 1)["vector_odd_macs"] == work(3 * tile)["vector_macs"]


def test_one_wild_answer_in_ten_does_not_move_the_prices() -> None:
    truth = Truth(seed=7)
    measured = [
        msgspec.structs.replace(k, latency_us=k.latency_us * 3) if i % 10 == 0 else k
        for i, k in enumerate(known(truth, Dtype.FP32, 0.003))
    ]
    group = fit.fit(measured, [], Dtype.FP32, 1, PROFILE, CACHES)
    price = group.price("xnnpack/matmul")
    assert price is not None
    expected = truth.price(Dtype.FP32, ("xnnpack/matmul", "macs"))
    assert price.prices["macs"] == pytest.approx(expected, rel=0.08)


def test_an_amount_that_was_never_seen_keeps_its_plausible_price() -> None:
    rows = [{("a", "call"): 1.0, ("b", "call"): 1e-6}, {("a", "call"): 2.0}]
    found = solve.solve(rows, [10.0, 20.0], {("a", "call"): 5.0, ("b", "call"): 3.0})
    told = dict(zip(found.names, found.prices, strict=True))
    assert told[("a", "call")] == pytest.approx(10, rel=0.02)
    assert told[("b", "call")] == pytest.approx(3, rel=0.1)


# -- nothing is lost


class _Killed(Exception):
    """The process ends here."""


def test_a_killed_calibration_goes_on_and_measures_only_what_is_left(tmp_path: Path) -> None:
    questions = measure.questions([Dtype.INT8], [1], most_singles=30, nets=False)
    device = KnownDevice(Truth())
    answer = device._answer

    def dies(case: Case) -> RawOutput:
        if case.case_id.startswith("0015-"):
            raise _Killed
        return answer(case)

    device._answer = dies
    journal = Journal(tmp_path / "j", "f")
    journal.begin(resume=False)
    with pytest.raises(_Killed):
        asked(tmp_path, device, questions, [], journal)
    with pytest.raises(InputError, match="interrupted here"):
        Journal(tmp_path / "j", "f").begin(resume=False)
    with (tmp_path / "j").open("ab") as stream:
        stream.write(b'{"name": "a line that a cra')
    again = Journal(tmp_path / "j", "f")
    answers = again.begin(resume=True)
    done = [a.name for a in answers if a.name != measure.REFERENCE]
    assert len(done) == 13
    second = KnownDevice(Truth())
    found = asked(tmp_path, second, questions, answers, again)
    assert len(found.answers) == 30
    assert sum(line.startswith("run") for line in second.log) == 17 + 2  # and two references
    assert len(found.references) == 4


def test_answers_of_another_device_are_not_mixed_in(tmp_path: Path) -> None:
    Journal(tmp_path / "j", "one").begin(resume=False)
    with pytest.raises(InputError, match="another device or runtime"):
        Journal(tmp_path / "j", "two").begin(resume=True)
    (tmp_path / "j").write_bytes(b"no journal\n")
    with pytest.raises(InputError, match="not a calibration's journal"):
        Journal(tmp_path / "j", "one").begin(resume=True)


def test_when_the_time_is_over_what_there_is_has_been_kept(tmp_path: Path) -> None:
    questions = measure.questions([Dtype.INT8], [1], most_singles=30, nets=False)
    journal = Journal(tmp_path / "j", "f")
    journal.begin(resume=False)
    found = asked(tmp_path, KnownDevice(Truth()), questions, [], journal, budget_s=0)
    assert found.answers == ()
    with pytest.raises(ProfileError, match="nothing was measured"):
        make.make(found, PROFILE, INFO, "f", "2026-11-24T00:00:00+00:00")


def test_what_was_measured_while_others_ran_is_measured_again(tmp_path: Path) -> None:
    (question,) = measure.questions([Dtype.INT8], [1], most_singles=None, nets=False)[:1]
    device = KnownDevice(Truth())
    calm, seen = device._answer, []

    def busy(case: Case) -> RawOutput:
        raw = calm(case)
        body = json.loads(raw.stdout)
        seen.append(case.case_id)
        if len(seen) == 2:  # the first is the reference
            body["measurement"]["run_queue_wait_ns"] = body["measurement"]["cpu_ns"]
        return msgspec.structs.replace(raw, stdout=json.dumps(body))

    device._answer = busy
    journal = Journal(tmp_path / "j", "f")
    journal.begin(resume=False)
    found = asked(tmp_path, device, [question], [], journal)
    assert len(seen) == 4
    assert [a.wait_ratio for a in found.answers] == [0.0]


@pytest.mark.parametrize(
    ("name", "aggregate", "wait_us", "expected"),
    [
        ("single", {"p5_us": 90, "p50_us": 110, "avg_us": 200.0}, 0, 100),
        ("single", {"p5_us": 90, "p50_us": 110, "avg_us": 200.0}, 900, 90),
        ("single", {"min_us": 80, "avg_us": 120.0}, 0, 100),  # what older tools tell
        ("single", {"avg_us": 120.5}, 900, 120.5),
        ("network@96x96", {"p5_us": 90, "p50_us": 110, "avg_us": 200.0}, 0, 110),
        ("network@96x96", {"p5_us": 90, "p50_us": 110, "avg_us": 200.0}, 900, 90),
    ],
)
def test_of_a_summary_the_answer_is_what_the_invokes_would_have_told(
    name: str, aggregate: dict[str, Any], wait_us: int, expected: float
) -> None:
    question = Question(name, Dtype.INT8, 1, "@" in name)
    told = Measurement(
        init_latency_us=None,
        first_invoke_latency_us=None,
        warmup_invokes=None,
        placement=None,
        invokes=InvokeAggregate(count=30, **aggregate),
        cpu_time_us=1000,
        run_queue_wait_us=wait_us,
    )
    found = answer_of(question, told)
    assert isinstance(found, Answer)
    assert found.latency_us == expected
    assert found.wait_ratio == wait_us / 1000


def test_a_model_that_cannot_be_measured_is_told_and_left_out(tmp_path: Path) -> None:
    questions = measure.questions([Dtype.INT8], [1], most_singles=12, nets=False)[:2]
    device = KnownDevice(Truth())
    device._answer = lambda _: capture("host/killed")
    told: list[str] = []
    found = measure.ask(
        device,
        questions,
        [],
        tmp_path,
        ManualClock(),
        budget_s=100,
        rounds=0,
        on_answer=lambda _: None,
        on_trouble=told.append,
    )
    assert found.answers == ()
    assert len(told) == 3
    assert told[1].startswith(questions[0].name)


# -- what cannot be true


def test_a_core_that_is_faster_than_it_can_be_is_refused() -> None:
    truth = Truth(seed=7)
    fast = [
        msgspec.structs.replace(k, latency_us=k.latency_us / 8)
        for k in known(truth, Dtype.FP32, 0.003)
    ]
    with pytest.raises(ProfileError, match=r"GMAC/s, and 1 thread\(s\) of known reach 32.0"):
        fit.fit(fast, [], Dtype.FP32, 1, PROFILE, CACHES)


def test_a_handful_of_answers_is_no_calibration() -> None:
    with pytest.raises(ProfileError, match="11 operators were measured in int8"):
        fit.fit(known(Truth(), Dtype.INT8, 0.003)[:11], [], Dtype.INT8, 1, PROFILE, CACHES)


# -- the file


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    truth = Truth(seed=2)
    answers = tuple(
        Answer(name=k.name, dtype=d, threads=1, latency_us=k.latency_us, invokes=30)
        for d in DTYPES
        for k in known(truth, d, 0.005)
    )
    found = measure.Asked(answers, (100.0, 101.0))
    return make.make(found, PROFILE, INFO, "f", "2026-11-24T00:00:00+00:00")


def test_a_calibration_is_read_back_as_it_was(tmp_path: Path, calibration: Calibration) -> None:
    path = tmp_path / "a" / "known-1.json"
    document.save(calibration, path)
    assert document.load(path) == calibration
    assert [p.name for p in path.parent.iterdir()] == ["known-1.json"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda body: body[: len(body) // 2], "not a calibration"),
        (lambda body: b"\xff\xfe" + body, "not a calibration"),
        (lambda body: b"[" * 100_000, "not a calibration"),
        (lambda body: body.replace(b'"schema_version": 2', b'"schema_version": 9'), "got 9"),
        (lambda body: body.replace(b'"macs": 0.', b'"macs": -0.', 1), "negative price"),
        (lambda body: body.replace(b'"scale_ratio": 1.0', b'"scale_ratio": 77.0'), "impossible"),
        (lambda body: body.replace(b'"created_at"', b'"created"'), "not a calibration"),
    ],
)
def test_a_damaged_calibration_is_an_error_that_names_the_file(
    tmp_path: Path, calibration: Calibration, damage: object, words: str
) -> None:
    path = tmp_path / "known-1.json"
    document.save(calibration, path)
    body = path.read_bytes()
    damaged = damage(body)  # type: ignore[operator]
    assert damaged != body
    path.write_bytes(damaged)
    with pytest.raises(ProfileError, match=words) as caught:
        document.load(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint is not None


def test_the_newest_calibration_of_the_device_is_found_and_no_other(
    tmp_path: Path, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(tmp_path))
    assert document.find("known", None).calibration is None
    newer = msgspec.structs.replace(
        calibration, fingerprint="g", created_at="2026-12-01T00:00:00+00:00"
    )
    virtual = msgspec.structs.replace(
        newer, fingerprint="v", origin=Origin.EMULATED, created_at="2027-01-01T00:00:00+00:00"
    )
    for each in (calibration, newer, virtual):
        document.save(each, tmp_path / document.file_name("known", each.fingerprint))
    assert document.find("known", None).calibration == newer
    assert document.find("known", "f").calibration == calibration
    assert document.find("known", "nobody").calibration is None
    assert document.find("kno", None) == document.Found(None, None)


def test_neither_a_folder_nor_a_pipe_nor_a_closed_place_is_in_the_way(
    tmp_path: Path, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(tmp_path))
    (tmp_path / "known-folder.json").mkdir()
    os.mkfifo(tmp_path / "known-pipe.json")
    (tmp_path / "known-nowhere.json").symlink_to(tmp_path / "nowhere")
    found = document.find("known", None)
    assert found.calibration is None
    assert len(found.remarks) == 3
    document.save(calibration, tmp_path / "known-1.json")
    assert document.find("known", None) == document.Found(calibration, tmp_path / "known-1.json")
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(tmp_path / "known-1.json" / "below"))
    assert document.find("known", None) == document.Found(None, None)


def test_a_file_from_before_the_step_test_is_read_and_says_that_there_is_none(
    tmp_path: Path, calibration: Calibration
) -> None:
    old = msgspec.to_builtins(calibration) | {"schema_version": 1}
    del old["step_test"], old["step_test_remark"]
    path = tmp_path / "old.json"
    path.write_bytes(msgspec.json.encode(old))
    found = document.load(path)
    assert found.step_test is None
    assert found.step_test_remark == heat.NOT_DONE


def test_a_step_test_of_the_calibration_is_what_sustained_load_rests_on(
    calibration: Calibration,
) -> None:
    profile = profiles.load("sd865")
    assert profile.thermal is not None
    found = heat.StepTest(
        chip_c_per_w=4.0,
        chip_j_per_c=1.0,
        skin_c_per_w=3.0,
        skin_j_per_c=60.0,
        ambient_c=24.0,
        sigma_ratio={},
        rms_c=0.3,
        looks=900,
        duration_s=600,
        power_basis="watts of the battery",
    )
    with_it = msgspec.structs.replace(calibration, profile="sd865", step_test=found)
    taken = Oracle(profile, calibration=with_it).profile.thermal
    assert taken is not None
    assert (taken.chip_c_per_w, taken.skin_j_per_c) == (4.0, 60.0)
    assert taken.basis.startswith("two nodes fitted to 10 min of a known device within 0.3 C")
    without = msgspec.structs.replace(with_it, step_test=None)
    assert Oracle(profile, calibration=without).profile.thermal == profile.thermal


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 0}, "expected schema_version"),
        ({"fingerprint": "an older runtime"}, "of another processor or runtime"),
        ({"groups": "?"}, "not a calibration"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_passed_over_with_a_remark(
    tmp_path: Path,
    calibration: Calibration,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(tmp_path))
    own = thiscpu.fingerprint()
    mine = msgspec.structs.replace(calibration, profile="host", fingerprint=own)
    path = tmp_path / document.file_name("host", own)
    path.write_bytes(msgspec.json.encode(msgspec.to_builtins(mine) | change))
    model = str(Path(tmp_path, "single.tflite"))
    Path(model).write_bytes(modelfile.write(singles.singles(Dtype.INT8)[0].model))
    where = ["simulate", model, "--device", "host", "--threads", "1"]
    ran = CliRunner().invoke(qbench, [*where, "--json"], standalone_mode=False)
    assert ran.return_value == 0, ran.output
    (result,) = json.loads(ran.stdout)["results"]
    assert result["tier"] == "S0"
    (remark,) = [w for w in result["warnings"] if w.startswith("calibration passed over")]
    assert str(path) in remark
    assert said in remark
    # Who names the file wants just that one.
    named = CliRunner().invoke(qbench, [*where, "--calibration", str(path)], standalone_mode=False)
    if "fingerprint" in change:
        assert named.return_value == 0, named.output
    else:
        assert isinstance(named.exception, ProfileError)

    document.save(mine, tmp_path / "host-usable.json")  # with one that fits nothing is to be said
    ran = CliRunner().invoke(qbench, [*where, "--json"], standalone_mode=False)
    (result,) = json.loads(ran.stdout)["results"]
    assert "calibration passed over" not in str(result["warnings"])
    assert result["tier"] == "S2"


# -- this machine


def test_this_machine_is_calibrated_in_seconds_and_its_predictions_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBENCH_CALIBRATIONS", str(tmp_path))
    options = ("--precision", "int8", "--singles", "14", "--no-networks", "--budget-s", "30")
    ran = CliRunner().invoke(
        qbench, ["calibrate", "--device", "host", *options, "--json"], standalone_mode=False
    )
    assert ran.return_value == 0, ran.output
    body = json.loads(ran.stdout)
    (group,) = body["groups"]
    assert sum(c["singles"] for c in group["classes"]) == 14
    assert (group["dtype"], group["tier"], group["networks"]) == ("int8", "S2", 0)
    assert str(document.find("host", thiscpu.fingerprint()).path) == body["path"]
    assert not list(tmp_path.glob("*.journal"))
    single = singles.singles(Dtype.INT8)[0]
    path = tmp_path / "model.tflite"
    path.write_bytes(modelfile.write(single.model))
    told = Oracle(profiles.load("host")).foresee(modelfile.read(path), Delegate.CPU, 1).prediction
    assert told.tier is Tier.S2
    assert "calibrated on this machine" in told.basis
    assert told.low_us < told.p50_us < told.high_us
