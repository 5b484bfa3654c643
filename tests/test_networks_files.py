"""Rebuilt networks as files: the real runtime takes and runs each, and delegates what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes.runtime import delegated, predicted
from qbench import modelfile, placement, profiles
from qbench.records import Delegate
from qbench.simulator import networks
from qbench.simulator.networks import files, held_out

DTYPES = ("float32", "int8")


def _output(path: Path) -> Any:
    """What comes out for random input, in real numbers."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for tensor in interpreter.get_input_details():
        if tensor["dtype"] is np.int8:
            value: Any = rng.integers(-128, 128, tensor["shape"], np.int8)
        else:
            value = rng.random(tensor["shape"], np.float32) * 2 - 1
        interpreter.set_tensor(tensor["index"], value)
    interpreter.invoke()
    (tensor, *_) = interpreter.get_output_details()
    found = interpreter.get_tensor(tensor["index"]).astype(np.float64)
    scale, zero_point = tensor["quantization"]
    return (found - zero_point) * scale if scale else found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", held_out.NAMES)
def test_a_network_runs_on_the_real_runtime_as_its_description_says(
    name: str, dtype: str, tmp_path: Path
) -> None:
    described = networks.build(name, dtype)
    path = tmp_path / "network.tflite"
    path.write_bytes(files.file(name, dtype))
    model = modelfile.read(path)
    assert [(op.name, op.macs) for op in model.main.ops] == [
        (op.name, op.macs) for op in described.main.ops
    ]
    assert model.precision == described.precision
    told = placement.place(model, Delegate.CPU, profiles.load("host"))
    found = delegated(path)
    assert found is not None
    assert found.pieces == predicted(model, told).pieces
    output = _output(path)
    assert np.isfinite(output).all()
    assert np.abs(output).max() < 1e7
    # one of 1001 classes at equal chances is less than half of 1/256
    assert np.abs(output).max() > 0 or model.main.ops[-1].name == "SOFTMAX"


def test_int8_weights_are_per_channel_and_biases_count_in_products(tmp_path: Path) -> None:
    path = tmp_path / "network.tflite"
    path.write_bytes(files.file("mobilenet_v1_025@96x96", "int8"))
    main = modelfile.read(path).main
    for op in main.ops:
        if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        source, weights, bias = (main.tensors[t].quantization for t in op.inputs)
        assert source is not None
        assert weights is not None
        assert bias is not None
        assert weights.channels == bias.channels == main.tensors[op.outputs[0]].shape[-1]
        assert bias.scale == pytest.approx(source.scale * weights.scale)


def test_activations_neither_saturate_nor_vanish_on_the_way(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    path = tmp_path / "network.tflite"
    path.write_bytes(files.file("resnet_8", "int8"))
    interpreter = Interpreter(
        str(path),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    (tensor,) = interpreter.get_input_details()
    rng = np.random.default_rng(0)
    interpreter.set_tensor(tensor["index"], rng.integers(-128, 128, tensor["shape"], np.int8))
    interpreter.invoke()
    for op in modelfile.read(path).main.ops:
        if op.name in ("CONV_2D", "ADD"):
            values = interpreter.get_tensor(op.outputs[0]).astype(float)
            assert 3 < values.std() < 100, op
            assert np.mean(np.abs(values) >= 127) < 0.1, op


def test_a_file_is_the_same_for_the_same_seed_only() -> None:
    assert files.file("ds_cnn", "int8") == files.file("ds_cnn", "int8")
    assert files.file("ds_cnn", "int8") != files.file("ds_cnn", "int8", seed=1)


def test_held_out_networks_are_known_at_any_size_and_with_any_padding() -> None:
    for name in ("resnet18", "resnet18@160x160", "mobilenet_v3_large_tf", "inception_v1@96x96"):
        assert held_out.is_one_of(name)
    for name in ("resnet34", "mobilenet_v1_075", "mobilenet_v2_tf", "squeezenet_1_0"):
        assert not held_out.is_one_of(name)
