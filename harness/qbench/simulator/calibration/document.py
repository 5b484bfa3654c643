"""The file that a calibration ends in: prices, how sure they are, and where they come from.

One JSON file per device and runtime, `PROFILE-XXXXXXXX.json`. It is looked for in
`$QBENCH_CALIBRATIONS`, else in the user's data folder (`$XDG_DATA_HOME/qbench/calibrations`, by
default `~/.local/share/qbench/calibrations`), and after that in `device_profiles/calibrations/`,
where calibrations are kept that everybody should have.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from qbench import assets
from qbench.errors import InputError, ProfileError
from qbench.records import ComputeUnit, Origin
from qbench.simulator.calibration.heat import NOT_DONE, StepTest
from qbench.simulator.calibration.reuse import Caches
from qbench.simulator.calibration.work import Tiles
from qbench.simulator.kernels import Dtype

SCHEMA_VERSION = 2
"""History: 1 = first; 2 = `step_test`, `step_test_remark`. Files of 1 are still read."""

GRAPH = "graph"  # the kind of what an invoke costs beside its kernels
_FOLDER_VARIABLE = "QBENCH_CALIBRATIONS"
_LARGEST_BYTES = 20_000_000
_ANEW = "make it anew with qbench calibrate"


class _Versioned(msgspec.Struct):
    """What every version of the file begins with."""

    schema_version: int


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one class of kernels takes, in us for each of its amounts; see `work`.

    `covariance` in the order of `prices`. `macs`, `elements`: the (least, most) that were asked of
    a single kernel. `residual_ratio`: root mean square of the relative errors of its singles.
    """

    kind: str
    prices: dict[str, float]
    covariance: tuple[tuple[float, ...], ...]
    singles: int
    residual_ratio: float
    macs: tuple[int, int]
    elements: tuple[int, int]


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One whole network. `left_out_ratio`: measured over predicted with the scale of the others."""

    network: str
    measured_us: float
    predicted_us: float
    left_out_ratio: float


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of one unit, data type and number of threads.

    `scale_ratio`: whole networks take that much more than the sum of their kernels (1 without
    networks). `cross_validated_ratio`: median relative error of singles that the fit had not seen.
    """

    unit: ComputeUnit
    dtype: Dtype
    threads: int
    tiles: Tiles
    prices: tuple[Price, ...]
    scale_ratio: float
    anchors: tuple[Anchor, ...]
    band_ratio: float
    band_rule: str
    cross_validated_ratio: float
    condition: float

    def price(self, kind: str) -> Price | None:
        return next((p for p in self.prices if p.kind == kind), None)


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was measured of one model: the mean of the faster half of its invokes, and how long the
    run waited for a processor, in parts of its time on it (None: the system does not tell).
    `repetition`: networks are measured several times, each in a process of its own."""

    name: str
    dtype: Dtype
    threads: int
    latency_us: float
    invokes: int
    wait_ratio: float | None = None
    is_network: bool = False
    repetition: int = 0


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fingerprint` is the device's and the runtime's: prices hold for nothing else.

    `max_khz`: the clock of the fastest core that the profile had, to which prices belong.
    `drift_ratio`: the largest departure of the reference from its median. `step_test_remark`: why
    there is no step test.
    """

    schema_version: int
    profile: str
    device: str
    origin: Origin
    fingerprint: str
    runtime: str
    tool_sha256: str | None
    created_at: str  # UTC, ISO 8601
    qbench_version: str
    max_khz: int
    caches: Caches
    drift_ratio: float
    groups: tuple[Group, ...]
    answers: tuple[Answer, ...]
    step_test: StepTest | None = None
    step_test_remark: str | None = NOT_DONE

    def group(self, unit: ComputeUnit, dtype: Dtype, threads: int) -> Group | None:
        for group in self.groups:
            if (group.unit, group.dtype, group.threads) == (unit, dtype, threads):
                return group
        return None


class Found(NamedTuple):
    """`remarks`: where nothing was found, the files that might have been it, and why not."""

    calibration: Calibration | None
    path: Path | None
    remarks: tuple[str, ...] = ()


def file_name(profile: str, fingerprint: str) -> str:
    return f"{profile}-{hashlib.sha256(fingerprint.encode()).hexdigest()[:8]}.json"


def user_folder() -> Path:
    """Where calibrations of this user are; need not exist."""
    told = os.environ.get(_FOLDER_VARIABLE)
    if told:
        return Path(told)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "qbench" / "calibrations"


def save(calibration: Calibration, path: Path) -> None:
    """Whole or not at all. Raises InputError when the file cannot be written."""
    content = msgspec.json.format(msgspec.json.encode(calibration), indent=1)
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(content)
        half.replace(path)
    except OSError as error:
        raise InputError(f"{path}: the calibration cannot be written: {error.strerror}") from error


def load(path: Path) -> Calibration:
    """Raises ProfileError, with the place in the file, when it is not a valid calibration."""
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode) or told.st_size > _LARGEST_BYTES:
            raise ProfileError(f"{path}: no file, or larger than any calibration")
        content = path.read_bytes()
        version = msgspec.json.decode(content, type=_Versioned).schema_version
        if not 1 <= version <= SCHEMA_VERSION:
            raise ProfileError(
                f"{path}: expected schema_version {SCHEMA_VERSION} or 1, got {version}", hint=_ANEW
            )
        found = msgspec.json.decode(content, type=Calibration)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProfileError(f"{path}: not a calibration: {error}", hint=_ANEW) from error
    problem = _contradiction(found)
    if problem is not None:
        raise ProfileError(f"{path}: {problem}", hint=_ANEW)
    return found


def find(profile: str, fingerprint: str | None) -> Found:
    """The newest calibration of a profile; with a fingerprint only one that has it. One of a
    virtual device is not found: it says nothing of the device that it stands for.

    Raises nothing: a file that another version of qbench wrote, or that is damaged, must not end
    a command that did not name it.
    """
    fitting: list[tuple[Calibration, Path]] = []
    skipped: list[str] = []
    others: list[str] = []
    for path in _candidates(profile):
        try:
            found = load(path)
        except ProfileError as error:
            skipped.append(f"calibration passed over: {error}; {_ANEW}")
            continue
        if found.profile != profile or found.origin is Origin.EMULATED:
            continue
        if fingerprint in (None, found.fingerprint):
            fitting.append((found, path))
        else:
            others.append(
                f"calibration passed over: {path}: of another processor or runtime "
                f"({found.device}, {found.runtime}); {_ANEW}"
            )
    best = max(fitting, key=lambda pair: pair[0].created_at, default=None)
    if best is not None:
        return Found(*best)
    return Found(None, None, (*skipped, *others))


def _candidates(profile: str) -> Iterator[Path]:
    folders = [user_folder()]
    with contextlib.suppress(InputError):
        folders.append(assets.folder("device_profiles") / "calibrations")
    for folder in folders:
        with contextlib.suppress(OSError):  # a folder that may not be entered has nothing for us
            if folder.is_dir():
                yield from sorted(folder.glob(f"{profile}-*.json"))


def _contradiction(found: Calibration) -> str | None:
    for group in found.groups:
        where = f"{group.unit.value} {group.dtype.value} {group.threads} threads"
        if not group.prices or not 0.2 <= group.scale_ratio <= 5 or group.band_ratio < 1:
            return f"{where}: no prices, or an impossible scale or band"
        for price in group.prices:
            size = len(price.prices)
            if len(price.covariance) != size or any(len(row) != size for row in price.covariance):
                return f"{where}: {price.kind}: a covariance of another size than the prices"
            if any(value < 0 for value in price.prices.values()):
                return f"{where}: {price.kind}: a negative price"
    return None
