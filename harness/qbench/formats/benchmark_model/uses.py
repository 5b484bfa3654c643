"""What each delegate took: the counts that different lines of a log give, brought together.

Two facts about the counts that the runtime prints (TensorFlow's subgraph.cc, graph_info.cc):
pieces of a graph alternate between "taken by this delegate" and "not taken", so an even number of
pieces holds exactly half of either kind; and a second delegate sees the first one's pieces as
single nodes, so its "out of M" tells how many pieces the first one made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qbench.formats.benchmark_model.delegates import DelegateFacts, Replaced, family_of
from qbench.formats.benchmark_model.report import OpRow
from qbench.records import ComputeUnit, Delegate, Proof

CPU_FAMILIES = ("xnnpack", "ynnpack", "flex")
CORE_FAMILIES = ("gpu", "nnapi", "hexagon")
# Asked for through `--external_delegate_path`: whatever library that is.
EXTERNAL = (Delegate.QNN, Delegate.NPU)


class Use(NamedTuple):
    """One delegate. `partitions` are its own pieces of the graph; None: the log does not tell."""

    family: str
    nodes: int | None
    partitions: int | None
    unit: ComputeUnit | None
    proof: Proof
    ran: bool | None  # None: the log does not tell
    part: bool  # the tool said that some of the graph stayed on the CPU


class Group(NamedTuple):
    """One subgraph: its nodes before any delegate, and what each delegate took."""

    total: int | None
    taken: dict[str, int]
    partitions: dict[str, int | None]


def delegate_uses(
    facts: DelegateFacts, rows: Sequence[OpRow], echo: Mapping[str, str], requested: Delegate | None
) -> tuple[list[Use], list[Group]]:
    """Every delegate that the log speaks of, and the subgraphs whose nodes it counts."""
    alias = _alias(facts, rows, echo, requested)
    groups = _groups(facts.replaced, alias)
    families = _families(facts, rows, alias)
    made = [_use(f, facts, rows, groups, alias, _unit(f, facts, echo, requested)) for f in families]
    return made, groups


def _alias(
    facts: DelegateFacts, rows: Sequence[OpRow], echo: Mapping[str, str], requested: Delegate | None
) -> dict[str, str]:
    """The tool says EXTERNAL, the library its own name: one delegate."""
    named = {r.family for r in facts.replaced} | set(facts.counted) | set(_row_families(rows))
    others = named - {*CORE_FAMILIES, *CPU_FAMILIES, "external", "stable"}
    if len(others) == 1:
        own = others.pop()
        return {"external": own, "stable": own}
    if requested in EXTERNAL or "qnn" in echo.get("external delegate path", "").lower():
        return {"external": "qnn"}
    return {}


def _families(facts: DelegateFacts, rows: Sequence[OpRow], alias: Mapping[str, str]) -> list[str]:
    found = [*facts.created, *facts.applied, *(r.family for r in facts.replaced)]
    found += [*facts.counted, *facts.refused, *(s[0] for s in facts.state_delegates)]
    found += _row_families(rows)
    if any(row.internal and not row.init for row in rows) and not found:
        found.append("xnnpack")
    if facts.gpu_ops is not None or facts.gpu_kernels is not None:
        found.append("gpu")
    return list(dict.fromkeys(alias.get(name, name) for name in found))


def _row_families(rows: Sequence[OpRow]) -> list[str]:
    return [family_of(r.node_type) for r in rows if _is_delegate_row(r)]


def _is_delegate_row(row: OpRow) -> bool:
    return not row.init and not row.internal and "delegate" in row.node_type.lower()


def _groups(replaced: Sequence[Replaced], alias: Mapping[str, str]) -> list[Group]:
    by_subgraph: dict[int, list[Replaced]] = {}
    unnamed = 0
    for item in replaced:
        entry = item._replace(family=alias.get(item.family, item.family))
        if entry.subgraph is not None:
            by_subgraph.setdefault(entry.subgraph, []).append(entry)
            continue
        while any(other.family == entry.family for other in by_subgraph.get(unnamed, [])):
            unnamed += 1  # the same delegate once more: the next subgraph
        by_subgraph.setdefault(unnamed, []).append(entry)
    return [_group(by_subgraph[key]) for key in sorted(by_subgraph)]


def _group(items: list[Replaced]) -> Group:
    first = items[0]
    total = first.of if first.of is not None or first.pieces != 1 else first.nodes
    taken: dict[str, int] = {}
    partitions: dict[str, int | None] = {}
    for item, after in zip(items, [*items[1:], None], strict=True):
        taken[item.family] = item.nodes
        partitions[item.family] = _own_pieces(item, after)
        if item.of is not None and item.nodes > item.of:
            total = None  # a damaged line
    return Group(total, taken, partitions)


def _own_pieces(item: Replaced, after: Replaced | None) -> int | None:
    if item.nodes == 0:
        return 0
    if item.nodes == item.of or item.pieces == 1:
        return 1
    if after is not None and after.of is not None and item.of is not None:
        own = after.of - (item.of - item.nodes)
        if 1 <= own <= item.nodes:
            return own
    if item.pieces is not None and item.pieces > 0 and item.pieces % 2 == 0:
        return item.pieces // 2
    return None


def _use(
    family: str,
    facts: DelegateFacts,
    rows: Sequence[OpRow],
    groups: Sequence[Group],
    alias: Mapping[str, str],
    unit: ComputeUnit | None,
) -> Use:
    names = (family, *(old for old, new in alias.items() if new == family))
    applied = next((facts.applied[n] for n in names if n in facts.applied), None)
    counted = next((facts.counted[n] for n in names if n in facts.counted), None)
    state = [entry for entry in facts.state_delegates if entry[0] in names]
    own_rows = [r for r in rows if _is_delegate_row(r) and family_of(r.node_type) in names]
    internal = family == "xnnpack" and any(r.internal and not r.init for r in rows)
    taken = [g.taken[family] for g in groups if family in g.taken]
    unused = any(n in facts.refused for n in names)

    nodes: int | None = None
    partitions: int | None = None
    if state:
        nodes, partitions = sum(entry[2] for entry in state), len(state)
    elif taken:
        nodes = sum(taken)
        pieces = [g.partitions[family] for g in groups if family in g.taken]
        if applied is not None and not applied.weak:
            pieces[0] = 1 if applied.complete else applied.kernels or pieces[0]
        known = [p for p in pieces if p is not None]
        partitions = sum(known) if len(known) == len(pieces) else None
    elif counted is not None:
        nodes, partitions = counted.nodes, counted.partitions
    elif family == "gpu" and facts.gpu_ops is not None:
        nodes = facts.gpu_ops[0]
    if partitions is None and applied is not None and not applied.weak:
        partitions = 1 if applied.complete else applied.kernels
    if partitions is None and family == "gpu":
        partitions = facts.gpu_kernels
    if partitions is None and own_rows:
        partitions = len(own_rows)
    if unused or nodes == 0:
        nodes, partitions = 0, 0

    strong = applied is not None and not applied.weak
    ran: bool | None = None
    if unused or nodes == 0 or partitions == 0:
        ran = False
    elif strong or nodes or own_rows or internal:
        ran = True
    created = any(n in facts.created for n in names) or applied is not None
    proof = Proof.DELEGATE_CREATED if created else Proof.FLAG_ACCEPTED
    if unused:
        pass  # whatever was counted before was taken back
    elif family == "nnapi" and facts.drivers and ran:
        proof = Proof.DRIVER_LOG
    elif own_rows or internal:
        proof = Proof.OP_PROFILE
    elif state or taken or counted is not None or (family == "gpu" and facts.gpu_ops is not None):
        proof = Proof.NODE_COUNTS
    elif strong:
        proof = Proof.DELEGATE_APPLIED
    part = applied is not None and not applied.complete and not unused
    return Use(family, nodes, partitions, unit, proof, ran, part)


def _unit(
    family: str, facts: DelegateFacts, echo: Mapping[str, str], requested: Delegate | None
) -> ComputeUnit | None:
    if family in CPU_FAMILIES:
        return ComputeUnit.CPU
    if family == "gpu":
        return ComputeUnit.GPU
    if family == "nnapi":
        return _nnapi_unit(facts, echo)
    if family == "qnn":
        options = echo.get("external delegate options", "").lower()
        return ComputeUnit.GPU if "backend_type:gpu" in options else ComputeUnit.NPU
    if family in ("hexagon", "coreml") or requested in EXTERNAL:
        return ComputeUnit.NPU
    return None  # a library that we know nothing of


def _nnapi_unit(facts: DelegateFacts, echo: Mapping[str, str]) -> ComputeUnit:
    chosen = echo.get("nnapi accelerator name", "")
    names = [chosen] if chosen else list(facts.accelerators)
    if facts.drivers:
        names = list(facts.drivers)
    devices = [name for name in names if "reference" not in name.lower()]
    if names and not devices:
        return ComputeUnit.CPU  # the reference driver is the CPU under another name
    if len(devices) == 1 and "gpu" in devices[0].lower():
        return ComputeUnit.GPU
    return ComputeUnit.NPU
