"""Small models for tests that run them: each function writes one file and returns its path."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes.graphs import Graph


def conv_model(path: Path, *, layers: int = 2, side: int = 24) -> Path:
    """Float convolutions: all nodes go to XNNPACK, in one partition."""
    graph = Graph()
    out = graph.input((1, side, side, 3))
    for _ in range(layers):
        out = graph.conv(out, 16, 3)
    return _write(graph, path, out)


def split_model(path: Path) -> Path:
    """CONV, FLOOR_MOD (no XNNPACK kernel), CONV: two partitions around one kept node."""
    graph = Graph()
    first = graph.conv(graph.input((1, 8, 8, 4)), 4, 3)
    middle = graph.tensor((1, 8, 8, 4))
    graph.op("FLOOR_MOD", [first, first], [middle])
    return _write(graph, path, graph.conv(middle, 4, 3))


def add_model(path: Path, dtype: str = "float32", *, inputs: int = 2) -> Path:
    """The sum of all inputs."""
    graph = Graph()
    out, *others = (graph.input((1, 32), dtype) for _ in range(inputs))
    for other in others:
        total = graph.tensor((1, 32), dtype)
        graph.op("ADD", [out, other], [total], version=2)
        out = total
    return _write(graph, path, out)


def unary_model(path: Path, name: str, dtype: str) -> Path:
    graph = Graph()
    given, out = graph.input((1, 32), dtype), graph.tensor((1, 32), dtype)
    graph.op(name, [given], [out])
    return _write(graph, path, out)


def gather_model(path: Path, *, rows: int) -> Path:
    """A look-up of int32 ids in a table of `rows` rows."""
    graph = Graph()
    table = graph.const(np.ones((rows, 4)), "float32")
    ids, out = graph.input((64,), "int32"), graph.tensor((64, 4))
    graph.op("GATHER", [table, ids], [out])
    return _write(graph, path, out)


def string_model(path: Path) -> Path:
    graph = Graph()
    given, out = graph.input((4,), "string"), graph.tensor((1,), "string")
    graph.op("GATHER", [given, graph.const([0])], [out], version=2)
    return _write(graph, path, out)


def dynamic_model(path: Path) -> Path:
    """The batch is not known before run time."""
    graph = Graph()
    given = graph.input((1, 32), signature=(-1, 32))
    out = graph.tensor((1, 32), signature=(-1, 32))
    graph.op("ADD", [given, given], [out])
    return _write(graph, path, out)


def custom_op_model(path: Path) -> Path:
    """An operator that the plain runtime does not have."""
    graph = Graph()
    given, out = graph.input((1, 32)), graph.tensor((1, 32))
    graph.op("CUSTOM", [given], [out], custom="NobodyKnowsThis")
    return _write(graph, path, out)


def matrix_model(path: Path, *, size: int) -> Path:
    """One matrix of `size` x `size` floats: memory that the test can dimension."""
    graph = Graph()
    return _write(graph, path, graph.fully_connected(graph.input((1, size)), size))


def _write(graph: Graph, path: Path, *outputs: int) -> Path:
    graph.outputs(*outputs)
    path.write_bytes(graph.to_bytes())
    return path
