"""How `read` refuses what is no sound .tflite file: by name, at bounded cost."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from models.builder import Graph, Model, options
from models.make_fixtures import FOLDER
from qbench.errors import ModelFileError
from qbench.modelfile import read
from qbench.modelfile.file import FileBytes
from qbench.modelfile.flatbuffer import (
    MAX_NAME_BYTES,
)
from qbench.modelfile.tensors import MAX_RANK


def _refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    return message.replace(str(path), "FILE")


def _refusal_of(content: bytes | bytearray, folder: Path) -> str:
    path = folder / "bad.tflite"
    path.write_bytes(content)
    return _refusal(path)


# Files that are no model


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\0", "has 1 bytes"),
        (b"TFL3", "has 4 bytes"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", "is a NumPy array"),
        (b"PK\x03\x04model.keras......", "is a zip archive"),
        (b"<!DOCTYPE html><title>404</title>", "is an HTML or XML page"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
        (b"just some words about a model", "is not a .tflite file"),
        (b"\x18\0\0\0TFL2" + bytes(40), "bytes 4 to 7 are b'TFL2', not b'TFL3'"),
        (b"\x18\0\0\0TFL3", "an offset points outside the file"),
        (b"\xff\xff\xff\xffTFL3" + bytes(40), "an offset points outside the file"),
        (b"\x09\0\0\0TFL3\0\x09\0\0\0", "a vtable of 9 bytes at 0"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_model_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    assert said in _refusal_of(content, tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "none.tflite") == "FILE: cannot be read: No such file or directory"


def test_a_folder_a_pipe_a_socket_and_a_device_are_refused(tmp_path: Path) -> None:
    assert "is a directory" in _refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "is a named pipe" in _refusal(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert "is a socket" in _refusal(tmp_path / "socket")
    assert "is a character device" in _refusal(Path("/dev/zero"))


def test_links_to_nowhere_and_in_circles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "none")
    assert "No such file" in _refusal(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert os.strerror(errno.ELOOP) in _refusal(tmp_path / "circle")


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(ModelFileError, match="is not a file name"):
        read(Path("a\0b.tflite"))
    assert "File name too long" in _refusal(Path("x" * 5000))


def test_a_file_that_may_not_be_read_is_refused() -> None:
    """As nobody, since root may read everything; so the folder must be one that all may enter."""
    code = (
        "import os, pathlib, sys\n"
        "from qbench.modelfile import read\n"
        "from qbench.errors import ModelFileError\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: read(pathlib.Path(sys.argv[1]))\n"
        "except ModelFileError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "secret.tflite"
        path.write_bytes((FOLDER / "cnn_fp32.tflite").read_bytes())
        path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
    assert done.stdout == f"{path}: cannot be read: Permission denied\n"


# Damage to a model


def _relu() -> tuple[Model, Graph]:
    model = Model()
    graph = model.graph()
    graph.outputs(graph.op("RELU", [graph.input([1, 4])], [graph.tensor([1, 4])]))
    return model, graph


def _set(attribute: str, value: object) -> Callable[[Model, Graph], None]:
    """Change `what.field` of the RELU model: model, graph, tensor (the last), op or code."""

    def change(model: Model, graph: Graph) -> None:
        what, field = attribute.split(".")
        tables: dict[str, Any] = {
            "model": model.table,
            "graph": graph.table,
            "tensor": graph.table.tensors[-1],
            "op": graph.table.operators[-1],
            "code": model.table.operatorCodes[-1],
        }
        setattr(tables[what], field, value)

    return change


def _per_channel(axis: int) -> Any:
    table = schema.QuantizationParametersT()
    table.scale, table.zeroPoint, table.quantizedDimension = [1.0, 2.0], [0, 0], axis
    return table


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("model.version", 2), "FILE: has schema version 2; TFLite runs version 3 only"),
        (_set("model.subgraphs", []), "FILE: subgraphs: there is none"),
        (_set("model.operatorCodes", []), "operator 0: operator code 0 does not exist"),
        (_set("code.builtinCode", 210), "operator code 0: builtin operator 210 is not known"),
        (_set("code.deprecatedBuiltinCode", -3), None),
        (_set("graph.inputs", [2]), "subgraph 0: input is tensor 2, there are 2"),
        (_set("graph.outputs", [-1]), "subgraph 0: output is tensor -1, there are 2"),
        (_set("op.inputs", [-2]), "subgraph 0 operator 0: input is tensor -2, there are 2"),
        (_set("op.inputs", [-1]), None),
        (_set("op.outputs", [-1]), "subgraph 0 operator 0: output is tensor -1, there are 2"),
        (_set("op.opcodeIndex", 1), "subgraph 0 operator 0: operator code 1 does not exist"),
        (_set("op.inputs", [1]), "operator 0: writes tensor 1, which operator 0 reads"),
        (_set("tensor.type", 23), "subgraph 0 tensor 1: tensor type 23 is not known"),
        (_set("tensor.buffer", 5), "subgraph 0 tensor 1: buffer 5 does not exist, there are 1"),
        (_set("tensor.externalBuffer", 5), "external buffer 5 is not in the file's list"),
        (_set("tensor.shape", [2, -2]), "subgraph 0 tensor 1: shape [2, -2] has a negative size"),
        (_set("tensor.shape", [1] * (MAX_RANK + 1)), f"rank {MAX_RANK + 1}, at most"),
        (_set("tensor.shape", [2**31 - 1] * 3), "of float32 takes 39614081201"),
        (_set("tensor.name", "n" * (MAX_NAME_BYTES + 1)), f"a name of {MAX_NAME_BYTES + 1} bytes"),
        (_set("tensor.quantization", _per_channel(2)), "is quantized along axis 2, its rank is 2"),
        (_set("tensor.quantization", _per_channel(-1)), "is quantized along axis -1"),
        (_set("tensor.quantization", _per_channel(1)), None),
    ],
)
def test_a_model_with_one_wrong_number(
    change: Callable[[Model, Graph], None], said: str | None, tmp_path: Path
) -> None:
    model, graph = _relu()
    change(model, graph)
    if said is None:
        path = tmp_path / "sound.tflite"
        path.write_bytes(model.file())
        assert read(path).main.ops[0].name == "RELU"
    else:
        assert said in _refusal_of(model.file(), tmp_path)


def test_weights_that_are_too_few_for_their_shape_are_refused(tmp_path: Path) -> None:
    model, graph = _relu()
    graph.tensor([2, 2], data=bytes(15))
    said = "tensor 2: shape [2, 2] of float32 takes 16 bytes, its data has 15"
    assert said in _refusal_of(model.file(), tmp_path)


def test_a_buffer_that_ends_behind_the_file_is_refused(tmp_path: Path) -> None:
    content = (FOLDER / "outside_buffers.tflite").read_bytes()
    assert "subgraph 0 tensor 1: 48 bytes of data at" in _refusal_of(content[:-1], tmp_path)


def test_an_external_buffer_of_absurd_size_is_refused(tmp_path: Path) -> None:
    model, graph = _relu()
    graph.table.tensors[1].externalBuffer = 1
    external = schema.ExternalBufferT()
    external.id, external.length = 1, 1 << 63
    model.table.externalBuffers = [external]
    said = f"tensor 1: external buffer 1 has {1 << 63} bytes: damaged"
    assert said in _refusal_of(model.file(), tmp_path)


def test_an_operator_that_reads_what_a_later_one_writes_is_refused(tmp_path: Path) -> None:
    model, graph = _relu()
    late = graph.tensor([1, 4])
    graph.op("ADD", [0, late], [graph.tensor([1, 4])])
    graph.op("RELU", [0], [late])
    said = "operator 2: writes tensor 2, which operator 1 reads before that"
    assert said in _refusal_of(model.file(), tmp_path)


def test_state_may_be_read_before_it_is_written(tmp_path: Path) -> None:
    model, graph = _relu()
    state = graph.tensor([1, 4])
    graph.table.tensors[state].isVariable = True
    graph.op("ADD", [0, state], [state])
    path = tmp_path / "state.tflite"
    path.write_bytes(model.file())
    assert len(read(path).main.ops) == 2


_CONV = {"strideH": 1, "strideW": 1}


@pytest.mark.parametrize(
    ("name", "choice", "shapes", "output", "said"),
    [
        ("CONV_2D", {"strideH": 1}, [[1, 4, 4, 2], [3, 1, 1, 2]], [1, 4, 4, 3], "stride_w is 0"),
        ("CONV_2D", _CONV, [[1, 4, 4, 2]], [1, 4, 4, 3], "CONV_2D: input 1 is missing"),
        ("CONV_2D", _CONV, [[1, 4, 4, 2], [3, 2]], [1, 4, 4, 3], "input 1 has rank 2, not 4"),
        ("CONV_2D", _CONV, [[4, 4, 2], [3, 1, 1, 2]], [1, 4, 4, 3], "input 0 has rank 3, not 4"),
        ("CONV_2D", _CONV, [[1, 4, 4, 2], [3, 1, 1, 2]], [4, 3], "its output has rank 2, not 4"),
        ("CONV_2D", _CONV, [[1, 4, 4, 2], [3, 1, 1, 2]], None, "CONV_2D: has no output"),
        ("DEPTHWISE_CONV_2D", {}, [[1, 4, 4, 2], [1, 1, 1, 2]], [1, 4, 4, 2], "stride_w is 0"),
        ("MAX_POOL_2D", _CONV, [[1, 4, 4, 2]], [1, 4, 4, 2], "filter_w is 0, not at least 1"),
        ("FULLY_CONNECTED", {}, [[1, 4], [4]], [1, 3], "input 1 has rank 1, not 2"),
        ("BATCH_MATMUL", {}, [[4], [4, 4]], [4], "input 0 has rank 1, not at least 2"),
        ("SPACE_TO_DEPTH", {"blockSize": -1}, [[1, 4, 4, 1]], [1, 2, 2, 4], "block_size is -1"),
        ("ADD", {"fusedActivationFunction": 6}, [[1], [1]], [1], "activation has the unknown"),
        ("ADD", {"fusedActivationFunction": -1}, [[1], [1]], [1], "unknown value 255"),
        ("MIRROR_PAD", {"mode": 2}, [[1], [1, 2]], [1], "mode has the unknown value 2"),
    ],
)
def test_an_operator_that_no_kernel_would_take(
    name: str,
    choice: dict[str, object],
    shapes: list[list[int]],
    output: list[int] | None,
    said: str,
    tmp_path: Path,
) -> None:
    tables = {
        "MAX_POOL_2D": "Pool2DOptions",
        "BATCH_MATMUL": "BatchMatMulOptions",
        "CONV_2D": "Conv2DOptions",
        "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
        "FULLY_CONNECTED": "FullyConnectedOptions",
        "SPACE_TO_DEPTH": "SpaceToDepthOptions",
        "ADD": "AddOptions",
        "MIRROR_PAD": "MirrorPadOptions",
    }
    model = Model()
    graph = model.graph()
    inputs = [graph.input(shape) for shape in shapes]
    outputs = [] if output is None else [graph.tensor(output)]
    graph.op(name, inputs, outputs or [0], options(tables[name], **choice))
    graph.table.operators[-1].outputs = outputs
    refusal = _refusal_of(model.file(), tmp_path)
    assert refusal.startswith("FILE: subgraph 0 operator 0: ")
    assert said in refusal


# Files that change while they are read


class _Growing(FileBytes):
    """Somebody goes on writing after the file was opened."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with path.open("ab") as stream:
            stream.write(b"more")


def test_a_file_that_is_written_to_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing.tflite"
    path.write_bytes((FOLDER / "cnn_fp32.tflite").read_bytes())
    with _Growing(path) as file, pytest.raises(ModelFileError, match="was changed while"):
        file.check_unchanged()


def test_a_file_that_is_cut_meanwhile_is_refused_and_nobody_dies(tmp_path: Path) -> None:
    """With a memory map this would be the end of the process: SIGBUS."""
    path = tmp_path / "cut.tflite"
    path.write_bytes(bytes(1 << 20))
    with FileBytes(path) as file:
        assert file.read(0, 4) == bytes(4)
        os.truncate(path, 1 << 16)
        with pytest.raises(ModelFileError, match="became shorter while"):
            file.read((1 << 20) - 4, 4)
        with pytest.raises(ModelFileError, match="was changed while"):
            file.check_unchanged()
