"""The models that have a name: the built-in files, finding them, and `qbench models`."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qbench import cli, modelfile, models
from qbench.errors import InputError
from qbench.pipeline.speckle import speckle_images
from qbench.pipeline.tflite_file import provenance
from qbench.records import Precision

BUILTIN = models.builtin()
P = Precision


def path_of(precision: Precision) -> Path:
    return next(m.path for m in BUILTIN if m.precision is precision)


def logits(path: Path, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """What LiteRT answers, [n, 2], with int8 quantized on the way in and back on the way out."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    answers = []
    for image in images:
        if taken["dtype"] == np.int8:
            scale, zero = taken["quantization"]
            image = np.clip(np.round(image / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(taken["index"], image[None])
        interpreter.invoke()
        answer = interpreter.get_tensor(given["index"])[0].astype(np.float64)
        if given["dtype"] == np.int8:
            scale, zero = given["quantization"]
            answer = (answer - zero) * scale
        answers.append(answer)
    return np.array(answers)


def qbench(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    told = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, told.out, told.err


# The files


def test_the_built_in_files_are_those_that_the_script_recorded() -> None:
    sums = path_of(P.FP32).with_name("SHA256SUMS").read_text(encoding="utf-8")
    recorded = {name: digest for digest, name in (line.split() for line in sums.splitlines())}
    found = {m.path.name: hashlib.sha256(m.path.read_bytes()).hexdigest() for m in BUILTIN}
    assert found == recorded


def test_the_built_in_files_are_small_enough_to_travel() -> None:
    assert sum(m.path.stat().st_size for m in BUILTIN) < 1_000_000


@pytest.mark.parametrize("model", BUILTIN, ids=lambda m: m.path.stem)
def test_a_built_in_file_is_of_its_precision_and_says_what_it_was_trained_on(
    model: models.NamedModel,
) -> None:
    info = modelfile.read(model.path)
    assert info.precision is model.precision
    assert re.fullmatch(
        rf"smallcnn {model.precision}: trained on SYNTHETIC data, 9\d\.\d % of 200 right; "
        "scripts/make_models",
        info.description,
    )
    told = provenance(model.path)
    assert told is not None
    accuracy = told["test_accuracy"]
    assert f"{accuracy['hits'] / accuracy['images']:.1%}".replace("%", " %") in info.description
    assert info.signature_names == ("serving_default",)
    ops = [op.name for op in info.main.ops if op.name != "DEQUANTIZE"]
    assert sorted(ops) == sorted(
        ["CONV_2D"] * 10
        + ["ADD"] * 4
        + ["PAD"] * 3
        + ["DEPTHWISE_CONV_2D", "MAX_POOL_2D", "MEAN", "FULLY_CONNECTED"]
    )
    assert info.macs == 53_186_688


def test_the_int8_file_is_integer_from_input_to_output() -> None:
    info = modelfile.read(path_of(P.INT8))
    assert info.io_dtypes == ("int8",)
    assert {t.dtype for t in info.main.tensors} == {"int8", "int32"}
    constants = {t.index for t in info.main.tensors if t.is_constant}
    for op in info.main.ops:
        flowing = {*op.inputs, *op.outputs} - constants - {-1}
        assert {info.main.tensors[i].dtype for i in flowing} == {"int8"}, op.label


@pytest.mark.parametrize(
    ("precision", "tolerance"), [(P.FP16, 0.1), (P.DYNAMIC, 0.4), (P.INT8, 1.0)]
)
def test_a_quantized_file_answers_nearly_as_the_fp32_one(
    precision: Precision, tolerance: float
) -> None:
    images = speckle_images(8, seed=99)
    expected, found = logits(path_of(P.FP32), images), logits(path_of(precision), images)
    assert expected.std(axis=0).min() > 0.3  # the answer depends on the image
    assert np.abs(found - expected).max() < tolerance


def test_no_activation_fades_explodes_or_is_denormal() -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path_of(P.FP32)),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], speckle_images(1, seed=7))
    interpreter.invoke()
    info = modelfile.read(path_of(P.FP32))
    for op in info.main.ops:
        values = np.abs(interpreter.get_tensor(op.outputs[0]))
        assert 0.1 < values.max() < 100, op.label
        assert not ((values > 0) & (values < np.finfo(np.float32).tiny)).any(), op.label


# Finding them


def test_a_built_in_name_gives_its_files_in_the_order_asked_for() -> None:
    found = models.resolve("smallcnn", (P.INT8, P.FP32))
    assert [p.name for p in found] == ["smallcnn-int8.tflite", "smallcnn-fp32.tflite"]
    assert all(p.is_file() for p in found)


def test_a_built_in_name_alone_gives_all_four_precisions() -> None:
    assert models.resolve("smallcnn") == tuple(m.path for m in BUILTIN)


def fill_cache(folder: Path, names: Sequence[str]) -> dict[str, str]:
    cache = folder / "qbench" / "models"
    cache.mkdir(parents=True)
    for name in names:
        (cache / name).write_bytes(b"")
    return {"XDG_CACHE_HOME": str(folder)}


def test_a_built_network_is_found_in_the_cache_folder(tmp_path: Path) -> None:
    environ = fill_cache(tmp_path, ["vgg16-fp32.tflite", "vgg16-int8.tflite"])
    cache = tmp_path / "qbench" / "models"
    assert models.resolve("vgg16", (P.INT8,), environ) == (cache / "vgg16-int8.tflite",)
    assert [p.name for p in models.resolve("vgg16", (), environ)] == [
        "vgg16-fp32.tflite",
        "vgg16-int8.tflite",
    ]


def test_a_network_that_is_not_built_is_refused_with_the_command_that_builds_it(
    tmp_path: Path,
) -> None:
    environ = fill_cache(tmp_path, ["resnet34-fp32.tflite"])
    with pytest.raises(InputError, match="resnet34: it is not built yet as int8, fp16") as error:
        models.resolve("resnet34", (P.FP32, P.INT8, P.FP16), environ)
    assert error.value.hint == "qbench models build resnet34 --precision int8 --precision fp16"
    with pytest.raises(InputError, match=r"googlenet: it is not built yet$") as error:
        models.resolve("googlenet", (), environ)
    assert error.value.hint == "qbench models build googlenet"


@pytest.mark.parametrize(
    ("typed", "meant"), [("smalcnn", "smallcnn"), ("VGG-16", "vgg16"), ("resnet50", "resnet34")]
)
def test_an_unknown_name_is_refused_with_the_closest_one(typed: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"{typed}: there is no such file") as error:
        models.resolve(typed)
    assert error.value.hint == f"did you mean {meant}? qbench models list shows all"


def test_a_name_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(InputError) as error:
        models.resolve("zzz")
    assert error.value.hint == "qbench models list shows all"


def test_a_precision_that_no_model_has_is_refused() -> None:
    with pytest.raises(InputError, match="smallcnn: there is no mixed version of it"):
        models.resolve("smallcnn", (P.MIXED,))


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_an_unset_or_relative_cache_setting_means_the_home_folder(value: str) -> None:
    expected = Path.home() / ".cache" / "qbench" / "models"
    assert models.cache_dir({"XDG_CACHE_HOME": value}) == models.cache_dir({}) == expected


def test_finding_models_imports_nothing_heavy() -> None:
    code = (
        "import sys; from qbench import models; models.resolve('smallcnn');"
        "print([m for m in ('numpy', 'tensorflow', 'ai_edge_litert', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# qbench models


def test_the_list_shows_what_travels_and_what_has_to_be_built(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = qbench(capsys, "models", "list")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["smallcnn", "int8", "built-in", "145", "kB", "53.2", "M"] in rows
    assert ["vgg16", "fp32", "not", "built", "-", "-"] in rows
    assert "weights of the others are random" in out


def test_the_list_as_json_has_null_for_what_is_not_there_and_names_damaged_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    damaged = models.cache_dir() / "googlenet-int8.tflite"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"not a model")
    code, out, _ = qbench(capsys, "models", "list", "--json")
    assert code == 0
    entries = {(e["name"], e["precision"]): e for e in json.loads(out)["models"]}
    assert len(entries) == 16
    absent = entries["vgg16", "int8"]
    assert (absent["state"], absent["file_bytes"], absent["macs"]) == ("not built", None, None)
    assert entries["googlenet", "int8"]["state"] == "damaged"
    assert "googlenet-int8.tflite" in entries["googlenet", "int8"]["description"]
    assert entries["smallcnn", "fp32"]["macs"] == 53_186_688


def test_building_without_tensorflow_is_one_line_and_the_install_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # Python's own way to bar an import
    code, out, err = qbench(capsys, "models", "build", "vgg16", "--precision", "int8")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: qbench models build: needs TensorFlow, which is not installed",
        'hint: pip install "tflite-qbench[convert]"  '
        "(in a checkout: pip install -e '.[convert]')",
    ]
