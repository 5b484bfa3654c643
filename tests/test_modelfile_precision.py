"""The precision class of models."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from models.builder import Graph, Model, options
from models.make_fixtures import FOLDER
from models.real import face_detection_models
from qbench.modelfile import read
from qbench.records import ModelInfo, Precision


def _fixture(name: str) -> ModelInfo:
    return read(FOLDER / f"{name}.tflite")


def _written(graph_of: Callable[[Graph], None], folder: Path) -> Path:
    model = Model()
    graph_of(model.graph())
    path = folder / "made.tflite"
    path.write_bytes(model.file())
    return path


@pytest.mark.parametrize(
    ("name", "precision", "io_dtypes"),
    [
        ("cnn_fp32", Precision.FP32, ("float32",)),
        ("cnn_fp16", Precision.FP16, ("float32",)),
        ("cnn_dynamic", Precision.DYNAMIC, ("float32",)),
        ("cnn_int8", Precision.INT8, ("int8",)),
        ("cnn_uint8", Precision.INT8, ("uint8",)),
        ("cnn_int8_float_io", Precision.INT8, ("float32",)),
        ("cnn_int8_float_tail", Precision.INT8, ("int8", "float32")),
        ("custom_op", Precision.INT8, ("uint8", "float32")),
        ("float_island", Precision.MIXED, ("int8",)),
        ("activations_int16", Precision.MIXED, ("int16",)),
        ("weights_int4", Precision.MIXED, ("float32",)),
        ("blockwise", Precision.MIXED, ("float32",)),
        ("sparse", Precision.FP16, ("float32",)),
        ("value_sized", Precision.FP32, ("float32",)),
        ("control_flow", Precision.FP32, ("int32", "float32")),
        ("recurrent", Precision.FP32, ("float32",)),
        ("state", Precision.FP32, ("float32",)),
    ],
)
def test_the_precision_of(name: str, precision: Precision, io_dtypes: tuple[str, ...]) -> None:
    model = _fixture(name)
    assert model.precision == precision
    assert model.io_dtypes == io_dtypes


def test_the_precision_of_models_that_others_made() -> None:
    precisions = {path.stem: read(path).precision for path in face_detection_models()}
    float32 = {"face_landmark", "iris_landmark"}
    assert {name for name, p in precisions.items() if p == Precision.FP32} == float32
    assert {p for name, p in precisions.items() if name not in float32} == {Precision.FP16}


def _dense(
    graph: Graph, x: int, kind: str, size: tuple[int, int] = (4, 4), scale: float | None = None
) -> int:
    weights = graph.weights(size[::-1], kind, scale=scale)
    if kind == "float16":
        weights = graph.op("DEQUANTIZE", [weights], [graph.tensor(size[::-1])])
    y = graph.tensor([1, size[1]])
    return graph.op("FULLY_CONNECTED", [x, weights, -1], [y], options("FullyConnectedOptions"))


@pytest.mark.parametrize(
    ("kinds", "precision"),
    [
        (["float32", "float32"], Precision.FP32),
        (["float16", "float16"], Precision.FP16),
        (["float16", "float32"], Precision.FP16),
        (["int8", "float32"], Precision.DYNAMIC),
        (["int8", "float32", "float32"], Precision.MIXED),
        (["float16", "float32", "float32"], Precision.MIXED),
        (["float16", "int8"], Precision.MIXED),
        (["uint8", "uint8"], Precision.DYNAMIC),
        (["int16", "int16"], Precision.MIXED),
    ],
)
def test_weights_of_several_kinds_count_by_their_number(
    kinds: list[str], precision: Precision, tmp_path: Path
) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4])
        for kind in kinds:
            x = _dense(graph, x, kind, scale=0.1 if kind.endswith(("int8", "int16")) else None)
        graph.outputs(x)

    assert read(_written(build, tmp_path)).precision == precision


def test_shapes_in_integers_do_not_make_a_model_mixed(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4])
        shape = graph.op("SHAPE", [x], [graph.tensor([2], "int32")], options("ShapeOptions"))
        twice = graph.op("ADD", [shape, shape], [graph.tensor([2], "int32")], options("AddOptions"))
        flat = graph.op("RESHAPE", [x, twice], [graph.tensor([1, 4])], options("ReshapeOptions"))
        graph.outputs(_dense(graph, flat, "float16"))

    assert read(_written(build, tmp_path)).precision == Precision.FP16


def test_an_embedding_is_a_weight_not_an_activation(tmp_path: Path) -> None:
    """GATHER of an int8 table by token numbers: what it gives is weights, dequantized after."""

    def build(graph: Graph) -> None:
        ids = graph.input([1], "int32")
        rows = graph.tensor([1, 4], "int8", scale=0.1)
        graph.op("GATHER", [graph.weights([9, 4], "int8", scale=0.1), ids], [rows],
                 options("GatherOptions"))  # fmt: skip
        x = graph.op("DEQUANTIZE", [rows], [graph.tensor([1, 4])])
        x = graph.op("RELU", [x], [graph.tensor([1, 4])])
        graph.outputs(_dense(graph, x, "int8", scale=0.1))

    assert read(_written(build, tmp_path)).precision == Precision.DYNAMIC


def test_float_preprocessing_leaves_a_model_int8(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4])
        half = graph.tensor([1], data=struct.pack("<f", 0.5))
        x = graph.op("MUL", [x, half], [graph.tensor([1, 4])], options("MulOptions"))
        q = graph.tensor([1, 4], "int8", scale=0.1)
        x = graph.op("QUANTIZE", [x], [q], options("QuantizeOptions"))
        weights = graph.weights([4, 4], "int8", scale=0.1)
        y = graph.tensor([1, 4], "int8", scale=0.1)
        choice = options("FullyConnectedOptions")
        graph.outputs(graph.op("FULLY_CONNECTED", [x, weights, -1], [y], choice))

    assert read(_written(build, tmp_path)).precision == Precision.INT8


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [
        ("float32", Precision.FP32),
        ("float16", Precision.FP16),
        ("int8", Precision.INT8),
        ("uint8", Precision.INT8),
        ("int32", Precision.MIXED),
        ("float64", Precision.MIXED),
    ],
)
@pytest.mark.parametrize("op", ["RELU", "RESHAPE", None])
def test_a_model_without_multiplications_is_judged_by_what_it_has(
    op: str | None, dtype: str, precision: Precision, tmp_path: Path
) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4], dtype)
        graph.outputs(x if op is None else graph.op(op, [x], [graph.tensor([1, 4], dtype)]))

    assert read(_written(build, tmp_path)).precision == precision
