"""Writing into a .tflite file where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

METADATA_NAME = "qbench_provenance"


def sign(content: bytes, description: str, provenance: Mapping[str, Any]) -> bytes:
    """The .tflite file `content` with this description and a metadata entry (JSON) added.

    Everything else is kept, and constant data starts at multiples of 16 bytes, as the schema
    asks (`force_align: 16`) and the converter's last step, written in Python as well, forgets.
    """
    import flatbuffers
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    model.description = description
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(dict(provenance)).encode(), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(model.buffers) - 1
    model.metadata.append(entry)

    model.buffers = [_AlignedBuffer(b.data) for b in model.buffers]
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _AlignedBuffer:
    """Packs as the generated BufferT does, but aligned."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def Pack(self, builder: Any) -> Any:
        from ai_edge_litert import schema_py_generated as schema

        vector = None
        if self._data is not None:
            raw = self._data.tobytes()
            builder.StartVector(1, len(raw), 16)
            builder.head -= len(raw)
            builder.Bytes[builder.head : builder.head + len(raw)] = raw
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)
