"""fp32 .tflite -> dynamic, fp16, int8, by litert-quantizer (extra `quantize`; no TensorFlow), or
by TFLiteConverter in an environment of its own, as a second opinion."""

from qbench.pipeline.quantization.options import Io, Options, Quantizer
from qbench.pipeline.quantization.quantize import Quantized, check, output_path, quantize

__all__ = ["Io", "Options", "Quantized", "Quantizer", "check", "output_path", "quantize"]
