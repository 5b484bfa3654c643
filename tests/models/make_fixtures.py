"""Writes the small .tflite files of this folder; what each is for stands in README.md.

    python tests/models/make_fixtures.py        # writes those that differ

Weights are random, from a fixed seed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent))

from models import networks, operators, option_values, structures  # noqa: E402

FIXTURES: dict[str, Callable[[], bytes]] = {
    "activations_int16": operators.activations_int16,
    "blockwise": operators.blockwise,
    "cnn_dynamic": lambda: networks.cnn("dynamic"),
    "cnn_fp16": lambda: networks.cnn("fp16"),
    "cnn_fp32": lambda: networks.cnn("fp32"),
    "cnn_int8": lambda: networks.cnn("int8"),
    "cnn_int8_float_io": lambda: networks.cnn("int8", float_io=True),
    "cnn_int8_float_tail": lambda: networks.cnn("int8", float_tail=True),
    "cnn_uint8": lambda: networks.cnn("uint8"),
    "control_flow": structures.control_flow,
    "custom_op": structures.custom_op,
    "dtypes": structures.dtypes,
    "every_option": option_values.every_option,
    "float_island": networks.float_island,
    "free_batch": structures.free_batch,
    "matrix_ops": operators.matrix_ops,
    "outside_buffers": structures.outside_buffers,
    "recurrent": operators.recurrent,
    "sparse": structures.sparse,
    "state": structures.state,
    "value_sized": structures.value_sized,
    "weights_int4": operators.weights_int4,
}


def main() -> int:
    for name, build in FIXTURES.items():
        path = FOLDER / f"{name}.tflite"
        content = build()
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            print(f"wrote {path.name}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
