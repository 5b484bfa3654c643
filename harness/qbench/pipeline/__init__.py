"""Making models: networks, conversion and quantization.

TensorFlow comes from the extra `convert` and is imported inside the functions that need it.
"""
