"""TensorFlow's GPU compatibility analyzer: the oracle of the GPU delegate's rules, and its record.

The analyzer of ai-edge-litert (1.4 and later) and of TensorFlow 2.19 and later calls every model
compatible: its check is empty. TensorFlow 2.17.1 is the last found with the check in it; its
extension module stands alone. What it said is kept in tests/captures, and made anew by

    pip download --no-deps tensorflow-cpu==2.17.1 && unzip the wheel
    PYTHONPATH=harness:tests python tests/fakes/gpu_analyzer.py \
        tensorflow/lite/python/analyzer_wrapper/_pywrap_analyzer_wrapper.so
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from fakes import nets, sweep
from models.real import built_in_models, face_detection_models

CAPTURE = Path(__file__).parent.parent / "captures" / "gpu_compatibility.json"
TOOL = "tensorflow-cpu 2.17.1, tensorflow/lite/python/analyzer_wrapper"
WARNING = "GPU COMPATIBILITY WARNING: "


def models() -> dict[str, bytes]:
    """All that the analyzer is asked about, by name."""
    networks = {
        f"network {name} {precision}": nets.build(name, precision)
        for name in nets.NETWORKS
        for precision in nets.PRECISIONS
    }
    real = {path.name: path.read_bytes() for path in (*face_detection_models(), *built_in_models())}
    return sweep.cases() | networks | real


def verdicts(text: str) -> list[str | None]:
    """Per operator of subgraph 0, what the analyzer has against it; None: nothing."""
    found: list[str | None] = []
    for line in text.partition("Subgraph#1")[0].splitlines():
        if re.match(r"\s*Op#\d+ ", line):
            found.append(None)
        elif line.startswith(WARNING) and "Subgraph#" not in line and found:
            found[-1] = line.removeprefix(WARNING)
    return found


def load(extension: Path) -> Any:
    spec = importlib.util.spec_from_file_location("_pywrap_analyzer_wrapper", extension)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{extension}: not a Python extension module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(extension: Path) -> None:
    analyzer = load(extension)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for name, data in models().items():
            path.write_bytes(data)
            found[name] = verdicts(analyzer.ModelAnalyzer(str(path), True, True))
    CAPTURE.parent.mkdir(exist_ok=True)
    text = json.dumps({"tool": TOOL, "verdicts": found}, indent=0, sort_keys=True)
    CAPTURE.write_text(text + "\n", encoding="utf-8")
    print(f"{CAPTURE}: {len(found)} models")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
