"""Building models: what needs no TensorFlow, then (heavy) the networks themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qbench import modelfile, models
from qbench.errors import InputError, ModelFileError
from qbench.pipeline.build import build, describe
from qbench.pipeline.speckle import speckle_images
from qbench.pipeline.tflite_file import METADATA_NAME, put, sign
from qbench.records import Precision

P = Precision
BUILTIN = {m.precision: m.path for m in models.builtin()}


def silent(text: str) -> None:
    raise AssertionError(f"nothing was to be done, but: {text}")


# Images


def test_made_up_images_depend_on_the_seed_and_the_index_alone() -> None:
    images = speckle_images(3, seed=5)
    assert images.shape == (3, 224, 224, 1)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images[:2], speckle_images(2, seed=5))
    assert not np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], speckle_images(1, seed=6)[0])


def test_made_up_images_use_the_range_of_a_grey_image() -> None:
    images = speckle_images(4, seed=0)
    assert images.min() >= 0
    assert images.max() == 1
    assert 0.05 < images.std() < 0.4
    assert 0.2 < images.mean() < 0.8


# Finishing a file


def constant_alignments(content: bytes) -> set[int]:
    """Where the file's constant data starts, modulo 16 bytes."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    tables = [model.Buffers(i)._tab for i in range(model.BuffersLength())]
    data_field = 4
    return {t.Vector(t.Offset(data_field)) % 16 for t in tables if t.Offset(data_field)}


def test_signing_adds_the_description_and_metadata_and_changes_no_answer(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    content = BUILTIN[P.FP32].read_bytes()
    signed = sign(content, "who made it", {"seed": 3})
    path = tmp_path / "signed.tflite"
    path.write_bytes(signed)
    info, before = modelfile.read(path), modelfile.read(BUILTIN[P.FP32])
    assert info.description == "who made it"
    assert info.metadata_names == before.metadata_names  # its own is replaced
    assert info.metadata_names.count(METADATA_NAME) == 1
    assert info.main == before.main
    assert b'{"seed": 3}' in signed

    answers = []
    for model in (content, signed):
        interpreter = Interpreter(model_content=model)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], speckle_images(1, 0))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*answers)


def test_constant_data_is_aligned_as_the_schema_asks() -> None:
    for path in BUILTIN.values():
        assert constant_alignments(path.read_bytes()) == {0}


def test_a_file_lands_whole_under_its_name(tmp_path: Path) -> None:
    content = BUILTIN[P.INT8].read_bytes()
    put(tmp_path / "a.tflite", content, P.INT8)
    assert (tmp_path / "a.tflite").read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["a.tflite"]


def test_a_file_of_another_precision_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(b"old")
    message = "a.tflite: the converter was asked for int8 and gave dynamic, with float32"
    with pytest.raises(ModelFileError, match=message):
        put(path, BUILTIN[P.DYNAMIC].read_bytes(), P.INT8)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tflite"]


def test_a_folder_that_is_not_there_is_an_input_error_and_not_a_bug(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        put(tmp_path / "none" / "a.tflite", BUILTIN[P.INT8].read_bytes(), P.INT8)


# Deciding what to build


def put_described(folder: Path, description: str) -> Path:
    path = folder / "smallcnn-int8.tflite"
    path.write_bytes(sign(BUILTIN[P.INT8].read_bytes(), description, {}))
    return path


def test_a_file_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    path = put_described(tmp_path, describe("smallcnn", P.INT8, 4, "somebody"))
    before = path.stat().st_mtime_ns
    assert build("smallcnn", [P.INT8], 4, tmp_path, silent, made_by="somebody") == (path,)
    assert path.stat().st_mtime_ns == before


def test_a_file_from_another_seed_is_not_passed_off_as_the_one_asked_for(tmp_path: Path) -> None:
    put_described(tmp_path, describe("smallcnn", P.INT8, 4, "somebody"))
    with pytest.raises(InputError, match=r"is there already.*somebody seed 4") as error:
        build("smallcnn", [P.INT8], 5, tmp_path, silent, made_by="somebody")
    assert error.value.hint == "--force replaces it"


def test_an_unknown_network_or_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'alexnet': there is no such network"):
        build("alexnet", [P.FP32], 0, tmp_path, silent)
    with pytest.raises(InputError, match="vgg16: cannot be built as mixed"):
        build("vgg16", [P.MIXED], 0, tmp_path, silent)


def test_a_folder_that_cannot_be_written_is_found_out_before_the_work(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(InputError, match=r"file/x: models cannot be written there: Not a dir"):
        build("vgg16", [P.FP32], 0, blocked / "x", silent)


# The networks (need the extra `convert`)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "gmac", "weight_mb", "convolutions"),
    # The study's figures, rounded to two digits after the point; its networks' convolutions.
    [
        ("vgg16", 16.21, "77.7", 14),
        ("googlenet", 1.97, "61.6", 58),
        ("resnet34", 3.59, "85.1", 36),
    ],
)
def test_a_network_of_the_study_has_its_size_and_work_in_every_precision(
    name: str, gmac: float, weight_mb: str, convolutions: int, tmp_path: Path
) -> None:
    told: list[str] = []
    paths = build(name, models.PRECISIONS, 0, tmp_path, told.append)
    assert len(told) == 5
    for path, precision in zip(paths, models.PRECISIONS, strict=True):
        info = modelfile.read(path)
        assert info.precision is precision
        assert info.macs is not None
        assert info.macs / 1e9 == pytest.approx(gmac, rel=0.003)
        ops = [op.name for op in info.main.ops]
        assert ops.count("CONV_2D") == convolutions
        assert set(ops) - {"ADD", "CONCATENATION", "DEQUANTIZE"} == {
            "CONV_2D",
            "FULLY_CONNECTED",
            "MAX_POOL_2D",
            "MEAN",
        }
        assert ("DEQUANTIZE" in ops) == (precision is P.FP16)
        assert info.main.tensors[info.main.inputs[0]].shape == (1, 224, 224, 1)
        assert info.signature_names == ("serving_default",)
        if precision is P.FP32:
            assert f"{info.weight_bytes / 1e6:.1f}" == weight_mb
