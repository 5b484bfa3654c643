from __future__ import annotations

import os
import sys

from qbench.virtual.tool.main import main

code = main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)  # the interpreter's own tear-down of LiteRT takes longer than a short run
