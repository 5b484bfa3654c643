"""One-operator models, many: every operator that XNNPACK or the GPU delegate has a rule for, in
every data type, and the conditions of these rules one at a time.

Models need not be runnable: what is asked of them is who takes the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from fakes.sweep import elementwise, others, products, shapes
from fakes.sweep.parts import Case

FAMILIES = (
    elementwise.unary_cases,
    elementwise.binary_cases,
    products.conv_cases,
    products.depthwise_cases,
    products.transpose_conv_cases,
    products.fully_connected_cases,
    products.matmul_cases,
    shapes.pool_cases,
    shapes.reduction_cases,
    shapes.moving_cases,
    shapes.slicing_cases,
    others.quantizing_cases,
    others.choosing_cases,
    others.variable_cases,
    others.custom_cases,
    others.other_cases,
)


@cache
def cases() -> dict[str, bytes]:
    """A readable name -> the model's bytes."""
    found: dict[str, bytes] = {}
    for name, build in builders():
        if name in found:
            raise AssertionError(f"two cases are called {name}")
        found[name] = build().to_bytes()
    return found


def builders() -> Iterator[Case]:
    for family in FAMILIES:
        yield from family()
