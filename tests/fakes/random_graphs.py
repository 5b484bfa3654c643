"""Graphs drawn from a list of numbers: any mixture of operators that XNNPACK takes and does not,
and of constants that are unpacked when it is built (fp16, int8, sparse)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fakes.graphs import Graph

SIDE = 4  # every tensor is SIDE x SIDE, so that any may be put anywhere
SHAPE = (SIDE, SIDE)
KINDS = 12

Pick = tuple[int, int, int]


def build(picks: Sequence[Pick]) -> bytes:
    """One operator (or a few) per pick: its kind, and which earlier tensors it reads."""
    g = Graph()
    made = [g.input(SHAPE)]
    unpacked: list[int] = []
    for kind, a, b in picks:
        first, second = made[a % len(made)], made[b % len(made)]
        weights = unpacked[b % len(unpacked)] if unpacked else g.const(np.ones(SHAPE), "float32")
        match kind % KINDS:
            case 0:
                made.append(_apply(g, "ABS", first))
            case 1:
                made.append(_apply(g, "SIGN", first))  # not XNNPACK's
            case 2:
                made.append(_apply(g, "ADD", first, second))
            case 3:
                made.append(_apply(g, "FLOOR_MOD", first, second))  # not XNNPACK's
            case 4:
                unpacked.append(_apply(g, "DEQUANTIZE", g.const(np.ones(SHAPE), "float16")))
            case 5:
                unpacked.append(_apply(g, "DEQUANTIZE", g.const(np.ones(SHAPE), "int8")))
            case 6:
                dense = g.tensor(SHAPE, "float16")
                sparse = g.const(np.ones(SHAPE), "float16", sparse=True)
                g.op("DENSIFY", [sparse], [dense])
                unpacked.append(_apply(g, "DEQUANTIZE", dense))
            case 7:
                made.append(_apply(g, "FULLY_CONNECTED", first, weights))
            case 8:
                made.append(_apply(g, "ADD", first, weights))
            case 9:
                made.append(_apply(g, "FLOOR_MOD", first, weights))
            case 10:
                halves = [g.tensor((SIDE, SIDE // 2)) for _ in range(2)]
                g.op("SPLIT", [g.const(1), first], halves, numSplits=2)
                joined = g.tensor(SHAPE)
                g.op("CONCATENATION", halves, [joined], axis=1)
                made.append(joined)
            case _:
                made.append(_apply(g, "FULLY_CONNECTED", weights, weights))
    read = {t for operator in g.main.operators for t in operator.inputs}
    g.outputs(*[t for t in made[1:] if t not in read] or [made[-1]])
    return g.to_bytes()


def _apply(g: Graph, name: str, *inputs: int) -> int:
    y = g.tensor(SHAPE)
    g.op(name, inputs, [y])
    return y
