"""PyTorch, ONNX, Keras and SavedModels -> fp32 .tflite, each in an environment that has its
framework; the result must give the source's answers."""

from qbench.pipeline.conversion.convert import Converted, Route, convert, route_of

__all__ = ["Converted", "Route", "convert", "route_of"]
