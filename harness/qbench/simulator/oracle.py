"""One device, asked about many models: what would run where, how long, and why."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import msgspec

from qbench import placement, profiles, thiscpu
from qbench.errors import RunnerError
from qbench.placement import Assumption, GraphPlacement
from qbench.records import ComputeUnit, Delegate, DeviceProfile, ModelInfo, Prediction
from qbench.simulator import anchors, kernels, whatif
from qbench.simulator.calibration import document
from qbench.simulator.calibration.document import Calibration
from qbench.simulator.calibration.heat import with_step_test
from qbench.simulator.calibration.price import Pricer
from qbench.simulator.cost import BOUNDS, KernelCost
from qbench.simulator.predict import breakdown, prediction

# The custom operators that every build of the runtime has (LiteRT tflite/core/kernels/register.cc,
# BuiltinOpResolver). A model with another one does not start, unless a delegate takes it.
_CUSTOM_OF_THE_RUNTIME = frozenset(
    ("AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess")
)


class Foreseen(msgspec.Struct, frozen=True):
    """`lines` are the kernels in execution order, each piece's own cost before its kernels."""

    prediction: Prediction
    placement: GraphPlacement
    lines: tuple[KernelCost, ...]

    @property
    def bound_by_us(self) -> dict[str, float]:
        """Time by what bounds it."""
        found = dict.fromkeys(BOUNDS, 0.0)
        for line in self.lines:
            found[line.bound_by] += line.time_us
        return found


class Oracle:
    """Predicts for one profile. Deterministic; reads the profile's anchors and calibration once.

    `calibration`: instead of the newest one that is found for the profile (`document.find`), which
    for this machine must be of this very processor and runtime. Files that were passed over are
    named in the warnings of predictions that rest on a CPU.

    `assumptions` change what delegates take; `supposed` are all suppositions in the user's words
    (see `whatif.supposed`). Raises ProfileError when anchors cannot be read.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        assumptions: Sequence[Assumption] = (),
        supposed: Sequence[str] = (),
        *,
        calibration: Calibration | None = None,
    ) -> None:
        self.profile = profile
        self._anchors = anchors.load(profile.name)
        self._calibration = calibration
        self._remarks: tuple[str, ...] = ()
        if calibration is None:
            self._calibration, _, self._remarks = _found(profile)
        if self._calibration is not None:
            known = self._calibration
            self.profile = with_step_test(profile, known.step_test, known.device)
        self._pricers: dict[int, Pricer] = {}
        self._assumptions = tuple(assumptions)
        self._supposed = tuple(supposed)
        self._model: ModelInfo | None = None  # the last one asked about
        self._placed: dict[tuple[Delegate, bool], GraphPlacement] = {}

    @property
    def default_threads(self) -> int:
        """The profile's, unless the device was calibrated with other numbers only: then the
        largest of these."""
        usual = self.profile.cpu.default_threads
        known = {g.threads for g in self._calibration.groups} if self._calibration else set()
        return max(known) if known and usual not in known else usual

    def on(self, profile: DeviceProfile) -> Oracle:
        """The same anchors and suppositions, for a changed profile of this device."""
        other = copy(self)
        other.profile = profile
        other._model = None
        other._pricers = {}
        return other

    def foresee(
        self, model: ModelInfo, delegate: Delegate, threads: int, *, xnnpack: bool = True
    ) -> Foreseen:
        """Raises PlanError (no such route), ModelFileError (the graph runs in a circle),
        ProfileError (a rate is not known), RunnerError (the runtime could not start the model)."""
        where = self._place(model, delegate, xnnpack)
        pricer = self._pricer(threads)
        graph = kernels.Graph(model)
        priced = pricer.price(model, graph, where) if pricer is not None else None
        known = self._anchors
        lines = breakdown(
            model,
            where,
            self.profile,
            threads=threads,
            anchors=known,
            priced=priced,
            graph=graph,
        )
        told = prediction(model, where, self.profile, lines, anchors=known, priced=priced)
        if self._remarks and any(line.unit is ComputeUnit.CPU for line in lines):
            told = msgspec.structs.replace(told, warnings=(*told.warnings, *self._remarks))
        return Foreseen(whatif.supposed(told, self._supposed), where, lines)

    def _pricer(self, threads: int) -> Pricer | None:
        """None: nothing was calibrated, or not with so many threads."""
        if self._calibration is None:
            return None
        if threads not in self._pricers:
            self._pricers[threads] = Pricer(self._calibration, self.profile, threads)
        pricer = self._pricers[threads]
        return pricer if pricer.is_useful else None

    def _place(self, model: ModelInfo, delegate: Delegate, xnnpack: bool) -> GraphPlacement:
        """The number of threads changes nothing here, so a model is placed once for all."""
        if self._model is not model:
            self._model, self._placed = model, {}
        where = self._placed.get((delegate, xnnpack))
        if where is None:
            where = placement.place(
                model, delegate, self.profile, xnnpack=xnnpack, assumptions=self._assumptions
            )
            _refuse_unresolved(model, where)
            self._placed[delegate, xnnpack] = where
        return where


def _found(profile: DeviceProfile) -> document.Found:
    is_here = profile.name == profiles.HOST
    return document.find(profile.name, thiscpu.fingerprint() if is_here else None)


def _refuse_unresolved(model: ModelInfo, where: GraphPlacement) -> None:
    """Raises RunnerError when an operator is left to the CPU that the runtime does not have: a
    number for a model that cannot start would be invented."""
    for segment in where.segments:
        for index in segment.ops if segment.executor == "builtin" else ():
            name = model.main.ops[index].custom_name
            if name is not None and name not in _CUSTOM_OF_THE_RUNTIME:
                raise RunnerError(
                    f"{Path(model.path).name}: the runtime would not take the model: unresolved "
                    f"custom op {name} (node {index})",
                    hint="the model needs an operator that the plain runtime does not have",
                )
