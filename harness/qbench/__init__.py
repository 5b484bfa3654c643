"""qbench: how fast, how accurate and how trustworthy is this TFLite model on that phone?

`run`, `measure`, `simulate`, `compare` and `load` are the commands as functions (`qbench.api`);
they are imported when they are first used, so that `import qbench` costs next to nothing.
"""

TYPE_CHECKING = False  # typing's own would be half of what importing this module costs
if TYPE_CHECKING:
    from qbench.api import (
        BudgetBrokenError,
        BudgetInconclusiveError,
        Comparison,
        Curves,
        Judgement,
        Result,
        Results,
        Simulation,
        assert_budget,
        compare,
        judge,
        load,
        measure,
        run,
        simulate,
        sustain,
    )

__version__ = "0.1.0"
__all__ = [
    "BudgetBrokenError",
    "BudgetInconclusiveError",
    "Comparison",
    "Curves",
    "Judgement",
    "Result",
    "Results",
    "Simulation",
    "__version__",
    "assert_budget",
    "compare",
    "judge",
    "load",
    "measure",
    "run",
    "simulate",
    "sustain",
]


if not TYPE_CHECKING:  # hidden from type checkers, to which every name would be one of ours

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'qbench' has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module("qbench.api"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
