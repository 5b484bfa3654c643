"""Tier S1: coefficients that were fitted once, offline, on published latencies of the same runtime.

`device_profiles/anchors/NAME.yaml` is written by `scripts/fit_anchors`; it holds every row that was
used, so that the fit can be repeated.
"""

from __future__ import annotations

import msgspec

from qbench import assets, profiles
from qbench.errors import ProfileError
from qbench.records import ComputeUnit
from qbench.simulator.cost import Coefficients
from qbench.simulator.kernels import Dtype

SCHEMA_VERSION = 2
"""History: 1 = first; 2 = coefficients depth_us, thin_pad_us, clamp_us, spilled_byte_us.
"""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published latency. `network` is the rebuilt one; `left_out_ratio` is the prediction of a
    fit that had not seen this model, over the published latency."""

    model: str
    network: str
    dtype: str  # of the network's activations
    precision: str  # as published
    device: str
    threads: int | None
    latency_us: float
    source: str
    left_out_ratio: float


class Residuals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a fit is off on models that it has not seen.

    `models` counts distinct models. `band_ratio`: 90 % of latencies are expected between the
    prediction divided and multiplied by it; `band_rule` says where it comes from.
    """

    models: int
    mape_ratio: float
    median_ratio: float
    band_ratio: float
    band_rule: str


class Transfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fit of another chip, taken over: its times are multiplied by `time_ratio`."""

    profile: str
    time_ratio: float
    reason: str


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fit: one unit, one data type, the executors whose kernels it speaks of."""

    unit: ComputeUnit
    executors: tuple[str, ...]
    dtype: Dtype
    runtime: str
    basis: str  # in words, for the user
    coefficients: Coefficients
    residuals: Residuals
    rows: tuple[Row, ...]
    transfer: Transfer | None = None


class Anchors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema_version: int
    profile: str
    fitted_on: str  # date, ISO 8601
    groups: tuple[Group, ...]

    def group(self, unit: ComputeUnit, executor: str, dtype: Dtype) -> Group | None:
        for group in self.groups:
            if (group.unit, group.dtype) == (unit, dtype) and executor in group.executors:
                return group
        return None


def load(profile: str) -> Anchors | None:
    """The anchors of a built-in profile; None if it has none.

    Raises ProfileError when the file is damaged.
    """
    path = assets.folder("device_profiles") / "anchors" / f"{profile}.yaml"
    if not path.is_file():
        return None
    anchors = profiles.load_document(path, Anchors)
    if anchors.schema_version != SCHEMA_VERSION or anchors.profile != profile:
        raise ProfileError(
            f"{path}: expected schema_version {SCHEMA_VERSION} and profile {profile!r}, got "
            f"{anchors.schema_version} and {anchors.profile!r}"
        )
    return anchors
