"""What is written is read back as it was, and the runtime takes it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fakes.runtime import delegated
from qbench import modelfile
from qbench.records import ModelInfo
from qbench.simulator import networks

NAMES = ("mobilenet_v1_025", "mobilenet_v3_small_tf", "squeezenet_1_1", "shufflenet_v2")


def _written(model: ModelInfo, folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(modelfile.write(model))
    return path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_network_is_read_back_with_its_operators_tensors_and_macs(
    name: str, dtype: str, tmp_path: Path
) -> None:
    model = networks.build(name, dtype)
    found = modelfile.read(_written(model, tmp_path))
    assert [(o.name, o.version, o.inputs, o.outputs, o.macs) for o in found.main.ops] == [
        (o.name, o.version, o.inputs, o.outputs, o.macs) for o in model.main.ops
    ]
    for told, tensor in zip(found.main.tensors, model.main.tensors, strict=True):
        # a small bias is read as values; a network that was never a file does not know them
        assert told == msgspec.structs.replace(
            tensor, quantization=told.quantization, values=told.values
        )
        assert tensor.values in (None, told.values)
    assert found.precision == model.precision
    for op, own in zip(found.main.ops, model.main.ops, strict=True):
        for field in own.options.__struct_fields__:
            if getattr(own.options, field) is not None:
                assert getattr(op.options, field) == getattr(own.options, field)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_runtime_prepares_a_written_network(name: str, dtype: str, tmp_path: Path) -> None:
    found = delegated(_written(networks.build(name, dtype), tmp_path))
    assert found is not None
    assert found.pieces


def test_weights_are_the_same_for_the_same_seed_only() -> None:
    model = networks.build("mobilenet_v1_025", "float32")
    assert modelfile.write(model) == modelfile.write(model)
    assert modelfile.write(model) != modelfile.write(model, seed=1)


def test_an_operator_that_nobody_knows_is_an_error() -> None:
    model = networks.build("mobilenet_v1_025", "float32")
    op = msgspec.structs.replace(model.main.ops[0], name="NOT_AN_OPERATOR")
    main = msgspec.structs.replace(model.main, ops=(op,))
    with pytest.raises(ValueError, match="NOT_AN_OPERATOR"):
        modelfile.write(msgspec.structs.replace(model, subgraphs=(main,)))
