"""Device profiles: what is expected of a kind of device, from `device_profiles/*.yaml`.

`device_profiles/README.md` explains every field. A file is read with the safe YAML loader, must
use no key twice and no unknown key, and is checked across fields; what is wrong is told with
file, key path and what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from qbench import assets, thiscpu
from qbench.errors import ProfileError
from qbench.records import CoreType, DeviceProfile

if TYPE_CHECKING:
    import yaml

T = TypeVar("T")

SCHEMA_VERSION = 1
"""History: 1 = first."""

HOST = "host"
"""The profile of this machine."""

_FOLDER = "device_profiles"
_LARGEST_BYTES = 1_000_000
_DEEPEST = 12
_HINT = "device_profiles/README.md explains every field and its unit"
_ROUTES = ("nnapi", "hexagon", "qnn")
# What XNNPACK chooses by the processor's flags, best first (gemm-config.c of 2026). PRIOR: rates
# are peaks of cores with two vector units of full width; some cores of a kind have half of that.
_X86_CORES: tuple[tuple[str | None, frozenset[str], CoreType], ...] = (
    (
        "x86-amx",
        frozenset({"avx512f", "amx_int8"}),
        CoreType(
            fp32_macs_per_cycle=32,
            int8_macs_per_cycle=1024,
            fp32_tile=(7, 16, 1),
            int8_tile=(16, 64, 4),
        ),
    ),
    (
        "x86-avx512vnni",
        frozenset({"avx512f", "avx512_vnni"}),
        CoreType(
            fp32_macs_per_cycle=32,
            int8_macs_per_cycle=128,
            fp32_tile=(7, 16, 1),
            int8_tile=(7, 16, 8),
        ),
    ),
    (
        "x86-avx512",
        frozenset({"avx512f"}),
        CoreType(
            fp32_macs_per_cycle=32,
            int8_macs_per_cycle=64,
            fp32_tile=(7, 16, 1),
            int8_tile=(7, 16, 8),
        ),
    ),
    (None, frozenset(), CoreType(fp32_macs_per_cycle=16)),  # the profile's own: AVX2
)
_DTYPES = ("int8", "uint8", "int16", "int32", "float16", "float32")


def names() -> tuple[str, ...]:
    """The built-in profiles, sorted."""
    return tuple(sorted(path.stem for path in assets.folder(_FOLDER).glob("*.yaml")))


def load(name_or_path: str) -> DeviceProfile:
    """The profile with this name or alias, or in this file (`*.yaml`, or anything with a `/`).

    Raises ProfileError when there is none, or when the file is not a valid profile.
    """
    if name_or_path.endswith((".yaml", ".yml")) or _has_separator(name_or_path):
        return _load_file(Path(name_or_path))
    built_in = names()
    wanted = name_or_path.lower()
    if wanted in built_in:
        return _as_it_is(_load_file(assets.folder(_FOLDER) / f"{wanted}.yaml"))
    for profile in (_load_file(assets.folder(_FOLDER) / f"{name}.yaml") for name in built_in):
        if wanted in (alias.lower() for alias in profile.aliases):
            return _as_it_is(profile)
    raise ProfileError(
        f"{name_or_path}: no such device profile; there are {', '.join(built_in)}",
        hint=_suggestion(wanted, built_in),
    )


def matches(profile: DeviceProfile, props: Mapping[str, str]) -> bool:
    """Does an attached device with these system properties fit the profile?

    The profile's properties are tried in the order in which they are listed; the first one that
    the device tells at all decides. So a board platform that several chips share does not win
    over a chip model that says otherwise.
    """
    for name, values in profile.match.props.items():
        told = props.get(name, "").strip()
        if told:
            return told in values
    return False


def _as_it_is(profile: DeviceProfile) -> DeviceProfile:
    """The profile of this machine with what its processor tells of itself; others as they are."""
    if profile.name != HOST:
        return profile
    cpu = thiscpu.read()
    kind, core = next(
        (name, core) for name, flags, core in _X86_CORES if cpu.flags.issuperset(flags) or not flags
    )
    (cluster,) = profile.cpu.clusters
    if kind is None or not cpu.flags:
        kind, core = cluster.core_type, profile.cpu.core_types[cluster.core_type]
    if cpu.l1d_bytes:
        core = msgspec.structs.replace(core, l1d_bytes=cpu.l1d_bytes)
    cluster = msgspec.structs.replace(
        cluster,
        core_type=kind,
        cores=tuple(range(cpu.cores)),
        max_khz=cpu.max_khz or cluster.max_khz,
        l2_bytes=cpu.l2_bytes or cluster.l2_bytes,
    )
    return msgspec.structs.replace(
        profile,
        title=f"This machine ({cpu.model or profile.soc}, {kind})",
        cpu=msgspec.structs.replace(
            profile.cpu,
            clusters=(cluster,),
            core_types={kind: core},
            l3_bytes=cpu.l3_bytes or profile.cpu.l3_bytes,
            default_threads=min(profile.cpu.default_threads, cpu.cores),
        ),
    )


def _suggestion(wanted: str, built_in: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(wanted, built_in, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}? A profile of your own is given as a path to a .yaml file"
    return "a profile of your own is given as a path to a .yaml file"


def _has_separator(text: str) -> bool:
    return os.sep in text or (os.altsep is not None and os.altsep in text)


def load_document(path: Path, kind: type[T]) -> T:
    """A YAML file of this folder as a value of `kind`, as strictly as a profile.

    Raises ProfileError with file, key path and what was expected.
    """
    document = _read_yaml(path)
    try:
        return msgspec.convert(document, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ProfileError(f"{path}: {_say(str(error))}", hint=_HINT) from error


def _load_file(path: Path) -> DeviceProfile:
    profile = load_document(path, DeviceProfile)
    for key, expected in _contradictions(profile, path.stem):
        raise ProfileError(f"{path}: {key}: {expected}", hint=_HINT)
    return profile


def _say(message: str) -> str:
    """`Expected `int`, got `str` - at `$.cpu.x`` -> `cpu.x: expected `int`, got `str``."""
    what, separator, key = message.partition(" - at `$")
    what = what[:1].lower() + what[1:]
    return f"{key.rstrip('`').removeprefix('.')}: {what}" if separator else what


def _read_yaml(path: Path) -> object:
    import yaml

    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise ProfileError(f"{path}: {size} bytes; a profile has at most {_LARGEST_BYTES}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ProfileError(
            f"{path}: there is no such file", hint=f"built-in profiles: {', '.join(names())}"
        ) from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: not UTF-8 text, byte {error.start}") from error
    try:
        _refuse_tricks(text, path)
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise ProfileError(f"{path}: not valid YAML: {_place(error)}") from error


def _place(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    mark = getattr(error, "problem_mark", None)
    return f"{problem}, line {mark.line + 1}" if mark else str(problem)


def _refuse_tricks(text: str, path: Path) -> None:
    """Aliases can make a small file explode, deep nesting overflows the stack of the parser."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_loader()):
        line = event.start_mark.line + 1 if event.start_mark else "?"
        if isinstance(event, yaml.AliasEvent):
            raise ProfileError(f"{path}: line {line}: YAML aliases (*name) are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ProfileError(f"{path}: line {line}: nested more than {_DEEPEST} levels deep")


@cache
def _loader() -> type[yaml.SafeLoader | yaml.CSafeLoader]:
    """The safe YAML loader that refuses a key given twice; written in C where PyYAML has it."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class StrictLoader(base):  # type: ignore[misc]
        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Hashable, Any]:
            seen: set[object] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} is given twice", key_node.start_mark
                    )
                seen.add(key)
            mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
            return mapping

    return StrictLoader


def _contradictions(profile: DeviceProfile, stem: str) -> Iterator[tuple[str, str]]:
    """(key path, what was expected) of everything that a type cannot say."""
    if profile.schema_version != SCHEMA_VERSION:
        yield "schema_version", f"expected {SCHEMA_VERSION}, got {profile.schema_version}"
    if profile.name != stem:
        yield "name", f"expected the file's own name {stem!r}, got {profile.name!r}"
    cpu = profile.cpu
    owners: dict[int, str] = {}
    if not cpu.clusters:
        yield "cpu.clusters", "expected at least one cluster"
    for index, cluster in enumerate(cpu.clusters):
        key = f"cpu.clusters[{index}]"
        if cluster.core_type not in cpu.core_types:
            known = ", ".join(cpu.core_types)
            yield f"{key}.core_type", f"expected one of {known}, got {cluster.core_type!r}"
        if not cluster.cores:
            yield f"{key}.cores", "expected at least one core number"
        for core in cluster.cores:
            if core in owners:
                yield f"{key}.cores", f"core {core} is already in cluster {owners[core]!r}"
            owners[core] = cluster.name
    if cpu.default_threads > len(owners):
        yield (
            "cpu.default_threads",
            f"expected at most {len(owners)} (the cores), got {cpu.default_threads}",
        )
    known_mw = set(profile.thermal.cpu_core_mw) if profile.thermal else set()
    clusters = {cluster.name for cluster in cpu.clusters}
    if profile.thermal and known_mw != clusters:
        told = ", ".join(sorted(known_mw)) or "nothing"
        expected = ", ".join(sorted(clusters))
        yield "thermal.cpu_core_mw", f"expected one power for each of {expected}, got {told}"
    if profile.npu is None:
        return
    accelerators = profile.android.nnapi_accelerators if profile.android else ()
    for name, route in profile.npu.routes.items():
        key = f"npu.routes.{name}"
        if name not in _ROUTES:
            yield key, f"expected one of {', '.join(_ROUTES)}"
        for dtype in route.dtypes:
            if dtype not in _DTYPES:
                yield f"{key}.dtypes", f"expected some of {', '.join(_DTYPES)}, got {dtype!r}"
        if name == "nnapi" and route.accelerator not in accelerators:
            yield (
                f"{key}.accelerator",
                f"expected one of android.nnapi_accelerators, got {route.accelerator!r}",
            )
