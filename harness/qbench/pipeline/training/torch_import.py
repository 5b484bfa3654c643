"""PyTorch, if it is there, told how many processors it may use."""

from __future__ import annotations

import os
from typing import Any

from qbench.errors import MissingExtraError


def torch(threads: int = 1) -> Any:
    """The module. Raises MissingExtraError.

    Its threads wait asleep: by default they spin, and on a processor that others use as well
    that was measured to cost up to 19 times the work.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    try:
        import torch as module
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError(
            "PyTorch is needed, and is not installed",
            hint="pip install \"tflite-qbench[torch]\"  (in a checkout: pip install -e '.[torch]')",
        ) from None
    module.set_num_threads(threads)
    return module
