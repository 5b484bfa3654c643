"""Which benchmark_model runs: named by the user, by the environment, or fetched into the cache.

Two builds of it have differed by half on one model (nn-Meter issue 83), so its SHA-256 is part of
every result.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from qbench.errors import InputError

# Documented in LiteRT's tflite/tools/benchmark/README.md; "latest" moves.
NIGHTLY = (
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/"
    "nightly/latest/"
)
_FILES = {
    "arm64-v8a": "android_aarch64_benchmark_model",
    "armeabi-v7a": "android_arm_benchmark_model",
}
DEFAULT_ABI = "arm64-v8a"  # of every device with Android 12 or later that is a phone
_ELF_MACHINES = {"arm64-v8a": 183, "armeabi-v7a": 40, "x86_64": 62, "x86": 3}
_MACHINE_NAMES = {183: "64-bit ARM", 40: "32-bit ARM", 62: "x86-64", 3: "x86"}
_ZIP_MAGIC = b"PK\x03\x04"
_FETCH_S = 60.0
_LARGEST_BYTES = 200_000_000
# A format string of the summary that builds since TF 2.16 have; before, no median is printed.
_NEWEST_FORM = b"median="

Whence = Literal["option", "environment", "cache"]
Fetch = Callable[[str, Path], None]  # an address, and the file to write


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark_model on this machine. `is_stale`: its form is older than TF 2.16; None: the
    file cannot tell, it is a script or an app."""

    path: Path
    sha256: str
    abi: str
    whence: Whence
    is_stale: bool | None = None
    is_app: bool = False

    @property
    def title(self) -> str:
        what = "benchmark_model app" if self.is_app else "benchmark_model"
        return f"{what} {self.sha256[:12]} ({self.abi})"


def find(
    abi: str,
    *,
    explicit: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    is_any_machine: bool = False,
    is_app: bool = False,
) -> Tool:
    """The tool for devices of this ABI, as a program or as an app. `is_any_machine`: the device is
    virtual and runs what this machine runs.

    Raises InputError: there is none (with the address to fetch it from and the place to put it),
    it cannot be read, or it is for another processor.
    """
    variable = variable_of(abi, is_app=is_app)
    place = cache_path(abi, environ, is_app=is_app)
    whence: Whence
    if explicit is not None:
        path, whence = explicit, "option"
    elif environ.get(variable):
        path, whence = Path(environ[variable]), "environment"
    elif place.is_file():
        path, whence = place, "cache"
    else:
        what = f"benchmark_model{'.apk' if is_app else ''} for {abi}"
        hint = _how_to_get(abi, place, is_app=is_app)
        if abi in _FILES:
            hint = f"qbench tools fetch{_words_of(abi, is_app=is_app)}; or {hint}"
        raise InputError(f"{what}: there is none here", hint=hint)
    return _examined(path, abi, whence, is_any_machine=is_any_machine, is_app=is_app)


def variable_of(abi: str, *, is_app: bool = False) -> str:
    """`arm64-v8a` -> QBENCH_BENCHMARK_MODEL_ARM64_V8A, of the app QBENCH_BENCHMARK_APK_..."""
    kind = "APK" if is_app else "MODEL"
    return f"QBENCH_BENCHMARK_{kind}_{abi.upper().replace('-', '_')}"


def cache_path(abi: str, environ: Mapping[str, str] = os.environ, *, is_app: bool = False) -> Path:
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    root = base if base.is_absolute() else Path.home() / ".cache"
    return (
        root / "qbench" / "tools" / abi / ("benchmark_model.apk" if is_app else "benchmark_model")
    )


def address(abi: str, *, is_app: bool = False) -> str | None:
    """Where the official build is; None: there is none for this ABI."""
    return NIGHTLY + _FILES[abi] + (".apk" if is_app else "") if abi in _FILES else None


def fetch(
    abi: str,
    *,
    environ: Mapping[str, str] = os.environ,
    download: Fetch | None = None,
    is_app: bool = False,
) -> Tool:
    """Put the official build of today into the cache. Its hash stands beside it.

    Raises InputError: no build for this ABI, or the address cannot be reached.
    """
    source = address(abi, is_app=is_app)
    place = cache_path(abi, environ, is_app=is_app)
    if source is None:
        raise InputError(
            f"benchmark_model for {abi}: there is no official build",
            hint=f"build it from LiteRT's sources and set {variable_of(abi)}",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.part")
    try:
        (download or _download)(source, part)
        part.chmod(0o755)
        tool = _examined(part, abi, "cache", is_any_machine=False, is_app=is_app)
        place.with_name(f"{place.name}.sha256").write_text(f"{tool.sha256}  {source}\n")
        part.replace(place)
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{source}: cannot be fetched: {reason}",
            hint=_how_to_get(abi, place, is_app=is_app),
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return msgspec.structs.replace(tool, path=place)


def _how_to_get(abi: str, place: Path, *, is_app: bool) -> str:
    source = address(abi, is_app=is_app)
    variable = variable_of(abi, is_app=is_app)
    own = f"{'--benchmark-apk' if is_app else '--benchmark-binary'} FILE or {variable} names yours"
    if source is None:
        return f"there is no official build for {abi}; {own}"
    return f"download {source} and put it at {place}; or {own}"


def _words_of(abi: str, *, is_app: bool) -> str:
    """What `qbench tools fetch` has to be told for this one."""
    return ("" if abi == DEFAULT_ABI else f" --abi {abi}") + (" --app" if is_app else "")


def _download(source: str, target: Path) -> None:
    with urllib.request.urlopen(source, timeout=_FETCH_S) as stream, target.open("wb") as file:
        left = _LARGEST_BYTES
        while block := stream.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise OSError(f"more than {_LARGEST_BYTES} bytes")
            file.write(block)


def _examined(path: Path, abi: str, whence: Whence, *, is_any_machine: bool, is_app: bool) -> Tool:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            head = os.pread(stream.fileno(), 20, 0)
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                has_newest_form = content.find(_NEWEST_FORM) >= 0
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is empty"
        raise InputError(f"{path}: benchmark_model: cannot be read: {reason}") from error
    if is_app and head[:4] != _ZIP_MAGIC:
        raise InputError(f"{path}: benchmark_model.apk: it is no APK")
    is_program = head[:4] == b"\x7fELF" and len(head) == 20
    if is_program and not is_any_machine:
        (machine,) = struct.unpack_from("<H", head, 18)
        if machine != _ELF_MACHINES.get(abi):
            is_for = _MACHINE_NAMES.get(machine, f"ELF machine {machine}")
            raise InputError(f"{path}: benchmark_model: it is for {is_for}, the device needs {abi}")
    return Tool(
        path=path,
        sha256=digest,
        abi=abi,
        whence=whence,
        is_stale=not has_newest_form if is_program else None,
        is_app=is_app,
    )
