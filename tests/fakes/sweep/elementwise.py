"""Operators on single elements: one operand, two operands, comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fakes.sweep.parts import ACTIVATIONS, DTYPES, Case, c, op, t, zeros

UNARY = (
    *("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LOG", "LOGISTIC", "NEG"),
    *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ROUND", "RSQRT", "SIN", "SQRT"),
    *("SQUARE", "TANH", "SIGN", "GELU", "LEAKY_RELU", "LOG_SOFTMAX", "LOGICAL_NOT"),
    *("ZEROS_LIKE", "L2_NORMALIZATION"),
)
BINARY = (
    *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "POW", "PRELU"),
    *("FLOOR_DIV", "FLOOR_MOD", "ATAN2", "LOGICAL_AND", "LOGICAL_OR", "ADD_N"),
)
COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
FUSED = ("ADD", "SUB", "MUL", "DIV")


def _unary_options(name: str) -> dict[str, Any]:
    options: dict[str, dict[str, Any]] = {"LEAKY_RELU": {"alpha": 0.1}}
    return options.get(name, {})


def unary_cases() -> Iterator[Case]:
    for name in UNARY:
        more = _unary_options(name)
        for dtype in DTYPES:
            tensor = t(1, 4, 4, 8, dtype=dtype)
            yield f"{name} {dtype}", op(name, [tensor], [tensor], **more)
    for name in ("ABS", "LOGISTIC", "RELU"):
        for shape in ((), (3,), (1, 2, 2, 2, 2), (1, 1, 2, 2, 2, 2), (1, 1, 1, 2, 2, 2, 2)):
            yield f"{name} rank {len(shape)}", op(name, [t(*shape)], [t(*shape)])
        yield f"{name} empty", op(name, [t(1, 0, 4)], [t(1, 0, 4)])
        for version in (2, 3):
            yield f"{name} v{version}", op(name, [t(1, 4)], [t(1, 4)], version)
        yield f"{name} of a constant", op(name, [zeros(1, 4)], [t(1, 4)])
        two = op(name, [t(1, 4), t(1, 4)], [t(1, 4)])
        yield f"{name} two inputs", two
        per_channel = t(1, 2, 2, 2, dtype="int8", scale=[0.1, 0.2], axis=3)
        yield f"{name} int8 per channel", op(name, [per_channel], [per_channel])
        bare = t(1, 4, dtype="int8", quantized=False)
        yield f"{name} int8 without scale", op(name, [bare], [bare])
        yield f"{name} f32 to int8", op(name, [t(1, 4)], [t(1, 4, dtype="int8")])
    for alpha in (0.0, 0.3, -0.5, 1e-39, 200.0):
        yield f"LEAKY_RELU alpha {alpha}", op("LEAKY_RELU", [t(1, 4)], [t(1, 4)], alpha=alpha)
    for into, out in ((1.0, 1.0), (1.0, 300.0), (300.0, 1.0), (0.01, 1.0), (128.0, 1.0)):
        for alpha in (0.1, 0.5):
            q = [t(1, 4, dtype="int8", scale=into)], [t(1, 4, dtype="int8", scale=out)]
            name = f"LEAKY_RELU int8 alpha {alpha} scales {into} {out}"
            yield name, op("LEAKY_RELU", *q, alpha=alpha)
    for beta in (1.0, 0.5):
        for dtype in DTYPES[:4]:
            tensor = t(1, 8, dtype=dtype)
            yield f"SOFTMAX {dtype} beta {beta}", op("SOFTMAX", [tensor], [tensor], beta=beta)
    yield "SOFTMAX v2", op("SOFTMAX", [t(1, 8)], [t(1, 8)], 2, beta=1.0)
    yield "SOFTMAX v3", op("SOFTMAX", [t(1, 8)], [t(1, 8)], 3, beta=1.0)
    yield "SOFTMAX rank 4", op("SOFTMAX", [t(1, 2, 2, 8)], [t(1, 2, 2, 8)], beta=1.0)
    for source in DTYPES:
        for target in ("float32", "int32", "bool", "float16", "int8"):
            pair = op("CAST", [t(1, 4, dtype=source)], [t(1, 4, dtype=target)])
            yield f"CAST {source} to {target}", pair


def binary_cases() -> Iterator[Case]:
    for name in BINARY:
        for dtype in DTYPES:
            x = t(1, 4, 4, 8, dtype=dtype)
            yield f"{name} {dtype}", op(name, [x, x], [x])
            fixed = zeros(1, 4, 4, 8, dtype=dtype)
            yield f"{name} {dtype} by constant", op(name, [x, fixed], [x])
        x = t(1, 4, 4, 8)
        yield f"{name} of constants", op(name, [zeros(1, 4), zeros(1, 4)], [t(1, 4)])
        yield f"{name} by scalar constant", op(name, [x, c(0.0, "float32")], [x])
        yield f"{name} by scalar", op(name, [x, t()], [x])
        yield f"{name} by vector", op(name, [x, t(8)], [x])
        yield f"{name} 4 and 2 dimensions", op(name, [x, t(1, 8)], [x])
        yield f"{name} 4 and 1x1", op(name, [x, t(1, 1)], [x])
        yield f"{name} 4 and 2 unlike", op(name, [x, t(4, 8)], [x])
        yield f"{name} 4 and 3 dimensions", op(name, [x, t(4, 4, 8)], [x])
        big = t(2, 4, 4, 8)
        yield f"{name} batch 2, 4 and 3 dimensions", op(name, [big, t(4, 4, 8)], [big])
        yield f"{name} 3 and 2 dimensions", op(name, [t(2, 4, 8), t(4, 8)], [t(2, 4, 8)])
        wide = t(1, 1, 2, 2, 4)
        yield f"{name} 5 dimensions", op(name, [wide, wide], [wide])
        seven = t(1, 1, 1, 1, 2, 2, 4)
        yield f"{name} 7 dimensions", op(name, [seven, seven], [seven])
        yield f"{name} empty", op(name, [t(0, 4), t(0, 4)], [t(0, 4)])
        yield f"{name} three inputs", op(name, [x, x, x], [x])
        for version in (2, 3, 4):
            yield f"{name} v{version}", op(name, [x, x], [x], version)
    for name in FUSED:
        for activation in ACTIVATIONS:
            pair = [t(1, 4), t(1, 4)]
            fused = op(name, pair, [t(1, 4)], fusedActivationFunction=activation)
            yield f"{name} {activation}", fused
    for name in ("ADD", "SUB", "MUL"):
        q = t(1, 4, dtype="int8")
        yield f"{name} f32 and int8", op(name, [t(1, 4), q], [t(1, 4)])
        yield f"{name} int8 and uint8", op(name, [q, t(1, 4, dtype="uint8")], [q])
        for into, out in ((1.0, 0.001), (1.0, 0.0039), (1.0, 2000.0), (1.0, 1024.0), (1.0, 7e4)):
            tensors = [t(1, 4, dtype="int8", scale=into)] * 2, [t(1, 4, dtype="int8", scale=out)]
            yield f"{name} int8 scales {into} to {out}", op(name, *tensors)
    for name in COMPARISONS:
        for dtype in ("float32", "int8", "int32", "bool"):
            x = t(1, 4, dtype=dtype)
            yield f"{name} {dtype}", op(name, [x, x], [t(1, 4, dtype="bool")])
