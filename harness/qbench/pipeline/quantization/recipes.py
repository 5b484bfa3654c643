"""What litert-quantizer is told for each scheme."""

from __future__ import annotations

from typing import Any

from qbench.pipeline.quantization.options import Io, Options
from qbench.records import Precision


def recipe(options: Options) -> list[dict[str, Any]]:
    """The quantizer's recipe. fp32 needs none."""
    from litert_quantizer import qtyping
    from litert_quantizer.algorithm_manager import AlgorithmName
    from litert_quantizer.recipe_manager import RecipeManager

    names, granularities = qtyping.TFLOperationName, qtyping.QuantGranularity
    granularity = granularities.CHANNELWISE if options.per_channel else granularities.TENSORWISE
    manager = RecipeManager()
    match options.scheme:
        case Precision.DYNAMIC:
            manager.add_dynamic_config(".*", names.ALL_SUPPORTED, 8, granularity)
        case Precision.FP16:
            half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
            config = qtyping.OpQuantizationConfig(
                weight_tensor_config=half,
                compute_precision=qtyping.ComputePrecision.FLOAT,
                explicit_dequantize=True,  # as TFLiteConverter does: XNNPACK and GPU fold it
            )
            manager.add_quantization_config(
                ".*", names.ALL_SUPPORTED, config, AlgorithmName.FLOAT_CASTING
            )
        case Precision.INT8:
            manager.add_static_config(".*", names.ALL_SUPPORTED, 8, 8, granularity)
            if options.io is Io.FLOAT:
                for end in (names.INPUT, names.OUTPUT):
                    manager.add_quantization_config(".*", end, None, AlgorithmName.NO_QUANTIZE)
        case other:
            raise AssertionError(f"{other} has no recipe")
    found: list[dict[str, Any]] = manager.get_quantization_recipe()
    return found
