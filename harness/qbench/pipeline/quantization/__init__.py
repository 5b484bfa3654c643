"""fp32 .tflite -> dynamic, fp16, int8, by litert-quantizer (extra `quantize`; no TensorFlow)."""

from qbench.pipeline.quantization.options import Io, Options
from qbench.pipeline.quantization.quantize import Quantized, check, output_path, quantize

__all__ = ["Io", "Options", "Quantized", "check", "output_path", "quantize"]
