"""Who ran the model, from everything that a log says of delegates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qbench.formats.benchmark_model.delegates import DelegateFacts
from qbench.formats.benchmark_model.report import DelegateUse, Generation, OpRow
from qbench.formats.benchmark_model.uses import (
    CORE_FAMILIES,
    CPU_FAMILIES,
    EXTERNAL,
    Group,
    Use,
    delegate_uses,
)
from qbench.records import ComputeUnit, Delegate, Proof, UnitNodes

_ASKED: dict[Delegate, tuple[str, ...]] = {
    Delegate.GPU: ("gpu",),
    Delegate.NNAPI: ("nnapi",),
    Delegate.HEXAGON: ("hexagon",),
    Delegate.QNN: ("qnn",),
    Delegate.NPU: ("nnapi", "hexagon", "qnn", "coreml"),
    Delegate.CPU: ("xnnpack", "ynnpack"),
}
FLAGS: dict[Delegate, tuple[str, ...]] = {
    Delegate.GPU: ("--use_gpu",),
    Delegate.NNAPI: ("--use_nnapi",),
    Delegate.HEXAGON: ("--use_hexagon",),
    Delegate.QNN: ("--external_delegate_path",),
    Delegate.NPU: ("--use_nnapi", "--use_hexagon", "--external_delegate_path"),
}
# The parameters that the tool repeats: was the flag given? `Use gpu : [0]`.
_ECHOES = {
    "gpu": ("use gpu",),
    "nnapi": ("use nnapi", "use legacy nnapi"),
    "hexagon": ("use hexagon",),
}
_NO_SENTENCE = (Generation.TF_1_9, Generation.TF_1_13, Generation.TF_1_14)
_STRENGTH = {proof: rank for rank, proof in enumerate(Proof)}


class Verdict(NamedTuple):
    """`refusal`: None if the delegate that was asked for ran (or may have run), else why not.

    `refusal_line`: the line of the log that says so, if one does.
    """

    uses: tuple[DelegateUse, ...]
    nodes: UnitNodes | None
    partitions: int | None
    proof: Proof
    executed_by: tuple[ComputeUnit, ...]
    refusal: str | None
    refusal_line: str | None


def judge(
    facts: DelegateFacts,
    rows: Sequence[OpRow],
    echo: Mapping[str, str],
    requested: Delegate | None,
    generation: Generation | None,
    *,
    rows_whole: bool = True,
) -> Verdict:
    """The one place that says who ran the model, from everything the log holds.

    `rows_whole`: the op profile has all its rows, so that they count the model's nodes.
    """
    uses, groups = delegate_uses(facts, rows, echo, requested)
    total = _total(facts, rows if rows_whole else (), groups, uses)
    nodes = _nodes(total, uses)
    asked = _asked(requested, uses)
    chosen = [use for use in uses if use.family in asked]
    public = tuple(DelegateUse(u.family, u.nodes, u.partitions, u.proof, u.unit) for u in uses)
    refusal = None
    if requested is not None and requested is not Delegate.CPU:
        refusal = _refusal(chosen, facts, echo, requested, generation)
    if refusal is not None:
        units = _executed_by(None, uses, nodes) or (ComputeUnit.CPU,)
        proof = _strongest(chosen, Proof.FLAG_ACCEPTED)
        return Verdict(public, nodes, 0, proof, units, *refusal)
    ran = [use for use in chosen if use.ran is not False]
    proof = _strongest(ran, _cpu_proof(rows, facts))
    units = _executed_by(requested, uses, nodes)
    partitions = _partitions(chosen, ran, rows, facts)
    return Verdict(public, nodes, partitions, proof, units, None, None)


def _strongest(uses: Sequence[Use], default: Proof) -> Proof:
    return max((use.proof for use in uses), key=_STRENGTH.__getitem__, default=default)


def _total(
    facts: DelegateFacts, rows: Sequence[OpRow], groups: Sequence[Group], uses: Sequence[Use]
) -> int | None:
    """How many nodes the model has, all subgraphs that the log counts together."""
    if facts.state_nodes:
        return len(facts.state_nodes - {entry[1] for entry in facts.state_delegates})
    if groups:
        totals = [g.total for g in groups]
        known = [t for t in totals if t is not None]
        if len(known) == len(totals):
            return sum(known)
    for counted in facts.counted.values():
        return counted.of
    if facts.gpu_ops is not None:
        return sum(facts.gpu_ops)
    if len(groups) == 1:
        whole = [f for f, a in facts.applied.items() if a.complete and not a.weak]
        taken = groups[0].taken
        if len(whole) == 1 and whole[0] in taken:
            return taken[whole[0]]
    if uses and any(use.ran is not False for use in uses):
        return None
    run = [row for row in rows if not row.init]
    return len(run) if run and not any(row.internal for row in run) else None


def _nodes(total: int | None, uses: Sequence[Use]) -> UnitNodes | None:
    if total is None:
        return None
    gpu = npu = 0
    for use in uses:
        if use.unit is ComputeUnit.CPU or use.ran is False:
            continue
        if use.nodes is None or use.unit is None:
            return None
        if use.unit is ComputeUnit.GPU:
            gpu += use.nodes
        else:
            npu += use.nodes
    cpu = total - gpu - npu
    return UnitNodes(cpu=cpu, gpu=gpu, npu=npu) if cpu >= 0 else None


def _asked(requested: Delegate | None, uses: Sequence[Use]) -> tuple[str, ...]:
    if requested is not None:
        known = _ASKED[requested]
        if requested in EXTERNAL:
            known += tuple(
                u.family for u in uses if u.family not in (*CORE_FAMILIES, *CPU_FAMILIES)
            )
        return known
    accelerators = tuple(u.family for u in uses if u.family not in CPU_FAMILIES)
    return accelerators or _ASKED[Delegate.CPU]


def _refusal(
    chosen: Sequence[Use],
    facts: DelegateFacts,
    echo: Mapping[str, str],
    requested: Delegate,
    generation: Generation | None,
) -> tuple[str, str | None] | None:
    """None, or in words, and by a line where there is one, that nothing was delegated."""
    if any(use.ran and use.unit is not ComputeUnit.CPU for use in chosen):
        return None
    for use in chosen:
        if use.ran is not False and use.unit is ComputeUnit.CPU:
            line = facts.accelerators_line or None
            return "only NNAPI's reference driver ran, which is the CPU", line
        if use.ran is None and use.proof is not Proof.FLAG_ACCEPTED:
            return None  # created, and an old tool says no more
    for family in _ASKED[requested]:
        if family in facts.refused:
            return f"{family} took nothing", facts.refused[family]
    for use in chosen:
        if use.ran is False:
            zeros = (x for x in facts.evidence if " 0 " in x or "No operations" in x)
            return f"{use.family} took 0 nodes", next(zeros, None)
    names = [name for family in _ASKED[requested] for name in _ECHOES.get(family, ())]
    values = [echo[name] for name in names if name in echo]
    if "1" in values and generation in _NO_SENTENCE:
        return None  # these tools accept the flag and say nothing
    if values and "1" not in values:
        return f"the tool ran with `{names[0]}` off", None
    return "no line of the log says that the delegate was applied", None


def _partitions(
    chosen: Sequence[Use], ran: Sequence[Use], rows: Sequence[OpRow], facts: DelegateFacts
) -> int | None:
    counts = [use.partitions for use in ran]
    if counts:
        known = [n for n in counts if n is not None]
        return sum(known) if len(known) == len(counts) else None
    proven = bool(chosen) or bool(facts.state_nodes) or any(not r.init for r in rows)
    return 0 if proven else None


def _cpu_proof(rows: Sequence[OpRow], facts: DelegateFacts) -> Proof:
    """How we know of a run that no delegate took part in."""
    if any(not row.init for row in rows):
        return Proof.OP_PROFILE
    if facts.state_nodes:
        return Proof.NODE_COUNTS
    return Proof.DELEGATE_CREATED if "xnnpack" in facts.created else Proof.FLAG_ACCEPTED


def _executed_by(
    requested: Delegate | None, uses: Sequence[Use], nodes: UnitNodes | None
) -> tuple[ComputeUnit, ...]:
    if nodes is not None:
        counts = ((ComputeUnit.NPU, nodes.npu), (ComputeUnit.GPU, nodes.gpu))
        units = [unit for unit, count in counts if count > 0]
        return (*units, ComputeUnit.CPU) if nodes.cpu > 0 or not units else tuple(units)
    others = [use for use in uses if use.family not in CPU_FAMILIES and use.ran is not False]
    if not others:
        return () if requested not in (None, Delegate.CPU) else (ComputeUnit.CPU,)
    if any(use.ran is None or use.unit is None for use in others):
        return ()
    units = [use.unit for use in others if use.unit is not None]
    if any(use.part for use in others):
        units.append(ComputeUnit.CPU)
    return tuple(dict.fromkeys(units))
