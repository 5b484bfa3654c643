"""`read` against the generated schema, field by field, and against the LiteRT interpreter."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from models.real import built_in_models, face_detection_models, fixtures
from qbench.modelfile import read
from qbench.modelfile.options import OPTIONS_TABLES
from qbench.records import ModelInfo, OpInfo, TensorInfo

MODELS = [*fixtures(), *face_detection_models(), *built_in_models()]
# The runtime needs operators or inputs that these lack (see tests/models/README.md).
NOT_RUNNABLE = {"custom_op", "every_option"}
RUNNABLE = [path for path in MODELS if path.stem not in NOT_RUNNABLE]

each_model = pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
each_runnable = pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)


def _names(enum: type) -> dict[int, str]:
    return {code: name for name, code in vars(enum).items() if not name.startswith("_")}


OPERATORS = _names(schema.BuiltinOperator)
TYPES = {code: name.lower() for code, name in _names(schema.TensorType).items()}
UNION = _names(schema.BuiltinOptions)
ENUM_OPTIONS = {
    "activation": _names(schema.ActivationFunctionType),
    "padding": _names(schema.Padding),
    "mode": _names(schema.MirrorPadMode),
    "weights_format": _names(schema.FullyConnectedOptionsWeightsFormat),
    "kernel_type": _names(schema.LSTMKernelType),
    "in_dtype": TYPES,
    "out_dtype": TYPES,
}
ATTRIBUTES = {
    "activation": "fusedActivationFunction",
    "dilation_h": "dilationHFactor",
    "dilation_w": "dilationWFactor",
    "filter_h": "filterHeight",
    "filter_w": "filterWidth",
    "in_dtype": "inDataType",
}
OUT_DTYPES = ("outputType", "outDataType", "outType", "idxOutType")


@functools.cache
def _ours(path: Path) -> ModelInfo:
    return read(path)


@functools.cache
def _theirs(path: Path) -> Any:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes())


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value)


def test_there_are_models_of_all_three_sources() -> None:
    assert len(fixtures()) >= 20
    assert len(face_detection_models()) == 7


@each_model
def test_the_file_itself(path: Path) -> None:
    ours, theirs = _ours(path), _theirs(path)
    assert ours.path == str(path)
    assert ours.file_bytes == path.stat().st_size
    assert ours.schema_version == theirs.version
    assert ours.description == _text(theirs.description)
    assert ours.metadata_names == tuple(_text(m.name) for m in _list(theirs.metadata))
    signatures = tuple(_text(s.signatureKey) for s in _list(theirs.signatureDefs))
    assert ours.signature_names == signatures
    assert ours.sha256 is None
    assert len(ours.subgraphs) == len(theirs.subgraphs)
    for subgraph, expected in zip(ours.subgraphs, theirs.subgraphs, strict=True):
        assert subgraph.name == _text(expected.name)
        assert list(subgraph.inputs) == _list(expected.inputs)
        assert list(subgraph.outputs) == _list(expected.outputs)


@each_model
def test_every_tensor(path: Path) -> None:
    model = _theirs(path)
    for subgraph, expected in zip(_ours(path).subgraphs, model.subgraphs, strict=True):
        assert len(subgraph.tensors) == len(_list(expected.tensors))
        for tensor, table in zip(subgraph.tensors, _list(expected.tensors), strict=True):
            assert tensor.name == _text(table.name)
            assert list(tensor.shape) == _list(table.shape)
            assert tensor.dtype == TYPES[table.type]
            assert tensor.is_variable == table.isVariable
            assert tensor.is_sparse == (table.sparsity is not None)
            if -1 in _list(table.shapeSignature):
                assert tensor.is_dynamic
            _check_data(tensor, table, model)
            _check_quantization(tensor, table)


def _check_data(tensor: TensorInfo, table: Any, model: Any) -> None:
    data = model.buffers[table.buffer].data if table.buffer else None
    outside = model.buffers[table.buffer].offset > 1 or table.externalBuffer != 0
    assert tensor.is_constant == (data is not None or outside)
    if data is not None:
        assert tensor.nbytes == len(data)
    small = tensor.elements <= 16 and tensor.dtype in ("int32", "int64")
    if data is not None and small:
        values = np.frombuffer(bytes(data), tensor.dtype, tensor.elements)
        assert tensor.values == tuple(values.tolist())
    else:
        assert tensor.values is None


def _check_quantization(tensor: TensorInfo, table: Any) -> None:
    quantization = table.quantization
    scales = _list(quantization.scale) if quantization is not None else []
    if not scales:
        assert tensor.quantization is None
        return
    points = _list(quantization.zeroPoint)
    assert tensor.quantization is not None
    assert tensor.quantization.scale == scales[0]
    assert tensor.quantization.channels == len(scales)
    assert tensor.quantization.zero_point == (points[0] if points else 0)
    assert tensor.quantization.zero_points_all_zero == (not any(points))
    assert tensor.quantization.axis == quantization.quantizedDimension


@each_model
def test_every_operator(path: Path) -> None:
    model = _theirs(path)
    for subgraph, expected in zip(_ours(path).subgraphs, model.subgraphs, strict=True):
        assert len(subgraph.ops) == len(_list(expected.operators))
        for op, table in zip(subgraph.ops, _list(expected.operators), strict=True):
            code = model.operatorCodes[table.opcodeIndex]
            assert op.name == OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
            custom = _text(code.customCode) if op.name == "CUSTOM" else None
            assert op.custom_name == custom
            assert op.version == code.version
            assert list(op.inputs) == _list(table.inputs)
            assert list(op.outputs) == _list(table.outputs)
            _check_options(op, table)


def _check_options(op: OpInfo, table: Any) -> None:
    fields = {
        known.name: known.fields for known in OPTIONS_TABLES
    }.get(UNION[table.builtinOptionsType], {})  # fmt: skip
    for name in type(op.options).__struct_fields__:
        value = getattr(op.options, name)
        if name not in fields:
            assert value is None
            continue
        attribute = ATTRIBUTES.get(name) or _lower_camel(name)
        if name == "out_dtype":
            attribute = next(a for a in OUT_DTYPES if hasattr(table.builtinOptions, a))
        expected = getattr(table.builtinOptions, attribute)
        assert value == ENUM_OPTIONS.get(name, {}).get(expected, expected)


def _lower_camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@each_model
def test_weight_bytes_are_those_of_the_buffers_that_tensors_use(path: Path) -> None:
    model = _theirs(path)
    tables = [t for graph in model.subgraphs for t in _list(graph.tensors)]
    used = {t.buffer for t in tables if t.buffer and not t.externalBuffer}
    total = sum(len(_list(model.buffers[i].data)) + model.buffers[i].size for i in used)
    external = {b.id: b.length for b in _list(model.externalBuffers)}
    total += sum(external[i] for i in {t.externalBuffer for t in tables} - {0})
    assert _ours(path).weight_bytes == total


def _interpreter(path: Path) -> Any:
    return Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


@each_runnable
def test_operators_are_those_that_the_runtime_has(path: Path) -> None:
    theirs = _interpreter(path)._get_ops_details()
    ours = _ours(path).main.ops
    assert [op.custom_name or op.name for op in ours] == [op["op_name"] for op in theirs]
    for op, expected in zip(ours, theirs, strict=True):
        assert list(op.inputs) == list(expected["inputs"])
        assert list(op.outputs) == list(expected["outputs"])


@each_runnable
def test_tensors_are_those_that_the_runtime_has(path: Path) -> None:
    tensors = _ours(path).main.tensors
    interpreter = _interpreter(path)
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    # The Python interpreter does not show what NumPy has no type for.
    missing = {t.dtype for t in tensors if t.index not in details}
    assert missing <= {"bfloat16"}
    for tensor in tensors:
        if tensor.index not in details:
            continue
        expected = details[tensor.index]
        assert tensor.name == expected["name"]
        assert list(tensor.shape) == expected["shape"].tolist()
        assert (-1 in expected["shape_signature"]) <= tensor.is_dynamic
        if tensor.dtype in ("float32", "float16", "int8", "uint8", "int16", "int32", "int64"):
            assert tensor.dtype == np.dtype(expected["dtype"]).name
        if path.stem == "blockwise":
            continue  # the runtime puts the tensor of scales here
        scales = expected["quantization_parameters"]["scales"]
        assert (tensor.quantization.channels if tensor.quantization else 0) == len(scales)


@each_runnable
def test_sizes_before_running_are_those_that_the_runtime_allocates(path: Path) -> None:
    interpreter = _interpreter(path)
    interpreter.allocate_tensors()
    main = _ours(path).main
    for index in (*main.inputs, *main.outputs):
        tensor = main.tensors[index]
        if tensor.nbytes is not None:
            detail = next(d for d in interpreter.get_tensor_details() if d["index"] == index)
            size = np.dtype(detail["dtype"]).itemsize * int(np.prod(detail["shape"]))
            assert tensor.nbytes == size
