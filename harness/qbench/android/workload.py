"""From a case to a job: which tool, where the model is, which way to the delegate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

import msgspec

from qbench import errors
from qbench.adb.transport import Transport
from qbench.android import apk, command, cores, libraries, npu, tools
from qbench.android.identity import Identity
from qbench.android.joblist import Job
from qbench.android.link import Link
from qbench.android.options import Options
from qbench.android.question import Question
from qbench.formats.runner import Snapshot
from qbench.records import Case, Delegate, Precision


class Cached(Protocol):
    @property
    def path(self) -> str: ...


class FileCache(Protocol):
    """qbench.adb.cache.DeviceCache, so far as it is needed here."""

    def ensure(self, source: Path, sha256: str, *, is_program: bool = False) -> Cached: ...


class Workload:
    """What is put on the device for the runs, each thing once, when it is first needed."""

    def __init__(
        self,
        transport: Transport,
        cache: FileCache,
        link: Link,
        identity: Identity,
        options: Options,
        *,
        base: str,
        programs: str = "",
        questions: Mapping[str, Question] | None = None,
    ) -> None:
        self._transport = transport
        self._cache = cache
        self._link = link
        self._identity = identity
        self._options = options
        self._base = base
        self._programs = programs  # the folder with what starts the app, and asks for answers
        self._questions = questions or {}  # by case id
        self._models: dict[str, str] = {}  # path on the device by path here

    def job(self, name: str, case: Case, snapshot: Snapshot) -> tuple[Job, command.Route]:
        """Raises InputError for a file that is not there, NotDelegatedError when the device has
        no way to the delegate, DeviceError."""
        route = self.route(case.delegate)
        model = self._model(case.model_path)
        is_app = self._options.is_app
        if is_app and case.mask is not None:
            raise errors.PlanError(
                f"{case.case_id}: the app runs where Android puts it, not on mask {case.mask}",
                hint="measure it with the program, or leave `masks` out of the plan",
            )
        if is_app and route.libraries is not None:
            raise errors.NotDelegatedError(
                f"{case.case_id}: the app cannot be given the libraries of {route.delegate}",
                hint="measure it with the program",
            )
        job = Job(
            name=name,
            words=self._words(case, route, model),
            timeout_s=case.timeout_s,
            # The app runs where Android puts it.
            mask=None if is_app else case.mask or cores.tool_mask(snapshot.cores, case.threads),
        )
        return job, route

    def _words(self, case: Case, route: command.Route, model: str) -> tuple[str, ...]:
        question = self._questions.get(case.case_id)
        if question is None:
            return command.words(case, route, program=self._program, model=model)
        if self._options.is_app:
            raise errors.PlanError(
                f"{case.case_id}: answers are asked of the program, not of the app",
                hint="without --app the program runs",
            )
        return command.answer_words(
            case,
            route,
            question,
            script=f"{self._programs}/answers.sh",
            inputs=self._put(question.inputs, question.sha256, is_program=False),
            program=self._program,
            model=model,
        )

    @cached_property
    def tool(self) -> tools.Tool:
        """Raises InputError when there is none."""
        options, is_virtual = self._options, self._identity.is_virtual
        explicit = options.benchmark_apk if options.is_app else options.benchmark_binary
        if explicit is None and is_virtual:
            explicit = options.virtual_apk if options.is_app else options.virtual_binary
        return tools.find(
            self._identity.info.abi or tools.DEFAULT_ABI,
            explicit=explicit,
            is_any_machine=is_virtual,
            is_app=options.is_app,
        )

    @cached_property
    def _program(self) -> tuple[str, ...]:
        """What a job starts: the tool, or what starts the app and waits for it."""
        tool = self.tool
        path = self._put(tool.path, tool.sha256, is_program=True)
        if not self._options.is_app:
            return (path,)
        apk.ensure(self._transport, self._link, tool, path)
        return ("sh", f"{self._programs}/apk.sh")

    def _model(self, path: str) -> str:
        if path not in self._models:
            self._models[path] = self._put(Path(path), _sha256(Path(path)), is_program=False)
        return self._models[path]

    def _put(self, source: Path, sha256: str, *, is_program: bool) -> str:
        return self._link.through(
            lambda: self._cache.ensure(source, sha256, is_program=is_program)
        ).path

    def route(self, delegate: Delegate) -> command.Route:
        """The way to a delegate, its libraries on the device. Of `npu` the first rung that holds.

        Where there is none, the CPU if falling back is allowed, with the reason; else raises
        NotDelegatedError that says why there is none, and what would help.
        """
        if delegate is Delegate.CPU:
            return command.Route(delegate=Delegate.CPU)
        if delegate is Delegate.GPU:
            allowed = self._options.is_gpu_fp16_allowed
            return command.Route(delegate=Delegate.GPU, is_fp16_allowed=allowed)
        tried = []
        for step in npu.LADDER if delegate is Delegate.NPU else (delegate,):
            rung = self.rung(step)
            if rung.route is not None:
                route = self._with_libraries(rung, rung.route)
                if delegate is Delegate.NPU:
                    note = f"npu was asked for and run by way of {step}: {rung.why}"
                    route = msgspec.structs.replace(route, note=note)
                return route
            tried.append(rung)
        is_ladder = delegate is Delegate.NPU
        reasons = [f"{rung.delegate}: {rung.why}" if is_ladder else rung.why for rung in tried]
        fixes = [f"{r.delegate}: {r.fix}" if is_ladder else r.fix for r in tried if r.fix]
        why = f"no way to {delegate}: {'; '.join(reasons)}"
        if self._options.is_fallback_allowed:
            return command.Route(delegate=Delegate.CPU, note=f"{why}: the CPU's number")
        raise errors.NotDelegatedError(
            f"{self._identity.info.name}: {why}",
            hint="; ".join(fixes) or None,
        )

    def rung(self, delegate: Delegate) -> npu.Rung:
        """One step of the ladder: nnapi, hexagon or qnn."""
        if delegate is Delegate.NNAPI:
            return npu.nnapi(self._identity, self.accelerators, self._options.nnapi_accelerator)
        is_hexagon = delegate is Delegate.HEXAGON
        folder = self._options.hexagon_libraries if is_hexagon else self._options.qnn_libraries
        return npu.vendor(libraries.find(delegate, self._identity.profile, folder=folder))

    @cached_property
    def accelerators(self) -> npu.Accelerators:
        """What NNAPI lists, asked with the smallest model that travels with qbench."""
        from qbench import models

        (smallest,) = models.resolve("smallcnn", (Precision.INT8,))
        model = self._model(str(smallest))
        return self._link.through(
            lambda: npu.list_accelerators(self._transport, program=self._program, model=model)
        )

    def _with_libraries(self, rung: npu.Rung, route: command.Route) -> command.Route:
        needs = rung.needs
        if needs is None:
            return route
        folder = self._link.through(lambda: libraries.put(self._transport, needs, base=self._base))
        return msgspec.structs.replace(route, libraries=folder)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise errors.ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
