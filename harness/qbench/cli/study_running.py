"""The study's models on a device's CPU, GPU and NPU, and on this host: a session like any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qbench.records import Delegate

if TYPE_CHECKING:
    from qbench.pipeline.analysis.front import Timing
    from qbench.store import Session

_DELEGATES = (Delegate.CPU, Delegate.GPU, Delegate.NPU)
_NAME = "study"


def perform(
    models: Sequence[str], device: str, protocol: str, repetitions: int | None, out: Path
) -> list[Timing]:
    """Run what the newest session of these models in OUT/sessions lacks, or a new one; print it.
    Raises what `qbench run` does."""
    from qbench.cli import console, measuring
    from qbench.cli import perform as performing
    from qbench.plan import PlanSpec
    from qbench.report import text

    spec = PlanSpec(
        name=_NAME,
        models=tuple(models),
        device=device,
        delegates=_DELEGATES,
        protocol=protocol,
        repetitions=repetitions,
    )
    session = _begun(out / "sessions", models)
    if session is None:
        session = measuring.measure(spec, (), {}, out / "sessions")
    else:
        performing.perform(session)
    rows = performing.rows(session.plan(), session.records())
    text.print_results(console.stdout(), session.info().devices, rows)
    return timings(session)


def timings(session: Session) -> list[Timing]:
    """Of every case that has a number."""
    from qbench.cli import perform as performing
    from qbench.pipeline.analysis.front import Timing

    found = []
    for row in performing.rows(session.plan(), session.records()):
        summary = row.summary
        if summary.p50_us is not None:
            found.append(
                Timing(
                    path=summary.case.model_path,
                    delegate=str(summary.case.delegate),
                    device=summary.case.device,
                    origin=summary.case.origin,
                    p50_us=summary.p50_us,
                    band=summary.interval,
                    cpu_fallback=summary.cpu_fallback,
                )
            )
    return found


def _begun(folder: Path, models: Sequence[str]) -> Session | None:
    """The newest session there whose models are these, to the byte."""
    from qbench import modelfile
    from qbench.store import Session

    wanted = {modelfile.sha256(Path(path)) for path in models}
    for path in sorted(folder.glob(f"*-{_NAME}*"), reverse=True):
        if (path / "plan.json").exists():
            session = Session(path)
            if {case.model_sha256 for case in session.plan().cases} == wanted:
                return session
    return None
