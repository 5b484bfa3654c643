"""Every operator once more, with one thing wrong at a time: a tensor's type, its rank, whether it
is a constant, one tensor too many or too few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fakes.graphs import Graph, schema
from fakes.sweep.parts import Build, Case

# The delegate reads these operators' tensors without counting them: the runtime crashes.
UNCOUNTED = ("SPLIT", "SLICE", "STRIDED_SLICE", "BATCH_MATMUL")
TYPES = ("float32", "float16", "int8", "uint8", "int32", "int64")


def mutants(name: str, build: Build) -> Iterator[Case]:
    """The mutants of one case, a graph of one operator."""
    operator = build().main.operators[-1]
    for role, indices in (("input", operator.inputs), ("output", operator.outputs)):
        for place, index in enumerate(indices):
            if index < 0:
                continue
            where = f"{name}, {role} {place}"
            for dtype in TYPES:
                yield f"{where} {dtype}", _changed(build, index, _retyped, dtype)
            yield f"{where} one dimension more", _changed(build, index, _deeper, 1)
            yield f"{where} three dimensions more", _changed(build, index, _deeper, 3)
            yield f"{where} one dimension less", _changed(build, index, _flatter, None)
            if role == "input":
                yield f"{where} constant or not", _changed(build, index, _constant_or_not, None)
    yield f"{name}, one input more", _recounted(build, "inputs", 1)
    if name.split()[0] not in UNCOUNTED:
        yield f"{name}, one output more", _recounted(build, "outputs", 1)
    if len(operator.inputs) > 1 and name.split()[0] not in UNCOUNTED:
        yield f"{name}, one input less", _recounted(build, "inputs", -1)


def _changed(build: Build, index: int, change: Callable[..., None], arg: Any) -> Build:
    def built() -> Graph:
        g = build()
        change(g, g.main.tensors[index], arg)
        return g

    return built


def _recounted(build: Build, which: str, by: int) -> Build:
    def built() -> Graph:
        g = build()
        operator = g.main.operators[-1]
        tensors = list(getattr(operator, which))
        if by < 0:
            tensors.pop()
        elif which == "inputs":
            tensors.append(g.input((1, 4), "float32"))
        else:
            tensors.append(g.tensor((1, 4)))
        setattr(operator, which, tensors)
        return g

    return built


def _retyped(g: Graph, tensor: Any, dtype: str) -> None:
    """Another type, with a scale if it needs one, and enough data if it is a constant."""
    s = schema()
    tensor.type = getattr(s.TensorType, dtype.upper())
    if dtype in ("int8", "uint8") and tensor.quantization is None:
        q = s.QuantizationParametersT()
        q.scale, q.zeroPoint = np.array([0.05], np.float32), np.array([0], np.int64)
        tensor.quantization = q
    if tensor.buffer:
        values = np.zeros(8 * int(np.prod(tensor.shape)), np.uint8)
        g.model.buffers[tensor.buffer].data = values


def _deeper(g: Graph, tensor: Any, by: int) -> None:
    tensor.shape = [1] * by + list(tensor.shape)


def _flatter(g: Graph, tensor: Any, _: None) -> None:
    if tensor.shape:
        first, *rest = tensor.shape
        tensor.shape = [first * rest[0], *rest[1:]] if rest else []


def _constant_or_not(g: Graph, tensor: Any, _: None) -> None:
    if tensor.buffer:
        tensor.buffer = 0
        g.main.inputs.append(next(i for i, t in enumerate(g.main.tensors) if t is tensor))
    else:
        buffer = schema().BufferT()
        buffer.data = np.zeros(8 * int(np.prod(tensor.shape)), np.uint8)
        g.model.buffers.append(buffer)
        tensor.buffer = len(g.model.buffers) - 1
