"""What a .tflite file says about itself: nouns only, no reading.

`gc=False`: these values cannot be part of a cycle, and a folder of models is hundreds of thousands
of them, which the collector would walk over and over.
"""

from __future__ import annotations

from enum import StrEnum
from math import prod

import msgspec


class Precision(StrEnum):
    """How a model's weights and activations are held."""

    FP32 = "fp32"
    FP16 = "fp16"  # float16 weights, float activations
    DYNAMIC = "dynamic"  # int8 weights, float activations ("dynamic range")
    INT8 = "int8"  # int8 (or uint8) weights and activations
    MIXED = "mixed"  # none of the above: int16 activations, int4 weights, float islands ...


class Quantization(msgspec.Struct, frozen=True, gc=False):
    """Affine quantization of one tensor. Per channel when `channels` > 1.

    `scale` and `zero_point` are the first channel's; `zero_points_all_zero` speaks of all.
    """

    scale: float
    zero_point: int
    channels: int
    axis: int
    zero_points_all_zero: bool


class TensorInfo(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One tensor of a subgraph.

    `shape` is the static shape, as in the file. `nbytes` is None where the size is not known
    before run time (dynamic shape, strings). `values` holds small integer constants (axes,
    paddings, new shapes: <= 16 elements of int32 or int64), else None.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str  # "float32", "float16", "int8", "uint8", "int32", ...
    nbytes: int | None
    is_constant: bool = False
    is_dynamic: bool = False  # some dimension is -1 in shape_signature, or there is no shape
    is_variable: bool = False
    is_sparse: bool = False
    quantization: Quantization | None = None
    values: tuple[int, ...] | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> int:
        return prod(self.shape)


class OpOptions(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The builtin options that placement and cost look at; None where the op has no such option.

    Names are those of the TFLite schema, shortened where the schema's are long.
    """

    activation: str | None = None  # NONE, RELU, RELU_N1_TO_1, RELU6, TANH, SIGN_BIT
    padding: str | None = None  # SAME, VALID
    stride_h: int | None = None
    stride_w: int | None = None
    dilation_h: int | None = None
    dilation_w: int | None = None
    filter_h: int | None = None
    filter_w: int | None = None
    depth_multiplier: int | None = None
    keep_num_dims: bool | None = None
    keep_dims: bool | None = None
    weights_format: str | None = None  # DEFAULT, SHUFFLED4x16INT8
    asymmetric_quantize_inputs: bool | None = None
    axis: int | None = None
    num_splits: int | None = None
    values_count: int | None = None
    beta: float | None = None
    alpha: float | None = None
    block_size: int | None = None
    align_corners: bool | None = None
    half_pixel_centers: bool | None = None
    begin_mask: int | None = None
    end_mask: int | None = None
    ellipsis_mask: int | None = None
    new_axis_mask: int | None = None
    shrink_axis_mask: int | None = None
    offset: bool | None = None
    mode: str | None = None  # REFLECT, SYMMETRIC
    in_dtype: str | None = None
    out_dtype: str | None = None
    adj_x: bool | None = None
    adj_y: bool | None = None
    approximate: bool | None = None
    kernel_type: str | None = None  # LSTM: FULL, BASIC


class OpInfo(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One operator, in execution order. -1 in `inputs` means "optional input not given".

    `macs` counts multiply-accumulates of convolutions, matrix products and transposed
    convolutions; 0 for all other operators; None where a shape is not known.
    """

    index: int
    name: str  # "CONV_2D", ...; "CUSTOM" for custom operators
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    macs: int | None
    options: OpOptions
    custom_name: str | None = None

    @property
    def label(self) -> str:
        """`CONV_2D`, or `CUSTOM:name`."""
        return f"CUSTOM:{self.custom_name}" if self.custom_name is not None else self.name


class SubgraphInfo(msgspec.Struct, frozen=True):
    index: int
    name: str
    tensors: tuple[TensorInfo, ...]
    ops: tuple[OpInfo, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class ModelInfo(msgspec.Struct, frozen=True):
    """A .tflite file without its weights. Subgraph 0 is the one that is run.

    `weight_bytes` counts each constant buffer once; `activation_bytes` is the sum of all
    non-constant tensors of subgraph 0 (not the arena, which reuses memory).
    `sha256` is None until somebody asked for it: a hash reads every byte of the file.
    """

    path: str
    file_bytes: int
    schema_version: int
    description: str
    precision: Precision
    subgraphs: tuple[SubgraphInfo, ...]
    weight_bytes: int
    activation_bytes: int | None
    metadata_names: tuple[str, ...] = ()
    signature_names: tuple[str, ...] = ()
    sha256: str | None = None

    @property
    def main(self) -> SubgraphInfo:
        return self.subgraphs[0]

    @property
    def macs(self) -> int | None:
        """Of subgraph 0; None when one operator's are not known."""
        total = 0
        for op in self.main.ops:
            if op.macs is None:
                return None
            total += op.macs
        return total

    @property
    def io_dtypes(self) -> tuple[str, ...]:
        """The distinct dtypes of subgraph 0's inputs and outputs, inputs first."""
        main = self.main
        return tuple(dict.fromkeys(main.tensors[i].dtype for i in (*main.inputs, *main.outputs)))
