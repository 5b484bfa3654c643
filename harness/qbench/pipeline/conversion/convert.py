"""A network of another framework -> an fp32 .tflite that gives the same answers, or none."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from qbench import __version__, modelfile
from qbench.errors import InputError, ModelFileError
from qbench.models import file_name
from qbench.pipeline.classifier import Classifier, refuse_nan
from qbench.pipeline.conversion import environments, worker
from qbench.pipeline.tflite_file import put, sign
from qbench.records import ModelInfo, Precision

TOLERANCE = 1e-3
_WORKER = "qbench.pipeline.conversion.worker"


class Route(StrEnum):
    """`direct`: PyTorch by litert-torch. `onnx`: PyTorch or ONNX by way of ONNX and TensorFlow.
    `keras`: Keras or SavedModel by TensorFlow."""

    DIRECT = "direct"
    ONNX = "onnx"
    KERAS = "keras"


_ENVIRONMENTS = {Route.DIRECT: "litert-torch", Route.ONNX: "onnx2tf", Route.KERAS: "tensorflow"}


class Check(msgspec.Struct, frozen=True):
    """The source's raw answers against those of the .tflite file, on `images` images."""

    images: int
    max_abs_difference: float
    agreement_ratio: float


class Converted(msgspec.Struct, frozen=True):
    path: str
    sidecar: str
    route: Route
    file_bytes: int
    operators: int
    transposes: int
    check: Check


def route_of(source: Path, asked: Route | None) -> Route:
    """The route for `source`: the one asked for, else the best that knows its kind. Raises
    InputError for a kind that no route, or not the one asked for, knows."""
    if not source.exists():
        raise InputError(f"{source}: there is no such file")
    kinds = {
        ".pt": (Route.DIRECT, Route.ONNX),
        ".onnx": (Route.ONNX,),
        ".keras": (Route.KERAS,),
        ".h5": (Route.KERAS,),
    }
    known = (Route.KERAS,) if source.is_dir() else kinds.get(source.suffix.lower(), ())
    if not known:
        raise InputError(
            f"{source}: cannot be converted",
            hint="give a checkpoint of qbench train (.pt), .onnx, .keras, .h5 or a SavedModel",
        )
    if asked is not None and asked not in known:
        raise InputError(
            f"{source}: does not go by route {asked}", hint=f"--route {' or '.join(known)}"
        )
    return asked or known[0]


def output_path(source: Path, network: str | None, folder: Path | None) -> Path:
    return (folder or source.parent) / file_name(network or source.stem, Precision.FP32)


def convert(
    source: Path,
    folder: Path | None,
    route: Route,
    pictures: Sequence[Path],
    say: Callable[[str], None],
    *,
    tolerance: float = TOLERANCE,
    onnx: Path | None = None,
    name: str | None = None,
) -> Converted:
    """Write NETWORK-fp32.tflite (or `name`-fp32.tflite) and a JSON file beside it into `folder`
    (default: the source's).

    `pictures` and as many made-up images are shown to both; nothing is written when an answer
    differs by more than `tolerance` or any image changes class. `say` is told each step. Raises
    InputError, ModelFileError when the answers differ or weights are broken, RunnerCrashedError
    when a framework dies.
    """
    program = environments.python(_ENVIRONMENTS[route], say)
    with tempfile.TemporaryDirectory(prefix="qbench-convert-") as scratch:
        request = worker.Request(
            route=route.value,
            source=str(source.resolve()),
            folder=scratch,
            pictures=tuple(str(p.resolve()) for p in pictures),
            random=max(8, len(pictures)),
            onnx=str(onnx.resolve()) if onnx else None,
        )
        environments.run(program, _WORKER, msgspec.json.encode(request), say)
        made = Path(scratch) / worker.MODEL
        result = msgspec.json.decode(
            (Path(scratch) / worker.RESULT).read_bytes(), type=worker.Result
        )
        info = modelfile.read(made)
        refuse_nan(info)
        say("comparing answers")
        check = compare(source, made, Path(scratch), tolerance)
        content = made.read_bytes()
    said = result.said or {}
    network = name or said.get("arch") or source.stem
    out = output_path(source, network, folder)
    told = _provenance(source, network, route, said, result.tools, check)
    description = f"{told['network']} fp32: {told['weights']}; made by qbench convert"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out.parent}: cannot be made: {error.strerror}") from error
    put(out, sign(content, description, told), Precision.FP32)
    sidecar = out.with_name(out.name + ".json")
    body = {"sha256": modelfile.sha256(out), "file_bytes": out.stat().st_size, **told}
    sidecar.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return Converted(
        str(out),
        str(sidecar),
        route,
        out.stat().st_size,
        len(info.main.ops),
        _transposes(info),
        check,
    )


def compare(source: Path, made: Path, scratch: Path, tolerance: float) -> Check:
    """The answers in `scratch` against those of `made` to the images in `scratch`.

    Raises ModelFileError when they differ by more than `tolerance`, or in any class.
    """
    import numpy as np

    images = np.load(scratch / worker.IMAGES)
    expected = np.load(scratch / worker.ANSWERS)
    model = Classifier(made)
    found = np.stack([model.scores(image)[0] for image in images])
    if found.shape != expected.shape:
        raise ModelFileError(
            f"{source}: the .tflite answers {found.shape[1:]} numbers, not {expected.shape[1:]}"
        )
    difference = float(np.abs(found - expected).max())
    agreement = float((found.argmax(1) == expected.argmax(1)).mean())
    if not difference <= tolerance or agreement < 1:
        raise ModelFileError(
            f"{source}: the conversion changed the answers: by up to {difference:.3g} "
            f"(allowed {tolerance:g}); the same class on {100 * agreement:.1f} % of "
            f"{len(images)} images",
            hint="try another --route",
        )
    return Check(len(images), difference, agreement)


def _transposes(info: ModelInfo) -> int:
    return sum(op.name == "TRANSPOSE" for op in info.main.ops)


def _provenance(
    source: Path,
    network: str,
    route: Route,
    said: dict[str, Any],
    tools: dict[str, str],
    check: Check,
) -> dict[str, Any]:
    weights = "weights of unknown origin"
    if said:
        best = said["history"][-1]
        weights = (
            f"trained on {said['trained_on']}; "
            f"validation accuracy {100 * best['val_accuracy']:.1f} %"
        )
    return {
        "schema_version": 1,
        "network": network,
        "weights": weights,
        "classes": said.get("classes"),
        "is_synthetic": said.get("is_synthetic"),
        "training": said.get("options"),
        "started_from": said.get("started_from"),
        "made_by": f"qbench convert {__version__}",
        "route": route.value,
        "check": msgspec.to_builtins(check),
        "source": {"name": source.name},
        "tools": tools,
    }
