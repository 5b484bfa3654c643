"""From run records to what may be said of them: summaries, verdicts, ratios.

Pure functions of values, no I/O. The run (one process) is the unit of all inference.
"""

from qbench.stats.budgets import BudgetCheck, Kept, check_budgets
from qbench.stats.comparison import Method, Ratio, Refusal, Verdict
from qbench.stats.matching import Matched, label, match
from qbench.stats.metrics import seen_by
from qbench.stats.multiple import holm, with_holm
from qbench.stats.percentiles import percentile_us
from qbench.stats.planning import detectable_ratio, runs_to_settle
from qbench.stats.ratios import ratio
from qbench.stats.sides import Aspect, Measured, compare
from qbench.stats.summaries import summarize

__all__ = [
    "Aspect",
    "BudgetCheck",
    "Kept",
    "Matched",
    "Measured",
    "Method",
    "Ratio",
    "Refusal",
    "Verdict",
    "check_budgets",
    "compare",
    "detectable_ratio",
    "holm",
    "label",
    "match",
    "percentile_us",
    "ratio",
    "runs_to_settle",
    "seen_by",
    "summarize",
    "with_holm",
]
