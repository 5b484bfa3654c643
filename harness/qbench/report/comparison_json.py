"""The object that `qbench compare --json` prints."""

from __future__ import annotations

from typing import Any

import msgspec

from qbench.report.comparison import ComparedPair, Comparison
from qbench.stats import Ratio, Refusal

# History of the printed object:
#   1  first form
SCHEMA_VERSION = 1


def render(found: Comparison) -> str:
    """One JSON object; absent values are null, never 0."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "baseline": msgspec.to_builtins(found.baseline),
        "candidate": msgspec.to_builtins(found.candidate),
        "metric": found.metric.value,
        "margin_ratio": found.margin_ratio,
        "across": [aspect.value for aspect in found.across],
        "differing": list(found.differing),
        "has_regression": found.has_regression,
        "counts": found.counts,
        "comparisons": [_pair(pair) for pair in found.pairs],
        "only_baseline": [case.case_id for case in found.only_baseline],
        "only_candidate": [case.case_id for case in found.only_candidate],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _pair(pair: ComparedPair) -> dict[str, Any]:
    result = pair.result
    ratio = result if isinstance(result, Ratio) else None
    interval = ratio.interval if ratio else None
    needed, runs = (ratio.runs_needed, ratio.runs) if ratio else (None, None)
    return {
        "label": pair.label,
        "baseline": result.baseline,
        "candidate": result.candidate,
        "is_same_model": pair.is_same_model,
        "verdict": pair.word,
        "refusal": result.reason if isinstance(result, Refusal) else None,
        "origins": sorted({o.value for o in ratio.origins}) if ratio else None,
        "ratio": ratio.ratio if ratio else None,
        "low_ratio": interval.low if interval else None,
        "high_ratio": interval.high if interval else None,
        "interval_level": interval.level if interval else None,
        "method": ratio.method.value if ratio else None,
        "basis": ratio.basis if ratio else None,
        "unit": ratio.unit if ratio else None,
        "runs": runs,
        "runs_needed": needed,
        "runs_more": needed - runs if needed is not None and runs is not None else None,
        "detectable_ratio": ratio.detectable_ratio if ratio else None,
        "p_value": ratio.p_value if ratio else None,
        "p_adjusted": ratio.p_adjusted if ratio else None,
        "cautions": list(ratio.cautions) if ratio else [],
    }
