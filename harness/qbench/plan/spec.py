"""Plan files, as the user writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from qbench.errors import PlanError
from qbench.plan.budgets import read_budgets
from qbench.plan.protocols import PROTOCOLS, protocol
from qbench.records import Delegate, Precision

# History of plan.json and of plan files:
#   1  first form; budgets, metric, masks, arms and sweeps came later, and are absent before
SCHEMA_VERSION = 1

_Threads = Annotated[int, msgspec.Meta(ge=1, le=64)]
_Mask = Annotated[
    str,
    msgspec.Meta(
        pattern="^[1-9a-f][0-9a-f]{0,15}$",
        description="taskset's, in hexadecimal: the cores that may be used. Quote it.",
    ),
]
_Glob = Annotated[str, msgspec.Meta(min_length=1, description="A glob on case ids.")]
_Limit = Annotated[
    str,
    msgspec.Meta(
        description="`p50 <= 8 ms`; also p90, init, first, memory (MB), partitions; or "
        "`not delegated -> fail`.",
        examples=["p50 <= 8 ms", "memory <= 64 MB", "not delegated -> fail"],
    ),
]

_Protocol = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(PROTOCOLS)})]


class PlanSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A qbench plan: the cases are models x precisions x delegates x threads x masks x devices,
    less what `exclude` names. Command-line options win over it.

    Absent: `models` the built-in ones, `precisions` all there are, `delegates` all that a device
    has, `threads` the profile's, `masks` the backend's choice of cores. Masks hold for measured
    cases of the devices named, not for what is simulated. `aa` measures every case twice, as A
    and B. `budgets` are limits by glob of case ids; a broken one ends the run with exit code 1.
    """

    schema_version: int = SCHEMA_VERSION
    name: str | None = None
    models: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ()
    device: str | None = None
    devices: tuple[str, ...] = ()
    delegates: tuple[Delegate, ...] = ()
    threads: _Threads | tuple[_Threads, ...] | None = None
    masks: tuple[_Mask, ...] = ()
    include: tuple[_Glob, ...] = ()
    exclude: tuple[_Glob, ...] = ()
    protocol: _Protocol | None = None
    repetitions: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    seed: int | None = None
    xnnpack: bool | None = None
    aa: bool | None = None
    cool_to_c: float | None = None
    rest_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    budgets: dict[_Glob, tuple[_Limit, ...]] = {}

    @property
    def places(self) -> tuple[str | None, ...]:
        """The devices named; one None: none is."""
        return self.devices or (self.device,)

    @property
    def thread_counts(self) -> tuple[int, ...]:
        """Empty: not given."""
        if self.threads is None:
            return ()
        return self.threads if isinstance(self.threads, tuple) else (self.threads,)


def load(path: Path) -> PlanSpec:
    """Read a plan file. Raises PlanError that gives file, key and what was expected."""
    import yaml

    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise PlanError(f"{path}: cannot be read as YAML: {exc}") from exc
    try:
        spec = msgspec.convert(tree, PlanSpec)
    except msgspec.ValidationError as exc:
        known = ", ".join(f for f in PlanSpec.__struct_fields__)
        raise PlanError(f"{path}: {exc}", hint=f"the keys of a plan are: {known}") from exc
    if spec.schema_version != SCHEMA_VERSION:
        raise PlanError(
            f"{path}: schema_version {spec.schema_version} is not {SCHEMA_VERSION}",
            hint="this version of qbench reads plans of schema_version 1",
        )
    if spec.device is not None and spec.devices:
        raise PlanError(f"{path}: both `device` and `devices` are given", hint="give one")
    try:
        read_budgets(spec.budgets)
        if spec.protocol is not None:
            protocol(spec.protocol)
    except PlanError as exc:
        raise PlanError(f"{path}: {exc}", hint=exc.hint) from exc
    # Model paths in a plan are relative to the plan, so that it works from any folder.
    models = tuple(_relative_to(path.parent, model) for model in spec.models)
    return msgspec.structs.replace(spec, models=models)


def json_schema() -> dict[str, Any]:
    """Of plan files, for editors (JSON Schema 2020-12)."""
    schema = msgspec.json.schema(PlanSpec)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def _relative_to(folder: Path, model: str) -> str:
    candidate = folder / model
    return str(candidate) if model.endswith(".tflite") or candidate.is_file() else model
