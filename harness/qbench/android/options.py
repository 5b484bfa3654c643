"""What the user may choose about runs on a device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from qbench.errors import InputError, StoreError
from qbench.records import Taint


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`is_strict`: nothing runs on a device with a taint that is not in `accepted`.

    `cool_to_c`: the temperature of the device's body (or battery) below which a run may start;
    None: 1 C above that at the session's start. `virtual_binary` and `virtual_apk` are the tool on
    qbench's virtual devices where `benchmark_binary` or `benchmark_apk` is not given. `hold_s`: how
    long the device is kept while another qbench waits for it. `patience_s`: how long a lost device
    is waited for. `cache_bytes`: how much models and tools may take on the device.
    """

    is_strict: bool = False
    accepted: frozenset[Taint] = frozenset()
    is_fallback_allowed: bool = False
    benchmark_binary: Path | None = None
    benchmark_apk: Path | None = None
    virtual_binary: Path | None = None
    virtual_apk: Path | None = None
    hexagon_libraries: Path | None = None
    qnn_libraries: Path | None = None
    nnapi_accelerator: str | None = None
    is_gpu_fp16_allowed: bool = True
    is_app: bool = False  # the tool as an APK; users have measured its GPU twice as fast
    locks_clocks: bool = False  # with root only: governor `performance` on all cores
    cool_to_c: float | None = None
    cool_least_s: float = 10.0
    cool_most_s: float = 600.0
    lock_timeout_s: float = 3600.0
    hold_s: float = 600.0
    patience_s: float = 600.0
    cache_bytes: int = 4_000_000_000


def load(given: Mapping[str, Any]) -> Options:
    """The options from their JSON form (paths as text), as session.json keeps them.

    An APK that is named is run as the app. Raises StoreError when they are not of this version,
    InputError for some that contradict each other.
    """

    def decode(kind: type, value: object) -> object:
        return Path(value) if kind is Path and isinstance(value, str) else value

    try:
        options = msgspec.convert(given, Options, dec_hook=decode)
    except msgspec.ValidationError as error:
        raise StoreError(f"device options: not of this version of qbench: {error}") from error
    if options.benchmark_apk is not None:
        options = msgspec.structs.replace(options, is_app=True)
    if options.is_app and options.benchmark_binary is not None:
        raise InputError(
            f"{options.benchmark_binary}: is a program, and the app was asked for",
            hint="--benchmark-apk FILE names the app; without --app the program runs",
        )
    return options
