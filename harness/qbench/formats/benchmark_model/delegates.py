"""Lines that tell which delegate was created, applied, given nodes, or refused.

Wordings of all generations, from TensorFlow's and LiteRT's benchmark_tflite_model.cc, subgraph.cc,
the delegates' own sources and the NNAPI runtime's ExecutionPlan.cpp. This module only collects;
`placement` draws the conclusions.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from qbench.formats.benchmark_model.lines import Line

_COUNT = r"\d{1,9}"
_NAME = r"\S{1,80}"
_CREATED = re.compile(rf"(?P<name>{_NAME}) delegate created\.\s{{0,9}}")
_RUNTIME_CREATED = re.compile(
    r"Created TensorFlow Lite (?:[XY]NNPACK )?delegate for (?P<name>[\w ()]{1,40})\.\s{0,9}"
)
_APPLIED = re.compile(
    rf"(?:Explicitly applied|Applied) (?P<name>{_NAME}) delegate"
    r"(?:, and the model graph will be (?P<how>completely|partially|paritally) executed "
    rf"(?P<by>by|w/) the delegate(?: w/ (?P<kernels>{_COUNT}) delegate kernels?)?)?\.\s{{0,9}}"
)
_UNUSED = re.compile(
    rf"Though (?P<name>{_NAME}) delegate is (?:explicitly )?applied, the model graph will not be "
    r"executed by the delegate\.\s{0,9}"
)
_NOT_APPLIED = re.compile(rf"Failed to apply (?P<name>{_NAME}) delegate\.?\s{{0,9}}")
_GOING = re.compile(rf"Going to apply {_COUNT} delegates one after another\.\s{{0,9}}")
_REPLACING = re.compile(
    rf"Replacing (?P<nodes>{_COUNT})(?: out of (?P<of>{_COUNT}))? node\(s\) with delegate "
    rf"\((?P<name>[^()]{{1,80}})\) node(?:, yielding (?P<pieces>{_COUNT}) partitions"
    rf"(?: for (?:the whole graph|subgraph (?P<subgraph>{_COUNT})(?: \(.{{0,400}}\))?))?)?"
    r"\.?\s{0,9}"
)
_COUNTED = re.compile(
    rf"(?:\[[^\]]{{1,40}}\] )?(?P<name>{_NAME}) delegate: (?P<nodes>{_COUNT}) nodes delegated "
    rf"out of (?P<of>{_COUNT}) nodes(?:,? with (?P<pieces>{_COUNT}) partitions)?\.?\s{{0,9}}"
)
# TF 1.14 .. 2.1 wrote "First N ... on the CPU." and glued the next message to it.
_GPU_OPS = re.compile(
    rf"(?:First )?(?P<gpu>{_COUNT}) operations will run on the GPU, and the remaining "
    rf"(?P<cpu>{_COUNT})(?: operations will run)? on the CPU\."
)
_GPU_NONE = re.compile(
    rf"No operations will run on the GPU, and all (?P<cpu>{_COUNT}) operations will run on "
    r"the CPU\."
)
_GPU_LIST = re.compile(r"(?:Following|Next) operations are not supported by GPU delegate:\s{0,9}")
_GPU_REFUSED = re.compile(r"\s{0,16}[A-Z][A-Z0-9_]{1,60}(?: [\w./:-]{1,120})?:.{0,400}")
_GPU_KERNELS = re.compile(rf"Created (?P<kernels>{_COUNT}) GPU delegate kernels\.\s{{0,9}}")
_ACCELERATORS = re.compile(
    r"NNAPI accelerators available: \[(?P<names>[^\]]{0,2000})\]", re.IGNORECASE
)
_NOT_PREPARED = re.compile(rf"Node number {_COUNT} \((?P<name>[^()]{{1,80}})\) failed to prepare")
_DRIVER = re.compile(
    r"(?:\w{1,40}::){0,4}(?:findBestDeviceForEachOperation\([^()]{0,100}\) = -?\d{1,6} "
    r"\((?P<best>[^()]{1,80})\)|partitionTheWork\w{0,20}: only one best device: \d{1,6} = "
    r"(?P<only>\S{1,80})|finish: compilation finished successfully on (?P<on>\S{1,80}))"
)
# The NNAPI support library tells its devices itself.
_SUPPORT_LIBRARY = re.compile(
    r"(?:Execution|Compilation) info: getSessionId=.{0,400}? getDeviceIds=(?P<ids>\S{1,200})"
)
_REFUSED_BY_NNAPI = re.compile(
    r"Operator (?P<op>\S{1,80}) \(v\d{1,6}\) refused by NNAPI delegate: .{0,400}"
)
_STATE_OP = re.compile(
    rf" {{0,8}}Node {{1,9}}(?P<node>{_COUNT}) Operator "
    r"(?:Builtin Code {1,9}\d{1,6}|Custom Name) (?P<name>\S{1,200})"
)
_STATE_DELEGATE = re.compile(
    rf" {{0,8}}Node (?P<node>{_COUNT}) is a (?P<name>.{{1,80}}?) node \([^)]{{0,40}}\), which has "
    rf"delegated (?P<nodes>{_COUNT}) nodes"
)
_REFUSALS = {
    "Could not create Hexagon delegate": "hexagon",
    "Hexagon Delegate is not supported": "hexagon",
    "NNAPI acceleration is unsupported": "nnapi",
    "GPU acceleration is unsupported": "gpu",
    "CoreML acceleration is unsupported": "coreml",
    "Couldn't load NNAPI support library": "nnapi",
}
_REFUSAL_PREFIXES = tuple(_REFUSALS)
_NOTES = (
    "Disallowed CPU fallback detected",
    "Restored original execution plan",
    "Attempting to use a delegate that only supports static-sized tensors",
    "Hexagon delegate: cannot have this many",
    "Failed to fetch Hexagon NN version",
    "Incompatible versions between interface library",
    "NN API returned error",
    "Loaded OpenCL library",
    "Initialized OpenCL-based API",
    "Initialized OpenGL-based API",
    "Falling back to OpenGL",
    "TfLiteGpuDelegate",
    "loaded libcdsprpc",
    "XNNPack file-backed weight cache",
    "XNNPack FP16 inference enabled",
    "XNNPack weight cache",
    "Found serialized data for model",
)
_MOST_EVIDENCE = 500
_FAMILIES = (
    *("xnnpack", "ynnpack", "nnapi", "hexagon", "qnn", "coreml", "flex", "external", "stable"),
)


def family_of(name: str) -> str:
    """`TfLiteXNNPackDelegate`, `XNNPACK`, `CPU` -> `xnnpack`; unknown names stay themselves."""
    lowered = name.lower()
    if lowered in ("cpu", "select tf ops"):
        return "xnnpack" if lowered == "cpu" else "flex"
    if any(word in lowered for word in ("gpu", "metal", "ml_drift", "mldrift")):
        return "gpu"
    return next((family for family in _FAMILIES if family in lowered), lowered)


class Applied(NamedTuple):
    """`weak`: the form that is printed whatever the delegate did (TF 1.14 .. 2.3)."""

    complete: bool
    kernels: int | None
    weak: bool


class Replaced(NamedTuple):
    """`pieces` counts delegate and CPU pieces together."""

    family: str
    nodes: int
    of: int | None
    pieces: int | None
    subgraph: int | None


class Counted(NamedTuple):
    nodes: int
    of: int
    partitions: int | None


@dataclass
class DelegateFacts:
    """What a log says of delegates, collected line by line."""

    created: list[str] = field(default_factory=list)
    applied: dict[str, Applied] = field(default_factory=dict)
    replaced: list[Replaced] = field(default_factory=list)
    counted: dict[str, Counted] = field(default_factory=dict)
    gpu_ops: tuple[int, int] | None = None  # on the GPU, on the CPU
    gpu_kernels: int | None = None
    refused: dict[str, str] = field(default_factory=dict)  # family -> the line that says so
    accelerators: tuple[str, ...] = ()
    accelerators_line: str = ""
    drivers: Counter[str] = field(default_factory=Counter)
    state_nodes: set[int] = field(default_factory=set)
    state_delegates: list[tuple[str, int, int]] = field(default_factory=list)  # family, node, taken
    refused_ops: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    _listing: bool = False

    def take(self, line: Line) -> bool:
        """True if the line tells of a delegate; it is then evidence."""
        devices = len(self.drivers)
        repeated = self.drivers.total()
        known = self._statement(line.text, line.raw) or self._gpu_listing(line.text)
        if known and (self.drivers.total() == repeated or len(self.drivers) > devices):
            self._witness(line.raw)  # of the driver's lines, one per operation, one per device
        return known

    def _witness(self, raw: str) -> None:
        if len(self.evidence) < _MOST_EVIDENCE:
            self.evidence.append(raw.rstrip())

    def take_state(self, text: str) -> bool:
        """Lines inside the interpreter's state dump; only the delegates' own are evidence."""
        found = _STATE_OP.match(text)
        if found:
            self.state_nodes.add(int(found["node"]))
            return True
        found = _STATE_DELEGATE.match(text)
        if found:
            entry = (family_of(found["name"]), int(found["node"]), int(found["nodes"]))
            self.state_delegates.append(entry)
            self._witness(text)
        return found is not None

    def begin_state(self) -> None:
        """Of two dumps (before and after the invokes) the later one counts."""
        self.state_nodes, self.state_delegates = set(), []

    def _statement(self, text: str, raw: str) -> bool:
        first = text[:1]
        if first == "R" and (found := _REPLACING.fullmatch(text)):
            self._add_replaced(found)
        elif first in "EA" and (found := _APPLIED.fullmatch(text)):
            weak = found["how"] is None or found["by"] == "w/"
            kernels = None if found["kernels"] is None else int(found["kernels"])
            complete = found["how"] == "completely"
            self.applied[family_of(found["name"])] = Applied(complete, kernels, weak)
        elif first == "T" and (found := _UNUSED.fullmatch(text)):
            self.refused.setdefault(family_of(found["name"]), raw)
            self.created.append(family_of(found["name"]))
        elif first == "F" and (found := _NOT_APPLIED.fullmatch(text)):
            self.refused[family_of(found["name"])] = raw
        elif first == "C" and (found := _RUNTIME_CREATED.fullmatch(text)):
            self.created.append(family_of(found["name"]))
        elif first == "C" and (found := _GPU_KERNELS.fullmatch(text)):
            self.gpu_kernels = int(found["kernels"])
        elif first in "nN" and (found := _ACCELERATORS.match(text)):
            names = (name.strip() for name in found["names"].split(","))
            self.accelerators = tuple(name for name in names if name)
            self.accelerators_line = raw
        elif first == "N" and (found := _NOT_PREPARED.match(text)):
            if "delegate" in found["name"].lower():
                self.refused.setdefault(family_of(found["name"]), raw)
        elif " delegate created." in text and (found := _CREATED.fullmatch(text)):
            self.created.append(family_of(found["name"]))
        elif " nodes delegated out of " in text and (found := _COUNTED.fullmatch(text)):
            pieces = None if found["pieces"] is None else int(found["pieces"])
            counted = Counted(int(found["nodes"]), int(found["of"]), pieces)
            self.counted[family_of(found["name"])] = counted
        elif text.startswith(_REFUSAL_PREFIXES):
            family = next(f for start, f in _REFUSALS.items() if text.startswith(start))
            self.refused.setdefault(family, raw)
        elif " best device" in text or "BestDevice" in text or "successfully on" in text:
            found = _DRIVER.match(text)
            if not found:
                return False
            self.drivers[found["best"] or found["only"] or found["on"]] += 1
        elif "getDeviceIds=" in text and (found := _SUPPORT_LIBRARY.match(text)):
            self.drivers[found["ids"]] += 1
        elif "refused by NNAPI" in text and _REFUSED_BY_NNAPI.fullmatch(text):
            self._refuse(text)
        else:
            return text.startswith(_NOTES) or _GOING.fullmatch(text) is not None
        return True

    def _add_replaced(self, found: re.Match[str]) -> None:
        numbers = (found[key] for key in ("of", "pieces", "subgraph"))
        of, pieces, subgraph = (None if n is None else int(n) for n in numbers)
        new = Replaced(family_of(found["name"]), int(found["nodes"]), of, pieces, subgraph)
        if new not in self.replaced:  # a delegate applied again after a resize says it again
            self.replaced.append(new)

    def _gpu_listing(self, text: str) -> bool:
        """The GPU delegate's list: one message of many lines, printed as an error, no failure."""
        if _GPU_LIST.fullmatch(text):
            self._listing = True
            return True
        found = _GPU_OPS.match(text) or _GPU_NONE.match(text)
        if found:
            self._listing = False
            self.gpu_ops = (int(found.groupdict().get("gpu") or 0), int(found["cpu"]))
            return True
        if self._listing and _GPU_REFUSED.fullmatch(text):
            self._refuse(text)
            return True
        return False

    def _refuse(self, text: str) -> None:
        if len(self.refused_ops) < _MOST_EVIDENCE:
            self.refused_ops.append(text.strip())
