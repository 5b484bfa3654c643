"""Looking inside quantized networks: numbers that can be checked by hand, one page that has all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from fakes import classifiers
from qbench import cli, modelfile, models
from qbench.errors import InputError
from qbench.pipeline.analysis import front, maps, noise, pairing, points, weights
from qbench.pipeline.classifier import InputRange
from qbench.pipeline.data import load
from qbench.pipeline.evaluation import Answer, Subject, grade
from qbench.pipeline.quantization import Options, quantize
from qbench.records import Origin, Precision

P = Precision
BUILTIN = {m.precision: m.path for m in models.builtin()}
SCALE = InputRange()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with net-fp32, net-fp16, net-int8, and `set`, a data set."""
    folder = tmp_path_factory.mktemp("made")
    data = classifiers.pictures(folder / "set", per_class=5)
    source = classifiers.brightness(folder / "net-fp32.tflite")
    pictures = tuple(Path(s.path) for s in load(data, need=()).splits["val"])
    for scheme in (P.FP16, P.INT8):
        quantize(source, Options(scheme=scheme), pictures, folder / f"net-{scheme}.tflite")
    return folder


def subject(network: str, precision: P) -> Subject:
    return Subject(network, precision, f"{network}-{precision}", "0" * 64, 1000)


# Confidences


def test_a_cloud_says_how_far_confidences_moved_and_who_changed_class() -> None:
    fp32 = [Answer("a", 1, (0.2, 0.8)), Answer("b", 0, (0.6, 0.4)), Answer("c", 1, (0.45, 0.55))]
    int8 = [Answer("a", 1, (0.1, 0.9)), Answer("b", 0, (0.6, 0.4)), Answer("c", 1, (0.55, 0.45))]
    rows = {subject("n", P.FP32): fp32, subject("n", P.INT8): int8}
    (cloud,) = points.clouds(rows, 1)
    assert [(p.x, p.y) for p in cloud.points] == [(0.8, 0.9), (0.4, 0.4), (0.55, 0.45)]
    assert cloud.shift == pytest.approx(0.0)
    assert cloud.spread == pytest.approx(np.std([0.1, 0, -0.1]))
    assert cloud.largest == pytest.approx(0.1)
    assert (cloud.flips, [p.is_flip for p in cloud.points]) == (1, [False, False, True])
    (of_truth,) = points.clouds(rows, None)
    assert of_truth.points[1].x == pytest.approx(0.6)


def test_a_model_without_its_fp32_form_has_no_cloud() -> None:
    assert points.clouds({subject("n", P.INT8): [Answer("a", 0, (0.5, 0.5))]}, 1) == ()


# Layers


def test_layers_are_paired_across_the_operators_that_only_change_types() -> None:
    fp32 = modelfile.read(BUILTIN[P.FP32])
    for precision in (P.FP16, P.DYNAMIC, P.INT8):
        layers = pairing.pair(fp32, modelfile.read(BUILTIN[precision]))
        ops = [op.label for op in fp32.main.ops]
        assert [layer.op for layer in layers] == ops
        assert sum(layer.weights is not None for layer in layers) == 12


def test_other_networks_are_not_compared(made: Path) -> None:
    ours, theirs = modelfile.read(BUILTIN[P.FP32]), modelfile.read(made / "net-int8.tflite")
    with pytest.raises(InputError, match="has other operators than"):
        pairing.pair(ours, theirs)


def pictures_of(made: Path) -> list[Path]:
    return [Path(s.path) for s in load(made / "set", need=()).splits["test"]]


def test_noise_of_a_model_against_itself_is_none(made: Path) -> None:
    same = made / "net-fp32.tflite"
    found = noise.measure(same, same, pictures_of(made), SCALE)
    assert {layer.sqnr_db for layer in found.layers} == {noise.EXACT_DB}
    assert [layer.cosine for layer in found.layers] == pytest.approx([1.0] * 3)


def test_noise_of_an_input_in_256_steps_is_what_theory_says(made: Path) -> None:
    """Steps of s make an error of power s^2 / 12."""
    from qbench.pipeline.data import images

    pictures = [Path(s.path) for s in load(made / "set", need=()).splits["val"]]
    found = noise.measure(made / "net-fp32.tflite", made / "net-int8.tflite", pictures, SCALE)
    main = modelfile.read(made / "net-int8.tflite").main
    quantization = main.tensors[main.inputs[0]].quantization
    assert quantization is not None
    values = np.stack([images.read(p, 16, 16, 1) for p in pictures])
    expected_db = 10 * np.log10((values**2).mean() / (quantization.scale**2 / 12))
    assert found.input_db == pytest.approx(expected_db, abs=3)
    assert found.images == 10


def test_half_precision_is_less_noisy_than_int8(made: Path) -> None:
    half, int8 = (
        noise.measure(made / "net-fp32.tflite", made / f"net-{p}.tflite", pictures_of(made), SCALE)
        for p in (P.FP16, P.INT8)
    )
    assert half.layers[-1].sqnr_db > int8.layers[-1].sqnr_db + 10


def test_the_layer_that_adds_most_noise_is_the_worst_and_not_the_one_that_has_most() -> None:
    def layer(name: str, before_db: float, sqnr_db: float) -> noise.LayerNoise:
        added = 10 ** (-sqnr_db / 10) - 10 ** (-before_db / 10)
        return noise.LayerNoise(name, "CONV_2D", sqnr_db, 1.0, before_db, added)

    layers = (layer("a", 160, 40), layer("b", 40, 20), layer("c", 20, 19.9))
    assert noise.Noise("m", 1, 160, layers).worst.name == "b"


# Weights


def test_histograms_count_every_weight(made: Path) -> None:
    whole, conv, dense = weights.histograms(made / "net-fp32.tflite", made / "net-int8.tflite")
    assert (whole.name, whole.count, conv.count, dense.count) == (weights.WHOLE, 44, 36, 8)
    for one in (whole, conv, dense):
        assert sum(one.fp32.counts) == sum(one.quantized.counts) == one.count
        assert len(one.quantized.counts) == 255
    # One weight of each kernel is not zero, and it is the kernel's largest.
    assert conv.quantized.counts[127] == 32
    assert conv.quantized.counts[-1] == 4
    assert conv.edge_ratio == pytest.approx(4 / 36)


def test_histograms_hold_the_integers_that_the_file_has() -> None:
    whole, *layers = weights.histograms(BUILTIN[P.FP32], BUILTIN[P.INT8])
    assert whole.count == sum(layer.count for layer in layers)
    info = modelfile.read(BUILTIN[P.INT8])
    reader = Interpreter(
        model_path=str(BUILTIN[P.INT8]),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    first = next(op for op in info.main.ops if op.name in pairing.WEIGHTED)
    kernel = reader.get_tensor(first.inputs[1])
    expected = [int((kernel == v).sum()) for v in range(-127, 128)]
    assert list(layers[0].quantized.counts) == expected


def test_half_precision_has_no_integers_to_show(made: Path) -> None:
    assert weights.histograms(made / "net-fp32.tflite", made / "net-fp16.tflite") == ()


# Feature maps


def test_maps_show_both_convolutions_and_tell_how_large_the_difference_is(made: Path) -> None:
    import io

    from PIL import Image

    found = maps.maps(
        made / "net-fp32.tflite", made / "net-int8.tflite", pictures_of(made)[0], SCALE
    )
    assert [m.slug for m in found] == [
        "feature-maps-first", "filters-first", "feature-maps-last", "filters-last",
    ]  # fmt: skip
    for one in found:
        assert 0 <= one.error_ratio < 0.02
        with Image.open(io.BytesIO(one.png)) as image:
            assert image.size[0] > 400


# The front


def test_the_front_is_what_nothing_beats_within_one_device_and_origin() -> None:
    good, bad = [Answer("a", 1, (0.2, 0.8))], [Answer("a", 1, (0.8, 0.2))]
    rows = {subject("n", P.FP32): good, subject("n", P.INT8): good, subject("n", P.FP16): bad}
    grades = grade(rows, ("x", "y"), "y")

    def timing(precision: P, p50_us: int, origin: Origin = Origin.HOST) -> front.Timing:
        return front.Timing(
            path=f"n-{precision}", delegate="cpu", device="d", origin=origin, p50_us=p50_us,
            band=None,
        )  # fmt: skip

    spots = front.spots(
        grades,
        [
            timing(P.FP32, 30),
            timing(P.INT8, 20),
            timing(P.FP16, 25),
            timing(P.FP32, 1, Origin.SIMULATED),
        ],
    )
    best = {(s.grade.subject.precision, s.timing.origin) for s in spots if s.is_best}
    assert best == {(P.INT8, Origin.HOST), (P.FP32, Origin.SIMULATED)}


# qbench analyze


def test_one_page_has_everything_and_loads_nothing(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    arguments = ("--data", str(made / "set"), "--out", str(out), "--jobs", "1")
    with pytest.raises(SystemExit) as ended:
        cli.main(["analyze", str(made), *arguments])
    assert not ended.value.code
    told = capsys.readouterr().out
    assert "net int8: hurts most in" in told
    page = (out / "report.html").read_text(encoding="utf-8")
    for word in ("Confidence, image by image", "Where it hurts", "Weights", "SIMULATED"):
        assert word in page
    assert "SYNTHETIC" not in page
    without_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    sources = re.findall(r"(?:src|href)=['\"]?([^'\" >]+)", without_scripts)
    outside = {source.partition(",")[0] for source in sources if not source.startswith("#")}
    assert outside == {"data:image/png;base64"}
    assert "<script src" not in page
    body = json.loads((out / "analysis.json").read_text(encoding="utf-8"))
    assert [layer["model"] for layer in body["layers"]] == ["net fp16", "net int8"]
    assert {spot["timing"]["origin"] for spot in body["front"]} == {"host", "simulated"}
    assert len(list(out.glob("*.png"))) == 4


def test_models_without_an_fp32_form_are_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", str(made / "set"), "--out", str(tmp_path / "r"), "--jobs", "1")
    with pytest.raises(SystemExit) as ended:
        cli.main(["analyze", str(made / "net-int8.tflite"), *arguments])
    assert ended.value.code == 2
    assert "nothing to compare" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
