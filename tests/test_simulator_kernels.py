"""What would really run: fusion, padding, bytes."""

from __future__ import annotations

import msgspec
import pytest

from fakes.public_networks import Graph, build, names
from qbench import profiles
from qbench.placement import Segment
from qbench.records import ComputeUnit, ModelInfo
from qbench.simulator import cost, kernels, priors
from qbench.simulator.cost import Coefficients, KernelCost
from qbench.simulator.kernels import Dtype, Family, Kernel

CPU, GPU, NPU = ComputeUnit.CPU, ComputeUnit.GPU, ComputeUnit.NPU
SD865 = profiles.load("sd865")
EXECUTORS = {CPU: "xnnpack", GPU: "gpu", NPU: "nnapi"}


def lowered(model: ModelInfo, unit: ComputeUnit, executor: str | None = None) -> tuple[Kernel, ...]:
    """The whole model as one piece on one unit."""
    ops = tuple(range(len(model.main.ops)))
    segment = Segment(unit, executor or EXECUTORS[unit], ops)
    return kernels.lower(kernels.Graph(model), segment, SD865)


def grouped(model: ModelInfo, unit: ComputeUnit) -> list[list[str]]:
    return [[model.main.ops[i].name for i in k.ops] for k in lowered(model, unit)]


def conv_macs(out: int, unit: ComputeUnit, dtype: str, channels: int = 64) -> int:
    """Padded multiply-accumulates of a 3x3 convolution from `channels` to `out` at 14x14."""
    g = Graph("conv", dtype)
    g.conv(g.input(14, 14, channels), out, 3)
    (kernel,) = lowered(g.info(), unit)
    return kernel.macs


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("unit", ComputeUnit)
def test_every_operator_is_in_exactly_one_kernel_and_padding_never_saves_work(
    name: str, unit: ComputeUnit
) -> None:
    model = build(name, "int8")
    found = lowered(model, unit)
    assert sorted(i for k in found for i in k.ops) == list(range(len(model.main.ops)))
    for kernel in found:
        own = sum(model.main.ops[i].macs or 0 for i in kernel.ops)
        assert kernel.macs >= (own if kernel.launches == 1 else own // 4)


def test_xnnpack_folds_a_pad_and_a_clamp_into_the_convolution_but_no_addition() -> None:
    g = Graph("block")
    x = g.input(16, 16, 8)
    y = g.conv(g.pad(x, 1, 1), 8, 3, act="NONE", padding="VALID")
    y = g.unary("RELU6", y)
    y = g.unary("RELU6", g.add(x, y))
    g.unary("HARD_SWISH", y)
    assert grouped(g.info(), CPU) == [["PAD", "CONV_2D", "RELU6"], ["ADD", "RELU6"], ["HARD_SWISH"]]


def test_the_gpu_links_elementwise_operators_to_what_is_before_them() -> None:
    g = Graph("block")
    x = g.input(16, 16, 8)
    y = g.unary("HARD_SWISH", g.add(x, g.conv(g.pad(x, 1, 1), 8, 3, padding="VALID")))
    g.unary("LOGISTIC", g.pool(y, 2, 2))
    expected = [["PAD", "CONV_2D", "ADD", "HARD_SWISH"], ["MAX_POOL_2D"], ["LOGISTIC"]]
    assert grouped(g.info(), GPU) == expected


def test_the_npu_pays_for_a_pad_of_its_own() -> None:
    g = Graph("stem", "int8", symmetric=True)
    g.conv(g.input(16, 16, 3), 8, 3, 2)
    assert grouped(g.info(), NPU) == [["PAD"], ["CONV_2D"]]
    assert grouped(g.info(), CPU) == [["PAD", "CONV_2D"]]


def test_a_result_that_is_read_twice_or_leaves_the_model_is_not_folded_away() -> None:
    g = Graph("twice")
    y = g.conv(g.input(16, 16, 8), 8, 3, act="NONE")
    g.add(y, g.unary("RELU", y))
    assert grouped(g.info(), CPU) == [["CONV_2D"], ["RELU"], ["ADD"]]
    g = Graph("leaves")
    y = g.conv(g.input(16, 16, 8), 8, 3, act="NONE")
    z = g.unary("RELU", y)
    assert grouped(g.info(y, z), CPU) == [["CONV_2D"], ["RELU"]]


def test_built_in_kernels_fold_nothing() -> None:
    g = Graph("builtin", "int8")
    g.unary("RELU", g.conv(g.input(16, 16, 8), 8, 3, act="NONE"))
    found = lowered(g.info(), CPU, "builtin")
    assert [k.family for k in found] == [Family.CONV, Family.BUILTIN]


@pytest.mark.parametrize(
    ("unit", "dtype", "step"),
    [(CPU, "float32", 8), (CPU, "int8", 16), (GPU, "int8", 4), (NPU, "int8", 32)],
)
def test_output_channels_cost_in_steps_of_the_tile(
    unit: ComputeUnit, dtype: str, step: int
) -> None:
    full = conv_macs(2 * step, unit, dtype)
    assert conv_macs(step + 1, unit, dtype) == full
    assert conv_macs(step, unit, dtype) == full // 2
    assert conv_macs(2 * step + 1, unit, dtype) == full * 3 // 2


def test_input_channels_of_the_npu_cost_in_steps_of_32() -> None:
    assert conv_macs(32, NPU, "int8", channels=33) == conv_macs(32, NPU, "int8", channels=64)


def test_many_small_groups_never_cost_the_npu_more_than_the_dense_product() -> None:
    dense, grouped_conv = Graph("dense", "int8"), Graph("grouped", "int8")
    dense.conv(dense.input(14, 14, 128), 128, 3)
    grouped_conv.conv(grouped_conv.input(14, 14, 128), 128, 3, groups=32)
    (a,), (b,) = lowered(dense.info(), NPU), lowered(grouped_conv.info(), NPU)
    assert b.macs == a.macs


@pytest.mark.parametrize(
    ("side", "channels", "stride", "family", "winograd"),
    [
        (56, 128, 1, "adreno6xx", True),
        (44, 128, 1, "adreno6xx", False),  # 121 tiles
        (56, 124, 1, "adreno6xx", False),  # 31 slices
        (56, 128, 2, "adreno6xx", False),
        (32, 128, 1, "adreno7xx", True),
        (32, 64, 1, "mali", True),
    ],
)
def test_winograd_is_chosen_as_the_gpu_delegate_chooses_it(
    side: int, channels: int, stride: int, family: str, winograd: bool
) -> None:
    assert SD865.gpu is not None
    gpu = msgspec.structs.replace(SD865.gpu, family=family)
    profile = msgspec.structs.replace(SD865, gpu=gpu)
    g = Graph("conv")
    g.conv(g.input(side * stride, side * stride, channels), channels, 3, stride)
    model = g.info()
    (kernel,) = kernels.lower(kernels.Graph(model), Segment(GPU, "gpu", (0,)), profile)
    own = model.macs or 0
    assert (kernel.macs, kernel.launches) == ((own // 4, 3) if winograd else (own, 1))


def test_the_gpu_computes_quantized_graphs_in_fp16() -> None:
    g = Graph("conv", "int8")
    g.conv(g.input(8, 8, 16), 16, 3)
    (on_gpu,), (on_cpu,) = lowered(g.info(), GPU), lowered(g.info(), CPU)
    assert (on_gpu.dtype, on_cpu.dtype) == (Dtype.FP16, Dtype.INT8)
    assert on_gpu.activation_bytes == 2 * on_cpu.activation_bytes == 2 * 2 * 8 * 8 * 16


def test_weights_that_are_unpacked_before_the_first_run_cost_nothing_per_invoke() -> None:
    """fp16 weights come as DEQUANTIZE of a constant: it runs once, not at every invoke."""
    g = Graph("half")
    g.conv(g.input(8, 8, 16), 16, 3)
    plain = g.info()
    (conv,) = plain.main.ops
    half = g.tensor((16, 3, 3, 16), constant=True)
    unpack = msgspec.structs.replace(conv, name="DEQUANTIZE", inputs=(half,), outputs=(1,), macs=0)
    tensors = [
        msgspec.structs.replace(t, is_constant=False) if t.index == 1 else t for t in g.tensors
    ]
    main = msgspec.structs.replace(
        plain.main,
        tensors=tuple(tensors),
        ops=(unpack, msgspec.structs.replace(conv, index=1)),
    )
    (kernel,) = lowered(msgspec.structs.replace(plain, subgraphs=(main,)), CPU)
    (expected,) = lowered(plain, CPU)
    assert msgspec.structs.replace(kernel, ops=(0,)) == expected


def test_thin_images_are_counted_by_pixels_and_only_where_pixels_matter() -> None:
    g = Graph("thin", "int8")
    x = g.input(10, 20, 3)
    g.conv(g.add(x, x), 8, 3)
    add, conv = lowered(g.info(), NPU)
    assert (add.thin_pixels, conv.thin_pixels) == (0, 200)


def test_the_bytes_that_cross_a_boundary_are_those_read_from_and_left_for_others() -> None:
    g = Graph("pieces")
    x = g.input(4, 4, 2)
    y = g.conv(x, 3, 1)
    g.add(y, g.conv(y, 3, 1))
    model = g.info()
    graph = kernels.Graph(model)
    first = Segment(NPU, "nnapi", (0,))
    last = Segment(CPU, "xnnpack", (1, 2))
    assert kernels.boundary_bytes(graph, first) == 4 * 4 * 4 * (2 + 3)
    assert kernels.boundary_bytes(graph, last) == 4 * 4 * 4 * (3 + 3)


def test_depth_is_the_length_of_a_convolution_s_sum_and_a_quarter_with_winograd() -> None:
    g = Graph("deep", "int8")
    g.conv(g.input(14, 14, 96), 64, 3)
    (kernel,) = lowered(g.info(), GPU)
    assert kernel.depth == 96 * 9
    g = Graph("winograd", "int8")
    g.conv(g.input(56, 56, 128), 128, 3)
    (kernel,) = lowered(g.info(), GPU)
    assert (kernel.launches, kernel.depth) == (3, 128 * 9 / 4)
    g = Graph("add", "int8")
    x = g.input(8, 8, 8)
    g.add(x, x)
    assert [k.depth for k in lowered(g.info(), GPU)] == [0]


def priced(kernel: Kernel, coefficients: Coefficients) -> KernelCost:
    at = cost.speed(SD865, kernel.unit, kernel.dtype, 1)
    return cost.kernel_cost(kernel, at, coefficients)


def test_a_core_computes_and_loads_in_turn_and_a_gpu_at_once() -> None:
    g = Graph("conv")
    g.conv(g.input(28, 28, 64), 64, 1)
    free = priors.coefficients(CPU, Dtype.FP32)
    for unit, both in ((CPU, "sum"), (GPU, "larger")):
        (kernel,) = lowered(g.info(), unit)
        only = msgspec.structs.replace
        base = only(free, conv_ratio=2.0, bytes_ratio=3.0, kernel_us=0.0)
        compute_us = priced(kernel, only(base, bytes_ratio=1e-9)).time_us
        bytes_us = priced(kernel, only(base, conv_ratio=1e-9)).time_us
        expected = compute_us + bytes_us if both == "sum" else max(compute_us, bytes_us)
        assert priced(kernel, base).time_us == pytest.approx(expected, rel=1e-6)


def test_a_small_deep_image_costs_a_gpu_its_depth() -> None:
    g = Graph("deep", "int8")
    g.conv(g.input(7, 7, 512), 64, 3)
    (kernel,) = lowered(g.info(), GPU)
    told = priced(kernel, priors.coefficients(GPU, Dtype.FP16))
    assert told.bound_by == "overhead"
    assert told.time_us > 512 * 9 * 0.08


def test_a_pad_of_a_thin_image_is_priced_apart_from_what_repacks_it() -> None:
    g = Graph("stem", "int8", symmetric=True)
    g.conv(g.input(16, 16, 3), 8, 3, 2)
    pad, conv = lowered(g.info(), NPU)
    assert (pad.is_pad, conv.is_pad) == (True, False)
    at = cost.speed(SD865, NPU, Dtype.INT8, 1)
    terms = [cost.terms(k, at) for k in (pad, conv)]
    assert [(t.thin_pad_pixels, t.thin_pixels) for t in terms] == [
        (16 * 16 + 18 * 18, 0),
        (0, 18 * 18),
    ]


def test_a_clamp_of_its_own_is_a_kernel_of_its_own_on_the_npu_alone() -> None:
    g = Graph("clamps", "int8", fused=False)
    g.conv(g.input(16, 16, 8), 8, 3, act="RELU6")
    assert grouped(g.info(), CPU) == [["CONV_2D", "RELU6"]]
    assert grouped(g.info(), NPU) == [["CONV_2D"], ["RELU6"]]
    clamp = lowered(g.info(), NPU)[1]
    assert clamp.family is Family.CLAMP
    terms = cost.terms(clamp, cost.speed(SD865, NPU, Dtype.INT8, 1))
    assert (terms.clamped_elements, terms.bytes_us, terms.compute_us) == (16 * 16 * 8, 0, 0)


def test_holes_in_a_convolution_slow_the_npu_down_and_nobody_else() -> None:
    plain, dilated = Graph("plain", "int8"), Graph("dilated", "int8")
    plain.conv(plain.input(32, 32, 64), 64, 3)
    dilated.conv(dilated.input(32, 32, 64), 64, 3, dilation=2)
    for unit, ratio in ((NPU, cost.DILATED_RATIO), (GPU, 1), (CPU, 1)):
        at = cost.speed(SD865, unit, Dtype.INT8, 1)
        (a,), (b,) = lowered(plain.info(), unit), lowered(dilated.info(), unit)
        slower = cost.terms(b, at).compute_us / cost.terms(a, at).compute_us
        assert slower == pytest.approx(ratio)


@pytest.mark.parametrize(("side", "spilled"), [(64, 0), (256, 2 * 256 * 256 * 32 - 2_000_000)])
def test_only_what_an_npu_cannot_keep_on_the_chip_spills(side: int, spilled: int) -> None:
    g = Graph("large", "int8")
    g.conv(g.input(side, side, 32), 32, 3)
    for unit, expected in ((NPU, spilled), (GPU, 0), (CPU, 0)):
        (kernel,) = lowered(g.info(), unit)
        at = cost.speed(SD865, unit, Dtype.INT8, 1)
        assert cost.terms(kernel, at).spilled_bytes == expected


@pytest.mark.parametrize(
    ("rows", "columns", "parts"),
    [(1, 8, 1), (4, 8, 1), (5, 8, 2), (4, 9, 2), (9, 17, 9)],  # tiles of 4x8 on an A77
)
def test_threads_share_a_matrix_product_by_tiles(rows: int, columns: int, parts: int) -> None:
    g = Graph("product", "float32")
    g.conv(g.input(1, rows, 16), columns, 1)
    (kernel,) = lowered(g.info(), CPU)
    assert kernel.parts == parts


def test_threads_share_a_depthwise_convolution_by_lines_and_nothing_else_by_count() -> None:
    g = Graph("lines", "int8")
    x = g.depthwise(g.input(7, 20, 32), 3)
    g.add(x, x)
    dw, add = lowered(g.info(), CPU)
    assert (dw.parts, add.parts) == (7, 0)


@pytest.mark.parametrize(("parts", "shared"), [(1, 1), (2, 2), (4, 4), (5, 2.5), (1000, 4), (0, 4)])
def test_the_last_round_of_parts_leaves_threads_without_work(parts: int, shared: float) -> None:
    """Of 4 threads as many are busy on average as parts make rounds."""
    g = Graph("one", "float32")
    g.conv(g.input(16, 16, 32), 32, 3)
    kernel = msgspec.structs.replace(lowered(g.info(), CPU)[0], parts=parts)
    at = cost.speed(SD865, CPU, Dtype.FP32, 4)
    alone = msgspec.structs.replace(at, threads=1)
    ratio = cost.terms(kernel, at).compute_us / cost.terms(kernel, alone).compute_us
    assert ratio == pytest.approx(4 / shared)
