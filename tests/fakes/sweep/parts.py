"""The words in which the sweep's models are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fakes.graphs import Graph

DTYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool")
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")

Build = Callable[[], Graph]
Case = tuple[str, Build]


def op(
    name: str,
    inputs: Sequence[dict[str, Any] | None],
    outputs: Sequence[dict[str, Any]],
    version: int = 1,
    **options: Any,
) -> Build:
    """A graph of one operator. Tensors with `data` are constants, the others graph inputs."""

    def build() -> Graph:
        g = Graph()
        ins = []
        for spec in inputs:
            if spec is None:
                ins.append(-1)
                continue
            index = g.tensor(**spec)
            ins.append(index)
            if "data" not in spec and not spec.get("variable"):
                g.main.inputs.append(index)
        outs = [g.tensor(**spec) for spec in outputs]
        g.op(name, ins, outs, version=version, **options)
        g.outputs(*outs)
        return g

    return build


def t(*shape: int, dtype: str = "float32", **more: Any) -> dict[str, Any]:
    return {"shape": shape, "dtype": dtype, **more}


def c(values: Any, dtype: str = "int32", **more: Any) -> dict[str, Any]:
    array = np.asarray(values)
    return {"shape": array.shape, "dtype": dtype, "data": array, **more}


def zeros(*shape: int, dtype: str = "float32", **more: Any) -> dict[str, Any]:
    return c(np.zeros(shape), dtype, **more)


def scaled(channels: int) -> dict[str, Any]:
    """One scale per channel."""
    return {"scale": [0.01] * channels}
