"""Frameworks that talk too much."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from qbench.errors import QBenchError


@contextmanager
def quiet() -> Iterator[None]:
    """Keep a framework's chatter off the terminal; show it when the framework fails.

    The C++ side of TensorFlow and LiteRT writes to file descriptor 2, partly before it reads the
    environment variables that are meant to silence it.
    """
    with tempfile.TemporaryFile() as chatter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        terminal = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except QBenchError:
            raise
        except Exception:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
