""".tflite bytes -> ModelInfo and back, and the hash of a model file. No weight is read."""

from qbench.modelfile.digest import sha256
from qbench.modelfile.reader import read
from qbench.modelfile.writing import write

__all__ = ["read", "sha256", "write"]
