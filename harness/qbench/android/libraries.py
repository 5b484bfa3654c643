"""The vendor's libraries that Hexagon and QNN need: which, where from, and onto the device.

They may not be given away, so the user names a folder that holds them: QBENCH_HEXAGON_LIBRARIES
and QBENCH_QNN_LIBRARIES (or the options of the same meaning). On the device they keep their
names, in a folder of their own for each content.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from qbench.adb.transport import Transport
from qbench.android.command import QNN_DELEGATE, QnnBackend
from qbench.android.tools import NIGHTLY
from qbench.errors import InputError
from qbench.records import Delegate, DeviceProfile

VARIABLES = {Delegate.HEXAGON: "QBENCH_HEXAGON_LIBRARIES", Delegate.QNN: "QBENCH_QNN_LIBRARIES"}
_OPTIONS = {Delegate.HEXAGON: "--hexagon-libraries", Delegate.QNN: "--qnn-libraries"}
# Beginning of a library's name -> how it is had; {folder}: where it has to lie. Addresses: the
# READMEs of the Hexagon delegate and of the benchmark tools.
_SOURCES = {
    "libhexagon_interface": f"curl -Lo {{folder}}/libhexagon_interface.so {NIGHTLY}"
    "android_aarch64_libhexagon_interface.so",
    "libhexagon_nn_skel": "the skel from https://storage.googleapis.com/download.tensorflow.org/"
    "tflite/hexagon_nn_skel_v1.20.0.1.run, which unpacks it when its licence is accepted",
    "libQnn": "from lib/aarch64-android and lib/hexagon-vNN/unsigned of Qualcomm's AI Engine "
    "Direct SDK",
}
_VERSION = re.compile(r"V(\d\d)")
_FIRST_HTP = 68  # Hexagon V68 (Snapdragon 888): before it QNN has its old DSP backend only
_ASK_S = 20.0


class LibrarySet(msgspec.Struct, frozen=True, kw_only=True):
    """`names`: all that must be there. `missing`: those of them that `folder` lacks."""

    delegate: Delegate
    names: tuple[str, ...]
    folder: Path | None
    missing: tuple[str, ...]
    qnn_backend: QnnBackend | None = None

    @property
    def is_complete(self) -> bool:
        return self.folder is not None and not self.missing

    @property
    def how_to_get(self) -> str:
        """Said beside the names that are missing: the commands, and where to put what."""
        folder = "DIR" if self.folder is None else shlex.quote(str(self.folder))
        steps = [
            how.format(folder=folder)
            for begin, how in _SOURCES.items()
            if any(name.startswith(begin) for name in self.missing)
        ]
        if self.folder is None:
            option, variable = _OPTIONS[self.delegate], VARIABLES[self.delegate]
            steps.append(f"then {option} DIR, or set {variable} to it")
        return f"put what is missing into {folder}: {'; '.join(steps)}"


def hexagon_version(profile: DeviceProfile) -> int | None:
    """66 of `Hexagon 698 (V66)`; None where the profile does not tell."""
    found = _VERSION.search(profile.npu.name) if profile.npu is not None else None
    return int(found[1]) if found else None


def find(
    delegate: Delegate,
    profile: DeviceProfile,
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> LibrarySet:
    """What `delegate` (hexagon or qnn) needs on a device of this profile, and what is there."""
    names, backend = _needed(delegate, hexagon_version(profile))
    if folder is None and environ.get(VARIABLES[delegate]):
        folder = Path(environ[VARIABLES[delegate]])
    missing = tuple(n for n in names if folder is None or not (folder / n).is_file())
    return LibrarySet(
        delegate=delegate, names=names, folder=folder, missing=missing, qnn_backend=backend
    )


def _needed(delegate: Delegate, version: int | None) -> tuple[tuple[str, ...], QnnBackend | None]:
    if delegate is Delegate.HEXAGON:
        skels = {65: "_v65", 66: "_v66"}
        skel = f"libhexagon_nn_skel{skels.get(version or 0, '')}.so"
        return ("libhexagon_interface.so", skel), None
    backend: QnnBackend = "dsp" if version is not None and version < _FIRST_HTP else "htp"
    name = f"libQnn{backend.capitalize()}"
    ends = ("", f"V{version}Stub", f"V{version}Skel") if version is not None else ("",)
    return (QNN_DELEGATE, *(f"{name}{end}.so" for end in ends), "libQnnSystem.so"), backend


def put(transport: Transport, library_set: LibrarySet, *, base: str) -> str:
    """Have the libraries on the device; returns their folder there. What is there stays.

    Raises InputError when the set is not complete or cannot be read, DeviceError.
    """
    source = library_set.folder
    if source is None or not library_set.is_complete:
        raise InputError(
            f"{library_set.delegate}: missing {', '.join(library_set.missing)}",
            hint=library_set.how_to_get,
        )
    files = [source / name for name in library_set.names]
    digest = hashlib.sha256()
    for file in files:
        try:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    folder = f"{base}/libraries-{digest.hexdigest()[:16]}"
    there = {file.name: file.size_bytes for file in transport.list_folder(folder, timeout_s=_ASK_S)}
    for file in _absent(files, there):
        transport.push(file, f"{folder}/{file.name}", mode=0o755)
    return folder


def _absent(files: Sequence[Path], there: Mapping[str, int]) -> list[Path]:
    """Pushes are whole or not at all, so name and size are enough."""
    return [file for file in files if there.get(file.name) != file.stat().st_size]
