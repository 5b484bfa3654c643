"""Writes VGG16 in float32 with its classic 1000 classes: 138 M parameters, more than 550 MB.

The weights are zero and the file is sparse, so it is there at once and takes no room. Each weight
lies right behind its Buffer table, as converters write them: tables are spread over the file.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

from models import surgery
from models.builder import Graph, Model, options

_CONVOLUTIONS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_DENSE = (4096, 4096, 1000)
MACS = 15_470_264_320
PARAMETERS = 138_357_544
OPERATORS = 23


def write_vgg16(path: Path, *, image: int = 224) -> int:
    """Write the file; returns its size in bytes."""
    model = Model("VGG16, zero weights")
    graph = model.graph()
    sizes = _layers(graph, image)
    head = bytearray(model.file())
    buffers = surgery.field(head, surgery.root(head), surgery.MODEL_BUFFERS)
    with path.open("wb") as stream:
        end = -(-len(head) // 16) * 16
        for number, size in enumerate(sizes, start=1):
            if size is None:
                continue
            # A vtable (6 bytes, padded), the Buffer table behind it, the vector's length, the data.
            surgery.point(head, surgery.item(head, buffers, number), end + 8)
            stream.seek(end)
            stream.write(struct.pack("<HHHxxiII", 6, 8, 4, 8, 4, size))
            end = -(-(end + 20 + size) // 16) * 16
        stream.seek(0)
        stream.write(head)
        stream.truncate(end)
    return end


def _layers(graph: Graph, image: int) -> list[int | None]:
    """Adds all layers; returns the bytes of each buffer's weights, None for those that are real."""
    sizes: list[int | None] = []

    def zeros(*shape: int) -> int:
        sizes.append(4 * math.prod(shape))
        return graph.tensor(shape, data=b"")

    x, channels, edge = graph.input([1, image, image, 3]), 3, image
    for width, count in _CONVOLUTIONS:
        for _ in range(count):
            choice = options("Conv2DOptions", strideH=1, strideW=1, fusedActivationFunction=1)
            y = graph.tensor([1, edge, edge, width])
            weights = [zeros(width, 3, 3, channels), zeros(width)]
            x, channels = graph.op("CONV_2D", [x, *weights], [y], choice), width
        pool = options(
            "Pool2DOptions", padding=1, strideH=2, strideW=2, filterHeight=2, filterWidth=2
        )
        edge //= 2
        x = graph.op("MAX_POOL_2D", [x], [graph.tensor([1, edge, edge, channels])], pool)
    features = edge * edge * channels
    shape = graph.ints([1, features])
    sizes.append(None)
    x = graph.op("RESHAPE", [x, shape], [graph.tensor([1, features])], options("ReshapeOptions"))
    for number, width in enumerate(_DENSE):
        last = number == len(_DENSE) - 1
        choice = options("FullyConnectedOptions", fusedActivationFunction=0 if last else 1)
        weights = [zeros(width, features), zeros(width)]
        x = graph.op("FULLY_CONNECTED", [x, *weights], [graph.tensor([1, width])], choice)
        features = width
    x = graph.op("SOFTMAX", [x], [graph.tensor([1, width])], options("SoftmaxOptions", beta=1.0))
    graph.outputs(x)
    return sizes
