"""One fp32 .tflite -> one .tflite of another precision, and a JSON file that says how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from qbench import __version__, modelfile
from qbench.errors import InputError, MissingExtraError, ModelFileError
from qbench.models import file_name
from qbench.pipeline.classifier import image_shape, refuse_nan
from qbench.pipeline.quantization import by_converter, by_quantizer, calibration, integer
from qbench.pipeline.quantization.options import Options, Quantizer
from qbench.pipeline.tflite_file import provenance, put, sign
from qbench.records import ModelInfo, Precision


class Quantized(msgspec.Struct, frozen=True):
    """What was made: the model, the JSON beside it, and their figures."""

    path: str
    sidecar: str
    scheme: Precision
    quantizer: Quantizer
    file_bytes: int
    source_bytes: int
    calibration_images: int


def output_path(model: Path, scheme: Precision, folder: Path | None) -> Path:
    """`x-fp32.tflite` -> `x-int8.tflite`, in `folder` or beside the model."""
    stem = model.stem.removesuffix("-fp32").removesuffix("_fp32")
    return (folder or model.parent) / file_name(stem, scheme)


def check(model: Path, options: Sequence[Options], pictures: Sequence[Path]) -> ModelInfo:
    """What `quantize` would refuse, before any work is done."""
    info = modelfile.read(model)
    if info.precision is not Precision.FP32:
        raise InputError(
            f"{model}: is {info.precision} already; only fp32 models can be quantized",
            hint="give the fp32 file that it was made from",
        )
    if any(o.scheme is Precision.INT8 for o in options):
        image_shape(info)
        if not pictures:
            raise InputError(
                f"{model}: int8 needs images that tell the range of its activations",
                hint="--representative FOLDER (of a data set: its val/ is used)",
            )
    ours = Quantizer.LITERT_QUANTIZER
    if any(o.scheme is not Precision.FP32 and o.quantizer is ours for o in options):
        try:
            import litert_quantizer  # noqa: F401
        except ModuleNotFoundError:
            raise MissingExtraError(
                "qbench quantize: needs litert-quantizer, which is not installed",
                hint='pip install "tflite-qbench[quantize]"'
                "  (in a checkout: pip install -e '.[quantize]')",
            ) from None
    refuse_nan(info)
    return info


def quantize(
    model: Path,
    options: Options,
    pictures: Sequence[Path],
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> Quantized:
    """Write `model` to `out` in `options.scheme`, and `out` + .json; both whole or not at all.

    The same model, options, pictures and quantizer give the same bytes. `say` is told what
    TFLiteConverter's environment is at. Raises what `check` does;
    InputError when `out` is `model` or cannot be written; ModelFileError when an operator of an
    int8 model stayed float (its name is told) or the result is not what was asked for.
    """
    info = check(model, (options,), pictures)
    if out.exists() and out.samefile(model):
        raise InputError(f"{out}: would be written over itself", hint="give another --out")
    content = model.read_bytes()
    chosen: tuple[Path, ...] = ()
    if options.scheme is Precision.INT8:
        chosen = calibration.choose(pictures, options.images, options.seed)
    tools: dict[str, str] = {}
    if options.scheme is not Precision.FP32:
        if options.quantizer is Quantizer.TFLITE_CONVERTER:
            content, tools = by_converter.quantized(model, options, chosen, say)
        else:
            content, tools = by_quantizer.quantized(content, info, options, chosen, progress)
    told = _provenance(model, info, options, chosen, tools)
    description = f"{told['network']} {options.scheme}: {told['weights']}"
    signed = sign(content, f"{description}; made by qbench quantize", told)
    put(out, signed, options.scheme, partial(_prove, options))
    sidecar = out.with_name(out.name + ".json")
    told = {"sha256": modelfile.sha256(out), "file_bytes": out.stat().st_size, **told}
    try:
        sidecar.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{sidecar}: cannot be written: {error.strerror}") from error
    return Quantized(
        str(out),
        str(sidecar),
        options.scheme,
        options.quantizer,
        out.stat().st_size,
        info.file_bytes,
        len(chosen),
    )


def _prove(options: Options, info: ModelInfo, name: str) -> None:
    if options.scheme is Precision.INT8:
        integer.prove(info, name, options.io)
    if info.precision is not options.scheme:
        raise ModelFileError(
            f"{name}: {options.quantizer} was asked for {options.scheme} and gave {info.precision}",
            hint="it knows no such form of the model's operators",
        )


def _provenance(
    model: Path,
    info: ModelInfo,
    options: Options,
    pictures: Sequence[Path],
    tools: dict[str, str],
) -> dict[str, Any]:
    digest = hashlib.sha256()
    for path in pictures:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    source = provenance(model) or {}
    return {
        "schema_version": 1,
        "network": source.get("network") or model.stem.removesuffix("-fp32"),
        "weights": _weights(source, info),
        "made_by": f"qbench quantize {__version__}",
        "options": msgspec.to_builtins(options),
        "source": {
            "name": model.name,
            "sha256": modelfile.sha256(model),
            "file_bytes": info.file_bytes,
            "description": info.description,
            "provenance": source,
        },
        "calibration": {
            "images": len(pictures),
            "sha256": digest.hexdigest() if pictures else None,
            "method": "min / max" if pictures else None,
        },
        "tools": tools,
    }


def _weights(source: dict[str, Any], info: ModelInfo) -> str:
    """What the source says of its weights; nothing is claimed that it does not say."""
    told = source.get("weights")
    if told == "random":
        return "random weights"
    return str(told or info.description or "weights of unknown origin")
