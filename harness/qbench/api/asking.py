"""From arguments of functions to what the commands are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from qbench.android.options import Options
from qbench.cli import planning
from qbench.cli.backends import HARDWARE
from qbench.cli.planning import Asked
from qbench.errors import InputError, StoreError
from qbench.plan import restrict
from qbench.records import Case, Delegate, Origin, Plan, Precision

Names = str | Path | Iterable[str | Path]
"""One or several."""

_Word = TypeVar("_Word", bound=StrEnum)


def asked(
    models: Names,
    *,
    device: str | None,
    delegates: str | Iterable[str],
    precisions: str | Iterable[str],
    threads: int | Iterable[int],
    budgets: str | Iterable[str] = (),
    aa: bool | None = None,
    **numbers: Any,
) -> Asked:
    """As the command line makes it of its options; `numbers`: `protocol`, `repetitions`, `seed`,
    `xnnpack`. Raises InputError."""
    return Asked(
        models=words(models),
        device=device,
        delegates=tuple(choice(Delegate, "delegate", d).value for d in several(delegates)),
        precisions=tuple(choice(Precision, "precision", p).value for p in several(precisions)),
        threads=_threads((threads,) if isinstance(threads, int) else tuple(threads)),
        budgets=several(budgets),
        aa=aa,
        **numbers,
    )


def options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of runs on devices as session.json keeps them. Raises InputError."""
    kinds = get_type_hints(Options)
    unknown = [name for name in given if name not in kinds]
    if unknown:
        raise InputError(
            f"option {unknown[0]!r} is not known", hint=f"of devices: {', '.join(kinds)}"
        )
    takes_file = {name for name, kind in kinds.items() if kind == Path | None}
    plain: dict[str, Any] = {
        name: Path(value) if name in takes_file and isinstance(value, str) else value
        for name, value in given.items()
    }
    if (accepted := given.get("accepted")) is not None:
        plain["accepted"] = sorted(several(accepted))
    try:
        return planning.options_of(plain)
    except StoreError as error:
        raise InputError(str(error)) from error


def several(given: str | Iterable[str]) -> tuple[str, ...]:
    """A single word is one, not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def words(given: Names) -> tuple[str, ...]:
    return (str(given),) if isinstance(given, str | Path) else tuple(map(str, given))


def choice(kind: type[_Word], what: str, word: str) -> _Word:
    """The member that `word` names. Raises InputError."""
    try:
        return kind(word)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise InputError(f"{what}: {word!r} is not known", hint=known) from None


def only_case(delegate: str) -> Callable[[Plan], Plan]:
    """Leaves of a plan the one case that was asked for: on the device if one is attached, else of
    its simulation, else on this machine. Raises InputError when there are several."""

    def choose(plan: Plan) -> Plan:
        asked = [case for case in plan.cases if case.delegate is Delegate(delegate)]
        places = (HARDWARE, (Origin.SIMULATED,), (Origin.HOST,))
        groups = ([case for case in asked if case.origin in place] for place in places)
        cases: list[Case] = next((group for group in groups if group), [])
        if len(cases) == 1:
            return restrict(plan, cases)
        ids = ", ".join(case.case_id for case in cases[:4])
        raise InputError(
            f"measure: {len(cases)} cases, and one is meant: {ids}",
            hint="say which: precision= of a model with several files, one model, serial= of "
            "several devices; qbench.run measures them all",
        )

    return choose


def _threads(counts: tuple[int, ...]) -> tuple[int, ...]:
    for count in counts:
        if not 1 <= count <= 64:
            raise InputError(f"threads: {count!r} is not from 1 to 64")
    return counts
