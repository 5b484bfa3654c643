"""What `read` says about models."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from models.builder import Graph, Model, options
from models.make_fixtures import FIXTURES, FOLDER
from qbench.errors import ModelFileError
from qbench.modelfile import read
from qbench.records import ModelInfo


def _fixture(name: str) -> ModelInfo:
    return read(FOLDER / f"{name}.tflite")


def _written(graph_of: Callable[[Graph], None], folder: Path) -> Path:
    model = Model()
    graph_of(model.graph())
    path = folder / "made.tflite"
    path.write_bytes(model.file())
    return path


# Fixtures


@pytest.mark.parametrize("name", FIXTURES)
def test_a_committed_fixture_is_what_its_script_writes(name: str) -> None:
    assert (FOLDER / f"{name}.tflite").read_bytes() == FIXTURES[name]()


def test_the_fixtures_are_small_and_all_explained() -> None:
    files = list(FOLDER.glob("*.tflite"))
    assert {path.stem for path in files} == set(FIXTURES)
    assert sum(path.stat().st_size for path in files) < 300_000
    explained = (FOLDER / "README.md").read_text()
    assert [path.stem for path in files if path.stem not in explained] == []


# Multiply-accumulates


def test_macs_of_every_kind_of_operator() -> None:
    macs = {op.label: op.macs for op in _fixture("matrix_ops").main.ops if op.name != "CONV_2D"}
    grouped, dilated = (op.macs for op in _fixture("matrix_ops").main.ops[:2])
    assert grouped == (8 * 8 * 6) * (3 * 3 * 2)
    assert dilated == (4 * 5 * 5) * (3 * 2 * 4)
    assert macs == {
        "DEPTHWISE_CONV_2D": (4 * 4 * 8) * (3 * 3),
        "TRANSPOSE_CONV": (8 * 8 * 4) * (3 * 2 * 2),
        "CONV_3D": (4 * 6 * 6 * 5) * (3 * 3 * 3 * 2),
        "CONV_3D_TRANSPOSE": (4 * 6 * 6 * 5) * (2 * 2 * 2 * 3),
        "BATCH_MATMUL": (2 * 3 * 5) * 7,
        "FULLY_CONNECTED": (2 * 3 * 4) * 10,
        "GELU": 0,
    }
    total = sum(macs.values())  # type: ignore[arg-type]  # none is None, as asserted
    assert _fixture("matrix_ops").macs == total + grouped + dilated


def test_macs_of_recurrent_cells_are_their_matrices_times_the_steps() -> None:
    lstm, reshape, svdf, rnn = _fixture("recurrent").main.ops
    assert lstm.macs == 5 * (4 * 4 * 3 + 4 * 4 * 4)
    assert reshape.macs == 0
    assert svdf.macs == 4 * 20 + 4 * 6
    assert rnn.macs == 2 * 4 + 2 * 2


@pytest.mark.parametrize(
    ("name", "table", "matrices"),
    [
        ("LSTM", "LSTMOptions", [*range(1, 9), 16]),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTMOptions", [*range(1, 9), 16]),
        (
            "BIDIRECTIONAL_SEQUENCE_LSTM",
            "BidirectionalSequenceLSTMOptions",
            [*range(1, 9), 16, *range(18, 26), 33, *range(40, 48)],
        ),
        ("RNN", "RNNOptions", [1, 2]),
        ("UNIDIRECTIONAL_SEQUENCE_RNN", "SequenceRNNOptions", [1, 2]),
        (
            "BIDIRECTIONAL_SEQUENCE_RNN",
            "BidirectionalSequenceRNNOptions",
            [1, 2, 5, 6, 10, 11],
        ),
    ],
)
def test_recurrent_cells_have_their_matrices_where_the_kernels_have_them(
    name: str, table: str, matrices: list[int], tmp_path: Path
) -> None:
    """Input i has 2**i elements, so that a wrong one shows. Two steps of three rows."""

    def build(graph: Graph) -> None:
        inputs = [graph.input([2, 3, 1])]
        inputs += [graph.tensor([1 << (i // 2), 1 << (i - i // 2)]) for i in range(1, 48)]
        graph.outputs(graph.op(name, inputs, [graph.tensor([2, 3, 4])], options(table)))

    macs = read(_written(build, tmp_path)).macs
    assert macs == 2 * 3 * sum(1 << i for i in matrices)


def test_the_basic_lstm_has_one_matrix(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        inputs = [graph.input([2, 3]), graph.input([2, 4])]
        inputs += [graph.weights([16, 7]), graph.weights([16]), graph.input([2, 4])]
        choice = options("LSTMOptions", kernelType=1)
        outputs = [graph.tensor([2, 4]) for _ in range(4)]
        graph.outputs(graph.op("LSTM", inputs, outputs, choice))

    assert read(_written(build, tmp_path)).macs == 2 * 16 * 7


def test_macs_of_an_inner_product_do_not_depend_on_how_it_is_held() -> None:
    names = ("cnn_fp32", "cnn_fp16", "cnn_dynamic", "cnn_int8", "cnn_uint8", "cnn_int8_float_io")
    expected = 8 * 8 * 8 * 3 * 3 * 3 + 6 * 6 * 8 * 3 * 3 + 8 * 4
    assert {_fixture(name).macs for name in names} == {expected}


def test_macs_of_a_loop_are_unknown_and_those_of_its_body_known() -> None:
    model = _fixture("control_flow")
    assert model.macs is None
    assert [op.macs for op in model.subgraphs[2].ops] == [0, 16]


def test_macs_of_mediapipes_transposed_convolution_are_counted(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4, 4, 8])
        y = graph.tensor([1, 8, 8, 3])
        inputs = [x, graph.weights([3, 2, 2, 8]), graph.weights([3])]
        graph.outputs(graph.op("CUSTOM", inputs, [y], custom="Convolution2DTransposeBias"))

    model = read(_written(build, tmp_path))
    assert model.macs == (4 * 4 * 8) * (2 * 2 * 3)
    assert model.main.ops[0].label == "CUSTOM:Convolution2DTransposeBias"


# Shapes and sizes


def test_a_free_batch_size_counts_as_the_file_has_it() -> None:
    model = _fixture("free_batch")
    assert all(t.is_dynamic for t in model.main.tensors if not t.is_constant)
    assert model.macs == 12
    assert model.activation_bytes == 4 * (4 + 3 + 3)


def test_sizes_that_depend_on_values_are_unknown() -> None:
    model = _fixture("value_sized")
    known = {op.name: model.main.tensors[op.outputs[0]].nbytes for op in model.main.ops}
    assert known == {
        "GREATER": 8,
        "WHERE": None,
        "GATHER_ND": None,
        "RESHAPE": None,
        "FULLY_CONNECTED": None,
    }
    assert model.main.ops[-1].macs is None
    assert model.macs is None
    assert model.activation_bytes is None


def test_outputs_without_a_shape_are_unknown_not_scalars() -> None:
    model = _fixture("custom_op")
    assert all(model.main.tensors[i].is_dynamic for i in model.main.outputs)
    assert all(model.main.tensors[i].nbytes is None for i in model.main.outputs)


def test_a_tensor_without_rank_in_a_file_that_tells_ranks_is_unknown(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4])
        scalar = graph.op("ABS", [x], [graph.tensor([])])
        graph.outputs(graph.op("ABS", [scalar], [graph.tensor([], has_rank=False)]))

    _, scalar, unranked = read(_written(build, tmp_path)).main.tensors
    assert (scalar.nbytes, scalar.is_dynamic) == (4, False)
    assert (unranked.nbytes, unranked.is_dynamic) == (None, True)


def test_minus_one_in_a_shape_is_a_size_that_is_not_known(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([-1, 4])
        graph.outputs(graph.op("ABS", [x], [graph.tensor([1, 4])]))

    first, _ = read(_written(build, tmp_path)).main.tensors
    assert (first.shape, first.nbytes, first.is_dynamic) == ((-1, 4), None, True)


def test_bytes_of_every_type() -> None:
    tensors = {t.name: t for t in _fixture("dtypes").main.tensors}
    sizes = {name: t.nbytes for name, t in tensors.items() if t.shape == (3, 5)}
    assert sizes == {
        "float32": 60, "float16": 30, "int32": 60, "uint8": 15, "int64": 120, "string": None,
        "bool": 15, "int16": 30, "complex64": 120, "int8": 15, "float64": 120, "complex128": 240,
        "uint64": 120, "resource": None, "variant": None, "uint32": 60, "uint16": 30, "int4": 8,
        "bfloat16": 30, "int2": 4, "uint4": 8, "float8_e4m3fn": 15, "float8_e5m2": 15,
    }  # fmt: skip
    assert (tensors["scalar"].shape, tensors["scalar"].nbytes) == ((), 4)
    assert tensors["empty"].is_constant
    assert tensors["empty"].values == ()
    assert tensors["int64 values"].values == (-1, 1 << 40)
    assert tensors["text"].is_constant
    assert tensors["text"].nbytes == 15


def test_only_small_integer_constants_have_values(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1])
        graph.ints(list(range(16)))
        graph.ints(list(range(17)))
        graph.weights([2], "float32")
        graph.weights([2], "int8")
        graph.outputs(x)

    tensors = read(_written(build, tmp_path)).main.tensors
    assert [t.values for t in tensors] == [None, tuple(range(16)), None, None, None]


def test_sparse_weights_are_as_large_as_they_are_stored() -> None:
    model = _fixture("sparse")
    weights = next(t for t in model.main.tensors if t.is_sparse)
    assert (weights.shape, weights.nbytes) == ((4, 8), 32)
    assert model.weight_bytes == 32
    assert model.macs == 32


def test_weights_outside_the_flatbuffer_are_constants() -> None:
    model = _fixture("outside_buffers")
    after, elsewhere = model.main.tensors[1:3]
    assert (after.is_constant, after.nbytes) == (True, 48)
    assert (elsewhere.is_constant, elsewhere.nbytes) == (True, 36)
    assert model.weight_bytes == 48 + 36


def test_a_buffer_beyond_two_gigabytes_is_found(tmp_path: Path) -> None:
    model = Model()
    graph = model.graph()
    x = graph.input([1, 2])
    far = graph.tensor([2, 2])
    graph.table.tensors[far].buffer = model.buffer(None)
    place = 5 << 30
    model.table.buffers[-1].offset, model.table.buffers[-1].size = place, 16
    axes = graph.tensor([2], "int32")
    graph.table.tensors[axes].buffer = model.buffer(None)
    model.table.buffers[-1].offset, model.table.buffers[-1].size = place + 16, 8
    y = graph.tensor([1, 2])
    choice = options("FullyConnectedOptions")
    graph.outputs(graph.op("FULLY_CONNECTED", [x, far, -1], [y], choice))
    path = tmp_path / "huge.tflite"
    with path.open("wb") as stream:
        stream.write(model.file())
        stream.seek(place + 16)
        stream.write(struct.pack("<ii", 3, -4))

    tensors = read(path).main.tensors
    assert (tensors[far].is_constant, tensors[far].nbytes) == (True, 16)
    assert tensors[axes].values == (3, -4)

    os.truncate(path, place + 20)
    with pytest.raises(ModelFileError, match=r"tensor 2.*cut short"):
        read(path)


def test_weights_shared_by_tensors_count_once(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        first = graph.weights([4, 4])
        second = graph.tensor([4, 4])
        graph.table.tensors[second].buffer = graph.table.tensors[first].buffer
        graph.outputs(graph.input([1]))

    assert read(_written(build, tmp_path)).weight_bytes == 64


def test_an_empty_vector_does_not_make_an_activation_constant(tmp_path: Path) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4])
        y = graph.tensor([1, 4], data=b"")
        graph.outputs(graph.op("RELU", [x], [y]))

    assert not read(_written(build, tmp_path)).main.tensors[1].is_constant


# Names, options, subgraphs


def test_names_signatures_and_metadata() -> None:
    model = _fixture("cnn_int8")
    assert model.signature_names == ("serving_default",)
    assert model.metadata_names == ("min_runtime_version",)
    assert model.description == "qbench test fixture"
    assert _fixture("control_flow").signature_names == ("serving_default", "step")
    assert [g.name for g in _fixture("control_flow").subgraphs] == ["main", "cond", "body"]


def test_options_that_are_absent_or_of_another_type_have_the_schemas_defaults(
    tmp_path: Path,
) -> None:
    def build(graph: Graph) -> None:
        x = graph.input([1, 4])
        x = graph.op("ADD", [x, x], [graph.tensor([1, 4])])
        wrong = options("MulOptions", fusedActivationFunction=1)
        x = graph.op("ADD", [x, x], [graph.tensor([1, 4])], wrong)
        right = options("AddOptions", fusedActivationFunction=1)
        graph.outputs(graph.op("ADD", [x, x], [graph.tensor([1, 4])], right))

    ops = read(_written(build, tmp_path)).main.ops
    assert [op.options.activation for op in ops] == ["NONE", "NONE", "RELU"]


def test_a_name_that_is_not_utf_8_is_shown_as_well_as_can_be(tmp_path: Path) -> None:
    content = (FOLDER / "free_batch.tflite").read_bytes()
    path = tmp_path / "latin.tflite"
    path.write_bytes(content.replace(b"qbench test fixture", b"qb\xe9nch test f\xffxture"))
    assert (
        read(path).description
        == "qb\N{REPLACEMENT CHARACTER}nch test f\N{REPLACEMENT CHARACTER}xture"
    )


def test_a_model_goes_through_json_and_back() -> None:
    for path in (FOLDER / f"{name}.tflite" for name in FIXTURES):
        model = read(path)
        assert msgspec.json.decode(msgspec.json.encode(model), type=ModelInfo) == model


def test_reading_needs_neither_numpy_nor_flatbuffers() -> None:
    code = (
        "import sys, pathlib, json; from qbench.modelfile import read;"
        f"read(pathlib.Path({str(FOLDER / 'cnn_int8.tflite')!r}));"
        "print(json.dumps(sorted({'numpy', 'flatbuffers', 'ai_edge_litert'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
