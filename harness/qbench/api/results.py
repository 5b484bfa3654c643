"""What a session holds, as values: all of its cases, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from qbench import stats
from qbench.cli import perform
from qbench.errors import InputError
from qbench.records import (
    Failure,
    Interval,
    Origin,
    Placement,
    SessionInfo,
    Stability,
    Summary,
    Taint,
    Tier,
)
from qbench.report import sentence
from qbench.stats import BudgetCheck, Ratio
from qbench.store import Session
from qbench.units import printable

if TYPE_CHECKING:
    import pandas as pd


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One case of one session.

    `summary` is all that is known of its runs; the properties are the part that is asked for
    most. `vs_cpu` compares with the same model on the same device's CPU, if the session has that.
    `str(result)` is one line with number, range, origin and who ran it.
    """

    session: Path
    summary: Summary
    vs_cpu: Ratio | None = None

    @property
    def case_id(self) -> str:
        return self.summary.case.case_id

    @property
    def origin(self) -> Origin:
        """`device`, `host`, `emulated` or `simulated`."""
        return self.summary.case.origin

    @property
    def p50_us(self) -> int | None:
        """Median latency of an invoke; None: no run gave a number (see `failure`)."""
        return self.summary.p50_us

    @property
    def interval(self) -> Interval | None:
        """In us: the 95 % interval of a measured median, the 90 % band of a simulated one. None:
        fewer than two runs."""
        return self.summary.interval

    @property
    def tier(self) -> Tier | None:
        """S0 to S3: how much evidence stands behind a simulated number; None: measured."""
        return self.summary.tier

    @property
    def verdict(self) -> Stability | None:
        """Can the runs be trusted? None: not measured."""
        return self.summary.verdict

    @property
    def taints(self) -> tuple[Taint, ...]:
        return self.summary.taints

    @property
    def placement(self) -> Placement | None:
        """What executed the model, and how we know."""
        return self.summary.placement

    @property
    def failure(self) -> Failure | None:
        """Why runs gave no number (the commonest reason); None: all did."""
        return self.summary.failure

    def __str__(self) -> str:
        return sentence.line_of(self.summary)

    def __repr__(self) -> str:
        return f"<Result {self}>"


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All cases of one session: a sequence of Result; `results["*-t4@host"]` is the one that fits.

    `session` is its folder, `info` its provenance, `checks` the plan's budgets.
    """

    session: Path
    info: SessionInfo
    cases: tuple[Result, ...]
    checks: tuple[BudgetCheck, ...] = ()

    @staticmethod
    def of(folder: str | Path) -> Results:
        """Of a session's folder, or of the newest session in a folder. Raises StoreError."""
        session = Session.find(Path(folder))
        plan = session.plan()
        rows = perform.rows(plan, session.records())
        checks = stats.check_budgets(plan.budgets, [row.summary for row in rows])
        return Results(
            session=session.folder,
            info=session.info(),
            cases=tuple(
                Result(session=session.folder, summary=row.summary, vs_cpu=row.vs_cpu)
                for row in rows
            ),
            checks=checks,
        )

    def __iter__(self) -> Iterator[Result]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, pattern: str) -> Result:
        """The one case whose id is or fits `pattern`. Raises InputError for none or several."""
        fitting = [c for c in self.cases if c.case_id == pattern]
        fitting = fitting or [c for c in self.cases if fnmatchcase(c.case_id, pattern)]
        if len(fitting) == 1:
            return fitting[0]
        ids = ", ".join(case.case_id for case in (fitting or self.cases)[:4])
        raise InputError(
            f"{self.session}: {len(fitting)} cases fit {pattern!r}", hint=f"such as: {ids}"
        )

    def only(self) -> Result:
        """The only case. Raises InputError when there are several."""
        return self["*"]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The cases of which at least one run failed."""
        return tuple(case for case in self.cases if case.summary.failed_runs)

    def frame(self) -> pd.DataFrame:
        """A row per case, as `qbench.load` gives it."""
        from qbench.api import load

        return load(self)

    def __str__(self) -> str:
        return "\n".join([printable(str(self.session)), *map(str, self.cases)])

    def __repr__(self) -> str:
        return f"<Results of {len(self)} cases in {printable(str(self.session))}>"
