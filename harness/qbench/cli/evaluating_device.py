"""`qbench evaluate --on-device`: the same images to the same models on an attached device."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from qbench.cli.evaluating import Graded
from qbench.errors import InputError
from qbench.records import Case, Delegate, PlannedRun, RawOutput

if TYPE_CHECKING:
    from qbench.android.backend import AndroidBackend
    from qbench.android.question import Question
    from qbench.cli.hardware import Attached
    from qbench.pipeline.classifier import Ends
    from qbench.pipeline.data import Sample
    from qbench.pipeline.evaluation.elsewhere import Pack
    from qbench.pipeline.evaluation.records import Answer, Subject, There

_START_S, _IMAGE_S = 60.0, 20.0  # of a deadline: the tool loads the model anew for each image
_ROUND_BYTES = 256_000_000  # of inputs that are on the device at the same time


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command line."""

    device: str | None
    serial: str | None
    delegate: Delegate
    threads: int
    benchmark_binary: Path | None


class Target(msgspec.Struct, frozen=True):
    """An attached device, and what was asked of it."""

    attached: Attached
    wanted: Wanted


def wanted(on_device: bool, asked: Mapping[str, Any]) -> Wanted | None:
    """`asked`: the fields of `Wanted`, None where not given. None: this host alone. Raises
    UsageError for a device that is named and not asked for."""
    if on_device:
        chosen = dict(asked)
        chosen["delegate"] = Delegate(asked["delegate"] or Delegate.CPU)
        return Wanted(**chosen | {"threads": asked["threads"] or 1})
    for name, value in asked.items():
        if value is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --on-device.")
    return None


def target(wanted: Wanted) -> Target:
    """The device that is meant. Raises NoDeviceError, ProfileError, DeviceError."""
    from qbench.cli import hardware

    if wanted.device == hardware.HOST:
        raise InputError("--on-device --device host: this host answers anyway")
    serials = hardware.usable_serials([wanted.serial] if wanted.serial else [])
    if wanted.device is None:
        place = hardware.find(None, serials, required=True)
    else:
        place = hardware.find(
            wanted.device, [wanted.serial] if wanted.serial else [], required=True
        )
    return Target(place.attached[0], wanted)


def perform(target: Target, here: Graded) -> There:
    """Raises DeviceError, RunnerError (of a build that knows no such flags, too), InputError."""
    from qbench.cli.counting import counting
    from qbench.pipeline.classifier import InputRange
    from qbench.pipeline.evaluation import elsewhere, grade
    from qbench.pipeline.evaluation.records import There

    scale = InputRange(*here.asked.input_range)
    ends = {subject: elsewhere.ends_of(subject, scale) for subject in here.answers}
    samples = here.data.splits[here.asked.split]
    found: dict[Subject, tuple[Answer, ...]] = {}
    executed: list[str] = []
    with counting("answers there") as progress:
        total = len(ends) * len(samples)
        for subject, its in ends.items():
            job = _Job(target, subject, its, len(found) * len(samples), total, progress)
            found[subject] = tuple(job.answers(samples))
            executed.append(job.executed)
    return There(
        device=target.attached.identity.info,
        delegate=target.wanted.delegate,
        tool=job.tool,
        answers=found,
        grades=grade(found, here.data.classes, here.positive),
        matches=tuple(elsewhere.match(s, ends[s], here.answers[s], found[s]) for s in found),
        executed=tuple(executed),
    )


class _Job:
    """One model there."""

    def __init__(
        self,
        target: Target,
        subject: Subject,
        ends: Ends,
        done: int,
        total: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self._target = target
        self._subject = subject
        self._ends = ends
        self._progress = progress
        self._done = done
        self._total = total
        self.tool = ""
        self.executed = ""

    def answers(self, samples: Sequence[Sample]) -> Iterator[Answer]:
        """In rounds that fit the device; what a round put there is taken away again."""
        item_bytes = self._ends.taken.nbytes or 1
        count = max(1, _ROUND_BYTES // item_bytes)
        for at in range(0, len(samples), count):
            yield from self._round(samples[at : at + count])

    def _round(self, samples: Sequence[Sample]) -> Iterator[Answer]:
        from qbench.adb.cache import DeviceCache
        from qbench.android.backend import AndroidBackend
        from qbench.android.options import Options
        from qbench.android.session import quietly
        from qbench.cli import hardware
        from qbench.clock import SystemClock
        from qbench.pipeline.evaluation import elsewhere

        device = hardware.transport(self._target.attached.serial)
        cache = DeviceCache(device)
        options = Options(
            benchmark_binary=self._target.wanted.benchmark_binary,
            cool_least_s=0.0,  # an answer does not depend on heat
            cool_most_s=0.0,
        )
        with tempfile.TemporaryDirectory(prefix="qbench-") as folder:
            packs = list(elsewhere.packs(self._ends, samples, Path(folder)))
            cases = [self._case(number, pack) for number, pack in enumerate(packs)]
            backend = AndroidBackend(
                device,
                cache,
                clock=SystemClock(),
                reconnect=hardware.reconnect(device),
                session=self._name(packs),
                runs=[(PlannedRun(n, case.case_id, 0), case) for n, case in enumerate(cases)],
                options=hardware.with_stand_ins(options),
                notify=hardware.say,
                questions={
                    case.case_id: self._question(pack)
                    for case, pack in zip(cases, packs, strict=True)
                },
            )
            try:
                # All are collected before one is judged: a session that is left early keeps its
                # results there, and the same question would find the same failure again.
                with backend:
                    given = [
                        self._collected(backend, case, pack)
                        for case, pack in zip(cases, packs, strict=True)
                    ]
            finally:
                quietly(lambda: cache.discard([pack.sha256 for pack in packs]))
        for raw, pack in zip(given, packs, strict=True):
            yield from self._judged(raw, pack)

    def _case(self, number: int, pack: Pack) -> Case:
        subject, wanted = self._subject, self._target.wanted
        info = self._target.attached.identity.info
        return Case(
            case_id=f"{subject.title} {number}",
            model=subject.network,
            model_path=subject.path,
            model_sha256=subject.sha256,
            precision=subject.precision or self._ends.precision,
            device=info.name,
            origin=info.origin,
            delegate=wanted.delegate,
            threads=wanted.threads,
            warmup_invokes=1,
            warmup_s=0.0,
            min_invokes=1,
            min_s=0.0,
            max_s=_IMAGE_S,
            timeout_s=_START_S + _IMAGE_S * len(pack.samples),
            seed=0,
        )

    def _name(self, packs: Sequence[Pack]) -> str:
        """The same question has the same name: who was killed meanwhile finds what was answered."""
        wanted = self._target.wanted
        words = [self._subject.sha256, wanted.delegate, str(wanted.threads)]
        words += [str(wanted.benchmark_binary), *(pack.sha256 for pack in packs)]
        return f"answers {hashlib.sha256(' '.join(words).encode()).hexdigest()}"

    def _question(self, pack: Pack) -> Question:
        from qbench.android.question import Question

        return Question(
            inputs=pack.path,
            sha256=pack.sha256,
            item_bytes=pack.item_bytes,
            count=len(pack.samples),
            tensor=self._ends.taken.name,
            shape=self._ends.taken.shape,
        )

    def _collected(self, backend: AndroidBackend, case: Case, pack: Pack) -> RawOutput:
        raw = backend.run(case)
        self._done += len(pack.samples)
        self._progress(self._done, self._total)
        return raw

    def _judged(self, raw: RawOutput, pack: Pack) -> list[Answer]:
        from qbench.formats import answers
        from qbench.pipeline.evaluation import elsewhere

        judged = answers.judge(raw, len(pack.samples), self._target.wanted.delegate)
        self.tool, self.executed = raw.tool, judged.executed
        return elsewhere.told(self._ends, pack, judged.answers)
