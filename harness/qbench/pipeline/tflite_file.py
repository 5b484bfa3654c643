"""Finishing a .tflite file: it tells where it comes from, is what it claims, and lands whole."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qbench import modelfile
from qbench.errors import InputError, ModelFileError
from qbench.records import ModelInfo, Precision

METADATA_NAME = "qbench_provenance"


def sign(content: bytes, description: str, provenance: Mapping[str, Any]) -> bytes:
    """The .tflite file `content` with this description and a metadata entry (JSON) added, in
    place of the one it has.

    Everything else is kept, and constant data starts at multiples of 16 bytes, as the schema
    asks (`force_align: 16`) and the converter's last step, written in Python as well, forgets.
    """
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(content)
    model.description = description
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(dict(provenance)).encode(), np.uint8)
    model.buffers.append(buffer)
    model.metadata = [m for m in model.metadata or [] if _text(m.name) != METADATA_NAME]
    entry = schema.MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(model.buffers) - 1
    model.metadata.append(entry)
    return pack(model, len(content))


def unpack(content: bytes) -> Any:
    """The .tflite file `content` as the schema's objects.

    litert-quantizer puts the constants of larger models behind the tables, where the generated
    classes do not look; they are fetched from there.
    """
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:  # 0 and 1: the data is inside
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def pack(model: Any, about_bytes: int) -> bytes:
    """The file again, all constants inside and aligned."""
    import flatbuffers

    model.buffers = [_AlignedBuffer(b.data) for b in model.buffers]
    builder = flatbuffers.Builder(about_bytes + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def provenance(path: Path) -> dict[str, Any] | None:
    """What `sign` wrote into a file; None: nothing, or nothing that can be read."""
    from ai_edge_litert import schema_py_generated as schema

    if METADATA_NAME not in modelfile.read(path).metadata_names:
        return None
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as file:
        model = schema.Model.GetRootAs(file, 0)
        for index in range(model.MetadataLength()):
            entry = model.Metadata(index)
            if _text(entry.Name()) == METADATA_NAME:
                data = model.Buffers(entry.Buffer()).DataAsNumpy()
                content = data.tobytes()
                del data, model, entry
                break
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def put(
    path: Path,
    content: bytes,
    precision: Precision,
    prove: Callable[[ModelInfo, str], None] | None = None,
) -> None:
    """Write `content` to `path`, wholly or not at all, once it has proved to be `precision`.

    int8 means int8 from input to output: a float tensor anywhere is refused, unless `prove`, given
    what the file holds and its name, judges instead. Raises ModelFileError when it is something
    else, InputError when `path` cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            part.write_bytes(content)
            _prove(part, path.name, precision, prove)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def _prove(
    path: Path,
    name: str,
    precision: Precision,
    prove: Callable[[ModelInfo, str], None] | None,
) -> None:
    info = modelfile.read(path)
    if prove is not None:
        prove(info, name)
        return
    floats = {t.dtype for t in info.main.tensors if t.dtype.startswith("float")}
    if info.precision is precision and not (precision is Precision.INT8 and floats):
        return
    found = ", with ".join([info.precision, *sorted(floats)])
    raise ModelFileError(
        f"{name}: the converter was asked for {precision} and gave {found}",
        hint="pip install 'tensorflow-cpu==2.21.0', the version that is known to work",
    )


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
