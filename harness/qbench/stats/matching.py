"""Which case of a candidate belongs to which case of a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from qbench.records import Case

# What tells cases of a plan apart. Not the model's hash: a new build of a model is just what is
# compared, and the hash is told beside the result.
DIMENSIONS = (
    "model",
    "precision",
    "delegate",
    "threads",
    "mask",
    "xnnpack",
    "arm",
    "device",
    "origin",
)


class Matched(msgspec.Struct, frozen=True):
    """`differing` are the dimensions in which the two selections differ as a whole: the question
    that the comparison asks. Cases without a partner are listed, never dropped in silence."""

    pairs: tuple[tuple[Case, Case], ...]  # baseline, candidate
    differing: tuple[str, ...]
    only_baseline: tuple[Case, ...] = ()
    only_candidate: tuple[Case, ...] = ()


def match(baseline: Sequence[Case], candidate: Sequence[Case]) -> Matched:
    """Pair the cases that agree in all dimensions but those that the selections differ in.

    A dimension is differing when it has one value throughout each selection, and the two are not
    the same: `*-t1@*` against `*-t2@*` differ in threads. One case on either side always makes
    a pair.
    """
    theirs = {name: {getattr(case, name) for case in baseline} for name in DIMENSIONS}
    ours = {name: {getattr(case, name) for case in candidate} for name in DIMENSIONS}
    differing = tuple(
        name
        for name in DIMENSIONS
        if len(theirs[name]) == len(ours[name]) == 1 and theirs[name] != ours[name]
    )
    shared = [name for name in DIMENSIONS if name not in differing]

    def key(case: Case) -> tuple[object, ...]:
        return tuple(getattr(case, name) for name in shared)

    # A case that is there twice cannot be told apart: it has no partner.
    counts = Counter(key(case) for case in candidate), Counter(key(case) for case in baseline)
    partners = {key(case): case for case in candidate}
    pairs = tuple(
        (case, partners[key(case)])
        for case in baseline
        if counts[0][key(case)] == counts[1][key(case)] == 1
    )
    paired = {case.case_id for pair in pairs for case in pair[:1]}
    partnered = {pair[1].case_id for pair in pairs}
    return Matched(
        pairs,
        differing,
        tuple(case for case in baseline if case.case_id not in paired),
        tuple(case for case in candidate if case.case_id not in partnered),
    )


def label(case: Case, without: Sequence[str] = ()) -> str:
    """What the two cases of a pair have in common: `resnet34 int8 nnapi t4 sd865`."""
    words = {
        "model": case.model,
        "precision": case.precision.value,
        "delegate": case.delegate.value,
        "threads": f"t{case.threads}",
        "mask": f"mask {case.mask}" if case.mask is not None else "",
        "xnnpack": "" if case.xnnpack else "no xnnpack",
        "arm": case.arm or "",
        "device": case.device,
        "origin": case.origin.value if case.origin.value in ("simulated", "emulated") else "",
    }
    return " ".join(word for name, word in words.items() if word and name not in without)
