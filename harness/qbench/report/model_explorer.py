"""Simulated time per operator as node data for Google's Model Explorer.

Its format: graph name -> {results: {output tensor's name: {value}}, gradient}. One file per model
and delegate, since an overlay has one value per node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from qbench.report.html.content import Foreseen, ModelFacts

_GRADIENT = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d9822b"}]
_NAMELESS = "main"


def render(foreseen: Sequence[Foreseen], models: Sequence[ModelFacts]) -> dict[str, str]:
    """File name -> JSON, for every simulated case whose operators are known.

    Operators that run as one kernel share its time; it is told of the one with the most to compute,
    the first where none computes, and the others have no value. Values are microseconds.
    """
    known = {model.sha256: model for model in models}
    files: dict[str, str] = {}
    for one in foreseen:
        model = known.get(one.model_sha256)
        if model is None or not one.answer.kernels:
            continue
        a = one.answer
        name = f"{a.model}-{a.delegate}-t{a.threads}@{one.device}-sim.json"
        body = {model.graph_name or _NAMELESS: _graph(one, model)}
        files[name] = msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    return files


def _graph(one: Foreseen, model: ModelFacts) -> dict[str, Any]:
    results: dict[str, dict[str, float]] = {}
    for kernel in one.answer.kernels:
        if not kernel.ops:
            continue  # what a piece costs beside its operators belongs to no node
        main = max(kernel.ops, key=lambda op: model.op_macs[op])
        name = model.op_outputs[main]
        if name:
            results[name] = {"value": round(kernel.time_us, 3)}
    return {"results": results, "gradient": _GRADIENT}
