"""The flags that say what goes into the model, as the tool reads them (benchmark_tflite_model.cc:
PopulateInputLayerInfo, LoadInputTensorData). Models of one input only."""

from __future__ import annotations

from pathlib import Path

import msgspec

from qbench.virtual.tool.flags import Flags, ToolError


class GivenInput(msgspec.Struct, frozen=True):
    """`file` None: made-up values of this shape."""

    name: str
    shape: tuple[int, ...]
    file: Path | None


class FatalError(Exception):
    """TFLITE_LOG(FATAL): the process ends with SIGABRT."""


def read(flags: Flags) -> GivenInput | None:
    """What the flags say; None: nothing. Raises ToolError."""
    names = [name for name in flags.text("input_layer").split(",") if name]
    shapes = [shape for shape in flags.text("input_layer_shape").split(":") if shape]
    if len(names) != len(shapes):
        raise ToolError(
            f"The number of items in --input_layer_shape ({flags.text('input_layer_shape')}, with "
            f"{len(shapes)} items) must match the number of items in --input_layer "
            f"({flags.text('input_layer')}, with {len(names)} items). For example "
            "--input_layer=input1,input2 --input_layer_shape=1,224,224,4:1,20"
        )
    item = flags.text("input_layer_value_files")
    name, is_split, file = item.replace("::", "\0").partition(":")
    if item and not is_split:
        raise ToolError(f"{item} doesn't contain any delimiter.")
    if item and name.replace("\0", ":") not in names:
        raise FatalError(f"Cannot find the corresponding input_layer name({name}) in {names}")
    if not names:
        return None
    shape = tuple(int(size) for size in shapes[0].split(","))
    return GivenInput(names[0], shape, Path(file.replace("\0", ":")) if item else None)


def load(file: Path, size_bytes: int) -> bytes:
    """The values. Raises FatalError for a file that is not there or has another size."""
    try:
        content = file.read_bytes()
    except OSError:
        raise FatalError(f"Failed to read the input_layer_value_file:{file}") from None
    if len(content) != size_bytes:
        raise FatalError(
            f"The size of {file} is {len(content)} bytes. It should be {size_bytes} bytes."
        )
    return content
