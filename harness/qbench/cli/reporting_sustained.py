"""Curves of a load that goes on, for a report: the cases that are simulated, a model at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from qbench.cli import simulating, sustaining
from qbench.errors import InputError, QBenchError
from qbench.records import Case, Origin
from qbench.report import html

# A curve takes about as long as all the rest of a small report.
_MOST_MODELS = 8


def curves(
    sessions: Sequence[html.Session], readable: Collection[str], duration: str | None
) -> tuple[list[html.Lasting], list[str]]:
    """`readable`: hashes of the models whose files are there; `duration` as the user gave it.
    The second value says in words what was left out. Raises InputError for a duration that
    cannot be understood."""
    if duration is None:
        return [], []
    sustaining.seconds(duration)
    groups: dict[tuple[str, str, int], list[Case]] = {}
    for case in _cases(sessions):
        if case.model_sha256 in readable and case.xnnpack:
            groups.setdefault((case.model_path, case.device, case.threads), []).append(case)
    told: list[html.Lasting] = []
    missing: dict[str, None] = {}
    for number, ((path, device, threads), cases) in enumerate(groups.items()):
        if number >= _MOST_MODELS:
            left = len(groups) - _MOST_MODELS
            missing[
                f"Sustained load is simulated for the first {_MOST_MODELS} models, not for {left} "
                "more; qbench simulate --duration does that."
            ] = None
            break
        question = simulating.Question(
            names=(path,),
            device=device,
            delegates=tuple(dict.fromkeys(case.delegate.value for case in cases)),
            threads=str(threads),
            duration=duration,
        )
        try:
            what, found = sustaining.ask(question)
        except InputError:
            raise
        except QBenchError as error:  # a profile that knows nothing of heat, for instance
            missing[f"No curves of a load that goes on: {error}"] = None
            continue
        told.append(
            html.Lasting(
                device=device,
                title=what.asked.title,
                duration_s=what.duration_s,
                ambient_c=what.ambient_c,
                curves=tuple(found),
                leads=what.leads.get(path, ()),
            )
        )
    return told, list(missing)


def _cases(sessions: Sequence[html.Session]) -> Iterator[Case]:
    """Simulated ones with a number. A fall-back is the CPU's curve under another name."""
    for session in sessions:
        for row in session.rows:
            s = row.summary
            if s.case.origin is Origin.SIMULATED and s.p50_us is not None and not s.cpu_fallback:
                yield s.case
