"""litert-quantizer 0.11.0 cannot quantize a convolution whose kernel is larger than 32 MiB.

It then works on a two-dimensional view of the kernel, to whose shape the four-dimensional scales
do not broadcast ("input operand has more dimensions than allowed by the axis remapping"). The
study's GoogLeNet has such a kernel: 1024 x 3 x 3 x 1024, 37.7 MB. Here it gets the kernel in
slices that are small enough, each with its own scales, which gives the same integers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LIMIT_BYTES = 32 << 20


@contextmanager
def in_slices(limit_bytes: int = _LIMIT_BYTES) -> Iterator[None]:
    """While it lasts, the quantizer sees no kernel above `limit_bytes`."""
    from litert_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor as module

    whole = module.uniform_quantize

    def sliced(values: Any, parameters: Any, *more: Any, **named: Any) -> Any:
        import numpy as np

        if values.ndim < 3 or values.nbytes <= limit_bytes:
            return whole(values, parameters, *more, **named)
        rows = max(1, limit_bytes // values[0].nbytes)
        return np.concatenate(
            [
                whole(values[at : at + rows], _of(parameters, at, rows, values), *more, **named)
                for at in range(0, len(values), rows)
            ]
        )

    module.uniform_quantize = sliced
    try:
        yield
    finally:
        module.uniform_quantize = whole


def _of(parameters: Any, at: int, rows: int, values: Any) -> Any:
    """`parameters` for those rows: scales of the first axis are sliced with it."""

    def part(of: Any) -> Any:
        along = of.ndim == values.ndim and of.shape[0] == len(values)
        return of[at : at + rows] if along else of

    return dataclasses.replace(
        parameters, scale=part(parameters.scale), zero_point=part(parameters.zero_point)
    )
