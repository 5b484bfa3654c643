""".tflite bytes -> ModelInfo, and the hash of a model file. No weight is read for the former."""

from qbench.modelfile.digest import sha256
from qbench.modelfile.reader import read

__all__ = ["read", "sha256"]
