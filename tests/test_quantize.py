"""Quantizing: each scheme gives what it says, or one line says why not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import classifiers
from qbench import cli, modelfile, models
from qbench.errors import InputError, ModelFileError
from qbench.pipeline.classifier import Classifier
from qbench.pipeline.data import pictures
from qbench.pipeline.quantization import Io, Options, Quantizer, output_path, quantize, rebuilding
from qbench.pipeline.quantization.calibration import choose
from qbench.pipeline.quantization.large_kernels import in_slices
from qbench.pipeline.quantization.second_opinion import cross_check
from qbench.pipeline.quantization.unsigned import with_unsigned_ends
from qbench.pipeline.speckle import speckle_images
from qbench.pipeline.tflite_file import provenance, sign
from qbench.records import Precision

P = Precision
SMALL = next(m.path for m in models.builtin() if m.precision is P.FP32)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Eight made-up pictures of 224x224."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    for index, image in enumerate(speckle_images(8, seed=1)):
        Image.fromarray((image[:, :, 0] * 255).astype(np.uint8)).save(folder / f"{index}.png")
    return pictures(folder)


def logits(path: Path) -> NDArray[np.float64]:
    model = Classifier(path)
    return np.array([model.scores(image)[0] for image in speckle_images(6, seed=99)])


@pytest.mark.parametrize(
    ("scheme", "tolerance", "share"),
    [(P.FP32, 0, 1.0), (P.FP16, 0.1, 0.57), (P.DYNAMIC, 0.8, 0.36), (P.INT8, 0.7, 0.36)],
)
def test_a_scheme_gives_its_precision_its_size_and_nearly_the_same_answers(
    tmp_path: Path, images: tuple[Path, ...], scheme: P, tolerance: float, share: float
) -> None:
    made = quantize(SMALL, Options(scheme=scheme), images, tmp_path / "m.tflite")
    info = modelfile.read(Path(made.path))
    assert info.precision is scheme
    assert info.file_bytes == made.file_bytes < share * SMALL.stat().st_size + 2000
    assert np.abs(logits(Path(made.path)) - logits(SMALL)).max() <= tolerance


def test_int8_is_integer_from_end_to_end_with_a_scale_per_channel(
    tmp_path: Path, images: tuple[Path, ...]
) -> None:
    made = quantize(SMALL, Options(scheme=P.INT8), images, tmp_path / "m.tflite")
    info = modelfile.read(Path(made.path))
    assert {t.dtype for t in info.main.tensors} <= {"int8", "int32"}
    kernels = [info.main.tensors[op.inputs[1]] for op in info.main.ops if op.name == "CONV_2D"]
    assert [k.quantization and k.quantization.channels for k in kernels] == [
        k.shape[0] for k in kernels
    ]


def test_per_tensor_gives_each_kernel_one_scale(tmp_path: Path, images: tuple[Path, ...]) -> None:
    options = Options(scheme=P.INT8, per_channel=False)
    info = modelfile.read(Path(quantize(SMALL, options, images, tmp_path / "m.tflite").path))
    kernels = [info.main.tensors[op.inputs[1]] for op in info.main.ops if op.name == "CONV_2D"]
    assert {k.quantization and k.quantization.channels for k in kernels} == {1}


@pytest.mark.parametrize(("io", "ends"), [(Io.UINT8, "uint8"), (Io.FLOAT, "float32")])
def test_an_int8_model_may_take_and_give_other_types_and_answers_the_same(
    tmp_path: Path, images: tuple[Path, ...], io: Io, ends: str
) -> None:
    plain = quantize(SMALL, Options(scheme=P.INT8), images, tmp_path / "a.tflite")
    other = quantize(SMALL, Options(scheme=P.INT8, io=io), images, tmp_path / "b.tflite")
    info = modelfile.read(Path(other.path))
    assert info.io_dtypes == (ends,)
    assert info.precision is P.INT8
    np.testing.assert_allclose(logits(Path(other.path)), logits(Path(plain.path)), atol=1e-6)


def test_min_and_max_of_all_images_are_the_range(tmp_path: Path, images: tuple[Path, ...]) -> None:
    """The input's range is known: grey values from 0 to 1."""
    made = quantize(SMALL, Options(scheme=P.INT8), images, tmp_path / "m.tflite")
    main = modelfile.read(Path(made.path)).main
    found = main.tensors[main.inputs[0]].quantization
    assert found is not None
    assert found.zero_point == -128
    assert found.scale == pytest.approx(1 / 255, rel=0.01)


def test_the_same_choice_gives_the_same_bytes(tmp_path: Path, images: tuple[Path, ...]) -> None:
    options = Options(scheme=P.INT8, images=4, seed=3)
    sums = {
        hashlib.sha256(
            Path(quantize(SMALL, options, images, tmp_path / name).path).read_bytes()
        ).hexdigest()
        for name in ("a.tflite", "b.tflite")
    }
    assert len(sums) == 1


def test_calibration_images_are_drawn_by_the_seed() -> None:
    paths = tuple(Path(f"{n:03}.png") for n in range(50))
    assert choose(paths, 60, 0) == paths
    drawn = choose(paths, 10, 1)
    assert len(drawn) == 10
    assert list(drawn) == sorted(drawn)
    assert drawn == choose(paths, 10, 1)
    assert drawn != choose(paths, 10, 2)


def test_the_model_and_the_file_beside_it_say_how_it_was_made(
    tmp_path: Path, images: tuple[Path, ...]
) -> None:
    options = Options(scheme=P.INT8, images=5, seed=2, io=Io.UINT8)
    made = quantize(SMALL, options, images, tmp_path / "m.tflite")
    told = json.loads(Path(made.sidecar).read_text(encoding="utf-8"))
    assert told["sha256"] == modelfile.sha256(Path(made.path))
    assert told["source"]["sha256"] == modelfile.sha256(SMALL)
    assert told["calibration"]["images"] == made.calibration_images == 5
    assert len(told["calibration"]["sha256"]) == 64
    assert told["options"] | {"io": "uint8", "images": 5, "seed": 2} == told["options"]
    assert told["tools"]["litert-quantizer"] == "0.11.0"
    inside = provenance(Path(made.path))
    assert inside is not None
    assert inside == {key: told[key] for key in inside}
    info = modelfile.read(Path(made.path))
    assert info.metadata_names.count("qbench_provenance") == 1
    assert info.description.startswith("smallcnn int8: ")


def test_constants_that_the_quantizer_puts_behind_the_tables_are_kept(
    tmp_path: Path, images: tuple[Path, ...]
) -> None:
    """It does so with larger models; here the file is made so from one that has them inside."""
    made = quantize(SMALL, Options(scheme=P.INT8), images, tmp_path / "inside.tflite")
    inside = Path(made.path).read_bytes()
    outside = with_constants_behind(inside)
    (tmp_path / "outside.tflite").write_bytes(outside)
    np.testing.assert_array_equal(
        logits(tmp_path / "outside.tflite"), logits(tmp_path / "inside.tflite")
    )
    (tmp_path / "signed.tflite").write_bytes(sign(outside, "x", {}))
    (tmp_path / "unsigned.tflite").write_bytes(with_unsigned_ends(outside))
    for name in ("signed", "unsigned"):
        np.testing.assert_allclose(
            logits(tmp_path / f"{name}.tflite"), logits(tmp_path / "inside.tflite"), atol=1e-6
        )


def with_constants_behind(content: bytes) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    moved = [b for b in model.buffers if b.data is not None and len(b.data) > 200]
    data = [bytes(b.data) for b in moved]
    for buffer in moved:
        buffer.data, buffer.offset, buffer.size = None, 2, 2

    def packed() -> bytes:
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    at = -(-len(packed()) // 16) * 16
    tail = b""
    for buffer, content in zip(moved, data, strict=True):
        buffer.offset, buffer.size = at + len(tail), len(content)
        tail += content + b"\0" * (-len(content) % 16)
    tables = packed()
    return tables + b"\0" * (at - len(tables)) + tail


def test_a_kernel_in_slices_gives_the_same_integers() -> None:
    from litert_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor as module
    from litert_quantizer.qtyping import UniformQuantParams

    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((10, 3, 3, 4)).astype(np.float32)
    scale = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) / 127
    zero = np.zeros(scale.shape, np.int64)
    parameters = UniformQuantParams(8, 0, scale, zero)
    whole = module.uniform_quantize(kernel, parameters)
    with in_slices(limit_bytes=3 * kernel[0].nbytes):
        np.testing.assert_array_equal(module.uniform_quantize(kernel, parameters), whole)


# Refusals


def refusal(model: Path, out: Path, images: tuple[Path, ...] = (), **more: object) -> str:
    with pytest.raises((InputError, ModelFileError)) as error:
        quantize(model, Options(**{"scheme": P.INT8, **more}), images, out)  # type: ignore[arg-type]
    assert not out.exists()
    return str(error.value)


def test_an_operator_without_an_int8_form_is_named(tmp_path: Path) -> None:
    model = classifiers.brightness(tmp_path / "m-fp32.tflite", extra="FLOOR")
    found = pictures(classifiers.pictures(tmp_path / "set"))
    message = refusal(model, tmp_path / "m-int8.tflite", found)
    assert message.startswith("m-int8.tflite: is not full integer: ")
    assert "FLOOR (operator 2)" in message


def test_int8_without_images_is_refused(tmp_path: Path) -> None:
    assert "int8 needs images" in refusal(SMALL, tmp_path / "m.tflite")


def test_what_is_quantized_already_is_refused(tmp_path: Path) -> None:
    dynamic = next(m.path for m in models.builtin() if m.precision is P.DYNAMIC)
    assert "is dynamic already" in refusal(dynamic, tmp_path / "m.tflite", scheme=P.FP16)


def test_weights_that_are_not_numbers_are_refused_with_the_tensor_s_name(tmp_path: Path) -> None:
    good = classifiers.brightness(tmp_path / "good.tflite", gain=8.0).read_bytes()
    broken = tmp_path / "broken.tflite"
    half = np.float32(4.0).tobytes()
    assert good.count(half) >= 1
    broken.write_bytes(good.replace(half, np.float32(np.nan).tobytes()))
    message = refusal(broken, tmp_path / "m.tflite", scheme=P.FP16)
    assert "weights are broken: 1 of 2 values of t" in message


def test_a_model_is_not_written_over_itself(tmp_path: Path) -> None:
    model = classifiers.brightness(tmp_path / "m.tflite")
    with pytest.raises(InputError, match="would be written over itself"):
        quantize(model, Options(scheme=P.FP32), (), model)


def test_a_damaged_picture_is_named(tmp_path: Path, images: tuple[Path, ...]) -> None:
    (tmp_path / "bad.png").write_bytes(b"x")
    message = refusal(SMALL, tmp_path / "m.tflite", (tmp_path / "bad.png",))
    assert "bad.png: cannot be read as an image" in message


def test_names_follow_the_scheme() -> None:
    assert output_path(Path("a/net-fp32.tflite"), P.INT8, None) == Path("a/net-int8.tflite")
    assert output_path(Path("a/net.tflite"), P.FP16, Path("b")) == Path("b/net-fp16.tflite")


# The second opinion


def test_an_operator_that_tensorflow_cannot_be_handed_is_named(tmp_path: Path) -> None:
    info = modelfile.read(classifiers.brightness(tmp_path / "m-fp32.tflite", extra="FLOOR"))
    with pytest.raises(
        ModelFileError, match=r"FLOOR \(operator 1\) cannot be handed to TensorFlow"
    ):
        rebuilding.function(None, info, lambda index: None)


@pytest.mark.heavy  # TensorFlow starts four times
def test_tflite_converter_gives_what_it_is_asked_for_and_agrees_with_the_quantizer(
    tmp_path: Path, images: tuple[Path, ...]
) -> None:
    pytest.importorskip("tensorflow", reason="not installed: tensorflow-cpu (extra convert)")
    for scheme, io in ((P.DYNAMIC, Io.INT8), (P.FP16, Io.INT8), (P.INT8, Io.UINT8)):
        options = Options(scheme=scheme, io=io, quantizer=Quantizer.TFLITE_CONVERTER)
        made = quantize(SMALL, options, images, tmp_path / f"{scheme}.tflite")
        info = modelfile.read(Path(made.path))
        assert info.precision is scheme
        assert "tensorflow" in json.loads(Path(made.sidecar).read_text())["tools"]
        if scheme is P.INT8:
            assert info.io_dtypes == ("uint8",)
            ours = quantize(SMALL, Options(scheme=scheme), images, tmp_path / "ours.tflite")
            both = cross_check(SMALL, ours, Options(scheme=scheme), images, lambda text: None)
            assert both.agreement_ratio == 1
            assert both.error < 3 * both.other_error + 0.01


def test_comparing_both_without_images_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = classifiers.brightness(tmp_path / "net-fp32.tflite")
    with pytest.raises(SystemExit) as ended:
        cli.main(["quantize", str(model), "--scheme", "fp16", "--cross-check"])
    assert ended.value.code == 2
    assert "--cross-check needs images" in capsys.readouterr().err


# qbench quantize


def test_the_command_makes_all_schemes_and_tells_their_sizes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = classifiers.brightness(tmp_path / "net-fp32.tflite")
    data = classifiers.pictures(tmp_path / "set")
    with pytest.raises(SystemExit) as ended:
        cli.main(["quantize", str(model), "--representative", str(data), "--json"])
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    assert [m["scheme"] for m in told["models"]] == ["dynamic", "fp16", "int8"]
    names = sorted(p.name for p in tmp_path.glob("net-*.tflite"))
    assert names == [f"net-{s}.tflite" for s in ("dynamic", "fp16", "fp32", "int8")]


def test_without_images_the_command_says_which_option_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = classifiers.brightness(tmp_path / "net-fp32.tflite")
    with pytest.raises(SystemExit) as ended:
        cli.main(["quantize", str(model)])
    assert ended.value.code == 2
    assert "--representative" in capsys.readouterr().err
    assert list(tmp_path.glob("net-dynamic*")) == []
