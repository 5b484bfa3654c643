"""Grading models on labelled images: counted right, compared fairly, told with their origin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fakes import classifiers
from fakes.tiny_models import conv_model
from qbench import cli
from qbench.errors import InputError
from qbench.pipeline.classifier import Classifier, InputRange
from qbench.pipeline.data import load
from qbench.pipeline.evaluation import Answer, Subject, answers, examine, grade
from qbench.pipeline.quantization import Options, quantize
from qbench.pipeline.tflite_file import sign
from qbench.pipeline.workers import Pool
from qbench.records import Precision

P = Precision
CLASSES = ("dark", "light")


def subject(network: str, precision: P | None) -> Subject:
    return Subject(network, precision, f"{network}-{precision}.tflite", "0" * 64, 1000)


def told(*rows: tuple[int, float]) -> tuple[Answer, ...]:
    """(label, probability of class 1) per image."""
    return tuple(Answer(f"{n}.png", y, (1 - p, p), 1000 + n) for n, (y, p) in enumerate(rows))


# Counting


def test_a_grade_counts_each_class_and_ranks_the_scores() -> None:
    given = told((1, 0.9), (1, 0.8), (1, 0.3), (0, 0.1), (0, 0.6))
    (one,) = grade({subject("a", P.FP32): given}, CLASSES, "light")
    assert one.confusion == ((1, 1), (1, 2))
    assert (one.accuracy.hits, one.accuracy.trials) == (3, 5)
    assert one.sensitivity is not None
    assert one.specificity is not None
    assert one.sensitivity.ratio == pytest.approx(2 / 3)
    assert one.specificity.ratio == pytest.approx(1 / 2)
    assert one.auc == pytest.approx(5 / 6)
    assert one.latency_us == 1002
    assert one.versus_fp32 is None


def test_the_other_class_may_be_the_one_that_is_looked_for() -> None:
    given = told((1, 0.9), (1, 0.8), (1, 0.3), (0, 0.1), (0, 0.6))
    (one,) = grade({subject("a", P.FP32): given}, CLASSES, "dark")
    assert one.sensitivity is not None
    assert one.sensitivity.ratio == pytest.approx(1 / 2)
    assert one.auc == pytest.approx(5 / 6)


def test_more_than_two_classes_have_accuracy_and_confusion_only() -> None:
    rows = [Answer("a", 2, (0.1, 0.2, 0.7)), Answer("b", 0, (0.1, 0.5, 0.4))]
    (one,) = grade({subject("a", P.FP32): rows}, ("a", "b", "c"), "c")
    assert one.confusion == ((0, 1, 0), (0, 0, 0), (0, 0, 1))
    assert (one.sensitivity, one.specificity, one.auc, one.latency_us) == (None,) * 4


def test_a_scheme_is_compared_with_the_fp32_model_of_its_own_network() -> None:
    labels = [0] * 20 + [1] * 20
    right = [0.1] * 20 + [0.9] * 20
    flipped = [0.9] * 9 + right[9:]
    rows = {
        subject("a", P.FP32): told(*zip(labels, right, strict=True)),
        subject("a", P.INT8): told(*zip(labels, flipped, strict=True)),
        subject("a", P.FP16): told(*zip(labels, right, strict=True)),
        subject("b", P.INT8): told(*zip(labels, flipped, strict=True)),
    }
    fp32, int8, fp16, alone = grade(rows, CLASSES, "light")
    assert fp32.versus_fp32 is None
    assert alone.versus_fp32 is None
    assert int8.versus_fp32 is not None
    assert fp16.versus_fp32 is not None
    assert (int8.versus_fp32.agreement.hits, fp16.versus_fp32.agreement.hits) == (31, 40)
    assert (int8.versus_fp32.only_reference_right, int8.versus_fp32.only_this_right) == (9, 0)
    assert int8.versus_fp32.p_value == pytest.approx(2 * 2 / 2**9)  # twice: Holm, two schemes
    assert fp16.versus_fp32.p_value == 1


# Answering


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifiers.pictures(tmp_path_factory.mktemp("set"), per_class=8, splits=("test",))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifiers.brightness(tmp_path / "net-fp32.tflite")


def test_a_model_that_looks_at_brightness_tells_dark_from_light(data: Path, model: Path) -> None:
    found = load(data, need=("test",))
    one = examine(model, found)
    assert (one.network, one.precision) == ("net", P.FP32)
    given = answers([one], found.splits["test"], InputRange(), Pool(1), lambda done, total: None)
    assert all(answer.is_right for answer in given[one])
    means = [np.mean(np.asarray(_grey(a.image))) / 255 for a in given[one]]
    logits = 8 * (np.array(means) - 0.5)
    expected = 1 / (1 + np.exp(-2 * logits))
    np.testing.assert_allclose([a.probabilities[1] for a in given[one]], expected, atol=1e-4)


def _grey(path: str) -> object:
    from PIL import Image

    return Image.open(path)


def test_several_processes_give_the_same_answers_in_the_same_order(data: Path, model: Path) -> None:
    found = load(data, need=("test",))
    one = examine(model, found)
    moved: list[tuple[int, int]] = []
    found_by = []
    for jobs in (1, 2):
        with Pool(jobs) as pool:
            samples = found.splits["test"]
            given = answers([one], samples, InputRange(), pool, lambda a, b: moved.append((a, b)))
            found_by.append(given)
    alone, many = found_by
    strip = [[(a.image, a.label, a.probabilities) for a in each[one]] for each in (alone, many)]
    assert strip[0] == strip[1]
    assert moved[-1] == (16, 16)


def test_another_input_range_is_what_the_model_sees(model: Path) -> None:
    image = np.full((16, 16, 1), 0.75, np.float32)
    plain = Classifier(model).scores(image)[0]
    wide = Classifier(model, scale=InputRange(-1, 1)).scores(image)[0]
    assert plain[1] == pytest.approx(2.0, abs=1e-5)  # 8 * (0.75 - 0.5)
    assert wide[1] == pytest.approx(0.0, abs=1e-5)  # 8 * (0.5 - 0.5)


def test_a_model_of_other_classes_is_refused(tmp_path: Path, model: Path) -> None:
    root = classifiers.pictures(tmp_path / "three", per_class=2, splits=("test",))
    (root / "test" / "grey").mkdir()
    (root / "test" / "dark" / "1.png").rename(root / "test" / "grey" / "1.png")
    with pytest.raises(InputError, match=r"tells 2 classes, but .* has 3 \(dark, grey, light"):
        examine(model, load(root, need=("test",)))


def test_a_model_that_takes_no_image_is_refused(tmp_path: Path, data: Path) -> None:
    model = conv_model(tmp_path / "conv.tflite")
    with pytest.raises(InputError, match=r"does not (take one image|tell a class)"):
        examine(model, load(data, need=("test",)))


# qbench evaluate


def qbench(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    told = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, told.out, told.err


def test_the_table_says_how_many_images_and_how_sure(
    data: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = qbench(capsys, "evaluate", str(model), "--data", str(data), "--jobs", "1")
    assert (code, err) == (0, "")
    assert "100.0 (81-100)" in out
    assert "16 images of" in out
    assert "SYNTHETIC" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_json_and_answers_hold_all_that_is_told(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answers.jsonl"
    arguments = ("--data", str(data), "--jobs", "1", "--json", "--answers", str(file))
    code, out, _ = qbench(capsys, "evaluate", str(model), *arguments)
    body = json.loads(out)
    assert code == 0
    assert body["data"]["images"] == 16
    assert body["grades"][0]["accuracy"]["hits"] == 16
    assert body["grades"][0]["published_accuracy_other_data"] is None
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 16
    assert {line["label"] for line in lines} == {0, 1}


def test_a_scheme_that_loses_more_than_allowed_is_a_regression(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A half-precision file that calls everything dark is passed off as the same network's."""
    blind = classifiers.brightness(tmp_path / "blind.tflite", gain=0.0)
    made = quantize(blind, Options(scheme=P.FP16), (), tmp_path / "blind-fp16.tflite")
    worse = tmp_path / "net-fp16.tflite"
    worse.write_bytes(sign(Path(made.path).read_bytes(), "test", {"network": "net"}))
    arguments = ("evaluate", str(model), str(worse), "--data", str(data), "--jobs", "1")
    code, out, err = qbench(capsys, *arguments, "--max-drop", "2")
    assert (code, err) == (1, "net fp16: 50.0 points below fp32, more than 2\n")
    assert "50.0 %" in out  # of the answers are those of fp32
    assert qbench(capsys, *arguments, "--max-drop", "60")[0] == 0


def test_wrong_words_are_one_line_each(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--data", str(data))
    for arguments, message in (
        ((str(model), *where, "--positive", "pink"), "--positive pink: is no class of"),
        ((str(tmp_path / "none.tflite"), *where), "none.tflite: cannot be read"),
        ((str(data), *where), "there is no .tflite file in this folder"),
        ((str(model), "--data", str(tmp_path / "none")), "is not a folder of images"),
        ((str(model), *where, "--split", "val"), "has no folder val/"),
    ):
        code, out, err = qbench(capsys, "evaluate", *arguments)
        assert (code, out) == (2, "")
        assert message in err
